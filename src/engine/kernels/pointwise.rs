//! Row-wise operations: RMS norm, SwiGLU, rotation. Forward and backward, each with its twin.

use candle_core::{D, Tensor};
use rayon::prelude::*;

use super::{ROWS, on_slice, on_slice_mut, room, simd};
use crate::error::Result;

/// `y = x / rms(x) · w` over the last `w.len()` columns at a time: `x` is `[rows, width]` and `width` a multiple of `w`'s.
///
/// # Errors
/// When shapes do not fit.
pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    let width = w.elem_count();
    if !x.device().is_cpu() {
        return plain::rms_norm(x, w, eps);
    }
    let mut y = room(x.elem_count());
    on_slice(x, |x| {
        on_slice(w, |w| {
            y.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * width)).for_each(|(y, x)| {
                for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    let scale = inverse_rms(x, eps);
                    for ((y, &x), &w) in y.iter_mut().zip(x).zip(w) {
                        *y = x * scale * w;
                    }
                }
            });
        })
    })??;
    Ok(Tensor::from_vec(y, x.shape(), x.device())?)
}

/// `dx` of [`rms_norm`]: with `x̂ = x / rms`, `g = dy · w`: `(g − x̂ · mean(g · x̂)) / rms`.
///
/// # Errors
/// When shapes do not fit.
pub fn rms_norm_backward(x: &Tensor, w: &Tensor, dy: &Tensor, eps: f64) -> Result<Tensor> {
    let width = w.elem_count();
    if !x.device().is_cpu() {
        return plain::rms_norm_backward(x, w, dy, eps);
    }
    let mut dx = room(x.elem_count());
    on_slice(x, |x| {
        on_slice(dy, |dy| {
            on_slice(w, |w| {
                let rows =
                    dx.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * width)).zip(dy.par_chunks(ROWS * width));
                rows.for_each(|((dx, x), dy)| {
                    let mut g = vec![0.0; width];
                    let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(dy.chunks_exact(width));
                    for ((dx, x), dy) in rows {
                        let scale = inverse_rms(x, eps);
                        for ((g, &dy), &w) in g.iter_mut().zip(dy).zip(w) {
                            *g = dy * w;
                        }
                        let mean = simd::dot(&g, x) * scale * scale / width as f32;
                        for ((dx, &g), &x) in dx.iter_mut().zip(&g).zip(x) {
                            *dx = (g - x * mean) * scale;
                        }
                    }
                });
            })
        })
    })???;
    Ok(Tensor::from_vec(dx, x.shape(), x.device())?)
}

fn inverse_rms(x: &[f32], eps: f64) -> f32 {
    let mean = f64::from(simd::sum_of_squares(x)) / x.len() as f64;
    (1.0 / (mean + eps).sqrt()) as f32
}

/// `silu(gate) · up` of `[rows, 2 · width]` = gate | up.
///
/// # Errors
/// When shapes do not fit.
pub fn swiglu(gate_up: &Tensor) -> Result<Tensor> {
    let (rows, both) = gate_up.dims2()?;
    let width = both / 2;
    if !gate_up.device().is_cpu() {
        return plain::swiglu(gate_up);
    }
    let mut y = room(rows * width);
    on_slice(gate_up, |x| {
        y.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * both)).for_each(|(y, x)| {
            for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(both)) {
                simd::swiglu(&x[..width], &x[width..], y);
            }
        });
    })?;
    Ok(Tensor::from_vec(y, (rows, width), gate_up.device())?)
}

/// Gradient of gate | up from that of [`swiglu`]'s result.
///
/// # Errors
/// When shapes do not fit.
pub fn swiglu_backward(gate_up: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let (rows, both) = gate_up.dims2()?;
    let width = both / 2;
    if !gate_up.device().is_cpu() {
        return plain::swiglu_backward(gate_up, dy);
    }
    let mut dx = room(rows * both);
    on_slice(gate_up, |x| {
        on_slice(dy, |dy| {
            let rows = dx.par_chunks_mut(ROWS * both).zip(x.par_chunks(ROWS * both)).zip(dy.par_chunks(ROWS * width));
            rows.for_each(|((dx, x), dy)| {
                let rows = dx.chunks_exact_mut(both).zip(x.chunks_exact(both)).zip(dy.chunks_exact(width));
                for ((dx, x), dy) in rows {
                    let (dgate, dup) = dx.split_at_mut(width);
                    simd::swiglu_backward(&x[..width], &x[width..], dy, dgate, dup);
                }
            });
        })
    })??;
    Ok(Tensor::from_vec(dx, (rows, both), gate_up.device())?)
}

/// Adds a bias to every row, in place where that is possible.
///
/// # Errors
/// When shapes do not fit.
pub fn add_bias(y: Tensor, bias: &Tensor) -> Result<Tensor> {
    if !y.device().is_cpu() {
        return Ok(y.broadcast_add(bias)?);
    }
    on_slice(bias, |bias| {
        on_slice_mut(&y, |y| {
            for row in y.chunks_exact_mut(bias.len()) {
                for (y, &b) in row.iter_mut().zip(bias) {
                    *y += b;
                }
            }
        })
    })??;
    Ok(y)
}

/// `a + b`, written into `a`, which nobody else may hold.
///
/// # Errors
/// When shapes differ.
pub fn add(a: Tensor, b: &Tensor) -> Result<Tensor> {
    if !a.device().is_cpu() {
        return Ok((a + b)?);
    }
    on_slice(b, |b| {
        on_slice_mut(&a, |a| {
            a.par_chunks_mut(1 << 14).zip(b.par_chunks(1 << 14)).for_each(|(a, b)| {
                for (a, &b) in a.iter_mut().zip(b) {
                    *a += b;
                }
            });
        })
    })??;
    Ok(a)
}

/// Cosines and sines of the rotary embedding (Su et al. 2021), by row of a pack.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// `[rows, head_dim / 2]`
    pub cos: Tensor,
    pub sin: Tensor,
}

impl Rotation {
    /// Angles in f64, then f32.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn new(positions: &[u32], frequencies: &[f64], device: &candle_core::Device) -> Result<Self> {
        let angles = positions.iter().flat_map(|&p| frequencies.iter().map(move |&f| f64::from(p) * f));
        let (sin, cos): (Vec<f32>, Vec<f32>) = angles.map(|a| (a.sin() as f32, a.cos() as f32)).unzip();
        let shape = (positions.len(), frequencies.len());
        Ok(Self { cos: Tensor::from_vec(cos, shape, device)?, sin: Tensor::from_vec(sin, shape, device)? })
    }

    /// Rotates the first `heads` heads of each row of `x`, halves against each other as Hugging Face does; `back` turns the
    /// other way, which is the gradient. In place where that is possible.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn turn(&self, x: Tensor, heads: usize, back: bool) -> Result<Tensor> {
        if !x.device().is_cpu() {
            return plain::turn(self, &x, heads, back);
        }
        let width = x.dim(1)?;
        let half = self.cos.dim(1)?;
        let sign = if back { -1.0 } else { 1.0 };
        on_slice(&self.cos, |cos| {
            on_slice(&self.sin, |sin| {
                on_slice_mut(&x, |x| {
                    let rows = x
                        .par_chunks_mut(ROWS * width)
                        .zip(cos.par_chunks(ROWS * half))
                        .zip(sin.par_chunks(ROWS * half));
                    rows.for_each(|((x, cos), sin)| {
                        let rows = x.chunks_exact_mut(width).zip(cos.chunks_exact(half)).zip(sin.chunks_exact(half));
                        for ((x, cos), sin) in rows {
                            for head in x[..heads * 2 * half].chunks_exact_mut(2 * half) {
                                let (low, high) = head.split_at_mut(half);
                                for (((l, h), &c), &s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                                    let s = s * sign;
                                    (*l, *h) = (*l * c - *h * s, *h * c + *l * s);
                                }
                            }
                        }
                    });
                })
            })
        })???;
        Ok(x)
    }
}

/// The same in tensor operations.
pub(crate) mod plain {
    use super::{D, Result, Rotation, Tensor};

    /// x̂ = x / rms and 1 / rms, over the last `width` columns at a time.
    fn normal(x: &Tensor, width: usize, eps: f64) -> Result<(Tensor, Tensor)> {
        let x = x.reshape(((), width))?;
        let scale = (x.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?.recip()?;
        Ok((x.broadcast_mul(&scale)?, scale))
    }

    pub fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
        let (normal, _) = normal(x, w.elem_count(), eps)?;
        Ok(normal.broadcast_mul(w)?.reshape(x.shape())?)
    }

    pub fn rms_norm_backward(x: &Tensor, w: &Tensor, dy: &Tensor, eps: f64) -> Result<Tensor> {
        let (normal, scale) = normal(x, w.elem_count(), eps)?;
        let g = dy.reshape(((), w.elem_count()))?.broadcast_mul(w)?;
        let mean = (&g * &normal)?.mean_keepdim(D::Minus1)?;
        let dx = (g - normal.broadcast_mul(&mean)?)?.broadcast_mul(&scale)?;
        Ok(dx.reshape(x.shape())?)
    }

    pub fn swiglu(gate_up: &Tensor) -> Result<Tensor> {
        let width = gate_up.dim(1)? / 2;
        Ok((gate_up.narrow(1, 0, width)?.silu()? * gate_up.narrow(1, width, width)?)?)
    }

    pub fn swiglu_backward(gate_up: &Tensor, dy: &Tensor) -> Result<Tensor> {
        let width = gate_up.dim(1)? / 2;
        let (gate, up) = (gate_up.narrow(1, 0, width)?, gate_up.narrow(1, width, width)?);
        let sigmoid = ((gate.neg()?.exp()? + 1.0)?).recip()?;
        let silu = (&gate * &sigmoid)?;
        let slope = (&sigmoid + (&silu - (&silu * &sigmoid)?)?)?;
        Ok(Tensor::cat(&[((dy * up)? * slope)?, (dy * silu)?], 1)?)
    }

    pub fn turn(rotation: &Rotation, x: &Tensor, heads: usize, back: bool) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        let half = rotation.cos.dim(1)?;
        let turned = x.narrow(1, 0, heads * 2 * half)?.reshape((rows, heads, 2 * half))?;
        let (low, high) = (turned.narrow(2, 0, half)?, turned.narrow(2, half, half)?);
        let cos = rotation.cos.unsqueeze(1)?;
        let sin = if back { rotation.sin.neg()? } else { rotation.sin.clone() }.unsqueeze(1)?;
        let turned_low = (low.broadcast_mul(&cos)? - high.broadcast_mul(&sin)?)?;
        let turned_high = (high.broadcast_mul(&cos)? + low.broadcast_mul(&sin)?)?;
        let turned = Tensor::cat(&[turned_low, turned_high], 2)?.reshape((rows, heads * 2 * half))?;
        if width == heads * 2 * half {
            return Ok(turned);
        }
        let rest = x.narrow(1, heads * 2 * half, width - heads * 2 * half)?;
        Ok(Tensor::cat(&[turned, rest], 1)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::rng::Rng;

    fn numbers(name: &str, rows: usize, width: usize) -> Tensor {
        let rng = Rng::new(4).fork(name);
        let values: Vec<f32> = (0..(rows * width) as u64).map(|i| rng.normal(i) as f32).collect();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    }

    fn same(a: &Tensor, b: &Tensor) {
        let gap = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(gap < 2e-5, "{gap}");
    }

    #[test]
    fn every_kernel_agrees_with_its_twin() {
        let (x, dy) = (numbers("x", 70, 48), numbers("dy", 70, 48));
        let w = numbers("w", 1, 48).flatten_all().unwrap();
        same(&rms_norm(&x, &w, 1e-5).unwrap(), &plain::rms_norm(&x, &w, 1e-5).unwrap());
        same(&rms_norm_backward(&x, &w, &dy, 1e-5).unwrap(), &plain::rms_norm_backward(&x, &w, &dy, 1e-5).unwrap());
        let short = numbers("short", 1, 16).flatten_all().unwrap();
        same(&rms_norm(&x, &short, 1e-5).unwrap(), &plain::rms_norm(&x, &short, 1e-5).unwrap());
        same(&swiglu(&x).unwrap(), &plain::swiglu(&x).unwrap());
        let dy = numbers("dy", 70, 24);
        same(&swiglu_backward(&x, &dy).unwrap(), &plain::swiglu_backward(&x, &dy).unwrap());
        let positions: Vec<u32> = (0..70).collect();
        let rotation = Rotation::new(&positions, &[1.0, 0.3, 0.1, 0.01], &Device::Cpu).unwrap();
        for back in [false, true] {
            let copy = x.copy().unwrap();
            same(&rotation.turn(copy, 4, back).unwrap(), &plain::turn(&rotation, &x, 4, back).unwrap());
        }
        let there = rotation.turn(x.copy().unwrap(), 6, false).unwrap();
        same(&rotation.turn(there, 6, true).unwrap(), &x);
    }
}
