//! From rewards to advantages: (r − baseline) / (scale + floor), within groups.
//!
//! `prompt`, `mean`, `std` is GRPO (Shao et al. 2024, as trl has it); `mean`, `none` Dr. GRPO (Liu et al. 2025); `median`,
//! `mad` with one `extra` sample MC-GRPO (arXiv 2601.22582); `prompt_agent` Dr. MAS (arXiv 2602.08847); `leave_one_out` RLOO.

use std::collections::BTreeMap;

use mascot_run::task::{AdvantageSpec, BaselineKind, By, Scale};

/// One scored completion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// NaN: void; the sample is left out of every mean and of the loss.
    pub reward: f64,
    /// Which prompt of the batch (or which set of paraphrases).
    pub prompt: usize,
    pub agent: usize,
    pub turn: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Advantages {
    pub values: Vec<f32>,
    /// False for what serves the baseline only (`extra`), and for what is void.
    pub in_loss: Vec<bool>,
    /// Groups whose rewards are all equal, of `groups`.
    pub without_variance: usize,
    pub groups: usize,
    /// For each sample: its group has no variance.
    pub flat: Vec<bool>,
}

/// What `baseline = ema` remembers between steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Ema {
    pub value: Option<f64>,
}

/// The share of the old value that an ema keeps at each step.
const EMA_KEEP: f64 = 0.9;

/// Advantages of a batch. `ema` is read, then moved by the batch's mean.
///
/// The standard deviation has n − 1; a median of an even count is the lower middle value (`torch.median`). A sample alone in
/// its cell of (prompt, agent[, turn]) has baseline 0 and scale 1 (Dr. MAS); alone with its prompt, advantage 0.
pub fn advantages(samples: &[Scored], how: &AdvantageSpec, ema: &mut Ema) -> Advantages {
    let mut groups: BTreeMap<(usize, usize, usize), Vec<usize>> = BTreeMap::new();
    for (i, s) in samples.iter().enumerate() {
        if s.reward.is_finite() {
            let cell = match how.by {
                By::Prompt | By::Paraphrase => (s.prompt, 0, 0),
                By::PromptAgent => (s.prompt, s.agent, 0),
                By::PromptAgentTurn => (s.prompt, s.agent, s.turn),
            };
            groups.entry(cell).or_default().push(i);
        }
    }
    let all: Vec<f64> = samples.iter().map(|s| s.reward).filter(|r| r.is_finite()).collect();
    let batch_std = deviation(&all);
    let batch_mean = mean(&all);
    let remembered = ema.value.unwrap_or(batch_mean);

    let mut out = Advantages {
        values: vec![0.0; samples.len()],
        in_loss: samples.iter().map(|s| s.reward.is_finite()).collect(),
        without_variance: 0,
        groups: groups.len(),
        flat: vec![false; samples.len()],
    };
    for members in groups.values() {
        let rewards: Vec<f64> = members.iter().map(|&i| samples[i].reward).collect();
        let alone = members.len() == 1 && !matches!(how.by, By::Prompt | By::Paraphrase);
        let flat = rewards.iter().all(|r| (r - rewards[0]).abs() < 1e-12);
        if flat && !alone {
            out.without_variance += 1;
        }
        let middle = match how.baseline {
            BaselineKind::Mean | BaselineKind::LeaveOneOut => mean(&rewards),
            BaselineKind::Median => median(&rewards),
            BaselineKind::Ema => remembered,
        };
        let scale = match how.scale {
            Scale::None => None,
            Scale::Std => Some(deviation(&rewards)),
            Scale::Batch => Some(batch_std),
            Scale::Mad => {
                let centre = median(&rewards);
                Some(median(&rewards.iter().map(|r| (r - centre).abs()).collect::<Vec<_>>()))
            }
        };
        for (&i, &r) in members.iter().zip(&rewards) {
            let baseline = match how.baseline {
                _ if alone => 0.0,
                BaselineKind::LeaveOneOut if rewards.len() > 1 => {
                    (rewards.iter().sum::<f64>() - r) / (rewards.len() - 1) as f64
                }
                _ => middle,
            };
            let scale = if alone && scale.is_some() { Some(1.0) } else { scale };
            let a = scale.map_or(r - baseline, |s| (r - baseline) / (s + how.floor));
            out.values[i] = a as f32;
            out.flat[i] = flat && !alone;
        }
        // The extra samples that stay out of the loss are those nearest to the baseline, the first of equals.
        let mut nearest = members.clone();
        nearest.sort_by(|&a, &b| (samples[a].reward - middle).abs().total_cmp(&(samples[b].reward - middle).abs()));
        for &i in nearest.iter().take((how.extra as usize).min(members.len().saturating_sub(1))) {
            out.in_loss[i] = false;
        }
    }
    if !all.is_empty() {
        ema.value = Some(EMA_KEEP * remembered + (1.0 - EMA_KEEP) * batch_mean);
    }
    out
}

pub fn mean(x: &[f64]) -> f64 {
    if x.is_empty() { 0.0 } else { x.iter().sum::<f64>() / x.len() as f64 }
}

/// With n − 1; 0 for fewer than two.
pub fn deviation(x: &[f64]) -> f64 {
    if x.len() < 2 {
        return 0.0;
    }
    let m = mean(x);
    (x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (x.len() - 1) as f64).sqrt()
}

/// The lower middle value of an even count.
fn median(x: &[f64]) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::golden::{Losses, apart};

    fn spec(by: By, baseline: BaselineKind, scale: Scale, extra: u32, floor: f64) -> AdvantageSpec {
        AdvantageSpec { by, baseline, scale, extra, floor }
    }

    fn batch(rewards: &[f32], prompts: &[f32], agents: &[f32]) -> Vec<Scored> {
        let agents = agents.iter().copied().chain(std::iter::repeat(0.0));
        let samples = rewards.iter().zip(prompts).zip(agents);
        samples
            .map(|((&r, &p), a)| Scored { reward: f64::from(r), prompt: p as usize, agent: a as usize, turn: 0 })
            .collect()
    }

    #[test]
    fn groups_are_normalised_as_trl_does() {
        let golden = Losses::read();
        let samples = batch(golden.tensor("adv.rewards"), golden.tensor("adv.group_id"), &[]);
        for (name, scale, tolerance) in
            [("group", Scale::Std, 1e-4), ("none", Scale::None, 1e-6), ("batch", Scale::Batch, 1e-5)]
        {
            let how = spec(By::Prompt, BaselineKind::Mean, scale, 0, 1e-4);
            let got = advantages(&samples, &how, &mut Ema::default());
            assert!(apart(&got.values, golden.tensor(&format!("adv.trl_{name}"))) < tolerance, "{name}");
            assert_eq!((got.groups, got.without_variance), (5, 1));
        }
    }

    #[test]
    fn cells_of_prompt_and_agent_are_dr_mas() {
        let golden = Losses::read();
        let samples = batch(golden.tensor("adv.rewards"), golden.tensor("adv.group_id"), golden.tensor("adv.agent_id"));
        for (name, scale, floor) in
            [("eps1e-6", Scale::Std, 1e-6), ("eps1e-4", Scale::Std, 1e-4), ("nostd", Scale::None, 1e-6)]
        {
            let how = spec(By::PromptAgent, BaselineKind::Mean, scale, 0, floor);
            let got = advantages(&samples, &how, &mut Ema::default());
            assert!(apart(&got.values, golden.tensor(&format!("adv.drmas_{name}"))) < 1e-4, "{name}");
        }
        let lone = batch(&golden.tensor("adv.rewards")[..8], &[0.0; 8], golden.tensor("adv.lone_agent_id"));
        let how = spec(By::PromptAgent, BaselineKind::Mean, Scale::Std, 0, 1e-6);
        let got = advantages(&lone, &how, &mut Ema::default());
        assert!(apart(&got.values, golden.tensor("adv.drmas_lone")) < 1e-4);
    }

    #[test]
    fn the_median_and_its_pivot_are_mc_grpo() {
        let golden = Losses::read();
        let prompts: Vec<f32> = (0..20).map(|i| (i / 5) as f32).collect();
        let how = spec(By::Prompt, BaselineKind::Median, Scale::Mad, 1, 1e-3);
        let got = advantages(&batch(golden.tensor("adv.mc.rewards"), &prompts, &[]), &how, &mut Ema::default());
        for (a, b) in got.values.iter().zip(golden.tensor("adv.mc.advantages")) {
            assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{a} {b}");
        }
        let pivots: Vec<f32> = got.in_loss.iter().map(|&kept| if kept { 0.0 } else { 1.0 }).collect();
        assert_eq!(pivots, golden.tensor("adv.mc.pivot"));

        let prompts: Vec<f32> = (0..16).map(|i| (i / 4) as f32).collect();
        let how = AdvantageSpec { extra: 0, ..how };
        let got = advantages(&batch(golden.tensor("adv.mc_even.rewards"), &prompts, &[]), &how, &mut Ema::default());
        for (a, b) in got.values.iter().zip(golden.tensor("adv.mc_even.advantages")) {
            assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn leaving_one_out_compares_with_the_others() {
        // 1, 2, 6: 1 − 4, 2 − 3.5, 6 − 1.5
        let how = spec(By::Prompt, BaselineKind::LeaveOneOut, Scale::None, 0, 0.0);
        let got = advantages(&batch(&[1.0, 2.0, 6.0], &[0.0; 3], &[]), &how, &mut Ema::default());
        assert_eq!(got.values, [-3.0, -1.5, 4.5]);
    }

    #[test]
    fn an_ema_starts_at_the_first_mean_and_follows() {
        let how = spec(By::Prompt, BaselineKind::Ema, Scale::None, 0, 0.0);
        let mut ema = Ema::default();
        assert_eq!(advantages(&batch(&[1.0, 3.0], &[0.0; 2], &[]), &how, &mut ema).values, [-1.0, 1.0]);
        // 2 is remembered; the batch's mean 12 moves it to 0.9 · 2 + 0.1 · 12 = 3.
        assert_eq!(advantages(&batch(&[12.0, 12.0], &[0.0; 2], &[]), &how, &mut ema).values, [10.0, 10.0]);
        assert!((ema.value.expect("set") - 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_void_touches_nobody() {
        let how = spec(By::Prompt, BaselineKind::Mean, Scale::None, 0, 0.0);
        let got = advantages(&batch(&[1.0, f32::NAN, 3.0], &[0.0; 3], &[]), &how, &mut Ema::default());
        assert_eq!(got.values, [-1.0, 0.0, 1.0]);
        assert_eq!(got.in_loss, [true, false, true]);
    }
}
