//! `local(model)`: a local model reads the same rubric, criterion by criterion, and is asked for a number. The score is the mean of
//! the scale's numbers, weighted by how likely the model is to write each: finer than the number it would have written, and the
//! same every time.
//!
//! p(n) ∝ exp(log p(digits of n | prompt)); where a number of the scale begins another (1 and 10), the token that ends a turn is
//! counted too. `votes` would give the same again; with `swap` it is asked in both orders and averaged.

use mascot_run::engine::Fault;
use mascot_run::task::{JudgeSpec, ModelSpec};

use super::bench::Bench;
use super::likelihood::Question;
use super::prompt::{self, Order};
use super::scene::Scene;
use super::verdict::levels;

/// For every scene, by criterion; NaN where the model gives no number a probability. `None` for a scene in which nobody speaks.
///
/// # Errors
/// [`Fault::Judge`] for a scale without whole numbers; as the model.
pub fn verdicts(
    judge: &JudgeSpec,
    model: &ModelSpec,
    scenes: &[Scene],
    bench: &mut Bench<'_>,
) -> Result<Vec<Option<Vec<f64>>>, Fault> {
    let rubric = &judge.rubric;
    let levels = levels(rubric).filter(|levels| levels.len() > 1).ok_or_else(|| {
        Fault::Judge(format!(
            "a local judge writes whole numbers, and {} to {} is no scale of them",
            rubric.low, rubric.high
        ))
    })?;
    let orders: &[Order] = if judge.swap { &[Order::Written, Order::Reversed] } else { &[Order::Written] };
    let likelihood = bench.likelihood(model)?;
    let lm = likelihood.lm();
    let end = lm.end_of_turn().filter(|_| one_begins_another(&levels));
    let mut numbers = Vec::new();
    for level in &levels {
        numbers.push(lm.chat().completion(lm.tokenizer(), &level.to_string(), end)?);
    }
    let mut questions = Vec::new();
    for scene in scenes.iter().filter(|scene| !scene.turns.is_empty()) {
        for criterion in &rubric.criteria {
            for order in orders {
                let messages = prompt::one_criterion(rubric, criterion, &judge.crew, scene, *order);
                let context = lm.chat().prompt(lm.tokenizer(), &messages)?;
                let room = lm.config().max_positions;
                if context.len() + 4 > room {
                    return Err(Fault::Judge(format!(
                        "a question to the local judge has {} tokens, and the model reads {room}; cut the data with `max_len`",
                        context.len()
                    )));
                }
                let of = |completion: &Vec<u32>| Question {
                    context: context.clone(),
                    kept: 0,
                    completion: completion.clone(),
                };
                questions.extend(numbers.iter().map(of));
            }
        }
    }
    let means = likelihood.means(&questions)?;
    let mut scores = means.chunks(levels.len()).map(|means| {
        let logps: Vec<f64> = means.iter().zip(&numbers).map(|(mean, ids)| mean * ids.len() as f64).collect();
        expected(&levels, &logps)
    });
    let verdict = |scene: &Scene| {
        let mut of_scene = || -> Vec<f64> {
            let mean = |_: &_| scores.by_ref().take(orders.len()).sum::<f64>() / orders.len() as f64;
            rubric.criteria.iter().map(mean).collect()
        };
        (!scene.turns.is_empty()).then(&mut of_scene)
    };
    Ok(scenes.iter().map(verdict).collect())
}

/// Σ n p(n) / Σ p(n).
fn expected(levels: &[i64], logps: &[f64]) -> f64 {
    let most = logps.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logps.iter().map(|logp| (logp - most).exp()).collect();
    let mean: f64 = levels.iter().zip(&weights).map(|(level, weight)| *level as f64 * weight).sum();
    mean / weights.iter().sum::<f64>()
}

fn one_begins_another(levels: &[i64]) -> bool {
    let texts: Vec<String> = levels.iter().map(i64::to_string).collect();
    texts.iter().any(|text| texts.iter().any(|other| other != text && other.starts_with(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_mean_weighted_by_probability() {
        let even = expected(&[1, 2, 3, 4, 5], &[-7.0; 5]);
        assert!((even - 3.0).abs() < 1e-12);
        let sure = expected(&[1, 2, 3, 4, 5], &[-60.0, -60.0, -60.0, -0.01, -60.0]);
        assert!((sure - 4.0).abs() < 1e-12);
        let torn = expected(&[1, 5], &[0.25f64.ln(), 0.75f64.ln()]);
        assert!((torn - 4.0).abs() < 1e-12);
        assert!(expected(&[1, 2], &[f64::NEG_INFINITY; 2]).is_nan());
        assert!(!one_begins_another(&[1, 2, 3, 4, 5]) && one_begins_another(&[1, 2, 10]));
    }
}
