//! Digests of files and folders from outside, remembered by size, time and inode, so that gigabytes are not read at each plan.

use std::collections::BTreeMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::digest::{sha256, sha256_of_file};

/// Smaller files are read again each time: that is quick, and an edit within the file system's clock tick is not missed.
const WORTH_REMEMBERING: u64 = 64 * 1024;

/// Append-only lines `identity sha256` in one file of the store. A lost or torn line costs one more reading, nothing else.
#[derive(Debug)]
pub struct DigestMemo {
    file: PathBuf,
    known: BTreeMap<String, String>,
}

impl DigestMemo {
    /// What an earlier process wrote, if it did.
    pub fn open(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let known = text.lines().filter_map(|line| line.rsplit_once(' ')).filter(|(_, digest)| digest.len() == 64);
        Self {
            file: file.to_owned(),
            known: known.map(|(identity, digest)| (identity.to_owned(), digest.to_owned())).collect(),
        }
    }

    /// `sha256:…` of a file or folder.
    ///
    /// # Errors
    /// When something in it cannot be read.
    pub fn content(&mut self, path: &Path) -> io::Result<String> {
        let digest = if fs::metadata(path)?.is_dir() { self.folder(path)? } else { self.file(path)? };
        Ok(format!("sha256:{digest}"))
    }

    /// SHA-256 of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(&mut self, path: &Path) -> io::Result<String> {
        let metadata = fs::metadata(path)?;
        let identity = (metadata.len() >= WORTH_REMEMBERING).then(|| identity(&metadata)).flatten();
        if let Some(digest) = identity.as_ref().and_then(|identity| self.known.get(identity)) {
            return Ok(digest.clone());
        }
        let (digest, _) = sha256_of_file(path)?;
        if let Some(identity) = identity {
            self.remember(identity, &digest);
        }
        Ok(digest)
    }

    /// Of a folder: SHA-256 of the lines `DIGEST  PATH` of its files, sorted by path, as
    /// `find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | sha256sum` prints it. Links are followed: a cache of the
    /// Hugging Face Hub consists of them. Hidden files count as little as they do for a person.
    ///
    /// # Errors
    /// When something in it cannot be read.
    pub fn folder(&mut self, path: &Path) -> io::Result<String> {
        let mut lines = String::new();
        for (name, file) in files_of(path)? {
            lines.push_str(&format!("{}  {name}\n", self.file(&file)?));
        }
        Ok(sha256(&lines))
    }

    fn remember(&mut self, identity: String, digest: &str) {
        // A memo that cannot be written is slow, not wrong.
        let line = format!("{identity} {digest}\n");
        if let Some(folder) = self.file.parent() {
            let _ = fs::create_dir_all(folder);
        }
        if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(&self.file) {
            let _ = file.write_all(line.as_bytes());
        }
        self.known.insert(identity, digest.to_owned());
    }
}

/// Path inside the folder (with `/`) → path, sorted; hidden ones left out.
pub(crate) fn files_of(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    fn walk(folder: &Path, below: &str, found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(io::Error::other(format!("{} has a name that is not UTF-8", entry.path().display())));
            };
            if name.starts_with('.') {
                continue;
            }
            let inside = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if fs::metadata(entry.path())?.is_dir() {
                walk(&entry.path(), &inside, found)?;
            } else {
                found.insert(inside, entry.path());
            }
        }
        Ok(())
    }

    let mut found = BTreeMap::new();
    walk(folder, "", &mut found)?;
    Ok(found)
}

/// What changes when a file's content does, as far as the file system tells.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    Some(format!(
        "{}:{}:{}:{}.{:09}",
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec()
    ))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_its_files_digests() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/y"), "two\n").unwrap();
        fs::write(folder.path().join("a"), "one\n").unwrap();
        fs::write(folder.path().join(".hidden"), "no").unwrap();
        // printf 'one\n' > a; mkdir b; printf 'two\n' > b/y; sha256sum a b/y | sha256sum
        let mut memo = DigestMemo::open(&folder.path().join(".memo"));
        let lines = format!("{}  a\n{}  b/y\n", sha256("one\n"), sha256("two\n"));
        assert_eq!(memo.content(folder.path()).unwrap(), format!("sha256:{}", sha256(&lines)));
        assert_eq!(sha256("one\n"), "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806");
    }

    #[test]
    fn a_large_file_is_read_once_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, memo) = (folder.path().join("weights"), folder.path().join("memo/digests"));
        fs::write(&file, vec![7; 100_000]).unwrap();
        let first = DigestMemo::open(&memo).file(&file).unwrap();
        assert_eq!(fs::read_to_string(&memo).unwrap().lines().count(), 1);
        assert_eq!(DigestMemo::open(&memo).file(&file).unwrap(), first);
        assert_eq!(fs::read_to_string(&memo).unwrap().lines().count(), 1, "remembered, not read again");
        fs::write(&file, vec![8; 100_001]).unwrap();
        assert_ne!(DigestMemo::open(&memo).file(&file).unwrap(), first);
    }
}
