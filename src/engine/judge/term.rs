//! The built-in terms of rewards and metrics: `docs/language.md`, "Terms and metrics", has their definitions and why each exists.

use std::collections::BTreeSet;
use std::sync::Arc;

use mascot_run::engine::Fault;
use mascot_run::task::{ModelSpec, PersonaSpec, Term};

use super::bench::Bench;
use super::likelihood::Question;
use super::scene::{Scene, Spoken};
use crate::data::same_persona;
use crate::metric::{channels, text};
use crate::text::{Message, Utterance, chat};

/// Values of a term: one a turn, or one a scene.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Turns(Vec<Vec<f64>>),
    Scenes(Vec<f64>),
}

impl Values {
    /// Each value times `factor`.
    pub fn times(self, factor: f64) -> Self {
        match self {
            Self::Turns(turns) => Self::Turns(each(turns, |x| x * factor)),
            Self::Scenes(values) => Self::Scenes(values.into_iter().map(|x| x * factor).collect()),
        }
    }

    /// One value a scene: of turns the mean over those that are not void.
    pub fn of_scenes(self) -> Vec<f64> {
        match self {
            Self::Scenes(values) => values,
            Self::Turns(turns) => turns.iter().map(|turns| mean_of_finite(turns)).collect(),
        }
    }
}

/// NaN of nothing.
pub fn mean_of_finite(values: &[f64]) -> f64 {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() { f64::NAN } else { finite.iter().sum::<f64>() / finite.len() as f64 }
}

/// Evaluates a term over a batch of scenes.
///
/// # Errors
/// [`Fault::Judge`] for a term that is unknown or lacks what it needs; as the models that it asks.
pub fn evaluate(term: &Term, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Values, Fault> {
    let number = |name: &str| term.numbers.get(name).copied();
    let per_turn = |of: &dyn Fn(&Scene, &Spoken) -> f64| -> Values {
        Values::Turns(scenes.iter().map(|scene| scene.turns.iter().map(|turn| of(scene, turn)).collect()).collect())
    };
    let texts = |scene: &Scene| -> Vec<String> { scene.turns.iter().map(|turn| turn.text.clone()).collect() };
    Ok(match term.name.as_str() {
        "contrast" => {
            let shift = number("shift").unwrap_or(0.0) as usize;
            let raw = bench.contrast_of(model(term)?, term.lines.as_ref(), &term.crew, shift, scenes)?;
            let limit = if bench.in_reward { 1.0 } else { f64::INFINITY };
            Values::Turns(each(raw, |c| c.clamp(-limit, limit)))
        }
        "relevance" => {
            let cap = number("cap").unwrap_or(f64::INFINITY);
            Values::Turns(each(relevance(model(term)?, scenes, bench)?, |x| x.min(cap)))
        }
        "fluency" => {
            let floor = number("floor");
            // With a floor, what is missing to it; without, log p itself.
            let of = |x: f64| floor.map_or(x, |floor| (x - floor).min(0.0));
            Values::Turns(each(log_p(model(term)?, scenes, bench)?, of))
        }
        "overlap" => {
            let mut turns = Vec::new();
            for scene in scenes {
                let mut of_scene = Vec::new();
                for turn in &scene.turns {
                    let lines = match member(&term.crew, turn) {
                        Some(persona) => bench.example_words(term.lines.as_ref(), persona)?,
                        None => Arc::new(Vec::new()),
                    };
                    of_scene.push((text::overlap(&turn.text, &lines) - number("free").unwrap_or(0.0)).max(0.0));
                }
                turns.push(of_scene);
            }
            Values::Turns(turns)
        }
        "echo" => {
            let free = number("free").unwrap_or(0.0);
            per_turn(&|scene, turn| (text::echo(&turn.text, &scene.said) - free).max(0.0))
        }
        "novelty" => novelty(scenes, bench),
        "stuffing" => per_turn(&|_, turn| text::stuffing(&turn.text)),
        "leak" => per_turn(&|scene, turn| match member(&term.crew, turn) {
            Some(persona) => text::leak(&turn.text, persona, &scene.said),
            None => f64::NAN,
        }),
        "length" => {
            let (low, high) = (number("low").unwrap_or(0.0), number("high").unwrap_or(f64::INFINITY));
            per_turn(&|_, turn| text::outside(tokens(turn), low, high))
        }
        "finished" => per_turn(&|_, turn| f64::from(u8::from(turn.finished))),
        "format" => {
            let names: Vec<&str> = term.crew.iter().map(|persona| persona.name.as_str()).collect();
            let single = number("single_voice").unwrap_or(0.0) != 0.0;
            per_turn(&|_, turn| text::format(&turn.text, tokens(turn), number("max"), single, &names))
        }
        "identification" => identification(term, scenes, bench)?,
        "coherence" => Values::Scenes(coherence(model(term)?, scenes, bench)?),
        "diversity" => {
            let mut values = Vec::new();
            for scene in scenes {
                // By default the strictest that a block of this length can meet (methods 1.2).
                let default = if scene.turns.len() <= scene.seats { "distinct_speakers" } else { "no_repeat" };
                let kind = term.words.get("kind").map_or(default, String::as_str);
                let value = text::diversity(kind, &speakers(scene), scene.seats);
                values.push(value.ok_or_else(|| Fault::Judge(format!("diversity knows no kind `{kind}`")))?);
            }
            Values::Scenes(values)
        }
        "distinct_speakers" => {
            let distinct = |scene: &Scene| speakers(scene).into_iter().collect::<BTreeSet<_>>().len() as f64;
            Values::Scenes(scenes.iter().map(distinct).collect())
        }
        "repetition" => Values::Scenes(
            (scenes.iter())
                .map(|scene| match scene.turns.as_slice() {
                    [one] => text::repetition(&one.text),
                    _ => {
                        let texts = texts(scene);
                        text::block_repetition(&texts.iter().map(String::as_str).collect::<Vec<_>>())
                    }
                })
                .collect(),
        ),
        "effective_channels" => {
            let encoder = bench.encoder(encoder(term)?)?;
            let mut values = Vec::new();
            for scene in scenes {
                let texts = texts(scene);
                let vectors = encoder.encode(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
                values.push(channels::effective_channels(&vectors).unwrap_or(f64::NAN));
            }
            Values::Scenes(values)
        }
        "distinct_2" if bench.in_reward => {
            return Err(Fault::Judge(
                "`distinct_2` measures all completions of a persona together: a metric, not a reward".into(),
            ));
        }
        // Of all completions together: `stage::evaluate` computes it there.
        "distinct_2" => Values::Scenes(vec![f64::NAN; scenes.len()]),
        other => return Err(Fault::Judge(format!("there is no term `{other}`"))),
    })
}

fn each(values: Vec<Vec<f64>>, of: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    values.into_iter().map(|turns| turns.into_iter().map(&of).collect()).collect()
}

fn speakers(scene: &Scene) -> Vec<&str> {
    scene.turns.iter().map(|turn| turn.speaker.as_str()).collect()
}

fn member<'a>(crew: &'a [PersonaSpec], turn: &Spoken) -> Option<&'a PersonaSpec> {
    crew.iter().find(|persona| same_persona(&persona.name, &turn.speaker))
}

/// How long a turn is, without the token that ends it.
pub fn tokens(turn: &Spoken) -> usize {
    turn.ids.len() - usize::from(turn.finished && !turn.ids.is_empty())
}

fn model(term: &Term) -> Result<&ModelSpec, Fault> {
    term.model.as_ref().ok_or_else(|| Fault::Judge(format!("`{}` has no model to ask", term.name)))
}

fn encoder(term: &Term) -> Result<&ModelSpec, Fault> {
    term.encoder.as_ref().ok_or_else(|| Fault::Judge(format!("`{}` has no encoder to ask", term.name)))
}

/// Ids of a conversation opened for a reply, under an empty system message.
fn open(seen: Vec<Message>, spec: &ModelSpec, bench: &mut Bench<'_>) -> Result<Vec<u32>, Fault> {
    let lm = bench.likelihood(spec)?.lm();
    let mut messages = vec![Message::new("system", "")];
    messages.extend(seen);
    Ok(lm.chat().prompt(lm.tokenizer(), &messages)?)
}

/// Mean log-probabilities of questions, shaped as the scenes' turns are.
fn ask(
    questions: &[Question],
    scenes: &[Scene],
    spec: &ModelSpec,
    bench: &mut Bench<'_>,
) -> Result<Vec<Vec<f64>>, Fault> {
    let mut means = bench.likelihood(spec)?.means(questions)?.into_iter();
    Ok(scenes.iter().map(|scene| means.by_ref().take(scene.turns.len()).collect()).collect())
}

/// log p(turn | what came before it).
fn log_p(spec: &ModelSpec, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Vec<Vec<f64>>, Fault> {
    let mut questions = Vec::new();
    for scene in scenes {
        for (at, turn) in scene.turns.iter().enumerate() {
            let context = open(scene.seen_by(at), spec, bench)?;
            let completion = bench.likelihood(spec)?.ids(turn)?;
            questions.push(Question { context, kept: 0, completion });
        }
    }
    ask(&questions, scenes, spec, bench)
}

/// log p(c | x) − mean over other situations x′ of log p(c | x′).
fn relevance(spec: &ModelSpec, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Vec<Vec<f64>>, Fault> {
    let own = log_p(spec, scenes, bench)?;
    let others: Vec<Vec<Arc<str>>> = scenes.iter().map(|scene| bench.others(&scene.said)).collect();
    let most = others.iter().map(Vec::len).max().unwrap_or(0);
    let mut sums: Vec<Vec<f64>> = own.iter().map(|turns| vec![0.0; turns.len()]).collect();
    for k in 0..most {
        let mut questions = Vec::new();
        for (scene, others) in scenes.iter().zip(&others) {
            let other = others.get(k).or(others.last()).cloned().unwrap_or_else(|| scene.said.clone());
            let context = open(vec![Message::new("user", &*other)], spec, bench)?;
            for turn in &scene.turns {
                let completion = bench.likelihood(spec)?.ids(turn)?;
                questions.push(Question { context: context.clone(), kept: 0, completion });
            }
        }
        for (sum, other) in sums.iter_mut().zip(ask(&questions, scenes, spec, bench)?) {
            sum.iter_mut().zip(other).for_each(|(sum, x)| *sum += x / most as f64);
        }
    }
    // A pool of one situation has no other: nothing is known of relevance.
    if most == 0 {
        return Ok(own.iter().map(|turns| vec![f64::NAN; turns.len()]).collect());
    }
    Ok(own.iter().zip(sums).map(|(own, sum)| own.iter().zip(sum).map(|(x, other)| x - other).collect()).collect())
}

/// Against recent completions to other situations, and those of this batch.
fn novelty(scenes: &[Scene], bench: &Bench<'_>) -> Values {
    let of = |scene: &Scene, turn: &Spoken| {
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        seen.extend(
            bench.recent.iter().filter(|(said, _)| **said != *scene.said).flat_map(|(_, all)| all.iter().cloned()),
        );
        for other in scenes.iter().filter(|other| other.said != scene.said) {
            seen.extend(other.turns.iter().flat_map(|turn| text::bigrams(&turn.text)));
        }
        text::novelty(&turn.text, &seen)
    };
    Values::Turns(scenes.iter().map(|scene| scene.turns.iter().map(|turn| of(scene, turn)).collect()).collect())
}

/// 1 where the classifier names the turn's own speaker.
fn identification(term: &Term, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Values, Fault> {
    let lines =
        term.lines.as_ref().ok_or_else(|| Fault::Judge("`identification` needs lines to know personas by".into()))?;
    let spec = encoder(term)?;
    let classifier = bench.classifier(spec, lines)?;
    let texts: Vec<&str> = scenes.iter().flat_map(|scene| scene.turns.iter().map(|turn| turn.text.as_str())).collect();
    let mut vectors = bench.encoder(spec)?.encode(&texts)?.into_iter();
    let mut of = |turn: &Spoken| {
        let named = vectors.next().and_then(|vector| classifier.name(&vector).map(str::to_owned));
        f64::from(u8::from(named.is_some_and(|name| same_persona(&name, &turn.speaker))))
    };
    Ok(Values::Turns(scenes.iter().map(|scene| scene.turns.iter().map(&mut of).collect()).collect()))
}

/// Mean over turns of log p(turn | own situation, earlier turns) − log p(turn | another prompt's situation and turns), clipped to
/// ±1, less the turn's 4-grams said before.
fn coherence(spec: &ModelSpec, scenes: &[Scene], bench: &mut Bench<'_>) -> Result<Vec<f64>, Fault> {
    let own = log_p(spec, scenes, bench)?;
    let mut questions = Vec::new();
    for (index, scene) in scenes.iter().enumerate() {
        // The next scene of another situation stands in, as the same speaker would see it; where all are of one, another situation alone.
        let ring = (1..scenes.len()).map(|step| &scenes[(index + step) % scenes.len()]);
        let other = ring.into_iter().find(|other| other.said != scene.said);
        let alone = bench.others(&scene.said).first().cloned();
        for (at, turn) in scene.turns.iter().enumerate() {
            let seen = match (other, &alone) {
                (Some(other), _) => {
                    let mut lines = vec![Utterance { speaker: None, text: &other.said }];
                    let turns = &other.turns[..at.min(other.turns.len())];
                    lines.extend(turns.iter().map(|turn| Utterance { speaker: Some(&turn.speaker), text: &turn.text }));
                    chat::conversation_for("", Some(&turn.speaker), &lines, None).split_off(1)
                }
                (None, Some(alone)) => vec![Message::new("user", &**alone)],
                (None, None) => vec![Message::new("user", "")],
            };
            let completion = bench.likelihood(spec)?.ids(turn)?;
            questions.push(Question { context: open(seen, spec, bench)?, kept: 0, completion });
        }
    }
    let other = ask(&questions, scenes, spec, bench)?;
    let of = |(scene, (own, other)): (&Scene, (&Vec<f64>, &Vec<f64>))| {
        let texts: Vec<&str> = scene.turns.iter().map(|turn| turn.text.as_str()).collect();
        let turn =
            |at: usize| (own[at] - other[at]).clamp(-1.0, 1.0) - text::four_gram_overlap(texts[at], &texts[..at]);
        mean_of_finite(&(0..texts.len()).map(turn).collect::<Vec<_>>())
    };
    Ok(scenes.iter().zip(own.iter().zip(&other)).map(of).collect())
}
