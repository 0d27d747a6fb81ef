//! What a model's configuration says, read from `config.json` in both of its styles (before and since transformers 5) and
//! from GGUF's metadata. What we cannot run is refused here by name.

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// The family of a decoder: what differs is biases and the norms on queries and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// SmolLM2, Llama 3: no biases.
    Llama,
    /// Biases on q, k, v.
    Qwen2,
    /// RMS norms on each head's queries and keys.
    Qwen3,
}

/// Shapes and constants of a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub arch: Arch,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub ffn: usize,
    pub vocab: usize,
    pub norm_eps: f64,
    pub rope_theta: f64,
    pub rope_scaling: Option<Llama3Rope>,
    /// The head is the embedding.
    pub tied: bool,
    /// Tokens that end a completion.
    pub eos: Vec<u32>,
    pub bos: Option<u32>,
    pub max_positions: usize,
}

/// Llama 3's stretching of long wavelengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Llama3Rope {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_max_positions: f64,
}

impl Config {
    pub fn q_dim(&self) -> usize {
        self.heads * self.head_dim
    }

    pub fn kv_dim(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Width of the fused q | k | v.
    pub fn qkv_dim(&self) -> usize {
        self.q_dim() + 2 * self.kv_dim()
    }

    /// The head of a model: how many numbers a token's weights are, without embeddings.
    pub fn trunk_parameters(&self) -> usize {
        self.layers * (self.hidden * (self.qkv_dim() + self.q_dim()) + 3 * self.hidden * self.ffn)
    }

    /// Inverse frequencies of the rotary embedding, `head_dim / 2` of them.
    pub fn rope_frequencies(&self) -> Vec<f64> {
        let half = self.head_dim / 2;
        (0..half)
            .map(|i| {
                let frequency = self.rope_theta.powf(-2.0 * i as f64 / self.head_dim as f64);
                self.rope_scaling.map_or(frequency, |scaling| scaling.stretch(frequency))
            })
            .collect()
    }

    /// Reads `config.json` (and `generation_config.json`, when there is one, for the tokens that end a text).
    ///
    /// # Errors
    /// When a file cannot be read, or the model is of a kind that we do not run.
    pub fn from_folder(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let json = read_json(&path)?;
        let mut config = Self::from_json(&json).map_err(|why| Error::file(&path, why))?;
        let generation = folder.join("generation_config.json");
        if generation.exists() {
            let json = read_json(&generation)?;
            for id in ids(&json["eos_token_id"]) {
                if !config.eos.contains(&id) {
                    config.eos.push(id);
                }
            }
        }
        Ok(config)
    }

    fn from_json(json: &Value) -> std::result::Result<Self, String> {
        let arch = match json["model_type"].as_str() {
            Some("llama") => Arch::Llama,
            Some("qwen2") => Arch::Qwen2,
            Some("qwen3") => Arch::Qwen3,
            other => {
                return Err(format!(
                    "model type `{}` is not one of llama, qwen2, qwen3; name another model",
                    other.unwrap_or("none")
                ));
            }
        };
        let number = |key: &str| -> std::result::Result<usize, String> {
            json[key].as_u64().map(|n| n as usize).ok_or_else(|| format!("`{key}` is missing"))
        };
        let hidden = number("hidden_size")?;
        let heads = number("num_attention_heads")?;
        // `rope_parameters` since transformers 5, `rope_theta` and `rope_scaling` before.
        let rope = &json["rope_parameters"];
        let scaling = if rope.is_object() { rope } else { &json["rope_scaling"] };
        let rope_theta =
            [&rope["rope_theta"], &json["rope_theta"]].into_iter().find_map(Value::as_f64).unwrap_or(10_000.0);
        let rope_scaling = read_scaling(scaling)?;
        for (key, why) in [("attention_bias", "biases on attention"), ("mlp_bias", "biases in the MLP")] {
            if json[key].as_bool() == Some(true) {
                return Err(format!("{why} (`{key}`) are not supported"));
            }
        }
        if json["use_sliding_window"].as_bool() == Some(true) {
            return Err("sliding windows are not supported".to_owned());
        }
        if let Some(act) = json["hidden_act"].as_str()
            && act != "silu"
        {
            return Err(format!("activation `{act}` is not supported"));
        }
        let config = Self {
            arch,
            hidden,
            layers: number("num_hidden_layers")?,
            heads,
            kv_heads: json["num_key_value_heads"].as_u64().map_or(heads, |n| n as usize),
            head_dim: json["head_dim"].as_u64().map_or(hidden / heads.max(1), |n| n as usize),
            ffn: number("intermediate_size")?,
            vocab: number("vocab_size")?,
            norm_eps: json["rms_norm_eps"].as_f64().unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            tied: json["tie_word_embeddings"].as_bool().unwrap_or(false),
            eos: ids(&json["eos_token_id"]),
            bos: json["bos_token_id"].as_u64().map(|id| id as u32),
            max_positions: json["max_position_embeddings"].as_u64().map_or(usize::MAX, |n| n as usize),
        };
        config.check()
    }

    /// # Errors
    /// When shapes do not fit together.
    pub fn check(self) -> std::result::Result<Self, String> {
        if self.heads == 0 || self.kv_heads == 0 || !self.heads.is_multiple_of(self.kv_heads) {
            return Err(format!("{} heads cannot share {} key-value heads", self.heads, self.kv_heads));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return Err(format!("a head of {} dimensions cannot be rotated", self.head_dim));
        }
        if self.layers == 0 || self.hidden == 0 || self.ffn == 0 || self.vocab == 0 {
            return Err("a model needs at least one layer, dimension and token".to_owned());
        }
        Ok(self)
    }
}

impl Llama3Rope {
    /// transformers' `_compute_llama3_parameters`, one frequency.
    fn stretch(self, frequency: f64) -> f64 {
        let wavelength = std::f64::consts::TAU / frequency;
        let low = self.original_max_positions / self.low_freq_factor;
        let high = self.original_max_positions / self.high_freq_factor;
        if wavelength > low {
            frequency / self.factor
        } else if wavelength < high {
            frequency
        } else {
            let smooth = (self.original_max_positions / wavelength - self.low_freq_factor)
                / (self.high_freq_factor - self.low_freq_factor);
            (1.0 - smooth) * frequency / self.factor + smooth * frequency
        }
    }
}

fn read_scaling(json: &Value) -> std::result::Result<Option<Llama3Rope>, String> {
    let kind = ["rope_type", "type"].into_iter().find_map(|key| json[key].as_str()).unwrap_or("default");
    let number = |key: &str| json[key].as_f64().ok_or_else(|| format!("rope scaling lacks `{key}`"));
    match kind {
        "default" => Ok(None),
        "llama3" => Ok(Some(Llama3Rope {
            factor: number("factor")?,
            low_freq_factor: number("low_freq_factor")?,
            high_freq_factor: number("high_freq_factor")?,
            original_max_positions: number("original_max_position_embeddings")?,
        })),
        other => Err(format!("rope scaling `{other}` is not supported")),
    }
}

/// One id, or a list of them.
fn ids(json: &Value) -> Vec<u32> {
    match json {
        Value::Array(list) => list.iter().filter_map(Value::as_u64).map(|id| id as u32).collect(),
        other => other.as_u64().map(|id| id as u32).into_iter().collect(),
    }
}

pub(crate) fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|why| Error::file(path, why))?;
    serde_json::from_str(&text).map_err(|why| Error::file(path, why))
}
