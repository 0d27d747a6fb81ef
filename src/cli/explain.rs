//! `mascot explain`: what a diagnostic code, a kind, a field or the list of units means.

use super::args::Explain;
use super::exit::Exit;
use super::render;

pub fn explain(args: &Explain) -> Exit {
    render::complain(&format!("nothing is known of `{}`", args.word), None);
    Exit::CallWrong
}
