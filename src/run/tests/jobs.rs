//! Several tasks at once: the same results, whatever the number of hands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use mascot_lang::program::Point;
use mascot_run::desk::NoFetcher;
use mascot_run::engine::{Engine, Fault, Outputs, Progress, Request, Workspace};
use mascot_run::fake::{FINGERPRINT, FakeEngine};
use mascot_run::hands::{self, Maker};
use mascot_run::interpreter;
use mascot_run::plan::{Likely, Plan};
use mascot_run::report::Outcome::{Failed, Fresh, Recalled, Skipped};
use mascot_run::report::RunReport;
use tempfile::tempdir;

use crate::bench::{Silent, outcomes, performed, plan, store};
use crate::language::{PROGRAM, plan_at, plan_of};

fn run_by(count: usize, make: Maker<'_>, plan: &Plan, folder: &Path) -> RunReport {
    let stop = AtomicBool::new(false);
    hands::many(count, make, &stop, |hands| {
        let events = &mut Silent(1e9);
        interpreter::run_by(hands, plan, &store(folder), &mut NoFetcher, events, &stop).expect("the store is fine")
    })
}

fn fakes(count: usize, plan: &Plan, folder: &Path) -> RunReport {
    run_by(count, &|| Box::new(FakeEngine), plan, folder)
}

/// An engine that asks `before` first, and whose seconds are a clock's.
struct Asking<F>(F);

impl<F: FnMut(&Request<'_>) -> Result<(), Fault>> Engine for Asking<F> {
    fn fingerprint(&self) -> String {
        FINGERPRINT.to_owned()
    }

    fn perform(
        &mut self,
        request: &Request<'_>,
        workspace: &Workspace,
        events: &mut dyn FnMut(Progress),
    ) -> Result<Outputs, Fault> {
        (self.0)(request)?;
        let outputs = FakeEngine.perform(request, workspace, events)?;
        Ok(Outputs { seconds: None, ..outputs })
    }
}

#[test]
fn results_are_the_same_whatever_the_number_of_hands() {
    let points = [Point::Variant("mute".into()), Point::Variant("random_order".into())];
    let told = |report: &RunReport| {
        let tasks = report.tasks.iter();
        tasks.map(|task| (task.id.clone(), task.outcome, task.key, task.artifacts.clone())).collect::<Vec<_>>()
    };
    let alone = tempdir().unwrap();
    let (_, expected) = performed(&plan_at(PROGRAM, &points, alone.path()), alone.path());
    for count in 1..=8 {
        let folder = tempdir().unwrap();
        let report = fakes(count, &plan_at(PROGRAM, &points, folder.path()), folder.path());
        assert_eq!(told(&report), told(&expected), "{count} at once");
        let again = fakes(count, &plan_at(PROGRAM, &points, folder.path()), folder.path());
        assert!(outcomes(&again).iter().all(|outcome| *outcome == Recalled));
    }
}

#[test]
fn tasks_that_do_not_need_one_another_go_on_at_once() {
    let folder = tempdir().unwrap();
    let (here, came) = (Mutex::new(0), Condvar::new());
    // Each of the first two waits for the other: one after the other they would wait in vain.
    let meet = |request: &Request<'_>| {
        if request.id.starts_with("sounding/") {
            let mut count = here.lock().unwrap();
            *count += 1;
            came.notify_all();
            let alone = |count: &mut i32| *count < 2;
            let (count, _) = came.wait_timeout_while(count, Duration::from_secs(20), alone).unwrap();
            assert_eq!(*count, 2, "the other has not begun");
        }
        Ok(())
    };
    let report = run_by(2, &|| Box::new(Asking(meet)), &plan(folder.path(), &[]), folder.path());
    assert_eq!(outcomes(&report), [Fresh; 4]);
}

#[test]
fn what_a_task_took_beside_others_is_not_remembered() {
    // Two voices side by side, then a model on both and a voice on that, each alone.
    let nothing = |_: &Request<'_>| Ok(());
    for (count, expected) in [(1, 4), (2, 2)] {
        let folder = tempdir().unwrap();
        let report = run_by(count, &|| Box::new(Asking(nothing)), &plan(folder.path(), &[]), folder.path());
        assert_eq!(outcomes(&report), [Fresh; 4]);
        let remembered = std::fs::read_to_string(store(folder.path()).root().join("calibration")).unwrap();
        assert_eq!(remembered.lines().count(), expected, "{count} at once:\n{remembered}");
    }
}

#[test]
fn a_failure_stops_only_those_who_need_it() {
    let folder = tempdir().unwrap();
    let fail = |request: &Request<'_>| match request.id {
        "voices/anchor" => Err(Fault::Data("the world was in the way".into())),
        _ => Ok(()),
    };
    let points = [Point::Variant("mute".into())];
    let asked = plan_at(PROGRAM, &points, folder.path());
    let report = run_by(3, &|| Box::new(Asking(fail)), &asked, folder.path());
    let outcome = |id: &str| report.task(id).unwrap().outcome.unwrap();
    assert_eq!(outcome("voices/anchor"), Failed);
    assert_eq!(outcome("verdict"), Skipped);
    assert_eq!(report.task("direction").unwrap().because.as_deref(), Some("voices/anchor failed"));
    assert_eq!(outcome("voices/beacon"), Fresh);
    assert_eq!(outcome("verdict@mute"), Fresh, "another point goes on");
    assert_eq!(report.exit_code(), 3);
}

#[test]
fn two_tasks_that_turn_out_to_ask_the_same_are_performed_once() {
    // The fake engine does not hear `min_gap`: two sets of pairs that are the same, and then two reward models.
    let text = PROGRAM.to_owned() + "variant picky { preferences.min_gap = 0.9 }\n";
    let folder = tempdir().unwrap();
    let asked = plan_at(&text, &[Point::Variant("picky".into())], folder.path());
    let performed = Mutex::new(BTreeMap::<String, usize>::new());
    let count = |request: &Request<'_>| {
        *performed.lock().unwrap().entry(request.id.to_owned()).or_default() += 1;
        if request.id.starts_with("persona_rm") {
            std::thread::sleep(Duration::from_millis(60));
        }
        Ok(())
    };
    let report = run_by(4, &|| Box::new(Asking(count)), &asked, folder.path());
    let models = ["persona_rm", "persona_rm@picky"].map(|id| report.task(id).unwrap());
    assert_eq!(models[0].key, models[1].key);
    let mut came = models.map(|task| task.outcome.unwrap());
    came.sort_by_key(|outcome| *outcome == Recalled);
    assert_eq!(came, [Fresh, Recalled]);
    assert!(performed.into_inner().unwrap().values().all(|times| *times == 1));
}

#[test]
fn no_more_begin_than_memory_has_room_for() {
    let folder = tempdir().unwrap();
    let mut asked = plan_of(PROGRAM, folder.path());
    asked.fake = false;
    for task in &mut asked.tasks {
        task.estimate.memory_bytes = Some(Likely::exactly(4e9));
    }
    asked.budget.free_bytes = Some(9e9);
    asked.tasks.iter_mut().for_each(|task| task.gates.clear());
    let (now, most, wanted) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(3));
    let look = |_: &Request<'_>| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Long enough for another to begin, however busy the machine is; where none may, a little.
        for waited in 0..10_000 {
            if waited >= 20 && most.load(Ordering::SeqCst) >= wanted.load(Ordering::SeqCst) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    };
    // As if its sources were here: nothing of them is read.
    asked.fake = true;
    let report = run_by(6, &|| Box::new(Asking(look)), &asked, folder.path());
    assert!(report.exit_code() == 0 && most.load(Ordering::SeqCst) > 2, "a rehearsal loads nothing");

    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.fake = false;
    asked.tasks.iter_mut().for_each(|task| task.estimate.memory_bytes = Some(Likely::exactly(6e9)));
    asked.budget.free_bytes = Some(9e9);
    most.store(0, Ordering::SeqCst);
    wanted.store(0, Ordering::SeqCst);
    let report = run_by(4, &|| Box::new(Asking(look)), &asked, folder.path());
    assert_eq!((outcomes(&report), most.load(Ordering::SeqCst)), (vec![Fresh; 4], 1));
}

#[test]
fn who_is_stopped_in_the_middle_goes_on_with_all_that_was_in_hand() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    let stop = AtomicBool::new(false);
    let both = AtomicUsize::new(0);
    let halt = |_: &Request<'_>| {
        both.fetch_add(1, Ordering::SeqCst);
        while both.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
        Ok(())
    };
    let report = hands::many(2, &|| Box::new(Asking(halt)), &stop, |hands| {
        interpreter::run_by(hands, &asked, &store(folder.path()), &mut NoFetcher, &mut Silent(1e9), &stop).unwrap()
    });
    assert_eq!(outcomes(&report), [Skipped; 4]);
    assert!(report.interrupted);
    assert!(report.tasks[..2].iter().all(|task| store(folder.path()).has_draft(&task.key.unwrap())));
    assert_eq!(outcomes(&fakes(2, &asked, folder.path())), [Fresh; 4]);
}
