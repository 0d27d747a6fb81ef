//! How long `mascot lsp` takes to answer, on a file of 2 000 lines: each request over the pipes of the real binary, as an editor waits for it.
//! `cargo bench --bench lsp`; numbers go to `docs/log.md`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark that cannot go on should stop, and prints"
)]

#[path = "../tests/lsp/client.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod client;

use std::time::Instant;

use client::{Client, at, generated, position, uri};
use serde_json::{Value, json};

const LINES: usize = 2_000;
const TIMES: usize = 30;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".git")).unwrap();
    let path = folder.path().join("large.masc");
    let text = generated(LINES);
    std::fs::write(&path, &text).unwrap();
    println!("{} lines, {} bytes; median and worst of {TIMES}, milliseconds", text.lines().count(), text.len());

    let mut client = Client::start(folder.path());
    client.open(&path, &text);
    client.diagnostics_of(&path, 1);
    let mut version = 1;

    // A word typed in the middle: until what is wrong is told.
    let middle = text.len() / 2 + text[text.len() / 2..].find("  policy").unwrap() + 2;
    let place = position(&text, middle);
    measure("keystroke to diagnostics", || {
        version += 1;
        let here = json!({ "line": place.0, "character": place.1 });
        let there = json!({ "line": place.0, "character": place.1 + u32::from(version % 2 == 1) });
        let change =
            json!({ "range": { "start": here, "end": there }, "text": if version % 2 == 0 { "x" } else { "" } });
        let document = json!({ "uri": uri(&path), "version": version });
        client.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] }));
        client.diagnostics_of(&path, version);
    });

    let document = json!({ "textDocument": { "uri": uri(&path) } });
    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99_999, "character": 0 } });
    let with = |more: Value, at: Value| {
        let (Value::Object(mut one), Value::Object(two)) = (at, more) else { unreachable!("both are objects") };
        one.extend(two);
        Value::Object(one)
    };
    let value = position(&text, middle + "policy = ".len());
    let word = position(&text, middle + 2);
    let ranged = |more: Value| with(more, with(json!({ "range": whole.clone() }), document.clone()));
    let asked = [
        // As after a keystroke: the text has changed since the last answer.
        ("textDocument/completion", at(&path, value)),
        ("textDocument/hover", at(&path, word)),
        ("textDocument/definition", at(&path, value)),
        ("textDocument/references", with(json!({ "context": { "includeDeclaration": true } }), at(&path, value))),
        ("textDocument/documentHighlight", at(&path, value)),
        ("textDocument/prepareRename", at(&path, value)),
        ("textDocument/rename", with(json!({ "newName": "trunk" }), at(&path, value))),
        ("textDocument/codeAction", ranged(json!({ "context": { "diagnostics": [] } }))),
        (
            "textDocument/formatting",
            with(json!({ "options": { "tabSize": 2, "insertSpaces": true } }), document.clone()),
        ),
        ("textDocument/documentSymbol", document.clone()),
        ("textDocument/foldingRange", document.clone()),
        ("textDocument/inlayHint", ranged(json!({}))),
        ("textDocument/semanticTokens/full", document.clone()),
    ];
    for (method, params) in asked {
        measure(method, || {
            // The change is part of what is measured: the answer is of the text as it is now.
            version += 1;
            client.change(&path, version, &text);
            client.ask(method, params.clone());
        });
    }
    client.end();
}

fn measure(what: &str, mut once: impl FnMut()) {
    once();
    let mut took: Vec<f64> = (0..TIMES)
        .map(|_| {
            let started = Instant::now();
            once();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!("{what:<36} {:>7.1} {:>7.1}", took[TIMES / 2], took[TIMES - 1]);
}
