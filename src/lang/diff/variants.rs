//! Variants and sweeps: what one sets is compared where it lands, in the program at that point.

use super::raw::{called, raw};
use super::{Change, Side};
use crate::check::schema::Class;
use crate::format::words;
use crate::program::{Entity, EntityKind, Point, Program};
use crate::source::Span;

/// Points of a sweep that are looked at for what it sets: its axes show in far fewer.
const POINTS: usize = 64;

/// What differs between two variants, or two sweeps, of one name.
pub fn changes(a: (Side<'_>, &Entity), b: (Side<'_>, &Entity)) -> Vec<Change> {
    let (x, y) = (text(a), text(b));
    if words(x) == words(y) {
        return Vec::new();
    }
    let whole = |class| vec![Change::new(class, called(b.1), "", Some(x.to_owned()), Some(y.to_owned()))];
    match b.1.kind {
        EntityKind::Variant => match (at_variant(a), at_variant(b)) {
            (Some(before), Some(after)) => variant(a, &before, b, &after),
            _ => whole(Class::Topology),
        },
        _ => whole(touched(a).into_iter().chain(touched(b)).min().unwrap_or(Class::Topology)),
    }
}

fn text<'s>((side, entity): (Side<'s>, &Entity)) -> &'s str {
    let body = Span { start: entity.header.end, ..entity.span };
    side.files.text(body)
}

fn at_variant((side, entity): (Side<'_>, &Entity)) -> Option<Program> {
    side.checked?.at(&Point::Variant(entity.name.clone())).ok()
}

/// The values that differ because of what one of the two sets, each with the class of its field.
fn variant(a: (Side<'_>, &Entity), before: &Program, b: (Side<'_>, &Entity), after: &Program) -> Vec<Change> {
    let within = |place: Option<Span>, entity: &Entity| {
        place.is_some_and(|at| at.file == entity.span.file && (entity.span.start..entity.span.end).contains(&at.start))
    };
    let all = raw(a.0.at(before), b.0.at(after));
    // One line may land in several places, and is one change: as strict as the strictest of them.
    let mut found: Vec<Change> = Vec::new();
    for one in all {
        let written = |place: Option<Span>, side: Side<'_>, entity: &Entity| {
            let text = side.files.text(place.filter(|place| within(Some(*place), entity))?);
            text.split_once('=')
                .map(|(path, value)| (path.trim_end_matches(['+', '-', ' ']).to_owned(), of_lines(value)))
        };
        let (from, to) = (written(one.places.0, a.0, a.1), written(one.places.1, b.0, b.1));
        let Some((path, _)) = to.as_ref().or(from.as_ref()) else { continue };
        let path = path.clone();
        match found.iter_mut().find(|known| known.field == path) {
            Some(known) => known.class = known.class.min(one.change.class),
            None => {
                let value = |side: Option<(String, String)>| side.map(|(_, value)| value);
                found.push(Change::new(one.change.class, called(b.1), &path, value(from), value(to)));
            }
        }
    }
    found
}

fn of_lines(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The strictest class of what a sweep sets.
fn touched((side, entity): (Side<'_>, &Entity)) -> Option<Class> {
    let checked = side.checked?;
    let points = checked.sweep_points(&entity.name).into_iter().take(POINTS);
    let programs = points.filter_map(|point| checked.at(&point).ok());
    let classes = programs.flat_map(|program| super::changes(side.at(side.program), side.at(&program)));
    classes.map(|change| change.class).min()
}
