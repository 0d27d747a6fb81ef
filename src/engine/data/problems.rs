//! Word problems with an answer: GSM8K (Cobbe et al. 2021) and MATH-500 (Hendrycks et al. 2021; Lightman et al. 2023).

use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::SplitName;
use serde_json::Value;

use super::{Reading, Row, elements, files, text};

/// `question`; `answer` with steps, calculator marks `<<48/2=24>>` (taken out) and a last line `#### number`.
pub fn gsm8k(path: &Path, reading: &mut Reading) -> Result<(), Fault> {
    const NAMES: &[(SplitName, &[&str])] = &[(SplitName::Train, &["train.jsonl"]), (SplitName::Test, &["test.jsonl"])];
    problems(path, NAMES, reading, |value| {
        let question = value["question"].as_str().ok_or("has no `question`")?;
        let answer = value["answer"].as_str().ok_or("has no `answer`")?;
        let (steps, last) = answer.split_once("####").ok_or("its answer has no `####`")?;
        if last.contains("####") {
            return Err("its answer has more than one `####`".into());
        }
        let number: String = last.trim().chars().filter(|c| !matches!(c, ',' | '$' | ' ')).collect();
        if !number.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(format!("its answer is `{}`, which is no number", last.trim()));
        }
        Ok(Problem { question, solution: format!("{}\n#### {number}", unmarked(steps).trim_end()), answer: number })
    })
}

/// `problem`, `solution` (LaTeX), `answer`, `subject`, `level` 1–5.
pub fn math500(path: &Path, reading: &mut Reading) -> Result<(), Fault> {
    const NAMES: &[(SplitName, &[&str])] = &[(SplitName::Train, &["train.jsonl"]), (SplitName::Test, &["test.jsonl"])];
    problems(path, NAMES, reading, |value| {
        let level = value["level"].as_i64().ok_or("its `level` is no whole number")?;
        if !(1..=5).contains(&level) {
            return Err(format!("its level is {level}; levels are 1 to 5"));
        }
        let of = |name: &str| value[name].as_str().ok_or_else(|| format!("has no `{name}`"));
        Ok(Problem { question: of("problem")?, solution: of("solution")?.to_owned(), answer: of("answer")?.to_owned() })
    })
}

struct Problem<'a> {
    question: &'a str,
    solution: String,
    answer: String,
}

fn problems(
    path: &Path,
    names: &[(SplitName, &[&str])],
    reading: &mut Reading,
    problem: impl for<'a> Fn(&'a Value) -> Result<Problem<'a>, String>,
) -> Result<(), Fault> {
    for (split, file) in files(path, names)? {
        let text = text(&file)?;
        for (line, json) in elements(&text) {
            let value = match serde_json::from_str::<Value>(json) {
                Ok(value) => value,
                Err(why) => {
                    reading.refuse(&file, line, super::not_json(&why));
                    continue;
                }
            };
            match problem(&value) {
                Ok(found) => {
                    let row = Row {
                        asked: true,
                        prompt: found.question.trim().to_owned(),
                        completion: Some(found.solution),
                        answer: Some(found.answer),
                        ..Row::default()
                    };
                    // The question and its solution.
                    reading.conversation(split, 2, &[found.question], vec![row]);
                }
                Err(why) => reading.refuse(&file, line, why),
            }
        }
    }
    Ok(())
}

/// Without `<<…>>`.
fn unmarked(steps: &str) -> String {
    let mut out = String::new();
    let mut rest = steps;
    while let Some((before, after)) = rest.split_once("<<") {
        out.push_str(before);
        match after.split_once(">>") {
            Some((_, later)) => rest = later,
            None => {
                out.push_str("<<");
                rest = after;
            }
        }
    }
    out + rest
}
