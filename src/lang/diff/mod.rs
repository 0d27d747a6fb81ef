//! What an edit means, entity by entity: which values differ, how strict each difference is, what was renamed.
//!
//! Two checked programs are compared as values, so layout, comments, order and the way in which a number is written do not show. A change stands where its
//! author made it: a `param` that reaches three fields is one change, of the strictest class that it reaches. Classes are the schema's.
//!
//! # Steps
//! 1. `pairs`: which entity is which, renames recognised.
//! 2. `raw`: their values compared, each with the text that it comes from, `blocks` those of examples, criteria and gates; `readers`:
//!    the class where it depends on who reads; `variants`: what variants and sweeps set.
//! 3. [`changes`]: differences whose own text is the same are explained by what that text names (`names`), and folded into it.
//!
//! Deliberately absent: what re-runs, what it costs and whether results stay comparable. That is asked of plans (`run`).

mod blocks;
mod names;
mod pairs;
mod raw;
mod readers;
mod values;
mod variants;

use std::collections::BTreeSet;

use crate::Checked;
pub use crate::check::schema::Class;
use crate::program::{EntityKind, Program};
use crate::source::SourceMap;
use names::Names;
use raw::Raw;

/// One program with the texts that it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub program: &'a Program,
    pub files: &'a SourceMap,
    /// To look into variants and sweeps; without it they are compared by their words.
    pub checked: Option<&'a Checked>,
}

impl<'a> Side<'a> {
    /// The base of a file. `None` if it has errors.
    pub fn of(checked: &'a Checked) -> Option<Self> {
        Some(Self { program: checked.program.as_ref()?, files: &checked.files, checked: Some(checked) })
    }

    /// The same texts at one point, from where other points are no matter.
    fn at<'p>(self, program: &'p Program) -> Side<'p>
    where
        'a: 'p,
    {
        Side { program, files: self.files, checked: None }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub class: Class,
    /// `persona beacon`, `stage voices.anchor`
    pub entity: String,
    /// `voice`, `kl.beta`, `criterion fidelity.weight`; empty where the whole entity came, went or was renamed.
    pub field: String,
    /// As one would write it; `None` where there was nothing.
    pub from: Option<String>,
    pub to: Option<String>,
    pub renamed_from: Option<String>,
    /// Of texts: how many words there were, and how many there are.
    pub words: Option<(usize, usize)>,
    /// The `evaluate` stages that it reaches, by name.
    pub evaluates: Vec<String>,
}

impl Change {
    fn new(class: Class, entity: String, field: &str, from: Option<String>, to: Option<String>) -> Self {
        let (renamed_from, words, evaluates) = (None, None, Vec::new());
        Self { class, entity, field: field.to_owned(), from, to, renamed_from, words, evaluates }
    }

    fn reads_the_same(&self) -> bool {
        self.renamed_from.is_none() && self.from.is_some() && self.from == self.to
    }

    /// `persona beacon voice`
    pub fn place(&self) -> String {
        format!("{} {}", self.entity, self.field).trim_end().to_owned()
    }
}

/// Every difference of `b` from `a`, strictest first.
pub fn changes(a: Side<'_>, b: Side<'_>) -> Vec<Change> {
    let all = raw::raw(a, b);
    let names = Names::of(b);
    let edited: Vec<&Raw> = all.iter().filter(|one| one.is_edited).collect();
    let explained = |one: &Raw| edited.iter().any(|by| names.explains(by, one));
    // What follows from another value of its entity is no change of its own.
    let follows = |one: &Raw| {
        let beside = |other: &&Raw| (other.kind, &other.name) == (one.kind, &one.name) && !other.follows;
        one.follows && all.iter().any(|other| beside(&other))
    };
    // By what of either program it is reached.
    let evaluates = |one: &Raw| -> BTreeSet<String> {
        let of = |side: Side<'_>| {
            let entity =
                side.program.entities.iter().find(|entity| (entity.kind, &entity.name) == (one.kind, &one.name));
            entity.map(|entity| readers::evaluates(side.program, entity.id)).unwrap_or_default()
        };
        of(a).into_iter().chain(of(b)).collect()
    };
    let mut found: Vec<Change> = Vec::new();
    for one in all.iter().filter(|one| one.is_edited || !explained(one) && !follows(one)) {
        let mut change = one.change.clone();
        let mut reached_by_it = evaluates(one);
        reached_by_it.append(&mut change.evaluates.drain(..).collect());
        if one.is_named_value {
            change.class = names.class(one, &all);
            let reaches = names.reached(one, &all);
            let data = reaches.iter().filter(|other| other.change.class == change.class);
            reached_by_it.extend(data.flat_map(|other| evaluates(other)));
        }
        change.evaluates = reached_by_it.into_iter().collect();
        if !found.contains(&change) {
            found.push(change);
        }
    }
    found.sort();
    // What reads the same before and after tells nobody anything, unless nothing else says how strict it is.
    let strictest = found.iter().find(|one| !one.reads_the_same()).map(|one| one.class);
    found.retain(|one| !one.reads_the_same() || strictest.is_none_or(|class| class > one.class));
    found
}

/// An input that holds something else under the same declaration; `declared` is the data set or model that names it.
pub fn content_change(side: Side<'_>, declared: Option<&str>, source: &str, from: &str, to: &str) -> Change {
    let entity = declared.and_then(|name| {
        let is_input = |kind| matches!(kind, EntityKind::Dataset | EntityKind::Model);
        side.program.entities.iter().find(|entity| entity.name == name && is_input(entity.kind))
    });
    let class = match entity {
        Some(entity) if entity.kind == EntityKind::Model && readers::judges(side.program, &entity.name) => {
            Class::Objective
        }
        Some(entity) if entity.kind == EntityKind::Model => Class::Training,
        _ => Class::Data,
    };
    let called = entity.map_or_else(|| source.to_owned(), raw::called);
    let change = Change::new(class, called, "content", Some(from.to_owned()), Some(to.to_owned()));
    let evaluates = entity.map(|entity| readers::evaluates(side.program, entity.id)).unwrap_or_default();
    Change { evaluates, ..change }
}

#[cfg(test)]
mod tests;
