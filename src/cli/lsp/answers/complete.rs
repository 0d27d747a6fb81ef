//! Completion.

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionResponse, CompletionTextEdit, Documentation,
    InsertTextFormat, MarkupContent, MarkupKind, TextEdit,
};
use mascot_lang::editor::complete::{self, Proposal, Sort};
use mascot_lang::program::EntityKind;

use super::super::documents::Overlay;
use super::super::server::{Refused, Server};
use super::Asked;

pub fn complete(server: &mut Server, params: CompletionParams) -> Result<CompletionResponse, Refused> {
    let at = params.text_document_position;
    let asked = Asked::of(server, &at.text_document.uri)?;
    let overlay = Overlay { at_hand: server.files(), ..Overlay::around(&server.documents, &asked.path) };
    let proposals = complete::complete(&asked.main.analysis, &overlay, asked.offset(at.position));
    let range = asked.range(proposals.replaces.0, proposals.replaces.1);
    let items = proposals.all.into_iter().enumerate().map(|(place, one)| {
        let new_text = if server.client.snippets { one.insert.clone() } else { plain(&one) };
        CompletionItem {
            kind: Some(kind(one.sort)),
            detail: Some(one.detail).filter(|detail| !detail.is_empty()),
            documentation: Some(one.doc).filter(|doc| !doc.is_empty()).map(|value| match server.client.markdown_docs {
                true => Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value }),
                false => Documentation::String(super::hover::plain(&value)),
            }),
            // In the order of the schema, which is the order in which one writes.
            sort_text: Some(format!("{place:04}")),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
            insert_text_format: server.client.snippets.then_some(InsertTextFormat::SNIPPET),
            label: one.label,
            ..CompletionItem::default()
        }
    });
    Ok(CompletionResponse::Array(items.collect()))
}

/// A proposal without places to fill in: what stands before the first of them, or its name.
fn plain(one: &Proposal) -> String {
    let (filled, has_places) = filled(&one.insert);
    if !has_places || one.sort == Sort::Constant {
        return filled;
    }
    let before = one.insert.split('$').next().unwrap_or_default();
    let closes = one.insert.trim_end().ends_with(['}', ')', '"']) || one.insert.contains('\n');
    if closes || before.is_empty() { one.label.clone() } else { before.to_owned() }
}

/// A snippet with each place filled by what it proposes, and whether it has any.
fn filled(snippet: &str) -> (String, bool) {
    let (mut text, mut has_places, mut is_open) = (String::new(), false, false);
    let mut rest = snippet.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '\\' => text.extend(rest.next()),
            '$' => {
                has_places = true;
                is_open = rest.next_if_eq(&'{').is_some();
                while rest.next_if(char::is_ascii_digit).is_some() {}
                rest.next_if_eq(&':');
            }
            '}' if is_open => is_open = false,
            one => text.push(one),
        }
    }
    (text, has_places)
}

fn kind(sort: Sort) -> CompletionItemKind {
    match sort {
        Sort::Field => CompletionItemKind::FIELD,
        Sort::Name(EntityKind::Persona) => CompletionItemKind::CLASS,
        Sort::Name(EntityKind::Stage) => CompletionItemKind::METHOD,
        Sort::Name(EntityKind::Param | EntityKind::Let | EntityKind::Secret) => CompletionItemKind::VARIABLE,
        Sort::Name(_) => CompletionItemKind::STRUCT,
        Sort::Module => CompletionItemKind::MODULE,
        Sort::Result => CompletionItemKind::PROPERTY,
        Sort::Word => CompletionItemKind::ENUM_MEMBER,
        Sort::Unit => CompletionItemKind::UNIT,
        Sort::Call => CompletionItemKind::FUNCTION,
        Sort::Keyword => CompletionItemKind::KEYWORD,
        Sort::Block => CompletionItemKind::SNIPPET,
        Sort::Kind => CompletionItemKind::TYPE_PARAMETER,
        Sort::File => CompletionItemKind::FILE,
        Sort::Constant => CompletionItemKind::CONSTANT,
    }
}
