//! `identification`: a classifier of who is speaking, by the k nearest of known lines over a sentence encoder's vectors.

use std::collections::BTreeMap;

/// How many neighbours vote.
const K: usize = 5;

/// Known lines: unit vectors and whose they are.
#[derive(Debug, Clone, Default)]
pub struct Classifier {
    lines: Vec<(Vec<f32>, String)>,
}

impl Classifier {
    pub fn new(lines: Vec<(Vec<f32>, String)>) -> Self {
        Self { lines }
    }

    /// Whose line this is: the persona with the largest sum of similarities among the K nearest. `None` without lines.
    pub fn name(&self, vector: &[f32]) -> Option<&str> {
        let dot = |a: &[f32]| a.iter().zip(vector).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let mut near: Vec<(f64, &str)> = self.lines.iter().map(|(line, who)| (dot(line), who.as_str())).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let mut votes: BTreeMap<&str, f64> = BTreeMap::new();
        for (similarity, who) in near.iter().take(K) {
            *votes.entry(who).or_default() += similarity;
        }
        votes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(a.0))).map(|(who, _)| who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_lines_name_the_speaker() {
        let line = |x: f32, y: f32, who: &str| (vec![x, y], who.to_owned());
        let known =
            Classifier::new(vec![line(1.0, 0.0, "a"), line(0.9, 0.1, "a"), line(0.0, 1.0, "b"), line(0.1, 0.9, "b")]);
        assert_eq!(known.name(&[1.0, 0.0]), Some("a"));
        assert_eq!(known.name(&[0.0, 1.0]), Some("b"));
        assert_eq!(Classifier::default().name(&[1.0]), None);
    }
}
