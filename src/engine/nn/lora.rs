//! Low-rank adapters (Hu et al. 2021): `y = x Wᵀ + (alpha / r) · (x Aᵀ) Bᵀ`. The factors of a whole model lie in one f32 slice, so
//! that an optimiser sees a vector; gradients lie the same way.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use candle_core::{Device, Tensor};
use mascot_run::task::{LoraSpec, Target};

use crate::error::Result;
use crate::kernels::linear::Factors;
use crate::model::Config;
use crate::rng::Rng;

/// All kinds of linears in a block, in the order in which they are stored.
pub const TARGETS: [Target; 7] = [Target::Q, Target::K, Target::V, Target::O, Target::Gate, Target::Up, Target::Down];

/// The module of a target inside a layer, as Hugging Face names it.
pub fn module(target: Target) -> &'static str {
    match target {
        Target::Q => "self_attn.q_proj",
        Target::K => "self_attn.k_proj",
        Target::V => "self_attn.v_proj",
        Target::O => "self_attn.o_proj",
        Target::Gate => "mlp.gate_proj",
        Target::Up => "mlp.up_proj",
        Target::Down => "mlp.down_proj",
    }
}

/// Inputs and outputs of a target's linear.
pub fn shape(config: &Config, target: Target) -> (usize, usize) {
    let (hidden, ffn) = (config.hidden, config.ffn);
    match target {
        Target::Q => (hidden, config.q_dim()),
        Target::K | Target::V => (hidden, config.kv_dim()),
        Target::O => (config.q_dim(), hidden),
        Target::Gate | Target::Up => (hidden, ffn),
        Target::Down => (ffn, hidden),
    }
}

/// Where the factors of one adapted linear lie: A is `[rank, input]`, B `[output, rank]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub layer: usize,
    pub target: Target,
    pub input: usize,
    pub output: usize,
    pub a: Range<usize>,
    pub b: Range<usize>,
}

/// An adapter's factors. Cloning gives a frozen copy, as a reference policy needs it.
#[derive(Debug, Clone)]
pub struct Lora {
    rank: usize,
    alpha: f64,
    targets: Vec<Target>,
    slots: Arc<Vec<Slot>>,
    values: Vec<f32>,
    /// The factors as tensors, made when first needed and dropped when values change.
    ready: OnceLock<Arc<Adapter>>,
}

impl Lora {
    /// All factors zero: the model as it is.
    pub fn zeros(config: &Config, rank: usize, alpha: f64, targets: &[Target]) -> Self {
        let mut targets = targets.to_vec();
        targets.sort_unstable();
        targets.dedup();
        let mut slots = Vec::new();
        let mut end = 0;
        for layer in 0..config.layers {
            for &target in TARGETS.iter().filter(|target| targets.contains(target)) {
                let (input, output) = shape(config, target);
                let a = end..end + rank * input;
                let b = a.end..a.end + output * rank;
                end = b.end;
                slots.push(Slot { layer, target, input, output, a, b });
            }
        }
        Self { rank, alpha, targets, slots: Arc::new(slots), values: vec![0.0; end], ready: OnceLock::new() }
    }

    /// As peft begins: A uniform in ±1/√input (Kaiming with a = √5), B zero, so that the policy begins as the model.
    pub fn fresh(spec: &LoraSpec, config: &Config, rng: &Rng) -> Self {
        let mut lora = Self::zeros(config, spec.rank as usize, spec.alpha, &spec.targets);
        let slots = lora.slots.clone();
        for slot in slots.iter() {
            let rng = rng.fork(&format!("layers.{}.{}", slot.layer, module(slot.target)));
            let bound = 1.0 / (slot.input as f64).sqrt();
            for (i, value) in lora.values[slot.a.clone()].iter_mut().enumerate() {
                *value = ((2.0 * rng.uniform(i as u64) - 1.0) * bound) as f32;
            }
        }
        lora
    }

    pub fn rank(&self) -> usize {
        self.rank
    }

    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Sorted.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// All factors, slot by slot, A before B.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All factors, to be changed.
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.ready = OnceLock::new();
        &mut self.values
    }

    /// Every factor's name in a PEFT file, where it lies, and its shape.
    pub fn names(&self) -> Vec<(String, Range<usize>, [usize; 2])> {
        let mut names = Vec::with_capacity(2 * self.slots.len());
        for slot in self.slots.iter() {
            let stem = format!("base_model.model.model.layers.{}.{}", slot.layer, module(slot.target));
            names.push((format!("{stem}.lora_A.weight"), slot.a.clone(), [self.rank, slot.input]));
            names.push((format!("{stem}.lora_B.weight"), slot.b.clone(), [slot.output, self.rank]));
        }
        names
    }

    /// The factors as tensors on a device.
    pub(crate) fn on(&self, device: &Device) -> Result<Arc<Adapter>> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready.clone());
        }
        let layers = self.slots.iter().map(|slot| slot.layer + 1).max().unwrap_or(0);
        let mut adapter = Adapter { layers: vec![Default::default(); layers] };
        let scale = (self.alpha / self.rank as f64) as f32;
        for slot in self.slots.iter() {
            let a = Tensor::from_slice(&self.values[slot.a.clone()], (self.rank, slot.input), device)?;
            let b = Tensor::from_slice(&self.values[slot.b.clone()], (slot.output, self.rank), device)?;
            let (a_t, b_t) = (a.t()?.contiguous()?, b.t()?.contiguous()?);
            adapter.layers[slot.layer].0[slot.target as usize] = Some(Factors { a, a_t, b, b_t, scale });
        }
        let adapter = Arc::new(adapter);
        // Another thread may have been first; both made the same.
        Ok(self.ready.get_or_init(|| adapter).clone())
    }
}

/// An adapter on a device, ready to be applied.
#[derive(Debug, Clone)]
pub struct Adapter {
    layers: Vec<LayerFactors>,
}

/// The factors of one layer, by target.
#[derive(Debug, Clone, Default)]
pub struct LayerFactors([Option<Factors>; 7]);

impl Adapter {
    pub(crate) fn layer(&self, index: usize) -> Option<&LayerFactors> {
        self.layers.get(index)
    }
}

impl LayerFactors {
    pub fn get(&self, target: Target) -> Option<&Factors> {
        self.0[target as usize].as_ref()
    }
}

/// Gradients of a [`Lora`]'s factors, in the same places. Backward passes add to them.
#[derive(Debug, Clone)]
pub struct LoraGrads {
    slots: Arc<Vec<Slot>>,
    values: Vec<f32>,
}

impl LoraGrads {
    pub fn zeros(lora: &Lora) -> Self {
        Self { slots: lora.slots.clone(), values: vec![0.0; lora.values.len()] }
    }

    pub fn clear(&mut self) {
        self.values.fill(0.0);
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The L2 norm of all of them together.
    pub fn norm(&self) -> f64 {
        self.values.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt()
    }

    /// dA and dB of one adapted linear.
    pub(crate) fn slot(&mut self, layer: usize, target: Target) -> Option<(&mut [f32], &mut [f32])> {
        let slot = self.slots.iter().find(|slot| slot.layer == layer && slot.target == target)?;
        let (head, tail) = self.values.split_at_mut(slot.b.start);
        Some((&mut head[slot.a.clone()], &mut tail[..slot.b.len()]))
    }
}
