//! A character card (JSON, PNG, CHARX) is refused, or becomes a `.masc` file that checks and from which the same card comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mascot_lang::program::Program;
use mascot_lang::source::Alone;
use mascot_run::card::{Card, Persona, Version, embedded, export, import};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

fn checked(masc: &str) -> Program {
    let checked = mascot_lang::check(&Alone { path: "card.masc", text: masc }, "card.masc", &[]);
    let told: Vec<String> = checked.diagnostics.sorted().iter().map(|one| one.message.clone()).collect();
    checked.program.unwrap_or_else(|| panic!("what was imported does not check: {told:?}\n{masc}"))
}

/// A picture whose checksums are right: no change at random would ever come behind them.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = SIGNATURE.len();
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(body) = bytes.get(at + 4..at + 8 + length) else { break };
        let sum = crc32fast::hash(body).to_be_bytes();
        let Some(place) = bytes.get_mut(at + 8 + length..at + 12 + length) else { break };
        place.copy_from_slice(&sum);
        at += 12 + length;
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let is_picture = bytes.starts_with(SIGNATURE);
    let mended = if is_picture { mended(bytes) } else { bytes.to_vec() };
    let Ok(card) = Card::read(&mended) else { return };
    let imported = match import(&card) {
        Ok(imported) => imported,
        // No text of this length is too long for the language, so nothing else may be in the way.
        Err(why) => panic!("a card that was read was not imported: {why}"),
    };
    let persona = Persona::of(&checked(&imported.masc), &imported.name).expect("its only persona");
    for version in [Version::V2, Version::V3] {
        let (back, _) = export(&persona, Some(&imported.sidecar), version).expect("the sidecar is ours");
        let same = match version {
            Version::V2 => "chara_card_v2",
            Version::V3 => "chara_card_v3",
        };
        if card.spec() == same && card.json.get("spec").is_some() {
            assert_eq!(back.to_string(), card.json.to_string(), "an unchanged persona is the card that it came from");
        }
        let again = Card::read(back.to_string().as_bytes()).unwrap_or_else(|why| panic!("{why}: {back}"));
        if is_picture {
            let picture = embedded(&mended, version.keyword(), &back.to_string()).expect("it was read a moment ago");
            let inside = Card::read(&picture).expect("what was embedded is read");
            assert_eq!(inside.json, again.json);
        }
    }
    let (fresh, _) = export(&persona, None, Version::V3).expect("nothing is in the way");
    let _ = Card::read(fresh.to_string().as_bytes()).expect("a card of ours");
});
