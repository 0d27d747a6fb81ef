//! A program of up to three files is checked or refused, at its base and at every kind of point; fixes can be applied.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mascot_lang::source::World;

/// Between the files of one input.
const CUT: &str = "\n====\n";

struct Files<'a>(Vec<(&'a str, &'a str)>);

impl World for Files<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    }

    fn prose(&self, _: &str, path: &str) -> Result<String, String> {
        self.source(path)
    }
}

fuzz_target!(|text: &str| {
    let names = ["main.masc", "companions.masc", "b.masc"];
    let files = Files(names.into_iter().zip(text.splitn(names.len(), CUT)).collect());
    let checked = mascot_lang::check(&files, names[0], &[]);
    assert_eq!(checked.program.is_some(), !checked.diagnostics.has_errors());
    for one in checked.diagnostics.sorted() {
        let _ = checked.files.text(one.primary.span);
    }
    if let Some(program) = &checked.program {
        let _ = mascot_lang::expand(program, &checked.files);
        let points: Vec<_> = checked.sweeps().iter().flat_map(|name| checked.sweep_points(name)).take(2).collect();
        for point in checked.variants().iter().take(2).chain(&points) {
            let _ = checked.at(point);
        }
    }
    let _ = mascot_lang::fix::mended(&files, names[0], mascot_lang::fix::told_by_check);
});
