//! Diagnostics of the checks: one fault is told once, however often the checker comes past it (once a member of a family,
//! once a point of a sweep).

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
}

impl Sink {
    pub fn add(&mut self, diagnostic: Diagnostic) {
        let message = SEVERAL.contains(&diagnostic.code).then(|| diagnostic.message.clone());
        if self.told.insert((diagnostic.primary.span, diagnostic.code, message)) {
            self.found.push(diagnostic);
        }
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
