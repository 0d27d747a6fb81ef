//! What `mascot show FILE DATASET` tells of a data set.

use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::{DataSpec, SplitName};
use serde::Serialize;

use super::{Refused, read_path};

/// The document of `mascot show`, less the data set's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    pub splits: Splits,
    pub refused: Vec<Refused>,
    pub sample: Vec<Sample>,
}

/// What each split holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Splits {
    pub train: Counts,
    pub val: Counts,
    pub test: Counts,
}

impl Splits {
    /// With their names, in the order in which they are spoken of.
    pub fn all(&self) -> [(&'static str, Counts); 3] {
        [("train", self.train), ("val", self.val), ("test", self.test)]
    }

    fn of(&mut self, split: SplitName) -> &mut Counts {
        match split {
            SplitName::Train => &mut self.train,
            SplitName::Val => &mut self.val,
            SplitName::Test => &mut self.test,
        }
    }
}

/// A problem, a meeting or a row is one conversation; every turn of the source counts, empty ones too.
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

/// Reads `path` as `spec` says (all splits of it) and counts.
///
/// # Errors
/// As [`super::read`].
pub fn show(path: &Path, spec: &DataSpec) -> Result<Shown, Fault> {
    let data = read_path(path, &spec.reader, spec.cut.as_ref())?.limited(spec.limit);
    let mut splits = Splits::default();
    for conversation in &data.conversations {
        let counts = splits.of(conversation.split);
        counts.conversations += 1;
        counts.turns += conversation.turns;
    }
    for row in data.rows.iter().filter(|row| row.asked) {
        splits.of(data.conversations[row.conversation].split).prompts += 1;
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
