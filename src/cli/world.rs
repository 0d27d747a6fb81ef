//! The outside, as the language may see it: `.masc` files, the texts they name, environment variables, the clock.
//! The only place that reads any of them. Nothing leaves the project's root, not by `..` and not by a link.

#![allow(clippy::disallowed_methods)] // The one door to the environment and the clock.

use std::collections::VecDeque;
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use mascot_lang::address::Far;
use mascot_lang::lock::{self, Lock, VENDOR};
use mascot_lang::source::World;
use mascot_run::source::inside;
pub use mascot_run::words::in_words;

/// Files under one root.
#[derive(Debug, Clone)]
pub struct SystemWorld {
    /// Links resolved.
    root: PathBuf,
    /// Where relative paths of the command line begin.
    current: PathBuf,
}

impl SystemWorld {
    /// The world of a main file: its root is `given`, or found by [`find_root`].
    ///
    /// # Errors
    /// When the file or the root cannot be found; the sentence names it.
    pub fn of(main: &Path, given: Option<&Path>) -> Result<Self, String> {
        let current = current_folder()?;
        let file = main.canonicalize().map_err(|why| format!("{}: {}", main.display(), in_words(&why)))?;
        if file.is_dir() {
            return Err(format!("{0}: is a folder; name its files, as in {0}/*.masc", main.display()));
        }
        if !file.is_file() {
            return Err(format!("{}: not a file", main.display()));
        }
        std::fs::File::open(&file).map_err(|why| format!("{}: {}", main.display(), in_words(&why)))?;
        let root = match given {
            Some(root) => resolve_folder(root)?,
            None => find_root(&file, &current),
        };
        if !file.starts_with(&root) {
            return Err(format!("{}: lies outside the root {}", main.display(), root.display()));
        }
        Ok(Self { root, current })
    }

    /// The world of a main file that need not be there: a text that git hands over.
    ///
    /// # Errors
    /// When the root cannot be found.
    pub fn around(main: &Path, given: Option<&Path>) -> Result<Self, String> {
        let current = current_folder()?;
        let root = match given {
            Some(root) => resolve_folder(root)?,
            None => find_root(main, &current),
        };
        Ok(Self { root, current })
    }

    /// The world around a file that an editor has open and that perhaps was never saved; `None` where its folder is not there.
    pub fn of_open_file(file: &Path) -> Option<Self> {
        let current = current_folder().ok()?;
        let file = real(file).or_else(|| Some(real(file.parent()?)?.join(file.file_name()?)))?;
        let root = find_root(&file, &current);
        Some(Self { root, current })
    }

    /// The project's root, links resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a file is others' work, which `mascot.lock` pins: rewritten, it would not be what was reviewed.
    pub fn is_vendored(&self, file: &str) -> bool {
        let inside = self.in_root(file);
        inside.strip_prefix(VENDOR).is_some_and(|rest| rest.starts_with('/')) && self.lock().is_some()
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        let real = self.current.join(path).canonicalize().map_err(|why| in_words(&why))?;
        let below = real
            .strip_prefix(&self.root)
            .map_err(|_| format!("it leaves the project's root {}", self.root.display()))?;
        let bytes = inside::read(&self.root, below, inside::MOST).map_err(|why| in_words(&why))?;
        String::from_utf8(bytes).map_err(|why| format!("is not UTF-8 (byte {})", why.utf8_error().valid_up_to()))
    }
}

impl World for SystemWorld {
    fn source(&self, path: &str) -> Result<String, String> {
        match Far::parse(path) {
            Some(far) => {
                let far = far.expect("only an address that is one gets here");
                let lock = World::lock(self).map(|(_, text)| Lock::parse(&text)).unwrap_or_default();
                let place = lock.place(&far).ok_or("mascot.lock does not say which commit it is")?;
                let not_here =
                    |why: String| if why == "no such file" { format!("it is not in {VENDOR}/") } else { why };
                self.read(&self.root.join(place)).map_err(not_here)
            }
            None => self.read(Path::new(path)),
        }
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        self.read(&folder.join(path))
    }

    fn lock(&self) -> Option<(String, String)> {
        let path = self.root.join(lock::FILE);
        let text = self.read(&path).ok()?;
        // Above the current folder it is shown as it is found.
        let shown = path.strip_prefix(&self.current).unwrap_or(&path);
        Some((shown.to_string_lossy().into_owned(), text))
    }

    fn in_root(&self, path: &str) -> String {
        let whole = lexical(&self.current.join(path));
        // A link on the way to the root, in what the user typed.
        let real = || whole.canonicalize().ok().and_then(|real| Some(real.strip_prefix(&self.root).ok()?.to_owned()));
        let inside = whole.strip_prefix(&self.root).ok().map(Path::to_owned).or_else(real);
        inside.map_or_else(|| whole.to_string_lossy().into_owned(), |path| slashed(&path))
    }
}

/// What is said of a file that [`SystemWorld::is_vendored`].
pub const LEFT_TO_OTHERS: &str = "left as it is: others wrote it, and mascot.lock has its digest";

/// Without `.` and `..`, by the letters alone.
fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// A path as `mascot.lock` and packs write it: `/` between its parts on every system.
pub fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The nearest ancestor of the file that holds `mascot.lock` or `.git`; else the current folder, if it holds the file;
/// else the file's folder. Both paths are resolved.
pub fn find_root(file: &Path, current: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let marked = folder.ancestors().find(|at| at.join("mascot.lock").exists() || at.join(".git").exists());
    match marked {
        Some(root) => root.to_owned(),
        None if file.starts_with(current) => current.to_owned(),
        None => folder.to_owned(),
    }
}

/// The current folder, links resolved.
///
/// # Errors
/// When there is none any more.
pub fn current_folder() -> Result<PathBuf, String> {
    std::env::current_dir()
        .and_then(|at| at.canonicalize())
        .map_err(|why| format!("current folder: {}", in_words(&why)))
}

fn resolve_folder(path: &Path) -> Result<PathBuf, String> {
    let real = path.canonicalize().map_err(|why| format!("{}: {}", path.display(), in_words(&why)))?;
    if real.is_dir() { Ok(real) } else { Err(format!("{}: not a folder", path.display())) }
}

/// A path with its links resolved, if there is such a file or folder.
pub fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

/// Folders that are looked into for files of a workspace: whoever opens a whole disk waits for no more.
const MOST_FOLDERS: usize = 10_000;

/// The `.masc` files below a folder, at most `most`, the nearest first: not in hidden folders, nor in what builds leave behind.
pub fn masc_files(folder: &Path, most: usize, found: &mut Vec<PathBuf>) {
    let mut folders = VecDeque::from([folder.to_owned()]);
    for _ in 0..MOST_FOLDERS {
        let Some(folder) = folders.pop_front() else { return };
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // A link may lead round in a circle.
            let is_folder = path.is_dir() && !path.is_symlink();
            if found.len() >= most {
                return;
            } else if is_folder && !name.starts_with('.') && !matches!(&*name, "target" | "node_modules") {
                folders.push_back(path);
            } else if path.extension().is_some_and(|extension| extension == "masc") && path.is_file() {
                found.push(path);
            }
        }
    }
}

/// A file of the built-in library where an editor can open it: in the user's cache, written when it is not there as it should be.
pub fn library_copy(name: &str, text: &str) -> Option<PathBuf> {
    let file = library_copies()?.join(name);
    if std::fs::read_to_string(&file).ok().as_deref() != Some(text) {
        mascot_run::whole::write(&file, text.as_bytes(), mascot_run::whole::Care::Moved).ok()?;
    }
    Some(file)
}

/// Where [`library_copy`] writes.
pub fn library_copies() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(variable("HOME")?).join(".cache"));
    let cache = variable("XDG_CACHE_HOME").or_else(|| variable("LOCALAPPDATA")).map(PathBuf::from).or_else(home)?;
    Some(cache.join("mascot").join(concat!("std-", env!("CARGO_PKG_VERSION"))))
}

/// An environment variable, or nothing when it is unset, empty or not UTF-8.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// How many threads compute unless told otherwise.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What this machine is, for a report's reader: never part of a key.
pub fn machine() -> String {
    let cores = cores();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
    let model = model.unwrap_or(std::env::consts::ARCH);
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}

/// Bytes that a process can still take on this machine, as far as the system tells: what is available, and what the process's control
/// groups leave of their limits. `None` where nobody tells.
pub fn free_memory() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let mut free = available(&read(Path::new("/proc/meminfo"))?);
    for line in read(Path::new("/proc/self/cgroup")).unwrap_or_default().lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let (mount, files) = match controllers {
            "" => ("/sys/fs/cgroup", ["memory.max", "memory.current"]),
            "memory" => ("/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes"]),
            _ => continue,
        };
        // A limit of any group above holds too. In a container the group's own path may lie outside of what is mounted.
        for folder in Path::new(group.trim_start_matches('/')).ancestors() {
            let [limit, used] = files.map(|file| read(&Path::new(mount).join(folder).join(file)));
            let cache = read(&Path::new(mount).join(folder).join("memory.stat")).unwrap_or_default();
            free = [free, left_of(limit, used, &cache)].into_iter().flatten().min();
        }
    }
    free
}

/// `MemAvailable` of `/proc/meminfo`.
fn available(meminfo: &str) -> Option<u64> {
    let kibibytes = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    kibibytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// What a control group leaves: its limit less what is used, where the cache of files can be given back. A limit near 2⁶³, or `max`, is none.
fn left_of(limit: Option<String>, used: Option<String>, stat: &str) -> Option<u64> {
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse::<u64>().ok());
    let limit = number(limit).filter(|limit| *limit < 1 << 60)?;
    let of_files =
        |name: &str| stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<u64>().ok());
    let cache = of_files("inactive_file").or_else(|| of_files("total_inactive_file")).unwrap_or(0);
    Some(limit.saturating_sub(number(used).unwrap_or(0).saturating_sub(cache)))
}

/// `2026-11-21 10:31 UTC`, from seconds since 1970.
pub fn date(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (year, month, day) = civil((seconds / 86_400) as i64);
    let of_day = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", of_day / 3_600, of_day / 60 % 60)
}

/// Days since 1970 to year, month, day (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_what_the_tightest_leaves() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(available("MemTotal:       16000 kB\nMemAvailable:    1024 kB\n"), Some(1 << 20));
        assert_eq!(available("nothing"), None);
        assert_eq!(left_of(some("1000\n"), some("700\n"), "anon 400\ninactive_file 200\n"), Some(500));
        assert_eq!(left_of(some("1000"), some("2000"), ""), Some(0));
        assert_eq!(left_of(some("max\n"), some("700\n"), ""), None);
        assert_eq!(
            left_of(some("9223372036854771712"), some("700"), ""),
            None,
            "no limit, as the first version says it"
        );
        assert!(!cfg!(target_os = "linux") || free_memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn dates_are_right() {
        // `date -u -d @…`
        assert_eq!(date(0.0), "1970-01-01 00:00 UTC");
        assert_eq!(date(1_709_164_800.0), "2024-02-29 00:00 UTC");
        assert_eq!(date(1_763_721_083.0), "2025-11-21 10:31 UTC");
    }

    #[test]
    fn the_root_is_marked_or_the_current_folder_or_the_files() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let deep = root.join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        let file = deep.join("x.masc");
        std::fs::write(&file, "masc 1\n").unwrap();
        let elsewhere = root.join("elsewhere");

        assert_eq!(find_root(&file, &root.join("a")), root.join("a"));
        assert_eq!(find_root(&file, &elsewhere), deep);
        std::fs::write(root.join("mascot.lock"), "").unwrap();
        assert_eq!(find_root(&file, &elsewhere), root);
    }

    #[test]
    fn nothing_leaves_the_root() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.masc"), "masc 1\n").unwrap();
        std::fs::write(folder.path().join("main.masc"), "masc 1\n").unwrap();
        std::fs::write(folder.path().join("bad.masc"), [b'm', 0xff]).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.masc"), folder.path().join("link.masc")).unwrap();
        let main = folder.path().join("main.masc");
        let world = SystemWorld::of(&main, Some(folder.path())).unwrap();
        let from = |name: &str| world.source(&folder.path().join(name).to_string_lossy());

        assert_eq!(from("main.masc").unwrap(), "masc 1\n");
        assert!(from("link.masc").unwrap_err().contains("leaves"));
        assert!(from("../x/y.masc").unwrap_err().contains("no such file"));
        assert!(world.source(&outside.path().join("secret.masc").to_string_lossy()).unwrap_err().contains("leaves"));
        assert_eq!(from("bad.masc").unwrap_err(), "is not UTF-8 (byte 1)");
    }
}
