//! Real CSV (RFC 4180): quoted fields, doubled quotes, line ends inside quotes.

/// One record.
pub struct Record {
    /// On which it begins, from 1.
    pub line: usize,
    pub fields: Vec<String>,
    /// Of a quote that opened on this line and never closed: the record runs to the file's end, and is not to be believed.
    pub unclosed: Option<usize>,
}

impl Record {
    /// Its `N` fields.
    ///
    /// # Errors
    /// What is wrong with it, for whoever refuses it.
    pub fn of<const N: usize>(&self) -> Result<&[String; N], String> {
        self.sound(N)?;
        self.fields.as_slice().try_into().map_err(|_| format!("has {} fields", self.fields.len()))
    }

    /// That it has `n` fields and is closed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn sound(&self, n: usize) -> Result<(), String> {
        match self.unclosed {
            Some(line) => Err(format!("a quote opens on line {line} and never closes")),
            None if self.fields.len() == n => Ok(()),
            None => Err(format!("has {} fields under a header of {n}", self.fields.len())),
        }
    }
}

/// The records of a text. An empty line is none.
pub fn records(text: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
    let mut opened = 1;
    let (mut line, mut began, mut quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    let mut any = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            // Only at a field's start does a quote open; elsewhere it is a character.
            '"' if field.is_empty() => (quoted, any, opened) = (true, true, line),
            ',' if !quoted => {
                record.push(std::mem::take(&mut field));
                any = true;
            }
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                if any || !field.is_empty() {
                    record.push(std::mem::take(&mut field));
                    let fields = std::mem::take(&mut record);
                    records.push(Record { line: began, fields, unclosed: None });
                }
                line += 1;
                (began, any) = (line, false);
            }
            _ => {
                if c == '\n' {
                    line += 1;
                }
                field.push(c);
                any = true;
            }
        }
    }
    if any || !field.is_empty() {
        record.push(field);
        records.push(Record { line: began, fields: record, unclosed: quoted.then_some(opened) });
    }
    records
}
