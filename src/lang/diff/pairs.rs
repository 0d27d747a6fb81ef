//! Which entity of one program is which of the other: by kind and name, and under a new name by what it says.

use super::Side;
use super::values::same;
use crate::program::{Entity, EntityKind, Program, Value};

/// Kind and old name → new name.
pub type Renames = Vec<((EntityKind, String), String)>;

/// The entity of `to` that `entity` of `from` is. Of several with its name (two files may each have a `persona anchor`), the one in the
/// file of the same name.
pub fn other<'p>(from: Side<'_>, entity: &Entity, to: Side<'p>) -> Option<&'p Entity> {
    // One a program, whatever it is called.
    if Some(entity.id) == from.program.experiment {
        return to.program.experiment.map(|id| to.program.entity(id));
    }
    let alike = |one: &&Entity| (one.kind, &one.name) == (entity.kind, &entity.name);
    let in_same_file = |one: &&Entity| home(to, one) == home(from, entity);
    let mut all = to.program.entities.iter().filter(alike);
    let first = all.next()?;
    match all.next() {
        None => Some(first),
        Some(_) => to.program.entities.iter().filter(alike).find(in_same_file).or(Some(first)),
    }
}

/// The file that it stands in; main files may have two names.
fn home<'s>(side: Side<'s>, entity: &Entity) -> &'s str {
    match entity.span.file.0 {
        0 => "",
        _ => &side.files.file(entity.span.file).path,
    }
}

/// `a` with the names that its entities have in `b`, so that what names a renamed one has not changed.
pub fn renamed(a: Side<'_>, b: Side<'_>) -> (Program, Renames) {
    let mut program = a.program.clone();
    let mut all = Renames::new();
    loop {
        let found = renames(Side { program: &program, ..a }, b);
        if found.is_empty() {
            return (program, all);
        }
        for ((kind, from), to) in &found {
            let named = program.entities.iter_mut().find(|one| (one.kind, &one.name) == (*kind, from));
            named.expect("what was renamed is there").name.clone_from(to);
        }
        // One rename may show another: a stage is more like its old self once the model that it names is known again.
        all.extend(found);
    }
}

/// What came and went under another name: of one kind, and alike in at least three of four values.
fn renames(a: Side<'_>, b: Side<'_>) -> Renames {
    let mut found = Renames::new();
    let experiments = (a.program.experiment, b.program.experiment);
    if let (Some(before), Some(after)) = experiments {
        let (before, after) = (a.program.entity(before), b.program.entity(after));
        if before.name != after.name {
            found.push(((EntityKind::Experiment, before.name.clone()), after.name.clone()));
        }
    }
    let gone = a.program.entities.iter().filter(|entity| other(a, entity, b).is_none());
    let mut come: Vec<&Entity> = b.program.entities.iter().filter(|entity| other(b, entity, a).is_none()).collect();
    for before in gone {
        let alike = |after: &Entity| likeness(before, a.program, after, b.program);
        let best = come
            .iter()
            .enumerate()
            .filter(|(_, after)| after.kind == before.kind)
            .map(|(at, after)| (alike(after), at))
            .filter(|(alike, _)| *alike >= 0.75)
            .max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1)));
        if let Some((_, at)) = best {
            found.push(((before.kind, before.name.clone()), come.remove(at).name.clone()));
        }
    }
    found
}

/// The share of values that two entities have in common.
fn likeness(x: &Entity, in_x: &Program, y: &Entity, in_y: &Program) -> f64 {
    let kind = |entity: &Entity| entity.stage.as_ref().map(|stage| stage.kind.clone());
    if kind(x) != kind(y) {
        return 0.0;
    }
    let fields = |entity: &Entity| -> Vec<(String, Value)> {
        let instance = entity.stage.iter().flat_map(|stage| stage.instances.first());
        let own = entity.fields.iter().chain(instance.flat_map(|instance| instance.fields.iter()));
        let own = own.filter(|(_, field)| field.origin.span.is_some());
        let mut all: Vec<(String, Value)> = own.map(|(name, field)| (name.clone(), field.value.clone())).collect();
        for (at, child) in entity.children.iter().enumerate() {
            all.extend(child.fields.iter().map(|(name, field)| (format!("{at} {name}"), field.value.clone())));
            all.extend(child.title.iter().map(|title| (format!("{at}"), Value::Text(title.clone()))));
        }
        all.extend(entity.title.iter().map(|title| (String::new(), Value::Text(title.clone()))));
        all
    };
    let (xs, ys) = (fields(x), fields(y));
    let alike =
        xs.iter().filter(|(name, value)| ys.iter().any(|(n, v)| n == name && same(value, in_x, v, in_y))).count();
    alike as f64 / xs.len().max(ys.len()).max(1) as f64
}
