//! `mascot expand`: every value of a program, defaults included; `--origins` adds the layer and the line.

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
    // One program is one document: with a point asked for, that point.
    let program = loaded.programs.last().expect("load always gives the base");
    let values = mascot_lang::expand(program, &loaded.checked.files);
    if args.output.json {
        let list: Vec<Value> = values
            .iter()
            .map(|one| json!({ "path": one.path, "value": one.value, "layer": one.layer, "file": one.file, "line": one.line }))
            .collect();
        render::json(&json!({ "values": list }));
        return Exit::Done;
    }
    if !args.origins {
        values.iter().for_each(|one| render::out(&format!("{} = {}\n", one.path, one.value)));
        return Exit::Done;
    }
    let mut rows = table::Table::new(&["path", "value", "layer", "where"]);
    for one in &values {
        let place = match (&one.file, one.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => String::new(),
        };
        rows.row([one.path.clone(), table::shorten(&one.value, 60), one.layer.to_string(), place]);
    }
    render::out(&rows.text());
    Exit::Done
}
