//! What was made for a key, the request behind it, and the keys that a task had before. YAML, to be read by people.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Artifact, Store, StoreError, disk};
use crate::digest::Digest;
use crate::engine::Outputs;
use crate::key::{KeyDocument, TaskKey};
use crate::source::file_name;
use crate::whole::{self, Care};

/// What was made for a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub key: TaskKey,
    /// The task that it was made for, for people: `voices/anchor`. Others may recall it under other names.
    pub task: String,
    /// By the names in `outputs.artifacts`.
    pub artifacts: BTreeMap<String, Artifact>,
    pub outputs: Outputs,
    /// When it was done, in seconds since 1970.
    pub made: f64,
    /// How long it took, over all the runs that worked on it if it was interrupted.
    pub seconds: f64,
}

/// Under which a task's keys are remembered: engine, experiment, task id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    pub engine: String,
    pub experiment: String,
    pub task: String,
}

impl Store {
    pub(super) fn read_record(&self, key: &TaskKey) -> Result<Option<Record>, StoreError> {
        let path = self.record_path(key);
        match read_yaml::<Record>(&path)? {
            Some(record) if record.key != *key => {
                Err(StoreError::Unreadable { path, why: format!("is the record of {}", record.key) })
            }
            found => Ok(found),
        }
    }

    pub(super) fn read_document(&self, key: &TaskKey) -> Result<Option<KeyDocument>, StoreError> {
        read_yaml(&self.document_path(key))
    }

    pub(super) fn write_record(&self, record: &Record) -> Result<(), StoreError> {
        self.write_yaml(&self.record_path(&record.key), record)
    }

    pub(super) fn write_document(&self, key: &TaskKey, document: &KeyDocument) -> Result<(), StoreError> {
        self.write_yaml(&self.document_path(key), document)
    }

    /// Written beside its place, brought to the disk, then moved there: a reader sees all of it or nothing.
    pub(crate) fn write_yaml<T: Serialize>(&self, path: &Path, value: &T) -> Result<(), StoreError> {
        let text = serde_yaml::to_string(value)
            .map_err(|why| StoreError::Unreadable { path: path.to_owned(), why: why.to_string() })?;
        self.write_whole(path, text.as_bytes())
    }

    pub(crate) fn write_whole(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = path.parent().expect("a file of the store lies in a folder");
        let care = if self.hasty { Care::Moved } else { Care::Synced };
        whole::write(path, bytes, care).map_err(disk(path))?;
        self.sync_folder(folder)
    }

    pub(super) fn record_path(&self, key: &TaskKey) -> PathBuf {
        self.root().join("records").join(format!("{key}.yaml"))
    }

    pub(super) fn document_path(&self, key: &TaskKey) -> PathBuf {
        self.root().join("records").join(format!("{key}.key.yaml"))
    }

    /// The keys that the task had, the latest last. What cannot be read is left out: it only serves explanations.
    pub fn history(&self, label: &Label) -> Vec<TaskKey> {
        keys_in(&self.history_path(label))
    }

    /// Remembers that the task came to `key`, unless that is its latest already.
    ///
    /// # Errors
    /// When the disk is in the way.
    pub fn remember(&self, label: &Label, key: &TaskKey) -> Result<(), StoreError> {
        if self.history(label).last() == Some(key) {
            return Ok(());
        }
        let path = self.history_path(label);
        let folder = path.parent().expect("a history lies in a folder of the store");
        fs::create_dir_all(folder).map_err(disk(folder))?;
        // One short line, appended in one write: two runs do not tear each other's.
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(disk(&path))?;
        file.write_all(format!("{key}\n").as_bytes()).map_err(disk(&path))
    }

    fn history_path(&self, label: &Label) -> PathBuf {
        let parts = [&label.engine, &label.experiment, &label.task].map(|part| file_name(part));
        parts.iter().fold(self.root().join("history"), |path, part| path.join(part))
    }
}

pub(super) fn keys_in(history: &Path) -> Vec<TaskKey> {
    let text = fs::read_to_string(history).unwrap_or_default();
    text.lines().filter_map(|line| line.parse::<Digest>().ok()).map(TaskKey).collect()
}

/// `None` when there is no such file.
pub(crate) fn read_yaml<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(disk(path)(why)),
    };
    let read = serde_yaml::from_str(&text);
    read.map(Some).map_err(|why| StoreError::Unreadable { path: path.to_owned(), why: why.to_string() })
}
