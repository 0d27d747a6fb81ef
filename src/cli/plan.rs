//! `mascot plan`: what a run would do, why, what it would cost, and what is missing. Opens no weights.

use mascot_run::plan::{MARK, State};

use super::args::PlanCall;
use super::exit::Exit;
use super::output;
use super::prepare::prepare;
use super::render::{self, Paint};
use super::saved;

pub fn plan(call: &PlanCall) -> Exit {
    let args = &call.plan;
    let prepared =
        prepare(&args.file, &args.selection, &args.places, &args.compute, args.until.as_deref(), &args.allow);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    if let Some(Err(exit)) = call.out.as_ref().map(|out| output::refuse(out, &prepared.loaded, MARK.as_bytes())) {
        return exit;
    }
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
    if let Some(path) = &call.out {
        if let Err(exit) = saved::write(path, args, &prepared) {
            return exit;
        }
        render::say(&format!("written to {0}; `mascot run {0}` does this and nothing else", path.display()));
    }
    let to_do = prepared.plan.tasks.iter().any(|task| task.state != State::Recalled);
    match within_budget(&prepared.plan) {
        Exit::Done if call.detailed_exitcode && to_do => Exit::ToDo,
        exit => exit,
    }
}

/// [`Exit::Gated`] when even the low estimates go over a ceiling of the budget; it has been said.
pub fn within_budget(plan: &mascot_run::plan::Plan) -> Exit {
    let near = plan.near_budget();
    if !near.is_empty() {
        render::say(
            "the plan will likely go over its budget; the run would stop there, and could go on under a higher one:",
        );
        near.iter().for_each(|one| render::say(&format!("  {one}")));
    }
    let unknown = plan.unknown_beside_budget();
    if !unknown.is_empty() {
        render::say("the plan cannot be held against all of its budget; the run stops where a ceiling is reached:");
        unknown.iter().for_each(|one| render::say(&format!("  {one}")));
    }
    let over = plan.over_budget();
    if over.is_empty() {
        return Exit::Done;
    }
    render::complain("the plan goes over its budget", None);
    over.iter().for_each(|one| render::say(&format!("  {one}")));
    Exit::Gated
}
