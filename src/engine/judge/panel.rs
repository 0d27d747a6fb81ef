//! A judge's scores of scenes, on the scale of its rubric.

use mascot_run::engine::Fault;
use mascot_run::task::{JudgeKind, JudgeSpec, RubricSpec};

use super::bench::Bench;
use super::local;
use super::scene::Scene;
use super::term::Values;

/// What a judge says of a batch of scenes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The weighted mean of the criteria. NaN is void.
    pub overall: Values,
    /// In the order of the rubric; empty where a judge has one number for all of them (`contrast`).
    pub criteria: Vec<Values>,
}

/// Scores of every turn where each scene is one (a speaker's completion), of every scene where it is a block: a rubric for several
/// speakers is about all of their turns together. `contrast` knows turns alone, and gives every criterion of a rubric this one score.
///
/// # Errors
/// [`Fault::NotYet`] for the kind that cannot run; as the judge.
pub fn score(spec: &JudgeSpec, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Scores, Fault> {
    let verdicts = match &spec.by {
        JudgeKind::Contrast { model, examples } => {
            let contrast = bench.contrast(model, examples.as_ref(), &spec.crew, scenes)?;
            let turns =
                contrast.into_iter().map(|turns| turns.into_iter().map(|c| on_scale(c, &spec.rubric)).collect());
            return Ok(Scores { overall: Values::Turns(turns.collect()), criteria: Vec::new() });
        }
        JudgeKind::Openai { model, endpoint } => bench.far_verdicts(spec, (model, endpoint), scenes)?,
        JudgeKind::Local { model } => local::verdicts(spec, model, scenes, bench)?,
        JudgeKind::Human { .. } => return Err(Fault::NotYet("judge kind `human`".into())),
    };
    let weights: Vec<f64> = spec.rubric.criteria.iter().map(|criterion| criterion.weight).collect();
    let all: f64 = weights.iter().sum();
    let overall = |scores: &[f64]| scores.iter().zip(&weights).map(|(score, weight)| score * weight).sum::<f64>() / all;
    let criterion = |at: usize| shaped(scenes, &verdicts, |scores| scores[at]);
    Ok(Scores { overall: shaped(scenes, &verdicts, overall), criteria: (0..weights.len()).map(criterion).collect() })
}

fn shaped(scenes: &[Scene], verdicts: &[Option<Vec<f64>>], of: impl Fn(&[f64]) -> f64) -> Values {
    let one = |verdict: &Option<Vec<f64>>| verdict.as_deref().map_or(f64::NAN, &of);
    if scenes.iter().all(|scene| scene.turns.len() == 1) {
        Values::Turns(verdicts.iter().map(|verdict| vec![one(verdict)]).collect())
    } else {
        Values::Scenes(verdicts.iter().map(one).collect())
    }
}

/// Clipped to ±1 nat a token and mapped linearly onto the scale: 1..5 is 3 + 2c.
pub fn on_scale(contrast: f64, rubric: &RubricSpec) -> f64 {
    let (middle, half) = ((rubric.low + rubric.high) / 2.0, (rubric.high - rubric.low) / 2.0);
    middle + half * contrast.clamp(-1.0, 1.0)
}

/// From the rubric's scale to 0..1.
pub fn normalised(score: f64, rubric: &RubricSpec) -> f64 {
    (score - rubric.low) / (rubric.high - rubric.low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nat_is_two_points_of_five() {
        let rubric = RubricSpec { title: None, low: 1.0, high: 5.0, criteria: vec![] };
        assert_eq!([-9.0, -1.0, 0.0, 0.25, 7.0].map(|c| on_scale(c, &rubric)), [1.0, 1.0, 3.0, 3.5, 5.0]);
        assert!(on_scale(f64::NAN, &rubric).is_nan());
        assert_eq!(normalised(4.0, &rubric), 0.75);
    }
}
