//! `contrast`: log p(c | E_p, x) − mean over the crew's other q of log p(c | E_q, x), in nats a token.
//!
//! E_p are a few of p's lines as earlier user and assistant turns. The judge never reads a description: one that does rewards a
//! model for reciting it (`docs/language.md`, "Judges").

use mascot_run::engine::Fault;
use mascot_run::task::Example;

use super::likelihood::{Likelihood, Question};
use super::scene::Scene;
use crate::data::same_persona;
use crate::text::Message;

/// More than these of a persona's lines would make every question longer and none better.
const MOST: usize = 8;

/// Who is compared, each by example.
#[derive(Debug, Clone, PartialEq)]
pub struct Crew {
    members: Vec<(String, Vec<Example>)>,
}

impl Crew {
    /// # Errors
    /// When there are not two personas, or one has no example.
    pub fn new(members: Vec<(String, Vec<Example>)>) -> Result<Self, Fault> {
        if members.len() < 2 {
            return Err(Fault::Judge(
                "contrast compares a persona with the others of its crew, and there is no other".into(),
            ));
        }
        if let Some((name, _)) = members.iter().find(|(_, examples)| examples.is_empty()) {
            return Err(Fault::Judge(format!("contrast knows {name} by example, and has none")));
        }
        let cut = |(name, mut examples): (String, Vec<Example>)| {
            examples.truncate(MOST);
            (name, examples)
        };
        Ok(Self { members: members.into_iter().map(cut).collect() })
    }

    /// For every turn of every scene; NaN for a turn without a token.
    ///
    /// # Errors
    /// When a speaker is not of the crew, or the model fails.
    pub fn contrast(&self, scenes: &[Scene], model: &mut Likelihood) -> Result<Vec<Vec<f64>>, Fault> {
        let mut questions = Vec::new();
        let mut own = Vec::new();
        for scene in scenes {
            for (at, turn) in scene.turns.iter().enumerate() {
                let member = self.members.iter().position(|(name, _)| same_persona(name, &turn.speaker));
                own.push(
                    member.ok_or_else(|| Fault::Judge(format!("contrast: {:?} is not of the crew", turn.speaker)))?,
                );
                let completion = model.ids(turn)?;
                for (_, examples) in &self.members {
                    let (context, kept) = context(examples, &scene.seen_by(at), model)?;
                    questions.push(Question { context, kept, completion: completion.clone() });
                }
            }
        }
        let means = model.means(&questions)?;
        let others = (self.members.len() - 1) as f64;
        let mut turns = means.chunks(self.members.len()).zip(own).map(|(by, own)| {
            let rest: f64 = by.iter().enumerate().filter(|(q, _)| *q != own).map(|(_, p)| p).sum();
            by[own] - rest / others
        });
        Ok(scenes.iter().map(|scene| turns.by_ref().take(scene.turns.len()).collect()).collect())
    }
}

/// The ids of a context of examples, and how many of its first are the examples'.
fn context(examples: &[Example], seen: &[Message], model: &Likelihood) -> Result<(Vec<u32>, usize), Fault> {
    let (chat, tokenizer) = (model.lm().chat(), model.lm().tokenizer());
    let mut messages = vec![Message::new("system", "")];
    for example in examples {
        messages.push(Message::new("user", example.given.as_str()));
        messages.push(Message::new("assistant", example.says.as_str()));
    }
    let beginning = tokenizer.encode(&chat.text(&messages, false, Some(false))?)?;
    messages.extend_from_slice(seen);
    let ids = chat.prompt(tokenizer, &messages)?;
    // Where a template writes earlier turns differently once later ones follow, less is kept.
    let kept = beginning.iter().zip(&ids).take_while(|(a, b)| a == b).count();
    Ok((ids, kept))
}
