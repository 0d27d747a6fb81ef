//! Laws about directors, their seats and those who speak for them.

use super::{Checker, Decl, Val, say, val_of};
use crate::check::types;
use crate::program::{EntityId, Layer};

pub fn has_seats(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(Val::List(seats)) = checker.field_val(decl.id, "seats") else { return };
    let span = checker.written_at(decl, "seats");
    if seats.is_empty() {
        checker.found.add(say::empty_crew(span));
    }
    for (at, seat) in seats.iter().enumerate() {
        if let Val::Entity(persona) = seat
            && seats[..at].contains(seat)
        {
            let name = &checker.names.decl(*persona).name.value;
            checker.found.add(say::persona_twice(span, name));
        }
    }
}

pub fn chooses_among_its_seats(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let (Some(Val::List(seats)), Some(Val::Record(directive))) =
        (checker.field_val(decl.id, "seats"), checker.field_val(decl.id, "directive"))
    else {
        return;
    };
    let Some(Val::Call { args, .. }) = directive.get("agent") else { return };
    let Some(Val::List(agents)) = args.get("personas") else { return };
    let known = |list: &[Val]| list.iter().all(|one| !one.is_unknown());
    let same = seats.len() == agents.len() && seats.iter().all(|seat| agents.contains(seat));
    if known(&seats) && known(agents) && !same {
        let span = checker.written_at(decl, "directive");
        checker.found.add(say::chooses_outside_seats(span));
    }
}

pub fn has_actors_and_only_a_director_has(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        let (Some(policy), Some(actors)) = (instance.fields.get("policy"), instance.fields.get("actors")) else {
            continue;
        };
        if !is_settled(checker, &policy.val) || actors.val.is_unknown() {
            continue;
        }
        if checker.director_of(&policy.val).is_some() {
            if actors.val == Val::Absent {
                checker.found.add(say::director_without_actors(decl.item.header, &decl.name.value));
            }
            continue;
        }
        for field in ["actors", "rollout"] {
            let written = instance.fields.get(field).is_some_and(|field| {
                field.val != Val::Absent && (field.origin.layer != Layer::Default || !field.parts.is_empty())
            });
            if written {
                let span = checker.written_at(decl, field);
                checker.found.add(say::actors_without_director(span, field));
            }
        }
    }
}

pub fn episodes_make_whole_groups(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        let director = val_of(instance, "policy").and_then(|policy| checker.director_of(policy));
        let (Some(_), Some(Val::Record(rollout)), Some(Val::Number { value: group, .. })) =
            (director, val_of(instance, "rollout"), val_of(instance, "group"))
        else {
            continue;
        };
        if let Some(Val::Number { value: episodes, .. }) = rollout.get("episodes")
            && episodes % group != 0.0
        {
            let span = checker.written_at(decl, "rollout");
            checker.found.add(say::episodes_not_in_groups(span, *episodes, *group));
        }
    }
}

pub fn a_dialogue_has_a_director(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        let Some(director) = val_of(instance, "director") else { continue };
        if is_settled(checker, director) && checker.director_of(director).is_none() {
            let span = checker.written_at(decl, "director");
            checker.found.add(say::not_a_director(span));
        }
    }
}

/// Known, and known all the way to the policy that it began with.
fn is_settled(checker: &Checker<'_>, val: &Val) -> bool {
    let mut val = val.clone();
    for _ in 0..=checker.done.len() {
        let Some(stage) = types::made_by(&val) else { return !val.is_unknown() };
        if checker.graph.cyclic.contains(&stage) {
            return false;
        }
        let Some(instance) = checker.done[stage.0 as usize].as_ref().and_then(|done| done.instances.first()) else {
            return false;
        };
        match val_of(instance, "policy") {
            Some(policy) => val = policy.clone(),
            None => return true,
        }
    }
    false
}

/// `field` names the director. Whoever was trained for a persona speaks for it; of a list, what is of no persona speaks for the seat at
/// its place; one model alone speaks for all.
pub fn every_seat_has_an_actor(checker: &mut Checker<'_>, decl: &Decl<'_>, field: &str) {
    for instance in &checker.members(decl.id).instances {
        let Some(director) = val_of(instance, field).and_then(|val| checker.director_of(val)) else { continue };
        let Some(Val::List(seats)) = checker.field_val(director, "seats") else { continue };
        let Some(spoken_for) = val_of(instance, "actors").and_then(|actors| spoken_for(checker, actors, &seats)) else {
            continue;
        };
        for seat in seats.iter().filter(|seat| !spoken_for.contains(seat)) {
            if let Val::Entity(persona) = seat {
                let span = checker.written_at(decl, "actors");
                let name = &checker.names.decl(*persona).name.value;
                let of = &checker.names.decl(director).name.value;
                checker.found.add(say::seat_without_actor(span, name, of));
            }
        }
    }
}

/// The seats that have somebody to speak for them; `None` where that is not known, or where there is nobody at all, which is told as that.
fn spoken_for(checker: &Checker<'_>, actors: &Val, seats: &[Val]) -> Option<Vec<Val>> {
    let values = match actors {
        Val::List(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    // By place: the persona that it was trained for, if any.
    let mut each: Vec<Option<EntityId>> = Vec::new();
    for value in values {
        let (stage, members) = match value {
            Val::Unknown | Val::Absent => return None,
            Val::Family(stage) => (*stage, None),
            Val::Made(of) => (of.first()?.stage, Some(of.iter().map(|one| one.member as usize).collect::<Vec<_>>())),
            _ => {
                each.push(None);
                continue;
            }
        };
        let done = checker.done[stage.0 as usize].as_ref().filter(|done| !done.crew_unknown)?;
        let member = |at: usize| done.instances.get(at).and_then(|one| one.persona);
        match members {
            Some(members) => each.extend(members.into_iter().map(member)),
            None => each.extend((0..done.instances.len()).map(member)),
        }
    }
    match each.as_slice() {
        [] => None,
        [None] => Some(seats.to_vec()),
        each => {
            let speaks = each.iter().enumerate().filter_map(|(at, own)| match own {
                Some(persona) => Some(Val::Entity(*persona)),
                None => seats.get(at).cloned(),
            });
            Some(speaks.collect())
        }
    }
}
