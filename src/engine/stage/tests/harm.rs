//! Stages that are stopped anywhere, find their draft broken, or are given what cannot be learnt from.

use super::*;

const SAID: usize = 20;

/// With more situations than are judged together.
fn talkative() -> House {
    let mut house = tuned();
    let lines = (0..SAID).map(|i| format!("{{\"text\":\"It rains for the {i}th day.\",\"split\":\"train\"}}\n"));
    house.put("situations", "many.jsonl", &lines.collect::<String>());
    house
}

fn many_pairs() -> TaskSpec {
    TaskSpec::Pairs(Box::new(PairsSpec {
        seed: 7,
        from: policy(Some("policy.adapter")),
        persona: Some(persona("The Anchor")),
        data: data("situations", None),
        prompts: Some(SAID as u32),
        sample: sample(4, 8),
        judge: judge(),
        min_gap: 0.0,
    }))
}

/// Artifacts by name, their files by path: what a store would digest.
fn made(workspace: &Workspace) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, below: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            let name = format!("{below}/{}", path.file_name().expect("a name").to_string_lossy());
            if path.is_dir() { walk(&path, &name, found) } else { drop(found.insert(name, bytes(&path))) }
        }
    }
    let mut found = BTreeMap::new();
    walk(&workspace.out, "", &mut found);
    found
}

#[test]
fn stopped_pairs_go_on_where_they_were() {
    let mut house = talkative();
    let (outputs, whole) = house.done(&many_pairs(), "whole");
    let parts = house.workspace("parts");
    assert!(matches!(house.perform(&many_pairs(), &parts, Some(8)), Err(Fault::Interrupted)));
    // As a kill would leave it: half of a line, and a part that was judged.
    let asked = parts.resume_file("asked.jsonl");
    let text = bytes(&asked);
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, SAID);
    std::fs::write(&asked, &text[..text.len() * 2 / 3]).expect("written");
    assert!(parts.resume_file("judged-0.json").exists() && !parts.resume_file("judged-1.json").exists());
    let again = house.perform(&many_pairs(), &parts, None).expect("gone on");
    assert_eq!(made(&whole), made(&parts));
    assert_eq!(outputs.results, again.results, "tokens too are those of the whole");
    // A kill after everything was kept.
    assert!(matches!(house.perform(&many_pairs(), &parts, Some(0)), Err(Fault::Interrupted)));
    assert_eq!(house.perform(&many_pairs(), &parts, None).expect("gone on").results, outputs.results);
}

#[test]
fn a_stopped_rehearsal_and_its_evaluation_go_on_where_they_were() {
    let mut house = tuned();
    let rehearsal = DialogueSpec {
        seed: 7,
        director: director(None),
        actors: speakers(),
        data: data("situations", None),
        prompts: Some(3),
        turns: 3,
        users: None,
        sample: sample(2, 8),
    };
    let spec = TaskSpec::Dialogue(Box::new(rehearsal.clone()));
    let (outputs, whole) = house.done(&spec, "whole");
    let parts = house.workspace("parts");
    for stop_at in [1, 2] {
        assert!(matches!(house.perform(&spec, &parts, Some(stop_at)), Err(Fault::Interrupted)), "at {stop_at}");
    }
    assert_eq!(house.perform(&spec, &parts, None).expect("gone on").results, outputs.results);
    assert_eq!(made(&whole), made(&parts));

    let metrics = ["coherence", "fluency", "distinct_2", "contrast"].map(|name| MetricSpec::Term(term(name, &[])));
    let spec = TaskSpec::Evaluate(Box::new(EvaluateSpec {
        seed: 7,
        subjects: vec![
            Subject::Played { dialogue: Box::new(rehearsal), prompting: Baseline::ZeroShot },
            Subject::Speakers { speakers: speakers(), prompting: Baseline::ZeroShot },
            Subject::Speakers { speakers: speakers(), prompting: Baseline::FewShot },
        ],
        metrics: metrics.into(),
        data: Some(data("situations", None)),
        prompts: Some(3),
        sample: sample(2, 8),
        bootstrap: 20,
        level: 0.95,
    }));
    let (outputs, whole) = house.done(&spec, "measured");
    let parts = house.workspace("measured in parts");
    for stop_at in [0, 1, 2] {
        assert!(matches!(house.perform(&spec, &parts, Some(stop_at)), Err(Fault::Interrupted)), "at {stop_at}");
    }
    assert!(parts.resume_file("subject-0.json").exists() && !parts.resume_file("played-0.json").exists());
    // What was scored is not scored again, and a part that broke is.
    std::fs::write(parts.resume_file("subject-1.json"), "{\"tok").expect("written");
    let again = house.perform(&spec, &parts, None).expect("gone on");
    assert_eq!(made(&whole), made(&parts));
    assert_eq!(outputs.results, again.results);
}

#[test]
fn a_stopped_fine_tuning_counts_as_if_it_had_not_been() {
    let mut house = House::new();
    let (outputs, whole) = house.done(&sft(), "whole");
    let parts = house.workspace("parts");
    assert!(matches!(house.perform(&sft(), &parts, Some(5)), Err(Fault::Interrupted)));
    // A log that is shorter than its state (killed between the two) would lose lines: it is written whole or not at all.
    assert!(!parts.resume_file(".curve.jsonl").exists());
    let again = house.perform(&sft(), &parts, None).expect("gone on");
    assert_eq!(made(&whole), made(&parts), "no clock and no restart is in an artifact");
    assert_eq!(outputs.results, again.results);
}

#[test]
fn a_broken_draft_is_said_and_the_stage_begins_anew() {
    let mut house = House::new();
    let (_, whole) = house.done(&sft(), "whole");
    let parts = house.workspace("parts");
    assert!(matches!(house.perform(&sft(), &parts, Some(5)), Err(Fault::Interrupted)));
    let state = parts.resume_file("state.safetensors");
    let saved = bytes(&state);
    std::fs::write(&state, &saved[..saved.len() / 2]).expect("written");
    let outputs = house.perform(&sft(), &parts, None).expect("begun anew");
    assert!(outputs.notes.iter().any(|note| note.contains("the draft was broken")), "{:?}", outputs.notes);
    assert_eq!(made(&whole), made(&parts));
}

#[test]
fn a_draft_of_another_thread_count_is_said() {
    let mut house = House::new();
    let parts = house.workspace("parts");
    assert!(matches!(house.perform(&sft(), &parts, Some(5)), Err(Fault::Interrupted)));
    std::fs::write(parts.resume_file(".threads"), "97\n").expect("written");
    let outputs = house.perform(&sft(), &parts, None).expect("gone on");
    assert!(outputs.notes.iter().any(|note| note.contains("begun on 97 threads")), "{:?}", outputs.notes);
}

#[test]
fn a_loss_that_is_no_number_stops_with_its_step_and_batch() {
    let mut house = House::new();
    let TaskSpec::Sft(mut spec) = sft() else { panic!("a fine-tuning") };
    spec.optimizer = optimizer(1e30);
    let workspace = house.workspace("burst");
    let fault = house.perform(&TaskSpec::Sft(spec), &workspace, None).expect_err("no number");
    let told = fault.to_string();
    assert!(matches!(fault, Fault::Model(_)) && told.starts_with("step 2 of 12: the loss is NaN"), "{told}");
    assert!(told.contains("Its batch: \"Oh, that hurts"), "{told}");
    assert!(!workspace.artifact("adapter").exists(), "nothing is left that could be taken for a result");
}

#[test]
fn a_model_that_holds_no_numbers_does_not_speak() {
    let mut house = tuned();
    let path = house.inputs["policy.adapter"].path.join("adapter_model.safetensors");
    let mut weights = bytes(&path);
    // The last tensors' numbers become NaN.
    let at = weights.len() - 64;
    weights[at..].fill(0xff);
    std::fs::write(&path, weights).expect("written");
    let workspace = house.workspace("nan");
    let fault = house.perform(&many_pairs(), &workspace, None).expect_err("no numbers");
    assert!(fault.to_string().contains("no numbers (NaN)"), "{fault}");
    let fault = house.perform(&TaskSpec::Grpo(Box::new(grpo(in_character(), 4))), &house.workspace("g"), None);
    assert!(fault.expect_err("no numbers").to_string().contains("no numbers (NaN)"));
}

#[test]
fn data_without_a_row_to_use_are_told_with_their_counts() {
    let mut house = House::new();
    house.put("situations", "situations.jsonl", "{\"text\":\"It rains.\",\"split\":\"val\"}\n{\"text\":\"\"}\nnone\n");
    let TaskSpec::Pairs(mut spec) = many_pairs() else { panic!("pairs") };
    spec.from = policy(None);
    spec.data.split = Some(SplitName::Train);
    spec.data.cut = None;
    let workspace = house.workspace("empty");
    let fault = house.perform(&TaskSpec::Pairs(spec), &workspace, None).expect_err("no rows");
    let told = fault.to_string();
    for part in [
        "situations.jsonl: its split `train` has no prompt",
        "train 0, val 1, test 0",
        "2 row(s)",
        "situations.jsonl:2",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
