//! What a task will cost, reckoned from the sizes in its specification before anything is opened.

use serde::Serialize;

use super::Task;
use crate::source::Found;
use crate::store::Record;

/// Low, likely, high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likely {
    pub low: f64,
    pub likely: f64,
    pub high: f64,
}

/// `None` where it is not known: unknown is never 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Tokens that a model reads or writes.
    pub tokens: Option<Likely>,
    pub seconds: Option<Likely>,
    pub memory_bytes: Option<Likely>,
    pub usd: Option<Likely>,
    pub basis: Basis,
}

/// On what an estimate stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Sizes in the program, and the speed of two ordinary CPU cores.
    #[default]
    Sizes,
    /// What the same task took last time.
    LastTime,
}

/// Of a task that is recalled.
pub(super) fn nothing() -> Estimate {
    let none = Some(Likely { low: 0.0, likely: 0.0, high: 0.0 });
    Estimate { tokens: none, seconds: none, memory_bytes: none, usd: none, basis: Basis::LastTime }
}

/// Of a task that may be performed; `found` tells what of its inputs is at hand.
pub(super) fn reckon<'a>(_task: &Task, _found: &dyn Fn(&str) -> Option<&'a Found>, last: Option<&Record>) -> Estimate {
    let mut estimate = Estimate::default();
    if let Some(last) = last {
        estimate.seconds = Some(Likely { low: last.seconds / 2.0, likely: last.seconds, high: last.seconds * 2.0 });
        estimate.basis = Basis::LastTime;
    }
    estimate
}
