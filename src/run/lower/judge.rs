//! Judges, each with the one rubric that its task asks for.

use mascot_lang::program::{EntityId, EntityKind, Value};
use serde_json::{Value as Json, json};

use super::model::text;
use super::persona::Read;
use super::{Lower, Scope, join, plain};

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
                self.cannot_yet("judge kind `local`");
                json!({"local": {"model": self.judging_model(&join(&by, "local.model"), args.get("model"))}})
            }
            "openai" => {
                self.cannot_yet("judge kind `openai`");
                json!({"openai": {"model": text(args, "model")}})
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
            (_, Some(own)) => self.personas(&crew_at, &[own], Read::All),
            (_, None) => self.personas(&crew_at, &crew, Read::All),
        };
        let mut spec = self.plain(at, owner, &["votes", "swap"]);
        spec.insert("by".into(), by);
        spec.insert("rubric".into(), self.rubric(&join(at, "rubric"), *rubric));
        spec.insert("crew".into(), crew);
        spec.into()
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
