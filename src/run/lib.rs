//! Program to plan, plan to run, run to records. Knows disks and digests; not tensors, not terminals.
//!
//! # Steps
//! 1. [`plan::plan`]: checked programs → [`plan::Plan`]. Every instance of a stage is lowered to a closed [`task::TaskSpec`], the
//!    tasks are put in an order, and what the store knows of them is said.
//! 2. [`interpreter::run`]: a plan → [`report::RunReport`]. Each task is recalled, or performed by an [`engine::Engine`] in one of the
//!    [`hands`] and recorded; what it took goes into the [`calibration`], by which the next plan reckons.
//!
//! [`fake::FakeEngine`] rehearses all of it without weights, data or network.

pub mod calibration;
pub mod card;
pub mod compare;
pub mod desk;
pub mod digest;
pub mod drawn;
pub mod engine;
pub mod event;
pub mod fake;
pub mod gate;
pub mod hands;
pub mod interpreter;
pub mod kept;
pub mod key;
mod lower;
pub mod plan;
pub mod points;
pub mod remote;
pub mod report;
pub mod source;
pub mod store;
pub mod task;
pub mod trial;
pub mod whole;
pub mod words;

pub use lower::{dataset, seed_of_stage, source_of_weights};
