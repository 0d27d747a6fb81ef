//! The meaning of a tree: passes in order, each adding to the diagnostics, none stopping the next.
//!
//! What an earlier pass could not make out has the *unknown* type, which satisfies every use, so that one fault gives one
//! diagnostic and the rest of the file is still checked. (The graph comes before values, not after: it gives the order in
//! which values can be computed without recursion, and it needs names only.)

mod apply;
mod arithmetic;
mod blocks;
mod budget;
mod build;
mod diagnostics;
pub mod expand;
mod fields;
mod graph;
mod invoke;
pub(crate) mod layers;
pub mod load;
pub mod locked;
pub(crate) mod names;
mod origins;
mod paths;
pub mod points;
mod rules;
pub mod schema;
pub(crate) mod sink;
mod stages;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod types;
pub mod units;
pub(crate) mod uses;
mod val;
mod values;

use std::rc::Rc;

use budget::Budget;
pub(crate) use diagnostics::article;
use fields::Done;
use graph::Graph;
use layers::{Override, Writes};
use load::Tree;
use names::Names;
use sink::Sink;
use uses::Uses;

use crate::diagnostic::Diagnostics;
use crate::program::{EntityId, Program};
use crate::source::SourceMap;

/// The checker's tables while it works. They may have holes; a [`Program`] has none.
pub struct Checker<'t> {
    tree: &'t Tree,
    files: &'t SourceMap,
    names: Names<'t>,
    bases: Vec<Option<EntityId>>,
    /// By item, its layers.
    writes: Vec<Writes<'t>>,
    graph: Graph,
    /// By item, when it has been evaluated.
    done: Vec<Option<Rc<Done>>>,
    budget: Budget,
    /// For an editor: what names were taken to mean.
    uses: Option<Uses>,
    found: Sink,
}

/// Checks a tree with these values put over the file's: the five passes.
fn checked<'t>(tree: &'t Tree, files: &'t SourceMap, overrides: &[Override<'t>], uses: Option<Uses>) -> Checker<'t> {
    let mut found = Sink::default();
    let names = names::declare(tree, files, &mut found);

    let mut bases = graph::bases(&names, &mut found);
    let mut writes = layers::own(&names, overrides, &mut found);
    let full = bases.clone();
    let mut inherited = 0;
    for id in graph::order_of_bases(&mut bases) {
        if let Some(base) = bases[id.0 as usize] {
            let before = inherited;
            inherited += layers::count(&writes, base);
            if inherited <= budget::INHERITED {
                layers::inherit(&mut writes, id, base);
                continue;
            }
            if before <= budget::INHERITED {
                found.add(diagnostics::too_much(names.decl(id).name.span));
            }
            bases[id.0 as usize] = None;
        }
    }
    let graph = graph::build(&names, &writes, &full, &mut found);

    let done = names.decls.iter().map(|_| None).collect();
    let budget = Budget::default();
    let mut checker = Checker { tree, files, names, bases, writes, graph, done, budget, uses, found };
    for id in checker.graph.order.clone() {
        checker.item(id);
    }
    rules::check_all(&mut checker);
    checker
}

/// The base of a file: its diagnostics, those of its variants and sweeps included, and its program if there are no errors.
pub fn base(tree: &Tree, files: &SourceMap, found: &mut Diagnostics) -> Option<Program> {
    let overrides = points::sets(tree);
    let mut checker = checked(tree, files, &overrides, None);
    points::check_all(&mut checker);
    finish(checker, files, None, found)
}

/// Another point of a file whose base has been checked.
pub fn at<'t>(
    tree: &'t Tree,
    files: &'t SourceMap,
    overrides: &[Override<'t>],
    label: Option<String>,
    found: &mut Diagnostics,
) -> Option<Program> {
    finish(checked(tree, files, overrides, None), files, label, found)
}

/// The base of a file as an editor wants it: what is known of it although something may be wrong, and what its names mean. What is
/// in doubt is left out of an `Err`, so it is not one to run.
pub(crate) fn for_editor(tree: &Tree, files: &SourceMap, found: &mut Diagnostics) -> (Result<Program, Program>, Uses) {
    let mut checker = checked(tree, files, &points::sets(tree), Some(Uses::new()));
    points::check_all(&mut checker);
    let uses = checker.uses.take().unwrap_or_default();
    std::mem::take(&mut checker.found).into(found);
    // A program is made of what was evaluated and leaves none of it.
    let evaluated = checker.done.clone();
    let whole = (!found.has_errors()).then(|| build::program(&mut checker, files, None)).flatten();
    checker.done = evaluated;
    let known = whole.ok_or_else(|| build::partial(&mut checker, files));
    (known, uses)
}

fn finish(
    mut checker: Checker<'_>,
    files: &SourceMap,
    label: Option<String>,
    found: &mut Diagnostics,
) -> Option<Program> {
    let program = build::program(&mut checker, files, label);
    checker.found.into(found);
    if found.has_errors() {
        return None;
    }
    Some(program.expect("this is a bug in mascot: a value stayed unknown and nothing was said about it"))
}
