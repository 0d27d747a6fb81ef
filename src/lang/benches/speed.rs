//! How fast the language is: a program of 30 000 lines in eleven files, the quickstart, and texts that a stranger might send. Prints the
//! best of several runs and all of them. Never a timed test.
//!
//! `cargo bench -p mascot-lang --bench speed [-- CASE…]`
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a benchmark prints, looks at the clock and reads the repository"
)]

#[path = "../check/tests/hostile/shapes.rs"]
mod shapes;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use mascot_lang::format::format;
use mascot_lang::source::{FileId, World};
use mascot_lang::syntax;

/// Files in memory.
struct Files(BTreeMap<String, String>);

impl World for Files {
    fn source(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn prose(&self, _: &str, path: &str) -> Result<String, String> {
        self.source(path)
    }
}

const LIBRARIES: usize = 10;
const PERSONAS: usize = 72;
const RUBRICS: usize = 18;

/// Ten libraries of personas, rubrics and rewards, and an experiment that trains and measures crews of all of them.
fn large() -> Files {
    let mut files = BTreeMap::new();
    for library in 0..LIBRARIES {
        files.insert(format!("part_{library}.masc"), self::library(library));
    }
    files.insert("main.masc".to_owned(), main_file());
    Files(files)
}

fn library(number: usize) -> String {
    let mut to = format!("masc 1\n# Library {number}.\n");
    for one in 0..PERSONAS {
        let name = format!("p{number}_{one}");
        let _ = write!(
            to,
            "\n## Who speaks, {one} of library {number}.\npersona {name} \"Companion {number} {one}\" {{\n  role = \"Listener {one}\"\n  \
             voice = \"\"\"md\n    You are {{{{char}}}}. You listen to {{{{user}}}} and answer in two sentences.\n    Name what you have heard, \
             then ask one question about it.\n    Never give advice that nobody asked for.\n    \"\"\"\n  never = [\"flatter\", \"lecture\", \
             \"promise {one}\"]\n"
        );
        for example in 0..3 {
            let _ = write!(
                to,
                "\n  example {{\n    given = \"My train was late for the {example}th time, and nobody said why.\"  # number {one}\n    says = \
                 \"How tiring, to wait without a word. What would have helped you most?\"\n  }}\n"
            );
        }
        to.push_str("}\n");
    }
    for one in 0..RUBRICS {
        let _ = write!(to, "\nrubric r{number}_{one} \"Fidelity {one}\" {{\n  scale = 1..5\n");
        for (criterion, weight) in [("manner", 40), ("relevance", 35), ("brevity", 25)] {
            let _ = write!(
                to,
                "\n  criterion {criterion} \"Is it of the right {criterion}?\" {weight}% {{\n    low = \"Nothing of it.\"\n    mid = \"Some of \
                 it.\"\n    high = \"All of it, {one}.\"\n  }}\n"
            );
        }
        to.push_str("}\n");
        let _ = write!(
            to,
            "\nreward w{number}_{one} {{\n  score = (\n    2 * relevance(cap: 0.6)\n    + 0.3 * finished()\n    - 0.1 * min(length(30..44 tok), \
             10)\n    - 3 * leak()\n    - max(0, -2.95 - fluency())\n  )\n  clip = -3..3\n}}\n"
        );
    }
    to
}

fn main_file() -> String {
    let mut to = "masc 1\nuse \"std/judges.masc\" { smollm2 as base }\n".to_owned();
    for number in 0..LIBRARIES {
        let _ = writeln!(to, "use \"./part_{number}.masc\" as part_{number}");
    }
    to.push_str(
        "\nexperiment large \"A large one\" {\n  seed = 7\n}\n\ndataset talk {\n  source = jsonl(\"talk.jsonl\")\n}\n",
    );
    for number in 0..LIBRARIES {
        let rubrics: Vec<_> = (0..RUBRICS).map(|one| format!("part_{number}.r{number}_{one}")).collect();
        let _ = write!(to, "\njudge j{number} {{\n  by = contrast(base)\n  rubrics = [{}]\n}}\n", rubrics.join(", "));
        for group in 0..PERSONAS / 4 {
            let crew: Vec<_> = (0..4).map(|one| format!("part_{number}.p{number}_{}", group * 4 + one)).collect();
            let crew = crew.join(", ");
            let (id, rubric) = (format!("{number}_{group}"), group % RUBRICS);
            let _ = write!(
                to,
                "\nlet crew_{id} = [{crew}]\n\nstage sounding_{id} = sft for persona in crew_{id} {{\n  policy = base\n  data = talk.train\n  epochs = 3 \
                 epochs\n  batch = 8\n  lr = 1e-3\n  adapter = lora(rank: 16, alpha: 32, targets: [q, k, v, o])\n}}\n\nstage voices_{id} = grpo for \
                 persona in crew_{id} {{\n  policy = sounding_{id}\n  reward = part_{number}.w{number}_{rubric}\n  data = talk.train\n  steps = 10 \
                 steps\n  group = 6\n  sample = {{ temperature = 0.9, max_new = 60 tok }}\n  kl = {{ beta = 0.05, estimator = k3, place = loss }}\n  \
                 lr = 3.5e-4\n}}\n\nstage measured_{id} = evaluate {{\n  subjects = [voices_{id}, sounding_{id}, baseline(zero_shot)]\n  metrics = \
                 [j{number}.r{number}_{rubric}, relevance(), fluency(), leak()]\n  data = talk.test\n  gate delta(voices_{id}, sounding_{id}, metric: \
                 relevance()) >= 0.05 else \"nothing gained\"\n  gate mean(voices_{id}, metric: leak()) <= 0.02 else \"they recite\"\n}}\n"
            );
        }
        let _ = write!(
            to,
            "\nvariant quiet_{number} {{\n  voices_{number}_0.kl.beta = 0.1\n  sounding_{number}_1.lr = 1e-4\n}}\n\nsweep rates_{number} {{\n  grid {{\n    \
             voices_{number}_0.lr = [1e-4, 2e-4, 4e-4]\n    experiment.seed = [7, 8, 9]\n  }}\n}}\n"
        );
    }
    to
}

/// The best of these, which the machine's other work disturbs least; one with `--once`, for a profiler.
fn runs() -> usize {
    if std::env::args().any(|arg| arg == "--once") { 1 } else { 9 }
}

fn time<T>(name: &str, mut run: impl FnMut() -> T) {
    let mut runs: Vec<f64> = (0..runs())
        .map(|_| {
            let began = Instant::now();
            let made = std::hint::black_box(run());
            let took = began.elapsed().as_secs_f64() * 1e3;
            // Nobody waits for what is given back at the end.
            drop(made);
            took
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!(
        "{name:<44} {:>8.2} ms   (median {:.2}, worst {:.2})",
        runs[0],
        runs[runs.len() / 2],
        runs[runs.len() - 1]
    );
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let asked = |case: &str| wanted.is_empty() || wanted.iter().any(|one| case.contains(one.as_str()));

    let files = large();
    let lines: usize = files.0.values().map(|text| text.lines().count()).sum();
    let bytes: usize = files.0.values().map(String::len).sum();
    println!("{} files, {lines} lines, {bytes} bytes; best of {}", files.0.len(), runs());
    if asked("parse large") {
        time("parse large", || files.0.values().map(|text| syntax::parse(FileId(0), text)).collect::<Vec<_>>());
    }
    if asked("check large") {
        time("check large", || {
            let checked = mascot_lang::check(&files, "main.masc", &[]);
            assert!(
                checked.program.is_some(),
                "{:#?}",
                checked.diagnostics.sorted().iter().take(3).collect::<Vec<_>>()
            );
            checked
        });
    }
    if asked("format large") {
        let all = |files: &Files| -> Vec<String> {
            files.0.values().map(|text| format(FileId(0), text).expect("it is read and says the same")).collect()
        };
        time("format large", || all(&files));
    }
    let quickstart = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments/quickstart.masc"))
        .expect("the repository's own experiment");
    let quickstart = Files(BTreeMap::from([("main.masc".to_owned(), quickstart)]));
    if asked("check quickstart") {
        time("check quickstart", || mascot_lang::check(&quickstart, "main.masc", &[]));
    }
    for (name, files) in shapes::all(1_000_000) {
        let name = format!("hostile {name}");
        if asked(&name) {
            let files = Files(files.into_iter().collect());
            time(&name, || mascot_lang::check(&files, "main.masc", &[]));
        }
    }
}
