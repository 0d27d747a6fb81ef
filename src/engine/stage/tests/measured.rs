//! What an `evaluate` measures beside speakers and baselines (written lines, rewards), and the controls of `grpo`.

use super::*;

/// Rows of one metric: by subject, criterion and persona.
fn row<'t>(
    table: &'t mascot_run::engine::Table,
    subject: usize,
    metric: usize,
    criterion: Option<&str>,
    persona: Option<&str>,
) -> &'t mascot_run::engine::MetricRow {
    let is_it = |r: &&mascot_run::engine::MetricRow| {
        (r.subject, r.metric) == (subject, metric)
            && r.criterion.as_deref() == criterion
            && r.persona.as_deref() == persona
    };
    table.rows.iter().find(is_it).expect("a cell")
}

fn named(name: &str) -> PersonaSpec {
    PersonaSpec { name: name.into(), role: None, voice: None, never: vec![], examples: vec![] }
}

#[test]
fn written_lines_are_measured_as_if_they_had_been_said() {
    let mut house = tuned();
    // 2 · finished − tokens below 28, of which a reward sees ten at most.
    let score = op(
        "subtract",
        vec![
            times(2.0, term("finished", &[])),
            op("min", vec![Expr::Term(term("length", &[("low", 28.0), ("high", 90.0)])), Expr::Constant(10.0)]),
        ],
    );
    let metrics = vec![
        MetricSpec::Term(term("length", &[("low", 29.0), ("high", 90.0)])),
        MetricSpec::Reward(RewardSpec { score, clip: None }),
        MetricSpec::Judge(Box::new(judge())),
        MetricSpec::Term(term("fluency", &[])),
        MetricSpec::Term(term("finished", &[])),
        MetricSpec::Reward(RewardSpec { score: Expr::Term(term("contrast", &[])), clip: None }),
        MetricSpec::Term(term("contrast", &[])),
    ];
    let spec = |crew: Vec<PersonaSpec>| {
        TaskSpec::Evaluate(Box::new(EvaluateSpec {
            seed: 7,
            subjects: vec![
                Subject::Speakers { speakers: speakers(), prompting: Baseline::ZeroShot },
                Subject::Written { data: data("lines", None), model: model(), crew },
            ],
            metrics: metrics.clone(),
            data: Some(data("situations", None)),
            prompts: Some(3),
            sample: sample(1, 8),
            bootstrap: 50,
            level: 0.95,
        }))
    };
    let (outputs, workspace) = house.done(&spec(vec![named("The Anchor"), named("The Beacon")]), "measured");
    let table = outputs.table.expect("a table");
    let gold = |metric, criterion, persona| row(&table, 1, metric, criterion, persona);
    // A token a byte: "Oh, that hurts. I am here. 0" has 28, "You tried. Well done, you! 0" too, and the end of turn is none of them.
    let tokens = gold(0, Some("tokens"), None);
    assert_eq!((tokens.mean, tokens.median, tokens.p95, tokens.n), (Some(28.0), Some(28.0), Some(28.0), 8));
    assert_eq!(gold(0, Some("tokens"), Some("The Beacon")).n, 4);
    assert_eq!(gold(0, Some("short"), Some("The Anchor")).mean, Some(1.0), "28 are fewer than 29");
    assert_eq!(gold(0, None, None).mean, Some(1.0));
    assert_eq!(gold(4, None, None).mean, Some(1.0), "what is written ended by itself");
    assert_eq!(gold(1, None, Some("The Beacon")).mean, Some(2.0));
    assert!(gold(3, None, None).mean.expect("measured") < 0.0);
    // Speakers who alone cannot say 28 tokens in 8: the whole penalty.
    assert!(row(&table, 0, 1, None, None).mean.expect("measured") <= -8.0);
    // In a reward the contrast is clipped as in training; on random weights it is small, and the same.
    assert!((gold(5, None, None).mean.expect("a") - gold(6, None, None).mean.expect("b")).abs() < 1e-9);
    // The contrast judge has one number, and no criteria.
    assert!(gold(2, None, None).mean.is_some());
    assert_eq!((gold(2, Some("a"), None).mean, gold(2, Some("a"), None).n), (None, 0));
    assert!(outputs.notes.iter().any(|note| note.contains("criteria are not measured")), "{:?}", outputs.notes);
    // Nothing is paired with what answers other situations.
    assert!(table.deltas.iter().all(|d| d.mean.is_none()));
    let said = lines(&workspace, "transcripts.jsonl");
    let written: Vec<_> = said.iter().filter(|t| t["subject"] == 1).collect();
    assert_eq!(written.len(), 8);
    assert_eq!(written[0]["turns"][1]["ids"].as_array().expect("ids").len(), 29);
    assert!(written[0]["turns"][1]["scores"]["reward"].is_number());

    let (outputs, _) = house.done(&spec(vec![named("The Beacon")]), "one");
    assert!(outputs.notes.iter().any(|note| note.contains("4 written line(s)")), "{:?}", outputs.notes);
    let workspace = house.workspace("nobody");
    let fault = house.perform(&spec(vec![named("The Stranger")]), &workspace, None).expect_err("nobody's");
    assert!(matches!(&fault, Fault::Data(why) if why.contains("persona")), "{fault}");
}

fn adapter(of: &Workspace) -> Vec<u8> {
    bytes(&of.artifact("adapter").join("adapter_model.safetensors"))
}

#[test]
fn a_rate_of_zero_changes_no_byte() {
    let mut house = tuned();
    let mut spec = grpo(in_character(), 2);
    spec.optimizer.lr = 0.0;
    let (_, frozen) = house.done(&TaskSpec::Grpo(Box::new(spec.clone())), "frozen");
    let before = house.inputs["policy.adapter"].path.clone();
    assert_eq!(adapter(&frozen), bytes(&before.join("adapter_model.safetensors")));
    let config = |of: &Path| bytes(&of.join("adapter_config.json"));
    assert_eq!(config(&frozen.artifact("adapter")), config(&before));
    let curve = lines(&frozen, "curve.jsonl");
    assert!(curve.iter().all(|line| line["lr"] == 0.0 && line["grad_norm"].as_f64() > Some(0.0)), "{curve:?}");
    // And with a rate it does.
    spec.optimizer.lr = 1e-3;
    let (_, trained) = house.done(&TaskSpec::Grpo(Box::new(spec)), "trained");
    assert_ne!(adapter(&trained), adapter(&frozen));
}

#[test]
fn shuffled_rewards_are_learnt_from_as_if_they_were_others() {
    let mut house = tuned();
    let mut spec = grpo(Expr::Term(term("fluency", &[])), 2);
    let plain = house.done(&TaskSpec::Grpo(Box::new(spec.clone())), "plain").1;
    spec.method.shuffle = true;
    let spec = TaskSpec::Grpo(Box::new(spec));
    let shuffled = house.done(&spec, "shuffled").1;
    assert_ne!(adapter(&plain), adapter(&shuffled));
    // The first step samples and scores the same; only whose reward is whose differs.
    let of = |workspace: &Workspace, field: &str| -> Vec<f64> {
        let first = lines(workspace, "samples.jsonl").into_iter().filter(|line| line["step"] == 0);
        first.map(|line| line[field].as_f64().expect("a number")).collect()
    };
    assert_eq!(of(&plain, "reward"), of(&shuffled, "reward"));
    let (mut learnt, mut by_lot) = (of(&plain, "advantage"), of(&shuffled, "advantage"));
    assert_ne!(learnt, by_lot);
    learnt.sort_by(f64::total_cmp);
    by_lot.sort_by(f64::total_cmp);
    assert!(learnt.iter().zip(&by_lot).all(|(a, b)| (a - b).abs() < 1e-5), "{learnt:?} {by_lot:?}");
    // Stopped or not: the lots are drawn from the seed, the step and the prompt.
    let parts = house.workspace("parts");
    assert!(matches!(house.perform(&spec, &parts, Some(1)), Err(Fault::Interrupted)));
    house.perform(&spec, &parts, None).expect("gone on");
    assert_eq!(adapter(&parts), adapter(&shuffled));
}

#[test]
fn a_director_learns_by_lot_too() {
    let mut house = tuned();
    let spec = |shuffle: bool| {
        TaskSpec::Direction(Box::new(DirectionSpec {
            seed: 7,
            director: director(Some("policy.adapter")),
            actors: speakers(),
            reward: RewardSpec { score: Expr::Term(term("coherence", &[])), clip: None },
            data: data("situations", None),
            turns: 2,
            episodes: 4,
            sample: sample(1, 8),
            method: Rollout { shuffle, ..method(4) },
            steps: 1,
            adapter: Adapter::Continue,
            optimizer: optimizer(1e-2),
        }))
    };
    let plain = house.done(&spec(false), "plain").1;
    let shuffled = house.done(&spec(true), "shuffled").1;
    assert_ne!(adapter(&plain), adapter(&shuffled));
    let rewards = |of: &Workspace| -> Vec<serde_json::Value> {
        lines(of, "samples.jsonl").into_iter().map(|line| line["reward"].clone()).collect()
    };
    assert_eq!(rewards(&plain), rewards(&shuffled));
}
