//! Diagnostics as an editor shows them, and what mends them.

use std::collections::{BTreeMap, HashMap};

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Diagnostic, DiagnosticRelatedInformation,
    DiagnosticSeverity, DiagnosticTag, Location, NumberOrString, TextEdit, WorkspaceEdit,
};
use mascot_lang::diagnostic::{Diagnostic as Found, Diagnostics, Edit, Fix, Severity};
use mascot_lang::editor::MAIN;
use mascot_lang::fix;
use mascot_lang::source::{FileId, Span};

use super::super::disk;
use super::super::documents::{Documents, Overlay};
use super::super::server::{Client, Main, Refused, Server};
use super::super::text::Lines;
use super::{Asked, shortened};

/// The rules about what nobody uses.
const UNUSED: [&str; 3] = ["M0970", "M0971", "M0972"];

/// What is told of a program, by the path of the file.
pub fn diagnostics(documents: &Documents, main: &Main, client: Client) -> BTreeMap<String, Vec<Diagnostic>> {
    let show = Show { documents, main, client, lines: lines(main) };
    let mut all: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
    for found in show.all() {
        all.entry(show.path(found.primary.span.file)).or_default().push(show.diagnostic(found));
    }
    all
}

/// The fixes of what is wrong in a range, and one that mends all of the file that can be mended.
pub fn actions(server: &mut Server, params: CodeActionParams) -> Result<Vec<CodeActionOrCommand>, Refused> {
    let asked = Asked::of(server, &params.text_document.uri)?;
    let (start, end) = (asked.offset(params.range.start) as u32, asked.offset(params.range.end) as u32);
    let wants = |kind: &CodeActionKind| {
        let only = params.context.only.as_deref();
        only.is_none_or(|only| only.iter().any(|one| kind.as_str().starts_with(one.as_str())))
    };
    let show =
        Show { documents: &server.documents, main: &asked.main, client: server.client, lines: lines(&asked.main) };
    let mut actions = Vec::new();
    let here = |found: &&&Found| {
        let span = found.primary.span;
        span.file == MAIN && span.start <= end && start <= span.end
    };
    for found in show.all().iter().filter(here).filter(|_| wants(&CodeActionKind::QUICKFIX)) {
        for (place, one) in found.fixes.iter().enumerate() {
            actions.push(CodeActionOrCommand::CodeAction(CodeAction {
                title: one.title.clone(),
                kind: Some(CodeActionKind::QUICKFIX),
                diagnostics: Some(vec![show.diagnostic(found)]),
                edit: Some(show.edit(one)),
                is_preferred: Some(place == 0),
                ..CodeAction::default()
            }));
        }
    }
    let has_fixes = !actions.is_empty();
    let lints = asked.main.lints.get().map(Diagnostics::sorted).unwrap_or_default();
    for found in lints.iter().filter(here).filter(|_| wants(&CodeActionKind::QUICKFIX)) {
        actions.push(CodeActionOrCommand::CodeAction(CodeAction {
            title: format!("allow {} here, with a reason", found.code.0),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![show.diagnostic(found)]),
            edit: Some(show.edits([allowance(asked.text(), found)].iter())),
            ..CodeAction::default()
        }));
    }
    // Asked for by name, or beside what can be mended here: it checks the file once a round.
    let by_name = params.context.only.is_some() && wants(&CodeActionKind::SOURCE_FIX_ALL);
    if by_name || wants(&CodeActionKind::SOURCE_FIX_ALL) && has_fixes {
        let overlay = Overlay::around(&server.documents, &asked.path);
        if let Some(mended) =
            fix::mended(&overlay, &asked.path, fix::told_by_check).filter(|mended| mended.text != mended.before)
        {
            let range = asked.range(0, mended.before.len());
            let changes = HashMap::from([(params.text_document.uri, vec![TextEdit::new(range, mended.text)])]);
            actions.push(CodeActionOrCommand::CodeAction(CodeAction {
                // How many there are shows only on the way: a fix brings the next to light.
                title: "apply every fix of this file".to_owned(),
                kind: Some(CodeActionKind::SOURCE_FIX_ALL),
                edit: Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }),
                ..CodeAction::default()
            }));
        }
    }
    Ok(actions)
}

/// A comment above the line that is told, in which the author writes why it is meant: without that it is told itself.
fn allowance(text: &str, found: &Found) -> Edit {
    let at = found.primary.span;
    let start = text[..at.start as usize].rfind('\n').map_or(0, |line| line + 1);
    let line = &text[start..];
    let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
    let comment = format!("{indent}# lint: allow {} \"\"\n", found.code.0);
    Edit { span: Span { start: start as u32, end: start as u32, ..at }, text: comment }
}

fn lines(main: &Main) -> Vec<Lines> {
    main.analysis.checked.files.files().map(|(_, file)| Lines::of(&file.text)).collect()
}

struct Show<'s> {
    documents: &'s Documents,
    main: &'s Main,
    client: Client,
    /// By file.
    lines: Vec<Lines>,
}

impl<'s> Show<'s> {
    /// What is wrong, then what the rules found.
    fn all(&self) -> Vec<&'s Found> {
        let wrong = self.main.analysis.checked.diagnostics.sorted();
        let lints = self.main.lints.get().map(Diagnostics::sorted).unwrap_or_default();
        wrong.into_iter().chain(lints).collect()
    }

    fn path(&self, file: FileId) -> String {
        let path = &self.main.analysis.checked.files.file(file).path;
        if path.starts_with("std/") { path.clone() } else { disk::known_as(path.as_ref()) }
    }

    fn location(&self, span: Span) -> Option<Location> {
        Some(Location::new(self.documents.uri_of(&self.path(span.file))?, self.range(span)))
    }

    fn range(&self, span: Span) -> lsp_types::Range {
        let file = self.main.analysis.checked.files.file(span.file);
        self.lines[span.file.0 as usize].range(&file.text, span.start as usize, span.end as usize)
    }

    fn diagnostic(&self, found: &Found) -> Diagnostic {
        let related = found.secondary.iter().filter_map(|label| {
            let message = if label.text.is_empty() { "here too".to_owned() } else { label.text.clone() };
            Some(DiagnosticRelatedInformation { location: self.location(label.span)?, message })
        });
        let help = found.help.as_ref().map_or(String::new(), |help| format!("\n{help}"));
        let message = format!("{}{help}", found.message);
        let main = &self.main.analysis.checked.files.file(MAIN).path;
        Diagnostic {
            range: self.range(found.primary.span),
            severity: Some(match found.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
                Severity::Note => DiagnosticSeverity::INFORMATION,
            }),
            code: Some(NumberOrString::String(found.code.0.to_owned())),
            source: Some("mascot".to_owned()),
            message: shortened(main, &message),
            related_information: Some(related.collect()).filter(|all: &Vec<_>| self.client.related && !all.is_empty()),
            // What nobody uses is shown pale.
            tags: UNUSED.contains(&found.code.0).then(|| vec![DiagnosticTag::UNNECESSARY]),
            ..Diagnostic::default()
        }
    }

    fn edit(&self, one: &Fix) -> WorkspaceEdit {
        self.edits(one.edits.iter())
    }

    fn edits<'e>(&self, edits: impl Iterator<Item = &'e Edit>) -> WorkspaceEdit {
        let mut changes: HashMap<lsp_types::Uri, Vec<TextEdit>> = HashMap::new();
        for edit in edits {
            if let Some(place) = self.location(edit.span) {
                changes.entry(place.uri).or_default().push(TextEdit::new(place.range, edit.text.clone()));
            }
        }
        WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
    }
}
