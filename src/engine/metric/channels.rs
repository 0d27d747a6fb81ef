//! `effective_channels`: N* = 2^H₂ of the normalised eigenvalues of MᵀM, M the turns' embeddings (Agent Scaling, K*).
//!
//! n voices that say one thing are one channel; n that say unrelated things are n.

/// N* of unit vectors. `None` for none.
pub fn effective_channels(vectors: &[Vec<f32>]) -> Option<f64> {
    if vectors.is_empty() {
        return None;
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    // MMᵀ has the eigenvalues of MᵀM that are not 0, and is small.
    let gram: Vec<Vec<f64>> = vectors.iter().map(|a| vectors.iter().map(|b| dot(a, b)).collect()).collect();
    let eigenvalues = symmetric_eigenvalues(gram);
    let total: f64 = eigenvalues.iter().map(|x| x.max(0.0)).sum();
    let entropy: f64 =
        eigenvalues.iter().map(|x| x.max(0.0) / total).filter(|p| *p > 1e-12).map(|p| -p * p.log2()).sum();
    Some(entropy.exp2())
}

/// Jacobi's cyclic rotations (Golub & Van Loan, algorithm 8.4.3).
fn symmetric_eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for _sweep in 0..50 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        if off < 1e-20 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() < 1e-300 {
                    continue;
                }
                let tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let s = t * c;
                for row in &mut a {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
                // p is before q, so both rows can be had at once.
                let (upper, lower) = a.split_at_mut(q);
                for (x, y) in upper[p].iter_mut().zip(&mut lower[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
    }
    (0..n).map(|i| a[i][i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_are_counted_by_what_they_add() {
        let of = |vectors: &[[f32; 3]]| {
            effective_channels(&vectors.iter().map(|v| v.to_vec()).collect::<Vec<_>>()).expect("vectors")
        };
        assert!((of(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) - 3.0).abs() < 1e-9);
        assert!((of(&[[1.0, 0.0, 0.0]; 3]) - 1.0).abs() < 1e-9);
        // Two alike and one apart: eigenvalues 2/3 and 1/3, H₂ = 0.9183, 2^H₂ = 1.8899.
        assert!((of(&[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) - 1.8899).abs() < 1e-3);
    }

    #[test]
    fn eigenvalues_are_those_of_a_matrix_worked_by_hand() {
        // [[2, 1], [1, 2]]: 1 and 3. [[4, 1, 0], [1, 4, 0], [0, 0, 7]]: 3, 5, 7.
        let mut got = symmetric_eigenvalues(vec![vec![2.0, 1.0], vec![1.0, 2.0]]);
        got.sort_by(f64::total_cmp);
        assert!((got[0] - 1.0).abs() < 1e-9 && (got[1] - 3.0).abs() < 1e-9);
        let mut got = symmetric_eigenvalues(vec![vec![4.0, 1.0, 0.0], vec![1.0, 4.0, 0.0], vec![0.0, 0.0, 7.0]]);
        got.sort_by(f64::total_cmp);
        assert!(got.iter().zip([3.0, 5.0, 7.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{got:?}");
    }
}
