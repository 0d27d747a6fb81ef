//! Blocks inside an item: examples, tests, criteria, executors. Part of pass 4.

use std::collections::BTreeMap;

use super::Checker;
use super::diagnostics as say;
use super::fields::{ChildVal, FieldVal, FieldVals, GateVal};
use super::schema::{ChildBlock, Default, FRACTION, Kind, Ty, items};
use super::val::Val;
use super::values::{Cx, default_of};
use crate::program::{EntityId, EntityKind, Layer, Origin};
use crate::source::{FileId, Span};
use crate::syntax::ast::{AssignOp, Block, Body, Entry, Segment};

impl<'t> Checker<'t> {
    /// Of a rubric, its base's criteria too; examples and tests are not inherited.
    pub fn children(&mut self, id: EntityId, schema: &'static Kind, body: &'t Body) -> Vec<ChildVal> {
        let decl = *self.names.decl(id);
        let mut children: Vec<ChildVal> = Vec::new();
        // Criteria are the rubric itself; examples and tests are not inherited.
        if decl.kind == EntityKind::Rubric
            && let Some(base) = self.bases[id.0 as usize]
            && let Some(done) = &self.done[base.0 as usize]
        {
            children = done.children.clone();
        }
        for entry in &body.entries {
            let Entry::Block(block) = entry else { continue };
            let Some(child) = schema.child(&block.keyword.value) else { continue };
            let val = self.child(child, block, decl.file);
            match children.iter_mut().find(|one| one.name.is_some() && one.name == val.name && child.weighted) {
                Some(inherited) if inherited.span.file != val.span.file || !inside(inherited.span, decl.item.span) => {
                    *inherited = val;
                }
                Some(first) => {
                    let name = block.name.as_ref().expect("both have the same name");
                    self.found.add(say::name_twice(name, first.header));
                    // One of the two is meant to be another: what the weights add up to then nobody knows.
                    children.push(ChildVal { weight: val.weight.map(|_| Val::Unknown), ..val });
                }
                None => children.push(val),
            }
        }
        children
    }

    fn child(&mut self, schema: &'static ChildBlock, block: &'t Block, file: FileId) -> ChildVal {
        let cx = Cx::of(file);
        let mut fields = FieldVals::new();
        let mut faulty = block.body.is_faulty();
        let mut gates = Vec::new();
        if schema.named && block.name.is_none() && !block.body.is_under_faulty_header(block.header) {
            self.found.add(say::block_without_name(block.header, schema.keyword));
        }
        if !schema.named
            && let Some(name) = &block.name
        {
            self.found.add(say::name_not_here(name.span, schema.keyword));
        }
        if !schema.named
            && schema.keyword != "test"
            && let Some(title) = &block.title
        {
            self.found.add(say::name_not_here(title.span, schema.keyword));
        }
        if schema.keyword == "executor"
            && let Some(name) = &block.name
            && !items::EXECUTORS.contains(&name.value.as_str())
        {
            self.found.add(say::unknown_word(name.span, &name.value, items::EXECUTORS));
        }
        if let Some(title) = &block.title {
            self.check_slots(&title.value, title.span);
        }
        let weight = match (&block.weight, schema.weighted) {
            (Some(weight), true) => Some(self.value(weight, &FRACTION, &cx)),
            (Some(weight), false) => {
                self.found.add(say::weight_not_here(weight.span, schema.keyword));
                None
            }
            (None, _) => None,
        };
        for entry in &block.body.entries {
            match entry {
                Entry::Assign(assign) => {
                    let Some(Segment::Name(name)) = assign.path.first() else { continue };
                    let Some(attribute) = schema.fields.iter().find(|field| field.name == name.value) else {
                        self.found.add(say::unknown_field_of_block(name, schema));
                        faulty = true;
                        continue;
                    };
                    if assign.op != AssignOp::Set || assign.path.len() > 1 {
                        self.found.add(say::not_a_list(assign.span, assign.op, Some(&name.value)));
                        faulty = true;
                        continue;
                    }
                    if let Some(first) = fields.get(attribute.name) {
                        let first: &FieldVal = first;
                        let at = first.origin.span.unwrap_or(block.header);
                        self.found.add(say::field_twice(name.span, &name.value, at));
                        continue;
                    }
                    let val = self.attribute(&assign.value, attribute, &cx);
                    let origin = Origin { layer: Layer::File, span: Some(assign.span) };
                    fields.insert(attribute.name, FieldVal { val, origin, parts: BTreeMap::new() });
                }
                Entry::Gate { span, condition, otherwise } if schema.gates => {
                    let cx = Cx { in_test: true, ..cx };
                    let val = self.value(condition, &Ty::Condition, &cx);
                    gates.push(GateVal {
                        condition: val,
                        otherwise: otherwise.value.clone(),
                        span: *span,
                        condition_span: condition.span,
                    });
                }
                Entry::Gate { span, .. } => self.found.add(say::gate_not_in_block(*span, schema.keyword)),
                Entry::Skip { span, .. } => self.found.add(say::skip_not_here(*span)),
                Entry::Block(inner) => {
                    self.found.add(say::block_in_block(&inner.keyword, schema.keyword));
                    faulty = true;
                }
                Entry::Faulty { .. } => {}
            }
        }
        faulty |= self.found.tells_of(block.body.span);
        for attribute in schema.fields {
            if fields.contains_key(attribute.name) {
                continue;
            }
            if attribute.default == Default::Required && !faulty {
                self.found.add(say::missing_in_block(block.header, attribute, schema));
            }
            let val = default_of(attribute).unwrap_or(Val::Unknown);
            let origin = Origin { layer: Layer::Default, span: None };
            fields.insert(attribute.name, FieldVal { val, origin, parts: BTreeMap::new() });
        }
        ChildVal {
            keyword: schema.keyword.to_owned(),
            name: block.name.as_ref().map(|name| name.value.clone()),
            title: block.title.as_ref().map(|title| title.value.clone()),
            weight,
            fields,
            gates,
            span: block.span,
            header: block.header,
        }
    }
}

fn inside(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && outer.start <= inner.start && inner.end <= outer.end
}
