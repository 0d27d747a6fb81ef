//! Subjects, baselines and metrics of an `evaluate`, and what they are called.

use mascot_lang::program::{EntityId, EntityKind, MemberRef, REWARD_METRIC, Value};
use serde_json::{Value as Json, json};

use super::model::text;
use super::persona::Read;
use super::stage::Cast;
use super::{Lower, Owner, Scope, join};

impl Lower<'_> {
    pub(super) fn evaluate(&mut self, member: MemberRef, owner: Owner<'_>) -> Json {
        let first = self.first_subject(owner);
        let scope = match &first {
            Some(first) => {
                Scope { persona: None, crew: self.subject_crew(first), base: self.root(&self.speaking(first)) }
            }
            None => {
                self.cannot_yet("an `evaluate` whose subjects are baselines alone");
                let base =
                    self.program.of_kind(EntityKind::Model).next().expect("something was trained or asked of a model");
                Scope { persona: None, crew: self.crew(member), base: base.id }
            }
        };
        self.written("subjects", owner, "subjects");
        self.written("metrics", owner, "metrics");
        let Value::List(written) = owner.value("subjects") else {
            panic!("subjects are a list; this is a bug in mascot")
        };
        let mut subjects = Vec::new();
        for (index, subject) in written.iter().enumerate() {
            self.labels.subjects.push(self.called(subject));
            subjects.push(self.subject(&format!("subjects.{index}"), subject, first.as_ref(), &scope));
        }
        let Value::List(written) = owner.value("metrics") else {
            panic!("metrics are a list; this is a bug in mascot")
        };
        let mut metrics = Vec::new();
        for (index, metric) in written.iter().enumerate() {
            self.labels.metrics.push(self.called(metric));
            let at = format!("metrics.{index}");
            metrics.push(match metric {
                Value::Call { name, args } if name == REWARD_METRIC => {
                    json!({"reward": self.reward(&join(&at, "reward"), &Value::Record(args.clone()), &scope)})
                }
                Value::Call { name, args } => json!({"term": self.term(&join(&at, "term"), name, args, &scope)}),
                verdict => json!({"judge": self.judge(&join(&at, "judge"), verdict, &scope)}),
            });
        }
        let mut spec = self.plain("", owner, &["prompts", "sample", "bootstrap", "level"]);
        spec.insert("kind".into(), "evaluate".into());
        spec.insert("subjects".into(), subjects.into());
        spec.insert("metrics".into(), metrics.into());
        spec.insert("data".into(), self.data_of("data", owner, "data"));
        spec.into()
    }

    /// The first subject that is neither a baseline nor written: it names the crew and the base model.
    pub(super) fn first_subject(&self, owner: Owner<'_>) -> Option<Value> {
        let Value::List(subjects) = owner.value("subjects") else { return None };
        subjects.iter().find(|subject| !matches!(subject, Value::Call { .. }) && !self.is_written(subject)).cloned()
    }

    fn is_written(&self, subject: &Value) -> bool {
        match subject {
            Value::Split { .. } => true,
            Value::Entity(id) => self.program.entity(*id).kind == EntityKind::Dataset,
            _ => false,
        }
    }

    pub(super) fn subject_crew(&self, subject: &Value) -> Vec<EntityId> {
        match subject {
            Value::Made(of) => self.crew(of[0]),
            _ => self.program.of_kind(EntityKind::Persona).map(|persona| persona.id).collect(),
        }
    }

    /// What speaks in a subject: of a dialogue its actors.
    pub(super) fn speaking(&self, subject: &Value) -> Value {
        match subject {
            Value::Made(of) if self.kind(of[0]) == "dialogue" => self.instance(of[0]).value("actors").clone(),
            value => value.clone(),
        }
    }

    fn subject(&mut self, at: &str, subject: &Value, first: Option<&Value>, scope: &Scope) -> Json {
        match subject {
            Value::Call { args, .. } => self.baseline(at, &text(args, "kind"), first, scope),
            Value::Made(of) if self.kind(of[0]) == "dialogue" => {
                let hold = super::Hold::Made { by: of[0], artifact: "transcripts.jsonl" };
                json!({"transcripts": {"transcripts": self.hold(&join(at, "transcripts.transcripts"), hold)}})
            }
            lines if self.is_written(lines) => {
                let at = join(at, "written");
                json!({"written": {
                    "data": self.data(&join(&at, "data"), lines),
                    "model": self.model(&join(&at, "model"), scope.base),
                    "crew": self.personas(&join(&at, "crew"), &scope.crew, Read::Name),
                }})
            }
            value => {
                if self.director_of(value).is_some() {
                    self.cannot_yet("a director as a subject (a `dialogue` under it is one)");
                }
                let cast = self.cast(value, &scope.crew);
                self.asked(at, &cast, "zero_shot")
            }
        }
    }

    /// The same crew, untrained or only fine-tuned; under the same director where the first subject is a dialogue.
    fn baseline(&mut self, at: &str, kind: &str, first: Option<&Value>, scope: &Scope) -> Json {
        let prompting = if kind == "sft" { "zero_shot" } else { kind };
        match first {
            Some(Value::Made(of)) if self.kind(of[0]) == "dialogue" => {
                let cast = if kind == "sft" { Cast::FineTuned } else { Cast::Bare };
                let dialogue =
                    self.dialogue(&join(at, "played.dialogue"), self.instance(of[0]), &cast, read_by(prompting));
                json!({"played": {"dialogue": dialogue, "prompting": prompting}})
            }
            Some(first) => {
                let before = |(persona, policy): (EntityId, Value)| match kind {
                    "sft" => (persona, self.fine_tuned(&policy, Some(persona))),
                    _ => (persona, Value::Entity(self.root(&policy))),
                };
                let cast: Vec<_> = self.cast(first, &scope.crew).into_iter().map(before).collect();
                self.asked(at, &cast, prompting)
            }
            None => {
                let cast: Vec<_> = scope.crew.iter().map(|persona| (*persona, Value::Entity(scope.base))).collect();
                self.asked(at, &cast, prompting)
            }
        }
    }

    pub(super) fn asked(&mut self, at: &str, cast: &[(EntityId, Value)], prompting: &str) -> Json {
        let speakers = self.speakers(&join(at, "speakers.speakers"), cast, read_by(prompting));
        json!({"speakers": {"speakers": speakers, "prompting": prompting}})
    }

    /// The SFT policy from which a policy was trained; the bare model where there is none.
    pub(super) fn fine_tuned(&self, policy: &Value, persona: Option<EntityId>) -> Value {
        match self.maker(policy, persona) {
            Some(member) if self.kind(member) == "sft" => Value::Made(vec![member]),
            Some(member) => self.fine_tuned(self.trained(member), persona),
            None => Value::Entity(self.root(policy)),
        }
    }

    /// As an author would write it.
    pub(super) fn called(&self, value: &Value) -> String {
        match value {
            Value::Made(of) => {
                let entity = self.program.entity(of[0].stage);
                let stage = entity.stage.as_ref().expect("a MemberRef names a stage");
                match self.program.instance(of[0]).persona {
                    Some(persona) if of.len() < stage.instances.len() => {
                        format!("{}.{}", entity.name, self.program.entity(persona).name)
                    }
                    _ => entity.name.clone(),
                }
            }
            Value::Entity(id) => self.program.entity(*id).name.clone(),
            Value::Split { dataset, split } => format!("{}.{split}", self.program.entity(*dataset).name),
            Value::Verdict { judge, rubric } => {
                format!("{}.{}", self.program.entity(*judge).name, self.program.entity(*rubric).name)
            }
            Value::Call { name, args } if name == REWARD_METRIC => {
                args.get("of").map_or_else(String::new, |of| self.called(of))
            }
            Value::Call { name, args } => {
                let said = |(arg, value): (&String, &Value)| match value {
                    Value::Absent | Value::Bool(false) => None,
                    Value::Number { value: 0.0, .. } => None,
                    Value::Range { low, high, .. } => Some(format!("{low}..{high}")),
                    Value::Word(word) if name == "baseline" => Some(word.clone()),
                    value => Some(format!("{arg}: {}", self.called(value))),
                };
                let args: Vec<String> = args.iter().filter_map(said).collect();
                format!("{name}({})", args.join(", "))
            }
            Value::List(values) => {
                let values: Vec<String> = values.iter().map(|value| self.called(value)).collect();
                format!("[{}]", values.join(", "))
            }
            Value::Number { value, .. } => value.to_string(),
            Value::Word(word) | Value::Text(word) => word.clone(),
            Value::Bool(truth) => truth.to_string(),
            Value::Absent => "none".to_owned(),
            Value::Range { low, high, .. } => format!("{low}..{high}"),
            Value::Record(_) | Value::Result { .. } | Value::Op { .. } => "…".to_owned(),
        }
    }
}

/// Few-shot prompting shows a persona's examples; no other way of asking does.
fn read_by(prompting: &str) -> Read {
    if prompting.starts_with("few_shot") { Read::All } else { Read::Speaking }
}
