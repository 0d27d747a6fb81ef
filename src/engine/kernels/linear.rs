//! Linear maps with frozen weights, and the low-rank detour that learns.

use std::ops::Range;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::packed::Packed;
use super::panels::{self, Panels};
use super::simd::{self, FewRows, Onto, Product, View};
use super::{ROWS, on_slice, on_slice_mut};
use crate::error::Result;

/// Which path a position takes where weights are f32. It follows from what the position is, never from how many there are, so that
/// what is sampled does not depend on the batch. Quantised weights have one path. On every path a row becomes the same whatever
/// stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Part of a prompt, or of a pack that is trained on or scored: products of many rows.
    Read,
    /// The newest position of a sequence that is sampled: every weight is read once for all of them.
    Sampled,
}

/// Frozen weights `[n, k]`. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Frozen {
    /// f32, on the device.
    Plain(Tensor),
    /// As a file had them, in main memory, twice: for the way back and for the way forward.
    Quantised { rows: Packed, panels: Panels },
}

impl Frozen {
    pub fn quantised(rows: Packed) -> Self {
        let panels = Panels::new(&rows);
        Self::Quantised { rows, panels }
    }

    /// `n`
    pub fn outputs(&self) -> usize {
        match self {
            Self::Plain(w) => w.dims()[0],
            Self::Quantised { rows, .. } => rows.rows(),
        }
    }

    /// `y[t, m] = x[t, k] · w[outputs, k]ᵀ`; outputs begin at a multiple of 64.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward(&self, x: &Tensor, outputs: Range<usize>) -> Result<Tensor> {
        let (rows, k) = x.dims2()?;
        let shape = (rows, outputs.len());
        let y = match self {
            Self::Plain(w) => {
                let w = w.narrow(0, outputs.start, outputs.len())?;
                if !x.device().is_cpu() {
                    return Ok(x.matmul(&w.t()?)?);
                }
                on_slice(x, |x| on_slice(&w, |w| panels::multiply(w, k, x, rows)))??
            }
            Self::Quantised { panels, .. } => on_slice(x, |x| panels.multiply(outputs, x, rows))?,
        };
        Ok(Tensor::from_vec(y, shape, x.device())?)
    }

    /// `dx[t, k] = dy[t, m] · w[outputs, k]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn back(&self, dy: &Tensor, outputs: Range<usize>) -> Result<Tensor> {
        let rows = dy.dim(0)?;
        let (dx, k) = match self {
            Self::Plain(w) => {
                let w = w.narrow(0, outputs.start, outputs.len())?;
                if !dy.device().is_cpu() {
                    return Ok(dy.matmul(&w)?);
                }
                let k = w.dim(1)?;
                (on_slice(dy, |dy| on_slice(&w, |w| panels::multiply_back(w, k, dy, rows)))??, k)
            }
            Self::Quantised { rows: w, .. } => (on_slice(dy, |dy| w.multiply_back(outputs, dy, rows))?, w.columns()),
        };
        Ok(Tensor::from_vec(dx, (rows, k), dy.device())?)
    }

    /// These rows of the weights, `[ids, k]`, on `device`.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn select(&self, ids: &[u32], device: &Device) -> Result<Tensor> {
        match self {
            Self::Plain(w) => Ok(w.index_select(&Tensor::new(ids, device)?, 0)?),
            Self::Quantised { rows, .. } => {
                let all: Vec<f32> = ids.iter().flat_map(|&id| rows.row(id as usize)).collect();
                Ok(Tensor::from_vec(all, (ids.len(), rows.columns()), device)?)
            }
        }
    }
}

/// `y[t, n] = x[t, k] · w[n, k]ᵀ`.
///
/// # Errors
/// When shapes do not fit.
pub fn linear(x: &Tensor, frozen: &Frozen, role: Role) -> Result<Tensor> {
    let n = frozen.outputs();
    match (frozen, role) {
        (Frozen::Plain(w), Role::Sampled) if x.device().is_cpu() => {
            let (rows, k) = x.dims2()?;
            let y = on_slice(x, |x| {
                on_slice(w, |w| {
                    few_rows(rows, n, |range, y| FewRows { x, w: &w[range.start * k..range.end * k], y, k }.run())
                })
            })??;
            Ok(Tensor::from_vec(y, (rows, n), x.device())?)
        }
        _ => frozen.forward(x, 0..n),
    }
}

/// `dx[t, k] = dy[t, n] · w[n, k]`: [`linear`] on the way back.
///
/// # Errors
/// When shapes do not fit.
pub fn linear_back(dy: &Tensor, frozen: &Frozen) -> Result<Tensor> {
    frozen.back(dy, 0..frozen.outputs())
}

/// Spreads `n` outputs over threads: `part(range, y)` fills `[rows, range]`.
fn few_rows(rows: usize, n: usize, part: impl Fn(Range<usize>, &mut [f32]) + Sync) -> Vec<f32> {
    // Enough pieces that threads of unequal speed end together; whole fours of weight rows in each.
    let piece = n.div_ceil(8).max(16).next_multiple_of(4);
    let pieces: Vec<Vec<f32>> = (0..n.div_ceil(piece))
        .into_par_iter()
        .map(|i| {
            let range = i * piece..n.min((i + 1) * piece);
            let mut y = vec![0.0; rows * range.len()];
            part(range, &mut y);
            y
        })
        .collect();
    let mut y = Vec::with_capacity(rows * n);
    for row in 0..rows {
        for piece in &pieces {
            let width = piece.len() / rows;
            y.extend_from_slice(&piece[row * width..(row + 1) * width]);
        }
    }
    y
}

/// The factors of one adapted linear, and their transposes, on the device. `scale` is alpha / rank.
#[derive(Debug, Clone)]
pub struct Factors {
    /// `[r, in]` and `[in, r]`
    pub a: Tensor,
    pub a_t: Tensor,
    /// `[out, r]` and `[r, out]`
    pub b: Tensor,
    pub b_t: Tensor,
    pub scale: f32,
}

impl Factors {
    /// Adds `scale · (x aᵀ) bᵀ` to columns `offset..` of `y`; returns it with `u = x aᵀ`, `[t, r]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn add_to(&self, y: Tensor, x: &Tensor, offset: usize) -> Result<(Tensor, Tensor)> {
        if !x.device().is_cpu() {
            let u = x.matmul(&self.a_t)?;
            let delta = (u.matmul(&self.b_t)? * f64::from(self.scale))?;
            return Ok((add_columns(&y, &delta, offset)?, u));
        }
        let (rows, k) = x.dims2()?;
        let (r, n) = self.b_t.dims2()?;
        let width = y.dim(1)?;
        let mut u = vec![0.0; rows * r];
        on_slice(x, |x| {
            on_slice(&self.a_t, |a_t| {
                u.par_chunks_mut(ROWS * r).zip(x.par_chunks(ROWS * k)).for_each(|(u, x)| {
                    let m = x.len() / k;
                    let a = View { data: x, rows: k, columns: 1 };
                    Product { c: u, c_rows: r, a, b: a_t, b_rows: r, m, n: r, k, onto: Onto::Nothing, alpha: 1.0 }
                        .run();
                });
            })
        })??;
        on_slice(&self.b_t, |b_t| {
            on_slice_mut(&y, |y| {
                y.par_chunks_mut(ROWS * width).zip(u.par_chunks(ROWS * r)).for_each(|(y, u)| {
                    let m = u.len() / r;
                    let a = View { data: u, rows: r, columns: 1 };
                    let c = &mut y[offset..];
                    Product { c, c_rows: width, a, b: b_t, b_rows: n, m, n, k: r, onto: Onto::Sum, alpha: self.scale }
                        .run();
                });
            })
        })??;
        Ok((y, Tensor::from_vec(u, (rows, r), x.device())?))
    }

    /// From `dy` (all columns of the fused output; ours begin at `offset`): adds to `da` `[r, in]` and `db` `[out, r]`, and to
    /// `dx` where it is asked for.
    ///
    /// # Errors
    /// When shapes do not fit.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        dy: &Tensor,
        offset: usize,
        x: &Tensor,
        u: &Tensor,
        dx: Option<Tensor>,
        da: &mut [f32],
        db: &mut [f32],
    ) -> Result<Option<Tensor>> {
        if !x.device().is_cpu() {
            return self.plain_backward(dy, offset, x, u, dx, da, db);
        }
        let (rows, k) = x.dims2()?;
        let (n, r) = self.b.dims2()?;
        let width = dy.dim(1)?;
        // du = scale · dy b
        let mut du = vec![0.0; rows * r];
        on_slice(dy, |dy| {
            on_slice(&self.b, |b| {
                du.par_chunks_mut(ROWS * r).zip(dy.par_chunks(ROWS * width)).for_each(|(du, dy)| {
                    let m = du.len() / r;
                    let a = View { data: &dy[offset..], rows: width, columns: 1 };
                    Product {
                        c: du,
                        c_rows: r,
                        a,
                        b,
                        b_rows: r,
                        m,
                        n: r,
                        k: n,
                        onto: Onto::Nothing,
                        alpha: self.scale,
                    }
                    .run();
                });
            })?;
            // dbᵀ = scale · uᵀ dy
            on_slice(u, |u| columns_of(u, r, rows, &dy[offset..], width, n, self.scale, |i, j, v| db[j * r + i] += v))
        })??;
        // da = duᵀ x
        on_slice(x, |x| columns_of(&du, r, rows, x, k, k, 1.0, |i, j, v| da[i * k + j] += v))?;
        let Some(dx) = dx else { return Ok(None) };
        on_slice(&self.a, |a| {
            on_slice_mut(&dx, |dx| {
                dx.par_chunks_mut(ROWS * k).zip(du.par_chunks(ROWS * r)).for_each(|(dx, du)| {
                    let m = du.len() / r;
                    let view = View { data: du, rows: r, columns: 1 };
                    Product { c: dx, c_rows: k, a: view, b: a, b_rows: k, m, n: k, k: r, onto: Onto::Sum, alpha: 1.0 }
                        .run();
                });
            })
        })??;
        Ok(Some(dx))
    }

    #[allow(clippy::too_many_arguments)]
    fn plain_backward(
        &self,
        dy: &Tensor,
        offset: usize,
        x: &Tensor,
        u: &Tensor,
        dx: Option<Tensor>,
        da: &mut [f32],
        db: &mut [f32],
    ) -> Result<Option<Tensor>> {
        let dy = dy.narrow(1, offset, self.b.dim(0)?)?.contiguous()?;
        let du = (dy.matmul(&self.b)? * f64::from(self.scale))?;
        let add = |to: &mut [f32], from: Tensor| -> Result<()> {
            for (to, from) in to.iter_mut().zip(from.flatten_all()?.to_vec1::<f32>()?) {
                *to += from;
            }
            Ok(())
        };
        add(db, (dy.t()?.matmul(u)? * f64::from(self.scale))?)?;
        add(da, du.t()?.matmul(x)?)?;
        dx.map(|dx| Ok((dx + du.matmul(&self.a)?)?)).transpose()
    }
}

/// `aᵀ b` for `a` `[k, m]` contiguous and the first `n` columns of `b` `[k, b_rows]`, by columns over threads; every element is
/// handed to `put(i, j, value)`, in order.
#[allow(clippy::too_many_arguments)]
fn columns_of(
    a: &[f32],
    m: usize,
    k: usize,
    b: &[f32],
    b_rows: usize,
    n: usize,
    alpha: f32,
    mut put: impl FnMut(usize, usize, f32),
) {
    // A part of `b` that stays in the nearest cache beside its sums, 24 KiB, and touches few enough pages.
    const COLUMNS: usize = 64;
    const TERMS: usize = 96;
    let pieces: Vec<Vec<f32>> = (0..n.div_ceil(COLUMNS))
        .into_par_iter()
        .map(|piece| {
            let from = piece * COLUMNS;
            let width = COLUMNS.min(n - from);
            let mut c = vec![0.0; m * width];
            for term in (0..k).step_by(TERMS) {
                let a = View { data: &a[term * m..], rows: 1, columns: m };
                let b = &b[term * b_rows + from..];
                let k = TERMS.min(k - term);
                Product { c: &mut c, c_rows: width, a, b, b_rows, m, n: width, k, onto: Onto::Chain, alpha }.run();
            }
            simd::scale_in_place(&mut c, alpha);
            c
        })
        .collect();
    for (piece, c) in pieces.iter().enumerate() {
        let width = c.len() / m;
        for i in 0..m {
            for j in 0..width {
                put(i, piece * COLUMNS + j, c[i * width + j]);
            }
        }
    }
}

fn add_columns(y: &Tensor, delta: &Tensor, offset: usize) -> Result<Tensor> {
    let (rows, width) = y.dims2()?;
    let n = delta.dim(1)?;
    let mut parts = Vec::new();
    if offset > 0 {
        parts.push(y.narrow(1, 0, offset)?);
    }
    parts.push((y.narrow(1, offset, n)? + delta)?);
    if offset + n < width {
        parts.push(y.narrow(1, offset + n, width - offset - n)?);
    }
    let y = Tensor::cat(&parts, 1)?;
    debug_assert_eq!(y.dims(), [rows, width]);
    Ok(y)
}
