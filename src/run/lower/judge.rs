//! Judges, each with the one rubric that its task asks for.

use mascot_lang::program::{EntityId, EntityKind, Value};
use serde_json::{Value as Json, json};

use super::model::text;
use super::persona::Read;
use super::{Lower, Owner, Scope, join, number, plain};
use crate::remote::Remote;

impl Lower<'_> {
    pub(super) fn judge(&mut self, at: &str, verdict: &Value, scope: &Scope) -> Json {
        let Value::Verdict { judge, rubric } = verdict else {
            panic!("{verdict:?} is no verdict; this is a bug in mascot")
        };
        let owner = self.owner(*judge);
        let Value::Call { name, args } = owner.value("by") else { panic!("`by` is a call; this is a bug in mascot") };
        let by = join(at, "by");
        self.written(&by, owner, "by");
        let by = match name.as_str() {
            "contrast" => {
                let at = join(&by, "contrast");
                let examples = args.get("examples").unwrap_or(&Value::Absent);
                json!({"contrast": {
                    "model": self.judging_model(&join(&at, "model"), args.get("model")),
                    "examples": self.data(&join(&at, "examples"), examples),
                }})
            }
            "local" => {
                json!({"local": {"model": self.judging_model(&join(&by, "local.model"), args.get("model"))}})
            }
            "openai" => {
                let remote = self.remote(owner, &text(args, "url"));
                let at = join(&by, "openai");
                json!({"openai": {"model": text(args, "model"), "endpoint": self.reach(&join(&at, "endpoint"), remote)}})
            }
            "human" => {
                self.cannot_yet("judge kind `human`");
                json!({"human": {"verdicts": self.verdicts(&join(&by, "human.verdicts"), &text(args, "path"))}})
            }
            other => panic!("`{other}` is no kind of judge; this is a bug in mascot"),
        };
        let crew = match owner.value("crew") {
            Value::Absent => scope.crew.clone(),
            crew => self.entities(crew, EntityKind::Persona),
        };
        let crew_at = join(at, "crew");
        let crew = match (name.as_str(), scope.persona) {
            ("contrast", _) if args.get("examples").is_some_and(|data| *data != Value::Absent) => {
                self.personas(&crew_at, &crew, Read::Name)
            }
            ("contrast", _) => self.personas(&crew_at, &crew, Read::Examples),
            // Who speaks is known, and the others are none of this judge's business.
            (_, Some(own)) => self.judged(&crew_at, &[own]),
            (_, None) => self.judged(&crew_at, &crew),
        };
        let mut spec = self.plain(at, owner, &["votes", "swap"]);
        spec.insert("by".into(), by);
        spec.insert("rubric".into(), self.rubric(&join(at, "rubric"), *rubric));
        spec.insert("crew".into(), crew);
        spec.into()
    }

    /// By example where a persona has examples, by description only where it has none: `docs/language.md`, "Judges".
    fn judged(&mut self, at: &str, crew: &[EntityId]) -> Json {
        let has_example =
            |id: &EntityId| self.program.entity(*id).children.iter().any(|child| child.keyword == "example");
        let read: Vec<Read> = crew.iter().map(|id| if has_example(id) { Read::Examples } else { Read::All }).collect();
        let each = crew.iter().zip(read).enumerate();
        each.map(|(index, (id, read))| self.persona(&join(at, &index.to_string()), *id, read)).collect()
    }

    /// Where a judge far away lives, what opens it, and how it may be asked.
    fn remote(&self, owner: Owner<'_>, url: &str) -> Remote {
        let optional = |name: &str| number(owner.value(name));
        let given = |name: &str| {
            optional(name).unwrap_or_else(|| panic!("a judge's `{name}` has a default; this is a bug in mascot"))
        };
        let secret = match owner.value("auth") {
            Value::Entity(id) => {
                let entity = self.program.entity(*id);
                Some(entity.fields.values().find_map(|field| plain(&field.value).as_str().map(str::to_owned)))
                    .map(|variable| variable.unwrap_or_else(|| entity.name.clone()))
            }
            _ => None,
        };
        Remote {
            url: url.to_owned(),
            secret,
            timeout: given("timeout"),
            retries: given("retries") as u32,
            requests_per_minute: optional("requests_per_minute").map(|count| count as u32),
            tokens_per_minute: optional("tokens_per_minute").map(|count| count as u64),
            ceiling: optional("ceiling"),
            input_price: optional("input_price"),
            output_price: optional("output_price"),
            most_void: given("most_void"),
        }
    }

    fn judging_model(&mut self, at: &str, model: Option<&Value>) -> Json {
        let Some(Value::Entity(id)) = model else { panic!("a judge names its model; this is a bug in mascot") };
        self.model(at, *id)
    }

    fn rubric(&mut self, at: &str, id: EntityId) -> Json {
        let entity = self.program.entity(id);
        let owner = self.owner(id);
        self.origin(at, entity.name.clone(), mascot_lang::program::Layer::File, Some(entity.header));
        self.written(&join(at, "low"), owner, "scale");
        self.written(&join(at, "high"), owner, "scale");
        let Value::Range { low, high, .. } = owner.value("scale") else {
            panic!("a scale is a range; this is a bug in mascot")
        };
        let mut criteria = Vec::new();
        for (index, child) in entity.children.iter().filter(|child| child.keyword == "criterion").enumerate() {
            let at = join(at, &format!("criteria.{index}"));
            let name = child.name.clone().unwrap_or_default();
            self.origin(&at, format!("{}.{name}", entity.name), mascot_lang::program::Layer::File, Some(child.span));
            let anchor = |name: &str| child.fields.get(name).map(|field| plain(&field.value));
            criteria.push(json!({
                "name": name, "text": child.title, "weight": child.weight,
                "low": anchor("low"), "mid": anchor("mid"), "high": anchor("high"),
            }));
        }
        json!({"title": entity.title, "low": low, "high": high, "criteria": criteria})
    }
}
