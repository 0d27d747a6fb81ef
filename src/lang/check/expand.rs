//! A program told value by value, each with the layer and the line that it comes from: `mascot expand`.

use std::collections::BTreeMap;

use super::units;
use crate::program::{
    Dim, Entity, EntityId, EntityKind, Field, Fields, Layer, MemberRef, Origin, Program, REWARD_METRIC, Value,
};
use crate::source::SourceMap;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub struct Expanded {
    /// `voices.anchor.kl.beta`
    pub path: String,
    /// As one would write it.
    pub value: String,
    /// `default base file point set`
    pub layer: &'static str,
    /// Of a default and of `--set` there is none.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
}

/// Every value of a program, records taken apart, in the order of declaration.
pub fn expand(program: &Program, files: &SourceMap) -> Vec<Expanded> {
    let mut expand = Expand { program, files, all: Vec::new() };
    for entity in &program.entities {
        if matches!(entity.kind, EntityKind::Variant | EntityKind::Sweep) {
            continue;
        }
        expand.entity(entity);
    }
    expand.all
}

impl Layer {
    pub fn word(self) -> &'static str {
        match self {
            Layer::Default => "default",
            Layer::Base => "base",
            Layer::File => "file",
            Layer::Point => "point",
            Layer::Set => "set",
        }
    }
}

struct Expand<'e> {
    program: &'e Program,
    files: &'e SourceMap,
    all: Vec<Expanded>,
}

impl Expand<'_> {
    fn entity(&mut self, entity: &Entity) {
        self.fields(&entity.name, &entity.fields);
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for child in &entity.children {
            let count = counts.entry(&child.keyword).or_default();
            *count += 1;
            let name = child.name.clone().unwrap_or_else(|| format!("{}{count}", child.keyword));
            let path = format!("{}.{name}", entity.name);
            if let Some(weight) = child.weight {
                let origin = Origin { layer: Layer::File, span: Some(child.span) };
                self.push(format!("{path}.weight"), units::write(weight, Dim::Fraction), origin);
            }
            self.fields(&path, &child.fields);
        }
        for instance in entity.stage.iter().flat_map(|stage| &stage.instances) {
            let path = match instance.persona {
                Some(persona) => format!("{}.{}", entity.name, self.program.entity(persona).name),
                None => entity.name.clone(),
            };
            self.fields(&path, &instance.fields);
        }
    }

    fn fields(&mut self, path: &str, fields: &Fields) {
        for (name, field) in fields {
            // Of a param or a let the one field is the value itself.
            let path = if name == crate::program::VALUE { path.to_owned() } else { format!("{path}.{name}") };
            self.value(&path, "", &field.value, field, field.origin);
        }
    }

    /// `below`: the dotted path under the field, by which its parts have origins of their own.
    fn value(&mut self, path: &str, below: &str, value: &Value, field: &Field, origin: Origin) {
        let Value::Record(parts) = value else {
            return self.push(path.to_owned(), self.program.written(value), origin);
        };
        for (name, part) in parts {
            let below = if below.is_empty() { name.clone() } else { format!("{below}.{name}") };
            let origin = field.parts.get(&below).copied().unwrap_or(origin);
            self.value(&format!("{path}.{name}"), &below, part, field, origin);
        }
    }

    fn push(&mut self, path: String, value: String, origin: Origin) {
        let file = origin.span.map(|span| self.files.file(span.file).path.clone());
        let line = origin.span.map(|span| self.files.position(span.file, span.start).line);
        self.all.push(Expanded { path, value, layer: origin.layer.word(), file, line });
    }
}

impl Program {
    /// A value as one would write it.
    pub fn written(&self, value: &Value) -> String {
        let name = |id: EntityId| self.entity(id).name.clone();
        let each = |values: &[Value]| values.iter().map(|value| self.written(value)).collect::<Vec<_>>();
        match value {
            Value::Absent => "none".to_owned(),
            Value::Bool(truth) => truth.to_string(),
            Value::Number { value, dim } => units::write(*value, *dim),
            Value::Range { low, high, dim } => match units::write(*high, *dim).split_once(' ') {
                Some((high, unit)) if *dim == Dim::Tokens => format!("{low}..{high} {unit}"),
                _ => format!("{}..{}", units::write(*low, *dim), units::write(*high, *dim)),
            },
            Value::Text(text) => format!("{text:?}"),
            Value::Word(word) => word.clone(),
            Value::List(values) => format!("[{}]", each(values).join(", ")),
            Value::Record(fields) => {
                let parts: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name} = {}", self.written(value))).collect();
                format!("{{ {} }}", parts.join(", "))
            }
            Value::Call { name, args } if name == REWARD_METRIC => {
                args.get("of").map_or_else(String::new, |of| self.written(of))
            }
            Value::Call { name, args } => {
                let args: Vec<String> = args
                    .iter()
                    .filter(|(_, value)| **value != Value::Absent)
                    .map(|(name, value)| format!("{name}: {}", self.written(value)))
                    .collect();
                format!("{name}({})", args.join(", "))
            }
            Value::Entity(id) => name(*id),
            Value::Split { dataset, split } => format!("{}.{split}", name(*dataset)),
            Value::Verdict { judge, rubric } => format!("{}.{}", name(*judge), name(*rubric)),
            Value::Made(of) => self.written_members(of),
            Value::Result { of, name } => format!("{}.{name}", self.written_members(of)),
            Value::Op { op, args } => match (op.as_str(), each(args).as_slice()) {
                ("field", [of, part]) => format!("{of}.{part}"),
                ("neg", [of]) => format!("-{of}"),
                ("not", [of]) => format!("not {of}"),
                (op, args) => format!("({})", args.join(&format!(" {op} "))),
            },
        }
    }

    fn written_members(&self, of: &[MemberRef]) -> String {
        let Some(first) = of.first() else { return "none".to_owned() };
        let entity = self.entity(first.stage);
        match (of, self.instance(*first).persona) {
            ([_], Some(persona)) => format!("{}.{}", entity.name, self.entity(persona).name),
            _ => entity.name.clone(),
        }
    }
}
