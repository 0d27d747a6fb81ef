//! Estimates, what a store learns from runs, budgets.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mascot_run::plan::{Basis, Likely, Plan, State};
use mascot_run::remote::Remote;
use mascot_run::report::Outcome::{Fresh, Recalled, Skipped};
use mascot_run::report::RunReport;
use tempfile::tempdir;

use crate::bench::{outcomes, performed, plan, store};
use crate::language::{PROGRAM, plan_of};

/// Seconds of a run, by task.
fn took(report: &RunReport) -> BTreeMap<&str, f64> {
    report.tasks.iter().map(|task| (task.id.as_str(), task.seconds)).collect()
}

/// Holds a plan to the law: its likely within a quarter of the run's sum, and within twice and half of each task.
fn holds(plan: &Plan, report: &RunReport) {
    let took = took(report);
    let sum: f64 = took.values().sum();
    let likely = plan.total().seconds.likely;
    assert!((likely / sum - 1.0).abs() < 0.25, "{likely} s were likely, and it took {sum} s");
    for task in &plan.tasks {
        let (seconds, took) = (task.estimate.seconds.unwrap(), took[task.id.as_str()]);
        assert!((0.5..2.0).contains(&(seconds.likely / took)), "{}: {seconds:?}, and {took} s", task.id);
        assert!(seconds.low < took && took < seconds.high, "{}: {seconds:?}, and {took} s", task.id);
        assert!(matches!(task.estimate.basis, Basis::Measured { .. }), "{}", task.id);
    }
}

#[test]
fn after_one_run_the_plan_under_another_seed_knows_what_it_takes() {
    let folder = tempdir().unwrap();
    let before = plan_of(PROGRAM, folder.path());
    assert!(before.tasks.iter().all(|task| !matches!(task.estimate.basis, Basis::Measured { .. })));
    performed(&before, folder.path());
    // Prose, names, rates and seeds cost nothing.
    for (edit, to) in [
        ("seed = 7", "seed = 8"),
        ("seed = 7", "seed = 90210"),
        ("You stay with the feeling.", "You stay close to what hurts."),
        ("\"The Anchor\"", "\"The Rock\""),
        ("steps = 10 steps", "steps = 10 steps\n  lr = 3e-4"),
    ] {
        let plan = plan_of(&PROGRAM.replacen("seed = 7", "seed = 8", 1).replacen(edit, to, 1), folder.path());
        let other = tempdir().unwrap();
        let (_, report) = performed(&plan_of(&PROGRAM.replacen(edit, to, 1), other.path()), other.path());
        assert!(plan.tasks.iter().all(|task| task.state != State::Recalled), "{to}");
        holds(&plan, &report);
    }
}

#[test]
fn more_work_takes_longer_and_another_shape_is_no_measurement() {
    let folder = tempdir().unwrap();
    performed(&plan_of(PROGRAM, folder.path()), folder.path());
    let voices = |text: &str| {
        let plan = plan_of(text, folder.path());
        let estimate = plan.tasks[plan.find("voices.anchor").unwrap()].estimate.clone();
        (estimate.seconds.unwrap().likely, estimate.basis)
    };
    let twice = voices(&PROGRAM.replacen("steps = 10 steps", "steps = 20 steps", 1));
    let thrice = voices(&PROGRAM.replacen("steps = 10 steps", "steps = 30 steps", 1));
    assert!(matches!(twice.1, Basis::Scaled { .. }), "{twice:?}");
    assert!((thrice.0 / twice.0 - 1.5).abs() < 1e-9, "{twice:?} {thrice:?}");
}

#[test]
fn a_store_without_a_calibration_is_reckoned_from_its_records() {
    let folder = tempdir().unwrap();
    let (_, report) = performed(&plan_of(PROGRAM, folder.path()), folder.path());
    fs::remove_file(folder.path().join("store/calibration")).unwrap();
    holds(&plan_of(&PROGRAM.replacen("seed = 7", "seed = 8", 1), folder.path()), &report);
}

#[test]
fn another_machine_starts_anew() {
    let folder = tempdir().unwrap();
    performed(&plan_of(PROGRAM, folder.path()), folder.path());
    let mut other = plan_of(&PROGRAM.replacen("seed = 7", "seed = 8", 1), folder.path());
    fs::remove_dir_all(folder.path().join("store/history")).unwrap();
    other.places.machine.threads = 64;
    other.look(&store(folder.path()));
    assert!(other.tasks.iter().all(|task| matches!(task.estimate.basis, Basis::Analytic)));
}

#[test]
fn a_basis_is_told_in_words() {
    let folder = tempdir().unwrap();
    performed(&plan_of(PROGRAM, folder.path()), folder.path());
    let mut plan = plan_of(&PROGRAM.replacen("seed = 7", "seed = 8", 1), folder.path());
    // The tests' clock begins here.
    let words = |plan: &Plan, now: f64| plan.tasks[0].estimate.in_words(now);
    assert_eq!(words(&plan, 1e9), "measured here just now");
    assert_eq!(words(&plan, 1e9 + 3.0 * 86_400.0 + 3_600.0), "measured here 3 days ago");
    plan.places.now = 1e9 + 9_000.0;
    let document = plan.document();
    assert_eq!(document["tasks"][0]["estimate"]["basis"], "measured here 2 hours ago");
    assert_eq!(document["total"]["basis"], "measured here 2 hours ago");
    let seconds = &document["total"]["seconds"];
    assert!(seconds["low"].as_f64() < seconds["likely"].as_f64());
    assert!(document["total"]["usd"].is_null(), "unknown is never 0");
}

fn judge(prices: Option<(f64, f64)>) -> Remote {
    Remote {
        url: "http://localhost:1/v1".into(),
        secret: None,
        timeout: 60.0,
        retries: 0,
        requests_per_minute: None,
        tokens_per_minute: None,
        ceiling: None,
        input_price: prices.map(|prices| prices.0),
        output_price: prices.map(|prices| prices.1),
        most_void: 0.2,
    }
}

/// The program with a judge far away, at these prices.
fn judged(folder: &Path, prices: Option<(f64, f64)>) -> Plan {
    let far = r#"judge panel { by = openai("http://localhost:1/v1", "m"); rubrics = [fidelity] }"#;
    let text = PROGRAM.replacen("judge panel { by = contrast(base); rubrics = [fidelity] }", far, 1).replacen(
        "judge = panel.fidelity\n",
        "judge = panel.fidelity\n  prompts = 10\n",
        1,
    );
    let mut plan = plan_of(&text, folder);
    for task in &mut plan.tasks {
        task.remotes.values_mut().for_each(|remote| *remote = judge(prices));
    }
    plan.look(&store(folder));
    plan
}

#[test]
fn money_is_known_where_a_price_is_and_unknown_elsewhere() {
    let folder = tempdir().unwrap();
    let usd = |plan: &Plan, id: &str| plan.tasks[plan.find(id).unwrap()].estimate.usd;
    let free = judged(folder.path(), None);
    assert_eq!(usd(&free, "preferences.anchor"), None, "a judge without a price is unknown, never 0");
    assert_eq!(usd(&free, "sounding.anchor"), None);
    let priced = judged(folder.path(), Some((1.0, 2.0)));
    let pairs = usd(&priced, "preferences.anchor").unwrap();
    assert!(0.0 < pairs.low && pairs.low < pairs.likely && pairs.likely < pairs.high, "{pairs:?}");
    let double = usd(&judged(folder.path(), Some((2.0, 4.0))), "preferences.anchor").unwrap();
    assert!((double.likely / pairs.likely - 2.0).abs() < 1e-9);
    assert_eq!(usd(&priced, "sounding.anchor"), None, "nobody has said what the machine costs");

    // An hour of the machine has a price: then what is known to take time is known to cost.
    performed(&plan_of(PROGRAM, folder.path()), folder.path());
    let mut hired = plan_of(&PROGRAM.replacen("seed = 7", "seed = 8", 1), folder.path());
    hired.places.price = Some(36.0);
    hired.look(&store(folder.path()));
    for task in &hired.tasks {
        let (usd, seconds) = (task.estimate.usd.unwrap(), task.estimate.seconds.unwrap());
        assert!((usd.likely - 0.01 * seconds.likely).abs() < 1e-9);
    }
}

/// A plan by hand of which every task takes so long, as if it were real.
fn of_seconds(folder: &Path, seconds: Likely) -> Plan {
    let mut asked = plan(folder, &[]);
    asked.fake = false;
    asked.tasks.iter_mut().for_each(|task| task.estimate.seconds = Some(seconds));
    asked
}

#[test]
fn the_low_end_fails_a_plan_and_the_likely_one_warns() {
    let folder = tempdir().unwrap();
    let mut asked = of_seconds(folder.path(), Likely { low: 10.0, likely: 100.0, high: 1_000.0 });
    for (ceiling, over, near) in [(30.0, true, false), (200.0, false, true), (500.0, false, false)] {
        asked.budget.seconds = Some(ceiling);
        assert_eq!((!asked.over_budget().is_empty(), !asked.near_budget().is_empty()), (over, near), "{ceiling}");
    }
    asked.budget.seconds = Some(30.0);
    let said = asked.over_budget();
    assert!(said[0].starts_with("time: at least 40 s, likely 7 min, and 30 s are allowed (analytic"), "{said:?}");

    // Hours of accelerators are spent where there is one.
    asked.budget = mascot_run::plan::Budget { gpu_seconds: Some(30.0), ..Default::default() };
    assert!(asked.over_budget().is_empty());
    asked.places.machine.device = "cuda".into();
    assert!(asked.over_budget()[0].starts_with("gpu: at least 0.01 gpu_h"), "{:?}", asked.over_budget());

    asked.budget = mascot_run::plan::Budget { usd: Some(0.001), ..Default::default() };
    assert!(asked.over_budget().is_empty());
    assert!(asked.unknown_beside_budget()[0].starts_with("money: of 4 tasks no price is known"));
    asked.tasks.iter_mut().for_each(|task| task.estimate.usd = Some(Likely::exactly(0.01)));
    assert!(asked.over_budget()[0].starts_with("money: at least 0.04 usd"), "{:?}", asked.over_budget());
    assert!(asked.unknown_beside_budget().is_empty());
}

#[test]
fn every_ceiling_stops_a_run_and_a_higher_one_goes_on() {
    type Set = fn(&mut Plan, f64);
    let ceilings: [Set; 3] = [
        |plan, seconds| plan.budget.seconds = Some(seconds),
        |plan, seconds| {
            plan.places.machine.device = "cuda".into();
            plan.budget.gpu_seconds = Some(seconds);
        },
        |plan, seconds| {
            plan.places.price = Some(3_600.0);
            plan.budget.usd = Some(seconds);
        },
    ];
    for set in ceilings {
        let folder = tempdir().unwrap();
        let mut asked = plan(folder.path(), &[]);
        asked.fake = false;
        // The tests' clock goes on a second at each look.
        set(&mut asked, 12.0);
        let (_, report) = performed(&asked, folder.path());
        let stopped = outcomes(&report);
        assert!(stopped.contains(&Fresh) && stopped.contains(&Skipped), "{stopped:?}");
        assert!(report.over_budget.as_ref().unwrap().starts_with("the budget is spent"), "{:?}", report.over_budget);
        assert_eq!(report.exit_code(), 4);
        set(&mut asked, 1e6);
        let (_, report) = performed(&asked, folder.path());
        let went_on = outcomes(&report);
        for (before, after) in stopped.iter().zip(&went_on) {
            assert_eq!(*after, if *before == Fresh { Recalled } else { Fresh });
        }
    }
}

#[test]
fn memory_that_is_not_allowed_stops_before_anything_is_loaded() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.fake = false;
    asked.budget.bytes = Some(1_000.0);
    let (did, report) = performed(&asked, folder.path());
    assert!(did.is_empty());
    assert_eq!(report.exit_code(), 4);
    assert!(report.tasks[0].because.as_ref().unwrap().contains("are allowed"), "{:?}", report.tasks[0].because);
}
