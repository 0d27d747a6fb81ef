//! Entries as lines. One style: one entry a line; records, lists, calls and inner blocks on one line where they have at most four
//! entries and the line at most eighty columns; nothing is aligned.

use super::tokens::{Kind, Token};
use super::tree::{Bracket, Entry, Line, Part, Role};

const WIDTH: usize = 80;
const MOST: usize = 4;
const STEP: usize = 2;

/// The text of a whole file.
pub fn file(file: &Bracket<'_>) -> String {
    let mut to = Writer { text: String::new() };
    for (at, entry) in file.entries.iter().enumerate() {
        // Items with a body are parted from their neighbours.
        let apart = at > 0 && (has_body(entry) || has_body(&file.entries[at - 1]));
        to.entry(entry, 0, "", at > 0, apart);
    }
    to.comments(&file.last, 0, !file.entries.is_empty());
    to.text
}

fn has_body(entry: &Entry<'_>) -> bool {
    entry.parts.iter().any(|part| matches!(part, Part::Bracket(bracket) if bracket.role == Role::Body))
}

struct Writer {
    text: String,
}

impl Writer {
    /// `after`: whether something stands above it in its bracket. `apart`: whether an empty line must.
    fn entry(&mut self, entry: &Entry<'_>, indent: usize, separator: &str, after: bool, apart: bool) {
        let apart_first = apart && after;
        match entry.above.split_first() {
            Some((first, rest)) => {
                let first = Line { apart: first.apart || apart_first, ..*first };
                self.comments(&[first], indent, after);
                self.comments(rest, indent, true);
                self.gap(entry.apart);
            }
            None => self.gap(after && (entry.apart || apart_first)),
        }
        self.indent(indent);
        self.parts(&entry.parts, indent, separator.len());
        self.text.push_str(separator);
        self.behind(entry.behind);
    }

    fn comments(&mut self, lines: &[Line<'_>], indent: usize, after: bool) {
        for (at, line) in lines.iter().enumerate() {
            self.gap(line.apart && (after || at > 0));
            self.indent(indent);
            self.text.push_str(line.text);
            self.text.push('\n');
        }
    }

    /// One empty line, however many there were.
    fn gap(&mut self, wanted: bool) {
        if wanted && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn behind(&mut self, comment: Option<&str>) {
        if let Some(comment) = comment {
            self.text.push_str("  ");
            self.text.push_str(comment);
        }
        self.text.push('\n');
    }

    fn column(&self) -> usize {
        let line = self.text.rfind('\n').map_or(0, |end| end + 1);
        self.text[line..].chars().count()
    }

    /// Parts of one entry, from where the text stands; `room` is what must fit behind them.
    fn parts(&mut self, parts: &[Part<'_>], indent: usize, room: usize) {
        let whole = inline(parts);
        if let Some(whole) =
            whole.filter(|whole| self.column() + whole.chars().count() + room <= WIDTH || breakable(parts).is_none())
        {
            self.text.push_str(&whole);
            return;
        }
        let opened = breakable(parts);
        for (at, part) in parts.iter().enumerate() {
            let fresh = self.column() <= indent + STEP && self.text.ends_with([' ', '\n']) || self.text.is_empty();
            if !fresh {
                self.text.push_str(space(&parts[..at], part));
            }
            match part {
                Part::Token(token) if token.kind == Kind::Prose => self.prose(token.text, indent + STEP),
                Part::Token(token) => self.text.push_str(token.text),
                Part::Bracket(bracket) => match bracket_inline(bracket) {
                    Some(line) if opened != Some(at) => self.text.push_str(&line),
                    _ => self.bracket(bracket, indent),
                },
                Part::Comment { text, own } => {
                    if *own {
                        self.new_line(indent + STEP);
                    } else {
                        self.text.push_str("  ");
                    }
                    self.text.push_str(text);
                    // A brace on its own line stands under its header.
                    let body = matches!(parts.get(at + 1), Some(Part::Bracket(one)) if is_braces(one.role));
                    self.new_line(if body { indent } else { indent + STEP });
                }
            }
        }
    }

    fn new_line(&mut self, indent: usize) {
        let end = self.text.trim_end_matches([' ', '\n']).len();
        self.text.truncate(end);
        self.text.push('\n');
        self.indent(indent);
    }

    /// Over several lines; the text stands where it opens.
    fn bracket(&mut self, bracket: &Bracket<'_>, indent: usize) {
        let (open, close) = signs(bracket.role);
        self.text.push_str(open.trim_end());
        self.behind(bracket.first);
        let inner = indent + STEP;
        for (at, entry) in bracket.entries.iter().enumerate() {
            match bracket.role {
                Role::Group => self.terms(entry, inner),
                Role::List | Role::Call => self.entry(entry, inner, ",", at > 0, false),
                _ => self.entry(entry, inner, "", at > 0, false),
            }
        }
        self.comments(&bracket.last, inner, !bracket.entries.is_empty());
        self.indent(indent);
        self.text.push_str(close.trim_start());
    }

    /// What stands in a group: each operand of its loosest operators on a line of its own.
    fn terms(&mut self, entry: &Entry<'_>, indent: usize) {
        self.comments(&entry.above, indent, false);
        let loosest = (0..entry.parts.len()).filter_map(|at| looseness(&entry.parts, at)).min();
        let starts =
            (1..entry.parts.len()).filter(|at| looseness(&entry.parts, *at).is_some_and(|one| Some(one) == loosest));
        let mut from = 0;
        for to in starts.chain([entry.parts.len()]) {
            let mut term = &entry.parts[from..to];
            // A comment behind a term stays behind it, and one above the next stays above.
            let mut own = Vec::new();
            let mut behind = None;
            while let Some((Part::Comment { text, own: is_own }, rest)) = term.split_last() {
                if *is_own {
                    own.insert(0, *text);
                } else {
                    behind = Some(*text);
                }
                term = rest;
            }
            if to == entry.parts.len() {
                behind = behind.or(entry.behind);
            }
            self.indent(indent);
            // The operator is that of the term before: alone, a `-` would be a sign.
            if let (true, Some((Part::Token(operator), operand))) = (from > 0, term.split_first()) {
                self.text.push_str(operator.text);
                self.text.push(' ');
                term = operand;
            }
            self.parts(term, indent, 0);
            self.behind(behind);
            for text in own {
                self.comments(&[Line { apart: false, text }], indent, true);
            }
            from = to;
        }
    }

    /// Dedented to its fence, and indented to its place: what it says is not touched.
    fn prose(&mut self, literal: &str, indent: usize) {
        let lines: Vec<&str> = literal.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        let (Some((first, rest)), Some(last)) = (lines.split_first(), lines.last()) else { return };
        let fence = last.trim_start();
        let old = &last[..last.len() - fence.len()];
        self.text.push_str(first.trim_end());
        self.text.push('\n');
        for line in &rest[..rest.len().saturating_sub(1)] {
            let content = line.strip_prefix(old).unwrap_or("");
            if !content.is_empty() {
                self.indent(indent);
                self.text.push_str(content);
            }
            self.text.push('\n');
        }
        self.indent(indent);
        self.text.push_str(fence);
    }
}

fn is_braces(role: Role) -> bool {
    matches!(role, Role::Body | Role::Inner)
}

fn signs(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::List => ("[", "]"),
        Role::Call | Role::Group => ("(", ")"),
        _ => ("{ ", " }"),
    }
}

/// Where a line that is too long may be opened: the value that is one bracket, called or not; the body of a block.
fn breakable(parts: &[Part<'_>]) -> Option<usize> {
    let at = parts.len().checked_sub(1)?;
    let Part::Bracket(bracket) = &parts[at] else { return None };
    if bracket.entries.is_empty() && bracket.last.is_empty() && bracket.first.is_none() {
        return None;
    }
    let called = usize::from(bracket.role == Role::Call);
    let value = at.checked_sub(called)?;
    let alone = match value.checked_sub(1).map(|before| &parts[before]) {
        None => true,
        Some(Part::Token(token)) => token.kind == Kind::Sign && !token.is_operator(),
        Some(_) => false,
    };
    (alone || matches!(bracket.role, Role::Body | Role::Inner | Role::Imports)).then_some(at)
}

/// On one line; `None` where something in it needs several.
fn inline(parts: &[Part<'_>]) -> Option<String> {
    let mut line = String::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            line.push_str(space(&parts[..at], part));
        }
        match part {
            Part::Token(token) if token.kind == Kind::Prose => return None,
            Part::Token(token) => line.push_str(token.text),
            Part::Bracket(bracket) => line.push_str(&bracket_inline(bracket)?),
            Part::Comment { .. } => return None,
        }
    }
    Some(line)
}

fn bracket_inline(bracket: &Bracket<'_>) -> Option<String> {
    let (open, close) = signs(bracket.role);
    if bracket.first.is_some() || !bracket.last.is_empty() {
        return None;
    }
    if bracket.entries.is_empty() {
        return Some(format!("{}{}", open.trim(), close.trim()));
    }
    if bracket.role == Role::Body || bracket.role != Role::Group && bracket.entries.len() > MOST {
        return None;
    }
    let mut entries = Vec::with_capacity(bracket.entries.len());
    for entry in &bracket.entries {
        if !entry.above.is_empty() || entry.behind.is_some() {
            return None;
        }
        entries.push(inline(&entry.parts)?);
    }
    let between = if bracket.role == Role::Inner { "; " } else { ", " };
    Some(format!("{open}{}{close}", entries.join(between)))
}

/// What stands between the parts before and the next one.
fn space(before: &[Part<'_>], next: &Part<'_>) -> &'static str {
    let Some((last, earlier)) = before.split_last() else { return "" };
    let tight_next = match next {
        Part::Token(Token { kind: Kind::Access, .. }) => true,
        Part::Token(Token { kind: Kind::Sign, text, .. }) => matches!(*text, ":" | ".." | "%"),
        Part::Bracket(bracket) => bracket.role == Role::Call,
        Part::Comment { .. } => true,
        _ => false,
    };
    let tight_last =
        matches!(last, Part::Token(Token { kind: Kind::Sign, text: "..", .. })) || is_sign_of(last, earlier);
    if tight_next || tight_last { "" } else { " " }
}

/// The `-` of `-1`, not that of `a - 1`.
fn is_sign_of(part: &Part<'_>, before: &[Part<'_>]) -> bool {
    let is_minus = matches!(part, Part::Token(Token { kind: Kind::Sign, text: "-", .. }));
    is_minus
        && match before.iter().rev().find(|part| !matches!(part, Part::Comment { .. })) {
            None => true,
            Some(Part::Token(token)) => {
                let opens = before.len() == 1 && matches!(token.text, "gate" | "skip");
                token.kind == Kind::Sign && token.text != "%" || token.is_operator() || opens
            }
            Some(_) => false,
        }
}

/// How loosely the operator at `at` binds, loosest first; `None` where no binary operator stands.
fn looseness(parts: &[Part<'_>], at: usize) -> Option<usize> {
    let Part::Token(token) = &parts[at] else { return None };
    if at == 0 || !token.is_operator() || is_sign_of(&parts[at], &parts[..at]) {
        return None;
    }
    let tiers: [&[&str]; 5] = [&["or"], &["and"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/"]];
    tiers.iter().position(|tier| tier.contains(&token.text))
}
