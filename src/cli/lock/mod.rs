//! `mascot lock`: writes `mascot.lock`, and brings what `use` names from far away. The one verb that does.
//!
//! # Steps
//! 1. [`reckon`]: every main file with its imports, fetched by [`fetch`] (a [`repository`] by the user's git, an [`archive`] by [`http`])
//!    as far as they are not kept.
//! 2. [`models`]: weights and tokenizers, as far as they are known.
//! 3. What was fetched is put into `vendor/`, then the lock is written, each aside and moved.

mod archive;
mod fetch;
mod http;
mod models;
mod reckon;
mod repository;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mascot_lang::address::is_commit;
use mascot_lang::diagnostic::{Diagnostics, Severity};
use mascot_lang::lock::{self, Entry, FILE, Kind, Lock, VENDOR};
use mascot_lang::source::World;
use mascot_run::whole::{self, Care};
use serde_json::json;

pub use models::{entries as models_of, locked, opened};

use super::args;
use super::exit::Exit;
use super::load::{self, Loaded};
use super::prepare;
use super::render;
use super::run::near;
use super::world::{SystemWorld, current_folder, find_root, in_words};
use fetch::{Fetcher, Granted};
use reckon::{Brought, Given};

pub fn lock(args: &args::Lock) -> Exit {
    match locked_up(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

/// The entries of one program as it lies here, its models apart: for a pack.
pub fn entries_of(world: &SystemWorld, main: &str, before: &Lock) -> BTreeSet<Entry> {
    let given = Given { root: world.root(), before, accept: false, update: false };
    reckon::as_it_is(world, main, &given).1
}

/// Locks a file that was just written, and makes its folder a root by that. Fetches nothing: it imports the library alone.
///
/// # Errors
/// The exit code; what is wrong has been printed.
pub fn begin(root: &Path, file: &Path) -> Result<(), Exit> {
    let places = args::Places { root: Some(root.to_owned()), ..args::Places::default() };
    let args = args::Lock { files: vec![file.to_owned()], places, ..args::Lock::default() };
    let root = self::root(&args)?;
    let before = Lock::parse(&fs::read_to_string(root.join(FILE)).unwrap_or_default());
    let brought = Brought::default();
    let wanted = wanted(&args, &root, &before, &mains(&args, &root, &before)?, &brought)?;
    write(&root, &wanted.entries, &brought, true)
}

/// A main file of the project.
struct Main {
    world: SystemWorld,
    /// As a user would write it.
    path: PathBuf,
    /// From the root.
    name: String,
    /// Given in this call, not only in the lock.
    is_named: bool,
}

/// What the lock should hold, and what is to be said about it.
struct Wanted {
    entries: BTreeSet<Entry>,
    /// Main files that have faults: what they were locked with stays.
    faulty: bool,
    not_yet: Vec<(String, String)>,
}

fn locked_up(args: &args::Lock) -> Result<Exit, Exit> {
    let root = root(args)?;
    let path = root.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(why) => return Err(complain(&format!("{}: {}", near(&path), in_words(&why)), None, Exit::CallWrong)),
    };
    let before = Lock::parse(&text);
    let mains = mains(args, &root, &before)?;
    let brought = Brought::default();
    let wanted = wanted(args, &root, &before, &mains, &brought)?;

    let mut entries = wanted.entries;
    if wanted.faulty {
        let is_new = |old: &Entry| !entries.iter().any(|one| one.kind == old.kind && one.name == old.name);
        let kept: Vec<Entry> = before.entries().into_iter().filter(is_new).collect();
        entries.extend(kept);
    }
    let old = before.entries();
    let (added, removed) = (difference(&entries, &old), difference(&old, &entries));
    let is_stale = !added.is_empty() || !removed.is_empty() || !before.faulty.is_empty();
    if !args.check {
        write(&root, &entries, &brought, is_stale || text.is_empty())?;
    }
    if args.output.json {
        let shown: Vec<_> = entries
            .iter()
            .map(|one| json!({"kind": one.kind.word(), "name": one.name, "pin": one.pin, "edited": one.edited}))
            .collect();
        let not_yet: Vec<_> = wanted.not_yet.iter().map(|(name, why)| json!({"name": name, "why": why})).collect();
        render::json(&json!({
            "lock": near(&path), "stale": args.check && is_stale, "entries": shown, "added": added, "removed": removed,
            "not_yet": not_yet,
        }));
    } else {
        removed.iter().for_each(|line| render::out(&format!("- {line}\n")));
        added.iter().for_each(|line| render::out(&format!("+ {line}\n")));
        for (name, why) in &wanted.not_yet {
            render::say(&format!("not yet: the weights {name}: {why}"));
        }
        let count = match entries.len() {
            1 => "1 entry".to_owned(),
            count => format!("{count} entries"),
        };
        let state = match (args.check, is_stale) {
            (true, true) => "is not what it should be: `mascot lock` writes it",
            (_, false) => "is as it should be",
            (false, true) => "written",
        };
        render::say(&format!("{}: {count}, {state}", near(&path)));
        if !args.check {
            hint_at_merging(&root);
        }
    }
    Ok(if args.check && is_stale { Exit::ProgramWrong } else { Exit::Done })
}

fn wanted(args: &args::Lock, root: &Path, before: &Lock, mains: &[Main], brought: &Brought) -> Result<Wanted, Exit> {
    let grants = prepare::grants(&args.places, &args.allow)?;
    let granted = Granted { net: grants.net, read: grants.read };
    let note = |text: &str| render::say(text);
    let mut fetcher = Fetcher::new(&granted, &note);
    let given = Given { root, before, accept: args.accept, update: args.update };
    let mut wanted = Wanted { entries: BTreeSet::new(), faulty: false, not_yet: Vec::new() };
    for main in mains {
        let shown = main.path.to_string_lossy();
        let (checked, entries) = if args.check {
            reckon::as_it_is(&main.world, &shown, &given)
        } else {
            let reckoned = reckon::reckon(&main.world, &shown, &given, &mut fetcher, brought);
            if !reckoned.failed.is_empty() {
                for (name, why) in &reckoned.failed {
                    render::complain(&format!("{name}: {why}"), None);
                }
                return Err(Exit::Failed);
            }
            (reckoned.checked, reckoned.entries)
        };
        if checked.program.is_none() {
            // Notes of a stale lock are no fault of the program.
            let mut faults = Diagnostics::default();
            let errors = checked.diagnostics.sorted().into_iter().filter(|one| one.severity == Severity::Error);
            errors.for_each(|one| faults.add(one.clone()));
            load::show(&faults, &checked.files);
            if main.is_named || args.check {
                return Err(complain(&format!("{shown} has faults, so it cannot be locked"), None, Exit::ProgramWrong));
            }
            render::say(&format!("{shown} has faults: what it was locked with stays"));
            wanted.faulty = true;
        }
        let loaded =
            Loaded { world: main.world.clone(), programs: checked.program.clone().into_iter().collect(), checked };
        wanted.entries.extend(entries);
        wanted.entries.insert(Entry::new(Kind::Program, &main.name, ""));
        if !loaded.programs.is_empty() {
            let places = prepare::looked_in(&loaded, &args::Selection::default(), &args.places, &args.allow)?;
            let (entries, not_yet) = models::entries(&opened(&loaded.checked, &places).models, &places, before);
            wanted.entries.extend(entries);
            wanted.not_yet.extend(not_yet);
        }
    }
    wanted.not_yet.sort();
    wanted.not_yet.dedup();
    Ok(wanted)
}

/// The root of the files, or of the current folder.
fn root(args: &args::Lock) -> Result<PathBuf, Exit> {
    let mut root: Option<PathBuf> = None;
    for file in &args.files {
        let world = load::open(file, args.places.root.as_deref())?;
        match &root {
            Some(known) if known != world.root() => {
                let why = format!("{} belongs to another project, {}", file.display(), world.root().display());
                return Err(complain(&why, Some("lock one project at a time"), Exit::CallWrong));
            }
            _ => root = Some(world.root().to_owned()),
        }
    }
    if let Some(root) = root {
        return Ok(root);
    }
    let wrong = |why: String| complain(&why, None, Exit::CallWrong);
    match &args.places.root {
        Some(root) => root.canonicalize().map_err(|why| wrong(format!("{}: {}", root.display(), in_words(&why)))),
        None => current_folder().map(|current| find_root(&current.join("any"), &current)).map_err(wrong),
    }
}

/// The files of the call and those that the lock names and that are still there.
fn mains(args: &args::Lock, root: &Path, before: &Lock) -> Result<Vec<Main>, Exit> {
    let mut mains: BTreeMap<String, Main> = BTreeMap::new();
    let named = args.files.iter().map(|file| (file.clone(), true));
    let known = before.entries().into_iter().filter(|entry| entry.kind == Kind::Program);
    let known = known.map(|entry| root.join(&entry.name)).filter(|path| path.is_file());
    let known = known.map(|path| (PathBuf::from(near(&path)), false));
    for (path, is_named) in named.chain(known) {
        let world = load::open(&path, Some(root))?;
        let name = world.in_root(&path.to_string_lossy());
        if name.contains(['\n', '\r']) {
            return Err(complain("a path with a line break cannot stand in a lock", None, Exit::CallWrong));
        }
        mains.entry(name.clone()).or_insert(Main { world, path, name, is_named });
    }
    if mains.is_empty() {
        let help = Some("name the files to lock: `mascot lock experiments/quickstart.masc`");
        return Err(complain(&format!("{}: locks nothing yet", near(&root.join(FILE))), help, Exit::CallWrong));
    }
    Ok(mains.into_values().collect())
}

/// First what was fetched, then the lock that names it, then away with what no line names any more.
fn write(root: &Path, entries: &BTreeSet<Entry>, brought: &Brought, is_new: bool) -> Result<(), Exit> {
    let failed =
        |path: &Path, why: std::io::Error| complain(&format!("{}: {}", near(path), in_words(&why)), None, Exit::Failed);
    for (place, text) in brought.to_keep(entries) {
        let path = root.join(place);
        if !lies_in(root, &path) {
            let why = format!(
                "{}: a link on the way to it leads out of the project, and nothing is written there",
                near(&path)
            );
            return Err(complain(&why, Some("make a folder of the link"), Exit::Failed));
        }
        whole::write(&path, text.as_bytes(), Care::Moved).map_err(|why| failed(&path, why))?;
    }
    if is_new {
        let path = root.join(FILE);
        whole::write(&path, lock::text(entries).as_bytes(), Care::Synced).map_err(|why| failed(&path, why))?;
    }
    let vendor = root.join(VENDOR);
    prune(root, entries).map_err(|why| failed(&vendor, why))
}

/// Whether what is written to `path` stays in the root, whose links are resolved: the folder that is there on the way to it does.
fn lies_in(root: &Path, path: &Path) -> bool {
    path.ancestors().skip(1).find_map(|above| above.canonicalize().ok()).is_some_and(|above| above.starts_with(root))
}

/// Removes files of fetched trees that no entry names. What else lies in `vendor/` is the user's.
fn prune(root: &Path, entries: &BTreeSet<Entry>) -> std::io::Result<()> {
    let lock = Lock { lines: entries.iter().map(|entry| (0..0, entry.clone())).collect(), faulty: Vec::new() };
    let far = entries.iter().filter_map(|entry| mascot_lang::address::Far::parse(&entry.name)?.ok());
    let mut kept: BTreeSet<PathBuf> = far.filter_map(|far| lock.place(&far)).map(|place| root.join(place)).collect();
    kept.extend(entries.iter().map(|entry| root.join(&entry.name)));
    for shelf in ["git", "sha256"] {
        for tree in folders(&root.join(VENDOR).join(shelf))? {
            let name = tree.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if is_commit(name) && !tree.is_symlink() && lies_in(root, &tree.join(name)) {
                remove_but(&tree, &kept)?;
            }
        }
    }
    Ok(())
}

fn remove_but(folder: &Path, kept: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            remove_but(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    // Not when something is still in it.
    let _ = fs::remove_dir(folder);
    Ok(())
}

fn folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn hint_at_merging(root: &Path) {
    let attributes = fs::read_to_string(root.join(".gitattributes")).unwrap_or_default();
    if root.join(".git").exists() && !attributes.contains(FILE) {
        render::say("hint: `echo 'mascot.lock merge=union' >> .gitattributes` lets branches merge it");
    }
}

fn difference(of: &BTreeSet<Entry>, from: &BTreeSet<Entry>) -> Vec<String> {
    of.difference(from).map(Entry::line).collect()
}

fn complain(why: &str, help: Option<&str>, exit: Exit) -> Exit {
    render::complain(why, help);
    exit
}
