//! Points beside one another: what each setting's table says of one subject, and how far it lies from the first setting, seed by seed.
//!
//! Points that differ in nothing but their seed are one setting, measured several times. Uses what tables hold; no transcript, no store.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use serde::Serialize;

use crate::engine::Table;
use crate::report::{RunReport, TaskReport};

/// All settings of an `evaluate` stage, by one subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub stage: String,
    /// As written.
    pub subject: String,
    pub metrics: Vec<String>,
    /// In the plan's order; the first is what the others are compared with.
    pub settings: Vec<Setting>,
}

/// Points that differ in nothing but their seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// `base`, `no_persona`, `kl_grid[voices.kl.beta=0.02]`
    pub name: String,
    /// Of the points that measured it, sorted.
    pub seeds: Vec<String>,
    /// By metric; `None` where it was not measured.
    pub means: Vec<Option<Value>>,
    /// This one minus the first, by metric; `None` of the first itself, and where they share no seed.
    pub differences: Vec<Option<Value>>,
}

/// A mean over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Value {
    pub mean: f64,
    pub interval: Option<(f64, f64)>,
    /// Seeds that it is of: shared ones, of a difference.
    pub seeds: usize,
}

/// Of one point.
#[derive(Debug, Clone, Copy)]
struct Measured {
    mean: f64,
    interval: Option<(f64, f64)>,
}

/// Of one setting: by metric and seed.
type Cells = BTreeMap<usize, BTreeMap<String, Measured>>;

/// Every `evaluate` stage that was measured at two settings or more. `seeds`: of each point by its label, `""` of the base. The level of
/// intervals over seeds is 95%.
///
/// One seed: the interval is the table's, over situations, and a difference's is that of two independent means (wider than a paired
/// one). Several: means and differences are over seeds, paired where both settings have the seed, with Student's interval.
pub fn compare(report: &RunReport, seeds: &BTreeMap<String, String>) -> Vec<Comparison> {
    let mut stages: Vec<&str> = Vec::new();
    for task in report.tasks.iter().filter(|task| task.table.is_some()) {
        if !stages.contains(&task.stage.as_str()) {
            stages.push(&task.stage);
        }
    }
    stages.into_iter().filter_map(|stage| of_stage(stage, report, seeds)).collect()
}

fn of_stage(stage: &str, report: &RunReport, seeds: &BTreeMap<String, String>) -> Option<Comparison> {
    let measured: Vec<(&TaskReport, &Table)> = report
        .tasks
        .iter()
        .filter(|task| task.stage == stage)
        .filter_map(|task| Some((task, task.table.as_ref()?)))
        .collect();
    let (first, _) = measured.first()?;
    let subject = first.labels.subjects.iter().find(|subject| !subject.starts_with("baseline("))?.clone();
    let metrics = first.labels.metrics.clone();

    let mut settings: Vec<(String, Cells)> = Vec::new();
    for (task, table) in measured {
        let of_point = values(task, table, &subject, &metrics);
        for id in std::iter::once(&task.id).chain(&task.also) {
            let point = id.split_once('@').map_or("", |(_, point)| point);
            let name = setting(point);
            let seed = seeds.get(point).cloned().unwrap_or_default();
            let at = settings.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                settings.push((name, Cells::new()));
                settings.len() - 1
            });
            for (metric, value) in &of_point {
                settings[at].1.entry(*metric).or_default().insert(seed.clone(), *value);
            }
        }
    }
    if settings.len() < 2 {
        return None;
    }
    let first = settings[0].1.clone();
    let told = |(at, (name, cells)): (usize, (String, Cells))| {
        let mut of_seeds: Vec<String> = cells.values().flat_map(|seeds| seeds.keys().cloned()).collect();
        of_seeds.sort();
        of_seeds.dedup();
        let by_metric = |of: &dyn Fn(usize) -> Option<Value>| (0..metrics.len()).map(of).collect::<Vec<_>>();
        Setting {
            name,
            seeds: of_seeds,
            means: by_metric(&|metric| over_seeds(&cells.get(&metric)?.values().copied().collect::<Vec<_>>())),
            differences: by_metric(&|metric| {
                if at == 0 { None } else { beside(cells.get(&metric)?, first.get(&metric)?) }
            }),
        }
    };
    let settings = settings.into_iter().enumerate().map(told).collect();
    Some(Comparison { stage: stage.to_owned(), subject, metrics, settings })
}

/// What a table says of a subject, all personas together, by metric.
fn values(task: &TaskReport, table: &Table, subject: &str, metrics: &[String]) -> BTreeMap<usize, Measured> {
    let Some(at) = task.labels.subjects.iter().position(|one| one == subject) else { return BTreeMap::new() };
    let rows = table.rows.iter().filter(|row| row.subject == at && row.criterion.is_none() && row.persona.is_none());
    rows.filter_map(|row| {
        let name = task.labels.metrics.get(row.metric)?;
        let metric = metrics.iter().position(|metric| metric == name)?;
        Some((metric, Measured { mean: row.mean?, interval: row.low.zip(row.high) }))
    })
    .collect()
}

/// `kl_grid[voices.kl.beta=0.02,experiment.seed=7]` without its seed; `base` for none.
fn setting(point: &str) -> String {
    let Some((name, inside)) = point.strip_suffix(']').and_then(|point| point.split_once('[')) else {
        return if point.is_empty() { "base".to_owned() } else { point.to_owned() };
    };
    let parts: Vec<&str> = parts(inside).into_iter().filter(|part| !part.starts_with("experiment.seed=")).collect();
    if parts.is_empty() { name.to_owned() } else { format!("{name}[{}]", parts.join(",")) }
}

/// At the commas that stand in no bracket and no quotes.
fn parts(inside: &str) -> Vec<&str> {
    let (mut all, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (at, character) in inside.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '[' | '(' | '{' if !quoted => depth += 1,
            ']' | ')' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                all.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    all.push(&inside[start..]);
    all
}

fn over_seeds(measured: &[Measured]) -> Option<Value> {
    match measured {
        [] => None,
        [one] => Some(Value { mean: one.mean, interval: one.interval, seeds: 1 }),
        several => Some(student(&several.iter().map(|one| one.mean).collect::<Vec<_>>())),
    }
}

/// `a − b` over the seeds that both have.
fn beside(a: &BTreeMap<String, Measured>, b: &BTreeMap<String, Measured>) -> Option<Value> {
    let shared: Vec<(Measured, Measured)> = a.iter().filter_map(|(seed, a)| Some((*a, *b.get(seed)?))).collect();
    match shared.as_slice() {
        [] => None,
        [(a, b)] => {
            let half = |of: &Measured| of.interval.map(|(low, high)| (high - low) / 2.0);
            let half = half(a).zip(half(b)).map(|(a, b)| a.hypot(b));
            let mean = a.mean - b.mean;
            Some(Value { mean, interval: half.map(|half| (mean - half, mean + half)), seeds: 1 })
        }
        several => Some(student(&several.iter().map(|(a, b)| a.mean - b.mean).collect::<Vec<_>>())),
    }
}

/// The mean of two values or more, with Student's 95% interval.
fn student(values: &[f64]) -> Value {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = quantile(0.95, values.len() - 1) * (variance / n).sqrt();
    Value { mean, interval: Some((mean - half, mean + half)), seeds: values.len() }
}

/// The t within which Student's distribution of so many degrees of freedom holds `level`, by halving.
fn quantile(level: f64, freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, 1e4);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if within(middle, freedom) < level { low = middle } else { high = middle }
    }
    high
}

/// P(|T| < t): Abramowitz & Stegun 26.7.3 and 26.7.4.
fn within(t: f64, freedom: usize) -> f64 {
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let square = cosine * cosine;
    if freedom % 2 == 1 {
        let (mut term, mut sum) = (cosine, if freedom > 1 { cosine } else { 0.0 });
        for k in (3..freedom).step_by(2) {
            term *= square * (k - 1) as f64 / k as f64;
            sum += term;
        }
        2.0 / PI * (angle + sine * sum)
    } else {
        let (mut term, mut sum) = (1.0, 1.0);
        for k in (2..freedom).step_by(2) {
            term *= square * (k - 1) as f64 / k as f64;
            sum += term;
        }
        sine * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        // scipy.stats.t.ppf(0.975, n)
        for (freedom, t) in [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (7, 2.365), (10, 2.228), (30, 2.042)] {
            assert!((quantile(0.95, freedom) - t).abs() < 1e-3, "{freedom}: {}", quantile(0.95, freedom));
        }
    }

    #[test]
    fn a_setting_is_a_point_without_its_seed() {
        assert_eq!(setting(""), "base");
        assert_eq!(setting("mute"), "mute");
        assert_eq!(setting("s[voices.kl.beta=0.02,experiment.seed=7]"), "s[voices.kl.beta=0.02]");
        assert_eq!(setting("s[experiment.seed=7]"), "s");
        assert_eq!(setting("s[d.only=[\"a,b\",c],experiment.seed=7,x=f(1,2)]"), "s[d.only=[\"a,b\",c],x=f(1,2)]");
    }

    #[test]
    fn shared_seeds_are_paired() {
        let of = |values: &[(&str, f64)]| -> BTreeMap<String, Measured> {
            let one = |mean: f64| Measured { mean, interval: Some((mean - 3.0, mean + 3.0)) };
            values.iter().map(|(seed, mean)| ((*seed).to_owned(), one(*mean))).collect()
        };
        // Far apart between seeds, and a steady 1.0 ± 0.1 within them. By hand: sd 0.1, t(2) 4.303, so ± 0.1/√3 · 4.303.
        let a = of(&[("7", 11.0), ("8", 21.1), ("9", 0.9), ("10", 99.0)]);
        let b = of(&[("7", 10.0), ("8", 20.0), ("9", 0.0), ("11", -99.0)]);
        let paired = beside(&a, &b).unwrap();
        assert_eq!(paired.seeds, 3);
        assert!((paired.mean - 1.0).abs() < 1e-12);
        let (low, high) = paired.interval.unwrap();
        assert!((low - (1.0 - 0.2484)).abs() < 1e-3 && (high - 1.2484).abs() < 1e-3, "{low} {high}");
        // One seed: two independent means, by hand √(3² + 3²).
        let one = beside(&of(&[("7", 11.0)]), &b).unwrap();
        assert!((one.interval.unwrap().1 - (1.0 + 18.0_f64.sqrt())).abs() < 1e-12);
        assert_eq!(beside(&of(&[("1", 11.0)]), &b), None);
    }
}
