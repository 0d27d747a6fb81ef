//! Log-probabilities of given tokens without ever holding all logits: the vocabulary in chunks, an online log-sum-exp. Where a
//! gradient may be wanted, the mean of the head's rows under the model's own probabilities is summed beside it, as attention sums
//! values (Dao et al. 2022, arXiv 2205.14135), so that no logit is computed twice.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::linear::Frozen;
use super::{on_slice_mut, pooled, simd};
use crate::error::Result;

/// Words of the vocabulary at a time (whole panels of the head), and rows at a time: 16 MiB of logits.
const WORDS: usize = 8192;
const BATCH: usize = 512;

/// `log softmax(h · headᵀ / temperature)[target]` by row. `h` is `[n, hidden]`, `head` `[vocab, hidden]`, `targets` one word a row.
///
/// # Errors
/// When shapes do not fit.
pub fn logps(h: &Tensor, head: &Frozen, targets: &[u32], temperature: f32) -> Result<Vec<f32>> {
    let batches = targets.chunks(BATCH).enumerate();
    let parts = batches.map(|(i, targets)| {
        let h = h.narrow(0, i * BATCH, targets.len())?;
        Ok(Sums::over_vocabulary(&h, head, targets, temperature, false)?.logps())
    });
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}

/// The same, and its gradient `d logp / dh`, `[n, hidden]`: `(head[target] − Σ p head) / temperature`.
///
/// # Errors
/// When shapes do not fit.
pub fn logps_and_slopes(
    h: &Tensor,
    head: &Frozen,
    targets: &[u32],
    temperature: f32,
) -> Result<(Vec<f32>, Option<Tensor>)> {
    let (mut logps, mut slopes) = (Vec::with_capacity(targets.len()), Vec::new());
    for (i, targets) in targets.chunks(BATCH).enumerate() {
        let h = h.narrow(0, i * BATCH, targets.len())?;
        let sums = Sums::over_vocabulary(&h, head, targets, temperature, true)?;
        slopes.extend(sums.slopes(head, targets, temperature, h.device())?);
        logps.extend(sums.logps());
    }
    Ok((logps, if slopes.is_empty() { None } else { Some(Tensor::cat(&slopes, 0)?) }))
}

/// What is known of some rows after a part of the vocabulary.
struct Sums {
    rows: Vec<Row>,
    /// `Σ e^(logit − largest) · head`, `[n, hidden]`, where it is wanted.
    means: Option<Tensor>,
}

#[derive(Clone, Copy)]
struct Row {
    /// The largest logit so far.
    largest: f32,
    /// `Σ e^(logit − largest)`
    sum: f32,
    /// The target's logit.
    target: f32,
    /// What sums of before are worth under the largest logit of now.
    fade: f32,
}

impl Sums {
    fn over_vocabulary(h: &Tensor, head: &Frozen, targets: &[u32], temperature: f32, means: bool) -> Result<Self> {
        pooled(|| {
            let scale = 1.0 / temperature;
            let row = Row { largest: f32::NEG_INFINITY, sum: 0.0, target: 0.0, fade: 0.0 };
            let mut sums = Self { rows: vec![row; targets.len()], means: None };
            let vocab = head.outputs();
            for from in (0..vocab).step_by(WORDS) {
                let words = from..vocab.min(from + WORDS);
                let logits = head.forward(h, words.clone())?.to_device(&Device::Cpu)?;
                sums.add(&logits, targets, from, scale)?;
                if means {
                    let part = head.back(&logits.to_device(h.device())?, words)?;
                    sums.means = Some(match sums.means.take() {
                        None => part,
                        Some(before) => (before.broadcast_mul(&sums.column(|row| row.fade, h.device())?)? + part)?,
                    });
                }
            }
            Ok(sums)
        })
    }

    /// Takes in the logits of the words from `from` on, and leaves `e^(logit − largest)` in their place.
    fn add(&mut self, logits: &Tensor, targets: &[u32], from: usize, scale: f32) -> Result<()> {
        let width = logits.dim(1)?;
        on_slice_mut(logits, |logits| {
            let each = self.rows.par_iter_mut().zip(logits.par_chunks_mut(width)).zip(targets);
            each.for_each(|((row, logits), &target)| {
                let here = (target as usize).wrapping_sub(from);
                if here < width {
                    row.target = logits[here] * scale;
                }
                let largest = (simd::max(logits) * scale).max(row.largest);
                row.fade = (row.largest - largest).exp();
                row.sum = row.sum * row.fade + simd::exp_in_place(logits, scale, largest);
                row.largest = largest;
            });
        })
    }

    fn logps(&self) -> Vec<f32> {
        self.rows.iter().map(|row| row.target - (row.largest + row.sum.ln())).collect()
    }

    fn slopes(&self, head: &Frozen, targets: &[u32], temperature: f32, device: &Device) -> Result<Option<Tensor>> {
        let Some(means) = &self.means else { return Ok(None) };
        let means = means.broadcast_mul(&self.column(|row| 1.0 / row.sum, device)?)?;
        Ok(Some(((head.select(targets, device)? - means)? / f64::from(temperature))?))
    }

    fn column(&self, of: impl Fn(&Row) -> f32, device: &Device) -> Result<Tensor> {
        let column: Vec<f32> = self.rows.iter().map(of).collect();
        Ok(Tensor::from_vec(column, (self.rows.len(), 1), device)?)
    }
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

        let head = Frozen::Plain(head);
        let (found, slopes) = logps_and_slopes(&h, &head, &targets, temperature).unwrap();
        assert_eq!(logps(&h, &head, &targets, temperature).unwrap(), found);
        for (found, want) in found.iter().zip(want.to_vec1::<f32>().unwrap()) {
            assert!((found - want).abs() < 1e-5, "{found} {want}");
        }
        let dlogp = Tensor::new(&dlogp, &Device::Cpu).unwrap().unsqueeze(1).unwrap();
        let dh = slopes.unwrap().broadcast_mul(&dlogp).unwrap().to_vec2::<f32>().unwrap();
        for (found, want) in dh.iter().flatten().zip(want_dh.iter().flatten()) {
            assert!((found - want).abs() < 1e-5, "{found} {want}");
        }
    }
}
