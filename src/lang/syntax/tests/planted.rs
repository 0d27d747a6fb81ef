//! Faults planted in a good file: each must be told once, on its own line, whatever else is wrong.

use std::collections::BTreeSet;

use super::{read, sample};

const GOOD: &str = include_str!("good.masc");

/// Ways to spoil one line. Each gives the spoilt line, or `None` where the line has nothing of the kind.
const FAULTS: [(&str, fn(&str) -> Option<String>); 14] = [
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

/// Faults of a whole item: they may take its other entries with them.
const WHOLE: [(&str, fn(&[String], usize) -> Option<(usize, String)>); 3] = [
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

#[track_caller]
fn plant(good: &str, seed: u64, faults: usize) -> Result<(), String> {
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
        let which = draw.below(FAULTS.len() + WHOLE.len());
        if spoilt_items.contains(&(items[at], true)) || near.contains(&at) {
            continue;
        }
        let (name, told_at, line, whole) = if let Some((name, spoil)) = FAULTS.get(which) {
            let Some(line) = spoil(&lines[at]).filter(|_| !prose.contains(&at)) else { continue };
            (name, at, line, false)
        } else {
            let (name, spoil) = &WHOLE[which - FAULTS.len()];
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
    let (_, told) = read(&text);
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
    let mut texts = vec![GOOD.to_owned()];
    texts.extend(["companions.masc", "qmsum.masc"].iter().filter_map(|name| sample(name)));
    let mut missed = Vec::new();
    let mut trials = 0;
    for text in &texts {
        for seed in 0..40 {
            for faults in [1, 2, 3, 5, 8] {
                trials += 1;
                missed.extend(plant(text, seed * 31 + faults as u64, faults).err());
            }
        }
    }
    for one in missed.iter().take(6) {
        eprintln!("{one}\n");
    }
    assert!(missed.is_empty(), "{} of {trials} files were not told as planted", missed.len());
}
