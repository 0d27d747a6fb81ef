//! `mascot report`: the page of a run that was, from the store. Performs nothing.

use std::collections::BTreeSet;

use mascot_run::plan::Plan;
use mascot_run::report::RunReport;
use mascot_run::store::{Store, StoreError};

use super::args::Report;
use super::exit::Exit;
use super::output;
use super::prepare::{Prepared, prepare_to_read};
use super::render;
use super::run;

pub fn report(args: &Report) -> Exit {
    let call = &args.plan;
    let prepared = match prepare_to_read(call) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let found = match last_run(&prepared, args.run.as_deref()) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let (what, help, exit) = match &args.run {
                Some(name) => {
                    (format!("there is no run `{name}`"), "`mascot runs` lists them".to_owned(), Exit::CallWrong)
                }
                None => {
                    let name = &prepared.plan.experiment.name;
                    let help = format!("`{}` makes one; `mascot runs` lists all", run::command(call, "run"));
                    (format!("the store remembers no run of `{name}` at these points"), help, Exit::Failed)
                }
            };
            render::complain(&what, Some(&help));
            return exit;
        }
        Err(why) => {
            render::complain(&why.to_string(), Some(why.advice()));
            return Exit::Failed;
        }
    };
    if let Some(Err(exit)) = args.out.as_ref().map(|out| output::refuse(out, &prepared.loaded, output::PAGE)) {
        return exit;
    }
    match run::write_report(call, &prepared, &found, args.out.as_deref()) {
        Ok(paths) => {
            if call.output.json {
                render::json(&serde_json::json!({ "run": found.run, "report": paths.first(), "pages": paths }));
            } else {
                paths.iter().for_each(|path| render::out(&format!("report: {}\n", run::near(path))));
            }
            Exit::Done
        }
        Err(why) => {
            render::complain(&why, None);
            Exit::Failed
        }
    }
}

/// The run of that name; or of this experiment's with this engine at these points the latest that did what is asked now. When none did,
/// the latest: an edited file still has the page of its last run, and it is said.
fn last_run(prepared: &Prepared, name: Option<&str>) -> Result<Option<RunReport>, StoreError> {
    let store: &Store = &prepared.store;
    if let Some(name) = name {
        return RunReport::read(store, name);
    }
    let plan = &prepared.plan;
    let points = |tasks: &mut dyn Iterator<Item = Option<String>>| tasks.collect::<BTreeSet<Option<String>>>();
    let asked = points(&mut plan.tasks.iter().map(|task| task.point.clone()));
    // The run of a variant is not the base's.
    let ours = |report: &RunReport| {
        report.experiment.name == plan.experiment.name
            && report.engine == plan.engine
            && points(&mut report.tasks.iter().map(|task| task.point.clone())) == asked
    };
    let mut latest = None;
    for name in store.runs().iter().rev() {
        // A manifest that cannot be read is some other run's: told by `mascot runs`.
        let found = match RunReport::read(store, name) {
            Err(StoreError::Unreadable { .. }) => continue,
            found => found?,
        };
        let Some(found) = found.filter(&ours) else { continue };
        if did(&found, plan) {
            return Ok(Some(found));
        }
        latest.get_or_insert(found);
    }
    if let Some(RunReport { run, .. }) = &latest {
        render::say(&format!(
            "no run of just this; {run} was the last, of another seed, other settings or the file as it was then"
        ));
    }
    Ok(latest)
}

/// Whether a run came to any task, and to none that is another now.
fn did(run: &RunReport, plan: &Plan) -> bool {
    let mut both = plan.tasks.iter().filter_map(|task| Some((task.key?, run.task(&task.id)?.key?))).peekable();
    both.peek().is_some() && both.all(|(now, then)| now == then)
}
