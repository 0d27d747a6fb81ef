//! `# lint: allow M0930 "why"`, at the end of a line or on the one above it: what an author means all the same, visible in review.
//!
//! A reason is asked for; an allowance that allows nothing is told, so that none outlives what it was for.

use crate::Checked;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::explain;
use crate::format::tokens::{Kind, tokens};
use crate::source::{FileId, SourceMap, Span};

use super::unused::without_lines;

/// What codes of rules begin with.
const FIRST: &str = "M09";

struct Allowance<'c> {
    /// The comment.
    span: Span,
    /// Where a code stands, and the code.
    codes: Vec<(Span, &'c str)>,
    /// Its line, when it ends one; else the next that is no comment.
    line: u32,
    reason: bool,
    used: Vec<bool>,
}

/// What was found less what is allowed where it stands, and what is wrong with the allowances.
pub fn without_what_is_allowed(checked: &Checked, found: Vec<Diagnostic>) -> Diagnostics {
    let files = &checked.files;
    let programs = checked.tree.files.iter().map(|file| file.id);
    let of_authors = programs.filter(|id| !files.file(*id).path.starts_with("std/"));
    let mut all: Vec<Allowance<'_>> = of_authors.flat_map(|id| allowances(files, id)).collect();
    let mut left = Diagnostics::default();
    for one in found {
        let place = one.primary.span;
        let line = files.position(place.file, place.start).line;
        let mut allowed = false;
        for allowance in all.iter_mut().filter(|it| it.span.file == place.file && it.line == line) {
            for (at, (_, code)) in allowance.codes.iter().enumerate() {
                if *code == one.code.0 {
                    allowance.used[at] = true;
                    allowed = true;
                }
            }
        }
        if !allowed {
            left.add(one);
        }
    }
    for allowance in all {
        if allowance.codes.is_empty() || !allowance.reason {
            left.add(unreadable(allowance.span));
        }
        for ((span, code), used) in allowance.codes.iter().zip(&allowance.used) {
            if !code.starts_with(FIRST) || explain::explain(code).is_none() {
                left.add(no_rule(*span, code));
            } else if !used && span.file == FileId(0) {
                // What an import does may depend on who imports it: its own allowances are told where it is linted itself.
                let alone = allowance.codes.len() == 1;
                left.add(idle(*span, code, alone.then_some(allowance.span), files));
            }
        }
    }
    left
}

fn unreadable(span: Span) -> Diagnostic {
    Diagnostic::warning("M0901", span, "an allowance names a rule and says why")
        .help("write `# lint: allow M0930 \"why it is meant\"`")
}

fn no_rule(span: Span, code: &str) -> Diagnostic {
    Diagnostic::warning("M0902", span, format!("`{code}` is no rule of lint"))
        .help("`mascot explain codes` lists them: from M0901 on")
}

fn idle(span: Span, code: &str, comment: Option<Span>, files: &SourceMap) -> Diagnostic {
    let warning = Diagnostic::warning("M0903", span, format!("`{code}` is not told here, and is allowed"))
        .help("take the allowance out; one stands above the line that is told, or at its end");
    match comment.and_then(|comment| without_lines(files, comment)) {
        Some(edit) => warning.fix("take it out", edit.span, edit.text),
        None => warning,
    }
}

fn allowances(files: &SourceMap, id: FileId) -> Vec<Allowance<'_>> {
    let text = &files.file(id).text;
    let place = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let line = |offset: usize| files.position(id, offset as u32).line;
    let all = tokens(text);
    let mut found: Vec<Allowance<'_>> = Vec::new();
    let mut code_on = 0;
    for (at, token) in all.iter().enumerate() {
        let start = place(token.text);
        match token.kind {
            Kind::NewLine => continue,
            Kind::Comment => {}
            _ => {
                // Prose ends on another line than it begins on.
                code_on = line(start + token.text.len());
                continue;
            }
        }
        let Some(said) = token.text.trim_start_matches('#').trim_start().strip_prefix("lint:") else { continue };
        let own = line(start);
        let below = || {
            let next = all[at..].iter().find(|next| !matches!(next.kind, Kind::Comment | Kind::NewLine));
            next.map_or(own, |next| line(place(next.text)))
        };
        let words = said.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_code(word));
        let (before, reason) = said.split_once('"').unwrap_or((said, ""));
        let codes: Vec<(Span, &str)> = words
            .filter(|word| place(word) < place(before) + before.len())
            .map(|word| (Span::new(id, place(word), place(word) + word.len()), word))
            .collect();
        let reason =
            said.trim_start().starts_with("allow ") && !reason.trim_end().trim_end_matches('"').trim().is_empty();
        found.push(Allowance {
            span: Span::new(id, start, start + token.text.len()),
            used: vec![false; codes.len()],
            codes,
            line: if code_on == own { own } else { below() },
            reason,
        });
    }
    found
}

fn is_code(word: &str) -> bool {
    word.len() == 5 && word.starts_with('M') && word.bytes().skip(1).all(|byte| byte.is_ascii_digit())
}
