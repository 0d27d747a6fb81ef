//! Tokens as entries inside brackets, with every comment where it belongs: above an entry, behind it, or inside it.

use super::tokens::{Kind, Token};

/// What stands between two separators: an item, a field, an argument, an element.
#[derive(Debug, Default, PartialEq)]
pub struct Entry<'a> {
    /// Comments on lines of their own above it.
    pub above: Vec<Line<'a>>,
    /// Whether an empty line parts it from what stands above.
    pub apart: bool,
    pub parts: Vec<Part<'a>>,
    /// The comment behind it.
    pub behind: Option<&'a str>,
}

/// A comment on a line of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    pub apart: bool,
    pub text: &'a str,
}

#[derive(Debug, PartialEq)]
pub enum Part<'a> {
    Token(Token<'a>),
    Bracket(Bracket<'a>),
    /// Inside an expression; `own`: on a line of its own.
    Comment {
        text: &'a str,
        own: bool,
    },
}

#[derive(Debug, PartialEq)]
pub struct Bracket<'a> {
    pub role: Role,
    /// The comment behind the opener.
    pub first: Option<&'a str>,
    pub entries: Vec<Entry<'a>>,
    /// Comments after the last entry.
    pub last: Vec<Line<'a>>,
}

/// What a pair of brackets is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    File,
    /// Of an item.
    Body,
    /// Of an `example`, a `criterion`.
    Inner,
    Record,
    Imports,
    List,
    Call,
    /// `( … )` around an expression.
    Group,
}

impl Role {
    /// Whether a new line ends an entry.
    fn has_lines(self) -> bool {
        matches!(self, Role::File | Role::Body | Role::Inner | Role::Record | Role::Imports)
    }
}

/// The whole file. Of brackets that do not match it makes something; its reader compares.
pub fn file<'a>(tokens: &[Token<'a>]) -> Bracket<'a> {
    Reader { tokens, at: 0 }.bracket(Role::File)
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'a> Reader<'_, 'a> {
    fn bracket(&mut self, role: Role) -> Bracket<'a> {
        let mut bracket = Bracket { role, first: None, entries: Vec::new(), last: Vec::new() };
        let mut above: Vec<Line<'a>> = Vec::new();
        let mut entry = Entry::default();
        // New lines since the last thing that was read.
        let mut lines = if role == Role::File { 1 } else { 0 };
        while let Some(token) = self.tokens.get(self.at).copied() {
            self.at += 1;
            match token.kind {
                Kind::NewLine => {
                    lines += 1;
                    if role.has_lines() && !goes_on(&entry) && !self.opens_a_brace() {
                        finish(&mut entry, &mut above, &mut bracket.entries);
                    }
                    continue;
                }
                Kind::Comment => self.comment(token.text, lines, &mut entry, &mut above, &mut bracket),
                Kind::Separator => finish(&mut entry, &mut above, &mut bracket.entries),
                Kind::Close => break,
                kind => {
                    if entry.parts.is_empty() {
                        entry.apart = lines > 1;
                    }
                    let part = match kind {
                        Kind::Open(byte) => Part::Bracket(self.bracket(role_of(byte, role, &entry))),
                        _ => Part::Token(token),
                    };
                    entry.parts.push(part);
                }
            }
            lines = 0;
        }
        finish(&mut entry, &mut above, &mut bracket.entries);
        bracket.last = above;
        bracket
    }

    fn comment(
        &self,
        text: &'a str,
        lines: usize,
        entry: &mut Entry<'a>,
        above: &mut Vec<Line<'a>>,
        bracket: &mut Bracket<'a>,
    ) {
        let own = lines > 0;
        let line = Line { apart: lines > 1, text };
        if !entry.parts.is_empty() {
            let ends = match bracket.role.has_lines() {
                true => !goes_on(entry) && !self.opens_a_brace(),
                false => self.next().is_none_or(|next| matches!(next.kind, Kind::Separator | Kind::Close)),
            };
            if ends && !own && entry.behind.is_none() {
                entry.behind = Some(text);
            } else if ends {
                finish(entry, above, &mut bracket.entries);
                above.push(line);
            } else {
                entry.parts.push(Part::Comment { text, own });
            }
        } else if own {
            above.push(line);
        } else {
            // Behind the separator, or behind the opener.
            let place = bracket.entries.last_mut().map_or(&mut bracket.first, |last| &mut last.behind);
            match place {
                None if above.is_empty() => *place = Some(text),
                _ => above.push(line),
            }
        }
    }

    /// The next token that is neither a comment nor a new line.
    fn next(&self) -> Option<&Token<'a>> {
        self.tokens[self.at..].iter().find(|token| !matches!(token.kind, Kind::Comment | Kind::NewLine))
    }

    /// A header may have its brace on the next line.
    fn opens_a_brace(&self) -> bool {
        self.next().is_some_and(|next| next.kind == Kind::Open(b'{'))
    }
}

fn goes_on(entry: &Entry<'_>) -> bool {
    let code = entry.parts.iter().rev().find(|part| !matches!(part, Part::Comment { .. }));
    matches!(code, Some(Part::Token(token)) if token.is_operator())
}

fn finish<'a>(entry: &mut Entry<'a>, above: &mut Vec<Line<'a>>, entries: &mut Vec<Entry<'a>>) {
    if !entry.parts.is_empty() {
        let above = std::mem::take(above);
        entries.push(Entry { above, ..std::mem::take(entry) });
    }
}

fn role_of(byte: u8, outside: Role, entry: &Entry<'_>) -> Role {
    let word = |part: Option<&Part<'_>>| match part {
        Some(Part::Token(token)) if token.kind == Kind::Word => Some(token.text.to_owned()),
        _ => None,
    };
    let begins = word(entry.parts.first());
    match byte {
        b'[' => Role::List,
        b'(' => match (entry.parts.last(), word(entry.parts.last())) {
            (Some(Part::Token(token)), Some(_)) if token.is_operator() => Role::Group,
            (_, Some(text)) if entry.parts.len() == 1 && matches!(text.as_str(), "gate" | "skip") => Role::Group,
            (_, Some(_)) => Role::Call,
            _ => Role::Group,
        },
        _ => match (outside, entry.parts.last()) {
            (Role::File, _) if begins.as_deref() == Some("use") => Role::Imports,
            (_, None) => Role::Record,
            (_, Some(Part::Token(token))) if token.kind == Kind::Sign && token.text != "%" || token.is_operator() => {
                Role::Record
            }
            (Role::File, _) => Role::Body,
            (Role::Body | Role::Inner, _) => Role::Inner,
            _ => Role::Record,
        },
    }
}
