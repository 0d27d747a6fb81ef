//! A plan in a file: readable by people, and run only while everything that it was made from is as it was.
//!
//! It holds the call, digests of the program's files and of what comes from outside, and of each task the whole request, its state and its
//! estimate. It is no program: a run reads the program again, and this tells what has moved since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Experiment, Plan, State};
use crate::key::{KeyDocument, TaskKey};
use crate::store::Store;
use crate::task::Slot;

/// Every file begins with it.
pub const MARK: &str = "# mascot plan 1";

/// The arguments that the plan was made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Relative to the root.
    pub file: String,
    pub root: String,
    pub store: String,
    pub profile: Option<String>,
    pub variants: Vec<String>,
    pub sweeps: Vec<String>,
    pub all: bool,
    /// Path and value.
    pub set: Vec<(String, String)>,
    pub until: Option<String>,
    pub allow: Vec<String>,
    /// `candle`, `fake`
    pub engine: String,
    pub device: String,
    pub threads: Option<u16>,
}

/// What `plan --out` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Which mascot wrote it.
    pub mascot: String,
    /// The engine's fingerprint.
    pub engine: String,
    pub experiment: Experiment,
    pub call: Call,
    /// When, in words.
    pub made: String,
    /// Files of the program, and the profile: path and digest.
    pub files: BTreeMap<String, String>,
    /// What comes from outside, as an author writes it, and its digest; `null` where it was not at hand.
    pub sources: BTreeMap<String, Option<String>>,
    /// What a run may touch.
    pub capabilities: Value,
    /// What all of it will take.
    pub total: Value,
    pub tasks: Vec<SavedTask>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedTask {
    pub id: String,
    pub state: State,
    pub key: Option<TaskKey>,
    /// What changed since it last ran.
    pub why: Value,
    pub needs: Vec<String>,
    pub estimate: Value,
    /// What its slots hold: a source, or what a task makes.
    pub inputs: BTreeMap<Slot, String>,
    pub kind: String,
    /// The request.
    pub spec: Value,
}

impl Saved {
    /// Of a plan as it stands.
    pub fn of(
        plan: &Plan,
        store: &Store,
        call: Call,
        files: BTreeMap<String, String>,
        mascot: String,
        made: String,
    ) -> Self {
        let tasks = plan.tasks.iter().map(|task| {
            let request = KeyDocument::new(&task.spec, BTreeMap::new(), &plan.engine);
            SavedTask {
                id: task.id.clone(),
                state: task.state,
                key: task.key,
                why: serde_json::to_value(&task.why).expect("what changed is plain data"),
                needs: task.needs.iter().map(|need| plan.tasks[*need].id.clone()).collect(),
                estimate: task.estimate.document(plan.places.now),
                inputs: task.slots.iter().map(|(slot, bind)| (slot.clone(), plan.describe(bind))).collect(),
                kind: request.kind,
                spec: request.spec,
            }
        });
        Self {
            mascot,
            engine: plan.engine.clone(),
            experiment: plan.experiment.clone(),
            call,
            made,
            files,
            sources: plan.sources(store),
            capabilities: serde_json::to_value(&plan.capabilities).expect("capabilities are plain data"),
            total: plan.total().document(plan.to_do().count()),
            tasks: tasks.collect(),
        }
    }

    /// As it is written.
    pub fn text(&self) -> String {
        let yaml = serde_yaml::to_string(self).expect("a saved plan is plain data");
        format!(
            "{MARK}: `mascot run FILE` does this and nothing else, and refuses once anything that it was made from has moved\n{yaml}"
        )
    }

    /// Reads what [`Saved::text`] wrote.
    ///
    /// # Errors
    /// In words, where it is something else.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|why| why.to_string())
    }

    /// What is not as it was when the plan was made, as sentences, each naming it; empty when everything is. What was not at hand may be
    /// there by now, and what was to be performed may be in the store.
    pub fn moved(&self, plan: &Plan, store: &Store, files: &BTreeMap<String, String>) -> Vec<String> {
        let mut moved = Vec::new();
        for (file, digest) in &self.files {
            match files.get(file) {
                Some(now) if now == digest => {}
                Some(_) => moved.push(format!("{file}: was edited")),
                None => moved.push(format!("{file}: is no part of the program any more")),
            }
        }
        for file in files.keys().filter(|file| !self.files.contains_key(*file)) {
            moved.push(format!("{file}: is a new part of the program"));
        }
        let sources = plan.sources(store);
        for (source, digest) in self.sources.iter().filter_map(|(source, digest)| Some((source, digest.as_ref()?))) {
            match sources.get(source) {
                Some(Some(now)) if now == digest => {}
                Some(Some(now)) => moved.push(format!("{source}: is {now}, and was {digest}")),
                Some(None) => moved.push(format!("{source}: is not at hand any more")),
                None => {}
            }
        }
        if plan.engine != self.engine {
            moved.push(format!("the engine: is {}, and was {}", plan.engine, self.engine));
        }
        for saved in &self.tasks {
            let Some(task) = plan.tasks.iter().find(|task| task.id == saved.id) else {
                moved.push(format!("{}: is no task of it any more", saved.id));
                continue;
            };
            let now = KeyDocument::new(&task.spec, BTreeMap::new(), &self.engine);
            let before = KeyDocument { kind: saved.kind.clone(), spec: saved.spec.clone(), ..now.clone() };
            let inputs: BTreeMap<Slot, String> =
                task.slots.iter().map(|(slot, bind)| (slot.clone(), plan.describe(bind))).collect();
            let first = before.differences(&now).into_iter().next().map(|difference| difference.path);
            let first = first.or_else(|| (inputs != saved.inputs).then(|| "its inputs".to_owned()));
            if let Some(path) = first {
                let field = task.origin(&path).map_or(path.clone(), |(_, origin)| origin.field.clone());
                moved.push(format!("{}: asks for something else ({field})", saved.id));
            } else if saved.state == State::Recalled && task.state != State::Recalled {
                moved.push(format!("{}: was in the store, and is not any more", saved.id));
            }
        }
        for task in plan.tasks.iter().filter(|task| !self.tasks.iter().any(|saved| saved.id == task.id)) {
            moved.push(format!("{}: is a new task", task.id));
        }
        moved
    }
}
