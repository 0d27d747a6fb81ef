//! `mascot migrate` and `expand --origins` through the front door.

use crate::house::{QUICKSTART, Sandbox, mascot, repository};

#[test]
fn a_file_of_the_newest_edition_has_nothing_to_migrate_and_is_left_alone() {
    let sandbox = Sandbox::new();
    let before = sandbox.read(QUICKSTART);
    let answer = sandbox.mascot(&["migrate", QUICKSTART]).ended_with(0);
    assert!(answer.err.contains("nothing to migrate, it is of edition 1"), "{}", answer.err);
    assert_eq!(answer.out, "");
    assert_eq!(sandbox.read(QUICKSTART), before);
    assert_eq!(sandbox.mascot(&["migrate", "--diff", QUICKSTART]).ended_with(0).out, "");
}

#[test]
fn a_file_of_no_known_edition_or_that_is_not_there_is_told_and_left_alone() {
    let sandbox = Sandbox::empty();
    sandbox.write("old.masc", "masc 0\n");
    let answer = sandbox.mascot(&["migrate", "old.masc"]).ended_with(1);
    assert!(answer.err.contains("M0004") && answer.err.contains("left as it is"), "{}", answer.err);
    assert_eq!(sandbox.read("old.masc"), "masc 0\n");
    sandbox.mascot(&["migrate", "nowhere.masc"]).ended_with(2);
    sandbox.mascot(&["migrate"]).ended_with(2);
}

/// With several points: the base whole, then of each point what it changes.
#[test]
fn expand_of_several_points_prints_each() {
    let root = repository();
    let args = ["expand", "examples/variant.masc", "--all"];
    let document = mascot(&root, &[&args[..], &["--json"]].concat()).ended_with(0).json();
    let values = document["values"].as_array().unwrap();
    let of = |point: Option<&str>| values.iter().filter(|one| one["point"].as_str() == point).collect::<Vec<_>>();
    assert!(of(None).len() > 50, "{}", of(None).len());
    let changed = of(Some("random_order"));
    assert!(changed.iter().any(|one| one["path"] == "conductor.order" && one["value"] == "random"), "{changed:?}");
    assert!(changed.len() < 10 && of(Some("no_persona")).iter().all(|one| one["layer"] == "point"), "{changed:?}");
    let text = mascot(&root, &args).ended_with(0).out;
    assert!(text.contains("\n# random_order\nconductor.order = random\n"), "{text}");
}

#[test]
fn expand_with_origins_prints_every_value_with_layer_file_and_line() {
    let root = repository();
    let args = ["expand", "examples/variant.masc", "--variant", "random_order", "--set", "rehearsal.turns=5"];
    let document = mascot(&root, &[&args[..], &["--json"]].concat()).ended_with(0).json();
    let values = document["values"].as_array().unwrap();
    let text = mascot(&root, &[&args[..], &["--origins"]].concat()).ended_with(0).out;
    let lines: Vec<&str> = text.lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), values.len(), "a line for each value\n{text}");
    let row = |path: &str| {
        let line = lines.iter().find(|line| line.split_whitespace().next() == Some(path));
        line.unwrap_or_else(|| panic!("no {path} in\n{text}")).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let has = |path: &str, layer: &str, place: &str| {
        let row = row(path);
        assert!(row.contains(&layer.to_owned()), "{row:?}");
        assert!(place.is_empty() || row.iter().any(|word| word.starts_with(place)), "{row:?}");
    };
    has("conductor.order", "point", "examples/variant.masc:");
    has("conductor.policy", "file", "examples/variant.masc:");
    has("anchor.role", "file", "std/personas.masc:");
    has("rehearsal.turns", "set", "");
    has("rehearsal.sample.temperature", "default", "");
    for value in values {
        let placed = value["file"].is_string() && value["line"].is_u64();
        let written = matches!(value["layer"].as_str(), Some("base" | "file" | "point"));
        assert_eq!(placed, written, "{value}");
    }
}
