//! What tests of personas came to, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Paint, plural};
use crate::cli::test::{Asked, personas};

/// Longer answers are cut.
const WIDEST: usize = 76;

pub fn text(all: &[Asked], fake: bool, paint: Paint) -> String {
    let mut text = String::new();
    for asked in all {
        let trial = &asked.trial;
        let head = format!("{}  \"{}\"", trial.persona, trial.title);
        let Some(verdict) = &asked.verdict else {
            let because = asked.because.as_deref().unwrap_or_default();
            let _ = writeln!(text, "{} {head}\n    not asked: {because}", paint.red("?"));
            continue;
        };
        let mark = if verdict.passes { paint.green("✓") } else { paint.red("✗") };
        let void = if verdict.void > 0 { format!(", {} void", verdict.void) } else { String::new() };
        let _ = writeln!(
            text,
            "{mark} {head}\n    {} of {} hold, {} are wanted{void} · Wilson's 95%: {:.2} to {:.2}",
            verdict.held,
            verdict.samples.len(),
            trial.k,
            verdict.low,
            verdict.high,
        );
        if verdict.passes {
            continue;
        }
        for (at, gate) in trial.gates.iter().enumerate() {
            let held = verdict.samples.iter().filter(|sample| sample.holds[at]).count();
            let _ = writeln!(text, "    gate {}: {held} of {} · {}", gate.text, verdict.samples.len(), gate.otherwise);
        }
        // One that failed says more than a number.
        if let Some(sample) = verdict.samples.iter().find(|sample| !sample.passes()) {
            let _ = writeln!(text, "    {}", paint.dim(&format!("told: {}", shortened(&trial.given))));
            let _ = writeln!(text, "    {}", paint.dim(&format!("said: {}", shortened(&sample.text))));
        }
    }
    let passed = all.iter().filter(|asked| asked.verdict.as_ref().is_some_and(|verdict| verdict.passes)).count();
    let judges: std::collections::BTreeSet<&str> =
        all.iter().flat_map(|asked| asked.trial.judges.iter().map(String::as_str)).collect();
    let judges: Vec<&str> = judges.into_iter().collect();
    let _ = writeln!(
        text,
        "{passed} of {} {}, of {}, judged by {}",
        plural(all.len(), "test"),
        if all.len() == 1 { "passes" } else { "pass" },
        plural(personas(all), "persona"),
        judges.join(" and ")
    );
    if fake {
        text.push_str("rehearsed: the fake engine computes nothing, and these numbers mean nothing\n");
    }
    text
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The document that `test --json` prints.
pub fn document(all: &[Asked], run: &str, cannot: &[String]) -> Value {
    let tests: Vec<Value> = all.iter().map(one).collect();
    let passed = all.iter().filter(|asked| asked.verdict.as_ref().is_some_and(|verdict| verdict.passes)).count();
    json!({ "run": run, "tests": tests, "passed": passed, "failed": all.len() - passed, "cannot": cannot })
}

fn one(asked: &Asked) -> Value {
    let trial = &asked.trial;
    let verdict = asked.verdict.as_ref();
    let gate = |(at, gate): (usize, &mascot_lang::program::Gate)| {
        let held = verdict.map(|verdict| verdict.samples.iter().filter(|sample| sample.holds[at]).count());
        json!({ "text": gate.text, "otherwise": gate.otherwise, "held": held })
    };
    let sample = |sample: &mascot_run::trial::Sample| json!({ "text": sample.text, "scores": sample.scores, "holds": sample.passes() });
    json!({
        "persona": trial.persona, "title": trial.title, "given": trial.given, "file": trial.file, "line": trial.line,
        "task": asked.id, "outcome": asked.outcome, "because": asked.because, "judges": trial.judges,
        "n": trial.n, "k": trial.k,
        "held": verdict.map(|verdict| verdict.held), "void": verdict.map(|verdict| verdict.void),
        "low": verdict.map(|verdict| verdict.low), "high": verdict.map(|verdict| verdict.high),
        "passes": verdict.map(|verdict| verdict.passes),
        "gates": trial.gates.iter().enumerate().map(gate).collect::<Vec<_>>(),
        "samples": verdict.map(|verdict| verdict.samples.iter().map(sample).collect::<Vec<_>>()),
    })
}
