//! A file of weights that is none is refused by its header: GGUF and safetensors. (Builds candle: `--features engine`.)
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use mascot_engine::model::gguf::Gguf;
use mascot_engine::model::weights::Shards;

fuzz_target!(|bytes: &[u8]| {
    // Both readers want a file.
    let mut file = tempfile::NamedTempFile::new().expect("a folder for temporary files");
    file.write_all(bytes).expect("room for a small file");
    if let Ok(gguf) = Gguf::open(file.path()) {
        let _ = gguf.config();
    }
    let _ = Shards::of_files(&[file.path().to_owned()]);
});
