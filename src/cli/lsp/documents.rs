//! Open documents, laid over the files on disk.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lsp_types::Uri;
use mascot_lang::source::World;

use super::super::world::SystemWorld;
use super::disk;

/// A text that an editor has open.
#[derive(Debug, Clone)]
pub struct Document {
    /// As the editor calls it.
    pub uri: Uri,
    pub version: i32,
    pub text: String,
}

/// By path ([`disk::path_of`]).
#[derive(Debug, Default)]
pub struct Documents {
    pub open: BTreeMap<String, Document>,
}

impl Documents {
    /// The address of a path, as the editor calls it if it has it open.
    pub fn uri_of(&self, path: &str) -> Option<Uri> {
        self.open.get(path).map(|document| document.uri.clone()).or_else(|| disk::uri_of(path))
    }
}

/// The files around a document as the editor shows them.
pub struct Overlay<'o> {
    pub documents: &'o Documents,
    /// Of a buffer that lies nowhere there is none.
    pub disk: Option<SystemWorld>,
    /// Texts that stand in for any of them.
    pub instead: BTreeMap<String, String>,
    /// Every path that was asked for, found or not: of what is not there yet one wants to hear when it comes.
    pub asked: RefCell<BTreeSet<String>>,
    /// The files of the workspace, where somebody wants to choose one.
    pub at_hand: Vec<String>,
}

impl<'o> Overlay<'o> {
    pub fn around(documents: &'o Documents, path: &str) -> Self {
        Self {
            documents,
            disk: disk::world_of(path),
            instead: BTreeMap::new(),
            asked: RefCell::default(),
            at_hand: Vec::new(),
        }
    }

    /// What the editor shows of a path. What lies outside the root is left to the disk, which says so: that somebody looks at it changes
    /// nothing.
    fn shown(&self, path: &str) -> Option<&str> {
        let known = disk::known_as(Path::new(path));
        let is_outside = self.disk.as_ref().is_some_and(|disk| !Path::new(&known).starts_with(disk.root()));
        let text = |path: &str| {
            let instead = self.instead.get(path).map(String::as_str);
            instead.or_else(|| self.documents.open.get(path).map(|document| document.text.as_str()))
        };
        let found = if is_outside { None } else { text(&known).or_else(|| text(path)) };
        self.asked.borrow_mut().insert(known);
        found
    }
}

impl World for Overlay<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        match (self.shown(path), &self.disk) {
            (Some(text), _) => Ok(text.to_owned()),
            (None, Some(disk)) => disk.source(path),
            (None, None) => Err("no such file".to_owned()),
        }
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        let beside = from.rsplit_once('/').map_or_else(|| path.to_owned(), |(folder, _)| format!("{folder}/{path}"));
        match (self.shown(&beside), &self.disk) {
            (Some(text), _) => Ok(text.to_owned()),
            (None, Some(disk)) => disk.prose(from, path),
            (None, None) => Err("no such file".to_owned()),
        }
    }

    fn at_hand(&self) -> Vec<String> {
        let is_inside =
            |path: &&String| self.disk.as_ref().is_some_and(|disk| Path::new(path.as_str()).starts_with(disk.root()));
        self.at_hand.iter().filter(is_inside).cloned().collect()
    }

    fn lock(&self) -> Option<(String, String)> {
        self.disk.as_ref()?.lock()
    }

    fn in_root(&self, path: &str) -> String {
        self.disk.as_ref().map_or_else(|| path.to_owned(), |disk| disk.in_root(path))
    }
}
