//! A gate as it is written, with what each part of it came to under its own text.
//!
//! A plan's condition knows values and tasks, no places; so its text is read once more, by the language's own grammar, and both are
//! walked side by side. Where they part (a name that stands for arithmetic, a half that a param switched off) the whole of what is
//! written there has one value. Uses `gate` and the language's expressions. Absent: terminals; how it is drawn is `cli`'s.

use mascot_lang::source::FileId;
use mascot_lang::syntax;
use mascot_lang::syntax::ast::{Expr, ExprKind};
use serde::{Deserialize, Serialize};

use crate::engine::Outputs;
use crate::gate::Condition;

/// A part of a condition that has a value, and where its text begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark<T = usize> {
    /// In characters of the gate's text; of arithmetic, where the operator stands.
    pub at: usize,
    pub what: Condition<T>,
}

/// What a part of a gate came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// In characters of the gate's text.
    pub at: usize,
    pub value: String,
}

/// An expression is read as what a path is set to, `it=…`.
const HEAD: &str = "it";

/// Every part of a condition that has a value of its own; numbers that are written out have none.
pub fn marks<T: Clone + PartialEq>(text: &str, condition: &Condition<T>) -> Vec<Mark<T>> {
    let Ok((_, expr)) = syntax::parse_set(FileId(0), HEAD, text) else { return Vec::new() };
    let mut marks = Marks { text, found: Vec::new() };
    marks.parts(&expr, condition, true);
    marks.found.sort_by_key(|mark| mark.at);
    marks.found.dedup_by_key(|mark| mark.at);
    marks.found
}

/// What the marks come to.
pub fn shown(marks: &[Mark], outputs: &dyn Fn(usize) -> Option<Outputs>) -> Vec<Shown> {
    marks.iter().map(|mark| Shown { at: mark.at, value: mark.what.in_short(outputs) }).collect()
}

struct Marks<'t, T> {
    text: &'t str,
    found: Vec<Mark<T>>,
}

impl<T: Clone + PartialEq> Marks<'_, T> {
    fn add(&mut self, byte: u32, what: &Condition<T>) {
        let byte = (byte as usize).saturating_sub(HEAD.len() + 1);
        let at = self.text.get(..byte).map_or(0, |head| head.chars().count());
        self.found.push(Mark { at, what: what.clone() });
    }

    /// `whole`: what it comes to is what the gate comes to, which is told anyway.
    fn parts(&mut self, expr: &Expr, condition: &Condition<T>, whole: bool) {
        match (&expr.kind, condition) {
            (ExprKind::Number { .. } | ExprKind::Range { .. } | ExprKind::Bool(_), _) => {}
            (ExprKind::Binary { op_span, left, right, .. }, Condition::Op { op, args })
                if !matches!(op.as_str(), "min" | "max") =>
            {
                if let [a, b] = args.as_slice() {
                    self.parts(left, a, false);
                    self.parts(right, b, false);
                }
                if !whole {
                    self.add(op_span.start, condition);
                }
            }
            (ExprKind::Unary { of, .. }, Condition::Op { args, .. }) if args.len() == 1 => {
                self.parts(of, &args[0], false);
                if !whole {
                    self.add(expr.span.start, condition);
                }
            }
            (ExprKind::Call { args: written, .. }, Condition::Op { op, args })
                if matches!(op.as_str(), "min" | "max") =>
            {
                for (arg, part) in written.iter().zip(args).filter(|(arg, _)| arg.name.is_none()) {
                    self.parts(&arg.value, part, false);
                }
                self.add(expr.span.start, condition);
            }
            _ => self.add(expr.span.start, condition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str) -> Condition {
        Condition::Result { of: vec![0], name: name.to_owned(), called: name.to_owned() }
    }

    fn op(op: &str, args: Vec<Condition>) -> Condition {
        Condition::Op { op: op.to_owned(), args }
    }

    /// The values, each under the character where it belongs.
    fn drawn(text: &str, condition: &Condition) -> Vec<(usize, String)> {
        let outputs = Outputs { results: [("a".to_owned(), 0.5), ("b".to_owned(), 2.0)].into(), ..Outputs::default() };
        let shown = shown(&marks(text, condition), &|_| Some(outputs.clone()));
        shown.into_iter().map(|one| (one.at, one.value)).collect()
    }

    fn at(places: &[(usize, &str)]) -> Vec<(usize, String)> {
        places.iter().map(|(at, value)| (*at, (*value).to_owned())).collect()
    }

    #[test]
    fn each_value_is_under_its_own_text() {
        let sum = op("+", vec![op("*", vec![Condition::Number(2.0), result("a")]), result("b")]);
        let whole = op(">=", vec![result("a"), sum]);
        assert_eq!(drawn("a >= 2 * a + b", &whole), at(&[(0, "0.5"), (7, "1"), (9, "0.5"), (11, "3"), (13, "2")]));
    }

    #[test]
    fn a_condition_in_a_condition_is_true_or_false_under_its_sign() {
        let both = op(
            "and",
            vec![op("<", vec![result("a"), Condition::Number(1.0)]), op(">", vec![result("b"), result("c")])],
        );
        let expected = [(0, "0.5"), (2, "true"), (10, "2"), (12, "not measured"), (14, "not measured")];
        assert_eq!(drawn("a < 1 and b > c", &both), at(&expected));
        let not = op("not", vec![op("<", vec![result("a"), Condition::Number(1.0)])]);
        assert_eq!(drawn("not (a < 1)", &not), at(&[(5, "0.5"), (7, "true")]));
    }

    #[test]
    fn a_name_that_stands_for_more_has_one_value() {
        let bar = op("*", vec![Condition::Number(2.0), result("a")]);
        assert_eq!(drawn("b >= bar", &op(">=", vec![result("b"), bar])), at(&[(0, "2"), (5, "1")]));
        let switched = op("or", vec![Condition::Truth(false), op(">", vec![result("a"), Condition::Number(0.7)])]);
        assert_eq!(
            drawn("not guarded or a > least", &switched),
            at(&[(0, "false"), (15, "0.5"), (17, "false"), (19, "0.7")])
        );
        let least = op("min", vec![result("a"), result("b")]);
        assert_eq!(
            drawn("min(a, b) > 1", &op(">", vec![least, Condition::Number(1.0)])),
            at(&[(0, "0.5"), (4, "0.5"), (7, "2")])
        );
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let text = "mean(x, criterion: \"Nähe\") > b";
        assert_eq!(drawn(text, &op(">", vec![result("a"), result("b")])), at(&[(0, "0.5"), (29, "2")]));
    }
}
