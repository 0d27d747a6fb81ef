//! The language as its contract describes it, tried from outside: programs and the diagnostics that they deserve, odd programs that
//! are right, edits and what they mean, verbs and what they print.
//!
//! The cases were written from the text alone, before the code was read or run; each names the paragraph that implies it. They
//! are in `tests/contract/*.case`, whose format [`read`] tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::house::{Answer, Sandbox, command, files, repository};
use read::{Case, Expected, Fault, Step};

#[path = "contract/read.rs"]
mod read;

#[test]
fn faults_are_told_where_and_as_the_text_says() {
    every_case_of("faults");
}

#[test]
fn odd_programs_that_are_right_check_clean() {
    every_case_of("clean");
}

#[test]
fn edits_have_the_class_the_reruns_and_the_verdict_of_the_text() {
    every_case_of("diff");
}

#[test]
fn verbs_print_and_end_as_the_text_says() {
    every_case_of("verbs");
}

#[test]
fn no_case_file_is_forgotten() {
    let found: Vec<_> = files(&repository().join("tests/contract"), "case");
    assert_eq!(found.len(), 4, "each file has a test: {found:?}");
}

/// Runs the cases of a file, and tells all that differ at once.
fn every_case_of(name: &str) {
    let path = repository().join(format!("tests/contract/{name}.case"));
    let cases = read::cases(&fs::read_to_string(&path).unwrap());
    let half = cases.len().div_ceil(2);
    let told: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = cases
            .chunks(half)
            .map(|some| scope.spawn(move || some.iter().filter_map(mismatch).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(told.is_empty(), "{} of {} cases of {name}.case differ\n\n{}", told.len(), cases.len(), told.join("\n\n"));
}

fn mismatch(case: &Case) -> Option<String> {
    if !cfg!(feature = "engine") && case.steps.iter().any(|step| matches!(step, Step::With(what) if what == "engine")) {
        return None;
    }
    let mut stage = Bench::default();
    let wrong: Vec<String> = case.steps.iter().flat_map(|step| stage.perform(step)).collect();
    let implied = match (stage.called, stage.files.contains_key("main.masc")) {
        (false, true) => stage.check(&["main.masc".to_owned()]),
        _ => Vec::new(),
    };
    let wrong: Vec<String> = wrong.into_iter().chain(implied).collect();
    let short = |text: &String| text.chars().take(600).collect::<String>();
    let wrong: Vec<String> = wrong.iter().map(short).collect();
    (!wrong.is_empty()).then(|| format!("== {} (line {})\n{}", case.title, case.line, wrong.join("\n")))
}

/// A case's folder and what is expected of the files in it.
#[derive(Default)]
struct Bench<'a> {
    files: BTreeMap<String, Vec<u8>>,
    old: Vec<&'a Step>,
    new: Vec<&'a Step>,
    faults: Vec<(&'a str, &'a Fault)>,
    stdin: Option<&'a str>,
    sandbox: Option<Sandbox>,
    called: bool,
}

impl<'a> Bench<'a> {
    fn perform(&mut self, step: &'a Step) -> Vec<String> {
        match step {
            Step::With(_) => {}
            Step::From(base) => self.from(base),
            Step::File { name, text, faults } => {
                self.put(name, text.clone().into_bytes());
                self.faults.extend(faults.iter().map(|fault| (name.as_str(), fault)));
            }
            Step::Bytes { name, bytes } => self.put(name, bytes.clone()),
            Step::Copy(from, to) => {
                let bytes = self.now(from);
                self.put(to, bytes);
            }
            // Both sides of a diff begin with the files above.
            Step::Edit { old_side: true, .. } => self.old.push(step),
            Step::Edit { name, .. } | Step::Recode { name, .. } => {
                self.new.push(step);
                if self.sandbox.is_some() || name == "next.masc" {
                    self.new.pop();
                    let mut bytes = self.now(name);
                    change(&mut bytes, step);
                    self.put(name, bytes);
                }
            }
            Step::Stdin(text) => self.stdin = Some(text),
            Step::Check(args) => return self.check(args),
            Step::Diff { file, class, verdict, reruns, changes, count } => {
                self.called = true;
                if self.files.is_empty() {
                    self.from("study");
                }
                let told = self.diff(file);
                return of_a_diff(&told, class, verdict, changes, *count, &self.ids(file, reruns));
            }
            Step::Call { args, expected } => {
                self.called = true;
                return self.call(args, expected);
            }
        }
        Vec::new()
    }

    fn from(&mut self, base: &str) {
        for path in files(&repository().join("tests/contract/bases").join(base), "masc") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            self.put(&name, fs::read(&path).unwrap());
        }
    }

    fn put(&mut self, name: &str, bytes: Vec<u8>) {
        if let Some(sandbox) = &self.sandbox {
            fs::write(sandbox.path().join(name), &bytes).unwrap();
        }
        self.files.insert(name.to_owned(), bytes);
    }

    /// A file as it is now: a call may have written it.
    fn now(&self, name: &str) -> Vec<u8> {
        match &self.sandbox {
            Some(sandbox) => fs::read(sandbox.path().join(name)).unwrap(),
            None => self.files[name].clone(),
        }
    }

    /// The folder with the files and their edits, made when first needed.
    fn folder(&mut self) -> &Sandbox {
        if self.sandbox.is_none() {
            let sandbox = Sandbox::empty();
            lay(&sandbox, "", &self.files, &self.new);
            self.sandbox = Some(sandbox);
        }
        self.sandbox.as_ref().expect("just made")
    }

    fn run(&mut self, args: &[String]) -> Answer {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let stdin = self.stdin.take();
        let mut command = command(self.folder().path(), &args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(stdin.unwrap_or_default().as_bytes()).unwrap();
        drop(pipe);
        Answer::of(&child.wait_with_output().unwrap())
    }

    fn check(&mut self, args: &[String]) -> Vec<String> {
        self.called = true;
        let call: Vec<String> = ["check"].iter().map(|&one| one.to_owned()).chain(args.to_vec()).collect();
        let answer = self.run(&[call, vec!["--json".to_owned()]].concat());
        let Ok(told) = serde_json::from_str::<Value>(&answer.out) else {
            return vec![format!("no document: {}{}", answer.out, answer.err)];
        };
        of_a_check(&told["diagnostics"], &self.faults, answer.code)
    }

    /// `diff` of the two sides, each in a folder of its own.
    fn diff(&mut self, file: &str) -> Value {
        let sandbox = Sandbox::empty();
        lay(&sandbox, "a/", &self.files, &self.old);
        lay(&sandbox, "b/", &self.files, &self.new);
        let answer = sandbox.mascot(&["diff", &format!("a/{file}"), &format!("b/{file}"), "--json"]);
        self.sandbox = Some(sandbox);
        if answer.code == Some(0) { answer.json() } else { Value::String(answer.out + &answer.err) }
    }

    /// The ids that a line of re-runs means.
    fn ids(&self, file: &str, reruns: &str) -> BTreeSet<String> {
        let sandbox = self.sandbox.as_ref().expect("diff made it");
        let planned = sandbox.mascot(&["plan", &format!("b/{file}"), "--engine", "fake", "--json"]);
        let planned: Value = serde_json::from_str(&planned.out).unwrap_or_default();
        let all: BTreeSet<String> = each(&planned, "/tasks/*/id").iter().map(plain).collect();
        let named = |words: &str| -> BTreeSet<String> {
            let of = |word: &str| -> Vec<String> {
                let stage = word.strip_suffix('*');
                let meant = |id: &&String| stage.is_some_and(|stage| id.starts_with(stage));
                if stage.is_none() { vec![word.to_owned()] } else { all.iter().filter(meant).cloned().collect() }
            };
            words.split_whitespace().flat_map(of).collect()
        };
        match reruns.strip_prefix("all") {
            _ if reruns == "same" => BTreeSet::new(),
            Some("") => all,
            Some(rest) => all.difference(&named(rest.trim().strip_prefix("but").unwrap())).cloned().collect(),
            None => named(reruns),
        }
    }

    fn call(&mut self, args: &[String], expected: &[Expected]) -> Vec<String> {
        let answer = self.run(args);
        let document: Value = serde_json::from_str(&answer.out).unwrap_or_default();
        let missed = expected.iter().filter_map(|one| self.of_a_call(one, &answer, &document));
        missed.map(|why| format!("$ {}\n  {why}", args.join(" "))).collect()
    }

    fn of_a_call(&self, expected: &Expected, answer: &Answer, document: &Value) -> Option<String> {
        match expected {
            Expected::Code(codes) => (!answer.code.is_some_and(|code| codes.contains(&code)))
                .then(|| format!("ended with {:?}, not {codes:?}\n{}{}", answer.code, answer.out, answer.err)),
            Expected::At { path, how, what } => {
                let found = each(document, path);
                (!holds(&found, how, what)).then(|| {
                    let shown = serde_json::to_string(&found).unwrap();
                    format!("{path} {how} {what}: {}", if found.is_empty() { document.to_string() } else { shown })
                })
            }
            Expected::Text { stream, how, what } => {
                let text = match stream.as_str() {
                    "out" => answer.out.clone(),
                    "err" => answer.err.clone(),
                    _ => format!("{}{}", answer.out, answer.err),
                };
                (text.contains(what.as_str()) != (how == "has")).then(|| format!("{stream} {how} {what}:\n{text}"))
            }
            Expected::Whole { name, text } => {
                let now = match name {
                    Some(name) => String::from_utf8(self.now(name)).unwrap(),
                    None => answer.out.clone(),
                };
                (now != *text).then(|| format!("{}:\n{now}", name.as_deref().unwrap_or("out")))
            }
        }
    }
}

/// Writes the files below `folder`, edited.
fn lay(sandbox: &Sandbox, folder: &str, files: &BTreeMap<String, Vec<u8>>, edits: &[&Step]) {
    let mut files = files.clone();
    for step in edits {
        let (Step::Edit { name, .. } | Step::Recode { name, .. }) = step else { unreachable!("only edits are kept") };
        change(files.get_mut(name).unwrap_or_else(|| panic!("no file {name}")), step);
    }
    for (name, bytes) in &files {
        let path = sandbox.path().join(folder).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn change(bytes: &mut Vec<u8>, step: &Step) {
    let text = String::from_utf8(bytes.clone()).unwrap();
    let made = match step {
        Step::Edit { from, to, everywhere, name, .. } => {
            let times = text.matches(from.as_str()).count();
            assert!(times == 1 || (*everywhere && times > 0), "{from:?} stands {times} times in {name}");
            text.replace(from.as_str(), to)
        }
        Step::Recode { how, .. } => match how.as_str() {
            "crlf" => text.replace('\n', "\r\n"),
            "bom" => format!("\u{feff}{text}"),
            _ => text.trim_end_matches('\n').to_owned(),
        },
        _ => unreachable!("no edit"),
    };
    *bytes = made.into_bytes();
}

/// Diagnostics told are those expected: as many, there, with these words.
fn of_a_check(told: &Value, expected: &[(&str, &Fault)], code: Option<i32>) -> Vec<String> {
    let mut left: Vec<&Value> = told.as_array().unwrap().iter().collect();
    let mut wrong = Vec::new();
    for (file, fault) in expected {
        let at = left.iter().position(|one| {
            one["file"].as_str().is_some_and(|name| name.ends_with(file))
                && one["line"] == fault.line
                && one["severity"] == fault.severity
        });
        let Some(at) = at else {
            wrong.push(format!("  no {} at {file}:{}", fault.severity, fault.line));
            continue;
        };
        let one = left.remove(at);
        let text = one.to_string();
        let missing: Vec<&String> = fault.words.iter().filter(|word| !text.contains(word.as_str())).collect();
        if !missing.is_empty() {
            wrong.push(format!("  {file}:{} does not name {missing:?}: {text}", fault.line));
        }
    }
    let short = |one: &Value| format!("{}:{}: {} {}", one["file"], one["line"], one["code"], one["message"]);
    wrong.extend(left.iter().map(|one| format!("  not expected: {}", short(one))));
    let errors = expected.iter().any(|(_, fault)| fault.severity == "error");
    if code != Some(i32::from(errors)) {
        wrong.push(format!("  ended with {code:?}"));
    }
    wrong
}

fn of_a_diff(
    told: &Value,
    class: &str,
    verdict: &str,
    changes: &[Vec<String>],
    count: Option<usize>,
    reruns: &BTreeSet<String>,
) -> Vec<String> {
    if let Value::String(failed) = told {
        return vec![format!("  diff failed: {failed}")];
    }
    let mut wrong = Vec::new();
    if class != "?" && told["class"] != class {
        wrong.push(format!("  class {}, not {class}", told["class"]));
    }
    if told["verdict"] != verdict {
        wrong.push(format!("  verdict {}, not {verdict}", told["verdict"]));
    }
    let found: BTreeSet<String> = each(told, "/reruns/*").iter().map(plain).collect();
    if found != *reruns {
        let (less, more): (Vec<_>, Vec<_>) = (reruns.difference(&found).collect(), found.difference(reruns).collect());
        wrong.push(format!("  reruns: not told {less:?}, told besides {more:?}"));
    }
    let all = told["changes"].as_array().unwrap();
    for change in changes {
        let at =
            |value: &Value, want: Option<&String>| want.is_none_or(|want| want.is_empty() || plain(value) == *want);
        let like = all.iter().any(|one| {
            at(&one["entity"], change.first())
                && at(&one["field"], change.get(1))
                && at(&one["class"], change.get(2))
                && at(&one["from"], change.get(3))
                && at(&one["to"], change.get(4))
        });
        if !like {
            wrong.push(format!("  no change {change:?}"));
        }
    }
    if count.is_some_and(|count| count != all.len()) || (verdict != "identical" && all.is_empty()) {
        wrong.push(format!("  {} changes", all.len()));
    }
    if !wrong.is_empty() {
        wrong.push(format!("  {}", told["changes"]));
    }
    wrong
}

/// The values at a path: `*` is every entry of a list, `[field=value]` those that have it.
fn each(document: &Value, path: &str) -> Vec<Value> {
    let mut at = vec![document.clone()];
    for part in split(path) {
        let entries = |value: &Value| value.as_array().cloned().unwrap_or_default();
        at = match part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(test) => {
                let (field, want) = test.split_once('=').unwrap();
                at.iter().flat_map(entries).filter(|one| plain(&one[field]) == want).collect()
            }
            None if part == "*" => at.iter().flat_map(entries).collect(),
            None => at
                .iter()
                .filter_map(|value| match part.parse::<usize>() {
                    Ok(index) => value.get(index),
                    Err(_) => value.get(part),
                })
                .cloned()
                .collect(),
        };
    }
    at
}

/// The parts of a path: a slash in brackets parts nothing.
fn split(path: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 1, 0);
    for (at, sign) in path.char_indices().skip(1) {
        match sign {
            '[' => depth += 1,
            ']' => depth -= 1,
            '/' if depth == 0 => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    parts
}

fn holds(found: &[Value], how: &str, what: &str) -> bool {
    match (how, found) {
        ("is", _) if what == "absent" => found.is_empty(),
        ("is", _) if what == "some" => found.iter().any(|value| !value.is_null() && value.as_str() != Some("")),
        ("is", [value]) => serde_json::from_str::<Value>(what).unwrap() == *value,
        ("has", _) => found.iter().any(|value| value.to_string().contains(what)),
        ("lacks", _) => !found.iter().any(|value| value.to_string().contains(what)),
        ("set", _) => {
            let flat = found.iter().flat_map(|value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]));
            flat.map(|value| plain(&value)).collect::<BTreeSet<_>>()
                == what.split_whitespace().map(str::to_owned).collect()
        }
        ("like", [Value::String(text)]) => {
            text.len() == what.len()
                && text
                    .chars()
                    .zip(what.chars())
                    .all(|(has, wants)| has == wants || (wants == '9' && has.is_ascii_digit()))
        }
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
