//! Requests, each by one function: from the language's answer to the protocol's.

#![allow(
    clippy::mutable_key_type,
    reason = "the protocol's table of edits is keyed by address, and nobody changes one"
)]

pub mod complete;
pub mod fixes;
pub mod hover;
pub mod layout;
pub mod names;
pub mod paint;

use std::rc::Rc;

use lsp_types::{Position, Range, Uri};

use super::server::{Main, Refused, Server};
use super::text::Lines;

/// A document as it was asked about.
pub struct Asked {
    /// As it is known.
    pub path: String,
    pub main: Rc<Main>,
    pub lines: Lines,
}

impl Asked {
    pub fn of(server: &mut Server, uri: &Uri) -> Result<Self, Refused> {
        let (path, main) = server.analysis(uri)?;
        let lines = Lines::of(main.analysis.text());
        Ok(Self { path, main, lines })
    }

    pub fn text(&self) -> &str {
        self.main.analysis.text()
    }

    pub fn offset(&self, position: Position) -> usize {
        self.lines.offset(self.text(), position)
    }

    pub fn range(&self, start: usize, end: usize) -> Range {
        self.lines.range(self.text(), start, end)
    }
}

/// Paths as a reader knows them: from the root of the project.
pub fn shortened(path: &str, text: &str) -> String {
    match super::disk::world_of(path) {
        Some(world) => text.replace(&format!("{}/", world.root().display()), ""),
        None => text.to_owned(),
    }
}
