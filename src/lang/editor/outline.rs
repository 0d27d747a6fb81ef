//! The file as an outline, and what of it can be folded.

use super::{Analysis, MAIN};
use crate::format::tokens::{Kind, tokens};
use crate::source::Span;
use crate::syntax::ast::{Block, Body, Entry, Expr, ExprKind, Item, ItemKind};

/// An item, or a block in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    pub name: String,
    /// `persona "The Anchor"`, `stage = grpo for persona in crew`
    pub detail: String,
    /// The word that it begins with.
    pub keyword: String,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub at: Span,
    pub inside: Vec<Heading>,
}

/// The headings of the main file, in its order.
pub fn symbols(analysis: &Analysis) -> Vec<Heading> {
    analysis.items(MAIN).iter().filter_map(|item| heading(analysis, item)).collect()
}

fn heading(analysis: &Analysis, item: &Item) -> Option<Heading> {
    let quoted = |title: &Option<crate::source::Spanned<String>>| {
        title.as_ref().map_or(String::new(), |title| format!(" \"{}\"", title.value))
    };
    let (name, keyword, detail, body) = match &item.kind {
        ItemKind::Use { .. } | ItemKind::Faulty { .. } => return None,
        ItemKind::Param { name, kind, .. } => (name, "param", format!("param: {}", kind.value), None),
        ItemKind::Let { name, .. } => (name, "let", "let".to_owned(), None),
        ItemKind::Secret { name, variable } => {
            (name, "secret", format!("secret from env \"{}\"", variable.value), None)
        }
        ItemKind::Stage { name, kind, binder, body, .. } => {
            let each = binder.as_ref().map_or(String::new(), |binder| {
                format!(" for {} in {}", binder.variable.value, analysis.checked.files.text(binder.list.span))
            });
            (name, "stage", format!("{}{each}", kind.value), Some(body))
        }
        ItemKind::Block { keyword, name, title, body, .. } => {
            (name, keyword.value.as_str(), format!("{}{}", keyword.value, quoted(title)), Some(body))
        }
    };
    let inside = body.map_or_else(Vec::new, inside);
    Some(Heading {
        name: name.value.clone(),
        detail,
        keyword: keyword.to_owned(),
        span: item.span,
        at: name.span,
        inside,
    })
}

fn inside(body: &Body) -> Vec<Heading> {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    let mut all = Vec::new();
    for entry in &body.entries {
        match entry {
            Entry::Block(block) => {
                let count = counts.entry(&block.keyword.value).or_default();
                *count += 1;
                all.push(of_block(block, *count));
            }
            Entry::Gate { span, condition, otherwise } => all.push(Heading {
                // An editor takes no heading without a name.
                name: if otherwise.value.is_empty() { "gate" } else { &otherwise.value }.to_owned(),
                detail: "gate".to_owned(),
                keyword: "gate".to_owned(),
                span: *span,
                at: condition.span,
                inside: Vec::new(),
            }),
            _ => {}
        }
    }
    all
}

fn of_block(block: &Block, count: usize) -> Heading {
    let keyword = block.keyword.value.clone();
    let (name, at) = match (&block.name, &block.title) {
        (Some(name), _) => (name.value.clone(), name.span),
        (None, Some(title)) if !title.value.is_empty() => (title.value.clone(), title.span),
        (None, _) => (format!("{keyword} {count}"), block.keyword.span),
    };
    Heading { name, detail: keyword.clone(), keyword, span: block.span.to(block.header), at, inside: Vec::new() }
}

/// A stretch of lines that an editor may hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fold {
    /// First and last byte; they stand on different lines.
    pub start: usize,
    pub end: usize,
    pub sort: FoldSort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoldSort {
    Block,
    Imports,
    Comment,
}

/// Brackets and prose over several lines, runs of comments, and the imports.
pub fn folding(text: &str) -> Vec<Fold> {
    let mut folds = Vec::new();
    let mut open = Vec::new();
    let mut comments: Option<(usize, usize)> = None;
    let mut imports: Option<(usize, usize)> = None;
    let mut first_of_line = true;
    let mut in_import = false;
    let several_lines = |start: usize, end: usize| text[start..end].contains('\n');
    let all = tokens(text);
    for token in &all {
        let ends_comments = !matches!(token.kind, Kind::Comment | Kind::NewLine);
        if ends_comments && let Some((start, end)) = comments.take().filter(|(start, end)| several_lines(*start, *end))
        {
            folds.push(Fold { start, end, sort: FoldSort::Comment });
        }
        match token.kind {
            Kind::Comment if first_of_line => {
                // An empty line parts two runs.
                let joined = comments.filter(|(_, end)| text[*end..token.at].matches('\n').count() == 1);
                if let Some((start, end)) =
                    comments.filter(|(start, end)| joined.is_none() && several_lines(*start, *end))
                {
                    folds.push(Fold { start, end, sort: FoldSort::Comment });
                }
                comments = Some((joined.map_or(token.at, |(start, _)| start), token.end()));
            }
            Kind::Open(_) => open.push(token.at),
            Kind::Close => {
                if let Some(start) = open.pop().filter(|start| several_lines(*start, token.at)) {
                    folds.push(Fold { start, end: token.at, sort: FoldSort::Block });
                }
            }
            Kind::Prose if several_lines(token.at, token.end()) => {
                folds.push(Fold { start: token.at, end: token.end(), sort: FoldSort::Block });
            }
            Kind::Word if open.is_empty() && first_of_line => in_import = token.text == "use",
            _ => {}
        }
        if in_import && !matches!(token.kind, Kind::NewLine | Kind::Comment) {
            imports = Some((imports.map_or(token.at, |(start, _)| start), token.end()));
        }
        first_of_line = token.kind == Kind::NewLine;
    }
    if let Some((start, end)) = comments.filter(|(start, end)| several_lines(*start, *end)) {
        folds.push(Fold { start, end, sort: FoldSort::Comment });
    }
    if let Some((start, end)) = imports.filter(|(start, end)| several_lines(*start, *end)) {
        folds.push(Fold { start, end, sort: FoldSort::Imports });
    }
    folds.sort();
    folds
}

/// Texts of several words in a file, by place: what hover counts.
pub(super) fn text_at(items: &[Item], offset: u32) -> Option<(Span, String)> {
    let covers = |span: Span| span.start <= offset && offset <= span.end;
    let item = items.iter().find(|item| covers(item.span))?;
    match &item.kind {
        ItemKind::Let { value, .. } | ItemKind::Param { value, .. } => in_expr(value, offset),
        ItemKind::Stage { body, .. } | ItemKind::Block { body, .. } => in_body(body, offset),
        _ => None,
    }
}

fn in_body(body: &Body, offset: u32) -> Option<(Span, String)> {
    body.entries.iter().find_map(|entry| match entry {
        Entry::Assign(assign) => in_expr(&assign.value, offset),
        Entry::Block(block) => in_body(&block.body, offset),
        _ => None,
    })
}

fn in_expr(expr: &Expr, offset: u32) -> Option<(Span, String)> {
    if !(expr.span.start <= offset && offset <= expr.span.end) {
        return None;
    }
    match &expr.kind {
        ExprKind::String(text) | ExprKind::Prose { text, .. } => Some((expr.span, text.clone())),
        ExprKind::List(items) => items.iter().find_map(|item| in_expr(item, offset)),
        ExprKind::Record(assigns) => assigns.iter().find_map(|assign| in_expr(&assign.value, offset)),
        ExprKind::Call { args, .. } => args.iter().find_map(|arg| in_expr(&arg.value, offset)),
        ExprKind::Binary { left, right, .. } => in_expr(left, offset).or_else(|| in_expr(right, offset)),
        _ => None,
    }
}
