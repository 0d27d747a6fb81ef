//! Where the parts of a value come from, for `expand --origins` and `why`.

use std::collections::BTreeMap;

use super::val::Val;
use crate::program::{Layer, Origin};
use crate::syntax::ast::{Assign, Expr, ExprKind, Segment};

/// Parts of a record or call that are written have its origin, and those that are not are defaults.
pub fn origins_of_parts(expr: &Expr, val: &Val, prefix: &str, origin: Origin, parts: &mut BTreeMap<String, Origin>) {
    let (Val::Record(fields) | Val::Call { args: fields, .. }) = val else { return };
    let join = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    let default = Origin { layer: Layer::Default, span: None };
    match &expr.kind {
        ExprKind::Record(assigns) => {
            // Of a field that is written twice the first counts.
            let named = assigns.iter().rev().filter_map(|assign| match assign.path.as_slice() {
                [Segment::Name(one)] => Some((one.value.as_str(), assign)),
                _ => None,
            });
            let written: BTreeMap<&str, &Assign> = named.collect();
            for (name, val) in fields {
                match written.get(name.as_str()) {
                    Some(assign) => {
                        let origin = Origin { span: origin.span.map(|_| assign.span), ..origin };
                        parts.insert(join(name), origin);
                        origins_of_parts(&assign.value, val, &join(name), origin, parts);
                    }
                    None => {
                        parts.insert(join(name), default);
                    }
                }
            }
        }
        ExprKind::Call { name: call, args } => {
            let schemas = super::schema::every_call().filter(|one| one.name == call.value);
            let names: Vec<&str> = schemas.flat_map(|one| one.args.iter().map(|arg| arg.name)).collect();
            for name in fields.keys() {
                let by_name = args.iter().any(|arg| arg.name.as_ref().is_some_and(|one| one.value == *name));
                let positional = args.iter().filter(|arg| arg.name.is_none()).count();
                let by_place = names.iter().position(|one| one == name).is_some_and(|at| at < positional);
                if !by_name && !by_place && names.contains(&name.as_str()) {
                    parts.insert(join(name), default);
                }
            }
        }
        _ => {}
    }
}
