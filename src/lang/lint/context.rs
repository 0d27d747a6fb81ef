//! What rules look at, and the questions that several of them ask.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::Checked;
use crate::diagnostic::Diagnostic;
use crate::program::{Entity, EntityId, EntityKind, Field, Fields, Instance, MemberRef, Point, Program, Value};
use crate::source::Span;

/// A checked file while its rules are asked.
pub struct Context<'c> {
    pub checked: &'c Checked,
    /// The base.
    pub program: &'c Program,
    /// Variants that check clean, in the file's order.
    pub variants: Vec<(String, Program)>,
    found: RefCell<Vec<Diagnostic>>,
}

/// One member of a stage.
#[derive(Clone, Copy)]
pub struct Member<'c> {
    pub entity: &'c Entity,
    pub kind: &'c str,
    pub instance: &'c Instance,
    pub at: MemberRef,
}

impl<'c> Member<'c> {
    pub fn value(&self, name: &str) -> &'c Value {
        value(&self.instance.fields, name)
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        number(self.value(name))
    }

    /// A number of a record: `sample`, `temperature`.
    pub fn number_in(&self, name: &str, part: &str) -> Option<f64> {
        part_of(self.value(name), part).and_then(number)
    }

    /// Where a field is written, or the stage's header when it is a default.
    pub fn span(&self, name: &str) -> Span {
        span_of(&self.instance.fields, name, self.entity)
    }

    /// As [`Member::span`], of a record's part that may be written apart.
    pub fn span_in(&self, name: &str, part: &str) -> Span {
        let apart = self.instance.fields.get(name).and_then(|field| field.parts.get(part)?.span);
        apart.unwrap_or_else(|| self.span(name))
    }
}

impl<'c> Context<'c> {
    pub fn new(checked: &'c Checked, program: &'c Program) -> Self {
        let named = |point: Point| match &point {
            Point::Variant(name) => Some((name.clone(), checked.at(&point).ok()?)),
            Point::Base | Point::Sweep { .. } => None,
        };
        let variants = checked.variants().into_iter().filter_map(named).collect();
        Self { checked, program, variants, found: RefCell::default() }
    }

    /// Adds a warning. Members of a family say the same at the same place: once.
    pub fn tell(&self, warning: Diagnostic) {
        let same = |one: &Diagnostic| one.code == warning.code && one.primary.span == warning.primary.span;
        let in_library = self.checked.files.file(warning.primary.span.file).path.starts_with("std/");
        let mut found = self.found.borrow_mut();
        if !in_library && !found.iter().any(same) {
            found.push(warning);
        }
    }

    pub fn tell_all(&self, warnings: impl IntoIterator<Item = Diagnostic>) {
        warnings.into_iter().for_each(|one| self.tell(one));
    }

    pub fn found(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }

    pub fn members(&self) -> Vec<Member<'c>> {
        members(self.program)
    }

    pub fn of_kind(&self, kinds: &[&str]) -> Vec<Member<'c>> {
        self.members().into_iter().filter(|member| kinds.contains(&member.kind)).collect()
    }

    pub fn member(&self, at: MemberRef) -> Member<'c> {
        let entity = self.program.entity(at.stage);
        let stage = entity.stage.as_ref().expect("a MemberRef names a stage");
        Member { entity, kind: &stage.kind, instance: &stage.instances[at.member as usize], at }
    }

    /// The main file says what is run, and is no library.
    pub fn is_experiment(&self) -> bool {
        self.program.experiment.is_some()
    }

    /// The model under a policy, through all that was trained on it.
    pub fn root(&self, policy: &Value) -> Option<&'c Entity> {
        match policy {
            Value::Entity(id) => match self.program.entity(*id) {
                model if model.kind == EntityKind::Model => Some(model),
                director if director.kind == EntityKind::Director => self.root(value(&director.fields, "policy")),
                _ => None,
            },
            Value::Made(of) => self.root(self.before(self.member(*of.first()?))),
            Value::List(all) => self.root(all.first()?),
            _ => None,
        }
    }

    /// The stages that a policy comes from, the last first; of a family its first member's.
    pub fn ancestors(&self, policy: &Value) -> Vec<Member<'c>> {
        let mut all = Vec::new();
        let mut next = Some(policy.clone());
        while let Some(policy) = next.take() {
            match policy {
                Value::Made(of) if !of.is_empty() => {
                    let member = self.member(of[0]);
                    all.push(member);
                    next = Some(self.before(member).clone());
                }
                Value::List(mut list) if !list.is_empty() => next = Some(list.swap_remove(0)),
                Value::Entity(id) if self.program.entity(id).kind == EntityKind::Director => {
                    next = Some(value(&self.program.entity(id).fields, "policy").clone());
                }
                _ => {}
            }
        }
        all
    }

    /// What a stage goes on from.
    pub fn before(&self, member: Member<'c>) -> &'c Value {
        let field = match member.kind {
            "bradley_terry" => "init",
            "pairs" => "from",
            "merge" => "adapters",
            "dialogue" | "simulate" => "actors",
            _ => "policy",
        };
        member.value(field)
    }

    pub fn subjects(&self, member: Member<'c>) -> &'c [Value] {
        list(member.value("subjects"))
    }

    /// The first subject that a stage made.
    pub fn first_subject(&self, member: Member<'c>) -> Option<Member<'c>> {
        self.subjects(member).iter().find_map(|subject| match subject {
            Value::Made(of) => Some(self.member(*of.first()?)),
            _ => None,
        })
    }

    /// How many personas a stage is about.
    pub fn crew(&self, member: Member<'c>) -> usize {
        let stage = member.entity.stage.as_ref().expect("a member is a stage's");
        match member.kind {
            _ if stage.is_family => stage.instances.len(),
            "dialogue" => self.seats(member.value("director")),
            "evaluate" => self.first_subject(member).map_or(1, |subject| self.crew(subject)),
            _ => 1,
        }
    }

    /// How many seats a director has, itself or trained.
    pub fn seats(&self, director: &Value) -> usize {
        match director {
            Value::Entity(id) => list(value(&self.program.entity(*id).fields, "seats")).len(),
            Value::Made(of) => of.first().map_or(0, |at| self.seats(self.before(self.member(*at)))),
            _ => 0,
        }
    }

    /// The data sets that a stage reads rows of to learn from, by field.
    pub fn learns_from(&self, member: Member<'c>) -> Option<(&'static str, &'c Value)> {
        let field = match member.kind {
            "sft" | "pairs" | "grpo" => "data",
            "bradley_terry" => "pairs",
            "kto" => "episodes",
            _ => return None,
        };
        let data = member.value(field);
        (self.source(data).is_some()).then_some((field, data))
    }

    /// Where rows come from: the reader's call, and which split; `None` of what is no data set.
    pub fn source<'v>(&self, data: &'v Value) -> Option<(&'c Value, Option<&'v str>)> {
        let (id, split) = match data {
            Value::Entity(id) => (*id, None),
            Value::Split { dataset, split } => (*dataset, Some(split.as_str())),
            _ => return None,
        };
        let entity = self.program.entity(id);
        (entity.kind == EntityKind::Dataset).then(|| (value(&entity.fields, "source"), split))
    }

    /// Whether two data sets may have a row in common.
    pub fn share_rows(&self, a: &Value, b: &Value) -> bool {
        let (Some((a, split)), Some((b, other))) = (self.source(a), self.source(b)) else { return false };
        let apart = matches!((split, other), (Some(split), Some(other)) if split != other);
        let (Value::Call { name, args }, Value::Call { name: other, args: others }) = (a, b) else { return false };
        let same = |arg: &str| args.get(arg) == others.get(arg);
        let disjoint = |arg: &str| match (args.get(arg), others.get(arg)) {
            (Some(Value::List(a)), Some(Value::List(b))) => {
                !a.is_empty() && !b.is_empty() && !a.iter().any(|one| b.contains(one))
            }
            (Some(Value::Record(a)), Some(Value::Record(b))) => {
                a.iter().any(|(column, text)| b.get(column).is_some_and(|other| other != text))
            }
            _ => false,
        };
        let filters = ["only", "domains", "emotions"];
        !apart && name == other && same("path") && same("repo") && !filters.into_iter().any(disjoint)
    }

    /// As an author would write it.
    pub fn called(&self, value: &Value) -> String {
        match value {
            Value::Entity(id) => self.program.entity(*id).name.clone(),
            Value::Split { dataset, split } => format!("{}.{split}", self.program.entity(*dataset).name),
            Value::Verdict { judge, rubric } => {
                format!("{}.{}", self.program.entity(*judge).name, self.program.entity(*rubric).name)
            }
            Value::Made(of) => of.first().map_or_else(String::new, |at| self.program.entity(at.stage).name.clone()),
            Value::Call { name, .. } => format!("{name}(…)"),
            _ => "…".to_owned(),
        }
    }

    /// Where an item's own field is written.
    pub fn item_span(&self, id: EntityId, field: &str) -> Span {
        let entity = self.program.entity(id);
        span_of(&entity.fields, field, entity)
    }
}

/// Every member of every stage.
pub fn members(program: &Program) -> Vec<Member<'_>> {
    let stages = program.of_kind(EntityKind::Stage).filter_map(|entity| Some((entity, entity.stage.as_ref()?)));
    let each = stages.flat_map(|(entity, stage)| {
        let member = move |(at, instance)| Member {
            entity,
            kind: stage.kind.as_str(),
            instance,
            at: MemberRef { stage: entity.id, member: at as u32 },
        };
        stage.instances.iter().enumerate().map(member)
    });
    each.collect()
}

fn span_of(fields: &Fields, name: &str, entity: &Entity) -> Span {
    fields.get(name).and_then(|field| field.origin.span).unwrap_or(entity.header)
}

pub fn value<'f>(fields: &'f Fields, name: &str) -> &'f Value {
    fields.get(name).map_or(&Value::Absent, |field: &Field| &field.value)
}

pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number { value, .. } => Some(*value),
        _ => None,
    }
}

pub fn word(value: &Value) -> Option<&str> {
    match value {
        Value::Word(word) | Value::Text(word) => Some(word),
        _ => None,
    }
}

pub fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(all) => all,
        Value::Absent => &[],
        one => std::slice::from_ref(one),
    }
}

pub fn part_of<'v>(record: &'v Value, part: &str) -> Option<&'v Value> {
    match record {
        Value::Record(parts) => parts.get(part),
        _ => None,
    }
}

/// Every call inside, itself included: name and arguments.
pub fn calls(value: &Value) -> Vec<(&str, &BTreeMap<String, Value>)> {
    let mut all = Vec::new();
    walk(value, &mut |one| {
        if let Value::Call { name, args } = one {
            all.push((name.as_str(), args));
        }
    });
    all
}

pub fn walk<'v>(value: &'v Value, visit: &mut dyn FnMut(&'v Value)) {
    visit(value);
    match value {
        Value::List(all) | Value::Op { args: all, .. } => all.iter().for_each(|one| walk(one, visit)),
        Value::Record(parts) | Value::Call { args: parts, .. } => parts.values().for_each(|one| walk(one, visit)),
        _ => {}
    }
}
