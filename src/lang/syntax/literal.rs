//! What is written between quotes and what begins with a digit: text in, value out. No spans of files, only offsets into the
//! text at hand; no wording, only which fault it is.

/// What is wrong with something that begins like a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFault {
    /// `2k`, `1e-5x`, `64GiB`: letters stuck to it; the offset at which they begin.
    Suffix(usize),
    /// `1.`
    EndsInPoint,
    /// `.5`
    BeginsWithPoint,
    /// `2_`, `2__0`, `1_.5`
    Underscore,
    /// `1.2.3`
    Points,
    /// `1e999`
    TooLarge,
}

/// Reads a number: digits, with `_` between digits, a fraction, an exponent. Always finite.
///
/// # Errors
/// With the first thing that is wrong with it.
pub fn number(text: &str) -> Result<f64, NumberFault> {
    if text.starts_with('.') {
        return Err(NumberFault::BeginsWithPoint);
    }
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == end + 1 {
            return Err(NumberFault::EndsInPoint);
        }
        end = fraction;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    match bytes.get(end) {
        None => {}
        Some(b'.') if text[end + 1..].is_empty() => return Err(NumberFault::EndsInPoint),
        Some(b'.') => return Err(NumberFault::Points),
        Some(_) => return Err(NumberFault::Suffix(end)),
    }
    let lonely = |at: usize| {
        let beside = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        bytes[at] == b'_' && !(beside(at.checked_sub(1)) && beside(Some(at + 1)))
    };
    if (0..bytes.len()).any(lonely) {
        return Err(NumberFault::Underscore);
    }
    let value: f64 = text.replace('_', "").parse().expect("digits, perhaps a fraction, perhaps an exponent");
    if value.is_finite() { Ok(value) } else { Err(NumberFault::TooLarge) }
}

/// An escape that means nothing: its offset in the literal, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscapeFault {
    pub at: usize,
    pub length: usize,
}

/// The text of a string literal, quotes included: `\"` `\\` `\n` `\t` and `\u{1F980}` are what they are elsewhere.
///
/// # Errors
/// With the first escape that means nothing.
pub fn string(literal: &str) -> Result<String, EscapeFault> {
    let inner = &literal[1..literal.len() - 1];
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(backslash) = rest.find('\\') {
        text.push_str(&rest[..backslash]);
        let escape = &rest[backslash..];
        let at = 1 + inner.len() - escape.len();
        let mut letters = escape[1..].chars();
        let length = match letters.next() {
            Some('"') => push(&mut text, '"'),
            Some('\\') => push(&mut text, '\\'),
            Some('n') => push(&mut text, '\n'),
            Some('t') => push(&mut text, '\t'),
            Some('u') => {
                let close = escape.find('}').unwrap_or(1);
                let scalar = escape.get(3..close).filter(|_| escape[2..].starts_with('{'));
                match scalar.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32) {
                    Some('\0') | None => {
                        return Err(EscapeFault { at, length: close + 1 });
                    }
                    Some(letter) => {
                        text.push(letter);
                        close + 1
                    }
                }
            }
            other => {
                return Err(EscapeFault { at, length: 1 + other.map_or(0, char::len_utf8) });
            }
        };
        rest = &escape[length..];
    }
    text.push_str(rest);
    Ok(text)
}

fn push(text: &mut String, letter: char) -> usize {
    text.push(letter);
    2
}

/// The text of prose, from its opening quotes to its closing ones: what is between, dedented to the closing fence. The new
/// line before the closing fence is no content. Folded: one line a paragraph, so that re-wrapping is no change.
///
/// # Errors
/// The offset of the first line that is indented less than the closing fence.
pub fn prose(literal: &str, folded: bool) -> Result<String, usize> {
    let opener = literal.find('\n').map_or(literal.len(), |at| at + 1);
    let closer = literal.rfind('\n').map_or(literal.len(), |at| at + 1);
    let indent = literal[closer..].trim_end_matches('"');
    let mut lines = Vec::new();
    let mut at = opener;
    while at < closer {
        let end = at + literal[at..].find('\n').expect("every line before the closing fence ends");
        let line = literal[at..end].strip_suffix('\r').unwrap_or(&literal[at..end]);
        match line.strip_prefix(indent) {
            Some(content) => lines.push(content),
            None if line.trim().is_empty() => lines.push(""),
            None => return Err(at),
        }
        at = end + 1;
    }
    Ok(if folded { fold(&lines) } else { lines.join("\n") })
}

fn fold(lines: &[&str]) -> String {
    let paragraphs = lines.split(|line| line.trim().is_empty()).filter(|lines| !lines.is_empty());
    let words = |lines: &[&str]| lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ");
    paragraphs.map(words).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_underscores_fractions_and_exponents() {
        assert_eq!(number("2_048"), Ok(2048.0));
        assert_eq!(number("0.65"), Ok(0.65));
        assert_eq!(number("1e-5"), Ok(1e-5));
        assert_eq!(number("1.5e3"), Ok(1500.0));
    }

    #[test]
    fn what_is_stuck_to_a_number_is_refused() {
        assert_eq!(number("2k"), Err(NumberFault::Suffix(1)));
        assert_eq!(number("1e-5x"), Err(NumberFault::Suffix(4)));
        assert_eq!(number("64GiB"), Err(NumberFault::Suffix(2)));
        assert_eq!(number("1e"), Err(NumberFault::Suffix(1)));
    }

    #[test]
    fn a_number_never_ends_or_begins_with_a_point() {
        assert_eq!(number("1."), Err(NumberFault::EndsInPoint));
        assert_eq!(number("1.5."), Err(NumberFault::EndsInPoint));
        assert_eq!(number(".5"), Err(NumberFault::BeginsWithPoint));
        assert_eq!(number("1.2.3"), Err(NumberFault::Points));
    }

    #[test]
    fn underscores_stand_between_digits() {
        for wrong in ["2_", "2__0", "1_.5", "1._5", "1e-5_"] {
            assert_eq!(number(wrong), Err(NumberFault::Underscore), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_finite() {
        assert_eq!(number("1e999"), Err(NumberFault::TooLarge));
    }

    #[test]
    fn escapes_are_few() {
        assert_eq!(string(r#""a \"b\" \\ \n\t\u{e9}""#), Ok("a \"b\" \\ \n\té".to_owned()));
        assert_eq!(string(r#""ab\x""#), Err(EscapeFault { at: 3, length: 2 }));
        assert_eq!(string(r#""\u{110000}""#), Err(EscapeFault { at: 1, length: 10 }));
        assert_eq!(string(r#""\u{""#), Err(EscapeFault { at: 1, length: 2 }));
        assert_eq!(string(r#""\u""#), Err(EscapeFault { at: 1, length: 2 }));
        assert_eq!(string(r#""\é""#), Err(EscapeFault { at: 1, length: 3 }));
    }

    #[test]
    fn prose_is_dedented_to_its_closing_fence() {
        assert_eq!(prose("\"\"\"md\n    a\n      b\n\n    c\n    \"\"\"", false), Ok("a\n  b\n\nc".to_owned()));
        assert_eq!(prose("\"\"\"\n\"\"\"", false), Ok(String::new()));
    }

    #[test]
    fn a_line_indented_less_than_the_fence_is_refused_where_it_stands() {
        assert_eq!(prose("\"\"\"\n    a\n  b\n    \"\"\"", false), Err(10));
    }

    #[test]
    fn carriage_returns_are_no_content() {
        assert_eq!(prose("\"\"\"\r\n  a\r\n\r\n  b\r\n  \"\"\"", false), Ok("a\n\nb".to_owned()));
    }

    #[test]
    fn folding_forgets_where_lines_were_wrapped() {
        let narrow = prose("\"\"\"\n  a b\n  c\n\n  d\n  \"\"\"", true);
        let wide = prose("\"\"\"\n  a b c\n\n\n  d\n  \"\"\"", true);
        assert_eq!(narrow, Ok("a b c\n\nd".to_owned()));
        assert_eq!(narrow, wide);
    }
}
