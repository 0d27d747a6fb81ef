//! Whether a value is of a type, and how either is called in a diagnostic.
//!
//! May use: names (what an entity is), schema, values in doubt. Deliberately absent: evaluation.

use super::graph::kind_word;
use super::names::Names;
use super::schema::{Makes, Num, Role, Target, Ty, calls, terms};
use super::units;
use super::val::Val;
use crate::program::{Dim, EntityId, EntityKind, MemberRef};

/// What is wrong with a value where a type is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Misfit {
    /// Another type altogether.
    Type,
    /// A bare number where a unit is needed.
    UnitMissing(Dim),
    /// A number that counts something else.
    UnitWrong {
        is: Dim,
        wanted: Dim,
    },
    NotWhole,
    OutOfBounds {
        low: f64,
        high: f64,
    },
}

/// `None` when the value fits.
pub fn misfit(val: &Val, ty: &Ty, names: &Names<'_>) -> Option<Misfit> {
    let fits = match (ty, val) {
        (_, Val::Unknown) | (Ty::Any, _) => true,
        (Ty::Optional(_), Val::Absent) => true,
        (Ty::Optional(inner), _) => return misfit(val, inner, names),
        (Ty::Either(alternatives), _) => {
            let all: Vec<Option<Misfit>> = alternatives.iter().map(|one| misfit(val, one, names)).collect();
            if all.iter().any(Option::is_none) {
                return None;
            }
            return all.into_iter().flatten().find(|one| *one != Misfit::Type).or(Some(Misfit::Type));
        }
        (Ty::Bool, Val::Bool(_)) => true,
        (Ty::Text, Val::Text(_)) => true,
        (Ty::TextOf(words), Val::Text(text)) => words.contains(&text.as_str()),
        (Ty::Words(words), Val::Word(word)) => words.contains(&word.as_str()),
        (Ty::Num(num), Val::Number { value, dim }) => return misfit_number(*num, *value, *dim),
        (Ty::Range(wanted), Val::Range { dim, .. }) => return misfit_dim(*dim, *wanted),
        (Ty::List(inner) | Ty::Set(inner), Val::List(items)) => {
            return items.iter().find_map(|item| misfit(item, inner, names));
        }
        (Ty::Record(record), Val::Record(fields)) => {
            return fields.iter().find_map(|(name, val)| match record.field(name) {
                Some(field) if *val == Val::Absent && field.default == super::schema::Default::Absent => None,
                Some(field) => misfit(val, &field.ty, names),
                None => Some(Misfit::Type),
            });
        }
        (Ty::Map(inner), Val::Record(fields)) => return fields.values().find_map(|val| misfit(val, inner, names)),
        (Ty::Call(calls), Val::Call { name, .. }) => calls.iter().any(|call| call.name == name),
        (Ty::Ref(targets), _) => targets.iter().any(|target| is_target(val, *target, names)),
        (Ty::Score, Val::Number { dim, .. }) => return misfit_dim(*dim, Dim::None),
        (Ty::Score, _) => is_score(val, names),
        (Ty::Condition, Val::Bool(_)) => true,
        (Ty::Condition, Val::Op { op, .. }) => is_question(op),
        _ => false,
    };
    if fits { None } else { Some(Misfit::Type) }
}

fn misfit_dim(is: Dim, wanted: Dim) -> Option<Misfit> {
    match (is, wanted) {
        (is, wanted) if is == wanted => None,
        (Dim::None, wanted) => Some(Misfit::UnitMissing(wanted)),
        (is, wanted) => Some(Misfit::UnitWrong { is, wanted }),
    }
}

fn misfit_number(num: Num, value: f64, dim: Dim) -> Option<Misfit> {
    if let Some(misfit) = misfit_dim(dim, num.dim) {
        Some(misfit)
    } else if num.whole && value.fract() != 0.0 {
        Some(Misfit::NotWhole)
    } else if value < num.low || value > num.high {
        Some(Misfit::OutOfBounds { low: num.low, high: num.high })
    } else {
        None
    }
}

fn is_target(val: &Val, target: Target, names: &Names<'_>) -> bool {
    let of_kind = |kind: EntityKind| matches!(val, Val::Entity(id) if names.decl(*id).kind == kind);
    match target {
        Target::Persona => of_kind(EntityKind::Persona),
        Target::Model => of_kind(EntityKind::Model),
        Target::Dataset => of_kind(EntityKind::Dataset) || matches!(val, Val::Split { .. }),
        Target::Rubric => of_kind(EntityKind::Rubric),
        Target::Verdict => matches!(val, Val::Verdict { .. }),
        Target::Reward => of_kind(EntityKind::Reward),
        Target::Director => of_kind(EntityKind::Director),
        Target::Secret => of_kind(EntityKind::Secret),
        Target::Variant => of_kind(EntityKind::Variant),
        Target::Sweep => of_kind(EntityKind::Sweep),
        Target::Made(makes) => made_by(val).is_some_and(|stage| match names.decl(stage).schema {
            Some(kind) => kind.makes == Some(makes),
            // A stage of a kind that nobody knows: told already.
            None => true,
        }),
        Target::Curve => match val {
            Val::Result { of, name } => of
                .first()
                .and_then(|one| names.decl(one.stage).schema)
                .is_none_or(|kind| kind.result(name).is_some_and(|result| result.curve)),
            _ => false,
        },
    }
}

/// The stage that made it.
pub fn made_by(val: &Val) -> Option<EntityId> {
    match val {
        Val::Family(stage) => Some(*stage),
        Val::Made(of) => of.first().map(|MemberRef { stage, .. }| *stage),
        _ => None,
    }
}

/// Something that only a run can put a number to, where a reward is written.
pub fn is_score(val: &Val, names: &Names<'_>) -> bool {
    match val {
        Val::Verdict { .. } => true,
        Val::Call { name, .. } => terms::ALL.iter().any(|call| call.name == name),
        Val::Op { op, .. } => !is_question(op) && *op != "field",
        Val::Entity(_) => is_target(val, Target::Reward, names),
        _ => is_target(val, Target::Made(Makes::RewardModel), names),
    }
}

/// Something that a run has put a number to: results of stages and what is made of them, where a gate is written.
pub fn is_result(val: &Val) -> bool {
    match val {
        Val::Result { .. } => true,
        Val::Op { op, .. } => !is_question(op),
        Val::Call { name, .. } => {
            calls::ask(name).is_some() || [terms::MIN.name, terms::MAX.name].contains(&name.as_str())
        }
        _ => false,
    }
}

fn is_question(op: &str) -> bool {
    matches!(op, "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "and" | "or" | "not")
}

/// What a value is, with its article: "a dataset", "the reward model of stage `persona_rm`".
pub fn describe(val: &Val, names: &Names<'_>) -> String {
    match val {
        Val::Unknown => "something unreadable".to_owned(),
        Val::Absent => "`none`".to_owned(),
        Val::Bool(_) => "true or false".to_owned(),
        Val::Number { dim, .. } => units::phrase(*dim).to_owned(),
        Val::Range { .. } => "a range".to_owned(),
        Val::Text(_) => "a text".to_owned(),
        Val::Word(word) => format!("the word `{word}`"),
        Val::List(items) => match items.first() {
            Some(first) => format!("a list that begins with {}", describe(first, names)),
            None => "an empty list".to_owned(),
        },
        Val::Record(_) => "a record".to_owned(),
        Val::Call { name, .. } => match role_of(name) {
            Some(role) => format!("{} (`{name}`)", role.phrase()),
            None => format!("`{name}(…)`"),
        },
        Val::Entity(id) => kind_word(names.decl(*id)),
        Val::Split { .. } => "a split of a dataset".to_owned(),
        Val::Verdict { .. } => "a judge's verdict".to_owned(),
        Val::Family(_) | Val::Made(_) => match made_by(val) {
            Some(stage) => {
                let decl = names.decl(stage);
                let what = decl.schema.and_then(|kind| kind.makes).map_or("something", made_word);
                format!("{what} (stage `{}`)", decl.name.value)
            }
            None => "nothing that a stage makes".to_owned(),
        },
        Val::Result { name, .. } => format!("the result `{name}`"),
        Val::Op { op, .. } if is_question(op) => "a condition".to_owned(),
        Val::Op { .. } => "a score that only a run knows".to_owned(),
    }
}

fn role_of(name: &str) -> Option<Role> {
    super::schema::every_call().find(|call| call.name == name).map(|call| call.role)
}

fn made_word(makes: Makes) -> &'static str {
    match makes {
        Makes::Adapter => "an adapter",
        Makes::Pairs => "preference pairs",
        Makes::RewardModel => "a reward model",
        Makes::Transcripts => "transcripts",
        Makes::Episodes => "episodes",
        Makes::Table => "a table",
    }
}

/// What a type wants, with its article.
pub fn wanted(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "true or false".to_owned(),
        Ty::Text => "a text".to_owned(),
        Ty::TextOf(words) => format!("one of {}", quoted(words)),
        Ty::Num(num) => units::phrase(num.dim).to_owned(),
        Ty::Range(_) => "a range".to_owned(),
        Ty::Words(words) => {
            format!("one of {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
        }
        Ty::List(inner) | Ty::Set(inner) => format!("a list of {}", plural(&wanted(inner))),
        Ty::Record(record) => format!("a record `{{ {} = … }}`", record.fields.first().map_or("", |field| field.name)),
        Ty::Map(_) => "a record".to_owned(),
        Ty::Call(calls) => match calls {
            [] => "a call".to_owned(),
            [one] => format!("`{}(…)`", one.name),
            [first, ..] => first.role.phrase().to_owned(),
        },
        Ty::Ref(targets) => or(&targets.iter().map(|target| target_word(*target).to_owned()).collect::<Vec<_>>()),
        Ty::Score => "a score".to_owned(),
        Ty::Condition => "a condition".to_owned(),
        Ty::Optional(inner) => format!("{} or `none`", wanted(inner)),
        Ty::Either(alternatives) => or(&alternatives.iter().flat_map(alternatives_of).collect::<Vec<_>>()),
        Ty::Any => "a value".to_owned(),
    }
}

/// Each by itself, so that they are joined once.
fn alternatives_of(ty: &Ty) -> Vec<String> {
    match ty {
        Ty::Either(alternatives) => alternatives.iter().flat_map(alternatives_of).collect(),
        Ty::Ref(targets) => targets.iter().map(|target| target_word(*target).to_owned()).collect(),
        Ty::List(inner) | Ty::Set(inner) => match alternatives_of(inner).as_slice() {
            [_] => vec![wanted(ty)],
            several => vec![format!("a list of these: {}", several.join(", "))],
        },
        _ => vec![wanted(ty)],
    }
}

fn target_word(target: Target) -> &'static str {
    match target {
        Target::Persona => "a persona",
        Target::Model => "a model",
        Target::Dataset => "a dataset",
        Target::Rubric => "a rubric",
        Target::Verdict => "a judge's rubric",
        Target::Reward => "a reward",
        Target::Director => "a director",
        Target::Secret => "a secret",
        Target::Variant => "a variant",
        Target::Sweep => "a sweep",
        Target::Made(makes) => made_word(makes),
        Target::Curve => "a curve that a stage reports",
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn or(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// "a persona" → "personas"; what is not a single noun stays.
fn plural(phrase: &str) -> String {
    match phrase.strip_prefix("a ").or_else(|| phrase.strip_prefix("an ")) {
        Some(noun) if !noun.contains([' ', '`']) => format!("{noun}s"),
        _ => phrase.to_owned(),
    }
}
