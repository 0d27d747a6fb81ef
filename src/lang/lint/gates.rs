//! Rules about gates: one that is settled before anything ran stops nothing, or everything.
//!
//! What a condition can come to is reckoned with the bounds of what is in it: a share lies in 0..1, a verdict on its rubric's scale.

use super::context::{Context, number, value};
use super::rewards::is_guard;
use crate::diagnostic::Diagnostic;
use crate::program::{Entity, EntityKind, Gate, Value};
use crate::source::Span;

/// What a number can be.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    low: f64,
    high: f64,
}

const ANY: Bounds = Bounds { low: f64::NEG_INFINITY, high: f64::INFINITY };
const SHARE: Bounds = Bounds { low: 0.0, high: 1.0 };
const COUNT: Bounds = Bounds { low: 0.0, high: f64::INFINITY };

/// Metrics that are shares.
const SHARES: [&str; 9] =
    ["leak", "finished", "format", "identification", "novelty", "stuffing", "distinct_2", "repetition", "diversity"];
/// Metrics that count something.
const COUNTS: [&str; 5] = ["length", "overlap", "echo", "distinct_speakers", "effective_channels"];

pub fn are_settled_beforehand(cx: &Context<'_>) {
    let mut told = Vec::new();
    let of_stages = cx.members();
    let of_stages = of_stages.iter().flat_map(|member| &member.instance.gates);
    let of_tests = cx.program.of_kind(EntityKind::Persona).flat_map(|persona| &persona.children);
    for gate in of_stages.chain(of_tests.flat_map(|child| &child.gates)) {
        told.extend(truth(cx, &gate.condition).map(|holds| settled(gate, holds)));
    }
    cx.tell_all(told);
}

fn settled(gate: &Gate, holds: bool) -> Diagnostic {
    match holds {
        true => Diagnostic::warning("M0960", gate.span, "this gate cannot fail: it holds whatever comes out")
            .help("ask for more than the least that there can be"),
        false => Diagnostic::warning(
            "M0961",
            gate.span,
            "this gate cannot hold: what comes before it is paid for, and nothing after it runs",
        )
        .help("ask for something between the least and the most that there can be"),
    }
}

/// What a condition comes to, where that is settled.
fn truth(cx: &Context<'_>, condition: &Value) -> Option<bool> {
    match condition {
        Value::Bool(truth) => Some(*truth),
        Value::Op { op, args } => match (op.as_str(), args.as_slice()) {
            ("not", [of]) => truth(cx, of).map(|truth| !truth),
            ("and", [left, right]) => match (truth(cx, left), truth(cx, right)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            ("or", [left, right]) => match (truth(cx, left), truth(cx, right)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            ("in", [left, Value::Range { low, high, .. }]) => {
                let of = bounds(cx, left);
                let inside = of.low >= *low && of.high <= *high;
                let outside = of.high < *low || of.low > *high;
                settled_by(inside, outside)
            }
            (compare, [left, right]) => compared(compare, bounds(cx, left), bounds(cx, right)),
            _ => None,
        },
        _ => None,
    }
}

fn compared(op: &str, a: Bounds, b: Bounds) -> Option<bool> {
    match op {
        ">" => settled_by(a.low > b.high, a.high <= b.low),
        ">=" => settled_by(a.low >= b.high, a.high < b.low),
        "<" => compared(">", b, a),
        "<=" => compared(">=", b, a),
        _ => None,
    }
}

fn settled_by(always: bool, never: bool) -> Option<bool> {
    match (always, never) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn bounds(cx: &Context<'_>, value: &Value) -> Bounds {
    match value {
        Value::Number { value, .. } => Bounds { low: *value, high: *value },
        Value::Result { name, .. } => match name.split('.').next() {
            Some("held_out_accuracy" | "ece") => SHARE,
            Some("kept" | "prompts" | "pairs" | "held_out_pairs" | "turns") => COUNT,
            _ => ANY,
        },
        Value::Entity(id) => scale(cx.program.entity(*id)),
        Value::Call { name, args } => {
            let arg = |name: &str| args.get(name).unwrap_or(&Value::Absent);
            let of = metric(cx, arg("metric"), arg("criterion"));
            match name.as_str() {
                "delta" => minus(of, of),
                "mean" | "median" | "p95" => of,
                _ => ANY,
            }
        }
        Value::Op { op, args } => match (op.as_str(), args.as_slice()) {
            // `.low` of an interval, or one criterion of a rubric: both lie where the whole does.
            ("field", [of, _]) => bounds(cx, of),
            ("neg", [of]) => minus(Bounds { low: 0.0, high: 0.0 }, bounds(cx, of)),
            ("+", [a, b]) => {
                let (a, b) = (bounds(cx, a), bounds(cx, b));
                Bounds { low: a.low + b.low, high: a.high + b.high }
            }
            ("-", [a, b]) => minus(bounds(cx, a), bounds(cx, b)),
            ("*", [a, b]) => match (number(a), number(b)) {
                (Some(factor), _) => times(bounds(cx, b), factor),
                (_, Some(factor)) => times(bounds(cx, a), factor),
                _ => ANY,
            },
            _ => ANY,
        },
        _ => ANY,
    }
}

fn minus(a: Bounds, b: Bounds) -> Bounds {
    Bounds { low: a.low - b.high, high: a.high - b.low }
}

fn times(of: Bounds, factor: f64) -> Bounds {
    match factor {
        0.0 => Bounds { low: 0.0, high: 0.0 },
        factor if factor > 0.0 => Bounds { low: of.low * factor, high: of.high * factor },
        factor => Bounds { low: of.high * factor, high: of.low * factor },
    }
}

/// As a table shows it: a verdict × 100 / the scale's upper end.
fn metric(cx: &Context<'_>, metric: &Value, criterion: &Value) -> Bounds {
    match metric {
        Value::Verdict { rubric, .. } => {
            let scale = scale(cx.program.entity(*rubric));
            if scale.high > 0.0 { times(scale, 100.0 / scale.high) } else { ANY }
        }
        Value::Call { name, .. } => match (name.as_str(), criterion) {
            ("length", Value::Text(part)) if part == "short" => SHARE,
            (name, _) if SHARES.contains(&name) => SHARE,
            (name, _) if COUNTS.contains(&name) => COUNT,
            _ => ANY,
        },
        _ => ANY,
    }
}

fn scale(rubric: &Entity) -> Bounds {
    match value(&rubric.fields, "scale") {
        Value::Range { low, high, .. } => Bounds { low: *low, high: *high },
        _ => ANY,
    }
}

/// A difference that is above 0 by a hair is a gain to such a gate; half of all experiments without an effect pass it.
pub fn take_chance_for_a_gain(cx: &Context<'_>) {
    each_comparison(cx, &mut |op, left, right, span| {
        let bare = matches!(left, Value::Call { name, .. } if name == "delta");
        (bare && [">", ">="].contains(&op) && number(right) == Some(0.0)).then(|| by_chance(span))
    });
}

fn by_chance(span: Span) -> Diagnostic {
    Diagnostic::warning("M0962", span, "half of all experiments without an effect have a difference above 0")
        .help("ask for the low end of its interval: `delta(…).low > 0`")
}

/// A guard that is asked of all together, in a crew.
pub fn let_one_pay_for_another(cx: &Context<'_>) {
    let mut told = Vec::new();
    for table in cx.of_kind(&["evaluate"]).into_iter().filter(|table| cx.crew(*table) > 1) {
        for gate in &table.instance.gates {
            let pooled = super::context::calls(&gate.condition).into_iter().any(|(name, args)| {
                let subject = args.get("subject").or_else(|| args.get("a")).unwrap_or(&Value::Absent);
                ["delta", "mean", "median", "p95"].contains(&name)
                    && args.get("metric").is_some_and(is_guard)
                    && matches!(args.get("persona"), None | Some(Value::Absent))
                    && cx.source(subject).is_none()
            });
            if pooled {
                told.push(pooled_guard(gate.span));
            }
        }
    }
    cx.tell_all(told);
}

fn pooled_guard(span: Span) -> Diagnostic {
    Diagnostic::warning("M0963", span, "a guard over all personas together: one's gain pays for another's loss")
        .help("add `persona: each` to its calls")
}

/// Asks `find` of each comparison in a gate of a stage.
fn each_comparison(cx: &Context<'_>, find: &mut dyn FnMut(&str, &Value, &Value, Span) -> Option<Diagnostic>) {
    let mut told = Vec::new();
    for member in cx.members() {
        for gate in &member.instance.gates {
            super::context::walk(&gate.condition, &mut |one| {
                if let Value::Op { op, args } = one
                    && let [left, right] = args.as_slice()
                {
                    told.extend(find(op, left, right, gate.span));
                }
            });
        }
    }
    cx.tell_all(told);
}

/// A persona's test that asks for more than it samples.
pub fn want_more_than_is_sampled(cx: &Context<'_>) {
    let tests = cx.program.of_kind(EntityKind::Persona).flat_map(|persona| &persona.children);
    for test in tests.filter(|child| child.keyword == "test") {
        let set = |name: &str| number(value(&test.fields, name)).unwrap_or(1.0);
        if set("k") > set("n") {
            cx.tell(more_than_sampled(test.span, set("k"), set("n")));
        }
    }
}

fn more_than_sampled(span: Span, k: f64, n: f64) -> Diagnostic {
    Diagnostic::warning("M0964", span, format!("this test samples {n} and wants {k} of them to hold: it cannot pass"))
        .help("say `k` beside `n`: it is 6 unless said")
}
