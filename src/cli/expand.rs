//! `mascot expand`: every value of a program, defaults included; `--origins` adds the layer and the line.

use std::collections::BTreeMap;

use mascot_lang::Expanded;
use mascot_lang::program::Program;
use mascot_lang::source::SourceMap;
use serde_json::{Value, json};

use super::args::Expand;
use super::exit::Exit;
use super::load;
use super::render::{self, table};

pub fn expand(args: &Expand) -> Exit {
    let loaded = match load::load(&args.file, &args.selection, args.root.as_deref()) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let all = of_points(&loaded.programs, &loaded.checked.files);
    if args.output.json {
        let list: Vec<Value> = all
            .iter()
            .flat_map(|(point, values)| values.iter().map(move |one| (point, one)))
            .map(|(point, one)| {
                json!({ "path": one.path, "value": one.value, "layer": one.layer, "file": one.file, "line": one.line, "point": point })
            })
            .collect();
        render::json(&json!({ "values": list }));
        return Exit::Done;
    }
    for (at, (point, values)) in all.iter().enumerate() {
        if let Some(point) = point.filter(|_| all.len() > 1) {
            render::out(&format!("{}# {point}\n", if at == 0 { "" } else { "\n" }));
        }
        shown(values, args.origins);
    }
    Exit::Done
}

/// What is asked for: a file is its base, with one point that point; with several the base, and what each of them changes.
fn of_points<'p>(programs: &'p [Program], files: &SourceMap) -> Vec<(Option<&'p str>, Vec<Expanded>)> {
    let expanded = |program: &'p Program| (program.point.as_deref(), mascot_lang::expand(program, files));
    match programs {
        [] => unreachable!("load always gives the base"),
        [one] | [_, one] => vec![expanded(one)],
        [base, points @ ..] => {
            let base = expanded(base);
            let known: BTreeMap<&str, &Expanded> = base.1.iter().map(|one| (one.path.as_str(), one)).collect();
            let points = points.iter().map(|program| {
                let (point, mut values) = expanded(program);
                values.retain(|one| known.get(one.path.as_str()).is_none_or(|before| *before != one));
                (point, values)
            });
            let points: Vec<_> = points.collect();
            drop(known);
            std::iter::once(base).chain(points).collect()
        }
    }
}

fn shown(values: &[Expanded], origins: bool) {
    if !origins {
        values.iter().for_each(|one| render::out(&format!("{} = {}\n", one.path, one.value)));
        return;
    }
    let mut rows = table::Table::new(&["path", "value", "layer", "where"]);
    for one in values {
        let place = match (&one.file, one.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => String::new(),
        };
        rows.row([one.path.clone(), table::shorten(&one.value, 60), one.layer.to_string(), place]);
    }
    render::out(&rows.text());
}
