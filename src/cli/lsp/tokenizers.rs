//! How many tokens a text is to a model of the program: by the model's own tokenizer, if it lies on this machine. Nothing is fetched, and no
//! weights are read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mascot_engine::model::gguf::Gguf;
use mascot_engine::text::Tokenizer;
use mascot_lang::program::Value;
use mascot_run::source::{Places, lies_at};

use super::super::prepare;
use super::disk;

/// Tokenizers that were opened, by the path of the model; `None` of one that cannot be.
#[derive(Debug, Default)]
pub struct Tokenizers {
    open: BTreeMap<PathBuf, Option<Tokenizer>>,
}

impl Tokenizers {
    /// `None` when the model is not at hand. `path`: the document, whose root sources are found from.
    pub fn count(&mut self, path: &str, weights: &Value, text: &str) -> Option<usize> {
        let Value::Call { name, .. } = weights else { return None };
        if name == "random" {
            return Some(Tokenizer::bytes().encode(text).ok()?.len());
        }
        let root = disk::world_of(path)?.root().to_owned();
        let places = Places { store: root.join(".mascot"), hf_cache: prepare::hf_cache(), root, ..Places::default() };
        let at = lies_at(&mascot_run::source_of_weights(weights)?, &places)?;
        let tokenizer = self.open.entry(at.clone()).or_insert_with(|| open(&at));
        Some(tokenizer.as_ref()?.encode(text).ok()?.len())
    }
}

fn open(at: &Path) -> Option<Tokenizer> {
    if at.is_dir() {
        return Tokenizer::from_file(&at.join("tokenizer.json")).ok();
    }
    Tokenizer::from_gguf(&Gguf::open(at).ok()?).ok()
}
