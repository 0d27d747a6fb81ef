//! Bytes of a text and positions of the protocol: lines from 0, columns in UTF-16 code units.

use lsp_types::{Position, Range, TextDocumentContentChangeEvent};

/// Where the lines of a text begin.
#[derive(Debug, Clone)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        // A carriage return by itself ends a line too.
        let ends = |at: &usize| bytes[*at] == b'\n' || bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
        Self { starts: std::iter::once(0).chain((0..bytes.len()).filter(ends).map(|at| at + 1)).collect() }
    }

    /// Of a byte that lies past the end, the end; of one inside the end of a line, where that begins.
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let offset = floor(text, offset);
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let column = text[self.starts[line]..offset.min(self.end(text, line))].encode_utf16().count();
        Position::new(line as u32, column as u32)
    }

    pub fn range(&self, text: &str, start: usize, end: usize) -> Range {
        Range::new(self.position(text, start), self.position(text, end.max(start)))
    }

    /// A column past its line's end is the line's end, a line past the last the end of the text, as the protocol asks.
    pub fn offset(&self, text: &str, position: Position) -> usize {
        let line = position.line as usize;
        let Some(start) = self.starts.get(line).copied() else { return text.len() };
        let end = self.end(text, line);
        let mut units = position.character as usize;
        for (at, character) in text[start..end].char_indices() {
            // Inside a pair of surrogates is before it.
            if units < character.len_utf16() {
                return start + at;
            }
            units -= character.len_utf16();
        }
        end
    }

    /// Where a line ends, before the characters that end it.
    fn end(&self, text: &str, line: usize) -> usize {
        let next = self.starts.get(line + 1).copied();
        let whole = &text[self.starts[line]..next.unwrap_or(text.len())];
        let shown = if next.is_some() { whole.trim_end_matches(['\n', '\r']) } else { whole };
        self.starts[line] + shown.len()
    }
}

/// A change as the editor tells it, put into the text.
pub fn apply(text: &mut String, change: TextDocumentContentChangeEvent) {
    match change.range {
        None => *text = change.text,
        Some(range) => {
            let lines = Lines::of(text);
            let (start, end) = (lines.offset(text, range.start), lines.offset(text, range.end));
            text.replace_range(start..end.max(start), &change.text);
        }
    }
}

/// The character boundary at or before a byte.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_utf_16_code_units() {
        // é is one unit and two bytes, 🦊 two units and four bytes.
        let text = "é🦊x\r\nfoo\n";
        let lines = Lines::of(text);
        let there_and_back = |offset: usize, line: u32, column: u32| {
            assert_eq!(lines.position(text, offset), Position::new(line, column), "{offset}");
            assert_eq!(lines.offset(text, Position::new(line, column)), offset);
        };
        there_and_back(0, 0, 0);
        there_and_back(2, 0, 1);
        there_and_back(6, 0, 3);
        there_and_back(7, 0, 4);
        there_and_back(9, 1, 0);
        there_and_back(12, 1, 3);
        there_and_back(13, 2, 0);
        assert_eq!(lines.offset(text, Position::new(0, 2)), 2, "inside the fox is before it");
        assert_eq!(lines.offset(text, Position::new(0, 99)), 7, "past the line is its end, before its carriage return");
        assert_eq!(lines.offset(text, Position::new(9, 0)), 13);
        assert_eq!(
            lines.position(text, 8),
            Position::new(0, 4),
            "the line feed after a carriage return ends where that begins"
        );
        let alone = "a\rb\r\n\rc";
        let lines = Lines::of(alone);
        assert_eq!(lines.position(alone, 2), Position::new(1, 0));
        assert_eq!(lines.position(alone, 6), Position::new(3, 0));
        assert_eq!(lines.offset(alone, Position::new(1, 9)), 3);
        assert_eq!(lines.offset(alone, Position::new(2, 0)), 5);
    }

    #[test]
    fn changes_are_put_where_they_belong() {
        let mut text = "a🦊b\nc\n".to_owned();
        let at = |line, from, to, text: &str| TextDocumentContentChangeEvent {
            range: Some(Range::new(Position::new(line, from), Position::new(line, to))),
            range_length: None,
            text: text.to_owned(),
        };
        apply(&mut text, at(0, 1, 3, "ö"));
        apply(&mut text, at(1, 0, 1, "new\nline"));
        assert_eq!(text, "aöb\nnew\nline\n");
        apply(&mut text, TextDocumentContentChangeEvent { range: None, range_length: None, text: "all".to_owned() });
        assert_eq!(text, "all");
    }
}
