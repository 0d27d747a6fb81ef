//! What an edit means, entity by entity: which values differ, how strict each difference is, what was renamed.
//!
//! Two checked programs are compared as values, so layout, comments, order and the way in which a number is written do not show. A change stands where its
//! author made it: a `param` that reaches three fields is one change, of the strictest class that it reaches. Classes are the schema's.
//!
//! # Steps
//! 1. `raw`: entities paired by kind and name (renames recognised), their values compared, each with the text that it comes from.
//! 2. [`changes`]: differences whose own text is the same are explained by what that text names, and folded into it.

mod raw;
mod values;

use std::collections::BTreeSet;

pub use crate::check::schema::Class;
use crate::format::words;
use crate::program::Program;
use crate::source::SourceMap;
use raw::Raw;

/// One program with the texts that it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub program: &'a Program,
    pub files: &'a SourceMap,
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
}

/// Every difference of `b` from `a`, strictest first.
pub fn changes(a: Side<'_>, b: Side<'_>) -> Vec<Change> {
    let all = raw::raw(a, b);
    let passed_on = raw::passed_on(b);
    // Everything that a name stands for, through the names between.
    let reached = |text: &str, name: &str| {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = words(text);
        while let Some(word) = open.pop() {
            if word == name {
                return true;
            }
            if seen.insert(word.clone()) {
                open.extend(passed_on.get(&word).into_iter().flat_map(|text| words(text)));
            }
        }
        false
    };
    let edited: Vec<&Raw> = all.iter().filter(|one| one.is_edited).collect();
    let explained = |one: &Raw| {
        one.text.as_ref().is_some_and(|text| edited.iter().any(|by| by.name != one.name && reached(text, &by.name)))
    };
    let mut found: Vec<Change> = Vec::new();
    for one in all.iter().filter(|one| one.is_edited || !explained(one)) {
        let mut change = one.change.clone();
        if one.is_named_value {
            // Of itself a name changes nothing: it is as strict as the strictest that it reaches.
            let through = all.iter().filter(|other| !other.is_edited && !other.is_named_value);
            let reaches = through.filter(|other| other.text.as_ref().is_some_and(|text| reached(text, &one.name)));
            change.class = reaches.map(|other| other.change.class).min().unwrap_or(Class::Cosmetic);
        }
        if !found.contains(&change) {
            found.push(change);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests;
