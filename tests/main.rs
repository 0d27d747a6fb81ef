//! Tests of the whole house, through the front door. One binary: linking is the expensive part.
//!
//! What a package can show of itself is tested in that package.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop, and may read files"
)]

mod cards;
mod contract;
mod costs;
mod daily;
mod diff;
mod documents;
mod editors;
mod fmt;
mod formats;
mod front_door;
mod front_door_shapes;
mod gates;
mod harm;
mod house;
mod init;
#[cfg(feature = "engine")]
mod judges;
mod lint;
mod lock;
mod lsp;
mod migrate;
#[cfg(feature = "engine")]
#[path = "../src/engine/judge/far/misbehaving.rs"]
#[allow(dead_code, reason = "the engine's own tests use the rest")]
mod misbehaving;
mod outputs;
mod outside;
mod pack;
#[cfg(feature = "engine")]
mod paper;
mod report;
mod reviewing;
mod rooms;
#[cfg(feature = "engine")]
mod smoke;
mod strangers;
mod trials;
mod workflow;
