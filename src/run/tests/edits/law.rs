//! The law that binds `diff`, `plan` and `run`, on two hundred generated edits and a store that holds the first program's full run:
//! what ran fresh ⊆ what plan calls run or pending = diff's re-runs; every task that plan calls run is fresh; a pending one is recalled
//! only when its inputs came out byte-identical, and the run says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mascot_lang::diff::{Class, Side, changes};
use mascot_lang::{Checked, check};
use mascot_run::key::TaskKey;
use mascot_run::plan::{Bind, Plan, State, reruns};
use mascot_run::report::{Outcome, RunReport};
use mascot_run::store::Store;
use tempfile::{TempDir, tempdir};

use super::{Files, planned};
use crate::bench::{performed, store};

/// Numbers that look drawn and are the same each time (Knuth's MMIX).
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % most
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Where an edit can be made, and what can stand there instead.
const PLACES: &[(&str, &[&str])] = &[
    ("seed = 7", &["seed = 8", "seed = 9"]),
    ("= 4 in 2..8", &["= 3 in 2..8", "= 6 in 2..8", "= 4 in 1..8"]),
    ("= 0.5 in 0..1", &["= 0.6 in 0..1", "= 0.4 in 0..1"]),
    ("int = 2 in 1..9", &["int = 3 in 1..9", "int = 4 in 1..9"]),
    (
        "let crew = [anchor, beacon]",
        &["let crew = [beacon, anchor]", "let crew = [anchor]", "let crew = [anchor, beacon, stranger]"],
    ),
    ("let rate = 1e-3", &["let rate = 2e-3", "let rate = 0.001"]),
    ("let eta = 0.5", &["let eta = 0.25", "let eta = 1 / 2"]),
    ("let unused = 3", &["let unused = 4", "# nothing"]),
    ("hidden: 8, layers: 1", &["hidden: 8, layers: 2", "hidden: 16, layers: 1"]),
    ("use = \"sft\"", &["use = \"rl\"", "use = \"all\""]),
    ("max_len = 256 tok", &["max_len = 128 tok", "limit = 9"]),
    ("val = 10%, test = 10% }", &["val = 5%, test = 15% }"]),
    (
        "jsonl(\"directives.jsonl\")",
        &["jsonl(\"orders.jsonl\")", "jsonl(\"directives.jsonl\", only: { by = \"hand\" })"],
    ),
    ("jsonl(\"gold.jsonl\")", &["jsonl(\"silver.jsonl\")"]),
    ("0.2 * finished()", &["0.3 * finished()", "0.2 * finished() - echo()"]),
    ("clip = -3..3", &["clip = -2..2", "# no bounds"]),
    ("lora(rank: 4)", &["lora(rank: 8)", "lora(rank: 4, targets: [q, v])", "lora(rank: 4, alpha: 8)"]),
    ("n = k, temperature = 0.9", &["n = k, temperature = 0.8", "n = 5, temperature = 0.9"]),
    ("prompts = 9", &["prompts = 8", "# all of them"]),
    // What the fake engine does not hear comes twice as often, so that unchanged outputs do occur.
    ("min_gap = 0.25", &["min_gap = 0.5", "min_gap = 0.75", "min_gap = 0"]),
    ("lr = rate\n  adapter", &["lr = rate\n  eps = 1e-7\n  adapter", "lr = rate\n  eps = 1e-6\n  adapter"]),
    ("margin = 0.1", &["margin = 0.1\n  eps = 1e-7", "margin = 0.2"]),
    ("steps = 4 steps", &["steps = 4 steps\n  eps = 1e-7", "steps = 5 steps", "steps = 4 steps\n  lr = 2e-5"]),
    ("directives; lr = rate", &["directives; lr = rate; eps = 1e-7", "directives; epochs = 4 epochs"]),
    ("kl = { beta = 0.02 }", &["kl = { beta = 0.03 }", "kl = { beta = 0.02, place = reward }"]),
    ("scale = std", &["scale = mad", "scale = none"]),
    (">= bar else", &[">= bar / 2 else", "> bar else"]),
    (".low > 0 else", &[".low > 0.1 else", " > 0 else"]),
    ("action = text(24 tok)", &["action = text(16 tok)", "tone = text(9 tok)"]),
    ("turns = 3, episodes = 4", &["turns = 2, episodes = 4", "turns = 3, episodes = 8"]),
    ("director = direction\n", &["director = casting\n", "director = conductor\n"]),
    (
        "turns = 3\n  prompts = 6",
        &["turns = 4\n  prompts = 6", "turns = 3\n  prompts = 2", "turns = 3\n  users = [anchor]\n  prompts = 6"],
    ),
    (
        "criterion tact \"Is tactful\" 25%",
        &["criterion tact \"Is tactful\" 25% { low = \"blunt\" }", "criterion manners \"Is tactful\" 25%"],
    ),
    ("jsonl(\"gold.jsonl\");", &["jsonl(\"./gold.jsonl\");"]),
    ("baseline(zero_shot), gold]", &["baseline(zero_shot)]", "baseline(zero_shot), gold, baseline(cot)]"]),
    ("finished(), leak()]", &["finished()]", "finished(), leak(), echo()]"]),
    ("bootstrap = 200", &["bootstrap = 100", "level = 90%"]),
    (
        "budget ceiling {",
        &["# none\nbudget ceiling {", "stage again = sft { policy = base; data = lines }\nbudget ceiling {"],
    ),
    ("voices.steps = 2 steps", &["voices.steps = 3 steps", "voices.lr = 0"]),
    ("naming what they feel", &["naming all that they feel", "asking what they feel"]),
    ("Praise {{user}}", &["Always praise {{user}}", "Cheer {{user}}"]),
    ("\"Comforter\"", &["\"Consoler\""]),
    ("never = [\"flatter\"]", &["never = [\"flatter\", \"hurry\"]", "never = []"]),
    ("\"The Beacon\"", &["\"The Lamp\""]),
    ("\"You tried.\"", &["\"You dared.\""]),
    ("You know nobody.", &["You know everybody."]),
    ("\"Is warm\" 75%", &["\"Feels warm\" 75%"]),
    ("low = \"cold\"", &["low = \"icy\"", "mid = \"lukewarm\""]),
    ("hidden: 16, layers: 1", &["hidden: 16, layers: 2"]),
    ("one.example", &["two.example"]),
    ("\"a-model\"", &["\"b-model\""]),
    ("votes = 3", &["votes = 1", "votes = 3\n  swap = true"]),
    ("timeout = 30 s", &["timeout = 60 s"]),
    ("Write who speaks", &["Write down who speaks", "Say who speaks"]),
];

/// Names that may become others everywhere, which means nothing.
const NAMES: &[(&str, &str)] = &[
    ("sounding", "tuning"),
    ("preferences", "choices"),
    ("situations", "moments"),
    ("kindness", "goodness"),
    ("beacon", "lantern"),
];

/// An edit of one to three places, now and then with a rename.
fn generated(draw: &mut Draw) -> (Checked, Vec<String>) {
    loop {
        let (mut files, mut told) = (Files::first(), Vec::new());
        for _ in 0..=draw.below(3) {
            let (from, to) = PLACES[draw.below(PLACES.len())];
            let to = draw.one(to);
            if files.holds(from) {
                files = files.edited(from, to);
                told.push(format!("{from} → {to}"));
            }
        }
        if draw.below(8) == 0 {
            let (from, to) = NAMES[draw.below(NAMES.len())];
            files = files.renamed(from, to);
            told.push(format!("{from} is called {to}"));
        }
        let checked = check(&files, "main.masc", &[]);
        if checked.program.is_some() {
            return (checked, told);
        }
    }
}

impl Files {
    fn holds(&self, text: &str) -> bool {
        self.0.values().filter(|file| file.contains(text)).count() == 1
    }
}

/// A store like that one: objects are never written again, so they are shared.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        match path.is_dir() {
            true => copied(&path, &to.join(name)),
            false if path.components().any(|part| part.as_os_str() == "objects") => {
                fs::hard_link(&path, to.join(name)).unwrap();
            }
            false => drop(fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

/// The first program's full run.
struct First {
    variants: &'static [&'static str],
    folder: TempDir,
    keys: BTreeSet<TaskKey>,
    plan: Plan,
}

impl First {
    fn of(checked: &Checked, variants: &'static [&'static str]) -> Self {
        let folder = tempdir().unwrap();
        let plan = planned(checked, &store(folder.path()), variants);
        let (did, report) = performed(&plan, folder.path());
        assert_eq!(did.len(), plan.tasks.len(), "the first runs to its end, each request once");
        let keys: BTreeSet<TaskKey> = report.tasks.iter().filter_map(|task| task.key).collect();
        assert_eq!(keys.len(), plan.tasks.len(), "tasks that ask for the same are one task");
        Self { variants, folder, keys, plan }
    }
}

/// Every way in which the law is broken by this edit; how many pending tasks were recalled; what diff tells to re-run.
fn broken(first: &First, second: &Checked) -> (Vec<String>, usize, BTreeSet<String>) {
    let mut wrong = Vec::new();
    let (held, keys) = (first.folder.path(), &first.keys);
    let folder = tempdir().unwrap();
    copied(&held.join("store"), &folder.path().join("store"));
    let plan = planned(second, &store(folder.path()), first.variants);
    let told: BTreeSet<String> = reruns(&first.plan, &plan).into_iter().map(|at| plan.tasks[at].id.clone()).collect();
    let announced: BTreeSet<String> =
        plan.tasks.iter().filter(|task| task.state != State::Recalled).map(|task| task.id.clone()).collect();
    if told != announced {
        wrong.push(format!("diff tells {told:?}, plan {announced:?}"));
    }
    let (did, report): (Vec<String>, RunReport) = performed(&plan, folder.path());
    let mut unchanged = 0;
    let outcomes: BTreeMap<&str, _> = report.tasks.iter().map(|task| (task.id.as_str(), task)).collect();
    for task in &plan.tasks {
        let came = outcomes[task.id.as_str()];
        let is_fresh = came.outcome == Some(Outcome::Fresh);
        if is_fresh != did.contains(&task.id) {
            wrong.push(format!("{} is told to be {:?}", task.id, came.outcome));
        }
        match (task.state, is_fresh) {
            (State::Recalled, true) => wrong.push(format!("{} was announced as recalled and ran", task.id)),
            (State::Run, false) => wrong.push(format!("{} was announced to run and was {:?}", task.id, came.outcome)),
            (State::Pending, false) => {
                unchanged += 1;
                let inputs_are_old = task.slots.values().all(|bind| match bind {
                    Bind::Source(_) => true,
                    Bind::Made { task: need, artifact } => {
                        let made = &report.tasks[*need].artifacts[artifact];
                        held.join("store").join(made).exists()
                    }
                });
                let is_old = came.key.is_some_and(|key| keys.contains(&key));
                let says_so = came.because.as_deref().is_some_and(|why| why.contains("byte-identical"));
                if !(inputs_are_old && is_old && says_so) {
                    wrong.push(format!("{} was recalled: {:?}", task.id, came.because));
                }
            }
            _ => {}
        }
    }
    (wrong, unchanged, told)
}

#[test]
fn what_runs_is_what_plan_announces_is_what_diff_tells() {
    let checked = Files::first().check();
    let first = [First::of(&checked, &[]), First::of(&checked, &["mute", "quick", "lenient"])];
    let (mut draw, mut wrong, mut unchanged, mut seen) = (Draw(5), Vec::new(), 0, BTreeSet::new());
    while seen.len() < 200 {
        let (second, told) = generated(&mut draw);
        if !seen.insert(told.clone()) {
            continue;
        }
        let which = usize::from(seen.len() % 4 == 0);
        let (found, recalled, ids) = broken(&first[which], &second);
        unchanged += recalled;
        wrong.extend(found.into_iter().map(|why| format!("{told:?}: {why}")));
        // No key differs without a change that says so.
        let changes = changes(Side::of(&checked).unwrap(), Side::of(&second).unwrap());
        let enters_a_key = |class: Class| !matches!(class, Class::Where | Class::Cosmetic);
        if !ids.is_empty() && !changes.iter().any(|change| enters_a_key(change.class)) {
            wrong.push(format!("{told:?}: {ids:?} re-run, and nothing that enters a key is told: {:?}", changes));
        }
    }
    assert!(wrong.is_empty(), "{} times:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unchanged > 0, "no pending task was ever recalled: the law was not tried");
}

#[test]
fn a_request_of_several_points_is_one_task_with_the_bases_id_or_the_first_points() {
    let checked = Files::first().check();
    let nowhere = Store::new("nowhere");
    let all = planned(&checked, &nowhere, &["mute", "quick", "lenient"]);
    let of = |id: &str| all.tasks.iter().find(|task| task.id == id || task.also.iter().any(|also| also == id)).unwrap();
    // `lenient` changes a gate alone; `quick` nothing before `voices`.
    for id in ["persona_rm@lenient", "persona_rm@quick"] {
        assert_eq!(of(id).id, "persona_rm", "{id}");
    }
    assert_eq!(of("voices/anchor@quick").id, "voices/anchor@quick");
    assert_eq!(of("voices/anchor@lenient").id, "voices/anchor");
    // Without the base the first point names them.
    let programs = &super::programs(&checked, &["quick", "lenient"])[1..];
    let places = mascot_run::source::Places::default();
    let two = mascot_run::plan::plan(programs, &checked.files, &places, &nowhere, mascot_run::fake::FINGERPRINT, true);
    let rm = two.tasks.iter().find(|task| task.stage == "persona_rm").unwrap();
    assert_eq!((rm.id.as_str(), rm.also.as_slice()), ("persona_rm@quick", &["persona_rm@lenient".to_owned()][..]));
}
