//! `git diff` that speaks of meaning: the driver that git calls for `.masc` files, and what tells git to call it.

use std::path::Path;

use mascot_lang::source::Exchanged;
use similar::TextDiff;

use super::{both, sides};
use crate::cli::args::Diff;
use crate::cli::exit::Exit;
use crate::cli::git::Repository;
use crate::cli::render::{self, Paint, diff as shown, plural};
use crate::cli::world::{self, SystemWorld, in_words};

/// The line of `.gitattributes`.
const ATTRIBUTE: &str = "*.masc diff=mascot";
/// The key of git's configuration.
const COMMAND: &str = "diff.mascot.command";

/// Writes both, or takes both away; says what it did, and does nothing twice.
pub fn install(wanted: bool) -> Exit {
    match Repository::here().and_then(|repository| arranged(&repository, wanted)) {
        Ok(told) => {
            render::out(&told);
            Exit::Done
        }
        Err(why) => {
            render::complain(&why, None);
            Exit::CallWrong
        }
    }
}

fn arranged(repository: &Repository, wanted: bool) -> Result<String, String> {
    let path = repository.top().join(".gitattributes");
    let shown = path.display();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(why) => return Err(format!("{shown}: {}", in_words(&why))),
    };
    let has_line = text.lines().any(|line| line.trim() == ATTRIBUTE);
    let write = |text: &str| std::fs::write(&path, text).map_err(|why| format!("{shown}: {}", in_words(&why)));
    let mut told = String::new();
    match (wanted, has_line) {
        (true, true) => told.push_str(&format!("{shown} has `{ATTRIBUTE}` already\n")),
        (true, false) => {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            write(&format!("{text}{gap}{ATTRIBUTE}\n"))?;
            told.push_str(&format!("wrote `{ATTRIBUTE}` into {shown}; commit it, and everybody's git may use it\n"));
        }
        (false, true) => {
            let rest: String =
                text.lines().filter(|line| line.trim() != ATTRIBUTE).map(|line| format!("{line}\n")).collect();
            match rest.is_empty() {
                true => std::fs::remove_file(&path).map_err(|why| format!("{shown}: {}", in_words(&why)))?,
                false => write(&rest)?,
            }
            told.push_str(&format!("took `{ATTRIBUTE}` out of {shown}\n"));
        }
        (false, false) => told.push_str(&format!("{shown} has no line of mascot's\n")),
    }
    let before = repository.setting(COMMAND);
    if wanted {
        let command = command()?;
        if before.as_deref() == Some(&command) {
            told.push_str(&format!("git's {COMMAND} is `{command}` already\n"));
        } else {
            repository.set(COMMAND, &command)?;
            told.push_str(&format!("set git's {COMMAND} to `{command}`, for this repository\n"));
        }
        told.push_str("`git diff` now tells what an edit means; `git diff --no-ext-diff` shows lines, `git log -p --ext-diff` meaning\n");
    } else if before.is_some() {
        repository.unset("diff.mascot")?;
        told.push_str(&format!("took {COMMAND} out of this repository's git configuration\n"));
    } else {
        told.push_str(&format!("git has no {COMMAND}\n"));
    }
    Ok(told)
}

/// How git calls us: this very program, wherever it lies.
fn command() -> Result<String, String> {
    let own = std::env::current_exe().map_err(|why| format!("this program's own path: {}", in_words(&why)))?;
    let own = own.to_string_lossy().replace('\'', "'\\''");
    Ok(format!("'{own}' diff --driver"))
}

/// git's external diff: `path old-file old-hex old-mode new-file new-hex new-mode`, of a rename also the new path and what is alike; of a
/// file that is not merged the path alone. Whatever is wrong with the texts, git goes on: it ends with 0.
pub fn shown_to_git(args: &Diff) -> Exit {
    let words: Vec<String> =
        args.a.iter().cloned().chain(args.rest.iter().map(|one| one.display().to_string())).collect();
    let (path, old, new, renamed) = match words.as_slice() {
        [path] => {
            render::out(&format!("* {path} is not merged yet\n"));
            return Exit::Done;
        }
        [path, old, _, _, new, _, _] => (path, old, new, None),
        [path, old, _, _, new, _, _, to, ..] => (path, old, new, Some(to)),
        _ => {
            render::complain(
                "git calls a diff driver with seven arguments",
                Some("`mascot diff --install` arranges that"),
            );
            return Exit::CallWrong;
        }
    };
    let name = renamed.unwrap_or(path);
    render::out(&format!("{}\n", Paint::of_stdout().bold(&format!("diff --mascot a/{path} b/{name}"))));
    match meaning(args, path, old, name, new) {
        Ok(text) => render::out(&text),
        // A side that cannot be read has no meaning to tell; its lines are shown, as git would.
        Err(why) => render::out(&format!("{why}\n{}", lines(path, old, name, new))),
    }
    Exit::Done
}

fn text_of(file: &str) -> Option<String> {
    if file == "/dev/null" { None } else { std::fs::read_to_string(file).ok() }
}

/// What differs between the texts that git hands over. What they import is read as it lies in the working tree, on both sides: an
/// edit of a library is told at the library, and by `mascot diff REV..` in all that use it.
fn meaning(args: &Diff, path: &str, old: &str, name: &str, new: &str) -> Result<String, String> {
    let (before, after) = (text_of(old), text_of(new));
    let (Some(before), Some(after)) = (before, after) else {
        let what = if text_of(old).is_none() { "new" } else { "gone" };
        let count = text_of(old).or_else(|| text_of(new)).map_or(0, |text| text.lines().count());
        return Ok(format!("{what}: {}\n", plural(count, "line")));
    };
    let current = world::current_folder()?;
    let side = |file: &str, text: String| {
        let around = SystemWorld::around(&current.join(file), args.places.root.as_deref())?;
        let root = around.root().to_owned();
        // The working tree, but for the one file that git hands over.
        let world = Exchanged { around: &around, path: file, text: &text };
        let side = sides::checked(&world, args, Path::new(file), file.to_owned(), root, true);
        let faulty = || "it has faults on one side, so its lines are shown (`mascot check` tells them)".to_owned();
        side.ok().flatten().ok_or_else(faulty)
    };
    let compared = both(&side(path, before)?, &side(name, after)?);
    Ok(shown::human(&compared, Paint::of_stdout()))
}

fn lines(path: &str, old: &str, name: &str, new: &str) -> String {
    let (before, after) = (text_of(old).unwrap_or_default(), text_of(new).unwrap_or_default());
    let diff = TextDiff::from_lines(&before, &after);
    diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{name}")).to_string()
}
