//! The fault planter: faults of many kinds are planted in the programs of the repository, 1 to 12 at a time, and each must be
//! told on its own line by the whole of `check`, whatever else is wrong.
//!
//! At most one fault an entry; none inside what an unclosed opener swallows; a fault against a law of a whole item stands alone
//! in its item. Everything is drawn from a seed, so a failure is repeated by its number.
//! [`kinds`] walks a program's tree and lists every fault that can be planted in it; here they are chosen, planted and asked for.

#![allow(clippy::disallowed_methods, reason = "tests read files; the language does not")]

mod items;
mod kinds;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::source::World;
use crate::{Checked, check};
use kinds::{Fault, Scope, Told};

const CASES: u64 = 2_000;
const MOST: usize = 12;
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The repository, with one file's text replaced.
struct Planted<'t> {
    path: &'t str,
    text: &'t str,
}

impl World for Planted<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        if path == self.path {
            return Ok(self.text.to_owned());
        }
        std::fs::read_to_string(Path::new(ROOT).join(path)).map_err(|_| "no such file".to_owned())
    }

    fn prose(&self, _from: &str, _path: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}

/// A program of the repository, and what can be planted in it, by kind.
struct Ground {
    path: String,
    text: String,
    faults: BTreeMap<&'static str, Vec<Fault>>,
}

fn grounds() -> Vec<Ground> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["experiments", "examples", "stdlib"] {
        let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).expect("the folder is in the repository");
        paths.extend(entries.map(|entry| Path::new(folder).join(entry.expect("a readable folder").file_name())));
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "masc"));
    paths.sort();
    let grounds = paths.into_iter().map(|path| {
        let text = std::fs::read_to_string(Path::new(ROOT).join(&path)).expect("a text");
        let mut faults: BTreeMap<_, Vec<Fault>> = BTreeMap::new();
        for fault in kinds::all(&text) {
            faults.entry(fault.kind).or_default().push(fault);
        }
        Ground { path: path.to_str().expect("a name in ASCII").to_owned(), text, faults }
    });
    grounds.collect()
}

/// A small generator of numbers, so that a case can be repeated (Knuth's constants).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Draws faults that may stand together: a kind first, so that rare kinds come as often as common ones.
fn draw(ground: &Ground, seed: u64, count: usize) -> Vec<&Fault> {
    let mut draw = Draw(seed);
    let kinds: Vec<&Vec<Fault>> = ground.faults.values().collect();
    let mut chosen: Vec<&Fault> = Vec::new();
    for _ in 0..count * 60 {
        if chosen.len() == count {
            break;
        }
        let of_kind = kinds[draw.below(kinds.len())];
        let fault = &of_kind[draw.below(of_kind.len())];
        if chosen.iter().all(|other| may_stand_together(fault, other)) {
            chosen.push(fault);
        }
    }
    chosen
}

fn may_stand_together(a: &Fault, b: &Fault) -> bool {
    let overlap =
        |a: &Range<usize>, b: &Range<usize>| a.start < b.end.max(b.start + 1) && b.start < a.end.max(a.start + 1);
    if overlap(&a.entry, &b.entry) || overlap(&a.swallows, &b.entry) || overlap(&b.swallows, &a.entry) {
        return false;
    }
    if a.rests_on.contains(&b.item) || b.rests_on.contains(&a.item) {
        return false;
    }
    a.item != b.item || (a.scope == Scope::Entry && b.scope == Scope::Entry)
}

/// The text with the faults in it, and on which line each is to be told.
fn plant(text: &str, faults: &[&Fault]) -> (String, Vec<u32>) {
    let mut edits: Vec<&Fault> = faults.to_vec();
    edits.sort_by_key(|fault| (fault.edit.start, fault.edit.end));
    let mut planted = String::new();
    let mut from = 0;
    // Where each edit's new text begins.
    let mut places = BTreeMap::new();
    for fault in &edits {
        planted += &text[from..fault.edit.start];
        places.insert(fault.edit.start, planted.len());
        planted += &fault.text;
        from = fault.edit.end;
    }
    planted += &text[from..];
    let moved = |at: usize| {
        let shift = edits.iter().filter(|fault| fault.edit.end <= at && fault.edit.start < at);
        shift.fold(at as i64, |at, fault| at + fault.text.len() as i64 - fault.edit.len() as i64) as usize
    };
    let lines = faults.iter().map(|fault| {
        let at = match fault.told {
            Told::At(at) => moved(at),
            Told::InEdit(offset) => places[&fault.edit.start] + offset,
        };
        planted[..at].matches('\n').count() as u32 + 1
    });
    let lines = lines.collect();
    (planted, lines)
}

fn told_lines(checked: &Checked, path: &str) -> Vec<(u32, String)> {
    let all = checked.diagnostics.sorted();
    let lines = all.iter().map(|one| {
        let span = one.primary.span;
        let at = checked.files.position(span.file, span.start);
        let own = checked.files.file(span.file).path == path;
        (if own { at.line } else { 0 }, format!("{} {}:{} {}", one.code.0, at.line, at.column, one.message))
    });
    lines.collect()
}

/// What came of one case.
struct Outcome {
    planted: usize,
    missed: usize,
    extra: usize,
    story: String,
}

fn case(ground: &Ground, seed: u64, count: usize, rules: &BTreeSet<&str>) -> Outcome {
    let faults = draw(ground, seed, count);
    let (text, expected) = plant(&ground.text, &faults);
    let checked = check(&Planted { path: &ground.path, text: &text }, &ground.path, &[]);
    assert_no_rule_is_named(&checked, rules);
    let told = told_lines(&checked, &ground.path);
    let missing: Vec<usize> =
        (0..faults.len()).filter(|at| !told.iter().any(|(line, _)| *line == expected[*at])).collect();
    let mut left = expected.clone();
    let extra: Vec<&String> = told
        .iter()
        .filter(|(line, _)| match left.iter().position(|one| one == line) {
            Some(at) => {
                left.swap_remove(at);
                false
            }
            None => true,
        })
        .map(|(_, words)| words)
        .collect();
    let mut story = String::new();
    if !missing.is_empty() || !extra.is_empty() {
        story = format!("{} seed {seed}, {} faults\n", ground.path, faults.len());
        for (at, fault) in faults.iter().enumerate() {
            let mark = if missing.contains(&at) { "MISSED" } else { "told  " };
            let line = text.lines().nth(expected[at] as usize - 1).unwrap_or_default();
            story += &format!("  {mark} {} in line {}: {}\n", fault.kind, expected[at], line.trim());
        }
        extra.iter().for_each(|words| story += &format!("  EXTRA  {words}\n"));
    }
    Outcome { planted: faults.len(), missed: missing.len(), extra: extra.len(), story }
}

#[test]
fn every_planted_fault_is_told_on_its_line_by_the_whole_check() {
    let grounds = grounds();
    let kinds: BTreeSet<&str> = grounds.iter().flat_map(|ground| ground.faults.keys().copied()).collect();
    assert!(kinds.len() >= 12, "{kinds:?}");
    let (mut planted, mut missed, mut extra) = (0, 0, 0);
    let mut counts = BTreeSet::new();
    let mut stories = Vec::new();
    let rules = rules();
    for seed in 0..CASES {
        let ground = &grounds[Draw(seed).below(grounds.len())];
        let outcome = case(ground, seed, 1 + seed as usize % MOST, &rules);
        counts.insert(outcome.planted);
        planted += outcome.planted;
        missed += outcome.missed;
        extra += outcome.extra;
        stories.extend(Some(outcome.story).filter(|story| !story.is_empty()));
    }
    let told = stories.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    let sum =
        format!("{planted} faults of {} kinds: {missed} missed, {extra} extras, in {CASES} programs", kinds.len());
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), (1..=MOST).collect::<Vec<_>>(), "1 to 12 faults a case");
    assert!(planted > 10_000, "{sum}");
    assert!(missed == 0, "{sum}\n{told}");
    // The language promises at most 5%; this is a tenth of a tenth of that.
    assert!(extra * 2_000 <= planted, "{sum}\n{told}");
}

/// Names of grammar rules that are no words of the language or of English.
fn rules() -> BTreeSet<&'static str> {
    const WORDS: [&str; 52] = [
        "file",
        "edition",
        "item",
        "imports",
        "import",
        "body",
        "entry",
        "gate",
        "skip",
        "block",
        "sign",
        "expression",
        "inside",
        "bound",
        "or",
        "and",
        "in",
        "comparison",
        "range",
        "not",
        "access",
        "primary",
        "constant",
        "list",
        "group",
        "record",
        "call",
        "argument",
        "named",
        "path",
        "star",
        "name",
        "text",
        "string",
        "prose",
        "number",
        "unit",
        "quantity",
        "folded",
        "tag",
        "closing",
        "blank",
        "comma",
        "colon",
        "equals",
        "minus",
        "prefix",
        "reserved",
        "separator",
        "extends",
        "binder",
        "assign",
    ];
    let grammar = include_str!("../../../grammar/mascot.pest");
    let names = grammar.lines().filter_map(|line| line.split_once(" = ").map(|(name, _)| name.trim()));
    let names = names.filter(|name| name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_'));
    names.chain(["SOI", "EOI", "ANY", "Rule"]).filter(|name| !WORDS.contains(name)).collect()
}

#[track_caller]
fn assert_no_rule_is_named(checked: &Checked, rules: &BTreeSet<&str>) {
    for one in checked.diagnostics.sorted() {
        let labels = one.secondary.iter().chain([&one.primary]).map(|label| label.text.as_str());
        for said in labels.chain([one.message.as_str()]).chain(one.help.as_deref()) {
            // What stands between backticks is theirs, or the language's own.
            let ours = said.split('`').step_by(2);
            let words = ours.flat_map(|part| part.split(|one: char| !one.is_ascii_alphanumeric() && one != '_'));
            let rule = words.filter(|word| !word.is_empty()).find(|word| rules.contains(word));
            assert!(rule.is_none(), "{}: {said:?} names the rule {rule:?}", one.code.0);
        }
    }
}

#[test]
fn what_faults_are_planted_in_is_clean() {
    for ground in grounds() {
        let checked = check(&Planted { path: &ground.path, text: &ground.text }, &ground.path, &[]);
        assert!(checked.diagnostics.is_empty(), "{}: {:?}", ground.path, told_lines(&checked, &ground.path));
    }
}

/// Every fault that can be planted, alone: the planted one is told, and nothing else.
#[test]
fn a_fault_alone_is_told_alone() {
    let mut wrong: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut trials = 0;
    for ground in grounds() {
        for (kind, faults) in &ground.faults {
            // The first of a kind in each file.
            if let Some(fault) = faults.first() {
                trials += 1;
                let (text, expected) = plant(&ground.text, &[fault]);
                let checked = check(&Planted { path: &ground.path, text: &text }, &ground.path, &[]);
                let told = told_lines(&checked, &ground.path);
                let lines: Vec<u32> = told.iter().map(|(line, _)| *line).collect();
                if lines != expected {
                    let line = text.lines().nth(expected[0] as usize - 1).unwrap_or_default().trim();
                    let told: Vec<String> = told.into_iter().map(|(_, words)| words).collect();
                    let story = format!("{}:{} {line}\n    told {told:#?}", ground.path, expected[0]);
                    wrong.entry(kind).or_default().push(story);
                }
            }
        }
    }
    let told: Vec<String> =
        wrong.iter().map(|(kind, stories)| format!("{kind} ({})\n  {}", stories.len(), stories[0])).collect();
    assert!(wrong.is_empty(), "of {trials}:\n{}", told.join("\n"));
}
