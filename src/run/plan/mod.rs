//! Checked programs to a plan: what is to be done, in which order, and what of it is known already.

mod estimate;
mod task;

pub use estimate::{Basis, Estimate, Likely};
pub use task::{
    Bind, Budget, Capabilities, Changed, Experiment, Labels, Lacking, Origin, Plan, State, Task,
};
