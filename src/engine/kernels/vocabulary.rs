//! Log-probabilities of given tokens without ever holding all logits: the vocabulary in chunks, an online log-sum-exp forward,
//! each chunk computed again backward.

use candle_core::Tensor;
use rayon::prelude::*;

use super::{on_slice, on_slice_mut, simd};
use crate::error::Result;

/// Words of the vocabulary at a time, and rows at a time: 16 MiB of logits.
const WORDS: usize = 8192;
const BATCH: usize = 512;

/// `log softmax(h · headᵀ / temperature)[target]` by row, and each row's log-sum-exp, which [`logps_backward`] needs.
///
/// `h` is `[n, hidden]`, `head` `[vocab, hidden]`, `targets` one word a row.
///
/// # Errors
/// When shapes do not fit.
pub fn logps(h: &Tensor, head: &Tensor, targets: &[u32], temperature: f32) -> Result<(Vec<f32>, Vec<f32>)> {
    let (mut logps, mut sums) = (Vec::with_capacity(targets.len()), Vec::with_capacity(targets.len()));
    let vocab = head.dim(0)?;
    let scale = 1.0 / temperature;
    for (batch, targets) in targets.chunks(BATCH).enumerate() {
        let h = h.narrow(0, batch * BATCH, targets.len())?;
        // Of each row: the largest logit so far, Σ e^(logit − largest), the target's logit.
        let mut state = vec![(f32::NEG_INFINITY, 0.0f32, 0.0f32); targets.len()];
        for from in (0..vocab).step_by(WORDS) {
            let width = WORDS.min(vocab - from);
            let logits = h.matmul(&head.narrow(0, from, width)?.t()?)?;
            let logits = logits.to_device(&candle_core::Device::Cpu)?;
            on_slice_mut_state(&logits, &mut state, targets, from, width, scale)?;
        }
        for (largest, sum, target) in state {
            let total = largest + sum.ln();
            sums.push(total);
            logps.push(target - total);
        }
    }
    Ok((logps, sums))
}

fn on_slice_mut_state(
    logits: &Tensor,
    state: &mut [(f32, f32, f32)],
    targets: &[u32],
    from: usize,
    width: usize,
    scale: f32,
) -> Result<()> {
    on_slice(logits, |logits| {
        let rows = state.par_iter_mut().zip(logits.par_chunks(width)).zip(targets);
        rows.for_each_init(
            || vec![0.0; width],
            |scratch, ((state, logits), &target)| {
                let (largest, sum, chosen) = state;
                let here = (target as usize).wrapping_sub(from);
                if here < width {
                    *chosen = logits[here] * scale;
                }
                let top = (simd::max(logits) * scale).max(*largest);
                scratch.copy_from_slice(logits);
                *sum = *sum * (*largest - top).exp() + simd::exp_in_place(scratch, scale, top);
                *largest = top;
            },
        );
    })
}

/// `dh` `[n, hidden]` from `dlogp` by row: `dlogit = dlogp · (1[target] − p) / temperature`, `dh = dlogit · head`. Rows whose
/// `dlogp` is 0 cost nothing.
///
/// # Errors
/// When shapes do not fit.
pub fn logps_backward(
    h: &Tensor,
    head: &Tensor,
    targets: &[u32],
    temperature: f32,
    sums: &[f32],
    dlogp: &[f32],
) -> Result<Tensor> {
    let vocab = head.dim(0)?;
    let scale = 1.0 / temperature;
    let rows: Vec<u32> = (0..targets.len() as u32).filter(|&i| dlogp[i as usize] != 0.0).collect();
    let mut dh = h.zeros_like()?;
    for rows in rows.chunks(BATCH) {
        let index = Tensor::new(rows, h.device())?;
        let h = h.index_select(&index, 0)?;
        let mut total: Option<Tensor> = None;
        for from in (0..vocab).step_by(WORDS) {
            let width = WORDS.min(vocab - from);
            let head = head.narrow(0, from, width)?;
            let logits = h.matmul(&head.t()?)?.to_device(&candle_core::Device::Cpu)?;
            on_slice_mut(&logits, |logits| {
                logits.par_chunks_mut(width).zip(rows).for_each(|(logits, &row)| {
                    let row = row as usize;
                    simd::exp_in_place(logits, scale, sums[row]);
                    simd::scale_in_place(logits, -dlogp[row] * scale);
                    let here = (targets[row] as usize).wrapping_sub(from);
                    if here < width {
                        logits[here] += dlogp[row] * scale;
                    }
                });
            })?;
            let part = logits.to_device(h.device())?.matmul(&head)?;
            total = Some(match total {
                Some(total) => super::pointwise::add(total, &part)?,
                None => part,
            });
        }
        if let Some(total) = total {
            dh = dh.index_add(&index, &total, 0)?;
        }
    }
    Ok(dh)
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device};

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn log_probabilities_and_their_gradient_are_those_of_whole_logits() {
        let rng = Rng::new(8);
        let draw = |name: &str, shape: (usize, usize)| {
            let rng = rng.fork(name);
            let values: Vec<f32> = (0..(shape.0 * shape.1) as u64).map(|i| 0.3 * rng.normal(i) as f32).collect();
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        let (n, hidden, vocab, temperature) = (5, 16, 20_000, 0.7f32);
        let h = candle_core::Var::from_tensor(&draw("h", (n, hidden))).unwrap();
        let head = draw("head", (vocab, hidden));
        let targets: Vec<u32> = vec![0, 19_999, 8_192, 8_191, 77];
        let dlogp = [0.5f32, -1.0, 0.0, 2.0, 1.0];

        let logits = (h.matmul(&head.t().unwrap()).unwrap() / f64::from(temperature)).unwrap();
        let largest = logits.max_keepdim(D::Minus1).unwrap().detach();
        let shifted = logits.broadcast_sub(&largest).unwrap();
        let total = shifted.exp().unwrap().sum_keepdim(D::Minus1).unwrap().log().unwrap();
        let index = Tensor::new(targets.as_slice(), &Device::Cpu).unwrap().unsqueeze(1).unwrap();
        let want = shifted.broadcast_sub(&total).unwrap().gather(&index, 1).unwrap().squeeze(1).unwrap();
        let loss = (&want * Tensor::new(&dlogp, &Device::Cpu).unwrap()).unwrap().sum_all().unwrap();
        let want_dh = loss.backward().unwrap().get(&h).unwrap().to_vec2::<f32>().unwrap();

        let (found, sums) = logps(&h, &head, &targets, temperature).unwrap();
        for (found, want) in found.iter().zip(want.to_vec1::<f32>().unwrap()) {
            assert!((found - want).abs() < 1e-5, "{found} {want}");
        }
        let dh = logps_backward(&h, &head, &targets, temperature, &sums, &dlogp).unwrap().to_vec2::<f32>().unwrap();
        for (found, want) in dh.iter().flatten().zip(want_dh.iter().flatten()) {
            assert!((found - want).abs() < 1e-5, "{found} {want}");
        }
    }
}
