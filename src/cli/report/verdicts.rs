//! What held: gates with their values, controls beside what they control, written lines as a yardstick.

use std::fmt::Write as _;

use super::escape::escape;
use super::intervals::{percent, written};
use super::page::{Control, Difference, Evaluation, GateLine, Page};
use super::subjects::{self, name};
use crate::cli::render::plural;

/// A sign that is read without colour too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Held,
    Fell,
    /// Neither: it says something that the reader must weigh.
    Open,
    NotRun,
}

impl Verdict {
    pub fn of_gate(held: Option<bool>) -> Self {
        match held {
            Some(true) => Verdict::Held,
            Some(false) => Verdict::Fell,
            None => Verdict::NotRun,
        }
    }

    pub fn mark(self) -> &'static str {
        match self {
            Verdict::Held => "<span class=\"mark good\" aria-hidden=\"true\">✓</span>",
            Verdict::Fell => "<span class=\"mark bad\" aria-hidden=\"true\">✗</span>",
            Verdict::Open => "<span class=\"mark\" aria-hidden=\"true\">~</span>",
            Verdict::NotRun => "<span class=\"mark dim\" aria-hidden=\"true\">–</span>",
        }
    }
}

/// Every gate; those that do not hold first.
pub fn gates(page: &Page, to: &mut String) {
    if page.gates.is_empty() {
        return;
    }
    to.push_str(
        "<section id=\"gates\" aria-labelledby=\"gates-title\">\n<h2 id=\"gates-title\">Gates and guards</h2>\n",
    );
    to.push_str("<p class=\"dim\">Conditions that the file sets, asked of what was measured. One that does not hold stops what depends on it.</p>\n");
    let mut gates: Vec<&GateLine> = page.gates.iter().collect();
    gates.sort_by_key(|gate| match gate.held {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    });
    to.push_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"gates\"><table class=\"plain\">\n\
         <caption>Gates, as written, with the values in them</caption>\n<thead><tr><th scope=\"col\">holds</th>\
         <th scope=\"col\">task</th><th scope=\"col\">condition</th><th scope=\"col\">values</th></tr></thead>\n<tbody>\n",
    );
    for gate in gates {
        let word = match gate.held {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not asked",
        };
        let why = if gate.held == Some(false) {
            format!("<br><span class=\"bad\">{}</span>{}", escape(&gate.otherwise), whom(gate))
        } else {
            String::new()
        };
        let _ = writeln!(
            to,
            "<tr><td class=\"nowrap\">{} {word}</td><th scope=\"row\">{}</th><td><code>{}</code>{why}</td><td>{}</td></tr>",
            Verdict::of_gate(gate.held).mark(),
            escape(&gate.task),
            escape(&gate.text),
            gate.values.iter().map(|value| escape(value)).collect::<Vec<_>>().join("<br>"),
        );
    }
    to.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// For whom a gate does not hold, where it was asked for each.
pub fn whom(gate: &GateLine) -> String {
    if gate.failed_for.is_empty() { String::new() } else { format!(" ({})", escape(&gate.failed_for.join(", "))) }
}

/// What the store remembers of the file's variants.
pub fn controls(page: &Page, to: &mut String) {
    if page.controls.is_empty() {
        return;
    }
    to.push_str(
        "<section id=\"controls\" aria-labelledby=\"controls-title\">\n<h2 id=\"controls-title\">Controls</h2>\n",
    );
    to.push_str(
        "<p class=\"dim\">The file's variants, as far as the store remembers their results. A gain is the first difference of \
         an evaluation; it vanishes where the upper end of its interval lies below half of the base's. Whether it should is \
         for the variant's author to say.</p>\n",
    );
    for control in &page.controls {
        one(control, to);
    }
    to.push_str("</section>\n");
}

fn one(control: &Control, to: &mut String) {
    let title =
        control.title.as_ref().map_or(String::new(), |title| format!(" <span class=\"dim\">{}</span>", escape(title)));
    let _ = writeln!(to, "<h3>{}{title}</h3>", escape(&control.name));
    if let Some(doc) = &control.doc {
        let _ = writeln!(to, "<p>{}</p>", escape(doc.trim()));
    }
    let (verdict, words) = of_control(control);
    let _ = writeln!(to, "<p>{} {words}</p>", verdict.mark());
    if control.compared.is_empty() {
        return;
    }
    let _ = writeln!(
        to,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"control {name}\"><table>\n\
         <caption>{name}, beside the base</caption>\n<thead><tr><th scope=\"col\">evaluation</th><th scope=\"col\">metric</th>\
         <th scope=\"col\">difference</th><th scope=\"col\" class=\"right\">{name}</th>\
         <th scope=\"col\" class=\"right\">base</th></tr></thead>\n<tbody>",
        name = escape(&control.name),
    );
    for compared in &control.compared {
        let shown = |of: &Difference| {
            let (mean, interval) = written(of);
            format!("<b>{mean}</b> <span class=\"interval\">{interval}</span>")
        };
        let _ = writeln!(
            to,
            "<tr><th scope=\"row\">{}</th><td><code>{}</code></td><td>{}</td><td class=\"right\">{}</td><td class=\"right\">{}</td></tr>",
            escape(&compared.evaluation),
            escape(&compared.metric),
            escape(&compared.pair),
            shown(&compared.here),
            compared.base.as_ref().map_or("–".to_owned(), shown),
        );
    }
    to.push_str("</tbody>\n</table></div>\n");
}

/// What a control came to, in a sentence (HTML). By its first evaluation, which is its author's question.
pub fn of_control(control: &Control) -> (Verdict, String) {
    let unmoved = match control.unmoved {
        (_, 0) => String::new(),
        (same, all) if same == all => {
            format!(" Trained adapters keep every byte of what they began from ({all} of {all}).")
        }
        (0, _) => String::new(),
        (same, all) => format!(" {same} of {all} trained adapters keep every byte of what they began from."),
    };
    if control.other_weights {
        return (
            Verdict::NotRun,
            "speaks with other weights than the base: a rehearsal of it, not compared.".to_owned(),
        );
    }
    let Some(first) = control.compared.first() else {
        return if unmoved.is_empty() {
            (Verdict::NotRun, "not run".to_owned())
        } else {
            let still = control.unmoved.0 == control.unmoved.1;
            (if still { Verdict::Held } else { Verdict::Open }, format!("trained, not measured.{unmoved}"))
        };
    };
    let (mean, interval) = written(&first.here);
    let mut words = format!("{} is {mean} {interval}", escape(&first.pair));
    let verdict = match (&first.base, first.here.interval) {
        (Some(base), Some((_, high))) if base.mean > 0.0 => {
            let _ = write!(words, " (base {})", written(base).0);
            if high < base.mean / 2.0 {
                let below = if high < 0.0 { ", and lies below zero" } else { "" };
                let _ = write!(words, ": the gain vanishes{below}.");
                Verdict::Held
            } else {
                if first.gains_as_much() {
                    words.push_str(": it gains as much as the base.");
                } else {
                    let _ = write!(words, ": its upper end is {} of the base's gain.", percent(high / base.mean));
                }
                // A control must not gain; another recipe may. Which it is, the file does not say.
                Verdict::Open
            }
        }
        _ => {
            words.push('.');
            Verdict::Open
        }
    };
    let (got, all) = control.measured;
    if got < all {
        let _ = write!(words, " {} of {} run.", got, plural(all, "evaluation"));
    }
    (verdict, words + &unmoved)
}

/// A trained crew beside lines that people wrote for it.
#[derive(Debug, PartialEq)]
pub struct Beside {
    /// As the file calls them.
    pub called: String,
    /// Of the written lines.
    pub mean: f64,
    pub reference: String,
    /// Of the way from the reference to the written lines; `None` where the lines are not above the reference.
    pub share: Option<f64>,
    pub suspects: Vec<Suspect>,
}

/// A persona that scores higher than the lines that it was to learn from: more likely a cheat than a master.
#[derive(Debug, PartialEq)]
pub struct Suspect {
    pub persona: String,
    pub written: f64,
    pub above: f64,
}

/// Nats a token by which a persona may be above its written lines.
const SUSPECT: f64 = 0.1;

/// Where an evaluation has written lines among its subjects.
pub fn beside_written(evaluation: &Evaluation, main: usize, reference: Option<usize>) -> Option<Beside> {
    let written = (0..evaluation.subjects.len()).find(|subject| subjects::is_written(evaluation, *subject))?;
    let mean = |subject: usize, persona: Option<&str>| {
        let rows = &evaluation.table.rows;
        let same = |row: &&mascot_run::engine::MetricRow| {
            (row.subject, row.metric) == (subject, evaluation.headline)
                && row.criterion.is_none()
                && row.persona.as_deref() == persona
        };
        rows.iter().find(same)?.mean
    };
    let gold = mean(written, None)?;
    let from = reference.filter(|reference| *reference != written).and_then(|at| Some((at, mean(at, None)?)));
    let share =
        from.zip(mean(main, None)).and_then(|((_, from), to)| (gold > from).then(|| (to - from) / (gold - from)));
    // A tenth is of nats; other metrics have other units.
    let in_nats = evaluation.metrics.get(evaluation.headline).is_some_and(|metric| metric.starts_with("contrast("));
    let suspect = |persona: String| {
        let written = mean(written, Some(&persona))?;
        let above = mean(main, Some(&persona))? - written;
        (in_nats && above > SUSPECT).then_some(Suspect { persona, written, above })
    };
    Some(Beside {
        called: evaluation.subjects[written].clone(),
        mean: gold,
        reference: from.map(|(at, _)| name(evaluation, at)).unwrap_or_default(),
        share,
        suspects: subjects::personas(evaluation).into_iter().filter_map(suspect).collect(),
    })
}

#[cfg(test)]
mod tests {
    use mascot_run::engine::{MetricRow, Table};

    use super::*;
    use crate::cli::report::page::Compared;

    fn evaluation(rows: &[(usize, Option<&str>, f64)]) -> Evaluation {
        let row = |(subject, persona, mean): &(usize, Option<&str>, f64)| {
            let text = serde_json::json!({
                "subject": subject, "metric": 0, "criterion": null, "persona": persona, "mean": mean, "sd": null, "low": null,
                "high": null, "n": 4,
            });
            serde_json::from_value::<MetricRow>(text).unwrap()
        };
        Evaluation {
            subjects: vec!["voices".into(), "baseline(sft)".into(), "lines".into()],
            kinds: vec![Some("grpo".into()), None, Some("dataset".into())],
            metrics: vec!["contrast(examples: others)".into()],
            table: Table { rows: rows.iter().map(row).collect(), deltas: Vec::new() },
            ..Evaluation::default()
        }
    }

    #[test]
    fn a_persona_above_its_written_lines_is_suspect() {
        let rows = [
            (0, None, 0.4),
            (1, None, 0.2),
            (2, None, 0.6),
            (0, Some("Ada"), 0.71),
            (2, Some("Ada"), 0.6),
            (0, Some("Bo"), 0.69),
            (2, Some("Bo"), 0.6),
        ];
        let beside = beside_written(&evaluation(&rows), 0, Some(1)).unwrap();
        assert!((beside.share.unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(beside.suspects.iter().map(|one| one.persona.as_str()).collect::<Vec<_>>(), ["Ada"]);
        assert_eq!(beside_written(&evaluation(&rows[..2]), 0, Some(1)), None);
    }

    fn control(here: (f64, f64, f64), measured: (usize, usize), unmoved: (usize, usize)) -> Control {
        let of = |(low, mean, high)| Difference { mean, interval: Some((low, high)), n: 4 };
        let compared = Compared {
            evaluation: "speakers".into(),
            metric: "contrast".into(),
            pair: "voices − SFT".into(),
            here: of(here),
            base: Some(of((0.05, 0.1, 0.15))),
        };
        Control {
            name: "shuffled".into(),
            title: None,
            doc: None,
            other_weights: false,
            measured,
            unmoved,
            compared: if measured.0 > 0 { vec![compared] } else { Vec::new() },
        }
    }

    #[test]
    fn a_control_is_told_by_what_was_measured() {
        let (verdict, words) = of_control(&control((-0.02, 0.01, 0.04), (1, 1), (0, 3)));
        assert_eq!(verdict, Verdict::Held);
        assert!(words.ends_with("the gain vanishes."), "{words}");
        let (verdict, words) = of_control(&control((-0.09, -0.05, -0.01), (1, 2), (0, 0)));
        assert_eq!(verdict, Verdict::Held);
        assert!(words.contains("lies below zero") && words.contains("1 of 2 evaluations run"), "{words}");
        let (verdict, words) = of_control(&control((0.06, 0.1, 0.14), (1, 1), (0, 0)));
        assert_eq!(verdict, Verdict::Open);
        assert!(words.ends_with("it gains as much as the base."), "{words}");
        let (verdict, words) = of_control(&control((0.02, 0.05, 0.08), (1, 1), (0, 0)));
        assert_eq!(verdict, Verdict::Open);
        assert!(words.contains("80% of the base's gain"), "{words}");
        assert_eq!(of_control(&control((0.0, 0.0, 0.0), (0, 1), (0, 0))), (Verdict::NotRun, "not run".to_owned()));
        let (verdict, words) = of_control(&control((0.0, 0.0, 0.0), (0, 1), (3, 3)));
        assert_eq!(verdict, Verdict::Held);
        assert!(words.contains("every byte of what they began from (3 of 3)"), "{words}");
    }
}
