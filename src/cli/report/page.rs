//! What the page says, as plain data: filled by `gather`, laid out by the sections.

use std::collections::BTreeMap;

use mascot_run::engine::Table;
use mascot_run::points::Comparison;
use serde::Deserialize;

/// Everything that the report says.
#[derive(Debug, Default)]
pub struct Page {
    pub title: String,
    pub question: Option<String>,
    pub authors: Vec<String>,
    /// As written; nothing is fetched from there.
    pub links: Vec<String>,
    /// Made by the fake engine: no number in it means anything.
    pub rehearsal: bool,
    /// Points in place of the base, or beside it: `smoke`. Empty: the base alone.
    pub points: Vec<String>,
    /// What was asked: name and value, for the first screen.
    pub asked: Vec<(String, String)>,
    pub evaluations: Vec<Evaluation>,
    /// Of two points or more.
    pub comparisons: Vec<Comparison>,
    pub trainings: Vec<Training>,
    pub gates: Vec<GateLine>,
    pub controls: Vec<Control>,
    pub tasks: Vec<TaskLine>,
    /// Task, sentence.
    pub notes: Vec<(String, String)>,
    pub sources: Vec<SourceLine>,
    pub reproduce: Reproduce,
}

/// An `evaluate` task.
#[derive(Debug, Default, Clone)]
pub struct Evaluation {
    pub id: String,
    /// As written in the file, by index.
    pub subjects: Vec<String>,
    /// What kind of stage made each subject; `None` for a baseline.
    pub kinds: Vec<Option<String>>,
    pub metrics: Vec<String>,
    /// The metric that the first of its gates compares subjects by; else the first.
    pub headline: usize,
    /// Of the intervals: 0.95.
    pub level: f64,
    pub table: Table,
    pub transcripts: Vec<Transcript>,
}

/// One line of `transcripts.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct Transcript {
    #[serde(default)]
    pub subject: usize,
    pub situation: String,
    #[serde(default)]
    pub sample: u64,
    pub turns: Vec<Turn>,
    #[serde(default)]
    pub scores: Scores,
}

/// By the metric's name; `None` where it could not be had, or is not of one transcript.
pub type Scores = BTreeMap<String, Option<f64>>;

#[derive(Debug, Clone, Deserialize)]
pub struct Turn {
    pub speaker: String,
    pub text: String,
    #[serde(default)]
    pub directive: Option<Directive>,
    #[serde(default)]
    pub finish: Option<String>,
    #[serde(default)]
    pub scores: Scores,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Directive {
    #[serde(default)]
    pub agent: Option<String>,
    #[serde(default)]
    pub action: Option<String>,
    #[serde(default)]
    pub tone: Option<String>,
}

/// A task that trained.
#[derive(Debug, Default)]
pub struct Training {
    /// Stage and point: members of a family are drawn together.
    pub family: String,
    /// What it is called among its family: the persona, else its id.
    pub member: String,
    pub kind: String,
    pub curve: Vec<CurvePoint>,
    /// Completions of its first and last steps, as the optimiser saw them.
    pub samples: Vec<Sample>,
}

/// One line of `curve.jsonl`: an optimiser step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CurvePoint {
    pub step: u64,
    /// Mean of each leaf of the reward's expression.
    pub terms: Scores,
    /// `reward loss kl grad_norm…`
    #[serde(flatten)]
    pub numbers: BTreeMap<String, serde_json::Value>,
}

impl CurvePoint {
    /// A number of this step that was measured.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name)?.as_f64().filter(|value| value.is_finite())
    }
}

/// One line of `samples.jsonl`: a completion with its reward.
#[derive(Debug, Clone, Deserialize)]
pub struct Sample {
    pub step: u64,
    pub prompt: String,
    pub text: String,
    /// `None`: void, left out of the loss.
    pub reward: Option<f64>,
    #[serde(default)]
    pub terms: Scores,
    #[serde(default)]
    pub advantage: Option<f64>,
}

#[derive(Debug)]
pub struct GateLine {
    pub task: String,
    /// The condition as written.
    pub text: String,
    /// `None`: its task was not reached.
    pub held: Option<bool>,
    /// The values in it, each as `held_out_accuracy = 0.71`.
    pub values: Vec<String>,
    pub otherwise: String,
    /// Of a gate that is asked for each persona: those for whom it does not hold.
    pub failed_for: Vec<String>,
}

/// Another point of the program, and what the store remembers of it.
#[derive(Debug)]
pub struct Control {
    /// `shuffled`, as `--variant` takes it.
    pub name: String,
    pub title: Option<String>,
    pub doc: Option<String>,
    /// Speaks with other weights than the base: a rehearsal of it, not a control.
    pub other_weights: bool,
    /// Evaluations that the store has, of all that it has in common with the base.
    pub measured: (usize, usize),
    /// Trained adapters whose bytes are those that they began from, of those that the store has.
    pub unmoved: (usize, usize),
    pub compared: Vec<Compared>,
}

/// The headline difference of one evaluation, under the point and under the base.
#[derive(Debug)]
pub struct Compared {
    pub evaluation: String,
    pub metric: String,
    /// `voices − SFT`
    pub pair: String,
    pub here: Difference,
    /// `None` where the base has no such difference.
    pub base: Option<Difference>,
}

impl Compared {
    /// Whether what the base gained, the point gained too.
    pub fn gains_as_much(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.mean > 0.0 && self.here.mean >= base.mean)
    }
}

/// A paired mean difference.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    pub mean: f64,
    /// `None` for a number of all samples together.
    pub interval: Option<(f64, f64)>,
    pub n: usize,
}

#[derive(Debug, Default)]
pub struct TaskLine {
    pub id: String,
    pub stage: String,
    pub kind: String,
    pub outcome: String,
    pub because: Option<String>,
    /// That this run spent on it.
    pub seconds: f64,
    /// That making it took, whichever run did.
    pub took: Option<f64>,
    pub key: Option<String>,
    /// When it was made.
    pub made: Option<String>,
    pub results: BTreeMap<String, f64>,
    /// Name, digest, bytes.
    pub artifacts: Vec<(String, String, u64)>,
}

/// Content from outside the store: weights, data.
#[derive(Debug)]
pub struct SourceLine {
    pub digest: String,
    pub what: String,
    /// Stages.
    pub used_by: Vec<String>,
}

/// What it takes to get this again.
#[derive(Debug, Default)]
pub struct Reproduce {
    pub command: String,
    /// The page again, from the store.
    pub report: String,
    /// Points of the file that are not in this run: name, command.
    pub others: Vec<(String, String)>,
    /// Path as given, digest of its text; imports too.
    pub files: Vec<(String, String)>,
    pub seed: Option<String>,
    pub version: String,
    pub engine: String,
    /// Where the run was, if its manifest says.
    pub machine: Option<String>,
    pub date: String,
    pub run: String,
}
