//! What a file's writing means, and what is told when it is wrong.

use super::ast::File;
use super::parse;
use crate::source::{FileId, SourceMap};

/// Parses, and gives the tree and what was told as `CODE line:column`.
fn read(text: &str) -> (File, Vec<String>) {
    let (tree, found) = parse(FileId(0), text);
    let mut files = SourceMap::default();
    files.add("test.masc".to_owned(), text.to_owned());
    let told = found.sorted().into_iter().map(|one| {
        let at = files.position(FileId(0), one.primary.span.start);
        format!("{} {}:{} {}", one.code.0, at.line, at.column, one.message)
    });
    (tree, told.collect())
}

#[track_caller]
fn clean(text: &str) -> File {
    let (tree, told) = read(text);
    assert!(told.is_empty(), "{told:#?}");
    tree
}

fn sample(name: &str) -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/design/samples/");
    std::fs::read_to_string(format!("{path}{name}")).ok()
}

#[test]
fn the_good_samples_are_read_without_a_word() {
    for name in ["companions.masc", "qmsum.masc", "lab.profile.masc"] {
        let Some(text) = sample(name) else {
            return eprintln!("skipped: the design samples are not at hand");
        };
        clean(&text);
    }
}

#[test]
fn the_broken_sample_gives_its_six_faults_of_writing() {
    let Some(text) = sample("broken.masc") else {
        return eprintln!("skipped: the design samples are not at hand");
    };
    let lines: Vec<_> = read(&text).1.iter().map(|one| one[6..].split(':').next().map(str::to_owned)).collect();
    assert_eq!(lines, ["3", "8", "12", "16", "17", "19"].map(|line| Some(line.to_owned())));
}
