//! Which engine performs, on which device, and who fetches.

use mascot_run::calibration::Machine;
use mascot_run::desk::{Fetcher, NoFetcher};
use mascot_run::engine::Engine;
use mascot_run::fake::FakeEngine;
use mascot_run::plan::Plan;

use super::args::{Compute, DeviceKind, EngineKind};
use super::exit::Exit;
use super::{render, world};

/// Who performs, and who fetches.
pub struct Opened {
    pub engine: Box<dyn Engine>,
    pub fetcher: Box<dyn Fetcher>,
    /// Makes another engine like the first, for another task at the same time: on the same threads, with models of its own.
    pub another: fn() -> Box<dyn Engine>,
}

/// How many tasks at once: as many as were asked for, unless what they would share is made for one of them. Then that is said.
pub fn jobs(compute: &Compute, plan: &Plan, asked: u16) -> usize {
    let shared = match (compute.engine, compute.device) {
        (EngineKind::Fake, _) => None,
        (EngineKind::Candle, DeviceKind::Cuda) => Some("the card is one task's"),
        (EngineKind::Candle, _) if plan.tasks.iter().any(|task| !task.remotes.is_empty()) => {
            Some("a judge far away keeps its limits and its ceiling for one task")
        }
        (EngineKind::Candle, DeviceKind::Auto | DeviceKind::Cpu) => None,
    };
    match shared.filter(|_| asked > 1) {
        Some(why) => {
            render::say(&format!("--jobs {asked}: {why}, so tasks go one at a time"));
            1
        }
        None => usize::from(asked),
    }
}

/// Opens what `compute` asks for.
///
/// # Errors
/// The exit code, when the device is not to be had; it has been said.
pub fn open(compute: &Compute) -> Result<Opened, Exit> {
    match compute.engine {
        EngineKind::Fake => {
            Ok(Opened { engine: Box::new(FakeEngine), fetcher: Box::new(NoFetcher), another: || Box::new(FakeEngine) })
        }
        EngineKind::Candle => candle(compute),
    }
}

/// This machine's processor on all its threads: what computes unless told otherwise.
pub fn here() -> Machine {
    machine_on(DeviceKind::Auto, None)
}

/// What computes, as a store remembers what it took.
pub fn computes(compute: &Compute) -> Machine {
    machine_on(compute.device, compute.threads)
}

fn machine_on(device: DeviceKind, threads: Option<u16>) -> Machine {
    let device = match device {
        DeviceKind::Auto | DeviceKind::Cpu => "cpu",
        DeviceKind::Cuda => "cuda",
    };
    let threads = threads.map_or_else(world::cores, usize::from);
    Machine { name: world::machine(), device: device.to_owned(), threads }
}

/// What computes, for a report's reader: processor, device, threads.
pub fn machine(compute: &Compute) -> String {
    let device = match compute.device {
        DeviceKind::Auto | DeviceKind::Cpu => "",
        DeviceKind::Cuda => ", on CUDA",
    };
    let threads = compute.threads.map_or_else(|| "a thread a core".to_owned(), |threads| format!("{threads} threads"));
    format!("{}{device}, {threads}", world::machine())
}

#[cfg(feature = "engine")]
fn candle(compute: &Compute) -> Result<Opened, Exit> {
    let device = device(compute.device, compute.threads)?;
    Ok(Opened {
        engine: Box::new(mascot_engine::CandleEngine::on(device)),
        fetcher: Box::new(mascot_engine::fetch::Courier),
        // Only the processor has several: see `jobs`.
        another: || Box::new(mascot_engine::CandleEngine::new()),
    })
}

/// [`fingerprint`] has refused it before.
#[cfg(not(feature = "engine"))]
fn candle(_: &Compute) -> Result<Opened, Exit> {
    Err(Exit::CallWrong)
}

/// What the candle engine puts into every key.
///
/// # Errors
/// [`Exit::CallWrong`] in a build without it; it has been said.
#[cfg(feature = "engine")]
pub fn fingerprint() -> Result<String, Exit> {
    Ok(mascot_engine::CandleEngine::new().fingerprint())
}

/// What the candle engine puts into every key.
///
/// # Errors
/// [`Exit::CallWrong`] in a build without it; it has been said.
#[cfg(not(feature = "engine"))]
pub fn fingerprint() -> Result<String, Exit> {
    render::complain(
        "this mascot was built without the candle engine",
        Some("--engine fake rehearses; `cargo build --release` builds one that computes"),
    );
    Err(Exit::CallWrong)
}

/// The device that is asked for, with its threads. `auto` is the processor: what computed must never be a surprise, and the
/// CUDA path is not tested yet.
///
/// # Errors
/// [`Exit::Failed`] when it is not to be had; it has been said.
#[cfg(feature = "engine")]
pub fn device(kind: super::args::DeviceKind, threads: Option<u16>) -> Result<mascot_engine::device::Device, Exit> {
    use super::args::DeviceKind;

    let opened = match kind {
        DeviceKind::Auto | DeviceKind::Cpu => Ok(mascot_engine::device::cpu()),
        DeviceKind::Cuda => mascot_engine::device::cuda(0),
    };
    let with_threads = opened.and_then(|device| {
        if let Some(threads) = threads {
            mascot_engine::device::use_threads(usize::from(threads))?;
        }
        Ok(device)
    });
    with_threads.map_err(|why| {
        render::complain(
            &why.to_string(),
            Some("--device cpu always works; --device cuda needs a build with --features cuda"),
        );
        Exit::Failed
    })
}
