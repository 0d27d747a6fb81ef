//! Where tensors live. The only place that opens a device; nothing here is decided from the environment.

use candle_core::Device;

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
