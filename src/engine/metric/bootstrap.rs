//! Means with intervals by the percentile bootstrap, clustered (Efron & Tibshirani 1993; clusters as in Field & Welsh 2007).
//!
//! Samples of one situation are no independent draws, so whole situations are drawn. Two subjects are compared by the
//! differences of the samples that both have (the same situation, persona and number of the sample): that is the pairing.

use std::collections::BTreeMap;

use crate::rng::Rng;

/// A mean and the percentiles of its resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub mean: f64,
    /// With n − 1; of the samples.
    pub sd: f64,
    pub low: f64,
    pub high: f64,
    pub n: usize,
}

/// The mean of `values`, each with its cluster. `None` when nothing finite is there. The draws depend on `rng` and on the number
/// of clusters alone, so that subjects measured on the same situations are resampled alike.
pub fn estimate(values: &[(usize, f64)], resamples: u32, level: f64, rng: &Rng) -> Option<Estimate> {
    let mut clusters: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for (cluster, value) in values.iter().filter(|(_, value)| value.is_finite()) {
        let sum = clusters.entry(*cluster).or_default();
        sum.0 += value;
        sum.1 += 1;
    }
    let finite: Vec<f64> = values.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).collect();
    if finite.is_empty() {
        return None;
    }
    let mean = crate::train::advantage::mean(&finite);
    let sums: Vec<(f64, usize)> = clusters.into_values().collect();
    let mut means: Vec<f64> = (0..resamples)
        .map(|resample| {
            let draws = rng.at(u64::from(resample));
            let (mut total, mut n) = (0.0, 0);
            for draw in 0..sums.len() {
                let (sum, count) = sums[draws.below(draw as u64, sums.len())];
                total += sum;
                n += count;
            }
            total / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    let (low, high) =
        if means.is_empty() { (mean, mean) } else { (percentile(&means, tail), percentile(&means, 1.0 - tail)) };
    Some(Estimate { mean, sd: crate::train::advantage::deviation(&finite), low, high, n: finite.len() })
}

/// By linear interpolation between the order statistics (numpy's default).
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, part) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

/// Median and 95th percentile of the finite values; `None` when there is none. The median of an even number is the mean of the two
/// in the middle. The 95th percentile is the smallest value that at least 19 of 20 do not exceed (Hyndman & Fan 1996, type 1), so that
/// `p95 <= x` says just that of the samples.
pub fn quantiles(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    // In whole numbers: 0.95 is none of a float.
    let rank = (19 * n).div_ceil(20);
    Some(((*sorted.get(n.checked_sub(1)? / 2)? + sorted[n / 2]) / 2.0, sorted[rank - 1]))
}

/// Wilson's score interval for `hits` of `n` (Wilson 1927), at 95%.
pub fn wilson(hits: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (z, n, p) = (1.959_963_985, n as f64, hits as f64 / n as f64);
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    (centre - half, centre + half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_mean_and_is_as_wide_as_theory_says() {
        let rng = Rng::new(1);
        // 400 clusters of one, uniform in [0, 1): the mean's standard error is √(1/12/400) = 0.0144.
        let values: Vec<(usize, f64)> = (0..400).map(|i| (i, rng.fork("values").uniform(i as u64))).collect();
        let got = estimate(&values, 2_000, 0.95, &rng.fork("bootstrap")).expect("values");
        assert!(got.low < got.mean && got.mean < got.high);
        let half = (got.high - got.low) / 2.0;
        assert!((half - 1.96 * 0.0144).abs() < 0.004, "{half}");
        assert_eq!(got, estimate(&values, 2_000, 0.95, &rng.fork("bootstrap")).expect("values"));
    }

    #[test]
    fn samples_of_one_situation_are_no_evidence_of_their_own() {
        let rng = Rng::new(2);
        let one = |copies: usize| -> Vec<(usize, f64)> {
            (0..20).flat_map(|i| vec![(i, rng.uniform(i as u64)); copies]).collect()
        };
        let (a, b) = (estimate(&one(1), 500, 0.95, &rng), estimate(&one(50), 500, 0.95, &rng));
        let (a, b) = (a.expect("values"), b.expect("values"));
        assert!((a.low - b.low).abs() < 1e-9 && (a.high - b.high).abs() < 1e-9);
    }

    #[test]
    fn void_samples_are_left_out() {
        let got = estimate(&[(0, 1.0), (0, f64::NAN), (1, 3.0)], 100, 0.95, &Rng::new(1)).expect("values");
        assert_eq!((got.mean, got.n), (2.0, 2));
        assert_eq!(estimate(&[(0, f64::NAN)], 100, 0.95, &Rng::new(1)), None);
    }

    #[test]
    fn quantiles_are_of_the_samples() {
        let of = |values: &[f64]| quantiles(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[f64::NAN]), None);
        assert_eq!(of(&[7.0]), Some((7.0, 7.0)));
        assert_eq!(of(&[4.0, f64::NAN, 1.0]), Some((2.5, 4.0)));
        // Nineteen of twenty: the one outlier is allowed, the second is not.
        let twenty = |outliers: usize| -> Vec<f64> { (0..20).map(|i| if i < outliers { 9.0 } else { 5.0 }).collect() };
        assert_eq!(of(&twenty(1)), Some((5.0, 5.0)));
        assert_eq!(of(&twenty(2)), Some((5.0, 9.0)));
        // 31 of 32 are 96.9%, 30 of 32 are 93.8%.
        let of_32 = |outliers: usize| of(&(0..32).map(|i| if i < outliers { 9.0 } else { 5.0 }).collect::<Vec<_>>());
        assert_eq!((of_32(1).map(|q| q.1), of_32(2).map(|q| q.1)), (Some(5.0), Some(9.0)));
    }

    #[test]
    fn wilsons_interval_is_the_published_one() {
        // 8 of 10: 0.490 to 0.943 (Brown, Cai & DasGupta 2001's formula, worked by hand).
        let (low, high) = wilson(8, 10);
        assert!((low - 0.4902).abs() < 1e-3 && (high - 0.9433).abs() < 1e-3, "{low} {high}");
    }
}
