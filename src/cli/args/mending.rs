//! Arguments of what looks for more than faults, and of what mends.

use std::path::PathBuf;

use clap::Args;

use super::{Format, Output, assignment};

#[derive(Debug, Args)]
pub struct Lint {
    /// .masc files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Override one value: voices.kl.beta=0.05
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// How diagnostics are written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,
    #[command(flatten)]
    pub output: Output,
    /// The project's root [default: the nearest folder above FILE with mascot.lock or .git]
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Fix {
    /// .masc files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Also the fixes that `lint` offers
    #[arg(long)]
    pub lint: bool,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub diff: bool,
    /// The project's root [default: the nearest folder above FILE with mascot.lock or .git]
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub root: Option<PathBuf>,
}
