//! Semantic tokens and inlay hints.

use lsp_types::{
    InlayHint, InlayHintKind, InlayHintLabel, InlayHintParams, InlayHintTooltip, MarkupContent, MarkupKind,
    SemanticToken, SemanticTokenModifier, SemanticTokenType, SemanticTokens, SemanticTokensLegend,
    SemanticTokensParams,
};
use mascot_lang::editor::hints::{self, HintSort};
use mascot_lang::editor::paint::{self, Sort};
use mascot_lang::program::EntityKind;

use super::super::server::{Refused, Server};
use super::Asked;

const TYPES: [SemanticTokenType; 15] = [
    SemanticTokenType::KEYWORD,
    SemanticTokenType::TYPE,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::PARAMETER,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::CLASS,
    SemanticTokenType::METHOD,
    SemanticTokenType::STRUCT,
    SemanticTokenType::NAMESPACE,
    SemanticTokenType::VARIABLE,
    SemanticTokenType::ENUM_MEMBER,
    SemanticTokenType::NUMBER,
    SemanticTokenType::STRING,
    SemanticTokenType::COMMENT,
    SemanticTokenType::OPERATOR,
];

pub fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend { token_types: TYPES.to_vec(), token_modifiers: vec![SemanticTokenModifier::DECLARATION] }
}

pub fn tokens(server: &mut Server, params: SemanticTokensParams) -> Result<SemanticTokens, Refused> {
    let asked = Asked::of(server, &params.text_document.uri)?;
    let mut data = Vec::new();
    let (mut line, mut column) = (0, 0);
    for one in paint::paint(&asked.main.analysis) {
        let range = asked.range(one.start, one.end);
        // A carriage return by itself ends a line for an editor, and none for the language.
        if range.start.line != range.end.line {
            continue;
        }
        let delta_line = range.start.line - line;
        let delta_start = if delta_line == 0 { range.start.character - column } else { range.start.character };
        (line, column) = (range.start.line, range.start.character);
        data.push(SemanticToken {
            delta_line,
            delta_start,
            length: range.end.character - range.start.character,
            token_type: number(one.sort),
            token_modifiers_bitset: u32::from(one.declares),
        });
    }
    Ok(SemanticTokens { result_id: None, data })
}

/// The place of a sort in [`TYPES`].
fn number(sort: Sort) -> u32 {
    let wanted = match sort {
        Sort::Keyword => SemanticTokenType::KEYWORD,
        Sort::Type => SemanticTokenType::TYPE,
        Sort::Property => SemanticTokenType::PROPERTY,
        Sort::Parameter => SemanticTokenType::PARAMETER,
        Sort::Function => SemanticTokenType::FUNCTION,
        Sort::Item(EntityKind::Persona) => SemanticTokenType::CLASS,
        Sort::Item(EntityKind::Stage) => SemanticTokenType::METHOD,
        Sort::Item(EntityKind::Param | EntityKind::Let | EntityKind::Secret) | Sort::Variable => {
            SemanticTokenType::VARIABLE
        }
        Sort::Item(EntityKind::Experiment | EntityKind::Variant | EntityKind::Sweep) | Sort::Module => {
            SemanticTokenType::NAMESPACE
        }
        Sort::Item(_) => SemanticTokenType::STRUCT,
        Sort::Constant => SemanticTokenType::ENUM_MEMBER,
        Sort::Number => SemanticTokenType::NUMBER,
        Sort::String => SemanticTokenType::STRING,
        Sort::Comment => SemanticTokenType::COMMENT,
        Sort::Operator => SemanticTokenType::OPERATOR,
    };
    TYPES.iter().position(|one| *one == wanted).expect("every sort's type is in the table") as u32
}

pub fn hints(server: &mut Server, params: InlayHintParams) -> Result<Vec<InlayHint>, Refused> {
    let asked = Asked::of(server, &params.text_document.uri)?;
    let (from, to) = (asked.offset(params.range.start), asked.offset(params.range.end));
    let hint = |at: usize, text: String, more: String, kind: Option<InlayHintKind>| InlayHint {
        position: asked.lines.position(asked.text(), at),
        label: InlayHintLabel::String(text),
        kind,
        text_edits: None,
        tooltip: Some(InlayHintTooltip::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: more })),
        padding_left: None,
        padding_right: None,
        data: None,
    };
    let told = hints::hints(&asked.main.analysis, from, to).into_iter().map(|one| {
        let kind = (one.sort == HintSort::Argument).then_some(InlayHintKind::PARAMETER);
        hint(one.at, one.text, one.more, kind)
    });
    let seeds = hints::stages(&asked.main.analysis).into_iter().filter(|(at, ..)| from <= *at && *at <= to).map(|(at, kind, seed)| {
        let derived = mascot_run::seed_of_stage(seed, &kind);
        let more = format!("Derived from the experiment's seed {seed} and the kind `{kind}`: another name or place of the stage draws the same.");
        hint(at, format!(" seed {derived}"), more, None)
    });
    let mut all: Vec<InlayHint> = told.chain(seeds).collect();
    all.sort_by_key(|one| (one.position.line, one.position.character));
    Ok(all)
}
