//! The candle engine: the only room where a tensor is spoken of.

pub mod data;
pub mod train;
