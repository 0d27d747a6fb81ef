//! Whether two values are the same wherever their entities stand, and where below a field they differ.

use crate::check::schema::{self, Attribute, Class, Ty};
use crate::program::{MemberRef, Program, Value};

/// Equal as values; entities are equal by kind and name.
pub fn same(a: &Value, in_a: &Program, b: &Value, in_b: &Program) -> bool {
    let entity = |x, y| {
        let (x, y) = (in_a.entity(x), in_b.entity(y));
        (x.kind, &x.name) == (y.kind, &y.name)
    };
    let member = |x: &MemberRef, y: &MemberRef| {
        let persona =
            |program: &Program, at: MemberRef| program.instance(at).persona.map(|id| program.entity(id).name.clone());
        entity(x.stage, y.stage) && persona(in_a, *x) == persona(in_b, *y)
    };
    let all = |x: &[Value], y: &[Value]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, in_a, y, in_b));
    let members = |x: &[MemberRef], y: &[MemberRef]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| member(x, y));
    match (a, b) {
        (Value::Record(x), Value::Record(y)) => {
            x.keys().eq(y.keys()) && x.values().zip(y.values()).all(|(x, y)| same(x, in_a, y, in_b))
        }
        (Value::Call { name: n, args: x }, Value::Call { name: m, args: y }) => {
            let alike = |(name, x): (&String, &Value), y: &Value| match (x, y) {
                (Value::Text(x), Value::Text(y)) if name == "path" => way(x) == way(y),
                _ => same(x, in_a, y, in_b),
            };
            n == m && x.keys().eq(y.keys()) && x.iter().zip(y.values()).all(|(x, y)| alike(x, y))
        }
        (Value::List(x), Value::List(y)) => all(x, y),
        (Value::Entity(x), Value::Entity(y)) => entity(*x, *y),
        (Value::Split { dataset: x, split: s }, Value::Split { dataset: y, split: t }) => entity(*x, *y) && s == t,
        (Value::Verdict { judge: x, rubric: r }, Value::Verdict { judge: y, rubric: q }) => {
            entity(*x, *y) && entity(*r, *q)
        }
        (Value::Made(x), Value::Made(y)) => members(x, y),
        (Value::Result { of: x, name: n }, Value::Result { of: y, name: m }) => n == m && members(x, y),
        (Value::Op { op: o, args: x }, Value::Op { op: p, args: y }) => o == p && all(x, y),
        (a, b) => a == b,
    }
}

/// `./x.jsonl` and `x.jsonl` are one way.
fn way(path: &str) -> Vec<&str> {
    let steps = path.split('/').enumerate();
    steps.filter(|(at, step)| *step != "." && (!step.is_empty() || *at == 0)).map(|(_, step)| step).collect()
}

/// Two programs' values of one attribute.
pub struct Pair<'a> {
    pub a: (&'a Value, &'a Program),
    pub b: (&'a Value, &'a Program),
}

impl Pair<'_> {
    fn is_same(&self) -> bool {
        same(self.a.0, self.a.1, self.b.0, self.b.1)
    }

    /// Paths below `path` at which they differ, each with its class and both values as one would write them.
    pub fn differences(
        &self,
        path: &str,
        attribute: Option<&Attribute>,
        to: &mut Vec<(String, Class, String, String)>,
    ) {
        if self.is_same() {
            return;
        }
        let class = attribute.map_or(Class::Training, |attribute| attribute.class);
        match (self.a.0, self.b.0) {
            (Value::Record(x), Value::Record(y)) => {
                let record = attribute.and_then(|attribute| record_of(&attribute.ty));
                for name in x.keys().chain(y.keys().filter(|name| !x.contains_key(*name))) {
                    let part = record.and_then(|record| record.field(name)).or(attribute);
                    let (x, y) = (x.get(name).unwrap_or(&Value::Absent), y.get(name).unwrap_or(&Value::Absent));
                    let pair = Pair { a: (x, self.a.1), b: (y, self.b.1) };
                    pair.differences(&format!("{path}.{name}"), part, to);
                }
            }
            _ => to.push((path.to_owned(), self.class(path, class), self.written(self.a), self.written(self.b))),
        }
    }

    fn written(&self, (value, program): (&Value, &Program)) -> String {
        match value {
            // A text is shown as it is, to be compared by words.
            Value::Text(text) => text.clone(),
            other => program.written(other),
        }
    }

    /// Stricter or milder than the attribute's, by what of it differs.
    fn class(&self, path: &str, class: Class) -> Class {
        match (self.a.0, self.b.0) {
            // The host of a judge is `where`, its model is not.
            (Value::Call { name: n, args: x }, Value::Call { name: m, args: y }) if n == m => {
                let call =
                    schema::every_call().find(|call| call.name == n && x.keys().all(|arg| call.arg(arg).is_some()));
                let differing = y
                    .iter()
                    .filter(|(name, value)| x.get(*name).is_none_or(|before| !same(before, self.a.1, value, self.b.1)));
                let classes =
                    differing.filter_map(|(name, _)| call.and_then(|call| call.arg(name)).map(|arg| arg.class));
                classes.min().unwrap_or(class)
            }
            // A metric or a subject more measures more; one less, or another, measures something else.
            (Value::List(x), Value::List(y)) if matches!(path, "metrics" | "subjects") => {
                let stays = |one: &Value| y.iter().any(|other| same(one, self.a.1, other, self.b.1));
                if x.iter().all(stays) { Class::Topology } else { class }
            }
            _ => class,
        }
    }
}

fn record_of(ty: &Ty) -> Option<&'static schema::Record> {
    match ty {
        Ty::Record(record) => Some(record),
        Ty::Optional(inner) => record_of(inner),
        Ty::Either(all) => all.iter().find_map(record_of),
        _ => None,
    }
}
