//! Pass 5: laws between declarations. This file is the table of contents: one law, one function, whose name is the sentence.
//!
//! No law reads another's result, and what is unknown breaks none. A law about a whole item is not asked of one with a faulty entry; one
//! about a single entry is.

mod directors;
mod evaluations;
mod policies;
mod reports;
mod rubrics;
mod shapes;

use std::rc::Rc;

use super::Checker;
use super::diagnostics as say;
use super::fields::{Done, FieldVal, InstanceVal};
use super::names::Decl;
use super::val::Val;
use crate::program::{EntityId, EntityKind};
use crate::source::Span;

pub fn check_all(checker: &mut Checker<'_>) {
    a_file_has_one_experiment(checker);
    a_profile_has_its_own_file(checker);
    for decl in checker.names.decls.clone() {
        let Some(done) = &checker.done[decl.id.0 as usize] else { continue };
        let (faulty, crew_unknown) = (done.faulty, done.crew_unknown);
        if crew_unknown {
            continue;
        }
        match decl.kind {
            EntityKind::Dataset => {
                a_split_adds_up_to_100(checker, &decl);
                shapes::a_column_means_what_there_is(checker, &decl);
            }
            EntityKind::Judge => a_judge_has_rubrics(checker, &decl),
            EntityKind::Model => shapes::heads_share_the_width(checker, &decl),
            EntityKind::Director => directors::has_seats(checker, &decl),
            EntityKind::Stage => {
                evaluations::gates_ask_of_its_table(checker, &decl);
                shapes::lists_name_something(checker, &decl);
            }
            EntityKind::Report => reports::writes_pages_under_the_root(checker, &decl),
            _ => {}
        }
        if faulty {
            continue;
        }
        match decl.kind {
            EntityKind::Rubric => {
                rubrics::has_criteria(checker, &decl);
                rubrics::weights_add_up_to_100(checker, &decl);
            }
            EntityKind::Director => {
                directors::chooses_among_its_seats(checker, &decl);
                policies::one_where_one_is_wanted(checker, &decl);
            }
            EntityKind::Stage => stage(checker, &decl),
            _ => {}
        }
    }
}

fn stage(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(schema) = decl.schema else { return };
    policies::one_where_one_is_wanted(checker, decl);
    match schema.name {
        "grpo" => {
            policies::a_reward_asks_for_one_score(checker, decl);
            directors::has_actors_and_only_a_director_has(checker, decl);
            directors::episodes_make_whole_groups(checker, decl);
            directors::every_seat_has_an_actor(checker, decl, "policy");
        }
        "dialogue" => {
            directors::a_dialogue_has_a_director(checker, decl);
            directors::every_seat_has_an_actor(checker, decl, "director");
        }
        "bradley_terry" => policies::a_dataset_of_pairs_names_its_columns(checker, decl),
        "evaluate" => {
            evaluations::has_subjects_and_metrics(checker, decl);
            evaluations::baselines_have_a_stage_to_stand_beside(checker, decl);
            evaluations::policies_have_situations(checker, decl);
            evaluations::written_lines_come_later(checker, decl);
            evaluations::its_rewards_ask_for_one_score(checker, decl);
        }
        "merge" => policies::a_merge_takes_several(checker, decl),
        _ => {}
    }
}

fn a_file_has_one_experiment(checker: &mut Checker<'_>) {
    let mut first: Option<Decl<'_>> = None;
    for decl in checker.names.decls.iter().filter(|decl| decl.kind == EntityKind::Experiment) {
        match first {
            Some(before) if before.file == decl.file => {
                checker.found.add(say::second_experiment(decl.name, before.name.span));
            }
            _ => first = Some(*decl),
        }
    }
}

/// A profile says where, never what: beside an experiment it would be shared with it.
fn a_profile_has_its_own_file(checker: &mut Checker<'_>) {
    for decl in checker.names.decls.clone() {
        if decl.kind == EntityKind::Profile && checker.names.experiment(decl.file).is_some() {
            checker.found.add(say::profile_beside_experiment(decl.name));
        }
    }
}

fn a_split_adds_up_to_100(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(Val::Record(parts)) = checker.field_val(decl.id, "split") else { return };
    let mut sum = 0.0;
    for part in parts.values() {
        match part {
            Val::Number { value, .. } => sum += value,
            _ => return,
        }
    }
    if (sum - 1.0_f64).abs() > 1e-9 {
        let span = checker.written_at(decl, "split");
        checker.found.add(say::split_does_not_add_up(span, sum));
    }
}

fn a_judge_has_rubrics(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    if checker.field_val(decl.id, "rubrics") == Some(Val::List(Vec::new())) {
        let span = checker.written_at(decl, "rubrics");
        checker.found.add(say::empty_list(span, "rubrics", "one rubric"));
    }
}

impl Checker<'_> {
    /// A field of an item that is no stage.
    fn field_val(&self, id: EntityId, field: &str) -> Option<Val> {
        let done = self.done[id.0 as usize].as_ref()?;
        done.fields.get(field).map(|field| field.val.clone())
    }

    /// Every member of a stage; one for a plain one.
    fn members(&self, id: EntityId) -> Rc<Done> {
        self.done[id.0 as usize].clone().unwrap_or_default()
    }

    /// Where a field's value is written, or the header when it is a default.
    fn written_at(&self, decl: &Decl<'_>, field: &str) -> Span {
        self.last_written(decl.id, field).unwrap_or(decl.item.header)
    }
}

/// A member's field.
fn val_of<'f>(instance: &'f InstanceVal, field: &str) -> Option<&'f Val> {
    instance.fields.get(field).map(|field: &FieldVal| &field.val)
}
