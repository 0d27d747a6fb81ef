//! QMSum (Zhong et al. 2021): meetings, queries about them, and summaries.
//!
//! A query is a prompt, the turns that it is about are its context, its answer what is to be said. Tags in braces
//! (`{disfmarker}`, `{vocalsound}`…) are taken out of what a model reads; a turn that holds nothing else stays a turn of the
//! source, so that spans do not shift. Layouts: the source's (`ALL/<split>/*.json` beside a folder a domain, or such a folder),
//! `<split>/*.json` with or without a `domains.json`, and JSON lines with one meeting each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mascot_run::engine::Fault;
use mascot_run::task::SplitName;
use serde_json::Value;

use super::{Reading, Row, elements, text};

const DOMAINS: [&str; 3] = ["Academic", "Committee", "Product"];
const SPLITS: [(SplitName, &str); 3] =
    [(SplitName::Train, "train"), (SplitName::Val, "val"), (SplitName::Test, "test")];

pub fn read(path: &Path, domains: &[String], reading: &mut Reading) -> Result<(), Fault> {
    let wanted = |domain: &str| domains.is_empty() || domains.iter().any(|d| d.eq_ignore_ascii_case(domain));
    if path.is_file() {
        return lines(path, &wanted, reading);
    }
    let roots: Vec<PathBuf> = if path.join("ALL").is_dir() {
        vec![path.join("ALL")]
    } else {
        let own: Vec<PathBuf> = DOMAINS.iter().map(|d| path.join(d)).filter(|d| d.is_dir()).collect();
        if own.is_empty() { vec![path.to_owned()] } else { own }
    };
    let named: BTreeMap<String, String> = match path.join("domains.json") {
        file if file.is_file() => serde_json::from_str(&text(&file)?)
            .map_err(|why| Fault::File { path: file, why: format!("is not a map of meetings to domains: {why}") })?,
        _ => BTreeMap::new(),
    };
    let mut any = false;
    for root in &roots {
        for (split, folder) in SPLITS {
            let mut meetings = Vec::new();
            if let Ok(entries) = std::fs::read_dir(root.join(folder)) {
                meetings
                    .extend(entries.flatten().map(|e| e.path()).filter(|f| f.extension().is_some_and(|e| e == "json")));
            }
            meetings.sort();
            any |= !meetings.is_empty();
            for file in meetings {
                let id = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                let domain = named.get(&id).cloned().unwrap_or_else(|| domain_of(path, root, &id));
                if wanted(&domain) {
                    let text = text(&file)?;
                    meeting(&file, 1, &text, Some(split), reading);
                }
            }
        }
    }
    if !any {
        let why = "holds no meeting: train/*.json, ALL/train/*.json or Academic/train/*.json is its layout";
        return Err(Fault::File { path: path.to_owned(), why: why.into() });
    }
    Ok(())
}

/// One meeting a line; its domain is told by the file's name, else it is taken.
fn lines(path: &Path, wanted: &dyn Fn(&str) -> bool, reading: &mut Reading) -> Result<(), Fault> {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let domain = DOMAINS.iter().find(|d| name.contains(&d.to_lowercase()));
    if domain.is_some_and(|d| !wanted(d)) {
        return Ok(());
    }
    let text = text(path)?;
    // A single meeting is an object over many lines; JSON lines have one a line.
    if serde_json::from_str::<Value>(&text).is_ok() {
        meeting(path, 1, &text, None, reading);
        return Ok(());
    }
    for (line, json) in elements(&text) {
        meeting(path, line, json, None, reading);
    }
    Ok(())
}

/// From the folder it lies in, from the folder where else it lies, or from how its corpus names meetings.
fn domain_of(path: &Path, root: &Path, id: &str) -> String {
    if let Some(own) = DOMAINS.iter().find(|d| root.ends_with(d)) {
        return (*own).to_owned();
    }
    for domain in DOMAINS {
        for (_, split) in SPLITS {
            if path.join(domain).join(split).join(format!("{id}.json")).is_file() {
                return domain.to_owned();
            }
        }
    }
    let starts = |with: &[&str]| with.iter().any(|w| id.starts_with(w));
    if starts(&["Bed", "Bmr", "Bro", "Bns", "Bsr", "Btr", "Buw", "Bdb"]) {
        "Academic".into()
    } else if starts(&["ES", "IS", "TS"]) {
        "Product".into()
    } else {
        "Committee".into()
    }
}

fn meeting(file: &Path, line: usize, json: &str, split: Option<SplitName>, reading: &mut Reading) {
    let value: Value = match serde_json::from_str(json) {
        Ok(value) => value,
        Err(why) => {
            return reading.refuse(file, line + why.line().saturating_sub(1), format!("is not JSON: {why}"));
        }
    };
    let Some(turns) = value["meeting_transcripts"].as_array() else {
        return reading.refuse(file, line, "has no list `meeting_transcripts`");
    };
    let spoken: Vec<String> = turns
        .iter()
        .map(|turn| {
            let said = clean(turn["content"].as_str().unwrap_or_default());
            if said.chars().any(char::is_alphanumeric) {
                format!("{}: {said}", turn["speaker"].as_str().unwrap_or_default().trim())
            } else {
                String::new()
            }
        })
        .collect();
    let lines_of = |from: usize, to: usize| -> Vec<&str> {
        spoken[from..=to].iter().map(String::as_str).filter(|s| !s.is_empty()).collect()
    };
    let mut rows = Vec::new();
    let mut refuse = Vec::new();
    for kind in ["general_query_list", "specific_query_list"] {
        for query in value[kind].as_array().into_iter().flatten() {
            let (Some(asked), Some(answer)) = (query["query"].as_str(), query["answer"].as_str()) else {
                refuse.push((String::new(), format!("a query of `{kind}` has no `query` and `answer`")));
                continue;
            };
            let context = if kind == "general_query_list" || spoken.is_empty() {
                Ok(lines_of(0, spoken.len().saturating_sub(1)).join("\n"))
            } else {
                spans(&query["relevant_text_span"], spoken.len())
                    .map(|spans| spans.iter().flat_map(|&(from, to)| lines_of(from, to)).collect::<Vec<_>>().join("\n"))
            };
            match context {
                Ok(context) => rows.push(Row {
                    asked: true,
                    context: Some(context).filter(|c| !c.is_empty()),
                    prompt: asked.trim().to_owned(),
                    completion: Some(answer.trim().to_owned()).filter(|a| !a.is_empty()),
                    ..Row::default()
                }),
                Err(why) => refuse.push((asked.to_owned(), why)),
            }
        }
    }
    for (asked, why) in refuse {
        // The line of the query itself, found by its text.
        let needle = serde_json::to_string(&asked).unwrap_or_default();
        let at = json.find(needle.trim_matches('"')).filter(|_| !asked.is_empty()).unwrap_or(0);
        reading.refuse(file, line + json[..at].matches('\n').count(), why);
    }
    let said: Vec<&str> = spoken.iter().map(String::as_str).collect();
    reading.conversation(split, turns.len(), &said, rows);
}

/// Inclusive spans of turn numbers, written as strings of digits.
fn spans(value: &Value, turns: usize) -> Result<Vec<(usize, usize)>, String> {
    let number = |v: &Value| match v {
        Value::String(digits) => digits.trim().parse::<usize>().ok(),
        other => other.as_u64().map(|n| n as usize),
    };
    let pairs = value.as_array().ok_or("a query has no `relevant_text_span`")?;
    let mut found = Vec::new();
    for pair in pairs {
        match (number(&pair[0]), number(&pair[1])) {
            (Some(from), Some(to)) if from <= to && to < turns => found.push((from, to)),
            (Some(from), Some(to)) => {
                return Err(format!("a span is {from} to {to} in a meeting of {turns} turns"));
            }
            _ => return Err("a span is no pair of turn numbers".into()),
        }
    }
    Ok(found)
}

/// Without tags in braces, single spaces.
fn clean(content: &str) -> String {
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((tag, later)) if tag.chars().all(|c| c.is_ascii_alphabetic()) => rest = later,
            _ => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}
