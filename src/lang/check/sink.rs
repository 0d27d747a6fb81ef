//! Diagnostics of the checks: one fault is told once, however often the checker comes past it (once a member of a family,
//! once a point of a sweep).

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::Span;

const MISSING: Code = Code("M0401");

#[derive(Debug, Default)]
pub struct Sink {
    found: Vec<Diagnostic>,
    /// Two fields may be missing at one header: there the message tells them apart.
    told: BTreeSet<(Span, Code, Option<String>)>,
}

impl Sink {
    pub fn add(&mut self, diagnostic: Diagnostic) {
        let message = (diagnostic.code == MISSING).then(|| diagnostic.message.clone());
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
