//! Rewards and the terms that they share with metrics.

use std::collections::BTreeMap;

use mascot_lang::program::{EntityId, EntityKind, Value};
use serde_json::{Map, Value as Json, json};

use super::persona::Read;
use super::{Lower, Scope, float, join, plain};

impl Lower<'_> {
    /// A reward as its stage has it: expanded there by the checker, so that `persona` and families in it are that stage's.
    pub(super) fn reward(&mut self, at: &str, value: &Value, scope: &Scope) -> Json {
        let Value::Record(reward) = value else { panic!("{value:?} is no expanded reward; this is a bug in mascot") };
        let part =
            |name: &str| reward.get(name).unwrap_or_else(|| panic!("a reward has a `{name}`; this is a bug in mascot"));
        json!({"score": self.score(&join(at, "score"), part("score"), scope), "clip": plain(part("clip"))})
    }

    fn score(&mut self, at: &str, value: &Value, scope: &Scope) -> Json {
        match value {
            Value::Number { value, .. } => json!({"constant": float(*value)}),
            Value::Op { op, args } => {
                let op = match (op.as_str(), args.len()) {
                    ("+", _) => "add",
                    ("-" | "neg", 1) => "neg",
                    ("-", _) => "subtract",
                    ("*", _) => "multiply",
                    ("/", _) => "divide",
                    (other, _) => {
                        panic!("a score computes {other:?}, which the checker refuses; this is a bug in mascot")
                    }
                };
                self.operation(at, op, &args.iter().collect::<Vec<_>>(), scope)
            }
            Value::Call { name, args } => self.call(at, name, args, scope),
            Value::Verdict { .. } => json!({"judge": self.judge(&join(at, "judge"), value, scope)}),
            Value::Made(_) => json!({"reward_model": self.policy(&join(at, "reward_model"), value, scope.persona)}),
            other => panic!("{other:?} is no score; this is a bug in mascot"),
        }
    }

    fn operation(&mut self, at: &str, op: &str, args: &[&Value], scope: &Scope) -> Json {
        let each = |(index, arg): (usize, &&Value)| self.score(&join(at, &format!("op.args.{index}")), arg, scope);
        let args: Vec<Json> = args.iter().enumerate().map(each).collect();
        json!({"op": {"op": op, "args": args}})
    }

    fn clipped(&mut self, at: &str, value: &Value, range: &Value, scope: &Scope) -> Json {
        let Value::Range { low, high, .. } = range else { panic!("{range:?} is no range; this is a bug in mascot") };
        let inner = self.score(&join(at, "op.args.0.op.args.0"), value, scope);
        let at_least = json!({"op": {"op": "max", "args": [inner, {"constant": float(*low)}]}});
        json!({"op": {"op": "min", "args": [at_least, {"constant": float(*high)}]}})
    }

    fn call(&mut self, at: &str, name: &str, args: &BTreeMap<String, Value>, scope: &Scope) -> Json {
        let arg = |name: &str| {
            args.get(name).unwrap_or_else(|| panic!("a function of scores lacks `{name}`; this is a bug in mascot"))
        };
        match name {
            "min" | "max" => self.operation(at, name, &[arg("a"), arg("b")], scope),
            "clip" => self.clipped(at, arg("x"), arg("range"), scope),
            "normalise" => json!({"normalise": self.score(&join(at, "normalise"), arg("x"), scope)}),
            _ => json!({"term": self.term(&join(at, "term"), name, args, scope)}),
        }
    }

    pub(super) fn term(&mut self, at: &str, name: &str, args: &BTreeMap<String, Value>, scope: &Scope) -> Json {
        let (mut numbers, mut words) = (Map::new(), Map::new());
        for (arg, value) in args {
            match value {
                Value::Number { value, .. } => {
                    numbers.insert(arg.clone(), float(*value));
                }
                Value::Bool(truth) => {
                    numbers.insert(arg.clone(), i32::from(*truth).into());
                }
                Value::Range { low, high, .. } => {
                    numbers.insert("low".into(), float(*low));
                    numbers.insert("high".into(), float(*high));
                }
                Value::Word(_) | Value::Text(_) => {
                    words.insert(arg.clone(), plain(value));
                }
                _ => {}
            }
        }
        let model = match args.get("model") {
            Some(Value::Entity(id)) => self.model(&join(at, "model"), *id),
            Some(_) => self.model(&join(at, "model"), scope.base),
            None => Json::Null,
        };
        let encoder = match args.get("encoder") {
            Some(Value::Entity(id)) => self.model(&join(at, "encoder"), *id),
            Some(_) => self.encoder(&join(at, "encoder")),
            None => Json::Null,
        };
        let lines = self.data(&join(at, "lines"), args.get("examples").unwrap_or(&Value::Absent));
        let crew = self.read_by(name, args, scope, !lines.is_null());
        let crew = match crew {
            Some((crew, read)) => self.personas(&join(at, "crew"), &crew, read),
            None => json!([]),
        };
        json!({
            "name": name, "numbers": numbers, "words": words,
            "model": model, "encoder": encoder, "lines": lines, "crew": crew,
        })
    }

    /// Whom a term reads, and what of them.
    fn read_by(
        &self,
        name: &str,
        args: &BTreeMap<String, Value>,
        scope: &Scope,
        has_lines: bool,
    ) -> Option<(Vec<EntityId>, Read)> {
        let compared = match args.get("crew") {
            Some(Value::Absent) | None => scope.crew.clone(),
            Some(crew) => self.entities(crew, EntityKind::Persona),
        };
        let speaking = scope.persona.map_or_else(|| scope.crew.clone(), |own| vec![own]);
        let examples = if has_lines { Read::Name } else { Read::Examples };
        match name {
            "contrast" => Some((compared, examples)),
            "identification" => Some((compared, Read::Name)),
            "overlap" => Some((speaking, examples)),
            "leak" => Some((speaking, Read::Description)),
            // `single_voice`: nobody may speak as another of the crew.
            "format" => Some((compared, Read::Name)),
            _ => None,
        }
    }
}
