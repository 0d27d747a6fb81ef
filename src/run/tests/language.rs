//! From the text of a program to its plan: what re-runs, and what does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use mascot_lang::program::Point;
use mascot_lang::source::World;
use mascot_run::fake::FINGERPRINT;
use mascot_run::plan::{self, Plan, State};
use mascot_run::remote::Secret;
use mascot_run::report::Outcome::{Fresh, Recalled};
use mascot_run::source::Places;
use tempfile::tempdir;

use crate::bench::{outcomes, performed, store};

pub const PROGRAM: &str = r#"masc 1

experiment small "A small one" { seed = 7 }

model base { weights = random(arch: "llama") }

dataset lines { source = jsonl("lines.jsonl", fields: { persona = "persona", prompt = "given", completion = "says" }) }
dataset directives { source = jsonl("directives.jsonl") }
dataset situations { source = jsonl("situations.jsonl", fields: { prompt = "text" }) }

persona anchor "The Anchor" {
  voice = """md
    You stay with the feeling.
    """
  example { given = "I failed."; says = "That hurts." }
}

persona beacon "The Beacon" {
  voice = """md
    You find the strength.
    """
  example { given = "I failed."; says = "You tried." }
}

let crew = [anchor, beacon]

rubric fidelity "Fidelity" {
  scale = 1..5
  criterion role "Stays in role" 60%
  criterion voice "Keeps its voice" 40%
}

judge panel { by = contrast(base); rubrics = [fidelity] }

stage sounding = sft for persona in crew {
  policy = base
  data = lines
}

stage preferences = pairs for persona in crew {
  from = sounding
  data = situations.train
  judge = panel.fidelity
}

stage persona_rm = bradley_terry {
  pairs = preferences
  init = base
  gate held_out_accuracy >= 0.5 else "no better than chance"
}

reward in_character {
  score = 0.8 * persona_rm + contrast() - leak()
}

stage voices = grpo for persona in crew {
  policy = sounding
  reward = in_character
  data = situations.train
  steps = 10 steps
}

director conductor "Director" { policy = base; seats = crew }

reward together { score = coherence() + 0.5 * diversity() }

stage casting = sft { policy = conductor; data = directives }

stage direction = grpo {
  policy = casting
  actors = voices
  reward = together
  data = situations.train
  rollout = { turns = 3, episodes = 4 }
  group = 4
}

stage rehearsal = dialogue {
  director = direction
  actors = voices
  data = situations.test
}

stage verdict = evaluate {
  subjects = [rehearsal, baseline(sft), baseline(zero_shot)]
  metrics = [panel.fidelity, coherence()]
  gate delta(rehearsal, baseline(zero_shot)).low > 0 else "no gain"
}

variant mute "Without voices" { crew.*.voice = none }
variant random_order "Random order" { conductor.order = random }
"#;

/// Files in memory, else below a folder.
#[derive(Default)]
struct Files {
    texts: BTreeMap<String, String>,
    root: Option<PathBuf>,
}

impl World for Files {
    fn source(&self, path: &str) -> Result<String, String> {
        if let Some(text) = self.texts.get(path) {
            return Ok(text.clone());
        }
        let root = self.root.as_ref().ok_or("no such file")?;
        std::fs::read_to_string(root.join(path)).map_err(|error| error.to_string())
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        self.source(&folder.join(path).display().to_string())
    }
}

/// Plans a program with the fake engine: the base, and the points that `also` names.
fn planned(files: &Files, main: &str, also: &[Point], folder: &Path) -> Plan {
    let checked = mascot_lang::check(files, main, &[]);
    let found = &checked.diagnostics;
    let mut programs = vec![checked.program.clone().unwrap_or_else(|| panic!("{main} does not check: {found:#?}"))];
    for point in also {
        programs.push(checked.at(point).unwrap_or_else(|_| panic!("{point:?} does not check")));
    }
    let places = Places { root: folder.to_owned(), store: folder.join("store"), ..Places::default() };
    plan::plan(&programs, &checked.files, &places, &store(folder), FINGERPRINT, true)
}

pub fn plan_of(text: &str, folder: &Path) -> Plan {
    plan_at(text, &[], folder)
}

/// The base, and the points that `also` names.
pub fn plan_at(text: &str, also: &[Point], folder: &Path) -> Plan {
    let files = Files { texts: [("main.masc".to_owned(), text.to_owned())].into(), root: None };
    planned(&files, "main.masc", also, folder)
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|task| task.id.as_str()).collect()
}

fn keys(plan: &Plan) -> Vec<String> {
    plan.tasks.iter().map(|task| task.key.map_or_else(|| "pending".to_owned(), |key| key.to_string())).collect()
}

/// Runs `before`, edits it, and says which tasks ran fresh; holds the plan to its word.
fn reruns(before: &str, after: &str) -> Vec<String> {
    assert_ne!(before, after, "the edit changes nothing");
    let folder = tempdir().unwrap();
    performed(&plan_of(before, folder.path()), folder.path());
    let plan = plan_of(after, folder.path());
    let (did, report) = performed(&plan, folder.path());
    for (task, outcome) in plan.tasks.iter().zip(outcomes(&report)) {
        match task.state {
            State::Recalled => assert_eq!(outcome, Recalled, "{}", task.id),
            State::Run => assert_eq!(outcome, Fresh, "{}", task.id),
            State::Pending => {}
        }
    }
    did
}

pub fn edit(from: &str, to: &str) -> Vec<String> {
    reruns(PROGRAM, &PROGRAM.replacen(from, to, 1))
}

#[test]
fn tasks_come_in_the_order_of_the_file() {
    let folder = tempdir().unwrap();
    let plan = plan_of(PROGRAM, folder.path());
    assert_eq!(
        ids(&plan),
        [
            "sounding/anchor",
            "sounding/beacon",
            "preferences/anchor",
            "preferences/beacon",
            "persona_rm",
            "voices/anchor",
            "voices/beacon",
            "casting",
            "direction",
            "rehearsal",
            "verdict",
        ]
    );
    assert_eq!(plan.find("voices.anchor"), Some(5));
    let (did, report) = performed(&plan, folder.path());
    assert_eq!(did, ids(&plan));
    let gates: Vec<_> = report.tasks.iter().flat_map(|task| &task.gates).map(|asked| asked.line).collect();
    let lines = |text: &str| PROGRAM.lines().position(|line| line.contains(text)).unwrap() as u32 + 1;
    assert_eq!(gates, [lines("gate held_out"), lines("gate delta")]);
    assert_eq!(report.tasks[10].labels.subjects, ["rehearsal", "baseline(sft)", "baseline(zero_shot)"]);
    assert_eq!(report.tasks[10].labels.metrics, ["panel.fidelity", "coherence()"]);
}

#[test]
fn guards_hold_for_each_persona() {
    let folder = tempdir().unwrap();
    let gate = "gate delta(rehearsal, baseline(zero_shot)).low > 0 else";
    let each = "gate delta(rehearsal, baseline(zero_shot), persona: anchor) > -99 and \
                delta(rehearsal, baseline(zero_shot), persona: beacon, metric: coherence()).low > -99 else";
    let plan = plan_of(&PROGRAM.replacen(gate, each, 1), folder.path());
    let (_, report) = performed(&plan, folder.path());
    let asked = &report.task("verdict").unwrap().gates[0];
    assert!(asked.holds, "{asked:?}");
    let names: Vec<&str> = asked.values.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "delta(rehearsal, baseline(zero_shot), persona: The Anchor)",
            "delta(rehearsal, baseline(zero_shot), metric: coherence(), persona: The Beacon).low"
        ]
    );
    assert_ne!(asked.values[0].1, asked.values[1].1);
}

#[test]
fn comment_change_keeps_key() {
    assert!(edit("model base", "# the one that we can afford\nmodel base").is_empty());
}

#[test]
fn moved_line_keeps_key() {
    let rubric = "judge panel { by = contrast(base); rubrics = [fidelity] }\n";
    let moved = format!("{}\n{rubric}", PROGRAM.replacen(rubric, "", 1));
    assert!(reruns(PROGRAM, &moved).is_empty());
}

#[test]
fn rename_keeps_key() {
    let renamed =
        PROGRAM.replace("sounding", "first_steps").replace("anchor", "harbour").replace("in_character", "manners");
    assert!(reruns(PROGRAM, &renamed).is_empty());
}

#[test]
fn what_a_model_reads_is_no_mere_name() {
    assert!(edit("\"The Beacon\"", "\"The Lamp\"").contains(&"sounding/beacon".to_owned()));
    assert!(edit("criterion role", "criterion part").contains(&"preferences/anchor".to_owned()));
}

#[test]
fn persona_word_reruns_only_its_dependants() {
    // The judge knows personas by their examples, so the anchor's pairs are what they were; and a director by names and roles.
    assert_eq!(
        edit("You find the strength.", "You find the courage."),
        [
            "sounding/beacon",
            "preferences/beacon",
            "persona_rm",
            "voices/anchor",
            "voices/beacon",
            "direction",
            "rehearsal",
            "verdict",
        ]
    );
}

#[test]
fn an_example_reruns_those_who_read_it() {
    let did = edit("says = \"You tried.\"", "says = \"You dared.\"");
    assert_eq!(
        did[..2],
        ["preferences/anchor", "preferences/beacon"],
        "its judge reads the whole crew's, its fine-tuning none"
    );
}

#[test]
fn why_names_the_field_and_the_line() {
    let folder = tempdir().unwrap();
    performed(&plan_of(PROGRAM, folder.path()), folder.path());
    let plan = plan_of(&PROGRAM.replacen("You find the strength.", "You find the courage.", 1), folder.path());
    let at = plan.find("voices.beacon").unwrap();
    let why = plan::why(&plan, &store(folder.path()), at);
    assert_eq!(why.differs.len(), 1, "what stands in several places was written once");
    let voice = &why.differs[0];
    assert_eq!(voice.field, "beacon.voice");
    assert_eq!(
        (voice.from.as_str(), voice.to.as_str()),
        (Some("You find the strength."), Some("You find the courage."))
    );
    let line = PROGRAM.lines().position(|line| line == r#"persona beacon "The Beacon" {"#).unwrap() as u32 + 2;
    assert_eq!((voice.file.as_deref(), voice.line), (Some("main.masc"), Some(line)));
    assert_eq!(why.because, ["sounding/beacon", "persona_rm"]);
    assert!(plan.tasks[0].why.is_empty() && plan.tasks[0].state == State::Recalled);
}

#[test]
fn changes_reach_what_they_should() {
    assert_eq!(edit("steps = 10 steps", "steps = 11 steps")[0], "voices/anchor");
    assert_eq!(edit("metrics = [panel.fidelity, coherence()]", "metrics = [panel.fidelity]"), ["verdict"]);
    // Gates are no part of a key.
    assert!(edit("held_out_accuracy >= 0.5", "held_out_accuracy >= 0.55").is_empty());
    // What the fake engine does not hear comes out the same.
    assert_eq!(
        edit("judge = panel.fidelity\n", "judge = panel.fidelity\n  min_gap = 0.7\n"),
        ["preferences/anchor", "preferences/beacon"]
    );
    assert_eq!(edit("seed = 7", "seed = 8").len(), 11);
}

#[test]
fn estimates_are_reckoned_from_sizes() {
    let folder = tempdir().unwrap();
    let line = |who: &str| format!("{{\"persona\": \"{who}\", \"given\": \"I failed.\", \"says\": \"Oh.\"}}\n");
    std::fs::write(folder.path().join("lines.jsonl"), line("The Anchor").repeat(16) + &line("The Beacon").repeat(8))
        .unwrap();
    let files = |text: &str| Files { texts: [("main.masc".to_owned(), text.to_owned())].into(), root: None };
    let estimated = |text: &str| {
        let checked = mascot_lang::check(&files(text), "main.masc", &[]);
        let places = Places { root: folder.path().to_owned(), store: folder.path().join("store"), ..Places::default() };
        let program = checked.program.unwrap();
        plan::plan(&[program], &checked.files, &places, &store(folder.path()), "candle/1", false)
    };
    let plan = estimated(PROGRAM);
    let tokens = |plan: &Plan, id: &str| plan.tasks[plan.find(id).unwrap()].estimate.tokens.map(|tokens| tokens.likely);
    // 16 rows of 90 tokens, three times; the voice of 26 characters, 4.2 a token, once for each of 2 batches, three times.
    assert_eq!(tokens(&plan, "sounding.anchor"), Some(16.0 * 90.0 * 3.0 + 26.0 / 4.2 * 2.0 * 3.0));
    assert!(tokens(&plan, "sounding.beacon") < tokens(&plan, "sounding.anchor"));
    assert_eq!(tokens(&plan, "preferences.anchor"), None, "nobody knows how many situations there are");
    assert_eq!(
        plan.missing.iter().map(|lacking| lacking.what.source.as_str()).collect::<Vec<_>>(),
        ["directives.jsonl", "situations.jsonl"]
    );
    let twice = estimated(&PROGRAM.replacen("steps = 10 steps", "steps = 20 steps", 1));
    let ratio = tokens(&twice, "voices.anchor").unwrap() / tokens(&plan, "voices.anchor").unwrap();
    assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
    let estimate = &plan.tasks[0].estimate;
    let seconds = estimate.seconds.unwrap();
    assert!(0.0 < seconds.low && seconds.low < seconds.likely && seconds.likely < seconds.high);
    assert!(estimate.usd.is_none(), "unknown is never 0");
}

#[test]
fn a_baseline_has_the_crew_of_the_first_subject() {
    use mascot_run::task::{Baseline, Subject, TaskSpec};

    let folder = tempdir().unwrap();
    let some = "stage speakers = evaluate { subjects = [voices.beacon, baseline(sft), baseline(few_shot)]; \
                metrics = [leak()]; data = situations.test }";
    let plan = plan_of(&format!("{PROGRAM}\n{some}\n"), folder.path());
    let task = &plan.tasks[plan.find("speakers").unwrap()];
    let TaskSpec::Evaluate(spec) = &task.spec else { panic!("an evaluate") };
    let mut seen = Vec::new();
    for subject in &spec.subjects {
        let Subject::Speakers { speakers, prompting } = subject else { panic!("speakers") };
        let [one] = &speakers[..] else { panic!("one speaker") };
        assert_eq!(one.persona.name, "The Beacon");
        seen.push((one.policy.adapter.is_some(), one.persona.examples.len(), *prompting));
    }
    assert_eq!(seen, [(true, 0, Baseline::ZeroShot), (true, 0, Baseline::ZeroShot), (false, 1, Baseline::FewShot)]);
    let needs: Vec<&str> = task.needs.iter().map(|need| plan.tasks[*need].id.as_str()).collect();
    assert_eq!(needs, ["sounding/beacon", "voices/beacon"]);
}

#[test]
fn what_cannot_run_yet_is_told_by_name() {
    let folder = tempdir().unwrap();
    let outcomes = "stage won = kto { policy = sounding.anchor; episodes = situations }\n";
    let mut plan = plan_of(&format!("{PROGRAM}\n{outcomes}"), folder.path());
    let not_yet = |plan: &Plan, id: &str| plan.tasks[plan.find(id).unwrap()].not_yet.clone();
    assert_eq!(not_yet(&plan, "won").as_deref(), Some("stage kind `kto`"));
    assert_eq!(not_yet(&plan, "voices.anchor"), None);
    assert!(plan.obstacles().is_empty(), "everything can be rehearsed");
    plan.fake = false;
    let told = plan.obstacles();
    assert!(told.contains(&"won: stage kind `kto` cannot run yet".to_owned()), "{told:?}");
    // Everything of it is keyed all the same.
    let (did, _) = performed(&plan_of(&format!("{PROGRAM}\n{outcomes}"), folder.path()), folder.path());
    assert!(did.contains(&"won".to_owned()));
}

#[test]
fn a_judge_far_away_needs_a_grant_and_its_secret() {
    let folder = tempdir().unwrap();
    let judge = "openai(\"https://judge.example/v1\", \"large\"), auth = judge_key";
    let far = format!("{}\nsecret judge_key from env \"JUDGE_KEY\"\n", PROGRAM.replacen("contrast(base)", judge, 1));
    let plan = plan_of(&far, folder.path());
    assert_eq!(plan.capabilities.net, ["judge.example:443"]);
    assert_eq!(plan.capabilities.secrets, ["JUDGE_KEY"]);
    assert!(plan.obstacles().is_empty(), "everything can be rehearsed");

    let told = |net: &[&str], key: Option<&str>, program: &str| {
        let mut plan = plan_of(program, folder.path());
        plan.fake = false;
        plan.places.net = net.iter().map(|grant| (*grant).to_owned()).collect();
        plan.places.secrets = key.map(|key| ("JUDGE_KEY".to_owned(), Secret::new(key))).into_iter().collect();
        plan.look(&store(folder.path()));
        let far = |told: &String| told.contains("judge") || told.contains("JUDGE_KEY");
        plan.obstacles().into_iter().filter(far).collect::<Vec<_>>()
    };
    let all = told(&[], None, &far);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(
        all[0].contains("the host was not granted") && all[0].contains("--allow 'net(\"judge.example:443\")'"),
        "{all:?}"
    );
    assert!(all[1].contains("JUDGE_KEY") && all[1].contains("not set"), "{all:?}");
    assert_eq!(told(&["judge.example:443"], Some("k"), &far), Vec::<String>::new());
    assert_eq!(told(&["judge.example:444"], Some("k"), &far).len(), 1);
    let at_home = far.replace("https://judge.example/v1", "http://127.0.0.1:8000/v1");
    assert_eq!(told(&[], Some("k"), &at_home), Vec::<String>::new());
    let broken = told(&[], Some("k"), &far.replace("https://judge", "judge"));
    assert!(broken[0].contains("begins with neither"), "{broken:?}");
    let unpriced = told(&[], Some("k"), &at_home.replace("auth = judge_key", "auth = judge_key, ceiling = 1 usd"));
    assert!(unpriced[0].contains("input_price"), "{unpriced:?}");

    // Where it lives and what opens it is in no key.
    let keyed = |program: &str| {
        let tasks = plan_of(program, folder.path()).tasks;
        tasks.into_iter().map(|task| (task.spec, task.slots)).collect::<Vec<_>>()
    };
    assert_eq!(keyed(&far), keyed(&at_home));
    assert_eq!(keyed(&far), keyed(&far.replace("JUDGE_KEY", "OTHER_KEY").replace("auth =", "timeout = 5 s, auth =")));
    assert_ne!(keyed(&far), keyed(&far.replace("\"large\"", "\"small\"")));
}

#[test]
fn the_documents_have_their_shape() {
    let folder = tempdir().unwrap();
    let plan = plan_of(PROGRAM, folder.path());
    let document = plan.document();
    let task = &document["tasks"][0];
    assert_eq!(task["id"], "sounding/anchor");
    assert_eq!(
        (&task["stage"], &task["member"], &task["state"]),
        (&"sounding".into(), &"anchor".into(), &"run".into())
    );
    assert!(task["point"].is_null() && task["needs"].as_array().unwrap().is_empty() && task["key"].is_string());
    assert_eq!(document["tasks"][2]["needs"][0], "sounding/anchor");
    for part in ["tokens", "seconds", "memory_bytes", "usd"] {
        assert!(task["estimate"].get(part).is_some());
    }
    assert!(document["capabilities"]["secrets"].as_array().unwrap().is_empty());

    let (_, report) = performed(&plan, folder.path());
    let document = report.document(&store(folder.path()));
    assert_eq!(document["tasks"][10]["outcome"], "fresh");
    let adapter = document["artifacts"]["voices/anchor"].as_str().unwrap();
    assert!(Path::new(adapter).join("adapter_config.json").exists());
    let metric = &document["metrics"][0];
    assert_eq!((&metric["subject"], &metric["metric"]), (&"rehearsal".into(), &"panel.fidelity".into()));
    assert!(metric["mean"].is_number() && metric["n"].is_number());
}

#[test]
fn identical_requests_are_one_task() {
    let folder = tempdir().unwrap();
    let files = Files { texts: [("main.masc".to_owned(), PROGRAM.to_owned())].into(), root: None };
    let variant = |name: &str| Point::Variant(name.to_owned());
    let plan = planned(&files, "main.masc", &[variant("random_order"), variant("mute")], folder.path());
    let ids = ids(&plan);
    assert!(!ids.contains(&"voices/anchor@random_order") && ids.contains(&"voices/anchor@mute"), "{ids:?}");
    assert!(ids.contains(&"direction@random_order"));
    assert_eq!(plan.find("voices.anchor@random_order"), plan.find("voices/anchor"));
    performed(&plan, folder.path());
    let again = planned(&files, "main.masc", &[variant("mute")], folder.path());
    assert!(again.tasks.iter().all(|task| task.state == State::Recalled), "what a variant made is recalled on its own");
}

#[test]
fn a_point_that_never_ran_differs_from_the_base() {
    let folder = tempdir().unwrap();
    performed(&plan_of(PROGRAM, folder.path()), folder.path());
    let files = Files { texts: [("main.masc".to_owned(), PROGRAM.to_owned())].into(), root: None };
    let plan = planned(&files, "main.masc", &[Point::Variant("mute".into())], folder.path());
    let at = plan.find("sounding/beacon@mute").unwrap();
    assert_eq!(plan.tasks[at].why.len(), 1);
    assert_eq!(plan.tasks[at].why[0].field, "beacon.voice");
}

#[test]
fn the_same_program_has_the_same_keys() {
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    let keys = |folder: &Path| {
        performed(&plan_of(PROGRAM, folder), folder);
        keys(&plan_of(PROGRAM, folder))
    };
    assert_eq!(keys(one.path()), keys(two.path()), "neither the folder nor the time is part of a key");
}

/// The repository's own programs, with every variant and every point of every sweep: each lowers, and rehearses from end to end.
#[test]
fn every_experiment_can_be_rehearsed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rehearsed = rehearse_all(&root, "experiments") + rehearse_all(&root, "examples");
    assert!(rehearsed > 0);
}

/// The design's samples, which lie beside a checkout and are no part of it.
#[test]
fn every_sample_can_be_rehearsed() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/design/samples");
    if rehearse_all(&beside, "") == 0 {
        eprintln!("no samples at {}: skipped", beside.display());
    }
}

fn rehearse_all(root: &Path, folder: &str) -> usize {
    let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut mains: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "masc")).collect();
    mains.sort();
    let mut rehearsed = 0;
    for main in mains {
        let files = Files { texts: BTreeMap::new(), root: Some(root.to_owned()) };
        let name = main.strip_prefix(root).unwrap().display().to_string();
        let checked = mascot_lang::check(&files, &name, &[]);
        // Libraries plan nothing, and one sample is there to be refused.
        if checked.program.as_ref().is_none_or(|program| program.experiment.is_none()) {
            continue;
        }
        let mut points = checked.variants();
        points.extend(checked.sweeps().iter().flat_map(|sweep| checked.sweep_points(sweep)));
        let folder = tempdir().unwrap();
        let plan = planned(&files, &name, &points, folder.path());
        let (did, report) = performed(&plan, folder.path());
        // Tasks that differ in their gates alone have one key: the first computes it, the others recall it.
        let keys: BTreeSet<_> = report.tasks.iter().map(|task| task.key.expect("every task has a key")).collect();
        assert_eq!(did.len(), keys.len(), "{name}");
        assert_eq!(outcomes(&report).len(), plan.tasks.len(), "{name}");
        assert_eq!(report.exit_code(), 0, "{name}");
        rehearsed += 1;
    }
    rehearsed
}
