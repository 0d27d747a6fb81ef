//! A program from a stranger, through the front door: its secret is written nowhere, it reads nothing outside of the root, reaches no
//! host that nobody granted, and what is no file is refused rather than waited for. (What the language does with hostile text is tested
//! in `src/lang/check/tests/hostile.rs`.)
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::{Answer, Sandbox, command};

const EXPERIMENT: &str = "experiments/empathetic.masc";
const VARIABLE: &str = "MASCOT_JUDGE_KEY";
/// With signs that JSON, HTML and addresses write in another way.
const CANARY: &str = "cnry-9f\"27\\<b>&e+/4 =Zq";

/// The ways in which a text may be written: itself, escaped for JSON (twice), HTML and addresses, base64 in each of its three positions, hex.
fn disguises(text: &str) -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let percent: String = text
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || byte == b'-' {
                (byte as char).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        text.to_owned(),
        json(text),
        json(&json(text)),
        text.replace('\\', "\\\\").replace('"', "\\\""),
        html.replace('"', "&quot;"),
        html,
        percent.to_lowercase(),
        percent,
        hex.to_uppercase(),
        hex,
        // A part of it would say too much as well.
        text[..9].to_owned(),
        text[text.len() - 9..].to_owned(),
    ];
    for skipped in 0..3 {
        // The letters of base64 that depend on this text alone.
        let inner = base64(&text.as_bytes()[skipped..]);
        all.push(inner[..inner.len() - 4].to_owned());
    }
    all
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            out.push(LETTERS[(word >> (18 - 6 * at) & 63) as usize] as char);
        }
    }
    out
}

#[track_caller]
fn is_clean(where_: &str, bytes: &[u8]) {
    for disguise in disguises(CANARY) {
        let found = bytes.windows(disguise.len()).any(|window| window == disguise.as_bytes());
        assert!(!found, "the secret stands in {where_}, as {disguise:?}");
    }
}

fn all_files(folder: &Path, to: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_files(&path, to);
        } else {
            to.push(path);
        }
    }
}

#[test]
fn the_ways_of_writing_a_secret_are_found() {
    assert_eq!(base64(b"Man"), "TWFu");
    assert_eq!(base64(b"light w"), "bGlnaHQgdw");
    let carrier = format!("xx{}", base64(format!("ab{CANARY}yz").as_bytes()));
    let all = disguises(CANARY);
    assert!(all.iter().any(|one| carrier.contains(one.as_str())), "base64 in any position");
    assert!(all.contains(&serde_json::to_string(CANARY).unwrap().trim_matches('"').to_owned()));
}

#[test]
fn a_secret_is_written_nowhere() {
    let sandbox = Sandbox::new();
    let grant = "net(\"api.openai.com:443\")";
    let json_events = ["--json", "--events", "json"];
    let run = ["run", EXPERIMENT, "--engine", "fake", "--allow", grant];
    let calls: Vec<Vec<&str>> = vec![
        vec!["check", EXPERIMENT, "--json"],
        vec!["expand", EXPERIMENT],
        vec!["expand", EXPERIMENT, "--json"],
        vec!["graph", EXPERIMENT, "--json"],
        vec!["plan", EXPERIMENT, "--engine", "fake", "--allow", grant],
        vec!["plan", EXPERIMENT, "--engine", "fake", "--allow", grant, "--json"],
        run.to_vec(),
        run.iter().chain(&json_events).copied().collect(),
        vec!["runs", "--json"],
        vec!["report"],
        vec!["diff", EXPERIMENT, EXPERIMENT, "--json"],
        vec!["fmt", EXPERIMENT, "--check"],
    ];
    let mut done = 0;
    for call in &calls {
        let output = command(sandbox.path(), call).env(VARIABLE, CANARY).output().unwrap();
        done += usize::from(output.status.success());
        is_clean(&format!("the output of {call:?}"), &output.stdout);
        is_clean(&format!("what {call:?} says"), &output.stderr);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{call:?}");
    }
    assert!(done >= 9, "only {done} of {} calls came to their end", calls.len());

    let mut files = Vec::new();
    all_files(sandbox.path(), &mut files);
    assert!(files.iter().any(|path| path.starts_with(sandbox.path().join(".mascot"))), "the run has left a store");
    assert!(files.iter().any(|path| path.extension().is_some_and(|end| end == "html")), "and a report");
    for path in files {
        is_clean(&path.display().to_string(), path.to_string_lossy().as_bytes());
        is_clean(&path.display().to_string(), &fs::read(&path).unwrap());
    }
    // Its variable, which is no secret, is told, so that a reader knows what the program wants.
    let plan = command(sandbox.path(), &calls[5]).output().unwrap();
    assert_eq!(Answer::of(&plan).json()["capabilities"]["secrets"][0], VARIABLE);
}

#[test]
fn a_new_secret_re_runs_nothing() {
    let sandbox = Sandbox::new();
    let run = ["run", EXPERIMENT, "--engine", "fake", "--allow", "net(\"api.openai.com:443\")", "--json"];
    let with = |key: &str| {
        Answer::of(&command(sandbox.path(), &run).env(VARIABLE, key).output().unwrap()).ended_with(0).json()
    };
    with("one");
    let second = with("two");
    let outcomes = second["tasks"].as_array().unwrap();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|task| task["outcome"] == "recalled"), "{second}");
}

/// As [`Sandbox::mascot`], but whoever waits for a pipe's other end is stopped and counts as failed.
#[track_caller]
fn soon(folder: &Path, args: &[&str]) -> Answer {
    // Into files: a pipe that nobody reads would be waited for as well.
    let said = tempfile::tempdir().unwrap();
    let [out, err] = ["out", "err"].map(|name| said.path().join(name));
    let [to_out, to_err] = [&out, &err].map(|path| Stdio::from(fs::File::create(path).unwrap()));
    let mut child = command(folder, args).stdout(to_out).stderr(to_err).spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{args:?} waits for something");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let [out, err] = [out, err].map(|path| fs::read_to_string(path).unwrap());
    let answer = Answer { code: status.code(), out, err };
    assert!(!answer.err.contains("panicked"), "{args:?}\n{}", answer.err);
    answer
}

fn fifo(at: &Path) {
    assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
}

#[test]
fn what_a_program_imports_stays_under_the_root() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("far.masc"), "masc 1\nlet far = 1\n").unwrap();
    let sandbox = Sandbox::empty();
    sandbox.write("near.masc", "masc 1\nlet far = 1\n");
    symlink(outside.path().join("far.masc"), sandbox.path().join("link.masc")).unwrap();
    symlink(outside.path(), sandbox.path().join("folder")).unwrap();
    symlink("near.masc", sandbox.path().join("kept.masc")).unwrap();
    symlink("/dev/zero", sandbox.path().join("zero.masc")).unwrap();
    symlink("round.masc", sandbox.path().join("round.masc")).unwrap();
    fifo(&sandbox.path().join("pipe.masc"));
    let _socket = UnixListener::bind(sandbox.path().join("socket.masc")).unwrap();
    fs::create_dir(sandbox.path().join("dir.masc")).unwrap();
    let up = format!("../{}", outside.path().file_name().unwrap().to_string_lossy());
    let absolute = outside.path().join("far.masc").display().to_string();
    let refused = [
        "./link.masc",
        "./folder/far.masc",
        "./zero.masc",
        "./round.masc",
        "./pipe.masc",
        "./socket.masc",
        "./dir.masc",
        "../../../../../../../../etc/passwd",
        "/etc/passwd",
        "/dev/zero",
        &format!("{up}/far.masc"),
        &absolute,
    ];
    for path in refused {
        sandbox.write("main.masc", &format!("masc 1\nuse {path:?} {{ far }}\nlet near = far\n"));
        let answer = soon(sandbox.path(), &["check", "main.masc", "--json"]).ended_with(1);
        let told = &answer.json()["diagnostics"];
        assert_eq!(told.as_array().unwrap().len(), 1, "{path}: {told}");
        assert_eq!(told[0]["code"], "M0203", "{path}");
        assert_eq!(told[0]["line"], 2, "{path}");
        // And a text that a program names.
        let program = format!("masc 1\npersona p \"P\" {{\n  role = \"x\"\n  voice = text({path:?})\n}}\n");
        sandbox.write("main.masc", &program);
        let told = soon(sandbox.path(), &["check", "main.masc", "--json"]).ended_with(1).json();
        assert_eq!(told["diagnostics"][0]["line"], 4, "{path}: {told}");
    }
    sandbox.write("main.masc", "masc 1\nuse \"./kept.masc\" { far }\nlet near = far\n");
    soon(sandbox.path(), &["check", "main.masc"]).ended_with(0);
}

#[test]
fn a_main_file_that_is_none_is_refused() {
    let sandbox = Sandbox::empty();
    fifo(&sandbox.path().join("pipe.masc"));
    sandbox.write("bytes.masc", "");
    fs::write(sandbox.path().join("bytes.masc"), [b'm', b'a', 0xff]).unwrap();
    sandbox.write("large.masc", &format!("masc 1\n{}", "#".repeat(1 << 20)));
    // A file that takes no room and has no end.
    fs::File::create(sandbox.path().join("huge.masc")).unwrap().set_len(1 << 40).unwrap();
    for verb in ["check", "fmt", "plan", "expand", "graph"] {
        for (file, codes) in [
            ("pipe.masc", &[2][..]),
            ("/dev/zero", &[2]),
            (".", &[2]),
            ("bytes.masc", &[1]),
            ("large.masc", &[1]),
            ("huge.masc", &[1, 2]),
        ] {
            let answer = soon(sandbox.path(), &[verb, file]);
            let said = answer.out.len() + answer.err.len();
            assert!(said < 20_000, "{verb} {file} says {said} bytes");
            assert!(answer.code.is_some_and(|code| codes.contains(&code)), "{verb} {file}: {answer:?}");
        }
    }
}

#[test]
fn no_host_is_reached_that_nobody_granted() {
    let sandbox = Sandbox::empty();
    let judge = "secret key from env \"KEY\"\nrubric tone \"T\" { criterion warm \"W\" 100% }\njudge panel { by = openai(\"https://far.example.org/v1\", \"m\"); \
                 rubrics = [tone]; auth = key }\nprofile lab { allow = [net(\"far.example.org:443\")] }\n";
    sandbox.write("lib.masc", &format!("masc 1\n{judge}"));
    let main = "masc 1\nuse \"./lib.masc\" { panel, lab }\nexperiment e \"E\" { seed = 1 }\nmodel m { weights = random(arch: \"llama\") }\ndataset d { source = \
                jsonl(\"d.jsonl\") }\nstage s = sft { policy = m; data = d.train }\nstage p = pairs { from = s; data = d.train; judge = panel.tone }\n";
    sandbox.write("main.masc", main);
    sandbox.write("d.jsonl", "{}\n");
    let said = |engine: &str| {
        let output =
            command(sandbox.path(), &["plan", "main.masc", "--engine", engine]).env("KEY", "k").output().unwrap();
        let answer = Answer::of(&output);
        format!("{}{}", answer.out, answer.err)
    };
    // What a program wants is shown; that a profile which it holds or imports allows it counts for nothing.
    assert!(said("fake").contains("far.example.org:443"), "{}", said("fake"));
    #[cfg(feature = "engine")]
    assert!(said("candle").contains("--allow 'net(\"far.example.org:443\")'"), "{}", said("candle"));
}
