//! AdamW on flat slices, with a state that can be saved, and clipping by the global norm.

use std::collections::BTreeMap;
use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::Optimizer;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// AdamW (Loshchilov & Hutter 2019, algorithm 2 with decoupled decay, as torch has it), moments in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    m: Vec<f32>,
    v: Vec<f32>,
    /// Steps taken.
    t: u64,
}

impl AdamW {
    /// For `n` parameters; moments are 0.
    pub fn new(n: usize) -> Self {
        Self { m: vec![0.0; n], v: vec![0.0; n], t: 0 }
    }

    pub fn steps(&self) -> u64 {
        self.t
    }

    /// p ← p(1 − lr·λ);  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  p ← p − lr·(m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε).
    ///
    /// # Panics
    /// When the slices are not as long as the state: a bug in mascot.
    pub fn step(&mut self, params: &mut [f32], grads: &[f32], lr: f64, how: &Optimizer) {
        assert!(
            params.len() == self.m.len() && grads.len() == self.m.len(),
            "the optimiser's state has another size than the adapter; this is a bug in mascot"
        );
        self.t += 1;
        let (beta1, beta2) = (how.betas.0, how.betas.1);
        let correction1 = 1.0 - beta1.powi(self.t as i32);
        let correction2 = (1.0 - beta2.powi(self.t as i32)).sqrt();
        let decay = (1.0 - lr * how.weight_decay) as f32;
        let step_size = (lr / correction1) as f32;
        let (b1, b2, eps) = (beta1 as f32, beta2 as f32, how.eps as f32);
        let correction2 = correction2 as f32;
        for (((p, &g), m), v) in params.iter_mut().zip(grads).zip(&mut self.m).zip(&mut self.v) {
            *p *= decay;
            *m += (g - *m) * (1.0 - b1);
            *v = *v * b2 + g * g * (1.0 - b2);
            // Minus nothing still turns −0 into 0: at a rate of zero no bit may change.
            if step_size != 0.0 {
                *p -= step_size * *m / (v.sqrt() / correction2 + eps);
            }
        }
    }

    /// Writes moments, count of steps, the parameters and what a stage remembers as one safetensors file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_with(&self, path: &Path, params: &[f32], step: u64, memory: String) -> Result<(), Fault> {
        let (m, v, p) = (bytes(&self.m), bytes(&self.v), bytes(params));
        let (t, step) = (self.t.to_le_bytes(), step.to_le_bytes());
        let view =
            |dtype, length, data| TensorView::new(dtype, vec![length], data).expect("the shape is the slice's own");
        let tensors = BTreeMap::from([
            ("m", view(Dtype::F32, self.m.len(), &m)),
            ("v", view(Dtype::F32, self.v.len(), &v)),
            ("params", view(Dtype::F32, params.len(), &p)),
            ("t", view(Dtype::U64, 1, &t)),
            ("step", view(Dtype::U64, 1, &step)),
            ("memory", view(Dtype::U8, memory.len(), memory.as_bytes())),
        ]);
        safetensors::serialize_to_file(tensors, None, path).map_err(|why| file(path, why))
    }

    /// Reads what [`AdamW::save_with`] wrote: the optimiser, parameters, the step, what the stage remembers.
    ///
    /// # Errors
    /// When the file cannot be read, or is for another number of parameters than `n`.
    pub fn load_with(path: &Path, n: usize) -> Result<(Self, Vec<f32>, u64, String), Fault> {
        let data = std::fs::read(path).map_err(|why| file(path, why))?;
        let tensors = SafeTensors::deserialize(&data).map_err(|why| file(path, why))?;
        let of = |name: &str| tensors.tensor(name).map_err(|why| file(path, why));
        let floats = |name: &str| -> Result<Vec<f32>, Fault> {
            Ok(of(name)?.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        };
        let whole = |name: &str| -> Result<u64, Fault> {
            let view = of(name)?;
            let word = view.data().first_chunk::<8>().ok_or_else(|| file(path, format!("`{name}` is empty")))?;
            Ok(u64::from_le_bytes(*word))
        };
        let (m, v, params) = (floats("m")?, floats("v")?, floats("params")?);
        if [m.len(), v.len(), params.len()] != [n, n, n] {
            return Err(file(path, format!("is for {} parameters, the adapter has {n}", m.len())));
        }
        let memory = String::from_utf8(of("memory")?.data().to_vec()).map_err(|why| file(path, why))?;
        Ok((Self { m, v, t: whole("t")? }, params, whole("step")?, memory))
    }
}

/// √Σg².
pub fn norm(grads: &[f32]) -> f64 {
    grads.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt()
}

/// Scales `grads` so that their norm is at most `max`; gives the norm before (torch's `clip_grad_norm_`).
pub fn clip(grads: &mut [f32], max: Option<f64>) -> f64 {
    let norm = norm(grads);
    if let Some(max) = max {
        let scale = max / (norm + 1e-6);
        if scale < 1.0 {
            grads.iter_mut().for_each(|g| *g *= scale as f32);
        }
    }
    norm
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn file(path: &Path, why: impl std::fmt::Display) -> Fault {
    Fault::File { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use mascot_run::task::Schedule;

    use super::*;
    use crate::train::golden::{Losses, apart};

    fn torch_defaults() -> Optimizer {
        Optimizer {
            lr: 1e-3,
            warmup: 0,
            schedule: Schedule::Constant,
            final_lr: 1.0,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.01,
            max_grad_norm: None,
        }
    }

    #[test]
    fn five_steps_are_torchs_five_steps() {
        let golden = Losses::read();
        let mut p = golden.tensor("adamw.p0").to_vec();
        let mut adam = AdamW::new(p.len());
        for step in 0..5 {
            let g = &golden.tensor("adamw.grads")[step * 12..(step + 1) * 12];
            adam.step(&mut p, g, 1e-3, &torch_defaults());
            let expected = &golden.tensor("adamw.trajectory")[step * 12..(step + 1) * 12];
            assert!(apart(&p, expected) < 1e-6, "step {step}: {p:?} {expected:?}");
        }
    }

    #[test]
    fn a_rate_of_zero_without_decay_moves_no_bit() {
        let golden = Losses::read();
        let mut p = golden.tensor("adamw.p0").to_vec();
        // The floats whose bits are easily lost.
        p[..4].copy_from_slice(&[0.0, -0.0, f32::MIN_POSITIVE / 4.0, f32::MAX]);
        let before: Vec<u32> = p.iter().map(|x| x.to_bits()).collect();
        let mut adam = AdamW::new(p.len());
        let how = Optimizer { weight_decay: 0.0, ..torch_defaults() };
        for step in 0..5 {
            adam.step(&mut p, &golden.tensor("adamw.grads")[step * 12..(step + 1) * 12], 0.0, &how);
        }
        assert_eq!(p.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), before);
    }

    #[test]
    fn clipping_is_torchs() {
        let golden = Losses::read();
        let mut g = golden.tensor("adamw.clip.in").to_vec();
        let norm = clip(&mut g, Some(1.0));
        assert!((norm - golden.scalar("adamw.clip.norm")).abs() < 1e-5);
        assert!(apart(&g, golden.tensor("adamw.clip.out")) < 1e-6);
    }

    #[test]
    fn a_saved_state_goes_on_bit_for_bit() {
        let golden = Losses::read();
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("adamw.safetensors");
        let grads = golden.tensor("adamw.grads");
        let (mut p, mut adam) = (golden.tensor("adamw.p0").to_vec(), AdamW::new(12));
        adam.step(&mut p, &grads[..12], 1e-3, &torch_defaults());
        adam.save_with(&path, &p, 1, "note".into()).expect("saved");
        let (mut again, mut q, step, memory) = AdamW::load_with(&path, 12).expect("loaded");
        assert_eq!((step, memory.as_str()), (1, "note"));
        assert_eq!(adam, again);
        adam.step(&mut p, &grads[12..24], 1e-3, &torch_defaults());
        again.step(&mut q, &grads[12..24], 1e-3, &torch_defaults());
        assert_eq!(p, q);
        assert!(AdamW::load_with(&path, 13).is_err());
    }
}
