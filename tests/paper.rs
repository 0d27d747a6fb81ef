//! The paper's experiments: they check, plan, tell all that is missing at once, and `--variant laptop` runs to its end — here on random
//! weights, on small files of our own in the sources' layouts and, where it is at hand, on the real data of `../shared/data`.

use std::path::PathBuf;

use serde_json::Value;

use crate::house::{Sandbox, command, ids, repository};

const QMSUM: &str = "experiments/qmsum.masc";
const EMPATHETIC: &str = "experiments/empathetic.masc";

/// A meeting of our own in QMSum's layout, about `thing`.
fn meeting(thing: &str) -> String {
    serde_json::json!({
        "topic_list": [{"topic": thing, "relevant_text_span": [["0", "3"]]}],
        "general_query_list": [{"query": "Summarize the meeting.", "answer": format!("They talked about {thing} and settled nothing.")}],
        "specific_query_list": [
            {"query": format!("What did they say about {thing}?"), "answer": format!("That {thing} can wait."), "relevant_text_span": [["1", "3"]]},
            {"query": format!("Who wants {thing}?"), "answer": "Only the second speaker.", "relevant_text_span": [["2", "2"]]},
        ],
        "meeting_transcripts": [
            {"speaker": "Lead", "content": "Okay , {disfmarker} shall we begin ?"},
            {"speaker": "Ann (North, XY)", "content": format!("I came for {thing} .")},
            {"speaker": "Bo", "content": format!("{{vocalsound}} Nobody else asked for {thing} , I think .")},
            {"speaker": "Lead", "content": "{gap}"},
        ],
    })
    .to_string()
}

/// The source's own layout: a folder a domain, and ALL.
fn write_meetings(sandbox: &Sandbox) {
    let things = ["lamps", "clocks", "doors", "maps", "boats", "stairs"];
    for (domain, sign) in [("Academic", "Bed"), ("Committee", "covid_"), ("Product", "ES")] {
        for (split, numbers) in [("train", 0..3), ("val", 3..4), ("test", 4..6)] {
            for number in numbers {
                let text = meeting(&format!("the {} of {domain}", things[number]));
                for folder in [domain, "ALL"] {
                    sandbox.write(&format!("data/QMSum/data/{folder}/{split}/{sign}{number:03}.json"), &text);
                }
            }
        }
    }
}

/// The source's own layout: three files that look like CSV.
fn write_chats(sandbox: &Sandbox) {
    let feelings = ["joyful", "proud", "sad", "lonely", "surprised", "nostalgic"];
    for (split, many) in [("train", 4), ("valid", 1), ("test", 2)] {
        let mut text = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n".to_owned();
        for number in 0..many {
            for (at, feeling) in feelings.iter().enumerate() {
                let id = format!("hit:{number}_conv:{split}{at}");
                let prompt = format!("On day {number} of {split} I was {feeling}_comma_ and told nobody.");
                text += &format!(
                    "{id},1,{feeling},{prompt},1,\"I was so {feeling} on day {number} of {split}.,5|5|5_5|5|5,\n"
                );
                text += &format!(
                    "{id},2,{feeling},{prompt},2, Oh_comma_ {feeling}? What happened then?,5|5|5_5|5|5,,a|b\n"
                );
                text += &format!("{id},3,{feeling},{prompt},1,Nothing I could change.,5|5|5_5|5|5,\n");
                text += &format!("{id},4,{feeling},{prompt},2,I hear you on number {number}.,5|5|5_5|5|5,\n");
            }
        }
        sandbox.write(&format!("data/empatheticdialogues/{split}.csv"), &text);
    }
}

/// `verb` of the laptop variant on random weights, which need no download.
fn laptop(verb: &str, file: &str, more: &[&str]) -> Vec<String> {
    const TINY: &str = r#"random(arch: "llama", hidden: 32, layers: 2, heads: 2, kv_heads: 1, ffn: 64)"#;
    let mut args =
        vec![verb.to_owned(), file.to_owned(), "--variant".into(), "laptop".into(), "--device".into(), "cpu".into()];
    let mut set = |path: &str, value: &str| args.extend(["--set".to_owned(), format!("{path}={value}")]);
    for model in ["base", "small"] {
        set(&format!("{model}.weights"), TINY);
        set(&format!("{model}.sha256"), "none");
    }
    set("encoder.weights", &TINY.replace("llama", "bert").replace("kv_heads: 1", "kv_heads: 2"));
    args.extend(more.iter().map(|one| (*one).to_owned()));
    args
}

/// Runs it to the end, and says what every table holds.
#[track_caller]
fn runs_to_the_end(sandbox: &Sandbox, file: &str, more: &[&str]) -> Value {
    let args = laptop("run", file, &[more, &["--json"]].concat());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let run = sandbox.mascot(&args).ended_with(0).json();
    let tasks = run["tasks"].as_array().unwrap();
    assert_eq!(ids(&run, "outcome", "fresh").len(), tasks.len(), "{run}");
    for kind in ["sounding", "preferences", "voices"] {
        for persona in ["anchor", "catalyst", "beacon"] {
            let id = format!("{kind}/{persona}@laptop");
            assert!(tasks.iter().any(|task| task["id"] == id.as_str()), "{id} is no task");
        }
    }
    let subjects: std::collections::BTreeSet<&str> =
        run["metrics"].as_array().unwrap().iter().filter_map(|row| row["subject"].as_str()).collect();
    for baseline in ["sft", "zero_shot", "cot", "few_shot", "few_shot_cot", "self_consistency"] {
        assert!(subjects.contains(format!("baseline({baseline})").as_str()), "{baseline} is not in {subjects:?}");
    }
    assert!(subjects.iter().filter(|subject| subject.ends_with("_rehearsal")).count() == 3, "{subjects:?}");
    run
}

#[test]
fn meetings_run_on_small_files_of_our_own() {
    let sandbox = Sandbox::new();
    write_meetings(&sandbox);
    runs_to_the_end(&sandbox, QMSUM, &[]);
}

#[test]
fn chats_run_on_small_files_of_our_own() {
    let sandbox = Sandbox::new();
    write_chats(&sandbox);
    runs_to_the_end(&sandbox, EMPATHETIC, &[]);
}

/// The folder of real data, kept beside the repository or named by `MASCOT_SHARED`; `None` says so, as a test that is skipped
/// must.
#[allow(clippy::disallowed_macros)]
fn shared(part: &str) -> Option<PathBuf> {
    let named = std::env::var_os("MASCOT_SHARED").map(|shared| PathBuf::from(shared).join("data"));
    let repository = repository();
    let near = repository.ancestors().map(|up| up.join("shared/data"));
    let found = named.into_iter().chain(near).map(|data| data.join(part)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no ../shared/data/{part} beside the repository");
    }
    found
}

#[test]
fn both_run_on_the_real_data_sets() {
    if let Some(path) = shared("qmsum") {
        let set = format!("meetings_at={}", path.display());
        runs_to_the_end(&Sandbox::new(), QMSUM, &["--set", &set]);
    }
    if let Some(path) = shared("empathetic_dialogues/reconstructed_valid.csv") {
        let set = format!("chats_at={}", path.display());
        runs_to_the_end(&Sandbox::new(), EMPATHETIC, &["--set", &set]);
    }
}

#[test]
fn what_a_machine_lacks_is_told_at_once() {
    for (file, data) in [(QMSUM, "data/QMSum"), (EMPATHETIC, "data/empatheticdialogues")] {
        let sandbox = Sandbox::new();
        let bare = |verb: &str| {
            let mut call = command(sandbox.path(), &[verb, file]);
            call.env_remove("MASCOT_JUDGE_KEY").env("HF_HOME", sandbox.path().join("no-cache"));
            let output = call.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
            (output.status.code(), text)
        };
        let wanted =
            [data, "Qwen/Qwen3-8B", "models/Qwen3-8B", "Qwen/Qwen3-0.6B", "MASCOT_JUDGE_KEY", "api.openai.com:443"];
        let (code, told) = bare("plan");
        assert_eq!(code, Some(0), "{told}");
        for what in wanted {
            assert!(told.contains(what), "plan does not tell of {what}:\n{told}");
        }
        let (code, told) = bare("run");
        assert_eq!(code, Some(3), "{told}");
        for what in &wanted {
            assert!(told.contains(what), "run does not tell of {what}:\n{told}");
        }
        assert!(!sandbox.path().join(".mascot/records").exists(), "nothing was begun");

        // The laptop variant asks nobody far away: neither key nor host is missing there, nor the large models.
        let args = laptop("plan", file, &["--json"]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let plan = sandbox.mascot(&args).ended_with(0).json();
        let missing: Vec<&str> =
            plan["missing"].as_array().unwrap().iter().filter_map(|one| one["source"].as_str()).collect();
        assert_eq!(missing, [data]);
    }
}

#[test]
fn ablations_and_sweeps_can_be_rehearsed() {
    for file in [QMSUM, EMPATHETIC] {
        let sandbox = Sandbox::new();
        let run = sandbox.mascot(&["run", file, "--all", "--engine", "fake", "--json"]).ended_with(0).json();
        for point in ["@no_persona", "@random_order", "@laptop"] {
            let at = |task: &Value| task["id"].as_str().is_some_and(|id| id.ends_with(point));
            assert!(run["tasks"].as_array().unwrap().iter().any(at), "{file} has nothing at {point}");
        }
        // MASCOT-C changes who speaks, and retrains no speaker.
        let c = sandbox
            .mascot(&["plan", file, "--variant", "random_order", "--engine", "fake", "--json"])
            .ended_with(0)
            .json();
        let tasks = c["tasks"].as_array().unwrap();
        assert!(tasks.iter().filter(|task| task["stage"] == "voices").all(|task| task["state"] == "recalled"));
    }
}
