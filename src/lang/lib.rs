//! The `.masc` language: text to checked program. Pure: no files, environment, clock, threads or printing.
//!
//! # Steps
//! 1. [`syntax`]: text → tree. A structural scan finds what is unclosed, each item is parsed by its own rule, a failing item
//!    entry by entry. Never fails: what cannot be read is kept as faulty, and told.
//! 2. [`mod@check`]: tree → [`program::Program`]. Names, values, fields, graph, laws; no pass stops the next.
//!
//! [`check()`] does both for a file and its imports; [`Checked::at`] does the second again for a variant or a point of a sweep.

// The parser library's macro names it so, as it is built without `std` (see the workspace's Cargo.toml).
extern crate alloc;

pub mod address;
pub mod check;
pub mod diagnostic;
pub mod diff;
pub mod editor;
pub mod explain;
pub mod fix;
pub mod format;
#[cfg(test)]
mod golden;
pub mod lint;
pub mod lock;
pub mod migrate;
#[cfg(test)]
mod planted;
pub mod program;
pub mod source;
pub mod stdlib;
pub mod syntax;

pub use check::expand::{Expanded, expand};
use check::load::{self, Tree};
use check::locked;
pub use check::locked::Part;
use check::points::{self, Skipped};
use diagnostic::Diagnostics;
pub use program::{GraphEdge, edges};
use program::{Point, Program};
use source::{SourceMap, World};

/// A file and its imports, checked.
#[derive(Debug)]
pub struct Checked {
    pub files: SourceMap,
    pub diagnostics: Diagnostics,
    /// The base, with `--set` on top; there if and only if there are no errors.
    pub program: Option<Program>,
    tree: Tree,
}

/// Checks `main` and all that it imports. `sets`: path and value of each `--set`, read by the file's own grammar.
pub fn check(world: &dyn World, main: &str, sets: &[(String, String)]) -> Checked {
    let (mut files, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    let mut tree = load::load(world, main, &mut files, &mut diagnostics);
    load::read_sets(world, sets, &mut files, &mut tree, &mut diagnostics);
    locked::verify(world, &tree, &mut files, &mut diagnostics);
    let program = check::base(&tree, &files, &mut diagnostics);
    Checked { files, diagnostics: diagnostics.at_most_a_file(MAX_DIAGNOSTICS), program, tree }
}

/// Past this many, a file is told how many more there are.
const MAX_DIAGNOSTICS: usize = 100;

impl Checked {
    /// Every file beside the main one that it is made of, as `mascot.lock` names them; `world` is the one that it was checked in.
    pub fn parts(&self, world: &dyn World) -> Vec<Part> {
        locked::parts(world, &self.tree, &self.files)
    }

    /// Every `.masc` file of it, the main one first, by its path in [`Checked::files`].
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        let read = self.tree.files.iter().map(|file| self.files.file(file.id));
        read.map(|file| (file.path.as_str(), file.text.as_str()))
    }

    /// Every text that a `text("path")` brought in: the file that names it, the path as written there, the text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let read = self.tree.prose.iter().filter_map(|((file, path), text)| Some((file, path, text.as_ref().ok()?)));
        read.map(|(file, path, text)| (self.files.file(*file).path.as_str(), path.as_str(), text.as_str()))
    }

    /// The main file's variants, in its order.
    pub fn variants(&self) -> Vec<Point> {
        points::named(&self.tree, "variant").into_iter().map(|name| Point::Variant(name.to_owned())).collect()
    }

    /// Names of the main file's sweeps, in its order.
    pub fn sweeps(&self) -> Vec<String> {
        points::named(&self.tree, "sweep").into_iter().map(str::to_owned).collect()
    }

    /// The points of a sweep, in its order; those that it skips are left out.
    pub fn sweep_points(&self, name: &str) -> Vec<Point> {
        points::of_sweep(&self.tree, &self.files, name).0
    }

    /// What a point sets: each path, as it is written, with the place of its value.
    pub fn settings(&self, point: &Point) -> Vec<(String, source::Span)> {
        points::settings(&self.tree, point)
    }

    /// What a sweep skips, and why.
    pub fn skipped_points(&self, name: &str) -> Vec<Skipped> {
        points::of_sweep(&self.tree, &self.files, name).1
    }

    /// The program at a point: the tree evaluated again with that layer.
    ///
    /// # Errors
    /// What is wrong at this point and was not at the base; all that is wrong when the base has errors.
    pub fn at(&self, point: &Point) -> Result<Program, Diagnostics> {
        let mut found = Diagnostics::default();
        let Some((overrides, label)) = points::overrides(&self.tree, &self.files, point) else {
            return Err(self.diagnostics.clone());
        };
        match check::at(&self.tree, &self.files, &overrides, label, &mut found) {
            Some(program) if self.program.is_some() => Ok(program),
            Some(_) => Err(self.diagnostics.clone()),
            None => Err(found),
        }
    }
}
