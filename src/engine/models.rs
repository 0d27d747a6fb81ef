//! Models at hand, shared between tasks: read once, known by content.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::Device;
use mascot_run::engine::{Fault, Input};
use mascot_run::task::{ModelSpec, Policy, Slot, Weights};

use crate::encoder::Encoder;
use crate::judge::far::Far;
use crate::model::Lm;
use crate::nn::Lora;

/// What was read. What a task did not ask for is let go when it ends, so that memory holds one task's models.
pub struct Models {
    device: Device,
    lms: BTreeMap<String, (Lm, bool)>,
    encoders: BTreeMap<String, (Arc<Encoder>, bool)>,
    /// Those that are not on this machine.
    pub far: Far,
}

impl Models {
    pub fn new(device: Device) -> Self {
        Self { device, lms: BTreeMap::new(), encoders: BTreeMap::new(), far: Far::default() }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A causal language model.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn lm(&mut self, spec: &ModelSpec, inputs: &BTreeMap<Slot, Input>) -> Result<Lm, Fault> {
        let key = key(spec, inputs)?;
        if let Some((lm, used)) = self.lms.get_mut(&key) {
            *used = true;
            return Ok(lm.clone());
        }
        let lm = match &spec.weights {
            Weights::Input(slot) => Lm::load(&input(inputs, slot)?.path, spec.dtype, &self.device)?,
            Weights::Random(shape) => Lm::random(shape, &self.device)?,
        };
        self.lms.insert(key, (lm.clone(), true));
        Ok(lm)
    }

    /// A sentence encoder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn encoder(&mut self, spec: &ModelSpec, inputs: &BTreeMap<Slot, Input>) -> Result<Arc<Encoder>, Fault> {
        let key = key(spec, inputs)?;
        if let Some((encoder, used)) = self.encoders.get_mut(&key) {
            *used = true;
            return Ok(encoder.clone());
        }
        let encoder = Arc::new(match &spec.weights {
            Weights::Input(slot) => Encoder::load(&input(inputs, slot)?.path, &self.device)?,
            Weights::Random(shape) => Encoder::random(shape, &self.device)?,
        });
        self.encoders.insert(key, (encoder.clone(), true));
        Ok(encoder)
    }

    /// A policy: its model, and its adapter if it has one.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn policy(&mut self, policy: &Policy, inputs: &BTreeMap<Slot, Input>) -> Result<(Lm, Option<Lora>), Fault> {
        let lm = self.lm(&policy.model, inputs)?;
        let lora = match &policy.adapter {
            Some(slot) => Some(Lora::read_peft(&input(inputs, slot)?.path, &lm)?),
            None => None,
        };
        Ok((lm, lora))
    }

    /// A task begins: from here on it is counted what it asks for.
    pub fn begin(&mut self) {
        self.lms.values_mut().for_each(|(_, used)| *used = false);
        self.encoders.values_mut().for_each(|(_, used)| *used = false);
        self.far.begin();
    }

    /// A task has ended: what it did not ask for goes.
    pub fn end(&mut self) {
        self.lms.retain(|_, (_, used)| *used);
        self.encoders.retain(|_, (_, used)| *used);
    }
}

/// What is bound to a slot.
///
/// # Errors
/// When nothing is.
pub fn input<'a>(inputs: &'a BTreeMap<Slot, Input>, slot: &str) -> Result<&'a Input, Fault> {
    inputs.get(slot).ok_or_else(|| Fault::Data(format!("nothing is bound to `{slot}`; this may be a bug in mascot")))
}

/// By content: a digest, or the shape of random weights; and the dtype.
fn key(spec: &ModelSpec, inputs: &BTreeMap<Slot, Input>) -> Result<String, Fault> {
    Ok(match &spec.weights {
        Weights::Input(slot) => format!("{} {:?}", input(inputs, slot)?.digest, spec.dtype),
        Weights::Random(shape) => format!("{shape:?} {:?}", spec.dtype),
    })
}
