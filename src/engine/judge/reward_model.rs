//! A reward model: a trunk with an adapter, and a head that reads one number off the state after a completion's last token.
//!
//! On disk it is a PEFT folder of task SEQ_CLS with the head in it, and our `calibration.json` beside.

use std::collections::BTreeMap;

use mascot_run::engine::{Fault, Input};
use mascot_run::task::{Policy, Slot};

use super::likelihood;
use super::scene::Scene;
use crate::error::Error;
use crate::model::{Lm, Peft};
use crate::models::{Models, input};
use crate::nn::{Lora, Pack};
use crate::text::Message;

pub struct RewardModel {
    pub lm: Lm,
    pub lora: Lora,
    /// `[hidden]`
    pub head: Vec<f32>,
}

impl RewardModel {
    /// # Errors
    /// When the folder has no head, or cannot be read.
    pub fn read(policy: &Policy, models: &mut Models, inputs: &BTreeMap<Slot, Input>) -> Result<Self, Fault> {
        let slot = policy.adapter.as_ref();
        let slot = slot.ok_or_else(|| Fault::Model("a reward model without its adapter folder is none".into()))?;
        let folder = &input(inputs, slot)?.path;
        let lm = models.lm(&policy.model, inputs)?;
        let Peft { lora, score } = Peft::read(folder, &lm)?;
        let why = "has no head: it is an adapter, not a reward model";
        let head = score.ok_or_else(|| Fault::File { path: folder.clone(), why: why.into() })?;
        Ok(Self { lm, lora, head })
    }

    /// r(x, ρ, y) of every turn of every scene.
    ///
    /// # Errors
    /// When the model fails.
    pub fn score(&self, scenes: &[Scene]) -> Result<Vec<Vec<f64>>, Fault> {
        let mut groups: Vec<(Vec<u32>, Vec<Vec<u32>>)> = Vec::new();
        for scene in scenes {
            for (at, turn) in scene.turns.iter().enumerate() {
                let mut messages = vec![Message::new("system", &*turn.system)];
                messages.extend(scene.seen_by(at));
                let prompt = self.lm.chat().prompt(self.lm.tokenizer(), &messages)?;
                let ids = likelihood::ids(&self.lm, turn)?;
                match groups.last_mut() {
                    Some((last, completions)) if *last == prompt => completions.push(ids),
                    _ => groups.push((prompt, vec![ids])),
                }
            }
        }
        let mut scores = Vec::new();
        let mut at = 0;
        while at < groups.len() {
            let mut pack = Pack::new();
            while at < groups.len() && (pack.is_empty() || pack.len() < 1024) {
                pack.push(&groups[at].0, &groups[at].1);
                at += 1;
            }
            scores.extend(self.of(&pack)?);
        }
        let mut scores = scores.into_iter();
        Ok(scenes.iter().map(|scene| scores.by_ref().take(scene.turns.len()).collect()).collect())
    }

    /// One number a completion of the pack.
    ///
    /// # Errors
    /// When the model fails.
    pub fn of(&self, pack: &Pack) -> Result<Vec<f64>, Fault> {
        let hidden = self.lm.hidden(Some(&self.lora), pack, pack.ends())?;
        let rows = hidden.to_vec2::<f32>().map_err(Error::from)?;
        Ok(rows.iter().map(|row| dot(row, &self.head)).collect())
    }
}

pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}
