//! Calls of built-ins: arguments by position and by name, defaults filled. Part of pass 3.

use std::collections::BTreeMap;

use super::Checker;
use super::diagnostics as say;
use super::schema::{self, Call, Default, Role, Ty, calls};
use super::types;
use super::val::Val;
use super::values::{Cx, default_of};
use crate::program::Dim;
use crate::source::{Name, Span};
use crate::syntax::ast::{Arg, Expr, ExprKind};

impl Checker<'_> {
    /// A call where anything may stand: `text("file")`, or the call of that name (a term, if two have it).
    pub fn any_call(&mut self, name: &Name, args: &[Arg], span: Span, cx: &Cx<'_>) -> Val {
        if name.value == "text" {
            if let [Arg { name: None, value, .. }] = args
                && let ExprKind::String(path) = &value.kind
            {
                return self.text_of_file(path, value.span);
            }
            return self.call(&calls::LIMIT, args, span, cx);
        }
        match schema::every_call().find(|call| call.name == name.value) {
            Some(call) => self.call(call, args, span, cx),
            None => {
                self.found.add(say::unknown_call(name));
                Val::Unknown
            }
        }
    }

    fn text_of_file(&mut self, path: &str, span: Span) -> Val {
        // Of `--set` the text was read as if the main file had named it.
        let from = if (span.file.0 as usize) < self.tree.files.len() { span.file } else { crate::source::FileId(0) };
        match self.tree.prose.get(&(from, path.to_owned())) {
            Some(Ok(text)) => {
                let text = content(text);
                self.check_slots_of_file(&text, path, span);
                Val::Text(text)
            }
            Some(Err(why)) => {
                self.found.add(say::text_unreadable(span, path, why));
                Val::Unknown
            }
            // Named where no text can stand (an argument of another call, say): nothing was read, nothing is known.
            None => Val::Unknown,
        }
    }

    /// `max(…)` in a gate is of results, not of scores.
    fn number_in_gate(&mut self, expr: &Expr, call: &Call, cx: &Cx<'_>) -> Val {
        let val = self.infer(expr, cx);
        if matches!(val, Val::Unknown | Val::Number { .. }) || types::is_result(&val) {
            return val;
        }
        let is = types::describe(&val, &self.names);
        self.found.add(say::no_arithmetic(expr.span, call.name, &is, true));
        Val::Unknown
    }

    /// A call whose arguments the schema knows.
    pub fn call(&mut self, call: &'static Call, args: &[Arg], span: Span, cx: &Cx<'_>) -> Val {
        let mut bound: BTreeMap<String, Val> = BTreeMap::new();
        let mut places: BTreeMap<&str, Span> = BTreeMap::new();
        let mut rest = Vec::new();
        let mut position = 0;
        let mut faulty = false;
        for arg in args {
            let attribute = match &arg.name {
                Some(name) => match call.arg(&name.value) {
                    Some(attribute) => Some(attribute),
                    None => {
                        self.found.add(say::unknown_argument(name, call));
                        faulty = true;
                        continue;
                    }
                },
                None => {
                    position += 1;
                    call.args.get(position - 1)
                }
            };
            match (attribute, &call.rest) {
                (Some(attribute), _) => {
                    if let Some(first) = places.get(attribute.name) {
                        self.found.add(say::argument_twice(arg.span, attribute.name, *first));
                        continue;
                    }
                    places.insert(attribute.name, arg.span);
                    let val = match (call.role, cx.own) {
                        (Role::Function, Some(_)) if attribute.ty == Ty::Score => {
                            self.number_in_gate(&arg.value, call, cx)
                        }
                        _ => self.attribute(&arg.value, attribute, cx),
                    };
                    bound.insert(attribute.name.to_owned(), val);
                }
                (None, Some((_, ty))) => rest.push(self.value(&arg.value, ty, cx)),
                (None, None) => {
                    self.found.add(say::too_many_arguments(arg.span, call));
                    faulty = true;
                    break;
                }
            }
        }
        if let Some((name, _)) = &call.rest {
            if rest.is_empty() && !faulty {
                self.found.add(say::missing_arguments(span, call, &[name]));
                return Val::Unknown;
            }
            bound.insert((*name).to_owned(), Val::List(rest));
        }
        let mut missing = Vec::new();
        for attribute in call.args {
            if !bound.contains_key(attribute.name) {
                match default_of(attribute) {
                    Some(val) => {
                        bound.insert(attribute.name.to_owned(), val);
                    }
                    None => missing.push(attribute.name),
                }
            }
        }
        if faulty {
            return Val::Unknown;
        }
        if !missing.is_empty() {
            self.found.add(say::missing_arguments(span, call, &missing));
            return Val::Unknown;
        }
        if call.role == Role::Function
            && let Some(val) = folded(call.name, &bound)
        {
            return val;
        }
        debug_assert!(call.args.iter().all(|arg| arg.default != Default::Required || bound.contains_key(arg.name)));
        Val::Call { name: call.name.to_owned(), args: bound }
    }
}

/// `min(k, 4)` of plain numbers is a number.
fn folded(name: &str, args: &BTreeMap<String, Val>) -> Option<Val> {
    let number = |key: &str| match args.get(key) {
        Some(Val::Number { value, dim: Dim::None }) => Some(*value),
        _ => None,
    };
    let value = match name {
        "min" => number("a")?.min(number("b")?),
        "max" => number("a")?.max(number("b")?),
        "clip" => match args.get("range") {
            Some(Val::Range { low, high, .. }) => number("x")?.clamp(*low, *high),
            _ => return None,
        },
        _ => return None,
    };
    Some(Val::number(value))
}

/// What a text file says: a byte-order mark, CR and the last line break are no part of it.
fn content(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}
