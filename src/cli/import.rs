//! `mascot import`: a character card becomes a persona, with a sidecar that keeps what the language cannot say.

use std::fs;
use std::path::{Path, PathBuf};

use mascot_run::card::{Card, Imported, import as imported, refused_by_size};
use mascot_run::whole::{self, Care};
use serde_json::json;

use super::args::Import;
use super::exit::Exit;
use super::render;
use super::run::near;
use super::world::in_words;

/// Larger files are not read: a picture of any reason is smaller, and a card is bounded again inside it.
const MOST_FILE: u64 = 256 * 1024 * 1024;

pub fn import(args: &Import) -> Exit {
    let card = match read(&args.card).and_then(|bytes| {
        Card::read(&bytes).map_err(|why| {
            render::complain(
                &format!("{}: {why}", args.card.display()),
                Some("give a .json, .png or .charx of Character Card V1, V2 or V3"),
            );
            Exit::ProgramWrong
        })
    }) {
        Ok(card) => card,
        Err(exit) => return exit,
    };
    let Imported { name, masc, sidecar, notes } = match imported(&card) {
        Ok(imported) => imported,
        Err(why) => {
            render::complain(&format!("{}: {why}", args.card.display()), None);
            return Exit::ProgramWrong;
        }
    };
    let file = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.masc")));
    let beside = sidecar_of(&file, &name);
    for path in [&file, &beside] {
        if path.exists() && !args.force {
            render::complain(
                &format!("{} is there already", path.display()),
                Some("name another with --out, or write over it with --force"),
            );
            return Exit::CallWrong;
        }
    }
    // The sidecar first: a persona whose card is lost would export less than it came with.
    for (path, text) in [(&beside, &sidecar), (&file, &masc)] {
        if let Err(why) = whole::write(path, text.as_bytes(), Care::Synced) {
            render::complain(&format!("{}: {}", path.display(), in_words(&why)), None);
            return Exit::Failed;
        }
    }
    if args.output.json {
        render::json(&json!({ "persona": name, "file": file, "sidecar": beside, "spec": card.spec(), "notes": notes }));
        return Exit::Done;
    }
    render::out(&format!("{}: persona {name}, from {}\n", near(&file), card.spec()));
    notes.iter().for_each(|note| render::say(&format!("  {note}")));
    Exit::Done
}

/// Where a persona's card is kept: beside its file.
pub fn sidecar_of(file: &Path, persona: &str) -> PathBuf {
    file.with_file_name(format!("{persona}.card.json"))
}

/// A file of bounded size; a folder, a device or a pipe is none.
///
/// # Errors
/// [`Exit::CallWrong`]; it has been said.
pub fn read(path: &Path) -> Result<Vec<u8>, Exit> {
    let complain = |why: String| {
        render::complain(&format!("{}: {why}", path.display()), None);
        Exit::CallWrong
    };
    let about = fs::metadata(path).map_err(|why| complain(in_words(&why)))?;
    if !about.is_file() {
        return Err(complain("is no file".to_owned()));
    }
    let is_text = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let too_large = if is_text { refused_by_size(about.len()) } else { None };
    if let Some(why) = too_large.or_else(|| (about.len() > MOST_FILE).then(|| "is too large for a card".to_owned())) {
        return Err(complain(why));
    }
    fs::read(path).map_err(|why| complain(in_words(&why)))
}
