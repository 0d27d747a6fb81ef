//! Pass 2: who needs whom, by name. A cycle is one diagnostic, at its first item in the file; the order in which values can be
//! computed falls out.
//!
//! May use: names, layers, schema, petgraph. Typed by the schema, because a bare word of a closed set is no name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::diagnostics as say;
use super::layers::{VALUE, Writes};
use super::names::{Binding, Decl, Names};
use super::schema::{self, Ty};
use super::sink::Sink;
use crate::diagnostic::Diagnostic;
use crate::program::{EntityId, EntityKind};
use crate::source::FileId;
use crate::syntax::ast::{AssignOp, Base, Entry, Expr, ExprKind, ItemKind, Segment};

/// One item needs another, for the field `slot`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub of: EntityId,
    pub slot: String,
}

#[derive(Debug, Default)]
pub struct Graph {
    /// What an item needs, by item.
    pub needs: Vec<BTreeSet<Need>>,
    /// Every item, what is needed before what needs it.
    pub order: Vec<EntityId>,
    /// Items on a cycle.
    pub cyclic: BTreeSet<EntityId>,
}

/// The base of each item that extends one of its own kind. What is not one was told by `fields`.
pub fn bases(names: &Names<'_>, found: &mut Sink) -> Vec<Option<EntityId>> {
    names
        .decls
        .iter()
        .map(|decl| {
            let base = decl.extends?;
            let name = &base.name;
            match names.base(decl.file, base) {
                None => {
                    found.add(no_such_base(names, decl.file, base, found));
                    None
                }
                Some(Binding::Decl(base)) => {
                    let other = names.decl(base);
                    let schema = decl.schema?;
                    if !schema.extends {
                        found.add(say::cannot_extend(name, schema.name));
                        None
                    } else if other.schema.is_none() && other.kind == EntityKind::Stage {
                        None
                    } else if other.schema.is_some_and(|one| one.name == schema.name) {
                        Some(base)
                    } else {
                        found.add(say::extends_another_kind(name, schema, kind_word(other)));
                        None
                    }
                }
                Some(Binding::Faulty) => None,
                Some(Binding::Module(_)) => {
                    found.add(say::whole_file_as_value(name));
                    None
                }
            }
        })
        .collect()
}

fn no_such_base(names: &Names<'_>, file: FileId, base: &Base, found: &Sink) -> Diagnostic {
    let module = base.module.as_ref().map(|module| (module, names.look_up(file, &module.value)));
    match module {
        Some((module, Some(Binding::Module(other)))) => {
            let known: Vec<&str> = names.own_names(other).collect();
            say::unknown_part(&base.name, &module.value, &known)
        }
        Some((_, Some(Binding::Decl(id)))) => say::no_parts(&base.name, &kind_word(names.decl(id))),
        Some((module, _)) => say::unknown_name(module, &names.known_in(file, found)),
        None => say::unknown_name(&base.name, &names.known_in(file, found)),
    }
}

/// `a grpo stage`, `a persona`.
pub fn kind_word(decl: &Decl<'_>) -> String {
    match (decl.kind, decl.schema) {
        (EntityKind::Param, _) => "a param".to_owned(),
        (EntityKind::Let, _) => "a let".to_owned(),
        (EntityKind::Secret, _) => "a secret".to_owned(),
        (EntityKind::Stage, Some(kind)) => format!("{} {} stage", say::article(kind.name), kind.name),
        (_, Some(kind)) => format!("{} {}", say::article(kind.name), kind.name),
        (_, None) => "a stage".to_owned(),
    }
}

/// Draws the graph and tells its cycles. `writes` has the bases in it already, but for items that extend themselves.
pub fn build(names: &Names<'_>, writes: &[Writes<'_>], bases: &[Option<EntityId>], found: &mut Sink) -> Graph {
    let mut graph = Graph::default();
    for decl in &names.decls {
        let mut needs = BTreeSet::new();
        Walk { names, decl, needs: &mut needs }.item(&writes[decl.id.0 as usize]);
        if let Some(base) = bases[decl.id.0 as usize] {
            needs.insert(Need { of: base, slot: "extends".to_owned() });
        }
        graph.needs.push(needs);
    }
    let (order, circles) = order(&graph.needs);
    graph.order = order;
    for circle in circles {
        graph.cyclic.extend(&circle);
        tell(names, &graph.needs, &circle, found);
    }
    graph
}

/// Bases before what extends them; whoever is on a circle of `extends` comes out as having no base.
pub fn order_of_bases(bases: &mut [Option<EntityId>]) -> Vec<EntityId> {
    let needs: Vec<BTreeSet<Need>> =
        bases.iter().map(|base| base.iter().map(|of| Need { of: *of, slot: "extends".to_owned() }).collect()).collect();
    let (order, circles) = order(&needs);
    for id in circles.into_iter().flatten() {
        bases[id.0 as usize] = None;
    }
    order
}

fn order(needs: &[BTreeSet<Need>]) -> (Vec<EntityId>, Vec<Vec<EntityId>>) {
    let mut graph = DiGraph::<EntityId, ()>::new();
    let nodes: Vec<_> = (0..needs.len() as u32).map(|id| graph.add_node(EntityId(id))).collect();
    for (from, needs) in needs.iter().enumerate() {
        for need in needs {
            graph.update_edge(nodes[from], nodes[need.of.0 as usize], ());
        }
    }
    // Kosaraju's components come in reverse topological order: what is needed first. (Not Tarjan's: petgraph recurses there.)
    let mut sorted = Vec::with_capacity(needs.len());
    let mut circles = Vec::new();
    for component in kosaraju_scc(&graph) {
        let mut ids: Vec<EntityId> = component.iter().map(|node| graph[*node]).collect();
        ids.sort();
        let loops = ids.len() > 1 || graph.contains_edge(component[0], component[0]);
        sorted.extend(&ids);
        if loops {
            circles.push(ids);
        }
    }
    circles.sort();
    (sorted, circles)
}

/// One diagnostic for a circle: from its first item, round the shortest way.
fn tell(names: &Names<'_>, needs: &[BTreeSet<Need>], circle: &[EntityId], found: &mut Sink) {
    let first = circle[0];
    let inside: BTreeSet<EntityId> = circle.iter().copied().collect();
    let mut from: BTreeMap<EntityId, EntityId> = BTreeMap::new();
    let mut queue = VecDeque::from([first]);
    let mut path = vec![first];
    'search: while let Some(at) = queue.pop_front() {
        for need in &needs[at.0 as usize] {
            if need.of == first {
                let mut back = vec![at];
                while let Some(before) = from.get(back.last().expect("it holds one")) {
                    back.push(*before);
                }
                path = back.into_iter().rev().collect();
                break 'search;
            }
            if inside.contains(&need.of) && !from.contains_key(&need.of) {
                from.insert(need.of, at);
                queue.push_back(need.of);
            }
        }
    }
    let steps: Vec<_> = path.iter().map(|id| names.decl(*id).name).collect();
    found.add(say::cycle(&steps));
}

struct Walk<'w, 'n> {
    names: &'w Names<'n>,
    decl: &'w Decl<'n>,
    needs: &'w mut BTreeSet<Need>,
}

impl Walk<'_, '_> {
    fn item(&mut self, writes: &Writes<'_>) {
        for (field, writes) in writes {
            let ty = match self.decl.schema {
                Some(kind) => kind.field(field).map_or(Ty::Any, |field| field.ty),
                None => Ty::Any,
            };
            // What a later layer replaces altogether is needed by nobody.
            let from = writes
                .iter()
                .rposition(|write| write.op == AssignOp::Set && write.sub.is_empty() && write.member.is_none())
                .unwrap_or(0);
            let slot = if *field == VALUE { "value" } else { field };
            for write in &writes[from..] {
                let ty = if write.sub.is_empty() { ty } else { part(ty, write.sub) };
                self.expr(write.value, &ty, write.scope, slot);
            }
        }
        if let ItemKind::Param { within: Some(within), .. } = &self.decl.item.kind {
            self.expr(within, &Ty::Any, self.decl.file, "value");
        }
        if let Some(binder) = self.decl.binder() {
            self.expr(&binder.list, &Ty::Any, self.decl.file, "crew");
        }
        for entry in self.decl.body.map_or(&[][..], |body| &body.entries) {
            match entry {
                Entry::Gate { condition, .. } => self.gate(condition),
                Entry::Block(block) if self.decl.kind == EntityKind::Persona => {
                    for entry in &block.body.entries {
                        if let Entry::Gate { condition, .. } = entry {
                            self.gate(condition);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn gate(&mut self, condition: &Expr) {
        let mut needs = BTreeSet::new();
        Walk { names: self.names, decl: self.decl, needs: &mut needs }.expr(
            condition,
            &Ty::Condition,
            self.decl.file,
            "gate",
        );
        // A gate may speak of its own stage by name; that is no circle.
        self.needs.extend(needs.into_iter().filter(|need| need.of != self.decl.id));
    }

    fn expr(&mut self, expr: &Expr, ty: &Ty, scope: FileId, slot: &str) {
        match (&expr.kind, ty) {
            (ExprKind::Path(segments), _) => {
                if let [Segment::Name(word)] = segments.as_slice()
                    && takes_word(ty, &word.value)
                {
                    return;
                }
                self.path(segments, scope, slot, matches!(ty, Ty::Condition));
            }
            (_, Ty::Optional(inner)) => self.expr(expr, inner, scope, slot),
            (_, Ty::Either(alternatives)) => {
                let fitting = alternatives.iter().find(|one| has_shape(one, expr)).unwrap_or(&Ty::Any);
                self.expr(expr, fitting, scope, slot);
            }
            (ExprKind::List(items), _) => {
                let inner = match ty {
                    Ty::List(inner) | Ty::Set(inner) => inner,
                    _ => &Ty::Any,
                };
                items.iter().for_each(|item| self.expr(item, inner, scope, slot));
            }
            (ExprKind::Record(assigns), _) => {
                for assign in assigns {
                    let inner = match (ty, assign.path.first()) {
                        (Ty::Record(record), Some(Segment::Name(name))) => match record.field(&name.value) {
                            Some(field) => field.ty,
                            None => continue,
                        },
                        (Ty::Map(inner), _) => **inner,
                        _ => Ty::Any,
                    };
                    self.expr(&assign.value, &inner, scope, slot);
                }
            }
            (ExprKind::Call { name, args }, _) => {
                let call = match ty {
                    Ty::Call(calls) => calls.iter().copied().find(|call| call.name == name.value),
                    _ => schema::every_call().find(|call| call.name == name.value),
                };
                // Of a call or an argument that there is not nobody knows whether a bare word in it is a name.
                let Some(call) = call else { return };
                for (at, arg) in args.iter().enumerate() {
                    let attribute = match &arg.name {
                        Some(name) => match call.arg(&name.value) {
                            None => continue,
                            some => some,
                        },
                        None => call.args.get(at),
                    };
                    let inner = attribute.map_or(Ty::Any, |attribute| attribute.ty);
                    self.expr(&arg.value, &inner, scope, slot);
                }
            }
            (ExprKind::Field { of, .. }, _) => self.expr(of, ty, scope, slot),
            (ExprKind::Range { low, high }, _) => {
                self.expr(low, &Ty::Any, scope, slot);
                self.expr(high, &Ty::Any, scope, slot);
            }
            (ExprKind::Unary { of, .. }, _) => self.expr(of, ty, scope, slot),
            (ExprKind::Binary { left, right, .. }, _) => {
                self.expr(left, ty, scope, slot);
                self.expr(right, ty, scope, slot);
            }
            _ => {}
        }
    }

    fn path(&mut self, segments: &[Segment], scope: FileId, slot: &str, in_gate: bool) {
        let Some(Segment::Name(head)) = segments.first() else { return };
        // (Of a variable that hides a name, told already, the list still needs that name.)
        if slot != "crew" && self.decl.binder().is_some_and(|binder| binder.variable.value == head.value) {
            return;
        }
        if in_gate && self.decl.schema.is_some_and(|kind| kind.result(&head.value).is_some()) {
            return;
        }
        let binding = match (self.names.look_up(scope, &head.value), segments.get(1)) {
            (Some(Binding::Module(file)), Some(Segment::Name(name))) => self.names.declared_in(file, &name.value),
            (None, _) if head.value == "experiment" => self.names.experiment(scope).map(Binding::Decl),
            (binding, _) => binding,
        };
        if let Some(Binding::Decl(of)) = binding {
            self.needs.insert(Need { of, slot: slot.to_owned() });
        }
    }
}

/// The type of a part, `beta` of a record; unknown parts are told by whoever evaluates them.
pub fn part(ty: Ty, sub: &[Segment]) -> Ty {
    let mut ty = ty;
    for segment in sub {
        let Segment::Name(name) = segment else { return Ty::Any };
        ty = match ty {
            Ty::Record(record) => record.field(&name.value).map_or(Ty::Any, |field| field.ty),
            Ty::Call(calls) => {
                calls.iter().find_map(|call| call.arg(&name.value)).map_or(Ty::Any, |argument| argument.ty)
            }
            _ => Ty::Any,
        };
    }
    ty
}

/// Whether a bare word stands for itself here.
pub fn takes_word(ty: &Ty, word: &str) -> bool {
    match ty {
        Ty::Words(_) => true,
        Ty::TextOf(words) => words.contains(&word),
        Ty::Optional(inner) => takes_word(inner, word),
        Ty::Either(alternatives) => alternatives.iter().any(|one| match one {
            Ty::Words(words) => words.contains(&word),
            other => takes_word(other, word),
        }),
        _ => false,
    }
}

/// Whether an expression is written as this type is: a call as a call it knows, a list as a list.
pub fn has_shape(ty: &Ty, expr: &Expr) -> bool {
    match (ty, &expr.kind) {
        (Ty::Call(calls), ExprKind::Call { name, .. }) => calls.iter().any(|call| call.name == name.value),
        (Ty::List(_) | Ty::Set(_), ExprKind::List(_)) => true,
        (Ty::Record(_) | Ty::Map(_), ExprKind::Record(_)) => true,
        (Ty::Optional(_), ExprKind::None) => true,
        (Ty::Optional(inner), _) => has_shape(inner, expr),
        (Ty::Either(alternatives), _) => alternatives.iter().any(|one| has_shape(one, expr)),
        _ => false,
    }
}
