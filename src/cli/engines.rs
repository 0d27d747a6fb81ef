//! Which engine performs, and who fetches.

use mascot_run::desk::{Fetcher, NoFetcher};
use mascot_run::engine::Engine;
use mascot_run::fake::FakeEngine;
use mascot_run::plan::Plan;

use super::args::{Compute, EngineKind};
use super::exit::Exit;

/// An engine and a fetcher.
pub type Opened = (Box<dyn Engine>, Box<dyn Fetcher>);

/// Opens what `compute` asks for.
///
/// # Errors
/// The exit code, when the device is not to be had; it has been said.
pub fn open(compute: &Compute, plan: &Plan) -> Result<Opened, Exit> {
    match compute.engine {
        EngineKind::Fake => Ok((Box::new(FakeEngine), Box::new(NoFetcher))),
        EngineKind::Candle => candle(compute, plan),
    }
}

#[cfg(feature = "engine")]
fn candle(compute: &Compute, _: &Plan) -> Result<Opened, Exit> {
    todo!()
}

/// `fingerprint` has refused it before.
#[cfg(not(feature = "engine"))]
fn candle(_: &Compute, _: &Plan) -> Result<Opened, Exit> {
    Err(Exit::CallWrong)
}
