//! What a run spends: held against its budget while it goes on, and remembered for the next plan.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Desk;
use crate::calibration::{Took, shape_of};
use crate::key::KeyDocument;
use crate::plan::{Plan, Spent, Task};
use crate::remote::Remote;
use crate::store::Record;

impl Desk<'_> {
    /// Whether a ceiling of the budget is reached: time, hours of accelerators, money for them. (What judges far away cost is held by
    /// [`Desk::held_to_budget`].)
    pub(super) fn over_budget(&mut self) -> bool {
        let now = self.events.now();
        let performing = self.performed + self.open.values().map(|open| now - open.began).sum::<f64>();
        let places = &self.plan.places;
        let spent = Spent {
            seconds: now - self.report.started,
            gpu_seconds: if places.machine.device == "cuda" { performing } else { 0.0 },
            usd: places.price.map_or(0.0, |hour| hour * performing / 3_600.0),
        };
        // A rehearsal spends nothing.
        let reached = self.plan.budget.reached(spent).filter(|_| !self.plan.fake);
        let is_reached = reached.is_some();
        self.report.over_budget = reached.or(self.report.over_budget.take());
        is_reached
    }

    /// The same judge, that stops of itself before the budget's money is spent: several have equal shares of it, so that together
    /// they cannot go over.
    pub(super) fn held_to_budget(&self, remote: &Remote) -> Remote {
        let is_priced = remote.input_price.is_some() && remote.output_price.is_some();
        let share = self.plan.budget.usd.filter(|_| is_priced).map(|usd| usd / judges(self.plan).max(1) as f64);
        let ceiling = match (share, remote.ceiling) {
            (Some(share), Some(own)) => Some(share.min(own)),
            (share, own) => share.or(own),
        };
        Remote { ceiling, ..remote.clone() }
    }

    /// For the next plan. What cannot be remembered is no reason to lose what was made.
    pub(super) fn remember_cost(&self, task: &Task, document: &KeyDocument, record: &Record) {
        let _ = self.store.remember_cost(Took {
            engine: document.engine.clone(),
            machine: self.plan.places.machine.clone(),
            kind: task.kind.clone(),
            task: task.label.task.clone(),
            shape: shape_of(&task.spec),
            seconds: record.seconds,
            made: record.made,
            work: task.estimate.work.clone(),
            parameters: task.estimate.parameters,
            tokens: record.outputs.results.get("tokens").copied(),
        });
    }
}

/// How many judges far away a plan asks: places with a model.
fn judges(plan: &Plan) -> usize {
    fn models(value: &Value, task: &Task, to: &mut BTreeSet<(String, String)>) {
        match value {
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str);
                if let (Some(model), Some(slot)) = (text("model"), text("endpoint"))
                    && let Some(remote) = task.remotes.get(slot)
                {
                    to.insert((remote.url.clone(), model.to_owned()));
                }
                fields.values().for_each(|field| models(field, task, to));
            }
            Value::Array(values) => values.iter().for_each(|value| models(value, task, to)),
            _ => {}
        }
    }
    let mut all = BTreeSet::new();
    for task in plan.tasks.iter().filter(|task| !task.remotes.is_empty()) {
        models(&serde_json::to_value(&task.spec).expect("a specification is plain data"), task, &mut all);
    }
    all.len()
}
