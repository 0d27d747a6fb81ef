use super::{Change, Side, changes};
use crate::source::Alone;
use crate::{Checked, check};

const PROGRAM: &str = r#"masc 1
experiment e "E" { seed = 7 }
param k: int = 4 in 2..8 "candidates"
model base { weights = random(arch: "llama", hidden: 8, layers: 1, heads: 1, kv_heads: 1, ffn: 8) }
dataset lines { source = jsonl("lines.jsonl") }
dataset situations { source = jsonl("situations.jsonl") }
persona anchor "The Anchor" {
  voice = "Comfort the user by naming the emotion."
  example { given = "I failed."; says = "That hurts." }
}
persona beacon "The Beacon" {
  voice = "Praise the user for a strength."
  example { given = "I failed."; says = "You tried." }
}
let crew = [anchor, beacon]
rubric kindness "Kindness" {
  scale = 1..5
  criterion warmth "Is warm" 75% { low = "cold" }
  criterion tact "Is tactful" 25%
}
secret key from env "KEY"
judge far { by = openai("https://one.example/v1", "a-model"), rubrics = [kindness], auth = key }
reward kind { score = normalise(far.kindness) + 0.1 * finished() }
stage sounding = sft for persona in crew { policy = base; data = lines; adapter = lora(rank: 4) }
stage preferences = pairs for persona in crew {
  from = sounding
  data = situations.train
  sample = { n = k, max_new = 16 tok }
  judge = far.kindness
}
stage voices = grpo for persona in crew {
  policy = sounding
  reward = kind
  data = situations.train
  steps = 4 steps
  kl = { beta = 0.02 }
}
stage measured = evaluate {
  subjects = [voices, baseline(zero_shot)]
  metrics = [far.kindness, finished()]
  data = situations.test
  gate delta(voices, baseline(zero_shot)) > 0 else "no gain"
}
"#;

#[track_caller]
fn checked(text: &str) -> Checked {
    let checked = check(&Alone { path: "main.masc", text }, "main.masc", &[]);
    assert!(checked.program.is_some(), "{:#?}\n{text}", checked.diagnostics);
    checked
}

/// What the edits, from text to text, come to.
#[track_caller]
fn edited(edits: &[(&str, &str)]) -> Vec<Change> {
    let mut text = PROGRAM.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let (a, b) = (checked(PROGRAM), checked(&text));
    changes(Side::of(&a).unwrap(), Side::of(&b).unwrap())
}

/// `class entity field`, in order.
#[track_caller]
fn told(edits: &[(&str, &str)]) -> Vec<String> {
    let all = edited(edits);
    all.iter().map(|one| format!("{} {} {}", one.class.word(), one.entity, one.field).trim_end().to_owned()).collect()
}

#[test]
fn layout_comments_order_and_spelling_are_no_change() {
    assert!(edited(&[]).is_empty());
    assert!(edited(&[("{ seed = 7 }", "{\n  # why\n  seed = 7\n}\n")]).is_empty());
    assert!(edited(&[("beta = 0.02", "beta = 2e-2")]).is_empty());
    let line = "dataset lines { source = jsonl(\"lines.jsonl\") }\n";
    let moved = PROGRAM.replace(line, "") + line;
    assert!(edited(&[(PROGRAM, &moved)]).is_empty());
}

#[test]
fn a_value_is_told_at_its_entity_with_its_class() {
    let mut wrong = Vec::new();
    for (from, to, want) in [
        ("for a strength.", "for one strength.", "behaviour persona beacon voice"),
        ("The Anchor", "An Anchor", "behaviour persona anchor title"),
        ("steps = 4", "steps = 5", "training stage voices steps"),
        ("beta = 0.02", "beta = 0.05", "training stage voices kl.beta"),
        ("seed = 7", "seed = 8", "training experiment e seed"),
        ("rank: 4", "rank: 8", "training stage sounding adapter"),
        ("0.1 * finished()", "0.2 * finished()", "objective reward kind score"),
        ("\"lines.jsonl\"", "\"other.jsonl\"", "data dataset lines source"),
        ("data = situations.test", "data = situations.val", "data stage measured data"),
        ("low = \"cold\"", "low = \"icy\"", "objective rubric kindness criterion warmth.low"),
        ("one.example", "two.example", "where judge far by"),
        ("\"a-model\"", "\"b-model\"", "objective judge far by"),
        ("env \"KEY\"", "env \"OTHER\"", "where secret key env"),
        ("finished()]", "finished(), leak()]", "topology stage measured metrics"),
        ("far.kindness, finished()]", "finished()]", "objective stage measured metrics"),
        ("> 0 else", "> 0.1 else", "topology stage measured gate"),
        ("says = \"You tried.\"", "says = \"You won.\"", "behaviour persona beacon example 1.says"),
        ("hidden: 8, layers: 1", "hidden: 16, layers: 1", "training model base weights"),
        ("steps = 4 steps", "steps = 4 steps\n  lr = 1e-4", "training stage voices lr"),
        ("steps = 4 steps", "steps = 4 steps\n  group = 6", "training stage voices group"),
        ("steps = 4 steps", "steps = 4 steps\n  sample = { max_new = 9 tok }", "training stage voices sample.max_new"),
        ("steps = 4 steps", "steps = 4 steps\n  advantage = { scale = none }", "training stage voices advantage.scale"),
        ("max_new = 16 tok", "max_new = 24 tok", "training stage preferences sample.max_new"),
        ("judge = far.kindness\n}", "judge = far.kindness\n  min_gap = 1\n}", "training stage preferences min_gap"),
        ("data = lines;", "data = lines; epochs = 5 epochs;", "training stage sounding epochs"),
        ("rubrics = [kindness], auth", "rubrics = [kindness], votes = 3, auth", "objective judge far votes"),
        ("rubrics = [kindness], auth", "rubrics = [kindness], swap = true, auth", "objective judge far swap"),
        ("rubrics = [kindness], auth", "rubrics = [kindness], timeout = 9 s, auth", "cosmetic judge far timeout"),
        ("\"Is warm\" 75%", "\"Feels warm\" 75%", "objective rubric kindness criterion warmth.title"),
        ("scale = 1..5", "scale = 1..7", "objective rubric kindness scale"),
        ("rubric kindness \"Kindness\"", "rubric kindness \"Care\"", "objective rubric kindness title"),
        ("data = situations.test", "data = situations.test\n  bootstrap = 50", "objective stage measured bootstrap"),
        ("baseline(zero_shot)]", "baseline(zero_shot), baseline(few_shot)]", "topology stage measured subjects"),
        (
            "says = \"That hurts.\" }",
            "says = \"That hurts.\" }\n  example { given = \"x\"; says = \"y\" }",
            "behaviour persona anchor example 2",
        ),
        ("voice = \"Comfort", "never = [\"flattery\"]\n  voice = \"Comfort", "behaviour persona anchor never"),
        ("experiment e \"E\"", "experiment e \"F\"", "cosmetic experiment e title"),
        ("reward = kind\n", "reward = kind\n  warmup = 1 step\n", "training stage voices warmup"),
        ("score = normalise", "clip = -1..1\n  score = normalise", "objective reward kind clip"),
        ("seed = 7 }", "seed = 7; question = \"why?\" }", "cosmetic experiment e question"),
        ("data = situations.train\n  sample", "data = situations.val\n  sample", "data stage preferences data"),
        ("from = sounding", "from = base", "training stage preferences from"),
        ("> 0 else \"no gain\"", "> 0 else \"nothing gained\"", "topology stage measured gate"),
        ("data = situations.test", "data = situations.test\n  prompts = 3", "objective stage measured prompts"),
        ("judge = far.kindness\n}", "judge = far.kindness\n  prompts = 3\n}", "training stage preferences prompts"),
        ("policy = sounding", "policy = base", "training stage voices policy"),
        ("from env \"KEY\"\n", "from env \"KEY\"\nbudget b { money = 1 usd }\n", "where budget b"),
    ] {
        let found = told(&[(from, to)]);
        if found != [want] {
            wrong.push(format!("{from} → {to}: {found:?}, not {want}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_a_name_reaches_is_told_once_at_the_name() {
    assert_eq!(told(&[("= 4 in", "= 6 in")]), ["training param k"]);
    let value = |one: Change| (one.from.unwrap_or_default(), one.to.unwrap_or_default());
    assert_eq!(value(edited(&[("= 4 in", "= 6 in")]).remove(0)), ("4".to_owned(), "6".to_owned()));
    let crew = edited(&[("[anchor, beacon]", "[anchor]")]).remove(0);
    assert_eq!(value(crew), ("[anchor, beacon]".to_owned(), "[anchor]".to_owned()));
    let crew = told(&[("[anchor, beacon]", "[anchor]")]);
    assert_eq!(crew, ["topology let crew"]);
    // A criterion's weights are of the rubric, however many stages ask for it.
    let weights = told(&[("75% {", "60% {"), ("tactful\" 25%", "tactful\" 40%")]);
    assert_eq!(
        weights,
        ["objective rubric kindness criterion tact.weight", "objective rubric kindness criterion warmth.weight"]
    );
    // An example is part of the yardstick where a metric compares by it.
    let read = [("finished()]", "contrast(base)]"), ("You tried.", "You won.")];
    assert!(told(&read).contains(&"objective persona beacon example 1.says".to_owned()), "{:?}", told(&read));
}

#[test]
fn a_name_is_as_strict_as_what_it_reaches() {
    let with = |declared: &str, from: &str, to: &str, edit: (&str, &str)| {
        let declared = format!("param k: int = 4 in 2..8 \"candidates\"\n{declared}\n");
        let before = PROGRAM.replace("param k: int = 4 in 2..8 \"candidates\"\n", &declared).replace(from, to);
        assert!(before.contains(edit.0) && before != PROGRAM, "{before}");
        let (a, b) = (checked(&before), checked(&before.replace(edit.0, edit.1)));
        let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
        all.iter().map(|one| format!("{} {}", one.class.word(), one.entity)).collect::<Vec<_>>()
    };
    // A gate, the reward, two fields of two classes, a name behind a name, nothing at all.
    assert_eq!(
        with("param bar: float = 0", "> 0 else", "> bar else", ("float = 0", "float = 0.5")),
        ["topology param bar"]
    );
    assert_eq!(with("let w = 0.1", "0.1 * finished", "w * finished", ("w = 0.1", "w = 0.2")), ["objective let w"]);
    assert_eq!(
        with("let w = 0.1\nlet v = w", "0.1 * finished() }", "v * finished() }", ("w = 0.1", "w = 0.2")),
        ["objective let w"]
    );
    assert_eq!(
        with("let s = \"x.jsonl\"", "jsonl(\"situations.jsonl\")", "jsonl(s)", ("x.jsonl", "y.jsonl")),
        ["data let s"]
    );
    assert_eq!(
        with("let unused = 1", "beta = 0.02", "beta = 2e-2", ("unused = 1", "unused = 2")),
        ["cosmetic let unused"]
    );
}

#[test]
fn what_a_variant_or_a_sweep_sets_is_as_strict_as_the_field_that_it_sets() {
    let ends = |before: &str, after: &str| {
        let (a, b) = (checked(&(PROGRAM.to_owned() + before)), checked(&(PROGRAM.to_owned() + after)));
        let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
        all.iter().map(|one| format!("{} {}", one.class.word(), one.place())).collect::<Vec<_>>()
    };
    let variant = |body: &str| format!("variant v \"V\" {{ {body} }}\n");
    assert_eq!(
        ends(&variant("voices.steps = 2 steps"), &variant("voices.steps = 3 steps")),
        ["training variant v voices.steps"]
    );
    assert_eq!(ends(&variant("k = 5"), &variant("k = 6")), ["training variant v k"]);
    assert_eq!(ends(&variant("k = 5"), &variant("k = 5; crew.*.voice = none")), ["behaviour variant v crew.*.voice"]);
    assert_eq!(ends(&variant("kind.clip = -1..1"), &variant("kind.clip = -2..2")), ["objective variant v kind.clip"]);
    // Written otherwise, and the same.
    assert_eq!(ends(&variant("voices.lr = 1e-4"), &variant("voices.lr = 0.0001")), Vec::<String>::new());
    assert_eq!(ends("", &variant("k = 5")), ["topology variant v"]);
    let sweep = |axis: &str| format!("sweep s {{ grid {{ {axis} }} }}\n");
    assert_eq!(ends(&sweep("voices.lr = [1e-4]"), &sweep("voices.lr = [1e-4, 1e-3]")), ["training sweep s voices.lr"]);
    assert_eq!(
        ends(&sweep("voices.lr = [1e-4]"), &sweep("kind.clip = [-1..1]")),
        ["objective sweep s kind.clip", "training sweep s voices.lr"]
    );
    // What a name reaches, as where it is declared; and the data of a table.
    assert_eq!(ends(&variant("k = 5"), &variant("k = 5; crew = [anchor]")), ["topology variant v crew"]);
}

#[test]
fn who_reads_it_makes_it_stricter() {
    let model = [("hidden: 8, layers: 1", "hidden: 16, layers: 1")];
    // `base` speaks only, and then it judges too.
    assert_eq!(told(&model), ["training model base weights"]);
    let local = [("by = openai(\"https://one.example/v1\", \"a-model\")", "by = local(base)"), (", auth = key", "")];
    let found = told(&[&local[..], &model].concat());
    assert!(found.contains(&"objective model base weights".to_owned()), "{found:?}");
    // A persona that nobody measures by, beside one of the crew.
    let lone = "persona lone \"Lone\" { example { given = \"a\"; says = \"b\" } }\n";
    let before = PROGRAM.replace("finished()]", "contrast(base)]") + lone;
    let (a, b) = (checked(&before), checked(&before.replace("says = \"b\"", "says = \"c\"")));
    let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
    assert_eq!((all.len(), all[0].class.word()), (1, "behaviour"), "{all:#?}");
}

#[test]
fn texts_are_counted_and_data_knows_where_it_is_measured() {
    let voice = edited(&[("for a strength.", "for one strength that shows.")]);
    assert_eq!(voice[0].words, Some((6, 8)));
    assert_eq!(edited(&[("steps = 4", "steps = 5")])[0].words, None);
    let data = edited(&[("\"lines.jsonl\"", "\"other.jsonl\"")]);
    assert_eq!(data[0].evaluates, ["measured"]);
    let unread = PROGRAM.to_owned() + "dataset spare { source = jsonl(\"s.jsonl\") }\n";
    let (a, b) = (
        checked(&unread),
        checked(&unread.replace("s.jsonl\") }\n", "t.jsonl\") }\n").replace("situationt.jsonl", "situations.jsonl")),
    );
    let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
    assert!(all.iter().any(|one| one.entity == "dataset spare" && one.evaluates.is_empty()), "{all:#?}");
}

#[test]
fn a_renamed_entity_is_one_change_and_what_names_it_none() {
    let all = edited(&[("sounding", "first_words")]);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((all[0].entity.as_str(), all[0].class.word()), ("stage first_words", "cosmetic"));
    assert_eq!(all[0].renamed_from.as_deref(), Some("sounding"));
    let all = edited(&[("anchor", "harbour")]);
    assert_eq!(all.len(), 1, "{all:#?}");
    // Several at once, each known by what it names once that is known; and the experiment, which is one a file.
    let all =
        edited(&[("lines", "rows"), ("rows.jsonl", "lines.jsonl"), ("sounding", "tuned"), ("voices", "speakers")]);
    assert!(all.iter().all(|one| one.renamed_from.is_some()), "{all:#?}");
    assert_eq!(all.len(), 3, "{all:#?}");
    let all = told(&[("experiment e \"E\" { seed = 7 }", "experiment f \"E\" { seed = 8 }")]);
    assert_eq!(all, ["training experiment f seed", "cosmetic experiment f"]);
}

#[test]
fn a_member_of_another_kind_is_told_by_its_kind() {
    let found = told(&[(
        "sounding = sft for persona in crew { policy = base; data = lines; adapter",
        "sounding = kto for persona in crew { policy = base; episodes = lines; adapter",
    )]);
    assert_eq!(found.first().map(String::as_str), Some("topology stage sounding kind"), "{found:?}");
}

#[test]
fn what_comes_and_goes_is_told_whole() {
    let stage = "stage again = sft { policy = base; data = lines }\n";
    let all = edited(&[(PROGRAM, &(PROGRAM.to_owned() + stage))]);
    assert_eq!((all.len(), all[0].entity.as_str(), all[0].class.word()), (1, "stage again", "topology"));
    assert!(all[0].from.is_none() && all[0].to.is_some());
    let criterion = told(&[("  criterion tact \"Is tactful\" 25%\n", ""), ("75%", "100%")]);
    assert_eq!(
        criterion,
        ["objective rubric kindness criterion tact", "objective rubric kindness criterion warmth.weight"]
    );
}

#[test]
fn the_order_of_what_a_model_reads_is_a_change() {
    let tact = "  criterion tact \"Is tactful\" 25%\n";
    let all = edited(&[(tact, ""), ("  criterion warmth", &format!("{tact}  criterion warmth"))]);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!((all[0].class.word(), all[0].place().as_str()), ("objective", "rubric kindness criterion"));
    assert_eq!((all[0].from.as_deref(), all[0].to.as_deref()), (Some("warmth, tact"), Some("tact, warmth")));
    let more = "  example { given = \"It rains.\"; says = \"Come in.\" }\n";
    let before = PROGRAM.replace(
        "  example { given = \"I failed.\"; says = \"You tried.\" }\n",
        &format!(
            "{more}\
        \x20 example {{ given = \"I failed.\"; says = \"You tried.\" }}\n"
        ),
    );
    let lines = |program: &str| {
        let moved = program.replace(more, "").replace("You tried.\" }\n", &format!("You tried.\" }}\n{more}"));
        let (a, b) = (checked(program), checked(&moved));
        let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
        all.iter()
            .map(|one| format!("{} {} {:?} {:?}", one.class.word(), one.place(), one.from, one.to))
            .collect::<Vec<_>>()
    };
    let moved = "persona beacon example Some(\"1, 2\") Some(\"2, 1\")";
    assert_eq!(lines(&before), [format!("behaviour {moved}")]);
    // Inherited, it is told where it stands.
    let heir = before.clone() + "persona heir \"The Heir\" extends beacon { voice = \"Wait.\" }\n";
    assert_eq!(lines(&heir), [format!("behaviour {moved}")]);
    assert_eq!(lines(&before.replace("finished()]", "contrast(base)]")), [format!("objective {moved}")]);
    // One that came between is no other order.
    let came = told(&[("  criterion warmth", "  criterion calm \"Is calm\" 25%\n  criterion warmth"), ("75%", "50%")]);
    assert_eq!(came, ["objective rubric kindness criterion calm", "objective rubric kindness criterion warmth.weight"]);
}

#[test]
fn what_is_renamed_and_edited_is_one_entity_with_its_edit() {
    for (name, to, from, edit, want) in [
        (
            "measured",
            "table",
            "metrics = [far.kindness, finished()]",
            "metrics = [finished()]",
            "objective stage table metrics",
        ),
        ("measured", "table", "data = situations.test", "data = situations.val", "data stage table data"),
        ("base", "found", "layers: 1", "layers: 2", "training model found weights"),
        (
            "lines",
            "rows",
            "jsonl(\"rows.jsonl\")",
            "jsonl(\"lines.jsonl\"); max_len = 9 tok",
            "data dataset rows max_len",
        ),
        ("kind", "kindly", "0.1 * finished", "0.2 * finished", "objective reward kindly score"),
        ("far", "afar", "\"a-model\"", "\"b-model\"", "objective judge afar by"),
        ("k", "many", "= 4 in", "= 6 in", "training param many"),
        ("crew", "us", "[anchor, beacon]", "[anchor]", "topology let us"),
    ] {
        // As a word alone.
        let renamed = PROGRAM.split_inclusive(|letter: char| !letter.is_alphanumeric() && letter != '_').map(|part| {
            let word = part.trim_end_matches(|letter: char| !letter.is_alphanumeric() && letter != '_');
            if word == name { part.replace(name, to) } else { part.to_owned() }
        });
        let renamed: String = renamed.collect();
        assert!(renamed.contains(from), "{from}: {renamed}");
        let (a, b) = (checked(PROGRAM), checked(&renamed.replace(from, edit)));
        let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
        let told = |one: &&Change| one.renamed_from.is_none();
        let edits: Vec<String> =
            all.iter().filter(told).map(|one| format!("{} {}", one.class.word(), one.place())).collect();
        assert_eq!(edits, [want], "{all:#?}");
        let rename = all.iter().find(|one| one.renamed_from.as_deref() == Some(name));
        assert_eq!(rename.map(|one| one.class.word()), Some("cosmetic"), "{all:#?}");
    }
    // A table that has nothing of the one that went is no rename, and what went measured by another yardstick.
    let table = &PROGRAM[PROGRAM.find("stage measured").unwrap()..];
    let other = "stage other = evaluate { subjects = [sounding]; metrics = [leak()]; data = lines.val }\n";
    let all = told(&[(table, other)]);
    assert_eq!(all, ["objective stage measured", "topology stage other"]);
    assert_eq!(told(&[(table, "")]), ["topology stage measured"]);
}

#[test]
fn a_change_stands_where_it_was_made_and_never_reads_the_same_on_both_sides() {
    let adapter = "adapter = lora(rank: 4)";
    let before = PROGRAM
        .replace(adapter, "adapter = persona.adapter")
        .replace("voice = \"Comfort", &format!("{adapter}\n  never = [\"flattery\"]\n  voice = \"Comfort"))
        .replace(
            "persona beacon \"The Beacon\" {",
            "persona beacon \"The Beacon\" extends anchor {\n  never += [\"haste\"]",
        );
    for (from, to, want) in [
        ("rank: 4", "rank: 8", "training persona anchor adapter"),
        ("[\"flattery\"]", "[\"flattery\", \"pity\"]", "behaviour persona anchor never"),
    ] {
        let (a, b) = (checked(&before), checked(&before.replace(from, to)));
        let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
        let places: Vec<String> = all.iter().map(|one| format!("{} {}", one.class.word(), one.place())).collect();
        assert_eq!(places, [want], "{all:#?}");
        assert!(all.iter().all(|one| one.from != one.to), "{all:#?}");
    }
    let clip = PROGRAM.replace("reward kind {", "reward kind { clip = -1..1;");
    let (a, b) = (checked(&clip), checked(PROGRAM));
    let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
    assert_eq!((all.len(), all[0].place().as_str()), (1, "reward kind clip"), "{all:#?}");
    let gate = &edited(&[("> 0 else \"no gain\"", "> 0 else \"nothing gained\"")])[0];
    assert!(gate.from.as_ref().unwrap().ends_with("else \"no gain\""), "{gate:#?}");
    // One way to one file.
    assert!(edited(&[("jsonl(\"lines.jsonl\")", "jsonl(\"./lines.jsonl\")")]).is_empty());
}

#[test]
fn the_crew_of_a_contrast_that_measures_is_part_of_the_yardstick() {
    let contrast = ("finished()]", "contrast(base)]");
    let before = PROGRAM.replace(contrast.0, contrast.1);
    let with = |crew: &str| {
        let (a, b) = (checked(&before), checked(&before.replace("[anchor, beacon]", crew)));
        let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
        all.iter().map(|one| format!("{} {}", one.class.word(), one.place())).collect::<Vec<_>>()
    };
    assert_eq!(with("[anchor]"), ["objective let crew"]);
    assert_eq!(with("[beacon, anchor]"), ["topology let crew"]);
}

#[test]
fn a_sweep_is_what_its_points_set() {
    let ends = |before: &str, after: &str| {
        let (a, b) = (checked(&(PROGRAM.to_owned() + before)), checked(after));
        let all = changes(Side::of(&a).unwrap(), Side::of(&b).unwrap());
        let told = |one: &Change| {
            let (from, to) = (one.from.clone().unwrap_or_default(), one.to.clone().unwrap_or_default());
            format!("{} {}: {from} → {to}", one.class.word(), one.place())
        };
        all.iter().map(told).collect::<Vec<_>>()
    };
    let sweep = "sweep s {\n  grid { voices.lr = [1e-4, 1e-3]; experiment.seed = [7, 8] }\n  \
                 skip voices.lr == 1e-4 and experiment.seed == 8 else \"not needed\"\n}\n";
    let with = |from: &str, to: &str| {
        assert!(sweep.contains(from));
        ends(sweep, &(PROGRAM.to_owned() + &sweep.replace(from, to)))
    };
    assert_eq!(with("[1e-4, 1e-3]", "[0.000_1, 1e-3]"), Vec::<String>::new());
    assert_eq!(with("[1e-4, 1e-3]", "[1e-3, 1e-4]"), Vec::<String>::new());
    assert_eq!(with("[1e-4, 1e-3]", "[1e-4, 1e-2]"), ["training sweep s voices.lr: [1e-4, 1e-3] → [1e-4, 1e-2]"]);
    assert_eq!(with("not needed", "needless"), ["cosmetic sweep s skip: \"not needed\" → \"needless\""]);
    assert_eq!(
        with("seed == 8 else", "seed == 7 else"),
        ["training sweep s points: [voices.lr=1e-4, experiment.seed=7] → [voices.lr=1e-4, experiment.seed=8]"]
    );
    assert_eq!(with("sweep s", "sweep t"), ["cosmetic sweep t: s → t"]);
    // What a variant names is called otherwise, and is another: that is told there.
    let variant = "variant v \"V\" { crew.*.voice = none }\n";
    let crew = (PROGRAM.to_owned() + variant).replace("crew", "us").replace("[anchor, beacon]", "[anchor]");
    assert_eq!(ends(variant, &crew), ["topology let us: [anchor, beacon] → [anchor]", "cosmetic let us: crew → us"]);
    // What it names is called otherwise.
    let renamed = ends(sweep, &(PROGRAM.to_owned() + sweep).replace("voices", "singers"));
    assert_eq!(renamed, ["cosmetic stage singers: voices → singers"]);
}

#[test]
fn at_the_point_of_a_variant_its_edit_is_told_once() {
    let text = |steps: &str| format!("{PROGRAM}variant v \"V\" {{ voices.steps = {steps} steps }}\n");
    let (a, b) = (checked(&text("2")), checked(&text("3")));
    let point = crate::program::Point::Variant("v".to_owned());
    let (x, y) = (a.at(&point).unwrap(), b.at(&point).unwrap());
    let side = |checked, program| Side { program, ..Side::of(checked).unwrap() };
    let all = changes(side(&a, &x), side(&b, &y));
    assert_eq!(all.iter().map(Change::place).collect::<Vec<_>>(), ["variant v voices.steps"], "{all:#?}");
}
