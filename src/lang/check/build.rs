//! The program out of the checker's tables, when none of them has a hole left.

use std::collections::BTreeMap;

use super::Checker;
use super::fields::{ChildVal, FieldVals, GateVal};
use super::names::Decl;
use super::val::Val;
use crate::program::{
    Child, Entity, EntityId, EntityKind, Field, Fields, Gate, GraphEdge, Instance, Origin, Program, Stage, Value,
};
use crate::source::SourceMap;
use crate::syntax::ast::ItemKind;

/// `None` while any value is unknown.
pub fn program(checker: &Checker<'_>, files: &SourceMap, point: Option<String>) -> Option<Program> {
    let settle = Settle { checker, files, lenient: false };
    let entities = checker.names.decls.iter().map(|decl| settle.entity(decl.id)).collect::<Option<Vec<_>>>()?;
    let experiment = checker.names.experiment(crate::source::FileId(0));
    Some(Program { entities, experiment, point, edges: edges(checker) })
}

/// What is known of a program in which something may be wrong: fields in doubt are left out. For an editor; it is not to be run.
pub fn partial(checker: &Checker<'_>, files: &SourceMap) -> Program {
    let settle = Settle { checker, files, lenient: true };
    let entities =
        checker.names.decls.iter().map(|decl| settle.entity(decl.id).unwrap_or_else(|| bare(decl))).collect();
    let experiment = checker.names.experiment(crate::source::FileId(0));
    Program { entities, experiment, point: None, edges: Vec::new() }
}

/// An item of which nothing is known but its name.
fn bare(decl: &Decl<'_>) -> Entity {
    Entity {
        id: decl.id,
        kind: decl.kind,
        name: decl.name.value.clone(),
        title: None,
        doc: decl.item.doc.clone(),
        span: decl.item.span,
        header: decl.item.header,
        fields: Fields::new(),
        children: Vec::new(),
        stage: None,
    }
}

/// Who needs whom; a `let` is no more than a name for what it stands for.
fn edges(checker: &Checker<'_>) -> Vec<GraphEdge> {
    let mut edges = Vec::new();
    for decl in &checker.names.decls {
        if decl.kind == EntityKind::Let {
            continue;
        }
        for need in &checker.graph.needs[decl.id.0 as usize] {
            let mut through = vec![need.of];
            let mut seen = std::collections::BTreeSet::new();
            while let Some(of) = through.pop() {
                if !seen.insert(of) {
                    continue;
                }
                if checker.names.decl(of).kind == EntityKind::Let {
                    through.extend(checker.graph.needs[of.0 as usize].iter().map(|need| need.of));
                } else {
                    edges.push(GraphEdge { from: of, to: decl.id, slot: need.slot.clone() });
                }
            }
        }
    }
    edges.sort();
    edges.dedup();
    edges
}

struct Settle<'s, 't> {
    checker: &'s Checker<'t>,
    files: &'s SourceMap,
    /// What does not settle is left out.
    lenient: bool,
}

impl Settle<'_, '_> {
    fn value(&self, val: &Val) -> Option<Value> {
        let members = |stage: EntityId| {
            self.checker.done[stage.0 as usize].as_ref().map_or(0, |done| done.instances.len() as u32)
        };
        val.settle(&members)
    }

    fn fields(&self, fields: &FieldVals) -> Option<Fields> {
        fields
            .iter()
            .filter(|(_, field)| !(self.lenient && self.value(&field.val).is_none()))
            .map(|(name, field)| {
                let value = self.value(&field.val)?;
                Some(((*name).to_owned(), Field { value, origin: field.origin, parts: field.parts.clone() }))
            })
            .collect()
    }

    fn gates(&self, gates: &[GateVal]) -> Option<Vec<Gate>> {
        gates
            .iter()
            .filter(|gate| !(self.lenient && self.value(&gate.condition).is_none()))
            .map(|gate| {
                Some(Gate {
                    condition: self.value(&gate.condition)?,
                    otherwise: gate.otherwise.clone(),
                    span: gate.span,
                    text: self.files.text(gate.condition_span).to_owned(),
                })
            })
            .collect()
    }

    fn child(&self, child: &ChildVal) -> Option<Child> {
        let weight = match &child.weight {
            None => None,
            Some(Val::Number { value, .. }) => Some(*value),
            Some(_) if self.lenient => None,
            Some(_) => return None,
        };
        Some(Child {
            keyword: child.keyword.clone(),
            name: child.name.clone(),
            title: child.title.clone(),
            weight,
            fields: self.fields(&child.fields)?,
            gates: self.gates(&child.gates)?,
            span: child.span,
        })
    }

    fn entity(&self, id: EntityId) -> Option<Entity> {
        let decl = self.checker.names.decl(id);
        let done = self.checker.done[id.0 as usize].as_ref()?;
        let title = match &decl.item.kind {
            ItemKind::Block { title, .. } => title.as_ref().map(|title| title.value.clone()),
            ItemKind::Param { about, .. } => about.as_ref().map(|about| about.value.clone()),
            _ => None,
        };
        let mut fields = match decl.kind {
            // `persona` in a reward is nobody until a stage uses it, and there the reward stands expanded.
            EntityKind::Reward => self.fields(&with_persona_named(&done.fields))?,
            _ => self.fields(&done.fields)?,
        };
        if let ItemKind::Secret { variable, .. } = &decl.item.kind {
            let origin = Origin { layer: crate::program::Layer::File, span: Some(decl.item.span) };
            let value = Value::Text(variable.value.clone());
            fields.insert("env".to_owned(), Field { value, origin, parts: BTreeMap::new() });
        }
        let stage = match (&decl.item.kind, decl.kind) {
            (ItemKind::Stage { kind, .. }, EntityKind::Stage) => {
                let instances = done
                    .instances
                    .iter()
                    .map(|instance| {
                        Some(Instance {
                            persona: instance.persona,
                            fields: self.fields(&instance.fields)?,
                            gates: self.gates(&instance.gates)?,
                        })
                    })
                    .collect::<Option<Vec<_>>>()?;
                if done.crew_unknown && !self.lenient {
                    return None;
                }
                Some(Stage { kind: kind.value.clone(), is_family: done.is_family, instances })
            }
            _ => None,
        };
        Some(Entity {
            id,
            kind: decl.kind,
            name: decl.name.value.clone(),
            title,
            doc: decl.item.doc.clone(),
            span: decl.item.span,
            header: decl.item.header,
            fields,
            children: done.children.iter().map(|child| self.child(child)).collect::<Option<Vec<_>>>()?,
            stage,
        })
    }
}

fn with_persona_named(fields: &FieldVals) -> FieldVals {
    fn named(val: &Val) -> Val {
        let each = |vals: &[Val]| vals.iter().map(named).collect::<Vec<_>>();
        let by_name =
            |vals: &BTreeMap<String, Val>| vals.iter().map(|(name, val)| (name.clone(), named(val))).collect();
        match val {
            Val::Unknown => Val::Word("persona".to_owned()),
            Val::List(vals) => Val::List(each(vals)),
            Val::Op { op, args } => Val::Op { op, args: each(args) },
            Val::Record(vals) => Val::Record(by_name(vals)),
            Val::Call { name, args } => Val::Call { name: name.clone(), args: by_name(args) },
            other => other.clone(),
        }
    }
    let field = |(name, field): (&&'static str, &super::fields::FieldVal)| {
        (*name, super::fields::FieldVal { val: named(&field.val), origin: field.origin, parts: field.parts.clone() })
    };
    fields.iter().map(field).collect()
}
