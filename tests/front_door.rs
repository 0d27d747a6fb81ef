//! Plan, run, remember, through the binary, with the fake engine.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::house::{QUICKSTART, Sandbox, command, files, has, ids};

const VOICE: &str = "Praise {{user}} for a strength that their actions prove.";

#[test]
fn a_second_run_recalls_everything() {
    let sandbox = Sandbox::new();
    let first = sandbox.rehearse(QUICKSTART);
    let all = first["tasks"].as_array().unwrap().len();
    assert!(all > 10);
    assert_eq!(ids(&first, "outcome", "fresh").len(), all);

    let second = sandbox.rehearse(QUICKSTART);
    assert_eq!(ids(&second, "outcome", "recalled").len(), all);
    let plan = sandbox.plan(QUICKSTART);
    assert_eq!(ids(&plan, "state", "recalled").len(), all);
}

#[test]
fn a_comment_a_rename_and_a_moved_line_re_run_nothing() {
    let sandbox = Sandbox::new();
    let before = sandbox.rehearse(QUICKSTART);

    let text = sandbox.read(QUICKSTART);
    let moved = text.replacen("masc 1\n", "masc 1\n# A comment.\n\n\n", 1);
    // Identifiers are for people: a persona's quoted name is what a model reads.
    let renamed = moved.replace("sounding", "first_lessons");
    assert_ne!(renamed, moved);
    sandbox.write(QUICKSTART, &renamed);

    let after = sandbox.rehearse(QUICKSTART);
    assert_eq!(ids(&after, "outcome", "fresh"), Vec::<String>::new());
    assert_eq!(ids(&after, "outcome", "recalled").len(), before["tasks"].as_array().unwrap().len());
}

#[test]
fn a_word_of_a_voice_re_runs_what_plan_announced() {
    let sandbox = Sandbox::new();
    let before = sandbox.rehearse(QUICKSTART);
    let line = 1 + sandbox.read(QUICKSTART).lines().position(|line| line.contains(VOICE)).unwrap() as u64;
    sandbox.edit(QUICKSTART, VOICE, &VOICE.replace("strength", "virtue"));

    let plan = sandbox.plan(QUICKSTART);
    let to_run = ids(&plan, "state", "run");
    let pending = ids(&plan, "state", "pending");
    assert!(to_run.iter().any(|id| id.ends_with("/beacon")), "{to_run:?}");
    // What is of one persona alone, and not the edited one, stays.
    assert!(!to_run.iter().chain(&pending).any(|id| id == "sounding/anchor"), "{to_run:?} {pending:?}");

    let why = sandbox.mascot(&["why", QUICKSTART, "voices.beacon", "--engine", "fake", "--json"]).ended_with(0).json();
    let named = why["differs"].as_array().unwrap().iter().find(|one| one["field"] == "beacon.voice");
    let named = named.unwrap_or_else(|| panic!("why names the field: {why}"));
    assert!(named["from"].as_str().unwrap().contains("strength"));
    assert!(named["to"].as_str().unwrap().contains("virtue"));
    assert_eq!(named["file"], QUICKSTART);
    // The line of the field, or of the prose in it.
    assert!(named["line"].as_u64().unwrap().abs_diff(line) <= 2, "{named}");
    let told = sandbox.mascot(&["why", QUICKSTART, "voices/beacon", "--engine", "fake"]).ended_with(0);
    assert!(
        told.out.contains("beacon.voice") && told.out.contains("virtue") && told.out.contains("strength"),
        "{}",
        told.out
    );

    let after = sandbox.rehearse(QUICKSTART);
    let fresh: BTreeSet<String> = ids(&after, "outcome", "fresh").into_iter().collect();
    let announced: BTreeSet<String> = to_run.iter().chain(&pending).cloned().collect();
    assert!(to_run.iter().all(|id| fresh.contains(id)), "what plan calls `run` is fresh");
    assert!(fresh.is_subset(&announced), "nothing else is: {:?}", fresh.difference(&announced));
    let same = |id: &String| artifact_key(&before, id) != artifact_key(&after, id);
    assert!(fresh.iter().all(same), "a fresh task has another key");

    // Back to the first word: the store has not forgotten.
    sandbox.edit(QUICKSTART, "virtue that their", "strength that their");
    let back = sandbox.rehearse(QUICKSTART);
    assert_eq!(ids(&back, "outcome", "fresh"), Vec::<String>::new());
}

fn artifact_key(document: &Value, id: &str) -> Value {
    document["tasks"].as_array().unwrap().iter().find(|task| task["id"] == id).unwrap()["key"].clone()
}

#[test]
fn a_gate_moved_re_runs_nothing() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    let text = sandbox.read(QUICKSTART);
    let tightened = text.replacen("param least_gain: float = 0.05", "param least_gain: float = 0.06", 1);
    assert_ne!(text, tightened);
    sandbox.write(QUICKSTART, &tightened);
    assert_eq!(ids(&sandbox.rehearse(QUICKSTART), "outcome", "fresh"), Vec::<String>::new());
}

#[test]
fn two_runs_at_once_on_one_store_do_not_harm_each_other() {
    let sandbox = Sandbox::new();
    let call = || command(sandbox.path(), &["run", QUICKSTART, "--engine", "fake", "--json"]);
    let start = || call().stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let (one, other) = (start(), start());
    let documents: Vec<Value> = [one, other]
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    // Each key was made by one of the two.
    for (one, other) in documents[0]["tasks"].as_array().unwrap().iter().zip(documents[1]["tasks"].as_array().unwrap())
    {
        assert_eq!(one["key"], other["key"]);
        let fresh = [one, other].iter().filter(|task| task["outcome"] == "fresh").count();
        assert_eq!(fresh, 1, "{one} {other}");
    }
    let after = sandbox.rehearse(QUICKSTART);
    assert_eq!(ids(&after, "outcome", "fresh"), Vec::<String>::new());
}

#[test]
fn what_is_broken_in_the_store_is_made_again() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    let objects = sandbox.path().join(".mascot/objects");
    fs::remove_dir_all(&objects).unwrap();
    let again = sandbox.rehearse(QUICKSTART);
    assert_eq!(ids(&again, "outcome", "failed"), Vec::<String>::new());
    assert!(!ids(&again, "outcome", "fresh").is_empty());
}

#[test]
fn every_variant_and_sweep_can_be_rehearsed() {
    let sandbox = Sandbox::new();
    let run = sandbox.mascot(&["run", QUICKSTART, "--all", "--engine", "fake", "--json"]).ended_with(0).json();
    let pointed = run["tasks"].as_array().unwrap().iter().any(|task| task["id"].as_str().unwrap().ends_with("@smoke"));
    assert!(pointed, "{run}");
    let until =
        sandbox.mascot(&["plan", QUICKSTART, "--until", "sounding", "--engine", "fake", "--json"]).ended_with(0).json();
    assert_eq!(ids(&until, "stage", "sounding").len(), until["tasks"].as_array().unwrap().len());
}

#[test]
fn set_overrides_a_value_and_why_says_so() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    let args = ["plan", QUICKSTART, "--set", "voices.steps=3 steps", "--engine", "fake", "--json"];
    let plan = sandbox.mascot(&args).ended_with(0).json();
    let run = ids(&plan, "state", "run");
    assert!(run.iter().any(|id| id == "voices/beacon"), "{run:?}");
    let tasks = plan["tasks"].as_array().unwrap();
    let voices = tasks.iter().find(|task| task["id"] == "voices/beacon").unwrap();
    assert_eq!(voices["why"][0]["to"], 3, "{voices}");
}

#[test]
fn the_report_is_one_file_with_nothing_from_elsewhere() {
    let sandbox = Sandbox::new();
    let run = sandbox.rehearse(QUICKSTART);
    let page = fs::read_to_string(run["report"].as_str().unwrap()).unwrap();
    assert!(page.contains("A rehearsal."), "numbers of the fake engine are not to be taken for results");
    for from_elsewhere in ["<script", "src=", "<link", "@import", "url(http"] {
        assert!(!page.contains(from_elsewhere), "the page holds {from_elsewhere}");
    }
    for section in ["What they say", "Results", "Gates", "Training curves", "What was recalled", "How to reproduce"] {
        assert!(page.contains(section), "the page has no section {section:?}");
    }
    let said = page.find("What they say").unwrap();
    assert!(said < page.find("Results").unwrap(), "transcripts come before tables");
    let again = sandbox.mascot(&["report", QUICKSTART, "--engine", "fake", "--out", "again.html"]).ended_with(0);
    assert!(again.out.contains("again.html"));
    assert!(sandbox.read("again.html").contains("How to reproduce"));
}

#[test]
fn runs_are_remembered_and_gc_frees_what_none_names() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    sandbox.edit(QUICKSTART, VOICE, &VOICE.replace("strength", "virtue"));
    sandbox.rehearse(QUICKSTART);
    let runs = sandbox.mascot(&["runs", "--json"]).ended_with(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);

    let count = || files(&sandbox.path().join(".mascot/records"), "yaml").len();
    let before = count();
    sandbox.mascot(&["gc"]).ended_with(0);
    assert_eq!(count(), before, "each of them is named by a run");
    let dry = sandbox.mascot(&["gc", "--keep", "1", "--dry-run", "--json"]).ended_with(0).json();
    has(&dry, &["runs", "records", "objects", "bytes"]);
    assert!(dry["records"].as_u64().unwrap() > 0 && dry["runs"] == 1, "{dry}");
    assert_eq!(count(), before);
    let told = sandbox.mascot(&["gc", "--keep", "1"]).ended_with(0).out;
    assert!(told.starts_with("removed 1 run, ") && told.contains(": "), "{told}");
    assert!(count() < before);
    assert_eq!(sandbox.mascot(&["runs", "--json"]).ended_with(0).json()["runs"].as_array().unwrap().len(), 1);
    assert_eq!(ids(&sandbox.rehearse(QUICKSTART), "outcome", "fresh"), Vec::<String>::new());
}

#[test]
fn a_secret_is_never_printed_nor_stored() {
    let sandbox = Sandbox::new();
    const SECRET: &str = "s3cr3t-never-to-be-seen";
    sandbox.write(
        "remote.masc",
        r#"masc 1
use "std/personas.masc" { anchor, beacon }
use "std/rubrics.masc" { persona_alignment }
experiment remote "A remote judge" { seed = 1 }
model tiny { weights = random(arch: "llama", hidden: 32, layers: 2, heads: 2, kv_heads: 1, ffn: 64) }
dataset situations { source = jsonl("experiments/data/situations.jsonl", fields: { prompt = "text", split = "split" }) }
secret judge_key from env "MASCOT_TEST_KEY"
judge far { by = openai("http://127.0.0.1:9/v1", "none"), rubrics = [persona_alignment], auth = judge_key }
let crew = [anchor, beacon]
stage preferences = pairs for persona in crew {
  from = tiny
  data = situations.train
  judge = far.persona_alignment
}
"#,
    );
    let mut printed = String::new();
    for args in [
        vec!["plan", "remote.masc", "--engine", "fake"],
        vec!["plan", "remote.masc", "--engine", "fake", "--json"],
        vec!["run", "remote.masc", "--engine", "fake", "--events", "json"],
        vec!["expand", "remote.masc", "--origins"],
        vec!["graph", "remote.masc"],
    ] {
        let output = command(sandbox.path(), &args).env("MASCOT_TEST_KEY", SECRET).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        printed.push_str(&String::from_utf8_lossy(&output.stdout));
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    assert!(printed.contains("MASCOT_TEST_KEY"), "the variable's name is a capability, and said");
    assert!(!printed.contains(SECRET));
    for path in files(&sandbox.path().join(".mascot"), "yaml") {
        assert!(!fs::read_to_string(&path).unwrap().contains(SECRET), "{}", path.display());
    }
}
