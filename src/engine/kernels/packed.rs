//! Quantised weights as a GGUF file holds them: rows of blocks of 32. [`super::panels`] lays them out for products.

use std::sync::Arc;

use half::f16;

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
            let stacked = Panels::new(&Packed::stacked(&[reversed.clone(), reversed]).unwrap());
            // The unit vectors read the weights off, bit for bit.
            let unit: Vec<f32> = (0..k * k).map(|i| f32::from(u8::from(i / k == i % k))).collect();
            let read = Tensor::from_vec(stacked.multiply(&unit, k), (k, 2 * n), &Device::Cpu).unwrap();
            let w = Tensor::cat(&[&w, &w], 0).unwrap();
            assert_eq!(read.t().unwrap().to_vec2::<f32>().unwrap(), w.to_vec2::<f32>().unwrap(), "{kind:?}");

            let x = draw(13, k);
            let frozen = Frozen { w: w.clone(), panels: Some(stacked) };
            let found = linear(&x, &frozen, Role::Sampled).unwrap();
            let plain = linear(&x, &Frozen { w: w.clone(), panels: None }, Role::Prompt).unwrap();
            assert_eq!(plain.to_vec2::<f32>().unwrap(), found.to_vec2::<f32>().unwrap(), "{kind:?}");
            let want = x.matmul(&w.t().unwrap()).unwrap();
            let gap = (&found - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(gap < 2e-5, "{kind:?}: {gap}");
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
        let panels = Panels::new(&Packed::read(Kind::Q4_1, &quantised.data().unwrap(), k).unwrap());
        let x = draw(rows * k, 2);
        let all = panels.multiply(&x, rows);
        for row in 0..rows {
            let alone = panels.multiply(&x[row * k..][..k], 1);
            assert_eq!(alone, all[row * n..][..n], "row {row}");
        }
    }
}
