//! `mascot show`: a dataset as its reader sees it, or what the store holds of a task.

use mascot_lang::program::EntityKind;
use serde_json::json;

use super::args::Show;
use super::exit::Exit;
use super::load;
use super::prepare::{Prepared, looked_in, prepare};
use super::render::{self, Paint, table::Table};
use super::world;

pub fn show(args: &Show) -> Exit {
    // A data set needs no experiment around it: a library's can be looked at too.
    let selection = load::point_of(&args.what, &args.selection);
    let loaded = match load::load(&args.file, &selection, args.places.root.as_deref()) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let program = &loaded.programs[0];
    let mut datasets = program.of_kind(EntityKind::Dataset);
    if let Some(dataset) = datasets.find(|dataset| dataset.name == args.what) {
        return match looked_in(&loaded, &selection, &args.places, &args.allow) {
            Ok(places) => dataset::show(args, &loaded, &places, dataset),
            Err(exit) => exit,
        };
    }
    let datasets: Vec<&str> = program.of_kind(EntityKind::Dataset).map(|one| one.name.as_str()).collect();
    let unknown = |tasks: &[&str]| {
        let told = [("datasets", datasets.as_slice()), ("tasks", tasks)];
        let names: Vec<&str> = told.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let help = if names.is_empty() { "the file has none".to_owned() } else { render::one_of(&args.what, &names) };
        render::complain(&format!("there is no dataset and no task `{}`", args.what), Some(&help));
        Exit::CallWrong
    };
    if program.experiment.is_none() {
        return unknown(&[]);
    }
    let prepared = match prepare(&args.file, &selection, &args.places, &args.compute, None, &args.allow) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    match prepared.plan.find(&args.what) {
        Some(at) => task(args, &prepared, at),
        None => unknown(&prepared.plan.tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>()),
    }
}

fn task(args: &Show, prepared: &Prepared, at: usize) -> Exit {
    let task = &prepared.plan.tasks[at];
    let known = task.key.or_else(|| prepared.store.history(&task.label).last().copied());
    let record = match known.map(|key| prepared.store.record(&key)).transpose() {
        Ok(record) => record.flatten(),
        Err(why) => {
            render::complain(&why.to_string(), None);
            return Exit::Failed;
        }
    };
    let Some(record) = record else {
        render::complain(
            &format!("{} is not in the store", task.id),
            Some("`mascot run` makes it; `mascot plan` says when"),
        );
        return Exit::Failed;
    };
    // Of a task whose inputs are not yet what they will be, the last that was made is shown, and said to be that.
    let is_current = task.key == Some(record.key);
    let artifacts =
        record.artifacts.iter().map(|(name, artifact)| (name.clone(), prepared.store.object(&artifact.digest)));
    let artifacts: Vec<(String, String)> = artifacts.map(|(name, path)| (name, path.display().to_string())).collect();
    if args.output.json {
        let paths: serde_json::Map<_, _> = artifacts.into_iter().map(|(name, path)| (name, json!(path))).collect();
        render::json(&json!({
            "task": task.id, "key": record.key.to_string(), "current": is_current, "made": record.made, "seconds": record.seconds,
            "artifacts": paths, "results": record.outputs.results, "notes": record.outputs.notes, "table": record.outputs.table,
            "subjects": task.labels.subjects, "metrics": task.labels.metrics,
        }));
        return Exit::Done;
    }
    let paint = Paint::of_stdout();
    let old = if is_current { "" } else { "  (the last one made; what it needs has changed since)" };
    render::out(&format!("{}{old}\n", paint.bold(&task.id)));
    // A rehearsal's seconds are those of no clock.
    let took = match prepared.plan.fake {
        true => ", a rehearsal".to_owned(),
        false => format!(" in {}", render::duration(record.seconds)),
    };
    render::out(&format!("key   {}\nmade  {}{took}\n", record.key, world::date(record.made)));
    let mut table = Table::new(&["result", ""]).right(&[1]);
    record.outputs.results.iter().for_each(|(name, value)| table.row([name.clone(), render::number(*value)]));
    if !table.is_empty() {
        render::out(&format!("\n{}", table.text()));
    }
    record.outputs.notes.iter().for_each(|note| render::out(&format!("note: {note}\n")));
    render::out("\nartifacts\n");
    artifacts.iter().for_each(|(name, path)| render::out(&format!("  {name}  {path}\n")));
    Exit::Done
}

#[cfg(feature = "engine")]
mod dataset {
    use mascot_lang::program::Entity;
    use mascot_run::source::{Places, locate};
    use mascot_run::store::Store;
    use serde_json::json;

    use crate::cli::args::Show;
    use crate::cli::exit::Exit;
    use crate::cli::load::Loaded;
    use crate::cli::render::{self, Paint, plural, table::Table, table::shorten};

    /// What the reader makes of the file: conversations by split, refused rows by line, a sample.
    pub fn show(args: &Show, loaded: &Loaded, places: &Places, dataset: &Entity) -> Exit {
        let (spec, source) = mascot_run::dataset(&loaded.programs[0], &loaded.checked.files, dataset.id);
        let found = match locate(&source, places, &mut Store::new(&places.store).digests()) {
            Ok(found) => found,
            Err(missing) => {
                render::complain(&format!("{}: {}", missing.source, missing.why), Some(&missing.help));
                return Exit::Failed;
            }
        };
        let shown = match mascot_engine::data::show(&found.path, &spec) {
            Ok(shown) => shown,
            Err(fault) => {
                render::complain(&fault.to_string(), None);
                return Exit::Failed;
            }
        };
        if args.output.json {
            let mut document = json!({ "dataset": dataset.name });
            if let (Some(document), Ok(serde_json::Value::Object(told))) =
                (document.as_object_mut(), serde_json::to_value(&shown))
            {
                document.extend(told);
            }
            render::json(&document);
            return Exit::Done;
        }
        let paint = Paint::of_stdout();
        render::out(&format!("{}  {}\n\n", paint.bold(&dataset.name), paint.dim(&source.describe())));
        let mut table = Table::new(&["split", "conversations", "turns", "prompts"]).right(&[1, 2, 3]);
        for (split, counts) in shown.splits.all() {
            let cells = [counts.conversations, counts.turns, counts.prompts].map(|count| count.to_string());
            let [conversations, turns, prompts] = cells;
            table.row([split.to_owned(), conversations, turns, prompts]);
        }
        render::out(&table.text());
        if !shown.refused.is_empty() {
            render::out(&format!("\n{}\n", plural(shown.refused.len(), "row refused")));
        }
        for refused in shown.refused.iter().take(20) {
            render::out(&format!("refused {}:{}: {}\n", refused.file, refused.line, refused.why));
        }
        if shown.refused.len() > 20 {
            render::out(&format!(
                "and {}; --json has them all\n",
                plural(shown.refused.len() - 20, "more refused row")
            ));
        }
        for sample in &shown.sample {
            let persona = sample.persona.as_ref().map_or(String::new(), |persona| format!(" [{persona}]"));
            render::out(&format!("\n{}{persona} {}\n", paint.dim(sample.split), shorten(&sample.prompt, 200)));
            if let Some(completion) = &sample.completion {
                render::out(&format!("  → {}\n", shorten(completion, 200)));
            }
        }
        Exit::Done
    }
}

#[cfg(not(feature = "engine"))]
mod dataset {
    use mascot_lang::program::Entity;
    use mascot_run::source::Places;

    use crate::cli::args::Show;
    use crate::cli::exit::Exit;
    use crate::cli::load::Loaded;
    use crate::cli::render;

    /// Reading data is the engine's.
    pub fn show(_: &Show, _: &Loaded, _: &Places, dataset: &Entity) -> Exit {
        let message = format!("{}: this mascot was built without the engine, which reads data", dataset.name);
        render::complain(&message, Some("`cargo build --release` builds one that does"));
        Exit::CallWrong
    }
}
