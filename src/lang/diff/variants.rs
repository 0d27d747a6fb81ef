//! Variants and sweeps: what one sets is compared where it lands, in the program at that point.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::raw::{Raw, called, raw, within};
use super::{Change, Side, readers};
use crate::check::schema::Class;
use crate::format::words;
use crate::program::{Entity, EntityKind, Point, Program};
use crate::source::Span;

/// Points of a sweep that are looked at for what it sets: its axes show in far fewer.
const POINTS: usize = 64;

/// Old name → new name.
type Renamed = BTreeMap<String, String>;

/// What differs between two variants, or two sweeps, of one name.
pub fn changes(a: (Side<'_>, &Entity), b: (Side<'_>, &Entity), renamed: &Renamed) -> Vec<Change> {
    let (x, y) = (text(a), text(b));
    if now(renamed, x) == words(y) {
        return Vec::new();
    }
    let found = match b.1.kind {
        EntityKind::Variant => {
            at_variant(a).zip(at_variant(b)).map(|(before, after)| variant(a, &before, b, &after, renamed))
        }
        _ => {
            Sweep::of(a, renamed).zip(Sweep::of(b, &Renamed::new())).map(|(before, after)| sweep(&before, &after, b.1))
        }
    };
    // At a point of itself no other can be made.
    found.unwrap_or_else(|| vec![Change::new(Class::Topology, called(b.1), "", Some(x.to_owned()), Some(y.to_owned()))])
}

/// The words of a text, with the names of today.
fn now(renamed: &Renamed, text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| renamed.get(&word).cloned().unwrap_or(word)).collect()
}

fn text<'s>((side, entity): (Side<'s>, &Entity)) -> &'s str {
    let body = Span { start: entity.header.end, ..entity.span };
    side.files.text(body)
}

/// As its own file calls it: in a comparison it may have the other's name.
fn own_name((side, entity): (Side<'_>, &Entity)) -> Option<String> {
    Some(side.checked?.program.as_ref()?.entity(entity.id).name.clone())
}

fn at_variant(one: (Side<'_>, &Entity)) -> Option<Program> {
    one.0.checked?.at(&Point::Variant(own_name(one)?)).ok()
}

/// The values that differ because of what one of the two sets, each with the class of its field.
fn variant(
    a: (Side<'_>, &Entity),
    before: &Program,
    b: (Side<'_>, &Entity),
    after: &Program,
    renamed: &Renamed,
) -> Vec<Change> {
    let all = raw(a.0.at(before), b.0.at(after));
    let names = Names::of(b.0.at(after));
    // One line may land in several places, and is one change: as strict as the strictest of them.
    let mut found: Vec<Change> = Vec::new();
    for one in &all {
        let written = |place: Option<Span>, side: Side<'_>, entity: &Entity| {
            let text = side.files.text(place.filter(|place| within(*place, entity.span))?);
            text.split_once('=')
                .map(|(path, value)| (path.trim_end_matches(['+', '-', ' ']).to_owned(), of_lines(value)))
        };
        let (from, to) = (written(one.places.0, a.0, a.1), written(one.places.1, b.0, b.1));
        let Some((path, _)) = to.as_ref().or(from.as_ref()) else { continue };
        let path = path.clone();
        // The line is the same: what it comes to differs because of another.
        let line = |side: &Option<(String, String)>| side.as_ref().map(|(path, value)| format!("{path} = {value}"));
        if line(&from).map(|text| now(renamed, &text)) == line(&to).map(|text| words(&text)) {
            continue;
        }
        let class = names.class(one, &all);
        let value = |side: Option<(String, String)>| side.map(|(_, value)| value);
        let change = Change::new(class, called(b.1), &path, value(from), value(to));
        add(&mut found, Change { evaluates: reached(one, before, after), ..change });
    }
    found
}

/// The tables that a difference reaches, in either program.
fn reached(one: &Raw, before: &Program, after: &Program) -> Vec<String> {
    let of = |program: &Program| {
        let entity = program.entities.iter().find(|entity| (entity.kind, &entity.name) == (one.kind, &one.name));
        entity.map(|entity| readers::evaluates(program, entity.id)).unwrap_or_default()
    };
    of(before).into_iter().chain(of(after)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// One change a field: as strict as the strictest.
fn add(to: &mut Vec<Change>, change: Change) {
    match to.iter_mut().find(|known| known.field == change.field) {
        Some(known) => {
            known.class = known.class.min(change.class);
            let all: BTreeSet<String> = known.evaluates.drain(..).chain(change.evaluates).collect();
            known.evaluates = all.into_iter().collect();
        }
        None => to.push(change),
    }
}

fn of_lines(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A sweep by what it comes to.
struct Sweep {
    /// By path: values as they compare and as they are written, in their order.
    axes: BTreeMap<String, Vec<(String, String)>>,
    /// What each point sets, as it compares; in words.
    points: BTreeMap<BTreeMap<String, String>, String>,
    /// Why points are left out.
    reasons: BTreeSet<String>,
    /// What each path is when it lands, and the tables that it reaches.
    classes: BTreeMap<String, (Class, Vec<String>)>,
}

impl Sweep {
    /// `None` where there is nothing to look into.
    fn of(one: (Side<'_>, &Entity), renamed: &Renamed) -> Option<Self> {
        let (side, checked, name) = (one.0, one.0.checked?, own_name(one)?);
        let base = checked.program.as_ref()?;
        let now = |text: &str| now(renamed, text);
        let mut sweep = Self {
            axes: BTreeMap::new(),
            points: BTreeMap::new(),
            reasons: checked.skipped_points(&name).into_iter().map(|skipped| skipped.why).collect(),
            classes: BTreeMap::new(),
        };
        for (at, point) in checked.sweep_points(&name).iter().enumerate() {
            let (mut set, mut told) = (BTreeMap::new(), Vec::new());
            let mut spans = Vec::new();
            for (path, span) in checked.settings(point) {
                let (path, written) = (now(&path).join("."), of_lines(side.files.text(span)));
                let value = now(&written).iter().map(|word| number(word)).collect::<Vec<_>>().join(" ");
                let axis = sweep.axes.entry(path.clone()).or_default();
                if axis.iter().all(|(known, _)| *known != value) {
                    axis.push((value.clone(), written.clone()));
                }
                told.push(format!("{path}={written}"));
                spans.push((path.clone(), span));
                set.insert(path, value);
            }
            sweep.points.insert(set, format!("[{}]", told.join(", ")));
            if at < POINTS
                && let Ok(program) = checked.at(point)
            {
                sweep.land(side, base, &program, &spans);
            }
        }
        Some(sweep)
    }

    /// What the values of a point differ in from the base.
    fn land(&mut self, side: Side<'_>, base: &Program, program: &Program, spans: &[(String, Span)]) {
        let all = raw(side.at(base), side.at(program));
        let names = Names::of(side.at(program));
        for one in &all {
            let Some((path, _)) = spans.iter().find(|(_, span)| one.places.1.is_some_and(|at| within(at, *span)))
            else {
                continue;
            };
            let class = names.class(one, &all);
            let known = self.classes.entry(path.clone()).or_insert((class, Vec::new()));
            known.0 = known.0.min(class);
            known.1.extend(reached(one, base, program));
        }
    }
}

/// `1e-4` and `0.000_1` are one number.
fn number(word: &str) -> String {
    match word.replace('_', "").parse::<f64>() {
        Ok(value) if word.starts_with(|first: char| first.is_ascii_digit()) => value.to_string(),
        _ => word.to_owned(),
    }
}

fn sweep(before: &Sweep, after: &Sweep, entity: &Entity) -> Vec<Change> {
    let mut found: Vec<Change> = Vec::new();
    let land = |path: &String| {
        let both = [before, after].into_iter().filter_map(|sweep| sweep.classes.get(path));
        let class = both.clone().map(|(class, _)| *class).min().unwrap_or(Class::Topology);
        let tables: BTreeSet<String> = both.flat_map(|(_, tables)| tables.clone()).collect();
        (class, tables.into_iter().collect::<Vec<_>>())
    };
    let paths: BTreeSet<&String> = before.axes.keys().chain(after.axes.keys()).collect();
    for path in &paths {
        let values = |sweep: &Sweep| -> BTreeSet<String> {
            sweep.axes.get(*path).into_iter().flatten().map(|(value, _)| value.clone()).collect()
        };
        if values(before) == values(after) {
            continue;
        }
        let list = |sweep: &Sweep| {
            let all: Vec<&str> = sweep.axes.get(*path)?.iter().map(|(_, written)| written.as_str()).collect();
            Some(format!("[{}]", all.join(", ")))
        };
        let (class, evaluates) = land(path);
        let change = Change::new(class, called(entity), path, list(before), list(after));
        found.push(Change { evaluates, ..change });
    }
    // The same values, otherwise combined.
    if found.is_empty() && !before.points.keys().eq(after.points.keys()) {
        let only = |one: &Sweep, other: &Sweep| {
            let all = one.points.iter().filter(|(set, _)| !other.points.contains_key(*set));
            let told: Vec<&str> = all.map(|(_, told)| told.as_str()).collect();
            (!told.is_empty()).then(|| told.join(", "))
        };
        let class = paths.iter().map(|path| land(path).0).min().unwrap_or(Class::Topology);
        let evaluates = paths.iter().flat_map(|path| land(path).1).collect::<BTreeSet<_>>().into_iter().collect();
        let change = Change::new(class, called(entity), "points", only(before, after), only(after, before));
        found.push(Change { evaluates, ..change });
    }
    if before.reasons != after.reasons {
        let list = |sweep: &Sweep| {
            let all: Vec<String> = sweep.reasons.iter().map(|why| format!("\"{why}\"")).collect();
            (!all.is_empty()).then(|| all.join(", "))
        };
        found.push(Change::new(Class::Cosmetic, called(entity), "skip", list(before), list(after)));
    }
    found
}
