//! Faults planted in a good file: each must be told once, on its own line, whatever else is wrong.

use std::collections::BTreeSet;

use super::read;
use crate::check;
use crate::source::World;

const GOOD: &str = include_str!("good.masc");

/// A way to spoil one line: the spoilt line, or `None` where the line has nothing of the kind.
type Fault = (&'static str, fn(&str) -> Option<String>);

/// Faults of writing.
const FAULTS: [Fault; 14] = [
    ("a string is not closed", |line| {
        let head = line.strip_suffix('"').filter(|head| !head.ends_with('"') && head.contains('"'))?;
        Some(head.to_owned())
    }),
    ("a list is not closed", |line| line.strip_suffix(']').filter(|head| head.contains('[')).map(str::to_owned)),
    ("a call is not closed", |line| line.strip_suffix(')').filter(|head| head.contains('(')).map(str::to_owned)),
    (": for =", |line| field(line).map(|(name, value)| format!("{name}: {value}"))),
    ("no =", |line| {
        field(line).filter(|(_, value)| !value.starts_with('-')).map(|(name, value)| format!("{name} {value}"))
    }),
    ("no value", |line| {
        field(line)
            .filter(|(_, value)| !value.ends_with(['{', '(', '[', '*']) && !value.contains("\"\"\""))
            .map(|(name, _)| format!("{name} ="))
    }),
    ("letters stuck to a number", |line| {
        let (name, value) = field(line)?;
        value.bytes().all(|byte| byte.is_ascii_digit() || b"_.e-".contains(&byte)).then(|| format!("{name} = {value}x"))
    }),
    ("an unknown item", |line| {
        let keyword = super::super::layout::word(line, 0);
        super::super::scan::has_body(keyword).then(|| format!("{keyword}{}", &line[keyword.len() - 1..]))
    }),
    ("a second comma", |line| {
        line.contains(", ").then(|| line.replacen(", ", ",, ", 1)).filter(|_| !line.contains(['"', '#']))
    }),
    ("an escape that means nothing", |line| {
        let at = line.find("= \"")?;
        Some(format!("{}\\q{}", &line[..at + 3], &line[at + 3..]))
    }),
    ("= for :", |line| line.contains("(max: ").then(|| line.replace("(max: ", "(max = "))),
    ("a bracket too many", |line| {
        field(line).filter(|(_, value)| !value.ends_with(['{', '(', '[', '*', '"'])).map(|_| format!("{line})"))
    }),
    ("a gate without its reason", |line| {
        line.trim_start().starts_with("gate ").then(|| line.split(" else").next().map(str::to_owned))?
    }),
    ("straight quotes made curly", |line| {
        field(line)
            .filter(|(_, value)| value.starts_with('"') && value.ends_with('"'))
            .map(|(name, value)| format!("{name} = “{}”", value.trim_matches('"')))
    }),
];

/// Faults of meaning, for programs that are checked as a whole.
const FAULTS_OF_MEANING: [Fault; 5] = [
    ("an unknown unit", |line| {
        let unit = ["tok", "steps", "epoch"].into_iter().find(|unit| line.ends_with(&format!(" {unit}")))?;
        Some(line.replace(&format!(" {unit}"), &format!(" {unit}zz")))
    }),
    ("an unknown field", |line| {
        field(line).filter(|_| !line.starts_with("   ")).map(|(name, value)| format!("{name}zz = {value}"))
    }),
    ("an unknown name", |line| {
        let (name, value) = field(line)?;
        let is_name = ["policy", "data", "from", "init", "actors", "reward"].contains(&name.trim());
        is_name.then(|| format!("{name} = zz{value}"))
    }),
    ("an unknown word", |line| {
        let (name, value) = field(line)?;
        ["loss", "dtype"].contains(&name.trim()).then(|| format!("{name} = {value}zz"))
    }),
    ("an unknown part", |line| field(line).filter(|(_, value)| value.ends_with(".train")).map(|_| format!("{line}zz"))),
];

/// A way to spoil an item by one of its lines: the line where that is told, and the spoilt line.
type WholeFault = (&'static str, fn(&[String], usize) -> Option<(usize, String)>);

/// Faults of a whole item: they may take its other entries with them.
const WHOLE: [WholeFault; 3] = [
    // Told at the opener: the item's first line.
    ("an item is not closed", |lines, at| {
        (lines[at] == "}")
            .then(|| {
                (
                    (0..at).rev().find(|line| lines[*line].ends_with('{') && !lines[*line].starts_with(' ')),
                    String::new(),
                )
            })
            .and_then(|(opener, line)| Some((opener?, line)))
    }),
    ("an item is not opened", |lines, at| {
        let head = lines[at].strip_suffix(" {").filter(|head| !head.starts_with(' '))?;
        Some((at, head.to_owned()))
    }),
    ("prose is not closed", |lines, at| {
        (lines[at].trim() == "\"\"\"")
            .then(|| (0..at).rev().find(|line| lines[*line].contains("\"\"\"")))?
            .map(|opener| (opener, String::new()))
    }),
];

fn field(line: &str) -> Option<(&str, &str)> {
    let indented = line.starts_with("  ") && !line.trim_start().starts_with("gate") && !line.contains('{');
    let (name, value) = line.split_once(" = ").filter(|_| indented)?;
    Some((name.trim_end(), value))
}

/// A small generator of numbers, so that a failure can be repeated (Knuth's constants).
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// The item of each line, by number; faults of one item's whole must stand alone in it.
fn item_of(lines: &[String]) -> Vec<usize> {
    let mut item = 0;
    lines
        .iter()
        .map(|line| {
            item += usize::from(super::super::layout::is_header(line, 0));
            item
        })
        .collect()
}

/// Plants `faults` faults of these kinds in a text, and asks what is told: `CODE line:column …`, in order.
#[track_caller]
fn plant(
    good: &str,
    (seed, faults): (u64, usize),
    kinds: &[Fault],
    tell: &dyn Fn(&str) -> Vec<String>,
) -> Result<(), String> {
    let mut draw = Draw(seed);
    let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
    let items = item_of(&lines);
    let prose = inside_prose(&lines);
    let mut expected = BTreeSet::new();
    let mut spoilt_items = BTreeSet::new();
    let mut near = BTreeSet::new();
    let mut planted = Vec::new();
    for _ in 0..faults * 40 {
        if planted.len() == faults {
            break;
        }
        let at = draw.below(lines.len());
        let which = draw.below(kinds.len() + WHOLE.len());
        if spoilt_items.contains(&(items[at], true)) || near.contains(&at) {
            continue;
        }
        let (name, told_at, line, whole) = if let Some((name, spoil)) = kinds.get(which) {
            let Some(line) = spoil(&lines[at]).filter(|_| !prose.contains(&at)) else { continue };
            // What is inside an item of no kind is read, but has no meaning.
            let whole = *name == "an unknown item";
            if whole && spoilt_items.contains(&(items[at], false)) {
                continue;
            }
            (name, at, line, whole)
        } else {
            let (name, spoil) = &WHOLE[which - kinds.len()];
            if spoilt_items.contains(&(items[at], false)) {
                continue;
            }
            let Some((told_at, line)) = spoil(&lines, at) else { continue };
            (name, told_at, line, true)
        };
        lines[at] = line;
        near.extend(at.saturating_sub(1)..=at + 1);
        spoilt_items.insert((items[at], whole));
        expected.insert(told_at + 1);
        planted.push(format!("{} in line {}: {}", name, at + 1, lines[at]));
    }
    let text = lines.join("\n") + "\n";
    let told = tell(&text);
    let at: Vec<usize> = told.iter().filter_map(|one| one[6..].split(':').next()?.parse().ok()).collect();
    if at == expected.iter().copied().collect::<Vec<_>>() {
        return Ok(());
    }
    Err(format!("seed {seed}\nplanted {planted:#?}\ntold {told:#?}\nexpected lines {expected:?}"))
}

/// Lines of prose, where nothing is a fault.
fn inside_prose(lines: &[String]) -> BTreeSet<usize> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        let fence = line.contains("\"\"\"");
        if inside || fence {
            found.insert(at);
        }
        inside ^= fence;
    }
    found
}

#[test]
fn every_planted_fault_is_told_once_on_its_line() {
    let mut missed = Vec::new();
    let mut trials = 0;
    for text in [GOOD, COMPANIONS, EXPERIMENT] {
        for seed in 0..12 {
            for faults in [1, 2, 3, 5, 8] {
                trials += 1;
                missed.extend(plant(text, (seed * 31 + faults as u64, faults), &FAULTS, &|text| read(text).1).err());
            }
        }
    }
    for one in missed.iter().take(6) {
        eprintln!("{one}\n");
    }
    assert!(missed.is_empty(), "{} of {trials} files were not told as planted", missed.len());
}

/// The main file and what it imports.
struct Two<'t>(&'t str);

impl World for Two<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        match path {
            "main.masc" => Ok(self.0.to_owned()),
            "companions.masc" => Ok(COMPANIONS.to_owned()),
            _ => Err("no such file".to_owned()),
        }
    }

    fn prose(&self, _from: &str, _path: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}

const COMPANIONS: &str = include_str!("../../check/tests/companions.masc");
const EXPERIMENT: &str = include_str!("../../check/tests/qmsum.masc");

fn told_by_all_checks(text: &str) -> Vec<String> {
    let checked = check(&Two(text), "main.masc", &[]);
    let lines = checked.diagnostics.sorted().into_iter().map(|one| {
        let at = checked.files.position(one.primary.span.file, one.primary.span.start);
        format!("{} {}:{} {}", one.code.0, at.line, at.column, one.message)
    });
    lines.collect()
}

#[test]
fn a_fault_of_writing_hides_no_fault_of_meaning_and_makes_none() {
    let kinds: Vec<Fault> = FAULTS.into_iter().chain(FAULTS_OF_MEANING).collect();
    let mut missed = Vec::new();
    let mut trials = 0;
    for text in [EXPERIMENT, COMPANIONS] {
        assert_eq!(told_by_all_checks(text), Vec::<String>::new());
        for seed in 0..12 {
            for faults in [1, 2, 3, 5, 8] {
                trials += 1;
                missed.extend(plant(text, (seed * 37 + faults as u64, faults), &kinds, &told_by_all_checks).err());
            }
        }
    }
    for one in missed.iter().take(6) {
        eprintln!("{one}\n");
    }
    assert!(missed.is_empty(), "{} of {trials} programs were not told as planted", missed.len());
}
