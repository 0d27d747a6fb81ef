//! A reward, as the program wrote it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DataSpec, JudgeSpec, ModelSpec, PersonaSpec, Policy};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardSpec {
    pub score: Expr,
    pub clip: Option<(f64, f64)>,
}

/// Every leaf that is not a constant is a component: logged and drawn on its own.
#[allow(clippy::large_enum_variant, reason = "a handful of them in a whole program")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expr {
    Constant(f64),
    /// `add subtract multiply divide neg min max`
    Op {
        op: String,
        args: Vec<Expr>,
    },
    /// The scalar of a reward model: `Policy` whose adapter folder also holds the head.
    RewardModel(Policy),
    /// A judge's score on its rubric, on the rubric's scale.
    Judge(Box<JudgeSpec>),
    /// A score mapped from its rubric's scale to 0..1.
    Normalise(Box<Expr>),
    Term(Term),
}

/// A built-in term of `methods.md` 7: `contrast relevance overlap echo novelty stuffing leak fluency length finished format coherence
/// diversity repetition`. Its unit is the definition's (nats a token, words, a share).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    pub name: String,
    /// Numbers and words that shape it: `low`, `high`, `max`, `kind`, `cap`, `single_voice` (0 or 1)…
    pub numbers: BTreeMap<String, f64>,
    pub words: BTreeMap<String, String>,
    /// The untouched language model that terms of likelihood ask.
    pub model: Option<ModelSpec>,
    /// The sentence encoder.
    pub encoder: Option<ModelSpec>,
    /// Lines (of the classifier, for overlap…).
    pub lines: Option<DataSpec>,
    /// Who may speak, as far as the term reads them: all of the crew by name and examples for `contrast` (the examples are
    /// empty when `lines` stand in for them), whole personas for `leak` and `overlap` (a speaker's stage names itself alone).
    pub crew: Vec<PersonaSpec>,
}
