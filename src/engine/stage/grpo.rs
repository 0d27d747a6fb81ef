//! GRPO for a speaker (Shao et al. 2024, with its kin): sample a group → judge it → compose rewards → subtract the group's
//! baseline → one loss → one step, in that order.
//!
//! For each step: the step's prompts; G (+ extra) completions of each from the policy as it is; the reward's terms over all of
//! them; advantages within each prompt's group; the clipped ratio loss with a KL to the reference; AdamW.
//!
//! Where this departs from the paper: (1) the reference is a frozen copy of the policy as the stage found it, its SFT adapter
//! where it has one, on the same base weights; (2) the old log-probabilities of the first update are the policy's own, in the
//! arithmetic of training, so that the ratio begins at exactly 1; (3) a group without variance is left out of the loss, its KL
//! too (`zero_variance = skip`); (4) a void reward leaves its sample out of its group's statistics and of the loss.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{Baseline, GrpoSpec, KlTo};
use serde::{Deserialize, Serialize};

use super::policy_step::{self, Learner, Packed, Sampled, Stepped};
use super::{Work, draws_of, in_step, pool, prompts_of_step, sampling, scoring_temperature, voice};
use crate::data::Row;
use crate::generate::{Ask, Completion, Finish};
use crate::judge::{Bench, Scene};
use crate::metric::text;
use crate::model::Lm;
use crate::nn::{Lora, Pack};
use crate::reward::{Rewards, rewards};
use crate::rng::Rng;
use crate::train::advantage::Ema;
use crate::train::checkpoint::Log;
use crate::train::optimizer::AdamW;
use crate::train::schedule::learning_rate;

/// How many of the latest completions `novelty` looks back at.
const RECENT: usize = 24;

/// A prompt of the data, ready to be asked.
struct Asked {
    row: Row,
    prompt: Vec<u32>,
}

/// What the stage remembers beside its parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Memory {
    ema: Ema,
    /// Latest completions with the situations that they answered.
    recent: Vec<(String, String)>,
    rewards: Vec<f64>,
    tokens: u64,
}

/// One line of `curve.jsonl`.
#[derive(Debug, Serialize)]
pub struct Line {
    pub step: u64,
    pub reward: Option<f64>,
    pub terms: BTreeMap<String, Option<f64>>,
    pub loss: f64,
    pub kl: f64,
    pub grad_norm: f64,
    pub lr: f64,
    pub clip_fraction: f64,
    pub zero_variance: f64,
    pub length: f64,
    pub finished: f64,
    pub tokens: u64,
}

/// One line of `samples.jsonl`.
#[derive(Serialize)]
struct Sample<'a> {
    step: u64,
    persona: Option<&'a str>,
    prompt: &'a str,
    text: &'a str,
    reward: Option<f64>,
    terms: BTreeMap<&'a str, Option<f64>>,
    advantage: f32,
}

/// # Errors
/// As the data, the models and the judges; [`Fault::Interrupted`] with its state saved.
pub fn perform(spec: &GrpoSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    policy_step::can(&spec.method, false)?;
    let steps = u64::from(spec.steps);
    work.tell("loading", 0, steps, None, None);
    let (lm, mut lora, found) = work.trained(&spec.policy, &spec.adapter, spec.seed)?;
    let reference = match spec.method.kl.to {
        KlTo::Policy => found,
        KlTo::Base => None,
    };
    let asked = prompts(spec, &lm, work)?;
    let pool = pool(&asked.iter().map(|asked| &asked.row).collect::<Vec<_>>());
    let rng = Rng::new(spec.seed).fork("grpo");

    let mut adam = AdamW::new(lora.values().len());
    let mut memory = Memory::default();
    let mut step = 0;
    if let Some(saved) = work.checkpoint::<Memory>(lora.values().len())? {
        lora.values_mut().copy_from_slice(&saved.params);
        (step, adam, memory) = (saved.step, saved.adam, saved.memory);
        work.resume(memory.tokens);
    }
    let mut curve = Log::open(work.workspace, "curve.jsonl", step)?;
    let mut log = Log::open(work.workspace, "samples.jsonl", step)?;
    let mut bench_parts = BenchParts::default();

    while step < steps {
        let rewarded = memory.rewards.last().copied();
        work.tell("sampling", step, steps, rewarded, None);
        let chosen = prompts_of_step(&rng.fork("prompts"), step, spec.prompts as usize, asked.len());
        let group: Vec<&Asked> = chosen.iter().map(|&i| &asked[i]).collect();
        let outcome = (|| {
            let completions = sample(spec, &lm, &lora, &group, step, work)?;
            work.tell("judging", step, steps, rewarded, None);
            let scenes = scenes(spec, &group, &completions);
            let scores = judge(spec, &scenes, &pool, &memory, &mut bench_parts, work)?;
            Ok((completions, scenes, scores))
        })();
        let (completions, scenes, scores) = match outcome {
            Err(Fault::Interrupted) => {
                policy_step::save(work, step, &lora, &adam, &memory, [&curve, &log])?;
                return Err(Fault::Interrupted);
            }
            other => other?,
        };
        work.tell("training", step, steps, rewarded, None);
        let lr = learning_rate(&spec.optimizer, step, steps);
        let lots = rng.fork("shuffle");
        let draws = |prompt: usize| lots.at(draws_of(&group[prompt].row.key)).at(step);
        let seen = spec.method.shuffle.then(|| scores.shuffled(&scenes, &draws));
        let stepped = update(
            spec,
            &group,
            &completions,
            seen.as_ref().unwrap_or(&scores),
            Learner {
                lm: &lm,
                lora: &mut lora,
                adam: &mut adam,
                reference: reference.as_ref(),
                ema: &mut memory.ema,
                optimizer: &spec.optimizer,
                lr,
                temperature: scoring_temperature(&spec.sample),
                longest: spec.sample.max_new as usize,
            },
        )
        .map_err(|fault| in_step(fault, step, steps, &group.iter().map(|one| one.row.said()).collect::<Vec<_>>()))?;
        work.count(stepped.rows);
        let reward = mean_finite(&scores.totals);
        curve.push(&line(step, &completions, &scores, &stepped, lr, work));
        for (i, scene) in scenes.iter().enumerate() {
            log.push(&Sample {
                step,
                persona: spec.persona.as_ref().map(|persona| persona.name.as_str()),
                prompt: &scene.said,
                text: &scene.turns[0].text,
                reward: finite(scores.totals[i]),
                terms: scores.components.iter().map(|(name, values)| (name.as_str(), finite(values[i]))).collect(),
                advantage: stepped.advantages[i],
            });
        }
        remember(&mut memory, &scenes);
        memory.rewards.extend(reward);
        memory.tokens = work.tokens();
        step += 1;
        work.tell("training", step, steps, reward, Some(stepped.loss));
        if step < steps {
            policy_step::save(work, step, &lora, &adam, &memory, [&curve, &log])?;
            if work.stopped() {
                return Err(Fault::Interrupted);
            }
        }
    }
    policy_step::finish(work, &lora, curve, log, &memory.rewards)
}

fn prompts(spec: &GrpoSpec, lm: &Lm, work: &mut Work<'_>) -> Result<Vec<Asked>, Fault> {
    let ask = |row: Row| -> Result<Asked, Fault> {
        let prompt = voice::prompt(lm, &voice::messages(spec.persona.as_ref(), &row, Baseline::ZeroShot))?;
        Ok(Asked { row, prompt })
    };
    policy_step::situations(&spec.data, lm, work)?.into_iter().map(ask).collect()
}

/// G + extra completions of every prompt; what is drawn depends on (seed, step, prompt) alone.
fn sample(
    spec: &GrpoSpec,
    lm: &Lm,
    lora: &Lora,
    group: &[&Asked],
    step: u64,
    work: &mut Work<'_>,
) -> Result<Vec<Vec<Completion>>, Fault> {
    let n = (spec.method.group + spec.method.advantage.extra) as usize;
    let ask = |asked: &&Asked| Ask {
        prompt: asked.prompt.clone(),
        adapter: Some(lora),
        n,
        key: Rng::new(draws_of(&asked.row.key)).word(step),
    };
    let asks: Vec<Ask<'_>> = group.iter().map(ask).collect();
    work.generate(lm, &asks, &sampling(&spec.sample, lm), spec.seed)
}

fn scenes(spec: &GrpoSpec, group: &[&Asked], completions: &[Vec<Completion>]) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for (situation, (asked, completions)) in group.iter().zip(completions).enumerate() {
        for completion in completions {
            let turn = (completion.text.trim().to_owned(), completion.ids.clone(), completion.finish != Finish::Length);
            scenes.push(voice::scene(situation, &asked.row, spec.persona.as_ref(), turn));
        }
    }
    scenes
}

/// What a bench keeps from one batch to the next; the models themselves are shared anyway.
#[derive(Default)]
pub struct BenchParts {
    kept: Option<crate::judge::bench::Kept>,
}

impl BenchParts {
    pub fn with<'a>(
        &mut self,
        models: &'a mut crate::models::Models,
        inputs: &'a BTreeMap<String, mascot_run::engine::Input>,
        reach: crate::judge::Reach<'a>,
        pool: &[Arc<str>],
    ) -> Bench<'a> {
        let mut bench = Bench::new(models, inputs, pool.to_vec(), true).reaching(reach);
        if let Some(kept) = self.kept.take() {
            bench.take(kept);
        }
        bench.next_batch();
        bench
    }

    pub fn back(&mut self, bench: Bench<'_>) {
        self.kept = Some(bench.keep());
    }
}

fn judge(
    spec: &GrpoSpec,
    scenes: &[Scene],
    pool: &[Arc<str>],
    memory: &Memory,
    parts: &mut BenchParts,
    work: &mut Work<'_>,
) -> Result<Rewards, Fault> {
    let reach = work.reach();
    let mut bench = parts.with(work.models, work.request.inputs, reach, pool);
    bench.recent = memory
        .recent
        .iter()
        .map(|(said, text)| (Arc::from(said.as_str()), text::bigrams(text).into_iter().collect::<BTreeSet<_>>()))
        .collect();
    let scores = rewards(&spec.reward, scenes, &mut bench);
    parts.back(bench);
    scores
}

fn remember(memory: &mut Memory, scenes: &[Scene]) {
    memory.recent.extend(scenes.iter().map(|scene| (scene.said.to_string(), scene.turns[0].text.clone())));
    let surplus = memory.recent.len().saturating_sub(RECENT);
    memory.recent.drain(..surplus);
}

/// Completions behind the prompt that they share.
struct Speakers<'a> {
    /// Of each completion: its prompt and its ids.
    all: Vec<(&'a [u32], &'a [u32])>,
}

impl Packed for Speakers<'_> {
    fn push(&self, members: &[usize], pack: &mut Pack) {
        let ids: Vec<&[u32]> = members.iter().map(|&i| self.all[i].1).collect();
        pack.push(self.all[members[0]].0, &ids);
    }

    fn learnt(&self, members: &[usize], targets: &[f32]) -> Vec<Vec<f32>> {
        let mut rest = targets;
        let take = |&i: &usize| {
            let (own, after) = rest.split_at(self.all[i].1.len());
            rest = after;
            own.to_vec()
        };
        members.iter().map(take).collect()
    }

    fn spread(&self, _: &[usize], _: &[f32], dlearnt: &[Vec<f32>]) -> Vec<f32> {
        dlearnt.concat()
    }

    fn rows(&self, members: &[usize]) -> usize {
        self.all[members[0]].0.len() + members.iter().map(|&i| self.all[i].1.len()).sum::<usize>()
    }
}

fn update(
    spec: &GrpoSpec,
    group: &[&Asked],
    completions: &[Vec<Completion>],
    scores: &Rewards,
    learner: Learner<'_>,
) -> Result<Stepped, Fault> {
    let mut samples = Vec::new();
    let mut all = Vec::new();
    for (prompt, (asked, completions)) in group.iter().zip(completions).enumerate() {
        for completion in completions {
            let i = samples.len();
            samples.push(Sampled {
                prompt,
                agent: 0,
                reward: scores.totals[i],
                addends: scores.addends.iter().map(|part| part[i]).collect(),
                finished: completion.finish != Finish::Length,
                length: completion.ids.len(),
            });
            all.push((asked.prompt.as_slice(), completion.ids.as_slice()));
        }
    }
    policy_step::step(&samples, &Speakers { all }, &spec.method, learner)
}

fn line(
    step: u64,
    completions: &[Vec<Completion>],
    scores: &Rewards,
    stepped: &Stepped,
    lr: f64,
    work: &Work<'_>,
) -> Line {
    let all: Vec<&Completion> = completions.iter().flatten().collect();
    let n = all.len().max(1) as f64;
    Line {
        step,
        reward: mean_finite(&scores.totals),
        terms: scores.components.iter().map(|(name, values)| (name.clone(), mean_finite(values))).collect(),
        loss: stepped.loss,
        kl: stepped.kl,
        grad_norm: stepped.grad_norm,
        lr,
        clip_fraction: stepped.clip_fraction,
        zero_variance: stepped.zero_variance,
        length: all.iter().map(|c| c.ids.len()).sum::<usize>() as f64 / n,
        finished: all.iter().filter(|c| c.finish != Finish::Length).count() as f64 / n,
        tokens: work.tokens(),
    }
}

pub fn finite(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.is_finite())
}

pub fn mean_finite(values: &[f64]) -> Option<f64> {
    finite(crate::judge::term::mean_of_finite(values))
}
