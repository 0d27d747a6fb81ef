//! What `mascot.lock` should hold: each main file checked with its imports, over and over while that brings files from far away, until
//! nothing more is asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mascot_lang::address::{Far, Tree, is_commit, is_far};
use mascot_lang::lock::{self, Entry, Kind, Lock};
use mascot_lang::source::World;
use mascot_lang::{Checked, Part};

use super::fetch::Fetcher;
use crate::cli::world::SystemWorld;

/// What a lock is reckoned from.
pub struct Given<'a> {
    /// Links resolved.
    pub root: &'a Path,
    /// The lock as it is.
    pub before: &'a Lock,
    /// Edits of what was fetched are taken as they are.
    pub accept: bool,
    /// Tags and branches are looked up again.
    pub update: bool,
}

/// What came of one main file.
pub struct Reckoned {
    pub checked: Checked,
    pub entries: BTreeSet<Entry>,
    /// What could not be had, by what was asked for.
    pub failed: Vec<(String, String)>,
}

/// One far file as it came to be known.
#[derive(Debug, Clone)]
struct Had {
    text: String,
    commit: Option<String>,
    edited: bool,
    /// It lies in its place already.
    is_kept: bool,
}

/// What was brought, for all main files of a call.
#[derive(Default)]
pub struct Brought(RefCell<BTreeMap<String, Result<Had, String>>>);

impl Brought {
    /// Files to write, by their path from the root.
    pub fn to_keep(&self, entries: &BTreeSet<Entry>) -> BTreeMap<PathBuf, String> {
        let lock = Lock { lines: entries.iter().map(|entry| (0..0, entry.clone())).collect(), faulty: Vec::new() };
        let had = self.0.borrow();
        let new = had.iter().filter_map(|(name, had)| Some((name, had.as_ref().ok().filter(|had| !had.is_kept)?)));
        let placed = new.filter_map(|(name, had)| {
            let far = Far::parse(name)?.ok()?;
            Some((PathBuf::from(lock.place(&far)?), had.text.clone()))
        });
        placed.collect()
    }
}

/// Files of the project as they are, and far ones as they were brought; it holds nothing against the lock, which is being made.
struct Locking<'a> {
    system: &'a SystemWorld,
    brought: &'a Brought,
}

impl World for Locking<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        if !is_far(path) {
            return self.system.source(path);
        }
        match self.brought.0.borrow().get(path) {
            Some(Ok(had)) => Ok(had.text.clone()),
            Some(Err(why)) => Err(why.clone()),
            None => Err("it was not fetched yet".to_owned()),
        }
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        self.system.prose(from, path)
    }

    fn in_root(&self, path: &str) -> String {
        self.system.in_root(path)
    }
}

/// Reckons the entries of `main`, fetching what is far and not kept.
pub fn reckon(
    system: &SystemWorld,
    main: &str,
    given: &Given<'_>,
    fetcher: &mut Fetcher<'_>,
    brought: &Brought,
) -> Reckoned {
    let world = Locking { system, brought };
    loop {
        let checked = mascot_lang::check(&world, main, &[]);
        let parts = checked.parts(&world);
        let wanted: Vec<(Far, Part)> = parts
            .iter()
            .filter(|part| part.digest.is_none() && !brought.0.borrow().contains_key(&part.name))
            .filter_map(|part| Some((Far::parse(&part.name)?.ok()?, part.clone())))
            .collect();
        if wanted.is_empty() {
            let mut failed = failures(&parts, brought);
            failed.extend(edited(&parts, given));
            let entries = entries(&parts, given, brought);
            return Reckoned { checked, entries, failed };
        }
        for (far, part) in wanted {
            let by_project = !is_far(&checked.files.file(part.from).path);
            let had = bring(&far, part.kind, by_project, system, given, fetcher);
            brought.0.borrow_mut().insert(part.name, had);
        }
    }
}

/// Entries of a program that is checked as everybody checks it: nothing is fetched.
pub fn as_it_is(world: &SystemWorld, main: &str, given: &Given<'_>) -> (Checked, BTreeSet<Entry>) {
    let checked = mascot_lang::check(world, main, &[]);
    // A pin that holds says what it said: that the file was edited.
    let edited =
        |one: &Entry| given.before.find(one.kind, &one.name).iter().any(|old| old.edited && old.pin == one.pin);
    let found = entries(&checked.parts(world), given, &Brought::default()).into_iter();
    let entries = found.map(|one| Entry { edited: edited(&one), ..one }).collect();
    (checked, entries)
}

/// Files of `vendor/` that are not as they were locked: as with what is fetched, nobody takes an edit by accident.
fn edited(parts: &[Part], given: &Given<'_>) -> Vec<(String, String)> {
    let vendored = parts.iter().filter(|part| {
        let below = part.name.strip_prefix(lock::VENDOR).is_some_and(|rest| rest.starts_with('/'));
        below && !given.accept
    });
    let moved = vendored.filter(|part| {
        let pins = given.before.find(part.kind, &part.name);
        part.digest.as_ref().is_some_and(|now| !pins.is_empty() && pins.iter().all(|old| old.pin != *now))
    });
    let why = "it was edited since it was locked: --accept takes it as it is";
    moved.map(|part| (part.name.clone(), why.to_owned())).collect()
}

fn failures(parts: &[Part], brought: &Brought) -> Vec<(String, String)> {
    let had = brought.0.borrow();
    let failed =
        parts.iter().filter_map(|part| Some((part.name.clone(), had.get(&part.name)?.as_ref().err()?.clone())));
    failed.collect()
}

fn entries(parts: &[Part], given: &Given<'_>, brought: &Brought) -> BTreeSet<Entry> {
    let had = brought.0.borrow();
    let mut entries = BTreeSet::new();
    for part in parts {
        let Some(digest) = &part.digest else { continue };
        let one = had.get(&part.name).and_then(|had| had.as_ref().ok());
        entries
            .insert(Entry { edited: one.is_some_and(|had| had.edited), ..Entry::new(part.kind, &part.name, digest) });
        let Some(Ok(Far { tree, .. })) = Far::parse(&part.name) else { continue };
        if matches!(&tree, Tree::Git { revision, .. } if !is_commit(revision)) {
            let commit = one.and_then(|had| had.commit.as_deref()).or_else(|| given.before.commit(&tree));
            entries.extend(commit.map(|commit| Entry::new(Kind::Git, tree.to_string(), format!("commit:{commit}"))));
        }
    }
    entries
}

/// A far file: as it is kept, if that is what was locked; else as it is fetched.
fn bring(
    far: &Far,
    kind: Kind,
    by_project: bool,
    system: &SystemWorld,
    given: &Given<'_>,
    fetcher: &mut Fetcher<'_>,
) -> Result<Had, String> {
    let Given { before, accept, update, .. } = *given;
    let moves = matches!(&far.tree, Tree::Git { revision, .. } if !is_commit(revision));
    let commit = before.commit(&far.tree).map(str::to_owned).filter(|_| !(update && moves));
    let pins = before.find(kind, &far.to_string());
    let pinned = |text: &str| pins.iter().find(|entry| entry.pin == lock::digest(text)).copied();
    let is_known = commit.is_some() || !moves;
    let place = before.place(far).filter(|_| is_known);
    let kept = place.as_ref().and_then(|place| system.source(&given.root.join(place).to_string_lossy()).ok());

    if let Some(text) = &kept {
        let had = |edited| Had { text: text.clone(), commit: commit.clone(), edited, is_kept: true };
        if let Some(entry) = pinned(text) {
            return Ok(had(entry.edited));
        }
        if accept {
            return Ok(had(true));
        }
        if !pins.is_empty() {
            let place = place.unwrap_or_default();
            return Err(format!(
                "{place} was edited since it was locked: --accept takes it as it is; remove it to have it as it was"
            ));
        }
    }
    if is_known && pins.iter().any(|entry| entry.edited) {
        return Err("it was edited in another copy of this project, and lies in that copy's vendor/ alone".to_owned());
    }
    let bytes = fetcher.file(far, commit.as_deref(), by_project)?;
    let text =
        String::from_utf8(bytes).map_err(|why| format!("is not UTF-8 (byte {})", why.utf8_error().valid_up_to()))?;
    let now = fetcher.commit(&far.tree).map(str::to_owned);
    let is_same_tree = !moves || now == commit;
    if is_same_tree && !pins.is_empty() && pinned(&text).is_none() && !accept {
        return Err("what comes now is not what was locked: --accept takes it".to_owned());
    }
    if kept.is_some_and(|kept| kept != text) {
        return Err(
            "another file lies in its place in vendor/: --accept takes that, and removing it this one".to_owned()
        );
    }
    Ok(Had { text, commit: now, edited: false, is_kept: false })
}
