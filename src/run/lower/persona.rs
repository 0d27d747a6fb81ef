//! Personas, crews, directors, and who speaks with what.

use mascot_lang::program::{EntityId, EntityKind, MemberRef, Value};
use serde_json::{Value as Json, json};

use super::{Lower, join, number, plain, shown};

/// How much of a persona a reader reads. What is not read stays out of the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// To be shown examples too, as few-shot prompting is.
    All,
    /// To speak: name, voice and what it never does, which make the system prompt.
    Speaking,
    /// To be called upon: name and role, which a director is shown.
    Seat,
    /// Name, role and voice.
    Description,
    /// Name and examples.
    Examples,
    Name,
}

impl Lower<'_> {
    pub(super) fn persona(&mut self, at: &str, id: EntityId, read: Read) -> Json {
        let entity = self.program.entity(id);
        let owner = self.owner(id);
        self.origin(at, entity.name.clone(), mascot_lang::program::Layer::File, Some(entity.header));
        let mut persona = json!({"name": shown(entity), "role": null, "voice": null, "never": [], "examples": []});
        let fields: &[&str] = match read {
            Read::All | Read::Description => &["role", "voice"],
            Read::Speaking => &["voice"],
            Read::Seat => &["role"],
            Read::Examples | Read::Name => &[],
        };
        for (name, value) in self.plain(at, owner, fields) {
            persona[&name] = value;
        }
        if matches!(read, Read::All | Read::Speaking) {
            self.written(&join(at, "never"), owner, "never");
            persona["never"] = plain(owner.value("never"));
        }
        if matches!(read, Read::All | Read::Examples) {
            let examples = entity.children.iter().filter(|child| child.keyword == "example");
            let mut list = Vec::new();
            for (index, example) in examples.enumerate() {
                let at = join(at, &format!("examples.{index}"));
                self.origin(
                    &at,
                    format!("{}.example", entity.name),
                    mascot_lang::program::Layer::File,
                    Some(example.span),
                );
                let text = |name: &str| example.fields.get(name).map(|field| plain(&field.value));
                list.push(json!({"given": text("given"), "says": text("says")}));
            }
            persona["examples"] = list.into();
        }
        persona
    }

    pub(super) fn personas(&mut self, at: &str, crew: &[EntityId], read: Read) -> Json {
        crew.iter().enumerate().map(|(index, id)| self.persona(&join(at, &index.to_string()), *id, read)).collect()
    }

    /// The director that a value means: itself, or what a stage trained.
    pub(super) fn director_of(&self, value: &Value) -> Option<EntityId> {
        match value {
            Value::Entity(id) => (self.program.entity(*id).kind == EntityKind::Director).then_some(*id),
            Value::Made(of) if matches!(self.kind(of[0]), "sft" | "grpo" | "kto") => {
                self.director_of(self.trained(of[0]))
            }
            _ => None,
        }
    }

    pub(super) fn director(&mut self, at: &str, value: &Value) -> Json {
        let id = self.director_of(value).expect("the checker wants a director here");
        let owner = self.owner(id);
        let seats = self.entities(owner.value("seats"), EntityKind::Persona);
        let mut director = self.plain(at, owner, &["voice", "order", "silence"]);
        director.insert("policy".into(), self.policy(&join(at, "policy"), value, None));
        director.insert("seats".into(), self.personas(&join(at, "seats"), &seats, Read::Seat));
        self.written(&join(at, "directive"), owner, "directive");
        let Value::Record(directive) = owner.value("directive") else {
            panic!("a directive is a record; this is a bug in mascot")
        };
        let limit = |name: &str| match directive.get(name) {
            Some(Value::Call { args, .. }) => args.values().find_map(number),
            Some(value) => number(value),
            None => None,
        };
        let limit =
            |name| limit(name).unwrap_or_else(|| panic!("a directive's `{name}` has a limit; this is a bug in mascot"));
        director.insert("directive".into(), json!({"action": limit("action") as u64, "tone": limit("tone") as u64}));
        director.into()
    }

    pub(super) fn seats(&self, director: &Value) -> Vec<EntityId> {
        let id = self.director_of(director).expect("the checker wants a director here");
        self.entities(self.owner(id).value("seats"), EntityKind::Persona)
    }

    /// Who speaks, with what: members of a family for their own persona, anything else for the seat in its place, a single one for all.
    pub(super) fn cast(&self, actors: &Value, seats: &[EntityId]) -> Vec<(EntityId, Value)> {
        let mut each = Vec::new();
        let values: &[Value] = match actors {
            Value::List(values) => values,
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                Value::Made(of) => each.extend(of.iter().map(|member| Value::Made(vec![*member]))),
                value => each.push(value.clone()),
            }
        }
        let own = |value: &Value| match value {
            Value::Made(of) => self.program.instance(of[0]).persona,
            _ => None,
        };
        if let ([one], false) = (&each[..], seats.is_empty())
            && own(one).is_none()
        {
            return seats.iter().map(|seat| (*seat, one.clone())).collect();
        }
        each.into_iter()
            .enumerate()
            .filter_map(|(index, value)| Some((own(&value).or_else(|| seats.get(index).copied())?, value)))
            .collect()
    }

    pub(super) fn speakers(&mut self, at: &str, cast: &[(EntityId, Value)], read: Read) -> Json {
        let speaker = |(index, (persona, policy)): (usize, &(EntityId, Value))| {
            let at = join(at, &index.to_string());
            json!({
                "persona": self.persona(&join(&at, "persona"), *persona, read),
                "policy": self.policy(&join(&at, "policy"), policy, Some(*persona)),
            })
        };
        cast.iter().enumerate().map(speaker).collect()
    }

    /// The personas that a stage is about: those of its family, of its director, or of what it goes on from.
    pub(super) fn crew(&self, member: MemberRef) -> Vec<EntityId> {
        let stage = self.program.entity(member.stage).stage.as_ref().expect("a MemberRef names a stage");
        if stage.is_family {
            return stage.instances.iter().filter_map(|instance| instance.persona).collect();
        }
        let owner = self.instance(member);
        match stage.kind.as_str() {
            "dialogue" => self.seats(owner.value("director")),
            "bradley_terry" => match owner.value("pairs") {
                Value::Made(of) if !of.is_empty() => self.crew(of[0]),
                _ => Vec::new(),
            },
            "evaluate" => self.first_subject(owner).map(|value| self.subject_crew(&value)).unwrap_or_default(),
            "merge" | "simulate" => Vec::new(),
            _ => match self.director_of(self.trained(member)) {
                Some(_) => self.seats(self.trained(member)),
                None => match self.trained(member) {
                    Value::Made(of) => self.crew(of[0]),
                    _ => self.program.of_kind(EntityKind::Persona).map(|persona| persona.id).collect(),
                },
            },
        }
    }
}
