//! A session with `mascot lsp` through the real binary and its pipes: over the files of this repository, over generated ones, and over
//! files that are being written.
#![allow(clippy::disallowed_macros, reason = "a test that skips says so")]

pub mod client;
mod project;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::house::{Sandbox, files, repository};
use client::{Client, at, edited, generated, offset, position, samples, uri};

/// A project with the repository's programs, and the design's samples where they are at hand.
fn project() -> (Sandbox, Vec<PathBuf>) {
    let sandbox = Sandbox::new();
    for folder in ["examples", "stdlib"] {
        for file in files(&repository().join(folder), "masc") {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            sandbox.write(&format!("{folder}/{name}"), &std::fs::read_to_string(&file).unwrap());
        }
    }
    match samples(&repository()) {
        Some(folder) => {
            for file in files(&folder, "masc") {
                let name = file.file_name().unwrap().to_str().unwrap().to_owned();
                sandbox.write(&format!("samples/{name}"), &std::fs::read_to_string(&file).unwrap());
            }
        }
        None => eprintln!("skipped: the design's samples do not lie beside this checkout"),
    }
    sandbox.write("generated.masc", &generated(300));
    let mut all = files(sandbox.path(), "masc");
    all.retain(|path| !path.starts_with(sandbox.path().join(".cache")));
    (sandbox, all)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Without what the rules of lint tell.
fn faults(told: Vec<Value>) -> Vec<Value> {
    told.into_iter().filter(|one| !one["code"].as_str().unwrap().starts_with("M09")).collect()
}

/// Where words begin: of each, its first byte.
fn words(text: &str) -> Vec<usize> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    (0..bytes.len()).filter(|at| is_word(bytes[*at]) && (*at == 0 || !is_word(bytes[at - 1]))).collect()
}

#[test]
fn every_file_is_told_of_as_lint_tells() {
    let (sandbox, all) = project();
    let mut client = Client::start(sandbox.path());
    for path in &all {
        let text = read(path);
        client.open(path, &text);
        let told: BTreeSet<(String, u64, u64)> = client
            .diagnostics_of(path, 1)
            .iter()
            .map(|one| {
                let start = &one["range"]["start"];
                (
                    one["code"].as_str().unwrap().to_owned(),
                    start["line"].as_u64().unwrap() + 1,
                    offset(&text, start) as u64,
                )
            })
            .collect();
        let name = path.strip_prefix(sandbox.path()).unwrap().to_str().unwrap();
        let checked = sandbox.mascot(&["lint", name, "--json"]).json();
        let wanted: BTreeSet<(String, u64, u64)> = checked["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["file"] == *name)
            .map(|one| {
                let (line, column) = (one["line"].as_u64().unwrap(), one["column"].as_u64().unwrap() as usize);
                let start = text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum::<usize>();
                let at = text[start..].char_indices().nth(column - 1).map_or(text.len(), |(at, _)| start + at);
                (one["code"].as_str().unwrap().to_owned(), line, at as u64)
            })
            .collect();
        assert_eq!(told, wanted, "{name}");
    }
    client.end();
}

#[test]
fn every_question_is_answered_at_every_place() {
    let (sandbox, all) = project();
    let mut client = Client::start(sandbox.path());
    for path in &all {
        let text = read(path);
        client.open(path, &text);
        let document = json!({ "textDocument": { "uri": uri(path) } });
        let all_of_it = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99_999, "character": 0 } });

        let symbols = client.ask("textDocument/documentSymbol", document.clone());
        assert!(symbols.as_array().is_some(), "{symbols}");
        client.ask("textDocument/foldingRange", document.clone());
        client.ask("textDocument/inlayHint", json!({ "textDocument": document["textDocument"], "range": all_of_it }));
        let tokens = client.ask("textDocument/semanticTokens/full", document.clone());
        let words_painted = painted(&text, &tokens);
        assert!(words_painted.iter().all(|(word, _)| !word.is_empty() && !word.contains('\n')), "{}", path.display());
        let actions =
            json!({ "textDocument": document["textDocument"], "range": all_of_it, "context": { "diagnostics": [] } });
        client.ask("textDocument/codeAction", actions);

        let mut found = 0;
        for at_byte in words(&text).into_iter().step_by(11) {
            let place = position(&text, at_byte);
            client.at("textDocument/hover", path, place);
            client.at("textDocument/completion", path, place);
            let definition = client.at("textDocument/definition", path, place);
            found += usize::from(!definition.is_null());
        }
        if text.len() > 5_000 {
            assert!(found > 0, "{} has names that lead somewhere", path.display());
        }
        client.close(path);
    }
    client.end();
}

/// Words with the number of their type, out of the deltas of an answer.
fn painted(text: &str, tokens: &Value) -> Vec<(String, u64)> {
    let data: Vec<u64> = tokens["data"].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect();
    let (mut line, mut column) = (0, 0);
    let mut all = Vec::new();
    for one in data.chunks(5) {
        column = if one[0] == 0 { column + one[1] } else { one[1] };
        line += one[0];
        let start = offset(text, &json!({ "line": line, "character": column }));
        let end = offset(text, &json!({ "line": line, "character": column + one[2] }));
        all.push((text[start..end].to_owned(), one[3]));
    }
    all
}

#[test]
fn formatting_is_what_fmt_writes() {
    let sandbox = Sandbox::empty();
    let ugly = "masc 1\n\npersona   a \"Die Süße 🦊\"   {\n role=\"x\"   # why\n     never = [ \"a\" ,\"b\"]\n}\nlet x=[a]\n\n\n\nlet y   = [a]\n";
    sandbox.write("ugly.masc", ugly);
    let path = sandbox.path().join("ugly.masc");
    let mut client = Client::start(sandbox.path());
    client.open(&path, ugly);
    let options = json!({ "textDocument": { "uri": uri(&path) }, "options": { "tabSize": 2, "insertSpaces": true } });
    let edits = client.ask("textDocument/formatting", options.clone());
    assert!(edits.as_array().unwrap().len() > 1, "line by line, so that the cursor stays");
    let formatted = edited(ugly, &edits);
    sandbox.mascot(&["fmt", "ugly.masc"]).ended_with(0);
    assert_eq!(formatted, sandbox.read("ugly.masc"));
    client.change(&path, 2, &formatted);
    assert_eq!(client.ask("textDocument/formatting", options.clone()), json!([]));

    // What cannot be read is left alone, with a word about it.
    client.change(&path, 3, "masc 1\npersona a {\n");
    let id = client.request("textDocument/formatting", options);
    assert!(client.answer(id)["error"]["message"].as_str().unwrap().contains("cannot be read"));
    client.end();
}

#[test]
fn what_is_typed_is_seen_by_the_files_that_import_it() {
    let sandbox = Sandbox::empty();
    let library = "masc 1\npersona anchor \"The Anchor\" { role = \"listener\" }\n";
    let main = "masc 1\nuse \"./library.masc\" { anchor }\nlet crew = [anchor]\n";
    sandbox.write("library.masc", library);
    sandbox.write("main.masc", main);
    let (library_at, main_at) = (sandbox.path().join("library.masc"), sandbox.path().join("main.masc"));
    let mut client = Client::start(sandbox.path());
    client.open(&library_at, library);
    assert_eq!(faults(client.diagnostics_of(&library_at, 1)), Vec::<Value>::new());
    // `main.masc` is open nowhere, and learns of it; nothing is saved.
    client.change(&library_at, 2, &library.replace("anchor", "harbour"));
    let mut told = faults(client.diagnostics_of(&main_at, 0));
    while told.is_empty() {
        client.diagnostics.remove(&uri(&main_at));
        told = faults(client.diagnostics_of(&main_at, 0));
    }
    assert!(told[0]["message"].as_str().unwrap().contains("anchor"), "{told:?}");
    // Opened, it says so too; typed back, it is clean again.
    client.open(&main_at, main);
    assert_eq!(client.diagnostics_of(&main_at, 1).len(), 1);
    client.change(&library_at, 3, library);
    client.change(&main_at, 2, &format!("{main}let other = [anchor]\n"));
    assert_eq!(faults(client.diagnostics_of(&main_at, 2)), Vec::<Value>::new());
    client.end();
}

#[test]
fn a_keystroke_at_a_time_is_followed() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path().join("typed.masc");
    let text = "masc 1\nmodel base { weights = random(arch: \"llama\") }\npersona fox \"🦊 The Fox\" {\n  role = \"sly\"\n}\nlet crew = [fox]\n";
    let mut client = Client::start(sandbox.path());
    // Not saved anywhere: the file is not there.
    client.open(&path, "");
    let mut version = 1;
    let mut written = String::new();
    for character in text.chars() {
        let (line, column) = position(&written, written.len());
        version += 1;
        let place = json!({ "line": line, "character": column });
        client.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri(&path), "version": version },
                "contentChanges": [{ "range": { "start": place, "end": place }, "text": character.to_string() }],
            }),
        );
        written.push(character);
        client.ask("textDocument/completion", at(&path, position(&written, written.len())));
    }
    assert_eq!(faults(client.diagnostics_of(&path, version)), Vec::<Value>::new());
    let hover = client.at("textDocument/hover", &path, position(text, text.rfind("fox").unwrap()));
    assert!(hover["contents"]["value"].as_str().unwrap().contains("persona fox \"🦊 The Fox\""), "{hover}");
    let start = &hover["range"]["start"];
    assert_eq!((start["line"].as_u64(), start["character"].as_u64()), (Some(5), Some(12)));
    client.end();
}

#[test]
fn definition_references_and_rename_go_across_files() {
    let sandbox = Sandbox::empty();
    let library = "masc 1\npersona anchor \"The Anchor\" { role = \"listener\" }\n";
    let main = "masc 1\nuse \"./library.masc\" { anchor }\nuse \"std/personas.masc\" { beacon as cheerer }\nlet crew = [anchor, cheerer]\nvariant mute {\n  crew.anchor.voice = none\n}\n";
    let aliased = "masc 1\nuse \"./library.masc\" { anchor as steady }\nlet crew = [steady]\n";
    for (name, text) in [("library.masc", library), ("main.masc", main), ("aliased.masc", aliased)] {
        sandbox.write(name, text);
    }
    let place = |name: &str| sandbox.path().join(name);
    let mut client = Client::start(sandbox.path());
    client.open(&place("main.masc"), main);
    let used = position(main, main.find("[anchor").unwrap() + 1);

    let definition = client.at("textDocument/definition", &place("main.masc"), used);
    assert_eq!(definition["uri"], uri(&place("library.masc")));
    assert_eq!(definition["range"]["start"], json!({ "line": 1, "character": 8 }));
    // A name of the built-in library leads to a copy that can be read.
    let cheerer = position(main, main.rfind("cheerer").unwrap());
    let library_copy = client.at("textDocument/definition", &place("main.masc"), cheerer);
    let copy = PathBuf::from(library_copy["uri"].as_str().unwrap().strip_prefix("file://").unwrap());
    assert_eq!(read(&copy), read(&repository().join("stdlib/personas.masc")));
    let import = client.at("textDocument/definition", &place("main.masc"), position(main, main.find("./lib").unwrap()));
    assert_eq!(import["uri"], uri(&place("library.masc")));

    let mut params = at(&place("main.masc"), used);
    params["context"] = json!({ "includeDeclaration": true });
    let references = client.ask("textDocument/references", params);
    // Declared once; named in the import, the list and the variant here; in the import and by its alias twice there.
    assert_eq!(references.as_array().unwrap().len(), 1 + 3 + 3, "{references:#}");

    let mut params = at(&place("main.masc"), used);
    params["newName"] = json!("harbour");
    let edit = client.ask("textDocument/rename", params);
    let of = |name: &str, text: &str| edited(text, &edit["changes"][uri(&place(name))]);
    let renamed = [
        ("library.masc", of("library.masc", library)),
        ("main.masc", of("main.masc", main)),
        ("aliased.masc", of("aliased.masc", aliased)),
    ];
    assert!(renamed[2].1.contains("{ harbour as steady }") && renamed[2].1.contains("[steady]"), "{}", renamed[2].1);
    assert!(renamed[1].1.contains("crew.harbour.voice"), "{}", renamed[1].1);
    for (name, text) in &renamed {
        sandbox.write(name, text);
    }
    for (name, _) in &renamed {
        sandbox.mascot(&["check", name]).ended_with(0);
    }

    // What would not mean the same is refused, and says why.
    for (name, why) in [("crew", "crew"), ("no name", "is no name"), ("none", "a word of the language")] {
        let mut params = at(&place("main.masc"), used);
        params["newName"] = json!(name);
        let id = client.request("textDocument/rename", params);
        let answer = client.answer(id);
        assert!(answer["error"]["message"].as_str().unwrap().contains(why), "{answer}");
    }
    client.end();
}

#[test]
fn a_fix_that_is_chosen_mends_the_fault() {
    let sandbox = Sandbox::empty();
    let text = "masc 1\nmodel base { weights = random(arch: \"llama\") }\ndataset lines { source = jsonl(\"l\") }\nstage s = sft {\n  polcy = base\n  data = lines\n  epochs = 3\n}\n";
    let path = sandbox.path().join("a.masc");
    sandbox.write("a.masc", text);
    let mut client = Client::start(sandbox.path());
    client.open(&path, text);
    let told = client.diagnostics_of(&path, 1);
    assert!(told.iter().all(|one| one["source"] == "mascot" && one["severity"] == 1), "{told:?}");
    let range = told[0]["range"].clone();
    let actions = client.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": uri(&path) }, "range": range, "context": { "diagnostics": told } }),
    );
    let quick = actions.as_array().unwrap().iter().find(|one| one["kind"] == "quickfix").expect("a fix");
    let after = edited(text, &quick["edit"]["changes"][uri(&path)]);
    assert!(after.contains("  policy = base"), "{after}");
    let all = actions.as_array().unwrap().iter().find(|one| one["kind"] == "source.fixAll").expect("all fixes");
    let after = edited(text, &all["edit"]["changes"][uri(&path)]);
    client.change(&path, 2, &after);
    assert_eq!(faults(client.diagnostics_of(&path, 2)), Vec::<Value>::new(), "{after}");
    client.end();
}

#[test]
fn what_lint_tells_is_shown_mended_and_allowed() {
    let sandbox = Sandbox::empty();
    let text = "masc 1\nuse \"std/personas.masc\" { anchor, beacon }\nexperiment e \"E\" { seed = 1 }\nmodel m { weights = random(arch: \"llama\") }\ndataset d { source = jsonl(\"d.jsonl\") }\nstage s = sft for persona in [anchor] {\n  policy = m\n  data = d.test\n}\n";
    let path = sandbox.path().join("a.masc");
    sandbox.write("a.masc", text);
    let mut client = Client::start(sandbox.path());
    client.open(&path, text);
    let told = client.diagnostics_of(&path, 1);
    let of = |told: &[Value], code: &str| told.iter().find(|one| one["code"] == code).cloned();
    let (unused, split) = (of(&told, "M0970").expect("an import"), of(&told, "M0950").expect("a test split"));
    assert_eq!((&unused["severity"], &unused["tags"]), (&json!(2), &json!([1])), "a warning, shown pale");
    assert_eq!((&split["severity"], &split["tags"]), (&json!(2), &Value::Null));
    let mut actions_at = |found: &Value| {
        let context = json!({ "diagnostics": [found] });
        let params = json!({ "textDocument": { "uri": uri(&path) }, "range": found["range"], "context": context });
        client.ask("textDocument/codeAction", params).as_array().unwrap().clone()
    };
    let mends = actions_at(&unused);
    let after = edited(text, &mends[0]["edit"]["changes"][uri(&path)]);
    assert!(after.contains("{ anchor }"), "{after}");
    assert!(mends.iter().all(|one| one["kind"] == "quickfix"), "an import is not taken out on saving: {mends:#?}");
    let allows = actions_at(&split);
    assert_eq!(allows[0]["title"], "allow M0950 here, with a reason");
    let after = edited(text, &allows[0]["edit"]["changes"][uri(&path)]);
    assert!(after.contains("\n  # lint: allow M0950 \"\"\n  data = d.test\n"), "{after}");
    client.change(&path, 2, &after);
    let told = client.diagnostics_of(&path, 2);
    assert!(of(&told, "M0950").is_none() && of(&told, "M0901").is_some(), "a reason is asked for: {told:#?}");
    client.change(&path, 3, &after.replace("\"\"\n", "\"it has no other\"\n"));
    let told = client.diagnostics_of(&path, 3);
    assert!(of(&told, "M0950").is_none() && of(&told, "M0901").is_none(), "{told:#?}");
    // While something is wrong, that is told and nothing else.
    client.change(&path, 4, &text.replace("policy", "polcy"));
    let told = client.diagnostics_of(&path, 4);
    assert_eq!(told.iter().map(|one| one["code"].as_str().unwrap()).collect::<Vec<_>>(), ["M0402"], "{told:#?}");
    client.end();
}

#[test]
fn every_request_gets_one_answer_also_when_nobody_wants_it() {
    let sandbox = Sandbox::empty();
    let text = generated(2_000);
    let path = sandbox.path().join("large.masc");
    sandbox.write("large.masc", &text);
    let mut client = Client::start(sandbox.path());
    client.open(&path, &text);
    let mut asked = Vec::new();
    for version in 2..6 {
        client.change(&path, version, &format!("{text}# {version}\n"));
        asked.push(client.request("textDocument/hover", at(&path, (20, 4))));
        let mut references = at(&path, (20, 4));
        references["context"] = json!({ "includeDeclaration": true });
        asked.push(client.request("textDocument/references", references));
        let last = *asked.last().unwrap();
        client.tell("$/cancelRequest", json!({ "id": last }));
    }
    client.tell("$/cancelRequest", json!({ "id": 12_345 }));
    let nonsense = client.request("textDocument/noSuchThing", json!({}));
    let closed = client.request("textDocument/hover", at(&sandbox.path().join("closed.masc"), (0, 0)));
    for id in asked {
        let answer = client.answer(id);
        // Answered, cancelled, or overtaken by the next change.
        let code = answer["error"]["code"].as_i64();
        assert!(code.is_none() || matches!(code, Some(-32800 | -32801)), "{answer}");
    }
    assert_eq!(client.answer(nonsense)["error"]["code"], -32601);
    assert_eq!(client.answer(closed)["error"]["code"], -32602);
    assert_eq!(faults(client.diagnostics_of(&path, 5)), Vec::<Value>::new());
    client.end();
}

#[test]
fn the_server_ends_when_its_editor_does() {
    let sandbox = Sandbox::empty();
    let answer = sandbox.mascot(&["lsp"]);
    assert_eq!(answer.code, Some(2), "nobody spoke to it: {}", answer.err);
    assert!(answer.err.contains("docs/editors.md"), "{}", answer.err);
}

#[test]
fn hints_tell_defaults_and_seeds() {
    let sandbox = Sandbox::empty();
    let text = generated(60);
    let path = sandbox.path().join("a.masc");
    let mut client = Client::start(sandbox.path());
    client.open(&path, &text);
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 500, "character": 0 } });
    let hints = client.ask("textDocument/inlayHint", json!({ "textDocument": { "uri": uri(&path) }, "range": range }));
    let labels: Vec<&str> = hints.as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap()).collect();
    assert!(labels.iter().any(|one| one.contains("unless said: batch 8")), "{labels:?}");
    // The seed that the plan gives to the task.
    sandbox.write("a.masc", &text);
    sandbox.write("lines.jsonl", "");
    let seed = labels.iter().find_map(|one| one.strip_prefix(" seed ")).expect("a seed").to_owned();
    assert!(seed.parse::<u64>().is_ok(), "{seed}");
    client.end();
}
