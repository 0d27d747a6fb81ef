//! Pass 3: what an expression is worth, held against the type that its place wants.
//!
//! Typed from outside in: [`Checker::value`] knows what is wanted and so what a bare word means; [`Checker::infer`] is for
//! places that want anything. What is faulty is told once and becomes [`Val::Unknown`], which satisfies every use.
//! Lives here: literals, lists, records. Operators are in `arithmetic.rs`, paths in `paths.rs`, calls
//! in `invoke.rs`.

use std::collections::BTreeMap;

use super::Checker;
use super::diagnostics as say;
use super::graph::has_shape;
use super::layers::{VALUE, span_of};
use super::names::Binding;
use super::schema::{Attribute, Default, Record, Target, Ty};
use super::types::{self, Misfit};
use super::units;
use super::uses::Meaning;
use super::val::Val;
use crate::program::{Dim, EntityId, EntityKind};
use crate::source::{FileId, Span};
use crate::syntax::ast::{Assign, Expr, ExprKind, Segment, UnaryOp};

/// Where an expression stands.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'c> {
    /// In which file its names are looked up.
    pub file: FileId,
    /// `for persona in crew`.
    pub bound: Option<Bound<'c>>,
    /// The stage (and its member) of the gate it stands in.
    pub own: Option<(EntityId, u32)>,
    /// In a persona's `test`: a rubric is a score there.
    pub in_test: bool,
    /// Values of a sweep's dimensions, by path, in its `skip`.
    pub point: Option<&'c BTreeMap<String, Val>>,
}

/// The persona that a stage `for persona in crew` is asked for; `None` when a reward is looked at by itself.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'c> {
    pub variable: &'c str,
    pub persona: Option<EntityId>,
}

impl Cx<'_> {
    pub fn of(file: FileId) -> Self {
        Self { file, bound: None, own: None, in_test: false, point: None }
    }
}

impl<'t> Checker<'t> {
    /// The value of an expression where `ty` is wanted.
    pub fn value(&mut self, expr: &Expr, ty: &Ty, cx: &Cx<'_>) -> Val {
        match (ty, &expr.kind) {
            (_, ExprKind::Faulty) => Val::Unknown,
            (Ty::Optional(_), ExprKind::None) => Val::Absent,
            (Ty::Optional(inner), _) => self.value(expr, inner, cx),
            (Ty::Words(words), kind) => self.word(expr, kind, words, ty, cx),
            (Ty::TextOf(words), ExprKind::Path(path)) => match path.as_slice() {
                [Segment::Name(name)] if words.contains(&name.value.as_str()) => {
                    self.meant(expr.span, Meaning::Word);
                    Val::Text(name.value.clone())
                }
                _ => self.inferred(expr, ty, cx),
            },
            (Ty::TextOf(words), ExprKind::String(text)) if !words.contains(&text.as_str()) => {
                self.found.add(say::not_one_of(expr.span, text, words));
                Val::Unknown
            }
            (Ty::List(inner), ExprKind::List(items)) => {
                Val::List(items.iter().map(|item| self.value(item, inner, cx)).collect())
            }
            (Ty::Set(inner), ExprKind::List(items)) => {
                sorted_set(items.iter().map(|item| self.value(item, inner, cx)).collect())
            }
            (Ty::Record(record), ExprKind::Record(assigns)) => self.record(record, assigns, expr.span, cx),
            (Ty::Map(inner), ExprKind::Record(assigns)) => {
                let entries = self.entries(assigns);
                Val::Record(
                    entries.into_iter().map(|(name, at)| (name.clone(), self.value(&at.value, inner, cx))).collect(),
                )
            }
            (Ty::Call(calls), ExprKind::Call { name, args }) => {
                match calls.iter().copied().find(|call| call.name == name.value) {
                    Some(call) => self.call(call, args, expr.span, cx),
                    // A function of scores stays a function of scores; the wrong type is told by whoever looks at its value.
                    None if *ty == Ty::Score => self.inferred(expr, ty, cx),
                    None => {
                        self.found.add(say::call_not_wanted(name, calls));
                        Val::Unknown
                    }
                }
            }
            (Ty::Either(alternatives), kind) => {
                let by_word = |one: &&Ty| match (one, kind) {
                    (Ty::Words(words), ExprKind::Path(path)) => {
                        matches!(path.as_slice(), [Segment::Name(name)] if words.contains(&name.value.as_str()))
                    }
                    _ => false,
                };
                match alternatives.iter().find(|one| has_shape(one, expr) || by_word(one)) {
                    Some(one) => self.value(expr, one, cx),
                    None => match (kind, alternatives.iter().find(|one| matches!(one, Ty::Call(_)))) {
                        (ExprKind::Call { .. }, Some(calls)) => self.value(expr, calls, cx),
                        _ => self.inferred(expr, ty, cx),
                    },
                }
            }
            _ => self.inferred(expr, ty, cx),
        }
    }

    /// An attribute's value; what is absent unless said may be said to be absent.
    pub fn attribute(&mut self, expr: &Expr, attribute: &Attribute, cx: &Cx<'_>) -> Val {
        match (&expr.kind, attribute.default) {
            (ExprKind::None, Default::Absent) => Val::Absent,
            _ => self.value(expr, &attribute.ty, cx),
        }
    }

    fn inferred(&mut self, expr: &Expr, ty: &Ty, cx: &Cx<'_>) -> Val {
        let val = match &expr.kind {
            // The one place where a secret may be named.
            ExprKind::Path(segments) if takes_secret(ty) => self.path(segments, cx),
            _ => self.infer(expr, cx),
        };
        let is_list = matches!(val, Val::List(_)) && matches!(ty, Ty::List(_) | Ty::Set(_));
        let val = self.conform(val, ty, expr.span);
        if val.is_unknown() && is_list {
            self.lose_list(expr, cx);
        }
        val
    }

    /// A list with something odd in it is one fault, however many use its name.
    fn lose_list(&mut self, expr: &Expr, cx: &Cx<'_>) {
        if let ExprKind::Path(path) = &expr.kind
            && let [Segment::Name(name)] = path.as_slice()
            && let Some(Binding::Decl(id)) = self.names.look_up(cx.file, &name.value)
            && self.names.decl(id).kind == EntityKind::Let
            && let Some(done) = self.done[id.0 as usize].as_mut()
            && let Some(value) = std::rc::Rc::make_mut(done).fields.get_mut(VALUE)
        {
            value.val = Val::Unknown;
        }
    }

    /// Holds a value against a type; what does not fit is told, and unknown from then on.
    pub fn conform(&mut self, val: Val, ty: &Ty, span: Span) -> Val {
        let val = match (ty, val) {
            // Records and sets that were written without knowing what for: a `let`.
            (Ty::Record(record), Val::Record(fields)) => self.fill(record, fields, span),
            (Ty::Set(_), Val::List(items)) => sorted_set(items),
            (_, val) => val,
        };
        if let Val::Entity(id) = val
            && self.names.decl(id).kind == EntityKind::Secret
            && types::misfit(&val, ty, &self.names).is_some()
        {
            self.found.add(say::secret_elsewhere(span, &self.names.decl(id).name.value));
            return Val::Unknown;
        }
        match types::misfit(&val, ty, &self.names) {
            None => val,
            // What is unknown in it was told; of what kind the whole is meant to be nobody knows.
            Some(Misfit::Type) if !matches!(ty, Ty::List(_) | Ty::Set(_)) && val.has_unknown() => Val::Unknown,
            Some(misfit) => {
                let diagnostic = match misfit {
                    Misfit::Type => {
                        let is = self.odd_one(&val, ty).unwrap_or_else(|| types::describe(&val, &self.names));
                        say::wrong_type(span, &types::wanted(ty), &is, &val, ty)
                    }
                    Misfit::UnitMissing(dim) => say::unit_missing(span, dim, &val),
                    Misfit::UnitWrong { is, wanted } => say::unit_wrong(span, is, wanted),
                    Misfit::NotWhole => say::not_whole(span, &val),
                    Misfit::OutOfBounds { low, high } => say::out_of_bounds(span, &val, low, high),
                };
                self.found.add(diagnostic);
                Val::Unknown
            }
        }
    }

    /// A secret flows into `auth` only: no name stands for one, no list holds one, nothing is reckoned with one.
    fn no_secret(&mut self, val: Val, span: Span) -> Val {
        let secret = self.secret_in(&val);
        if let Some(id) = secret {
            self.found.add(say::secret_elsewhere(span, &self.names.decl(id).name.value));
            return Val::Unknown;
        }
        val
    }

    fn secret_in(&self, val: &Val) -> Option<EntityId> {
        match val {
            Val::Entity(id) => (self.names.decl(*id).kind == EntityKind::Secret).then_some(*id),
            // `judges.*.auth`
            Val::List(items) => items.iter().find_map(|item| self.secret_in(item)),
            _ => None,
        }
    }

    /// Of a list, what in it is not as the others should be.
    fn odd_one(&self, val: &Val, ty: &Ty) -> Option<String> {
        let (Ty::List(inner) | Ty::Set(inner), Val::List(items)) = (ty, val) else { return None };
        let odd = items.iter().find(|item| types::misfit(item, inner, &self.names).is_some())?;
        Some(format!("a list with {} in it", types::describe(odd, &self.names)))
    }

    fn word(&mut self, expr: &Expr, kind: &ExprKind, words: &[&str], ty: &Ty, cx: &Cx<'_>) -> Val {
        let word = match kind {
            ExprKind::None if words.contains(&"none") => return Val::Word("none".to_owned()),
            ExprKind::Path(path) => match path.as_slice() {
                [Segment::Name(name)] => &name.value,
                _ => {
                    self.found.add(say::word_wanted(span_of(path), words, "a path"));
                    return Val::Unknown;
                }
            },
            ExprKind::String(text) if words.contains(&text.as_str()) => {
                self.found.add(say::word_in_quotes(expr.span, text));
                return Val::Unknown;
            }
            ExprKind::String(_) | ExprKind::Prose { .. } => {
                self.found.add(say::word_wanted(expr.span, words, "a text"));
                return Val::Unknown;
            }
            _ => {
                let val = self.infer(expr, cx);
                if !val.has_unknown() {
                    let is = types::describe(&val, &self.names);
                    self.found.add(say::wrong_type(expr.span, &types::wanted(ty), &is, &val, ty));
                }
                return Val::Unknown;
            }
        };
        if words.contains(&word.as_str()) {
            self.meant(expr.span, Meaning::Word);
            return Val::Word(word.clone());
        }
        self.found.add(say::unknown_word(expr.span, word, words));
        Val::Unknown
    }

    /// The value of an expression where anything may stand.
    pub fn infer(&mut self, expr: &Expr, cx: &Cx<'_>) -> Val {
        match &expr.kind {
            ExprKind::Faulty => Val::Unknown,
            ExprKind::None => Val::Absent,
            ExprKind::Bool(value) => Val::Bool(*value),
            ExprKind::Number { value, unit } => match unit {
                None => Val::number(*value),
                Some(unit) => match units::find(&unit.value) {
                    Some(known) => Val::Number { value: known.to_base(*value), dim: known.dim },
                    None => {
                        self.found.add(say::unknown_unit(unit));
                        Val::Unknown
                    }
                },
            },
            ExprKind::String(text) | ExprKind::Prose { text, .. } => {
                self.check_slots(text, expr.span);
                Val::Text(text.clone())
            }
            ExprKind::Path(segments) => {
                let val = self.path(segments, cx);
                self.no_secret(val, expr.span)
            }
            ExprKind::Call { name, args } => self.any_call(name, args, expr.span, cx),
            ExprKind::Field { of, name } => {
                let val = self.infer(of, cx);
                let part = self.part(val, name, "", cx);
                self.no_secret(part, expr.span)
            }
            ExprKind::List(items) => Val::List(items.iter().map(|item| self.infer(item, cx)).collect()),
            ExprKind::Record(assigns) => {
                let entries = self.entries(assigns);
                Val::Record(entries.into_iter().map(|(name, at)| (name.clone(), self.infer(&at.value, cx))).collect())
            }
            ExprKind::Range { low, high } => self.range(low, high, expr.span, cx),
            ExprKind::Unary { op, of } => {
                let val = self.infer(of, cx);
                match (op, val) {
                    (_, Val::Unknown) => Val::Unknown,
                    (UnaryOp::Minus, Val::Number { value, dim }) => Val::Number { value: -value, dim },
                    (UnaryOp::Not, Val::Bool(value)) => Val::Bool(!value),
                    (UnaryOp::Minus, val) if self.is_operand(&val, cx) => Val::Op { op: "neg", args: vec![val] },
                    (UnaryOp::Not, val @ Val::Op { .. }) => Val::Op { op: "not", args: vec![val] },
                    (op, val) => {
                        let sign = if *op == UnaryOp::Minus { "-" } else { "not" };
                        let is = types::describe(&val, &self.names);
                        self.found.add(say::no_arithmetic(of.span, sign, &is, cx.own.is_some()));
                        Val::Unknown
                    }
                }
            }
            ExprKind::Binary { op, op_span, left, right } => self.binary(*op, *op_span, left, right, cx),
        }
    }

    /// Tells what is wrong with an expression whose place nobody knows, as far as it can be told: what a bare word means there
    /// cannot.
    pub fn value_of_unknown(&mut self, expr: &Expr, cx: &Cx<'_>) {
        match &expr.kind {
            ExprKind::Number { .. } | ExprKind::String(_) | ExprKind::Prose { .. } => {
                self.infer(expr, cx);
            }
            // A name of two calls may be either.
            ExprKind::Call { name, args }
                if super::schema::every_call().filter(|call| call.name == name.value).count() < 2 =>
            {
                self.any_call(name, args, expr.span, cx);
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.value_of_unknown(item, cx)),
            ExprKind::Record(assigns) => {
                for (_, assign) in self.entries(assigns) {
                    self.value_of_unknown(&assign.value, cx);
                }
            }
            _ => {}
        }
    }

    /// `{ a = 1, b = 2 }` by key; a key that stands twice or is a path is told.
    fn entries<'a>(&mut self, assigns: &'a [Assign]) -> Vec<(&'a String, &'a Assign)> {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut entries = Vec::new();
        for assign in assigns {
            match assign.path.as_slice() {
                [Segment::Name(name)] => match seen.get(name.value.as_str()) {
                    Some(first) => self.found.add(say::field_twice(name.span, &name.value, *first)),
                    None => {
                        seen.insert(&name.value, name.span);
                        entries.push((&name.value, assign));
                    }
                },
                path => self.found.add(say::path_in_record(span_of(path))),
            }
        }
        entries
    }

    fn record(&mut self, record: &'static Record, assigns: &[Assign], span: Span, cx: &Cx<'_>) -> Val {
        let mut fields = BTreeMap::new();
        for (name, assign) in self.entries(assigns) {
            match record.field(name) {
                Some(field) => {
                    fields.insert(name.clone(), self.attribute(&assign.value, field, cx));
                }
                None => {
                    let at = span_of(&assign.path);
                    self.found.add(say::unknown_field_of_record(at, name, record));
                    // Perhaps it was meant for one that is required.
                    if record.fields.iter().any(|field| field.default == Default::Required) {
                        return Val::Unknown;
                    }
                }
            }
        }
        self.fill(record, fields, span)
    }

    /// Fills in what a record does not say.
    fn fill(&mut self, record: &'static Record, mut fields: BTreeMap<String, Val>, span: Span) -> Val {
        if let Some(unknown) = fields.keys().find(|name| record.field(name).is_none()) {
            self.found.add(say::unknown_field_of_record(span, unknown, record));
            return Val::Unknown;
        }
        let mut missing = Vec::new();
        for field in record.fields {
            if !fields.contains_key(field.name) {
                match default_of(field) {
                    Some(val) => {
                        fields.insert(field.name.to_owned(), val);
                    }
                    None => missing.push(field.name),
                }
            }
        }
        if missing.is_empty() {
            Val::Record(fields)
        } else {
            self.found.add(say::missing_in_record(span, &missing, record.name));
            Val::Unknown
        }
    }

    /// `{{char}}` and `{{user}}` are all the slots that there are.
    pub fn check_slots(&mut self, text: &str, span: Span) {
        let source = self.files.text(span);
        // Past the slots that have been found in the source.
        let mut from = 0;
        each_unknown_slot(text, &mut |_, written, slot| {
            let place = source[from..].find(written).map(|found| {
                let start = span.start as usize + from + found;
                from += found + written.len();
                Span::new(span.file, start, start + written.len())
            });
            // Written with escapes: those after it are not looked for either.
            from = if place.is_some() { from } else { source.len() };
            self.found.add(say::unknown_slot(place.unwrap_or(span), written, slot, place.is_some()));
        });
    }

    /// The same of a text that `span` reads from the file `path`.
    pub fn check_slots_of_file(&mut self, text: &str, path: &str, span: Span) {
        let (mut line, mut counted) = (1, 0);
        each_unknown_slot(text, &mut |at, _, slot| {
            line += text[counted..at].matches('\n').count();
            counted = at;
            self.found.add(say::unknown_slot_of_file(span, slot, path, line));
        });
    }
}

/// Tells of every slot that there is not: where it begins, with its braces, its name.
fn each_unknown_slot<'x>(text: &'x str, tell: &mut dyn FnMut(usize, &'x str, &'x str)) {
    // Where the next slot ends, looked for once for all that begin before it: there may be a million.
    let mut close = 0;
    let mut told = 0;
    for (at, _) in text.match_indices("{{") {
        if told == MOST_SLOTS {
            break;
        }
        let rest = &text[at + 2..];
        if close < at + 2 {
            let Some(found) = rest.find("}}") else { break };
            close = at + 2 + found;
        }
        let end = close - (at + 2);
        // Only what is nearest to the end is a slot.
        if end > LONGEST_SLOT || rest[..end].contains("{{") {
            continue;
        }
        let slot = rest[..end].trim();
        let is_word = !slot.is_empty() && slot.chars().all(|one| one.is_ascii_alphanumeric() || one == '_');
        if is_word && !matches!(&rest[..end], "char" | "user") {
            told += 1;
            tell(at, &text[at..at + 2 + end + 2], slot);
        }
    }
}

/// Sorted and without doubles, so that the order of a set means nothing.
fn sorted_set(mut items: Vec<Val>) -> Val {
    items.sort_by_key(|item| match item {
        Val::Word(word) | Val::Text(word) => (0, word.clone(), 0),
        Val::Entity(id) => (1, String::new(), id.0),
        _ => (2, String::new(), 0),
    });
    items.dedup_by(|a, b| a == b && !a.is_unknown());
    Val::List(items)
}

/// What an attribute is when nobody says; `None` when somebody must.
pub fn default_of(attribute: &Attribute) -> Option<Val> {
    let dim = dim_wanted(&attribute.ty);
    Some(match attribute.default {
        Default::Required => return None,
        Default::Absent => Val::Absent,
        Default::Bool(value) => Val::Bool(value),
        Default::Number(value) => Val::Number { value, dim },
        Default::Word(word) => Val::Word(word.to_owned()),
        Default::Text(text) => Val::Text(text.to_owned()),
        Default::Empty => match attribute.ty {
            Ty::Map(_) => Val::Record(BTreeMap::new()),
            _ => Val::List(Vec::new()),
        },
        Default::Words(words) => Val::List(words.iter().map(|word| Val::Word((*word).to_owned())).collect()),
        Default::Numbers(values) => Val::List(values.iter().map(|value| Val::number(*value)).collect()),
        Default::Range(low, high) => Val::Range { low, high, dim },
        Default::Record => match attribute.ty {
            Ty::Record(record) => Val::Record(defaults(record.fields)),
            _ => unreachable!("the schema gives a record's default to a record"),
        },
        Default::Call(call) => Val::Call { name: call.name.to_owned(), args: defaults(call.args) },
    })
}

fn defaults(attributes: &[Attribute]) -> BTreeMap<String, Val> {
    attributes.iter().filter_map(|attribute| Some((attribute.name.to_owned(), default_of(attribute)?))).collect()
}

fn dim_wanted(ty: &Ty) -> Dim {
    match ty {
        Ty::Num(num) => num.dim,
        Ty::Range(dim) => *dim,
        Ty::Optional(inner) => dim_wanted(inner),
        _ => Dim::None,
    }
}

/// More wrong slots than anybody reads of in one text.
const MOST_SLOTS: usize = 1_000;
/// No name of a slot is longer.
const LONGEST_SLOT: usize = 1_000;

fn takes_secret(ty: &Ty) -> bool {
    match ty {
        Ty::Ref(targets) => targets.contains(&Target::Secret),
        Ty::Optional(inner) => takes_secret(inner),
        Ty::Either(alternatives) => alternatives.iter().any(takes_secret),
        _ => false,
    }
}
