//! Who judges, and by what.

use serde::{Deserialize, Serialize};

use super::{DataSpec, ModelSpec, PersonaSpec, Slot};

/// A judge with the one rubric that its task asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeSpec {
    pub by: JudgeKind,
    pub rubric: RubricSpec,
    /// The crew: `contrast` compares a persona with the others of it.
    pub crew: Vec<PersonaSpec>,
    pub votes: u32,
    pub swap: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JudgeKind {
    /// `methods.md` 7: by examples as earlier turns, never by description.
    Contrast {
        model: ModelSpec,
        /// Rows with persona, prompt and completion; `None`: the personas' own `example`s.
        examples: Option<DataSpec>,
    },
    Local {
        model: ModelSpec,
    },
    /// The URL is where, not what: it stays out of the key and comes with the request, under this slot.
    Openai {
        model: String,
        endpoint: Slot,
    },
    Human {
        verdicts: DataSpec,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RubricSpec {
    pub title: Option<String>,
    pub low: f64,
    pub high: f64,
    pub criteria: Vec<RubricCriterion>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RubricCriterion {
    pub name: String,
    pub text: Option<String>,
    /// Of 1.
    pub weight: f64,
    pub low: Option<String>,
    pub mid: Option<String>,
    pub high: Option<String>,
}
