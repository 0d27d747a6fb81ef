//! The structure of a file, before any grammar: where strings, prose, comments and brackets begin and end, and how that cuts
//! the file into items and entries.
//!
//! One pass over the bytes. It finds what is unclosed and points at the *opener*, then goes on as if it had been closed where
//! the layout says it should have been, so that one missing quote hides nothing else. What it has told is remembered by line
//! ([`Scan::explains`]): the grammar's complaint about such a line would be an echo.
//!
//! Uses `source`, `diagnostic` and the wording of `diagnostics`. Absent: any idea of what an item or an entry means.

mod letters;
mod quotes;

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostics;
use super::layout;
use crate::diagnostic::Diagnostics;
use crate::source::{FileId, Span};

/// Words that begin an item.
pub const ITEM_KEYWORDS: [&str; 18] = [
    "use",
    "experiment",
    "param",
    "let",
    "secret",
    "model",
    "dataset",
    "persona",
    "rubric",
    "judge",
    "reward",
    "director",
    "stage",
    "variant",
    "sweep",
    "budget",
    "report",
    "profile",
];

/// Those whose item is a header and a body in braces.
pub fn has_body(keyword: &str) -> bool {
    ITEM_KEYWORDS.contains(&keyword) && !matches!(keyword, "use" | "param" | "let" | "secret")
}

const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: usize = 64;
const MAX_ITEMS: usize = 10_000;
/// Commas, semicolons and ends of lines in one item.
const MAX_PARTS: usize = 20_000;
/// A guess about a bracket looks no further than this.
const LINES_LOOKED_AHEAD: usize = 200;
/// Past this many faults a file is not a program with mistakes; it is something else.
const MAX_FAULTS: usize = 200;

/// What the scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The file's items in order, first byte to last.
    pub pieces: Vec<Piece>,
    /// What the grammar is kept away from: brackets that stand too deep, beginnings of items that are too long.
    pub unread: Vec<usize>,
    marks: Vec<Mark>,
    /// Lines (their first byte) about which something has been told.
    told: BTreeSet<usize>,
    line_starts: Vec<usize>,
}

/// A stretch of text to be read by itself: an item or an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub start: usize,
    pub end: usize,
    /// The `##` lines above an item.
    pub doc: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub at: usize,
    pub kind: MarkKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    Open(u8),
    /// `real` when the bracket stands in the text; else it is where the layout says that one is missing.
    Close {
        real: bool,
    },
    /// Not where an expression goes on because its line ends in an operator.
    NewLine,
    Separator,
}

impl Scan {
    /// Whether something has been told about one of the lines of `start..end`.
    pub fn explains(&self, start: usize, end: usize) -> bool {
        let first = self.line_start(start);
        self.told.range(first..end.max(first + 1)).next().is_some()
    }

    fn line_start(&self, at: usize) -> usize {
        let line = self.line_starts.partition_point(|start| *start <= at);
        self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The marks of `start..end`.
    pub(super) fn marks(&self, start: usize, end: usize) -> &[Mark] {
        let from = self.marks.partition_point(|mark| mark.at < start);
        let to = self.marks.partition_point(|mark| mark.at < end);
        &self.marks[from..to.max(from)]
    }
}

/// Scans a whole file. Never fails; a file that is past a limit has no pieces.
pub fn scan(file: FileId, text: &str, found: &mut Diagnostics) -> Scan {
    if text.len() > MAX_BYTES {
        found.add(diagnostics::file_too_large(Span::new(file, 0, 0), text.len(), MAX_BYTES));
        return Scan { line_starts: vec![0], ..Scan::default() };
    }
    if let Some(at) = text.bytes().position(|byte| byte == 0) {
        found.add(diagnostics::nul_byte(Span::new(file, at, at + 1)));
        return Scan { line_starts: vec![0], ..Scan::default() };
    }
    let mut scanner = Scanner::new(file, text, found);
    scanner.run();
    scanner.scan
}

/// An opening bracket that is not closed yet.
#[derive(Debug, Clone, Copy)]
struct Opened {
    at: usize,
    byte: u8,
    /// Of the line on which it stands.
    line: usize,
    indent: usize,
}

struct Scanner<'a> {
    file: FileId,
    text: &'a str,
    bytes: &'a [u8],
    found: &'a mut Diagnostics,
    faults: usize,
    /// How many warnings have been given.
    warned: usize,
    scan: Scan,
    open: Vec<Opened>,
    /// Start and indent of every line that has code on it, so far.
    code_lines: Vec<(usize, usize)>,
    line: usize,
    indent: usize,
    /// Past the last byte of code.
    last_end: usize,
    doc: Vec<&'a str>,
    /// A `}` that closed an item from a deeper column than it was opened: suspect, if one too many turns up.
    odd_close: Option<usize>,
    /// Where the last line that could close prose begins, by its number of quotes; found when first wanted.
    last_fences: Option<BTreeMap<usize, usize>>,
}

impl<'a> Scanner<'a> {
    fn new(file: FileId, text: &'a str, found: &'a mut Diagnostics) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self {
            file,
            text,
            bytes: text.as_bytes(),
            found,
            faults: 0,
            warned: 0,
            scan: Scan { line_starts, ..Scan::default() },
            open: Vec::new(),
            code_lines: Vec::new(),
            line: 0,
            indent: 0,
            last_end: 0,
            doc: Vec::new(),
            odd_close: None,
            last_fences: None,
        }
    }

    fn run(&mut self) {
        let mut at = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut fresh_line = true;
        while at < self.bytes.len() && self.faults < MAX_FAULTS {
            if fresh_line {
                let is_start = at > 0 && self.bytes[at - 1] == b'\n';
                self.line = if is_start { at } else { self.scan.line_start(at) };
                let blanks = layout::blanks(self.bytes, at);
                self.indent = blanks - at;
                at = blanks;
                fresh_line = false;
                if at < self.bytes.len() && !matches!(self.bytes[at], b'\n' | b'#' | b'\r') && !self.begin_line(at) {
                    return;
                }
                continue;
            }
            match self.bytes[at] {
                b'\n' => {
                    if !layout::ends_in_operator(&self.text[self.line.min(self.last_end)..self.last_end]) {
                        self.mark(at, MarkKind::NewLine);
                    }
                    at += 1;
                    fresh_line = true;
                }
                b' ' | b'\t' | b'\r' => at += 1,
                b'#' => {
                    let end = self.comment(at);
                    self.watch(at, end);
                    at = end;
                }
                b'"' => {
                    let open = at;
                    at = self.quotes(at);
                    self.watch(open, at);
                    // Prose that is never closed ends before the line where code goes on.
                    fresh_line = self.bytes[at - 1] == b'\n';
                    if fresh_line {
                        self.mark(at - 1, MarkKind::NewLine);
                    }
                }
                byte @ (b'{' | b'[' | b'(') => match self.opened(at, byte) {
                    true => at += 1,
                    false => {
                        at = self.skip_to_header(at);
                        fresh_line = true;
                    }
                },
                byte @ (b'}' | b']' | b')') => {
                    self.closed(at, byte);
                    self.last_end = at + 1;
                    at += 1;
                }
                b'\'' | 0xe2 if self.text[at..].starts_with(quotes::NO_QUOTES) => at = self.other_quotes(at),
                b'/' if self.bytes.get(at + 1) == Some(&b'/') => at = self.slashes(at),
                byte if !byte.is_ascii() => at = self.strange_word(at),
                byte => {
                    if matches!(byte, b',' | b';') {
                        self.mark(at, MarkKind::Separator);
                    }
                    at += 1;
                    self.last_end = at;
                }
            }
        }
        self.close_all();
        self.end_item();
    }

    /// A line with code on it begins at `first`. False when there are too many items.
    fn begin_line(&mut self, first: usize) -> bool {
        let header =
            layout::is_header(self.text, first) || self.indent == 0 && layout::is_misspelt_header(self.text, first);
        if header && self.indent == 0 && !self.open.is_empty() {
            self.close_all();
        }
        // A bracket for values cannot reach a line that sets a field further left: nothing in `[ ]` or `( )` looks like that.
        while let Some(top) = self.open.last().copied()
            && top.byte != b'{'
            && self.indent <= top.indent
            && layout::is_assignment(self.text, first)
        {
            self.open.pop();
            self.unclosed(top, self.last_end);
        }
        if self.open.is_empty()
            && (self.indent == 0 || header || self.scan.pieces.is_empty())
            && self.begins_item(first)
        {
            self.end_item();
            if self.scan.pieces.len() == MAX_ITEMS {
                let length = self.text[first..].chars().next().map_or(0, char::len_utf8);
                self.found.add(diagnostics::too_many_items(self.span(first, first + length), MAX_ITEMS));
                return false;
            }
            let doc = (!self.doc.is_empty()).then(|| self.doc.join("\n"));
            self.doc.clear();
            self.scan.pieces.push(Piece { start: first, end: first, doc });
            self.odd_close = None;
        } else if self.open.is_empty() && self.indent > 0 && self.is_second_line() {
            self.open_missing_brace(None);
        }
        self.code_lines.push((self.line, self.indent));
        true
    }

    /// A line outside all brackets goes on with the item above when that ended in an operator, or when it is a bracket.
    fn begins_item(&self, first: usize) -> bool {
        if self.scan.pieces.is_empty() {
            return true;
        }
        if matches!(self.bytes[first], b'{' | b'}' | b']' | b')') {
            return false;
        }
        let above = self.code_lines.last().map_or(0, |(start, _)| *start).min(self.last_end);
        !layout::ends_in_operator(&self.text[above..self.last_end]) || layout::is_header(self.text, first)
    }

    fn end_item(&mut self) {
        let Some(piece) = self.scan.pieces.last_mut() else { return };
        piece.end = self.last_end.max(piece.start);
        let (start, end) = (piece.start, piece.end);
        let parts = self.scan.marks(start, end).iter();
        let parts = parts.filter(|mark| matches!(mark.kind, MarkKind::NewLine | MarkKind::Separator)).count();
        if parts > MAX_PARTS {
            let word = layout::word(self.text, start).len();
            self.tell(start, diagnostics::too_many_parts(self.span(start, start + word), MAX_PARTS));
            // What is too deep in it stands after its beginning.
            let at = self.scan.unread.partition_point(|one| *one < start);
            self.scan.unread.insert(at, start);
        }
    }

    /// A comment of some other language: told, and passed over as one.
    fn slashes(&mut self, at: usize) -> usize {
        self.tell(at, diagnostics::slashes(self.span(at, at + 2)));
        layout::line_end(self.bytes, at)
    }

    fn comment(&mut self, at: usize) -> usize {
        let end = layout::line_end(self.bytes, at);
        if self.open.is_empty() && self.text[at..end].starts_with("##") && self.text[self.line..at].trim().is_empty() {
            self.doc.push(self.text[at + 2..end].trim());
        }
        end
    }

    /// False when the brackets are nested too deep to go on.
    fn opened(&mut self, at: usize, byte: u8) -> bool {
        if self.open.len() == MAX_DEPTH {
            self.tell(at, diagnostics::too_deep(self.span(at, at + 1), MAX_DEPTH));
            self.scan.unread.push(at);
            return false;
        }
        self.open.push(Opened { at, byte, line: self.line, indent: self.indent });
        self.mark(at, MarkKind::Open(byte));
        self.last_end = at + 1;
        true
    }

    /// Gives up on everything that is open, and goes on at the next item.
    fn skip_to_header(&mut self, at: usize) -> usize {
        let mut line = layout::line_end(self.bytes, at) + 1;
        while line < self.bytes.len() && !layout::is_header(self.text, line) {
            line = layout::line_end(self.bytes, line) + 1;
        }
        let stop = line.min(self.bytes.len());
        // The last line of a text may lack its new line.
        self.last_end = self.last_end.max(self.text[..stop].trim_end().len());
        while self.open.pop().is_some() {
            self.mark(at, MarkKind::Close { real: false });
        }
        stop
    }

    fn closed(&mut self, at: usize, byte: u8) {
        let opener = match byte {
            b'}' => b'{',
            b']' => b'[',
            _ => b'(',
        };
        let first_on_line = at == self.line + self.indent;
        // A bracket at the start of a line closes what was opened at its own indent, whatever is open further right.
        if first_on_line {
            let aligned = self.open.iter().rposition(|one| one.byte == opener && one.indent == self.indent);
            if let Some(aligned) = aligned {
                while self.open.len() > aligned + 1 && self.open.last().is_some_and(|top| top.indent > self.indent) {
                    let top = self.open.pop().expect("longer than `aligned + 1`");
                    self.unclosed(top, at);
                }
            }
        }
        let Some(matching) = self.open.iter().rposition(|one| one.byte == opener) else {
            return self.stray(at, byte);
        };
        let same_line_above =
            |scanner: &Self| scanner.open.last().is_some_and(|top| top.line == scanner.line && top.byte != b'{');
        // `f(a]` inside a list that was opened on another line: a wrong closer, not two faults.
        if matching + 1 < self.open.len()
            && self.open[matching].line != self.line
            && same_line_above(self)
            && (byte != b'}' || self.is_closed_below(at, self.open[matching].indent))
        {
            let top = self.open.pop().expect("not empty: `matching` is in it");
            self.tell(
                top.at,
                diagnostics::unclosed_bracket(self.span(top.at, top.at + 1), top.byte, Some(self.span(at, at + 1))),
            );
            return self.mark(at, MarkKind::Close { real: true });
        }
        while self.open.len() > matching + 1 {
            let top = self.open.pop().expect("longer than `matching + 1`");
            self.unclosed(top, at);
        }
        let closed = self.open.pop().expect("`matching` is in it");
        if self.open.is_empty() && byte == b'}' && first_on_line && self.indent > closed.indent {
            self.odd_close = Some(at);
        }
        self.mark(at, MarkKind::Close { real: true });
    }

    /// Whether a `}` that begins a line, at this indent, comes before the next item and within reach.
    fn is_closed_below(&self, at: usize, indent: usize) -> bool {
        let mut line = layout::line_end(self.bytes, at) + 1;
        for _ in 0..LINES_LOOKED_AHEAD {
            if line >= self.bytes.len() || layout::is_header(self.text, line) {
                return false;
            }
            let first = layout::blanks(self.bytes, line);
            if self.bytes.get(first) == Some(&b'}') && first - line <= indent {
                return first - line == indent;
            }
            line = layout::line_end(self.bytes, first) + 1;
        }
        false
    }

    /// A closing bracket without an opening one.
    fn stray(&mut self, at: usize, byte: u8) {
        let wrong = self.open.last().copied().filter(|top| top.line == self.line && top.byte != b'{');
        if let Some(top) = wrong {
            self.open.pop();
            self.tell(
                top.at,
                diagnostics::unclosed_bracket(self.span(top.at, top.at + 1), top.byte, Some(self.span(at, at + 1))),
            );
            return self.mark(at, MarkKind::Close { real: true });
        }
        if let Some(odd) = self.odd_close.take().filter(|_| self.open.is_empty() && byte == b'}') {
            // The earlier one was the one too many; this one is the item's.
            self.scan.marks.retain(|mark| !(mark.at == odd && matches!(mark.kind, MarkKind::Close { .. })));
            self.tell(odd, diagnostics::nothing_to_close(self.span(odd, odd + 1), '}'));
            return self.mark(at, MarkKind::Close { real: true });
        }
        if byte == b'}' && self.open.is_empty() && self.is_second_line() {
            self.open_missing_brace(Some(at));
            self.open.pop();
            return self.mark(at, MarkKind::Close { real: true });
        }
        self.tell(at, diagnostics::nothing_to_close(self.span(at, at + 1), byte as char));
    }

    /// Whether what stands above, in this item, is a header that wants a `{` and has none.
    fn is_second_line(&self) -> bool {
        let Some(start) = self.scan.pieces.last().map(|piece| piece.start) else { return false };
        has_body(layout::word(self.text, start))
            && layout::is_header(self.text, start)
            && self.code_lines.last().is_some_and(|(line, _)| *line <= start)
            && !self.scan.marks(start, self.bytes.len()).iter().any(|mark| mark.kind == MarkKind::Open(b'{'))
            && !self.bytes[self.line + self.indent..].starts_with(b"{")
            // A header over two lines is told as that.
            && !matches!(layout::word(self.text, self.line + self.indent), "for" | "extends")
    }

    /// Goes on as if the header above had its `{`.
    fn open_missing_brace(&mut self, closer: Option<usize>) {
        let start = self.scan.pieces.last().map_or(0, |piece| piece.start);
        let end = start + self.text[start..self.last_end.min(self.line).max(start)].trim_end().len();
        let closer = closer.map(|at| self.span(at, at + 1));
        self.tell(start, diagnostics::missing_open_brace(self.span(start, end), closer));
        self.insert(end, MarkKind::Open(b'{'));
        let line = self.scan.line_start(start);
        self.open.push(Opened { at: end, byte: b'{', line, indent: start - line });
    }

    /// Everything that is open here will not be closed: another item begins, or the file ends.
    fn close_all(&mut self) {
        while let Some(top) = self.open.pop() {
            self.unclosed(top, self.last_end);
        }
    }

    /// Tells of an opener, and closes it where the layout says: before the first line that is indented no more than its own.
    fn unclosed(&mut self, opened: Opened, limit: usize) {
        // The `{` that is missing is not missed a second time.
        if self.bytes.get(opened.at) == Some(&opened.byte) {
            self.tell(opened.at, diagnostics::unclosed_bracket(self.span(opened.at, opened.at + 1), opened.byte, None));
        }
        let after = self.code_lines.partition_point(|(start, _)| *start <= opened.line);
        // A list may be written at the indent of the field that it is for.
        let is_within = |first: usize| opened.byte != b'{' && !layout::begins_entry(self.text, first);
        let line = self.code_lines[after..].iter().find(|(start, indent)| {
            *indent <= opened.indent && *start < limit && !(*indent == opened.indent && is_within(start + indent))
        });
        let at = line.map_or(limit, |(start, _)| start - 1);
        self.insert(at, MarkKind::Close { real: false });
    }

    fn mark(&mut self, at: usize, kind: MarkKind) {
        let index = self.scan.marks.partition_point(|mark| mark.at <= at);
        self.scan.marks.insert(index, Mark { at, kind });
    }

    /// As [`Self::mark`], but before others at the same place.
    fn insert(&mut self, at: usize, kind: MarkKind) {
        let index = self.scan.marks.partition_point(|mark| mark.at < at);
        self.scan.marks.insert(index, Mark { at, kind });
    }

    fn tell(&mut self, at: usize, diagnostic: crate::diagnostic::Diagnostic) {
        self.faults += 1;
        let line = self.scan.line_start(at);
        self.scan.told.insert(line);
        self.found.add(diagnostic);
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }
}
