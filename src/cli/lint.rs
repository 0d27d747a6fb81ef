//! `mascot lint`: what is right in a program and will cost money or truth. Ends with 0 on warnings.

use std::time::Instant;

use super::args::{Lint, Selection};
use super::check::{Told, tell};
use super::exit::Exit;
use super::load;

pub fn lint(args: &Lint) -> Exit {
    let started = Instant::now();
    let selection = Selection { set: args.set.clone(), ..Selection::default() };
    let (mut all, mut told) = (Vec::new(), Told::default());
    for file in &args.programs.files {
        let world = match load::open(file, args.programs.root.as_deref()) {
            Ok(world) => world,
            Err(exit) => return exit,
        };
        let checked = load::check(&world, file, &selection);
        all.push(told.new_of(&mascot_lang::lint::lint(&checked), &checked.files));
    }
    tell(&all, args.programs.files.len(), args.telling.format(), started)
}
