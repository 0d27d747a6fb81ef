//! The report: one self-contained HTML file, readable by someone who has never seen mascot. No script, no network.
//!
//! # Steps
//! 1. [`gather`] reads what a run made out of the store into a [`Page`], plain data.
//! 2. [`html`] lays the page out: transcripts first, because a table of rewards alone calls every exploit a success.
//!
//! Uses `run`'s types and the store's files. Deliberately absent: computing anything; a number here stands in an artifact.

mod curves;
pub mod declared;
mod escape;
pub mod gather;

mod tables;
mod transcripts;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mascot_run::engine::Table;
use serde::Deserialize;

use super::render;
use escape::escape;

/// Everything that the report says.
#[derive(Debug, Default)]
pub struct Page {
    pub title: String,
    pub question: Option<String>,
    /// Made by the fake engine: no number in it means anything.
    pub rehearsal: bool,
    pub evaluations: Vec<Evaluation>,
    pub trainings: Vec<Training>,
    pub gates: Vec<GateLine>,
    pub tasks: Vec<TaskLine>,
    /// Task, sentence.
    pub notes: Vec<(String, String)>,
    pub reproduce: Reproduce,
}

/// An `evaluate` task.
#[derive(Debug, Default)]
pub struct Evaluation {
    pub id: String,
    /// As written in the file, by index.
    pub subjects: Vec<String>,
    pub metrics: Vec<String>,
    pub table: Table,
    pub transcripts: Vec<Transcript>,
}

/// One line of `transcripts.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct Transcript {
    #[serde(default)]
    pub subject: usize,
    pub situation: String,
    #[serde(default)]
    pub sample: u64,
    pub turns: Vec<Turn>,
    #[serde(default)]
    pub scores: BTreeMap<String, Option<f64>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Turn {
    pub speaker: String,
    pub text: String,
    #[serde(default)]
    pub directive: Option<Directive>,
    #[serde(default)]
    pub finish: Option<String>,
    #[serde(default)]
    pub scores: BTreeMap<String, Option<f64>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Directive {
    #[serde(default)]
    pub agent: Option<String>,
    #[serde(default)]
    pub action: Option<String>,
    #[serde(default)]
    pub tone: Option<String>,
}

/// A task that trained.
#[derive(Debug, Default)]
pub struct Training {
    pub id: String,
    pub kind: String,
    pub curve: Vec<CurvePoint>,
}

/// One line of `curve.jsonl`: an optimiser step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CurvePoint {
    pub step: u64,
    pub reward: Option<f64>,
    /// Mean of each leaf of the reward's expression.
    pub terms: BTreeMap<String, Option<f64>>,
    pub loss: Option<f64>,
    pub kl: Option<f64>,
    pub length: Option<f64>,
    pub finished: Option<f64>,
}

#[derive(Debug)]
pub struct GateLine {
    pub task: String,
    /// The condition as written.
    pub text: String,
    pub held: Option<bool>,
    /// The values in it: `held_out_accuracy = 0.71`.
    pub values: String,
    pub otherwise: String,
}

#[derive(Debug)]
pub struct TaskLine {
    pub id: String,
    pub outcome: String,
    pub because: Option<String>,
    pub seconds: Option<f64>,
    pub key: Option<String>,
}

/// What it takes to get this again.
#[derive(Debug, Default)]
pub struct Reproduce {
    pub command: String,
    /// Path as given, digest of its text; imports too.
    pub files: Vec<(String, String)>,
    pub seed: Option<String>,
    pub version: String,
    pub engine: String,
    pub machine: String,
    pub date: String,
    pub run: String,
}

/// The whole file.
pub fn html(page: &Page) -> String {
    let mut body = String::new();
    head(page, &mut body);
    for evaluation in &page.evaluations {
        transcripts::section(evaluation, page.evaluations.len() > 1, &mut body);
    }
    for evaluation in &page.evaluations {
        tables::section(evaluation, page.evaluations.len() > 1, &mut body);
    }
    gates(&page.gates, &mut body);
    curves::section(&page.trainings, &mut body);
    tasks(page, &mut body);
    reproduce(&page.reproduce, &mut body);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(&page.title),
        include_str!("style.css"),
    )
}

fn head(page: &Page, to: &mut String) {
    let _ = writeln!(to, "<header>\n<p class=\"brand\">mascot report</p>\n<h1>{}</h1>", escape(&page.title));
    if let Some(question) = &page.question {
        let _ = writeln!(to, "<p class=\"question\">{}</p>", escape(question));
    }
    if page.rehearsal {
        to.push_str(
            "<p class=\"warning\"><strong>A rehearsal.</strong> The fake engine made this: no model was asked, and no number \
             below means anything.</p>\n",
        );
    }
    let _ = writeln!(to, "<p class=\"dim\">{}</p>\n</header>", escape(&summary(page)));
}

/// `20 tasks: 18 recalled, 2 fresh. 2 gates held, 1 did not.`
fn summary(page: &Page) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &page.tasks {
        *counts.entry(task.outcome.as_str()).or_default() += 1;
    }
    let counted = counts.iter().map(|(outcome, n)| format!("{n} {outcome}")).collect::<Vec<_>>().join(", ");
    let mut text = format!("{}: {counted}.", render::plural(page.tasks.len(), "task"));
    let held = page.gates.iter().filter(|gate| gate.held == Some(true)).count();
    let fell = page.gates.iter().filter(|gate| gate.held == Some(false)).count();
    if held + fell > 0 {
        let _ = write!(text, " {} held, {fell} did not.", render::plural(held, "gate"));
    }
    let _ = write!(text, " {}", page.reproduce.date);
    text
}

fn gates(gates: &[GateLine], to: &mut String) {
    if gates.is_empty() {
        return;
    }
    to.push_str("<section>\n<h2>Gates</h2>\n<table class=\"plain\">\n");
    to.push_str("<thead><tr><th>held</th><th>task</th><th>condition</th><th>values</th></tr></thead>\n<tbody>\n");
    for gate in gates {
        let (class, word) = match gate.held {
            Some(true) => ("good", "yes"),
            Some(false) => ("bad", "no"),
            None => ("dim", "not asked"),
        };
        let why = if gate.held == Some(false) { format!("<br>{}", escape(&gate.otherwise)) } else { String::new() };
        let _ = writeln!(
            to,
            "<tr><td class=\"{class}\">{word}</td><td>{}</td><td><code>{}</code>{why}</td><td>{}</td></tr>",
            escape(&gate.task),
            escape(&gate.text),
            escape(&gate.values),
        );
    }
    to.push_str("</tbody>\n</table>\n</section>\n");
}

fn tasks(page: &Page, to: &mut String) {
    to.push_str("<section>\n<h2>What was recalled, what is fresh</h2>\n<table class=\"plain\">\n");
    to.push_str(
        "<thead><tr><th>task</th><th>outcome</th><th class=\"right\">time</th><th>key</th></tr></thead>\n<tbody>\n",
    );
    for task in &page.tasks {
        let class = match task.outcome.as_str() {
            "fresh" => "good",
            "failed" | "gated" => "bad",
            _ => "dim",
        };
        let because =
            task.because.as_ref().map_or(String::new(), |why| format!(" <span class=\"dim\">{}</span>", escape(why)));
        let time = task.seconds.map_or(String::new(), render::duration);
        let key = task.key.as_ref().map_or(String::new(), |key| key.chars().take(16).collect());
        let _ = writeln!(
            to,
            "<tr><td>{}</td><td><span class=\"{class}\">{}</span>{because}</td><td class=\"right\">{time}</td>\
             <td><code>{}</code></td></tr>",
            escape(&task.id),
            escape(&task.outcome),
            escape(&key),
        );
    }
    to.push_str("</tbody>\n</table>\n");
    if !page.notes.is_empty() {
        to.push_str("<h3>What the stages say</h3>\n<ul>\n");
        for (task, note) in &page.notes {
            let _ = writeln!(to, "<li><strong>{}</strong>: {}</li>", escape(task), escape(note));
        }
        to.push_str("</ul>\n");
    }
    to.push_str("</section>\n");
}

fn reproduce(how: &Reproduce, to: &mut String) {
    to.push_str("<section>\n<h2>How to reproduce</h2>\n");
    let _ = writeln!(to, "<pre>{}</pre>\n<dl>", escape(&how.command));
    for (path, digest) in &how.files {
        let _ = writeln!(to, "<dt>{}</dt><dd><code>{}</code></dd>", escape(path), escape(digest));
    }
    let seed = how.seed.clone().unwrap_or_default();
    let rows = [
        ("seed", &seed),
        ("version", &how.version),
        ("engine", &how.engine),
        ("machine", &how.machine),
        ("run", &how.run),
    ];
    for (name, value) in rows {
        if !value.is_empty() {
            let _ = writeln!(to, "<dt>{name}</dt><dd>{}</dd>", escape(value));
        }
    }
    to.push_str(
        "</dl>\n<p class=\"dim\">Same file, same inputs, same machine kind and thread count: the same bytes. Devices, times and \
         hosts are no part of a key.</p>\n</section>\n",
    );
}
