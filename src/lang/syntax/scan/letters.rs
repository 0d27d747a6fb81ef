//! Letters that are not what they seem: outside of texts everything is ASCII; inside, what re-orders or hides letters, and what
//! looks like a Latin letter amid Latin letters, is warned of.

use super::Scanner;
use crate::syntax::diagnostics;

/// Sets the order in which letters are shown, or shows nothing at all.
fn is_hidden(letter: char) -> bool {
    // A tab is seen, and lines end; every other control character drives whatever shows it.
    (letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
        || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0001}'..='\u{e007f}')
}

/// Joins letters of scripts and emoji that need it; a stray between ASCII letters joins nothing.
fn joins(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}')
}

/// The Latin letter that a Cyrillic, Greek or full-width one looks like.
pub(super) fn looks_like(letter: char) -> Option<char> {
    const CYRILLIC_AND_GREEK: &str =
        "аaеeоoрpсcуyхxіiјjѕsԁdһhԛqԝwьbАAВBЕEЗ3КKМMНHОOРPСCТTУYХXІIЈJЅSԌGΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXοoιiνvρpαaυu";
    match letter {
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => char::from_u32(letter as u32 - 0xff21 + u32::from(b'A')),
        _ => {
            let mut pairs = CYRILLIC_AND_GREEK.chars();
            while let (Some(one), Some(latin)) = (pairs.next(), pairs.next()) {
                if one == letter {
                    return Some(latin);
                }
            }
            None
        }
    }
}

impl Scanner<'_> {
    /// A word with a letter beyond ASCII where code stands, told once; gives where code goes on.
    pub(super) fn strange_word(&mut self, at: usize) -> usize {
        let letter = self.text[at..].chars().next().expect("a letter stands here");
        if letter.is_whitespace() || is_hidden(letter) {
            let end = at + letter.len_utf8();
            self.tell(at, diagnostics::no_blank(self.span(at, end), letter, letter.is_whitespace()));
            self.last_end = end;
            return end;
        }
        let is_code = |letter: char| !letter.is_ascii() || letter.is_ascii_alphanumeric() || letter == '_';
        let head = self.text[self.line..at]
            .chars()
            .rev()
            .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_');
        let start = at - head.count();
        let end = at + self.text[at..].chars().take_while(|letter| is_code(*letter)).map(char::len_utf8).sum::<usize>();
        let word = &self.text[start..end];
        let meant: String = word.chars().map(|letter| looks_like(letter).unwrap_or(letter)).collect();
        let meant = meant.is_ascii().then_some(meant);
        self.tell(at, diagnostics::not_ascii(self.span(start, end), letter, meant.as_deref()));
        self.last_end = end;
        end
    }

    /// Warns of what a string, prose or comment holds that a reader does not see.
    pub(super) fn watch(&mut self, start: usize, end: usize) {
        let text = self.text.get(start..end).unwrap_or("");
        let plain = text.bytes().all(|byte| matches!(byte, b'\n' | b'\r' | b'\t' | 0x20..0x7f));
        if plain || self.warned >= super::MAX_FAULTS {
            return;
        }
        let mut hidden = None;
        let mut mixed = None;
        let mut before = ' ';
        for (at, letter) in text.char_indices() {
            let length = letter.len_utf8();
            let next = || text[at + length..].chars().next().unwrap_or(' ');
            let harmless = joins(letter) && !(before.is_ascii_alphanumeric() && next().is_ascii_alphanumeric());
            if hidden.is_none() && is_hidden(letter) && !harmless {
                hidden = Some((at, letter));
            }
            let beside = before.is_ascii_alphabetic() || next().is_ascii_alphabetic();
            if mixed.is_none() && !letter.is_ascii() && beside && looks_like(letter).is_some() {
                mixed = Some((at, letter));
            }
            before = letter;
        }
        for (found, is_mixed) in [(hidden, false), (mixed, true)] {
            let Some((at, letter)) = found else { continue };
            let span = self.span(start + at, start + at + letter.len_utf8());
            let warning = match looks_like(letter).filter(|_| is_mixed) {
                Some(latin) => diagnostics::look_alike(span, letter, latin),
                None => diagnostics::hidden_letter(span, letter),
            };
            self.warned += 1;
            // A warning: the line is read like any other.
            self.found.add(warning);
        }
    }
}
