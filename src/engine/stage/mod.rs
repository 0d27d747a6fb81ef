//! The stages, each reading as its algorithm. What they share is here: the task at hand, its models and data, its progress.

pub mod dialogue;
pub mod direction;
pub mod director;
pub mod evaluate;
pub mod grpo;
pub mod pairs;
pub mod policy_step;
pub mod reward_model;
pub mod said;
pub mod sft;
pub mod table;
pub mod voice;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use mascot_run::engine::{Fault, Progress, Request, Workspace};
use mascot_run::task::{Adapter, DataSpec, Policy, SampleSpec};

use crate::data::{self, Dataset};
use crate::error::Error;
use crate::generate::{Ask, Completion, Sampling};
use crate::judge::Reach;
use crate::model::Lm;
use crate::model::causal_lm::Prefix;
use crate::models::Models;
use crate::nn::Lora;
use crate::rng::Rng;

/// One task being performed.
pub struct Work<'a> {
    pub request: &'a Request<'a>,
    pub workspace: &'a Workspace,
    pub models: &'a mut Models,
    pub events: &'a mut dyn FnMut(Progress),
    /// Sentences for the user, kept for the outputs.
    pub notes: Vec<String>,
    began: Instant,
    tokens: u64,
    /// What was told last.
    told: Progress,
}

impl<'a> Work<'a> {
    pub fn new(
        request: &'a Request<'a>,
        workspace: &'a Workspace,
        models: &'a mut Models,
        events: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            request,
            workspace,
            models,
            events,
            notes: Vec::new(),
            began: Instant::now(),
            tokens: 0,
            told: Progress::default(),
        }
    }

    /// # Errors
    /// As [`data::read`].
    pub fn data(&mut self, spec: &DataSpec) -> Result<Dataset, Fault> {
        let data = data::read(spec, self.request.inputs)?;
        self.notes.extend(data.note());
        Ok(data)
    }

    /// # Errors
    /// When it cannot be read.
    pub fn policy(&mut self, policy: &Policy) -> Result<(Lm, Option<Lora>), Fault> {
        self.models.policy(policy, self.request.inputs)
    }

    /// What a training stage trains, and the adapter that it found (the reference of a KL to the policy).
    ///
    /// # Errors
    /// When there is no adapter to go on with, or one that fresh factors would push aside.
    pub fn trained(
        &mut self,
        policy: &Policy,
        adapter: &Adapter,
        seed: u64,
    ) -> Result<(Lm, Lora, Option<Lora>), Fault> {
        let (lm, found) = self.policy(policy)?;
        let lora = match (adapter, &found) {
            (Adapter::Continue, Some(lora)) => lora.clone(),
            (Adapter::Continue, None) => return Err(Fault::Model("there is no adapter to go on training".into())),
            (Adapter::Fresh(spec), None) => Lora::fresh(spec, lm.config(), &Rng::new(seed).fork("adapter")),
            (Adapter::Fresh(_), Some(_)) => {
                return Err(Fault::NotYet(
                    "fresh factors on a policy that has an adapter: leave `adapter` out to train that one further"
                        .into(),
                ));
            }
        };
        Ok((lm, lora, found))
    }

    /// What judges far away need.
    pub fn reach(&self) -> Reach<'a> {
        let Request { endpoints, stop, .. } = *self.request;
        Reach { endpoints, stop, verdicts: &self.workspace.verdicts }
    }

    pub fn stopped(&self) -> bool {
        self.request.stopped()
    }

    /// Counts tokens that were sampled, scored or trained on.
    pub fn count(&mut self, tokens: usize) {
        self.tokens += tokens as u64;
    }

    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    pub fn tell(&mut self, phase: &'static str, step: u64, steps: u64, reward: Option<f64>, loss: Option<f64>) {
        let seconds = self.seconds();
        let rate = (self.tokens > 0 && seconds > 0.0).then(|| self.tokens as f64 / seconds);
        let finite = |x: Option<f64>| x.filter(|x| x.is_finite());
        let (reward, loss) = (finite(reward), finite(loss));
        self.told = Progress { phase, step, steps, reward, loss, tokens_per_second: rate };
        (self.events)(self.told.clone());
    }

    /// Samples, and stops when asked to.
    ///
    /// # Errors
    /// [`Fault::Interrupted`], or what the model says.
    pub fn generate(
        &mut self,
        lm: &Lm,
        asks: &[Ask<'_>],
        how: &Sampling,
        seed: u64,
    ) -> Result<Vec<Vec<Completion>>, Fault> {
        self.generate_after(lm, &[], asks, how, seed)
    }

    /// As [`Work::generate`], where what the prompts of one adapter begin with (a system text, examples) is read once. Which prompts
    /// stand together must follow from the task.
    ///
    /// # Errors
    /// As [`Work::generate`].
    pub fn generate_shared(
        &mut self,
        lm: &Lm,
        asks: &[Ask<'_>],
        how: &Sampling,
        seed: u64,
    ) -> Result<Vec<Vec<Completion>>, Fault> {
        let same = |a: &Ask<'_>, b: &Ask<'_>| match (a.adapter, b.adapter) {
            (Some(a), Some(b)) => std::ptr::eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let mut known: Vec<(&Ask<'_>, Prefix)> = Vec::new();
        for ask in asks {
            if known.iter().any(|(first, _)| same(first, ask)) {
                continue;
            }
            let shared = |other: &Ask<'_>| ask.prompt.iter().zip(&other.prompt).take_while(|(a, b)| a == b).count();
            let common = asks.iter().filter(|other| same(ask, other)).map(shared).min().unwrap_or(0);
            // At least one token of every prompt is read with what follows it.
            let common =
                common.min(asks.iter().filter(|o| same(ask, o)).map(|o| o.prompt.len() - 1).min().unwrap_or(0));
            if common == 0 {
                return self.generate(lm, asks, how, seed);
            }
            self.count(common);
            known.push((ask, lm.prefix_under(ask.adapter, &ask.prompt[..common])?));
        }
        let of =
            |ask: &Ask<'_>| &known.iter().find(|(first, _)| same(first, ask)).expect("every adapter has a prefix").1;
        let before: Vec<&Prefix> = asks.iter().map(of).collect();
        self.generate_after(lm, &before, asks, how, seed)
    }

    /// As [`Work::generate`], where the beginnings of prompts were read already.
    ///
    /// # Errors
    /// As [`Work::generate`].
    pub fn generate_after(
        &mut self,
        lm: &Lm,
        before: &[&Prefix],
        asks: &[Ask<'_>],
        how: &Sampling,
        seed: u64,
    ) -> Result<Vec<Vec<Completion>>, Fault> {
        let (request, events, told, began) = (self.request, &mut *self.events, &self.told, Instant::now());
        let mut last = began;
        let mut go_on = |sampled: usize| {
            // A long batch is told of as it goes, about once a second.
            if last.elapsed().as_millis() > 900 {
                last = Instant::now();
                let rate = Some(sampled as f64 / began.elapsed().as_secs_f64());
                events(Progress { tokens_per_second: rate, ..told.clone() });
            }
            !request.stopped()
        };
        let made = lm.generate_after(before, asks, how, seed, &mut go_on)?;
        let sampled: usize = made.iter().flatten().map(|completion| completion.ids.len()).sum();
        let read: usize = asks.iter().map(|ask| ask.prompt.len()).sum();
        let known: usize = before.iter().map(|prefix| prefix.len()).sum();
        self.count(sampled + read - known);
        Ok(made)
    }
}

/// As the program asks for samples, ended by the model's own tokens.
pub fn sampling(spec: &SampleSpec, lm: &Lm) -> Sampling {
    Sampling {
        temperature: spec.temperature,
        top_p: spec.top_p,
        max_new: spec.max_new as usize,
        stop: spec.stop.clone(),
        eos: lm.config().eos.clone(),
    }
}

/// The temperature by which logits are divided in scoring; a greedy sampler's is 1.
pub fn scoring_temperature(spec: &SampleSpec) -> f32 {
    if spec.temperature > 0.0 { spec.temperature as f32 } else { 1.0 }
}

/// The number that names a row's random draws: a function of what it says, so that no other row moves them.
pub fn draws_of(key: &str) -> u64 {
    key.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The prompts of a step: a walk through all of them in a fresh order each round, `n` a step, the same for the same seed and step.
pub fn prompts_of_step(rng: &Rng, step: u64, n: usize, total: usize) -> Vec<usize> {
    let n = n.min(total.max(1));
    let mut chosen: Vec<usize> = Vec::with_capacity(n);
    let mut at = step * n as u64;
    while chosen.len() < n && total > 0 {
        let (round, place) = (at / total as u64, (at % total as u64) as usize);
        let mut order: Vec<usize> = (0..total).collect();
        rng.at(round).shuffle(&mut order);
        // At the seam of two rounds a prompt might come twice in one step.
        if !chosen.contains(&order[place]) {
            chosen.push(order[place]);
        }
        at += 1;
    }
    chosen
}

/// The situations of a data set as judges compare them.
pub fn pool(rows: &[&data::Row]) -> Vec<Arc<str>> {
    rows.iter().map(|row| Arc::from(row.said())).collect()
}

pub fn file_fault(path: &std::path::Path, why: impl std::fmt::Display) -> Fault {
    Fault::File { path: path.to_owned(), why: why.to_string() }
}

/// Writes JSON lines as an artifact.
///
/// # Errors
/// When it cannot be written.
pub fn write_lines<T: serde::Serialize>(work: &Work<'_>, name: &str, lines: &[T]) -> Result<(), Fault> {
    let path = work.workspace.artifact(name);
    std::fs::create_dir_all(&work.workspace.out).map_err(|why| file_fault(&path, why))?;
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line).map_err(|why| file_fault(&path, why))?);
        text.push('\n');
    }
    std::fs::write(&path, text).map_err(|why| file_fault(&path, why))
}

/// Cuts a row's long parts at `max_len` tokens.
///
/// # Errors
/// When a text cannot be encoded.
pub fn shortened(row: &data::Row, max_len: Option<u32>, lm: &Lm) -> Result<data::Row, Error> {
    let Some(most) = max_len else { return Ok(row.clone()) };
    let cut = |text: &str| -> Result<String, Error> {
        let ids = lm.tokenizer().encode(text)?;
        if ids.len() <= most as usize {
            Ok(text.to_owned())
        } else {
            lm.tokenizer().decode(&ids[..most as usize], true)
        }
    };
    let cut_some = |text: &Option<String>| text.as_deref().map(cut).transpose();
    Ok(data::Row {
        context: cut_some(&row.context)?,
        prompt: cut(&row.prompt)?,
        completion: cut_some(&row.completion)?,
        ..row.clone()
    })
}
