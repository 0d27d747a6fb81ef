//! The program of a run, as text: kept in the store, so that a later comparison can check it again as it was.
//!
//! Every `.masc` file of it and every text that these name, the standard library's as well: another mascot may have another. Bytes are
//! objects of the store, the run's manifest names them, and `gc` keeps what a manifest names. Deliberately absent: data and weights,
//! of which the records have the digests.

use std::collections::BTreeMap;

use mascot_lang::program::{Point, Program};
use mascot_lang::source::World;
use mascot_lang::{Checked, address};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::store::{Store, StoreError};

/// All that a program was made from. A [`World`] of its own: what it was then can be checked now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramText {
    /// Path of the main file.
    pub main: String,
    /// `--set`, path and value.
    pub sets: Vec<(String, String)>,
    /// Labels of the points that were asked for; `None` is the base.
    pub points: Vec<Option<String>>,
    /// By path; `std/…` too.
    pub files: BTreeMap<String, String>,
    /// Of `text("path")`: (the file that names it, path) → text.
    pub texts: BTreeMap<(String, String), String>,
}

/// The same in a manifest: objects of the store instead of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub main: String,
    pub sets: Vec<(String, String)>,
    pub points: Vec<Option<String>>,
    pub files: BTreeMap<String, Digest>,
    pub texts: Vec<KeptText>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptText {
    pub from: String,
    pub path: String,
    pub text: Digest,
}

impl ProgramText {
    /// What `checked` was made from, for these points of it.
    pub fn of(checked: &Checked, sets: &[(String, String)], programs: &[Program]) -> Self {
        let owned = |text: &str| text.to_owned();
        Self {
            main: checked.sources().next().map(|(path, _)| path.to_owned()).unwrap_or_default(),
            sets: sets.to_vec(),
            points: programs.iter().map(|program| program.point.clone()).collect(),
            files: checked.sources().map(|(path, text)| (owned(path), owned(text))).collect(),
            texts: checked.texts().map(|(from, path, text)| ((owned(from), owned(path)), owned(text))).collect(),
        }
    }

    /// Checks it again.
    pub fn check(&self) -> Checked {
        mascot_lang::check(self, &self.main, &self.sets)
    }

    /// Its programs at its points, the first first. What cannot be evaluated any more is left out.
    pub fn programs(&self, checked: &Checked) -> Vec<Program> {
        let at = |label: &Option<String>| match label {
            None => checked.program.clone(),
            Some(label) => at_label(checked, label),
        };
        self.points.iter().filter_map(at).collect()
    }

    /// Writes it into the store.
    pub(crate) fn keep(&self, store: &Store) -> Result<Kept, StoreError> {
        let mut files = BTreeMap::new();
        for (path, text) in &self.files {
            files.insert(path.clone(), store.put_text(text)?);
        }
        let mut texts = Vec::new();
        for ((from, path), text) in &self.texts {
            texts.push(KeptText { from: from.clone(), path: path.clone(), text: store.put_text(text)? });
        }
        Ok(Kept { main: self.main.clone(), sets: self.sets.clone(), points: self.points.clone(), files, texts })
    }
}

/// The program at the point of this label: a variant's name, or `sweep[path=value,…]`.
fn at_label(checked: &Checked, label: &str) -> Option<Program> {
    match label.split_once('[') {
        None => checked.at(&Point::Variant(label.to_owned())).ok(),
        Some((sweep, _)) => {
            let points = checked.sweep_points(sweep);
            let mut programs = points.iter().filter_map(|point| checked.at(point).ok());
            programs.find(|program| program.point.as_deref() == Some(label))
        }
    }
}

impl Kept {
    /// The objects that it names.
    pub fn objects(&self) -> impl Iterator<Item = Digest> {
        self.files.values().copied().chain(self.texts.iter().map(|text| text.text))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When an object is gone, or is not what was kept.
    pub fn read(&self, store: &Store) -> Result<ProgramText, StoreError> {
        let mut program = ProgramText {
            main: self.main.clone(),
            sets: self.sets.clone(),
            points: self.points.clone(),
            ..ProgramText::default()
        };
        for (path, digest) in &self.files {
            program.files.insert(path.clone(), store.text(digest)?);
        }
        for KeptText { from, path, text } in &self.texts {
            program.texts.insert((from.clone(), path.clone()), store.text(text)?);
        }
        Ok(program)
    }
}

impl World for ProgramText {
    fn source(&self, path: &str) -> Result<String, String> {
        // A text that a far file names is asked for by its whole address.
        let far = || {
            let named = |(from, written): &(String, String)| address::resolve(from, written).is_ok_and(|it| it == path);
            self.texts.iter().find(|(place, _)| named(place)).map(|(_, text)| text)
        };
        self.files.get(path).or_else(far).cloned().ok_or_else(|| "the run kept no such file".to_owned())
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        let text = self.texts.get(&(from.to_owned(), path.to_owned()));
        text.cloned().ok_or_else(|| "the run kept no such file".to_owned())
    }

    fn library(&self, name: &str) -> Option<String> {
        self.files.get(&format!("std/{name}")).cloned()
    }
}
