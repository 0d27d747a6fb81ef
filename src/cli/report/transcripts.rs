//! The transcripts, side by side: one row a situation, one column a subject.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::escape;
use super::{Directive, Evaluation, Transcript, Turn};
use crate::cli::render;

/// Situations that stand open; the others are folded.
const OPEN: usize = 3;
/// Columns that fit side by side at 1280 pixels.
const COLUMNS: usize = 3;

pub fn section(evaluation: &Evaluation, named: bool, to: &mut String) {
    if evaluation.transcripts.is_empty() {
        return;
    }
    let suffix = if named { format!(" · {}", escape(&evaluation.id)) } else { String::new() };
    let _ = writeln!(to, "<section>\n<h2>What they say{suffix}</h2>");
    to.push_str("<p class=\"dim\">The same situation under each subject. Read these before the tables.</p>\n");
    let columns = columns(evaluation);
    let rows = rows(&evaluation.transcripts);
    let (main, others) = columns.split_at(columns.len().min(COLUMNS));
    for (at, row) in rows.iter().enumerate() {
        if at == OPEN {
            let more = render::plural(rows.len() - OPEN, "more situation");
            let _ = writeln!(to, "<details>\n<summary>{more}</summary>");
        }
        situation(evaluation, row, main, others, to);
    }
    if rows.len() > OPEN {
        to.push_str("</details>\n");
    }
    to.push_str("</section>\n");
}

/// All that was said about one situation.
struct Row<'a> {
    situation: &'a str,
    of: Vec<&'a Transcript>,
}

/// By situation, in the order of the file; the first sample of each subject. By its text: it is what a reader compares by.
fn rows(transcripts: &[Transcript]) -> Vec<Row<'_>> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for one in transcripts.iter().filter(|one| one.sample == 0) {
        let at = *places.entry(one.situation.trim()).or_insert_with(|| {
            rows.push(Row { situation: &one.situation, of: Vec::new() });
            rows.len() - 1
        });
        rows[at].of.push(one);
    }
    rows
}

/// Subjects in reading order: untrained, SFT, trained, then the rest.
fn columns(evaluation: &Evaluation) -> Vec<usize> {
    let mut order: Vec<usize> = (0..evaluation.subjects.len())
        .filter(|subject| evaluation.transcripts.iter().any(|one| one.subject == *subject))
        .collect();
    let first_trained = order.iter().copied().find(|at| !evaluation.subjects[*at].starts_with("baseline("));
    order.sort_by_key(|at| match evaluation.subjects[*at].as_str() {
        "baseline(zero_shot)" => 0,
        "baseline(sft)" => 1,
        _ if Some(*at) == first_trained => 2,
        _ => 3 + at,
    });
    order
}

fn situation(evaluation: &Evaluation, row: &Row<'_>, main: &[usize], others: &[usize], to: &mut String) {
    let _ =
        writeln!(to, "<article>\n<p class=\"situation\"><span class=\"who\">user</span> {}</p>", escape(row.situation));
    grid(evaluation, row, main, to);
    if others.iter().any(|subject| row.of.iter().any(|one| one.subject == *subject)) {
        let _ = writeln!(to, "<details>\n<summary>{}</summary>", render::plural(others.len(), "other subject"));
        for three in others.chunks(COLUMNS) {
            grid(evaluation, row, three, to);
        }
        to.push_str("</details>\n");
    }
    to.push_str("</article>\n");
}

fn grid(evaluation: &Evaluation, row: &Row<'_>, subjects: &[usize], to: &mut String) {
    let _ = writeln!(to, "<div class=\"columns\" style=\"--columns: {}\">", subjects.len().max(1));
    for subject in subjects {
        let (name, about) = heading(&evaluation.subjects[*subject]);
        let _ = writeln!(
            to,
            "<div class=\"subject\">\n<h4>{} <span class=\"dim\">{}</span></h4>",
            escape(&name),
            escape(&about)
        );
        for transcript in row.of.iter().filter(|one| one.subject == *subject) {
            let repeats_situation = |turn: &Turn| is_user(turn) && turn.text.trim() == transcript.situation.trim();
            transcript.turns.iter().filter(|one| !repeats_situation(one)).for_each(|one| turn(one, to));
            // A lone reply's scores are the transcript's; they are shown once.
            if !transcript.turns.iter().any(|turn| covers(&turn.scores, &transcript.scores)) {
                scores(&transcript.scores, "block", to);
            }
        }
        to.push_str("</div>\n");
    }
    to.push_str("</div>\n");
}

/// A subject as written, in a reader's words.
pub fn heading(subject: &str) -> (String, String) {
    let (name, about) = match subject {
        "baseline(zero_shot)" => ("zero-shot", "untrained model, persona's prompt alone"),
        "baseline(sft)" => ("SFT", "fine-tuned on the persona's lines, before RL"),
        "baseline(few_shot)" => ("few-shot", "untrained model, examples in the prompt"),
        "baseline(cot)" => ("chain of thought", "untrained model"),
        "baseline(few_shot_cot)" => ("few-shot chain of thought", "untrained model"),
        "baseline(self_consistency)" => ("self-consistency", "untrained model"),
        other => return (other.to_owned(), "trained".to_owned()),
    };
    (name.to_owned(), about.to_owned())
}

fn is_user(turn: &Turn) -> bool {
    turn.speaker == "user"
}

fn turn(turn: &Turn, to: &mut String) {
    let class = if is_user(turn) { "turn user" } else { "turn" };
    let _ = writeln!(to, "<div class=\"{class}\">");
    if let Some(directive) = &turn.directive {
        let _ = writeln!(to, "<p class=\"directive\">{}</p>", directed(directive));
    }
    let cut =
        if turn.finish.as_deref() == Some("length") { " <span class=\"cut\">cut at the limit</span>" } else { "" };
    let text = if turn.text.trim().is_empty() {
        "<em class=\"dim\">(silence)</em>".to_owned()
    } else {
        escape(turn.text.trim())
    };
    let _ = writeln!(to, "<p><span class=\"who\">{}</span> {text}{cut}</p>", escape(&turn.speaker));
    scores(&turn.scores, "", to);
    to.push_str("</div>\n");
}

fn directed(directive: &Directive) -> String {
    let part = |name: &str, value: &Option<String>| {
        value
            .as_ref()
            .filter(|text| !text.trim().is_empty())
            .map(|text| format!("<b>{name}</b> {}", escape(text.trim())))
    };
    [part("to", &directive.agent), part("action", &directive.action), part("tone", &directive.tone)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn covers(of_turn: &BTreeMap<String, Option<f64>>, of_transcript: &BTreeMap<String, Option<f64>>) -> bool {
    of_transcript.iter().all(|(name, value)| of_turn.get(name) == Some(value))
}

/// What was not measured of this turn alone (a share over many turns, a void verdict) is left out.
fn scores(scores: &BTreeMap<String, Option<f64>>, class: &str, to: &mut String) {
    let measured: Vec<(&String, f64)> = scores.iter().filter_map(|(name, value)| Some((name, (*value)?))).collect();
    if measured.is_empty() {
        return;
    }
    let _ = write!(to, "<p class=\"scores {class}\">");
    for (name, value) in measured {
        let _ = write!(to, "<span>{} <b>{}</b></span>", escape(name), render::measured(value, None));
    }
    to.push_str("</p>\n");
}
