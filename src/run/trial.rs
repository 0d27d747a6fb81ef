//! Tests of personas: what `mascot test` asks of each sample, and how many held.
//!
//! A test is an evaluation of one situation (`lower::trial`), planned, keyed and recalled as any other. Its gates are no part of it: they
//! are asked here, of each sample by itself, so that tightening one asks no model again. Absent: plans, engines, printing.

use std::path::Path;

use mascot_lang::program::{EntityId, Gate, Program, Value};
use serde_json::Value as Json;

/// A number of a sample that gates ask for: a rubric's, or one of its criteria's.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub rubric: EntityId,
    pub criterion: Option<String>,
    /// The upper end of its scale: tables report × 100 of it.
    pub high: f64,
}

impl Score {
    pub fn called(&self, program: &Program) -> String {
        let rubric = &program.entity(self.rubric).name;
        self.criterion.as_ref().map_or_else(|| rubric.clone(), |criterion| format!("{rubric}.{criterion}"))
    }
}

/// A `test` block as it is asked.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Position of its task in the plan.
    pub task: usize,
    /// The persona's name in the file.
    pub persona: String,
    pub title: String,
    pub given: String,
    pub file: String,
    /// From 1.
    pub line: u32,
    pub judges: Vec<String>,
    /// Samples, and how many of them must hold.
    pub n: u32,
    pub k: u32,
    pub scores: Vec<Score>,
    pub gates: Vec<Gate>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub text: String,
    /// In the order of [`Trial::scores`], on their rubrics' scales; `None`: void.
    pub scores: Vec<Option<f64>>,
    /// By gate. A score that could not be had holds no gate.
    pub holds: Vec<bool>,
}

impl Sample {
    pub fn passes(&self) -> bool {
        self.holds.iter().all(|holds| *holds)
    }
}

/// What a test came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub samples: Vec<Sample>,
    /// Samples for which every gate holds.
    pub held: usize,
    /// Samples with a score that could not be had.
    pub void: usize,
    /// Wilson's 95% interval of the share that holds.
    pub low: f64,
    pub high: f64,
    pub passes: bool,
}

impl Trial {
    /// Reads what was said and scored, and asks the gates of each sample.
    ///
    /// # Errors
    /// When the transcripts cannot be read, in words.
    pub fn verdict(&self, transcripts: &Path) -> Result<Verdict, String> {
        let in_the_way = |why: &dyn std::fmt::Display| format!("{}: {why}", transcripts.display());
        let text = std::fs::read_to_string(transcripts).map_err(|why| in_the_way(&why))?;
        let mut samples = Vec::new();
        for line in text.lines() {
            let transcript: Json = serde_json::from_str(line).map_err(|why| in_the_way(&why))?;
            samples.extend(self.sample(&transcript));
        }
        let held = samples.iter().filter(|sample| sample.passes()).count();
        let void = samples.iter().filter(|sample| sample.scores.contains(&None)).count();
        let (low, high) = wilson(held, samples.len());
        Ok(Verdict { passes: held >= self.k as usize, samples, held, void, low, high })
    }

    fn sample(&self, transcript: &Json) -> Option<Sample> {
        let said = transcript["turns"].as_array()?.iter().rfind(|turn| turn["speaker"] != "user")?;
        // As transcripts name judges: the second of them is `judge#2`.
        let name = |at: usize| if at == 0 { "judge".to_owned() } else { format!("judge#{}", at + 1) };
        let score =
            |(at, score): (usize, &Score)| said["scores"][name(at)].as_f64().map(|value| value * score.high / 100.0);
        let scores: Vec<Option<f64>> = self.scores.iter().enumerate().map(score).collect();
        let of = |rubric: EntityId, criterion: Option<&str>| {
            let at =
                self.scores.iter().position(|one| one.rubric == rubric && one.criterion.as_deref() == criterion)?;
            scores[at]
        };
        let holds = self.gates.iter().map(|gate| value(&gate.condition, &of) == Some(Val::Truth(true))).collect();
        Some(Sample { text: said["text"].as_str().unwrap_or_default().to_owned(), holds, scores })
    }
}

/// Wilson's 95% interval of a share (Wilson 1927): unlike the plain one it holds for few samples, and at 0 and 1.
pub fn wilson(held: usize, of: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (of as f64, held as f64 / of as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let all = 1.0 + Z * Z / n;
    (((middle - half) / all).max(0.0), ((middle + half) / all).min(1.0))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Val {
    Number(f64),
    Range(f64, f64),
    Truth(bool),
}

/// What a condition comes to for one sample; `None` where a score in it is void.
fn value(of: &Value, score: &dyn Fn(EntityId, Option<&str>) -> Option<f64>) -> Option<Val> {
    let number = |of: &Value| match value(of, score)? {
        Val::Number(number) => Some(number),
        _ => None,
    };
    let truth = |of: &Value| match value(of, score)? {
        Val::Truth(truth) => Some(truth),
        _ => None,
    };
    Some(match of {
        Value::Number { value, .. } => Val::Number(*value),
        Value::Range { low, high, .. } => Val::Range(*low, *high),
        Value::Bool(truth) => Val::Truth(*truth),
        Value::Entity(rubric) => Val::Number(score(*rubric, None)?),
        Value::Op { op, args } => match (op.as_str(), args.as_slice()) {
            ("field", [Value::Entity(rubric), Value::Word(name) | Value::Text(name)]) => {
                Val::Number(score(*rubric, Some(name))?)
            }
            ("not", [of]) => Val::Truth(!truth(of)?),
            // Settled by one side, whatever the other would be.
            ("and", [a, b]) => match (truth(a), truth(b)) {
                (Some(false), _) | (_, Some(false)) => Val::Truth(false),
                (a, b) => Val::Truth(a? && b?),
            },
            ("or", [a, b]) => match (truth(a), truth(b)) {
                (Some(true), _) | (_, Some(true)) => Val::Truth(true),
                (a, b) => Val::Truth(a? || b?),
            },
            ("neg", [of]) => Val::Number(-number(of)?),
            ("in", [of, range]) => match value(range, score)? {
                Val::Range(low, high) => Val::Truth((low..=high).contains(&number(of)?)),
                _ => return None,
            },
            (op, [a, b]) => {
                let (a, b) = (number(a)?, number(b)?);
                match op {
                    "+" => Val::Number(a + b),
                    "-" => Val::Number(a - b),
                    "*" => Val::Number(a * b),
                    "/" => Val::Number(a / b),
                    "==" => Val::Truth(a == b),
                    "!=" => Val::Truth(a != b),
                    "<" => Val::Truth(a < b),
                    "<=" => Val::Truth(a <= b),
                    ">" => Val::Truth(a > b),
                    ">=" => Val::Truth(a >= b),
                    _ => return None,
                }
            }
            _ => return None,
        },
        Value::Call { name, args } if ["min", "max"].contains(&name.as_str()) => {
            let each: Option<Vec<f64>> = args.values().map(number).collect();
            let better = if name == "min" { f64::min } else { f64::max };
            Val::Number(each?.into_iter().reduce(better)?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use mascot_lang::program::Dim;

    use super::*;

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // Hand-worked: n = 8, 6 held, z² = 3.8415: (0.75 + 0.2401 ± 1.96·√(0.0234 + 0.0150)) / 1.4802.
        let (low, high) = wilson(6, 8);
        assert!((low - 0.4093).abs() < 5e-4 && (high - 0.9285).abs() < 5e-4, "{low} {high}");
        let (low, high) = wilson(8, 8);
        assert!((low - 0.6756).abs() < 5e-4 && (high - 1.0).abs() < 1e-9, "{low} {high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn a_void_score_holds_no_gate_unless_another_settles_it() {
        let (tone, sense) = (EntityId(0), EntityId(1));
        let at_least = |id, least| Value::Op {
            op: ">=".into(),
            args: vec![Value::Entity(id), Value::Number { value: least, dim: Dim::None }],
        };
        let both = |op: &str| Value::Op { op: op.into(), args: vec![at_least(tone, 4.0), at_least(sense, 4.0)] };
        let score = |id: EntityId, _: Option<&str>| (id == tone).then_some(4.5);
        assert_eq!(value(&at_least(tone, 4.0), &score), Some(Val::Truth(true)));
        assert_eq!(value(&at_least(sense, 4.0), &score), None);
        assert_eq!(value(&both("and"), &score), None);
        assert_eq!(value(&both("or"), &score), Some(Val::Truth(true)));
        assert_eq!(
            value(&Value::Op { op: "not".into(), args: vec![at_least(tone, 4.0)] }, &score),
            Some(Val::Truth(false))
        );
    }
}
