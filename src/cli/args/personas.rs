//! Arguments of what is done with personas: tests, and character cards.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Compute, Output, Places, Selection};

#[derive(Debug, Args)]
pub struct Test {
    /// A .masc file whose personas have tests
    pub file: Option<PathBuf>,
    /// Only tests that would be asked anew since this git revision [without one: HEAD]
    #[arg(long, value_name = "REV", num_args = 0..=1, default_missing_value = "HEAD")]
    pub changed: Option<String>,
    /// Only the tests of this persona (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub persona: Vec<String>,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub places: Places,
    #[command(flatten)]
    pub compute: Compute,
    /// Grant something more: 'net("host:port")' (may be given several times)
    #[arg(long, value_name = "GRANT")]
    pub allow: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Import {
    /// A card: .json, .png or .charx
    #[arg(value_name = "CARD")]
    pub card: PathBuf,
    /// The .masc file to write; the card is kept beside it as NAME.card.json [default: the persona's name, here]
    #[arg(long, value_name = "FILE.masc")]
    pub out: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CardVersion {
    V2,
    V3,
}

#[derive(Debug, Args)]
pub struct Export {
    /// A .masc file with the persona
    pub file: PathBuf,
    /// Which persona [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub persona: Option<String>,
    /// Which version of Character Cards
    #[arg(long, value_enum, value_name = "VERSION")]
    pub card: CardVersion,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A PNG to put the card into; with --out
    #[arg(long, value_name = "FILE.png")]
    pub image: Option<PathBuf>,
    /// The card that an import kept [default: NAME.card.json beside the persona's file]
    #[arg(long, value_name = "FILE")]
    pub sidecar: Option<PathBuf>,
    /// The project's root [default: the nearest folder above FILE with mascot.lock or .git]
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub root: Option<PathBuf>,
}
