//! The lock and what is far away: `M07xx`.

use crate::address::Wrong;
use crate::diagnostic::{Diagnostic, Edit, Fix, Severity};
use crate::source::Span;

pub fn differs_from_lock(span: Span, name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::note("M0701", span, format!("\"{name}\" is not as mascot.lock has it"));
    if name.starts_with("std/") {
        return diagnostic
            .help("this mascot has another library than the one that locked it; `mascot lock` takes this one");
    }
    diagnostic.help("`mascot lock` takes it as it is now")
}

pub fn vendored_differs(span: Span, place: &str) -> Diagnostic {
    Diagnostic::error("M0702", span, format!("\"{place}\" is not as mascot.lock has it, and it was not written here"))
        .help("`mascot lock --accept` takes it as it is now; to have it as it was, remove it and call `mascot lock`")
}

pub fn far_not_here(span: Span, path: &str, why: &str) -> Diagnostic {
    Diagnostic::error("M0703", span, format!("\"{path}\" is not here: {why}"))
        .help("`mascot lock` fetches it; nothing else does")
}

pub fn far_not_locked(span: Span, path: &str) -> Diagnostic {
    far_not_here(span, path, "mascot.lock does not name it")
}

/// An address in `use`, or a path out of the tree that the file lies in.
pub fn address_wrong(span: Span, path: &str, wrong: &Wrong) -> Diagnostic {
    match wrong {
        Wrong::Written { what, help } => {
            Diagnostic::error("M0704", span, format!("this address leads nowhere: {what}")).help(*help)
        }
        Wrong::Leaves => Diagnostic::error("M0704", span, format!("\"{path}\" leaves the tree that was fetched"))
            .help("a fetched file reads beside itself and below, within what it was fetched with"),
    }
}

pub fn lock_line_unreadable(span: Span, line: Span, is_mark: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0705", span, "this line is no entry of a lock");
    let help = if is_mark {
        "a merge left it; `mascot.lock merge=union` in .gitattributes avoids that, and `mascot lock` writes the file again"
    } else {
        "write `import PATH sha256:DIGEST`, or let `mascot lock` write the file again"
    };
    diagnostic.help(help).fix("remove the line", line, "")
}

/// `stale`: the lines that are not true now, when one is.
pub fn locked_twice(span: Span, first: Span, name: &str, stale: &[Span], is_error: bool) -> Diagnostic {
    let message = format!("\"{name}\" is locked twice, as two different things");
    let mut diagnostic = Diagnostic::error("M0706", span, message)
        .also(first, "first here")
        .help("two branches locked it; `mascot lock` writes what is true now");
    if !is_error {
        diagnostic.severity = Severity::Warning;
    }
    if !stale.is_empty() {
        let edits = stale.iter().map(|span| Edit { span: *span, text: String::new() }).collect();
        diagnostic.fixes.push(Fix { title: "keep the line that is true now".to_owned(), edits });
    }
    diagnostic
}
