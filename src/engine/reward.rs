//! Composes scores into a reward, as the program wrote it.

use std::collections::BTreeMap;

use mascot_run::engine::Fault;
use mascot_run::task::{Expr, RewardSpec};

use crate::judge::term::{self, Values};
use crate::judge::{Bench, Scene, panel};
use crate::rng::Rng;

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

impl Rewards {
    /// A control: inside each situation's group the rewards change places by lot, `draws` being the group's stream. What is void stays
    /// where it is; components tell what was scored.
    pub fn shuffled(&self, scenes: &[Scene], draws: &dyn Fn(usize) -> Rng) -> Self {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, scene) in scenes.iter().enumerate().filter(|(at, _)| self.totals[*at].is_finite()) {
            groups.entry(scene.situation).or_default().push(at);
        }
        let mut out = self.clone();
        for (situation, members) in groups {
            let mut order = members.clone();
            draws(situation).shuffle(&mut order);
            for (&to, &from) in members.iter().zip(&order) {
                out.totals[to] = self.totals[from];
                for (part, own) in out.addends.iter_mut().zip(&self.addends) {
                    part[to] = own[from];
                }
            }
        }
        out
    }
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
            let values = panel::score(judge, scenes, bench)?.overall.of_scenes();
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
                let values = panel::score(judge, scenes, bench)?.overall.of_scenes();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use mascot_run::task::{Dtype, Example, ModelSpec, PersonaSpec, RandomModel, Term, Weights};

    use super::*;
    use crate::judge::Spoken;
    use crate::models::Models;

    fn term(name: &str, numbers: &[(&str, f64)]) -> Expr {
        Expr::Term(Term {
            name: name.into(),
            numbers: numbers.iter().map(|(name, x)| ((*name).to_owned(), *x)).collect(),
            words: BTreeMap::new(),
            model: None,
            encoder: None,
            lines: None,
            crew: vec![],
        })
    }

    fn op(name: &str, args: Vec<Expr>) -> Expr {
        Expr::Op { op: name.into(), args }
    }

    /// Completions of so many tokens; a negative count did not end by itself.
    fn scenes(tokens: &[i32]) -> Vec<Scene> {
        let scene = |n: &i32| Scene {
            situation: 0,
            said: "It rains.".into(),
            before: vec![],
            turns: vec![Spoken {
                speaker: "The Anchor".into(),
                system: "".into(),
                text: "x".repeat(n.unsigned_abs() as usize),
                ids: vec![7; n.unsigned_abs() as usize + usize::from(*n > 0)],
                finished: *n > 0,
            }],
            seats: 2,
        };
        tokens.iter().map(scene).collect()
    }

    fn of(score: Expr, clip: Option<(f64, f64)>, tokens: &[i32]) -> Rewards {
        let (mut models, inputs) = (Models::new(Device::Cpu), BTreeMap::new());
        let mut bench = Bench::new(&mut models, &inputs, vec![], true);
        rewards(&RewardSpec { score, clip }, &scenes(tokens), &mut bench).expect("a reward")
    }

    #[test]
    fn a_reward_is_computed_as_it_is_written() {
        // 0.3 · finished − 0.5 · min(tokens outside 4..6, 3)
        let score = op(
            "subtract",
            vec![
                op("multiply", vec![Expr::Constant(0.3), term("finished", &[])]),
                op(
                    "multiply",
                    vec![
                        Expr::Constant(0.5),
                        op("min", vec![term("length", &[("low", 4.0), ("high", 6.0)]), Expr::Constant(3.0)]),
                    ],
                ),
            ],
        );
        let got = of(score, None, &[5, -5, 2, 20]);
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near(&got.totals, &[0.3, 0.0, -0.7, -1.2]), "{:?}", got.totals);
        assert_eq!(got.components.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["finished", "length"]);
        assert_eq!(got.components[1].1, [0.0, 0.0, 2.0, 14.0]);
        assert_eq!(got.addends.len(), 2);
    }

    #[test]
    fn parts_of_one_name_are_numbered_and_bounds_hold() {
        let score = op("add", vec![term("finished", &[]), op("neg", vec![term("finished", &[])]), Expr::Constant(9.0)]);
        let got = of(score, Some((0.0, 2.0)), &[5]);
        assert_eq!(got.totals, [2.0]);
        assert_eq!(
            got.components.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["finished", "finished_2"]
        );
    }

    #[test]
    fn what_is_void_stays_void() {
        let void = op("divide", vec![Expr::Constant(0.0), Expr::Constant(0.0)]);
        for (name, args) in [("min", vec![void.clone(), Expr::Constant(1.0)]), ("add", vec![Expr::Constant(1.0), void])]
        {
            assert!(of(op(name, args), Some((-1.0, 1.0)), &[5]).totals[0].is_nan(), "{name}");
        }
    }

    #[test]
    fn shuffled_rewards_stay_in_their_group_and_void_ones_where_they_are() {
        let n = 24;
        let mut scenes = scenes(&vec![5; n]);
        scenes.iter_mut().enumerate().for_each(|(at, scene)| scene.situation = at % 2);
        let mut totals: Vec<f64> = (0..n).map(|at| at as f64).collect();
        totals[4] = f64::NAN;
        let addends = vec![totals.clone(), totals.iter().map(|x| 10.0 * x).collect()];
        let scored = Rewards { totals, addends, components: vec![("x".into(), vec![1.0; n])] };
        let draws = |seed| move |situation: usize| Rng::new(seed).at(situation as u64);
        let got = scored.shuffled(&scenes, &draws(1));
        assert!(got.totals[4].is_nan());
        let moved = (0..n).filter(|&at| at != 4 && got.totals[at] != at as f64).count();
        assert!(moved > n / 2, "{moved} of {n} moved");
        for group in 0..2 {
            let mut own: Vec<i64> =
                (0..n).filter(|at| at % 2 == group && *at != 4).map(|at| got.totals[at] as i64).collect();
            own.sort_unstable();
            assert_eq!(own, (0..n).filter(|at| at % 2 == group && *at != 4).map(|at| at as i64).collect::<Vec<_>>());
        }
        // What a reward is made of goes with it; what was scored is told as it was.
        assert!((0..n).filter(|at| *at != 4).all(|at| got.addends[1][at] == 10.0 * got.totals[at]));
        assert_eq!(got.components, scored.components);
        assert_eq!(scored.shuffled(&scenes, &draws(1)).totals[..4], got.totals[..4]);
        assert_ne!(scored.shuffled(&scenes, &draws(2)).totals[5..], got.totals[5..]);
    }

    /// With the persona's own example as the completion, that context has the very text in it: even random weights find what they
    /// have just read no less likely than what they have not, and swapping the personas turns the sign round.
    #[test]
    fn a_contrast_changes_its_sign_with_the_personas() {
        let shape = RandomModel {
            arch: "llama".into(),
            hidden: 32,
            layers: 2,
            heads: 2,
            kv_heads: 1,
            ffn: 64,
            vocab: 256,
            tokenizer: "bytes".into(),
        };
        let model = ModelSpec { weights: Weights::Random(shape), dtype: Dtype::F32 };
        let persona = |name: &str, says: &str| PersonaSpec {
            name: name.into(),
            role: None,
            voice: None,
            never: vec![],
            examples: vec![Example { given: "Hi.".into(), says: says.into() }],
        };
        let contrast_at = |anchor: &str, beacon: &str, shift: f64| {
            let (mut models, inputs) = (Models::new(Device::Cpu), BTreeMap::new());
            let mut bench = Bench::new(&mut models, &inputs, vec![Arc::from("x")], true);
            let crew = vec![persona("The Anchor", anchor), persona("The Beacon", beacon)];
            let term = Term {
                name: "contrast".into(),
                numbers: [("shift".to_owned(), shift)].into(),
                words: BTreeMap::new(),
                model: Some(model.clone()),
                encoder: None,
                lines: None,
                crew,
            };
            let spec = RewardSpec { score: Expr::Term(term), clip: None };
            rewards(&spec, &scenes(&[6]), &mut bench).expect("a reward").totals[0]
        };
        let contrast = |anchor: &str, beacon: &str| contrast_at(anchor, beacon, 0.0);
        let (own, swapped) = (contrast("xxxxxx", "qqqqqq"), contrast("qqqqqq", "xxxxxx"));
        assert!((own + swapped).abs() < 1e-5 && own.abs() > 1e-6, "{own} {swapped}");
        // Of two, the companion one seat further is the other; two seats further one is back.
        let shifted = |seats| contrast_at("xxxxxx", "qqqqqq", seats);
        assert!((shifted(1.0) + own).abs() < 1e-5 && (shifted(2.0) - own).abs() < 1e-9, "{} {own}", shifted(1.0));
        assert!(contrast("xxxxxx", "xxxxxx").abs() < 1e-6);
    }
}
