//! What an engine is asked to do: closed, self-contained, serialisable requests. One file per group of kinds.
//!
//! A [`TaskSpec`] holds no name that an author chose for an item, no path, no span, no secret: what is in it enters the key.
//! Content from outside (weights, data, what other tasks made) is named by [`Slot`] and bound beside the spec, by digest.
//! Nothing here has a default: defaults live in the language, where they are printed and documented.

mod data;
mod evaluate;
mod judge;
mod model;
mod persona;
mod reward;
mod train;

use serde::{Deserialize, Serialize};

pub use data::{Cut, DataSpec, EMOTIONS, Reader, Rows, SplitName};
pub use evaluate::{Baseline, DialogueSpec, EvaluateSpec, MetricSpec, Subject};
pub use judge::{JudgeKind, JudgeSpec, RubricCriterion, RubricSpec};
pub use model::{
    Active, Adapter, Dtype, LoraSpec, ModelSpec, Policy, RandomModel, SampleSpec, Target, Tokens, Weights,
};
pub use persona::{DirectiveSpec, DirectorSpec, Example, Order, PersonaSpec, Speaker};
pub use reward::{Expr, RewardSpec, Term};
pub use train::{
    AdvantageSpec, BaselineKind, By, Combine, DirectionSpec, Estimator, GrpoSpec, KlPlace, KlSpec, KlTo, Loss,
    Optimizer, Overlong, PairsSpec, RewardModelSpec, Rollout, Scale, Schedule, SftPolicy, SftSpec, ZeroVariance,
};

/// A named input of a task, from where it stands in the spec: `policy.adapter`, `data.source`, `subjects.0.transcripts`.
pub type Slot = String;

/// Whether a slot holds a model's weights: `policy.model.weights`, and `policy.model.weights.1`, the second that stands there.
pub fn holds_weights(slot: &str) -> bool {
    slot.split('.').any(|part| part == "weights")
}

/// One task, as an engine is asked to perform it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskSpec {
    Sft(Box<SftSpec>),
    Pairs(Box<PairsSpec>),
    BradleyTerry(Box<RewardModelSpec>),
    /// Speakers.
    Grpo(Box<GrpoSpec>),
    /// A director (`grpo` whose policy is one).
    Direction(Box<DirectionSpec>),
    Dialogue(Box<DialogueSpec>),
    Evaluate(Box<EvaluateSpec>),
    /// Checked and keyed, but no engine can perform it yet: `plan` says so by name.
    NotYet(NotYetSpec),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotYetSpec {
    /// `kto`, `simulate`, `merge`, or the part that cannot run: "stage kind `kto`".
    pub what: String,
    pub fields: serde_json::Value,
}
