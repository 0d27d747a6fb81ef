//! A persona and its sidecar → a card of the version that is asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What of a persona a card can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    pub title: String,
    pub role: Option<String>,
    pub voice: Option<String>,
    pub never: Vec<String>,
    pub examples: Vec<Example>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub given: String,
    pub says: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

impl Version {
    fn spec(self) -> (&'static str, &'static str) {
        match self {
            Version::V2 => ("chara_card_v2", "2.0"),
            Version::V3 => ("chara_card_v3", "3.0"),
        }
    }

    /// The keyword of a PNG's text.
    pub fn keyword(self) -> &'static str {
        match self {
            Version::V2 => "chara",
            Version::V3 => "ccv3",
        }
    }
}

/// Fields of V3 that V2 does not have: there they wait in `extensions`.
const ONLY_V3: [&str; 7] = [
    "assets",
    "nickname",
    "creator_notes_multilingual",
    "source",
    "group_only_greetings",
    "creation_date",
    "modification_date",
];
/// Where ours wait.
const OWN: &str = "mascot";
const WAITING: &str = "v3";

/// The card of `persona`. With the sidecar of an import: that card, with what was changed since. Also what a reader should know.
///
/// # Errors
/// When the sidecar is none.
pub fn export(persona: &Persona, sidecar: Option<&str>, version: Version) -> Result<(Value, Vec<String>), String> {
    let mut notes = Vec::new();
    let (mut card, taken) = match sidecar {
        Some(text) => read(text)?,
        None => (json!({"spec": "", "data": {}}), None),
    };
    let is_flat = card.get("spec").is_none();
    if is_flat {
        // V1: the fields stand at the top.
        card = json!({"spec": "", "data": card});
    }
    let was = card["spec"].as_str().unwrap_or_default().to_owned();
    let data = card["data"].as_object_mut().ok_or("the sidecar's card has no `data`")?;
    match &taken {
        Some(taken) => merged(persona, taken, data, &mut notes),
        None => fresh(persona, data),
    }
    let (spec, number) = version.spec();
    if was != spec {
        converted(data, version);
        card["spec"] = spec.into();
        card["spec_version"] = number.into();
        // In the order in which people look for them.
        let mut whole = Map::new();
        for name in ["spec", "spec_version", "data"] {
            whole.insert(name.to_owned(), card[name].take());
        }
        let rest = card
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, value)| !whole.contains_key(*name) && !value.is_null());
        let rest: Vec<(String, Value)> = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
        whole.extend(rest);
        card = Value::Object(whole);
    }
    Ok((card, notes))
}

fn read(sidecar: &str) -> Result<(Value, Option<Persona>), String> {
    let mut sidecar: Value = serde_json::from_str(&super::numbers::kept(sidecar))
        .map_err(|why| format!("the sidecar cannot be read: {why}"))?;
    if sidecar["mascot"] != "card/1" {
        return Err("the sidecar is none: it does not begin with `\"mascot\": \"card/1\"`".to_owned());
    }
    let taken =
        serde_json::from_value(sidecar["taken"].take()).map_err(|why| format!("the sidecar cannot be read: {why}"))?;
    Ok((sidecar["card"].take(), Some(taken)))
}

/// Puts into the card what was changed in the `.masc`, and nothing else.
fn merged(persona: &Persona, taken: &Persona, data: &mut Map<String, Value>, notes: &mut Vec<String>) {
    if persona.title != taken.title {
        let is_nickname = data.get("nickname").and_then(Value::as_str).is_some_and(|name| !name.trim().is_empty());
        data.insert(if is_nickname { "nickname" } else { "name" }.to_owned(), persona.title.clone().into());
    }
    if persona.voice != taken.voice {
        // A voice is one text here and four there: it cannot be told any more which was which.
        for field in ["personality", "scenario", "system_prompt"] {
            if data.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty()) {
                data.insert(field.to_owned(), "".into());
                notes.push(format!("the voice was changed: what was `{field}` is part of `description`"));
            }
        }
        data.insert("description".to_owned(), persona.voice.clone().unwrap_or_default().into());
    }
    if persona.examples != taken.examples {
        data.insert("mes_example".to_owned(), dialogues(&persona.examples).into());
    }
    if persona.role != taken.role || persona.never != taken.never {
        own(persona, data);
    }
}

fn fresh(persona: &Persona, data: &mut Map<String, Value>) {
    data.insert("name".to_owned(), persona.title.clone().into());
    data.insert("description".to_owned(), persona.voice.clone().unwrap_or_default().into());
    data.insert("mes_example".to_owned(), dialogues(&persona.examples).into());
    own(persona, data);
}

/// What cards have no field for.
fn own(persona: &Persona, data: &mut Map<String, Value>) {
    let mut set = |name: &str, value: Option<Value>| match value {
        Some(value) => {
            object(object(data, "extensions"), OWN).insert(name.to_owned(), value);
        }
        None => {
            if let Some(own) =
                data.get_mut("extensions").and_then(|all| all.get_mut(OWN)).and_then(Value::as_object_mut)
            {
                own.shift_remove(name);
            }
        }
    };
    set("role", persona.role.clone().map(Value::from));
    set("never", (!persona.never.is_empty()).then(|| json!(persona.never)));
}

/// The object of that name; what else stands there makes room for it.
fn object<'m>(within: &'m mut Map<String, Value>, name: &str) -> &'m mut Map<String, Value> {
    let value = within.entry(name.to_owned()).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it was just made one")
}

fn dialogues(examples: &[Example]) -> String {
    let one = |Example { given, says }: &Example| format!("<START>\n{{{{user}}}}: {given}\n{{{{char}}}}: {says}\n");
    examples.iter().map(one).collect()
}

/// Every field that the version asks for, at its emptiest; what the other version alone has is put aside, or fetched back.
fn converted(data: &mut Map<String, Value>, version: Version) {
    let texts = [
        "name",
        "description",
        "personality",
        "scenario",
        "first_mes",
        "mes_example",
        "creator_notes",
        "system_prompt",
    ];
    let more = ["post_history_instructions", "creator", "character_version"];
    for name in texts.into_iter().chain(more) {
        data.entry(name.to_owned()).or_insert_with(|| "".into());
    }
    for name in ["alternate_greetings", "tags"] {
        data.entry(name.to_owned()).or_insert_with(|| json!([]));
    }
    object(data, "extensions");
    match version {
        Version::V2 => {
            for name in ONLY_V3 {
                if let Some(value) = data.shift_remove(name) {
                    object(object(object(data, "extensions"), OWN), WAITING).insert(name.to_owned(), value);
                }
            }
        }
        Version::V3 => {
            let own = data.get_mut("extensions").and_then(|all| all.get_mut(OWN)).and_then(Value::as_object_mut);
            let waiting = own.and_then(|own| own.shift_remove(WAITING));
            if let Some(Value::Object(fields)) = waiting {
                // What else waits there did not come from V3.
                data.extend(fields.into_iter().filter(|(name, _)| ONLY_V3.contains(&name.as_str())));
                let extensions = object(data, "extensions");
                if extensions.get(OWN).and_then(Value::as_object).is_some_and(Map::is_empty) {
                    extensions.shift_remove(OWN);
                }
            }
            data.entry("group_only_greetings".to_owned()).or_insert_with(|| json!([]));
        }
    }
}
