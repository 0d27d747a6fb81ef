//! Cards there and back, and cards that nobody should open.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mascot_lang::source::Alone;
use serde_json::{Value, json};

use super::*;

fn v2() -> Value {
    json!({
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "data": {
            "name": "Séraphina \"the Guardian\"",
            "description": "{{char}} guards the glade.\n\n\"\"\"Never\"\"\" leaves it.\\ {not a slot}",
            "personality": "Gentle with <USER>; {{random: wry, \"dry\"}}.",
            "scenario": "It is {{time}}.",
            "first_mes": "*She looks up.* Oh.",
            "mes_example": "<START>\n{{user}}: Who are you?\n{{char}}: I am {{char}}.\nI keep the glade.\n{{user}}: Why?\n{{char}}: Somebody must.\n<START>\n{{char}}: (alone) Hm.\n",
            "creator_notes": "be kind",
            "system_prompt": "{{original}} You are {{char}}.",
            "post_history_instructions": "Stay in role.",
            "alternate_greetings": ["Hello.", "…"],
            "character_book": {"entries": [{"keys": ["glade"], "content": "It is old.", "extensions": {"x": {"y": 1.5}}, "enabled": true, "insertion_order": 3}], "extensions": {}},
            "tags": ["forest"],
            "creator": "somebody",
            "character_version": "1.2",
            "extensions": {"depth_prompt": {"depth": 4, "prompt": "…"}, "unknown/thing": [1, null, {"a": "b"}]}
        }
    })
}

fn v3() -> Value {
    let mut card = v2();
    card["spec"] = "chara_card_v3".into();
    card["spec_version"] = "3.0".into();
    card["data"]["nickname"] = "Sera".into();
    card["data"]["assets"] =
        json!([{"type": "icon", "uri": "https://example.org/a.png", "name": "main", "ext": "png"}]);
    card["data"]["group_only_greetings"] = json!(["All of you?"]);
    card["data"]["creation_date"] = 1_700_000_000.into();
    card
}

fn read(card: &Value) -> Card {
    Card::read(card.to_string().as_bytes()).unwrap()
}

/// The persona of an imported file, as an export finds it.
fn of(masc: &str, name: &str) -> Persona {
    let checked = mascot_lang::check(&Alone { path: "it.masc", text: masc }, "it.masc", &[]);
    let told: Vec<String> = checked.diagnostics.sorted().iter().map(|one| one.message.clone()).collect();
    Persona::of(checked.program.as_ref().unwrap_or_else(|| panic!("{told:?}\n{masc}")), name).unwrap()
}

#[test]
fn a_card_comes_back_as_it_was() {
    for (card, version) in [(v2(), Version::V2), (v3(), Version::V3)] {
        let imported = import(&read(&card)).unwrap();
        let persona = of(&imported.masc, &imported.name);
        let (back, notes) = export(&persona, Some(&imported.sidecar), version).unwrap();
        assert_eq!(back.to_string(), card.to_string(), "also in its order");
        assert!(notes.is_empty());
    }
}

/// What a stranger keeps in `extensions` is theirs, to the letter.
#[test]
fn numbers_of_an_extension_come_back_as_they_were_written() {
    let numbers = r#"{"a": 123456789012345678901234567890, "b": [-0, 1e-05, 0.10, 1e400, 3]}"#;
    let text =
        format!(r#"{{"spec":"chara_card_v2","spec_version":"2.0","data":{{"name":"Ann","extensions":{numbers}}}}}"#);
    let imported = import(&Card::read(text.as_bytes()).unwrap()).unwrap();
    assert!(imported.sidecar.contains("123456789012345678901234567890"), "{}", imported.sidecar);
    let (card, _) = export(&of(&imported.masc, &imported.name), Some(&imported.sidecar), Version::V2).unwrap();
    let written: String = in_writing(&card).split_whitespace().collect();
    let wanted: String = numbers.split_whitespace().collect();
    assert!(written.contains(&wanted), "{written}");
    let named = r#"{"spec":"chara_card_v2","data":{"name":1e-05}}"#;
    assert!(Card::read(named.as_bytes()).is_err(), "a number is no name");
}

#[test]
fn texts_become_prose_with_slots_and_macros_are_told() {
    let imported = import(&read(&v2())).unwrap();
    assert_eq!(imported.name, "s_raphina_the_guardian");
    let persona = of(&imported.masc, &imported.name);
    assert_eq!(persona.title, "Séraphina \"the Guardian\"");
    assert_eq!(
        persona.voice.as_deref(),
        Some(
            " You are {{char}}.\n\n{{char}} guards the glade.\n\n\"\"\"Never\"\"\" leaves it.\\ {not a slot}\n\n\
             Personality: Gentle with {{user}}; wry.\n\nScenario: It is {time}."
        )
    );
    let [first, second] = persona.examples.as_slice() else { panic!("{:?}", persona.examples) };
    assert_eq!((first.given.as_str(), first.says.as_str()), ("Who are you?", "I am {{char}}.\nI keep the glade."));
    assert_eq!((second.given.as_str(), second.says.as_str()), ("Why?", "Somebody must."));
    let notes = imported.notes.join("\n");
    for said in [
        "a lorebook",
        "extensions",
        "{{original}} was left out",
        "{{random:…}} became its first",
        "{{time}} means nothing",
        "1 example dialogue(s)",
    ] {
        assert!(notes.contains(said), "{said}\n{notes}");
    }
    assert_eq!(mascot_lang::format::format(mascot_lang::source::FileId(0), &imported.masc).unwrap(), imported.masc);
}

#[test]
fn what_was_changed_is_changed_and_nothing_else() {
    let imported = import(&read(&v2())).unwrap();
    let before = of(&imported.masc, &imported.name);
    let mut changed = before.clone();
    changed.examples.truncate(1);
    changed.role = Some("Guardian".to_owned());
    let (back, _) = export(&changed, Some(&imported.sidecar), Version::V2).unwrap();
    let mut expected = v2();
    expected["data"]["mes_example"] =
        "<START>\n{{user}}: Who are you?\n{{char}}: I am {{char}}.\nI keep the glade.\n".into();
    expected["data"]["extensions"]["mascot"] = json!({"role": "Guardian"});
    assert_eq!(back, expected);
    // And read again it is what was written.
    let again = import(&read(&back)).unwrap();
    assert_eq!(of(&again.masc, &again.name), changed);

    let mut other = before;
    other.voice = Some("You are {{char}}, and new.".to_owned());
    let (back, notes) = export(&other, Some(&imported.sidecar), Version::V2).unwrap();
    assert_eq!(back["data"]["description"], "You are {{char}}, and new.");
    assert_eq!((&back["data"]["personality"], &back["data"]["system_prompt"]), (&"".into(), &"".into()));
    assert_eq!(back["data"]["first_mes"], v2()["data"]["first_mes"]);
    assert_eq!(notes.len(), 3, "{notes:?}");
}

#[test]
fn a_version_and_back_loses_nothing() {
    let imported = import(&read(&v3())).unwrap();
    assert_eq!(of(&imported.masc, &imported.name).title, "Sera", "a nickname is what {{{{char}}}} is");
    let persona = of(&imported.masc, &imported.name);
    let (as_v2, _) = export(&persona, Some(&imported.sidecar), Version::V2).unwrap();
    assert_eq!((&as_v2["spec"], &as_v2["spec_version"]), (&"chara_card_v2".into(), &"2.0".into()));
    assert_eq!(as_v2["data"].get("assets"), None);
    let again = import(&read(&as_v2)).unwrap();
    let persona = of(&again.masc, &again.name);
    let (as_v3, _) = export(&persona, Some(&again.sidecar), Version::V3).unwrap();
    assert_eq!(as_v3, v3());
}

#[test]
fn a_flat_card_and_a_persona_without_a_card_become_whole_ones() {
    let flat = json!({"name": "Ann", "description": "Kind.", "personality": "", "scenario": "", "first_mes": "Hi.", "mes_example": "", "extra": 7});
    let imported = import(&read(&flat)).unwrap();
    let persona = of(&imported.masc, "ann");
    let (back, _) = export(&persona, Some(&imported.sidecar), Version::V2).unwrap();
    assert_eq!((&back["data"]["first_mes"], &back["data"]["extra"]), (&"Hi.".into(), &7.into()));
    assert_eq!(back["data"]["alternate_greetings"], json!([]));
    let (fresh, _) = export(&persona, None, Version::V3).unwrap();
    assert_eq!(fresh["spec"], "chara_card_v3");
    assert_eq!((&fresh["data"]["description"], &fresh["data"]["group_only_greetings"]), (&"Kind.".into(), &json!([])));
}

/// A PNG of one pixel, with these chunks before its end.
fn png(chunks: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut add = |kind: &[u8], data: &[u8]| {
        let body: Vec<u8> = [kind, data].concat();
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(&body);
        bytes.extend(crc32fast::hash(&body).to_be_bytes());
    };
    add(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    chunks.iter().for_each(|(kind, data)| add(kind, data));
    add(b"IEND", &[]);
    bytes
}

fn text(keyword: &str, text: &str) -> Vec<u8> {
    [keyword.as_bytes(), &[0], text.as_bytes()].concat()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_picture_holds_a_card_the_newest_first() {
    let packed = |card: &Value| STANDARD.encode(card.to_string());
    let both = png(&[(b"tEXt", text("chara", &packed(&v2()))), (b"tEXt", text("ccv3", &packed(&v3())))]);
    assert_eq!(Card::read(&both).unwrap().json, v3());
    let international = [&b"chara\0\x01\0en\0\0"[..], &deflated(packed(&v2()).as_bytes())].concat();
    assert_eq!(Card::read(&png(&[(b"iTXt", international)])).unwrap().json, v2());
    let zipped = [&b"chara\0\0"[..], &deflated(packed(&v2()).as_bytes())].concat();
    assert_eq!(Card::read(&png(&[(b"zTXt", zipped)])).unwrap().json, v2());
    // Written into a picture, it takes the place of what was there.
    let again = embedded(&both, "chara", &v2().to_string()).unwrap();
    assert_eq!(Card::read(&again).unwrap().json, v2());
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn an_archive_holds_a_card_and_its_assets_stay_in_it() {
    let card = v3().to_string();
    let read = Card::read(&archive(&[("card.json", card.as_bytes()), ("assets/icon/images/main.png", b"x")])).unwrap();
    assert_eq!(read.json, v3());
    assert_eq!(read.notes, ["a file beside the card was left in the archive"]);
}

#[test]
fn what_is_no_card_is_refused_with_its_reason() {
    let card = v2().to_string();
    let bomb = vec![b' '; MOST_BYTES + 1];
    let spaces = [&b"chara\0\0"[..], &deflated(&vec![b'A'; 64 * 1024 * 1024])].concat();
    let mut damaged = png(&[(b"tEXt", text("chara", &STANDARD.encode(&card)))]);
    damaged[60] ^= 1;
    let good = png(&[(b"tEXt", text("chara", &STANDARD.encode(&card)))]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"{".to_vec(), "its JSON cannot be read"),
        (b"[1]".to_vec(), "no `data`"),
        (b"{\"spec\": \"chara_card_v2\"}".to_vec(), "no `data`"),
        (b"{\"data\": {}}".to_vec(), "no `name`"),
        (b"{\"name\": \"A\", \"description\": 7}".to_vec(), "a text of it is no text"),
        (b"\xff\xfe".to_vec(), "is not UTF-8 (byte 0)"),
        (["[".repeat(100_000), "]".repeat(100_000)].concat().into_bytes(), "its JSON cannot be read"),
        (bomb.clone(), "at most 16 MiB"),
        (png(&[]), "holds no card"),
        (good[..good.len() - 20].to_vec(), "cut short"),
        (damaged, "wrong checksum"),
        (png(&[(b"tEXt", text("chara", "no base64!"))]), "no base64"),
        (png(&[(b"zTXt", spaces)]), "unpacks to more"),
        ([b"\x89PNG\r\n\x1a\n", &[0xff; 8][..]].concat(), "cut short"),
        (archive(&[("other.json", b"{}")]), "no `card.json`"),
        (archive(&[("../card.json", b"{}")]), "leave its folder"),
        (archive(&[("/card.json", b"{}")]), "leave its folder"),
        (archive(&[("card.json", &bomb)]), "packed tighter"),
        (archive(&[("card.json", b"{}")])[..40].to_vec(), "cannot be read"),
    ];
    for (bytes, reason) in cases {
        let told = Card::read(&bytes).unwrap_err().to_string();
        assert!(told.contains(reason), "{reason}: {told}");
    }
}

#[test]
fn names_become_identifiers() {
    for (name, expected) in [
        ("Ann Lee", "ann_lee"),
        ("7 of 9", "persona_7_of_9"),
        ("ハル", "character"),
        ("a--b__c ", "a_b_c"),
        ("None", "persona_none"),
    ] {
        let card = json!({"name": name});
        let imported = import(&read(&card)).unwrap();
        assert_eq!(imported.name, expected);
        assert_eq!(of(&imported.masc, expected).title, name.trim());
    }
}

#[test]
fn no_text_of_a_card_breaks_the_file() {
    let odd = [
        "{{",
        "}}",
        "{{ {{char}} }}",
        "{{unknown}}",
        "\"\"\"\"\"\"",
        "\\",
        "a\rb\r\nc",
        "\u{0}\u{7}x",
        "# masc",
        "  indented\n\ttab",
        "{{//c}}",
        "{{reverse:abc}}",
        "{{pick:{{user}},b}}",
        "{{{{{{{{{{{{{{{{{{{{{{",
    ];
    for text in odd {
        let card = json!({"name": text, "description": text, "personality": text, "mes_example": format!("<start>\n{{{{user}}}}: {text}\n{{{{char}}}}: {text}")});
        let imported = import(&read(&card)).unwrap_or_else(|why| panic!("{text:?}: {why}"));
        let persona = of(&imported.masc, &imported.name);
        let (back, _) = export(&persona, Some(&imported.sidecar), Version::V2).unwrap();
        assert_eq!(back["data"]["description"], text);
    }
}

#[test]
fn findings_of_the_fuzzer() {
    // What a stranger calls the version went into a comment of the file that is written, new lines and all.
    let card = json!({"spec": "chara_card_v2\nuse \"../secrets.masc\" as s\n#\u{0}", "data": {"name": "A"}});
    let read = read(&card);
    let imported = import(&read).unwrap();
    assert_eq!(of(&imported.masc, "a").title, "A");
    assert!(!imported.masc.contains("secrets") && read.spec() == "a version unknown to mascot", "{}", imported.masc);
    // What waits for V3 in a card of V2 may put no field in the place of another.
    let waiting = json!({"name": 5, "nickname": "B"});
    let card = json!({"spec": "chara_card_v2", "data": {"name": "A", "extensions": {"mascot": {"v3": waiting, "role": " ", "never": [""]}}}});
    let imported = import(&self::read(&card)).unwrap();
    let persona = of(&imported.masc, &imported.name);
    assert_eq!((&persona.role, persona.never.len()), (&None, 0));
    let (back, _) = export(&persona, Some(&imported.sidecar), Version::V3).unwrap();
    assert_eq!((&back["data"]["name"], &back["data"]["nickname"]), (&"A".into(), &"B".into()));
    self::read(&back);
}
