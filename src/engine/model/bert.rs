//! A random BERT, for rehearsing a sentence encoder without weights. The real one is candle-transformers' own.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use candle_transformers::models::bert;
use mascot_run::task::RandomModel;

use crate::error::{Error, Result};
use crate::rng::Rng;

/// Positions of a random BERT.
const POSITIONS: usize = 512;

/// The configuration and weights of `random(arch: "bert", …)`, by candle's names, for `VarBuilder::from_tensors`.
///
/// # Errors
/// When the specification is of another architecture or an impossible shape.
pub fn random_bert(spec: &RandomModel, device: &Device) -> Result<(bert::Config, HashMap<String, Tensor>)> {
    let [hidden, heads, ffn, vocab] = [spec.hidden, spec.heads, spec.ffn, spec.vocab].map(|n| n as usize);
    if spec.arch != "bert" {
        return Err(Error::model(format!("a random `{}` is no sentence encoder; bert is", spec.arch)));
    }
    if heads == 0 || !hidden.is_multiple_of(heads) || vocab < 256 {
        return Err(Error::model("a random bert needs heads that divide its width and a vocabulary of 256"));
    }
    let config = bert::Config {
        vocab_size: vocab,
        hidden_size: hidden,
        num_hidden_layers: spec.layers as usize,
        num_attention_heads: heads,
        intermediate_size: ffn,
        max_position_embeddings: POSITIONS,
        ..bert::Config::default()
    };
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![vocab, hidden]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, hidden]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![config.type_vocab_size, hidden]),
    ];
    let norm = |shapes: &mut Vec<(String, Vec<usize>)>, name: &str| {
        shapes.push((format!("{name}.weight"), vec![hidden]));
        shapes.push((format!("{name}.bias"), vec![hidden]));
    };
    norm(&mut shapes, "embeddings.LayerNorm");
    for i in 0..spec.layers {
        let of = |part: &str| format!("encoder.layer.{i}.{part}");
        for (part, rows, columns) in [
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", ffn, hidden),
            ("output.dense", hidden, ffn),
        ] {
            shapes.push((of(&format!("{part}.weight")), vec![rows, columns]));
            shapes.push((of(&format!("{part}.bias")), vec![rows]));
        }
        norm(&mut shapes, &of("attention.output.LayerNorm"));
        norm(&mut shapes, &of("output.LayerNorm"));
    }
    let rng = Rng::new(0).fork("random bert");
    let mut tensors = HashMap::new();
    for (name, shape) in shapes {
        let count: usize = shape.iter().product();
        let rng = rng.fork(&name);
        let values: Vec<f32> = match () {
            () if name.ends_with("LayerNorm.weight") => vec![1.0; count],
            () if name.ends_with(".bias") => vec![0.0; count],
            () => (0..count as u64).map(|i| (rng.normal(i) / (hidden as f64).sqrt()) as f32).collect(),
        };
        tensors.insert(name, Tensor::from_vec(values, shape, device)?);
    }
    Ok((config, tensors))
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use candle_nn::VarBuilder;

    use super::*;

    #[test]
    fn a_random_bert_runs() {
        let spec = RandomModel {
            arch: "bert".to_owned(),
            hidden: 32,
            layers: 2,
            heads: 4,
            kv_heads: 4,
            ffn: 64,
            vocab: 256,
            tokenizer: "bytes".to_owned(),
        };
        let (config, tensors) = random_bert(&spec, &Device::Cpu).unwrap();
        let model =
            bert::BertModel::load(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu), &config).unwrap();
        let ids = Tensor::new(&[[5u32, 6, 7], [8, 9, 10]], &Device::Cpu).unwrap();
        let states = model.forward(&ids, &ids.zeros_like().unwrap(), None).unwrap();
        assert_eq!(states.dims(), [2, 3, 32]);
        assert!(states.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap().is_finite());
    }
}
