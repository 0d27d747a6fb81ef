//! Readers on small files of our own in the sources' layouts. The real ones are in `real`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mascot_run::engine::Fault;
use mascot_run::task::{Cut, Reader, Rows, SplitName};

use super::{Dataset, elements, read_path, same_persona};

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

fn empathetic(emotions: &[&str]) -> Reader {
    Reader::EmpatheticDialogues { emotions: emotions.iter().map(|one| (*one).to_owned()).collect() }
}

/// What a source that cannot be read is told to be.
fn fault(path: &Path, reader: &Reader) -> String {
    match read_path(path, reader, None).expect_err("a fault") {
        Fault::File { why, .. } | Fault::Data(why) => why,
        other => other.to_string(),
    }
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

    let file = write(dir.path(), "open.csv", "prompt,completion\na,b\nc,\"d\ne,f\n");
    let data = read_path(&file, &Reader::Csv(rows(&[], &[])), None).expect("read");
    assert_eq!(refused(&data), [(3, "a quote opens on line 3 and never closes")]);
    let file = write(dir.path(), "empty.csv", "");
    assert!(fault(&file, &Reader::Csv(rows(&[], &[]))).contains("is empty"));
}

#[test]
fn a_folder_has_the_splits_that_its_files_are_named_for() {
    let dir = folder();
    write(dir.path(), "train-00000-of-00001.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"split\": \"val\"}\n");
    write(dir.path(), "test_part.jsonl", "{\"prompt\": \"c\"}\n");
    let data = read_path(dir.path(), &Reader::Jsonl(rows(&[], &[])), None).expect("read");
    let of = |split| data.of(Some(split)).map(|row| row.prompt.as_str()).collect::<Vec<_>>();
    assert_eq!((of(SplitName::Train), of(SplitName::Val), of(SplitName::Test)), (vec!["a"], vec!["b"], vec!["c"]));
}

#[test]
fn a_slip_in_fields_is_told_and_not_left_unread() {
    let dir = folder();
    let file = write(dir.path(), "a.jsonl", "{\"prompt\": \"a\"}\n");
    let told = fault(&file, &Reader::Jsonl(rows(&[("promt", "prompt")], &[])));
    assert!(told.contains("`promt`") && told.contains("completion"), "{told}");
}

#[test]
fn bytes_that_are_no_utf8_are_told_by_line() {
    let dir = folder();
    let file = dir.path().join("latin.jsonl");
    std::fs::write(&file, b"{\"prompt\": \"a\"}\n{\"prompt\": \"caf\xe9\"}\n").expect("written");
    assert!(fault(&file, &Reader::Jsonl(rows(&[], &[]))).contains("line 2"));
}

#[test]
fn an_array_loses_no_element() {
    let text = "[\n {\"a\": \"]},\\\"\"},\n 3, \"x,y\",\n [1, 2]\n, nonsense {\"b\": 1}]\n";
    assert_eq!(
        elements(text),
        [(2, "{\"a\": \"]},\\\"\"}"), (3, "3"), (3, "\"x,y\""), (4, "[1, 2]"), (5, "nonsense {\"b\": 1}")]
    );
    assert_eq!(elements("[{\"a\": 1},\n{\"b\""), [(1, "{\"a\": 1}"), (2, "{\"b\"")]);
    assert_eq!(elements("[]"), []);
}

#[test]
fn parquet_is_read_as_another_writer_wrote_it() {
    let held = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let reader = Reader::Parquet(rows(&[("prompt", "given")], &[]));
    for packed in ["snappy", "gzip"] {
        let data = read_path(&held.join(format!("rows.{packed}.parquet")), &reader, None).expect("read");
        assert_eq!(data.rows.len(), 3, "{packed}");
        assert_eq!(data.rows[0].prompt, "It rains — still.");
        assert_eq!(data.rows[0].history[1].speaker, "The Beacon");
        assert_eq!(data.rows[1].completion.as_deref(), Some("Well done."));
        assert_eq!((data.rows[2].completion.as_deref(), data.rows[2].persona.as_deref()), (None, None));
        assert!(data.refused.is_empty());
    }
    let only = Reader::Parquet(rows(&[("prompt", "given")], &[("level", "1152921504606846976")]));
    let data = read_path(&held.join("rows.gzip.parquet"), &only, None).expect("read");
    assert_eq!(data.rows.iter().map(|row| row.prompt.as_str()).collect::<Vec<_>>(), ["I won £5."], "no float between");
    // Rows without what is asked for are refused by their number.
    let missing = Reader::Parquet(rows(&[("prompt", "nothing")], &[]));
    let data = read_path(&held.join("rows.snappy.parquet"), &missing, None).expect("read");
    assert_eq!(data.refused.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(fault(&held.join("rows.zstd.parquet"), &reader).contains("zstd"));
    let dir = folder();
    assert!(fault(&write(dir.path(), "no.parquet", "plain text"), &reader).contains("is not Parquet"));
}

#[test]
fn a_limit_takes_the_first_of_each_split() {
    let dir = folder();
    let line = |i: usize| format!("{{\"prompt\": \"{i}\", \"split\": \"{}\"}}\n", ["train", "test"][i % 2]);
    let file = write(dir.path(), "a.jsonl", &(0..10).map(line).collect::<String>());
    let data = read_path(&file, &Reader::Jsonl(rows(&[], &[])), None).expect("read").limited(Some(2));
    assert_eq!(data.conversations.len(), 4);
    assert_eq!(data.of(Some(SplitName::Test)).map(|row| row.prompt.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(data.of(None).count(), 4);
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
    let data = read_path(dir.path(), &empathetic(&[]), None).expect("read");
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
fn empathetic_dialogues_are_chosen_by_emotion() {
    let dir = folder();
    let header = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags";
    let text = format!("{header}\na,1,sad,S,1,s,,\na,2,sad,S,2,oh,,\nb,1,proud,P,1,p,,\nc,1,joyful,J,1,j,,");
    let file = write(dir.path(), "part.csv", &text);
    let asked = |reader: &Reader, file: &Path| {
        let data = read_path(file, reader, None).expect("read");
        (data.rows.iter().filter(|r| r.asked).map(|r| r.prompt.clone()).collect::<Vec<_>>(), refused(&data).len())
    };
    assert_eq!(asked(&empathetic(&["proud", "joyful"]), &file), (vec!["P".to_owned(), "J".to_owned()], 0));
    assert_eq!(asked(&empathetic(&[]), &file).0.len(), 3);
    // Numbers name no emotion, so nobody can say that such a chat is not one of those.
    let text = "conv_id,utterance_idx,prompt,utterance,label\nx,1,P,\"p, \"\"q\"\"\",8\nx,2,P,oh,8\n";
    let file = write(dir.path(), "requoted.csv", text);
    assert_eq!(asked(&empathetic(&["proud"]), &file), (vec![], 1));
    assert_eq!(asked(&empathetic(&[]), &file), (vec!["P".to_owned()], 0));
    // An intent file is of the emotion that it is named for; its labels are a classifier's.
    let text = "Dialog_ID,Type,Actor,Text,Label\ny,situation,none,S,sad\ny,utterance,speaker,s,sad\ny,utterance,listener,oh,questioning\n";
    let file = write(dir.path(), "proud.csv", text);
    assert_eq!(asked(&empathetic(&["proud"]), &file).0, ["S"]);
    let file = write(dir.path(), "some.csv", text);
    assert_eq!(asked(&empathetic(&["sad"]), &file).0, ["S"]);
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
    let whole = folder();
    write(whole.path(), "dialogues_text.txt", "Hi . __eou__ Hello ! __eou__\n");
    assert_eq!(read_path(whole.path(), &Reader::Dailydialog {}, None).expect("read").conversations.len(), 1);
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
fn meetings_are_found_in_every_layout_of_their_source() {
    let meeting = |what: &str| {
        format!(
            "{{\"general_query_list\": [{{\"query\": \"Sum up {what}\", \"answer\": \"A.\"}}], \"meeting_transcripts\": \
             [{{\"speaker\": \"A\", \"content\": \"{what}\"}}, {{\"speaker\": \"B\"}}]}}"
        )
    };
    let prompts = |path: &Path, domains: &[&str]| -> Vec<String> {
        let domains = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let data = read_path(path, &Reader::Qmsum { domains }, None).expect("read");
        data.rows.iter().map(|row| row.prompt.clone()).collect()
    };
    // The source's own: ALL holds what the domains hold, and its meetings' names need not tell.
    let dir = folder();
    for (domain, id) in [("Academic", "first"), ("Product", "second"), ("Committee", "third")] {
        write(dir.path(), &format!("data/{domain}/train/{id}.json"), &meeting(id));
        write(dir.path(), &format!("data/ALL/train/{id}.json"), &meeting(id));
    }
    write(dir.path(), "data/ALL/val/nowhere.json", &meeting("nowhere"));
    for path in [dir.path().to_owned(), dir.path().join("data")] {
        assert_eq!(prompts(&path, &[]).len(), 4);
        assert_eq!(prompts(&path, &["product"]), ["Sum up second"]);
    }
    let academic = Reader::Qmsum { domains: vec!["academic".into()] };
    let told = read_path(dir.path(), &academic, None).expect("read").refused;
    assert_eq!(
        told.iter().map(|r| r.file.as_str()).collect::<Vec<_>>(),
        ["data/ALL/val/nowhere.json", "data/ALL/train/first.json"].into_iter().rev().collect::<Vec<_>>()
    );
    assert!(told[1].why.contains("nothing tells its domain") && told[0].why.contains("turn 1"), "{told:?}");
    // Folders of domains alone, and one of them.
    std::fs::remove_dir_all(dir.path().join("data/ALL")).expect("removed");
    assert_eq!(prompts(&dir.path().join("data"), &["academic", "committee"]), ["Sum up first", "Sum up third"]);
    assert_eq!(prompts(&dir.path().join("data/Academic"), &["academic"]), ["Sum up first"]);
    assert_eq!(prompts(&dir.path().join("data/Academic"), &["product"]), Vec::<String>::new());
    // JSON lines where there are no meetings of their own; one file alone.
    let dir = folder();
    write(dir.path(), "Product/jsonl/test.jsonl", &format!("{}\n{}", meeting("one"), meeting("two")));
    let data = read_path(dir.path(), &Reader::Qmsum { domains: vec!["product".into()] }, None).expect("read");
    assert_eq!(data.prompts(Some(SplitName::Test), None).len(), 2);
    let one = write(dir.path(), "covid_9.json", &meeting("care"));
    assert_eq!(prompts(&one, &["committee"]), ["Sum up care"]);
    // A folder of something else says what it holds.
    let told = fault(&dir.path().join("Product/jsonl"), &academic);
    assert!(told.contains("train/*.json") && told.contains("it holds test.jsonl"), "{told}");
}

#[test]
fn a_persona_is_known_by_any_of_its_spellings() {
    assert!(same_persona("The Anchor", "anchor"));
    assert!(same_persona("Action Guide", "action_guide"));
    assert!(!same_persona("The Anchor", "beacon"));
}
