//! `mascot init`: a first experiment that runs.

use std::path::Path;

use mascot_run::whole::{self, Care};

use super::args::Init;
use super::exit::Exit;
use super::lock;
use super::render::{self, plural};
use super::world::in_words;

/// What is written, by its path in the folder.
const FILES: [(&str, &str); 5] = [
    ("first.masc", include_str!("first.masc")),
    ("data/lines.jsonl", include_str!("lines.jsonl")),
    ("data/situations.jsonl", include_str!("situations.jsonl")),
    // The store: what was computed is not for version control.
    (".gitignore", ".mascot/\n*.html\n*.mascpack\n"),
    (".gitattributes", "mascot.lock merge=union\n"),
];

/// Files that serve as well when they are there already.
const OFTEN_THERE: [&str; 2] = [".gitignore", ".gitattributes"];

pub fn init(args: &Init) -> Exit {
    let folder = args.folder.as_deref().unwrap_or(Path::new("."));
    // Anything else of the user's would be lost.
    let wanted = || FILES.iter().filter(|(name, _)| !OFTEN_THERE.contains(name) || !folder.join(name).exists());
    let there: Vec<&str> =
        wanted().map(|(name, _)| *name).filter(|name| folder.join(name).symlink_metadata().is_ok()).collect();
    if !there.is_empty() {
        let what = there.join(", ");
        render::complain(
            &format!("{}: {what} is there already, and nothing was written", folder.display()),
            Some("name another folder: `mascot init my-experiment`"),
        );
        return Exit::CallWrong;
    }
    let mut count = 0;
    for (name, text) in wanted() {
        let path = folder.join(name);
        if let Err(why) = whole::write(&path, text.as_bytes(), Care::Moved) {
            render::complain(&format!("{}: {}", path.display(), in_words(&why)), None);
            return Exit::Failed;
        }
        count += 1;
    }
    // The lock says what the experiment is made of, and that this folder is its root, also inside a repository.
    if let Err(exit) = lock::begin(folder, &folder.join("first.masc")) {
        return exit;
    }
    render::out(&format!("{} in {}\n", plural(count + 1, "file"), folder.display()));
    if args.folder.is_some() {
        render::out(&format!("  cd {}\n", folder.display()));
    }
    render::out("  mascot run first.masc --variant smoke   every stage in seconds, on random weights\n");
    render::out("  mascot run first.masc                   on SmolLM2-135M, some minutes on two cores\n");
    Exit::Done
}
