//! What calls write, and how they end: nothing over a user's file, one document under `--json`, numbers that scripts read.

use std::fs;

use crate::house::{Sandbox, command};
use crate::outside::project;

#[track_caller]
fn refused(sandbox: &Sandbox, call: &[&str], file: &str) {
    let before = fs::read(sandbox.path().join(file)).ok();
    let told = sandbox.mascot(call).ended_with(2).err;
    assert!(told.contains("nothing is written over it"), "{call:?}: {told}");
    assert_eq!(fs::read(sandbox.path().join(file)).ok(), before, "{call:?}");
}

#[test]
fn no_output_goes_over_what_a_program_is_made_of() {
    let sandbox = project();
    sandbox.edit("first.masc", "role = \"Emotional Validator\"", "voice = text(\"voice.md\")");
    sandbox.write("voice.md", "You are {{char}}.\n");
    sandbox.write("other.masc", "masc 1\n");
    sandbox.mascot(&["run", "first.masc", "--engine", "fake"]).ended_with(0);
    for file in ["first.masc", "other.masc", "voice.md", "data/lines.jsonl", "mascot.lock", "./data/../first.masc"] {
        refused(&sandbox, &["plan", "first.masc", "--engine", "fake", "--out", file], file);
        refused(&sandbox, &["pack", "first.masc", "--out", file], file);
        refused(&sandbox, &["report", "first.masc", "--engine", "fake", "--out", file], file);
        refused(&sandbox, &["run", "first.masc", "--engine", "fake", "--report", file], file);
        refused(&sandbox, &["export", "first.masc", "--card", "v3", "--out", file], file);
    }
    // What a verb wrote itself it writes again, whatever it is called.
    for _ in 0..2 {
        sandbox.mascot(&["plan", "first.masc", "--engine", "fake", "--out", "a.plan.masc"]).ended_with(0);
        sandbox.mascot(&["report", "first.masc", "--engine", "fake", "--out", "page.html"]).ended_with(0);
        sandbox.mascot(&["pack", "first.masc", "--out", "a.mascpack"]).ended_with(0);
    }
}

#[test]
fn a_sidecar_is_not_written_over_by_its_own_export() {
    let sandbox = project();
    sandbox.write("anchor.card.json", "{}");
    refused(&sandbox, &["export", "first.masc", "--card", "v3", "--out", "anchor.card.json"], "anchor.card.json");
}

#[test]
fn an_edit_in_vendor_is_taken_by_nobody_by_accident() {
    let sandbox = Sandbox::empty();
    sandbox.write("main.masc", "masc 1\nuse \"./vendor/theirs/b.masc\" { x }\nlet y = x\n");
    sandbox.write("vendor/theirs/b.masc", "masc 1\nlet x = 1\n");
    sandbox.mascot(&["lock", "main.masc"]).ended_with(0);
    let lock = sandbox.read("mascot.lock");
    sandbox.write("vendor/theirs/b.masc", "masc 1\nlet x = 2\n");
    let told = sandbox.mascot(&["lock"]).ended_with(3).err;
    assert!(told.contains("vendor/theirs/b.masc") && told.contains("--accept"), "{told}");
    assert_eq!(sandbox.read("mascot.lock"), lock);
    sandbox.mascot(&["check", "main.masc"]).ended_with(1);
    sandbox.mascot(&["lock", "--accept"]).ended_with(0);
    sandbox.mascot(&["check", "main.masc"]).ended_with(0);
    sandbox.mascot(&["lock"]).ended_with(0);
}

#[test]
fn a_diff_knows_the_points_that_it_is_asked_for() {
    let sandbox = project();
    sandbox.write("second.masc", &sandbox.read("first.masc").replace("variant quick", "variant quicker"));
    for (option, name) in [("--variant", "nosuch"), ("--sweep", "nosuch")] {
        let told = sandbox.mascot(&["diff", "first.masc", "second.masc", option, name]).ended_with(2).err;
        assert!(told.contains("nosuch"), "{told}");
    }
    // One side is enough: what came later is compared with the base.
    sandbox.mascot(&["diff", "first.masc", "second.masc", "--variant", "quick"]).ended_with(0);
    sandbox.mascot(&["diff", "first.masc", "second.masc", "--variant", "base"]).ended_with(0);
}

#[test]
fn ids_that_are_printed_are_taken() {
    let sandbox = project();
    let fake = ["--engine", "fake"];
    sandbox.mascot(&[&["run", "first.masc", "--all"][..], &fake].concat()).ended_with(0);
    for id in ["s", "s@quick", "s@rates[s.lr=2e-3]"] {
        sandbox.mascot(&[&["why", "first.masc", id][..], &fake].concat()).ended_with(0);
        let shown = sandbox.mascot(&[&["show", "first.masc", id][..], &fake].concat()).ended_with(0).out;
        assert!(shown.contains("a rehearsal") && !shown.contains(" min "), "{shown}");
    }
    let told = sandbox.mascot(&[&["why", "first.masc", "s@nosuch"][..], &fake].concat()).ended_with(2).err;
    assert!(told.contains("nosuch"), "{told}");
}

#[test]
fn a_call_is_given_back_with_its_grants_and_a_report_is_one_document() {
    let sandbox = project();
    let call = ["run", "first.masc", "--engine", "fake", "--allow", "net(\"example.org:443\")"];
    let told = sandbox.mascot(&call).ended_with(0).out;
    assert!(told.contains("--allow 'net(\"example.org:443\")'"), "{told}");
    let report = sandbox.mascot(&["report", "first.masc", "--engine", "fake", "--json"]).ended_with(0).json();
    assert!(fs::metadata(report["report"].as_str().unwrap()).is_ok(), "{report}");
    sandbox.mascot(&["report", "first.masc", "--engine", "fake", "--run", "nope"]).ended_with(2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_no_success() {
    let sandbox = project();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut call = command(sandbox.path(), &["plan", "first.masc", "--engine", "fake", "--json"]);
    let ended = call.stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output"));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_a_wrong_call() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = project();
    let path = sandbox.path().join("first.masc");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever may read everything is asked for nothing here.
    if fs::read(&path).is_err() {
        sandbox.mascot(&["check", "first.masc"]).ended_with(2);
    }
}

#[test]
fn a_card_that_is_gone_is_missed() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "card.json",
        r#"{"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Ada", "description": "Calm."}}"#,
    );
    sandbox.mascot(&["import", "card.json", "--out", "ada.masc"]).ended_with(0);
    let name = sandbox.read("ada.masc").split("persona ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    fs::remove_file(sandbox.path().join(format!("{name}.card.json"))).unwrap();
    let told = sandbox.mascot(&["export", "ada.masc", "--card", "v2"]).ended_with(0).err;
    assert!(told.contains("it is not there") && told.contains("--sidecar"), "{told}");
    // A persona that never was a card lacks nothing.
    let told = project().mascot(&["export", "first.masc", "--card", "v2"]).ended_with(0).err;
    assert!(!told.contains("it is not there"), "{told}");
}

#[test]
fn what_is_no_program_no_store_and_no_word_is_called_that() {
    let sandbox = project();
    sandbox.mascot(&["plan", "first.masc", "--engine", "fake", "--out", "a.plan"]).ended_with(0);
    for verb in ["check", "plan"] {
        let told = sandbox.mascot(&[verb, "a.plan"]).ended_with(2).err;
        assert!(told.contains("mascot run a.plan"), "{told}");
    }
    let told = sandbox.mascot(&["gc", "--store", "data"]).ended_with(2).err;
    assert!(told.contains("is no store"), "{told}");
    assert_eq!(fs::read_dir(sandbox.path().join("data")).unwrap().count(), 1);
    sandbox.mascot(&["explain", ""]).ended_with(2);
}
