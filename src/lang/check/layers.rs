//! The five layers: default < `extends` base < file < variant or sweep point < `--set`.
//!
//! For every item, by field, what was written to it, weakest first; a dotted path below a field (`kl.beta`) is a write to a
//! part. Nothing is evaluated here. May use: names, schema, `syntax::ast`.

use std::collections::BTreeMap;

use super::diagnostics as say;
use super::names::{Binding, Decl, Names};
use super::sink::Sink;
use crate::diagnostic::Diagnostic;
use crate::program::{EntityId, EntityKind, Layer};
use crate::source::{FileId, Span};
use crate::syntax::ast::{AssignOp, Entry, Expr, ExprKind, Segment};

/// One `path = value`, seen from the item that it changes.
#[derive(Debug, Clone, Copy)]
pub struct Write<'t> {
    pub layer: Layer,
    pub op: AssignOp,
    /// Below the field.
    pub sub: &'t [Segment],
    pub value: &'t Expr,
    /// In which file its names are looked up: of `--set`, the main file.
    pub scope: FileId,
    pub span: Span,
    /// Only this persona's member of a family.
    pub member: Option<EntityId>,
}

/// By field name, weakest first.
pub type Writes<'t> = BTreeMap<&'t str, Vec<Write<'t>>>;

/// A value that a point or `--set` puts over the file's.
#[derive(Debug, Clone, Copy)]
pub struct Override<'t> {
    pub layer: Layer,
    pub path: &'t [Segment],
    pub op: AssignOp,
    pub value: &'t Expr,
    pub scope: FileId,
    pub span: Span,
}

/// Where an override leads.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    pub entity: EntityId,
    pub member: Option<EntityId>,
    pub field: &'p str,
    pub sub: &'p [Segment],
}

pub use crate::program::VALUE;

/// What each item itself says, and what is put over it. Bases are not in it yet.
pub fn own<'t>(names: &Names<'t>, overrides: &[Override<'t>], found: &mut Sink) -> Vec<Writes<'t>> {
    let mut all: Vec<Writes<'t>> = names.decls.iter().map(|decl| of_file(decl, found)).collect();
    for one in overrides {
        match places(names, one.path, one.scope) {
            Ok(places) => {
                for place in places {
                    all[place.entity.0 as usize].entry(place.field).or_default().push(Write {
                        layer: one.layer,
                        op: one.op,
                        sub: place.sub,
                        value: one.value,
                        scope: one.scope,
                        span: one.span,
                        member: place.member,
                    });
                }
            }
            Err(Some(diagnostic)) => found.add(*diagnostic),
            Err(None) => {}
        }
    }
    all
}

/// How many fields an item sets, those that it has taken over included.
pub fn count(all: &[Writes<'_>], id: EntityId) -> usize {
    all[id.0 as usize].values().map(Vec::len).sum()
}

/// Adds what the base says, as the layer below. The base's own base must be in already.
pub fn inherit<'t>(all: &mut [Writes<'t>], id: EntityId, base: EntityId) {
    let mut inherited = all[base.0 as usize].clone();
    for write in inherited.values_mut().flatten() {
        write.layer = Layer::Base;
    }
    for (field, writes) in std::mem::take(&mut all[id.0 as usize]) {
        inherited.entry(field).or_default().extend(writes);
    }
    all[id.0 as usize] = inherited;
}

fn of_file<'t>(decl: &Decl<'t>, found: &mut Sink) -> Writes<'t> {
    let mut writes = Writes::new();
    let mut write = |field: &'t str, op, sub: &'t [Segment], value: &'t Expr, span| {
        let one = Write { layer: Layer::File, op, sub, value, scope: decl.file, span, member: None };
        writes.entry(field).or_default().push(one);
    };
    if let Some(value) = decl.value() {
        write(VALUE, AssignOp::Set, &[], value, decl.item.span);
    }
    if matches!(decl.kind, EntityKind::Variant | EntityKind::Sweep) {
        return writes;
    }
    let mut seen = Seen::default();
    for entry in decl.body.map_or(&[][..], |body| &body.entries) {
        let Entry::Assign(assign) = entry else { continue };
        let Some(Segment::Name(field)) = assign.path.first() else { continue };
        if let Some(twice) = seen.again(&assign.path, assign.op, 1) {
            found.add(twice);
            continue;
        }
        write(&field.value, assign.op, &assign.path[1..], &assign.value, assign.span);
    }
    writes
}

/// What one block has set so far. Fields stand in any order, so none is set twice, nor as a whole and in part.
#[derive(Debug, Default)]
pub struct Seen(Vec<(String, AssignOp, Span)>);

impl Seen {
    /// The fault, when this one says again what another says. Fields begin at `depth` words: in a variant at two, as `crew` there is a
    /// list, and `crew.*.voice` no part of it.
    pub fn again(&mut self, path: &[Segment], op: AssignOp, depth: usize) -> Option<Diagnostic> {
        let (text, span) = (text_of(path), span_of(path));
        let below = |whole: &str, part: &str| {
            whole.split('.').count() >= depth && part.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'))
        };
        let clash = self.0.iter().find(|(other, other_op, _)| {
            let edits = op != AssignOp::Set && *other_op != AssignOp::Set;
            (text == *other && !edits) || below(other, &text) || below(&text, other)
        });
        if let Some((other, _, first)) = clash {
            return Some(match *other == text {
                true => say::field_twice(span, &text, *first),
                false => say::field_whole_and_in_part(span, &text, other, *first),
            });
        }
        self.0.push((text, op, span));
        None
    }
}

/// Resolves an override's path. `Err(None)`: it names something faulty, which was told already.
///
/// # Errors
/// A path that leads nowhere, told at the segment that is not there.
pub fn places<'p>(
    names: &Names<'_>,
    path: &'p [Segment],
    scope: FileId,
) -> Result<Vec<Place<'p>>, Option<Box<Diagnostic>>> {
    let Some(Segment::Name(head)) = path.first() else {
        return Err(Some(Box::new(say::path_begins_with_star(span_of(path)))));
    };
    let binding = match names.look_up(scope, &head.value) {
        Some(binding) => Some(binding),
        None if head.value == "experiment" => names.experiment(scope).map(Binding::Decl),
        None => None,
    };
    let (id, rest) = match binding {
        Some(Binding::Decl(id)) => (id, &path[1..]),
        Some(Binding::Faulty) => return Err(None),
        Some(Binding::Module(file)) => match path.get(1) {
            Some(Segment::Name(name)) => match names.declared_in(file, &name.value) {
                Some(Binding::Decl(id)) => (id, &path[2..]),
                Some(_) => return Err(None),
                None => {
                    let known = names.own_names(file).collect::<Vec<_>>();
                    return Err(Some(Box::new(say::unknown_part(name, &head.value, &known))));
                }
            },
            _ => return Err(Some(Box::new(say::overrides_nothing(head.span, &head.value)))),
        },
        None => {
            if head.value == "experiment" {
                return Err(Some(Box::new(say::no_experiment(head))));
            }
            let own = names.experiment(scope).map(|_| "experiment");
            let known = names.in_scope(scope).chain(own).collect::<Vec<_>>();
            return Err(Some(Box::new(say::unknown_name(head, &known))));
        }
    };
    below(names, id, None, rest, head.span, scope)
}

fn below<'p>(
    names: &Names<'_>,
    id: EntityId,
    member: Option<EntityId>,
    rest: &'p [Segment],
    head: Span,
    scope: FileId,
) -> Result<Vec<Place<'p>>, Option<Box<Diagnostic>>> {
    let decl = names.decl(id);
    let Some(first) = rest.first() else {
        return match decl.kind {
            EntityKind::Param | EntityKind::Let => Ok(vec![Place { entity: id, member, field: VALUE, sub: rest }]),
            _ => Err(Some(Box::new(say::overrides_nothing(head, &decl.name.value)))),
        };
    };
    // A list of personas: each of them, or one.
    if matches!(decl.kind, EntityKind::Param | EntityKind::Let) {
        let Some(items) = decl.value().and_then(|value| listed(names, value, decl.file, 0)) else {
            return Err(Some(Box::new(say::overrides_nothing(segment_span(first), &decl.name.value))));
        };
        let chosen: Vec<EntityId> = match first {
            Segment::Star(_) => items,
            Segment::Name(name) => match member_named(names, &items, name.value.as_str(), scope) {
                Some(one) => vec![one],
                None => return Err(Some(Box::new(not_of_list(names, name, &decl.name.value, &items)))),
            },
        };
        let mut all = Vec::new();
        for one in chosen {
            all.extend(below(names, one, None, &rest[1..], segment_span(first), scope)?);
        }
        return Ok(all);
    }
    let Some(schema) = decl.schema else {
        let is_secret = decl.kind == EntityKind::Secret;
        return Err(is_secret.then(|| Box::new(say::overrides_nothing(segment_span(first), &decl.name.value))));
    };
    match first {
        Segment::Name(name) => {
            if schema.field(&name.value).is_some() {
                let place = Place { entity: id, member, field: &name.value, sub: &rest[1..] };
                return Ok(vec![place]);
            }
            if let (Some(binder), None) = (decl.binder(), member) {
                let items = listed(names, &binder.list, decl.file, 0).unwrap_or_default();
                if let Some(one) = member_named(names, &items, &name.value, scope) {
                    return below(names, id, Some(one), &rest[1..], name.span, scope);
                }
            }
            Err(Some(Box::new(say::overrides_unknown_field(name, schema, &decl.name.value))))
        }
        Segment::Star(span) if decl.kind == EntityKind::Stage && member.is_none() => {
            below(names, id, None, &rest[1..], *span, scope)
        }
        Segment::Star(span) => Err(Some(Box::new(say::overrides_nothing(*span, &decl.name.value)))),
    }
}

fn not_of_list(names: &Names<'_>, name: &crate::source::Name, of: &str, items: &[EntityId]) -> Diagnostic {
    let known: Vec<&str> = items.iter().map(|id| names.decl(*id).name.value.as_str()).collect();
    say::unknown_part(name, of, &known)
}

/// The item of a list that a name means: by what the name means in this file, else by its own name.
pub fn member_named(names: &Names<'_>, items: &[EntityId], name: &str, scope: FileId) -> Option<EntityId> {
    if let Some(Binding::Decl(id)) = names.look_up(scope, name)
        && items.contains(&id)
    {
        return Some(id);
    }
    items.iter().copied().find(|id| names.decl(*id).name.value == name)
}

/// The items of a list of references as it is written, without evaluating anything: overrides must be in place before that.
pub fn listed(names: &Names<'_>, expr: &Expr, file: FileId, depth: usize) -> Option<Vec<EntityId>> {
    // A let that leads to itself is the graph's to tell.
    if depth > 64 {
        return None;
    }
    let of_path = |segments: &[Segment]| -> Option<EntityId> {
        let binding = match segments {
            [Segment::Name(name)] => names.look_up(file, &name.value)?,
            [Segment::Name(module), Segment::Name(name)] => match names.look_up(file, &module.value)? {
                Binding::Module(other) => names.declared_in(other, &name.value)?,
                _ => return None,
            },
            _ => return None,
        };
        match binding {
            Binding::Decl(id) => Some(id),
            _ => None,
        }
    };
    match &expr.kind {
        ExprKind::List(items) => Some(
            items
                .iter()
                .filter_map(|item| match &item.kind {
                    ExprKind::Path(segments) => of_path(segments),
                    _ => None,
                })
                .collect(),
        ),
        ExprKind::Path(segments) => {
            let decl = names.decl(of_path(segments)?);
            listed(names, decl.value()?, decl.file, depth + 1)
        }
        _ => None,
    }
}

pub fn segment_span(segment: &Segment) -> Span {
    match segment {
        Segment::Name(name) => name.span,
        Segment::Star(span) => *span,
    }
}

/// Of a path that is not empty.
pub fn span_of(path: &[Segment]) -> Span {
    let first = segment_span(path.first().expect("the parser makes no empty path"));
    let last = segment_span(path.last().expect("the parser makes no empty path"));
    first.to(last)
}

pub fn text_of(path: &[Segment]) -> String {
    let words: Vec<&str> = path
        .iter()
        .map(|segment| match segment {
            Segment::Name(name) => name.value.as_str(),
            Segment::Star(_) => "*",
        })
        .collect();
    words.join(".")
}
