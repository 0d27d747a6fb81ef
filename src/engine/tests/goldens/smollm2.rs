//! SmolLM2-135M-Instruct itself, where its GGUF file is at hand: `MASCOT_SMOLLM2`, or what an experiment has fetched.

use std::path::{Path, PathBuf};

use candle_core::Device;
use mascot_engine::model::Lm;
use mascot_engine::nn::Pack;
use mascot_engine::text::Message;
use mascot_run::task::Dtype;

use crate::reader::{Golden, close};
use crate::texts::same_encodings;

const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

pub fn path() -> Option<PathBuf> {
    if let Ok(path) = std::env::var("MASCOT_SMOLLM2") {
        return Some(PathBuf::from(path));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<PathBuf> = vec![root.join(".mascot/sources"), root.join("experiments/.mascot/sources")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.file_name().is_some_and(|name| name == FILE) {
                return Some(path);
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    None
}

#[test]
#[allow(clippy::disallowed_macros, reason = "a test that skips says so")]
fn smollm2_is_itself_to_a_thousandth() {
    let Some(path) = path() else {
        println!("skipped: {FILE} is not here; set MASCOT_SMOLLM2 to its path");
        return;
    };
    let golden = Golden::read("smollm2-135m");
    let lm = Lm::load(&path, Dtype::F32, &Device::Cpu).unwrap();
    same_encodings(lm.tokenizer(), &golden.json["tokenizer"]["encode"], "smollm2");
    for (i, item) in golden.json["items"].as_array().unwrap().iter().enumerate() {
        let messages: Vec<Message> = serde_json::from_value(item["messages"].clone()).unwrap();
        let text = lm.chat().text(&messages, true, None).unwrap();
        assert_eq!(text, item["text"].as_str().unwrap());
        let ids = lm.tokenizer().encode(&text).unwrap();
        let want: Vec<u32> = golden.integers(&format!("{i}.ids")).1.iter().map(|&id| id as u32).collect();
        assert_eq!(ids, want);
        let found = lm.logps(None, &Pack::new().block(&ids[..1], &[&ids[1..]]), 1.0).unwrap();
        for (found, want) in found.iter().zip(golden.floats(&format!("{i}.logps")).1) {
            close(*found, want, 1e-3, "log-probability");
        }
        let logits = lm.logits(None, &Pack::new().block::<Vec<u32>>(&ids, &[])).unwrap();
        let last = logits.get(ids.len() - 1).unwrap().to_vec1::<f32>().unwrap();
        let top = golden.integers(&format!("{i}.top40.ids")).1;
        for (&id, want) in top.iter().zip(golden.floats(&format!("{i}.top40.logits")).1) {
            close(last[id as usize], want, 1e-3, "logit");
        }
        crate::sampling::same_greedy(&lm, None, &ids, &golden.integers(&format!("{i}.greedy")).1);
    }
}
