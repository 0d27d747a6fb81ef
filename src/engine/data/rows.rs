//! `jsonl` and `csv`: rows with named columns.

use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::{Rows, SplitName};
use serde_json::{Map, Value};

use super::{Reading, Row, Turn, csv as records, text};

/// One JSON object a line.
pub fn jsonl(path: &Path, named: &Rows, reading: &mut Reading) -> Result<(), Fault> {
    for file in all_files(path, &["jsonl", "json"])? {
        let text = text(&file)?;
        for (line, json) in super::elements(&text) {
            match serde_json::from_str::<Value>(json) {
                Ok(Value::Object(columns)) => take(&file, line, &columns, named, reading),
                Ok(_) => reading.refuse(&file, line, "is not an object"),
                Err(why) => reading.refuse(&file, line, format!("is not JSON: {why}")),
            }
        }
    }
    Ok(())
}

/// Comma-separated values with a header.
pub fn csv(path: &Path, named: &Rows, reading: &mut Reading) -> Result<(), Fault> {
    for file in all_files(path, &["csv"])? {
        let text = text(&file)?;
        let mut records = records::records(&text).into_iter();
        let Some((_, header)) = records.next() else {
            continue;
        };
        for (line, fields) in records {
            if fields.len() != header.len() {
                reading.refuse(&file, line, format!("has {} fields under a header of {}", fields.len(), header.len()));
                continue;
            }
            let columns = header.iter().cloned().zip(fields.into_iter().map(Value::String)).collect();
            take(&file, line, &columns, named, reading);
        }
    }
    Ok(())
}

fn all_files(path: &Path, kinds: &[&str]) -> Result<Vec<std::path::PathBuf>, Fault> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |why: std::io::Error| Fault::File { path: path.to_owned(), why: why.to_string() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fault)? {
        let file = entry.map_err(fault)?.path();
        if file.extension().is_some_and(|kind| kinds.iter().any(|k| kind == *k)) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Fault::File { path: path.to_owned(), why: format!("holds no .{} file", kinds[0]) });
    }
    Ok(files)
}

/// The columns that stand for a meaning when `fields` does not name one.
fn usual(meaning: &str) -> &'static [&'static str] {
    match meaning {
        "prompt" => &["prompt", "given", "situation", "text"],
        "completion" => &["completion", "says"],
        "persona" => &["persona"],
        "split" => &["split"],
        "chosen" => &["chosen"],
        "rejected" => &["rejected"],
        "history" => &["history"],
        "agent" => &["agent"],
        "action" => &["action"],
        "tone" => &["tone"],
        _ => &[],
    }
}

fn take(file: &Path, line: usize, columns: &Map<String, Value>, named: &Rows, reading: &mut Reading) {
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
            reading.conversation(split, turns, &parts, vec![row]);
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
        Some("train") => Some(SplitName::Train),
        Some("val" | "valid" | "validation" | "dev") => Some(SplitName::Val),
        Some("test") => Some(SplitName::Test),
        Some(other) => {
            return Err(format!("its split is `{other}`, which is none of train, val, test"));
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
