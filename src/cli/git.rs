//! A project at a git revision, read blob by blob: no checkout, nothing written. And the little of a repository's settings that
//! `mascot diff --install` changes.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use mascot_lang::address::Far;
use mascot_lang::lock::{FILE, Lock, VENDOR};
use mascot_lang::source::World;

use super::world::{current_folder, slashed};

/// The repository that the current folder lies in.
#[derive(Debug, Clone)]
pub struct Repository {
    top: PathBuf,
    /// The current folder, from the top.
    below: PathBuf,
}

/// The files of a commit, by paths as they are written from the current folder.
pub struct Revision {
    repository: Repository,
    commit: String,
}

/// A main file at a revision, and what it may be made of: the world that [`super::world::SystemWorld`] is of the files as they lie here.
pub struct Project<'r> {
    revision: &'r Revision,
    /// Its root, from the top of the repository: the nearest folder above the file that held a lock, else the top.
    root: PathBuf,
    /// The text of that lock.
    lock: Option<String>,
}

/// `main..HEAD`; `main...HEAD` begins where the two parted; `main..` ends with the files as they lie here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    from: String,
    to: String,
    /// Three dots.
    parted: bool,
}

impl Repository {
    /// # Errors
    /// When this is no git repository; in words.
    pub fn here() -> Result<Self, String> {
        let current = current_folder()?;
        let ask = |args: &[&str]| git(&current, args.iter().map(OsStr::new));
        let top = ask(&["rev-parse", "--show-toplevel"])?;
        let below = ask(&["rev-parse", "--show-prefix"])?;
        Ok(Self { top: top.trim_end().into(), below: below.trim_end().into() })
    }

    pub fn top(&self) -> &Path {
        &self.top
    }

    fn git(&self, args: &[&str]) -> Result<String, String> {
        git(&self.top, args.iter().map(OsStr::new))
    }

    /// Of this repository's own configuration.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.git(&["config", "--local", "--get", key]).ok().map(|value| value.trim_end_matches('\n').to_owned())
    }

    /// # Errors
    /// In git's words.
    pub fn set(&self, key: &str, value: &str) -> Result<(), String> {
        self.git(&["config", "--local", key, value]).map(drop)
    }

    /// # Errors
    /// In git's words.
    pub fn unset(&self, section: &str) -> Result<(), String> {
        self.git(&["config", "--local", "--remove-section", section]).map(drop)
    }

    /// A path from the top, as it is written from the current folder.
    fn seen_from_here(&self, path: &str) -> PathBuf {
        let path = Path::new(path);
        let shared = self.below.components().zip(path.components()).take_while(|(a, b)| a == b).count();
        let up = self.below.components().count() - shared;
        std::iter::repeat_n(Path::new(".."), up)
            .map(Path::to_owned)
            .chain([path.components().skip(shared).collect()])
            .collect()
    }

    fn listed(&self, args: &[&str], extension: &str) -> Result<Vec<PathBuf>, String> {
        let ending = format!(".{extension}");
        let all = self.git(args)?;
        let wanted = all.split('\0').filter(|path| path.ends_with(&ending));
        Ok(wanted.map(|path| self.seen_from_here(path)).collect())
    }
}

impl Range {
    /// `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once("..")?;
        let (to, parted) = to.strip_prefix('.').map_or((to, false), |to| (to, true));
        let named = |end: &str| if end.is_empty() { "HEAD".to_owned() } else { end.to_owned() };
        // `..`, `../x` and `a/../b` are paths.
        let is_path = to.starts_with('/') || from.is_empty() && to.is_empty() || from.ends_with('/');
        let to = if parted { named(to) } else { to.to_owned() };
        (!is_path).then(|| Self { from: named(from), to, parted })
    }

    /// Both ends; the second is `None` where it is the files as they lie here.
    ///
    /// # Errors
    /// In words.
    pub fn ends(&self) -> Result<(Revision, Option<Revision>), String> {
        let to = if self.to.is_empty() { None } else { Some(Revision::of(&self.to)?) };
        let mut from = Revision::of(&self.from)?;
        if let (true, Some(to)) = (self.parted, &to) {
            let parted = from.repository.git(&["merge-base", &from.commit, &to.commit]);
            let none = |_| format!("`{}` and `{}` have no commit in common", self.from, self.to);
            from.commit = parted.map_err(none)?.trim().to_owned();
        }
        Ok((from, to))
    }

    /// What a file is called at both ends, as `mascot diff` takes it. Where two parted has no name but its commit's.
    pub fn names(&self, from: &Revision, before: &Path, after: &Path) -> (String, String) {
        let at = |end: &str, file: &Path| match end {
            "" => file.display().to_string(),
            end => format!("{end}:{}", file.display()),
        };
        let begin = if self.parted { from.commit.get(..10).unwrap_or(&from.commit) } else { &self.from };
        (at(begin, before), at(&self.to, after))
    }
}

impl Revision {
    /// # Errors
    /// When this is no git repository, or it knows no such revision; in words.
    pub fn of(name: &str) -> Result<Self, String> {
        let repository = Repository::here()?;
        // `--end-of-options`: what a user writes is a revision, whatever it begins with.
        let wanted = format!("{name}^{{commit}}");
        let commit = repository
            .git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])
            .map_err(|_| format!("git knows no revision `{name}` here"))?;
        Ok(Self { repository, commit: commit.trim().to_owned() })
    }

    /// What a main file is made of here; `main` is written from the current folder.
    pub fn project(&self, main: &Path) -> Project<'_> {
        let place = self.placed(main).unwrap_or_default();
        let held = place.ancestors().skip(1).find_map(|folder| {
            let text = self.blob(&folder.join(FILE)).ok()?;
            Some((folder.to_owned(), text))
        });
        let (root, lock) = held.map_or_else(Default::default, |(root, text)| (root, Some(text)));
        Project { revision: self, root, lock }
    }

    /// Files of this extension, as they are written from the current folder.
    ///
    /// # Errors
    /// In git's words.
    pub fn files(&self, extension: &str) -> Result<Vec<PathBuf>, String> {
        self.repository.listed(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &self.commit], extension)
    }

    /// The same of the working tree, but for what git ignores.
    ///
    /// # Errors
    /// In git's words.
    pub fn files_here(&self, extension: &str) -> Result<Vec<PathBuf>, String> {
        let mut files =
            self.repository.listed(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"], extension)?;
        files.retain(|file| file.exists());
        Ok(files)
    }

    /// Files of this extension that are called otherwise at `to`, or as they lie here: what git takes for a rename. The old path and
    /// the new, as they are written from the current folder.
    ///
    /// # Errors
    /// In git's words.
    pub fn renamed(&self, to: Option<&Revision>, extension: &str) -> Result<Vec<(PathBuf, PathBuf)>, String> {
        let mut call = vec!["diff", "--no-ext-diff", "--name-status", "-z", "-M", "--diff-filter=R", &self.commit];
        call.extend(to.map(|to| to.commit.as_str()));
        let told = self.repository.git(&call)?;
        // `R095`, the old path, the new.
        let mut parts = told.split('\0').filter(|part| !part.is_empty());
        let mut found = Vec::new();
        let ending = format!(".{extension}");
        while let (Some(_), Some(old), Some(new)) = (parts.next(), parts.next(), parts.next()) {
            if old.ends_with(&ending) && new.ends_with(&ending) {
                found.push((self.repository.seen_from_here(old), self.repository.seen_from_here(new)));
            }
        }
        Ok(found)
    }

    /// The text of a file, if it is there.
    pub fn text(&self, path: &Path) -> Option<String> {
        self.read(path).ok()
    }

    /// A path as it is written from the current folder, from the top.
    fn placed(&self, path: &Path) -> Result<PathBuf, String> {
        let mut place = PathBuf::new();
        for part in self.repository.below.join(path).components() {
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
        self.repository.git(&["cat-file", "blob", &blob]).map_err(|_| "no such file".to_owned())
    }
}

impl Project<'_> {
    /// The project's root, as it lies in the working tree.
    pub fn root(&self) -> PathBuf {
        self.revision.repository.top().join(&self.root)
    }
}

impl World for Project<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        let Some(far) = Far::parse(path) else { return self.revision.read(Path::new(path)) };
        let far = far.expect("only an address that is one gets here");
        let lock = Lock::parse(self.lock.as_deref().unwrap_or_default());
        let place = lock.place(&far).ok_or("mascot.lock does not say which commit it is")?;
        self.revision.blob(&self.root.join(place)).map_err(|_| format!("it was not in {VENDOR}/ at that revision"))
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        self.revision.read(&Path::new(from).parent().unwrap_or(Path::new("")).join(path))
    }

    fn lock(&self) -> Option<(String, String)> {
        Some((slashed(&self.root.join(FILE)), self.lock.clone()?))
    }

    fn in_root(&self, path: &str) -> String {
        let place = self.revision.placed(Path::new(path)).unwrap_or_else(|_| PathBuf::from(path));
        slashed(place.strip_prefix(&self.root).unwrap_or(&place))
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
