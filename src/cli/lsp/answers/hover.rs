//! Hover.

use lsp_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};
use mascot_lang::editor::hover;

use super::super::server::{Refused, Server};
use super::{Asked, shortened};

pub fn hover(server: &mut Server, params: HoverParams) -> Result<Option<Hover>, Refused> {
    let at = params.text_document_position_params;
    let asked = Asked::of(server, &at.text_document.uri)?;
    let Some(told) = hover::hover(&asked.main.analysis, asked.offset(at.position)) else { return Ok(None) };
    let mut value = shortened(&asked.path, &told.text);
    if let Some(said) = &told.said {
        for counted in tokens(server, &asked, said) {
            value = format!("{counted}, {value}");
        }
    }
    let kind = if server.client.markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
    if !server.client.markdown {
        value = plain(&value);
    }
    Ok(Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind, value }),
        range: Some(asked.range(told.start, told.end)),
    }))
}

/// Without the marks of Markdown.
pub fn plain(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("```"));
    lines.map(|line| line.replace('`', "")).collect::<Vec<_>>().join("\n")
}

/// `214 tokens of smollm2`, of each model that is at hand.
#[cfg(feature = "engine")]
fn tokens(server: &mut Server, asked: &Asked, said: &str) -> Vec<String> {
    let models = hover::models(&asked.main.analysis);
    let counts = models.iter().filter_map(|(name, weights)| {
        let count = server.tokenizers.count(&asked.path, weights, said)?;
        Some(format!("{} of `{name}`", crate::cli::render::plural(count, "token")))
    });
    counts.collect()
}

/// Without the engine there is no tokenizer.
#[cfg(not(feature = "engine"))]
fn tokens(_: &mut Server, _: &Asked, _: &str) -> Vec<String> {
    Vec::new()
}
