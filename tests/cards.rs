//! `mascot import` and `mascot export` through the front door: a card there and back, and what the file that is made of it can do.

use std::fs;

use serde_json::{Value, json};

use crate::house::Sandbox;

fn card() -> Value {
    json!({
        "spec": "chara_card_v2", "spec_version": "2.0",
        "data": {
            "name": "Ann Lee", "description": "{{char}} mends bicycles.", "personality": "dry", "scenario": "",
            "first_mes": "What did you do to it?", "mes_example": "<START>\n{{user}}: It squeaks.\n{{char}}: It is asking for oil.",
            "creator_notes": "", "system_prompt": "", "post_history_instructions": "", "alternate_greetings": [],
            "character_book": {"entries": [{"keys": ["chain"], "content": "Chains wear.", "extensions": {}, "enabled": true, "insertion_order": 0}], "extensions": {}},
            "tags": [], "creator": "", "character_version": "", "extensions": {"some/front-end": {"depth": 4}}
        }
    })
}

#[test]
fn a_card_becomes_a_persona_and_comes_back() {
    let sandbox = Sandbox::empty();
    sandbox.write("ann.json", &card().to_string());
    let told = sandbox.mascot(&["import", "ann.json"]).ended_with(0);
    assert!(told.out.contains("ann_lee.masc: persona ann_lee, from chara_card_v2"), "{}", told.out);
    assert!(
        told.err.contains("kept in the sidecar, as it is: the first message, a lorebook, extensions"),
        "{}",
        told.err
    );
    let masc = sandbox.read("ann_lee.masc");
    assert!(masc.contains("persona ann_lee \"Ann Lee\" {") && masc.contains("{{char}} mends bicycles."), "{masc}");
    sandbox.mascot(&["check", "ann_lee.masc"]).ended_with(0);
    sandbox.mascot(&["fmt", "--check", "ann_lee.masc"]).ended_with(0);
    let back = sandbox.mascot(&["export", "ann_lee.masc", "--persona", "ann_lee", "--card", "v2"]).ended_with(0).json();
    assert_eq!(back, card());
    // A word changed in the file is the one that changes in the card.
    sandbox.edit("ann_lee.masc", "says = \"It is asking for oil.\"", "says = \"It wants oil.\"");
    let back = sandbox.mascot(&["export", "ann_lee.masc", "--card", "v2"]).ended_with(0).json();
    let mut expected = card();
    expected["data"]["mes_example"] = "<START>\n{{user}}: It squeaks.\n{{char}}: It wants oil.\n".into();
    assert_eq!(back, expected);
    let newer = sandbox.mascot(&["export", "ann_lee.masc", "--card", "v3"]).ended_with(0).json();
    assert_eq!(
        (&newer["spec"], &newer["data"]["character_book"]),
        (&"chara_card_v3".into(), &card()["data"]["character_book"])
    );
    // Imported where it is used, the card is still found beside the file that declares it.
    sandbox.write("other/main.masc", "masc 1\nuse \"../ann_lee.masc\" { ann_lee }\nlet crew = [ann_lee]\n");
    let call = ["export", "other/main.masc", "--persona", "ann_lee", "--card", "v2"];
    assert_eq!(sandbox.mascot(&call).ended_with(0).json(), expected);
}

#[test]
fn nothing_is_written_over_and_nothing_is_half_written() {
    let sandbox = Sandbox::empty();
    sandbox.write("ann.json", &card().to_string());
    sandbox.write("ann_lee.card.json", "mine");
    let told = sandbox.mascot(&["import", "ann.json"]).ended_with(2).err;
    assert!(told.contains("ann_lee.card.json is there already"), "{told}");
    assert!(!sandbox.path().join("ann_lee.masc").exists());
    assert_eq!(sandbox.read("ann_lee.card.json"), "mine");
    let json = sandbox.mascot(&["import", "ann.json", "--force", "--json"]).ended_with(0).json();
    assert_eq!(
        (json["persona"].as_str(), json["file"].as_str(), json["sidecar"].as_str()),
        (Some("ann_lee"), Some("ann_lee.masc"), Some("ann_lee.card.json"))
    );
    sandbox.write("ann_lee.card.json", "{}");
    let told = sandbox.mascot(&["export", "ann_lee.masc", "--card", "v2"]).ended_with(2).err;
    assert!(told.contains("the sidecar is none"), "{told}");
    fs::remove_file(sandbox.path().join("ann_lee.card.json")).unwrap();
    let fresh = sandbox.mascot(&["export", "ann_lee.masc", "--card", "v2"]).ended_with(0).json();
    assert_eq!(fresh["data"]["first_mes"], "", "what was kept is gone");
    sandbox.mascot(&["export", "ann_lee.masc", "--persona", "bob", "--card", "v2"]).ended_with(2);
    sandbox.mascot(&["export", "ann_lee.masc"]).ended_with(2);
}

#[test]
fn what_is_no_card_is_refused() {
    let sandbox = Sandbox::empty();
    sandbox.write("not.json", "{\"hello\": 1}");
    let told = sandbox.mascot(&["import", "not.json"]).ended_with(1).err;
    assert!(told.contains("not.json: it is JSON, and no character card: it has no `name`"), "{told}");
    sandbox.mascot(&["import", "absent.png"]).ended_with(2);
    sandbox.mascot(&["import", "."]).ended_with(2);
    assert_eq!(fs::read_dir(sandbox.path()).unwrap().count(), 2, "the card and the marker of the root");
}
