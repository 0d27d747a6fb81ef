//! Weights and tokenizers of a program, as far as they are known: pinned in the file, or at hand on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mascot_lang::Checked;
use mascot_lang::lock::{Entry, Kind, Lock};
use mascot_lang::program::{Point, Program};
use mascot_run::digest::sha256_of_file;
use mascot_run::plan::{Bind, plan};
use mascot_run::source::{Places, Source, locate, pinned};
use mascot_run::store::Store;
use mascot_run::task::holds_weights;

/// Files of a folder that make a tokenizer, the first that is there.
const TOKENIZERS: [&str; 3] = ["tokenizer.json", "tokenizer.model", "vocab.txt"];

/// Models and data that a program's tasks open, at every point of it; sorted, each once.
pub struct Opened {
    pub models: BTreeSet<Source>,
    pub data: BTreeSet<Source>,
}

/// The sources of every stage, at the base, the variants and the sweeps. A library has none.
pub fn opened(checked: &Checked, places: &Places) -> Opened {
    let (mut models, mut data) = (BTreeSet::new(), BTreeSet::new());
    let programs = points(checked);
    if programs.first().is_some_and(|program| program.experiment.is_some()) {
        // Declarations are enough to know what would be opened.
        let nowhere = Store::new(places.store.join("of-no-run"));
        let plan = plan(&programs, &checked.files, places, &nowhere, "lock/1", true);
        for (slot, bind) in plan.tasks.iter().flat_map(|task| &task.slots) {
            let Bind::Source(source) = bind else { continue };
            let of = if holds_weights(slot) { &mut models } else { &mut data };
            of.insert(source.clone());
        }
    }
    Opened { models, data }
}

fn points(checked: &Checked) -> Vec<Program> {
    let sweeps = checked.sweeps();
    let others = checked.variants().into_iter().chain(sweeps.iter().flat_map(|name| checked.sweep_points(name)));
    let others = others.filter(|point| *point != Point::Base).filter_map(|point| checked.at(&point).ok());
    checked.program.clone().into_iter().chain(others).collect()
}

/// The entries of `models`, and which of them are not known yet, with the reason. What is not at hand keeps the line that it has.
pub fn entries(models: &BTreeSet<Source>, places: &Places, before: &Lock) -> (BTreeSet<Entry>, Vec<(String, String)>) {
    let mut memo = Store::new(&places.store).digests();
    let (mut entries, mut not_yet) = (BTreeSet::new(), Vec::new());
    for source in models {
        let name = source.describe();
        let kept = |kind| before.find(kind, &name).into_iter().cloned().collect::<Vec<Entry>>();
        // Without what the lock says: this is what the lock is to say.
        match locate(source, &Places { locked: Default::default(), ..places.clone() }, &mut memo) {
            Ok(found) => {
                entries.insert(Entry::new(Kind::Weights, &name, found.digest));
                let digest = tokenizer(&found.path);
                entries.extend(digest.map(|digest| Entry::new(Kind::Tokenizer, &name, digest)));
            }
            Err(missing) => {
                let known = match pinned(source) {
                    Some(digest) => vec![Entry::new(Kind::Weights, &name, digest)],
                    None => kept(Kind::Weights),
                };
                if known.is_empty() {
                    not_yet.push((name.clone(), missing.why));
                }
                entries.extend(known);
                entries.extend(kept(Kind::Tokenizer));
            }
        }
    }
    (entries, not_yet)
}

/// Of a folder's own file; a GGUF file has its tokenizer in its weights.
fn tokenizer(found: &Path) -> Option<String> {
    let file = TOKENIZERS.iter().map(|name| found.join(name)).find(|path| path.is_file())?;
    Some(format!("sha256:{}", sha256_of_file(&file).ok()?.0))
}

/// What a lock's text says of weights, by their sources: for a run, which refuses others.
pub fn locked(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in Lock::parse(text).entries().into_iter().filter(|entry| entry.kind == Kind::Weights) {
        locked.entry(entry.name).or_default().push(entry.pin);
    }
    locked
}
