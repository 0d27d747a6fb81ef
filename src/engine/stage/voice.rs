//! What a speaker reads before it speaks: its system text, the conversation, and the ways in which a baseline is prompted.

use mascot_run::engine::Fault;
use mascot_run::task::{Baseline, PersonaSpec};

use crate::data::Row;
use crate::judge::{Scene, Spoken};
use crate::model::Lm;
use crate::text::{Message, Utterance, chat};

/// How many candidates `self_consistency` samples.
pub const CANDIDATES: usize = 5;

/// Asked of a model that is to think first (Kojima et al. 2022); what stands after the last `Reply:` is what it says.
const THINK: &str = "First think step by step about what the user feels and needs. Then write your reply on a new line that begins with \"Reply:\".";

/// The system text of a persona, or of a row that describes who answers.
pub fn system(persona: Option<&PersonaSpec>, row: &Row) -> String {
    match persona {
        Some(persona) => chat::system_text(&persona.name, persona.voice.as_deref(), &persona.never),
        None => row.system.clone().unwrap_or_default(),
    }
}

/// Earlier turns of a row as utterances, the user's last words at the end. Own turns carry `me`.
fn utterances<'a>(row: &'a Row, said: &'a str, me: &'a str) -> Vec<Utterance<'a>> {
    let turn = |turn: &'a crate::data::Turn| {
        let speaker = if turn.own {
            Some(me)
        } else {
            Some(turn.speaker.as_str()).filter(|who| !matches!(*who, "user" | "speaker" | "seeker"))
        };
        Utterance { speaker, text: &turn.text }
    };
    let mut all: Vec<Utterance<'a>> = row.history.iter().map(turn).collect();
    all.push(Utterance { speaker: None, text: said });
    all
}

/// The messages of a row as its speaker sees them.
pub fn messages(persona: Option<&PersonaSpec>, row: &Row, prompting: Baseline) -> Vec<Message> {
    let me = persona.map_or("assistant", |persona| persona.name.as_str());
    let said = row.said();
    let mut all = chat::conversation_for(&system(persona, row), Some(me), &utterances(row, &said, me), None);
    prompted(&mut all, persona, prompting);
    all
}

/// Adds what a way of prompting adds: examples as earlier turns, the request to think first.
pub fn prompted(messages: &mut Vec<Message>, persona: Option<&PersonaSpec>, prompting: Baseline) {
    let thinks = matches!(prompting, Baseline::Cot | Baseline::FewShotCot);
    if thinks {
        let system = &mut messages[0].content;
        if !system.is_empty() {
            system.push('\n');
        }
        system.push_str(THINK);
    }
    if matches!(prompting, Baseline::FewShot | Baseline::FewShotCot) {
        let examples = persona.map(|persona| persona.examples.as_slice()).unwrap_or_default();
        let turns = examples.iter().flat_map(|example| {
            let says = if thinks { format!("Reply: {}", example.says) } else { example.says.clone() };
            [Message::new("user", example.given.as_str()), Message::new("assistant", says)]
        });
        let turns: Vec<Message> = turns.collect();
        messages.splice(1..1, turns);
    }
}

/// What was said, of a text that may hold thoughts before it.
pub fn reply(text: &str, prompting: Baseline) -> &str {
    match prompting {
        Baseline::Cot | Baseline::FewShotCot => {
            text.rfind("Reply:").map_or(text, |at| &text[at + "Reply:".len()..]).trim()
        }
        _ => text.trim(),
    }
}

/// Ids of a prompt.
///
/// # Errors
/// When the template or the tokenizer refuses.
pub fn prompt(lm: &Lm, messages: &[Message]) -> Result<Vec<u32>, Fault> {
    Ok(lm.chat().prompt(lm.tokenizer(), messages)?)
}

/// Of several candidates the one that agrees most with the others: self-consistency (Wang et al. 2023) for free text, by the mean
/// Jaccard similarity of word sets. The first of equals.
pub fn most_agreed(texts: &[&str]) -> usize {
    use std::collections::BTreeSet;
    let sets: Vec<BTreeSet<String>> =
        texts.iter().map(|text| crate::metric::text::words(text).into_iter().collect()).collect();
    let similar = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        let (both, either) = (a.intersection(b).count(), a.union(b).count());
        if either == 0 { 0.0 } else { both as f64 / either as f64 }
    };
    let score = |i: usize| (0..sets.len()).filter(|&j| j != i).map(|j| similar(&sets[i], &sets[j])).sum::<f64>();
    (0..sets.len()).fold(0, |best, i| if score(i) > score(best) + 1e-12 { i } else { best })
}

/// A completion as the scene of one turn that judges see.
pub fn scene(situation: usize, row: &Row, persona: Option<&PersonaSpec>, turn: (String, Vec<u32>, bool)) -> Scene {
    let me = persona.map_or("", |persona| persona.name.as_str());
    let said = row.said();
    let history: Vec<(Option<String>, String)> =
        utterances(row, "", me).iter().map(|line| (line.speaker.map(str::to_owned), line.text.to_owned())).collect();
    let (text, ids, finished) = turn;
    // The row's history comes before what the user says last, so the scene opens with the first of it.
    let (said, before) = match row.history.is_empty() {
        true => (said, Vec::new()),
        false => {
            let mut lines = history;
            lines.pop();
            lines.push((None, said));
            let first = lines.remove(0);
            match first {
                (None, text) => (text, lines),
                other => {
                    lines.insert(0, other);
                    (String::new(), lines)
                }
            }
        }
    };
    let spoken = Spoken { speaker: me.to_owned(), system: system(persona, row).into(), text, ids, finished };
    Scene { situation, said: said.into(), before, turns: vec![spoken], seats: 1 }
}

#[cfg(test)]
mod tests {
    use mascot_run::task::Example;

    use super::*;

    fn persona() -> PersonaSpec {
        PersonaSpec {
            name: "The Anchor".into(),
            role: None,
            voice: Some("You are {{char}}.".into()),
            never: vec![],
            examples: vec![Example { given: "It rains.".into(), says: "Come in.".into() }],
        }
    }

    #[test]
    fn baselines_are_prompted_as_their_names_say() {
        let row = Row { prompt: "I fell.".into(), ..Row::default() };
        let roles =
            |how| messages(Some(&persona()), &row, how).iter().map(|m| m.role.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!(roles(Baseline::ZeroShot), "system user");
        assert_eq!(roles(Baseline::FewShot), "system user assistant user");
        assert!(messages(Some(&persona()), &row, Baseline::Cot)[0].content.contains("step by step"));
        assert_eq!(reply("They hurt.\nReply: Oh no. ", Baseline::Cot), "Oh no.");
        assert_eq!(reply("No mark", Baseline::Cot), "No mark");
    }

    #[test]
    fn the_candidate_most_like_the_others_is_taken() {
        assert_eq!(most_agreed(&["x y z", "a b c", "a b d", "a b"]), 3);
        assert_eq!(most_agreed(&["one"]), 0);
    }

    #[test]
    fn a_scene_sees_what_its_speaker_saw() {
        let turn =
            |speaker: &str, text: &str| crate::data::Turn { speaker: speaker.into(), text: text.into(), own: false };
        let row = Row {
            prompt: "And now?".into(),
            history: vec![turn("user", "Hi."), turn("The Beacon", "Yes!")],
            ..Row::default()
        };
        let scene = scene(0, &row, Some(&persona()), ("Oh.".into(), vec![1], true));
        let seen = scene.seen_by(0);
        assert_eq!(seen, messages(Some(&persona()), &row, Baseline::ZeroShot)[1..]);
        assert_eq!(&*scene.said, "Hi.");
    }
}
