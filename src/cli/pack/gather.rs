//! What goes into a pack: the program with its imports, texts and lock, its data, and (when asked for) its weights. Files that the program
//! names, and nothing else: what a folder holds beside them stays here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use mascot_lang::address::{Far, is_far};
use mascot_lang::lock::{self, Entry, Lock};
use mascot_lang::source::World;
use mascot_run::source::{DigestMemo, Found, Missing, Origin, Places, Source, locate, pinned};
use mascot_run::store::Store;

use super::manifest::{self, Kind, Need, SHELVES};
use crate::cli::args::Pack;
use crate::cli::load::Loaded;
use crate::cli::lock as locking;
use crate::cli::world::{in_words, slashed};

/// Files by their path in the pack, and what is missing.
#[derive(Debug, Default)]
pub struct Gathered {
    pub program: String,
    pub files: BTreeMap<String, Piece>,
    pub needs: BTreeSet<Need>,
    /// What was asked for and cannot be had: all of it, in words.
    pub missing: Vec<String>,
}

#[derive(Debug)]
pub struct Piece {
    pub kind: Kind,
    pub content: Content,
}

#[derive(Debug)]
pub enum Content {
    Here(PathBuf),
    Made(String),
}

/// # Errors
/// In words: a file that has no place in a pack.
pub fn gather(args: &Pack, loaded: &Loaded, places: &Places, out: &Path) -> Result<Gathered, String> {
    let world = &loaded.world;
    let shown = args.file.to_string_lossy();
    let mut gathered = Gathered { program: world.in_root(&shown), ..Gathered::default() };
    let before = World::lock(world).map(|(_, text)| Lock::parse(&text)).unwrap_or_default();
    gathered.add(&gathered.program.clone(), Kind::Program, Content::Here(world.root().join(&gathered.program)))?;
    for part in loaded.checked.parts(world) {
        let kind = if part.kind == lock::Kind::Text { Kind::Text } else { Kind::Import };
        let place = match Far::parse(&part.name).and_then(Result::ok) {
            Some(far) => before.place(&far).ok_or_else(|| format!("{} is not in mascot.lock", part.name))?,
            None if part.name.starts_with("std/") => continue,
            None => part.name,
        };
        gathered.add(&place, kind, Content::Here(world.root().join(&place)))?;
    }

    let opened = locking::opened(&loaded.checked, places);
    let mut entries = locking::entries_of(world, &shown, &before);
    let (models, _) = locking::models_of(&opened.models, places, &before);
    entries.extend(models);
    entries.insert(Entry::new(lock::Kind::Program, &gathered.program, ""));
    gathered.add(lock::FILE, Kind::Lock, Content::Made(lock::text(&entries)))?;

    let mut memo = Store::new(&places.store).digests();
    let wanted = [
        (Kind::Data, &opened.data, !args.without_data, args.with_data),
        (Kind::Weights, &opened.models, args.with_weights, args.with_weights),
    ];
    for (kind, sources, is_wanted, is_asked_for) in wanted {
        for source in sources {
            let had = locate(source, places, &mut memo);
            if !is_wanted {
                gathered.need(kind, source, &had, "was not asked for");
                continue;
            }
            let placed = match &had {
                Ok(_) => gathered.source(kind, source, places, &mut memo, out),
                Err(missing) => Err(missing.why.clone()),
            };
            if let Err(why) = placed {
                gathered.need(kind, source, &had, &why);
                if is_asked_for {
                    gathered.missing.push(format!("{}: {why}", source.describe()));
                }
            }
        }
    }
    match manifest::collision(gathered.files.keys().map(String::as_str)) {
        Some(path) => {
            Err(format!("{path}: another file has this name but for capitals, and not every system tells them apart"))
        }
        None => Ok(gathered),
    }
}

impl Gathered {
    fn add(&mut self, path: &str, kind: Kind, content: Content) -> Result<(), String> {
        manifest::is_place(path).map_err(|why| format!("{path} has no place in a pack: {why}"))?;
        self.files.entry(path.to_owned()).or_insert(Piece { kind, content });
        Ok(())
    }

    fn need(&mut self, kind: Kind, source: &Source, had: &Result<Found, Missing>, why: &str) {
        let digest = had.as_ref().ok().map(|found| found.digest.clone()).or_else(|| pinned(source));
        self.needs.insert(Need { kind, source: source.describe(), digest, why: why.to_owned() });
    }

    /// The files of one source, at the place where a run on another machine looks for them.
    fn source(
        &mut self,
        kind: Kind,
        source: &Source,
        places: &Places,
        memo: &mut DigestMemo,
        out: &Path,
    ) -> Result<(), String> {
        let (source, found) = at_hand(source, places, memo).ok_or("it is not at hand any more")?;
        let place = match &source.origin {
            Origin::File { path } | Origin::Gguf { path } => in_project(path, places)
                .ok_or("it lies outside of the project, where it has no place on another machine")?,
            Origin::Wheel { path, .. } => format!("{SHELVES}{}/{path}", shelf(&source)?),
            Origin::Hf { .. } | Origin::Hub { .. } => format!("{SHELVES}{}", shelf(&source)?),
            Origin::First(_) => return Err("none of it is at hand".to_owned()),
        };
        let mut files = Vec::new();
        walk(&found.path, &place, out, &mut files)?;
        files.into_iter().try_for_each(|(place, path)| self.add(&place, kind, Content::Here(path)))
    }
}

/// The source that is at hand: of a `first`, which one.
fn at_hand(source: &Source, places: &Places, memo: &mut DigestMemo) -> Option<(Source, Found)> {
    match &source.origin {
        Origin::First(sources) => sources.iter().find_map(|one| {
            let pin = one.sha256.clone().or_else(|| source.sha256.clone());
            at_hand(&Source { sha256: pin, ..one.clone() }, places, memo)
        }),
        _ => Some((source.clone(), locate(source, places, memo).ok()?)),
    }
}

fn shelf(source: &Source) -> Result<String, String> {
    source.shelf().map(|shelf| slashed(&shelf)).ok_or_else(|| "it has no shelf".to_owned())
}

/// A path of a program from the root, if it stays there: the same on the other machine.
fn in_project(path: &str, places: &Places) -> Option<String> {
    let mut inside = PathBuf::new();
    for part in places.root.join(path).strip_prefix(&places.root).ok()?.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir if inside.pop() => {}
            _ => return None,
        }
    }
    let is_written_so = !Path::new(path).is_absolute() && !is_far(path);
    is_written_so.then(|| slashed(&inside))
}

/// Files below `path`, or itself, with their places; hidden ones are left, as their digest leaves them. Links are read through.
fn walk(path: &Path, place: &str, out: &Path, found: &mut Vec<(String, PathBuf)>) -> Result<(), String> {
    let wrong = |why: std::io::Error| format!("{}: {}", path.display(), in_words(&why));
    if !fs::metadata(path).map_err(wrong)?.is_dir() {
        // A pack that lies among the data is not put into itself.
        if path != out {
            found.push((place.to_owned(), path.to_owned()));
        }
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(format!("{} has a name that is not UTF-8", path.display()));
        };
        if !name.starts_with('.') {
            walk(&path, &format!("{place}/{name}"), out, found)?;
        }
    }
    Ok(())
}
