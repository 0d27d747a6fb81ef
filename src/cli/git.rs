//! A project at a git revision, read blob by blob: no checkout, nothing written.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use mascot_lang::source::World;

use super::world::current_folder;

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

    fn read(&self, path: &Path) -> Result<String, String> {
        let mut place = PathBuf::new();
        for part in self.below.join(path).components() {
            match part {
                Component::Normal(name) => place.push(name),
                Component::CurDir => {}
                Component::ParentDir if place.pop() => {}
                _ => return Err("leaves the project root".to_owned()),
            }
        }
        let blob = format!("{}:{}", self.commit, place.to_string_lossy().replace('\\', "/"));
        git(&self.top, ["cat-file", "blob", &blob].map(OsStr::new)).map_err(|_| "no such file".to_owned())
    }
}

impl World for Revision {
    fn source(&self, path: &str) -> Result<String, String> {
        self.read(Path::new(path))
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        self.read(&Path::new(from).parent().unwrap_or(Path::new("")).join(path))
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
