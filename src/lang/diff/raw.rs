//! Entities side by side: every value that differs, with the text that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use super::names::is_named_value;
use super::pairs::{self, Renames};
use super::readers::{self, class_of};
use super::values::Pair;
use super::{Change, Side, variants};
use crate::check::schema::{self, Attribute, Class, Kind};
use crate::format::words;
use crate::program::{Child, Entity, EntityKind, Field, Fields, Instance, Layer, Program, VALUE, Value};
use crate::source::Span;

/// A difference, and where it was made.
#[derive(Clone)]
pub struct Raw {
    pub change: Change,
    /// Of the entity whose difference it is.
    pub name: String,
    pub kind: EntityKind,
    /// Whether the text that the value comes from differs too, or came or went.
    pub is_edited: bool,
    /// Of a `param` or a `let`.
    pub is_named_value: bool,
    /// That text, in `b` where there is one.
    pub text: Option<String>,
    /// The persona whose it is, of a member of a family.
    pub member: Option<String>,
    /// Where it stands in `a` and in `b`: what several entities have from one line is one difference.
    pub places: (Option<Span>, Option<Span>),
    /// Written alike on both sides, or on neither: it follows from another value, of the same entity or of what its text names.
    pub follows: bool,
}

impl Raw {
    fn origin(&self) -> Option<Span> {
        self.places.1.or(self.places.0)
    }
}

pub fn raw(a: Side<'_>, b: Side<'_>) -> Vec<Raw> {
    let (renamed, renames) = pairs::renamed(a, b);
    let a = Side { program: &renamed, ..a };
    let names = renames.iter().map(|((_, from), to)| (from.clone(), to.clone())).collect();
    let mut walk = Walk { a, b, all: Vec::new(), names };
    for after in &b.program.entities {
        match pairs::other(b, after, a) {
            Some(before) => walk.entities(before, after),
            None => walk.whole(after, b, true),
        }
    }
    for before in &renamed.entities {
        if pairs::other(a, before, b).is_none() {
            walk.whole(before, a, false);
        }
    }
    walk.renames(&renames);
    walk.once_where_it_was_set();
    walk.once_a_line()
}

/// `persona beacon`
pub fn called(entity: &Entity) -> String {
    format!("{} {}", entity.kind.keyword(), entity.name)
}

pub struct Walk<'a> {
    pub a: Side<'a>,
    pub b: Side<'a>,
    pub all: Vec<Raw>,
    /// Old name → new name.
    names: BTreeMap<String, String>,
}

impl<'a> Walk<'a> {
    pub fn push(&mut self, change: Change, entity: &Entity, is_edited: bool, at: (Option<Span>, Option<Span>)) {
        let text = match at {
            (_, Some(span)) => Some(self.b.files.text(span).to_owned()),
            (Some(span), None) => Some(self.a.files.text(span).to_owned()),
            (None, None) => None,
        };
        self.all.push(Raw {
            change,
            name: entity.name.clone(),
            kind: entity.kind,
            is_edited,
            is_named_value: is_named_value(entity.kind),
            text,
            member: None,
            places: at,
            follows: false,
        });
    }

    pub fn follows(&mut self, follows: bool) {
        if let Some(last) = self.all.last_mut() {
            last.follows = follows;
        }
    }

    /// An entity that came or went.
    fn whole(&mut self, entity: &Entity, side: Side<'_>, came: bool) {
        let class = match entity.kind {
            // One table for another: what it measured by is gone.
            EntityKind::Stage if !came && is_evaluate(entity) && self.has_new_table() => Class::Objective,
            EntityKind::Stage | EntityKind::Variant | EntityKind::Sweep => Class::Topology,
            EntityKind::Param | EntityKind::Let | EntityKind::Report | EntityKind::Experiment => Class::Cosmetic,
            EntityKind::Secret | EntityKind::Budget | EntityKind::Profile => Class::Where,
            // Whatever names it has changed too, and says how strictly; what nobody names enters no key.
            _ if readers::is_used(side.program, entity.id) => Class::Topology,
            _ => Class::Cosmetic,
        };
        let head = Some(side.files.text(entity.header).to_owned());
        let (from, to) = if came { (None, head) } else { (head, None) };
        let words = (0, entity.children.iter().map(words_of_child).sum::<usize>() + words_of_fields(&entity.fields));
        let words = (words.1 > 0).then_some(if came { words } else { (words.1, 0) });
        self.push(Change { words, ..Change::new(class, called(entity), "", from, to) }, entity, true, (None, None));
    }

    fn has_new_table(&self) -> bool {
        let tables = self.b.program.of_kind(EntityKind::Stage).filter(|stage| is_evaluate(stage));
        tables.into_iter().any(|stage| pairs::other(self.b, stage, self.a).is_none())
    }

    /// The words of a text of `a`, with the names of today.
    pub fn words_now(&self, text: &str) -> Vec<String> {
        let now = |word: String| self.names.get(&word).cloned().unwrap_or(word);
        words(text).into_iter().map(now).collect()
    }

    fn renames(&mut self, renames: &Renames) {
        for ((kind, from), to) in renames {
            let Some(entity) = self.b.program.entities.iter().find(|one| (one.kind, &one.name) == (*kind, to)) else {
                continue;
            };
            let change = Change::new(Class::Cosmetic, called(entity), "", Some(from.clone()), Some(to.clone()));
            self.push(Change { renamed_from: Some(from.clone()), ..change }, entity, true, (None, None));
        }
    }

    fn entities(&mut self, before: &'a Entity, after: &'a Entity) {
        let named = called(after);
        if matches!(after.kind, EntityKind::Variant | EntityKind::Sweep) {
            return self.overrides(before, after);
        }
        if before.title != after.title {
            let class = match after.kind {
                EntityKind::Persona => Class::Behaviour,
                EntityKind::Rubric => Class::Objective,
                _ => Class::Cosmetic,
            };
            self.plain(after, &named, "title", class, before.title.clone(), after.title.clone());
        }
        let kind = match &after.stage {
            Some(stage) => schema::stage(&stage.kind),
            None => schema::item(after.kind.keyword()),
        };
        let from = self.all.len();
        self.fields(after, &named, "", &before.fields, &after.fields, &|name| kind.and_then(|kind| kind.field(name)));
        if after.kind == EntityKind::Secret {
            self.all[from..].iter_mut().for_each(|one| one.change.class = Class::Where);
        }
        self.children(before, after, kind);
        if let (Some(x), Some(y)) = (&before.stage, &after.stage) {
            if x.kind != y.kind {
                self.plain(after, &named, "kind", Class::Topology, Some(x.kind.clone()), Some(y.kind.clone()));
                return;
            }
            self.instances(before, after, kind);
        }
    }

    /// Something whose text is its entity's own head.
    pub fn plain(
        &mut self,
        entity: &Entity,
        named: &str,
        field: &str,
        class: Class,
        from: Option<String>,
        to: Option<String>,
    ) {
        self.push(Change::new(class, named.to_owned(), field, from, to), entity, true, (None, None));
    }

    /// A variant or a sweep: what it sets is told as it lands in the program at that point.
    fn overrides(&mut self, before: &Entity, after: &Entity) {
        if before.title != after.title {
            self.plain(after, &called(after), "title", Class::Cosmetic, before.title.clone(), after.title.clone());
        }
        for change in variants::changes((self.a, before), (self.b, after), &self.names) {
            self.push(change, after, true, (None, None));
        }
    }

    fn instances(&mut self, before: &'a Entity, after: &'a Entity, kind: Option<&'static Kind>) {
        let (Some(x), Some(y)) = (&before.stage, &after.stage) else { return };
        let who = |program: &Program, one: &Instance| one.persona.map(|id| program.entity(id).name.clone());
        let names = |program: &Program, all: &[Instance]| -> Vec<Option<String>> {
            all.iter().map(|one| who(program, one)).collect()
        };
        let (was, is) = (names(self.a.program, &x.instances), names(self.b.program, &y.instances));
        if was != is {
            let list = |all: &[Option<String>]| {
                Some(format!("[{}]", all.iter().flatten().cloned().collect::<Vec<_>>().join(", ")))
            };
            let class = self.crew_class((before, &was), (after, &is));
            let change = Change::new(class, called(after), "for", list(&was), list(&is));
            let edited = self.words_now(self.a.files.text(before.header)) != words(self.b.files.text(after.header));
            self.push(change, after, edited, (Some(before.header), Some(after.header)));
        }
        let from = self.all.len();
        let mut compared = 0;
        for (name, new) in is.iter().zip(&y.instances) {
            let Some(old) = was.iter().position(|one| one == name).map(|at| &x.instances[at]) else { continue };
            compared += 1;
            let named = match name {
                Some(name) => format!("stage {}.{name}", after.name),
                None => called(after),
            };
            let own = self.all.len();
            self.fields(after, &named, "", &old.fields, &new.fields, &|name| kind.and_then(|kind| kind.field(name)));
            self.all[own..].iter_mut().for_each(|one| one.member.clone_from(name));
            if compared == 1 {
                self.gates(after, &old.gates, &new.gates);
            }
        }
        // What all members have alike is the family's.
        let own = self.all.split_off(from);
        for one in &own {
            let like = |other: &&Raw| {
                (&other.change.field, &other.change.from, &other.change.to)
                    == (&one.change.field, &one.change.from, &one.change.to)
            };
            let everywhere = own.iter().filter(like).count() == compared && compared > 1;
            let entity = if everywhere { called(after) } else { one.change.entity.clone() };
            let change = Change { entity, ..one.change.clone() };
            if !self.all[from..].iter().any(|known| known.change == change) {
                self.all.push(Raw { change, ..one.clone() });
            }
        }
    }

    pub fn fields(
        &mut self,
        entity: &Entity,
        named: &str,
        above: &str,
        before: &Fields,
        after: &Fields,
        attribute: &dyn Fn(&str) -> Option<&'static Attribute>,
    ) {
        let absent = Field {
            value: Value::Absent,
            origin: crate::program::Origin { layer: Layer::Default, span: None },
            parts: BTreeMap::new(),
        };
        let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
        for name in names {
            let (x, y) = (before.get(name).unwrap_or(&absent), after.get(name).unwrap_or(&absent));
            let mut found = Vec::new();
            let pair = Pair { a: (&x.value, self.a.program), b: (&y.value, self.b.program) };
            pair.differences(name, attribute(name), &mut found);
            for (path, class, from, to) in found {
                let below = path.strip_prefix(name.as_str()).unwrap_or_default().trim_start_matches('.').to_owned();
                let place = |field: &Field| field.parts.get(&below).unwrap_or(&field.origin).span;
                let (was, is) = (place(x), place(y));
                let texts = (was.map(|span| self.a.files.text(span)), is.map(|span| self.b.files.text(span)));
                let edited = match texts {
                    (Some(x), Some(y)) => self.words_now(x) != words(y),
                    _ => true,
                };
                // Of a param or a let the one field is the value itself.
                let path = if name == VALUE { below.clone() } else { path };
                let field = match (above, path.as_str()) {
                    (above, "") => above.to_owned(),
                    ("", path) => path.to_owned(),
                    (above, path) => format!("{above}.{path}"),
                };
                // A text is shown as it is, all else as its author wrote it, where they did.
                let written = |value: &Value, text: Option<&str>, told: String| match (value, text) {
                    (Value::Text(_), _) | (_, None) => told,
                    // Beside it stand its type, its range and what it is for.
                    _ if entity.kind == EntityKind::Param => told,
                    (_, Some(text)) if entity.kind == EntityKind::Let => {
                        inline(text.split_once('=').map_or(text, |(_, value)| value.trim()))
                    }
                    (_, Some(text)) => inline(of_assignment(text)),
                };
                let shown = |value: &Value, text: Option<&str>, told: String| match below.as_str() {
                    "" => (*value != Value::Absent).then(|| written(value, text, told)),
                    _ => Some(told),
                };
                let class = class_of((self.a.program, &x.value), (self.b.program, &y.value), entity, name, class);
                let values = (Some(from.clone()), Some(to.clone()));
                let written = (shown(&x.value, texts.0, from), shown(&y.value, texts.1, to));
                // Written alike, and not the same: what it comes to is told.
                let (from, to) = if written.0 == written.1 { values } else { written };
                let words = match (&x.value, &y.value) {
                    (Value::Text(_) | Value::List(_), _) | (_, Value::Text(_) | Value::List(_)) => {
                        // One word is a name, a digest or an address.
                        Some((words_of(&x.value), words_of(&y.value))).filter(|(from, to)| *from.max(to) > 1)
                    }
                    _ => None,
                };
                let is_default = |field: &Field| field.origin.layer == Layer::Default;
                let change = Change { words, ..Change::new(class, named.to_owned(), &field, from, to) };
                let follows = is_default(x) && is_default(y);
                self.push(change, entity, edited && !follows, (was, is));
                self.follows(follows);
            }
        }
    }

    /// What a variant or a sweep on both sides sets, at whose point the programs are, is told there.
    fn once_where_it_was_set(&mut self) {
        if self.a.checked.is_none() || self.b.checked.is_none() {
            return;
        }
        let (a, b) = (self.a, self.b);
        let is_set = |side: Side<'_>, other: Side<'_>, span: Option<Span>| {
            let is_point = |one: &&Entity| matches!(one.kind, EntityKind::Variant | EntityKind::Sweep);
            let mut points = side.program.entities.iter().filter(is_point);
            span.is_some_and(|span| {
                points.any(|one| within(span, one.span) && pairs::other(side, one, other).is_some())
            })
        };
        self.all.retain(|one| !one.is_edited || !is_set(b, a, one.places.1) && !is_set(a, b, one.places.0));
    }

    /// Who is compared with whom is part of the yardstick, where a contrast of an `evaluate` reads the crew.
    fn crew_class(
        &self,
        (before, was): (&Entity, &[Option<String>]),
        (after, is): (&Entity, &[Option<String>]),
    ) -> Class {
        let as_set = |all: &[Option<String>]| all.iter().flatten().cloned().collect::<BTreeSet<String>>();
        let sides = [(self.a.program, before), (self.b.program, after)];
        let is_yardstick = as_set(was) != as_set(is)
            && sides.into_iter().any(|(program, entity)| readers::measures_within_crew(program, entity.id));
        if is_yardstick { Class::Objective } else { Class::Topology }
    }

    /// What several entities have from one line (by `extends`) is that line's entity's.
    fn once_a_line(self) -> Vec<Raw> {
        let stands_in = |one: &Raw, span: Span| {
            let side = if one.places.1.is_some() { self.b } else { self.a };
            let entity = side.program.entities.iter().find(|entity| entity.name == one.name);
            entity.is_some_and(|entity| within(span, entity.span))
        };
        let homes: Vec<Span> =
            self.all.iter().filter_map(|one| one.origin().filter(|span| stands_in(one, *span))).collect();
        let keeps = |one: &Raw| one.origin().is_none_or(|span| stands_in(one, span) || !homes.contains(&span));
        // As strict as the strictest of those that have it.
        let strictest = |one: &Raw| {
            let like = |other: &&Raw| other.origin().is_some() && other.places == one.places && other.kind == one.kind;
            self.all.iter().filter(like).map(|other| other.change.class).min().unwrap_or(one.change.class)
        };
        let kept: Vec<Option<Class>> = self.all.iter().map(|one| keeps(one).then(|| strictest(one))).collect();
        let all = self.all.into_iter().zip(kept);
        all.filter_map(|(one, class)| Some(Raw { change: Change { class: class?, ..one.change.clone() }, ..one }))
            .collect()
    }
}

fn is_evaluate(entity: &Entity) -> bool {
    entity.stage.as_ref().is_some_and(|stage| stage.kind == "evaluate")
}

pub fn within(span: Span, whole: Span) -> bool {
    whole.file == span.file && (whole.start..whole.end).contains(&span.start)
}

/// On one line, as the one style writes what has room there, however many lines its author took.
fn inline(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // What stands between quotes is the author's own.
    let parts = flat.split('"').enumerate().map(|(at, part)| match at % 2 {
        0 => [("( ", "("), ("[ ", "["), (", )", ")"), (", ]", "]")]
            .iter()
            .fold(part.to_owned(), |part, (wide, close)| part.replace(wide, close)),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("\"")
}

/// Words of a text, or of a list of them.
fn words_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.split_whitespace().count(),
        Value::List(values) => values.iter().map(words_of).sum(),
        _ => 0,
    }
}

fn words_of_fields(fields: &Fields) -> usize {
    fields.values().map(|field| words_of(&field.value)).sum()
}

pub fn words_of_child(child: &Child) -> usize {
    words_of_fields(&child.fields)
}

/// The value of `lr = 1e-4`; a value as it is.
fn of_assignment(text: &str) -> &str {
    let is_path =
        |path: &str| path.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '*'));
    match text.split_once('=') {
        Some((path, value)) if is_path(path.trim().trim_end_matches(['+', '-'])) => value.trim(),
        _ => text,
    }
}
