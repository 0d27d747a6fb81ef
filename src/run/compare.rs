//! Two versions of a program side by side: what differs, what re-runs, what that costs, and whether old and new numbers may stand in
//! one table. The terms are `docs/language.md`'s, "What an edit means".
//!
//! Uses `lang::diff` for what differs and two plans for what re-runs. Deliberately absent: where versions come from (files, revisions
//! of git, runs), and how any of this is shown.

use std::collections::{BTreeMap, BTreeSet};

use mascot_lang::Checked;
use mascot_lang::diff::{self, Change, Class, Side};
use mascot_lang::program::{EntityKind, Program};

use crate::plan::{Basis, Contents, Likely, Plan, Task, reruns_with, sources};
use crate::report::{Outcome, RunReport, TaskReport};
use crate::source::Source;
use crate::store::Store;

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    pub checked: &'a Checked,
    /// At the point whose values are compared.
    pub program: &'a Program,
    /// By declarations; `None` of a library.
    pub plan: Option<&'a Plan>,
    /// Of a run.
    pub performed: Option<&'a Performed>,
}

/// What a run knows beyond its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Performed {
    /// The engine's fingerprint.
    pub engine: String,
    /// What its inputs held.
    pub contents: Contents,
    /// Tasks of its program that have no result: stopped before, or `--until` an earlier stage.
    pub without_result: usize,
}

/// What an edit comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Strictest first.
    pub changes: Vec<Change>,
    /// Of all of them; `None` when every file is the same to the byte, imports and texts included.
    pub class: Option<Class>,
    pub verdict: Verdict,
    /// A sentence.
    pub because: String,
    /// Positions in the plan of the second version.
    pub reruns: Vec<usize>,
    pub cost: Cost,
}

/// Whether numbers of before and after may stand in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No key differs.
    Identical,
    Comparable,
    NotComparable,
}

/// What the re-runs cost: sums of the plan's estimates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cost {
    pub tokens: Option<Likely>,
    pub seconds: Option<Likely>,
    pub usd: Option<Likely>,
    /// Of so many tasks.
    pub tasks: usize,
    /// Those whose tokens nobody can tell without their data.
    pub unknown_tokens: usize,
    /// Those whose seconds nobody can tell without their data and weights.
    pub unknown_seconds: usize,
    /// Tasks that are reckoned by what was measured here before; all others by their sizes.
    pub measured: usize,
    /// Data and weights without which the rest is unknown, as authors call them.
    pub lacking: BTreeSet<String>,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Identical => "identical",
            Verdict::Comparable => "comparable",
            Verdict::NotComparable => "not_comparable",
        }
    }
}

/// The word of a class; `none` where there is none.
pub fn class_word(class: Option<Class>) -> &'static str {
    class.map_or("none", Class::word)
}

impl Performed {
    /// What the records of a run say that its inputs held. `plan` is that of its program.
    pub fn of(report: &RunReport, plan: &Plan, store: &Store) -> Self {
        let (mut contents, mut without_result) = (Contents::new(), 0);
        for task in &plan.tasks {
            let told = report.task(&task.id);
            let is_made =
                |task: &&TaskReport| matches!(task.outcome, Some(Outcome::Fresh | Outcome::Recalled | Outcome::Gated));
            without_result += usize::from(told.filter(is_made).is_none());
            let key = told.and_then(|task| task.key);
            // What cannot be read is as good as not kept: declarations stand in.
            let Some(document) = key.and_then(|key| store.document(&key).ok().flatten()) else { continue };
            for (slot, bind) in &task.slots {
                let crate::plan::Bind::Source(source) = bind else { continue };
                // A rehearsal opened nothing.
                if let Some(digest) = document.inputs.get(slot).filter(|digest| !digest.starts_with("declared:")) {
                    contents.insert(source.clone(), digest.clone());
                }
            }
        }
        Self { engine: report.engine.clone(), contents, without_result }
    }
}

/// Compares two versions.
pub fn compare(a: Version<'_>, b: Version<'_>) -> Comparison {
    let mut changes = diff::changes(a.side(), b.side());
    changes.extend(contents(a, b));
    changes.sort();
    let nothing = Contents::new();
    let known = |one: Version<'_>| one.performed.map(|performed| performed.contents.clone());
    let both = known(a).zip(known(b));
    let (known_a, known_b) = both.as_ref().map_or((&nothing, &nothing), |(a, b)| (a, b));
    let reruns = match (a.plan, b.plan) {
        (Some(before), Some(after)) => reruns_with((before, known_a), (after, known_b)),
        (None, Some(after)) => (0..after.tasks.len()).collect(),
        (_, None) => Vec::new(),
    };
    // Whatever lang::diff does not know: a request that differs is told by itself.
    if let (Some(before), Some(after)) = (a.plan, b.plan)
        && !reruns.is_empty()
        && !changes.iter().any(enters_a_key)
    {
        changes.extend(untold(before, after, &reruns));
        changes.sort();
    }
    let performed: Vec<&Task> = b.plan.iter().flat_map(|plan| reruns.iter().map(|at| &plan.tasks[*at])).collect();
    let class = match changes.first() {
        Some(first) => Some(first.class),
        None if a.texts() == b.texts() => None,
        None => Some(Class::Cosmetic),
    };
    let (verdict, because) = judged((a, b), &changes, &performed);
    Comparison { class, verdict, because, cost: Cost::of(&performed), reruns, changes }
}

impl<'a> Version<'a> {
    fn side(self) -> Side<'a> {
        Side { program: self.program, files: &self.checked.files, checked: Some(self.checked) }
    }

    /// All that it is made of: by path from the main file's folder, for main files may have two names.
    fn texts(self) -> BTreeMap<String, &'a str> {
        let main = self.checked.sources().next().map(|(path, _)| path).unwrap_or_default();
        let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
        let inside = |path: &str| {
            let path = path.strip_prefix(folder).unwrap_or(path);
            path.trim_start_matches('/').to_owned()
        };
        let sources = self.checked.sources().enumerate().map(|(at, (path, text))| {
            let name = if at == 0 { String::new() } else { inside(path) };
            (name, text)
        });
        let texts = self.checked.texts().map(|(from, path, text)| {
            (format!("{} → {path}", if from == main { String::new() } else { inside(from) }), text)
        });
        sources.chain(texts).collect()
    }
}

fn enters_a_key(change: &Change) -> bool {
    !matches!(change.class, Class::Where | Class::Cosmetic)
}

/// The first part of a request that differs, of the first task that re-runs.
fn untold(before: &Plan, after: &Plan, reruns: &[usize]) -> Option<Change> {
    let task = after.tasks.get(*reruns.first()?)?;
    let request = |task: &Task| serde_json::json!({"request": task.spec, "inputs": task.slots});
    let old = before.tasks.iter().find(|one| one.id == task.id).map(request);
    let mut path = Vec::new();
    let (from, to) = apart(old.unwrap_or_default(), request(task), &mut path);
    let told = |value: serde_json::Value| (!value.is_null()).then(|| value.to_string());
    Some(Change {
        class: Class::Training,
        entity: format!("stage {}", task.stage),
        field: path.join("."),
        from: told(from),
        to: told(to),
        renamed_from: None,
        words: None,
        evaluates: Vec::new(),
    })
}

/// Where two documents part, and what each holds there.
fn apart(a: serde_json::Value, b: serde_json::Value, path: &mut Vec<String>) -> (serde_json::Value, serde_json::Value) {
    use serde_json::Value::{Array, Object};
    let child = match (&a, &b) {
        (Object(x), Object(y)) => {
            let names = y.keys().chain(x.keys());
            names
                .filter(|name| x.get(*name) != y.get(*name))
                .map(|name| (name.clone(), a[name].clone(), b[name].clone()))
                .next()
        }
        (Array(x), Array(y)) if x.len() == y.len() => {
            let at = x.iter().zip(y).position(|(x, y)| x != y);
            at.map(|at| (at.to_string(), x[at].clone(), y[at].clone()))
        }
        _ => None,
    };
    match child {
        Some((name, x, y)) => {
            path.push(name);
            apart(x, y, path)
        }
        None => (a, b),
    }
}

/// Whether it is of a variant or sweep at whose points nothing is compared: it is told, and decides nothing.
fn is_elsewhere((a, b): (Version<'_>, Version<'_>), change: &Change) -> bool {
    let name = change.entity.strip_prefix("variant ").or_else(|| change.entity.strip_prefix("sweep "));
    let Some(name) = name else { return false };
    let names = [Some(name), change.renamed_from.as_deref()];
    let is_at = |id: &str| {
        let point = id.split_once('@').map(|(_, point)| point.split('[').next().unwrap_or(point));
        point.is_some() && names.contains(&point)
    };
    let plans = [a.plan, b.plan].into_iter().flatten();
    let mut tasks = plans.flat_map(|plan| &plan.tasks);
    !tasks.any(|task| is_at(&task.id) || task.also.iter().any(|id| is_at(id)))
}

/// Inputs that two runs found to hold something else under the same declaration.
fn contents(a: Version<'_>, b: Version<'_>) -> Vec<Change> {
    let (Some(before), Some(after), Some(plan)) = (a.performed, b.performed, b.plan) else { return Vec::new() };
    let mut found = Vec::new();
    for source in sources(plan) {
        let (Some(from), Some(to)) = (before.contents.get(source), after.contents.get(source)) else { continue };
        if from != to {
            let entity = plan.tasks.iter().find_map(|task| declared_by(task, source, b.program));
            found.push(diff::content_change(b.side(), entity.as_deref(), &source.describe(), from, to));
        }
    }
    found
}

/// The item that a source is declared in: `situations` of `situations.source`.
fn declared_by(task: &Task, source: &Source, program: &Program) -> Option<String> {
    let is_it = |bind: &crate::plan::Bind| matches!(bind, crate::plan::Bind::Source(one) if one == source);
    let (slot, _) = task.slots.iter().find(|(_, bind)| is_it(bind))?;
    let (_, origin) = task.origin(slot)?;
    let name = origin.field.split('.').next()?;
    let declares = |kind| program.of_kind(kind).any(|entity| entity.name == name);
    (declares(EntityKind::Dataset) || declares(EntityKind::Model)).then(|| name.to_owned())
}

/// Whether numbers of before and after may stand in one table, and why.
fn judged((a, b): (Version<'_>, Version<'_>), changes: &[Change], performed: &[&Task]) -> (Verdict, String) {
    if let (Some(before), Some(after)) = (a.performed, b.performed)
        && before.engine != after.engine
    {
        let why = format!("one was computed by {} and the other by {}", before.engine, after.engine);
        return (Verdict::NotComparable, why);
    }
    let is_library = b.plan.is_none();
    if !is_library && performed.is_empty() {
        let recalled = match a.performed.map_or(0, |performed| performed.without_result) {
            0 => "every result is recalled".to_owned(),
            1 => "what was made is recalled, and 1 task has no result yet".to_owned(),
            some => format!("what was made is recalled, and {some} tasks have no result yet"),
        };
        let why = match changes.iter().any(enters_a_key) {
            true => "what changed is in no task's request",
            false => "no task's request differs",
        };
        return (Verdict::Identical, format!("{why}: {recalled}"));
    }
    // Of a library nothing is planned: what enters a key is told by its class.
    if is_library && !changes.iter().any(enters_a_key) {
        return (Verdict::Identical, "nothing that enters a key differs".to_owned());
    }
    let changes: Vec<&Change> = changes.iter().filter(|one| is_library || !is_elsewhere((a, b), one)).collect();
    if let Some(one) = changes.iter().find(|one| one.class == Class::Objective) {
        return (Verdict::NotComparable, format!("what is aimed at or measured by is another: {}", one.place()));
    }
    let measures: BTreeSet<&str> =
        performed.iter().filter(|task| task.kind == "evaluate").map(|task| task.stage.as_str()).collect();
    for one in changes.iter().filter(|one| one.class == Class::Data) {
        if let Some(table) = one.evaluates.iter().find(|name| measures.contains(name.as_str())) {
            let why = format!("{} reaches {table}: it is measured on, or after, other data", one.place());
            return (Verdict::NotComparable, why);
        }
    }
    (Verdict::Comparable, "what measures is the same before and after".to_owned())
}

impl Cost {
    /// The one place where estimates become the cost of a difference.
    fn of(tasks: &[&Task]) -> Self {
        let sum = |part: &dyn Fn(&Task) -> Option<Likely>| {
            let known = tasks.iter().filter_map(|task| part(task));
            known.reduce(|sum, one| Likely {
                low: sum.low + one.low,
                likely: sum.likely + one.likely,
                high: sum.high + one.high,
            })
        };
        let is_unknown = |task: &&&Task| task.estimate.tokens.is_none() || task.estimate.seconds.is_none();
        Self {
            tokens: sum(&|task| task.estimate.tokens),
            seconds: sum(&|task| task.estimate.seconds),
            usd: sum(&|task| task.estimate.usd),
            tasks: tasks.len(),
            unknown_tokens: tasks.iter().filter(|task| task.estimate.tokens.is_none()).count(),
            unknown_seconds: tasks.iter().filter(|task| task.estimate.seconds.is_none()).count(),
            lacking: tasks
                .iter()
                .filter(|task| is_unknown(task))
                .flat_map(|task| task.estimate.lacking.clone())
                .collect(),
            measured: tasks
                .iter()
                .filter(|task| matches!(task.estimate.basis, Basis::Measured { .. } | Basis::Scaled { .. }))
                .count(),
        }
    }

    /// On what the figures stand, for readers.
    pub fn basis(&self) -> String {
        match self.measured {
            0 => "analytic: by sizes, on two ordinary CPU cores".to_owned(),
            n if n >= self.tasks => "as measured here before".to_owned(),
            n => format!(
                "{n} of {} as measured here before, the others analytic: by sizes, on two ordinary CPU cores",
                self.tasks
            ),
        }
    }
}
