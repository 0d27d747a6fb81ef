//! Real CSV (RFC 4180): quoted fields, doubled quotes, line ends inside quotes.

/// Records with the line on which each begins. A quote that never closes makes the last record run to the end.
pub fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
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
            '"' if field.is_empty() => (quoted, any) = (true, true),
            ',' if !quoted => {
                record.push(std::mem::take(&mut field));
                any = true;
            }
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                if any || !field.is_empty() {
                    record.push(std::mem::take(&mut field));
                    records.push((began, std::mem::take(&mut record)));
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
        records.push((began, record));
    }
    records
}
