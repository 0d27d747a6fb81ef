//! `mascot test` through the front door: what passes, what fails, what cannot be asked, and what an edit reaches.

use std::process::Command;

use crate::house::{Sandbox, has};

const FILE: &str = r#"masc 1

experiment tried "Tests of two companions" {
  seed = 3
}

model base {
  weights = random(arch: "llama")
}

dataset lines {
  source = jsonl("lines.jsonl")
}

rubric tone "Tone" {
  criterion warm "Is it warm?" 60% { low = "cold", high = "warm" }
  criterion brief "Is it brief?" 40% { low = "long", high = "short" }
}

judge panel {
  by = contrast(base)
  rubrics = [tone]
}

persona anchor "The Anchor" {
  voice = "You are {{char}}."
  example { given = "I fell."; says = "That must have hurt." }

  test "stays with the feeling" {
    given = "My cat died."
    gate tone >= 1 else "cold"
  }
}

persona beacon "The Beacon" {
  voice = "You are {{char}}."
  example { given = "I fell."; says = "And you stood up again." }

  test "sees the strength" {
    given = "My cat died."
    n = 4
    k = 3
    gate tone.warm >= 1 and tone in 1..5 else "cold"
  }
}

stage sounding = sft for persona in [anchor, beacon] {
  policy = base
  data = lines.train
}

stage verdict = evaluate {
  subjects = [sounding, baseline(zero_shot)]
  metrics = [panel.tone]
  data = lines.test
}
"#;

fn sandbox(text: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("tried.masc", text);
    sandbox
}

const CALL: [&str; 4] = ["test", "tried.masc", "--engine", "fake"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    CALL.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn tests_pass_with_their_bound_and_are_recalled() {
    let sandbox = sandbox(FILE);
    let told = sandbox.mascot(&CALL).ended_with(0).out;
    assert!(told.contains("8 of 8 hold, 6 are wanted · Wilson's 95%: 0.68 to 1.00"), "{told}");
    assert!(told.contains("4 of 4 hold, 3 are wanted") && told.contains("2 of 2 tests pass"), "{told}");
    let json = sandbox.mascot(&with(&["--json"])).ended_with(0).json();
    has(&json, &["run", "tests", "passed", "failed", "cannot"]);
    let first = &json["tests"][0];
    has(
        first,
        &[
            "persona", "title", "given", "file", "line", "task", "n", "k", "held", "void", "low", "high", "passes",
            "gates", "samples",
        ],
    );
    assert_eq!((first["task"].as_str(), first["outcome"].as_str()), (Some("test/anchor/1"), Some("recalled")));
    assert_eq!((&first["n"], &first["k"], &first["judges"]), (&8.into(), &6.into(), &serde_json::json!(["panel"])));
    assert_eq!(first["samples"].as_array().map(Vec::len), Some(8));
    // Each sample is one of its own, on the rubric's scale.
    let scores: Vec<f64> =
        first["samples"].as_array().unwrap().iter().map(|one| one["scores"][0].as_f64().unwrap()).collect();
    assert!(
        scores.iter().all(|score| (1.0..=5.0).contains(score)) && scores[1..].iter().any(|score| *score != scores[0]),
        "{scores:?}"
    );
    // Only what speaks in them was trained: the table itself was not measured.
    let plan = sandbox.plan("tried.masc");
    assert_eq!(crate::house::ids(&plan, "state", "run"), ["verdict"]);
    assert_eq!(crate::house::ids(&plan, "state", "recalled"), ["sounding/anchor", "sounding/beacon"]);
}

#[test]
fn a_test_that_fails_ends_with_4_and_shows_what_was_said() {
    let sandbox = sandbox(&FILE.replace("gate tone >= 1 else", "gate tone > 5 else"));
    let told = sandbox.mascot(&CALL).ended_with(4).out;
    assert!(told.contains("✗ anchor  \"stays with the feeling\"") && told.contains("0 of 8 hold"), "{told}");
    assert!(told.contains("gate tone > 5: 0 of 8 · cold") && told.contains("told: My cat died."), "{told}");
    assert!(told.contains("1 of 2 tests pass"), "{told}");
    // A gate is no part of the key: loosened, the same answers pass.
    sandbox.edit("tried.masc", "gate tone > 5", "gate tone >= 1");
    let json = sandbox.mascot(&with(&["--json"])).ended_with(0).json();
    assert!(json["tests"].as_array().unwrap().iter().all(|one| one["outcome"] == "recalled"), "{json:#}");
    // Of one persona alone.
    let json = sandbox.mascot(&with(&["--json", "--persona", "beacon"])).ended_with(0).json();
    assert_eq!(json["tests"].as_array().map(Vec::len), Some(1));
    let told = sandbox.mascot(&with(&["--persona", "nobody"])).ended_with(2).err;
    assert!(told.contains("anchor, beacon have tests"), "{told}");
}

#[test]
fn what_cannot_be_asked_is_told_and_ends_with_3() {
    let nobody = sandbox(
        &FILE
            .replace("rubrics = [tone]", "rubrics = [other]")
            .replace("[panel.tone]", "[panel.other]")
            .replace("judge panel {", "rubric other \"Other\" {\n  criterion one \"One\" 100%\n}\n\njudge panel {"),
    );
    let told = nobody.mascot(&CALL).ended_with(3).err;
    assert!(
        told.contains("tried.masc:33: \"stays with the feeling\" of anchor: no judge has `tone` among its `rubrics`"),
        "{told}"
    );
    let alone = sandbox(&FILE.replace("for persona in [anchor, beacon]", "for persona in [anchor]"));
    let told = alone.mascot(&CALL).ended_with(3);
    assert!(told.err.contains("nobody speaks for `beacon` in sounding"), "{}", told.err);
    assert!(told.out.contains("1 of 1 test passes"), "{}", told.out);
    let untested = sandbox(&FILE.replace("  test ", "  # test ").replace("    given = \"My cat died.\"\n    gate tone >= 1 else \"cold\"\n  }\n", "")
        .replace("    given = \"My cat died.\"\n    n = 4\n    k = 3\n    gate tone.warm >= 1 and tone in 1..5 else \"cold\"\n  }\n", ""));
    let told = untested.mascot(&CALL).ended_with(0).err;
    assert!(told.contains("no persona has a test"), "{told}");
    untested.mascot(&["test", "--engine", "fake"]).ended_with(2);
}

#[test]
fn only_what_an_edit_reaches_is_asked_since_a_revision() {
    let sandbox = sandbox(FILE);
    let git = |args: &[&str]| {
        let names = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
        let done = Command::new("git").args(names).args(args).current_dir(sandbox.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    std::fs::remove_dir_all(sandbox.path().join(".git")).unwrap();
    git(&["init", "-q"]);
    git(&["add", "tried.masc"]);
    git(&["commit", "-qm", "one"]);
    let told = sandbox.mascot(&with(&["--changed"])).ended_with(0).err;
    assert!(told.contains("no test would be asked anew"), "{told}");
    let asked = |call: &[&str]| -> Vec<String> {
        let json = sandbox.mascot(call).ended_with(0).json();
        json["tests"].as_array().unwrap().iter().map(|one| one["persona"].as_str().unwrap().to_owned()).collect()
    };
    // What a test gives reaches that test alone; a gate reaches none; the policy's rate reaches both.
    sandbox.edit("tried.masc", "given = \"My cat died.\"\n    n = 4", "given = \"My dog died.\"\n    n = 4");
    sandbox.edit("tried.masc", "gate tone >= 1", "gate tone >= 1.5 or tone >= 1");
    assert_eq!(asked(&with(&["--changed", "--json"])), ["beacon"]);
    assert_eq!(asked(&["test", "--changed", "tried.masc", "--engine", "fake", "--json"]), ["beacon"]);
    sandbox.edit("tried.masc", "  data = lines.train", "  data = lines.train\n  lr = 2e-4");
    assert_eq!(asked(&with(&["--json", "--changed", "HEAD"])), ["anchor", "beacon"]);
    git(&["commit", "-qam", "two"]);
    assert_eq!(asked(&with(&["--json", "--changed", "HEAD~1"])), ["anchor", "beacon"]);
    sandbox.mascot(&with(&["--changed"])).ended_with(0);
    sandbox.mascot(&with(&["--changed", "nowhere"])).ended_with(2);
}
