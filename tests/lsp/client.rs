//! An editor without a screen: speaks the Language Server Protocol with the real binary over its pipes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// No answer takes as long, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    child: Child,
    input: ChildStdin,
    heard: Receiver<Value>,
    next: i64,
    /// What was last said of each file, by address.
    pub diagnostics: BTreeMap<String, Value>,
    /// `window/showMessage`: panics are told there.
    pub told: Vec<String>,
    pub capabilities: Value,
}

pub fn uri(path: &Path) -> String {
    format!("file://{}", path.canonicalize().unwrap_or_else(|_| path.to_owned()).display())
}

impl Client {
    /// As an editor that can do all that is asked of it.
    pub fn start(folder: &Path) -> Self {
        Self::able(
            folder,
            &json!({ "textDocument": {
                "completion": { "completionItem": { "snippetSupport": true } },
                "hover": { "contentFormat": ["markdown", "plaintext"] },
                "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
                "publishDiagnostics": { "relatedInformation": true },
            } }),
        )
    }

    pub fn able(folder: &Path, capabilities: &Value) -> Self {
        let cache = folder.join(".cache");
        let mut child = Command::new(env!("CARGO_BIN_EXE_mascot"))
            .arg("lsp")
            .current_dir(folder)
            .env("XDG_CACHE_HOME", cache)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut client = Self {
            child,
            input,
            heard,
            next: 0,
            diagnostics: BTreeMap::new(),
            told: Vec::new(),
            capabilities: Value::Null,
        };
        let answer = client.ask(
            "initialize",
            json!({
                "processId": null,
                "workspaceFolders": [{ "uri": uri(folder), "name": "test" }],
                "capabilities": capabilities,
            }),
        );
        client.capabilities = answer["capabilities"].clone();
        client.tell("initialized", json!({}));
        client
    }

    pub fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.input.flush().unwrap();
    }

    pub fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request, and does not wait for its answer.
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The whole answer to a request: `result` or `error`.
    #[track_caller]
    pub fn answer(&mut self, id: i64) -> Value {
        loop {
            let message = self.hear();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// The result; an error is a failure of the test.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params.clone());
        let answer = self.answer(id);
        assert!(answer.get("error").is_none_or(Value::is_null), "{method} {params}: {answer}");
        answer["result"].clone()
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        let message = self.heard.recv_timeout(PATIENCE).expect("the server says something");
        match message["method"].as_str() {
            Some("textDocument/publishDiagnostics") => {
                let of = message["params"]["uri"].as_str().unwrap().to_owned();
                self.diagnostics.insert(of, message["params"].clone());
            }
            Some("window/showMessage") => self.told.push(message["params"]["message"].as_str().unwrap().to_owned()),
            _ => {}
        }
        message
    }

    pub fn open(&mut self, path: &Path, text: &str) {
        let document = json!({ "uri": uri(path), "languageId": "masc", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    pub fn change(&mut self, path: &Path, version: i64, text: &str) {
        let document = json!({ "uri": uri(path), "version": version });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [{ "text": text }] }));
    }

    pub fn close(&mut self, path: &Path) {
        self.tell("textDocument/didClose", json!({ "textDocument": { "uri": uri(path) } }));
    }

    /// What is wrong with a file, in the version that is shown. Waits until it is told.
    #[track_caller]
    pub fn diagnostics_of(&mut self, path: &Path, version: i64) -> Vec<Value> {
        let of = uri(path);
        while self.diagnostics.get(&of).is_none_or(|told| told["version"].as_i64().unwrap_or(0) < version) {
            self.hear();
        }
        self.diagnostics[&of]["diagnostics"].as_array().unwrap().clone()
    }

    #[track_caller]
    pub fn at(&mut self, method: &str, path: &Path, position: (u32, u32)) -> Value {
        self.ask(method, at(path, position))
    }

    /// Ends the session as the protocol has it.
    #[track_caller]
    pub fn end(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert_eq!(self.told, Vec::<String>::new());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn at(path: &Path, (line, character): (u32, u32)) -> Value {
    json!({ "textDocument": { "uri": uri(path) }, "position": { "line": line, "character": character } })
}

fn read(from: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => {
                if let Some(number) = header.strip_prefix("Content-Length: ") {
                    length = number.parse().ok()?;
                }
            }
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// Line and column, in UTF-16, of the byte at `offset`.
pub fn position(text: &str, offset: usize) -> (u32, u32) {
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    (text[..offset].matches('\n').count() as u32, text[start..offset].encode_utf16().count() as u32)
}

/// The byte at a position of the protocol.
pub fn offset(text: &str, position: &Value) -> usize {
    let (line, column) =
        (position["line"].as_u64().unwrap() as usize, position["character"].as_u64().unwrap() as usize);
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
    let mut units = 0;
    for (at, character) in text[start..].char_indices() {
        if units >= column {
            return start + at;
        }
        units += character.len_utf16();
    }
    text.len()
}

/// A text with the edits of an answer put into it.
pub fn edited(text: &str, edits: &Value) -> String {
    let mut all: Vec<(usize, usize, &str)> = edits
        .as_array()
        .unwrap()
        .iter()
        .map(|edit| {
            let (start, end) = (&edit["range"]["start"], &edit["range"]["end"]);
            (offset(text, start), offset(text, end), edit["newText"].as_str().unwrap())
        })
        .collect();
    all.sort_unstable();
    let mut text = text.to_owned();
    for (start, end, new) in all.into_iter().rev() {
        text.replace_range(start..end, new);
    }
    text
}

/// A program of about `lines` lines that checks clean: personas, and for each a stage, a rubric's criterion, a variant.
pub fn generated(lines: usize) -> String {
    // A companion takes 26 lines.
    let count = lines / 26 + 1;
    let mut text = "masc 1\n\nexperiment large \"A large one\" {\n  seed = 7\n}\n\nmodel base {\n  weights = random(arch: \"llama\")\n}\n\n\
                    dataset said {\n  source = jsonl(\"lines.jsonl\")\n}\n\nparam rate: float = 1e-4 \"how fast\"\n\n"
        .to_owned();
    for number in 0..count {
        text += &format!(
            "## Companion {number}.\npersona one_{number} \"The One {number}\" {{\n  role = \"Listener {number}\"\n  voice = \"\"\"md\n    \
             You are {{{{char}}}}. You listen to {{{{user}}}}, and you say what you heard.\n    You never hurry.\n    \"\"\"\n  \
             never = [\"advise\", \"hurry\"]\n  example {{ given = \"We moved again.\"; says = \"Again, and so soon.\" }}\n}}\n\n\
             let crew_{number} = [one_{number}]\n\nstage tuned_{number} = sft for persona in crew_{number} {{\n  policy = base\n  \
             data = said\n  epochs = 2 epochs\n  lr = rate\n  adapter = lora(rank: 8, targets: [q, v])\n}}\n\n\
             variant bare_{number} {{\n  crew_{number}.*.voice = none\n  tuned_{number}.lr = 1e-3\n}}\n\n"
        );
    }
    text
}

/// Where the samples of the design lie, when they lie beside this checkout.
pub fn samples(repository: &Path) -> Option<PathBuf> {
    let beside = repository.ancestors().map(|folder| folder.join("shared/design/samples"));
    beside.into_iter().find(|folder| folder.is_dir())
}
