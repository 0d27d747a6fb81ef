//! Points and variants beside one another, in the terminal: every metric, and how far the first lies from that of the first point.

use std::fmt::Write as _;

use mascot_run::points::{Comparison, Value};

use super::table::{Table, shorten};
use super::{Paint, measured};

/// A table an evaluation; nothing when there is one point alone.
pub fn text(comparisons: &[Comparison], paint: Paint) -> String {
    let mut text = String::new();
    for comparison in comparisons {
        one(comparison, paint, &mut text);
    }
    text
}

fn one(comparison: &Comparison, paint: Paint, to: &mut String) {
    let Comparison { stage, subject, metrics, settings } = comparison;
    let first = &settings[0].name;
    let _ = writeln!(to, "\n{}  {}", paint.bold(&format!("{stage} by point")), paint.dim(subject));
    let names: Vec<String> = metrics.iter().map(|name| shorten(name, 30)).collect();
    let beside = format!("{} beside {first}", names.first().map_or("", String::as_str));
    let mut header = vec!["  point", "seeds"];
    header.extend(names.iter().map(String::as_str));
    header.push(&beside);
    let right: Vec<usize> = (2..header.len()).collect();
    let mut table = Table::new(&header).right(&right);
    for setting in settings {
        let shown = |value: &Option<Value>| value.map_or_else(|| "–".to_owned(), |of| measured(of.mean, of.interval));
        let mut cells = vec![format!("  {}", shorten(&setting.name, 48)), setting.seeds.join(" ")];
        cells.extend(setting.means.iter().map(shown));
        let difference = setting.differences.first().copied().flatten();
        cells.push(difference.map_or_else(String::new, |of| {
            let text = measured(of.mean, of.interval);
            let clear = of.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0);
            let signed = if of.mean > 0.0 { format!("+{text}") } else { text };
            if clear { paint.bold(&signed) } else { signed }
        }));
        table.row_of(cells);
    }
    to.push_str(&table.text());
}
