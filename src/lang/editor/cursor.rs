//! The place of a cursor: what may stand there, which words stand before it on its dotted path, and what would be replaced.

use super::walk::{Head, Place, Resolve, Walk};
use crate::format::tokens::{Kind, Token, tokens};

/// Where a cursor stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor<'a> {
    pub inside: Inside,
    pub place: Place<'a>,
    /// The item around it.
    pub head: Head<'a>,
    /// Of `panel.fid|`: `panel`. Of something in brackets, `delta(a, b).|`, an empty word.
    pub path: Option<&'a str>,
    /// Fields of this block, arguments of this call, or names of this list, that are written already, before or after.
    pub written: Vec<&'a str>,
    /// What is written is names.
    pub in_list: bool,
    /// Past the header of the item.
    pub in_body: bool,
    /// The fields around the one that it stands in; `None` in a block inside an item.
    pub trail: Option<Vec<&'a str>>,
    /// What a proposal replaces: the word around the cursor.
    pub word: (usize, usize),
    /// At the margin, in something that is open above: perhaps a new item begins.
    pub at_margin: bool,
}

/// In what kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    Code,
    Comment,
    /// A text on one line or prose, with its quotes.
    Text,
    /// After the `{{` of a slot, in a text.
    Slot,
}

/// Looks at the place of `offset`.
pub fn cursor<'a>(text: &'a str, offset: usize, resolve: &'a Resolve<'a>) -> Cursor<'a> {
    let all = tokens(text);
    // What ends before the cursor; a word that it touches is being written.
    let touching = all.iter().position(|token| token.end() >= offset);
    let mut stop = touching.unwrap_or(all.len());
    let touched = all.get(stop).filter(|token| token.at < offset);
    let mut inside = Inside::Code;
    let mut word = (offset, offset);
    let mut path = None;
    match touched {
        Some(token) if token.kind == Kind::Comment => inside = Inside::Comment,
        Some(token) if is_within(token, offset) => {
            let slot = slot_around(token, offset);
            inside = if slot.is_some() { Inside::Slot } else { Inside::Text };
            word = slot.unwrap_or_else(|| text_around(token, offset));
        }
        Some(token) if matches!(token.kind, Kind::Word | Kind::Access) => {
            let before = &token.text[..offset - token.at];
            let from = before.rfind('.').map(|dot| dot + 1);
            let past = token.text[offset - token.at..].find('.').map_or(token.end(), |dot| offset + dot);
            word = (token.at + from.unwrap_or(0), past);
            path = from.map(|dot| &before[..dot - 1]);
        }
        // What touches the cursor stands before it; of `400st|` the number does.
        Some(token) => {
            stop += 1;
            if token.kind == Kind::Number {
                let letters = token.text.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
                let from = token.end() - letters;
                word = if offset >= from { (from, token.end()) } else { word };
            }
        }
        None => {
            // The next word begins at the cursor.
            if let Some(next) = all.get(stop).filter(|next| next.kind == Kind::Word && next.at == offset) {
                word.1 = next.at + next.text.find('.').unwrap_or(next.text.len());
            }
        }
    }
    // `panel.|`: the point is a sign of its own.
    if path.is_none() && word.0 == word.1 && stop > 0 && all[stop - 1].text == "." && all[stop - 1].end() == offset {
        let before = stop.checked_sub(2).and_then(|at| all.get(at)).filter(|before| before.end() == all[stop - 1].at);
        match before.map(|before| (before.kind, before.text)) {
            Some((Kind::Word, text)) => (path, stop) = (Some(text), stop - 2),
            Some((Kind::Close, _)) => (path, stop) = (Some(""), stop - 1),
            _ => {}
        }
    }
    let mut walk = Walk::new(text, resolve);
    for (at, token) in all[..stop].iter().enumerate() {
        walk.feed(*token, all.get(at + 1));
    }
    let depth = walk.depth();
    let mut written = walk.written().to_vec();
    written.extend(written_after(walk.clone(), &all[stop..], offset, depth));
    let margin = text[..word.0].rfind('\n').map_or(0, |at| at + 1);
    Cursor {
        inside,
        place: walk.place(),
        head: walk.head(),
        path,
        written,
        in_list: walk.in_list(),
        in_body: walk.in_body(),
        trail: walk.trail(),
        word,
        at_margin: margin == word.0 && depth > 1,
    }
}

/// Between the quotes of a text on one line; of prose nothing is replaced.
fn text_around(token: &Token<'_>, offset: usize) -> (usize, usize) {
    match token.kind {
        Kind::String => {
            let closed = token.text.len() >= 2 && token.text.ends_with('"');
            (token.at + 1, (token.end() - usize::from(closed)).max(token.at + 1))
        }
        _ => (offset, offset),
    }
}

/// The name of the slot that is being written: `{{ch|`.
fn slot_around(token: &Token<'_>, offset: usize) -> Option<(usize, usize)> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let at = offset.checked_sub(token.at)?;
    let before = token.text.as_bytes()[..at].iter().rev().take_while(|byte| is_part(byte)).count();
    let after = token.text.as_bytes()[at..].iter().take_while(|byte| is_part(byte)).count();
    token.text[..at - before].ends_with("{{").then_some((offset - before, offset + after))
}

/// Not before its first quote and not past its last.
fn is_within(token: &Token<'_>, offset: usize) -> bool {
    match token.kind {
        Kind::String | Kind::Prose => offset < token.end() || token.text.len() < 2 || !token.text.ends_with('"'),
        _ => false,
    }
}

/// What the rest of the block says, so that it is not proposed again.
fn written_after<'a>(mut walk: Walk<'a>, rest: &[Token<'a>], offset: usize, depth: usize) -> Vec<&'a str> {
    let before = walk.written().len();
    let mut last = Vec::new();
    // The line of the cursor is being written: what stands on it is no field yet.
    let mut on_line = true;
    for (at, token) in rest.iter().enumerate() {
        on_line &= token.at < offset || !matches!(token.kind, Kind::NewLine | Kind::Separator | Kind::Close);
        if on_line {
            continue;
        }
        walk.feed(*token, rest.get(at + 1));
        if walk.depth() < depth || walk.depth() == 1 {
            break;
        }
        if walk.depth() == depth {
            last = walk.written().get(before..).unwrap_or(&[]).to_vec();
        }
    }
    last
}
