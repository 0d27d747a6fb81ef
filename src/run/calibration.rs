//! What performing took, remembered by what it depends on: engine, machine, kind, shape. The next plan reckons by it.
//!
//! A line of JSON a task in the store's file `calibration`, the latest last, rewritten aside and moved there. Everything in it serves
//! estimates: none of it enters a key, and what cannot be read is left out. Absent: clocks (a listener lends one), and any say in what
//! is performed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::digest::Digest;
use crate::key::KeyDocument;
use crate::plan::{Basis, Likely, Work};
use crate::store::{Lock, Store, StoreError};
use crate::task::TaskSpec;

/// What computes: `where`, in no key.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Processor and cores, as the system names them.
    pub name: String,
    /// `cpu`, `cuda`
    pub device: String,
    pub threads: usize,
}

/// What one task took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// The engine's fingerprint.
    pub engine: String,
    pub machine: Machine,
    pub kind: String,
    /// Its id: of several measurements of one shape, the task's own are preferred.
    pub task: String,
    /// See [`shape_of`].
    pub shape: String,
    /// Over all the runs that worked on it.
    pub seconds: f64,
    /// When it was done, in seconds since 1970.
    pub made: f64,
    /// What they were spent on, as far as its specification says.
    pub work: Option<Work>,
    /// Weights of the model.
    pub parameters: Option<f64>,
    /// Tokens that the engine counted.
    pub tokens: Option<f64>,
}

/// Everything that a store remembers of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    /// The latest last.
    all: Vec<Took>,
}

/// A task whose seconds are asked for.
pub struct Asked<'a> {
    pub engine: &'a str,
    pub machine: &'a Machine,
    pub kind: &'a str,
    pub task: &'a str,
    pub shape: &'a str,
    /// Seconds that its sizes come to on two ordinary cores: a measure of its work.
    pub analytic: Option<f64>,
}

/// How many measurements of one task are kept.
const KEPT: usize = 3;
/// And of all tasks.
const MOST: usize = 2_000;

/// A request but for what costs nothing: seeds, prose, names, and of fractions (rates, weights, temperatures) all but whether they are
/// zero. Counts stay, and which model, which terms, how many examples.
pub fn shape_of(spec: &TaskSpec) -> String {
    let mut document = serde_json::to_value(spec).expect("a task's specification is plain data");
    shaped(&mut document);
    Digest::of_document(&document).to_string()
}

/// The same of a stored request.
pub fn shape_of_document(document: &KeyDocument) -> String {
    let mut spec = document.spec.clone();
    if let Value::Object(fields) = &mut spec {
        fields.insert("kind".to_owned(), document.kind.as_str().into());
    }
    shaped(&mut spec);
    Digest::of_document(&spec).to_string()
}

fn shaped(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_persona = fields.contains_key("name") && fields.contains_key("voice");
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    "seed" => *field = Value::Null,
                    "name" if is_persona => *field = Value::Null,
                    _ => shaped(field),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shaped),
        Value::String(text) if text.contains(char::is_whitespace) => text.clear(),
        Value::Number(number) if is_fraction(number) => *value = Value::Bool(number.as_f64() != Some(0.0)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn is_fraction(number: &Number) -> bool {
    number.as_i64().is_none() && number.as_u64().is_none()
}

impl Calibration {
    /// Seconds by what was measured here, and by how much of it; `None` when nothing of use was.
    pub fn seconds(&self, asked: &Asked<'_>, analytic: Option<Likely>) -> Option<(Likely, Basis)> {
        let here = |one: &&Took| one.engine == asked.engine && one.machine == *asked.machine && one.seconds > 0.0;
        let here: Vec<&Took> = self.all.iter().filter(here).collect();
        let only = |of: &dyn Fn(&Took) -> bool| here.iter().copied().filter(|one| of(one)).collect::<Vec<_>>();
        let same_shape = only(&|one| one.shape == asked.shape);
        let own = only(&|one| one.shape == asked.shape && one.task == asked.task);
        let measured = if own.is_empty() { same_shape } else { own };
        if !measured.is_empty() {
            return Some(by_shape(&measured, asked));
        }
        let by_work = |of: Vec<&Took>, spread: f64| {
            let analytic = analytic.filter(|seconds| seconds.likely > 0.0)?;
            let speeds: Vec<f64> = of.iter().filter_map(|one| Some(one.seconds / one.analytic()?)).collect();
            let (low, likely, high) = range(&speeds)?;
            let seconds = Likely {
                low: analytic.likely * low / spread,
                likely: analytic.likely * likely,
                high: analytic.likely * high * spread,
            };
            Some((seconds, Basis::Scaled { made: latest(&of), times: speeds.len() }))
        };
        let own = only(&|one| one.task == asked.task && one.kind == asked.kind);
        let kind = only(&|one| one.kind == asked.kind);
        let unscaled = || {
            // Nobody knows the sizes: what the task took in another shape is the best guess.
            let (low, likely, high) = range(&own.iter().map(|one| one.seconds).collect::<Vec<_>>())?;
            let seconds = Likely { low: low / 3.0, likely, high: high * 3.0 };
            Some((seconds, Basis::Scaled { made: latest(&own), times: own.len() }))
        };
        by_work(own.clone(), 1.5)
            .or_else(|| by_work(kind, 2.0))
            .or_else(|| by_work(here.clone(), 4.0))
            .or_else(unscaled)
    }

    fn add(&mut self, took: Took) {
        self.all.push(took);
        let mut counts: BTreeMap<(String, Machine, String, String), usize> = BTreeMap::new();
        let mut kept: Vec<Took> = Vec::new();
        for one in self.all.drain(..).rev() {
            let of = (one.engine.clone(), one.machine.clone(), one.task.clone(), one.shape.clone());
            let count = counts.entry(of).or_default();
            *count += 1;
            if *count <= KEPT && kept.len() < MOST {
                kept.push(one);
            }
        }
        kept.reverse();
        self.all = kept;
    }

    /// Whether the very task was measured in this shape.
    pub fn knows(&self, task: &str, shape: &str) -> bool {
        self.all.iter().any(|one| one.task == task && one.shape == shape)
    }

    /// With one measurement more, of before all others.
    #[must_use]
    pub fn with(&self, earlier: Took) -> Self {
        Self { all: std::iter::once(earlier).chain(self.all.iter().cloned()).collect() }
    }

    /// The latest last.
    pub fn all(&self) -> &[Took] {
        &self.all
    }
}

impl Took {
    fn analytic(&self) -> Option<f64> {
        let seconds = self.work.as_ref()?.seconds(self.parameters?).likely;
        Some(seconds).filter(|seconds| *seconds > 0.0)
    }
}

/// Of measurements of one shape. An evaluation may have recalled subjects that did not change, so the longest tells what all of them
/// take; of the others the middle one is likely.
fn by_shape(measured: &[&Took], asked: &Asked<'_>) -> (Likely, Basis) {
    // The same counts over more rows, or longer voices, are more work.
    let scaled = |one: &&Took| {
        let factor = asked.analytic.zip(one.analytic()).map_or(1.0, |(now, then)| now / then);
        one.seconds * factor.clamp(0.1, 10.0)
    };
    let last: Vec<f64> = measured.iter().rev().take(KEPT).map(scaled).collect();
    let (low, middle, high) = range(&last).expect("something was measured");
    let likely = if asked.kind == "evaluate" { high } else { middle };
    let basis = Basis::Measured { made: latest(measured), times: last.len() };
    (Likely { low: 0.75 * low.min(likely), likely, high: 1.5 * high }, basis)
}

/// Lowest, middle, highest.
fn range(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = match sorted.len() {
        0 => return None,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => 0.5 * (sorted[even / 2 - 1] + sorted[even / 2]),
    };
    Some((sorted[0], middle, sorted[sorted.len() - 1]))
}

fn latest(of: &[&Took]) -> f64 {
    of.iter().map(|one| one.made).fold(0.0, f64::max)
}

impl Store {
    /// What performing took, as far as this store remembers.
    pub fn calibration(&self) -> Calibration {
        let text = fs::read_to_string(self.calibration_path()).unwrap_or_default();
        Calibration { all: text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect() }
    }

    /// Remembers what a task took.
    ///
    /// # Errors
    /// When the disk is in the way.
    pub fn remember_cost(&self, took: Took) -> Result<(), StoreError> {
        let path = self.calibration_path();
        // Two runs add to it one after the other: neither loses what the other measured.
        let lock = path.with_extension("lock");
        let _lock = Lock::exclusive(&lock, &AtomicBool::new(false), &mut || {})?;
        let mut calibration = self.calibration();
        calibration.add(took);
        let line = |one: &Took| serde_json::to_string(one).expect("a measurement is plain data") + "\n";
        let text: String = calibration.all.iter().map(line).collect();
        self.write_whole(&path, text.as_bytes())
    }

    fn calibration_path(&self) -> PathBuf {
        self.root().join("calibration")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn took(task: &str, kind: &str, shape: &str, seconds: f64, tokens: f64) -> Took {
        let work = Work { scored: Likely::exactly(tokens), ..Work::default() };
        Took {
            engine: "candle/1".into(),
            machine: Machine::default(),
            kind: kind.into(),
            task: task.into(),
            shape: shape.into(),
            seconds,
            made: 100.0,
            work: Some(work),
            parameters: Some(1e8),
            tokens: None,
        }
    }

    /// Likely seconds, and whether they were measured as such.
    fn seconds(all: &[Took], task: &str, kind: &str, shape: &str, tokens: f64) -> Option<(f64, bool)> {
        let analytic = Work { scored: Likely::exactly(tokens), ..Work::default() }.seconds(1e8);
        let machine = Machine::default();
        let asked = Asked { engine: "candle/1", machine: &machine, kind, task, shape, analytic: Some(analytic.likely) };
        let mut calibration = Calibration::default();
        all.iter().for_each(|one| calibration.add(one.clone()));
        let (seconds, basis) = calibration.seconds(&asked, Some(analytic))?;
        assert!(0.0 < seconds.low && seconds.low <= seconds.likely && seconds.likely <= seconds.high);
        Some(((seconds.likely * 1e6).round() / 1e6, matches!(basis, Basis::Measured { .. })))
    }

    #[test]
    fn the_nearest_measurement_counts() {
        let all = [
            took("voices/anchor", "grpo", "a", 100.0, 1e4),
            took("voices/beacon", "grpo", "a", 80.0, 1e4),
            took("direction", "grpo", "b", 300.0, 1e4),
            took("speakers", "evaluate", "c", 10.0, 1e4),
        ];
        let ask = |task, kind, shape, tokens| seconds(&all, task, kind, shape, tokens);
        assert_eq!(ask("voices/anchor", "grpo", "a", 1e4), Some((100.0, true)), "its own");
        assert_eq!(ask("renamed", "grpo", "a", 1e4), Some((90.0, true)), "of its shape: the middle of 80 and 100");
        assert_eq!(ask("voices/anchor", "grpo", "a", 2e4), Some((200.0, true)), "twice the rows");
        assert_eq!(ask("voices/anchor", "grpo", "z", 3e4), Some((300.0, false)), "its own speed, thrice the work");
        assert_eq!(ask("new", "grpo", "z", 1e4), Some((100.0, false)), "the middle speed of its kind");
        assert_eq!(ask("new", "sft", "z", 1e4), Some((90.0, false)), "the middle speed of all: 10, 80, 100, 300");
        assert_eq!(seconds(&[], "new", "sft", "z", 1e4), None);
    }

    #[test]
    fn another_engine_or_machine_tells_nothing() {
        let mut other = took("a", "sft", "a", 10.0, 1e4);
        other.engine = "candle/2".into();
        assert_eq!(seconds(&[other.clone()], "a", "sft", "a", 1e4), None);
        other.engine = "candle/1".into();
        other.machine.threads = 8;
        assert_eq!(seconds(&[other], "a", "sft", "a", 1e4), None);
    }

    #[test]
    fn an_evaluation_that_recalled_subjects_makes_none_cheap() {
        let all = [took("speakers", "evaluate", "a", 200.0, 1e4), took("speakers", "evaluate", "a", 1.0, 1e4)];
        assert_eq!(seconds(&all, "speakers", "evaluate", "a", 1e4), Some((200.0, true)));
    }

    #[test]
    fn the_store_keeps_the_latest_of_each_and_survives_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        for at in 0..5 {
            store.remember_cost(took("a", "sft", "a", f64::from(at), 1.0)).unwrap();
        }
        store.remember_cost(took("b", "sft", "a", 9.0, 1.0)).unwrap();
        let kept = |store: &Store| store.calibration().all().iter().map(|one| one.seconds).collect::<Vec<_>>();
        assert_eq!(kept(&store), [2.0, 3.0, 4.0, 9.0]);
        let path = folder.path().join("calibration");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{{\"engine\": \"can")).unwrap();
        assert_eq!(kept(&store), [2.0, 3.0, 4.0, 9.0]);
    }

    #[test]
    fn a_shape_has_no_seed_no_prose_and_no_rate() {
        let shape = |lr: f64, steps: u64, voice: &str, seed: u64| {
            let mut document = json!({
                "seed": seed, "persona": {"name": voice, "voice": format!("You are {voice}.")}, "term": {"name": "leak"},
                "optimizer": {"lr": lr}, "steps": steps,
            });
            shaped(&mut document);
            document
        };
        let base = shape(1e-4, 10, "kind", 7);
        assert_eq!(base, shape(2e-4, 10, "bold", 8));
        assert_ne!(base, shape(1e-4, 20, "kind", 7));
        assert_ne!(base, shape(0.0, 10, "kind", 7), "a rate of zero trains nothing");
        assert_eq!(base["term"]["name"], "leak", "which term is asked is a cost");
    }
}
