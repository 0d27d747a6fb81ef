//! `mascot lint`: what is right in a program and will cost money or truth. Ends with 0 on warnings.

use std::collections::BTreeSet;
use std::time::Instant;

use mascot_lang::diagnostic::Diagnostics;

use super::args::{Format, Lint, Selection};
use super::check::{Found, tell};
use super::exit::Exit;
use super::load;

pub fn lint(args: &Lint) -> Exit {
    let format = if args.output.json { Format::Json } else { args.format };
    let started = Instant::now();
    let selection = Selection { set: args.set.clone(), ..Selection::default() };
    let mut all: Vec<Found> = Vec::new();
    let mut told = BTreeSet::new();
    for file in &args.files {
        let world = match load::open(file, args.root.as_deref()) {
            Ok(world) => world,
            Err(exit) => return exit,
        };
        let checked = load::check(&world, file, &selection);
        let mut diagnostics = Diagnostics::default();
        for one in mascot_lang::lint::lint(&checked).sorted() {
            // What an import does is told once, however many of the files import it.
            let path = checked.files.file(one.primary.span.file).path.clone();
            if told.insert((path, one.primary.span.start, one.code, one.message.clone())) {
                diagnostics.add(one.clone());
            }
        }
        all.push(Found { diagnostics, files: checked.files });
    }
    tell(&all, args.files.len(), format, started)
}
