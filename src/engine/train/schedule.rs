//! The learning rate of each optimiser step.

use mascot_run::task::{Optimizer, Schedule};

/// The learning rate that step `step` (from 0) of `total` uses.
///
/// Warm-up rises linearly from 0, so that with a warm-up the first step moves nothing; then the schedule falls to
/// `final_lr` × `lr` at `total`. With `final_lr` 0 these are transformers' `get_scheduler` values.
pub fn learning_rate(optimizer: &Optimizer, step: u64, total: u64) -> f64 {
    let warmup = u64::from(optimizer.warmup);
    if step < warmup {
        return optimizer.lr * step as f64 / warmup as f64;
    }
    let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
    let left = match optimizer.schedule {
        Schedule::Constant => return optimizer.lr,
        Schedule::Linear => 1.0 - progress,
        Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
    };
    optimizer.lr * (optimizer.final_lr + (1.0 - optimizer.final_lr) * left.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::golden::Losses;

    fn adam(schedule: Schedule, warmup: u32, final_lr: f64) -> Optimizer {
        Optimizer {
            lr: 1e-3,
            warmup,
            schedule,
            final_lr,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            max_grad_norm: None,
        }
    }

    #[test]
    fn falling_to_nothing_is_what_transformers_does() {
        let golden = Losses::read();
        let all = golden.value("lr_schedules");
        for (name, schedule) in [
            ("constant", Schedule::Constant),
            ("constant_with_warmup", Schedule::Constant),
            ("linear", Schedule::Linear),
            ("cosine", Schedule::Cosine),
        ] {
            let case = &all[name];
            let warmup = case["warmup_steps"].as_u64().expect("warmup") as u32;
            let total = case["total_steps"].as_u64().expect("total");
            for (step, expected) in case["lr_used_at_step"].as_array().expect("rates").iter().enumerate() {
                let got = learning_rate(&adam(schedule, warmup, 0.0), step as u64, total);
                assert!((got - expected.as_f64().expect("number")).abs() < 1e-12, "{name} at {step}: {got}");
            }
        }
    }

    #[test]
    fn a_tenth_is_left_at_the_end() {
        // Half way from 1e-3 to 1e-4 is 5.5e-4.
        assert!((learning_rate(&adam(Schedule::Linear, 0, 0.1), 5, 10) - 5.5e-4).abs() < 1e-12);
        assert!((learning_rate(&adam(Schedule::Linear, 0, 0.1), 10, 10) - 1e-4).abs() < 1e-12);
    }
}
