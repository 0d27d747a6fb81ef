//! Where the sides of a comparison come from: a file, a file at a revision of git, a run.

use std::path::{Path, PathBuf};

use mascot_lang::Checked;
use mascot_lang::program::{Point, Program};
use mascot_lang::source::{Alone, World};
use mascot_run::compare::{Performed, Version};
use mascot_run::fake;
use mascot_run::plan::Plan;
use mascot_run::report::RunReport;
use mascot_run::source;
use mascot_run::store::Store;

use crate::cli::args::{Diff, Places, Selection};
use crate::cli::exit::Exit;
use crate::cli::git::Revision;
use crate::cli::{engines, load, prepare, render, world};

/// One side, checked and planned.
pub struct Side {
    pub name: String,
    pub checked: Checked,
    /// At the first of the points that were asked for.
    pub program: Program,
    /// `None` of a library.
    pub plan: Option<Plan>,
    performed: Option<Performed>,
}

impl Side {
    pub fn version(&self) -> Version<'_> {
        let Self { checked, program, plan, performed, .. } = self;
        Version { checked, program, plan: plan.as_ref(), performed: performed.as_ref() }
    }
}

/// What a name on the command line means: a file, `run:NAME`, the name of a run, `run:latest`, `REV:FILE`.
pub fn named(args: &Diff, name: &str) -> Result<Side, Exit> {
    let is_run = |name: &str| {
        let mut parts = name.split('-');
        let digits = |part: Option<&str>, count| {
            part.is_some_and(|part| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        digits(parts.next(), 8) && digits(parts.next(), 6)
    };
    if Path::new(name).exists() {
        return at_hand(args, Path::new(name), name);
    }
    if let Some(run) = name.strip_prefix("run:").or(Some(name).filter(|name| is_run(name))) {
        return run_side(args, run);
    }
    match name.split_once(':') {
        Some((revision, file)) if !revision.is_empty() => {
            let revision = Revision::of(revision).map_err(|why| complained(&why, None))?;
            known(at(args, Some(&revision), Path::new(file), name.to_owned(), false)?)
        }
        _ => at_hand(args, Path::new(name), name),
    }
}

fn at_hand(args: &Diff, file: &Path, name: &str) -> Result<Side, Exit> {
    known(at(args, None, file, name.to_owned(), false)?)
}

fn known(side: Option<Side>) -> Result<Side, Exit> {
    side.ok_or(Exit::ProgramWrong)
}

fn complained(why: &str, help: Option<&str>) -> Exit {
    render::complain(why, help);
    Exit::CallWrong
}

/// A file as it lies here, or at a revision. With `quiet`, one that has faults is nothing, and nothing is said.
pub fn at(
    args: &Diff,
    revision: Option<&Revision>,
    file: &Path,
    name: String,
    quiet: bool,
) -> Result<Option<Side>, Exit> {
    match revision {
        None => {
            let world = load::open(file, args.places.root.as_deref())?;
            let root = world.root().to_owned();
            checked(&world, args, file, name, root, quiet)
        }
        Some(revision) if revision.text(file).is_none() => {
            Err(complained(&format!("{name}: no such file at that revision"), None))
        }
        Some(revision) => {
            let project = revision.project(file);
            checked(&project, args, file, name, project.root(), quiet)
        }
    }
}

/// A file of any world.
pub fn checked(
    world: &dyn World,
    args: &Diff,
    file: &Path,
    name: String,
    root: PathBuf,
    quiet: bool,
) -> Result<Option<Side>, Exit> {
    let checked = mascot_lang::check(world, &file.to_string_lossy(), &args.selection.set);
    let Some(base) = checked.program.clone() else {
        if !quiet {
            load::show(&checked.diagnostics, &checked.files);
            render::complain(&format!("{name} has faults, so it cannot be said what it means"), None);
            return Err(Exit::ProgramWrong);
        }
        return Ok(None);
    };
    let programs = match load::points(&checked, &known_points(&checked, &args.selection))? {
        points if points.is_empty() => vec![base],
        points => points.iter().filter_map(|point| checked.at(point).ok()).collect(),
    };
    Ok(Some(side(args, name, checked, programs, root)))
}

/// What of a selection this side has: a variant that came later is compared with the base.
fn known_points(checked: &Checked, selection: &Selection) -> Selection {
    let variants = checked.variants();
    let has_variant =
        |name: &&String| *name == "base" || variants.contains(&mascot_lang::program::Point::Variant((*name).clone()));
    let sweeps = checked.sweeps();
    Selection {
        variant: selection.variant.iter().filter(has_variant).cloned().collect(),
        sweep: selection.sweep.iter().filter(|name| sweeps.contains(name)).cloned().collect(),
        ..selection.clone()
    }
}

/// What is asked for must be a variant or sweep of one side at least.
pub fn knows_points(selection: &Selection, sides: &[&Side]) -> Result<(), Exit> {
    let names = |of: &dyn Fn(&Checked) -> Vec<String>| {
        let mut all: Vec<String> = sides.iter().flat_map(|side| of(&side.checked)).collect();
        all.sort();
        all.dedup();
        all
    };
    let variants = names(&|checked| checked.variants().iter().filter_map(variant).collect());
    let sweeps = names(&|checked| checked.sweeps());
    for (what, asked, known) in [("variant", &selection.variant, variants), ("sweep", &selection.sweep, sweeps)] {
        let is_known = |name: &&String| known.contains(name) || (what == "variant" && *name == "base");
        if let Some(name) = asked.iter().find(|name| !is_known(name)) {
            return Err(load::unknown(what, name, &known));
        }
    }
    Ok(())
}

fn variant(point: &Point) -> Option<String> {
    match point {
        Point::Variant(name) => Some(name.clone()),
        Point::Base | Point::Sweep { .. } => None,
    }
}

fn side(args: &Diff, name: String, checked: Checked, programs: Vec<Program>, root: PathBuf) -> Side {
    let store = store_of(&args.places, &root);
    let plan = planned(args, &checked, &programs, &store, root);
    let program = programs.into_iter().next().expect("a side has its base or a point of it");
    Side { name, checked, program, plan, performed: None }
}

/// Where what tasks took is remembered, if anywhere.
fn store_of(places: &Places, root: &Path) -> Store {
    let folder = places.store.clone().unwrap_or_else(|| root.join(".mascot"));
    Store::open(&folder).unwrap_or_else(|_| Store::new(folder.join("of-no-run")))
}

/// By declarations: nothing of it is opened, but for its cost where that was asked for. `None` for a library.
fn planned(args: &Diff, checked: &Checked, programs: &[Program], store: &Store, root: PathBuf) -> Option<Plan> {
    programs.first()?.experiment?;
    // What was measured is remembered by the engine that it was measured with.
    let real = store.runs().iter().rev().find_map(|name| {
        let run = RunReport::read(store, name).ok()??;
        (run.engine != fake::FINGERPRINT).then_some(run.engine)
    });
    let engine = real.unwrap_or_else(|| "diff/1".to_owned());
    let (store_root, machine, now) = (store.root().to_owned(), engines::here(), world::now());
    let counts = args.with_data;
    let places = source::Places { root, store: store_root, machine, now, counts, ..source::Places::default() };
    Some(mascot_run::plan::plan(programs, &checked.files, &places, store, &engine, true))
}

/// A run, as the store keeps it.
fn run_side(args: &Diff, name: &str) -> Result<Side, Exit> {
    let store = prepare::store_at_hand(&args.places)?;
    let told = |why: &mascot_run::store::StoreError| {
        render::complain(&why.to_string(), Some(why.advice()));
        Exit::Failed
    };
    let latest = || store.runs().last().cloned().unwrap_or_default();
    let name = if name == "latest" { latest() } else { name.to_owned() };
    let Some(report) = RunReport::read(&store, &name).map_err(|why| told(&why))? else {
        return Err(complained(&format!("there is no run `{name}`"), Some("`mascot runs` lists them")));
    };
    let Some(kept) = &report.program else {
        let help = "runs keep it since this version of mascot; run it again, and what did not change is recalled";
        return Err(complained(&format!("the run {name} kept no text of its program"), Some(help)));
    };
    let text = kept.read(&store).map_err(|why| told(&why))?;
    let checked = text.check();
    let programs = text.programs(&checked);
    if programs.is_empty() {
        load::show(&checked.diagnostics, &checked.files);
        let why = format!("the program of the run {name} has faults for this mascot: an older one made it");
        render::complain(&why, None);
        return Err(Exit::ProgramWrong);
    }
    let root = store.root().parent().map(Path::to_owned).unwrap_or_default();
    let plan = planned(args, &checked, &programs, &store, root);
    let performed = plan.as_ref().map(|plan| Performed::of(&report, plan, &store));
    let program = programs.into_iter().next().expect("it has one");
    Ok(Side { name: format!("run {name} ({})", text.main), checked, program, plan, performed })
}

/// A side with nothing on it, for what came or went.
pub fn empty() -> Side {
    let checked = mascot_lang::check(&Alone { path: "nothing.masc", text: "masc 1\n" }, "nothing.masc", &[]);
    let program = checked.program.clone().expect("an empty library has no faults");
    Side { name: String::new(), checked, program, plan: None, performed: None }
}

/// Whether a file is made of another, at a revision or as it lies here.
pub fn uses(args: &Diff, file: &Path, revision: Option<&Revision>, library: &str) -> bool {
    let side = at(args, revision, file, String::new(), true).ok().flatten();
    side.is_some_and(|side| side.checked.sources().any(|(path, _)| path == library))
}
