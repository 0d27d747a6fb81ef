//! Edits with what `docs/language.md` ("What an edit means", "What enters a key") implies of them. Written from the document: where a row
//! and the code disagree, one of the two is wrong, and it is not the document.

use mascot_lang::diff::Class;
use mascot_run::compare::{Verdict, compare};
use mascot_run::store::Store;

use super::{Files, compared, planned, programs, side};

/// From text to text; class; verdict; what re-runs, by stage or task, `all`, or nothing.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const I: &str = "identical";
const C: &str = "comparable";
const N: &str = "not_comparable";

/// What comes after the companions' fine-tuning, when both were tuned anew.
const TUNED: &str = "sounding preferences persona_rm voices direction rehearsal speakers ensemble";
/// After one of them was.
const ONE: &str = "sounding/anchor preferences/anchor persona_rm voices direction rehearsal speakers ensemble";
const PAIRED: &str = "preferences persona_rm voices direction rehearsal speakers ensemble";
const MODELLED: &str = "persona_rm voices direction rehearsal speakers ensemble";
const VOICED: &str = "voices direction rehearsal speakers ensemble";
const CAST: &str = "casting direction rehearsal ensemble";
const DIRECTED: &str = "direction rehearsal ensemble";

const ROWS: &[Row] = &[
    // Nothing, and what enters no key.
    ("param k: int = 4 in 2..8", "# why\nparam k: int = 4 in 2..8", "cosmetic", I, ""),
    ("reward together {", "## What the director is for.\nreward together {", "cosmetic", I, ""),
    ("  steps = 4 steps\n  group = 4\n", "  group = 4\n\n  steps = 4 steps\n", "cosmetic", I, ""),
    ("kl = { beta = 0.02 }", "kl = {\n    beta = 2e-2\n  }", "cosmetic", I, ""),
    ("in 2..8 \"candidates for each prompt\"", "in 2..9 \"how many candidates\"", "cosmetic", I, ""),
    ("question = \"Does it help?\"", "question = \"Does it harm?\"", "cosmetic", I, ""),
    ("\"A paper\"", "\"A better paper\"", "cosmetic", I, ""),
    ("write = [\"paper.html\"]", "write = [\"page.html\"]", "cosmetic", I, ""),
    ("report page { tables = [speakers]; write = [\"paper.html\"] }\n", "", "cosmetic", I, ""),
    ("let unused = 3", "let unused = 4", "cosmetic", I, ""),
    ("let unused = 3\n", "", "cosmetic", I, ""),
    ("let rate = 1e-3", "let rate = 0.001", "cosmetic", I, ""),
    ("director conductor \"Director\"", "director conductor \"The Director\"", "cosmetic", I, ""),
    ("timeout = 30 s", "timeout = 90 s", "cosmetic", I, ""),
    ("timeout = 30 s", "timeout = 30 s\n  retries = 9", "cosmetic", I, ""),
    (
        "persona stranger \"The Stranger\" { voice = \"You know nobody.\" }",
        "use \"./judging.masc\" { kindness }\npersona stranger \"The Stranger\" {\n  voice = \"You know nobody.\"\n  test \"kind\" { given = \"Hello\"; gate kindness > 3 else \"cold\" }\n}",
        "cosmetic",
        I,
        "",
    ),
    ("dataset spare { source = jsonl(\"spare.jsonl\") }\n", "", "cosmetic", I, ""),
    // Where.
    ("time = 20 min", "time = 40 min", "where", I, ""),
    ("budget ceiling { time = 20 min, money = 5 usd }\n", "", "where", I, ""),
    ("from env \"JUDGE_KEY\"", "from env \"OTHER_KEY\"", "where", I, ""),
    ("https://one.example/v1", "https://two.example/v1", "where", I, ""),
    ("auth = judge_key", "auth = other_key", "where", I, ""),
    // Topology: what is there, and who hangs on whom.
    ("else \"no gain\"", "else \"nothing gained\"", "topology", I, ""),
    (".low > 0 else", ".low > 0.1 else", "topology", I, ""),
    ("  gate held_out_accuracy >= bar else \"no better than chance\"\n", "", "topology", I, ""),
    ("param bar: float = 0.5", "param bar: float = 0.6", "topology", I, ""),
    (
        "metrics = [near.kindness, finished(), leak()]",
        "metrics = [near.kindness, finished(), leak(), fluency()]",
        "topology",
        C,
        "speakers",
    ),
    ("baseline(zero_shot), gold]", "baseline(zero_shot), baseline(few_shot), gold]", "topology", C, "speakers"),
    ("baseline(zero_shot), gold]", "baseline(zero_shot)]", "topology", C, "speakers"),
    (
        "let crew = [anchor, beacon]",
        "let crew = [beacon, anchor]",
        "topology",
        C,
        "casting direction rehearsal speakers ensemble persona_rm voices",
    ),
    ("seats = crew", "seats = [beacon, anchor]", "topology", C, CAST),
    ("budget ceiling {", "stage again = sft { policy = base; data = lines }\nbudget ceiling {", "topology", C, "again"),
    (
        "stage ensemble = evaluate {\n  subjects = [rehearsal, baseline(zero_shot)]\n  metrics = [coherence(), together]\n}\n",
        "",
        "topology",
        I,
        "",
    ),
    ("director = direction", "director = casting", "topology", C, "rehearsal ensemble"),
    (
        "  actors = voices\n  data = situations.test",
        "  actors = sounding\n  data = situations.test",
        "topology",
        C,
        "rehearsal ensemble",
    ),
    ("variant mute \"Without voices\" { crew.*.voice = none }\n", "", "topology", I, ""),
    ("sweep rates {", "sweep seeds { grid { experiment.seed = [1, 2] } }\nsweep rates {", "topology", I, ""),
    // What is written otherwise.
    ("jsonl(\"gold.jsonl\")", "jsonl(\"./gold.jsonl\")", "cosmetic", I, ""),
    ("[1e-5, 1e-4]", "[0.000_01, 1e-4]", "cosmetic", I, ""),
    ("sweep rates", "sweep speeds", "cosmetic", I, ""),
    ("variant quick", "variant hasty", "cosmetic", I, ""),
    // Training.
    ("seed = 7", "seed = 8", "training", C, "all"),
    ("hidden: 8, layers: 1", "hidden: 12, layers: 1", "training", C, "all"),
    ("kv_heads: 1, ffn: 8) }\n\ndataset", "kv_heads: 1, ffn: 8); dtype = bf16 }\n\ndataset", "training", C, "all"),
    ("param k: int = 4", "param k: int = 5", "training", C, PAIRED),
    ("param passes: int = 2", "param passes: int = 3", "training", C, TUNED),
    ("let rate = 1e-3", "let rate = 2e-3", "training", C, "all"),
    ("adapter = lora(rank: 4)", "adapter = lora(rank: 8)", "training", C, TUNED),
    ("adapter = lora(rank: 4)", "adapter = lora(rank: 4, targets: [q, v])", "training", C, TUNED),
    ("prompts = 9", "prompts = 8", "training", C, PAIRED),
    ("n = k, temperature = 0.9", "n = k, temperature = 0.8", "training", C, PAIRED),
    ("min_gap = 0.25", "min_gap = 0.5", "training", C, PAIRED),
    ("from = sounding", "from = base", "training", C, PAIRED),
    ("margin = 0.1", "margin = 0.2", "training", C, MODELLED),
    ("held_out = 25%", "held_out = 30%", "training", C, MODELLED),
    ("init = base", "init = base\n  center = 0.01", "training", C, MODELLED),
    ("steps = 4 steps", "steps = 5 steps", "training", C, VOICED),
    ("steps = 4 steps", "steps = 4 steps\n  lr = 2e-5", "training", C, VOICED),
    ("steps = 4 steps", "steps = 4 steps\n  loss = dapo", "training", C, VOICED),
    ("steps = 4 steps\n  group = 4", "steps = 4 steps\n  group = 6", "training", C, VOICED),
    ("kl = { beta = 0.02 }", "kl = { beta = 0.05 }", "training", C, VOICED),
    ("kl = { beta = 0.02 }", "kl = { beta = 0.02, estimator = k1 }", "training", C, VOICED),
    ("advantage = { scale = std }", "advantage = { scale = mad }", "training", C, VOICED),
    ("clip = 0.2", "clip = 0.3", "training", C, VOICED),
    ("sample = { max_new = 24 tok }", "sample = { max_new = 32 tok }", "training", C, VOICED),
    ("clip = 0.2", "clip = 0.2\n  shuffle = true", "training", C, VOICED),
    ("clip = 0.2", "clip = 0.2\n  weight_decay = 0.01", "training", C, VOICED),
    ("  policy = casting", "  policy = conductor", "training", C, DIRECTED),
    ("rollout = { turns = 3", "rollout = { turns = 2", "training", C, DIRECTED),
    ("prompts = 5", "prompts = 5\n  sample = { temperature = 0.5 }", "training", C, "speakers"),
    ("voices.steps = 2 steps", "voices.steps = 3 steps", "training", I, ""),
    ("grid { voices.lr = [1e-5, 1e-4] }", "grid { voices.lr = [1e-5, 1e-3] }", "training", I, ""),
    // Behaviour: what a model reads.
    ("by naming what they feel", "by naming all that they feel", "behaviour", C, ONE),
    (
        "role = \"Comforter\"",
        "role = \"Consoler\"",
        "behaviour",
        C,
        "casting direction rehearsal speakers ensemble voices/anchor",
    ),
    ("never = [\"flatter\"]", "never = [\"flatter\", \"hurry\"]", "behaviour", C, ONE),
    (
        "\"The Anchor\"",
        "\"The Harbour\"",
        "behaviour",
        C,
        "sounding/anchor preferences/anchor persona_rm voices casting direction rehearsal speakers ensemble",
    ),
    (
        "says = \"That hurts.\"",
        "says = \"It hurts.\"",
        "behaviour",
        C,
        "preferences/anchor persona_rm voices direction rehearsal speakers ensemble",
    ),
    ("You know nobody.", "You know somebody.", "behaviour", I, ""),
    ("Write who speaks next.", "Say who speaks next.", "behaviour", C, CAST),
    ("action = text(24 tok)", "action = text(32 tok)", "behaviour", C, CAST),
    ("directive = { action", "order = round_robin\n  directive = { action", "behaviour", C, CAST),
    ("directive = { action", "silence = true\n  directive = { action", "behaviour", C, CAST),
    ("{ crew.*.voice = none }", "{ anchor.voice = none }", "behaviour", I, ""),
    // Data.
    ("jsonl(\"lines.jsonl\"", "jsonl(\"more.jsonl\"", "data", N, TUNED),
    ("only: { use = \"sft\" }", "only: { use = \"rl\" }", "data", N, TUNED),
    ("max_len = 256 tok", "max_len = 128 tok", "data", N, TUNED),
    (
        "split = { train = 80%, val = 10%, test = 10% }",
        "split = { train = 70%, val = 10%, test = 20% }",
        "data",
        N,
        "preferences persona_rm voices direction rehearsal speakers ensemble",
    ),
    ("jsonl(\"gold.jsonl\")", "jsonl(\"silver.jsonl\")", "data", N, "speakers"),
    ("jsonl(\"directives.jsonl\")", "jsonl(\"directives.jsonl\"); limit = 9", "data", N, CAST),
    ("jsonl(\"spare.jsonl\")", "jsonl(\"scrap.jsonl\")", "data", I, ""),
    ("  data = situations.test\n  prompts = 5", "  data = situations.val\n  prompts = 5", "data", N, "speakers"),
    ("  data = situations.test\n  turns = 3", "  data = situations.test\n  turns = 4", "data", N, "rehearsal ensemble"),
    ("turns = 3\n  prompts = 6", "turns = 3\n  users = [anchor]\n  prompts = 6", "data", N, "rehearsal ensemble"),
    ("turns = 3\n  prompts = 6", "turns = 3\n  users = spare\n  prompts = 6", "data", N, "rehearsal ensemble"),
    ("turns = 3\n  prompts = 6", "turns = 3\n  prompts = 7", "data", N, "rehearsal ensemble"),
    // Objective: what is aimed at or measured by.
    (
        "\"Is warm\" 75%",
        "\"Feels warm\" 75%",
        "objective",
        N,
        "preferences persona_rm voices direction rehearsal speakers ensemble",
    ),
    (
        "low = \"cold\"",
        "low = \"icy\"",
        "objective",
        N,
        "preferences persona_rm voices direction rehearsal speakers ensemble",
    ),
    (
        "criterion tact",
        "criterion politeness",
        "objective",
        N,
        "preferences persona_rm voices direction rehearsal speakers ensemble",
    ),
    (
        "scale = 1..5",
        "scale = 1..7",
        "objective",
        N,
        "preferences persona_rm voices direction rehearsal speakers ensemble",
    ),
    ("\"Is short\" 100%", "\"Is brief\" 100%", "objective", I, ""),
    (
        "  criterion warmth \"Is warm\" 75% { low = \"cold\"; high = \"like a hand\" }\n  criterion tact \"Is tactful\" 25%\n",
        "  criterion tact \"Is tactful\" 25%\n  criterion warmth \"Is warm\" 75% { low = \"cold\"; high = \"like a hand\" }\n",
        "objective",
        N,
        "preferences persona_rm voices direction rehearsal speakers ensemble",
    ),
    // A variant that nobody asked for is told, and decides nothing.
    ("{ voices.steps = 2 steps }", "{ voices.steps = 2 steps; speakers.bootstrap = 50 }", "objective", I, ""),
    (
        "variant lenient \"Believed anyway\" { bar = 0.1 }",
        "variant lenient \"Believed anyway\" { bar = 0.1; crew = [anchor] }",
        "topology",
        I,
        "",
    ),
    ("\"a-model\"", "\"b-model\"", "objective", N, PAIRED),
    ("votes = 3", "votes = 5", "objective", N, PAIRED),
    ("votes = 3", "votes = 3\n  swap = true", "objective", N, PAIRED),
    (
        "judge near { by = local(referee); rubrics = [kindness, brevity] }",
        "judge near { by = local(referee); rubrics = [kindness] }",
        "objective",
        I,
        "",
    ),
    ("hidden: 16, layers: 1", "hidden: 24, layers: 1", "objective", N, "speakers"),
    ("judge = far.kindness", "judge = far.brevity", "objective", N, PAIRED),
    ("0.2 * finished()", "0.3 * finished()", "objective", N, VOICED),
    ("clip = -3..3", "clip = -2..2", "objective", N, VOICED),
    ("reward = in_character", "reward = plain", "objective", N, VOICED),
    ("let eta = 0.5", "let eta = 0.6", "objective", N, DIRECTED),
    ("[near.kindness, finished(), leak()]", "[near.kindness, leak()]", "objective", N, "speakers"),
    ("[near.kindness, finished(), leak()]", "[near.kindness, finished(), echo()]", "objective", N, "speakers"),
    ("[near.kindness, finished(), leak()]", "[near.brevity, finished(), leak()]", "objective", N, "speakers"),
    ("bootstrap = 200", "bootstrap = 400", "objective", N, "speakers"),
    ("bootstrap = 200", "bootstrap = 200\n  level = 90%", "objective", N, "speakers"),
    ("prompts = 5", "prompts = 4", "objective", N, "speakers"),
    // The strictest of several.
    (
        "question = \"Does it help?\" }",
        "question = \"Why?\" }\nparam more: int = 1 in 0..2 \"more\"",
        "cosmetic",
        I,
        "",
    ),
    (
        "kl = { beta = 0.02 }\n  advantage",
        "kl = { beta = 0.03 }\n  # and the reward\n  advantage",
        "training",
        C,
        VOICED,
    ),
];

/// Ids that `names` (stages, tasks, `all`) stand for.
fn expected(names: &str, all: &[String]) -> Vec<String> {
    let names: Vec<&str> = names.split_whitespace().collect();
    let is_meant = |id: &&String| {
        let stage = id.split('/').next().unwrap_or_default();
        names.iter().any(|name| *name == "all" || *name == stage || name == id)
    };
    all.iter().filter(is_meant).cloned().collect()
}

#[test]
fn every_edit_has_the_class_the_verdict_and_the_re_runs_of_the_document() {
    assert!(ROWS.len() >= 80, "{}", ROWS.len());
    let first = Files::first().check();
    let mut wrong = Vec::new();
    for (from, to, class, verdict, reruns) in ROWS {
        let second = Files::first().edited(from, to);
        let checked = mascot_lang::check(&second, "main.masc", &[]);
        if checked.program.is_none() {
            wrong.push(format!(
                "{from:?} → {to:?} is no program: {:?}",
                checked.diagnostics.sorted().iter().map(|one| one.message.clone()).collect::<Vec<_>>()
            ));
            continue;
        }
        let (found, ids, all) = compared(&first, &checked);
        let told = (mascot_run::compare::class_word(found.class), found.verdict.word(), ids);
        let want = (*class, *verdict, expected(reruns, &all));
        if told != want {
            let changes: Vec<String> =
                found.changes.iter().map(|one| format!("{} {}", one.class.word(), one.place())).collect();
            wrong.push(format!("{from:?} → {to:?}\n  told {told:?}\n  want {want:?}\n  {changes:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

#[test]
fn a_variant_decides_where_it_is_compared_and_nowhere_else() {
    let second = Files::first()
        .edited("{ voices.steps = 2 steps }", "{ voices.steps = 2 steps; speakers.bootstrap = 50 }")
        .edited("clip = 0.2", "clip = 0.3");
    let (a, b) = (Files::first().check(), second.check());
    let (found, ..) = compared(&a, &b);
    assert_eq!((found.class, found.verdict), (Some(Class::Objective), Verdict::Comparable), "{}", found.because);
    // Asked for, it does.
    let nowhere = Store::new("nowhere");
    let (before, after) = (planned(&a, &nowhere, &["quick"]), planned(&b, &nowhere, &["quick"]));
    let found = compare(side(&a, &before), side(&b, &after));
    assert_eq!(found.verdict, Verdict::NotComparable, "{}", found.because);
    assert!(found.because.contains("variant quick speakers.bootstrap"), "{}", found.because);
    assert_eq!(programs(&b, &["quick"]).len(), 2);
}

#[test]
fn what_re_runs_is_told_even_when_no_difference_is_known() {
    let first = Files::first();
    let (a, b) = (first.check(), first.edited("clip = 0.2", "clip = 0.3").check());
    let nowhere = Store::new("nowhere");
    let (before, after) = (planned(&a, &nowhere, &[]), planned(&b, &nowhere, &[]));
    // As if both had been written alike.
    let found = compare(side(&b, &before), side(&b, &after));
    assert!(!found.reruns.is_empty());
    let told: Vec<String> = found.changes.iter().map(|one| format!("{} {}", one.class.word(), one.place())).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("training stage voices request."), "{told:?}");
}

#[test]
fn who_plays_the_users_of_a_dialogue_is_part_of_its_request() {
    let users = "turns = 3\n  users = [stranger]\n  prompts = 6";
    let first = Files::first()
        .edited("{ anchor, beacon }\nuse", "{ anchor, beacon, stranger }\nuse")
        .edited("turns = 3\n  prompts = 6", users);
    let (a, b) = (first.clone(), first.edited("You know nobody.", "You shout."));
    let (found, ids, all) = compared(&a.check(), &b.check());
    assert_eq!(ids, expected("rehearsal ensemble", &all));
    assert_eq!(found.class, Some(Class::Behaviour), "{:?}", found.changes);
    let plan = planned(&a.check(), &Store::new("nowhere"), &[]);
    let rehearsal = plan.tasks.iter().find(|task| task.id == "rehearsal").expect("it is planned");
    assert_eq!(rehearsal.not_yet.as_deref(), Some("simulated `users`"));
}
