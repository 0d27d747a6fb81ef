//! What a server understands of a chat request. "OpenAI-compatible" servers differ in how they are held to a schema and in which
//! parameters they refuse: each refusal is met once, and remembered.

use mascot_run::task::RubricSpec;
use serde_json::{Value, json};

use crate::judge::verdict;
use crate::text::Message;

/// Room for a verdict, in tokens: a few for each criterion.
const ROOM: u64 = 64;
const ROOM_PER_CRITERION: u64 = 24;
/// Room where the server counts a model's thoughts as well.
const THINKING_ROOM: u64 = 8_192;

/// How an answer is held to the verdict's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `response_format: {type: json_schema, …}` (OpenAI, vLLM, llama.cpp's own server).
    Schema,
    /// `response_format: {type: json_object, schema: …}` (llama-cpp-python, Together, Fireworks).
    ObjectWithSchema,
    /// By asking alone.
    Plain,
}

/// What has been learnt of one server.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialect {
    form: Form,
    temperature: bool,
    seed: bool,
    /// `max_completion_tokens` in place of `max_tokens`.
    completion_tokens: bool,
}

impl Dialect {
    /// As the protocol has it, until the server says otherwise.
    pub fn standard() -> Self {
        Self { form: Form::Schema, temperature: true, seed: true, completion_tokens: false }
    }

    /// Tokens that an answer may have.
    pub fn room(&self, rubric: &RubricSpec) -> u64 {
        match self.completion_tokens {
            true => THINKING_ROOM,
            false => ROOM + ROOM_PER_CRITERION * rubric.criteria.len() as u64,
        }
    }

    pub fn body(&self, model: &str, messages: &[Message], rubric: &RubricSpec, seed: u64, temperature: f64) -> Value {
        let mut body = json!({"model": model, "messages": messages, "stream": false});
        if self.temperature {
            body["temperature"] = temperature.into();
        }
        if self.seed {
            body["seed"] = seed.into();
        }
        let limit = if self.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
        body[limit] = self.room(rubric).into();
        let schema = verdict::schema(rubric);
        match self.form {
            Form::Schema => {
                let named = json!({"name": "verdict", "strict": true, "schema": schema});
                body["response_format"] = json!({"type": "json_schema", "json_schema": named});
            }
            Form::ObjectWithSchema => body["response_format"] = json!({"type": "json_object", "schema": schema}),
            Form::Plain => {}
        }
        body
    }

    /// Gives up what the server refused, as far as `told` (its words) says what that was; else the most doubtful thing. `None` when
    /// nothing is left to give up: then it is the request itself that is refused.
    pub fn simpler(&self, told: &str) -> Option<Self> {
        let form = blames_form(told);
        let told = told.to_ascii_lowercase();
        let mut next = self.clone();
        if !form && told.contains("max_completion_tokens") && !self.completion_tokens {
            next.completion_tokens = true;
        } else if !form && told.contains("temperature") && self.temperature {
            next.temperature = false;
        } else if !form && told.contains("seed") && self.seed {
            next.seed = false;
        } else {
            next.form = match self.form {
                Form::Schema => Form::ObjectWithSchema,
                Form::ObjectWithSchema => Form::Plain,
                Form::Plain => return None,
            };
        }
        Some(next)
    }

    /// What a reader of the results should know of it.
    pub fn note(&self) -> Option<String> {
        let mut without = Vec::new();
        if self.form == Form::Plain {
            without.push("answers held to a schema: they are parsed from plain text");
        }
        if !self.temperature {
            without.push("a temperature: its verdicts are drawn at one of its own");
        }
        if !self.seed {
            without.push("a seed");
        }
        (!without.is_empty()).then(|| format!("the judge's server refuses {}", without.join("; and ")))
    }
}

/// Whether a server's words name what holds an answer to its form. Some say so with status 500 (llama-cpp-python does).
pub fn blames_form(told: &str) -> bool {
    let told = told.to_ascii_lowercase();
    ["response_format", "json_schema", "json_object", "grammar"].iter().any(|word| told.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_met_by_giving_up_what_was_refused() {
        let rubric = RubricSpec { title: None, low: 1.0, high: 5.0, criteria: vec![] };
        let standard = Dialect::standard();
        let body = |dialect: &Dialect| dialect.body("m", &[], &rubric, 3, 0.0);
        assert_eq!(body(&standard)["response_format"]["type"], "json_schema");
        assert_eq!((&body(&standard)["seed"], &body(&standard)["temperature"]), (&json!(3), &json!(0.0)));

        let object = standard.simpler("Input should be 'text' or 'json_object': response_format.type").unwrap();
        assert_eq!(body(&object)["response_format"]["type"], "json_object");
        let plain = object.simpler("unknown field").unwrap();
        assert!(body(&plain)["response_format"].is_null() && plain.note().unwrap().contains("plain text"));
        assert_eq!(plain.simpler("no"), None);

        let told = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        let thinking = standard.simpler(told).unwrap();
        assert!(
            body(&thinking)["max_tokens"].is_null() && body(&thinking)["max_completion_tokens"].as_u64() > Some(1_000)
        );
        let cold = thinking.simpler("Unsupported value: 'temperature' does not support 0 with this model.").unwrap();
        assert!(body(&cold)["temperature"].is_null() && body(&cold)["response_format"]["type"] == "json_schema");
        assert_eq!(standard.note(), None);
    }
}
