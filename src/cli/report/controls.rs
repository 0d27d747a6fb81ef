//! What the store remembers of the program's other points: a control says something only beside what it controls.
//!
//! # Steps
//! 1. every variant of the file is planned, which asks the store for the records of its tasks and performs nothing.
//! 2. its evaluations that the store has are compared with the base's: the first subject minus its reference, pooled.
//! 3. trained adapters are held against those that they began from, byte by byte (by digest).
//!
//! What the store has not is told as not run; nothing stands for it.

use mascot_lang::program::{EntityKind, Point};
use mascot_run::engine::Outputs;
use mascot_run::plan::{Bind, Plan, Task};
use mascot_run::report::RunReport;
use mascot_run::store::Record;
use mascot_run::task::holds_weights;

use super::gather::kind_of;
use super::page::{Compared, Control, Evaluation};
use super::subjects;
use crate::cli::prepare::Prepared;

/// The variants of a program whose base is in this run; none of a run that is one itself.
pub fn read(report: &RunReport, prepared: &Prepared, base: &[Evaluation]) -> Vec<Control> {
    let has_base = report.tasks.iter().any(|task| task.point.is_none());
    if !has_base || base.is_empty() {
        return Vec::new();
    }
    let checked = &prepared.loaded.checked;
    checked.variants().iter().filter_map(|point| control(point, report, prepared, base)).collect()
}

fn control(point: &Point, report: &RunReport, prepared: &Prepared, base: &[Evaluation]) -> Option<Control> {
    let Point::Variant(name) = point else { return None };
    let loaded = &prepared.loaded;
    // What is wrong with a variant is for `check` to say.
    let program = loaded.checked.at(point).ok()?;
    let plan = &prepared.plan;
    let (store, files) = (&prepared.store, &loaded.checked.files);
    let plan = mascot_run::plan::plan(&[program], files, &plan.places, store, &report.engine, plan.fake);
    let records: Vec<Option<Record>> = plan.tasks.iter().map(|task| store.record(&task.key?).ok().flatten()).collect();
    let mut control = Control {
        name: name.clone(),
        title: None,
        doc: None,
        other_weights: weights(&plan) != weights(&prepared.plan),
        measured: (0, 0),
        unmoved: (0, 0),
        compared: Vec::new(),
    };
    if let Some(entity) = loaded.programs[0].of_kind(EntityKind::Variant).find(|entity| entity.name == *name) {
        control.title.clone_from(&entity.title);
        control.doc.clone_from(&entity.doc);
    }
    for (task, record) in plan.tasks.iter().zip(&records) {
        if let Some(moved) = record.as_ref().and_then(|record| moved(task, record, &records)) {
            control.unmoved.0 += usize::from(!moved);
            control.unmoved.1 += 1;
        }
        let Some(base) = base.iter().find(|one| stage_of(&one.id) == task.stage) else { continue };
        control.measured.1 += 1;
        let Some(outputs) = record.as_ref().map(|record| &record.outputs) else { continue };
        control.measured.0 += 1;
        control.compared.extend(compared(task, outputs, base, report, prepared));
    }
    (control.measured.1 > 0).then_some(control)
}

/// The same difference under the point and under the base.
fn compared(
    task: &Task,
    outputs: &Outputs,
    base: &Evaluation,
    report: &RunReport,
    prepared: &Prepared,
) -> Option<Compared> {
    let program = &prepared.loaded.programs[0];
    let here = Evaluation {
        id: task.id.clone(),
        subjects: task.labels.subjects.clone(),
        kinds: task.labels.subjects.iter().map(|subject| kind_of(subject, report, program)).collect(),
        metrics: task.labels.metrics.clone(),
        table: outputs.table.clone()?,
        ..Evaluation::default()
    };
    let metric = here.metrics.iter().position(|metric| Some(metric) == base.metrics.get(base.headline))?;
    let (main, reference) = (subjects::main(&here)?, subjects::reference(&here)?);
    let of_base = subjects::main(base).zip(subjects::reference(base));
    let of_base = of_base.and_then(|(main, other)| subjects::difference(base, main, other, base.headline, None));
    Some(Compared {
        evaluation: base.id.clone(),
        metric: here.metrics[metric].clone(),
        pair: format!("{} − {}", subjects::name(&here, main), subjects::name(&here, reference)),
        here: subjects::difference(&here, main, reference, metric, None)?,
        base: of_base,
    })
}

/// Whether a task that trained an adapter changed a byte of the one that it began from; `None` of a task that began from none.
fn moved(task: &Task, record: &Record, records: &[Option<Record>]) -> Option<bool> {
    let made = record.artifacts.get("adapter")?;
    let began = task.slots.iter().find_map(|(slot, bind)| match bind {
        Bind::Made { task, artifact }
            if ["policy.adapter", "director.policy.adapter"].contains(&slot.as_str()) && artifact == "adapter" =>
        {
            Some(*task)
        }
        _ => None,
    })?;
    let before = records.get(began)?.as_ref()?.artifacts.get("adapter")?;
    // The weights alone: a configuration may be written otherwise by another version.
    let weights = |artifact: &mascot_run::store::Artifact| {
        let files = artifact.files.as_ref()?;
        files.iter().find(|(name, _)| name.ends_with(".safetensors")).map(|(_, file)| file.digest)
    };
    Some(weights(made)? != weights(before)?)
}

fn stage_of(id: &str) -> &str {
    id.split(['/', '@']).next().unwrap_or(id)
}

/// What the tasks of a plan read as weights, or draw them from.
fn weights(plan: &Plan) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for task in &plan.tasks {
        for (slot, bind) in &task.slots {
            if let (Bind::Source(source), true) = (bind, holds_weights(slot)) {
                all.push(source.declared_digest());
            }
        }
    }
    all.sort();
    all.dedup();
    all
}
