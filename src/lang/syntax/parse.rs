//! pest pairs → tree. The only file that speaks of the parser library; its types do not leave it.
//!
//! Every consumer asserts the rule that it is given and takes it apart by shape, so that a grammar that drifts away from this
//! file fails loudly, in the right function. No names are resolved here and no types are known.
//!
//! Uses `ast`, `literal`, `diagnostics`. Absent: recovery. A text is read or it is not (`recover.rs` decides what to try next);
//! but what the grammar reads although it is wrong (`:` for `=`, `2k`) is told here, and leaves a faulty part in the tree.

mod refusal;

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use pest::Parser;
use pest::iterators::{Pair, Pairs};
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::ast::{
    Arg, Assign, AssignOp, Base, BinaryOp, Binder, Block, Body, Entry, Expr, ExprKind, ImportName, Item, ItemKind,
    Segment, UnaryOp,
};
use super::{diagnostics, literal};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Name, Span, Spanned};

pub(super) use refusal::Refusal;
use refusal::refusal;

#[derive(pest_derive::Parser)]
#[grammar = "../../grammar/mascot.pest"]
struct Grammar;

/// How many rules may be tried on one text: an item of as many parts as the scan lets pass takes a third of it.
const CALL_LIMIT: usize = 4_000_000;
/// Operators in a row on one level.
const MAX_CHAIN: usize = 100;
/// Expressions inside each other: what later passes walk by recursion.
const MAX_HEIGHT: usize = 200;

/// Tightest last.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    PrattParser::new()
        .op(Op::infix(Rule::or, Assoc::Left))
        .op(Op::infix(Rule::and, Assoc::Left))
        .op(Op::prefix(Rule::not))
        .op(Op::infix(Rule::comparison, Assoc::Left))
        .op(Op::infix(Rule::range, Assoc::Left))
        .op(Op::infix(Rule::additive, Assoc::Left))
        .op(Op::infix(Rule::multiplicative, Assoc::Left))
        .op(Op::prefix(Rule::minus))
        .op(Op::postfix(Rule::access))
});

/// What precedes the body of an item.
pub(super) enum Head {
    Stage { name: Name, kind: Name, binder: Option<Binder>, extends: Option<Base> },
    Block { keyword: Name, name: Name, title: Option<Spanned<String>>, extends: Option<Base> },
}

impl Head {
    pub fn with(self, body: Body) -> ItemKind {
        match self {
            Head::Stage { name, kind, binder, extends } => ItemKind::Stage { name, kind, binder, extends, body },
            Head::Block { keyword, name, title, extends } => ItemKind::Block { keyword, name, title, extends, body },
        }
    }
}

/// Reads stretches of one file.
pub(super) struct Reader<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub found: &'a mut Diagnostics,
    told: usize,
    /// Where the stretch that is being read begins.
    base: usize,
    /// In order, what is not read: the grammar goes down by recursion, and tries again and again.
    unread: &'a [usize],
}

impl<'a> Reader<'a> {
    /// `unread`: what the scan found to be too much, and told of.
    pub fn new(file: FileId, text: &'a str, unread: &'a [usize], found: &'a mut Diagnostics) -> Self {
        pest::set_call_limit(NonZeroUsize::new(CALL_LIMIT));
        Self { file, text, found, told: 0, base: 0, unread }
    }

    /// What of `start..end` is not to be read.
    pub fn unread(&self, start: usize, end: usize) -> Option<usize> {
        let first = self.unread.partition_point(|at| *at < start);
        self.unread.get(first).copied().filter(|at| *at < end)
    }

    /// How many faults this reader has told so far.
    pub fn told(&self) -> usize {
        self.told
    }

    pub fn tell(&mut self, diagnostic: Diagnostic) {
        self.told += 1;
        self.found.add(diagnostic);
    }

    /// A whole item. The edition gives `None`: it is no item of the tree.
    pub fn item(&mut self, start: usize, end: usize) -> Result<Option<ItemKind>, Refusal> {
        let pair = self.read(Rule::only_item, start, end)?;
        Ok(match pair.as_rule() {
            Rule::edition => None,
            Rule::use_item => Some(self.use_item(pair)),
            Rule::param_item => Some(self.param(pair)),
            Rule::let_item => Some(self.let_item(pair)),
            Rule::secret_item => Some(self.secret(pair)),
            Rule::stage_item | Rule::block_item => {
                let [head, body] = parts(pair);
                let head = self.head(head);
                let body = self.body(body);
                Some(head.with(body))
            }
            rule => {
                unreachable!("an item is no {rule:?}: the grammar and this file have drifted apart")
            }
        })
    }

    /// The header of an item with a body; `stage` says of which form.
    pub fn item_head(&mut self, start: usize, end: usize, stage: bool) -> Result<Head, Refusal> {
        let rule = if stage { Rule::only_stage_head } else { Rule::only_block_head };
        let pair = self.read(rule, start, end)?;
        Ok(self.head(pair))
    }

    /// The header of a block inside an item, its body still empty.
    pub fn inner_head(&mut self, start: usize, end: usize) -> Result<Block, Refusal> {
        let pair = self.read(Rule::only_inner_head, start, end)?;
        Ok(self.block_of(pair, None))
    }

    pub fn entry(&mut self, start: usize, end: usize) -> Result<Entry, Refusal> {
        let pair = self.read(Rule::only_entry, start, end)?;
        Ok(self.entry_of(pair))
    }

    /// `path=value` of a command line.
    pub fn set(&mut self) -> Result<(Vec<Segment>, Expr), Refusal> {
        let mut pairs = self.pairs(Rule::only_set, 0, self.text.len())?.filter(is_meaningful);
        let (Some(path), Some(value)) = (pairs.next(), pairs.next()) else {
            unreachable!("a path and a value: the grammar says so");
        };
        Ok((self.path(path), self.expression(value)))
    }

    /// The edition's number, as written.
    pub fn edition(&mut self, start: usize, end: usize) -> Option<Spanned<String>> {
        let pair = self.read(Rule::only_item, start, end).ok()?;
        let number = (pair.as_rule() == Rule::edition).then(|| parts::<1>(pair))?;
        Some(Spanned::new(number[0].as_str().to_owned(), self.span(&number[0])))
    }

    fn read(&mut self, rule: Rule, start: usize, end: usize) -> Result<Pair<'a, Rule>, Refusal> {
        Ok(self.pairs(rule, start, end)?.next().expect("every rule that is read alone holds something"))
    }

    fn pairs(&mut self, rule: Rule, start: usize, end: usize) -> Result<Pairs<'a, Rule>, Refusal> {
        self.base = start;
        if let Some(at) = self.unread(start, end) {
            return Err(Refusal { at, expected: Vec::new(), too_long: false });
        }
        let mut whole = Grammar::parse(rule, &self.text[start..end]).map_err(|error| refusal(start, &error))?;
        Ok(whole.next().expect("a rule that was read gives one pair").into_inner())
    }

    // ---- items -------------------------------------------------------------------------------------------------------------

    fn use_item(&mut self, pair: Pair<'a, Rule>) -> ItemKind {
        assert_eq!(pair.as_rule(), Rule::use_item);
        let mut parts = meaningful(pair);
        let path = self.text_of(next(&mut parts));
        let mut names = Vec::new();
        let mut alias = None;
        let what = next(&mut parts);
        match what.as_rule() {
            Rule::name => alias = Some(self.name(what)),
            Rule::imports => {
                for import in meaningful(what) {
                    assert_eq!(import.as_rule(), Rule::import);
                    let mut import = meaningful(import);
                    let name = self.name(next(&mut import));
                    let alias = import.next().map(|alias| self.name(alias));
                    names.push(ImportName { name, alias });
                }
            }
            rule => unreachable!("`use` names files and names, no {rule:?}"),
        }
        ItemKind::Use { path, names, alias }
    }

    fn param(&mut self, pair: Pair<'a, Rule>) -> ItemKind {
        assert_eq!(pair.as_rule(), Rule::param_item);
        let mut parts = meaningful(pair);
        let name = self.name(next(&mut parts));
        let kind = self.name(next(&mut parts));
        let value = self.expression(next(&mut parts));
        let (mut within, mut about) = (None, None);
        for part in parts {
            match part.as_rule() {
                Rule::bound => within = Some(self.expression(part)),
                _ => about = Some(self.text_of(part)),
            }
        }
        ItemKind::Param { name, kind, value, within, about }
    }

    fn let_item(&mut self, pair: Pair<'a, Rule>) -> ItemKind {
        assert_eq!(pair.as_rule(), Rule::let_item);
        let [name, value] = parts(pair);
        ItemKind::Let { name: self.name(name), value: self.expression(value) }
    }

    fn secret(&mut self, pair: Pair<'a, Rule>) -> ItemKind {
        assert_eq!(pair.as_rule(), Rule::secret_item);
        let [name, variable] = parts(pair);
        ItemKind::Secret { name: self.name(name), variable: self.text_of(variable) }
    }

    fn head(&mut self, pair: Pair<'a, Rule>) -> Head {
        let rule = pair.as_rule();
        assert!(matches!(rule, Rule::stage_head | Rule::block_head), "a header is no {rule:?}");
        let mut parts = meaningful(pair);
        // A stage's keyword says nothing more; that of another block says which.
        let first = self.name(next(&mut parts));
        let second = self.name(next(&mut parts));
        let (mut title, mut binder, mut extends) = (None, None, None);
        for part in parts {
            match part.as_rule() {
                Rule::extends => {
                    let [base] = self::parts(part);
                    let mut names: Vec<Name> = meaningful(base).map(|name| self.name(name)).collect();
                    let name = names.pop().expect("a base has a name");
                    extends = Some(Base { module: names.pop(), name });
                }
                Rule::binder => {
                    let [variable, list] = self::parts(part);
                    binder = Some(Binder { variable: self.name(variable), list: self.expression(list) });
                }
                _ => title = Some(self.text_of(part)),
            }
        }
        match rule {
            Rule::stage_head => Head::Stage { name: first, kind: second, binder, extends },
            _ => Head::Block { keyword: first, name: second, title, extends },
        }
    }

    fn body(&mut self, pair: Pair<'a, Rule>) -> Body {
        assert_eq!(pair.as_rule(), Rule::body);
        // From the brace, which may stand on the line below its header.
        let span = self.span(&pair);
        let brace = pair.as_str().find('{').expect("a body has a brace") as u32;
        let entries = meaningful(pair).map(|entry| self.entry_of(entry)).collect();
        Body { span: Span { start: span.start + brace, ..span }, entries }
    }

    // ---- entries -----------------------------------------------------------------------------------------------------------

    /// An entry in which something was told is faulty as a whole; a block only in that one of its entries.
    fn entry_of(&mut self, pair: Pair<'a, Rule>) -> Entry {
        let before = self.told;
        let start = Span { end: self.span(&pair).start, ..self.span(&pair) };
        let (span, entry, declares) = match pair.as_rule() {
            Rule::block => {
                let mut parts = meaningful(pair);
                let head = next(&mut parts);
                return Entry::Block(Box::new(self.block_of(head, parts.next())));
            }
            Rule::assign => {
                let assign = self.assign(pair);
                self.refuse_block_with_equals(&assign);
                let declares = match assign.path.as_slice() {
                    [Segment::Name(name)] => Some(name.clone()),
                    _ => None,
                };
                (assign.span, Entry::Assign(assign), declares)
            }
            rule @ (Rule::gate | Rule::skip) => {
                let [_keyword, condition, otherwise] = parts(pair);
                let (condition, otherwise) = (self.expression(condition), self.text_of(otherwise));
                let span = start.to(otherwise.span);
                match rule {
                    Rule::gate => (span, Entry::Gate { span, condition, otherwise }, None),
                    _ => (span, Entry::Skip { span, condition, otherwise }, None),
                }
            }
            rule => unreachable!("an entry is no {rule:?}"),
        };
        if self.told > before { Entry::Faulty { span, declares } } else { entry }
    }

    /// `example = { … }`: a block written like a field.
    fn refuse_block_with_equals(&mut self, assign: &Assign) {
        if let ([Segment::Name(name)], ExprKind::Record(_)) = (assign.path.as_slice(), &assign.value.kind)
            && super::BLOCK_WORDS.contains(&name.value.as_str())
        {
            let gap = &self.text[name.span.end as usize..assign.value.span.start as usize];
            let sign = name.span.end as usize + gap.find(['=', '+', '-', ':']).unwrap_or(0);
            let sign = Span::new(self.file, sign, sign + 1);
            self.tell(diagnostics::block_with_equals(sign, &name.value));
        }
    }

    fn block_of(&mut self, head: Pair<'a, Rule>, body: Option<Pair<'a, Rule>>) -> Block {
        assert_eq!(head.as_rule(), Rule::inner_head);
        let mut parts = meaningful(head);
        let keyword = self.name(next(&mut parts));
        let mut header = keyword.span;
        let (mut name, mut title, mut weight) = (None, None, None);
        for part in parts {
            header = header.to(self.span(&part));
            match part.as_rule() {
                Rule::name => name = Some(self.name(part)),
                Rule::quantity => weight = Some(self.quantity(part)),
                _ => title = Some(self.text_of(part)),
            }
        }
        // A quantity may have taken the blanks after it.
        header.end = weight.as_ref().map_or(header.end, |weight| weight.span.end);
        let body = match body {
            Some(body) => self.body(body),
            None => Body { span: Span { start: header.end, ..header }, entries: Vec::new() },
        };
        Block { span: header.to(body.span), header, keyword, name, title, weight, body }
    }

    fn assign(&mut self, pair: Pair<'a, Rule>) -> Assign {
        assert_eq!(pair.as_rule(), Rule::assign);
        let [path, sign, value] = parts(pair);
        let field = path.as_str();
        let start = self.span(&path);
        let op = match sign.as_str() {
            "=" => AssignOp::Set,
            "+=" => AssignOp::Add,
            "-=" => AssignOp::Remove,
            ":" => {
                let at = self.span(&sign);
                self.tell(diagnostics::colon_for_equals(at, field));
                AssignOp::Set
            }
            sign => unreachable!("no sign of the grammar: {sign}"),
        };
        let value = self.expression(value);
        Assign { span: start.to(value.span), path: self.path(path), op, value }
    }

    fn path(&mut self, pair: Pair<'a, Rule>) -> Vec<Segment> {
        assert_eq!(pair.as_rule(), Rule::path);
        pair.into_inner()
            .map(|step| match step.as_rule() {
                Rule::star => Segment::Star(self.span(&step)),
                _ => Segment::Name(self.name(step)),
            })
            .collect()
    }

    // ---- expressions -------------------------------------------------------------------------------------------------------

    /// An expression, refused when it is higher than what later passes can walk.
    fn expression(&mut self, pair: Pair<'a, Rule>) -> Expr {
        let expr = self.level(pair);
        if height(&expr) > MAX_HEIGHT {
            self.tell(diagnostics::too_long(expr.span));
            return Expr { span: expr.span, kind: ExprKind::Faulty };
        }
        expr
    }

    /// One level of operators and operands.
    fn level(&mut self, pair: Pair<'a, Rule>) -> Expr {
        let rule = pair.as_rule();
        assert!(matches!(rule, Rule::expression | Rule::inside | Rule::bound), "an expression is no {rule:?}");
        let span = self.span(&pair);
        let parts: Vec<_> = pair.into_inner().filter(is_meaningful).collect();
        if parts.len() > 2 * MAX_CHAIN {
            self.tell(diagnostics::too_long(span));
            return Expr { span, kind: ExprKind::Faulty };
        }
        let reader = std::cell::RefCell::new(self);
        PRECEDENCE
            .map_primary(|pair| reader.borrow_mut().primary(pair))
            .map_prefix(|sign, of| {
                let op = if sign.as_rule() == Rule::not { UnaryOp::Not } else { UnaryOp::Minus };
                let span = reader.borrow().span(&sign).to(of.span);
                Expr { span, kind: ExprKind::Unary { op, of: Box::new(of) } }
            })
            .map_postfix(|of, access| {
                let reader = reader.borrow();
                let span = of.span.to(reader.span(&access));
                let [name] = self::parts(access);
                Expr { span, kind: ExprKind::Field { of: Box::new(of), name: reader.name(name) } }
            })
            .map_infix(|left, sign, right| {
                let span = left.span.to(right.span);
                let (left, right) = (Box::new(left), Box::new(right));
                let kind = match sign.as_rule() {
                    Rule::range => ExprKind::Range { low: left, high: right },
                    _ => ExprKind::Binary { op: operator(&sign), op_span: reader.borrow().span(&sign), left, right },
                };
                Expr { span, kind }
            })
            .parse(parts.into_iter())
    }

    fn primary(&mut self, pair: Pair<'a, Rule>) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::quantity => return self.quantity(pair),
            Rule::string => ExprKind::String(self.text_of(pair).value),
            Rule::prose => {
                let folded = pair.as_str().starts_with('>');
                ExprKind::Prose { text: self.text_of(pair).value, folded }
            }
            Rule::constant => match pair.as_str() {
                "none" => ExprKind::None,
                word => ExprKind::Bool(word == "true"),
            },
            Rule::path => ExprKind::Path(self.path(pair)),
            Rule::list => ExprKind::List(meaningful(pair).map(|element| self.level(element)).collect()),
            Rule::group => {
                let [inner] = parts(pair);
                return Expr { span, ..self.level(inner) };
            }
            Rule::record => ExprKind::Record(meaningful(pair).map(|entry| self.assign(entry)).collect()),
            Rule::call => {
                let mut parts = meaningful(pair);
                let name = self.name(next(&mut parts));
                ExprKind::Call { name, args: parts.map(|argument| self.argument(argument)).collect() }
            }
            rule => unreachable!("a value is no {rule:?}"),
        };
        Expr { span, kind }
    }

    fn argument(&mut self, pair: Pair<'a, Rule>) -> Arg {
        assert_eq!(pair.as_rule(), Rule::argument);
        let mut parts: Vec<_> = meaningful(pair).collect();
        let value = parts.pop().expect("an argument has a value");
        let mut parts = parts.into_iter();
        let name = parts.next().map(|name| self.name(name));
        if let (Some(name), Some(sign)) = (&name, parts.next())
            && sign.as_str().starts_with('=')
        {
            let at = self.span(&sign);
            self.tell(diagnostics::equals_for_colon(at, &name.value));
        }
        let value = self.level(value);
        let start = name.as_ref().map_or(value.span, |name| name.span);
        Arg { span: start.to(value.span), name, value }
    }

    fn quantity(&mut self, pair: Pair<'a, Rule>) -> Expr {
        assert_eq!(pair.as_rule(), Rule::quantity);
        let mut span = self.span(&pair);
        let mut parts = meaningful(pair);
        let number = next(&mut parts);
        let unit = parts.next().map(|unit| self.name(unit));
        // The grammar gives it the blanks and comments that follow; they are no part of it.
        span.end = unit.as_ref().map_or(self.span(&number).end, |unit| unit.span.end);
        let kind = match literal::number(number.as_str()) {
            Ok(value) => ExprKind::Number { value, unit },
            Err(fault) => {
                let at = self.span(&number);
                self.tell(diagnostics::bad_number(at, number.as_str(), fault));
                ExprKind::Faulty
            }
        };
        Expr { span, kind }
    }

    // ---- words and texts ---------------------------------------------------------------------------------------------------

    fn name(&self, pair: Pair<'_, Rule>) -> Name {
        Spanned::new(pair.as_str().to_owned(), self.span(&pair))
    }

    /// A string or prose; what is wrong in it is told, and the text is then empty.
    fn text_of(&mut self, pair: Pair<'_, Rule>) -> Spanned<String> {
        let span = self.span(&pair);
        let written = pair.as_str();
        let within = |at: usize, length: usize| Span {
            start: span.start + at as u32,
            end: span.start + (at + length) as u32,
            ..span
        };
        let value = match pair.as_rule() {
            Rule::string => literal::string(written).map_err(|fault| {
                diagnostics::bad_escape(within(fault.at, fault.length), &written[fault.at..fault.at + fault.length])
            }),
            Rule::prose => {
                let folded = written.starts_with('>');
                literal::prose(written, folded).map_err(|at| {
                    let length = written[at..].find('\n').unwrap_or(0);
                    diagnostics::prose_under_indented(within(at, length))
                })
            }
            rule => unreachable!("a text is no {rule:?}"),
        };
        let value = value.unwrap_or_else(|diagnostic| {
            self.tell(diagnostic);
            String::new()
        });
        Spanned::new(value, span)
    }

    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        Span::new(self.file, self.base + span.start(), self.base + span.end())
    }
}

/// Whether the grammar accepts a whole file in one go, as no reading of ours does.
#[cfg(test)]
pub(super) fn is_file(text: &str) -> bool {
    Grammar::parse(Rule::file, text).is_ok()
}

/// Makes an item of a kind, its header and its span.
pub(super) fn item(kind: ItemKind, span: Span, header: Span, doc: Option<String>) -> Item {
    Item { doc, span, header, kind }
}

fn operator(pair: &Pair<'_, Rule>) -> BinaryOp {
    match pair.as_str() {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Subtract,
        "*" => BinaryOp::Multiply,
        "/" => BinaryOp::Divide,
        "==" => BinaryOp::Equal,
        "!=" => BinaryOp::NotEqual,
        "<" => BinaryOp::Less,
        "<=" => BinaryOp::LessEqual,
        ">" => BinaryOp::Greater,
        ">=" => BinaryOp::GreaterEqual,
        "in" => BinaryOp::In,
        "and" => BinaryOp::And,
        "or" => BinaryOp::Or,
        sign => unreachable!("no operator of the grammar: {sign}"),
    }
}

/// How many expressions lie inside each other. Bounded by `MAX_CHAIN` for each of the scan's 64 levels of brackets.
fn height(expr: &Expr) -> usize {
    let highest = |list: &mut dyn Iterator<Item = &Expr>| list.map(height).max().unwrap_or(0);
    1 + match &expr.kind {
        ExprKind::Unary { of, .. } | ExprKind::Field { of, .. } => height(of),
        ExprKind::Binary { left, right, .. } | ExprKind::Range { low: left, high: right } => {
            height(left).max(height(right))
        }
        ExprKind::List(elements) => highest(&mut elements.iter()),
        ExprKind::Record(entries) => highest(&mut entries.iter().map(|entry| &entry.value)),
        ExprKind::Call { args, .. } => highest(&mut args.iter().map(|arg| &arg.value)),
        _ => 0,
    }
}

// ---- pairs -----------------------------------------------------------------------------------------------------------------

/// Without signs and keywords that only hold a form together.
#[rustfmt::skip] // one rule a line would be a page
fn is_meaningful(pair: &Pair<'_, Rule>) -> bool {
    !matches!(
        pair.as_rule(),
        Rule::equals | Rule::colon | Rule::comma | Rule::comma_only | Rule::open_brace | Rule::close_brace | Rule::open_bracket
            | Rule::close_bracket | Rule::open_paren | Rule::close_paren | Rule::kw_masc | Rule::kw_use | Rule::kw_as
            | Rule::kw_param | Rule::kw_let | Rule::kw_secret | Rule::kw_from | Rule::kw_env | Rule::kw_stage | Rule::kw_for
            | Rule::kw_in | Rule::kw_extends | Rule::kw_else | Rule::EOI
    )
}

fn meaningful<'i>(pair: Pair<'i, Rule>) -> impl Iterator<Item = Pair<'i, Rule>> {
    pair.into_inner().filter(is_meaningful)
}

fn next<'i>(pairs: &mut impl Iterator<Item = Pair<'i, Rule>>) -> Pair<'i, Rule> {
    pairs.next().expect("the grammar and this file have drifted apart: a part is missing")
}

/// Takes a pair apart that has exactly N parts with a meaning.
fn parts<const N: usize>(pair: Pair<'_, Rule>) -> [Pair<'_, Rule>; N] {
    let parts: Vec<_> = meaningful(pair).collect();
    parts.try_into().expect("the grammar and this file have drifted apart: another number of parts")
}
