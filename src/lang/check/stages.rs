//! Stages: a family's members, what a stage fills in from its policy, rewards expanded where they are used, gates.
//!
//! Part of pass 4. A reward is evaluated anew in each stage that names it, so that `persona` and families in it mean that
//! stage's: the field `reward` of a stage is the record `{ score, clip }`. So is a reward among the metrics of an `evaluate`.

use std::collections::BTreeMap;

use super::Checker;
use super::diagnostics as say;
use super::fields::{Done, FieldVal, FieldVals, GateVal, InstanceVal};
use super::schema::{Default, Kind, Target, Ty, calls, items, terms};
use super::val::Val;
use super::values::{Bound, Cx, default_of};
use crate::program::{EntityId, EntityKind, Layer, Origin, REWARD_METRIC};
use crate::source::{FileId, Span};
use crate::syntax::ast::{Binder, Entry, ItemKind};

/// Whose reward a [`REWARD_METRIC`] is.
const OF: &str = "of";

const PERSONAS: Ty = Ty::List(&Ty::Ref(&[Target::Persona]));

impl<'t> Checker<'t> {
    pub fn stage(&mut self, id: EntityId) -> Done {
        let decl = *self.names.decl(id);
        let (Some(schema), Some(body)) = (decl.schema, decl.body) else {
            return Done { crew_unknown: true, faulty: true, ..Done::default() };
        };
        let mut faulty =
            body.is_faulty() | decl.header_is_faulty() | self.check_names(id, schema, body) | self.base_is_faulty(id);
        let mut done = Done::default();
        let binder = self.binder_of(id);
        let members: Vec<Option<EntityId>> = match binder {
            None => vec![None],
            Some((binder, file)) => {
                done.is_family = true;
                match self.crew(binder, file) {
                    Some(crew) => crew.into_iter().map(Some).collect(),
                    None => {
                        done.crew_unknown = true;
                        // The body is checked all the same, for a persona that nobody knows.
                        vec![None]
                    }
                }
            }
        };
        for (at, persona) in members.into_iter().enumerate() {
            if !self.spend(super::budget::ITEM, decl.name.span) {
                done.crew_unknown = true;
                break;
            }
            let bound = binder.map(|(binder, _)| Bound { variable: &binder.variable.value, persona });
            let cx = Cx { bound, ..Cx::of(decl.file) };
            let mut fields = self.fields(id, schema, &cx, persona);
            faulty |= self.found.tells_of(body.span);
            self.missing(id, schema, faulty, &mut fields);
            self.fill_adapter(&mut fields);
            self.expand_reward(&mut fields, &cx);
            self.expand_metrics(&mut fields, &cx);
            let gates = self.gates(id, schema, &fields, at as u32, &cx);
            done.instances.push(InstanceVal { persona, fields, gates });
        }
        done.faulty = faulty;
        done
    }

    /// `for persona in crew`, its own or its base's, and the file that says so.
    fn binder_of(&self, id: EntityId) -> Option<(&'t Binder, FileId)> {
        let mut at = Some(id);
        while let Some(id) = at {
            let decl = self.names.decl(id);
            if let Some(binder) = decl.binder() {
                return Some((binder, decl.file));
            }
            at = self.bases[id.0 as usize];
        }
        None
    }

    fn crew(&mut self, binder: &Binder, file: FileId) -> Option<Vec<EntityId>> {
        let Val::List(items) = self.value(&binder.list, &PERSONAS, &Cx::of(file)) else { return None };
        let mut crew = Vec::new();
        for item in items {
            let Val::Entity(persona) = item else { return None };
            if crew.contains(&persona) {
                self.found.add(say::persona_twice(binder.list.span, &self.names.decl(persona).name.value));
                return None;
            }
            crew.push(persona);
        }
        if crew.is_empty() {
            self.found.add(say::empty_crew(binder.list.span));
            return None;
        }
        Some(crew)
    }

    /// What is trained when nobody says: fresh factors on a bare model, the policy's own adapter otherwise.
    fn fill_adapter(&mut self, fields: &mut FieldVals) {
        let Some(policy) = fields.get("policy").or_else(|| fields.get("init")) else { return };
        let bare = self.is_bare(&policy.val.clone(), 0);
        let Some(adapter) = fields.get_mut("adapter") else { return };
        if adapter.val == Val::Absent {
            adapter.val = match bare {
                None => Val::Unknown,
                Some(true) => Val::Call {
                    name: calls::LORA.name.to_owned(),
                    args: calls::LORA
                        .args
                        .iter()
                        .filter_map(|arg| Some((arg.name.to_owned(), default_of(arg)?)))
                        .collect(),
                },
                Some(false) => Val::Word("continue".to_owned()),
            };
        }
    }

    /// Whether a policy has no adapter yet; `None` when it is not known what it is.
    fn is_bare(&self, policy: &Val, depth: usize) -> Option<bool> {
        match policy {
            Val::Entity(id) => match self.names.decl(*id).kind {
                EntityKind::Model => Some(true),
                EntityKind::Director if depth < 64 => {
                    let done = self.done[id.0 as usize].as_ref()?;
                    self.is_bare(&done.fields.get("policy")?.val, depth + 1)
                }
                _ => None,
            },
            Val::Family(_) | Val::Made(_) => Some(false),
            _ => None,
        }
    }

    /// The director that a value is, or that the stage which made it trains.
    pub fn director_of(&self, val: &Val) -> Option<EntityId> {
        let mut val = val.clone();
        // As many steps as there are stages: a circle ends here too.
        for _ in 0..=self.done.len() {
            let stage = match &val {
                Val::Entity(id) if self.names.decl(*id).kind == EntityKind::Director => return Some(*id),
                Val::Family(stage) => *stage,
                Val::Made(of) => of.first()?.stage,
                _ => return None,
            };
            let done = self.done[stage.0 as usize].as_ref()?;
            val = done.instances.first()?.fields.get("policy")?.val.clone();
        }
        None
    }

    fn expand_reward(&mut self, fields: &mut FieldVals, cx: &Cx<'_>) {
        let Some(field) = fields.get_mut("reward") else { return };
        let Val::Entity(reward) = field.val else { return };
        let Some(expanded) = self.reward_in(reward, cx) else {
            field.val = Val::Unknown;
            return;
        };
        let mut record = BTreeMap::new();
        for (name, part) in expanded {
            for (path, origin) in part.parts {
                field.parts.insert(format!("{name}.{path}"), origin);
            }
            field.parts.insert(name.to_owned(), part.origin);
            record.insert(name.to_owned(), part.val);
        }
        field.val = Val::Record(record);
    }

    /// Rewards among the metrics of an `evaluate`: each a call of [`REWARD_METRIC`] that holds whose it is and what it is here.
    fn expand_metrics(&mut self, fields: &mut FieldVals, cx: &Cx<'_>) {
        let Some(field) = fields.get_mut("metrics") else { return };
        let Val::List(metrics) = &mut field.val else { return };
        for (at, metric) in metrics.iter_mut().enumerate() {
            let Val::Entity(reward) = *metric else { continue };
            let Some(expanded) = self.reward_in(reward, cx) else {
                *metric = Val::Unknown;
                continue;
            };
            let mut args = BTreeMap::from([(OF.to_owned(), Val::Entity(reward))]);
            for (name, part) in expanded {
                field.parts.insert(format!("{at}.reward.{name}"), part.origin);
                args.insert(name.to_owned(), part.val);
            }
            *metric = Val::Call { name: REWARD_METRIC.to_owned(), args };
        }
    }

    /// A reward's fields as they are in a stage; `None` on a circle.
    fn reward_in(&mut self, reward: EntityId, cx: &Cx<'_>) -> Option<FieldVals> {
        if self.graph.cyclic.contains(&reward) {
            return None;
        }
        let file = self.names.decl(reward).file;
        let bound = cx.bound.map(|bound| Bound { variable: "persona", ..bound });
        let cx = Cx { bound, ..Cx::of(file) };
        let mut fields = self.fields(reward, &items::REWARD, &cx, None);
        for attribute in items::REWARD.fields {
            if !fields.contains_key(attribute.name) {
                debug_assert_eq!(attribute.default, Default::Required);
                let origin = Origin { layer: Layer::Default, span: None };
                fields.insert(attribute.name, FieldVal { val: Val::Unknown, origin, parts: BTreeMap::new() });
            }
        }
        if let Some(score) = fields.get_mut("score") {
            let val = std::mem::replace(&mut score.val, Val::Unknown);
            let val = self.expand_scores(val, &cx);
            if let Some(score) = fields.get_mut("score") {
                score.val = val;
            }
        }
        Some(fields)
    }

    /// Rewards named inside a score, replaced by what they are here.
    fn expand_scores(&mut self, val: Val, cx: &Cx<'_>) -> Val {
        match val {
            Val::Entity(id) if self.names.decl(id).kind == EntityKind::Reward => {
                let fields = if self.enter_reward(id) { self.reward_in(id, cx) } else { None };
                self.leave_reward();
                let Some(mut fields) = fields else { return Val::Unknown };
                let mut take =
                    |name: &str| fields.get_mut(name).map(|field| std::mem::replace(&mut field.val, Val::Unknown));
                let (score, clip) = (take("score").unwrap_or(Val::Unknown), take("clip").unwrap_or(Val::Absent));
                let score = self.spend_on(score, self.names.decl(id).name.span);
                match clip {
                    Val::Absent => score,
                    range => Val::Call {
                        name: terms::CLIP.name.to_owned(),
                        args: BTreeMap::from([("x".to_owned(), score), ("range".to_owned(), range)]),
                    },
                }
            }
            Val::Op { op, args } => {
                Val::Op { op, args: args.into_iter().map(|arg| self.expand_scores(arg, cx)).collect() }
            }
            Val::Call { name, args } => Val::Call {
                name,
                args: args.into_iter().map(|(name, arg)| (name, self.expand_scores(arg, cx))).collect(),
            },
            other => other,
        }
    }

    fn gates(
        &mut self,
        id: EntityId,
        schema: &'static Kind,
        fields: &FieldVals,
        member: u32,
        cx: &Cx<'_>,
    ) -> Vec<GateVal> {
        // Gates are the stage's own: what extends it has other results.
        let decl = *self.names.decl(id);
        let cx = Cx { own: Some((id, member)), ..*cx };
        let mut gates = Vec::new();
        for entry in decl.body.map_or(&[][..], |body| &body.entries) {
            let Entry::Gate { span, condition, otherwise } = entry else { continue };
            if !schema.gates {
                continue;
            }
            // Its own results and its own name are of the stage that is being evaluated.
            let mut val = self.own_gate(id, condition, &cx);
            self.fill_asked(&mut val, fields, condition.span);
            gates.push(GateVal {
                condition: val,
                otherwise: otherwise.value.clone(),
                span: *span,
                condition_span: condition.span,
            });
        }
        gates
    }

    fn own_gate(&mut self, id: EntityId, condition: &crate::syntax::ast::Expr, cx: &Cx<'_>) -> Val {
        // `persona_rm.held_out_accuracy` in a gate of `persona_rm`: let it see itself, half done as it is.
        let at = id.0 as usize;
        if self.done[at].is_none() {
            let instance = InstanceVal {
                persona: cx.bound.and_then(|bound| bound.persona),
                fields: FieldVals::new(),
                gates: Vec::new(),
            };
            self.done[at] = Some(std::rc::Rc::new(Done { instances: vec![instance], ..Done::default() }));
            let val = self.value(condition, &Ty::Condition, cx);
            self.done[at] = None;
            return val;
        }
        self.value(condition, &Ty::Condition, cx)
    }

    /// What asks by no metric asks by the first, and what asks by a reward by that reward as it is in this stage; a persona is its
    /// quoted name, as tables have it.
    fn fill_asked(&mut self, val: &mut Val, fields: &FieldVals, span: Span) {
        match val {
            Val::Call { name, args } if calls::ask(name).is_some() => {
                if let (Some(metric), Some(field)) = (args.get_mut("metric"), fields.get("metrics")) {
                    let metrics = match &field.val {
                        Val::List(metrics) => metrics.as_slice(),
                        _ => &[],
                    };
                    let is_that = |reward: &Val, one: &&Val| match one {
                        Val::Call { name, args } => name == REWARD_METRIC && args.get(OF) == Some(reward),
                        _ => false,
                    };
                    match metric {
                        Val::Absent => {
                            let first = metrics.first().cloned().unwrap_or(Val::Unknown);
                            *metric = self.spend_on(first, span);
                        }
                        Val::Entity(_) => {
                            if let Some(found) = metrics.iter().find(|one| is_that(metric, one)) {
                                *metric = self.spend_on(found.clone(), span);
                            }
                        }
                        _ => {}
                    }
                }
                if let Some(persona) = args.get_mut("persona")
                    && let Val::Entity(id) = persona
                {
                    let decl = self.names.decl(*id);
                    let title = match &decl.item.kind {
                        ItemKind::Block { title: Some(title), .. } => &title.value,
                        _ => &decl.name.value,
                    };
                    *persona = Val::Text(title.clone());
                }
            }
            Val::Op { args, .. } => args.iter_mut().for_each(|arg| self.fill_asked(arg, fields, span)),
            Val::Call { args, .. } => args.values_mut().for_each(|arg| self.fill_asked(arg, fields, span)),
            _ => {}
        }
    }
}
