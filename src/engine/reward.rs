//! Composes scores into a reward, as the program wrote it.

use mascot_run::engine::Fault;
use mascot_run::task::{Expr, RewardSpec};

use crate::judge::term::{self, Values};
use crate::judge::{Bench, Scene, panel};

/// Rewards of a batch, and what they are made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rewards {
    /// One a scene; NaN where a part is void, which takes the scene out of training.
    pub totals: Vec<f64>,
    /// Every leaf of the expression that is no constant, by its name (`contrast`, `contrast_2`…), in the order written.
    pub components: Vec<(String, Vec<f64>)>,
    /// The parts that the outermost sum adds up, for `combine = normalise_then_sum`.
    pub addends: Vec<Vec<f64>>,
}

/// Evaluates a reward over a batch of scenes.
///
/// # Errors
/// As [`term::evaluate`] and [`panel::score`].
pub fn rewards(spec: &RewardSpec, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Rewards, Fault> {
    let mut out = Rewards::default();
    let addends = addends(&spec.score, 1.0);
    for (part, sign) in addends {
        let values = value(part, scenes, bench, &mut out.components)?;
        out.addends.push(values.into_iter().map(|x| sign * x).collect());
    }
    out.totals = (0..scenes.len()).map(|i| out.addends.iter().map(|part| part[i]).sum()).collect();
    if let Some((low, high)) = spec.clip {
        // NaN stays NaN.
        out.totals.iter_mut().for_each(|x| *x = x.clamp(low, high));
    }
    Ok(out)
}

fn addends(score: &Expr, sign: f64) -> Vec<(&Expr, f64)> {
    match score {
        Expr::Op { op, args } if op == "add" => args.iter().flat_map(|arg| addends(arg, sign)).collect(),
        Expr::Op { op, args } if op == "subtract" && args.len() == 2 => {
            let mut all = addends(&args[0], sign);
            all.extend(addends(&args[1], -sign));
            all
        }
        Expr::Op { op, args } if op == "neg" && args.len() == 1 => addends(&args[0], -sign),
        leaf => vec![(leaf, sign)],
    }
}

type Components = Vec<(String, Vec<f64>)>;

fn value(
    score: &Expr,
    scenes: &[Scene],
    bench: &mut Bench<'_>,
    components: &mut Components,
) -> Result<Vec<f64>, Fault> {
    let mut log = |name: &str, values: &[f64]| {
        let again = |known: &str| known.strip_prefix(name).and_then(|rest| rest.strip_prefix('_')?.parse::<u32>().ok());
        let same = components.iter().filter(|(known, _)| known == name || again(known).is_some()).count();
        let name = if same == 0 { name.to_owned() } else { format!("{name}_{}", same + 1) };
        components.push((name, values.to_vec()));
    };
    Ok(match score {
        Expr::Constant(x) => vec![*x; scenes.len()],
        Expr::Term(term) => {
            let values = term::evaluate(term, scenes, bench)?.of_scenes();
            log(&term.name, &values);
            values
        }
        Expr::Judge(judge) => {
            let values = Values::Turns(panel::score(judge, scenes, bench)?).of_scenes();
            log("judge", &values);
            values
        }
        Expr::RewardModel(policy) => {
            let values = Values::Turns(bench.reward_model(policy)?.score(scenes)?).of_scenes();
            log("reward_model", &values);
            values
        }
        Expr::Normalise(inner) => match &**inner {
            Expr::Judge(judge) => {
                let values = Values::Turns(panel::score(judge, scenes, bench)?).of_scenes();
                let values: Vec<f64> = values.into_iter().map(|x| panel::normalised(x, &judge.rubric)).collect();
                log("judge", &values);
                values
            }
            // Only a judge's score has a scale of its own; what is within 0..1 already stays.
            other => value(other, scenes, bench, components)?,
        },
        Expr::Op { op, args } => {
            let mut parts = Vec::new();
            for arg in args {
                parts.push(value(arg, scenes, bench, components)?);
            }
            let fold = |of: fn(f64, f64) -> f64| -> Vec<f64> {
                let of_scene = |i: usize| parts.iter().map(|part| part[i]).reduce(of).unwrap_or(0.0);
                (0..scenes.len()).map(of_scene).collect()
            };
            match op.as_str() {
                "add" => fold(|a, b| a + b),
                "subtract" => fold(|a, b| a - b),
                "multiply" => fold(|a, b| a * b),
                "divide" => fold(|a, b| a / b),
                "min" => fold(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }),
                "max" => fold(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }),
                "neg" => fold(|a, _| a).into_iter().map(|x| -x).collect(),
                other => {
                    return Err(Fault::Judge(format!("a reward has no operation `{other}`; this is a bug in mascot")));
                }
            }
        }
    })
}
