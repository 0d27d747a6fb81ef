//! The heart: walk the plan, recall or perform, record. See `docs/architecture.md`.
//!
//! Deliberately absent: colours, stage kinds, retries, device names, threads.

use std::sync::atomic::AtomicBool;

use crate::desk::{Desk, Fetcher, Next};
use crate::engine::Engine;
use crate::event::Listener;
use crate::hands::{Done, Hands, OnePair};
use crate::key::KeyDocument;
use crate::plan::{Plan, Task};
use crate::report::{Outcome, RunReport, SkipReason};
use crate::store::{Claim, Store, StoreError};

/// Brings every task of `plan` to an outcome, one at a time in the plan's order.
///
/// A task is performed only if the store holds no record for its key. Failure of a task is an outcome, not an error: its siblings go
/// on, its dependants are skipped. When `stop` is set, the task in hand leaves a draft from which the next run goes on.
///
/// # Errors
/// Of the store: they end the run.
pub fn run(
    plan: &Plan,
    store: &Store,
    engine: &mut dyn Engine,
    fetch: &mut dyn Fetcher,
    events: &mut dyn Listener,
    stop: &AtomicBool,
) -> Result<RunReport, StoreError> {
    run_by(&mut OnePair::of(engine), plan, store, fetch, events, stop)
}

/// As [`run`], as many tasks at once as there are hands: a task begins when what it needs has come to an outcome. Results are the same
/// whatever their number, for a task reads nothing but its inputs.
///
/// # Errors
/// As [`run`].
pub fn run_by(
    hands: &mut dyn Hands,
    plan: &Plan,
    store: &Store,
    fetch: &mut dyn Fetcher,
    events: &mut dyn Listener,
    stop: &AtomicBool,
) -> Result<RunReport, StoreError> {
    let store = &if plan.fake { store.hasty() } else { store.clone() };
    let _shared = store.share()?;
    let mut desk = Desk::open(plan, store, fetch, events, stop)?;

    loop {
        match desk.next(hands.free()) {
            Next::Begin(task) => begin(task, &mut desk, hands)?,
            Next::Wait => {
                if let Some(done) = hands.wait(stop, &mut |heard| desk.hear(heard)) {
                    finish(done, &mut desk)?;
                }
            }
            Next::Nothing => return desk.close(),
        }
    }
}

/// Recalls a task, says why it is not to be, or gives it into a free hand.
fn begin(task: &Task, desk: &mut Desk<'_>, hands: &mut dyn Hands) -> Result<(), StoreError> {
    // What it needs did not come to be; say whose fault that is.
    if let Some(reason) = desk.reason_to_skip(task) {
        desk.skipped(task, &reason);
        return Ok(());
    }

    // Every input has a digest now, so the request can be written down in full.
    let inputs = match desk.inputs_of(task) {
        Ok(inputs) => inputs,
        Err(fault) => {
            desk.failed(task, &fault);
            return Ok(());
        }
    };
    let document = KeyDocument::new(&task.spec, inputs.digests(), desk.engine());

    match desk.claim(task, &document.key())? {
        // A gate speaks of results: asked of recalled and fresh alike, and no part of the key.
        Some(Claim::Recorded(record)) => desk.settled(task, Outcome::Recalled, &record)?,
        Some(Claim::Stopped) => desk.skipped(task, &SkipReason::Stopped),
        Some(Claim::Draft { draft, .. }) => match desk.job(task, inputs, &draft) {
            Ok(job) => {
                desk.lay_open(task, document, draft);
                hands.give(job);
            }
            Err(fault) => desk.put_aside(task, draft, &fault)?,
        },
        // Somebody is making this very thing: its turn comes again.
        None => {}
    }
    Ok(())
}

/// Objects first, then the record: a record never names what is not there.
fn finish(done: Done, desk: &mut Desk<'_>) -> Result<(), StoreError> {
    let (task, document, draft) = desk.take_up(done.at);
    match done.result {
        Ok(outputs) => {
            let record = desk.commit(task, &document, draft, outputs)?;
            desk.settled(task, Outcome::Fresh, &record)
        }
        Err(fault) => desk.put_aside(task, draft, &fault),
    }
}
