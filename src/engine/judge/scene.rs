//! What is judged: a stretch of dialogue. A speaker's completion is a scene of one turn, a director's block one of several.

use std::sync::Arc;

use crate::text::{Utterance, chat};

/// A situation and what was said to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Which situation: the cluster of intervals, the group of advantages.
    pub situation: usize,
    /// The user's words.
    pub said: Arc<str>,
    /// Turns before the ones that are judged.
    pub before: Vec<(Option<String>, String)>,
    pub turns: Vec<Spoken>,
    /// How many could have spoken.
    pub seats: usize,
}

/// One turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// The quoted name; empty when no persona was asked for.
    pub speaker: String,
    /// The system text that the speaker was given.
    pub system: Arc<str>,
    pub text: String,
    /// As sampled, with the token that ends a turn if it was reached.
    pub ids: Vec<u32>,
    /// Ended by itself.
    pub finished: bool,
}

impl Scene {
    /// The conversation before turn `at`, as its speaker sees it, without a system message and without a directive.
    pub fn seen_by(&self, at: usize) -> Vec<chat::Message> {
        let me = self.turns[at].speaker.as_str();
        let mut lines = vec![Utterance { speaker: None, text: &self.said }];
        lines.extend(self.before.iter().map(|(who, text)| Utterance { speaker: who.as_deref(), text }));
        lines.extend(self.turns[..at].iter().map(|turn| Utterance { speaker: Some(&turn.speaker), text: &turn.text }));
        chat::conversation_for("", Some(me), &lines, None).split_off(1)
    }
}
