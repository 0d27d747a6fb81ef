//! Adapters as PEFT folders: `adapter_config.json` and `adapter_model.safetensors`, as real `peft` writes and reads them. What we
//! do not support is refused by name rather than ignored.

use std::collections::BTreeMap;
use std::path::Path;

use mascot_run::task::Target;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use super::causal_lm::Lm;
use super::config::read_json;
use super::weights::{Shards, Source};
use crate::error::{Error, Result};
use crate::nn::lora::{Lora, TARGETS, module};

/// The name under which peft keeps the head of a sequence classifier, `[1, hidden]`.
const SCORE: &str = "base_model.model.score.weight";

/// What an adapter folder holds.
#[derive(Debug, Clone)]
pub struct Peft {
    pub lora: Lora,
    /// A reward model's head, `hidden` numbers; `None` of a causal language model's adapter.
    pub score: Option<Vec<f32>>,
}

/// Options that change what an adapter computes and that we do not compute, with the value that means "off".
fn unsupported(config: &Value) -> Option<String> {
    let off = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let refused = [
        ("use_dora", "DoRA"),
        ("use_rslora", "rank-stabilised scaling (rsLoRA)"),
        ("use_qalora", "QA-LoRA"),
        ("use_bdlora", "block-diagonal LoRA"),
        ("rank_pattern", "rank patterns"),
        ("alpha_pattern", "alpha patterns"),
        ("layers_to_transform", "adapting only some layers"),
        ("layer_replication", "layer replication"),
        ("lora_bias", "biases in LoRA"),
        ("fan_in_fan_out", "transposed weights (fan_in_fan_out)"),
        ("target_parameters", "adapted parameters (target_parameters)"),
        ("trainable_token_indices", "trainable tokens"),
        ("alora_invocation_tokens", "activated LoRA"),
        ("exclude_modules", "excluded modules"),
        ("megatron_config", "Megatron"),
        ("arrow_config", "Arrow"),
    ];
    if let Some((_, what)) = refused.iter().find(|(key, _)| !off(&config[*key])) {
        return Some((*what).to_owned());
    }
    match config["bias"].as_str() {
        None | Some("none") => {}
        Some(other) => return Some(format!("trained biases (bias = {other})")),
    }
    // These change the base model's weights when they begin.
    match config["init_lora_weights"].as_str() {
        Some(init @ ("pissa" | "olora" | "loftq" | "corda" | "eva")) => Some(format!("initialisation `{init}`")),
        Some(init) if init.starts_with("pissa") => Some(format!("initialisation `{init}`")),
        _ => None,
    }
}

impl Peft {
    /// Reads an adapter folder and holds it against the model.
    ///
    /// # Errors
    /// When a file is missing, the adapter does not fit the model, or it asks for something that we do not support.
    pub fn read(folder: &Path, lm: &Lm) -> Result<Self> {
        let path = folder.join("adapter_config.json");
        let config = read_json(&path)?;
        let wrong = |why: String| Error::file(&path, why);
        match config["peft_type"].as_str() {
            Some("LORA") => {}
            other => return Err(wrong(format!("PEFT type `{}` is not supported; LORA is", other.unwrap_or("none")))),
        }
        if let Some(what) = unsupported(&config) {
            return Err(wrong(format!("{what} is not supported")));
        }
        let rank = config["r"].as_u64().filter(|&r| r > 0).ok_or_else(|| wrong("`r` is missing".to_owned()))? as usize;
        let alpha = config["lora_alpha"].as_f64().ok_or_else(|| wrong("`lora_alpha` is missing".to_owned()))?;
        let modules = config["target_modules"]
            .as_array()
            .ok_or_else(|| wrong("`target_modules` is not a list of names; patterns are not supported".to_owned()))?;
        let mut targets = Vec::new();
        for name in modules.iter().filter_map(Value::as_str) {
            let short = name.rsplit('.').next().unwrap_or(name);
            let target =
                TARGETS.into_iter().find(|&target| module(target).ends_with(short) && short.ends_with("_proj"));
            targets.push(target.ok_or_else(|| wrong(format!("target module `{name}` is not supported")))?);
        }
        let classifier = config["task_type"] == "SEQ_CLS";
        if let Some(saved) = config["modules_to_save"].as_array() {
            let known = |name: &Value| classifier && (name == "score" || name == "classifier");
            if let Some(other) = saved.iter().find(|name| !known(name)) {
                return Err(wrong(format!("a saved module ({other}) is not supported")));
            }
        }
        let mut file = Shards::of_files(&[folder.join("adapter_model.safetensors")])?;
        let mut lora = Lora::zeros(lm.config(), rank, alpha, &targets);
        let names = lora.names();
        let mut known: Vec<&str> = names.iter().map(|(name, ..)| name.as_str()).collect();
        known.push(SCORE);
        if let Some(other) = file.names().find(|name| !known.contains(name)) {
            return Err(Error::file(
                folder,
                format!("the tensor `{other}` belongs to nothing that the configuration names"),
            ));
        }
        for (name, range, shape) in &names {
            let tensor = file.find(name)?.ok_or_else(|| Error::file(folder, format!("the adapter lacks `{name}`")))?;
            if tensor.dims() != shape {
                let found = tensor.dims();
                return Err(Error::file(folder, format!("`{name}` is {found:?}; for this model it must be {shape:?}")));
            }
            lora.values_mut()[range.clone()].copy_from_slice(&tensor.flatten_all()?.to_vec1::<f32>()?);
        }
        let score = match file.find(SCORE)? {
            Some(tensor) if tensor.elem_count() == lm.config().hidden => Some(tensor.flatten_all()?.to_vec1::<f32>()?),
            Some(tensor) => {
                let (found, hidden) = (tensor.dims(), lm.config().hidden);
                return Err(Error::file(folder, format!("`{SCORE}` is {found:?}, not [1, {hidden}]")));
            }
            None => None,
        };
        Ok(Self { lora, score })
    }

    /// Writes the folder, which is made if need be: the same factors give the same bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|why| Error::file(folder, why))?;
        let lora = &self.lora;
        let modules: Vec<&str> =
            lora.targets().iter().filter_map(|&target| module(target).rsplit('.').next()).collect();
        let alpha = if lora.alpha().fract() == 0.0 { json!(lora.alpha() as i64) } else { json!(lora.alpha()) };
        let mut config = json!({
            "peft_type": "LORA",
            "task_type": if self.score.is_some() { "SEQ_CLS" } else { "CAUSAL_LM" },
            "base_model_name_or_path": null,
            "r": lora.rank(),
            "lora_alpha": alpha,
            "lora_dropout": 0.0,
            "target_modules": modules,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "modules_to_save": null,
            "use_dora": false,
            "use_rslora": false,
        });
        if self.score.is_some() {
            config["modules_to_save"] = json!(["classifier", "score"]);
        }
        let path = folder.join("adapter_config.json");
        let text = serde_json::to_string_pretty(&config).map_err(|why| Error::file(&path, why))? + "\n";
        std::fs::write(&path, text).map_err(|why| Error::file(&path, why))?;

        let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let mut data: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
        for (name, range, shape) in lora.names() {
            data.insert(name, (shape.to_vec(), bytes(&lora.values()[range])));
        }
        if let Some(score) = &self.score {
            data.insert(SCORE.to_owned(), (vec![1, score.len()], bytes(score)));
        }
        let path = folder.join("adapter_model.safetensors");
        let mut views = Vec::with_capacity(data.len());
        for (name, (shape, bytes)) in &data {
            let view = TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
            views.push((name, view.map_err(|why| Error::file(&path, why))?));
        }
        // peft asks for the framework in the metadata.
        let metadata = Some([("format".to_owned(), "pt".to_owned())].into_iter().collect());
        let bytes = safetensors::serialize(views, metadata).map_err(|why| Error::file(&path, why))?;
        std::fs::write(&path, bytes).map_err(|why| Error::file(&path, why))
    }
}

impl Lora {
    /// An adapter of a causal language model.
    ///
    /// # Errors
    /// As [`Peft::read`].
    pub fn read_peft(folder: &Path, lm: &Lm) -> Result<Self> {
        Ok(Peft::read(folder, lm)?.lora)
    }

    /// # Errors
    /// As [`Peft::write`].
    pub fn write_peft(&self, folder: &Path) -> Result<()> {
        Peft { lora: self.clone(), score: None }.write(folder)
    }

    /// The targets that a specification may name.
    pub fn target_named(name: &str) -> Option<Target> {
        TARGETS.into_iter().find(|&target| module(target).ends_with(&format!(".{name}_proj")))
    }
}
