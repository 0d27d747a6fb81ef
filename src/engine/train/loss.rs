//! The losses of group-relative policy optimisation over the log-probabilities of sampled tokens, and their derivatives.
//!
//! With ρ = exp(π − π_old) a token, A its completion's advantage, and l = −min(ρA, clip(ρ, 1−ε, 1+ε_high)A) + β·k:
//!
//! | name | is |
//! |---|---|
//! | `grpo` | mean over completions of (Σ l / length) (Shao et al. 2024) |
//! | `bnpo` | Σ l / tokens of the batch |
//! | `dapo` | the same over the whole rollout, which here is the batch (Yu et al. 2025) |
//! | `dr_grpo` | Σ l / (completions · the longest a completion may be) (Liu et al. 2025) |
//! | `gspo` | ρ is one a completion, exp(mean(π − π_old)), then as `grpo` (Zheng et al. 2025) |
//! | `cispo` | −min(ρ, 1+ε_high)·A·π with the ratio held constant, then as `bnpo` (MiniMax 2025); no lower bound |
//!
//! KL estimators are Schulman's (2020), with Δ = π_ref − π: k1 = −Δ, k2 = Δ²/2, k3 = exp(Δ) − Δ − 1.

use mascot_run::task::{Estimator, KlPlace, Loss, Rollout};

/// One completion. The three rows are as long as the completion, natural logarithms.
#[derive(Debug, Clone, Copy)]
pub struct Completion<'a> {
    pub policy: &'a [f32],
    /// Of the policy that sampled.
    pub old: &'a [f32],
    pub reference: Option<&'a [f32]>,
    pub advantage: f32,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyLoss {
    pub loss: f64,
    /// d loss / d π, completion after completion.
    pub dlogp: Vec<f32>,
    /// Mean k a token, by the chosen estimator; 0 without a reference.
    pub kl: f64,
    /// Share of tokens whose clip is active.
    pub clip_fraction: f64,
    pub tokens: usize,
}

/// What the losses divide by: sizes of the whole batch, of which a part may be at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub completions: usize,
    pub tokens: usize,
    /// The most tokens that a completion may have.
    pub longest: usize,
}

impl Batch {
    pub fn of(lengths: &[usize], longest: usize) -> Self {
        Self { completions: lengths.len(), tokens: lengths.iter().sum(), longest }
    }
}

/// The share of these completions in the loss of their batch. `kl` and `clip_fraction` are means over these completions alone.
pub fn policy_loss(completions: &[Completion<'_>], how: &Rollout, batch: Batch) -> PolicyLoss {
    let n = batch.completions.max(1) as f64;
    let tokens: usize = completions.iter().map(|c| c.policy.len()).sum();
    let (low, high) = (1.0 - how.clip, 1.0 + how.clip_high);
    let beta = if how.kl.place == KlPlace::Loss { how.kl.beta } else { 0.0 };
    let mut out = PolicyLoss { tokens, dlogp: Vec::with_capacity(tokens), ..PolicyLoss::default() };
    let mut clipped = 0usize;

    for c in completions {
        let length = c.policy.len().max(1) as f64;
        let a = f64::from(c.advantage);
        // The share of one token's loss in the whole.
        let weight = match how.loss {
            Loss::Grpo | Loss::Gspo => 1.0 / (n * length),
            Loss::Bnpo | Loss::Dapo | Loss::Cispo => 1.0 / batch.tokens.max(1) as f64,
            Loss::DrGrpo => 1.0 / (n * batch.longest as f64),
        };
        let gaps = || c.policy.iter().zip(c.old).map(|(p, o)| f64::from(*p) - f64::from(*o));
        let of_sequence = (gaps().sum::<f64>() / length).exp();
        for (t, gap) in gaps().enumerate() {
            let ratio = if how.loss == Loss::Gspo { of_sequence } else { gap.exp() };
            let (value, slope, is_clipped) = if how.loss == Loss::Cispo {
                let held = ratio.min(high);
                (-held * a * f64::from(c.policy[t]), -held * a, ratio > high)
            } else {
                let (plain, bounded) = (ratio * a, ratio.clamp(low, high) * a);
                // dρ/dπ is ρ for a token; for a sequence each token moves ρ by ρ/length, and length tokens carry that ρ.
                let is_clipped = bounded < plain;
                (-plain.min(bounded), if is_clipped { 0.0 } else { -plain }, is_clipped)
            };
            clipped += usize::from(is_clipped);
            let (k, k_slope) = match c.reference {
                Some(reference) => kl(how.kl.estimator, f64::from(reference[t]) - f64::from(c.policy[t])),
                None => (0.0, 0.0),
            };
            out.loss += weight * (value + beta * k);
            out.kl += k;
            out.dlogp.push((weight * (slope + beta * k_slope)) as f32);
        }
    }
    if tokens > 0 {
        out.kl /= tokens as f64;
        out.clip_fraction = clipped as f64 / tokens as f64;
    }
    out
}

/// k and dk/dπ of one token; `delta` = π_ref − π.
pub fn kl(estimator: Estimator, delta: f64) -> (f64, f64) {
    match estimator {
        Estimator::K1 => (-delta, 1.0),
        Estimator::K2 => (0.5 * delta * delta, -delta),
        Estimator::K3 => (delta.exp() - delta - 1.0, 1.0 - delta.exp()),
    }
}

/// Σ k over a completion: what `place = reward` takes off the reward, times β.
pub fn kl_of(estimator: Estimator, policy: &[f32], reference: &[f32]) -> f64 {
    policy.iter().zip(reference).map(|(p, r)| kl(estimator, f64::from(*r) - f64::from(*p)).0).sum()
}

#[cfg(test)]
mod tests {
    use mascot_run::task::{AdvantageSpec, BaselineKind, By, Combine, KlSpec, KlTo, Overlong, Scale, ZeroVariance};

    use super::*;
    use crate::train::golden::{Losses, apart};

    fn how(loss: Loss, beta: f64, estimator: Estimator) -> Rollout {
        Rollout {
            group: 3,
            advantage: AdvantageSpec {
                by: By::Prompt,
                baseline: BaselineKind::Mean,
                scale: Scale::Std,
                extra: 0,
                floor: 1e-4,
            },
            combine: Combine::SumThenNormalise,
            zero_variance: ZeroVariance::Keep,
            loss,
            clip: 0.2,
            clip_high: 0.2,
            overlong: Overlong::Keep,
            kl: KlSpec { beta, estimator, place: KlPlace::Loss, to: KlTo::Base },
            updates: 1,
            shuffle: false,
        }
    }

    /// Rows of `[N, C]` cut to their masks.
    fn rows(golden: &Losses, name: &str) -> Vec<Vec<f32>> {
        let mask = golden.tensor("grpo.mask");
        let values = golden.tensor(name).chunks(9).zip(mask.chunks(9));
        values.map(|(row, mask)| row.iter().zip(mask).filter(|(_, m)| **m > 0.0).map(|(x, _)| *x).collect()).collect()
    }

    fn whole(batch: &[Completion<'_>], longest: usize) -> Batch {
        Batch::of(&batch.iter().map(|c| c.policy.len()).collect::<Vec<_>>(), longest)
    }

    fn batch<'a>(
        p: &'a [Vec<f32>],
        o: &'a [Vec<f32>],
        r: Option<&'a [Vec<f32>]>,
        advantages: &[f32],
    ) -> Vec<Completion<'a>> {
        let one = |i: usize| Completion {
            policy: &p[i],
            old: &o[i],
            reference: r.map(|r| r[i].as_slice()),
            advantage: advantages[i],
        };
        (0..p.len()).map(one).collect()
    }

    #[test]
    fn losses_and_derivatives_are_trls() {
        let golden = Losses::read();
        let (p, o, r) =
            (rows(&golden, "grpo.policy_logps"), rows(&golden, "grpo.old_logps"), rows(&golden, "grpo.ref_logps"));
        let batch = batch(&p, &o, Some(&r), golden.tensor("grpo.advantages"));
        for (name, loss) in
            [("grpo", Loss::Grpo), ("bnpo", Loss::Bnpo), ("dr_grpo", Loss::DrGrpo), ("dapo", Loss::Dapo)]
        {
            for (beta, text) in [(0.04, "beta0.04"), (0.0, "beta0.0")] {
                let got = policy_loss(&batch, &how(loss, beta, Estimator::K3), whole(&batch, 16));
                assert!(
                    (got.loss - golden.scalar(&format!("grpo.{name}.{text}.loss"))).abs() < 1e-5,
                    "{name} {}",
                    got.loss
                );
                let expected: Vec<f32> = rows(&golden, &format!("grpo.{name}.{text}.grad")).concat();
                assert!(apart(&got.dlogp, &expected) < 1e-5, "{name} {text}");
            }
        }
        let got = policy_loss(&batch, &how(Loss::Gspo, 0.0, Estimator::K3), whole(&batch, 16));
        assert!((got.loss - golden.scalar("grpo.sequence_level.loss")).abs() < 1e-5, "{}", got.loss);
        assert!(apart(&got.dlogp, &rows(&golden, "grpo.sequence_level.grad").concat()) < 1e-5);
        let clipped = rows(&golden, "grpo.clipped").concat();
        let got = policy_loss(&batch, &how(Loss::Grpo, 0.0, Estimator::K3), whole(&batch, 16));
        assert!((got.clip_fraction - f64::from(clipped.iter().sum::<f32>()) / clipped.len() as f64).abs() < 1e-9);
        let k3 = rows(&golden, "grpo.k3").concat();
        assert!((got.kl - f64::from(k3.iter().sum::<f32>()) / k3.len() as f64).abs() < 1e-5);
    }

    /// Every loss and estimator by central differences on points that sit on no kink. CISPO's ratio is a constant, so its
    /// derivative is not that of its value: it is held against −min(ρ, 1+ε)·A / tokens instead.
    #[test]
    fn derivatives_are_finite_differences() {
        let p = vec![vec![-1.0f32, -2.0, -0.5], vec![-0.7f32, -1.1]];
        let o = vec![vec![-1.05f32, -1.7, -0.1], vec![-0.8f32, -1.12]];
        let r = vec![vec![-1.2f32, -1.9, -0.6], vec![-0.5f32, -1.3]];
        let advantages = [0.8f32, -1.3];
        let of = |p: &[Vec<f32>], r: Option<&[Vec<f32>]>, how: &Rollout| {
            let batch = batch(p, &o, r, &advantages);
            policy_loss(&batch, how, whole(&batch, 7))
        };
        for loss in [Loss::Grpo, Loss::Bnpo, Loss::DrGrpo, Loss::Dapo, Loss::Gspo] {
            for estimator in [Estimator::K1, Estimator::K2, Estimator::K3] {
                let mut spec = how(loss, 0.3, estimator);
                spec.clip_high = 0.4;
                let got = of(&p, Some(&r), &spec);
                let mut at = 0;
                for i in 0..p.len() {
                    for t in 0..p[i].len() {
                        let moved = |by: f32| {
                            let mut q = p.clone();
                            q[i][t] += by;
                            of(&q, Some(&r), &spec).loss
                        };
                        let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                        let analytic = f64::from(got.dlogp[at]);
                        assert!((slope - analytic).abs() < 2e-4, "{loss:?} {estimator:?}: {slope} {analytic}");
                        at += 1;
                    }
                }
            }
        }
        let got = of(&p, None, &how(Loss::Cispo, 0.0, Estimator::K3));
        let ratio = (0.05f64).exp();
        assert!((f64::from(got.dlogp[0]) + ratio * 0.8 / 5.0).abs() < 1e-6);
    }
}
