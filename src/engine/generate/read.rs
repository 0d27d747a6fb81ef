//! Reading prompts before something is sampled after them: many in one pass, each behind what is known of it already.
//!
//! Every row is summed alike whatever stands beside it ([`Role::Read`]), so that what a prompt becomes does not depend on which
//! others are read with it, nor on where it was parted.

use std::sync::Arc;

use candle_core::Tensor;
use rayon::prelude::*;

use super::sampler;
use crate::error::{Error, Result};
use crate::kernels::beside;
use crate::kernels::decode::Kv;
use crate::kernels::linear::{Role, linear};
use crate::model::Lm;
use crate::model::causal_lm::{PASS_TOKENS, Prefix, rows_and_ids};
use crate::nn::lora::{Adapter, Lora};
use crate::nn::pack::Pack;

/// A prompt to be read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// What was read of it, under the same adapter.
    pub before: Option<&'a Prefix>,
    /// The rest of it: one token at least.
    pub ids: &'a [u32],
    /// Continuations whose log-probabilities are wanted.
    pub options: &'a [Vec<u32>],
}

/// A prompt that was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// Keys and values of all of it.
    pub prefix: Prefix,
    /// log p of the tokens of every option, one option after another, in nats.
    pub logps: Vec<f32>,
    /// After the final norm at its last token, `[1, hidden]`.
    pub(super) state: Tensor,
}

impl Lm {
    /// Keys and values of a prompt under an adapter: what goes on from it must be under the same one.
    ///
    /// # Errors
    /// As [`Lm::read`].
    pub fn prefix_under(&self, adapter: Option<&Lora>, ids: &[u32]) -> Result<Prefix> {
        let read = self.read(adapter, &[Reading { before: None, ids, options: &[] }], 1.0)?;
        read.into_iter().next().map(|read| read.prefix).ok_or_else(|| Error::Data("nothing was read".to_owned()))
    }

    /// Reads prompts under one adapter. Logits of options are divided by `temperature` first.
    ///
    /// # Errors
    /// When a prompt has no token left to read, or one is outside the vocabulary.
    pub fn read(&self, adapter: Option<&Lora>, prompts: &[Reading<'_>], temperature: f32) -> Result<Vec<Read>> {
        if prompts.iter().any(|prompt| prompt.ids.is_empty()) {
            return Err(Error::Data("a prompt needs at least one token".to_owned()));
        }
        let adapter = self.adapter(adapter)?;
        let mut passes = Vec::new();
        let mut rest = prompts;
        while !rest.is_empty() {
            let (mut pack, mut count) = (Pack::new(), 0);
            while count < rest.len() && (pack.is_empty() || pack.len() + rest[count].ids.len() <= PASS_TOKENS) {
                pack.push(rest[count].ids, rest[count].options);
                count += 1;
            }
            let (prompts, others) = rest.split_at(count);
            passes.push((prompts, pack));
            rest = others;
        }
        let read = beside(self.device(), &passes, |(prompts, pack)| {
            self.read_together(adapter.as_deref(), prompts, pack, temperature)
        })?;
        Ok(read.concat())
    }

    fn read_together(
        &self,
        adapter: Option<&Adapter>,
        prompts: &[Reading<'_>],
        pack: &Pack,
        temperature: f32,
    ) -> Result<Vec<Read>> {
        let heads = self.config().attention_heads();
        let before: Vec<Option<&Prefix>> = prompts.iter().map(|prompt| prompt.before).collect();
        let mut kept: Vec<Vec<Kv>> = vec![Vec::with_capacity(self.config().layers); prompts.len()];
        let last = pack.blocks().iter().map(|block| (block.start + block.prompt) as u32 - 1);
        let (of_options, targets) = rows_and_ids(pack);
        let rows: Vec<u32> = last.chain(of_options).collect();
        let states = self.states_at(adapter, pack, &before, &rows, |i, qkv| {
            for ((block, prompt), kept) in pack.blocks().iter().zip(prompts).zip(&mut kept) {
                let mut kv = prompt.before.map_or_else(|| Kv::new(heads), |before| before.layers[i].clone());
                kv.extend(&qkv.narrow(0, block.start, block.prompt)?, heads)?;
                kept.push(kv);
            }
            Ok(())
        })?;
        let of_options = states.narrow(0, prompts.len(), targets.len())?;
        let logps = self.option_logps(&of_options, &targets, temperature)?;
        let mut logps = logps.as_slice();
        let mut all = Vec::with_capacity(prompts.len());
        for (i, (prompt, layers)) in prompts.iter().zip(kept).enumerate() {
            let (own, rest) = logps.split_at(prompt.options.iter().map(Vec::len).sum());
            logps = rest;
            let tokens = prompt.before.map_or(0, Prefix::len) + prompt.ids.len();
            let prefix = Prefix { layers: Arc::new(layers), tokens };
            all.push(Read { prefix, logps: own.to_vec(), state: states.narrow(0, i, 1)? });
        }
        Ok(all)
    }

    fn option_logps(&self, states: &Tensor, targets: &[u32], temperature: f32) -> Result<Vec<f32>> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let mut logits = linear(states, &self.weights().head, Role::Sampled)?.flatten_all()?.to_vec1::<f32>()?;
        let each = logits.par_chunks_mut(self.config().vocab).zip(targets);
        let scale = 1.0 / temperature;
        Ok(each.map(|(logits, &target)| sampler::logp(logits, scale, target as usize)).collect())
    }
}
