//! Checked programs to a plan: what is to be done, in which order, and what of it is known already.

mod budget;
mod build;
pub(crate) mod estimate;
mod known;
mod reruns;
mod saved;
mod shared;
mod task;
mod trials;

pub use budget::{Budget, Spent, Total, Unknown};
pub use build::{pages, plan};
pub use estimate::{Basis, Estimate, Judged, Likely, Work, ago};
pub use known::{Why, why};
pub use reruns::{Contents, reruns, reruns_with, sources};
pub use saved::{Call, MARK, Saved, SavedTask};
pub use shared::{Shared, SharedStage};
pub use task::{Bind, Capabilities, Changed, Experiment, Labels, Lacking, Origin, Plan, State, Task};
pub use trials::{Trials, trials};
