//! Tests of the package through its public verbs; one binary.
#![allow(clippy::disallowed_macros, reason = "a test says what it skips")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod bench;
mod costs;
mod edits;
mod harm;
mod jobs;
mod language;
mod measuring;
mod remembering;
mod sources;
