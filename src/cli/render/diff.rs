//! A difference for the terminal, for a pull request, and for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mascot_lang::diff::Change;
use mascot_run::compare::{Verdict, class_word};
use mascot_run::plan::Likely;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::plan::around_difference;
use super::table::shorten;
use super::{Paint, count, duration, plural};
use crate::cli::diff::Compared;

/// Rows of a pull request's comment before the rest is folded away.
const ROWS: usize = 12;
/// Words shown on either side of those that differ.
const AROUND: usize = 3;

/// Of one comparison.
pub fn document(compared: &Compared) -> Value {
    let found = &compared.found;
    let change = |one: &Change| {
        let words = one.words.map(|(from, to)| json!({"from": from, "to": to}));
        json!({
            "entity": one.entity, "field": one.field, "class": one.class.word(), "from": one.from, "to": one.to,
            "renamed_from": one.renamed_from, "words": words,
        })
    };
    let likely = |one: &Option<Likely>| one.map(|one| json!({"low": one.low, "likely": one.likely, "high": one.high}));
    let cost = &found.cost;
    json!({
        "a": compared.a, "b": compared.b,
        "verdict": found.verdict.word(), "class": class_word(found.class), "because": found.because,
        "changes": found.changes.iter().map(change).collect::<Vec<_>>(), "reruns": compared.reruns, "tasks": compared.tasks,
        "estimate": {
            "tokens": likely(&cost.tokens), "seconds": likely(&cost.seconds), "usd": likely(&cost.usd),
            "basis": cost.basis(), "unknown": cost.unknown_tokens.max(cost.unknown_seconds), "lacking": cost.lacking,
        },
    })
}

/// Of several: the strictest of all, every change once, and each comparison by itself.
pub fn documents(all: &[Compared]) -> Value {
    let files: Vec<Value> = all.iter().map(document).collect();
    let mut changes: Vec<&Value> = Vec::new();
    for one in files.iter().filter_map(|file| file["changes"].as_array()).flatten() {
        if !changes.contains(&one) {
            changes.push(one);
        }
    }
    // Of several, each id with its file.
    let of_file = |one: &Compared, id: &String| match all {
        [_] => id.clone(),
        _ => format!("{} {id}", file_of(one)),
    };
    let reruns = all.iter().flat_map(|one| one.reruns.iter().map(move |id| of_file(one, id)));
    let worst = worst(all);
    json!({
        "verdict": worst.map_or("identical", |one| one.found.verdict.word()), "class": class_word(strictest(all)),
        "because": worst.map(|one| one.found.because.clone()), "changes": changes, "reruns": reruns.collect::<Vec<_>>(),
        "files": files,
    })
}

fn worst(all: &[Compared]) -> Option<&Compared> {
    all.iter().rev().max_by_key(|one| one.found.verdict)
}

fn strictest(all: &[Compared]) -> Option<mascot_lang::diff::Class> {
    all.iter().filter_map(|one| one.found.class).min()
}

pub fn human(compared: &Compared, paint: Paint) -> String {
    let found = &compared.found;
    let mut to = format!("{} → {}\n\n", compared.a, compared.b);
    let verdict = match found.verdict {
        Verdict::Identical => paint.green("identical"),
        Verdict::Comparable => paint.green("comparable"),
        Verdict::NotComparable => paint.red("not comparable"),
    };
    let _ = writeln!(to, "{verdict} ({}): {}", class_word(found.class), found.because);
    if !found.changes.is_empty() {
        to.push('\n');
    }
    for one in &found.changes {
        let _ = writeln!(to, "{:<10} {} {}", one.class.word(), paint.bold(&one.entity), one.field);
        let told = match (&one.renamed_from, by_words(one)) {
            (Some(before), _) => format!("renamed from {before}"),
            (None, Some(parts)) => {
                let mark = |(tag, words): (ChangeTag, String)| match tag {
                    ChangeTag::Equal => words,
                    ChangeTag::Delete => paint.red_quiet(&format!("[-{words}-]")),
                    ChangeTag::Insert => paint.green(&format!("{{+{words}+}}")),
                };
                parts.into_iter().map(mark).collect::<Vec<_>>().join(" ")
            }
            (None, None) => {
                let (from, two) = both(one);
                format!("{} → {}", paint.red_quiet(&from), paint.green(&two))
            }
        };
        let _ = writeln!(to, "           {told}{}", paint.dim(&counted(one)));
    }
    if !compared.reruns.is_empty() {
        let _ = writeln!(to, "\nre-runs {} of {}", compared.reruns.len(), plural(compared.tasks, "task"));
        let _ = writeln!(to, "  {}", compared.reruns.join(", "));
        for line in cost(compared) {
            let _ = writeln!(to, "  {}", paint.dim(&line));
        }
    }
    to
}

/// Short enough to read in a pull request: a table of the experiments, a table of the changes, and what is long folded.
pub fn markdown(all: &[Compared]) -> String {
    if all.is_empty() {
        return "### What this edit means\n\nNo experiment differs.\n".to_owned();
    }
    let mut to = "### What this edit means\n\n".to_owned();
    let mark = |one: &Compared| match one.found.verdict {
        Verdict::Identical => "✅ identical",
        Verdict::Comparable => "✅ comparable",
        Verdict::NotComparable => "⚠️ **not comparable**",
    };
    to.push_str("| experiment | old and new numbers | strictest change | re-runs | cost |\n|---|---|---|---|---|\n");
    for one in all {
        let cost = if one.reruns.is_empty() { "nothing".to_owned() } else { spent(one) };
        let _ = writeln!(
            to,
            "| `{}` | {} | {} | {} of {} | {cost} |",
            file_of(one),
            mark(one),
            class_word(one.found.class),
            one.reruns.len(),
            plural(one.tasks, "task")
        );
    }
    // The same reason is said once.
    let mut said = BTreeSet::new();
    to.push('\n');
    for one in all.iter().filter(|one| said.insert(one.found.because.clone())) {
        let _ = writeln!(to, "{}: {}.", mark(one), sentence(&one.found.because));
    }
    changes(all, &mut to);
    for one in all.iter().filter(|one| !one.reruns.is_empty()) {
        let _ = writeln!(
            to,
            "\n<details><summary>{} re-runs {} of {}</summary>\n\n{}\n\n{}\n\n</details>",
            file_of(one),
            one.reruns.len(),
            plural(one.tasks, "task"),
            one.reruns.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" "),
            cost(one).iter().map(|line| format!("- {}", sentence(line))).collect::<Vec<_>>().join("\n"),
        );
    }
    to
}

/// What is compared, without its revision.
fn file_of(one: &Compared) -> &str {
    one.b.split_once(':').map_or(one.b.as_str(), |(_, file)| file)
}

/// Every change once, however many experiments it reaches.
fn changes(all: &[Compared], to: &mut String) {
    let mut each: Vec<&Change> = Vec::new();
    for one in all.iter().flat_map(|one| &one.found.changes) {
        let alike = |known: &&&Change| {
            (&known.entity, &known.field, &known.from, &known.to) == (&one.entity, &one.field, &one.from, &one.to)
        };
        match each.iter().position(|known| alike(&known)) {
            // As strict as where it is strictest.
            Some(at) if each[at].class > one.class => each[at] = one,
            Some(_) => {}
            None => each.push(one),
        }
    }
    each.sort();
    let row = |one: &Change, to: &mut String| {
        let what = match (&one.renamed_from, by_words(one)) {
            (Some(before), _) => format!("renamed from {}", escaped(before)),
            (None, Some(parts)) => {
                let mark = |(tag, words): (ChangeTag, String)| match tag {
                    ChangeTag::Equal => escaped(&words),
                    ChangeTag::Delete => format!("~~{}~~", escaped(&words)),
                    ChangeTag::Insert => format!("**{}**", escaped(&words)),
                };
                parts.into_iter().map(mark).collect::<Vec<_>>().join(" ")
            }
            (None, None) => {
                let (from, two) = both(one);
                format!("{} → {}", escaped(&from), escaped(&two))
            }
        };
        let place = format!("{} {}", escaped(&one.entity), escaped(&one.field));
        let _ = writeln!(to, "| {} | {} | {what}{} |", one.class.word(), place.trim_end(), counted(one));
    };
    let head = "| class | where | what |\n|---|---|---|\n";
    if !each.is_empty() {
        let _ = write!(to, "\n{head}");
        each.iter().take(ROWS).for_each(|one| row(one, to));
    }
    if let Some(rest) = each.get(ROWS..).filter(|rest| !rest.is_empty()) {
        let _ = write!(to, "\n<details><summary>{} more</summary>\n\n{head}", rest.len());
        rest.iter().for_each(|one| row(one, to));
        to.push_str("\n</details>\n");
    }
}

/// Time and tokens, likely.
fn spent(compared: &Compared) -> String {
    let cost = &compared.found.cost;
    let of = |unknown: usize| match unknown {
        0 => String::new(),
        unknown => format!(" ({} of {})", cost.tasks - unknown, plural(cost.tasks, "task")),
    };
    let tokens = cost.tokens.map(|one| format!("≈ {} tokens{}", count(one.likely), of(cost.unknown_tokens)));
    let time = cost.seconds.map(|one| format!("≈ {}{}", duration(one.likely), of(cost.unknown_seconds)));
    let usd = cost.usd.map(|one| format!("≈ {:.2} usd", one.likely));
    let known: Vec<String> = [tokens, time.or(Some("time unknown".to_owned())), usd].into_iter().flatten().collect();
    known.join(", ")
}

/// A line a figure, then on what they stand, then what is not known without what.
fn cost(compared: &Compared) -> Vec<String> {
    let cost = &compared.found.cost;
    let figure = |name: &str, one: &Option<Likely>, unknown: usize, of: &dyn Fn(f64) -> String| match one {
        None => format!("{name} unknown"),
        Some(one) => {
            let known = match unknown {
                0 => String::new(),
                unknown => format!(", for {} of {}", cost.tasks - unknown, plural(cost.tasks, "task")),
            };
            format!("{name} ≈ {} ({} – {}){known}", of(one.likely), of(one.low), of(one.high))
        }
    };
    let mut lines = vec![
        figure("time", &cost.seconds, cost.unknown_seconds, &duration),
        figure("tokens", &cost.tokens, cost.unknown_tokens, &count),
    ];
    if cost.usd.is_some() {
        lines.push(figure("money", &cost.usd, 0, &|usd| format!("{usd:.2} usd")));
    }
    // What is not known stands on nothing.
    if cost.tokens.is_some() || cost.seconds.is_some() {
        lines.push(cost.basis());
    }
    let lacking: Vec<&str> = cost.lacking.iter().map(String::as_str).collect();
    match (lacking.is_empty(), compared.counted) {
        (true, _) => {}
        (false, true) => lines.push(format!("{} not here", listed(&lacking))),
        (false, false) => lines.push(format!("{} not opened: `--with-data` counts what is at hand", listed(&lacking))),
    }
    lines
}

/// `a is`, `a and b are`
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("{one} is"),
        [rest @ .., last] => format!("{} and {last} are", rest.join(", ")),
    }
}

/// What prose gained or lost, in words: a tokenizer would have to be opened.
fn counted(one: &Change) -> String {
    match one.words {
        Some((from, to)) if from != to => {
            let more = to as i64 - from as i64;
            format!("  ({more:+} {}, now {to})", if more.abs() == 1 { "word" } else { "words" })
        }
        _ => String::new(),
    }
}

/// A text by its words: what stayed, went and came, with a few words around. `None` for anything else.
fn by_words(one: &Change) -> Option<Vec<(ChangeTag, String)>> {
    let (Some(from), Some(to), Some(_)) = (&one.from, &one.to, one.words) else { return None };
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split_whitespace().collect(), to.split_whitespace().collect());
    // One word for another is read as such.
    if from.len() < 2 || to.len() < 2 {
        return None;
    }
    let diff = TextDiff::from_slices(&from, &to);
    let mut parts: Vec<(ChangeTag, Vec<&str>)> = Vec::new();
    for change in diff.iter_all_changes() {
        match parts.last_mut() {
            Some((tag, words)) if *tag == change.tag() => words.push(change.value()),
            _ => parts.push((change.tag(), vec![change.value()])),
        }
    }
    let last = parts.len().saturating_sub(1);
    let shown = parts.into_iter().enumerate().map(|(at, (tag, words))| {
        let text = match (tag, at) {
            (ChangeTag::Equal, 0) if words.len() > AROUND => format!("… {}", words[words.len() - AROUND..].join(" ")),
            (ChangeTag::Equal, at) if at == last && words.len() > AROUND => format!("{} …", words[..AROUND].join(" ")),
            (ChangeTag::Equal, _) if words.len() > 2 * AROUND => {
                format!("{} … {}", words[..AROUND].join(" "), words[words.len() - AROUND..].join(" "))
            }
            (ChangeTag::Equal, _) => words.join(" "),
            _ => shorten(&words.join(" "), 200),
        };
        (tag, text)
    });
    Some(shown.collect())
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

/// A sentence of ours: what it shows as code stays code, all else is no markup.
fn sentence(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return escaped(text);
    }
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        // Spaces at its ends part it from what is code.
        0 => {
            let space = |is: bool| if is { " " } else { "" };
            let (before, after) = (part.starts_with(' '), part.ends_with(' ') && part.trim() != "");
            format!("{}{}{}", space(before), escaped(part), space(after))
        }
        _ => format!("`{part}`"),
    });
    parts.collect()
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
