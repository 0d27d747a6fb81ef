//! Points and variants beside one another: every metric with its interval, the difference from the first, and one metric against another.

use std::fmt::Write as _;

use mascot_run::points::{Comparison, Setting, Value};
use plotters::prelude::*;

use super::curves::{bounds, themed};
use super::escape::escape;
use super::intervals::{self, minus};
use super::page::Difference;
use crate::cli::render::{measured, number, plural};

/// Pixels of a plot.
const SIZE: (u32, u32) = (300, 240);
const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(3, 3, 3);
const LINE: RGBColor = RGBColor(2, 2, 2);
/// Plots at most: the first metric against so many others.
const PLOTS: usize = 4;

pub fn section(comparisons: &[Comparison], to: &mut String) {
    if comparisons.is_empty() {
        return;
    }
    to.push_str(
        "<section id=\"points\" aria-labelledby=\"points-title\">\n<h2 id=\"points-title\">Points and variants</h2>\n",
    );
    to.push_str(
        "<p class=\"dim\">Points that differ in nothing but their seed are one setting. Of one seed the interval is over situations, and \
         a difference's is that of two independent means; of several it is over seeds (Student, 95%), paired where both settings \
         have the seed. Bold: the interval of the difference excludes zero.</p>\n",
    );
    for comparison in comparisons {
        let _ = writeln!(
            to,
            "<h3>{} <span class=\"dim\">{}</span></h3>",
            escape(&comparison.stage),
            escape(&comparison.subject)
        );
        table(comparison, to);
        for metric in 0..comparison.metrics.len() {
            differences(comparison, metric, to);
        }
        plots(comparison, to);
    }
    to.push_str("</section>\n");
}

/// `1`, `2`… by which a setting is known in the plots.
fn numbered(at: usize) -> String {
    (at + 1).to_string()
}

fn seeds(setting: &Setting) -> String {
    match setting.seeds.as_slice() {
        [one] if one.is_empty() => String::new(),
        [one] => format!("seed {one}"),
        several => format!("{}: {}", plural(several.len(), "seed"), several.join(", ")),
    }
}

fn table(comparison: &Comparison, to: &mut String) {
    let caption = format!("{}, {} at every point", comparison.stage, comparison.subject);
    let _ = write!(
        to,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\n<caption>{caption}</caption>\n\
         <thead><tr><th scope=\"col\" class=\"right\">no.</th><th scope=\"col\">point</th>",
        caption = escape(&caption),
    );
    for metric in &comparison.metrics {
        let _ = write!(to, "<th scope=\"col\" class=\"right\"><code>{}</code></th>", escape(metric));
    }
    to.push_str("</tr></thead>\n<tbody>\n");
    for (at, setting) in comparison.settings.iter().enumerate() {
        let _ = write!(
            to,
            "<tr><td class=\"right\">{}</td><th scope=\"row\">{}<br><span class=\"dim small\">{}</span></th>",
            numbered(at),
            escape(&setting.name),
            escape(&seeds(setting)),
        );
        for value in &setting.means {
            let cell = value.map_or_else(|| "<span class=\"dim\">not measured</span>".to_owned(), cell);
            let _ = write!(to, "<td class=\"right\">{cell}</td>");
        }
        to.push_str("</tr>\n");
    }
    to.push_str("</tbody>\n</table></div>\n");
}

fn cell(value: Value) -> String {
    let text = minus(&measured(value.mean, value.interval));
    let (mean, interval) = text.split_once(' ').unwrap_or((&text, ""));
    format!("<b>{mean}</b> <span class=\"interval\">{interval}</span>")
}

/// Every setting minus the first, by one metric, with bars beside zero; the first metric's stand open.
fn differences(comparison: &Comparison, metric: usize, to: &mut String) {
    let of = |value: Value| Difference { mean: value.mean, interval: value.interval, n: value.seeds };
    let rows: Vec<(String, Difference)> = (comparison.settings.iter().enumerate().skip(1))
        .filter_map(|(at, setting)| {
            Some((format!("{} {}", numbered(at), setting.name), of(setting.differences[metric]?)))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let scale = intervals::scale(rows.iter().map(|(_, of)| of));
    let (first, called) = (&comparison.settings[0].name, &comparison.metrics[metric]);
    let _ = writeln!(
        to,
        "<details{open}>\n<summary><code>{called}</code> beside {first}</summary>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"differences, {called}\"><table class=\"forest\">\n\
         <caption><code>{called}</code>, minus that of {first}</caption>\n\
         <thead><tr><th scope=\"col\">point</th><th scope=\"col\" class=\"right\">mean</th>\
         <th scope=\"col\" class=\"right\">interval</th><th scope=\"col\" class=\"right\">shared seeds</th>\
         <th scope=\"col\" class=\"bar\">beside zero</th></tr></thead>\n<tbody>",
        open = if metric == 0 { " open" } else { "" },
        called = escape(called),
        first = escape(first),
    );
    for (name, of) in &rows {
        let class = if intervals::clear(of) { " class=\"clear\"" } else { "" };
        let (mean, interval) = intervals::written(of);
        let _ = writeln!(
            to,
            "<tr{class}><th scope=\"row\">{}</th><td class=\"right\">{mean}</td><td class=\"right\">{interval}</td>\
             <td class=\"right\">{}</td><td class=\"bar\">{}</td></tr>",
            escape(name),
            of.n,
            intervals::bar(of, scale),
        );
    }
    to.push_str("</tbody>\n</table></div>\n</details>\n");
}

/// What an axis shows: every mean, and of the intervals as much as the middle one has. That of two seeds may be as wide as all others
/// together: it is cut at the edge, and stands in the table.
fn range(values: impl Iterator<Item = (f64, [f64; 2])>) -> (f64, f64) {
    let values: Vec<(f64, [f64; 2])> = values.collect();
    let mut widths: Vec<f64> = values.iter().map(|(_, [from, to])| to - from).collect();
    widths.sort_by(f64::total_cmp);
    let half = 0.5 * widths[widths.len() / 2];
    bounds(values.iter().flat_map(|(mean, [from, to])| [from.max(mean - half), to.min(mean + half), *mean]))
}

/// The first metric (up) against each of the next (across).
fn plots(comparison: &Comparison, to: &mut String) {
    let drawn: Vec<String> =
        (1..comparison.metrics.len()).take(PLOTS).filter_map(|across| plot(comparison, across)).collect();
    if drawn.is_empty() {
        return;
    }
    let _ = writeln!(
        to,
        "<h4>One metric against another</h4>\n<p class=\"dim\">Up: <code>{}</code>. Each point with both of its intervals, by its \
         number in the table above.</p>\n<div class=\"panels\">\n{}</div>",
        escape(&comparison.metrics[0]),
        drawn.concat(),
    );
}

fn plot(comparison: &Comparison, across: usize) -> Option<String> {
    let dots: Vec<(String, Value, Value)> = (comparison.settings.iter().enumerate())
        .filter_map(|(at, setting)| Some((numbered(at), setting.means[across]?, setting.means[0]?)))
        .collect();
    if dots.len() < 2 {
        return None;
    }
    let words = format!("{} across, {} up", comparison.metrics[across], comparison.metrics[0]);
    let told: Vec<String> =
        dots.iter().map(|(name, x, y)| format!("{name}: {}, {}", number(x.mean), number(y.mean))).collect();
    let mut svg = String::new();
    draw(&dots, &mut svg).ok()?;
    let label = format!("role=\"img\" aria-label=\"{}\"", escape(&format!("{words}. {}.", told.join("; "))));
    let caption = format!("<code>{}</code> across", escape(&comparison.metrics[across]));
    Some(format!("<figure><figcaption>{caption}</figcaption>\n{}</figure>\n", themed(&svg, SIZE, &label)))
}

fn draw(dots: &[(String, Value, Value)], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let ends = |value: &Value| {
        let (low, high) = value.interval.unwrap_or((value.mean, value.mean));
        [low.min(value.mean), high.max(value.mean)]
    };
    let (left, right) = range(dots.iter().map(|(_, x, _)| (x.mean, ends(x))));
    let (low, high) = range(dots.iter().map(|(_, _, y)| (y.mean, ends(y))));
    let cut = |[from, to]: [f64; 2], least: f64, most: f64| [from.max(least), to.min(most)];
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(48)
        .build_cartesian_2d(left..right, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(5)
        .y_labels(5)
        .label_style(("sans-serif", 12).into_font().color(&INK))
        .x_label_formatter(&|value| minus(&number(*value)))
        .y_label_formatter(&|value| minus(&number(*value)))
        .draw()?;
    for (name, x, y) in dots {
        let ([from, to], [under, over]) = (cut(ends(x), left, right), cut(ends(y), low, high));
        let thin = LINE.stroke_width(1);
        chart.draw_series([
            PathElement::new(vec![(from, y.mean), (to, y.mean)], thin),
            PathElement::new(vec![(x.mean, under), (x.mean, over)], thin),
        ])?;
        chart.draw_series([Circle::new((x.mean, y.mean), 4, LINE.filled())])?;
        let style = ("sans-serif", 13).into_font().color(&INK);
        chart.draw_series([EmptyElement::at((x.mean, y.mean)) + Text::new(name.clone(), (6, -16), style)])?;
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(())
}
