//! What can be read is formatted: to a text that says the same with the same comments (else `format` refuses, and that is a
//! bug of ours), and that formatting again leaves alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mascot_lang::format::{Refusal, format};
use mascot_lang::source::FileId;

fuzz_target!(|text: &str| {
    let once = match format(FileId(0), text) {
        Ok(once) => once,
        Err(Refusal::Faulty(_)) => return,
        Err(Refusal::Changed) => panic!("what would be written does not say the same"),
    };
    match format(FileId(0), &once) {
        Ok(twice) => assert_eq!(twice, once),
        Err(why) => panic!("what was written is refused: {why:?}\n{once}"),
    }
});
