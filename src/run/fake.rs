//! An engine that computes nothing: a whole experiment rehearsed in a second, and the engine of most tests.
//!
//! What it makes has the form of what the real engine makes and is derived from the request alone, by digests: no weights, no data, no
//! network, no randomness. Its numbers mean nothing. A few fields leave what it makes unchanged on purpose ([`UNHEARD`]), so that a
//! rehearsal shows what happens when an input comes out byte-identical.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::calibration::shape_of;
use crate::digest::{Digest, canonical};
use crate::engine::{Delta, Engine, Fault, MetricRow, Outputs, Progress, Request, Table, Workspace};
use crate::key::KeyDocument;
use crate::task::{
    DirectorSpec, EvaluateSpec, JudgeKind, MetricSpec, PersonaSpec, SftPolicy, Speaker, Subject, TaskSpec,
};

/// What [`Engine::fingerprint`] of it says.
pub const FINGERPRINT: &str = "fake/1";

/// Fields that enter the key and change nothing of what this engine makes.
pub const UNHEARD: [&str; 2] = ["/optimizer/eps", "/min_gap"];

/// Steps of a rehearsed training, whatever the specification says.
const STEPS: u64 = 6;
const SITUATIONS: usize = 3;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeEngine;

impl Engine for FakeEngine {
    fn fingerprint(&self) -> String {
        FINGERPRINT.to_owned()
    }

    fn perform(
        &mut self,
        request: &Request<'_>,
        workspace: &Workspace,
        events: &mut dyn FnMut(Progress),
    ) -> Result<Outputs, Fault> {
        let draw = Draw::new(request);
        rehearse(request, workspace, &draw, events)?;
        let seconds = Some(pretended(request.spec, &draw));
        let mut made = Made { draw, out: &workspace.out, outputs: Outputs { seconds, ..Outputs::default() } };
        match request.spec {
            TaskSpec::Sft(spec) => {
                made.adapter("adapter", &personas_of(&spec.policy))?;
                made.curve(false)?;
            }
            TaskSpec::Pairs(spec) => made.pairs(spec.persona.as_ref())?,
            TaskSpec::BradleyTerry(_) => made.reward_model()?,
            TaskSpec::Grpo(spec) => {
                made.adapter("adapter", &spec.persona.iter().map(name).collect::<Vec<_>>())?;
                made.curve(true)?;
                made.samples(spec.persona.as_ref())?;
            }
            TaskSpec::Direction(spec) => {
                made.adapter("adapter", &spec.director.seats.iter().map(name).collect::<Vec<_>>())?;
                made.curve(true)?;
                made.samples(None)?;
            }
            TaskSpec::Dialogue(spec) => {
                let dialogues = dialogues(&made.draw, 0, &spec.director, &spec.actors, spec.turns);
                made.lines("transcripts.jsonl", &dialogues)?;
                made.result("turns", f64::from(spec.turns) * SITUATIONS as f64);
            }
            TaskSpec::Evaluate(spec) => made.evaluation(spec, request)?,
            TaskSpec::NotYet(spec) => {
                for name in ["adapter", "episodes.jsonl"] {
                    if (name == "adapter") != (spec.what == "simulate") {
                        match name {
                            "adapter" => made.adapter(name, &[])?,
                            _ => made.lines(name, &[json!({"key": made.draw.hex("episode"), "won": true})])?,
                        }
                    }
                }
            }
        }
        made.outputs.notes.push("rehearsed: the fake engine computes nothing".to_owned());
        Ok(made.outputs)
    }
}

/// Goes through the motions, a step at a time, so that progress, stopping and going on can be seen.
fn rehearse(
    request: &Request<'_>,
    workspace: &Workspace,
    draw: &Draw,
    events: &mut dyn FnMut(Progress),
) -> Result<(), Fault> {
    let saved = workspace.resume_file("step");
    let first = fs::read_to_string(&saved).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    for step in first..STEPS {
        if request.stopped() {
            fs::write(&saved, step.to_string()).map_err(in_the_way(&saved))?;
            return Err(Fault::Interrupted);
        }
        events(Progress {
            phase: "rehearsing",
            step: step + 1,
            steps: STEPS,
            reward: Some(draw.between(&format!("reward {step}"), 0.0, 1.0)),
            ..Progress::default()
        });
    }
    Ok(())
}

/// Seconds of a virtual clock: as long as its shape says, a tenth more or less by its draws, as a real machine's would be. So what plans
/// learn from runs can be rehearsed too.
fn pretended(spec: &TaskSpec, draw: &Draw) -> f64 {
    let shape = Digest::of(shape_of(spec).as_bytes()).first_u64() as f64 / u64::MAX as f64;
    (20.0 + 100.0 * shape) * draw.between("seconds", 0.9, 1.1)
}

/// Numbers and words out of the request's digest.
struct Draw(Digest);

impl Draw {
    fn new(request: &Request<'_>) -> Self {
        let inputs = request.inputs.iter().map(|(slot, input)| (slot.clone(), input.digest.clone())).collect();
        let mut heard = KeyDocument::new(request.spec, inputs, FINGERPRINT).to_json();
        for path in UNHEARD {
            if let Some(value) = heard.pointer_mut(&format!("/spec{path}")) {
                *value = Value::Null;
            }
        }
        Self(Digest::of(canonical(&heard).as_bytes()))
    }

    fn hex(&self, what: &str) -> String {
        Digest::of(format!("{} {what}", self.0).as_bytes()).short()
    }

    fn between(&self, what: &str, low: f64, high: f64) -> f64 {
        let share = Digest::of(format!("{} {what}", self.0).as_bytes()).first_u64() as f64 / u64::MAX as f64;
        // Few digits: rehearsed numbers should look it.
        ((low + share * (high - low)) * 1e3).round() / 1e3
    }
}

struct Made<'a> {
    draw: Draw,
    out: &'a Path,
    outputs: Outputs,
}

impl Made<'_> {
    fn result(&mut self, name: &str, value: f64) {
        self.outputs.results.insert(name.to_owned(), value);
    }

    fn write(&mut self, name: &str, text: &str) -> Result<(), Fault> {
        let path = self.out.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(in_the_way(folder))?;
        }
        fs::write(&path, text).map_err(in_the_way(&path))
    }

    fn artifact(&mut self, name: &str, text: &str) -> Result<(), Fault> {
        self.outputs.artifacts.push(name.to_owned());
        self.write(name, text)
    }

    fn lines(&mut self, name: &str, lines: &[Value]) -> Result<(), Fault> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.artifact(name, &text)
    }

    fn adapter(&mut self, name: &str, speaks_for: &[&str]) -> Result<(), Fault> {
        self.outputs.artifacts.push(name.to_owned());
        let config = json!({"peft_type": "LORA", "rehearsed": true, "speaks_for": speaks_for});
        let weights = format!("{}\n", self.draw.hex("weights"));
        self.write(&format!("{name}/adapter_config.json"), &format!("{config:#}\n"))?;
        self.write(&format!("{name}/adapter_model.txt"), &weights)
    }

    fn curve(&mut self, rewarded: bool) -> Result<(), Fault> {
        let draw = &self.draw;
        let line = |step: u64| {
            let number = |what: &str, low: f64, high: f64| draw.between(&format!("{what} {step}"), low, high);
            let rise = step as f64 / STEPS as f64;
            let mut line = json!({
                "step": step, "loss": number("loss", 1.0, 1.2) - 0.5 * rise, "grad_norm": number("grad", 0.5, 1.5),
                "lr": 1e-4 * (1.0 - rise), "tokens": 512,
            });
            if rewarded {
                line["reward"] = (number("reward", 0.0, 0.3) + rise).into();
                line["terms"] = json!({"contrast": number("contrast", 0.0, 0.5) + 0.5 * rise, "finished": number("finished", 0.7, 1.0)});
                line["kl"] = (number("kl", 0.0, 0.02) + 0.05 * rise).into();
                line["clip_fraction"] = number("clip", 0.0, 0.1).into();
                line["zero_variance"] = number("zero", 0.0, 0.2).into();
                line["length"] = number("length", 20.0, 40.0).into();
                line["finished"] = number("finished", 0.7, 1.0).into();
            }
            line
        };
        let lines: Vec<Value> = (0..STEPS).map(line).collect();
        if let Some(reward) = lines.last().and_then(|line| line["reward"].as_f64()) {
            self.result("reward", reward);
        }
        self.lines("curve.jsonl", &lines)
    }

    fn samples(&mut self, persona: Option<&PersonaSpec>) -> Result<(), Fault> {
        let persona = persona.map(name);
        let line = |step: u64| {
            json!({
                "step": step, "persona": persona, "prompt": situation(0), "text": said(persona.unwrap_or("The director"), step as usize),
                "reward": self.draw.between(&format!("sample {step}"), 0.0, 1.0), "terms": {}, "advantage": 0.0,
            })
        };
        let lines: Vec<Value> = (0..STEPS).map(line).collect();
        self.lines("samples.jsonl", &lines)
    }

    fn pairs(&mut self, persona: Option<&PersonaSpec>) -> Result<(), Fault> {
        let persona = persona.map(name);
        let line = |index: usize| {
            let rejected = self.draw.between(&format!("rejected {index}"), 1.0, 3.0);
            json!({
                "key": self.draw.hex(&format!("pair {index}")), "persona": persona, "system": "", "prompt": situation(index),
                "chosen": said(persona.unwrap_or("The assistant"), index), "rejected": "Fine.",
                "chosen_score": rejected + 1.0, "rejected_score": rejected,
            })
        };
        let lines: Vec<Value> = (0..SITUATIONS).map(line).collect();
        self.result("kept", SITUATIONS as f64);
        self.result("pairs", SITUATIONS as f64);
        self.result("prompts", SITUATIONS as f64);
        self.lines("pairs.jsonl", &lines)
    }

    fn reward_model(&mut self) -> Result<(), Fault> {
        self.adapter("reward_model", &[])?;
        let accuracy = self.draw.between("accuracy", 0.6, 0.9);
        self.write("reward_model/calibration.json", "{\"rehearsed\": true}\n")?;
        for (name, value) in [
            ("held_out_accuracy", accuracy),
            ("held_out_accuracy.low", accuracy - 0.1),
            ("held_out_accuracy.high", accuracy + 0.1),
            ("ece", self.draw.between("ece", 0.02, 0.1)),
            ("pairs", 2.0 * SITUATIONS as f64),
            ("held_out_pairs", SITUATIONS as f64),
        ] {
            self.result(name, value);
        }
        self.curve(false)
    }

    fn evaluation(&mut self, spec: &EvaluateSpec, request: &Request<'_>) -> Result<(), Fault> {
        let mut transcripts = Vec::new();
        let mut crews = Vec::new();
        for (index, subject) in spec.subjects.iter().enumerate() {
            let (crew, said) = match subject {
                Subject::Speakers { speakers, .. } => {
                    let crew = names(speakers);
                    let said = monologues(&self.draw, index, &crew, spec);
                    (crew, said)
                }
                Subject::Played { dialogue, .. } => {
                    let said = dialogues(&self.draw, index, &dialogue.director, &dialogue.actors, dialogue.turns);
                    (names(&dialogue.actors), said)
                }
                Subject::Transcripts { transcripts } => recorded(index, &request.inputs[transcripts].path)?,
                Subject::Written { crew, .. } => {
                    let crew: Vec<String> = crew.iter().map(|persona| persona.name.clone()).collect();
                    let said = monologues(&self.draw, index, &crew, spec);
                    (crew, said)
                }
            };
            crews.push(crew);
            transcripts.extend(said);
        }
        let table = self.table(spec, &crews);
        let text = serde_json::to_string_pretty(&table).expect("a table is plain data");
        self.artifact("table.json", &format!("{text}\n"))?;
        self.outputs.table = Some(table);
        self.lines("transcripts.jsonl", &transcripts)
    }

    fn table(&self, spec: &EvaluateSpec, crews: &[Vec<String>]) -> Table {
        let mut table = Table::default();
        for (metric, asked) in spec.metrics.iter().enumerate() {
            let (low, high, criteria): (f64, f64, Vec<&str>) = match asked {
                MetricSpec::Judge(judge) => {
                    (45.0, 75.0, judge.rubric.criteria.iter().map(|criterion| criterion.name.as_str()).collect())
                }
                MetricSpec::Term(term) if term.name == "length" => (0.2, 0.8, vec!["tokens", "short"]),
                MetricSpec::Term(_) | MetricSpec::Reward(_) => (0.2, 0.8, Vec::new()),
            };
            let criteria = std::iter::once(None).chain(criteria.into_iter().map(|name| Some(name.to_owned())));
            for criterion in &criteria.collect::<Vec<_>>() {
                // As the real engine has it: the contrast judge has one number for a whole rubric.
                let measured = criterion.is_none()
                    || !matches!(asked, MetricSpec::Judge(judge) if matches!(judge.by, JudgeKind::Contrast { .. }));
                let n = if measured { SITUATIONS * spec.sample.n as usize } else { 0 };
                let some = |value: f64| Some(value).filter(|_| measured);
                let mean = |subject: usize, persona: &Option<String>| {
                    // Earlier subjects look a little better, as a table of a good experiment would.
                    let better = (high - low) / 3.0 * (1.0 - subject as f64 / spec.subjects.len() as f64);
                    self.draw.between(&format!("{subject} {metric} {criterion:?} {persona:?}"), low, high - better)
                        + better
                };
                let spread = (high - low) / 10.0;
                for (subject, crew) in crews.iter().enumerate() {
                    for persona in std::iter::once(None).chain(crew.iter().cloned().map(Some)) {
                        let mean = mean(subject, &persona);
                        table.rows.push(MetricRow {
                            subject,
                            metric,
                            criterion: criterion.clone(),
                            persona,
                            mean: some(mean),
                            sd: some(2.0 * spread),
                            low: some(mean - spread),
                            high: some(mean + spread),
                            median: some(mean),
                            p95: some(mean + 4.0 * spread),
                            n,
                        });
                    }
                }
                for a in 0..crews.len() {
                    for b in a + 1..crews.len() {
                        // Written lines answer situations of their own: nothing is paired with them.
                        if [a, b].iter().any(|side| matches!(spec.subjects[*side], Subject::Written { .. })) {
                            continue;
                        }
                        let shared = crews[a].iter().filter(|persona| crews[b].contains(persona)).cloned().map(Some);
                        for persona in std::iter::once(None).chain(shared) {
                            let mean = mean(a, &persona) - mean(b, &persona);
                            table.deltas.push(Delta {
                                a,
                                b,
                                metric,
                                criterion: criterion.clone(),
                                persona,
                                mean: some(mean),
                                low: some(mean - spread),
                                high: some(mean + spread),
                                n,
                            });
                        }
                    }
                }
            }
        }
        table
    }
}

fn name(persona: &PersonaSpec) -> &str {
    &persona.name
}

fn names(speakers: &[Speaker]) -> Vec<String> {
    speakers.iter().map(|speaker| speaker.persona.name.clone()).collect()
}

fn personas_of(policy: &SftPolicy) -> Vec<&str> {
    match policy {
        SftPolicy::Speaker { persona, .. } => persona.iter().map(name).collect(),
        SftPolicy::Director(director) => director.seats.iter().map(name).collect(),
    }
}

fn situation(index: usize) -> &'static str {
    ["I missed the last train home.", "My plan was praised in front of everyone.", "Nobody answered my letter."]
        [index % 3]
}

fn said(speaker: &str, index: usize) -> String {
    format!("{speaker}, rehearsing: {}", ["I hear you.", "What makes you say so?", "You did that well."][index % 3])
}

fn turn(speaker: &str, text: &str, directive: Value, score: Option<f64>) -> Value {
    json!({
        "speaker": speaker, "text": text, "directive": directive, "ids": [], "finish": (speaker != "user").then_some("eos"),
        "scores": score.map_or_else(|| json!({}), |score| json!({"rehearsed": score})),
    })
}

fn transcript(draw: &Draw, subject: usize, index: usize, sample: usize, turns: Vec<Value>) -> Value {
    json!({
        "subject": subject, "key": draw.hex(&format!("situation {index}")), "situation": situation(index), "sample": sample,
        "turns": turns, "scores": {},
    })
}

/// Every speaker answers every situation, as often as is asked.
fn monologues(draw: &Draw, subject: usize, speakers: &[String], spec: &EvaluateSpec) -> Vec<Value> {
    let mut lines = Vec::new();
    let situations = spec.prompts.map_or(SITUATIONS, |most| SITUATIONS.min(most as usize));
    for index in 0..situations {
        for (seat, name) in speakers.iter().enumerate() {
            for sample in 0..spec.sample.n as usize {
                let what = format!("{subject} {index} {seat} {sample}");
                let score = draw.between(&what, 0.0, 1.0);
                let mut reply = turn(name, &said(name, index + subject + sample), Value::Null, Some(score));
                for (at, (low, high)) in judged(spec).enumerate() {
                    let name = if at == 0 { "judge".to_owned() } else { format!("judge#{}", at + 1) };
                    reply["scores"][name] = draw.between(&format!("{what} {at}"), low, high).into();
                }
                let turns = vec![turn("user", situation(index), Value::Null, None), reply];
                lines.push(transcript(draw, subject, index, sample, turns));
            }
        }
    }
    lines
}

/// The bounds of what each judge may say, as it is reported.
fn judged(spec: &EvaluateSpec) -> impl Iterator<Item = (f64, f64)> {
    spec.metrics.iter().filter_map(|metric| match metric {
        MetricSpec::Judge(judge) => Some((100.0 * judge.rubric.low / judge.rubric.high, 100.0)),
        MetricSpec::Term(_) | MetricSpec::Reward(_) => None,
    })
}

fn dialogues(draw: &Draw, subject: usize, director: &DirectorSpec, actors: &[Speaker], turns: u32) -> Vec<Value> {
    let crew: Vec<&str> = match actors {
        [] => director.seats.iter().map(name).collect(),
        actors => actors.iter().map(|actor| name(&actor.persona)).collect(),
    };
    let mut lines = Vec::new();
    for index in 0..SITUATIONS {
        let mut said_so_far = vec![turn("user", situation(index), Value::Null, None)];
        for at in 0..turns as usize {
            let choice = draw.between(&format!("agent {subject} {index} {at}"), 0.0, crew.len() as f64 - 0.001);
            let Some(agent) = crew.get(choice as usize) else { continue };
            let directive = json!({"agent": agent, "action": "Answer what was said last.", "tone": "Warm"});
            let score = draw.between(&format!("{subject} {index} {at}"), 0.0, 1.0);
            said_so_far.push(turn(agent, &said(agent, at), directive, Some(score)));
        }
        lines.push(transcript(draw, subject, index, 0, said_so_far));
    }
    lines
}

/// Transcripts that a `dialogue` rehearsed before, under this subject's number; and who speaks in them.
fn recorded(subject: usize, path: &PathBuf) -> Result<(Vec<String>, Vec<Value>), Fault> {
    let text = fs::read_to_string(path).map_err(in_the_way(path))?;
    let (mut crew, mut lines) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut line: Value =
            serde_json::from_str(line).map_err(|error| Fault::File { path: path.clone(), why: error.to_string() })?;
        line["subject"] = subject.into();
        for turn in line["turns"].as_array().into_iter().flatten() {
            match turn["speaker"].as_str() {
                Some(speaker) if speaker != "user" && !crew.iter().any(|known| known == speaker) => {
                    crew.push(speaker.to_owned());
                }
                _ => {}
            }
        }
        lines.push(line);
    }
    crew.sort();
    Ok((crew, lines))
}

fn in_the_way(path: &Path) -> impl FnOnce(std::io::Error) -> Fault + '_ {
    move |why| Fault::File { path: path.to_owned(), why: why.to_string() }
}
