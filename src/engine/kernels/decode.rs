//! Keys and values kept between positions, and attention of one new position of each sequence over its own.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::attention::Heads;
use super::on_slice;
use super::simd::{self, FewRows, Onto, Product, View};
use crate::error::Result;

/// Keys and values of one layer, head by head, each `[positions, dim]`. In main memory on every device.
#[derive(Debug, Clone, Default)]
pub struct Kv {
    pub keys: Vec<Vec<f32>>,
    pub values: Vec<Vec<f32>>,
}

impl Kv {
    pub fn new(heads: Heads) -> Self {
        Self { keys: vec![Vec::new(); heads.keys], values: vec![Vec::new(); heads.keys] }
    }

    /// Adds the positions of `qkv` `[rows, width]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn extend(&mut self, qkv: &Tensor, heads: Heads) -> Result<()> {
        let qkv = qkv.to_device(&Device::Cpu)?;
        on_slice(&qkv, |qkv| {
            for row in qkv.chunks_exact(heads.width()) {
                self.push(row, heads);
            }
        })
    }

    /// Adds one position: a row q | k | v.
    pub fn push(&mut self, row: &[f32], heads: Heads) {
        let (dim, k) = (heads.dim, heads.queries * heads.dim);
        let v = k + heads.keys * dim;
        for head in 0..heads.keys {
            self.keys[head].extend_from_slice(&row[k + head * dim..][..dim]);
            self.values[head].extend_from_slice(&row[v + head * dim..][..dim]);
        }
    }
}

/// What one sequence sees: a prefix that it may share with others, then its own positions, the newest last.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub prefix: Option<&'a Kv>,
    pub own: &'a Kv,
}

/// Attention of each sequence's newest position, whose keys and values are in its cache already: `[sequences, queries · dim]`
/// from `qkv` `[sequences, width]`.
///
/// # Errors
/// When shapes do not fit.
pub fn attend(qkv: &Tensor, heads: Heads, sequences: &[Seen<'_>]) -> Result<Tensor> {
    let rows = on_slice(&qkv.to_device(&Device::Cpu)?, |qkv| {
        let tasks: Vec<(usize, usize)> =
            (0..sequences.len()).flat_map(|s| (0..heads.keys).map(move |k| (s, k))).collect();
        let group = heads.group() * heads.dim;
        let made: Vec<Vec<f32>> = tasks
            .par_iter()
            .with_min_len(2)
            .map(|&(s, key)| {
                let q = &qkv[s * heads.width() + key * group..][..group];
                one(q, heads, key, &sequences[s])
            })
            .collect();
        made.concat()
    })?;
    Ok(Tensor::from_vec(rows, (sequences.len(), heads.queries * heads.dim), &Device::Cpu)?.to_device(qkv.device())?)
}

/// The queries that share one head of keys, `[group, dim]`.
fn one(q: &[f32], heads: Heads, key: usize, seen: &Seen<'_>) -> Vec<f32> {
    let (dim, group) = (heads.dim, heads.group());
    let scale = 1.0 / (dim as f32).sqrt();
    let pieces = [seen.prefix, Some(seen.own)];
    let mut scores: [Vec<f32>; 2] = Default::default();
    for (piece, scores) in pieces.iter().zip(&mut scores) {
        let Some(kv) = piece else { continue };
        let keys = &kv.keys[key];
        scores.resize(group * keys.len() / dim, 0.0);
        FewRows { x: q, w: keys, y: scores, k: dim }.run();
    }
    let mut out = vec![0.0; group * dim];
    let lengths = [scores[0].len() / group, scores[1].len() / group];
    for i in 0..group {
        let row = |piece: usize| i * lengths[piece]..(i + 1) * lengths[piece];
        let largest = simd::max(&scores[0][row(0)]).max(simd::max(&scores[1][row(1)])) * scale;
        let sum: f32 = (0..2).map(|piece| simd::exp_in_place(&mut scores[piece][row(piece)], scale, largest)).sum();
        for piece in 0..2 {
            simd::scale_in_place(&mut scores[piece][row(piece)], 1.0 / sum);
        }
    }
    for (piece, kv) in pieces.iter().enumerate() {
        let Some(kv) = kv else { continue };
        let k = lengths[piece];
        let a = View { data: &scores[piece], rows: k, columns: 1 };
        let b = kv.values[key].as_slice();
        Product { c: &mut out, c_rows: dim, a, b, b_rows: dim, m: group, n: dim, k, onto: Onto::Sum, alpha: 1.0 }.run();
    }
    out
}
