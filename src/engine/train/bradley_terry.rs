//! Bradley–Terry: L = mean −log σ(r_w − r_l − margin) + center · mean (r_w + r_l)².
//!
//! Bradley & Terry 1952; the centring term is Eisenstein et al. 2023 (arXiv 2312.09244, §3), as trl has it.

/// The loss, and its derivative by each reward.
#[derive(Debug, Clone, PartialEq)]
pub struct PairLoss {
    pub loss: f64,
    /// d loss / d r_w, d loss / d r_l.
    pub chosen: Vec<f32>,
    pub rejected: Vec<f32>,
}

/// Over pairs (`chosen[i]`, `rejected[i]`).
pub fn loss(chosen: &[f32], rejected: &[f32], margins: &[f32], center: f64) -> PairLoss {
    let n = chosen.len() as f64;
    let mut out =
        PairLoss { loss: 0.0, chosen: Vec::with_capacity(chosen.len()), rejected: Vec::with_capacity(chosen.len()) };
    for ((&w, &l), &margin) in chosen.iter().zip(rejected).zip(margins) {
        let (w, l) = (f64::from(w), f64::from(l));
        let gap = w - l - f64::from(margin);
        out.loss += (softplus(-gap) + center * (w + l).powi(2)) / n;
        // d/dgap −log σ(gap) = −σ(−gap)
        let (pull, balance) = (sigmoid(-gap), 2.0 * center * (w + l));
        out.chosen.push(((balance - pull) / n) as f32);
        out.rejected.push(((balance + pull) / n) as f32);
    }
    out
}

/// log(1 + eˣ), without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// 1 / (1 + e⁻ˣ), without overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::golden::{Losses, apart};

    #[test]
    fn plain_margin_and_centred_are_trls() {
        let golden = Losses::read();
        let (w, l) = (golden.tensor("bt.chosen"), golden.tensor("bt.rejected"));
        let none = vec![0.0; w.len()];
        for (name, margins, center) in [
            ("plain", none.as_slice(), 0.0),
            ("margin", golden.tensor("bt.margin"), 0.0),
            ("centered", none.as_slice(), 0.01),
        ] {
            let got = loss(w, l, margins, center);
            assert!((got.loss - golden.scalar(&format!("bt.{name}.loss"))).abs() < 1e-4, "{name}: {}", got.loss);
            let grads: Vec<f32> = got.chosen.iter().chain(&got.rejected).copied().collect();
            assert!(apart(&grads, golden.tensor(&format!("bt.{name}.grad"))) < 1e-5, "{name}");
        }
    }
}
