//! GRPO for a director: a group is G blocks of N turns from one situation, R_group(x, Y) = coherence + η·diversity (or what the
//! program says), and the gradient goes to the director's tokens alone (methods 1.2).
//!
//! For each step: the step's situations; G blocks of each, played with the speakers as they are; the reward of every block;
//! advantages within each situation's group; the loss over everything that the director chose or sampled in a block, as one
//! sequence; AdamW.
//!
//! Departures: (1) the choice of an agent counts as one token, with the log-probability that it has among the seats; (2) labels
//! and line ends that were forced carry no loss; (3) agent, action and tone of a directive count alike in the gradient, whatever
//! their lengths ([`Director::weights`]); (4) the departures of [`super::grpo`] hold here too.

use std::collections::BTreeMap;

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{Baseline, DirectionSpec, KlTo};
use serde::{Deserialize, Serialize};

use super::dialogue::{self, Actor, Episode, Play};
use super::director::{Directive, Director};
use super::grpo::{BenchParts, Line, finite, mean_finite};
use super::policy_step::{self, Learner, Packed, Sampled};
use super::{Work, draws_of, in_step, pool, prompts_of_step, sampling, scoring_temperature};
use crate::data::Row;
use crate::generate::Finish;
use crate::judge::Scene;
use crate::nn::Pack;
use crate::reward::rewards;
use crate::rng::Rng;
use crate::train::advantage::Ema;
use crate::train::checkpoint::Log;
use crate::train::optimizer::AdamW;
use crate::train::schedule::learning_rate;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Memory {
    ema: Ema,
    rewards: Vec<f64>,
    tokens: u64,
}

/// One line of `samples.jsonl`: a block.
#[derive(Serialize)]
struct Sample<'a> {
    step: u64,
    persona: Option<&'a str>,
    prompt: &'a str,
    text: String,
    reward: Option<f64>,
    terms: BTreeMap<&'a str, Option<f64>>,
    advantage: f32,
}

/// # Errors
/// As the data, the models and the judges; [`Fault::Interrupted`] with its state saved.
pub fn perform(spec: &DirectionSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    policy_step::can(&spec.method, true)?;
    let steps = u64::from(spec.steps);
    work.tell("loading", 0, steps, None, None);
    let (lm, mut lora, found) = work.trained(&spec.director.policy, &spec.adapter, spec.seed)?;
    let reference = match spec.method.kl.to {
        KlTo::Policy => found,
        KlTo::Base => None,
    };
    let director = Director::new(&spec.director, lm.clone())?;
    let actors = dialogue::actors(&spec.actors, work)?;
    let rows = policy_step::situations(&spec.data, &director.lm, work)?;
    let pool = pool(&rows.iter().collect::<Vec<_>>());
    let rng = Rng::new(spec.seed).fork("direction");

    let mut adam = AdamW::new(lora.values().len());
    let (mut step, mut memory) = (0, Memory::default());
    if let Some(saved) = work.checkpoint::<Memory>(lora.values().len())? {
        lora.values_mut().copy_from_slice(&saved.params);
        (step, adam, memory) = (saved.step, saved.adam, saved.memory);
        work.resume(memory.tokens);
    }
    let mut curve = Log::open(work.workspace, "curve.jsonl", step)?;
    let mut log = Log::open(work.workspace, "samples.jsonl", step)?;
    let mut bench_parts = BenchParts::default();
    let group = (spec.method.group + spec.method.advantage.extra).max(1) as usize;
    let prompts = (spec.episodes as usize / spec.method.group.max(1) as usize).max(1);

    while step < steps {
        let rewarded = memory.rewards.last().copied();
        work.tell("sampling", step, steps, rewarded, None);
        let chosen = prompts_of_step(&rng.fork("prompts"), step, prompts, rows.len());
        let situations: Vec<Row> = chosen.iter().map(|&i| rows[i].clone()).collect();
        let how = Play {
            director: &director,
            lora: Some(&lora),
            actors: &actors,
            turns: spec.turns as usize,
            n: group,
            how: sampling(&spec.sample, &lm),
            prompting: Baseline::ZeroShot,
            seed: spec.seed,
            round: step,
        };
        let episodes = match dialogue::play(&situations, &how, work) {
            Err(Fault::Interrupted) => {
                policy_step::save(work, step, &lora, &adam, &memory, [&curve, &log])?;
                return Err(Fault::Interrupted);
            }
            other => other?,
        };
        work.tell("judging", step, steps, rewarded, None);
        let scenes: Vec<Scene> = episodes
            .iter()
            .map(|episode| dialogue::scene(episode, &situations, &actors, spec.director.seats.len()))
            .collect();
        let scores = {
            let reach = work.reach();
            let mut bench = bench_parts.with(work.models, work.request.inputs, reach, &pool);
            let scores = rewards(&spec.reward, &scenes, &mut bench);
            bench_parts.back(bench);
            scores?
        };
        work.tell("training", step, steps, rewarded, None);
        let lots = rng.fork("shuffle");
        let draws = |situation: usize| lots.at(draws_of(&situations[situation].key)).at(step);
        let shuffled = spec.method.shuffle.then(|| scores.shuffled(&scenes, &draws));
        let seen = shuffled.as_ref().unwrap_or(&scores);
        let samples: Vec<Sampled> = episodes
            .iter()
            .enumerate()
            .map(|(i, episode)| Sampled {
                prompt: episode.situation,
                agent: 0,
                reward: seen.totals[i],
                addends: seen.addends.iter().map(|part| part[i]).collect(),
                finished: true,
                length: episode.turns.iter().map(|turn| Director::learnt_len(&turn.directive)).sum(),
            })
            .collect();
        let lr = learning_rate(&spec.optimizer, step, steps);
        let blocks = Blocks { director: &director, episodes: &episodes };
        // A choice is one number, and a line of a directive has at most as many tokens as its limit.
        let longest =
            spec.turns as usize * (1 + spec.director.directive.action + spec.director.directive.tone) as usize;
        let stepped = policy_step::step(
            &samples,
            &blocks,
            &spec.method,
            Learner {
                lm: &lm,
                lora: &mut lora,
                adam: &mut adam,
                reference: reference.as_ref(),
                ema: &mut memory.ema,
                optimizer: &spec.optimizer,
                lr,
                temperature: scoring_temperature(&spec.sample),
                longest,
            },
        )
        .map_err(|fault| in_step(fault, step, steps, &situations.iter().map(Row::said).collect::<Vec<_>>()))?;
        work.count(stepped.rows);
        let reward = mean_finite(&scores.totals);
        let (length, finished) = lengths(&episodes);
        curve.push(&Line {
            step,
            reward,
            terms: scores.components.iter().map(|(name, values)| (name.clone(), mean_finite(values))).collect(),
            loss: stepped.loss,
            kl: stepped.kl,
            grad_norm: stepped.grad_norm,
            lr,
            clip_fraction: stepped.clip_fraction,
            zero_variance: stepped.zero_variance,
            length,
            finished,
            tokens: work.tokens(),
        });
        for (i, (episode, scene)) in episodes.iter().zip(&scenes).enumerate() {
            log.push(&Sample {
                step,
                persona: None,
                prompt: &scene.said,
                text: written(episode, &actors),
                reward: finite(scores.totals[i]),
                terms: scores.components.iter().map(|(name, values)| (name.as_str(), finite(values[i]))).collect(),
                advantage: stepped.advantages[i],
            });
        }
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

/// Blocks as a policy's step packs them: directives behind their prompt, which the blocks of a situation share at their first turn.
struct Blocks<'a> {
    director: &'a Director<'a>,
    episodes: &'a [Episode],
}

/// Where a directive stands: which of the members, which turn.
type Place = (usize, usize);

impl Blocks<'_> {
    /// Directives by prompt, in the order in which prompts first come.
    fn layout(&self, members: &[usize]) -> Vec<(Vec<Place>, Vec<&Directive>)> {
        let mut layout: Vec<(Vec<Place>, Vec<&Directive>)> = Vec::new();
        for (member, &i) in members.iter().enumerate() {
            for (turn, played) in self.episodes[i].turns.iter().enumerate() {
                let directive = &played.directive;
                match layout.iter_mut().find(|(_, same)| same[0].prompt == directive.prompt) {
                    Some((places, same)) => {
                        places.push((member, turn));
                        same.push(directive);
                    }
                    None => layout.push((vec![(member, turn)], vec![directive])),
                }
            }
        }
        layout
    }
}

impl Packed for Blocks<'_> {
    fn push(&self, members: &[usize], pack: &mut Pack) {
        self.layout(members).iter().for_each(|(_, same)| self.director.pack(same, pack));
    }

    fn learnt(&self, members: &[usize], targets: &[f32]) -> Vec<Vec<f32>> {
        let mut by_place: BTreeMap<Place, Vec<f32>> = BTreeMap::new();
        let mut rest = targets;
        for (places, same) in self.layout(members) {
            let (own, after) = rest.split_at(self.director.targets(&same));
            by_place.extend(places.into_iter().zip(self.director.learnt(&same, own)));
            rest = after;
        }
        let mut all = vec![Vec::new(); members.len()];
        by_place.into_iter().for_each(|((member, _), logps)| all[member].extend(logps));
        all
    }

    fn spread(&self, members: &[usize], targets: &[f32], dlearnt: &[Vec<f32>]) -> Vec<f32> {
        let mut by_place: BTreeMap<Place, Vec<f32>> = BTreeMap::new();
        for (member, &i) in members.iter().enumerate() {
            let mut rest = dlearnt[member].as_slice();
            for (turn, played) in self.episodes[i].turns.iter().enumerate() {
                let (own, after) = rest.split_at(Director::learnt_len(&played.directive));
                let weighed = own.iter().zip(Director::weights(&played.directive)).map(|(d, weight)| d * weight);
                by_place.insert((member, turn), weighed.collect());
                rest = after;
            }
        }
        let mut all = Vec::with_capacity(targets.len());
        let mut rest = targets;
        for (places, same) in self.layout(members) {
            let (own, after) = rest.split_at(self.director.targets(&same));
            let dlearnt: Vec<&[f32]> = places.iter().map(|place| by_place[place].as_slice()).collect();
            all.extend(self.director.spread(&same, own, &dlearnt));
            rest = after;
        }
        all
    }

    fn rows(&self, members: &[usize]) -> usize {
        let mut pack = Pack::new();
        self.push(members, &mut pack);
        pack.len()
    }
}

/// Mean tokens of what was said, and the share that ended by itself.
fn lengths(episodes: &[Episode]) -> (f64, f64) {
    let spoken: Vec<_> = episodes.iter().flat_map(|e| &e.turns).filter_map(|turn| turn.spoken.as_ref()).collect();
    let n = spoken.len().max(1) as f64;
    let tokens: usize = spoken.iter().map(|(_, completion)| completion.ids.len()).sum();
    let finished = spoken.iter().filter(|(_, completion)| completion.finish != Finish::Length).count();
    (tokens as f64 / n, finished as f64 / n)
}

/// A block as one text: directive, then what was said to it.
fn written(episode: &Episode, actors: &[Actor<'_>]) -> String {
    let turn = |turn: &dialogue::Turn| match &turn.spoken {
        Some((actor, completion)) => {
            let name = &actors[*actor].speaker.persona.name;
            let (action, tone) = (&turn.directive.action, &turn.directive.tone);
            format!("[{name}: {action} Tone: {tone}]\n{name}: {}", completion.text.trim())
        }
        None => "[nobody]".to_owned(),
    };
    episode.turns.iter().map(turn).collect::<Vec<_>>().join("\n")
}
