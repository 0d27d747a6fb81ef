//! `mascot runs`: what a store remembers of its runs.

use std::collections::BTreeSet;

use mascot_run::report::{Outcome, RunReport};
use serde_json::{Value, json};

use super::args::Runs;
use super::exit::Exit;
use super::prepare;
use super::render::{self, table::Table};
use super::world;

pub fn runs(args: &Runs) -> Exit {
    let store = match prepare::store_at_hand(&args.places) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let mut reports = Vec::new();
    for name in store.runs() {
        match RunReport::read(&store, &name) {
            Ok(Some(report)) => reports.push(report),
            Ok(None) => {}
            Err(why) => render::complain(&why.to_string(), Some(why.advice())),
        }
    }
    if args.output.json {
        let list: Vec<Value> = reports.iter().map(as_json).collect();
        render::json(&json!({ "runs": list }));
        return Exit::Done;
    }
    let mut table =
        Table::new(&["run", "when", "experiment", "engine", "recalled", "fresh", "failed", "time", "ended"])
            .right(&[4, 5, 6, 7]);
    for report in &reports {
        let of = |outcome: Outcome| report.count(outcome).to_string();
        let took = report.finished.map_or(String::new(), |finished| render::duration(finished - report.started));
        table.row([
            report.run.clone(),
            world::date(report.started),
            what(report),
            report.engine.clone(),
            of(Outcome::Recalled),
            of(Outcome::Fresh),
            of(Outcome::Failed),
            took,
            ended(report).to_owned(),
        ]);
    }
    if table.is_empty() {
        render::say("no run yet");
    } else {
        render::out(&table.text());
    }
    Exit::Done
}

/// `quickstart`, `quickstart@smoke`: the experiment, and the variants and sweeps that were run in place of its base or beside it.
fn what(report: &RunReport) -> String {
    let sets: BTreeSet<&str> = report
        .tasks
        .iter()
        .filter_map(|task| Some(task.point.as_deref()?.split('[').next().unwrap_or_default()))
        .collect();
    let sets: Vec<String> = sets.into_iter().map(|set| format!("@{set}")).collect();
    format!("{}{}", report.experiment.name, sets.join(" "))
}

/// How it came to its end.
fn ended(report: &RunReport) -> &'static str {
    if report.finished.is_none() {
        return "cut short";
    }
    match (report.exit_code(), report.over_budget.is_some()) {
        (0, _) => "done",
        (130, _) => "stopped",
        (3, _) => "failed",
        (_, true) => "over budget",
        (_, false) => "gate",
    }
}

fn as_json(report: &RunReport) -> Value {
    json!({
        "ended": ended(report), "points": report.tasks.iter().filter_map(|task| task.point.as_deref()).collect::<BTreeSet<_>>(),
        "run": report.run, "experiment": report.experiment.name, "engine": report.engine, "started": report.started,
        "finished": report.finished, "interrupted": report.interrupted, "report": report.report,
        "recalled": report.count(Outcome::Recalled), "fresh": report.count(Outcome::Fresh),
        "failed": report.count(Outcome::Failed), "gated": report.count(Outcome::Gated), "skipped": report.count(Outcome::Skipped),
    })
}
