//! Which rows of which data a task reads.

use std::collections::BTreeMap;

/// The emotions of EmpatheticDialogues.
pub use mascot_lang::check::schema::calls::EMOTIONS;
use serde::{Deserialize, Serialize};

use super::{Slot, Tokens};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The file or folder.
    pub source: Slot,
    pub reader: Reader,
    /// `None`: all of it.
    pub split: Option<SplitName>,
    /// How a split that the source lacks is cut from train; `None`: the default cut 80/10/10, by digest of the row.
    pub cut: Option<Cut>,
    /// Longer texts are cut at this many tokens.
    pub max_len: Option<Tokens>,
    /// At most this many conversations of each split, the first of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitName {
    Train,
    Val,
    Test,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    pub train: f64,
    pub val: f64,
    pub test: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reader {
    Qmsum {
        domains: Vec<String>,
    },
    EmpatheticDialogues {
        /// Only chats of these; none named means all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        emotions: Vec<String>,
    },
    Esconv {},
    Personachat {},
    Dailydialog {},
    Gsm8k {},
    Math500 {},
    Mirage {},
    Jsonl(Rows),
    Csv(Rows),
    Parquet(Rows),
}

/// Rows with named columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// What a column means → the column's name. Meanings: `prompt` (what the user says; also `given`), `completion` (`says`),
    /// `persona`, `split`, `chosen`, `rejected`, `history`, `agent`, `action`, `tone`.
    pub fields: BTreeMap<String, String>,
    /// Keep only rows whose column has this text.
    pub only: BTreeMap<String, String>,
}
