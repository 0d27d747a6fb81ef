//! Checked programs to a plan: what is to be done, in which order, and what of it is known already.

mod build;
pub(crate) mod estimate;
mod known;
mod reruns;
mod task;
mod trials;

pub use build::plan;
pub use estimate::{Basis, Estimate, Likely};
pub use known::{Why, why};
pub use reruns::reruns;
pub use task::{Bind, Budget, Capabilities, Changed, Experiment, Labels, Lacking, Origin, Plan, State, Task};
pub use trials::{Trials, trials};
