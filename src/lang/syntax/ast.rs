//! The syntax tree: spanned, and nameless of meaning. The grammar does not know that a persona has a voice.
//!
//! A part that could not be read is kept as `Faulty`, with the names that it declares, so that whoever uses those names
//! is still checked and nothing is reported twice.

use crate::source::{FileId, Name, Span, Spanned};

/// One `.masc` file.
#[derive(Debug, Clone)]
pub struct File {
    pub id: FileId,
    /// From `masc 1`; `None` when it is missing or faulty (already reported).
    pub edition: Option<Spanned<u32>>,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone)]
pub struct Item {
    /// The `##` lines above it, joined by newlines.
    pub doc: Option<String>,
    /// Keyword to closing brace.
    pub span: Span,
    /// Keyword to the last token before `{` (or the whole item): where "missing field" points.
    pub header: Span,
    pub kind: ItemKind,
}

#[derive(Debug, Clone)]
pub enum ItemKind {
    /// `use "path" { a, b as c }` or `use "path" as rubrics`
    Use { path: Spanned<String>, names: Vec<ImportName>, alias: Option<Name> },
    /// `param k: int = 4 in 2..8 "what it is"`
    Param { name: Name, kind: Name, value: Expr, within: Option<Expr>, about: Option<Spanned<String>> },
    /// `let crew = [anchor]`
    Let { name: Name, value: Expr },
    /// `secret key from env "VAR"`
    Secret { name: Name, variable: Spanned<String> },
    /// `stage voices = grpo for persona in crew { … }` (`extends other` before `{`)
    Stage { name: Name, kind: Name, binder: Option<Binder>, extends: Option<Base>, body: Body },
    /// Every other block: `experiment model dataset persona rubric judge reward director variant sweep budget report profile`.
    Block { keyword: Name, name: Name, title: Option<Spanned<String>>, extends: Option<Base>, body: Body },
    /// Not readable, already reported. What it declares counts as declared, with unknown type.
    Faulty { declares: Vec<Name> },
}

#[derive(Debug, Clone)]
pub struct ImportName {
    pub name: Name,
    pub alias: Option<Name>,
}

/// What an item extends: `anchor`, or `personas.anchor` of a file that is imported as a whole.
#[derive(Debug, Clone)]
pub struct Base {
    pub module: Option<Name>,
    pub name: Name,
}

impl Base {
    pub fn span(&self) -> Span {
        self.module.as_ref().map_or(self.name.span, |module| module.span.to(self.name.span))
    }
}

/// `for persona in crew`: the variable and the list.
#[derive(Debug, Clone)]
pub struct Binder {
    pub variable: Name,
    pub list: Expr,
}

#[derive(Debug, Clone)]
pub struct Body {
    pub span: Span,
    pub entries: Vec<Entry>,
}

impl Body {
    /// Whether the header above is not what it was meant to be: then its place is the first faulty entry.
    pub fn is_under_faulty_header(&self, header: Span) -> bool {
        let of_header = |entry: &Entry| matches!(entry, Entry::Faulty { span, .. } if span.start == header.start);
        self.entries.iter().any(of_header)
    }

    /// An item with a faulty entry is not asked about laws of the whole item.
    pub fn is_faulty(&self) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Faulty { .. } => true,
            Entry::Block(block) => block.body.is_faulty(),
            _ => false,
        })
    }
}

#[derive(Debug, Clone)]
pub enum Entry {
    /// `path = value`, `path += value`, `path -= value`
    Assign(Assign),
    /// `example { … }`, `criterion synergy "…" 25% { … }`, `test "…" { … }`, `grid { … }`, `executor slurm { … }`
    Block(Box<Block>),
    /// `gate EXPR else "why"`
    Gate { span: Span, condition: Expr, otherwise: Spanned<String> },
    /// `skip EXPR else "why"`
    Skip { span: Span, condition: Expr, otherwise: Spanned<String> },
    /// Not readable, already reported; `declares` is the field or block name when it could be made out.
    Faulty { span: Span, declares: Option<Name> },
}

#[derive(Debug, Clone)]
pub struct Assign {
    pub span: Span,
    pub path: Vec<Segment>,
    pub op: AssignOp,
    pub value: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignOp {
    Set,
    Add,
    Remove,
}

/// A step of a dotted path: `voices`, `*`.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    Name(Name),
    /// `*`: every one of a list or family.
    Star(Span),
}

#[derive(Debug, Clone)]
pub struct Block {
    pub span: Span,
    pub header: Span,
    pub keyword: Name,
    pub name: Option<Name>,
    pub title: Option<Spanned<String>>,
    /// A criterion's weight.
    pub weight: Option<Expr>,
    /// Absent braces give an empty body.
    pub body: Body,
}

#[derive(Debug, Clone)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

impl Expr {
    /// Tells of every dotted path in it.
    pub fn each_path<'e>(&'e self, tell: &mut dyn FnMut(&'e [Segment])) {
        match &self.kind {
            ExprKind::Path(path) => tell(path),
            ExprKind::Call { args, .. } => args.iter().for_each(|arg| arg.value.each_path(tell)),
            ExprKind::List(all) => all.iter().for_each(|one| one.each_path(tell)),
            ExprKind::Record(all) => all.iter().for_each(|one| one.value.each_path(tell)),
            ExprKind::Field { of, .. } | ExprKind::Unary { of, .. } => of.each_path(tell),
            ExprKind::Range { low, high } => [low, high].into_iter().for_each(|one| one.each_path(tell)),
            ExprKind::Binary { left, right, .. } => [left, right].into_iter().for_each(|one| one.each_path(tell)),
            ExprKind::Number { .. }
            | ExprKind::String(_)
            | ExprKind::Prose { .. }
            | ExprKind::None
            | ExprKind::Bool(_)
            | ExprKind::Faulty => {}
        }
    }
}

#[derive(Debug, Clone)]
pub enum ExprKind {
    /// `400 steps`, `1e-5`, `25%` (unit `%`)
    Number {
        value: f64,
        unit: Option<Name>,
    },
    String(String),
    /// Dedented already (and re-wrapped to one line a paragraph when folded).
    Prose {
        text: String,
        folded: bool,
    },
    None,
    Bool(bool),
    /// `panel.synergy`, `crew.*`, a bare word of a closed set
    Path(Vec<Segment>),
    /// `lora(rank: 16)`
    Call {
        name: Name,
        args: Vec<Arg>,
    },
    /// `delta(a, b).low`
    Field {
        of: Box<Expr>,
        name: Name,
    },
    List(Vec<Expr>),
    /// `{ beta = 0.02, place = loss }`
    Record(Vec<Assign>),
    /// `2..8`
    Range {
        low: Box<Expr>,
        high: Box<Expr>,
    },
    Unary {
        op: UnaryOp,
        of: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// Not readable, already reported: the unknown type, which satisfies every use.
    Faulty,
}

#[derive(Debug, Clone)]
pub struct Arg {
    pub span: Span,
    pub name: Option<Name>,
    pub value: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Minus,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    And,
    Or,
}
