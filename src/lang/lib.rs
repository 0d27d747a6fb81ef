//! The `.masc` language: text to checked program. Pure: no files, environment, clock, threads or printing.
//!
//! # Steps
//! 1. [`syntax`]: text → tree. A structural scan finds what is unclosed, each item is parsed by its own rule, a failing item
//!    entry by entry. Never fails: what cannot be read is kept as faulty, and told.
//! 2. [`check`]: tree → [`program::Program`]. Names, values, fields, graph, laws; no pass stops the next.
//!
//! [`check_file`] does both for a file and its imports, [`check_point`] again for a variant or a point of a sweep.

pub mod check;
pub mod diagnostic;
pub mod program;
pub mod source;
pub mod stdlib;
pub mod syntax;
