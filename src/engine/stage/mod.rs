//! The stages, each reading as its algorithm. What they share is here: the task at hand, its models and data, its progress.

pub mod dialogue;
pub mod direction;
pub mod director;
pub mod evaluate;
pub mod grpo;
pub mod kept;
pub mod memo;
pub mod pairs;
pub mod policy_step;
pub mod reward_model;
pub mod said;
pub mod sft;
pub mod table;
pub mod voice;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mascot_run::engine::{Fault, Progress, Request, Workspace};
use mascot_run::task::{Adapter, DataSpec, Policy, SampleSpec, SplitName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::{self, Dataset};
use crate::error::Error;
use crate::generate::{Ask, Completion, Sampling};
use crate::judge::Reach;
use crate::model::Lm;
use crate::model::causal_lm::Prefix;
use crate::models::Models;
use crate::nn::Lora;
use crate::rng::Rng;
use crate::train::checkpoint::Checkpoint;

/// Told of a prompt's completions when the last of them is done.
type Finished<'a> = dyn FnMut(usize, &[Completion]) -> Result<(), Error> + 'a;

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
    /// Of those, what earlier calls had counted: they tell nothing about this one's speed.
    resumed: u64,
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
            resumed: 0,
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
        let Request { endpoints, stop, notice, .. } = *self.request;
        Reach { endpoints, stop, notice, verdicts: &self.workspace.verdicts }
    }

    pub fn stopped(&self) -> bool {
        self.request.stopped()
    }

    /// Counts tokens that were sampled, scored or trained on.
    pub fn count(&mut self, tokens: usize) {
        self.tokens += tokens as u64;
    }

    /// Counts tokens that an earlier call, whose draft is gone on from, had counted.
    pub fn resume(&mut self, tokens: u64) {
        self.tokens += tokens;
        self.resumed += tokens;
    }

    /// The state that an earlier call left. One that cannot be read is said and thrown away: the stage begins anew.
    ///
    /// # Errors
    /// When the broken state cannot be removed.
    pub fn checkpoint<S: Serialize + DeserializeOwned>(
        &mut self,
        params: usize,
    ) -> Result<Option<Checkpoint<S>>, Fault> {
        match Checkpoint::load(self.workspace, params) {
            Ok(found) => Ok(found),
            Err(fault) => {
                self.notes.push(format!("the draft was broken, so the stage began anew ({})", fault.in_words()));
                std::fs::remove_dir_all(&self.workspace.resume)
                    .and_then(|()| std::fs::create_dir_all(&self.workspace.resume))
                    .map_err(|why| file_fault(&self.workspace.resume, why))?;
                Ok(None)
            }
        }
    }

    /// What to say when the data hold nothing for a stage: which split of which file, what the others hold, what was refused.
    pub fn nothing(&self, data: &Dataset, spec: &DataSpec, what: &str) -> Fault {
        let path = self.request.inputs.get(&spec.source).map_or(Path::new("the data"), |input| &input.path);
        let count = |split: SplitName| data.of(Some(split)).count();
        let counts = [SplitName::Train, SplitName::Val, SplitName::Test]
            .map(|split| format!("{} {}", name_of(split), count(split)));
        let asked = spec.split.map_or_else(|| "it".to_owned(), |split| format!("its split `{}`", name_of(split)));
        let mut why = format!("{}: {asked} has {what} (rows: {})", path.display(), counts.join(", "));
        if let Some(refused) = data.note() {
            why.push_str("; ");
            why.push_str(&refused);
        }
        Fault::Data(why)
    }

    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    pub fn tell(&mut self, phase: &'static str, step: u64, steps: u64, reward: Option<f64>, loss: Option<f64>) {
        let seconds = self.began.elapsed().as_secs_f64();
        let tokens = self.tokens - self.resumed;
        let rate = (tokens > 0 && seconds > 0.0).then(|| tokens as f64 / seconds);
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
        let Some(beginnings) = beginnings(asks) else { return self.generate(lm, asks, how, seed) };
        let before = self.read_beginnings(lm, asks, &beginnings)?;
        let before: Vec<&Prefix> = beginnings.iter().map(|(first, _)| &before[first]).collect();
        self.generate_after(lm, &before, asks, how, seed)
    }

    /// As [`Work::generate_shared`]; completions are kept in the draft under `name` as soon as a prompt has all of its own, and those
    /// that are there already are not drawn again. (What is drawn does not depend on what else is in the batch.)
    ///
    /// # Errors
    /// As [`Work::generate`], and when the draft cannot be written.
    pub fn generate_kept(
        &mut self,
        lm: &Lm,
        asks: &[Ask<'_>],
        how: &Sampling,
        seed: u64,
        name: &str,
    ) -> Result<Vec<Vec<Completion>>, Fault> {
        let mut answers = kept::Answers::open(self.workspace, name, asks)?;
        // What is shared follows from all prompts, whichever are left.
        let beginnings = beginnings(asks);
        let known = |ask: usize| beginnings.as_ref().map_or(0, |known| known[ask].1);
        let left: Vec<usize> = (0..asks.len()).filter(|&ask| !answers.has(ask)).collect();
        let done = (0..asks.len()).filter(|&ask| answers.has(ask));
        let before: usize = done.map(|ask| asks[ask].prompt.len() - known(ask) + answers.sampled(ask)).sum();
        self.resume(before as u64);
        if left.is_empty() {
            let read: BTreeMap<usize, usize> = beginnings.iter().flatten().copied().collect();
            self.resume(read.values().map(|length| *length as u64).sum());
            return Ok(answers.all());
        }
        let read = match &beginnings {
            Some(known) => self.read_beginnings(lm, asks, known)?,
            None => BTreeMap::new(),
        };
        let before: Vec<&Prefix> =
            beginnings.iter().flat_map(|known| left.iter().map(|&ask| &read[&known[ask].0])).collect();
        let open: Vec<Ask<'_>> = left.iter().map(|&ask| asks[ask].clone()).collect();
        let mut failed = None;
        let drawn = self.generate_telling(lm, &before, &open, how, seed, &mut |at, completions| {
            answers.add(left[at], asks[left[at]].key, completions).map_err(|fault| {
                // The engine's lower rooms speak of errors: the fault itself is told below.
                failed = Some(fault);
                Error::Interrupted
            })
        });
        match failed {
            Some(fault) => Err(fault),
            None => drawn.map(|_| answers.all()),
        }
    }

    /// Reads what prompts begin with, by the first prompt of each beginning.
    fn read_beginnings(
        &mut self,
        lm: &Lm,
        asks: &[Ask<'_>],
        beginnings: &[(usize, usize)],
    ) -> Result<BTreeMap<usize, Prefix>, Fault> {
        let mut read = BTreeMap::new();
        for &(first, length) in beginnings {
            if let Entry::Vacant(place) = read.entry(first) {
                self.count(length);
                place.insert(lm.prefix_under(asks[first].adapter, &asks[first].prompt[..length])?);
            }
        }
        Ok(read)
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
        self.generate_telling(lm, before, asks, how, seed, &mut |_, _| Ok(()))
    }

    fn generate_telling(
        &mut self,
        lm: &Lm,
        before: &[&Prefix],
        asks: &[Ask<'_>],
        how: &Sampling,
        seed: u64,
        finished: &mut Finished<'_>,
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
        let made = lm.generate_telling(before, asks, how, seed, &mut go_on, finished)?;
        let sampled: usize = made.iter().flatten().map(|completion| completion.ids.len()).sum();
        let read: usize = asks.iter().map(|ask| ask.prompt.len()).sum();
        let known: usize = before.iter().map(|prefix| prefix.len()).sum();
        self.count(sampled + read - known);
        Ok(made)
    }
}

/// Of each prompt: the first prompt of the same adapter, and how many tokens all of that adapter's prompts begin with. `None` where
/// some begin with nothing in common.
fn beginnings(asks: &[Ask<'_>]) -> Option<Vec<(usize, usize)>> {
    let mut known: Vec<(usize, usize)> = Vec::with_capacity(asks.len());
    for (at, ask) in asks.iter().enumerate() {
        let first = asks.iter().position(|first| first.same_adapter(ask)).unwrap_or(at);
        if first < at {
            known.push(known[first]);
            continue;
        }
        let shared = |other: &Ask<'_>| ask.prompt.iter().zip(&other.prompt).take_while(|(a, b)| a == b).count();
        let like = || asks.iter().filter(|other| ask.same_adapter(other));
        let common = like().map(shared).min().unwrap_or(0);
        // At least one token of every prompt is read with what follows it.
        let common = common.min(like().map(|other| other.prompt.len().saturating_sub(1)).min().unwrap_or(0));
        if common == 0 {
            return None;
        }
        known.push((at, common));
    }
    Some(known)
}

fn name_of(split: SplitName) -> &'static str {
    match split {
        SplitName::Train => "train",
        SplitName::Val => "val",
        SplitName::Test => "test",
    }
}

/// Stops a step whose loss or gradient is no number, before it reaches a parameter.
///
/// # Errors
/// [`Fault::Model`] with the step (from 1) and its batch.
pub fn finite_step(loss: f64, grad_norm: f64, step: u64, steps: u64, batch: &[String]) -> Result<(), Fault> {
    if loss.is_finite() && grad_norm.is_finite() {
        return Ok(());
    }
    let fault = Fault::Model(format!("the loss is {loss}, and the norm of its gradient {grad_norm}"));
    Err(in_step(fault, step, steps, batch))
}

/// A model's fault in the middle of a step, with the step (from 1) and its batch.
pub fn in_step(fault: Fault, step: u64, steps: u64, batch: &[String]) -> Fault {
    let Fault::Model(why) = fault else { return fault };
    let shown = |text: &String| {
        let short: String = text.chars().take(60).collect();
        format!("{:?}{}", short.trim(), if short.len() < text.len() { "…" } else { "" })
    };
    let batch = batch.iter().map(shown).collect::<Vec<_>>().join(", ");
    Fault::Model(format!(
        "step {} of {steps}: {why}; nothing of this step was kept. Its batch: {batch}. A lower `lr` or `max_grad_norm` may help, \
         and so may another look at these texts and at the model's weights",
        step + 1
    ))
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
