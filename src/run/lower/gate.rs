//! Gates, their names resolved to stages and members.

use mascot_lang::program::{MemberRef, Value};

use super::Lower;
use crate::gate::{Condition, End, Gate};

impl End {
    fn suffix(self) -> &'static str {
        match self {
            End::Mean => "",
            End::Low => ".low",
            End::High => ".high",
        }
    }
}

impl Lower<'_> {
    pub(super) fn gates(&self, member: MemberRef) -> Vec<Gate<MemberRef>> {
        let gates = &self.program.instance(member).gates;
        gates
            .iter()
            .map(|gate| Gate {
                condition: self.condition(&gate.condition, member, End::Mean),
                text: gate.text.clone(),
                otherwise: gate.otherwise.clone(),
                file: self.files.file(gate.span.file).path.clone(),
                line: self.files.position(gate.span.file, gate.span.start).line,
            })
            .collect()
    }

    fn condition(&self, value: &Value, own: MemberRef, end: End) -> Condition<MemberRef> {
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
                    Some(Value::Text(name) | Value::Word(name)) if name == "low" => End::Low,
                    Some(Value::Text(name) | Value::Word(name)) if name == "high" => End::High,
                    _ => End::Mean,
                };
                self.condition(&args[0], own, end)
            }
            Value::Op { op, args } => match op.as_str() {
                "low" | "high" | "mean" => {
                    let end = match op.as_str() {
                        "low" => End::Low,
                        "high" => End::High,
                        _ => End::Mean,
                    };
                    self.condition(&args[0], own, end)
                }
                _ => Condition::Op {
                    op: op.clone(),
                    args: args.iter().map(|arg| self.condition(arg, own, End::Mean)).collect(),
                },
            },
            Value::Call { name, args } if name == "delta" => {
                let owner = self.instance(own);
                let place = |field: &str, value: Option<&Value>| {
                    let Value::List(written) = owner.value(field) else {
                        panic!("{field} are a list; this is a bug in mascot")
                    };
                    match value {
                        None | Some(Value::Absent) => 0,
                        Some(value) => written.iter().position(|each| each == value).unwrap_or_else(|| {
                            panic!("a gate compares what its `evaluate` does not list, which the checker refuses; this is a bug in mascot")
                        }),
                    }
                };
                let word = |name: &str| match args.get(name) {
                    Some(Value::Word(word) | Value::Text(word)) => Some(word.clone()),
                    _ => None,
                };
                let sides =
                    [args.get("a"), args.get("b")].map(|side| side.map(|side| self.called(side)).unwrap_or_default());
                let metric = args.get("metric").filter(|_| place("metrics", args.get("metric")) > 0);
                let metric = metric.map(|metric| format!(", metric: {}", self.called(metric))).unwrap_or_default();
                let of = |name: &str| word(name).map(|word| format!(", {name}: {word}")).unwrap_or_default();
                let called =
                    format!("delta({}{metric}{}{}){}", sides.join(", "), of("criterion"), of("persona"), end.suffix());
                Condition::Delta {
                    of: own,
                    a: place("subjects", args.get("a")),
                    b: place("subjects", args.get("b")),
                    metric: place("metrics", args.get("metric")),
                    criterion: word("criterion"),
                    persona: word("persona"),
                    end,
                    called,
                }
            }
            Value::Call { name, args } if name == "min" || name == "max" => {
                let args = args.values().map(|arg| self.condition(arg, own, End::Mean)).collect();
                Condition::Op { op: name.clone(), args }
            }
            other => panic!("{other:?} stands in a gate; this is a bug in mascot"),
        }
    }
}
