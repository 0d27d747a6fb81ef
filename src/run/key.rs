//! What is asked, written down in full and readably; its digest is the task's key.
//!
//! What enters a key is what is in [`KeyDocument`] and nothing else (`docs/language.md`, "What enters a task's key"): there is
//! no name in it that an author chose for an item, no path, no span, no device.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{Digest, canonical};
use crate::task::{Slot, TaskSpec};

/// The version of what a stage kind means. To be raised when the same request is to be understood differently: all tasks of that
/// kind run again, and no others.
pub fn semantics(spec: &TaskSpec) -> u32 {
    match spec {
        TaskSpec::Sft(_)
        | TaskSpec::Pairs(_)
        | TaskSpec::BradleyTerry(_)
        | TaskSpec::Grpo(_)
        | TaskSpec::Dialogue(_)
        | TaskSpec::NotYet(_) => 1,
        // 2: a directive's parts count alike.
        TaskSpec::Direction(_) => 2,
        // 2: medians and 95th percentiles; a contrast judge measures no criteria.
        TaskSpec::Evaluate(_) => 2,
    }
}

/// The name of a request: the digest of its [`KeyDocument`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskKey(pub Digest);

impl std::fmt::Display for TaskKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(out)
    }
}

/// A request with the digests of its inputs. Stored in YAML beside the record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyDocument {
    /// `sft`, `pairs`…
    pub kind: String,
    /// See [`semantics`].
    pub semantics: u32,
    /// Name and numerics epoch: `candle/1`.
    pub engine: String,
    /// The [`TaskSpec`], without its kind.
    pub spec: Value,
    /// `sha256:…` of sources, `blake3:…` of what other tasks made, `declared:…` under the fake engine.
    pub inputs: BTreeMap<Slot, String>,
}

impl KeyDocument {
    pub fn new(spec: &TaskSpec, inputs: BTreeMap<Slot, String>, engine: &str) -> Self {
        let mut fields = serde_json::to_value(spec).expect("a task's specification is plain data");
        let kind = match &mut fields {
            // `shift_remove` keeps the order of the others, which the YAML shows.
            Value::Object(fields) => fields.shift_remove("kind"),
            _ => None,
        };
        let Some(Value::String(kind)) = kind else {
            panic!("a TaskSpec is an object tagged by its kind; this is a bug in mascot")
        };
        Self { kind, semantics: semantics(spec), engine: engine.to_owned(), spec: fields, inputs }
    }

    pub fn key(&self) -> TaskKey {
        TaskKey(Digest::of_document(&self.to_json()))
    }

    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a key document is plain data")
    }

    /// Every field in which `self` (earlier) and `other` (later) differ, specification first, then inputs, then the engine.
    pub fn differences(&self, other: &KeyDocument) -> Vec<Difference> {
        let mut found = Vec::new();
        compare("kind", Some(&self.kind.as_str().into()), Some(&other.kind.as_str().into()), &mut found);
        compare("", Some(&self.spec), Some(&other.spec), &mut found);
        let json =
            |inputs: &BTreeMap<Slot, String>| serde_json::to_value(inputs).expect("texts by name are plain data");
        compare("inputs", Some(&json(&self.inputs)), Some(&json(&other.inputs)), &mut found);
        compare("semantics", Some(&self.semantics.into()), Some(&other.semantics.into()), &mut found);
        compare("engine", Some(&self.engine.as_str().into()), Some(&other.engine.as_str().into()), &mut found);
        found
    }
}

/// One field in which two key documents differ. `Null` stands for a field that is absent on that side.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Dotted path in the specification (`optimizer.lr`, `subjects.0.speakers.1.persona.voice`), or `inputs.SLOT`, `engine`,
    /// `semantics`, `kind`.
    pub path: String,
    pub from: Value,
    pub to: Value,
}

fn compare(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Difference>) {
    let below = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    match (from, to) {
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            // Slots are free words with dots in them; a specification's names have none. Either way the path is theirs joined.
            let mut names: Vec<&String> = from.keys().collect();
            names.extend(to.keys().filter(|name| !from.contains_key(*name)));
            for name in names {
                compare(&below(name), from.get(name), to.get(name), found);
            }
        }
        (Some(Value::Array(from)), Some(Value::Array(to))) if from.len() == to.len() => {
            for (at, (from, to)) in from.iter().zip(to).enumerate() {
                compare(&below(&at.to_string()), Some(from), Some(to), found);
            }
        }
        (from, to) => {
            let from = from.cloned().unwrap_or(Value::Null);
            let to = to.cloned().unwrap_or(Value::Null);
            if canonical(&from) != canonical(&to) {
                found.push(Difference { path: path.to_owned(), from, to });
            }
        }
    }
}
