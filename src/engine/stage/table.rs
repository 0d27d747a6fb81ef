//! From values of samples to the cells of a table: means with intervals, and paired differences.

use std::collections::{BTreeMap, BTreeSet};

use mascot_run::engine::{Delta, MetricRow, Table};

use crate::metric::bootstrap::{estimate, quantiles};
use crate::rng::Rng;

/// Which sample: situation, speaker where a sample is one speaker's, number.
pub type Id = (usize, Option<String>, usize);

/// One column of one subject: by persona (`None`: pooled) the value of every sample.
pub type Column = BTreeMap<Option<String>, Vec<(Id, f64)>>;

/// A metric (and criterion) of all subjects, in their order.
pub struct Measured {
    pub metric: usize,
    pub criterion: Option<String>,
    pub columns: Vec<Column>,
    /// One number of all samples of a persona together: it has no interval.
    pub together: bool,
}

/// Every cell, and the difference of every two subjects.
pub fn table(measured: &[Measured], resamples: u32, level: f64, rng: &Rng) -> Table {
    let mut table = Table::default();
    for column in measured {
        rows(column, resamples, level, rng, &mut table.rows);
        for a in 0..column.columns.len() {
            for b in 0..a {
                deltas(column, a, b, resamples, level, rng, &mut table.deltas);
            }
        }
    }
    // Rows as a reader goes through them: subject by subject.
    table.rows.sort_by_key(|row| (row.subject, row.metric));
    table
}

fn rows(of: &Measured, resamples: u32, level: f64, rng: &Rng, out: &mut Vec<MetricRow>) {
    for (subject, column) in of.columns.iter().enumerate() {
        for (persona, values) in column {
            let clustered: Vec<(usize, f64)> =
                values.iter().map(|((situation, ..), value)| (*situation, *value)).collect();
            let got = estimate(&clustered, if of.together { 0 } else { resamples }, level, rng);
            let interval = got.filter(|_| !of.together);
            let quantiles = quantiles(values.iter().map(|(_, value)| *value));
            out.push(MetricRow {
                subject,
                metric: of.metric,
                criterion: of.criterion.clone(),
                persona: persona.clone(),
                mean: got.map(|e| e.mean),
                sd: interval.map(|e| e.sd),
                low: interval.map(|e| e.low),
                high: interval.map(|e| e.high),
                median: quantiles.map(|(median, _)| median),
                p95: quantiles.map(|(_, p95)| p95),
                n: got.map_or(0, |e| e.n),
            });
        }
    }
}

/// a − b over the samples that both have, and the same turned round.
fn deltas(of: &Measured, a: usize, b: usize, resamples: u32, level: f64, rng: &Rng, out: &mut Vec<Delta>) {
    let (left, right) = (&of.columns[a], &of.columns[b]);
    let personas: BTreeSet<&Option<String>> = left.keys().filter(|persona| right.contains_key(*persona)).collect();
    for persona in personas {
        let other: BTreeMap<&Id, f64> = right[persona].iter().map(|(id, value)| (id, *value)).collect();
        let pairs = left[persona].iter().filter_map(|(id, value)| Some((id.0, value - other.get(id)?)));
        let differences: Vec<(usize, f64)> = pairs.collect();
        let got = estimate(&differences, if of.together { 0 } else { resamples }, level, rng);
        let interval = got.filter(|_| !of.together);
        let delta = |a, b, sign: f64| {
            let (low, high) = (interval.map(|e| e.low), interval.map(|e| e.high));
            let (low, high) = if sign > 0.0 { (low, high) } else { (high.map(|x| -x), low.map(|x| -x)) };
            Delta {
                a,
                b,
                metric: of.metric,
                criterion: of.criterion.clone(),
                persona: persona.clone(),
                mean: got.map(|e| sign * e.mean),
                low,
                high,
                n: got.map_or(0, |e| e.n),
            }
        };
        out.push(delta(a, b, 1.0));
        out.push(delta(b, a, -1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_of_the_samples_that_both_have() {
        let column = |values: &[(usize, f64)]| -> Column {
            BTreeMap::from([(None, values.iter().map(|(situation, v)| ((*situation, None, 0), *v)).collect())])
        };
        let columns = vec![column(&[(0, 1.0), (1, 5.0), (2, 100.0)]), column(&[(0, 0.0), (1, 2.0), (3, 7.0)])];
        let measured = [Measured { metric: 0, criterion: None, columns, together: false }];
        let got = table(&measured, 200, 0.95, &Rng::new(1));
        let delta = |a, b| got.deltas.iter().find(|d| (d.a, d.b) == (a, b)).expect("a difference").clone();
        assert_eq!((delta(0, 1).mean, delta(0, 1).n), (Some(2.0), 2));
        assert_eq!(delta(1, 0).mean, Some(-2.0));
        assert_eq!(delta(1, 0).low, delta(0, 1).high.map(|x| -x));
        assert_eq!(got.rows.len(), 2);
        assert_eq!((got.rows[0].median, got.rows[0].p95), (Some(5.0), Some(100.0)));
        assert_eq!((got.rows[1].median, got.rows[1].p95), (Some(2.0), Some(7.0)));
    }

    #[test]
    fn what_nobody_measured_has_no_number() {
        let columns = vec![BTreeMap::from([(None, vec![((0, None, 0), f64::NAN)])])];
        let measured = [Measured { metric: 0, criterion: Some("empathy".into()), columns, together: false }];
        let row = &table(&measured, 10, 0.95, &Rng::new(1)).rows[0];
        assert_eq!((row.mean, row.low, row.median, row.p95, row.n), (None, None, None, None, 0));
    }
}
