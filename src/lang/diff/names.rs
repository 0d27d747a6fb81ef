//! What names pass on: through which texts a difference comes to where it shows, and how strict a name is by what it reaches.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::raw::Raw;
use crate::check::schema::Class;
use crate::format::words;
use crate::program::EntityKind;

/// The texts that names stand for: all of a param or a let; of all else its header, with the list that makes a family and the item
/// that it extends.
pub struct Names(BTreeMap<String, String>);

impl Names {
    pub fn of(side: Side<'_>) -> Self {
        let texts = side.program.entities.iter().map(|entity| {
            let span = if is_named_value(entity.kind) { entity.span } else { entity.header };
            (entity.name.clone(), side.files.text(span).to_owned())
        });
        Self(texts.collect())
    }

    /// Whether a text names it, through the names between.
    pub fn reach(&self, text: &str, name: &str) -> bool {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = words(text);
        while let Some(word) = open.pop() {
            if word == name {
                return true;
            }
            if seen.insert(word.clone()) {
                open.extend(self.0.get(&word).into_iter().flat_map(|text| words(text)));
            }
        }
        false
    }

    /// Whether `one`, whose own text is the same on both sides, differs because of `by`.
    pub fn explains(&self, by: &Raw, one: &Raw) -> bool {
        let reaches = |text: &Option<String>| text.as_ref().is_some_and(|text| self.reach(text, &by.name));
        // `persona.adapter` names the member's own.
        let of_member = || {
            let names_it = one.text.as_ref().is_some_and(|text| words(text).iter().any(|word| word == "persona"));
            names_it && reaches(&one.member)
        };
        // What it has from its base beside its own: `never += [...]`.
        let of_base = || {
            let root = |field: &str| field.split(['.', ' ']).next().unwrap_or_default().to_owned();
            let header = self.0.get(&one.name).cloned();
            by.kind == one.kind && root(&by.change.field) == root(&one.change.field) && reaches(&header)
        };
        by.name != one.name && (reaches(&one.text) || of_member() || of_base())
    }

    /// What a name's value reaches, each as strict as it is.
    pub fn reached<'r>(&self, one: &Raw, all: &'r [Raw]) -> Vec<&'r Raw> {
        let through = all.iter().filter(|other| !other.is_edited && !other.is_named_value);
        through.filter(|other| other.text.as_ref().is_some_and(|text| self.reach(text, &one.name))).collect()
    }

    /// Of itself a name changes nothing: it is as strict as the strictest that it reaches.
    pub fn class(&self, one: &Raw, all: &[Raw]) -> Class {
        match one.is_named_value && one.change.renamed_from.is_none() {
            true => self.reached(one, all).iter().map(|other| other.change.class).min().unwrap_or(Class::Cosmetic),
            false => one.change.class,
        }
    }
}

pub fn is_named_value(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::Param | EntityKind::Let)
}
