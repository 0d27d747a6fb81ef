//! Who performs: one engine on this thread, or several at once, each on a thread of its own.
//!
//! Hands know engines and threads; not keys, records or gates. What they are given is all that a task reads, so the order in which they
//! finish changes no result.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use crate::engine::{Endpoint, Engine, Fault, Input, Outputs, Progress, Request, Workspace};
use crate::task::{Slot, TaskSpec};

/// A task with everything that performing it needs.
pub struct Job {
    /// Its position in the plan.
    pub at: usize,
    pub id: String,
    pub spec: TaskSpec,
    pub inputs: BTreeMap<Slot, Input>,
    pub endpoints: BTreeMap<Slot, Endpoint>,
    pub workspace: Workspace,
}

/// A job that came to its end.
pub struct Done {
    pub at: usize,
    pub result: Result<Outputs, Fault>,
}

/// What is told in the middle of a job, with its position in the plan.
pub enum Heard {
    Progress(usize, Progress),
    Notice(usize, String),
}

pub trait Hands {
    /// Whether one more job can be given.
    fn free(&self) -> bool;

    /// To be called when [`Hands::free`].
    fn give(&mut self, job: Job);

    /// Until a job is done, or for a moment: `None` when none is yet. What is told meanwhile goes to `hear`.
    fn wait(&mut self, stop: &AtomicBool, hear: &mut dyn FnMut(Heard)) -> Option<Done>;
}

/// One engine, one job at a time, on the thread that waits for it.
pub struct OnePair<'e> {
    engine: &'e mut dyn Engine,
    job: Option<Job>,
}

impl<'e> OnePair<'e> {
    pub fn of(engine: &'e mut dyn Engine) -> Self {
        Self { engine, job: None }
    }
}

impl Hands for OnePair<'_> {
    fn free(&self) -> bool {
        self.job.is_none()
    }

    fn give(&mut self, job: Job) {
        self.job = Some(job);
    }

    fn wait(&mut self, stop: &AtomicBool, hear: &mut dyn FnMut(Heard)) -> Option<Done> {
        let job = self.job.take()?;
        Some(Done { at: job.at, result: perform(self.engine, &job, stop, hear) })
    }
}

fn perform(
    engine: &mut dyn Engine,
    job: &Job,
    stop: &AtomicBool,
    hear: &mut dyn FnMut(Heard),
) -> Result<Outputs, Fault> {
    let hear = RefCell::new(hear);
    let request = Request {
        id: &job.id,
        spec: &job.spec,
        inputs: &job.inputs,
        endpoints: &job.endpoints,
        stop,
        notice: &|note| hear.borrow_mut()(Heard::Notice(job.at, note.to_owned())),
    };
    engine.perform(&request, &job.workspace, &mut |progress| hear.borrow_mut()(Heard::Progress(job.at, progress)))
}

/// Makes an engine where it is going to be used: it need not be able to change threads.
pub type Maker<'m> = &'m (dyn Fn() -> Box<dyn Engine + 'm> + Sync);

/// `count` engines, each on a thread of its own, for as long as `work` goes on.
pub fn many<R>(count: usize, make: Maker<'_>, stop: &AtomicBool, work: impl FnOnce(&mut dyn Hands) -> R) -> R {
    thread::scope(|scope| {
        let (tell, heard) = channel();
        let pairs = (0..count).map(|at| Pair::hired(scope, at, make, stop, tell.clone())).collect();
        // When they are let go, nobody gives them jobs any more, and they end.
        work(&mut Many { pairs, heard })
    })
}

struct Many<'scope> {
    pairs: Vec<Pair<'scope>>,
    heard: Receiver<Told>,
}

/// One thread with its engine.
struct Pair<'scope> {
    jobs: Sender<Job>,
    busy: bool,
    thread: ScopedJoinHandle<'scope, ()>,
}

enum Told {
    Heard(Heard),
    /// With the number of the pair.
    Done(usize, Done),
}

/// How long nobody looks up while jobs go on.
const MOMENT: Duration = Duration::from_millis(20);

impl<'scope> Pair<'scope> {
    fn hired<'env, 'm: 'env>(
        scope: &'scope Scope<'scope, 'env>,
        at: usize,
        make: Maker<'m>,
        stop: &'env AtomicBool,
        tell: Sender<Told>,
    ) -> Self {
        let (jobs, given) = channel::<Job>();
        let thread = scope.spawn(move || {
            let mut engine = make();
            for job in given {
                // Whoever listened is gone only when the run has ended: then nobody misses it.
                let result = perform(engine.as_mut(), &job, stop, &mut |heard| drop(tell.send(Told::Heard(heard))));
                drop(tell.send(Told::Done(at, Done { at: job.at, result })));
            }
        });
        Self { jobs, busy: false, thread }
    }
}

impl Hands for Many<'_> {
    fn free(&self) -> bool {
        self.pairs.iter().any(|pair| !pair.busy)
    }

    fn give(&mut self, job: Job) {
        let pair = self.pairs.iter_mut().find(|pair| !pair.busy).expect("a job is given to hands that are free");
        pair.busy = true;
        pair.jobs.send(job).expect("a thread ends only when it is let go, or by a bug in mascot");
    }

    fn wait(&mut self, _: &AtomicBool, hear: &mut dyn FnMut(Heard)) -> Option<Done> {
        loop {
            match self.heard.recv_timeout(MOMENT) {
                Ok(Told::Heard(heard)) => hear(heard),
                Ok(Told::Done(pair, done)) => {
                    self.pairs[pair].busy = false;
                    return Some(done);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let lost = self.pairs.iter().any(|pair| pair.busy && pair.thread.is_finished());
                    assert!(!lost, "an engine ended in the middle of a task; this is a bug in mascot");
                    return None;
                }
                Err(RecvTimeoutError::Disconnected) => panic!("every engine has ended; this is a bug in mascot"),
            }
        }
    }
}
