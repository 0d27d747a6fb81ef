//! `mascot diff`: what an edit means. Opens no data, no weights and no network; a store only for a run, and for what tasks took.

mod driver;
mod sides;

use std::path::{Path, PathBuf};

use mascot_lang::diff::Class;
use mascot_run::compare::{Comparison, Verdict, Version, compare};

use super::args::{Diff, DiffFormat};
use super::exit::Exit;
use super::git::{Range, Repository, Revision};
use super::render::{self, Paint, diff as shown};
use sides::Side;

/// What was compared, and what it came to.
pub struct Compared {
    /// Both sides, as a reader would name them.
    pub a: String,
    pub b: String,
    pub found: Comparison,
    /// Ids of the tasks of B that would be performed, of so many.
    pub reruns: Vec<String>,
    pub tasks: usize,
    /// Whether what is at hand was counted, for the cost.
    pub counted: bool,
}

pub fn diff(args: &Diff) -> Exit {
    if args.install || args.uninstall {
        return driver::install(args.install);
    }
    if args.driver {
        return driver::shown_to_git(args);
    }
    let wrong = |message: &str| {
        render::complain(
            message,
            Some(
                "write `mascot diff A B`, or `mascot diff REV..REV [FILE…]`; in a repository FILE alone is compared with HEAD",
            ),
        );
        Exit::CallWrong
    };
    let Some(first) = &args.a else { return wrong("two sides are wanted") };
    let (compared, exit) = match Range::parse(first).filter(|_| !Path::new(first).exists()) {
        Some(range) => match ranged(args, &range) {
            Ok(done) => done,
            Err(exit) => return exit,
        },
        None => match args.rest.as_slice() {
            [second] => match pair(args, first, &second.to_string_lossy()) {
                Ok(one) => (vec![one], Exit::Done),
                Err(exit) => return exit,
            },
            // One file in a repository: what has become of it since it was committed.
            [] if Path::new(first).is_file() && Repository::here().is_ok() => {
                let committed = format!("HEAD:{first}");
                match pair(args, &committed, first) {
                    Ok(one) => (vec![one], Exit::Done),
                    Err(exit) => return exit,
                }
            }
            _ => return wrong("two sides are wanted"),
        },
    };
    // Of one comparison that was asked for by its name: its own document. Of whatever a range reaches: all of them in one.
    let is_one = compared.len() == 1 && (args.rest.len() == 1 || args.rest.is_empty() && Path::new(first).is_file());
    if args.output.json {
        render::json(&if is_one { shown::document(&compared[0]) } else { shown::documents(&compared) });
    } else if args.format == DiffFormat::Markdown {
        render::out(&shown::markdown(&compared));
    } else if compared.is_empty() {
        render::out("no experiment differs\n");
    } else {
        let all: Vec<String> = compared.iter().map(|one| shown::human(one, Paint::of_stdout())).collect();
        render::out(&all.join("\n"));
    }
    let fails = |limit: Class| compared.iter().any(|one| one.found.class.is_some_and(|class| class <= limit));
    match args.fail_on {
        Some(limit) if exit == Exit::Done && fails(limit) => Exit::Gated,
        _ => exit,
    }
}

/// Two files, runs, or files at revisions.
fn pair(args: &Diff, a: &str, b: &str) -> Result<Compared, Exit> {
    let (a, b) = (sides::named(args, a)?, sides::named(args, b)?);
    sides::knows_points(&args.selection, &[&a, &b])?;
    Ok(both(&a, &b))
}

fn both(a: &Side, b: &Side) -> Compared {
    let found = compare(a.version(), b.version());
    of(a.name.clone(), b, found)
}

fn of(a: String, b: &Side, found: Comparison) -> Compared {
    let tasks = b.plan.iter().flat_map(|plan| &plan.tasks);
    let ids: Vec<String> = tasks.map(|task| task.id.clone()).collect();
    let reruns = found.reruns.iter().map(|at| ids[*at].clone()).collect();
    let counted = b.plan.as_ref().is_some_and(|plan| plan.places.counts);
    Compared { a, b: b.name.clone(), found, reruns, tasks: ids.len(), counted }
}

/// Files at both ends of a range: those that are named, or every experiment that differs.
fn ranged(args: &Diff, range: &Range) -> Result<(Vec<Compared>, Exit), Exit> {
    let wrong = |why: String| {
        render::complain(&why, None);
        Exit::CallWrong
    };
    let (from, to) = range.ends().map_err(wrong)?;
    let renamed = from.renamed(to.as_ref(), "masc").map_err(wrong)?;
    // What it was called, and what it is called: by either of its names.
    let both_names = |file: &PathBuf| {
        let known = renamed.iter().find(|(old, new)| new == file || old == file);
        known.cloned().unwrap_or_else(|| (file.clone(), file.clone()))
    };
    if !args.rest.is_empty() {
        let mut compared = Vec::new();
        for file in &args.rest {
            let (before, after) = both_names(file);
            compared.extend(at_both(args, range, (&from, to.as_ref()), (&before, &after), true)?);
        }
        return Ok((compared, Exit::Done));
    }
    let mut files = from.files("masc").map_err(wrong)?;
    files.extend(to.as_ref().map_or_else(|| from.files_here("masc"), |to| to.files("masc")).map_err(wrong)?);
    files.retain(|file| renamed.iter().all(|(old, _)| old != file));
    files.sort();
    files.dedup();
    let (mut experiments, mut libraries, mut exit) = (Vec::new(), Vec::new(), Exit::Done);
    for file in &files {
        let (before, after) = both_names(file);
        match at_both(args, range, (&from, to.as_ref()), (&before, &after), false) {
            Ok(None) => {}
            Ok(Some(one)) if one.found.class.is_none() => {}
            Ok(Some(one)) if one.tasks > 0 => experiments.push((file, one)),
            Ok(Some(one)) => libraries.push((file, one)),
            // The others are told all the same.
            Err(other) => exit = other,
        }
    }
    // A library shows in whatever uses it; by itself only when nobody does.
    let reached = |library: &Path| {
        let library = library.to_string_lossy();
        experiments.iter().any(|(file, _)| sides::uses(args, file, to.as_ref(), &library))
    };
    let alone: Vec<Compared> = libraries.into_iter().filter(|(file, _)| !reached(file)).map(|(_, one)| one).collect();
    Ok((experiments.into_iter().map(|(_, one)| one).chain(alone).collect(), exit))
}

/// One file at both ends, by what it is called at each. `None`: it is nowhere, or faulty on both sides and the same.
fn at_both(
    args: &Diff,
    range: &Range,
    (from, to): (&Revision, Option<&Revision>),
    (old, file): (&Path, &Path),
    named: bool,
) -> Result<Option<Compared>, Exit> {
    let before = from.text(old);
    let after = match to {
        Some(to) => to.text(file),
        None => std::fs::read_to_string(file).ok(),
    };
    let quiet = !named && before == after;
    let (name_a, name_b) = range.names(from, old, file);
    let new = |one: Option<Side>| match one {
        Some(side) => load_side(args, to, file, &name_b, quiet).map(|other| other.map(|b| both(&side, &b))),
        // It could not be read before; nothing can be compared with it.
        None => load_side(args, to, file, &name_b, quiet).map(|b| b.map(|b| alone(&name_a, &b))),
    };
    match (before, after) {
        (None, None) => {
            render::complain(&format!("{}: no such file at either end", file.display()), None);
            Err(Exit::CallWrong)
        }
        (Some(_), None) => {
            let a = load_side(args, Some(from), old, &name_a, !named)?;
            Ok(a.map(|a| gone(&a, &name_b)))
        }
        (None, Some(_)) => new(None),
        (Some(_), Some(_)) => new(load_side(args, Some(from), old, &name_a, !named)?),
    }
}

/// `None`: faulty, and nobody asked for it by name.
fn load_side(
    args: &Diff,
    revision: Option<&Revision>,
    file: &Path,
    name: &str,
    quiet: bool,
) -> Result<Option<Side>, Exit> {
    sides::at(args, revision, file, name.to_owned(), quiet)
}

/// A file that had no other side: everything in it is new.
fn alone(a: &str, b: &Side) -> Compared {
    let nothing = sides::empty();
    let mut found = compare(Version { plan: None, ..nothing.version() }, b.version());
    found.changes.retain(|change| change.entity.starts_with("experiment "));
    found.class = Some(Class::Topology);
    found.verdict = if b.plan.is_some() { Verdict::Comparable } else { Verdict::Identical };
    found.because = "it is new: there are no numbers to compare with".to_owned();
    found.changes.iter_mut().for_each(|change| change.class = Class::Topology);
    of(format!("{a} (not there)"), b, found)
}

fn gone(a: &Side, b: &str) -> Compared {
    let nothing = sides::empty();
    let mut found = compare(a.version(), nothing.version());
    found.changes.retain(|change| change.entity.starts_with("experiment "));
    found.changes.iter_mut().for_each(|change| change.class = Class::Topology);
    found.class = Some(Class::Topology);
    found.verdict = Verdict::Identical;
    found.because = "it is gone: nothing of it runs any more".to_owned();
    Compared {
        a: a.name.clone(),
        b: format!("{b} (gone)"),
        found,
        reruns: Vec::new(),
        tasks: a.plan.as_ref().map_or(0, |plan| plan.tasks.len()),
        counted: false,
    }
}
