//! Constrained choice: one of several given continuations, for instance who speaks next.

use crate::error::{Error, Result};
use crate::model::Lm;
use crate::nn::lora::Lora;
use crate::nn::pack::Pack;
use crate::rng::Rng;

/// One of the options, and what the model thought of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub index: usize,
    /// log p of each option given that it is one of them: Σ of its tokens' log-probabilities, normalised over the options.
    pub logps: Vec<f32>,
}

/// `log softmax` of the options' summed log-probabilities: the distribution over options, given that one of them is said.
pub fn constrained(totals: &[f32]) -> Vec<f32> {
    let largest = totals.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = totals.iter().map(|&t| f64::from(t - largest).exp()).sum();
    totals.iter().map(|&t| t - largest - sum.ln() as f32).collect()
}

/// One of the options by its log-probability, at the place that (seed, key) names; at temperature 0 the first of the most probable.
pub fn draw(logps: &[f32], temperature: f64, seed: u64, key: u64) -> usize {
    let mut index = 0;
    if temperature > 0.0 {
        let at = Rng::new(seed).fork("choose").at(key).uniform(0);
        let mut sum = 0.0;
        for (i, &logp) in logps.iter().enumerate() {
            index = i;
            sum += f64::from(logp).exp();
            if sum > at {
                break;
            }
        }
    } else {
        for (i, logp) in logps.iter().enumerate() {
            if *logp > logps[index] {
                index = i;
            }
        }
    }
    index
}

impl Lm {
    /// Draws one of the options, each a run of tokens after the prompt; no option should begin another. At temperature 0 the
    /// most probable one, at temperature 1's log-probabilities.
    ///
    /// # Errors
    /// When there is no option, or the prompt is empty.
    #[allow(clippy::too_many_arguments)]
    pub fn choose(
        &self,
        prompt: &[u32],
        options: &[Vec<u32>],
        adapter: Option<&Lora>,
        temperature: f64,
        seed: u64,
        key: u64,
    ) -> Result<Choice> {
        if options.is_empty() || prompt.is_empty() {
            return Err(Error::Data("a choice needs a prompt and at least one option".to_owned()));
        }
        let pack = Pack::new().block(prompt, options);
        let divisor = if temperature > 0.0 { temperature as f32 } else { 1.0 };
        let tokens = self.logps(adapter, &pack, divisor)?;
        let totals: Vec<f32> = pack.completions().iter().map(|range| tokens[range.clone()].iter().sum()).collect();
        let logps = constrained(&totals);
        let index = draw(&logps, temperature, seed, key);
        Ok(Choice { index, logps })
    }
}
