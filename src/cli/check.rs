//! `mascot check`: every fault of every file at once. Reads `.masc` files and the texts they name, nothing else.

use std::collections::BTreeSet;
use std::time::Instant;

use mascot_lang::diagnostic::Diagnostics;
use mascot_lang::program::Point;
use mascot_lang::source::SourceMap;

use super::args::{Check, Format};
use super::exit::Exit;
use super::load;
use super::render::{self, Paint, diagnostics, sarif};

/// What one file, at one point, was found to be.
pub struct Found {
    pub diagnostics: Diagnostics,
    pub files: SourceMap,
}

pub fn check(args: &Check) -> Exit {
    let started = Instant::now();
    let (mut all, mut told) = (Vec::new(), Told::default());
    for file in &args.programs.files {
        let world = match load::open(file, args.programs.root.as_deref()) {
            Ok(world) => world,
            Err(exit) => return exit,
        };
        let checked = load::check(&world, file, &args.selection);
        let mut found = vec![told.new_of(&checked.diagnostics, &checked.files)];
        if checked.program.is_some() {
            let points = match load::points(&checked, &args.selection) {
                Ok(points) => points,
                Err(exit) => return exit,
            };
            let faulty =
                points.iter().filter(|point| **point != Point::Base).filter_map(|point| checked.at(point).err());
            found.extend(faulty.map(|diagnostics| told.new_of(&diagnostics, &checked.files)));
        }
        all.extend(found);
    }

    tell(&all, args.programs.files.len(), args.telling.format(), started)
}

/// What has been told: a fault of a file that several import is told once.
#[derive(Default)]
pub struct Told(BTreeSet<(String, u32, &'static str, String)>);

impl Told {
    /// What of it is new.
    pub fn new_of(&mut self, found: &Diagnostics, files: &SourceMap) -> Found {
        let mut diagnostics = Diagnostics::default();
        for one in found.sorted() {
            let path = files.file(one.primary.span.file).path.clone();
            if self.0.insert((path, one.primary.span.start, one.code.0, one.message.clone())) {
                diagnostics.add(one.clone());
            }
        }
        Found { diagnostics, files: files.clone() }
    }
}

/// Prints what was found in so many files, and ends with 1 when it holds errors.
pub fn tell(all: &[Found], files: usize, format: Format, started: Instant) -> Exit {
    let mut tally = diagnostics::Tally::default();
    all.iter().for_each(|found| tally.add(diagnostics::Tally::of(&found.diagnostics)));
    if matches!(format, Format::Json | Format::Sarif) {
        let pairs: Vec<_> = all.iter().map(|found| (&found.diagnostics, &found.files)).collect();
        let document = if format == Format::Sarif { sarif::document } else { diagnostics::document };
        render::json(&document(&pairs));
    } else {
        for found in all {
            render::out(&diagnostics::text(&found.diagnostics, &found.files, format, Paint::of_stdout()));
        }
    }
    if format == Format::Human {
        render::say(&summary(files, all, tally, started));
    }
    let faulty = all.iter().filter(|found| found.diagnostics.has_errors());
    let exits: Vec<Exit> = faulty.map(|found| load::whose(&found.diagnostics, &found.files)).collect();
    match exits.first() {
        Some(_) if exits.contains(&Exit::ProgramWrong) => Exit::ProgramWrong,
        Some(wrong_call) => *wrong_call,
        None => Exit::Done,
    }
}

fn summary(files: usize, all: &[Found], tally: diagnostics::Tally, started: Instant) -> String {
    let paint = Paint::of_stderr();
    let files = render::plural(files, "file");
    let took = paint.dim(&format!("({:.1} ms)", started.elapsed().as_secs_f64() * 1e3));
    let counted = tally.in_words();
    if counted.is_empty() {
        return format!("{} {files} {took}", paint.green("clean:"));
    }
    let codes: BTreeSet<&str> =
        all.iter().flat_map(|found| found.diagnostics.sorted().into_iter().map(|one| one.code.0)).collect();
    let first = codes.first().map_or(String::new(), |code| format!(" · `mascot explain {code}`"));
    format!("{counted} in {files} {took}{first}")
}
