//! What can be said of a plan before anything is spent: digests of inputs, keys, states, what changed, what is missing.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Bind, Changed, Lacking, Plan, State, Task, estimate};
use crate::calibration::{Took, shape_of, shape_of_document};
use crate::key::{Difference, KeyDocument, TaskKey};
use crate::remote::{Address, Remote};
use crate::source::{Found, Missing, Origin, Places, Source, lies_at, locate, pinned};
use crate::store::{Label, Record, Store};
use crate::task::Slot;

/// What is known of a source.
enum Known {
    Found(Found),
    /// By its declaration, or by its pin: not here, or not looked for.
    Digest(String),
    Missing(Missing),
}

/// Fills in keys, states, reasons, estimates and what is missing.
pub(super) fn fill_in(plan: &mut Plan, store: &Store) {
    let sources = look(plan, store);
    let sizes = counted(plan, &sources);
    let calibration = store.calibration();
    let mut records: Vec<Option<Record>> = Vec::new();
    for at in 0..plan.tasks.len() {
        let task = &plan.tasks[at];
        let inputs = digests(task, &sources, &records);
        let complete = inputs.len() == task.slots.len();
        let document = KeyDocument::new(&task.spec, inputs, &plan.engine);
        let key = complete.then(|| document.key());
        // A record that cannot be read is told when the run comes to it.
        let record = key.and_then(|key| store.record(&key).ok().flatten());
        let state = match (&record, complete) {
            (Some(_), _) => State::Recalled,
            (None, true) => State::Run,
            (None, false) => State::Pending,
        };
        let why = if state == State::Recalled { Vec::new() } else { changed(task, &document, key, store).1 };
        let estimate = match state {
            State::Recalled => estimate::nothing(),
            _ => {
                let found = |slot: &str| at_hand(task, slot, &sources, &sizes);
                let shape = shape_of(&task.spec);
                let earlier =
                    (!calibration.knows(&task.label.task, &shape)).then(|| last_time(task, &shape, plan, store));
                let with_it = earlier.flatten().map(|took| calibration.with(took));
                let calibration = with_it.as_ref().unwrap_or(&calibration);
                estimate::reckon(task, &found, (&plan.engine, &plan.places), (calibration, &shape))
            }
        };
        let task = &mut plan.tasks[at];
        task.state = state;
        task.key = key;
        task.why = why;
        task.estimate = estimate;
        records.push(record);
    }
    plan.missing = lacking(plan, &sources, false);
    plan.to_fetch = lacking(plan, &sources, true);
    if !plan.fake {
        plan.missing.extend(out_of_reach(plan));
    }
    capabilities(plan, &sources, store);
}

fn look(plan: &Plan, store: &Store) -> BTreeMap<Source, Known> {
    let mut memo = store.digests();
    let mut sources = BTreeMap::new();
    for bind in plan.tasks.iter().flat_map(|task| task.slots.values()) {
        let Bind::Source(source) = bind else { continue };
        if sources.contains_key(source) {
            continue;
        }
        let known = if plan.fake {
            Known::Digest(source.declared_digest())
        } else {
            match locate(source, &plan.places, &mut memo) {
                Ok(found) => Known::Found(found),
                // A run writes it: what it will be is known.
                Err(_) if matches!(source.origin, Origin::Written { .. }) => {
                    Known::Digest(pinned(source).expect("what is written is pinned by itself"))
                }
                Err(missing) => Known::Missing(missing),
            }
        };
        sources.insert(source.clone(), known);
    }
    sources
}

/// Digests of the slots as far as they are known.
fn digests(task: &Task, sources: &BTreeMap<Source, Known>, records: &[Option<Record>]) -> BTreeMap<Slot, String> {
    let digest = |bind: &Bind| match bind {
        Bind::Source(source) => match &sources[source] {
            Known::Found(found) => Some(found.digest.clone()),
            Known::Digest(digest) => Some(digest.clone()),
            Known::Missing(_) => pinned(source),
        },
        Bind::Made { task, artifact } => {
            let artifact = records.get(*task)?.as_ref()?.artifacts.get(artifact)?;
            Some(format!("blake3:{}", artifact.digest))
        }
    };
    task.slots.iter().filter_map(|(slot, bind)| Some((slot.clone(), digest(bind)?))).collect()
}

/// The key that the task had before `key`, and what differs since. Inputs that are not known yet are left out: they are what it is
/// pending behind.
pub(super) fn changed(
    task: &Task,
    document: &KeyDocument,
    key: Option<TaskKey>,
    store: &Store,
) -> (Option<TaskKey>, Vec<Changed>) {
    let Some((previous, before)) = previous(task, key, store) else { return (None, Vec::new()) };
    let differences = before.differences(document).into_iter().filter(|difference| {
        let input = difference.path.strip_prefix("inputs.");
        input.is_none_or(|slot| document.inputs.contains_key(slot) || !task.slots.contains_key(slot))
    });
    // What stands at several places of a specification was written once.
    let mut changes: Vec<Changed> = Vec::new();
    for change in differences.map(|difference| placed(task, difference)) {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    (Some(previous), changes)
}

fn previous(task: &Task, key: Option<TaskKey>, store: &Store) -> Option<(TaskKey, KeyDocument)> {
    let latest = |label: &Label| {
        let mut keys = store.history(label);
        keys.retain(|before| Some(*before) != key);
        keys.into_iter().rev().find_map(|key| Some((key, store.document(&key).ok()??)))
    };
    // A point that never ran differs from the base by what it sets.
    let base = || {
        let id = task.label.task.split('@').next().filter(|_| task.point.is_some())?;
        latest(&Label { task: id.to_owned(), ..task.label.clone() })
    };
    latest(&task.label).or_else(base)
}

fn placed(task: &Task, difference: Difference) -> Changed {
    let Difference { path, from, to } = difference;
    let place = path.strip_prefix("inputs.").unwrap_or(&path);
    let Some((above, origin)) = task.origin(place) else {
        return Changed { field: path, from, to, file: None, line: None };
    };
    // `method.kl.beta`, written inside `voices.kl`, is `voices.kl.beta`.
    let rest = place.strip_prefix(above).unwrap_or_default();
    let is_part = above.rsplit('.').next() == origin.field.rsplit('.').next() && rest.rfind('.') == Some(0);
    let field = if is_part { format!("{}{rest}", origin.field) } else { origin.field.clone() };
    Changed { field, from, to, file: origin.file.clone(), line: origin.line }
}

/// What the task took when it was last performed in this shape, as its record says: of runs from before stores kept a calibration.
fn last_time(task: &Task, shape: &str, plan: &Plan, store: &Store) -> Option<Took> {
    let (key, document) = previous(task, None, store)?;
    let record = store.record(&key).ok()??;
    let took = Took {
        engine: plan.engine.clone(),
        machine: plan.places.machine.clone(),
        kind: task.kind.clone(),
        task: task.label.task.clone(),
        shape: shape_of_document(&document),
        seconds: record.seconds,
        made: record.made,
        work: None,
        parameters: None,
        tokens: record.outputs.results.get("tokens").copied(),
    };
    (took.shape == shape && document.engine == plan.engine).then_some(took)
}

/// The file or folder behind a slot, if it is at hand.
fn at_hand<'a>(
    task: &Task,
    slot: &str,
    sources: &'a BTreeMap<Source, Known>,
    sizes: &'a BTreeMap<Source, Found>,
) -> Option<&'a Found> {
    match task.slots.get(slot)? {
        Bind::Source(source) => match sources.get(source)? {
            Known::Found(found) => Some(found),
            _ => sizes.get(source),
        },
        Bind::Made { .. } => None,
    }
}

/// What lies at hand of a plan by declarations, when its cost is to be reckoned by that all the same. Its keys are not.
fn counted(plan: &Plan, sources: &BTreeMap<Source, Known>) -> BTreeMap<Source, Found> {
    let looks = plan.fake && plan.places.counts;
    let lies = |source: &Source| {
        let path = lies_at(source, &plan.places)?;
        Some((source.clone(), Found { path, digest: source.declared_digest() }))
    };
    sources.keys().filter(|_| looks).filter_map(lies).collect()
}

/// Inputs of tasks that may be performed and that are not at hand: those that the run brings, or those that it cannot.
fn lacking(plan: &Plan, sources: &BTreeMap<Source, Known>, fetchable: bool) -> Vec<Lacking> {
    let mut lacking: BTreeMap<&Source, Lacking> = BTreeMap::new();
    for task in plan.tasks.iter().filter(|task| task.state != State::Recalled) {
        for bind in task.slots.values() {
            let Bind::Source(source) = bind else { continue };
            if let Known::Missing(what) = &sources[source]
                && what.fetchable == fetchable
            {
                let entry = lacking.entry(source).or_insert_with(|| Lacking { what: what.clone(), tasks: Vec::new() });
                if !entry.tasks.contains(&task.id) {
                    entry.tasks.push(task.id.clone());
                }
            }
        }
    }
    lacking.into_values().collect()
}

/// Judges far away that tasks to be performed ask, and that this run may not reach or cannot open.
fn out_of_reach(plan: &Plan) -> Vec<Lacking> {
    let mut lacking: BTreeMap<(String, String), Lacking> = BTreeMap::new();
    for task in plan.tasks.iter().filter(|task| task.state != State::Recalled) {
        for what in task.remotes.values().flat_map(|remote| in_the_way(remote, plan)) {
            let place = (what.source.clone(), what.why.clone());
            let entry = lacking.entry(place).or_insert_with(|| Lacking { what, tasks: Vec::new() });
            if !entry.tasks.contains(&task.id) {
                entry.tasks.push(task.id.clone());
            }
        }
    }
    lacking.into_values().collect()
}

fn in_the_way(remote: &Remote, plan: &Plan) -> Vec<Missing> {
    let Places { net, secrets, .. } = &plan.places;
    let missing =
        |source: String, why: &str, help: String| Missing { source, why: why.to_owned(), help, fetchable: false };
    let mut all = Vec::new();
    match Address::of(&remote.url) {
        Ok(address) if !address.is_granted(net) => all.push(missing(
            format!("judge at {address}"),
            "the host was not granted",
            format!(
                "--allow 'net(\"{address}\")', or `allow = [net(\"{address}\")]` in a profile, lets a run reach it"
            ),
        )),
        Ok(_) => {}
        Err(why) => all.push(missing(
            "a judge's URL".to_owned(),
            &why,
            "write it as `openai(\"https://host:port/v1\", \"model\")`".to_owned(),
        )),
    }
    if let Some(variable) = remote.secret.as_ref().filter(|variable| !secrets.contains_key(*variable)) {
        all.push(missing(
            format!("secret {variable}"),
            "the environment variable is not set",
            format!("set {variable} to the key that opens the judge, then run again"),
        ));
    }
    if remote.ceiling.is_some() && (remote.input_price.is_none() || remote.output_price.is_none()) {
        all.push(missing(
            "a judge's `ceiling`".to_owned(),
            "its prices are unknown, so it could not be kept",
            "say what a million tokens cost (`input_price`, `output_price`), or leave `ceiling` out".to_owned(),
        ));
    }
    all
}

fn capabilities(plan: &mut Plan, sources: &BTreeMap<Source, Known>, store: &Store) {
    let shown = |path: &std::path::Path| {
        let root = std::fs::canonicalize(&plan.places.root).unwrap_or_else(|_| plan.places.root.clone());
        path.strip_prefix(&root).unwrap_or(path).display().to_string()
    };
    let (mut read, mut net) = (Vec::new(), Vec::new());
    for (source, known) in sources {
        match known {
            Known::Found(found) => read.push(shown(&found.path)),
            Known::Missing(missing) if missing.fetchable => net.extend(source.hosts()),
            Known::Missing(_) => read.push(source.describe()),
            Known::Digest(_) => {}
        }
    }
    let capabilities = &mut plan.capabilities;
    capabilities.read.append(&mut read);
    capabilities.net.append(&mut net);
    capabilities.write.push(shown(&std::fs::canonicalize(store.root()).unwrap_or_else(|_| store.root().to_owned())));
    for list in [&mut capabilities.read, &mut capabilities.write, &mut capabilities.net, &mut capabilities.secrets] {
        list.sort();
        list.dedup();
    }
}

/// What `mascot why` says of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    pub task: String,
    pub key: Option<TaskKey>,
    /// The key that it had before.
    pub previous: Option<TaskKey>,
    pub state: State,
    /// What differs between the two.
    pub differs: Vec<Changed>,
    /// The tasks that it waits for.
    pub because: Vec<String>,
}

/// Why a task is in its state: what differs from the last time, and whom it waits for. Of a task that is recalled: what had changed when
/// it was performed.
pub fn why(plan: &Plan, store: &Store, at: usize) -> Why {
    let task = &plan.tasks[at];
    let sources = look(plan, store);
    let records: Vec<Option<Record>> = plan.tasks.iter().map(|task| store.record(&task.key?).ok().flatten()).collect();
    let document = KeyDocument::new(&task.spec, digests(task, &sources, &records), &plan.engine);
    let (previous, differs) = changed(task, &document, task.key, store);
    let because = task.needs.iter().map(|need| &plan.tasks[*need]);
    let because = because.filter(|need| need.state != State::Recalled).map(|need| need.id.clone());
    Why { task: task.id.clone(), key: task.key, previous, state: task.state, differs, because: because.collect() }
}

impl Why {
    /// The document that `why --json` prints.
    pub fn document(&self) -> Json {
        serde_json::json!({
            "task": self.task, "key": self.key, "previous": self.previous, "state": self.state,
            "differs": self.differs, "because": self.because,
        })
    }
}

impl Plan {
    /// Looks again at what the store knows: states, keys and reasons are as of now.
    pub fn look(&mut self, store: &Store) {
        fill_in(self, store);
    }

    /// What comes from outside, as an author writes it, with its digest; `None` where it is not at hand.
    pub fn sources(&self, store: &Store) -> BTreeMap<String, Option<String>> {
        let digest = |source: &Source, known: &Known| match known {
            Known::Found(found) => Some(found.digest.clone()),
            Known::Digest(digest) => Some(digest.clone()),
            Known::Missing(_) => pinned(source),
        };
        look(self, store).iter().map(|(source, known)| (source.describe(), digest(source, known))).collect()
    }

    /// What a slot holds, in words.
    pub(super) fn describe(&self, bind: &Bind) -> String {
        match bind {
            Bind::Source(source) => source.describe(),
            Bind::Made { task, artifact } => format!("`{artifact}` of {}", self.tasks[*task].id),
        }
    }

    /// The document that `plan --json` prints.
    pub fn document(&self) -> Json {
        let id = |at: &usize| self.tasks[*at].id.as_str();
        let task = |task: &Task| {
            serde_json::json!({
                "id": task.id, "also": task.also, "stage": task.stage, "kind": task.kind, "member": task.member,
                "point": task.point, "state": task.state, "why": task.why,
                "needs": task.needs.iter().map(id).collect::<Vec<_>>(), "key": task.key, "estimate": task.estimate.document(self.places.now),
                "not_yet": task.not_yet,
            })
        };
        let missing = |lacking: &Lacking| {
            let Missing { source, why, help, .. } = &lacking.what;
            serde_json::json!({"source": source, "why": why, "help": help, "tasks": lacking.tasks})
        };
        serde_json::json!({
            "tasks": self.tasks.iter().map(task).collect::<Vec<_>>(),
            "total": self.total().document(self.to_do().count()),
            "shared": self.shared(),
            "capabilities": self.capabilities,
            "missing": self.missing.iter().map(missing).collect::<Vec<_>>(),
            "to_fetch": self.to_fetch.iter().map(missing).collect::<Vec<_>>(),
        })
    }
}
