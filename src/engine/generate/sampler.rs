//! One token from logits: temperature, top-p, a uniform number.

use crate::kernels::simd;

/// A sampled token and its log-probability before top-p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    pub id: u32,
    pub logp: f32,
}

/// The token at `uniform` in [0, 1) of the distribution; temperature 0 takes the first of the largest. `logits` is scratch
/// afterwards.
pub fn draw(logits: &mut [f32], temperature: f64, top_p: f64, uniform: f64) -> Draw {
    let scale = if temperature > 0.0 { (1.0 / temperature) as f32 } else { 1.0 };
    let largest = simd::max(logits);
    let best = logits.iter().position(|&l| l == largest).unwrap_or(0);
    if temperature <= 0.0 {
        return Draw { id: best as u32, logp: logp(logits, scale, best) };
    }
    let total = simd::exp_in_place(logits, scale, largest * scale);
    let id = if top_p < 1.0 {
        let kept = nucleus(logits, total, top_p);
        let mass: f64 = kept.iter().map(|&id| f64::from(logits[id])).sum();
        pick(kept.iter().map(|&id| (id, logits[id])), uniform * mass).unwrap_or(best)
    } else {
        let mass: f64 = logits.iter().map(|&p| f64::from(p)).sum();
        pick(logits.iter().copied().enumerate(), uniform * mass).unwrap_or(best)
    };
    Draw { id: id as u32, logp: (logits[id] / total).ln() }
}

/// log p of one token, in nats, of logits times `scale`. `logits` is scratch afterwards.
pub fn logp(logits: &mut [f32], scale: f32, id: usize) -> f32 {
    let (chosen, largest) = (logits[id], simd::max(logits));
    chosen * scale - largest * scale - simd::exp_in_place(logits, scale, largest * scale).ln()
}

/// The first token at which the running sum passes `at`.
fn pick(weights: impl Iterator<Item = (usize, f32)>, at: f64) -> Option<usize> {
    let mut sum = 0.0;
    let mut last = None;
    for (id, weight) in weights {
        if weight > 0.0 {
            sum += f64::from(weight);
            last = Some(id);
            if sum > at {
                break;
            }
        }
    }
    last
}

/// The fewest most probable tokens whose probabilities reach `top_p` together, most probable first; `weights` sum to `total`.
/// Never empty.
pub fn nucleus(weights: &[f32], total: f32, top_p: f64) -> Vec<usize> {
    // What is left out sums to at most 1 − top_p, so nothing below this share of it can be needed, all of it together being less.
    let floor = ((1.0 - top_p) * f64::from(total) / weights.len() as f64) as f32;
    let mut order: Vec<usize> = (0..weights.len()).filter(|&id| weights[id] >= floor).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    let mut sum = 0.0;
    let kept = order.iter().position(|&id| {
        sum += f64::from(weights[id]);
        sum >= top_p * f64::from(total)
    });
    order.truncate(kept.map_or(order.len(), |last| last + 1).max(1));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn tokens_come_as_often_as_they_are_probable() {
        let logits = [0.0f32, 1.0, 2.0, -1.0];
        let rng = Rng::new(2);
        let mut counts = [0usize; 4];
        let n = 20_000;
        for i in 0..n {
            let drawn = draw(&mut logits.clone(), 0.5, 1.0, rng.uniform(i));
            counts[drawn.id as usize] += 1;
        }
        let total: f64 = logits.iter().map(|&l| f64::from(l * 2.0).exp()).sum();
        for (&count, &logit) in counts.iter().zip(&logits) {
            let p = f64::from(logit * 2.0).exp() / total;
            assert!((count as f64 / n as f64 - p).abs() < 0.01);
        }
    }

    #[test]
    fn greedy_takes_the_first_of_the_best_and_top_p_the_fewest_that_suffice() {
        assert_eq!(draw(&mut [1.0, 3.0, 3.0], 0.0, 1.0, 0.9).id, 1);
        // 0.5, 0.25, 0.125, 0.125
        let weights = [0.125f32, 0.5, 0.25, 0.125];
        assert_eq!(nucleus(&weights, 1.0, 0.7), [1, 2]);
        assert_eq!(nucleus(&weights, 1.0, 0.5), [1]);
        assert_eq!(nucleus(&weights, 1.0, 0.0), [1]);
        let found = draw(&mut weights.map(f32::ln), 1.0, 0.7, 0.99);
        assert_eq!(found.id, 2);
        assert!((found.logp - 0.25f32.ln()).abs() < 1e-5, "of the whole distribution");
    }
}
