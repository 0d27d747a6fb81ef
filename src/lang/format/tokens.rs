//! A text as words and signs in their order: nothing is left out but blanks. Of a text that cannot be read it makes something: the
//! formatter refuses such a text before, and an editor asks about it while it is being written.

/// What a token is to a formatter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or a path: `voices.kl.beta`, `crew.*`.
    Word,
    Number,
    /// `"…"`
    String,
    /// `"""md … """`, folded or not.
    Prose,
    /// An operator, `=`, `:` or the `%` after a number.
    Sign,
    /// The `.low` of `delta(a, b).low`.
    Access,
    Open(u8),
    Close,
    Separator,
    Comment,
    NewLine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Where it begins, in bytes.
    pub at: usize,
}

impl Token<'_> {
    /// Past its last byte.
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// Whether an expression that ends with it goes on in the next line.
    pub fn is_operator(&self) -> bool {
        match self.kind {
            Kind::Sign => !matches!(self.text, "=" | "+=" | "-=" | ":" | "%"),
            Kind::Word => matches!(self.text, "and" | "or" | "not" | "in"),
            _ => false,
        }
    }
}

const SIGNS: [&str; 7] = ["==", "!=", "<=", ">=", "+=", "-=", ".."];

/// The tokens of `text`, in order.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            ' ' | '\t' | '\r' | '\u{feff}' => {
                at += first.len_utf8();
                continue;
            }
            '\n' => (Kind::NewLine, 1),
            '#' => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            '"' if rest.starts_with("\"\"\"") => (Kind::Prose, prose(rest, 0)),
            '>' if rest.starts_with(">\"\"\"") => (Kind::Prose, prose(rest, 1)),
            '"' => (Kind::String, string(rest)),
            '{' | '[' | '(' => (Kind::Open(first as u8), 1),
            '}' | ']' | ')' => (Kind::Close, 1),
            ',' | ';' => (Kind::Separator, 1),
            '.' if rest[1..].starts_with(|next: char| next.is_ascii_alphabetic()) => {
                (Kind::Access, 1 + word(&rest[1..]))
            }
            _ if first.is_ascii_digit() => (Kind::Number, number(rest)),
            _ if first.is_ascii_alphabetic() => (Kind::Word, path(rest)),
            _ => {
                let double = SIGNS.iter().any(|sign| rest.starts_with(sign));
                (Kind::Sign, if double { 2 } else { first.len_utf8() })
            }
        };
        all.push(Token { kind, text: rest[..length].trim_end_matches(['\r', ' ', '\t']), at });
        at += length;
    }
    all
}

fn word(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// Names, and stars, joined by single points.
fn path(text: &str) -> usize {
    let mut end = word(text);
    while let Some(next) = text[end..].strip_prefix('.') {
        match next.chars().next() {
            Some('*') => end += 2,
            Some(letter) if letter.is_ascii_alphabetic() => end += 1 + word(next),
            _ => break,
        }
    }
    end
}

fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    loop {
        match bytes.get(end) {
            Some(b'e' | b'E') if matches!(bytes.get(end + 1), Some(b'+' | b'-')) && is_digit(end + 2) => end += 2,
            Some(b'.') if is_digit(end + 1) => end += 1,
            Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => end += 1,
            _ => return end,
        }
    }
}

/// A text ends on its line, closed or not.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '\n' => return at,
            '"' if !escaped => return at + 1,
            _ => escaped = character == '\\' && !escaped,
        }
    }
    text.len()
}

/// To the end of the first line that holds the same number of quotes and nothing before them.
fn prose(text: &str, fold: usize) -> usize {
    let quotes = text[fold..].bytes().take_while(|byte| *byte == b'"').count();
    let fence = &text[fold..fold + quotes];
    let mut at = text.find('\n').map_or(text.len(), |end| end + 1);
    while at < text.len() {
        let line = &text[at..];
        let blanks = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
        if let Some(after) = line[blanks..].strip_prefix(fence)
            && !after.starts_with('"')
        {
            return at + blanks + quotes;
        }
        at += line.find('\n').map_or(line.len(), |end| end + 1);
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| token.text).collect()
    }

    #[test]
    fn paths_numbers_and_ranges_are_told_apart() {
        assert_eq!(texts("crew.*.voice = 1.5..2e-3*x"), ["crew.*.voice", "=", "1.5", "..", "2e-3", "*", "x"]);
        assert_eq!(texts("delta(a,b).low>=40 %"), ["delta", "(", "a", ",", "b", ")", ".low", ">=", "40", "%"]);
    }

    #[test]
    fn texts_hold_what_looks_like_signs() {
        assert_eq!(texts("a = \"# \\\" {\" # why\r\n"), ["a", "=", "\"# \\\" {\"", "# why", "\n"]);
        let prose = "\"\"\"\"md\n  \"\"\" }\n  \"\"\"\"";
        assert_eq!(texts(&format!("v = >{prose}\nw")), ["v", "=", &format!(">{prose}"), "\n", "w"]);
    }
}
