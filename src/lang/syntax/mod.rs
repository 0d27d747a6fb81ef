//! Text to tree. Never fails: what cannot be read is told, and kept in the tree as faulty.
//!
//! # Steps
//! 1. `scan`: strings, prose, comments and brackets; what is unclosed; the file cut into items.
//! 2. `parse`: an item's text by the grammar (`grammar/mascot.pest`), values by `literal`.
//! 3. `recover`: an item that is not read is cut into entries, and each is read alone.
//!
//! Uses `source` and `diagnostic`. Absent: names, types, units, files on a disk.

pub mod ast;
mod diagnostics;
mod layout;
mod literal;
mod parse;
mod recover;
mod scan;

pub use scan::ITEM_KEYWORDS;

use crate::diagnostic::Diagnostics;
use crate::source::FileId;

/// Words that begin a block inside an item: they take no `=`.
pub const BLOCK_WORDS: [&str; 6] = ["example", "criterion", "test", "grid", "zip", "executor"];

/// Reads one file.
pub fn parse(file: FileId, text: &str) -> (ast::File, Diagnostics) {
    let mut found = Diagnostics::default();
    let scan = scan::scan(file, text, &mut found);
    if scan.pieces.is_empty() && found.has_errors() {
        return (ast::File { id: file, edition: None, items: Vec::new() }, found);
    }
    let tree = recover::file(&mut parse::Reader::new(file, text, &scan.unread, &mut found), &scan);
    (tree, found)
}

/// Reads `--set PATH=VALUE` with the expressions of the language. Spans are those of the text `PATH=VALUE`, to be added to
/// the source map as a file of its own.
///
/// # Errors
/// What is wrong with the path or the value.
pub fn parse_set(file: FileId, path: &str, value: &str) -> Result<(Vec<ast::Segment>, ast::Expr), Diagnostics> {
    let text = format!("{path}={value}");
    let mut found = Diagnostics::default();
    scan::scan(file, &text, &mut found);
    if found.has_errors() {
        return Err(found);
    }
    let read = recover::set(&mut parse::Reader::new(file, &text, &[], &mut found));
    match read {
        Some(set) if !found.has_errors() => Ok(set),
        _ => Err(found),
    }
}

/// Nobody misspells a longer word than this.
const MAX_MISSPELT: usize = 64;

/// Whether an item's keyword stands at `at`, followed by what such an item goes on with.
pub fn begins_item(text: &str, at: usize) -> bool {
    layout::is_header(text, at)
}

/// The nearest of `words`, when it is near enough to be meant.
pub fn nearest<'w>(written: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let length = written.chars().count();
    // The distance is reckoned in time that grows with both lengths.
    if length > MAX_MISSPELT {
        return None;
    }
    let words: Vec<&str> = words.into_iter().collect();
    // Capitals and a word that breaks off mislead least.
    if let Some(same) = words.iter().find(|word| word.eq_ignore_ascii_case(written) && **word != written) {
        return Some(same);
    }
    let mut longer = words.iter().filter(|word| length > 3 && word.len() > written.len() && word.starts_with(written));
    if let (Some(one), None) = (longer.next(), longer.next()) {
        return Some(one);
    }
    let allowed = (length / 3).max(1);
    words
        .into_iter()
        .filter(|word| word.len() <= 4 * MAX_MISSPELT && word.chars().count().abs_diff(length) <= allowed)
        .filter(|word| !written.is_ascii() || !word.is_ascii() || least_distance(written, word) <= allowed)
        .map(|word| (strsim::damerau_levenshtein(written, word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// No fewer letters are to be changed than one of two words has and the other has not. Both are ASCII.
fn least_distance(one: &str, other: &str) -> usize {
    let mut counts = [0_i16; 128];
    one.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    other.bytes().for_each(|byte| counts[usize::from(byte)] -= 1);
    let (more, less) = counts.iter().fold((0, 0), |(more, less), count| (more + count.max(&0), less - count.min(&0)));
    usize::try_from(more.max(less)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
