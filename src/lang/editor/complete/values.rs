//! Proposals for a value, by its type.

use super::{Propose, Sort};
use crate::check::schema::{self, Call, Default, Makes, Target, Ty, terms};
use crate::check::{types, units};
use crate::editor::walk::{Wanted, alternatives};
use crate::editor::{Scope, kind_named};
use crate::explain;
use crate::program::{Dim, EntityId, EntityKind, VALUE, Value};
use crate::syntax::ast::Entry;

impl Propose<'_, '_> {
    pub(super) fn value(&mut self, wanted: &Wanted) {
        if let Some(call) = wanted.call {
            for argument in call.args.iter().filter(|one| !self.at.written.contains(&one.name)) {
                let detail = types::wanted(&argument.ty);
                self.push(
                    Sort::Field,
                    argument.name,
                    &detail,
                    &explain::of_attribute(argument),
                    format!("{}: ", argument.name),
                );
            }
        }
        for ty in &wanted.types {
            self.of_type(ty, wanted);
        }
        self.of_persona(wanted);
        if wanted.absent {
            self.plain(Sort::Constant, "none", "absent", "");
        }
    }

    fn of_type(&mut self, ty: &Ty, wanted: &Wanted) {
        match ty {
            Ty::Bool => self.constants(&["true", "false"]),
            Ty::Text => {
                self.push(Sort::Constant, "\"…\"", "a text on one line", "", "\"$0\"".to_owned());
                self.push(Sort::Constant, "\"\"\"", "prose", "", "\"\"\"md\n  $0\n  \"\"\"".to_owned());
                self.push(Sort::Call, "text", "the text of a file", "", "text(\"${1:file.md}\")".to_owned());
                self.settings(&|value| matches!(value, Value::Text(_)), "");
            }
            Ty::TextOf(words) => {
                for word in *words {
                    self.push(Sort::Word, word, "", "", format!("\"{word}\""));
                }
            }
            Ty::Words(words) => {
                let default = wanted.attribute.map(|attribute| attribute.default);
                for word in words.iter().filter(|word| !self.is_said(word)).collect::<Vec<_>>() {
                    let detail = if default == Some(Default::Word(word)) { "unless said" } else { "" };
                    self.plain(Sort::Word, word, detail, "");
                }
            }
            Ty::Num(num) => {
                self.settings(&|value| matches!(value, Value::Number { dim, .. } if *dim == num.dim), "");
                if !matches!(num.dim, Dim::None | Dim::Fraction) {
                    // A plain number stands in arithmetic.
                    let times = format!(" * {}", units::write(1.0, num.dim));
                    self.settings(&|value| matches!(value, Value::Number { dim: Dim::None, .. }), &times);
                }
            }
            Ty::Range(dim) => {
                self.settings(&|value| matches!(value, Value::Range { dim: of, .. } if of == dim), "");
                let unit = units::usual(*dim).map_or(String::new(), |unit| format!(" {unit}"));
                self.push(Sort::Constant, "low..high", "a range", "", format!("${{1:1}}..${{2:5}}{unit}"));
            }
            Ty::List(_) | Ty::Set(_) => {
                self.push(Sort::Constant, "[…]", &types::wanted(ty), "", "[$0]".to_owned());
                let scope = self.scope;
                self.settings(&|value| fits(scope, value, ty), "");
            }
            Ty::Record(record) => {
                let detail = types::wanted(ty);
                self.push(Sort::Constant, "{…}", &detail, record.doc, "{ $0 }".to_owned());
                self.settings(&|value| matches!(value, Value::Record(_)), "");
            }
            Ty::Map(_) => self.push(Sort::Constant, "{…}", "a record", "", "{ $0 }".to_owned()),
            Ty::Call(calls) => {
                calls.iter().for_each(|call| self.call(call));
                self.settings(
                    &|value| matches!(value, Value::Call { name, .. } if calls.iter().any(|call| call.name == name)),
                    "",
                );
            }
            Ty::Ref(targets) => self.references(targets),
            Ty::Score => {
                self.references(&[Target::Verdict, Target::Reward, Target::Made(Makes::RewardModel)]);
                self.settings(&|value| matches!(value, Value::Number { dim: Dim::None, .. }), "");
                terms::SCORES.iter().for_each(|call| self.call(call));
            }
            Ty::Condition => self.condition(),
            Ty::Any => {
                let own = self.own();
                self.names(&|_, id| own != Some(id));
                schema::every_call().for_each(|call| self.call(call));
                self.constants(&["none", "true", "false"]);
            }
            // `alternatives` leaves none of these.
            Ty::Optional(_) | Ty::Either(_) => {}
        }
    }

    /// Values of the member's persona: `adapter = persona.adapter`.
    fn of_persona(&mut self, wanted: &Wanted) {
        let Some(variable) = self.bound().map(str::to_owned) else { return };
        for field in schema::items::PERSONA.fields {
            if is_of(&field.ty, wanted) {
                let label = format!("{variable}.{}", field.name);
                self.plain(Sort::Field, &label, "of the member's persona", field.doc);
            }
        }
    }

    /// The fields of a persona whose values are of a type.
    pub(super) fn fields_that_fit(&mut self, id: EntityId, wanted: &Wanted) {
        let fields = self.scope.kind_of(id).map_or(&[][..], |kind| kind.fields);
        for field in fields.iter().filter(|field| is_of(&field.ty, wanted)) {
            self.plain(Sort::Field, field.name, &types::wanted(&field.ty), &explain::of_attribute(field));
        }
    }

    fn condition(&mut self) {
        let own = kind_named(self.at.head.keyword, self.at.head.kind);
        if let Some(kind) = own {
            self.results(kind);
        }
        if self.at.head.keyword == "persona" {
            self.references(&[Target::Rubric]);
            self.criteria();
        }
        self.names(&|scope, id| match scope.names.decl(id).kind {
            EntityKind::Stage | EntityKind::Param => true,
            EntityKind::Let => {
                let value = scope.analysis.known().entity(id).fields.get(VALUE);
                value.is_none_or(|field| {
                    matches!(field.value, Value::Number { .. } | Value::Bool(_) | Value::Made(_) | Value::Result { .. })
                })
            }
            _ => false,
        });
        if own.is_some_and(|kind| kind.entity == EntityKind::Sweep) {
            self.path_heads();
        }
        for call in schema::calls::ASKS.iter().chain([&&terms::MIN, &&terms::MAX]) {
            self.call(call);
        }
        self.words(&["not"]);
    }

    /// Criteria of every rubric that the file knows.
    fn criteria(&mut self) {
        let ids: Vec<EntityId> = self.ids().into_iter().map(|(_, id)| id).collect();
        for id in ids {
            let decl = *self.scope.names.decl(id);
            if decl.kind != EntityKind::Rubric {
                continue;
            }
            for entry in decl.body.map_or(&[][..], |body| &body.entries) {
                if let Entry::Block(block) = entry
                    && let Some(name) = &block.name
                {
                    self.plain(Sort::Result, &name.value, &format!("a criterion of `{}`", decl.name.value), "");
                }
            }
        }
    }

    fn references(&mut self, targets: &[Target]) {
        let own = self.own();
        self.names(&|scope, id| {
            let decl = scope.names.decl(id);
            let is_wanted = targets.iter().any(|target| match target {
                Target::Persona => decl.kind == EntityKind::Persona,
                Target::Model => decl.kind == EntityKind::Model,
                Target::Dataset => decl.kind == EntityKind::Dataset,
                Target::Rubric => decl.kind == EntityKind::Rubric,
                Target::Verdict => decl.kind == EntityKind::Judge,
                Target::Reward => decl.kind == EntityKind::Reward,
                Target::Director => decl.kind == EntityKind::Director,
                Target::Secret => decl.kind == EntityKind::Secret,
                Target::Variant => decl.kind == EntityKind::Variant,
                Target::Sweep => decl.kind == EntityKind::Sweep,
                Target::Made(makes) => decl.schema.is_some_and(|kind| kind.makes == Some(*makes)),
                Target::Curve => decl.schema.is_some_and(|kind| kind.results.iter().any(|result| result.curve)),
            });
            own != Some(id) && (is_wanted || decl.kind == EntityKind::Let && stands_for(scope, id, targets))
        });
        let is_bound = self.bound().is_some() || self.at.head.keyword == "reward";
        if is_bound && targets.contains(&Target::Persona) {
            let name = self.bound().unwrap_or("persona").to_owned();
            self.plain(Sort::Name(EntityKind::Persona), &name, "the member's persona", "");
        }
    }

    /// Params and lets whose value is of a kind; `more` is written after each.
    fn settings(&mut self, fits: &dyn Fn(&Value) -> bool, more: &str) {
        let (own, before) = (self.own(), self.all.len());
        self.names(&|scope, id| {
            let decl = scope.names.decl(id);
            let value = || scope.analysis.known().entity(id).fields.get(VALUE);
            let is_setting = matches!(decl.kind, EntityKind::Param | EntityKind::Let) && own != Some(id);
            is_setting && value().is_none_or(|field| fits(&field.value))
        });
        for one in self.all[before..].iter_mut().filter(|one| matches!(one.sort, Sort::Name(_))) {
            one.insert += more;
        }
    }

    fn constants(&mut self, words: &[&str]) {
        for word in words {
            self.plain(Sort::Constant, word, "", "");
        }
    }

    fn call(&mut self, call: &'static Call) {
        let required: Vec<String> = call
            .args
            .iter()
            .filter(|arg| arg.default == Default::Required)
            .enumerate()
            .map(|(at, arg)| match arg.ty {
                Ty::Text | Ty::TextOf(_) => format!("\"${{{}:{}}}\"", at + 1, arg.name),
                _ => format!("${{{}:{}}}", at + 1, arg.name),
            })
            .collect();
        let inside = if required.is_empty() && !(call.args.is_empty() && call.rest.is_none()) {
            "$0".to_owned()
        } else {
            required.join(", ")
        };
        self.push(
            Sort::Call,
            call.name,
            call.role.phrase(),
            &explain::of_call(call),
            format!("{}({inside})", call.name),
        );
    }

    pub(super) fn units(&mut self, dims: &[Dim]) {
        let text = self.scope.analysis.text();
        let tight = text[..self.at.word.0].ends_with(|one: char| one.is_ascii_digit());
        for unit in units::UNITS.iter().filter(|unit| dims.contains(&unit.dim)) {
            let gap = if tight && unit.name != "%" { " " } else { "" };
            self.push(Sort::Unit, unit.name, units::phrase(unit.dim), "", format!("{gap}{}", unit.name));
        }
    }
}

/// Whether a let stands for one of these.
fn stands_for(scope: &Scope<'_>, id: EntityId, targets: &[Target]) -> bool {
    let field = scope.analysis.known().entity(id).fields.get(VALUE);
    field.is_some_and(|field| is_one_of(scope, &field.value, targets))
}

fn is_one_of(scope: &Scope<'_>, value: &Value, targets: &[Target]) -> bool {
    let kind = match value {
        Value::Entity(of) => scope.names.decl(*of).kind,
        Value::Split { .. } => EntityKind::Dataset,
        Value::Verdict { .. } => EntityKind::Judge,
        Value::Made(_) | Value::Result { .. } => EntityKind::Stage,
        _ => return false,
    };
    targets.iter().any(|target| match target {
        Target::Persona => kind == EntityKind::Persona,
        Target::Model => kind == EntityKind::Model,
        Target::Dataset => kind == EntityKind::Dataset,
        Target::Rubric => kind == EntityKind::Rubric,
        Target::Verdict => kind == EntityKind::Judge,
        Target::Made(_) | Target::Curve => kind == EntityKind::Stage,
        _ => false,
    })
}

/// Whether a value may be of a type: a list by what it begins with.
fn fits(scope: &Scope<'_>, value: &Value, ty: &Ty) -> bool {
    match (ty, value) {
        (Ty::Optional(inner), _) => fits(scope, value, inner),
        (Ty::Either(all), _) => all.iter().any(|one| fits(scope, value, one)),
        (Ty::List(inner) | Ty::Set(inner), Value::List(items)) => {
            items.first().is_none_or(|first| fits(scope, first, inner))
        }
        (Ty::Ref(targets), _) => is_one_of(scope, value, targets),
        (Ty::Any, _) | (Ty::Text | Ty::TextOf(_), Value::Text(_)) | (Ty::Words(_), Value::Word(_)) => true,
        (Ty::Num(num), Value::Number { dim, .. }) => *dim == num.dim,
        (Ty::Record(_) | Ty::Map(_), Value::Record(_)) | (Ty::Range(_), Value::Range { .. }) => true,
        (Ty::Call(calls), Value::Call { name, .. }) => calls.iter().any(|call| call.name == name),
        _ => false,
    }
}

/// Whether a field's value may stand where something is wanted.
fn is_of(ty: &Ty, wanted: &Wanted) -> bool {
    alternatives(ty).iter().any(|one| wanted.types.iter().any(|other| overlap(one, other)))
}

/// Whether a value of one type may be of another.
fn overlap(one: &Ty, other: &Ty) -> bool {
    match (one, other) {
        (Ty::Call(some), Ty::Call(others)) => {
            some.iter().any(|call| others.iter().any(|other| other.name == call.name))
        }
        _ => one == other,
    }
}
