//! Diagnostics as people, terminals, workflows and programs read them. Wording is the language's; this is layout.

use std::fmt::Write as _;

use mascot_lang::diagnostic::{Diagnostic, Diagnostics, Edit, Label, Severity};
use mascot_lang::source::{FileId, SourceMap, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};
use serde_json::{Value, json};

use super::{Paint, plural, width};
use crate::cli::args::Format;

/// How many errors, warnings and notes.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
}

impl Tally {
    pub fn of(found: &Diagnostics) -> Self {
        let mut tally = Self::default();
        for one in found.sorted() {
            match one.severity {
                Severity::Error => tally.errors += 1,
                Severity::Warning => tally.warnings += 1,
                Severity::Note => tally.notes += 1,
            }
        }
        tally
    }

    pub fn add(&mut self, other: Tally) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.notes += other.notes;
    }

    /// `2 errors, 1 warning`; empty when there is nothing.
    pub fn in_words(self) -> String {
        let errors = (self.errors > 0).then(|| plural(self.errors, "error"));
        let warnings = (self.warnings > 0).then(|| plural(self.warnings, "warning"));
        let notes = (self.notes > 0).then(|| plural(self.notes, "note"));
        [errors, warnings, notes].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// All of them in a format of text, sorted by place. [`Format::Json`] is [`document`]'s, [`Format::Sarif`] is `sarif`'s.
pub fn text(found: &Diagnostics, files: &SourceMap, format: Format, paint: Paint) -> String {
    let mut text = String::new();
    for one in found.sorted() {
        match format {
            Format::Human => human(one, files, paint, &mut text),
            Format::Short | Format::Json | Format::Sarif => short(one, files, &mut text),
            Format::Github => github(one, files, &mut text),
        }
    }
    text
}

/// `{"diagnostics": […]}`: lines and columns from 1, columns in characters.
pub fn document(all: &[(&Diagnostics, &SourceMap)]) -> Value {
    let list: Vec<Value> = all
        .iter()
        .flat_map(|(found, files)| found.sorted().into_iter().map(|one| as_json(one, files)).collect::<Vec<_>>())
        .collect();
    json!({ "diagnostics": list })
}

fn as_json(one: &Diagnostic, files: &SourceMap) -> Value {
    let mut value = place(one.primary.span, files);
    let fixes: Vec<Value> = one
        .fixes
        .iter()
        .map(|fix| json!({ "title": fix.title, "edits": fix.edits.iter().map(|edit| as_edit(edit, files)).collect::<Vec<_>>() }))
        .collect();
    let related: Vec<Value> = one.secondary.iter().map(|label| as_label(label, files)).collect();
    let head = json!({
        "code": one.code.0,
        "severity": severity(one.severity),
        "message": one.message,
        "help": one.help,
    });
    let (Value::Object(mut map), Value::Object(place)) = (head, value.take()) else {
        unreachable!("both were made by json! as objects")
    };
    map.extend(place);
    map.insert("fixes".to_owned(), json!(fixes));
    map.insert("related".to_owned(), json!(related));
    Value::Object(map)
}

fn as_edit(edit: &Edit, files: &SourceMap) -> Value {
    let mut value = place(edit.span, files);
    value["text"] = json!(edit.text);
    value
}

fn as_label(label: &Label, files: &SourceMap) -> Value {
    let mut value = place(label.span, files);
    value["text"] = json!(label.text);
    value
}

fn place(span: Span, files: &SourceMap) -> Value {
    let start = files.position(span.file, span.start);
    let end = files.position(span.file, span.end);
    json!({
        "file": files.file(span.file).path,
        "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column,
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn short(one: &Diagnostic, files: &SourceMap, to: &mut String) {
    let at = files.position(one.primary.span.file, one.primary.span.start);
    let path = &files.file(one.primary.span.file).path;
    let _ = write!(to, "{path}:{}:{}: {}[{}]: {}", at.line, at.column, severity(one.severity), one.code.0, one.message);
    if let Some(help) = &one.help {
        let _ = write!(to, " ({})", help.replace('\n', " "));
    }
    to.push('\n');
}

/// A workflow command: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>
fn github(one: &Diagnostic, files: &SourceMap, to: &mut String) {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let start = files.position(one.primary.span.file, one.primary.span.start);
    let end = files.position(one.primary.span.file, one.primary.span.end);
    let mut message = one.message.clone();
    if let Some(help) = &one.help {
        let _ = write!(message, "\n{help}");
    }
    // Columns are of one line.
    let one_line = start.line == end.line && start.column < end.column;
    let end_column = if one_line { format!("endColumn={},", end.column) } else { String::new() };
    let _ = writeln!(
        to,
        "::{} file={},line={},endLine={},col={},{}title={}::{}",
        // The word that workflows have for it.
        if one.severity == Severity::Note { "notice" } else { severity(one.severity) },
        property(&files.file(one.primary.span.file).path),
        start.line,
        end.line,
        start.column,
        end_column,
        property(one.code.0),
        data(&message),
    );
}

/// A longer line is not shown: a text of a stranger may be one line of a million letters.
const LONGEST_LINE: usize = 2_000;

/// Whether the lines that would be shown, one of context on each side, are lines that a person can look at.
fn can_be_shown(one: &Diagnostic, files: &SourceMap) -> bool {
    one.secondary.iter().chain([&one.primary]).all(|label| {
        let text = &files.file(label.span.file).text;
        let (start, end) = (label.span.start as usize, label.span.end as usize);
        let from = text[..start].rmatch_indices('\n').nth(1).map_or(0, |(at, _)| at);
        let to = text[end..].match_indices('\n').nth(1).map_or(text.len(), |(at, _)| end + at);
        text[from..to].lines().all(|line| line.len() <= LONGEST_LINE)
    })
}

fn human(one: &Diagnostic, files: &SourceMap, paint: Paint, to: &mut String) {
    if !can_be_shown(one, files) {
        return short(one, files, to);
    }
    let theme = if paint.is_on() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width()).with_context_lines(1).with_links(false);
    let shown = Shown::new(one, files);
    if handler.render_report(to, &shown).is_err() {
        // A formatter over a String does not fail; were miette to refuse, the one-line form still tells everything.
        short(one, files, to);
    }
    to.push('\n');
}

/// A diagnostic with its source beside it. miette's labels share one source, so places in other files become related.
#[derive(Debug)]
struct Shown<'a> {
    one: &'a Diagnostic,
    source: Source,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Elsewhere>,
    help: Option<String>,
}

impl<'a> Shown<'a> {
    fn new(one: &'a Diagnostic, files: &SourceMap) -> Self {
        let home = one.primary.span.file;
        let mut labels = vec![LabeledSpan::new_primary_with_span(worded(&one.primary), range(one.primary.span))];
        let (here, there): (Vec<_>, Vec<_>) = one.secondary.iter().partition(|label| label.span.file == home);
        labels.extend(here.into_iter().map(|label| LabeledSpan::new_with_span(worded(label), range(label.span))));
        let elsewhere = there.into_iter().map(|label| Elsewhere::new(label, files)).collect();
        let fix = one.fixes.first().map(|fix| format!("fix: {}", fix.title));
        let help = [one.help.clone(), fix].into_iter().flatten().collect::<Vec<_>>();
        let help = (!help.is_empty()).then(|| help.join("\n"));
        Self { one, source: named(home, files), labels, elsewhere, help }
    }
}

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.one.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(format!("{}[{}]", severity(self.one.severity), self.one.code.0)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.one.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(self.elsewhere.iter().map(|one| one as &dyn miette::Diagnostic)))
    }
}

#[derive(Debug)]
struct Elsewhere {
    source: Source,
    label: LabeledSpan,
    text: String,
}

impl Elsewhere {
    fn new(label: &Label, files: &SourceMap) -> Self {
        let text = if label.text.is_empty() { "here too".to_owned() } else { label.text.clone() };
        let shown = LabeledSpan::new_primary_with_span(None, range(label.span));
        Self { source: named(label.span.file, files), label: shown, text }
    }
}

impl std::fmt::Display for Elsewhere {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text)
    }
}

impl std::error::Error for Elsewhere {}

impl miette::Diagnostic for Elsewhere {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}

fn named(file: FileId, files: &SourceMap) -> Source {
    let source = files.file(file);
    Source { path: source.path.clone(), text: source.text.clone() }
}

/// A file's text; miette counts columns in bytes, people in characters.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, before, after)?;
        let head = &self.text[..read.span().offset()];
        let line = head.rfind('\n').map_or(head, |end| &head[end + 1..]);
        let column = line.trim_start_matches('\u{feff}').chars().count();
        let (data, place) = (read.data(), *read.span());
        let named =
            MietteSpanContents::new_named(self.path.clone(), data, place, read.line(), column, read.line_count());
        Ok(Box::new(named))
    }
}

fn worded(label: &Label) -> Option<String> {
    (!label.text.is_empty()).then(|| label.text.clone())
}

fn range(span: Span) -> std::ops::Range<usize> {
    span.start as usize..span.end.max(span.start) as usize
}
