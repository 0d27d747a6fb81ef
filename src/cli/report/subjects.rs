//! Subjects of an evaluation in a reader's words and order.

use mascot_run::engine::Delta;

use super::page::{Difference, Evaluation};

/// A subject's name and what it is.
pub fn heading(evaluation: &Evaluation, subject: usize) -> (String, String) {
    let Some(written) = evaluation.subjects.get(subject) else {
        return (format!("subject {subject}"), String::new());
    };
    let kind = evaluation.kinds.get(subject).and_then(Option::as_deref);
    let (name, about) = match written.as_str() {
        "baseline(zero_shot)" => ("zero-shot", "untrained, the persona's prompt alone"),
        "baseline(sft)" => ("SFT", "fine-tuned on the persona's lines, before RL"),
        "baseline(few_shot)" => ("few-shot", "untrained, examples in the prompt"),
        "baseline(cot)" => ("chain of thought", "untrained"),
        "baseline(few_shot_cot)" => ("few-shot chain of thought", "untrained"),
        "baseline(self_consistency)" => ("self-consistency", "untrained"),
        written => {
            let about = match kind {
                Some("grpo") => "trained by RL",
                Some("sft") => "fine-tuned",
                Some("dialogue") => "a dialogue under a director",
                Some("dataset") => "written by people",
                _ => "",
            };
            (written, about)
        }
    };
    (name.to_owned(), about.to_owned())
}

pub fn name(evaluation: &Evaluation, subject: usize) -> String {
    heading(evaluation, subject).0
}

/// The subject that the evaluation is about: the first that is no baseline.
pub fn main(evaluation: &Evaluation) -> Option<usize> {
    evaluation.subjects.iter().position(|subject| !is_baseline(subject))
}

/// What the main subject is compared with first: what it was before RL, else the next in the file.
pub fn reference(evaluation: &Evaluation) -> Option<usize> {
    let main = main(evaluation)?;
    let sft = evaluation.subjects.iter().position(|subject| subject == "baseline(sft)");
    sft.or_else(|| (0..evaluation.subjects.len()).find(|at| *at != main))
}

/// Whether a subject is a data set: lines that people wrote.
pub fn is_written(evaluation: &Evaluation, subject: usize) -> bool {
    evaluation.kinds.get(subject).is_some_and(|kind| kind.as_deref() == Some("dataset"))
}

/// Reading order of columns: untrained, fine-tuned, trained, then the others as written.
pub fn in_order(evaluation: &Evaluation) -> Vec<usize> {
    let main = main(evaluation);
    let mut order: Vec<usize> = (0..evaluation.subjects.len()).collect();
    order.sort_by_key(|at| match evaluation.subjects[*at].as_str() {
        "baseline(zero_shot)" => 0,
        "baseline(sft)" => 1,
        _ if Some(*at) == main => 2,
        _ => 3 + at,
    });
    order
}

/// The paired difference `a − b` of a metric, whichever way round the table has it.
pub fn difference(
    evaluation: &Evaluation,
    a: usize,
    b: usize,
    metric: usize,
    persona: Option<&str>,
) -> Option<Difference> {
    let found = |a: usize, b: usize| {
        let same = |delta: &&Delta| {
            (delta.a, delta.b, delta.metric) == (a, b, metric)
                && delta.criterion.is_none()
                && delta.persona.as_deref() == persona
        };
        let delta = evaluation.table.deltas.iter().find(same)?;
        Some(Difference { mean: delta.mean?, interval: delta.low.zip(delta.high), n: delta.n })
    };
    let turned =
        |of: Difference| Difference { mean: -of.mean, interval: of.interval.map(|(low, high)| (-high, -low)), n: of.n };
    found(a, b).or_else(|| found(b, a).map(turned))
}

/// Personas that the table tells apart, sorted.
pub fn personas(evaluation: &Evaluation) -> Vec<String> {
    let mut all: Vec<String> = evaluation.table.rows.iter().filter_map(|row| row.persona.clone()).collect();
    all.sort();
    all.dedup();
    all
}

fn is_baseline(subject: &str) -> bool {
    subject.starts_with("baseline(")
}
