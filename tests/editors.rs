//! The words that editor grammars know are the words of `grammar/mascot.pest` and of the schema: none is missing, none is made up.

use std::collections::BTreeSet;
use std::fs;

use mascot_lang::check::units::UNITS;
use mascot_lang::syntax::{BLOCK_WORDS, ITEM_KEYWORDS};
use serde_json::Value;

use crate::house::repository;

type Words = BTreeSet<String>;

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The quoted words between two places of a text.
fn quoted(text: &str, from: &str, to: &str) -> Words {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no `{from}`"));
    let (part, _) = rest.split_once(to).unwrap_or_else(|| panic!("no `{to}` after `{from}`"));
    part.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn set(words: &[&str]) -> Words {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What the grammar of the language says.
struct Pest {
    blocks: Words,
    inner: Words,
    reserved: Words,
    /// Of the rules `kw_…`.
    keywords: Words,
}

fn pest() -> Pest {
    let text = read("grammar/mascot.pest");
    let keywords = text.lines().filter(|line| line.starts_with("kw_")).flat_map(|line| quoted(line, "@{", "~"));
    Pest {
        blocks: quoted(&text, "block_keyword = @{", "~ end_of_word"),
        inner: quoted(&text, "block_word = @{", "~ end_of_word"),
        reserved: quoted(&text, "reserved    = _{", "~ end_of_word"),
        keywords: keywords.collect(),
    }
}

const CONSTANTS: [&str; 3] = ["none", "true", "false"];
/// Words that begin an item which is not a block like the others.
const OTHERS: [&str; 5] = ["use", "param", "let", "secret", "stage"];
/// Words that begin an entry.
const ENTRIES: [&str; 2] = ["gate", "skip"];

#[test]
fn the_language_and_its_grammar_know_the_same_words() {
    let pest = pest();
    let items: Words = pest.blocks.iter().cloned().chain(set(&OTHERS)).collect();
    assert_eq!(items, set(&ITEM_KEYWORDS));
    assert_eq!(pest.inner, set(&BLOCK_WORDS));
    assert!(set(&OTHERS).is_subset(&pest.keywords) && set(&ENTRIES).is_subset(&pest.keywords), "{:?}", pest.keywords);
}

/// The alternatives of the first group in a pattern that begins with `first`.
fn alternatives(pattern: &str, first: &str) -> Words {
    let at = pattern.find(&format!("({first}|")).or_else(|| pattern.find(&format!("(?:{first}|")));
    let rest = &pattern[at.unwrap_or_else(|| panic!("no group begins with {first} in {pattern}"))..];
    let inside = rest.trim_start_matches('(').trim_start_matches("?:");
    inside[..inside.find(')').unwrap()].split('|').map(str::to_owned).collect()
}

fn patterns(grammar: &Value, all: &mut Vec<String>) {
    match grammar {
        Value::Object(fields) => {
            all.extend(
                ["match", "begin", "end"].iter().filter_map(|key| fields.get(*key)?.as_str().map(str::to_owned)),
            );
            fields.values().for_each(|value| patterns(value, all));
        }
        Value::Array(values) => values.iter().for_each(|value| patterns(value, all)),
        _ => {}
    }
}

#[test]
fn the_textmate_grammar_knows_them() {
    let pest = pest();
    let grammar: Value = serde_json::from_str(&read("grammar/editors/vscode/syntaxes/masc.tmLanguage.json")).unwrap();
    let rule =
        |path: &str| grammar.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path}")).to_owned();
    assert_eq!(alternatives(&rule("/repository/block/match"), "experiment"), pest.blocks);
    let settings = alternatives(&rule("/repository/setting/match"), "param");
    assert_eq!(settings.union(&set(&["use", "stage"])).cloned().collect::<Words>(), set(&OTHERS));
    assert_eq!(alternatives(&rule("/repository/entry/patterns/1/match"), "example"), pest.inner);
    assert_eq!(alternatives(&rule("/repository/entry/patterns/2/match"), "gate"), set(&ENTRIES));
    let units: Words = UNITS.iter().map(|unit| unit.name.to_owned()).filter(|name| name != "%").collect();
    assert_eq!(alternatives(&rule("/repository/number/match"), "tok"), units);

    let constants = alternatives(&rule("/repository/word/patterns/0/match"), "none");
    let operators = alternatives(&rule("/repository/word/patterns/1/match"), "and");
    let words = alternatives(&rule("/repository/word/patterns/2/match"), "as");
    assert_eq!(constants, set(&CONSTANTS));
    let reserved: Words = constants.into_iter().chain(operators.clone()).chain(set(&["else"])).collect();
    assert_eq!(reserved, pest.reserved);
    // Every keyword of the grammar is somewhere.
    let known: Words =
        words.into_iter().chain(operators).chain(set(&OTHERS)).chain(set(&ENTRIES)).chain(set(&["masc"])).collect();
    assert_eq!(pest.keywords.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(known.difference(&pest.keywords).filter(|word| !pest.reserved.contains(*word)).count(), 0);

    let mut all = Vec::new();
    patterns(&grammar, &mut all);
    assert!(all.len() > 20, "{}", all.len());
}

#[test]
fn the_tree_sitter_grammar_knows_them() {
    let pest = pest();
    let grammar = read("grammar/editors/tree-sitter-masc/grammar.js");
    assert_eq!(quoted(&grammar, "const ITEMS = [", "];"), pest.blocks);
    assert_eq!(quoted(&grammar, "const BLOCKS = [", "];"), pest.inner);
    assert_eq!(quoted(&grammar, "constant: (_) => choice(", ")"), set(&CONSTANTS));
    for word in pest.keywords.iter().chain(&pest.reserved) {
        assert!(grammar.contains(&format!("\"{word}\"")), "grammar.js has no \"{word}\"");
    }
    let highlights = read("grammar/editors/tree-sitter-masc/queries/highlights.scm");
    for word in pest.keywords.iter().chain(&pest.reserved).filter(|word| !CONSTANTS.contains(&word.as_str())) {
        assert!(highlights.contains(&format!("\"{word}\"")), "highlights.scm has no \"{word}\"");
    }
    // What editors build is what the grammar says: rules, by name.
    let made: Value = serde_json::from_str(&read("grammar/editors/tree-sitter-masc/src/grammar.json")).unwrap();
    let rules: Words = made["rules"].as_object().unwrap().keys().cloned().collect();
    let (_, body) = grammar.split_once("  rules: {").unwrap();
    let written: Words = body
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(": (").map(|(name, _)| name))
        .filter(|name| name.chars().all(|one| one.is_ascii_lowercase() || one == '_'))
        .map(str::to_owned)
        .collect();
    assert_eq!(rules, written, "run `tree-sitter generate`");
    let parser = read("grammar/editors/tree-sitter-masc/src/parser.c");
    for keyword in &pest.blocks {
        assert!(parser.contains(&format!("anon_sym_{keyword}")), "{keyword}: run `tree-sitter generate`");
    }
}

#[test]
fn editors_are_told_of_one_server_and_one_grammar() {
    assert_eq!(
        read("grammar/editors/zed/languages/masc/highlights.scm"),
        read("grammar/editors/tree-sitter-masc/queries/highlights.scm"),
        "one set of colours"
    );
    for json in [
        "vscode/package.json",
        "vscode/language-configuration.json",
        "tree-sitter-masc/tree-sitter.json",
        "tree-sitter-masc/package.json",
        "zed/settings.json",
    ] {
        let _: Value = serde_json::from_str(&read(&format!("grammar/editors/{json}"))).unwrap();
    }
    for settings in ["vscode/extension.js", "neovim/masc.lua", "helix/languages.toml", "zed/src/lib.rs"] {
        let text = read(&format!("grammar/editors/{settings}"));
        assert!(text.contains("lsp"), "{settings} starts no server");
    }
    let page = read("docs/editors.md");
    for folder in ["vscode", "tree-sitter-masc", "neovim", "helix", "zed"] {
        assert!(page.contains(&format!("grammar/editors/{folder}")), "docs/editors.md does not tell of {folder}");
    }
}
