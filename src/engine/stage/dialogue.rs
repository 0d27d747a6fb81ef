//! A rehearsed dialogue: at turn t a directive z_t ~ π_Φ(·|h_<t), then y_t ~ π_θ(·|h_<t, ρ_i, z_t) of the speaker it names
//! (methods 1.2). A block is N such turns after one situation.

use std::collections::BTreeMap;
use std::sync::Arc;

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{Baseline, DialogueSpec, Speaker};
use serde::{Deserialize, Serialize};

use super::director::{At, Directive, Director};
use super::{Work, draws_of, kept, sampling, shortened, voice, write_lines};
use crate::data::{Row, same_persona};
use crate::generate::{Ask, Completion, Finish, Sampling};
use crate::judge::{Scene, Spoken};
use crate::model::Lm;
use crate::model::causal_lm::Prefix;
use crate::nn::Lora;
use crate::rng::Rng;
use crate::text::{Utterance, chat};

/// Who can be asked to speak.
pub struct Actor<'a> {
    pub speaker: &'a Speaker,
    pub lm: Lm,
    pub lora: Option<Lora>,
}

/// A block that was played.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Episode {
    pub situation: usize,
    pub sample: usize,
    pub turns: Vec<Turn>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Turn {
    pub directive: Directive,
    /// Index of the actor and what it said; `None` where nobody was to speak.
    pub spoken: Option<(usize, Completion)>,
}

/// How to play.
pub struct Play<'a> {
    pub director: &'a Director<'a>,
    /// The director's adapter.
    pub lora: Option<&'a Lora>,
    pub actors: &'a [Actor<'a>],
    pub turns: usize,
    /// Blocks of each situation.
    pub n: usize,
    pub how: Sampling,
    pub prompting: Baseline,
    pub seed: u64,
    /// Tells one playing of a situation from another (an optimiser step).
    pub round: u64,
}

/// Opens actors, whose adapters stay read as long as they live.
///
/// # Errors
/// When one cannot be read.
pub fn actors<'a>(speakers: &'a [Speaker], work: &mut Work<'_>) -> Result<Vec<Actor<'a>>, Fault> {
    let mut actors = Vec::new();
    for speaker in speakers {
        let (lm, lora) = work.policy(&speaker.policy)?;
        actors.push(Actor { speaker, lm, lora });
    }
    Ok(actors)
}

/// Told of all blocks after each turn.
type AfterTurn<'a> = dyn FnMut(&[Episode], &mut Work<'_>) -> Result<(), Fault> + 'a;

/// Plays blocks of every situation; all of them take their t-th turn together.
///
/// # Errors
/// As the models; [`Fault::Data`] when a seat has no actor; [`Fault::Interrupted`].
pub fn play(rows: &[Row], play: &Play<'_>, work: &mut Work<'_>) -> Result<Vec<Episode>, Fault> {
    play_on(rows, play, fresh(rows, play.n), &mut |_, _| Ok(()), work)
}

/// Blocks in which nobody has spoken yet.
fn fresh(rows: &[Row], n: usize) -> Vec<Episode> {
    (0..rows.len())
        .flat_map(|situation| (0..n).map(move |sample| Episode { situation, sample, turns: Vec::new() }))
        .collect()
}

/// As [`play`], from where `episodes` are; `after` is called with them after each turn.
fn play_on(
    rows: &[Row],
    play: &Play<'_>,
    mut episodes: Vec<Episode>,
    after: &mut AfterTurn<'_>,
    work: &mut Work<'_>,
) -> Result<Vec<Episode>, Fault> {
    let mut seats = Vec::new();
    for seat in &play.director.spec.seats {
        let actor = play.actors.iter().position(|actor| same_persona(&actor.speaker.persona.name, &seat.name));
        seats.push(actor.ok_or_else(|| Fault::Data(format!("{} has a seat, and no actor speaks for it", seat.name)))?);
    }
    let said: Vec<String> = rows.iter().map(Row::said).collect();
    // What the director read for each block's latest turn: of blocks that are gone on with it is read again, to the same bits.
    let again = |episode: &Episode| match episode.turns.last() {
        Some(turn) => {
            let prompt = turn.directive.prompt.clone();
            let prefix = play.director.lm.prefix_under(play.lora, &prompt)?;
            Ok(Some((prompt, prefix)))
        }
        None => Ok(None),
    };
    let mut read: Vec<Option<(Vec<u32>, Prefix)>> = episodes.iter().map(again).collect::<Result<_, Fault>>()?;
    for turn in episodes.first().map_or(0, |episode| episode.turns.len())..play.turns {
        let key = |episode: &Episode| {
            let of_row = Rng::new(draws_of(&rows[episode.situation].key)).at(play.round);
            of_row.word((episode.sample * play.turns + turn) as u64)
        };
        let keys: Vec<u64> = episodes.iter().map(key).collect();
        let places: Vec<At<'_>> = episodes
            .iter()
            .zip(&keys)
            .zip(&read)
            .map(|((episode, &key), read)| At {
                turns: so_far(episode, &said, play.actors),
                key,
                turn,
                read: read.as_ref(),
            })
            .collect();
        let (directives, prefixes) = play.director.direct(&places, play.lora, &play.how, play.seed, work)?;

        // One batch for each model that somebody speaks with; adapters go with their prompts.
        let mut asks: Vec<(usize, usize, Ask<'_>)> = Vec::new();
        for (index, (directive, place)) in directives.iter().zip(&places).enumerate() {
            let Some(seat) = directive.seat else { continue };
            let actor = &play.actors[seats[seat]];
            let prompt = prompt(actor, &place.turns, directive, play.prompting)?;
            let ask = Ask { prompt, adapter: actor.lora.as_ref(), n: 1, key: place.key };
            asks.push((index, seats[seat], ask));
        }
        let mut spoken: BTreeMap<usize, (usize, Completion)> = BTreeMap::new();
        let mut models: Vec<&Lm> = Vec::new();
        for (_, actor, _) in &asks {
            let lm = &play.actors[*actor].lm;
            if !models.iter().any(|known| known.same(lm)) {
                models.push(lm);
            }
        }
        for lm in models {
            let own: Vec<&(usize, usize, Ask<'_>)> =
                asks.iter().filter(|(_, actor, _)| play.actors[*actor].lm.same(lm)).collect();
            let how = Sampling { eos: lm.config().eos.clone(), ..play.how.clone() };
            let batch: Vec<Ask<'_>> = own.iter().map(|(_, _, ask)| ask.clone()).collect();
            let made = work.generate_shared(lm, &batch, &how, play.seed)?;
            for ((index, actor, _), mut completions) in own.into_iter().zip(made) {
                spoken.insert(*index, (*actor, completions.remove(0)));
            }
        }
        drop(places);
        read = directives.iter().zip(prefixes).map(|(made, prefix)| Some((made.prompt.clone(), prefix))).collect();
        for (index, directive) in directives.into_iter().enumerate() {
            let mut spoken = spoken.remove(&index);
            if let Some((_, completion)) = &mut spoken {
                completion.text = voice::reply(&completion.text, play.prompting).to_owned();
            }
            episodes[index].turns.push(Turn { directive, spoken });
        }
        after(&episodes, work)?;
    }
    Ok(episodes)
}

/// The dialogue up to here: the situation and every turn that was spoken.
fn so_far<'a>(episode: &'a Episode, said: &'a [String], actors: &'a [Actor<'_>]) -> Vec<Utterance<'a>> {
    let mut turns = vec![Utterance { speaker: None, text: &said[episode.situation] }];
    let spoken = episode.turns.iter().filter_map(|turn| turn.spoken.as_ref());
    turns.extend(spoken.map(|(actor, completion)| Utterance {
        speaker: Some(&actors[*actor].speaker.persona.name),
        text: &completion.text,
    }));
    turns
}

fn prompt(
    actor: &Actor<'_>,
    turns: &[Utterance<'_>],
    directive: &Directive,
    prompting: Baseline,
) -> Result<Vec<u32>, Fault> {
    let persona = &actor.speaker.persona;
    let system = chat::system_text(&persona.name, persona.voice.as_deref(), &persona.never);
    let told = (directive.action.as_str(), directive.tone.as_str());
    let mut messages = chat::conversation_for(&system, Some(&persona.name), turns, Some(told));
    voice::prompted(&mut messages, Some(persona), prompting);
    voice::prompt(&actor.lm, &messages)
}

/// An episode as judges see it.
pub fn scene(episode: &Episode, rows: &[Row], actors: &[Actor<'_>], seats: usize) -> Scene {
    let spoken = episode.turns.iter().filter_map(|turn| turn.spoken.as_ref()).map(|(actor, completion)| {
        let persona = &actors[*actor].speaker.persona;
        let system = chat::system_text(&persona.name, persona.voice.as_deref(), &persona.never);
        Spoken {
            speaker: persona.name.clone(),
            system: system.into(),
            text: completion.text.trim().to_owned(),
            ids: completion.ids.clone(),
            finished: completion.finish != Finish::Length,
        }
    });
    let said: Arc<str> = rows[episode.situation].said().into();
    Scene { situation: episode.situation, said, before: Vec::new(), turns: spoken.collect(), seats }
}

/// One line of `transcripts.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    pub subject: usize,
    pub key: String,
    pub situation: String,
    pub sample: usize,
    pub turns: Vec<Line>,
    #[serde(default)]
    pub scores: BTreeMap<String, Option<f64>>,
}

/// One turn of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// `user`, or a quoted name.
    pub speaker: String,
    pub text: String,
    pub directive: Option<Told>,
    pub ids: Vec<u32>,
    pub finish: Option<Finish>,
    #[serde(default)]
    pub scores: BTreeMap<String, Option<f64>>,
}

/// A directive as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub agent: String,
    pub action: String,
    pub tone: String,
}

impl Line {
    pub fn user(text: &str) -> Self {
        Self {
            speaker: "user".into(),
            text: text.to_owned(),
            directive: None,
            ids: Vec::new(),
            finish: None,
            scores: BTreeMap::new(),
        }
    }
}

/// An episode as it is kept.
pub fn transcript(subject: usize, episode: &Episode, rows: &[Row], actors: &[Actor<'_>]) -> Transcript {
    let row = &rows[episode.situation];
    let mut turns = vec![Line::user(&row.said())];
    for turn in &episode.turns {
        if let Some((actor, completion)) = &turn.spoken {
            let name = actors[*actor].speaker.persona.name.clone();
            let told =
                Told { agent: name.clone(), action: turn.directive.action.clone(), tone: turn.directive.tone.clone() };
            turns.push(Line {
                speaker: name,
                text: completion.text.trim().to_owned(),
                directive: Some(told),
                ids: completion.ids.clone(),
                finish: Some(completion.finish),
                scores: BTreeMap::new(),
            });
        }
    }
    let (key, situation) = (row.key.clone(), row.said());
    Transcript { subject, key, situation, sample: episode.sample, turns, scores: BTreeMap::new() }
}

/// The situations of a dialogue's data.
///
/// # Errors
/// As the data.
pub fn situations(spec: &DialogueSpec, lm: &Lm, work: &mut Work<'_>) -> Result<Vec<Row>, Fault> {
    let data = work.data(&spec.data)?;
    let mut rows = Vec::new();
    for row in data.prompts(spec.data.split, spec.prompts) {
        rows.push(shortened(row, spec.data.max_len, lm)?);
    }
    if rows.is_empty() {
        return Err(work.nothing(&data, &spec.data, "no situation to rehearse"));
    }
    Ok(rows)
}

/// What is kept of a rehearsal between two turns.
#[derive(Serialize, Deserialize)]
struct Played {
    tokens: u64,
    episodes: Vec<Episode>,
}

/// Plays what a `dialogue` stage asks for, under a way of prompting its speakers. `alone`: it is the task, and tells its turns.
///
/// # Errors
/// As [`play`].
pub fn played(
    spec: &DialogueSpec,
    prompting: Baseline,
    subject: usize,
    alone: bool,
    work: &mut Work<'_>,
) -> Result<Vec<Transcript>, Fault> {
    let (lm, lora) = work.policy(&spec.director.policy)?;
    let rows = situations(spec, &lm, work)?;
    let director = Director::new(&spec.director, lm.clone())?;
    let actors = actors(&spec.actors, work)?;
    let how = Play {
        director: &director,
        lora: lora.as_ref(),
        actors: &actors,
        turns: spec.turns as usize,
        n: spec.sample.n as usize,
        how: sampling(&spec.sample, &lm),
        prompting,
        seed: spec.seed,
        round: 0,
    };
    // Every turn that all blocks have taken is kept: a stopped rehearsal loses the one in hand.
    let (workspace, name) = (work.workspace, format!("played-{subject}.json"));
    let begun = work.tokens();
    let fits = |episodes: &[Episode]| {
        let turns = episodes.first().map_or(0, |episode| episode.turns.len());
        episodes.len() == rows.len() * how.n
            && turns <= how.turns
            && episodes.iter().all(|one| one.turns.len() == turns)
    };
    let episodes = match kept::kept::<Played>(workspace, &name).filter(|played| fits(&played.episodes)) {
        Some(played) => {
            work.resume(played.tokens);
            played.episodes
        }
        None => fresh(&rows, how.n),
    };
    let mut after = |episodes: &[Episode], work: &mut Work<'_>| {
        kept::keep(workspace, &name, &Played { tokens: work.tokens() - begun, episodes: episodes.to_vec() })?;
        if alone {
            let turn = episodes.first().map_or(0, |episode| episode.turns.len());
            work.tell("sampling", turn as u64, how.turns as u64, None, None);
        }
        Ok(())
    };
    let episodes = play_on(&rows, &how, episodes, &mut after, work)?;
    Ok(episodes.iter().map(|episode| transcript(subject, episode, &rows, &actors)).collect())
}

/// # Errors
/// As [`played`].
pub fn perform(spec: &DialogueSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    work.tell("sampling", 0, u64::from(spec.turns), None, None);
    let transcripts = played(spec, Baseline::ZeroShot, 0, true, work)?;
    write_lines(work, "transcripts.jsonl", &transcripts)?;
    let mut outputs = Outputs { artifacts: vec!["transcripts.jsonl".into()], ..Outputs::default() };
    outputs.results.insert("episodes".into(), transcripts.len() as f64);
    outputs.results.insert("tokens".into(), work.tokens() as f64);
    Ok(outputs)
}
