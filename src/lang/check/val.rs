//! Values while they are still in doubt: [`Value`] with two more cases. [`Val::Unknown`] stands for whatever was faulty and
//! satisfies every use; [`Val::Family`] is a whole family that a stage `for persona in crew` will narrow to one member.
//!
//! Uses `program`. Deliberately absent: evaluation.

use std::collections::BTreeMap;

use crate::program::{Dim, EntityId, MemberRef, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Val {
    Unknown,
    Absent,
    Bool(bool),
    Number {
        value: f64,
        dim: Dim,
    },
    Range {
        low: f64,
        high: f64,
        dim: Dim,
    },
    Text(String),
    Word(String),
    List(Vec<Val>),
    Record(BTreeMap<String, Val>),
    Call {
        name: String,
        args: BTreeMap<String, Val>,
    },
    Entity(EntityId),
    Split {
        dataset: EntityId,
        split: String,
    },
    Verdict {
        judge: EntityId,
        rubric: EntityId,
    },
    /// A stage by its bare name, or all of a family.
    Family(EntityId),
    Made(Vec<MemberRef>),
    Result {
        of: Vec<MemberRef>,
        name: String,
    },
    Op {
        op: &'static str,
        args: Vec<Val>,
    },
}

impl Val {
    pub fn number(value: f64) -> Self {
        Val::Number { value, dim: Dim::None }
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Val::Unknown)
    }

    /// It, or something in it.
    pub fn has_unknown(&self) -> bool {
        match self {
            Val::Unknown => true,
            Val::List(items) | Val::Op { args: items, .. } => items.iter().any(Val::has_unknown),
            Val::Record(fields) | Val::Call { args: fields, .. } => fields.values().any(Val::has_unknown),
            _ => false,
        }
    }

    /// The settled value; `None` while any part of it is unknown. `members` is how many instances a stage has.
    pub fn settle(self, members: &dyn Fn(EntityId) -> u32) -> Option<Value> {
        let all = |args: Vec<Val>| args.into_iter().map(|arg| arg.settle(members)).collect::<Option<Vec<_>>>();
        let each = |args: BTreeMap<String, Val>| {
            args.into_iter().map(|(name, arg)| Some((name, arg.settle(members)?))).collect::<Option<BTreeMap<_, _>>>()
        };
        Some(match self {
            Val::Unknown => return None,
            Val::Absent => Value::Absent,
            Val::Bool(value) => Value::Bool(value),
            Val::Number { value, dim } => Value::Number { value, dim },
            Val::Range { low, high, dim } => Value::Range { low, high, dim },
            Val::Text(text) => Value::Text(text),
            Val::Word(word) => Value::Word(word),
            Val::List(values) => Value::List(all(values)?),
            Val::Record(fields) => Value::Record(each(fields)?),
            Val::Call { name, args } => Value::Call { name, args: each(args)? },
            Val::Entity(id) => Value::Entity(id),
            Val::Split { dataset, split } => Value::Split { dataset, split },
            Val::Verdict { judge, rubric } => Value::Verdict { judge, rubric },
            Val::Family(stage) => Value::Made((0..members(stage)).map(|member| MemberRef { stage, member }).collect()),
            Val::Made(of) => Value::Made(of),
            Val::Result { of, name } => Value::Result { of, name },
            Val::Op { op, args } => Value::Op { op: op.to_owned(), args: all(args)? },
        })
    }
}
