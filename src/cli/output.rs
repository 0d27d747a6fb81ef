//! What a call may write over: nothing that its program is made of, and no program at all.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use mascot_lang::lock;
use mascot_lang::program::{EntityKind, Value};

use super::exit::Exit;
use super::load::Loaded;
use super::render;

/// How a file begins that a verb wrote itself: over such a one it writes again, whatever it is called.
pub const PAGE: &[u8] = b"<!doctype html>";
pub const PACK: &[u8] = b"PK\x03\x04";

/// Refuses to write to `out` what would cost the user a file of theirs: an input of the program, the lock, a `.masc` file that does not
/// begin as `own`.
///
/// # Errors
/// [`Exit::CallWrong`]; it has been said.
pub fn refuse(out: &Path, loaded: &Loaded, own: &[u8]) -> Result<(), Exit> {
    let why = match spares_inputs(out, loaded, own) {
        Err(why) => why,
        Ok(()) if is_program(out) && !begins(out, own) => "it is a program".to_owned(),
        Ok(()) => return Ok(()),
    };
    render::complain(&format!("{}: nothing is written over it: {why}", out.display()), Some("name another file"));
    Err(Exit::CallWrong)
}

/// Whether what lies at `out` is nothing that the program is read from.
///
/// # Errors
/// In words, what it is.
pub fn spares_inputs(out: &Path, loaded: &Loaded, own: &[u8]) -> Result<(), String> {
    if out.file_name().is_some_and(|name| name.eq_ignore_ascii_case(lock::FILE)) {
        return Err("it is the project's lock".to_owned());
    }
    let Ok(real) = out.canonicalize() else { return Ok(()) };
    let root = loaded.world.root();
    let (main, _) = loaded.checked.sources().next().unwrap_or_default();
    let parts = loaded.checked.parts(&loaded.world);
    let made_of = parts.iter().map(|part| root.join(&part.name)).chain([PathBuf::from(main)]);
    if made_of.filter_map(|path| path.canonicalize().ok()).any(|path| path == real) {
        return Err("the program is made of it".to_owned());
    }
    let reads = read_by(loaded).into_iter().filter_map(|path| root.join(path).canonicalize().ok());
    // Of a folder only what we did not write into it ourselves.
    let inside = |path: &PathBuf| real == *path || (path != root && real.starts_with(path) && !begins(out, own));
    match reads.into_iter().any(|path| inside(&path)) {
        true => Err("the program reads it".to_owned()),
        false => Ok(()),
    }
}

/// Data, weights and recorded scores that the program names by a path.
fn read_by(loaded: &Loaded) -> Vec<String> {
    let mut paths = Vec::new();
    for program in &loaded.programs {
        for (kind, field) in
            [(EntityKind::Dataset, "source"), (EntityKind::Model, "weights"), (EntityKind::Judge, "by")]
        {
            for entity in program.of_kind(kind) {
                if let Some(field) = entity.fields.get(field) {
                    paths_in(&field.value, &mut paths);
                }
            }
        }
    }
    paths
}

fn paths_in(value: &Value, to: &mut Vec<String>) {
    match value {
        Value::Call { name, args } => {
            // The path of a wheel is one inside it.
            if let Some(Value::Text(path)) = args.get("path").filter(|_| name != "wheel") {
                to.push(path.clone());
            }
            args.values().for_each(|one| paths_in(one, to));
        }
        Value::List(values) => values.iter().for_each(|one| paths_in(one, to)),
        _ => {}
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("masc"))
}

fn begins(path: &Path, with: &[u8]) -> bool {
    let mut head = vec![0; with.len()];
    !with.is_empty() && File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == with
}
