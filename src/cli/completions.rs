//! `mascot completions`: what a shell needs to complete a call, made from the same table as the help.

use clap::CommandFactory;

use super::args::{Cli, Completions};
use super::exit::Exit;
use super::render;

pub fn completions(args: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mascot", &mut script);
    render::exactly(&String::from_utf8_lossy(&script));
    Exit::Done
}
