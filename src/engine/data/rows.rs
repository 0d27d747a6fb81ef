//! `jsonl`, `csv` and `parquet`: rows with named columns.
//!
//! Of a folder, files named `train…`, `val…` and `test…` are the source's own splits; a column `split` has the last word.

use std::path::{Path, PathBuf};

use mascot_run::engine::Fault;
use mascot_run::task::{Rows, SplitName};
use serde_json::{Map, Value};

use super::{Reading, Row, Turn, csv as records, lacks, parquet as columns_of, text};

/// One JSON object a line, or one array of objects.
pub fn jsonl(path: &Path, named: &Rows, reading: &mut Reading) -> Result<(), Fault> {
    known(named)?;
    for (split, file) in all_files(path, &["jsonl", "json"])? {
        let text = text(&file)?;
        for (line, json) in super::elements(&text) {
            match serde_json::from_str::<Value>(json) {
                Ok(Value::Object(columns)) => take(&file, line, &columns, named, split, reading),
                Ok(_) => reading.refuse(&file, line, "is not an object"),
                Err(why) => reading.refuse(&file, line, super::not_json(&why)),
            }
        }
    }
    Ok(())
}

/// Comma-separated values with a header.
pub fn csv(path: &Path, named: &Rows, reading: &mut Reading) -> Result<(), Fault> {
    known(named)?;
    for (split, file) in all_files(path, &["csv"])? {
        let text = text(&file)?;
        let mut records = records::records(&text).into_iter();
        let Some(header) = records.next() else {
            return Err(Fault::File { path: file, why: "is empty: its first line is to name the columns".into() });
        };
        for record in records {
            if let Err(why) = record.sound(header.fields.len()) {
                reading.refuse(&file, record.line, why);
                continue;
            }
            let columns =
                header.fields.iter().cloned().zip(record.fields.into_iter().map(Value::String)).collect::<Map<_, _>>();
            take(&file, record.line, &columns, named, split, reading);
        }
    }
    Ok(())
}

/// Parquet; a row's line is its number.
pub fn parquet(path: &Path, named: &Rows, reading: &mut Reading) -> Result<(), Fault> {
    known(named)?;
    for (split, file) in all_files(path, &["parquet"])? {
        columns_of::rows(&file, &mut |line, row| match row {
            Ok(columns) => take(&file, line, &columns, named, split, reading),
            Err(why) => reading.refuse(&file, line, why),
        })?;
    }
    Ok(())
}

/// Files of these kinds in a folder, sorted, with the split that their names tell; or the one file, which is then cut.
fn all_files(path: &Path, kinds: &[&str]) -> Result<Vec<(Option<SplitName>, PathBuf)>, Fault> {
    if path.is_file() {
        return Ok(vec![(None, path.to_owned())]);
    }
    let fault = |why: std::io::Error| Fault::File { path: path.to_owned(), why: why.to_string() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fault)? {
        let file = entry.map_err(fault)?.path();
        if file.extension().is_some_and(|kind| kinds.iter().any(|k| kind == *k)) {
            files.push((split_of(&file), file));
        }
    }
    files.sort_by(|(_, a), (_, b)| a.cmp(b));
    if files.is_empty() {
        return Err(lacks(path, &kinds.iter().map(|kind| format!("*.{kind}")).collect::<Vec<_>>().join(", ")));
    }
    Ok(files)
}

/// `train.jsonl`, `test-00000-of-00001.parquet`, `valid_part.csv`.
fn split_of(file: &Path) -> Option<SplitName> {
    let stem = file.file_stem()?.to_string_lossy().to_lowercase();
    let word = stem.split(|c: char| !c.is_ascii_alphabetic()).next()?.to_owned();
    split_named(&word)
}

fn split_named(word: &str) -> Option<SplitName> {
    match word {
        "train" => Some(SplitName::Train),
        "val" | "valid" | "validation" | "dev" => Some(SplitName::Val),
        "test" => Some(SplitName::Test),
        _ => None,
    }
}

/// What a column may mean, with the columns that stand for it when `fields` does not name one.
const MEANINGS: [(&str, &[&str]); 10] = [
    ("prompt", &["prompt", "given", "situation", "text"]),
    ("completion", &["completion", "says"]),
    ("persona", &["persona"]),
    ("split", &["split"]),
    ("chosen", &["chosen"]),
    ("rejected", &["rejected"]),
    ("history", &["history"]),
    ("agent", &["agent"]),
    ("action", &["action"]),
    ("tone", &["tone"]),
];

fn usual(meaning: &str) -> &'static [&'static str] {
    MEANINGS.iter().find(|(name, _)| *name == meaning).map_or(&[], |(_, columns)| columns)
}

/// That `fields` names no meaning that there is not: a slip there would silently leave a column unread.
fn known(named: &Rows) -> Result<(), Fault> {
    let is_known =
        |name: &str| MEANINGS.iter().any(|(meaning, _)| *meaning == name) || matches!(name, "given" | "says");
    match named.fields.keys().find(|name| !is_known(name)) {
        Some(name) => {
            let all: Vec<&str> = MEANINGS.iter().map(|(meaning, _)| *meaning).collect();
            Err(Fault::Data(format!("`fields` has `{name}`, which is no meaning of a column: {}", all.join(", "))))
        }
        None => Ok(()),
    }
}

fn take(
    file: &Path,
    line: usize,
    columns: &Map<String, Value>,
    named: &Rows,
    of_file: Option<SplitName>,
    reading: &mut Reading,
) {
    for (column, wanted) in &named.only {
        match columns.get(column) {
            Some(value) if plain(value).as_deref() == Some(wanted) => {}
            Some(_) => return,
            None => {
                return reading.refuse(file, line, format!("has no column `{column}`, which `only` asks for"));
            }
        }
    }
    let other = match named.fields.get("prompt") {
        Some(_) => None,
        None => named.fields.get("given"),
    };
    let says = named.fields.get("says").filter(|_| !named.fields.contains_key("completion"));
    let column = |meaning: &str| -> Result<Option<&Value>, String> {
        let written = named.fields.get(meaning).or(match meaning {
            "prompt" => other,
            "completion" => says,
            _ => None,
        });
        match written {
            Some(name) => match columns.get(name) {
                Some(Value::Null) => Ok(None),
                Some(value) => Ok(Some(value)),
                None => Err(format!("has no column `{name}`, which is to be its {meaning}")),
            },
            None => Ok(usual(meaning).iter().find_map(|name| columns.get(*name)).filter(|v| !v.is_null())),
        }
    };
    match row(&column) {
        Ok((row, split)) => {
            let parts: Vec<String> = columns.values().map(Value::to_string).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let turns = row.history.len() + 1 + usize::from(row.completion.is_some());
            reading.conversation(split.or(of_file), turns, &parts, vec![row]);
        }
        Err(why) => reading.refuse(file, line, why),
    }
}

type Column<'a> = dyn Fn(&str) -> Result<Option<&'a Value>, String> + 'a;

fn row(column: &Column<'_>) -> Result<(Row, Option<SplitName>), String> {
    let word = |meaning: &str| -> Result<Option<String>, String> {
        match column(meaning)? {
            Some(value) => plain(value).map(Some).ok_or_else(|| format!("its {meaning} is no text")),
            None => Ok(None),
        }
    };
    let prompt = word("prompt")?.ok_or("has no prompt")?.trim().to_owned();
    if prompt.is_empty() {
        return Err("its prompt is empty".into());
    }
    let completion = word("completion")?.map(|text| text.trim().to_owned());
    if completion.as_deref() == Some("") {
        return Err("its completion is empty".into());
    }
    let split = match word("split")?.as_deref() {
        None => None,
        Some(word) => {
            Some(split_named(word).ok_or_else(|| format!("its split is `{word}`, which is none of train, val, test"))?)
        }
    };
    let directive = match (word("agent")?, word("action")?, word("tone")?) {
        (Some(agent), Some(action), Some(tone)) => Some((agent, action, tone)),
        (None, None, None) => None,
        _ => return Err("has only some of agent, action and tone".into()),
    };
    let history = match column("history")? {
        Some(value) => history(value)?,
        None => Vec::new(),
    };
    let row = Row {
        asked: true,
        history,
        prompt,
        completion,
        persona: word("persona")?,
        chosen: word("chosen")?,
        rejected: word("rejected")?,
        directive,
        ..Row::default()
    };
    Ok((row, split))
}

/// A list of `{speaker, text}`, of texts ("NAME: text", or the user's), or one such text.
fn history(value: &Value) -> Result<Vec<Turn>, String> {
    let named = |text: &str| match text.split_once(": ") {
        Some((speaker, said)) if speaker.split_whitespace().count() <= 4 => (speaker.to_owned(), said.to_owned()),
        _ => ("user".to_owned(), text.to_owned()),
    };
    let turn = |value: &Value| -> Result<Turn, String> {
        let (speaker, text) = match value {
            Value::String(text) => named(text),
            Value::Object(turn) => {
                let of = |names: &[&str]| names.iter().find_map(|n| turn.get(*n)).and_then(Value::as_str);
                let text = of(&["text", "says", "content", "utterance"]).ok_or("a turn of its history has no text")?;
                (of(&["speaker", "agent", "role"]).unwrap_or("user").to_owned(), text.to_owned())
            }
            _ => return Err("its history is no list of turns".into()),
        };
        Ok(Turn { own: speaker == "assistant", speaker, text })
    };
    match value {
        Value::Array(turns) => turns.iter().map(turn).collect(),
        Value::String(text) if text.trim().is_empty() => Ok(Vec::new()),
        one => Ok(vec![turn(one)?]),
    }
}

/// Texts as they are; numbers and truth values as they are written.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
