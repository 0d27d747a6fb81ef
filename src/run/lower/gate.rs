//! Gates, their names resolved to stages and members. A condition that says `persona: each` is lowered once for every persona.

use std::collections::BTreeMap;

use mascot_lang::program::{EntityId, MemberRef, Value};

use super::{Lower, shown};
use crate::drawn;
use crate::gate::{Case, Condition, End, Gate, Statistic};

impl End {
    fn suffix(self) -> &'static str {
        match self {
            End::Mean => "",
            End::Low => ".low",
            End::High => ".high",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "low" => End::Low,
            "high" => End::High,
            _ => End::Mean,
        }
    }
}

/// For whom a condition is asked.
#[derive(Clone, Copy)]
struct Asking<'a> {
    /// The stage that the gate is of.
    own: MemberRef,
    /// Whom `each` means.
    each: Option<&'a str>,
}

impl Lower<'_> {
    pub(super) fn gates(&self, member: MemberRef) -> Vec<Gate<MemberRef>> {
        let gates = &self.program.instance(member).gates;
        gates
            .iter()
            .map(|gate| Gate {
                cases: self.cases(&gate.condition, &gate.text, member),
                text: gate.text.clone(),
                otherwise: gate.otherwise.clone(),
                file: self.files.file(gate.span.file).path.clone(),
                line: self.files.position(gate.span.file, gate.span.start).line,
                points: vec![self.program.point.clone()],
            })
            .collect()
    }

    fn cases(&self, condition: &Value, text: &str, own: MemberRef) -> Vec<Case<MemberRef>> {
        let case = |persona: Option<&str>| {
            let condition = self.condition(condition, Asking { own, each: persona }, End::Mean);
            Case { persona: persona.map(str::to_owned), marks: drawn::marks(text, &condition), condition }
        };
        if !says_each(condition) {
            return vec![case(None)];
        }
        self.spoken_of(own).into_iter().map(|id| case(Some(shown(self.program.entity(id))))).collect()
    }

    /// Whose cells a table has: those who speak in its first subject.
    fn spoken_of(&self, own: MemberRef) -> Vec<EntityId> {
        let Some(first) = self.first_subject(self.instance(own)) else { return Vec::new() };
        let crew = self.subject_crew(&first);
        match &first {
            Value::Made(of) if self.kind(of[0]) == "dialogue" => crew,
            first => self.cast(first, &crew).into_iter().map(|(persona, _)| persona).collect(),
        }
    }

    fn condition(&self, value: &Value, asking: Asking<'_>, end: End) -> Condition<MemberRef> {
        let own = asking.own;
        match value {
            Value::Number { value, .. } => Condition::Number(*value),
            Value::Range { low, high, .. } => Condition::Range(*low, *high),
            Value::Bool(truth) => Condition::Truth(*truth),
            Value::Result { of, name } => {
                // Inside a family a member asks about its own persona's.
                let persona = self.program.instance(own).persona;
                let same =
                    of.iter().find(|member| persona.is_some() && self.program.instance(**member).persona == persona);
                let of = same.map_or_else(|| of.clone(), |member| vec![*member]);
                let name = format!("{name}{}", end.suffix());
                let called = if of == [own] {
                    name.clone()
                } else {
                    format!("{}.{name}", self.called(&Value::Made(of.clone())))
                };
                Condition::Result { of, name, called }
            }
            Value::Op { op, args } if op == "field" => {
                let end = match args.get(1) {
                    Some(Value::Text(name) | Value::Word(name)) => End::named(name),
                    _ => End::Mean,
                };
                self.condition(&args[0], asking, end)
            }
            Value::Op { op, args } => match op.as_str() {
                "low" | "high" | "mean" => self.condition(&args[0], asking, End::named(op)),
                _ => Condition::Op {
                    op: op.clone(),
                    args: args.iter().map(|arg| self.condition(arg, asking, End::Mean)).collect(),
                },
            },
            Value::Call { name, args } if name == "min" || name == "max" => {
                let args = args.values().map(|arg| self.condition(arg, asking, End::Mean)).collect();
                Condition::Op { op: name.clone(), args }
            }
            Value::Call { name, args } => self.of_table(name, args, asking, end),
            other => panic!("{other:?} stands in a gate; this is a bug in mascot"),
        }
    }

    /// What a gate asks of the table of its own stage.
    fn of_table(
        &self,
        name: &str,
        args: &BTreeMap<String, Value>,
        asking: Asking<'_>,
        end: End,
    ) -> Condition<MemberRef> {
        let owner = self.instance(asking.own);
        let place = |field: &str, arg: &str| {
            let Value::List(written) = owner.value(field) else {
                panic!("{field} are a list; this is a bug in mascot")
            };
            match args.get(arg) {
                None | Some(Value::Absent) => 0,
                Some(value) => written.iter().position(|each| each == value).unwrap_or_else(|| {
                    panic!("a gate asks of what its `evaluate` does not list, which the checker refuses; this is a bug in mascot")
                }),
            }
        };
        let criterion = match args.get("criterion") {
            Some(Value::Text(criterion)) => Some(criterion.clone()),
            _ => None,
        };
        let persona = match args.get("persona") {
            Some(Value::Text(name)) => Some(name.clone()),
            Some(Value::Word(_)) => asking.each.map(str::to_owned),
            _ => None,
        };
        let metric = place("metrics", "metric");
        let sides = ["a", "b", "subject"].into_iter().filter_map(|side| args.get(side));
        let mut said: Vec<String> = sides.map(|side| self.called(side)).collect();
        said.extend(args.get("metric").filter(|_| metric > 0).map(|by| format!("metric: {}", self.called(by))));
        said.extend(criterion.as_ref().map(|criterion| format!("criterion: {criterion}")));
        said.extend(persona.as_ref().map(|persona| format!("persona: {persona}")));
        let called = format!("{name}({}){}", said.join(", "), end.suffix());
        let of = asking.own;
        let what = match name {
            "delta" => {
                let (a, b) = (place("subjects", "a"), place("subjects", "b"));
                return Condition::Delta { of, a, b, metric, criterion, persona, end, called };
            }
            "mean" => Statistic::Mean(end),
            "median" => Statistic::Median,
            "p95" => Statistic::P95,
            other => panic!("`{other}` is nothing that a gate asks; this is a bug in mascot"),
        };
        Condition::Cell { of, subject: place("subjects", "subject"), metric, criterion, persona, what, called }
    }
}

/// Whether something in it is asked for every persona.
fn says_each(condition: &Value) -> bool {
    match condition {
        Value::Call { args, .. } => matches!(args.get("persona"), Some(Value::Word(_))) || args.values().any(says_each),
        Value::Op { args, .. } => args.iter().any(says_each),
        _ => false,
    }
}
