//! Readers on the real data sets of `../shared/data`, where they are at hand: counts are those of the READMEs there.

use std::path::{Path, PathBuf};

use mascot_run::task::{DataSpec, Reader};

use super::show::Counts;
use super::{Shown, show};

/// The folder of real data, kept beside the repository or named by `MASCOT_SHARED`; `None` says so, as a test that is skipped
/// must.
#[allow(clippy::disallowed_macros, clippy::disallowed_methods)]
fn shared(part: &str) -> Option<PathBuf> {
    let named = std::env::var_os("MASCOT_SHARED").map(|shared| PathBuf::from(shared).join("data"));
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("shared/data"));
    let found = named.into_iter().chain(near).map(|data| data.join(part)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no ../shared/data/{part} beside the repository");
    }
    found
}

fn shown(path: &Path, reader: &Reader) -> Shown {
    let spec = DataSpec {
        source: "data.source".into(),
        reader: reader.clone(),
        split: None,
        cut: None,
        max_len: None,
        limit: None,
    };
    show(path, &spec).expect("read")
}

/// Conversations, turns and prompts over all splits, and rows refused.
fn totals(path: &Path, reader: &Reader) -> (usize, usize, usize, usize) {
    let shown = shown(path, reader);
    let sum = |of: fn(&Counts) -> usize| shown.splits.all().iter().map(|(_, counts)| of(counts)).sum::<usize>();
    (sum(|c| c.conversations), sum(|c| c.turns), sum(|c| c.prompts), shown.refused.len())
}

fn domains(names: &[&str]) -> Reader {
    Reader::Qmsum { domains: names.iter().map(|name| (*name).to_owned()).collect() }
}

fn emotions(names: &[&str]) -> Reader {
    Reader::EmpatheticDialogues { emotions: names.iter().map(|name| (*name).to_owned()).collect() }
}

#[test]
fn the_real_meetings_are_counted_as_their_readme_counts_them() {
    let Some(path) = shared("qmsum") else { return };
    let all = shown(&path, &domains(&[]));
    let of = |counts: Counts| (counts.conversations, counts.turns, counts.prompts);
    let splits = (of(all.splits.train), of(all.splits.val), of(all.splits.test));
    assert_eq!(splits, ((29, 14_498, 237), (35, 20_123, 272), (20, 12_055, 174)));
    assert!(all.refused.is_empty());
    for (domain, meetings) in [("academic", 22), ("product", 47), ("committee", 15)] {
        assert_eq!(totals(&path, &domains(&[domain])).0, meetings);
    }
    assert_eq!(totals(&path, &domains(&["academic", "committee"])).0, 37);
    let lines = path.join("jsonl/Academic_val.jsonl");
    assert_eq!(totals(&lines, &domains(&[])).0, 9);
    assert_eq!(totals(&lines, &domains(&["academic"])).0, 9);
    assert_eq!(totals(&lines, &domains(&["product"])).0, 0);
    // One meeting by itself, with raw UTF-8 in it.
    assert_eq!(totals(&path.join("test/Bmr006.json"), &domains(&["academic"])).0, 1);
}

#[test]
fn the_real_chats_are_counted_as_their_readmes_count_them() {
    if let Some(path) = shared("empathetic_dialogues") {
        let counts = |name: &str| totals(&path.join(name), &emotions(&[]));
        assert_eq!(counts("original_train_head.csv"), (17, 76, 17, 0));
        assert_eq!(counts("original_rows_with_candidates.csv"), (14, 53, 14, 0));
        assert_eq!(counts("reconstructed_valid.csv"), (2_770, 12_078, 2_770, 0));
        assert_eq!(counts("reconstructed_test_part.csv"), (1_274, 5_463, 1_274, 0));
        assert_eq!(counts("requoted_variant_valid_part.csv"), (94, 401, 94, 0));
        let (mut chats, mut turns) = (0, 0);
        for emotion in ["afraid", "angry", "anxious", "grateful", "joyful", "lonely", "proud", "sad"] {
            let of = counts(&format!("intents/{emotion}.csv"));
            assert_eq!((of.0, of.3), (of.2, 0), "{emotion}: each chat has its situation");
            (chats, turns) = (chats + of.0, turns + of.1);
        }
        assert_eq!((chats, turns), (5_914, 13_222 + 12_159));
        // By emotion: the largest and the smallest that the README names.
        let valid = path.join("reconstructed_valid.csv");
        assert_eq!(totals(&valid, &emotions(&["surprised"])).0, 148);
        assert_eq!(totals(&valid, &emotions(&["faithful"])).0, 51);
        assert_eq!(totals(&valid, &emotions(&["faithful", "surprised"])).0, 199);
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

#[test]
fn rows_with_columns_are_read_from_the_real_files_too() {
    use mascot_run::task::Rows;
    let fields = |pairs: &[(&str, &str)]| Rows {
        fields: pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
        only: std::collections::BTreeMap::new(),
    };
    if let Some(path) = shared("mbti_machine_mindset/en_energy_extraversion_part.json") {
        let reader = Reader::Jsonl(fields(&[("prompt", "instruction"), ("completion", "output")]));
        assert_eq!(totals(&path, &reader), (500, 1_000, 500, 0));
    }
    if let Some(path) = shared("empathetic_dialogues/intents/sad.csv") {
        // Real CSV with quotes: records are fewer than lines only where a text has line ends of its own.
        let reader = Reader::Csv(fields(&[("prompt", "Text")]));
        let (rows, _, _, refused) = totals(&path, &reader);
        assert_eq!((rows, refused), (4_048, 0));
    }
}
