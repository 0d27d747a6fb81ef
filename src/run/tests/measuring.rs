//! What an `evaluate` measures and what gates ask of it, from the text of a program to the request and the answer.

use mascot_run::plan;
use tempfile::tempdir;

use crate::bench::{performed, store};
use crate::language::{PROGRAM, edit, plan_of};

/// Speakers beside what they should sound like, by the reward that they were trained with.
const MEASURED: &str = r#"
dataset gold { source = jsonl("lines.jsonl", only: { use = "gold" }) }
stage measured = evaluate {
  subjects = [voices, baseline(sft), gold]
  metrics = [panel.fidelity, length(15..60 tok), in_character, leak()]
  data = situations.test
  GATE
}
"#;

fn measured(gate: &str) -> String {
    let judged = "judge panel { by = contrast(base); rubrics = [fidelity] }\n";
    assert!(PROGRAM.contains(judged));
    format!("{PROGRAM}{}", MEASURED.replacen("GATE", gate, 1))
}

#[test]
fn a_gate_for_each_persona_is_asked_for_every_one_of_the_crew() {
    let folder = tempdir().unwrap();
    let ask = |condition: &str| {
        let plan = plan_of(&measured(&format!("gate {condition} else \"no\"")), folder.path());
        let (_, report) = performed(&plan, folder.path());
        report.task("measured").unwrap().gates[0].clone()
    };
    let asked = ask(
        "mean(voices, metric: in_character, persona: each) >= 0.5 * mean(baseline(sft), metric: in_character, persona: each)",
    );
    let names: Vec<&str> = asked.values.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "mean(voices, metric: in_character, persona: The Anchor)",
            "mean(baseline(sft), metric: in_character, persona: The Anchor)",
            "0.5 * mean(baseline(sft), metric: in_character, persona: The Anchor)",
            "mean(voices, metric: in_character, persona: The Beacon)",
            "mean(baseline(sft), metric: in_character, persona: The Beacon)",
            "0.5 * mean(baseline(sft), metric: in_character, persona: The Beacon)",
        ]
    );
    assert!(asked.values.iter().all(|(_, value)| value.is_some()), "{asked:?}");
    assert!(ask("p95(gold, metric: leak(), persona: each) > -99").holds);
    let none = ask("p95(voices, metric: leak(), persona: each) < -99");
    assert_eq!((none.holds, none.failed_for), (false, vec!["The Anchor".to_owned(), "The Beacon".to_owned()]));
    // Terms have criteria; a contrast judge measures none of its rubric's.
    assert!(ask("median(voices, metric: length(15..60 tok), criterion: \"tokens\", persona: beacon) > -99").holds);
    assert!(ask("mean(voices, metric: length(15..60 tok), criterion: \"short\").high > -99").holds);
    let unmeasured = ask("mean(voices, criterion: \"role\") > -99");
    assert_eq!((unmeasured.holds, unmeasured.values[0].1), (false, None));
    // Of one persona's policy, `each` is that persona alone.
    let one = measured("gate mean(voices.beacon, persona: each) > -99 else \"no\"").replacen(
        "subjects = [voices,",
        "subjects = [voices.beacon,",
        1,
    );
    let (_, report) = performed(&plan_of(&one, folder.path()), folder.path());
    let asked = &report.task("measured").unwrap().gates[0];
    assert_eq!(asked.values.len(), 1, "{asked:?}");
    assert!(asked.holds);
}

#[test]
fn written_lines_and_rewards_are_part_of_the_request() {
    use mascot_run::task::{Expr, MetricSpec, Subject, TaskSpec};

    let folder = tempdir().unwrap();
    let plan = plan_of(&measured(""), folder.path());
    let task = &plan.tasks[plan.find("measured").unwrap()];
    assert_eq!(task.labels.subjects, ["voices", "baseline(sft)", "gold"]);
    assert_eq!(task.labels.metrics[2], "in_character");
    let TaskSpec::Evaluate(spec) = &task.spec else { panic!("an evaluate") };
    let Subject::Written { data, crew, .. } = &spec.subjects[2] else { panic!("written lines") };
    assert_eq!(crew.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["The Anchor", "The Beacon"]);
    assert!(task.slots.contains_key(&data.source));
    let MetricSpec::Reward(reward) = &spec.metrics[2] else { panic!("a reward") };
    assert!(matches!(&reward.score, Expr::Op { op, .. } if op == "subtract"), "{:?}", reward.score);
    // It holds the reward model of the stage that made it.
    let needs: Vec<&str> = task.needs.iter().map(|need| plan.tasks[*need].id.as_str()).collect();
    assert!(needs.contains(&"persona_rm"), "{needs:?}");

    // A weight of the reward is part of the key, and found where it was written.
    performed(&plan, folder.path());
    let plan = plan_of(&measured("").replacen("0.8 * persona_rm", "0.7 * persona_rm", 1), folder.path());
    let at = plan.find("measured").unwrap();
    let why = plan::why(&plan, &store(folder.path()), at);
    let line = PROGRAM.lines().position(|line| line.contains("0.8 * persona_rm")).unwrap() as u32 + 1;
    assert!(why.differs.iter().any(|one| one.line == Some(line)), "{why:?}");
}

#[test]
fn controls_are_part_of_the_request() {
    use mascot_run::task::TaskSpec;

    let folder = tempdir().unwrap();
    let shuffled = |text: &str, id: &str| {
        let plan = plan_of(text, folder.path());
        match &plan.tasks[plan.find(id).unwrap()].spec {
            TaskSpec::Grpo(spec) => spec.method.shuffle,
            TaskSpec::Direction(spec) => spec.method.shuffle,
            _ => panic!("a grpo"),
        }
    };
    let control = PROGRAM.replacen("steps = 10 steps", "steps = 10 steps\n  shuffle = true", 1);
    assert_eq!([PROGRAM, &control].map(|text| shuffled(text, "voices.anchor")), [false, true]);
    assert!(!shuffled(&control, "direction"));
    assert_eq!(edit("steps = 10 steps", "steps = 10 steps\n  shuffle = true")[..2], ["voices/anchor", "voices/beacon"]);
    assert_eq!(edit("+ contrast()", "+ contrast(shift: 1)")[..2], ["voices/anchor", "voices/beacon"]);
}
