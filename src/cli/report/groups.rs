//! How training went, in numbers: group statistics of every family, and completions as the optimiser saw them.

use std::fmt::Write as _;

use super::curves::{families, is_rewarded, quantities, value};
use super::escape::escape;
use super::intervals::minus;
use super::page::{Sample, Training};
use super::transcripts::scores;
use crate::cli::render::number;

pub fn section(trainings: &[Training], to: &mut String) {
    let families = families(trainings);
    if families.is_empty() {
        return;
    }
    to.push_str("<section id=\"training\" aria-labelledby=\"training-title\">\n<h2 id=\"training-title\">How training went</h2>\n");
    to.push_str(
        "<p class=\"dim\">First step → last step, and the mean over all. A group whose members all have one reward has no \
         variance and teaches nothing; a share clipped is of tokens whose ratio left its bounds.</p>\n",
    );
    let (rewarded, fitted): (Vec<_>, Vec<_>) = families.into_iter().partition(|family| is_rewarded(family));
    for family in &rewarded {
        let _ = writeln!(
            to,
            "<h3>{} <span class=\"dim\">{}</span></h3>",
            escape(&family[0].family),
            escape(&family[0].kind)
        );
        statistics(family, to);
        samples(family, to);
    }
    for family in &fitted {
        let (name, kind) = (escape(&family[0].family), escape(&family[0].kind));
        let _ = writeln!(to, "<details>\n<summary>{name} ({kind})</summary>");
        statistics(family, to);
        to.push_str("</details>\n");
        samples(family, to);
    }
    to.push_str("</section>\n");
}

fn statistics(family: &[&Training], to: &mut String) {
    let caption = format!("{}: first → last (mean)", family[0].family);
    let _ = write!(
        to,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n\
         <thead><tr><th scope=\"col\">of a step</th>",
        caption = escape(&caption)
    );
    for training in family {
        let _ = write!(to, "<th scope=\"col\" class=\"right\">{}</th>", escape(&training.member));
    }
    to.push_str("</tr></thead>\n<tbody>\n");
    let steps: Vec<String> = family.iter().map(|training| training.curve.len().to_string()).collect();
    row("steps", &steps, to);
    for (key, words) in quantities(family) {
        let cells: Vec<String> = family.iter().map(|training| ends(training, &key)).collect();
        row(&words, &cells, to);
    }
    to.push_str("</tbody>\n</table></div>\n");
}

fn row(name: &str, cells: &[String], to: &mut String) {
    let _ = write!(to, "<tr><th scope=\"row\">{}</th>", escape(name));
    for cell in cells {
        let _ = write!(to, "<td class=\"right\">{cell}</td>");
    }
    to.push_str("</tr>\n");
}

fn ends(training: &Training, key: &str) -> String {
    let values: Vec<f64> = training.curve.iter().filter_map(|point| value(point, key)).collect();
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return "<span class=\"dim\">not measured</span>".to_owned();
    };
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let void = training.curve.len() - values.len();
    let void = if void > 0 { format!(", {void} void") } else { String::new() };
    minus(&format!(
        "<b>{} → {}</b> <span class=\"interval\">({}{void})</span>",
        brief(*first),
        brief(*last),
        brief(mean)
    ))
}

/// Three significant digits: a step is noisy.
fn brief(value: f64) -> String {
    let rounded = format!("{value:.2e}").parse::<f64>().unwrap_or(value);
    number(if rounded.abs() < 1e-6 { 0.0 } else { rounded })
}

fn samples(family: &[&Training], to: &mut String) {
    if family.iter().all(|training| training.samples.is_empty()) {
        return;
    }
    let _ = writeln!(
        to,
        "<details>\n<summary>What {} was rewarded for: best and worst of the first and the last step</summary>",
        escape(&family[0].family)
    );
    for training in family.iter().filter(|training| !training.samples.is_empty()) {
        let _ = writeln!(to, "<h4>{}</h4>\n<div class=\"columns\" style=\"--columns: 2\">", escape(&training.member));
        training.samples.iter().for_each(|sample| one(sample, to));
        to.push_str("</div>\n");
    }
    to.push_str("</details>\n");
}

fn one(sample: &Sample, to: &mut String) {
    let shown = |value: Option<f64>| value.map_or_else(|| "void".to_owned(), |value| minus(&number(value)));
    let _ = writeln!(
        to,
        "<div class=\"subject\">\n<p class=\"of\">step {} · reward {} · advantage {}</p>\n<p class=\"dim\">{}</p>\n<p class=\"text\">{}</p>",
        sample.step,
        shown(sample.reward),
        shown(sample.advantage),
        escape(sample.prompt.trim()),
        escape(sample.text.trim())
    );
    scores(&sample.terms, "block", to);
    to.push_str("</div>\n");
}
