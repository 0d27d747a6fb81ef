//! Rules about who judges: whose opinion it is, whether it is bought twice, and what it may cost.

use super::context::{Context, Member, calls, list, number, value, walk, word};
use crate::diagnostic::Diagnostic;
use crate::program::{Entity, EntityId, EntityKind, REWARD_METRIC, Value};
use crate::source::Span;

/// One judge asked by one field of a stage.
struct Asked<'c> {
    member: Member<'c>,
    field: &'static str,
    judge: EntityId,
    verdict: Value,
    /// Whether what it says is learnt from.
    trains: bool,
}

fn asked<'c>(cx: &Context<'c>) -> Vec<Asked<'c>> {
    let mut all = Vec::new();
    for member in cx.of_kind(&["pairs", "grpo", "evaluate"]) {
        let (field, trains) = match member.kind {
            "pairs" => ("judge", true),
            "grpo" => ("reward", true),
            _ => ("metrics", false),
        };
        walk(member.value(field), &mut |one| {
            if let Value::Verdict { judge, .. } = one {
                all.push(Asked { member, field, judge: *judge, verdict: one.clone(), trains });
            }
        });
    }
    all
}

/// The kind of judge and its arguments.
fn by(judge: &Entity) -> Option<(&str, &Value)> {
    match value(&judge.fields, "by") {
        by @ Value::Call { name, .. } => Some((name, by)),
        _ => None,
    }
}

fn arg<'v>(call: &'v Value, name: &str) -> &'v Value {
    match call {
        Value::Call { args, .. } => args.get(name).unwrap_or(&Value::Absent),
        _ => &Value::Absent,
    }
}

/// Families of models by a part of their names; a name that holds none of these is nobody's relative.
const FAMILIES: [&str; 22] = [
    "smollm",
    "tinyllama",
    "llama",
    "mixtral",
    "mistral",
    "qwen",
    "gemma",
    "phi-",
    "gpt",
    "claude",
    "deepseek",
    "olmo",
    "falcon",
    "internlm",
    "baichuan",
    "command",
    "granite",
    "pythia",
    "chatglm",
    "glm-",
    "minicpm",
    "yi-",
];

fn family(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    FAMILIES.into_iter().find(|family| name.contains(family))
}

/// By every text of a model's weights: repository, path, requirement.
fn family_of(model: &Entity) -> Option<&'static str> {
    let mut found = None;
    walk(value(&model.fields, "weights"), &mut |one| {
        if let Value::Text(text) = one {
            found = found.or_else(|| family(text));
        }
    });
    found
}

/// A judge that is asked for an opinion. `contrast` is not: it compares likelihoods under examples, and the model's taste cancels out.
pub fn asks_a_model_of_the_policys_family(cx: &Context<'_>) {
    for Asked { member, field, judge, .. } in asked(cx) {
        let policy = match member.kind {
            "evaluate" => cx.first_subject(member).map(|subject| cx.before(subject)),
            _ => Some(cx.before(member)),
        };
        let Some(policy) = policy.and_then(|policy| cx.root(policy)) else { continue };
        let judge = cx.program.entity(judge);
        let relation = match by(judge) {
            Some(("local", call)) => match cx.root(arg(call, "model")) {
                Some(model) if model.id == policy.id => Some("is the policy's own model".to_owned()),
                Some(model) => family_of(model).filter(|own| Some(*own) == family_of(policy)).map(of_family),
                None => None,
            },
            Some(("openai", call)) => {
                let own = word(arg(call, "model")).and_then(family);
                own.filter(|own| Some(*own) == family_of(policy)).map(of_family)
            }
            _ => None,
        };
        if let Some(relation) = relation {
            let at = cx.item_span(judge.id, "by");
            cx.tell(of_the_family(member.span(field), &judge.name, &relation, at));
        }
    }
}

fn of_family(family: &str) -> String {
    format!("is of the policy's family, {}", family.trim_end_matches('-'))
}

fn of_the_family(span: Span, judge: &str, relation: &str, by: Span) -> Diagnostic {
    Diagnostic::warning("M0910", span, format!("`{judge}` {relation}, and models prefer what sounds like them"))
        .also(by, "it judges by this")
        .help("judge by a model of another family, or by `contrast(…)`, which asks for no opinion")
}

pub fn trains_and_measures(cx: &Context<'_>) {
    let all = asked(cx);
    for trained in all.iter().filter(|asked| asked.trains) {
        // A reward among the metrics is measured as in training, and that is what it is there for.
        let metrics = all.iter().filter(|asked| !asked.trains && is_one(cx, &asked.verdict, &trained.verdict));
        let direct = |asked: &&Asked<'_>| list(asked.member.value("metrics")).contains(&asked.verdict);
        for measured in metrics.filter(direct) {
            let verdict = cx.called(&measured.verdict);
            let span = measured.member.span(measured.field);
            cx.tell(measures_too(span, &verdict, trained.member.span(trained.field)));
        }
    }
}

/// Two names of one judge are one judge.
fn is_one(cx: &Context<'_>, a: &Value, b: &Value) -> bool {
    let (Value::Verdict { judge, rubric }, Value::Verdict { judge: other, rubric: by_other }) = (a, b) else {
        return false;
    };
    let by = |judge: &EntityId| value(&cx.program.entity(*judge).fields, "by");
    rubric == by_other && by(judge) == by(other)
}

fn measures_too(span: Span, verdict: &str, trains: Span) -> Diagnostic {
    Diagnostic::warning("M0911", span, format!("`{verdict}` measures what it trained: the policy has learnt its taste"))
        .also(trains, "here it trains")
        .help("measure by another judge, or by one of the kind that has other examples")
}

pub fn asks_one_who_always_answers_the_same_again(cx: &Context<'_>) {
    for judge in cx.program.of_kind(EntityKind::Judge) {
        let votes = number(value(&judge.fields, "votes")).unwrap_or(1.0);
        if let Some((kind @ ("contrast" | "local"), _)) = by(judge)
            && votes > 1.0
        {
            cx.tell(votes_alike(cx.item_span(judge.id, "votes"), kind, votes));
        }
    }
}

fn votes_alike(span: Span, kind: &str, votes: f64) -> Diagnostic {
    Diagnostic::warning(
        "M0912",
        span,
        format!("{votes} votes of a `{kind}` judge are one vote: it computes, and does not draw"),
    )
    .help("leave `votes` away")
}

pub fn reads_levels_in_one_order(cx: &Context<'_>) {
    for judge in cx.program.of_kind(EntityKind::Judge) {
        let swaps = matches!(value(&judge.fields, "swap"), Value::Bool(true));
        if let Some(("openai", _)) = by(judge)
            && !swaps
        {
            cx.tell(one_order(cx.item_span(judge.id, "swap"), &judge.name));
        }
    }
}

fn one_order(span: Span, judge: &str) -> Diagnostic {
    Diagnostic::warning(
        "M0913",
        span,
        format!("`{judge}` always reads criteria and levels in one order, and judges favour a place"),
    )
    .help("add `swap = true`: both orders are asked and averaged, at twice the requests")
}

pub fn spends_without_a_ceiling(cx: &Context<'_>) {
    let budget = cx.program.of_kind(EntityKind::Budget).any(|one| *value(&one.fields, "money") != Value::Absent);
    for judge in cx.program.of_kind(EntityKind::Judge) {
        let Some(("openai", call)) = by(judge) else { continue };
        let url = word(arg(call, "url")).unwrap_or_default();
        let own = ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| url.contains(&format!("//{host}")));
        let given = |name: &str| *value(&judge.fields, name) != Value::Absent;
        let ceiling = budget || given("ceiling");
        let priced = given("input_price") && given("output_price");
        let counted = ceiling && priced;
        if !own && !counted {
            cx.tell(no_ceiling(cx.item_span(judge.id, "by"), &judge.name, priced));
        }
    }
}

fn no_ceiling(span: Span, judge: &str, priced: bool) -> Diagnostic {
    let what = if priced { "has a price and no ceiling" } else { "costs money that nobody counts" };
    let help = match priced {
        true => "add `ceiling = 20 usd` to the judge, or `money` to a `budget`",
        false => "add `input_price` and `output_price`, in dollars a million tokens, and a `ceiling`",
    };
    Diagnostic::warning("M0914", span, format!("`{judge}` is asked far away and {what}")).help(help)
}

pub fn grades_without_anchors(cx: &Context<'_>) {
    let asked = |judge: &&Entity| matches!(by(judge), Some(("openai" | "local", _)));
    for judge in cx.program.of_kind(EntityKind::Judge).filter(asked) {
        for rubric in list(value(&judge.fields, "rubrics")) {
            let Value::Entity(rubric) = rubric else { continue };
            let criteria = cx.program.entity(*rubric).children.iter().filter(|child| child.keyword == "criterion");
            for criterion in criteria {
                let anchored = |name: &str| *value(&criterion.fields, name) != Value::Absent;
                if !anchored("low") || !anchored("high") {
                    cx.tell(no_anchors(criterion.span, criterion.name.as_deref().unwrap_or_default()));
                }
            }
        }
    }
}

fn no_anchors(span: Span, criterion: &str) -> Diagnostic {
    Diagnostic::warning(
        "M0915",
        span,
        format!("`{criterion}` does not say what its lowest and its highest score look like"),
    )
    .help("add `low` and `high`: without them each judge has a scale of its own")
}

/// What a judge, or a term that compares examples, reads of each persona: a data set, or nothing for the personas' own.
pub fn examples_of(cx: &Context<'_>, value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut add = |name: &str, call: &Value| {
        if ["contrast", "identification"].contains(&name) {
            all.push(arg(call, "examples").clone());
        }
    };
    walk(value, &mut |one| match one {
        Value::Call { name, .. } if name != REWARD_METRIC => add(name, one),
        Value::Verdict { judge, .. } => {
            if let Some((name, call)) = by(cx.program.entity(*judge)) {
                add(name, call);
            }
        }
        _ => {}
    });
    all
}

/// Whether a score asks for an opinion or a likeness, which an optimiser can please without being any better.
pub fn can_be_pleased(score: &Value) -> bool {
    let mut signal = calls(score).iter().any(|(name, _)| ["contrast", "identification"].contains(name));
    walk(score, &mut |one| signal |= matches!(one, Value::Verdict { .. } | Value::Made(_)));
    signal
}
