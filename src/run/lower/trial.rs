//! A persona's `test` → an evaluation of one situation: the policy that speaks for the persona under the first subject of the
//! experiment's first `evaluate`, asked n times, judged by the judge that holds the rubric which the gates name.

use mascot_lang::program::{Child, EntityId, EntityKind, MemberRef, Value};
use serde_json::{Value as Json, json};

use super::{Hold, Lower, Lowered, Scope, number, shown};
use crate::source::{Origin, Source};
use crate::trial::Score;

/// One test before it has its place in a plan.
pub(crate) struct LoweredTrial {
    pub task: Lowered,
    /// What its gates ask of a sample, in the order of the metrics.
    pub scores: Vec<Score>,
    /// Who judges, by name.
    pub judges: Vec<String>,
    pub n: u32,
    pub k: u32,
}

/// The `evaluate` whose first subject speaks in tests: the first that has one.
pub(crate) fn table(
    program: &mascot_lang::program::Program,
    files: &mascot_lang::source::SourceMap,
) -> Option<MemberRef> {
    let lower = Lower::new(program, files);
    let tables = program.of_kind(EntityKind::Stage).filter(|entity| {
        entity.stage.as_ref().is_some_and(|stage| stage.kind == "evaluate" && !stage.instances.is_empty())
    });
    let mut members = tables.map(|entity| MemberRef { stage: entity.id, member: 0 });
    members.find(|member| lower.first_subject(lower.instance(*member)).is_some())
}

/// Lowers a test of `persona` under the first subject of `table`.
///
/// # Errors
/// Why it cannot be run, in words.
pub(crate) fn lower_trial(
    program: &mascot_lang::program::Program,
    files: &mascot_lang::source::SourceMap,
    persona: EntityId,
    test: &Child,
    table: MemberRef,
) -> Result<LoweredTrial, String> {
    let mut lower = Lower::new(program, files);
    let owner = lower.instance(table);
    let subject = lower.first_subject(owner).expect("`table` names an evaluation that has one");
    let crew = lower.subject_crew(&subject);
    let speaking = lower.speaking(&subject);
    let cast = lower.cast(&speaking, &crew);
    let name = &program.entity(persona).name;
    let own: Vec<_> = cast.into_iter().filter(|(who, _)| *who == persona).collect();
    if own.is_empty() {
        let table = &program.entity(table.stage).name;
        return Err(format!(
            "nobody speaks for `{name}` in {}, the first subject of `{table}`",
            lower.called(&subject)
        ));
    }
    let scope = Scope { persona: Some(persona), crew, base: lower.root(&speaking) };

    let mut asked: Vec<(EntityId, Option<String>)> = Vec::new();
    test.gates.iter().for_each(|gate| rubrics_of(&gate.condition, &mut asked));
    let (mut metrics, mut scores, mut judges) = (Vec::new(), Vec::new(), Vec::new());
    for (rubric, criterion) in asked {
        let judge = lower.judge_of(rubric, table)?;
        let verdict = Value::Verdict { judge, rubric };
        let mut spec = lower.judge(&format!("metrics.{}.judge", metrics.len()), &verdict, &scope);
        if let Some(criterion) = &criterion {
            // One criterion is asked for by itself: what a sample has by others is nobody's question.
            let all = spec["rubric"]["criteria"].as_array_mut().expect("a rubric has criteria");
            all.retain(|one| one["name"] == criterion.as_str());
            all.iter_mut().for_each(|one| one["weight"] = json!(1));
        }
        let high = spec["rubric"]["high"].as_f64().expect("a scale ends in a number");
        metrics.push(json!({"judge": spec}));
        scores.push(Score { rubric, criterion, high });
        let name = program.entity(judge).name.clone();
        if !judges.contains(&name) {
            judges.push(name);
        }
    }
    if metrics.is_empty() {
        return Err("its gates name no rubric, so there is nothing to judge by".to_owned());
    }

    let setting = |name: &str| test.fields.get(name).and_then(|field| number(&field.value)).unwrap_or(1.0) as u32;
    let (n, k) = (setting("n"), setting("k"));
    let given = match test.fields.get("given").map(|field| &field.value) {
        Some(Value::Text(text)) => text.clone(),
        other => panic!("a test's `given` is {other:?}; this is a bug in mascot"),
    };
    let subject = lower.asked("subjects.0", &own, "zero_shot");
    let field = format!("{name}.test");
    lower.origin("data.source", field, mascot_lang::program::Layer::File, Some(test.span));
    let text = format!("{}\n", json!({"prompt": given}));
    let source = Hold::Source(Source { origin: Origin::Written { text }, sha256: None });
    let data = json!({
        "source": lower.hold("data.source", source), "reader": {"format": "jsonl", "fields": {}, "only": {}},
        "split": null, "cut": null, "max_len": null,
    });
    let mut spec = lower.plain("", owner, &["sample", "level"]);
    spec["sample"]["n"] = n.into();
    spec.insert("kind".into(), "evaluate".into());
    spec.insert("seed".into(), lower.seed_of("evaluate"));
    spec.insert("subjects".into(), vec![subject].into());
    spec.insert("metrics".into(), metrics.into());
    spec.insert("data".into(), data);
    spec.insert("prompts".into(), 1.into());
    // Nobody reads an interval of the mean of one situation.
    spec.insert("bootstrap".into(), 1.into());
    lower.labels.subjects.push(shown(program.entity(persona)).to_owned());
    lower.labels.metrics.extend(scores.iter().map(|score| score.called(program)));
    let spec: Json = spec.into();
    let spec = serde_json::from_value(spec.clone()).unwrap_or_else(|why| {
        panic!("a test does not fit its specification: {why}\n{spec:#}\nthis is a bug in mascot")
    });
    let Lower { slots, remotes, origins, not_yet, labels, .. } = lower;
    let task = Lowered { spec, not_yet, slots, remotes, origins, gates: Vec::new(), labels };
    Ok(LoweredTrial { task, scores, judges, n, k })
}

impl Lower<'_> {
    /// Of the judges whose `rubrics` hold it one that the evaluation measures by, else the first.
    fn judge_of(&self, rubric: EntityId, table: MemberRef) -> Result<EntityId, String> {
        let holds = |judge: &&mascot_lang::program::Entity| match self.owner(judge.id).value("rubrics") {
            Value::List(all) => all.contains(&Value::Entity(rubric)),
            _ => false,
        };
        let measures = |judge: EntityId| match self.instance(table).value("metrics") {
            Value::List(all) => all.iter().any(|one| matches!(one, Value::Verdict { judge: by, .. } if *by == judge)),
            _ => false,
        };
        let all: Vec<EntityId> = self.program.of_kind(EntityKind::Judge).filter(holds).map(|judge| judge.id).collect();
        let measuring = all.iter().find(|judge| measures(**judge));
        let rubric = &self.program.entity(rubric).name;
        measuring.or(all.first()).copied().ok_or_else(|| format!("no judge has `{rubric}` among its `rubrics`"))
    }
}

/// Rubrics, and criteria of rubrics, that a condition asks of, each once.
fn rubrics_of(condition: &Value, found: &mut Vec<(EntityId, Option<String>)>) {
    let mut add = |one| {
        if !found.contains(&one) {
            found.push(one);
        }
    };
    match condition {
        Value::Entity(rubric) => add((*rubric, None)),
        Value::Op { op, args } => match (op.as_str(), args.as_slice()) {
            ("field", [Value::Entity(rubric), Value::Word(name) | Value::Text(name)]) => {
                add((*rubric, Some(name.clone())))
            }
            (_, args) => args.iter().for_each(|arg| rubrics_of(arg, found)),
        },
        Value::Call { args, .. } => args.values().for_each(|arg| rubrics_of(arg, found)),
        _ => {}
    }
}
