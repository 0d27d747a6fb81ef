//! What an expression means once it is evaluated: a plain value, a reference to an entity, or a score still to be computed.
//!
//! What whoever lowers a program may count on:
//! - A stage's `reward` is not a reference: it is the record `{ score, clip }`, the reward expanded in that instance, so that
//!   `persona` and families in it are that instance's. In `score`: `Number`, `Verdict`, `Made` (one reward model), `Call` of a
//!   term (`leak`, `contrast`…), `Call` of `normalise { x }`, `min`/`max { a, b }`, `clip { x, range }`, and `Op` of `+ - * / neg`.
//! - A stage's `adapter` is `Call lora` or the word `continue` (the policy's own adapter goes on learning): never absent.
//! - `first(a, b)` is `Call first { sources: List }`, `ablation(v, w)` is `Call ablation { variants: List }`.
//! - A reward among the `metrics` of an `evaluate` is `Call reward { of: Entity(reward), score, clip }` ([`super::REWARD_METRIC`]).
//! - In a gate, the metric of a `delta`, `mean`, `median` or `p95` that names none is its stage's first; subjects are among its
//!   `subjects` and the metric among its `metrics`, equal as values. `persona` is absent, `Text` (a quoted name) or
//!   `Word("each")`. `.low` of it is `Op { op: "field", args: [it, Word("low")] }`.
//! - In the gate of a persona's `test`, `Entity(rubric)` is the score by that rubric, and
//!   `Op { op: "field", args: [Entity(rubric), Word(criterion)] }` the score by one of its criteria.
//! - A `set` is sorted: words by their letters, entities by their ids.

use std::collections::BTreeMap;

use super::{Dim, EntityId, MemberRef};

/// Evaluated, checked against its field's type, units normalised to the base unit of their dimension.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `none`
    Absent,
    Bool(bool),
    /// In the base unit of `dim`: tokens, steps, seconds, bytes, GPU seconds, dollars, a fraction of 1 for `%`.
    Number {
        value: f64,
        dim: Dim,
    },
    Range {
        low: f64,
        high: f64,
        dim: Dim,
    },
    Text(String),
    /// A word of the field's closed set: `prompt`, `k3`, `q`.
    Word(String),
    /// `set` lists (targets, rubrics, domains) are sorted; all others keep their order.
    List(Vec<Value>),
    /// Every field that the record's schema knows is present, defaults filled.
    Record(BTreeMap<String, Value>),
    /// A built-in call, arguments named (positional ones too) and defaults filled: `lora`, `jsonl`, `hf`, `openai`, `format`, `leak`…
    Call {
        name: String,
        args: BTreeMap<String, Value>,
    },
    /// A persona, model, dataset (all of it), judge, rubric, reward, director, secret, report, variant.
    Entity(EntityId),
    /// `meetings.train`
    Split {
        dataset: EntityId,
        split: String,
    },
    /// `panel.synergy`: one rubric of a judge.
    Verdict {
        judge: EntityId,
        rubric: EntityId,
    },
    /// What stages make: one instance, or all of a family (`voices`, `voices.*`), in the family's order.
    Made(Vec<MemberRef>),
    /// `persona_rm.held_out_accuracy`, `voices.reward`: a number or curve that a stage reports.
    Result {
        of: Vec<MemberRef>,
        name: String,
    },
    /// Arithmetic that can only be done when the run knows its operands (rewards, gates):
    /// `+ - * / neg == != < <= > >= in and or not`, and `.low`/`.high`/`.mean` as `field`.
    Op {
        op: String,
        args: Vec<Value>,
    },
}

impl Value {
    pub fn number(value: f64) -> Self {
        Value::Number { value, dim: Dim::None }
    }
}
