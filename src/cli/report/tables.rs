//! Results with their intervals: one table for all, one a persona, and the paired differences.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mascot_run::engine::{Delta, MetricRow};

use super::Evaluation;
use super::escape::escape;
use super::transcripts::heading;
use crate::cli::render::{measured, number};

pub fn section(evaluation: &Evaluation, named: bool, to: &mut String) {
    if evaluation.table.rows.is_empty() {
        return;
    }
    let suffix = if named { format!(" · {}", escape(&evaluation.id)) } else { String::new() };
    let _ = writeln!(to, "<section>\n<h2>Results{suffix}</h2>");
    to.push_str("<p class=\"dim\">Mean, bootstrap interval clustered by situation, standard deviation, samples.</p>\n");
    means(evaluation, None, to);
    for persona in personas(&evaluation.table.rows) {
        let _ = writeln!(to, "<details>\n<summary>{} alone</summary>", escape(&persona));
        means(evaluation, Some(&persona), to);
        to.push_str("</details>\n");
    }
    differences(evaluation, to);
    to.push_str("</section>\n");
}

fn personas(rows: &[MetricRow]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row.persona.clone()).collect()
}

/// Metrics down, subjects across.
fn means(evaluation: &Evaluation, persona: Option<&str>, to: &mut String) {
    let rows: Vec<&MetricRow> = evaluation.table.rows.iter().filter(|row| row.persona.as_deref() == persona).collect();
    let mut lines: Vec<(usize, Option<&str>)> = Vec::new();
    for row in &rows {
        let line = (row.metric, row.criterion.as_deref());
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.sort();
    to.push_str("<div class=\"wide\"><table>\n<thead><tr><th>metric</th>");
    for subject in &evaluation.subjects {
        let _ = write!(to, "<th class=\"right\">{}</th>", escape(&heading(subject).0));
    }
    to.push_str("</tr></thead>\n<tbody>\n");
    for (metric, criterion) in lines {
        let class = if criterion.is_some() { " class=\"criterion\"" } else { "" };
        let _ = write!(to, "<tr{class}><th>{}</th>", escape(&line_name(evaluation, metric, criterion)));
        for subject in 0..evaluation.subjects.len() {
            let cell = rows
                .iter()
                .find(|row| row.subject == subject && row.metric == metric && row.criterion.as_deref() == criterion);
            let _ = write!(to, "<td class=\"right\">{}</td>", cell.map_or(String::new(), |row| mean_cell(row)));
        }
        to.push_str("</tr>\n");
    }
    to.push_str("</tbody>\n</table></div>\n");
}

fn line_name(evaluation: &Evaluation, metric: usize, criterion: Option<&str>) -> String {
    match criterion {
        Some(criterion) => criterion.to_owned(),
        None => evaluation.metrics.get(metric).cloned().unwrap_or_else(|| format!("metric {metric}")),
    }
}

fn mean_cell(row: &MetricRow) -> String {
    let Some(mean) = row.mean else {
        return "<span class=\"dim\">–</span>".to_owned();
    };
    let text = measured(mean, row.low.zip(row.high));
    let (mean, interval) = text.split_once(' ').unwrap_or((&text, ""));
    let mut cell = format!("<b>{mean}</b> <span class=\"interval\">{interval}</span>");
    let sd = row.sd.map_or(String::new(), |sd| format!("sd {} · ", number(sd)));
    let _ = write!(cell, "<br><span class=\"dim small\">{sd}n {}</span>", row.n);
    cell
}

fn differences(evaluation: &Evaluation, to: &mut String) {
    // Criteria and personas would drown what was asked; they stand in table.json.
    let deltas: Vec<&Delta> = evaluation
        .table
        .deltas
        .iter()
        .filter(|delta| delta.criterion.is_none() && delta.persona.is_none() && delta.mean.is_some())
        .collect();
    if deltas.is_empty() {
        return;
    }
    let trained = evaluation.subjects.iter().position(|subject| !subject.starts_with("baseline("));
    // The table has both directions; one says it all: the trained subject minus another, or a pair in the file's order.
    let of_trained = |delta: &&Delta| trained.is_none_or(|trained| delta.a == trained);
    let (main, others): (Vec<&Delta>, Vec<&Delta>) = deltas.into_iter().partition(of_trained);
    let others: Vec<&Delta> =
        others.into_iter().filter(|delta| delta.a < delta.b && Some(delta.b) != trained).collect();
    to.push_str("<h3>Paired differences</h3>\n<p class=\"dim\">Bold: the interval excludes zero.</p>\n");
    differences_of(evaluation, &main, to);
    if !others.is_empty() {
        to.push_str("<details>\n<summary>Between the other subjects</summary>\n");
        differences_of(evaluation, &others, to);
        to.push_str("</details>\n");
    }
}

fn differences_of(evaluation: &Evaluation, deltas: &[&Delta], to: &mut String) {
    to.push_str("<table>\n<thead><tr><th>metric</th><th>a − b</th><th class=\"right\">difference</th>");
    to.push_str("<th class=\"right\">interval</th><th class=\"right\">n</th></tr></thead>\n<tbody>\n");
    let mut last = None;
    for delta in deltas {
        let name =
            |at: usize| evaluation.subjects.get(at).map_or_else(|| format!("subject {at}"), |name| heading(name).0);
        let clear = matches!((delta.low, delta.high), (Some(low), Some(high)) if low > 0.0 || high < 0.0);
        let class = if clear { " class=\"clear\"" } else { "" };
        let mean = delta.mean.expect("differences without a mean were left out");
        let text = measured(mean, delta.low.zip(delta.high));
        let (value, interval) = text.split_once(' ').unwrap_or((&text, "–"));
        // A metric's name once, over its rows.
        let metric = if last == Some(delta.metric) { String::new() } else { line_name(evaluation, delta.metric, None) };
        last = Some(delta.metric);
        let sign = if mean > 0.0 { "+" } else { "" };
        let _ = writeln!(
            to,
            "<tr{class}><th>{}</th><td>{} − {}</td><td class=\"right\">{sign}{value}</td><td class=\"right\">{interval}</td>\
             <td class=\"right\">{}</td></tr>",
            escape(&metric),
            escape(&name(delta.a)),
            escape(&name(delta.b)),
            delta.n,
        );
    }
    to.push_str("</tbody>\n</table>\n");
}
