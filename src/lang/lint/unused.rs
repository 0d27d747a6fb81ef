//! Rules about what nobody uses: read by every reviewer, and for nothing.

use std::collections::BTreeSet;

use super::context::{Context, list, value};
use crate::diagnostic::{Diagnostic, Edit, Fix};
use crate::program::{EntityId, EntityKind, Value};
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::ast::{Binder, Body, Entry, Expr, ImportName, Item, ItemKind, Segment};

pub fn imports(cx: &Context<'_>) {
    let mut told = Vec::new();
    for file in &cx.checked.tree.files {
        let said = mentions(&file.items);
        for item in &file.items {
            let ItemKind::Use { names, alias, .. } = &item.kind else { continue };
            if let Some(alias) = alias.as_ref().filter(|alias| !said.contains(alias.value.as_str())) {
                let fix = without_lines(&cx.checked.files, item.span);
                told.push(unused_import(alias.span, &alias.value, fix));
            }
            let idle = |one: &&ImportName| !said.contains(local(one));
            let unused: Vec<&ImportName> = names.iter().filter(idle).collect();
            for one in &unused {
                let fix = match unused.len() == names.len() {
                    true => without_lines(&cx.checked.files, item.span),
                    false => without_name(&cx.checked.files, names, one),
                };
                told.push(unused_import(one.name.span, local(one), fix));
            }
        }
    }
    cx.tell_all(told);
}

fn local(import: &ImportName) -> &str {
    &import.alias.as_ref().unwrap_or(&import.name).value
}

fn unused_import(span: Span, name: &str, fix: Option<Edit>) -> Diagnostic {
    let warning = Diagnostic::warning("M0970", span, format!("`{name}` is imported and not used"));
    fixed(warning, format!("import no `{name}`"), fix)
}

fn fixed(mut warning: Diagnostic, title: String, fix: Option<Edit>) -> Diagnostic {
    warning.fixes.extend(fix.map(|edit| Fix { title, edits: vec![edit] }));
    warning
}

/// Takes whole lines out; nothing where something else stands on them.
pub fn without_lines(files: &SourceMap, span: Span) -> Option<Edit> {
    let text = &files.file(span.file).text;
    let start = text[..span.start as usize].rfind('\n').map_or(0, |at| at + 1);
    let rest = &text[span.end as usize..];
    let end = span.end as usize + rest.find('\n').map_or(rest.len(), |at| at + 1);
    let alone = text[start..span.start as usize].trim().is_empty() && text[span.end as usize..end].trim().is_empty();
    alone.then(|| Edit { span: Span::new(span.file, start, end), text: String::new() })
}

/// Takes one name out of a list with others, and the sign that parts it from its neighbour.
fn without_name(files: &SourceMap, names: &[ImportName], one: &ImportName) -> Option<Edit> {
    let at = names.iter().position(|other| other.name.span == one.name.span)?;
    let end = |import: &ImportName| import.alias.as_ref().unwrap_or(&import.name).span.end;
    let span = match names.get(at + 1) {
        Some(next) => Span { start: one.name.span.start, end: next.name.span.start, ..one.name.span },
        None => Span { start: end(names.get(at.checked_sub(1)?)?), end: end(one), ..one.name.span },
    };
    // A comment between them belongs to somebody.
    (!files.text(span).contains('#')).then(|| Edit { span, text: String::new() })
}

/// What the main file of an experiment declares. A library's items are for others.
pub fn items(cx: &Context<'_>) {
    if !cx.is_experiment() {
        return;
    }
    let file = &cx.checked.tree.files[0];
    let said = mentions(&file.items);
    let in_sweeps = mentions(file.items.iter().filter(|item| is_block(item, &["sweep"])));
    let points = cx.variants.iter().map(|(_, program)| program);
    let used: BTreeSet<EntityId> = std::iter::once(cx.program)
        .chain(points)
        .flat_map(|program| program.edges.iter().map(|edge| edge.from))
        .collect();
    let testing = judges_of_tests(cx);
    let mut told = Vec::new();
    for entity in cx.program.entities.iter().filter(|entity| entity.span.file == FileId(0)) {
        let fix = || without_lines(&cx.checked.files, entity.span);
        let idle = match entity.kind {
            EntityKind::Let => !said.contains(entity.name.as_str()),
            EntityKind::Param
            | EntityKind::Secret
            | EntityKind::Model
            | EntityKind::Dataset
            | EntityKind::Persona
            | EntityKind::Rubric
            | EntityKind::Judge
            | EntityKind::Reward
            | EntityKind::Director => {
                !used.contains(&entity.id) && !in_sweeps.contains(entity.name.as_str()) && !testing.contains(&entity.id)
            }
            _ => false,
        };
        if idle {
            told.push(match entity.kind {
                EntityKind::Persona => unused_persona(entity.header, &entity.name),
                kind => fixed(
                    unused_item(entity.header, kind, &entity.name),
                    format!("take `{}` out", entity.name),
                    fix().filter(|_| matches!(kind, EntityKind::Let | EntityKind::Param) && entity.doc.is_none()),
                ),
            });
        }
    }
    cx.tell_all(told);
}

/// Judges by one of whose rubrics a persona is tested.
fn judges_of_tests(cx: &Context<'_>) -> BTreeSet<EntityId> {
    let mut rubrics = BTreeSet::new();
    for persona in cx.program.of_kind(EntityKind::Persona) {
        for gate in persona.children.iter().flat_map(|child| &child.gates) {
            super::context::walk(&gate.condition, &mut |one| {
                if let Value::Entity(id) = one {
                    rubrics.insert(*id);
                }
            });
        }
    }
    let holds = |one: &Value| matches!(one, Value::Entity(id) if rubrics.contains(id));
    let judges = cx.program.of_kind(EntityKind::Judge);
    judges.filter(|judge| list(value(&judge.fields, "rubrics")).iter().any(holds)).map(|judge| judge.id).collect()
}

fn unused_persona(span: Span, name: &str) -> Diagnostic {
    Diagnostic::warning("M0971", span, format!("persona `{name}` never speaks: no stage has it in its crew"))
        .help("add it to the crew, or take it out")
}

fn unused_item(span: Span, kind: EntityKind, name: &str) -> Diagnostic {
    Diagnostic::warning("M0972", span, format!("{} `{name}` is not used", kind.keyword()))
        .help("use it, or take it out")
}

/// Stages whose results come to no table, in a file that measures something.
pub fn what_is_made(cx: &Context<'_>) {
    let tables: Vec<EntityId> = cx.of_kind(&["evaluate"]).iter().map(|table| table.entity.id).collect();
    if tables.is_empty() {
        return;
    }
    let mut reached: BTreeSet<EntityId> = tables.into_iter().collect();
    for (_, program) in &cx.variants {
        // A variant may measure what the base does not.
        reached.extend(super::context::members(program).iter().filter(|m| m.kind == "evaluate").map(|m| m.entity.id));
    }
    let reports = |id: EntityId| cx.program.entity(id).kind == EntityKind::Report;
    let edges: Vec<_> = std::iter::once(cx.program)
        .chain(cx.variants.iter().map(|(_, program)| program))
        .flat_map(|program| &program.edges)
        .collect();
    loop {
        let before = reached.len();
        let more =
            edges.iter().filter(|edge| edge.slot != "extends" && reached.contains(&edge.to)).map(|edge| edge.from);
        reached.extend(more.collect::<Vec<_>>());
        if reached.len() == before {
            break;
        }
    }
    for member in cx.members() {
        let shown =
            member.kind == "dialogue" && edges.iter().any(|edge| edge.from == member.entity.id && reports(edge.to));
        if !reached.contains(&member.entity.id) && !shown {
            cx.tell(never_measured(member.entity.header, &member.entity.name));
        }
    }
}

fn never_measured(span: Span, stage: &str) -> Diagnostic {
    Diagnostic::warning("M0973", span, format!("`{stage}` is paid for, and nothing measures what it makes"))
        .help("name it among the `subjects` of an `evaluate`, or take it out")
}

fn is_block(item: &Item, keywords: &[&str]) -> bool {
    matches!(&item.kind, ItemKind::Block { keyword, .. } if keywords.contains(&keyword.value.as_str()))
}

/// The first segment of every path that is said in these items.
fn mentions<'t>(items: impl IntoIterator<Item = &'t Item>) -> BTreeSet<&'t str> {
    let mut said = BTreeSet::new();
    for item in items {
        match &item.kind {
            ItemKind::Param { value, within, .. } => {
                expr(value, &mut said);
                within.iter().for_each(|within| expr(within, &mut said));
            }
            ItemKind::Let { value, .. } => expr(value, &mut said),
            ItemKind::Stage { binder, extends, body: entries, .. } => {
                binder.iter().for_each(|Binder { list, .. }| expr(list, &mut said));
                said.extend(extends.iter().map(|base| base.module.as_ref().unwrap_or(&base.name).value.as_str()));
                body(entries, false, &mut said);
            }
            ItemKind::Block { extends, body: entries, .. } => {
                said.extend(extends.iter().map(|base| base.module.as_ref().unwrap_or(&base.name).value.as_str()));
                body(entries, is_block(item, &["variant", "sweep"]), &mut said);
            }
            ItemKind::Use { .. } | ItemKind::Secret { .. } | ItemKind::Faulty { .. } => {}
        }
    }
    said
}

/// `paths`: what stands before a `=` names an item, and no field.
fn body<'t>(entries: &'t Body, paths: bool, said: &mut BTreeSet<&'t str>) {
    for entry in &entries.entries {
        match entry {
            Entry::Assign(assign) => {
                if paths {
                    first(&assign.path, said);
                }
                expr(&assign.value, said);
            }
            Entry::Block(block) => {
                block.weight.iter().for_each(|weight| expr(weight, said));
                body(&block.body, paths, said);
            }
            Entry::Gate { condition, .. } | Entry::Skip { condition, .. } => expr(condition, said),
            Entry::Faulty { .. } => {}
        }
    }
}

fn first<'t>(path: &'t [Segment], said: &mut BTreeSet<&'t str>) {
    if let Some(Segment::Name(name)) = path.first() {
        said.insert(&name.value);
    }
}

fn expr<'t>(of: &'t Expr, said: &mut BTreeSet<&'t str>) {
    of.each_path(&mut |path| first(path, said));
}
