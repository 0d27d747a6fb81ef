//! From what a run left in the store to a [`Page`].

use std::fs;
use std::path::Path;

use mascot_run::gate::Asked;
use mascot_run::report::{Outcome, RunReport, TaskReport};
use mascot_run::store::Store;
use serde::de::DeserializeOwned;

use super::{CurvePoint, Evaluation, GateLine, Page, Reproduce, TaskLine, Training, Transcript};
use crate::cli::render;

/// Reads artifacts of `report`'s tasks. An artifact that cannot be read is a note on the page, not the end of it.
pub fn page(report: &RunReport, store: &Store, declared_notes: Vec<String>, reproduce: Reproduce) -> Page {
    let experiment = &report.experiment;
    let mut page = Page {
        title: experiment.title.clone().unwrap_or_else(|| experiment.name.clone()),
        question: experiment.question.clone(),
        rehearsal: report.engine.starts_with("fake"),
        reproduce,
        ..Page::default()
    };
    page.notes.extend(declared_notes.into_iter().map(|note| ("report".to_owned(), note)));
    for task in &report.tasks {
        gather_task(task, store, &mut page);
    }
    page
}

fn gather_task(task: &TaskReport, store: &Store, page: &mut Page) {
    page.tasks.push(TaskLine {
        id: task.id.clone(),
        outcome: task.outcome.map_or("not reached", word).to_owned(),
        because: task.because.clone(),
        seconds: (task.outcome == Some(Outcome::Fresh)).then_some(task.seconds),
        key: task.key.map(|key| key.to_string()),
    });
    for note in &task.notes {
        // What several tasks say alike is said once.
        match page.notes.iter_mut().find(|(_, known)| known == note) {
            Some((tasks, _)) => tasks.push_str(&format!(", {}", task.id)),
            None => page.notes.push((task.id.clone(), note.clone())),
        }
    }
    page.gates.extend(task.gates.iter().map(|gate| GateLine {
        task: task.id.clone(),
        text: gate.text.clone(),
        held: Some(gate.holds),
        values: gate_values(gate),
        otherwise: gate.otherwise.clone(),
    }));
    if let Some(table) = &task.table {
        let transcripts = lines::<Transcript>(task, "transcripts.jsonl", store, page);
        page.evaluations.push(Evaluation {
            id: task.id.clone(),
            subjects: task.labels.subjects.clone(),
            metrics: task.labels.metrics.clone(),
            table: table.clone(),
            transcripts,
        });
    }
    let curve = lines::<CurvePoint>(task, "curve.jsonl", store, page);
    if !curve.is_empty() {
        page.trainings.push(Training { id: task.id.clone(), kind: task.kind.clone(), curve });
    }
}

/// `held_out_accuracy = 0.71`, as a gate saw it; the number alone where the condition has only one and names it.
pub fn gate_values(gate: &Asked) -> String {
    let shown = |value: Option<f64>| value.map_or_else(|| "not measured".to_owned(), render::number);
    match gate.values.as_slice() {
        [(name, value)] if gate.text.contains(name.as_str()) => format!("it is {}", shown(*value)),
        values => {
            values.iter().map(|(name, value)| format!("{name} = {}", shown(*value))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// An outcome's word.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Recalled => "recalled",
        Outcome::Fresh => "fresh",
        Outcome::Failed => "failed",
        Outcome::Gated => "gated",
        Outcome::Skipped => "skipped",
    }
}

/// The lines of an artifact; none when the task has no such artifact.
fn lines<T: DeserializeOwned>(task: &TaskReport, artifact: &str, store: &Store, page: &mut Page) -> Vec<T> {
    let Some(path) = task.artifacts.get(artifact) else {
        return Vec::new();
    };
    match read_lines(&store.root().join(path)) {
        Ok(lines) => lines,
        Err(why) => {
            page.notes.push((task.id.clone(), format!("{artifact} cannot be shown: {why}")));
            Vec::new()
        }
    }
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, String> {
    let text = fs::read_to_string(path).map_err(|why| why.to_string())?;
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    filled.map(|(at, line)| serde_json::from_str(line).map_err(|why| format!("line {}: {why}", at + 1))).collect()
}
