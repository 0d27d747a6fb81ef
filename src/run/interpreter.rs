//! The heart: walk the plan, recall or perform, record. See `docs/architecture.md`.
//!
//! Deliberately absent: colours, stage kinds, retries, device names.

use std::sync::atomic::AtomicBool;

use crate::desk::{Desk, Fetcher};
use crate::engine::Engine;
use crate::event::Listener;
use crate::key::KeyDocument;
use crate::plan::Plan;
use crate::report::{Outcome, RunReport, SkipReason};
use crate::store::{Claim, Store, StoreError};

/// Brings every task of `plan` to an outcome.
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
    let store = &if plan.fake { store.hasty() } else { store.clone() };
    let _shared = store.share()?;
    let mut desk = Desk::open(plan, store, fetch, events, stop)?;

    for task in &plan.tasks {
        // What it needs did not come to be; say whose fault that is.
        if let Some(reason) = desk.reason_to_skip(task) {
            desk.skipped(task, &reason);
            continue;
        }

        // Every input has a digest now, so the request can be written down in full.
        let inputs = match desk.inputs_of(task) {
            Ok(inputs) => inputs,
            Err(fault) => {
                desk.failed(task, &fault);
                continue;
            }
        };
        let document = KeyDocument::new(&task.spec, inputs.digests(), &plan.engine);
        let key = document.key();

        let (outcome, record) = match desk.claim(task, &key)? {
            Claim::Recorded(record) => (Outcome::Recalled, *record),
            Claim::Stopped => {
                desk.skipped(task, &SkipReason::Stopped);
                continue;
            }
            Claim::Draft { draft, .. } => match desk.perform(task, &inputs, &draft, engine) {
                // Objects first, then the record: a record never names what is not there.
                Ok(outputs) => (Outcome::Fresh, desk.commit(task, &document, draft, outputs)?),
                Err(fault) => {
                    desk.put_aside(task, draft, &fault)?;
                    continue;
                }
            },
        };

        // A gate speaks of results: asked of recalled and fresh alike, and no part of the key.
        desk.settled(task, outcome, &record)?;
    }

    desk.close()
}
