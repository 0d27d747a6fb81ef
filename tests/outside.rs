//! What a program may not do to the machine it is checked on: write where nobody granted it, drive a terminal, or stop mascot by a number.

use std::fs;

use crate::house::{Answer, Sandbox};

const PROGRAM: &str = r#"masc 1
experiment first "First" { seed = 1 }
model base { weights = random(arch: "llama") }
persona anchor "The Anchor" { role = "Emotional Validator" }
dataset lines { source = jsonl("data/lines.jsonl") }
stage s = sft { policy = base, data = lines.train }
report r { write = ["page.html"] }
sweep rates { grid { s.lr = [1e-3, 2e-3] } }
sweep gone { grid { s.lr = [1e-3, 2e-3] }; skip true else "never" }
variant quick { s.epochs = 2 epochs }
"#;

pub fn project() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("first.masc", PROGRAM);
    sandbox.write("data/lines.jsonl", "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
    sandbox
}

fn with_page(page: &str) -> Sandbox {
    let sandbox = project();
    sandbox.edit("first.masc", "page.html", page);
    sandbox
}

fn missing(sandbox: &Sandbox, more: &[&str]) -> Vec<String> {
    let call = [&["plan", "first.masc", "--engine", "fake", "--json"], more].concat();
    let plan = sandbox.mascot(&call).ended_with(0).json();
    plan["missing"].as_array().unwrap().iter().map(|one| one["source"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_page_outside_of_the_root_is_a_fault_of_the_program() {
    let outside = tempfile::tempdir().unwrap();
    let absolute = outside.path().join("page.html").display().to_string();
    for page in ["../esc.html", "a/../../esc.html", &absolute, ".git/hooks/pre-commit.html", ".mascot/runs/a.html"] {
        let sandbox = with_page(page);
        for verb in ["check", "plan", "run"] {
            let told = sandbox.mascot(&[verb, "first.masc"]).ended_with(1);
            assert!(format!("{}{}", told.out, told.err).contains("M0540"), "{verb} {page}: {}", told.out);
        }
        assert!(!outside.path().join("page.html").exists());
    }
    let told = with_page("table.csv").mascot(&["check", "first.masc"]).ended_with(1);
    assert!(told.out.contains("M0541") && told.out.contains(".html"), "{}", told.out);
}

#[cfg(unix)]
#[test]
fn a_page_through_a_link_is_told_before_anything_is_spent_and_granted_by_a_call() {
    let outside = tempfile::tempdir().unwrap();
    let sandbox = with_page("sub/dir/zz.html");
    fs::create_dir(sandbox.path().join("sub")).unwrap();
    std::os::unix::fs::symlink(outside.path(), sandbox.path().join("sub/dir")).unwrap();
    sandbox.mascot(&["check", "first.masc"]).ended_with(0);
    assert_eq!(missing(&sandbox, &[]), ["sub/dir/zz.html"]);
    assert_eq!(missing(&sandbox, &["--until", "s"]), ["sub/dir/zz.html"]);
    let told = sandbox.mascot(&["run", "first.masc", "--engine", "fake"]).ended_with(3).err;
    assert!(told.contains("sub/dir/zz.html: leaves the project root"), "{told}");
    assert!(!sandbox.path().join(".mascot/runs").exists() && fs::read_dir(outside.path()).unwrap().next().is_none());

    let grant = format!("write(\"{}\")", outside.path().display());
    assert!(missing(&sandbox, &["--allow", &grant]).is_empty());
    // So is what `--set` names.
    let page = format!("r.write=[\"{}/named.html\"]", outside.path().display());
    assert!(missing(&sandbox, &["--set", &page]).is_empty());
    // What keeps git or the store is not a grant's to give away.
    assert_eq!(missing(&sandbox, &["--set", "r.write=[\".git/hooks/x.html\"]"]), [".git/hooks/x.html"]);
}

#[test]
fn numbers_and_lists_that_no_request_holds_are_told() {
    let sandbox = project();
    let sets = [
        "s.batch=4294967296",
        "s.epochs=1e300 epochs",
        "s.warmup=99999999999 steps",
        "s.adapter=lora(rank: 4294967296)",
        "s.betas=[0.9]",
        "s.betas=[]",
        "s.betas=[0.9, 0.9, 0.9]",
        "s.adapter=lora(targets: [])",
        "lines.limit=18446744073709551615",
        "experiment.seed=1e300",
    ];
    for set in sets {
        let told = sandbox.mascot(&["plan", "first.masc", "--engine", "fake", "--set", set]).ended_with(2);
        assert!(told.err.contains("M03") || told.err.contains("M0513"), "{set}: {}", told.err);
    }
    sandbox.mascot(&["plan", "first.masc", "--engine", "fake", "--set", "s.batch=4294967295"]).ended_with(0);
}

#[test]
fn a_sweep_without_a_point_is_told() {
    let told = project().mascot(&["plan", "first.masc", "--engine", "fake", "--sweep", "gone"]).ended_with(1).err;
    assert!(told.contains("the sweep `gone` has no point") && told.contains("never"), "{told}");
    project().mascot(&["plan", "first.masc", "--engine", "fake", "--all"]).ended_with(0);
}

#[test]
fn what_a_file_says_drives_no_terminal() {
    let raw = |told: &Answer| format!("{}{}", told.out, told.err).chars().any(|one| one.is_control() && one != '\n');
    let sandbox = project();
    sandbox.edit("first.masc", "\"First\"", "\"First\u{1b}]0;owned\u{7}\u{9b}2J\"");
    for call in
        [&["plan"][..], &["run"], &["check", "--variant", "quick"], &["expand"], &["report"], &["plan", "--json"]]
    {
        let verb = [&[call[0], "first.masc"], &call[1..]].concat();
        let told = sandbox.mascot(&verb);
        assert!(!raw(&told), "{call:?}: {:?} {:?}", told.out, told.err);
    }
    assert!(sandbox.mascot(&["plan", "first.masc"]).out.contains("First␛]0;owned␇\\u{9b}2J"));
    // It is warned of.
    let told = sandbox.mascot(&["check", "first.masc"]).ended_with(0);
    assert!(format!("{}{}", told.out, told.err).contains("M0023"), "{}{}", told.out, told.err);
    // An excerpt shows it as well.
    sandbox.edit("first.masc", "data = lines.train", "data = \"\u{1b}[2J\"");
    assert!(!raw(&sandbox.mascot(&["check", "first.masc"]).ended_with(1)));
}
