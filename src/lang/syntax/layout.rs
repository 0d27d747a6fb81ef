//! Small questions about lines of text: what does this line look like? Used by the scan to guess where something that was
//! never closed should have been, and to cut text into items and entries.
//!
//! Uses nothing. All offsets are bytes and lie on character boundaries, as every byte looked for is ASCII.

use super::scan::{ITEM_KEYWORDS, has_body};
use super::{BLOCK_WORDS, nearest};

/// Past the blanks at `at`.
pub fn blanks(bytes: &[u8], at: usize) -> usize {
    let from = at.min(bytes.len());
    from + bytes[from..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// At the `\n` that ends the line of `at`, or the end of the text.
pub fn line_end(bytes: &[u8], at: usize) -> usize {
    let from = at.min(bytes.len());
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| from + found)
}

/// The word at `at`; empty when there is none.
pub fn word(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or("");
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if rest.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) { &rest[..length] } else { "" }
}

/// Whether an item's keyword stands here, followed by a name, `{` or (for `use`) a string; by `=` it is a field.
pub fn is_header(text: &str, at: usize) -> bool {
    let keyword = word(text, at);
    if !ITEM_KEYWORDS.contains(&keyword) {
        return false;
    }
    let bytes = text.as_bytes();
    let next = blanks(bytes, at + keyword.len());
    match bytes.get(next) {
        Some(b'"') => keyword == "use",
        Some(b'{') => true,
        Some(byte) => byte.is_ascii_alphabetic() && next > at + keyword.len() && keyword != "use",
        None => false,
    }
}

/// Whether the line would be a header if its first word were another: `personna beacon {`.
pub fn is_misspelt_header(text: &str, at: usize) -> bool {
    let keyword = word(text, at);
    let bytes = text.as_bytes();
    let next = blanks(bytes, at + keyword.len());
    let line = text[at..line_end(bytes, at)].trim_end();
    !keyword.is_empty()
        && line.contains('{')
        && bytes.get(next).is_some_and(u8::is_ascii_alphabetic)
        && !BLOCK_WORDS.contains(&keyword)
        && nearest(keyword, ITEM_KEYWORDS).is_some_and(has_body)
}

/// Stricter than [`is_header`], for lines inside prose, where a sentence may well begin with "model" or "report".
pub fn is_whole_header(text: &str, at: usize) -> bool {
    let keyword = word(text, at);
    let line = text[at..line_end(text.as_bytes(), at)].trim_end();
    is_header(text, at)
        && match keyword {
            "use" => line.ends_with('}') || line.contains(" as "),
            "param" => line.contains(':') && line.contains('='),
            "let" => line.contains('='),
            "secret" => line.contains(" from env \""),
            _ => has_body(keyword) && (line.ends_with('{') || line.ends_with('}')),
        }
}

/// Whether the line sets a field: a dotted path, then `=`, `+=` or `-=`.
pub fn is_assignment(text: &str, at: usize) -> bool {
    sign_after_path(text, at).is_some_and(|(_, sign)| sign != ":")
}

/// Whether an entry may begin here, or a body end: no line of values does.
pub fn begins_entry(text: &str, at: usize) -> bool {
    let first = word(text, at);
    is_assignment(text, at)
        || text.as_bytes().get(at) == Some(&b'}')
        || BLOCK_WORDS.contains(&first)
        || matches!(first, "gate" | "skip")
        || ITEM_KEYWORDS.contains(&first)
}

/// The end of the dotted path at `at`, and the sign (`=` `+=` `-=` `:`) that follows it.
pub fn sign_after_path(text: &str, at: usize) -> Option<(usize, &str)> {
    let first = word(text, at);
    if first.is_empty() {
        return None;
    }
    let bytes = text.as_bytes();
    let mut end = at + first.len();
    while bytes.get(end) == Some(&b'.') {
        let step = word(text, end + 1);
        match (step.is_empty(), bytes.get(end + 1)) {
            (true, Some(b'*')) => end += 2,
            (true, _) => return None,
            (false, _) => end += 1 + step.len(),
        }
    }
    let sign = blanks(bytes, end);
    match (bytes.get(sign)?, bytes.get(sign + 1)) {
        (b'=', Some(b'=')) => None,
        (b'=' | b':', _) => Some((end, &text[sign..sign + 1])),
        (b'+' | b'-', Some(b'=')) => Some((end, &text[sign..sign + 2])),
        _ => None,
    }
}

/// Whether an expression that ends here goes on in the next line.
pub fn ends_in_operator(code: &str) -> bool {
    let code = code.trim_end();
    let before = |operator: &str| code.strip_suffix(operator).and_then(|head| head.chars().last());
    match code.bytes().last() {
        // `crew.*` is a path.
        Some(b'*') => before("*") != Some('.'),
        Some(b'+' | b'-' | b'/' | b'<' | b'>') => true,
        Some(b'=') => ["==", "!=", "<=", ">="].iter().any(|operator| code.ends_with(operator)),
        Some(b'.') => code.ends_with(".."),
        _ => ["and", "or", "not", "in"].iter().any(|operator| {
            code.ends_with(operator)
                && before(operator).is_none_or(|c| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        }),
    }
}
