//! The blocks of a decoder, each a plain pair of functions, forward and backward (`docs/architecture.md`): the trunk is frozen, only LoRA factors
//! learn, and nothing here builds candle's autograd graph.

pub mod block;
pub mod lora;
pub mod pack;

pub use lora::{Adapter, Lora, LoraGrads};
pub use pack::{Pack, Target};
