//! Logits and log-probabilities of every model and file layout, padded on either side in the reference and packed here.

use candle_core::Device;
use mascot_engine::generate::read::Reading;
use mascot_engine::model::Lm;
use mascot_engine::model::gguf::Gguf;
use mascot_engine::model::weights::Source;
use mascot_engine::nn::{Lora, Pack};
use mascot_run::task::Dtype;

use crate::reader::{ADAPTED, Golden, MODELS, Row, close, folder};

fn pack(rows: &[Row]) -> Pack {
    let mut pack = Pack::new();
    for row in rows {
        pack.push(&row.ids[..row.prompt], &[&row.ids[row.prompt..]]);
    }
    pack
}

fn same_logits(lm: &Lm, lora: Option<&Lora>, rows: &[Row], want: (Vec<usize>, Vec<f32>), what: &str) {
    let (shape, want) = want;
    let (width, vocab) = (shape[1], shape[2]);
    let logits = lm.logits(lora, &pack(rows)).unwrap().to_vec2::<f32>().unwrap();
    let mut at = 0;
    for (i, row) in rows.iter().enumerate() {
        for t in 0..row.ids.len() {
            let want = &want[(i * width + row.offset + t) * vocab..][..vocab];
            for (&found, &want) in logits[at].iter().zip(want) {
                close(found, want, 1e-4, format_args!("{what} row {i} token {t}"));
            }
            at += 1;
        }
    }
}

/// `want` `[B, T − 1]`: entry j is of token j + 1.
fn same_logps(lm: &Lm, lora: Option<&Lora>, rows: &[Row], temperature: f32, want: (Vec<usize>, Vec<f32>), what: &str) {
    let (shape, want) = want;
    let pack = pack(rows);
    let found = lm.logps(lora, &pack, temperature).unwrap();
    for (i, (row, targets)) in rows.iter().zip(pack.completions()).enumerate() {
        for (t, &found) in found[targets.clone()].iter().enumerate() {
            let at = row.offset + row.prompt + t - 1;
            close(found, want[i * shape[1] + at], 1e-4, format_args!("{what} row {i} token {t}"));
        }
    }
}

#[test]
fn logits_and_log_probabilities_are_those_of_transformers() {
    for name in MODELS {
        let golden = Golden::read(name);
        let lm = golden.model();
        for side in ["right", "left"] {
            // The bf16 model has its numbers for one side only.
            if !golden.has(&format!("fwd.{side}.input_ids")) {
                continue;
            }
            let rows = golden.batch(side);
            if golden.has(&format!("fwd.{side}.logits")) {
                same_logits(&lm, None, &rows, golden.floats(&format!("fwd.{side}.logits")), name);
            }
            let logps = format!("fwd.{side}.completion_logps");
            if golden.has(&logps) {
                same_logps(&lm, None, &rows, 1.0, golden.floats(&logps), name);
            }
        }
        if golden.has("fwd.right.completion_logps_temp0.7") {
            let want = golden.floats("fwd.right.completion_logps_temp0.7");
            same_logps(&lm, None, &golden.batch("right"), 0.7, want, name);
        }
    }
}

#[test]
fn an_adapter_made_by_peft_gives_its_logits() {
    for name in ADAPTED {
        let golden = Golden::read(name);
        let lm = golden.model();
        let lora = Lora::read_peft(&golden.folder.join("lora"), &lm).unwrap();
        let rows = golden.batch("right");
        same_logits(&lm, Some(&lora), &rows, golden.floats("lora.right.logits"), name);
        same_logps(&lm, Some(&lora), &rows, 1.0, golden.floats("lora.right.completion_logps"), name);
    }
}

#[test]
fn gguf_is_dequantised_and_put_back_in_order() {
    let golden = Golden::read("tiny-llama-gguf");
    let path = folder("tiny-llama-gguf").join("model.Q4_1.gguf");
    let mut gguf = Gguf::open(&path).unwrap();
    for (stored, name) in [
        ("weight.q_proj0", "model.layers.0.self_attn.q_proj.weight"),
        ("weight.embed", "model.embed_tokens.weight"),
        ("weight.down_proj0", "model.layers.0.mlp.down_proj.weight"),
    ] {
        let found = gguf.find(name).unwrap().unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (found, want) in found.iter().zip(golden.floats(stored).1) {
            close(*found, want, 1e-6, name);
        }
    }
    let lm = Lm::load(&path, Dtype::F32, &Device::Cpu).unwrap();
    let ids: Vec<u32> = golden.integers("input_ids").1.iter().map(|&id| id as u32).collect();
    let rows = [Row { prompt: ids.len(), ids, offset: 0 }];
    same_logits(&lm, None, &rows, golden.floats("logits"), "tiny-llama-gguf");
}

#[test]
fn completions_that_share_a_prompt_are_scored_as_if_alone() {
    let lm = Golden::read("tiny-qwen3").model();
    let prompt: Vec<u32> = (1..40).collect();
    let completions = [vec![5, 6, 7], vec![90, 3], vec![12; 35]];
    let together = lm.logps(None, &Pack::new().block(&prompt, &completions), 1.0).unwrap();
    let mut alone = Vec::new();
    for completion in &completions {
        alone.extend(lm.logps(None, &Pack::new().block(&prompt, &[completion]), 1.0).unwrap());
    }
    for (a, b) in together.iter().zip(&alone) {
        close(*a, *b, 1e-5, "shared prompt");
    }
    // The same with most of the prompt cached.
    let prefix = lm.prefix(&prompt[..30]).unwrap();
    let pack = Pack::new().block(&prompt[30..], &completions);
    let after = lm.logps_after(Some(&prefix), None, &pack, 1.0).unwrap();
    for (a, b) in after.iter().zip(&alone) {
        close(*a, *b, 1e-5, "cached prefix");
    }
}

#[test]
fn prompts_read_beside_one_another_are_what_each_is_alone() {
    let lm = Golden::read("tiny-qwen3").model();
    // More tokens than one pass takes.
    let prompts: Vec<Vec<u32>> = (0..14).map(|i| (0..50 + i).map(|j| 1 + (7 * i + 3 * j) % 90).collect()).collect();
    let options = [vec![5, 6, 7], vec![90, 3]];
    let reading = |ids| Reading { before: None, ids, options: &options };
    let together: Vec<Reading<'_>> = prompts.iter().map(|ids| reading(ids.as_slice())).collect();
    let together = lm.read(None, &together, 0.7).unwrap();
    assert_eq!(together.len(), prompts.len());
    for (ids, together) in prompts.iter().zip(&together) {
        let alone = lm.read(None, &[reading(ids.as_slice())], 0.7).unwrap().remove(0);
        assert_eq!(together.logps, alone.logps, "bit for bit");
        let pack = Pack::new().block(&[3], &[[8, 9, 10]]);
        let after = |prefix| lm.logps_after(Some(prefix), None, &pack, 1.0).unwrap();
        assert_eq!(after(&together.prefix), after(&alone.prefix), "bit for bit");
    }
}

#[test]
fn a_state_is_the_same_whether_its_neighbours_are_wanted() {
    let lm = Golden::read("tiny-llama").model();
    let pack = Pack::new().block(&(1..300).map(|i| i % 90).collect::<Vec<u32>>(), &[vec![5, 6, 7], vec![90, 3]]);
    let all: Vec<usize> = (0..pack.len()).collect();
    let states = |rows: &[usize]| lm.hidden(None, &pack, rows).unwrap().to_vec2::<f32>().unwrap();
    let (every, some) = (states(&all), [298, 0, 301]);
    for (row, state) in some.iter().zip(states(&some)) {
        assert_eq!(state, every[*row], "bit for bit");
    }
}
