//! `mascot fix`: what diagnostics offer, applied to the files that are named.

use mascot_lang::fix;

use super::args::Fix;
use super::exit::Exit;
use super::fmt::{difference, replace};
use super::load;
use super::render::{self, diagnostics, plural};
use super::world::LEFT_TO_OTHERS;

pub fn fix(args: &Fix) -> Exit {
    let (teller, verb): (fix::Teller, _) =
        if args.lint { (mascot_lang::lint::lint, "lint") } else { (fix::told_by_check, "check") };
    let mut worst = Exit::Done;
    for file in &args.programs.files {
        let world = match load::open(file, args.programs.root.as_deref()) {
            Ok(world) => world,
            Err(exit) => return exit,
        };
        let name = file.to_string_lossy();
        if world.is_vendored(&name) {
            render::say(&format!("{name}: {LEFT_TO_OTHERS}"));
            continue;
        }
        let Some(mended) = fix::mended(&world, &name, teller) else {
            // It cannot be read, and the check says why.
            let checked = load::check(&world, file, &Default::default());
            load::show(&checked.diagnostics, &checked.files);
            worst = worst.or(Exit::ProgramWrong);
            continue;
        };
        if args.diff {
            render::exactly(&difference(file, &mended.before, &mended.text));
        } else if mended.text != mended.before
            && let Err(why) = replace(file, &mended.text)
        {
            render::complain(&format!("{name}: {why}"), None);
            return Exit::Failed;
        }
        for done in &mended.done {
            render::say(&format!("{name}:{}:{} {}  {}", done.at.line, done.at.column, done.code, done.title));
        }
        let left = diagnostics::Tally::of(&teller(&mended.checked));
        let mends = plural(mended.done.len(), "fix");
        let done = if args.diff { "would be applied" } else { "applied" };
        let rest = left.in_words();
        let rest =
            if rest.is_empty() { "nothing is left".to_owned() } else { format!("{rest} left: `mascot {verb} {name}`") };
        render::say(&format!("{name}: {mends} {done}, {rest}"));
        if left.errors > 0 {
            worst = worst.or(Exit::ProgramWrong);
        }
    }
    worst
}
