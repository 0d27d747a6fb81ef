//! Every attribute of every kind, block, record and call, one edit away from its name: one error, with a fix that mends it.
//!
//! Generated over the schema, so that a field that is added is asked for here without a line of code.

use std::collections::BTreeSet;

use super::{checked, told, words};
use crate::Checked;
use crate::check::schema::{self, Attribute, Call, Default, Kind, Record, Ty, items};
use crate::fix;

const BASE: &str = "masc 1
persona a \"A\" { role = \"x\" }
persona b \"B\" { role = \"y\" }
model m { weights = random(arch: \"llama\") }
dataset d { source = jsonl(\"d.jsonl\") }
rubric r \"R\" { criterion c \"C\" 100% }
judge j { by = contrast(m); rubrics = [r] }
reward w { score = contrast() }
director t { policy = m; seats = [a, b] }
stage s = sft for persona in [a, b] { policy = m; data = d.train }
stage pr = pairs for persona in [a, b] { from = s; data = d; judge = j.r }
";

/// What a required field may be.
fn value(field: &str) -> &'static str {
    match field {
        "weights" => "random(arch: \"llama\")",
        "source" => "jsonl(\"e.jsonl\")",
        "by" => "contrast(m)",
        "rubrics" => "[r]",
        "score" => "contrast()",
        "policy" | "from" | "init" => "m",
        "seats" => "[a, b]",
        "data" | "world" | "episodes" => "d",
        "judge" => "j.r",
        "pairs" => "pr",
        "reward" => "w",
        "director" => "t",
        "actors" => "s",
        "subjects" => "[s]",
        "metrics" => "[leak()]",
        "adapters" => "[s]",
        "given" | "says" => "\"x\"",
        field => panic!("say here what the required field `{field}` may be"),
    }
}

/// Names one edit away: a letter dropped, doubled, exchanged with its neighbour, or another.
fn misspelt(name: &str) -> BTreeSet<String> {
    let letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    let with = |edit: &dyn Fn(&mut Vec<char>)| {
        let mut letters = letters.clone();
        edit(&mut letters);
        letters.into_iter().collect::<String>()
    };
    let all = [
        with(&|letters| {
            letters.remove(middle);
        }),
        with(&|letters| {
            letters.pop();
        }),
        with(&|letters| letters.insert(middle, letters[middle])),
        with(&|letters| letters[..2.min(name.len())].reverse()),
        with(&|letters| letters[middle] = 'q'),
        with(&|letters| letters.push('s')),
    ];
    let no_names = ["in", "or", "and", "not", "none", "true", "false", "else", "gate", "skip"];
    let blocks = crate::syntax::BLOCK_WORDS;
    let usable = |one: &String| {
        one != name
            && one.starts_with(|first: char| first.is_ascii_alphabetic())
            && !no_names.contains(&one.as_str())
            && !blocks.contains(&one.as_str())
    };
    all.into_iter().filter(usable).collect()
}

/// One misspelling in a program: one error of this code, whose fix writes one of the `known` names and mends it.
fn asked(text: &str, (written, code): (&str, &str), known: &[&str], wrong: &mut Vec<String>) {
    let found: Checked = checked(text);
    let all = found.diagnostics.sorted();
    let [one] = all.as_slice() else {
        return wrong.push(format!("`{written}`: {}\n{text}", words(&found)));
    };
    let Some(fix) = one.fixes.first().filter(|_| one.code.0 == code && all.len() == 1) else {
        return wrong.push(format!("`{written}`: no fix, or not {code}: {}", words(&found)));
    };
    let near = |name: &&&str| strsim::damerau_levenshtein(name, written) <= 1;
    if !known.iter().filter(near).any(|name| fix.edits[0].text == *name) {
        return wrong.push(format!("`{written}`: the fix writes `{}`", fix.edits[0].text));
    }
    let mended = checked(&fix::applied(text, &fix.edits.iter().collect::<Vec<_>>()));
    if told(&mended).iter().any(|one| one.starts_with(code)) {
        wrong.push(format!("`{written}`: mended, it is told\n{}", words(&mended)));
    }
}

/// An item of a kind with its required fields, but for `without`, and one more entry.
fn item(kind: &Kind, without: &str, more: &str) -> String {
    let head = if kind.makes.is_some() { format!("stage x = {}", kind.name) } else { format!("{} x", kind.name) };
    let mut body = String::new();
    for field in kind.fields.iter().filter(|field| field.default == Default::Required && field.name != without) {
        body += &format!("  {} = {}\n", field.name, value(field.name));
    }
    if kind.name == "rubric" {
        body += "  criterion c \"C\" 100%\n";
    }
    format!("{BASE}{head} {{\n{body}  {more}\n}}\n")
}

fn given(field: &Attribute) -> &'static str {
    if field.default == Default::Required { value(field.name) } else { "none" }
}

#[test]
fn every_attribute_of_every_kind_and_block_one_edit_away_is_one_error_with_a_fix() {
    let (mut wrong, mut asked_of) = (Vec::new(), 0);
    for kind in schema::kinds() {
        let known: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
        for field in kind.fields {
            for written in misspelt(field.name).iter().filter(|written| !known.contains(&written.as_str())) {
                asked_of += 1;
                let text = item(kind, field.name, &format!("{written} = {}", given(field)));
                asked(&text, (written, "M0402"), &known, &mut wrong);
            }
        }
        for child in kind.children.iter().filter(|child| !child.fields.is_empty()) {
            let known: Vec<&str> = child.fields.iter().map(|field| field.name).collect();
            let head = match child.keyword {
                "criterion" => "criterion e \"E\" 0%",
                "executor" => "executor local",
                keyword => keyword,
            };
            for field in child.fields {
                for written in misspelt(field.name).iter().filter(|written| !known.contains(&written.as_str())) {
                    asked_of += 1;
                    let others: String = child
                        .fields
                        .iter()
                        .filter(|other| other.default == Default::Required && other.name != field.name)
                        .map(|other| format!("{} = \"x\"; ", other.name))
                        .collect();
                    let text = item(kind, "", &format!("{head} {{ {others}{written} = {} }}", given(field)));
                    asked(&text, (written, "M0402"), &known, &mut wrong);
                }
            }
        }
    }
    assert!(asked_of > 500, "{asked_of}");
    assert!(wrong.is_empty(), "{} of {asked_of}:\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
}

/// The record that a type takes.
fn record_of(ty: &Ty) -> Option<&'static Record> {
    match ty {
        Ty::Record(record) => Some(record),
        Ty::Optional(inner) => record_of(inner),
        Ty::Either(alternatives) => alternatives.iter().find_map(record_of),
        _ => None,
    }
}

#[test]
fn every_key_of_every_record_one_edit_away_is_one_error_with_a_fix() {
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for kind in schema::kinds() {
        for field in kind.fields {
            let Some(record) = record_of(&field.ty).filter(|record| seen.insert(record.name)) else { continue };
            let known: Vec<&str> = record.fields.iter().map(|field| field.name).collect();
            for key in record.fields {
                for written in misspelt(key.name).iter().filter(|written| !known.contains(&written.as_str())) {
                    let text = item(kind, field.name, &format!("{} = {{ {written} = none }}", field.name));
                    // A rollout is a director's.
                    let text = match field.name {
                        "rollout" => text.replace("  policy = m\n", "  policy = t\n  actors = s\n"),
                        _ => text,
                    };
                    asked(&text, (written, "M0402"), &known, &mut wrong);
                }
            }
        }
    }
    assert!(seen.len() > 5, "{seen:?}");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
}

#[test]
fn every_argument_of_every_call_one_edit_away_is_one_error_with_a_fix() {
    let (mut wrong, mut seen): (Vec<String>, BTreeSet<&str>) = (Vec::new(), BTreeSet::new());
    // Of two calls of one name the first is meant where anything may stand.
    let calls: Vec<&Call> = schema::every_call().filter(|call| call.name != "text" && seen.insert(call.name)).collect();
    for call in &calls {
        let known: Vec<&str> = call.args.iter().map(|arg| arg.name).collect();
        for arg in call.args {
            for written in misspelt(arg.name).iter().filter(|written| !known.contains(&written.as_str())) {
                let text = format!("{BASE}let x = {}({written}: none)\n", call.name);
                asked(&text, (written, "M0308"), &known, &mut wrong);
            }
        }
    }
    assert!(calls.len() > 30, "{}", calls.len());
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
}

#[test]
fn a_field_of_another_kind_is_told_where_it_is_valid() {
    for kind in schema::kinds().filter(|kind| !kind.fields.is_empty()) {
        for other in schema::kinds().flat_map(|kind| kind.fields) {
            let near = |field: &Attribute| strsim::damerau_levenshtein(field.name, other.name) <= other.name.len() / 3;
            if kind.fields.iter().any(near) || kind.field(other.name).is_some() || other.name.len() < 3 {
                continue;
            }
            let places = schema::places_of(other.name);
            let text = item(kind, "", &format!("{} = none", other.name));
            let found = checked(&text);
            let help = found.diagnostics.sorted()[0].help.clone().unwrap_or_default();
            assert_eq!(told(&found).len(), 1, "{}", words(&found));
            assert!(places.iter().any(|place| help.contains(place)), "{} in {}: {help}", other.name, kind.name);
        }
        // One kind is enough of the many pairs where the others are alike.
        if kind.name == items::JUDGE.name {
            break;
        }
    }
}
