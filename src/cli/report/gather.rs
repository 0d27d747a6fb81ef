//! From what a run left in the store to a [`Page`].

use std::fs;
use std::path::Path;

use mascot_lang::program::{EntityKind, Program};
use mascot_run::gate::Asked;
use mascot_run::key::KeyDocument;
use mascot_run::points::compare;
use mascot_run::report::{Outcome, RunReport, TaskReport};
use mascot_run::store::{Record, Store};
use serde::de::DeserializeOwned;

use super::page::{CurvePoint, Evaluation, GateLine, Page, Reproduce, Sample, TaskLine, Training, Transcript};
use super::{controls, sources};
use crate::cli::prepare::Prepared;
use crate::cli::{render, world};

/// Reads artifacts of `report`'s tasks. An artifact that cannot be read is a note on the page, not the end of it.
///
/// `prepared` is what the file asks for now: it knows the gates of tasks that were not reached, what sources are called, and the
/// points whose results the store may have.
pub fn page(report: &RunReport, prepared: &Prepared, notes: Vec<String>, reproduce: Reproduce) -> Page {
    let experiment = &report.experiment;
    let program = &prepared.loaded.programs[0];
    let mut points: Vec<String> = report.tasks.iter().filter_map(|task| task.point.clone()).collect();
    points.dedup();
    let mut page = Page {
        title: experiment.title.clone().unwrap_or_else(|| experiment.name.clone()),
        question: experiment.question.clone(),
        authors: experiment.authors.clone(),
        links: experiment.links.clone(),
        rehearsal: report.engine.starts_with("fake"),
        points,
        reproduce,
        ..Page::default()
    };
    page.notes.extend(notes.into_iter().map(|note| ("report".to_owned(), note)));
    let (sources, asked) = sources::read(report, prepared);
    page.sources = sources;
    page.asked = asked;
    let mut reading = Reading { report, program, store: &prepared.store, page };
    report.tasks.iter().for_each(|task| reading.task(task));
    let mut page = reading.page;
    page.gates.extend(not_asked(report, prepared));
    page.comparisons = compare(report, &sources::seeds(prepared));
    page.controls = controls::read(report, prepared, &page.evaluations);
    page
}

/// `held_out_accuracy = 0.71`, as a gate saw it; the number alone where the condition has only one and names it.
pub fn gate_values(gate: &Asked) -> String {
    values(gate).join(", ")
}

fn values(gate: &Asked) -> Vec<String> {
    let shown = |value: Option<f64>| value.map_or_else(|| "not measured".to_owned(), render::number);
    match gate.values.as_slice() {
        [(name, value)] if gate.text.contains(name.as_str()) => vec![format!("it is {}", shown(*value))],
        values => values.iter().map(|(name, value)| format!("{name} = {}", shown(*value))).collect(),
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

/// A table with what its subjects and metrics are called; without transcripts.
pub fn evaluation(
    task: &TaskReport,
    document: Option<&KeyDocument>,
    kind_of: &dyn Fn(&str) -> Option<String>,
) -> Evaluation {
    let labels = &task.labels;
    let level = document.and_then(|document| document.spec.get("level")?.as_f64());
    Evaluation {
        id: task.id.clone(),
        subjects: labels.subjects.clone(),
        kinds: labels.subjects.iter().map(|subject| kind_of(subject)).collect(),
        metrics: labels.metrics.clone(),
        headline: headline(&labels.metrics, &task.gates),
        level: level.unwrap_or(0.95),
        table: task.table.clone().unwrap_or_default(),
        transcripts: Vec::new(),
    }
}

/// What the first gate that compares subjects compares them by: that is what its author is after.
fn headline(metrics: &[String], gates: &[Asked]) -> usize {
    let compared = gates.iter().flat_map(|gate| &gate.values).find(|(name, _)| name.starts_with("delta("));
    let by =
        compared.and_then(|(name, _)| metrics.iter().position(|metric| name.contains(&format!("metric: {metric}"))));
    by.unwrap_or(0)
}

/// The kind of the stage that makes a subject, or `dataset` where it is written lines.
pub fn kind_of(subject: &str, report: &RunReport, program: &Program) -> Option<String> {
    let stage = subject.split('.').next()?;
    let task = report.tasks.iter().find(|task| task.stage == stage);
    let written = || program.of_kind(EntityKind::Dataset).any(|entity| entity.name == stage);
    task.map(|task| task.kind.clone()).or_else(|| written().then(|| "dataset".to_owned()))
}

struct Reading<'a> {
    report: &'a RunReport,
    program: &'a Program,
    store: &'a Store,
    page: Page,
}

impl Reading<'_> {
    fn task(&mut self, task: &TaskReport) {
        let record = task.key.and_then(|key| self.store.record(&key).ok().flatten());
        let page = &mut self.page;
        page.tasks.push(line(task, record.as_ref()));
        for note in &task.notes {
            // What several tasks say alike is said once.
            match page.notes.iter_mut().find(|(_, known)| known == note) {
                Some((tasks, _)) => tasks.push_str(&format!(", {}", task.id)),
                None => page.notes.push((task.id.clone(), note.clone())),
            }
        }
        page.gates.extend(task.gates.iter().map(|gate| GateLine {
            task: gate.of(&task.id),
            text: gate.text.clone(),
            held: Some(gate.holds),
            values: values(gate),
            otherwise: gate.otherwise.clone(),
            failed_for: gate.failed_for.clone(),
        }));
        if task.table.is_some() {
            let document = task.key.and_then(|key| self.store.document(&key).ok().flatten());
            let kind = |subject: &str| kind_of(subject, self.report, self.program);
            let table = evaluation(task, document.as_ref(), &kind);
            let transcripts = self.lines::<Transcript>(task, "transcripts.jsonl");
            self.page.evaluations.push(Evaluation { transcripts, ..table });
        }
        let curve = self.lines::<CurvePoint>(task, "curve.jsonl");
        if !curve.is_empty() {
            let samples = ends(self.lines::<Sample>(task, "samples.jsonl"));
            let point = task.point.as_ref().map_or(String::new(), |point| format!("@{point}"));
            let member = task.member.clone().unwrap_or_else(|| task.stage.clone());
            self.page.trainings.push(Training {
                family: format!("{}{point}", task.stage),
                member: self.title(&member),
                kind: task.kind.clone(),
                curve,
                samples,
            });
        }
    }

    /// A persona's quoted name.
    fn title(&self, name: &str) -> String {
        let persona = self.program.of_kind(EntityKind::Persona).find(|entity| entity.name == name);
        persona.and_then(|persona| persona.title.clone()).unwrap_or_else(|| name.to_owned())
    }

    /// The lines of an artifact; none when the task has no such artifact.
    fn lines<T: DeserializeOwned>(&mut self, task: &TaskReport, artifact: &str) -> Vec<T> {
        let Some(path) = task.artifacts.get(artifact) else {
            return Vec::new();
        };
        match read_lines(&self.store.root().join(path)) {
            Ok(lines) => lines,
            Err(why) => {
                self.page.notes.push((task.id.clone(), format!("{artifact} cannot be shown: {why}")));
                Vec::new()
            }
        }
    }
}

fn line(task: &TaskReport, record: Option<&Record>) -> TaskLine {
    let artifact = |(name, artifact): (&String, &mascot_run::store::Artifact)| {
        (name.clone(), format!("blake3:{}", artifact.digest), artifact.bytes)
    };
    TaskLine {
        id: task.id.clone(),
        stage: task.stage.clone(),
        kind: task.kind.clone(),
        outcome: task.outcome.map_or("not reached", word).to_owned(),
        because: task.because.clone(),
        seconds: task.seconds,
        took: record.map(|record| record.seconds),
        key: task.key.map(|key| key.to_string()),
        made: record.map(|record| world::date(record.made)),
        results: task.results.clone(),
        artifacts: record.map_or_else(Vec::new, |record| record.artifacts.iter().map(artifact).collect()),
    }
}

/// The first and the last step, and the best and the worst completion of each.
fn ends(samples: Vec<Sample>) -> Vec<Sample> {
    let steps: Vec<u64> = samples.iter().map(|sample| sample.step).collect();
    let (Some(first), Some(last)) = (steps.iter().min().copied(), steps.iter().max().copied()) else {
        return Vec::new();
    };
    let mut kept = Vec::new();
    for step in if first == last { vec![first] } else { vec![first, last] } {
        let mut of_step: Vec<&Sample> = samples.iter().filter(|one| one.step == step && one.reward.is_some()).collect();
        of_step.sort_by(|a, b| b.reward.unwrap_or_default().total_cmp(&a.reward.unwrap_or_default()));
        kept.extend(of_step.first().copied().cloned());
        kept.extend(of_step.iter().skip(1).next_back().copied().cloned());
    }
    kept
}

/// Gates of tasks that this run did not come to.
fn not_asked(report: &RunReport, prepared: &Prepared) -> Vec<GateLine> {
    let mut lines = Vec::new();
    for task in &prepared.plan.tasks {
        let reached = report.task(&task.id).is_none_or(|told| !told.gates.is_empty());
        if reached {
            continue;
        }
        lines.extend(task.gates.iter().map(|gate| GateLine {
            task: task.id.clone(),
            text: gate.text.clone(),
            held: None,
            values: Vec::new(),
            otherwise: gate.otherwise.clone(),
            failed_for: Vec::new(),
        }));
    }
    lines
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, String> {
    let text = fs::read_to_string(path).map_err(|why| why.to_string())?;
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    filled.map(|(at, line)| serde_json::from_str(line).map_err(|why| format!("line {}: {why}", at + 1))).collect()
}
