//! ESConv (Liu et al. 2021): emotional-support chats, in the source's layout and in the hub's.
//!
//! A file is one JSON array, or JSON lines in spite of its name. The supporter (`sys`, `listener`, `supporter`) is the one who
//! answers; one side may speak several turns in a row, and either may begin. The situation is the prompt that is asked.

use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::SplitName;
use serde_json::Value;

use super::{Reading, dialogue, elements, files, text};

const NAMES: &[(SplitName, &[&str])] = &[
    (SplitName::Train, &["ESConv.json", "train.json", "train.jsonl"]),
    (SplitName::Val, &["valid.json", "validation.json", "valid.jsonl"]),
    (SplitName::Test, &["test.json", "test.jsonl"]),
];

pub fn read(path: &Path, reading: &mut Reading) -> Result<(), Fault> {
    for (split, file) in files(path, NAMES)? {
        let text = text(&file)?;
        for (line, json) in elements(&text) {
            match serde_json::from_str::<Value>(json).map_err(|why| super::not_json(&why)).and_then(|v| chat(&v)) {
                Ok((situation, turns)) => {
                    let id = situation.clone().unwrap_or_default();
                    dialogue::take(split, &id, situation, turns, reading);
                }
                Err(why) => reading.refuse(&file, line, why),
            }
        }
    }
    Ok(())
}

type Chat = (Option<String>, Vec<(bool, String)>);

fn chat(value: &Value) -> Result<Chat, String> {
    let turns = value["dialog"].as_array().ok_or("has no list `dialog`")?;
    let situation = value["situation"].as_str().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty());
    let turn = |turn: &Value| -> Result<(bool, String), String> {
        let text =
            turn["text"].as_str().or(turn["content"].as_str()).ok_or("a turn has neither `text` nor `content`")?;
        match turn["speaker"].as_str() {
            Some("sys" | "listener" | "supporter") => Ok((true, text.to_owned())),
            Some("usr" | "speaker" | "seeker") => Ok((false, text.to_owned())),
            Some(other) => Err(format!("a turn's speaker is `{other}`")),
            None => Err("a turn has no speaker".into()),
        }
    };
    Ok((situation, turns.iter().map(turn).collect::<Result<_, _>>()?))
}
