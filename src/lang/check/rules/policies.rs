//! Laws about policies, rewards and what reward models are made of.

use super::{Checker, Decl, Val, say, val_of};
use crate::check::types::made_by;
use crate::program::{EntityId, EntityKind};

/// A family names several policies: where one is trained or sampled, one must be meant.
pub fn one_where_one_is_wanted(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for field in ["policy", "from", "init", "director"] {
        let vals: Vec<Val> = match decl.kind {
            EntityKind::Stage => {
                checker.members(decl.id).instances.iter().filter_map(|one| val_of(one, field).cloned()).collect()
            }
            _ => checker.field_val(decl.id, field).into_iter().collect(),
        };
        let Some(stage) = vals.iter().find(|val| is_many(checker, val)).and_then(made_by) else { continue };
        let members = member_names(checker, stage);
        let known: Vec<&str> = members.iter().map(String::as_str).collect();
        let span = checker.written_at(decl, field);
        let family = &checker.names.decl(stage).name.value;
        checker.found.add(say::family_where_one_is_wanted(span, field, family, &known));
    }
}

fn is_many(checker: &Checker<'_>, val: &Val) -> bool {
    match val {
        Val::Family(stage) => {
            checker.done[stage.0 as usize].as_ref().is_some_and(|done| done.is_family && !done.crew_unknown)
        }
        Val::Made(of) => of.len() > 1,
        _ => false,
    }
}

fn member_names(checker: &Checker<'_>, stage: EntityId) -> Vec<String> {
    let members = checker.members(stage);
    let personas = members.instances.iter().filter_map(|one| one.persona);
    personas.map(|id| checker.names.decl(id).name.value.clone()).collect()
}

/// A family of reward models in a stage that is for nobody in particular.
pub fn a_reward_asks_for_one_score(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        let Some(Val::Record(reward)) = val_of(instance, "reward") else { continue };
        if let Some(stage) = reward.get("score").and_then(|score| family_in(checker, score)) {
            let span = checker.written_at(decl, "reward");
            let family = &checker.names.decl(stage).name.value;
            checker.found.add(say::family_in_reward(span, family));
        }
    }
}

pub(super) fn family_in(checker: &Checker<'_>, score: &Val) -> Option<EntityId> {
    match score {
        Val::Op { args, .. } => args.iter().find_map(|arg| family_in(checker, arg)),
        Val::Call { args, .. } => args.values().find_map(|arg| family_in(checker, arg)),
        val if is_many(checker, val) => made_by(val),
        _ => None,
    }
}

/// A dataset in place of `pairs` stages: its columns `chosen` and `rejected` must be named.
pub fn a_dataset_of_pairs_names_its_columns(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        let dataset = match val_of(instance, "pairs") {
            Some(Val::Split { dataset, .. } | Val::Entity(dataset)) => *dataset,
            _ => continue,
        };
        let wanted = ["chosen", "rejected"];
        let missing: Vec<&str> = match checker.field_val(dataset, "source") {
            Some(Val::Call { args, .. }) => match args.get("fields") {
                Some(Val::Record(fields)) => wanted.into_iter().filter(|name| !fields.contains_key(*name)).collect(),
                Some(_) => continue,
                None => wanted.to_vec(),
            },
            _ => continue,
        };
        if !missing.is_empty() {
            let span = checker.written_at(decl, "pairs");
            checker.found.add(say::dataset_without_pairs(span, &missing));
        }
    }
}

pub fn a_merge_takes_several(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        if let Some(Val::List(adapters)) = val_of(instance, "adapters")
            && adapters.len() < 2
            && !adapters.iter().any(|one| one.is_unknown() || is_many(checker, one))
        {
            let span = checker.written_at(decl, "adapters");
            checker.found.add(say::merge_of_one(span));
        }
    }
}
