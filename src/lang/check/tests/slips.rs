//! Slips that people make: one fault each, told where it is, with words that help.

use super::{Files, check, checked, checked_with, clean, faults, told, words};
use crate::program::Value;

const BASE: &str = "masc 1
experiment e \"E\" { seed = 7 }
persona a \"A\" { role = \"x\" }
persona b \"B\" { role = \"y\" }
let crew = [a, b]
model m { weights = random(arch: \"llama\") }
dataset d { source = jsonl(\"d.jsonl\") }
rubric r \"R\" { criterion c \"C\" 100% }
judge j { by = contrast(m); rubrics = [r] }
reward w { score = contrast() }
param beta: float = 0.1
stage s = sft for persona in crew { policy = m; data = d.train }
stage v = grpo for persona in crew { policy = s; reward = w; data = d.train; kl = { beta = beta }; lr = 1e-5 }
";
/// The line below [`BASE`].
const NEXT: usize = 14;

/// What is told of `BASE` with this under it: `CODE@line message (help)`, lines counted from the first added one.
fn said(more: &str) -> Vec<String> {
    let checked = checked(&format!("{BASE}{more}"));
    let all = checked.diagnostics.sorted();
    let lines = all.iter().map(|one| {
        let at = checked.files.position(one.primary.span.file, one.primary.span.start);
        let line = at.line as i64 - NEXT as i64 + 1;
        format!("{}@{line} {} ({})", one.code.0, one.message, one.help.as_deref().unwrap_or(""))
    });
    lines.collect()
}

/// One fault, with this in what is said of it.
#[track_caller]
fn one(more: &str, code: &str, line: usize, part: &str) {
    let said = said(more);
    assert!(
        matches!(said.as_slice(), [one] if one.starts_with(&format!("{code}@{line} ")) && one.contains(part)),
        "{said:#?}"
    );
}

#[track_caller]
fn nothing(more: &str) {
    assert_eq!(said(more), Vec::<String>::new());
}

fn labels(more: &str, sets: &[(&str, &str)]) -> Vec<String> {
    let checked = checked_with(&format!("{BASE}{more}"), sets);
    clean(&checked);
    checked
        .sweep_points("k")
        .iter()
        .map(|point| checked.at(point).expect("a point of a clean file").point.expect("a label"))
        .collect()
}

#[test]
fn the_base_of_these_tests_is_clean() {
    nothing("");
}

/// A word beside a field of a closed set is one of that set, on either side, in a list too.
#[test]
fn a_word_in_a_skip_is_one_of_its_fields() {
    let sweep = |skip: &str| format!("sweep k {{\n  grid {{ v.loss = [grpo, dr_grpo] }}\n  skip {skip} else \"m\"\n}}");
    one(&sweep("v.loss == dr_gprpo"), "M0306", 3, "did you mean `dr_grpo`?");
    one(&sweep("v.loss == k3"), "M0306", 3, "`k3` is a word of");
    one(&sweep("nope != v.loss"), "M0306", 3, "`nope` is not one of the words");
    one(&sweep("v.loss in [grpo, dapoo]"), "M0306", 3, "did you mean `dapo`?");
    one(&sweep("v.lr in [\"a\", 1]"), "M0304", 3, "a text, where a plain number is wanted");
    one(&sweep("v.lr in [1 tok]"), "M0314", 3, "`in` between");
    for right in ["v.loss == dr_grpo", "dr_grpo == v.loss", "v.loss in [dr_grpo]", "not (v.loss != dr_grpo)"] {
        assert_eq!(labels(&sweep(right), &[]), ["k[v.loss=grpo]"], "{right}");
    }
}

/// Nothing has run when `skip` is asked: what is both a field and a result is the field, as this point has it.
#[test]
fn a_skip_asks_for_fields_as_the_point_has_them() {
    let sweep = |skip: &str| format!("sweep k {{\n  grid {{ beta = [0.1, 0.2] }}\n  skip {skip} else \"m\"\n}}");
    assert_eq!(labels(&sweep("v.kl.beta == 0.2"), &[]), ["k[beta=0.1]"]);
    assert_eq!(labels(&sweep("v.lr == 1e-5 and beta == 0.1"), &[]), ["k[beta=0.2]"]);
    assert_eq!(labels(&sweep("v.lr == 1e-5 and beta == 0.1"), &[("v.lr", "1e-4")]).len(), 2);
}

/// Fields stand in any order, so nothing may depend on it.
#[test]
fn a_field_is_given_once_as_a_whole_or_in_parts() {
    let stage = |fields: &str| format!("stage t = grpo {{ policy = m; reward = w; data = d;\n  {fields}\n}}");
    one(&stage("kl = { beta = 0.5 }\n  kl.beta = 0.1"), "M0403", 3, "`kl` is given as a whole, and `kl.beta` of it");
    one(&stage("kl.beta = 0.1\n  kl = { beta = 0.5 }"), "M0403", 3, "write all of it in `kl`");
    nothing(&stage("kl.beta = 0.5\n  kl.estimator = k1"));
    let persona = |fields: &str| format!("persona z extends a {{\n  {fields}\n}}");
    one(&persona("never += [\"x\"]\n  never = [\"y\"]"), "M0403", 3, "`never` is given twice");
    one(&persona("never = [\"y\"]\n  never += [\"x\"]"), "M0403", 3, "`never` is given twice");
    nothing(&persona("never += [\"x\"]\n  never += [\"y\"]"));
    nothing("variant q { crew = [a]; crew.*.voice = none }");
    one("variant q { v.kl.beta = 0.1\n v.kl = { beta = 0.2 } }", "M0403", 2, "`v.kl` is given as a whole");
}

/// The special wins over the general in a variant, wherever either stands.
#[test]
fn a_variant_means_the_same_in_any_order() {
    let rates = |lines: &str| {
        let checked = checked(&format!("{BASE}variant q {{ {lines} }}"));
        clean(&checked);
        let point = checked.variants().pop().expect("a variant");
        let program = checked.at(&point).expect("it is clean");
        let stage = program.entities.iter().find(|one| one.name == "v").unwrap().stage.clone().unwrap();
        let rate = |member: usize| match &stage.instances[member].fields["lr"].value {
            Value::Number { value, .. } => *value,
            other => panic!("{other:?}"),
        };
        (rate(0), rate(1))
    };
    assert_eq!(rates("v.lr = 1e-3; v.a.lr = 1e-4"), (1e-4, 1e-3));
    assert_eq!(rates("v.a.lr = 1e-4; v.lr = 1e-3"), (1e-4, 1e-3));
}

/// A loop's variable is a name like any other: one that hid the list of its own loop made a program that meant nothing.
#[test]
fn a_loop_hides_no_name() {
    one("stage t = sft for crew in crew { policy = m; data = d }", "M0201", 1, "`crew` is declared twice");
    one("stage t = sft for a in [a] { policy = m; data = d }", "M0201", 1, "`a` is declared twice");
    one("let persona = [a]\n", "M0201", 1, "`persona` is declared twice");
    one("stage t = sft for crew { policy = m; data = d }", "M0030", 1, "expected `in`");
}

#[test]
fn a_name_imported_twice_is_told_at_the_second() {
    let files = |main: &str| {
        let world = Files::of(&[("main.masc", main), ("p.masc", "masc 1\npersona a \"A\" { role = \"x\" }\n")]);
        let checked = check(&world, "main.masc", &[]);
        (told(&checked), words(&checked))
    };
    assert_eq!(files("masc 1\nuse \"./p.masc\" { a, a }\n").0, ["M0201@2"]);
    assert_eq!(files("masc 1\nuse \"./p.masc\" { a }\nuse \"./p.masc\" { a }\n").0, ["M0201@3"]);
    assert_eq!(files("masc 1\nuse \"./p.masc\" as p\nuse \"./p.masc\" as p\n").0, ["M0201@3"]);
    // A base may be named through a file that is imported as a whole.
    assert_eq!(
        files("masc 1\nuse \"./p.masc\" as p\npersona z extends p.a { voice = \"v\" }\n").0,
        Vec::<String>::new()
    );
    let (codes, said) = files("masc 1\nuse \"./p.masc\" as p\npersona z extends p.aa { voice = \"v\" }\n");
    assert_eq!(codes, ["M0207@3"]);
    assert!(said.contains("did you mean `a`?"), "{said}");
    assert_eq!(files("masc 1\nuse \"./p.masc\" as p\npersona z extends q.a { role = \"v\" }\n").0, ["M0202@3"]);
    // What a damaged import declares counts as declared.
    assert_eq!(files("masc 1\nus \"./p.masc\" { a }\nlet crew = [a]\n").0, ["M0020@2"]);
}

/// Laws about a whole item are not asked of one with a faulty entry.
#[test]
fn a_faulty_entry_is_the_only_fault_of_its_item() {
    one(
        "rubric q \"Q\" {\n criterion x \"X\" 50%\n criterion y \"Y\" 50%\n criterion y \"Z\" 50%\n}",
        "M0201",
        4,
        "`y`",
    );
    one("rubric q \"Q\" {\n criterion x \"X\" 50% { lo = \"l\" }\n}", "M0402", 2, "no field `lo`");
    one("rubric q \"Q\" {\n scale = \"a\"\n criterion x \"X\" 50%\n}", "M0304", 2, "a text");
    one("judge q { votes = \"a\" }", "M0304", 1, "a text, where a plain number is wanted");
    one("stage t = sft { policy = mm }", "M0202", 1, "`mm`");
    one("rubric q \"Q\" {\n criterion x \"X\" 100%\n criterion y \"Y\"\n}", "M0503", 3, "this criterion has no weight");
    one(
        "persona z \"Z\" {\n role = \"x\"\n example \"n\" { given = \"g\"; says = \"s\" }\n}",
        "M0405",
        3,
        "has no name",
    );
    one("persona z \"The {{foo}}\" { role = \"x\" }", "M0318", 1, "there is no slot `{{foo}}`");
    one(
        "persona z \"Z\" { role = \"{{ char }}\" }",
        "M0318",
        1,
        "there is no slot `{{ char }}` (did you mean `{{char}}`?)",
    );
}

#[test]
fn a_gate_compares_two_and_a_range_is_one() {
    let table = |lists: &str| format!("stage t = evaluate {{\n data = d\n {lists}\n}}");
    let gate = "gate delta(v, v, metric: j.r).low > 0 else \"m\"";
    one(&table(&format!("subjects = [v]; metrics = [j.r]\n {gate}")), "M0517", 4, "compares `v` with itself");
    one("param lo: int = 3\nparam k: int = 1 in lo", "M0304", 2, "a plain number, where a range or a list is wanted");
    one("let x = 2k", "M0040", 1, "write it out: `2_000`, or `2_048`");
}

/// A list with something odd in it is one fault, however many use it.
#[test]
fn an_odd_item_of_a_list_is_told_once() {
    let text = BASE.replace("let crew = [a, b]", "let crew = [a, b, m]");
    faults(&text, &["M0304@12"]);
}

#[test]
fn a_number_is_told_with_what_to_write() {
    one("rubric q \"Q\" { criterion x \"X\" 40 }", "M0302", 1, "write `40%`");
    one("rubric q \"Q\" { criterion x \"X\" 0.4 }", "M0302", 1, "write `40%`");
    one("param k: steps = 50 steps in 1..60", "M0302", 1, "add the unit `steps`");
    one("param k: text = \"a\" in 2..8", "M0304", 1, "a text lies in no range");
    one("budget l { vram = 4 gib }", "M0301", 1, "did you mean `GiB`?");
    one("budget l { gpu = 4 gpu_hours }", "M0301", 1, "did you mean `gpu_h`?");
    one("let x = 4 tokens", "M0301", 1, "did you mean `tok`?");
    one("let x = 1 epoch * 1 epoch", "M0314", 1, "leave the unit of one side away");
}

#[test]
fn what_is_not_known_is_told_with_the_nearest_and_its_place() {
    one("let x = True", "M0202", 1, "did you mean `true`?");
    one("let x = None", "M0202", 1, "did you mean `none`?");
    one("let x = noen", "M0202", 1, "did you mean `none`?");
    one("let x = nope", "M0202", 1, "declare `nope`");
    one("let x = dr_grpo", "M0202", 1, "`dr_grpo` is a word of `loss`");
    one("let x = grpo", "M0202", 1, "`grpo` is a kind of stage: `stage name = grpo { … }`");
    one(
        "stage t = grpo { policy = m; reward = w; data = d; loss = k3 }",
        "M0306",
        1,
        "`k3` is a word of `kl.estimator`",
    );
    one(
        "stage t = sft for persona in crew { policy = m; data = d; adapter = personna.adapter }",
        "M0202",
        1,
        "`persona`",
    );
    one(
        "let x = v.anchor",
        "M0207",
        1,
        "its members are `a` and `b`; `mascot explain grpo` lists its fields and results",
    );
    one("variant q { v.kl.betta = 0.1 }", "M0210", 1, "`kl` has no `betta` to override");
    one("let x = not 1", "M0315", 1, "`not` takes a condition");
    let without = BASE.replace("experiment e \"E\" { seed = 7 }\n", "\n");
    let said = words(&checked(&format!("{without}variant q {{ experiment.seed = 2 }}")));
    assert!(said.contains("this file has no experiment") && !said.contains("did you mean"), "{said}");
    one("profile lab {}", "M0501", 1, "a profile stands in a file of its own");
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    let checked = checked("\u{feff}masc 2\n");
    assert!(words(&checked).starts_with("main.masc:1:6 M0004"), "{}", words(&checked));
}
