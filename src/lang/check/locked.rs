//! A program held against `mascot.lock`. People edit their own files all day, so one that differs from its line is a note; what was
//! fetched or vendored is as it was locked, or an error.
//!
//! May use: the tree, [`World`], `lock`, `address`. Absent: weights and data, which the language does not open.

use std::collections::BTreeSet;

use super::diagnostics as say;
use super::load::Tree;
use crate::address::{self, Far};
use crate::diagnostic::Diagnostics;
use crate::lock::{self, Entry, Kind, Lock};
use crate::source::{FileId, SourceMap, Span, World};
use crate::syntax::ast::ItemKind;

/// One file beside the main one that a program is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub kind: Kind,
    /// As `mascot.lock` names it: from the root, `std/…`, or an address.
    pub name: String,
    /// The file that asks for it.
    pub from: FileId,
    /// Where it does: the path in `use`, or the call of `text`.
    pub span: Span,
    /// `None` when it could not be read.
    pub digest: Option<String>,
}

/// What a program is made of: imports, also at second hand, and the files of `text("…")`; each once, by the first who asks.
pub fn parts(world: &dyn World, tree: &Tree, files: &SourceMap) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut seen = BTreeSet::new();
    for file in &tree.files {
        let from = &files.file(file.id).path;
        for item in &file.items {
            let ItemKind::Use { path, .. } = &item.kind else { continue };
            let Ok(to) = address::resolve(from, &path.value) else { continue };
            let read = tree.imports.get(&path.span);
            // A circle leads back to the main file, which is no part of itself.
            if read == Some(&FileId(0)) {
                continue;
            }
            let name = named(world, &to);
            if seen.insert((Kind::Import, name.clone())) {
                let digest = read.map(|id| lock::digest(&files.file(*id).text));
                parts.push(Part { kind: Kind::Import, name, from: file.id, span: path.span, digest });
            }
        }
    }
    for ((from, written), text) in &tree.prose {
        let Ok(to) = address::resolve(&files.file(*from).path, written) else { continue };
        let Some(span) = tree.texts.get(&(*from, written.clone())) else { continue };
        let name = named(world, &to);
        if seen.insert((Kind::Text, name.clone())) {
            let digest = text.as_ref().ok().map(|text| lock::digest(text));
            parts.push(Part { kind: Kind::Text, name, from: *from, span: *span, digest });
        }
    }
    parts
}

/// Tells of everything that is not as `mascot.lock` says. Without a lock there is nothing to tell.
pub fn verify(world: &dyn World, tree: &Tree, files: &mut SourceMap, found: &mut Diagnostics) {
    let Some((path, text)) = world.lock() else { return };
    let lock = Lock::parse(&text);
    let parts = parts(world, tree, files);
    for part in &parts {
        let Some(digest) = &part.digest else { continue };
        let known = lock.find(part.kind, &part.name);
        let is_strict = is_strict(&part.name);
        if known.iter().any(|entry| entry.pin == *digest) {
            continue;
        }
        let far = Far::parse(&part.name).and_then(Result::ok);
        match (known.is_empty(), &far) {
            (true, Some(_)) => found.add(say::far_not_locked(part.span, &part.name)),
            (true, None) => {}
            (false, far) if is_strict => {
                let place = far.as_ref().and_then(|far| lock.place(far)).unwrap_or_else(|| part.name.clone());
                found.add(say::vendored_differs(part.span, &place));
            }
            (false, _) => found.add(say::differs_from_lock(part.span, &part.name)),
        }
    }

    if lock.faulty.is_empty() && conflicts(&lock).is_empty() {
        return;
    }
    // It is among the sources only when something is told of it: it is no part of what a program means.
    let id = files.add(path, text.clone());
    let at = |range: &std::ops::Range<usize>| Span::new(id, range.start, range.end);
    for range in &lock.faulty {
        let marks = ["<<<<<<<", "=======", ">>>>>>>", "|||||||"];
        let is_mark = marks.iter().any(|mark| text[range.clone()].starts_with(mark));
        found.add(say::lock_line_unreadable(at(range), whole_line(&text, range, id), is_mark));
    }
    for (kind, name) in conflicts(&lock) {
        let lines: Vec<_> = lock.lines.iter().filter(|(_, one)| one.kind == kind && one.name == name).collect();
        let now =
            parts.iter().find(|part| part.kind == kind && part.name == name).and_then(|part| part.digest.as_ref());
        let differing = |one: &Entry| one.pin != lines[0].1.pin || one.edited != lines[0].1.edited;
        let (second, _) = lines.iter().find(|(_, one)| differing(one)).expect("a conflict has two");
        // The one that is true now stays.
        let stale = lines.iter().filter(|(_, one)| now.is_some_and(|now| one.pin != *now));
        let stale: Vec<Span> = stale.map(|(range, _)| whole_line(&text, range, id)).collect();
        let stale = if stale.len() < lines.len() { stale } else { Vec::new() };
        let is_error = kind == Kind::Git || is_strict(&name);
        found.add(say::locked_twice(at(second), at(&lines[0].0), &name, &stale, is_error));
    }
}

/// Entries with more than one pin, each once.
fn conflicts(lock: &Lock) -> BTreeSet<(Kind, String)> {
    let entries = lock.entries();
    let pairs = entries.iter().zip(entries.iter().skip(1));
    let same = pairs.filter(|(one, next)| one.kind == next.kind && one.name == next.name);
    same.map(|(one, _)| (one.kind, one.name.clone())).collect()
}

/// Whether a difference is an error: fetched, or in the folder of what others wrote.
fn is_strict(name: &str) -> bool {
    address::is_far(name) || name.strip_prefix(lock::VENDOR).is_some_and(|rest| rest.starts_with('/'))
}

fn named(world: &dyn World, path: &str) -> String {
    if address::is_far(path) || path.starts_with("std/") { path.to_owned() } else { world.in_root(path) }
}

/// With its line end.
fn whole_line(text: &str, range: &std::ops::Range<usize>, id: FileId) -> Span {
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at + 1);
    Span::new(id, range.start, end)
}
