//! Laws about rubrics.

use super::{Checker, Decl, Val, say};

pub fn has_criteria(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(done) = &checker.done[decl.id.0 as usize] else { return };
    if done.children.is_empty() {
        checker.found.add(say::rubric_without_criteria(decl.item.header, &decl.name.value));
    }
}

/// The weights of a rubric's criteria; each has one.
pub fn weights_add_up_to_100(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(done) = &checker.done[decl.id.0 as usize] else { return };
    let (mut weights, mut unweighted) = (Vec::new(), Vec::new());
    for child in &done.children {
        match &child.weight {
            Some(Val::Number { value, .. }) => weights.push((child.header, *value)),
            None => unweighted.push(child.header),
            Some(_) => return,
        }
    }
    if !unweighted.is_empty() {
        unweighted.into_iter().for_each(|header| checker.found.add(say::criterion_without_weight(header)));
        return;
    }
    let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
    if !weights.is_empty() && (sum - 1.0).abs() > 1e-9 {
        checker.found.add(say::weights_do_not_add_up(decl.item.header, &decl.name.value, sum, &weights));
    }
}
