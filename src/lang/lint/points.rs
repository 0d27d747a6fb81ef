//! Rules about variants, sweeps and what extends what: a control that is missing, a value that changes nothing.

use std::collections::BTreeMap;

use super::context::{Context, Member, calls, members, number, part_of};
use super::unused::without_lines;
use crate::diagnostic::{Diagnostic, Edit, Fix};
use crate::format::words;
use crate::program::{Entity, Field, Fields, Instance, Layer, Program, Value};
use crate::source::Span;
use crate::syntax::ast::{Entry, ExprKind, ItemKind};

pub fn there_is_no_control(cx: &Context<'_>) {
    let trained: Vec<Member<'_>> = cx.of_kind(&["grpo"]);
    let measured = cx.of_kind(&["evaluate"]).into_iter().any(|table| {
        let subjects = cx.subjects(table).iter().flat_map(|subject| cx.ancestors(subject));
        subjects.into_iter().any(|member| ["grpo", "dialogue"].contains(&member.kind))
    });
    if !cx.is_experiment() || trained.is_empty() || !measured {
        return;
    }
    let control = |program: &Program| {
        let stages: Vec<Member<'_>> = members(program).into_iter().filter(|member| member.kind == "grpo").collect();
        stages.iter().any(is_control)
    };
    if !cx.variants.iter().any(|(_, program)| control(program)) && !control(cx.program) {
        let first = trained[0];
        cx.tell(no_control(first.entity.header, &first.entity.name));
    }
}

/// Rewards by lot, somebody else's manner, or no step at all.
fn is_control(member: &Member<'_>) -> bool {
    let shifted = |score: &Value| {
        calls(score).iter().any(|(_, args)| args.get("shift").and_then(number).is_some_and(|by| by > 0.0))
    };
    *member.value("shuffle") == Value::Bool(true)
        || member.number("lr") == Some(0.0)
        || part_of(member.value("reward"), "score").is_some_and(shifted)
}

fn no_control(span: Span, stage: &str) -> Diagnostic {
    Diagnostic::warning(
        "M0980",
        span,
        format!("no variant is a control of `{stage}`: a gain may come of training at all, and not of its reward"),
    )
    .help(format!("add `variant shuffled \"Rewards by lot\" {{ {stage}.shuffle = true }}`; the report quotes it"))
}

pub fn a_variant_is_the_base(cx: &Context<'_>) {
    let mut told = Vec::new();
    for (name, program) in &cx.variants {
        let same = program.entities.iter().zip(&cx.program.entities).all(|(a, b)| alike(a, b));
        if let Some(variant) =
            cx.program.entities.iter().find(|one| one.name == *name && one.kind.keyword() == "variant")
            && same
        {
            told.push(the_base(variant.header, name));
        }
    }
    cx.tell_all(told);
}

fn the_base(span: Span, name: &str) -> Diagnostic {
    Diagnostic::warning("M0981", span, format!("variant `{name}` is the base: nothing in it differs"))
        .help("change something in it, or take it out")
}

/// As values; where they were written is another matter.
fn alike(a: &Entity, b: &Entity) -> bool {
    fn same(a: &Fields, b: &Fields) -> bool {
        a.len() == b.len() && a.values().zip(b.values()).all(|(a, b)| a.value == b.value)
    }
    fn instances(entity: &Entity) -> &[Instance] {
        entity.stage.as_ref().map_or(&[], |stage| &stage.instances)
    }
    let (of_a, of_b) = (instances(a), instances(b));
    let mut children = a.children.iter().zip(&b.children);
    same(&a.fields, &b.fields)
        && (of_a.len(), a.children.len()) == (of_b.len(), b.children.len())
        && of_a.iter().zip(of_b).all(|(a, b)| same(&a.fields, &b.fields))
        && children.all(|(a, b)| same(&a.fields, &b.fields))
}

/// A value that a variant, or what `extends`, writes again.
pub fn an_override_overrides_nothing(cx: &Context<'_>) {
    // By place: whether every field that it reaches is as it was.
    let mut again: BTreeMap<Span, bool> = BTreeMap::new();
    let mut note = |span: Option<Span>, same: bool| {
        if let Some(span) = span {
            let known = again.entry(span).or_insert(true);
            *known &= same;
        }
    };
    for (_, program) in &cx.variants {
        for (after, before) in program.entities.iter().zip(&cx.program.entities) {
            for (after, before) in own_fields(after).into_iter().zip(own_fields(before)) {
                compare(after, before, Layer::Point, &mut note);
            }
        }
    }
    for edge in cx.program.edges.iter().filter(|edge| edge.slot == "extends") {
        let (base, own) = (cx.program.entity(edge.from), cx.program.entity(edge.to));
        let inside =
            |span: &Span| span.file == own.span.file && own.span.start <= span.start && span.end <= own.span.end;
        for (own, base) in own_fields(own).into_iter().zip(own_fields(base)) {
            compare(own, base, Layer::File, &mut |span, same| note(span.filter(inside), same));
        }
    }
    let told = again.into_iter().filter(|(_, same)| *same).map(|(span, _)| {
        let mut warning = overrides_nothing(span);
        let fix = without_lines(&cx.checked.files, span);
        warning.fixes.extend(fix.map(|edit: Edit| Fix { title: "take it out".to_owned(), edits: vec![edit] }));
        warning
    });
    let told: Vec<Diagnostic> = told.collect();
    cx.tell_all(told);
}

fn overrides_nothing(span: Span) -> Diagnostic {
    Diagnostic::warning("M0982", span, "this is the value that it would have without being written here")
        .help("take it out: who reads it looks for a difference")
}

/// The item's own fields, or each of its members'.
fn own_fields(entity: &Entity) -> Vec<&Fields> {
    match &entity.stage {
        Some(stage) => stage.instances.iter().map(|instance| &instance.fields).collect(),
        None => vec![&entity.fields],
    }
}

fn compare(after: &Fields, before: &Fields, layer: Layer, note: &mut dyn FnMut(Option<Span>, bool)) {
    for (name, field) in after {
        let Some(was) = before.get(name) else { continue };
        if field.origin.layer == layer {
            note(field.origin.span, field.value == was.value);
        }
        for (path, origin) in field.parts.iter().filter(|(_, origin)| origin.layer == layer) {
            note(origin.span, below(field, path) == below(was, path));
        }
    }
}

fn below<'f>(field: &'f Field, path: &str) -> Option<&'f Value> {
    path.split('.').try_fold(&field.value, |value, part| match value {
        Value::Record(parts) | Value::Call { args: parts, .. } => parts.get(part),
        _ => None,
    })
}

pub fn an_axis_says_a_value_twice(cx: &Context<'_>) {
    let mut told = Vec::new();
    for item in &cx.checked.tree.files[0].items {
        let ItemKind::Block { keyword, body, .. } = &item.kind else { continue };
        let grids = body.entries.iter().filter_map(|entry| match entry {
            Entry::Block(block) if keyword.value == "sweep" && block.keyword.value == "grid" => Some(block),
            _ => None,
        });
        for entry in grids.flat_map(|grid| &grid.body.entries) {
            let Entry::Assign(assign) = entry else { continue };
            let ExprKind::List(values) = &assign.value.kind else { continue };
            let text = |at: usize| words(cx.checked.files.text(values[at].span));
            told.extend(
                (1..values.len())
                    .filter(|at| (0..*at).any(|other| text(other) == text(*at)))
                    .map(|at| twice(values[at].span)),
            );
        }
    }
    cx.tell_all(told);
}

fn twice(span: Span) -> Diagnostic {
    Diagnostic::warning("M0983", span, "this value stands on its axis already")
        .help("say each value once; another seed is `experiment.seed`")
}
