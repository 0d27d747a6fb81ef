//! Artifacts by the digest of their content. A file is named by the BLAKE3 of its bytes, a folder by that of the sorted digests
//! of its files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, disk};
use crate::digest::Digest;
use crate::source::files_of;

/// An artifact as a record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    pub digest: Digest,
    /// Of all its files.
    pub bytes: u64,
    /// Of a folder: path inside it → file. `None` for a file.
    pub files: Option<BTreeMap<String, FileEntry>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    pub digest: Digest,
    pub bytes: u64,
}

impl Artifact {
    /// What lies at `path`.
    ///
    /// # Errors
    /// When something in it cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        if !fs::metadata(path)?.is_dir() {
            let (digest, bytes) = Digest::of_file(path)?;
            return Ok(Self { digest, bytes, files: None });
        }
        let mut files = BTreeMap::new();
        for (name, file) in files_of(path)? {
            let (digest, bytes) = Digest::of_file(&file)?;
            files.insert(name, FileEntry { digest, bytes });
        }
        let lines: String = files.iter().map(|(name, file)| format!("{}  {name}\n", file.digest)).collect();
        Ok(Self {
            digest: Digest::of(lines.as_bytes()),
            bytes: files.values().map(|file| file.bytes).sum(),
            files: Some(files),
        })
    }
}

impl Store {
    /// Where the artifact lies.
    pub fn object(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.root().join("objects").join(&name[..2]).join(&name[2..])
    }

    /// Whether all of it is there, by names and sizes. (Objects are read-only and their names are their content, so what is
    /// there is not read again.)
    pub(super) fn holds(&self, artifact: &Artifact) -> bool {
        let path = self.object(&artifact.digest);
        let has =
            |path: &Path, bytes: u64| fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == bytes);
        match &artifact.files {
            None => has(&path, artifact.bytes),
            Some(files) => path.is_dir() && files.iter().all(|(name, file)| has(&path.join(name), file.bytes)),
        }
    }

    /// Moves what lies at `path`, on the store's own disk, to where its digest says. Once this returns it survives a power cut.
    pub(super) fn put(&self, path: &Path) -> Result<Artifact, StoreError> {
        let artifact = Artifact::of(path).map_err(disk(path))?;
        if self.holds(&artifact) {
            return Ok(artifact);
        }
        let target = self.object(&artifact.digest);
        let folder = target.parent().expect("an object lies in a folder of the store");
        fs::create_dir_all(folder).map_err(disk(folder))?;
        // What is there is broken: a file gone from it, or cut short by something that was not us.
        if target.exists() {
            remove(&target)?;
        }
        match &artifact.files {
            None => self.seal(path)?,
            Some(files) => files.keys().try_for_each(|name| self.seal(&path.join(name)))?,
        }
        match fs::rename(path, &target) {
            Ok(()) => {}
            // Another run put the same content there a moment ago.
            Err(_) if self.holds(&artifact) => {}
            Err(why) => return Err(disk(&target)(why)),
        }
        self.sync_folder(folder)?;
        Ok(artifact)
    }

    /// Keeps a text as a file of its own, named by its digest.
    pub(crate) fn put_text(&self, text: &str) -> Result<Digest, StoreError> {
        let digest = Digest::of(text.as_bytes());
        let artifact = Artifact { digest, bytes: text.len() as u64, files: None };
        let target = self.object(&digest);
        if !self.holds(&artifact) {
            if target.exists() {
                remove(&target)?;
            }
            self.write_whole(&target, text.as_bytes())?;
            self.seal(&target)?;
        }
        Ok(digest)
    }

    /// A text that was kept.
    ///
    /// # Errors
    /// When it is gone, or is not what its name says.
    pub fn text(&self, digest: &Digest) -> Result<String, StoreError> {
        let path = self.object(digest);
        let text = fs::read_to_string(&path).map_err(disk(&path))?;
        if Digest::of(text.as_bytes()) != *digest {
            return Err(StoreError::Unreadable { path, why: "is not what was kept".to_owned() });
        }
        Ok(text)
    }

    /// On the disk, and not to be written again.
    fn seal(&self, path: &Path) -> Result<(), StoreError> {
        if !self.hasty {
            File::open(path).and_then(|file| file.sync_all()).map_err(disk(path))?;
        }
        let mut permissions = fs::metadata(path).map_err(disk(path))?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions).map_err(disk(path))
    }

    /// A rename is on the disk when its folder is.
    pub(super) fn sync_folder(&self, folder: &Path) -> Result<(), StoreError> {
        if cfg!(unix) && !self.hasty {
            File::open(folder).and_then(|file| file.sync_all()).map_err(disk(folder))?;
        }
        Ok(())
    }
}

pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(why) => Err(why),
    };
    match removed {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(disk(path)(why)),
        _ => Ok(()),
    }
}
