//! What each word is, for whoever colours them: semantic tokens. A grammar of regular expressions sees the same words; only this knows
//! that `anchor` is a persona and `k3` a word of a closed set.

use std::collections::BTreeMap;

use super::names::{self, Symbol};
use super::walk::{Place, Walk, is_item_keyword, is_sign};
use super::{Analysis, MAIN, Scope};
use crate::check::uses::Meaning;
use crate::format::tokens::{Kind, Token, tokens};
use crate::program::EntityKind;

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    Keyword,
    /// A stage's kind, a param's type.
    Type,
    /// A field, or a part of something.
    Property,
    Parameter,
    Function,
    /// A persona, a model…
    Item(EntityKind),
    Module,
    Variable,
    /// A word of a closed set, `true`, `none`, a unit.
    Constant,
    Number,
    String,
    Comment,
    Operator,
}

/// A word of the main file; never over a line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Painted {
    pub start: usize,
    pub end: usize,
    pub sort: Sort,
    /// Here the name is declared.
    pub declares: bool,
}

/// Every word of the main file, in its order.
pub fn paint(analysis: &Analysis) -> Vec<Painted> {
    let scope = Scope::new(analysis);
    let resolve = |path: &str| scope.attribute_at(path);
    let text = analysis.text();
    let all = tokens(text);
    let kinds: BTreeMap<_, _> = scope.names.decls.iter().map(|decl| (decl.name.span, decl.kind)).collect();
    let mut known: BTreeMap<usize, (usize, Sort, bool)> = BTreeMap::new();
    for one in names::occurrences(analysis).into_iter().filter(|one| one.span.file == MAIN) {
        let (sort, declares) = match one.symbol {
            Symbol::File(_) => (Sort::Module, false),
            Symbol::At(at) => (kinds.get(&at).map_or(Sort::Variable, |kind| Sort::Item(*kind)), at == one.span),
        };
        known.insert(one.span.start as usize, (one.span.end as usize, sort, declares));
    }
    for (span, meaning) in analysis.uses.iter().filter(|(span, _)| span.file == MAIN) {
        let sort = match meaning {
            Meaning::Part => Sort::Property,
            Meaning::Word => Sort::Constant,
            _ => continue,
        };
        known.entry(span.start as usize).or_insert((span.end as usize, sort, false));
    }
    let mut painted = Vec::new();
    let mut walk = Walk::new(text, &resolve);
    for (at, token) in all.iter().enumerate() {
        let next = all.get(at + 1);
        match token.kind {
            Kind::Word | Kind::Access => word(token, next, &walk, &known, &mut painted),
            Kind::Number => push(&mut painted, text, token, Sort::Number),
            Kind::String | Kind::Prose => push(&mut painted, text, token, Sort::String),
            Kind::Comment => push(&mut painted, text, token, Sort::Comment),
            Kind::Sign if token.text == "%" => push(&mut painted, text, token, Sort::Constant),
            Kind::Sign if !is_sign(token.text) => push(&mut painted, text, token, Sort::Operator),
            _ => {}
        }
        walk.feed(*token, next);
    }
    painted
}

/// A token, cut at the ends of lines.
fn push(painted: &mut Vec<Painted>, text: &str, token: &Token<'_>, sort: Sort) {
    let mut start = token.at;
    for line in text[token.at..token.end()].split_inclusive('\n') {
        let end = start + line.trim_end_matches(['\n', '\r']).len();
        if end > start {
            painted.push(Painted { start, end, sort, declares: false });
        }
        start += line.len();
    }
}

/// Each word of a dotted path by itself.
fn word(
    token: &Token<'_>,
    next: Option<&Token<'_>>,
    walk: &Walk<'_>,
    known: &BTreeMap<usize, (usize, Sort, bool)>,
    painted: &mut Vec<Painted>,
) {
    let mut start = token.at;
    for (index, part) in token.text.split('.').enumerate() {
        let end = start + part.len();
        let (sort, declares) = match known.get(&start) {
            Some((stop, sort, declares)) if *stop == end => (Some(*sort), *declares),
            _ if index == 0 && token.kind == Kind::Word => (by_place(part, next, walk, end == token.end()), false),
            _ => (Some(Sort::Property), false),
        };
        if let Some(sort) = sort.filter(|_| !part.is_empty()) {
            painted.push(Painted { start, end, sort, declares });
        }
        start = end + 1;
    }
}

/// What a word is that is no name of the program.
fn by_place(word: &str, next: Option<&Token<'_>>, walk: &Walk<'_>, whole: bool) -> Option<Sort> {
    let follows = |sign: &str| whole && next.is_some_and(|next| next.text == sign);
    let is_field = whole && next.is_some_and(|next| is_sign(next.text));
    match walk.place() {
        Place::Item if is_item_keyword(word) => Some(Sort::Keyword),
        Place::Item => None,
        Place::Words(_) => Some(Sort::Keyword),
        Place::ParamType | Place::StageKind => Some(Sort::Type),
        Place::Entry(_) if is_field || !whole => Some(Sort::Property),
        Place::Entry(_) => Some(Sort::Keyword),
        Place::Path | Place::Import(_) | Place::Base(_) | Place::ImportPath => Some(Sort::Variable),
        Place::Unit(_, words) if words.contains(&word) => Some(Sort::Keyword),
        Place::Unit(..) => Some(Sort::Constant),
        Place::Value(_) if follows("(") => Some(Sort::Function),
        Place::Value(wanted) if wanted.call.is_some() && follows(":") => Some(Sort::Parameter),
        Place::Value(_) => Some(match word {
            "not" | "and" | "or" | "in" => Sort::Operator,
            "true" | "false" | "none" => Sort::Constant,
            _ => Sort::Variable,
        }),
        Place::Nowhere => match word {
            "and" | "or" | "in" | "not" => Some(Sort::Operator),
            "else" | "for" | "as" | "from" | "env" | "extends" => Some(Sort::Keyword),
            _ => Some(Sort::Variable),
        },
    }
}
