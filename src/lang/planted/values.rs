//! Faults of values: numbers, texts, words, references, calls, lists, records.

use super::kinds::{Finder, Told, range};
use crate::check::schema::{self, Call, Default, Target, Ty};
use crate::program::Dim;
use crate::syntax::ast::{Arg, Assign, Expr, ExprKind, Segment};

impl Finder<'_> {
    /// Faults that can be planted in a value where `ty` is wanted.
    pub fn value(&mut self, expr: &Expr, ty: &Ty) {
        let ty = settled(ty, expr);
        let span = range(expr.span);
        match &expr.kind {
            ExprKind::Number { unit, .. } => {
                let bare = unit.as_ref().map_or(span.end, |unit| unit.span.start as usize);
                let digits = self.text[span.start..bare].trim_end().len() + span.start;
                self.add("a number that is none", digits..digits, "k");
                if let Some(unit) = unit.as_ref().filter(|unit| unit.value != "%") {
                    self.add("an unknown unit", range(unit.span), self.misspelt(&unit.value));
                }
                let Ty::Num(num) = ty else { return };
                match (num.dim, unit) {
                    (Dim::None, None) => {
                        self.add("a unit where none is wanted", span.end..span.end, " gpu_h");
                        if num.whole {
                            self.add("half a thing", span.clone(), "1.5");
                        }
                        if num.low >= 0.0 {
                            self.add("a number out of bounds", span.clone(), "-7");
                        }
                    }
                    (_, Some(unit)) => {
                        self.add("a number without its unit", digits..span.end, "");
                        let other = if unit.value == "usd" { "tok" } else { "usd" };
                        self.add("another unit", digits..span.end, format!(" {other}"));
                    }
                    _ => {}
                }
                self.add("a text for a number", span, "\"many\"");
            }
            ExprKind::String(text) => {
                self.string(expr.span);
                match ty {
                    Ty::Text => {
                        self.add("a number for a text", span, "3");
                    }
                    Ty::TextOf(_) => {
                        self.add("an unknown text", span, format!("\"{}\"", self.misspelt(text)));
                    }
                    _ => {}
                }
            }
            ExprKind::Prose { .. } => self.prose(expr),
            ExprKind::Bool(_) if ty == Ty::Bool => {
                self.add("a number for a truth", span, "3");
            }
            ExprKind::Path(path) => self.path(path, &ty),
            ExprKind::List(items) => {
                self.brackets(expr, items.len());
                let inner = match ty {
                    Ty::List(inner) | Ty::Set(inner) => inner,
                    _ => &Ty::Any,
                };
                self.each(items, inner);
            }
            ExprKind::Record(assigns) => self.record(expr, assigns, &ty),
            ExprKind::Call { name, args } => {
                let call = match ty {
                    Ty::Call(calls) => calls.iter().copied().find(|call| call.name == name.value),
                    _ => schema::every_call().find(|call| call.name == name.value),
                };
                self.add("an unknown call", range(name.span), self.misspelt(&name.value));
                self.brackets(expr, args.len());
                if let Some(call) = call {
                    self.call(expr, call, args);
                }
            }
            ExprKind::Field { of, name } => {
                self.add("an unknown part of a result", range(name.span), self.misspelt(&name.value));
                self.value(of, &Ty::Any);
            }
            ExprKind::Range { low, high } => {
                let both = (range(low.span), range(high.span));
                if let (ExprKind::Number { unit: None, .. }, ExprKind::Number { unit: None, .. }) =
                    (&low.kind, &high.kind)
                {
                    let swapped = format!("{}..{}", &self.text[both.1.clone()], &self.text[both.0.clone()]);
                    self.add("a range that is empty", span, swapped);
                }
            }
            ExprKind::Unary { of, .. } => self.value(of, &Ty::Any),
            ExprKind::Binary { left, right, .. } => {
                self.value(left, &Ty::Any);
                self.value(right, &Ty::Any);
            }
            _ => {}
        }
    }

    fn prose(&mut self, expr: &Expr) {
        let span = range(expr.span);
        let written = &self.text[span.clone()];
        let fence_line = written.rfind('\n').expect("prose has lines");
        let quotes = written[fence_line..].find('"').expect("prose ends in a fence") + fence_line;
        self.unclosed("prose that is not closed", span.start, span.start + quotes..span.end);
        // In the last line of the text.
        if written[..fence_line].contains('\n') && !written[..fence_line].ends_with('\n') {
            let end = span.start + fence_line;
            self.add("an unknown slot", end..end, " {{usr}}");
        }
    }

    fn path(&mut self, path: &[Segment], ty: &Ty) {
        let Some(Segment::Name(head)) = path.first() else { return };
        let whole = head.span.start as usize..match path.last() {
            Some(Segment::Name(name)) => name.span.end as usize,
            _ => return,
        };
        match ty {
            Ty::Words(_) | Ty::TextOf(_) => {
                self.add("an unknown word", whole.clone(), self.misspelt(&head.value));
                self.add("a number for a word", whole, "3");
                return;
            }
            _ => self.add("an unknown name", range(head.span), self.misspelt(&head.value)),
        };
        if let [.., _, Segment::Name(last)] = path {
            let behind = self.behind.get(&head.value).cloned().unwrap_or_default();
            let fault = self.add("an unknown part", range(last.span), self.misspelt(&last.value));
            fault.rests_on = behind;
        }
        if let Ty::Ref(targets) = ty {
            // A rubric or persona, say, where a model is wanted.
            let of_other_kind = self.named.iter().find(|(_, keyword)| match keyword.as_str() {
                "persona" => !targets.contains(&Target::Persona),
                "rubric" => !targets.contains(&Target::Rubric),
                "model" => !targets.contains(&Target::Model),
                _ => false,
            });
            if let Some((name, _)) = of_other_kind.cloned() {
                self.add("a reference of a wrong kind", whole.clone(), name);
            }
            self.add("a number for a reference", whole, "3");
        }
    }

    /// What is between `[ ]` or `( )`.
    fn brackets(&mut self, expr: &Expr, count: usize) {
        let span = range(expr.span);
        let open = span.start + self.text[span.clone()].find(['[', '(']).expect("it begins with a bracket or a name");
        self.unclosed("a bracket that is not closed", open, span.end - 1..span.end);
        if count > 0 {
            self.add("a comma too many", open + 1..open + 1, ", ");
        }
    }

    fn record(&mut self, expr: &Expr, assigns: &[Assign], ty: &Ty) {
        let span = range(expr.span);
        self.unclosed("a record that is not closed", span.start, span.end - 1..span.end);
        for assign in assigns {
            let [Segment::Name(name)] = assign.path.as_slice() else { continue };
            let (key, value) = (range(name.span), range(assign.value.span));
            let sign = key.end + self.text[key.end..value.start].find('=').expect("a record's entry has a sign");
            self.add(": for = in a record", sign..sign + 1, ":");
            let attribute = match ty {
                Ty::Record(record) => {
                    self.add("an unknown key", key.clone(), self.misspelt(&name.value));
                    record.field(&name.value)
                }
                _ => None,
            };
            let whole = range(assign.span);
            let copy = format!("{}, ", &self.text[whole.clone()]);
            let at = copy.len();
            // Told at the second, on a line of its own.
            let copy = format!("{copy}\n{}", &self.text[whole.clone()]);
            if !copy[..at].contains('\n') {
                self.add("a key twice", whole, copy).told = Told::InEdit(at + 1);
            }
            self.value(&assign.value, &attribute.map_or(Ty::Any, |attribute| attribute.ty));
        }
    }

    fn call(&mut self, expr: &Expr, call: &'static Call, args: &[Arg]) {
        let span = range(expr.span);
        let close = span.end - 1;
        let open = span.start + self.text[span.clone()].find('(').expect("a call has brackets");
        let required = call.args.iter().any(|arg| arg.default == Default::Required) || call.rest.is_some();
        if required && !args.is_empty() {
            self.add("a call without its arguments", open + 1..close, "").told = Told::At(span.start);
        }
        if call.rest.is_none() && args.iter().all(|arg| arg.name.is_none()) && args.len() == call.args.len() {
            let comma = if args.is_empty() { "" } else { ", " };
            self.add("an argument too many", close..close, format!("{comma}3")).told = Told::At(close);
        }
        for (at, arg) in args.iter().enumerate() {
            let attribute = match &arg.name {
                Some(name) => {
                    let (name_span, value) = (range(name.span), range(arg.value.span));
                    let colon =
                        name_span.end + self.text[name_span.end..value.start].find(':').expect("a named argument");
                    self.add("= for :", colon..colon + 1, " =");
                    self.add("an unknown argument", name_span, self.misspelt(&name.value));
                    let whole = range(arg.span);
                    let text = &self.text[whole.clone()];
                    if !text.contains('\n') {
                        let copy = format!(", {text}");
                        self.add("an argument twice", whole.end..whole.end, copy).told = Told::At(whole.end);
                    }
                    call.arg(&name.value)
                }
                None => call.args.get(at),
            };
            self.value(&arg.value, &attribute.map_or(Ty::Any, |attribute| attribute.ty));
        }
    }
}

/// The alternative that a value is written as.
fn settled(ty: &Ty, expr: &Expr) -> Ty {
    match ty {
        Ty::Optional(inner) => settled(inner, expr),
        Ty::Either(alternatives) => {
            let fits = |one: &&Ty| match (one, &expr.kind) {
                (Ty::Words(words), ExprKind::Path(path)) => {
                    matches!(path.as_slice(), [Segment::Name(name)] if words.contains(&name.value.as_str()))
                }
                (Ty::Ref(_), ExprKind::Path(_)) => true,
                (Ty::Call(calls), ExprKind::Call { name, .. }) => calls.iter().any(|call| call.name == name.value),
                _ => false,
            };
            // Of several that might be meant nobody knows what is told.
            alternatives.iter().find(fits).filter(|one| !matches!(one, Ty::Words(_))).copied().unwrap_or(Ty::Any)
        }
        ty => *ty,
    }
}
