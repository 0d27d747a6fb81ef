//! What became of each task. Also the manifest of a run: `runs/ID/run.yaml` in the store is a [`RunReport`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fmt, fs};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::Table;
use crate::gate::Asked;
use crate::kept::Kept;
use crate::key::TaskKey;
use crate::plan::{Experiment, Labels, Plan, State};
use crate::store::{Artifact, Record, Store, StoreError, disk};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The store had it.
    Recalled,
    /// Performed by this run.
    Fresh,
    Failed,
    /// Recalled or performed, and a gate on it does not hold: what needs it is skipped.
    Gated,
    Skipped,
}

/// Why a task was not even tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// Something that it needs did not come to be.
    Behind { task: String, outcome: Outcome },
    /// The user asked to stop.
    Stopped,
    /// A ceiling of the budget was reached, or it does not fit into memory; in a sentence.
    Budget(String),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::Behind { task, outcome: Outcome::Failed } => write!(out, "{task} failed"),
            SkipReason::Behind { task, outcome: Outcome::Gated } => write!(out, "a gate on {task} does not hold"),
            SkipReason::Behind { task, .. } => write!(out, "{task} was skipped"),
            SkipReason::Stopped => out.write_str("stopped; the next run goes on from here"),
            SkipReason::Budget(ceiling) => out.write_str(ceiling),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    /// Its name, and that of its folder in the store.
    pub run: String,
    pub experiment: Experiment,
    pub engine: String,
    /// Seconds since 1970.
    pub started: f64,
    pub finished: Option<f64>,
    pub interrupted: bool,
    /// A ceiling that was reached, or memory that would not do; in a sentence.
    pub over_budget: Option<String>,
    /// In the plan's order.
    pub tasks: Vec<TaskReport>,
    /// Where the report was written, once it was.
    pub report: Option<PathBuf>,
    /// Processor and threads, for readers: never part of a key. Runs of before it was kept have none.
    #[serde(default)]
    pub machine: Option<String>,
    /// What was run, as text. Runs of before it was kept have none.
    #[serde(default)]
    pub program: Option<Kept>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskReport {
    pub id: String,
    pub also: Vec<String>,
    pub stage: String,
    pub member: Option<String>,
    pub point: Option<String>,
    pub kind: String,
    pub needs: Vec<String>,
    /// What the plan had said.
    pub announced: State,
    /// `None`: the run has not come to it.
    pub outcome: Option<Outcome>,
    pub key: Option<TaskKey>,
    /// That this run spent on it.
    pub seconds: f64,
    /// Of a failure, a gate that does not hold, a skip; and of a pending task that was recalled after all.
    pub because: Option<String>,
    pub gates: Vec<Asked>,
    /// By name, relative to the store.
    pub artifacts: BTreeMap<String, PathBuf>,
    pub results: BTreeMap<String, f64>,
    pub table: Option<Table>,
    pub labels: Labels,
    pub notes: Vec<String>,
}

impl RunReport {
    /// Nothing has happened yet. Takes a name that no run of the store has, and writes the first manifest.
    pub(crate) fn begin(plan: &Plan, store: &Store, now: f64) -> Result<Self, StoreError> {
        let tasks = plan.tasks.iter().map(|task| TaskReport {
            id: task.id.clone(),
            also: task.also.clone(),
            stage: task.stage.clone(),
            member: task.member.clone(),
            point: task.point.clone(),
            kind: task.kind.clone(),
            needs: task.needs.iter().map(|need| plan.tasks[*need].id.clone()).collect(),
            announced: task.state,
            outcome: None,
            key: None,
            seconds: 0.0,
            because: None,
            gates: Vec::new(),
            artifacts: BTreeMap::new(),
            results: BTreeMap::new(),
            table: None,
            labels: task.labels.clone(),
            notes: Vec::new(),
        });
        let report = Self {
            run: new_name(store, now)?,
            experiment: plan.experiment.clone(),
            engine: plan.engine.clone(),
            started: now,
            finished: None,
            interrupted: false,
            over_budget: None,
            tasks: tasks.collect(),
            report: None,
            machine: None,
            program: plan.program.as_ref().map(|program| program.keep(store)).transpose()?,
        };
        report.write(store)?;
        Ok(report)
    }

    pub fn task(&self, id: &str) -> Option<&TaskReport> {
        self.tasks.iter().find(|task| task.id == id || task.also.iter().any(|also| also == id))
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        self.tasks.iter().filter(|task| task.outcome == Some(outcome)).count()
    }

    /// 0 done; 3 a task failed; 4 a gate or the budget stopped it; 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        if self.interrupted {
            130
        } else if self.count(Outcome::Failed) > 0 {
            3
        } else if self.count(Outcome::Gated) > 0 || self.over_budget.is_some() {
            4
        } else {
            0
        }
    }

    /// The document that `run --json` prints. Of a task with several artifacts the path is that of the first of `adapter`,
    /// `reward_model`, and so on: what the kind is for.
    pub fn document(&self, store: &Store) -> Value {
        let tasks: Vec<Value> = self.tasks.iter().map(|task| {
            json!({
                "id": task.id, "outcome": task.outcome, "key": task.key, "seconds": task.seconds, "because": task.because,
                "also": task.also, "announced": task.announced, "gates": task.gates, "notes": task.notes,
            })
        }).collect();
        let mut metrics = Vec::new();
        let mut artifacts = serde_json::Map::new();
        for task in &self.tasks {
            for row in task.table.iter().flat_map(|table| &table.rows) {
                metrics.push(json!({
                    "task": task.id, "subject": task.labels.subjects.get(row.subject), "metric": task.labels.metrics.get(row.metric),
                    "criterion": row.criterion, "persona": row.persona, "mean": row.mean, "sd": row.sd, "low": row.low,
                    "high": row.high, "median": row.median, "p95": row.p95, "n": row.n,
                }));
            }
            let main = ["adapter", "reward_model", "pairs.jsonl", "table.json", "transcripts.jsonl"];
            let main =
                main.iter().find_map(|name| task.artifacts.get(*name)).or_else(|| task.artifacts.values().next());
            if let Some(path) = main {
                artifacts.insert(task.id.clone(), store.root().join(path).display().to_string().into());
            }
        }
        json!({"run": self.run, "tasks": tasks, "metrics": metrics, "artifacts": artifacts, "report": self.report})
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// When the disk is in the way.
    pub fn write(&self, store: &Store) -> Result<(), StoreError> {
        store.write_yaml(&store.run_folder(&self.run).join("run.yaml"), self)
    }

    /// Reads the manifest of an earlier run; `None` if there is no such run.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(store: &Store, run: &str) -> Result<Option<Self>, StoreError> {
        crate::store::read_yaml(&store.run_folder(run).join("run.yaml"))
    }
}

impl Asked {
    /// What it was asked of, as a reader would name it: the task, or the task in the points that have this gate.
    pub fn of(&self, task: &str) -> String {
        let stage = task.split('@').next().unwrap_or(task);
        let in_point = |point: &Option<String>| match point {
            Some(point) => format!("{stage}@{point}"),
            None => stage.to_owned(),
        };
        match self.points.as_slice() {
            [] => task.to_owned(),
            points => points.iter().map(in_point).collect::<Vec<_>>().join(", "),
        }
    }
}

impl TaskReport {
    pub(crate) fn fill(&mut self, record: &Record, store: &Store) {
        self.key = Some(record.key);
        let path = |artifact: &Artifact| {
            let path = store.object(&artifact.digest);
            path.strip_prefix(store.root()).map(PathBuf::from).unwrap_or(path)
        };
        self.artifacts = record.artifacts.iter().map(|(name, artifact)| (name.clone(), path(artifact))).collect();
        self.results = record.outputs.results.clone();
        self.table = record.outputs.table.clone();
        self.notes = record.outputs.notes.clone();
    }
}

/// `20260131-235959-2`: when it began (UTC), and a count where several began within a second. The folder is made here, which is how
/// two runs at once get two names.
fn new_name(store: &Store, now: f64) -> Result<String, StoreError> {
    let runs = store.root().join("runs");
    fs::create_dir_all(&runs).map_err(disk(&runs))?;
    let time = date(now.max(0.0) as u64);
    for count in 1_u32.. {
        let name = if count == 1 { time.clone() } else { format!("{time}-{count}") };
        let folder = runs.join(&name);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(name),
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(why) => return Err(disk(&folder)(why)),
        }
    }
    unreachable!("a name is free before numbers run out")
}

/// Days to a date of the Gregorian calendar: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_time() {
        // date -u -d @1234567890 +%Y%m%d-%H%M%S, and the last second of a leap day
        assert_eq!(date(1_234_567_890), "20090213-233130");
        assert_eq!(date(951_868_799), "20000229-235959");
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        assert_eq!(new_name(&store, 0.0).unwrap(), "19700101-000000");
        assert_eq!(new_name(&store, 0.5).unwrap(), "19700101-000000-2");
    }
}
