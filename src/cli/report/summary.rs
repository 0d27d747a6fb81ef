//! The first screen: what was asked, what came out with its interval, what held.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::escape;
use super::intervals;
use super::page::{Compared, Control, Difference, Evaluation, GateLine, Page};
use super::subjects::{self, name};
use super::verdicts::{self, Verdict};
use crate::cli::render::{measured, plural};

/// Rows of differences that stand on the first screen, of one evaluation.
const ROWS: usize = 9;
/// Gates that do not hold which are told in full there.
const FELL: usize = 8;
/// Values of one of these; of more, the table below tells.
const VALUES: usize = 2;
/// And others.
const HELD: usize = 6;

pub fn section(page: &Page, to: &mut String) {
    header(page, to);
    to.push_str("<section id=\"outcome\" aria-labelledby=\"outcome-title\">\n");
    to.push_str("<h2 id=\"outcome-title\">What came out</h2>\n<div class=\"first\">\n<div>\n");
    if page.evaluations.is_empty() {
        to.push_str("<p>Nothing was measured in this run.</p>\n");
    }
    // A point that speaks with other weights is not to be compared.
    let controls: Vec<&Control> = page.controls.iter().filter(|control| !control.other_weights).collect();
    for evaluation in &page.evaluations {
        came_out(evaluation, &controls, to);
    }
    to.push_str("</div>\n<div>\n");
    held(page, &controls, to);
    to.push_str("</div>\n</div>\n</section>\n");
}

fn header(page: &Page, to: &mut String) {
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
    if page.asked.iter().any(|(_, value)| value.split(", ").any(|one| one == "random weights")) {
        to.push_str(
            "<p class=\"warning\"><strong>Random weights.</strong> No model here was ever trained on language: the stages \
             ran, and the numbers mean nothing.</p>\n",
        );
    }
    to.push_str("<dl class=\"asked\">\n");
    let mut asked: Vec<(&str, &str)> = Vec::new();
    let points = page.points.join(", ");
    if !points.is_empty() {
        asked.push(("point", &points));
    }
    asked.extend(page.asked.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let tasks = tasks(page);
    asked.push(("run", &tasks));
    for (name, value) in asked {
        let _ = writeln!(to, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
    }
    to.push_str("</dl>\n</header>\n");
}

/// `20 tasks: 18 recalled, 2 fresh · 2026-11-21 10:31 UTC`
fn tasks(page: &Page) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &page.tasks {
        *counts.entry(task.outcome.as_str()).or_default() += 1;
    }
    let counted = counts.iter().map(|(outcome, n)| format!("{n} {outcome}")).collect::<Vec<_>>().join(", ");
    format!("{}: {counted} · {}", plural(page.tasks.len(), "task"), page.reproduce.date)
}

/// The main subject beside every other, by the headline metric; and a persona at a time beside its reference.
fn came_out(evaluation: &Evaluation, controls: &[&Control], to: &mut String) {
    let Some(main) = subjects::main(evaluation) else { return };
    let metric = evaluation.headline;
    let called = evaluation.metrics.get(metric).map_or("", String::as_str);
    let mut rows: Vec<(String, Difference)> = Vec::new();
    let others = subjects::in_order(evaluation).into_iter().filter(|other| *other != main);
    let reference = subjects::reference(evaluation);
    // The reference first: it is the question.
    let mut others: Vec<usize> = others.collect();
    others.sort_by_key(|other| Some(*other) != reference);
    for other in others {
        if let Some(difference) = subjects::difference(evaluation, main, other, metric, None) {
            rows.push((format!("{} − {}", name(evaluation, main), name(evaluation, other)), difference));
        }
    }
    if let Some(reference) = reference {
        for persona in subjects::personas(evaluation) {
            if let Some(of) = subjects::difference(evaluation, main, reference, metric, Some(&persona)) {
                rows.push((format!("{persona} alone, − {}", name(evaluation, reference)), of));
            }
        }
    }
    let _ = writeln!(to, "<h3>{}</h3>\n{}", escape(&evaluation.id), sentence(evaluation, main, reference, controls));
    if rows.is_empty() {
        return;
    }
    rows.truncate(ROWS);
    let scale = intervals::scale(rows.iter().map(|(_, of)| of));
    let _ = writeln!(
        to,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"differences, {id}\"><table class=\"forest\">\n\
         <caption>Paired differences of <code>{}</code>, {} intervals</caption>\n\
         <thead><tr><th scope=\"col\">difference</th><th scope=\"col\" class=\"right\">mean</th>\
         <th scope=\"col\" class=\"right\">interval</th><th scope=\"col\" class=\"bar\">beside zero</th></tr></thead>\n<tbody>",
        escape(called),
        intervals::percent(evaluation.level),
        id = escape(&evaluation.id),
    );
    for (what, of) in &rows {
        let class = if intervals::clear(of) { " class=\"clear\"" } else { "" };
        let (mean, interval) = intervals::written(of);
        let _ = writeln!(
            to,
            "<tr{class}><th scope=\"row\">{}</th><td class=\"right\">{mean}</td><td class=\"right\">{interval}</td>\
             <td class=\"bar\">{}</td></tr>",
            escape(what),
            intervals::bar(of, scale),
        );
    }
    to.push_str("</tbody>\n</table></div>\n");
    beside_written(evaluation, main, reference, to);
}

/// The one sentence; and a second where a control says what the first is worth.
fn sentence(evaluation: &Evaluation, main: usize, reference: Option<usize>, controls: &[&Control]) -> String {
    let metric = evaluation.headline;
    let row = |subject: usize| {
        let pooled = |row: &&mascot_run::engine::MetricRow| {
            row.subject == subject && row.metric == metric && row.criterion.is_none() && row.persona.is_none()
        };
        evaluation.table.rows.iter().find(pooled)
    };
    let shown = |subject: usize| {
        row(subject).and_then(|row| Some(measured(row.mean?, row.low.zip(row.high)))).unwrap_or("not measured".into())
    };
    let called = evaluation.metrics.get(metric).map_or("", String::as_str);
    let mut text = format!(
        "<p class=\"lead\"><code>{}</code>: <strong>{}</strong> {}",
        escape(called),
        escape(&name(evaluation, main)),
        shown(main)
    );
    if let Some(reference) = reference {
        let _ = write!(text, ", {} {}. ", escape(&name(evaluation, reference)), shown(reference));
        let words = match subjects::difference(evaluation, main, reference, metric, None) {
            Some(of) if intervals::clear(&of) && of.mean > 0.0 => "Higher; the interval lies above zero.",
            Some(of) if intervals::clear(&of) => "Lower; the interval lies below zero.",
            Some(Difference { interval: Some(_), .. }) => "The interval holds zero: no difference is shown.",
            _ => "",
        };
        text.push_str(words);
        let as_much = |control: &&&Control| {
            let compared = control.compared.iter().find(|compared| compared.evaluation == evaluation.id);
            compared.is_some_and(Compared::gains_as_much)
        };
        let names: Vec<&str> = controls.iter().filter(as_much).map(|control| control.name.as_str()).collect();
        if !names.is_empty() {
            let _ = write!(text, " <strong>But {} gains as much.</strong>", escape(&names.join(", ")));
        }
    }
    text + "</p>"
}

/// How far towards lines that people wrote, and whether beyond them.
fn beside_written(evaluation: &Evaluation, main: usize, reference: Option<usize>, to: &mut String) {
    let Some(beside) = verdicts::beside_written(evaluation, main, reference) else { return };
    let share = beside.share.map_or(String::new(), |share| {
        format!(" Of the way from {} to them, {} is gone.", escape(&beside.reference), intervals::percent(share))
    });
    let _ = writeln!(
        to,
        "<p>The written lines themselves ({}) have {}.{share}</p>",
        escape(&beside.called),
        measured(beside.mean, None)
    );
    for suspect in &beside.suspects {
        let _ = writeln!(
            to,
            "<p class=\"warning\"><strong>Suspect:</strong> {} scores {} above the lines written for it ({}); a reward may \
             have been cheated. Read its transcripts.</p>",
            escape(&suspect.persona),
            measured(suspect.above, None),
            measured(suspect.written, None),
        );
    }
}

fn held(page: &Page, controls: &[&Control], to: &mut String) {
    let count = |held: Option<bool>| page.gates.iter().filter(|gate| gate.held == held).count();
    to.push_str("<h3>Gates and guards</h3>\n");
    if page.gates.is_empty() {
        to.push_str("<p class=\"dim\">The file declares none.</p>\n");
    } else {
        to.push_str("<ul class=\"tally\">\n");
        for (held, word) in [(Some(true), "hold"), (Some(false), "do not hold"), (None, "not asked")] {
            let n = count(held);
            if n > 0 || held == Some(true) {
                let verdict = Verdict::of_gate(held);
                let _ = writeln!(to, "<li>{} <strong>{n}</strong> {word}</li>", verdict.mark());
            }
        }
        to.push_str("</ul>\n");
    }
    let fell: Vec<&GateLine> = page.gates.iter().filter(|gate| gate.held == Some(false)).collect();
    if !fell.is_empty() {
        to.push_str("<ul class=\"plain\">\n");
        for gate in fell.iter().take(FELL) {
            let _ = writeln!(
                to,
                "<li>{} <strong>{}</strong>: {}{} <span class=\"dim\">{}</span></li>",
                Verdict::Fell.mark(),
                escape(&gate.task),
                escape(&gate.otherwise),
                verdicts::whom(gate),
                if gate.values.len() <= VALUES { escape(&gate.values.join(", ")) } else { String::new() }
            );
        }
        if fell.len() > FELL {
            let _ = writeln!(to, "<li>and <a href=\"#gates\">{} more</a></li>", fell.len() - FELL);
        }
        to.push_str("</ul>\n");
    }
    let held: Vec<&GateLine> = page.gates.iter().filter(|gate| gate.held != Some(false)).collect();
    if !held.is_empty() {
        to.push_str("<ul class=\"plain small\">\n");
        for gate in held.iter().take(HELD) {
            let _ = writeln!(
                to,
                "<li>{} <strong>{}</strong> <code>{}</code></li>",
                Verdict::of_gate(gate.held).mark(),
                escape(&gate.task),
                escape(&gate.text)
            );
        }
        if held.len() > HELD {
            let _ = writeln!(to, "<li>and {} more</li>", held.len() - HELD);
        }
        to.push_str("</ul>\n");
    }
    if !page.gates.is_empty() {
        to.push_str("<p><a href=\"#gates\">Every gate with its values</a></p>\n");
    }
    to.push_str("<h3>Controls</h3>\n");
    if controls.is_empty() {
        to.push_str("<p class=\"dim\">No variant of the file can serve as one here.</p>\n");
        return;
    }
    to.push_str("<ul class=\"plain\">\n");
    for control in controls {
        let (verdict, words) = verdicts::of_control(control);
        let _ = writeln!(to, "<li>{} <strong>{}</strong>: {words}</li>", verdict.mark(), escape(&control.name));
    }
    to.push_str("</ul>\n<p><a href=\"#controls\">What each control changes</a></p>\n");
}
