//! The checked program, as plain data: every name resolved, every default filled, every unit normalised.
//!
//! A [`Program`] is made only when nothing was found wrong, so holding one is the proof; there is no unknown value in it.
//! It is for **one point**: the base, one variant, or one point of a sweep, with `--set` on top.
//!
//! Fields are kept as [`Value`]s by name rather than as one struct per kind: the schema table (`check/schema`) is the one
//! place that knows a kind's fields, their types, defaults, classes and docs, and `run` lowers values into its own closed
//! `TaskSpec` structs, which refuse what they do not know.

mod value;

use std::collections::BTreeMap;

pub use value::Value;

use crate::source::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u32);

/// An instance of a stage: `voices.anchor` is (voices, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberRef {
    pub stage: EntityId,
    pub member: u32,
}

/// What a number counts. The closed list of units is in `check/units.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dim {
    None,
    /// `40%` is 0.4
    Fraction,
    Tokens,
    Steps,
    Epochs,
    Seconds,
    Bytes,
    GpuSeconds,
    Dollars,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    Experiment,
    Param,
    Let,
    Secret,
    Model,
    Dataset,
    Persona,
    Rubric,
    Judge,
    Reward,
    Director,
    Stage,
    Variant,
    Sweep,
    Budget,
    Report,
    Profile,
}

impl EntityKind {
    /// The word that declares one.
    pub fn keyword(self) -> &'static str {
        match self {
            EntityKind::Experiment => "experiment",
            EntityKind::Param => "param",
            EntityKind::Let => "let",
            EntityKind::Secret => "secret",
            EntityKind::Model => "model",
            EntityKind::Dataset => "dataset",
            EntityKind::Persona => "persona",
            EntityKind::Rubric => "rubric",
            EntityKind::Judge => "judge",
            EntityKind::Reward => "reward",
            EntityKind::Director => "director",
            EntityKind::Stage => "stage",
            EntityKind::Variant => "variant",
            EntityKind::Sweep => "sweep",
            EntityKind::Budget => "budget",
            EntityKind::Report => "report",
            EntityKind::Profile => "profile",
        }
    }
}

/// Which of the five layers a value comes from, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    Default,
    Base,
    File,
    /// A variant or a sweep point.
    Point,
    Set,
}

/// Where a value was written. Defaults and `--set` have no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub layer: Layer,
    pub span: Option<Span>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub value: Value,
    pub origin: Origin,
    /// Origins of parts written apart from the whole (`kl.beta` by a variant): dotted path below this field.
    pub parts: BTreeMap<String, Origin>,
}

/// By field name; every field of the kind's schema is present, optional ones as [`Value::Absent`].
pub type Fields = BTreeMap<String, Field>;

#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    pub id: EntityId,
    pub kind: EntityKind,
    /// As declared where it lives (an import's alias is not its name).
    pub name: String,
    /// `"The Anchor"`: for personas what a model reads as `{{char}}`.
    pub title: Option<String>,
    pub doc: Option<String>,
    pub span: Span,
    pub header: Span,
    /// Empty for a stage: see its instances.
    pub fields: Fields,
    pub children: Vec<Child>,
    /// Of a stage.
    pub stage: Option<Stage>,
}

/// A block inside an entity: `example`, `criterion`, `test`, `executor`.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    pub keyword: String,
    pub name: Option<String>,
    pub title: Option<String>,
    /// Of a criterion, as a fraction of 1.
    pub weight: Option<f64>,
    pub fields: Fields,
    pub gates: Vec<Gate>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// `sft`, `pairs`, `bradley_terry`, `grpo`, `kto`, `dialogue`, `simulate`, `evaluate`, `merge`
    pub kind: String,
    pub is_family: bool,
    /// One for a plain stage; one a persona for a family, in the list's order.
    pub instances: Vec<Instance>,
}

/// A stage bound to a persona (or to none): what becomes one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    pub persona: Option<EntityId>,
    /// References to families are narrowed to the member of this persona already.
    pub fields: Fields,
    pub gates: Vec<Gate>,
}

/// `gate EXPR else "why"`. The condition is a [`Value`] of comparisons and `and`/`or`/`not` over numbers, [`Value::Result`]
/// (an own result has the stage's own instance in `of`) and `Call`s of `delta { a, b, metric, criterion, persona }` and of
/// `mean`, `median`, `p95 { subject, metric, criterion, persona }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub condition: Value,
    pub otherwise: String,
    pub span: Span,
    /// The condition as written.
    pub text: String,
}

/// One point of a sweep, or a variant: what [`crate::Checked::at`] takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    Base,
    Variant(String),
    /// `kl_grid[voices.kl.beta=0.02,experiment.seed=7]`
    Sweep {
        name: String,
        index: usize,
    },
}

/// A checked file (with its imports), at one point.
#[derive(Debug, Clone)]
pub struct Program {
    pub entities: Vec<Entity>,
    /// `None` for a library.
    pub experiment: Option<EntityId>,
    /// Label for task ids: `None` for the base, `no_persona`, `kl_grid[…]`.
    pub point: Option<String>,
    /// Who needs whom, as it is written; sorted.
    pub edges: Vec<GraphEdge>,
}

/// The one field of a param or a let.
pub const VALUE: &str = "value";

/// A reward among the metrics of an `evaluate`: `Call reward { of: Entity, score, clip }`, expanded there as a stage's own is.
pub const REWARD_METRIC: &str = "reward";

/// `from` is needed by `to`, in its field `slot`. A `let` is no more than a name for what it stands for, and is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GraphEdge {
    pub from: EntityId,
    pub to: EntityId,
    pub slot: String,
}

/// Who needs whom: for `mascot graph`.
pub fn edges(program: &Program) -> Vec<GraphEdge> {
    program.edges.clone()
}

impl Program {
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }

    pub fn of_kind(&self, kind: EntityKind) -> impl Iterator<Item = &Entity> {
        self.entities.iter().filter(move |entity| entity.kind == kind)
    }

    pub fn instance(&self, at: MemberRef) -> &Instance {
        let stage = self.entity(at.stage).stage.as_ref().expect("a MemberRef names a stage: the checker resolved it");
        &stage.instances[at.member as usize]
    }
}
