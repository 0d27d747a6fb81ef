//! Where the interpreter keeps what it has in hand: inputs found, records so far, the report as it grows.

mod inputs;
mod spending;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use self::inputs::Inputs;
pub use self::inputs::{Fetcher, NoFetcher};
use crate::engine::{Endpoint, Fault, Input, Outputs};
use crate::event::{Event, Listener};
use crate::gate::Asked;
use crate::hands::{Heard, Job};
use crate::key::{KeyDocument, TaskKey};
use crate::plan::{Bind, Plan, State, Task, estimate};
use crate::remote::Remote;
use crate::report::{Outcome, RunReport, SkipReason, TaskReport};
use crate::source::{DigestMemo, Found, Source};
use crate::store::{Claim, Draft, Record, Store, StoreError};
use crate::task::Slot;

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
    /// By position in the plan: the points in which a gate stopped what follows, and whose gate it was.
    stopped: Vec<BTreeMap<Option<String>, String>>,
    /// What is being performed, by position in the plan.
    open: BTreeMap<usize, Open>,
    /// Tasks that were performed beside others.
    beside: BTreeSet<usize>,
    /// Tasks whose keys somebody else held when they were last looked at.
    elsewhere: BTreeSet<usize>,
    /// Seconds that were spent on tasks that are not in hand any more.
    performed: f64,
}

/// A task that is being performed.
struct Open {
    document: KeyDocument,
    draft: Draft,
    began: f64,
}

/// What is to be done next.
pub(crate) enum Next<'a> {
    Begin(&'a Task),
    /// For something that is in hand.
    Wait,
    Nothing,
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
            stopped: plan.tasks.iter().map(|_| BTreeMap::new()).collect(),
            open: BTreeMap::new(),
            beside: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            performed: 0.0,
        })
    }

    pub(crate) fn close(mut self) -> Result<RunReport, StoreError> {
        let now = self.events.now();
        self.report.finished = Some(now);
        self.report.write(self.store)?;
        self.events.tell(Event::RunDone { run: &self.report.run, seconds: now - self.report.started });
        Ok(self.report)
    }

    /// The engine's fingerprint.
    pub(crate) fn engine(&self) -> &'a str {
        &self.plan.engine
    }

    /// The first task in the plan's order that is not begun and whose needs have come to an outcome, if a hand is free for it.
    pub(crate) fn next(&mut self, free: bool) -> Next<'a> {
        let plan = self.plan;
        let report = &self.report.tasks;
        let waits = |at: &usize| report[*at].outcome.is_none() && !self.open.contains_key(at);
        let is_ready = |at: &usize| plan.tasks[*at].needs.iter().all(|need| report[*need].outcome.is_some());
        let ready = (0..plan.tasks.len()).filter(|at| waits(at) && is_ready(at));
        let now = ready.clone().find(|at| !self.elsewhere.contains(at) && self.has_room_for(&plan.tasks[*at]));
        match (now, self.open.is_empty()) {
            (Some(at), _) if free => Next::Begin(&plan.tasks[at]),
            (_, false) => {
                // By then, somebody may have finished.
                self.elsewhere.clear();
                Next::Wait
            }
            (_, true) => ready.min().map_or(Next::Nothing, |at| Next::Begin(&plan.tasks[at])),
        }
    }

    /// Whether memory will do for it beside what is in hand. A task alone is tried unless even its low estimate is too much.
    fn has_room_for(&self, task: &Task) -> bool {
        let needs = |task: &Task| task.estimate.memory_bytes.map_or(0.0, |memory| memory.likely);
        let in_hand: f64 = self.open.keys().map(|at| needs(&self.plan.tasks[*at])).sum();
        let free = self.plan.budget.free_bytes.filter(|_| !self.plan.fake && !self.open.is_empty());
        free.is_none_or(|free| in_hand + needs(task) <= free)
    }

    pub(crate) fn reason_to_skip(&mut self, task: &Task) -> Option<SkipReason> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(self.reason_to_stop());
        }
        // A gate stops what follows in its own points, and a task goes on as long as one of its points does.
        let points = task.points();
        let mut stopped: BTreeMap<Option<String>, String> = BTreeMap::new();
        for at in &task.needs {
            let need = &self.report.tasks[*at];
            match need.outcome {
                Some(Outcome::Recalled | Outcome::Fresh | Outcome::Gated) => {
                    let here = self.stopped[*at].iter().filter(|(point, _)| points.contains(*point));
                    stopped.extend(here.map(|(point, whose)| (point.clone(), whose.clone())));
                }
                Some(outcome) => return Some(SkipReason::Behind { task: need.id.clone(), outcome }),
                None => panic!("{} comes after {} in the plan; this is a bug in mascot", need.id, task.id),
            }
        }
        if let (Some(whose), true) = (stopped.values().next(), stopped.len() == points.len()) {
            return Some(SkipReason::Behind { task: whose.clone(), outcome: Outcome::Gated });
        }
        let own = self.position(task);
        self.stopped[own] = stopped;
        self.over_budget().then(|| self.reason_to_stop())
    }

    fn reason_to_stop(&self) -> SkipReason {
        self.report.over_budget.clone().map_or(SkipReason::Stopped, SkipReason::Budget)
    }

    /// `None` while somebody else makes it and something is in hand here: who holds a key does not wait for another.
    pub(crate) fn claim(&mut self, task: &Task, key: &TaskKey) -> Result<Option<Claim>, StoreError> {
        let at = self.position(task);
        self.report.tasks[at].key = Some(*key);
        let events = &mut *self.events;
        let claim = if self.open.is_empty() {
            Some(self.store.claim(key, self.stop, &mut || events.tell(Event::Waiting { task: &task.id, key }))?)
        } else {
            self.store.try_claim(key)?
        };
        match &claim {
            Some(Claim::Draft { broken: Some(why), .. }) => {
                self.events.tell(Event::Broken { task: &task.id, why });
                self.report.tasks[at].because = Some(format!("what the store held of it was broken: {why}"));
            }
            Some(_) => {}
            None => {
                self.elsewhere.insert(at);
            }
        }
        Ok(claim)
    }

    /// Everything that performing a task needs, once it is at hand.
    pub(crate) fn job(&mut self, task: &Task, inputs: Inputs, draft: &Draft) -> Result<Job, Fault> {
        let at = self.position(task);
        let key = self.report.tasks[at].key.expect("a draft is claimed by its key");
        if let (Some(what), false) = (&task.not_yet, self.plan.fake) {
            return Err(Fault::NotYet(what.clone()));
        }
        // A pinned input that had not been needed until now.
        let mut inputs: BTreeMap<Slot, Input> = inputs.0;
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
            Endpoint { remote: self.held_to_budget(remote), auth }
        };
        let endpoints = task.remotes.iter().map(|(slot, remote)| (slot.clone(), open(remote))).collect();
        let (id, spec, workspace) = (task.id.clone(), task.spec.clone(), draft.workspace().clone());
        Ok(Job { at, id, spec, inputs, endpoints, workspace })
    }

    /// What a job says while it is performed.
    pub(crate) fn hear(&mut self, heard: Heard) {
        let task = |at: usize| self.plan.tasks[at].id.as_str();
        match heard {
            Heard::Notice(at, note) => self.events.tell(Event::Notice { task: task(at), note: &note }),
            Heard::Progress(at, progress) => {
                self.events.tell(Event::Progress { task: task(at), progress: &progress });
                // The engine is asked to stop as a user would ask it, so that it leaves what can be gone on from.
                if self.over_budget() {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// A task is in a hand from now on.
    pub(crate) fn lay_open(&mut self, task: &Task, document: KeyDocument, draft: Draft) {
        let began = self.events.now();
        self.open.insert(self.position(task), Open { document, draft, began });
        if self.open.len() > 1 {
            self.beside.extend(self.open.keys());
        }
    }

    /// A task came back from its hand.
    pub(crate) fn take_up(&mut self, at: usize) -> (&'a Task, KeyDocument, Draft) {
        let Open { document, draft, began } = self.open.remove(&at).expect("what comes back was in a hand");
        let seconds = self.events.now() - began;
        self.report.tasks[at].seconds = seconds;
        self.performed += seconds;
        (&self.plan.tasks[at], document, draft)
    }

    pub(crate) fn commit(
        &mut self,
        task: &Task,
        document: &KeyDocument,
        draft: Draft,
        outputs: Outputs,
    ) -> Result<Record, StoreError> {
        let now = self.events.now();
        let at = self.position(task);
        let report = &mut self.report.tasks[at];
        // A rehearsal's seconds are pretended.
        report.seconds = outputs.seconds.unwrap_or(report.seconds);
        let earlier = draft.spent();
        // Of a kill nobody wrote down what it had taken: then the whole is not known. What a task took beside others is not what it takes.
        let whole = (!draft.resumed() || earlier > 0.0) && (outputs.seconds.is_some() || !self.beside.contains(&at));
        let record = draft.commit(&task.id, document, outputs, now, earlier + report.seconds)?;
        if whole {
            self.remember_cost(task, document, &record);
        }
        Ok(record)
    }

    /// A task that was not finished. What was saved of it is kept if the next run can go on from there.
    pub(crate) fn put_aside(&mut self, task: &Task, draft: Draft, fault: &Fault) -> Result<(), StoreError> {
        let at = self.position(task);
        let spent = self.report.tasks[at].seconds;
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
        let points = task.points();
        let asked: Vec<_> = (task.gates.iter())
            .map(|gate| {
                let is_of_some = !gate.points.is_empty() && !points.iter().all(|point| gate.points.contains(point));
                Asked { points: if is_of_some { gate.points.clone() } else { Vec::new() }, ..gate.ask(&outputs) }
            })
            .collect();
        for gate in asked.iter().filter(|gate| !gate.holds && !self.plan.fake) {
            let of = if gate.points.is_empty() { points.iter().cloned().collect() } else { gate.points.clone() };
            self.stopped[at].extend(of.into_iter().map(|point| (point, task.id.clone())));
        }
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
