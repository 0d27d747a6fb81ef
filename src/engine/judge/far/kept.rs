//! Answers that were paid for, by the content of what was asked: one small file each, in a folder of the store that all tasks share.
//!
//! What is asked is the model's name, the conversation, the seed and the temperature; not the host. A stopped evaluation goes on
//! where it was, and one with another subject pays for that subject alone. A file that cannot be read is asked for again; a void
//! verdict is never kept.

use std::fs;
use std::path::{Path, PathBuf};

use mascot_run::digest::Digest;
use mascot_run::engine::Fault;
use mascot_run::task::RubricSpec;
use mascot_run::whole::{self, Care};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::judge::verdict;
use crate::text::Message;

/// An answer that holds a verdict, and the tokens of all tries that led to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub answer: String,
    pub read: u64,
    pub written: u64,
}

/// Names a question.
pub fn name(model: &str, messages: &[Message], seed: u64, temperature: f64) -> Digest {
    Digest::of_document(&json!({"model": model, "messages": messages, "seed": seed, "temperature": temperature}))
}

/// A kept answer whose verdict on `rubric` can be read.
pub fn find(folder: &Path, name: &Digest, rubric: &RubricSpec) -> Option<(Kept, Vec<f64>)> {
    let kept: Kept = serde_json::from_slice(&fs::read(path(folder, name)).ok()?).ok()?;
    let scores = verdict::read(&kept.answer, rubric).ok()?;
    Some((kept, scores))
}

/// Puts an answer in its place, whole or not at all.
///
/// # Errors
/// When the disk is in the way.
pub fn keep(folder: &Path, name: &Digest, kept: &Kept) -> Result<(), Fault> {
    let path = path(folder, name);
    let text = serde_json::to_string(kept).expect("an answer is plain data") + "\n";
    whole::write(&path, text.as_bytes(), Care::Moved).map_err(|why| Fault::File { path, why: why.to_string() })
}

fn path(folder: &Path, name: &Digest) -> PathBuf {
    let name = name.to_string();
    folder.join(&name[..2]).join(format!("{}.json", &name[2..]))
}
