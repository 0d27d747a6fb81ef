//! Gates: conditions over what tasks reported, asked of recalled results as of fresh ones, and no part of any key.

use serde::{Deserialize, Serialize};

use crate::drawn::{self, Mark, Shown};
use crate::engine::Outputs;

/// `gate EXPR else "why"`, its names resolved to tasks: by position in the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate<T = usize> {
    /// One; of a condition that says `persona: each` one for every persona of the crew. The gate holds when all of them do.
    pub cases: Vec<Case<T>>,
    /// As written.
    pub text: String,
    pub otherwise: String,
    pub file: String,
    /// From 1.
    pub line: u32,
    /// The points in which it is asked (`None` is the base): a gate is no part of a key, so one task may have one gate for its base and
    /// another for a variant. Empty: all of the task's.
    pub points: Vec<Option<String>>,
}

/// A gate's condition as it is asked once.
#[derive(Debug, Clone, PartialEq)]
pub struct Case<T = usize> {
    /// Whom `each` means here, by the quoted name.
    pub persona: Option<String>,
    pub condition: Condition<T>,
    /// The parts of the condition that have values of their own, and where they are written.
    pub marks: Vec<Mark<T>>,
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
    /// A number of one cell of the table of an `evaluate`; subject and metric by index.
    Cell {
        of: T,
        subject: usize,
        metric: usize,
        criterion: Option<String>,
        persona: Option<String>,
        what: Statistic,
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

/// What is asked of a cell's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Mean(End),
    Median,
    P95,
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
    /// Of a condition that is asked for each persona: those for whom it does not hold.
    #[serde(default)]
    pub failed_for: Vec<String>,
    /// For each time that it was asked: for whom, and the condition with numbers in the place of names,
    /// `0.6 >= 0.8 * 0.7 = 0.56`.
    #[serde(default)]
    pub told: Vec<(Option<String>, String)>,
    /// For each time that it was asked: for whom, and what each part of `text` came to.
    #[serde(default)]
    pub drawn: Vec<(Option<String>, Vec<Shown>)>,
    /// The points for which it was asked, where they are not all of its task's; `None` is the base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Option<String>>,
}

const COMPARISONS: [&str; 7] = ["==", "!=", "<", "<=", ">", ">=", "in"];

/// Four digits after the point, and no zeros at the end.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
        let (mut values, mut failed, mut told, mut drawn) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for case in &self.cases {
            if case.condition.value(outputs, &mut values) != Val::Truth(true) {
                failed.push(case.persona.clone());
            }
            told.push((case.persona.clone(), case.condition.told(outputs)));
            drawn.push((case.persona.clone(), drawn::shown(&case.marks, outputs)));
        }
        Asked {
            text: self.text.clone(),
            otherwise: self.otherwise.clone(),
            file: self.file.clone(),
            line: self.line,
            holds: failed.is_empty() && !self.cases.is_empty(),
            values,
            failed_for: failed.into_iter().flatten().collect(),
            told,
            drawn,
            points: Vec::new(),
        }
    }
}

impl<T> Gate<T> {
    /// The same, with other names for tasks.
    pub(crate) fn map<U>(&self, name: &dyn Fn(&T) -> U) -> Gate<U>
    where
        T: Clone,
    {
        let mark = |mark: &Mark<T>| Mark { at: mark.at, what: mark.what.map(name) };
        let case = |case: &Case<T>| Case {
            persona: case.persona.clone(),
            condition: case.condition.map(name),
            marks: case.marks.iter().map(mark).collect(),
        };
        Gate {
            cases: self.cases.iter().map(case).collect(),
            text: self.text.clone(),
            otherwise: self.otherwise.clone(),
            file: self.file.clone(),
            line: self.line,
            points: self.points.clone(),
        }
    }

    /// Every task that it asks about.
    pub(crate) fn tasks(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.cases.iter().flat_map(|case| case.condition.tasks()).collect()
    }
}

impl Condition {
    /// The condition with what was measured in the place of what was asked; what is compared also with what it comes to.
    fn told(&self, outputs: &dyn Fn(usize) -> Option<Outputs>) -> String {
        let number = |value: Val| match value {
            Val::Number(value) => short(value),
            _ => "not measured".to_owned(),
        };
        let leaf = |leaf: &Condition| number(leaf.value(outputs, &mut Vec::new()));
        match self {
            Condition::Op { op, args } if COMPARISONS.contains(&op.as_str()) => {
                let side = |arg: &Condition| match arg.is_reckoned() {
                    true => format!("{} = {}", arg.with(&leaf), leaf(arg)),
                    false => arg.with(&leaf),
                };
                args.iter().map(side).collect::<Vec<_>>().join(&format!(" {op} "))
            }
            Condition::Op { op, args } => match args.as_slice() {
                [of] => format!("{op} ({})", of.told(outputs)),
                args => {
                    // `not guarded or …` with `guarded = true` is what stands behind the `or`.
                    let idle = Condition::Truth(op == "and");
                    let asked: Vec<&Condition> = args.iter().filter(|arg| **arg != idle).collect();
                    match asked.as_slice() {
                        [] => idle.told(outputs),
                        [one] => one.told(outputs),
                        several => {
                            let told: Vec<String> =
                                several.iter().map(|arg| format!("({})", arg.told(outputs))).collect();
                            told.join(&format!(" {op} "))
                        }
                    }
                }
            },
            other => other.with(&leaf),
        }
    }

    /// What it comes to, for a reader.
    pub(crate) fn in_short(&self, outputs: &dyn Fn(usize) -> Option<Outputs>) -> String {
        match self.value(outputs, &mut Vec::new()) {
            Val::Number(value) => short(value),
            Val::Range(low, high) => format!("{low}..{high}"),
            Val::Truth(truth) => truth.to_string(),
            Val::Unknown => "not measured".to_owned(),
        }
    }

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
            Condition::Cell { of, subject, metric, criterion, persona, what, called } => {
                let value =
                    outputs(*of).and_then(|outputs| cell(&outputs, *subject, *metric, criterion, persona, *what));
                measured(called.clone(), value, seen)
            }
            Condition::Op { op, args } => {
                let values: Vec<Val> = args.iter().map(|arg| arg.value(outputs, seen)).collect();
                // What is compared is a number of its own, where it was reckoned from several.
                if COMPARISONS.contains(&op.as_str()) {
                    for (arg, value) in args.iter().zip(&values).filter(|(arg, _)| arg.is_reckoned()) {
                        let number = match value {
                            Val::Number(number) => Some(*number),
                            _ => None,
                        };
                        measured(arg.written(), number, seen);
                    }
                }
                apply(op, &values)
            }
        }
    }
}

impl<T> Condition<T> {
    /// Arithmetic over something that was measured.
    fn is_reckoned(&self) -> bool {
        match self {
            Condition::Op { args, .. } => args.iter().any(|arg| arg.is_reckoned() || arg.is_measured()),
            _ => false,
        }
    }

    fn is_measured(&self) -> bool {
        matches!(self, Condition::Result { .. } | Condition::Delta { .. } | Condition::Cell { .. })
    }

    /// As an author would write it.
    fn written(&self) -> String {
        self.with(&|leaf| match leaf {
            Condition::Result { called, .. } | Condition::Delta { called, .. } | Condition::Cell { called, .. } => {
                called.clone()
            }
            _ => String::new(),
        })
    }

    /// As an author would write it, with `leaf` for what is measured.
    fn with(&self, leaf: &dyn Fn(&Self) -> String) -> String {
        let inner = |arg: &Condition<T>| match arg {
            Condition::Op { op, args } if args.len() == 2 && !matches!(op.as_str(), "min" | "max") => {
                format!("({})", arg.with(leaf))
            }
            arg => arg.with(leaf),
        };
        match self {
            Condition::Number(value) => value.to_string(),
            Condition::Range(low, high) => format!("{low}..{high}"),
            Condition::Truth(truth) => truth.to_string(),
            Condition::Result { .. } | Condition::Delta { .. } | Condition::Cell { .. } => leaf(self),
            Condition::Op { op, args } => match (op.as_str(), args.as_slice()) {
                ("min" | "max", [a, b]) => format!("{op}({}, {})", a.with(leaf), b.with(leaf)),
                ("neg", [of]) => format!("-{}", inner(of)),
                (_, [of]) => format!("{op} {}", inner(of)),
                (_, args) => args.iter().map(inner).collect::<Vec<_>>().join(&format!(" {op} ")),
            },
        }
    }
}

impl<T: Clone> Condition<T> {
    /// The same, with other names for tasks.
    fn map<U>(&self, name: &dyn Fn(&T) -> U) -> Condition<U> {
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
            Condition::Cell { of, subject, metric, criterion, persona, what, called } => Condition::Cell {
                of: name(of),
                subject: *subject,
                metric: *metric,
                criterion: criterion.clone(),
                persona: persona.clone(),
                what: *what,
                called: called.clone(),
            },
            Condition::Op { op, args } => {
                Condition::Op { op: op.clone(), args: args.iter().map(|arg| arg.map(name)).collect() }
            }
        }
    }

    /// Every task that it asks about.
    fn tasks(&self) -> Vec<T> {
        match self {
            Condition::Result { of, .. } => of.clone(),
            Condition::Delta { of, .. } | Condition::Cell { of, .. } => vec![of.clone()],
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

fn cell(
    outputs: &Outputs,
    subject: usize,
    metric: usize,
    criterion: &Option<String>,
    persona: &Option<String>,
    what: Statistic,
) -> Option<f64> {
    let row = outputs.table.as_ref()?.rows.iter().find(|row| {
        (row.subject, row.metric) == (subject, metric) && row.criterion == *criterion && row.persona == *persona
    })?;
    match what {
        Statistic::Mean(End::Mean) => row.mean,
        Statistic::Mean(End::Low) => row.low,
        Statistic::Mean(End::High) => row.high,
        Statistic::Median => row.median,
        Statistic::P95 => row.p95,
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
    use crate::engine::{Delta, MetricRow, Table};

    fn op(op: &str, args: Vec<Condition>) -> Condition {
        Condition::Op { op: op.into(), args }
    }

    fn gate(cases: Vec<Case>) -> Gate {
        Gate { cases, text: String::new(), otherwise: String::new(), file: String::new(), line: 1, points: Vec::new() }
    }

    fn asked(condition: Condition, outputs: &Outputs) -> Asked {
        gate(vec![Case { persona: None, condition, marks: Vec::new() }])
            .ask(&|task| (task == 0).then(|| outputs.clone()))
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
        let not = asked(op("not", vec![op("<", vec![unknown(), Condition::Number(1.0)])]), &outputs);
        assert!(!not.holds);
        assert_eq!(not.told, [(None, "not (not measured < 1)".to_owned())]);
        assert!(
            asked(op("or", vec![op("<", vec![unknown(), Condition::Number(1.0)]), Condition::Truth(true)]), &outputs)
                .holds
        );
    }

    fn row(subject: usize, persona: Option<&str>, mean: f64) -> MetricRow {
        MetricRow {
            subject,
            metric: 0,
            criterion: Some("tokens".into()),
            persona: persona.map(str::to_owned),
            mean: Some(mean),
            sd: None,
            low: Some(mean - 1.0),
            high: Some(mean + 1.0),
            median: Some(mean + 0.5),
            p95: Some(2.0 * mean),
            n: 9,
        }
    }

    fn cell(subject: usize, persona: Option<&str>, what: Statistic) -> Condition {
        let called = format!("{subject} of {persona:?}");
        let persona = persona.map(str::to_owned);
        Condition::Cell { of: 0, subject, metric: 0, criterion: Some("tokens".into()), persona, what, called }
    }

    #[test]
    fn a_cell_has_a_mean_with_ends_a_median_and_a_95th_percentile() {
        let outputs =
            Outputs { table: Some(Table { rows: vec![row(1, None, 4.0)], deltas: Vec::new() }), ..Outputs::default() };
        let of = |subject, what| {
            asked(op(">", vec![cell(subject, None, what), Condition::Number(0.0)]), &outputs).values[0].1
        };
        let asked = [Statistic::Mean(End::Mean), Statistic::Mean(End::Low), Statistic::Mean(End::High)];
        assert_eq!(asked.map(|what| of(1, what)), [Some(4.0), Some(3.0), Some(5.0)]);
        assert_eq!(
            [of(1, Statistic::Median), of(1, Statistic::P95), of(0, Statistic::P95)],
            [Some(4.5), Some(8.0), None]
        );
    }

    #[test]
    fn a_gate_for_each_persona_holds_when_it_holds_for_all_and_names_who_failed() {
        let rows = vec![row(0, Some("A"), 4.0), row(0, Some("B"), 2.0), row(1, Some("A"), 4.0), row(1, Some("B"), 3.0)];
        let outputs = Outputs { table: Some(Table { rows, deltas: Vec::new() }), ..Outputs::default() };
        let case = |persona: &str, share: f64| {
            let mean = |subject| cell(subject, Some(persona), Statistic::Mean(End::Mean));
            let bar = op("*", vec![Condition::Number(share), mean(1)]);
            Case { persona: Some(persona.into()), condition: op(">=", vec![mean(0), bar]), marks: Vec::new() }
        };
        let ask = |share| gate(vec![case("A", share), case("B", share)]).ask(&|_| Some(outputs.clone()));
        assert!(ask(0.6).holds && ask(0.6).failed_for.is_empty());
        let got = ask(0.8);
        assert!(!got.holds);
        assert_eq!(got.failed_for, ["B"]);
        // What is compared is told beside what it was reckoned from.
        assert_eq!(got.values.len(), 6);
        let (name, value) = &got.values[5];
        assert_eq!(name, "0.8 * 1 of Some(\"B\")");
        assert!((value.unwrap() - 2.4).abs() < 1e-12);
        let told = |at: usize| (got.told[at].0.as_deref(), got.told[at].1.as_str());
        assert_eq!([told(0), told(1)], [(Some("A"), "4 >= 0.8 * 4 = 3.2"), (Some("B"), "2 >= 0.8 * 3 = 2.4")]);
        assert!(!gate(Vec::new()).ask(&|_| Some(outputs.clone())).holds, "a gate for nobody says nothing");
        // A parameter that only switches the gate on is not told with it.
        let switched = |off: bool| op("or", vec![Condition::Truth(off), case("A", 0.6).condition]);
        assert_eq!(asked(switched(false), &outputs).told[0].1, "4 >= 0.6 * 4 = 2.4");
        assert_eq!(asked(switched(true), &outputs).told[0].1, "(true) or (4 >= 0.6 * 4 = 2.4)");
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
