//! The five layers, always in one order, and where each value says that it comes from.

use super::{Files, check, checked_with, clean, told, words};
use crate::program::Point;
use crate::{Expanded, expand};

const MODELS: &str = "masc 1
model slow {
  weights = random(arch: \"llama\")
  dtype = bf16
}
";

const MAIN: &str = "masc 1
use \"./models.masc\" { slow }
persona a \"A\" { role = \"x\" }
model m extends slow { }
model n extends slow { dtype = q8 }
dataset d { source = jsonl(\"d.jsonl\") }
param k: int = 4 in 2..8 \"how many\"
stage s = sft for persona in [a] {
  policy = m
  data = d
  batch = k
  lr = 1e-3
  adapter = lora(rank: 4)
}
variant v \"V\" {
  s.lr = 2e-3
  m.dtype = f32
}
sweep rates { grid { s.lr = [3e-3, 4e-3] } }
";

fn expanded(sets: &[(&str, &str)], point: &Point) -> Vec<Expanded> {
    let sets: Vec<(String, String)> = sets.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
    let checked = check(&Files::of(&[("main.masc", MAIN), ("models.masc", MODELS)]), "main.masc", &sets);
    clean(&checked);
    let program = checked.at(point).unwrap_or_else(|found| panic!("{found:?}"));
    expand(&program, &checked.files)
}

#[track_caller]
fn is(all: &[Expanded], path: &str, expected: (&str, &str, Option<&str>, Option<u32>)) {
    let one = all.iter().find(|one| one.path == path).unwrap_or_else(|| panic!("no {path}"));
    assert_eq!((one.value.as_str(), one.layer, one.file.as_deref(), one.line), expected, "{path}");
}

#[test]
fn each_layer_is_put_over_the_one_before_and_every_value_says_which_it_is_of() {
    let base = expanded(&[], &Point::Base);
    let (main, models) = (Some("main.masc"), Some("models.masc"));
    is(&base, "s.a.warmup", ("0 steps", "default", None, None));
    is(&base, "m.dtype", ("bf16", "base", models, Some(4)));
    is(&base, "n.dtype", ("q8", "file", main, Some(5)));
    is(&base, "s.a.lr", ("0.001", "file", main, Some(12)));
    is(
        &base,
        "s.a.adapter",
        ("lora(active: always, alpha: 32, rank: 4, targets: [k, o, q, v])", "file", main, Some(13)),
    );
    let variant = expanded(&[], &Point::Variant("v".to_owned()));
    is(&variant, "s.a.lr", ("0.002", "point", main, Some(16)));
    is(&variant, "m.dtype", ("f32", "point", main, Some(17)));
    is(&variant, "n.dtype", ("q8", "file", main, Some(5)));
    let swept = expanded(&[], &Point::Sweep { name: "rates".to_owned(), index: 1 });
    is(&swept, "s.a.lr", ("0.004", "point", main, Some(19)));
    let set = expanded(&[("s.lr", "9e-3"), ("k", "8")], &Point::Variant("v".to_owned()));
    is(&set, "s.a.lr", ("0.009", "set", None, None));
    is(&set, "k", ("8", "set", None, None));
    is(&set, "s.a.batch", ("8", "file", main, Some(11)));
    is(&set, "m.dtype", ("f32", "point", main, Some(17)));
}

#[test]
fn every_value_that_somebody_wrote_has_a_file_and_a_line() {
    for point in [Point::Base, Point::Variant("v".to_owned()), Point::Sweep { name: "rates".to_owned(), index: 0 }] {
        let all = expanded(&[("s.lr", "9e-3")], &point);
        assert!(all.len() > 25, "{}", all.len());
        for one in all {
            let placed = one.file.is_some() && one.line.is_some();
            assert_eq!(placed, matches!(one.layer, "base" | "file" | "point"), "{one:?}");
        }
    }
}

#[test]
fn a_param_keeps_to_its_range_whoever_sets_it() {
    let text =
        "masc 1\nparam k: int = 4 in 2..8 \"how many\"\nvariant v \"V\" { k = 9 }\nsweep w { grid { k = [3, 1] } }\n";
    let found = checked_with(text, &[]);
    assert_eq!(told(&found), ["M0313@3", "M0313@4"], "{}", words(&found));
    let set = checked_with("masc 1\nparam k: int = 4 in 2..8 \"how many\"\n", &[("k", "9")]);
    assert_eq!(told(&set), ["M0313@1"], "{}", words(&set));
}

#[test]
fn lists_are_set_added_to_and_taken_from_in_every_layer() {
    let text = "masc 1
persona a \"A\" { never = [\"x\", \"y\"] }
persona b \"B\" extends a {
  never += [\"z\"]
  never -= [\"x\"]
}
variant v \"V\" { b.never += [\"w\"] }
variant w \"W\" { b.never = [] }
";
    let found = checked_with(text, &[]);
    clean(&found);
    let never = |point: &Point| {
        let all = expand(&found.at(point).expect("it is clean"), &found.files);
        all.into_iter().find(|one| one.path == "b.never").map(|one| one.value)
    };
    assert_eq!(never(&Point::Base).as_deref(), Some("[\"y\", \"z\"]"));
    assert_eq!(never(&Point::Variant("v".to_owned())).as_deref(), Some("[\"y\", \"z\", \"w\"]"));
    assert_eq!(never(&Point::Variant("w".to_owned())).as_deref(), Some("[]"));
}

/// Limits, at the last that is let through and the first that is not.
#[test]
fn limits_are_where_the_language_says() {
    let nested = |depth: usize| format!("masc 1\nlet x = {}1{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(told(&checked_with(&nested(64), &[])), Vec::<String>::new());
    assert_eq!(told(&checked_with(&nested(65), &[])), ["M0007@2"]);
    let sized = |bytes: usize| format!("masc 1\n#{}\n", "x".repeat(bytes - 9));
    assert_eq!(told(&checked_with(&sized(1 << 20), &[])), Vec::<String>::new());
    assert_eq!(told(&checked_with(&sized((1 << 20) + 1), &[])), ["M0001@1"]);
    let faulty = |count: usize| {
        (1..=count).map(|at| format!("let x{at} = 1k\n")).fold("masc 1\n".to_owned(), |all, one| all + &one)
    };
    assert_eq!(told(&checked_with(&faulty(100), &[])).len(), 100);
    let over = checked_with(&faulty(130), &[]);
    assert_eq!((told(&over).len(), told(&over)[100].as_str()), (101, "M0009@102"));
    assert!(words(&over).contains("and 30 more"), "{}", words(&over));
}
