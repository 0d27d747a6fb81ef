//! One function for each kind of stage: which of its fields go where in the specification.

use mascot_lang::program::{MemberRef, Value};
use serde_json::{Map, Value as Json, json};

use super::persona::Read;
use super::{Lower, Owner, Scope, float, join, number, plain};

impl Lower<'_> {
    pub(super) fn stage(&mut self, member: MemberRef) -> Json {
        let kind = self.kind(member);
        let owner = self.instance(member);
        let persona = self.program.instance(member).persona;
        let mut spec = match kind {
            "sft" => self.sft(owner, persona),
            "pairs" => self.pairs(member, owner),
            "bradley_terry" => self.bradley_terry(owner),
            "grpo" if self.director_of(owner.value("policy")).is_some() => self.direction(member, owner),
            "grpo" => self.grpo(member, owner),
            "dialogue" => self.dialogue("", owner, &Cast::AsWritten, Read::Speaking),
            "evaluate" => self.evaluate(member, owner),
            _ => return self.not_yet(member, owner),
        };
        spec["seed"] = self.seed_of(kind);
        spec
    }

    pub(super) fn scope(&self, member: MemberRef, policy: &Value) -> Scope {
        Scope { persona: self.program.instance(member).persona, crew: self.crew(member), base: self.root(policy) }
    }

    fn own_persona(&mut self, at: &str, persona: Option<mascot_lang::program::EntityId>) -> Json {
        persona.map_or(Json::Null, |id| self.persona(at, id, Read::Speaking))
    }

    fn sft(&mut self, owner: Owner<'_>, persona: Option<mascot_lang::program::EntityId>) -> Json {
        let policy = owner.value("policy");
        self.written("policy", owner, "policy");
        let trained = if self.director_of(policy).is_some() {
            json!({"director": self.director("policy.director", policy)})
        } else {
            json!({"speaker": {
                "policy": self.policy("policy.speaker.policy", policy, persona),
                "persona": self.own_persona("policy.speaker.persona", persona),
            }})
        };
        let mut spec = self.plain("", owner, &["epochs", "batch"]);
        spec.insert("kind".into(), "sft".into());
        spec.insert("policy".into(), trained);
        spec.insert("data".into(), self.data_of("data", owner, "data"));
        self.training(&mut spec, owner, policy);
        spec.into()
    }

    fn pairs(&mut self, member: MemberRef, owner: Owner<'_>) -> Json {
        let from = owner.value("from");
        let scope = self.scope(member, from);
        self.written("from", owner, "from");
        self.written("judge", owner, "judge");
        let mut spec = self.plain("", owner, &["prompts", "sample", "min_gap"]);
        spec.insert("kind".into(), "pairs".into());
        spec.insert("from".into(), self.policy("from", from, scope.persona));
        spec.insert("persona".into(), self.own_persona("persona", scope.persona));
        spec.insert("data".into(), self.data_of("data", owner, "data"));
        spec.insert("judge".into(), self.judge("judge", owner.value("judge"), &scope));
        spec.into()
    }

    fn bradley_terry(&mut self, owner: Owner<'_>) -> Json {
        let init = owner.value("init");
        self.written("init", owner, "init");
        self.written("pairs", owner, "pairs");
        let mut made = Vec::new();
        let values: &[Value] = match owner.value("pairs") {
            Value::List(values) => values,
            value => std::slice::from_ref(value),
        };
        let mut data = Json::Null;
        for value in values {
            match value {
                Value::Made(of) => made.extend(of.iter().copied()),
                value => {
                    self.written("data", owner, "pairs");
                    data = self.data("data", value);
                }
            }
        }
        let hold = |(index, by): (usize, &MemberRef)| {
            self.hold(&format!("pairs.{index}"), super::Hold::Made { by: *by, artifact: "pairs.jsonl" })
        };
        let pairs: Vec<Json> = made.iter().enumerate().map(hold).collect();
        let mut spec = self.plain("", owner, &["epochs", "batch", "margin", "center", "held_out"]);
        spec.insert("kind".into(), "bradley_terry".into());
        spec.insert("pairs".into(), pairs.into());
        spec.insert("data".into(), data);
        spec.insert("init".into(), self.policy("init", init, None));
        self.training(&mut spec, owner, init);
        spec.into()
    }

    fn grpo(&mut self, member: MemberRef, owner: Owner<'_>) -> Json {
        let policy = owner.value("policy");
        let scope = self.scope(member, policy);
        self.written("policy", owner, "policy");
        let mut spec = self.group(member, owner, policy, "grpo");
        spec.extend(self.plain("", owner, &["prompts"]));
        spec.insert("policy".into(), self.policy("policy", policy, scope.persona));
        spec.insert("persona".into(), self.own_persona("persona", scope.persona));
        spec.into()
    }

    fn direction(&mut self, member: MemberRef, owner: Owner<'_>) -> Json {
        let policy = owner.value("policy");
        self.written("director", owner, "policy");
        self.written("turns", owner, "rollout");
        self.written("episodes", owner, "rollout");
        let seats = self.seats(policy);
        let mut spec = self.group(member, owner, policy, "direction");
        spec.insert("director".into(), self.director("director", policy));
        self.written("actors", owner, "actors");
        let cast = self.cast(owner.value("actors"), &seats);
        spec.insert("actors".into(), self.speakers("actors", &cast, Read::Speaking));
        let rollout = plain(owner.value("rollout"));
        for name in ["turns", "episodes"] {
            spec.insert(name.into(), rollout[name].clone());
        }
        spec.into()
    }

    /// What speakers and directors share.
    fn group(&mut self, member: MemberRef, owner: Owner<'_>, policy: &Value, kind: &str) -> Map<String, Json> {
        let scope = self.scope(member, policy);
        let mut spec = self.plain("", owner, &["sample", "steps"]);
        spec.insert("kind".into(), kind.into());
        let fields = [
            "group",
            "advantage",
            "combine",
            "zero_variance",
            "loss",
            "clip",
            "clip_high",
            "overlong",
            "kl",
            "updates",
            "shuffle",
        ];
        let mut method = self.plain("method", owner, &fields);
        if method["clip_high"].is_null() {
            method["clip_high"] = method["clip"].clone();
            self.written("method.clip_high", owner, "clip");
        }
        if method["advantage"]["scale"].is_null() {
            method["advantage"]["scale"] = "none".into();
        }
        let extra = method["advantage"]["extra"].as_f64().unwrap_or(0.0);
        let group = number(owner.value("group")).unwrap_or(0.0);
        spec["sample"]["n"] = float(group + extra);
        self.written("sample.n", owner, "group");
        spec.insert("method".into(), method.into());
        self.written("reward", owner, "reward");
        spec.insert("reward".into(), self.reward("reward", owner.value("reward"), &scope));
        spec.insert("data".into(), self.data_of("data", owner, "data"));
        self.training(&mut spec, owner, policy);
        spec
    }

    /// A dialogue stage; `at` where it stands in a specification, `cast` who speaks in it.
    pub(super) fn dialogue(&mut self, at: &str, owner: Owner<'_>, cast: &Cast, read: Read) -> Json {
        let director = owner.value("director");
        self.written(&join(at, "director"), owner, "director");
        self.written(&join(at, "actors"), owner, "actors");
        let seats = self.seats(director);
        let speakers = self.cast(owner.value("actors"), &seats);
        let speakers = speakers.into_iter().map(|(persona, policy)| {
            let policy = match cast {
                Cast::AsWritten => policy,
                Cast::Bare => Value::Entity(self.root(&policy)),
                Cast::FineTuned => self.fine_tuned(&policy, Some(persona)),
            };
            (persona, policy)
        });
        let speakers: Vec<_> = speakers.collect();
        let mut spec = self.plain(at, owner, &["prompts", "turns", "sample"]);
        spec.insert("director".into(), self.director(&join(at, "director"), director));
        spec.insert("actors".into(), self.speakers(&join(at, "actors"), &speakers, read));
        spec.insert("data".into(), self.data_of(&join(at, "data"), owner, "data"));
        let users = owner.value("users");
        if *users != Value::Absent {
            self.cannot_yet("simulated `users`");
            let at = join(at, "users");
            self.written(&at, owner, "users");
            spec.insert("users".into(), self.anything(&at, users));
        }
        // Where it is a part of another specification, it is no request of its own.
        if at.is_empty() {
            spec.insert("kind".into(), "dialogue".into());
        } else {
            spec.insert("seed".into(), self.seed_of("dialogue"));
        }
        spec.into()
    }

    /// Checked and keyed, though no engine can perform it: all its fields as they are, references by what they come to.
    fn not_yet(&mut self, member: MemberRef, owner: Owner<'_>) -> Json {
        let kind = self.kind(member);
        self.cannot_yet(&format!("stage kind `{kind}`"));
        let mut fields = Map::new();
        for name in owner.fields.keys() {
            let at = format!("fields.{name}");
            self.written(&at, owner, name);
            fields.insert(name.clone(), self.anything(&at, owner.value(name)));
        }
        fields.insert("seed".into(), self.seed_of(kind));
        json!({"kind": "not_yet", "what": kind, "fields": fields})
    }

    fn anything(&mut self, at: &str, value: &Value) -> Json {
        use mascot_lang::program::EntityKind;

        match value {
            Value::List(values) => values
                .iter()
                .enumerate()
                .map(|(index, value)| self.anything(&join(at, &index.to_string()), value))
                .collect(),
            Value::Record(fields) => {
                let each = |(name, value): (&String, &Value)| (name.clone(), self.anything(&join(at, name), value));
                fields.iter().map(each).collect::<Map<_, _>>().into()
            }
            Value::Call { name, args } => {
                let args = Value::Record(args.clone());
                json!({"call": name, "with": self.anything(at, &args)})
            }
            Value::Made(of) => {
                let hold = |(index, by): (usize, &MemberRef)| {
                    let artifact = match self.kind(*by) {
                        "bradley_terry" => "reward_model",
                        "pairs" => "pairs.jsonl",
                        "dialogue" => "transcripts.jsonl",
                        "simulate" => "episodes.jsonl",
                        "evaluate" => "table.json",
                        _ => "adapter",
                    };
                    self.hold(&join(at, &index.to_string()), super::Hold::Made { by: *by, artifact })
                };
                of.iter().enumerate().map(hold).collect()
            }
            Value::Split { .. } => self.data(at, value),
            Value::Entity(id) => match self.program.entity(*id).kind {
                EntityKind::Dataset => self.data(at, value),
                EntityKind::Model => self.model(at, *id),
                EntityKind::Persona => self.persona(at, *id, Read::All),
                EntityKind::Director => self.director(at, value),
                other => panic!("a {other:?} stands in a stage; this is a bug in mascot"),
            },
            value => plain(value),
        }
    }

    fn training(&mut self, spec: &mut Map<String, Json>, owner: Owner<'_>, policy: &Value) {
        spec.insert("adapter".into(), self.adapter(owner, policy));
        spec.insert("optimizer".into(), self.optimizer(owner));
    }

    pub(super) fn data_of(&mut self, at: &str, owner: Owner<'_>, field: &str) -> Json {
        self.written(at, owner, field);
        self.data(at, owner.value(field))
    }
}

/// Who speaks in a dialogue: its actors, or what they were before.
pub(super) enum Cast {
    AsWritten,
    /// The untrained models under them.
    Bare,
    /// Their SFT ancestors.
    FineTuned,
}
