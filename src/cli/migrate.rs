//! `mascot migrate`: files of the edition before, written as the newest one.

use std::fs;

use mascot_lang::migrate::{self, EDITIONS, Migrated};
use mascot_lang::source::{FileId, SourceMap};

use super::args::Migrate;
use super::exit::Exit;
use super::fmt::{difference, replace};
use super::load;
use super::render::{self, plural};
use super::world::in_words;

pub fn migrate(args: &Migrate) -> Exit {
    let mut worst = Exit::Done;
    for file in &args.files {
        let name = file.display().to_string();
        let text = match fs::read(file) {
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|why| (format!("is not UTF-8 (byte {})", why.utf8_error().valid_up_to()), Exit::ProgramWrong)),
            Err(why) => Err((in_words(&why), Exit::CallWrong)),
        };
        let text = match text {
            Ok(text) => text,
            Err((why, exit)) => {
                render::complain(&format!("{name}: {why}"), None);
                worst = worst.or(exit);
                continue;
            }
        };
        match migrate::migrate(FileId(0), &text) {
            Ok(Migrated::UpToDate) => {
                let newest = EDITIONS.last().map_or(1, |edition| edition.number);
                render::say(&format!("{name}: nothing to migrate, it is of edition {newest}"));
            }
            Ok(Migrated::Rewritten { from, to, text: written, changed }) => {
                if args.diff {
                    render::exactly(&difference(file, &text, &written));
                } else if let Err(why) = replace(file, &written) {
                    render::complain(&format!("{name}: {why}"), None);
                    return Exit::Failed;
                }
                let words = plural(changed, "word");
                let verb = if args.diff { "would be" } else { "is" };
                render::say(&format!("{name}: {verb} brought from edition {from} to {to}, {words} renamed"));
            }
            Err(found) => {
                let mut files = SourceMap::default();
                files.add(name.clone(), text);
                load::show(&found, &files);
                render::complain(&format!("{name}: left as it is"), Some("mend what is told above, then migrate it"));
                worst = worst.or(Exit::ProgramWrong);
            }
        }
    }
    worst
}
