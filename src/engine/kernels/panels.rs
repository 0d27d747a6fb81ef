//! Products whose every output is summed alike for any number of positions, with weights that stay quantised (or are f32): laid out
//! so that a vector holds the same column of neighbouring rows, expanded in registers, or in a small buffer where many positions
//! share them.
//!
//! A panel is `WIDTH` rows of weights. Its numbers are words of 32 bits: 8 (or 4) neighbouring columns of one row; the words of a
//! panel's rows stand side by side. Every output is `((x₀ w₀ + x₁ w₁) + x₂ w₂) + …`, each step rounded once, in the order of columns:
//! the same bits for any number of positions, and what is expanded are the very numbers that dequantisation gives.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::packed::{Kind, Packed};

/// Rows of a panel: four vectors of AVX-512.
const WIDTH: usize = 64;
/// Columns that share a scale.
const BLOCK: usize = 32;
/// So few positions are multiplied as weights are expanded; for more of them a panel is expanded once.
const FEW: usize = 4;
/// Columns that are expanded at a time, so that a panel's part of them stays in the nearest cache: 32 KiB.
const DEPTH: usize = 128;
/// Rows of `x` that a thread takes at least when rows are spread over threads.
const MANY: usize = 48;
/// Rows of the tallest tile.
const TILE: usize = 6;

/// Quantised weights `[n, k]`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Panels {
    n: usize,
    k: usize,
    kind: Kind,
    words: Arc<Vec<u32>>,
    scales: Arc<Vec<f32>>,
    /// What is added to each number of a block; empty where the format has none.
    offsets: Arc<Vec<f32>>,
}

impl Panels {
    pub fn new(packed: &Packed) -> Self {
        let (n, k, kind) = (packed.rows(), packed.columns(), packed.kind());
        let (panels, blocks, per) = (n.div_ceil(WIDTH), k / BLOCK, columns_a_word(kind));
        let mut words = vec![0u32; panels * (k / per) * WIDTH];
        let mut scales = vec![0.0f32; panels * blocks * WIDTH];
        let mut offsets = vec![0.0f32; if kind == Kind::Q4_1 { scales.len() } else { 0 }];
        for row in 0..n {
            let (panel, place) = (row / WIDTH, row % WIDTH);
            for block in 0..blocks {
                let (numbers, [scale, offset]) = packed.block(row, block);
                let at = (panel * blocks + block) * WIDTH + place;
                scales[at] = scale;
                if let Some(slot) = offsets.get_mut(at) {
                    *slot = offset;
                }
                for (i, number) in numbers.into_iter().enumerate() {
                    let column = block * BLOCK + i;
                    let word = (panel * (k / per) + column / per) * WIDTH + place;
                    words[word] |= u32::from(number) << (column % per * (32 / per));
                }
            }
        }
        Self { n, k, kind, words: words.into(), scales: scales.into(), offsets: offsets.into() }
    }

    /// `y[t, n] = x[t, k] · w[n, k]ᵀ` for `rows` rows of `x`.
    pub fn multiply(&self, x: &[f32], rows: usize) -> Vec<f32> {
        product(Weights::Quantised(self), self.n, self.k, x, rows)
    }
}

/// The same with f32 weights `w` `[n, k]`.
pub fn multiply(w: &[f32], k: usize, x: &[f32], rows: usize) -> Vec<f32> {
    product(Weights::Plain(w), w.len() / k, k, x, rows)
}

fn product(of: Weights<'_>, n: usize, k: usize, x: &[f32], rows: usize) -> Vec<f32> {
    let panels = n.div_ceil(WIDTH);
    let threads = rayon::current_num_threads();
    // Turning f32 weights round for every thread costs more than it saves.
    let shared = rows < MANY * threads || !n.is_multiple_of(WIDTH) || matches!(of, Weights::Plain(_));
    if shared {
        return by_panels(n, rows, |panels, y, scratch| {
            let width = panels.len() * WIDTH;
            Arch::new().dispatch(Some { of, k, panels, x, rows, y, width, scratch });
        });
    }
    // So many rows that each thread may expand every panel for its own: nothing is copied together afterwards.
    let piece = rows.div_ceil(threads * (rows / (MANY * threads)).min(4)).next_multiple_of(TILE);
    let mut y = vec![0.0; rows * n];
    y.par_chunks_mut(piece * n).zip(x.par_chunks(piece * k)).for_each(|(y, x)| {
        SCRATCH.with_borrow_mut(|scratch| {
            let rows = x.len() / k;
            Arch::new().dispatch(Some { of, k, panels: 0..panels, x, rows, y, width: n, scratch });
        });
    });
    y
}

/// Spreads panels over threads: `part(panels, y, scratch)` fills `[rows, panels · WIDTH]`.
fn by_panels(n: usize, rows: usize, part: impl Fn(Range<usize>, &mut [f32], &mut Vec<f32>) + Sync) -> Vec<f32> {
    let panels = n.div_ceil(WIDTH);
    // Enough pieces that threads of unequal speed end together.
    let piece = (panels / 16).max(1);
    let pieces: Vec<Vec<f32>> = (0..panels.div_ceil(piece))
        .into_par_iter()
        .map(|i| {
            let panels = i * piece..panels.min((i + 1) * piece);
            let mut y = vec![0.0; rows * panels.len() * WIDTH];
            SCRATCH.with_borrow_mut(|scratch| part(panels, &mut y, scratch));
            y
        })
        .collect();
    let mut y = Vec::with_capacity(rows * n);
    for row in 0..rows {
        for (i, part) in pieces.iter().enumerate() {
            let width = part.len() / rows;
            y.extend_from_slice(&part[row * width..][..width.min(n - i * piece * WIDTH)]);
        }
    }
    y
}

thread_local! {
    /// Some columns of a panel's expanded weights, `[DEPTH, WIDTH]`.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

fn columns_a_word(kind: Kind) -> usize {
    if kind == Kind::Q8_0 { 4 } else { 8 }
}

#[derive(Clone, Copy)]
enum Weights<'a> {
    Quantised(&'a Panels),
    /// `[n, k]`
    Plain(&'a [f32]),
}

/// Some panels against all rows of `x`, into rows of `y` that are `width` apart.
struct Some<'a> {
    of: Weights<'a>,
    k: usize,
    panels: Range<usize>,
    x: &'a [f32],
    rows: usize,
    y: &'a mut [f32],
    width: usize,
    scratch: &'a mut Vec<f32>,
}

impl WithSimd for Some<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // AVX-512 has 32 registers for 6 × 4 sums, AVX2 16 for 4 × 2.
        let wide = S::F32_LANES >= 16;
        match self.of {
            Weights::Quantised(of) => match (of.kind, wide) {
                (Kind::Q4_0, true) => self.quantised::<S, Q4_0, 4, 6>(simd, of),
                (Kind::Q4_1, true) => self.quantised::<S, Q4_1, 4, 6>(simd, of),
                (Kind::Q8_0, true) => self.quantised::<S, Q8_0, 4, 6>(simd, of),
                (Kind::Q4_0, false) => self.quantised::<S, Q4_0, 2, 4>(simd, of),
                (Kind::Q4_1, false) => self.quantised::<S, Q4_1, 2, 4>(simd, of),
                (Kind::Q8_0, false) => self.quantised::<S, Q8_0, 2, 4>(simd, of),
            },
            Weights::Plain(w) if wide => self.plain::<S, 4, 6>(simd, w),
            Weights::Plain(w) => self.plain::<S, 2, 4>(simd, w),
        }
    }
}

/// How a format's numbers become weights: `(number − ZERO) · scale`, plus an offset where it has one.
trait Format {
    const BITS: u32;
    const ZERO: f32;
    const OFFSET: bool;
}
struct Q4_0;
struct Q4_1;
struct Q8_0;
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
/// Its signed bytes are kept with 128 added.
impl Format for Q8_0 {
    const BITS: u32 = 8;
    const ZERO: f32 = 128.0;
    const OFFSET: bool = false;
}

/// One panel, from one column of vectors on.
#[derive(Clone, Copy)]
struct Panel<'a> {
    words: &'a [u32],
    scales: &'a [f32],
    offsets: &'a [f32],
}

impl Some<'_> {
    #[inline(always)]
    fn quantised<S: Simd, F: Format, const NV: usize, const MR: usize>(self, simd: S, of: &Panels) {
        let (k, rows) = (self.k, self.rows);
        let words = k / (32 / F::BITS) as usize * WIDTH;
        let blocks = k / BLOCK * WIDTH;
        let panel = |panel: usize| Panel {
            words: &of.words[panel * words..(panel + 1) * words],
            scales: &of.scales[panel * blocks..(panel + 1) * blocks],
            offsets: if F::OFFSET { &of.offsets[panel * blocks..(panel + 1) * blocks] } else { &[] },
        };
        if rows > FEW {
            return self.expanded::<S, NV, MR>(
                simd,
                #[inline(always)]
                |i, columns, scratch| {
                    let part = panel(i).columns::<F>(columns);
                    for at in (0..WIDTH).step_by(NV * S::F32_LANES) {
                        expand::<S, F, NV>(simd, part, at, scratch);
                    }
                },
            );
        }
        let Self { x, y, width, .. } = self;
        for (i, number) in self.panels.enumerate() {
            for at in (0..WIDTH).step_by(NV * S::F32_LANES) {
                let y = &mut y[i * WIDTH + at..];
                match rows {
                    0 => {}
                    1 => fused::<S, F, NV, 1>(simd, panel(number), x, k, at, y, width),
                    2 => fused::<S, F, NV, 2>(simd, panel(number), x, k, at, y, width),
                    3 => fused::<S, F, NV, 3>(simd, panel(number), x, k, at, y, width),
                    _ => fused::<S, F, NV, 4>(simd, panel(number), x, k, at, y, width),
                }
            }
        }
    }

    #[inline(always)]
    fn plain<S: Simd, const NV: usize, const MR: usize>(self, simd: S, w: &[f32]) {
        let k = self.k;
        self.expanded::<S, NV, MR>(
            simd,
            #[inline(always)]
            |panel, columns, scratch| {
                let w = &w[panel * WIDTH * k..w.len().min((panel + 1) * WIDTH * k)];
                for (place, row) in w.chunks_exact(k).enumerate() {
                    for (line, &weight) in scratch.chunks_exact_mut(WIDTH).zip(&row[columns.clone()]) {
                        line[place] = weight;
                    }
                }
            },
        );
    }

    /// All rows of `x` against panels that `fill(panel, columns, scratch)` expands, `DEPTH` columns at a time. Sums that go on from
    /// what `y` holds are the same sums.
    #[inline(always)]
    fn expanded<S: Simd, const NV: usize, const MR: usize>(
        self,
        simd: S,
        fill: impl Fn(usize, Range<usize>, &mut [f32]),
    ) {
        let Self { k, x, rows, y, width, scratch, .. } = self;
        // A vector that straddles two lines of the cache is read twice.
        scratch.resize((DEPTH + 1) * WIDTH, 0.0);
        let skip = scratch.as_ptr().align_offset(64).min(WIDTH);
        let scratch = &mut scratch[skip..][..DEPTH * WIDTH];
        for (i, panel) in self.panels.enumerate() {
            let y = &mut y[i * WIDTH..];
            for from in (0..k).step_by(DEPTH) {
                let columns = from..k.min(from + DEPTH);
                let scratch = &mut scratch[..columns.len() * WIDTH];
                fill(panel, columns.clone(), scratch);
                tiles::<S, NV, MR>(simd, x, rows, k, columns, scratch, y, width);
            }
        }
    }
}

impl<'a> Panel<'a> {
    /// Only these columns: whole blocks.
    fn columns<F: Format>(self, columns: Range<usize>) -> Self {
        let per = (32 / F::BITS) as usize;
        let blocks = columns.start / BLOCK * WIDTH..columns.end / BLOCK * WIDTH;
        Self {
            words: &self.words[columns.start / per * WIDTH..columns.end / per * WIDTH],
            scales: &self.scales[blocks.clone()],
            offsets: if F::OFFSET { &self.offsets[blocks] } else { &[] },
        }
    }
}

/// All rows of `x` against some columns of an expanded panel.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn tiles<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    x: &[f32],
    rows: usize,
    k: usize,
    columns: Range<usize>,
    scratch: &[f32],
    y: &mut [f32],
    width: usize,
) {
    for at in (0..WIDTH).step_by(NV * S::F32_LANES) {
        let mut row = 0;
        while row + MR <= rows {
            tile::<S, NV, MR>(simd, &x[row * k..], k, columns.clone(), scratch, at, &mut y[row * width + at..], width);
            row += MR;
        }
        while row + 2 <= rows {
            tile::<S, NV, 2>(simd, &x[row * k..], k, columns.clone(), scratch, at, &mut y[row * width + at..], width);
            row += 2;
        }
        if row < rows {
            tile::<S, NV, 1>(simd, &x[row * k..], k, columns.clone(), scratch, at, &mut y[row * width + at..], width);
        }
    }
}

#[inline(always)]
fn vectors<S: Simd, const NV: usize>(from: &[f32]) -> [S::f32s; NV] {
    let (vectors, _) = S::as_simd_f32s(&from[..NV * S::F32_LANES]);
    let vectors: &[S::f32s; NV] = vectors.try_into().expect("cut to NV vectors");
    *vectors
}

/// Calls `each(column, weights)` for every column, in order; `each` gets `NV` vectors of neighbouring rows.
#[inline(always)]
fn columns<S: Simd, F: Format, const NV: usize>(
    simd: S,
    panel: Panel<'_>,
    at: usize,
    mut each: impl FnMut(usize, [S::f32s; NV]),
) {
    let per = (32 / F::BITS) as usize;
    let mask = simd.splat_u32s((1 << F::BITS) - 1);
    // A number below 2²³ in the low bits of 2²³: as a float, 2²³ + number, exactly.
    let magic = simd.splat_u32s(0x4b00_0000);
    let base = simd.splat_f32s(8_388_608.0 + F::ZERO);
    let lines = panel.words.chunks_exact(WIDTH * BLOCK / per).zip(panel.scales.chunks_exact(WIDTH)).enumerate();
    for (block, (words, scales)) in lines {
        let scales = vectors::<S, NV>(&scales[at..]);
        let offsets = if F::OFFSET { vectors::<S, NV>(&panel.offsets[block * WIDTH + at..]) } else { scales };
        for (line, words) in words.chunks_exact(WIDTH).enumerate() {
            let (words, _) = S::as_simd_u32s(&words[at..at + NV * S::F32_LANES]);
            let words: &[S::u32s; NV] = words.try_into().expect("cut to NV vectors");
            let mut words = *words;
            for column in 0..per {
                let mut weights = [base; NV];
                for v in 0..NV {
                    let bits = simd.or_u32s(simd.and_u32s(words[v], mask), magic);
                    words[v] = simd.wrapping_dyn_shr_u32s(words[v], simd.splat_u32s(F::BITS));
                    let number = simd.sub_f32s(simd.transmute_f32s_u32s(bits), base);
                    // Product and sum are rounded one after the other, as dequantisation does.
                    weights[v] = simd.mul_f32s(number, scales[v]);
                    if F::OFFSET {
                        weights[v] = simd.add_f32s(weights[v], offsets[v]);
                    }
                }
                each(block * BLOCK + line * per + column, weights);
            }
        }
    }
}

#[inline(always)]
fn expand<S: Simd, F: Format, const NV: usize>(simd: S, panel: Panel<'_>, at: usize, scratch: &mut [f32]) {
    columns::<S, F, NV>(
        simd,
        panel,
        at,
        #[inline(always)]
        |column, weights| {
            let (out, _) = S::as_mut_simd_f32s(&mut scratch[column * WIDTH + at..][..NV * S::F32_LANES]);
            out.copy_from_slice(&weights);
        },
    );
}

/// A few rows of `x` against a panel, weights expanded as they are used.
#[inline(always)]
fn fused<S: Simd, F: Format, const NV: usize, const MR: usize>(
    simd: S,
    panel: Panel<'_>,
    x: &[f32],
    k: usize,
    at: usize,
    y: &mut [f32],
    width: usize,
) {
    let rows: [&[f32]; MR] = std::array::from_fn(|r| &x[r * k..][..k]);
    let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
    columns::<S, F, NV>(
        simd,
        panel,
        at,
        #[inline(always)]
        |column, weights| accumulate(simd, &mut sums, &rows, column, &weights),
    );
    store::<S, NV, MR>(&sums, y, width);
}

/// `MR` rows of `x` against some columns of an expanded panel, added to what `y` holds of the columns before.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn tile<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    x: &[f32],
    k: usize,
    columns: Range<usize>,
    scratch: &[f32],
    at: usize,
    y: &mut [f32],
    width: usize,
) {
    let depth = columns.len();
    let rows: [&[f32]; MR] = std::array::from_fn(|r| &x[r * k + columns.start..][..depth]);
    let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
    if columns.start > 0 {
        for (r, sums) in sums.iter_mut().enumerate() {
            *sums = vectors::<S, NV>(&y[r * width..]);
        }
    }
    for (column, weights) in (0..depth).zip(scratch.chunks_exact(WIDTH)) {
        let weights = vectors::<S, NV>(&weights[at..]);
        accumulate(simd, &mut sums, &rows, column, &weights);
    }
    store::<S, NV, MR>(&sums, y, width);
}

/// Adds one column of `x` times its weights to the sums of every row.
#[inline(always)]
fn accumulate<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    sums: &mut [[S::f32s; NV]; MR],
    rows: &[&[f32]; MR],
    column: usize,
    weights: &[S::f32s; NV],
) {
    for (sums, row) in sums.iter_mut().zip(rows) {
        let x = simd.splat_f32s(row[column]);
        for (sum, &weight) in sums.iter_mut().zip(weights) {
            *sum = simd.mul_add_e_f32s(x, weight, *sum);
        }
    }
}

#[inline(always)]
fn store<S: Simd, const NV: usize, const MR: usize>(sums: &[[S::f32s; NV]; MR], y: &mut [f32], width: usize) {
    for (r, sums) in sums.iter().enumerate() {
        let (out, _) = S::as_mut_simd_f32s(&mut y[r * width..][..NV * S::F32_LANES]);
        out.copy_from_slice(sums);
    }
}
