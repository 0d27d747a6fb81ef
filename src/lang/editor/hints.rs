//! What an editor writes between the words: the defaults that apply to a block, a record or a call, and which argument one is that is
//! given by its position.

use super::walk::{Fields, Place, Walk};
use super::{Analysis, MAIN, Scope, hover};
use crate::check::schema::{Attribute, Call, Default, Ty};
use crate::check::types;
use crate::format::tokens::{Kind, Token, tokens};
use crate::program::Dim;
use crate::syntax::ast::ItemKind;

/// A text that stands between two bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub at: usize,
    pub text: String,
    /// Markdown; all of what the text is too short for.
    pub more: String,
    pub sort: HintSort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintSort {
    /// Before a value: which argument it is.
    Argument,
    /// Behind a header or before a closing bracket: what nobody said.
    Defaults,
}

/// As many defaults are written out; the others are in the longer text.
const SHOWN: usize = 4;

/// Hints of the main file between two bytes.
pub fn hints(analysis: &Analysis, from: usize, to: usize) -> Vec<Hint> {
    let scope = Scope::new(analysis);
    let resolve = |path: &str| scope.attribute_at(path);
    let text = analysis.text();
    let all = tokens(text);
    let mut walk = Walk::new(text, &resolve);
    // Openers that wait for their closers: what is in them, and where.
    let mut open: Vec<(Option<Inside>, usize)> = Vec::new();
    let mut hints = Vec::new();
    for (at, token) in all.iter().enumerate() {
        if token.at > to {
            break;
        }
        let next = all.get(at + 1);
        if let Some(argument) = positional(&walk, token, all.get(at.wrapping_sub(1)), next) {
            hints.push(argument);
        }
        if token.kind == Kind::Close
            && let Some((Some(inside), opened)) = open.pop()
        {
            // The last field is still being read when its block closes.
            let mut written = walk.written().to_vec();
            written.extend(walk.field());
            if let Some(hint) = inside.hint(&written, opened, token.at, text) {
                hints.push(hint);
            }
        }
        let before = walk.place();
        walk.feed(*token, next);
        if let Kind::Open(_) = token.kind {
            open.push((Inside::of(&walk, &before), token.end()));
        }
    }
    hints.retain(|hint| from <= hint.at && hint.at <= to);
    hints.sort_by_key(|hint| hint.at);
    hints
}

/// Where each stage of the main file has its header's end: its name, its kind, and the experiment's seed.
pub fn stages(analysis: &Analysis) -> Vec<(usize, String, u64)> {
    let known = analysis.known();
    let seed = known.experiment.and_then(|id| known.entity(id).fields.get("seed"));
    let Some(crate::program::Value::Number { value, .. }) = seed.map(|field| &field.value) else { return Vec::new() };
    let stages = analysis.items(MAIN).iter().filter_map(|item| match &item.kind {
        ItemKind::Stage { kind, body, .. } => Some((body.span.start as usize + 1, kind.value.clone(), *value as u64)),
        _ => None,
    });
    stages.collect()
}

/// What stands between two brackets.
enum Inside {
    Block(Fields),
    Record(Fields),
}

impl Inside {
    fn of(walk: &Walk<'_>, before: &Place<'_>) -> Option<Self> {
        match walk.place() {
            Place::Entry(fields @ (Fields::Item(_) | Fields::Child(_))) => Some(Inside::Block(fields)),
            Place::Entry(fields @ Fields::Record(_)) if matches!(before, Place::Value(_)) => {
                Some(Inside::Record(fields))
            }
            _ => None,
        }
    }

    fn hint(&self, written: &[&str], opened: usize, closed: usize, text: &str) -> Option<Hint> {
        let (Inside::Block(fields) | Inside::Record(fields)) = self;
        let heads: Vec<&str> = written.iter().filter_map(|path| path.split('.').next()).collect();
        let applies = |one: &&Attribute| !heads.contains(&one.name) && default(one).is_some();
        let missing: Vec<&'static Attribute> = fields.all().iter().filter(applies).collect();
        if missing.is_empty() {
            return None;
        }
        let shown: Vec<String> =
            missing.iter().take(SHOWN).filter_map(|one| Some(format!("{} {}", one.name, default(one)?))).collect();
        let rest = missing.len() - shown.len();
        let rest = if rest > 0 { format!(", {rest} more") } else { String::new() };
        let more = missing.iter().filter_map(|one| Some(format!("- `{} = {}`: {}", one.name, default(one)?, one.doc)));
        let more = more.collect::<Vec<_>>().join("\n");
        let list = shown.join(", ");
        let (at, text) = match self {
            Inside::Block(_) if text[opened..closed].contains('\n') => (opened, format!(" unless said: {list}{rest}")),
            Inside::Block(_) => return None,
            Inside::Record(_) => {
                let blanks = text[..closed].chars().rev().take_while(|one| *one == ' ').count();
                let comma = if written.is_empty() { " " } else { ", " };
                (closed - blanks, format!("{comma}{list}{rest}"))
            }
        };
        Some(Hint { at, text, more, sort: HintSort::Defaults })
    }
}

/// The name of an argument that is given by its position; not where a call has one alone.
fn positional(
    walk: &Walk<'_>,
    token: &Token<'_>,
    before: Option<&Token<'_>>,
    next: Option<&Token<'_>>,
) -> Option<Hint> {
    let begins = before.is_some_and(|before| matches!(before.kind, Kind::Open(b'(') | Kind::Separator | Kind::NewLine));
    let is_value = !matches!(token.kind, Kind::Close | Kind::NewLine | Kind::Comment | Kind::Separator);
    if !begins || !is_value || next.is_some_and(|next| next.text == ":") {
        return None;
    }
    let Place::Value(wanted) = walk.place() else { return None };
    let call: &'static Call = wanted.call?;
    let argument = wanted.attribute.filter(|_| call.args.len() > 1)?;
    // `contrast(smollm2)` says what it is by its name.
    if token.text.contains(argument.name) {
        return None;
    }
    Some(Hint {
        at: token.at,
        text: format!("{}: ", argument.name),
        more: format!("{} {}", argument.doc, types::wanted(&argument.ty)),
        sort: HintSort::Argument,
    })
}

/// A default as one would write it; of what is absent, required or put together of other defaults there is nothing to say.
fn default(attribute: &Attribute) -> Option<String> {
    let dim = match attribute.ty {
        Ty::Num(num) => num.dim,
        Ty::Range(dim) => dim,
        Ty::Optional(Ty::Num(num)) => num.dim,
        _ => Dim::None,
    };
    Some(match attribute.default {
        Default::Number(value) => hover::number(value, dim),
        Default::Word(word) => word.to_owned(),
        Default::Bool(value) => value.to_string(),
        Default::Range(low, high) => format!("{low}..{high}"),
        Default::Words(words) => format!("[{}]", words.join(", ")),
        Default::Numbers(values) => format!("[{}]", values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")),
        Default::Text(text) => format!("{text:?}"),
        Default::Required | Default::Absent | Default::Empty | Default::Record | Default::Call(_) => return None,
    })
}
