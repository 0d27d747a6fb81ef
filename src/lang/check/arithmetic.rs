//! Operators: on numbers now, on scores and results when a run knows them. Part of pass 3.

use super::Checker;
use super::diagnostics as say;
use super::graph;
use super::layers;
use super::schema::{Target, Ty};
use super::types;
use super::val::Val;
use super::values::Cx;
use crate::program::Dim;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Segment};

impl Checker<'_> {
    /// What can be reckoned with here before its number is known: in a gate results, in a persona's test scores by rubrics
    /// and terms, anywhere else scores.
    pub fn is_operand(&self, val: &Val, cx: &Cx<'_>) -> bool {
        if cx.own.is_some() {
            types::is_result(val)
        } else if cx.in_test {
            let is_rubric = types::misfit(val, &RUBRIC, &self.names).is_none();
            is_rubric || types::is_score(val, &self.names) || matches!(val, Val::Op { op: "field", .. })
        } else {
            types::is_score(val, &self.names)
        }
    }

    pub fn range(&mut self, low: &Expr, high: &Expr, span: Span, cx: &Cx<'_>) -> Val {
        let (low, high) = (self.infer(low, cx), self.infer(high, cx));
        match (low, high) {
            (Val::Unknown, _) | (_, Val::Unknown) => Val::Unknown,
            (Val::Number { value: low, dim: a }, Val::Number { value: high, dim: b }) => {
                // `15..60 tok`: one unit for both.
                if a != b && a != Dim::None {
                    self.found.add(say::mixed_dimensions(span, "..", a, b));
                    return Val::Unknown;
                }
                if low >= high {
                    self.found.add(say::empty_range(span));
                    return Val::Unknown;
                }
                Val::Range { low, high, dim: b }
            }
            (a, b) => {
                let odd = if matches!(a, Val::Number { .. }) { b } else { a };
                let is = types::describe(&odd, &self.names);
                self.found.add(say::no_arithmetic(span, "..", &is, false));
                Val::Unknown
            }
        }
    }

    pub fn binary(&mut self, op: BinaryOp, op_span: Span, left: &Expr, right: &Expr, cx: &Cx<'_>) -> Val {
        let sign = sign_of(op);
        // `voices.kl.estimator == k3`: where a field takes words, a bare word is one of them, on either side.
        let words_of = |checker: &Self, expr: &Expr| match &expr.kind {
            ExprKind::Path(path) if path.len() > 1 => checker.words_at(path, cx),
            _ => None,
        };
        let is_equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
        let a = match words_of(self, right).filter(|_| is_equality) {
            Some(words) => self.one_of(left, words, cx),
            None => self.infer(left, cx),
        };
        let b = match (&a, &right.kind) {
            _ if let Some(words) = words_of(self, left).filter(|_| is_equality || op == BinaryOp::In) => {
                match &right.kind {
                    ExprKind::List(items) if op == BinaryOp::In => {
                        Val::List(items.iter().map(|item| self.one_of(item, words, cx)).collect())
                    }
                    _ => self.one_of(right, words, cx),
                }
            }
            (Val::Word(_), ExprKind::Path(path))
                if path.len() == 1 && matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) =>
            {
                match &path[0] {
                    Segment::Name(name) => Val::Word(name.value.clone()),
                    Segment::Star(_) => Val::Unknown,
                }
            }
            _ => self.infer(right, cx),
        };
        if a.is_unknown() || b.is_unknown() {
            return Val::Unknown;
        }
        let operand = |val: &Val| self.is_operand(val, cx);
        let is_number = |val: &Val| matches!(val, Val::Number { .. });
        match op {
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => match (&a, &b) {
                (Val::Number { value: x, dim: a }, Val::Number { value: y, dim: b }) => {
                    self.arithmetic(op, (*x, *a), (*y, *b), op_span, right.span)
                }
                _ => {
                    for (val, span) in [(&a, left.span), (&b, right.span)] {
                        if let Val::Number { dim, .. } = val
                            && *dim != Dim::None
                        {
                            self.found.add(say::unit_wrong(span, *dim, Dim::None));
                            return Val::Unknown;
                        }
                        if !is_number(val) && !operand(val) {
                            let is = types::describe(val, &self.names);
                            self.found.add(say::no_arithmetic(span, sign, &is, cx.own.is_some()));
                            return Val::Unknown;
                        }
                    }
                    Val::Op { op: sign, args: vec![a, b] }
                }
            },
            BinaryOp::And | BinaryOp::Or => {
                for (val, span) in [(&a, left.span), (&b, right.span)] {
                    if types::misfit(val, &Ty::Condition, &self.names).is_some() {
                        let is = types::describe(val, &self.names);
                        self.found.add(say::wrong_type(span, "a condition", &is, val, &Ty::Condition));
                        return Val::Unknown;
                    }
                }
                match (op, &a, &b) {
                    (BinaryOp::And, Val::Bool(x), Val::Bool(y)) => Val::Bool(*x && *y),
                    (BinaryOp::Or, Val::Bool(x), Val::Bool(y)) => Val::Bool(*x || *y),
                    _ => Val::Op { op: sign, args: vec![a, b] },
                }
            }
            BinaryOp::In => match (&a, &b) {
                (Val::Number { value, dim }, Val::Range { low, high, dim: other }) if dim == other => {
                    Val::Bool(low <= value && value <= high)
                }
                (_, Val::List(items)) if !operand(&a) => {
                    for item in items.iter().filter(|item| !item.is_unknown()) {
                        if let (Val::Number { dim: i, .. }, Val::Number { dim: j, .. }) = (&a, item)
                            && i != j
                        {
                            self.found.add(say::mixed_dimensions(right.span, sign, *i, *j));
                            return Val::Unknown;
                        }
                        if std::mem::discriminant(&a) != std::mem::discriminant(item) && *item != Val::Absent {
                            let (is, wanted) = (types::describe(item, &self.names), types::describe(&a, &self.names));
                            self.found.add(say::wrong_type(right.span, &wanted, &is, item, &Ty::Any));
                            return Val::Unknown;
                        }
                    }
                    Val::Bool(items.contains(&a))
                }
                (_, Val::Range { .. }) if operand(&a) => Val::Op { op: sign, args: vec![a, b] },
                (_, Val::Range { dim, .. }) if is_number(&a) => {
                    self.found.add(say::mixed_dimensions(op_span, sign, dim_of(&a), *dim));
                    Val::Unknown
                }
                _ => {
                    let is = types::describe(&b, &self.names);
                    self.found.add(say::wrong_type(right.span, "a range or a list", &is, &b, &Ty::Any));
                    Val::Unknown
                }
            },
            _ => self.comparison(op, op_span, (a, left.span), (b, right.span), cx),
        }
    }

    /// The closed set of words that the field at a path takes, when it takes one.
    fn words_at(&self, path: &[Segment], cx: &Cx<'_>) -> Option<&'static [&'static str]> {
        fn words(ty: Ty) -> Option<&'static [&'static str]> {
            match ty {
                Ty::Words(words) => Some(words),
                Ty::Optional(inner) => words(*inner),
                Ty::Either(alternatives) => alternatives.iter().find_map(|one| words(*one)),
                _ => None,
            }
        }
        let places = layers::places(&self.names, path, cx.file).ok()?;
        let place = places.first()?;
        let field = self.names.decl(place.entity).schema?.field(place.field)?;
        words(graph::part(field.ty, place.sub))
    }

    /// A value beside a field that takes words: a bare word is one of them.
    fn one_of(&mut self, expr: &Expr, words: &'static [&'static str], cx: &Cx<'_>) -> Val {
        match &expr.kind {
            ExprKind::Path(path) if path.len() == 1 => self.value(expr, &Ty::Words(words), cx),
            ExprKind::None if words.contains(&"none") => Val::Word("none".to_owned()),
            _ => self.infer(expr, cx),
        }
    }

    fn comparison(&mut self, op: BinaryOp, op_span: Span, left: (Val, Span), right: (Val, Span), cx: &Cx<'_>) -> Val {
        let sign = sign_of(op);
        let (a, b) = (left.0, right.0);
        let equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
        match (&a, &b) {
            (Val::Number { value: x, dim: i }, Val::Number { value: y, dim: j }) => {
                if i != j {
                    self.found.add(say::mixed_dimensions(op_span, sign, *i, *j));
                    return Val::Unknown;
                }
                Val::Bool(match op {
                    BinaryOp::Equal => x == y,
                    BinaryOp::NotEqual => x != y,
                    BinaryOp::Less => x < y,
                    BinaryOp::LessEqual => x <= y,
                    BinaryOp::Greater => x > y,
                    _ => x >= y,
                })
            }
            (Val::Word(_), Val::Word(_))
            | (Val::Text(_), Val::Text(_))
            | (Val::Bool(_), Val::Bool(_))
            | (_, Val::Absent)
            | (Val::Absent, _)
                if equality =>
            {
                Val::Bool((a == b) == (op == BinaryOp::Equal))
            }
            _ => {
                for (val, span) in [(&a, left.1), (&b, right.1)] {
                    let known = match val {
                        Val::Number { dim: Dim::None | Dim::Fraction, .. } => true,
                        Val::Number { dim, .. } => {
                            self.found.add(say::unit_wrong(span, *dim, Dim::None));
                            return Val::Unknown;
                        }
                        val => self.is_operand(val, cx),
                    };
                    if !known {
                        let is = types::describe(val, &self.names);
                        self.found.add(say::no_arithmetic(span, sign, &is, cx.own.is_some()));
                        return Val::Unknown;
                    }
                }
                Val::Op { op: sign, args: vec![a, b] }
            }
        }
    }

    fn arithmetic(&mut self, op: BinaryOp, a: (f64, Dim), b: (f64, Dim), op_span: Span, divisor: Span) -> Val {
        let ((x, i), (y, j)) = (a, b);
        let plain = |dim: Dim| matches!(dim, Dim::None | Dim::Fraction);
        let (value, dim) = match op {
            BinaryOp::Add | BinaryOp::Subtract if i == j => (if op == BinaryOp::Add { x + y } else { x - y }, i),
            // Half of 400 steps is 200 steps, and 50% of them too.
            BinaryOp::Multiply if plain(j) => (x * y, if i == Dim::Fraction && j == Dim::None { Dim::None } else { i }),
            BinaryOp::Multiply if plain(i) => (x * y, j),
            BinaryOp::Divide if y == 0.0 => {
                self.found.add(say::division_by_zero(divisor));
                return Val::Unknown;
            }
            BinaryOp::Divide if i == j => (x / y, Dim::None),
            BinaryOp::Divide if plain(j) => (x / y, i),
            _ => {
                self.found.add(say::mixed_dimensions(op_span, sign_of(op), i, j));
                return Val::Unknown;
            }
        };
        Val::Number { value, dim }
    }
}

const RUBRIC: Ty = Ty::Ref(&[Target::Rubric]);

fn dim_of(val: &Val) -> Dim {
    match val {
        Val::Number { dim, .. } | Val::Range { dim, .. } => *dim,
        _ => Dim::None,
    }
}

fn sign_of(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterEqual => ">=",
        BinaryOp::In => "in",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}
