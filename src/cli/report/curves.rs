//! Training curves, drawn as SVG by plotters: the reward, each of its terms, and what keeps it honest, each on its own
//! scale. Small multiples rather than one chart: terms have different units, and one scale would hide the small ones.
//! Members of a family share a panel; they differ by colour and by mark.

use std::fmt::Write as _;

use plotters::prelude::*;

use super::escape::escape;
use super::page::{CurvePoint, Training};
use crate::cli::render::number;

/// Pixels of one panel.
const SIZE: (u32, u32) = (300, 170);
/// Colours that the style sheet replaces, so that a panel follows the page's light or dark.
const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(3, 3, 3);
/// Of the members of a family, in their order; then again from the first.
const LINES: [(RGBColor, &str); 4] = [
    (RGBColor(2, 2, 2), "--line"),
    (RGBColor(4, 4, 4), "--line-2"),
    (RGBColor(5, 5, 5), "--line-3"),
    (RGBColor(6, 6, 6), "--line-4"),
];
const MARKS: [&str; 4] = ["●", "▲", "✕", "●"];

/// One quantity of one member over the steps.
struct Line<'a> {
    member: &'a str,
    points: Vec<(f64, f64)>,
}

pub fn section(trainings: &[Training], to: &mut String) {
    let families = families(trainings);
    if families.is_empty() {
        return;
    }
    to.push_str(
        "<section id=\"curves\" aria-labelledby=\"curves-title\">\n<h2 id=\"curves-title\">Training curves</h2>\n",
    );
    to.push_str(
        "<p class=\"dim\">Across: optimiser steps. Each term of a reward on its own scale, as the judge or model gave it; \
         the same numbers stand in the table of training below.</p>\n",
    );
    // Rewards first: they are what was optimised, and where an exploit shows.
    let (rewarded, fitted): (Vec<_>, Vec<_>) = families.into_iter().partition(|family| is_rewarded(family));
    rewarded.iter().for_each(|family| panels(family, to));
    if !fitted.is_empty() {
        let open = if rewarded.is_empty() { " open" } else { "" };
        let _ = writeln!(to, "<details{open}>\n<summary>Supervised stages</summary>");
        fitted.iter().for_each(|family| panels(family, to));
        to.push_str("</details>\n");
    }
    to.push_str("</section>\n");
}

/// Trainings of one stage at one point, in the order of the run.
pub fn families(trainings: &[Training]) -> Vec<Vec<&Training>> {
    let mut families: Vec<Vec<&Training>> = Vec::new();
    for training in trainings {
        match families.iter_mut().find(|family| family[0].family == training.family) {
            Some(family) => family.push(training),
            None => families.push(vec![training]),
        }
    }
    families
}

pub fn is_rewarded(family: &[&Training]) -> bool {
    family.iter().any(|training| training.curve.iter().any(|point| point.number("reward").is_some()))
}

/// What is drawn of a family, in this order: the reward, its terms by name, then what else a step tells. Key and words.
pub fn quantities(family: &[&Training]) -> Vec<(String, String)> {
    let points = || family.iter().flat_map(|training| &training.curve);
    let mut terms: Vec<&String> = points().flat_map(|point| point.terms.keys()).collect();
    terms.sort();
    terms.dedup();
    let mut all = vec![("reward".to_owned(), "reward".to_owned())];
    all.extend(terms.into_iter().map(|name| (format!("terms.{name}"), format!("term: {name}"))));
    let known = [
        ("loss", "loss"),
        ("accuracy", "accuracy in the batch"),
        ("kl", "KL to the reference"),
        ("clip_fraction", "share of tokens clipped"),
        ("zero_variance", "share of groups without variance"),
        ("grad_norm", "gradient norm"),
        ("length", "tokens a completion"),
        ("finished", "share finished"),
        ("lr", "learning rate"),
    ];
    all.extend(known.map(|(key, words)| (key.to_owned(), words.to_owned())));
    let mut others: Vec<&String> = points().flat_map(|point| point.numbers.keys()).collect();
    others.retain(|name| {
        !all.iter().any(|(known, _)| known == *name) && !["tokens", "seconds", "step"].contains(&name.as_str())
    });
    others.sort();
    others.dedup();
    let others: Vec<(String, String)> = others.into_iter().map(|name| (name.clone(), name.replace('_', " "))).collect();
    all.extend(others);
    all.retain(|(key, _)| points().any(|point| value(point, key).is_some()));
    all
}

/// A quantity of a step, by the key that [`quantities`] gives.
pub fn value(point: &CurvePoint, key: &str) -> Option<f64> {
    match key.strip_prefix("terms.") {
        Some(term) => point.terms.get(term).copied().flatten().filter(|value| value.is_finite()),
        None => point.number(key),
    }
}

/// The SVG of plotters with the page's colours, as wide as its place; `attributes` say what it is to a reader who hears it.
pub fn themed(svg: &str, size: (u32, u32), attributes: &str) -> String {
    let fixed = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    let mut themed = svg.replace("#010101", "currentColor").replace("#030303", "var(--grid)");
    for (RGBColor(red, green, blue), name) in LINES {
        themed = themed.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), &format!("var({name})"));
    }
    // Nothing to fetch: an SVG inside HTML needs no name space.
    let themed = themed.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
    themed.replacen(&fixed, attributes, 1).trim_end().to_owned()
}

fn panels(family: &[&Training], to: &mut String) {
    let first = family[0];
    let _ = writeln!(to, "<h3>{} <span class=\"dim\">{}</span></h3>", escape(&first.family), escape(&first.kind));
    if family.len() > 1 {
        to.push_str("<ul class=\"key\">\n");
        for (at, training) in family.iter().enumerate() {
            let (_, colour) = LINES[at % LINES.len()];
            let _ = writeln!(
                to,
                "<li><span aria-hidden=\"true\" style=\"color: var({colour})\">{}</span> {}</li>",
                MARKS[at % MARKS.len()],
                escape(&training.member)
            );
        }
        to.push_str("</ul>\n");
    }
    to.push_str("<div class=\"panels\">\n");
    let mut still = Vec::new();
    for (key, words) in quantities(family) {
        let lines: Vec<Line<'_>> = family.iter().map(|training| line(training, &key)).collect();
        // A line that never moves says as much in words.
        if let Some(value) = constant(&lines) {
            still.push(format!("{words} {}", super::intervals::minus(&number(value))));
            continue;
        }
        let _ = writeln!(to, "<figure><figcaption>{}</figcaption>\n{}</figure>", escape(&words), drawn(&words, &lines));
    }
    to.push_str("</div>\n");
    if !still.is_empty() {
        let _ = writeln!(to, "<p class=\"dim\">The same at every step: {}.</p>", escape(&still.join("; ")));
    }
}

/// The one value of all points, where there are several and they do not differ.
fn constant(lines: &[Line<'_>]) -> Option<f64> {
    let mut points = lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let first = points.next()?;
    (lines.iter().any(|line| line.points.len() > 1) && points.all(|value| value == first)).then_some(first)
}

fn line<'a>(training: &'a Training, key: &str) -> Line<'a> {
    let points = training.curve.iter().filter_map(|point| Some((point.step as f64, value(point, key)?)));
    Line { member: &training.member, points: points.collect() }
}

fn drawn(words: &str, lines: &[Line<'_>]) -> String {
    let mut svg = String::new();
    if chart(lines, &mut svg).is_err() {
        return "<p class=\"dim\">could not be drawn</p>".to_owned();
    }
    themed(&svg, SIZE, &format!("role=\"img\" aria-label=\"{}\"", escape(&told(words, lines))))
}

/// `reward. The Anchor: 0.36 at step 0, 0.22 at step 9, between 0.2 and 0.5.`
fn told(words: &str, lines: &[Line<'_>]) -> String {
    let mut text = format!("{words}.");
    for line in lines {
        let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else {
            let _ = write!(text, " {}: not measured.", line.member);
            continue;
        };
        let low = line.points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let high = line.points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
        let _ = write!(
            text,
            " {}: {} at step {:.0}, {} at step {:.0}, between {} and {}.",
            line.member,
            number(first.1),
            first.0,
            number(last.1),
            last.0,
            number(low),
            number(high)
        );
    }
    text
}

fn chart(lines: &[Line<'_>], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (low, high) = bounds(points().map(|point| point.1));
    let first = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let last = points().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max);
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(6)
        .x_label_area_size(22)
        .y_label_area_size(46)
        .build_cartesian_2d(first..last.max(first + 1.0), low..high)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(5)
        .y_labels(4)
        .label_style(("sans-serif", 12).into_font().color(&INK))
        .x_label_formatter(&|step| format!("{step:.0}"))
        .y_label_formatter(&|value| {
            // Sums of steps miss zero by a hair.
            let value = if value.abs() < (high - low) * 1e-9 { 0.0 } else { *value };
            super::intervals::minus(&number(value))
        })
        .draw()?;
    for (at, line) in lines.iter().enumerate() {
        let colour = LINES[at % LINES.len()].0;
        chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?;
        if line.points.len() > 40 {
            continue;
        }
        let points = line.points.iter().copied();
        match at % MARKS.len() {
            1 => drop(chart.draw_series(points.map(|point| TriangleMarker::new(point, 4, colour.filled())))?),
            2 => drop(chart.draw_series(points.map(|point| Cross::new(point, 3, colour.stroke_width(2))))?),
            _ => drop(chart.draw_series(points.map(|point| Circle::new(point, 3, colour.filled())))?),
        }
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(())
}

/// A little air above and below; a flat line stands in the middle.
pub fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let air = if high > low { (high - low) * 0.08 } else { high.abs().max(1.0) * 0.1 };
    (low - air, high + air)
}
