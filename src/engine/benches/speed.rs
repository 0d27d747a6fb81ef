//! How fast the engine is at the shapes that experiments use: decode, prefill, and LoRA training, on the weights whose path is in
//! `MASCOT_SMOLLM2` or on random ones of SmolLM2-135M's shape. Prints its configuration. Never a timed test.
//!
//! `cargo bench -p mascot-engine --bench speed [-- CASE…]`
#![allow(clippy::disallowed_macros, reason = "a benchmark prints")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use mascot_engine::generate::read::Reading;
use mascot_engine::generate::{Ask, Sampling};
use mascot_engine::kernels::linear::{Frozen, Role, linear, linear_back};
use mascot_engine::kernels::packed::{Kind, Packed};
use mascot_engine::model::Lm;
use mascot_engine::nn::{Lora, LoraGrads, Pack};
use mascot_engine::rng::Rng;
use mascot_run::task::{Dtype, LoraSpec, RandomModel, Target};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

fn model() -> Lm {
    if let Ok(path) = std::env::var("MASCOT_SMOLLM2") {
        return Lm::load(Path::new(&path), Dtype::F32, &Device::Cpu).expect("the model loads");
    }
    let spec = RandomModel {
        arch: "llama".to_owned(),
        hidden: 576,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        ffn: 1536,
        vocab: 49_152,
        tokenizer: "bytes".to_owned(),
    };
    Lm::random(&spec, &Device::Cpu).expect("the shape is possible")
}

fn ids(n: usize, salt: u64) -> Vec<u32> {
    let rng = Rng::new(salt).fork("bench");
    (0..n as u64).map(|i| 3 + rng.below(i, 49_000) as u32).collect()
}

/// Three runs; all are printed, so that a disturbed one can be seen.
fn time(name: &str, unit: f64, mut run: impl FnMut()) {
    let mut runs = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        run();
        runs.push(began.elapsed().as_secs_f64());
    }
    let best = runs.iter().copied().fold(f64::INFINITY, f64::min);
    let runs: Vec<String> = runs.iter().map(|s| format!("{s:.3}")).collect();
    println!("{name:<28} {:>9.1} tok/s   [{}] s", unit / best, runs.join(", "));
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let asked = |case: &str| wanted.is_empty() || wanted.iter().any(|w| case.contains(w.as_str()));
    let began = Instant::now();
    let lm = model();
    let targets = vec![Target::Q, Target::K, Target::V, Target::O, Target::Gate, Target::Up, Target::Down];
    let spec = LoraSpec { rank: 16, alpha: 32.0, targets, active: None };
    let mut lora = Lora::fresh(&spec, lm.config(), &Rng::new(1));
    let rng = Rng::new(2);
    for (i, value) in lora.values_mut().iter_mut().enumerate() {
        *value += 1e-3 * rng.normal(i as u64) as f32;
    }
    println!("loaded in {:.1} s; {} threads; f32", began.elapsed().as_secs_f64(), rayon_threads());

    if asked("linear") {
        linears();
    }
    for batch in [1usize, 8, 12] {
        for (what, adapter) in [("", None), (" with an adapter", Some(&lora))] {
            let name = format!("decode {batch}{what}");
            if !asked(&name) || (batch == 1 && adapter.is_some()) {
                continue;
            }
            let sampling = Sampling { temperature: 1.0, top_p: 1.0, max_new: 33, stop: vec![], eos: vec![] };
            let ask = [Ask { prompt: ids(2, 1), adapter, n: batch, key: 0 }];
            time(&name, (batch * 32) as f64, || {
                lm.generate(&ask, &sampling, 1).expect("it samples");
            });
        }
    }
    if asked("prefill") {
        let prompts: Vec<Vec<u32>> = (0..8).map(|i| ids(128, i)).collect();
        let together: Vec<Reading<'_>> =
            prompts.iter().map(|ids| Reading { before: None, ids, options: &[] }).collect();
        time("prefill 8 x 128, no head", 1024.0, || {
            lm.read(None, &together, 1.0).expect("it runs");
        });
    }
    if asked("score") {
        let mut pack = Pack::new();
        for i in 0..8 {
            pack.push(&ids(64, i), &[ids(64, i + 20)]);
        }
        time("score 8 x (64 + 64)", 1024.0, || {
            lm.logps(None, &pack, 1.0).expect("it scores");
        });
    }
    if asked("train") {
        let mut grads = LoraGrads::zeros(&lora);
        time("LoRA 4 x 256, all linears", 1024.0, || {
            // As many together as a stage would take: what is kept for the way back is bounded.
            let each = (lm.pack_tokens() / 256).clamp(1, 4);
            for packed in (0..4).step_by(each) {
                let mut pack = Pack::new();
                for i in packed..(packed + each).min(4) {
                    let all = ids(256, i as u64);
                    pack.push(&all[..1], &[&all[1..]]);
                }
                let forward = lm.forward_train(&lora, &pack, 1.0).expect("it runs");
                forward.backward(&vec![-1.0 / 1020.0; pack.targets().len()], &mut grads).expect("it runs");
            }
        });
        let group: Vec<Vec<u32>> = (0..6).map(|i| ids(32, i)).collect();
        let pack = Pack::new().block(&ids(96, 9), &group);
        time("GRPO update 96 + 6 x 32", 288.0, || {
            let forward = lm.forward_train(&lora, &pack, 1.0).expect("it runs");
            forward.backward(&[-0.01; 192], &mut grads).expect("it runs");
        });
    }
    println!("peak memory {}", peak_memory().unwrap_or_else(|| "unknown".to_owned()));
}

/// GFLOP/s of fused multiply-adds alone, on all threads: what the processor has to give just now. Where the machine's threads share cores
/// with somebody, it changes from minute to minute, so it is measured beside what it is compared with.
fn peak() -> f64 {
    const SUMS: usize = 24;
    const STEPS: usize = 400_000;
    struct Chains(f32);
    impl WithSimd for Chains {
        type Output = (f32, usize);
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let (factor, more) = (simd.splat_f32s(self.0), simd.splat_f32s(0.001));
            let mut sums = [more; SUMS];
            for _ in 0..STEPS {
                for sum in &mut sums {
                    *sum = simd.mul_add_e_f32s(*sum, factor, more);
                }
            }
            let all = sums.into_iter().fold(more, |all, sum| simd.add_f32s(all, sum));
            (simd.reduce_sum_f32s(all), S::F32_LANES)
        }
    }
    let threads = rayon_threads();
    let mut best = 0.0f64;
    for _ in 0..3 {
        let began = Instant::now();
        let lanes: Vec<usize> =
            (0..threads).into_par_iter().map(|_| black_box(Arch::new().dispatch(Chains(black_box(0.999)))).1).collect();
        let flops: f64 = lanes.iter().map(|&lanes| (2 * lanes * SUMS * STEPS) as f64).sum();
        best = best.max(flops / began.elapsed().as_secs_f64() / 1e9);
    }
    best
}

/// GFLOP/s of one frozen linear by rows, for each path that a position can take.
fn linears() {
    println!("multiply-adds alone {:>6.1}  GFLOP/s", peak());
    for (n, k) in [(960, 576), (3072, 576), (576, 1536)] {
        let rng = Rng::new(5);
        let draw = |rows: usize, columns: usize, salt: u64| {
            let values: Vec<f32> = (0..(rows * columns) as u64).map(|i| rng.at(salt).normal(i) as f32).collect();
            Tensor::from_vec(values, (rows, columns), &Device::Cpu).expect("a matrix")
        };
        let quantised = QTensor::quantize(&draw(n, k, 1), GgmlDType::Q4_1).expect("it quantises");
        let w = quantised.dequantize(&Device::Cpu).expect("it expands");
        let bytes = quantised.data().expect("it has bytes");
        let quantised = Frozen::quantised(Packed::read(Kind::Q4_1, &bytes, k).expect("whole blocks"));
        let plain = Frozen::Plain(w.clone());
        for rows in [1usize, 4, 8, 12, 24, 64, 115, 256, 512, 1024] {
            let x = draw(rows, k, 2);
            let flops = 2.0 * (rows * n * k) as f64;
            let mut line = format!("linear {n} x {k}, {rows:>4} rows");
            let dy = draw(rows, n, 3);
            type Case<'a> = (&'a str, &'a dyn Fn());
            let cases: [Case<'_>; 6] = [
                ("gemm", &|| drop(x.matmul(&w.t().expect("a matrix")).expect("it multiplies"))),
                ("f32", &|| drop(linear(&x, &plain, Role::Read).expect("it multiplies"))),
                ("sampled", &|| drop(linear(&x, &plain, Role::Sampled).expect("it multiplies"))),
                ("quantised", &|| drop(linear(&x, &quantised, Role::Read).expect("it multiplies"))),
                ("f32 back", &|| drop(linear_back(&dy, &plain).expect("it multiplies"))),
                ("back", &|| drop(linear_back(&dy, &quantised).expect("it multiplies"))),
            ];
            for (what, run) in cases {
                let repeats = (2e9 / flops).ceil() as usize;
                let mut best = f64::INFINITY;
                for _ in 0..5 {
                    let began = Instant::now();
                    for _ in 0..repeats {
                        run();
                    }
                    best = best.min(began.elapsed().as_secs_f64() / repeats as f64);
                }
                line += &format!("  {what} {:>6.1}", flops / best / 1e9);
            }
            println!("{line}  GFLOP/s");
        }
    }
}

fn rayon_threads() -> usize {
    rayon::current_num_threads()
}

fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|kib| kib.trim().to_owned())
}
