//! `mascot score` and `mascot generate` as functions over lines of JSON.
//!
//! A line in is `{"ids": […]}`, `{"prompt": …, "completion": …}` or `{"messages": […]}`; messages are rendered by the model's
//! template as they are, opened for a reply when something is to be generated.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::generate::{Ask, Finish, Sampling};
use crate::model::Lm;
use crate::nn::{Lora, Pack};
use crate::text::Message;

/// Tokens scored, or prompts completed, together.
const TOKENS: usize = 1024;
const PROMPTS: usize = 16;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    ids: Option<Vec<u32>>,
    prompt: Option<String>,
    completion: Option<String>,
    messages: Option<Vec<Message>>,
}

/// A line out of `score`. `logprobs` is as long as `ids`, natural logarithms, the first none; `sum` and `mean` are of all the
/// others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    pub ids: Vec<u32>,
    pub logprobs: Vec<Option<f32>>,
    pub sum: f64,
    /// 0 of nothing.
    pub mean: f64,
}

/// A line out of `generate`: the completion alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Generated {
    pub ids: Vec<u32>,
    pub text: String,
    pub finish: Finish,
}

/// Scores every line; each result is handed to `tell` in order.
///
/// # Errors
/// When a line cannot be used (by its number), or the model fails.
pub fn score(lm: &Lm, lora: Option<&Lora>, input: impl BufRead, tell: &mut dyn FnMut(&Scored)) -> Result<()> {
    let mut pack = Pack::new();
    let mut waiting: Vec<Vec<u32>> = Vec::new();
    let mut flush = |pack: &mut Pack, waiting: &mut Vec<Vec<u32>>| -> Result<()> {
        let logps = lm.logps(lora, &std::mem::take(pack), 1.0)?;
        let mut logps = logps.into_iter();
        for ids in waiting.drain(..) {
            let values: Vec<f32> = logps.by_ref().take(ids.len() - 1).collect();
            let sum: f64 = values.iter().map(|&l| f64::from(l)).sum();
            let mean = if values.is_empty() { 0.0 } else { sum / values.len() as f64 };
            let logprobs = std::iter::once(None).chain(values.into_iter().map(Some)).collect();
            tell(&Scored { ids, logprobs, sum, mean });
        }
        Ok(())
    };
    for (number, line) in lines(input) {
        let ids = ids_of(lm, number, line?, false)?;
        if !pack.is_empty() && pack.len() + ids.len() > TOKENS {
            flush(&mut pack, &mut waiting)?;
        }
        pack.push(&ids[..1], &[&ids[1..]]);
        waiting.push(ids);
    }
    flush(&mut pack, &mut waiting)
}

/// Completes every line; each result is handed to `tell` in order. Line number names the random numbers.
///
/// # Errors
/// As [`score`].
pub fn generate(
    lm: &Lm,
    lora: Option<&Lora>,
    sampling: &Sampling,
    seed: u64,
    input: impl BufRead,
    tell: &mut dyn FnMut(&Generated),
) -> Result<()> {
    let mut asks: Vec<Ask<'_>> = Vec::new();
    let mut flush = |asks: &mut Vec<Ask<'_>>| -> Result<()> {
        for made in lm.generate(asks, sampling, seed)?.into_iter().flatten() {
            tell(&Generated { ids: made.ids, text: made.text, finish: made.finish });
        }
        asks.clear();
        Ok(())
    };
    for (number, line) in lines(input) {
        let prompt = ids_of(lm, number, line?, true)?;
        asks.push(Ask { prompt, adapter: lora, n: 1, key: number as u64 });
        if asks.len() == PROMPTS {
            flush(&mut asks)?;
        }
    }
    flush(&mut asks)
}

/// Lines that are not blank, numbered from 1.
fn lines(input: impl BufRead) -> impl Iterator<Item = (usize, Result<String>)> {
    let numbered = input
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.map_err(|why| Error::Data(format!("line {}: {why}", i + 1)))));
    numbered.filter(|(_, line)| !line.as_ref().is_ok_and(|text| text.trim().is_empty()))
}

fn ids_of(lm: &Lm, number: usize, line: String, prompt_only: bool) -> Result<Vec<u32>> {
    let wrong = |why: String| Error::Data(format!("line {number}: {why}"));
    let line: Line = serde_json::from_str(&line).map_err(|why| wrong(why.to_string()))?;
    let ids = match line {
        Line { ids: Some(ids), prompt: None, completion: None, messages: None } => ids,
        Line { ids: None, prompt: Some(prompt), completion, messages: None } => {
            let mut ids = lm.tokenizer().encode(&prompt)?;
            if !prompt_only {
                ids.extend(lm.tokenizer().encode(&completion.unwrap_or_default())?);
            }
            ids
        }
        Line { ids: None, prompt: None, completion: None, messages: Some(messages) } => {
            lm.tokenizer().encode(&lm.chat().text(&messages, prompt_only, None)?)?
        }
        _ => return Err(wrong("expected `ids`, or `prompt` and `completion`, or `messages`".to_owned())),
    };
    match ids.iter().find(|&&id| id as usize >= lm.config().vocab) {
        Some(id) => Err(wrong(format!("token {id} is outside the vocabulary of {}", lm.config().vocab))),
        None if ids.is_empty() => Err(wrong("there is nothing in it".to_owned())),
        None => Ok(ids),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use mascot_run::task::RandomModel;

    use super::*;

    fn model() -> Lm {
        let spec = RandomModel {
            arch: "qwen3".to_owned(),
            hidden: 32,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            ffn: 48,
            vocab: 256,
            tokenizer: "bytes".to_owned(),
        };
        Lm::random(&spec, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_line_is_scored_as_long_as_it_is() {
        let input = "{\"ids\":[104,105,33]}\n\n{\"prompt\":\"h\",\"completion\":\"i!\"}\n{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}\n{\"ids\":[7]}\n";
        let mut out = Vec::new();
        score(&model(), None, input.as_bytes(), &mut |scored| out.push(scored.clone())).unwrap();
        assert_eq!(out.len(), 4);
        assert_eq!(out[0].ids, [104, 105, 33]);
        assert_eq!(out[0].logprobs.len(), 3);
        assert_eq!(out[0].logprobs[0], None);
        assert_eq!(out[1].ids, out[0].ids);
        let sum: f64 = out[0].logprobs.iter().flatten().map(|&l| f64::from(l)).sum();
        assert!((out[0].sum - sum).abs() < 1e-9 && (out[0].mean - sum / 2.0).abs() < 1e-9);
        assert_eq!((out[3].sum, out[3].mean), (0.0, 0.0));
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named() {
        for (input, word) in
            [("{\"ids\":[1]}\n{\"idz\":[1]}", "line 2"), ("{\"ids\":[]}", "nothing"), ("{\"ids\":[999]}", "999")]
        {
            let why = score(&model(), None, input.as_bytes(), &mut |_| {}).unwrap_err().to_string();
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn lines_are_completed_alike_under_one_seed() {
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, max_new: 12, stop: vec![], eos: vec![] };
        let run = |seed| {
            let mut out = Vec::new();
            let input = "{\"prompt\":\"hello\"}\n{\"prompt\":\"hello\"}\n";
            generate(&model(), None, &sampling, seed, input.as_bytes(), &mut |made| out.push(made.clone())).unwrap();
            out
        };
        let made = run(1);
        assert_eq!(made, run(1));
        assert_ne!(made, run(2));
        assert_ne!(made[0], made[1]);
        assert!(made.iter().all(|m| m.ids.len() == 12 && m.finish == Finish::Length));
    }
}
