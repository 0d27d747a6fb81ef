//! Judges that are asked, through the front door, on random weights: a server that behaves, one that hangs, one that talks nonsense,
//! and what keeps a run from asking at all.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{Sandbox, command, ids};
use crate::misbehaving::{Heard, Reply, Server};

const KEY: &str = "s3cr3t-never-to-be-seen";

const PROGRAM: &str = r#"masc 1
experiment asked "Judges that are asked" { seed = 3 }
model tiny { weights = random(arch: "llama", hidden: 32, layers: 2, heads: 2, kv_heads: 1, ffn: 64) }
dataset lines { source = jsonl("lines.jsonl") }
dataset situations { source = jsonl("situations.jsonl") }
persona anchor "The Anchor" {
  voice = "You stay with the feeling."
  example { given = "I failed."; says = "That hurts. It will pass." }
}
persona beacon "The Beacon" {
  voice = "You praise what was done."
  example { given = "I failed."; says = "You tried, and that took courage." }
}
let crew = [anchor, beacon]
rubric kindness "Kindness" {
  scale = 1..5
  criterion warmth "Is warm" 75% { low = "cold", high = "warm" }
  criterion tact "Is tactful with {{user}}" 25%
}
secret judge_key from env "MASCOT_TEST_KEY"
judge far { by = openai("URL", "a-model"), rubrics = [kindness], auth = judge_key, timeout = 20 s }
judge near { by = local(tiny), rubrics = [kindness], swap = true }
reward kind { score = normalise(far.kindness) + 0.1 * finished() }
stage sounding = sft for persona in crew { policy = tiny; data = lines; epochs = 1 epochs; adapter = lora(rank: 2) }
stage preferences = pairs for persona in crew {
  from = sounding
  data = situations.train
  sample = { n = 3, max_new = 6 tok }
  judge = far.kindness
  min_gap = 0.5
}
stage voices = grpo for persona in crew {
  policy = sounding
  reward = kind
  data = situations.train
  prompts = 1
  group = 3
  steps = 1 steps
  sample = { max_new = 6 tok }
}
stage measured = evaluate {
  subjects = [voices, baseline(zero_shot)]
  metrics = [far.kindness, near.kindness]
  data = situations.test
  sample = { n = 1, max_new = 6 tok }
  bootstrap = 50
}
"#;

fn project(url: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("asked.masc", &PROGRAM.replace("URL", url));
    let line = |who: &str, says: &str| {
        format!("{{\"persona\": \"{who}\", \"prompt\": \"I failed.\", \"completion\": \"{says}\"}}\n")
    };
    sandbox.write("lines.jsonl", &(line("The Anchor", "That hurts.") + &line("The Beacon", "Well done.")));
    let situation = |text: &str, split: &str| format!("{{\"prompt\": \"{text}\", \"split\": \"{split}\"}}\n");
    let train = situation("I lost my keys.", "train") + &situation("I was late.", "train");
    sandbox.write("situations.jsonl", &(train + &situation("I am tired.", "test") + &situation("I won.", "test")));
    sandbox
}

/// A verdict that differs from reply to reply, and whose criteria differ.
fn verdict(heard: &Heard) -> Reply {
    let sum: u32 = heard.prompt().bytes().map(u32::from).sum();
    Reply::Says(format!("{{\"warmth\": {}, \"tact\": {}}}", 1 + sum % 5, 1 + (sum / 5) % 5))
}

/// A call with the key in its environment.
fn call(sandbox: &Sandbox, args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(sandbox.path(), args).env("MASCOT_TEST_KEY", KEY).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn everything_below(folder: &std::path::Path, found: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => everything_below(&path, found),
            false => found.push(fs::read(path).unwrap()),
        }
    }
}

#[test]
fn a_run_asks_judges_far_and_near_and_remembers_what_they_said() {
    let server = Server::start(|heard, _| verdict(heard));
    let sandbox = project(&server.url);
    let (code, out, err) = call(&sandbox, &["run", "asked.masc", "--json", "--events", "json"]);
    assert_eq!(code, Some(0), "{out}\n{err}");
    let run: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(ids(&run, "outcome", "fresh").len(), run["tasks"].as_array().unwrap().len());
    let cell = |metric: &str, criterion: Option<&str>| {
        let rows = run["metrics"].as_array().unwrap();
        let row = rows.iter().find(|row| {
            row["metric"].as_str() == Some(metric)
                && row["criterion"].as_str() == criterion
                && row["subject"] == "voices"
        });
        row.unwrap_or_else(|| panic!("{metric} {criterion:?}: {rows:#?}"))["mean"].as_f64().unwrap()
    };
    for judge in ["far.kindness", "near.kindness"] {
        let (all, warmth, tact) = (cell(judge, None), cell(judge, Some("warmth")), cell(judge, Some("tact")));
        assert!((all - (0.75 * warmth + 0.25 * tact)).abs() < 1e-6, "{judge}: {all} {warmth} {tact}");
        assert!((20.0..=100.0).contains(&all) && warmth != tact, "{judge}: {all} {warmth} {tact}");
    }
    assert!(err.contains("judge far away:") && err.contains("price unknown"), "{err}");

    // The key stood in every request, and stands nowhere else.
    let heard = server.heard();
    assert!(!heard.is_empty() && heard.iter().all(|one| one.auth.as_deref() == Some(&*format!("Bearer {KEY}"))));
    let mut kept = Vec::new();
    everything_below(sandbox.path(), &mut kept);
    kept.extend([out.into_bytes(), err.into_bytes()]);
    assert!(kept.iter().all(|bytes| !bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes())));

    // Nothing is asked twice: recalled as a whole, and where a task is performed again, from what was paid for.
    let (code, again, _) = call(&sandbox, &["run", "asked.masc", "--json"]);
    assert_eq!(code, Some(0));
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(ids(&again, "outcome", "fresh"), Vec::<String>::new());
    let wider = ["run", "asked.masc", "--json", "--set", "measured.bootstrap=60", "--jobs", "2"];
    let (code, wider, err) = call(&sandbox, &wider);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("--jobs 2: a judge far away keeps its limits"), "a ceiling is not spent twice: {err}");
    let wider: Value = serde_json::from_str(&wider).unwrap();
    assert_eq!(ids(&wider, "outcome", "fresh"), ["measured"]);
    assert_eq!(server.heard().len(), heard.len());
}

#[test]
fn what_keeps_a_judge_from_being_asked_is_told_at_once() {
    let sandbox = project("https://judge.invalid/v1");
    let answer = sandbox.mascot(&["run", "asked.masc"]).ended_with(3);
    for told in [
        "judge at judge.invalid:443: the host was not granted",
        "--allow 'net(\"judge.invalid:443\")'",
        "secret MASCOT_TEST_KEY",
        "is not set",
    ] {
        assert!(answer.err.contains(told), "{told}: {}", answer.err);
    }
    assert!(!sandbox.path().join(".mascot/records").exists(), "nothing began");
    let plan = sandbox.mascot(&["plan", "asked.masc"]).ended_with(0);
    assert!(
        plan.out.contains("the host was not granted") && plan.out.contains("net judge.invalid:443"),
        "{}",
        plan.out
    );
    assert!(!plan.out.contains("cannot run yet"), "{}", plan.out);

    // Granted on the command line, or by a profile.
    let (_, out, _) = call(&sandbox, &["plan", "asked.masc", "--allow", "net(\"judge.invalid:443\")"]);
    assert!(!out.contains("missing"), "{out}");
    sandbox.write("lab.profile.masc", "masc 1\nprofile lab { allow = [net(\"judge.invalid:443\")] }\n");
    let (_, out, _) = call(&sandbox, &["plan", "asked.masc", "--profile", "lab.profile.masc"]);
    assert!(!out.contains("missing"), "{out}");
    let other = ["plan", "asked.masc", "--allow", "net(\"judge.invalid:80\")"];
    assert!(call(&sandbox, &other).1.contains("the host was not granted"));
}

#[test]
fn a_judge_that_talks_nonsense_stops_the_stage_and_leaves_nothing() {
    let server = Server::start(|_, _| Reply::Says("I would rather not.".into()));
    let sandbox = project(&server.url);
    let program = sandbox.read("asked.masc").replace("n = 3, max_new = 6", "n = 8, max_new = 6");
    sandbox.write("asked.masc", &program);
    let (code, out, err) = call(&sandbox, &["run", "asked.masc", "--until", "preferences"]);
    assert_eq!(code, Some(3), "{out}\n{err}");
    let all = format!("{out}{err}");
    assert!(all.contains("verdicts are void") && all.contains("it holds no JSON object"), "{all}");
}

#[test]
fn ctrl_c_is_answered_while_a_judge_is_silent() {
    let server = Server::start(|_, _| Reply::Hangs(Duration::from_secs(30)));
    let sandbox = project(&server.url);
    let mut child = command(sandbox.path(), &["run", "asked.masc", "--until", "preferences", "--events", "json"])
        .env("MASCOT_TEST_KEY", KEY)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut asked = None;
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        if asked.is_none() && event["event"] == "progress" && event["progress"]["phase"] == "judging" {
            while server.heard().is_empty() {
                std::thread::sleep(Duration::from_millis(20));
            }
            let told = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(told.success());
            asked = Some(Instant::now());
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let took = asked.expect("the judge was asked").elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_ceiling_stops_the_run_and_the_next_goes_on() {
    let server = Server::start(|heard, _| verdict(heard));
    let sandbox = project(&server.url);
    let program = sandbox.read("asked.masc");
    let ceiling = "timeout = 20 s, ceiling = 1 usd";
    sandbox.write("asked.masc", &program.replace("timeout = 20 s", ceiling));
    let (code, _, err) = call(&sandbox, &["run", "asked.masc"]);
    assert!(code == Some(3) && err.contains("input_price"), "{code:?} {err}");

    let priced = format!("{ceiling}, input_price = 1_000 usd, output_price = 1_000 usd");
    sandbox.write("asked.masc", &program.replace("timeout = 20 s", &priced));
    let (code, out, err) = call(&sandbox, &["run", "asked.masc"]);
    assert_eq!(code, Some(4), "{out}\n{err}");
    assert!(format!("{out}{err}").contains("of 1 usd"), "{out}\n{err}");
    // 110 tokens a request: 0.11 usd.
    let paid = server.heard().len();
    assert!((3..=9).contains(&paid), "{paid} requests");

    sandbox.write("asked.masc", &program);
    let (code, out, err) = call(&sandbox, &["run", "asked.masc"]);
    assert_eq!(code, Some(0), "{out}\n{err}");
    let mut asked: Vec<String> = server.heard().iter().map(|heard| heard.body.to_string()).collect();
    let all = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), all, "nothing was paid for twice");
}

#[cfg(unix)]
#[test]
fn a_laptop_that_sleeps_while_a_judge_is_asked_loses_nothing() {
    let until = ["run", "asked.masc", "--until", "preferences"];
    let kept = |sandbox: &Sandbox| {
        let (_, shown, _) = call(sandbox, &["show", "asked.masc", "preferences.anchor", "--json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let path = shown["artifacts"]["pairs.jsonl"].as_str().unwrap().to_owned();
        (shown["key"].clone(), path.split(".mascot").last().unwrap().to_owned(), shown["results"].clone())
    };
    let server = Server::start(|heard, _| verdict(heard));
    let awake = project(&server.url);
    assert_eq!(call(&awake, &until).0, Some(0));

    // Requests are open when the lid closes, and their connections are dead when it opens again: all of them, for where one is answered
    // nobody waits.
    let open = Arc::new(AtomicBool::new(true));
    let still = open.clone();
    let server = Server::start(move |heard, _| match still.load(Ordering::SeqCst) {
        true => Reply::Hangs(Duration::from_secs(2)),
        false => verdict(heard),
    });
    let asleep = project(&server.url);
    asleep.write("asked.masc", &asleep.read("asked.masc").replace("timeout = 20 s", "timeout = 2 s"));
    let mut child = command(asleep.path(), &[&until[..], &["--events", "json"]].concat())
        .env("MASCOT_TEST_KEY", KEY)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let listening = BufReader::new(child.stderr.take().unwrap());
    let ear = std::thread::spawn(move || {
        let events =
            listening.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        events.filter(|event| event["event"] == "notice").count()
    });
    while server.heard().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let tell = |signal: &str| {
        let told = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(told.success());
    };
    tell("-STOP");
    std::thread::sleep(Duration::from_secs(4));
    open.store(false, Ordering::SeqCst);
    tell("-CONT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(ear.join().unwrap() >= 2, "that it is waited for, and that it answers again");
    assert_eq!(kept(&asleep), kept(&awake));
}
