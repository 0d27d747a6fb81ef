//! A judge's score of scenes on the scale of its rubric.

use mascot_run::engine::Fault;
use mascot_run::task::{JudgeKind, JudgeSpec, RubricSpec};

use super::bench::Bench;
use super::scene::Scene;

/// For every turn of every scene, on the rubric's scale. `contrast` gives every criterion of a rubric this one score.
///
/// # Errors
/// [`Fault::NotYet`] for the kinds that cannot run; as the judge's model.
pub fn score(spec: &JudgeSpec, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Vec<Vec<f64>>, Fault> {
    let contrast = match &spec.by {
        JudgeKind::Contrast { model, examples } => bench.contrast(model, examples.as_ref(), &spec.crew, scenes)?,
        JudgeKind::Openai { .. } => return Err(Fault::NotYet("judge kind `openai`".into())),
        JudgeKind::Local { .. } => return Err(Fault::NotYet("judge kind `local`".into())),
        JudgeKind::Human { .. } => return Err(Fault::NotYet("judge kind `human`".into())),
    };
    Ok(contrast.into_iter().map(|turns| turns.into_iter().map(|c| on_scale(c, &spec.rubric)).collect()).collect())
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
