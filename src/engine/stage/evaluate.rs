//! Measuring: what each subject says to the same situations, every metric of it, means with paired bootstrap intervals.
//!
//! 1. each subject is asked, or what was said or written is read (`stage::said`): one sample a situation, speaker and number.
//! 2. each metric gives values a turn or a block; a judge's are reported × 100 / the scale's upper end (×20 of 1..5), a reward's
//!    are those that training would see.
//! 3. cells and paired differences, per persona and pooled (`stage::table`).
//!
//! Subjects share their random numbers: the same situation, persona and number are drawn from the same stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{EvaluateSpec, JudgeKind, MetricSpec, RubricCriterion, Subject};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dialogue::Transcript;
use super::kept::{self, Bits};
use super::memo::Memo;
use super::table::{self, Column, Id, Measured};
use super::{Work, file_fault, said, write_lines};
use crate::data::Row;
use crate::generate::Finish;
use crate::judge::term::{self, Values, mean_of_finite};
use crate::judge::{Bench, Scene, Spoken, panel};
use crate::metric::text;
use crate::reward::rewards;
use crate::rng::Rng;

/// # Errors
/// As data, models and judges; [`Fault::Interrupted`] with the prompts asked and the subjects scored kept.
pub fn perform(spec: &EvaluateSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    let steps = spec.subjects.len() as u64;
    work.tell("loading", 0, steps, None, None);
    let rows: Vec<Row> = match &spec.data {
        Some(data) => {
            let read = work.data(data)?;
            read.prompts(data.split, spec.prompts).into_iter().cloned().collect()
        }
        None => Vec::new(),
    };
    let mut subjects = Vec::new();
    for (index, subject) in spec.subjects.iter().enumerate() {
        work.tell("sampling", index as u64, steps, None, None);
        subjects.push(said::by(spec, index, subject, &rows, work)?);
    }
    // Situations have one number in all subjects: that is what makes samples comparable.
    let mut situations: BTreeMap<String, usize> = BTreeMap::new();
    for transcript in subjects.iter().flatten() {
        let next = situations.len();
        situations.entry(transcript.key.clone()).or_insert(next);
    }
    let pool: Vec<Arc<str>> = if rows.is_empty() {
        let mut texts: Vec<&str> = subjects.iter().flatten().map(|t| t.situation.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.into_iter().map(Arc::from).collect()
    } else {
        rows.iter().map(|row| Arc::from(row.said())).collect()
    };
    let names = names(&spec.metrics);
    let mut measured: Vec<Measured> = Vec::new();
    let mut bench_kept = None;
    for (index, transcripts) in subjects.iter_mut().enumerate() {
        work.tell("scoring", index as u64, steps, None, None);
        if work.stopped() {
            return Err(Fault::Interrupted);
        }
        let alone = matches!(spec.subjects[index], Subject::Speakers { .. } | Subject::Written { .. });
        let scenes: Vec<Scene> = scenes(transcripts, &situations);
        // A subject's values are kept together: a judge asked about half of them would sum otherwise.
        let draft = format!("scored-{index}.json");
        let texts: Vec<&str> = pool.iter().map(|text| &**text).collect();
        let said: Vec<Value> = transcripts.iter().map(said_by_nobody).collect();
        let parts = json!({"scored": said, "metrics": spec.metrics, "pool": texts, "alone": alone});
        let memo = Memo::of(work, parts);
        let scored: Vec<Scored> = match kept::kept(work.workspace, &draft).or_else(|| memo.found()) {
            Some(scored) => scored,
            None => {
                let reach = work.reach();
                let mut bench = Bench::new(work.models, work.request.inputs, pool.clone(), false).reaching(reach);
                bench_kept.take().into_iter().for_each(|kept| bench.take(kept));
                bench.next_batch();
                let mut scored = Vec::new();
                for (metric, what) in spec.metrics.iter().enumerate() {
                    let values = measure(what, &scenes, alone, &mut bench)?;
                    scored.extend(values.iter().map(|(criterion, values)| Scored {
                        metric,
                        criterion: criterion.clone(),
                        values: Bits::of(values),
                    }));
                }
                bench_kept = Some(bench.keep());
                kept::keep(work.workspace, &draft, &scored)?;
                memo.keep(&scored)?;
                scored
            }
        };
        for Scored { metric, criterion, values } in scored {
            let values = values.values();
            if criterion.is_none() {
                note(transcripts, &names[metric], &values);
            }
            let together = matches!(&spec.metrics[metric], MetricSpec::Term(term) if term.name == "distinct_2");
            let column = if together { distinct(&scenes) } else { column(&scenes, transcripts, alone, values) };
            match measured.iter_mut().find(|m| m.metric == metric && m.criterion == criterion) {
                Some(known) => known.columns.push(column),
                None => measured.push(Measured { metric, criterion, columns: vec![column], together }),
            }
        }
    }
    let rng = Rng::new(spec.seed).fork("bootstrap");
    let table = table::table(&measured, spec.bootstrap, spec.level, &rng);
    let all: Vec<Transcript> = subjects.into_iter().flatten().collect();
    write_lines(work, "transcripts.jsonl", &all)?;
    let path = work.workspace.artifact("table.json");
    let text = serde_json::to_string_pretty(&table).map_err(|why| file_fault(&path, why))?;
    std::fs::write(&path, text + "\n").map_err(|why| file_fault(&path, why))?;
    work.tell("scoring", steps, steps, None, None);
    let mut outputs =
        Outputs { artifacts: vec!["table.json".into(), "transcripts.jsonl".into()], ..Outputs::default() };
    outputs.results.insert("samples".into(), all.len() as f64);
    outputs.results.insert("situations".into(), situations.len() as f64);
    outputs.results.insert("tokens".into(), work.tokens() as f64);
    outputs.table = Some(table);
    if spec
        .metrics
        .iter()
        .any(|m| matches!(m, MetricSpec::Judge(judge) if matches!(judge.by, JudgeKind::Contrast { .. })))
    {
        outputs
            .notes
            .push("the contrast judge has one number for a whole rubric: its criteria are not measured".into());
    }
    Ok(outputs)
}

/// A subject's values on a metric, in the draft.
#[derive(Serialize, Deserialize)]
struct Scored {
    metric: usize,
    criterion: Option<String>,
    values: Bits,
}

/// A transcript without the subject's number, which is no part of what is scored.
fn said_by_nobody(transcript: &Transcript) -> Value {
    let Transcript { subject: _, key, situation, sample, turns, scores: _ } = transcript;
    json!({"key": key, "situation": situation, "sample": sample, "turns": turns})
}

fn scenes(transcripts: &[Transcript], situations: &BTreeMap<String, usize>) -> Vec<Scene> {
    let spoken = |t: &'_ Transcript| -> Vec<Spoken> {
        let own = t.turns.iter().filter(|line| line.speaker != "user");
        own.map(|line| Spoken {
            speaker: line.speaker.clone(),
            system: "".into(),
            text: line.text.clone(),
            ids: line.ids.clone(),
            finished: line.finish.is_some_and(|finish| finish != Finish::Length),
        })
        .collect()
    };
    let mut seats: Vec<&str> = transcripts
        .iter()
        .flat_map(|t| t.turns.iter().map(|line| line.speaker.as_str()))
        .filter(|s| *s != "user")
        .collect();
    seats.sort_unstable();
    seats.dedup();
    let scene = |t: &Transcript| Scene {
        situation: situations[&t.key],
        said: t.situation.as_str().into(),
        before: Vec::new(),
        turns: spoken(t),
        seats: seats.len(),
    };
    transcripts.iter().map(scene).collect()
}

/// Values by criterion; the one without a name is the metric's own.
fn measure(
    what: &MetricSpec,
    scenes: &[Scene],
    alone: bool,
    bench: &mut Bench<'_>,
) -> Result<Vec<(Option<String>, Values)>, Fault> {
    match what {
        MetricSpec::Judge(judge) => {
            let reported = 100.0 / judge.rubric.high;
            let scores = panel::score(judge, scenes, bench)?;
            let overall = scores.overall.times(reported);
            let mut criteria = scores.criteria.into_iter().map(|values| values.times(reported));
            // The contrast judge knows no criteria: one number, told once.
            let mut each = |c: &RubricCriterion| {
                let own = criteria.next().unwrap_or_else(|| overall.clone().times(f64::NAN));
                (Some(c.name.clone()), own)
            };
            let each: Vec<_> = judge.rubric.criteria.iter().map(&mut each).collect();
            Ok([(None, overall)].into_iter().chain(each).collect())
        }
        // Speakers who answer alone are one crew where voices are counted: their replies to a situation, together.
        MetricSpec::Term(term) if alone && term.name == "effective_channels" => {
            let mut crews: BTreeMap<(usize, usize), Scene> = BTreeMap::new();
            let places = numbered(scenes);
            for (scene, place) in scenes.iter().zip(&places) {
                let crew = crews.entry(*place).or_insert_with(|| Scene { turns: Vec::new(), ..scene.clone() });
                crew.turns.extend(scene.turns.iter().cloned());
            }
            let together: Vec<Scene> = crews.values().cloned().collect();
            let values = term::evaluate(term, &together, bench)?.of_scenes();
            let by_place: BTreeMap<(usize, usize), f64> = crews.into_keys().zip(values).collect();
            Ok(vec![(None, Values::Scenes(places.iter().map(|place| by_place[place]).collect()))])
        }
        MetricSpec::Term(term) => {
            let mut all = vec![(None, term::evaluate(term, scenes, bench)?)];
            if term.name == "length" {
                let low = term.numbers.get("low").copied().unwrap_or(0.0);
                let of = |value: &dyn Fn(f64) -> f64| {
                    let turns =
                        |scene: &Scene| scene.turns.iter().map(|turn| value(term::tokens(turn) as f64)).collect();
                    Values::Turns(scenes.iter().map(turns).collect())
                };
                all.push((Some("tokens".into()), of(&|tokens| tokens)));
                all.push((Some("short".into()), of(&|tokens| f64::from(u8::from(tokens < low)))));
            }
            Ok(all)
        }
        MetricSpec::Reward(reward) => {
            bench.in_reward = true;
            let scored = rewards(reward, scenes, bench);
            bench.in_reward = false;
            let totals = scored?.totals;
            // One who speaks alone has a reward of their own; else it is the block's.
            let values = match alone {
                true => Values::Turns(totals.into_iter().map(|total| vec![total]).collect()),
                false => Values::Scenes(totals),
            };
            Ok(vec![(None, values)])
        }
    }
}

/// Situation and number of each scene: of one speaker's scenes to a situation the first is 0.
fn numbered(scenes: &[Scene]) -> Vec<(usize, usize)> {
    let mut seen: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    let mut all = Vec::with_capacity(scenes.len());
    for scene in scenes {
        let situation = scene.situation;
        let speaker = scene.turns.first().map_or("", |turn| turn.speaker.as_str());
        let n = seen.entry((situation, speaker)).or_default();
        all.push((situation, *n));
        *n += 1;
    }
    all
}

/// Values as samples, pooled and by persona. Of a dialogue a sample is a block: a turn's values are its mean, a persona's those of
/// its own turns.
fn column(scenes: &[Scene], transcripts: &[Transcript], alone: bool, values: Values) -> Column {
    let mut column: Column = BTreeMap::from([(None, Vec::new())]);
    let mut add = |persona: Option<String>, id: Id, value: f64| column.entry(persona).or_default().push((id, value));
    for (at, (scene, transcript)) in scenes.iter().zip(transcripts).enumerate() {
        let id = |who: Option<&str>| (scene.situation, who.map(str::to_owned), transcript.sample);
        let speakers: Vec<&str> = scene.turns.iter().map(|turn| turn.speaker.as_str()).collect();
        match &values {
            Values::Scenes(values) => {
                let who = speakers.first().copied().filter(|_| alone);
                add(None, id(who), values[at]);
            }
            Values::Turns(turns) => {
                let who = speakers.first().copied().filter(|_| alone);
                add(None, id(who), mean_of_finite(&turns[at]));
                let mut distinct = speakers.clone();
                distinct.sort_unstable();
                distinct.dedup();
                for persona in distinct {
                    let own: Vec<f64> =
                        turns[at].iter().zip(&speakers).filter(|(_, who)| **who == persona).map(|(x, _)| *x).collect();
                    add(Some(persona.to_owned()), id(Some(persona)), mean_of_finite(&own));
                }
            }
        }
    }
    column
}

/// `distinct_2` of each persona's completions across situations; pooled is the personas' mean.
fn distinct(scenes: &[Scene]) -> Column {
    let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for turn in scenes.iter().flat_map(|scene| &scene.turns) {
        by.entry(&turn.speaker).or_default().push(&turn.text);
    }
    let each: Vec<(String, f64)> =
        by.into_iter().map(|(who, texts)| (who.to_owned(), text::distinct_2(texts))).collect();
    let pooled = mean_of_finite(&each.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let mut column: Column = BTreeMap::from([(None, vec![((0, None, 0), pooled)])]);
    for (who, value) in each {
        column.insert(Some(who.clone()), vec![((0, Some(who), 0), value)]);
    }
    column
}

/// Writes values beside the turns, or the block, that they are of.
fn note(transcripts: &mut [Transcript], name: &str, values: &Values) {
    let finite = |x: f64| Some(x).filter(|x| x.is_finite());
    for (at, transcript) in transcripts.iter_mut().enumerate() {
        match values {
            Values::Scenes(values) => {
                transcript.scores.insert(name.to_owned(), finite(values[at]));
            }
            Values::Turns(turns) => {
                let own = transcript.turns.iter_mut().filter(|line| line.speaker != "user");
                own.zip(&turns[at]).for_each(|(line, value)| {
                    line.scores.insert(name.to_owned(), finite(*value));
                });
                transcript.scores.insert(name.to_owned(), finite(mean_of_finite(&turns[at])));
            }
        }
    }
}

/// What metrics are called in transcripts: the term, `judge` or `reward`; a second of a name has a number.
fn names(metrics: &[MetricSpec]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for metric in metrics {
        let name = match metric {
            MetricSpec::Judge(_) => "judge",
            MetricSpec::Term(term) => &term.name,
            MetricSpec::Reward(_) => "reward",
        };
        let same =
            names.iter().filter(|known| known.as_str() == name || known.starts_with(&format!("{name}#"))).count();
        names.push(if same == 0 { name.to_owned() } else { format!("{name}#{}", same + 1) });
    }
    names
}
