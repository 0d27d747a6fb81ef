//! Models, policies, adapters, sampling.

use serde::{Deserialize, Serialize};

use super::Slot;

/// Counts of tokens are whole.
pub type Tokens = u32;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    pub weights: Weights,
    pub dtype: Dtype,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Weights {
    /// Bound by digest: a Hugging Face folder or a GGUF file.
    Input(Slot),
    Random(RandomModel),
}

/// `random(arch: …)`: weights drawn from a counter-based generator, for tests and rehearsals. A byte tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomModel {
    /// `llama qwen2 qwen3 bert`
    pub arch: String,
    pub hidden: u32,
    pub layers: u32,
    pub heads: u32,
    pub kv_heads: u32,
    pub ffn: u32,
    pub vocab: u32,
    /// `bytes`
    pub tokenizer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    F32,
    Bf16,
    Q8,
}

/// A model, and the adapter on it if it was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub model: ModelSpec,
    /// A PEFT folder.
    pub adapter: Option<Slot>,
}

/// What a training stage trains: fresh LoRA factors, or the policy's own adapter further.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Adapter {
    Fresh(LoraSpec),
    /// The policy's adapter goes on learning (its rank and targets stay).
    Continue,
}

/// y = xWᵀ + (alpha / rank) · (xAᵀ)Bᵀ
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSpec {
    pub rank: u32,
    pub alpha: f64,
    /// Sorted.
    pub targets: Vec<Target>,
    /// `reply`: off over what stands before a reply. Not there: on everywhere, which is the default and was before there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Active>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Active {
    Reply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleSpec {
    /// Completions of one prompt.
    pub n: u32,
    /// 0 is greedy.
    pub temperature: f64,
    pub top_p: f64,
    pub max_new: Tokens,
    pub stop: Vec<String>,
}
