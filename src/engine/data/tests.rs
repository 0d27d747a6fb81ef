//! Readers on small files of our own in the sources' layouts, and on the real ones of `../shared/data` where they are at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mascot_run::task::{Cut, Reader, Rows, SplitName};

use super::{Dataset, read_path, same_persona, show};

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    std::fs::write(&path, text).expect("written");
    path
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("folder")
}

fn rows(fields: &[(&str, &str)], only: &[(&str, &str)]) -> Rows {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    Rows { fields: map(fields), only: map(only) }
}

fn refused(data: &Dataset) -> Vec<(usize, &str)> {
    data.refused.iter().map(|r| (r.line, r.why.as_str())).collect()
}

#[test]
fn jsonl_tells_what_it_refuses_by_line() {
    let dir = folder();
    let file = write(
        dir.path(),
        "lines.jsonl",
        concat!(
            "{\"persona\": \"anchor\", \"given\": \"The dog died.\", \"says\": \"Oh no.\", \"use\": \"sft\"}\n",
            "not json\n",
            "\n",
            "{\"persona\": \"beacon\", \"given\": \"I won.\", \"says\": \"Well done.\", \"use\": \"metric\"}\n",
            "{\"persona\": \"beacon\", \"says\": \"Well done.\", \"use\": \"sft\"}\n",
            "{\"given\": \"No use\", \"says\": \"x\"}",
        ),
    );
    let reader = Reader::Jsonl(rows(&[("prompt", "given"), ("completion", "says")], &[("use", "sft")]));
    let data = read_path(&file, &reader, None).expect("read");
    assert_eq!(data.rows.len(), 1);
    assert_eq!(data.rows[0].completion.as_deref(), Some("Oh no."));
    let told = refused(&data);
    assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 5, 6]);
    assert!(told[1].1.contains("no column `given`"), "{told:?}");
    assert!(data.note().expect("a note").contains("lines.jsonl:2"));
}

#[test]
fn splits_of_a_column_are_kept_and_histories_read() {
    let dir = folder();
    let file = write(
        dir.path(),
        "d.jsonl",
        concat!(
            "{\"situation\": \"A\", \"history\": [{\"speaker\": \"anchor\", \"text\": \"Hm.\"}], \"agent\": \"beacon\", ",
            "\"action\": \"Do.\", \"tone\": \"Warm\", \"split\": \"test\"}\n",
            "{\"situation\": \"B\", \"history\": [], \"agent\": \"anchor\", \"action\": \"Go.\", \"tone\": \"Dry\", \"split\": \"val\"}\n",
            "{\"situation\": \"C\", \"agent\": \"anchor\", \"split\": \"val\"}\n",
            "{\"situation\": \"D\", \"split\": \"sometimes\"}\n",
        ),
    );
    let data = read_path(&file, &Reader::Jsonl(rows(&[], &[])), None).expect("read");
    assert_eq!(data.prompts(Some(SplitName::Test), None)[0].prompt, "A");
    assert_eq!(data.rows[0].history[0].speaker, "anchor");
    assert_eq!(data.rows[0].directive.as_ref().map(|d| d.0.as_str()), Some("beacon"));
    assert_eq!(data.refused.len(), 2);
}

#[test]
fn csv_knows_quotes() {
    let dir = folder();
    let text = "prompt,completion\n\"a, \"\"b\"\"\nand more\",yes\r\nplain \"quote,no\none\nlast,row";
    let file = write(dir.path(), "t.csv", text);
    let data = read_path(&file, &Reader::Csv(rows(&[], &[])), None).expect("read");
    let prompts: Vec<&str> = data.rows.iter().map(|r| r.prompt.as_str()).collect();
    assert_eq!(prompts, ["a, \"b\"\nand more", "plain \"quote", "last"]);
    assert_eq!(refused(&data), [(5, "has 1 fields under a header of 2")]);
}

#[test]
fn a_row_more_moves_no_other_between_splits() {
    let dir = folder();
    let line = |i: usize| format!("{{\"prompt\": \"situation {i}\"}}\n");
    let short = write(dir.path(), "a.jsonl", &(0..200).map(line).collect::<String>());
    let long = write(dir.path(), "b.jsonl", &(0..201).rev().map(line).collect::<String>());
    let reader = Reader::Jsonl(rows(&[], &[]));
    let of = |path: &Path, cut: Option<&Cut>| -> BTreeMap<String, SplitName> {
        let data = read_path(path, &reader, cut).expect("read");
        data.rows.iter().map(|r| (r.prompt.clone(), data.conversations[r.conversation].split)).collect()
    };
    let (a, b) = (of(&short, None), of(&long, None));
    assert!(a.iter().all(|(prompt, split)| b[prompt] == *split));
    let test = a.values().filter(|s| **s == SplitName::Test).count();
    assert!((8..=34).contains(&test), "{test} of 200 are test");
    let half = of(&short, Some(&Cut { train: 0.5, val: 0.0, test: 0.5 }));
    let test = half.values().filter(|s| **s == SplitName::Test).count();
    assert!((75..=125).contains(&test), "{test} of 200 are test");
}

#[test]
fn empathetic_dialogues_are_not_csv() {
    let dir = folder();
    write(
        dir.path(),
        "train.csv",
        concat!(
            "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags\n",
            "hit:0_conv:1,1,sad,My dog_comma_ Rex_comma_ died.,1,\"My dog died and never came back,5|5|5_5|5|5,\n",
            "hit:0_conv:1,2,sad,My dog_comma_ Rex_comma_ died.,2,I am sorry. ,5|5|5_5|5|5,,a|b|c\n",
            "hit:0_conv:1,3,sad,too,many,fields,in,this,row,here\n",
            "hit:1_conv:2,1,proud,I won,3,I won!,,\n",
        ),
    );
    let data = read_path(dir.path(), &Reader::EmpatheticDialogues {}, None).expect("read");
    assert_eq!(data.conversations.len(), 2);
    assert_eq!(data.conversations.iter().map(|c| c.turns).sum::<usize>(), 3);
    let asked: Vec<&str> = data.rows.iter().filter(|r| r.asked).map(|r| r.prompt.as_str()).collect();
    assert_eq!(asked, ["My dog, Rex, died.", "I won"]);
    let learnt = data.completions(None);
    assert_eq!(learnt[0].prompt, "\"My dog died and never came back");
    assert_eq!(learnt[0].completion.as_deref(), Some("I am sorry."));
    assert_eq!(refused(&data), [(4, "has 10 fields; 8 or 9 are its layout")]);
}

#[test]
fn esconv_reads_both_layouts_and_joins_what_one_side_says() {
    let dir = folder();
    let array = write(
        dir.path(),
        "FailedESConv.json",
        "[\n {\n  \"situation\": \"Lost [job] {x}\",\n  \"dialog\": [\n   {\"speaker\": \"speaker\", \"annotation\": {}, \"content\": \"Hi\\n\"},\n   \
         {\"speaker\": \"speaker\", \"content\": \"there\"},\n   {\"speaker\": \"listener\", \"content\": \"Hello\"}\n  ]\n },\n \
         {\n  \"situation\": \"x\"\n }\n]\n",
    );
    let data = read_path(&array, &Reader::Esconv {}, None).expect("read");
    assert_eq!(data.conversations[0].turns, 3);
    assert_eq!(data.completions(None)[0].prompt, "Hi\nthere");
    assert_eq!(refused(&data), [(10, "has no list `dialog`")]);
    let lines = write(
        dir.path(),
        "hub/valid.json",
        "{\"situation\": \"s\", \"dialog\": [{\"text\": \"a\", \"speaker\": \"sys\"}, {\"text\": \"b\", \"speaker\": \"usr\"}]}",
    );
    let data = read_path(lines.parent().expect("folder"), &Reader::Esconv {}, None).expect("read");
    assert_eq!(data.conversations[0].split, SplitName::Val);
    assert!(data.completions(None).is_empty());
}

#[test]
fn personachat_begins_again_at_one() {
    let dir = folder();
    let file = write(
        dir.path(),
        "p.txt",
        "1 your persona: i like tea .\n2 your persona: i run .\n3 hello\thi , tea ?\n4 sure\tgreat\n1 your persona: x .\n2 no tab here\n3 a\tb\n",
    );
    let data = read_path(&file, &Reader::Personachat {}, None).expect("read");
    assert_eq!(data.conversations.iter().map(|c| c.turns).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(data.rows[0].system.as_deref(), Some("i like tea .\ni run ."));
    assert_eq!(data.completions(None)[1].history.len(), 2);
    assert_eq!(refused(&data), [(6, "has no tab between the two speakers")]);
}

#[test]
fn dailydialog_ends_its_turns() {
    let dir = folder();
    let file = write(dir.path(), "d.txt", "Hi . __eou__ Hello ! __eou__ Bye __eou__\nno end\n");
    let data = read_path(&file, &Reader::Dailydialog {}, None).expect("read");
    assert_eq!(data.conversations[0].turns, 3);
    assert_eq!(data.completions(None)[0].completion.as_deref(), Some("Hello !"));
    assert_eq!(refused(&data), [(2, "does not end in `__eou__`")]);
}

#[test]
fn answers_of_problems_are_plain_numbers() {
    let dir = folder();
    let file = write(
        dir.path(),
        "g.jsonl",
        "{\"question\": \"q\", \"answer\": \"5*425=<<5*425=2125>>2125\\n#### 2,125\"}\n{\"question\": \"q\", \"answer\": \"none\"}\n",
    );
    let data = read_path(&file, &Reader::Gsm8k {}, None).expect("read");
    assert_eq!(data.rows[0].answer.as_deref(), Some("2125"));
    assert_eq!(data.rows[0].completion.as_deref(), Some("5*425=2125\n#### 2125"));
    assert_eq!(data.refused[0].line, 2);
    let file = write(
        dir.path(),
        "m.jsonl",
        "{\"problem\": \"p\", \"solution\": \"s\", \"answer\": \"\\\\frac{1}{2}\", \"level\": 3}\n{\"problem\": \"p\", \"level\": \"3\"}\n",
    );
    let data = read_path(&file, &Reader::Math500 {}, None).expect("read");
    assert_eq!(data.rows[0].answer.as_deref(), Some("\\frac{1}{2}"));
    assert_eq!(data.refused[0].why, "its `level` is no whole number");
}

#[test]
fn a_meeting_keeps_its_spans() {
    let dir = folder();
    let meeting = r#"{
    "general_query_list": [{"query": "Summarize the meeting", "answer": "They talked."}],
    "specific_query_list": [
        {"query": "What about tea?", "answer": "Tea is fine.", "relevant_text_span": [["2", "2"]]},
        {"query": "Beyond?", "answer": "No.", "relevant_text_span": [["2", "9"]]}
    ],
    "meeting_transcripts": [
        {"speaker": "The Chair (A, B)", "content": "Okay , {disfmarker} so ."},
        {"speaker": "B", "content": "{vocalsound}"},
        {"speaker": "B", "content": "Tea is   fine"}
    ]
}"#;
    write(dir.path(), "train/ES1.json", meeting);
    write(dir.path(), "test/Bed1.json", meeting);
    let data = read_path(dir.path(), &Reader::Qmsum { domains: vec![] }, None).expect("read");
    assert_eq!(data.conversations.iter().map(|c| c.turns).sum::<usize>(), 6);
    assert_eq!(data.rows[0].context.as_deref(), Some("The Chair (A, B): Okay , so .\nB: Tea is fine"));
    assert_eq!(data.rows[1].said(), "B: Tea is fine\n\nWhat about tea?");
    assert_eq!(refused(&data)[0], (5, "a span is 2 to 9 in a meeting of 3 turns"));
    let academic = read_path(dir.path(), &Reader::Qmsum { domains: vec!["academic".into()] }, None).expect("read");
    assert_eq!(academic.conversations.len(), 1);
}

#[test]
fn a_persona_is_known_by_any_of_its_spellings() {
    assert!(same_persona("The Anchor", "anchor"));
    assert!(same_persona("Action Guide", "action_guide"));
    assert!(!same_persona("The Anchor", "beacon"));
}

/// The folder of real data, kept beside the repository; `None` says so, as a test that is skipped must.
#[allow(clippy::disallowed_macros)]
fn shared(part: &str) -> Option<PathBuf> {
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("shared/data"));
    let found = near.into_iter().map(|data| data.join(part)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no ../shared/data/{part} beside the repository");
    }
    found
}

/// Conversations, turns and prompts over all splits, and rows refused.
fn totals(path: &Path, reader: &Reader) -> (usize, usize, usize, usize) {
    let shown = show(path, reader, None).expect("read");
    let sum = |of: fn(&super::show::Counts) -> usize| shown.splits.values().map(of).sum::<usize>();
    (sum(|c| c.conversations), sum(|c| c.turns), sum(|c| c.prompts), shown.refused.len())
}

#[test]
fn the_real_meetings_are_counted_as_their_readme_counts_them() {
    let Some(path) = shared("qmsum") else { return };
    let shown = show(&path, &Reader::Qmsum { domains: vec![] }, None).expect("read");
    let of = |split: &str| (shown.splits[split].conversations, shown.splits[split].turns, shown.splits[split].prompts);
    assert_eq!((of("train"), of("val"), of("test")), ((29, 14_498, 237), (35, 20_123, 272), (20, 12_055, 174)));
    assert!(shown.refused.is_empty());
    for (domain, meetings) in [("academic", 22), ("product", 47), ("committee", 15)] {
        assert_eq!(totals(&path, &Reader::Qmsum { domains: vec![domain.into()] }).0, meetings);
    }
    assert_eq!(totals(&path.join("jsonl/Academic_val.jsonl"), &Reader::Qmsum { domains: vec![] }).0, 9);
}

#[test]
fn the_real_chats_are_counted_as_their_readmes_count_them() {
    if let Some(path) = shared("empathetic_dialogues") {
        let reader = Reader::EmpatheticDialogues {};
        let counts = |name: &str| totals(&path.join(name), &reader);
        assert_eq!(counts("original_train_head.csv"), (17, 76, 17, 0));
        assert_eq!(counts("original_rows_with_candidates.csv"), (14, 53, 14, 0));
        assert_eq!(counts("reconstructed_valid.csv"), (2_770, 12_078, 2_770, 0));
        assert_eq!(counts("reconstructed_test_part.csv"), (1_274, 5_463, 1_274, 0));
        assert_eq!(counts("requoted_variant_valid_part.csv"), (94, 401, 94, 0));
    }
    if let Some(path) = shared("esconv") {
        let counts = |name: &str| totals(&path.join(name), &Reader::Esconv {});
        assert_eq!(counts("FailedESConv_part.json"), (146, 3_838, 146, 0));
        assert_eq!(counts("hf_layout/valid.json"), (195, 5_678, 195, 0));
        assert_eq!(counts("hf_layout/test_part.json"), (97, 3_076, 97, 0));
        assert_eq!(counts("hf_layout/train_part.json"), (300, 8_897, 300, 0));
    }
    if let Some(path) = shared("personachat/valid_self_original_no_cands_part.txt") {
        assert_eq!(totals(&path, &Reader::Personachat {}), (800, 2 * 6_244, 800, 0));
    }
    if let Some(path) = shared("dailydialog/dialogues_part.txt") {
        assert_eq!(totals(&path, &Reader::Dailydialog {}), (1_000, 8_229, 1_000, 0));
    }
}

#[test]
fn the_real_problems_are_counted_as_their_readmes_count_them() {
    if let Some(path) = shared("gsm8k") {
        assert_eq!(totals(&path.join("test_part.jsonl"), &Reader::Gsm8k {}), (1_119, 2_238, 1_119, 0));
        assert_eq!(totals(&path.join("train_first1000.jsonl"), &Reader::Gsm8k {}), (1_000, 2_000, 1_000, 0));
    }
    if let Some(path) = shared("math500/test_part.jsonl") {
        assert_eq!(totals(&path, &Reader::Math500 {}), (350, 700, 350, 0));
    }
}
