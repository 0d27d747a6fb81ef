//! What an editor's address of a file means on this machine, the files of a workspace, and the built-in library as files that can be opened.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use lsp_types::Uri;
use url::Url;

use super::super::world::{self, SystemWorld, slashed};

/// Files of a workspace that are looked at; more than this is no project of `.masc` files.
const MOST_FILES: usize = 2_000;

/// The path by which a document is known: links resolved where the file is there. A buffer that was never saved goes by its address.
pub fn path_of(uri: &Uri) -> String {
    let file =
        Url::parse(uri.as_str()).ok().filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok());
    file.map_or_else(|| uri.as_str().to_owned(), |file| known_as(&file))
}

/// As [`path_of`], of a file.
pub fn known_as(file: &Path) -> String {
    // Of what is not there, as much of the way to it as is.
    let real = file.ancestors().find_map(|there| {
        let rest = file.strip_prefix(there).ok()?;
        let real = world::real(there)?;
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    });
    slashed_whole(&real.unwrap_or_else(|| file.to_owned()))
}

/// The address of a path; of one of the built-in library, where a copy of it can be read.
pub fn uri_of(path: &str) -> Option<Uri> {
    if let Some(name) = path.strip_prefix("std/") {
        let copy = world::library_copy(name, mascot_lang::stdlib::text(name)?)?;
        return Uri::from_str(Url::from_file_path(copy).ok()?.as_str()).ok();
    }
    match Url::from_file_path(path) {
        Ok(url) => Uri::from_str(url.as_str()).ok(),
        Err(()) => Uri::from_str(path).ok(),
    }
}

/// The world around a document, and its root. A buffer that lies nowhere sees nothing but the library.
pub fn world_of(path: &str) -> Option<SystemWorld> {
    let file = Path::new(path);
    file.is_absolute().then(|| SystemWorld::of_open_file(file)).flatten()
}

/// The `.masc` files below the workspace's folders.
pub fn workspace(folders: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        world::masc_files(folder, MOST_FILES, &mut found);
    }
    found.iter().map(|file| known_as(file)).collect()
}

fn slashed_whole(path: &Path) -> String {
    if cfg!(windows) { slashed(path) } else { path.to_string_lossy().into_owned() }
}

/// A file as the analyses of a session call it: one of the built-in library by its name, whoever says it, also where a copy of it is read.
pub fn key_of(path: &str) -> String {
    if path.starts_with("std/") {
        return path.to_owned();
    }
    let known = known_as(path.as_ref());
    copied(&known).unwrap_or(known)
}

/// `std/NAME`, of the copy that an editor shows of it.
pub fn copied(known: &str) -> Option<String> {
    let path = Path::new(known);
    let name = path.file_name()?.to_str().filter(|name| mascot_lang::stdlib::text(name).is_some())?;
    let copies = world::library_copies().and_then(|folder| world::real(&folder))?;
    (path.parent() == Some(&copies)).then(|| format!("std/{name}"))
}

/// Whether a file lies there.
pub fn is_file(path: &str) -> bool {
    Path::new(path).is_file()
}
