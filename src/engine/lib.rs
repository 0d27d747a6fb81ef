//! The candle engine: the only room where a tensor is spoken of. Implements [`mascot_run::engine::Engine`].
//!
//! # Steps
//! A request is matched to its stage ([`stage`]); the stage reads its data ([`data`]) and models ([`model`], [`encoder`]), turns
//! conversations into ids ([`text`]), samples ([`generate`]), judges ([`judge`], [`metric`], [`reward`]), trains ([`nn`],
//! [`train`]), and leaves artifacts in its workspace.

pub mod data;
pub mod device;
pub mod encoder;
pub mod error;
pub mod fetch;
pub mod generate;
pub mod judge;
pub mod kernels;
pub mod metric;
pub mod model;
pub mod models;
pub mod nn;
pub mod reward;
pub mod rng;
pub mod score;
pub mod stage;
pub mod text;
pub mod train;

use candle_core::Device;
use mascot_run::engine::{Engine, Fault, Outputs, Progress, Request, Workspace};
use mascot_run::task::TaskSpec;

use models::Models;
use nn::{Lora, Pack};
use stage::Work;

/// The epoch of the engine's numbers, in every key: raised by hand when results change, guarded by a golden.
const EPOCH: u32 = 3;

/// Performs tasks on one device.
pub struct CandleEngine {
    models: Models,
    tested: bool,
}

impl CandleEngine {
    /// On the processor.
    pub fn new() -> Self {
        Self::on(device::cpu())
    }

    pub fn on(device: Device) -> Self {
        Self { models: Models::new(device), tested: false }
    }
}

impl Default for CandleEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for CandleEngine {
    fn fingerprint(&self) -> String {
        format!("candle/{EPOCH}")
    }

    fn perform(
        &mut self,
        request: &Request<'_>,
        workspace: &Workspace,
        events: &mut dyn FnMut(Progress),
    ) -> Result<Outputs, Fault> {
        if !self.tested {
            adapters_are_applied(self.models.device())?;
            self.tested = true;
        }
        std::fs::create_dir_all(&workspace.out).map_err(|why| stage::file_fault(&workspace.out, why))?;
        self.models.begin();
        let mut work = Work::new(request, workspace, &mut self.models, events);
        work.notes.extend(on_as_many_threads(workspace)?);
        let outputs = match request.spec {
            TaskSpec::Sft(spec) => stage::sft::perform(spec, &mut work),
            TaskSpec::Pairs(spec) => stage::pairs::perform(spec, &mut work),
            TaskSpec::BradleyTerry(spec) => stage::reward_model::perform(spec, &mut work),
            TaskSpec::Grpo(spec) => stage::grpo::perform(spec, &mut work),
            TaskSpec::Direction(spec) => stage::direction::perform(spec, &mut work),
            TaskSpec::Dialogue(spec) => stage::dialogue::perform(spec, &mut work),
            TaskSpec::Evaluate(spec) => stage::evaluate::perform(spec, &mut work),
            TaskSpec::NotYet(spec) => Err(Fault::NotYet(spec.what.clone())),
        };
        let mut notes = std::mem::take(&mut work.notes);
        self.models.end();
        let mut outputs = outputs?;
        if let Some(tally) = self.models.far.tally() {
            notes.extend(tally.notes());
            // A training that was stopped and goes on has asked only for the steps since: its count is no result.
            let trains = matches!(request.spec, TaskSpec::Grpo(_) | TaskSpec::Direction(_));
            if !trains {
                let tokens = tally.read + tally.written;
                let counts = [
                    ("verdicts", tally.verdicts as f64),
                    ("voids", tally.voids as f64),
                    ("judge_tokens", tokens as f64),
                ];
                outputs.results.extend(counts.map(|(name, count)| (name.to_owned(), count)));
            }
        }
        notes.append(&mut outputs.notes);
        outputs.notes = notes;
        Ok(outputs)
    }
}

/// Remembers on how many threads a draft was begun, and says so when it is gone on with on another count: sums are parted by threads,
/// so the same bytes are promised for the same count alone.
fn on_as_many_threads(workspace: &Workspace) -> Result<Option<String>, Fault> {
    let path = workspace.resume_file(".threads");
    let now = rayon::current_num_threads();
    match std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<usize>().ok()) {
        Some(then) if then == now => Ok(None),
        Some(then) => Ok(Some(format!(
            "begun on {then} threads and gone on with {now}: its bytes may differ from those of a run on one count (`--threads {then}` keeps them)"
        ))),
        None => {
            std::fs::create_dir_all(&workspace.resume)
                .and_then(|()| std::fs::write(&path, format!("{now}\n")))
                .map_err(|why| stage::file_fault(&path, why))?;
            Ok(None)
        }
    }
}

/// The self-test at the start: an adapter that is moved must move log-probabilities, or training would be a play.
fn adapters_are_applied(device: &Device) -> Result<(), Fault> {
    let shape = mascot_run::task::RandomModel {
        arch: "llama".into(),
        hidden: 32,
        layers: 2,
        heads: 2,
        kv_heads: 1,
        ffn: 64,
        vocab: 256,
        tokenizer: "bytes".into(),
    };
    let lm = model::Lm::random(&shape, device)?;
    let targets = [mascot_run::task::Target::Q, mascot_run::task::Target::V];
    let mut lora = Lora::zeros(lm.config(), 2, 4.0, &targets);
    let pack = Pack::new().block(&[1, 2, 3], &[[4, 5, 6]]);
    let before = lm.logps(Some(&lora), &pack, 1.0)?;
    lora.values_mut().iter_mut().enumerate().for_each(|(i, x)| *x = 0.05 * ((i % 7) as f32 - 3.0));
    let after = lm.logps(Some(&lora), &pack, 1.0)?;
    let moved = before.iter().zip(&after).any(|(a, b)| (a - b).abs() > 1e-6);
    if !moved || after.iter().any(|x| !x.is_finite()) {
        return Err(Fault::Model(
            "the engine's self-test failed: an adapter does not move the model; this is a bug in mascot".into(),
        ));
    }
    Ok(())
}
