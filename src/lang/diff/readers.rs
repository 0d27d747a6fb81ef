//! Who reads what: where a difference is stricter or milder than its field's column says, because of whom it reaches.

use std::collections::BTreeSet;

use crate::check::schema::Class;
use crate::program::{Entity, EntityId, EntityKind, Program, Value};

/// The class of a difference in a field: the schema's, unless who reads it says otherwise.
pub fn class_of(
    (in_a, a): (&Program, &Value),
    (in_b, b): (&Program, &Value),
    entity: &Entity,
    field: &str,
    class: Class,
) -> Class {
    let stage = entity.stage.as_ref().map(|stage| stage.kind.as_str());
    match (entity.kind, stage, field) {
        // A pin says what the content is, wherever it comes from.
        (EntityKind::Model, _, "weights") if pin(in_a, entity).is_some() && pin(in_a, entity) == pin(in_b, entity) => {
            Class::Cosmetic
        }
        // A judge's model is what is measured by, whoever else speaks with it.
        (EntityKind::Model, ..) if [in_a, in_b].iter().any(|program| judges(program, &entity.name)) => Class::Objective,
        // Who is compared with whom is part of the yardstick.
        (EntityKind::Director, _, "seats")
            if people(in_a, a) != people(in_b, b)
                && [in_a, in_b].iter().any(|program| director_measures(program, &entity.name)) =>
        {
            Class::Objective
        }
        // Turns are data where they are evaluated.
        (_, Some("dialogue"), "turns" | "prompts") => {
            let is_measured = |program: &&Program| {
                let dialogue = program.of_kind(EntityKind::Stage).find(|one| one.name == entity.name);
                dialogue.is_some_and(|one| !evaluates(program, one.id).is_empty())
            };
            if [in_a, in_b].iter().any(is_measured) { class } else { Class::Training }
        }
        // From a data set they are data; from another stage they are an edge.
        (_, Some("bradley_terry"), "pairs") | (_, Some("kto"), "episodes") => {
            let is_data = |program: &Program, value: &Value| match value {
                Value::Entity(id) => program.entity(*id).kind == EntityKind::Dataset,
                Value::Split { .. } => true,
                _ => false,
            };
            if is_data(in_a, a) || is_data(in_b, b) { Class::Data } else { Class::Topology }
        }
        _ => class,
    }
}

/// The `sha256` of a model's weights, if they come from a source: what is drawn at random is not pinned.
fn pin<'p>(program: &'p Program, model: &Entity) -> Option<&'p str> {
    let model = program.of_kind(EntityKind::Model).find(|one| one.name == model.name)?;
    let value = |field: &str| model.fields.get(field).map(|field| &field.value);
    match (value("weights"), value("sha256")) {
        (Some(Value::Call { name, .. }), Some(Value::Text(pin))) if name != "random" => Some(pin),
        _ => None,
    }
}

/// What needs it, at any remove; itself as well.
fn reached(program: &Program, from: EntityId) -> BTreeSet<EntityId> {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(one) = open.pop() {
        for edge in program.edges.iter().filter(|edge| edge.from == one) {
            if seen.insert(edge.to) {
                open.push(edge.to);
            }
        }
    }
    seen
}

/// The `evaluate` stages that it reaches, by name.
pub fn evaluates(program: &Program, from: EntityId) -> Vec<String> {
    let entities = reached(program, from).into_iter().map(|id| program.entity(id));
    let tables = entities.filter(|entity| entity.stage.as_ref().is_some_and(|stage| stage.kind == "evaluate"));
    tables.map(|entity| entity.name.clone()).collect()
}

/// Whether any stage has to do with it.
pub fn is_used(program: &Program, id: EntityId) -> bool {
    reached(program, id).into_iter().any(|one| program.entity(one).kind == EntityKind::Stage)
}

/// Whether a judge that some stage asks judges with this model, or a term of a reward or metric names it.
pub fn judges(program: &Program, model: &str) -> bool {
    let Some(id) = program.of_kind(EntityKind::Model).find(|one| one.name == model).map(|one| one.id) else {
        return false;
    };
    let stages = program.of_kind(EntityKind::Stage).filter_map(|stage| stage.stage.as_ref());
    let fields = stages.flat_map(|stage| &stage.instances).flat_map(|instance| instance.fields.iter());
    let mut asked = fields.filter(|(name, _)| matches!(name.as_str(), "judge" | "reward" | "metrics"));
    asked.any(|(_, field)| asks(program, &field.value, id))
}

fn asks(program: &Program, value: &Value, model: EntityId) -> bool {
    match value {
        Value::Verdict { judge, .. } => {
            program.entity(*judge).fields.get("by").is_some_and(|by| asks(program, &by.value, model))
        }
        // The sentence encoder of a term that names none is the standard library's.
        Value::Call { name, args } => {
            let names_none = matches!(name.as_str(), "identification" | "effective_channels")
                && matches!(args.get("encoder"), None | Some(Value::Absent));
            names_none && program.entity(model).name == "encoder"
                || args.values().any(|value| *value == Value::Entity(model) || asks(program, value, model))
        }
        Value::Record(values) => values.values().any(|value| asks(program, value, model)),
        Value::List(values) | Value::Op { args: values, .. } => values.iter().any(|value| asks(program, value, model)),
        _ => false,
    }
}

/// Whether an `evaluate` compares by this persona's own examples.
pub fn measures_by(program: &Program, persona: &str) -> bool {
    let Some(id) = program.of_kind(EntityKind::Persona).find(|one| one.name == persona).map(|one| one.id) else {
        return false;
    };
    let reached = reached(program, id);
    let tables = program.of_kind(EntityKind::Stage).filter(|stage| reached.contains(&stage.id));
    let tables = tables.filter_map(|stage| stage.stage.as_ref()).filter(|stage| stage.kind == "evaluate");
    let mut metrics = tables.flat_map(|stage| &stage.instances).filter_map(|instance| instance.fields.get("metrics"));
    metrics.any(|field| reads_examples(&field.value, program, id))
}

/// Whether an `evaluate` that it reaches compares within the crew: a contrast that is given no other.
pub fn measures_within_crew(program: &Program, from: EntityId) -> bool {
    let reached = reached(program, from);
    let tables = program.of_kind(EntityKind::Stage).filter(|stage| reached.contains(&stage.id));
    let tables = tables.filter_map(|stage| stage.stage.as_ref()).filter(|stage| stage.kind == "evaluate");
    let mut metrics = tables.flat_map(|stage| &stage.instances).filter_map(|instance| instance.fields.get("metrics"));
    metrics.any(|field| reads_crew(&field.value, program))
}

fn director_measures(program: &Program, director: &str) -> bool {
    let director = program.of_kind(EntityKind::Director).find(|one| one.name == director);
    director.is_some_and(|one| measures_within_crew(program, one.id))
}

/// A list of personas, as a set.
fn people<'p>(program: &'p Program, value: &Value) -> Option<BTreeSet<&'p str>> {
    let Value::List(values) = value else { return None };
    let name = |one: &Value| if let Value::Entity(id) = one { Some(program.entity(*id).name.as_str()) } else { None };
    values.iter().map(name).collect()
}

fn reads_crew(value: &Value, program: &Program) -> bool {
    let is_given = |crew: Option<&Value>| crew.is_some_and(|crew| *crew != Value::Absent);
    match value {
        Value::Call { name, args } => {
            let compares = matches!(name.as_str(), "contrast" | "identification");
            compares && !is_given(args.get("crew")) || args.values().any(|value| reads_crew(value, program))
        }
        Value::Verdict { judge, .. } => {
            let fields = &program.entity(*judge).fields;
            let is_contrast =
                |field: &crate::program::Field| matches!(&field.value, Value::Call { name, .. } if name == "contrast");
            fields.get("by").is_some_and(is_contrast) && !is_given(fields.get("crew").map(|crew| &crew.value))
        }
        Value::Record(values) => values.values().any(|value| reads_crew(value, program)),
        Value::List(values) | Value::Op { args: values, .. } => values.iter().any(|value| reads_crew(value, program)),
        _ => false,
    }
}

/// Whether a metric compares by a persona's own examples: a contrast that is given no others, of a crew with it.
fn reads_examples(value: &Value, program: &Program, persona: EntityId) -> bool {
    let of_crew = |crew: Option<&Value>| match crew {
        Some(Value::List(crew)) => crew.contains(&Value::Entity(persona)),
        _ => true,
    };
    match value {
        Value::Call { name, args } => {
            let by_own = name == "contrast" && matches!(args.get("examples"), None | Some(Value::Absent));
            by_own && of_crew(args.get("crew")) || args.values().any(|value| reads_examples(value, program, persona))
        }
        Value::Verdict { judge, .. } => {
            let judge = program.entity(*judge);
            let reads = judge.fields.get("by").is_some_and(|by| reads_examples(&by.value, program, persona));
            reads && of_crew(judge.fields.get("crew").map(|crew| &crew.value))
        }
        Value::Record(values) => values.values().any(|value| reads_examples(value, program, persona)),
        Value::List(values) | Value::Op { args: values, .. } => {
            values.iter().any(|value| reads_examples(value, program, persona))
        }
        _ => false,
    }
}
