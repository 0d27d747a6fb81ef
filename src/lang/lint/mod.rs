//! Programs that are right, and will cost money or truth: what `mascot lint` tells beside `mascot check`.
//!
//! This file is the table of contents: one rule, one function, whose name says what it finds. A rule reads the checked
//! program and adds warnings; no rule reads another's. What an author means all the same is allowed where it stands, with a reason
//! (`allow`). Uses `check`, `program`, `syntax`; absent: errors (they are `check`'s), files, printing.

mod allow;
mod context;
mod data;
mod gates;
mod judges;
mod points;
mod rewards;
mod speakers;
mod training;
mod unused;

#[cfg(test)]
mod tests;

use crate::Checked;
use crate::diagnostic::Diagnostics;
use context::Context;

/// What `check` tells, and, of a program without errors, what the rules find in it and in the files that it imports. What the
/// standard library holds is its own.
pub fn lint(checked: &Checked) -> Diagnostics {
    let mut all = checked.diagnostics.clone();
    all.extend(rules(checked));
    all
}

/// What the rules alone find: nothing in a program with errors.
pub fn rules(checked: &Checked) -> Diagnostics {
    let Some(program) = &checked.program else { return Diagnostics::default() };
    let cx = Context::new(checked, program);

    judges::asks_a_model_of_the_policys_family(&cx);
    judges::trains_and_measures(&cx);
    judges::asks_one_who_always_answers_the_same_again(&cx);
    judges::reads_levels_in_one_order(&cx);
    judges::spends_without_a_ceiling(&cx);
    judges::grades_without_anchors(&cx);

    rewards::has_no_guard(&cx);
    rewards::has_no_length(&cx);
    rewards::pays_for_parroting(&cx);
    rewards::counts_a_term_for_nothing(&cx);
    rewards::pays_for_what_costs(&cx);
    rewards::believes_a_reward_model_unasked(&cx);

    training::compares_two(&cx);
    training::learns_at_no_rate_for_an_adapter(&cx);
    training::samples_the_same_again(&cx);
    training::is_held_by_nothing(&cx);
    training::warms_up_to_the_end(&cx);
    training::prefers_what_is_no_better(&cx);
    training::has_nothing_to_prefer(&cx);
    training::scales_an_adapter_to_nothing(&cx);
    training::learns_from_other_odds_than_it_samples_by(&cx);
    training::divides_by_almost_nothing(&cx);

    data::trains_on_the_test_split(&cx);
    data::asks_what_it_was_trained_on(&cx);
    data::measures_by_lines_that_trained(&cx);
    data::measures_too_few(&cx);
    data::resamples_too_seldom(&cx);
    data::has_no_seed(&cx);
    data::compares_with_nothing(&cx);
    data::hides_the_share_of_reinforcement(&cx);
    data::shows_a_gain_without_its_guards(&cx);

    gates::are_settled_beforehand(&cx);
    gates::take_chance_for_a_gain(&cx);
    gates::let_one_pay_for_another(&cx);
    gates::want_more_than_is_sampled(&cx);

    unused::imports(&cx);
    unused::items(&cx);
    unused::what_is_made(&cx);

    points::there_is_no_control(&cx);
    points::a_variant_is_the_base(&cx);
    points::an_override_overrides_nothing(&cx);
    points::an_axis_says_a_value_twice(&cx);

    speakers::share_a_transcript_and_no_cache(&cx);

    allow::without_what_is_allowed(checked, cx.found())
}
