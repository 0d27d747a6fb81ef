//! PEFT folders, there and back; what is not supported is refused by name.

use mascot_engine::model::Peft;
use mascot_engine::nn::Lora;

use crate::reader::{ADAPTED, Golden, adapter_names, tensor};

#[test]
fn a_folder_of_ours_holds_what_pefts_held() {
    for name in ADAPTED {
        for kind in ["lora", "rm"] {
            let golden = Golden::read(name);
            let lm = golden.model();
            let there = golden.folder.join(kind);
            let read = Peft::read(&there, &lm).unwrap();
            let folder = tempfile::tempdir().unwrap();
            read.write(folder.path()).unwrap();
            assert_eq!(adapter_names(&there), adapter_names(folder.path()));
            for factor in adapter_names(&there) {
                let file = "adapter_model.safetensors";
                assert_eq!(tensor(&there.join(file), &factor), tensor(&folder.path().join(file), &factor));
            }
            let again = Peft::read(folder.path(), &lm).unwrap();
            assert_eq!(again.lora.values(), read.lora.values());
            assert_eq!(again.score, read.score);
        }
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let golden = Golden::read("tiny-llama");
    let lm = golden.model();
    let source = golden.folder.join("lora");
    let config = std::fs::read_to_string(source.join("adapter_config.json")).unwrap();
    for (from, to, word) in [
        ("\"use_dora\": false", "\"use_dora\": true", "DoRA"),
        ("\"use_rslora\": false", "\"use_rslora\": true", "rsLoRA"),
        ("\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 8}", "rank patterns"),
        ("\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": 8}", "alpha patterns"),
        ("\"bias\": \"none\"", "\"bias\": \"all\"", "bias"),
        ("\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]", "lm_head"),
        ("\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"", "IA3"),
        ("\"q_proj\"", "\"lm_head\"", "lm_head"),
        ("\"r\": 4", "\"r\": 8", "must be [8"),
    ] {
        assert!(config.contains(from), "{from}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("adapter_config.json"), config.replace(from, to)).unwrap();
        let weights = "adapter_model.safetensors";
        std::fs::copy(source.join(weights), folder.path().join(weights)).unwrap();
        let why = Lora::read_peft(folder.path(), &lm).unwrap_err().to_string();
        assert!(why.contains(word), "{to}: {why}");
    }
}
