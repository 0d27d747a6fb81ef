//! What the points of a plan have in common: a task that several need alike is made once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Plan;

/// Points, and how many different ones of each stage they need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// The base counts as one.
    pub points: usize,
    /// In the plan's order.
    pub stages: Vec<SharedStage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedStage {
    pub stage: String,
    pub kind: String,
    /// Of a family: all of its members together are one.
    pub distinct: usize,
    /// Points that have the stage.
    pub points: usize,
}

impl Plan {
    /// How far its points share what they need.
    pub fn shared(&self) -> Shared {
        // By stage and point, the tasks that stand for its members.
        let mut stages: Vec<(&str, &str)> = Vec::new();
        let mut needed: BTreeMap<&str, BTreeMap<&str, BTreeSet<usize>>> = BTreeMap::new();
        for (at, task) in self.tasks.iter().enumerate() {
            for id in std::iter::once(&task.id).chain(&task.also) {
                let (name, point) = id.split_once('@').unwrap_or((id, ""));
                // The same request may be made by a stage of another name.
                let stage = name.split('/').next().unwrap_or(name);
                if !stages.iter().any(|(known, _)| *known == stage) {
                    stages.push((stage, &task.kind));
                }
                needed.entry(stage).or_default().entry(point).or_default().insert(at);
            }
        }
        let points: BTreeSet<&str> = needed.values().flat_map(|points| points.keys().copied()).collect();
        let stages = stages.into_iter().map(|(stage, kind)| {
            let of_points = &needed[stage];
            let distinct: BTreeSet<&BTreeSet<usize>> = of_points.values().collect();
            SharedStage {
                stage: stage.to_owned(),
                kind: kind.to_owned(),
                distinct: distinct.len(),
                points: of_points.len(),
            }
        });
        Shared { points: points.len(), stages: stages.collect() }
    }
}
