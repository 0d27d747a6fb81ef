//! The candle engine: the only room where a tensor is spoken of. Implements [`mascot_run::engine::Engine`].

pub mod data;
pub mod device;
pub mod encoder;
pub mod error;
pub mod fetch;
pub mod generate;
pub mod judge;
pub mod kernels;
pub mod metric;
pub mod model;
pub mod models;
pub mod nn;
pub mod reward;
pub mod rng;
pub mod score;
pub mod text;
pub mod train;
