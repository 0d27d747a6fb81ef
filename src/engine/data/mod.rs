//! Dataset readers: files as their authors publish them → conversations, and the rows that stages read.
//!
//! A reader survives its source's quirks, and tells every row that it refuses by file and line; none is dropped silently.
//! One reader a file; what they share is here. May use: files, JSON. Absent: tokenizers, models, the network.

mod csv;
mod dialogue;
mod empathetic;
mod esconv;
mod parquet;
mod problems;
mod qmsum;
mod rows;
mod show;
mod split;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mascot_run::engine::{Fault, Input};
use mascot_run::task::{Cut, DataSpec, Reader, Slot, SplitName};
use sha2::{Digest, Sha256};

pub use show::{Shown, Splits, show};

/// What a source holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    pub conversations: Vec<Conversation>,
    pub rows: Vec<Row>,
    pub refused: Vec<Refused>,
}

/// A chat, a meeting, a problem, or a row of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub split: SplitName,
    /// Of the source, empty ones too.
    pub turns: usize,
}

/// One thing to answer, or one answer to learn from, or both.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// Digest of what the row says; the same text has the same key wherever it stands.
    pub key: String,
    /// Index of its conversation.
    pub conversation: usize,
    /// It is a prompt of its own: what `pairs`, `grpo`, `dialogue` and `evaluate` ask.
    pub asked: bool,
    /// Background to read before the prompt: the part of a meeting that a question is about.
    pub context: Option<String>,
    /// Sentences that describe who answers (PersonaChat).
    pub system: Option<String>,
    /// Earlier turns, oldest first.
    pub history: Vec<Turn>,
    /// What the user says last.
    pub prompt: String,
    /// What is to be said: what `sft` learns.
    pub completion: Option<String>,
    pub persona: Option<String>,
    pub chosen: Option<String>,
    pub rejected: Option<String>,
    /// agent, action, tone.
    pub directive: Option<(String, String, String)>,
    /// The final answer of a problem, normalised.
    pub answer: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// As the source names them.
    pub speaker: String,
    pub text: String,
    /// Said by the one who answers.
    pub own: bool,
}

/// A row that a reader could not take.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    pub file: String,
    /// From 1.
    pub line: usize,
    pub why: String,
}

impl Row {
    /// Context and prompt as the one text that the user says.
    pub fn said(&self) -> String {
        match &self.context {
            Some(context) => format!("{context}\n\n{}", self.prompt),
            None => self.prompt.clone(),
        }
    }
}

impl Dataset {
    /// Rows of a split, in the source's order; all of them without one.
    pub fn of(&self, split: Option<SplitName>) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| split.is_none_or(|s| self.conversations[row.conversation].split == s))
    }

    /// The prompts of a split: rows that are asked, equal texts once, at most `limit`.
    pub fn prompts(&self, split: Option<SplitName>, limit: Option<u32>) -> Vec<&Row> {
        let mut seen = std::collections::BTreeSet::new();
        let asked = self.of(split).filter(|row| row.asked);
        let first = asked.filter(|row| seen.insert((row.context.as_deref(), row.prompt.as_str())));
        first.take(limit.map_or(usize::MAX, |n| n as usize)).collect()
    }

    /// Rows of a split that have a completion.
    pub fn completions(&self, split: Option<SplitName>) -> Vec<&Row> {
        self.of(split).filter(|row| row.completion.is_some()).collect()
    }

    /// The first `limit` conversations of each split, with their rows; all without one.
    #[must_use]
    pub fn limited(self, limit: Option<u32>) -> Self {
        let Some(limit) = limit else { return self };
        let mut taken: BTreeMap<SplitName, u32> = BTreeMap::new();
        let mut moved = Vec::with_capacity(self.conversations.len());
        let mut conversations = Vec::new();
        for conversation in self.conversations {
            let count = taken.entry(conversation.split).or_default();
            *count += 1;
            moved.push((*count <= limit).then_some(conversations.len()));
            if *count <= limit {
                conversations.push(conversation);
            }
        }
        let kept = self.rows.into_iter().filter_map(|row| Some(Row { conversation: moved[row.conversation]?, ..row }));
        Self { conversations, rows: kept.collect(), refused: self.refused }
    }

    /// A sentence for the user, when rows were refused.
    pub fn note(&self) -> Option<String> {
        let first = self.refused.first()?;
        Some(format!(
            "{} row(s) of the data were refused; the first: {}:{}: {}",
            self.refused.len(),
            first.file,
            first.line,
            first.why
        ))
    }
}

/// Reads what `spec` names, all splits of it.
///
/// # Errors
/// [`Fault::File`] when the source is absent or has not the reader's layout, [`Fault::Data`] when it is asked for what there is
/// not; [`Fault::NotYet`] for `mirage`.
pub fn read(spec: &DataSpec, inputs: &BTreeMap<Slot, Input>) -> Result<Dataset, Fault> {
    let input = inputs
        .get(&spec.source)
        .ok_or_else(|| Fault::Data(format!("nothing is bound to `{}`; this may be a bug in mascot", spec.source)))?;
    Ok(read_path(&input.path, &spec.reader, spec.cut.as_ref())?.limited(spec.limit))
}

/// Reads a file or a folder.
///
/// # Errors
/// As [`read`].
pub fn read_path(path: &Path, reader: &Reader, cut: Option<&Cut>) -> Result<Dataset, Fault> {
    if !path.exists() {
        return Err(Fault::File { path: path.to_owned(), why: "is not there".into() });
    }
    let mut reading = Reading { source: path.to_owned(), ..Reading::default() };
    match reader {
        Reader::Qmsum { domains } => qmsum::read(path, domains, &mut reading)?,
        Reader::EmpatheticDialogues { emotions } => empathetic::read(path, emotions, &mut reading)?,
        Reader::Esconv {} => esconv::read(path, &mut reading)?,
        Reader::Personachat {} => dialogue::personachat(path, &mut reading)?,
        Reader::Dailydialog {} => dialogue::dailydialog(path, &mut reading)?,
        Reader::Gsm8k {} => problems::gsm8k(path, &mut reading)?,
        Reader::Math500 {} => problems::math500(path, &mut reading)?,
        Reader::Jsonl(named) => rows::jsonl(path, named, &mut reading)?,
        Reader::Csv(named) => rows::csv(path, named, &mut reading)?,
        Reader::Parquet(named) => rows::parquet(path, named, &mut reading)?,
        Reader::Mirage {} => return Err(Fault::NotYet("the reader `mirage`".into())),
    }
    Ok(reading.finish(cut))
}

/// A data set being read: conversations whose split is not settled yet.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The file or folder: files of it are told by their path below it.
    source: PathBuf,
    conversations: Vec<Open>,
    rows: Vec<Row>,
    refused: Vec<Refused>,
}

#[derive(Debug)]
struct Open {
    /// The source's own.
    split: Option<SplitName>,
    turns: usize,
    digest: [u8; 32],
}

impl Reading {
    /// A conversation with its rows. `said` is everything that tells it from another: its split is cut by the digest of it.
    pub fn conversation(&mut self, split: Option<SplitName>, turns: usize, said: &[&str], rows: Vec<Row>) {
        let index = self.conversations.len();
        self.conversations.push(Open { split, turns, digest: digest(said) });
        for mut row in rows {
            row.conversation = index;
            row.key = row_key(&row);
            self.rows.push(row);
        }
    }

    pub fn refuse(&mut self, file: &Path, line: usize, why: impl Into<String>) {
        let below = file.strip_prefix(&self.source).ok().filter(|below| !below.as_os_str().is_empty());
        let name = below.or_else(|| file.file_name().map(Path::new)).unwrap_or(file);
        self.refused.push(Refused { file: name.display().to_string(), line, why: why.into() });
    }

    fn finish(self, cut: Option<&Cut>) -> Dataset {
        let own: Vec<(Option<SplitName>, [u8; 32])> = self.conversations.iter().map(|c| (c.split, c.digest)).collect();
        let splits = split::assign(&own, cut);
        let conversations =
            self.conversations.iter().zip(splits).map(|(c, split)| Conversation { split, turns: c.turns }).collect();
        Dataset { conversations, rows: self.rows, refused: self.refused }
    }
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn row_key(row: &Row) -> String {
    let mut parts: Vec<&str> = vec![row.context.as_deref().unwrap_or(""), &row.prompt];
    parts.extend(row.history.iter().map(|turn| turn.text.as_str()));
    if !row.asked {
        parts.push(row.completion.as_deref().unwrap_or(""));
    }
    digest(&parts)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text of a file; a byte-order mark is dropped.
fn text(path: &Path) -> Result<String, Fault> {
    let bytes = std::fs::read(path).map_err(|why| Fault::File { path: path.to_owned(), why: why.to_string() })?;
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|why| {
        let good = why.utf8_error().valid_up_to();
        let line = 1 + why.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        let why = format!("is not UTF-8 (line {line}); `iconv -f LATIN1 -t UTF-8` may be what it needs");
        Fault::File { path: path.to_owned(), why }
    })
}

/// The files of a source: the path itself, or those of `known` that the folder holds, with their split.
fn files(path: &Path, known: &[(SplitName, &[&str])]) -> Result<Vec<(Option<SplitName>, PathBuf)>, Fault> {
    if path.is_file() {
        return Ok(vec![(None, path.to_owned())]);
    }
    let mut found = Vec::new();
    for (split, names) in known {
        found.extend(
            names.iter().map(|name| path.join(name)).filter(|file| file.is_file()).map(|file| (Some(*split), file)),
        );
    }
    if found.is_empty() {
        let names: Vec<&str> = known.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        return Err(lacks(path, &names.join(", ")));
    }
    Ok(found)
}

/// A folder without the files of its reader: what these are called, and what it holds in their place.
fn lacks(path: &Path, wanted: &str) -> Fault {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut held: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    held.sort();
    let more = held.len().saturating_sub(8);
    held.truncate(8);
    let held = match (held.is_empty(), more) {
        (true, _) => "it is empty".to_owned(),
        (false, 0) => format!("it holds {}", held.join(", ")),
        (false, more) => format!("it holds {} and {more} more", held.join(", ")),
    };
    let why = format!("holds none of: {wanted} ({held}); name a file of it to read that one");
    Fault::File { path: path.to_owned(), why }
}

/// The elements of a JSON array, or the lines of JSON lines, with the line where each begins. What is no JSON is an element
/// too: who parses it tells.
fn elements(text: &str) -> Vec<(usize, &str)> {
    if !text.trim_start().starts_with('[') {
        return text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).map(|(i, l)| (i + 1, l)).collect();
    }
    let (mut found, mut line, mut depth, mut start) = (Vec::new(), 1, 0usize, None);
    let (mut in_string, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        if c == '\n' {
            line += 1;
        }
        if in_string {
            (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        let between = depth == 1 && matches!(c, ',' | ']');
        if between && let Some((line, from)) = start.take() {
            found.push((line, text[from..at].trim_end()));
        }
        if depth >= 1 && !between && !c.is_whitespace() && start.is_none() {
            start = Some((line, at));
        }
        match c {
            '"' => in_string = true,
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // A last element that never closes.
    found.extend(start.map(|(line, from)| (line, text[from..].trim_end())));
    found
}

/// Why a row is no JSON, in words that need no line of its own: who refuses it gives that.
fn not_json(why: &serde_json::Error) -> String {
    let told = why.to_string();
    let told = told.rsplit_once(" at line ").map_or(told.as_str(), |(told, _)| told);
    format!("is not JSON: {told} (column {})", why.column())
}

/// Whether two spellings name one persona: "The Anchor", "anchor"; "Action Guide", "action_guide".
pub fn same_persona(a: &str, b: &str) -> bool {
    fn fold(name: &str) -> String {
        let name = name.trim().to_lowercase();
        let name = name.strip_prefix("the ").unwrap_or(&name);
        name.chars().filter(|c| c.is_alphanumeric()).collect()
    }
    fold(a) == fold(b)
}

#[cfg(test)]
mod real;
#[cfg(test)]
mod tests;
