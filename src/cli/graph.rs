//! `mascot graph`: who needs whom, as JSON, Graphviz dot or a Mermaid flowchart.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mascot_lang::GraphEdge;
use mascot_lang::program::{EntityId, EntityKind, Program};
use mascot_lang::source::SourceMap;
use serde_json::{Value, json};

use super::args::{Graph, GraphFormat};
use super::exit::Exit;
use super::load;
use super::render;

pub fn graph(args: &Graph) -> Exit {
    let loaded = match load::load(&args.file, &args.selection, args.root.as_deref()) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let program = loaded.programs.last().expect("load always gives the base");
    let edges = mascot_lang::edges(program);
    let names = names(program, &edges);
    let format = if args.output.json { GraphFormat::Json } else { args.format };
    match format {
        GraphFormat::Json => render::json(&document(program, &edges, &names, &loaded.checked.files)),
        GraphFormat::Dot => render::out(&dot(program, &edges, &names)),
        GraphFormat::Mermaid => render::out(&mermaid(program, &edges, &names)),
    }
    Exit::Done
}

/// What is drawn: everything that has an edge, and every stage. A library's unused rubric is not.
fn names(program: &Program, edges: &[GraphEdge]) -> BTreeMap<EntityId, String> {
    let touched = |id: EntityId| edges.iter().any(|edge| edge.from == id || edge.to == id);
    program
        .entities
        .iter()
        .filter(|entity| entity.kind == EntityKind::Stage || touched(entity.id))
        .map(|entity| (entity.id, entity.name.clone()))
        .collect()
}

fn kind(program: &Program, id: EntityId) -> String {
    let entity = program.entity(id);
    match &entity.stage {
        Some(stage) => stage.kind.clone(),
        None => entity.kind.keyword().to_owned(),
    }
}

fn document(program: &Program, edges: &[GraphEdge], names: &BTreeMap<EntityId, String>, files: &SourceMap) -> Value {
    let nodes: Vec<Value> = names
        .iter()
        .map(|(id, name)| {
            let span = program.entity(*id).header;
            let line = files.position(span.file, span.start).line;
            json!({ "id": name, "kind": kind(program, *id), "file": files.file(span.file).path, "line": line })
        })
        .collect();
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| json!({ "from": names[&edge.from], "to": names[&edge.to], "slot": edge.slot }))
        .collect();
    json!({ "nodes": nodes, "edges": edges })
}

fn dot(program: &Program, edges: &[GraphEdge], names: &BTreeMap<EntityId, String>) -> String {
    let mut text = "digraph experiment {\n  rankdir = LR;\n  node [fontname = \"sans-serif\"];\n".to_owned();
    for (id, name) in names {
        let shape = if program.entity(*id).stage.is_some() { "box" } else { "ellipse" };
        let _ = writeln!(text, "  \"{name}\" [shape = {shape}, label = \"{name}\\n{}\"];", kind(program, *id));
    }
    for edge in edges {
        let _ = writeln!(text, "  \"{}\" -> \"{}\" [label = \"{}\"];", names[&edge.from], names[&edge.to], edge.slot);
    }
    text + "}\n"
}

fn mermaid(program: &Program, edges: &[GraphEdge], names: &BTreeMap<EntityId, String>) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (id, name) in names {
        let what = kind(program, *id);
        let node = match program.entity(*id).stage {
            Some(_) => format!("n{}[\"{name}<br/>{what}\"]", id.0),
            None => format!("n{}([\"{name}<br/>{what}\"])", id.0),
        };
        let _ = writeln!(text, "  {node}");
    }
    for edge in edges {
        let _ = writeln!(text, "  n{} -->|{}| n{}", edge.from.0, edge.slot, edge.to.0);
    }
    text
}
