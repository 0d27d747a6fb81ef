//! A file of weights that is none is refused: GGUF and safetensors, by their headers or, where these hold, by their first tensors.
//! (Builds candle: `--features engine`. `TMPDIR=/dev/shm` where there is one: on a disk the file is most of the time spent.)
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mascot_engine::model::gguf::Gguf;
use mascot_engine::model::weights::{Shards, Source};

/// Both readers want a file: one, written again and again.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for temporary files").keep();
    folder.join("weights")
});

const QUERY: &str = "model.layers.0.self_attn.q_proj.weight";

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("room for a small file");
    if let Ok(mut gguf) = Gguf::open(&FILE) {
        let _ = gguf.config();
        let _ = (gguf.texts("tokenizer.ggml.tokens"), gguf.numbers("tokenizer.ggml.token_type"));
        for name in ["model.embed_tokens.weight", QUERY] {
            let _ = gguf.find(name);
            let _ = gguf.find_packed(name);
        }
    }
    if let Ok(mut shards) = Shards::of_files(&[FILE.clone()]) {
        let names: Vec<String> = shards.names().take(3).map(str::to_owned).collect();
        for name in names {
            let _ = shards.find(&name);
        }
    }
});
