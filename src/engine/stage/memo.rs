//! What one subject of an `evaluate` said, and what it was worth: kept where all tasks of a store find it, under the digest of
//! everything that it depends on. A table in which one subject was trained again asks that subject, and recalls its neighbours.
//!
//! A memo saves time and nothing else. Without it the same numbers are made again; `mascot gc` removes them all.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use mascot_run::digest::Digest;
use mascot_run::engine::{Fault, Input};
use mascot_run::key::semantics;
use mascot_run::task::Slot;
use mascot_run::whole::{self, Care};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Work, file_fault};

/// A place for a memo; none where a judge far away is asked: it keeps its own answers, and counts them.
pub struct Memo(Option<PathBuf>);

impl Memo {
    /// Named by the numbers' epoch, the meaning of the stage's kind, and `parts`, in which every slot stands for its content.
    pub fn of(work: &Work<'_>, parts: Value) -> Self {
        let Work { request, workspace, .. } = work;
        if !request.endpoints.is_empty() {
            return Self(None);
        }
        let document = json!({
            "epoch": crate::EPOCH, "semantics": semantics(request.spec), "parts": by_content(parts, request.inputs),
        });
        let name = Digest::of_document(&document).to_string();
        Self(Some(workspace.memos.join(&name[..2]).join(format!("{}.json", &name[2..]))))
    }

    /// What is kept there. What cannot be read is made again.
    pub fn found<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs::read(self.0.as_ref()?).ok()?).ok()
    }

    /// # Errors
    /// When the store cannot be written.
    pub fn keep<T: Serialize>(&self, what: &T) -> Result<(), Fault> {
        let Some(path) = &self.0 else { return Ok(()) };
        let text = serde_json::to_vec(what).map_err(|why| file_fault(path, why))?;
        whole::write(path, &text, Care::Moved).map_err(|why| file_fault(path, why))
    }
}

/// With the digest of its content in the place of every slot: slots are named by where they stand, which is no part of what is asked.
fn by_content(value: Value, inputs: &BTreeMap<Slot, Input>) -> Value {
    match value {
        Value::String(text) => Value::String(inputs.get(&text).map_or(text, |input| input.digest.clone())),
        Value::Array(values) => values.into_iter().map(|value| by_content(value, inputs)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, by_content(value, inputs))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stand_for_their_content_wherever_they_are_named() {
        let inputs = |slot: &str, digest: &str| {
            BTreeMap::from([(slot.to_owned(), Input { digest: digest.to_owned(), path: PathBuf::new() })])
        };
        let asked = |slot: &str| json!({"policy": {"adapter": slot, "scale": 2}, "names": [slot, "anchor"]});
        let first = by_content(asked("subjects.0.adapter"), &inputs("subjects.0.adapter", "abc"));
        assert_eq!(first, json!({"policy": {"adapter": "abc", "scale": 2}, "names": ["abc", "anchor"]}));
        assert_eq!(first, by_content(asked("subjects.3.adapter"), &inputs("subjects.3.adapter", "abc")));
        assert_ne!(first, by_content(asked("subjects.0.adapter"), &inputs("subjects.0.adapter", "abd")));
    }
}
