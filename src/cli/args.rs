//! What may be typed. The doc comments are the help. A verb that is not built is absent, not refused.

mod mending;
mod parcels;
mod personas;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use mascot_lang::diff::Class;
pub use mending::{Check, Fix, Lint};
pub use parcels::{Lock, Pack, Unpack};
pub use personas::{CardVersion, Export, Import, Test};

use super::examples;

/// Declare, plan and train groups of AI companions: one language, one binary
#[derive(Debug, Parser)]
#[command(name = "mascot", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "A first run:  mascot check experiments/quickstart.masc\n              \
                        mascot run experiments/quickstart.masc --engine fake   (rehearsed in a second, no weights)")]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a first experiment that runs, with its data
    #[command(after_help = examples::INIT)]
    Init(Init),
    /// Check .masc files: every fault at once, each with its place and what to write
    #[command(after_help = examples::CHECK)]
    Check(Check),
    /// Write .masc files in the one style; says the same, with the same comments, or writes nothing
    #[command(after_help = examples::FMT)]
    Fmt(Fmt),
    /// Find what is right and will cost money or truth: a judge of the policy's family, a test split that trains, a missing control
    #[command(after_help = examples::LINT)]
    Lint(Lint),
    /// Apply the fixes that `check` offers, as long as each leaves fewer faults
    #[command(after_help = examples::FIX)]
    Fix(Fix),
    /// Write files of the edition before as the newest one
    #[command(after_help = examples::MIGRATE)]
    Migrate(Migrate),
    /// Say what a run would do, why, and what it would cost; opens no weights
    #[command(after_help = examples::PLAN)]
    Plan(PlanCall),
    /// Say what an edit means: which values differ, what re-runs, whether old and new numbers may stand in one table
    #[command(after_help = examples::DIFF)]
    Diff(Diff),
    /// Bring every task of an experiment to an outcome; what the store holds already is recalled
    #[command(after_help = examples::RUN)]
    Run(Run),
    /// Ask the personas' tests: samples of each policy, judged, and how many must hold
    #[command(after_help = examples::TEST)]
    Test(Test),
    /// Say why a task would run again: the field, both values, the line
    #[command(after_help = examples::WHY)]
    Why(Why),
    /// Write mascot.lock: what programs are made of; fetch what they import from far away
    #[command(after_help = examples::LOCK)]
    Lock(Lock),
    /// Put a program and all that it is made of into one file, which another machine runs offline
    #[command(after_help = examples::PACK)]
    Pack(Pack),
    /// Open a pack in a new folder, once every name, size and digest in it was looked at
    #[command(after_help = examples::UNPACK)]
    Unpack(Unpack),
    /// Print who needs whom
    #[command(after_help = examples::GRAPH)]
    Graph(Graph),
    /// Explain a diagnostic code (M0207), a kind, a field, a term, a verb, or `units`
    #[command(after_help = examples::EXPLAIN)]
    Explain(Explain),
    /// Print every value of a program, defaults included
    #[command(after_help = examples::EXPAND)]
    Expand(Expand),
    /// Answer an editor on standard input and output (the Language Server Protocol); docs/editors.md sets editors up
    #[command(after_help = examples::LSP)]
    Lsp(Lsp),
    /// Show a dataset (splits, refused rows, a sample) or a task's record and artifacts
    #[command(after_help = examples::SHOW)]
    Show(Show),
    /// Make a persona of a character card (.json, .png, .charx); what the language cannot say is kept beside it
    #[command(after_help = examples::IMPORT)]
    Import(Import),
    /// Make a character card of a persona; what an import kept comes back as it was
    #[command(after_help = examples::EXPORT)]
    Export(Export),
    /// List the runs that a store remembers
    #[command(after_help = examples::RUNS)]
    Runs(Runs),
    /// Write the report of an earlier run again
    #[command(after_help = examples::REPORT)]
    Report(Report),
    /// Remove from a store what no run names, and say how much that was
    #[command(after_help = examples::GC)]
    Gc(Gc),
    /// Print what a shell needs to complete calls of mascot
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
    /// Log-probabilities of texts under a model
    #[cfg(feature = "engine")]
    #[command(after_help = examples::SCORE)]
    Score(Score),
    /// Continue prompts with a model
    #[cfg(feature = "engine")]
    #[command(after_help = examples::GENERATE)]
    Generate(Generate),
}

/// Which points of the experiment: without any, its base
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which points")]
pub struct Selection {
    /// This variant in place of the base (may be given several times; `base` names the base)
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// The points of this sweep (may be given several times)
    #[arg(long, value_name = "NAME")]
    pub sweep: Vec<String>,
    /// The base, every variant and every sweep
    #[arg(long)]
    pub all: bool,
    /// Override one value: voices.kl.beta=0.05, or a path: folder=../data/qmsum
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

/// Where things are: no part of any key
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where")]
pub struct Places {
    /// A profile file: executor, store, grants
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// The store [default: .mascot in the root]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// The project's root [default: the nearest folder above FILE with mascot.lock or .git]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// How to answer
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

/// What computes
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub struct Compute {
    /// candle computes; fake rehearses: no weights, no data, no network
    #[arg(long, value_enum, default_value_t)]
    pub engine: EngineKind,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = DeviceKind::Auto)]
    pub device: DeviceKind,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    #[cfg_attr(feature = "engine", default)]
    Candle,
    #[cfg_attr(not(feature = "engine"), default)]
    Fake,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeviceKind {
    Auto,
    Cpu,
    Cuda,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Source excerpts with the fault underlined
    #[default]
    Human,
    /// One line a diagnostic
    Short,
    Json,
    /// SARIF 2.1.0, as code hosts and editors read it
    Sarif,
    /// Annotations of a GitHub workflow
    Github,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    Json,
    #[default]
    Dot,
    Mermaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventFormat {
    Json,
}

#[derive(Debug, Args)]
pub struct Init {
    /// Where [default: here]
    pub folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Fmt {
    /// .masc files; `-` reads standard input and writes standard output
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write nothing; end with 1 when something would change
    #[arg(long)]
    pub check: bool,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub diff: bool,
}

#[derive(Debug, Args)]
pub struct Migrate {
    /// .masc files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print what would change, and write nothing
    #[arg(long)]
    pub diff: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// The experiment, a .masc file; of `run` also a plan that `plan --out` wrote
    pub file: PathBuf,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub places: Places,
    #[command(flatten)]
    pub compute: Compute,
    /// Only this stage and what it needs
    #[arg(long, value_name = "STAGE")]
    pub until: Option<String>,
    /// Grant something more: 'net("host:port")' (may be given several times)
    #[arg(long, value_name = "GRANT")]
    pub allow: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct PlanCall {
    #[command(flatten)]
    pub plan: Plan,
    /// Write the plan to a file; `mascot run PLAN` does that and nothing else, and refuses once an input has moved
    #[arg(long, value_name = "PLAN", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// End with 0 when there is nothing to do, with 5 when there is
    #[arg(long, help_heading = "Output")]
    pub detailed_exitcode: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Sides:\n  \
    mascot diff A.masc B.masc                 two files\n  \
    mascot diff main..HEAD                    every experiment that an edit reaches, imports followed\n  \
    mascot diff main...HEAD FILE…             these files, from where the two parted\n  \
    mascot diff HEAD.. FILE                   a revision and the file as it lies here\n  \
    mascot diff HEAD~3:A.masc B.masc          a file at a revision\n  \
    mascot diff run:latest FILE               what a run ran, and the file (`mascot runs` has names)")]
pub struct Diff {
    /// A file, REV:FILE, run:NAME, run:latest, or two revisions of git: main..HEAD
    #[arg(value_name = "A")]
    pub a: Option<String>,
    /// The other side; after two revisions the files [default: every experiment that differs; of a file, itself at HEAD]
    #[arg(value_name = "B")]
    pub rest: Vec<PathBuf>,
    /// For the cost, also count the data and weights that are at hand; nothing else depends on them
    #[arg(long)]
    pub with_data: bool,
    /// Let `git diff` tell what edits of .masc files mean, in this repository
    #[arg(long, conflicts_with_all = ["a", "rest", "uninstall"])]
    pub install: bool,
    /// Undo --install
    #[arg(long, conflicts_with_all = ["a", "rest"])]
    pub uninstall: bool,
    /// Called by git, with the arguments of its external diff
    #[arg(long, hide = true)]
    pub driver: bool,
    /// End with 4 when a change is of this class or stricter
    #[arg(long, value_name = "CLASS", value_parser = class())]
    pub fail_on: Option<Class>,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub places: Places,
    /// How it is written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: DiffFormat,
    #[command(flatten)]
    pub output: Output,
}

/// Classes of a change by their words, strictest first.
fn class() -> impl TypedValueParser<Value = Class> {
    let named = |word: String| Class::ALL.into_iter().find(|class| class.word() == word);
    PossibleValuesParser::new(Class::ALL.map(Class::word)).map(move |word| named(word).expect("one of the words"))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    #[default]
    Human,
    /// For a pull request: short, details folded
    Markdown,
}

#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub plan: Plan,
    /// Tasks at once, as far as they do not need one another and memory lasts
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Engine")]
    pub jobs: u16,
    /// Events as JSON lines on standard error, as it goes
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub events: Option<EventFormat>,
    /// Where to write the report [default: what the program's `report` says]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Why {
    /// The experiment, a .masc file
    pub file: PathBuf,
    /// voices.anchor or voices/anchor
    pub task: String,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub places: Places,
    #[command(flatten)]
    pub compute: Compute,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Graph {
    /// The experiment, a .masc file
    pub file: PathBuf,
    #[command(flatten)]
    pub selection: Selection,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    pub format: GraphFormat,
    #[command(flatten)]
    pub output: Output,
    /// The project's root [default: the nearest folder above FILE with mascot.lock or .git]
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// A code, a kind, a field, a term, a word of a closed set, a verb; or a list: units, items, stages, calls, terms, codes, classes
    pub word: String,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Lsp {
    /// What editors pass; the only way there is
    #[arg(long)]
    pub stdio: bool,
}

#[derive(Debug, Args)]
pub struct Expand {
    /// The experiment, a .masc file
    pub file: PathBuf,
    #[command(flatten)]
    pub selection: Selection,
    /// With the layer and the line that each value comes from
    #[arg(long)]
    pub origins: bool,
    #[command(flatten)]
    pub output: Output,
    /// The project's root [default: the nearest folder above FILE with mascot.lock or .git]
    #[arg(long, value_name = "DIR", help_heading = "Where")]
    pub root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The experiment, a .masc file
    pub file: PathBuf,
    /// A dataset (situations) or a task (voices.anchor)
    pub what: String,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub places: Places,
    #[command(flatten)]
    pub compute: Compute,
    /// Grant something more: 'read("path")' (may be given several times)
    #[arg(long, value_name = "GRANT")]
    pub allow: Vec<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Runs {
    #[command(flatten)]
    pub places: Places,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub plan: Plan,
    /// Of this run [default: the latest of this experiment]
    #[arg(long, value_name = "RUN", help_heading = "Output")]
    pub run: Option<String>,
    /// Where to write it [default: what the program's `report` says]
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Gc {
    /// Forget runs but the last N of each experiment first [default: keep all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: Option<u16>,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub places: Places,
    #[command(flatten)]
    pub output: Output,
}

/// Which model
#[cfg(feature = "engine")]
#[derive(Debug, Args)]
pub struct ModelAtHand {
    /// A Hugging Face folder or a .gguf file
    #[arg(long, value_name = "DIR|FILE.gguf")]
    pub model: PathBuf,
    /// Numerics
    #[arg(long, default_value = "f32", value_parser = ["f32", "bf16", "q8"])]
    pub dtype: String,
    /// A PEFT folder
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
    /// One JSON object a line: {"ids":[…]}, {"prompt","completion"} or {"messages":[…]}
    #[arg(long, value_name = "FILE.jsonl")]
    pub input: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value_t = DeviceKind::Auto)]
    pub device: DeviceKind,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
}

#[cfg(feature = "engine")]
#[derive(Debug, Args)]
pub struct Score {
    #[command(flatten)]
    pub at_hand: ModelAtHand,
}

#[cfg(feature = "engine")]
#[derive(Debug, Args)]
pub struct Generate {
    #[command(flatten)]
    pub at_hand: ModelAtHand,
    /// 0 is greedy
    #[arg(long, default_value_t = 0.0, value_name = "T")]
    pub temperature: f64,
    /// The smallest set of tokens with this much probability
    #[arg(long, default_value_t = 1.0, value_name = "P")]
    pub top_p: f64,
    /// Tokens at most
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub max_new: u32,
    /// Of what is drawn
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub seed: u64,
    /// Go on past the end-of-text token
    #[arg(long)]
    pub ignore_eos: bool,
}

/// A path that begins with `/`, `./` or `../` is a text without its quotes: no value of the language begins so.
fn assignment(text: &str) -> Result<(String, String), String> {
    let value_of = |value: &str| match value {
        path if ["/", "./", "../"].iter().any(|begin| path.starts_with(begin)) => {
            format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
        }
        value => value.to_owned(),
    };
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() && !value.trim().is_empty() => {
            Ok((path.trim().to_owned(), value_of(value.trim())))
        }
        _ => Err("write PATH=VALUE, as in voices.kl.beta=0.05".to_owned()),
    }
}
