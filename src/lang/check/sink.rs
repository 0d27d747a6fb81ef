//! Diagnostics of the checks: one fault is told once, however often the checker comes past it (once a member of a family,
//! once a point of a sweep).

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Span;

/// Of these there may be several at one place: fields that are missing at one header, slots of one text that is read.
const SEVERAL: [Code; 2] = [Code("M0401"), Code("M0318")];

#[derive(Debug, Default)]
pub struct Sink {
    found: Vec<Diagnostic>,
    /// The message tells apart what is told several times at one place.
    told: BTreeSet<(Span, Code, Option<String>)>,
    /// How many names have been looked through for one to suggest.
    compared: Cell<usize>,
}

/// Past it nothing is suggested any more: looking for the nearest name takes its time.
const COMPARED: usize = 100_000;

impl Sink {
    pub fn add(&mut self, diagnostic: Diagnostic) {
        let message = SEVERAL.contains(&diagnostic.code).then(|| diagnostic.message.clone());
        if self.told.insert((diagnostic.primary.span, diagnostic.code, message)) {
            self.found.push(diagnostic);
        }
    }

    /// Whether one of so many names may still be suggested.
    pub fn may_suggest(&self, names: usize) -> bool {
        self.compared.set(self.compared.get().saturating_add(names));
        self.compared.get() <= COMPARED
    }

    /// Whether something has been told of a stretch of text.
    pub fn tells_of(&self, stretch: Span) -> bool {
        let at = |start: u32| (Span { start, end: start, ..stretch }, Code(""), None);
        self.told.range(at(stretch.start)..at(stretch.end)).next().is_some()
    }

    pub fn len(&self) -> usize {
        self.found.len()
    }

    pub fn into(self, diagnostics: &mut Diagnostics) {
        for one in self.found {
            diagnostics.add(one);
        }
    }
}
