//! Quantised weights as a GGUF file holds them: rows of blocks of 32, which is what the way back reads (`super::tiles`);
//! [`super::panels`] lays them out for the way forward.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use pulp::Simd;

use super::tiles::{self, BLOCK, Expand, WIDTH};

/// Rows of weights in blocks of 32. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Packed {
    kind: Kind,
    scales: Arc<Vec<[f32; 2]>>,
    numbers: Numbers,
    /// Blocks a row.
    blocks: usize,
}

/// The formats that are read in place; others are expanded once, when loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Q4_0,
    Q4_1,
    Q8_0,
}

#[derive(Debug, Clone)]
enum Numbers {
    Four(Arc<Vec<[u8; 16]>>),
    Eight(Arc<Vec<[u8; 32]>>),
}

impl Packed {
    /// From the bytes of a GGUF tensor whose rows are `k` long; `None` when they do not fit.
    pub fn read(kind: Kind, bytes: &[u8], k: usize) -> Option<Self> {
        let (head, body) = match kind {
            Kind::Q4_0 => (2, 16),
            Kind::Q4_1 => (4, 16),
            Kind::Q8_0 => (2, 32),
        };
        if k == 0 || !k.is_multiple_of(32) || !bytes.len().is_multiple_of((head + body) * (k / 32)) {
            return None;
        }
        let half = |bytes: &[u8]| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
        let blocks = bytes.chunks_exact(head + body);
        let scales =
            blocks.clone().map(|block| [half(block), if head == 4 { half(&block[2..]) } else { 0.0 }]).collect();
        let numbers = match kind {
            Kind::Q4_0 | Kind::Q4_1 => {
                Numbers::Four(Arc::new(blocks.filter_map(|block| block[head..].first_chunk().copied()).collect()))
            }
            Kind::Q8_0 => {
                Numbers::Eight(Arc::new(blocks.filter_map(|block| block[head..].first_chunk().copied()).collect()))
            }
        };
        Some(Self { kind, scales: Arc::new(scales), numbers, blocks: k / 32 })
    }

    /// Rows in this order.
    #[must_use]
    pub fn reordered(&self, order: &[usize]) -> Self {
        let of = |row: usize| row * self.blocks..(row + 1) * self.blocks;
        let scales = order.iter().flat_map(|&row| self.scales[of(row)].iter().copied()).collect();
        let numbers = match &self.numbers {
            Numbers::Four(q) => {
                Numbers::Four(Arc::new(order.iter().flat_map(|&row| q[of(row)].iter().copied()).collect()))
            }
            Numbers::Eight(q) => {
                Numbers::Eight(Arc::new(order.iter().flat_map(|&row| q[of(row)].iter().copied()).collect()))
            }
        };
        Self { scales: Arc::new(scales), numbers, ..self.clone() }
    }

    /// One under another; `None` when they are of different formats or widths.
    pub fn stacked(parts: &[Self]) -> Option<Self> {
        let first = parts.first()?;
        if parts.iter().any(|part| part.kind != first.kind || part.blocks != first.blocks) {
            return None;
        }
        let scales = parts.iter().flat_map(|part| part.scales.iter().copied()).collect();
        let (mut four, mut eight) = (Vec::new(), Vec::new());
        for part in parts {
            match &part.numbers {
                Numbers::Four(q) => four.extend_from_slice(q),
                Numbers::Eight(q) => eight.extend_from_slice(q),
            }
        }
        let numbers = match first.numbers {
            Numbers::Four(_) => Numbers::Four(Arc::new(four)),
            Numbers::Eight(_) => Numbers::Eight(Arc::new(eight)),
        };
        Some(Self { scales: Arc::new(scales), numbers, ..first.clone() })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn rows(&self) -> usize {
        self.scales.len() / self.blocks
    }

    pub fn columns(&self) -> usize {
        self.blocks * 32
    }

    /// The 32 numbers of a block as they are stored, signed ones with 128 added, and its scale and offset.
    pub fn block(&self, row: usize, block: usize) -> ([u8; 32], [f32; 2]) {
        let at = row * self.blocks + block;
        let numbers = match &self.numbers {
            // The low halves are the first 16 numbers, the high halves the others.
            Numbers::Four(q) => std::array::from_fn(|i| if i < 16 { q[at][i] & 15 } else { q[at][i - 16] >> 4 }),
            Numbers::Eight(q) => std::array::from_fn(|i| q[at][i].wrapping_add(128)),
        };
        (numbers, self.scales[at])
    }

    /// Row `row` of the weights, `[columns]`: the very numbers that dequantisation gives.
    pub fn row(&self, row: usize) -> Vec<f32> {
        let zero = match self.kind {
            Kind::Q4_0 => Q4_0::ZERO,
            Kind::Q4_1 => Q4_1::ZERO,
            Kind::Q8_0 => Q8_0::ZERO,
        };
        let blocks = (0..self.blocks).map(|block| self.block(row, block));
        let weights = blocks
            .flat_map(|(numbers, [scale, offset])| numbers.map(|number| (f32::from(number) - zero) * scale + offset));
        weights.collect()
    }

    /// `dx[t, k] = dy[t, m] · w[outputs, k]`, for `t` rows of `dy` and the `m` outputs.
    pub fn multiply_back(&self, outputs: Range<usize>, dy: &[f32], rows: usize) -> Vec<f32> {
        tiles::product(Back { of: self, outputs: (outputs.start, outputs.len()) }, dy, rows)
    }
}

/// How a format's numbers become weights: `(number − ZERO) · scale`, plus an offset where it has one.
pub(super) trait Format {
    const BITS: u32;
    const ZERO: f32;
    const OFFSET: bool;
}
pub(super) struct Q4_0;
pub(super) struct Q4_1;
pub(super) struct Q8_0;
impl Format for Q4_0 {
    const BITS: u32 = 4;
    const ZERO: f32 = 8.0;
    const OFFSET: bool = false;
}
impl Format for Q4_1 {
    const BITS: u32 = 4;
    const ZERO: f32 = 0.0;
    const OFFSET: bool = true;
}
/// Its signed bytes are handed out with 128 added.
impl Format for Q8_0 {
    const BITS: u32 = 8;
    const ZERO: f32 = 128.0;
    const OFFSET: bool = false;
}

/// Weights of a vector of numbers, each in the low bits of a word.
#[inline(always)]
pub(super) fn weights<S: Simd, F: Format>(simd: S, words: S::u32s, scales: S::f32s, offsets: S::f32s) -> S::f32s {
    // A number below 2²³ in the low bits of 2²³: as a float, 2²³ + number, exactly.
    let bits = simd.and_u32s(words, simd.splat_u32s((1 << F::BITS) - 1));
    let bits = simd.or_u32s(bits, simd.splat_u32s(0x4b00_0000));
    let number = simd.sub_f32s(simd.transmute_f32s_u32s(bits), simd.splat_f32s(8_388_608.0 + F::ZERO));
    // Product and sum are rounded one after the other, as dequantisation does.
    let weights = simd.mul_f32s(number, scales);
    if F::OFFSET { simd.add_f32s(weights, offsets) } else { weights }
}

/// Quantised weights on the way back: some of their rows are the terms of a sum, their columns its outputs.
#[derive(Clone, Copy)]
struct Back<'a> {
    of: &'a Packed,
    /// The first, and how many.
    outputs: (usize, usize),
}

impl Expand for Back<'_> {
    fn depth(self) -> usize {
        self.outputs.1
    }

    fn outputs(self) -> usize {
        self.of.columns()
    }

    #[inline(always)]
    fn fill<S: Simd>(self, simd: S, panel: usize, terms: Range<usize>, out: &mut [f32]) {
        let blocks = self.of.blocks;
        let lines = out.chunks_exact_mut(WIDTH).zip(terms);
        let lines = lines.map(|(line, term)| (line, (self.outputs.0 + term) * blocks, panel));
        let scales = &self.of.scales[..];
        match (&self.of.numbers, self.of.kind) {
            (Numbers::Four(q), Kind::Q4_0) => {
                lines
                    .for_each(|line| fill_line(line, blocks, |at, out| four::<S, Q4_0>(simd, &q[at], scales[at], out)));
            }
            (Numbers::Four(q), _) => {
                lines
                    .for_each(|line| fill_line(line, blocks, |at, out| four::<S, Q4_1>(simd, &q[at], scales[at], out)));
            }
            (Numbers::Eight(q), _) => {
                lines.for_each(|line| fill_line(line, blocks, |at, out| eight(simd, &q[at], scales[at], out)));
            }
        }
    }
}

/// A row's part of a panel: `(line, the row's first block, panel)`; what is beyond the row becomes 0.
#[inline(always)]
fn fill_line(line: (&mut [f32], usize, usize), blocks: usize, expand: impl Fn(usize, &mut [f32; BLOCK])) {
    let (line, row, panel) = line;
    for (i, out) in line.as_chunks_mut().0.iter_mut().enumerate() {
        match panel * (WIDTH / BLOCK) + i {
            block if block < blocks => expand(row + block, out),
            _ => out.fill(0.0),
        }
    }
}

#[inline(always)]
fn four<S: Simd, F: Format>(simd: S, numbers: &[u8; 16], [scale, offset]: [f32; 2], out: &mut [f32; BLOCK]) {
    let (scale, offset) = (simd.splat_f32s(scale), simd.splat_f32s(offset));
    let (low, high) = out.split_at_mut(BLOCK / 2);
    let words = numbers.map(u32::from);
    let (words, (low, high)) = (S::as_simd_u32s(&words).0, (S::as_mut_simd_f32s(low).0, S::as_mut_simd_f32s(high).0));
    for ((&word, low), high) in words.iter().zip(low).zip(high) {
        *low = weights::<S, F>(simd, word, scale, offset);
        *high = weights::<S, F>(simd, simd.wrapping_dyn_shr_u32s(word, simd.splat_u32s(4)), scale, offset);
    }
}

#[inline(always)]
fn eight<S: Simd>(simd: S, numbers: &[u8; 32], [scale, _]: [f32; 2], out: &mut [f32; BLOCK]) {
    let scale = simd.splat_f32s(scale);
    let words = numbers.map(|number| u32::from(number.wrapping_add(128)));
    for (&word, out) in S::as_simd_u32s(&words).0.iter().zip(S::as_mut_simd_f32s(out).0) {
        *out = weights::<S, Q8_0>(simd, word, scale, scale);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::kernels::linear::{Frozen, Role, linear};
    use crate::kernels::panels::Panels;
    use crate::rng::Rng;

    #[test]
    fn quantised_and_expanded_weights_give_the_same() {
        let rng = Rng::new(9);
        let draw = |rows: usize, k: usize| {
            let values: Vec<f32> = (0..(rows * k) as u64).map(|i| rng.normal(i) as f32).collect();
            Tensor::from_vec(values, (rows, k), &Device::Cpu).unwrap()
        };
        for (dtype, kind) in
            [(GgmlDType::Q4_0, Kind::Q4_0), (GgmlDType::Q4_1, Kind::Q4_1), (GgmlDType::Q8_0, Kind::Q8_0)]
        {
            let (n, k) = (41, 160);
            let quantised = QTensor::quantize(&draw(n, k), dtype).unwrap();
            let w = quantised.dequantize(&Device::Cpu).unwrap();
            let packed = Packed::read(kind, &quantised.data().unwrap(), k).unwrap();
            let order: Vec<usize> = (0..n).rev().collect();
            let reversed = packed.reordered(&order).reordered(&order);
            let both = Packed::stacked(&[reversed.clone(), reversed]).unwrap();
            let stacked = Panels::new(&both);
            // The unit vectors read the weights off, bit for bit.
            let unit = |n: usize| -> Vec<f32> { (0..n * n).map(|i| f32::from(u8::from(i / n == i % n))).collect() };
            let read = stacked.multiply(0..2 * n, &unit(k), k);
            let read = Tensor::from_vec(read, (k, 2 * n), &Device::Cpu).unwrap();
            let w = Tensor::cat(&[&w, &w], 0).unwrap();
            let rows = w.to_vec2::<f32>().unwrap();
            assert_eq!(read.t().unwrap().to_vec2::<f32>().unwrap(), rows, "{kind:?}");
            let (back, each) = (both.multiply_back(0..2 * n, &unit(2 * n), 2 * n), rows.iter().flatten().copied());
            assert_eq!(back, each.collect::<Vec<f32>>(), "{kind:?} on the way back");
            assert_eq!(both.row(n + 3), rows[3], "{kind:?}");
            assert_eq!(both.multiply_back(5..6, &[1.0], 1), rows[5], "{kind:?}, one output");
            let some = stacked.multiply(64..2 * n, &unit(k)[..k], 1);
            assert_eq!(some, rows[64..].iter().map(|row| row[0]).collect::<Vec<f32>>(), "{kind:?}, some outputs");

            let x = draw(13, k);
            let frozen = Frozen::quantised(both);
            let found = linear(&x, &frozen, Role::Sampled).unwrap();
            let plain = linear(&x, &Frozen::Plain(w.clone()), Role::Read).unwrap();
            assert_eq!(plain.to_vec2::<f32>().unwrap(), found.to_vec2::<f32>().unwrap(), "{kind:?}");
            let want = x.matmul(&w.t().unwrap()).unwrap();
            let gap = |found: &Tensor, want: &Tensor| -> f32 {
                (found - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
            };
            assert!(gap(&found, &want) < 2e-5, "{kind:?}: {}", gap(&found, &want));
            let dy = draw(13, 2 * n);
            let dx = frozen.back(&dy, 0..2 * n).unwrap();
            let plain = Frozen::Plain(w.clone()).back(&dy, 0..2 * n).unwrap();
            assert_eq!(plain.to_vec2::<f32>().unwrap(), dx.to_vec2::<f32>().unwrap(), "{kind:?} on the way back");
            assert!(gap(&dx, &dy.matmul(&w).unwrap()) < 2e-5, "{kind:?} on the way back");
            // What a row becomes does not depend on how many stand beside it.
            let found = found.to_vec2::<f32>().unwrap();
            for rows in [1, 2, 3, 4, 5, 7, 8] {
                for from in [0, 5] {
                    let part = x.narrow(0, from, rows).unwrap().copy().unwrap();
                    let part = linear(&part, &frozen, Role::Sampled).unwrap().to_vec2::<f32>().unwrap();
                    assert_eq!(part, found[from..from + rows], "{kind:?}, {rows} rows");
                }
            }
        }
    }

    /// Many rows are spread over threads, few of them are not, and columns are added up in parts: no bit may tell.
    #[test]
    fn many_rows_are_what_each_is_alone() {
        let (n, k, rows) = (128, 160, 701);
        let rng = Rng::new(10);
        let draw = |count: usize, salt: u64| -> Vec<f32> {
            (0..count as u64).map(|i| rng.at(salt).normal(i) as f32).collect()
        };
        let w = Tensor::from_vec(draw(n * k, 1), (n, k), &Device::Cpu).unwrap();
        let quantised = QTensor::quantize(&w, GgmlDType::Q4_1).unwrap();
        let packed = Packed::read(Kind::Q4_1, &quantised.data().unwrap(), k).unwrap();
        let panels = Panels::new(&packed);
        let x = draw(rows * k, 2);
        let all = panels.multiply(0..n, &x, rows);
        for row in 0..rows {
            let alone = panels.multiply(0..n, &x[row * k..][..k], 1);
            assert_eq!(alone, all[row * n..][..n], "row {row}");
        }
        let dy = draw(rows * n, 3);
        let all = packed.multiply_back(0..n, &dy, rows);
        for row in 0..rows {
            let alone = packed.multiply_back(0..n, &dy[row * n..][..n], 1);
            assert_eq!(alone, all[row * k..][..k], "row {row} on the way back");
        }
    }
}
