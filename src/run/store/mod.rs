//! The archive: bytes by digest, records by key, drafts of what is being made.
//!
//! ```text
//! objects/ab/cdef…        an artifact, file or folder, read-only, named by its digest
//! records/KEY.yaml        what was made, and when; written last, so that it never names what is not there
//! records/KEY.key.yaml    the request in full: the key is its digest
//! drafts/KEY/{out,resume} being made, or interrupted; held by locks/KEY
//! history/…               the keys that a task id had, the latest last
//! verdicts/ab/cdef….json  what a judge far away answered, by what it was asked (written by the engine)
//! runs/ID/run.yaml        what a run did
//! sources/…               what was fetched
//! digests                 digests of files from outside, by size, time and inode
//! ```
//!
//! Two runs may share a store: a key is held by one of them at a time, objects are put in place by one atomic rename, and
//! only [`gc`] removes anything, when nobody else is there.

mod draft;
pub mod gc;
mod lock;
mod objects;
mod records;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub use draft::Draft;
pub use lock::Lock;
pub use objects::{Artifact, FileEntry};
pub(crate) use records::read_yaml;
pub use records::{Label, Record};

use crate::key::{KeyDocument, TaskKey};
use crate::source::DigestMemo;

/// The disk is in the way, or the store is not as it was left. Ends a run.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {why}", path.display())]
    Disk { path: PathBuf, why: io::Error },
    #[error("{}: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{key}: the engine names the artifact {name:?}, and did not make it")]
    NotMade { key: TaskKey, name: String },
    #[error("{}: another mascot is using this store; try again when it is done", path.display())]
    InUse { path: PathBuf },
}

pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |why| StoreError::Disk { path: path.to_owned(), why }
}

/// A folder, usually `.mascot` in the root.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    hasty: bool,
}

/// What [`Store::claim`] comes to.
#[derive(Debug)]
pub enum Claim {
    /// There already, or another run made it while we waited.
    Recorded(Box<Record>),
    /// Ours to make.
    Draft(Draft),
    /// Asked to stop while another run held it.
    Stopped,
}

impl Store {
    /// A store at `root`; nothing is created before something is written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), hasty: false }
    }

    /// The same store, not waiting for the disk: what is written survives this process and not a power cut. Enough for a rehearsal,
    /// which is over before a disk has answered.
    pub(crate) fn hasty(&self) -> Self {
        Self { hasty: true, ..self.clone() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The record for `key`, if everything that it names is there.
    ///
    /// # Errors
    /// When a record is there and cannot be read.
    pub fn record(&self, key: &TaskKey) -> Result<Option<Record>, StoreError> {
        Ok(self.read_record(key)?.filter(|record| record.artifacts.values().all(|artifact| self.holds(artifact))))
    }

    /// The request behind `key`.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn document(&self, key: &TaskKey) -> Result<Option<KeyDocument>, StoreError> {
        self.read_document(key)
    }

    /// Whether an interrupted draft waits under this key.
    pub fn has_draft(&self, key: &TaskKey) -> bool {
        self.draft_folder(key).exists()
    }

    /// Brings `key` into our hands: waits while another run makes it, and then finds its record.
    /// `waiting` is called once, if we have to.
    ///
    /// # Errors
    /// When the disk is in the way.
    pub fn claim(&self, key: &TaskKey, stop: &AtomicBool, waiting: &mut dyn FnMut()) -> Result<Claim, StoreError> {
        if let Some(record) = self.record(key)? {
            return Ok(Claim::Recorded(Box::new(record)));
        }
        let Some(lock) = Lock::exclusive(&self.root.join("locks").join(key.to_string()), stop, waiting)? else {
            return Ok(Claim::Stopped);
        };
        // Another run may have committed it between our look and our lock.
        match self.record(key)? {
            Some(record) => Ok(Claim::Recorded(Box::new(record))),
            None => Draft::open(self, *key, lock).map(Claim::Draft),
        }
    }

    /// Held by everything that reads or writes objects for longer than a moment, so that [`gc`] keeps away.
    ///
    /// # Errors
    /// When the disk is in the way, or a `gc` is running.
    pub fn share(&self) -> Result<Lock, StoreError> {
        let path = self.root.join("store.lock");
        Lock::try_shared(&path)?.ok_or(StoreError::InUse { path })
    }

    /// Digests of files from outside, remembered.
    pub fn digests(&self) -> DigestMemo {
        DigestMemo::open(&self.root.join("digests"))
    }

    /// The folder of a run's own files (manifest, report).
    pub fn run_folder(&self, run: &str) -> PathBuf {
        self.root.join("runs").join(run)
    }

    /// Names of the runs, the earliest first.
    pub fn runs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("runs")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Answers of judges far away, shared by all drafts.
    fn verdicts(&self) -> PathBuf {
        self.root.join("verdicts")
    }

    fn draft_folder(&self, key: &TaskKey) -> PathBuf {
        self.root.join("drafts").join(key.to_string())
    }
}
