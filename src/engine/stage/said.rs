//! What the subjects of an `evaluate` say: sampled now, played, read from a dialogue, or written by somebody.

use std::collections::BTreeMap;
use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::{Baseline, DataSpec, EvaluateSpec, ModelSpec, PersonaSpec, Speaker, Subject};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::dialogue::{self, Line, Transcript};
use super::memo::Memo;
use super::{Work, draws_of, file_fault, kept, sampling, shortened, voice};
use crate::data::{Row, same_persona};
use crate::generate::{Ask, Completion, Finish, Sampling};
use crate::judge::{Spoken, likelihood};
use crate::model::Lm;
use crate::models::input;

/// How much longer a reply may be that is thought over first.
const THINKING_ROOM: usize = 2;

/// What a subject said; kept in the draft where it was sampled, so that a stopped evaluation need not ask again.
///
/// # Errors
/// As data and models; [`Fault::Interrupted`].
pub fn by(
    spec: &EvaluateSpec,
    index: usize,
    subject: &Subject,
    rows: &[Row],
    work: &mut Work<'_>,
) -> Result<Vec<Transcript>, Fault> {
    let draft = format!("subject-{index}.json");
    if let Some(Said { tokens, transcripts }) = kept::kept(work.workspace, &draft) {
        work.resume(tokens);
        return Ok(transcripts);
    }
    let memo = match subject {
        // Read anew: it costs nothing, and may have something to say.
        Subject::Transcripts { .. } | Subject::Written { .. } => None,
        Subject::Speakers { .. } | Subject::Played { .. } => {
            let EvaluateSpec { data, prompts, sample, seed, .. } = spec;
            let parts = json!({"said": subject, "data": data, "prompts": prompts, "sample": sample, "seed": seed});
            Some(Memo::of(work, parts))
        }
    };
    if let Some(mut said) = memo.as_ref().and_then(Memo::found::<Said>) {
        work.resume(said.tokens);
        said.transcripts.iter_mut().for_each(|transcript| transcript.subject = index);
        return Ok(said.transcripts);
    }
    let begun = work.tokens();
    let said = match subject {
        Subject::Transcripts { transcripts } => {
            return read(&input(work.request.inputs, transcripts)?.path, index);
        }
        Subject::Written { data, model, crew } => return written(index, data, model, crew, work),
        Subject::Speakers { speakers, prompting } => asked(spec, index, speakers, *prompting, rows, work)?,
        Subject::Played { dialogue, prompting } => dialogue::played(dialogue, *prompting, index, false, work)?,
    };
    let said = Said { tokens: work.tokens() - begun, transcripts: said };
    kept::keep(work.workspace, &draft, &said)?;
    memo.map_or(Ok(()), |memo| memo.keep(&said))?;
    // What was kept on the way is in it.
    if let Subject::Speakers { speakers, .. } = subject {
        (0..speakers.len()).for_each(|model| kept::forget(work.workspace, &asked_file(index, model)));
    }
    kept::forget(work.workspace, &format!("played-{index}.json"));
    Ok(said.transcripts)
}

/// A subject's transcripts in the draft.
#[derive(Serialize, Deserialize)]
struct Said {
    tokens: u64,
    transcripts: Vec<Transcript>,
}

/// Where the draft keeps what a subject's speakers of one model say.
fn asked_file(subject: usize, model: usize) -> String {
    format!("asked-{subject}-{model}.jsonl")
}

fn read(path: &Path, subject: usize) -> Result<Vec<Transcript>, Fault> {
    let text = std::fs::read_to_string(path).map_err(|why| file_fault(path, why))?;
    let line = |(at, json): (usize, &str)| {
        let mut transcript: Transcript =
            serde_json::from_str(json).map_err(|why| file_fault(path, format!("line {}: {why}", at + 1)))?;
        transcript.subject = subject;
        Ok(transcript)
    };
    text.lines().enumerate().map(line).collect()
}

/// Lines of the crew, each as a turn of its persona that ended by itself. Their situations are clusters of their own: nothing that
/// other subjects say is paired with them.
fn written(
    index: usize,
    data: &DataSpec,
    model: &ModelSpec,
    crew: &[PersonaSpec],
    work: &mut Work<'_>,
) -> Result<Vec<Transcript>, Fault> {
    let read = work.data(data)?;
    let lm = work.models.lm(model, work.request.inputs)?;
    let mut said: Vec<Transcript> = Vec::new();
    let mut samples: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut strangers = 0;
    for row in read.completions(data.split) {
        let whose = row.persona.as_deref().and_then(|name| crew.iter().find(|one| same_persona(&one.name, name)));
        let Some(persona) = whose else {
            strangers += 1;
            continue;
        };
        let row = shortened(row, data.max_len, &lm)?;
        let text = row.completion.as_deref().unwrap_or_default().trim().to_owned();
        let turn = Spoken { speaker: persona.name.clone(), system: "".into(), text, ids: Vec::new(), finished: true };
        let ids = likelihood::ids(&lm, &turn)?;
        let count = samples.entry((row.key.clone(), &persona.name)).or_default();
        let sample = *count;
        *count += 1;
        let line = Line {
            speaker: turn.speaker,
            text: turn.text,
            directive: None,
            ids,
            finish: Some(Finish::Eos),
            scores: BTreeMap::new(),
        };
        let turns = vec![Line::user(&row.said()), line];
        let key = format!("written {}", row.key);
        said.push(Transcript { subject: index, key, situation: row.said(), sample, turns, scores: BTreeMap::new() });
    }
    if said.is_empty() {
        return Err(Fault::Data(
            "the written lines hold none of anybody in the crew: a column `persona` says by the quoted name whose a line is"
                .into(),
        ));
    }
    if strangers > 0 {
        work.notes.push(format!("{strangers} written line(s) are of nobody in the crew, and were left out"));
    }
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
        return Err(match &spec.data {
            Some(data) => {
                let read = work.data(data)?;
                work.nothing(&read, data, "no situation to measure speakers on")
            }
            None => Fault::Data("speakers are measured on situations, and `data` is not given".into()),
        });
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
    for (model, lm) in models.into_iter().enumerate() {
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
        let made = work.generate_kept(lm, &asks, &how, spec.seed, &asked_file(index, model))?;
        for ((who, situation), made) in whose.into_iter().zip(made) {
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
