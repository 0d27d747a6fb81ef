//! Recall, draft, gate, skip: the interpreter and the store, on plans made by hand.

use std::fs;
use std::sync::atomic::AtomicBool;

use mascot_run::desk::NoFetcher;
use mascot_run::interpreter;
use mascot_run::plan::{State, why};
use mascot_run::report::Outcome::{Failed, Fresh, Gated, Recalled, Skipped};
use mascot_run::report::RunReport;
use mascot_run::store::gc;
use serde_json::json;
use tempfile::tempdir;

use crate::bench::{Counting, Silent, accuracy_gate, outcomes, performed, plan, run, store};

const ALL: [&str; 4] = ["sounding/anchor", "sounding/beacon", "judged", "voices/anchor"];

#[test]
fn hit_skips_execution() {
    let folder = tempdir().unwrap();
    let first = plan(folder.path(), &[]);
    assert_eq!(
        first.tasks.iter().map(|task| task.state).collect::<Vec<_>>(),
        [State::Run, State::Run, State::Pending, State::Pending]
    );
    let (did, report) = performed(&first, folder.path());
    assert_eq!(did, ALL);
    assert_eq!(report.exit_code(), 0);

    let second = plan(folder.path(), &[]);
    assert!(second.tasks.iter().all(|task| task.state == State::Recalled));
    let (did, report) = performed(&second, folder.path());
    assert!(did.is_empty(), "{did:?}");
    assert_eq!(outcomes(&report), [Recalled; 4]);
    assert_eq!(
        RunReport::read(&store(folder.path()), &report.run).unwrap().unwrap(),
        report,
        "the manifest is the report"
    );
}

#[test]
fn a_change_reruns_its_task_and_its_dependants() {
    let folder = tempdir().unwrap();
    performed(&plan(folder.path(), &[]), folder.path());
    let changed = [("sounding/beacon", "/policy/speaker/persona/voice", json!("You are bold."))];
    let edited = plan(folder.path(), &changed);
    let states: Vec<State> = edited.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [State::Recalled, State::Run, State::Pending, State::Pending]);
    let said = why(&edited, &store(folder.path()), 1);
    assert_eq!(said.differs.len(), 1);
    assert_eq!(said.differs[0].field, "policy.speaker.persona.voice");
    assert_eq!((&said.differs[0].from, &said.differs[0].to), (&json!("You are kind."), &json!("You are bold.")));
    assert_eq!(why(&edited, &store(folder.path()), 2).because, ["sounding/beacon"]);

    let (did, report) = performed(&edited, folder.path());
    assert_eq!(did, ["sounding/beacon", "judged", "voices/anchor"]);
    assert_eq!(outcomes(&report), [Recalled, Fresh, Fresh, Fresh]);
    // Asked afterwards, `why` still tells what had changed.
    let after = plan(folder.path(), &changed);
    assert_eq!(why(&after, &store(folder.path()), 1).differs, said.differs);
}

#[test]
fn identical_output_stops_the_ripple() {
    let folder = tempdir().unwrap();
    performed(&plan(folder.path(), &[]), folder.path());
    // The fake engine does not hear ε, so what it makes comes out the same.
    let edited = plan(folder.path(), &[("sounding/beacon", "/optimizer/eps", json!(1e-7))]);
    assert_eq!(edited.tasks[2].state, State::Pending);
    let (did, report) = performed(&edited, folder.path());
    assert_eq!(did, ["sounding/beacon"]);
    assert_eq!(outcomes(&report), [Recalled, Fresh, Recalled, Recalled]);
    assert_eq!(report.tasks[2].because.as_deref(), Some("its inputs came out byte-identical"));
}

#[test]
fn missing_output_is_noticed() {
    let folder = tempdir().unwrap();
    let (_, report) = performed(&plan(folder.path(), &[]), folder.path());
    let adapter = store(folder.path()).root().join(&report.tasks[1].artifacts["adapter"]);
    fs::remove_file(adapter.join("adapter_model.txt")).unwrap();
    let again = plan(folder.path(), &[]);
    assert_eq!(again.tasks[1].state, State::Run);
    let (did, report) = performed(&again, folder.path());
    assert_eq!(did, ["sounding/beacon"], "made again, byte-identical, so nothing follows");
    assert!(adapter.join("adapter_model.txt").exists());
    assert_eq!(outcomes(&report), [Recalled, Fresh, Recalled, Recalled]);
}

#[test]
fn a_failure_leaves_no_record_and_its_siblings_go_on() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    let mut engine = Counting { fails: Some("sounding/anchor"), ..Counting::default() };
    let report = run(&asked, folder.path(), &mut engine);
    assert_eq!(outcomes(&report), [Failed, Fresh, Skipped, Skipped]);
    assert_eq!(report.tasks[0].because.as_deref(), Some("the world was in the way"));
    assert_eq!(report.tasks[2].because.as_deref(), Some("sounding/anchor failed"));
    assert_eq!(report.tasks[3].because.as_deref(), Some("judged was skipped"));
    assert_eq!(report.exit_code(), 3);
    let (did, _) = performed(&asked, folder.path());
    assert_eq!(did, ["sounding/anchor", "judged", "voices/anchor"]);
}

#[test]
fn interrupted_draft_resumes() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    let mut engine = Counting { stops: Some("sounding/beacon"), ..Counting::default() };
    let report = run(&asked, folder.path(), &mut engine);
    assert_eq!(outcomes(&report), [Fresh, Skipped, Skipped, Skipped]);
    assert!(report.interrupted);
    assert_eq!(report.exit_code(), 130);
    let key = report.tasks[1].key.unwrap();
    assert!(store(folder.path()).has_draft(&key));
    gc::collect(&store(folder.path()), Some(1), false).unwrap();
    assert!(store(folder.path()).has_draft(&key), "the run that was stopped goes on from it");

    let mut engine = Counting::default();
    let report = run(&asked, folder.path(), &mut engine);
    assert_eq!(outcomes(&report), [Recalled, Fresh, Fresh, Fresh]);
    assert_eq!(engine.first_steps["sounding/beacon"], 4, "it goes on inside the task");
    let key = report.tasks[1].key.unwrap();
    assert!(!store(folder.path()).has_draft(&key));
    let record = store(folder.path()).record(&key).unwrap().unwrap();
    assert!(record.seconds > report.tasks[1].seconds, "the record counts both runs");
}

#[test]
fn stopped_before_it_begins_does_nothing() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    let mut engine = Counting::default();
    let stop = AtomicBool::new(true);
    let store = store(folder.path());
    let report = interpreter::run(&asked, &store, &mut engine, &mut NoFetcher, &mut Silent::default(), &stop).unwrap();
    assert_eq!(outcomes(&report), [Skipped; 4]);
    assert_eq!(report.exit_code(), 130);
}

#[test]
fn gate_tightening_retrains_nothing() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.fake = false; // its gates stop
    asked.tasks[2].gates.push(accuracy_gate(0.5));
    let (_, report) = performed(&asked, folder.path());
    assert_eq!(outcomes(&report), [Fresh; 4]);
    assert!(report.tasks[2].gates[0].holds);

    asked.tasks[2].gates[0] = accuracy_gate(0.99);
    asked.look(&store(folder.path()));
    let (did, report) = performed(&asked, folder.path());
    assert!(did.is_empty());
    assert_eq!(outcomes(&report), [Recalled, Recalled, Gated, Skipped]);
    assert_eq!(report.tasks[2].because.as_deref(), Some("test.masc:7: the judge does not separate the personas"));
    assert_eq!(report.tasks[3].because.as_deref(), Some("a gate on judged does not hold"));
    assert_eq!(report.exit_code(), 4);
}

#[test]
fn gates_of_a_rehearsal_are_asked_and_stop_nothing() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.tasks[2].gates.push(accuracy_gate(0.99));
    let (did, report) = performed(&asked, folder.path());
    assert_eq!(did, ALL);
    assert!(!report.tasks[2].gates[0].holds);
    assert_eq!(report.exit_code(), 0);
}

#[test]
fn two_runs_do_not_harm_each_other() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| performed(&asked, folder.path()));
        let two = scope.spawn(|| performed(&asked, folder.path()));
        (one.join().unwrap(), two.join().unwrap())
    });
    let mut did: Vec<String> = one.0.into_iter().chain(two.0).collect();
    did.sort();
    let mut all = ALL.map(str::to_owned);
    all.sort();
    assert_eq!(did, all, "each task was performed once, by one of them");
    assert_ne!(one.1.run, two.1.run);
    assert_eq!((one.1.exit_code(), two.1.exit_code()), (0, 0));
    assert!(plan(folder.path(), &[]).tasks.iter().all(|task| task.state == State::Recalled));
}

#[test]
fn collecting_keeps_what_runs_name() {
    let folder = tempdir().unwrap();
    performed(&plan(folder.path(), &[]), folder.path());
    let edited = plan(folder.path(), &[("judged", "/margin", json!(0.5))]);
    performed(&edited, folder.path());
    let store = store(folder.path());
    let held = store.share().unwrap();
    assert!(gc::collect(&store, None, false).is_err(), "somebody is there");
    drop(held);
    let nothing = gc::collect(&store, None, false).unwrap();
    assert_eq!((nothing.runs, nothing.records, nothing.objects), (0, 0, 0), "both runs name all that they came to");
    assert_eq!(plan(folder.path(), &[]).tasks[2].state, State::Recalled);
    let would = gc::collect(&store, Some(1), true).unwrap();
    assert_eq!((would.runs, would.records, would.drafts), (1, 2, 0));
    assert_eq!(store.runs().len(), 2, "only counted");
    assert_eq!(gc::collect(&store, Some(1), false).unwrap(), would);
    assert_eq!(store.runs().len(), 1);
    let again = plan(folder.path(), &[("judged", "/margin", json!(0.5))]);
    assert!(again.tasks.iter().all(|task| task.state == State::Recalled));
    assert_eq!(plan(folder.path(), &[]).tasks[2].state, State::Run);
}

#[test]
fn a_key_is_pinned() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    // Changes only when what enters keys, or how it is written down, is meant to change: then every store starts anew.
    assert_eq!(
        asked.tasks[0].key.unwrap().to_string(),
        "e7d7e96d9b646128e0031975b1eb40fbba354baf6cd5ceaf898e1e63ff43cd9f"
    );
}

#[test]
fn until_leaves_a_task_and_what_it_needs() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    assert!(asked.until("sounding"));
    assert_eq!(asked.tasks.len(), 2);
    let mut asked = plan(folder.path(), &[]);
    assert!(asked.until("sounding.beacon"));
    assert_eq!(asked.tasks[0].id, "sounding/beacon");
    assert!(!asked.until("nothing"));
    let mut asked = plan(folder.path(), &[]);
    assert!(asked.until("judged"));
    assert_eq!(performed(&asked, folder.path()).0, ALL[..3]);
}

#[test]
fn a_budget_stops_a_run_that_can_go_on() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.fake = false;
    // The clock goes on a second at each look: the time is up in the middle of the second task.
    asked.budget.seconds = Some(14.0);
    let (_, report) = performed(&asked, folder.path());
    assert_eq!(outcomes(&report), [Fresh, Skipped, Skipped, Skipped]);
    assert!(report.tasks[1].because.as_ref().unwrap().starts_with("the budget is spent"));
    assert_eq!(report.exit_code(), 4);
    let key = report.tasks[1].key.unwrap();
    assert!(store(folder.path()).has_draft(&key));
    gc::collect(&store(folder.path()), Some(1), false).unwrap();
    assert!(store(folder.path()).has_draft(&key), "the run that was stopped goes on from it");
}

#[test]
fn a_plan_is_held_to_its_budget() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.budget.bytes = Some(1000.0);
    assert!(asked.over_budget().is_empty(), "a rehearsal spends nothing");
    asked.fake = false;
    let sentence = "vram: at least 0.0 GiB, likely 0.2 GiB, and 0.0 GiB are allowed (sizes of the models)";
    assert_eq!(asked.over_budget(), [sentence]);
    performed(&plan(folder.path(), &[]), folder.path());
    asked.look(&store(folder.path()));
    assert!(asked.over_budget().is_empty(), "what is recalled costs nothing");
}
