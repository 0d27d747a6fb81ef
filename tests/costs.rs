//! Cost, budget, saved plans, grants, sweeps and points, through the front door.

use serde_json::Value;

use crate::house::Sandbox;

/// Two personas, fine-tuned, rewarded and measured on random weights; rates and seeds to sweep over.
const PROGRAM: &str = r#"masc 1

experiment small "A small one" { seed = 7 }

model base { weights = random(arch: "llama") }

dataset lines { source = jsonl("lines.jsonl", fields: { persona = "persona", prompt = "given", completion = "says" }) }
dataset situations { source = jsonl("situations.jsonl", fields: { prompt = "text" }) }

persona anchor "The Anchor" { voice = "You stay with the feeling." }
persona beacon "The Beacon" { voice = "You find the strength." }
let crew = [anchor, beacon]

rubric fidelity "Fidelity" { scale = 1..5; criterion role "Stays in role" 100% }
judge panel { by = local(base); rubrics = [fidelity] }

stage sounding = sft for persona in crew { policy = base; data = lines }
stage preferences = pairs for persona in crew { from = sounding; data = situations.train; judge = panel.fidelity }
stage persona_rm = bradley_terry { pairs = preferences; init = base }
reward in_character { score = persona_rm - leak() }
stage voices = grpo for persona in crew { policy = sounding; reward = in_character; data = situations.train }
stage verdict = evaluate {
  subjects = [voices, baseline(sft)]
  metrics = [panel.fidelity, leak(), length(15..60 tok)]
  data = situations.test
}

variant mute "Without voices" { crew.*.voice = none }

sweep rates {
  grid { preferences.min_gap = [0.2, 0.5, 0.8]; persona_rm.lr = [1e-4, 1e-3]; voices.kl.beta = [0.01, 0.02, 0.05] }
}

sweep seeds {
  grid { experiment.seed = [7, 8, 9] }
  zip { voices.lr = [1e-5, 2e-5]; voices.steps = [4 steps, 8 steps] }
  skip voices.lr == 2e-5 and experiment.seed == 9 else "diverges at this seed"
}
"#;

const FILE: &str = "small.masc";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write(FILE, PROGRAM);
    sandbox
}

fn call<'a>(verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[verb, FILE, "--engine", "fake"][..], more].concat()
}

fn tasks(document: &Value) -> &Vec<Value> {
    document["tasks"].as_array().unwrap()
}

#[test]
fn the_second_plan_knows_what_the_first_run_took() {
    let sandbox = sandbox();
    let first = sandbox.mascot(&call("plan", &["--json"])).ended_with(0).json();
    assert!(tasks(&first).iter().all(|task| !task["estimate"]["basis"].as_str().unwrap().starts_with("measured")));
    sandbox.mascot(&call("run", &[])).ended_with(0);

    let other = ["--set", "experiment.seed=8", "--json"];
    let plan = sandbox.mascot(&call("plan", &other)).ended_with(0).json();
    let run = sandbox.mascot(&call("run", &other)).ended_with(0).json();
    let mut sum = 0.0;
    for (planned, ran) in tasks(&plan).iter().zip(tasks(&run)) {
        let seconds = &planned["estimate"]["seconds"];
        let [low, likely, high] = ["low", "likely", "high"].map(|name| seconds[name].as_f64().unwrap());
        let took = ran["seconds"].as_f64().unwrap();
        assert!(low < took && took < high && (0.5..2.0).contains(&(likely / took)), "{}: {seconds} {took}", ran["id"]);
        assert_eq!(planned["estimate"]["basis"], "measured here just now");
        assert!(planned["estimate"]["usd"].is_null());
        sum += took;
    }
    let likely = plan["total"]["seconds"]["likely"].as_f64().unwrap();
    assert!((likely / sum - 1.0).abs() < 0.25, "{likely} {sum}");

    let shown = sandbox.mascot(&call("plan", &["--set", "experiment.seed=9"])).ended_with(0).out;
    for words in ["low · likely · high", "measured here just now", "in all: time", "money  unknown", "needs: writes"]
    {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
    let again = sandbox.mascot(&call("plan", &[])).ended_with(0).out;
    assert!(again.contains("Nothing to do.") && !again.contains("what it will take"), "{again}");
}

#[test]
fn a_plan_says_whether_there_is_something_to_do() {
    let sandbox = sandbox();
    sandbox.mascot(&call("plan", &[])).ended_with(0);
    sandbox.mascot(&call("plan", &["--detailed-exitcode"])).ended_with(5);
    sandbox.mascot(&call("run", &[])).ended_with(0);
    sandbox.mascot(&call("plan", &["--detailed-exitcode"])).ended_with(0);
}

#[test]
fn points_share_what_they_need_alike() {
    let sandbox = sandbox();
    let args = ["--sweep", "rates"];
    let shown = sandbox.mascot(&call("plan", &args)).ended_with(0).out;
    let line = "18 points: 1 fine-tuning (sounding), 3 preference sets (preferences), 6 reward models (persona_rm), \
                18 policies (voices), 18 tables (verdict)";
    assert!(shown.contains(line), "{shown}");
    let plan = sandbox.mascot(&call("plan", &[&args[..], &["--json"]].concat())).ended_with(0).json();
    assert_eq!(plan["shared"]["points"], 18);
    // A family's members together are one.
    assert_eq!(tasks(&plan).len(), 2 + 2 * 3 + 6 + 2 * 18 + 18);
    let base = sandbox.mascot(&call("plan", &[])).ended_with(0).out;
    assert!(!base.contains("points:"), "{base}");
}

#[test]
fn any_number_of_jobs_comes_to_the_same() {
    // Of several tasks that turn out to ask the same, the first to come is performed: which that is, is not said.
    let told = |run: &Value| {
        let text = |task: &Value, name: &str| task[name].as_str().unwrap().to_owned();
        let ids: Vec<_> = tasks(run).iter().map(|task| (text(task, "id"), text(task, "key"))).collect();
        let fresh = tasks(run).iter().filter(|task| task["outcome"] == "fresh").map(|task| text(task, "key"));
        let mut fresh: Vec<_> = fresh.collect();
        fresh.sort();
        (ids, fresh)
    };
    let run = |jobs: &str| {
        let sandbox = sandbox();
        sandbox.mascot(&call("run", &["--all", "--jobs", jobs, "--json"])).ended_with(0).json()
    };
    let one = run("1");
    for jobs in ["2", "5"] {
        let several = run(jobs);
        assert!(told(&several) == told(&one), "{jobs} at once");
        assert_eq!((&several["metrics"], &several["points"]), (&one["metrics"], &one["points"]));
    }
    sandbox().mascot(&call("run", &["--jobs", "0"])).ended_with(2);
}

#[test]
fn points_are_compared_over_the_seeds_that_they_share() {
    let sandbox = sandbox();
    let run = sandbox.mascot(&call("run", &["--all", "--json"])).ended_with(0).json();
    let settings = run["points"][0]["settings"].as_array().unwrap();
    let named = |name: &str| settings.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(settings[0]["name"], "base");
    assert_eq!(named("mute")["seeds"], serde_json::json!(["7"]));
    let [slow, fast] =
        ["seeds[voices.lr=1e-5,voices.steps=4 steps]", "seeds[voices.lr=2e-5,voices.steps=8 steps]"].map(named);
    assert_eq!((&slow["seeds"], &fast["seeds"]), (&serde_json::json!(["7", "8", "9"]), &serde_json::json!(["7", "8"])));
    assert_eq!(slow["means"][0]["seeds"], 3);
    assert_eq!(fast["differences"][0]["seeds"], 1, "the base has seed 7 alone");
    assert!(settings[0]["differences"][0].is_null());

    let page = crate::report::page_of(&run);
    crate::report::is_well_made(&page);
    for words in ["Points and variants", "One metric against another", "beside base", "3 seeds: 7, 8, 9"] {
        assert!(page.contains(words), "{words}");
    }
    let shown = sandbox.mascot(&call("run", &["--all"])).ended_with(0).out;
    assert!(shown.contains("verdict by point") && shown.contains("panel.fidelity beside base"), "{shown}");
    let alone = sandbox.mascot(&call("run", &[])).ended_with(0).out;
    assert!(!alone.contains("by point"), "{alone}");
}

#[test]
fn a_saved_plan_is_run_as_it_was_and_only_then() {
    let sandbox = sandbox();
    let plan =
        call("plan", &["--variant", "mute", "--set", "experiment.seed=3", "--until", "persona_rm", "--out", "it.plan"]);
    sandbox.mascot(&plan).ended_with(0);
    let text = sandbox.read("it.plan");
    assert!(text.starts_with("# mascot plan 1"), "{text}");
    for words in ["persona_rm@mute", "min_gap:", "blake3:", "experiment.seed", "capabilities:", "seconds:"] {
        assert!(text.contains(words), "{words}");
    }
    // Its own points and values, whatever is given beside it.
    sandbox.mascot(&["run", "it.plan", "--variant", "mute"]).ended_with(2);
    let run = sandbox.mascot(&["run", "it.plan", "--json"]).ended_with(0).json();
    let ids: Vec<&str> = tasks(&run).iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"persona_rm@mute") && !ids.iter().any(|id| id.starts_with("voices")), "{ids:?}");
    // What was done since is no move.
    let again = sandbox.mascot(&["run", "it.plan", "--json"]).ended_with(0).json();
    assert!(tasks(&again).iter().all(|task| task["outcome"] == "recalled"));

    sandbox.mascot(&plan).ended_with(0);
    std::fs::remove_dir_all(sandbox.path().join(".mascot/records")).unwrap();
    let gone = sandbox.mascot(&["run", "it.plan"]).ended_with(3).err;
    assert!(gone.contains("persona_rm@mute: was in the store, and is not any more"), "{gone}");

    sandbox.edit(FILE, "A small one", "A smaller one");
    let edited = sandbox.mascot(&["run", "it.plan"]).ended_with(3).err;
    assert!(edited.contains("small.masc: was edited"), "{edited}");
    sandbox.write("it.plan", "# mascot plan 1\nnothing: true\n");
    sandbox.mascot(&["run", "it.plan"]).ended_with(2);
}

#[test]
fn a_saved_plan_names_the_text_that_moved() {
    let sandbox = sandbox();
    sandbox.edit(FILE, "voice = \"You stay with the feeling.\"", "voice = text(\"anchor.md\")");
    sandbox.write("anchor.md", "You stay with the feeling.\n");
    sandbox.mascot(&call("plan", &["--out", "it.plan"])).ended_with(0);
    sandbox.write("anchor.md", "You stay close.\n");
    let moved = sandbox.mascot(&["run", "it.plan"]).ended_with(3).err;
    assert!(moved.contains("sounding/anchor: asks for something else (anchor.voice)"), "{moved}");
}

#[test]
fn a_profile_names_prices_and_grants_and_enters_no_key() {
    let sandbox = sandbox();
    let far = "judge panel { by = openai(\"https://judge.example/v1\", \"m\"); rubrics = [fidelity]; auth = key }\n\
               secret key from env \"MASCOT_TEST_KEY\"";
    sandbox.edit(FILE, "judge panel { by = local(base); rubrics = [fidelity] }", far);
    sandbox.write(
        "lab.profile.masc",
        "masc 1\nprofile lab {\n  price = 36 usd\n  store = \"kept\"\n  allow = [net(\"judge.example:443\"), read(\"../data\")]\n}\n",
    );
    sandbox.mascot(&call("run", &["--store", "kept"])).ended_with(0);
    let with = ["--profile", "lab.profile.masc", "--set", "experiment.seed=8", "--json"];
    let plan = sandbox.mascot(&call("plan", &with)).ended_with(0).json();
    let needs = &plan["capabilities"];
    assert_eq!(
        (&needs["net"], &needs["secrets"]),
        (&serde_json::json!(["judge.example:443"]), &serde_json::json!(["MASCOT_TEST_KEY"]))
    );
    assert!(needs["write"].as_array().unwrap().iter().any(|path| path.as_str().unwrap().ends_with("kept")), "{needs}");
    let sounding = &tasks(&plan)[0]["estimate"];
    let [usd, seconds] = ["usd", "seconds"].map(|name| sounding[name]["likely"].as_f64().unwrap());
    assert!((usd - 0.01 * seconds).abs() < 1e-9);
    let judged = tasks(&plan).iter().find(|task| task["stage"] == "preferences").unwrap();
    assert!(judged["estimate"]["usd"].is_null(), "a judge without a price is unknown, never 0");

    let plain = sandbox
        .mascot(&call("plan", &["--store", "kept", "--set", "experiment.seed=8", "--json"]))
        .ended_with(0)
        .json();
    let keys = |plan: &Value| tasks(plan).iter().map(|task| task["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&plain), keys(&plan));
    let shown = sandbox
        .mascot(&call("plan", &["--profile", "lab.profile.masc", "--set", "experiment.seed=9"]))
        .ended_with(0)
        .out;
    assert!(shown.contains("net judge.example:443") && shown.contains("secrets MASCOT_TEST_KEY"), "{shown}");
}

/// Of the engine that computes: no weights are opened to plan.
#[cfg(feature = "engine")]
#[test]
fn a_budget_fails_a_plan_and_a_run_before_it_begins() {
    let sandbox = sandbox();
    let row = "{\"persona\": \"The Anchor\", \"given\": \"I failed.\", \"says\": \"Oh.\", \"text\": \"I failed.\"}\n";
    sandbox.write("lines.jsonl", &row.repeat(4_000));
    sandbox.write("situations.jsonl", &row.repeat(4_000));
    sandbox.edit(FILE, "masc 1\n", "masc 1\nbudget ceiling { time = 1 s }\n");
    for verb in ["plan", "run"] {
        let answer = sandbox.mascot(&[verb, FILE]).ended_with(4);
        assert!(answer.err.contains("time: at least") && answer.err.contains("1 s are allowed"), "{}", answer.err);
    }
    sandbox.edit(FILE, "time = 1 s", "vram = 0.1 MiB");
    let answer = sandbox.mascot(&["plan", FILE]).ended_with(4);
    assert!(answer.err.contains("vram: at least"), "{}", answer.err);
    sandbox.mascot(&["plan", FILE, "--engine", "fake"]).ended_with(0);
}
