//! An edition 0 that never was, and what it takes to bring a file of it to edition 1.

use super::{Change, EDITIONS, Edition, Migrated, migrate, migrate_by};
use crate::check;
use crate::source::{Alone, FileId};

/// Edition 0, invented: a voice was a `system`, an `sft` stage was called `tune`, tokens were counted in `tokens`.
const INVENTED: &[Edition] = &[
    Edition { number: 0, changes: &[] },
    Edition {
        number: 1,
        changes: &[
            Change::Field { of: "persona", from: "system", to: "voice" },
            Change::Field { of: "sample", from: "length", to: "max_new" },
            Change::Stage { from: "tune", to: "sft" },
            Change::Call { from: "adapter", to: "lora" },
            Change::Argument { of: "lora", from: "size", to: "rank" },
            Change::Unit { from: "tokens", to: "tok" },
            Change::Word { field: "schedule", from: "flat", to: "constant" },
        ],
    },
];

const OLD: &str = r#"# A file of the edition before.
masc 0   # the zeroth

persona a "A" {
  system = "You are {{char}}: system = flat."   # not this `system`
}
persona b "B" { system = "Be brief." }

model m { weights = random(arch: "llama") }
dataset d { source = jsonl("d.jsonl"), max_len = 2_048 tokens }

# The stage was a `tune`.
stage s = tune for persona in [a, b] {
  policy = m; data = d.train
  schedule = flat
  adapter = adapter(size: 8, alpha: 16)
}

stage p = pairs for persona in [a, b] {
  from = s
  data = d
  judge = j.r
  sample = { n = 2, length = 60 tokens }
}
rubric r "R" { criterion c "C" 100% }
judge j { by = contrast(m); rubrics = [r] }

variant mute "No voice" { a.system = none }
"#;

const NEW: &str = r#"# A file of the edition before.
masc 1   # the zeroth

persona a "A" {
  voice = "You are {{char}}: system = flat."   # not this `system`
}
persona b "B" { voice = "Be brief." }

model m { weights = random(arch: "llama") }
dataset d { source = jsonl("d.jsonl"), max_len = 2_048 tok }

# The stage was a `tune`.
stage s = sft for persona in [a, b] {
  policy = m; data = d.train
  schedule = constant
  adapter = lora(rank: 8, alpha: 16)
}

stage p = pairs for persona in [a, b] {
  from = s
  data = d
  judge = j.r
  sample = { n = 2, max_new = 60 tok }
}
rubric r "R" { criterion c "C" 100% }
judge j { by = contrast(m); rubrics = [r] }

variant mute "No voice" { a.voice = none }
"#;

#[test]
fn an_older_file_becomes_one_of_the_newest_edition_with_its_comments() {
    let migrated = migrate_by(FileId(0), OLD, INVENTED).expect("it is a good file of its edition");
    let Migrated::Rewritten { from, to, text, changed } = migrated else { panic!("{migrated:?}") };
    assert_eq!((from, to, changed), (0, 1, 10));
    assert_eq!(text, NEW);
    let checked = check(&Alone { path: "main.masc", text: &text }, "main.masc", &[]);
    assert!(checked.program.is_some() && checked.diagnostics.is_empty(), "{:?}", checked.diagnostics.sorted());
    assert!(matches!(migrate_by(FileId(0), &text, INVENTED), Ok(Migrated::UpToDate)));
}

#[test]
fn an_edition_renames_what_the_one_before_it_renamed() {
    let table = [
        Edition { number: 1, changes: &[] },
        Edition { number: 2, changes: &[Change::Unit { from: "tok", to: "tokens" }] },
    ];
    let text = "\u{feff}masc 1\ndataset d { source = jsonl(\"d\"), max_len = 9 tok }\n";
    let Ok(Migrated::Rewritten { text, .. }) = migrate_by(FileId(0), text, &table) else { panic!("it is older") };
    assert_eq!(text, "\u{feff}masc 2\ndataset d { source = jsonl(\"d\"), max_len = 9 tokens }\n");
}

#[test]
fn only_the_edition_before_the_newest_is_brought_forward() {
    let table = [0, 1, 2].map(|number| Edition { number, changes: &[] });
    let told = migrate_by(FileId(0), "masc 0\n", &table).expect_err("two editions ago");
    assert_eq!(told.sorted()[0].code.0, "M0004");
    assert!(matches!(migrate_by(FileId(0), "masc 1\n", &table), Ok(Migrated::Rewritten { from: 1, to: 2, .. })));
}

#[test]
fn a_file_that_is_not_read_is_not_rewritten() {
    let told = migrate_by(FileId(0), "masc 0\npersona a \"A\" {\n  system = \"x\n}\n", INVENTED).expect_err("unclosed");
    assert_eq!(told.sorted().iter().map(|one| one.code.0).collect::<Vec<_>>(), ["M0010"]);
}

#[test]
fn today_there_is_nothing_to_migrate() {
    assert_eq!(EDITIONS.len(), 1, "an edition that is added brings its changes");
    for text in ["masc 1\n", "# first\n\nmasc 1\nlet x = 1\n"] {
        assert!(matches!(migrate(FileId(0), text), Ok(Migrated::UpToDate)), "{text}");
    }
    assert!(migrate(FileId(0), "masc 0\n").is_err() && migrate(FileId(0), "let x = 1\n").is_err());
}
