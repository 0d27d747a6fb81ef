//! What can go wrong in the engine: the world (files, sizes, formats we do not read), never the program.

use std::path::{Path, PathBuf};

use mascot_run::engine::Fault;

/// An error of the engine's lower rooms; a stage turns it into a [`Fault`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: String },
    /// A model, adapter or tokenizer that we cannot run, and why.
    #[error("{0}")]
    Model(String),
    /// A row of input that cannot be used.
    #[error("{0}")]
    Data(String),
    /// Asked to stop.
    #[error("stopped")]
    Interrupted,
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn file(path: &Path, why: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), why: why.to_string() }
    }

    pub fn model(why: impl Into<String>) -> Self {
        Self::Model(why.into())
    }

    /// What is wrong with a model, with the file or folder that it was read from.
    pub fn of_model_at(self, path: &Path) -> Self {
        match self {
            Self::Model(why) => Self::file(path, why),
            Self::Tensor(why) => Self::file(path, format!("tensor: {why}")),
            other => other,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::File { path, why } => Self::File { path, why },
            Error::Model(why) => Self::Model(why),
            Error::Data(why) => Self::Data(why),
            Error::Interrupted => Self::Interrupted,
            Error::Tensor(why) => Self::Model(format!("tensor: {why}")),
        }
    }
}
