//! Gates: conditions over what tasks reported, asked of recalled results as of fresh ones, and no part of any key.

use serde::{Deserialize, Serialize};

use crate::engine::Outputs;

/// `gate EXPR else "why"`, its names resolved to tasks: by position in the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate<T = usize> {
    pub condition: Condition<T>,
    /// As written.
    pub text: String,
    pub otherwise: String,
    pub file: String,
    /// From 1.
    pub line: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Condition<T = usize> {
    Number(f64),
    Range(f64, f64),
    Truth(bool),
    /// A number that tasks report; of several the mean.
    Result {
        of: Vec<T>,
        name: String,
        /// As a reader would name it: `persona_rm.ece`.
        called: String,
    },
    /// Paired mean difference in the table of an `evaluate`; subjects and metric by index.
    Delta {
        of: T,
        a: usize,
        b: usize,
        metric: usize,
        criterion: Option<String>,
        persona: Option<String>,
        end: End,
        called: String,
    },
    /// `+ - * / neg == != < <= > >= in and or not min max`
    Op {
        op: String,
        args: Vec<Condition<T>>,
    },
}

/// Which number of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Mean,
    Low,
    High,
}

/// What a gate came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub text: String,
    pub otherwise: String,
    pub file: String,
    pub line: u32,
    pub holds: bool,
    /// The parts of the condition that were measured, as a reader would name them. `None`: it was not measured, and then the
    /// gate does not hold.
    pub values: Vec<(String, Option<f64>)>,
}

/// A value on the way. Not a number: something was not measured.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Val {
    Number(f64),
    Range(f64, f64),
    Truth(bool),
    Unknown,
}

impl Gate {
    /// Asks, with the outputs of tasks by their position in the plan.
    pub fn ask(&self, outputs: &dyn Fn(usize) -> Option<Outputs>) -> Asked {
        let mut values = Vec::new();
        let came_to = self.condition.value(outputs, &mut values);
        Asked {
            text: self.text.clone(),
            otherwise: self.otherwise.clone(),
            file: self.file.clone(),
            line: self.line,
            holds: came_to == Val::Truth(true),
            values,
        }
    }
}

impl Condition {
    fn value(&self, outputs: &dyn Fn(usize) -> Option<Outputs>, seen: &mut Vec<(String, Option<f64>)>) -> Val {
        let measured = |name: String, value: Option<f64>, seen: &mut Vec<_>| {
            let value = value.filter(|value| value.is_finite());
            if !seen.iter().any(|(known, _)| *known == name) {
                seen.push((name, value));
            }
            value.map_or(Val::Unknown, Val::Number)
        };
        match self {
            Condition::Number(value) => Val::Number(*value),
            Condition::Range(low, high) => Val::Range(*low, *high),
            Condition::Truth(truth) => Val::Truth(*truth),
            Condition::Result { of, name, called } => {
                let values: Option<Vec<f64>> =
                    of.iter().map(|task| outputs(*task)?.results.get(name).copied()).collect();
                let mean = values
                    .filter(|values| !values.is_empty())
                    .map(|values| values.iter().sum::<f64>() / values.len() as f64);
                measured(called.clone(), mean, seen)
            }
            Condition::Delta { of, a, b, metric, criterion, persona, end, called } => {
                let value = outputs(*of).and_then(|outputs| delta(&outputs, *a, *b, *metric, criterion, persona, *end));
                measured(called.clone(), value, seen)
            }
            Condition::Op { op, args } => {
                let args: Vec<Val> = args.iter().map(|arg| arg.value(outputs, seen)).collect();
                apply(op, &args)
            }
        }
    }
}

impl<T: Clone> Condition<T> {
    /// The same, with other names for tasks.
    pub(crate) fn map<U>(&self, name: &dyn Fn(&T) -> U) -> Condition<U> {
        match self {
            Condition::Number(value) => Condition::Number(*value),
            Condition::Range(low, high) => Condition::Range(*low, *high),
            Condition::Truth(truth) => Condition::Truth(*truth),
            Condition::Result { of, name: result, called } => {
                Condition::Result { of: of.iter().map(name).collect(), name: result.clone(), called: called.clone() }
            }
            Condition::Delta { of, a, b, metric, criterion, persona, end, called } => Condition::Delta {
                of: name(of),
                a: *a,
                b: *b,
                metric: *metric,
                criterion: criterion.clone(),
                persona: persona.clone(),
                end: *end,
                called: called.clone(),
            },
            Condition::Op { op, args } => {
                Condition::Op { op: op.clone(), args: args.iter().map(|arg| arg.map(name)).collect() }
            }
        }
    }

    /// Every task that it asks about.
    pub(crate) fn tasks(&self) -> Vec<T> {
        match self {
            Condition::Result { of, .. } => of.clone(),
            Condition::Delta { of, .. } => vec![of.clone()],
            Condition::Op { args, .. } => args.iter().flat_map(Condition::tasks).collect(),
            Condition::Number(_) | Condition::Range(..) | Condition::Truth(_) => Vec::new(),
        }
    }
}

/// The table holds each pair of subjects once; asked the other way round, the difference changes sign and its ends change places.
fn delta(
    outputs: &Outputs,
    a: usize,
    b: usize,
    metric: usize,
    criterion: &Option<String>,
    persona: &Option<String>,
    end: End,
) -> Option<f64> {
    let deltas = &outputs.table.as_ref()?.deltas;
    let cell = |a: usize, b: usize, end: End| {
        let found = deltas.iter().find(|delta| {
            (delta.a, delta.b, delta.metric) == (a, b, metric)
                && delta.criterion == *criterion
                && delta.persona == *persona
        })?;
        Some(match end {
            End::Mean => found.mean,
            End::Low => found.low,
            End::High => found.high,
        })
    };
    let turned = match end {
        End::Mean => End::Mean,
        End::Low => End::High,
        End::High => End::Low,
    };
    match cell(a, b, end) {
        Some(value) => value,
        None => cell(b, a, turned)?.map(|value| -value),
    }
}

fn apply(op: &str, args: &[Val]) -> Val {
    use Val::{Number, Range, Truth, Unknown};

    match (op, args) {
        // What is not measured decides nothing, unless the other side decides alone.
        ("and", args) if args.contains(&Truth(false)) => Truth(false),
        ("or", args) if args.contains(&Truth(true)) => Truth(true),
        (_, args) if args.contains(&Unknown) => Unknown,
        ("and", args) => Truth(args.iter().all(|arg| *arg == Truth(true))),
        ("or", args) => Truth(args.contains(&Truth(true))),
        ("not", [Truth(truth)]) => Truth(!truth),
        ("neg" | "-", [Number(value)]) => Number(-value),
        ("+", [Number(a), Number(b)]) => Number(a + b),
        ("-", [Number(a), Number(b)]) => Number(a - b),
        ("*", [Number(a), Number(b)]) => Number(a * b),
        // A division by nothing was not measured.
        ("/", [Number(a), Number(b)]) => {
            let value = a / b;
            if value.is_finite() { Number(value) } else { Unknown }
        }
        ("min", [Number(a), Number(b)]) => Number(a.min(*b)),
        ("max", [Number(a), Number(b)]) => Number(a.max(*b)),
        ("==", [a, b]) => Truth(a == b),
        ("!=", [a, b]) => Truth(a != b),
        ("<", [Number(a), Number(b)]) => Truth(a < b),
        ("<=", [Number(a), Number(b)]) => Truth(a <= b),
        (">", [Number(a), Number(b)]) => Truth(a > b),
        (">=", [Number(a), Number(b)]) => Truth(a >= b),
        ("in", [Number(a), Range(low, high)]) => Truth(low <= a && a <= high),
        (op, args) => panic!("a gate computes {op:?} of {args:?}, which the checker refuses; this is a bug in mascot"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Delta, Table};

    fn op(op: &str, args: Vec<Condition>) -> Condition {
        Condition::Op { op: op.into(), args }
    }

    fn asked(condition: Condition, outputs: &Outputs) -> Asked {
        let gate = Gate { condition, text: String::new(), otherwise: String::new(), file: String::new(), line: 1 };
        gate.ask(&|task| (task == 0).then(|| outputs.clone()))
    }

    #[test]
    fn a_gate_tells_the_values_in_it() {
        let outputs = Outputs { results: [("held_out_accuracy".to_owned(), 0.7)].into(), ..Outputs::default() };
        let accuracy =
            || Condition::Result { of: vec![0], name: "held_out_accuracy".into(), called: "held_out_accuracy".into() };
        let gate = asked(op(">=", vec![accuracy(), Condition::Number(0.65)]), &outputs);
        assert!(gate.holds);
        assert_eq!(gate.values, [("held_out_accuracy".to_owned(), Some(0.7))]);
        assert!(asked(op("in", vec![accuracy(), Condition::Range(0.7, 1.0)]), &outputs).holds);
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        let unknown = || Condition::Result { of: vec![0], name: "ece".into(), called: "ece".into() };
        let outputs = Outputs::default();
        assert!(!asked(op("<", vec![unknown(), Condition::Number(1.0)]), &outputs).holds);
        assert!(!asked(op("not", vec![op("<", vec![unknown(), Condition::Number(1.0)])]), &outputs).holds);
        assert!(
            asked(op("or", vec![op("<", vec![unknown(), Condition::Number(1.0)]), Condition::Truth(true)]), &outputs)
                .holds
        );
    }

    #[test]
    fn a_difference_is_read_in_both_directions() {
        let delta = Delta {
            a: 0,
            b: 1,
            metric: 0,
            criterion: None,
            persona: None,
            mean: Some(3.0),
            low: Some(1.0),
            high: Some(5.0),
            n: 9,
        };
        let table = Table { rows: Vec::new(), deltas: vec![delta] };
        let outputs = Outputs { table: Some(table), ..Outputs::default() };
        let low = |a, b| Condition::Delta {
            of: 0,
            a,
            b,
            metric: 0,
            criterion: None,
            persona: None,
            end: End::Low,
            called: String::new(),
        };
        assert_eq!(asked(op(">", vec![low(0, 1), Condition::Number(0.0)]), &outputs).values[0].1, Some(1.0));
        assert_eq!(asked(op(">", vec![low(1, 0), Condition::Number(0.0)]), &outputs).values[0].1, Some(-5.0));
    }
}
