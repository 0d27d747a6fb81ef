//! Rules about stages that sample and train: numbers at which nothing can be learnt, or what is learnt means nothing.

use super::context::{Context, Member, number, part_of, word};
use crate::diagnostic::Diagnostic;
use crate::program::Value;
use crate::source::Span;

const TRAINED: [&str; 4] = ["sft", "bradley_terry", "grpo", "kto"];

pub fn compares_two(cx: &Context<'_>) {
    for member in cx.of_kind(&["grpo"]) {
        if member.number("group").is_some_and(|group| group <= 2.0) {
            cx.tell(group_of_two(member.span("group")));
        }
    }
}

fn group_of_two(span: Span) -> Diagnostic {
    Diagnostic::warning("M0930", span, "in a group of 2 every advantage is the same size, whatever the rewards were")
        .help("compare at least 4 completions of a prompt; 6 to 16 are usual")
}

/// Between these a low-rank adapter learns. A rate of 0 is a control.
const RATES: (f64, f64) = (1e-6, 1e-2);

pub fn learns_at_no_rate_for_an_adapter(cx: &Context<'_>) {
    for member in cx.of_kind(&TRAINED) {
        let Some(lr) = member.number("lr") else { continue };
        let span = member.span("lr");
        if lr == 0.0 {
            cx.tell(no_rate(
                span,
                "a rate of 0 moves nothing",
                "a control belongs in a `variant`, beside a base that learns",
            ));
        } else if lr < RATES.0 {
            let what = format!("at a rate of {lr:e} an adapter does not move in any number of steps that is paid for");
            cx.tell(no_rate(span, &what, "LoRA wants about ten times the rate of full fine-tuning: 1e-5 to 1e-3"));
        } else if lr > RATES.1 {
            cx.tell(no_rate(span, &format!("at a rate of {lr} an adapter diverges"), "1e-5 to 1e-3 are usual"));
        }
    }
}

fn no_rate(span: Span, what: &str, help: &str) -> Diagnostic {
    Diagnostic::warning("M0931", span, what).help(help)
}

pub fn samples_the_same_again(cx: &Context<'_>) {
    for member in cx.of_kind(&["grpo", "pairs", "evaluate", "dialogue"]) {
        let several = match member.kind {
            "grpo" => member.number("group"),
            _ => member.number_in("sample", "n"),
        };
        let several = several.unwrap_or(1.0);
        if member.number_in("sample", "temperature") == Some(0.0) && several > 1.0 {
            cx.tell(the_same(member.span_in("sample", "temperature"), several));
        }
    }
}

fn the_same(span: Span, several: f64) -> Diagnostic {
    Diagnostic::warning(
        "M0932",
        span,
        format!("{several} samples at temperature 0 are one sample, paid for {several} times"),
    )
    .help("sample at 0.7 to 1, or take one")
}

pub fn is_held_by_nothing(cx: &Context<'_>) {
    for member in cx.of_kind(&["grpo"]) {
        let tuned = cx.ancestors(member.value("policy")).iter().any(|before| before.kind == "sft");
        if member.number_in("kl", "beta") == Some(0.0) && !tuned {
            cx.tell(no_hold(member.span_in("kl", "beta")));
        }
    }
}

fn no_hold(span: Span) -> Diagnostic {
    Diagnostic::warning(
        "M0933",
        span,
        "nothing holds this policy: no KL penalty, and no fine-tuned policy to begin from",
    )
    .help("begin from an `sft` stage on the persona's lines, or write `kl = { beta = 0.05 }`")
}

pub fn warms_up_to_the_end(cx: &Context<'_>) {
    for member in cx.of_kind(&["grpo"]) {
        let (Some(warmup), Some(steps)) = (member.number("warmup"), member.number("steps")) else { continue };
        if warmup >= steps && warmup > 0.0 {
            cx.tell(only_warm_up(member.span("warmup"), warmup, steps));
        }
    }
}

fn only_warm_up(span: Span, warmup: f64, steps: f64) -> Diagnostic {
    Diagnostic::warning(
        "M0934",
        span,
        format!("the rate rises over {warmup} steps, and there are {steps}: it never comes to `lr`"),
    )
    .help("a tenth of the steps is usual")
}

pub fn prefers_what_is_no_better(cx: &Context<'_>) {
    for member in cx.of_kind(&["pairs"]) {
        if member.number("min_gap") == Some(0.0) {
            cx.tell(no_gap(member.span("min_gap")));
        }
    }
}

fn no_gap(span: Span) -> Diagnostic {
    Diagnostic::warning(
        "M0935",
        span,
        "pairs are kept whose scores hardly differ: a reward model learns its judge's noise",
    )
    .help("half a point of the scale is usual: `min_gap = 0.5`")
}

pub fn has_nothing_to_prefer(cx: &Context<'_>) {
    for member in cx.of_kind(&["pairs"]) {
        if member.number_in("sample", "n") == Some(1.0) {
            cx.tell(one_candidate(member.span_in("sample", "n")));
        }
    }
}

fn one_candidate(span: Span) -> Diagnostic {
    Diagnostic::warning("M0936", span, "one candidate has nothing to be preferred to: no pair comes of it")
        .help("sample 4 to 8")
}

pub fn scales_an_adapter_to_nothing(cx: &Context<'_>) {
    for member in cx.of_kind(&TRAINED) {
        let Value::Call { args, .. } = member.value("adapter") else { continue };
        if args.get("alpha").and_then(number) == Some(0.0) {
            cx.tell(no_scale(member.span("adapter")));
        }
    }
}

fn no_scale(span: Span) -> Diagnostic {
    Diagnostic::warning("M0937", span, "the update is scaled by alpha / rank, and alpha is 0: the adapter does nothing")
        .help("twice the rank is usual: `lora(rank: 16, alpha: 32)`")
}

pub fn learns_from_other_odds_than_it_samples_by(cx: &Context<'_>) {
    for member in cx.of_kind(&["grpo"]) {
        if member.number_in("sample", "top_p").is_some_and(|share| share < 1.0) {
            cx.tell(other_odds(member.span_in("sample", "top_p")));
        }
    }
}

fn other_odds(span: Span) -> Diagnostic {
    Diagnostic::warning("M0938", span, "completions are drawn with the tail cut off and scored with it: the ratio of the two is not what the loss takes it for")
        .help("leave `top_p` away while training; it is for measuring and playing")
}

pub fn divides_by_almost_nothing(cx: &Context<'_>) {
    for member in cx.of_kind(&["grpo"]) {
        let advantage = member.value("advantage");
        let scale = part_of(advantage, "scale").and_then(word);
        if scale == Some("mad") && floor(&member).is_some_and(|floor| floor < 1e-2) {
            cx.tell(almost_nothing(member.span("advantage")));
        }
    }
}

fn floor(member: &Member<'_>) -> Option<f64> {
    member.number_in("advantage", "floor")
}

fn almost_nothing(span: Span) -> Diagnostic {
    Diagnostic::warning(
        "M0939",
        span,
        "the median deviation is 0 as soon as most rewards of a group tie, and is divided by",
    )
    .help("add a floor: `floor = 0.1`")
}
