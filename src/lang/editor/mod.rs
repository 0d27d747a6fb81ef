//! What an editor asks about a file while it is being written: pure functions over a checked file. Protocol, positions in UTF-16 and
//! files on a disk are the command line's.
//!
//! # Steps
//! 1. [`analyse`]: a file and its imports, checked; what is known of it although something may be wrong; what its names mean.
//! 2. [`walk`]: where in the file one is, from the words before, so that it works where the tree has a hole.
//! 3. One file a question: [`complete`], [`hover`], [`names`] (definition, references), [`rename`], [`outline`] (symbols, folding),
//!    [`hints`], [`paint`] (semantic tokens).
//!
//! All offsets are bytes of the file that is asked about. Uses the checks and the schema; absent: any knowledge of a kind or a field of
//! its own.

pub mod complete;
pub mod cursor;
pub mod hints;
pub mod hover;
pub mod names;
pub mod outline;
pub mod paint;
pub mod rename;
#[cfg(test)]
mod tests;
pub mod walk;

use crate::check::load;
use crate::check::names::{Binding, Names};
use crate::check::schema::{self, Attribute, Kind};
use crate::check::sink::Sink;
use crate::check::uses::Uses;
use crate::check::{self, layers, locked};
use crate::diagnostic::Diagnostics;
use crate::program::{EntityId, EntityKind, Program};
use crate::source::{FileId, SourceMap, World};
use crate::syntax::ast::{Expr, ExprKind, Item, ItemKind, Segment};
use crate::{Checked, MAX_DIAGNOSTICS, lint};

/// A main file and its imports, as an editor wants them.
pub struct Analysis {
    pub checked: Checked,
    /// Of a program with errors, what is not in doubt: to be shown, never run.
    partial: Option<Program>,
    uses: Uses,
}

/// Checks `main` and all that it imports.
pub fn analyse(world: &dyn World, main: &str) -> Analysis {
    let (mut files, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    let tree = load::load(world, main, &mut files, &mut diagnostics);
    locked::verify(world, &tree, &mut files, &mut diagnostics);
    let (known, uses) = check::for_editor(&tree, &files, &mut diagnostics);
    let (program, partial) = match known {
        Ok(whole) => (Some(whole), None),
        Err(partial) => (None, Some(partial)),
    };
    let diagnostics = diagnostics.at_most_a_file(MAX_DIAGNOSTICS);
    Analysis { checked: Checked { files, diagnostics, program, tree }, partial, uses }
}

/// Rules look at every item of every variant; these take some 25 ms.
const MOST_ITEMS: usize = 4_000;

/// The file that was asked for; imports come after it.
pub const MAIN: FileId = FileId(0);

impl Analysis {
    /// The text of the main file.
    pub fn text(&self) -> &str {
        &self.checked.files.file(MAIN).text
    }

    /// What the rules of `lint` find: nothing while anything is wrong, nor in a program of so many variants that asking would be felt by
    /// who types.
    pub fn lints(&self) -> Diagnostics {
        let items = self.known().entities.len() * self.checked.variants().len();
        if items > MOST_ITEMS { Diagnostics::default() } else { lint::rules(&self.checked) }
    }

    /// What is known of the program, although something may be wrong.
    fn known(&self) -> &Program {
        let known = self.checked.program.as_ref().or(self.partial.as_ref());
        known.expect("a program is known as a whole or in part: `analyse` sees to it")
    }

    /// What each name means. Cheap beside a check; what is wrong was told by that.
    fn names(&self) -> Names<'_> {
        check::names::declare(&self.checked.tree, &self.checked.files, &mut Sink::default())
    }

    fn items(&self, file: FileId) -> &[Item] {
        self.checked.tree.files.get(file.0 as usize).map_or(&[], |file| &file.items)
    }
}

/// Names of a file, asked from a place in it.
struct Scope<'s> {
    analysis: &'s Analysis,
    names: Names<'s>,
}

/// What a dotted path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Led {
    Item(EntityId),
    Module(FileId),
    /// All of a list of personas.
    Each(EntityId),
    Attribute(&'static Attribute),
}

impl<'s> Scope<'s> {
    fn new(analysis: &'s Analysis) -> Self {
        Self { analysis, names: analysis.names() }
    }

    fn kind_of(&self, id: EntityId) -> Option<&'static Kind> {
        self.names.decl(id).schema
    }

    /// Where a path leads from the main file; `variable` is the name of the persona that the place is bound to.
    fn follow(&self, path: &[&str], variable: Option<&str>) -> Option<Led> {
        let (head, rest) = path.split_first()?;
        let mut led = if variable.is_some_and(|variable| variable == *head) {
            Led::Each(*self.personas_of_nobody().first()?)
        } else {
            match self.names.look_up(MAIN, head) {
                Some(Binding::Decl(id)) => Led::Item(id),
                Some(Binding::Module(file)) => Led::Module(file),
                Some(Binding::Faulty) => return None,
                None if *head == "experiment" => Led::Item(self.names.experiment(MAIN)?),
                None => return None,
            }
        };
        for step in rest {
            led = self.step(led, step)?;
        }
        Some(led)
    }

    fn step(&self, led: Led, step: &str) -> Option<Led> {
        match led {
            Led::Module(file) => match self.names.declared_in(file, step)? {
                Binding::Decl(id) => Some(Led::Item(id)),
                _ => None,
            },
            Led::Each(one) => Some(Led::Attribute(self.kind_of(one)?.field(step)?)),
            Led::Attribute(attribute) => walk::below(attribute, step).map(Led::Attribute),
            Led::Item(id) => {
                let decl = self.names.decl(id);
                if let Some(field) = decl.schema.and_then(|kind| kind.field(step)) {
                    return Some(Led::Attribute(field));
                }
                let members = self.members(id);
                if step == "*" {
                    return match decl.kind {
                        EntityKind::Stage => Some(led),
                        _ => members.first().map(|first| Led::Each(*first)),
                    };
                }
                let chosen = layers::member_named(&self.names, &members, step, MAIN)?;
                // A member of a family has the stage's fields; one of a list is that item.
                Some(if decl.kind == EntityKind::Stage { led } else { Led::Item(chosen) })
            }
        }
    }

    /// The personas of a list or a family, the rubrics of a judge: as they are written.
    fn members(&self, id: EntityId) -> Vec<EntityId> {
        let decl = self.names.decl(id);
        let list: Option<&Expr> = match decl.kind {
            EntityKind::Let | EntityKind::Param => decl.value(),
            EntityKind::Stage => self.binder_list(id, 0),
            EntityKind::Judge => layers_value(self, id, "rubrics", 0),
            EntityKind::Director => layers_value(self, id, "seats", 0),
            _ => None,
        };
        let file = list.map_or(decl.file, |list| list.span.file);
        list.and_then(|list| layers::listed(&self.names, list, file, 0)).unwrap_or_default()
    }

    fn binder_list(&self, id: EntityId, depth: usize) -> Option<&'s Expr> {
        let decl = self.names.decl(id);
        match decl.binder() {
            Some(binder) => Some(&binder.list),
            None => self.base(id).filter(|_| depth < 64).and_then(|base| self.binder_list(base, depth + 1)),
        }
    }

    fn base(&self, id: EntityId) -> Option<EntityId> {
        let decl = self.names.decl(id);
        match self.names.base(decl.file, decl.extends?)? {
            Binding::Decl(base) => Some(base),
            _ => None,
        }
    }

    /// Any persona that the main file can name, to stand for one that is not known.
    fn personas_of_nobody(&self) -> Vec<EntityId> {
        let persona = |decl: &&check::names::Decl<'_>| decl.kind == EntityKind::Persona;
        self.names.decls.iter().filter(persona).map(|decl| decl.id).take(1).collect()
    }

    /// The attribute that a dotted path of a variant or sweep changes.
    fn attribute_at(&self, path: &str) -> Option<&'static Attribute> {
        let steps: Vec<&str> = path.split('.').collect();
        match self.follow(&steps, None)? {
            Led::Attribute(attribute) => Some(attribute),
            Led::Item(id) => match &self.names.decl(id).item.kind {
                ItemKind::Param { kind, .. } => walk::of_param(&kind.value),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The expression that an item, or its base, writes to a field.
fn layers_value<'s>(scope: &Scope<'s>, id: EntityId, field: &str, depth: usize) -> Option<&'s Expr> {
    let decl = scope.names.decl(id);
    let own = decl.body.and_then(|body| {
        body.entries.iter().find_map(|entry| match entry {
            crate::syntax::ast::Entry::Assign(assign) => match assign.path.as_slice() {
                [Segment::Name(name)] if name.value == field => Some(&assign.value),
                _ => None,
            },
            _ => None,
        })
    });
    own.filter(|expr| !matches!(expr.kind, ExprKind::Faulty))
        .or_else(|| scope.base(id).filter(|_| depth < 64).and_then(|base| layers_value(scope, base, field, depth + 1)))
}

/// The kind of a stage or block by its header's words.
fn kind_named(keyword: &str, stage: &str) -> Option<&'static Kind> {
    if keyword == "stage" { schema::stage(stage) } else { schema::item(keyword) }
}
