//! A causal language model: frozen weights, tokenizer and chat template. What is read off it (log-probabilities, hidden states,
//! their gradients) is here; sampling is in [`crate::generate`].

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use mascot_run::task::{Dtype, RandomModel};

use super::config::{Arch, Config, read_json};
use super::gguf::Gguf;
use super::weights::{Drawn, Shards, Weights};
use crate::error::{Error, Result};
use crate::kernels::attention;
use crate::kernels::decode::Kv;
use crate::kernels::linear::{Role, linear};
use crate::kernels::pointwise::{self, Rotation};
use crate::kernels::{beside, pooled, vocabulary};
use crate::nn::block::{Pass, Saved, saved_bytes};
use crate::nn::lora::{Adapter, Lora, LoraGrads};
use crate::nn::pack::Pack;
use crate::rng::Rng;
use crate::text::{Chat, Tokenizer};

/// What a training pass may keep, in bytes. A pack that needs more keeps each block's input and computes the rest again: what
/// is computed follows from the pack's size alone.
const SAVED_BYTES: usize = 384 << 20;

/// Tokens of a pass without gradients, as far as blocks allow: enough for weights to be expanded seldom, few enough for their states to
/// stay in a thread's own cache. Passes go beside one another.
pub(crate) const PASS_TOKENS: usize = 256;

/// A frozen model. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    weights: Weights,
    tokenizer: Tokenizer,
    chat: Chat,
    device: Device,
    frequencies: Vec<f64>,
}

/// Keys and values of tokens that stand before others, computed once.
#[derive(Debug, Clone)]
pub struct Prefix {
    pub(crate) layers: Arc<Vec<Kv>>,
    pub(crate) tokens: usize,
}

impl Prefix {
    /// Tokens in it.
    pub fn len(&self) -> usize {
        self.tokens
    }

    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Its first `tokens` tokens.
    #[must_use]
    pub fn cut(&self, tokens: usize) -> Self {
        let tokens = tokens.min(self.tokens);
        let part = |heads: &[Vec<f32>]| -> Vec<Vec<f32>> {
            heads.iter().map(|head| head[..head.len() / self.tokens.max(1) * tokens].to_vec()).collect()
        };
        let layers = self.layers.iter().map(|kv| Kv { keys: part(&kv.keys), values: part(&kv.values) });
        Self { layers: Arc::new(layers.collect()), tokens }
    }
}

impl Lm {
    /// A Hugging Face folder, or a GGUF file.
    ///
    /// # Errors
    /// When a file is missing or cannot be read, or the model is of a kind that we do not run.
    pub fn load(path: &Path, dtype: Dtype, device: &Device) -> Result<Self> {
        Self::open(path, dtype, device).map_err(|why| why.of_model_at(path))
    }

    fn open(path: &Path, dtype: Dtype, device: &Device) -> Result<Self> {
        if path.is_dir() {
            let config = Config::from_folder(path)?;
            let weights = Weights::gather(&config, &mut Shards::open(path)?, dtype, device)?;
            let tokenizer = Tokenizer::from_file(&path.join("tokenizer.json"))?;
            let chat = read_chat(path)?;
            return Ok(Self::new(config, weights, tokenizer, chat, device));
        }
        let mut gguf = Gguf::open(path)?;
        let config = gguf.config()?;
        let tokenizer = Tokenizer::from_gguf(&gguf)?;
        let token = |id: Option<u32>| id.and_then(|id| tokenizer.token(id)).unwrap_or_default();
        let template = gguf.text("tokenizer.chat_template").unwrap_or_default().to_owned();
        let chat = Chat::new(template, token(config.bos), token(config.eos.first().copied())).read_from(path);
        let weights = Weights::gather(&config, &mut gguf, dtype, device)?;
        Ok(Self::new(config, weights, tokenizer, chat, device))
    }

    /// Weights drawn from a generator, a byte tokenizer: for tests and rehearsals. The same shape gives the same weights.
    ///
    /// # Errors
    /// When the shape is impossible or the architecture is no decoder.
    pub fn random(spec: &RandomModel, device: &Device) -> Result<Self> {
        let arch = match spec.arch.as_str() {
            "llama" => Arch::Llama,
            "qwen2" => Arch::Qwen2,
            "qwen3" => Arch::Qwen3,
            other => {
                return Err(Error::model(format!("a random `{other}` is no language model; llama, qwen2, qwen3 are")));
            }
        };
        if spec.tokenizer != "bytes" {
            return Err(Error::model(format!(
                "tokenizer `{}` of a random model: only `bytes` is known",
                spec.tokenizer
            )));
        }
        if spec.vocab < 256 {
            return Err(Error::model(format!("a byte tokenizer needs a vocabulary of 256, not {}", spec.vocab)));
        }
        let config = Config {
            arch,
            hidden: spec.hidden as usize,
            layers: spec.layers as usize,
            heads: spec.heads as usize,
            kv_heads: spec.kv_heads as usize,
            head_dim: spec.hidden as usize / (spec.heads as usize).max(1),
            ffn: spec.ffn as usize,
            vocab: spec.vocab as usize,
            norm_eps: 1e-6,
            rope_theta: 10_000.0,
            rope_scaling: None,
            tied: true,
            eos: vec![Tokenizer::BYTE_EOS],
            bos: None,
            max_positions: usize::MAX,
        };
        let config = config.check().map_err(|why| Error::model(format!("random model: {why}")))?;
        let mut drawn = Drawn { rng: Rng::new(0).fork("random model"), config: config.clone() };
        let weights = Weights::gather(&config, &mut drawn, Dtype::F32, device)?;
        Ok(Self::new(config, weights, Tokenizer::bytes(), Chat::bytes(), device))
    }

    fn new(config: Config, weights: Weights, tokenizer: Tokenizer, chat: Chat, device: &Device) -> Self {
        let frequencies = config.rope_frequencies();
        Self(Arc::new(Inner { config, weights, tokenizer, chat, device: device.clone(), frequencies }))
    }

    /// Whether both are the very same weights in memory.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.0.tokenizer
    }

    pub fn chat(&self) -> &Chat {
        &self.0.chat
    }

    pub fn device(&self) -> &Device {
        &self.0.device
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.0.weights
    }

    pub(crate) fn rotation(&self, positions: &[u32]) -> Result<Rotation> {
        Rotation::new(positions, &self.0.frequencies, &self.0.device)
    }

    /// The token that ends a turn.
    pub fn end_of_turn(&self) -> Option<u32> {
        self.0.config.eos.first().copied()
    }

    /// Tokens of a training pack that keeps everything for its backward pass; longer ones are computed twice.
    pub fn pack_tokens(&self) -> usize {
        (SAVED_BYTES / (saved_bytes(&self.0.config) * self.0.config.layers)).max(1)
    }

    pub(crate) fn adapter(&self, lora: Option<&Lora>) -> Result<Option<Arc<Adapter>>> {
        lora.map(|lora| lora.on(&self.0.device)).transpose()
    }

    fn check_ids(&self, ids: &[u32]) -> Result<()> {
        match ids.iter().find(|&&id| id as usize >= self.0.config.vocab) {
            Some(id) => Err(Error::Data(format!("token {id} is outside the vocabulary of {}", self.0.config.vocab))),
            None => Ok(()),
        }
    }

    pub(crate) fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        self.check_ids(ids)?;
        Ok(self.0.weights.embed.index_select(&Tensor::new(ids, &self.0.device)?, 0)?)
    }

    /// The state before the final norm, `[rows, hidden]`. `before` has the prefix of each block, as far as there are any; `each` is
    /// given every layer's saved state and rotated q | k | v.
    pub(crate) fn trunk(
        &self,
        adapter: Option<&Adapter>,
        pack: &Pack,
        mut each: impl FnMut(usize, Saved) -> Result<()> + Send,
    ) -> Result<(Tensor, Rotation)> {
        pooled(|| {
            let config = &self.0.config;
            let rotation = self.rotation(pack.positions())?;
            let mut x = self.embed(pack.ids())?;
            let pass = Pass { config, rotation: &rotation, role: Role::Read };
            for (i, weights) in self.0.weights.layers.iter().enumerate() {
                let attend = |qkv: &Tensor| attention::forward(qkv, config.attention_heads(), pack.blocks(), &[]);
                let routes = [(pack.len(), adapter.and_then(|adapter| adapter.layer(i)))];
                let (y, saved) = pass.forward(weights, &routes, x, attend)?;
                each(i, saved)?;
                x = y;
            }
            Ok((x, rotation))
        })
    }

    /// States after the final norm at these rows, `[rows, hidden]`, nothing kept. `before` has the prefix of each block, as far as there are
    /// any; `each` is given every layer's rotated q | k | v, to copy from: its room is used again. The last layer goes on behind attention
    /// for these rows alone.
    pub(crate) fn states_at(
        &self,
        adapter: Option<&Adapter>,
        pack: &Pack,
        before: &[Option<&Prefix>],
        rows: &[u32],
        mut each: impl FnMut(usize, &Tensor) -> Result<()> + Send,
    ) -> Result<Tensor> {
        pooled(|| {
            let Inner { config, weights, device, .. } = &*self.0;
            let rotation = self.rotation_after(pack, before)?;
            let pass = Pass { config, rotation: &rotation, role: Role::Read };
            let rows = Tensor::new(rows, device)?;
            let mut x = self.embed(pack.ids())?;
            for (i, weights) in weights.layers.iter().enumerate() {
                let kv: Vec<Option<&Kv>> = before.iter().map(|prefix| prefix.map(|prefix| &prefix.layers[i])).collect();
                let attend = |qkv: &Tensor| attention::forward(qkv, config.attention_heads(), pack.blocks(), &kv);
                let factors = adapter.and_then(|adapter| adapter.layer(i));
                if i + 1 == self.0.weights.layers.len() {
                    let (y, qkv) = pass.forward_rows(weights, factors, &x, &rows, attend)?;
                    each(i, &qkv)?;
                    x = y;
                } else {
                    let (y, saved) = pass.forward(weights, &[(pack.len(), factors)], x, attend)?;
                    each(i, saved.qkv())?;
                    saved.recycle();
                    x = y;
                }
            }
            pointwise::rms_norm(&x, &weights.norm, config.norm_eps)
        })
    }

    /// Of a pack's rows, behind the prefix of each block.
    fn rotation_after(&self, pack: &Pack, before: &[Option<&Prefix>]) -> Result<Rotation> {
        let mut positions = pack.positions().to_vec();
        for (block, prefix) in pack.blocks().iter().zip(before) {
            let known = prefix.map_or(0, Prefix::len) as u32;
            positions[block.start..block.start + block.len()].iter_mut().for_each(|position| *position += known);
        }
        self.rotation(&positions)
    }

    /// States after the final norm at these rows, `[rows, hidden]`.
    pub(crate) fn states(&self, x: &Tensor, rows: &[u32]) -> Result<(Tensor, Tensor)> {
        let before = x.index_select(&Tensor::new(rows, &self.0.device)?, 0)?;
        let after = pointwise::rms_norm(&before, &self.0.weights.norm, self.0.config.norm_eps)?;
        Ok((before, after))
    }

    /// Log-probabilities of a pack's targets, in their order, in nats. Logits are divided by `temperature` first.
    ///
    /// # Errors
    /// When a token is outside the vocabulary, or memory is short.
    pub fn logps(&self, adapter: Option<&Lora>, pack: &Pack, temperature: f32) -> Result<Vec<f32>> {
        self.logps_after(None, adapter, pack, temperature)
    }

    /// As [`Lm::logps`], with a cached prefix before every block. The prefix was computed without an adapter; with one, this is
    /// a model whose adapter is off over the prefix.
    ///
    /// # Errors
    /// As [`Lm::logps`].
    pub fn logps_after(
        &self,
        prefix: Option<&Prefix>,
        adapter: Option<&Lora>,
        pack: &Pack,
        temperature: f32,
    ) -> Result<Vec<f32>> {
        let adapter = self.adapter(adapter)?;
        let parts = beside(&self.0.device, &pack.split(PASS_TOKENS), |part| {
            let before = vec![prefix; part.blocks().len()];
            let (rows, targets) = rows_and_ids(part);
            let states = self.states_at(adapter.as_deref(), part, &before, &rows, |_, _| Ok(()))?;
            vocabulary::logps(&states, &self.0.weights.head, &targets, temperature)
        })?;
        Ok(parts.concat())
    }

    /// Logits of every row, `[rows, vocab]`: for tests and small packs.
    ///
    /// # Errors
    /// As [`Lm::logps`].
    pub fn logits(&self, adapter: Option<&Lora>, pack: &Pack) -> Result<Tensor> {
        let adapter = self.adapter(adapter)?;
        let (x, _) = self.trunk(adapter.as_deref(), pack, |_, _| Ok(()))?;
        let states = pointwise::rms_norm(&x, &self.0.weights.norm, self.0.config.norm_eps)?;
        linear(&states, &self.0.weights.head, Role::Read)
    }

    /// Keys and values of these tokens under the model alone, to stand before packs.
    ///
    /// # Errors
    /// When there are none, or one is outside the vocabulary.
    pub fn prefix(&self, ids: &[u32]) -> Result<Prefix> {
        self.prefix_under(None, ids)
    }

    /// A forward pass whose log-probabilities can be differentiated.
    ///
    /// # Errors
    /// As [`Lm::logps`].
    pub fn forward_train(&self, lora: &Lora, pack: &Pack, temperature: f32) -> Result<TrainForward> {
        let kept = Kept::forward(self, lora, pack)?;
        let (rows, targets) = rows_and_ids(pack);
        let (before, states) = self.states(&kept.y, &rows)?;
        let (logps, slopes) = vocabulary::logps_and_slopes(&states, &self.0.weights.head, &targets, temperature)?;
        Ok(TrainForward { kept, rows, before, logps, slopes })
    }

    /// A forward pass whose states after the final norm, at these rows, can be differentiated.
    ///
    /// # Errors
    /// As [`Lm::logps`].
    pub fn forward_hidden(&self, lora: &Lora, pack: &Pack, rows: &[usize]) -> Result<HiddenForward> {
        let kept = Kept::forward(self, lora, pack)?;
        let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        let (before, states) = self.states(&kept.y, &rows)?;
        Ok(HiddenForward { kept, rows, before, states })
    }

    /// States after the final norm at these rows, `[rows, hidden]`, nothing kept.
    ///
    /// # Errors
    /// As [`Lm::logps`].
    pub fn hidden(&self, lora: Option<&Lora>, pack: &Pack, rows: &[usize]) -> Result<Tensor> {
        let adapter = self.adapter(lora)?;
        let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        self.states_at(adapter.as_deref(), pack, &[], &rows, |_, _| Ok(()))
    }
}

pub(crate) fn rows_and_ids(pack: &Pack) -> (Vec<u32>, Vec<u32>) {
    pack.targets().iter().map(|target| (target.row as u32, target.id)).unzip()
}

/// What a trunk's backward pass needs.
#[derive(Debug)]
struct Kept {
    lm: Lm,
    adapter: Arc<Adapter>,
    pack: Pack,
    rotation: Rotation,
    layers: Vec<Checkpoint>,
    /// Before the final norm.
    y: Tensor,
}

#[derive(Debug)]
enum Checkpoint {
    All(Box<Saved>),
    Input(Tensor),
}

impl Kept {
    fn forward(lm: &Lm, lora: &Lora, pack: &Pack) -> Result<Self> {
        let adapter = lora.on(lm.device())?;
        let everything = pack.len() <= lm.pack_tokens();
        let mut layers = Vec::with_capacity(lm.config().layers);
        let (y, rotation) = lm.trunk(Some(&adapter), pack, |_, saved| {
            layers.push(if everything {
                Checkpoint::All(Box::new(saved))
            } else {
                Checkpoint::Input(saved.into_input())
            });
            Ok(())
        })?;
        Ok(Self { lm: lm.clone(), adapter, pack: pack.clone(), rotation, layers, y })
    }

    /// From the gradient of normed states at `rows`.
    fn backward(self, rows: &[u32], before: &Tensor, dstates: &Tensor, grads: &mut LoraGrads) -> Result<()> {
        pooled(|| {
            let Inner { config, weights, device, .. } = &*self.lm.0;
            let dbefore = pointwise::rms_norm_backward(before, &weights.norm, dstates, config.norm_eps)?;
            let index = Tensor::new(rows, device)?;
            let mut dy = self.y.zeros_like()?.index_add(&index, &dbefore, 0)?;
            drop(self.y);
            let pass = Pass { config, rotation: &self.rotation, role: Role::Read };
            let blocks = self.pack.blocks();
            for (i, checkpoint) in self.layers.into_iter().enumerate().rev() {
                let factors = self.adapter.layer(i);
                let saved = match checkpoint {
                    Checkpoint::All(saved) => *saved,
                    Checkpoint::Input(x) => {
                        let attend = |qkv: &Tensor| attention::forward(qkv, config.attention_heads(), blocks, &[]);
                        pass.forward(&weights.layers[i], &[(self.pack.len(), factors)], x, attend)?.1
                    }
                };
                match pass.backward(i, &weights.layers[i], factors, &saved, blocks, dy, grads, i > 0)? {
                    Some(dx) => dy = dx,
                    None => break,
                }
            }
            Ok(())
        })
    }
}

/// A forward pass with log-probabilities; see [`Lm::forward_train`].
#[derive(Debug)]
pub struct TrainForward {
    kept: Kept,
    rows: Vec<u32>,
    before: Tensor,
    logps: Vec<f32>,
    /// `d logp / d state`, `[targets, hidden]`; `None` where there is no target.
    slopes: Option<Tensor>,
}

impl TrainForward {
    /// One a target, in the pack's order.
    pub fn logps(&self) -> &[f32] {
        &self.logps
    }

    /// Adds the gradient of Σ dlogp · logp to `grads`.
    ///
    /// # Errors
    /// When memory is short.
    ///
    /// # Panics
    /// When `dlogp` is not one number a target.
    pub fn backward(self, dlogp: &[f32], grads: &mut LoraGrads) -> Result<()> {
        assert_eq!(dlogp.len(), self.logps.len(), "one gradient a target; this is a bug in mascot");
        if dlogp.iter().all(|&d| d == 0.0) {
            return Ok(());
        }
        let Some(slopes) = &self.slopes else { return Ok(()) };
        let dlogp = Tensor::new(dlogp, slopes.device())?.unsqueeze(1)?;
        let dstates = slopes.broadcast_mul(&dlogp)?;
        self.kept.backward(&self.rows, &self.before, &dstates, grads)
    }
}

/// A forward pass with hidden states; see [`Lm::forward_hidden`].
#[derive(Debug)]
pub struct HiddenForward {
    kept: Kept,
    rows: Vec<u32>,
    before: Tensor,
    states: Tensor,
}

impl HiddenForward {
    /// After the final norm, `[rows, hidden]`.
    pub fn hidden(&self) -> &Tensor {
        &self.states
    }

    /// Adds the gradient of Σ dhidden · hidden to `grads`.
    ///
    /// # Errors
    /// When shapes differ or memory is short.
    pub fn backward(self, dhidden: &Tensor, grads: &mut LoraGrads) -> Result<()> {
        self.kept.backward(&self.rows, &self.before, &dhidden.contiguous()?, grads)
    }
}

/// `chat_template.jinja`, or `chat_template` of `tokenizer_config.json`; empty where a model has none.
fn read_chat(folder: &Path) -> Result<Chat> {
    let path = folder.join("tokenizer_config.json");
    let json = if path.exists() { read_json(&path)? } else { serde_json::Value::Null };
    let file = folder.join("chat_template.jinja");
    let template = if file.exists() {
        std::fs::read_to_string(&file).map_err(|why| Error::file(&file, why))?
    } else {
        match &json["chat_template"] {
            serde_json::Value::String(template) => template.clone(),
            // Several templates by name: the default one.
            serde_json::Value::Array(named) => named
                .iter()
                .find(|entry| entry["name"] == "default")
                .and_then(|entry| entry["template"].as_str())
                .unwrap_or_default()
                .to_owned(),
            _ => String::new(),
        }
    };
    let token = |key: &str| match &json[key] {
        serde_json::Value::String(token) => token.clone(),
        other => other["content"].as_str().unwrap_or_default().to_owned(),
    };
    let place = if file.exists() { file } else { path };
    Ok(Chat::new(template, token("bos_token"), token("eos_token")).read_from(&place))
}
