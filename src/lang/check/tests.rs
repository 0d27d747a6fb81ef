//! Tests of the checks: a text in, codes and lines out.

mod algebra;
mod faults;
mod hostile;
mod layered;
mod meaning;
mod one_edit;
mod slips;
mod strange;

use std::collections::BTreeMap;

use crate::diagnostic::Severity;
use crate::source::World;
use crate::{Checked, check};

/// A world of a few files.
#[derive(Default)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    pub fn of(files: &[(&str, &str)]) -> Self {
        Files(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }
}

impl World for Files {
    fn source(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn prose(&self, _from: &str, path: &str) -> Result<String, String> {
        self.source(path)
    }
}

/// Checks a file of this text.
pub fn checked(text: &str) -> Checked {
    checked_with(text, &[])
}

pub fn checked_with(text: &str, sets: &[(&str, &str)]) -> Checked {
    let sets: Vec<(String, String)> =
        sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    check(&Files::of(&[("main.masc", text)]), "main.masc", &sets)
}

/// `M0201@7` for each fault, in order.
pub fn told(checked: &Checked) -> Vec<String> {
    let all = checked.diagnostics.sorted();
    let lines = all.iter().filter(|one| one.severity == Severity::Error).map(|one| {
        let at = checked.files.position(one.primary.span.file, one.primary.span.start);
        format!("{}@{}", one.code.0, at.line)
    });
    lines.collect()
}

/// All that is said, for a failing test.
pub fn words(checked: &Checked) -> String {
    let all = checked.diagnostics.sorted();
    let lines: Vec<String> = all
        .iter()
        .map(|one| {
            let at = checked.files.position(one.primary.span.file, one.primary.span.start);
            let path = &checked.files.file(one.primary.span.file).path;
            format!("{path}:{}:{} {} {} ({:?})", at.line, at.column, one.code.0, one.message, one.help)
        })
        .collect();
    lines.join("\n")
}

#[track_caller]
pub fn clean(checked: &Checked) {
    assert!(checked.program.is_some() && checked.diagnostics.is_empty(), "\n{}", words(checked));
}

/// The faults of a text.
#[track_caller]
pub fn faults(text: &str, expected: &[&str]) {
    let checked = checked(text);
    assert_eq!(told(&checked), expected, "\n{}", words(&checked));
}

const COMPANIONS: &str = include_str!("tests/companions.masc");
const QMSUM: &str = include_str!("tests/qmsum.masc");

pub fn samples() -> Files {
    Files::of(&[
        ("companions.masc", COMPANIONS),
        ("qmsum.masc", QMSUM),
        ("lab.profile.masc", include_str!("tests/lab.profile.masc")),
        ("broken.masc", include_str!("tests/broken.masc")),
    ])
}

#[test]
fn the_samples_check_clean() {
    for main in ["companions.masc", "qmsum.masc", "lab.profile.masc"] {
        clean(&check(&samples(), main, &[]));
    }
}

#[test]
fn seven_faults_give_seven_diagnostics() {
    let checked = check(&samples(), "broken.masc", &[]);
    let lines: Vec<u32> = checked
        .diagnostics
        .sorted()
        .iter()
        .map(|one| checked.files.position(one.primary.span.file, one.primary.span.start).line)
        .collect();
    assert_eq!(lines, [3, 8, 12, 16, 17, 19, 26], "\n{}", words(&checked));
}

#[test]
fn the_library_checks_clean() {
    for name in crate::stdlib::names() {
        let text = crate::stdlib::text(name.trim_start_matches("std/")).expect("it was just named");
        let files = Files::of(&[
            (name, text),
            ("std/rubrics.masc", crate::stdlib::text("rubrics.masc").expect("it is in the library")),
        ]);
        clean(&check(&files, name, &[]));
    }
}

#[test]
fn the_quickstart_and_the_examples_check_clean() {
    let all = [
        ("quickstart", include_str!("../../../experiments/quickstart.masc")),
        ("director", include_str!("../../../examples/director.masc")),
        ("extends", include_str!("../../../examples/extends.masc")),
        ("judge", include_str!("../../../examples/judge.masc")),
        ("persona", include_str!("../../../examples/persona.masc")),
        ("reward", include_str!("../../../examples/reward.masc")),
        ("sft", include_str!("../../../examples/sft.masc")),
        ("sweep", include_str!("../../../examples/sweep.masc")),
        ("variant", include_str!("../../../examples/variant.masc")),
    ];
    let mut wrong = String::new();
    for (name, text) in all {
        let checked = checked(text);
        if checked.program.is_none() {
            wrong += &format!("---- {name}\n{}\n", words(&checked));
            continue;
        }
        let mut points = checked.variants();
        points.extend(checked.sweeps().iter().flat_map(|name| checked.sweep_points(name)));
        for point in points {
            if let Err(found) = checked.at(&point) {
                wrong += &format!("---- {name} at {point:?}\n{found:?}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
