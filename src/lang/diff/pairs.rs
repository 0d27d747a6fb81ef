//! Which entity of one program is which of the other: by kind and name, and under a new name by what it says.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::values::same;
use crate::format::words;
use crate::program::{Entity, EntityKind, Program, Value};
use crate::source::Span;

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
    let mut steps = STEPS.into_iter().peekable();
    while let Some(step) = steps.peek() {
        let found = renames(Side { program: &program, ..a }, b, *step);
        if found.is_empty() {
            steps.next();
            continue;
        }
        for ((kind, from), to) in &found {
            let named = program.entities.iter_mut().find(|one| (one.kind, &one.name) == (*kind, from));
            named.expect("what was renamed is there").name.clone_from(to);
        }
        // One rename may show another: a stage is more like its old self once the model that it names is known again.
        all.extend(found);
        steps = STEPS.into_iter().peekable();
    }
    (program, all)
}

/// How sure one has to be of a rename, step by step: whatever the first shows is known before the second is asked.
const STEPS: [Step; 3] = [
    Step { at_least: 0.75, by_use: false, alone: false },
    Step { at_least: 0.5, by_use: true, alone: false },
    // The only one that went and the only one that came of a kind, with anything in common.
    Step { at_least: f64::MIN_POSITIVE, by_use: true, alone: true },
];

#[derive(Clone, Copy)]
struct Step {
    /// The share of values that they have in common.
    at_least: f64,
    /// Whether it is enough that wherever the old name stood, the new one stands.
    by_use: bool,
    alone: bool,
}

/// What came and went under another name: of one kind, and alike.
fn renames(a: Side<'_>, b: Side<'_>, step: Step) -> Renames {
    let mut found = Renames::new();
    let experiments = (a.program.experiment, b.program.experiment);
    if let (Some(before), Some(after)) = experiments {
        let (before, after) = (a.program.entity(before), b.program.entity(after));
        if before.name != after.name {
            found.push(((EntityKind::Experiment, before.name.clone()), after.name.clone()));
        }
    }
    let gone: Vec<&Entity> = a.program.entities.iter().filter(|entity| other(a, entity, b).is_none()).collect();
    let mut come: Vec<&Entity> = b.program.entities.iter().filter(|entity| other(b, entity, a).is_none()).collect();
    let uses = match step.by_use && !gone.is_empty() && !come.is_empty() {
        true => Uses::of(a, b, &[&gone[..], &come[..]].concat()),
        false => Uses::default(),
    };
    let of_kind = |all: &[&Entity], one: &Entity| all.iter().filter(|other| sort(other) == sort(one)).count();
    let counts: Vec<(usize, usize)> = gone.iter().map(|one| (of_kind(&gone, one), of_kind(&come, one))).collect();
    for (before, counts) in gone.into_iter().zip(counts) {
        if step.alone && counts != (1, 1) {
            continue;
        }
        let alike = |after: &Entity| {
            let alike = likeness((a, before), (b, after));
            if step.by_use && alike < 1.0 && uses.hand_over(before, after) { 1.0 } else { alike }
        };
        let best = come
            .iter()
            .enumerate()
            .filter(|(_, after)| sort(after) == sort(before))
            .map(|(at, after)| (alike(after), at))
            .filter(|(alike, _)| *alike >= step.at_least)
            .max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1)));
        if let Some((_, at)) = best {
            found.push(((before.kind, before.name.clone()), come.remove(at).name.clone()));
        }
    }
    found
}

/// Of stages also what they do.
fn sort(entity: &Entity) -> (EntityKind, Option<&str>) {
    (entity.kind, entity.stage.as_ref().map(|stage| stage.kind.as_str()))
}

/// Where the names of what came and went stand in what is on both sides.
#[derive(Default)]
struct Uses {
    /// By name: in which pairs of entities, and how often.
    a: BTreeMap<String, BTreeMap<usize, usize>>,
    b: BTreeMap<String, BTreeMap<usize, usize>>,
}

impl Uses {
    fn of(a: Side<'_>, b: Side<'_>, changed: &[&Entity]) -> Self {
        let changed: BTreeSet<&str> = changed.iter().map(|one| one.name.as_str()).collect();
        let mut uses = Self::default();
        let read = |side: Side<'_>, entity: &Entity, at: usize, to: &mut BTreeMap<String, BTreeMap<usize, usize>>| {
            for word in words(side.files.text(entity.span)) {
                if changed.contains(word.as_str()) {
                    *to.entry(word).or_default().entry(at).or_default() += 1;
                }
            }
        };
        for (at, one) in a.program.entities.iter().enumerate() {
            if let Some(counterpart) = other(a, one, b) {
                read(a, one, at, &mut uses.a);
                read(b, counterpart, at, &mut uses.b);
            }
        }
        uses
    }

    /// Whether what named the one names the other. Who is in a crew is nobody's name for another: personas are known by what they say.
    fn hand_over(&self, before: &Entity, after: &Entity) -> bool {
        let Some(was) = self.a.get(&before.name).filter(|_| before.kind != EntityKind::Persona) else { return false };
        let stays = self.b.get(&before.name).is_some_and(|still| still.keys().any(|at| was.contains_key(at)));
        !stays && self.b.get(&after.name) == Some(was)
    }
}

/// The share of values that two entities have in common; of variants and sweeps, of words.
fn likeness((a, x): (Side<'_>, &Entity), (b, y): (Side<'_>, &Entity)) -> f64 {
    if matches!(x.kind, EntityKind::Variant | EntityKind::Sweep) {
        return words_in_common((a, x), (b, y));
    }
    let (in_x, in_y) = (a.program, b.program);
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

fn words_in_common((a, x): (Side<'_>, &Entity), (b, y): (Side<'_>, &Entity)) -> f64 {
    let said = |side: Side<'_>, entity: &Entity| -> Vec<String> {
        let body = Span { start: entity.header.end, ..entity.span };
        let all = words(side.files.text(body)).into_iter().chain(entity.title.clone());
        all.filter(|word| word.contains(|letter: char| letter.is_alphanumeric())).collect()
    };
    let (xs, mut ys) = (said(a, x), said(b, y));
    let most = xs.len().max(ys.len()).max(1);
    let common = xs.iter().filter(|word| ys.iter().position(|one| one == *word).map(|at| ys.remove(at)).is_some());
    common.count() as f64 / most as f64
}
