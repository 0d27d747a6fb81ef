//! Formatting, symbols, folding.

use lsp_server::ErrorCode;
use lsp_types::{
    DocumentFormattingParams, DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse, FoldingRange,
    FoldingRangeKind, FoldingRangeParams, Location, SymbolInformation, SymbolKind, TextEdit, Uri,
};
use mascot_lang::editor::outline::{self, Fold, FoldSort, Heading};
use mascot_lang::format::{self, Refusal};
use similar::{DiffOp, TextDiff};

use super::super::server::{Refused, Server};
use super::Asked;

/// As `mascot fmt` writes it, line by line, so that the cursor stays where it is.
pub fn format(server: &mut Server, params: DocumentFormattingParams) -> Result<Vec<TextEdit>, Refused> {
    let asked = Asked::of(server, &params.text_document.uri)?;
    let before = asked.text();
    let after = match format::format(mascot_lang::editor::MAIN, before) {
        Ok(after) => after,
        Err(Refusal::Faulty(_)) => {
            return Err((ErrorCode::RequestFailed, "it cannot be read: mend what is told first".to_owned()));
        }
        Err(Refusal::Changed) => {
            return Err((
                ErrorCode::RequestFailed,
                "formatted, it would not say the same; this is a bug in mascot".to_owned(),
            ));
        }
    };
    let diff = TextDiff::from_lines(before, &after);
    let (old, new) = (starts(before), starts(&after));
    let edits = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. })).map(|op| {
        let (from, to) = (op.old_range(), op.new_range());
        TextEdit::new(asked.range(old[from.start], old[from.end]), after[new[to.start]..new[to.end]].to_owned())
    });
    Ok(edits.collect())
}

/// Where lines begin, and the end.
fn starts(text: &str) -> Vec<usize> {
    let mut all = vec![0];
    all.extend(text.split_inclusive('\n').scan(0, |at, line| {
        *at += line.len();
        Some(*at)
    }));
    all
}

pub fn symbols(server: &mut Server, params: DocumentSymbolParams) -> Result<DocumentSymbolResponse, Refused> {
    let uri = params.text_document.uri;
    let asked = Asked::of(server, &uri)?;
    let all: Vec<DocumentSymbol> =
        outline::symbols(&asked.main.analysis).iter().map(|heading| symbol(&asked, heading)).collect();
    if server.client.nests_symbols {
        return Ok(DocumentSymbolResponse::Nested(all));
    }
    let mut flat = Vec::new();
    all.into_iter().for_each(|one| flatten(&uri, one, None, &mut flat));
    Ok(DocumentSymbolResponse::Flat(flat))
}

/// One after another, each with the name of what it is in.
fn flatten(uri: &Uri, one: DocumentSymbol, container: Option<&str>, flat: &mut Vec<SymbolInformation>) {
    #[allow(deprecated, reason = "the field must be written, and says nothing")]
    flat.push(SymbolInformation {
        name: one.name.clone(),
        kind: one.kind,
        tags: None,
        deprecated: None,
        location: Location::new(uri.clone(), one.range),
        container_name: container.map(str::to_owned),
    });
    one.children.into_iter().flatten().for_each(|child| flatten(uri, child, Some(&one.name), flat));
}

fn symbol(asked: &Asked, heading: &Heading) -> DocumentSymbol {
    let range = |span: mascot_lang::source::Span| asked.range(span.start as usize, span.end as usize);
    let kind = match heading.keyword.as_str() {
        "persona" => SymbolKind::CLASS,
        "stage" => SymbolKind::METHOD,
        "param" | "let" | "secret" => SymbolKind::VARIABLE,
        "gate" | "test" => SymbolKind::EVENT,
        "example" => SymbolKind::STRING,
        "criterion" => SymbolKind::FIELD,
        "experiment" => SymbolKind::MODULE,
        "variant" | "sweep" => SymbolKind::NAMESPACE,
        _ => SymbolKind::STRUCT,
    };
    let inside: Vec<DocumentSymbol> = heading.inside.iter().map(|one| symbol(asked, one)).collect();
    #[allow(deprecated, reason = "the field must be written, and says nothing")]
    DocumentSymbol {
        name: if heading.name.is_empty() { heading.keyword.clone() } else { heading.name.clone() },
        detail: Some(heading.detail.clone()),
        kind,
        tags: None,
        deprecated: None,
        range: range(heading.span),
        selection_range: range(heading.at),
        children: Some(inside).filter(|all| !all.is_empty()),
    }
}

pub fn folding(server: &mut Server, params: FoldingRangeParams) -> Result<Vec<FoldingRange>, Refused> {
    let asked = Asked::of(server, &params.text_document.uri)?;
    let fold = |one: &Fold| {
        let range = asked.range(one.start, one.end);
        FoldingRange {
            start_line: range.start.line,
            // The line of a closing bracket stays in sight.
            end_line: if one.sort == FoldSort::Block { range.end.line.saturating_sub(1) } else { range.end.line },
            kind: match one.sort {
                FoldSort::Block => None,
                FoldSort::Imports => Some(FoldingRangeKind::Imports),
                FoldSort::Comment => Some(FoldingRangeKind::Comment),
            },
            ..FoldingRange::default()
        }
    };
    let all = outline::folding(asked.text());
    Ok(all.iter().map(fold).filter(|one| one.end_line > one.start_line).collect())
}
