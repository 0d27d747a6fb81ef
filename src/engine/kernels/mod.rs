//! The few loops that deserve their own code. [`simd`] holds vector loops over slices; the other rooms spread them over threads
//! and give each operation a twin in plain tensor operations, which runs on other devices and is the oracle in tests.
//!
//! All tensors are f32 and row-major. However work is cut among threads, no sum of a pass is parted by their number.

pub mod attention;
pub mod decode;
pub mod linear;
pub mod packed;
pub mod panels;
pub mod pointwise;
pub mod simd;
mod tiles;
pub mod vocabulary;

use std::cell::RefCell;
use std::ops::RangeInclusive;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Storage, Tensor};
use rayon::prelude::*;

use crate::error::Result;

fn misuse(what: &str) -> candle_core::Error {
    candle_core::Error::Msg(format!(
        "expected a contiguous f32 tensor in main memory, found {what}; this is a bug in mascot"
    ))
}

/// Runs `f` on the numbers of a contiguous f32 tensor in the processor's memory, without a copy.
///
/// # Errors
/// When the tensor is anything else.
pub fn on_slice<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(data)) = &*storage else { return Err(misuse("other storage").into()) };
    let Some((from, to)) = layout.contiguous_offsets() else { return Err(misuse("strides").into()) };
    Ok(f(&data[from..to]))
}

/// Runs `f` on the numbers of a tensor, to change them in place. Every clone of the tensor sees the change, so this is for
/// tensors that were just made.
///
/// # Errors
/// When the tensor is not contiguous f32 in main memory.
pub fn on_slice_mut(tensor: &Tensor, mut f: impl FnMut(&mut [f32])) -> Result<()> {
    on_storage(tensor, |data, layout| {
        let Some((from, to)) = layout.contiguous_offsets() else { return Err(misuse("strides")) };
        f(&mut data[from..to]);
        Ok(())
    })
}

/// Runs `f` on all that an f32 tensor's memory holds.
fn on_storage(tensor: &Tensor, f: impl FnMut(&mut Vec<f32>, &Layout) -> candle_core::Result<()>) -> Result<()> {
    struct Change<F>(RefCell<F>);
    impl<F: FnMut(&mut Vec<f32>, &Layout) -> candle_core::Result<()>> InplaceOp1 for Change<F> {
        fn name(&self) -> &'static str {
            "change"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
            let CpuStorage::F32(data) = storage else { return Err(misuse("other storage")) };
            (self.0.borrow_mut())(data, layout)
        }
    }
    Ok(tensor.inplace_op1(&Change(RefCell::new(f)))?)
}

/// Runs `f` on a thread of the pool. A pass is hundreds of kernels that spread their work: begun there, each goes on where it is and
/// need not hand over to the pool and sleep until it answers.
pub fn pooled<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}

/// Runs passes that need nothing of one another: on the processor beside one another, so that no thread waits at the end of each
/// kernel for the others; elsewhere in turn. What each makes is the same either way.
///
/// # Errors
/// The first pass's, in their order, that fails.
pub fn beside<T: Sync, R: Send>(
    device: &Device,
    passes: &[T],
    f: impl Fn(&T) -> Result<R> + Sync + Send,
) -> Result<Vec<R>> {
    if !device.is_cpu() || passes.len() < 2 {
        return passes.iter().map(f).collect();
    }
    passes.par_iter().map(f).collect::<Vec<Result<R>>>().into_iter().collect()
}

/// `n` zeros. Many are written by all threads: written by one, they would keep the others waiting.
pub(crate) fn zeros(n: usize) -> Vec<f32> {
    if n < 1 << 17 { vec![0.0; n] } else { rayon::iter::repeat_n(0.0, n).with_min_len(1 << 16).collect() }
}

/// Buffers that a thread keeps for the next kernel, and numbers in each at least and at most (32 MiB).
const SPARE: usize = 6;
const SPARED: RangeInclusive<usize> = 1 << 14..=1 << 23;

thread_local! {
    /// The newest last.
    static SPARES: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Room for `n` numbers, all of which the caller writes: what stands there means nothing.
pub(crate) fn room(n: usize) -> Vec<f32> {
    let spare = SPARES.with_borrow_mut(|spares| {
        let at = spares.iter().rposition(|spare| spare.len() == n)?;
        Some(spares.remove(at))
    });
    spare.unwrap_or_else(|| zeros(n))
}

/// Takes the room of a tensor that nobody needs any more, for [`room`]: layers make the same shapes again and again.
pub(crate) fn recycle(tensor: Tensor) {
    if !tensor.device().is_cpu() || !SPARED.contains(&tensor.elem_count()) {
        return;
    }
    let mut taken = Vec::new();
    let take = |data: &mut Vec<f32>, _: &Layout| {
        taken = std::mem::take(data);
        Ok(())
    };
    if on_storage(&tensor, take).is_ok() {
        SPARES.with_borrow_mut(|spares| {
            if spares.len() == SPARE {
                spares.remove(0);
            }
            spares.push(taken);
        });
    }
}

/// Rows that one thread takes at a time.
pub(crate) const ROWS: usize = 32;
