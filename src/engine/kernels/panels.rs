//! Frozen weights as products read them (`super::tiles`): quantised ones laid out so that a vector holds the same column of
//! neighbouring rows, expanded in registers, or in a small buffer where many positions share them; and f32 ones as they are.
//!
//! A panel is `WIDTH` rows of weights. Its numbers are words of 32 bits: 8 (or 4) neighbouring columns of one row; the words of a
//! panel's rows stand side by side. What is expanded are the very numbers that dequantisation gives.

use std::ops::Range;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use super::packed::{self, Format, Kind, Packed, Q4_0, Q4_1, Q8_0};
use super::simd::{accumulate, vectors};
use super::tiles::{self, BLOCK, Expand, WIDTH};

/// So few positions are multiplied as weights are expanded; for more of them a panel is expanded once.
const FEW: usize = 4;

/// Quantised weights of `k` columns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Panels {
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
        Self { k, kind, words: words.into(), scales: scales.into(), offsets: offsets.into() }
    }

    /// `y[t, m] = x[t, k] · w[outputs, k]ᵀ` for `rows` rows of `x`; outputs begin with a panel.
    ///
    /// # Panics
    /// When they do not.
    pub fn multiply(&self, outputs: Range<usize>, x: &[f32], rows: usize) -> Vec<f32> {
        assert!(outputs.start.is_multiple_of(WIDTH), "outputs begin with a panel; this is a bug in mascot");
        let (n, first) = (outputs.len(), outputs.start / WIDTH);
        if rows > FEW {
            return tiles::product(Columns { of: self, first, n }, x, rows);
        }
        tiles::spread(n, rows, rows.max(1), |panels, _, y| {
            let panels = first + panels.start..first + panels.end;
            Arch::new().dispatch(Few { of: self, panels, x, y });
        })
    }
}

/// The same with f32 weights `w` `[n, k]`.
pub fn multiply(w: &[f32], k: usize, x: &[f32], rows: usize) -> Vec<f32> {
    tiles::product(Plain { w, k }, x, rows)
}

/// `dx[t, k] = dy[t, n] · w[n, k]`.
pub fn multiply_back(w: &[f32], k: usize, dy: &[f32], rows: usize) -> Vec<f32> {
    tiles::product(Back { w, k }, dy, rows)
}

fn columns_a_word(kind: Kind) -> usize {
    if kind == Kind::Q8_0 { 4 } else { 8 }
}

/// `n` outputs of quantised weights, from panel `first` on.
#[derive(Clone, Copy)]
struct Columns<'a> {
    of: &'a Panels,
    first: usize,
    n: usize,
}

impl Expand for Columns<'_> {
    fn depth(self) -> usize {
        self.of.k
    }

    fn outputs(self) -> usize {
        self.n
    }

    #[inline(always)]
    fn fill<S: Simd>(self, simd: S, panel: usize, terms: Range<usize>, out: &mut [f32]) {
        let panel = self.first + panel;
        match self.of.kind {
            Kind::Q4_0 => expand::<S, Q4_0>(simd, self.of.panel::<Q4_0>(panel).columns::<Q4_0>(terms), out),
            Kind::Q4_1 => expand::<S, Q4_1>(simd, self.of.panel::<Q4_1>(panel).columns::<Q4_1>(terms), out),
            Kind::Q8_0 => expand::<S, Q8_0>(simd, self.of.panel::<Q8_0>(panel).columns::<Q8_0>(terms), out),
        }
    }
}

/// f32 weights, `[n, k]`: turned round as they are copied.
#[derive(Clone, Copy)]
struct Plain<'a> {
    w: &'a [f32],
    k: usize,
}

impl Expand for Plain<'_> {
    fn depth(self) -> usize {
        self.k
    }

    fn outputs(self) -> usize {
        self.w.len() / self.k
    }

    #[inline(always)]
    fn fill<S: Simd>(self, _: S, panel: usize, terms: Range<usize>, out: &mut [f32]) {
        let k = self.k;
        let w = &self.w[panel * WIDTH * k..self.w.len().min((panel + 1) * WIDTH * k)];
        if w.len() < WIDTH * k {
            out.fill(0.0);
        }
        for (place, row) in w.chunks_exact(k).enumerate() {
            for (line, &weight) in out.chunks_exact_mut(WIDTH).zip(&row[terms.clone()]) {
                line[place] = weight;
            }
        }
    }
}

/// The same weights on the way back: `n` terms by `k` outputs.
#[derive(Clone, Copy)]
struct Back<'a> {
    w: &'a [f32],
    k: usize,
}

impl Expand for Back<'_> {
    fn depth(self) -> usize {
        self.w.len() / self.k
    }

    fn outputs(self) -> usize {
        self.k
    }

    #[inline(always)]
    fn fill<S: Simd>(self, _: S, panel: usize, terms: Range<usize>, out: &mut [f32]) {
        let columns = panel * WIDTH..self.k.min((panel + 1) * WIDTH);
        let rows = self.w.chunks_exact(self.k).skip(terms.start);
        for (line, row) in out.chunks_exact_mut(WIDTH).zip(rows) {
            if columns.len() == WIDTH {
                line.copy_from_slice(&row[columns.clone()]);
            } else {
                line.fill(0.0);
                line[..columns.len()].copy_from_slice(&row[columns.clone()]);
            }
        }
    }
}

/// A few rows of `x` against some panels, weights expanded as they are used.
struct Few<'a, 'y> {
    of: &'a Panels,
    panels: Range<usize>,
    x: &'a [f32],
    y: &'a mut [&'y mut [f32]],
}

impl WithSimd for Few<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let wide = S::F32_LANES >= 16;
        match (self.of.kind, wide) {
            (Kind::Q4_0, true) => self.run::<S, Q4_0, 4>(simd),
            (Kind::Q4_1, true) => self.run::<S, Q4_1, 4>(simd),
            (Kind::Q8_0, true) => self.run::<S, Q8_0, 4>(simd),
            (Kind::Q4_0, false) => self.run::<S, Q4_0, 2>(simd),
            (Kind::Q4_1, false) => self.run::<S, Q4_1, 2>(simd),
            (Kind::Q8_0, false) => self.run::<S, Q8_0, 2>(simd),
        }
    }
}

impl Few<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, F: Format, const NV: usize>(self, simd: S) {
        let Self { of, panels, x, y } = self;
        for (i, number) in panels.enumerate() {
            let panel = of.panel::<F>(number);
            for at in (0..WIDTH).step_by(NV * S::F32_LANES) {
                let to = i * WIDTH + at;
                match y.len() {
                    0 => {}
                    1 => fused::<S, F, NV, 1>(simd, panel, x, of.k, at, y, to),
                    2 => fused::<S, F, NV, 2>(simd, panel, x, of.k, at, y, to),
                    3 => fused::<S, F, NV, 3>(simd, panel, x, of.k, at, y, to),
                    _ => fused::<S, F, NV, 4>(simd, panel, x, of.k, at, y, to),
                }
            }
        }
    }
}

/// One panel, from one column of vectors on.
#[derive(Clone, Copy)]
struct Panel<'a> {
    words: &'a [u32],
    scales: &'a [f32],
    offsets: &'a [f32],
}

impl Panels {
    fn panel<F: Format>(&self, number: usize) -> Panel<'_> {
        let words = self.k / (32 / F::BITS) as usize * WIDTH;
        let blocks = self.k / BLOCK * WIDTH;
        Panel {
            words: &self.words[number * words..(number + 1) * words],
            scales: &self.scales[number * blocks..(number + 1) * blocks],
            offsets: if F::OFFSET { &self.offsets[number * blocks..(number + 1) * blocks] } else { &[] },
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

/// Calls `each(column, weights)` for every column, in order; `each` gets `NV` vectors of neighbouring rows.
#[inline(always)]
fn columns<S: Simd, F: Format, const NV: usize>(
    simd: S,
    panel: Panel<'_>,
    at: usize,
    mut each: impl FnMut(usize, [S::f32s; NV]),
) {
    let per = (32 / F::BITS) as usize;
    let lines = panel.words.chunks_exact(WIDTH * BLOCK / per).zip(panel.scales.chunks_exact(WIDTH)).enumerate();
    for (block, (words, scales)) in lines {
        let scales = vectors::<S, NV>(&scales[at..]);
        let offsets = if F::OFFSET { vectors::<S, NV>(&panel.offsets[block * WIDTH + at..]) } else { scales };
        for (line, words) in words.chunks_exact(WIDTH).enumerate() {
            let (words, _) = S::as_simd_u32s(&words[at..at + NV * S::F32_LANES]);
            let words: &[S::u32s; NV] = words.try_into().expect("cut to NV vectors");
            let mut words = *words;
            for column in 0..per {
                let mut weights = scales;
                for v in 0..NV {
                    weights[v] = packed::weights::<S, F>(simd, words[v], scales[v], offsets[v]);
                    words[v] = simd.wrapping_dyn_shr_u32s(words[v], simd.splat_u32s(F::BITS));
                }
                each(block * BLOCK + line * per + column, weights);
            }
        }
    }
}

/// Fills `out` `[columns, WIDTH]`.
#[inline(always)]
fn expand<S: Simd, F: Format>(simd: S, panel: Panel<'_>, out: &mut [f32]) {
    if S::F32_LANES >= 16 {
        expand_at::<S, F, 4>(simd, panel, 0, out);
    } else {
        for at in (0..WIDTH).step_by(2 * S::F32_LANES) {
            expand_at::<S, F, 2>(simd, panel, at, out);
        }
    }
}

#[inline(always)]
fn expand_at<S: Simd, F: Format, const NV: usize>(simd: S, panel: Panel<'_>, at: usize, out: &mut [f32]) {
    columns::<S, F, NV>(
        simd,
        panel,
        at,
        #[inline(always)]
        |column, weights| {
            let (out, _) = S::as_mut_simd_f32s(&mut out[column * WIDTH + at..][..NV * S::F32_LANES]);
            out.copy_from_slice(&weights);
        },
    );
}

/// A few rows of `x` against a panel, into columns `to..` of `y`, weights expanded as they are used.
#[inline(always)]
fn fused<S: Simd, F: Format, const NV: usize, const MR: usize>(
    simd: S,
    panel: Panel<'_>,
    x: &[f32],
    k: usize,
    at: usize,
    y: &mut [&mut [f32]],
    to: usize,
) {
    let rows: [&[f32]; MR] = std::array::from_fn(|r| &x[r * k..][..k]);
    let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
    columns::<S, F, NV>(
        simd,
        panel,
        at,
        #[inline(always)]
        |column, weights| accumulate(simd, &mut sums, |r| rows[r][column], &weights),
    );
    tiles::store::<S, NV, MR>(&sums, y, to);
}
