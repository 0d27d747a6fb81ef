//! `mascot pack` and `unpack` through the front door: the same bytes twice, another machine without a network, and strangers' packs.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use mascot_run::digest::sha256_of;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::house::{Answer, QUICKSTART, Sandbox, command, ids};

/// A program of two stages on weights of a folder and data of two files.
const SMALL: &str = "masc 1\nuse \"./lib/who.masc\" { anchor }\n\nexperiment small \"Small\" {\n  seed = 1\n}\n\n\
    model base {\n  weights = first(file(\"models/base\"), hf(\"org/name\"))\n}\n\n\
    dataset lines {\n  source = jsonl(\"data/lines.jsonl\")\n}\n\n\
    stage sounding = sft for persona in [anchor] {\n  policy = base\n  data = lines\n}\n";
const WHO: &str = "masc 1\n\npersona anchor \"The Anchor\" {\n  role = \"Listener\"\n  voice = text(\"voice.md\")\n}\n";

fn small() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("main.masc", SMALL);
    sandbox.write("lib/who.masc", WHO);
    sandbox.write("lib/voice.md", "You are {{char}}.\n");
    sandbox.write("lib/diary.md", "Named by nobody.\n");
    sandbox.write("data/lines.jsonl", "{\"persona\":\"The Anchor\",\"prompt\":\"a\",\"completion\":\"b\"}\n");
    sandbox
}

/// Names of the files of a pack, by its own account.
fn names(told: &Value) -> Vec<&str> {
    told["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect()
}

#[test]
fn a_pack_runs_elsewhere_and_is_the_same_twice() {
    let (sandbox, elsewhere) = (Sandbox::new(), Sandbox::empty());
    let here = sandbox.plan(QUICKSTART);
    let told = sandbox.mascot(&["pack", QUICKSTART, "--out", "one.mascpack", "--json"]).ended_with(0).json();
    sandbox.mascot(&["pack", QUICKSTART, "--out", "two.mascpack"]).ended_with(0);
    let [one, two] = ["one.mascpack", "two.mascpack"].map(|name| fs::read(sandbox.path().join(name)).unwrap());
    assert_eq!(one, two);
    assert!(names(&told).contains(&QUICKSTART) && names(&told).contains(&"experiments/data/lines.jsonl"), "{told}");
    assert!(
        told["needs"].as_array().unwrap().iter().any(|need| need["source"].as_str().unwrap().contains("smollm2")),
        "{told}"
    );

    fs::write(elsewhere.path().join("x.mascpack"), &one).unwrap();
    let told = elsewhere.mascot(&["unpack", "x.mascpack", "there"]).ended_with(0);
    assert!(told.out.contains("cd there") && told.out.contains(&format!("mascot run {QUICKSTART}")), "{}", told.out);
    assert!(told.err.contains("not in it: the weights wheel("), "{}", told.err);
    let there = elsewhere.path().join("there");
    let call = |args: &[&str]| Answer::of(&command(&there, args).output().unwrap());
    let checked = call(&["check", "--format", "short", QUICKSTART]).ended_with(0);
    assert_eq!(checked.out, "", "also with its lock");
    call(&["lock", "--check"]).ended_with(0);
    let plan = call(&["plan", QUICKSTART, "--engine", "fake", "--json"]).ended_with(0).json();
    assert_eq!(ids(&plan, "state", "run"), ids(&here, "state", "run"));
    assert_eq!(plan["tasks"][0]["key"], here["tasks"][0]["key"], "the same request, to the byte");
    call(&["run", QUICKSTART, "--engine", "fake"]).ended_with(0);
    // What came out of a pack packs to the same pack.
    call(&["pack", QUICKSTART, "--out", "again.mascpack"]).ended_with(0);
    assert_eq!(fs::read(there.join("again.mascpack")).unwrap(), one);
    elsewhere.mascot(&["unpack", "x.mascpack", "there"]).ended_with(2);
}

#[test]
fn a_pack_holds_what_is_named_and_nothing_beside_it() {
    let sandbox = small();
    let told = sandbox.mascot(&["pack", "main.masc", "--json"]).ended_with(0).json();
    assert_eq!(names(&told), ["data/lines.jsonl", "lib/voice.md", "lib/who.masc", "main.masc", "mascot.lock"]);
    assert_eq!(told["pack"], "main.mascpack");
    let told = sandbox.mascot(&["pack", "main.masc", "--without-data", "--json"]).ended_with(0).json();
    assert!(!names(&told).contains(&"data/lines.jsonl"));
    assert!(told["needs"][0]["digest"].as_str().unwrap().starts_with("sha256:"), "{told}");
    let told = sandbox.mascot(&["pack", "main.masc", "--with-weights"]).ended_with(3).err;
    assert!(told.contains("first(models/base, hf(\"org/name\"))") && told.contains("nothing was written"), "{told}");
    fs::remove_file(sandbox.path().join("data/lines.jsonl")).unwrap();
    sandbox.mascot(&["pack", "main.masc", "--with-data"]).ended_with(3);
    sandbox.mascot(&["pack", "main.masc"]).ended_with(0);

    // A folder of data: what is in it, but for what is hidden and the pack itself.
    sandbox.write("data/lines.jsonl/train.jsonl", "{\"prompt\":\"a\",\"completion\":\"b\"}\n");
    sandbox.write("data/lines.jsonl/.secret", "no");
    let out = "data/lines.jsonl/p.mascpack";
    for _ in 0..2 {
        let told = sandbox.mascot(&["pack", "main.masc", "--out", out, "--json"]).ended_with(0).json();
        assert_eq!(names(&told)[0], "data/lines.jsonl/train.jsonl");
        assert_eq!(names(&told).len(), 5);
    }
    sandbox.write("lib/who.masc", &WHO.replace("voice.md", "../.hidden/voice.md"));
    sandbox.write(".hidden/voice.md", "You are {{char}}.\n");
    let told = sandbox.mascot(&["pack", "main.masc"]).ended_with(1).err;
    assert!(told.contains("`.hidden` is hidden"), "{told}");
}

#[test]
fn weights_go_along_when_they_are_asked_for() {
    let (sandbox, elsewhere) = (small(), Sandbox::empty());
    sandbox.write("models/base/config.json", "{}");
    sandbox.write("models/base/tokenizer.json", "{\"a\":1}");
    sandbox.write("models/base/model.safetensors", &"w".repeat(3 << 20));
    sandbox.mascot(&["lock", "main.masc"]).ended_with(0);
    let lock = sandbox.read("mascot.lock");
    let line = |kind: &str| lock.lines().find(|line| line.starts_with(kind)).unwrap().to_owned();
    assert!(line("tokenizer ").ends_with(&sha256_of(b"{\"a\":1}")), "{lock}");
    let told = sandbox.mascot(&["pack", "main.masc", "--json"]).ended_with(0).json();
    assert_eq!(told["needs"].as_array().unwrap().len(), 1, "{told}");
    let told = sandbox.mascot(&["pack", "main.masc", "--with-weights", "--json"]).ended_with(0).json();
    assert_eq!(told["needs"], json!([]));
    assert!(names(&told).contains(&"models/base/model.safetensors"));
    fs::copy(sandbox.path().join("main.mascpack"), elsewhere.path().join("x")).unwrap();
    elsewhere.mascot(&["unpack", "x", "there"]).ended_with(0);
    assert_eq!(fs::read_to_string(elsewhere.path().join("there/mascot.lock")).unwrap(), lock);
    let there = elsewhere.path().join("there");
    Answer::of(&command(&there, &["lock", "--check"]).output().unwrap()).ended_with(0);

    // From the Hub's cache here to the store's shelf there, where a run looks for it.
    let hub = sandbox.path().join("hf/hub/models--org--name");
    fs::create_dir_all(hub.join("refs")).unwrap();
    fs::write(hub.join("refs/main"), "abc").unwrap();
    fs::rename(sandbox.path().join("models/base"), hub.join("snapshots_abc")).unwrap();
    fs::create_dir(hub.join("snapshots")).unwrap();
    fs::rename(hub.join("snapshots_abc"), hub.join("snapshots/abc")).unwrap();
    let told = command(sandbox.path(), &["pack", "main.masc", "--with-weights", "--json"])
        .env("HF_HOME", sandbox.path().join("hf"))
        .output();
    let told = Answer::of(&told.unwrap()).ended_with(0).json();
    assert!(names(&told).contains(&".mascot/sources/hf/org%2Fname@main/model.safetensors"), "{told}");
    fs::copy(sandbox.path().join("main.mascpack"), elsewhere.path().join("y")).unwrap();
    elsewhere.mascot(&["unpack", "y", "hub"]).ended_with(0);
    let there = elsewhere.path().join("hub");
    let told = command(&there, &["lock", "--check"]).env("HF_HOME", there.join("none")).output().unwrap();
    Answer::of(&told).ended_with(0);
    assert_eq!(fs::read_to_string(there.join("mascot.lock")).unwrap(), lock, "the same digest, wherever it lies");
    // What was fetched is as it was locked, or nothing runs on it.
    fs::write(there.join(".mascot/sources/hf/org%2Fname@main/model.safetensors"), "other").unwrap();
    let told = command(&there, &["lock", "--check"]).env("HF_HOME", there.join("none")).output().unwrap();
    Answer::of(&told).ended_with(1);
}

#[test]
fn what_shrinks_well_and_is_no_bomb_comes_out_again() {
    let (sandbox, elsewhere) = (small(), Sandbox::empty());
    let line = "{\"persona\":\"The Anchor\",\"prompt\":\"a\",\"completion\":\"b\"}\n";
    sandbox.write("data/lines.jsonl", &line.repeat(60_000));
    let told = sandbox.mascot(&["pack", "main.masc", "--json"]).ended_with(0).json();
    assert!(told["bytes"].as_u64().unwrap() > 3_000_000, "{told}");
    fs::copy(sandbox.path().join("main.mascpack"), elsewhere.path().join("x")).unwrap();
    elsewhere.mascot(&["unpack", "x", "there"]).ended_with(0);
    assert_eq!(elsewhere.read("there/data/lines.jsonl"), sandbox.read("data/lines.jsonl"));
}

#[test]
fn a_secret_never_enters_a_pack() {
    let sandbox = small();
    let judge = "\nsecret judge_key from env \"MASCOT_TEST_KEY\"\n\nrubric short \"Short\" {\n  criterion length \"Short\" 100%\n}\n\n\
        judge panel {\n  by = openai(\"http://127.0.0.1:9/v1\", \"m\")\n  auth = judge_key\n  rubrics = [short]\n}\n";
    sandbox.write("main.masc", &format!("{SMALL}{judge}"));
    let canary = "canary-4711-do-not-sing";
    let pack = || {
        let output = command(sandbox.path(), &["pack", "main.masc", "--json"]).env("MASCOT_TEST_KEY", canary).output();
        Answer::of(&output.unwrap())
    };
    let told = pack().ended_with(0);
    assert_eq!(told.json()["secrets"], json!(["MASCOT_TEST_KEY"]));
    let mut zip = zip::ZipArchive::new(fs::File::open(sandbox.path().join("main.mascpack")).unwrap()).unwrap();
    for at in 0..zip.len() {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut zip.by_index(at).unwrap(), &mut text).unwrap();
        assert!(!text.contains(canary));
    }
    fs::remove_file(sandbox.path().join("main.mascpack")).unwrap();
    sandbox.write("lib/voice.md", &format!("You are {{{{char}}}}, and the key is {canary}.\n"));
    let told = pack().ended_with(1);
    assert!(told.err.contains("MASCOT_TEST_KEY stands in lib/voice.md"), "{}", told.err);
    assert!(!(told.out + &told.err).contains(canary));
    assert!(!sandbox.path().join("main.mascpack").exists());
}

/// A pack made by hand. An entry's mode is a regular file's unless it is said.
struct Forged {
    entries: Vec<(String, Vec<u8>, CompressionMethod)>,
    manifest: Value,
    link: Option<(String, String)>,
}

impl Forged {
    fn new() -> Self {
        let mut forged = Self {
            entries: Vec::new(),
            manifest: json!({"mascot_pack": 1, "mascot": "0", "program": "main.masc", "files": [], "needs": [], "secrets": []}),
            link: None,
        };
        forged.add("main.masc", b"masc 1\n");
        forged.manifest["files"][0]["kind"] = json!("program");
        forged
    }

    fn add(&mut self, name: &str, bytes: &[u8]) {
        self.entries.push((name.to_owned(), bytes.to_vec(), CompressionMethod::Deflated));
        let files = self.manifest["files"].as_array_mut().unwrap();
        files.push(json!({"path": name, "kind": "data", "bytes": bytes.len(), "sha256": sha256_of(bytes)}));
    }

    fn write(&self, path: &Path) {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("mascot.pack.json", SimpleFileOptions::default()).unwrap();
        zip.write_all(self.manifest.to_string().as_bytes()).unwrap();
        for (name, bytes, method) in &self.entries {
            zip.start_file(name, SimpleFileOptions::default().compression_method(*method)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        if let Some((name, to)) = &self.link {
            zip.add_symlink(name, to, SimpleFileOptions::default()).unwrap();
        }
        fs::write(path, zip.finish().unwrap().into_inner()).unwrap();
    }
}

#[test]
fn a_strangers_pack_is_looked_at_before_anything_of_it_is_written() {
    let with = |edit: &dyn Fn(&mut Forged)| {
        let mut forged = Forged::new();
        edit(&mut forged);
        forged
    };
    let file = |name: &'static str| with(&move |forged: &mut Forged| forged.add(name, b"x"));
    let cases: Vec<(&str, Forged)> = vec![
        ("climbs", file("../evil")),
        ("climbs", file("a/../../evil")),
        ("begins or ends with `/`", file("/tmp/evil")),
        ("not every system knows", file("a\\..\\evil")),
        ("not every system knows", file("C:evil")),
        ("`.git` is hidden", file(".git/hooks/post-checkout")),
        ("`.envrc` is hidden", file(".envrc")),
        ("`.mascot` is hidden", file(".mascot/records/x.yaml")),
        ("not in one of its folders", file(".mascot/sources/hf/x.path")),
        (
            "is in it twice",
            with(&|forged| {
                forged.add("a/b", b"x");
                forged.add("A/B", b"y");
            }),
        ),
        (
            "is not what the manifest says",
            with(&|forged| {
                forged.add("a", b"x");
                forged.manifest["files"][1]["sha256"] = json!(sha256_of(b"y"));
            }),
        ),
        (
            "is not what the manifest says",
            with(&|forged| {
                forged.add("a", b"xyz");
                forged.manifest["files"][1]["bytes"] = json!(1);
            }),
        ),
        (
            "does not name what is in it",
            with(&|forged| {
                forged.add("a", b"x");
                forged.manifest["files"].as_array_mut().unwrap().pop();
            }),
        ),
        (
            "names what is not in it",
            with(&|forged| {
                forged.add("a", b"x");
                forged.manifest["files"][1]["path"] = json!("b");
            }),
        ),
        (
            "is no regular file",
            with(&|forged| {
                forged.add("a", b"x");
                forged.entries.pop();
                forged.link = Some(("a".to_owned(), "/etc/passwd".to_owned()));
            }),
        ),
        ("is a bomb", with(&|forged| forged.add("a", &vec![0; 4 << 20]))),
        ("a program that is not in it", with(&|forged| forged.manifest["program"] = json!("other.masc"))),
        ("a newer mascot made it", with(&|forged| forged.manifest["mascot_pack"] = json!(2))),
        ("does not say what it must", with(&|forged| forged.manifest["files"] = json!("all"))),
        (
            "--limit allows it",
            with(&|forged| {
                forged.add("a", b"x");
                forged.manifest["files"][1]["bytes"] = json!(u64::MAX);
            }),
        ),
    ];
    for (words, forged) in cases {
        let sandbox = Sandbox::empty();
        forged.write(&sandbox.path().join("x.mascpack"));
        let told = sandbox.mascot(&["unpack", "x.mascpack", "deep/there"]);
        assert_eq!(told.code, Some(1), "{words}: {}", told.err);
        assert!(told.err.contains(words), "{words}: {}", told.err);
        assert!(!sandbox.path().join("deep/there").exists(), "{words}");
        let left: Vec<_> = fs::read_dir(sandbox.path().join("deep")).map(Iterator::collect).unwrap_or_default();
        assert!(left.is_empty(), "{words}: {left:?}");
        assert!(!sandbox.path().join("evil").exists() && !sandbox.path().parent().unwrap().join("evil").exists());
    }
    let sandbox = Sandbox::empty();
    Forged::new().write(&sandbox.path().join("x.mascpack"));
    assert!(sandbox.mascot(&["unpack", "x.mascpack", "there", "--limit", "0"]).ended_with(1).err.contains("--limit"));
    sandbox.mascot(&["unpack", "x.mascpack", "there"]).ended_with(0);
    assert_eq!(sandbox.read("there/main.masc"), "masc 1\n");
    sandbox.mascot(&["unpack", "absent", "other"]).ended_with(2);
    sandbox.write("text", "hello");
    assert!(sandbox.mascot(&["unpack", "text", "other"]).ended_with(1).err.contains("is no pack"));
    let whole = fs::read(sandbox.path().join("x.mascpack")).unwrap();
    for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
        fs::write(sandbox.path().join("cut"), &whole[..cut]).unwrap();
        sandbox.mascot(&["unpack", "cut", "other"]).ended_with(1);
    }
    assert!(!sandbox.path().join("other").exists());
}
