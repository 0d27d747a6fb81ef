//! EmpatheticDialogues (Rashkin et al. 2019): two people, an emotion, a situation.
//!
//! The original files are **not CSV**: fields are split on commas, a comma inside a text is `_comma_`, and `"` is an ordinary
//! character. Rows have eight fields, or nine with the reply candidates of valid and test. The situation is the prompt that is
//! asked (methods 1.6); every listener turn is a row to learn from. Third-party copies with real quoting (`…,label`) and the
//! intent files (`Dialog_ID,Type,…`) are told by their header.

use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::SplitName;

use super::{Reading, csv, dialogue, files, text};

const NAMES: &[(SplitName, &[&str])] = &[
    (SplitName::Train, &["train.csv"]),
    (SplitName::Val, &["valid.csv", "val.csv"]),
    (SplitName::Test, &["test.csv"]),
];

pub fn read(path: &Path, reading: &mut Reading) -> Result<(), Fault> {
    for (split, file) in files(path, NAMES)? {
        let text = text(&file)?;
        let header = text.lines().next().unwrap_or_default().trim_end().to_owned();
        match header.as_str() {
            "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags" => {
                original(&file, &text, split, reading);
            }
            "conv_id,utterance_idx,prompt,utterance,label" => requoted(&file, &text, split, reading),
            "Dialog_ID,Type,Actor,Text,Label" => intents(&file, &text, split, reading),
            _ => {
                return Err(Fault::File { path: file, why: "has no header of EmpatheticDialogues".into() });
            }
        }
    }
    Ok(())
}

/// A chat being collected.
#[derive(Default)]
struct Chat {
    id: String,
    situation: String,
    turns: Vec<(bool, String)>,
}

impl Chat {
    /// Hands the chat over and begins `id`.
    fn close(&mut self, split: Option<SplitName>, reading: &mut Reading) {
        let chat = std::mem::take(self);
        if !chat.turns.is_empty() || !chat.situation.is_empty() {
            let asked = if chat.situation.is_empty() { None } else { Some(chat.situation) };
            dialogue::take(split, &chat.id, asked, chat.turns, reading);
        }
    }
}

fn original(file: &Path, text: &str, split: Option<SplitName>, reading: &mut Reading) {
    let mut chat = Chat::default();
    for (index, row) in text.lines().enumerate().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        if fields.len() != 8 && fields.len() != 9 {
            reading.refuse(file, index + 1, format!("has {} fields; 8 or 9 are its layout", fields.len()));
            continue;
        }
        let Ok(number) = fields[1].trim().parse::<usize>() else {
            reading.refuse(file, index + 1, format!("its utterance_idx is `{}`", fields[1]));
            continue;
        };
        if chat.id != fields[0] {
            chat.close(split, reading);
            (chat.id, chat.situation) = (fields[0].to_owned(), clean(fields[3]));
        }
        // Odd turns are the speaker's, who had the feeling; even ones the listener's.
        chat.turns.push((number % 2 == 0, clean(fields[5])));
    }
    chat.close(split, reading);
}

fn requoted(file: &Path, text: &str, split: Option<SplitName>, reading: &mut Reading) {
    let mut chat = Chat::default();
    for (line, fields) in csv::records(text).into_iter().skip(1) {
        let [id, number, situation, utterance, _] = fields.as_slice() else {
            reading.refuse(file, line, format!("has {} fields under a header of 5", fields.len()));
            continue;
        };
        let Ok(number) = number.trim().parse::<usize>() else {
            reading.refuse(file, line, format!("its utterance_idx is `{number}`"));
            continue;
        };
        if chat.id != *id {
            chat.close(split, reading);
            (chat.id, chat.situation) = (id.clone(), clean(situation));
        }
        chat.turns.push((number % 2 == 0, clean(utterance)));
    }
    chat.close(split, reading);
}

fn intents(file: &Path, text: &str, split: Option<SplitName>, reading: &mut Reading) {
    let mut chat = Chat::default();
    for (line, fields) in csv::records(text).into_iter().skip(1) {
        let [id, kind, actor, said, _] = fields.as_slice() else {
            reading.refuse(file, line, format!("has {} fields under a header of 5", fields.len()));
            continue;
        };
        if chat.id != *id {
            chat.close(split, reading);
            chat.id.clone_from(id);
        }
        match kind.as_str() {
            "situation" => chat.situation = clean(said),
            "utterance" => chat.turns.push((actor == "listener", clean(said))),
            other => reading.refuse(file, line, format!("its Type is `{other}`")),
        }
    }
    chat.close(split, reading);
}

fn clean(field: &str) -> String {
    field.replace("_comma_", ",").replace("_pipe_", "|").trim().to_owned()
}
