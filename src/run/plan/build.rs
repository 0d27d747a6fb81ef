//! Programs to tasks in an order: every instance of a stage once, identical requests together, needs first.

use std::collections::{BTreeMap, BTreeSet};

use mascot_lang::program::{Entity, EntityKind, MemberRef, Program, Value};
use mascot_lang::source::SourceMap;
use petgraph::graphmap::DiGraphMap;
use petgraph::visit::DfsPostOrder;
use serde_json::json;

use super::estimate::Estimate;
use super::task::PAGE;
use super::{Bind, Budget, Capabilities, Experiment, Lacking, Plan, State, Task, known};
use crate::digest::canonical;
use crate::gate::Gate;
use crate::lower::{Hold, Lowered, lower};
use crate::remote::Address;
use crate::source::{Missing, Places, destination};
use crate::store::{Label, Store};
use crate::task::Slot;

/// Plans the experiment: `programs` are its base and the points that were asked for, as the checker evaluated them.
///
/// Reads what of the inputs is at hand, to know their digests, and the store; writes nothing and fetches nothing. With `fake`, opens no
/// input at all. `fingerprint` is the engine's: it enters every key.
pub fn plan(
    programs: &[Program],
    files: &SourceMap,
    places: &Places,
    store: &Store,
    fingerprint: &str,
    fake: bool,
) -> Plan {
    let mut plan = empty(programs, places, fingerprint, fake);
    let mut identical = BTreeMap::new();
    for program in programs {
        add(program, files, &mut plan, &mut identical);
    }
    known::fill_in(&mut plan, store);
    misplaced(programs, &mut plan);
    plan
}

/// Pages that would be written where they may not: told with what is missing, before anything is spent.
fn misplaced(programs: &[Program], plan: &mut Plan) {
    for report in programs.iter().flat_map(|program| program.of_kind(EntityKind::Report)) {
        for page in pages(report) {
            let told = |lacking: &Lacking| lacking.what.source == page;
            let Err(why) = destination(&page, &plan.places) else { continue };
            if plan.missing.iter().any(told) {
                continue;
            }
            let help = "write a path under the root, or grant this one: --allow 'write(\"PATH\")'".to_owned();
            let what = Missing { source: page, why, help, fetchable: false };
            plan.missing.push(Lacking { what, tasks: vec![format!("{PAGE}{}", report.name)] });
        }
    }
}

/// The files that a `report` item asks for, relative to the root.
pub fn pages(report: &Entity) -> Vec<String> {
    match report.fields.get("write").map(|field| &field.value) {
        Some(Value::List(files)) => files.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

/// A plan without tasks, with what the programs say of all of them.
pub(super) fn empty(programs: &[Program], places: &Places, fingerprint: &str, fake: bool) -> Plan {
    let mut plan = Plan {
        experiment: programs.first().map(described).unwrap_or_default(),
        engine: fingerprint.to_owned(),
        fake,
        places: places.clone(),
        tasks: Vec::new(),
        missing: Vec::new(),
        to_fetch: Vec::new(),
        capabilities: Capabilities::default(),
        budget: Budget::default(),
        program: None,
    };
    for program in programs {
        add_budget(program, &mut plan.budget);
        add_capabilities(program, &mut plan.capabilities);
    }
    plan
}

/// Adds the tasks of one program, and says which task each member of a stage is.
pub(super) fn tasks_of(program: &Program, files: &SourceMap, plan: &mut Plan) -> BTreeMap<MemberRef, usize> {
    add(program, files, plan, &mut BTreeMap::new())
}

/// Adds the tasks of one point; a request that is in the plan already gives its task another id.
fn add(
    program: &Program,
    files: &SourceMap,
    plan: &mut Plan,
    identical: &mut BTreeMap<String, usize>,
) -> BTreeMap<MemberRef, usize> {
    let engine = plan.engine.split('/').next().unwrap_or_default().to_owned();
    let mut lowered = BTreeMap::new();
    let mut needs = DiGraphMap::<MemberRef, ()>::new();
    for stage in program.of_kind(EntityKind::Stage) {
        let instances = stage.stage.as_ref().map_or(0, |stage| stage.instances.len());
        for member in 0..instances {
            let member = MemberRef { stage: stage.id, member: member as u32 };
            let task = lower(program, files, member);
            needs.add_node(member);
            for need in needed(&task).into_iter().filter(|need| *need != member) {
                needs.add_edge(member, need, ());
            }
            lowered.insert(member, task);
        }
    }

    // Depth first from each stage in the file's order: a task comes as early as it was written, and no earlier than what it needs.
    let mut places = BTreeMap::new();
    let mut walk = DfsPostOrder::empty(&needs);
    for member in lowered.keys().copied().collect::<Vec<_>>() {
        walk.move_to(member);
        while let Some(member) = walk.next(&needs) {
            let task = lowered.get(&member).expect("every need is a member of a stage").clone();
            let own = plan.tasks.len();
            let task = bound(program, member, task, &engine, &plan.experiment.name, &places, own);
            let mut at = *identical.entry(identity(&task)).or_insert(own);
            match plan.tasks.get_mut(at) {
                Some(same) if can_join(&task, at) => join(same, task, own, at),
                _ => {
                    at = own;
                    plan.tasks.push(task);
                }
            }
            places.insert(member, at);
        }
    }
    places
}

/// Slots and needs of a task, with others by their positions in the plan.
pub(super) fn bind(lowered: &Lowered, place: &dyn Fn(&MemberRef) -> usize) -> (BTreeMap<Slot, Bind>, Vec<usize>) {
    let bind = |hold: &Hold| match hold {
        Hold::Source(source) => Bind::Source(source.clone()),
        Hold::Made { by, artifact } => Bind::Made { task: place(by), artifact: (*artifact).to_owned() },
    };
    let slots = lowered.slots.iter().map(|(slot, hold)| (slot.clone(), bind(hold))).collect();
    let mut needs: Vec<usize> = needed(lowered).iter().map(place).collect();
    needs.sort_unstable();
    needs.dedup();
    (slots, needs)
}

/// Every task whose outputs or results are read.
fn needed(task: &Lowered) -> BTreeSet<MemberRef> {
    let made = task.slots.values().filter_map(|hold| match hold {
        Hold::Made { by, .. } => Some(*by),
        Hold::Source(_) => None,
    });
    made.chain(task.gates.iter().flat_map(|gate| gate.tasks())).collect()
}

/// The task at its place: needs by position in the plan. `own` is the position that it will have.
fn bound(
    program: &Program,
    member: MemberRef,
    lowered: Lowered,
    engine: &str,
    experiment: &str,
    places: &BTreeMap<MemberRef, usize>,
    own: usize,
) -> Task {
    let entity = program.entity(member.stage);
    let stage = entity.stage.as_ref().expect("a MemberRef names a stage");
    let persona = program.instance(member).persona.map(|id| program.entity(id).name.clone());
    let id = match &persona {
        Some(persona) => format!("{}/{persona}", entity.name),
        None => entity.name.clone(),
    };
    let id = match &program.point {
        Some(point) => format!("{id}@{point}"),
        None => id,
    };
    let place = |other: &MemberRef| if *other == member { own } else { places[other] };
    let (slots, mut needs) = bind(&lowered, &place);
    needs.retain(|need| *need != own);
    let gates = lowered.gates.iter().map(|gate| gate.map(&place));
    Task {
        also: Vec::new(),
        stage: entity.name.clone(),
        kind: stage.kind.clone(),
        member: persona,
        point: program.point.clone(),
        not_yet: lowered.not_yet,
        slots,
        remotes: lowered.remotes,
        needs,
        origins: lowered.origins,
        gates: gates.collect(),
        labels: lowered.labels,
        label: Label { engine: engine.to_owned(), experiment: experiment.to_owned(), task: id.clone() },
        id,
        state: State::Pending,
        why: Vec::new(),
        key: None,
        estimate: Estimate::default(),
        spec: lowered.spec,
    }
}

/// Two requests are one when they ask the same of the same. Gates are no part of it: each is asked for the points that it stands in.
fn identity(task: &Task) -> String {
    canonical(&json!({"spec": task.spec, "slots": task.slots}))
}

/// Whether what only its gates ask about comes before the place that it would get.
fn can_join(task: &Task, at: usize) -> bool {
    task.needs.iter().all(|need| *need < at)
}

/// One task for both: the ids, needs and gates of the other become its own. `own` is the place that the other would have had, which
/// gates on its own results name.
fn join(same: &mut Task, other: Task, own: usize, at: usize) {
    same.also.push(other.id);
    same.needs.extend(other.needs);
    same.needs.sort_unstable();
    same.needs.dedup();
    for gate in other.gates {
        let gate = gate.map(&|task| if *task == own { at } else { *task });
        let asks = |known: &&mut Gate| (&known.cases, &known.otherwise) == (&gate.cases, &gate.otherwise);
        match same.gates.iter_mut().find(asks) {
            Some(known) => known.points.extend(gate.points),
            None => same.gates.push(gate),
        }
    }
}

fn described(program: &Program) -> Experiment {
    let Some(id) = program.experiment else { return Experiment::default() };
    let entity = program.entity(id);
    let texts = |name: &str| match entity.fields.get(name).map(|field| &field.value) {
        Some(Value::List(values)) => values.iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    Experiment {
        name: entity.name.clone(),
        title: entity.title.clone(),
        question: entity.fields.get("question").and_then(|field| text(&field.value)),
        authors: texts("authors"),
        links: texts("links"),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Word(text) => Some(text.clone()),
        _ => None,
    }
}

/// The lowest of several ceilings holds.
fn add_budget(program: &Program, budget: &mut Budget) {
    for entity in program.of_kind(EntityKind::Budget) {
        let ceiling = |name: &str| match entity.fields.get(name).map(|field| &field.value) {
            Some(Value::Number { value, .. }) => Some(*value),
            _ => None,
        };
        let lower = |old: Option<f64>, new: Option<f64>| match (old, new) {
            (Some(old), Some(new)) => Some(old.min(new)),
            (old, new) => old.or(new),
        };
        budget.gpu_seconds = lower(budget.gpu_seconds, ceiling("gpu"));
        budget.usd = lower(budget.usd, ceiling("money"));
        budget.bytes = lower(budget.bytes, ceiling("vram"));
        budget.seconds = lower(budget.seconds, ceiling("time"));
    }
}

/// What reports write, which secrets are named, which judges are far away. (What tasks read is added when it is known which run.)
fn add_capabilities(program: &Program, capabilities: &mut Capabilities) {
    let add = |list: &mut Vec<String>, text: String| {
        if !list.contains(&text) {
            list.push(text);
        }
    };
    for report in program.of_kind(EntityKind::Report) {
        pages(report).into_iter().for_each(|page| add(&mut capabilities.write, page));
    }
    for secret in program.of_kind(EntityKind::Secret) {
        let variable = secret.fields.values().find_map(|field| text(&field.value));
        add(&mut capabilities.secrets, variable.unwrap_or_else(|| secret.name.clone()));
    }
    for judge in program.of_kind(EntityKind::Judge) {
        if let Some(Value::Call { name, args }) = judge.fields.get("by").map(|field| &field.value)
            && name == "openai"
            && let Some(url) = args.get("url").and_then(text)
        {
            add(&mut capabilities.net, Address::of(&url).map_or(url, |address| address.to_string()));
        }
    }
}
