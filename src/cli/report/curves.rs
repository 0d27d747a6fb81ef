//! Training curves, drawn as SVG by plotters: the reward, each of its terms, and what keeps it honest, each on its own
//! scale. Small multiples rather than one chart: terms have different units, and one scale would hide the small ones.

use std::fmt::Write as _;

use plotters::prelude::*;

use super::escape::escape;
use super::{CurvePoint, Training};
use crate::cli::render::number;

/// Pixels of one panel.
const SIZE: (u32, u32) = (300, 170);
/// Colours that the style sheet replaces, so that a panel follows the page's light or dark.
const INK: RGBColor = RGBColor(1, 1, 1);
const LINE: RGBColor = RGBColor(2, 2, 2);
const GRID: RGBColor = RGBColor(3, 3, 3);

/// One quantity over the steps of a task.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

pub fn section(trainings: &[Training], to: &mut String) {
    let drawn: Vec<(&Training, Vec<Series>)> = trainings
        .iter()
        .map(|training| (training, series(&training.curve)))
        .filter(|(_, series)| !series.is_empty())
        .collect();
    if drawn.is_empty() {
        return;
    }
    to.push_str("<section>\n<h2>Training curves</h2>\n");
    to.push_str("<p class=\"dim\">Across: optimiser steps. Each term of a reward on its own scale, as the judge or model gave it.</p>\n");
    // Rewards first: they are what was optimised, and where an exploit shows.
    let (rewarded, fitted): (Vec<_>, Vec<_>) = drawn.into_iter().partition(|(_, series)| series[0].name == "reward");
    for (training, series) in &rewarded {
        panels(training, series, to);
    }
    if !fitted.is_empty() {
        let _ = writeln!(
            to,
            "<details{}>\n<summary>Supervised stages</summary>",
            if rewarded.is_empty() { " open" } else { "" }
        );
        for (training, series) in &fitted {
            panels(training, series, to);
        }
        to.push_str("</details>\n");
    }
    to.push_str("</section>\n");
}

fn panels(training: &Training, series: &[Series], to: &mut String) {
    let _ = writeln!(
        to,
        "<h3>{} <span class=\"dim\">{}</span></h3>\n<div class=\"panels\">",
        escape(&training.id),
        escape(&training.kind)
    );
    for one in series {
        let last = one
            .points
            .last()
            .map_or(String::new(), |(_, value)| format!(" <span class=\"dim\">{}</span>", number(*value)));
        let _ = writeln!(to, "<figure><figcaption>{}{last}</figcaption>\n{}</figure>", escape(&one.name), draw(one));
    }
    to.push_str("</div>\n");
}

/// Reward, its terms by name, then loss, KL, length, share finished. What was never measured is not drawn.
fn series(curve: &[CurvePoint]) -> Vec<Series> {
    let of = |name: &str, value: &dyn Fn(&CurvePoint) -> Option<f64>| {
        let points: Vec<(f64, f64)> = curve
            .iter()
            .filter_map(|point| value(point).filter(|value| value.is_finite()).map(|value| (point.step as f64, value)))
            .collect();
        (!points.is_empty()).then(|| Series { name: name.to_owned(), points })
    };
    let mut names: Vec<&String> = curve.iter().flat_map(|point| point.terms.keys()).collect();
    names.sort();
    names.dedup();
    let mut all = vec![of("reward", &|point| point.reward)];
    all.extend(names.iter().map(|name| of(name, &|point| point.terms.get(*name).copied().flatten())));
    all.push(of("loss", &|point| point.loss));
    all.push(of("KL to the reference", &|point| point.kl));
    all.push(of("tokens a completion", &|point| point.length));
    all.push(of("share finished", &|point| point.finished));
    all.into_iter().flatten().collect()
}

fn draw(series: &Series) -> String {
    let mut svg = String::new();
    let drawn = chart(series, &mut svg);
    if drawn.is_err() {
        return "<p class=\"dim\">could not be drawn</p>".to_owned();
    }
    let (width, height) = SIZE;
    svg.replace("#010101", "currentColor").replace("#020202", "var(--line)").replace("#030303", "var(--grid)").replacen(
        &format!("width=\"{width}\" height=\"{height}\""),
        "role=\"img\"",
        1,
    )
}

fn chart(series: &Series, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let (low, high) = bounds(series.points.iter().map(|point| point.1));
    let (first, last) = (series.points[0].0, series.points[series.points.len() - 1].0);
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
        .label_style(("sans-serif", 11).into_font().color(&INK))
        .x_label_formatter(&|step| format!("{step:.0}"))
        .y_label_formatter(&|value| number(*value))
        .draw()?;
    chart.draw_series(LineSeries::new(series.points.iter().copied(), LINE.stroke_width(2)))?;
    if series.points.len() <= 40 {
        chart.draw_series(series.points.iter().map(|point| Circle::new(*point, 2, LINE.filled())))?;
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(())
}

/// A little air above and below; a flat line stands in the middle.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let air = if high > low { (high - low) * 0.08 } else { high.abs().max(1.0) * 0.1 };
    (low - air, high + air)
}
