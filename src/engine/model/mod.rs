//! Models: configurations, frozen weights, and the causal language model made of them.

pub mod bert;
pub mod causal_lm;
pub mod config;
pub mod gguf;
pub mod peft;
pub mod weights;

pub use causal_lm::Lm;
pub use config::Config;
pub use peft::Peft;
