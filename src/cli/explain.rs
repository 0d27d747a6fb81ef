//! `mascot explain`: what a diagnostic code, a kind, a field or the list of units means.

use serde_json::json;

use super::args::Explain;
use super::exit::Exit;
use super::render::{self, Paint};

pub fn explain(args: &Explain) -> Exit {
    let Some(explanation) = mascot_lang::explain::explain(&args.word) else {
        let message = format!("nothing is known of `{}`", args.word);
        let usual = "give a diagnostic code (M0207), a kind (grpo), a field (min_gap), or `units`".to_owned();
        let near = mascot_lang::explain::nearest_word(&args.word).map(|near| format!("did you mean `{near}`?"));
        render::complain(&message, Some(&near.unwrap_or(usual)));
        return Exit::CallWrong;
    };
    if args.output.json {
        let asked = if is_code(&args.word) { "code" } else { "word" };
        render::json(&json!({ asked: args.word, "title": explanation.title, "text": explanation.text }));
    } else {
        let title = Paint::of_stdout().bold(&explanation.title);
        render::out(&format!("{title}\n\n{}\n", explanation.text.trim_end()));
    }
    Exit::Done
}

/// `M` and digits.
fn is_code(word: &str) -> bool {
    word.strip_prefix('M').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
