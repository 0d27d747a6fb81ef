//! Who speaks, and who decides who speaks.

use serde::{Deserialize, Serialize};

use super::{Policy, Tokens};

/// Only what a model reads, and of that only what the request at hand reads: a speaker's `role` is absent (its system prompt has none), a
/// seat's `voice` (a director is shown names and roles). So a word that changes re-runs those who read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonaSpec {
    /// The quoted name: `{{char}}`.
    pub name: String,
    pub role: Option<String>,
    pub voice: Option<String>,
    pub never: Vec<String>,
    /// Empty where nobody is shown them: only few-shot prompting, `contrast` and `overlap` read them.
    pub examples: Vec<Example>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub given: String,
    pub says: String,
}

/// A persona and the policy that speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speaker {
    pub persona: PersonaSpec,
    pub policy: Policy,
}

/// z = {agent, action, tone}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorSpec {
    pub policy: Policy,
    /// The crew that it chooses from, in order.
    pub seats: Vec<PersonaSpec>,
    pub directive: DirectiveSpec,
    pub voice: Option<String>,
    pub order: Order,
    /// May choose that nobody speaks.
    pub silence: bool,
}

/// How long the free fields of a directive may be. The agent is always one of the seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectiveSpec {
    pub action: Tokens,
    pub tone: Tokens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    Learned,
    RoundRobin,
    Random,
}
