//! Text ↔ token ids: a `tokenizer.json`, the vocabulary inside a GGUF file (rebuilt as the same kind of tokenizer), or bytes.
//! Encoding is plain: special tokens in the text are parsed as such, nothing is added. Absent: chat templates ([`super::chat`]).

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::model::gguf::Gguf;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tokenizer(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Json(Arc<tokenizers::Tokenizer>),
    /// Token = byte; 0 ends a text. Tokens from 256 on, if a model has them, say nothing.
    Bytes,
}

/// GPT-2's split with digits one by one, as Qwen2 and later models have it.
const SPLIT_QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Llama 3's: digits in groups of up to three.
const SPLIT_LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl Tokenizer {
    /// The byte tokenizer's end of text.
    pub const BYTE_EOS: u32 = 0;

    pub fn bytes() -> Self {
        Self(Kind::Bytes)
    }

    /// # Errors
    /// When the file cannot be read as a tokenizer.
    pub fn from_file(path: &Path) -> Result<Self> {
        let tokenizer = tokenizers::Tokenizer::from_file(path).map_err(|why| Error::file(path, why))?;
        Ok(Self::of(tokenizer))
    }

    /// The byte-pair vocabulary and merges that a GGUF file carries, split as its `tokenizer.ggml.pre` says.
    ///
    /// # Errors
    /// When the file has none, or one of a kind that we do not know.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let wrong = |why: String| Error::file(gguf.path(), why);
        let model = gguf.text("tokenizer.ggml.model").unwrap_or("none");
        if model != "gpt2" {
            return Err(wrong(format!("tokenizer model `{model}` is not supported; byte-level BPE (`gpt2`) is")));
        }
        let list = |key: &str| gguf.texts(key).ok_or_else(|| wrong(format!("`{key}` is missing")));
        let tokens = list("tokenizer.ggml.tokens")?;
        let merges = list("tokenizer.ggml.merges")?;
        let types = gguf.numbers("tokenizer.ggml.token_type").unwrap_or_default();
        let bytes = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex});
        let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        let sequence = |parts: Vec<Value>| json!({"type": "Sequence", "pretokenizers": parts});
        let mut normalizer = Value::Null;
        let mut ignore_merges = false;
        let pre = gguf.text("tokenizer.ggml.pre").unwrap_or("default");
        let pre_tokenizer = match pre {
            "smollm" => sequence(vec![json!({"type": "Digits", "individual_digits": true}), bytes(true)]),
            "gpt2" | "gpt-2" => bytes(true),
            "qwen2" => {
                normalizer = json!({"type": "NFC"});
                sequence(vec![split(SPLIT_QWEN2), bytes(false)])
            }
            "llama-bpe" | "llama3" => {
                ignore_merges = true;
                sequence(vec![split(SPLIT_LLAMA3), bytes(false)])
            }
            other => {
                return Err(wrong(format!("pre-tokenizer `{other}` is not one of smollm, gpt2, qwen2, llama-bpe")));
            }
        };
        // GGUF's token types: 3 is a control token, 4 is user-defined text that is never split.
        let added: Vec<Value> = (tokens.iter().zip(&types).enumerate())
            .filter(|(_, (_, kind))| matches!(kind, 3 | 4))
            .map(|(id, (text, kind))| {
                json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": *kind == 3})
            })
            .collect();
        let vocab: serde_json::Map<String, Value> =
            tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), json!(id))).collect();
        let document = json!({
            "version": "1.0", "truncation": null, "padding": null,
            "added_tokens": added,
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "post_processor": null,
            "decoder": bytes(true),
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                      "ignore_merges": ignore_merges, "vocab": vocab, "merges": merges},
        });
        let tokenizer =
            tokenizers::Tokenizer::from_bytes(document.to_string()).map_err(|why| wrong(why.to_string()))?;
        Ok(Self::of(tokenizer))
    }

    fn of(mut tokenizer: tokenizers::Tokenizer) -> Self {
        // A file may ask for padding to a fixed length; packs know no padding.
        tokenizer.with_padding(None);
        Self(Kind::Json(Arc::new(tokenizer)))
    }

    /// # Errors
    /// When the text cannot be encoded, which a byte-level vocabulary always can.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match &self.0 {
            Kind::Json(tokenizer) => {
                let encoding =
                    tokenizer.encode_fast(text, false).map_err(|why| Error::model(format!("tokenizer: {why}")))?;
                Ok(encoding.get_ids().to_vec())
            }
            Kind::Bytes => Ok(text.bytes().map(u32::from).collect()),
        }
    }

    /// The text of these tokens; `skip_special` leaves special tokens out. Bytes that are no text become U+FFFD.
    ///
    /// # Errors
    /// When the tokenizer's decoder fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        match &self.0 {
            Kind::Json(tokenizer) => {
                tokenizer.decode(ids, skip_special).map_err(|why| Error::model(format!("tokenizer: {why}")))
            }
            Kind::Bytes => {
                let bytes: Vec<u8> = ids
                    .iter()
                    .filter_map(|&id| u8::try_from(id).ok())
                    .filter(|&byte| !(skip_special && u32::from(byte) == Self::BYTE_EOS))
                    .collect();
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
        }
    }

    /// The id of a token by its exact text.
    pub fn id(&self, token: &str) -> Option<u32> {
        match &self.0 {
            Kind::Json(tokenizer) => tokenizer.token_to_id(token),
            Kind::Bytes => match token.as_bytes() {
                [byte] => Some(u32::from(*byte)),
                _ => None,
            },
        }
    }

    /// The exact text of a token.
    pub fn token(&self, id: u32) -> Option<String> {
        match &self.0 {
            Kind::Json(tokenizer) => tokenizer.id_to_token(id),
            Kind::Bytes => u8::try_from(id).ok().map(|byte| char::from(byte).to_string()),
        }
    }

    pub fn is_bytes(&self) -> bool {
        matches!(self.0, Kind::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_and_come_back() {
        let tokenizer = Tokenizer::bytes();
        let ids = tokenizer.encode("né\n").unwrap();
        assert_eq!(ids, [110, 0xc3, 0xa9, 10]);
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), "né\n");
        assert_eq!(tokenizer.decode(&[104, 105, 0, 300], true).unwrap(), "hi");
    }
}
