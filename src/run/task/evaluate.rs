//! Playing dialogues, and measuring.

use serde::{Deserialize, Serialize};

use super::{DataSpec, DirectorSpec, JudgeSpec, ModelSpec, PersonaSpec, RewardSpec, SampleSpec, Slot, Speaker, Term};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialogueSpec {
    pub seed: u64,
    pub director: DirectorSpec,
    pub actors: Vec<Speaker>,
    pub data: DataSpec,
    pub prompts: Option<u32>,
    pub turns: u32,
    /// Simulated users: keyed, and no engine plays them yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<serde_json::Value>,
    pub sample: SampleSpec,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSpec {
    pub seed: u64,
    /// In the order of the language; tables name subjects by index.
    pub subjects: Vec<Subject>,
    pub metrics: Vec<MetricSpec>,
    pub data: Option<DataSpec>,
    pub prompts: Option<u32>,
    pub sample: SampleSpec,
    /// Resamples, clustered by situation.
    pub bootstrap: u32,
    /// 0.95
    pub level: f64,
}

#[allow(clippy::large_enum_variant, reason = "a handful of them in a whole program")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Subject {
    /// Each speaker answers each situation.
    Speakers { speakers: Vec<Speaker>, prompting: Baseline },
    /// Transcripts that a `dialogue` stage made.
    Transcripts { transcripts: Slot },
    /// A dialogue played for this evaluation (a baseline under the first subject's director).
    Played { dialogue: Box<DialogueSpec>, prompting: Baseline },
    /// Lines that somebody wrote, measured as if they had been said: each a turn of its persona that ended by itself.
    Written {
        data: DataSpec,
        /// By whose tokenizer they are told in tokens.
        model: ModelSpec,
        /// Whose lines count, by name.
        crew: Vec<PersonaSpec>,
    },
}

/// How a speaker is prompted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// The persona's prompt alone: also how trained policies are asked.
    ZeroShot,
    Cot,
    FewShot,
    FewShotCot,
    SelfConsistency,
}

#[allow(clippy::large_enum_variant, reason = "a handful of them in a whole program")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MetricSpec {
    /// Reported × 100 / the scale's upper end (×20 of 1..5): the weighted mean, and every criterion where the judge tells them apart.
    Judge(Box<JudgeSpec>),
    /// `contrast relevance overlap echo novelty stuffing distinct_2 leak fluency length finished identification coherence diversity
    /// distinct_speakers effective_channels repetition`
    Term(Term),
    /// As training sees it: its terms are those of a reward, clipped as there.
    Reward(RewardSpec),
}
