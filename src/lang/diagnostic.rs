//! What the user is told about their program: one struct, one sink. Uses [`crate::source`] only.
//!
//! Wording lives where a diagnostic is raised (`check/diagnostics.rs`, `syntax/diagnostics.rs`), rendering in `cli`.

use crate::source::Span;

/// A stable code, `M0207`. Each has a page in `docs/diagnostics/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Error,
    Warning,
    /// Nothing is wrong; worth knowing.
    Note,
}

/// A place and what to say there; the first of a diagnostic is where it points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// A change that mends the fault when applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub title: String,
    pub edits: Vec<Edit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

/// One fault, told once. `message`: lower case, no full stop, what is wrong with *their* text; `help`: what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub message: String,
    pub help: Option<String>,
    pub primary: Label,
    pub secondary: Vec<Label>,
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            code: Code(code),
            severity: Severity::Error,
            message: message.into(),
            help: None,
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            fixes: Vec::new(),
        }
    }

    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    pub fn note(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(code, span, message) }
    }

    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn fix(self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fix_of(title, [(span, text.into())])
    }

    /// A fix of several edits, which do not overlap.
    pub fn fix_of(mut self, title: impl Into<String>, edits: impl IntoIterator<Item = (Span, String)>) -> Self {
        let edits = edits.into_iter().map(|(span, text)| Edit { span, text }).collect();
        self.fixes.push(Fix { title: title.into(), edits });
        self
    }
}

/// The sink. Order of arrival does not matter: it is read sorted by file and place.
#[derive(Debug, Default, Clone)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn add(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub fn extend(&mut self, more: Diagnostics) {
        self.found.extend(more.found);
    }

    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|one| one.severity == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// At most `limit` of each file, the first ones; instead of the rest, how many there are.
    pub fn at_most_a_file(self, limit: usize) -> Self {
        let mut counts: std::collections::BTreeMap<crate::source::FileId, usize> = std::collections::BTreeMap::new();
        let mut kept = Self::default();
        let mut last = std::collections::BTreeMap::new();
        for one in self.sorted() {
            let count = counts.entry(one.primary.span.file).or_default();
            *count += 1;
            if *count <= limit {
                kept.add(one.clone());
            } else {
                let (_, severity) = last.entry(one.primary.span.file).or_insert((one.primary.span, one.severity));
                *severity = (*severity).min(one.severity);
            }
        }
        for (file, (span, severity)) in last {
            let more = counts[&file] - limit;
            kept.add(Diagnostic {
                severity,
                ..Diagnostic::error("M0009", span, format!("and {more} more from here on"))
            });
        }
        kept
    }

    /// By file, then place, then code.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<_> = self.found.iter().collect();
        all.sort_by_key(|one| (one.primary.span, one.code));
        all
    }
}
