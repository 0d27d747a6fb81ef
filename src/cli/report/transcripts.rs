//! The transcripts, side by side: one article a situation; within it a row a speaker, a column a subject.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::escape;
use super::page::{Directive, Evaluation, Scores, Transcript, Turn};
use super::subjects::{self, heading};
use crate::cli::render::{self, plural};

/// Situations that stand open; the others are folded.
const OPEN: usize = 3;
/// Columns that fit side by side at 1280 pixels.
const COLUMNS: usize = 3;

pub fn section(evaluations: &[Evaluation], to: &mut String) {
    let filled: Vec<&Evaluation> = evaluations.iter().filter(|one| !one.transcripts.is_empty()).collect();
    if filled.is_empty() {
        return;
    }
    to.push_str("<section id=\"said\" aria-labelledby=\"said-title\">\n<h2 id=\"said-title\">What they say</h2>\n");
    to.push_str("<p class=\"dim\">The same situation under each subject. Read these before you believe a table.</p>\n");
    for evaluation in filled {
        let columns: Vec<usize> = subjects::in_order(evaluation)
            .into_iter()
            .filter(|subject| evaluation.transcripts.iter().any(|one| one.subject == *subject))
            .filter(|subject| !subjects::is_written(evaluation, *subject))
            .collect();
        let (main, others) = columns.split_at(columns.len().min(COLUMNS));
        let _ = writeln!(to, "<h3>{}</h3>", escape(&evaluation.id));
        legend(evaluation, &columns, to);
        let said = evaluation.transcripts.iter().filter(|one| !subjects::is_written(evaluation, one.subject));
        let rows = rows(said);
        for (at, row) in rows.iter().enumerate() {
            if at == OPEN {
                let _ = writeln!(to, "<details>\n<summary>{}</summary>", plural(rows.len() - OPEN, "more situation"));
            }
            situation(evaluation, row, main, others, to);
        }
        if rows.len() > OPEN {
            to.push_str("</details>\n");
        }
        written(evaluation, to);
    }
    to.push_str("</section>\n");
}

/// Lines that people wrote answer situations of their own, so they stand beside nobody's.
fn written(evaluation: &Evaluation, to: &mut String) {
    let lines: Vec<&Transcript> =
        evaluation.transcripts.iter().filter(|one| subjects::is_written(evaluation, one.subject)).collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(
        to,
        "<details>\n<summary>{} that the trained are held against</summary>\n<div class=\"columns\" style=\"--columns: 3\">",
        plural(lines.len(), "written line")
    );
    for line in lines {
        let _ = writeln!(to, "<div class=\"subject\">\n<p class=\"dim\">{}</p>", escape(line.situation.trim()));
        for own in line.turns.iter().filter(|turn| !is_user(turn)) {
            turn(own, true, to);
        }
        to.push_str("</div>\n");
    }
    to.push_str("</div>\n</details>\n");
}

/// All that was said about one situation.
struct Row<'a> {
    situation: &'a str,
    of: Vec<&'a Transcript>,
}

/// By situation, in the order of the file. By its text: it is what a reader compares by.
fn rows<'a>(transcripts: impl Iterator<Item = &'a Transcript>) -> Vec<Row<'a>> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for one in transcripts {
        let at = *places.entry(one.situation.trim()).or_insert_with(|| {
            rows.push(Row { situation: &one.situation, of: Vec::new() });
            rows.len() - 1
        });
        rows[at].of.push(one);
    }
    rows
}

fn legend(evaluation: &Evaluation, columns: &[usize], to: &mut String) {
    let mut kinds: Vec<String> = columns.iter().map(|subject| heading(evaluation, *subject).1).collect();
    kinds.dedup();
    if kinds.len() < 2 {
        return;
    }
    to.push_str("<ul class=\"legend\">\n");
    for subject in columns {
        let (name, about) = heading(evaluation, *subject);
        let about = if about.is_empty() { about } else { format!(": {about}") };
        let _ = writeln!(to, "<li><strong>{}</strong>{}</li>", escape(&name), escape(&about));
    }
    to.push_str("</ul>\n");
}

fn situation(evaluation: &Evaluation, row: &Row<'_>, main: &[usize], others: &[usize], to: &mut String) {
    let _ = writeln!(
        to,
        "<article>\n<h4 class=\"situation\"><span class=\"who\">user</span> {}</h4>",
        escape(row.situation)
    );
    for speaker in speakers(row) {
        if let Some(speaker) = speaker {
            let _ = writeln!(to, "<h5>{}</h5>", escape(speaker));
        }
        grid(evaluation, row, speaker, 0, main, to);
    }
    let samples = row.of.iter().map(|one| one.sample).max().unwrap_or_default();
    let has_others = others.iter().any(|subject| row.of.iter().any(|one| one.subject == *subject));
    if has_others || samples > 0 {
        let mut what = Vec::new();
        if has_others {
            let names: Vec<String> = others.iter().map(|subject| subjects::name(evaluation, *subject)).collect();
            what.push(names.join(", "));
        }
        if samples > 0 {
            what.push(plural(samples as usize, "more sample") + " of each");
        }
        let _ = writeln!(to, "<details>\n<summary>{}</summary>", escape(&what.join("; ")));
        for sample in 0..=samples {
            for speaker in speakers(row) {
                if let Some(speaker) = speaker {
                    let again = if sample > 0 { format!(", sample {}", sample + 1) } else { String::new() };
                    let _ = writeln!(to, "<h5>{}{again}</h5>", escape(speaker));
                } else if sample > 0 {
                    let _ = writeln!(to, "<h5>sample {}</h5>", sample + 1);
                }
                let shown: Vec<usize> =
                    if sample == 0 { others.to_vec() } else { main.iter().chain(others).copied().collect() };
                shown.chunks(COLUMNS).for_each(|some| grid(evaluation, row, speaker, sample, some, to));
            }
        }
        to.push_str("</details>\n");
    }
    to.push_str("</article>\n");
}

/// Who answers alone; `None` stands for the whole of a dialogue.
fn speakers<'a>(row: &Row<'a>) -> Vec<Option<&'a str>> {
    let mut all = Vec::new();
    for one in &row.of {
        let speaker = alone(one);
        if !all.contains(&speaker) {
            all.push(speaker);
        }
    }
    all
}

fn alone(transcript: &Transcript) -> Option<&str> {
    let mut own = transcript.turns.iter().filter(|turn| !is_user(turn));
    match (own.next(), own.next()) {
        (Some(turn), None) => Some(&turn.speaker),
        _ => None,
    }
}

fn grid(
    evaluation: &Evaluation,
    row: &Row<'_>,
    speaker: Option<&str>,
    sample: u64,
    subjects: &[usize],
    to: &mut String,
) {
    let of = |subject: usize| {
        let same = move |one: &&&Transcript| one.subject == subject && one.sample == sample && alone(one) == speaker;
        row.of.iter().filter(same)
    };
    if subjects.iter().all(|subject| of(*subject).next().is_none()) {
        return;
    }
    let _ = writeln!(to, "<div class=\"columns\" style=\"--columns: {}\">", subjects.len().max(1));
    for subject in subjects {
        let _ = writeln!(
            to,
            "<div class=\"subject\">\n<p class=\"of\">{}</p>",
            escape(&subjects::name(evaluation, *subject))
        );
        if of(*subject).next().is_none() {
            to.push_str("<p class=\"dim\">nothing to this situation</p>\n");
        }
        for transcript in of(*subject) {
            let repeats_situation = |turn: &&Turn| is_user(turn) && turn.text.trim() == transcript.situation.trim();
            let turns: Vec<&Turn> = transcript.turns.iter().filter(|turn| !repeats_situation(turn)).collect();
            for one in &turns {
                turn(one, speaker.is_none(), to);
            }
            // A lone reply's scores are the transcript's; they are shown once.
            if !turns.iter().any(|turn| covers(&turn.scores, &transcript.scores)) {
                scores(&transcript.scores, "block", to);
            }
        }
        to.push_str("</div>\n");
    }
    to.push_str("</div>\n");
}

fn is_user(turn: &Turn) -> bool {
    turn.speaker == "user"
}

fn turn(turn: &Turn, named: bool, to: &mut String) {
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
    let who = if named { format!("<span class=\"who\">{}</span> ", escape(&turn.speaker)) } else { String::new() };
    let _ = writeln!(to, "<p class=\"text\">{who}{text}{cut}</p>");
    scores(&turn.scores, "", to);
    to.push_str("</div>\n");
}

fn directed(directive: &Directive) -> String {
    let part = |name: &str, value: &Option<String>| {
        let text = value.as_ref().filter(|text| !text.trim().is_empty())?;
        Some(format!("<b>{name}</b> {}", escape(text.trim())))
    };
    let parts = [part("to", &directive.agent), part("action", &directive.action), part("tone", &directive.tone)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Scores in little, or nothing where none was measured of this text alone.
pub fn scores(scores: &Scores, class: &str, to: &mut String) {
    let measured: Vec<(&String, f64)> = scores.iter().filter_map(|(name, value)| Some((name, (*value)?))).collect();
    if measured.is_empty() {
        return;
    }
    let _ = write!(to, "<dl class=\"scores {class}\">");
    for (name, value) in measured {
        let value = super::intervals::minus(&render::measured(value, None));
        let _ = write!(to, "<div><dt>{}</dt><dd>{value}</dd></div>", escape(name));
    }
    to.push_str("</dl>\n");
}

fn covers(of_turn: &Scores, of_transcript: &Scores) -> bool {
    // What is not of one text (`distinct_2`) is void in both places.
    of_transcript.iter().all(|(name, value)| value.is_none() || of_turn.get(name) == Some(value))
}
