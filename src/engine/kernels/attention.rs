//! Attention over packs: several blocks one after another; inside a block a shared prompt, then completions that each see the
//! prompt and themselves, causally. A cached prefix may stand before a block.
//!
//! Scores are never held for more than `TILE` queries; backward computes them again. One task a (block, head); what tasks
//! make is added up in order.

use candle_core::Tensor;
use rayon::prelude::*;

use super::decode::Kv;
use super::simd::{self, Onto, Product, View};
use super::{on_slice, zeros};
use crate::error::Result;

/// Queries at a time.
const TILE: usize = 32;

/// Rows of one block: `start..start + prompt` is the prompt, then completions of these lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub start: usize,
    pub prompt: usize,
    pub completions: Vec<usize>,
}

impl Block {
    /// Rows in all.
    pub fn len(&self) -> usize {
        self.prompt + self.completions.iter().sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Segments as (first row inside the block, rows): the prompt, then the completions.
    fn segments(&self) -> Vec<(usize, usize)> {
        let mut segments = vec![(0, self.prompt)];
        let mut from = self.prompt;
        for &rows in &self.completions {
            segments.push((from, rows));
            from += rows;
        }
        segments
    }
}

/// Heads of queries, of keys and values, and their width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    pub queries: usize,
    pub keys: usize,
    pub dim: usize,
}

impl Heads {
    /// Width of q | k | v.
    pub fn width(self) -> usize {
        (self.queries + 2 * self.keys) * self.dim
    }

    /// Queries that share a head of keys.
    pub fn group(self) -> usize {
        self.queries / self.keys
    }

    fn scale(self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }
}

/// `[rows, queries · dim]` from `qkv` `[rows, width]`, keys and queries rotated already. `before` has the prefix of each block;
/// blocks beyond its end have none.
///
/// # Errors
/// When shapes do not fit.
pub fn forward(qkv: &Tensor, heads: Heads, blocks: &[Block], before: &[Option<&Kv>]) -> Result<Tensor> {
    if !qkv.device().is_cpu() {
        return plain::forward(qkv, heads, blocks, before);
    }
    let rows = qkv.dim(0)?;
    let width = heads.queries * heads.dim;
    let mut out = zeros(rows * width);
    on_slice(qkv, |qkv| {
        let each = blocks.iter().enumerate();
        let tasks: Vec<(&Block, Option<&Kv>, usize)> = each
            .flat_map(|(i, block)| (0..heads.queries).map(move |h| (block, before.get(i).copied().flatten(), h)))
            .collect();
        let made: Vec<Vec<f32>> = tasks
            .par_iter()
            .map(|&(block, before, head)| One::new(qkv, heads, block, head, before).forward())
            .collect();
        for (&(block, _, head), made) in tasks.iter().zip(&made) {
            scatter(made, &mut out[block.start * width..], width, head * heads.dim, heads.dim, false);
        }
    })?;
    Ok(Tensor::from_vec(out, (rows, width), qkv.device())?)
}

/// Gradient of `qkv` from that of [`forward`]'s result.
///
/// # Errors
/// When shapes do not fit.
pub fn backward(qkv: &Tensor, dout: &Tensor, heads: Heads, blocks: &[Block]) -> Result<Tensor> {
    if !qkv.device().is_cpu() {
        return plain::backward(qkv, dout, heads, blocks);
    }
    let (rows, width) = qkv.dims2()?;
    let dim = heads.dim;
    let mut dqkv = zeros(rows * width);
    on_slice(qkv, |qkv| {
        on_slice(dout, |dout| {
            let tasks: Vec<(&Block, usize)> =
                blocks.iter().flat_map(|b| (0..heads.queries).map(move |h| (b, h))).collect();
            let made: Vec<[Vec<f32>; 3]> =
                tasks.par_iter().map(|&(block, head)| One::new(qkv, heads, block, head, None).backward(dout)).collect();
            for (&(block, head), [dq, dk, dv]) in tasks.iter().zip(&made) {
                let to = &mut dqkv[block.start * width..];
                let key = head / heads.group();
                scatter(dq, to, width, head * dim, dim, false);
                scatter(dk, to, width, (heads.queries + key) * dim, dim, true);
                scatter(dv, to, width, (heads.queries + heads.keys + key) * dim, dim, true);
            }
        })
    })??;
    Ok(Tensor::from_vec(dqkv, (rows, width), qkv.device())?)
}

/// Rows of `dim` numbers into the columns `offset..` of wider rows.
fn scatter(from: &[f32], to: &mut [f32], width: usize, offset: usize, dim: usize, add: bool) {
    for (from, to) in from.chunks_exact(dim).zip(to.chunks_mut(width)) {
        let to = &mut to[offset..offset + dim];
        if add {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        } else {
            to.copy_from_slice(from);
        }
    }
}

/// One head over one block.
struct One<'a> {
    /// From the block's first row on.
    qkv: &'a [f32],
    heads: Heads,
    block: &'a Block,
    head: usize,
    prefix: Option<(&'a [f32], &'a [f32])>,
    /// Positions of the prefix.
    before: usize,
}

/// Keys and values that a segment sees, laid out for products: `[dim, room]` and `[room, dim]`.
struct Context {
    keys: Vec<f32>,
    keys_t: Vec<f32>,
    values: Vec<f32>,
    values_t: Vec<f32>,
    room: usize,
}

impl<'a> One<'a> {
    fn new(qkv: &'a [f32], heads: Heads, block: &'a Block, head: usize, prefix: Option<&'a Kv>) -> Self {
        let key = head / heads.group();
        let prefix = prefix.map(|kv| (kv.keys[key].as_slice(), kv.values[key].as_slice()));
        let before = prefix.map_or(0, |(keys, _)| keys.len() / heads.dim);
        Self { qkv: &qkv[block.start * heads.width()..], heads, block, head, prefix, before }
    }

    /// Room for the prefix, the prompt and the longest completion; the prefix is in it.
    fn context(&self, transposed_values: bool) -> Context {
        let dim = self.heads.dim;
        let longest = self.block.completions.iter().copied().max().unwrap_or(0);
        let room = self.before + self.block.prompt + longest;
        let values_t = if transposed_values { vec![0.0; room * dim] } else { Vec::new() };
        let zeros = || vec![0.0; room * dim];
        let mut context = Context { keys: zeros(), keys_t: zeros(), values: zeros(), values_t, room };
        if let Some((keys, values)) = self.prefix {
            for (i, (key, value)) in keys.chunks_exact(dim).zip(values.chunks_exact(dim)).enumerate() {
                context.put(i, key, value);
            }
        }
        context
    }

    /// Writes the keys and values of a segment at `at`.
    fn fill(&self, context: &mut Context, at: usize, (from, rows): (usize, usize)) {
        let Heads { queries, keys, dim } = self.heads;
        let width = self.heads.width();
        let key = self.head / self.heads.group();
        for i in 0..rows {
            let row = &self.qkv[(from + i) * width..][..width];
            let (k, v) = ((queries + key) * dim, (queries + keys + key) * dim);
            context.put(at + i, &row[k..k + dim], &row[v..v + dim]);
        }
    }

    fn queries(&self, row: usize) -> View<'a> {
        let width = self.heads.width();
        View { data: &self.qkv[row * width + self.head * self.heads.dim..], rows: width, columns: 1 }
    }

    /// What each segment sees before itself, and the segment.
    fn places(&self) -> Vec<(usize, (usize, usize))> {
        let base = |i: usize| if i == 0 { self.before } else { self.before + self.block.prompt };
        self.block.segments().into_iter().enumerate().map(|(i, segment)| (base(i), segment)).collect()
    }

    /// Probabilities of `m` queries from row `from + first` of a segment over everything before them, `[m, seen]`.
    fn probabilities(&self, context: &Context, base: usize, from: usize, first: usize, m: usize, p: &mut [f32]) {
        let dim = self.heads.dim;
        let seen = base + first + m;
        let a = self.queries(from + first);
        let (b, b_rows) = (context.keys_t.as_slice(), context.room);
        Product {
            c: p,
            c_rows: seen,
            a,
            b,
            b_rows,
            m,
            n: seen,
            k: dim,
            onto: Onto::Nothing,
            alpha: self.heads.scale(),
        }
        .run();
        for (i, row) in p.chunks_exact_mut(seen).enumerate() {
            let (row, hidden) = row.split_at_mut(base + first + i + 1);
            let largest = simd::max(row);
            let sum = simd::exp_in_place(row, 1.0, largest);
            simd::scale_in_place(row, 1.0 / sum);
            hidden.fill(0.0);
        }
    }

    fn forward(&self) -> Vec<f32> {
        let dim = self.heads.dim;
        let mut context = self.context(false);
        let mut out = vec![0.0; self.block.len() * dim];
        let mut p = vec![0.0; TILE * context.room];
        for (base, segment @ (from, rows)) in self.places() {
            self.fill(&mut context, base, segment);
            for first in (0..rows).step_by(TILE) {
                let m = TILE.min(rows - first);
                let seen = base + first + m;
                let p = &mut p[..m * seen];
                self.probabilities(&context, base, from, first, m, p);
                let c = &mut out[(from + first) * dim..];
                let a = View { data: p, rows: seen, columns: 1 };
                Product {
                    c,
                    c_rows: dim,
                    a,
                    b: &context.values,
                    b_rows: dim,
                    m,
                    n: dim,
                    k: seen,
                    onto: Onto::Nothing,
                    alpha: 1.0,
                }
                .run();
            }
        }
        out
    }

    fn backward(&self, dout: &[f32]) -> [Vec<f32>; 3] {
        let dim = self.heads.dim;
        let out_width = self.heads.queries * dim;
        let mut context = self.context(true);
        let rows = self.block.len();
        let mut made = [vec![0.0; rows * dim], vec![0.0; rows * dim], vec![0.0; rows * dim]];
        // Gradients of the context: the prompt's part gathers from every segment.
        let (mut dkeys, mut dvalues) = (vec![0.0; context.room * dim], vec![0.0; context.room * dim]);
        let (mut p, mut ds) = (vec![0.0; TILE * context.room], vec![0.0; TILE * context.room]);
        let scale = self.heads.scale();
        for (base, segment @ (from, rows)) in self.places() {
            self.fill(&mut context, base, segment);
            for first in (0..rows).step_by(TILE) {
                let m = TILE.min(rows - first);
                let seen = base + first + m;
                let (p, ds) = (&mut p[..m * seen], &mut ds[..m * seen]);
                self.probabilities(&context, base, from, first, m, p);
                let row = self.block.start + from + first;
                let dout = View { data: &dout[row * out_width + self.head * dim..], rows: out_width, columns: 1 };
                // dp = dout vᵀ; ds = p (dp − Σ p dp)
                Product {
                    c: ds,
                    c_rows: seen,
                    a: dout,
                    b: &context.values_t,
                    b_rows: context.room,
                    m,
                    n: seen,
                    k: dim,
                    onto: Onto::Nothing,
                    alpha: 1.0,
                }
                .run();
                for (p, ds) in p.chunks_exact(seen).zip(ds.chunks_exact_mut(seen)) {
                    let mean = simd::dot(p, ds);
                    for (ds, &p) in ds.iter_mut().zip(p) {
                        *ds = p * (*ds - mean);
                    }
                }
                let c = &mut made[0][(from + first) * dim..];
                let a = View { data: ds, rows: seen, columns: 1 };
                Product {
                    c,
                    c_rows: dim,
                    a,
                    b: &context.keys,
                    b_rows: dim,
                    m,
                    n: dim,
                    k: seen,
                    onto: Onto::Nothing,
                    alpha: scale,
                }
                .run();
                let a = View { data: ds, rows: 1, columns: seen };
                let q = self.queries(from + first);
                Product {
                    c: &mut dkeys,
                    c_rows: dim,
                    a,
                    b: q.data,
                    b_rows: q.rows,
                    m: seen,
                    n: dim,
                    k: m,
                    onto: Onto::Sum,
                    alpha: scale,
                }
                .run();
                let a = View { data: p, rows: 1, columns: seen };
                Product {
                    c: &mut dvalues,
                    c_rows: dim,
                    a,
                    b: dout.data,
                    b_rows: dout.rows,
                    m: seen,
                    n: dim,
                    k: m,
                    onto: Onto::Sum,
                    alpha: 1.0,
                }
                .run();
            }
            if base > self.before {
                // A completion's own keys are seen by nobody else.
                let own = base * dim..(base + rows) * dim;
                made[1][from * dim..][..rows * dim].copy_from_slice(&dkeys[own.clone()]);
                made[2][from * dim..][..rows * dim].copy_from_slice(&dvalues[own.clone()]);
                dkeys[own.clone()].fill(0.0);
                dvalues[own].fill(0.0);
            }
        }
        let prompt = self.block.prompt * dim;
        made[1][..prompt].copy_from_slice(&dkeys[self.before * dim..][..prompt]);
        made[2][..prompt].copy_from_slice(&dvalues[self.before * dim..][..prompt]);
        made
    }
}

impl Context {
    fn put(&mut self, at: usize, key: &[f32], value: &[f32]) {
        let dim = key.len();
        self.keys[at * dim..][..dim].copy_from_slice(key);
        self.values[at * dim..][..dim].copy_from_slice(value);
        for (d, &x) in key.iter().enumerate() {
            self.keys_t[d * self.room + at] = x;
        }
        if !self.values_t.is_empty() {
            for (d, &x) in value.iter().enumerate() {
                self.values_t[d * self.room + at] = x;
            }
        }
    }
}

/// The same in tensor operations.
pub(crate) mod plain {
    use candle_core::{D, Tensor};

    use super::{Block, Heads, Kv};
    use crate::error::Result;

    /// q `[h, rows, d]`, k and v `[h, seen, d]` with keys repeated for their group, and the mask `[rows, seen]`: 1 where seen.
    fn parts(qkv: &Tensor, heads: Heads, block: &Block, prefix: Option<&Kv>) -> Result<[Tensor; 4]> {
        let Heads { queries, keys, dim } = heads;
        let rows = block.len();
        let qkv = qkv.narrow(0, block.start, rows)?;
        let take = |from: usize, count: usize| -> Result<Tensor> {
            Ok(qkv.narrow(1, from * dim, count * dim)?.reshape((rows, count, dim))?.transpose(0, 1)?.contiguous()?)
        };
        let before = prefix.map_or(0, |kv| kv.keys[0].len() / dim);
        let with_prefix = |own: Tensor, of: fn(&Kv) -> &Vec<Vec<f32>>| -> Result<Tensor> {
            let own = match prefix {
                Some(kv) => {
                    let stored = of(kv).concat();
                    Tensor::cat(&[Tensor::from_vec(stored, (keys, before, dim), qkv.device())?, own], 1)?
                }
                None => own,
            };
            let seen = own.dim(1)?;
            let repeated = own.unsqueeze(1)?.broadcast_as((keys, heads.group(), seen, dim))?;
            Ok(repeated.reshape((queries, seen, dim))?)
        };
        let mut mask = vec![0.0f32; rows * (before + rows)];
        for (i, (from, count)) in block.segments().into_iter().enumerate() {
            for row in from..from + count {
                let line = &mut mask[row * (before + rows)..][..before + rows];
                line[..before].fill(1.0);
                if i > 0 {
                    line[before..before + block.prompt].fill(1.0);
                }
                line[before + from..=before + row].fill(1.0);
            }
        }
        let mask = Tensor::from_vec(mask, (rows, before + rows), qkv.device())?;
        let k = with_prefix(take(queries, keys)?, |kv| &kv.keys)?;
        let v = with_prefix(take(queries + keys, keys)?, |kv| &kv.values)?;
        Ok([take(0, queries)?, k, v, mask])
    }

    fn probabilities(q: &Tensor, k: &Tensor, mask: &Tensor, heads: Heads) -> Result<Tensor> {
        let scores = (q.matmul(&k.transpose(1, 2)?.contiguous()?)? * f64::from(heads.scale()))?;
        let scores = scores.broadcast_add(&((mask - 1.0)? * 1e30)?)?;
        let e = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?.broadcast_mul(mask)?;
        Ok(e.broadcast_div(&e.sum_keepdim(D::Minus1)?)?)
    }

    pub fn forward(qkv: &Tensor, heads: Heads, blocks: &[Block], before: &[Option<&Kv>]) -> Result<Tensor> {
        let mut outs = Vec::new();
        for (i, block) in blocks.iter().enumerate() {
            let [q, k, v, mask] = parts(qkv, heads, block, before.get(i).copied().flatten())?;
            let out = probabilities(&q, &k, &mask, heads)?.matmul(&v)?;
            outs.push(out.transpose(0, 1)?.reshape((block.len(), heads.queries * heads.dim))?);
        }
        Ok(Tensor::cat(&outs, 0)?)
    }

    pub fn backward(qkv: &Tensor, dout: &Tensor, heads: Heads, blocks: &[Block]) -> Result<Tensor> {
        let Heads { queries, keys, dim } = heads;
        let mut all = Vec::new();
        for block in blocks {
            let rows = block.len();
            let [q, k, v, mask] = parts(qkv, heads, block, None)?;
            let p = probabilities(&q, &k, &mask, heads)?;
            let dout =
                dout.narrow(0, block.start, rows)?.reshape((rows, queries, dim))?.transpose(0, 1)?.contiguous()?;
            let dp = dout.matmul(&v.transpose(1, 2)?.contiguous()?)?;
            let mean = (&p * &dp)?.sum_keepdim(D::Minus1)?;
            let ds = ((&p * dp.broadcast_sub(&mean)?)? * f64::from(heads.scale()))?;
            let flat =
                |x: Tensor, count: usize| -> Result<Tensor> { Ok(x.transpose(0, 1)?.reshape((rows, count * dim))?) };
            let grouped = |x: Tensor| -> Result<Tensor> { Ok(x.reshape((keys, heads.group(), rows, dim))?.sum(1)?) };
            let dk = grouped(ds.transpose(1, 2)?.contiguous()?.matmul(&q)?)?;
            let dv = grouped(p.transpose(1, 2)?.contiguous()?.matmul(&dout)?)?;
            all.push(Tensor::cat(&[flat(ds.matmul(&k)?, queries)?, flat(dk, keys)?, flat(dv, keys)?], 1)?);
        }
        Ok(Tensor::cat(&all, 0)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::rng::Rng;

    fn numbers(name: &str, rows: usize, width: usize) -> Tensor {
        let rng = Rng::new(6).fork(name);
        let values: Vec<f32> = (0..(rows * width) as u64).map(|i| rng.normal(i) as f32).collect();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    }

    fn same(a: &Tensor, b: &Tensor) {
        let gap = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(gap < 2e-5, "{gap}");
    }

    fn blocks() -> Vec<Block> {
        vec![
            Block { start: 0, prompt: 40, completions: vec![3, 37, 1] },
            Block { start: 81, prompt: 1, completions: vec![] },
            Block { start: 82, prompt: 2, completions: vec![5, 0] },
        ]
    }

    #[test]
    fn packs_are_attended_as_their_masks_say() {
        let heads = Heads { queries: 6, keys: 2, dim: 8 };
        let qkv = numbers("qkv", 89, heads.width());
        same(&forward(&qkv, heads, &blocks(), &[]).unwrap(), &plain::forward(&qkv, heads, &blocks(), &[]).unwrap());
        let dout = numbers("dout", 89, 48);
        same(
            &backward(&qkv, &dout, heads, &blocks()).unwrap(),
            &plain::backward(&qkv, &dout, heads, &blocks()).unwrap(),
        );
    }

    #[test]
    fn a_cached_prefix_stands_before_its_block() {
        let heads = Heads { queries: 4, keys: 2, dim: 8 };
        let cut = 7;
        let qkv = numbers("prefixed", 20, heads.width());
        let whole = [Block { start: 0, prompt: 20, completions: vec![] }];
        let want = forward(&qkv, heads, &whole, &[]).unwrap().narrow(0, cut, 20 - cut).unwrap();
        let mut kv = Kv::new(heads);
        kv.extend(&qkv.narrow(0, 0, cut).unwrap(), heads).unwrap();
        let rest = qkv.narrow(0, cut, 20 - cut).unwrap().copy().unwrap();
        let block = [Block { start: 0, prompt: 20 - cut, completions: vec![] }];
        same(&forward(&rest, heads, &block, &[Some(&kv)]).unwrap(), &want);
        same(&plain::forward(&rest, heads, &block, &[Some(&kv)]).unwrap(), &want);
        // Beside a block without one.
        let both = Tensor::cat(&[&qkv, &rest], 0).unwrap();
        let blocks = [whole[0].clone(), Block { start: 20, ..block[0].clone() }];
        for found in [forward, plain::forward] {
            let found = found(&both, heads, &blocks, &[None, Some(&kv)]).unwrap();
            same(&found.narrow(0, cut, 20 - cut).unwrap(), &want);
            same(&found.narrow(0, 20, 20 - cut).unwrap(), &want);
        }
    }
}
