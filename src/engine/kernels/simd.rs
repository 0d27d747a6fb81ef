//! Vector loops over f32 slices, compiled for AVX-512, AVX2 and plain code, chosen at run time (`pulp` asks the processor).
//! Safe Rust throughout: slices are cut to whole vectors before a loop. Absent: threads and tensors; see the rooms beside.
//!
//! Every output is summed in one fixed order whatever the number of rows: what a row becomes does not depend on its
//! neighbours.
#![allow(clippy::needless_range_loop, reason = "indices run over registers, which iterators keep apart")]

use pulp::{Arch, Simd, WithSimd};

/// A matrix inside a slice: element (i, j) is at `i * rows + j * columns`, and one of the two is 1.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub columns: usize,
}

/// `a[m, k] · b[k, n]` into `c[m, n]`; `c` and `b` have contiguous rows, `a` rows or columns.
///
/// Made for the small products around attention and LoRA, where packing would cost more than it saves.
#[derive(Debug)]
pub struct Product<'a> {
    pub c: &'a mut [f32],
    pub c_rows: usize,
    pub a: View<'a>,
    pub b: &'a [f32],
    pub b_rows: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub onto: Onto,
    pub alpha: f32,
}

/// What becomes of what `c` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onto {
    /// `c ← alpha · a b`
    Nothing,
    /// `c ← c + alpha · a b`
    Sum,
    /// `c ← (c + a₀ b₀) + a₁ b₁ + …`: a sum goes on where it was left; `alpha` is not asked.
    Chain,
}

impl Product<'_> {
    pub fn run(self) {
        if self.m > 0 && self.n > 0 {
            Arch::new().dispatch(self);
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = S::F32_LANES;
        let mut this = self;
        let mut j = 0;
        // AVX-512 has 32 registers: 6 × 4 sums; AVX2 has 16: 4 × 2.
        if lanes >= 16 {
            while j + 4 * lanes <= this.n {
                this.rows::<S, 6, 4>(simd, j);
                j += 4 * lanes;
            }
        }
        while j + 2 * lanes <= this.n {
            this.rows::<S, 4, 2>(simd, j);
            j += 2 * lanes;
        }
        while j + lanes <= this.n {
            this.rows::<S, 8, 1>(simd, j);
            j += lanes;
        }
        if j < this.n {
            let mut i = 0;
            while i + 6 <= this.m {
                this.tail::<S, 6>(simd, i, j);
                i += 6;
            }
            while i < this.m {
                this.tail::<S, 1>(simd, i, j);
                i += 1;
            }
        }
    }
}

impl Product<'_> {
    /// All rows of `NV` vectors of columns, `MR` rows at a time.
    #[inline(always)]
    fn rows<S: Simd, const MR: usize, const NV: usize>(&mut self, simd: S, j: usize) {
        let mut i = 0;
        while i + MR <= self.m {
            self.tile::<S, MR, NV>(simd, i, j);
            i += MR;
        }
        while i + 2 <= self.m {
            self.tile::<S, 2, NV>(simd, i, j);
            i += 2;
        }
        if i < self.m {
            self.tile::<S, 1, NV>(simd, i, j);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const MR: usize, const NV: usize>(&mut self, simd: S, i: usize, j: usize) {
        let width = NV * S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
        if self.onto == Onto::Chain {
            for r in 0..MR {
                sums[r] = vectors::<S, NV>(&self.c[(i + r) * self.c_rows + j..]);
            }
        }
        let sums = self.sums(simd, sums, i, |b| vectors::<S, NV>(&b[j..j + width]));
        for r in 0..MR {
            let from = (i + r) * self.c_rows + j;
            let (c, _) = S::as_mut_simd_f32s(&mut self.c[from..from + width]);
            for (c, &sum) in c.iter_mut().zip(&sums[r]) {
                *c = end(simd, self.onto, self.alpha, sum, *c);
            }
        }
    }

    /// The columns after the last whole vector, `MR` rows from row `i` on.
    #[inline(always)]
    fn tail<S: Simd, const MR: usize>(&mut self, simd: S, i: usize, j: usize) {
        let mut sums = [[simd.splat_f32s(0.0)]; MR];
        if self.onto == Onto::Chain {
            for r in 0..MR {
                let row = (i + r) * self.c_rows;
                sums[r] = [simd.partial_load_f32s(&self.c[row + j..row + self.n])];
            }
        }
        let sums = self.sums(simd, sums, i, |b| [simd.partial_load_f32s(&b[j..self.n])]);
        for (r, &[sum]) in sums.iter().enumerate() {
            let row = (i + r) * self.c_rows;
            let c = &mut self.c[row + j..row + self.n];
            simd.partial_store_f32s(c, end(simd, self.onto, self.alpha, sum, simd.partial_load_f32s(c)));
        }
    }

    /// Adds to `sums` `MR` rows of `a` from row `i` on against some columns of `b`, which `load` takes out of a row.
    #[inline(always)]
    fn sums<S: Simd, const MR: usize, const NV: usize>(
        &self,
        simd: S,
        mut sums: [[S::f32s; NV]; MR],
        i: usize,
        load: impl Fn(&[f32]) -> [S::f32s; NV],
    ) -> [[S::f32s; NV]; MR] {
        if self.k == 0 {
            return sums;
        }
        let a = &self.a.data[i * self.a.rows..];
        let b = self.b.chunks(self.b_rows);
        // Two loops, so that where `a` has its numbers is known before them.
        if self.a.columns == 1 {
            let rows: [&[f32]; MR] = std::array::from_fn(|r| &a[r * self.a.rows..][..self.k]);
            for (kk, b) in (0..self.k).zip(b) {
                accumulate(simd, &mut sums, |r| rows[r][kk], &load(b));
            }
        } else {
            assert_eq!(self.a.rows, 1, "rows or columns of a view are contiguous");
            for ((_, b), a) in (0..self.k).zip(b).zip(a.chunks(self.a.columns)) {
                let a: &[f32; MR] = a[..MR].try_into().expect("cut to MR rows");
                accumulate(simd, &mut sums, |r| a[r], &load(b));
            }
        }
        sums
    }
}

/// What is written for a sum where `c` stood.
#[inline(always)]
fn end<S: Simd>(simd: S, onto: Onto, alpha: f32, sum: S::f32s, c: S::f32s) -> S::f32s {
    match onto {
        Onto::Nothing => simd.mul_f32s(simd.splat_f32s(alpha), sum),
        Onto::Sum => simd.mul_add_e_f32s(simd.splat_f32s(alpha), sum, c),
        Onto::Chain => sum,
    }
}

/// Adds one term, `x` of each row times its weights, to the sums of every row.
#[inline(always)]
pub(super) fn accumulate<S: Simd, const MR: usize, const NV: usize>(
    simd: S,
    sums: &mut [[S::f32s; NV]; MR],
    x: impl Fn(usize) -> f32,
    weights: &[S::f32s; NV],
) {
    for (r, sums) in sums.iter_mut().enumerate() {
        let x = simd.splat_f32s(x(r));
        for (sum, &weight) in sums.iter_mut().zip(weights) {
            *sum = simd.mul_add_e_f32s(x, weight, *sum);
        }
    }
}

#[inline(always)]
pub(super) fn vectors<S: Simd, const NV: usize>(from: &[f32]) -> [S::f32s; NV] {
    let (vectors, _) = S::as_simd_f32s(&from[..NV * S::F32_LANES]);
    let vectors: &[S::f32s; NV] = vectors.try_into().expect("cut to NV vectors");
    *vectors
}

/// `y[s, n] = x[s, k] · w[n, k]ᵀ` for a few rows `x`: each weight is read once for all of them. `y` is `[rows, n]`.
#[derive(Debug)]
pub struct FewRows<'a> {
    pub x: &'a [f32],
    /// `n` rows of `k`.
    pub w: &'a [f32],
    pub y: &'a mut [f32],
    pub k: usize,
}

impl FewRows<'_> {
    pub fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for FewRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, w, y, k } = self;
        let n = w.len() / k;
        for (i, w) in w.chunks(4 * k).enumerate() {
            some_weights(simd, x, w, y, k, 4 * i, n);
        }
    }
}

/// Up to four weight rows, from number `j` of `n`, against all rows of `x`.
#[inline(always)]
fn some_weights<S: Simd>(simd: S, x: &[f32], w: &[f32], y: &mut [f32], k: usize, j: usize, n: usize) {
    if w.len() == 4 * k {
        all_rows::<S, 4>(simd, x, w, y, k, j, n);
    } else {
        for (i, w) in w.chunks_exact(k).enumerate() {
            all_rows::<S, 1>(simd, x, w, y, k, j + i, n);
        }
    }
}

#[inline(always)]
fn all_rows<S: Simd, const NW: usize>(simd: S, x: &[f32], w: &[f32], y: &mut [f32], k: usize, j: usize, n: usize) {
    let rows = x.len() / k;
    let mut i = 0;
    if S::F32_LANES >= 16 {
        while i + 6 <= rows {
            dots::<S, NW, 6>(simd, &x[i * k..], w, &mut y[i * n + j..], k, n);
            i += 6;
        }
    }
    while i + 3 <= rows {
        dots::<S, NW, 3>(simd, &x[i * k..], w, &mut y[i * n + j..], k, n);
        i += 3;
    }
    while i < rows {
        dots::<S, NW, 1>(simd, &x[i * k..], w, &mut y[i * n + j..], k, n);
        i += 1;
    }
}

/// `NX` rows of `x` against `NW` of `w`, into rows of `y` that are `n` apart.
#[inline(always)]
fn dots<S: Simd, const NW: usize, const NX: usize>(simd: S, x: &[f32], w: &[f32], y: &mut [f32], k: usize, n: usize) {
    let whole = k - k % S::F32_LANES;
    let vectors = whole / S::F32_LANES;
    let ws: [&[S::f32s]; NW] = std::array::from_fn(|r| &S::as_simd_f32s(&w[r * k..][..whole]).0[..vectors]);
    let xs: [&[S::f32s]; NX] = std::array::from_fn(|c| &S::as_simd_f32s(&x[c * k..][..whole]).0[..vectors]);
    let mut sums = [[simd.splat_f32s(0.0); NX]; NW];
    for v in 0..vectors {
        let x: [S::f32s; NX] = std::array::from_fn(|c| xs[c][v]);
        for r in 0..NW {
            let weight = ws[r][v];
            for c in 0..NX {
                sums[r][c] = simd.mul_add_e_f32s(weight, x[c], sums[r][c]);
            }
        }
    }
    if whole < k {
        for r in 0..NW {
            let weight = simd.partial_load_f32s(&w[r * k + whole..(r + 1) * k]);
            for c in 0..NX {
                let x = simd.partial_load_f32s(&x[c * k + whole..(c + 1) * k]);
                sums[r][c] = simd.mul_add_e_f32s(weight, x, sums[r][c]);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (c, &sum) in sums.iter().enumerate() {
            y[c * n + r] = simd.reduce_sum_f32s(sum);
        }
    }
}

/// e^x for one vector, to 2 units in the last place (Cephes' polynomial); 0 below −87.
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value: f32| simd.splat_f32s(value);
    let low = splat(-87.3);
    let small = simd.less_than_f32s(x, low);
    let x = simd.min_f32s(simd.max_f32s(x, low), splat(88.3));
    // n = round(x / ln 2), by adding and taking away 1.5 · 2^23; then e^x = 2^n e^r.
    let magic = splat(12_582_912.0);
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), magic);
    let n = simd.sub_f32s(shifted, magic);
    let r = simd.mul_add_e_f32s(n, splat(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, splat(2.121_944_4e-4), r);
    let mut p = splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_3e-1] {
        p = simd.mul_add_e_f32s(p, r, splat(c));
    }
    let p = simd.add_f32s(simd.mul_add_e_f32s(p, simd.mul_f32s(r, r), r), splat(1.0));
    // 2^n: the low bits of `shifted` hold n.
    let bits = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let scaled = simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(p), bits));
    simd.select_f32s(small, splat(0.0), scaled)
}

/// Largest element; −∞ of nothing.
pub fn max(x: &[f32]) -> f32 {
    struct Max<'a>(&'a [f32]);
    impl WithSimd for Max<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            let (head, tail) = S::as_simd_f32s(self.0);
            let mut best = simd.splat_f32s(f32::NEG_INFINITY);
            for &v in head {
                best = simd.max_f32s(best, v);
            }
            tail.iter().fold(simd.reduce_max_f32s(best), |best, &v| best.max(v))
        }
    }
    Arch::new().dispatch(Max(x))
}

/// Σ x², in lanes.
pub fn sum_of_squares(x: &[f32]) -> f32 {
    dot(x, x)
}

/// Σ x · y.
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl WithSimd for Dot<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            let (x, x_tail) = S::as_simd_f32s(self.0);
            let (y, y_tail) = S::as_simd_f32s(self.1);
            let mut sums = [simd.splat_f32s(0.0); 2];
            for (x, y) in x.chunks(2).zip(y.chunks(2)) {
                for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
                    sums[i] = simd.mul_add_e_f32s(x, y, sums[i]);
                }
            }
            let tail = simd.mul_f32s(simd.partial_load_f32s(x_tail), simd.partial_load_f32s(y_tail));
            simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(sums[0], sums[1]), tail))
        }
    }
    Arch::new().dispatch(Dot(x, y))
}

/// `x ← e^(scale · x − shift)`; the sum of the results.
pub fn exp_in_place(x: &mut [f32], scale: f32, shift: f32) -> f32 {
    struct Exp<'a>(&'a mut [f32], f32, f32);
    impl WithSimd for Exp<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            let (scale, shift) = (simd.splat_f32s(self.1), simd.splat_f32s(-self.2));
            let (head, tail) = S::as_mut_simd_f32s(self.0);
            let mut sum = simd.splat_f32s(0.0);
            for v in head {
                *v = exp(simd, simd.mul_add_e_f32s(*v, scale, shift));
                sum = simd.add_f32s(sum, *v);
            }
            if !tail.is_empty() {
                let value = exp(simd, simd.mul_add_e_f32s(simd.partial_load_f32s(tail), scale, shift));
                simd.partial_store_f32s(tail, value);
                sum = simd.add_f32s(sum, simd.partial_load_f32s(tail));
            }
            simd.reduce_sum_f32s(sum)
        }
    }
    Arch::new().dispatch(Exp(x, scale, shift))
}

/// `x ← x · factor`.
pub fn scale_in_place(x: &mut [f32], factor: f32) {
    for v in x {
        *v *= factor;
    }
}

/// `y = silu(gate) · up`, one row.
pub fn swiglu(gate: &[f32], up: &[f32], y: &mut [f32]) {
    struct Op<'a>(&'a [f32], &'a [f32], &'a mut [f32]);
    impl WithSimd for Op<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let ((g, g_tail), (u, u_tail)) = (S::as_simd_f32s(self.0), S::as_simd_f32s(self.1));
            let (y, y_tail) = S::as_mut_simd_f32s(self.2);
            for ((&g, &u), y) in g.iter().zip(u).zip(y) {
                *y = simd.mul_f32s(silu(simd, g).0, u);
            }
            let (g, u) = (simd.partial_load_f32s(g_tail), simd.partial_load_f32s(u_tail));
            simd.partial_store_f32s(y_tail, simd.mul_f32s(silu(simd, g).0, u));
        }
    }
    Arch::new().dispatch(Op(gate, up, y));
}

/// From `dy` the gradients of gate and up, one row: `dgate = dy · up · σ(g)(1 + g(1 − σ(g)))`, `dup = dy · silu(g)`.
pub fn swiglu_backward(gate: &[f32], up: &[f32], dy: &[f32], dgate: &mut [f32], dup: &mut [f32]) {
    struct Op<'a>(&'a [f32], &'a [f32], &'a [f32], &'a mut [f32], &'a mut [f32]);
    impl WithSimd for Op<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let ((g, g_tail), (u, u_tail)) = (S::as_simd_f32s(self.0), S::as_simd_f32s(self.1));
            let (d, d_tail) = S::as_simd_f32s(self.2);
            let ((dg, dg_tail), (du, du_tail)) = (S::as_mut_simd_f32s(self.3), S::as_mut_simd_f32s(self.4));
            for ((((&g, &u), &d), dg), du) in g.iter().zip(u).zip(d).zip(dg).zip(du) {
                (*dg, *du) = slopes(simd, g, u, d);
            }
            let (g, u) = (simd.partial_load_f32s(g_tail), simd.partial_load_f32s(u_tail));
            let (dg, du) = slopes(simd, g, u, simd.partial_load_f32s(d_tail));
            simd.partial_store_f32s(dg_tail, dg);
            simd.partial_store_f32s(du_tail, du);
        }
    }
    Arch::new().dispatch(Op(gate, up, dy, dgate, dup));
}

/// silu(x) and σ(x).
#[inline(always)]
fn silu<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    let sigmoid = simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))));
    (simd.mul_f32s(x, sigmoid), sigmoid)
}

/// Of gate and up, where their product's is `d`.
#[inline(always)]
fn slopes<S: Simd>(simd: S, g: S::f32s, u: S::f32s, d: S::f32s) -> (S::f32s, S::f32s) {
    let (silu, sigmoid) = silu(simd, g);
    // σ + silu (1 − σ)
    let slope = simd.mul_add_e_f32s(silu, simd.sub_f32s(simd.splat_f32s(1.0), sigmoid), sigmoid);
    (simd.mul_f32s(simd.mul_f32s(d, u), slope), simd.mul_f32s(d, silu))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn numbers(name: &str, n: usize) -> Vec<f32> {
        let rng = Rng::new(11).fork(name);
        (0..n as u64).map(|i| rng.normal(i) as f32).collect()
    }

    #[test]
    fn products_of_any_shape_and_stride_are_the_plain_sums() {
        for (m, n, k) in [(1, 1, 1), (7, 65, 5), (13, 100, 33), (6, 64, 16), (9, 16, 70), (3, 3, 40), (2, 200, 0)] {
            let (a, b, c) = (numbers("a", m * k), numbers("b", k * n), numbers("c", m * n));
            for transposed in [false, true] {
                for onto in [Onto::Nothing, Onto::Sum, Onto::Chain] {
                    let (rows, columns) = if transposed { (1, m) } else { (k, 1) };
                    let mut found = c.clone();
                    let view = View { data: &a, rows, columns };
                    Product { c: &mut found, c_rows: n, a: view, b: &b, b_rows: n, m, n, k, onto, alpha: 0.5 }.run();
                    for i in 0..m {
                        for j in 0..n {
                            let sum: f64 =
                                (0..k).map(|kk| f64::from(a[i * rows + kk * columns]) * f64::from(b[kk * n + j])).sum();
                            let c = f64::from(c[i * n + j]);
                            let want = match onto {
                                Onto::Nothing => 0.5 * sum,
                                Onto::Sum => 0.5 * sum + c,
                                Onto::Chain => sum + c,
                            };
                            assert!((f64::from(found[i * n + j]) - want).abs() < 1e-4, "{m} {n} {k} at {i} {j}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let (k, n) = (83, 21);
        let (x, w) = (numbers("x", 13 * k), numbers("w", n * k));
        let mut all = vec![0.0; 13 * n];
        FewRows { x: &x, w: &w, y: &mut all, k }.run();
        for row in 0..13 {
            let mut alone = vec![0.0; n];
            FewRows { x: &x[row * k..(row + 1) * k], w: &w, y: &mut alone, k }.run();
            assert_eq!(alone, all[row * n..(row + 1) * n], "bit for bit");
            for j in 0..n {
                let want: f64 = (0..k).map(|i| f64::from(x[row * k + i]) * f64::from(w[j * k + i])).sum();
                assert!((f64::from(alone[j]) - want).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn exponentials_are_those_of_the_library() {
        let mut x: Vec<f32> = (-9000..880).map(|i| i as f32 * 0.01).collect();
        let want: Vec<f32> = x.iter().map(|&v| if v < -87.3 { 0.0 } else { v.exp() }).collect();
        exp_in_place(&mut x, 1.0, 0.0);
        for (found, want) in x.iter().zip(&want) {
            assert!((found - want).abs() <= 3e-7 * want.abs(), "{found} {want}");
        }
        assert_eq!(exp_in_place(&mut [0.0, f32::NEG_INFINITY, 0.0], 1.0, 0.0), 2.0);
    }

    #[test]
    fn swiglu_and_its_slope_agree_with_f64() {
        let (g, u, d) = (numbers("g", 37), numbers("u", 37), numbers("d", 37));
        let silu = |x: f64| x / (1.0 + (-x).exp());
        let (mut y, mut dg, mut du) = (vec![0.0; 37], vec![0.0; 37], vec![0.0; 37]);
        swiglu(&g, &u, &mut y);
        swiglu_backward(&g, &u, &d, &mut dg, &mut du);
        for i in 0..37 {
            let (x, up, dy) = (f64::from(g[i]), f64::from(u[i]), f64::from(d[i]));
            assert!((f64::from(y[i]) - silu(x) * up).abs() < 1e-5);
            let slope = (silu(x + 1e-5) - silu(x - 1e-5)) / 2e-5;
            assert!((f64::from(dg[i]) - dy * up * slope).abs() < 1e-4);
            assert!((f64::from(du[i]) - dy * silu(x)).abs() < 1e-5);
        }
    }
}
