//! Trees that lie elsewhere, as the one verb that may fetch sees them: one file at a time, by path, out of a commit or an archive.
//!
//! Who is asked is decided here: the hosts of the project's own `use` lines, and what `--allow` adds. A fetched file grants nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mascot_lang::address::{Far, Tree};
use mascot_run::remote::Address;

use super::archive;
use super::http;
use super::repository::Repository;

/// The largest file that is taken out of a tree; a `.masc` file may have as much.
pub const MOST_BYTES: u64 = 1 << 20;

/// What `--allow` and a profile grant.
#[derive(Debug, Default)]
pub struct Granted {
    /// `host:port`
    pub net: Vec<String>,
    pub read: Vec<PathBuf>,
}

/// Everything fetched so far: each tree once.
pub struct Fetcher<'a> {
    granted: &'a Granted,
    trees: BTreeMap<Tree, Result<Opened, String>>,
    note: &'a dyn Fn(&str),
}

enum Opened {
    Repository(Repository),
    Archive(Vec<u8>),
}

impl<'a> Fetcher<'a> {
    /// `note` is told of every connection before it is made.
    pub fn new(granted: &'a Granted, note: &'a dyn Fn(&str)) -> Self {
        Self { granted, trees: BTreeMap::new(), note }
    }

    /// The bytes of a far file. `at`: the commit that the lock pinned; `by_project`: a file of the project itself asks, so its host may
    /// be reached.
    ///
    /// # Errors
    /// In words, with what to do.
    pub fn file(&mut self, far: &Far, at: Option<&str>, by_project: bool) -> Result<Vec<u8>, String> {
        match self.tree(&far.tree, at, by_project)? {
            Opened::Repository(repository) => repository.file(&far.path),
            Opened::Archive(bytes) => archive::file(bytes, &far.path),
        }
    }

    /// The commit that a tree of git was fetched at.
    pub fn commit(&self, tree: &Tree) -> Option<&str> {
        match self.trees.get(tree) {
            Some(Ok(Opened::Repository(repository))) => Some(repository.commit()),
            _ => None,
        }
    }

    fn tree(&mut self, tree: &Tree, at: Option<&str>, by_project: bool) -> Result<&Opened, String> {
        if !self.trees.contains_key(tree) {
            self.may_reach(tree, by_project)?;
            (self.note)(&format!("fetching {tree}"));
            let opened = match tree {
                Tree::Git { url, revision } => Repository::fetch(url, at.unwrap_or(revision)).map(Opened::Repository),
                Tree::Archive { url, sha256 } => http::archive(url, sha256, &self.granted.net).map(Opened::Archive),
            };
            self.trees.insert(tree.clone(), opened);
        }
        self.trees[tree].as_ref().map_err(Clone::clone)
    }

    fn may_reach(&self, tree: &Tree, by_project: bool) -> Result<(), String> {
        match place(tree)? {
            Place::Host(_) if by_project => Ok(()),
            Place::Host(address) => {
                // Loopback too: what a stranger wrote has no business with the services of this machine.
                let whole = address.to_string();
                let is_granted = self.granted.net.iter().any(|grant| {
                    let grant = grant.to_ascii_lowercase();
                    grant == whole || grant == address.host
                });
                let why = format!(
                    "a fetched file asks for it, and nothing of this project does: --allow 'net(\"{whole}\")' grants it"
                );
                if is_granted { Ok(()) } else { Err(why) }
            }
            Place::Folder(folder) => {
                let real = folder.canonicalize().map_err(|_| format!("{}: no such folder", folder.display()))?;
                let inside = |grant: &PathBuf| grant.canonicalize().is_ok_and(|grant| real.starts_with(grant));
                let why = format!("it lies on this machine: --allow 'read(\"{}\")' grants it", folder.display());
                if self.granted.read.iter().any(inside) { Ok(()) } else { Err(why) }
            }
        }
    }
}

enum Place {
    Host(Address),
    Folder(PathBuf),
}

/// Who is asked for a tree.
fn place(tree: &Tree) -> Result<Place, String> {
    let url = match tree {
        Tree::Git { url, .. } | Tree::Archive { url, .. } => url,
    };
    if let Some(path) = url.strip_prefix("file://") {
        return Ok(Place::Folder(Path::new(path).to_owned()));
    }
    if let Some(rest) = url.strip_prefix("ssh://") {
        // ssh's own port, where none is written; the rest is read as for any other host.
        let host = rest.split('/').next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let url = if has_port { format!("http://{host}") } else { format!("http://{host}:22") };
        return Address::of(&url).map(Place::Host);
    }
    Address::of(url).map(Place::Host)
}
