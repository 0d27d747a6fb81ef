//! Laws about `evaluate` stages, and about the differences that gates ask of them.

use super::{Checker, Decl, Val, say, val_of};
use crate::check::layers::text_of;
use crate::check::schema::{Makes, calls};
use crate::check::types;
use crate::program::EntityId;
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
            None => matches!(subject, Val::Entity(_)),
        });
        if speaks {
            checker.found.add(say::subjects_need_data(decl.item.header, &decl.name.value));
        }
    }
}

pub fn differences_are_of_its_subjects(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let measures = decl.schema.is_some_and(|kind| kind.makes == Some(Makes::Table));
    for instance in &checker.members(decl.id).instances {
        let list = |field: &str| match val_of(instance, field) {
            Some(Val::List(all)) if !all.iter().any(Val::is_unknown) => Some(all.clone()),
            _ => None,
        };
        let (subjects, metrics) = (list("subjects"), list("metrics"));
        for gate in &instance.gates {
            let mut differences = Vec::new();
            collect(&gate.condition, &mut differences);
            for [a, b, metric, criterion] in differences {
                let among = |list: &Option<Vec<Val>>, val: &Val| match list {
                    Some(list) => matches!(val, Val::Unknown | Val::Absent) || list.contains(val),
                    None => true,
                };
                if !measures {
                    checker.found.add(say::difference_outside_evaluate(gate.condition_span));
                } else if !among(&subjects, &a) || !among(&subjects, &b) {
                    checker.found.add(say::not_a_subject(gate.condition_span));
                } else if !among(&metrics, &metric) {
                    checker.found.add(say::not_a_metric(gate.condition_span));
                } else if let Val::Text(criterion) = &criterion
                    && !has_criterion(checker, &metric, criterion)
                {
                    checker.found.add(say::not_a_criterion(gate.condition_span, criterion));
                }
            }
        }
    }
}

/// Every `delta(a, b, metric: …)` of a condition.
fn collect(val: &Val, found: &mut Vec<[Val; 4]>) {
    match val {
        Val::Call { name, args } if name == calls::DELTA.name => {
            found.push(["a", "b", "metric", "criterion"].map(|name| args.get(name).cloned().unwrap_or(Val::Unknown)));
        }
        Val::Op { args, .. } => args.iter().for_each(|arg| collect(arg, found)),
        Val::Call { args, .. } => args.values().for_each(|arg| collect(arg, found)),
        _ => {}
    }
}

fn has_criterion(checker: &Checker<'_>, metric: &Val, criterion: &str) -> bool {
    match metric {
        Val::Unknown => true,
        Val::Verdict { rubric, .. } => {
            checker.members(*rubric).children.iter().any(|child| child.name.as_deref() == Some(criterion))
        }
        _ => false,
    }
}
