//! Gates through the front door: what they ask, what is printed, that a report is written whatever they say.

use serde_json::Value;

use crate::house::{Sandbox, repository};

const EXAMPLE: &str = "examples/gates.masc";

/// A sandbox with the example, and a report of its own beside it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let text = std::fs::read_to_string(repository().join(EXAMPLE)).unwrap();
    sandbox.write(EXAMPLE, &format!("{text}\nreport page {{\n  tables = [measured]\n  write = [\"page.html\"]\n}}\n"));
    sandbox
}

fn gates(run: &Value) -> Vec<Value> {
    let tasks = run["tasks"].as_array().unwrap();
    tasks.iter().flat_map(|task| task["gates"].as_array().unwrap()).cloned().collect()
}

#[test]
fn every_gate_of_a_rehearsal_is_printed_with_each_personas_values() {
    let sandbox = sandbox();
    let run = sandbox.mascot(&["run", EXAMPLE, "--engine", "fake", "--json"]).ended_with(0).json();
    let gates = gates(&run);
    assert_eq!(gates.len(), 5);
    let each = gates[1]["values"].as_array().unwrap();
    let names: Vec<&str> = each.iter().map(|value| value[0].as_str().unwrap()).collect();
    for persona in ["The Anchor", "The Catalyst", "The Beacon"] {
        assert!(names.contains(&format!("mean(sounding, persona: {persona})").as_str()), "{names:?}");
        // Of what is compared, also what it was reckoned to.
        let side = format!("mean(baseline(zero_shot), persona: {persona}) - 2");
        assert!(names.contains(&side.as_str()), "{names:?}");
    }
    let row = &run["metrics"][0];
    assert!(row["median"].is_number() && row["p95"].is_number(), "{row}");
}

#[test]
fn a_gate_that_falls_has_each_value_under_its_own_text() {
    let sandbox = sandbox();
    // The fake engine's numbers are far from this.
    let args = ["run", EXAMPLE, "--engine", "fake", "--set", "longest=-1000"];
    let out = sandbox.mascot(&args).out;
    let lines: Vec<&str> = out.lines().collect();
    let at = lines.iter().position(|line| line.contains("✗ measured: p95(sounding")).unwrap_or_else(|| panic!("{out}"));
    let column = |line: &str, part: &str| line.find(part).map(|byte| line[..byte].chars().count());
    let start = column(lines[at], "p95(").unwrap();
    // A wide condition is broken before a part of it: the bars stand under the text above them.
    assert_eq!(lines[at + 1].trim_start().chars().next(), Some('│'), "{out}");
    assert_eq!(column(lines[at + 1], "│"), Some(start), "{out}");
    let value = &lines[at + 2][lines[at + 2].len() - lines[at + 2].trim_start().len()..];
    assert!(value.starts_with(|first: char| first.is_ascii_digit() || first == '-'), "{out}");
    let bar = lines[at..].iter().find(|line| line.contains("-1000")).unwrap_or_else(|| panic!("{out}"));
    assert!(!bar.contains("p95"), "the param's value stands under its name, not in it: {out}");

    let run = sandbox.mascot(&[&args[..], &["--json"]].concat()).json();
    let fell = gates(&run).into_iter().find(|gate| gate["holds"] == false).unwrap();
    let text: Vec<char> = fell["text"].as_str().unwrap().chars().collect();
    let drawn = fell["drawn"].as_array().unwrap();
    assert_eq!(drawn.len(), 3, "once for each persona");
    for (_, shown) in drawn.iter().map(|one| (&one[0], one[1].as_array().unwrap())) {
        let names: Vec<String> = shown
            .iter()
            .map(|one| text[usize::try_from(one["at"].as_u64().unwrap()).unwrap()..].iter().take(4).collect())
            .collect();
        assert_eq!(names, ["p95(", "long"]);
        assert_eq!(shown[1]["value"], "-1000");
    }
}

#[cfg(feature = "engine")]
#[test]
fn a_gate_that_does_not_hold_is_printed_the_report_is_written_and_the_exit_code_is_4() {
    const SLOW: [&str; 4] = ["--device", "cpu", "--threads", "2"];
    let sandbox = sandbox();
    let held = sandbox.mascot(&[&["run", EXAMPLE][..], &SLOW].concat()).ended_with(0);
    assert!(!held.out.contains('✗'), "{}", held.out);
    let page = sandbox.read("page.html");
    assert!(page.contains("p95(sounding"), "the report tells the gates");

    std::fs::remove_file(sandbox.path().join("page.html")).unwrap();
    let stopped = sandbox.mascot(&[&["run", EXAMPLE, "--set", "longest=1"][..], &SLOW].concat()).ended_with(4);
    assert!(stopped.out.contains("✗ measured: p95(sounding"), "{}", stopped.out);
    assert!(stopped.out.contains("somebody rambles (The Anchor, The Catalyst, The Beacon)"), "{}", stopped.out);
    let told =
        stopped.out.lines().find(|line| line.trim_start().starts_with("The Catalyst: ") && line.contains("<= 1"));
    assert!(told.is_some(), "each persona has a line of its own: {}", stopped.out);
    // The table that the gate was asked of is shown, on the terminal and in the report.
    assert!(stopped.out.contains("manners") && stopped.out.contains("page.html"), "{}", stopped.out);
    let page = sandbox.read("page.html");
    assert!(page.contains("somebody rambles") && page.contains("manners") && page.contains("gold"), "{page}");

    // It cost nothing, and so does asking again.
    let again = sandbox.mascot(&[&["run", EXAMPLE, "--set", "longest=1", "--json"][..], &SLOW].concat());
    let again = again.ended_with(4).json();
    assert!(crate::house::ids(&again, "outcome", "fresh").is_empty());
    assert_eq!(crate::house::ids(&again, "outcome", "gated"), ["measured"]);
    assert!(std::path::Path::new(again["report"].as_str().unwrap()).exists());
    let failed = gates(&again).into_iter().find(|gate| gate["holds"] == false).unwrap();
    assert_eq!(failed["failed_for"].as_array().unwrap().len(), 3);
    // Written lines are longer than what a reply has room for, and speak in bytes here.
    let gold = again["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["subject"] == "gold" && row["criterion"] == "tokens" && row["persona"].is_null());
    assert!(gold.unwrap()["median"].as_f64() > Some(60.0), "{gold:?}");
}
