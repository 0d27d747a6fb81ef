//! The person at the terminal: argv, colour, progress, exit codes. The only room that prints.
//!
//! # Steps
//! 1. [`args`]: argv → a call. A wrong one ends with 2.
//! 2. [`load`]: file → checked programs, or diagnostics and 1. [`prepare`]: programs → a plan.
//! 3. One verb a file: it asks `lang`, `run` or the engine, and hands the answer to [`render`] or [`report`].
//!
//! Reading files, the environment and the clock is [`world`]'s. Deliberately absent: any decision about a key, a task or a
//! tensor.

mod args;
#[cfg(feature = "engine")]
mod at_hand;
mod check;
mod completions;
mod diff;
mod engines;
mod examples;
mod exit;
mod expand;
mod explain;
mod export;
mod fix;
mod fmt;
mod gc;
#[cfg(feature = "engine")]
mod generate;
mod git;
mod graph;
mod import;
mod init;
mod interrupt;
mod lint;
mod load;
mod lock;
mod lsp;
mod migrate;
mod output;
mod pack;
mod plan;
mod prepare;
mod render;
mod report;
mod report_verb;
mod run;
mod runs;
mod saved;
#[cfg(feature = "engine")]
mod score;
mod show;
mod test;
mod why;
mod world;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};
use exit::Exit;

pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // `--help` and `--version` come this way too, and are no fault.
            let exit = if told.use_stderr() { Exit::CallWrong } else { Exit::Done };
            // A closed pipe: nobody is there to read it.
            let _ = told.print();
            return exit.into();
        }
    };
    let exit = match &cli.verb {
        Verb::Init(args) => init::init(args),
        Verb::Check(args) => check::check(args),
        Verb::Fmt(args) => fmt::fmt(args),
        Verb::Lint(args) => lint::lint(args),
        Verb::Fix(args) => fix::fix(args),
        Verb::Migrate(args) => migrate::migrate(args),
        Verb::Plan(args) => plan::plan(args),
        Verb::Diff(args) => diff::diff(args),
        Verb::Lock(args) => lock::lock(args),
        Verb::Pack(args) => pack::pack(args),
        Verb::Unpack(args) => pack::unpack::unpack(args),
        Verb::Run(args) => run::run(args),
        Verb::Test(args) => test::test(args),
        Verb::Why(args) => why::why(args),
        Verb::Graph(args) => graph::graph(args),
        Verb::Explain(args) => explain::explain(args),
        Verb::Expand(args) => expand::expand(args),
        Verb::Lsp(_) => lsp::lsp(),
        Verb::Show(args) => show::show(args),
        Verb::Import(args) => import::import(args),
        Verb::Export(args) => export::export(args),
        Verb::Runs(args) => runs::runs(args),
        Verb::Report(args) => report_verb::report(args),
        Verb::Gc(args) => gc::gc(args),
        Verb::Completions(args) => completions::completions(args),
        #[cfg(feature = "engine")]
        Verb::Score(args) => score::score(args),
        #[cfg(feature = "engine")]
        Verb::Generate(args) => generate::generate(args),
    };
    exit.into()
}
