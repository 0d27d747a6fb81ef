//! `mascot diff`: what an edit means. Opens no data, no weights, no store and no network.

use std::collections::BTreeMap;
use std::path::Path;

use mascot_lang::Checked;
use mascot_lang::diff::{Change, Class, Side, changes};
use mascot_lang::source::World;
use mascot_run::plan::{Likely, Plan, reruns};
use mascot_run::source::Places;
use mascot_run::store::Store;

use super::args::{Diff, DiffFormat};
use super::exit::Exit;
use super::git::Revision;
use super::load;
use super::render::{self, Paint, diff as shown};

/// What was compared, and what it came to.
pub struct Compared {
    pub a: String,
    pub b: String,
    pub changes: Vec<Change>,
    /// The strictest class; `none` when all files are the same to the byte.
    pub class: &'static str,
    pub verdict: Verdict,
    pub because: String,
    /// Ids of the tasks of B that would be performed, of so many.
    pub reruns: Vec<String>,
    pub tasks: usize,
    /// Of those whose size the file tells; of so many it does not.
    pub unknown: usize,
    pub tokens: Option<Likely>,
    pub seconds: Option<Likely>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Identical,
    Comparable,
    NotComparable,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Identical => "identical",
            Verdict::Comparable => "comparable",
            Verdict::NotComparable => "not_comparable",
        }
    }
}

pub fn diff(args: &Diff) -> Exit {
    let compared = match compared(args) {
        Ok(compared) => compared,
        Err(exit) => return exit,
    };
    if args.output.json {
        render::json(&shown::document(&compared));
    } else if args.format == DiffFormat::Markdown {
        render::out(&shown::markdown(&compared));
    } else {
        render::out(&shown::human(&compared, Paint::of_stdout()));
    }
    let fails = args.fail_on.is_some_and(|limit| compared.changes.iter().any(|one| one.class <= limit));
    if fails { Exit::Gated } else { Exit::Done }
}

fn compared(args: &Diff) -> Result<Compared, Exit> {
    let wrong = |why: String| {
        render::complain(&why, None);
        Exit::CallWrong
    };
    let revisions = args.a.split_once("..").filter(|_| !Path::new(&args.a).exists());
    let (a, b) = match revisions {
        Some((from, to)) => {
            let before = Revision::of(if from.is_empty() { "HEAD" } else { from }).map_err(wrong)?;
            let name = |revision: &str| format!("{revision}:{}", args.b.display());
            let a = at(&before, args, &args.b, name(from))?;
            match to {
                "" => (a, here(args, &args.b)?),
                to => (a, at(&Revision::of(to).map_err(wrong)?, args, &args.b, name(to))?),
            }
        }
        None => (here(args, Path::new(&args.a))?, here(args, &args.b)?),
    };
    let sides = [&a, &b].map(|one| Side {
        program: one.checked.program.as_ref().expect("a side that has faults was told and refused"),
        files: &one.checked.files,
    });
    let changes = changes(sides[0], sides[1]);
    let (before, after) = (planned(&a), planned(&b));
    let reruns = match (&before, &after) {
        (Some(before), Some(after)) => reruns(before, after),
        (None, Some(after)) => (0..after.tasks.len()).collect(),
        _ => Vec::new(),
    };
    let texts = |one: &Loaded| -> BTreeMap<String, String> {
        let named = one.checked.files.files().map(|(id, file)| {
            // The main files may have two names.
            let name = if id.0 == 0 { String::new() } else { file.path.clone() };
            (name, file.text.clone())
        });
        named.collect()
    };
    let class = match changes.first() {
        Some(first) => first.class.word(),
        None if texts(&a) == texts(&b) => "none",
        None => Class::Cosmetic.word(),
    };
    let tasks = after.as_ref().map_or(0, |plan| plan.tasks.len());
    let performed: Vec<_> = after.iter().flat_map(|plan| reruns.iter().map(|at| &plan.tasks[*at])).collect();
    let measures: Vec<&str> =
        performed.iter().filter(|task| task.kind == "evaluate").map(|task| task.id.as_str()).collect();
    let is_library = after.is_none();
    let (verdict, because) = judged(&changes, reruns.is_empty() && !is_library, &measures);
    let sum = |of: &dyn Fn(&mascot_run::plan::Task) -> Option<Likely>| {
        let known = performed.iter().filter_map(|task| of(task));
        known.reduce(|sum, one| Likely {
            low: sum.low + one.low,
            likely: sum.likely + one.likely,
            high: sum.high + one.high,
        })
    };
    let unknown = performed.iter().filter(|task| task.estimate.tokens.is_none()).count();
    Ok(Compared {
        verdict,
        because,
        class,
        unknown,
        tokens: sum(&|task| task.estimate.tokens),
        seconds: sum(&|task| task.estimate.seconds),
        reruns: performed.iter().map(|task| task.id.clone()).collect(),
        tasks,
        changes,
        a: a.name,
        b: b.name,
    })
}

/// Whether numbers of before and after may stand in one table, and why.
fn judged(changes: &[Change], no_key_differs: bool, measures: &[&str]) -> (Verdict, String) {
    let place = |one: &Change| match one.field.as_str() {
        "" => one.entity.clone(),
        field => format!("{} {field}", one.entity),
    };
    if no_key_differs {
        return (Verdict::Identical, "no task's request differs: every result is recalled".to_owned());
    }
    if let Some(one) = changes.iter().find(|one| one.class == Class::Objective) {
        return (Verdict::NotComparable, format!("what is aimed at or measured by is another: {}", place(one)));
    }
    let data = changes.iter().find(|one| one.class == Class::Data);
    match (data, measures) {
        (Some(one), [first, ..]) => {
            (Verdict::NotComparable, format!("{} reaches {first}: it is measured on, or after, other data", place(one)))
        }
        _ if changes.is_empty() => (Verdict::Identical, "nothing that means anything differs".to_owned()),
        _ => (Verdict::Comparable, "what measures is the same before and after".to_owned()),
    }
}

/// One side.
struct Loaded {
    name: String,
    checked: Checked,
    root: std::path::PathBuf,
}

fn here(args: &Diff, file: &Path) -> Result<Loaded, Exit> {
    let world = load::open(file, args.root.as_deref())?;
    let root = world.root().to_owned();
    loaded(&world, args, file, file.display().to_string(), root)
}

fn at(revision: &Revision, args: &Diff, file: &Path, name: String) -> Result<Loaded, Exit> {
    if revision.source(&file.to_string_lossy()).is_err() {
        render::complain(&format!("{name}: no such file at that revision"), None);
        return Err(Exit::CallWrong);
    }
    loaded(revision, args, file, name, revision.top().to_owned())
}

fn loaded(world: &dyn World, args: &Diff, file: &Path, name: String, root: std::path::PathBuf) -> Result<Loaded, Exit> {
    let checked = mascot_lang::check(world, &file.to_string_lossy(), &args.set);
    if checked.program.is_none() {
        load::show(&checked.diagnostics, &checked.files);
        render::complain(&format!("{name} has faults, so it cannot be said what it means"), None);
        return Err(Exit::ProgramWrong);
    }
    Ok(Loaded { name, checked, root })
}

/// The tasks of the base, as far as declarations say; `None` for a library.
fn planned(one: &Loaded) -> Option<Plan> {
    let program = one.checked.program.as_ref().filter(|program| program.experiment.is_some())?;
    // Nothing of it is opened: the fake engine's plan looks at declarations, and this store is nowhere.
    let store = one.root.join(".mascot/of-no-run");
    let places = Places {
        root: one.root.clone(),
        store: store.clone(),
        hf_cache: None,
        granted: Vec::new(),
        net: Vec::new(),
        secrets: Default::default(),
        locked: Default::default(),
    };
    let programs = std::slice::from_ref(program);
    Some(mascot_run::plan::plan(programs, &one.checked.files, &places, &Store::new(store), "diff/1", true))
}
