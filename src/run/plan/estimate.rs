//! What a task will cost, reckoned from the sizes in its specification before anything is computed.
//!
//! Deliberately rough, and said so by low and high: a forward pass costs two operations a weight and token, a backward pass through
//! frozen weights two more; lengths are shares of the limits. A task that ran before is reckoned by what it took then.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::Task;
use crate::source::Found;
use crate::store::Record;
use crate::task::{
    DataSpec, DialogueSpec, Dtype, EvaluateSpec, Expr, JudgeKind, JudgeSpec, MetricSpec, ModelSpec, PersonaSpec,
    Reader, RewardSpec, Rollout, SampleSpec, SftPolicy, Slot, SplitName, Subject, TaskSpec, Term, Weights,
};

/// Low, likely, high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likely {
    pub low: f64,
    pub likely: f64,
    pub high: f64,
}

/// `None` where it is not known: unknown is never 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Tokens that a model reads or writes.
    pub tokens: Option<Likely>,
    pub seconds: Option<Likely>,
    pub memory_bytes: Option<Likely>,
    /// Known only where somebody names a price.
    pub usd: Option<Likely>,
    pub basis: Basis,
}

/// On what an estimate stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Sizes in the program, and the speed of two ordinary CPU cores.
    #[default]
    Sizes,
    /// What the same task took last time.
    LastTime,
}

/// Operations a second of two cores on long rows (prefill, scoring, training): slow, ordinary, fast.
const LONG: (f64, f64, f64) = (1.0e11, 2.2e11, 4.2e11);
/// The same while decoding a handful of completions together, where memory is the limit.
const DECODE: (f64, f64, f64) = (2.0e10, 5.0e10, 1.0e11);
/// Tokens of a situation that nobody has counted.
const SITUATION: Likely = Likely { low: 15.0, likely: 35.0, high: 150.0 };
/// Share of `max_new` that a completion takes.
const SHARE: Likely = Likely { low: 0.2, likely: 0.6, high: 1.0 };
/// Tokens of a fine-tuning row.
const ROW: Likely = Likely { low: 40.0, likely: 90.0, high: 400.0 };
/// Characters a token.
const CHARACTERS: f64 = 4.2;
/// Other situations that `relevance` compares with.
const OTHERS: f64 = 4.0;

/// Of a task that is recalled.
pub(super) fn nothing() -> Estimate {
    let none = Some(Likely { low: 0.0, likely: 0.0, high: 0.0 });
    Estimate { tokens: none, seconds: none, memory_bytes: none, usd: none, basis: Basis::LastTime }
}

/// Of a task that may be performed; `found` tells what of its inputs is at hand, `last` what it came to when it was last performed.
pub(super) fn reckon<'a>(task: &Task, found: &dyn Fn(&str) -> Option<&'a Found>, last: Option<&Record>) -> Estimate {
    let sizes = Sizes { found };
    let work = sizes.work(&task.spec);
    let weights = model_of(&task.spec).and_then(|model| Some((model, sizes.parameters(model)?)));
    let mut estimate = Estimate::default();
    if let Some(work) = work {
        estimate.tokens = Some(work.all());
        estimate.seconds = weights.map(|(_, parameters)| work.seconds(parameters));
    }
    estimate.memory_bytes = sizes.memory(&task.spec);
    if let Some(last) = last {
        estimate.seconds = Some(Likely { low: last.seconds / 2.0, likely: last.seconds, high: last.seconds * 2.0 });
        estimate.basis = Basis::LastTime;
    }
    estimate
}

/// Tokens by what is done with them.
#[derive(Clone, Copy)]
struct Work {
    decoded: Likely,
    /// Read, in a forward pass alone.
    read: Likely,
    /// Read forward and backward.
    trained: Likely,
}

impl Work {
    fn all(&self) -> Likely {
        self.decoded.plus(self.read).plus(self.trained)
    }

    fn seconds(&self, parameters: f64) -> Likely {
        let forward = 2.0 * parameters;
        let long = self.read.plus(self.trained.times(2.0));
        let at = |decoded: f64, long: f64, decode: f64, speed: f64| forward * (decoded / decode + long / speed);
        Likely {
            low: at(self.decoded.low, long.low, DECODE.2, LONG.2),
            likely: at(self.decoded.likely, long.likely, DECODE.1, LONG.1),
            high: at(self.decoded.high, long.high, DECODE.0, LONG.0),
        }
    }
}

impl Likely {
    fn exactly(value: f64) -> Self {
        Self { low: value, likely: value, high: value }
    }

    fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, likely: self.likely + other.likely, high: self.high + other.high }
    }

    fn times(self, factor: f64) -> Self {
        Self { low: self.low * factor, likely: self.likely * factor, high: self.high * factor }
    }
}

/// What a task needs at least while it is performed, with the files of its slots at hand: asked again when all of them are.
pub(crate) fn memory(spec: &TaskSpec, found: &BTreeMap<Slot, Found>) -> Option<Likely> {
    Sizes { found: &|slot: &str| found.get(slot) }.memory(spec)
}

struct Sizes<'f, 'a> {
    found: &'f dyn Fn(&str) -> Option<&'a Found>,
}

impl Sizes<'_, '_> {
    fn work(&self, spec: &TaskSpec) -> Option<Work> {
        let none = Likely::exactly(0.0);
        Some(match spec {
            TaskSpec::Sft(spec) => {
                let persona = match &spec.policy {
                    SftPolicy::Speaker { persona, .. } => persona.as_ref(),
                    SftPolicy::Director(_) => None,
                };
                let rows = self.rows(&spec.data, persona)?;
                let epochs = f64::from(spec.epochs);
                // The persona's prompt is read once a step, whatever the number of rows in it.
                let steps = (rows / f64::from(spec.batch)).ceil();
                let system = persona.map_or(0.0, system_tokens);
                let trained = ROW.times(rows * epochs).plus(Likely::exactly(system * steps * epochs));
                Work { decoded: none, read: none, trained }
            }
            TaskSpec::Pairs(spec) => {
                let prompts = self.prompts(&spec.data, spec.prompts)?;
                let prompt = prompt_tokens(spec.persona.as_ref());
                let completions = completion(&spec.sample).times(prompts * f64::from(spec.sample.n));
                let judged = completions.plus(SITUATION).times(judge_passes(&spec.judge));
                Work { decoded: completions, read: prompt.times(prompts).plus(judged), trained: none }
            }
            TaskSpec::BradleyTerry(spec) => {
                // Pairs are made by other tasks: how many pass the filter is not known before.
                let pairs = Likely { low: 8.0, likely: 60.0, high: 400.0 };
                let each = 2.0 * f64::from(spec.epochs) * ROW.likely;
                Work { decoded: none, read: none, trained: pairs.times(each) }
            }
            TaskSpec::Grpo(spec) => {
                let groups = f64::from(spec.steps * spec.prompts);
                let prompt = prompt_tokens(spec.persona.as_ref());
                self.group(groups, 1.0, prompt, &spec.sample, &spec.reward, &spec.method)
            }
            TaskSpec::Direction(spec) => {
                let groups = f64::from(spec.steps) * f64::from(spec.episodes) / f64::from(spec.method.group);
                let seats: f64 = spec.director.seats.iter().map(system_tokens).sum();
                let prompt = SITUATION.plus(Likely::exactly(seats));
                // Each turn is directed and spoken.
                self.group(groups, 2.0 * f64::from(spec.turns), prompt, &spec.sample, &spec.reward, &spec.method)
            }
            TaskSpec::Dialogue(spec) => self.dialogue(spec)?,
            TaskSpec::Evaluate(spec) => self.evaluate(spec)?,
            TaskSpec::NotYet(_) => return None,
        })
    }

    fn group(
        &self,
        groups: f64,
        turns: f64,
        prompt: Likely,
        sample: &SampleSpec,
        reward: &RewardSpec,
        method: &Rollout,
    ) -> Work {
        let completions = completion(sample).times(groups * f64::from(sample.n) * turns);
        let prompts = prompt.times(groups * turns);
        let reference = if method.kl.beta > 0.0 { 1.0 } else { 0.0 };
        let scored = completions.plus(SITUATION.times(groups)).times(passes(&reward.score));
        let read = prompts.plus(completions.times(reference)).plus(scored);
        Work { decoded: completions, read, trained: completions.plus(prompts).times(f64::from(method.updates)) }
    }

    fn dialogue(&self, spec: &DialogueSpec) -> Option<Work> {
        let played = self.prompts(&spec.data, spec.prompts)? * f64::from(spec.sample.n) * f64::from(spec.turns);
        let directive = f64::from(spec.director.directive.action + spec.director.directive.tone);
        let decoded = completion(&spec.sample).plus(SHARE.times(directive)).times(played);
        let seats: f64 = spec.director.seats.iter().map(system_tokens).sum();
        // The conversation so far is read again by whoever is next.
        let read = SITUATION.plus(Likely::exactly(2.0 * seats)).plus(completion(&spec.sample)).times(played);
        Some(Work { decoded, read, trained: Likely::exactly(0.0) })
    }

    fn evaluate(&self, spec: &EvaluateSpec) -> Option<Work> {
        let none = Likely::exactly(0.0);
        let mut work = Work { decoded: none, read: none, trained: none };
        let metrics: f64 = spec.metrics.iter().map(metric_passes).sum();
        let prompts = match &spec.data {
            Some(data) => self.prompts(data, spec.prompts)?,
            None => 20.0,
        };
        for subject in &spec.subjects {
            let spoken = match subject {
                Subject::Speakers { speakers, .. } => {
                    let asked = prompts * f64::from(spec.sample.n) * speakers.len() as f64;
                    let spoken = completion(&spec.sample).times(asked);
                    let system: f64 = speakers.iter().map(|speaker| system_tokens(&speaker.persona)).sum();
                    work.decoded = work.decoded.plus(spoken);
                    work.read = work.read.plus(SITUATION.times(asked)).plus(Likely::exactly(system * prompts));
                    spoken
                }
                Subject::Played { dialogue, .. } => {
                    let played = self.dialogue(dialogue)?;
                    work.decoded = work.decoded.plus(played.decoded);
                    work.read = work.read.plus(played.read);
                    played.decoded
                }
                Subject::Transcripts { .. } => completion(&spec.sample).times(prompts * 3.0),
                Subject::Written { data, .. } => completion(&spec.sample).times(self.rows(data, None)?),
            };
            work.read = work.read.plus(spoken.times(metrics));
        }
        Some(work)
    }

    /// Situations that are asked.
    fn prompts(&self, data: &DataSpec, limit: Option<u32>) -> Option<f64> {
        let rows = self.rows(data, None);
        match (rows, limit) {
            (Some(rows), Some(limit)) => Some(rows.min(f64::from(limit))),
            (rows, limit) => rows.or(limit.map(f64::from)),
        }
    }

    /// Rows of a JSON-lines file that is at hand and small; unknown of anything else.
    fn rows(&self, data: &DataSpec, persona: Option<&PersonaSpec>) -> Option<f64> {
        let Reader::Jsonl(rows) = &data.reader else { return None };
        let path = &(self.found)(&data.source)?.path;
        if fs::metadata(path).ok()?.len() > 8 << 20 {
            return None;
        }
        let text = fs::read_to_string(path).ok()?;
        let column = |meaning: &str| rows.fields.get(meaning).map_or(meaning, String::as_str).to_owned();
        let (who, split) = (column("persona"), column("split"));
        let wanted = data.split.and_then(|split| serde_json::to_value(split).ok());
        let is_wanted = |row: &serde_json::Value| {
            rows.only.iter().all(|(column, text)| row[column].as_str() == Some(text))
                && persona.is_none_or(|persona| row[&who].as_str().is_none_or(|name| name == persona.name))
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mine: Vec<_> = lines.filter(is_wanted).collect();
        let in_split = mine.iter().filter(|row| wanted.as_ref() == Some(&row[&split])).count() as f64;
        // A split that the file lacks is cut by digest.
        if wanted.is_none() || in_split > 0.0 {
            return Some(if wanted.is_none() { mine.len() as f64 } else { in_split });
        }
        let (train, val, test) = data.cut.as_ref().map_or((0.8, 0.1, 0.1), |cut| (cut.train, cut.val, cut.test));
        let share = data.split.map_or(1.0, |split| match split {
            SplitName::Train => train,
            SplitName::Val => val,
            SplitName::Test => test,
        });
        let count = mine.len() as f64;
        Some((count * share).ceil())
    }

    /// Of all models that the task may have open at once, each once: the same weights under two names are one. What is not at hand
    /// is left out, so that the low end stays a bound; unknown when nothing is.
    pub(super) fn memory(&self, spec: &TaskSpec) -> Option<Likely> {
        let mut seen: BTreeMap<String, f64> = BTreeMap::new();
        for model in models_of(spec) {
            let content = match &model.weights {
                Weights::Input(slot) => (self.found)(slot).map_or_else(|| slot.clone(), |found| found.digest.clone()),
                Weights::Random(random) => format!("{random:?}"),
            };
            if let Some(parameters) = self.parameters(&model) {
                seen.insert(format!("{content} {:?}", model.dtype), parameters * bytes_a_weight(model.dtype));
            }
        }
        let bytes: f64 = seen.values().sum();
        let mebibyte = 1024.0 * 1024.0;
        (!seen.is_empty()).then_some(Likely {
            low: 1.05 * bytes,
            likely: 1.4 * bytes + 200.0 * mebibyte,
            high: 2.5 * bytes + 1024.0 * mebibyte,
        })
    }

    /// Weights of a model: counted where they are drawn, else by the size of the file.
    fn parameters(&self, model: &ModelSpec) -> Option<f64> {
        match &model.weights {
            Weights::Random(random) => {
                let [hidden, layers, ffn, vocab] =
                    [random.hidden, random.layers, random.ffn, random.vocab].map(f64::from);
                let kv = hidden * f64::from(random.kv_heads) / f64::from(random.heads);
                Some(vocab * hidden + layers * (2.0 * hidden * hidden + 2.0 * hidden * kv + 3.0 * hidden * ffn))
            }
            Weights::Input(slot) => weights_in(&(self.found)(slot)?.path),
        }
    }
}

/// Every model that a specification names, wherever in it.
fn models_of(spec: &TaskSpec) -> Vec<ModelSpec> {
    fn walk(value: &serde_json::Value, found: &mut Vec<ModelSpec>) {
        match value {
            serde_json::Value::Object(fields) => {
                if fields.contains_key("weights")
                    && let Ok(model) = serde_json::from_value(value.clone())
                {
                    found.push(model);
                }
                fields.values().for_each(|field| walk(field, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::to_value(spec).expect("a specification is plain data"), &mut found);
    found
}

fn bytes_a_weight(dtype: Dtype) -> f64 {
    match dtype {
        // bf16 weights are rounded, and kept in f32.
        Dtype::F32 | Dtype::Bf16 => 4.0,
        Dtype::Q8 => 1.1,
    }
}

fn weights_in(path: &Path) -> Option<f64> {
    if path.is_dir() {
        let files = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
        let sizes = files.filter(|file| file.extension().is_some_and(|end| end == "safetensors")).map(|file| {
            let bytes = fs::metadata(&file).ok()?.len() as f64;
            Some(bytes / if is_f32(&file) { 4.0 } else { 2.0 })
        });
        let total: f64 = sizes.sum::<Option<f64>>()?;
        return (total > 0.0).then_some(total);
    }
    let bytes = fs::metadata(path).ok()?.len() as f64;
    let name = path.file_name()?.to_str()?.to_ascii_uppercase();
    // Bits a weight of a block with its scales.
    let bits = [
        ("Q4_1", 5.0),
        ("Q4", 4.6),
        ("Q5", 5.6),
        ("Q6", 6.6),
        ("Q8", 8.5),
        ("BF16", 16.0),
        ("F16", 16.0),
        ("F32", 32.0),
    ];
    let bits = bits.iter().find(|(quantisation, _)| name.contains(quantisation)).map_or(5.0, |(_, bits)| *bits);
    Some(bytes * 8.0 / bits)
}

/// What the head of a safetensors file says of its first tensor.
fn is_f32(path: &Path) -> bool {
    let mut head = [0; 4096];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    String::from_utf8_lossy(&head[..read]).contains("\"dtype\":\"F32\"")
}

fn model_of(spec: &TaskSpec) -> Option<&ModelSpec> {
    Some(match spec {
        TaskSpec::Sft(spec) => match &spec.policy {
            SftPolicy::Speaker { policy, .. } => &policy.model,
            SftPolicy::Director(director) => &director.policy.model,
        },
        TaskSpec::Pairs(spec) => &spec.from.model,
        TaskSpec::BradleyTerry(spec) => &spec.init.model,
        TaskSpec::Grpo(spec) => &spec.policy.model,
        TaskSpec::Direction(spec) => &spec.director.policy.model,
        TaskSpec::Dialogue(spec) => &spec.director.policy.model,
        TaskSpec::Evaluate(spec) => spec.subjects.iter().find_map(|subject| match subject {
            Subject::Speakers { speakers, .. } => speakers.first().map(|speaker| &speaker.policy.model),
            Subject::Played { dialogue, .. } => Some(&dialogue.director.policy.model),
            Subject::Transcripts { .. } | Subject::Written { .. } => None,
        })?,
        TaskSpec::NotYet(_) => return None,
    })
}

fn system_tokens(persona: &PersonaSpec) -> f64 {
    persona.voice.as_ref().map_or(0.0, |voice| voice.len() as f64 / CHARACTERS)
}

fn prompt_tokens(persona: Option<&PersonaSpec>) -> Likely {
    SITUATION.plus(Likely::exactly(persona.map_or(0.0, system_tokens)))
}

fn completion(sample: &SampleSpec) -> Likely {
    SHARE.times(f64::from(sample.max_new))
}

/// How often a completion is read to be judged.
fn judge_passes(judge: &JudgeSpec) -> f64 {
    match &judge.by {
        JudgeKind::Contrast { .. } => judge.crew.len().max(2) as f64,
        JudgeKind::Local { .. } => judge.rubric.criteria.len() as f64 * if judge.swap { 2.0 } else { 1.0 },
        JudgeKind::Openai { .. } | JudgeKind::Human { .. } => 0.0,
    }
}

fn term_passes(term: &Term) -> f64 {
    match term.name.as_str() {
        "contrast" => term.crew.len().max(2) as f64,
        "relevance" => 1.0 + OTHERS,
        "coherence" => 2.0,
        "fluency" => 1.0,
        // A sentence encoder is a tenth of a language model.
        "identification" | "effective_channels" => 0.1,
        _ => 0.0,
    }
}

fn metric_passes(metric: &MetricSpec) -> f64 {
    match metric {
        MetricSpec::Judge(judge) => judge_passes(judge),
        MetricSpec::Term(term) => term_passes(term),
        MetricSpec::Reward(reward) => passes(&reward.score),
    }
}

fn passes(score: &Expr) -> f64 {
    match score {
        Expr::Constant(_) => 0.0,
        Expr::Op { args, .. } => args.iter().map(passes).sum(),
        Expr::RewardModel(_) => 1.0,
        Expr::Judge(judge) => judge_passes(judge),
        Expr::Normalise(inner) => passes(inner),
        Expr::Term(term) => term_passes(term),
    }
}
