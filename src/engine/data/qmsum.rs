//! QMSum (Zhong et al. 2021): meetings, queries about them, and summaries.
//!
//! A query is a prompt, the turns that it is about are its context, its answer what is to be said. Tags in braces
//! (`{disfmarker}`, `{vocalsound}`…) are taken out of what a model reads; a turn that holds nothing else stays a turn of the
//! source, so that spans do not shift.
//!
//! Layouts: the source's repository, its `data`, or one domain of it (`ALL/<split>/*.json` beside a folder a domain, or such
//! folders alone); `<split>/*.json` with or without a `domains.json`; where a folder has no meetings of their own, its
//! `jsonl/<split>.jsonl`; and one file, a meeting or JSON lines with one each. A meeting's domain is told by `domains.json`, by
//! the folder that it lies in or lies in as well, or by how its corpus names meetings; one that nothing tells is refused when
//! `domains` asks for some.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mascot_run::engine::Fault;
use mascot_run::task::SplitName;
use serde_json::Value;

use super::{Reading, Row, elements, lacks, not_json, text};

const DOMAINS: [&str; 3] = ["Academic", "Committee", "Product"];
const SPLITS: [(SplitName, &str); 3] =
    [(SplitName::Train, "train"), (SplitName::Val, "val"), (SplitName::Test, "test")];

pub fn read(path: &Path, domains: &[String], reading: &mut Reading) -> Result<(), Fault> {
    if path.is_file() {
        return lines(path, None, told_by_name(path), domains, reading);
    }
    let holds = |folder: &Path| DOMAINS.iter().chain(&["ALL"]).any(|name| folder.join(name).is_dir());
    let path = match path.join("data") {
        data if !holds(path) && holds(&data) => data,
        _ => path.to_owned(),
    };
    let roots: Vec<PathBuf> = if path.join("ALL").is_dir() {
        vec![path.join("ALL")]
    } else {
        let own: Vec<PathBuf> = DOMAINS.iter().map(|d| path.join(d)).filter(|d| d.is_dir()).collect();
        if own.is_empty() { vec![path.clone()] } else { own }
    };
    let named: BTreeMap<String, String> = match path.join("domains.json") {
        file if file.is_file() => serde_json::from_str(&text(&file)?)
            .map_err(|why| Fault::File { path: file, why: format!("is not a map of meetings to domains: {why}") })?,
        _ => BTreeMap::new(),
    };
    let mut any = false;
    for root in &roots {
        let in_folder = DOMAINS.iter().find(|domain| root.ends_with(domain)).map(|domain| (*domain).to_owned());
        for (split, folder) in SPLITS {
            let mut meetings = Vec::new();
            if let Ok(entries) = std::fs::read_dir(root.join(folder)) {
                meetings
                    .extend(entries.flatten().map(|e| e.path()).filter(|f| f.extension().is_some_and(|e| e == "json")));
            }
            meetings.sort();
            any |= !meetings.is_empty();
            for file in &meetings {
                let id = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                let domain = named.get(&id).cloned().or_else(|| in_folder.clone()).or_else(|| domain_of(&path, &id));
                if wanted(domain.as_deref(), domains, file, 1, reading) {
                    meeting(file, 1, &text(file)?, Some(split), reading);
                }
            }
            let file = root.join("jsonl").join(format!("{folder}.jsonl"));
            if meetings.is_empty() && file.is_file() {
                any = true;
                lines(&file, Some(split), in_folder.clone(), domains, reading)?;
            }
        }
    }
    if !any {
        return Err(lacks(&path, "train/*.json, ALL/train/*.json, Academic/train/*.json, jsonl/train.jsonl"));
    }
    Ok(())
}

/// Whether a meeting is asked for. One whose domain nothing tells cannot be said to be: it is refused.
fn wanted(domain: Option<&str>, domains: &[String], file: &Path, line: usize, reading: &mut Reading) -> bool {
    match domain {
        _ if domains.is_empty() => true,
        Some(domain) => domains.iter().any(|d| d.eq_ignore_ascii_case(domain)),
        None => {
            let why = "nothing tells its domain: name it in domains.json, or put it in a folder of its domain";
            reading.refuse(file, line, why);
            false
        }
    }
}

/// One meeting a line, or one meeting. Lines carry no meeting's name, so one domain holds for all of them.
fn lines(
    path: &Path,
    split: Option<SplitName>,
    domain: Option<String>,
    domains: &[String],
    reading: &mut Reading,
) -> Result<(), Fault> {
    let text = text(path)?;
    // A single meeting is an object over many lines; JSON lines have one a line.
    let whole = serde_json::from_str::<Value>(&text).is_ok();
    let meetings = if whole { vec![(1, text.as_str())] } else { elements(&text) };
    for (line, json) in meetings {
        if wanted(domain.as_deref(), domains, path, line, reading) {
            meeting(path, line, json, split, reading);
        }
    }
    Ok(())
}

/// Of a file: its name says a domain (`Academic_val.jsonl`), or is a meeting's.
fn told_by_name(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    let said = DOMAINS.iter().find(|domain| stem.to_lowercase().contains(&domain.to_lowercase()));
    said.map(|domain| (*domain).to_owned()).or_else(|| of_corpus(&stem))
}

/// From the folder where else it lies, or from how its corpus names meetings.
fn domain_of(path: &Path, id: &str) -> Option<String> {
    let lies_in = |domain: &&str| {
        SPLITS.iter().any(|(_, split)| path.join(domain).join(split).join(format!("{id}.json")).is_file())
    };
    DOMAINS.into_iter().find(lies_in).map(str::to_owned).or_else(|| of_corpus(id))
}

/// ICSI's `Bed003`, AMI's `ES2004a`, parliaments' `covid_4`.
fn of_corpus(id: &str) -> Option<String> {
    let starts = |with: &[&str]| with.iter().any(|w| id.starts_with(w));
    if starts(&["Bed", "Bmr", "Bro", "Bns", "Bsr", "Btr", "Buw", "Bdb"]) {
        Some("Academic".into())
    } else if starts(&["ES", "IS", "TS"]) {
        Some("Product".into())
    } else if starts(&["covid_", "education_"]) {
        Some("Committee".into())
    } else {
        None
    }
}

fn meeting(file: &Path, line: usize, json: &str, split: Option<SplitName>, reading: &mut Reading) {
    let value: Value = match serde_json::from_str(json) {
        Ok(value) => value,
        Err(why) => {
            return reading.refuse(file, line + why.line().saturating_sub(1), not_json(&why));
        }
    };
    let Some(turns) = value["meeting_transcripts"].as_array() else {
        return reading.refuse(file, line, "has no list `meeting_transcripts`");
    };
    let mut refuse = Vec::new();
    let mut spoken: Vec<String> = Vec::with_capacity(turns.len());
    for (at, turn) in turns.iter().enumerate() {
        // It stays a turn: spans count it.
        let (Some(content), Some(speaker)) = (turn["content"].as_str(), turn["speaker"].as_str()) else {
            refuse.push((String::new(), format!("turn {at} has no `speaker` and `content`")));
            spoken.push(String::new());
            continue;
        };
        let said = clean(content);
        let words = said.chars().any(char::is_alphanumeric);
        spoken.push(if words { format!("{}: {said}", speaker.trim()) } else { String::new() });
    }
    let lines_of = |from: usize, to: usize| -> Vec<&str> {
        spoken[from..=to].iter().map(String::as_str).filter(|s| !s.is_empty()).collect()
    };
    let mut rows = Vec::new();
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
