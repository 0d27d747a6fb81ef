//! One style, no options: what `mascot fmt` writes.
//!
//! # Steps
//! 1. `tokens`: the text as words, signs and comments.
//! 2. `tree`: entries inside brackets, every comment where it belongs.
//! 3. `write`: entries as lines.
//! 4. `same`: what was written is read again; unless it says the same with the same comments, nothing is given back.
//!
//! A file with a fault is not formatted: who mends a missing bracket by its layout must not lose the layout.

mod same;
pub(crate) mod tokens;
mod tree;
mod write;

use crate::diagnostic::Diagnostics;
use crate::source::FileId;
use crate::syntax;
use tokens::Kind;

/// Why a text was not formatted.
#[derive(Debug)]
pub enum Refusal {
    /// It cannot be read.
    Faulty(Diagnostics),
    /// What would be written does not say the same. A bug in mascot, and nothing is lost by it.
    Changed,
}

/// The text in the one style.
///
/// # Errors
/// [`Refusal`]; then the text is to be left as it is.
pub fn format(file: FileId, text: &str) -> Result<String, Refusal> {
    let (before, found) = syntax::parse(file, text);
    if found.has_errors() {
        return Err(Refusal::Faulty(found));
    }
    let written = write::file(&tree::file(&tokens::tokens(text)));
    let (after, found) = syntax::parse(file, &written);
    let comments = |text: &str| -> Vec<String> {
        let all = tokens::tokens(text);
        all.iter().filter(|token| token.kind == Kind::Comment).map(|token| token.text.to_owned()).collect()
    };
    let kept = !found.has_errors() && same::files(&before, &after) && comments(text) == comments(&written);
    kept.then_some(written).ok_or(Refusal::Changed)
}

/// The words and signs of a text, without its layout and its comments: equal for texts that are written alike.
pub fn words(text: &str) -> Vec<String> {
    let all = tokens::tokens(text);
    all.iter()
        .filter(|token| !matches!(token.kind, Kind::Comment | Kind::NewLine | Kind::Separator))
        .flat_map(|token| match token.kind {
            Kind::Word => token.text.split('.').map(str::to_owned).collect(),
            _ => vec![token.text.to_owned()],
        })
        .collect()
}

#[cfg(test)]
mod tests;
