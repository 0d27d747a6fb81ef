//! Where in a file one is, told from the words before: which item, which block, which field, which argument, and what may stand there.
//!
//! It reads words and signs, not the tree, because where somebody types the tree has a hole. A line at the margin that begins an item
//! begins it, whatever is open above. Uses the schema; absent: names, values.

use crate::check::schema::{self, Attribute, Call, ChildBlock, Class, Default, Kind, Record, Target, Ty, calls};
use crate::check::units;
use crate::format::tokens::{Kind as Sort, Token};
use crate::program::{Dim, VALUE};
use crate::syntax::{self, ITEM_KEYWORDS};

/// What may stand at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Place<'a> {
    /// Nothing that could be proposed: a name that is made up here, a title, an operator.
    Nowhere,
    /// The beginning of an item.
    Item,
    /// One of these words of the grammar.
    Words(&'static [&'static str]),
    ParamType,
    StageKind,
    /// The text after `use`.
    ImportPath,
    /// A name that this file declares.
    Import(&'a str),
    /// What an item of this kind may extend.
    Base(&'static Kind),
    /// The beginning of an entry.
    Entry(Fields),
    /// A path of other items: in a variant, `grid` or `zip`.
    Path,
    Value(Wanted),
    /// After a number: its unit, or what goes on with a number that needs none.
    Unit(Vec<Dim>, &'static [&'static str]),
}

/// Whose fields stand here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fields {
    Item(&'static Kind),
    Child(&'static ChildBlock),
    Record(&'static Record),
    /// Keys are free.
    Map,
}

/// A value's type, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Alternatives; none of them is `Optional` or `Either`.
    pub types: Vec<Ty>,
    /// May be `none`.
    pub absent: bool,
    pub attribute: Option<&'static Attribute>,
    /// At the beginning of an argument, its call: a name may stand here too.
    pub call: Option<&'static Call>,
}

#[derive(Debug, Clone)]
enum Holder<'a> {
    File,
    Fields(Fields),
    /// `listed`: in a `grid`, where every value is a list of them.
    Paths {
        listed: bool,
    },
    Imports(&'a str),
    /// Of a list or a group in brackets.
    Values(Vec<Ty>),
    Call {
        calls: Vec<&'static Call>,
        index: usize,
    },
    Unknown,
}

impl Holder<'_> {
    fn has_lines(&self) -> bool {
        matches!(self, Holder::File | Holder::Fields(_) | Holder::Paths { .. } | Holder::Imports(_))
    }
}

/// A part of the entry that is being read.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    Token(Token<'a>),
    /// Something in brackets.
    Nested,
}

impl<'a> Piece<'a> {
    fn text(&self) -> &'a str {
        match self {
            Piece::Token(token) => token.text,
            Piece::Nested => "",
        }
    }

    fn sort(&self) -> Option<Sort> {
        match self {
            Piece::Token(token) => Some(token.kind),
            Piece::Nested => None,
        }
    }

    /// Whether another operand must follow.
    fn is_operator(&self) -> bool {
        matches!(self, Piece::Token(token) if token.is_operator())
    }
}

#[derive(Debug, Clone)]
struct Frame<'a> {
    holder: Holder<'a>,
    entry: Vec<Piece<'a>>,
    /// Fields and arguments that were written before.
    written: Vec<&'a str>,
}

impl Frame<'_> {
    fn of(holder: Holder<'_>) -> Frame<'_> {
        Frame { holder, entry: Vec::new(), written: Vec::new() }
    }
}

impl<'a> Frame<'a> {
    fn field(&self) -> Option<&'a str> {
        let named = self.entry.len() >= 2 && self.entry[0].sort() == Some(Sort::Word) && is_sign(self.entry[1].text());
        named.then(|| self.entry[0].text())
    }
}

/// The type of what a dotted path of a variant or sweep leads to.
pub type Resolve<'r> = dyn Fn(&str) -> Option<&'static Attribute> + 'r;

/// Goes over tokens one by one.
#[derive(Clone)]
pub struct Walk<'a> {
    text: &'a str,
    frames: Vec<Frame<'a>>,
    resolve: &'a Resolve<'a>,
}

/// The header of the item that one is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head<'a> {
    pub keyword: &'a str,
    pub name: &'a str,
    /// Of a stage.
    pub kind: &'a str,
    /// `for persona in …`
    pub variable: Option<&'a str>,
}

impl<'a> Walk<'a> {
    pub fn new(text: &'a str, resolve: &'a Resolve<'a>) -> Self {
        Self { text, frames: vec![Frame::of(Holder::File)], resolve }
    }

    pub fn feed(&mut self, token: Token<'a>, next: Option<&Token<'a>>) {
        if token.kind == Sort::Word && self.begins_item(token) {
            self.frames = vec![Frame::of(Holder::File)];
        }
        let top = self.top_mut();
        match token.kind {
            Sort::Comment => {}
            Sort::NewLine => {
                let goes_on = top.entry.last().is_some_and(Piece::is_operator)
                    || next.is_some_and(|next| next.kind == Sort::Open(b'{') && matches!(top.holder, Holder::File));
                if top.holder.has_lines() && !goes_on {
                    self.end_entry();
                }
            }
            Sort::Separator => self.end_entry(),
            Sort::Open(bracket) => {
                let holder = self.opened(bracket);
                self.frames.push(Frame::of(holder));
            }
            Sort::Close => {
                if self.frames.len() > 1 {
                    self.frames.pop();
                }
                self.top_mut().entry.push(Piece::Nested);
            }
            _ => top.entry.push(Piece::Token(token)),
        }
    }

    /// How deep in brackets.
    pub fn depth(&self) -> usize {
        self.frames.len()
    }

    /// What the block or call that one is in has said so far.
    pub fn written(&self) -> &[&'a str] {
        &self.top().written
    }

    /// Whether the header of the item is behind.
    pub fn in_body(&self) -> bool {
        self.frames.get(1).is_some_and(|frame| matches!(frame.holder, Holder::Fields(_)))
    }

    /// Whether what is written is names, of a list or of what `use` takes, and not fields.
    pub fn in_list(&self) -> bool {
        matches!(self.top().holder, Holder::Values(_) | Holder::Imports(_))
    }

    /// The item that one is in.
    pub fn head(&self) -> Head<'a> {
        let words: Vec<&str> = self.frames[0].entry.iter().map(Piece::text).collect();
        let at = |index: usize| words.get(index).copied().unwrap_or("");
        let variable =
            words.iter().position(|word| *word == "for").map(|found| at(found + 1)).filter(|one| !one.is_empty());
        let is_stage = at(0) == "stage";
        Head { keyword: at(0), name: at(1), kind: if is_stage { at(3) } else { "" }, variable }
    }

    /// What the whole entry is about, before the sign: a dotted path.
    pub fn field(&self) -> Option<&'a str> {
        self.top().field()
    }

    /// The fields and arguments around this one, outermost first: of `kl = { beta = … }`, `kl`. `None` in a block inside an item.
    pub fn trail(&self) -> Option<Vec<&'a str>> {
        let is_child =
            |frame: &Frame<'_>| matches!(frame.holder, Holder::Fields(Fields::Child(_)) | Holder::Paths { .. });
        let around = self.frames.get(1..self.frames.len() - 1).unwrap_or(&[]);
        (!self.frames.iter().any(is_child)).then(|| around.iter().filter_map(Frame::field).collect())
    }

    /// What may stand here.
    pub fn place(&self) -> Place<'a> {
        let top = self.top();
        if let Some((wanted, from)) = self.value() {
            let rest = &top.entry[from..];
            let words: &[&str] = match top.entry.first().map_or("", Piece::text) {
                "gate" | "skip" if from == 1 => &["else", "and", "or"],
                "param" if matches!(top.holder, Holder::File) => &["in"],
                _ => &[],
            };
            return match rest.last() {
                None => Place::Value(wanted),
                Some(piece) if piece.is_operator() => Place::Value(Wanted { call: None, ..wanted }),
                Some(piece) if piece.sort() == Some(Sort::Number) => Place::Unit(dimensions(&wanted.types), words),
                Some(_) if words.is_empty() => Place::Nowhere,
                Some(_) => Place::Words(words),
            };
        }
        match &top.holder {
            Holder::File => self.header(),
            Holder::Fields(fields) => match top.entry.as_slice() {
                [] => Place::Entry(*fields),
                [first, .., last] if last.sort() == Some(Sort::Number) && first.text() == "criterion" => {
                    Place::Unit(vec![Dim::Fraction], &[])
                }
                [first] if first.text() == "executor" => Place::Words(schema::items::EXECUTORS),
                _ => Place::Nowhere,
            },
            Holder::Paths { .. } if top.entry.is_empty() => Place::Path,
            Holder::Imports(path) => match top.entry.as_slice() {
                [] => Place::Import(path),
                [_] => Place::Words(&["as"]),
                _ => Place::Nowhere,
            },
            _ => Place::Nowhere,
        }
    }

    fn top(&self) -> &Frame<'a> {
        self.frames.last().expect("the file's own frame is never taken away")
    }

    fn top_mut(&mut self) -> &mut Frame<'a> {
        self.frames.last_mut().expect("the file's own frame is never taken away")
    }

    fn begins_item(&self, token: Token<'a>) -> bool {
        let at_margin = token.at == 0 || self.text.as_bytes()[token.at - 1] == b'\n';
        at_margin && (self.frames.len() > 1 || !self.top().entry.is_empty()) && syntax::begins_item(self.text, token.at)
    }

    fn end_entry(&mut self) {
        let name = self.field();
        let top = self.top_mut();
        top.written.extend(name);
        match &mut top.holder {
            Holder::Call { calls, index } if name.is_none() => {
                let argument = calls.first().and_then(|call| call.args.get(*index));
                top.written.extend(argument.map(|argument| argument.name));
                *index += 1;
            }
            Holder::Values(_) | Holder::Imports(_) => {
                let word = top.entry.first().filter(|piece| piece.sort() == Some(Sort::Word));
                let is_whole = top.entry.len() == 1 || matches!(top.holder, Holder::Imports(_));
                top.written.extend(word.filter(|_| is_whole).map(Piece::text));
            }
            _ => {}
        }
        top.entry.clear();
    }

    fn header(&self) -> Place<'a> {
        let entry = &self.top().entry;
        let words: Vec<&str> = entry.iter().map(Piece::text).collect();
        match words.as_slice() {
            [] => Place::Item,
            ["use"] => Place::ImportPath,
            ["use", _] => Place::Words(&["as"]),
            ["param", _, ":"] => Place::ParamType,
            ["secret", _] => Place::Words(&["from"]),
            ["secret", _, "from"] => Place::Words(&["env"]),
            ["stage", _, "="] => Place::StageKind,
            ["stage", _, "=", kind, .., "extends"] => schema::stage(kind).map_or(Place::Nowhere, Place::Base),
            ["stage", _, "=", _, rest @ ..] if entry.last().is_some_and(|last| last.sort() == Some(Sort::Word)) => {
                match rest {
                    [] | [.., "in", _] => Place::Words(&["for", "extends"]),
                    ["for"] => Place::Words(&["persona"]),
                    ["for", _] => Place::Words(&["in"]),
                    _ => Place::Nowhere,
                }
            }
            [keyword, _, .., "extends"] => schema::item(keyword).map_or(Place::Nowhere, Place::Base),
            [keyword, _, ..] if schema::item(keyword).is_some_and(|kind| kind.extends) => Place::Words(&["extends"]),
            _ => Place::Nowhere,
        }
    }

    /// The type of the value that is being written here, and where in the entry it begins.
    fn value(&self) -> Option<(Wanted, usize)> {
        let top = self.top();
        let entry = &top.entry;
        let first = entry.first().map_or("", Piece::text);
        let of = |attribute: Option<&'static Attribute>, from| Some((Wanted::of(attribute), from));
        match &top.holder {
            Holder::File => {
                if first == "stage" {
                    let from = entry.iter().position(|piece| piece.text() == "in")? + 1;
                    let done = entry.get(from).is_some() || matches!(entry.last(), Some(Piece::Nested));
                    return (!done).then(|| (Wanted::types(vec![PERSONAS]), from));
                }
                let from = entry.iter().position(|piece| piece.text() == "=")? + 1;
                match first {
                    "let" => Some((Wanted::types(vec![Ty::Any]), from)),
                    "param" => of(of_param(entry.get(3)?.text()), from),
                    _ => None,
                }
            }
            Holder::Fields(_) if matches!(first, "gate" | "skip") && !is_sign(entry.get(1).map_or("", Piece::text)) => {
                let is_told = entry.iter().any(|piece| piece.text() == "else");
                (!is_told).then(|| (Wanted::types(vec![Ty::Condition]), 1))
            }
            Holder::Fields(fields) => of(fields.attribute(self.field()?), 2),
            Holder::Paths { listed: false } => of((self.resolve)(self.field()?), 2),
            // Only inside the list.
            Holder::Paths { listed: true } => self.field().map(|_| (Wanted::types(Vec::new()), 2)),
            Holder::Values(types) => Some((Wanted::types(types.clone()), 0)),
            Holder::Call { calls, index } => match self.field() {
                Some(name) => of(calls.iter().find_map(|call| call.arg(name)), 2),
                None => {
                    let mut types = Vec::new();
                    for call in calls {
                        match (call.args.get(*index), &call.rest) {
                            (Some(argument), _) => types.extend(alternatives(&argument.ty)),
                            (None, Some((_, ty))) => types.extend(alternatives(ty)),
                            (None, None) => {}
                        }
                    }
                    let attribute = calls.first().and_then(|call| call.args.get(*index));
                    let call = calls.first().copied().filter(|_| entry.is_empty());
                    Some((Wanted { types, absent: false, attribute, call }, 0))
                }
            },
            Holder::Imports(_) | Holder::Unknown => None,
        }
    }

    /// What a bracket that opens here holds.
    fn opened(&self, bracket: u8) -> Holder<'a> {
        let top = self.top();
        let first = top.entry.first().map_or("", Piece::text);
        if bracket == b'(' {
            let name = top.entry.last().filter(|piece| piece.sort() == Some(Sort::Word) && !piece.is_operator());
            let wanted = self.value().map_or_else(Vec::new, |(wanted, _)| wanted.types);
            return match name {
                Some(name) => Holder::Call { calls: calls_named(name.text(), &wanted), index: 0 },
                None => Holder::Values(wanted),
            };
        }
        if let (Holder::Paths { listed: true }, Some(field)) = (&top.holder, self.field()) {
            let attribute = (self.resolve)(field);
            return Holder::Values(attribute.map_or_else(Vec::new, |attribute| alternatives(&attribute.ty)));
        }
        if let Some((wanted, _)) = self.value() {
            return if bracket == b'[' { Holder::Values(elements(&wanted.types)) } else { record_of(&wanted.types) };
        }
        if bracket != b'{' {
            return Holder::Unknown;
        }
        match &top.holder {
            Holder::File => {
                let head = self.head();
                match head.keyword {
                    "use" => Holder::Imports(top.entry.get(1).map_or("", |piece| piece.text().trim_matches('"'))),
                    "stage" => {
                        schema::stage(head.kind).map_or(Holder::Unknown, |kind| Holder::Fields(Fields::Item(kind)))
                    }
                    "variant" => Holder::Paths { listed: false },
                    keyword => schema::item(keyword).map_or(Holder::Unknown, |kind| Holder::Fields(Fields::Item(kind))),
                }
            }
            Holder::Fields(Fields::Item(_)) => {
                match schema::items::CHILDREN.iter().find(|child| child.keyword == first) {
                    Some(child) if matches!(child.keyword, "grid" | "zip") => Holder::Paths { listed: true },
                    Some(child) => Holder::Fields(Fields::Child(child)),
                    None => Holder::Unknown,
                }
            }
            _ => Holder::Unknown,
        }
    }
}

impl Wanted {
    fn types(types: Vec<Ty>) -> Self {
        Self { types, absent: false, attribute: None, call: None }
    }

    fn of(attribute: Option<&'static Attribute>) -> Self {
        let types = attribute.map_or_else(Vec::new, |attribute| alternatives(&attribute.ty));
        let absent = attribute.is_some_and(|one| one.default == Default::Absent || matches!(one.ty, Ty::Optional(_)));
        Self { types, absent, attribute, call: None }
    }
}

impl Fields {
    pub fn all(&self) -> &'static [Attribute] {
        match self {
            Fields::Item(kind) => kind.fields,
            Fields::Child(child) => child.fields,
            Fields::Record(record) => record.fields,
            Fields::Map => &[],
        }
    }

    /// The attribute at a dotted path: `kl.beta`.
    pub fn attribute(&self, path: &str) -> Option<&'static Attribute> {
        let mut steps = path.split('.');
        let first = steps.next()?;
        let start = self.all().iter().find(|one| one.name == first)?;
        steps.try_fold(start, below)
    }
}

/// A field of a record, an argument of a call.
pub fn below(attribute: &'static Attribute, name: &str) -> Option<&'static Attribute> {
    alternatives(&attribute.ty).into_iter().find_map(|ty| match ty {
        Ty::Record(record) => record.field(name),
        Ty::Call(calls) => calls.iter().find_map(|call| call.arg(name)),
        _ => None,
    })
}

const PERSONAS: Ty = Ty::List(&Ty::Ref(&[Target::Persona]));

pub fn is_sign(text: &str) -> bool {
    matches!(text, "=" | "+=" | "-=" | ":")
}

/// A type without its choices.
pub fn alternatives(ty: &Ty) -> Vec<Ty> {
    match ty {
        Ty::Optional(inner) => alternatives(inner),
        Ty::Either(all) => all.iter().flat_map(alternatives).collect(),
        other => vec![*other],
    }
}

fn elements(types: &[Ty]) -> Vec<Ty> {
    let inner = types.iter().flat_map(|ty| match ty {
        Ty::List(inner) | Ty::Set(inner) => alternatives(inner),
        Ty::Any | Ty::Condition => vec![*ty],
        _ => Vec::new(),
    });
    inner.collect()
}

fn record_of<'a>(types: &[Ty]) -> Holder<'a> {
    let found = types.iter().find_map(|ty| match ty {
        Ty::Record(record) => Some(Fields::Record(record)),
        Ty::Map(_) => Some(Fields::Map),
        _ => None,
    });
    found.map_or(Holder::Unknown, Holder::Fields)
}

/// The calls that a name may mean here: those that are wanted first.
fn calls_named(name: &str, types: &[Ty]) -> Vec<&'static Call> {
    let wanted = types.iter().flat_map(|ty| match ty {
        Ty::Call(calls) => calls.iter().copied().filter(|call| call.name == name).collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let wanted: Vec<&'static Call> = wanted.collect();
    if !wanted.is_empty() {
        return wanted;
    }
    if name == "text" {
        return vec![&calls::LIMIT];
    }
    schema::every_call().find(|call| call.name == name).into_iter().collect()
}

fn dimensions(types: &[Ty]) -> Vec<Dim> {
    let mut all: Vec<Dim> = Vec::new();
    for ty in types {
        match ty {
            Ty::Num(num) => all.push(num.dim),
            Ty::Range(dim) => all.push(*dim),
            Ty::Any | Ty::Condition => all.extend(units::UNITS.iter().map(|unit| unit.dim)),
            _ => {}
        }
    }
    all.dedup();
    all
}

const fn param(ty: Ty) -> Attribute {
    Attribute::required(VALUE, ty, Class::Training, "The value of the param.")
}

const fn number(dim: Dim) -> Attribute {
    param(schema::Num::real(dim, f64::NEG_INFINITY, f64::INFINITY))
}

static TEXT: Attribute = param(Ty::Text);
static BOOL: Attribute = param(Ty::Bool);
static NUMBERS: [(Dim, Attribute); 9] = [
    (Dim::None, number(Dim::None)),
    (Dim::Fraction, number(Dim::Fraction)),
    (Dim::Tokens, number(Dim::Tokens)),
    (Dim::Steps, number(Dim::Steps)),
    (Dim::Epochs, number(Dim::Epochs)),
    (Dim::Seconds, number(Dim::Seconds)),
    (Dim::Bytes, number(Dim::Bytes)),
    (Dim::GpuSeconds, number(Dim::GpuSeconds)),
    (Dim::Dollars, number(Dim::Dollars)),
];

/// The value of a param, by the word of its type.
pub fn of_param(word: &str) -> Option<&'static Attribute> {
    match word {
        "text" => Some(&TEXT),
        "bool" => Some(&BOOL),
        word => {
            let wanted = units::dim_of_param(word).unwrap_or(Dim::None);
            NUMBERS.iter().find(|(dim, _)| *dim == wanted).map(|(_, attribute)| attribute)
        }
    }
}

/// Whether a word begins an item, for whoever colours words.
pub fn is_item_keyword(word: &str) -> bool {
    word == "masc" || ITEM_KEYWORDS.contains(&word)
}
