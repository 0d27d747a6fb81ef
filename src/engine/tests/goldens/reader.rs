//! Reads a golden folder.

use std::path::{Path, PathBuf};

use candle_core::Device;
use mascot_engine::model::Lm;
use mascot_engine::model::weights::{Shards, Source};
use mascot_run::task::Dtype;
use safetensors::SafeTensors;

pub const MODELS: [&str; 6] =
    ["tiny-llama", "tiny-qwen2", "tiny-qwen2-sharded", "tiny-qwen3", "tiny-qwen3-untied", "tiny-qwen3-untied-bf16"];

/// Models with adapters of their own.
pub const ADAPTED: [&str; 4] = ["tiny-llama", "tiny-qwen2", "tiny-qwen3", "tiny-qwen3-untied"];

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub struct Golden {
    bytes: Vec<u8>,
    pub json: serde_json::Value,
    pub folder: PathBuf,
}

/// A padded batch with its padding taken off.
pub struct Row {
    pub ids: Vec<u32>,
    pub prompt: usize,
    /// Where the row's tokens stand in the padded batch.
    pub offset: usize,
}

impl Golden {
    /// The sharded model has the goldens of `tiny-qwen2`.
    pub fn read(name: &str) -> Self {
        let own = folder(name);
        let with_numbers = if own.join("golden.safetensors").exists() { own.clone() } else { folder("tiny-qwen2") };
        let bytes = std::fs::read(with_numbers.join("golden.safetensors")).unwrap();
        let json = std::fs::read_to_string(with_numbers.join("golden.json")).unwrap();
        Self { bytes, json: serde_json::from_str(&json).unwrap(), folder: own }
    }

    pub fn model(&self) -> Lm {
        Lm::load(&self.folder, Dtype::F32, &Device::Cpu).unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        SafeTensors::deserialize(&self.bytes).unwrap().tensor(name).is_ok()
    }

    pub fn floats(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap_or_else(|why| panic!("{name}: {why}"));
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        (view.shape().to_vec(), values)
    }

    pub fn integers(&self, name: &str) -> (Vec<usize>, Vec<i64>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap_or_else(|why| panic!("{name}: {why}"));
        let values = view.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
        (view.shape().to_vec(), values)
    }

    pub fn scalar(&self, name: &str) -> f64 {
        self.json["scalars"][name]["value"].as_f64().unwrap_or_else(|| panic!("no scalar {name}"))
    }

    /// Rows of ids and a mask, with how long each row's prompt is.
    pub fn rows(&self, ids: &str, mask: &str, prompt: impl Fn(usize) -> usize) -> Vec<Row> {
        let ((shape, ids), (_, mask)) = (self.integers(ids), self.integers(mask));
        let width = shape[1];
        (0..shape[0])
            .map(|row| {
                let line = &ids[row * width..(row + 1) * width];
                let mask = &mask[row * width..(row + 1) * width];
                let offset = mask.iter().position(|&m| m == 1).unwrap();
                let tokens = line.iter().zip(mask).filter(|&(_, &m)| m == 1).map(|(&id, _)| id as u32);
                Row { ids: tokens.collect(), prompt: prompt(row), offset }
            })
            .collect()
    }

    /// The batch `fwd.left` or `fwd.right`.
    pub fn batch(&self, side: &str) -> Vec<Row> {
        // Where the reference has no completions, a row's last token is one.
        let mask = format!("fwd.{side}.attention_mask");
        let prompts = if self.has("fwd.prompt_lengths") {
            self.integers("fwd.prompt_lengths").1
        } else {
            let (shape, mask) = self.integers(&mask);
            mask.chunks_exact(shape[1]).map(|row| row.iter().sum::<i64>() - 1).collect()
        };
        self.rows(&format!("fwd.{side}.input_ids"), &mask, |row| prompts[row] as usize)
    }
}

#[track_caller]
pub fn close(found: f32, want: f32, absolute: f32, what: impl std::fmt::Display) {
    assert!((found - want).abs() <= absolute, "{what}: found {found}, want {want}");
}

/// Holds gradients to 1e-4 + 1e-3 relative and a cosine of 0.9999; both finite and not all zero.
#[track_caller]
pub fn same_gradient(found: &[f32], want: &[f32], what: &str) {
    let (mut dot, mut a, mut b) = (0.0f64, 0.0f64, 0.0f64);
    for (&found, &want) in found.iter().zip(want) {
        close(found, want, 1e-4 + 1e-3 * want.abs(), what);
        let (x, y) = (f64::from(found), f64::from(want));
        dot += x * y;
        a += x * x;
        b += y * y;
    }
    assert_eq!(found.len(), want.len());
    assert!(a > 0.0 && a.is_finite(), "{what} has no gradient");
    let cosine = dot / (a.sqrt() * b.sqrt());
    assert!(cosine >= 0.9999, "{what}: cosine {cosine}");
}

/// All tensors of a PEFT folder's file by name, for comparing.
pub fn adapter_names(folder: &Path) -> Vec<String> {
    Shards::of_files(&[folder.join("adapter_model.safetensors")]).unwrap().names().map(str::to_owned).collect()
}

/// One tensor of a safetensors file.
pub fn tensor(path: &Path, name: &str) -> Vec<f32> {
    let mut file = Shards::of_files(&[path.to_path_buf()]).unwrap();
    file.find(name).unwrap().unwrap().flatten_all().unwrap().to_vec1().unwrap()
}
