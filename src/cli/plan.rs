//! `mascot plan`: what a run would do, why, what it would cost, and what is missing. Opens no weights.

use super::args::Plan;
use super::exit::Exit;
use super::prepare::prepare;
use super::render::{self, Paint};

pub fn plan(args: &Plan) -> Exit {
    let prepared =
        prepare(&args.file, &args.selection, &args.places, &args.compute, args.until.as_deref(), &args.allow);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    if args.output.json {
        render::json(&prepared.plan.document());
    } else {
        render::out(&render::plan::text(&prepared.plan, Paint::of_stdout()));
    }
    Exit::Done
}
