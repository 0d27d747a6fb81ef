//! A project as it changes: files that come and go, a root that holds, names over all of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::client::{Client, at, position, uri};
use super::{faults, read};
use crate::house::Sandbox;

const LIBRARY: &str = "masc 1\npersona anchor \"The Anchor\" { role = \"listener\" }\n";

/// Created is 1, changed 2, deleted 3.
fn watched(client: &mut Client, path: &Path, kind: u8) {
    client.tell("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri(path), "type": kind }] }));
}

/// Waits until a file is told of with so many faults.
#[track_caller]
fn until(client: &mut Client, path: &Path, count: usize) -> Vec<Value> {
    loop {
        let told = faults(client.diagnostics_of(path, 0));
        if told.len() == count {
            return told;
        }
        client.diagnostics.remove(&uri(path));
    }
}

fn refusal(client: &mut Client, path: &Path, place: (u32, u32), name: &str) -> String {
    let mut params = at(path, place);
    params["newName"] = json!(name);
    let id = client.request("textDocument/rename", params);
    let answer = client.answer(id);
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{name} is refused: {answer}")).to_owned()
}

#[test]
fn what_was_missing_is_seen_when_it_comes() {
    let sandbox = Sandbox::empty();
    let place = |name: &str| sandbox.path().join(name);
    let main = "masc 1\nuse \"./deep/new.masc\" { anchor }\npersona fox \"The Fox\" { role = \"sly\"; voice = text(\"fox.prompt\") }\nlet crew = [anchor, fox]\n";
    sandbox.write("main.masc", main);
    let mut client = Client::start(sandbox.path());
    client.open(&place("main.masc"), main);
    assert_eq!(until(&mut client, &place("main.masc"), 2).len(), 2);
    // A folder comes, with what is in it.
    sandbox.write("deep/new.masc", LIBRARY);
    watched(&mut client, &place("deep"), 1);
    until(&mut client, &place("main.masc"), 1);
    // A text may be called anything.
    sandbox.write("fox.prompt", "You are {{char}}.\n");
    watched(&mut client, &place("fox.prompt"), 1);
    until(&mut client, &place("main.masc"), 0);
    let definition =
        client.at("textDocument/definition", &place("main.masc"), position(main, main.find("anchor").unwrap()));
    assert_eq!(definition["uri"], uri(&place("deep/new.masc")));
    std::fs::remove_file(place("deep/new.masc")).unwrap();
    watched(&mut client, &place("deep/new.masc"), 3);
    until(&mut client, &place("main.masc"), 1);
    // A buffer that was never saved is there too.
    client.open(&place("deep/new.masc"), LIBRARY);
    until(&mut client, &place("main.masc"), 0);
    client.end();
}

#[test]
fn the_root_holds_also_for_what_is_open() {
    let sandbox = Sandbox::empty();
    let place = |name: &str| sandbox.path().join(name);
    sandbox.write("outside/o.masc", LIBRARY);
    sandbox.write("root/mascot.lock", "");
    std::os::unix::fs::symlink(place("outside/o.masc"), place("root/link.masc")).unwrap();
    let main = "masc 1\nuse \"../outside/o.masc\" { anchor }\nuse \"./link.masc\" { anchor as other }\n";
    sandbox.write("root/main.masc", main);
    let mut client = Client::start(&place("root"));
    client.open(&place("outside/o.masc"), LIBRARY);
    client.open(&place("root/main.masc"), main);
    client.change(&place("root/main.masc"), 2, &format!("{main}# more\n"));
    let told = faults(client.diagnostics_of(&place("root/main.masc"), 2));
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|one| one["message"].as_str().unwrap().contains("leaves the project's root")), "{told:#?}");
    client.end();
}

#[test]
fn faults_of_what_is_imported_are_told_where_they_are() {
    let sandbox = Sandbox::empty();
    let place = |name: &str| sandbox.path().join(name);
    let (wrong, main) =
        (LIBRARY.replace("role", "rolle"), "masc 1\nuse \"./library.masc\" { anchor }\nlet crew = [anchor]\n");
    sandbox.write("library.masc", &wrong);
    sandbox.write("main.masc", main);
    let mut client = Client::start(sandbox.path());
    client.open(&place("main.masc"), main);
    let told = until(&mut client, &place("library.masc"), 1);
    assert!(told[0]["message"].as_str().unwrap().contains("rolle"), "{told:#?}");
    sandbox.write("library.masc", LIBRARY);
    watched(&mut client, &place("library.masc"), 2);
    until(&mut client, &place("library.masc"), 0);
    // It lies in the workspace, so it may be asked about without being opened.
    let symbols =
        client.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri(&place("library.masc")) } }));
    assert_eq!(symbols[0]["name"], "anchor", "{symbols}");
    client.end();
}

#[test]
fn a_name_of_the_library_is_found_in_every_file_and_renamed_in_none() {
    let sandbox = Sandbox::empty();
    let place = |name: &str| sandbox.path().join(name);
    let (a, b) = (
        "masc 1\nuse \"std/judges.masc\" { encoder }\nlet x = [encoder]\n",
        "masc 1\nuse \"std/judges.masc\" { encoder }\nlet y = [encoder]\n",
    );
    sandbox.write("a.masc", a);
    sandbox.write("b.masc", b);
    let mut client = Client::start(sandbox.path());
    client.open(&place("a.masc"), a);
    let spot = position(a, a.find("encoder").unwrap());
    let references = |client: &mut Client, path: &Path, spot: (u32, u32)| {
        let mut params = at(path, spot);
        params["context"] = json!({ "includeDeclaration": true });
        let all = client.ask("textDocument/references", params);
        let of = |name: &str| all.as_array().unwrap().iter().filter(|one| one["uri"] == uri(&place(name))).count();
        (of("a.masc"), of("b.masc"), all.as_array().unwrap().len())
    };
    assert_eq!(references(&mut client, &place("a.masc"), spot), (2, 2, 5));
    // The same from the copy that can be read; to rename there would change nothing that is used.
    let declared = client.at("textDocument/definition", &place("a.masc"), spot);
    let copy = PathBuf::from(declared["uri"].as_str().unwrap().strip_prefix("file://").unwrap());
    client.open(&copy, &read(&copy));
    let line = declared["range"]["start"]["line"].as_u64().unwrap() as u32;
    let column = declared["range"]["start"]["character"].as_u64().unwrap() as u32;
    let (in_a, in_b, _) = references(&mut client, &copy, (line, column));
    assert_eq!((in_a, in_b), (2, 2));
    assert!(refusal(&mut client, &copy, (line, column), "other").contains("built in"));
    client.end();
}

#[test]
fn a_rename_that_would_be_half_done_or_mean_something_else_is_refused() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path().join("a.masc");
    let text = "masc 1\nmodel base { weights = random(arch: \"llama\") }\ndataset lines { source = jsonl(\"l\") }\n\
                persona anchor \"A\" { role = \"base\"; adapter = lora(rank: 4) }\nlet crew = [anchor]\n\
                stage s = sft for persona in crew {\n  policy = base\n  data = lines\n  adapter = persona.adapter\n  epochs = 3 epochs\n}\n";
    sandbox.write("a.masc", text);
    let mut client = Client::start(sandbox.path());
    client.open(&path, text);
    let spot = |text: &str, word: &str| position(text, text.find(word).unwrap());
    for (word, name, why) in [
        ("persona in", "crew", "`crew` is taken: it is declared in a.masc:5"),
        ("crew =", "persona", "in the stage `s` it is the member's persona (a.masc:6)"),
        ("base {", "lines", "`lines` is taken: it is declared in a.masc:3"),
        ("base {", "in", "`in` is a word of the language"),
        ("base {", "a b", "is no name"),
    ] {
        let told = refusal(&mut client, &path, spot(text, word), name);
        assert!(told.contains(why), "{told}");
    }
    let aliased = text.replace("masc 1\n", "masc 1\nuse \"std/personas.masc\" { beacon as other }\n");
    client.change(&path, 6, &aliased);
    let told = refusal(&mut client, &path, spot(&aliased, "other"), "crew");
    assert!(told.contains("`crew` is taken: it is declared in a.masc:6"), "{told}");
    let told = refusal(&mut client, &path, spot(&aliased, "base {"), "other");
    assert!(told.contains("`other` is taken: `beacon` is called so here"), "{told}");
    // In a text, `base` is no mention; in an entry that is not understood it is.
    for (version, wrong) in [(7, "polcy = base"), (8, "policy base"), (9, "policy = base +"), (10, "policy = [base")] {
        let text = text.replace("policy = base", wrong);
        client.change(&path, version, &text);
        let told = refusal(&mut client, &path, spot(&text, "base {"), "core");
        assert!(told.contains("`base` is said in a.masc:7 too"), "{wrong}: {told}");
    }
    // Also where the whole item cannot be read, on the left of a sign.
    let lost = format!("{text}wide {{\n  grid {{ base.dtype = [f32] }}\n}}\n");
    client.change(&path, 11, &lost);
    assert!(refusal(&mut client, &path, spot(&lost, "base {"), "core").contains("a.masc:13 too"));
    let elsewhere = text.replace("epochs = 3 epochs", "epchs = 3 epochs");
    client.change(&path, 12, &elsewhere);
    let mut params = at(&path, spot(&elsewhere, "base {"));
    params["newName"] = json!("core");
    let edit = client.ask("textDocument/rename", params);
    assert_eq!(edit["changes"][uri(&path)].as_array().unwrap().len(), 2, "{edit}");
    client.end();
}

#[test]
fn an_editor_that_can_little_gets_what_it_can_show() {
    let sandbox = Sandbox::empty();
    let path = sandbox.path().join("a.masc");
    let text = "masc 1\nuse \"./li\"\nrubric r \"R\" {\n  criterion c \"C\" 100%\n}\npersona a \"A\" {\n  role = \n}\npersona a \"B\" { role = \"x\" }\n";
    sandbox.write("deep/library.masc", LIBRARY);
    sandbox.write("a.masc", text);
    let mut client = Client::able(sandbox.path(), &json!({}));
    client.open(&path, text);
    let told = client.diagnostics_of(&path, 1);
    assert!(told.iter().all(|one| one.get("relatedInformation").is_none()), "{told:#?}");
    let symbols = client.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri(&path) } }));
    let of = |name: &str| symbols.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(of("c")["containerName"], "r");
    assert_eq!(of("r")["location"]["uri"], uri(&path));
    let hover = client.at("textDocument/hover", &path, position(text, text.find("r \"R\"").unwrap()));
    assert_eq!(hover["contents"]["kind"], "plaintext");
    assert!(!hover["contents"]["value"].as_str().unwrap().contains('`'), "{hover}");
    let mut taken = |at: usize, label: &str| {
        let all = client.at("textDocument/completion", &path, position(text, at));
        let one =
            all.as_array().unwrap().iter().find(|one| one["label"] == label).unwrap_or_else(|| panic!("{all:#?}"));
        one["textEdit"]["newText"].as_str().unwrap().to_owned()
    };
    let value = text.find("role = \n").unwrap() + 7;
    assert_eq!(taken(value, "\"…\""), "\"\"");
    assert_eq!(taken(value, "text"), "text");
    assert_eq!(taken(text.find("./li").unwrap() + 4, "./deep/library.masc"), "./deep/library.masc");
    // A session begins once.
    let id = client.request("initialize", json!({ "capabilities": {} }));
    assert_eq!(client.answer(id)["error"]["code"], -32600);
    client.end();
}

#[test]
fn an_editor_that_leaves_before_it_begins_is_no_fault() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let say = |messages: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mascot"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        for message in messages {
            write!(input, "Content-Length: {}\r\n\r\n{message}", message.len()).unwrap();
        }
        drop(input);
        let ended = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ended.status.code(), text(ended.stdout), text(ended.stderr))
    };
    let hover = r#"{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{}}"#;
    let (code, out, err) = say(&[hover, r#"{"jsonrpc":"2.0","method":"exit"}"#]);
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert!(out.contains("-32002") && out.contains("`initialize` comes first"), "{out}");
    let (code, _, err) = say(&["{nonsense"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("no message"), "{err}");
}
