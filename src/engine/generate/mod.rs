//! Sampling: many completions of many prompts, in one decode batch, each of its own adapter.
//!
//! A prompt is read once for all its completions ([`read`]); then every sequence adds one position a step, all sequences of all
//! prompts together: one product a linear. A sequence's random numbers are a function of (seed, key, sample, position) and its sums
//! do not depend on its neighbours, so what is sampled does not depend on what else is in the batch, bit for bit.

pub mod choose;
pub mod read;
pub mod sampler;

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::kernels::decode::{self, Kv, Seen};
use crate::kernels::linear::{Role, linear};
use crate::kernels::{pointwise, pooled};
use crate::model::Lm;
use crate::model::causal_lm::Prefix;
use crate::nn::block::Pass;
use crate::nn::lora::{Adapter, Lora};
use crate::rng::Rng;
use read::Reading;
use sampler::Draw;

/// Sequences decoded together; more wait their turn.
const SEQUENCES: usize = 64;

/// A prompt, and how many completions of it are wanted.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub prompt: Vec<u32>,
    pub adapter: Option<&'a Lora>,
    pub n: usize,
    /// Names the prompt's random numbers: the same key, seed and prompt give the same completions.
    pub key: u64,
}

impl Ask<'_> {
    /// Whether both speak with one adapter, or both with none: the same one, not one like it.
    pub fn same_adapter(&self, other: &Ask<'_>) -> bool {
        match (self.adapter, other.adapter) {
            (Some(a), Some(b)) => std::ptr::eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// How to sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f64,
    /// Keep the most probable tokens whose probabilities reach this sum; 1 keeps all.
    pub top_p: f64,
    /// Tokens at most.
    pub max_new: usize,
    /// Texts that end a completion; they are left out of its text.
    pub stop: Vec<String>,
    /// Tokens that end a completion; they are in its ids, not in its text. Empty: nothing but length and stops end it.
    pub eos: Vec<u32>,
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    Eos,
    Length,
    Stop,
}

/// One completion.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Completion {
    /// Every token sampled, the one that ended it included.
    pub ids: Vec<u32>,
    /// log p of each, with logits divided by the temperature (by 1 when greedy), before top-p.
    pub logps: Vec<f32>,
    pub text: String,
    pub finish: Finish,
}

impl Lm {
    /// Completions of every prompt, in order.
    ///
    /// # Errors
    /// When a prompt is empty or holds tokens outside the vocabulary.
    pub fn generate(&self, asks: &[Ask<'_>], sampling: &Sampling, seed: u64) -> Result<Vec<Vec<Completion>>> {
        self.generate_while(asks, sampling, seed, &mut |_| true)
    }

    /// As [`Lm::generate`]; `go_on` is told the tokens sampled so far after each step, and `false` stops with
    /// [`Error::Interrupted`].
    ///
    /// # Errors
    /// As [`Lm::generate`].
    pub fn generate_while(
        &self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
        seed: u64,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<Vec<Completion>>> {
        self.generate_after(&[], asks, sampling, seed, go_on)
    }

    /// As [`Lm::generate_while`], where the first tokens of each prompt were computed already, under the ask's own adapter: `before`
    /// has one prefix an ask, or none at all.
    ///
    /// # Errors
    /// As [`Lm::generate`].
    pub fn generate_after(
        &self,
        before: &[&Prefix],
        asks: &[Ask<'_>],
        sampling: &Sampling,
        seed: u64,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Vec<Vec<Completion>>> {
        self.generate_telling(before, asks, sampling, seed, go_on, &mut |_, _| Ok(()))
    }

    /// As [`Lm::generate_after`]; `finished` is told the completions of a prompt as soon as all of them have ended.
    ///
    /// # Errors
    /// As [`Lm::generate`], and what `finished` says.
    pub fn generate_telling(
        &self,
        before: &[&Prefix],
        asks: &[Ask<'_>],
        sampling: &Sampling,
        seed: u64,
        go_on: &mut dyn FnMut(usize) -> bool,
        finished: &mut dyn FnMut(usize, &[Completion]) -> Result<()>,
    ) -> Result<Vec<Vec<Completion>>> {
        let mut told = vec![false; asks.len()];
        let mut done: Vec<Vec<Option<Completion>>> = asks.iter().map(|ask| vec![None; ask.n]).collect();
        let mut waiting: VecDeque<usize> = (0..asks.len()).filter(|&i| asks[i].n > 0).collect();
        let mut active: Vec<Sequence> = Vec::new();
        let rng = Rng::new(seed).fork("sample");
        let mut sampled = 0;
        while !waiting.is_empty() || !active.is_empty() {
            let (mut begun, mut room) = (Vec::new(), active.len());
            while let Some(&ask) = waiting.front() {
                if room > 0 && room + asks[ask].n > SEQUENCES {
                    break;
                }
                waiting.pop_front();
                begun.push(ask);
                room += asks[ask].n;
                sampled += asks[ask].n;
            }
            active.extend(self.begin(&begun, asks, before, sampling, &rng)?);
            // The same adapter side by side, so that each is applied once.
            active.sort_by_key(|s| (s.adapter.as_ref().map(Arc::as_ptr), s.ask, s.sample));
            let running = active.len();
            active = self.retire(active, sampling, &mut done)?;
            if active.len() < running {
                for (ask, told) in told.iter_mut().enumerate().filter(|(_, told)| !**told) {
                    let whole: Option<Vec<Completion>> = done[ask].iter().cloned().collect();
                    if let Some(whole) = whole.filter(|whole| !whole.is_empty()) {
                        finished(ask, &whole)?;
                        *told = true;
                    }
                }
            }
            if !active.is_empty() {
                pooled(|| self.step(&mut active, sampling))?;
                sampled += active.len();
            }
            if !go_on(sampled) {
                return Err(Error::Interrupted);
            }
        }
        let whole =
            |of: Vec<Option<Completion>>| of.into_iter().map(|c| c.expect("every sequence was retired")).collect();
        Ok(done.into_iter().map(whole).collect())
    }

    /// Reads these prompts, those of one adapter together, and draws the first token of each of their completions.
    fn begin(
        &self,
        which: &[usize],
        asks: &[Ask<'_>],
        before: &[&Prefix],
        sampling: &Sampling,
        rng: &Rng,
    ) -> Result<Vec<Sequence>> {
        let mut by_adapter: Vec<Vec<usize>> = Vec::new();
        for ask in which {
            match by_adapter.iter_mut().find(|known| asks[known[0]].same_adapter(&asks[*ask])) {
                Some(known) => known.push(*ask),
                None => by_adapter.push(vec![*ask]),
            }
        }
        let heads = self.config().attention_heads();
        let mut begun = Vec::new();
        for together in by_adapter {
            let readings: Vec<Reading<'_>> = together
                .iter()
                .map(|&i| {
                    let before = before.get(i).copied();
                    Reading { before, ids: &asks[i].prompt[before.map_or(0, Prefix::len)..], options: &[] }
                })
                .collect();
            let read = self.read(asks[together[0]].adapter, &readings, 1.0)?;
            let states = Tensor::cat(&read.iter().map(|read| &read.state).collect::<Vec<_>>(), 0)?;
            let logits = linear(&states, &self.weights().head, Role::Sampled)?.flatten_all()?.to_vec1::<f32>()?;
            let adapter = self.adapter(asks[together[0]].adapter)?;
            for ((&index, read), logits) in together.iter().zip(read).zip(logits.chunks_exact(self.config().vocab)) {
                for sample in 0..asks[index].n {
                    let mut sequence = Sequence {
                        ask: index,
                        sample,
                        adapter: adapter.clone(),
                        rng: rng.at(asks[index].key).at(sample as u64),
                        prefix: read.prefix.clone(),
                        own: vec![Kv::new(heads); self.config().layers],
                        ids: Vec::new(),
                        logps: Vec::new(),
                    };
                    if sampling.max_new > 0 {
                        sequence.draw(&mut logits.to_vec(), sampling);
                        sequence.check()?;
                    }
                    begun.push(sequence);
                }
            }
        }
        Ok(begun)
    }

    /// One more token for every sequence.
    fn step(&self, active: &mut [Sequence], sampling: &Sampling) -> Result<()> {
        let (config, weights) = (self.config(), self.weights());
        let last: Vec<u32> = active.iter().filter_map(|s| s.ids.last().copied()).collect();
        let positions: Vec<u32> = active.iter().map(|s| (s.prefix.len() + s.ids.len() - 1) as u32).collect();
        let rotation = self.rotation(&positions)?;
        let mut x = self.embed(&last)?;
        let pass = Pass { config, rotation: &rotation, role: Role::Sampled };
        let heads = config.attention_heads();
        let adapters: Vec<(usize, Option<Arc<Adapter>>)> = active
            .chunk_by(|a, b| a.adapter.as_ref().map(Arc::as_ptr) == b.adapter.as_ref().map(Arc::as_ptr))
            .map(|same| (same.len(), same[0].adapter.clone()))
            .collect();
        for (i, layer) in weights.layers.iter().enumerate() {
            let routes: Vec<_> = adapters.iter().map(|(n, a)| (*n, a.as_ref().and_then(|a| a.layer(i)))).collect();
            let attend = |qkv: &Tensor| {
                let rows = qkv.flatten_all()?.to_vec1::<f32>()?;
                for (sequence, row) in active.iter_mut().zip(rows.chunks_exact(heads.width())) {
                    sequence.own[i].push(row, heads);
                }
                let seen: Vec<Seen<'_>> =
                    active.iter().map(|s| Seen { prefix: Some(&s.prefix.layers[i]), own: &s.own[i] }).collect();
                decode::attend(qkv, heads, &seen)
            };
            x = pass.forward(layer, &routes, x, attend)?.0;
        }
        let states = pointwise::rms_norm(&x, &weights.norm, config.norm_eps)?;
        let logits = linear(&states, &weights.head, Role::Sampled)?;
        let mut logits = logits.flatten_all()?.to_vec1::<f32>()?;
        use rayon::prelude::*;
        let rows = active.par_iter_mut().zip(logits.par_chunks_mut(config.vocab));
        rows.for_each(|(sequence, logits)| sequence.draw(logits, sampling));
        active.iter().try_for_each(Sequence::check)
    }

    /// Takes out what has ended.
    fn retire(
        &self,
        active: Vec<Sequence>,
        sampling: &Sampling,
        done: &mut [Vec<Option<Completion>>],
    ) -> Result<Vec<Sequence>> {
        let mut left = Vec::with_capacity(active.len());
        for sequence in active {
            match self.finish(&sequence, sampling)? {
                Some((finish, text)) => {
                    let Sequence { ask, sample, ids, logps, .. } = sequence;
                    done[ask][sample] = Some(Completion { ids, logps, text, finish });
                }
                None => left.push(sequence),
            }
        }
        Ok(left)
    }

    /// Whether and how a sequence has ended, and its text if so.
    fn finish(&self, sequence: &Sequence, sampling: &Sampling) -> Result<Option<(Finish, String)>> {
        let ids = sequence.ids.as_slice();
        if let Some((last, before)) = ids.split_last()
            && sampling.eos.contains(last)
        {
            return Ok(Some((Finish::Eos, self.tokenizer().decode(before, true)?)));
        }
        if !sampling.stop.is_empty() {
            let text = self.tokenizer().decode(ids, true)?;
            let first =
                sampling.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min();
            if let Some(at) = first {
                return Ok(Some((Finish::Stop, text[..at].to_owned())));
            }
        }
        if ids.len() >= sampling.max_new {
            return Ok(Some((Finish::Length, self.tokenizer().decode(ids, true)?)));
        }
        Ok(None)
    }
}

/// A completion in the making.
struct Sequence {
    ask: usize,
    sample: usize,
    adapter: Option<Arc<Adapter>>,
    rng: Rng,
    prefix: Prefix,
    /// Keys and values of its own tokens, by layer.
    own: Vec<Kv>,
    ids: Vec<u32>,
    logps: Vec<f32>,
}

impl Sequence {
    fn draw(&mut self, logits: &mut [f32], sampling: &Sampling) {
        let at = self.rng.uniform(self.ids.len() as u64);
        // One NaN in a state makes every logit NaN; the exponentials below would hide it.
        let broken = logits.first().is_none_or(|logit| logit.is_nan());
        let Draw { id, logp } = sampler::draw(logits, sampling.temperature, sampling.top_p, at);
        self.ids.push(id);
        self.logps.push(if broken { f32::NAN } else { logp });
    }

    /// Weights that hold NaN, or factors that grew out of all bounds, would go on speaking nonsense.
    fn check(&self) -> Result<()> {
        if self.logps.last().is_some_and(|logp| logp.is_nan()) {
            return Err(Error::model(
                "the model's probabilities are no numbers (NaN): its weights or its adapter are broken; see the losses of the stage that trained it",
            ));
        }
        Ok(())
    }
}
