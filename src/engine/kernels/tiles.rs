//! Products of a matrix with frozen weights, however these are kept: a panel of them is expanded into a small buffer, which all
//! rows are multiplied with. What weights are and how they expand is in [`super::panels`].
//!
//! Every output is `((x₀ w₀ + x₁ w₁) + x₂ w₂) + …`, each step rounded once, in order: the same bits for any number of rows, of
//! threads, and of columns that are expanded together.
#![allow(clippy::needless_range_loop, reason = "indices run over registers, which iterators keep apart")]

use std::cell::RefCell;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::room;
use super::simd::{accumulate, vectors};

/// Outputs of a panel: four vectors of AVX-512.
pub(super) const WIDTH: usize = 64;
/// Terms of a sum that are expanded at a time, at most: 144 KiB, which the second cache holds beside some rows. Fewer would stay in the
/// nearest one, and cost more: sums are written and read again between them.
pub(super) const DEPTH: usize = 576;
/// Quantised weights that share a scale, one after another; parts of a sum begin at multiples of it.
pub(super) const BLOCK: usize = 32;
/// Rows that are multiplied with a part of a panel at a time: their part of `x` stays in the second cache.
const ROWS: usize = 512;
/// Fewer rows than these are not worth another expansion of the same weights.
const FEWEST: usize = 192;
/// Pieces of work for each thread, so that threads of unequal speed end together.
const PIECES: usize = 16;

/// Weights of `depth` terms by `outputs`.
pub(super) trait Expand: Copy + Sync {
    fn depth(self) -> usize;
    fn outputs(self) -> usize;
    /// Fills `out` `[terms, WIDTH]` with the weights of one panel's outputs; outputs that are not there become 0.
    fn fill<S: Simd>(self, simd: S, panel: usize, terms: Range<usize>, out: &mut [f32]);
}

/// `y[rows, outputs]` of `x[rows, depth]`.
pub(super) fn product<W: Expand>(weights: W, x: &[f32], rows: usize) -> Vec<f32> {
    let depth = weights.depth();
    if depth == 0 {
        return vec![0.0; rows * weights.outputs()];
    }
    let panels = weights.outputs().div_ceil(WIDTH);
    let wanted = PIECES * rayon::current_num_threads();
    let blocks = wanted.div_ceil(panels.max(1)).min(rows / FEWEST).max(rows.div_ceil(ROWS)).max(1);
    let block = rows.div_ceil(blocks);
    spread(weights.outputs(), rows, block, |panels, from, y| {
        SCRATCH.with_borrow_mut(|scratch| {
            let x = &x[from * depth..][..y.len() * depth];
            Arch::new().dispatch(Piece { weights, panels, x, y, scratch });
        });
    })
}

/// Spreads an output `[rows, n]` over threads: `part(panels, row, y)` fills the columns of these panels in the rows from `row` on.
pub(super) fn spread(
    n: usize,
    rows: usize,
    block: usize,
    part: impl Fn(Range<usize>, usize, &mut [&mut [f32]]) + Sync,
) -> Vec<f32> {
    let mut y = room(rows * n);
    if y.is_empty() {
        return y;
    }
    let panels = n.div_ceil(WIDTH);
    let blocks = rows.div_ceil(block);
    let group = (panels * blocks / (PIECES * rayon::current_num_threads())).clamp(1, panels);
    let groups = panels.div_ceil(group);
    let mut pieces: Vec<Vec<&mut [f32]>> = (0..blocks * groups).map(|_| Vec::with_capacity(block)).collect();
    for (row, y) in y.chunks_exact_mut(n).enumerate() {
        let first = row / block * groups;
        for (columns, piece) in y.chunks_mut(group * WIDTH).zip(&mut pieces[first..first + groups]) {
            piece.push(columns);
        }
    }
    pieces.par_iter_mut().enumerate().with_max_len(1).for_each(|(i, y)| {
        let from = i % groups * group;
        part(from..panels.min(from + group), i / groups * block, y);
    });
    y
}

thread_local! {
    /// Some terms of a panel's weights, `[DEPTH, WIDTH]`.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Some panels against some rows.
struct Piece<'a, 'y, W> {
    weights: W,
    panels: Range<usize>,
    /// `[rows, depth]`
    x: &'a [f32],
    /// The panels' columns of each row.
    y: &'a mut [&'y mut [f32]],
    scratch: &'a mut Vec<f32>,
}

impl<W: Expand> WithSimd for Piece<'_, '_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // AVX-512 has 32 registers for 6 × 4 sums, AVX2 16 for 4 × 2.
        if S::F32_LANES >= 16 {
            self.run::<S, 4, 6>(simd);
        } else {
            self.run::<S, 2, 4>(simd);
        }
    }
}

impl<W: Expand> Piece<'_, '_, W> {
    #[inline(always)]
    fn run<S: Simd, const NV: usize, const MR: usize>(self, simd: S) {
        let Self { weights, panels, x, y, scratch } = self;
        let depth = weights.depth();
        let first = panels.start;
        // Parts of about one length.
        let part = depth.div_ceil(depth.div_ceil(DEPTH)).next_multiple_of(BLOCK);
        // A vector that straddles two lines of the cache is read twice.
        scratch.resize((DEPTH + 1) * WIDTH, 0.0);
        let skip = scratch.as_ptr().align_offset(64).min(WIDTH);
        let scratch = &mut scratch[skip..][..DEPTH * WIDTH];
        for panel in panels {
            let at = (panel - first) * WIDTH;
            for from in (0..depth).step_by(part) {
                let terms = from..depth.min(from + part);
                let scratch = &mut scratch[..terms.len() * WIDTH];
                weights.fill(simd, panel, terms.clone(), scratch);
                tiles::<S, NV, MR>(simd, x, depth, terms, scratch, y, at);
            }
        }
    }
}

/// All rows of `x` against some terms of an expanded panel; the panel's columns of `y` begin at `at`.
#[inline(always)]
fn tiles<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    x: &[f32],
    depth: usize,
    terms: Range<usize>,
    scratch: &[f32],
    y: &mut [&mut [f32]],
    at: usize,
) {
    for from in (0..WIDTH).step_by(NV * S::F32_LANES) {
        let mut row = 0;
        while row + MR <= y.len() {
            tile::<S, NV, MR>(simd, &x[row * depth..], depth, terms.clone(), scratch, from, &mut y[row..], at + from);
            row += MR;
        }
        while row + 2 <= y.len() {
            tile::<S, NV, 2>(simd, &x[row * depth..], depth, terms.clone(), scratch, from, &mut y[row..], at + from);
            row += 2;
        }
        if row < y.len() {
            tile::<S, NV, 1>(simd, &x[row * depth..], depth, terms.clone(), scratch, from, &mut y[row..], at + from);
        }
    }
}

/// `MR` rows against some terms of `NV` vectors of outputs, from number `from` of the panel on, added to what `y` holds of the terms before.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn tile<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    x: &[f32],
    depth: usize,
    terms: Range<usize>,
    scratch: &[f32],
    from: usize,
    y: &mut [&mut [f32]],
    at: usize,
) {
    // Cut like this, the compiler sees that no index below can be out of bounds.
    let count = terms.len();
    let rows: [&[f32]; MR] = std::array::from_fn(|r| &x[r * depth + terms.start..][..count]);
    let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
    if terms.start > 0 {
        for r in 0..MR {
            sums[r] = load::<S, NV>(y[r], at);
        }
    }
    for (term, weights) in (0..count).zip(scratch.chunks_exact(WIDTH)) {
        let weights = vectors::<S, NV>(&weights[from..]);
        accumulate(simd, &mut sums, |r| rows[r][term], &weights);
    }
    store::<S, NV, MR>(&sums, y, at);
}

/// Columns `at..` of a row, as far as it goes; zeros beyond.
#[inline(always)]
fn load<S: Simd, const NV: usize>(y: &[f32], at: usize) -> [S::f32s; NV] {
    let y = &y[at.min(y.len())..];
    if y.len() >= NV * S::F32_LANES {
        return vectors::<S, NV>(y);
    }
    let mut part = [0.0; WIDTH];
    part[..y.len()].copy_from_slice(y);
    vectors::<S, NV>(&part)
}

/// Writes sums to columns `at..` of their rows, as far as these go.
#[inline(always)]
pub(super) fn store<S: Simd, const NV: usize, const MR: usize>(
    sums: &[[S::f32s; NV]; MR],
    y: &mut [&mut [f32]],
    at: usize,
) {
    for r in 0..MR {
        let (sums, y) = (&sums[r], &mut y[r]);
        let at = at.min(y.len());
        let y = &mut y[at..];
        if y.len() >= NV * S::F32_LANES {
            let (out, _) = S::as_mut_simd_f32s(&mut y[..NV * S::F32_LANES]);
            out.copy_from_slice(sums);
        } else {
            // By way of a copy: sums whose address is taken would never stay in registers.
            let mut part = [0.0; WIDTH];
            let (out, _) = S::as_mut_simd_f32s(&mut part[..NV * S::F32_LANES]);
            out.copy_from_slice(sums);
            y.copy_from_slice(&part[..y.len()]);
        }
    }
}
