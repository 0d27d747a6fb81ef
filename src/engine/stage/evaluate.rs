//! Measuring: what each subject says to the same situations, every metric of it, means with paired bootstrap intervals.
//!
//! 1. each subject is asked (or its transcripts are read): one sample a situation, speaker and number.
//! 2. each metric gives values a turn or a block; a judge's are reported × 100 / the scale's upper end (×20 of 1..5).
//! 3. cells and paired differences, per persona and pooled (`stage::table`).
//!
//! Subjects share their random numbers: the same situation, persona and number are drawn from the same stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{Baseline, EvaluateSpec, JudgeKind, MetricSpec, Speaker, Subject};

use super::dialogue::{self, Line, Transcript};
use super::table::{self, Column, Id, Measured};
use super::{Work, draws_of, file_fault, sampling, shortened, voice, write_lines};
use crate::data::Row;
use crate::generate::{Ask, Completion, Finish, Sampling};
use crate::judge::term::{self, Values, mean_of_finite};
use crate::judge::{Bench, Scene, Spoken, panel};
use crate::metric::text;
use crate::model::Lm;
use crate::models::input;
use crate::rng::Rng;

/// How much longer a reply may be that is thought over first.
const THINKING_ROOM: usize = 2;

/// # Errors
/// As data, models and judges; [`Fault::Interrupted`].
pub fn perform(spec: &EvaluateSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    let steps = spec.subjects.len() as u64;
    work.tell("loading", 0, steps, None, None);
    let rows = match &spec.data {
        Some(data) => {
            let read = work.data(data)?;
            read.prompts(data.split, spec.prompts).into_iter().cloned().collect()
        }
        None => Vec::new(),
    };
    let mut subjects = Vec::new();
    for (index, subject) in spec.subjects.iter().enumerate() {
        work.tell("sampling", index as u64, steps, None, None);
        subjects.push(said_by(spec, index, subject, &rows, work)?);
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
        let alone = matches!(spec.subjects[index], Subject::Speakers { .. });
        let scenes: Vec<Scene> = scenes(transcripts, &situations);
        let mut bench = Bench::new(work.models, work.request.inputs, pool.clone(), false);
        bench_kept.take().into_iter().for_each(|kept| bench.take(kept));
        bench.next_batch();
        for (metric, what) in spec.metrics.iter().enumerate() {
            for (criterion, values) in measure(what, &scenes, alone, &mut bench)? {
                if criterion.is_none() {
                    note(transcripts, &names[metric], &values);
                }
                let together = matches!(what, MetricSpec::Term(term) if term.name == "distinct_2");
                let column = if together { distinct(&scenes) } else { column(&scenes, transcripts, alone, values) };
                match measured.iter_mut().find(|m| m.metric == metric && m.criterion == criterion) {
                    Some(known) => known.columns.push(column),
                    None => measured.push(Measured { metric, criterion, columns: vec![column], together }),
                }
            }
        }
        bench_kept = Some(bench.keep());
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
        outputs.notes.push("the contrast judge gives every criterion of a rubric the same score".into());
    }
    Ok(outputs)
}

/// What a subject said: sampled now, or read; kept in the draft, so that a stopped evaluation need not ask again.
fn said_by(
    spec: &EvaluateSpec,
    index: usize,
    subject: &Subject,
    rows: &[Row],
    work: &mut Work<'_>,
) -> Result<Vec<Transcript>, Fault> {
    let draft = work.workspace.resume_file(&format!("subject-{index}.jsonl"));
    let read = |path: &std::path::Path| -> Result<Vec<Transcript>, Fault> {
        let text = std::fs::read_to_string(path).map_err(|why| file_fault(path, why))?;
        let line = |(at, json): (usize, &str)| {
            let mut transcript: Transcript =
                serde_json::from_str(json).map_err(|why| file_fault(path, format!("line {}: {why}", at + 1)))?;
            transcript.subject = index;
            Ok(transcript)
        };
        text.lines().enumerate().map(line).collect()
    };
    if let Subject::Transcripts { transcripts } = subject {
        return read(&input(work.request.inputs, transcripts)?.path);
    }
    if draft.exists() {
        return read(&draft);
    }
    let said = match subject {
        Subject::Speakers { speakers, prompting } => asked(spec, index, speakers, *prompting, rows, work)?,
        Subject::Played { dialogue, prompting } => dialogue::played(dialogue, *prompting, index, work)?,
        Subject::Transcripts { .. } => Vec::new(),
    };
    let lines: Vec<String> =
        said.iter().map(|t| serde_json::to_string(t).expect("a transcript is plain data") + "\n").collect();
    std::fs::create_dir_all(&work.workspace.resume).map_err(|why| file_fault(&draft, why))?;
    let beside = draft.with_extension("draft");
    std::fs::write(&beside, lines.concat()).map_err(|why| file_fault(&beside, why))?;
    std::fs::rename(&beside, &draft).map_err(|why| file_fault(&draft, why))?;
    Ok(said)
}

/// Every speaker answers every situation; all that share a model are one batch.
fn asked(
    spec: &EvaluateSpec,
    index: usize,
    speakers: &[Speaker],
    prompting: Baseline,
    rows: &[Row],
    work: &mut Work<'_>,
) -> Result<Vec<Transcript>, Fault> {
    if rows.is_empty() {
        return Err(Fault::Data("speakers are measured on situations, and `data` has none".into()));
    }
    let mut opened = Vec::new();
    for speaker in speakers {
        opened.push(work.policy(&speaker.policy)?);
    }
    let candidates = if prompting == Baseline::SelfConsistency { voice::CANDIDATES } else { 1 };
    let mut models: Vec<&Lm> = Vec::new();
    for (lm, _) in &opened {
        if !models.iter().any(|known| known.same(lm)) {
            models.push(lm);
        }
    }
    let mut out: Vec<((usize, usize), Vec<Transcript>)> = Vec::new();
    for lm in models {
        let mut asks = Vec::new();
        let mut whose = Vec::new();
        for (who, (speaker, (own, lora))) in speakers.iter().zip(&opened).enumerate().filter(|(_, (_, o))| o.0.same(lm))
        {
            for (situation, row) in rows.iter().enumerate() {
                let row = shortened(row, spec.data.as_ref().and_then(|data| data.max_len), own)?;
                let messages = voice::messages(Some(&speaker.persona), &row, prompting);
                let key = draws_of(&format!("{} {}", row.key, speaker.persona.name));
                let n = spec.sample.n as usize * candidates;
                asks.push(Ask { prompt: voice::prompt(own, &messages)?, adapter: lora.as_ref(), n, key });
                whose.push((who, situation));
            }
        }
        let plain = sampling(&spec.sample, lm);
        let thinks = matches!(prompting, Baseline::Cot | Baseline::FewShotCot);
        let how = Sampling { max_new: plain.max_new * if thinks { THINKING_ROOM } else { 1 }, ..plain };
        for ((who, situation), made) in whose.into_iter().zip(work.generate_shared(lm, &asks, &how, spec.seed)?) {
            let chosen = made.chunks(candidates).map(|all| {
                let texts: Vec<&str> = all.iter().map(|c| voice::reply(&c.text, prompting)).collect();
                &all[voice::most_agreed(&texts)]
            });
            let transcripts = chosen.enumerate().map(|(sample, completion)| {
                alone(index, sample, &rows[situation], &speakers[who], completion, prompting)
            });
            out.push(((who, situation), transcripts.collect()));
        }
    }
    out.sort_by_key(|(at, _)| *at);
    Ok(out.into_iter().flat_map(|(_, transcripts)| transcripts).collect())
}

fn alone(
    subject: usize,
    sample: usize,
    row: &Row,
    speaker: &Speaker,
    completion: &Completion,
    prompting: Baseline,
) -> Transcript {
    let line = Line {
        speaker: speaker.persona.name.clone(),
        text: voice::reply(&completion.text, prompting).to_owned(),
        directive: None,
        ids: completion.ids.clone(),
        finish: Some(completion.finish),
        scores: BTreeMap::new(),
    };
    let turns = vec![Line::user(&row.said()), line];
    Transcript { subject, key: row.key.clone(), situation: row.said(), sample, turns, scores: BTreeMap::new() }
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
            let scores: Vec<Vec<f64>> =
                scores.into_iter().map(|turns| turns.into_iter().map(|s| s * reported).collect()).collect();
            let mut all = vec![(None, Values::Turns(scores.clone()))];
            all.extend(judge.rubric.criteria.iter().map(|c| (Some(c.name.clone()), Values::Turns(scores.clone()))));
            Ok(all)
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
                let tokens =
                    scenes.iter().map(|s| s.turns.iter().map(|turn| term::tokens(turn) as f64).collect()).collect();
                all.push((Some("tokens".into()), Values::Turns(tokens)));
            }
            Ok(all)
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

/// What metrics are called in transcripts: the term, or `judge`; a second of a name has a number.
fn names(metrics: &[MetricSpec]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for metric in metrics {
        let name = match metric {
            MetricSpec::Judge(_) => "judge",
            MetricSpec::Term(term) => &term.name,
        };
        let same =
            names.iter().filter(|known| known.as_str() == name || known.starts_with(&format!("{name}#"))).count();
        names.push(if same == 0 { name.to_owned() } else { format!("{name}#{}", same + 1) });
    }
    names
}
