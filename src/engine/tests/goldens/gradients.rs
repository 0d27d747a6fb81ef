//! LoRA gradients by our explicit backward pass, against torch's autograd.

use candle_core::{Device, Tensor};
use mascot_engine::model::{Lm, Peft};
use mascot_engine::nn::{Lora, LoraGrads, Pack};

use crate::reader::{ADAPTED, Golden, close, same_gradient};

fn same_gradients(golden: &Golden, prefix: &str, lora: &Lora, grads: &LoraGrads) {
    for (name, range, _) in lora.names() {
        let (_, want) = golden.floats(&format!("{prefix}/{name}"));
        same_gradient(&grads.values()[range], &want, &format!("{prefix} {name}"));
    }
}

/// One pack for the batch, `dlogp = −1 / tokens`.
fn nll(lm: &Lm, lora: &Lora, pack: &Pack, grads: &mut LoraGrads) -> f64 {
    let forward = lm.forward_train(lora, pack, 1.0).unwrap();
    let n = forward.logps().len();
    let loss = -forward.logps().iter().map(|&l| f64::from(l)).sum::<f64>() / n as f64;
    forward.backward(&vec![-1.0 / n as f32; n], grads).unwrap();
    loss
}

#[test]
fn gradients_of_the_likelihood_are_those_of_autograd() {
    for name in ADAPTED {
        let golden = Golden::read(name);
        let lm = golden.model();
        let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
        let mut pack = Pack::new();
        for row in golden.batch("right") {
            pack.push(&row.ids[..row.prompt], &[&row.ids[row.prompt..]]);
        }
        let mut grads = LoraGrads::zeros(&lora);
        let loss = nll(&lm, &lora, &pack, &mut grads);
        close(loss as f32, golden.scalar("nll.loss") as f32, 1e-4, name);
        same_gradients(&golden, "nll.grad", &lora, &grads);
        let norm = golden.scalar("nll.grad_norm");
        assert!((grads.norm() - norm).abs() < 1e-3 * norm);
    }
}

#[test]
fn gradients_of_a_policy_loss_are_those_of_trl() {
    for name in ADAPTED {
        let golden = Golden::read(name);
        let lm = golden.model();
        let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
        let prompts = golden.rows("grpo.prompt_ids", "grpo.prompt_mask", |_| 0);
        let completions = golden.rows("grpo.completion_ids", "grpo.completion_mask", |_| 0);
        // Rows of one prompt are adjacent: one block a prompt, its completions sharing it.
        let mut pack = Pack::new();
        let mut from = 0;
        while from < prompts.len() {
            let same = prompts[from..].iter().take_while(|row| row.ids == prompts[from].ids).count();
            let group: Vec<&[u32]> = completions[from..from + same].iter().map(|row| row.ids.as_slice()).collect();
            pack.push(&prompts[from].ids, &group);
            from += same;
        }
        let reference = lm.logps(None, &pack, 1.0).unwrap();
        let forward = lm.forward_train(&lora, &pack, 1.0).unwrap();
        let (shape, policy) = golden.floats("grpo.policy_logps");
        let (_, base) = golden.floats("grpo.ref_logps");
        let (_, old) = golden.floats("grpo.old_logps");
        let (_, advantages) = golden.floats("grpo.adv.trl_group");
        let tokens = forward.logps().len() as f32;
        let mut dlogp = vec![0.0; forward.logps().len()];
        for (row, range) in pack.completions().iter().enumerate() {
            for (t, i) in range.clone().enumerate() {
                let at = row * shape[1] + t;
                let pi = forward.logps()[i];
                close(pi, policy[at], 1e-4, "policy");
                close(reference[i], base[at], 1e-4, "reference");
                // bnpo: l = −min(ρA, clip(ρ)A) + 0.04 (e^Δ − Δ − 1), Δ = ref − π, over all tokens.
                let ratio = (pi - old[at]).exp();
                let advantage = advantages[row];
                let clipped = ratio * advantage > ratio.clamp(0.8, 1.2) * advantage;
                let surrogate = if clipped { 0.0 } else { -ratio * advantage };
                dlogp[i] = (surrogate + 0.04 * (1.0 - (reference[i] - pi).exp())) / tokens;
            }
        }
        let mut grads = LoraGrads::zeros(&lora);
        forward.backward(&dlogp, &mut grads).unwrap();
        same_gradients(&golden, "grpo.bnpo.grad", &lora, &grads);
    }
}

#[test]
fn rewards_and_their_gradients_are_those_of_a_sequence_classifier() {
    for name in ADAPTED {
        let golden = Golden::read(name);
        let lm = golden.model();
        let Peft { lora, score } = Peft::read(&golden.folder.join("rm"), &lm).unwrap();
        let score = score.unwrap();
        let mut pack = Pack::new();
        for row in golden.rows("rm.input_ids", "rm.attention_mask", |_| 0) {
            pack.push::<Vec<u32>>(&row.ids, &[]);
        }
        let ends: Vec<usize> = pack.blocks().iter().map(|block| block.start + block.len() - 1).collect();
        let forward = lm.forward_hidden(&lora, &pack, &ends).unwrap();
        let states = forward.hidden().to_vec2::<f32>().unwrap();
        let rewards: Vec<f32> = states.iter().map(|state| state.iter().zip(&score).map(|(a, b)| a * b).sum()).collect();
        let (_, want) = golden.floats("rm.rewards");
        for (found, want) in rewards.iter().zip(&want) {
            close(*found, *want, 1e-4, name);
        }
        // Bradley–Terry: d/dr of −log σ(r_w − r_l), mean over pairs.
        let pairs = rewards.len() / 2;
        let mut drewards = vec![0.0; rewards.len()];
        for i in 0..pairs {
            let slope = -1.0 / (1.0 + (rewards[i] - rewards[i + pairs]).exp()) / pairs as f32;
            drewards[i] = slope;
            drewards[i + pairs] = -slope;
        }
        let mut dscore = vec![0.0; score.len()];
        let mut dhidden = Vec::new();
        for (state, &d) in states.iter().zip(&drewards) {
            dscore.iter_mut().zip(state).for_each(|(g, &x)| *g += d * x);
            dhidden.extend(score.iter().map(|&w| d * w));
        }
        let dhidden = Tensor::from_vec(dhidden, (rewards.len(), score.len()), &Device::Cpu).unwrap();
        let mut grads = LoraGrads::zeros(&lora);
        forward.backward(&dhidden, &mut grads).unwrap();
        same_gradients(&golden, "rm.grad", &lora, &grads);
        let (_, want) = golden.floats("rm.grad/base_model.model.score.weight");
        same_gradient(&dscore, &want, "score");
    }
}

#[test]
fn every_trainable_parameter_gets_a_finite_gradient_that_is_not_zero() {
    for name in ADAPTED {
        let golden = Golden::read(name);
        let lm = golden.model();
        let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
        assert_eq!(lora.slots().len(), 7 * lm.config().layers);
        let pack = Pack::new().block(&[1, 2, 3, 4], &[vec![5, 6, 7, 8, 9], vec![20, 21, 22, 23]]);
        let mut grads = LoraGrads::zeros(&lora);
        nll(&lm, &lora, &pack, &mut grads);
        for (factor, range, _) in lora.names() {
            let values = &grads.values()[range];
            assert!(values.iter().all(|g| g.is_finite() && *g != 0.0), "{name} {factor}");
        }
    }
}

#[test]
fn a_perturbed_adapter_moves_the_logits_as_its_gradient_says() {
    let golden = Golden::read("tiny-qwen3");
    let lm = golden.model();
    let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
    let pack = Pack::new().block(&[1, 2, 3, 4], &[vec![5, 6, 7, 8, 9], vec![20, 21]]);
    let mut grads = LoraGrads::zeros(&lora);
    let loss = nll(&lm, &lora, &pack, &mut grads);
    let mut moved = lora.clone();
    let step = 1e-3;
    let norm = grads.norm();
    for (value, &g) in moved.values_mut().iter_mut().zip(grads.values()) {
        *value -= (step / norm) as f32 * g;
    }
    let after = nll(&lm, &moved, &pack, &mut LoraGrads::zeros(&lora));
    assert!(((loss - after) / (step * norm) - 1.0).abs() < 0.02, "{loss} {after}");
}
