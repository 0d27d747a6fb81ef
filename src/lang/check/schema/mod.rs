//! The one table that knows what an item may say: for every kind, record and call its attributes, with type, default, diff
//! class and a sentence for the reader. Diagnostics, defaults, `explain`, `diff` and hover read it; nothing else knows a kind.
//!
//! Lives here: the shape of the table and its look-ups. The rows are in [`items`], [`stages`], [`calls`] and [`terms`].
//! May use: `program` (dimensions, kinds). Deliberately absent: syntax, evaluation, wording of diagnostics.

pub mod calls;
pub mod items;
pub mod records;
pub mod stages;
pub mod terms;

use crate::program::{Dim, EntityKind};

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ty {
    Bool,
    /// `"…"`, prose, or `text("file")`.
    Text,
    /// A quoted word of a closed set: `arch: "qwen3"`.
    TextOf(&'static [&'static str]),
    Num(Num),
    Range(Dim),
    /// A bare word of a closed set. `none` may be one of them.
    Words(&'static [&'static str]),
    List(&'static Ty),
    /// A list whose order means nothing: sorted, without doubles.
    Set(&'static Ty),
    Record(&'static Record),
    /// A record whose keys are free words.
    Map(&'static Ty),
    /// One of these calls.
    Call(&'static [&'static Call]),
    Ref(&'static [Target]),
    /// Arithmetic over reward models, judges' verdicts, terms and numbers, known only when a run knows its operands.
    Score,
    /// What a gate asks: comparisons of results.
    Condition,
    /// Or `none`.
    Optional(&'static Ty),
    Either(&'static [Ty]),
    Any,
}

/// A number of one dimension between two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Num {
    pub dim: Dim,
    pub whole: bool,
    pub low: f64,
    pub high: f64,
}

impl Num {
    pub const fn real(dim: Dim, low: f64, high: f64) -> Ty {
        Ty::Num(Num { dim, whole: false, low, high })
    }

    /// A count: of what, and at least how many.
    pub const fn whole(dim: Dim, low: f64) -> Ty {
        Ty::Num(Num { dim, whole: true, low, high: MOST })
    }
}

/// No count is higher: a request holds it in 32 bits.
pub const MOST: f64 = u32::MAX as f64;

pub const REAL: Ty = Num::real(Dim::None, f64::NEG_INFINITY, f64::INFINITY);
pub const NOT_NEGATIVE: Ty = Num::real(Dim::None, 0.0, f64::INFINITY);
pub const UNIT: Ty = Num::real(Dim::None, 0.0, 1.0);
pub const FRACTION: Ty = Num::real(Dim::Fraction, 0.0, 1.0);
pub const COUNT: Ty = Num::whole(Dim::None, 1.0);
pub const COUNT_OR_ZERO: Ty = Num::whole(Dim::None, 0.0);
/// Whole numbers above it are no longer told apart.
pub const SEED: Ty = Ty::Num(Num { dim: Dim::None, whole: true, low: 0.0, high: 9_007_199_254_740_992.0 });
pub const TOKENS: Ty = Num::whole(Dim::Tokens, 1.0);
pub const STEPS: Ty = Num::whole(Dim::Steps, 1.0);
pub const STEPS_OR_ZERO: Ty = Num::whole(Dim::Steps, 0.0);
pub const EPOCHS: Ty = Num::whole(Dim::Epochs, 1.0);
pub const SECONDS: Ty = Num::real(Dim::Seconds, 0.0, f64::INFINITY);
pub const BYTES: Ty = Num::real(Dim::Bytes, 0.0, f64::INFINITY);
pub const GPU_TIME: Ty = Num::real(Dim::GpuSeconds, 0.0, f64::INFINITY);
pub const DOLLARS: Ty = Num::real(Dim::Dollars, 0.0, f64::INFINITY);

/// What a reference may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Persona,
    Model,
    /// All of it or a split.
    Dataset,
    Rubric,
    /// `panel.synergy`
    Verdict,
    Reward,
    Director,
    Secret,
    Variant,
    Sweep,
    Made(Makes),
    /// `voices.reward`: one number an optimiser step.
    Curve,
}

/// What a stage makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Makes {
    Adapter,
    Pairs,
    RewardModel,
    Transcripts,
    Episodes,
    Table,
}

/// How strict a change is, strictest first (`language.md` 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Objective,
    Data,
    Behaviour,
    Training,
    Topology,
    Where,
    Cosmetic,
}

impl Class {
    pub const ALL: [Self; 7] = [
        Class::Objective,
        Class::Data,
        Class::Behaviour,
        Class::Training,
        Class::Topology,
        Class::Where,
        Class::Cosmetic,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Class::Objective => "objective",
            Class::Data => "data",
            Class::Behaviour => "behaviour",
            Class::Training => "training",
            Class::Topology => "topology",
            Class::Where => "where",
            Class::Cosmetic => "cosmetic",
        }
    }
}

/// What an attribute is when nobody says. Numbers are in the base unit of their type's dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    Required,
    Absent,
    Bool(bool),
    Number(f64),
    Word(&'static str),
    Text(&'static str),
    /// An empty list or map.
    Empty,
    Words(&'static [&'static str]),
    Numbers(&'static [f64]),
    Range(f64, f64),
    /// Every attribute of the record at its own default.
    Record,
    /// The call with every argument at its own default.
    Call(&'static Call),
}

/// One `name = value` of a block or record, or one argument of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attribute {
    pub name: &'static str,
    pub ty: Ty,
    pub default: Default,
    pub class: Class,
    pub doc: &'static str,
}

impl Attribute {
    pub const fn required(name: &'static str, ty: Ty, class: Class, doc: &'static str) -> Self {
        Self { name, ty, default: Default::Required, class, doc }
    }

    pub const fn optional(name: &'static str, ty: Ty, class: Class, doc: &'static str) -> Self {
        Self { name, ty, default: Default::Absent, class, doc }
    }

    pub const fn with(name: &'static str, ty: Ty, default: Default, class: Class, doc: &'static str) -> Self {
        Self { name, ty, default, class, doc }
    }
}

/// `{ beta = 0.02, place = loss }`
#[derive(Debug, PartialEq)]
pub struct Record {
    pub name: &'static str,
    pub fields: &'static [Attribute],
    pub doc: &'static str,
}

/// What a call is for; calls of one name may serve several (`contrast` judges, and is a term).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Weights,
    Reader,
    Judge,
    Adapter,
    Term,
    Function,
    Baseline,
    Difference,
    Statistic,
    Directive,
    Report,
    Grant,
}

impl Role {
    pub fn phrase(self) -> &'static str {
        match self {
            Role::Weights => "a source of weights",
            Role::Reader => "a data reader",
            Role::Judge => "a kind of judge",
            Role::Adapter => "an adapter",
            Role::Term => "a term of rewards and metrics",
            Role::Function => "a function of scores",
            Role::Baseline => "a baseline",
            Role::Difference => "a difference of two subjects",
            Role::Statistic => "a statistic of a subject",
            Role::Directive => "a part of a directive",
            Role::Report => "a part of a report",
            Role::Grant => "a grant",
        }
    }
}

/// `lora(rank: 16)`: arguments by position or by name.
#[derive(Debug, PartialEq)]
pub struct Call {
    pub name: &'static str,
    pub role: Role,
    pub args: &'static [Attribute],
    /// Further positional arguments go into the list of this name.
    pub rest: Option<(&'static str, Ty)>,
    pub doc: &'static str,
}

/// A block inside an item.
#[derive(Debug, PartialEq)]
pub struct ChildBlock {
    pub keyword: &'static str,
    pub named: bool,
    pub titled: bool,
    pub weighted: bool,
    pub gates: bool,
    pub fields: &'static [Attribute],
    pub class: Class,
    pub doc: &'static str,
}

/// An item's kind, or a stage's.
#[derive(Debug, PartialEq)]
pub struct Kind {
    pub name: &'static str,
    pub entity: EntityKind,
    pub fields: &'static [Attribute],
    pub children: &'static [&'static ChildBlock],
    pub extends: bool,
    pub gates: bool,
    /// Of a stage kind.
    pub makes: Option<Makes>,
    /// Of a stage kind: what gates and reports may ask of it.
    pub results: &'static [Outcome],
    pub doc: &'static str,
}

/// A number or curve that a stage reports.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub name: &'static str,
    /// One value an optimiser step, to draw; else one number.
    pub curve: bool,
    /// Has `.low` and `.high`.
    pub interval: bool,
    pub doc: &'static str,
}

impl Kind {
    pub fn field(&self, name: &str) -> Option<&'static Attribute> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn child(&self, keyword: &str) -> Option<&'static ChildBlock> {
        self.children.iter().copied().find(|child| child.keyword == keyword)
    }

    pub fn result(&self, name: &str) -> Option<&'static Outcome> {
        self.results.iter().find(|result| result.name == name)
    }
}

impl Record {
    pub fn field(&self, name: &str) -> Option<&'static Attribute> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Call {
    pub fn arg(&self, name: &str) -> Option<&'static Attribute> {
        self.args.iter().find(|arg| arg.name == name)
    }
}

/// The kind of a block item by its keyword: `persona`, `model`…
pub fn item(keyword: &str) -> Option<&'static Kind> {
    items::ALL.iter().copied().find(|kind| kind.name == keyword)
}

/// A stage's kind: `sft`, `grpo`…
pub fn stage(name: &str) -> Option<&'static Kind> {
    stages::ALL.iter().copied().find(|kind| kind.name == name)
}

/// Every kind of item and stage.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    items::ALL.iter().chain(stages::ALL).copied()
}

/// Every call, terms first: where nothing says what is wanted, a name of two calls means the term.
pub fn every_call() -> impl Iterator<Item = &'static Call> {
    terms::ALL.iter().chain(calls::ALL).copied()
}

/// Where an attribute of this name is valid: `stage sft`, `persona`, `{ … } of kl`, `lora(…)`.
/// The fields and arguments that take a word: `loss`, `kl.estimator`.
pub fn places_of_word(word: &str) -> Vec<String> {
    fn takes(ty: &Ty, word: &str) -> bool {
        match ty {
            Ty::Words(words) => words.contains(&word),
            Ty::Optional(inner) | Ty::List(inner) | Ty::Set(inner) => takes(inner, word),
            Ty::Either(alternatives) => alternatives.iter().any(|one| takes(one, word)),
            _ => false,
        }
    }
    let named = |attributes: &'static [Attribute], before: String| {
        let fitting = attributes.iter().filter(|one| takes(&one.ty, word));
        fitting.map(|one| format!("{before}{}", one.name)).collect::<Vec<_>>()
    };
    let mut places: Vec<String> = kinds().flat_map(|kind| named(kind.fields, String::new())).collect();
    places.extend(records::ALL.iter().flat_map(|record| named(record.fields, format!("{}.", record.name))));
    places.extend(every_call().flat_map(|call| named(call.args, format!("{}: ", call.name))));
    let mut once = Vec::new();
    places.retain(|one| {
        !once.contains(one) && {
            once.push(one.clone());
            true
        }
    });
    places
}

pub fn places_of(name: &str) -> Vec<String> {
    let of_kinds = kinds().filter(|kind| kind.field(name).is_some()).map(|kind| match kind.makes {
        Some(_) => format!("{} `{}` stage", super::diagnostics::article(kind.name), kind.name),
        None => format!("a `{}`", kind.name),
    });
    let of_records = records::ALL
        .iter()
        .filter(|record| record.field(name).is_some())
        .map(|record| format!("the record `{} = {{ … }}`", record.name));
    let of_calls = every_call().filter(|call| call.arg(name).is_some()).map(|call| format!("`{}(…)`", call.name));
    let mut places: Vec<String> = of_kinds.chain(of_records).chain(of_calls).collect();
    places.dedup();
    places
}
