//! What training needs and no model is needed for: the optimiser, its schedule, advantages and losses.
//!
//! Everything here works on flat `f32` slices in plain Rust, with analytic derivatives, so that each formula can be held
//! against the goldens and against finite differences. Absent: tensors, models, files other than the optimiser's state.

pub mod advantage;
pub mod bradley_terry;
pub mod checkpoint;
pub mod loss;
pub mod optimizer;
pub mod schedule;

#[cfg(test)]
mod golden;
