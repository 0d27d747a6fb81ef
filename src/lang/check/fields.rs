//! Pass 4: each declaration against its schema: what is missing, unknown or twice; layers put together; origins kept.
//!
//! May use: everything before it. Stages have their own file, `stages.rs`.

use std::collections::BTreeMap;

use super::Checker;
use super::diagnostics as say;
use super::layers::{VALUE, Write};
use super::schema::{Attribute, Default, Kind, Ty};
use super::types;
use super::units;
use super::val::Val;
use super::values::{Bound, Cx, default_of};
use crate::program::{EntityId, EntityKind, Layer, Origin};
use crate::source::Span;
use crate::syntax::ast::{AssignOp, Body, Entry, Expr, ItemKind, Segment};
use crate::syntax::nearest;

/// A field in doubt, and where it comes from.
#[derive(Debug, Clone)]
pub struct FieldVal {
    pub val: Val,
    pub origin: Origin,
    pub parts: BTreeMap<String, Origin>,
}

pub type FieldVals = BTreeMap<&'static str, FieldVal>;

/// A gate in doubt.
#[derive(Debug, Clone)]
pub struct GateVal {
    pub condition: Val,
    pub otherwise: String,
    pub span: Span,
    pub condition_span: Span,
}

/// A child block in doubt.
#[derive(Debug, Clone)]
pub struct ChildVal {
    pub keyword: String,
    pub name: Option<String>,
    pub title: Option<String>,
    pub weight: Option<Val>,
    pub fields: FieldVals,
    pub gates: Vec<GateVal>,
    pub span: Span,
    /// The block's first word to its last before the braces.
    pub header: Span,
}

/// A stage bound to a persona, in doubt.
#[derive(Debug, Clone)]
pub struct InstanceVal {
    pub persona: Option<EntityId>,
    pub fields: FieldVals,
    pub gates: Vec<GateVal>,
}

/// An item that has been evaluated.
#[derive(Debug, Clone, std::default::Default)]
pub struct Done {
    pub fields: FieldVals,
    pub children: Vec<ChildVal>,
    pub instances: Vec<InstanceVal>,
    pub is_family: bool,
    /// The list after `in` could not be made out.
    pub crew_unknown: bool,
    /// Laws about the whole item are not asked.
    pub faulty: bool,
}

impl<'t> Checker<'t> {
    /// Evaluates one item. Everything that it needs is done already, but for circles.
    pub fn item(&mut self, id: EntityId) {
        let decl = *self.names.decl(id);
        let done = match decl.kind {
            EntityKind::Param => self.param(id),
            EntityKind::Let => self.binding(id),
            EntityKind::Secret => Done::default(),
            EntityKind::Stage => self.stage(id),
            EntityKind::Variant | EntityKind::Sweep => Done::default(),
            _ => self.block(id),
        };
        self.done[id.0 as usize] = Some(std::rc::Rc::new(done));
    }

    fn block(&mut self, id: EntityId) -> Done {
        let decl = *self.names.decl(id);
        let (Some(schema), Some(body)) = (decl.schema, decl.body) else { return Done::default() };
        let faulty = body.is_faulty() | self.check_names(id, schema, body) | self.base_is_faulty(id);
        // What a reward says of `persona` is only known in the stage that uses it.
        let bound = (decl.kind == EntityKind::Reward).then_some(Bound { variable: "persona", persona: None });
        let cx = Cx { bound, ..Cx::of(decl.file) };
        let mut fields = self.fields(id, schema, &cx, None);
        let children = self.children(id, schema, body);
        let faulty = faulty || self.found.tells_of(body.span);
        self.missing(id, schema, faulty, &mut fields);
        if let ItemKind::Block { title: Some(title), .. } = &decl.item.kind {
            self.check_slots(&title.value, title.span);
        }
        Done { fields, children, faulty, ..Done::default() }
    }

    fn param(&mut self, id: EntityId) -> Done {
        let decl = *self.names.decl(id);
        let ItemKind::Param { kind, within, .. } = &decl.item.kind else { return Done::default() };
        let cx = Cx::of(decl.file);
        let ty = match kind.value.as_str() {
            "int" => Ty::Num(super::schema::Num {
                dim: crate::program::Dim::None,
                whole: true,
                low: f64::NEG_INFINITY,
                high: f64::INFINITY,
            }),
            "float" => super::schema::REAL,
            "text" => Ty::Text,
            "bool" => Ty::Bool,
            word => match units::dim_of_param(word) {
                Some(dim) => super::schema::Num::real(dim, f64::NEG_INFINITY, f64::INFINITY),
                None => {
                    self.found.add(say::unknown_param_type(kind));
                    Ty::Any
                }
            },
        };
        let mut fields = self.single_value(id, &ty, &cx);
        if let Some(within) = within {
            let allowed = self.infer(within, &cx);
            if let Some(field) = fields.get_mut(VALUE) {
                let outside = match (&field.val, &allowed) {
                    (Val::Number { value, dim }, Val::Range { low, high, dim: other }) => {
                        if *other == crate::program::Dim::None && other != dim {
                            self.found.add(say::unit_missing(within.span, *dim, &allowed));
                        } else if other != dim {
                            self.found.add(say::unit_wrong(within.span, *other, *dim));
                        }
                        other == dim && (value < low || value > high)
                    }
                    (Val::Unknown, _) | (_, Val::Unknown) => false,
                    (val, Val::List(items)) => !items.contains(val),
                    (val, Val::Range { .. }) => {
                        let is = types::describe(val, &self.names);
                        self.found.add(say::no_range_of(within.span, &is));
                        false
                    }
                    _ => {
                        let is = types::describe(&allowed, &self.names);
                        self.found.add(say::wrong_type(within.span, "a range or a list", &is, &allowed, &Ty::Any));
                        false
                    }
                };
                if outside {
                    let at = self.last_written(id, VALUE).unwrap_or(decl.name.span);
                    let (value, allowed) = (written_of(&field.val), written_of(&allowed));
                    self.found.add(say::param_outside(at, &decl.name.value, &value, &allowed, within.span));
                    field.val = Val::Unknown;
                }
            }
        }
        Done { fields, ..Done::default() }
    }

    /// The expression that has the last word on a field.
    pub fn last_expr(&self, id: EntityId, field: &str) -> Option<&'t Expr> {
        self.writes[id.0 as usize].get(field).and_then(|writes| writes.last()).map(|write| write.value)
    }

    /// Where it stands.
    pub fn last_written(&self, id: EntityId, field: &str) -> Option<Span> {
        self.last_expr(id, field).map(|expr| expr.span)
    }

    fn binding(&mut self, id: EntityId) -> Done {
        let cx = Cx::of(self.names.decl(id).file);
        let fields = self.single_value(id, &Ty::Any, &cx);
        Done { fields, ..Done::default() }
    }

    fn single_value(&mut self, id: EntityId, ty: &Ty, cx: &Cx<'_>) -> FieldVals {
        static ANY: Attribute =
            Attribute::required(VALUE, Ty::Any, super::schema::Class::Training, "What the name stands for.");
        let attribute = Attribute { ty: *ty, ..ANY };
        let is_faulty = self.faulty_fields(id).contains(&VALUE);
        let field = self.field(id, &attribute, cx, None, is_faulty);
        BTreeMap::from([(VALUE, field)])
    }

    /// What it extends is not there, could not be made out, or leads back to it.
    pub fn base_is_faulty(&self, id: EntityId) -> bool {
        let extends = self.names.decl(id).extends.is_some();
        extends
            && match self.bases[id.0 as usize] {
                None => true,
                Some(base) => self.done[base.0 as usize].as_ref().is_none_or(|done| done.faulty),
            }
    }

    /// It, or what it extends, should extend something that is not there: what it would inherit nobody knows.
    fn base_is_lost(&self, id: EntityId) -> bool {
        let mut at = id;
        // As many steps as there are items: a circle ends here too.
        for _ in 0..=self.bases.len() {
            let decl = self.names.decl(at);
            if decl.header_is_faulty() {
                return true;
            }
            match (decl.extends, self.bases[at.0 as usize]) {
                (None, _) => return false,
                (Some(_), None) => return true,
                (Some(_), Some(base)) => at = base,
            }
        }
        true
    }

    /// Unknown fields, blocks and gates that do not belong. True when an entry is not what it was meant to be.
    pub fn check_names(&mut self, id: EntityId, schema: &'static Kind, body: &'t Body) -> bool {
        let decl = *self.names.decl(id);
        let is_list_of_paths = matches!(decl.kind, EntityKind::Variant | EntityKind::Sweep);
        let mut faulty = false;
        for entry in &body.entries {
            match entry {
                Entry::Assign(assign) if !is_list_of_paths => match assign.path.first() {
                    Some(Segment::Name(name)) if schema.field(&name.value).is_none() => {
                        self.found.add(say::unknown_field(name, schema, decl.kind));
                        faulty = true;
                    }
                    Some(Segment::Star(span)) => {
                        self.found.add(say::path_begins_with_star(*span));
                        faulty = true;
                    }
                    _ => {}
                },
                Entry::Gate { span, .. } if !schema.gates => {
                    self.found.add(say::gate_not_here(*span, schema));
                }
                Entry::Skip { span, .. } if decl.kind != EntityKind::Sweep => {
                    self.found.add(say::skip_not_here(*span));
                }
                Entry::Block(block) => {
                    let known = schema.child(&block.keyword.value).is_some()
                        || (decl.kind == EntityKind::Sweep && matches!(block.keyword.value.as_str(), "grid" | "zip"));
                    // Of a block that is only guessed to be one nobody knows where it belongs.
                    if !known && block.body.is_under_faulty_header(block.header) {
                        faulty = true;
                    } else if !known {
                        self.found.add(say::block_not_here(&block.keyword, schema));
                        faulty = true;
                    }
                }
                _ => {}
            }
        }
        faulty
    }

    /// Every field of the schema, its layers put together. Required ones that nobody writes are not in it.
    pub fn fields(&mut self, id: EntityId, schema: &'static Kind, cx: &Cx<'_>, member: Option<EntityId>) -> FieldVals {
        let mut fields = FieldVals::new();
        let faulty = self.faulty_fields(id);
        for attribute in schema.fields {
            let written = self.writes[id.0 as usize].contains_key(attribute.name);
            if written || attribute.default != Default::Required {
                let is_faulty = faulty.contains(&attribute.name);
                fields.insert(attribute.name, self.field(id, attribute, cx, member, is_faulty));
            }
        }
        fields
    }

    /// The fields that entries were meant for which could not be read, or whose names are misspelt.
    fn faulty_fields(&self, id: EntityId) -> Vec<&'t str> {
        let decl = self.names.decl(id);
        let fields = decl.schema.map_or(&[][..], |schema| schema.fields);
        let known = |name: &str| decl.schema.is_some_and(|schema| schema.field(name).is_some());
        let near = |name: &str| nearest(name, fields.iter().map(|field| field.name));
        let mut meant = Vec::new();
        for entry in decl.body.map_or(&[][..], |body| &body.entries) {
            let name = match entry {
                Entry::Faulty { declares: Some(name), .. } => {
                    meant.push(name.value.as_str());
                    name
                }
                Entry::Assign(assign) => match assign.path.first() {
                    Some(Segment::Name(name)) => name,
                    _ => continue,
                },
                _ => continue,
            };
            if !known(&name.value) {
                meant.extend(near(&name.value));
            }
        }
        meant
    }

    /// Tells what is missing, and makes it unknown; a faulty item is not asked.
    pub fn missing(&mut self, id: EntityId, schema: &'static Kind, faulty: bool, fields: &mut FieldVals) {
        let mut missing = Vec::new();
        for attribute in schema.fields {
            if attribute.default == Default::Required && !fields.contains_key(attribute.name) {
                missing.push(attribute.name);
                let origin = Origin { layer: Layer::Default, span: None };
                fields.insert(attribute.name, FieldVal { val: Val::Unknown, origin, parts: BTreeMap::new() });
            }
        }
        if !faulty {
            let decl = *self.names.decl(id);
            // What its base lacks too is told there.
            let of_base = self.bases[id.0 as usize].map(|base| &self.writes[base.0 as usize]);
            missing.retain(|name| of_base.is_none_or(|writes| writes.contains_key(name)));
            for name in missing {
                let attribute = schema.field(name).expect("it was just read from this schema");
                self.found.add(say::missing_field(decl.item.header, attribute, schema, &decl.name.value));
            }
        }
    }

    /// `faulty`: an entry that was meant for it could not be read.
    fn field(
        &mut self,
        id: EntityId,
        attribute: &Attribute,
        cx: &Cx<'_>,
        member: Option<EntityId>,
        mut faulty: bool,
    ) -> FieldVal {
        let writes = self.writes[id.0 as usize].get(attribute.name).map_or(0, Vec::len);
        let write = |checker: &Self, at: usize| checker.writes[id.0 as usize][attribute.name][at];
        let is_of_another = |write: &Write<'_>| write.member.is_some() && write.member != member;
        let mut at = 0;
        while at < writes && is_of_another(&write(self, at)) {
            at += 1;
        }
        let is_lost = self.base_is_lost(id);
        // What is written whole needs no default below it.
        let is_whole = at < writes && write(self, at).op == AssignOp::Set && write(self, at).sub.is_empty();
        let start = if is_lost || is_whole { None } else { default_of(attribute) };
        let origin = Origin { layer: Layer::Default, span: None };
        let mut field = FieldVal { val: start.unwrap_or(Val::Unknown), origin, parts: BTreeMap::new() };
        for at in at..writes {
            let write = write(self, at);
            if is_of_another(&write) {
                continue;
            }
            // Over what a base says, under what a point says.
            if faulty && write.layer > Layer::Base {
                faulty = false;
                field.val = Val::Unknown;
            }
            self.apply(&mut field, attribute, &write, cx);
        }
        if faulty {
            field.val = Val::Unknown;
        }
        field
    }
}

/// A value as a reader would write it, for a message.
pub fn written_of(val: &Val) -> String {
    match val {
        Val::Text(text) => format!("\"{text}\""),
        Val::Word(word) => word.clone(),
        Val::Number { value, dim } => units::write(*value, *dim),
        Val::Bool(value) => value.to_string(),
        Val::Absent => "none".to_owned(),
        Val::Range { low, high, dim } => format!("{low}..{}", units::write(*high, *dim)),
        Val::List(items) => format!("[{}]", items.iter().map(written_of).collect::<Vec<_>>().join(", ")),
        _ => "this".to_owned(),
    }
}
