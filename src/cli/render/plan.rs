//! A plan as a table: state, why, cost, what is missing and what to do about it.

use std::fmt::Write as _;

use mascot_run::plan::{Changed, Likely, Plan, State, Task, Total};
use serde_json::Value;

use super::table::{Table, shorten};
use super::{Paint, bytes, count, duration, plural, width};

pub fn word(state: State) -> &'static str {
    match state {
        State::Recalled => "recalled",
        State::Run => "run",
        State::Pending => "pending",
    }
}

/// The needs of a task that are not recalled, which keep it pending; a whole family by its name.
fn by_family(plan: &Plan, task: &Task) -> Vec<String> {
    let waits = |need: &usize| plan.tasks[*need].state != State::Recalled;
    let mut names: Vec<String> = Vec::new();
    for need in task.needs.iter().filter(|need| waits(need)) {
        let need = &plan.tasks[*need];
        let family = |other: &&Task| other.stage == need.stage && other.point == need.point;
        let members = plan.tasks.iter().filter(family).count();
        let waited = task.needs.iter().filter(|other| waits(other) && family(&&plan.tasks[**other])).count();
        let name = if members > 1 && waited == members { need.stage.clone() } else { need.id.clone() };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The plan for people.
pub fn text(plan: &Plan, paint: Paint) -> String {
    let mut text = head(plan, paint);
    let mut table = Table::new(&["  task", "kind", "why"]);
    let names = plan.tasks.iter().map(|task| task.id.chars().count()).max().unwrap_or(0);
    let room = width().saturating_sub(names + 20).max(60);
    for task in &plan.tasks {
        let mark = match task.state {
            State::Recalled => paint.dim("="),
            State::Run => paint.yellow("~"),
            State::Pending => paint.yellow("↻"),
        };
        let cells = [format!("{mark} {}", task.id), task.kind.to_string(), shorten(&reason(plan, task), room)];
        table.row(cells);
    }
    text.push_str(&table.text());
    text.push('\n');
    totals(plan, &mut text);
    shared(plan, &mut text);
    costs(plan, paint, &mut text);
    changes(plan, paint, &mut text);
    needs(plan, paint, &mut text);
    text
}

fn head(plan: &Plan, paint: Paint) -> String {
    let title = plan.experiment.title.as_ref().unwrap_or(&plan.experiment.name);
    let engine =
        if plan.fake { format!("{}: a rehearsal, nothing is opened", plan.engine) } else { plan.engine.clone() };
    format!("{}  {}\n\n", paint.bold(title), paint.dim(&engine))
}

/// Why a task has the state that it has, in one line.
fn reason(plan: &Plan, task: &Task) -> String {
    if let Some(what) = &task.not_yet
        && task.state != State::Recalled
    {
        return format!("cannot run yet: {what}");
    }
    match task.state {
        State::Recalled => "recalled".to_owned(),
        State::Run if task.why.is_empty() => "never run".to_owned(),
        State::Run => task.why.iter().map(in_short).collect::<Vec<_>>().join("; "),
        State::Pending => {
            let own = task.why.iter().map(in_short);
            let behind = format!("behind {}", by_family(plan, task).join(", "));
            own.chain([behind]).collect::<Vec<_>>().join("; ")
        }
    }
}

/// `beacon.voice (quickstart.masc:40)`
fn in_short(changed: &Changed) -> String {
    match (&changed.file, changed.line) {
        (Some(file), Some(line)) => format!("{} ({}:{line})", changed.field, file.rsplit('/').next().unwrap_or(file)),
        _ => changed.field.clone(),
    }
}

fn totals(plan: &Plan, to: &mut String) {
    let of = |state: State| plan.tasks.iter().filter(|task| task.state == state).count();
    let (recalled, run, pending) = (of(State::Recalled), of(State::Run), of(State::Pending));
    let _ = write!(
        to,
        "{}: {recalled} recalled (=), {run} to run (~), {pending} pending (↻)",
        plural(plan.tasks.len(), "task")
    );
    if recalled == plan.tasks.len() {
        to.push_str(". Nothing to do.");
    }
    to.push('\n');
}

/// Name, which estimate, and how it is written.
type Column = (&'static str, fn(&Task) -> Option<Likely>, fn(f64) -> String);

/// What each task to do will take, low · likely · high, and on what basis; then all of them together. A column of which nothing is known is
/// left out above, and said to be unknown below.
fn costs(plan: &Plan, paint: Paint, to: &mut String) {
    let to_do = || plan.tasks.iter().filter(|task| task.state != State::Recalled);
    if to_do().next().is_none() {
        return;
    }
    let all: [Column; 4] = [
        ("time", |task| task.estimate.seconds, duration),
        ("tokens", |task| task.estimate.tokens, count),
        ("memory", |task| task.estimate.memory_bytes, bytes),
        ("money", |task| task.estimate.usd, dollars),
    ];
    let columns: Vec<&Column> = all.iter().filter(|(_, of, _)| to_do().any(|task| of(task).is_some())).collect();
    let clock =
        if plan.fake { "low · likely · high; of a rehearsal: no clock measured it" } else { "low · likely · high" };
    let _ = writeln!(to, "\n{}  {}", paint.bold("what it will take"), paint.dim(clock));
    if !columns.is_empty() {
        let mut header = vec!["  task"];
        header.extend(columns.iter().map(|(name, ..)| *name));
        header.push("basis of the time");
        let mut table = Table::new(&header);
        for task in to_do() {
            let cell =
                |(_, of, unit): &&Column| of(task).map_or_else(|| "unknown".to_owned(), |value| three(value, unit));
            let basis = match task.estimate.seconds {
                Some(_) => task.estimate.in_words(plan.places.now),
                None => String::new(),
            };
            let cells = std::iter::once(format!("  {}", task.id)).chain(columns.iter().map(cell)).chain([basis]);
            table.row_of(cells.collect());
        }
        to.push_str(&table.text());
    }
    together(&plan.total(), to);
}

/// What nobody knows is said to be unknown.
fn together(total: &Total, to: &mut String) {
    let unknown = total.unknown;
    let mut line = |name: &str, of: Likely, unit: fn(f64) -> String, unknown: usize, more: &str| {
        let tasks = if unknown == 0 { String::new() } else { format!(", and unknown of {}", plural(unknown, "task")) };
        let _ = match of.high > 0.0 {
            true => writeln!(to, "  {name}  {}{tasks}{more}", three(of, &unit)),
            false if unknown > 0 => writeln!(to, "  {name}  unknown{more}"),
            false => Ok(()),
        };
    };
    let basis = if total.basis.is_empty() { String::new() } else { format!("  ({})", total.basis) };
    line("in all: time", total.seconds, duration, unknown.seconds, &basis);
    line("      tokens", total.tokens, count, unknown.tokens, "");
    line("      memory", total.memory_bytes, bytes, unknown.memory_bytes, "");
    let why = match unknown.usd {
        0 => "",
        _ => "  (no price: a judge's `input_price` and `output_price`, a profile's `price`)",
    };
    line("       money", total.usd, dollars, unknown.usd, why);
}

/// `12 s · 30 s · 1 min 20 s`; one number where all three read the same.
fn three(value: Likely, unit: &dyn Fn(f64) -> String) -> String {
    let [low, likely, high] = [value.low, value.likely, value.high].map(unit);
    if low == high { likely } else { format!("{low} · {likely} · {high}") }
}

/// `18 points: 3 preference sets (preferences), 6 reward models (persona_rm)`: what several points need alike is made once.
fn shared(plan: &Plan, to: &mut String) {
    let shared = plan.shared();
    if shared.points < 2 {
        return;
    }
    let stages = shared.stages.iter().map(|stage| {
        let (one, many) = made_by(&stage.kind);
        let what = if stage.distinct == 1 { one } else { many };
        format!("{} {what} ({})", stage.distinct, stage.stage)
    });
    let _ = writeln!(to, "{}: {}", plural(shared.points, "point"), stages.collect::<Vec<_>>().join(", "));
}

/// What a stage of this kind makes, one and several of it.
fn made_by(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "pairs" => ("preference set", "preference sets"),
        "bradley_terry" => ("reward model", "reward models"),
        "sft" => ("fine-tuning", "fine-tunings"),
        "grpo" | "kto" => ("policy", "policies"),
        "dialogue" | "simulate" => ("set of transcripts", "sets of transcripts"),
        "evaluate" => ("table", "tables"),
        _ => ("artifact", "artifacts"),
    }
}

fn dollars(usd: f64) -> String {
    if usd < 1.0 { format!("{usd:.3} usd") } else { format!("{usd:.2} usd") }
}

/// Every changed field once, with both values and the line.
fn changes(plan: &Plan, paint: Paint, to: &mut String) {
    let mut seen: Vec<(&Changed, Vec<&str>)> = Vec::new();
    for task in &plan.tasks {
        for changed in &task.why {
            let same = |known: &Changed| {
                known == changed || is_drawn(known) && is_drawn(changed) && known.field == changed.field
            };
            match seen.iter_mut().find(|(known, _)| same(known)) {
                Some((_, tasks)) if tasks.last() == Some(&task.id.as_str()) => {}
                Some((_, tasks)) => tasks.push(&task.id),
                None => seen.push((changed, vec![&task.id])),
            }
        }
    }
    if seen.is_empty() {
        return;
    }
    let _ = writeln!(to, "\n{}", paint.bold("changed since the last run"));
    for (changed, tasks) in seen {
        to.push_str(&change(changed, paint));
        let _ = writeln!(to, "    {}", paint.dim(&format!("re-runs {}", shorten(&tasks.join(", "), 100))));
    }
}

/// One change on two lines or three: field and place, then both values.
pub fn change(changed: &Changed, paint: Paint) -> String {
    let place = match (&changed.file, changed.line) {
        (Some(file), Some(line)) => format!("  {}", paint.dim(&format!("{file}:{line}"))),
        _ => String::new(),
    };
    if is_drawn(changed) {
        return format!("  {}{place}\n    another than before: what is drawn by chance is drawn anew\n", changed.field);
    }
    let (from, to) = both(&changed.from, &changed.to);
    format!("  {}{place}\n    {} → {}\n", changed.field, paint.red_quiet(&from), paint.green(&to))
}

/// A seed, which stands in a key as what is derived from it for a kind of stage: a number that nobody wrote.
fn is_drawn(changed: &Changed) -> bool {
    changed.field.ends_with(".seed") && changed.from.is_number() && changed.to.is_number()
}

/// A digest by its first letters: nobody reads the rest.
fn digest(text: &str) -> Option<String> {
    let (of, hex) = text.split_once(':')?;
    let is_one =
        ["blake3", "sha256"].contains(&of) && hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| format!("{of}:{}…", &hex[..8]))
}

/// Both values, cut to where they differ when they are long texts.
fn both(from: &Value, to: &Value) -> (String, String) {
    match (from, to) {
        (Value::String(from), Value::String(to)) => {
            if let (Some(from), Some(to)) = (digest(from), digest(to)) {
                return (from, to);
            }
            let (from, to) = around_difference(from, to);
            (format!("\"{from}\""), format!("\"{to}\""))
        }
        _ => (one(from), one(to)),
    }
}

fn one(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        other => shorten(&other.to_string(), 60),
    }
}

/// The words that differ, with three words of what is around them.
pub fn around_difference(from: &str, to: &str) -> (String, String) {
    const AROUND: usize = 3;
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split_whitespace().collect(), to.split_whitespace().collect());
    let head = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let most = from.len().min(to.len()) - head;
    let tail = from.iter().rev().zip(to.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let cut = |words: &[&str]| {
        let start = head.saturating_sub(AROUND);
        let end = (words.len() - tail + AROUND).min(words.len());
        let before = if start > 0 { "… " } else { "" };
        let after = if end < words.len() { " …" } else { "" };
        shorten(&format!("{before}{}{after}", words[start..end].join(" ")), 120)
    };
    (cut(&from), cut(&to))
}

fn needs(plan: &Plan, paint: Paint, to: &mut String) {
    for (title, list) in [("missing", &plan.missing), ("to fetch", &plan.to_fetch)] {
        if !list.is_empty() {
            let _ = writeln!(to, "\n{}", paint.bold(title));
        }
        for lacking in list {
            let what = &lacking.what;
            let _ = writeln!(to, "  {}: {}", what.source, what.why);
            let _ = writeln!(to, "    {} {}", what.help, paint.dim(&format!("(for {})", lacking.for_whom())));
        }
    }
    let not_yet: Vec<_> = plan.tasks.iter().filter_map(|task| Some((&task.id, task.not_yet.as_ref()?))).collect();
    if !not_yet.is_empty() {
        let _ = writeln!(to, "\n{}", paint.bold("cannot run yet"));
        for (id, what) in not_yet {
            let _ = writeln!(to, "  {id}: {what}");
        }
    }
    let capabilities = &plan.capabilities;
    let lists = [
        ("reads", &capabilities.read),
        ("writes", &capabilities.write),
        ("net", &capabilities.net),
        ("secrets", &capabilities.secrets),
    ];
    let said: Vec<String> = lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| format!("{name} {}", list.join(", ")))
        .collect();
    if !said.is_empty() {
        let _ = writeln!(to, "\nneeds: {}", said.join(" · "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_to_where_they_differ() {
        let from =
            "You are {{char}}, an encouraging companion. Praise {{user}} for a strength that their actions prove.";
        let to =
            "You are {{char}}, an encouraging companion. Praise {{user}} for one strength that their actions prove.";
        let (from, to) = around_difference(from, to);
        assert_eq!(from, "… Praise {{user}} for a strength that their …");
        assert_eq!(to, "… Praise {{user}} for one strength that their …");
        assert_eq!(around_difference("a b", "a b c"), ("a b".to_owned(), "a b c".to_owned()));
        assert_eq!(around_difference("", "x"), (String::new(), "x".to_owned()));
    }
}
