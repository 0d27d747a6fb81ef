//! `mascot report`: the page of a run that was, from the store. Performs nothing.

use mascot_run::report::RunReport;
use mascot_run::store::{Store, StoreError};

use super::args::Report;
use super::exit::Exit;
use super::prepare::{Prepared, prepare};
use super::render;
use super::run;

pub fn report(args: &Report) -> Exit {
    let call = &args.plan;
    let prepared =
        prepare(&call.file, &call.selection, &call.places, &call.compute, call.until.as_deref(), &call.allow);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let found = match last_run(&prepared, args.run.as_deref()) {
        Ok(Some(found)) => found,
        Ok(None) => {
            render::complain("the store remembers no such run", Some(&format!("`{}`", run::command(call, "run"))));
            return Exit::Failed;
        }
        Err(why) => {
            render::complain(&why.to_string(), Some(why.advice()));
            return Exit::Failed;
        }
    };
    match run::write_report(call, &prepared, &found, args.out.as_deref()) {
        Ok(path) => {
            render::out(&format!("report: {}\n", run::near(&path)));
            Exit::Done
        }
        Err(why) => {
            render::complain(&why, None);
            Exit::Failed
        }
    }
}

/// The run of that name, or the latest of this experiment with this engine.
fn last_run(prepared: &Prepared, name: Option<&str>) -> Result<Option<RunReport>, StoreError> {
    let store: &Store = &prepared.store;
    if let Some(name) = name {
        return RunReport::read(store, name);
    }
    for name in store.runs().iter().rev() {
        // A manifest that cannot be read is some other run's: told by `mascot runs`.
        let found = match RunReport::read(store, name) {
            Err(StoreError::Unreadable { .. }) => continue,
            found => found?,
        };
        let plan = &prepared.plan;
        let ours = |report: &RunReport| report.experiment.name == plan.experiment.name && report.engine == plan.engine;
        if found.as_ref().is_some_and(ours) {
            return Ok(found);
        }
    }
    Ok(None)
}
