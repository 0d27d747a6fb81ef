//! GGUF files: configuration, dequantised weights, and the vocabulary they carry.
//!
//! llama.cpp stores Llama's query and key rows so that pairs to be rotated lie side by side; we rotate halves, as Hugging
//! Face does, and put the rows back in that order. Qwen files are not permuted.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::config::{Arch, Config};
use super::weights::{BRING_AGAIN, Source, cut_short};
use crate::error::{Error, Result};
use crate::kernels::packed::{Kind, Packed};

/// No size of a model is larger (vocabularies go to 2¹⁸): products of three of them can be counted.
const LARGEST: u64 = 1 << 20;

/// An open GGUF file.
pub struct Gguf {
    path: PathBuf,
    reader: BufReader<File>,
    content: Content,
    prefix: String,
}

impl std::fmt::Debug for Gguf {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Gguf").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Gguf {
    /// # Errors
    /// When the file cannot be read as GGUF.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|why| Error::file(path, why))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let size = file_size(&reader).map_err(|why| Error::file(path, why))?;
        let content = Content::read(&mut Careful { reader: &mut reader, next: Next::Any }).map_err(|why| {
            Error::file(path, format!("cannot be read as GGUF, or is cut short ({}); {BRING_AGAIN}", first_line(&why)))
        })?;
        // candle makes a slice of its numbers where there is no room for any.
        let empty = content.tensor_infos.iter().filter(|(_, info)| info.shape.dims().contains(&0));
        if let Some(name) = empty.map(|(name, _)| name).min() {
            return Err(Error::file(path, format!("`{name}` holds no number; {BRING_AGAIN}")));
        }
        // Told now, not when the last layer is read.
        let tensors = content.tensor_infos.values();
        let ends = tensors.map(|info| {
            // More than can be counted is more than any file holds.
            let numbers = info.shape.dims().iter().fold(1_u64, |all, one| all.saturating_mul(*one as u64));
            let blocks = numbers.div_ceil(info.ggml_dtype.block_size() as u64);
            let bytes = blocks.saturating_mul(info.ggml_dtype.type_size() as u64);
            content.tensor_data_offset.saturating_add(info.offset).saturating_add(bytes)
        });
        let end = ends.max().unwrap_or(0);
        if size < end {
            return Err(Error::file(path, cut_short(size, end)));
        }
        let mut gguf = Self { path: path.to_path_buf(), reader, content, prefix: String::new() };
        gguf.prefix = gguf.text("general.architecture").unwrap_or_default().to_owned();
        Ok(gguf)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.content.metadata.get(key)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(|value| value.to_string().ok()).map(String::as_str)
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        let value = self.value(key)?;
        value
            .to_u64()
            .ok()
            .or_else(|| value.to_i64().ok().and_then(|n| u64::try_from(n).ok()))
            .or_else(|| value.to_i32().ok().and_then(|n| u64::try_from(n).ok()))
    }

    fn float(&self, key: &str) -> Option<f64> {
        let value = self.value(key)?;
        value.to_f32().map(f64::from).ok().or_else(|| value.to_f64().ok())
    }

    pub fn texts(&self, key: &str) -> Option<Vec<&str>> {
        self.value(key)?.to_vec().ok()?.iter().map(|v| v.to_string().ok().map(String::as_str)).collect()
    }

    pub fn numbers(&self, key: &str) -> Option<Vec<i64>> {
        let list = self.value(key)?.to_vec().ok()?;
        list.iter().map(|v| v.to_i32().map(i64::from).or_else(|_| v.to_u32().map(i64::from)).ok()).collect()
    }

    /// The configuration in the file's metadata.
    ///
    /// # Errors
    /// When it is of an architecture that we do not run, or a value is missing.
    pub fn config(&self) -> Result<Config> {
        let wrong = |why: String| Error::file(&self.path, why);
        let arch = match self.prefix.as_str() {
            "llama" => Arch::Llama,
            "qwen2" => Arch::Qwen2,
            "qwen3" => Arch::Qwen3,
            other => {
                return Err(wrong(format!(
                    "architecture `{other}` is not one of llama, qwen2, qwen3; name another model"
                )));
            }
        };
        let of = |key: &str| format!("{}.{key}", self.prefix);
        let size = |key: &str| match self.number(&of(key)) {
            Some(n) if n > LARGEST => Err(wrong(format!("`{}` is {n}, which no model has", of(key)))),
            found => Ok(found.map(|n| n as usize)),
        };
        let number = |key: &str| size(key)?.ok_or_else(|| wrong(format!("`{}` is missing", of(key))));
        if let Some(kind) = self.text(&of("rope.scaling.type"))
            && kind != "none"
        {
            return Err(wrong(format!("rope scaling `{kind}` is not supported")));
        }
        for absent in ["blk.0.attn_output.bias", "blk.0.ffn_down.bias", "rope_freqs.weight"] {
            if self.content.tensor_infos.contains_key(absent) {
                return Err(wrong(format!("`{absent}` is not supported")));
            }
        }
        let (hidden, heads) = (number("embedding_length")?, number("attention.head_count")?);
        let vocab = self
            .content
            .tensor_infos
            .get("token_embd.weight")
            .and_then(|info| info.shape.dims().first().copied())
            .ok_or_else(|| wrong("`token_embd.weight` is missing".to_owned()))?;
        let eos = ["eos_token_id", "eot_token_id"];
        let mut eos: Vec<u32> =
            eos.iter().filter_map(|key| self.number(&format!("tokenizer.ggml.{key}"))).map(|id| id as u32).collect();
        eos.dedup();
        let config = Config {
            arch,
            hidden,
            layers: number("block_count")?,
            heads,
            kv_heads: size("attention.head_count_kv")?.unwrap_or(heads),
            head_dim: size("attention.key_length")?.unwrap_or(hidden / heads.max(1)),
            ffn: number("feed_forward_length")?,
            vocab,
            norm_eps: self.float(&of("attention.layer_norm_rms_epsilon")).unwrap_or(1e-6),
            rope_theta: self.float(&of("rope.freq_base")).unwrap_or(10_000.0),
            rope_scaling: None,
            tied: !self.content.tensor_infos.contains_key("output.weight"),
            eos,
            bos: self.number("tokenizer.ggml.bos_token_id").map(|id| id as u32),
            max_positions: self.number(&of("context_length")).map_or(usize::MAX, |n| n as usize),
        };
        config.check().map_err(wrong)
    }
}

impl Gguf {
    /// The tensor as it is stored, and over how many heads its rows must be put back in order.
    fn stored(&mut self, name: &str) -> Result<Option<(QTensor, Option<usize>)>> {
        let Some(stored) = stored_name(name) else { return Ok(None) };
        if !self.content.tensor_infos.contains_key(&stored) {
            return Ok(None);
        }
        let quantised = self
            .content
            .tensor(&mut self.reader, &stored, &Device::Cpu)
            .map_err(|why| Error::file(&self.path, format!("`{stored}`: {why}")))?;
        let key = match () {
            () if self.prefix != "llama" => return Ok(Some((quantised, None))),
            () if stored.ends_with("attn_q.weight") => "head_count",
            () if stored.ends_with("attn_k.weight") => "head_count_kv",
            () => return Ok(Some((quantised, None))),
        };
        let heads = [key, "head_count"].into_iter().find_map(|key| self.number(&format!("llama.attention.{key}")));
        let heads = heads.ok_or_else(|| Error::file(&self.path, "`llama.attention.head_count` is missing"))?;
        let rows = quantised.shape().dims().first().map_or(0, |rows| *rows as u64);
        if heads.checked_mul(2).is_none_or(|halves| halves == 0 || rows % halves != 0) {
            return Err(Error::file(&self.path, format!("`{stored}` has {rows} rows for {heads} heads")));
        }
        Ok(Some((quantised, Some(heads as usize))))
    }
}

impl Source for Gguf {
    fn find(&mut self, name: &str) -> Result<Option<Tensor>> {
        let Some((quantised, heads)) = self.stored(name)? else { return Ok(None) };
        let tensor = quantised.dequantize(&Device::Cpu)?;
        let Some(heads) = heads else { return Ok(Some(tensor)) };
        let (rows, columns) = tensor.dims2()?;
        let halves = tensor.reshape((heads, rows / heads / 2, 2, columns))?.transpose(1, 2)?.contiguous()?;
        Ok(Some(halves.reshape((rows, columns))?))
    }

    fn find_packed(&mut self, name: &str) -> Result<Option<Packed>> {
        let Some((quantised, heads)) = self.stored(name)? else { return Ok(None) };
        let kind = match quantised.dtype() {
            GgmlDType::Q4_0 => Kind::Q4_0,
            GgmlDType::Q4_1 => Kind::Q4_1,
            GgmlDType::Q8_0 => Kind::Q8_0,
            _ => return Ok(None),
        };
        let (rows, columns) = quantised.shape().dims2()?;
        let Some(packed) = Packed::read(kind, &quantised.data()?, columns) else { return Ok(None) };
        let Some(heads) = heads else { return Ok(Some(packed)) };
        let half = rows / heads / 2;
        let order: Vec<usize> = (0..rows)
            .map(|row| {
                let (head, within) = (row / (2 * half), row % (2 * half));
                head * 2 * half + 2 * (within % half) + within / half
            })
            .collect();
        Ok(Some(packed.reordered(&order)))
    }
}

/// A header on its way to candle, which divides by `general.alignment` without a look at it.
struct Careful<'r> {
    reader: &'r mut BufReader<File>,
    next: Next,
}

/// What candle reads next, as far as we care.
enum Next {
    Any,
    /// The number that tells the type of the alignment.
    Type,
    Alignment,
}

impl Read for Careful<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }

    fn read_exact(&mut self, into: &mut [u8]) -> io::Result<()> {
        self.reader.read_exact(into)?;
        self.next = match self.next {
            Next::Alignment if into.iter().all(|byte| *byte == 0) => {
                return Err(io::Error::other("its alignment is 0"));
            }
            Next::Type => Next::Alignment,
            _ if *into == *b"general.alignment" => Next::Type,
            _ => Next::Any,
        };
        Ok(())
    }
}

impl Seek for Careful<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.reader.stream_position()
    }
}

fn file_size(reader: &BufReader<File>) -> std::io::Result<u64> {
    Ok(reader.get_ref().metadata()?.len())
}

/// candle's errors may carry a backtrace.
fn first_line(why: &candle_core::Error) -> String {
    why.to_string().lines().next().unwrap_or_default().to_owned()
}

/// llama.cpp's name for a Hugging Face tensor.
fn stored_name(name: &str) -> Option<String> {
    match name {
        "model.embed_tokens.weight" => return Some("token_embd.weight".to_owned()),
        "model.norm.weight" => return Some("output_norm.weight".to_owned()),
        "lm_head.weight" => return Some("output.weight".to_owned()),
        _ => {}
    }
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = match part {
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" => "ffn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{part}.{kind}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A header of one tensor, `blk.0.attn_q.weight`, and these numbers.
    fn header(numbers: &[(&str, u32)], shape: &[u64], data: usize) -> Vec<u8> {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend((numbers.len() as u64 + 1).to_le_bytes());
        text(&mut bytes, "general.architecture");
        bytes.extend(8_u32.to_le_bytes());
        text(&mut bytes, "llama");
        for (key, value) in numbers {
            text(&mut bytes, key);
            bytes.extend(4_u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        text(&mut bytes, "blk.0.attn_q.weight");
        bytes.extend((shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|side| bytes.extend(side.to_le_bytes()));
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
        bytes
    }

    fn opened(bytes: &[u8]) -> Result<Gguf> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Gguf::open(file.path())
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let refused = |bytes: &[u8], reason: &str| {
            let told = opened(bytes).map(|_| ()).unwrap_err().to_string();
            assert!(told.contains(reason), "{reason}: {told}");
        };
        // candle divides by it.
        refused(&header(&[("general.alignment", 0)], &[4, 4], 64), "its alignment is 0");
        // 2⁶⁴ and a few, which wraps round to a few.
        refused(&header(&[], &[1 << 32, 1 << 32], 64), "cut short");
        refused(&header(&[], &[(1 << 62) + 1, 4], 64), "cut short");

        // A finding of the fuzzer.
        refused(&header(&[], &[4, 0], 64), "`blk.0.attn_q.weight` holds no number");
        refused(&header(&[], &[1 << 63, 4, 0], 64), "holds no number");

        let query = "model.layers.0.self_attn.q_proj.weight";
        for heads in [0, 3, 8, u32::MAX] {
            let mut gguf = opened(&header(&[("llama.attention.head_count", heads)], &[4, 4], 64)).unwrap();
            let told = gguf.find(query).map(|_| ()).unwrap_err().to_string();
            assert!(told.contains("4 rows for"), "{told}");
            assert!(gguf.find_packed(query).is_err());
        }
        let mut gguf = opened(&header(&[("llama.attention.head_count", 2)], &[4, 4], 64)).unwrap();
        assert_eq!(gguf.find(query).unwrap().unwrap().dims(), [4, 4]);

        let sizes = [("llama.attention.head_count", 2), ("llama.embedding_length", u32::MAX)];
        let gguf = opened(&header(&sizes, &[4, 4], 64)).unwrap();
        let told = gguf.config().unwrap_err().to_string();
        assert!(told.contains("which no model has"), "{told}");
    }
}
