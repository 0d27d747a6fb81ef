//! Measuring texts and samples, without a language model: words, vectors, intervals.
//!
//! The definitions are those of the table "Terms and metrics" in `docs/language.md`. Absent: models (`judge` asks them), tables
//! (`stage::evaluate` makes them).

pub mod bootstrap;
pub mod channels;
pub mod classifier;
pub mod text;
