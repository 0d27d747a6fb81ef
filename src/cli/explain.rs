//! `mascot explain`: what a diagnostic code, a kind, a field, a unit or a verb means. Reads nothing but what is built in.

use clap::CommandFactory;
use mascot_lang::explain::Explanation;
use serde_json::json;

use super::args::{Cli, Explain};
use super::exit::Exit;
use super::render::{self, Paint};

pub fn explain(args: &Explain) -> Exit {
    if args.word.trim().is_empty() {
        render::complain(
            "there is no word to explain",
            Some("give a diagnostic code (M0207), a kind (grpo), a verb (plan), or `units`"),
        );
        return Exit::CallWrong;
    }
    let found = match (mascot_lang::explain::explain(&args.word), verb(&args.word)) {
        (Some(word), Some(verb)) => Some(Explanation {
            title: format!("`{}`", args.word),
            text: format!("{}\n\n## {}\n\n{}", headed(&word), verb.title, verb.text),
        }),
        (word, verb) => word.or(verb),
    };
    let Some(explanation) = found else {
        let message = format!("nothing is known of `{}`", args.word);
        let usual =
            "give a diagnostic code (M0207), a kind (grpo), a field (min_gap, grpo.lr), a verb (plan), or `units`; names of a file of yours are told by \
             `mascot expand FILE`".to_owned();
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

/// A word of several meanings has their headings already.
fn headed(word: &Explanation) -> String {
    match word.text.starts_with("## ") {
        true => word.text.clone(),
        false => format!("## {}\n\n{}", word.title, word.text),
    }
}

/// A verb of this program: its `--help`.
fn verb(word: &str) -> Option<Explanation> {
    let mut cli = Cli::command();
    // So that the usage names the program.
    cli.build();
    let verb = cli.find_subcommand_mut(word).filter(|verb| verb.get_name() != "help")?;
    let text = verb.render_long_help().to_string();
    Some(Explanation { title: format!("`mascot {word}`, a verb"), text: text.trim().to_owned() })
}

/// `M` and digits.
fn is_code(word: &str) -> bool {
    word.strip_prefix('M').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
