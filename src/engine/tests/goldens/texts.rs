//! Tokenizers and chat templates, case by case.

use candle_core::Device;
use mascot_engine::model::Lm;
use mascot_engine::model::gguf::Gguf;
use mascot_engine::text::{Message, Tokenizer};
use mascot_run::task::Dtype;

use crate::reader::{Golden, MODELS, folder};

fn ids(json: &serde_json::Value) -> Vec<u32> {
    json.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

pub fn same_encodings(tokenizer: &Tokenizer, cases: &serde_json::Value, what: &str) {
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        assert_eq!(tokenizer.encode(text).unwrap(), ids(&case["ids"]), "{what}: {text:?}");
        if let Some(decoded) = case["decoded"].as_str() {
            assert_eq!(tokenizer.decode(&ids(&case["ids"]), false).unwrap(), decoded, "{what}");
        }
        if let Some(decoded) = case["decoded_skip_special"].as_str() {
            assert_eq!(tokenizer.decode(&ids(&case["ids"]), true).unwrap(), decoded, "{what}");
        }
    }
}

#[test]
fn texts_are_encoded_and_decoded_as_by_transformers() {
    let mut cases = 0;
    for name in MODELS {
        let golden = Golden::read(name);
        let tokenizer = Tokenizer::from_file(&golden.folder.join("tokenizer.json"));
        let Ok(tokenizer) = tokenizer else { continue };
        if golden.json["tokenizer"]["encode"].is_array() {
            same_encodings(&tokenizer, &golden.json["tokenizer"]["encode"], name);
            cases += 1;
        }
    }
    assert!(cases >= 4);
}

#[test]
fn the_vocabulary_of_a_gguf_file_is_a_whole_tokenizer() {
    let golden = Golden::read("tiny-llama-gguf");
    let gguf = Gguf::open(&folder("tiny-llama-gguf").join("model.Q4_1.gguf")).unwrap();
    let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
    same_encodings(&tokenizer, &golden.json["tokenizer"]["encode"], "gguf");
}

#[test]
fn templates_are_rendered_as_by_transformers() {
    let mut cases = 0;
    for name in MODELS {
        let golden = Golden::read(name);
        let Some(chats) = golden.json["tokenizer"]["chat"].as_array() else { continue };
        let lm = golden.model();
        for case in chats {
            let messages: Vec<Message> = serde_json::from_value(case["messages"].clone()).unwrap();
            let generation = case["add_generation_prompt"].as_bool().unwrap();
            let text = lm.chat().text(&messages, generation, case["enable_thinking"].as_bool()).unwrap();
            assert_eq!(text, case["text"].as_str().unwrap(), "{name}");
            assert_eq!(lm.tokenizer().encode(&text).unwrap(), ids(&case["ids"]), "{name}");
            cases += 1;
        }
    }
    assert!(cases >= 20, "{cases}");
}

#[test]
fn an_empty_system_message_silences_a_templates_own() {
    let lm = Lm::load(&folder("tiny-llama"), Dtype::F32, &Device::Cpu).unwrap();
    let user = Message::new("user", "Hi");
    let with_default = lm.chat().text(std::slice::from_ref(&user), true, None).unwrap();
    assert!(with_default.contains("small helpful assistant"));
    let text = lm.chat().text(&[Message::new("system", ""), user], true, None).unwrap();
    assert!(!text.contains("small helpful assistant"), "{text}");
}
