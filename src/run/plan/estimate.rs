//! What a task will cost, reckoned from the sizes in its specification before anything is opened.

use serde::Serialize;

/// Low, likely, high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likely {
    pub low: f64,
    pub likely: f64,
    pub high: f64,
}

/// `None` where it is not known: unknown is never 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Tokens that a model reads or writes.
    pub tokens: Option<Likely>,
    pub seconds: Option<Likely>,
    pub memory_bytes: Option<Likely>,
    pub usd: Option<Likely>,
    pub basis: Basis,
}

/// On what an estimate stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Sizes in the program, and the speed of two ordinary CPU cores.
    #[default]
    Sizes,
    /// What the same task took last time.
    LastTime,
}
