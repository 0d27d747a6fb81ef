//! One decoder block, forward and backward. What attention sees is the caller's: a pack in training and prefill, caches in
//! decoding.
//!
//! ```text
//! n1 = rms(x); q|k|v = turn(norm(n1 Wqkvᵀ + b)); mid = x + attend(q|k|v) Woᵀ
//! n2 = rms(mid); g|u = n2 Wguᵀ;                  y = mid + (silu(g) · u) Wdᵀ
//! ```
//! Every linear may carry a LoRA detour. Backward takes `dx` through the frozen weights and never makes a `dW`; norms and
//! SwiGLU are computed again from what is saved.

use candle_core::Tensor;
use mascot_run::task::Target;

use super::lora::{LayerFactors, LoraGrads};
use crate::error::Result;
use crate::kernels::attention::{self, Block, Heads};
use crate::kernels::linear::{Role, linear, linear_back};
use crate::kernels::pointwise::{self, Rotation};
use crate::kernels::recycle;
use crate::model::Config;
use crate::model::weights::LayerWeights;

/// So many rows, one after another, with these factors.
pub type Route<'a> = (usize, Option<&'a LayerFactors>);

/// The part of a forward pass that is the same in every layer.
pub struct Pass<'a> {
    pub config: &'a Config,
    pub rotation: &'a Rotation,
    pub role: Role,
}

/// What a backward pass needs of one layer's forward pass.
#[derive(Debug)]
pub struct Saved {
    x: Tensor,
    /// Before norm and rotation; kept only where heads are normed (Qwen3).
    raw: Option<Tensor>,
    /// Rotated q | k | v.
    qkv: Tensor,
    attended: Tensor,
    mid: Tensor,
    gate_up: Tensor,
    /// `x Aᵀ` of each adapted linear.
    us: Detours,
}

impl Saved {
    /// Rotated q | k | v, `[rows, width]`.
    pub fn qkv(&self) -> &Tensor {
        &self.qkv
    }

    /// For who has read what they came for: nothing else may hold a part of it.
    pub fn recycle(self) {
        for tensor in [self.x, self.qkv, self.attended, self.mid, self.gate_up] {
            recycle(tensor);
        }
    }

    /// The block's input alone, for those who compute the rest again.
    pub fn into_input(self) -> Tensor {
        self.x
    }
}

/// `u = x Aᵀ` by target.
type Detours = [Option<Tensor>; 7];

/// Bytes that [`Saved`] keeps for one token.
pub fn saved_bytes(config: &Config) -> usize {
    let raw = if config.arch == crate::model::config::Arch::Qwen3 { config.qkv_dim() } else { 0 };
    4 * (2 * config.hidden + config.qkv_dim() + raw + config.q_dim() + 2 * config.ffn)
}

impl Config {
    pub(crate) fn attention_heads(&self) -> Heads {
        Heads { queries: self.heads, keys: self.kv_heads, dim: self.head_dim }
    }
}

impl Pass<'_> {
    /// `y` `[rows, hidden]`, each row by its route; `attend` is given rotated q | k | v and answers `[rows, q_dim]`.
    ///
    /// # Errors
    /// When a tensor operation fails.
    pub fn forward(
        &self,
        weights: &LayerWeights,
        routes: &[Route<'_>],
        x: Tensor,
        attend: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<(Tensor, Saved)> {
        let mut us = Detours::default();
        let (raw, qkv) = self.projected(weights, routes, &x, &mut us)?;
        let attended = attend(&qkv)?;
        let (y, mid, gate_up) = self.mixed(weights, routes, &x, &attended, &mut us)?;
        Ok((y, Saved { x, raw, qkv, attended, mid, gate_up, us }))
    }

    /// `y` of these rows alone, and rotated q | k | v of all: after attention, no row needs another. For a last layer.
    ///
    /// # Errors
    /// As [`Pass::forward`].
    pub fn forward_rows(
        &self,
        weights: &LayerWeights,
        factors: Option<&LayerFactors>,
        x: &Tensor,
        rows: &Tensor,
        attend: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        let mut us = Detours::default();
        let (_, qkv) = self.projected(weights, &[(x.dim(0)?, factors)], x, &mut us)?;
        let (x, attended) = (x.index_select(rows, 0)?, attend(&qkv)?.index_select(rows, 0)?);
        let (y, ..) = self.mixed(weights, &[(rows.elem_count(), factors)], &x, &attended, &mut us)?;
        Ok((y, qkv))
    }

    /// q | k | v, raw where heads are normed, and rotated.
    fn projected(
        &self,
        weights: &LayerWeights,
        routes: &[Route<'_>],
        x: &Tensor,
        us: &mut Detours,
    ) -> Result<(Option<Tensor>, Tensor)> {
        let config = self.config;
        let n1 = pointwise::rms_norm(x, &weights.attn_norm, config.norm_eps)?;
        let mut qkv = linear(&n1, &weights.qkv, self.role)?;
        if let Some(bias) = &weights.qkv_bias {
            qkv = pointwise::add_bias(qkv, bias)?;
        }
        let (q, kv) = (config.q_dim(), config.kv_dim());
        for (target, offset) in [(Target::Q, 0), (Target::K, q), (Target::V, q + kv)] {
            qkv = detour(routes, target, qkv, &n1, offset, us)?;
        }
        recycle(n1);
        let (raw, normed) = match (&weights.q_norm, &weights.k_norm) {
            (Some(q_norm), Some(k_norm)) => {
                let parts = [
                    pointwise::rms_norm(&qkv.narrow(1, 0, q)?.contiguous()?, q_norm, config.norm_eps)?,
                    pointwise::rms_norm(&qkv.narrow(1, q, kv)?.contiguous()?, k_norm, config.norm_eps)?,
                    qkv.narrow(1, q + kv, kv)?,
                ];
                let normed = Tensor::cat(&parts, 1)?;
                (Some(qkv), normed)
            }
            _ => (None, qkv),
        };
        Ok((raw, self.rotation.turn(normed, config.heads + config.kv_heads, false)?))
    }

    /// `y`, `mid` and gate | up from what was attended to.
    fn mixed(
        &self,
        weights: &LayerWeights,
        routes: &[Route<'_>],
        x: &Tensor,
        attended: &Tensor,
        us: &mut Detours,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let config = self.config;
        let o = linear(attended, &weights.o, self.role)?;
        let o = detour(routes, Target::O, o, attended, 0, us)?;
        let mid = pointwise::add(o, x)?;

        let n2 = pointwise::rms_norm(&mid, &weights.mlp_norm, config.norm_eps)?;
        let mut gate_up = linear(&n2, &weights.gate_up, self.role)?;
        for (target, offset) in [(Target::Gate, 0), (Target::Up, config.ffn)] {
            gate_up = detour(routes, target, gate_up, &n2, offset, us)?;
        }
        recycle(n2);
        let act = pointwise::swiglu(&gate_up)?;
        let down = linear(&act, &weights.down, self.role)?;
        let down = detour(routes, Target::Down, down, &act, 0, us)?;
        recycle(act);
        Ok((pointwise::add(down, &mid)?, mid, gate_up))
    }

    /// `dx` from `dy`, adding the layer's LoRA gradients to `grads`. `None` when nothing below learns and nobody asked.
    ///
    /// # Errors
    /// When a tensor operation fails.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        layer: usize,
        weights: &LayerWeights,
        factors: Option<&LayerFactors>,
        saved: &Saved,
        blocks: &[Block],
        dy: Tensor,
        grads: &mut LoraGrads,
        wanted: bool,
    ) -> Result<Option<Tensor>> {
        let config = self.config;
        let mut back = |target: Target, dy: &Tensor, offset: usize, x: &Tensor, dx: Option<Tensor>| {
            let factors = factors.and_then(|factors| factors.get(target));
            match (factors, &saved.us[target as usize], grads.slot(layer, target)) {
                (Some(factors), Some(u), Some((da, db))) => factors.backward(dy, offset, x, u, dx, da, db),
                _ => Ok(dx),
            }
        };
        let down = pointwise::swiglu(&saved.gate_up)?;
        let dact = back(Target::Down, &dy, 0, &down, Some(linear_back(&dy, &weights.down)?))?.ok_or_else(lost)?;
        recycle(down);
        let dgate_up = pointwise::swiglu_backward(&saved.gate_up, &dact)?;
        recycle(dact);
        let n2 = pointwise::rms_norm(&saved.mid, &weights.mlp_norm, config.norm_eps)?;
        let mut dn2 = Some(linear_back(&dgate_up, &weights.gate_up)?);
        for (target, offset) in [(Target::Gate, 0), (Target::Up, config.ffn)] {
            dn2 = back(target, &dgate_up, offset, &n2, dn2)?;
        }
        let through =
            pointwise::rms_norm_backward(&saved.mid, &weights.mlp_norm, &dn2.ok_or_else(lost)?, config.norm_eps)?;
        let dmid = pointwise::add(through, &dy)?;

        let dattended =
            back(Target::O, &dmid, 0, &saved.attended, Some(linear_back(&dmid, &weights.o)?))?.ok_or_else(lost)?;
        let dqkv = attention::backward(&saved.qkv, &dattended, config.attention_heads(), blocks)?;
        let mut dqkv = self.rotation.turn(dqkv, config.heads + config.kv_heads, true)?;
        let (q, kv) = (config.q_dim(), config.kv_dim());
        if let (Some(raw), Some(q_norm), Some(k_norm)) = (&saved.raw, &weights.q_norm, &weights.k_norm) {
            let part = |from: usize, width: usize, norm: &Tensor| -> Result<Tensor> {
                let (raw, d) = (raw.narrow(1, from, width)?.contiguous()?, dqkv.narrow(1, from, width)?.contiguous()?);
                pointwise::rms_norm_backward(&raw, norm, &d, config.norm_eps)
            };
            dqkv = Tensor::cat(&[part(0, q, q_norm)?, part(q, kv, k_norm)?, dqkv.narrow(1, q + kv, kv)?], 1)?;
        }
        let n1 = pointwise::rms_norm(&saved.x, &weights.attn_norm, config.norm_eps)?;
        let mut dn1 = if wanted { Some(linear_back(&dqkv, &weights.qkv)?) } else { None };
        for (target, offset) in [(Target::Q, 0), (Target::K, q), (Target::V, q + kv)] {
            dn1 = back(target, &dqkv, offset, &n1, dn1)?;
        }
        let Some(dn1) = dn1 else { return Ok(None) };
        let through = pointwise::rms_norm_backward(&saved.x, &weights.attn_norm, &dn1, config.norm_eps)?;
        Ok(Some(pointwise::add(through, &dmid)?))
    }
}

fn lost() -> crate::error::Error {
    crate::error::Error::model("a gradient was lost on the way; this is a bug in mascot")
}

/// Adds each route's detour to its rows. Only a pass of one route saves its `u`: only packs are trained on.
fn detour(
    routes: &[Route<'_>],
    target: Target,
    mut y: Tensor,
    x: &Tensor,
    offset: usize,
    us: &mut Detours,
) -> Result<Tensor> {
    if let [(_, factors)] = routes {
        let Some(factors) = factors.and_then(|factors| factors.get(target)) else { return Ok(y) };
        let (y, u) = factors.add_to(y, x, offset)?;
        us[target as usize] = Some(u);
        return Ok(y);
    }
    let in_place = y.device().is_cpu();
    let mut parts = Vec::new();
    let mut from = 0;
    for &(rows, factors) in routes {
        let part = y.narrow(0, from, rows)?;
        parts.push(match factors.and_then(|factors| factors.get(target)) {
            Some(factors) => factors.add_to(part, &x.narrow(0, from, rows)?, offset)?.0,
            None => part,
        });
        from += rows;
    }
    if !in_place {
        y = Tensor::cat(&parts, 0)?;
    }
    Ok(y)
}
