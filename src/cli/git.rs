//! A project at a git revision, read blob by blob: no checkout, nothing written.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use mascot_lang::address::Far;
use mascot_lang::lock::{FILE, Lock, VENDOR};
use mascot_lang::source::World;

use super::world::{current_folder, slashed};

/// The files of a commit, by paths as they are written from the current folder.
pub struct Revision {
    /// Of the repository.
    top: PathBuf,
    /// The current folder, from the top.
    below: PathBuf,
    commit: String,
}

impl Revision {
    /// # Errors
    /// When this is no git repository, or it knows no such revision; in words.
    pub fn of(name: &str) -> Result<Self, String> {
        let current = current_folder()?;
        let ask = |args: &[&str]| git(&current, args.iter().map(OsStr::new));
        let top = ask(&["rev-parse", "--show-toplevel"])?;
        let below = ask(&["rev-parse", "--show-prefix"])?;
        // `--end-of-options`: what a user writes is a revision, whatever it begins with.
        let wanted = format!("{name}^{{commit}}");
        let commit = ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])
            .map_err(|_| format!("git knows no revision `{name}` here"))?;
        Ok(Self { top: top.trim_end().into(), below: below.trim_end().into(), commit: commit.trim().to_owned() })
    }

    pub fn top(&self) -> &Path {
        &self.top
    }

    /// A path as it is written from the current folder, from the top.
    fn placed(&self, path: &Path) -> Result<PathBuf, String> {
        let mut place = PathBuf::new();
        for part in self.below.join(path).components() {
            match part {
                Component::Normal(name) => place.push(name),
                Component::CurDir => {}
                Component::ParentDir if place.pop() => {}
                _ => return Err("leaves the project root".to_owned()),
            }
        }
        Ok(place)
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        self.blob(&self.placed(path)?)
    }

    fn blob(&self, place: &Path) -> Result<String, String> {
        let blob = format!("{}:{}", self.commit, place.to_string_lossy().replace('\\', "/"));
        git(&self.top, ["cat-file", "blob", &blob].map(OsStr::new)).map_err(|_| "no such file".to_owned())
    }
}

impl Revision {
    /// The folder of the project, from the top, with the lock that it had: the current folder or the nearest above it that held one.
    fn locked(&self) -> (&Path, Option<String>) {
        let lock = |folder: &Path| self.blob(&folder.join(FILE)).ok();
        let found = self.below.ancestors().find_map(|folder| Some((folder, Some(lock(folder)?))));
        found.unwrap_or((Path::new(""), None))
    }
}

impl World for Revision {
    fn source(&self, path: &str) -> Result<String, String> {
        let Some(far) = Far::parse(path) else { return self.read(Path::new(path)) };
        let far = far.expect("only an address that is one gets here");
        let (folder, text) = self.locked();
        let lock = Lock::parse(&text.unwrap_or_default());
        let place = lock.place(&far).ok_or("mascot.lock does not say which commit it is")?;
        self.blob(&folder.join(place)).map_err(|_| format!("it was not in {VENDOR}/ at that revision"))
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        self.read(&Path::new(from).parent().unwrap_or(Path::new("")).join(path))
    }

    fn lock(&self) -> Option<(String, String)> {
        let (folder, text) = self.locked();
        Some((slashed(&folder.join(FILE)), text?))
    }

    fn in_root(&self, path: &str) -> String {
        let place = self.placed(Path::new(path)).unwrap_or_else(|_| PathBuf::from(path));
        let (folder, _) = self.locked();
        slashed(place.strip_prefix(folder).unwrap_or(&place))
    }
}

fn git<'a>(folder: &Path, args: impl IntoIterator<Item = &'a OsStr>) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output();
    let output = output.map_err(|why| format!("git cannot be called: {why}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(told.trim().trim_start_matches("fatal: ").to_owned());
    }
    String::from_utf8(output.stdout).map_err(|why| format!("is not UTF-8 (byte {})", why.utf8_error().valid_up_to()))
}
