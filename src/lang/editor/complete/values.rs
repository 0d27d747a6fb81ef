//! Proposals for a value, by its type.

use super::{Propose, Sort};
use crate::check::schema::{self, Call, Default, Makes, Target, Ty, terms};
use crate::check::{types, units};
use crate::editor::walk::Wanted;
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
                self.settings(&|value| matches!(value, Value::Text(_)));
            }
            Ty::TextOf(words) => {
                for word in *words {
                    self.push(Sort::Word, word, "", "", format!("\"{word}\""));
                }
            }
            Ty::Words(words) => {
                let default = wanted.attribute.map(|attribute| attribute.default);
                for word in *words {
                    let detail = if default == Some(Default::Word(word)) { "unless said" } else { "" };
                    self.plain(Sort::Word, word, detail, "");
                }
            }
            Ty::Num(num) => {
                // A plain number stands in arithmetic: `passes * 1 epoch`.
                self.settings(
                    &|value| matches!(value, Value::Number { dim, .. } if *dim == num.dim || *dim == Dim::None),
                );
            }
            Ty::Range(dim) => {
                self.settings(&|value| matches!(value, Value::Range { dim: of, .. } if of == dim));
                let unit = units::usual(*dim).map_or(String::new(), |unit| format!(" {unit}"));
                self.push(Sort::Constant, "low..high", "a range", "", format!("${{1:1}}..${{2:5}}{unit}"));
            }
            Ty::List(_) | Ty::Set(_) => {
                self.push(Sort::Constant, "[…]", &types::wanted(ty), "", "[$0]".to_owned());
                self.settings(&|value| matches!(value, Value::List(_)));
            }
            Ty::Record(record) => {
                let detail = types::wanted(ty);
                self.push(Sort::Constant, "{…}", &detail, record.doc, "{ $0 }".to_owned());
                self.settings(&|value| matches!(value, Value::Record(_)));
            }
            Ty::Map(_) => self.push(Sort::Constant, "{…}", "a record", "", "{ $0 }".to_owned()),
            Ty::Call(calls) => {
                calls.iter().for_each(|call| self.call(call));
                self.settings(
                    &|value| matches!(value, Value::Call { name, .. } if calls.iter().any(|call| call.name == name)),
                );
            }
            Ty::Ref(targets) => self.references(targets),
            Ty::Score => {
                self.references(&[Target::Verdict, Target::Reward, Target::Made(Makes::RewardModel)]);
                self.settings(&|value| matches!(value, Value::Number { dim: Dim::None, .. }));
                terms::SCORES.iter().for_each(|call| self.call(call));
            }
            Ty::Condition => self.condition(),
            Ty::Any => {
                self.names(&|_, _| true);
                schema::every_call().for_each(|call| self.call(call));
                self.constants(&["none", "true", "false"]);
            }
            // `alternatives` leaves none of these.
            Ty::Optional(_) | Ty::Either(_) => {}
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
        self.names(&|scope, id| {
            matches!(scope.names.decl(id).kind, EntityKind::Stage | EntityKind::Param | EntityKind::Let)
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
        self.names(&|scope, id| {
            let decl = scope.names.decl(id);
            targets.iter().any(|target| match target {
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
            }) || decl.kind == EntityKind::Let && stands_for(scope, id, targets)
        });
        let is_bound = self.at.head.variable.is_some() || self.at.head.keyword == "reward";
        if is_bound && targets.contains(&Target::Persona) {
            let name = self.at.head.variable.unwrap_or("persona").to_owned();
            self.plain(Sort::Name(EntityKind::Persona), &name, "the member's persona", "");
        }
        if is_bound && self.at.head.variable.is_some() && !targets.contains(&Target::Persona) {
            // `persona.adapter` begins with it.
            let name = self.at.head.variable.unwrap_or("persona").to_owned();
            self.plain(Sort::Name(EntityKind::Persona), &name, "the member's persona", "");
        }
    }

    /// Params and lets whose value is of a kind.
    fn settings(&mut self, fits: &dyn Fn(&Value) -> bool) {
        self.names(&|scope, id| {
            let decl = scope.names.decl(id);
            let value = || scope.analysis.known().entity(id).fields.get(VALUE);
            matches!(decl.kind, EntityKind::Param | EntityKind::Let) && value().is_none_or(|field| fits(&field.value))
        });
        // Values of the member's persona: `adapter = persona.adapter`.
        if let Some(variable) = self.at.head.variable {
            let variable = variable.to_owned();
            self.plain(Sort::Name(EntityKind::Persona), &variable, "the member's persona", "");
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

/// Whether a let stands for one of these, or for a list that begins with one.
fn stands_for(scope: &Scope<'_>, id: EntityId, targets: &[Target]) -> bool {
    let kind_of = |value: &Value| match value {
        Value::Entity(of) => Some(scope.names.decl(*of).kind),
        Value::Split { .. } => Some(EntityKind::Dataset),
        Value::Verdict { .. } => Some(EntityKind::Judge),
        Value::Made(_) | Value::Result { .. } => Some(EntityKind::Stage),
        _ => None,
    };
    let Some(field) = scope.analysis.known().entity(id).fields.get(VALUE) else { return false };
    let kind = match &field.value {
        Value::List(items) => items.first().and_then(kind_of),
        other => kind_of(other),
    };
    kind.is_some_and(|kind| {
        targets.iter().any(|target| match target {
            Target::Persona => kind == EntityKind::Persona,
            Target::Model => kind == EntityKind::Model,
            Target::Dataset => kind == EntityKind::Dataset,
            Target::Rubric => kind == EntityKind::Rubric,
            Target::Verdict => kind == EntityKind::Judge,
            Target::Made(_) | Target::Curve => kind == EntityKind::Stage,
            _ => false,
        })
    })
}
