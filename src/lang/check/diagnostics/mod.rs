//! One function per diagnostic that the checks can raise: code, message, labels, help, fix.
//!
//! `M02xx` names and imports, `M03xx` values, units and types, `M04xx` fields and blocks, `M05xx` laws between declarations,
//! `M07xx` the lock and what is far away.
//! Messages: lower case, no full stop, what is wrong with *their* text; the help says what to write.

mod fields;
mod laws;
mod locked;
mod names;
mod values;

pub use fields::*;
pub use laws::*;
pub use locked::*;
pub use names::*;
pub use values::*;

use crate::syntax::nearest;

/// "did you mean `x`?", or what there is when nothing is near and it is little.
fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    match nearest(word, known.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() || known.len() > 16 => None,
        None => Some(format!("there is {}", list(known))),
    }
}

/// Of a word of the language: where it may stand.
fn where_a_word_is_valid(word: &str) -> Option<String> {
    if crate::check::schema::stage(word).is_some() {
        return Some(format!("`{word}` is a kind of stage: `stage name = {word} {{ … }}`"));
    }
    let places = crate::check::schema::places_of_word(word);
    let places: Vec<&str> = places.iter().map(String::as_str).take(4).collect();
    (!places.is_empty()).then(|| format!("`{word}` is a word of {}", list(&places)))
}

/// `a`, `b` and `c`
fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// "a", or "an" before a vowel, and before "sft", which is spelt out.
pub(crate) fn article(word: &str) -> &'static str {
    let word = word.trim_start_matches('`');
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) || word.starts_with("sft") { "an" } else { "a" }
}
