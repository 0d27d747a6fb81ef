//! A reward model: a trunk with an adapter, and a head that reads one number off the state after a completion's last token.
//!
//! On disk it is a PEFT folder of task SEQ_CLS: `adapter_config.json`, `adapter_model.safetensors` with the head as
//! `base_model.model.score.weight` `[1, hidden]`, and our `calibration.json`.

use std::collections::BTreeMap;
use std::path::Path;

use mascot_run::engine::{Fault, Input};
use mascot_run::task::{Policy, Slot};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::scene::Scene;
use crate::error::Error;
use crate::model::Lm;
use crate::models::{Models, input};
use crate::nn::{Lora, Pack};
use crate::text::Message;

pub const HEAD: &str = "base_model.model.score.weight";

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
        let (lm, lora) = models.policy(policy, inputs)?;
        let lora = lora.ok_or_else(|| Fault::Model("a reward model needs an adapter".into()))?;
        let head = read_head(folder)?;
        if head.len() != lm.config().hidden {
            let why = format!("its head is {} wide, the model {}", head.len(), lm.config().hidden);
            return Err(Fault::File { path: folder.clone(), why });
        }
        Ok(Self { lm, lora, head })
    }

    /// r(x, ρ, y) of every turn of every scene.
    ///
    /// # Errors
    /// When the model fails.
    pub fn score(&self, scenes: &[Scene]) -> Result<Vec<Vec<f64>>, Fault> {
        let mut groups: Vec<(Vec<u32>, Vec<&[u32]>)> = Vec::new();
        for scene in scenes {
            for (at, turn) in scene.turns.iter().enumerate() {
                let mut messages = vec![Message::new("system", &*turn.system)];
                messages.extend(scene.seen_by(at));
                let prompt = self.lm.chat().prompt(self.lm.tokenizer(), &messages)?;
                match groups.last_mut() {
                    Some((last, completions)) if *last == prompt => completions.push(&turn.ids),
                    _ => groups.push((prompt, vec![&turn.ids])),
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

/// Adds the head to a PEFT folder, and makes its task a classification by one number.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_head(folder: &Path, head: &[f32]) -> Result<(), Fault> {
    let weights = folder.join("adapter_model.safetensors");
    let fault = |path: &Path, why: &dyn std::fmt::Display| Fault::File { path: path.to_owned(), why: why.to_string() };
    let old = std::fs::read(&weights).map_err(|why| fault(&weights, &why))?;
    let tensors = SafeTensors::deserialize(&old).map_err(|why| fault(&weights, &why))?;
    let bytes: Vec<u8> = head.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut all: BTreeMap<String, TensorView<'_>> = tensors.tensors().into_iter().collect();
    let view = TensorView::new(Dtype::F32, vec![1, head.len()], &bytes).expect("the shape is the slice's own");
    all.insert(HEAD.to_owned(), view);
    let metadata = Some(std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]));
    let new = safetensors::serialize(all, metadata).map_err(|why| fault(&weights, &why))?;
    std::fs::write(&weights, new).map_err(|why| fault(&weights, &why))?;

    let config = folder.join("adapter_config.json");
    let text = std::fs::read_to_string(&config).map_err(|why| fault(&config, &why))?;
    let mut json: serde_json::Value = serde_json::from_str(&text).map_err(|why| fault(&config, &why))?;
    json["task_type"] = "SEQ_CLS".into();
    json["modules_to_save"] = serde_json::json!(["classifier", "score"]);
    let text = serde_json::to_string_pretty(&json).map_err(|why| fault(&config, &why))?;
    std::fs::write(&config, text + "\n").map_err(|why| fault(&config, &why))
}

fn read_head(folder: &Path) -> Result<Vec<f32>, Fault> {
    let path = folder.join("adapter_model.safetensors");
    let fault = |why: &dyn std::fmt::Display| Fault::File { path: path.clone(), why: why.to_string() };
    let bytes = std::fs::read(&path).map_err(|why| fault(&why))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|why| fault(&why))?;
    let view = tensors.tensor(HEAD).map_err(|_| fault(&format!("has no `{HEAD}`: it is an adapter, not a reward model")))?;
    if view.dtype() != Dtype::F32 {
        return Err(fault(&"its head is not f32"));
    }
    Ok(view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}
