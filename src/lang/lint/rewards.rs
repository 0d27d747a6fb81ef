//! Rules about rewards: an optimiser finds every hole in one within minutes (`docs/language.md`, "Rewards").
//!
//! A reward is looked at where a stage uses it, so that what it refers to is that stage's; one that no stage of the file uses, as in a
//! library, is looked at as it is written.

use super::context::{Context, calls, number, part_of, value, walk};
use super::judges::can_be_pleased;
use crate::diagnostic::Diagnostic;
use crate::program::{Entity, EntityKind, Value};
use crate::source::Span;

/// Terms that close a hole.
const GUARDS: [&str; 13] = [
    "leak",
    "length",
    "finished",
    "fluency",
    "relevance",
    "overlap",
    "novelty",
    "stuffing",
    "echo",
    "repetition",
    "format",
    "distinct_2",
    "diversity",
];
/// Terms that notice when a reply shrinks or never ends.
const LENGTHS: [&str; 3] = ["length", "finished", "format"];
/// Terms of a block: a director's reward, which sees no reply's length.
const BLOCKS: [&str; 5] = ["diversity", "coherence", "distinct_speakers", "effective_channels", "repetition"];
/// Terms of which more is worse.
const COSTS: [&str; 7] = ["leak", "overlap", "echo", "novelty", "stuffing", "repetition", "length"];
/// Terms of which more is better.
const GOODS: [&str; 7] = ["contrast", "relevance", "fluency", "finished", "format", "coherence", "distinct_2"];

/// Every reward, its score and where that is written.
fn rewards<'c>(cx: &Context<'c>) -> Vec<(&'c Entity, &'c Value, Span)> {
    let all = cx.program.of_kind(EntityKind::Reward);
    all.map(|reward| (reward, value(&reward.fields, "score"), cx.item_span(reward.id, "score"))).collect()
}

fn has(score: &Value, terms: &[&str]) -> bool {
    calls(score).iter().any(|(name, _)| terms.contains(name))
}

pub fn has_no_guard(cx: &Context<'_>) {
    for (reward, score, span) in rewards(cx) {
        if can_be_pleased(score) && !has(score, &GUARDS) {
            cx.tell(no_guard(span, &reward.name));
        }
    }
}

fn no_guard(span: Span, reward: &str) -> Diagnostic {
    Diagnostic::warning("M0920", span, format!("`{reward}` has no guard: whatever pleases its judge is learnt"))
        .help("add terms that close the known holes: `- 3 * leak()`, `- 0.08 * min(length(15..60 tok), 10)`, `+ 0.3 * finished()`")
}

pub fn has_no_length(cx: &Context<'_>) {
    for (reward, score, span) in rewards(cx) {
        if can_be_pleased(score) && has(score, &GUARDS) && !has(score, &LENGTHS) && !has(score, &BLOCKS) {
            cx.tell(no_length(span, &reward.name));
        }
    }
}

fn no_length(span: Span, reward: &str) -> Diagnostic {
    Diagnostic::warning(
        "M0921",
        span,
        format!("`{reward}` has no band of lengths: replies shrink to what pleases, or never end"),
    )
    .help("add `- 0.08 * min(length(15..60 tok), 10)` or `finished()`")
}

pub fn pays_for_parroting(cx: &Context<'_>) {
    for (reward, score, span) in rewards(cx) {
        let uncapped = |(name, args): &(&str, &std::collections::BTreeMap<String, Value>)| {
            *name == "relevance" && matches!(args.get("cap"), None | Some(Value::Absent))
        };
        if calls(score).iter().any(uncapped) && !has(score, &["echo"]) {
            cx.tell(parroting(span, &reward.name));
        }
    }
}

fn parroting(span: Span, reward: &str) -> Diagnostic {
    Diagnostic::warning(
        "M0922",
        span,
        format!("`{reward}` pays for relevance without end, and repeating the situation is the most relevant"),
    )
    .help("write `relevance(cap: 0.65)`, or add `- 0.15 * echo(free: 3)`")
}

/// A product with a factor that is written as zero. (`shift * 0` of a param is a switch, and stands for what it is at this point.)
pub fn counts_a_term_for_nothing(cx: &Context<'_>) {
    for (reward, score, span) in rewards(cx) {
        let mut idle = None;
        walk(score, &mut |one| {
            if let Value::Op { op, args } = one
                && op == "*"
                && args.iter().any(|arg| number(arg) == Some(0.0))
            {
                idle = idle.take().or_else(|| calls(one).first().map(|(name, _)| (*name).to_owned()));
            }
        });
        if let Some(term) = idle {
            cx.tell(for_nothing(span, &reward.name, &term));
        }
    }
}

fn for_nothing(span: Span, reward: &str, term: &str) -> Diagnostic {
    Diagnostic::warning("M0923", span, format!("`{reward}` computes `{term}(…)` and multiplies it by 0"))
        .help("leave the term away: it costs what it would cost with a weight")
}

pub fn pays_for_what_costs(cx: &Context<'_>) {
    for (reward, score, span) in rewards(cx) {
        let mut turned = Vec::new();
        signs(score, 1.0, &mut turned);
        for (term, sign) in turned {
            if COSTS.contains(&term) && sign > 0.0 {
                cx.tell(wrong_sign(span, &reward.name, term, "pays for", "more of it is worse: subtract it"));
            } else if GOODS.contains(&term) && sign < 0.0 {
                cx.tell(wrong_sign(span, &reward.name, term, "punishes", "more of it is better: add it"));
            }
        }
    }
}

/// Terms with the sign of what they are multiplied by, where that is known.
fn signs<'v>(score: &'v Value, sign: f64, found: &mut Vec<(&'v str, f64)>) {
    match score {
        Value::Op { op, args } => match (op.as_str(), args.as_slice()) {
            ("+", all) => all.iter().for_each(|one| signs(one, sign, found)),
            ("-", [left, right]) => {
                signs(left, sign, found);
                signs(right, -sign, found);
            }
            ("neg", [of]) => signs(of, -sign, found),
            ("*" | "/", [left, right]) => match (number(left), number(right)) {
                (Some(factor), None) if op == "*" => signs(right, sign * factor.signum(), found),
                (None, Some(factor)) => signs(left, sign * factor.signum(), found),
                _ => {}
            },
            _ => {}
        },
        // Rising with what they hold.
        Value::Call { name, args } if ["min", "max", "clip", "normalise"].contains(&name.as_str()) => {
            args.values().for_each(|arg| signs(arg, sign, found));
        }
        Value::Call { name, .. } => found.push((name, sign)),
        _ => {}
    }
}

fn wrong_sign(span: Span, reward: &str, term: &str, does: &str, why: &str) -> Diagnostic {
    Diagnostic::warning("M0924", span, format!("`{reward}` {does} `{term}(…)`")).help(why)
}

/// A reward model that is rewarded by, and that no gate asks whether it can tell better from worse.
pub fn believes_a_reward_model_unasked(cx: &Context<'_>) {
    for member in cx.of_kind(&["grpo"]) {
        let Some(score) = part_of(member.value("reward"), "score") else { continue };
        let mut models = Vec::new();
        walk(score, &mut |one| {
            if let Value::Made(of) = one {
                models.extend(of.iter().copied());
            }
        });
        for model in models.into_iter().map(|at| cx.member(at)).filter(|model| model.kind == "bradley_terry") {
            if model.instance.gates.is_empty() {
                cx.tell(unasked(model.entity.header, &model.entity.name, member.span("reward")));
            }
        }
    }
}

fn unasked(span: Span, model: &str, reward: Span) -> Diagnostic {
    Diagnostic::warning(
        "M0925",
        span,
        format!("`{model}` is believed without a gate: it may be guessing, and all that follows is paid for"),
    )
    .also(reward, "here it is rewarded by")
    .help("add `gate held_out_accuracy.low > 0.55 else \"it may be guessing\"`")
}

/// Whether these metrics or terms hold a guard of their own.
pub fn guards(value: &Value) -> bool {
    has(value, &GUARDS)
}

/// Whether a metric is a guard: what must not get worse while another rises.
pub fn is_guard(metric: &Value) -> bool {
    matches!(metric, Value::Call { name, .. } if GUARDS.contains(&name.as_str()))
}
