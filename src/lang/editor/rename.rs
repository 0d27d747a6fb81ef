//! What stands against a rename: another meaning of the new name, and mentions that nobody can see because something is wrong around them.

use std::collections::BTreeSet;

use super::names::{Symbol, Unnameable, occurrences};
use super::{Analysis, Scope};
use crate::check::names::Binding;
use crate::diagnostic::Severity;
use crate::format::tokens::{Kind, Token, tokens};
use crate::program::EntityKind;
use crate::source::{FileId, Span};
use crate::syntax::ast::{Body, Entry, Item, ItemKind};

/// Why `new` cannot be said where `symbol` is said: by its own name, or in the one file that has another for it, `only`.
pub fn taken(analysis: &Analysis, symbol: Symbol, new: &str, only: Option<FileId>) -> Option<Unnameable> {
    let declared = match symbol {
        Symbol::At(declared) => declared,
        Symbol::File(file) => Span::new(file, 0, 0),
    };
    let scope = Scope::new(analysis);
    let place = |span: Span| {
        let line = analysis.checked.files.position(span.file, span.start).line;
        format!("{}:{line}", analysis.checked.files.file(span.file).path)
    };
    let binders = || scope.names.decls.iter().filter_map(|decl| Some((decl, &decl.binder()?.variable)));
    let is_bound = binders().any(|(_, variable)| variable.span == declared);
    let is_item = only.is_some() || super::names::declared_at(analysis, declared).is_some();
    if !is_bound && !is_item {
        return None;
    }
    let old = analysis.checked.files.text(declared);
    for file in &analysis.checked.tree.files {
        let means = |name: &str| scope.names.look_up(file.id, name);
        let says_it = match means(old) {
            Some(Binding::Decl(id)) => is_item && scope.names.decl(id).name.span == declared,
            _ => false,
        };
        let concerns = match only {
            Some(only) => file.id == only,
            None => says_it || is_bound && file.id == declared.file,
        };
        if !concerns {
            continue;
        }
        match means(new) {
            Some(Binding::Decl(id)) => {
                let other = scope.names.decl(id).name;
                return Some(match other.value == new {
                    true => format!("`{new}` is taken: it is declared in {}", place(other.span)),
                    false => format!("`{new}` is taken: `{}` is called so here", other.value),
                });
            }
            Some(Binding::Module(_)) => return Some(format!("`{new}` is taken: a file is imported by this name")),
            Some(Binding::Faulty) => return Some(format!("`{new}` is taken by something that is not understood yet")),
            None => {}
        }
        if is_item
            && let Some((stage, variable)) = binders().find(|(decl, variable)| {
                // In every stage `for …`, `persona` is the member's persona, whatever the variable is called.
                decl.file == file.id && (variable.value == new || new == "persona")
            })
        {
            let (stage, at) = (&stage.name.value, place(variable.span));
            return Some(format!("`{new}` is taken: in the stage `{stage}` it is the member's persona ({at})"));
        }
    }
    None
}

/// Where the name of a symbol stands as a word of code, and what is wrong there hides what it means: renamed, it would be left behind.
/// `only`: the one file in which the name is changed, of an alias.
pub fn unseen(analysis: &Analysis, symbol: Symbol, written: &str, only: Option<FileId>) -> Option<Span> {
    let wrong: Vec<Span> = analysis
        .checked
        .diagnostics
        .sorted()
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .map(|one| one.primary.span)
        .collect();
    if wrong.is_empty() {
        return None;
    }
    let scope = Scope::new(analysis);
    let mut seen: BTreeSet<Span> = occurrences(analysis).into_iter().map(|one| one.span).collect();
    seen.extend(analysis.uses.keys());
    let bound_in = match symbol {
        Symbol::At(at) => scope
            .names
            .decls
            .iter()
            .find_map(|decl| decl.binder().filter(|binder| binder.variable.span == at).map(|_| decl.item.span)),
        Symbol::File(_) => None,
    };
    for file in analysis.checked.tree.files.iter().filter(|file| only.is_none_or(|only| file.id == only)) {
        let source = analysis.checked.files.file(file.id);
        if source.path.starts_with("std/") {
            continue;
        }
        // What the bare word means in this file, if that is known, and is something else.
        let is_other = match (scope.names.look_up(file.id, written), symbol) {
            (Some(Binding::Decl(id)), Symbol::At(at)) => {
                bound_in.is_none() && scope.names.decl(id).name.span != at && only.is_none()
            }
            (Some(Binding::Module(module)), symbol) => symbol != Symbol::File(module),
            _ => false,
        };
        let all = tokens(&source.text);
        for (at, token) in all.iter().enumerate() {
            if !matches!(token.kind, Kind::Word | Kind::Access) {
                continue;
            }
            for (number, span) in parts_named(file.id, token, written) {
                let is_known = seen.contains(&span) || number == 0 && token.kind == Kind::Word && is_other;
                let is_elsewhere = bound_in.is_some_and(|item| !is_in(span, item));
                let item = file.items.iter().find(|item| is_in(span, item.span));
                // Of what is not read at all nobody knows on which side of its signs names stand.
                let is_read = item.is_some_and(|item| !matches!(item.kind, ItemKind::Faulty { .. }));
                let label = is_label(&scope, file.id, token, all.get(at + 1), is_read);
                if is_known || is_elsewhere || label {
                    continue;
                }
                let is_told = |item: &Item| wrong.iter().any(|one| one.file == file.id && touches(*one, item.span));
                let hides = !is_read || item.is_some_and(is_told);
                if hides {
                    return Some(span);
                }
            }
        }
    }
    None
}

/// The parts of a dotted path that are this word, with their number on the path.
fn parts_named(file: FileId, token: &Token<'_>, written: &str) -> Vec<(usize, Span)> {
    let mut at = token.at;
    let mut found = Vec::new();
    for (number, part) in token.text.split('.').enumerate() {
        if part == written {
            found.push((number, Span::new(file, at, at + part.len())));
        }
        at += part.len() + 1;
    }
    found
}

/// Whether a word is the name of a call, an argument or a field, and no mention; on the left of a variant's or a grid's lines it is one.
fn is_label(scope: &Scope<'_>, file: FileId, token: &Token<'_>, next: Option<&Token<'_>>, is_read: bool) -> bool {
    let is_path = scope.names.decls.iter().any(|decl| {
        let changes = matches!(decl.kind, EntityKind::Variant | EntityKind::Sweep);
        let at = Span::new(file, token.at, token.end());
        changes && decl.body.is_some_and(|body| is_in(at, body.span) && !is_in_record(body, at))
    });
    match next.map(|next| (next.kind, next.text)) {
        Some((Kind::Open(b'('), _) | (_, ":")) => true,
        Some((_, "=" | "+=" | "-=")) => is_read && !is_path,
        _ => false,
    }
}

/// Whether a place is in a value of a body.
fn is_in_record(body: &Body, at: Span) -> bool {
    body.entries.iter().any(|entry| match entry {
        Entry::Assign(assign) => is_in(at, assign.value.span),
        Entry::Block(block) => is_in_record(&block.body, at),
        _ => false,
    })
}

fn is_in(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && outer.start <= inner.start && inner.end <= outer.end
}

fn touches(one: Span, other: Span) -> bool {
    one.file == other.file && one.start <= other.end && other.start <= one.end
}
