//! Judging what was said: likelihoods under an untouched model, the contrast between personas, rubrics asked of a local model or of
//! one far away, the built-in terms.
//!
//! May use: models, the encoder, data, metrics; the network only in `far`. Absent: training, tables. The judge `human` is refused by
//! name until it can run.

pub mod bench;
pub mod contrast;
pub mod far;
pub mod likelihood;
pub mod local;
pub mod panel;
pub mod prompt;
pub mod reward_model;
pub mod scene;
pub mod term;
pub mod verdict;

pub use bench::Bench;
pub use far::Reach;
pub use scene::{Scene, Spoken};
