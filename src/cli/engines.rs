//! Which engine performs, on which device, and who fetches.

use mascot_run::desk::{Fetcher, NoFetcher};
use mascot_run::engine::Engine;
use mascot_run::fake::FakeEngine;

use super::args::{Compute, EngineKind};
use super::exit::Exit;

/// An engine and a fetcher.
pub type Opened = (Box<dyn Engine>, Box<dyn Fetcher>);

/// Opens what `compute` asks for.
///
/// # Errors
/// The exit code, when the device is not to be had; it has been said.
pub fn open(compute: &Compute) -> Result<Opened, Exit> {
    match compute.engine {
        EngineKind::Fake => Ok((Box::new(FakeEngine), Box::new(NoFetcher))),
        EngineKind::Candle => candle(compute),
    }
}

#[cfg(feature = "engine")]
fn candle(_: &Compute) -> Result<Opened, Exit> {
    super::render::complain("the candle engine performs no stage yet", Some("--engine fake rehearses"));
    Err(Exit::CallWrong)
}

/// `prepare` has refused it before.
#[cfg(not(feature = "engine"))]
fn candle(_: &Compute) -> Result<Opened, Exit> {
    Err(Exit::CallWrong)
}
