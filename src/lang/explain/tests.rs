//! What is explained, and that nothing is left out.

use super::{explain, nearest_word, words};
use crate::check::schema;

#[test]
fn every_word_is_explained() {
    for word in words() {
        let explanation = explain(&word).unwrap_or_else(|| panic!("{word}"));
        assert!(!explanation.title.is_empty() && !explanation.text.is_empty(), "{word}");
    }
}

#[test]
fn a_code_is_its_page_however_it_is_written() {
    let page = explain("m0012").expect("a code");
    assert_eq!(page.title, "M0012: a bracket is never closed");
    assert!(page.text.contains("```masc wrong"));
}

#[test]
fn units_are_listed_with_what_they_count() {
    let units = explain("units").expect("a list").text;
    assert!(units.contains("- `gpu_h`: an amount of GPU time, 3600 seconds of one GPU"), "{units}");
    assert!(units.contains("- `%`: a percentage, 0.01 of the whole"), "{units}");
}

#[test]
fn a_stage_kind_is_its_fields_with_types_and_defaults() {
    let grpo = explain("grpo").expect("a stage kind");
    // Also a word of `loss`, but only kinds, calls and fields are explained.
    assert_eq!(grpo.title, "`grpo`, a kind of stage");
    assert!(
        grpo.text.contains("- `steps`: Optimiser steps in all. A number of steps; `100 steps` unless said."),
        "{}",
        grpo.text
    );
    assert!(grpo.text.contains("- `reward`: What training sees. A reward; required."), "{}", grpo.text);
    assert!(grpo.text.contains("`1e-5` unless said"), "{}", grpo.text);
}

#[test]
fn a_field_is_explained_where_it_stands() {
    let field = explain("grpo.lr").expect("a field of a stage");
    assert_eq!(field.title, "`lr` of `grpo`");
    assert!(field.text.contains("`1e-5` unless said"), "{}", field.text);
    assert!(explain("kl.beta").is_some() && explain("example.given").is_some() && explain("relevance.cap").is_some());
    assert!(explain("bradley_terry.held_out_accuracy").is_some(), "a result");
    assert!(explain("grpo.nothing").is_none() && explain("nothing.lr").is_none());
    assert!(explain("epochs").expect("a field").text.contains("In an `sft` stage"));
    assert_eq!(explain("comparable").expect("a verdict").title, "`comparable`, a verdict of `diff`");
}

#[test]
fn a_word_of_several_meanings_is_explained_as_each() {
    let contrast = explain("contrast").expect("a judge and a term").text;
    assert!(contrast.contains("a kind of judge") && contrast.contains("a term of rewards and metrics"), "{contrast}");
    let judge = explain("judge").expect("an item and a field").text;
    assert!(judge.contains("an item") && judge.contains("a field or argument"), "{judge}");
}

#[test]
fn every_kind_call_and_field_of_the_table_is_a_word() {
    let words = words();
    for kind in schema::kinds() {
        assert!(words.iter().any(|word| word == kind.name));
    }
    for call in schema::every_call() {
        assert!(words.iter().any(|word| word == call.name));
    }
}

#[test]
fn an_unknown_word_has_a_nearest() {
    assert_eq!(explain("tempreature"), None);
    assert_eq!(nearest_word("tempreature").as_deref(), Some("temperature"));
    assert_eq!(nearest_word("qqqqqqqq"), None);
}

#[test]
fn every_field_argument_record_unit_class_and_word_of_a_set_is_explained() {
    let is_told = |word: &str| assert!(explain(word).is_some_and(|told| !told.text.is_empty()), "{word}");
    let attributes = schema::kinds().flat_map(|kind| kind.fields);
    let attributes = attributes.chain(schema::every_call().flat_map(|call| call.args));
    let attributes = attributes.chain(schema::records::ALL.iter().flat_map(|record| record.fields));
    attributes.for_each(|attribute| is_told(attribute.name));
    schema::stages::ALL.iter().for_each(|kind| is_told(kind.name));
    schema::terms::ALL.iter().for_each(|term| is_told(term.name));
    crate::check::units::UNITS.iter().for_each(|unit| is_told(unit.name));
    schema::Class::ALL.iter().for_each(|class| is_told(class.word()));
    for word in ["dr_grpo", "zero_shot", "k3", "round_robin", "bf16", "gate", "extends", "slots", "classes"] {
        is_told(word);
    }
}

#[test]
fn a_word_of_a_closed_set_tells_where_it_may_stand() {
    let told = explain("dr_grpo").expect("a loss");
    assert_eq!(told.title, "`dr_grpo`, a word of closed sets");
    assert!(told.text.contains("- `loss` of a `grpo` stage: "), "{}", told.text);
}
