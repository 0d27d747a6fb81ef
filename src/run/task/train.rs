//! Requests that train, and the one that makes preference pairs.

use serde::{Deserialize, Serialize};

use super::{Adapter, DataSpec, DirectorSpec, JudgeSpec, PersonaSpec, Policy, RewardSpec, SampleSpec, Slot, Speaker};

/// AdamW (Loshchilov & Hutter 2019), linear warm-up, then the schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    pub lr: f64,
    pub warmup: u32,
    pub schedule: Schedule,
    /// The schedule's end, as a share of `lr`.
    pub final_lr: f64,
    pub betas: (f64, f64),
    pub eps: f64,
    pub weight_decay: f64,
    pub max_grad_norm: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    Constant,
    Linear,
    Cosine,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftSpec {
    pub seed: u64,
    pub policy: SftPolicy,
    pub data: DataSpec,
    pub epochs: u32,
    /// Rows an optimiser step.
    pub batch: u32,
    pub adapter: Adapter,
    pub optimizer: Optimizer,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SftPolicy {
    /// On the rows of this persona, or on all rows when there is none.
    Speaker { policy: Policy, persona: Option<PersonaSpec> },
    /// On written directives.
    Director(DirectorSpec),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairsSpec {
    pub seed: u64,
    pub from: Policy,
    pub persona: Option<PersonaSpec>,
    pub data: DataSpec,
    /// At most this many prompts, the first of the split.
    pub prompts: Option<u32>,
    pub sample: SampleSpec,
    pub judge: JudgeSpec,
    /// δ: keep (y_w, y_l) iff s(y_w) − s(y_l) ≥ δ, on the rubric's scale.
    pub min_gap: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardModelSpec {
    pub seed: u64,
    /// What `pairs` stages made, or none when `data` is read.
    pub pairs: Vec<Slot>,
    pub data: Option<DataSpec>,
    pub init: Policy,
    pub epochs: u32,
    pub batch: u32,
    /// −log σ(r_w − r_l − margin)
    pub margin: f64,
    /// + center · mean((r_w + r_l)²)
    pub center: f64,
    /// Share of prompts kept out of training.
    pub held_out: f64,
    pub adapter: Adapter,
    pub optimizer: Optimizer,
}

/// Group-relative policy optimisation (Shao et al. 2024) and its kin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpoSpec {
    pub seed: u64,
    pub policy: Policy,
    pub persona: Option<PersonaSpec>,
    pub reward: RewardSpec,
    pub data: DataSpec,
    /// Prompts an optimiser step.
    pub prompts: u32,
    pub sample: SampleSpec,
    pub method: Rollout,
    pub steps: u32,
    pub adapter: Adapter,
    pub optimizer: Optimizer,
}

/// A `grpo` stage on a director: one group is `group` blocks of `turns` turns from one situation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectionSpec {
    pub seed: u64,
    pub director: DirectorSpec,
    pub actors: Vec<Speaker>,
    pub reward: RewardSpec,
    pub data: DataSpec,
    pub turns: u32,
    /// Blocks an optimiser step; a multiple of `group`.
    pub episodes: u32,
    pub sample: SampleSpec,
    pub method: Rollout,
    pub steps: u32,
    pub adapter: Adapter,
    pub optimizer: Optimizer,
}

/// How rewards become a loss. Shared by speakers and directors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// G
    pub group: u32,
    pub advantage: AdvantageSpec,
    pub combine: Combine,
    pub zero_variance: ZeroVariance,
    pub loss: Loss,
    /// ε below 1.
    pub clip: f64,
    /// ε above 1; the same as `clip` unless said.
    pub clip_high: f64,
    pub overlong: Overlong,
    pub kl: KlSpec,
    /// Optimiser steps a rollout (μ).
    pub updates: u32,
    /// A control: rewards change places inside each group, by lot, before they become advantages.
    pub shuffle: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvantageSpec {
    pub by: By,
    pub baseline: BaselineKind,
    pub scale: Scale,
    /// Extra completions that only serve the baseline (MC-GRPO's G + 1).
    pub extra: u32,
    /// Added to the scale: (r − b) / (scale + floor).
    pub floor: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Prompt,
    PromptAgent,
    PromptAgentTurn,
    Paraphrase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineKind {
    Mean,
    Median,
    LeaveOneOut,
    Ema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    Std,
    Mad,
    Batch,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    SumThenNormalise,
    NormaliseThenSum,
}

/// What becomes of a group whose rewards are all equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroVariance {
    Keep,
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    Grpo,
    DrGrpo,
    Dapo,
    Bnpo,
    Gspo,
    Cispo,
}

/// What becomes of a completion that did not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlong {
    Keep,
    Mask,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlSpec {
    pub beta: f64,
    pub estimator: Estimator,
    pub place: KlPlace,
    pub to: KlTo,
}

/// Schulman 2020, "Approximating KL divergence": k1 = −Δ, k2 = Δ²/2, k3 = exp(Δ) − Δ − 1, Δ = log π_ref − log π.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    K1,
    K2,
    K3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlPlace {
    Loss,
    Reward,
}

/// The reference: the policy as the stage found it (its SFT adapter, where it has one), or the untouched model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlTo {
    Policy,
    Base,
}
