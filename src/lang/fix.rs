//! Fixes that diagnostics carry, applied: what `mascot fix` writes.
//!
//! A fix is kept when fewer faults are told with it than without. Faults hide others (a name that is not known, a block that cannot be read),
//! so the file is checked again after each round, until a round mends nothing.

use crate::diagnostic::{Diagnostic, Diagnostics, Edit, Severity};
use crate::source::{Exchanged, FileId, Position, World};
use crate::{Checked, check};

/// More rounds than any program of ours has needed; a fix that breeds faults must end too.
const ROUNDS: usize = 20;

/// A main file with its fixes applied.
pub struct Mended {
    pub before: String,
    pub text: String,
    /// What was done, in the order in which it was done; places are those of the text before that round.
    pub done: Vec<Done>,
    /// What is wrong with it now.
    pub checked: Checked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub at: Position,
    pub code: &'static str,
    pub title: String,
}

/// What tells the faults that are mended: [`told_by_check`], or [`crate::lint::lint`].
pub type Teller = fn(&Checked) -> Diagnostics;

pub fn told_by_check(checked: &Checked) -> Diagnostics {
    checked.diagnostics.clone()
}

/// Applies what can be applied to `main`; what is wrong in its imports is for those files to mend. `None` when it cannot be read.
pub fn mended(world: &dyn World, main: &str, teller: Teller) -> Option<Mended> {
    let before = world.source(main).ok()?;
    let mut text = before.clone();
    let mut checked = check(world, main, &[]);
    let mut done = Vec::new();
    for _ in 0..ROUNDS {
        let found = teller(&checked);
        let offered = offered(&found);
        if offered.is_empty() {
            break;
        }
        let at = |one: &Diagnostic| checked.files.position(FileId(0), one.primary.span.start);
        let round: Vec<Fix> = offered
            .iter()
            .map(|one| {
                let fix = &one.fixes[0];
                (Done { at: at(one), code: one.code.0, title: fix.title.clone() }, fix.edits.clone())
            })
            .collect();
        let with = |chosen: &[Fix]| {
            let edits: Vec<&Edit> = chosen.iter().flat_map(|(_, edits)| edits).collect();
            let text = applied(&text, &edits);
            let checked = check(&Exchanged { around: world, path: main, text: &text }, main, &[]);
            (text, checked)
        };
        let told = faults(teller, &checked);
        let less = |found: &Checked| faults(teller, found) < told;
        let (mut kept, (mut next, mut found)) = (round.clone(), with(&round));
        if !less(&found) {
            // One of them does harm: those that help by themselves.
            kept = by_halves(&round, told, &|chosen| faults(teller, &with(chosen).1));
            (next, found) = with(&kept);
            if kept.is_empty() || !less(&found) {
                break;
            }
        }
        done.extend(kept.into_iter().map(|(done, _)| done));
        (text, checked) = (next, found);
    }
    Some(Mended { before, text, done, checked })
}

/// What is done, and how.
type Fix = (Done, Vec<Edit>);
/// Whether there are errors, and how many faults; less is better.
type Faults = (bool, usize);

/// The fixes that help by themselves. Where each of many mends its fault they are tried at once, else by halves: a few that do harm
/// among thousands are found in a few checks of the file.
fn helpful(fixes: &[Fix], before: Faults, after: &dyn Fn(&[Fix]) -> Faults) -> Vec<Fix> {
    if fixes.is_empty() {
        return Vec::new();
    }
    let (errors, count) = after(fixes);
    if (errors, count) < before && count + fixes.len() <= before.1 {
        return fixes.to_vec();
    }
    if let [_] = fixes {
        return if (errors, count) < before { fixes.to_vec() } else { Vec::new() };
    }
    by_halves(fixes, before, after)
}

/// Of fixes that do not help together.
fn by_halves(fixes: &[Fix], before: Faults, after: &dyn Fn(&[Fix]) -> Faults) -> Vec<Fix> {
    match fixes {
        // By itself it was just tried.
        [] | [_] => Vec::new(),
        _ => {
            let (one, other) = fixes.split_at(fixes.len() / 2);
            [helpful(one, before, after), helpful(other, before, after)].concat()
        }
    }
}

/// Errors first: a fix that trades a warning for an error does harm. Notes count for nothing: one that brings in a file which is not
/// as `mascot.lock` has it mends all the same.
fn faults(teller: Teller, checked: &Checked) -> Faults {
    let found = teller(checked);
    let counts = |one: &&&Diagnostic| one.severity != Severity::Note;
    (found.has_errors(), found.sorted().iter().filter(counts).count())
}

/// Diagnostics of the main file with a fix that touches it alone; of fixes that overlap the first.
fn offered(found: &Diagnostics) -> Vec<&Diagnostic> {
    let mut taken: Vec<(u32, u32)> = Vec::new();
    let mut chosen = Vec::new();
    for one in found.sorted() {
        let Some(fix) = one.fixes.first() else { continue };
        let spans: Vec<(u32, u32)> = fix.edits.iter().map(|edit| (edit.span.start, edit.span.end)).collect();
        let overlaps = |(start, end): &(u32, u32)| taken.iter().any(|(from, to)| start <= to && from <= end);
        if fix.edits.iter().any(|edit| edit.span.file != FileId(0)) || spans.iter().any(overlaps) {
            continue;
        }
        taken.extend(spans);
        chosen.push(one);
    }
    chosen
}

/// Edits do not overlap; the last is applied first, so that places stay true.
pub(crate) fn applied(text: &str, edits: &[&Edit]) -> String {
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| edit.span.start);
    let mut text = text.to_owned();
    for edit in edits.into_iter().rev() {
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Alone;

    #[test]
    fn faults_are_mended_round_by_round() {
        // A sign, a name, a field's name; the second and third are seen once the first is mended.
        let text = "masc 1\npersona anchor \"A\" {\n  voice: \"hello\"\n}\nlet crew = [anchr]\nstage s = sft for persona in crew {\n  \
                    polcy = base\n  data = lines\n}\nmodel base { weights = random(arch: \"llama\", hidden: 8, layers: 1, heads: 1, \
                    kv_heads: 1, ffn: 8) }\ndataset lines { source = jsonl(\"a\") }\n";
        let mended = mended(&Alone { path: "main.masc", text }, "main.masc", told_by_check).unwrap();
        assert!(mended.checked.diagnostics.is_empty(), "{:#?}\n{}", mended.checked.diagnostics, mended.text);
        assert!(mended.text.contains("voice= \"hello\"") && mended.text.contains("[anchor]"), "{}", mended.text);
        assert!(mended.text.contains("policy = base"), "{}", mended.text);
        assert_eq!(mended.done.len(), 3, "{:#?}", mended.done);
    }

    #[test]
    fn fixes_that_do_harm_are_found_by_halves() {
        let fix = |line| (Done { at: Position { line, column: 1 }, code: "M0031", title: String::new() }, Vec::new());
        let fixes: Vec<Fix> = (1..=64).map(fix).collect();
        let harmful = |line: u32| line == 5 || line == 6;
        let checks = std::cell::Cell::new(0);
        let after = |chosen: &[Fix]| {
            checks.set(checks.get() + 1);
            let harm = chosen.iter().filter(|one| harmful(one.0.at.line)).count();
            (true, 64 + 40 * harm - (chosen.len() - harm))
        };
        let kept: Vec<u32> = helpful(&fixes, (true, 64), &after).iter().map(|one| one.0.at.line).collect();
        assert_eq!(kept, (1..=64).filter(|line| !harmful(*line)).collect::<Vec<_>>());
        assert!(checks.get() <= 16, "{} checks", checks.get());
    }

    #[test]
    fn a_late_edition_moves_to_the_top() {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}let a = 1\nmasc 1\n");
            let mended = mended(&Alone { path: "main.masc", text: &text }, "main.masc", told_by_check).unwrap();
            assert_eq!(mended.text, format!("{mark}masc 1\nlet a = 1\n\n"));
            assert!(mended.checked.diagnostics.is_empty(), "{:#?}", mended.checked.diagnostics);
        }
    }

    #[test]
    fn prose_beside_its_quotes_moves_below_them() {
        let text = "masc 1\npersona z \"Z\" {\n  voice = \"\"\"You are {{char}}.\n    Comfort {{user}} and stop.\n    \"\"\"\n  role = \"x\"\n}\n";
        let mended = mended(&Alone { path: "main.masc", text }, "main.masc", told_by_check).unwrap();
        assert!(mended.checked.diagnostics.is_empty(), "{:#?}\n{}", mended.checked.diagnostics, mended.text);
        assert!(mended.text.contains("voice = \"\"\"\n    You are {{char}}.\n    Comfort"), "{}", mended.text);
    }

    #[test]
    fn what_has_no_fix_is_left() {
        let text = "masc 1\nlet a = b_of_nowhere_at_all\n";
        let mended = mended(&Alone { path: "main.masc", text }, "main.masc", told_by_check).unwrap();
        assert_eq!((mended.text.as_str(), mended.done.len()), (text, 0));
        assert!(mended.checked.diagnostics.has_errors());
        assert!(super::mended(&Alone { path: "main.masc", text }, "other.masc", told_by_check).is_none());
    }
}
