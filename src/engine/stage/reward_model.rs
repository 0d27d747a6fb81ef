//! A reward model from preference pairs: L = −log σ(r_w − r_l − margin) + center·(r_w + r_l)² (Bradley & Terry 1952), LoRA and a
//! linear head over the state after a completion's last token.
//!
//! 1. pairs of all personas; `held_out` of the prompts, the first in the order of their digests, are kept out of training.
//! 2. each epoch the groups (all pairs of one prompt and persona) in a fresh order, `batch` pairs a step. Comparisons of one group
//!    stay together (Ouyang et al. 2022, §3.5): a completion is computed once for all pairs of a step in which it stands.
//! 3. held-out accuracy with Wilson's interval; a temperature T that makes σ((r_w − r_l)/T) likeliest on held-out pairs, and the
//!    expected calibration error with it (Guo et al. 2017).
//!
//! Departures: (1) the head begins at zero, so that rewards begin equal and the first gradient goes to the head alone; (2) a pair
//! whose prompt is held out never trains, also when another persona answered the same prompt.

use std::collections::{BTreeMap, BTreeSet};

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::RewardModelSpec;
use serde::{Deserialize, Serialize};

use super::pairs::Pair;
use super::{Work, file_fault, finite_step};
use crate::error::Error;
use crate::judge::reward_model::{RewardModel, dot};
use crate::metric::bootstrap::wilson;
use crate::model::{Lm, Peft};
use crate::models::input;
use crate::nn::{LoraGrads, Pack};
use crate::rng::Rng;
use crate::text::Message;
use crate::train::bradley_terry;
use crate::train::checkpoint::{Checkpoint, Log};
use crate::train::optimizer::{self, AdamW};
use crate::train::schedule::learning_rate;

/// What was said to one prompt by one persona, as ids, and which was preferred to which.
struct Group {
    held_out: bool,
    prompt: Vec<u32>,
    completions: Vec<Vec<u32>>,
    /// Chosen and rejected, by place among the completions.
    pairs: Vec<(usize, usize)>,
}

/// A pair of a group.
#[derive(Clone, Copy)]
struct Compared<'a> {
    group: &'a Group,
    chosen: usize,
    rejected: usize,
}

impl Group {
    fn compared(&self) -> impl Iterator<Item = Compared<'_>> {
        self.pairs.iter().map(|&(chosen, rejected)| Compared { group: self, chosen, rejected })
    }
}

#[derive(Serialize)]
struct Line {
    step: u64,
    loss: f64,
    accuracy: f64,
    grad_norm: f64,
    lr: f64,
    tokens: u64,
}

/// What the stage remembers beside its parameters.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    tokens: u64,
}

/// How far probabilities by the model can be believed; `calibration.json` of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    pub temperature: f64,
    pub ece: f64,
    pub pairs: usize,
}

const SAVE_EVERY: u64 = 4;
/// Rows of a pack without gradients.
const SCORED_ROWS: usize = 1024;
/// Bins of the expected calibration error.
const BINS: usize = 10;

/// # Errors
/// As pairs and model; [`Fault::Interrupted`] with its state saved.
pub fn perform(spec: &RewardModelSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    work.tell("loading", 0, 0, None, None);
    let (lm, lora, _) = work.trained(&spec.init, &spec.adapter, spec.seed)?;
    let pairs = pairs(spec, work)?;
    let groups = groups(spec, &pairs, &lm)?;
    let training: Vec<&Group> = groups.iter().filter(|group| !group.held_out).collect();
    let trained_on: usize = training.iter().map(|group| group.pairs.len()).sum();
    if trained_on == 0 {
        return Err(Fault::Data("there is no preference pair to train on".into()));
    }
    let width = lora.values().len();
    let mut model = RewardModel { head: vec![0.0; lm.config().hidden], lm, lora };
    let batch = spec.batch.max(1) as usize;
    let a_round = trained_on.div_ceil(batch) as u64;
    let steps = a_round * u64::from(spec.epochs);
    let rng = Rng::new(spec.seed).fork("bradley_terry");

    // The adapter's factors, then the head.
    let mut params = [model.lora.values(), &model.head].concat();
    let (mut step, mut adam) = (0, AdamW::new(params.len()));
    if let Some(saved) = work.checkpoint::<Memory>(params.len())? {
        (step, adam, params) = (saved.step, saved.adam, saved.params);
        work.resume(saved.memory.tokens);
        put(&mut model, &params, width);
    }
    let mut curve = Log::open(work.workspace, "curve.jsonl", step)?;
    let save = |work: &Work<'_>, step, params: &[f32], adam: &AdamW, curve: &Log| -> Result<(), Fault> {
        curve.save()?;
        Checkpoint { step, params: params.to_vec(), adam: adam.clone(), memory: Memory { tokens: work.tokens() } }
            .save(work.workspace)
    };
    while step < steps {
        if work.stopped() {
            save(work, step, &params, &adam, &curve)?;
            return Err(Fault::Interrupted);
        }
        let mut order: Vec<usize> = (0..training.len()).collect();
        rng.fork("epoch").at(step / a_round).shuffle(&mut order);
        let all = order.iter().flat_map(|&i| training[i].compared());
        let batch: Vec<Compared<'_>> = all.skip((step % a_round) as usize * batch).take(batch).collect();

        let (loss, accuracy, rows, mut grads) = loss_and_gradient(&model, &batch, spec)?;
        let grad_norm = optimizer::clip(&mut grads, spec.optimizer.max_grad_norm);
        let said = |one: &Compared<'_>| {
            model.lm.tokenizer().decode(&one.group.completions[one.chosen], true).unwrap_or_default()
        };
        finite_step(loss, grad_norm, step, steps, &batch.iter().map(said).collect::<Vec<_>>())?;
        let lr = learning_rate(&spec.optimizer, step, steps);
        adam.step(&mut params, &grads, lr, &spec.optimizer);
        put(&mut model, &params, width);

        work.count(rows);
        curve.push(&Line { step, loss, accuracy, grad_norm, lr, tokens: work.tokens() });
        step += 1;
        work.tell("training", step, steps, None, Some(loss));
        if step % SAVE_EVERY == 0 && step < steps {
            save(work, step, &params, &adam, &curve)?;
        }
    }
    work.tell("scoring", steps, steps, None, None);
    let held_out: Vec<Compared<'_>> = groups.iter().filter(|g| g.held_out).flat_map(Group::compared).collect();
    let gaps = gaps(&model, &held_out)?;
    let right = gaps.iter().filter(|gap| **gap > 0.0).count();
    let (low, high) = wilson(right, gaps.len());
    let calibration = calibrate(&gaps);

    let folder = work.workspace.artifact("reward_model");
    Peft { lora: model.lora.clone(), score: Some(model.head.clone()) }.write(&folder)?;
    let path = folder.join("calibration.json");
    let text = serde_json::to_string_pretty(&calibration).map_err(|why| file_fault(&path, why))?;
    std::fs::write(&path, text + "\n").map_err(|why| file_fault(&path, why))?;
    curve.finish()?;
    let mut outputs = Outputs { artifacts: vec!["reward_model".into(), "curve.jsonl".into()], ..Outputs::default() };
    let mut result = |name: &str, value: f64| outputs.results.insert(name.into(), value);
    if gaps.is_empty() {
        outputs.notes.push("no pair was held out: the reward model's accuracy is not known".into());
    } else {
        result("held_out_accuracy", right as f64 / gaps.len() as f64);
        result("held_out_accuracy.low", low);
        result("held_out_accuracy.high", high);
        result("ece", calibration.ece);
        result("temperature", calibration.temperature);
    }
    result("pairs", trained_on as f64);
    result("held_out_pairs", gaps.len() as f64);
    result("tokens", work.tokens() as f64);
    Ok(outputs)
}

fn put(model: &mut RewardModel, params: &[f32], width: usize) {
    model.lora.values_mut().copy_from_slice(&params[..width]);
    model.head.copy_from_slice(&params[width..]);
}

/// What the `pairs` stages made, and rows of a data set with chosen and rejected.
fn pairs(spec: &RewardModelSpec, work: &mut Work<'_>) -> Result<Vec<Pair>, Fault> {
    let mut pairs = Vec::new();
    for slot in &spec.pairs {
        let path = &input(work.request.inputs, slot)?.path;
        let text = std::fs::read_to_string(path).map_err(|why| file_fault(path, why))?;
        for (line, json) in text.lines().enumerate() {
            let pair =
                serde_json::from_str(json).map_err(|why| file_fault(path, format!("line {}: {why}", line + 1)))?;
            pairs.push(pair);
        }
    }
    if let Some(spec) = &spec.data {
        let data = work.data(spec)?;
        for row in data.of(spec.split) {
            if let (Some(chosen), Some(rejected)) = (&row.chosen, &row.rejected) {
                pairs.push(Pair {
                    key: row.key.clone(),
                    persona: row.persona.clone(),
                    system: row.system.clone().unwrap_or_default(),
                    prompt: row.said(),
                    chosen: chosen.clone(),
                    rejected: rejected.clone(),
                    chosen_score: f64::NAN,
                    rejected_score: f64::NAN,
                });
            }
        }
    }
    Ok(pairs)
}

/// The prompts that are kept out of training: the first `share` of them in the order of their digests, at least one where there
/// are two, so that a small set has its held-out part too.
fn held_out_prompts(pairs: &[Pair], share: f64) -> BTreeSet<&str> {
    let drawn: BTreeMap<u64, &str> =
        pairs.iter().map(|pair| (Rng::new(super::draws_of(&pair.key)).fork("held out").word(0), &*pair.key)).collect();
    let wanted = match drawn.len() {
        0 | 1 => 0,
        prompts if share > 0.0 => ((share * prompts as f64).round() as usize).clamp(1, prompts - 1),
        _ => 0,
    };
    drawn.into_values().take(wanted).collect()
}

/// In the order in which their first pairs come.
fn groups(spec: &RewardModelSpec, pairs: &[Pair], lm: &Lm) -> Result<Vec<Group>, Fault> {
    let kept_out = held_out_prompts(pairs, spec.held_out);
    let mut places: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for pair in pairs {
        let messages = [Message::new("system", pair.system.as_str()), Message::new("user", pair.prompt.as_str())];
        let prompt = lm.chat().prompt(lm.tokenizer(), &messages)?;
        let completion = |text: &str| lm.chat().completion(lm.tokenizer(), text, lm.end_of_turn());
        let (chosen, rejected) = (completion(&pair.chosen)?, completion(&pair.rejected)?);
        let at = *places.entry(prompt.clone()).or_insert(groups.len());
        if at == groups.len() {
            let held_out = kept_out.contains(&*pair.key);
            groups.push(Group { held_out, prompt, completions: Vec::new(), pairs: Vec::new() });
        }
        let group = &mut groups[at];
        let mut place = |ids: Vec<u32>| match group.completions.iter().position(|known| *known == ids) {
            Some(place) => place,
            None => {
                group.completions.push(ids);
                group.completions.len() - 1
            }
        };
        let pair = (place(chosen), place(rejected));
        group.pairs.push(pair);
    }
    Ok(groups)
}

/// Runs of pairs whose pack has `most` rows at most, as far as groups allow, each with its pack and with the places of its chosen and
/// rejected completions in it. Every completion stands once in a pack.
fn packs(pairs: &[Compared<'_>], most: usize) -> Vec<(Pack, Vec<(usize, usize)>)> {
    let mut packs: Vec<(Pack, Vec<(usize, usize)>)> = Vec::new();
    for same in pairs.chunk_by(|a, b| std::ptr::eq(a.group, b.group)) {
        let used: BTreeSet<usize> = same.iter().flat_map(|pair| [pair.chosen, pair.rejected]).collect();
        let completions: Vec<&[u32]> = used.iter().map(|&i| same[0].group.completions[i].as_slice()).collect();
        let rows = same[0].group.prompt.len() + completions.iter().map(|ids| ids.len()).sum::<usize>();
        if packs.last().is_none_or(|(pack, _)| pack.len() + rows > most) {
            packs.push((Pack::new(), Vec::new()));
        }
        let (pack, places) = packs.last_mut().expect("one was pushed if there was none");
        let first = pack.ends().len();
        pack.push(&same[0].group.prompt, &completions);
        let place = |i: usize| first + used.iter().take_while(|&&known| known < i).count();
        places.extend(same.iter().map(|pair| (place(pair.chosen), place(pair.rejected))));
    }
    packs
}

/// Loss, share of pairs in the right order, rows that went through the model, gradients of the adapter's factors and then of the head.
fn loss_and_gradient(
    model: &RewardModel,
    batch: &[Compared<'_>],
    spec: &RewardModelSpec,
) -> Result<(f64, f64, usize, Vec<f32>), Fault> {
    let mut grads = LoraGrads::zeros(&model.lora);
    let mut dhead = vec![0.0f32; model.head.len()];
    let (mut loss, mut right, mut rows) = (0.0, 0usize, 0usize);
    for (pack, places) in packs(batch, model.lm.pack_tokens()) {
        rows += pack.len();
        let pass = model.lm.forward_hidden(&model.lora, &pack, pack.ends())?;
        let states = pass.hidden().to_vec2::<f32>().map_err(Error::from)?; // [completions, H]
        let rewards: Vec<f32> = states.iter().map(|state| dot(state, &model.head) as f32).collect();
        let chosen: Vec<f32> = places.iter().map(|&(w, _)| rewards[w]).collect();
        let rejected: Vec<f32> = places.iter().map(|&(_, l)| rewards[l]).collect();
        right += chosen.iter().zip(&rejected).filter(|(w, l)| w > l).count();
        let pairs = bradley_terry::loss(&chosen, &rejected, &vec![spec.margin as f32; chosen.len()], spec.center);
        let share = places.len() as f64 / batch.len() as f64;
        loss += share * pairs.loss;
        let mut drewards = vec![0.0f32; rewards.len()];
        for (&(w, l), (dw, dl)) in places.iter().zip(pairs.chosen.iter().zip(&pairs.rejected)) {
            drewards[w] += dw * share as f32;
            drewards[l] += dl * share as f32;
        }
        let mut dstates = Vec::with_capacity(states.len() * model.head.len());
        for (state, by) in states.iter().zip(drewards) {
            dhead.iter_mut().zip(state).for_each(|(d, x)| *d += by * x);
            dstates.extend(model.head.iter().map(|w| by * w));
        }
        let shape = (states.len(), model.head.len());
        let device = model.lm.device();
        let dstates = candle_core::Tensor::from_vec(dstates, shape, device).map_err(Error::from)?;
        pass.backward(&dstates, &mut grads)?;
    }
    Ok((loss, right as f64 / batch.len() as f64, rows, [grads.values(), &dhead].concat()))
}

/// r_w − r_l of each pair.
fn gaps(model: &RewardModel, pairs: &[Compared<'_>]) -> Result<Vec<f64>, Fault> {
    let mut gaps = Vec::new();
    for (pack, places) in packs(pairs, SCORED_ROWS) {
        let rewards = model.of(&pack)?;
        gaps.extend(places.into_iter().map(|(w, l)| rewards[w] - rewards[l]));
    }
    Ok(gaps)
}

/// T by golden-section search over log T of the mean −log σ(gap/T), and the ECE of σ(|gap|/T) as a claim to be right.
pub fn calibrate(gaps: &[f64]) -> Calibration {
    if gaps.is_empty() {
        return Calibration { temperature: 1.0, ece: 0.0, pairs: 0 };
    }
    let nll = |log_t: f64| gaps.iter().map(|gap| bradley_terry::softplus(-gap / log_t.exp())).sum::<f64>();
    let (mut low, mut high) = (-5.0f64, 5.0f64);
    let ratio = (5.0f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if nll(a) < nll(b) { high = b } else { low = a }
    }
    let temperature = ((low + high) / 2.0).exp();
    let mut bins = vec![(0usize, 0.0f64, 0.0f64); BINS];
    for gap in gaps {
        let claim = bradley_terry::sigmoid(gap.abs() / temperature);
        let bin = (((claim - 0.5) * 2.0 * BINS as f64) as usize).min(BINS - 1);
        let (n, claims, right) = &mut bins[bin];
        *n += 1;
        *claims += claim;
        *right += f64::from(u8::from(*gap > 0.0));
    }
    let ece = bins.iter().map(|(_, claims, right)| (claims - right).abs()).sum::<f64>() / gaps.len() as f64;
    Calibration { temperature, ece, pairs: gaps.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completion_of_several_pairs_is_packed_once() {
        let group = |prompt: u32, pairs: Vec<(usize, usize)>| Group {
            held_out: false,
            prompt: vec![prompt],
            completions: vec![vec![1], vec![2, 2], vec![3, 3, 3]],
            pairs,
        };
        let (one, two) = (group(7, vec![(0, 2), (2, 1), (0, 1)]), group(8, vec![(2, 0)]));
        let all: Vec<Compared<'_>> = one.compared().chain(two.compared()).collect();
        let packed = packs(&all, 100);
        assert_eq!(packed.len(), 1);
        assert_eq!(packed[0].0.ids(), [7, 1, 2, 2, 3, 3, 3, 8, 1, 3, 3, 3]);
        assert_eq!(packed[0].1, [(0, 2), (2, 1), (0, 1), (4, 3)]);
        // Cut between groups where they do not fit together.
        let places: Vec<_> = packs(&all, 8).into_iter().map(|(_, places)| places).collect();
        assert_eq!(places, [vec![(0, 2), (2, 1), (0, 1)], vec![(1, 0)]]);
    }

    #[test]
    fn a_model_that_claims_too_much_is_cooled() {
        // Right in 3 of 4 with gaps of ±8: σ(8/T) = 3/4 at T = 8 / ln 3 = 7.28.
        let gaps = [8.0, 8.0, 8.0, -8.0].repeat(25);
        let got = calibrate(&gaps);
        assert!((got.temperature - 8.0 / 3.0f64.ln()).abs() < 1e-3, "{got:?}");
        assert!(got.ece < 1e-3);
        assert_eq!(calibrate(&[]).pairs, 0);
    }
}
