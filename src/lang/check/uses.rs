//! What each name in an expression was taken to mean, by its place: told while values are evaluated, so that an editor shows what the
//! checker itself decided. Kept only when somebody asks.

use std::collections::BTreeMap;

use super::Checker;
use crate::program::EntityId;
use crate::source::{FileId, Span};

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// An item, also by an alias or as a member of a family or list.
    Item(EntityId),
    /// A whole file.
    Module(FileId),
    /// The persona of `for persona in crew`.
    Bound,
    /// A criterion of a rubric.
    Criterion(EntityId),
    /// A split, a field, a result or a bound of what stands before it.
    Part,
    /// A word of a closed set.
    Word,
}

/// By the place of the name.
pub type Uses = BTreeMap<Span, Meaning>;

impl Checker<'_> {
    /// A name is evaluated once a member of a family; what it meant first is kept.
    pub(super) fn meant(&mut self, span: Span, meaning: Meaning) {
        if let Some(uses) = &mut self.uses {
            uses.entry(span).or_insert(meaning);
        }
    }
}
