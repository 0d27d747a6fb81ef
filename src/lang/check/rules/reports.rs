//! Laws about `report` items.

use super::{Checker, Decl, Val, say};
use crate::program::Layer;
use crate::source::Span;
use crate::syntax::ast::ExprKind;

/// What a report can be asked for as. Whether it is written as that yet is the run's to say.
const ENDINGS: [&str; 3] = ["html", "md", "tex"];

/// A file says where its page goes only under the root, and not where git or the store keep what is theirs. What `--set` says is the
/// caller's own to decide.
pub fn writes_pages_under_the_root(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(field) = checker.done[decl.id.0 as usize].as_ref().and_then(|done| done.fields.get("write").cloned())
    else {
        return;
    };
    let Val::List(files) = field.val else { return };
    let mine = field.origin.layer != Layer::Set;
    for path in files.iter().filter_map(|file| if let Val::Text(path) = file { Some(path.as_str()) } else { None }) {
        let span = entry(checker, decl, path);
        if let Some(why) = misplaced(path).filter(|_| mine) {
            checker.found.add(say::page_misplaced(span, path, why));
        } else if !has_ending(path) {
            checker.found.add(say::page_of_no_kind(span, path, &ENDINGS));
        }
    }
}

fn has_ending(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let split = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    split.is_some_and(|(_, ending)| ENDINGS.iter().any(|one| one.eq_ignore_ascii_case(ending)))
}

/// Why a page may not go there, by the letters alone; where links lead is told by who looks.
fn misplaced(path: &str) -> Option<&'static str> {
    let mut depth = 0_usize;
    if path.starts_with(['/', '\\', '~']) || path.get(1..2) == Some(":") {
        return Some("is not a path from the project's root");
    }
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return Some("leaves the project's root"),
            ".." => depth -= 1,
            part if part.eq_ignore_ascii_case(".git") => return Some("is git's own"),
            part if part.eq_ignore_ascii_case(".mascot") => return Some("is the store's own"),
            _ => depth += 1,
        }
    }
    None
}

/// Where an entry of the list is written, or the list where that cannot be said.
fn entry(checker: &Checker<'_>, decl: &Decl<'_>, path: &str) -> Span {
    let items = match checker.last_expr(decl.id, "write").map(|expr| &expr.kind) {
        Some(ExprKind::List(items)) => items.as_slice(),
        _ => &[],
    };
    let written = items.iter().find(|item| matches!(&item.kind, ExprKind::String(text) if text == path));
    written.map_or_else(|| checker.written_at(decl, "write"), |item| item.span)
}
