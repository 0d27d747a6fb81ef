//! Plain tables: columns as wide as they must be, numbers to the right.

/// Rows under a header.
#[derive(Debug)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns whose cells stand at the right.
    right: Vec<usize>,
}

impl Table {
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new(), right: Vec::new() }
    }

    /// Sets these columns (from 0) to the right.
    pub fn right(mut self, columns: &[usize]) -> Self {
        self.right = columns.to_vec();
        self
    }

    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.row_of(cells.to_vec());
    }

    pub fn row_of(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Two spaces between columns, a newline after each row, no trailing spaces.
    pub fn text(&self) -> String {
        let columns = self.header.len();
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let widths: Vec<usize> = (0..columns)
            .map(|at| lines().filter_map(|row| row.get(at)).map(|cell| visible(cell)).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in lines() {
            let cells = (0..columns).map(|at| {
                let cell = row.get(at).map_or("", String::as_str);
                let space = " ".repeat(widths[at] - visible(cell));
                if self.right.contains(&at) { format!("{space}{cell}") } else { format!("{cell}{space}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Characters that take room: colour codes do not.
fn visible(cell: &str) -> usize {
    let mut count = 0;
    let mut in_code = false;
    for character in cell.chars() {
        match (in_code, character) {
            (false, '\u{1b}') => in_code = true,
            (false, _) => count += 1,
            (true, 'm') => in_code = false,
            (true, _) => {}
        }
    }
    count
}

/// On one line, at most `width` characters.
pub fn shorten(text: &str, width: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= width {
        return flat;
    }
    let head: String = flat.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_colours_take_no_room() {
        let mut table = Table::new(&["task", "n"]).right(&[1]);
        table.row(["\u{1b}[32ma\u{1b}[0m".to_owned(), "10".to_owned()]);
        table.row(["bbbbb".to_owned(), "2".to_owned()]);
        assert_eq!(table.text(), "task    n\n\u{1b}[32ma\u{1b}[0m      10\nbbbbb   2\n");
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(shorten("one\n  two three", 8), "one two…");
        assert_eq!(shorten("short", 8), "short");
    }
}
