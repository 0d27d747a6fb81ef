//! What `mascot explain WORD` prints: a diagnostic's page, or what a word of the language means.
//!
//! Pages are the files of `docs/diagnostics`, embedded. Everything else is told from the table that the checks read
//! (`check/schema`, `check/units`), so it cannot say anything else than what is checked. Uses `check`; absent: wording of its own
//! for any single field.

mod pages;
mod words;

use crate::check::schema::{self, Attribute, Call, Class, Default, Kind, Ty};
use crate::check::{article, types, units};
use crate::program::Dim;
use crate::syntax::{ITEM_KEYWORDS, nearest};

/// What there is to say about a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// One line.
    pub title: String,
    /// Markdown.
    pub text: String,
}

/// Explains a code (`M0207`), a list (`units`, `items`, `stages`, `calls`, `terms`, `codes`, `classes`), an item, a stage kind, a
/// block, a call, a record, a field (`lr`, `grpo.lr`), a result, a unit, a class of change, a state, a verdict or a form (`gate`). A word that is several of
/// these is explained as each; what is only a word of closed sets (`dr_grpo`), by where it may stand.
pub fn explain(word: &str) -> Option<Explanation> {
    let word = word.trim();
    // `grpo.lr`: of the field, what holds there.
    if let Some((of, name)) = word.split_once('.') {
        return part_of(of, name);
    }
    if let Some(page) = pages::page(&word.to_ascii_uppercase()) {
        let (title, text) = page.split_once('\n').unwrap_or((page, ""));
        return Some(Explanation { title: title.trim_start_matches("# ").to_owned(), text: text.trim().to_owned() });
    }
    let parts: Vec<(String, String)> = lists(word)
        .into_iter()
        .chain(forms(word))
        .chain(kinds(word))
        .chain(blocks(word))
        .chain(calls(word))
        .chain(records(word))
        .chain(fields(word))
        .chain(results(word))
        .chain(unit(word))
        .chain(words::topic(word))
        .chain(words::class(word))
        .chain(words::state(word))
        .collect();
    let parts = if parts.is_empty() { words::of_closed_set(word).into_iter().collect() } else { parts };
    match parts.as_slice() {
        [] => None,
        [(title, text)] => Some(Explanation { title: title.clone(), text: text.clone() }),
        several => {
            let all = several.iter().map(|(title, text)| format!("## {title}\n\n{text}"));
            Some(Explanation { title: format!("`{word}`"), text: all.collect::<Vec<_>>().join("\n\n") })
        }
    }
}

/// A field of a kind of stage, an item, a block, a record or a call; a result of a kind of stage.
fn part_of(of: &str, name: &str) -> Option<Explanation> {
    let kind = schema::kinds().find(|kind| kind.name == of);
    let block = schema::items::CHILDREN.iter().find(|block| block.keyword == of);
    let record = schema::records::ALL.iter().find(|record| record.name == of);
    let call = schema::every_call().find(|call| call.name == of);
    let field = kind
        .and_then(|kind| kind.field(name))
        .or_else(|| block?.fields.iter().find(|field| field.name == name))
        .or_else(|| record?.field(name))
        .or_else(|| call?.arg(name));
    let result = || kind.and_then(|kind| kind.result(name)).map(|result| result.doc.to_owned());
    let text = field.map(of_attribute).or_else(result)?;
    Some(Explanation { title: format!("`{name}` of `{of}`"), text })
}

/// The nearest word that can be explained.
pub fn nearest_word(word: &str) -> Option<String> {
    let words = words();
    let near = nearest(word, words.iter().map(String::as_str))
        .or_else(|| nearest(&word.to_ascii_uppercase(), words.iter().map(String::as_str)));
    near.map(str::to_owned)
}

/// Every word that can be explained, each once, sorted.
pub fn words() -> Vec<String> {
    let mut words: Vec<&str> = pages::codes().collect();
    words.extend(LISTS);
    words.extend(ITEM_KEYWORDS);
    words.extend(schema::items::CHILDREN.iter().map(|block| block.keyword));
    for kind in schema::kinds() {
        words.push(kind.name);
        words.extend(kind.fields.iter().map(|field| field.name));
        words.extend(kind.results.iter().map(|result| result.name));
    }
    for call in schema::every_call() {
        words.push(call.name);
        words.extend(call.args.iter().map(|arg| arg.name));
    }
    for record in schema::records::ALL {
        words.push(record.name);
        words.extend(record.fields.iter().map(|field| field.name));
    }
    for block in schema::items::CHILDREN {
        words.extend(block.fields.iter().map(|field| field.name));
    }
    words.extend(units::UNITS.iter().map(|unit| unit.name));
    words.extend(words::topics());
    words.extend(words::states());
    words.extend(Class::ALL.map(Class::word));
    words.extend(words::closed_sets());
    let words: std::collections::BTreeSet<String> = words.into_iter().map(str::to_owned).collect();
    words.into_iter().collect()
}

const LISTS: [&str; 7] = ["units", "items", "stages", "calls", "terms", "codes", "classes"];

fn lists(word: &str) -> Option<(String, String)> {
    let (title, lines) = match word {
        "units" => {
            let lines = units::UNITS.iter().map(|unit| format!("- `{}`: {}", unit.name, unit_in_words(*unit)));
            ("the units, a closed list".to_owned(), lines.collect::<Vec<_>>())
        }
        "items" => {
            let forms = FORMS.iter().map(|(name, form, doc)| format!("- `{name}`: {doc} `{form}`"));
            let kinds = schema::items::ALL.iter().map(|kind| format!("- `{}`: {}", kind.name, kind.doc));
            ("what stands at the top level of a file".to_owned(), forms.chain(kinds).collect())
        }
        "stages" => {
            let lines = schema::stages::ALL.iter().map(|kind| format!("- `{}`: {}", kind.name, kind.doc));
            ("the kinds of stages".to_owned(), lines.collect())
        }
        "calls" => {
            ("calls other than terms".to_owned(), schema::calls::ALL.iter().map(|call| call_line(call)).collect())
        }
        "terms" => {
            let lines = schema::terms::ALL.iter().map(|call| call_line(call));
            ("terms of rewards and metrics, and functions of scores".to_owned(), lines.collect())
        }
        "codes" => {
            let lines = pages::codes().filter_map(pages::page).filter_map(|page| page.lines().next());
            ("diagnostics".to_owned(), lines.map(|line| format!("- {}", line.trim_start_matches("# "))).collect())
        }
        "classes" => ("classes of a change, strictest first".to_owned(), words::classes()),
        _ => return None,
    };
    Some((title, lines.join("\n")))
}

/// Items that are written in a form of their own: name, form, what it is.
const FORMS: [(&str, &str, &str); 5] = [
    (
        "use",
        "use \"./companions.masc\" { anchor, catalyst as questioner }",
        "Imports names of another file, or all of it with `as`. A file lies beside this one, in `std/`, at a git revision \
         (`git+https://HOST/REPOSITORY#REVISION:PATH`) or in an archive (`https://HOST/ARCHIVE#sha256:DIGEST:PATH`); what is far away is \
         fetched by `mascot lock`.",
    ),
    ("param", "param k: int = 4 in 2..8 \"what it is\"", "A value that `--set`, a variant or a sweep may change."),
    ("let", "let crew = [anchor, catalyst]", "A value with a name."),
    (
        "secret",
        "secret judge_key from env \"MASCOT_JUDGE_KEY\"",
        "A value that may flow into `auth` only, and is never kept.",
    ),
    (
        "stage",
        "stage voices = grpo for persona in crew { … }",
        "What is done; its kinds are listed by `mascot explain stages`.",
    ),
];

fn forms(word: &str) -> Option<(String, String)> {
    let (name, form, doc) = FORMS.iter().find(|(name, ..)| *name == word)?;
    Some((format!("`{name}`, an item"), format!("{doc}\n\n```\n{form}\n```")))
}

fn kinds(word: &str) -> Vec<(String, String)> {
    schema::kinds().filter(|kind| kind.name == word).map(kind).collect()
}

/// What an item or a kind of stage is, with its fields.
pub(crate) fn of_kind(of: &Kind) -> String {
    kind(of).1
}

/// What a call is for, with its arguments.
pub(crate) fn of_call(call: &Call) -> String {
    let mut text = call.doc.to_owned();
    if !call.args.is_empty() {
        text += &format!("\n\nArguments:\n\n{}", attributes(call.args));
    }
    text
}

/// A field or argument: what it is, its type and default, what a change of it means.
pub(crate) fn of_attribute(of: &Attribute) -> String {
    format!("{} {}", attribute(of), class(of.class))
}

fn kind(kind: &Kind) -> (String, String) {
    let what = if kind.makes.is_some() { "a kind of stage" } else { "an item" };
    let mut text = kind.doc.to_owned();
    if !kind.fields.is_empty() {
        text += &format!("\n\nFields:\n\n{}", attributes(kind.fields));
    }
    if !kind.children.is_empty() {
        let blocks = kind.children.iter().map(|block| format!("- `{} {{ … }}`: {}", block.keyword, block.doc));
        text += &format!("\n\nBlocks:\n\n{}", blocks.collect::<Vec<_>>().join("\n"));
    }
    if !kind.results.is_empty() {
        let results = kind.results.iter().map(|result| {
            let interval = if result.interval { ", with `.low` and `.high`" } else { "" };
            format!("- `{}`{interval}: {}", result.name, result.doc)
        });
        text += &format!("\n\nResults:\n\n{}", results.collect::<Vec<_>>().join("\n"));
    }
    if kind.extends {
        text += "\n\nIt may extend another of its kind.";
    }
    (format!("`{}`, {what}", kind.name), text)
}

fn blocks(word: &str) -> Option<(String, String)> {
    let block = schema::items::CHILDREN.iter().find(|block| block.keyword == word)?;
    let owners = schema::items::ALL.iter().filter(|kind| kind.child(word).is_some());
    let owners = owners.map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>().join(", ");
    let inside = if owners.is_empty() { "an item".to_owned() } else { owners };
    let mut text = block.doc.to_owned();
    if !block.fields.is_empty() {
        text += &format!("\n\nFields:\n\n{}", attributes(block.fields));
    }
    Some((format!("`{word}`, a block inside {inside}"), text))
}

fn calls(word: &str) -> Vec<(String, String)> {
    let named = schema::every_call().filter(|call| call.name == word);
    named.map(|call| (format!("`{}(…)`, {}", call.name, call.role.phrase()), of_call(call))).collect()
}

fn call_line(call: &Call) -> String {
    let args: Vec<&str> = call.args.iter().map(|arg| arg.name).collect();
    format!("- `{}({})`, {}: {}", call.name, args.join(", "), call.role.phrase(), call.doc)
}

fn records(word: &str) -> Option<(String, String)> {
    let record = schema::records::ALL.iter().find(|record| record.name == word)?;
    Some((
        format!("`{word} = {{ … }}`, a record"),
        format!("{}\n\nFields:\n\n{}", record.doc, attributes(record.fields)),
    ))
}

/// A field, everywhere it is valid; what is the same in several places is said once.
fn fields(word: &str) -> Option<(String, String)> {
    let mut places: Vec<(&'static Attribute, String)> = Vec::new();
    for kind in schema::kinds() {
        let what = if kind.makes.is_some() {
            format!("{} `{}` stage", article(kind.name), kind.name)
        } else {
            format!("{} `{}`", article(kind.name), kind.name)
        };
        places.extend(kind.field(word).map(|field| (field, what)));
    }
    for block in schema::items::CHILDREN {
        let field = block.fields.iter().find(|field| field.name == word);
        places.extend(field.map(|field| (field, format!("the block `{}`", block.keyword))));
    }
    for record in schema::records::ALL {
        places.extend(record.field(word).map(|field| (field, format!("the record `{}`", record.name))));
    }
    for call in schema::every_call() {
        places.extend(call.arg(word).map(|arg| (arg, format!("`{}(…)`", call.name))));
    }
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for (field, place) in places {
        let text = of_attribute(field);
        match said.iter_mut().find(|(other, _)| *other == text) {
            Some((_, places)) => places.push(place),
            None => said.push((text, vec![place])),
        }
    }
    let lines = said.iter().map(|(text, places)| format!("In {}: {text}", places.join(", ")));
    let text = lines.collect::<Vec<_>>().join("\n\n");
    (!text.is_empty()).then(|| (format!("`{word}`, a field or argument"), text))
}

fn results(word: &str) -> Option<(String, String)> {
    let of = schema::stages::ALL.iter().filter_map(|kind| Some((kind.name, kind.result(word)?)));
    let lines: Vec<String> =
        of.map(|(stage, result)| format!("- of {} `{stage}` stage: {}", article(stage), result.doc)).collect();
    (!lines.is_empty()).then(|| (format!("`{word}`, a result"), lines.join("\n")))
}

fn unit(word: &str) -> Option<(String, String)> {
    let unit = units::find(word)?;
    Some((format!("`{word}`, a unit"), format!("{}.", unit_in_words(unit))))
}

fn unit_in_words(unit: units::Unit) -> String {
    let (one, many) = match unit.dim {
        Dim::None => ("", ""),
        Dim::Fraction => (" of the whole", " of the whole"),
        Dim::Tokens => (" token", " tokens"),
        Dim::Steps => (" optimiser step", " optimiser steps"),
        Dim::Epochs => (" pass over the rows", " passes over the rows"),
        Dim::Seconds => (" second", " seconds"),
        Dim::Bytes => (" byte", " bytes"),
        Dim::GpuSeconds => (" second of one GPU", " seconds of one GPU"),
        Dim::Dollars => (" dollar", " dollars"),
    };
    format!("{}, {}{}", units::phrase(unit.dim), unit.factor, if unit.factor == 1.0 { one } else { many })
}

fn attributes(attributes: &[Attribute]) -> String {
    attributes.iter().map(|one| format!("- `{}`: {}", one.name, attribute(one))).collect::<Vec<_>>().join("\n")
}

/// "What it is. A number of steps; `100 steps` unless said."
fn attribute(attribute: &Attribute) -> String {
    let wanted = types::wanted(&attribute.ty);
    let mut letters = wanted.chars();
    let wanted: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    format!("{} {wanted}; {}.", attribute.doc, default(attribute))
}

fn default(attribute: &Attribute) -> String {
    let dim = dimension(&attribute.ty);
    let written = match attribute.default {
        Default::Required => return "required".to_owned(),
        Default::Absent => "none".to_owned(),
        Default::Bool(value) => value.to_string(),
        Default::Number(value) if value != 0.0 && value.abs() < 1e-3 && dim == Dim::None => format!("{value:e}"),
        Default::Number(value) => units::write(value, dim),
        Default::Word(word) => word.to_owned(),
        Default::Text(text) => format!("{text:?}"),
        Default::Empty if matches!(attribute.ty, Ty::Map(_)) => "{}".to_owned(),
        Default::Empty => "[]".to_owned(),
        Default::Words(words) => format!("[{}]", words.join(", ")),
        Default::Numbers(values) => format!("[{}]", values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")),
        Default::Range(low, high) => format!("{low}..{high}"),
        Default::Record => return "its fields' own defaults unless said".to_owned(),
        Default::Call(call) => format!("{}()", call.name),
    };
    format!("`{written}` unless said")
}

fn dimension(ty: &Ty) -> Dim {
    match ty {
        Ty::Num(num) => num.dim,
        Ty::Range(dim) => *dim,
        Ty::Optional(inner) => dimension(inner),
        _ => Dim::None,
    }
}

fn class(class: Class) -> String {
    match class {
        Class::Where | Class::Cosmetic => "Changing it re-runs nothing.".to_owned(),
        _ => format!("A change of it is one of class `{}`.", class.word()),
    }
}

#[cfg(test)]
mod tests;
