//! What an edit re-runs, before anything is known of data, weights or results.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bind, Plan};
use crate::key::{KeyDocument, TaskKey};

/// Positions in `b` of the tasks whose key would differ had `a` run to its end: sources stand in by their declarations, and what a
/// task makes by the task's own key. A run of `b` then does a subset of them: what is made again may come out byte-identical.
pub fn reruns(a: &Plan, b: &Plan) -> Vec<usize> {
    let known: BTreeSet<TaskKey> = by_declaration(a).into_iter().collect();
    by_declaration(b).iter().enumerate().filter(|(_, key)| !known.contains(key)).map(|(at, _)| at).collect()
}

/// Of every task, in the plan's order.
fn by_declaration(plan: &Plan) -> Vec<TaskKey> {
    let mut keys: Vec<TaskKey> = Vec::with_capacity(plan.tasks.len());
    for task in &plan.tasks {
        let digest = |bind: &Bind| match bind {
            Bind::Source(source) => source.declared_digest(),
            Bind::Made { task, artifact } => format!("made:{}/{artifact}", keys[*task]),
        };
        let inputs: BTreeMap<_, _> = task.slots.iter().map(|(slot, bind)| (slot.clone(), digest(bind))).collect();
        keys.push(KeyDocument::new(&task.spec, inputs, &plan.engine).key());
    }
    keys
}
