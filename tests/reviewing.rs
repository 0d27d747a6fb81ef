//! A pull request in a scratch repository: `docs/reviewing.md` shows what the workflow of `examples/pull-request.yml` would post.
//!
//! `MASCOT_BLESS=1 cargo test --test house reviewing` writes what is posted into the page; then read the difference.

use std::fs;
use std::process::Command;

use crate::house::{Sandbox, repository};

/// Heading of the page, file, what is edited, into what.
const EDITS: [(&str, &str, &str, &str); 4] = [
    ("a-rubric-weight", "experiments/first.masc", "really felt\" 60%", "really felt\" 50%"),
    ("a-word-of-a-persona", "experiments/first.masc", "one small step", "one kind step"),
    ("a-comment", "experiments/first.masc", "# The voice is the system prompt", "# A voice is the system prompt"),
    ("a-learning-rate", "experiments/first.masc", "lr = 1e-3", "lr = 5e-4"),
];

#[test]
fn the_page_on_reviewing_shows_what_the_workflow_posts() {
    let page = repository().join("docs/reviewing.md");
    let mut text = fs::read_to_string(&page).unwrap();
    let script = compare_step(&fs::read_to_string(repository().join("examples/pull-request.yml")).unwrap());
    for (name, file, from, to) in EDITS {
        let sandbox = scratch(&text);
        sandbox.edit(file, from, to);
        if name == "a-rubric-weight" {
            sandbox.edit(file, "thinks of it\" 40%", "thinks of it\" 50%");
        }
        git(&sandbox, &["commit", "-qam", name]);
        let posted = posted(&sandbox, &script);
        let (start, end) = place(&text, name);
        if std::env::var_os("MASCOT_BLESS").is_some() {
            text.replace_range(start..end, &posted);
        }
        let (start, end) = place(&text, name);
        assert_eq!(text[start..end], posted, "what is posted for {name}: MASCOT_BLESS=1 writes it into the page");
    }
    if std::env::var_os("MASCOT_BLESS").is_some() {
        fs::write(&page, text).unwrap();
    }
}

/// A repository as the page tells: `mascot init`, the rubric and judge of the page, one commit.
fn scratch(page: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    fs::remove_dir(sandbox.path().join(".git")).unwrap();
    git(&sandbox, &["init", "-q", "-b", "main"]);
    sandbox.mascot(&["init", "experiments"]).ended_with(0);
    let added = between(page, "```text added\n", "```\n");
    let file = "experiments/first.masc";
    sandbox.edit(file, "let pair =", &format!("{added}\nlet pair ="));
    sandbox.edit(file, "metrics = [contrast(base), ", "metrics = [panel.warmth, contrast(base), ");
    sandbox.mascot(&["fmt", file]).ended_with(0);
    sandbox.mascot(&["check", file]).ended_with(0);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "a first experiment"]);
    sandbox
}

/// The `run` of the step called `compare`, as the workflow has it.
fn compare_step(workflow: &str) -> String {
    let step = &workflow[workflow.find("- name: compare").unwrap()..];
    let lines = step[step.find("run: |\n").unwrap() + 7..].lines();
    let script = lines.take_while(|line| line.starts_with("          "));
    script.map(|line| format!("{}\n", &line[10..])).collect()
}

/// What `comment.md` holds after the step.
fn posted(sandbox: &Sandbox, script: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_mascot")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    let ran = shell.args(["-euc", script]).current_dir(sandbox.path()).env("PATH", path).env("BASE", "HEAD~1");
    let ended = ran.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    sandbox.read("comment.md")
}

fn git(sandbox: &Sandbox, args: &[&str]) {
    let who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false"];
    let ended = Command::new("git").args(who).args(args).current_dir(sandbox.path()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Where the comment of an edit stands in the page.
fn place(page: &str, name: &str) -> (usize, usize) {
    let head = format!("````markdown {name}\n");
    let start = page.find(&head).unwrap_or_else(|| panic!("the page has no {head:?}")) + head.len();
    (start, start + page[start..].find("````\n").unwrap())
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let start = text.find(from).unwrap() + from.len();
    &text[start..start + text[start..].find(to).unwrap()]
}
