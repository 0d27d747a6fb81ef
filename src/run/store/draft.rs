//! Work in progress under its key: written in a draft, then committed; or interrupted, and found again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::objects::remove;
use super::{Lock, Record, Store, StoreError, disk};
use crate::engine::{Outputs, Workspace};
use crate::key::{KeyDocument, TaskKey};

/// The right to make what a key names. Dropped without a commit, it leaves its files for the next run.
#[derive(Debug)]
pub struct Draft {
    store: Store,
    key: TaskKey,
    workspace: Workspace,
    resumed: bool,
    _lock: Lock,
}

impl Draft {
    pub(super) fn open(store: &Store, key: TaskKey, lock: Lock) -> Result<Self, StoreError> {
        let folder = store.draft_folder(&key);
        let workspace = Workspace { verdicts: store.verdicts(), memos: store.memos(), ..Workspace::new(&folder) };
        // What a kill left there is half of an artifact, or sealed already: artifacts are written again from the saved state.
        remove(&workspace.out)?;
        for folder in [&workspace.out, &workspace.resume] {
            fs::create_dir_all(folder).map_err(disk(folder))?;
        }
        let resumed = holds_state(&workspace.resume).map_err(disk(&workspace.resume))?;
        Ok(Self { store: store.clone(), key, workspace, resumed, _lock: lock })
    }

    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Whether an earlier run left something to go on from.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Whether a later run could go on from what is in it now.
    pub fn is_worth_keeping(&self) -> bool {
        holds_state(&self.workspace.resume).unwrap_or(true)
    }

    /// Seconds that earlier, interrupted runs spent on it.
    pub fn spent(&self) -> f64 {
        fs::read_to_string(self.spent_file()).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0.0)
    }

    /// Adds to [`Draft::spent`] for the run that goes on from here.
    ///
    /// # Errors
    /// When the disk is in the way.
    pub fn spend(&self, seconds: f64) -> Result<(), StoreError> {
        let path = self.spent_file();
        fs::write(&path, format!("{}\n", self.spent() + seconds)).map_err(disk(&path))
    }

    fn spent_file(&self) -> PathBuf {
        self.store.draft_folder(&self.key).join("seconds")
    }

    /// Bytes become objects, then the request and its results become a record, in that order: a record never speaks of something
    /// that is not there.
    ///
    /// # Errors
    /// When the disk is in the way, or an artifact that `outputs` names was not made.
    pub fn commit(
        self,
        task: &str,
        document: &KeyDocument,
        outputs: Outputs,
        made: f64,
        seconds: f64,
    ) -> Result<Record, StoreError> {
        let mut artifacts = BTreeMap::new();
        for name in &outputs.artifacts {
            let path = self.workspace.artifact(name);
            let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            if !inside || !path.exists() {
                return Err(StoreError::NotMade { key: self.key, name: name.clone() });
            }
            artifacts.insert(name.clone(), self.store.put(&path)?);
        }
        let record = Record { key: self.key, task: task.to_owned(), artifacts, outputs, made, seconds };
        self.store.write_document(&self.key, document)?;
        self.store.write_record(&record)?;
        remove(&self.store.draft_folder(&self.key))?;
        Ok(record)
    }

    /// Throws away what was written: a task that failed, rather than was stopped, starts anew.
    ///
    /// # Errors
    /// When the disk is in the way.
    pub fn discard(self) -> Result<(), StoreError> {
        remove(&self.store.draft_folder(&self.key))
    }
}

/// Whether a state was saved there. Hidden files are notes about it.
fn holds_state(resume: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(resume)? {
        if !entry?.file_name().to_string_lossy().starts_with('.') {
            return Ok(true);
        }
    }
    Ok(false)
}
