//! Our blocks against candle-transformers' models, which know nothing of packs.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{llama, qwen2, qwen3};
use mascot_engine::nn::Pack;

use crate::reader::{Golden, close};

fn same(name: &str, oracle: impl FnOnce(&serde_json::Value, VarBuilder<'_>, &Tensor) -> Tensor) {
    let golden = Golden::read(name);
    let lm = golden.model();
    let config = std::fs::read_to_string(golden.folder.join("config.json")).unwrap();
    let tensors = candle_core::safetensors::load(golden.folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let ids: Vec<u32> = (3..40).collect();
    let input = Tensor::new(ids.as_slice(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
    let want = oracle(&serde_json::from_str(&config).unwrap(), weights, &input).flatten_all().unwrap();
    let found = lm.logits(None, &Pack::new().block::<Vec<u32>>(&ids, &[])).unwrap();
    let last = found.get(ids.len() - 1).unwrap().to_vec1::<f32>().unwrap();
    for (found, want) in last.iter().zip(want.to_vec1::<f32>().unwrap()) {
        close(*found, want, 1e-4, name);
    }
}

#[test]
fn llama_is_candles() {
    same("tiny-llama", |config, weights, input| {
        let config: llama::LlamaConfig = serde_json::from_value(config.clone()).unwrap();
        let config = config.into_config(false);
        let mut cache = llama::Cache::new(false, DType::F32, &config, &Device::Cpu).unwrap();
        // candle takes hidden / heads for the width of a head, as this model has it.
        llama::Llama::load(weights, &config).unwrap().forward(input, 0, &mut cache).unwrap()
    });
}

#[test]
fn qwen2_is_candles() {
    same("tiny-qwen2", |config, weights, input| {
        let mut config = config.clone();
        config["sliding_window"] = serde_json::json!(4096);
        let config: qwen2::Config = serde_json::from_value(config).unwrap();
        qwen2::ModelForCausalLM::new(&config, weights).unwrap().forward(input, 0).unwrap()
    });
}

#[test]
fn qwen3_is_candles() {
    for name in ["tiny-qwen3", "tiny-qwen3-untied"] {
        same(name, |config, weights, input| {
            let config: qwen3::Config = serde_json::from_value(config.clone()).unwrap();
            qwen3::ModelForCausalLM::new(&config, weights).unwrap().forward(input, 0).unwrap()
        });
    }
}
