//! Greedy continuations, the nucleus, and that a sample does not depend on its batch.

use mascot_engine::generate::{Ask, Finish, Sampling, sampler};
use mascot_engine::model::Lm;
use mascot_engine::nn::Lora;

use crate::reader::{ADAPTED, Golden, close, folder};

fn greedy(max_new: usize) -> Sampling {
    Sampling { temperature: 0.0, top_p: 1.0, max_new, stop: vec![], eos: vec![] }
}

pub fn same_greedy(lm: &Lm, lora: Option<&Lora>, prompt: &[u32], want: &[i64]) {
    let ask = Ask { prompt: prompt.to_vec(), adapter: lora, n: 1, key: 0 };
    let found = lm.generate(&[ask], &greedy(want.len()), 0).unwrap();
    let found: Vec<i64> = found[0][0].ids.iter().map(|&id| i64::from(id)).collect();
    assert_eq!(found, want);
}

#[test]
fn greedy_continuations_are_those_of_transformers() {
    for name in ADAPTED {
        let golden = Golden::read(name);
        let lm = golden.model();
        let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
        let prompts = golden.rows("greedy.prompts", "greedy.attention_mask", |_| 0);
        let (shape, base) = golden.integers("greedy.base.tokens");
        let (_, adapted) = golden.integers("greedy.lora.tokens");
        for (i, prompt) in prompts.iter().enumerate() {
            let range = i * shape[1]..(i + 1) * shape[1];
            same_greedy(&lm, None, &prompt.ids, &base[range.clone()]);
            same_greedy(&lm, Some(&lora), &prompt.ids, &adapted[range]);
        }
    }
    let golden = Golden::read("tiny-llama-gguf");
    let path = folder("tiny-llama-gguf").join("model.Q4_1.gguf");
    let lm = Lm::load(&path, mascot_run::task::Dtype::F32, &candle_core::Device::Cpu).unwrap();
    let prompt: Vec<u32> = golden.integers("greedy.prompt").1.iter().map(|&id| id as u32).collect();
    same_greedy(&lm, None, &prompt, &golden.integers("greedy.tokens").1);
}

#[test]
fn the_nucleus_is_that_of_transformers() {
    for name in ADAPTED {
        let golden = Golden::read(name);
        let (_, logits) = golden.floats("sampling.logits");
        // probs.1: temperature 1, top-p 0.9.
        let doc = golden.json["tensors"]["sampling.probs.1"]["doc"].as_str().unwrap();
        assert!(doc.contains(r#"{"temperature": 1.0, "top_p": 0.9}"#), "{doc}");
        let (_, want) = golden.floats("sampling.probs.1");
        let weights: Vec<f32> = logits.iter().map(|l| l.exp()).collect();
        let kept = sampler::nucleus(&weights, weights.iter().sum(), 0.9);
        let mass: f32 = kept.iter().map(|&id| weights[id]).sum();
        for (id, &want) in want.iter().enumerate() {
            let found = if kept.contains(&id) { weights[id] / mass } else { 0.0 };
            close(found, want, 1e-5, format_args!("{name} token {id}"));
        }
    }
}

#[test]
fn a_sample_does_not_depend_on_its_batch() {
    let golden = Golden::read("tiny-qwen3");
    let lm = golden.model();
    let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
    let sampling = Sampling { temperature: 0.9, top_p: 0.95, max_new: 24, stop: vec![], eos: vec![362] };
    let asks: Vec<Ask<'_>> = (0..40)
        .map(|i| Ask {
            prompt: (1..3 + i * 2).collect(),
            adapter: (i % 3 == 0).then_some(&lora),
            n: 1 + i as usize % 4,
            key: u64::from(i),
        })
        .collect();
    let together = lm.generate(&asks, &sampling, 7).unwrap();
    for (ask, together) in asks.iter().zip(&together) {
        let alone = lm.generate(std::slice::from_ref(ask), &sampling, 7).unwrap();
        assert_eq!(&alone[0], together, "bit for bit, log-probabilities included");
    }
    assert_ne!(lm.generate(&asks[..3], &sampling, 8).unwrap(), together[..3]);
    let all: Vec<_> = together.iter().flatten().collect();
    assert!(all.iter().all(|c| c.ids.len() == c.logps.len() && c.logps.iter().all(|l| *l <= 0.0)));
    assert!(all.iter().any(|c| c.finish == Finish::Length));
}

#[test]
fn recorded_log_probabilities_are_those_of_scoring() {
    let golden = Golden::read("tiny-llama");
    let lm = golden.model();
    let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
    let sampling = Sampling { temperature: 0.7, top_p: 1.0, max_new: 16, stop: vec![], eos: vec![2] };
    let ask = Ask { prompt: vec![5, 6, 7, 8], adapter: Some(&lora), n: 6, key: 1 };
    let made = lm.generate(std::slice::from_ref(&ask), &sampling, 1).unwrap().remove(0);
    let ids: Vec<&[u32]> = made.iter().map(|c| c.ids.as_slice()).collect();
    let pack = mascot_engine::nn::Pack::new().block(&ask.prompt, &ids);
    let scored = lm.logps(Some(&lora), &pack, 0.7).unwrap();
    for (found, want) in made.iter().flat_map(|c| &c.logps).zip(&scored) {
        close(*found, *want, 1e-4, "log-probability");
    }
}

#[test]
fn a_stop_string_ends_a_completion_and_is_left_out() {
    let lm = Golden::read("tiny-llama").model();
    let ask = Ask { prompt: vec![5, 6, 7, 8], adapter: None, n: 1, key: 0 };
    let free = lm.generate(std::slice::from_ref(&ask), &greedy(20), 0).unwrap().remove(0).remove(0);
    let stop: String = free.text.chars().skip(3).take(2).collect();
    let sampling = Sampling { stop: vec![stop.clone()], ..greedy(20) };
    let ended = lm.generate(&[ask], &sampling, 0).unwrap().remove(0).remove(0);
    assert_eq!(ended.finish, Finish::Stop);
    assert!(!ended.text.contains(&stop) && free.text.starts_with(&ended.text));
}

#[test]
fn a_choice_is_always_one_of_the_options_and_its_probabilities_sum_to_one() {
    let lm = Golden::read("tiny-qwen2").model();
    let options = [vec![5, 6], vec![9], vec![5, 7, 8]];
    let mut counts = [0; 3];
    for key in 0..200 {
        let choice = lm.choose(&[1, 2, 3], &options, None, 1.0, 3, key).unwrap();
        counts[choice.index] += 1;
        let sum: f32 = choice.logps.iter().map(|l| l.exp()).sum();
        close(sum, 1.0, 1e-5, "sum");
    }
    let choice = lm.choose(&[1, 2, 3], &options, None, 1.0, 3, 0).unwrap();
    for (count, logp) in counts.iter().zip(&choice.logps) {
        close(*count as f32 / 200.0, logp.exp(), 0.12, "share");
    }
    let best = lm.choose(&[1, 2, 3], &options, None, 0.0, 3, 0).unwrap();
    assert!(best.logps.iter().all(|l| *l <= best.logps[best.index]));
}
