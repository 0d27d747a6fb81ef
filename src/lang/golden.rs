//! `tests/golden/check/*.masc`: a program, and what is told of it as its last lines, one `# M0207 at 26:12` a diagnostic
//! (`# M0207 at 3:1 of other.masc` in another file). A file without such lines must check clean. Files in folders there are what
//! the programs import; `X.lock` beside `X.masc` is its `mascot.lock`. `tests/golden/lint` holds the same for what `mascot lint` tells.
//!
//! `MASCOT_BLESS=1 cargo test -p mascot-lang golden` writes what is told into the files; then read the difference.

#![allow(clippy::disallowed_methods, reason = "tests read files and one variable; the language does not")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::address::Far;
use crate::diagnostic::Diagnostics;
use crate::fix::Teller;
use crate::lock::Lock;
use crate::source::{Alone, FileId, World};
use crate::{Checked, check, explain, lint};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Files under a folder, for the main file of this name: its lock is the one of the same name.
struct Folder<'t>(PathBuf, &'t str);

impl World for Folder<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        let place = match Far::parse(path) {
            Some(far) => {
                let far = far.expect("only an address that is one gets here");
                let lock = self.lock().map(|(_, text)| Lock::parse(&text)).unwrap_or_default();
                lock.place(&far).ok_or("mascot.lock does not say which commit it is")?
            }
            None => path.to_owned(),
        };
        std::fs::read_to_string(self.0.join(place)).map_err(|_| "no such file".to_owned())
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        std::fs::read_to_string(self.0.join(folder).join(path)).map_err(|_| "no such file".to_owned())
    }

    fn lock(&self) -> Option<(String, String)> {
        let text = std::fs::read_to_string(self.0.join(self.1).with_extension("lock")).ok()?;
        Some(("mascot.lock".to_owned(), text))
    }
}

/// What a folder's programs are asked: `check`, or `lint`.
const FOLDERS: [(&str, Teller); 2] = [("check", |checked| checked.diagnostics.clone()), ("lint", lint::lint)];

/// What tells a code: rules of lint begin with M09.
fn teller(code: &str) -> Teller {
    FOLDERS[usize::from(code >= "M09")].1
}

fn told(checked: &Checked, main: &str) -> Vec<String> {
    told_of(&checked.diagnostics, checked, main)
}

fn told_of(found: &Diagnostics, checked: &Checked, main: &str) -> Vec<String> {
    let all = found.sorted();
    let lines = all.iter().map(|one| {
        let at = checked.files.position(one.primary.span.file, one.primary.span.start);
        let path = &checked.files.file(one.primary.span.file).path;
        let of = if path == main { String::new() } else { format!(" of {path}") };
        format!("# {} at {}:{}{of}", one.code.0, at.line, at.column)
    });
    lines.collect()
}

fn is_expectation(line: &str) -> bool {
    line.strip_prefix("# M")
        .is_some_and(|rest| rest.get(..4).is_some_and(|code| code.bytes().all(|b| b.is_ascii_digit())))
}

fn in_words(found: &Diagnostics) -> String {
    let all = found.sorted();
    all.iter().map(|one| format!("  {}: {}\n", one.code.0, one.message)).collect()
}

/// The programs of a folder, by file name.
fn programs(folder: &str) -> Vec<(String, String)> {
    let folder = format!("{ROOT}/tests/golden/{folder}");
    let entries = std::fs::read_dir(&folder).expect("the goldens are in the repository");
    let mut programs: Vec<(String, String)> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|end| end == "masc"))
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII").to_owned();
            (name, std::fs::read_to_string(&path).expect("a text"))
        })
        .collect();
    programs.sort();
    programs
}

#[test]
fn every_golden_program_is_told_what_it_says() {
    let wrong: String = FOLDERS.iter().map(|(folder, teller)| told_otherwise(folder, *teller)).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

fn told_otherwise(name: &str, teller: Teller) -> String {
    let folder = format!("{ROOT}/tests/golden/{name}");
    let bless = std::env::var_os("MASCOT_BLESS").is_some();
    let mut wrong = String::new();
    for (name, text) in programs(name) {
        let checked = check(&Folder(PathBuf::from(&folder), &name), &name, &[]);
        let found = teller(&checked);
        let is = told_of(&found, &checked, &name);
        let expected: Vec<&str> = text.lines().filter(|line| is_expectation(line)).collect();
        if is == expected {
            continue;
        }
        if bless {
            let program: String =
                text.lines().filter(|line| !is_expectation(line)).map(|line| format!("{line}\n")).collect();
            let lines: String = is.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(format!("{folder}/{name}"), program + &lines).expect("a golden can be written");
            continue;
        }
        wrong += &format!("{name}\n expected {expected:?}\n told {is:?}\n{}", in_words(&found));
    }
    wrong
}

#[test]
fn a_fix_mends_what_it_is_offered_for() {
    let mut offered = Vec::new();
    for (folder, teller) in FOLDERS {
        let mut of_folder = 0;
        let files = PathBuf::from(format!("{ROOT}/tests/golden/{folder}"));
        let of_itself = |fix: &&crate::diagnostic::Fix| fix.edits.iter().all(|edit| edit.span.file == FileId(0));
        for (name, text) in programs(folder) {
            let checked = check(&Folder(files.clone(), &name), &name, &[]);
            let found = teller(&checked);
            let all = found.sorted();
            // A fault hides others, so only a lone one is mended here; what lint finds hides nothing.
            let several = folder == "check" && all.len() > 1;
            for one in all.into_iter().filter(|_| !several) {
                let Some(fix) = one.fixes.first().filter(of_itself) else { continue };
                let mended = crate::fix::applied(&text, &fix.edits.iter().collect::<Vec<_>>());
                let again = check(&Alone { path: "main.masc", text: &mended }, "main.masc", &[]);
                let left = teller(&again);
                let count = |found: &Diagnostics| found.sorted().iter().filter(|other| other.code == one.code).count();
                assert!(
                    folder == "check" || !again.diagnostics.has_errors(),
                    "{name}: `{}`\n{}",
                    fix.title,
                    in_words(&again.diagnostics)
                );
                assert!(count(&left) < count(&found), "{name}: `{}` leaves\n{}\n{mended}", fix.title, in_words(&left));
                of_folder += 1;
            }
        }
        offered.push(of_folder);
    }
    assert!(offered[0] > 20 && offered[1] >= 4, "{offered:?}");
}

/// The blocks of a page whose fence begins with ` ```FENCE `, and nothing or `, …` after it.
///
/// `the last line 300 times` stands for a program that is too long for a page; `N` in that line counts. `␀` is a NUL byte.
fn blocks(page: &str, fence: &str) -> Vec<String> {
    let open = format!("```{fence}");
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(said) = line.strip_prefix(&open).filter(|said| said.is_empty() || said.starts_with(", ")) else {
            continue;
        };
        let mut block: Vec<String> = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        if let Some(times) = said.strip_prefix(", the last line ").and_then(|said| said.strip_suffix(" times")) {
            let times: usize = times.replace(' ', "").parse().expect("a number of times");
            let last = block.pop().expect("a block with lines");
            block.extend((1..=times).map(|at| last.replace('N', &at.to_string())));
        }
        blocks.push(block.iter().map(|line| format!("{}\n", line.replace('␀', "\0"))).collect());
    }
    blocks
}

/// What a page's program stands beside: as many empty files as are named, and a prompt.
struct Beside<'t>(&'t str);

impl World for Beside<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        match path {
            "main.masc" => Ok(self.0.to_owned()),
            path if path.starts_with("many/") => Ok("masc 1\n".to_owned()),
            _ => Err("no such file".to_owned()),
        }
    }

    fn prose(&self, _from: &str, path: &str) -> Result<String, String> {
        if path == "prompts/anchor.md" { Ok("You are {{char}}.\n".to_owned()) } else { Err("no such file".to_owned()) }
    }
}

#[test]
fn every_page_has_a_program_that_is_wrong_and_one_that_is_right_as_it_says() {
    let mut wrong = String::new();
    for code in explain::words().iter().filter(|word| is_expectation(&format!("# {word}"))) {
        let page = explain::explain(code).expect("a code has a page").text;
        let (bad, good) = (blocks(&page, "masc wrong"), blocks(&page, "masc"));
        // What is wrong with a lock is shown by no program.
        let of_a_lock = code.starts_with("M07");
        if (bad.is_empty() || good.is_empty()) && !of_a_lock {
            wrong += &format!("{code}: its page has {} wrong and {} right programs\n", bad.len(), good.len());
        }
        for program in bad {
            let checked = check(&Beside(&program), "main.masc", &[]);
            let found = teller(code)(&checked);
            if !found.sorted().iter().any(|one| one.code.0 == code) {
                wrong += &format!("{code}: its wrong program is told\n{}", in_words(&found));
            }
        }
        for program in good {
            let checked = check(&Beside(&program), "main.masc", &[]);
            let found = teller(code)(&checked);
            if !checked.diagnostics.is_empty() || found.sorted().iter().any(|one| one.code.0 == code) {
                wrong += &format!("{code}: its right program is told\n{}", in_words(&found));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Every code that a source file of this package can raise.
fn codes_in_sources() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("golden.rs") {
                let text = std::fs::read_to_string(path).expect("a text");
                for raised in ["error(", "warning(", "note("] {
                    for (at, _) in text.match_indices(raised) {
                        let rest = text[at + raised.len()..].trim_start();
                        codes.extend(rest.strip_prefix('"').and_then(|rest| rest.get(..5)).map(str::to_owned));
                    }
                }
            }
        }
    }
    codes.retain(|code| is_expectation(&format!("# {code}")));
    codes
}

#[test]
fn every_code_has_a_page_and_a_golden_and_no_page_is_left_over() {
    let raised = codes_in_sources();
    assert!(raised.len() > 60, "{raised:?}");
    let pages: BTreeSet<String> = std::fs::read_dir(format!("{ROOT}/docs/diagnostics"))
        .expect("the pages are in the repository")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
        .collect();
    assert_eq!(raised, pages, "left: codes that are raised; right: codes with a page");
    let embedded: BTreeSet<String> = explain::words().into_iter().filter(|word| pages.contains(word)).collect();
    assert_eq!(embedded, pages, "left: pages in `explain/pages.rs`");
    for code in &pages {
        let explanation = explain::explain(code).expect("it is embedded");
        assert!(explanation.title.starts_with(&format!("{code}: ")), "{code}: {}", explanation.title);
    }
    let all = FOLDERS.iter().flat_map(|(folder, _)| programs(folder));
    let told: String = all.map(|(_, text)| text).collect();
    let is_shown = |code: &&String| PAST_A_LIMIT.contains(&code.as_str()) || told.contains(&format!("# {code} at "));
    let without: Vec<&String> = raised.iter().filter(|code| !is_shown(code)).collect();
    assert!(without.is_empty(), "no golden for {without:?}");
}

/// Codes whose programs are too large, or too little of a text, to be kept as files.
const PAST_A_LIMIT: [&str; 4] = ["M0001", "M0002", "M0006", "M0206"];

/// A main file that imports as many files as there are, each with nothing in it.
struct Many(usize);

impl World for Many {
    fn source(&self, path: &str) -> Result<String, String> {
        let imports = (0..self.0).map(|at| format!("use \"./{at}.masc\" as f{at}\n"));
        Ok(if path == "main.masc" { format!("masc 1\n{}", imports.collect::<String>()) } else { "masc 1\n".to_owned() })
    }

    fn prose(&self, _from: &str, _path: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}

#[test]
fn a_program_past_a_limit_is_told_so_once() {
    let large = format!("masc 1\n{}", "# nothing\n".repeat(150_000));
    let items: String = (0..10_001).map(|at| format!("let x{at} = 1\n")).collect();
    let texts = [("M0001", large), ("M0002", "masc 1\nlet x = \0\n".to_owned()), ("M0006", format!("masc 1\n{items}"))];
    for (code, text) in texts {
        let checked = check(&Alone { path: "main.masc", text: &text }, "main.masc", &[]);
        let told = told(&checked, "main.masc");
        assert!(matches!(told.as_slice(), [one] if one.starts_with(&format!("# {code} at "))), "{code}: {told:?}");
    }
    let told = told(&check(&Many(257), "main.masc", &[]), "main.masc");
    assert!(matches!(told.as_slice(), [one] if one.starts_with("# M0206 at ")), "{told:?}");
    assert!(check(&Many(200), "main.masc", &[]).diagnostics.is_empty());
}
