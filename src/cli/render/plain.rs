//! Texts of a program are others' words: nothing in them drives the reader's terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with every control character made visible: `␛` for an escape, `\u{9b}` where no picture is. Line ends and tabs stay, and with
/// `colours` what only paints.
pub fn plain(text: &str, colours: bool) -> Cow<'_, str> {
    if !text.chars().any(drives) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '\u{1b}' if colours => paint(rest),
            _ => None,
        };
        match length {
            Some(length) => shown.push_str(&rest[..length]),
            None if !drives(letter) => shown.push(letter),
            None => visible(letter, &mut shown),
        }
        rest = &rest[length.unwrap_or(letter.len_utf8())..];
    }
    Cow::Owned(shown)
}

/// Control characters, and those that turn the order of letters round.
fn drives(letter: char) -> bool {
    (letter.is_control() && !matches!(letter, '\n' | '\t'))
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn visible(letter: char, to: &mut String) {
    match letter as u32 {
        code @ 0..0x20 => to.extend(char::from_u32(0x2400 + code)),
        0x7f => to.push('␡'),
        code => {
            let _ = write!(to, "\\u{{{code:x}}}");
        }
    }
}

/// How long the colour is that `text` begins with: `ESC [ 1 ; 31 m`. Hidden text (8) is none.
fn paint(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    let hides = codes[..end].split(';').any(|code| code.trim_start_matches('0') == "8");
    (codes[end..].starts_with('m') && !hides).then_some(2 + end + 1)
}

/// A JSON document whose texts hold no control character either: JSON escapes the first 32 itself.
pub fn json(document: &str) -> Cow<'_, str> {
    if !document.chars().any(|letter| drives(letter) && letter as u32 > 0x1f) {
        return Cow::Borrowed(document);
    }
    let mut shown = String::with_capacity(document.len() + 16);
    for letter in document.chars() {
        match drives(letter) && letter as u32 > 0x1f {
            true => {
                let _ = write!(shown, "\\u{:04x}", letter as u32);
            }
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_drives_a_terminal() {
        assert_eq!(plain("plain · text\n\tand ünïcode", false), "plain · text\n\tand ünïcode");
        let evil = "a\u{1b}]0;title\u{7}b\rc\u{9b}2Jd\u{7f}e\u{202e}f";
        assert_eq!(plain(evil, false), "a␛]0;title␇b␍c\\u{9b}2Jd␡e\\u{202e}f");
        assert_eq!(plain(evil, true), plain(evil, false));
    }

    #[test]
    fn colours_of_ours_pass_where_there_are_colours() {
        let painted = "\u{1b}[1;31merror:\u{1b}[0m x";
        assert_eq!(plain(painted, true), painted);
        assert_eq!(plain(painted, false), "␛[1;31merror:␛[0m x");
        for other in ["\u{1b}[2J", "\u{1b}[8mhidden", "\u{1b}[1;8mx", "\u{1b}[31", "\u{1b}c"] {
            assert!(plain(other, true).starts_with('␛'), "{other:?}");
        }
    }

    #[test]
    fn a_document_says_the_same() {
        let document = serde_json::json!({ "a": "x\u{1b}\u{9b}\u{7f}\u{202e}é\n" });
        let text = document.to_string();
        let shown = json(&text);
        assert!(!shown.chars().any(|letter| letter.is_control()), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), document);
    }
}
