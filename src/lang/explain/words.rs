//! Words that no table of kinds, calls or fields has: forms of the language, classes of a change, words of closed sets.
//!
//! Closed sets are read from the schema; forms and classes have their sentences here.

use crate::check::article;
use crate::check::schema::{self, Attribute, Class, Ty};

/// What becomes of tasks, and what is said of an edit: word, what says it, what it means.
const STATES: [(&str, &str, &str); 12] = [
    ("recalled", "a state of a task", "The store has what it makes, under the same key: nothing is done."),
    (
        "pending",
        "a state of a task",
        "What it needs is not made yet, so its key is not known. It is recalled after all when that comes out the same to the byte.",
    ),
    ("fresh", "an outcome of a task", "It was performed in this run."),
    (
        "failed",
        "an outcome of a task",
        "Something in the world was in its way; the run ends with 3 and says what. Tasks that do not need it go on.",
    ),
    (
        "gated",
        "an outcome of a task",
        "A gate of its stage does not hold: what depends on it is skipped, and the run ends with 4.",
    ),
    ("skipped", "an outcome of a task", "What it needs did not come to be, and it says because of whom."),
    ("identical", "a verdict of `diff`", "No task's key differs: a run would recall everything."),
    (
        "comparable",
        "a verdict of `diff`",
        "What measures is the same before and after: old and new numbers may stand in one table.",
    ),
    (
        "not_comparable",
        "a verdict of `diff`",
        "What is aimed at or measured by is another, or measured on other data: old and new numbers may not stand in one table.",
    ),
    (
        "key",
        "a word of plans and the store",
        "The digest of a task's request, inputs and engine: what is kept is found by it. `mascot show FILE TASK` prints it, `mascot why FILE TASK` what changed in it.",
    ),
    (
        "measured",
        "a basis of an estimate",
        "The same request took so long on this machine, but for seeds, prose, names and rates.",
    ),
    (
        "analytic",
        "a basis of an estimate",
        "Reckoned from sizes: tokens, weights, and the speed of two ordinary CPU cores. A run makes it a measured one.",
    ),
];

pub fn states() -> impl Iterator<Item = &'static str> {
    STATES.iter().map(|(word, ..)| *word)
}

pub fn state(word: &str) -> Option<(String, String)> {
    let (word, of, doc) = STATES.iter().find(|(name, ..)| *name == word)?;
    Some((format!("`{word}`, {of}"), (*doc).to_owned()))
}

/// Forms of the language: word, how it is written, what it does.
const TOPICS: [(&str, &str, &str); 11] = [
    ("masc", "masc 1", "The first line of every file: the edition of the language."),
    (
        "extends",
        "persona plain extends anchor { never += [\"use images\"] }",
        "Takes over every attribute of another of its kind. Examples, tests and the quoted name of a persona stay behind.",
    ),
    (
        "gate",
        "gate held_out_accuracy >= 0.65 else \"the judge does not separate the personas\"",
        "Stops what depends on its stage when it is false, and prints the values in it. It is part of no key.",
    ),
    (
        "for",
        "stage voices = grpo for persona in crew { policy = sounding }",
        "Makes a family, one member a persona. Inside, `persona` is that persona, and a family over the same crew means its member.",
    ),
    (
        "text",
        "voice = text(\"voices/anchor.md\")",
        "Reads a file beside this one; its digest is locked, and a word changed in it is a change of the field.",
    ),
    ("none", "crew.*.voice = none", "Says that something is absent."),
    (
        "slots",
        "You are {{char}}, and you speak with {{user}}.",
        "What is filled into prose: `{{char}}` is the persona's quoted name, `{{user}}` the one spoken to. There are no others.",
    ),
    (
        "layers",
        "mascot expand FILE --origins",
        "Where a value comes from, weakest first: default, base (`extends`), file, a variant or a sweep's point, `--set`.",
    ),
    ("skip", "skip voices.kl.beta == 0.05 else \"diverges\"", "Leaves points of a sweep out, and says why."),
    ("each", "gate mean(voices, persona: each) >= 0.4 else \"…\"", "Asks a gate once for every persona of the crew."),
    (
        "prose",
        "voice = >\"\"\"md … \"\"\"",
        "Text between fences of three quotes or more, verbatim after the indent of the closing fence is taken off. `>` before it folds: \
         a paragraph is one line, and re-wrapping it is no change.",
    ),
];

pub fn topics() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().map(|(word, ..)| *word)
}

pub fn topic(word: &str) -> Option<(String, String)> {
    let (word, form, doc) = TOPICS.iter().find(|(name, ..)| *name == word)?;
    Some((format!("`{word}`, a form"), format!("{doc}\n\n```\n{form}\n```")))
}

/// What a class of change is, and what follows from it.
fn meaning(class: Class) -> &'static str {
    match class {
        Class::Objective => {
            "What is aimed at or measured by: rubrics, rewards, a judge's model, votes or rubrics, a metric changed or removed. \
             Old and new numbers are not comparable."
        }
        Class::Data => {
            "Data sets, splits, users, the turns that are evaluated. What reaches an `evaluate` makes old and new numbers not comparable."
        }
        Class::Behaviour => {
            "What a model reads as text: a persona's role, voice, never and examples; a director's voice, directive, order and silence."
        }
        Class::Training => {
            "How something is learnt: models, adapters, rates, steps, groups, KL, loss, sampling, the seed."
        }
        Class::Topology => "What there is: stages, edges, crew, seats, a metric or a subject more, a gate.",
        Class::Where => {
            "Where it runs: budgets, profiles, a secret's variable, a judge's host with the same model. It re-runs nothing."
        }
        Class::Cosmetic => "What enters no key: comments, layout, names, titles. It re-runs nothing.",
    }
}

pub fn class(word: &str) -> Option<(String, String)> {
    let class = Class::ALL.into_iter().find(|class| class.word() == word)?;
    Some((format!("`{word}`, a class of change"), meaning(class).to_owned()))
}

/// All of them, strictest first, and the verdicts that `diff` gives.
pub fn classes() -> Vec<String> {
    let lines = Class::ALL.map(|class| format!("- `{}`: {}", class.word(), meaning(class)));
    let verdict = "\nA diff is `identical` when no key differs, `not_comparable` when a change is `objective`, or is `data` and reaches \
                   an `evaluate`, else `comparable`.";
    lines.into_iter().chain([verdict.to_owned()]).collect()
}

/// Every word of a closed set.
pub fn closed_sets() -> Vec<&'static str> {
    places().into_iter().flat_map(|(attribute, _)| words_of(&attribute.ty)).collect()
}

/// Where a word of closed sets may stand.
pub fn of_closed_set(word: &str) -> Option<(String, String)> {
    let mut lines: Vec<String> = Vec::new();
    for (attribute, place) in places() {
        let words = words_of(&attribute.ty);
        if words.contains(&word) {
            let line = format!("- `{}` of {place}: {} One of {}.", attribute.name, attribute.doc, words.join(", "));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    (!lines.is_empty())
        .then(|| (format!("`{word}`, a word of closed sets"), format!("It may stand in:\n\n{}", lines.join("\n"))))
}

fn words_of(ty: &Ty) -> Vec<&'static str> {
    match ty {
        Ty::Words(words) | Ty::TextOf(words) => words.to_vec(),
        Ty::List(inner) | Ty::Set(inner) | Ty::Map(inner) | Ty::Optional(inner) => words_of(inner),
        Ty::Either(several) => several.iter().flat_map(words_of).collect(),
        _ => Vec::new(),
    }
}

/// Every attribute of the table, with what it is one of.
fn places() -> Vec<(&'static Attribute, String)> {
    let mut all: Vec<(&'static Attribute, String)> = Vec::new();
    for kind in schema::kinds() {
        let of = if kind.makes.is_some() {
            format!("{} `{}` stage", article(kind.name), kind.name)
        } else {
            format!("{} `{}`", article(kind.name), kind.name)
        };
        all.extend(kind.fields.iter().map(|field| (field, of.clone())));
    }
    for block in schema::items::CHILDREN {
        all.extend(block.fields.iter().map(|field| (field, format!("the block `{}`", block.keyword))));
    }
    for record in schema::records::ALL {
        all.extend(record.fields.iter().map(|field| (field, format!("the record `{}`", record.name))));
    }
    for call in schema::every_call() {
        all.extend(call.args.iter().map(|arg| (arg, format!("`{}(…)`", call.name))));
    }
    all
}
