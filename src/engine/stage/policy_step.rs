//! The half of group-relative policy optimisation that speakers and directors share: scored completions → one optimiser step.
//!
//! advantages (`train::advantage`) → who is in the loss → μ updates of {log-probabilities, loss, backward, clip, AdamW}.

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{By, Combine, DataSpec, KlPlace, Optimizer, Overlong, Rollout, ZeroVariance};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Work, shortened};
use crate::data::Row;
use crate::model::Lm;
use crate::nn::{Lora, LoraGrads, Pack};
use crate::train::advantage::{Advantages, Ema, Scored, advantages, mean};
use crate::train::checkpoint::{Checkpoint, Log};
use crate::train::loss::{self, Batch, Completion};
use crate::train::optimizer::{self, AdamW};

/// One completion (of a director: a block) as a policy's step sees it.
pub struct Sampled {
    pub prompt: usize,
    pub agent: usize,
    pub reward: f64,
    /// The parts of the reward, for `normalise_then_sum`.
    pub addends: Vec<f64>,
    pub finished: bool,
    /// How many log-probabilities are learnt of it.
    pub length: usize,
}

/// Where completions stand in packs, and how a pack's targets and what is learnt belong together.
pub trait Packed {
    /// Adds these completions, of one prompt, in order.
    fn push(&self, members: &[usize], pack: &mut Pack);
    /// The learnt log-probabilities of each, from the pack's targets.
    fn learnt(&self, members: &[usize], targets: &[f32]) -> Vec<Vec<f32>>;
    /// The gradient by the pack's targets.
    fn spread(&self, members: &[usize], targets: &[f32], dlearnt: &[Vec<f32>]) -> Vec<f32>;
    /// Rows of a pack that these take.
    fn rows(&self, members: &[usize]) -> usize;
}

/// Whether this can be learnt by.
///
/// # Errors
/// [`Fault::NotYet`] for groups that a stage does not make.
pub fn can(how: &Rollout, director: bool) -> Result<(), Fault> {
    match how.advantage.by {
        By::Prompt => Ok(()),
        // A speaker's stage has one agent, and each of its completions is one turn.
        By::PromptAgent | By::PromptAgentTurn if !director => Ok(()),
        By::Paraphrase => Err(Fault::NotYet("`advantage.by = paraphrase`".into())),
        By::PromptAgent | By::PromptAgentTurn => {
            Err(Fault::NotYet("advantages by agent for a director's blocks".into()))
        }
    }
}

/// What a step came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stepped {
    pub advantages: Vec<f32>,
    pub loss: f64,
    pub kl: f64,
    pub grad_norm: f64,
    pub clip_fraction: f64,
    /// Groups without variance, of all groups.
    pub zero_variance: f64,
    /// Nothing was left in the loss: no parameter moved.
    pub empty: bool,
    /// Rows that went through the model.
    pub rows: usize,
}

/// Everything that learns.
pub struct Learner<'a> {
    pub lm: &'a Lm,
    pub lora: &'a mut Lora,
    pub adam: &'a mut AdamW,
    pub reference: Option<&'a Lora>,
    pub ema: &'a mut Ema,
    pub optimizer: &'a Optimizer,
    pub lr: f64,
    pub temperature: f32,
    /// The most that may be learnt of one completion.
    pub longest: usize,
}

/// Advantages as the program asks for them: of the sum of parts, or the sum of the parts' own.
pub fn advantages_of(samples: &[Sampled], how: &Rollout, ema: &mut Ema) -> Advantages {
    let scored = |reward: &dyn Fn(&Sampled) -> f64| -> Vec<Scored> {
        samples.iter().map(|s| Scored { reward: reward(s), prompt: s.prompt, agent: s.agent, turn: 0 }).collect()
    };
    let mut whole = advantages(&scored(&|s| s.reward), &how.advantage, ema);
    if how.combine == Combine::NormaliseThenSum {
        let parts = samples.first().map_or(0, |s| s.addends.len());
        let mut sum = vec![0.0f32; samples.len()];
        for part in 0..parts {
            // Each part has its own spread; an ema follows the whole reward only.
            let of = |s: &Sampled| if s.reward.is_finite() { s.addends[part] } else { f64::NAN };
            let own = advantages(&scored(&of), &how.advantage, &mut Ema::default());
            sum.iter_mut().zip(own.values).for_each(|(sum, a)| *sum += a);
        }
        whole.values = sum;
    }
    whole
}

/// Takes the step.
///
/// # Errors
/// As the model.
pub fn step(samples: &[Sampled], packed: &dyn Packed, how: &Rollout, learner: Learner<'_>) -> Result<Stepped, Fault> {
    let Learner { lm, lora, adam, reference, ema, optimizer, lr, temperature, longest } = learner;
    let mut out = Stepped::default();
    // The reference first: a KL in the reward changes what is better than its group.
    let groups = groups(samples, &(0..samples.len()).collect::<Vec<_>>(), packed, lm.pack_tokens());
    let mut references: Vec<Option<Vec<f32>>> = vec![None; samples.len()];
    let mut rewards: Vec<f64> = samples.iter().map(|s| s.reward).collect();
    if how.kl.beta != 0.0 {
        for members in &groups {
            let pack = pack(packed, members);
            out.rows += pack.len();
            let targets = lm.logps(reference, &pack, temperature)?;
            for (&i, logps) in members.concat().iter().zip(learnt(packed, members, &targets)) {
                references[i] = Some(logps);
            }
        }
        if how.kl.place == KlPlace::Reward {
            for members in &groups {
                let pack = pack(packed, members);
                out.rows += pack.len();
                let targets = lm.logps(Some(lora), &pack, temperature)?;
                for (&i, policy) in members.concat().iter().zip(learnt(packed, members, &targets)) {
                    let reference = references[i].as_deref().unwrap_or_default();
                    rewards[i] -= how.kl.beta * loss::kl_of(how.kl.estimator, &policy, reference);
                }
            }
        }
    }
    let samples: Vec<Sampled> =
        samples.iter().zip(&rewards).map(|(s, &reward)| Sampled { reward, addends: s.addends.clone(), ..*s }).collect();
    let advantages = advantages_of(&samples, how, ema);
    out.zero_variance = advantages.without_variance as f64 / advantages.groups.max(1) as f64;
    out.advantages = advantages.values.clone();
    let in_loss: Vec<usize> = (0..samples.len())
        .filter(|&i| advantages.in_loss[i] && samples[i].length > 0)
        .filter(|&i| how.overlong == Overlong::Keep || samples[i].finished)
        .filter(|&i| how.zero_variance == ZeroVariance::Keep || !advantages.flat[i])
        .collect();
    if in_loss.is_empty() {
        out.empty = true;
        return Ok(out);
    }
    let batch = Batch::of(&in_loss.iter().map(|&i| samples[i].length).collect::<Vec<_>>(), longest);
    let groups = self::groups(&samples, &in_loss, packed, lm.pack_tokens());
    let mut old: Vec<Option<Vec<f32>>> = vec![None; samples.len()];
    for update in 0..how.updates.max(1) {
        let mut grads = LoraGrads::zeros(lora);
        let (mut kl, mut clipped, mut tokens) = (0.0, 0.0, 0usize);
        let mut total = 0.0;
        for members in &groups {
            let pack = pack(packed, members);
            out.rows += pack.len();
            let pass = lm.forward_train(lora, &pack, temperature)?;
            let targets = pass.logps().to_vec();
            let policy = learnt(packed, members, &targets);
            let order = members.concat();
            for (&i, logps) in order.iter().zip(&policy) {
                // The first update's own log-probabilities are those of the policy that sampled: the ratio begins at 1.
                old[i].get_or_insert_with(|| logps.clone());
            }
            let completions: Vec<Completion<'_>> = order
                .iter()
                .zip(&policy)
                .map(|(&i, policy)| Completion {
                    policy,
                    old: old[i].as_deref().unwrap_or(policy),
                    reference: references[i].as_deref(),
                    advantage: advantages.values[i],
                })
                .collect();
            let part = loss::policy_loss(&completions, how, batch);
            total += part.loss;
            kl += part.kl * part.tokens as f64;
            clipped += part.clip_fraction * part.tokens as f64;
            tokens += part.tokens;
            let mut dlearnt = Vec::with_capacity(policy.len());
            let mut rest = part.dlogp.as_slice();
            for logps in &policy {
                let (own, after) = rest.split_at(logps.len());
                dlearnt.push(own.to_vec());
                rest = after;
            }
            let dtargets = spread(packed, members, &targets, &dlearnt);
            pass.backward(&dtargets, &mut grads)?;
        }
        out.grad_norm = optimizer::clip(grads.values_mut(), optimizer.max_grad_norm);
        if !out.grad_norm.is_finite() {
            return Err(Fault::Model(format!(
                "the gradient is {} in update {update}: nothing was changed",
                out.grad_norm
            )));
        }
        adam.step(lora.values_mut(), grads.values(), lr, optimizer);
        out.loss = total;
        out.kl = kl / tokens.max(1) as f64;
        out.clip_fraction = clipped / tokens.max(1) as f64;
    }
    Ok(out)
}

/// Keeps the state from which a stopped stage goes on: what was logged, the parameters, what `memory` remembers beside them.
///
/// # Errors
/// When it cannot be written.
pub fn save<M: Clone + Serialize + DeserializeOwned>(
    work: &Work<'_>,
    step: u64,
    lora: &Lora,
    adam: &AdamW,
    memory: &M,
    logs: [&Log; 2],
) -> Result<(), Fault> {
    for log in logs {
        log.save()?;
    }
    Checkpoint { step, params: lora.values().to_vec(), adam: adam.clone(), memory: memory.clone() }.save(work.workspace)
}

/// What a policy is trained on, cut to what the data set allows.
///
/// # Errors
/// As the reader; when nothing is there.
pub fn situations(from: &DataSpec, lm: &Lm, work: &mut Work<'_>) -> Result<Vec<Row>, Fault> {
    let data = work.data(from)?;
    let mut rows = Vec::new();
    for row in data.prompts(from.split, None) {
        rows.push(shortened(row, from.max_len, lm)?);
    }
    if rows.is_empty() {
        return Err(work.nothing(&data, from, "no situation to train on"));
    }
    Ok(rows)
}

/// What a stage that learnt by reward leaves: the adapter, its curve, its samples. `reward` is the mean of the last quarter of steps,
/// `reward.first` that of the first.
///
/// # Errors
/// When it cannot be written.
pub fn finish(work: &Work<'_>, lora: &Lora, curve: Log, samples: Log, rewards: &[f64]) -> Result<Outputs, Fault> {
    lora.write_peft(&work.workspace.artifact("adapter"))?;
    curve.finish()?;
    samples.finish()?;
    let mut outputs = Outputs {
        artifacts: vec!["adapter".into(), "curve.jsonl".into(), "samples.jsonl".into()],
        ..Outputs::default()
    };
    let quarter = rewards.len().div_ceil(4);
    if quarter > 0 {
        outputs.results.insert("reward.first".into(), mean(&rewards[..quarter]));
        outputs.results.insert("reward".into(), mean(&rewards[rewards.len() - quarter..]));
    }
    outputs.results.insert("tokens".into(), work.tokens() as f64);
    Ok(outputs)
}

/// Completions by prompt, prompts by pack: a pack is a list of prompts' members, as many as fit where nothing is computed twice. The
/// members of a prompt are parted where they alone are too many: the prompt again costs less than every block again.
fn groups(samples: &[Sampled], which: &[usize], packed: &dyn Packed, most: usize) -> Vec<Vec<Vec<usize>>> {
    let mut parts: Vec<(usize, Vec<usize>)> = Vec::new();
    for &i in which {
        match parts.last_mut() {
            Some((prompt, members)) if *prompt == samples[i].prompt => {
                members.push(i);
                if packed.rows(members) > most && members.len() > 1 {
                    members.pop();
                    parts.push((samples[i].prompt, vec![i]));
                }
            }
            _ => parts.push((samples[i].prompt, vec![i])),
        }
    }
    let mut packs: Vec<Vec<Vec<usize>>> = Vec::new();
    let mut rows = 0;
    for (_, members) in parts {
        let more = packed.rows(&members);
        match packs.last_mut() {
            Some(pack) if rows + more <= most => pack.push(members),
            _ => {
                packs.push(vec![members]);
                rows = 0;
            }
        }
        rows += more;
    }
    packs
}

fn pack(packed: &dyn Packed, groups: &[Vec<usize>]) -> Pack {
    let mut pack = Pack::new();
    groups.iter().for_each(|members| packed.push(members, &mut pack));
    pack
}

/// How many targets each prompt's members have, by packing them alone.
fn targets_of(packed: &dyn Packed, members: &[usize]) -> usize {
    let mut pack = Pack::new();
    packed.push(members, &mut pack);
    pack.targets().len()
}

fn learnt(packed: &dyn Packed, groups: &[Vec<usize>], targets: &[f32]) -> Vec<Vec<f32>> {
    let mut rest = targets;
    let mut all = Vec::new();
    for members in groups {
        let (own, after) = rest.split_at(targets_of(packed, members));
        all.extend(packed.learnt(members, own));
        rest = after;
    }
    all
}

fn spread(packed: &dyn Packed, groups: &[Vec<usize>], targets: &[f32], dlearnt: &[Vec<f32>]) -> Vec<f32> {
    let (mut rest, mut at) = (targets, 0);
    let mut all = Vec::with_capacity(targets.len());
    for members in groups {
        let (own, after) = rest.split_at(targets_of(packed, members));
        all.extend(packed.spread(members, own, &dlearnt[at..at + members.len()]));
        rest = after;
        at += members.len();
    }
    all
}
