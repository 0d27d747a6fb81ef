//! What an edit re-runs, before anything is known of data, weights or results.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bind, Plan};
use crate::key::{KeyDocument, TaskKey};
use crate::source::Source;

/// What sources were found to hold, where that is known: by two runs that are compared.
pub type Contents = BTreeMap<Source, String>;

/// Positions in `b` of the tasks whose key would differ had `a` run to its end: sources stand in by their declarations, and what a
/// task makes by the task's own key. A run of `b` then does a subset of them: what is made again may come out byte-identical.
pub fn reruns(a: &Plan, b: &Plan) -> Vec<usize> {
    reruns_with((a, &Contents::new()), (b, &Contents::new()))
}

/// As [`reruns`]; a source of which both sides know the content stands in by that.
pub fn reruns_with(a: (&Plan, &Contents), b: (&Plan, &Contents)) -> Vec<usize> {
    let known: BTreeSet<TaskKey> = keys(a, b).into_iter().collect();
    keys(b, a).iter().enumerate().filter(|(_, key)| !known.contains(key)).map(|(at, _)| at).collect()
}

/// The sources of a plan, each once.
pub fn sources(plan: &Plan) -> BTreeSet<&Source> {
    fn source(bind: &Bind) -> Option<&Source> {
        match bind {
            Bind::Source(source) => Some(source),
            Bind::Made { .. } => None,
        }
    }
    let binds = plan.tasks.iter().flat_map(|task| task.slots.values());
    binds.filter_map(source).collect()
}

/// Of every task, in the plan's order.
fn keys((plan, contents): (&Plan, &Contents), (other, others): (&Plan, &Contents)) -> Vec<TaskKey> {
    let elsewhere = sources(other);
    let mut keys: Vec<TaskKey> = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        let digest = |bind: &Bind| match bind {
            Bind::Source(source) => {
                let is_known_there = others.contains_key(source) || !elsewhere.contains(source) && !others.is_empty();
                let content = contents.get(source).filter(|_| is_known_there);
                content.cloned().unwrap_or_else(|| source.declared_digest())
            }
            Bind::Made { task, artifact } => format!("made:{}/{artifact}", keys[*task]),
        };
        let inputs: BTreeMap<_, _> = task.slots.iter().map(|(slot, bind)| (slot.clone(), digest(bind))).collect();
        keys.push(KeyDocument::new(&task.spec, inputs, "any").key());
    }
    keys
}
