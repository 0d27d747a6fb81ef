//! The calls of `lock`, `pack` and `unpack`.

use std::path::PathBuf;

use clap::Args;

use super::{Output, Places};

#[derive(Debug, Default, Args)]
pub struct Lock {
    /// .masc files to lock beside those that are locked already [default: those]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write and fetch nothing; end with 1 when the lock is not what it should be
    #[arg(long, conflicts_with_all = ["accept", "update"])]
    pub check: bool,
    /// Take fetched files as they are now, though they are not what was locked
    #[arg(long)]
    pub accept: bool,
    /// Look tags and branches up again
    #[arg(long)]
    pub update: bool,
    #[command(flatten)]
    pub places: Places,
    /// Grant something more: 'net("host:port")', 'read("path")' (may be given several times)
    #[arg(long, value_name = "GRANT")]
    pub allow: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Pack {
    /// The experiment or library, a .masc file
    pub file: PathBuf,
    /// Where to write it [default: the file's name with .mascpack, here]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// With every model's weights; end with 3 when some are not at hand
    #[arg(long)]
    pub with_weights: bool,
    /// With all data; end with 3 when some are not at hand [default: those that are]
    #[arg(long, conflicts_with = "without_data")]
    pub with_data: bool,
    /// Without any data
    #[arg(long)]
    pub without_data: bool,
    #[command(flatten)]
    pub places: Places,
    /// Grant something more: 'read("path")' (may be given several times)
    #[arg(long, value_name = "GRANT")]
    pub allow: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Unpack {
    /// What `mascot pack` wrote
    #[arg(value_name = "FILE.mascpack")]
    pub pack: PathBuf,
    /// A folder that is not there yet, or an empty one
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// At most this many GiB
    #[arg(long, value_name = "GIB", default_value_t = 64)]
    pub limit: u32,
    #[command(flatten)]
    pub output: Output,
}
