//! The port to all compute, near or far, in our words. Implemented by the candle engine and by [`crate::fake`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

pub use crate::remote::Endpoint;
use crate::task::{Slot, TaskSpec};
use crate::words;

/// What performs tasks.
pub trait Engine {
    /// The name and numerics epoch that enter every key: `candle/1`. Bumped by hand when the numbers change.
    fn fingerprint(&self) -> String;

    /// Does what `request` asks, into `workspace`.
    ///
    /// # Errors
    /// A [`Fault`] when the world is in the way, or when asked to stop; what was saved under `workspace.resume` is found again
    /// by the next call with the same key.
    fn perform(
        &mut self,
        request: &Request<'_>,
        workspace: &Workspace,
        events: &mut dyn FnMut(Progress),
    ) -> Result<Outputs, Fault>;
}

/// One task with its inputs at hand.
pub struct Request<'a> {
    /// For messages only: `voices/anchor`.
    pub id: &'a str,
    pub spec: &'a TaskSpec,
    /// Every slot that the spec names.
    pub inputs: &'a BTreeMap<Slot, Input>,
    /// Where judges live and what opens them: `where`, never in a key. Every slot of a judge far away.
    pub endpoints: &'a BTreeMap<Slot, Endpoint>,
    /// Set when the user asks to stop: save the state and return [`Fault::Interrupted`].
    pub stop: &'a AtomicBool,
    /// Tells whoever watches, at once, what the task waits for. It enters no result.
    pub notice: &'a dyn Fn(&str),
}

impl Request<'_> {
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Content by digest, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub digest: String,
    pub path: PathBuf,
}

/// The folders of a draft, and one that all drafts of a store share.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Artifacts: what [`Outputs::artifacts`] names, files or folders, relative to it.
    pub out: PathBuf,
    /// State to go on from; empty at first, kept when a task is stopped, gone when it is done.
    pub resume: PathBuf,
    /// Answers of judges far away by what they were asked: paid for once, and found again by whoever asks the same.
    pub verdicts: PathBuf,
    /// Parts of results by all that they depend on, shared by all drafts too: to save time, never needed.
    pub memos: PathBuf,
}

impl Workspace {
    pub fn artifact(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    pub fn resume_file(&self, name: &str) -> PathBuf {
        self.resume.join(name)
    }

    pub fn new(folder: &Path) -> Self {
        Self {
            out: folder.join("out"),
            resume: folder.join("resume"),
            verdicts: folder.join("verdicts"),
            memos: folder.join("memos"),
        }
    }
}

/// What a task made. Artifact names are fixed by kind: sft, grpo → `adapter` (PEFT folder); pairs → `pairs.jsonl`; bradley_terry →
/// `reward_model` (folder); dialogue → `transcripts.jsonl`; evaluate → `table.json`, `transcripts.jsonl`; all that train →
/// `curve.jsonl` (one line an optimiser step).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    pub artifacts: Vec<String>,
    /// Numbers that gates and `show` read: `held_out_accuracy`, `held_out_accuracy.low`, `reward`, `pairs`, `tokens`…
    pub results: BTreeMap<String, f64>,
    /// Of an `evaluate`.
    pub table: Option<Table>,
    /// Sentences that the user should read: rows refused, verdicts void, groups without variance.
    pub notes: Vec<String>,
    /// What it took by a clock of the engine's own, where that is not the wall's: a rehearsal pretends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub rows: Vec<MetricRow>,
    pub deltas: Vec<Delta>,
}

/// One cell: subject × metric × criterion × persona. Subjects and metrics by index into the spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricRow {
    pub subject: usize,
    pub metric: usize,
    /// `None`: all of the rubric, weighted; or an automatic metric.
    pub criterion: Option<String>,
    /// `None`: pooled over personas. Else the quoted name.
    pub persona: Option<String>,
    /// `None` where it was not measured or could not be had.
    pub mean: Option<f64>,
    pub sd: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Of the samples; of an even number of them the mean of the two in the middle. Records of older versions have none.
    #[serde(default)]
    pub median: Option<f64>,
    /// The smallest value that at least 19 of 20 samples do not exceed.
    #[serde(default)]
    pub p95: Option<f64>,
    pub n: usize,
}

/// Paired mean difference a − b, over the samples that both have; clustered by situation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    pub a: usize,
    pub b: usize,
    pub metric: usize,
    pub criterion: Option<String>,
    pub persona: Option<String>,
    pub mean: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub n: usize,
}

/// Told as a task goes on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// What is being done now: `loading`, `sampling`, `training`, `judging`, `scoring`.
    pub phase: &'static str,
    pub step: u64,
    pub steps: u64,
    pub reward: Option<f64>,
    pub loss: Option<f64>,
    pub tokens_per_second: Option<f64>,
}

/// The world was in the way. `interpreter` adds the task's id.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("stopped; the next run goes on from here")]
    Interrupted,
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: String },
    #[error("{0}")]
    Data(String),
    #[error("{0}")]
    Model(String),
    #[error("judge: {0}")]
    Judge(String),
    /// A ceiling that an engine keeps itself: what a judge far away may cost. Ends the run as a budget does.
    #[error("{0}")]
    Ceiling(String),
    /// The estimate, before anything was loaded.
    #[error("{0}; name a smaller model, or run it where there is more")]
    Memory(String),
    #[error("cannot run yet: {0}")]
    NotYet(String),
}

impl Fault {
    /// As a user reads it: what the system says in words, and what to do about it.
    pub fn in_words(&self) -> String {
        let (why, advice) = match self {
            Fault::File { path, why } => {
                let (why, advice) = words::of_text(why);
                (format!("{}: {why}", path.display()), advice)
            }
            other => words::of_text(&other.to_string()),
        };
        advice.map_or_else(|| why.clone(), |advice| format!("{why}; {advice}"))
    }
}
