//! One fault, one diagnostic, where `language.md` says it points.

use super::{Files, check, checked, checked_with, faults, told, words};

const BASE: &str = "masc 1
persona a \"A\" { role = \"x\" }
persona b \"B\" { role = \"y\" }
let crew = [a, b]
model m { weights = random(arch: \"llama\") }
dataset d { source = jsonl(\"d.jsonl\") }
rubric r \"R\" { criterion c \"C\" 100% }
judge j { by = contrast(m); rubrics = [r] }
reward w { score = contrast() }
stage s = sft for persona in crew { policy = m; data = d.train }
";
/// Lines of [`BASE`]: what is added begins on the next.
const LINE: usize = 10;

/// What is wrong with `BASE` and this under it; lines count from the first added one.
#[track_caller]
fn added(more: &str, expected: &[&str]) {
    let checked = checked(&format!("{BASE}{more}"));
    let told: Vec<String> = told(&checked)
        .iter()
        .map(|one| {
            let (code, line) = one.split_once('@').expect("told joins them by @");
            let line: usize = line.parse().expect("told writes numbers");
            format!("{code}@{}", line as i64 - LINE as i64)
        })
        .collect();
    assert_eq!(told, expected, "\n{}", words(&checked));
}

#[test]
fn the_base_of_these_tests_is_clean() {
    added("", &[]);
}

#[test]
fn a_name_declared_twice_is_told_at_the_second() {
    added("model m { weights = random(arch: \"llama\") }", &["M0201@1"]);
}

#[test]
fn an_unknown_name_is_told_at_the_reference() {
    added("stage t = sft {\n policy = mm\n data = d\n}", &["M0202@2"]);
    added("stage t = sft {\n policy = m\n data = persona\n}", &["M0202@3"]);
    added("let x = [a, zed]", &["M0202@1"]);
    added("let x = [a, m]\nstage t = sft for persona in x { policy = m; data = d }", &["M0304@2"]);
    added("stage t = sft for persona in zed { policy = s; data = persona.nothing }", &["M0202@1", "M0207@1"]);
}

#[test]
fn a_wrong_kind_of_reference_names_both_types() {
    added("stage t = sft {\n policy = d\n data = d\n}", &["M0304@2"]);
    added("stage t = pairs {\n from = m\n data = m\n judge = j\n}", &["M0304@3", "M0304@4"]);
    let checked = checked(&format!("{BASE}stage t = sft {{ policy = d; data = d }}"));
    assert!(
        words(&checked).contains("a dataset, where a model, an adapter or a director is wanted"),
        "{}",
        words(&checked)
    );
}

#[test]
fn a_part_that_there_is_not_is_told_at_the_part() {
    added("stage t = sft { policy = m; data = d.trian }", &["M0207@1"]);
    added("stage t = pairs { from = m; data = d; judge = j.rr }", &["M0207@1"]);
    added("stage t = sft { policy = s.c; data = d }", &["M0207@1"]);
}

#[test]
fn a_member_that_is_missing_is_named() {
    added("persona c \"C\" { role = \"z\" }\nstage t = sft { policy = s.c; data = d }", &["M0208@2"]);
    added(
        "persona c \"C\" { role = \"z\" }\nstage t = sft for persona in [a, c] {\n policy = s\n data = d\n}",
        &["M0208@3"],
    );
}

#[test]
fn units_are_asked_for_and_checked() {
    added("stage t = sft {\n policy = m\n data = d\n epochs = 3\n}", &["M0302@4"]);
    added("stage t = sft {\n policy = m\n data = d\n epochs = 3 steps\n}", &["M0303@4"]);
    added("stage t = sft {\n policy = m\n data = d\n epochs = 3 epocs\n}", &["M0301@4"]);
    added("stage t = sft {\n policy = m\n data = d\n lr = 3 tok\n}", &["M0303@4"]);
    added("budget x { gpu = 12 h, money = 20 usd }", &["M0303@1"]);
    added("let x = 3 tok + 4 steps", &["M0314@1"]);
    added("let x = 1 / 0", &["M0317@1"]);
}

#[test]
fn an_entry_with_an_unknown_unit_stops_laws_about_the_whole_item() {
    added("stage t = sft {\n epochs = 3 epocs\n}", &["M0301@2"]);
}

#[test]
fn a_number_has_bounds() {
    added("stage t = sft { policy = m; data = d; batch = 0 }", &["M0313@1"]);
    added("stage t = sft { policy = m; data = d; batch = 1.5 }", &["M0312@1"]);
    added("param k: int = 9 in 2..8", &["M0313@1"]);
    added("param k: int = 1.5", &["M0312@1"]);
    added("param k: integer = 1", &["M0213@1"]);
    added("let x = 8..2", &["M0316@1"]);
}

#[test]
fn a_word_is_one_of_its_set() {
    added("stage t = sft { policy = m; data = d; schedule = linaer }", &["M0306@1"]);
    added("stage t = sft { policy = m; data = d; schedule = \"linear\" }", &["M0306@1"]);
    added("model n { weights = random(arch: \"lama\") }", &["M0306@1"]);
    added("model n { weights = random(arch: \"llama\"), dtype = f16 }", &["M0306@1"]);
    added("stage t = sft { policy = m; data = d; adapter = lora(targets: [q, x]) }", &["M0306@1"]);
    added("stage t = evaluate { subjects = [s, baseline(zeroshot)]; metrics = [leak()]; data = d }", &["M0306@1"]);
}

#[test]
fn a_word_of_a_closed_set_is_never_a_name() {
    added("let linear = 3\nstage mean = sft { policy = m; data = d; schedule = linear }", &[]);
    added(
        "stage mean = grpo for persona in crew {\n policy = s\n reward = w\n data = d\n advantage = { baseline = mean }\n}",
        &[],
    );
}

#[test]
fn calls_are_checked() {
    added("model n { weights = hff(\"x/y\") }", &["M0307@1"]);
    added("model n { weights = lora(rank: 3) }", &["M0307@1"]);
    added("let x = frobnicate(3)", &["M0307@1"]);
    added("model n { weights = hf(\"x/y\", revison: \"1\") }", &["M0308@1"]);
    added("model n { weights = hf(\"x/y\", repo: \"1\") }", &["M0309@1"]);
    added("model n { weights = file(\"x\", \"y\") }", &["M0310@1"]);
    added("model n { weights = wheel(\"x\") }", &["M0311@1"]);
    added("model n { weights = first() }", &["M0311@1"]);
    added("reward v { score = leak }", &["M0202@1"]);
    added("reward v { score = 0.5 * d }", &["M0315@1"]);
    added("reward v { score = 0.5 * contrast() + r }", &["M0315@1"]);
    added("reward v { score = j }", &["M0304@1"]);
}

#[test]
fn a_missing_field_is_told_at_the_header() {
    added("\nstage t = sft {\n policy = m\n}", &["M0401@2"]);
    added("\nstage t = sft {\n lr = 1\n}", &["M0401@2", "M0401@2"]);
    added("persona p \"P\" {\n example { given = \"x\" }\n}", &["M0401@2"]);
    added("dataset e {\n source = gsm8k(\"x\")\n split = { train = 80%, val = 20% }\n}", &["M0401@3"]);
}

#[test]
fn an_unknown_field_is_told_with_its_nearest_and_its_place() {
    added("persona p \"P\" {\n vioce = \"x\"\n}", &["M0402@2"]);
    added("stage t = sft {\n polcy = m\n data = d\n}", &["M0402@2"]);
    added(
        "stage t = grpo for persona in crew {\n policy = s; reward = w; data = d\n kl = { bta = 1 }\n}",
        &["M0402@3"],
    );
    let checked = checked(&format!("{BASE}persona p \"P\" {{ temprature = 1; min_gap = 2 }}"));
    assert!(words(&checked).contains("belongs in a `pairs` stage"), "{}", words(&checked));
}

#[test]
fn a_field_given_twice_is_told_at_the_second() {
    added("persona p \"P\" {\n role = \"x\"\n role = \"y\"\n}", &["M0403@3"]);
    added("variant v {\n m.dtype = f32\n m.dtype = bf16\n}", &["M0403@3"]);
    added("stage t = pairs { from = m; data = d; judge = j.r; sample = { n = 2, n = 3 } }", &["M0403@1"]);
}

#[test]
fn blocks_gates_and_skips_have_their_places() {
    added("model n {\n weights = random(arch: \"llama\")\n example { given = \"x\" }\n}", &["M0404@3"]);
    added("model n {\n weights = random(arch: \"llama\")\n gate 1 > 0 else \"x\"\n}", &["M0406@3"]);
    added("stage t = sft {\n policy = m; data = d\n skip 1 > 0 else \"x\"\n}", &["M0406@3"]);
}

#[test]
fn lists_are_edited() {
    added("persona p \"P\" extends a { never += [\"x\"] }", &[]);
    added("persona p \"P\" extends a { never -= [\"x\"] }", &["M0407@1"]);
    added("persona p \"P\" extends a { role += [\"x\"] }", &["M0407@1"]);
}

#[test]
fn who_extends_extends_its_own_kind() {
    added("persona p \"P\" extends m { role = \"x\" }", &["M0211@1"]);
    added("stage t = pairs extends s { from = m; data = d; judge = j.r }", &["M0211@1"]);
    added("director t extends m { policy = m; seats = crew }", &["M0211@1"]);
    added("persona p \"P\" extends zed { role = \"x\" }", &["M0202@1"]);
    added("stage t = sft extends zed { lr = 1 }", &["M0202@1"]);
    added("stage t = sft extends u { policy = m }\nstage u = sft { policy = m }", &["M0401@2"]);
    added("stage t = sft extends u { }\nstage u = sft { polcy = m }", &["M0402@2"]);
    added("stage t = sft extends u { }\nstage u = sft extends t { }", &["M0214@1"]);
}

#[test]
fn a_circle_is_one_diagnostic_at_its_first_item() {
    added("let x = y\nlet y = z\nlet z = x", &["M0214@1"]);
    added("persona p \"P\" extends q { role = \"x\" }\npersona q \"Q\" extends p { role = \"x\" }", &["M0214@1"]);
    added("stage t = sft { policy = u; data = d }\nstage u = sft { policy = t; data = d }", &["M0214@1"]);
    added("stage t = sft { policy = t; data = d }", &["M0214@1"]);
    added("reward v { score = v + 1 }", &["M0214@1"]);
}

#[test]
fn a_gate_may_name_its_own_stage() {
    let rm = "stage p = pairs for persona in crew { from = s; data = d; judge = j.r }\nstage rm = bradley_terry {\n pairs = p; init = m\n gate ";
    for gate in ["held_out_accuracy >= 0.5", "held_out_accuracy.low > 0.5 and ece < 0.2", "rm.held_out_accuracy > 0.5"]
    {
        added(&format!("{rm}{gate} else \"x\"\n}}"), &[]);
    }
    added(&format!("{rm}held_out_acuracy >= 0.5 else \"x\"\n}}"), &["M0202@4"]);
    added(&format!("{rm}j.r >= 0.5 else \"x\"\n}}"), &["M0315@4"]);
    added(&format!("{rm}ece < 1 else \"x\"\n}}\nreward v {{ score = 2 * rm.ece }}"), &["M0315@6"]);
    added(&format!("{rm}ece.low >= 0.5 else \"x\"\n}}"), &["M0207@4"]);
    added(&format!("{rm}held_out_accuracy else \"x\"\n}}"), &["M0304@4"]);
}

#[test]
fn weights_add_up_at_the_rubrics_header() {
    added("\nrubric q \"Q\" {\n criterion x \"X\" 30%\n criterion y \"Y\" 60%\n}", &["M0503@2"]);
    added("rubric q \"Q\" {\n criterion x \"X\" 0.5\n criterion y \"Y\" 50%\n}", &["M0302@2"]);
    added("rubric q \"Q\" { scale = 1..5 }", &["M0502@1"]);
    added("rubric q \"Q\" {\n criterion x \"X\" 50%\n criterion x \"Y\" 50%\n}", &["M0201@3"]);
}

#[test]
fn a_secret_flows_only_into_auth() {
    added("secret key from env \"K\"\njudge k { by = openai(\"http://x\", \"m\"); rubrics = [r]; auth = key }", &[]);
    added("secret key from env \"K\"\nmodel n { weights = hf(key) }", &["M0305@2"]);
    added("judge k { by = openai(\"http://x\", \"m\"); rubrics = [r]; auth = \"abc\" }", &["M0304@1"]);
}

#[test]
fn laws_between_declarations_hold() {
    added("experiment x { }\nexperiment y { }", &["M0501@2"]);
    added("dataset e { source = gsm8k(\"x\"); split = { train = 80%, val = 10%, test = 20% } }", &["M0504@1"]);
    added("director t { policy = m; seats = [] }", &["M0505@1"]);
    added("director t { policy = m; seats = [a, a] }", &["M0505@1"]);
    added("director t { policy = m; seats = crew; directive = { agent = one_of([a]) } }", &["M0506@1"]);
    added("stage t = sft {\n policy = s\n data = d\n}", &["M0507@2"]);
    added("stage t = sft for persona in [a, a] { policy = m; data = d }", &["M0505@1"]);
    let director = "director t { policy = m; seats = crew }\n";
    added(&format!("{director}stage g = grpo {{ policy = t; reward = w; data = d }}"), &["M0508@2"]);
    added(&format!("{director}stage g = grpo {{ policy = m; reward = w; data = d; actors = s }}"), &["M0508@2"]);
    added(&format!("{director}stage g = dialogue {{ director = s.a; actors = s; data = d }}"), &["M0509@2"]);
    added(
        &format!(
            "{director}stage u = sft for persona in [a] {{ policy = m; data = d }}\nstage g = dialogue {{ director = t; actors = u; data = d }}"
        ),
        &["M0510@3"],
    );
    added(
        &format!(
            "{director}stage g = grpo {{ policy = t; actors = s; reward = w; data = d; rollout = {{ episodes = 6 }}; group = 4 }}"
        ),
        &["M0511@2"],
    );
    added("stage t = bradley_terry { pairs = d; init = m }", &["M0512@1"]);
    added("stage t = merge { adapters = [s.a] }", &["M0518@1"]);
    added("stage t = merge { adapters = [s] }", &[]);
    added("report x { figures = [curve(s.loss)] }", &[]);
    added("report x { figures = [curve(s.a)] }", &["M0304@1"]);
}

#[test]
fn evaluations_make_sense() {
    added("stage t = evaluate { subjects = []; metrics = [leak()] }", &["M0513@1"]);
    added("stage t = evaluate { subjects = [baseline(cot)]; metrics = [leak()]; data = d }", &["M0514@1"]);
    added(
        "stage g = grpo for persona in crew { policy = m; reward = w; data = d }\nstage t = evaluate { subjects = [g, baseline(sft)]; metrics = [leak()]; data = d }",
        &["M0515@2"],
    );
    added("stage t = evaluate { subjects = [s]; metrics = [leak()] }", &["M0516@1"]);
    let verdict = "stage t = evaluate {\n subjects = [s, baseline(cot)]; metrics = [leak()]; data = d\n gate ";
    added(&format!("{verdict}delta(s, baseline(cot)).low > 0 else \"x\"\n}}"), &[]);
    added(&format!("{verdict}delta(s, baseline(few_shot)) > 0 else \"x\"\n}}"), &["M0517@3"]);
    added(&format!("{verdict}delta(s, baseline(cot), metric: echo()) > 0 else \"x\"\n}}"), &["M0517@3"]);
    let judged = "stage t = evaluate {\n subjects = [s, baseline(cot)]; metrics = [j.r]; data = d\n gate ";
    added(&format!("{judged}max(delta(s, baseline(cot), persona: a, criterion: \"c\"), 0) > 0 else \"x\"\n}}"), &[]);
    added(&format!("{judged}delta(s, baseline(cot), criterion: \"q\") > 0 else \"x\"\n}}"), &["M0517@3"]);
    added(&format!("{judged}max(leak(), 0) > 0 else \"x\"\n}}"), &["M0315@3"]);
    added(&format!("{judged}clip(delta(s, baseline(cot)), 0..1) > 0 else \"x\"\n}}"), &["M0315@3"]);
    added("stage t = sft {\n policy = m; data = d\n gate delta(s, s.a) > 0 else \"x\"\n}", &["M0517@3"]);
}

#[test]
fn gates_ask_statistics_of_what_their_stage_measures() {
    let stage = |gate: &str| {
        format!(
            "reward z {{ score = leak() + 1 }}\nstage t = evaluate {{\n subjects = [s, baseline(cot), d.test]\n \
             metrics = [leak(), length(15..60 tok), w, j.r]; data = d\n gate {gate} else \"x\"\n}}"
        )
    };
    for holds in [
        "mean(s).low > 0 and mean(s, metric: w, persona: a).high < 3",
        "median(s, metric: length(15..60 tok), criterion: \"tokens\", persona: each) in 15..60",
        "p95(s, metric: leak()) <= 5 * mean(d.test, metric: w, persona: each)",
        "mean(s, metric: length(15..60 tok), criterion: \"short\") <= mean(baseline(cot), metric: length(15..60 tok), criterion: \"short\") + 0.1",
        "delta(s, baseline(cot), metric: w, persona: each).low > max(-0.1, mean(d.test))",
    ] {
        added(&stage(holds), &[]);
    }
    for (faulty, code) in [
        ("mean(d) > 0", "M0517@5"),
        ("mean(s, metric: z) > 0", "M0517@5"),
        ("p95(s, criterion: \"tokens\") > 0", "M0517@5"),
        ("mean(s, metric: length(15..60 tok), criterion: \"token\") > 0", "M0517@5"),
        ("mean(s, metric: w, criterion: \"c\") > 0", "M0517@5"),
        ("delta(s, d.test) > 0", "M0517@5"),
        ("median(s).low > 0", "M0207@5"),
        ("mean(s, persona: eech) > 0", "M0202@5"),
        ("mean(s, persona: d) > 0", "M0304@5"),
        ("mean(s)", "M0304@5"),
        ("mean(s) > each", "M0202@5"),
        ("mean() > 0", "M0311@5"),
    ] {
        added(&stage(faulty), &[code]);
    }
    added("stage t = sft {\n policy = m; data = d\n gate median(s) > 0 else \"x\"\n}", &["M0517@3"]);
    added("let x = [each]", &["M0202@1"]);
    let checked = checked(&format!("{BASE}{}", stage("mean(s, metric: length(15..60 tok), criterion: \"token\") > 0")));
    assert!(words(&checked).contains("its criteria are `tokens` and `short`"), "{}", words(&checked));
}

#[test]
fn written_lines_and_rewards_are_measured() {
    added("stage t = evaluate { subjects = [s, d.test, d]; metrics = [w]; data = d }", &[]);
    added("stage t = evaluate { subjects = [d.test, s]; metrics = [w]; data = d }", &["M0514@1"]);
    added("stage t = evaluate { subjects = [d]; metrics = [w]; data = d }", &["M0514@1"]);
    added(
        "stage t = evaluate { subjects = [s]; metrics = [w]; data = d; gate mean(s, metric: w) > 0 else \"x\" }",
        &[],
    );
    added(
        "stage p = pairs for persona in crew { from = m; data = d; judge = j.r }\n\
         stage rm = bradley_terry for persona in crew { pairs = p; init = m }\n\
         reward v { score = 2 * rm }\nstage t = evaluate { subjects = [s]; metrics = [v]; data = d }",
        &["M0507@4"],
    );
    added("stage t = evaluate { subjects = [s]; metrics = [s]; data = d }", &["M0304@1"]);
    // Whose persona is meant is known where a stage is for one; an evaluation is for all.
    let own = "persona c \"C\" { role = \"z\" }\nreward v { score = contrast(crew: [persona, c]) }\n";
    added(&format!("{own}stage g = grpo for persona in crew {{ policy = m; reward = v; data = d }}"), &[]);
    added(&format!("{own}stage t = evaluate {{ subjects = [s]; metrics = [v]; data = d }}"), &["M0202@2"]);
    added("stage g = grpo for persona in crew { policy = m; reward = w; data = d; lr = 0; shuffle = true }", &[]);
    added("reward v { score = contrast(shift: 1) }\nreward u { score = contrast(shift: 0.5) }", &["M0312@2"]);
}

#[test]
fn slots_are_char_and_user() {
    added("persona p \"P\" { voice = \"{{char}} and {{user}}, { } {{ }}\" }", &[]);
    added("persona p \"P\" { voice = \"{{chr}}\" }", &["M0318@1"]);
    added("persona p \"P\" {\n example { given = \"{{name}}\"; says = \"x\" }\n}", &["M0318@2"]);
}

#[test]
fn variants_and_sweeps_are_checked_where_they_land() {
    added(
        "variant v { s.lr = 1e-3; crew.*.voice = none; m.dtype = bf16; s.a.epochs = 1 epoch; s.adapter.rank = 8 }",
        &[],
    );
    added("variant v { s.lrr = 1e-3 }", &["M0210@1"]);
    added("variant v { s.adapter.rnk = 8 }", &["M0210@1"]);
    added("variant v { ss.lr = 1e-3 }", &["M0202@1"]);
    added("variant v { s.lr = 3 tok }", &["M0303@1"]);
    added("variant v { s = 3 }", &["M0210@1"]);
    added("variant v { crew.*.vioce = none }", &["M0210@1"]);
    added("param k: int = 4 in 2..8\nvariant v { k = 9 }", &["M0313@2"]);
    added("sweep w2 { grid { s.lr = [1e-3, 1e-4]; s.epochs = [1 epoch, 2] } }", &["M0302@1"]);
    added("sweep w2 { grid { s.lr = 1e-3 } }", &["M0408@1"]);
    added("sweep w2 { }", &["M0408@1"]);
    added("sweep w2 { zip { s.lr = [1e-3, 1e-4]; s.batch = [8] } }", &["M0408@1"]);
    added("sweep w2 { grid { s.lr = [1e-3] }; skip s.lrr == 1 else \"x\" }", &["M0207@1"]);
    added("sweep w2 { grid { s.lr = [1e-3] }; skip s.lr == 1e-3 and s.batch > 4 else \"x\" }", &[]);
}

#[test]
fn a_set_is_checked_like_a_line_of_the_file() {
    for (path, value, expected) in [
        ("s.lr", "0.1", ""),
        ("s.lr", "3 tok", "M0303"),
        ("s.lrr", "3", "M0210"),
        ("zed", "3", "M0202"),
        ("s.schedule", "[zed]", "M0202"),
        ("s.schedule", "3", "M0304"),
        ("a.voice", "text(\"nothing.md\")", "M0319"),
        ("crew", "[a]", ""),
    ] {
        let checked = checked_with(BASE, &[(path, value)]);
        let told = told(&checked).join(" ");
        assert!(told.starts_with(expected) && told.is_empty() == expected.is_empty(), "{path}: {}", words(&checked));
    }
}

#[test]
fn imports_are_found_bound_and_bounded() {
    let lib = "masc 1\npersona p \"P\" { role = \"x\" }\n";
    let main = |uses: &str| format!("masc 1\n{uses}\nlet x = [p]\n");
    let told_of = |main: &str, files: &[(&str, &str)]| {
        let mut all = vec![("a/main.masc", main)];
        all.extend_from_slice(files);
        told(&check(&Files::of(&all), "a/main.masc", &[]))
    };
    let lib_at = |path| [(path, lib)];
    assert!(told_of(&main("use \"./lib.masc\" { p }"), &lib_at("a/lib.masc")).is_empty());
    assert!(told_of(&main("use \"../lib.masc\" { p }"), &lib_at("lib.masc")).is_empty());
    assert!(told_of("masc 1\nuse \"./lib.masc\" as l\nlet x = [l.p]\n", &lib_at("a/lib.masc")).is_empty());
    assert_eq!(told_of("masc 1\nuse \"./lib.masc\" as l\nlet x = [l.q]\n", &lib_at("a/lib.masc")), ["M0207@3"]);
    assert_eq!(told_of("masc 1\nuse \"./lib.masc\" as l\nlet x = l\n", &lib_at("a/lib.masc")), ["M0209@3"]);
    assert_eq!(told_of(&main("use \"./lib.masc\" { q as p }"), &lib_at("a/lib.masc")), ["M0204@2"]);
    assert_eq!(told_of(&main("use \"./lib.masc\" { p }"), &[]), ["M0203@2"]);
    assert_eq!(told_of(&main("use \"std/personnas.masc\" { p }"), &[]), ["M0203@2"]);
    assert_eq!(
        told_of("masc 1\nuse \"./lib.masc\" { p }\nmodel p { weights = file(\"x\") }\n", &lib_at("a/lib.masc")),
        ["M0201@3"]
    );
    let circle = [("a/lib.masc", "masc 1\nuse \"./main.masc\" { x }\npersona p \"P\" { role = \"x\" }\n")];
    assert_eq!(told_of(&main("use \"./lib.masc\" { p }"), &circle), ["M0205@2"]);
}

#[test]
fn what_is_faulty_satisfies_every_use() {
    faults(
        "masc 1\npersona a \"A {\n}\nlet crew = [a]\nmodel m { weights = hff(1) }\nstage s = sft for persona in crew { policy = m; data = d.train }\ndataset d { source = jsonl(1) }\n",
        &["M0010@2", "M0307@5", "M0304@7"],
    );
}

#[test]
fn many_faults_are_counted_after_a_hundred() {
    let mut text = "masc 1\n".to_owned();
    for at in 0..300 {
        text += &format!("let x{at} = nowhere{at}\n");
    }
    let checked = checked(&text);
    assert_eq!(told(&checked).len(), 101);
    assert!(words(&checked).contains("and 200 more"), "{}", words(&checked));
}

#[test]
fn a_law_of_one_entry_is_asked_beside_another_that_is_faulty() {
    added(
        "dataset e {\n source : gsm8k(\"x\")\n split = { train = 80%, val = 10%, test = 20% }\n}",
        &["M0032@2", "M0504@3"],
    );
    added("judge k {\n bye = contrast(m)\n rubrics = []\n}", &["M0402@2", "M0513@3"]);
    added("director t {\n plicy = m\n seats = [a, a]\n}", &["M0402@2", "M0505@3"]);
    added(
        "stage t = evaluate {\n subjects = [s]\n metrics = [leak()]\n dat = d\n gate mean(s, metric: fluency()) > 1 else \"x\"\n}",
        &["M0402@4", "M0517@5"],
    );
}

#[test]
fn what_is_behind_a_faulty_header_import_or_base_is_still_checked() {
    // A kind that was nearly meant is taken for it.
    added("stage t = sftt {\n policy = mm\n epochs = 3\n}", &["M0212@1", "M0202@2", "M0302@3"]);
    added("persna p \"P\" {\n vioce = \"x\"\n}", &["M0020@1", "M0402@2"]);
    added("persona p “P” {\n vioce = \"x\"\n}", &["M0016@1", "M0402@2"]);
    added("persona p \"P\" {\n exampel {\n  given = 3\n }\n}", &["M0036@2", "M0304@3"]);
    added("rubric q \"Q\" {\n criterion x “X” 50% {\n  low = 3\n }\n}", &["M0016@2", "M0304@3"]);
    // What would be inherited nobody knows.
    added("persona p \"P\" extends zed {\n never -= [\"x\"]\n role = 3\n}", &["M0202@1", "M0304@3"]);
    // The name that was meant is not told of again, and a part of what is unknown may be anything.
    let text =
        "masc 1\nuse \"std/personas.masc\" { anchr, beacon }\nlet crew = [anchor, beacon]\nlet other = [ancher]\n";
    faults(text, &["M0204@2", "M0202@4"]);
    let text = "masc 1\nuse \"./none.masc\" { m }\nvariant v \"V\" {\n m.weights = random(arch: \"llamma\")\n m.limit = 4 tokk\n}\n";
    faults(text, &["M0203@2", "M0306@4", "M0301@5"]);
}

#[test]
fn a_slot_is_told_where_it_stands_and_mended() {
    let text = "masc 1\npersona p \"P\" {\n  voice = \"\"\"md\n    You are {{char}}.\n    Help {{usr}}, {{user}} and {{usre}}.\n    \"\"\"\n}\n";
    let found = checked(text);
    assert_eq!(told(&found), ["M0318@5", "M0318@5"], "{}", words(&found));
    let spans: Vec<&str> = found.diagnostics.sorted().iter().map(|one| found.files.text(one.primary.span)).collect();
    assert_eq!(spans, ["{{usr}}", "{{usre}}"]);
    assert!(found.diagnostics.sorted().iter().all(|one| one.fixes[0].edits[0].text == "{{user}}"));
}
