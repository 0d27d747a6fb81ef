//! The whole of MASCOT on random weights with the real engine: `--variant smoke` of the quickstart.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::house::{QUICKSTART, Sandbox, command, ids};

const SMOKE: &[&str] = &["--variant", "smoke", "--device", "cpu", "--threads", "2"];

fn call(verb: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    [&[verb, QUICKSTART][..], SMOKE, more].concat()
}

#[test]
fn every_stage_runs_on_random_weights_and_is_recalled() {
    let sandbox = Sandbox::new();
    let first = sandbox.mascot(&call("run", &["--json"])).ended_with(0).json();
    assert_eq!(ids(&first, "outcome", "fresh").len(), first["tasks"].as_array().unwrap().len());
    let metrics = first["metrics"].as_array().unwrap();
    assert!(metrics.iter().any(|row| row["mean"].is_number() && row["low"].is_number()));

    let second = sandbox.mascot(&call("run", &["--json"])).ended_with(0).json();
    assert_eq!(ids(&second, "outcome", "fresh"), Vec::<String>::new());
    assert_eq!(first["metrics"], second["metrics"]);

    // A gate that cannot hold stops with 4, and costs nothing.
    let gated = sandbox.mascot(&call("run", &["--set", "least_gain=2", "--json"])).ended_with(4).json();
    assert_eq!(ids(&gated, "outcome", "fresh"), Vec::<String>::new());
    assert!(!ids(&gated, "outcome", "gated").is_empty());
}

#[test]
fn a_run_that_was_stopped_goes_on_inside_its_stage() {
    let undisturbed = Sandbox::new();
    let whole = undisturbed.mascot(&call("run", &["--until", "voices", "--json"])).ended_with(0).json();

    let sandbox = Sandbox::new();
    let mut child = command(sandbox.path(), &call("run", &["--until", "voices", "--events", "json"]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stopped_in = None;
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        let training = event["event"] == "progress" && event["progress"]["phase"] == "training";
        if stopped_in.is_none() && training && event["progress"]["step"].as_u64() >= Some(1) {
            stopped_in = event["task"].as_str().map(str::to_owned);
            let told = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(told.success());
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130), "stopped in {stopped_in:?}");

    let after = sandbox.mascot(&call("run", &["--until", "voices", "--json"])).ended_with(0).json();
    // Stopped or not, the same keys; and what the stopped run had finished is recalled.
    let keys =
        |run: &Value| run["tasks"].as_array().unwrap().iter().map(|task| task["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&whole), keys(&after), "a run that was stopped comes to the same artifacts");
}

#[test]
fn what_is_missing_is_told_at_once_and_nothing_begins() {
    let sandbox = Sandbox::new();
    std::fs::remove_file(sandbox.path().join("experiments/data/lines.jsonl")).unwrap();
    let answer = sandbox.mascot(&call("run", &[])).ended_with(3);
    assert!(answer.err.contains("lines.jsonl"), "{}", answer.err);
    let plan = sandbox.mascot(&call("plan", &[])).ended_with(0);
    assert!(plan.out.contains("missing") && plan.out.contains("lines.jsonl"), "{}", plan.out);
}
