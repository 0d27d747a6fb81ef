//! What a task does with how many tokens, reckoned from its specification: lengths are shares of the limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Likely;
use super::sizes::Sizes;
use crate::task::{
    DialogueSpec, EvaluateSpec, Expr, JudgeKind, JudgeSpec, MetricSpec, PersonaSpec, RewardSpec, Rollout, SampleSpec,
    SftPolicy, Slot, Subject, TaskSpec, Term,
};

/// Operations a second of two cores on long rows (prefill, scoring, training): slow, ordinary, fast.
const LONG: (f64, f64, f64) = (1.0e11, 2.2e11, 4.2e11);
/// The same while decoding a handful of completions together, where memory is the limit.
const DECODE: (f64, f64, f64) = (2.0e10, 5.0e10, 1.0e11);
/// Seconds of a verdict of a judge far away, several being asked at a time.
const VERDICT: Likely = Likely { low: 0.05, likely: 0.4, high: 4.0 };
/// Tokens of a situation that nobody has counted.
const SITUATION: Likely = Likely { low: 15.0, likely: 35.0, high: 150.0 };
/// Share of `max_new` that a completion takes.
const SHARE: Likely = Likely { low: 0.2, likely: 0.6, high: 1.0 };
/// Tokens of a fine-tuning row.
const ROW: Likely = Likely { low: 40.0, likely: 90.0, high: 400.0 };
/// What a judge far away is told beside the rubric and the text.
const FRAME: Likely = Likely { low: 120.0, likely: 220.0, high: 400.0 };
/// What it writes for a criterion.
const SCORE: Likely = Likely { low: 6.0, likely: 12.0, high: 60.0 };
/// Characters a token.
const CHARACTERS: f64 = 4.2;
/// Other situations that `relevance` compares with.
const OTHERS: f64 = 4.0;

/// Tokens by what is done with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    pub sampled: Likely,
    /// Read in a forward pass alone: prompts, and what is scored.
    pub scored: Likely,
    /// Read forward and backward.
    pub trained: Likely,
    /// By the slot of the judge far away that is asked.
    pub judged: BTreeMap<Slot, Judged>,
}

/// What a judge far away is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    pub verdicts: Likely,
    /// Tokens that it reads.
    pub read: Likely,
    /// Tokens that it writes.
    pub written: Likely,
}

impl Work {
    /// What models on this machine read and write.
    pub fn tokens(&self) -> Likely {
        self.sampled.plus(self.scored).plus(self.trained)
    }

    /// On two ordinary cores, by a model of so many weights.
    pub fn seconds(&self, parameters: f64) -> Likely {
        let forward = 2.0 * parameters;
        let long = self.scored.plus(self.trained.times(2.0));
        let at = |sampled: f64, long: f64, decode: f64, speed: f64| forward * (sampled / decode + long / speed);
        let here = Likely {
            low: at(self.sampled.low, long.low, DECODE.2, LONG.2),
            likely: at(self.sampled.likely, long.likely, DECODE.1, LONG.1),
            high: at(self.sampled.high, long.high, DECODE.0, LONG.0),
        };
        self.judged.values().fold(here, |sum, judged| sum.plus(judged.verdicts.by(VERDICT)))
    }

    /// A judge far away is asked about so many scenes, each of so many tokens.
    fn ask(&mut self, judges: &[&JudgeSpec], scenes: f64, text: Likely) {
        for judge in judges {
            let JudgeKind::Openai { endpoint, .. } = &judge.by else { continue };
            let verdicts = scenes * f64::from(judge.votes) * if judge.swap { 2.0 } else { 1.0 };
            let criteria = judge.rubric.criteria.iter().flat_map(|one| [&one.text, &one.low, &one.mid, &one.high]);
            let rubric = criteria.flatten().map(String::len).sum::<usize>() as f64 / CHARACTERS;
            let judged = self.judged.entry(endpoint.clone()).or_default();
            judged.verdicts = judged.verdicts.plus(Likely::exactly(verdicts));
            judged.read = judged.read.plus(FRAME.plus(text).plus(Likely::exactly(rubric)).times(verdicts));
            judged.written = judged.written.plus(SCORE.times(verdicts * judge.rubric.criteria.len() as f64));
        }
    }

    fn and(mut self, other: Work) -> Self {
        self.sampled = self.sampled.plus(other.sampled);
        self.scored = self.scored.plus(other.scored);
        self.trained = self.trained.plus(other.trained);
        for (slot, more) in other.judged {
            let judged = self.judged.entry(slot).or_default();
            judged.verdicts = judged.verdicts.plus(more.verdicts);
            judged.read = judged.read.plus(more.read);
            judged.written = judged.written.plus(more.written);
        }
        self
    }
}

impl Sizes<'_, '_> {
    pub(super) fn work(&self, spec: &TaskSpec) -> Option<Work> {
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
                Work { trained, ..Work::default() }
            }
            TaskSpec::Pairs(spec) => {
                let prompts = self.prompts(&spec.data, spec.prompts)?;
                let prompt = prompt_tokens(spec.persona.as_ref());
                let completions = completion(&spec.sample).times(prompts * f64::from(spec.sample.n));
                let judged = completions.plus(SITUATION).times(judge_passes(&spec.judge));
                let scored = prompt.times(prompts).plus(judged);
                let mut work = Work { sampled: completions, scored, ..Work::default() };
                work.ask(&[&spec.judge], prompts * f64::from(spec.sample.n), completion(&spec.sample).plus(SITUATION));
                work
            }
            TaskSpec::BradleyTerry(spec) => {
                // Pairs are made by other tasks: how many pass the filter is not known before.
                let pairs = Likely { low: 8.0, likely: 60.0, high: 400.0 };
                let each = 2.0 * f64::from(spec.epochs) * ROW.likely;
                Work { trained: pairs.times(each), ..Work::default() }
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
        let trained = completions.plus(prompts).times(f64::from(method.updates));
        let mut work = Work { sampled: completions, scored: read, trained, judged: BTreeMap::new() };
        let scene = completion(sample).times(turns).plus(SITUATION);
        work.ask(&judges(&reward.score), groups * f64::from(sample.n), scene);
        work
    }

    fn dialogue(&self, spec: &DialogueSpec) -> Option<Work> {
        let played = self.prompts(&spec.data, spec.prompts)? * f64::from(spec.sample.n) * f64::from(spec.turns);
        let directive = f64::from(spec.director.directive.action + spec.director.directive.tone);
        let decoded = completion(&spec.sample).plus(SHARE.times(directive)).times(played);
        let seats: f64 = spec.director.seats.iter().map(system_tokens).sum();
        // The conversation so far is read again by whoever is next.
        let read = SITUATION.plus(Likely::exactly(2.0 * seats)).plus(completion(&spec.sample)).times(played);
        Some(Work { sampled: decoded, scored: read, ..Work::default() })
    }

    fn evaluate(&self, spec: &EvaluateSpec) -> Option<Work> {
        let mut work = Work::default();
        let metrics: f64 = spec.metrics.iter().map(metric_passes).sum();
        let asked: Vec<&JudgeSpec> = spec.metrics.iter().flat_map(judges_of).collect();
        let prompts = match &spec.data {
            Some(data) => self.prompts(data, spec.prompts)?,
            None => 20.0,
        };
        for subject in &spec.subjects {
            // Tokens that are said, and in how many scenes.
            let (spoken, scenes) = match subject {
                Subject::Speakers { speakers, .. } => {
                    let scenes = prompts * f64::from(spec.sample.n) * speakers.len() as f64;
                    let spoken = completion(&spec.sample).times(scenes);
                    let system: f64 = speakers.iter().map(|speaker| system_tokens(&speaker.persona)).sum();
                    let scored = SITUATION.times(scenes).plus(Likely::exactly(system * prompts));
                    work = work.and(Work { sampled: spoken, scored, ..Work::default() });
                    (spoken, scenes)
                }
                Subject::Played { dialogue, .. } => {
                    let played = self.dialogue(dialogue)?;
                    let spoken = played.sampled;
                    work = work.and(played);
                    (spoken, self.prompts(&dialogue.data, dialogue.prompts)? * f64::from(dialogue.sample.n))
                }
                Subject::Transcripts { .. } => (completion(&spec.sample).times(prompts * 3.0), prompts),
                Subject::Written { data, .. } => {
                    let rows = self.rows(data, None)?;
                    (completion(&spec.sample).times(rows), rows)
                }
            };
            work.scored = work.scored.plus(spoken.times(metrics));
            work.ask(&asked, scenes, spoken.times(1.0 / scenes.max(1.0)).plus(SITUATION));
        }
        Some(work)
    }
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

fn judges_of(metric: &MetricSpec) -> Vec<&JudgeSpec> {
    match metric {
        MetricSpec::Judge(judge) => vec![judge],
        MetricSpec::Term(_) => Vec::new(),
        MetricSpec::Reward(reward) => judges(&reward.score),
    }
}

fn judges(score: &Expr) -> Vec<&JudgeSpec> {
    match score {
        Expr::Judge(judge) => vec![judge],
        Expr::Op { args, .. } => args.iter().flat_map(judges).collect(),
        Expr::Normalise(inner) => judges(inner),
        Expr::Constant(_) | Expr::RewardModel(_) | Expr::Term(_) => Vec::new(),
    }
}
