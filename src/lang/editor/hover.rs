//! What a word means here: documentation, the value that it comes to, and the layer and line that the value comes from. Of a text, how long
//! it is.

use super::cursor::{Cursor, Inside, cursor};
use super::names::{self, Symbol};
use super::walk::{Fields, Place, Wanted, below};
use super::{Analysis, Led, MAIN, Scope, outline};
use crate::check::schema::{self, Attribute, Ty};
use crate::check::{types, units};
use crate::explain;
use crate::format::tokens::{Kind, Token, tokens};
use crate::program::{Dim, Entity, EntityId, EntityKind, Field, Origin, VALUE, Value};
use crate::source::Span;
use crate::syntax::ast::{Entry, ItemKind};

/// What there is to say about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// Bytes of the main file.
    pub start: usize,
    pub end: usize,
    /// Markdown.
    pub text: String,
    /// A text that a model may read, as it reads it: whoever has its tokenizer can count.
    pub said: Option<String>,
}

/// Tells what stands at a place of the main file.
pub fn hover(analysis: &Analysis, offset: usize) -> Option<Hover> {
    let text = analysis.text();
    let all = tokens(text);
    let index = all.iter().position(|token| token.at <= offset && offset < token.end()).or_else(|| {
        // Just behind a word is still at it.
        all.iter().position(|token| token.end() == offset && matches!(token.kind, Kind::Word | Kind::Access))
    })?;
    let token = all[index];
    match token.kind {
        Kind::Word | Kind::Access => {
            let (start, end) = segment(&token, offset);
            let text = match names::at(analysis, start) {
                Some(found) => of_symbol(analysis, found.symbol),
                None => of_word(analysis, &token, all.get(index + 1), start, end),
            }?;
            Some(Hover { start, end, text, said: None })
        }
        Kind::String | Kind::Prose => of_slot(&token, offset)
            .or_else(|| of_import(analysis, &token))
            .or_else(|| of_text(analysis, &token, offset)),
        _ => None,
    }
}

/// The models that policies of the program are of: by whose tokenizers its texts are read. Each a name and its `weights`.
pub fn models(analysis: &Analysis) -> Vec<(String, Value)> {
    let known = analysis.known();
    let mut found: Vec<EntityId> = Vec::new();
    for entity in &known.entities {
        for instance in entity.stage.iter().flat_map(|stage| &stage.instances) {
            for field in ["policy", "from", "init"].iter().filter_map(|name| instance.fields.get(*name)) {
                if let Value::Entity(id) = field.value
                    && known.entity(id).kind == EntityKind::Model
                    && !found.contains(&id)
                {
                    found.push(id);
                }
            }
        }
    }
    if found.is_empty() {
        found.extend(known.of_kind(EntityKind::Model).map(|model| model.id));
    }
    let weights = |id: &EntityId| {
        let model = known.entity(*id);
        Some((model.name.clone(), model.fields.get("weights")?.value.clone()))
    };
    found.iter().filter_map(weights).collect()
}

/// The word of a dotted path that an offset is in.
fn segment(token: &Token<'_>, offset: usize) -> (usize, usize) {
    let inside = offset.clamp(token.at, token.end()) - token.at;
    let start = token.text[..inside].rfind('.').map_or(0, |dot| dot + 1);
    let end = token.text[inside..].find('.').map_or(token.text.len(), |dot| inside + dot);
    (token.at + start.min(end), token.at + end)
}

fn of_symbol(analysis: &Analysis, symbol: Symbol) -> Option<String> {
    let span = match symbol {
        Symbol::File(file) => return Some(format!("`{}`", analysis.checked.files.file(file).path)),
        Symbol::At(span) => span,
    };
    match names::declared_at(analysis, span) {
        Some(id) => Some(of_item(analysis, id)),
        None => {
            // A criterion, or the variable of a family.
            let name = analysis.checked.files.text(span);
            let scope = Scope::new(analysis);
            let rubric = scope.names.decls.iter().find(|decl| {
                decl.item.span.file == span.file && decl.item.span.start <= span.start && span.end <= decl.item.span.end
            })?;
            Some(match rubric.kind {
                EntityKind::Rubric => of_criterion(analysis, rubric.id, name),
                _ => format!("```masc\nfor {name} in …\n```\nThe persona of each member of `{}`.", rubric.name.value),
            })
        }
    }
}

fn of_item(analysis: &Analysis, id: EntityId) -> String {
    let names = analysis.names();
    let decl = *names.decl(id);
    let entity = analysis.known().entity(id);
    let header = analysis.checked.files.text(decl.item.header).lines().next().unwrap_or_default();
    let shown = match &decl.item.kind {
        ItemKind::Let { .. } | ItemKind::Param { .. } => {
            analysis.checked.files.text(decl.item.span).lines().next().unwrap_or_default()
        }
        _ => header,
    };
    let mut text = format!("```masc\n{shown}\n```");
    if let Some(doc) = &decl.item.doc {
        text += &format!("\n\n{doc}");
    }
    if let ItemKind::Param { about: Some(about), .. } = &decl.item.kind {
        text += &format!("\n\n{}", about.value);
    }
    if let Some(field) = entity.fields.get(VALUE) {
        text += &format!("\n\n{}", told(analysis, "value", &field.value, field.origin));
    }
    if let Some(Value::Text(role)) = entity.fields.get("role").map(|role| &role.value) {
        text += &format!("\n\n{role}");
    }
    if let Some(stage) = &entity.stage {
        let members: Vec<&str> = stage
            .instances
            .iter()
            .filter_map(|one| one.persona)
            .map(|one| analysis.known().entity(one).name.as_str())
            .collect();
        if stage.is_family && !members.is_empty() {
            text += &format!(
                "\n\nMembers: {}",
                members.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")
            );
        }
    }
    if let Some(kind) = decl.schema {
        text += &format!("\n\n{}", kind.doc);
    }
    let file = &analysis.checked.files.file(decl.file).path;
    let line = analysis.checked.files.position(decl.file, decl.name.span.start).line;
    if decl.file != super::MAIN {
        text += &format!("\n\n*{file}:{line}*");
    }
    text
}

fn of_criterion(analysis: &Analysis, rubric: EntityId, name: &str) -> String {
    let names = analysis.names();
    let body = names.decl(rubric).body;
    let header = body.and_then(|body| {
        body.entries.iter().find_map(|entry| match entry {
            Entry::Block(block) if block.name.as_ref().is_some_and(|one| one.value == name) => Some(block.header),
            _ => None,
        })
    });
    let shown = header.map_or(name, |header| analysis.checked.files.text(header));
    format!(
        "```masc\n{shown}\n```\nA criterion of `{}`. {}",
        names.decl(rubric).name.value,
        schema::items::CRITERION.doc
    )
}

fn of_word(
    analysis: &Analysis,
    token: &Token<'_>,
    next: Option<&Token<'_>>,
    start: usize,
    end: usize,
) -> Option<String> {
    let scope = Scope::new(analysis);
    let resolve = |path: &str| scope.attribute_at(path);
    let text = analysis.text();
    let word = &text[start..end];
    let at = cursor(text, end, &resolve);
    if at.inside != Inside::Code {
        return None;
    }
    let follows = |sign: &str| end == token.end() && next.is_some_and(|next| next.text == sign);
    let general = || explain::explain(word).map(|told| format!("{}\n\n{}", told.title, told.text));
    // `delta(a, b).low`
    if token.kind == Kind::Access && matches!(word, "low" | "high" | "mean") {
        return Some(titled(word, "of an interval", ""));
    }
    // The whole path up to this word.
    let path = text[token.at..end].trim_start_matches('.');
    match &at.place {
        Place::Item => schema::item(word).map(|kind| titled(word, "item", &explain::of_kind(kind))).or_else(general),
        Place::StageKind => schema::stage(word).map(|kind| titled(word, "kind of stage", &explain::of_kind(kind))),
        Place::Entry(fields) => match fields.attribute(path) {
            Some(attribute) => Some(of_field(analysis, &at, path, attribute)),
            None => child(*fields, word).or_else(general),
        },
        Place::Path => match scope.follow(&path.split('.').collect::<Vec<_>>(), None)? {
            Led::Attribute(attribute) => {
                let mut told = titled(word, &types::wanted(&attribute.ty), &explain::of_attribute(attribute));
                told += &before_it_is_changed(&scope, path);
                Some(told)
            }
            _ => None,
        },
        Place::Words(schema::items::EXECUTORS) => {
            Some(titled(word, "an executor: where a stage is computed", schema::items::EXECUTOR.doc))
        }
        Place::Value(wanted) if follows("(") => {
            let calls = wanted.types.iter().filter_map(|ty| match ty {
                Ty::Call(calls) => calls.iter().copied().find(|call| call.name == word),
                _ => None,
            });
            let call = calls.chain(schema::every_call().filter(|call| call.name == word)).next()?;
            Some(titled(&format!("{word}(…)"), call.role.phrase(), &explain::of_call(call)))
        }
        Place::Value(Wanted { call: Some(call), .. }) if follows(":") => {
            let argument = call.arg(word)?;
            Some(titled(word, &types::wanted(&argument.ty), &explain::of_attribute(argument)))
        }
        Place::Value(wanted) => of_value_word(&scope, &at, path, word, wanted),
        Place::Unit(..) => units::find(word).and_then(|_| general()),
        Place::ParamType => Some(titled(word, "the type of a param", "")),
        Place::Words(_) | Place::Nowhere => None,
        _ => None,
    }
}

/// A word of a closed set, a result, a part of something.
fn of_value_word(scope: &Scope<'_>, at: &Cursor<'_>, path: &str, word: &str, wanted: &Wanted) -> Option<String> {
    let is_word = wanted.types.iter().any(|ty| matches!(ty, Ty::Words(words) if words.contains(&word)));
    if is_word && let Some(attribute) = wanted.attribute {
        return Some(titled(word, &format!("a word of `{}`", attribute.name), &explain::of_attribute(attribute)));
    }
    if let Some(words) = wanted.types.iter().find_map(|ty| match ty {
        Ty::Words(words) if words.contains(&word) && path == word => Some(words),
        _ => None,
    }) {
        return Some(titled(word, "a word of a closed set", &format!("One of `{}`.", words.join("`, `"))));
    }
    let own = super::kind_named(at.head.keyword, at.head.kind).and_then(|kind| kind.result(word));
    if let Some(result) = own.filter(|_| path == word) {
        return Some(titled(word, "a result", result.doc));
    }
    let steps: Vec<&str> = path.split('.').collect();
    let (_, before) = steps.split_last()?;
    match scope.follow(before, at.head.variable) {
        Some(Led::Item(id)) => {
            let kind = scope.kind_of(id)?;
            if let Some(result) = kind.result(word) {
                return Some(titled(word, "a result", result.doc));
            }
            if scope.names.decl(id).kind == EntityKind::Dataset && matches!(word, "train" | "val" | "test") {
                return Some(titled(word, "a split", "Of the source, or cut from its train by digest."));
            }
            kind.field(word).map(|field| titled(word, &types::wanted(&field.ty), &explain::of_attribute(field)))
        }
        Some(Led::Each(one)) => {
            let field = scope.kind_of(one)?.field(word)?;
            Some(titled(word, &types::wanted(&field.ty), &explain::of_attribute(field)))
        }
        Some(Led::Attribute(attribute)) => {
            let field = below(attribute, word)?;
            Some(titled(word, &types::wanted(&field.ty), &explain::of_attribute(field)))
        }
        _ if matches!(word, "low" | "high" | "mean") => Some(titled(word, "a bound of an interval", "")),
        _ => None,
    }
}

/// What the field at a path of a variant or sweep comes to without it.
fn before_it_is_changed(scope: &Scope<'_>, path: &str) -> String {
    let steps: Vec<&str> = path.split('.').collect();
    // The item, or the member of a list, that the field is of.
    let found = (1..steps.len()).rev().find_map(|at| match scope.follow(&steps[..at], None)? {
        Led::Item(id) => Some((id, steps[..at].join("."), steps[at..].join("."))),
        _ => None,
    });
    let Some((id, item, field)) = found else { return String::new() };
    let all = values(scope.analysis, scope.analysis.known().entity(id), &field).into_iter();
    all.map(|(member, value, origin)| {
        let whose = member.map_or_else(|| format!("{item}.{field}"), |member| format!("{item}.{member}.{field}"));
        format!("\n\nunless changed: {}", told(scope.analysis, &whose, &value, origin))
    })
    .collect()
}

/// `{{char}}` and `{{user}}`.
fn of_slot(token: &Token<'_>, offset: usize) -> Option<Hover> {
    let at = offset.checked_sub(token.at)?.min(token.text.len());
    let start = token.text.get(..at)?.rfind("{{").or_else(|| token.text[at..].starts_with("{{").then_some(at))?;
    let end = start + token.text[start..].find("}}")? + 2;
    let text = match &token.text[start..end] {
        "{{char}}" => "`{{char}}` · a slot\n\nThe quoted name of the persona who speaks.",
        "{{user}}" => "`{{user}}` · a slot\n\nWhoever the persona speaks to: “the user”.",
        _ => return None,
    };
    (at < end).then(|| Hover { start: token.at + start, end: token.at + end, text: text.to_owned(), said: None })
}

/// The path of a `use`: the file, and what it declares.
fn of_import(analysis: &Analysis, token: &Token<'_>) -> Option<Hover> {
    let (start, end) = (token.at, token.end());
    let (_, file) = analysis
        .checked
        .tree
        .imports
        .iter()
        .find(|(span, _)| span.file == MAIN && span.start as usize <= start && end <= span.end as usize)?;
    let names = analysis.names();
    let mut own: Vec<(u32, &str)> = names
        .decls
        .iter()
        .filter(|decl| decl.file == *file)
        .map(|decl| (decl.name.span.start, decl.name.value.as_str()))
        .collect();
    own.sort_unstable();
    let own: Vec<String> = own.iter().map(|(_, name)| format!("`{name}`")).collect();
    let path = &analysis.checked.files.file(*file).path;
    let text = format!(
        "`{path}` · a file\n\nIt declares {}.",
        if own.is_empty() { "nothing".to_owned() } else { own.join(", ") }
    );
    Some(Hover { start, end, text, said: None })
}

fn titled(word: &str, what: &str, text: &str) -> String {
    format!("`{word}` · {what}\n\n{text}").trim_end().to_owned()
}

fn child(fields: Fields, word: &str) -> Option<String> {
    let Fields::Item(kind) = fields else { return None };
    let child = kind.child(word)?;
    Some(titled(word, &format!("a block of `{}`", kind.name), child.doc))
}

/// A field, with what it comes to.
fn of_field(analysis: &Analysis, at: &Cursor<'_>, path: &str, attribute: &'static Attribute) -> String {
    let mut text = titled(path, &types::wanted(&attribute.ty), &explain::of_attribute(attribute));
    let Some(trail) = &at.trail else { return text };
    let path = trail.iter().copied().chain([path]).collect::<Vec<_>>().join(".");
    let known = analysis.known();
    let Some(entity) = known.entities.iter().find(|one| one.name == at.head.name && one.span.file == MAIN) else {
        return text;
    };
    for (member, value, origin) in values(analysis, entity, &path) {
        let whose = member.map_or_else(|| path.clone(), |member| format!("{}.{member}.{path}", at.head.name));
        text += &format!("\n\n{}", told(analysis, &whose, &value, origin));
    }
    text
}

/// What a field of an item comes to: once, or a member where members differ.
fn values(analysis: &Analysis, entity: &Entity, path: &str) -> Vec<(Option<String>, Value, Origin)> {
    let known = analysis.known();
    let part = |field: &Field| {
        let mut steps = path.split('.').skip(1);
        let value = steps.try_fold(&field.value, |value, step| match value {
            Value::Record(fields) | Value::Call { args: fields, .. } => fields.get(step),
            _ => None,
        })?;
        let below = path.split_once('.').map(|(_, below)| below);
        let origin = below.and_then(|below| field.parts.get(below)).copied().unwrap_or(field.origin);
        Some((value.clone(), origin))
    };
    let head = path.split('.').next().unwrap_or(path);
    let Some(stage) = &entity.stage else {
        return entity
            .fields
            .get(head)
            .and_then(part)
            .map(|(value, origin)| (None, value, origin))
            .into_iter()
            .collect();
    };
    let mut all: Vec<(Option<String>, Value, Origin)> = Vec::new();
    for instance in &stage.instances {
        let Some((value, origin)) = instance.fields.get(head).and_then(part) else { continue };
        let member = instance.persona.map(|persona| known.entity(persona).name.clone());
        all.push((member, value, origin));
    }
    let same = all.windows(2).all(|pair| known.written(&pair[0].1) == known.written(&pair[1].1));
    match all.into_iter().next() {
        Some((_, value, origin)) if same => vec![(None, value, origin)],
        _ => {
            // Members differ: by name, as many as one reads.
            stage
                .instances
                .iter()
                .filter_map(|instance| {
                    let (value, origin) = instance.fields.get(head).and_then(part)?;
                    Some((instance.persona.map(|persona| known.entity(persona).name.clone()), value, origin))
                })
                .take(6)
                .collect()
        }
    }
}

/// `lr = 1e-4`, and where from.
fn told(analysis: &Analysis, name: &str, value: &Value, origin: Origin) -> String {
    let written = analysis.known().written(value);
    let short: String = written.chars().take(200).collect();
    let short = if short.len() < written.len() { format!("{short}…") } else { short };
    let place = |span: Span| {
        let line = analysis.checked.files.position(span.file, span.start).line;
        format!("{}:{line}", analysis.checked.files.file(span.file).path)
    };
    let from = match origin.span {
        Some(span) => format!("{}, {}", origin.layer.word(), place(span)),
        None => origin.layer.word().to_owned(),
    };
    format!("{name} = `{}` · {from}", short.replace('`', "'"))
}

fn of_text(analysis: &Analysis, token: &Token<'_>, offset: usize) -> Option<Hover> {
    let offset = u32::try_from(offset).ok()?;
    let (span, said) = outline::text_at(analysis.items(MAIN), offset)?;
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let lengths = [count(said.split_whitespace().count(), "word"), count(said.chars().count(), "character")];
    let text = lengths.join(", ");
    // A short text on one line speaks for itself.
    let worth = token.kind == Kind::Prose || said.split_whitespace().count() > 1;
    worth.then_some(Hover { start: span.start as usize, end: span.end as usize, text, said: Some(said) })
}

/// A number of a dimension, as hints and messages write it.
pub(super) fn number(value: f64, dim: Dim) -> String {
    if value != 0.0 && value.abs() < 1e-3 && dim == Dim::None { format!("{value:e}") } else { units::write(value, dim) }
}
