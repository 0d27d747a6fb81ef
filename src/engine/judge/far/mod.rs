//! Judges far away, asked in parallel and heard in order.
//!
//! 1. a scene becomes `votes` questions, twice as many with `swap`; what was asked before is found in the store (`kept`).
//! 2. the others are sent, a few at a time ([`client`]); an answer without a verdict is asked again with the reason, then void.
//! 3. a scene's verdict is the mean of its votes, criterion by criterion; void unless more than half of them are there.
//! 4. void verdicts are counted. More than the judge's `most_void` of a task's stop it with a message, and so does a server that has
//!    gone silent.
//!
//! One vote is asked at temperature 0; several at 1, each with a seed of its own, or they would be one vote counted often. Nothing
//! here depends on which answer comes first. Absent: prompts ([`super::prompt`]), parsing ([`super::verdict`]).

pub mod client;
mod dialect;
mod kept;
pub mod pace;

#[cfg(test)]
mod misbehaving;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use mascot_run::digest::Digest;
use mascot_run::engine::{Endpoint, Fault};
use mascot_run::task::{JudgeSpec, RubricSpec, Slot};
use tokio::runtime::{Builder, Runtime};

use self::client::{Answer, Client, Failure, Question};
use self::kept::Kept;
use self::pace::Pace;
use super::prompt::{self, Order};
use super::scene::Scene;
use super::verdict;
use crate::text::Message;

/// How often an answer without a verdict is asked again.
const ASKED_AGAIN: usize = 2;
/// So many void verdicts are borne whatever their share: of the first few one says little.
const BORNE: usize = 4;
/// So many questions in a row to which nothing was answered, after all retries: the server is gone.
const SILENT: usize = 6;
/// As much of an unusable answer is shown to the judge that gave it.
const SHOWN: usize = 600;

/// What judging far away may reach.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    pub endpoints: &'a BTreeMap<Slot, Endpoint>,
    /// Set when the user asks to stop.
    pub stop: &'a AtomicBool,
    /// Hears what is waited for.
    pub notice: &'a dyn Fn(&str),
    /// Where answers are kept.
    pub verdicts: &'a Path,
}

/// Servers that were asked, kept from task to task: limits and ceilings are a run's.
#[derive(Default)]
pub struct Far {
    runtime: Option<Runtime>,
    clients: BTreeMap<(String, String), Rc<Client>>,
    pace: Pace,
    tally: Tally,
}

/// Verdicts of the task in hand. The same questions with the same answers make the same tally, however often they were sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pub verdicts: usize,
    pub voids: usize,
    /// Why, and how often.
    pub because: BTreeMap<String, usize>,
    /// Tokens that the verdicts took, those that were found in the store too.
    pub read: u64,
    pub written: u64,
    /// Dollars for them, where prices are known.
    pub usd: Option<f64>,
    /// Of the servers.
    pub about: Vec<String>,
}

/// One question, by what it asks.
struct Asked {
    messages: Vec<Message>,
    order: Order,
    seed: u64,
    temperature: f64,
    name: Digest,
}

/// A verdict, or why there is none.
type Verdict = Result<Vec<f64>, String>;

impl Far {
    /// With waiting times of a test.
    pub fn at(pace: Pace) -> Self {
        let mut far = Self::default();
        far.pace = pace;
        far
    }

    /// A task begins.
    pub fn begin(&mut self) {
        self.tally = Tally::default();
    }

    /// Of the task in hand, if a judge far away was asked.
    pub fn tally(&self) -> Option<&Tally> {
        Some(&self.tally).filter(|tally| tally.verdicts > 0)
    }

    /// For every scene, by criterion; `None` is void. A scene in which nobody speaks has no verdict and counts as none.
    ///
    /// # Errors
    /// [`Fault::Judge`] when the server is gone or too many verdicts are void, [`Fault::Ceiling`], [`Fault::Interrupted`],
    /// [`Fault::File`] when an answer cannot be kept.
    pub fn verdicts(
        &mut self,
        judge: &JudgeSpec,
        (model, slot): (&str, &Slot),
        scenes: &[Scene],
        reach: Reach<'_>,
    ) -> Result<Vec<Option<Vec<f64>>>, Fault> {
        let endpoint = reach.endpoints.get(slot).ok_or_else(|| {
            Fault::Judge(format!("nobody said where {model:?} lives (`{slot}`); this is a bug in mascot"))
        })?;
        let client = self.client(endpoint, model)?;
        let questions: Vec<Vec<Asked>> = scenes.iter().map(|scene| questions(judge, model, scene)).collect();
        let mut open: BTreeMap<Digest, &Asked> = BTreeMap::new();
        let mut known: BTreeMap<Digest, (Kept, Verdict)> = BTreeMap::new();
        for asked in questions.iter().flatten() {
            match kept::find(reach.verdicts, &asked.name, &judge.rubric) {
                Some((kept, scores)) => {
                    known.insert(asked.name, (kept, Ok(scores)));
                }
                None => {
                    open.insert(asked.name, asked);
                }
            }
        }
        self.ask_all(&client, &judge.rubric, open.into_values().collect(), reach, &mut known)?;
        self.combined(&client, judge.rubric.criteria.len(), &questions, &known, endpoint.remote.most_void)
    }

    fn client(&mut self, endpoint: &Endpoint, model: &str) -> Result<Rc<Client>, Fault> {
        let name = (endpoint.remote.url.clone(), model.to_owned());
        if let Some(client) = self.clients.get(&name) {
            return Ok(client.clone());
        }
        if self.runtime.is_none() {
            let runtime = Builder::new_current_thread().enable_all().build();
            self.runtime = Some(runtime.map_err(|why| Fault::Judge(format!("no connection can be made: {why}")))?);
        }
        let client = Rc::new(Client::new(endpoint, model, self.pace)?);
        self.clients.insert(name, client.clone());
        Ok(client)
    }

    /// Sends every question, keeps what is answered, and looks whether the user wants to stop.
    fn ask_all(
        &self,
        client: &Client,
        rubric: &RubricSpec,
        open: Vec<&Asked>,
        reach: Reach<'_>,
        known: &mut BTreeMap<Digest, (Kept, Verdict)>,
    ) -> Result<(), Fault> {
        type OneVerdict<'a> = Pin<Box<dyn Future<Output = (&'a Asked, Result<(Kept, Verdict, bool), Fault>)> + 'a>>;
        let runtime = self.runtime.as_ref().expect("a client is made after the runtime");
        runtime.block_on(async {
            let mut waiting = open.into_iter();
            let mut sent: FuturesUnordered<OneVerdict<'_>> = FuturesUnordered::new();
            let mut silent = 0;
            let mut told: Option<String> = None;
            loop {
                while sent.len() < client.lanes()
                    && let Some(asked) = waiting.next()
                {
                    sent.push(Box::pin(async move { (asked, one(client, rubric, asked).await) }));
                }
                if reach.stop.load(Ordering::Relaxed) {
                    return Err(Fault::Interrupted);
                }
                let waits = client.waits();
                if waits != told {
                    match &waits {
                        Some(why) => (reach.notice)(why),
                        None => (reach.notice)(&format!("{}: it answers again", client.place())),
                    }
                    told = waits;
                }
                let next = match tokio::time::timeout(self.pace.glance, sent.next()).await {
                    Err(_) => continue,
                    Ok(None) => return Ok(()),
                    Ok(Some(next)) => next,
                };
                let (asked, came) = next;
                let (kept, verdict, was_silent) = came?;
                silent = if was_silent { silent + 1 } else { 0 };
                if let (true, Err(why)) = (silent >= SILENT, &verdict) {
                    return Err(Fault::Judge(format!(
                        "{why}; {SILENT} questions in a row got no answer; run again when the server does: what it answered is kept"
                    )));
                }
                if verdict.is_ok() {
                    kept::keep(reach.verdicts, &asked.name, &kept)?;
                }
                known.insert(asked.name, (kept, verdict));
            }
        })
    }

    /// Votes to verdicts, counted.
    fn combined(
        &mut self,
        client: &Client,
        criteria: usize,
        questions: &[Vec<Asked>],
        known: &BTreeMap<Digest, (Kept, Verdict)>,
        most_void: f64,
    ) -> Result<Vec<Option<Vec<f64>>>, Fault> {
        let tally = &mut self.tally;
        let mut all = Vec::with_capacity(questions.len());
        for votes in questions {
            if votes.is_empty() {
                all.push(None);
                continue;
            }
            let mut sums = vec![0.0; criteria];
            let mut counted = 0;
            let mut because = None;
            for asked in votes {
                let (kept, verdict) = &known[&asked.name];
                tally.read += kept.read;
                tally.written += kept.written;
                match verdict {
                    Ok(scores) => {
                        counted += 1;
                        sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
                    }
                    Err(why) => because = because.or(Some(why)),
                }
            }
            tally.verdicts += 1;
            let there = counted * 2 > votes.len();
            if !there {
                tally.voids += 1;
                let because = because.map_or("no verdict", String::as_str).to_owned();
                *tally.because.entry(because).or_default() += 1;
            }
            all.push(there.then(|| sums.into_iter().map(|sum| sum / counted as f64).collect()));
        }
        tally.usd = client.price(tally.read, tally.written);
        if let Some(note) = client.note().filter(|note| !tally.about.contains(note)) {
            tally.about.push(note);
        }
        if tally.voids > BORNE && tally.voids as f64 > most_void * tally.verdicts as f64 {
            return Err(Fault::Judge(format!(
                "{}: {} of {} verdicts are void, and {:.0}% may be ({}); a judge that cannot follow the rubric measures nothing: \
                 ask a better model, or a simpler rubric",
                client.place(),
                tally.voids,
                tally.verdicts,
                100.0 * most_void,
                tally.reasons()
            )));
        }
        Ok(all)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        // A name that is being looked up in another thread must not hold the process back.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Tally {
    /// The most frequent first, three at most.
    fn reasons(&self) -> String {
        let mut all: Vec<(&String, &usize)> = self.because.iter().collect();
        all.sort_by_key(|(why, count)| (std::cmp::Reverse(**count), *why));
        all.iter().take(3).map(|(why, count)| format!("{count}× {why}")).collect::<Vec<_>>().join("; ")
    }

    /// What the user should read.
    pub fn notes(&self) -> Vec<String> {
        let price = match self.usd {
            Some(usd) => format!("{usd:.4} usd"),
            None => "price unknown".to_owned(),
        };
        let mut notes = vec![format!(
            "judge far away: {} verdicts, {} void, {} tokens read and {} written, {price}",
            self.verdicts, self.voids, self.read, self.written
        )];
        if self.voids > 0 {
            notes.push(format!("void verdicts leave their samples out of means and of training: {}", self.reasons()));
        }
        notes.extend(self.about.iter().cloned());
        notes
    }
}

/// The questions that make one verdict.
fn questions(judge: &JudgeSpec, model: &str, scene: &Scene) -> Vec<Asked> {
    if scene.turns.is_empty() {
        return Vec::new();
    }
    let orders: &[Order] = if judge.swap { &[Order::Written, Order::Reversed] } else { &[Order::Written] };
    let temperature = if judge.votes > 1 { 1.0 } else { 0.0 };
    let mut all = Vec::new();
    for order in orders {
        let messages = prompt::all_criteria(&judge.rubric, &judge.crew, scene, *order);
        for seed in 1..=u64::from(judge.votes.max(1)) {
            let name = kept::name(model, &messages, seed, temperature);
            all.push(Asked { messages: messages.clone(), order: *order, seed, temperature, name });
        }
    }
    all
}

/// Asks one question until its answer holds a verdict, or has failed to often enough. With whether the server was silent.
async fn one(client: &Client, rubric: &RubricSpec, asked: &Asked) -> Result<(Kept, Verdict, bool), Fault> {
    let draw = u64::from(asked.name.to_string().as_bytes()[0]) * 7 + u64::from(asked.name.to_string().as_bytes()[1]);
    let mut messages = asked.messages.clone();
    // A server that is held to a schema writes scores in the schema's order: it is the prompt's.
    let shape = prompt::in_order(rubric, asked.order);
    let mut kept = Kept { answer: String::new(), read: 0, written: 0 };
    let mut why = String::new();
    for again in 0..=ASKED_AGAIN as u64 {
        // At temperature 0 the same seed gives the same answer; the reason and the seed both make it another question.
        let seed = asked.seed + 1_000 * again;
        let question = Question { messages: &messages, rubric: &shape, seed, temperature: asked.temperature, draw };
        let Answer { text, read, written } = match client.ask(question).await {
            Ok(answer) => answer,
            Err(Failure::Void { why, silent }) => return Ok((kept, Err(why), silent)),
            Err(Failure::Fault(fault)) => return Err(fault),
        };
        kept.read += read;
        kept.written += written;
        match verdict::read(&text, rubric) {
            Ok(scores) => {
                kept.answer = text;
                return Ok((kept, Ok(scores), false));
            }
            Err(reason) => why = reason,
        }
        messages.truncate(asked.messages.len());
        let shown: String = text.chars().take(SHOWN).collect();
        messages.push(Message::new("assistant", if shown.trim().is_empty() { "…".to_owned() } else { shown }));
        messages.push(Message::new(
            "user",
            format!("That answer cannot be used: {why}. Give the JSON object alone, as asked."),
        ));
    }
    Ok((kept, Err(why), false))
}
