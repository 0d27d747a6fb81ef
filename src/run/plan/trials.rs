//! The plan of `mascot test`: the tests of an experiment's personas, and what they need.

use std::collections::BTreeMap;

use mascot_lang::program::{Entity, EntityKind, MemberRef, Program, Value};
use mascot_lang::source::{FileId, SourceMap};

use super::build::{bind, empty, tasks_of};
use super::estimate::Estimate;
use super::{Plan, State, Task, known};
use crate::lower::trial::{LoweredTrial, lower_trial, table};
use crate::source::Places;
use crate::store::{Label, Store};
use crate::trial::Trial;

/// What tests are called as a stage: no name that a file could give one.
const STAGE: &str = "a test";

/// Tests that were planned, and those that cannot be run.
pub struct Trials {
    pub plan: Plan,
    pub trials: Vec<Trial>,
    /// Which, and why; in words.
    pub cannot: Vec<String>,
}

/// Plans the tests of the personas of the main file, and of those who speak in the first subject of its first `evaluate`. `keep` says which
/// of them are wanted, by the plan of all and the position of the task.
pub fn trials(
    program: &Program,
    files: &SourceMap,
    places: &Places,
    store: &Store,
    fingerprint: &str,
    fake: bool,
    keep: &dyn Fn(&Plan, usize) -> bool,
) -> Trials {
    let mut plan = empty(std::slice::from_ref(program), places, fingerprint, fake);
    let made = tasks_of(program, files, &mut plan);
    let under = table(program, files);
    let (mut all, mut cannot) = (Vec::new(), Vec::new());
    for persona in program.of_kind(EntityKind::Persona) {
        let tests = persona.children.iter().filter(|child| child.keyword == "test");
        for (number, test) in tests.enumerate() {
            let title = test.title.clone().unwrap_or_default();
            let file = files.file(test.span.file).path.clone();
            let line = files.position(test.span.file, test.span.start).line;
            let lowered = match under {
                Some(table) => lower_trial(program, files, persona.id, test, table),
                None => Err("the experiment has no `evaluate`, whose first subject would speak".to_owned()),
            };
            let lowered = match lowered {
                Ok(lowered) => lowered,
                // What a library tests of somebody who does not speak here is the library's.
                Err(_) if test.span.file != FileId(0) => continue,
                Err(why) => {
                    cannot.push(format!("{file}:{line}: \"{title}\" of {}: {why}", persona.name));
                    continue;
                }
            };
            let LoweredTrial { task, scores, judges, n, k } = lowered;
            let id = format!("test/{}/{}", persona.name, number + 1);
            let task = placed(persona, id, task, &made, &plan);
            let given = match test.fields.get("given").map(|field| &field.value) {
                Some(Value::Text(text)) => text.clone(),
                _ => String::new(),
            };
            let at = plan.tasks.len();
            plan.tasks.push(task);
            let (persona, gates) = (persona.name.clone(), test.gates.clone());
            all.push(Trial { task: at, persona, title, given, file, line, judges, n, k, scores, gates });
        }
    }
    let wanted: Vec<bool> = (0..plan.tasks.len()).map(|at| plan.tasks[at].stage == STAGE && keep(&plan, at)).collect();
    all.retain(|trial| wanted[trial.task]);
    let ids: Vec<String> = all.iter().map(|trial| plan.tasks[trial.task].id.clone()).collect();
    plan.tasks
        .iter_mut()
        .filter(|task| task.stage == STAGE && !ids.contains(&task.id))
        .for_each(|task| task.stage.clear());
    if !plan.until(STAGE) {
        plan.tasks.clear();
    }
    for (trial, id) in all.iter_mut().zip(&ids) {
        trial.task = plan.find(id).expect("a test that is wanted stays in the plan");
    }
    // A run of tests is no run of the experiment: its report is not the experiment's.
    plan.experiment.name = format!("{} (tests)", plan.experiment.name);
    known::fill_in(&mut plan, store);
    Trials { plan, trials: all, cannot }
}

fn placed(
    persona: &Entity,
    id: String,
    lowered: crate::lower::Lowered,
    made: &BTreeMap<MemberRef, usize>,
    plan: &Plan,
) -> Task {
    let place = |member: &MemberRef| made[member];
    let (slots, needs) = bind(&lowered, &place);
    let engine = plan.engine.split('/').next().unwrap_or_default().to_owned();
    Task {
        also: Vec::new(),
        stage: STAGE.to_owned(),
        kind: "evaluate".to_owned(),
        member: Some(persona.name.clone()),
        point: None,
        not_yet: lowered.not_yet,
        slots,
        remotes: lowered.remotes,
        needs,
        origins: lowered.origins,
        gates: Vec::new(),
        labels: lowered.labels,
        label: Label { engine, experiment: plan.experiment.name.clone(), task: id.clone() },
        id,
        state: State::Pending,
        why: Vec::new(),
        key: None,
        estimate: Estimate::default(),
        spec: lowered.spec,
    }
}
