//! What an expression means once it is evaluated: a plain value, a reference to an entity, or a score still to be computed.

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
