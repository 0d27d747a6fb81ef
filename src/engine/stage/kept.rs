//! What stages that train nothing keep in their draft, so that a stop costs the prompt in hand and no more: completions as each
//! prompt's are done, and parts that are whole (a turn of all dialogues, a subject's values). The parameters of a training stage are
//! `train::checkpoint`'s.
//!
//! A draft is only ever read under the key that it was written under, so what is kept belongs to the task in hand. Values are kept
//! as bits: a number that went through decimal digits may come back another.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use mascot_run::engine::{Fault, Workspace};
use mascot_run::whole::{self, Care};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::file_fault;
use crate::generate::{Ask, Completion};
use crate::judge::term::Values;

/// Writes a part, as a whole or not at all.
///
/// # Errors
/// When the folder cannot be written.
pub fn keep<T: Serialize>(workspace: &Workspace, name: &str, part: &T) -> Result<(), Fault> {
    let path = workspace.resume_file(name);
    let fault = |why: &dyn std::fmt::Display| file_fault(&path, why);
    let text = serde_json::to_string(part).map_err(|why| fault(&why))?;
    whole::write(&path, text.as_bytes(), Care::Moved).map_err(|why| fault(&why))
}

/// A part that an earlier call kept. One that cannot be read is made again.
pub fn kept<T: DeserializeOwned>(workspace: &Workspace, name: &str) -> Option<T> {
    let text = fs::read_to_string(workspace.resume_file(name)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Forgets a part that a larger one holds.
pub fn forget(workspace: &Workspace, name: &str) {
    // What stays is never read again: the larger one is asked for first.
    let _ = fs::remove_file(workspace.resume_file(name));
}

/// Completions by prompt: lines that are added as prompts are done.
#[derive(Debug)]
pub struct Answers {
    path: PathBuf,
    file: File,
    known: BTreeMap<usize, Vec<Completion>>,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    ask: usize,
    /// Of the prompt's random numbers: a line of something else is none.
    key: u64,
    completions: Vec<Completion>,
}

impl Answers {
    /// Opens the file `name` of the draft, with the answers to `asks` that it holds.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(workspace: &Workspace, name: &str, asks: &[Ask<'_>]) -> Result<Self, Fault> {
        let path = workspace.resume_file(name);
        let fault = |why: std::io::Error| file_fault(&path, why);
        fs::create_dir_all(&workspace.resume).map_err(fault)?;
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(fault(why)),
        };
        let mut known = BTreeMap::new();
        let mut whole = 0;
        for line in text.split_inclusive('\n') {
            // A kill leaves half a line at the end, and nothing after it.
            let Some(answer) = line.strip_suffix('\n').and_then(|line| serde_json::from_str::<Answer>(line).ok())
            else {
                break;
            };
            whole += line.len();
            if asks.get(answer.ask).is_some_and(|ask| ask.key == answer.key && ask.n == answer.completions.len()) {
                known.insert(answer.ask, answer.completions);
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(fault)?;
        file.set_len(whole as u64).map_err(fault)?;
        Ok(Self { path, file, known })
    }

    pub fn has(&self, ask: usize) -> bool {
        self.known.contains_key(&ask)
    }

    /// Tokens that were sampled for what is kept.
    pub fn sampled(&self, ask: usize) -> usize {
        self.known.get(&ask).map_or(0, |completions| completions.iter().map(|one| one.ids.len()).sum())
    }

    /// Adds a prompt's completions.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, ask: usize, key: u64, completions: &[Completion]) -> Result<(), Fault> {
        let answer = Answer { ask, key, completions: completions.to_vec() };
        let line = serde_json::to_string(&answer).map_err(|why| file_fault(&self.path, why))? + "\n";
        self.file.write_all(line.as_bytes()).map_err(|why| file_fault(&self.path, why))?;
        self.known.insert(ask, answer.completions);
        Ok(())
    }

    /// All of them, in the order of the prompts.
    pub fn all(self) -> Vec<Vec<Completion>> {
        self.known.into_values().collect()
    }
}

/// Values to the bit.
#[derive(Debug, Serialize, Deserialize)]
pub enum Bits {
    Turns(Vec<Vec<u64>>),
    Scenes(Vec<u64>),
}

impl Bits {
    pub fn of(values: &Values) -> Self {
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        match values {
            Values::Turns(turns) => Self::Turns(turns.iter().map(|turn| bits(turn)).collect()),
            Values::Scenes(values) => Self::Scenes(bits(values)),
        }
    }

    pub fn values(self) -> Values {
        let values = |bits: Vec<u64>| bits.into_iter().map(f64::from_bits).collect::<Vec<_>>();
        match self {
            Self::Turns(turns) => Values::Turns(turns.into_iter().map(values).collect()),
            Self::Scenes(bits) => Values::Scenes(values(bits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Finish;

    fn completion(id: u32) -> Completion {
        Completion { ids: vec![id], logps: vec![-0.1], text: format!("{id}"), finish: Finish::Eos }
    }

    #[test]
    fn a_torn_line_costs_its_own_prompt_alone() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(folder.path());
        let ask = |key| Ask { prompt: vec![1], adapter: None, n: 1, key };
        let asks = [ask(10), ask(11), ask(12)];
        let mut answers = Answers::open(&workspace, "asked.jsonl", &asks).unwrap();
        answers.add(2, 12, &[completion(2)]).unwrap();
        answers.add(0, 10, &[completion(0)]).unwrap();
        let path = workspace.resume_file("asked.jsonl");
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() - 3]).unwrap();

        let mut answers = Answers::open(&workspace, "asked.jsonl", &asks).unwrap();
        assert_eq!([0, 1, 2].map(|ask| answers.has(ask)), [false, false, true]);
        answers.add(0, 10, &[completion(0)]).unwrap();
        answers.add(1, 11, &[completion(1)]).unwrap();
        let all = Answers::open(&workspace, "asked.jsonl", &asks).unwrap().all();
        assert_eq!(all, [0, 1, 2].map(|id| vec![completion(id)]));
        // Lines of another prompt are none of this one's.
        let others = Answers::open(&workspace, "asked.jsonl", &[ask(9), ask(11), ask(12)]).unwrap();
        assert!(!others.has(0) && others.has(1));
    }

    #[test]
    fn values_come_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(folder.path());
        let values = Values::Turns(vec![vec![0.1 + 0.2, -1.0 / 3.0], vec![], vec![f64::INFINITY]]);
        keep(&workspace, "scored.json", &Bits::of(&values)).unwrap();
        let back: Bits = kept(&workspace, "scored.json").unwrap();
        assert_eq!(back.values(), values);
        let void = Bits::of(&Values::Scenes(vec![f64::NAN])).values();
        assert!(matches!(void, Values::Scenes(values) if values[0].is_nan()));
        fs::write(workspace.resume_file("scored.json"), "{").unwrap();
        assert!(kept::<Bits>(&workspace, "scored.json").is_none());
    }
}
