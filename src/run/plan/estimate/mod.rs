//! What a task will cost: tokens, seconds, memory, money, each low · likely · high, and on what basis.
//!
//! # Steps
//! 1. `work`: what the task does with how many tokens, from the sizes in its specification and of what is at hand (`sizes`).
//!    Deliberately rough, and said so by low and high.
//! 2. Seconds: what the same request, but for seeds and prose, took on this machine; else its work at the speed that was measured here;
//!    else its work at the speed of two ordinary cores ([`crate::calibration`]).
//! 3. Money, where somebody names a price. What nobody knows is unknown, never 0.

mod sizes;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::sizes::{Sizes, model_of};
pub use self::work::{Judged, Work};
use super::{Bind, Task};
use crate::calibration::{Asked, Calibration};
use crate::source::{Found, Places};
use crate::task::{Slot, TaskSpec};

/// Low, likely, high.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Likely {
    pub low: f64,
    pub likely: f64,
    pub high: f64,
}

impl Likely {
    pub fn exactly(value: f64) -> Self {
        Self { low: value, likely: value, high: value }
    }

    pub fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, likely: self.likely + other.likely, high: self.high + other.high }
    }

    pub fn times(self, factor: f64) -> Self {
        Self { low: self.low * factor, likely: self.likely * factor, high: self.high * factor }
    }

    /// Low by low, high by high.
    pub fn by(self, other: Self) -> Self {
        Self { low: self.low * other.low, likely: self.likely * other.likely, high: self.high * other.high }
    }
}

/// `None` where it is not known: unknown is never 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estimate {
    /// What is done with how many tokens.
    pub work: Option<Work>,
    /// Weights of the model that does most of it.
    pub parameters: Option<f64>,
    /// Tokens that a model here reads or writes.
    pub tokens: Option<Likely>,
    pub seconds: Option<Likely>,
    pub memory_bytes: Option<Likely>,
    /// Known only where somebody names a price: of a judge's tokens, of an hour of the machine.
    pub usd: Option<Likely>,
    /// Of the seconds.
    pub basis: Basis,
    /// Inputs without which tokens or seconds are unknown, as authors call them.
    pub lacking: BTreeSet<String>,
}

/// On what an estimate of seconds stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Basis {
    /// Sizes in the program, and the speed of two ordinary CPU cores.
    #[default]
    Analytic,
    /// What the same request took here, but for seeds and prose; when last, in seconds since 1970.
    Measured { made: f64, times: usize },
    /// Sizes in the program, at the speed that other tasks had here.
    Scaled { made: f64, times: usize },
    /// There is nothing to do.
    Recalled,
}

/// Of a task that is recalled.
pub(super) fn nothing() -> Estimate {
    let none = Some(Likely::exactly(0.0));
    Estimate {
        tokens: none,
        seconds: none,
        memory_bytes: none,
        usd: none,
        basis: Basis::Recalled,
        ..Estimate::default()
    }
}

/// Of a task that may be performed; `found` tells what of its inputs is at hand.
pub(super) fn reckon<'a>(
    task: &Task,
    found: &dyn Fn(&str) -> Option<&'a Found>,
    (engine, places): (&str, &Places),
    (calibration, shape): (&Calibration, &str),
) -> Estimate {
    let named = |slot: &str| match task.slots.get(slot)? {
        Bind::Source(source) => Some(source.describe()),
        Bind::Made { .. } => None,
    };
    let sizes = Sizes::new(found, &named);
    let work = sizes.work(&task.spec);
    let parameters = model_of(&task.spec).and_then(|model| sizes.parameters(model));
    let lacking = sizes.lacking.take();
    let analytic = work.as_ref().zip(parameters).map(|(work, parameters)| work.seconds(parameters.count));
    let asked = Asked {
        engine,
        machine: &places.machine,
        kind: &task.kind,
        task: &task.label.task,
        shape,
        // A name is no measure beside a file that was looked at.
        analytic: analytic.filter(|_| parameters.is_some_and(|one| !one.by_name)).map(|seconds| seconds.likely),
    };
    let (seconds, basis) = match calibration.seconds(&asked, analytic) {
        Some((seconds, basis)) => (Some(seconds), basis),
        None => (analytic, Basis::Analytic),
    };
    Estimate {
        tokens: work.as_ref().map(Work::tokens),
        usd: money(task, work.as_ref(), seconds, places.price),
        memory_bytes: sizes.memory(&task.spec),
        work,
        parameters: parameters.map(|one| one.count),
        seconds,
        basis,
        lacking,
    }
}

/// What judges far away and the machine's hours come to. Unknown when a judge has no price, or when nothing has one.
fn money(task: &Task, work: Option<&Work>, seconds: Option<Likely>, hour: Option<f64>) -> Option<Likely> {
    let judges = task.remotes.iter().map(|(slot, remote)| {
        let judged = work?.judged.get(slot).copied().unwrap_or_default();
        let (read, written) = (remote.input_price?, remote.output_price?);
        Some(judged.read.times(read / 1e6).plus(judged.written.times(written / 1e6)))
    });
    let judges = judges.sum::<Option<Likely>>()?;
    match (hour, task.remotes.is_empty()) {
        (Some(hour), _) => Some(judges.plus(seconds?.times(hour / 3600.0))),
        (None, false) => Some(judges),
        (None, true) => None,
    }
}

impl std::iter::Sum for Likely {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

/// What a task needs at least while it is performed, with the files of its slots at hand: asked again when all of them are.
pub(crate) fn memory(spec: &TaskSpec, found: &BTreeMap<Slot, Found>) -> Option<Likely> {
    Sizes::new(&|slot: &str| found.get(slot), &|_| None).memory(spec)
}

impl Estimate {
    /// Of a task, as `plan --json` has it; `now` in seconds since 1970.
    pub fn document(&self, now: f64) -> serde_json::Value {
        let judged =
            |of: fn(&Judged) -> Likely| self.work.as_ref().map(|work| work.judged.values().map(of).sum::<Likely>());
        serde_json::json!({
            "tokens": self.tokens, "seconds": self.seconds, "memory_bytes": self.memory_bytes, "usd": self.usd,
            "basis": self.in_words(now), "parameters": self.parameters,
            "sampled": self.work.as_ref().map(|work| work.sampled), "scored": self.work.as_ref().map(|work| work.scored),
            "trained": self.work.as_ref().map(|work| work.trained),
            "judge_read": judged(|one| one.read), "judge_written": judged(|one| one.written),
        })
    }

    /// The basis of the seconds: `measured here 3 days ago`.
    pub fn in_words(&self, now: f64) -> String {
        match self.basis {
            Basis::Recalled => "recalled".to_owned(),
            Basis::Measured { made, times } => {
                let times = if times > 1 { format!(", {times} times") } else { String::new() };
                format!("measured here {}{times}", ago(now - made))
            }
            Basis::Scaled { made, .. } => format!("by the speed of other tasks here, {}", ago(now - made)),
            Basis::Analytic => match self.seconds {
                Some(of) if of.likely > 0.0 => {
                    let share = (of.high / of.likely - 1.0).max(1.0 - of.low / of.likely);
                    format!("analytic \u{b1}{:.0}%", 100.0 * share)
                }
                _ => "analytic".to_owned(),
            },
        }
    }
}

/// `just now`, `5 minutes ago`, `3 days ago`.
pub fn ago(seconds: f64) -> String {
    let (count, unit) = match seconds {
        under if under < 60.0 => return "just now".to_owned(),
        under if under < 3_600.0 => (under / 60.0, "minute"),
        under if under < 86_400.0 => (under / 3_600.0, "hour"),
        days => (days / 86_400.0, "day"),
    };
    let count = count.floor();
    format!("{count:.0} {unit}{} ago", if count > 1.0 { "s" } else { "" })
}
