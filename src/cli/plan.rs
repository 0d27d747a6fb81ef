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
    let over = prepared.plan.over_memory();
    if !over.is_empty() {
        render::say(&format!("{}; a run here would refuse:", super::run::TOO_LITTLE));
        over.iter().for_each(|one| render::say(&format!("  {one}")));
    }
    within_budget(&prepared.plan)
}

/// [`Exit::Gated`] when even the low estimates go over a ceiling of the budget; it has been said.
pub fn within_budget(plan: &mascot_run::plan::Plan) -> Exit {
    let over = plan.over_budget();
    if over.is_empty() {
        return Exit::Done;
    }
    render::complain("the plan goes over its budget", None);
    over.iter().for_each(|one| render::say(&format!("  {one}")));
    Exit::Gated
}
