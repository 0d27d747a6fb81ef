//! Files of a project, read so that nothing leads out of it: opened below the root's own handle (no `..`, no link, not even one put there
//! in between), without waiting for a pipe, and only if they are files.

use std::io::{self, Read};
use std::path::Path;

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

/// No text of ours is longer; the language's own limit of a file is far below.
pub const MOST: u64 = 16 << 20;

/// The bytes of the file at `path` below `root`, which must be a path without links to outside.
///
/// # Errors
/// When it leads out of the root, is no file, is longer than `most`, or cannot be read.
pub fn read(root: &Path, path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let root = Dir::open_ambient_dir(root, ambient_authority())?;
    let file = root.open_with(path, OpenOptions::new().read(true).nonblock(true))?.into_std();
    bounded(file, most)
}

/// The bytes of a file that somebody named on the command line, wherever it is.
///
/// # Errors
/// As [`read`].
pub fn read_named(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(no_file(path.is_dir()));
    }
    bounded(std::fs::File::open(path)?, most)
}

fn bounded(file: std::fs::File, most: u64) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(no_file(metadata.is_dir()));
    }
    if metadata.len() > most {
        return Err(io::Error::other(format!("it has {} bytes, more than {most}", metadata.len())));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A folder, or a pipe, a socket, a device.
fn no_file(is_folder: bool) -> io::Error {
    if is_folder { io::ErrorKind::IsADirectory.into() } else { io::Error::other("it is not a regular file") }
}
