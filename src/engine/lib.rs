//! The candle engine: the only room where a tensor is spoken of. Implements [`mascot_run::engine::Engine`].
