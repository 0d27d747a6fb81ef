//! Arguments of what tells what is wrong, and of what mends it.

use std::path::PathBuf;

use clap::Args;

use super::{Format, Output, Selection, assignment};

/// Programs, and where they are read
#[derive(Debug, Args)]
pub struct Programs {
    /// .masc files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The project's root [default: the nearest folder above FILE with mascot.lock or .git]
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub root: Option<PathBuf>,
}

/// How diagnostics are told
#[derive(Debug, Args)]
pub struct Telling {
    /// How diagnostics are written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    format: Format,
    #[command(flatten)]
    output: Output,
}

impl Telling {
    /// `--json` is the shorter word for `--format json`.
    pub fn format(&self) -> Format {
        if self.output.json { Format::Json } else { self.format }
    }
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub programs: Programs,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub telling: Telling,
}

#[derive(Debug, Args)]
pub struct Lint {
    #[command(flatten)]
    pub programs: Programs,
    /// Override one value: voices.kl.beta=0.05
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    #[command(flatten)]
    pub telling: Telling,
}

#[derive(Debug, Args)]
pub struct Fix {
    #[command(flatten)]
    pub programs: Programs,
    /// Also the fixes that `lint` offers
    #[arg(long)]
    pub lint: bool,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub diff: bool,
}
