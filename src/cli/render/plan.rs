//! A plan as a table: state, why, cost, what is missing and what to do about it.

use std::fmt::Write as _;

use mascot_run::plan::{Basis, Changed, Likely, Plan, State, Task};
use mascot_run::remote::Remote;
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
    let costs = Costs::of(plan);
    let mut header = vec!["  task", "kind", "why"];
    header.extend(costs.columns.iter().map(|(name, ..)| *name));
    let mut table = Table::new(&header).right(&[3, 4, 5]);
    let names = plan.tasks.iter().map(|task| task.id.chars().count()).max().unwrap_or(0);
    let room = width().saturating_sub(names + 20 + costs.columns.len() * 20).max(40);
    for task in &plan.tasks {
        let mark = match task.state {
            State::Recalled => paint.dim("="),
            State::Run => paint.yellow("~"),
            State::Pending => paint.yellow("↻"),
        };
        let mut cells = vec![format!("{mark} {}", task.id), task.kind.to_string(), shorten(&reason(plan, task), room)];
        cells.extend(costs.cells(task));
        table.row_of(cells);
    }
    text.push_str(&table.text());
    text.push('\n');
    totals(plan, &mut text);
    changes(plan, paint, &mut text);
    needs(plan, paint, &mut text);
    text
}

/// The estimates that are known of any task; a column of nothing but "unknown" is left out.
struct Costs {
    columns: Vec<Column>,
}

/// Name, which estimate, and how it is written.
type Column = (&'static str, fn(&Task) -> Option<Likely>, fn(f64) -> String);

impl Costs {
    fn of(plan: &Plan) -> Self {
        let all: [Column; 3] = [
            ("time", |task| task.estimate.seconds, duration),
            ("tokens", |task| task.estimate.tokens, count),
            ("memory", |task| task.estimate.memory_bytes, bytes),
        ];
        let busy = || plan.tasks.iter().filter(|task| task.state != State::Recalled);
        let known = |column: &Column| busy().any(|task| column.1(task).is_some());
        Self { columns: all.into_iter().filter(|column| known(column)).collect() }
    }

    fn cells(&self, task: &Task) -> Vec<String> {
        let cell = |(_, of, unit): &Column| match of(task) {
            _ if task.state == State::Recalled => String::new(),
            Some(value) => span(value, unit),
            None => "unknown".to_owned(),
        };
        self.columns.iter().map(cell).collect()
    }
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

/// `1.2 k–3 k`; one number where low and high read the same.
fn span(value: Likely, unit: &dyn Fn(f64) -> String) -> String {
    let (low, high) = (unit(value.low), unit(value.high));
    if low == high { low } else { format!("{low} – {high}") }
}

fn totals(plan: &Plan, to: &mut String) {
    let of = |state: State| plan.tasks.iter().filter(|task| task.state == state).count();
    let (recalled, run, pending) = (of(State::Recalled), of(State::Run), of(State::Pending));
    let busy = || plan.tasks.iter().filter(|task| task.state != State::Recalled);
    let _ = write!(
        to,
        "{}: {recalled} recalled (=), {run} to run (~), {pending} pending (↻)",
        plural(plan.tasks.len(), "task")
    );
    if recalled == plan.tasks.len() {
        to.push_str(". Nothing to do.\n");
        return;
    }
    let seconds: Option<Vec<Likely>> = busy().map(|task| task.estimate.seconds).collect();
    if let Some(seconds) = seconds {
        let sum = |pick: fn(&Likely) -> f64| seconds.iter().map(pick).sum::<f64>();
        let all = Likely { low: sum(|one| one.low), likely: sum(|one| one.likely), high: sum(|one| one.high) };
        let _ = write!(to, "\ntime {}, likely {}", span(all, &duration), duration(all.likely));
    }
    let peak = busy().filter_map(|task| task.estimate.memory_bytes).map(|memory| memory.high).fold(0.0, f64::max);
    if peak > 0.0 {
        let _ = write!(to, " · memory at most {}", bytes(peak));
    }
    let basis = if busy().any(|task| task.estimate.basis == Basis::LastTime) {
        "what the same tasks took last time, and sizes"
    } else {
        "sizes in the program, and two ordinary CPU cores"
    };
    let _ = writeln!(to, " · basis: {basis}");
    let mut far = busy().flat_map(|task| task.remotes.values());
    let priced = |remote: &Remote| remote.input_price.is_some() && remote.output_price.is_some();
    if far.clone().any(|remote| !priced(remote)) {
        to.push_str("price unknown: a judge has none declared (`input_price`, `output_price`)\n");
    } else if far.any(|remote| remote.ceiling.is_none()) {
        to.push_str("what a judge far away will cost is not estimated; its `ceiling` would bound it\n");
    }
}

/// Every changed field once, with both values and the line.
fn changes(plan: &Plan, paint: Paint, to: &mut String) {
    let mut seen: Vec<(&Changed, Vec<&str>)> = Vec::new();
    for task in &plan.tasks {
        for changed in &task.why {
            match seen.iter_mut().find(|(known, _)| *known == changed) {
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
    let (from, to) = both(&changed.from, &changed.to);
    format!("  {}{place}\n    {} → {}\n", changed.field, paint.red_quiet(&from), paint.green(&to))
}

/// Both values, cut to where they differ when they are long texts.
fn both(from: &Value, to: &Value) -> (String, String) {
    match (from, to) {
        (Value::String(from), Value::String(to)) => {
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
