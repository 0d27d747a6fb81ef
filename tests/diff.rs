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
        ("  prompts = 20\n", "  prompts = 21\n", "training", "comparable", "preferences/anchor", 14),
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

/// A repository of its own with everything committed once.
fn repository() -> (Sandbox, impl Fn(&Sandbox, &[&str]) -> String) {
    let sandbox = Sandbox::new();
    std::fs::remove_dir_all(sandbox.path().join(".git")).ok();
    let git = |sandbox: &Sandbox, args: &[&str]| {
        let names = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
        let done = Command::new("git").args(names).args(args).current_dir(sandbox.path()).output();
        let done = done.expect("git is installed");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    git(&sandbox, &["init", "-q"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "one"]);
    (sandbox, git)
}

const LIBRARY: &str = "experiments/companions.masc";

/// A word more in the first prose of the library.
fn edit_library(sandbox: &Sandbox) {
    let text = sandbox.read(LIBRARY);
    let at = text.find("\"\"\"md\n").unwrap() + 6;
    let end = at + text[at..].find('\n').unwrap();
    sandbox.write(LIBRARY, &format!("{} Indeed.{}", &text[..end], &text[end..]));
}

#[test]
fn revisions_are_read_without_a_checkout_and_imports_are_followed() {
    let (sandbox, git) = repository();
    edit_library(&sandbox);
    let qmsum = "experiments/qmsum.masc";
    let told = sandbox.mascot(&["diff", "HEAD..", qmsum, "--json"]).ended_with(0).json();
    assert_eq!(told["changes"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(told["class"], "behaviour", "{told:#}");
    git(&sandbox, &["commit", "-qam", "two"]);
    let again = sandbox.mascot(&["diff", "HEAD~1..HEAD", qmsum, "--json"]).ended_with(0).json();
    assert_eq!(told["changes"], again["changes"]);
    let mixed = sandbox.mascot(&["diff", &format!("HEAD~1:{qmsum}"), qmsum, "--json"]).ended_with(0).json();
    assert_eq!(told["changes"], mixed["changes"]);
    let none = sandbox.mascot(&["diff", "HEAD..HEAD", qmsum, "--json"]).ended_with(0).json();
    assert_eq!((&none["class"], &none["verdict"]), (&"none".into(), &"identical".into()));
    sandbox.mascot(&["diff", "nowhere..HEAD", qmsum]).ended_with(2);
    sandbox.mascot(&["diff", "HEAD~1..HEAD", "absent.masc"]).ended_with(2);
    sandbox.mascot(&["diff", "HEAD~1:absent.masc", qmsum]).ended_with(2);
    // Alone: since it was committed.
    sandbox.edit(qmsum, "  seed = 7\n", "  seed = 17\n");
    let since = sandbox.mascot(&["diff", qmsum, "--json"]).ended_with(0).json();
    assert_eq!((&since["class"], &since["verdict"]), (&"training".into(), &"comparable".into()));
    sandbox.mascot(&["diff", "absent.masc"]).ended_with(2);
    sandbox.mascot(&["diff"]).ended_with(2);
}

#[test]
fn a_cost_that_is_unknown_names_what_would_have_to_be_counted() {
    let sandbox = Sandbox::empty();
    sandbox.mascot(&["init"]).ended_with(0);
    sandbox.write("b.masc", &sandbox.read("first.masc").replace("lr = 1e-3", "lr = 2e-3"));
    let call =
        |more: &[&'static str]| sandbox.mascot(&[&["diff", "first.masc", "b.masc"][..], more].concat()).ended_with(0);
    let told = call(&[]).out;
    assert!(told.contains("data/lines.jsonl and data/situations.jsonl are not opened: `--with-data`"), "{told}");
    let page = call(&["--format", "markdown"]).out;
    assert!(page.contains("not opened: `--with-data` counts what is at hand"), "{page}");
    let unknown = &call(&["--json"]).json()["estimate"];
    assert_eq!(unknown["lacking"], serde_json::json!(["data/lines.jsonl", "data/situations.jsonl"]));
    assert!(unknown["seconds"].is_null() && unknown["tokens"].is_null(), "{unknown}");
    // Its model is not here, but says in its name how large it is.
    let known = &call(&["--with-data", "--json"]).json()["estimate"];
    assert_eq!((&known["unknown"], &known["lacking"]), (&0.into(), &serde_json::json!([])));
    assert!(known["seconds"]["likely"].as_f64() > Some(1.0) && known["basis"].as_str().unwrap().contains("analytic"));
    // Declared in the file, it need not be counted; and what is not here is said not to be.
    std::fs::remove_file(sandbox.path().join("data/lines.jsonl")).unwrap();
    let told = call(&["--with-data"]).out;
    assert!(told.contains("data/lines.jsonl is not here"), "{told}");
    let limited = |text: &str| text.replace("lines.jsonl\")", "lines.jsonl\")\n  limit = 8");
    sandbox.write("first.masc", &limited(&sandbox.read("first.masc")));
    sandbox.write("b.masc", &limited(&sandbox.read("b.masc")));
    let known = &call(&["--with-data", "--json"]).json()["estimate"];
    assert_eq!(known["unknown"], 0, "{known}");
}

#[test]
fn an_edit_of_a_library_shows_in_every_experiment_that_uses_it() {
    let (sandbox, git) = repository();
    git(&sandbox, &["checkout", "-qb", "edit"]);
    edit_library(&sandbox);
    git(&sandbox, &["commit", "-qam", "two"]);
    git(&sandbox, &["checkout", "-q", "main"]);
    sandbox.write("later.masc", "masc 1\nlet nothing = 1\n");
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "three"]);
    // Since they parted: not that `later.masc` went. The quickstart imports nothing of it, and the library itself is no experiment.
    let told = sandbox.mascot(&["diff", "main...edit", "--json"]).ended_with(0).json();
    let files: Vec<&str> = told["files"].as_array().unwrap().iter().map(|one| one["b"].as_str().unwrap()).collect();
    assert_eq!(files, ["edit:experiments/empathetic.masc", "edit:experiments/qmsum.masc"]);
    assert_eq!((&told["class"], &told["verdict"]), (&"behaviour".into(), &"comparable".into()));
    assert_eq!(told["changes"].as_array().unwrap().len(), 1, "one edit, told once: {told:#}");
    let page = sandbox.mascot(&["diff", "main...edit", "--format", "markdown"]).ended_with(0).out;
    assert_eq!(page.matches("**Indeed.**").count(), 1, "{page}");
    assert!(page.contains("| `experiments/qmsum.masc` |") && page.contains("(+1 word"), "{page}");
    // An id is a task's; of several files each stands with its own. Where they parted has the name of its commit.
    assert!(names(&told).contains(&"experiments/qmsum.masc sounding/anchor".to_owned()), "{told:#}");
    let parted = git(&sandbox, &["merge-base", "main", "edit"]);
    assert_eq!(told["files"][0]["a"], format!("{}:experiments/empathetic.masc", &parted[..10]));
    // From another folder the same.
    let below = crate::house::mascot(&sandbox.path().join("experiments"), &["diff", "main...edit", "--json"])
        .ended_with(0)
        .json();
    assert_eq!(below["files"][0]["b"], "edit:empathetic.masc");
    // Two dots compare the ends: there, `later.masc` is gone.
    let ends = sandbox.mascot(&["diff", "main..edit", "--json", "--fail-on", "behaviour"]).ended_with(4).json();
    assert!(
        ends["files"].as_array().unwrap().iter().any(|one| one["b"].as_str().unwrap().contains("gone")),
        "{ends:#}"
    );
    sandbox.mascot(&["diff", "main...edit", "--fail-on", "data"]).ended_with(0);
    let same = sandbox.mascot(&["diff", "main..main", "--json"]).ended_with(0).json();
    assert_eq!((&same["class"], same["files"].as_array().unwrap().len()), (&"none".into(), 0));
}

#[test]
fn runs_are_sides_and_keep_what_they_ran() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "experiments/main.masc",
        &sandbox
            .read(QUICKSTART)
            .replace("Praise {{user}} for a strength that their actions prove.", "{{char}} praises."),
    );
    let first = sandbox.rehearse("experiments/main.masc")["run"].as_str().unwrap().to_owned();
    let before = sandbox.read("experiments/main.masc");
    sandbox.write("experiments/main.masc", &before.replace("lr = 3.5e-4", "lr = 4e-4"));
    // A run against the file, which has moved on.
    let told =
        sandbox.mascot(&["diff", &format!("run:{first}"), "experiments/main.masc", "--json"]).ended_with(0).json();
    assert_eq!((&told["class"], &told["verdict"]), (&"training".into(), &"comparable".into()), "{told:#}");
    assert_eq!(names(&told).len(), 10);
    let second = sandbox.rehearse("experiments/main.masc")["run"].as_str().unwrap().to_owned();
    // A run against a run, by its bare name; what is gone from the folder is in the store, also after a collection.
    std::fs::remove_file(sandbox.path().join("experiments/main.masc")).unwrap();
    sandbox.mascot(&["gc"]).ended_with(0);
    let runs = sandbox.mascot(&["diff", &first, &second, "--json"]).ended_with(0).json();
    assert_eq!((&runs["changes"], &runs["reruns"]), (&told["changes"], &told["reruns"]));
    let same = sandbox.mascot(&["diff", &format!("run:{second}"), "run:latest", "--json"]).ended_with(0).json();
    assert_eq!((&same["class"], &same["verdict"]), (&"none".into(), &"identical".into()));
    let missing = sandbox.mascot(&["diff", "run:nobody", "run:latest"]).ended_with(2).err;
    assert!(missing.contains("`mascot runs` lists them"), "{missing}");
}

#[test]
fn git_diff_tells_what_an_edit_means_once_it_is_installed() {
    let (sandbox, git) = repository();
    let told = sandbox.mascot(&["diff", "--install"]).ended_with(0).out;
    assert!(told.contains("*.masc diff=mascot"), "{told}");
    assert_eq!(sandbox.read(".gitattributes"), "*.masc diff=mascot\n");
    let settings = git(&sandbox, &["config", "--local", "--list"]);
    let again = sandbox.mascot(&["diff", "--install"]).ended_with(0).out;
    assert!(again.contains("already"), "{again}");
    assert_eq!(git(&sandbox, &["config", "--local", "--list"]), settings);
    assert_eq!(sandbox.read(".gitattributes"), "*.masc diff=mascot\n");

    // git calls us with its seven arguments: of the working tree, between commits, of what came and of a rename.
    sandbox.edit(QUICKSTART, "for a strength that", "for one strength that");
    let diff = git(&sandbox, &["diff"]);
    assert!(diff.contains("behaviour  persona beacon voice") && diff.contains("[-a-] {+one+}"), "{diff}");
    assert!(diff.contains("re-runs 13 of 18 tasks"), "{diff}");
    git(&sandbox, &["commit", "-qam", "two"]);
    let log = git(&sandbox, &["log", "-p", "-1", "--ext-diff"]);
    assert!(log.contains("behaviour  persona beacon voice"), "{log}");
    sandbox.write("new.masc", "masc 1\nlet a = 1\n");
    git(&sandbox, &["add", "-A"]);
    assert!(git(&sandbox, &["diff", "--cached"]).contains("new: 2 lines"));
    git(&sandbox, &["commit", "-qm", "three"]);
    git(&sandbox, &["mv", "new.masc", "other.masc"]);
    let moved = git(&sandbox, &["diff", "-M", "--cached"]);
    assert!(moved.contains("identical"), "{moved}");
    // A faulty side has no meaning: its lines are shown, and git goes on.
    sandbox.write("other.masc", "masc 1\nlet a = nobody\n");
    let lines = git(&sandbox, &["diff", "HEAD", "--no-renames", "--", "other.masc", "experiments"]);
    assert!(lines.contains("other.masc"), "{lines}");
    let faulty = git(&sandbox, &["diff"]);
    assert!(faulty.contains("+let a = nobody") && faulty.contains("has faults"), "{faulty}");

    sandbox.mascot(&["diff", "--uninstall"]).ended_with(0);
    assert!(!sandbox.path().join(".gitattributes").exists());
    assert!(!git(&sandbox, &["config", "--local", "--list"]).contains("mascot"));
    let nothing = sandbox.mascot(&["diff", "--uninstall"]).ended_with(0).out;
    assert!(nothing.contains("git has no diff.mascot.command"), "{nothing}");
}

#[test]
fn a_class_can_fail_a_check_and_faults_are_told() {
    let (sandbox, _) = edited("lr = 3.5e-4", "lr = 4e-4");
    let call = |limit: &'static str| vec!["diff", QUICKSTART, "experiments/edited.masc", "--fail-on", limit];
    sandbox.mascot(&call("objective")).ended_with(0);
    sandbox.mascot(&call("training")).ended_with(4);
    let page =
        sandbox.mascot(&["diff", QUICKSTART, "experiments/edited.masc", "--format", "markdown"]).ended_with(0).out;
    assert!(page.contains("| training | stage voices lr | 3.5e-4 → 4e-4 |"), "{page}");
    assert!(page.contains("<summary>experiments/edited.masc re-runs 10 of 18 tasks</summary>"), "{page}");
    sandbox.write("experiments/edited.masc", "masc 1\nlet a = nobody\n");
    let told = sandbox.mascot(&["diff", QUICKSTART, "experiments/edited.masc"]).ended_with(1).err;
    assert!(told.contains("edited.masc has faults"), "{told}");
}

#[test]
fn a_main_file_that_moved_is_the_file_that_it_was() {
    let (sandbox, git) = repository();
    git(&sandbox, &["mv", QUICKSTART, "experiments/moved.masc"]);
    git(&sandbox, &["commit", "-qm", "moved"]);
    let pure = sandbox.mascot(&["diff", "HEAD~1..HEAD", "--json", "--fail-on", "cosmetic"]).ended_with(0).json();
    assert_eq!((&pure["class"], pure["files"].as_array().unwrap().len()), (&"none".into(), 0));
    sandbox.edit("experiments/moved.masc", "+ 0.3 * finished()", "+ 0.4 * finished()");
    git(&sandbox, &["commit", "-qam", "edited"]);
    // Without a name, by either name, and with the files as they lie here.
    for call in [
        &["diff", "HEAD~2..HEAD"][..],
        &["diff", "HEAD~2..HEAD", "experiments/moved.masc"],
        &["diff", "HEAD~2..HEAD", QUICKSTART],
        &["diff", "HEAD~2.."],
    ] {
        let told = sandbox.mascot(&[call, &["--json", "--fail-on", "objective"]].concat()).ended_with(4).json();
        assert_eq!((&told["class"], &told["verdict"]), (&"objective".into(), &"not_comparable".into()), "{told:#}");
        assert_eq!((names(&told).len(), names(&told)[0].as_str()), (10, "voices/anchor"), "{call:?}: {told:#}");
    }
}

#[test]
fn a_run_that_stopped_early_is_not_said_to_hold_every_result() {
    let sandbox = Sandbox::new();
    sandbox.mascot(&["run", QUICKSTART, "--engine", "fake", "--until", "sounding"]).ended_with(0);
    let told = sandbox.mascot(&["diff", "run:latest", QUICKSTART]).ended_with(0).out;
    assert!(told.contains("what was made is recalled, and ") && told.contains(" tasks have no result yet"), "{told}");
}
