//! `examples/pull-request.yml`: that it is a workflow, that its steps do what they say, and that it is nobody's repository in particular.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_yaml::Value;

use crate::house::{Sandbox, repository};

const FILE: &str = "experiments/first.masc";

fn workflow() -> Value {
    let text = fs::read_to_string(repository().join("examples/pull-request.yml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

fn steps(workflow: &Value) -> &Vec<Value> {
    workflow["jobs"]["diff"]["steps"].as_sequence().unwrap()
}

fn script<'w>(workflow: &'w Value, name: &str) -> &'w str {
    let step = steps(workflow).iter().find(|step| step["name"] == name);
    step.unwrap_or_else(|| panic!("no step {name}"))["run"].as_str().unwrap()
}

/// As the workflow's shell would run it.
fn bash(sandbox: &Sandbox, script: &str, env: &[(&str, &str)]) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_mascot")).parent().unwrap();
    let inherited = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{inherited}", sandbox.path().join("bin").display(), binary.display());
    let mut shell = Command::new("bash");
    shell.args(["-eo", "pipefail", "-c", script]).env("PATH", path).current_dir(sandbox.path());
    shell.envs(env.iter().copied()).output().unwrap()
}

/// A repository with a first experiment in it, one commit, and an edit of a voice.
fn edited() -> Sandbox {
    let sandbox = Sandbox::empty();
    fs::remove_dir(sandbox.path().join(".git")).unwrap();
    sandbox.mascot(&["init", "experiments"]).ended_with(0);
    let commit = "git init -q && git add -A && git -c user.name=a -c user.email=a@example.com commit -qm one";
    assert!(bash(&sandbox, commit, &[]).status.success());
    sandbox.edit(FILE, "one small step", "one kind step");
    let commit = "git -c user.name=a -c user.email=a@example.com commit -qam two";
    assert!(bash(&sandbox, commit, &[]).status.success());
    sandbox
}

#[test]
fn it_is_yaml_of_steps_that_do_something() {
    let workflow = workflow();
    assert_eq!(workflow["permissions"]["pull-requests"], "write");
    assert!(!workflow["on"]["pull_request"]["paths"].as_sequence().unwrap().is_empty());
    let known = ["uses", "with", "name", "run", "env", "if"];
    for step in steps(&workflow) {
        let keys: Vec<&str> = step.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap()).collect();
        assert!(keys.iter().all(|key| known.contains(key)), "{keys:?}");
        assert!(keys.contains(&"uses") != keys.contains(&"run"), "{keys:?}");
        if let Some(run) = step["run"].as_str() {
            let parsed = Command::new("bash").args(["-n", "-c", run]).output().unwrap();
            assert!(parsed.status.success(), "{run}: {}", String::from_utf8_lossy(&parsed.stderr));
            // What an event says is data: it comes by `env`, never into the text of a script.
            assert!(!run.contains("${{"), "{run}");
        }
    }
}

#[test]
fn it_builds_no_repository_of_its_own() {
    let workflow = workflow();
    let from = workflow["env"]["MASCOT"].as_str().unwrap();
    assert!(from.contains("--git") && from.contains("example.org"), "a place to fill in: {from}");
    assert!(script(&workflow, "install").contains("--locked --no-default-features $MASCOT mascot"));
}

#[test]
fn every_call_of_mascot_is_one() {
    let (workflow, sandbox) = (workflow(), Sandbox::empty());
    let mut calls = 0;
    for run in steps(&workflow).iter().filter_map(|step| step["run"].as_str()) {
        for line in run.lines() {
            let Some((_, call)) = line.split_once("mascot ").filter(|_| !line.contains("cargo install")) else {
                continue;
            };
            let words: Vec<&str> = call.split_whitespace().collect();
            let help = sandbox.mascot(&[words[0], "--help"]).ended_with(0).out;
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "`mascot {}` has no {flag}", words[0]);
            }
            calls += 1;
        }
    }
    assert_eq!(calls, 3);
}

#[test]
fn it_compares_with_a_cost_then_checks_and_asks_for_the_style() {
    let (workflow, sandbox) = (workflow(), edited());
    let ran = bash(&sandbox, script(&workflow, "compare"), &[("BASE", "HEAD~1")]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let comment = sandbox.read("comment.md");
    assert!(comment.starts_with("### What this edit means"), "{comment}");
    assert!(comment.contains("| behaviour | persona planner voice |"), "{comment}");
    assert!(comment.contains("tokens, ≈") && comment.contains("analytic"), "its data lie here:\n{comment}");
    assert!(comment.lines().count() < 30, "short enough to read:\n{comment}");

    for name in ["check", "style"] {
        let ran = bash(&sandbox, script(&workflow, name), &[]);
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    sandbox.edit(FILE, "  seed = 7", "    seed = 7");
    assert!(!bash(&sandbox, script(&workflow, "style"), &[]).status.success());
    sandbox.edit(FILE, "policy = base", "policy = bass");
    let ran = bash(&sandbox, script(&workflow, "check"), &[]);
    assert!(!ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains("::error file="));
}

#[test]
fn it_writes_one_comment_and_then_changes_it() {
    let (workflow, sandbox) = (workflow(), Sandbox::empty());
    sandbox.write("comment.md", "### What this edit means\n");
    // Answers what was listed, and keeps what it was asked.
    sandbox.write("bin/gh", "#!/bin/sh\necho \"$*\" >> asked\ncase \"$*\" in *--paginate*) cat listed ;; esac\n");
    let post = |listed: &str| {
        sandbox.write("listed", listed);
        sandbox.write("asked", "");
        let env = [("PULL", "repos/a/b/issues/7/comments"), ("OURS", ".[]"), ("GITHUB_REPOSITORY", "a/b")];
        let script = format!("chmod +x bin/gh\n{}", script(&workflow, "comment"));
        let ran = bash(&sandbox, &script, &env);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        sandbox.read("asked").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(post("")[1], "api repos/a/b/issues/7/comments -F body=@comment.md");
    assert_eq!(post("41\n42\n")[1], "api -X PATCH repos/a/b/issues/comments/42 -F body=@comment.md");
    sandbox.write("comment.md", "");
    assert!(post("").is_empty(), "there was nothing to post");
}
