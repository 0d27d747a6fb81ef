//! What the tests are made with: plans by hand, an engine that counts, a listener with a clock of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mascot_run::desk::NoFetcher;
use mascot_run::engine::{Engine, Fault, Outputs, Progress, Request, Workspace};
use mascot_run::event::{Event, Listener};
use mascot_run::fake::{FINGERPRINT, FakeEngine};
use mascot_run::gate::{Case, Condition, Gate};
use mascot_run::interpreter;
use mascot_run::plan::{Bind, Budget, Capabilities, Estimate, Experiment, Labels, Plan, State, Task};
use mascot_run::report::{Outcome, RunReport};
use mascot_run::source::Places;
use mascot_run::store::{Label, Store};
use mascot_run::task::TaskSpec;
use serde_json::{Value, json};

/// Two trainings and a reward model on both: the smallest plan with a fork in it. What they are asked is told by `changes`, which are put
/// into the specifications by task id and JSON pointer.
pub fn plan(folder: &Path, changes: &[(&str, &str, Value)]) -> Plan {
    let tasks = vec![
        task("sounding/anchor", sft("The Anchor"), &[], changes),
        task("sounding/beacon", sft("The Beacon"), &[], changes),
        task("judged", reward_model(&["0", "1"]), &[("pairs.0", 0), ("pairs.1", 1)], changes),
        task("voices/anchor", sft("The Anchor, again"), &[("policy.adapter", 2)], changes),
    ];
    let mut plan = Plan {
        experiment: Experiment { name: "test".into(), ..Experiment::default() },
        engine: FINGERPRINT.to_owned(),
        fake: true,
        places: Places { root: folder.to_owned(), store: folder.join("store"), ..Places::default() },
        tasks,
        missing: Vec::new(),
        to_fetch: Vec::new(),
        capabilities: Capabilities::default(),
        budget: Budget::default(),
        program: None,
    };
    plan.look(&store(folder));
    plan
}

pub fn store(folder: &Path) -> Store {
    Store::new(folder.join("store"))
}

fn task(id: &str, mut spec: Value, needs: &[(&str, usize)], changes: &[(&str, &str, Value)]) -> Task {
    for (_, pointer, value) in changes.iter().filter(|(task, ..)| *task == id) {
        *spec.pointer_mut(pointer).expect("the field is there") = value.clone();
    }
    let (stage, member) = id.split_once('/').map_or((id, None), |(stage, member)| (stage, Some(member.to_owned())));
    let artifact = |task: usize| if task == 2 { "reward_model" } else { "adapter" }.to_owned();
    let slots =
        needs.iter().map(|(slot, task)| ((*slot).to_owned(), Bind::Made { task: *task, artifact: artifact(*task) }));
    Task {
        id: id.into(),
        also: Vec::new(),
        stage: stage.into(),
        kind: spec["kind"].as_str().expect("a kind").into(),
        member,
        point: None,
        spec: serde_json::from_value::<TaskSpec>(spec).expect("a specification"),
        not_yet: None,
        slots: slots.collect(),
        remotes: BTreeMap::new(),
        needs: needs.iter().map(|(_, task)| *task).collect(),
        origins: BTreeMap::new(),
        gates: Vec::new(),
        labels: Labels::default(),
        label: Label { engine: "fake".into(), experiment: "test".into(), task: id.into() },
        state: State::Pending,
        why: Vec::new(),
        key: None,
        estimate: Estimate::default(),
    }
}

fn sft(persona: &str) -> Value {
    json!({
        "kind": "sft", "seed": 1,
        "policy": {"speaker": {
            "policy": {"model": {"weights": {"random": {
                "arch": "llama", "hidden": 64, "layers": 2, "heads": 4, "kv_heads": 4, "ffn": 256, "vocab": 256, "tokenizer": "bytes",
            }}, "dtype": "f32"}, "adapter": null},
            "persona": {"name": persona, "role": null, "voice": "You are kind.", "never": [], "examples": []},
        }},
        "data": {"source": "data.source", "reader": {"format": "esconv"}, "split": null, "cut": null, "max_len": null},
        "epochs": 1, "batch": 8, "adapter": {"fresh": {"rank": 16, "alpha": 32, "targets": ["q"]}}, "optimizer": optimizer(),
    })
}

fn optimizer() -> Value {
    json!({
        "lr": 1e-4, "warmup": 0, "schedule": "linear", "final_lr": 0.1, "betas": [0.9, 0.999], "eps": 1e-8,
        "weight_decay": 0, "max_grad_norm": 1,
    })
}

fn reward_model(pairs: &[&str]) -> Value {
    let pairs: Vec<String> = pairs.iter().map(|index| format!("pairs.{index}")).collect();
    json!({
        "kind": "bradley_terry", "seed": 1, "pairs": pairs, "data": null,
        "init": {"model": sft("")["policy"]["speaker"]["policy"]["model"], "adapter": null},
        "epochs": 1, "batch": 8, "margin": 0, "center": 0, "held_out": 0.2,
        "adapter": {"fresh": {"rank": 16, "alpha": 32, "targets": ["q"]}}, "optimizer": optimizer(),
    })
}

/// A gate on the reward model's accuracy.
pub fn accuracy_gate(least: f64) -> Gate {
    let accuracy = Condition::Result { of: vec![2], name: "held_out_accuracy".into(), called: "accuracy".into() };
    let condition = Condition::Op { op: ">=".into(), args: vec![accuracy, Condition::Number(least)] };
    Gate {
        cases: vec![Case { persona: None, condition, marks: Vec::new() }],
        text: format!("held_out_accuracy >= {least}"),
        otherwise: "the judge does not separate the personas".into(),
        file: "test.masc".into(),
        line: 7,
        points: Vec::new(),
    }
}

/// The fake engine, counting; it fails or stops where it is told to.
#[derive(Default)]
pub struct Counting {
    pub performed: Vec<String>,
    pub fails: Option<&'static str>,
    /// Asks the run to stop in the middle of this task.
    pub stops: Option<&'static str>,
    /// First steps that were told, by task.
    pub first_steps: BTreeMap<String, u64>,
}

impl Engine for Counting {
    fn fingerprint(&self) -> String {
        FINGERPRINT.to_owned()
    }

    fn perform(
        &mut self,
        request: &Request<'_>,
        workspace: &Workspace,
        events: &mut dyn FnMut(Progress),
    ) -> Result<Outputs, Fault> {
        self.performed.push(request.id.to_owned());
        if self.fails == Some(request.id) {
            return Err(Fault::Data("the world was in the way".into()));
        }
        let stop = AtomicBool::new(false);
        let inner = Request {
            id: request.id,
            spec: request.spec,
            inputs: request.inputs,
            endpoints: request.endpoints,
            stop: if self.stops == Some(request.id) { &stop } else { request.stop },
            notice: request.notice,
        };
        let first_steps = &mut self.first_steps;
        FakeEngine.perform(&inner, workspace, &mut |progress| {
            first_steps.entry(request.id.to_owned()).or_insert(progress.step);
            if progress.step == 3 {
                stop.store(true, Ordering::Relaxed);
            }
            events(progress);
        })
    }
}

/// A clock that goes on a second at each look.
#[derive(Default)]
pub struct Silent(pub f64);

impl Listener for Silent {
    fn now(&mut self) -> f64 {
        self.0 += 1.0;
        self.0
    }

    fn tell(&mut self, _: Event<'_>) {}
}

pub fn run(plan: &Plan, folder: &Path, engine: &mut dyn Engine) -> RunReport {
    let stop = AtomicBool::new(false);
    interpreter::run(plan, &store(folder), engine, &mut NoFetcher, &mut Silent(1e9), &stop).expect("the store is fine")
}

/// Runs with an engine that counts: what was performed, and the report.
pub fn performed(plan: &Plan, folder: &Path) -> (Vec<String>, RunReport) {
    let mut engine = Counting::default();
    let report = run(plan, folder, &mut engine);
    (engine.performed, report)
}

pub fn outcomes(report: &RunReport) -> Vec<Outcome> {
    report.tasks.iter().map(|task| task.outcome.expect("every task has come to an outcome")).collect()
}
