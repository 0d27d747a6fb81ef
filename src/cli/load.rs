//! From a path on the command line to checked programs, one a point, with everything wrong already told.

use std::path::Path;

use mascot_lang::Checked;
use mascot_lang::diagnostic::{Diagnostic, Diagnostics, Severity};
use mascot_lang::program::{Point, Program};
use mascot_lang::source::SourceMap;

use super::args::{Format, Selection};
use super::exit::Exit;
use super::render::{self, Paint, diagnostics};
use super::saved;
use super::world::SystemWorld;

/// A file that checked clean, at the points that were asked for.
pub struct Loaded {
    pub world: SystemWorld,
    pub checked: Checked,
    /// Never empty. The base, or the points that were named.
    pub programs: Vec<Program>,
}

/// Checks `file` and evaluates it at every point of `selection`.
///
/// # Errors
/// The exit code; the diagnostics have been printed.
pub fn load(file: &Path, selection: &Selection, root: Option<&Path>) -> Result<Loaded, Exit> {
    let world = open(file, root)?;
    let checked = check(&world, file, selection);
    let Some(base) = checked.program.clone() else {
        tell(&checked.diagnostics, &checked);
        return Err(whose(&checked.diagnostics, &checked.files));
    };
    let mut programs = Vec::new();
    for point in points(&checked, selection)? {
        if point == Point::Base {
            programs.push(base.clone());
            continue;
        }
        match checked.at(&point) {
            Ok(program) => programs.push(program),
            Err(found) => {
                tell(&found, &checked);
                return Err(whose(&found, &checked.files));
            }
        }
    }
    Ok(Loaded { world, checked, programs })
}

/// As [`load`], for verbs that need an experiment and not a library.
///
/// # Errors
/// As [`load`]; [`Exit::CallWrong`] for a library.
pub fn load_experiment(file: &Path, selection: &Selection, root: Option<&Path>) -> Result<Loaded, Exit> {
    let loaded = load(file, selection, root)?;
    if loaded.programs[0].experiment.is_none() {
        let message = format!("{} is a library: it has no `experiment`, so there is nothing to plan", file.display());
        render::complain(&message, Some("give a file with an `experiment` item; `mascot check` takes libraries too"));
        return Err(Exit::CallWrong);
    }
    Ok(loaded)
}

/// Whose the errors are, of something that has some: the call's when every one of them is in a `--set`, else the program's.
pub fn whose(found: &Diagnostics, files: &SourceMap) -> Exit {
    let mut errors = found.sorted().into_iter().filter(|one| one.severity == Severity::Error);
    let in_the_call = |one: &Diagnostic| files.file(one.primary.span.file).path == "--set";
    if errors.all(in_the_call) { Exit::CallWrong } else { Exit::ProgramWrong }
}

/// The world around a main file.
///
/// # Errors
/// [`Exit::CallWrong`] when the file cannot be found; it has been said.
pub fn open(file: &Path, root: Option<&Path>) -> Result<SystemWorld, Exit> {
    if saved::is_plan(file) {
        let help = format!("`mascot run {}` does what it says", file.display());
        render::complain(&format!("{}: this is a plan, and no program", file.display()), Some(&help));
        return Err(Exit::CallWrong);
    }
    SystemWorld::of(file, root).map_err(|why| {
        render::complain(&why, None);
        Exit::CallWrong
    })
}

pub fn check(world: &SystemWorld, file: &Path, selection: &Selection) -> Checked {
    mascot_lang::check(world, &file.to_string_lossy(), &selection.set)
}

/// The points that `--variant`, `--sweep` and `--all` name, each once; the base when they name none.
///
/// A variant stands in for the base rather than beside it: `--variant smoke` of an experiment on real weights must not open
/// them. `--variant base` names the base, and `--all` has it with everything else.
///
/// # Errors
/// [`Exit::CallWrong`] for a name that the file does not have, [`Exit::ProgramWrong`] for a sweep without a point; it has been said.
pub fn points(checked: &Checked, selection: &Selection) -> Result<Vec<Point>, Exit> {
    let variants = checked.variants();
    let sweeps = checked.sweeps();
    let mut points = Vec::new();
    let names_none = selection.variant.is_empty() && selection.sweep.is_empty();
    if names_none || selection.all {
        points.push(Point::Base);
    }
    for name in &selection.variant {
        let point = if name == "base" { Point::Base } else { Point::Variant(name.clone()) };
        if point != Point::Base && !variants.contains(&point) {
            let known = variants.iter().map(variant_name).collect::<Vec<_>>();
            return Err(unknown("variant", name, &known));
        }
        points.push(point);
    }
    for name in &selection.sweep {
        if !sweeps.contains(name) {
            return Err(unknown("sweep", name, &sweeps));
        }
        let of_sweep = checked.sweep_points(name);
        if of_sweep.is_empty() {
            let skipped = checked.skipped_points(name);
            let help = match skipped.first() {
                Some(one) => format!("its `skip` takes out all {} of them: {}", skipped.len(), one.why),
                None => "give each list of its `grid` and `zip` a value".to_owned(),
            };
            render::complain(&format!("the sweep `{name}` has no point"), Some(&help));
            return Err(Exit::ProgramWrong);
        }
        points.extend(of_sweep);
    }
    if selection.all {
        points.extend(variants);
        points.extend(sweeps.iter().flat_map(|name| checked.sweep_points(name)));
    }
    let mut once = Vec::new();
    for point in points {
        if !once.contains(&point) {
            once.push(point);
        }
    }
    Ok(once)
}

/// The selection that a task's id asks for by itself: `measured@smoke` is of the variant `smoke`, `s@z[s.lr=1e-3]` of the sweep `z`. One
/// that names points stays as it is.
pub fn point_of(task: &str, selection: &Selection) -> Selection {
    let mut selection = selection.clone();
    let names_some = selection.all || !selection.variant.is_empty() || !selection.sweep.is_empty();
    if let Some((_, point)) = task.split_once('@').filter(|_| !names_some) {
        match point.split_once('[') {
            Some((sweep, _)) => selection.sweep.push(sweep.to_owned()),
            None => selection.variant.push(point.to_owned()),
        }
    }
    selection
}

fn variant_name(point: &Point) -> String {
    match point {
        Point::Variant(name) => name.clone(),
        Point::Base | Point::Sweep { .. } => String::new(),
    }
}

/// Says that there is no such variant or sweep, and what there is.
pub fn unknown(what: &str, name: &str, known: &[String]) -> Exit {
    let help = match known {
        [] => format!("the file declares no {what}"),
        _ => format!("the file declares {}", known.join(", ")),
    };
    render::complain(&format!("there is no {what} `{name}`"), Some(&help));
    Exit::CallWrong
}

/// Prints diagnostics for people.
pub fn show(found: &Diagnostics, files: &SourceMap) {
    render::say(diagnostics::text(found, files, Format::Human, Paint::of_stderr()).trim_end());
}

/// Prints diagnostics for people, with their count.
fn tell(found: &Diagnostics, checked: &Checked) {
    show(found, &checked.files);
    render::say(&diagnostics::Tally::of(found).in_words());
}
