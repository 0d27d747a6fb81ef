//! Mean log-probabilities of completions under an untouched model, in nats a token. Contexts that begin alike are computed once.

use std::collections::BTreeMap;

use super::scene::Spoken;
use crate::error::Result;
use crate::model::Lm;
use crate::model::causal_lm::Prefix;
use crate::nn::Pack;

/// A model to ask, and what it was asked already.
pub struct Likelihood {
    lm: Lm,
    /// Keys and values of beginnings that come again and again (a persona's examples).
    prefixes: BTreeMap<Vec<u32>, Prefix>,
    memo: BTreeMap<(Vec<u32>, Vec<u32>), f64>,
}

/// As [`Likelihood::ids`].
///
/// # Errors
/// When the text cannot be encoded.
pub fn ids(lm: &Lm, turn: &Spoken) -> Result<Vec<u32>> {
    if lm.tokenizer().decode(&turn.ids, true).is_ok_and(|text| text.trim() == turn.text) {
        return Ok(turn.ids.clone());
    }
    let end = lm.end_of_turn().filter(|_| turn.finished);
    lm.chat().completion(lm.tokenizer(), &turn.text, end)
}

/// Completions by the context that they follow.
type ByContext<'a> = BTreeMap<&'a [u32], Vec<&'a [u32]>>;

/// One question: how likely is the completion after the context?
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub context: Vec<u32>,
    /// So many of the context's first tokens are worth keeping for later questions.
    pub kept: usize,
    pub completion: Vec<u32>,
}

impl Likelihood {
    pub fn new(lm: Lm) -> Self {
        Self { lm, prefixes: BTreeMap::new(), memo: BTreeMap::new() }
    }

    pub fn lm(&self) -> &Lm {
        &self.lm
    }

    /// A turn as this model's tokens: those that were sampled, where they are this tokenizer's and say just the turn; else its text
    /// anew, with the token that ends a turn if it ended by itself.
    ///
    /// # Errors
    /// When the text cannot be encoded.
    pub fn ids(&self, turn: &Spoken) -> Result<Vec<u32>> {
        ids(&self.lm, turn)
    }

    /// Forgets answers, not beginnings: a new batch has new completions.
    pub fn forget(&mut self) {
        self.memo.clear();
    }

    /// The mean of log p over each completion's tokens; NaN for an empty one.
    ///
    /// # Errors
    /// When the model fails.
    pub fn means(&mut self, questions: &[Question]) -> Result<Vec<f64>> {
        // Beginning → context → completions, each once. Ordered, so that the same questions make the same packs.
        let mut open: BTreeMap<&[u32], ByContext<'_>> = BTreeMap::new();
        for question in questions {
            let known = (question.context.clone(), question.completion.clone());
            if question.completion.is_empty() || self.memo.contains_key(&known) {
                continue;
            }
            let kept = question.kept.min(question.context.len().saturating_sub(1));
            let completions = open.entry(&question.context[..kept]).or_default().entry(&question.context).or_default();
            if !completions.contains(&question.completion.as_slice()) {
                completions.push(&question.completion);
            }
        }
        for (beginning, contexts) in open {
            if !beginning.is_empty() && !self.prefixes.contains_key(beginning) {
                self.prefixes.insert(beginning.to_vec(), self.lm.prefix(beginning)?);
            }
            let prefix = self.prefixes.get(beginning);
            let mut pack = Pack::new();
            for (context, completions) in &contexts {
                pack.push(&context[beginning.len()..], completions);
            }
            let logps = self.lm.logps_after(prefix, None, &pack, 1.0)?;
            let asked = contexts.iter().flat_map(|(context, all)| all.iter().map(move |one| (*context, *one)));
            for ((context, completion), range) in asked.zip(pack.completions()) {
                let sum: f64 = logps[range.clone()].iter().map(|&x| f64::from(x)).sum();
                self.memo.insert((context.to_vec(), completion.to_vec()), sum / completion.len() as f64);
            }
        }
        let answer =
            |q: &Question| self.memo.get(&(q.context.clone(), q.completion.clone())).copied().unwrap_or(f64::NAN);
        Ok(questions.iter().map(answer).collect())
    }
}
