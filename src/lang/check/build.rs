//! The program out of the checker's tables, when none of them has a hole left.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Checker;
use super::fields::{ChildVal, Done, FieldVals, GateVal};
use super::names::Decl;
use super::val::Val;
use crate::program::{
    Child, Entity, EntityId, EntityKind, Field, Fields, Gate, GraphEdge, Instance, Origin, Program, Stage, Value,
};
use crate::source::SourceMap;
use crate::syntax::ast::ItemKind;

/// `None` while any value is unknown. Takes what was evaluated.
pub fn program(checker: &mut Checker<'_>, files: &SourceMap, point: Option<String>) -> Option<Program> {
    let done = std::mem::take(&mut checker.done);
    let settle = Settle { members: members(&done), files, lenient: false };
    let decls = checker.names.decls.iter().zip(done);
    let entities = decls.map(|(decl, done)| settle.entity(decl, done)).collect::<Option<Vec<_>>>()?;
    let experiment = checker.names.experiment(crate::source::FileId(0));
    Some(Program { entities, experiment, point, edges: edges(checker) })
}

/// What is known of a program in which something may be wrong: fields in doubt are left out. For an editor; it is not to be run.
pub fn partial(checker: &mut Checker<'_>, files: &SourceMap) -> Program {
    let done = std::mem::take(&mut checker.done);
    let settle = Settle { members: members(&done), files, lenient: true };
    let decls = checker.names.decls.iter().zip(done);
    let entities = decls.map(|(decl, done)| settle.entity(decl, done).unwrap_or_else(|| bare(decl))).collect();
    let experiment = checker.names.experiment(crate::source::FileId(0));
    Program { entities, experiment, point: None, edges: Vec::new() }
}

/// How many instances each stage has.
fn members(done: &[Option<Rc<Done>>]) -> Vec<u32> {
    done.iter().map(|done| done.as_ref().map_or(0, |done| done.instances.len() as u32)).collect()
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

struct Settle<'s> {
    /// By item.
    members: Vec<u32>,
    files: &'s SourceMap,
    /// What does not settle is left out.
    lenient: bool,
}

impl Settle<'_> {
    fn value(&self, val: Val) -> Option<Value> {
        val.settle(&|stage: EntityId| self.members[stage.0 as usize])
    }

    /// What of a list settles; `None` when one does not, and may not be left out.
    fn each<F, T, C: FromIterator<T>>(&self, all: impl Iterator<Item = F>, one: impl Fn(F) -> Option<T>) -> Option<C> {
        all.map(one).filter(|settled| !self.lenient || settled.is_some()).collect()
    }

    fn fields(&self, fields: FieldVals) -> Option<Fields> {
        self.each(fields.into_iter(), |(name, field)| {
            Some((name.to_owned(), Field { value: self.value(field.val)?, origin: field.origin, parts: field.parts }))
        })
    }

    fn gates(&self, gates: Vec<GateVal>) -> Option<Vec<Gate>> {
        self.each(gates.into_iter(), |gate| {
            Some(Gate {
                condition: self.value(gate.condition)?,
                otherwise: gate.otherwise,
                span: gate.span,
                text: self.files.text(gate.condition_span).to_owned(),
            })
        })
    }

    fn child(&self, child: ChildVal) -> Option<Child> {
        let weight = match &child.weight {
            None => None,
            Some(Val::Number { value, .. }) => Some(*value),
            Some(_) if self.lenient => None,
            Some(_) => return None,
        };
        Some(Child {
            keyword: child.keyword,
            name: child.name,
            title: child.title,
            weight,
            fields: self.fields(child.fields)?,
            gates: self.gates(child.gates)?,
            span: child.span,
        })
    }

    fn entity(&self, decl: &Decl<'_>, done: Option<Rc<Done>>) -> Option<Entity> {
        let done = Rc::unwrap_or_clone(done?);
        let title = match &decl.item.kind {
            ItemKind::Block { title, .. } => title.as_ref().map(|title| title.value.clone()),
            ItemKind::Param { about, .. } => about.as_ref().map(|about| about.value.clone()),
            _ => None,
        };
        let mut fields = match decl.kind {
            // `persona` in a reward is nobody until a stage uses it, and there the reward stands expanded.
            EntityKind::Reward => self.fields(with_persona_named(done.fields))?,
            _ => self.fields(done.fields)?,
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
                    .into_iter()
                    .map(|instance| {
                        Some(Instance {
                            persona: instance.persona,
                            fields: self.fields(instance.fields)?,
                            gates: self.gates(instance.gates)?,
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
            id: decl.id,
            kind: decl.kind,
            name: decl.name.value.clone(),
            title,
            doc: decl.item.doc.clone(),
            span: decl.item.span,
            header: decl.item.header,
            fields,
            children: done.children.into_iter().map(|child| self.child(child)).collect::<Option<Vec<_>>>()?,
            stage,
        })
    }
}

fn with_persona_named(mut fields: FieldVals) -> FieldVals {
    fn name(val: &mut Val) {
        match val {
            Val::Unknown => *val = Val::Word("persona".to_owned()),
            Val::List(vals) | Val::Op { args: vals, .. } => vals.iter_mut().for_each(name),
            Val::Record(vals) | Val::Call { args: vals, .. } => vals.values_mut().for_each(name),
            _ => {}
        }
    }
    fields.values_mut().for_each(|field| name(&mut field.val));
    fields
}
