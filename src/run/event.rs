//! What a run tells as it goes on.

use serde::Serialize;

use crate::engine::Progress;
use crate::gate::Asked;
use crate::key::TaskKey;
use crate::report::Outcome;

/// Hears a run, and lends it a clock.
pub trait Listener {
    /// Seconds since 1970.
    fn now(&mut self) -> f64;

    fn tell(&mut self, event: Event<'_>);
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    RunStarted {
        run: &'a str,
        tasks: usize,
    },
    /// A source is brought to this machine; `note` is in the fetcher's words.
    Fetching {
        source: &'a str,
        note: &'a str,
    },
    /// Another run on the same store is making this very thing.
    Waiting {
        task: &'a str,
        key: &'a TaskKey,
    },
    /// What the store holds of the task cannot be used: it is made again.
    Broken {
        task: &'a str,
        why: &'a str,
    },
    /// The engine begins; `resumed`: from where an interrupted run left it.
    TaskStarted {
        task: &'a str,
        key: &'a TaskKey,
        resumed: bool,
    },
    Progress {
        task: &'a str,
        progress: &'a Progress,
    },
    /// What the task waits for, or no longer waits for.
    Notice {
        task: &'a str,
        note: &'a str,
    },
    /// A gate was asked.
    Gate {
        task: &'a str,
        asked: &'a Asked,
    },
    /// A task has come to its outcome.
    TaskDone {
        task: &'a str,
        outcome: Outcome,
        seconds: f64,
        because: Option<&'a str>,
        notes: &'a [String],
    },
    RunDone {
        run: &'a str,
        seconds: f64,
    },
}
