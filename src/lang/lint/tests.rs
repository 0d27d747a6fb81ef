//! What lint leaves alone: the repository's own programs, what is allowed with a reason, what a library is for.

use crate::check::tests::{Files, checked, words};
use crate::lint::lint;
use crate::{Checked, check};

fn told(checked: &Checked) -> Vec<String> {
    lint(checked)
        .sorted()
        .iter()
        .map(|one| {
            let at = checked.files.position(one.primary.span.file, one.primary.span.start);
            format!("{}@{}", one.code.0, at.line)
        })
        .collect()
}

const GROUP: &str = "masc 1
model base { weights = random(arch: \"llama\") }
dataset talks { source = jsonl(\"t.jsonl\") }
persona a \"A\" { role = \"first\" }
persona b \"B\" { role = \"second\" }
reward brief { score = finished() }
stage voices = grpo for persona in [a, b] {
  policy = base
  reward = brief
  data = talks.train
  group = 2
}
";

#[test]
fn what_is_allowed_is_not_told_on_its_line_or_the_one_below() {
    assert_eq!(told(&checked(GROUP)), ["M0930@11"]);
    let allowed = |comment: &str| told(&checked(&GROUP.replace("  group = 2", comment)));
    assert!(allowed("  # lint: allow M0930 \"memory\"\n  group = 2").is_empty());
    assert!(allowed("  group = 2 # lint: allow M0930 \"memory\"").is_empty());
    assert!(allowed("  # lint: allow M0930 \"memory\"\n  # Why two.\n  group = 2").is_empty());
    // Two lines further it says nothing, and is told.
    assert_eq!(allowed("  group = 2\n\n  # lint: allow M0930 \"memory\"\n  lr = 1e-5"), ["M0930@11", "M0903@13"]);
    assert_eq!(allowed("  # lint: allow M0930\n  group = 2"), ["M0901@11"]);
    assert_eq!(allowed("  # lint: allow everything\n  group = 2"), ["M0901@11", "M0930@12"]);
}

#[test]
fn prose_allows_nothing() {
    let text = GROUP.replace(
        "{ role = \"first\" }",
        "{\n  voice = \"\"\"md\n    # lint: allow M0930 \"why\"\n    Speak.\n    \"\"\"\n}",
    );
    assert_eq!(told(&checked(&text)), ["M0930@16"], "\n{}", words(&checked(&text)));
}

#[test]
fn several_codes_share_a_reason() {
    let text = GROUP.replace("  group = 2", "  group = 2; lr = 1e-7  # lint: allow M0930, M0931 \"a smoke test\"");
    assert_eq!(told(&checked(&text)), ["M0901@11"; 0], "{}", words(&checked(&text)));
}

#[test]
fn a_program_with_errors_is_told_them_alone() {
    let checked = checked(&GROUP.replace("policy = base", "policy = bse"));
    assert_eq!(told(&checked).len(), checked.diagnostics.sorted().len());
    assert!(told(&checked).iter().all(|one| !one.starts_with("M09")));
}

#[test]
fn what_an_import_does_is_told_at_the_import_and_the_library_is_its_own() {
    let library = "masc 1\nuse \"std/rewards.masc\" { bare_contrast }\nreward mine extends bare_contrast { score = contrast() }\n";
    let files = Files::of(&[
        ("main.masc", "masc 1\nuse \"./lib.masc\" { mine }\nreward other extends mine { clip = -1..1 }\n"),
        ("lib.masc", library),
    ]);
    let checked = check(&files, "main.masc", &[]);
    let all = lint(&checked);
    let places: Vec<(&str, &str)> =
        all.sorted().iter().map(|one| (one.code.0, checked.files.file(one.primary.span.file).path.as_str())).collect();
    assert!(places.contains(&("M0920", "lib.masc")), "{places:?}");
    assert!(!places.iter().any(|(_, path)| path.starts_with("std/")), "{places:?}");
}
