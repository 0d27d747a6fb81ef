//! Conversations: chat templates (Jinja, as transformers renders them), and the one definition of who speaks in which role and
//! of which tokens are trained on.
//!
//! Decisions, made once here and written in `docs/language.md`:
//! - A speaker's own turns are `assistant`, everything else is `user`; another companion's turn is written `NAME: text`.
//!   Neighbouring turns of the user role are joined by a newline, since templates expect roles to alternate.
//! - A system message is always passed, an empty one when the persona has no voice, so that a template's own default system
//!   prompt (SmolLM2 has one) never speaks. `score` and `generate` with `messages` render what they are given.
//! - A directive is appended to the last message of the user role: `\n[Director: ACTION Tone: TONE]`.
//! - Trained on are the reply's tokens and the token that ends the turn; nothing of the template around them.
//! - Templates that can think (Qwen3) are told not to.

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error as JinjaError, ErrorKind, Value, context};
use serde::{Deserialize, Serialize};

use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    pub content: String,
}

impl Message {
    pub fn new(role: &str, content: impl Into<String>) -> Self {
        Self { role: role.to_owned(), content: content.into() }
    }
}

/// A turn of a dialogue, before anybody's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utterance<'a> {
    /// A companion's quoted name, or `None` for the user.
    pub speaker: Option<&'a str>,
    pub text: &'a str,
}

/// The template of random models: one line a message, ended by the byte tokenizer's end of text.
const BYTE_TEMPLATE: &str = "{% for message in messages %}{% if message.content %}{{ message.role }}: {{ message.content }}\u{0}\n{% endif %}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";

/// A chat template with the special tokens it may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    template: String,
    bos: String,
    eos: String,
    /// Where the template was read, for messages; empty for one of our own.
    place: PathBuf,
}

impl Chat {
    pub fn new(template: String, bos: String, eos: String) -> Self {
        Self { template, bos, eos, place: PathBuf::new() }
    }

    /// The same, told where it was read from.
    #[must_use]
    pub fn read_from(mut self, place: &Path) -> Self {
        self.place = place.to_owned();
        self
    }

    pub fn bytes() -> Self {
        Self::new(BYTE_TEMPLATE.to_owned(), String::new(), "\u{0}".to_owned())
    }

    /// The text that a model reads. `thinking` sets `enable_thinking` where it is given.
    ///
    /// # Errors
    /// When the template refuses the conversation, or the model has none.
    pub fn text(&self, messages: &[Message], add_generation_prompt: bool, thinking: Option<bool>) -> Result<String> {
        if self.template.trim().is_empty() {
            return Err(Error::file(
                &self.place,
                "the model has no chat template: use one that was tuned to converse, or write chat_template.jinja beside its weights",
            ));
        }
        let failed = |why: JinjaError| Error::file(&self.place, in_words(&why));
        let mut environment = Environment::new();
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |why: String| -> std::result::Result<String, JinjaError> {
            Err(JinjaError::new(ErrorKind::InvalidOperation, why))
        });
        let template = environment.template_from_str(&self.template).map_err(failed)?;
        // `enable_thinking` must be undefined, not none, where nobody sets it: templates ask `is defined`.
        let messages: Vec<Value> = (messages.iter())
            .map(|Message { role, content }| context! { role => role.as_str(), content => content.as_str() })
            .collect();
        let common = context! { messages, add_generation_prompt, bos_token => self.bos.as_str(), eos_token => self.eos.as_str() };
        let values = match thinking {
            Some(enable_thinking) => context! { enable_thinking, ..common },
            None => common,
        };
        template.render(values).map_err(failed)
    }

    /// Ids that a model completes: the conversation, opened for a reply.
    ///
    /// # Errors
    /// As [`Chat::text`].
    pub fn prompt(&self, tokenizer: &Tokenizer, messages: &[Message]) -> Result<Vec<u32>> {
        tokenizer.encode(&self.text(messages, true, Some(false))?)
    }

    /// Ids of a reply as the model should have written it: the text, then the token that ends a turn. All of them are
    /// trained on.
    ///
    /// # Errors
    /// When the text cannot be encoded.
    pub fn completion(&self, tokenizer: &Tokenizer, reply: &str, eos: Option<u32>) -> Result<Vec<u32>> {
        let mut ids = tokenizer.encode(reply)?;
        ids.extend(eos);
        Ok(ids)
    }
}

/// A template's own words, or where it went wrong.
fn in_words(why: &JinjaError) -> String {
    let line = why.line().map_or_else(String::new, |line| format!(" in line {line}"));
    let what = why.detail().map_or_else(|| why.kind().to_string(), |detail| format!("{}: {detail}", why.kind()));
    format!(
        "the chat template fails{line} ({what}) on a conversation of system, user and assistant messages; \
         mend the template, or use another model"
    )
}

/// What a persona is told it is: its voice with `{{char}}` and `{{user}}` filled in, then what it never does. Empty when it has
/// neither.
pub fn system_text(name: &str, voice: Option<&str>, never: &[String]) -> String {
    let mut text = voice.unwrap_or_default().replace("{{char}}", name).replace("{{user}}", "the user");
    if !never.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("Never: ");
        text.push_str(&never.join("; "));
        text.push('.');
    }
    text
}

/// The dialogue as the companion called `me` sees it, with its system text first and the director's word last.
pub fn conversation_for(
    system: &str,
    me: Option<&str>,
    turns: &[Utterance<'_>],
    directive: Option<(&str, &str)>,
) -> Vec<Message> {
    let mut messages = vec![Message::new("system", system)];
    for turn in turns {
        match turn.speaker {
            Some(name) if me == Some(name) => messages.push(Message::new("assistant", turn.text)),
            speaker => {
                let text = speaker.map_or_else(|| turn.text.to_owned(), |name| format!("{name}: {}", turn.text));
                add_user(&mut messages, &text);
            }
        }
    }
    if let Some((action, tone)) = directive {
        add_user(&mut messages, &format!("[Director: {action} Tone: {tone}]"));
    }
    messages
}

fn add_user(messages: &mut Vec<Message>, text: &str) {
    match messages.last_mut() {
        Some(last) if last.role == "user" => {
            last.content.push('\n');
            last.content.push_str(text);
        }
        _ => messages.push(Message::new("user", text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_the_user_and_neighbours_are_joined() {
        let turns = [
            Utterance { speaker: None, text: "I lost my job." },
            Utterance { speaker: Some("The Anchor"), text: "Breathe." },
            Utterance { speaker: Some("The Beacon"), text: "There is a way." },
        ];
        let seen = conversation_for("Be kind.", Some("The Beacon"), &turns[..2], Some(("Offer hope.", "warm")));
        assert_eq!(
            seen,
            [
                Message::new("system", "Be kind."),
                Message::new("user", "I lost my job.\nThe Anchor: Breathe.\n[Director: Offer hope. Tone: warm]"),
            ]
        );
        let own = conversation_for("", Some("The Beacon"), &turns, None);
        assert_eq!(own[0].content, "");
        assert_eq!(own[2], Message::new("assistant", "There is a way."));
    }

    #[test]
    fn a_directive_after_ones_own_turn_is_a_message_of_the_user() {
        let turns =
            [Utterance { speaker: None, text: "Hi." }, Utterance { speaker: Some("The Anchor"), text: "Hello." }];
        let seen = conversation_for("", Some("The Anchor"), &turns, Some(("Go on.", "calm")));
        assert_eq!(seen[3], Message::new("user", "[Director: Go on. Tone: calm]"));
    }

    #[test]
    fn a_voice_is_filled_in_and_prohibitions_follow() {
        let never = vec!["give orders".to_owned(), "joke".to_owned()];
        let text = system_text("The Anchor", Some("You are {{char}}, with {{user}}."), &never);
        assert_eq!(text, "You are The Anchor, with the user.\nNever: give orders; joke.");
        assert_eq!(system_text("X", None, &[]), "");
    }
}
