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

    let page = crate::report::page_of(&first);
    crate::report::is_well_made(&page);
    assert!(page.contains("Random weights."), "its numbers are not to be taken for results");
    assert!(page.contains("not measured: the judge gives one number for all"), "a contrast judge has no criteria");

    let second = sandbox.mascot(&call("run", &["--json"])).ended_with(0).json();
    assert_eq!(ids(&second, "outcome", "fresh"), Vec::<String>::new());
    assert_eq!(first["metrics"], second["metrics"]);

    // A gate that cannot hold stops with 4, and costs nothing.
    let gated = sandbox.mascot(&call("run", &["--set", "least_gain=2", "--json"])).ended_with(4).json();
    assert_eq!(ids(&gated, "outcome", "fresh"), Vec::<String>::new());
    assert!(!ids(&gated, "outcome", "gated").is_empty());
}

#[test]
fn several_tasks_at_once_come_to_the_same_bytes() {
    // A key holds the digests of what came before, so equal keys to the end are equal artifacts up to there.
    let told = |jobs: &'static str| {
        let sandbox = Sandbox::new();
        let run = sandbox.mascot(&call("run", &["--jobs", jobs, "--json"])).ended_with(0).json();
        let tasks = run["tasks"].as_array().unwrap().iter();
        let each = tasks.map(|task| ["id", "key", "outcome"].map(|field| task[field].clone()));
        (each.collect::<Vec<_>>(), run["metrics"].clone())
    };
    let alone = told("1");
    for jobs in ["2", "4"] {
        assert!(told(jobs) == alone, "{jobs} at once");
    }
}

#[test]
fn a_table_asks_the_subjects_that_changed_and_recalls_their_neighbours() {
    let sandbox = Sandbox::new();
    let memos = || crate::house::files(&sandbox.path().join(".mascot/memos"), "json").len();
    let until = ["--until", "speakers", "--json"];
    sandbox.mascot(&call("run", &until)).ended_with(0);
    let before = memos();
    // Trained otherwise, the speakers are asked again: what they say and what it is worth are two memos more.
    let other = [&["--set", "voices.lr=1e-3"][..], &until].concat();
    let recalling = sandbox.mascot(&call("run", &other)).ended_with(0).json();
    assert_eq!(memos(), before + 2);
    // A store that remembers nothing comes to the same numbers.
    let alone = sandbox.mascot(&call("run", &[&["--store", "other"][..], &other].concat())).ended_with(0).json();
    assert_eq!(recalling["metrics"], alone["metrics"]);
    sandbox.mascot(&["gc"]).ended_with(0);
    assert_eq!(memos(), 0);
}

#[test]
fn what_a_data_set_says_stays_text_in_the_report() {
    let sandbox = Sandbox::new();
    let file = "experiments/data/situations.jsonl";
    let attack = "<img src=x onerror=alert(1)>&quot;</p><script>alert(2)</script>";
    let hostile = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let said = row["text"].as_str().unwrap();
        row["text"] = format!("{said} {attack}").into();
        row.to_string() + "\n"
    };
    let rows: String = sandbox.read(file).lines().map(hostile).collect();
    sandbox.write(file, &rows);
    let run = sandbox.mascot(&call("run", &["--until", "speakers", "--json"])).ended_with(0).json();
    let page = crate::report::page_of(&run);
    assert!(!page.contains("<img") && !page.contains("<script"), "a situation became markup");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&amp;quot;&lt;/p&gt;&lt;script&gt;"));
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

/// Folder of a tiny model that the engine's goldens are of.
fn tiny() -> String {
    crate::house::repository().join("src/engine/tests/golden/tiny-llama").display().to_string()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn score_gives_a_line_a_sample() {
    let sandbox = Sandbox::empty();
    sandbox.write("in.jsonl", "{\"ids\":[1,2,3,4]}\n\n{\"prompt\":\"Hello\",\"completion\":\" there\"}\n");
    let tiny = tiny();
    let scored = lines(&sandbox.mascot(&["score", "--model", &tiny, "--input", "in.jsonl"]).ended_with(0).out);
    assert_eq!(scored.len(), 2);
    for line in &scored {
        let (ids, logprobs) = (line["ids"].as_array().unwrap(), line["logprobs"].as_array().unwrap());
        assert_eq!(ids.len(), logprobs.len());
        assert!(logprobs[0].is_null());
        let sum: f64 = logprobs[1..].iter().map(|one| one.as_f64().unwrap()).sum();
        assert!((sum - line["sum"].as_f64().unwrap()).abs() < 1e-3);
        assert!((sum / (ids.len() - 1) as f64 - line["mean"].as_f64().unwrap()).abs() < 1e-4);
    }
    assert_eq!(scored[0]["ids"], serde_json::json!([1, 2, 3, 4]));

    // An adapter speaks: the same ids are scored otherwise.
    let adapter = format!("{tiny}/lora");
    let args = ["score", "--model", &tiny, "--adapter", &adapter, "--input", "in.jsonl"];
    let adapted = lines(&sandbox.mascot(&args).ended_with(0).out);
    assert_ne!(adapted[0]["sum"], scored[0]["sum"]);

    sandbox.mascot(&["score", "--model", "absent", "--input", "in.jsonl"]).ended_with(2);
    sandbox.mascot(&["score", "--model", &tiny, "--input", "absent.jsonl"]).ended_with(2);
    sandbox.write("bad.jsonl", "{\"ids\":[1,2]}\nnothing\n");
    let bad = sandbox.mascot(&["score", "--model", &tiny, "--input", "bad.jsonl"]).ended_with(3);
    assert!(bad.err.contains("line 2"), "{}", bad.err);
}

#[test]
fn generate_is_the_same_each_time_and_differs_by_seed() {
    let sandbox = Sandbox::empty();
    sandbox.write("in.jsonl", "{\"ids\":[5,6,7]}\n{\"ids\":[8,9]}\n");
    let tiny = tiny();
    let generate = |more: &[&str]| {
        let args = [&["generate", "--model", &tiny, "--input", "in.jsonl", "--max-new", "8", "--ignore-eos"][..], more];
        lines(&sandbox.mascot(&args.concat()).ended_with(0).out)
    };
    let greedy = generate(&[]);
    assert_eq!(greedy.len(), 2);
    for line in &greedy {
        assert_eq!(line["ids"].as_array().unwrap().len(), 8);
        assert_eq!(line["finish"], "length");
        assert!(line["text"].is_string());
    }
    assert_eq!(generate(&[]), greedy);
    let drawn = generate(&["--temperature", "1", "--seed", "1"]);
    assert_eq!(generate(&["--temperature", "1", "--seed", "1"]), drawn);
    assert_ne!(generate(&["--temperature", "1", "--seed", "2"]), drawn);
    // The number of threads changes no draw.
    assert_eq!(generate(&["--temperature", "1", "--seed", "1", "--threads", "1"]), drawn);
}
