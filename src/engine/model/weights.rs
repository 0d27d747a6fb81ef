//! The frozen weights of a decoder, and where they come from: Hugging Face folders (one file or shards), or nothing but a
//! seed. GGUF files have their own room, [`super::gguf`].
//!
//! Weights are rounded to the asked dtype and kept in f32, the dtype everything is computed in.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use mascot_run::task::Dtype;
use safetensors::tensor::Metadata;

use super::config::{Arch, Config, read_json};
use crate::error::{Error, Result};
use crate::kernels::linear::Frozen;
use crate::kernels::packed::Packed;
use crate::rng::Rng;

/// Everything that is frozen. Linear weights are `[out, in]`.
#[derive(Debug)]
pub struct Weights {
    /// `[vocab, hidden]`
    pub embed: Tensor,
    pub layers: Vec<LayerWeights>,
    /// `[hidden]`
    pub norm: Tensor,
    /// `[vocab, hidden]`; the embedding itself when tied.
    pub head: Frozen,
}

#[derive(Debug)]
pub struct LayerWeights {
    pub attn_norm: Tensor,
    /// q | k | v, `[q_dim + 2 · kv_dim, hidden]`
    pub qkv: Frozen,
    pub qkv_bias: Option<Tensor>,
    /// Qwen3: `[head_dim]`
    pub q_norm: Option<Tensor>,
    pub k_norm: Option<Tensor>,
    /// `[hidden, q_dim]`
    pub o: Frozen,
    pub mlp_norm: Tensor,
    /// gate | up, `[2 · ffn, hidden]`
    pub gate_up: Frozen,
    /// `[hidden, ffn]`
    pub down: Frozen,
}

/// Anything that can hand out a tensor by its Hugging Face name, in f32.
pub trait Source {
    /// # Errors
    /// When it cannot be read.
    fn find(&mut self, name: &str) -> Result<Option<Tensor>>;

    /// The same, still quantised, where it is kept so in a format that can be read in place.
    ///
    /// # Errors
    /// When it cannot be read.
    fn find_packed(&mut self, _name: &str) -> Result<Option<Packed>> {
        Ok(None)
    }
}

impl Weights {
    /// Gathers all weights, checks every shape and fuses q|k|v and gate|up.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn gather(config: &Config, source: &mut dyn Source, dtype: Dtype, device: &Device) -> Result<Self> {
        let mut from = Reading { source, dtype, device };
        let Config { hidden, ffn, vocab, head_dim, .. } = *config;
        let (q, kv) = (config.q_dim(), config.kv_dim());
        let embed = from.take("model.embed_tokens.weight", &[vocab, hidden])?;
        let mut layers = Vec::with_capacity(config.layers);
        for i in 0..config.layers {
            let of = |name: &str| format!("model.layers.{i}.{name}");
            let qkv_bias = match config.arch {
                Arch::Qwen2 => {
                    let parts = [("q", q), ("k", kv), ("v", kv)]
                        .map(|(part, n)| from.take(&of(&format!("self_attn.{part}_proj.bias")), &[n]));
                    let [q, k, v] = parts;
                    Some(Tensor::cat(&[q?, k?, v?], 0)?)
                }
                Arch::Llama | Arch::Qwen3 => None,
            };
            let (q_norm, k_norm) = match config.arch {
                Arch::Qwen3 => (
                    Some(from.take(&of("self_attn.q_norm.weight"), &[head_dim])?),
                    Some(from.take(&of("self_attn.k_norm.weight"), &[head_dim])?),
                ),
                Arch::Llama | Arch::Qwen2 => (None, None),
            };
            layers.push(LayerWeights {
                attn_norm: from.take(&of("input_layernorm.weight"), &[hidden])?,
                qkv: from.fused(
                    &[
                        (of("self_attn.q_proj.weight"), q),
                        (of("self_attn.k_proj.weight"), kv),
                        (of("self_attn.v_proj.weight"), kv),
                    ],
                    hidden,
                )?,
                qkv_bias,
                q_norm,
                k_norm,
                o: from.fused(&[(of("self_attn.o_proj.weight"), hidden)], q)?,
                mlp_norm: from.take(&of("post_attention_layernorm.weight"), &[hidden])?,
                gate_up: from.fused(&[(of("mlp.gate_proj.weight"), ffn), (of("mlp.up_proj.weight"), ffn)], hidden)?,
                down: from.fused(&[(of("mlp.down_proj.weight"), hidden)], ffn)?,
            });
        }
        let norm = from.take("model.norm.weight", &[hidden])?;
        let head = if config.tied {
            from.quantised(&[("model.embed_tokens.weight".to_owned(), vocab)], hidden)?
                .unwrap_or_else(|| Frozen::Plain(embed.clone()))
        } else {
            from.fused(&[("lm_head.weight".to_owned(), vocab)], hidden)?
        };
        Ok(Self { embed, layers, norm, head })
    }
}

/// A source, and what becomes of what is read from it.
struct Reading<'a> {
    source: &'a mut dyn Source,
    dtype: Dtype,
    device: &'a Device,
}

impl Reading<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.source.find(name)?.ok_or_else(|| Error::model(format!("the weights lack `{name}`")))?;
        if tensor.dims() != shape {
            let found = tensor.dims();
            return Err(Error::model(format!(
                "`{name}` is {found:?}, the configuration says {shape:?}: weights and configuration are not of one model"
            )));
        }
        Ok(rounded(&tensor, self.dtype)?.to_device(self.device)?)
    }

    /// Linears that are read together, `(name, outputs)`, one under another.
    fn fused(&mut self, parts: &[(String, usize)], inputs: usize) -> Result<Frozen> {
        if let Some(frozen) = self.quantised(parts, inputs)? {
            return Ok(frozen);
        }
        let mut tensors = Vec::with_capacity(parts.len());
        for (name, outputs) in parts {
            tensors.push(self.take(name, &[*outputs, inputs])?);
        }
        Ok(Frozen::Plain(if tensors.len() == 1 { tensors.remove(0) } else { Tensor::cat(&tensors, 0)? }))
    }

    /// The same, still quantised, where all of them are so, in one format and of the right shapes.
    fn quantised(&mut self, parts: &[(String, usize)], inputs: usize) -> Result<Option<Frozen>> {
        // Rounded weights are other numbers, and other devices have their own ways.
        if self.dtype != Dtype::F32 || !self.device.is_cpu() {
            return Ok(None);
        }
        let mut all = Vec::with_capacity(parts.len());
        for (name, outputs) in parts {
            let part = self.source.find_packed(name)?;
            let Some(part) = part.filter(|part| (part.rows(), part.columns()) == (*outputs, inputs)) else {
                return Ok(None);
            };
            all.push(part);
        }
        Ok(Packed::stacked(&all).map(Frozen::quantised))
    }
}

/// bf16 weights are f32 numbers that bf16 can hold: products and sums are f32 anyway.
fn rounded(tensor: &Tensor, dtype: Dtype) -> Result<Tensor> {
    match dtype {
        Dtype::F32 => Ok(tensor.clone()),
        Dtype::Bf16 => Ok(tensor.to_dtype(DType::BF16)?.to_dtype(DType::F32)?),
        Dtype::Q8 => Err(Error::model("dtype q8 (activations rounded to 8 bits) cannot run yet; use f32 or bf16")),
    }
}

/// What to do about a file that is not whole.
pub(super) const BRING_AGAIN: &str = "download or copy it again";

pub(super) fn cut_short(size: u64, end: u64) -> String {
    format!("is cut short: {size} bytes are there of {end} that its header tells of; {BRING_AGAIN}")
}

/// safetensors files in a folder. Tensors are read one at a time, so that a model is never in memory twice.
#[derive(Debug)]
pub struct Shards {
    files: Vec<Shard>,
    /// Tensor name → file.
    index: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    metadata: Metadata,
    /// Where tensor data begin.
    start: u64,
}

impl Shards {
    /// `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// When neither is there, or a header cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let single = folder.join("model.safetensors");
        let index = folder.join("model.safetensors.index.json");
        let mut names = Vec::new();
        if single.exists() {
            names.push(single);
        } else if index.exists() {
            let json = read_json(&index)?;
            let map = json["weight_map"].as_object().ok_or_else(|| Error::file(&index, "`weight_map` is missing"))?;
            let files: std::collections::BTreeSet<&str> = map.values().filter_map(serde_json::Value::as_str).collect();
            names.extend(files.into_iter().map(|name| folder.join(name)));
        } else {
            return Err(Error::file(folder, "there is no model.safetensors and no model.safetensors.index.json"));
        }
        Self::of_files(&names)
    }

    /// # Errors
    /// When a header cannot be read.
    pub fn of_files(paths: &[PathBuf]) -> Result<Self> {
        let mut shards = Self { files: Vec::new(), index: BTreeMap::new() };
        for path in paths {
            let shard = Shard::open(path)?;
            for name in shard.metadata.offset_keys() {
                shards.index.insert(name, shards.files.len());
            }
            shards.files.push(shard);
        }
        Ok(shards)
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }
}

impl Source for Shards {
    fn find(&mut self, name: &str) -> Result<Option<Tensor>> {
        match self.index.get(name) {
            Some(&file) => self.files[file].read(name).map(Some),
            None => Ok(None),
        }
    }
}

impl Shard {
    fn open(path: &Path) -> Result<Self> {
        let wrong = |why: &dyn std::fmt::Display| Error::file(path, why);
        let mut file = File::open(path).map_err(|why| wrong(&why))?;
        let size = file.metadata().map_err(|why| wrong(&why))?.len();
        let mut length = [0; 8];
        if size < 8 {
            return Err(wrong(&format_args!("is no safetensors file: it has {size} bytes; {BRING_AGAIN}")));
        }
        file.read_exact(&mut length).map_err(|why| wrong(&why))?;
        let length = u64::from_le_bytes(length);
        if length > size - 8 {
            return Err(wrong(&format_args!("is no safetensors file, or it is cut short; {BRING_AGAIN}")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(|why| wrong(&why))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|why| wrong(&format_args!("its header cannot be read: {why}; {BRING_AGAIN}")))?;
        let start = 8 + length;
        // Told now, not when the last layer is read.
        let end = start + metadata.data_len() as u64;
        if size < end {
            return Err(wrong(&cut_short(size, end)));
        }
        Ok(Self { path: path.to_path_buf(), metadata, start })
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let wrong = |why: String| Error::file(&self.path, why);
        let info = self.metadata.info(name).ok_or_else(|| wrong(format!("`{name}` is missing")))?;
        let (from, to) = info.data_offsets;
        let mut bytes = vec![0; to - from];
        let mut file = File::open(&self.path).map_err(|why| wrong(why.to_string()))?;
        file.seek(SeekFrom::Start(self.start + from as u64)).map_err(|why| wrong(why.to_string()))?;
        file.read_exact(&mut bytes).map_err(|why| wrong(format!("`{name}`: {why}")))?;
        let values: Vec<f32> = match info.dtype {
            safetensors::Dtype::F32 => {
                bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            safetensors::Dtype::F16 => {
                bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
            }
            safetensors::Dtype::BF16 => {
                bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
            }
            other => return Err(wrong(format!("`{name}` is {other:?}; f32, f16 and bf16 can be read"))),
        };
        Ok(Tensor::from_vec(values, info.shape.as_slice(), &Device::Cpu)?)
    }
}

/// Weights from a generator, by name: the same for the same shape on every machine.
#[derive(Debug)]
pub struct Drawn {
    pub rng: Rng,
    pub config: Config,
}

impl Source for Drawn {
    fn find(&mut self, name: &str) -> Result<Option<Tensor>> {
        let config = &self.config;
        let (q, kv) = (config.q_dim(), config.kv_dim());
        let last = name.rsplit_once("layers.").map_or(name, |(_, rest)| rest.split_once('.').map_or(rest, |(_, n)| n));
        let shape: Vec<usize> = match last {
            "model.embed_tokens.weight" | "lm_head.weight" => vec![config.vocab, config.hidden],
            "self_attn.q_proj.weight" => vec![q, config.hidden],
            "self_attn.k_proj.weight" | "self_attn.v_proj.weight" => vec![kv, config.hidden],
            "self_attn.q_proj.bias" => vec![q],
            "self_attn.k_proj.bias" | "self_attn.v_proj.bias" => vec![kv],
            "self_attn.o_proj.weight" => vec![config.hidden, q],
            "mlp.gate_proj.weight" | "mlp.up_proj.weight" => vec![config.ffn, config.hidden],
            "mlp.down_proj.weight" => vec![config.hidden, config.ffn],
            "self_attn.q_norm.weight" | "self_attn.k_norm.weight" => vec![config.head_dim],
            "model.norm.weight" | "input_layernorm.weight" | "post_attention_layernorm.weight" => vec![config.hidden],
            _ => return Ok(None),
        };
        let count: usize = shape.iter().product();
        let rng = self.rng.fork(name);
        let values: Vec<f32> = if last.ends_with("norm.weight") {
            vec![1.0; count]
        } else {
            // Wide enough that a random model has opinions: its samples and gradients are not all alike.
            let std = 0.6 / (config.hidden as f64).sqrt();
            (0..count as u64).map(|i| (std * rng.normal(i)) as f32).collect()
        };
        Ok(Some(Tensor::from_vec(values, shape, &Device::Cpu)?))
    }
}
