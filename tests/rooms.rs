//! The house keeps its rooms: directions inside a package (Cargo keeps those between packages), sizes, forgotten files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::house::{files, repository};

/// What a folder or file of `src/lang` may use of its own package.
const LANG: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("address", &[]),
    ("lock", &["address"]),
    ("diagnostic", &["source"]),
    ("stdlib", &[]),
    ("program", &["source", "program"]),
    ("syntax", &["source", "diagnostic", "syntax"]),
    ("check", &["source", "diagnostic", "syntax", "program", "stdlib", "address", "lock", "check"]),
    ("lint", &["source", "diagnostic", "syntax", "program", "explain", "format", "lint"]),
    (
        "editor",
        &["source", "diagnostic", "syntax", "program", "stdlib", "address", "check", "explain", "format", "editor"],
    ),
];

#[test]
fn inside_lang_nobody_looks_back() {
    let lang = repository().join("src/lang");
    for (room, allowed) in LANG {
        let mut of_room = files(&lang.join(room), "rs");
        of_room.extend(Some(lang.join(format!("{room}.rs"))).filter(|path| path.exists()));
        assert!(!of_room.is_empty(), "src/lang has no {room}");
        // A test may look at the whole of the package.
        of_room.retain(|path| {
            !path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
        });
        for path in of_room {
            for used in used_rooms(&fs::read_to_string(&path).unwrap()) {
                assert!(
                    allowed.contains(&used.as_str()),
                    "{} uses `{used}`; {room} may use {allowed:?}",
                    path.display()
                );
            }
        }
    }
}

/// First segments after `crate::`, outside comments and tests.
fn used_rooms(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let after = lines.flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>());
    after
        .map(|rest| {
            rest.chars().take_while(|character| character.is_ascii_lowercase() || *character == '_').collect::<String>()
        })
        .filter(|room| !room.is_empty())
        .collect()
}

#[test]
fn the_parser_library_is_a_detail_of_syntax_and_graphs_of_two_files() {
    let src = repository().join("src");
    for path in files(&src, "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(&src).unwrap().display().to_string();
        let only = |word: &str, rooms: &[&str]| {
            let used = text.lines().any(|line| line.trim_start().starts_with(&format!("use {word}")));
            assert!(
                !used || rooms.iter().any(|room| name.starts_with(room)),
                "{name} uses {word}, which is {rooms:?}'s"
            );
        };
        only("pest", &["lang/syntax/"]);
        only("petgraph", &["lang/check/", "run/plan"]);
        only("candle", &["engine/"]);
        only("miette", &["lang/", "cli/render/"]);
        only("indicatif", &["cli/render/"]);
        only("plotters", &["cli/report/"]);
    }
}

#[test]
fn no_file_is_longer_than_six_hundred_lines() {
    let root = repository();
    let mut sources = files(&root.join("src"), "rs");
    sources.extend(files(&root.join("tests"), "rs"));
    sources.extend(files(&root.join("grammar"), "pest"));
    for path in sources {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
    }
}

#[test]
fn nothing_unfinished_is_left_in_the_tree() {
    // Pieced together, so that this file does not find itself.
    let forbidden = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("dbg", "!(")];
    let root = repository();
    let mut sources = files(&root.join("src"), "rs");
    sources.extend(files(&root.join("tests"), "rs"));
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        for word in forbidden {
            assert!(!text.contains(word), "{} holds {word}", path.display());
        }
    }
}

#[test]
fn every_diagnostic_has_a_page_and_every_page_a_diagnostic() {
    let root = repository();
    let mut raised = BTreeSet::new();
    for path in files(&root.join("src/lang"), "rs") {
        raised.extend(codes(&fs::read_to_string(&path).unwrap()));
    }
    let pages: BTreeSet<String> = files(&root.join("docs/diagnostics"), "md")
        .iter()
        .map(|path| stem(path))
        .filter(|name| is_code(name))
        .collect();
    assert!(!raised.is_empty());
    let without_page: Vec<_> = raised.difference(&pages).collect();
    let without_use: Vec<_> = pages.difference(&raised).collect();
    assert!(without_page.is_empty(), "raised without a page: {without_page:?}");
    assert!(without_use.is_empty(), "pages of codes that nothing raises: {without_use:?}");
}

#[test]
fn every_diagnostic_has_a_golden() {
    let root = repository();
    let mut shown = BTreeSet::new();
    for path in files(&root.join("tests/golden"), "masc") {
        shown.extend(codes(&fs::read_to_string(&path).unwrap()));
    }
    // What no file of a sensible size can show is shown by a test beside the goldens' reader.
    shown.extend(codes(&fs::read_to_string(root.join("src/lang/golden.rs")).unwrap()));
    let pages = files(&root.join("docs/diagnostics"), "md");
    let unshown: Vec<String> =
        pages.iter().map(|path| stem(path)).filter(|name| is_code(name) && !shown.contains(name)).collect();
    assert!(unshown.is_empty(), "no program in tests/golden shows {unshown:?}");
}

/// Words of the form `M0207`.
fn codes(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words.filter(|word| is_code(word)).map(str::to_owned).collect()
}

fn is_code(word: &str) -> bool {
    word.len() == 5 && word.starts_with('M') && word[1..].bytes().all(|byte| byte.is_ascii_digit())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}
