//! What a path means: a name, then its parts. Members of families are found by the persona's identity; inside a stage
//! `for persona in crew` a family is narrowed to the member of the same persona. Part of pass 3.

use super::Checker;
use super::diagnostics as say;
use super::layers::{VALUE, member_named, segment_span, text_of};
use super::names::Binding;
use super::schema::items::PERSONA;
use super::schema::{Attribute, calls, every_call};
use super::types;
use super::uses::Meaning;
use super::val::Val;
use super::values::{Bound, Cx};
use crate::program::{EntityId, EntityKind, MemberRef};
use crate::source::{Name, Span};
use crate::syntax::ast::{Entry, Segment};

impl<'t> Checker<'t> {
    pub fn path(&mut self, segments: &[Segment], cx: &Cx<'_>) -> Val {
        if let Some(point) = cx.point
            && let Some(val) = point.get(&text_of(segments))
        {
            return val.clone();
        }
        let Some(Segment::Name(head)) = segments.first() else { return Val::Unknown };
        if self.budget.is_spent() {
            return Val::Unknown;
        }
        let mut written = head.value.clone();
        let mut rest = &segments[1..];
        let mut val = match self.own_result(head, cx) {
            Some(val) => {
                self.meant(head.span, Meaning::Part);
                val
            }
            None => match self.head(head, cx) {
                Head::Val(val) => val,
                Head::Module(file) => {
                    let Some(Segment::Name(name)) = rest.first() else {
                        self.found.add(say::whole_file_as_value(head));
                        return Val::Unknown;
                    };
                    rest = &rest[1..];
                    written = format!("{written}.{}", name.value);
                    match self.names.declared_in(file, &name.value) {
                        Some(Binding::Decl(id)) => {
                            self.meant(name.span, Meaning::Item(id));
                            self.entity(id)
                        }
                        Some(_) => Val::Unknown,
                        None => {
                            let known = self.names.own_names(file).collect::<Vec<_>>();
                            self.found.add(say::unknown_part(name, &head.value, &known));
                            Val::Unknown
                        }
                    }
                }
            },
        };
        // Whichever persona it is, it has the fields of one.
        if let (Some(Bound { variable, persona: None }), Some(Segment::Name(name))) = (cx.bound, rest.first())
            && (variable == head.value || head.value == "persona")
            && PERSONA.field(&name.value).is_none()
        {
            let known: Vec<&str> = PERSONA.fields.iter().map(|field| field.name).collect();
            self.found.add(say::unknown_part(name, &head.value, &known));
            return Val::Unknown;
        }
        for segment in rest {
            if val.is_unknown() {
                break;
            }
            val = match segment {
                Segment::Name(name) => self.part(val, name, &written, cx),
                Segment::Star(span) => self.all_of(val, *span, &written),
            };
            written = format!("{written}.{}", text_of(std::slice::from_ref(segment)));
        }
        let end = segment_span(segments.last().expect("a path is not empty"));
        let span = head.span.to(end);
        let val = self.narrow(val, span, cx);
        self.spend_on(val, span)
    }

    /// In a gate, a result of its own stage by its bare name.
    fn own_result(&self, head: &Name, cx: &Cx<'_>) -> Option<Val> {
        let (stage, member) = cx.own?;
        let result = self.names.decl(stage).schema?.result(&head.value)?;
        Some(Val::Result { of: vec![MemberRef { stage, member }], name: result.name.to_owned() })
    }

    fn head(&mut self, head: &Name, cx: &Cx<'_>) -> Head {
        if let Some(bound) = cx.bound
            && (bound.variable == head.value || head.value == "persona")
        {
            self.meant(head.span, Meaning::Bound);
            return Head::Val(bound.persona.map_or(Val::Unknown, Val::Entity));
        }
        match self.names.look_up(cx.file, &head.value) {
            Some(Binding::Decl(id)) => {
                self.meant(head.span, Meaning::Item(id));
                Head::Val(self.entity(id))
            }
            Some(Binding::Module(file)) => {
                self.meant(head.span, Meaning::Module(file));
                Head::Module(file)
            }
            Some(Binding::Faulty) => Head::Val(Val::Unknown),
            None => {
                if head.value == "experiment"
                    && let Some(id) = self.names.experiment(cx.file)
                {
                    self.meant(head.span, Meaning::Item(id));
                    return Head::Val(Val::Entity(id));
                }
                if cx.in_test
                    && let Some(val) = self.criterion(head, cx)
                {
                    return Head::Val(val);
                }
                let mut known = self.names.known_in(cx.file, &self.found);
                known.extend(["none", "true", "false"].into_iter().filter(|constant| is_slip(&head.value, constant)));
                if cx.bound.is_some() {
                    known.push("persona");
                }
                if let Some(schema) = cx.own.and_then(|(stage, _)| self.names.decl(stage).schema) {
                    known.extend(schema.results.iter().map(|result| result.name));
                }
                let is_call = every_call().any(|call| call.name == head.value);
                let unknown = if head.value == "persona" {
                    say::persona_outside_family(head)
                } else if head.value == calls::EACH {
                    say::each_outside_gate(head)
                } else if is_call {
                    say::call_without_brackets(head)
                } else if let Some(alias) = self.names.imported_as(cx.file, &head.value) {
                    say::imported_by_another_name(head, alias)
                } else {
                    say::unknown_name(head, &known)
                };
                self.found.add(unknown);
                Head::Val(Val::Unknown)
            }
        }
    }

    /// In a persona's test, a criterion of a rubric that the file knows.
    fn criterion(&mut self, name: &Name, cx: &Cx<'_>) -> Option<Val> {
        let rubrics = self.names.in_scope(cx.file).filter_map(|word| match self.names.look_up(cx.file, word) {
            Some(Binding::Decl(id)) if self.names.decl(id).kind == EntityKind::Rubric => Some(id),
            _ => None,
        });
        let rubrics: Vec<EntityId> = rubrics.collect();
        rubrics.into_iter().find_map(|rubric| self.criterion_of(rubric, name))
    }

    /// `tone.warm`
    fn criterion_of(&mut self, rubric: EntityId, name: &Name) -> Option<Val> {
        let has = |entry: &Entry| match entry {
            Entry::Block(block) => block.name.as_ref().is_some_and(|one| one.value == name.value),
            _ => false,
        };
        let decl = *self.names.decl(rubric);
        let known = decl.kind == EntityKind::Rubric && decl.body.is_some_and(|body| body.entries.iter().any(has));
        if !known {
            return None;
        }
        self.meant(name.span, Meaning::Criterion(rubric));
        Some(Val::Op { op: "field", args: vec![Val::Entity(rubric), Val::Word(name.value.clone())] })
    }

    /// A declared item as a value: of a param or a let what it stands for.
    pub fn entity(&self, id: EntityId) -> Val {
        match self.names.decl(id).kind {
            EntityKind::Param | EntityKind::Let => self.field_of(id, VALUE),
            EntityKind::Stage => Val::Family(id),
            _ => Val::Entity(id),
        }
    }

    /// An evaluated field; unknown on a circle, and where the item is faulty.
    fn field_of(&self, id: EntityId, field: &str) -> Val {
        let done = self.done[id.0 as usize].as_ref();
        done.and_then(|done| done.fields.get(field)).map_or(Val::Unknown, |field| field.val.clone())
    }

    /// `.name` of a value.
    pub fn part(&mut self, val: Val, name: &Name, written: &str, cx: &Cx<'_>) -> Val {
        match &val {
            Val::Unknown => Val::Unknown,
            Val::Entity(id) => {
                let criterion = if cx.in_test { self.criterion_of(*id, name) } else { None };
                criterion.unwrap_or_else(|| self.part_of_entity(*id, name, written, cx))
            }
            Val::Family(stage) => self.part_of_stage(*stage, None, name, written, cx),
            Val::Made(of) => match of.as_slice() {
                [one] => self.part_of_stage(one.stage, Some(one.member), name, written, cx),
                [first, ..] => self.part_of_stage(first.stage, None, name, written, cx),
                [] => Val::Unknown,
            },
            Val::Result { of, name: result } => {
                let outcome = of
                    .first()
                    .and_then(|one| self.names.decl(one.stage).schema)
                    .and_then(|schema| schema.result(result));
                let bounds = outcome.is_some_and(|outcome| outcome.interval);
                self.bound_of(val.clone(), name, written, bounds)
            }
            Val::Call { name: call, .. } if let Some(ask) = calls::ask(call) => {
                self.bound_of(val.clone(), name, &format!("{call}(…)"), calls::has_interval(ask))
            }
            Val::Record(fields) | Val::Call { args: fields, .. } => match fields.get(&name.value) {
                Some(part) => {
                    let part = part.clone();
                    self.meant(name.span, Meaning::Part);
                    part
                }
                None => {
                    let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                    self.found.add(say::unknown_part(name, written, &known));
                    Val::Unknown
                }
            },
            // `crew.*.voice`
            Val::List(items) => {
                let items: Vec<Val> = items.clone();
                Val::List(items.into_iter().map(|item| self.part(item, name, written, cx)).collect())
            }
            other => {
                let is = types::describe(other, &self.names);
                self.found.add(say::no_parts(name, &is));
                Val::Unknown
            }
        }
    }

    /// `.low`, `.high` and `.mean` of what has an interval.
    fn bound_of(&mut self, val: Val, name: &Name, written: &str, bounds: bool) -> Val {
        let known: &[&str] = if bounds { &["low", "high", "mean"] } else { &["mean"] };
        if known.contains(&name.value.as_str()) {
            self.meant(name.span, Meaning::Part);
            Val::Op { op: "field", args: vec![val, Val::Word(name.value.clone())] }
        } else {
            self.found.add(say::unknown_part(name, written, known));
            Val::Unknown
        }
    }

    fn part_of_entity(&mut self, id: EntityId, name: &Name, written: &str, cx: &Cx<'_>) -> Val {
        let decl = *self.names.decl(id);
        let mut known: Vec<&str> = Vec::new();
        match decl.kind {
            EntityKind::Dataset => {
                if matches!(name.value.as_str(), "train" | "val" | "test") {
                    self.meant(name.span, Meaning::Part);
                    return Val::Split { dataset: id, split: name.value.clone() };
                }
                known.extend(["train", "val", "test"]);
            }
            EntityKind::Judge => {
                let rubrics: Vec<EntityId> = match self.field_of(id, "rubrics") {
                    Val::List(items) if items.iter().any(Val::is_unknown) => return Val::Unknown,
                    Val::List(items) => items
                        .iter()
                        .filter_map(|item| match item {
                            Val::Entity(id) => Some(*id),
                            _ => None,
                        })
                        .collect(),
                    _ => return Val::Unknown,
                };
                // By what the name means here, then where the judge stands, then by the rubric's own name.
                let meant = member_named(&self.names, &rubrics, &name.value, cx.file)
                    .or_else(|| member_named(&self.names, &rubrics, &name.value, decl.file));
                if let Some(rubric) = meant {
                    self.meant(name.span, Meaning::Item(rubric));
                    return Val::Verdict { judge: id, rubric };
                }
                known.extend(rubrics.iter().map(|id| self.names.decl(*id).name.value.as_str()));
            }
            _ => {}
        }
        if decl.kind == EntityKind::Secret {
            self.found.add(say::secret_elsewhere(name.span, &decl.name.value));
            return Val::Unknown;
        }
        let Some(schema) = decl.schema else { return Val::Unknown };
        if schema.field(&name.value).is_some() {
            self.meant(name.span, Meaning::Part);
            return self.field_of(id, &name.value);
        }
        known.extend(schema.fields.iter().map(|field: &Attribute| field.name));
        self.found.add(say::unknown_part(name, written, &known));
        Val::Unknown
    }

    /// A member, a result or a field of a stage, in this order.
    fn part_of_stage(&mut self, stage: EntityId, member: Option<u32>, name: &Name, written: &str, cx: &Cx<'_>) -> Val {
        let decl = *self.names.decl(stage);
        let Some(done) = self.done[stage.0 as usize].clone() else { return Val::Unknown };
        let Some(schema) = decl.schema else { return Val::Unknown };
        if done.crew_unknown {
            return Val::Unknown;
        }
        let all: Vec<MemberRef> = (0..done.instances.len() as u32).map(|member| MemberRef { stage, member }).collect();
        if member.is_none() && done.is_family {
            let personas: Vec<EntityId> = done.instances.iter().filter_map(|one| one.persona).collect();
            if let Some(persona) = member_named(&self.names, &personas, &name.value, cx.file) {
                self.meant(name.span, Meaning::Item(persona));
                let at = personas.iter().position(|one| *one == persona).expect("it was found among them");
                return Val::Made(vec![all[at]]);
            }
        }
        let of = member.map_or(all, |member| vec![MemberRef { stage, member }]);
        // A sweep's `skip` is asked before anything has run: what is both a field and a result is the field there.
        let is_field = cx.point.is_some() && schema.field(&name.value).is_some();
        if schema.result(&name.value).is_some() && !is_field {
            self.meant(name.span, Meaning::Part);
            return Val::Result { of, name: name.value.clone() };
        }
        if schema.field(&name.value).is_some() {
            self.meant(name.span, Meaning::Part);
            let instance = of.first().and_then(|one| done.instances.get(one.member as usize));
            return instance
                .and_then(|one| one.fields.get(name.value.as_str()))
                .map_or(Val::Unknown, |field| field.val.clone());
        }
        let personas: Vec<EntityId> = match member {
            None => done.instances.iter().filter_map(|one| one.persona).collect(),
            Some(_) => Vec::new(),
        };
        if let Some(Binding::Decl(id)) = self.names.look_up(cx.file, &name.value)
            && self.names.decl(id).kind == EntityKind::Persona
            && done.is_family
        {
            self.found.add(say::member_missing(name.span, &name.value, written));
            return Val::Unknown;
        }
        let members: Vec<&str> = personas.iter().map(|id| self.names.decl(*id).name.value.as_str()).collect();
        let mut known = members.clone();
        known.extend(schema.results.iter().map(|result| result.name));
        known.extend(schema.fields.iter().map(|field| field.name));
        self.found.add(say::unknown_part_of_family(name, written, &members, &known, schema.name));
        Val::Unknown
    }

    /// `.*`: every one of a family or list, never narrowed.
    fn all_of(&mut self, val: Val, span: Span, written: &str) -> Val {
        match val {
            Val::Unknown => Val::Unknown,
            Val::Family(stage) => match self.done[stage.0 as usize].as_ref() {
                Some(done) if !done.crew_unknown => {
                    Val::Made((0..done.instances.len() as u32).map(|member| MemberRef { stage, member }).collect())
                }
                _ => Val::Unknown,
            },
            list @ Val::List(_) => list,
            other => {
                let is = types::describe(&other, &self.names);
                self.found.add(say::no_star(span, written, &is));
                Val::Unknown
            }
        }
    }

    /// In a stage `for persona in crew`, a family means its member of the same persona.
    fn narrow(&mut self, val: Val, span: Span, cx: &Cx<'_>) -> Val {
        let Some(persona) = cx.bound.and_then(|bound| bound.persona) else { return val };
        match val {
            Val::Family(stage) => {
                let Some(done) = self.done[stage.0 as usize].as_ref() else { return Val::Unknown };
                if !done.is_family {
                    return Val::Family(stage);
                }
                if done.crew_unknown {
                    return Val::Unknown;
                }
                match done.instances.iter().position(|one| one.persona == Some(persona)) {
                    Some(at) => Val::Made(vec![MemberRef { stage, member: at as u32 }]),
                    None => {
                        let name = &self.names.decl(persona).name.value;
                        let family = &self.names.decl(stage).name.value;
                        self.found.add(say::member_missing(span, name, family));
                        Val::Unknown
                    }
                }
            }
            Val::List(items) => Val::List(items.into_iter().map(|item| self.narrow(item, span, cx)).collect()),
            other => other,
        }
    }
}

/// Whether a word is a constant with another capital, with a letter too many or too few, or with two exchanged: another letter makes
/// another word.
fn is_slip(word: &str, constant: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters
    };
    word.eq_ignore_ascii_case(constant) || word.len() != constant.len() || sorted(word) == sorted(constant)
}

enum Head {
    Val(Val),
    Module(crate::source::FileId),
}
