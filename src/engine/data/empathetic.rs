//! EmpatheticDialogues (Rashkin et al. 2019): two people, an emotion, a situation.
//!
//! The original files are **not CSV**: fields are split on commas, a comma inside a text is `_comma_`, and `"` is an ordinary
//! character. Rows have eight fields, or nine with the reply candidates of valid and test. The situation is the prompt that is
//! asked (methods 1.6); every listener turn is a row to learn from. Third-party copies with real quoting (`…,label`) and the
//! intent files (`Dialog_ID,Type,…`) are told by their header. A chat's emotion is the original's third field; of an intent file
//! its name, else the label of its situation; the numbers of the copies name none.

use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::{EMOTIONS, SplitName};

use super::{Reading, csv, dialogue, files, text};

const NAMES: &[(SplitName, &[&str])] = &[
    (SplitName::Train, &["train.csv"]),
    (SplitName::Val, &["valid.csv", "val.csv"]),
    (SplitName::Test, &["test.csv"]),
];

/// Chats of `emotions`, or all when none is named.
pub fn read(path: &Path, emotions: &[String], reading: &mut Reading) -> Result<(), Fault> {
    for (split, file) in files(path, NAMES)? {
        let text = text(&file)?;
        let header = text.lines().next().unwrap_or_default().trim_end().to_owned();
        let mut chats = Chats { file: &file, split, emotions, open: Chat::default(), reading };
        match header.as_str() {
            "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags" => chats.original(&text),
            "conv_id,utterance_idx,prompt,utterance,label" => chats.requoted(&text),
            "Dialog_ID,Type,Actor,Text,Label" => chats.intents(&text),
            _ => {
                let why = "has no header of EmpatheticDialogues: conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags";
                return Err(Fault::File { path: file, why: why.into() });
            }
        }
        chats.close();
    }
    Ok(())
}

/// A chat being collected.
#[derive(Default)]
struct Chat {
    id: String,
    /// Where it begins.
    line: usize,
    situation: String,
    emotion: String,
    turns: Vec<(bool, String)>,
}

/// The chats of one file.
struct Chats<'a> {
    file: &'a Path,
    split: Option<SplitName>,
    emotions: &'a [String],
    open: Chat,
    reading: &'a mut Reading,
}

impl Chats<'_> {
    /// Goes on with chat `id`: another one that was open is handed over.
    fn chat(&mut self, id: &str, line: usize) -> &mut Chat {
        if self.open.id != id {
            self.close();
            self.open = Chat { id: id.to_owned(), line, ..Chat::default() };
        }
        &mut self.open
    }

    fn close(&mut self) {
        let chat = std::mem::take(&mut self.open);
        if chat.turns.is_empty() && chat.situation.is_empty() {
            return;
        }
        let wanted = self.emotions.is_empty() || self.emotions.contains(&chat.emotion);
        if !self.emotions.is_empty() && (chat.emotion.is_empty() || chat.emotion.bytes().all(|b| b.is_ascii_digit())) {
            let why = format!("its emotion is `{}`, a name that `emotions` cannot ask for", chat.emotion);
            self.reading.refuse(self.file, chat.line, why);
        } else if wanted {
            let asked = Some(chat.situation).filter(|situation| !situation.is_empty());
            dialogue::take(self.split, &chat.id, asked, chat.turns, self.reading);
        }
    }

    fn refuse(&mut self, line: usize, why: String) {
        self.reading.refuse(self.file, line, why);
    }

    fn original(&mut self, text: &str) {
        for (index, row) in text.lines().enumerate().skip(1).filter(|(_, row)| !row.is_empty()) {
            let fields: Vec<&str> = row.split(',').collect();
            if fields.len() != 8 && fields.len() != 9 {
                self.refuse(index + 1, format!("has {} fields; 8 or 9 are its layout", fields.len()));
                continue;
            }
            let Ok(number) = fields[1].trim().parse::<usize>() else {
                self.refuse(index + 1, format!("its utterance_idx is `{}`", fields[1]));
                continue;
            };
            let chat = self.chat(fields[0], index + 1);
            if chat.turns.is_empty() {
                (chat.emotion, chat.situation) = (fields[2].trim().to_owned(), clean(fields[3]));
            }
            // Odd turns are the speaker's, who had the feeling; even ones the listener's.
            chat.turns.push((number % 2 == 0, clean(fields[5])));
        }
    }

    fn requoted(&mut self, text: &str) {
        for record in csv::records(text).into_iter().skip(1) {
            let line = record.line;
            let [id, number, situation, utterance, label] = match record.of() {
                Ok(fields) => fields,
                Err(why) => {
                    self.refuse(line, why);
                    continue;
                }
            };
            let Ok(number) = number.trim().parse::<usize>() else {
                self.refuse(line, format!("its utterance_idx is `{number}`"));
                continue;
            };
            let chat = self.chat(id, line);
            if chat.turns.is_empty() {
                (chat.emotion, chat.situation) = (label.trim().to_owned(), clean(situation));
            }
            chat.turns.push((number % 2 == 0, clean(utterance)));
        }
    }

    fn intents(&mut self, text: &str) {
        let stem = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let named = Some(stem).filter(|stem| EMOTIONS.contains(&stem.as_str()));
        for record in csv::records(text).into_iter().skip(1) {
            let line = record.line;
            let [id, kind, actor, said, label] = match record.of() {
                Ok(fields) => fields,
                Err(why) => {
                    self.refuse(line, why);
                    continue;
                }
            };
            let chat = self.chat(id, line);
            match kind.as_str() {
                "situation" => {
                    chat.situation = clean(said);
                    chat.emotion = named.clone().unwrap_or_else(|| label.trim().to_owned());
                }
                "utterance" => chat.turns.push((actor == "listener", clean(said))),
                other => self.refuse(line, format!("its Type is `{other}`")),
            }
        }
    }
}

fn clean(field: &str) -> String {
    field.replace("_comma_", ",").replace("_pipe_", "|").trim().to_owned()
}
