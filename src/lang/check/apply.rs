//! One write put over a field: a new value, an edit of a list, a part of a record or call. Part of pass 4.

use std::collections::BTreeMap;

use super::Checker;
use super::diagnostics as say;
use super::fields::{FieldVal, written_of};
use super::layers::{Write, segment_span};
use super::origins::origins_of_parts;
use super::schema::{Attribute, Call, Ty};
use super::types;
use super::val::Val;
use super::values::{Cx, default_of};
use crate::program::{Layer, Origin};
use crate::syntax::ast::{AssignOp, Segment};

impl<'t> Checker<'t> {
    /// Puts one write over a field.
    pub fn apply(&mut self, field: &mut FieldVal, attribute: &Attribute, write: &Write<'t>, cx: &Cx<'_>) {
        let cx = Cx { file: write.scope, ..*cx };
        let span = (write.layer != Layer::Set).then_some(write.span);
        let origin = Origin { layer: write.layer, span };
        match (write.op, write.sub.is_empty()) {
            (AssignOp::Set, true) => {
                field.val = self.attribute(write.value, attribute, &cx);
                field.origin = origin;
                field.parts = BTreeMap::new();
                origins_of_parts(write.value, &field.val, "", origin, &mut field.parts);
            }
            (AssignOp::Set, false) => {
                let mut path = String::new();
                self.set_part(&mut field.val, &attribute.ty, write.sub, write, &cx, &mut path);
                field.parts.retain(|part, _| part != &path && !part.starts_with(&format!("{path}.")));
                field.parts.insert(path, origin);
            }
            (op, _) => {
                let edit = self.edit_list(&mut field.val, attribute, op, write, &cx);
                if edit {
                    field.origin = origin;
                }
            }
        }
    }

    fn edit_list(
        &mut self,
        val: &mut Val,
        attribute: &Attribute,
        op: AssignOp,
        write: &Write<'t>,
        cx: &Cx<'_>,
    ) -> bool {
        let ty = &attribute.ty;
        if !write.sub.is_empty() {
            self.found.add(say::not_a_list(segment_span(&write.sub[0]), op, None));
            return false;
        }
        let given = match ty {
            Ty::Any => self.infer(write.value, cx),
            Ty::List(_) | Ty::Set(_) => self.value(write.value, ty, cx),
            _ => {
                self.found.add(say::not_a_list(write.span, op, Some(attribute.name)));
                *val = Val::Unknown;
                return false;
            }
        };
        match (&mut *val, given) {
            (Val::Unknown, _) | (_, Val::Unknown) => *val = Val::Unknown,
            (Val::List(items), Val::List(more)) if op == AssignOp::Add => {
                for item in more {
                    if !matches!(ty, Ty::Set(_)) || !items.contains(&item) {
                        items.push(item);
                    }
                }
                // Each is of the list's type already; a set has an order as well.
                if matches!(ty, Ty::Set(_)) {
                    let items = std::mem::take(items);
                    *val = self.conform(Val::List(items), ty, write.value.span);
                }
            }
            (Val::List(items), Val::List(less)) => {
                for item in less {
                    match items.iter().position(|one| *one == item) {
                        Some(at) => {
                            items.remove(at);
                        }
                        None => self.found.add(say::not_in_list(write.value.span, &written_of(&item))),
                    }
                }
            }
            _ => {
                self.found.add(say::not_a_list(write.span, op, Some(attribute.name)));
                *val = Val::Unknown;
                return false;
            }
        }
        true
    }

    fn set_part(&mut self, val: &mut Val, ty: &Ty, sub: &[Segment], write: &Write<'t>, cx: &Cx<'_>, path: &mut String) {
        let Some(Segment::Name(name)) = sub.first() else {
            if let Some(Segment::Star(span)) = sub.first() {
                self.found.add(say::no_part_to_set(*span, "*", &types::wanted(ty), &[]));
            }
            return;
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&name.value);
        if val.is_unknown() {
            return self.set_part_of_unknown(ty, sub, write, cx);
        }
        // A part of a call that nobody has written: the rest of it is at its defaults.
        if *val == Val::Absent
            && let Some(call) = only_call(ty)
        {
            *val = Val::Call {
                name: call.name.to_owned(),
                args: call.args.iter().filter_map(|arg| Some((arg.name.to_owned(), default_of(arg)?))).collect(),
            };
        }
        let ty = settled(ty, val);
        let attributes: &[Attribute] = match (&ty, &*val) {
            (Ty::Record(record), _) => record.fields,
            (Ty::Call(calls), Val::Call { name, .. }) => {
                calls.iter().find(|call| call.name == name).map_or(&[], |call| call.args)
            }
            _ => &[],
        };
        if let (Ty::Map(inner), Val::Record(fields)) = (&ty, &mut *val) {
            let part = self.value(write.value, inner, cx);
            fields.insert(name.value.clone(), part);
            return;
        }
        let Some(attribute) = attributes.iter().find(|attribute| attribute.name == name.value) else {
            let known: Vec<&str> = attributes.iter().map(|attribute| attribute.name).collect();
            let is = match &ty {
                Ty::Record(record) => format!("`{}`", record.name),
                _ => types::describe(val, &self.names),
            };
            self.found.add(say::no_part_to_set(name.span, &name.value, &is, &known));
            return;
        };
        // A part of what is absent: the rest comes from the defaults.
        if *val == Val::Absent {
            *val = Val::Record(
                attributes.iter().map(|one| (one.name.to_owned(), default_of(one).unwrap_or(Val::Unknown))).collect(),
            );
        }
        let (Val::Record(fields) | Val::Call { args: fields, .. }) = val else { return };
        if sub.len() == 1 {
            let part = self.attribute(write.value, attribute, cx);
            fields.insert(name.value.clone(), part);
        } else if let Some(inner) = fields.get_mut(&name.value) {
            let mut part = std::mem::replace(inner, Val::Unknown);
            self.set_part(&mut part, &attribute.ty, &sub[1..], write, cx, path);
            fields.insert(name.value.clone(), part);
        }
    }
}

impl<'t> Checker<'t> {
    /// What is set there is told of all the same, as far as the type says what may be.
    fn set_part_of_unknown(&mut self, ty: &Ty, sub: &[Segment], write: &Write<'t>, cx: &Cx<'_>) {
        let (Ty::Record(record), Some(Segment::Name(name))) = (settled(ty, &Val::Unknown), sub.first()) else {
            return self.value_of_unknown(write.value, cx);
        };
        match (record.field(&name.value), sub.len()) {
            (Some(attribute), 1) => {
                self.attribute(write.value, attribute, cx);
            }
            (Some(attribute), _) => self.set_part_of_unknown(&attribute.ty, &sub[1..], write, cx),
            (None, _) => {
                let known: Vec<&str> = record.fields.iter().map(|field| field.name).collect();
                self.found.add(say::no_part_to_set(name.span, &name.value, &format!("`{}`", record.name), &known));
            }
        }
    }
}

/// The call that a type takes, when it takes one only.
fn only_call(ty: &Ty) -> Option<&'static Call> {
    match ty {
        Ty::Call([one]) => Some(one),
        Ty::Optional(inner) => only_call(inner),
        Ty::Either(alternatives) => alternatives.iter().find_map(only_call),
        _ => None,
    }
}

/// The alternative of a type that a value is of.
fn settled(ty: &Ty, val: &Val) -> Ty {
    match ty {
        Ty::Optional(inner) => settled(inner, val),
        Ty::Either(alternatives) => alternatives
            .iter()
            .map(|one| settled(one, val))
            .find(|one| match (one, val) {
                (Ty::Call(calls), Val::Call { name, .. }) => calls.iter().any(|call| call.name == name),
                (Ty::Record(_), Val::Record(_)) => true,
                _ => false,
            })
            .unwrap_or(*ty),
        _ => *ty,
    }
}
