//! A difference for the terminal, for a pull request, and for programs.

use std::fmt::Write as _;

use mascot_lang::diff::Change;
use mascot_run::plan::Likely;
use serde_json::{Value, json};

use super::plan::around_difference;
use super::table::shorten;
use super::{Paint, count, duration, plural};
use crate::cli::diff::{Compared, Verdict};

/// Rows of a pull request's comment before the rest is folded away.
const ROWS: usize = 12;

pub fn document(compared: &Compared) -> Value {
    let change = |one: &Change| {
        json!({
            "entity": one.entity, "field": one.field, "class": one.class.word(), "from": one.from, "to": one.to,
            "renamed_from": one.renamed_from,
        })
    };
    let likely = |one: &Option<Likely>| one.map(|one| json!({"low": one.low, "likely": one.likely, "high": one.high}));
    json!({
        "verdict": compared.verdict.word(), "class": compared.class, "because": compared.because,
        "changes": compared.changes.iter().map(change).collect::<Vec<_>>(), "reruns": compared.reruns, "tasks": compared.tasks,
        "estimate": {"tokens": likely(&compared.tokens), "seconds": likely(&compared.seconds), "basis": "sizes", "unknown": compared.unknown},
    })
}

pub fn human(compared: &Compared, paint: Paint) -> String {
    let mut to = format!("{} → {}\n\n", compared.a, compared.b);
    let verdict = match compared.verdict {
        Verdict::Identical => paint.green("identical"),
        Verdict::Comparable => paint.green("comparable"),
        Verdict::NotComparable => paint.red("not comparable"),
    };
    let _ = writeln!(to, "{verdict} ({}): {}", compared.class, compared.because);
    if !compared.changes.is_empty() {
        to.push('\n');
    }
    for one in &compared.changes {
        let _ = writeln!(to, "{:<10} {} {}", one.class.word(), paint.bold(&one.entity), one.field);
        let (from, two) = both(one);
        match &one.renamed_from {
            Some(before) => {
                let _ = writeln!(to, "           renamed from {before}");
            }
            None => {
                let _ = writeln!(to, "           {} → {}", paint.red_quiet(&from), paint.green(&two));
            }
        }
    }
    if !compared.reruns.is_empty() {
        let _ = writeln!(to, "\nre-runs {} of {}", compared.reruns.len(), plural(compared.tasks, "task"));
        let _ = writeln!(to, "  {}", compared.reruns.join(", "));
        let _ = writeln!(to, "  {}", paint.dim(&cost(compared)));
    }
    to
}

/// Short enough to read in a pull request; what is long is folded.
pub fn markdown(compared: &Compared) -> String {
    let verdict = match compared.verdict {
        Verdict::Identical => "✅ **identical**",
        Verdict::Comparable => "✅ **comparable**",
        Verdict::NotComparable => "⚠️ **not comparable**",
    };
    let mut to = format!("### `{}`\n\n{verdict} ({}): {}\n", compared.b, compared.class, escaped(&compared.because));
    let row = |one: &Change, to: &mut String| {
        let (from, two) = match &one.renamed_from {
            Some(before) => (format!("renamed from {before}"), String::new()),
            None => both(one),
        };
        let _ = writeln!(
            to,
            "| {} | {} | {} | {} | {} |",
            one.class.word(),
            escaped(&one.entity),
            escaped(&one.field),
            escaped(&from),
            escaped(&two)
        );
    };
    let head = "| class | entity | field | from | to |\n|---|---|---|---|---|\n";
    if !compared.changes.is_empty() {
        let _ = write!(to, "\n{head}");
        compared.changes.iter().take(ROWS).for_each(|one| row(one, &mut to));
    }
    if let Some(rest) = compared.changes.get(ROWS..).filter(|rest| !rest.is_empty()) {
        let _ = write!(to, "\n<details><summary>{} more</summary>\n\n{head}", rest.len());
        rest.iter().for_each(|one| row(one, &mut to));
        to.push_str("\n</details>\n");
    }
    if compared.reruns.is_empty() {
        to.push_str("\nNothing re-runs.\n");
    } else {
        let _ = writeln!(
            to,
            "\n<details><summary>re-runs {} of {}; {}</summary>\n\n{}\n\n</details>",
            compared.reruns.len(),
            plural(compared.tasks, "task"),
            cost(compared),
            compared.reruns.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" "),
        );
    }
    to
}

fn cost(compared: &Compared) -> String {
    let between = |one: &Option<Likely>, of: &dyn Fn(f64) -> String| match one {
        Some(one) => format!("{} – {}", of(one.low), of(one.high)),
        None => "unknown".to_owned(),
    };
    let (tokens, time) = (between(&compared.tokens, &count), between(&compared.seconds, &duration));
    let unknown = match compared.unknown {
        0 => String::new(),
        n => format!(", and {} of unknown size", plural(n, "task")),
    };
    format!("tokens {tokens}, time {time}, by the sizes in the file{unknown}")
}

/// Both values, cut to where they differ.
fn both(one: &Change) -> (String, String) {
    match (&one.from, &one.to) {
        (Some(from), Some(to)) => around_difference(from, to),
        (from, to) => {
            let shown = |value: &Option<String>| value.as_ref().map_or("none".to_owned(), |value| shorten(value, 100));
            (shown(from), shown(to))
        }
    }
}

/// Text in a cell of a table: no markup, no new column.
fn escaped(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::with_capacity(flat.len());
    for letter in flat.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '@' | '#' => {
                out.push('\\');
                out.push(letter);
            }
            letter => out.push(letter),
        }
    }
    out
}
