//! `mascot run`: every task of an experiment to an outcome, then the table, the gates, the report.

use std::path::{Path, PathBuf};

use mascot_run::plan::Saved;
use mascot_run::points::compare;
use mascot_run::report::{Outcome, RunReport};
use mascot_run::source::destination;
use mascot_run::whole::{self, Care};
use mascot_run::{hands, interpreter};

use super::args::{EngineKind, Run};
use super::engines::{self, Opened};
use super::exit::Exit;
use super::interrupt;
use super::output;
use super::prepare::{Prepared, prepare};
use super::render::{self, Paint, progress::Shown};
use super::report::{self, declared};
use super::saved;
use super::world::in_words;

/// Said by `run`, which refuses, and by `plan`, which does not.
pub const TOO_LITTLE: &str = "this machine has too little memory free";

pub fn run(args: &Run) -> Exit {
    match saved::read(&args.plan.file) {
        Ok(None) => run_as_planned(args, None),
        Ok(Some(plan)) => saved::call(&plan, args).map_or_else(|exit| exit, |args| run_as_planned(&args, Some(&plan))),
        Err(exit) => exit,
    }
}

/// `planned`: what was planned before, which is done as long as nothing has moved.
fn run_as_planned(args: &Run, planned: Option<&Saved>) -> Exit {
    let call = &args.plan;
    let json_events = args.events.is_some();
    let shown = Shown::new(json_events, call.compute.engine == EngineKind::Fake);
    if !json_events {
        // The first sign of life: checking is quick, but digesting gigabytes for the first time is not.
        render::say(&format!("mascot {}: {}", env!("CARGO_PKG_VERSION"), call.file.display()));
    }
    let prepared =
        prepare(&call.file, &call.selection, &call.places, &call.compute, call.until.as_deref(), &call.allow);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    if let Some(Err(exit)) = args.report.as_ref().map(|out| output::refuse(out, &prepared.loaded, output::PAGE)) {
        return exit;
    }
    if planned.is_some_and(|planned| !saved::holds(planned, call, &prepared)) {
        return Exit::Failed;
    }
    let obstacles = prepared.plan.obstacles();
    if !obstacles.is_empty() {
        render::complain("the run cannot start", None);
        obstacles.iter().for_each(|one| render::say(&format!("  {one}")));
        return Exit::Failed;
    }
    if super::plan::within_budget(&prepared.plan) != Exit::Done {
        return Exit::Gated;
    }
    let over = prepared.plan.over_memory();
    if !over.is_empty() {
        render::complain(
            TOO_LITTLE,
            Some("name a smaller model, or run it where there is more; `mascot plan` has the estimates"),
        );
        over.iter().for_each(|one| render::say(&format!("  {one}")));
        return Exit::Gated;
    }
    match perform(args, &prepared, shown) {
        Ok(mut report) => finish(args, &prepared, &mut report),
        Err(exit) => exit,
    }
}

fn perform(args: &Run, prepared: &Prepared, mut shown: Shown) -> Result<RunReport, Exit> {
    let stop = interrupt::stop_flag();
    let Opened { mut engine, mut fetcher, another } = engines::open(&args.plan.compute)?;
    let (plan, store, fetcher) = (&prepared.plan, &prepared.store, fetcher.as_mut());
    let done = match engines::jobs(&args.plan.compute, plan, args.jobs) {
        1 => interpreter::run(plan, store, engine.as_mut(), fetcher, &mut shown, &stop),
        jobs => hands::many(jobs, &another, &stop, |hands| {
            interpreter::run_by(hands, plan, store, fetcher, &mut shown, &stop)
        }),
    };
    done.map_err(|why| {
        render::complain(&format!("the store: {why}"), Some(why.advice()));
        Exit::Failed
    })
}

/// Writes the report, prints what was measured, and how to get it again.
fn finish(args: &Run, prepared: &Prepared, report: &mut RunReport) -> Exit {
    let call = &args.plan;
    report.machine = Some(engines::machine(&call.compute));
    let mut pages = Vec::new();
    let written = write_report(call, prepared, report, args.report.as_deref());
    let mut exit = exit_of(report);
    match written {
        Ok(paths) => {
            report.report = paths.first().cloned();
            pages = paths;
            if let Err(why) = report.write(&prepared.store) {
                render::complain(&format!("the run's manifest: {why}"), None);
            }
        }
        Err(why) => {
            render::complain(&format!("the report: {why}"), Some("`mascot report` writes it again from the store"));
            exit = if exit == Exit::Done { Exit::Failed } else { exit };
        }
    }
    let comparisons = compare(report, &report::sources::seeds(prepared));
    if call.output.json {
        let mut document = report.document(&prepared.store);
        document["points"] = serde_json::json!(comparisons);
        render::json(&document);
        return exit;
    }
    render::out(&render::results::text(report, Paint::of_stdout()));
    render::out(&render::points::text(&comparisons, Paint::of_stdout()));
    if prepared.plan.fake {
        render::out("rehearsed: the fake engine computes nothing, and its numbers mean nothing\n");
    }
    pages.iter().for_each(|path| render::out(&format!("report: {}\n", near(path))));
    let again = command(call, "run");
    match exit {
        Exit::Interrupted => render::out(&format!("stopped; to go on from here: {again}\n")),
        _ => render::out(&format!("again:  {again}\n")),
    }
    exit
}

/// The page of a run, and where it was written: where the call says, else wherever the program does, else into the store.
///
/// # Errors
/// In words, when the place cannot be written, or is none for a page.
pub fn write_report(
    call: &super::args::Plan,
    prepared: &Prepared,
    report: &RunReport,
    asked: Option<&Path>,
) -> Result<Vec<PathBuf>, String> {
    let declared = declared::read(&prepared.loaded.programs[0], report);
    let whole = !report.interrupted && prepared.loaded.programs.iter().any(|program| program.point.is_none());
    let into_store = || prepared.store.run_folder(&report.run).join("report.html");
    let paths = match asked {
        Some(path) => vec![path.to_owned()],
        // A rehearsal, a variant or a run that was stopped never writes over the report of a whole, real one.
        None if whole && call.compute.engine != EngineKind::Fake && !declared.pages.is_empty() => {
            // Looked at again: links may have moved since it was planned.
            let place = |page: &String| {
                let place = destination(page, &prepared.plan.places).map_err(|why| format!("{page}: {why}"))?;
                output::spares_inputs(&place, &prepared.loaded, output::PAGE)
                    .map(|()| place)
                    .map_err(|why| format!("{page}: {why}"))
            };
            declared.pages.iter().map(place).collect::<Result<_, String>>()?
        }
        None => vec![into_store()],
    };
    declared.notes.iter().for_each(|note| render::say(note));
    let how = report::declared::reproduce(call, &prepared.loaded, report);
    let page = report::gather::page(report, prepared, declared.notes, how);
    let html = report::html(&page);
    for path in &paths {
        whole::write(path, html.as_bytes(), Care::Moved)
            .map_err(|why| format!("{}: {}", path.display(), in_words(&why)))?;
    }
    Ok(paths)
}

pub fn exit_of(report: &RunReport) -> Exit {
    let any = |outcome: Outcome| report.tasks.iter().any(|task| task.outcome == Some(outcome));
    if report.interrupted {
        Exit::Interrupted
    } else if any(Outcome::Failed) {
        Exit::Failed
    } else if any(Outcome::Gated) || report.over_budget.is_some() {
        Exit::Gated
    } else {
        Exit::Done
    }
}

/// The call, as it would be typed again.
pub fn command(call: &super::args::Plan, verb: &str) -> String {
    let mut words = vec!["mascot".to_owned(), verb.to_owned(), quoted(&call.file.to_string_lossy())];
    let mut option = |name: &str, value: &str| words.extend([format!("--{name}"), quoted(value)]);
    call.selection.variant.iter().for_each(|name| option("variant", name));
    call.selection.sweep.iter().for_each(|name| option("sweep", name));
    call.selection.set.iter().for_each(|(path, value)| option("set", &format!("{path}={value}")));
    if let Some(until) = &call.until {
        option("until", until);
    }
    call.allow.iter().for_each(|grant| option("allow", grant));
    let folders = [("profile", &call.places.profile), ("store", &call.places.store), ("root", &call.places.root)];
    for (name, folder) in folders {
        if let Some(folder) = folder {
            option(name, &folder.to_string_lossy());
        }
    }
    if call.compute.engine == EngineKind::Fake {
        option("engine", "fake");
    }
    if call.selection.all {
        words.push("--all".to_owned());
    }
    words.join(" ")
}

/// For a shell, where it needs it.
pub fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=,:@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A path relative to the current folder, where it lies below it.
pub fn near(path: &Path) -> String {
    let current = super::world::current_folder().ok();
    let inside = current.as_deref().and_then(|current| path.strip_prefix(current).ok());
    inside.unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("voices.kl.beta=0.05"), "voices.kl.beta=0.05");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
