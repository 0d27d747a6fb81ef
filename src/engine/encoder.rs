//! A sentence encoder: candle's BERT, mean pooling over the tokens of a text, unit vectors.
//!
//! Forward only, so candle-transformers' own blocks serve. From a Hugging Face folder (`config.json`, `model.safetensors`,
//! `tokenizer.json`), or with random weights for tests and rehearsals.

use std::path::Path;

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::VarBuilder;
use candle_nn::var_builder::SimpleBackend;
use candle_transformers::models::bert::{BertModel, Config, HiddenAct};
use mascot_run::task::RandomModel;

use crate::error::{Error, Result};
use crate::rng::Rng;

/// Longer texts are cut; sentence-transformers cuts all-MiniLM-L6-v2's at as many.
const LONGEST: usize = 256;
/// Texts encoded at once.
const BATCH: usize = 16;

pub struct Encoder {
    model: BertModel,
    words: Words,
    longest: usize,
    device: Device,
}

enum Words {
    Json(Box<tokenizers::Tokenizer>),
    Bytes,
}

impl Encoder {
    /// From a folder.
    ///
    /// # Errors
    /// When a file is missing or is no BERT.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let config_file = folder.join("config.json");
        let text = std::fs::read_to_string(&config_file).map_err(|why| Error::file(&config_file, why))?;
        let config: Config =
            serde_json::from_str(&text).map_err(|why| Error::file(&config_file, format!("no BERT: {why}")))?;
        let weights = folder.join("model.safetensors");
        let tensors = candle_core::safetensors::load(&weights, device).map_err(|why| Error::file(&weights, why))?;
        let model = BertModel::load(VarBuilder::from_tensors(tensors, DType::F32, device), &config)?;
        let tokenizer_file = folder.join("tokenizer.json");
        let mut tokenizer =
            tokenizers::Tokenizer::from_file(&tokenizer_file).map_err(|why| Error::file(&tokenizer_file, why))?;
        let longest = LONGEST.min(config.max_position_embeddings);
        // The file itself asks for padding to 128 and for truncation there; neither is wanted.
        tokenizer.with_padding(None);
        let cut = tokenizers::TruncationParams { max_length: longest, ..tokenizers::TruncationParams::default() };
        tokenizer.with_truncation(Some(cut)).map_err(|why| Error::file(&tokenizer_file, why))?;
        Ok(Self { model, words: Words::Json(Box::new(tokenizer)), longest, device: device.clone() })
    }

    /// `random(arch: bert)`: tokens are bytes.
    ///
    /// # Errors
    /// When the sizes do not fit together.
    pub fn random(shape: &RandomModel, device: &Device) -> Result<Self> {
        let config = Config {
            vocab_size: (shape.vocab as usize).max(256),
            hidden_size: shape.hidden as usize,
            num_hidden_layers: shape.layers as usize,
            num_attention_heads: shape.heads as usize,
            intermediate_size: shape.ffn as usize,
            hidden_act: HiddenAct::Gelu,
            max_position_embeddings: LONGEST,
            ..Config::default()
        };
        let drawn = Box::new(Drawn(Rng::new(0).fork("bert")));
        let model = BertModel::load(VarBuilder::from_backend(drawn, DType::F32, device.clone()), &config)?;
        Ok(Self { model, words: Words::Bytes, longest: LONGEST, device: device.clone() })
    }

    /// A unit vector for each text, in their order.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| self.ids(text)).collect::<Result<_>>()?;
        // Texts of like length share a batch: less padding.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&i| ids[i].len());
        let mut vectors = vec![Vec::new(); texts.len()];
        for batch in order.chunks(BATCH) {
            let width = batch.iter().map(|&i| ids[i].len()).max().unwrap_or(1);
            let padded = |of: &dyn Fn(usize, usize) -> u32| -> Result<Tensor> {
                let flat: Vec<u32> =
                    batch.iter().flat_map(|&i| (0..width).map(move |t| (i, t))).map(|(i, t)| of(i, t)).collect();
                Ok(Tensor::from_vec(flat, (batch.len(), width), &self.device)?)
            };
            let input = padded(&|i, t| ids[i].get(t).copied().unwrap_or(0))?;
            let mask = padded(&|i, t| u32::from(t < ids[i].len()))?;
            let hidden = self.model.forward(&input, &input.zeros_like()?, Some(&mask))?; // [B, T, H]
            let mask = mask.to_dtype(DType::F32)?.unsqueeze(2)?;
            let sums = hidden.broadcast_mul(&mask)?.sum(1)?.to_vec2::<f32>()?;
            for (&i, sum) in batch.iter().zip(sums) {
                vectors[i] = unit(sum);
            }
        }
        Ok(vectors)
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = match &self.words {
            Words::Json(tokenizer) => {
                let encoding = tokenizer.encode(text, true).map_err(|why| Error::model(format!("tokenizer: {why}")))?;
                encoding.get_ids().to_vec()
            }
            Words::Bytes => text.bytes().map(u32::from).collect(),
        };
        ids.truncate(self.longest);
        if ids.is_empty() {
            ids.push(0);
        }
        Ok(ids)
    }
}

/// The direction of a vector; its mean and its sum have the same.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}

/// Weights drawn by name: 1 for the scales of norms, 0 for biases, else normal with deviation 0.1.
struct Drawn(Rng);

impl SimpleBackend for Drawn {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: candle_nn::Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let values = self.0.fork(name);
        let draw = |i: usize| match name {
            _ if name.ends_with("LayerNorm.weight") => 1.0,
            _ if name.ends_with("bias") => 0.0,
            _ => 0.1 * values.normal(i as u64) as f32,
        };
        let flat: Vec<f32> = (0..shape.elem_count()).map(draw).collect();
        Tensor::from_vec(flat, shape, device)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("a random model has no tensor `{name}` of unknown shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        name.contains('.')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Encoder {
        let shape = RandomModel {
            arch: "bert".into(),
            hidden: 32,
            layers: 2,
            heads: 2,
            kv_heads: 2,
            ffn: 64,
            vocab: 256,
            tokenizer: "bytes".into(),
        };
        Encoder::random(&shape, &Device::Cpu).expect("an encoder")
    }

    #[test]
    fn a_vector_does_not_depend_on_its_neighbours() {
        let encoder = tiny();
        let alone = encoder.encode(&["I lost my keys."]).expect("encoded");
        let beside =
            encoder.encode(&["", "I lost my keys.", "A much longer text than the other one is."]).expect("encoded");
        let apart: f32 = alone[0].iter().zip(&beside[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-5, "{apart}");
        let norm: f32 = alone[0].iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-5);
        assert_ne!(beside[0], beside[2]);
    }

    /// With `MASCOT_MINILM` naming the folder of all-MiniLM-L6-v2: what is near is near.
    #[test]
    fn near_meanings_are_near() {
        let Some(folder) = std::env::var_os("MASCOT_MINILM") else { return };
        let encoder = Encoder::load(Path::new(&folder), &Device::Cpu).expect("an encoder");
        let texts = ["That is a happy person", "That is a very happy person", "Today is a sunny day"];
        let v = encoder.encode(&texts).expect("encoded");
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        // sentence-transformers' own figures for these sentences are 0.943 and 0.257.
        assert!((dot(&v[0], &v[1]) - 0.943).abs() < 5e-3, "{}", dot(&v[0], &v[1]));
        assert!((dot(&v[0], &v[2]) - 0.257).abs() < 5e-3, "{}", dot(&v[0], &v[2]));
    }
}
