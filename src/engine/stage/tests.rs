//! Every stage end to end on random weights, in seconds: what it leaves behind, and that a stopped one goes on bit for bit.

mod harm;
mod measured;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mascot_run::engine::{Engine, Fault, Input, Outputs, Progress, Request, Workspace};
use mascot_run::task::*;
use tempfile::TempDir;

use crate::CandleEngine;

/// A folder with data, and an engine.
struct House {
    dir: TempDir,
    engine: CandleEngine,
    inputs: BTreeMap<String, Input>,
    stop: AtomicBool,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let mut house =
            Self { dir, engine: CandleEngine::new(), inputs: BTreeMap::new(), stop: AtomicBool::new(false) };
        let mut lines = String::new();
        for (who, says) in [("anchor", "Oh, that hurts. I am here."), ("beacon", "You tried. Well done, you!")] {
            for (i, given) in ["I fell.", "I lost my keys.", "My dog died.", "I am late."].iter().enumerate() {
                lines += &format!("{{\"persona\":\"{who}\",\"given\":\"{given}\",\"says\":\"{says} {i}\"}}\n");
            }
        }
        house.put("lines", "lines.jsonl", &lines);
        let said = ["It rains.", "I won a prize.", "She left me.", "We moved house.", "I am ill."];
        let situations: String = said.iter().map(|s| format!("{{\"text\":\"{s}\",\"split\":\"train\"}}\n")).collect();
        house.put("situations", "situations.jsonl", &situations);
        let directive = |s: &str, who: &str| {
            format!(
                "{{\"situation\":\"{s}\",\"history\":[],\"agent\":\"{who}\",\"action\":\"Comfort them.\",\"tone\":\"Warm\"}}\n"
            )
        };
        house.put(
            "directives",
            "directives.jsonl",
            &(directive("It rains.", "The Anchor") + &directive("I won.", "beacon")),
        );
        house
    }

    fn put(&mut self, slot: &str, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        self.inputs.insert(slot.to_owned(), Input { digest: name.to_owned(), path });
    }

    /// What a task made becomes an input.
    fn bind(&mut self, slot: &str, workspace: &Workspace, artifact: &str) {
        let path = workspace.artifact(artifact);
        assert!(path.exists(), "{} was not made", path.display());
        self.inputs.insert(slot.to_owned(), Input { digest: format!("{slot} {}", path.display()), path });
    }

    fn workspace(&self, name: &str) -> Workspace {
        Workspace::new(&self.dir.path().join(name))
    }

    /// Performs a task; `stop_at` asks it to stop when it tells of that step.
    fn perform(&mut self, spec: &TaskSpec, workspace: &Workspace, stop_at: Option<u64>) -> Result<Outputs, Fault> {
        self.stop.store(false, Ordering::Relaxed);
        let endpoints = BTreeMap::new();
        let (inputs, stop) = (&self.inputs, &self.stop);
        let request = Request { id: "test", spec, inputs, endpoints: &endpoints, stop, notice: &|_| {} };
        let mut events = |progress: Progress| {
            if stop_at.is_some_and(|at| progress.step >= at) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        self.engine.perform(&request, workspace, &mut events)
    }

    fn done(&mut self, spec: &TaskSpec, name: &str) -> (Outputs, Workspace) {
        let workspace = self.workspace(name);
        let outputs = self.perform(spec, &workspace, None).expect("performed");
        for artifact in &outputs.artifacts {
            assert!(workspace.artifact(artifact).exists(), "{artifact} was not made");
        }
        (outputs, workspace)
    }
}

fn model() -> ModelSpec {
    random("llama", 1)
}

fn random(arch: &str, kv_heads: u32) -> ModelSpec {
    let shape = RandomModel {
        arch: arch.into(),
        hidden: 32,
        layers: 2,
        heads: 2,
        kv_heads,
        ffn: 64,
        vocab: 256,
        tokenizer: "bytes".into(),
    };
    ModelSpec { weights: Weights::Random(shape), dtype: Dtype::F32 }
}

fn policy(adapter: Option<&str>) -> Policy {
    Policy { model: model(), adapter: adapter.map(str::to_owned) }
}

fn lora() -> Adapter {
    let targets = vec![Target::Q, Target::K, Target::V, Target::O];
    Adapter::Fresh(LoraSpec { rank: 4, alpha: 8.0, targets, active: None })
}

fn optimizer(lr: f64) -> Optimizer {
    Optimizer {
        lr,
        warmup: 0,
        schedule: Schedule::Linear,
        final_lr: 0.1,
        betas: (0.9, 0.95),
        eps: 1e-8,
        weight_decay: 0.0,
        max_grad_norm: Some(1.0),
    }
}

fn persona(name: &str) -> PersonaSpec {
    let says = if name == "The Anchor" { "Oh, that hurts. I am here." } else { "You tried. Well done, you!" };
    PersonaSpec {
        name: name.into(),
        role: Some("Companion".into()),
        voice: Some("You are {{char}}.".into()),
        never: vec![],
        examples: vec![Example { given: "I broke a cup.".into(), says: says.into() }],
    }
}

fn crew() -> Vec<PersonaSpec> {
    vec![persona("The Anchor"), persona("The Beacon")]
}

fn data(source: &str, split: Option<SplitName>) -> DataSpec {
    let rows = Rows { fields: BTreeMap::new(), only: BTreeMap::new() };
    let cut = Some(Cut { train: 1.0, val: 0.0, test: 0.0 });
    DataSpec { source: source.into(), reader: Reader::Jsonl(rows), split, cut, max_len: None, limit: None }
}

fn sample(n: u32, max_new: u32) -> SampleSpec {
    SampleSpec { n, temperature: 1.0, top_p: 1.0, max_new, stop: vec![] }
}

fn judge() -> JudgeSpec {
    let criterion =
        |name: &str| RubricCriterion { name: name.into(), text: None, weight: 0.5, low: None, mid: None, high: None };
    JudgeSpec {
        by: JudgeKind::Contrast { model: model(), examples: None },
        rubric: RubricSpec { title: None, low: 1.0, high: 5.0, criteria: vec![criterion("a"), criterion("b")] },
        crew: crew(),
        votes: 1,
        swap: false,
    }
}

fn term(name: &str, numbers: &[(&str, f64)]) -> Term {
    let reads_encoder = matches!(name, "identification" | "effective_channels");
    Term {
        name: name.into(),
        numbers: numbers.iter().map(|(name, x)| ((*name).to_owned(), *x)).collect(),
        words: BTreeMap::new(),
        model: (!reads_encoder).then(model),
        encoder: reads_encoder.then(|| random("bert", 2)),
        lines: (name == "identification").then(|| data("lines", None)),
        crew: crew(),
    }
}

fn op(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Op { op: name.into(), args }
}

fn times(x: f64, term: Term) -> Expr {
    op("multiply", vec![Expr::Constant(x), Expr::Term(term)])
}

fn method(group: u32) -> Rollout {
    Rollout {
        group,
        advantage: AdvantageSpec {
            by: By::Prompt,
            baseline: BaselineKind::Mean,
            scale: Scale::Std,
            extra: 0,
            floor: 0.1,
        },
        combine: Combine::SumThenNormalise,
        zero_variance: ZeroVariance::Skip,
        loss: Loss::Grpo,
        clip: 0.2,
        clip_high: 0.2,
        overlong: Overlong::Keep,
        kl: KlSpec { beta: 0.05, estimator: Estimator::K3, place: KlPlace::Loss, to: KlTo::Policy },
        updates: 1,
        shuffle: false,
    }
}

fn sft() -> TaskSpec {
    TaskSpec::Sft(Box::new(SftSpec {
        seed: 7,
        policy: SftPolicy::Speaker { policy: policy(None), persona: Some(persona("The Anchor")) },
        data: data("lines", None),
        epochs: 6,
        batch: 2,
        adapter: lora(),
        optimizer: optimizer(1e-2),
    }))
}

fn grpo(reward: Expr, steps: u32) -> GrpoSpec {
    GrpoSpec {
        seed: 7,
        policy: policy(Some("policy.adapter")),
        persona: Some(persona("The Anchor")),
        reward: RewardSpec { score: reward, clip: Some((-9.0, 9.0)) },
        data: data("situations", Some(SplitName::Train)),
        prompts: 2,
        sample: sample(4, 8),
        method: method(4),
        steps,
        adapter: Adapter::Continue,
        optimizer: optimizer(1e-3),
    }
}

fn in_character() -> Expr {
    op(
        "subtract",
        vec![
            op(
                "add",
                vec![
                    times(2.5, term("contrast", &[])),
                    Expr::Term(term("relevance", &[("cap", 0.65)])),
                    times(0.3, term("finished", &[])),
                    times(-1.0, term("novelty", &[])),
                    times(-0.15, term("echo", &[("free", 3.0)])),
                    times(-0.2, term("overlap", &[("free", 3.0)])),
                ],
            ),
            op("min", vec![Expr::Term(term("length", &[("low", 4.0), ("high", 6.0)])), Expr::Constant(10.0)]),
        ],
    )
}

fn director(adapter: Option<&str>) -> DirectorSpec {
    DirectorSpec {
        policy: policy(adapter),
        seats: crew(),
        directive: DirectiveSpec { action: 8, tone: 4 },
        voice: Some("Choose who speaks.".into()),
        order: Order::Learned,
        silence: false,
    }
}

fn speakers() -> Vec<Speaker> {
    crew().into_iter().map(|persona| Speaker { persona, policy: policy(Some("policy.adapter")) }).collect()
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

fn lines(workspace: &Workspace, name: &str) -> Vec<serde_json::Value> {
    let text = String::from_utf8(bytes(&workspace.artifact(name))).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

/// A house in which the Anchor has been fine-tuned.
fn tuned() -> House {
    let mut house = House::new();
    let (_, workspace) = house.done(&sft(), "sft");
    house.bind("policy.adapter", &workspace, "adapter");
    house
}

#[test]
fn fine_tuning_lowers_the_loss() {
    let mut house = House::new();
    let (outputs, workspace) = house.done(&sft(), "sft");
    let curve = lines(&workspace, "curve.jsonl");
    let loss = |at: usize| curve[at]["loss"].as_f64().expect("a loss");
    assert_eq!(curve.len(), 12);
    assert!(loss(11) < loss(0) - 0.2, "{} then {}", loss(0), loss(11));
    assert_eq!(outputs.results["rows"], 4.0);
}

#[test]
fn a_director_is_fine_tuned_on_directives() {
    let mut house = House::new();
    let spec = TaskSpec::Sft(Box::new(SftSpec {
        seed: 7,
        policy: SftPolicy::Director(director(None)),
        data: data("directives", None),
        epochs: 3,
        batch: 2,
        adapter: lora(),
        optimizer: optimizer(1e-2),
    }));
    let (outputs, _) = house.done(&spec, "casting");
    assert_eq!(outputs.results["rows"], 2.0);
}

#[test]
fn a_stopped_fine_tuning_goes_on_bit_for_bit() {
    let mut house = House::new();
    let (_, whole) = house.done(&sft(), "whole");
    let parts = house.workspace("parts");
    assert!(matches!(house.perform(&sft(), &parts, Some(5)), Err(Fault::Interrupted)));
    house.perform(&sft(), &parts, None).expect("gone on");
    let adapter = |of: &Workspace| bytes(&of.artifact("adapter").join("adapter_model.safetensors"));
    assert_eq!(adapter(&whole), adapter(&parts));
    assert_eq!(lines(&parts, "curve.jsonl").len(), 12);
}

#[test]
fn pairs_are_judged_and_a_reward_model_learns_them() {
    let mut house = tuned();
    let spec = TaskSpec::Pairs(Box::new(PairsSpec {
        seed: 7,
        from: policy(Some("policy.adapter")),
        persona: Some(persona("The Anchor")),
        data: data("situations", None),
        prompts: Some(5),
        sample: sample(4, 8),
        judge: judge(),
        min_gap: 0.0,
    }));
    let (outputs, workspace) = house.done(&spec, "pairs");
    assert!(outputs.results["pairs"] > 5.0, "{:?}", outputs.results);
    let pair = &lines(&workspace, "pairs.jsonl")[0];
    assert!(pair["chosen_score"].as_f64() >= pair["rejected_score"].as_f64());
    house.bind("pairs.0", &workspace, "pairs.jsonl");

    let spec = TaskSpec::BradleyTerry(Box::new(RewardModelSpec {
        seed: 7,
        pairs: vec!["pairs.0".into()],
        data: None,
        init: policy(None),
        epochs: 4,
        batch: 8,
        margin: 0.0,
        center: 0.01,
        held_out: 0.2,
        adapter: lora(),
        optimizer: optimizer(1e-2),
    }));
    let (_, workspace) = house.done(&spec, "rm");
    let curve = lines(&workspace, "curve.jsonl");
    let loss = |at: usize| curve[at]["loss"].as_f64().expect("a loss");
    assert!((loss(0) - std::f64::consts::LN_2).abs() < 1e-3, "a head of zeros knows nothing: {}", loss(0));
    assert!(loss(curve.len() - 1) < loss(0) - 0.01);
    assert!(workspace.artifact("reward_model/calibration.json").exists());

    house.bind("reward.adapter", &workspace, "reward_model");
    let model = Expr::RewardModel(policy(Some("reward.adapter")));
    let judged = Expr::Normalise(Box::new(Expr::Judge(Box::new(judge()))));
    let spec = TaskSpec::Grpo(Box::new(grpo(op("add", vec![model, judged]), 1)));
    let (_, workspace) = house.done(&spec, "voices");
    let terms = lines(&workspace, "curve.jsonl")[0]["terms"].clone();
    assert!(terms["reward_model"].is_number() && (0.0..=1.0).contains(&terms["judge"].as_f64().expect("a score")));
}

#[test]
fn a_stopped_grpo_goes_on_bit_for_bit() {
    let mut house = tuned();
    let spec = TaskSpec::Grpo(Box::new(grpo(in_character(), 4)));
    let (outputs, whole) = house.done(&spec, "whole");
    assert!(outputs.results.contains_key("reward"));
    let parts = house.workspace("parts");
    for stop_at in [1, 2, 3] {
        assert!(matches!(house.perform(&spec, &parts, Some(stop_at)), Err(Fault::Interrupted)), "at {stop_at}");
    }
    house.perform(&spec, &parts, None).expect("gone on");
    let adapter = |of: &Workspace| bytes(&of.artifact("adapter").join("adapter_model.safetensors"));
    assert_eq!(adapter(&whole), adapter(&parts));
    assert_eq!(bytes(&whole.artifact("samples.jsonl")), bytes(&parts.artifact("samples.jsonl")));
    let before = bytes(&house.inputs["policy.adapter"].path.join("adapter_model.safetensors"));
    assert_ne!(adapter(&whole), before, "nothing was learnt");
    let curve = lines(&whole, "curve.jsonl");
    assert_eq!(curve.len(), 4);
    for key in ["reward", "loss", "kl", "grad_norm", "lr", "clip_fraction", "zero_variance", "length", "finished"] {
        assert!(curve[3][key].is_number(), "{key}: {}", curve[3]);
    }
    assert!(curve[0]["kl"].as_f64().expect("kl").abs() < 1e-6, "the first step is on the reference");
}

#[test]
fn what_is_rewarded_is_done_more_often() {
    let mut house = tuned();
    // Short replies: reward 1 at every token fewer than 8.
    let short = times(-1.0, term("length", &[("low", 0.0), ("high", 1.0)]));
    let mut spec = grpo(short, 30);
    spec.optimizer = optimizer(2e-2);
    spec.method.kl.beta = 0.0;
    let (outputs, _) = house.done(&TaskSpec::Grpo(Box::new(spec)), "short");
    assert!(outputs.results["reward"] > outputs.results["reward.first"] + 0.5, "{:?}", outputs.results);
}

#[test]
fn every_way_to_make_a_loss_runs() {
    let mut house = tuned();
    let ways: [(Loss, KlPlace, Combine, u32); 6] = [
        (Loss::DrGrpo, KlPlace::Reward, Combine::SumThenNormalise, 1),
        (Loss::Dapo, KlPlace::Loss, Combine::NormaliseThenSum, 2),
        (Loss::Bnpo, KlPlace::Loss, Combine::SumThenNormalise, 1),
        (Loss::Gspo, KlPlace::Loss, Combine::SumThenNormalise, 2),
        (Loss::Cispo, KlPlace::Loss, Combine::SumThenNormalise, 2),
        (Loss::Grpo, KlPlace::Loss, Combine::SumThenNormalise, 3),
    ];
    for (loss, place, combine, updates) in ways {
        let score = op(
            "add",
            vec![Expr::Term(term("fluency", &[])), times(-0.1, term("length", &[("low", 4.0), ("high", 5.0)]))],
        );
        let mut spec = grpo(score, 1);
        spec.method = Rollout { loss, combine, updates, ..spec.method };
        spec.method.kl.place = place;
        spec.method.advantage.extra = 1;
        let (_, workspace) = house.done(&TaskSpec::Grpo(Box::new(spec)), &format!("{loss:?}"));
        let line = &lines(&workspace, "curve.jsonl")[0];
        assert!(line["grad_norm"].as_f64().expect("a norm") > 0.0, "{loss:?}: {line}");
    }
}

#[test]
fn a_director_is_trained_and_rehearsed_and_all_is_measured() {
    let mut house = tuned();
    let reward = op(
        "add",
        vec![
            Expr::Term(term("coherence", &[])),
            times(0.5, term("diversity", &[])),
            times(0.0, term("distinct_speakers", &[])),
        ],
    );
    let spec = TaskSpec::Direction(Box::new(DirectionSpec {
        seed: 7,
        director: director(Some("policy.adapter")),
        actors: speakers(),
        reward: RewardSpec { score: reward, clip: None },
        data: data("situations", None),
        turns: 2,
        episodes: 4,
        sample: sample(1, 8),
        method: method(2),
        steps: 3,
        adapter: Adapter::Continue,
        optimizer: optimizer(1e-2),
    }));
    let (_, whole) = house.done(&spec, "direction");
    let parts = house.workspace("direction in parts");
    assert!(matches!(house.perform(&spec, &parts, Some(2)), Err(Fault::Interrupted)));
    house.perform(&spec, &parts, None).expect("gone on");
    let adapter = |of: &Workspace| bytes(&of.artifact("adapter").join("adapter_model.safetensors"));
    assert_eq!(adapter(&whole), adapter(&parts));
    assert_ne!(adapter(&whole), bytes(&house.inputs["policy.adapter"].path.join("adapter_model.safetensors")));
    house.bind("director.adapter", &whole, "adapter");
    let rehearsal = DialogueSpec {
        seed: 7,
        director: director(Some("director.adapter")),
        actors: speakers(),
        data: data("situations", None),
        prompts: Some(3),
        turns: 3,
        users: None,
        sample: sample(2, 8),
    };
    let (_, workspace) = house.done(&TaskSpec::Dialogue(Box::new(rehearsal.clone())), "rehearsal");
    let transcripts = lines(&workspace, "transcripts.jsonl");
    assert_eq!(transcripts.len(), 6);
    assert_eq!(transcripts[0]["turns"].as_array().expect("turns").len(), 4);
    assert!(transcripts[0]["turns"][1]["directive"]["action"].is_string());
    house.bind("subjects.0", &workspace, "transcripts.jsonl");

    let mut in_turn = rehearsal;
    in_turn.director.order = Order::RoundRobin;
    let terms =
        ["coherence", "diversity", "distinct_speakers", "repetition", "effective_channels", "fluency", "distinct_2"];
    let mut metrics: Vec<MetricSpec> = terms.iter().map(|name| MetricSpec::Term(term(name, &[]))).collect();
    metrics.push(MetricSpec::Judge(Box::new(judge())));
    let spec = TaskSpec::Evaluate(Box::new(EvaluateSpec {
        seed: 7,
        subjects: vec![
            Subject::Transcripts { transcripts: "subjects.0".into() },
            Subject::Played { dialogue: Box::new(in_turn), prompting: Baseline::ZeroShot },
        ],
        metrics,
        data: None,
        prompts: None,
        sample: sample(1, 8),
        bootstrap: 50,
        level: 0.95,
    }));
    let (outputs, _) = house.done(&spec, "ensemble");
    let table = outputs.table.expect("a table");
    let cell = |subject: usize, metric: usize| {
        let found = table
            .rows
            .iter()
            .find(|r| (r.subject, r.metric) == (subject, metric) && r.persona.is_none() && r.criterion.is_none());
        found.expect("a cell").mean.expect("measured")
    };
    assert_eq!(cell(1, 2), 2.0, "two seats in turn, three turns: two speakers");
    assert!((20.0..=100.0).contains(&cell(0, 7)));
    assert!(table.deltas.iter().any(|d| (d.a, d.b, d.metric) == (0, 1, 0) && d.n == 6));
}

#[test]
fn speakers_and_baselines_are_measured_side_by_side() {
    let mut house = tuned();
    let bare: Vec<Speaker> = crew().into_iter().map(|persona| Speaker { persona, policy: policy(None) }).collect();
    let subject = |prompting| Subject::Speakers { speakers: bare.clone(), prompting };
    let terms: [(&str, &[(&str, f64)]); 11] = [
        ("contrast", &[]),
        ("identification", &[]),
        ("relevance", &[]),
        ("fluency", &[]),
        ("length", &[("low", 2.0), ("high", 6.0)]),
        ("finished", &[]),
        ("leak", &[]),
        ("overlap", &[]),
        ("echo", &[]),
        ("stuffing", &[]),
        ("distinct_2", &[]),
    ];
    let mut metrics = vec![MetricSpec::Judge(Box::new(judge()))];
    metrics.extend(terms.iter().map(|(name, numbers)| MetricSpec::Term(term(name, numbers))));
    metrics.push(MetricSpec::Term(term("effective_channels", &[])));
    let spec = TaskSpec::Evaluate(Box::new(EvaluateSpec {
        seed: 7,
        subjects: vec![
            Subject::Speakers { speakers: speakers(), prompting: Baseline::ZeroShot },
            subject(Baseline::ZeroShot),
            subject(Baseline::Cot),
            subject(Baseline::FewShot),
            subject(Baseline::FewShotCot),
            subject(Baseline::SelfConsistency),
        ],
        metrics,
        data: Some(data("situations", None)),
        prompts: Some(3),
        sample: sample(2, 8),
        bootstrap: 50,
        level: 0.95,
    }));
    let (outputs, workspace) = house.done(&spec, "speakers");
    let table = outputs.table.expect("a table");
    let judged = |subject: usize, persona: Option<&str>, criterion: Option<&str>| {
        let row = table.rows.iter().find(|r| {
            r.subject == subject
                && r.metric == 0
                && r.persona.as_deref() == persona
                && r.criterion.as_deref() == criterion
        });
        row.expect("a cell").clone()
    };
    assert_eq!(judged(0, None, None).n, 12);
    assert_eq!(judged(3, Some("The Beacon"), None).n, 6);
    assert!(judged(0, None, None).low <= judged(0, None, None).mean);
    // The bare model asked plainly and the tuned one differ, and both are paired on all samples.
    assert!(table.deltas.iter().any(|d| (d.a, d.b, d.metric) == (0, 1, 1) && d.n == 12 && d.persona.is_none()));
    assert_eq!(lines(&workspace, "transcripts.jsonl").len(), 6 * 12);
}

#[test]
fn what_cannot_run_says_so_by_name() {
    let mut house = House::new();
    let mut judging = judge();
    judging.by = JudgeKind::Human { verdicts: data("lines", None) };
    let spec = TaskSpec::Pairs(Box::new(PairsSpec {
        seed: 7,
        from: policy(None),
        persona: Some(persona("The Anchor")),
        data: data("situations", None),
        prompts: Some(2),
        sample: sample(2, 4),
        judge: judging,
        min_gap: 0.5,
    }));
    let workspace = house.workspace("x");
    let fault = house.perform(&spec, &workspace, None).expect_err("not yet");
    assert!(matches!(&fault, Fault::NotYet(what) if what.contains("human")), "{fault}");
}
