//! The candle engine: the only room where a tensor is spoken of.

pub mod train;
