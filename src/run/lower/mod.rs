//! One instance of a stage → its [`TaskSpec`], with slots for what comes from elsewhere and the place where each value was written.
//!
//! Values become JSON, and JSON becomes the closed structs of [`crate::task`], which refuse what they do not know. What does not
//! fit is our mistake, not the author's: the checker has been here before. Uses `lang::program`; deliberately absent: digests, disks.

mod evaluate;
mod gate;
mod judge;
mod model;
mod persona;
mod reward;
mod stage;
pub(crate) mod trial;

use std::collections::BTreeMap;

use mascot_lang::program::{Entity, EntityId, EntityKind, Field, Fields, Layer, MemberRef, Program, Value};
use mascot_lang::source::{SourceMap, Span};
use serde_json::{Map, Value as Json, json};

use crate::digest::{Digest, canonical, whole};
use crate::gate::Gate;
use crate::plan::{Labels, Origin};
use crate::remote::Remote;
use crate::source::Source;
use crate::task::{DataSpec, Slot, TaskSpec};

/// A task before it has its place in a plan.
#[derive(Debug, Clone)]
pub(crate) struct Lowered {
    pub spec: TaskSpec,
    pub not_yet: Option<String>,
    pub slots: BTreeMap<Slot, Hold>,
    pub remotes: BTreeMap<Slot, Remote>,
    pub origins: BTreeMap<String, Origin>,
    pub gates: Vec<Gate<MemberRef>>,
    pub labels: Labels,
}

/// What a slot holds, with tasks still named by stage and member.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Hold {
    Source(Source),
    Made { by: MemberRef, artifact: &'static str },
}

/// Lowers one instance.
pub(crate) fn lower(program: &Program, files: &SourceMap, member: MemberRef) -> Lowered {
    let mut lower = Lower::new(program, files);
    let json = lower.stage(member);
    let spec = serde_json::from_value(json.clone()).unwrap_or_else(|error| {
        let stage = &program.entity(member.stage).name;
        panic!("stage `{stage}` does not fit its specification: {error}\n{json:#}\nthis is a bug in mascot")
    });
    let gates = lower.gates(member);
    let Lower { slots, remotes, origins, not_yet, labels, .. } = lower;
    Lowered { spec, not_yet, slots, remotes, origins, gates, labels }
}

/// A data set on its own, for `mascot show`: how it is read, and where it lies.
pub fn dataset(program: &Program, files: &SourceMap, id: EntityId) -> (DataSpec, Source) {
    let mut lower = Lower::new(program, files);
    let json = lower.data("data", &Value::Entity(id));
    let spec: DataSpec = serde_json::from_value(json)
        .unwrap_or_else(|error| panic!("a data set does not fit its specification: {error}; this is a bug in mascot"));
    match lower.slots.remove(&spec.source) {
        Some(Hold::Source(source)) => (spec, source),
        other => panic!("a data set is read from {other:?}; this is a bug in mascot"),
    }
}

/// The seed of a task: from the experiment's, the stage's kind and the replicate, so that adding or renaming a stage shifts
/// nobody's randomness. The first eight bytes, little-endian, of the BLAKE3 of `[SEED,"KIND",REPLICATE]`.
pub(crate) fn seed(experiment: u64, kind: &str, replicate: u32) -> u64 {
    Digest::of(canonical(&json!([experiment, kind, replicate])).as_bytes()).first_u64()
}

/// The seed of every task of a stage kind under an experiment's seed: for whoever shows it.
pub fn seed_of_stage(experiment: u64, kind: &str) -> u64 {
    seed(experiment, kind, 0)
}

/// Where a model's weights come from, by the value of its `weights`; `None`: drawn at random, or no such value.
pub fn source_of_weights(weights: &Value) -> Option<crate::source::Source> {
    match weights {
        Value::Call { name, args } => model::weights(name, args),
        _ => None,
    }
}

struct Lower<'a> {
    program: &'a Program,
    files: &'a SourceMap,
    slots: BTreeMap<Slot, Hold>,
    remotes: BTreeMap<Slot, Remote>,
    origins: BTreeMap<String, Origin>,
    not_yet: Option<String>,
    labels: Labels,
}

/// Fields, and the name of the item that they stand in: `voices` for `voices.kl.beta`.
#[derive(Clone, Copy)]
struct Owner<'a> {
    name: &'a str,
    fields: &'a Fields,
}

impl<'a> Owner<'a> {
    fn field(&self, name: &str) -> &'a Field {
        let Owner { name: owner, fields } = self;
        fields.get(name).unwrap_or_else(|| {
            panic!("`{owner}` has no field `{name}`: every field of a schema is present; this is a bug in mascot")
        })
    }

    fn value(&self, name: &str) -> &'a Value {
        &self.field(name).value
    }
}

/// What a stage means to the personas, rewards and judges that it uses.
struct Scope {
    /// Of a member of a family.
    persona: Option<EntityId>,
    crew: Vec<EntityId>,
    /// The model under the policy, without adapters.
    base: EntityId,
}

impl<'a> Lower<'a> {
    fn new(program: &'a Program, files: &'a SourceMap) -> Self {
        Self {
            program,
            files,
            slots: BTreeMap::new(),
            remotes: BTreeMap::new(),
            origins: BTreeMap::new(),
            not_yet: None,
            labels: Labels::default(),
        }
    }

    fn owner(&self, id: EntityId) -> Owner<'a> {
        let entity = self.program.entity(id);
        Owner { name: &entity.name, fields: &entity.fields }
    }

    fn instance(&self, member: MemberRef) -> Owner<'a> {
        Owner { name: &self.program.entity(member.stage).name, fields: &self.program.instance(member).fields }
    }

    fn kind(&self, member: MemberRef) -> &'a str {
        &self.program.entity(member.stage).stage.as_ref().expect("a MemberRef names a stage").kind
    }

    /// `fields` of `owner`, as they are; each remembered as standing at `at.FIELD` of the specification.
    fn plain(&mut self, at: &str, owner: Owner<'_>, fields: &[&str]) -> Map<String, Json> {
        let mut object = Map::new();
        for name in fields {
            self.written(&join(at, name), owner, name);
            object.insert((*name).to_owned(), plain(owner.value(name)));
        }
        object
    }

    /// Remembers that what stands at `at` of the specification was written as `owner.name`.
    fn written(&mut self, at: &str, owner: Owner<'_>, name: &str) {
        let field = owner.field(name);
        let path = format!("{}.{name}", owner.name);
        self.origin(at, path.clone(), field.origin.layer, field.origin.span);
        for (below, origin) in &field.parts {
            self.origin(&join(at, below), join(&path, below), origin.layer, origin.span);
        }
    }

    fn origin(&mut self, at: &str, field: String, layer: Layer, span: Option<Span>) {
        let layer = match layer {
            Layer::Default => "default",
            Layer::Base => "base",
            Layer::File => "file",
            Layer::Point => "point",
            Layer::Set => "set",
        };
        let file = span.map(|span| self.files.file(span.file).path.clone());
        let line = span.map(|span| self.files.position(span.file, span.start).line);
        self.origins.insert(at.to_owned(), Origin { field, layer, file, line });
    }

    /// Binds what stands at `at` of the specification to a slot.
    fn hold(&mut self, at: &str, hold: Hold) -> Json {
        let slot = self.slot(at);
        self.slots.insert(slot.clone(), hold);
        slot.into()
    }

    /// As [`Lower::hold`], for a judge far away.
    fn reach(&mut self, at: &str, remote: Remote) -> Json {
        let slot = self.slot(at);
        self.remotes.insert(slot.clone(), remote);
        slot.into()
    }

    /// A free slot, named by its place: inside arithmetic without the way through it, counted where that leaves two alike.
    fn slot(&mut self, at: &str) -> Slot {
        let mut name: Vec<&str> = Vec::new();
        let mut parts = at.split('.').peekable();
        while let Some(part) = parts.next() {
            if part == "op" && parts.peek() == Some(&"args") {
                parts.nth(1);
            } else {
                name.push(part);
            }
        }
        let name = name.join(".");
        let free = |slot: &String| !self.slots.contains_key(slot) && !self.remotes.contains_key(slot);
        let slot = std::iter::once(name.clone()).chain((2..).map(|count| format!("{name}.{count}"))).find(free);
        let slot = slot.expect("some number is free");
        // So that an input that changed is found where it was written.
        if let Some(origin) = self.origins.get(at).cloned() {
            self.origins.insert(slot.clone(), origin);
        }
        slot
    }

    fn cannot_yet(&mut self, what: &str) {
        self.not_yet.get_or_insert_with(|| what.to_owned());
    }

    fn seed_of(&mut self, kind: &str) -> Json {
        let experiment = self.program.experiment.map(|id| self.owner(id));
        let number = match experiment {
            Some(owner) => {
                self.written("seed", owner, "seed");
                number(owner.value("seed")).unwrap_or(0.0)
            }
            None => 0.0,
        };
        seed(number as u64, kind, 0).into()
    }

    fn entities(&self, value: &Value, kind: EntityKind) -> Vec<EntityId> {
        let of_kind = |value: &Value| match value {
            Value::Entity(id) if self.program.entity(*id).kind == kind => Some(*id),
            _ => None,
        };
        match value {
            Value::List(values) => values.iter().filter_map(of_kind).collect(),
            value => of_kind(value).into_iter().collect(),
        }
    }
}

/// A value that needs nothing resolved. Absent is null, a range is a pair, a whole number is an integer.
fn plain(value: &Value) -> Json {
    match value {
        Value::Absent => Json::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Number { value, .. } => float(*value),
        Value::Range { low, high, .. } => json!([float(*low), float(*high)]),
        Value::Text(text) | Value::Word(text) => text.as_str().into(),
        Value::List(values) => values.iter().map(plain).collect(),
        Value::Record(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>().into()
        }
        other => panic!("{other:?} stands where a plain value is wanted; this is a bug in mascot"),
    }
}

fn float(value: f64) -> Json {
    whole(value).map_or_else(|| json!(value), Json::from)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number { value, .. } => Some(*value),
        _ => None,
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// The title where there is one, else the name.
fn shown(entity: &Entity) -> &str {
    entity.title.as_deref().unwrap_or(&entity.name)
}
