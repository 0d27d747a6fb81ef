//! `mascot test`: the tests that personas hold, asked of the policies that speak for them. Ends with 0 when all pass, 4 when one fails, 3 when
//! one cannot be asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mascot_run::interpreter;
use mascot_run::plan::{Plan, Trials, reruns, trials};
use mascot_run::report::{Outcome, RunReport};
use mascot_run::source::Places;
use mascot_run::store::Store;
use mascot_run::trial::{Trial, Verdict};

use super::args::{EngineKind, Test};
use super::engines::{self, Opened};
use super::exit::Exit;
use super::git::Revision;
use super::interrupt;
use super::load::{self, Loaded};
use super::prepare::{fingerprint, looked_in, opened};
use super::render::{self, Paint, progress::Shown, trials as shown};
use super::run::TOO_LITTLE;

/// A test that was planned, and what came of it.
pub struct Asked {
    pub trial: Trial,
    /// Of its task.
    pub id: String,
    pub outcome: Option<Outcome>,
    /// Why there is no verdict, in words.
    pub because: Option<String>,
    pub verdict: Option<Verdict>,
}

pub fn test(args: &Test) -> Exit {
    match asked(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn asked(args: &Test) -> Result<Exit, Exit> {
    let (file, changed) = file_and_revision(args)?;
    let loaded = load::load_experiment(&file, &args.selection, args.places.root.as_deref())?;
    if loaded.programs.len() > 1 {
        render::complain("tests are asked at one point", Some("name one variant, or none for the base"));
        return Err(Exit::CallWrong);
    }
    known_personas(args, &loaded)?;
    let fake = args.compute.engine == EngineKind::Fake;
    let places = looked_in(&loaded, &args.selection, &args.places, &args.allow)?;
    let store = opened(places.store.clone())?;
    let engine = fingerprint(args.compute.engine)?;
    let before = changed.map(|revision| planned_at(args, &file, &revision)).transpose()?;
    let keep = |plan: &Plan, at: usize| {
        let task = &plan.tasks[at];
        let of = |name: &String| task.member.as_ref() == Some(name);
        let named = args.persona.is_empty() || args.persona.iter().any(of);
        named && before.as_ref().is_none_or(|before| before.would_ask_anew(plan, at))
    };
    let program = &loaded.programs[0];
    let Trials { mut plan, trials, cannot } =
        trials(program, &loaded.checked.files, &places, &store, &engine, fake, &keep);
    plan.budget.free_bytes = super::world::free_memory().map(|bytes| bytes as f64);

    let cannot = if args.persona.is_empty() && before.is_none() { cannot } else { Vec::new() };
    if !cannot.is_empty() {
        render::complain("these tests cannot be asked", None);
        cannot.iter().for_each(|one| render::say(&format!("  {one}")));
    }
    if trials.is_empty() {
        return Ok(nothing_to_ask(args, &file, before.is_some(), cannot.is_empty()));
    }
    let report = performed(args, &plan, &store)?;
    let all = trials.into_iter().map(|trial| verdict_of(trial, &report, &store)).collect::<Vec<_>>();
    if args.output.json {
        render::json(&shown::document(&all, &report.run, &cannot));
    } else {
        render::out(&shown::text(&all, fake, Paint::of_stdout()));
    }
    Ok(ending(&all, &report, cannot.is_empty()))
}

fn ending(all: &[Asked], report: &RunReport, all_asked: bool) -> Exit {
    let failed = all.iter().any(|asked| asked.verdict.as_ref().is_some_and(|verdict| !verdict.passes));
    let gated = report.tasks.iter().any(|task| task.outcome == Some(Outcome::Gated)) || report.over_budget.is_some();
    let silent = all.iter().any(|asked| asked.verdict.is_none());
    match () {
        () if report.interrupted => Exit::Interrupted,
        () if failed || (silent && gated) => Exit::Gated,
        () if silent || !all_asked => Exit::Failed,
        () => Exit::Done,
    }
}

/// `mascot test --changed FILE` means what it looks like: a revision may be left out.
fn file_and_revision(args: &Test) -> Result<(PathBuf, Option<String>), Exit> {
    match (&args.file, &args.changed) {
        (Some(file), changed) => Ok((file.clone(), changed.clone())),
        (None, Some(word)) if Path::new(word).is_file() => Ok((PathBuf::from(word), Some("HEAD".to_owned()))),
        (None, _) => {
            render::complain("the call names no file", Some("write `mascot test FILE`"));
            Err(Exit::CallWrong)
        }
    }
}

fn known_personas(args: &Test, loaded: &Loaded) -> Result<(), Exit> {
    let known: Vec<&str> = loaded.programs[0]
        .of_kind(mascot_lang::program::EntityKind::Persona)
        .filter(|persona| persona.children.iter().any(|child| child.keyword == "test"))
        .map(|persona| persona.name.as_str())
        .collect();
    match args.persona.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let help = if known.is_empty() {
                "no persona has a test".to_owned()
            } else {
                format!("{} have tests", known.join(", "))
            };
            render::complain(&format!("there is no test of `{name}`"), Some(&help));
            Err(Exit::CallWrong)
        }
    }
}

/// The tests of the file as it was at a revision; none where it was not there, or was faulty.
struct Before(Option<Plan>);

impl Before {
    /// Whether what this task asks differs from all that was asked, or follows from something that does.
    fn would_ask_anew(&self, plan: &Plan, at: usize) -> bool {
        self.0.as_ref().is_none_or(|before| reruns(before, plan).contains(&at))
    }
}

fn planned_at(args: &Test, file: &Path, revision: &str) -> Result<Before, Exit> {
    let revision = Revision::of(revision).map_err(|why| {
        render::complain(&why, None);
        Exit::CallWrong
    })?;
    let checked = mascot_lang::check(&revision.project(file), &file.to_string_lossy(), &args.selection.set);
    let engine = fingerprint(args.compute.engine)?;
    let points = if checked.program.is_some() { load::points(&checked, &args.selection).ok() } else { None };
    let program = points.and_then(|points| checked.at(points.first()?).ok());
    let planned = program.map(|program| {
        // Compared by declarations: nothing is opened.
        let nowhere = Store::new(".mascot/of-no-run");
        trials(&program, &checked.files, &Places::default(), &nowhere, &engine, true, &|_, _| true).plan
    });
    Ok(Before(planned))
}

fn nothing_to_ask(args: &Test, file: &Path, changed: bool, all_asked: bool) -> Exit {
    if args.output.json {
        render::json(&shown::document(&[], "", &[]));
    }
    if !all_asked {
        return Exit::Failed;
    }
    let what = if changed { "no test would be asked anew" } else { "no persona has a test" };
    render::say(&format!("{}: {what}", file.display()));
    Exit::Done
}

/// Brings the tests, and what they need, to an outcome.
fn performed(args: &Test, plan: &Plan, store: &Store) -> Result<RunReport, Exit> {
    let obstacles = plan.obstacles();
    if !obstacles.is_empty() {
        render::complain("the tests cannot be asked", None);
        obstacles.iter().for_each(|one| render::say(&format!("  {one}")));
        return Err(Exit::Failed);
    }
    if super::plan::within_budget(plan) != Exit::Done {
        return Err(Exit::Gated);
    }
    let over = plan.over_memory();
    if !over.is_empty() {
        render::complain(TOO_LITTLE, Some("name a smaller model, or test it where there is more"));
        over.iter().for_each(|one| render::say(&format!("  {one}")));
        return Err(Exit::Gated);
    }
    let stop = interrupt::stop_flag();
    let Opened { mut engine, mut fetcher, .. } = engines::open(&args.compute)?;
    let mut shown = Shown::new(false, plan.fake);
    interpreter::run(plan, store, engine.as_mut(), fetcher.as_mut(), &mut shown, &stop).map_err(|why| {
        render::complain(&format!("the store: {why}"), Some(why.advice()));
        Exit::Failed
    })
}

fn verdict_of(trial: Trial, report: &RunReport, store: &Store) -> Asked {
    let task = &report.tasks[trial.task];
    let known = matches!(task.outcome, Some(Outcome::Recalled | Outcome::Fresh));
    let record = task.key.filter(|_| known).and_then(|key| store.record(&key).ok().flatten());
    let path = record.and_then(|record| Some(store.object(&record.artifacts.get("transcripts.jsonl")?.digest)));
    let (verdict, because) = match path.map(|path| trial.verdict(&path)) {
        Some(Ok(verdict)) => (Some(verdict), None),
        Some(Err(why)) => (None, Some(why)),
        None => (None, Some(task.because.clone().unwrap_or_else(|| "it was not asked".to_owned()))),
    };
    Asked { id: task.id.clone(), outcome: task.outcome, because, verdict, trial }
}

/// Every persona that was asked, once.
pub fn personas(all: &[Asked]) -> usize {
    all.iter().map(|asked| &asked.trial.persona).collect::<BTreeSet<_>>().len()
}
