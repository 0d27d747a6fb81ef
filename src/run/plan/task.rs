//! A plan and its tasks, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Budget;
use super::estimate::Estimate;
use crate::gate::Gate;
use crate::kept::ProgramText;
use crate::key::TaskKey;
use crate::remote::Remote;
use crate::source::{Missing, Places, Source};
use crate::store::Label;
use crate::task::{Slot, TaskSpec};

/// The tasks of an experiment (its base, and the points that were asked for) in an order in which they can be performed.
#[derive(Debug, Clone)]
pub struct Plan {
    pub experiment: Experiment,
    /// The engine's fingerprint.
    pub engine: String,
    /// Nothing outside is opened: declarations stand for content, gates stop nothing.
    pub fake: bool,
    pub places: Places,
    /// What a task needs comes before it.
    pub tasks: Vec<Task>,
    /// Inputs of tasks to be performed that are not at hand and that the run cannot fetch.
    pub missing: Vec<Lacking>,
    /// Inputs of tasks to be performed that are not at hand and that the run brings itself.
    pub to_fetch: Vec<Lacking>,
    pub capabilities: Capabilities,
    pub budget: Budget,
    /// What it was made from, for a run to keep.
    pub program: Option<ProgramText>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    pub name: String,
    pub title: Option<String>,
    pub question: Option<String>,
    pub authors: Vec<String>,
    pub links: Vec<String>,
}

/// How a page is told apart from a task in [`Lacking::tasks`]: ids have no blanks.
pub(super) const PAGE: &str = "report ";

/// One input that is missing, and whom it keeps waiting; or a page that may not be written where it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    pub what: Missing,
    /// Task ids; of a page `report NAME`.
    pub tasks: Vec<String>,
}

/// One stage, bound to a persona, a point and its inputs.
#[derive(Debug, Clone)]
pub struct Task {
    /// `voices/anchor`, `voices/anchor@no_persona`
    pub id: String,
    /// Ids of identical requests: one task does for all of them.
    pub also: Vec<String>,
    pub stage: String,
    /// Of the stage, as in the language: `sft`, `pairs`…
    pub kind: String,
    pub member: Option<String>,
    pub point: Option<String>,
    pub spec: TaskSpec,
    /// What of it no engine can perform yet: "stage kind `kto`", "judge kind `openai`".
    pub not_yet: Option<String>,
    pub slots: BTreeMap<Slot, Bind>,
    /// Judges far away that it asks.
    pub remotes: BTreeMap<Slot, Remote>,
    /// Positions in [`Plan::tasks`], sorted.
    pub needs: Vec<usize>,
    /// Path in the specification → where that was written. A path without an entry has that of the nearest above it.
    pub origins: BTreeMap<String, Origin>,
    pub gates: Vec<Gate>,
    pub labels: Labels,
    pub label: Label,
    pub state: State,
    /// Of a task to be performed: what changed since it last was. Empty when it never was.
    pub why: Vec<Changed>,
    /// As far as it can be written down before the tasks that it needs are done.
    pub key: Option<TaskKey>,
    pub estimate: Estimate,
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bind {
    Source(Source),
    /// What an earlier task makes.
    Made {
        task: usize,
        artifact: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The store has it.
    Recalled,
    /// To be performed.
    Run,
    /// Known when what it needs is done: then recalled if that came out byte-identical, else performed.
    Pending,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Path in the language: `beacon.voice`, `voices.kl.beta`.
    pub field: String,
    /// `default base file point set`
    pub layer: &'static str,
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
}

/// One field that differs from the last time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Path in the language where it is known, else in the key document.
    pub field: String,
    pub from: serde_json::Value,
    pub to: serde_json::Value,
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// What the subjects and metrics of an `evaluate` are called in the source, by index into its specification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    pub subjects: Vec<String>,
    pub metrics: Vec<String>,
}

/// What a run may touch. Lists are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    pub read: Vec<String>,
    pub write: Vec<String>,
    pub net: Vec<String>,
    /// Names of environment variables, never their values.
    pub secrets: Vec<String>,
}

impl Lacking {
    /// Whether it is a page to be written, and no input.
    pub fn is_page(&self) -> bool {
        self.tasks.iter().any(|task| task.starts_with(PAGE))
    }

    /// The first tasks that wait for it, and how many more.
    pub fn for_whom(&self) -> String {
        const MOST: usize = 3;
        let named = self.tasks.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
        match self.tasks.len().saturating_sub(MOST) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}

impl Plan {
    /// By id or by the id of an identical request; `voices.anchor` is `voices/anchor`, and of a plan of one variant or point
    /// `voices.anchor@shuffled` needs no `@shuffled`.
    pub fn find(&self, id: &str) -> Option<usize> {
        let named = |id: &str| {
            let task = self.tasks.iter().position(|task| task.id == id);
            task.or_else(|| self.tasks.iter().position(|task| task.also.iter().any(|also| also == id)))
        };
        // A point has dots of its own.
        let (name, point) = id.split_at(id.find('@').unwrap_or(id.len()));
        let slashed = name.replacen('.', "/", 1);
        let only = || {
            let mut like = (0..self.tasks.len()).filter(|at| self.tasks[*at].id.split('@').next() == Some(&slashed));
            like.next().filter(|_| like.next().is_none() && point.is_empty())
        };
        named(id).or_else(|| named(&format!("{slashed}{point}"))).or_else(only)
    }

    /// Leaves only the tasks of `stage` (or the one task of that id) and what they need. False if there is none.
    pub fn until(&mut self, stage: &str) -> bool {
        let id = self.find(stage);
        let mut keep: Vec<bool> =
            self.tasks.iter().enumerate().map(|(at, task)| task.stage == stage || Some(at) == id).collect();
        if !keep.contains(&true) {
            return false;
        }
        for at in (0..self.tasks.len()).rev().filter(|at| keep[*at]).collect::<Vec<_>>().into_iter().rev() {
            self.mark(at, &mut keep);
        }
        let mut moved = Vec::new();
        let mut next = 0;
        for kept in &keep {
            moved.push(next);
            next += usize::from(*kept);
        }
        let mut at = 0;
        self.tasks.retain(|_| {
            at += 1;
            keep[at - 1]
        });
        for task in &mut self.tasks {
            task.needs.iter_mut().for_each(|need| *need = moved[*need]);
            for bind in task.slots.values_mut() {
                if let Bind::Made { task, .. } = bind {
                    *task = moved[*task];
                }
            }
            for gate in &mut task.gates {
                *gate = gate.map(&|task| moved[*task]);
            }
        }
        let left: Vec<String> = self.tasks.iter().map(|task| task.id.clone()).collect();
        for list in [&mut self.missing, &mut self.to_fetch] {
            list.iter_mut().for_each(|lacking| lacking.tasks.retain(|id| left.contains(id) || id.starts_with(PAGE)));
            list.retain(|lacking| !lacking.tasks.is_empty());
        }
        true
    }

    fn mark(&self, at: usize, keep: &mut [bool]) {
        keep[at] = true;
        for need in &self.tasks[at].needs {
            self.mark(*need, keep);
        }
    }

    /// What keeps a run from starting, all of it, as sentences; empty when nothing does. What the run would have to fetch is told
    /// with the rest: whoever puts a machine in order does it once.
    pub fn obstacles(&self) -> Vec<String> {
        let sentence = |lacking: &Lacking| {
            let Missing { source, why, help, .. } = &lacking.what;
            format!("{source}: {why}; {help} (for {})", lacking.for_whom())
        };
        let mut all = self.in_the_way(&sentence);
        if !all.is_empty() {
            all.extend(self.to_fetch.iter().map(sentence));
        }
        all
    }

    fn in_the_way(&self, sentence: &dyn Fn(&Lacking) -> String) -> Vec<String> {
        let missing = self.missing.iter().map(sentence);
        let not_yet = self.tasks.iter().filter(|task| !self.fake && task.state != State::Recalled);
        let not_yet =
            not_yet.filter_map(|task| Some(format!("{}: {} cannot run yet", task.id, task.not_yet.as_ref()?)));
        missing.chain(not_yet).collect()
    }
}

impl Task {
    /// The points that it is performed for: of its id, and of those that it has also. `None` is the base.
    pub fn points(&self) -> BTreeSet<Option<String>> {
        let point = |id: &String| id.split_once('@').map(|(_, point)| point.to_owned());
        std::iter::once(&self.id).chain(&self.also).map(point).collect()
    }

    /// Where the value at `path` of the specification, or the nearest above it, was written; with the path of that.
    pub fn origin<'p>(&self, path: &'p str) -> Option<(&'p str, &Origin)> {
        let mut path = path;
        loop {
            if let Some(origin) = self.origins.get(path) {
                return Some((path, origin));
            }
            path = path.rsplit_once('.')?.0;
        }
    }
}
