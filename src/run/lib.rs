//! Program to plan, plan to run, run to records. Knows disks and digests; not tensors, not terminals.

pub mod engine;
pub mod task;
