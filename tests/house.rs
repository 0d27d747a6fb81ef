//! What the tests share: the repository, a sandbox with a copy of its experiments, and the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `folder` with this extension, sorted.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|one| one == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// How a call of the binary ended.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Answer {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}\n{}\n{}", self.out, self.err))
    }

    /// Panics with everything that was printed unless the call ended with `code`.
    #[track_caller]
    pub fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }
}

/// The binary, to be run in `folder`.
pub fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mascot"));
    command.current_dir(folder).args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

pub fn mascot(folder: &Path, args: &[&str]) -> Answer {
    Answer::of(&command(folder, args).output().unwrap())
}

/// A project of its own: a copy of `experiments/`, a root marker, nothing else.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

pub const QUICKSTART: &str = "experiments/quickstart.masc";

impl Sandbox {
    pub fn new() -> Self {
        let sandbox = Self::empty();
        copy(&repository().join("experiments"), &sandbox.path().join("experiments"));
        sandbox
    }

    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Replaces the one place where `from` stands.
    #[track_caller]
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert_eq!(text.matches(from).count(), 1, "{from:?} must stand once in {name}");
        self.write(name, &text.replacen(from, to, 1));
    }

    pub fn mascot(&self, args: &[&str]) -> Answer {
        mascot(self.path(), args)
    }

    /// A run with the fake engine, as its `--json` document.
    #[track_caller]
    pub fn rehearse(&self, file: &str) -> Value {
        self.mascot(&["run", file, "--engine", "fake", "--json"]).ended_with(0).json()
    }

    /// A plan for the fake engine.
    #[track_caller]
    pub fn plan(&self, file: &str) -> Value {
        self.mascot(&["plan", file, "--engine", "fake", "--json"]).ended_with(0).json()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &place);
        } else if path.extension().is_none_or(|extension| extension != "html") {
            fs::copy(&path, &place).unwrap();
        }
    }
}

/// Ids of tasks whose `field` is `value`, sorted.
pub fn ids(document: &Value, field: &str, value: &str) -> Vec<String> {
    let tasks = document["tasks"].as_array().unwrap().iter().filter(|task| task[field] == value);
    let mut ids: Vec<String> = tasks.map(|task| task["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// Panics unless `value` is an object with at least these keys.
#[track_caller]
pub fn has(value: &Value, keys: &[&str]) {
    let object = value.as_object().unwrap_or_else(|| panic!("an object is expected, not {value}"));
    for key in keys {
        assert!(object.contains_key(*key), "`{key}` is missing in {value}");
    }
}
