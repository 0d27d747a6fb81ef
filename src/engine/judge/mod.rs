//! Judging what was said: likelihoods under an untouched model, the contrast between personas, rubric scores, the built-in terms.
//!
//! May use: models, the encoder, data, metrics. Absent: training, tables. Judges that need a server or instructions
//! (`openai`, `local`, `human`) are refused by name until they can run.

pub mod bench;
pub mod contrast;
pub mod likelihood;
pub mod panel;
pub mod reward_model;
pub mod scene;
pub mod term;

pub use bench::Bench;
pub use scene::{Scene, Spoken};
