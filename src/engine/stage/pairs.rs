//! Preference pairs: K candidates a prompt from a policy, judged; (y_w, y_l) is kept iff s(y_w) − s(y_l) ≥ δ (methods 1.2).
//!
//! Every two candidates of a prompt that are δ apart make a pair. Differs from the paper in nothing that it states; that equal
//! texts make one candidate is ours.

use std::collections::BTreeSet;
use std::sync::Arc;

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{Baseline, PairsSpec};
use serde::{Deserialize, Serialize};

use super::kept::{self, Bits};
use super::{Work, draws_of, pool, sampling, shortened, voice, write_lines};
use crate::generate::{Ask, Finish};
use crate::judge::term::{Values, mean_of_finite};
use crate::judge::{self, Bench, Scene, panel};
use crate::rng::Rng;

/// One line of `pairs.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The prompt's digest: by it pairs are held out.
    pub key: String,
    pub persona: Option<String>,
    pub system: String,
    pub prompt: String,
    pub chosen: String,
    pub rejected: String,
    pub chosen_score: f64,
    pub rejected_score: f64,
}

/// Prompts that are judged together. What stands together follows from the task, so that a judge's sums do.
const TOGETHER: usize = 8;

/// A score a scene, by parts of the prompts: each is kept in the draft, so that a stopped stage asks no judge twice.
fn judged(
    spec: &PairsSpec,
    scenes: &[Scene],
    pool: Vec<Arc<str>>,
    steps: u64,
    work: &mut Work<'_>,
) -> Result<Vec<f64>, Fault> {
    let mut scored = Vec::with_capacity(scenes.len());
    let mut fetched = Some(judge::bench::Kept::default());
    let mut done = 0;
    for (part, scenes) in scenes.chunk_by(|a, b| a.situation / TOGETHER == b.situation / TOGETHER).enumerate() {
        if work.stopped() {
            return Err(Fault::Interrupted);
        }
        let name = format!("judged-{part}.json");
        let values = match kept::kept::<Bits>(work.workspace, &name).map(Bits::values) {
            Some(Values::Scenes(values)) if values.len() == scenes.len() => values,
            _ => {
                let reach = work.reach();
                let mut bench = Bench::new(work.models, work.request.inputs, pool.clone(), true).reaching(reach);
                fetched.take().into_iter().for_each(|fetched| bench.take(fetched));
                bench.next_batch();
                let values = panel::score(&spec.judge, scenes, &mut bench)?.overall.of_scenes();
                fetched = Some(bench.keep());
                kept::keep(work.workspace, &name, &Bits::of(&Values::Scenes(values.clone())))?;
                values
            }
        };
        scored.extend(values);
        done = scenes.last().map_or(done, |scene| scene.situation as u64 + 1);
        work.tell("judging", done, steps, None, None);
    }
    Ok(scored)
}

/// # Errors
/// As the data, the model and the judge; [`Fault::Interrupted`] with finished prompts kept.
pub fn perform(spec: &PairsSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    work.tell("loading", 0, 0, None, None);
    let (lm, lora) = work.policy(&spec.from)?;
    let data = work.data(&spec.data)?;
    let persona = spec.persona.as_ref();
    let mut rows = Vec::new();
    for row in data.prompts(spec.data.split, spec.prompts) {
        rows.push(shortened(row, spec.data.max_len, &lm)?);
    }
    if rows.is_empty() {
        return Err(work.nothing(&data, &spec.data, "no prompt to sample from"));
    }
    let steps = rows.len() as u64;
    work.tell("sampling", 0, steps, None, None);
    let mut asks = Vec::new();
    for row in &rows {
        let prompt = voice::prompt(&lm, &voice::messages(persona, row, Baseline::ZeroShot))?;
        let key = Rng::new(draws_of(&row.key)).word(0);
        asks.push(Ask { prompt, adapter: lora.as_ref(), n: spec.sample.n as usize, key });
    }
    let candidates = work.generate_kept(&lm, &asks, &sampling(&spec.sample, &lm), spec.seed, "asked.jsonl")?;
    work.tell("judging", 0, steps, None, None);
    let mut scenes = Vec::new();
    for (situation, (row, candidates)) in rows.iter().zip(&candidates).enumerate() {
        let mut texts = BTreeSet::new();
        for candidate in candidates.iter().filter(|c| !c.text.trim().is_empty() && texts.insert(c.text.trim())) {
            let turn = (candidate.text.trim().to_owned(), candidate.ids.clone(), candidate.finish != Finish::Length);
            scenes.push(voice::scene(situation, row, persona, turn));
        }
    }
    let pool = pool(&rows.iter().collect::<Vec<_>>());
    let scored = judged(spec, &scenes, pool, steps, work)?;

    let mut pairs = Vec::new();
    for (i, better) in scenes.iter().enumerate() {
        for (j, worse) in scenes.iter().enumerate().filter(|(_, worse)| worse.situation == better.situation) {
            // A void score is NaN: no comparison with it holds.
            let far = scored[i] - scored[j] >= spec.min_gap;
            if i == j || !far || (scored[i] == scored[j] && i > j) {
                continue;
            }
            pairs.push(Pair {
                key: rows[better.situation].key.clone(),
                persona: persona.map(|persona| persona.name.clone()),
                system: better.turns[0].system.to_string(),
                prompt: rows[better.situation].said(),
                chosen: better.turns[0].text.clone(),
                rejected: worse.turns[0].text.clone(),
                chosen_score: scored[i],
                rejected_score: scored[j],
            });
        }
    }
    write_lines(work, "pairs.jsonl", &pairs)?;
    work.tell("judging", steps, steps, None, None);
    let mut outputs = Outputs { artifacts: vec!["pairs.jsonl".into()], ..Outputs::default() };
    let mut result = |name: &str, value: f64| outputs.results.insert(name.into(), value);
    result("pairs", pairs.len() as f64);
    result("kept", pairs.len() as f64);
    result("prompts", rows.len() as f64);
    result("candidates", scenes.len() as f64);
    result("score", mean_of_finite(&scored));
    result("tokens", work.tokens() as f64);
    outputs.results.retain(|_, value| value.is_finite());
    if pairs.is_empty() {
        let why =
            format!("no two candidates of a prompt are {} apart on the judge's scale: there is no pair", spec.min_gap);
        outputs.notes.push(why);
    }
    Ok(outputs)
}
