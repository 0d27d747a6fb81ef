//! What the command line promises to scripts: exit codes and the shapes of its documents.

use std::fs;

use crate::house::{QUICKSTART, Sandbox, command, has};

const BROKEN: &str = "masc 1\n\npersona one \"The One\" {\n  vioce = \"hello\"\n}\n";

#[test]
fn exit_codes_are_as_promised() {
    let sandbox = Sandbox::new();
    sandbox.write("clean.masc", "masc 1\npersona one \"The One\" { role = \"first\" }\n");
    sandbox.write("broken.masc", BROKEN);
    fs::write(sandbox.path().join("bytes.masc"), b"masc 1\n# \xff\n").unwrap();

    sandbox.mascot(&["check", "clean.masc"]).ended_with(0);
    sandbox.mascot(&["--version"]).ended_with(0);
    sandbox.mascot(&["run", "--help"]).ended_with(0);
    sandbox.mascot(&["check", "broken.masc"]).ended_with(1);
    sandbox.mascot(&["plan", "broken.masc"]).ended_with(1);
    sandbox.mascot(&["run", "broken.masc", "--engine", "fake"]).ended_with(1);
    sandbox.mascot(&["check", "bytes.masc"]).ended_with(1);
    sandbox.mascot(&["check", "absent.masc"]).ended_with(2);
    sandbox.mascot(&["check"]).ended_with(2);
    sandbox.mascot(&["sing"]).ended_with(2);
    sandbox.mascot(&["plan", "clean.masc", "--engine", "fake"]).ended_with(2);
    sandbox.mascot(&["plan", QUICKSTART, "--variant", "absent", "--engine", "fake"]).ended_with(2);
    sandbox.mascot(&["plan", QUICKSTART, "--until", "absent", "--engine", "fake"]).ended_with(2);
    sandbox.mascot(&["plan", QUICKSTART, "--set", "voices.steps", "--engine", "fake"]).ended_with(2);
    sandbox.mascot(&["explain", "M9999"]).ended_with(2);
}

#[test]
fn verbs_that_are_not_built_are_absent_from_the_help() {
    let sandbox = Sandbox::empty();
    let help = sandbox.mascot(&["--help"]).ended_with(0).out;
    for verb in ["chat", "serve", "bench"] {
        let listed = help.lines().any(|line| line.split_whitespace().next() == Some(verb));
        assert!(!listed, "{verb} is in the help");
        sandbox.mascot(&[verb]).ended_with(2);
    }
    for verb in [
        "check", "fmt", "lint", "fix", "test", "import", "export", "migrate", "plan", "run", "why", "graph", "explain",
        "expand", "show", "runs", "report", "gc", "lock", "pack", "unpack", "lsp",
    ] {
        let listed = help.lines().any(|line| line.split_whitespace().next() == Some(verb));
        assert!(listed, "{verb} is not in the help");
    }
}

#[test]
fn check_says_where_and_what() {
    let sandbox = Sandbox::empty();
    sandbox.write("broken.masc", BROKEN);
    let found = sandbox.mascot(&["check", "broken.masc", "--json"]).ended_with(1).json();
    let one = &found["diagnostics"][0];
    has(one, &["code", "severity", "message", "help", "file", "line", "column", "end_line", "end_column", "fixes"]);
    assert_eq!((one["severity"].as_str(), one["file"].as_str()), (Some("error"), Some("broken.masc")));
    assert_eq!((one["line"].as_u64(), one["column"].as_u64()), (Some(4), Some(3)));
    let code = one["code"].as_str().unwrap().to_owned();

    let human = sandbox.mascot(&["check", "broken.masc"]).ended_with(1);
    assert!(human.out.contains("vioce = \"hello\"") && human.out.contains(&code), "{}", human.out);
    assert!(!human.out.contains('\u{1b}'), "no colours where there is no terminal");
    let short = sandbox.mascot(&["check", "broken.masc", "--format", "short"]).ended_with(1);
    assert!(short.out.starts_with(&format!("broken.masc:4:3: error[{code}]: ")), "{}", short.out);
    assert_eq!(short.out.lines().count(), 1);
    let github = sandbox.mascot(&["check", "broken.masc", "--format", "github"]).ended_with(1);
    assert!(github.out.starts_with("::error file=broken.masc,line=4,"), "{}", github.out);

    let sarif = sandbox.mascot(&["check", "broken.masc", "--format", "sarif"]).ended_with(1).json();
    let run = &sarif["runs"][0];
    assert_eq!(
        (sarif["version"].as_str(), run["tool"]["driver"]["rules"][0]["id"].as_str()),
        (Some("2.1.0"), Some(&*code))
    );
    let result = &run["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(
        (result["ruleId"].as_str(), place["artifactLocation"]["uri"].as_str()),
        (Some(&*code), Some("broken.masc"))
    );
    assert_eq!((place["region"]["startLine"].as_u64(), place["region"]["startColumn"].as_u64()), (Some(4), Some(3)));
    let replaced = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(replaced["insertedContent"]["text"], "voice");

    let page = sandbox.mascot(&["explain", &code, "--json"]).ended_with(0).json();
    has(&page, &["code", "title", "text"]);
    let word = sandbox.mascot(&["explain", "grpo", "--json"]).ended_with(0).json();
    has(&word, &["word", "title", "text"]);
    sandbox.mascot(&["explain", "units"]).ended_with(0);
}

#[test]
fn plan_has_its_shape() {
    let sandbox = Sandbox::new();
    let plan = sandbox.plan(QUICKSTART);
    has(&plan, &["tasks", "capabilities"]);
    has(&plan["capabilities"], &["read", "write", "net", "secrets"]);
    for task in plan["tasks"].as_array().unwrap() {
        has(task, &["id", "stage", "member", "point", "state", "why", "needs", "key", "estimate"]);
        has(&task["estimate"], &["tokens", "seconds", "memory_bytes", "usd"]);
        let state = task["state"].as_str().unwrap();
        assert!(["recalled", "run", "pending"].contains(&state));
        // What nothing comes before can be keyed at once; what waits for another cannot.
        assert_eq!(task["key"].is_null(), state == "pending", "{task}");
    }
}

#[test]
fn run_has_its_shape_and_its_events() {
    let sandbox = Sandbox::new();
    let answer = sandbox.mascot(&["run", QUICKSTART, "--engine", "fake", "--json", "--events", "json"]).ended_with(0);
    let run = answer.json();
    has(&run, &["run", "tasks", "metrics", "artifacts", "report"]);
    has(&run["tasks"][0], &["id", "outcome", "key", "seconds", "because"]);
    has(&run["metrics"][0], &["subject", "metric", "criterion", "mean", "sd", "low", "high", "n"]);
    let artifacts = run["artifacts"].as_object().unwrap();
    assert!(artifacts.contains_key("voices/beacon"));
    assert!(artifacts.values().all(|path| sandbox.path().join(path.as_str().unwrap()).exists()));
    let events: Vec<serde_json::Value> = answer.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["event"].is_string()));
    assert!(events.len() > 2 * run["tasks"].as_array().unwrap().len());
}

#[test]
fn why_graph_expand_and_show_have_their_shapes() {
    let sandbox = Sandbox::new();
    let why = sandbox.mascot(&["why", QUICKSTART, "voices.anchor", "--engine", "fake", "--json"]).ended_with(0).json();
    has(&why, &["task", "key", "previous", "state", "differs", "because"]);
    assert_eq!(why["task"], "voices/anchor");
    sandbox.mascot(&["why", QUICKSTART, "voices.nobody", "--engine", "fake"]).ended_with(2);

    let graph = sandbox.mascot(&["graph", QUICKSTART, "--json"]).ended_with(0).json();
    has(&graph["nodes"][0], &["id", "kind", "file", "line"]);
    has(&graph["edges"][0], &["from", "to", "slot"]);
    let dot = sandbox.mascot(&["graph", QUICKSTART]).ended_with(0).out;
    assert!(dot.starts_with("digraph") && dot.contains("\"voices\""), "{dot}");
    let mermaid = sandbox.mascot(&["graph", QUICKSTART, "--format", "mermaid"]).ended_with(0).out;
    assert!(mermaid.starts_with("flowchart"));

    let expanded = sandbox.mascot(&["expand", QUICKSTART, "--json"]).ended_with(0).json();
    has(&expanded["values"][0], &["path", "value", "layer", "file", "line"]);

    sandbox.rehearse(QUICKSTART);
    let shown =
        sandbox.mascot(&["show", QUICKSTART, "voices.anchor", "--engine", "fake", "--json"]).ended_with(0).json();
    has(&shown, &["task", "key", "artifacts", "results", "subjects", "metrics"]);
    // Of one variant there is no other task to be meant.
    let variant = ["--variant", "shuffled", "--engine", "fake", "--json"];
    sandbox.mascot(&[&["run", QUICKSTART, "--until", "voices"][..], &variant].concat()).ended_with(0);
    let shown = sandbox.mascot(&[&["show", QUICKSTART, "voices.anchor"][..], &variant].concat()).ended_with(0).json();
    assert_eq!(shown["task"], "voices/anchor@shuffled");
}

#[cfg(feature = "engine")]
#[test]
fn show_counts_a_dataset() {
    let sandbox = Sandbox::new();
    let shown = sandbox.mascot(&["show", QUICKSTART, "situations", "--json"]).ended_with(0).json();
    has(&shown, &["dataset", "splits", "refused", "sample"]);
    for split in ["train", "val", "test"] {
        has(&shown["splits"][split], &["conversations", "turns", "prompts"]);
    }
    assert_eq!(shown["refused"].as_array().unwrap().len(), 0);
}

#[cfg(feature = "engine")]
#[test]
fn show_tells_what_a_reader_refused_and_needs_no_experiment() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "library.masc",
        "masc 1\ndataset sums { source = gsm8k(\"sums\") }\ndataset away { source = gsm8k(\"../away.jsonl\") }\n",
    );
    let good = "{\"question\": \"2 + 2?\", \"answer\": \"<<2+2=4>>\\n#### 4\"}\n";
    sandbox.write("sums/train.jsonl", &good.repeat(3));
    sandbox.write("sums/test.jsonl", &format!("{good}{{\"question\": \"none\"}}\n{good}"));
    let shown = sandbox.mascot(&["show", "library.masc", "sums", "--json"]).ended_with(0).json();
    assert_eq!(shown["splits"]["test"], serde_json::json!({"conversations": 2, "turns": 4, "prompts": 2}));
    let train: u64 = ["train", "val"].iter().map(|one| shown["splits"][one]["conversations"].as_u64().unwrap()).sum();
    assert_eq!(train, 3);
    assert_eq!(shown["refused"], serde_json::json!([{"file": "test.jsonl", "line": 2, "why": "has no `answer`"}]));
    assert_eq!(shown["sample"][0]["prompt"], "2 + 2?");
    let told = sandbox.mascot(&["show", "library.masc", "sums"]).ended_with(0).out;
    assert!(told.contains("1 row refused") && told.contains("test.jsonl:2: has no `answer`"), "{told}");
    let told = sandbox.mascot(&["show", "library.masc", "nothing"]).ended_with(2).err;
    assert!(told.contains("there is sums, away"), "{told}");

    // Outside the root only what the command line names: by a grant, or by --set.
    let outer = tempfile::tempdir().unwrap();
    let away = outer.path().join("away.jsonl");
    std::fs::write(&away, good).unwrap();
    let set = format!("away.source.path={}", away.display());
    let refused = sandbox.mascot(&["show", "library.masc", "away", "--json"]).ended_with(3).err;
    assert!(refused.contains("away.jsonl"), "{refused}");
    let shown = sandbox.mascot(&["show", "library.masc", "away", "--json", "--set", &set]).ended_with(0).json();
    let all: u64 = ["train", "val", "test"].iter().map(|one| shown["splits"][one]["turns"].as_u64().unwrap()).sum();
    assert_eq!(all, 2);
    let set = format!("away.source=gsm8k(\"{}\")", away.display());
    sandbox.mascot(&["show", "library.masc", "away", "--set", &set]).ended_with(0);
    sandbox.write("far.masc", &format!("masc 1\ndataset far {{ source = gsm8k(\"{}\") }}\n", away.display()));
    sandbox.mascot(&["show", "far.masc", "far"]).ended_with(3);
    let allow = format!("read(\"{}\")", outer.path().display());
    sandbox.mascot(&["show", "far.masc", "far", "--allow", &allow]).ended_with(0);
}

#[test]
fn a_closed_pipe_is_no_fault() {
    let sandbox = Sandbox::new();
    let binary = env!("CARGO_BIN_EXE_mascot");
    let line = format!("'{binary}' expand {QUICKSTART} | head -1; exit ${{PIPESTATUS[0]}}");
    let status = std::process::Command::new("bash").arg("-c").arg(line).current_dir(sandbox.path()).output().unwrap();
    assert_eq!(status.status.code(), Some(0), "{}", String::from_utf8_lossy(&status.stderr));
}

#[test]
fn a_root_is_not_left() {
    let sandbox = Sandbox::empty();
    sandbox.write("inner/.git/here", "");
    sandbox.write("inner/main.masc", "masc 1\nuse \"../outer.masc\" { one }\n");
    sandbox.write("outer.masc", "masc 1\npersona one \"The One\" { role = \"first\" }\n");
    let answer = sandbox.mascot(&["check", "inner/main.masc", "--format", "short"]).ended_with(1);
    assert!(answer.out.contains("root"), "{}", answer.out);
    sandbox.mascot(&["check", "inner/main.masc", "--root", "."]).ended_with(0);
}

#[test]
fn colours_stay_away_when_not_wanted() {
    let sandbox = Sandbox::empty();
    sandbox.write("broken.masc", BROKEN);
    let output = command(sandbox.path(), &["check", "broken.masc"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}
