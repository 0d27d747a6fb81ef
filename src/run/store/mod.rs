//! The archive: bytes by digest, records by key, drafts of what is being made.
//!
//! ```text
//! objects/ab/cdef…        an artifact, file or folder, read-only, named by its digest
//! records/KEY.yaml        what was made, and when; written last, so that it never names what is not there
//! records/KEY.key.yaml    the request in full: the key is its digest
//! drafts/KEY/{out,resume} being made, or interrupted; held by locks/KEY
//! history/…               the keys that a task id had, the latest last
//! verdicts/ab/cdef….json  what a judge far away answered, by what it was asked (written by the engine)
//! memos/ab/cdef….json     what a subject of an evaluation said and was worth, by all that it depends on (written by the engine)
//! runs/ID/run.yaml        what a run did
//! sources/…               what was fetched
//! calibration             what performing took, by engine, machine and shape: estimates are reckoned by it
//! digests                 digests of files from outside, by size, time and inode
//! version                 of this layout; a newer one is refused
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
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub use draft::Draft;
pub use lock::Lock;
pub use objects::{Artifact, FileEntry};
pub(crate) use records::read_yaml;
pub use records::{Label, Record};

use crate::key::{KeyDocument, TaskKey};
use crate::source::DigestMemo;
use crate::words;

/// The disk is in the way, or the store is not as it was left. Ends a run.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {}", path.display(), words::in_words(why))]
    Disk { path: PathBuf, why: io::Error },
    #[error("{}: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{key}: the engine names the artifact {name:?}, and did not make it")]
    NotMade { key: TaskKey, name: String },
    #[error("{}: another mascot is using this store; try again when it is done", path.display())]
    InUse { path: PathBuf },
    #[error("{}: a newer mascot made this store (its version is {found}, and this mascot knows {VERSION})", path.display())]
    Newer { path: PathBuf, found: u32 },
}

impl StoreError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            StoreError::Disk { why, .. } => {
                words::advice(why).unwrap_or("what is recorded stays; run again when this is mended")
            }
            StoreError::Unreadable { .. } => "remove that file: what it stood for is made again",
            StoreError::NotMade { .. } => "this is a bug in mascot",
            StoreError::InUse { .. } => "`mascot runs` tells which runs there are",
            StoreError::Newer { .. } => "update mascot, or name another store with --store",
        }
    }
}

/// Of the store's layout, in its file `version`. A store without that file is of the first.
const VERSION: u32 = 1;

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
    /// Ours to make; `broken` says what was found in its place and cannot be used.
    Draft { draft: Draft, broken: Option<String> },
    /// Asked to stop while another run held it.
    Stopped,
}

/// What is found under a key.
enum Kept {
    Whole(Box<Record>),
    Nothing,
    /// A record that cannot be read, or one whose artifacts (`objects`) are not what it says.
    Broken {
        why: String,
        objects: Vec<PathBuf>,
    },
}

impl Store {
    /// A store at `root`; nothing is created before something is written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), hasty: false }
    }

    /// Whether a folder holds what a store is made of, whatever else lies there.
    pub fn is_at(folder: &Path) -> bool {
        let parts = ["version", "objects", "records", "runs", "history", "drafts", "memos", "sources", "digests"];
        parts.iter().any(|part| folder.join(part).exists())
    }

    /// As [`Store::new`], after a look at what is there.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a store that this program does not know, and when its version cannot be read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let store = Self::new(root);
        store.version()?;
        Ok(store)
    }

    /// The version that the store says it has, if it says one that is known here.
    fn version(&self) -> Result<Option<u32>, StoreError> {
        let path = self.root.join("version");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // Nothing is there yet; or something that is no folder, which is told when it is written to.
            Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(why) => return Err(disk(&path)(why)),
        };
        match text.trim().parse() {
            Ok(found) if found > VERSION => Err(StoreError::Newer { path: self.root.clone(), found }),
            Ok(found) => Ok(Some(found)),
            Err(_) => Err(StoreError::Unreadable { path, why: "holds no version of a store".to_owned() }),
        }
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

    /// The record for `key` once every byte that it names was read again: what a run recalls is what was made.
    fn kept(&self, key: &TaskKey) -> Result<Kept, StoreError> {
        let record = match self.read_record(key) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Kept::Nothing),
            Err(why @ StoreError::Unreadable { .. }) => {
                return Ok(Kept::Broken { why: why.to_string(), objects: Vec::new() });
            }
            Err(why) => return Err(why),
        };
        let broken: Vec<(&String, PathBuf)> = (record.artifacts.iter())
            .map(|(name, artifact)| (name, artifact, self.object(&artifact.digest)))
            .filter(|(_, artifact, path)| Artifact::of(path).ok().as_ref() != Some(*artifact))
            .map(|(name, _, path)| (name, path))
            .collect();
        let Some((name, path)) = broken.first() else { return Ok(Kept::Whole(Box::new(record))) };
        let how = if path.exists() { "is not what was made" } else { "is gone" };
        let why = format!("{}: the artifact `{name}` {how}", path.display());
        Ok(Kept::Broken { why, objects: broken.into_iter().map(|(_, path)| path).collect() })
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
        if let Kept::Whole(record) = self.kept(key)? {
            return Ok(Claim::Recorded(record));
        }
        match Lock::exclusive(&self.lock_path(key), stop, waiting)? {
            Some(lock) => self.claimed(key, lock),
            None => Ok(Claim::Stopped),
        }
    }

    /// As [`Store::claim`], without waiting: `None` while somebody else makes it. For a run that holds other keys: two that hold what the
    /// other waits for would wait for ever.
    ///
    /// # Errors
    /// As [`Store::claim`].
    pub fn try_claim(&self, key: &TaskKey) -> Result<Option<Claim>, StoreError> {
        if let Kept::Whole(record) = self.kept(key)? {
            return Ok(Some(Claim::Recorded(record)));
        }
        match Lock::try_exclusive(&self.lock_path(key))? {
            Some(lock) => self.claimed(key, lock).map(Some),
            None => Ok(None),
        }
    }

    fn lock_path(&self, key: &TaskKey) -> PathBuf {
        self.root.join("locks").join(key.to_string())
    }

    fn claimed(&self, key: &TaskKey, lock: Lock) -> Result<Claim, StoreError> {
        // Another run may have committed it between our look and our lock.
        match self.kept(key)? {
            Kept::Whole(record) => Ok(Claim::Recorded(record)),
            Kept::Nothing => Ok(Claim::Draft { draft: Draft::open(self, *key, lock)?, broken: None }),
            Kept::Broken { why, objects } => {
                // Out of the way, or what is made again would be taken to be there already.
                objects.iter().try_for_each(|path| objects::remove(path))?;
                Ok(Claim::Draft { draft: Draft::open(self, *key, lock)?, broken: Some(why) })
            }
        }
    }

    /// Held by everything that reads or writes objects for longer than a moment, so that [`gc`] keeps away.
    ///
    /// # Errors
    /// When the disk is in the way, a `gc` is running, or the store is a newer program's.
    pub fn share(&self) -> Result<Lock, StoreError> {
        let path = self.root.join("store.lock");
        let lock = Lock::try_shared(&path)?.ok_or(StoreError::InUse { path })?;
        if self.version()?.is_none() {
            self.write_whole(&self.root.join("version"), format!("{VERSION}\n").as_bytes())?;
        }
        Ok(lock)
    }

    /// Whether something can be written at all: after one file could not be.
    ///
    /// # Errors
    /// When the disk is in the way.
    pub fn probe(&self) -> Result<(), StoreError> {
        let path = self.root.join("drafts");
        let mut file = tempfile::tempfile_in(&path).map_err(disk(&path))?;
        file.write_all(&[0; 1 << 16]).and_then(|()| file.sync_all()).map_err(disk(&path))
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

    /// What engines keep to save time, shared by all drafts.
    fn memos(&self) -> PathBuf {
        self.root.join("memos")
    }

    fn draft_folder(&self, key: &TaskKey) -> PathBuf {
        self.root.join("drafts").join(key.to_string())
    }
}
