//! Chats of two: what the readers of chats share, `personachat` and `dailydialog`.

use std::path::Path;

use mascot_run::engine::Fault;
use mascot_run::task::SplitName;

use super::{Reading, Row, Turn, files, text};

/// One chat: `asked` (or else its first user turn) is the prompt, every own turn after something the other said is a row to
/// learn from, with the turns before it. Neighbouring turns of one side are one turn to a model, joined by a newline.
pub fn take(
    split: Option<SplitName>,
    id: &str,
    asked: Option<String>,
    turns: Vec<(bool, String)>,
    reading: &mut Reading,
) {
    take_as(split, id, asked, None, turns, reading);
}

fn take_as(
    split: Option<SplitName>,
    id: &str,
    asked: Option<String>,
    system: Option<String>,
    turns: Vec<(bool, String)>,
    reading: &mut Reading,
) {
    let count = turns.len();
    let mut joined: Vec<Turn> = Vec::new();
    for (own, text) in turns {
        let text = text.trim().to_owned();
        match joined.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.own == own => {
                last.text.push('\n');
                last.text.push_str(&text);
            }
            _ => joined.push(Turn { speaker: if own { "assistant" } else { "user" }.into(), text, own }),
        }
    }
    let first = asked.or_else(|| joined.iter().find(|turn| !turn.own).map(|turn| turn.text.clone()));
    let mut rows = Vec::new();
    if let Some(prompt) = first {
        rows.push(Row { asked: true, prompt, system: system.clone(), ..Row::default() });
    }
    for at in 1..joined.len() {
        if joined[at].own {
            rows.push(Row {
                history: joined[..at - 1].to_vec(),
                prompt: joined[at - 1].text.clone(),
                completion: Some(joined[at].text.clone()),
                system: system.clone(),
                ..Row::default()
            });
        }
    }
    let mut said: Vec<&str> = vec![id];
    said.extend(joined.iter().map(|turn| turn.text.as_str()));
    let said: Vec<String> = said.into_iter().map(str::to_owned).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    reading.conversation(split, count, &said, rows);
}

/// PersonaChat / ConvAI2: numbered lines; the number starts again at 1 for each chat; the persona is that of the reply's side.
pub fn personachat(path: &Path, reading: &mut Reading) -> Result<(), Fault> {
    const NAMES: &[(SplitName, &[&str])] = &[
        (SplitName::Train, &["train_self_original_no_cands.txt", "train_self_original.txt"]),
        (SplitName::Val, &["valid_self_original_no_cands.txt", "valid_self_original.txt"]),
        (SplitName::Test, &["test_self_original_no_cands.txt", "test_self_original.txt"]),
    ];
    for (split, file) in files(path, NAMES)? {
        let text = text(&file)?;
        let (mut persona, mut turns): (Vec<String>, Vec<(bool, String)>) = (Vec::new(), Vec::new());
        let close = |persona: &mut Vec<String>, turns: &mut Vec<(bool, String)>, reading: &mut Reading| {
            if !turns.is_empty() || !persona.is_empty() {
                let system = Some(persona.join("\n")).filter(|s| !s.is_empty());
                let id = persona.join("\n");
                take_as(split, &id, None, system, std::mem::take(turns), reading);
                persona.clear();
            }
        };
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let numbered = line.split_once(' ').and_then(|(n, rest)| Some((n.parse::<usize>().ok()?, rest)));
            let Some((number, rest)) = numbered else {
                reading.refuse(&file, index + 1, "does not begin with a number");
                continue;
            };
            if number == 1 {
                close(&mut persona, &mut turns, reading);
            }
            if let Some(sentence) = rest.strip_prefix("your persona: ") {
                persona.push(sentence.trim().to_owned());
            } else if rest.starts_with("partner's persona: ") {
                // The other side's; this reader speaks for the reply's side alone.
            } else {
                // Candidates, where a file has them, come after the reply.
                let mut parts = rest.split('\t');
                match (parts.next(), parts.next()) {
                    (Some(partner), Some(reply)) => {
                        turns.push((false, partner.to_owned()));
                        turns.push((true, reply.to_owned()));
                    }
                    _ => reading.refuse(&file, index + 1, "has no tab between the two speakers"),
                }
            }
        }
        close(&mut persona, &mut turns, reading);
    }
    Ok(())
}

/// DailyDialog: one chat a line, turns ended by `__eou__`; two people alternate.
pub fn dailydialog(path: &Path, reading: &mut Reading) -> Result<(), Fault> {
    const NAMES: &[(SplitName, &[&str])] = &[
        (SplitName::Train, &["train/dialogues_train.txt", "dialogues_train.txt"]),
        (SplitName::Val, &["validation/dialogues_validation.txt", "dialogues_validation.txt"]),
        (SplitName::Test, &["test/dialogues_test.txt", "dialogues_test.txt"]),
    ];
    // All of it in one file, as the source's archive has beside its splits.
    let whole = path.join("dialogues_text.txt");
    let found = match files(path, NAMES) {
        Err(_) if whole.is_file() => vec![(None, whole)],
        found => found?,
    };
    for (split, file) in found {
        let text = text(&file)?;
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let mut pieces: Vec<&str> = line.split("__eou__").collect();
            match pieces.pop() {
                Some(rest) if !rest.trim().is_empty() => {
                    reading.refuse(&file, index + 1, "does not end in `__eou__`");
                    continue;
                }
                _ => {}
            }
            if pieces.is_empty() {
                reading.refuse(&file, index + 1, "has no turn");
                continue;
            }
            let turns = pieces.iter().enumerate().map(|(i, said)| (i % 2 == 1, (*said).trim().to_owned())).collect();
            take(split, "", None, turns, reading);
        }
    }
    Ok(())
}
