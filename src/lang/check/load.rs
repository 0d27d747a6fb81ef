//! Every file that the main file needs, read and parsed: imports, also after errors, and the texts of `text("…")`.
//!
//! May use: `syntax`, [`World`], the embedded library. Afterwards nothing is read any more: a point is checked again from
//! the [`Tree`] alone.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostics as say;
use crate::address;
use crate::diagnostic::Diagnostics;
use crate::source::{FileId, SourceMap, Span, World};
use crate::syntax::ast::{Body, Entry, Expr, ExprKind, File, ItemKind, Segment};
use crate::{stdlib, syntax};

/// At most this many files are read.
const MAX_IMPORTS: usize = 256;

/// Files that all import each other go round in more circles than anybody reads of.
const MAX_CYCLES: usize = 100;

/// What was read.
#[derive(Debug, Default)]
pub struct Tree {
    /// By [`FileId`]; those of `--set` are not among them.
    pub files: Vec<File>,
    /// By the place of the path in `use`; absent when the file could not be read.
    pub imports: BTreeMap<Span, FileId>,
    /// Texts of `text("path")`, by the file that names them.
    pub prose: BTreeMap<(FileId, String), Result<String, String>>,
    /// Where each of them is named first.
    pub texts: BTreeMap<(FileId, String), Span>,
    /// `--set` in their order: path and value.
    pub sets: Vec<(Vec<Segment>, Expr)>,
}

/// Reads `main` and all that it imports. The main file is [`FileId`] 0.
pub fn load(world: &dyn World, main: &str, files: &mut SourceMap, found: &mut Diagnostics) -> Tree {
    let mut tree = Tree::default();
    let text = match world.source(main) {
        Ok(text) => text,
        Err(why) => {
            let id = files.add(main.to_owned(), String::new());
            found.add(say::file_unreadable(Span::new(id, 0, 0), main, &why));
            tree.files.push(File { id, edition: None, items: Vec::new() });
            return tree;
        }
    };
    read(world, main.to_owned(), text, files, &mut tree, found);

    let mut at = 0;
    let mut told_of_limit = false;
    while at < tree.files.len() {
        let id = tree.files[at].id;
        let uses: Vec<(Span, String)> = tree.files[at]
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Use { path, .. } => Some((path.span, path.value.clone())),
                _ => None,
            })
            .collect();
        for (span, written) in uses {
            let path = match address::resolve(&files.file(id).path, &written) {
                Ok(path) => path,
                Err(wrong) => {
                    found.add(say::address_wrong(span, &written, &wrong));
                    continue;
                }
            };
            if let Some(known) = files.find(&path) {
                tree.imports.insert(span, known);
                continue;
            }
            if tree.files.len() > MAX_IMPORTS {
                if !told_of_limit {
                    found.add(say::too_many_imports(span, MAX_IMPORTS));
                    told_of_limit = true;
                }
                continue;
            }
            let text = match path.strip_prefix("std/") {
                Some(name) => world
                    .library(name)
                    .or_else(|| stdlib::text(name).map(str::to_owned))
                    .ok_or_else(|| "no such file".to_owned()),
                None => world.source(&path),
            };
            match text {
                Ok(text) => {
                    let known = read(world, path, text, files, &mut tree, found);
                    tree.imports.insert(span, known);
                }
                Err(why) if address::is_far(&path) => found.add(say::far_not_here(span, &path, &why)),
                Err(why) => found.add(say::import_unreadable(span, &written, &why, stdlib::names())),
            }
        }
        at += 1;
    }
    report_import_cycles(&tree, files, found);
    tree
}

/// `--set` as the file's own grammar reads it, each as a file of one line; a fault points into that line.
pub fn read_sets(
    world: &dyn World,
    sets: &[(String, String)],
    files: &mut SourceMap,
    tree: &mut Tree,
    found: &mut Diagnostics,
) {
    for (path, value) in sets {
        let id = files.add("--set".to_owned(), format!("{path}={value}"));
        match syntax::parse_set(id, path, value) {
            Ok((path, value)) => {
                read_prose_of(world, &value, FileId(0), files, tree);
                tree.sets.push((path, value));
            }
            Err(faults) => found.extend(faults),
        }
    }
}

fn read(
    world: &dyn World,
    path: String,
    text: String,
    files: &mut SourceMap,
    tree: &mut Tree,
    found: &mut Diagnostics,
) -> FileId {
    let id = files.add(path, text);
    let (file, faults) = syntax::parse(id, &files.file(id).text);
    found.extend(faults);
    for item in &file.items {
        match &item.kind {
            ItemKind::Let { value, .. } | ItemKind::Param { value, .. } => {
                read_prose_of(world, value, id, files, tree);
            }
            ItemKind::Stage { body, .. } | ItemKind::Block { body, .. } => {
                read_prose_of_body(world, body, id, files, tree);
            }
            _ => {}
        }
    }
    tree.files.push(file);
    id
}

fn read_prose_of_body(world: &dyn World, body: &Body, file: FileId, files: &SourceMap, tree: &mut Tree) {
    for entry in &body.entries {
        match entry {
            Entry::Assign(assign) => read_prose_of(world, &assign.value, file, files, tree),
            Entry::Block(block) => read_prose_of_body(world, &block.body, file, files, tree),
            _ => {}
        }
    }
}

/// Reads the file of every `text("path")` inside; `text(48 tok)` is another call, told apart by its argument.
fn read_prose_of(world: &dyn World, expr: &Expr, file: FileId, files: &SourceMap, tree: &mut Tree) {
    match &expr.kind {
        ExprKind::Call { name, args } => {
            if let ("text", [arg]) = (name.value.as_str(), args.as_slice())
                && let ExprKind::String(path) = &arg.value.kind
            {
                let key = (file, path.clone());
                if !tree.prose.contains_key(&key) {
                    let text = prose(world, &files.file(file).path, path);
                    tree.prose.insert(key.clone(), text);
                    tree.texts.insert(key, arg.value.span);
                }
                return;
            }
            args.iter().for_each(|arg| read_prose_of(world, &arg.value, file, files, tree));
        }
        ExprKind::List(items) => items.iter().for_each(|one| read_prose_of(world, one, file, files, tree)),
        ExprKind::Record(assigns) => {
            assigns.iter().for_each(|assign| read_prose_of(world, &assign.value, file, files, tree));
        }
        _ => {}
    }
}

/// The text of a file that `from` names: beside it, or in the tree that it was fetched with.
fn prose(world: &dyn World, from: &str, path: &str) -> Result<String, String> {
    if !address::is_far(from) && !address::is_far(path) {
        return world.prose(from, path);
    }
    match address::resolve(from, path) {
        Ok(_) if address::is_far(path) => Err("a text lies beside the file that names it".to_owned()),
        Ok(path) => world.source(&path).map_err(|why| format!("{why} (`mascot lock` fetches it)")),
        Err(_) => Err("it leaves the tree that was fetched".to_owned()),
    }
}

/// A file that imports itself, at first or second hand: told once, at its first `use`, the others beside it.
fn report_import_cycles(tree: &Tree, files: &SourceMap, found: &mut Diagnostics) {
    let edges: Vec<Vec<(Span, FileId)>> = tree
        .files
        .iter()
        .map(|file| {
            let uses = file.items.iter().filter_map(|item| match &item.kind {
                ItemKind::Use { path, .. } => tree.imports.get(&path.span).map(|to| (path.span, *to)),
                _ => None,
            });
            uses.collect()
        })
        .collect();
    // Depth first, with the stack as the path: (file, next edge).
    let mut finished = BTreeSet::new();
    let mut told = 0;
    for start in 0..edges.len() as u32 {
        let mut stack = vec![(FileId(start), 0usize)];
        while let Some((file, next)) = stack.pop() {
            if finished.contains(&file) {
                continue;
            }
            let Some((_, to)) = edges[file.0 as usize].get(next).copied() else {
                finished.insert(file);
                continue;
            };
            stack.push((file, next + 1));
            match stack.iter().position(|(on, _)| *on == to) {
                Some(_) if told >= MAX_CYCLES => {}
                Some(at) => {
                    told += 1;
                    let names = stack[at..].iter().map(|(on, _)| files.file(*on).path.as_str()).collect::<Vec<_>>();
                    // Of each file on the path the edge that led on is the one before its next.
                    let uses: Vec<Span> =
                        stack[at..].iter().map(|(on, next)| edges[on.0 as usize][next - 1].0).collect();
                    found.add(say::import_cycle(&uses, &names));
                }
                None => stack.push((to, 0)),
            }
        }
    }
}
