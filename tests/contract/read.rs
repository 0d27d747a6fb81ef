//! Reads `.case` files: small cases, each with its steps, in a format for people.
//!
//! A line's first word says what it is; what belongs to a file or to an edit is marked in column 0, so that nothing in it needs an escape:
//!
//! ```text
//! == title · the paragraph that implies it
//! from NAME                copies tests/contract/bases/NAME
//! file NAME                the lines that follow: `| text`, and `! text` where one diagnostic is told (`!!` two, `?` a warning),
//! ^ `word` …               each word being somewhere in the diagnostic of the line above
//! @ NAME                   an edit: `- ` lines, which stand there once, become the `+ ` lines; `@@` wherever they stand
//! $ verb …                 a call, followed by what is expected of it
//! ```
//!
//! The verbs of steps are in [`Step`].

/// A case: what it shows, and how.
pub struct Case {
    pub title: String,
    /// Line of its title, for messages.
    pub line: usize,
    pub steps: Vec<Step>,
}

/// What is done, or expected, in the order of the file.
pub enum Step {
    /// `with engine`: only where the engine is built in.
    With(String),
    /// `from NAME`.
    From(String),
    /// `file NAME` with its lines.
    File { name: String, text: String, faults: Vec<Fault> },
    /// `bytes NAME HEX…`.
    Bytes { name: String, bytes: Vec<u8> },
    /// `crlf NAME`, `bom NAME`, `chop NAME` (without its last line break).
    Recode { how: String, name: String },
    /// `copy FROM TO`.
    Copy(String, String),
    /// `@ NAME`; `a @ NAME` when it makes the old side of a `diff`.
    Edit { name: String, everywhere: bool, old_side: bool, from: String, to: String },
    /// `stdin` with its lines: of the next call.
    Stdin(String),
    /// `check NAME …`: its diagnostics are those marked in the files, and no others.
    Check(Vec<String>),
    /// `diff NAME`, then `= CLASS VERDICT: RERUNS`, `change …`, `changes N`.
    Diff {
        file: String,
        class: String,
        verdict: String,
        reruns: String,
        changes: Vec<Vec<String>>,
        count: Option<usize>,
    },
    /// `$ …` with its expectations.
    Call { args: Vec<String>, expected: Vec<Expected> },
}

/// A diagnostic that must be told.
pub struct Fault {
    pub line: usize,
    pub severity: &'static str,
    pub words: Vec<String>,
}

/// What is expected of a call.
pub enum Expected {
    /// `= 1|2`.
    Code(Vec<i32>),
    /// `/a/b is …`: a place of the JSON document.
    At { path: String, how: String, what: String },
    /// `out has …`, `err lacks …`, `all has …`.
    Text { stream: String, how: String, what: String },
    /// `now NAME`, or `out is`, with lines.
    Whole { name: Option<String>, text: String },
}

/// The cases of one file.
pub fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut lines = Lines { all: text.lines().collect(), next: 0 };
    while let Some(line) = lines.take() {
        if let Some(title) = line.strip_prefix("== ") {
            cases.push(Case { title: title.to_owned(), line: lines.next, steps: Vec::new() });
        } else if !line.is_empty() && !line.starts_with('#') {
            let case = cases.last_mut().expect("a step stands below a title");
            let step = step(line, &mut lines, &mut case.steps);
            case.steps.extend(step);
        }
    }
    cases
}

struct Lines<'a> {
    all: Vec<&'a str>,
    next: usize,
}

impl<'a> Lines<'a> {
    fn take(&mut self) -> Option<&'a str> {
        self.next += 1;
        self.all.get(self.next - 1).copied()
    }

    /// The lines that follow with this mark in column 0, without it and one blank.
    fn marked(&mut self, mark: &str) -> String {
        let mut text = String::new();
        while let Some(rest) = self.all.get(self.next).and_then(|line| line.strip_prefix(mark)) {
            text.push_str(rest.strip_prefix(' ').unwrap_or(rest));
            text.push('\n');
            self.next += 1;
        }
        text
    }
}

fn step(line: &str, lines: &mut Lines<'_>, before: &mut [Step]) -> Option<Step> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words = || rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let step = match verb {
        "with" => Step::With(rest.to_owned()),
        "from" => Step::From(rest.to_owned()),
        "file" => file(rest, lines),
        "bytes" => {
            let (name, hex) = rest.split_once(' ').unwrap();
            let digits: String = hex.split_whitespace().collect();
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            Step::Bytes { name: name.to_owned(), bytes: (0..digits.len()).step_by(2).map(byte).collect() }
        }
        "crlf" | "bom" | "chop" => Step::Recode { how: verb.to_owned(), name: rest.to_owned() },
        "copy" => {
            let (from, to) = rest.split_once(' ').unwrap();
            Step::Copy(from.to_owned(), to.to_owned())
        }
        "a" => edit(rest, "a ", lines),
        "@" | "@@" => edit(line, "", lines),
        "stdin" => Step::Stdin(lines.marked("|")),
        "check" => Step::Check(words()),
        "diff" => Step::Diff {
            file: rest.to_owned(),
            class: String::new(),
            verdict: String::new(),
            reruns: String::new(),
            changes: Vec::new(),
            count: None,
        },
        "$" => Step::Call { args: words(), expected: Vec::new() },
        _ => {
            expectation(line, lines, before.last_mut().expect("an expectation stands below a call"));
            return None;
        }
    };
    Some(step)
}

fn file(name: &str, lines: &mut Lines<'_>) -> Step {
    let (mut text, mut faults, mut number) = (String::new(), Vec::new(), 0);
    while let Some(line) = lines.all.get(lines.next) {
        let (mark, content) = line.split_at(line.find(|c: char| !"|!?^".contains(c)).unwrap_or(line.len()));
        let content = content.strip_prefix(' ').unwrap_or(content);
        if mark == "^" {
            let last: &mut Fault = faults.last_mut().expect("words stand below a fault");
            last.words = quoted(content);
        } else if mark.is_empty() {
            break;
        } else {
            number += 1;
            text.push_str(content);
            text.push('\n');
            for sign in mark.chars().filter(|sign| *sign != '|') {
                let severity = if sign == '!' { "error" } else { "warning" };
                faults.push(Fault { line: number, severity, words: Vec::new() });
            }
        }
        lines.next += 1;
    }
    Step::File { name: name.to_owned(), text, faults }
}

fn edit(head: &str, mark: &str, lines: &mut Lines<'_>) -> Step {
    let (sign, name) = head.split_once(' ').unwrap();
    let from = lines.marked(&format!("{mark}-"));
    let to = lines.marked(&format!("{mark}+"));
    let cut = |text: String| text.strip_suffix('\n').unwrap_or(&text).to_owned();
    Step::Edit {
        name: name.to_owned(),
        everywhere: sign == "@@",
        old_side: !mark.is_empty(),
        // Lines that end in an empty one are whole lines; else what is edited may begin and end inside a line.
        from: cut(from),
        to: cut(to),
    }
}

fn expectation(line: &str, lines: &mut Lines<'_>, step: &mut Step) {
    match step {
        Step::Diff { class, verdict, reruns, changes, count, .. } => match line.split_once(' ').unwrap() {
            ("=", rest) => {
                let (head, ids) = rest.split_once(':').unwrap();
                let (left, right) = head.split_once(' ').unwrap();
                (*class, *verdict, *reruns) = (left.to_owned(), right.to_owned(), ids.trim().to_owned());
            }
            ("change", rest) => {
                let mut parts = quoted(rest);
                let bare = rest.split_whitespace().find(|word| !word.contains('`')).unwrap_or_default();
                let bare =
                    if parts.iter().any(|part| part.split_whitespace().any(|one| one == bare)) { "" } else { bare };
                parts.insert(2, bare.to_owned());
                changes.push(parts);
            }
            ("changes", rest) => *count = Some(rest.parse().unwrap()),
            _ => panic!("no expectation of a diff: {line}"),
        },
        Step::Call { expected, .. } => expected.push(of_a_call(line, lines)),
        _ => panic!("what is this: {line}"),
    }
}

fn of_a_call(line: &str, lines: &mut Lines<'_>) -> Expected {
    if let Some(codes) = line.strip_prefix("= ") {
        return Expected::Code(codes.split('|').map(|code| code.parse().unwrap()).collect());
    }
    if let Some(name) = line.strip_prefix("now ") {
        return Expected::Whole { name: Some(name.to_owned()), text: lines.marked("|") };
    }
    if line == "out is" {
        return Expected::Whole { name: None, text: lines.marked("|") };
    }
    let mut words = line.splitn(3, ' ').map(str::to_owned);
    let (place, how, what) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
    if place.starts_with('/') {
        Expected::At { path: place, how, what }
    } else {
        assert!(["out", "err", "all"].contains(&place.as_str()), "what is this: {line}");
        Expected::Text { stream: place, how, what }
    }
}

/// What stands between backquotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
