//! `mascot diff` through the front door: files, git revisions, and what it promises of a run.

use std::process::Command;

use crate::house::{QUICKSTART, Sandbox, ids};

/// An edit of the quickstart beside it, and what `diff --json` says of it.
fn edited(from: &str, to: &str) -> (Sandbox, serde_json::Value) {
    let sandbox = Sandbox::new();
    let text = sandbox.read(QUICKSTART);
    assert!(text.contains(from), "{from}");
    sandbox.write("experiments/edited.masc", &text.replace(from, to));
    let told = sandbox.mascot(&["diff", QUICKSTART, "experiments/edited.masc", "--json"]).ended_with(0).json();
    (sandbox, told)
}

fn names(told: &serde_json::Value) -> Vec<String> {
    told["reruns"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_edit_is_told_with_its_class_what_re_runs_and_a_verdict() {
    for (from, to, class, verdict, first, reruns) in [
        ("for a strength that", "for one strength that", "behaviour", "comparable", "sounding/beacon", 13),
        ("# ---- the companions", "# ---- them", "cosmetic", "identical", "", 0),
        ("lr = 3.5e-4", "lr = 4e-4", "training", "comparable", "voices/anchor", 10),
        ("+ 0.3 * finished()", "+ 0.4 * finished()", "objective", "not_comparable", "voices/anchor", 10),
        ("  prompts = 20\n", "  prompts = 21\n", "data", "not_comparable", "preferences/anchor", 14),
        (
            "stuffing(),\n    distinct_2(),",
            "stuffing(),\n    leak(),\n    distinct_2(),",
            "topology",
            "comparable",
            "speakers",
            1,
        ),
        (">= least_yardstick else", ">= 0.3 else", "topology", "identical", "", 0),
    ] {
        let (_, told) = edited(from, to);
        assert_eq!(
            (told["class"].as_str(), told["verdict"].as_str()),
            (Some(class), Some(verdict)),
            "{from}: {told:#}"
        );
        let ids = names(&told);
        assert_eq!((ids.first().map_or("", String::as_str), ids.len()), (first, reruns), "{from}: {ids:?}");
    }
}

#[test]
fn what_a_run_does_is_what_diff_says() {
    let (sandbox, told) = edited("for a strength that", "for one strength that");
    sandbox.rehearse(QUICKSTART);
    // The experiment's name is no part of a key: the edited file is run in the place of the other.
    sandbox.write(QUICKSTART, &sandbox.read("experiments/edited.masc"));
    let plan = sandbox.plan(QUICKSTART);
    let announced = [ids(&plan, "state", "run"), ids(&plan, "state", "pending")].concat();
    let fresh = ids(&sandbox.rehearse(QUICKSTART), "outcome", "fresh");
    let reruns = names(&told);
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(announced), sorted(reruns.clone()));
    assert!(!fresh.is_empty() && fresh.iter().all(|id| reruns.contains(id)), "{fresh:?}");
}

#[test]
fn revisions_are_read_without_a_checkout_and_imports_are_followed() {
    let sandbox = Sandbox::new();
    let git = |args: &[&str]| {
        let names = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
        let done = Command::new("git").args(names).args(args).current_dir(sandbox.path()).output();
        let done = done.expect("git is installed");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    std::fs::remove_dir_all(sandbox.path().join(".git")).ok();
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "one"]);
    // A word of a library shows in the experiment that imports it.
    let library = "experiments/companions.masc";
    let text = sandbox.read(library);
    let at = text.find("\"\"\"md\n").unwrap() + 6;
    let end = at + text[at..].find('\n').unwrap();
    sandbox.write(library, &format!("{} Indeed.{}", &text[..end], &text[end..]));
    let qmsum = "experiments/qmsum.masc";
    let told = sandbox.mascot(&["diff", "HEAD..", qmsum, "--json"]).ended_with(0).json();
    assert_eq!(told["changes"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(told["class"], "behaviour", "{told:#}");
    git(&["commit", "-qam", "two"]);
    let again = sandbox.mascot(&["diff", "HEAD~1..HEAD", qmsum, "--json"]).ended_with(0).json();
    assert_eq!(told["changes"], again["changes"]);
    let none = sandbox.mascot(&["diff", "HEAD..HEAD", qmsum, "--json"]).ended_with(0).json();
    assert_eq!((&none["class"], &none["verdict"]), (&"none".into(), &"identical".into()));
    sandbox.mascot(&["diff", "nowhere..HEAD", qmsum]).ended_with(2);
    sandbox.mascot(&["diff", "HEAD~1..HEAD", "absent.masc"]).ended_with(2);
}

#[test]
fn a_class_can_fail_a_check_and_faults_are_told() {
    let (sandbox, _) = edited("lr = 3.5e-4", "lr = 4e-4");
    let call = |limit: &'static str| vec!["diff", QUICKSTART, "experiments/edited.masc", "--fail-on", limit];
    sandbox.mascot(&call("objective")).ended_with(0);
    sandbox.mascot(&call("training")).ended_with(4);
    let page =
        sandbox.mascot(&["diff", QUICKSTART, "experiments/edited.masc", "--format", "markdown"]).ended_with(0).out;
    assert!(page.contains("| training | stage voices | lr | 3.5e-4 | 4e-4 |"), "{page}");
    assert!(page.contains("<details><summary>re-runs 10 of 18 tasks"), "{page}");
    sandbox.write("experiments/edited.masc", "masc 1\nlet a = nobody\n");
    let told = sandbox.mascot(&["diff", QUICKSTART, "experiments/edited.masc"]).ended_with(1).err;
    assert!(told.contains("edited.masc has faults"), "{told}");
}
