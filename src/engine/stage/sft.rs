//! Supervised fine-tuning: −log p of the lines that a persona (or a director) is to say, LoRA alone learning.
//!
//! 1. rows of the persona → (prompt ids, completion ids); a director's are its written directives.
//! 2. each epoch in a fresh order, `batch` rows an optimiser step.
//! 3. loss = Σ −log p over the batch's completion tokens, the ending one too / their number; clip; AdamW.
//!
//! Differs from usual practice: rows of a batch are packed behind the tokens that all of their prompts begin with (the system
//! text), which is computed once; the result is the same but for rounding.

use mascot_run::engine::{Fault, Outputs};
use mascot_run::task::{Baseline, PersonaSpec, SftPolicy, SftSpec};
use serde::{Deserialize, Serialize};

use super::{Work, director, finite_step, shortened, voice};
use crate::data::{Row, same_persona};
use crate::model::Lm;
use crate::nn::{Lora, LoraGrads, Pack};
use crate::rng::Rng;
use crate::train::checkpoint::{Checkpoint, Log};
use crate::train::optimizer::{self, AdamW};
use crate::train::schedule::learning_rate;

/// A prompt and what is to be said.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    pub prompt: Vec<u32>,
    pub completion: Vec<u32>,
}

#[derive(Serialize)]
struct Line {
    step: u64,
    loss: f64,
    grad_norm: f64,
    lr: f64,
    tokens: u64,
}

/// What the stage remembers beside its parameters.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    tokens: u64,
}

/// Steps between two saved states.
const SAVE_EVERY: u64 = 4;

/// # Errors
/// As the data and the model; [`Fault::Interrupted`] with its state saved.
pub fn perform(spec: &SftSpec, work: &mut Work<'_>) -> Result<Outputs, Fault> {
    work.tell("loading", 0, 0, None, None);
    let policy = match &spec.policy {
        SftPolicy::Speaker { policy, .. } => policy,
        SftPolicy::Director(director) => &director.policy,
    };
    let (lm, mut lora, _) = work.trained(policy, &spec.adapter, spec.seed)?;
    let lessons = lessons(spec, &lm, work)?;
    let rng = Rng::new(spec.seed).fork("sft");
    let a_round = lessons.len().div_ceil(spec.batch.max(1) as usize) as u64;
    let steps = a_round * u64::from(spec.epochs);

    let resumed = work.checkpoint::<Memory>(lora.values().len())?;
    let (mut step, mut adam) = (0, AdamW::new(lora.values().len()));
    if let Some(saved) = resumed {
        lora.values_mut().copy_from_slice(&saved.params);
        (step, adam) = (saved.step, saved.adam);
        work.resume(saved.memory.tokens);
    }
    let mut curve = Log::open(work.workspace, "curve.jsonl", step)?;
    let mut last_loss = None;
    while step < steps {
        if work.stopped() {
            save(work, step, &lora, &adam, &curve)?;
            return Err(Fault::Interrupted);
        }
        let (epoch, place) = (step / a_round, (step % a_round) as usize);
        let mut order: Vec<usize> = (0..lessons.len()).collect();
        rng.fork("epoch").at(epoch).shuffle(&mut order);
        let batch: Vec<&Lesson> =
            order.iter().skip(place * spec.batch as usize).take(spec.batch as usize).map(|&i| &lessons[i]).collect();

        let mut grads = LoraGrads::zeros(&lora);
        let loss = loss_and_gradient(&lm, &lora, &batch, &mut grads)?;
        let grad_norm = optimizer::clip(grads.values_mut(), spec.optimizer.max_grad_norm);
        let said = |lesson: &&Lesson| lm.tokenizer().decode(&lesson.completion, true).unwrap_or_default();
        finite_step(loss, grad_norm, step, steps, &batch.iter().map(said).collect::<Vec<_>>())?;
        let lr = learning_rate(&spec.optimizer, step, steps);
        adam.step(lora.values_mut(), grads.values(), lr, &spec.optimizer);

        work.count(batch.iter().map(|lesson| lesson.prompt.len() + lesson.completion.len()).sum());
        curve.push(&Line { step, loss, grad_norm, lr, tokens: work.tokens() });
        step += 1;
        last_loss = Some(loss);
        work.tell("training", step, steps, None, last_loss);
        if step % SAVE_EVERY == 0 && step < steps {
            save(work, step, &lora, &adam, &curve)?;
        }
    }
    lora.write_peft(&work.workspace.artifact("adapter"))?;
    curve.finish()?;
    let mut outputs = Outputs { artifacts: vec!["adapter".into(), "curve.jsonl".into()], ..Outputs::default() };
    outputs.results.insert("rows".into(), lessons.len() as f64);
    outputs.results.insert("tokens".into(), work.tokens() as f64);
    outputs.results.extend(last_loss.map(|loss| ("loss".to_owned(), loss)));
    Ok(outputs)
}

fn save(work: &Work<'_>, step: u64, lora: &Lora, adam: &AdamW, curve: &Log) -> Result<(), Fault> {
    curve.save()?;
    Checkpoint { step, params: lora.values().to_vec(), adam: adam.clone(), memory: Memory { tokens: work.tokens() } }
        .save(work.workspace)
}

fn lessons(spec: &SftSpec, lm: &Lm, work: &mut Work<'_>) -> Result<Vec<Lesson>, Fault> {
    let data = work.data(&spec.data)?;
    let cut = |row: &Row| shortened(row, spec.data.max_len, lm);
    let mut lessons = Vec::new();
    match &spec.policy {
        SftPolicy::Speaker { persona, .. } => {
            for row in data.completions(spec.data.split).into_iter().filter(|row| is_of(row, persona.as_ref())) {
                lessons.push(lesson(&cut(row)?, persona.as_ref(), lm)?);
            }
        }
        SftPolicy::Director(director) => {
            for row in data.of(spec.data.split).filter(|row| row.directive.is_some()) {
                match director::lesson(director, &cut(row)?, lm)? {
                    Some(lesson) => lessons.push(lesson),
                    None => work.notes.push(format!("a directive names nobody of the seats: {:?}", row.directive)),
                }
            }
        }
    }
    if lessons.is_empty() {
        let whose = match &spec.policy {
            SftPolicy::Speaker { persona: Some(persona), .. } => format!("no line of {}", persona.name),
            SftPolicy::Speaker { .. } => "no row with a completion".into(),
            SftPolicy::Director(_) => "no directive".into(),
        };
        return Err(work.nothing(&data, &spec.data, &format!("{whose} to learn from")));
    }
    Ok(lessons)
}

/// Rows that name a persona are that persona's alone.
fn is_of(row: &Row, persona: Option<&PersonaSpec>) -> bool {
    match (&row.persona, persona) {
        (Some(name), Some(persona)) => same_persona(name, &persona.name),
        _ => true,
    }
}

fn lesson(row: &Row, persona: Option<&PersonaSpec>, lm: &Lm) -> Result<Lesson, Fault> {
    let prompt = voice::prompt(lm, &voice::messages(persona, row, Baseline::ZeroShot))?;
    let says = row.completion.as_deref().unwrap_or_default();
    let completion = lm.chat().completion(lm.tokenizer(), says, lm.end_of_turn())?;
    Ok(Lesson { prompt, completion })
}

/// Mean −log p a completion token; adds its gradient to `grads`.
///
/// # Errors
/// When the model fails.
pub fn loss_and_gradient(lm: &Lm, lora: &Lora, batch: &[&Lesson], grads: &mut LoraGrads) -> Result<f64, Fault> {
    let tokens: usize = batch.iter().map(|lesson| lesson.completion.len()).sum();
    let share = 1.0 / tokens.max(1) as f64;
    let mut loss = 0.0;
    for part in parts(batch, lm.pack_tokens()) {
        let common = common_beginning(part);
        let rests: Vec<Vec<u32>> =
            part.iter().map(|lesson| [&lesson.prompt[common..], &lesson.completion[..]].concat()).collect();
        let pack = Pack::new().block(&part[0].prompt[..common], &rests);
        let pass = lm.forward_train(lora, &pack, 1.0)?;
        let mut dlogp = vec![0.0f32; pass.logps().len()];
        for (lesson, range) in part.iter().zip(pack.completions()) {
            // Only what is to be said is learnt; the rest of the prompt is a target of the pack and of nothing else.
            let own = range.end - lesson.completion.len()..range.end;
            loss -= share * pass.logps()[own.clone()].iter().map(|&logp| f64::from(logp)).sum::<f64>();
            dlogp[own].fill(-share as f32);
        }
        pass.backward(&dlogp, grads)?;
    }
    Ok(loss)
}

/// Runs of rows whose pack keeps everything for its backward pass.
fn parts<'a, 'b>(batch: &'a [&'b Lesson], most: usize) -> Vec<&'a [&'b Lesson]> {
    let mut parts = Vec::new();
    let mut from = 0;
    while from < batch.len() {
        let mut to = from + 1;
        let size = |run: &[&Lesson]| {
            let common = common_beginning(run);
            common + run.iter().map(|lesson| lesson.prompt.len() - common + lesson.completion.len()).sum::<usize>()
        };
        while to < batch.len() && common_beginning(&batch[from..=to]) > 0 && size(&batch[from..=to]) <= most {
            to += 1;
        }
        parts.push(&batch[from..to]);
        from = to;
    }
    parts
}

/// How many tokens all prompts begin with.
fn common_beginning(run: &[&Lesson]) -> usize {
    let first = &run[0].prompt;
    if run.len() == 1 {
        return first.len();
    }
    let shared = |lesson: &&Lesson| first.iter().zip(&lesson.prompt).take_while(|(a, b)| a == b).count();
    run.iter().map(shared).min().unwrap_or(0)
}
