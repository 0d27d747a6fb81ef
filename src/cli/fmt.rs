//! `mascot fmt`: files in the one style. It writes a file only when what it would write says the same with the same comments.

use std::fs;
use std::io::Read;
use std::path::Path;

use mascot_lang::format::{self, Refusal};
use mascot_lang::source::{FileId, SourceMap};
use mascot_run::source::inside;
use mascot_run::whole::{self, Care};
use similar::TextDiff;

use super::args::Fmt;
use super::exit::Exit;
use super::load;
use super::render::{self, plural};
use super::world::{LEFT_TO_OTHERS, SystemWorld, in_words};

/// What stands for standard input among the files, and for its name in messages.
const STANDARD_INPUT: &str = "-";

pub fn fmt(args: &Fmt) -> Exit {
    let (mut worst, mut changed, mut wrong) = (Exit::Done, 0, 0);
    for file in &args.files {
        let from_input = file.as_os_str() == STANDARD_INPUT;
        if !from_input && SystemWorld::of(file, None).is_ok_and(|world| world.is_vendored(&file.to_string_lossy())) {
            render::say(&format!("{}: {LEFT_TO_OTHERS}", file.display()));
            continue;
        }
        let text = match read(file, from_input) {
            Ok(text) => text,
            Err((why, exit)) => {
                render::complain(&format!("{}: {why}", file.display()), None);
                worst = worst.or(exit);
                continue;
            }
        };
        let written = match format::format(FileId(0), &text) {
            Ok(written) => written,
            Err(refusal) => {
                wrong += 1;
                worst = worst.or(told(file, text, refusal));
                continue;
            }
        };
        let differs = written != text;
        changed += usize::from(differs);
        if args.diff {
            render::exactly(&difference(file, &text, &written));
        } else if from_input && !args.check {
            render::exactly(&written);
        }
        if differs && args.check {
            render::say(&format!("would format {}", file.display()));
            worst = worst.or(Exit::ProgramWrong);
        } else if differs && !args.diff && !from_input {
            if let Err(why) = replace(file, &written) {
                render::complain(&format!("{}: {why}", file.display()), None);
                worst = worst.or(Exit::Failed);
                continue;
            }
            render::say(&format!("formatted {}", file.display()));
        }
    }
    if worst == Exit::Done
        && changed == 0
        && wrong == 0
        && args.files.iter().all(|file| file.as_os_str() != STANDARD_INPUT)
    {
        render::say(&format!("{} as it should be", plural(args.files.len(), "file")));
    }
    worst
}

fn read(file: &Path, from_input: bool) -> Result<String, (String, Exit)> {
    let mut bytes = Vec::new();
    let taken = match from_input {
        true => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ()),
        false => inside::read_named(file, inside::MOST).map(|read| bytes = read),
    };
    taken.map_err(|why| (in_words(&why), Exit::CallWrong))?;
    String::from_utf8(bytes)
        .map_err(|why| (format!("is not UTF-8 (byte {})", why.utf8_error().valid_up_to()), Exit::ProgramWrong))
}

fn told(file: &Path, text: String, refusal: Refusal) -> Exit {
    match refusal {
        Refusal::Faulty(found) => {
            let mut files = SourceMap::default();
            files.add(file.display().to_string(), text);
            load::show(&found, &files);
            render::complain(
                &format!("{}: left as it is", file.display()),
                Some("mend what is told above, then format it"),
            );
        }
        Refusal::Changed => render::complain(
            &format!("{}: left as it is; formatted, it would not say the same", file.display()),
            Some("this is a bug in mascot: please report it with the file"),
        ),
    }
    Exit::ProgramWrong
}

/// Writes a file of the user's: whole or not at all, where the file really lies, readable by whom it was.
pub fn replace(file: &Path, text: &str) -> Result<(), String> {
    let write = || -> std::io::Result<()> {
        let place = file.canonicalize()?;
        let permissions = fs::metadata(&place)?.permissions();
        if permissions.readonly() {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        whole::write(&place, text.as_bytes(), Care::Synced)?;
        fs::set_permissions(&place, permissions)
    };
    write().map_err(|why| in_words(&why))
}

/// As a patch.
pub fn difference(file: &Path, before: &str, after: &str) -> String {
    let name = file.display().to_string();
    TextDiff::from_lines(before, after).unified_diff().context_radius(2).header(&name, &name).to_string()
}
