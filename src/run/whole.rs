//! Files that are there as a whole or not at all: written beside their place, then moved there.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Whether the bytes must be on the disk before the file stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// A power cut may cost the file, never half of it left by a kill.
    Moved,
    /// Brought to the disk first.
    Synced,
}

/// Writes `bytes` to `path`, making its folder. A reader, and whoever comes after a kill, sees the old file or the new one. May be
/// called for one path by several processes at a time.
///
/// # Errors
/// When the disk is in the way; the old file, if there was one, is as it was.
pub fn write(path: &Path, bytes: &[u8], care: Care) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new();
    // As any file of the user's: their umask says who may read it, not the habit of temporary files.
    #[cfg(unix)]
    beside.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let mut file = beside.tempfile_in(folder)?;
    file.write_all(bytes)?;
    if care == Care::Synced {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file");
        write(&path, b"one", Care::Moved).unwrap();
        write(&path, b"two", Care::Synced).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // A folder is in the way: what is there stays, and nothing of ours does.
        let taken = folder.path().join("deep");
        assert!(write(&taken, b"three", Care::Moved).is_err());
        assert!(path.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_the_umask_lets_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        write(&ours, b"", Care::Moved).unwrap();
        fs::write(&plain, b"").unwrap();
        let [ours, plain] = [ours, plain].map(|path| fs::metadata(path).unwrap().permissions().mode());
        assert_eq!(ours, plain);
    }
}
