//! What `mascot show FILE DATASET` tells of a data set.

use std::collections::BTreeMap;
use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::{Cut, Reader, SplitName};
use serde::Serialize;

use super::{Refused, read_path};

/// The document of `mascot show`, less the data set's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// `train`, `val`, `test`.
    pub splits: BTreeMap<&'static str, Counts>,
    pub refused: Vec<Refused>,
    pub sample: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub conversations: usize,
    pub turns: usize,
    pub prompts: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    pub split: &'static str,
    pub persona: Option<String>,
    pub prompt: String,
    pub completion: Option<String>,
}

/// Reads `path` and counts.
///
/// # Errors
/// As [`super::read`].
pub fn show(path: &Path, reader: &Reader, cut: Option<&Cut>) -> Result<Shown, Fault> {
    let data = read_path(path, reader, cut)?;
    let mut splits: BTreeMap<&'static str, Counts> = ["train", "val", "test"].map(|s| (s, Counts::default())).into();
    for conversation in &data.conversations {
        let counts = splits.entry(name(conversation.split)).or_default();
        counts.conversations += 1;
        counts.turns += conversation.turns;
    }
    for row in data.rows.iter().filter(|row| row.asked) {
        splits.entry(name(data.conversations[row.conversation].split)).or_default().prompts += 1;
    }
    let cut = |text: &str| text.chars().take(400).collect::<String>();
    let sample = data.rows.iter().filter(|row| row.asked).take(3).map(|row| Sample {
        split: name(data.conversations[row.conversation].split),
        persona: row.persona.clone(),
        prompt: cut(&row.prompt),
        completion: row.completion.as_deref().map(cut),
    });
    let sample = sample.collect();
    Ok(Shown { splits, refused: data.refused, sample })
}

fn name(split: SplitName) -> &'static str {
    match split {
        SplitName::Train => "train",
        SplitName::Val => "val",
        SplitName::Test => "test",
    }
}
