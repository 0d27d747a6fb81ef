//! The scan's way through quotes: strings, prose, and curly quotes, closed or not.

use std::collections::BTreeMap;

use super::{MarkKind, Scanner};
use crate::syntax::{diagnostics, layout};

/// What other languages and word processors quote with.
pub(super) const NO_QUOTES: [char; 6] = ['“', '”', '„', '‘', '’', '\''];

impl Scanner<'_> {
    /// A string or prose that opens at `at`; gives where code goes on. Past a new line: prose was not closed.
    pub(super) fn quotes(&mut self, at: usize) -> usize {
        let run = self.run_of_quotes(at);
        let next = match run {
            1 => self.string(at),
            2 => at + 2,
            _ => self.prose(at, run),
        };
        if self.bytes[next - 1] != b'\n' {
            self.last_end = next;
        }
        next
    }

    fn run_of_quotes(&self, at: usize) -> usize {
        self.bytes[at..].iter().take_while(|byte| **byte == b'"').count()
    }

    fn string(&mut self, at: usize) -> usize {
        let mut here = at + 1;
        while let Some(byte) = self.bytes.get(here) {
            match byte {
                b'\n' => break,
                b'\\' if self.bytes.get(here + 1) != Some(&b'\n') => here += 2,
                b'"' => return here + 1,
                _ => here += 1,
            }
        }
        let end = here.min(self.bytes.len());
        self.tell(at, diagnostics::unclosed_string(self.span(at, at + 1)));
        self.swallowed(at + 1, end);
        end
    }

    /// What an unclosed string has eaten: brackets opened on its line are taken as closed on it, and a body's `{` as opened.
    fn swallowed(&mut self, start: usize, end: usize) {
        self.last_end = end;
        let rest = self.text[start..end].trim_end();
        let closers = rest.bytes().filter(|byte| matches!(byte, b'}' | b']' | b')')).count();
        for _ in 0..closers {
            if self.open.last().is_some_and(|top| top.line == self.line) {
                self.open.pop();
                self.mark(end, MarkKind::Close { real: false });
            }
        }
        while self.open.last().is_some_and(|top| top.line == self.line && top.byte != b'{') {
            self.open.pop();
            self.mark(end, MarkKind::Close { real: false });
        }
        if rest.ends_with('{') {
            self.opened(start + rest.len() - 1, b'{');
        }
    }

    /// A text between quotes that are none: told once, and passed over, as its commas part nothing.
    pub(super) fn other_quotes(&mut self, at: usize) -> usize {
        let end = layout::line_end(self.bytes, at);
        let open = self.text[at..].chars().next().unwrap_or('“');
        let inner = at + open.len_utf8();
        let closes = |letter: char| match open {
            '\'' | '‘' | '’' => matches!(letter, '\'' | '‘' | '’'),
            _ => matches!(letter, '“' | '”' | '„' | '"'),
        };
        // The first of its kind that something follows which can follow a text: there may be an apostrophe inside.
        let close =
            self.text[inner..end].char_indices().filter(|(_, letter)| closes(*letter)).find(|(found, letter)| {
                let after = self.text[inner + found + letter.len_utf8()..end].trim_start();
                let word = layout::word(after, 0);
                after.is_empty()
                    || after.starts_with([',', ';', ')', ']', '}', '#', '{'])
                    || after.starts_with(|next: char| next.is_ascii_digit())
                    || matches!(word, "else" | "extends" | "as")
            });
        let (text_end, stop) =
            close.map_or((end, end), |(found, letter)| (inner + found, inner + found + letter.len_utf8()));
        self.tell(at, diagnostics::other_quotes(self.span(at, stop), &self.text[inner..text_end]));
        self.last_end = stop;
        stop
    }

    fn prose(&mut self, at: usize, run: usize) -> usize {
        let end_of_opener = layout::line_end(self.bytes, at);
        let tag = self.text[at + run..end_of_opener].trim_end();
        if !tag.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            // Closed on its own line, or below like any other; else not a fence at all.
            let closing = tag.find(&"\"".repeat(run)).map(|found| at + run + found + run);
            let below = if closing.is_none() { self.past_prose(end_of_opener + 1, run) } else { None };
            // The text moves below the quotes, under the closing ones.
            let moved = below.map(|past| {
                let text = layout::blanks(self.bytes, at + run);
                (self.span(at + run, text), format!("\n{}", &self.text[self.line..past - run]))
            });
            self.tell(at, diagnostics::prose_on_fence_line(self.span(at, at + run), moved));
            return closing.or(below).unwrap_or(end_of_opener);
        }
        if let Some(past) = self.past_prose(end_of_opener + 1, run) {
            return past;
        }
        let opener_indent = layout::blanks(self.bytes, self.line) - self.line;
        self.tell(at, diagnostics::unclosed_prose(self.span(at, at + run), run));
        self.after_unclosed_prose((end_of_opener + 1).min(self.bytes.len()), opener_indent)
    }

    /// Past the quotes that close prose whose text begins at `from`.
    fn past_prose(&mut self, from: usize, run: usize) -> Option<usize> {
        let opener_indent = layout::blanks(self.bytes, self.line) - self.line;
        let closing = self.closing_fence(from, run, opener_indent)?;
        self.line = closing;
        Some(layout::blanks(self.bytes, closing) + run)
    }

    /// The line that closes prose whose text begins at `from`.
    fn closing_fence(&mut self, from: usize, run: usize, opener_indent: usize) -> Option<usize> {
        let last = self.last_fence(run)?;
        let mut line = from;
        // The indent of the leftmost line that looks like the end of this prose.
        let mut leftmost = usize::MAX;
        while line <= last {
            // Prose inside an item is indented; a header at the margin is the next item.
            if opener_indent > 0 && layout::is_whole_header(self.text, line) {
                return None;
            }
            let first = layout::blanks(self.bytes, line);
            // A closing fence further right than a field above it closes some other prose.
            if self.run_of_quotes(first) == run && leftmost >= first - line {
                return Some(line);
            }
            if self.leaves_prose(line, first, opener_indent) {
                leftmost = leftmost.min(first - line);
            }
            line = layout::line_end(self.bytes, first) + 1;
        }
        None
    }

    /// The last line of the file that begins with so many quotes.
    fn last_fence(&mut self, run: usize) -> Option<usize> {
        if self.last_fences.is_none() {
            let mut fences = BTreeMap::new();
            for line in &self.scan.line_starts {
                let quotes = self.run_of_quotes(layout::blanks(self.bytes, *line));
                if quotes > 2 {
                    fences.insert(quotes, *line);
                }
            }
            self.last_fences = Some(fences);
        }
        self.last_fences.as_ref().and_then(|fences| fences.get(&run).copied())
    }

    /// Whether a line looks like the field after the prose, or like the end of the prose's item.
    fn leaves_prose(&self, line: usize, first: usize, opener_indent: usize) -> bool {
        let indent = first - line;
        indent < opener_indent && self.bytes.get(first) == Some(&b'}')
            || indent <= opener_indent && layout::is_assignment(self.text, first)
    }

    /// Where code goes on when a fence is never closed: at the next field at its own depth, else at the next item.
    fn after_unclosed_prose(&mut self, from: usize, opener_indent: usize) -> usize {
        let mut line = from;
        self.last_end = from.saturating_sub(1);
        while line < self.bytes.len() {
            let first = layout::blanks(self.bytes, line);
            let header = layout::is_whole_header(self.text, line);
            if self.leaves_prose(line, first, opener_indent) {
                return line;
            }
            if header {
                break;
            }
            line = layout::line_end(self.bytes, first) + 1;
        }
        // Its item's brace went with it, and that has been told.
        while self.open.pop().is_some() {
            let at = self.last_end;
            self.mark(at, MarkKind::Close { real: false });
        }
        line.min(self.bytes.len())
    }
}
