//! Laws about `evaluate` stages, and about what gates ask of their tables.

use std::collections::BTreeMap;

use super::policies::family_in;
use super::{Checker, Decl, Val, say, val_of};
use crate::check::layers::text_of;
use crate::check::schema::{Call, Makes, calls, terms};
use crate::check::types;
use crate::program::{EntityId, EntityKind, REWARD_METRIC};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};

pub fn has_subjects_and_metrics(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        for (field, what) in [("subjects", "one stage"), ("metrics", "one metric")] {
            if val_of(instance, field) == Some(&Val::List(Vec::new())) {
                let span = checker.written_at(decl, field);
                checker.found.add(say::empty_list(span, field, what));
            }
        }
    }
}

/// The subjects of each member, where all are known.
fn subjects(checker: &Checker<'_>, decl: &Decl<'_>) -> Vec<Vec<Val>> {
    let members = checker.members(decl.id);
    let lists = members.instances.iter().filter_map(|one| match val_of(one, "subjects") {
        Some(Val::List(subjects)) if !subjects.iter().any(Val::is_unknown) => Some(subjects.clone()),
        _ => None,
    });
    lists.collect()
}

pub fn baselines_have_a_stage_to_stand_beside(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let sft = Val::Word("sft".to_owned());
    for subjects in subjects(checker, decl) {
        let baselines: Vec<Option<&Val>> = subjects
            .iter()
            .filter_map(|subject| match subject {
                Val::Call { args, .. } => Some(args.get("kind")),
                _ => None,
            })
            .collect();
        let span = checker.written_at(decl, "subjects");
        match subjects.iter().find_map(types::made_by) {
            None if !baselines.is_empty() => checker.found.add(say::only_baselines(span)),
            Some(first) if baselines.contains(&Some(&sft)) && came_from_sft(checker, first) == Some(false) => {
                let at = checker.last_expr(decl.id, "subjects").and_then(sft_baseline).unwrap_or(span);
                checker.found.add(say::no_sft_before(at));
            }
            _ => {}
        }
    }
}

/// Where `baseline(sft)` is written.
fn sft_baseline(expr: &Expr) -> Option<Span> {
    let ExprKind::List(items) = &expr.kind else { return None };
    items.iter().find_map(|item| match &item.kind {
        ExprKind::Call { args, .. } => match args.first().map(|arg| &arg.value.kind) {
            Some(ExprKind::Path(path)) if text_of(path) == "sft" => Some(item.span),
            _ => None,
        },
        _ => None,
    })
}

/// Whether an `sft` stage stands at the beginning of what a stage made; `None` when that is not known.
fn came_from_sft(checker: &Checker<'_>, stage: EntityId) -> Option<bool> {
    let mut at = stage;
    for _ in 0..=checker.done.len() {
        let schema = checker.names.decl(at).schema?;
        let instance = checker.done[at.0 as usize].as_ref()?.instances.first()?;
        let field = match schema.name {
            "sft" => return Some(true),
            "dialogue" | "simulate" => "actors",
            "merge" => "adapters",
            _ => "policy",
        };
        let next = match val_of(instance, field)? {
            Val::List(all) => all.first()?.clone(),
            one => one.clone(),
        };
        match types::made_by(&next) {
            Some(before) => at = before,
            None if next.is_unknown() => return None,
            None => return Some(false),
        }
    }
    None
}

pub fn policies_have_situations(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let without = checker.members(decl.id).instances.iter().any(|one| val_of(one, "data") == Some(&Val::Absent));
    if !without {
        return;
    }
    for subjects in subjects(checker, decl) {
        let speaks = subjects.iter().any(|subject| match types::made_by(subject) {
            Some(stage) => checker.names.decl(stage).schema.is_some_and(|kind| kind.makes == Some(Makes::Adapter)),
            None => matches!(subject, Val::Entity(_)) && written(checker, subject).is_none(),
        });
        if speaks {
            checker.found.add(say::subjects_need_data(decl.item.header, &decl.name.value));
        }
    }
}

/// Written lines say neither which crew nor which model.
pub fn written_lines_come_later(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for subjects in subjects(checker, decl) {
        if let Some(lines) = subjects.first().and_then(|first| written(checker, first)) {
            let span = checker.written_at(decl, "subjects");
            checker.found.add(say::written_lines_first(span, &lines));
        }
    }
}

/// What a data set is called, as a subject.
fn written(checker: &Checker<'_>, subject: &Val) -> Option<String> {
    let name = |id: EntityId| checker.names.decl(id).name.value.clone();
    match subject {
        Val::Entity(id) if checker.names.decl(*id).kind == EntityKind::Dataset => Some(name(*id)),
        Val::Split { dataset, split } => Some(format!("{}.{split}", name(*dataset))),
        _ => None,
    }
}

pub fn gates_ask_of_its_table(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let measures = decl.schema.is_some_and(|kind| kind.makes == Some(Makes::Table));
    for instance in &checker.members(decl.id).instances {
        let list = |field: &str| match val_of(instance, field) {
            Some(Val::List(all)) if !all.iter().any(Val::has_unknown) => Some(all.clone()),
            _ => None,
        };
        let (subjects, metrics) = (list("subjects"), list("metrics"));
        let among = |list: &Option<Vec<Val>>, val: &Val| match list {
            Some(list) => val.has_unknown() || *val == Val::Absent || list.contains(val),
            None => true,
        };
        for gate in &instance.gates {
            let mut asked = Vec::new();
            collect(&gate.condition, &mut asked);
            for (call, args) in asked {
                let span = gate.condition_span;
                let arg = |name: &str| args.get(name).unwrap_or(&Val::Unknown);
                let mut sides = call.args.iter().filter(|one| one.ty == calls::SUBJECT).map(|one| arg(one.name));
                let metric = arg("metric");
                if !measures {
                    checker.found.add(say::asked_outside_evaluate(span, call.name));
                } else if let Some(other) = sides.clone().find(|side| !among(&subjects, side)) {
                    checker.found.add(say::not_a_subject(span, call.name, &named(checker, other)));
                } else if !among(&metrics, metric) {
                    checker.found.add(say::not_a_metric(span, call.name, &named(checker, metric)));
                } else if call.name == calls::DELTA.name
                    && let [one, other] = sides.clone().collect::<Vec<_>>().as_slice()
                    && one == other
                    && !one.has_unknown()
                {
                    checker.found.add(say::compared_with_itself(span, &named(checker, one)));
                } else if call.name == calls::DELTA.name
                    && let Some(lines) = sides.find_map(|side| written(checker, side))
                {
                    checker.found.add(say::nothing_to_pair(span, &lines));
                } else if let (Val::Text(criterion), Some(known)) = (arg("criterion"), criteria(checker, metric))
                    && !known.contains(criterion)
                {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    checker.found.add(say::not_a_criterion(span, call.name, criterion, &known));
                }
            }
        }
    }
}

/// A subject or a metric as an author would write it.
fn named(checker: &Checker<'_>, val: &Val) -> String {
    let name = |id: EntityId| checker.names.decl(id).name.value.clone();
    match val {
        Val::Call { name, args } => match args.get("kind") {
            Some(Val::Word(kind)) => format!("{name}({kind})"),
            _ => format!("{name}(…)"),
        },
        Val::Verdict { judge, rubric, .. } => format!("{}.{}", name(*judge), name(*rubric)),
        Val::Entity(id) => name(*id),
        Val::Split { dataset, split } => format!("{}.{split}", name(*dataset)),
        _ => types::made_by(val).map_or_else(|| types::describe(val, &checker.names), name),
    }
}

type Asked<'v> = (&'static Call, &'v BTreeMap<String, Val>);

/// Every `delta(…)`, `mean(…)`, `median(…)` and `p95(…)` of a condition.
fn collect<'v>(val: &'v Val, found: &mut Vec<Asked<'v>>) {
    match val {
        Val::Call { name, args } => match calls::ask(name) {
            Some(call) => found.push((call, args)),
            None => args.values().for_each(|arg| collect(arg, found)),
        },
        Val::Op { args, .. } => args.iter().for_each(|arg| collect(arg, found)),
        _ => {}
    }
}

/// What a metric has beside its own number; `None` when it is not known what it is.
fn criteria(checker: &Checker<'_>, metric: &Val) -> Option<Vec<String>> {
    match metric {
        Val::Unknown => None,
        Val::Verdict { rubric, .. } => {
            Some(checker.members(*rubric).children.iter().filter_map(|child| child.name.clone()).collect())
        }
        Val::Call { name, .. } => Some(terms::criteria(name).iter().map(|name| (*name).to_owned()).collect()),
        _ => Some(Vec::new()),
    }
}

/// As a stage's reward: one score is asked for.
pub fn its_rewards_ask_for_one_score(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        let Some(Val::List(metrics)) = val_of(instance, "metrics") else { continue };
        let family = metrics.iter().find_map(|metric| match metric {
            Val::Call { name, args } if name == REWARD_METRIC => family_in(checker, args.get("score")?),
            _ => None,
        });
        if let Some(stage) = family {
            let span = checker.written_at(decl, "metrics");
            let family = &checker.names.decl(stage).name.value;
            checker.found.add(say::family_in_reward(span, family));
        }
    }
}
