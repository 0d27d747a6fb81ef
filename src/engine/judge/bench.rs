//! The judges' bench: models, lines and classifiers that judging needs, fetched once a task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mascot_run::engine::{Fault, Input};
use mascot_run::task::{DataSpec, Example, JudgeSpec, ModelSpec, PersonaSpec, Policy, Slot};

use super::contrast::Crew;
use super::far::Reach;
use super::likelihood::Likelihood;
use super::reward_model::RewardModel;
use super::scene::Scene;
use crate::data::{self, Dataset, same_persona};
use crate::encoder::Encoder;
use crate::metric::classifier::Classifier;
use crate::metric::text::words;
use crate::models::Models;

/// How many other situations `relevance` compares with.
pub const OTHERS: usize = 3;

/// Pairs of neighbouring words.
pub type Bigrams = BTreeSet<(String, String)>;

/// Everything that a term or a judge may ask for.
pub struct Bench<'a> {
    pub models: &'a mut Models,
    pub inputs: &'a BTreeMap<Slot, Input>,
    /// What judges far away need; `None` where none is asked.
    pub reach: Option<Reach<'a>>,
    /// Situations of the stage's data: what else could have been said.
    pub pool: Vec<Arc<str>>,
    /// Bigrams of recent completions, by the situation that they answered.
    pub recent: Vec<(Arc<str>, Bigrams)>,
    /// In a reward, a contrast is clipped to ±1; a metric shows it as it is.
    pub in_reward: bool,
    kept: Kept,
}

/// What was fetched and may serve the next batch.
#[derive(Default)]
pub struct Kept {
    likelihoods: BTreeMap<String, Likelihood>,
    crews: BTreeMap<String, Crew>,
    datasets: BTreeMap<String, Arc<Dataset>>,
    classifiers: BTreeMap<String, Arc<Classifier>>,
    reward_models: BTreeMap<String, RewardModel>,
    words: BTreeMap<String, Arc<Vec<Vec<String>>>>,
}

impl<'a> Bench<'a> {
    pub fn new(
        models: &'a mut Models,
        inputs: &'a BTreeMap<Slot, Input>,
        pool: Vec<Arc<str>>,
        in_reward: bool,
    ) -> Self {
        Self { models, inputs, reach: None, pool, recent: Vec::new(), in_reward, kept: Kept::default() }
    }

    /// May ask judges far away.
    pub fn reaching(self, reach: Reach<'a>) -> Self {
        Self { reach: Some(reach), ..self }
    }

    /// Verdicts of a judge far away: by model name and the slot of its endpoint.
    ///
    /// # Errors
    /// As [`super::far::Far::verdicts`].
    pub fn far_verdicts(
        &mut self,
        judge: &JudgeSpec,
        who: (&str, &Slot),
        scenes: &[Scene],
    ) -> Result<Vec<Option<Vec<f64>>>, Fault> {
        let reach = self.reach.ok_or_else(|| Fault::Judge("no endpoint is at hand; this is a bug in mascot".into()))?;
        self.models.far.verdicts(judge, who, scenes, reach)
    }

    /// Goes on with what an earlier bench fetched.
    pub fn take(&mut self, kept: Kept) {
        self.kept = kept;
    }

    /// What was fetched, for a later bench.
    pub fn keep(self) -> Kept {
        self.kept
    }

    /// A new batch of completions: answers about the old ones are of no use.
    pub fn next_batch(&mut self) {
        self.kept.likelihoods.values_mut().for_each(Likelihood::forget);
    }

    /// A model without an adapter, to be asked for likelihoods.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn likelihood(&mut self, spec: &ModelSpec) -> Result<&mut Likelihood, Fault> {
        let lm = self.models.lm(spec, self.inputs)?;
        Ok(self.kept.likelihoods.entry(name_of(spec)).or_insert_with(|| Likelihood::new(lm)))
    }

    /// # Errors
    /// When it cannot be read.
    pub fn encoder(&mut self, spec: &ModelSpec) -> Result<Arc<Encoder>, Fault> {
        self.models.encoder(spec, self.inputs)
    }

    /// # Errors
    /// When it cannot be read.
    pub fn dataset(&mut self, spec: &DataSpec) -> Result<Arc<Dataset>, Fault> {
        let name = name_of(spec);
        if let Some(data) = self.kept.datasets.get(&name) {
            return Ok(data.clone());
        }
        let data = Arc::new(data::read(spec, self.inputs)?);
        self.kept.datasets.insert(name, data.clone());
        Ok(data)
    }

    /// The contrast of every turn; `lines` stand in for the personas' own examples.
    ///
    /// # Errors
    /// As [`Crew::new`] and [`Crew::contrast`].
    pub fn contrast(
        &mut self,
        model: &ModelSpec,
        lines: Option<&DataSpec>,
        personas: &[PersonaSpec],
        scenes: &[Scene],
    ) -> Result<Vec<Vec<f64>>, Fault> {
        self.contrast_of(model, lines, personas, 0, scenes)
    }

    /// As [`Bench::contrast`], where everybody is asked for as the companion `shift` seats further in the crew, round and round: a
    /// control.
    ///
    /// # Errors
    /// As [`Bench::contrast`].
    pub fn contrast_of(
        &mut self,
        model: &ModelSpec,
        lines: Option<&DataSpec>,
        personas: &[PersonaSpec],
        shift: usize,
        scenes: &[Scene],
    ) -> Result<Vec<Vec<f64>>, Fault> {
        let name = name_of(&(lines, personas, shift));
        let crew = match self.kept.crews.get(&name) {
            Some(crew) => crew.clone(),
            None => {
                let further = personas.iter().cycle().skip(shift % personas.len().max(1));
                let members = personas.iter().zip(further);
                let members = members.map(|(p, other)| Ok((p.name.clone(), self.examples(lines, other)?)));
                let crew = Crew::new(members.collect::<Result<_, Fault>>()?)?;
                self.kept.crews.insert(name, crew.clone());
                crew
            }
        };
        crew.contrast(scenes, self.likelihood(model)?)
    }

    /// A persona's lines: of the data set if there is one, else its own examples.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn examples(&mut self, lines: Option<&DataSpec>, persona: &PersonaSpec) -> Result<Vec<Example>, Fault> {
        let Some(spec) = lines else { return Ok(persona.examples.clone()) };
        let data = self.dataset(spec)?;
        let own = data.completions(spec.split).into_iter();
        let own = own.filter(|row| row.persona.as_deref().is_some_and(|name| same_persona(name, &persona.name)));
        let example = |row: &data::Row| Example { given: row.said(), says: row.completion.clone().unwrap_or_default() };
        Ok(own.map(example).collect())
    }

    /// The words of a persona's lines, for `overlap`.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn example_words(
        &mut self,
        lines: Option<&DataSpec>,
        persona: &PersonaSpec,
    ) -> Result<Arc<Vec<Vec<String>>>, Fault> {
        let name = name_of(&(lines, persona));
        if let Some(known) = self.kept.words.get(&name) {
            return Ok(known.clone());
        }
        let known =
            Arc::new(self.examples(lines, persona)?.iter().map(|example| words(&example.says)).collect::<Vec<_>>());
        self.kept.words.insert(name, known.clone());
        Ok(known)
    }

    /// Who speaks like whom, by these lines.
    ///
    /// # Errors
    /// When data or encoder cannot be read, or there is no line.
    pub fn classifier(&mut self, encoder: &ModelSpec, lines: &DataSpec) -> Result<Arc<Classifier>, Fault> {
        let name = name_of(&(encoder, lines));
        if let Some(known) = self.kept.classifiers.get(&name) {
            return Ok(known.clone());
        }
        let data = self.dataset(lines)?;
        let rows = data.completions(lines.split);
        let named: Vec<(&str, &str)> =
            rows.iter().filter_map(|row| Some((row.completion.as_deref()?, row.persona.as_deref()?))).collect();
        if named.is_empty() {
            return Err(Fault::Data("identification: its lines name no persona".into()));
        }
        let texts: Vec<&str> = named.iter().map(|(text, _)| *text).collect();
        let vectors = self.encoder(encoder)?.encode(&texts)?;
        let lines = vectors.into_iter().zip(named).map(|(vector, (_, who))| (vector, who.to_owned())).collect();
        let classifier = Arc::new(Classifier::new(lines));
        self.kept.classifiers.insert(name, classifier.clone());
        Ok(classifier)
    }

    /// # Errors
    /// When it cannot be read.
    pub fn reward_model(&mut self, policy: &Policy) -> Result<&RewardModel, Fault> {
        let name = name_of(policy);
        if !self.kept.reward_models.contains_key(&name) {
            let model = RewardModel::read(policy, self.models, self.inputs)?;
            self.kept.reward_models.insert(name.clone(), model);
        }
        Ok(&self.kept.reward_models[&name])
    }

    /// Situations other than this one, the same ones whenever it is asked.
    pub fn others(&self, said: &str) -> Vec<Arc<str>> {
        let n = self.pool.len();
        if n == 0 {
            return Vec::new();
        }
        let start = said.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte as usize)) % n;
        let ring = (0..n).map(|i| &self.pool[(start + i) % n]);
        ring.filter(|other| ***other != *said).take(OTHERS).cloned().collect()
    }
}

/// A spec as its own name: it is closed and serialisable.
fn name_of(spec: &impl serde::Serialize) -> String {
    serde_json::to_string(spec).expect("a spec is plain data")
}
