//! Where tensors live. The only place that opens a device; nothing here is decided from the environment.

pub use candle_core::Device;

use crate::error::Result;

/// The processor: the first-class backend, f32.
pub fn cpu() -> Device {
    Device::Cpu
}

/// The CUDA card with this ordinal.
///
/// # Errors
/// When this binary was built without the `cuda` feature, or there is no such card.
pub fn cuda(ordinal: usize) -> Result<Device> {
    Ok(Device::new_cuda(ordinal)?)
}

/// Uses this many threads from now on. What is computed does not depend on it beyond the last bits of training sums.
///
/// # Errors
/// When threads are at work already, or cannot be started.
pub fn use_threads(threads: usize) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|why| crate::error::Error::model(format!("{threads} threads: {why}")))
}
