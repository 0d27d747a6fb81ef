//! What the program's `report` item asks for, and what of it is not to be had; and how a run is got again.

use std::path::Path;

use mascot_lang::program::{EntityKind, Point, Program, Value};
use mascot_lang::source::SourceMap;
use mascot_run::digest::Digest;
use mascot_run::plan::pages;
use mascot_run::report::RunReport;

use super::{Reproduce, sources};
use crate::cli::args::{Plan, Selection};
use crate::cli::load::Loaded;
use crate::cli::{run, world};

/// A `report` item, read for what the page can do.
#[derive(Debug, Default)]
pub struct Declared {
    /// Where the page goes, relative to the root: every place that a `report` item names.
    pub pages: Vec<String>,
    /// What is asked for and is not in the page, and why.
    pub notes: Vec<String>,
}

/// The program's `report` items: the first one's tables and figures, the pages of all.
pub fn read(program: &Program, report: &RunReport) -> Declared {
    let mut declared = Declared::default();
    for page in program.of_kind(EntityKind::Report).flat_map(pages) {
        if !is_html(&page) {
            declared.notes.push(format!("{page} is not written yet: only HTML pages are"));
        } else if !declared.pages.contains(&page) {
            declared.pages.push(page);
        }
    }
    let Some(item) = program.of_kind(EntityKind::Report).next() else {
        return declared;
    };
    let list = |name: &str| match item.fields.get(name).map(|field| &field.value) {
        Some(Value::List(values)) => values.clone(),
        _ => Vec::new(),
    };
    for table in list("tables") {
        if let Value::Call { name, args } = &table
            && name == "ablation"
        {
            declared.notes.extend(args.values().flat_map(|value| not_run(value, program, report)));
        }
    }
    for figure in list("figures") {
        if let Value::Call { name, .. } = &figure
            && !matches!(name.as_str(), "curve" | "transcripts")
        {
            declared.notes.push(format!("the figure {name}(…) is not drawn yet"));
        }
    }
    declared
}

fn is_html(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"))
}

/// Variants that a table wants and that this run does not hold.
fn not_run(value: &Value, program: &Program, report: &RunReport) -> Vec<String> {
    match value {
        Value::List(values) => values.iter().flat_map(|value| not_run(value, program, report)).collect(),
        Value::Entity(id) if program.entity(*id).kind == EntityKind::Variant => {
            let name = &program.entity(*id).name;
            let there = report.tasks.iter().any(|task| task.point.as_ref() == Some(name));
            if there {
                Vec::new()
            } else {
                vec![format!("the variant {name} has not been run here: --all runs every variant beside the base")]
            }
        }
        _ => Vec::new(),
    }
}

/// How to get this run again, and the file's other points beside it.
pub fn reproduce(call: &Plan, loaded: &Loaded, report: &RunReport) -> Reproduce {
    let here: Vec<&String> = report.tasks.iter().filter_map(|task| task.point.as_ref()).collect();
    let others = loaded.checked.variants().into_iter().filter_map(|point| match point {
        Point::Variant(name) if !here.contains(&&name) => {
            let mut call = call.clone();
            call.selection = Selection { variant: vec![name.clone()], set: call.selection.set, ..Selection::default() };
            call.until = None;
            Some((name, run::command(&call, "run")))
        }
        _ => None,
    });
    Reproduce {
        command: run::command(call, "run"),
        report: run::command(call, "report"),
        others: others.collect(),
        files: digests(&loaded.checked.files),
        seed: sources::seed(&loaded.programs[0]),
        version: format!("mascot {}", env!("CARGO_PKG_VERSION")),
        engine: report.engine.clone(),
        machine: report.machine.clone(),
        date: world::date(report.started),
        run: report.run.clone(),
    }
}

/// Each file that the program was read from; the standard library is the binary's, and goes with its version.
fn digests(files: &SourceMap) -> Vec<(String, String)> {
    let own = files.files().filter(|(_, file)| !file.path.starts_with("std/"));
    own.map(|(_, file)| (file.path.clone(), format!("blake3:{}", Digest::of(file.text.as_bytes())))).collect()
}
