//! Results with their intervals: one table for all, one a persona, the paired differences, and what was left out as void.

use std::fmt::Write as _;

use mascot_run::engine::{MetricRow, Table};

use super::escape::escape;
use super::intervals::{self, minus};
use super::page::{Difference, Evaluation};
use super::subjects::{self, heading, name};
use crate::cli::render::{measured, plural};

/// What a criterion reads whose judge gives one number for all.
const NOT_MEASURED: &str = "not measured";

pub fn section(evaluations: &[Evaluation], to: &mut String) {
    let filled: Vec<&Evaluation> = evaluations.iter().filter(|one| !one.table.rows.is_empty()).collect();
    if filled.is_empty() {
        return;
    }
    to.push_str("<section id=\"results\" aria-labelledby=\"results-title\">\n<h2 id=\"results-title\">Results</h2>\n");
    for evaluation in filled {
        let _ = writeln!(
            to,
            "<h3>{}</h3>\n<p class=\"dim\">Mean with its {} bootstrap interval, clustered by situation; standard deviation; samples. Of one persona also the median, and what 19 of 20 samples do not exceed (p95).</p>",
            escape(&evaluation.id),
            intervals::percent(evaluation.level)
        );
        means(evaluation, None, to);
        for persona in subjects::personas(evaluation) {
            let _ = writeln!(to, "<details>\n<summary>{} alone</summary>", escape(&persona));
            means(evaluation, Some(&persona), to);
            to.push_str("</details>\n");
        }
        differences(evaluation, to);
        voids(evaluation, to);
    }
    to.push_str("</section>\n");
}

/// Whether a judge gave every criterion of its rubric the one number that it has: then its criteria were not measured apart.
/// Such a judge's criteria are void, or repeat the whole in every cell.
fn one_number(table: &Table, metric: usize) -> bool {
    let of_metric = || table.rows.iter().filter(move |row| row.metric == metric);
    let mut criteria: Vec<&String> = of_metric().filter_map(|row| row.criterion.as_ref()).collect();
    criteria.sort();
    criteria.dedup();
    let repeats = |row: &MetricRow| {
        let whole = of_metric()
            .find(|whole| whole.criterion.is_none() && whole.subject == row.subject && whole.persona == row.persona);
        row.mean.is_none()
            || whole.is_some_and(|whole| (whole.mean, whole.low, whole.high) == (row.mean, row.low, row.high))
    };
    // A metric's own parts (`length` has `tokens`) are one; a rubric of one criterion is that criterion.
    criteria.len() > 1 && of_metric().filter(|row| row.criterion.is_some()).all(repeats)
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
    let order = subjects::in_order(evaluation);
    let caption = format!("{}, {}", evaluation.id, persona.map_or("all personas together".to_owned(), str::to_owned));
    let _ = write!(
        to,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n\
         <thead><tr><th scope=\"col\">metric</th>",
        caption = escape(&caption),
    );
    for subject in &order {
        let _ = write!(to, "<th scope=\"col\" class=\"right\">{}</th>", escape(&name(evaluation, *subject)));
    }
    to.push_str("</tr></thead>\n<tbody>\n");
    let mut collapsed = Vec::new();
    for (metric, criterion) in &lines {
        if criterion.is_some() && one_number(&evaluation.table, *metric) {
            if !collapsed.contains(metric) {
                collapsed.push(*metric);
                let all: Vec<&str> = lines.iter().filter(|line| line.0 == *metric).filter_map(|line| line.1).collect();
                let _ = writeln!(
                    to,
                    "<tr class=\"criterion\"><th scope=\"row\">{}</th><td colspan=\"{}\" class=\"dim\">{NOT_MEASURED}: the judge \
                     gives one number for all</td></tr>",
                    escape(&all.join(", ")),
                    order.len(),
                );
            }
            continue;
        }
        let class = if criterion.is_some() { " class=\"criterion\"" } else { "" };
        let _ = write!(to, "<tr{class}><th scope=\"row\">{}</th>", line_name(evaluation, *metric, *criterion));
        for subject in &order {
            let cell = rows
                .iter()
                .find(|row| row.subject == *subject && row.metric == *metric && row.criterion.as_deref() == *criterion);
            let _ = write!(
                to,
                "<td class=\"right\">{}</td>",
                cell.map_or_else(missing, |row| mean_cell(row, persona.is_some()))
            );
        }
        to.push_str("</tr>\n");
    }
    to.push_str("</tbody>\n</table></div>\n");
}

fn line_name(evaluation: &Evaluation, metric: usize, criterion: Option<&str>) -> String {
    match criterion {
        Some(criterion) => escape(criterion),
        None => {
            let name = evaluation.metrics.get(metric).cloned().unwrap_or_else(|| format!("metric {metric}"));
            format!("<code>{}</code>", escape(&name))
        }
    }
}

fn missing() -> String {
    format!("<span class=\"dim\">{NOT_MEASURED}</span>")
}

/// `spread`: with the middle of the samples and their upper end, which guards of a persona ask about.
fn mean_cell(row: &MetricRow, spread: bool) -> String {
    let Some(mean) = row.mean else {
        return missing();
    };
    let text = minus(&measured(mean, row.low.zip(row.high)));
    let (mean, interval) = text.split_once(' ').unwrap_or((&text, ""));
    let mut cell = format!("<b>{mean}</b> <span class=\"interval\">{interval}</span>");
    let sd = row.sd.map_or(String::new(), |sd| format!("sd {} · ", measured(sd, None)));
    let _ = write!(cell, "<br><span class=\"dim small\">{sd}n {}</span>", row.n);
    if let (true, Some(median), Some(p95)) = (spread && row.n > 1, row.median, row.p95) {
        let (median, p95) = (minus(&measured(median, None)), minus(&measured(p95, None)));
        let _ = write!(cell, "<br><span class=\"dim small\">median {median} · p95 {p95}</span>");
    }
    cell
}

/// Pooled; criteria and single personas would drown what was asked, and stand in `table.json`.
fn differences(evaluation: &Evaluation, to: &mut String) {
    let order = subjects::in_order(evaluation);
    let main = subjects::main(evaluation);
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (at, a) in order.iter().enumerate() {
        for b in &order[..at] {
            // The trained subject minus another; else the later in reading order minus the earlier.
            pairs.push(if Some(*b) == main { (*b, *a) } else { (*a, *b) });
        }
    }
    let of_main: Vec<(usize, usize)> = pairs.iter().copied().filter(|(a, _)| Some(*a) == main).collect();
    let others: Vec<(usize, usize)> = pairs.iter().copied().filter(|(a, _)| Some(*a) != main).collect();
    differences_of(evaluation, &of_main, "Paired differences", "details open", to);
    differences_of(evaluation, &others, "Paired differences between the other subjects", "details", to);
}

fn differences_of(evaluation: &Evaluation, pairs: &[(usize, usize)], caption: &str, details: &str, to: &mut String) {
    let found = |metric: usize, a: usize, b: usize| subjects::difference(evaluation, a, b, metric, None);
    let pairs: Vec<(usize, usize)> = pairs
        .iter()
        .copied()
        .filter(|(a, b)| (0..evaluation.metrics.len()).any(|metric| found(metric, *a, *b).is_some()))
        .collect();
    if pairs.is_empty() {
        return;
    }
    let _ = write!(
        to,
        "<{details}>\n<summary>{caption}</summary>\n<p class=\"dim\">Bold: the interval excludes zero.</p>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}, {id}\">\
         <table>\n<caption>{caption}, {id}</caption>\n<thead><tr><th scope=\"col\">metric</th>",
        id = escape(&evaluation.id),
    );
    for (a, b) in &pairs {
        let _ = write!(
            to,
            "<th scope=\"col\" class=\"right\">{} − {}</th>",
            escape(&name(evaluation, *a)),
            escape(&name(evaluation, *b))
        );
    }
    to.push_str("</tr></thead>\n<tbody>\n");
    for metric in 0..evaluation.metrics.len() {
        let _ = write!(to, "<tr><th scope=\"row\">{}</th>", line_name(evaluation, metric, None));
        for (a, b) in &pairs {
            let cell = found(metric, *a, *b).map_or_else(missing, |of| difference_cell(&of));
            let _ = write!(to, "<td class=\"right\">{cell}</td>");
        }
        to.push_str("</tr>\n");
    }
    to.push_str("</tbody>\n</table></div>\n</details>\n");
}

fn difference_cell(of: &Difference) -> String {
    let (mean, interval) = intervals::written(of);
    let mean = if intervals::clear(of) { format!("<b>{mean}</b>") } else { mean };
    let interval = if of.interval.is_some() { interval } else { "no interval".to_owned() };
    format!("{mean} <span class=\"interval\">{interval}</span>")
}

/// Scores that could not be had, by metric and subject. A metric that no transcript has is of all samples together.
fn voids(evaluation: &Evaluation, to: &mut String) {
    let mut found: Vec<String> = Vec::new();
    let mut names: Vec<&String> = evaluation.transcripts.iter().flat_map(|one| one.scores.keys()).collect();
    names.sort();
    names.dedup();
    for metric in names {
        let of = |subject: usize| {
            let scores = evaluation.transcripts.iter().filter(move |one| one.subject == subject);
            scores.filter_map(|one| one.scores.get(metric))
        };
        let all_void = evaluation.transcripts.iter().all(|one| one.scores.get(metric).is_none_or(Option::is_none));
        if all_void && evaluation.table.rows.iter().any(|row| row.mean.is_some() && called(evaluation, row, metric)) {
            continue;
        }
        for subject in 0..evaluation.subjects.len() {
            let (void, all) = (of(subject).filter(|score| score.is_none()).count(), of(subject).count());
            if void > 0 {
                let what = plural(all, "sample");
                found.push(format!("{metric}: {void} of {what} of {}", heading(evaluation, subject).0));
            }
        }
    }
    if evaluation.transcripts.is_empty() {
        return;
    }
    if found.is_empty() {
        to.push_str("<p class=\"dim\">No verdict is void: every sample has every score.</p>\n");
        return;
    }
    to.push_str("<h4>Void</h4>\n<p class=\"dim\">Could not be had; left out of the means, and never a 0.</p>\n<ul>\n");
    for one in found {
        let _ = writeln!(to, "<li>{}</li>", escape(&one));
    }
    to.push_str("</ul>\n");
}

fn called(evaluation: &Evaluation, row: &MetricRow, metric: &str) -> bool {
    let written = evaluation.metrics.get(row.metric).map_or("", String::as_str);
    written.split('(').next() == metric.split('#').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(criterion: Option<&str>, mean: Option<f64>) -> MetricRow {
        let criterion = criterion.map(str::to_owned);
        MetricRow {
            subject: 0,
            metric: 0,
            criterion,
            persona: None,
            mean,
            sd: None,
            low: None,
            high: None,
            median: None,
            p95: None,
            n: 3,
        }
    }

    fn table(criteria: &[(&str, Option<f64>)]) -> Table {
        let mut rows = vec![row(None, Some(70.0))];
        rows.extend(criteria.iter().map(|(name, mean)| row(Some(name), *mean)));
        Table { rows, deltas: Vec::new() }
    }

    #[test]
    fn criteria_that_repeat_the_whole_were_not_measured() {
        assert!(one_number(&table(&[("emotion", Some(70.0)), ("empathy", Some(70.0))]), 0));
        assert!(one_number(&table(&[("emotion", None), ("empathy", None)]), 0));
        assert!(!one_number(&table(&[("emotion", Some(70.0)), ("empathy", Some(71.0))]), 0));
        assert!(!one_number(&table(&[("tokens", Some(70.0))]), 0), "a rubric of one criterion is that criterion");
        assert!(!one_number(&table(&[]), 0));
    }
}
