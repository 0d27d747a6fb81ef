//! What a run came to: metrics with their intervals, gates with their values, where things are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mascot_run::drawn::Shown;
use mascot_run::engine::MetricRow;
use mascot_run::gate::Asked;
use mascot_run::report::{Outcome, RunReport, TaskReport};

use super::table::{Table, shorten};
use super::{Paint, duration, measured, plural};
use crate::cli::report::gather::{gate_values, word};

/// The whole summary after a run.
pub fn text(report: &RunReport, paint: Paint) -> String {
    let mut text = String::new();
    for task in report.tasks.iter().filter(|task| task.table.is_some()) {
        metrics(task, paint, &mut text);
    }
    gates(report, paint, &mut text);
    outcomes(report, paint, &mut text);
    text
}

/// Metrics down, subjects across; pooled over personas. The rest is in the report.
pub fn metrics(task: &TaskReport, paint: Paint, to: &mut String) {
    let Some(table) = &task.table else {
        return;
    };
    let _ = writeln!(to, "\n{}", paint.bold(&task.id));
    let mut header = vec!["  metric"];
    header.extend(task.labels.subjects.iter().map(String::as_str));
    let right: Vec<usize> = (1..header.len()).collect();
    let mut lines = Table::new(&header).right(&right);
    let pooled = || table.rows.iter().filter(|row| row.persona.is_none());
    for (metric, name) in task.labels.metrics.iter().enumerate() {
        // The whole rubric, or its criteria where the whole was not reckoned.
        let mut criteria: Vec<Option<&String>> = Vec::new();
        for row in pooled().filter(|row| row.metric == metric) {
            if !criteria.contains(&row.criterion.as_ref()) {
                criteria.push(row.criterion.as_ref());
            }
        }
        criteria.sort();
        // What a judge tells nobody is said once, not in a row for each.
        let has_number = |criterion: &Option<&String>| {
            pooled().any(|row| row.metric == metric && row.criterion.as_ref() == *criterion && row.mean.is_some())
        };
        let (criteria, silent): (Vec<_>, Vec<_>) =
            criteria.into_iter().partition(|criterion| criterion.is_none() || has_number(criterion));
        for criterion in criteria {
            let label = criterion.map_or_else(|| shorten(name, 36), |criterion| format!("  {criterion}"));
            let cells = (0..task.labels.subjects.len()).map(|subject| {
                let row = pooled()
                    .find(|row| (row.subject, row.metric, row.criterion.as_ref()) == (subject, metric, criterion));
                row.map_or(String::new(), cell)
            });
            lines.row_of(std::iter::once(format!("  {label}")).chain(cells).collect());
        }
        if !silent.is_empty() {
            let names = silent.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
            let cells = task.labels.subjects.iter().map(|_| "not measured".to_owned());
            lines.row_of(std::iter::once(format!("    {}", shorten(&names, 34))).chain(cells).collect());
        }
    }
    to.push_str(&lines.text());
}

fn cell(row: &MetricRow) -> String {
    row.mean.map_or_else(|| "–".to_owned(), |mean| measured(mean, row.low.zip(row.high)))
}

/// Those that do not hold in full, then a line for each that holds.
fn gates(report: &RunReport, paint: Paint, to: &mut String) {
    let asked: Vec<_> = report.tasks.iter().flat_map(|task| task.gates.iter().map(move |gate| (task, gate))).collect();
    if asked.is_empty() {
        return;
    }
    let (held, fell): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(_, gate)| gate.holds);
    let count = format!("{} of {} hold", held.len(), held.len() + fell.len());
    let _ = writeln!(to, "\n{}  {count}", paint.bold("gates"));
    for (task, gate) in fell {
        let drawn = drawn_of(gate);
        // Each value under its own text: the first line is the text itself.
        let whose = gate.of(&task.id);
        let indent = whose.chars().count() + "  ✗ : ".chars().count();
        let mut lines = match drawn {
            Some(shown) => super::gate::drawing(&gate.text, shown, super::width().saturating_sub(indent)).into_iter(),
            None => vec![gate.text.clone()].into_iter(),
        };
        let _ = writeln!(to, "  {} {}: {}", paint.red("✗"), whose, lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(to, "{}{}", " ".repeat(indent), paint.dim(&line));
        }
        // What is drawn is told; but of several personas each has a line.
        if drawn.is_none() || gate.told.len() > 1 {
            told(gate, paint, to);
        }
        let whom = match gate.failed_for.as_slice() {
            [] => String::new(),
            whom => format!(" ({})", whom.join(", ")),
        };
        let place = paint.dim(&format!("{}:{}", gate.file, gate.line));
        let _ = writeln!(to, "      {}{whom}  {place}", gate.otherwise);
    }
    for (task, gate) in held {
        let told = match gate.told.as_slice() {
            [(None, told)] => paint.dim(&format!("  {told}")),
            _ => String::new(),
        };
        let _ = writeln!(to, "  {} {}: {}{told}", paint.green("✓"), gate.of(&task.id), gate.text);
    }
}

/// A line for each time that it was asked; one value is told by itself.
fn told(gate: &Asked, paint: Paint, to: &mut String) {
    if gate.values.len() > 1 {
        for (persona, told) in &gate.told {
            let whom = persona.as_ref().map_or(String::new(), |persona| format!("{persona}: "));
            let _ = writeln!(to, "      {}", paint.dim(&format!("{whom}{told}")));
        }
    } else {
        let _ = writeln!(to, "      {}", paint.dim(&gate_values(gate)));
    }
}

/// The values to draw under a gate's text: of one that is asked for each persona, those of the first for whom it does not hold.
fn drawn_of(gate: &Asked) -> Option<&[Shown]> {
    let whom = gate.failed_for.first();
    let (_, shown) = gate.drawn.iter().find(|(persona, _)| persona.as_ref() == whom)?;
    (!shown.is_empty() && !gate.text.contains('\n')).then_some(shown.as_slice())
}

fn outcomes(report: &RunReport, paint: Paint, to: &mut String) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    report.tasks.iter().for_each(|task| *counts.entry(task.outcome.map_or("not reached", word)).or_default() += 1);
    let counted = counts.iter().map(|(word, n)| format!("{n} {word}")).collect::<Vec<_>>().join(", ");
    let took = report.finished.map_or(String::new(), |finished| format!(" in {}", duration(finished - report.started)));
    let _ = writeln!(to, "\n{}: {counted}{took}", plural(report.tasks.len(), "task"));
    for task in report.tasks.iter().filter(|task| task.outcome == Some(Outcome::Failed)) {
        let because = task.because.as_deref().unwrap_or("no reason was given");
        let _ = writeln!(to, "  {} {}: {because}", paint.red("failed"), task.id);
    }
    if let Some(ceiling) = &report.over_budget {
        let _ = writeln!(to, "  {} {ceiling}", paint.red("stopped"));
    }
}
