//! Reading a file piece by piece, so that a fault in one hides nothing in another: whole items first; an item that is not
//! read is cut at its braces, and its header and each of its entries are read alone; a block inside it likewise.
//!
//! Uses the scan for where things begin and end, and `parse` for reading them.

use super::ast::{Base, Binder, Block, Body, Entry, Expr, ExprKind, File, Item, ItemKind, Segment};
use super::parse::{self, Head, Reader, Refusal};
use super::scan::{ITEM_KEYWORDS, MarkKind, Piece, Scan, has_body};
use super::{BLOCK_WORDS, diagnostics, layout, nearest};
use crate::source::{Name, Span, Spanned};

/// Past this many, the rest of a file's items is not read: nobody reads as many complaints.
const MAX_TOLD: usize = 200;

/// Reads every item of a file.
pub(super) fn file(reader: &mut Reader<'_>, scan: &Scan) -> File {
    let mut file = File { id: reader.file, edition: None, items: Vec::new() };
    let mut pieces = scan.pieces.iter();
    let first = pieces.clone().next();
    let word_of = |piece: &Piece| layout::word(reader.text, piece.start);
    if let Some(piece) = first.filter(|piece| word_of(piece).eq_ignore_ascii_case("masc")) {
        pieces.next();
        file.edition = edition(reader, scan, piece);
    } else if !scan.pieces.iter().any(|piece| word_of(piece) == "masc") {
        reader.tell(diagnostics::missing_edition(top(reader)));
    }
    for piece in pieces {
        if reader.told() >= MAX_TOLD {
            break;
        }
        if let Some(item) = item(reader, scan, piece) {
            file.items.push(item);
        }
    }
    file
}

/// Where the first line begins, past a byte-order mark.
fn top(reader: &Reader<'_>) -> Span {
    let mark = if reader.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    Span::new(reader.file, mark, mark)
}

/// The first line, by itself: what follows it before the next item does not belong there.
fn edition(reader: &mut Reader<'_>, scan: &Scan, piece: &Piece) -> Option<Spanned<u32>> {
    let line = layout::line_end(reader.text.as_bytes(), piece.start).min(piece.end);
    let word = Span::new(reader.file, piece.start, piece.start + "masc".len());
    if layout::word(reader.text, piece.start) != "masc" {
        reader.tell(diagnostics::edition_in_capitals(word, layout::word(reader.text, piece.start)));
        return None;
    }
    if let Some((first, end)) = code_of(reader.text, line, piece.end) {
        let refusal = Refusal { at: first, expected: vec!["an item"], too_long: false };
        explain(reader, scan, first, end, &refusal);
    }
    match reader.edition(piece.start, line) {
        Some(number) if number.value == "1" => Some(Spanned::new(1, number.span)),
        Some(number) => {
            reader.tell(diagnostics::unknown_edition(number.span, &number.value));
            None
        }
        None => {
            let written = reader.text[piece.start..line].trim_start_matches("masc").trim();
            reader.tell(match written {
                "" => diagnostics::edition_without_number(word),
                written => diagnostics::unknown_edition(Span::new(reader.file, piece.start, line), written),
            });
            None
        }
    }
}

fn item(reader: &mut Reader<'_>, scan: &Scan, piece: &Piece) -> Option<Item> {
    let (start, end) = (piece.start, piece.end);
    let span = Span::new(reader.file, start, end);
    let header = header_of(reader, scan, start, end);
    let made = |kind| Some(parse::item(kind, span, header, piece.doc.clone()));
    let keyword = layout::word(reader.text, start);
    if keyword == "masc" {
        let is_second = scan.pieces.first().is_some_and(|first| layout::word(reader.text, first.start) == "masc");
        reader.tell(diagnostics::edition_not_first(span, is_second, (&reader.text[start..end], top(reader))));
        return None;
    }
    if !ITEM_KEYWORDS.contains(&keyword)
        || layout::sign_after_path(reader.text, start).is_some_and(|(_, sign)| sign != ":")
    {
        return made(no_item(reader, scan, start, end));
    }
    if reader.unread(start, start + 1).is_some() {
        return made(ItemKind::Faulty { declares: declared_by(reader, start, end) });
    }
    let before = reader.told();
    match reader.item(start, end) {
        Ok(kind) => made(whole_or_faulty(kind?, reader.told() > before)),
        Err(refusal) if has_body(keyword) => made(item_in_parts(reader, scan, start, end, refusal)),
        Err(refusal) => {
            explain(reader, scan, start, end, &refusal);
            made(ItemKind::Faulty { declares: declared_by(reader, start, end) })
        }
    }
}

/// An item without a body in which something was told keeps its names and loses its value.
fn whole_or_faulty(kind: ItemKind, faulty: bool) -> ItemKind {
    match kind {
        ItemKind::Param { name, .. } | ItemKind::Secret { name, .. } if faulty => {
            ItemKind::Faulty { declares: vec![name] }
        }
        ItemKind::Let { name, mut value } if faulty => {
            value.kind = ExprKind::Faulty;
            ItemKind::Let { name, value }
        }
        ItemKind::Use { names, alias, .. } if faulty => {
            let names = names.into_iter().map(|import| import.alias.unwrap_or(import.name));
            ItemKind::Faulty { declares: names.chain(alias).collect() }
        }
        kind => kind,
    }
}

/// A first word that begins no item.
fn no_item(reader: &mut Reader<'_>, scan: &Scan, start: usize, end: usize) -> ItemKind {
    let written = layout::word(reader.text, start);
    let at = Span::new(reader.file, start, start + written.len());
    let mut declares = declared_by(reader, start, end);
    let near = nearest(written, ITEM_KEYWORDS).filter(|_| layout::sign_after_path(reader.text, start).is_none());
    if scan.explains(start, start + 1) {
        // Told already.
    } else if written.is_empty() {
        let found = found_at(reader.text, start, end);
        let found_end = start + reader.text[start..].chars().next().map_or(0, char::len_utf8);
        reader.tell(diagnostics::unexpected(Span::new(reader.file, start, found_end), &found, &["an item"]));
    } else if let Some((path_end, sign)) =
        layout::sign_after_path(reader.text, start).filter(|_| ITEM_KEYWORDS.contains(&written) && !has_body(written))
    {
        let sign_at = layout::blanks(reader.text.as_bytes(), path_end);
        let sign_span = Span::new(reader.file, sign_at, sign_at + sign.len());
        reader.tell(diagnostics::unexpected(sign_span, &format!("`{sign}`"), &["a name"]));
        declares = Vec::new();
    } else if layout::sign_after_path(reader.text, start).is_some() {
        reader.tell(diagnostics::missing_let(at, written));
        declares = vec![Spanned::new(written.to_owned(), at)];
    } else {
        reader.tell(diagnostics::unknown_item(at, written, nearest(written, ITEM_KEYWORDS)));
    }
    // Its entries are read for the faults in them; as what it was meant to be, when that can be guessed.
    if let Some((open, close)) = braces(scan, start, end).filter(|_| near != Some("use")) {
        let inside = entries(reader, scan, past(reader.text, open, b'{'), close);
        let head = near.filter(|near| has_body(near)).and_then(|near| guessed_head(reader, near, start, open));
        if let Some(head) = head {
            return head.with(under_faulty_header(reader, (start, open, close, end), inside));
        }
    }
    ItemKind::Faulty { declares }
}

/// A body whose header is not what it was meant to be: that is its first faulty entry, as far as the header reaches.
fn under_faulty_header(
    reader: &Reader<'_>,
    (start, open, close, end): (usize, usize, usize, usize),
    mut entries: Vec<Entry>,
) -> Body {
    let header = Span::new(reader.file, start, start + reader.text[start..open].trim_end().len());
    entries.insert(0, Entry::Faulty { span: header, declares: None });
    Body { span: Span::new(reader.file, open, past(reader.text, close, b'}').min(end)), entries }
}

/// What a header that is not read says, as far as it can be made out: `keyword` is what its first word is taken for.
fn guessed_head(reader: &Reader<'_>, keyword: &str, start: usize, open: usize) -> Option<Head> {
    let text = &reader.text[..open];
    let named = |at: usize| {
        let at = layout::blanks(text.as_bytes(), at);
        let word = layout::word(text, at);
        let is_name = word.starts_with(|first: char| first.is_ascii_alphabetic());
        is_name.then(|| Spanned::new(word.to_owned(), Span::new(reader.file, at, at + word.len())))
    };
    let written = layout::word(text, start);
    let name = named(start + written.len())?;
    let name_end = name.span.end as usize;
    // A text holds no words of the header.
    let last_quote = text[name_end..].char_indices().rfind(|(_, one)| matches!(one, '"' | '”'));
    let code = last_quote.map_or(name_end, |(at, quote)| name_end + at + quote.len_utf8());
    let after = |word: &str| text[code..].find(word).and_then(|at| named(code + at + word.len()));
    let extends = after(" extends ").map(|first| match text[first.span.end as usize..].strip_prefix('.') {
        Some(_) => match named(first.span.end as usize + 1) {
            Some(name) => Base { module: Some(first), name },
            None => Base { module: None, name: first },
        },
        None => Base { module: None, name: first },
    });
    if keyword != "stage" {
        let keyword = Spanned::new(keyword.to_owned(), Span::new(reader.file, start, start + written.len()));
        return Some(Head::Block { keyword, name, title: None, extends });
    }
    let kind = named(name_end + text[name_end..].find('=')? + 1)?;
    let binder = after(" for ").map(|variable| {
        let span = Span::new(reader.file, variable.span.end as usize, open);
        let list =
            after(" in ").filter(|list| named(list.span.end as usize).is_none_or(|next| next.value == "extends"));
        let list = match list {
            Some(list) => Expr { span: list.span, kind: ExprKind::Path(vec![Segment::Name(list)]) },
            None => Expr { span, kind: ExprKind::Faulty },
        };
        Binder { variable, list }
    });
    Some(Head::Stage { name, kind, binder, extends })
}

fn item_in_parts(reader: &mut Reader<'_>, scan: &Scan, start: usize, end: usize, refusal: Refusal) -> ItemKind {
    let before = reader.told();
    let Some((open, close)) = braces(scan, start, end) else {
        explain(reader, scan, start, end, &refusal);
        return ItemKind::Faulty { declares: declared_by(reader, start, end) };
    };
    let is_stage = layout::word(reader.text, start) == "stage";
    let header_end = start + reader.text[start..open].trim_end().len();
    let head = reader.item_head(start, header_end, is_stage);
    let head_told = reader.told() > before;
    let mut inside = entries(reader, scan, past(reader.text, open, b'{'), close);
    let body_span = Span::new(reader.file, open, past(reader.text, close, b'}').min(end));
    let kind = match head {
        Ok(head) if !head_told => {
            // What the whole was refused for is told or explained; else it is told now.
            if reader.told() == before && !scan.explains(start, end) {
                explain(reader, scan, start, end, &refusal);
            }
            if !inside.iter().any(|entry| matches!(entry, Entry::Faulty { .. })) {
                inside.push(Entry::Faulty { span: body_span, declares: None });
            }
            return head.with(Body { span: body_span, entries: inside });
        }
        Ok(head) => head.with(under_faulty_header(reader, (start, open, close, end), inside)),
        Err(refusal) => {
            if reader.text[start..refusal.at].contains('\n') && !scan.explains(start, header_end) {
                let word = layout::word(reader.text, refusal.at).len().max(1);
                let span = Span::new(reader.file, refusal.at, (refusal.at + word).min(header_end));
                reader.tell(diagnostics::header_on_two_lines(span));
            } else {
                explain(reader, scan, start, past(reader.text, open, b'{'), &refusal);
            }
            match guessed_head(reader, layout::word(reader.text, start), start, open) {
                Some(head) => head.with(under_faulty_header(reader, (start, open, close, end), inside)),
                None => ItemKind::Faulty { declares: declared_by(reader, start, end) },
            }
        }
    };
    if end > past(reader.text, close, b'}') && reader.told() == before && !scan.explains(start, end) {
        explain(reader, scan, start, end, &refusal);
    }
    kind
}

/// The entries of a body, each read alone.
fn entries(reader: &mut Reader<'_>, scan: &Scan, start: usize, end: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut depth = 0_usize;
    let mut from = start;
    // The `,` or `;` after the last entry, while nothing has followed it.
    let mut parted = false;
    // A brace that is missing is marked where it should stand, which is where the entries begin.
    let is_missing_brace = |at: usize, kind: MarkKind| {
        at == start && matches!(kind, MarkKind::Open(brace) if reader.text.as_bytes().get(at) != Some(&brace))
    };
    let marks: Vec<_> = scan.marks(start, end).iter().filter(|mark| !is_missing_brace(mark.at, mark.kind)).collect();
    let ends = marks.iter().map(|mark| (mark.at, Some(mark.kind))).chain([(end, None)]);
    for (at, kind) in ends {
        match kind {
            Some(MarkKind::Open(_)) => depth += 1,
            Some(MarkKind::Close { .. }) => depth = depth.saturating_sub(1),
            Some(MarkKind::NewLine | MarkKind::Separator) | None if depth == 0 || kind.is_none() => {
                let separator = kind == Some(MarkKind::Separator);
                match code_of(reader.text, from, at) {
                    Some((first, last)) => {
                        entries.push(entry(reader, scan, first, last));
                        parted = separator;
                    }
                    None if separator && (parted || entries.is_empty()) => {
                        let span = Span::new(reader.file, at, at + 1);
                        reader.tell(diagnostics::second_separator(span));
                        entries.push(Entry::Faulty { span, declares: None });
                    }
                    None => parted |= separator,
                }
                from = at + usize::from(kind.is_some());
            }
            _ => {}
        }
    }
    entries
}

fn entry(reader: &mut Reader<'_>, scan: &Scan, start: usize, end: usize) -> Entry {
    let span = Span::new(reader.file, start, end);
    let word = layout::word(reader.text, start);
    let refusal = match reader.entry(start, end) {
        Ok(entry) => return entry,
        Err(refusal) => refusal,
    };
    let word_span = Span::new(reader.file, start, start + word.len());
    let declares: Option<Name> = (!word.is_empty()).then(|| Spanned::new(word.to_owned(), word_span));
    let faulty = Entry::Faulty { span, declares };
    let after_word = layout::blanks(reader.text.as_bytes(), start + word.len());
    let sets_field = layout::sign_after_path(reader.text, start).is_some();
    let body = braces(scan, start, end).filter(|_| !sets_field);
    if let Some((open, close)) = body.filter(|_| BLOCK_WORDS.contains(&word)) {
        return block_in_parts(reader, scan, (start, open, close, end), &refusal);
    }
    // One letter away from a block's word: `sample` is two away from `example`, and a field.
    let near = nearest(word, BLOCK_WORDS).filter(|near| strsim::damerau_levenshtein(near, word) == 1);
    if let (Some((open, close)), Some(near)) = (body, near) {
        if !scan.explains(start, open) {
            reader.tell(diagnostics::record_without_equals(word_span, word, Some(near)));
        }
        let inside = entries(reader, scan, past(reader.text, open, b'{'), close);
        return guessed_block(reader, near, word_span, (start, open, close, end), inside);
    }
    if scan.explains(start, end) {
        return faulty;
    }
    if let Some((open, close)) = body.filter(|(open, _)| *open == after_word && !word.is_empty()) {
        reader.tell(diagnostics::record_without_equals(word_span, word, None));
        entries(reader, scan, past(reader.text, open, b'{'), close);
    } else if matches!(word, "gate" | "skip") && !sets_field && refusal.at >= end {
        reader.tell(diagnostics::missing_else(word_span, word));
    } else if !sets_field && layout::is_header(reader.text, start) {
        reader.tell(diagnostics::item_in_item(word_span, word));
    } else if let Some(form) = form_of(word).filter(|_| refusal.at >= after_word) {
        explain_with(reader, scan, (start, end), &refusal, Some(form));
    } else if !sets_field && !word.is_empty() && !matches!(word, "gate" | "skip") && after_word < end {
        match reader.text.as_bytes()[after_word] {
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'[' | b'{') => {
                reader.tell(diagnostics::missing_sign(word_span, word));
            }
            _ => explain(reader, scan, start, end, &refusal),
        }
    } else {
        explain(reader, scan, start, end, &refusal);
    }
    faulty
}

/// `example { … }` of which something is not read.
fn block_in_parts(
    reader: &mut Reader<'_>,
    scan: &Scan,
    (start, open, close, end): (usize, usize, usize, usize),
    refusal: &Refusal,
) -> Entry {
    let before = reader.told();
    let header_end = start + reader.text[start..open].trim_end().len();
    let head = reader.inner_head(start, header_end);
    if let Err(refusal) = &head {
        let form = form_of(layout::word(reader.text, start));
        explain_with(reader, scan, (start, past(reader.text, open, b'{')), refusal, form);
    }
    let mut inside = entries(reader, scan, past(reader.text, open, b'{'), close);
    if reader.told() == before && !scan.explains(start, end) {
        explain(reader, scan, start, end, refusal);
    }
    let Ok(mut block) = head else {
        let word = layout::word(reader.text, start);
        let keyword = Span::new(reader.file, start, start + word.len());
        return guessed_block(reader, word, keyword, (start, open, close, end), inside);
    };
    let span = Span::new(reader.file, open, past(reader.text, close, b'}').min(end));
    if !inside.iter().any(|entry| matches!(entry, Entry::Faulty { .. })) {
        inside.push(Entry::Faulty { span, declares: None });
    }
    block.span = block.header.to(span);
    block.body = Body { span, entries: inside };
    Entry::Block(Box::new(block))
}

/// A block whose header is not read, as the block that it was meant to be.
fn guessed_block(
    reader: &Reader<'_>,
    keyword: &str,
    keyword_span: Span,
    place: (usize, usize, usize, usize),
    inside: Vec<Entry>,
) -> Entry {
    let body = under_faulty_header(reader, place, inside);
    let header = Span::new(reader.file, place.0, place.0 + reader.text[place.0..place.1].trim_end().len());
    Entry::Block(Box::new(Block {
        span: header.to(body.span),
        header,
        keyword: Spanned::new(keyword.to_owned(), keyword_span),
        name: None,
        title: None,
        weight: None,
        body,
    }))
}

/// How a block inside an item is written.
fn form_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "criterion" => "write `criterion name \"what it asks\" 40% { … }`",
        "example" => "write `example { given = \"…\", says = \"…\" }`",
        "test" => "write `test \"what it shows\" { … }`",
        "grid" => "write `grid { path = [ … ] }`",
        "zip" => "write `zip { path = [ … ] }`",
        "executor" => "write `executor slurm { … }`",
        _ => return None,
    })
}

/// Tells of a refusal, unless something has been told about these lines already.
fn explain(reader: &mut Reader<'_>, scan: &Scan, start: usize, end: usize, refusal: &Refusal) {
    explain_with(reader, scan, (start, end), refusal, None);
}

fn explain_with(
    reader: &mut Reader<'_>,
    scan: &Scan,
    (start, end): (usize, usize),
    refusal: &Refusal,
    form: Option<&'static str>,
) {
    if scan.explains(start, end) {
        return;
    }
    if refusal.too_long {
        return reader.tell(diagnostics::too_long(Span::new(reader.file, start, end)));
    }
    // Past the last word there is nothing to point at; the last word is where something is missing.
    let at = layout::blanks(reader.text.as_bytes(), refusal.at.clamp(start, end)).min(end);
    let found = found_at(reader.text, at, end);
    let span = if at < end {
        let length = found.trim_matches('`').len().max(1);
        let length = if found.starts_with('`') { length } else { 1 };
        Span::new(reader.file, at, at + length)
    } else {
        let last = reader.text[start..end].char_indices().last().map_or(start, |(last, _)| start + last);
        Span::new(reader.file, last, end)
    };
    let told = diagnostics::unexpected(span, &found, &refusal.expected);
    let is_next = ["the end of the line", "a new line"].iter().any(|one| refusal.expected.contains(one))
        && reader.text[at..end].starts_with(|next: char| next.is_ascii_alphabetic());
    reader.tell(match form {
        Some(form) => told.help(form),
        None if is_next => told.help("entries stand on lines of their own, or are parted by one `,` or `;`"),
        None => told,
    });
}

/// What stands at `at`, in words.
fn found_at(text: &str, at: usize, end: usize) -> String {
    let word = layout::word(text, at);
    if !word.is_empty() && at < end {
        return format!("`{word}`");
    }
    match text[at..end].chars().next() {
        None | Some('\n') => "the end of the line".to_owned(),
        Some('"') => "a text".to_owned(),
        Some(digit) if digit.is_ascii_digit() => "a number".to_owned(),
        Some(_) if ["==", "!=", "<=", ">=", "+=", "-=", ".."].iter().any(|sign| text[at..end].starts_with(sign)) => {
            format!("`{}`", &text[at..at + 2])
        }
        Some(sign) => format!("`{sign}`"),
    }
}

/// The names that an item that is not read declares, as far as they can be made out: the word after its first.
fn declared_by(reader: &Reader<'_>, start: usize, end: usize) -> Vec<Name> {
    let text = &reader.text[..end];
    let keyword = layout::word(text, start);
    let after = layout::blanks(text.as_bytes(), start + keyword.len());
    let name_at = |at: usize| {
        let word = layout::word(text, at);
        (!word.is_empty()).then(|| Spanned::new(word.to_owned(), Span::new(reader.file, at, at + word.len())))
    };
    let path_follows = text.as_bytes().get(after) == Some(&b'"');
    let is_use = keyword == "use" || path_follows && nearest(keyword, ITEM_KEYWORDS) == Some("use");
    if !is_use {
        // `experiment.seed` speaks of the experiment by its keyword.
        let is_experiment = nearest(keyword, ITEM_KEYWORDS) == Some("experiment");
        let keyword_span = Span::new(reader.file, start, start + keyword.len());
        let by_keyword = is_experiment.then(|| Spanned::new("experiment".to_owned(), keyword_span));
        return name_at(after).into_iter().chain(by_keyword).collect();
    }
    // `use "…" { a, b as c }`: of each part its last word; `use "…" as rubrics` likewise.
    let path_end = text[after..].match_indices('"').nth(1).map_or(after, |(at, _)| after + at + 1);
    let stop = text[path_end..].find('}').map_or(end, |at| path_end + at);
    let mut names = Vec::new();
    let mut from = path_end;
    for part in text[path_end..stop].split_inclusive([',', ';', '{', '\n']) {
        let words = part.trim_end_matches([',', ';', '{', '\n', ' ', '\t', '\r']);
        let last = words.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        if words.is_char_boundary(last) {
            names.extend(name_at(from + last));
        }
        from += part.len();
    }
    names
}

fn header_of(reader: &Reader<'_>, scan: &Scan, start: usize, end: usize) -> Span {
    let has_braces = has_body(layout::word(reader.text, start));
    let stop = braces(scan, start, end).filter(|_| has_braces).map_or(end, |(open, _)| open);
    Span::new(reader.file, start, start + reader.text[start..stop].trim_end().len())
}

/// The first braces of `start..end` that stand in no other brackets: where `{` is, and where its `}` is or should be.
fn braces(scan: &Scan, start: usize, end: usize) -> Option<(usize, usize)> {
    let mut depth = 0_usize;
    let mut open = None;
    for mark in scan.marks(start, end + 1) {
        match mark.kind {
            MarkKind::Open(byte) => {
                if depth == 0 && byte == b'{' && open.is_none() {
                    open = Some(mark.at);
                }
                depth += 1;
            }
            MarkKind::Close { .. } => {
                depth = depth.saturating_sub(1);
                if let Some(open) = open.filter(|_| depth == 0) {
                    return Some((open, mark.at.min(end)));
                }
            }
            _ => {}
        }
    }
    open.map(|open| (open, end))
}

/// Past a brace, if it stands there: one that is missing has a place, but no length.
fn past(text: &str, at: usize, brace: u8) -> usize {
    at + usize::from(text.as_bytes().get(at) == Some(&brace))
}

/// The stretch of `start..end` without blanks, new lines and comments around it; `None` when there is nothing else.
fn code_of(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut first = start;
    while first < end {
        match bytes[first] {
            b' ' | b'\t' | b'\r' | b'\n' => first += 1,
            b'#' => first = layout::line_end(bytes, first),
            _ => break,
        }
    }
    (first < end).then(|| (first, first + text[first..end].trim_end().len()))
}

/// Reads all of the reader's text as `path=value`.
pub(super) fn set(reader: &mut Reader<'_>) -> Option<(Vec<Segment>, Expr)> {
    match reader.set() {
        Ok(set) => Some(set),
        Err(refusal) => {
            let end = reader.text.len();
            explain(reader, &Scan::default(), 0, end, &refusal);
            None
        }
    }
}
