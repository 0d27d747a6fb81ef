//! What a file's writing means, and what is told when it is wrong.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests read the repository, look at the clock and say what they have found"
)]

mod forms;
mod planted;

use super::ast::File;
use super::parse;
use crate::source::{FileId, SourceMap};

/// Parses, and gives the tree and what was told as `CODE line:column`.
fn read(text: &str) -> (File, Vec<String>) {
    let (tree, found) = parse(FileId(0), text);
    let mut files = SourceMap::default();
    files.add("test.masc".to_owned(), text.to_owned());
    let told = found.sorted().into_iter().map(|one| {
        let _on_character_boundaries = files.text(one.primary.span);
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

#[test]
fn the_samples_of_the_design_are_read_without_a_word() {
    clean(include_str!("../../check/tests/companions.masc"));
    clean(include_str!("../../check/tests/qmsum.masc"));
    clean(include_str!("../../check/tests/lab.profile.masc"));
}

#[test]
fn the_broken_sample_gives_its_six_faults_of_writing() {
    let told = read(include_str!("../../check/tests/broken.masc")).1;
    let lines: Vec<_> = told.iter().filter_map(|one| one[6..].split(':').next()).collect();
    assert_eq!(lines, ["3", "8", "12", "16", "17", "19"], "{told:#?}");
}

/// Every `.masc` file of the repository: they are read without a word, and by the grammar in one go.
#[test]
fn the_repository_is_read_without_a_word() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut read_some = false;
    for folder in ["stdlib", "examples", "experiments"] {
        for entry in std::fs::read_dir(format!("{root}/{folder}")).expect("a folder of the repository") {
            let path = entry.expect("a readable folder").path();
            if path.extension().is_some_and(|end| end == "masc") {
                let text = std::fs::read_to_string(&path).expect("a text");
                let told = read(&text).1;
                assert!(told.is_empty(), "{}: {told:#?}", path.display());
                assert!(super::parse::is_file(&text), "{}: not a file to the grammar", path.display());
                read_some = true;
            }
        }
    }
    assert!(read_some);
    assert!(super::parse::is_file(include_str!("good.masc")));
    assert!(super::parse::is_file(&include_str!("good.masc").replace('\n', "\r\n")));
}

#[test]
fn every_form_is_read() {
    clean(include_str!("good.masc"));
}

// ---- hostile input ---------------------------------------------------------------------------------------------------

/// What is told of a text, and that it is told soon: generous, as the build is not optimised and the machine may be busy.
fn soon(text: &str) -> Vec<String> {
    let begin = std::time::Instant::now();
    let told = read(text).1;
    assert!(begin.elapsed().as_secs() < 30, "{:?} for {:?}", begin.elapsed(), &text[..40]);
    told
}

fn masc(what: &str) -> String {
    format!("masc 1\n{what}")
}

#[test]
fn brackets_without_end_are_refused() {
    for bracket in ["[", "(", "{", "f(", "a = {", "]", "}", "[\n", "{\n", "a(]"] {
        let told = soon(&masc(&format!("let x = {}", bracket.repeat(1_000_000 / bracket.len()))));
        assert!(!told.is_empty() && told.len() <= 450, "{bracket}: {}", told.len());
    }
}

#[test]
fn lines_without_end_are_read_or_refused() {
    let parts = [
        "-", "not ", "1+", "a and ", "1,", "a.", "\"a\",", "x", "9", "# ", "\"", "\\", "é", "\t", "..", ">\"\"\"",
        "a:1,",
    ];
    for part in parts {
        let text = part.repeat(40_000 / part.len());
        soon(&masc(&format!("let x = {text}")));
        soon(&masc(&format!("let x = [{text}1]")));
        soon(&masc(&format!("persona x {{\n{text}\n}}")));
    }
    // Nothing here may take time that grows faster than the text.
    soon(&masc(&format!("let x = [{}]", "\"a\",".repeat(50_000))));
}

#[test]
fn many_lines_of_anything_are_read_or_refused() {
    for part in [
        "voice = \"\"\"md\n",
        "  voice = \"\"\"md\n",
        "\"\"\"\n",
        "  a = \"x\n",
        "let x = \"\"\"\n",
        "persona x {\n",
        "}\n",
        "  {\n",
        "use \n",
        "## doc\n",
        "masc 1\n",
        "a = 1\n",
        "example {\n",
        "gate\n",
        "\r\n",
        "let x = 1 +\n",
        "persona x { a = [ }\n",
        ",\n",
        "é\n",
    ] {
        let text = part.repeat(40_000 / part.len());
        soon(&masc(&text));
        soon(&masc(&format!("persona x {{\n{text}")));
    }
    let fences: String = (3..1200).map(|length| format!("  a = {}\n", "\"".repeat(length))).collect();
    soon(&masc(&fences));
}

#[test]
fn a_large_good_file_is_read() {
    let item = "persona p {\n  role = \"x\"\n  lr = [1, 2, 3]\n}\n";
    let text = masc(&item.repeat(3_000));
    assert_eq!(soon(&text), Vec::<String>::new());
}

#[test]
fn limits_are_told() {
    assert_eq!(read(&" ".repeat(1 << 21)).1, ["M0001 1:1 the file has 2097152 bytes, more than 1048576"]);
    assert_eq!(read("masc 1\nlet \0 = 1").1, ["M0002 2:5 the file holds a NUL byte, so it is no text"]);
    assert_eq!(read(&masc(&"let x = 1\n".repeat(10_001))).1.len(), 1);
    assert_eq!(read(&masc(&format!("let x = {}1{}", "[".repeat(64), "]".repeat(64)))).1, Vec::<String>::new());
    assert_eq!(read(&masc(&format!("let x = {}1{}", "[".repeat(65), "]".repeat(65)))).1.len(), 1);
}

#[test]
fn no_text_is_too_strange_to_be_read() {
    let good = include_str!("good.masc");
    let strange = [
        "é", "“", "'", "’", "//", "extends", "\n for ", "”", "\"", "\"\"\"", ">\"\"\"", "\\", "{", "}", "[", "]", "(",
        ")", ",", ";", "=", ":", "..", ".", "#", "\n", "\r\n", "\t", "masc", "use ", "gate ", "example ", "persona ",
        " = ", "2k", "1.", "🦀", "\u{feff}", "\u{a0}", "else", "not", "*", "-", "+=", "%", "{{char}}",
    ];
    let mut draw = planted::Draw(11);
    for _ in 0..150 {
        let mut text = good.to_owned();
        for _ in 0..1 + draw.below(12) {
            let at = text.floor_char_boundary(draw.below(text.len()));
            if draw.below(3) == 0 {
                let end = text.ceil_char_boundary((at + draw.below(40)).min(text.len()));
                text.replace_range(at..end, "");
            } else {
                text.insert_str(at, strange[draw.below(strange.len())]);
            }
        }
        let (tree, told) = read(&text);
        // Every item has a place in the text, as has what is told (`read` looks it up).
        assert!(told.iter().all(|one| one.len() > 6));
        assert!(tree.items.iter().all(|item| item.header.end <= item.span.end && item.span.end as usize <= text.len()));
    }
}

/// What `fuzz/` has found, each mended.
#[test]
fn findings_of_the_fuzzer() {
    // Too deep, and the file ends in a letter of several bytes, without a new line.
    assert_eq!(read(&masc(&format!("dataset d {}é", "{".repeat(70)))).1.len(), 1);
}
