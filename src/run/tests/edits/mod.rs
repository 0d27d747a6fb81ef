//! What an edit means: a table of edits with their class, what re-runs and the verdict (`table`), and the law that binds `diff`, `plan`
//! and `run` (`law`). The program that is edited is here.

mod law;
mod table;

use std::collections::BTreeMap;

use mascot_lang::program::{Point, Program};
use mascot_lang::source::World;
use mascot_lang::{Checked, check};
use mascot_run::compare::{Comparison, Version, compare};
use mascot_run::plan::{self, Plan};
use mascot_run::source::Places;
use mascot_run::store::Store;

const MAIN: &str = r#"masc 1
use "./companions.masc" { anchor, beacon }
use "./judging.masc" { kindness, brevity, far, near, by_example }

experiment paper "A paper" { seed = 7; question = "Does it help?" }

param k: int = 4 in 2..8 "candidates for each prompt"
param bar: float = 0.5 in 0..1 "accuracy at which it is believed"
param passes: int = 2 in 1..9 "how often lines are read"
let crew = [anchor, beacon]
let rate = 1e-3
let eta = 0.5
let unused = 3

model base { weights = random(arch: "llama", hidden: 8, layers: 1, heads: 1, kv_heads: 1, ffn: 8) }

dataset lines { source = jsonl("lines.jsonl", only: { use = "sft" }); max_len = 256 tok }
dataset situations { source = jsonl("situations.jsonl"); split = { train = 80%, val = 10%, test = 10% } }
dataset directives { source = jsonl("directives.jsonl") }
dataset gold { source = jsonl("gold.jsonl") }
dataset spare { source = jsonl("spare.jsonl") }

reward in_character {
  score = 0.8 * persona_rm + 0.2 * finished() - leak()
  clip = -3..3
}
reward plain { score = finished() }
reward together { score = coherence() + eta * diversity() }

stage sounding = sft for persona in crew {
  policy = base
  data = lines
  epochs = passes * 1 epoch
  lr = rate
  adapter = lora(rank: 4)
}

stage preferences = pairs for persona in crew {
  from = sounding
  data = situations.train
  prompts = 9
  sample = { n = k, temperature = 0.9, max_new = 16 tok }
  judge = far.kindness
  min_gap = 0.25
}

stage persona_rm = bradley_terry {
  pairs = preferences
  init = base
  margin = 0.1
  held_out = 25%
  gate held_out_accuracy >= bar else "no better than chance"
}

stage voices = grpo for persona in crew {
  policy = sounding
  reward = in_character
  data = situations.train
  steps = 4 steps
  group = 4
  kl = { beta = 0.02 }
  advantage = { scale = std }
  clip = 0.2
  sample = { max_new = 24 tok }
}

director conductor "Director" {
  policy = base
  seats = crew
  voice = text("conducting.md")
  directive = { action = text(24 tok) }
}

stage casting = sft { policy = conductor; data = directives; lr = rate }

stage direction = grpo {
  policy = casting
  actors = voices
  reward = together
  data = situations.train
  group = 4
  rollout = { turns = 3, episodes = 4 }
}

stage rehearsal = dialogue {
  director = direction
  actors = voices
  data = situations.test
  turns = 3
  prompts = 6
}

stage speakers = evaluate {
  subjects = [voices, baseline(sft), baseline(zero_shot), gold]
  metrics = [near.kindness, finished(), leak()]
  data = situations.test
  prompts = 5
  bootstrap = 200
  gate delta(voices, baseline(zero_shot)).low > 0 else "no gain"
}

stage ensemble = evaluate {
  subjects = [rehearsal, baseline(zero_shot)]
  metrics = [coherence(), together]
}

budget ceiling { time = 20 min, money = 5 usd }
report page { tables = [speakers]; write = ["paper.html"] }
variant mute "Without voices" { crew.*.voice = none }
variant quick "In a hurry" { voices.steps = 2 steps }
variant lenient "Believed anyway" { bar = 0.1 }
sweep rates { grid { voices.lr = [1e-5, 1e-4] } }
"#;

const COMPANIONS: &str = r#"masc 1
persona anchor "The Anchor" {
  role = "Comforter"
  voice = """md
    You are {{char}}. Comfort {{user}} by naming what they feel.
    """
  never = ["flatter"]
  example { given = "I failed."; says = "That hurts." }
}

persona beacon "The Beacon" {
  role = "Encourager"
  voice = """md
    You are {{char}}. Praise {{user}} for a strength.
    """
  example { given = "I failed."; says = "You tried." }
}

persona stranger "The Stranger" { voice = "You know nobody." }
"#;

const JUDGING: &str = r#"masc 1
rubric kindness "Kindness" {
  scale = 1..5
  criterion warmth "Is warm" 75% { low = "cold"; high = "like a hand" }
  criterion tact "Is tactful" 25%
}
rubric brevity "Brevity" { criterion length "Is short" 100% }

model referee { weights = random(arch: "llama", hidden: 16, layers: 1, heads: 1, kv_heads: 1, ffn: 8) }

secret judge_key from env "JUDGE_KEY"
secret other_key from env "SPARE_KEY"

judge far {
  by = openai("https://one.example/v1", "a-model")
  rubrics = [kindness, brevity]
  auth = judge_key
  votes = 3
  timeout = 30 s
}
judge near { by = local(referee); rubrics = [kindness, brevity] }
judge by_example { by = contrast(referee); rubrics = [kindness] }
"#;

const CONDUCTING: &str = "You direct. Write who speaks next.\n";

/// A program in memory: files by name.
#[derive(Debug, Clone)]
pub struct Files(BTreeMap<String, String>);

impl Files {
    pub fn first() -> Self {
        let files = [
            ("main.masc", MAIN),
            ("companions.masc", COMPANIONS),
            ("judging.masc", JUDGING),
            ("conducting.md", CONDUCTING),
        ];
        Self(files.map(|(name, text)| (name.to_owned(), text.to_owned())).into())
    }

    /// In whichever file `from` stands: it must stand in one, and there once.
    #[track_caller]
    pub fn edited(&self, from: &str, to: &str) -> Self {
        let mut files = self.0.clone();
        let mut holders = files.values_mut().filter(|text| text.contains(from));
        let text = holders.next().unwrap_or_else(|| panic!("{from:?} stands nowhere"));
        assert_eq!(text.matches(from).count(), 1, "{from:?}");
        *text = text.replace(from, to);
        assert!(holders.next().is_none(), "{from:?} stands in two files");
        Self(files)
    }

    /// Everywhere: a rename.
    pub fn renamed(&self, from: &str, to: &str) -> Self {
        Self(self.0.iter().map(|(name, text)| (name.clone(), text.replace(from, to))).collect())
    }

    #[track_caller]
    pub fn check(&self) -> Checked {
        let checked = check(self, "main.masc", &[]);
        assert!(checked.program.is_some(), "{:#?}", checked.diagnostics);
        checked
    }
}

impl World for Files {
    fn source(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn prose(&self, _: &str, path: &str) -> Result<String, String> {
        self.source(path)
    }
}

/// The base and these variants.
pub fn programs(checked: &Checked, variants: &[&str]) -> Vec<Program> {
    let named = variants.iter().map(|name| checked.at(&Point::Variant((*name).to_owned())).unwrap());
    checked.program.iter().cloned().chain(named).collect()
}

/// By declarations: nothing is opened.
pub fn planned(checked: &Checked, store: &Store, variants: &[&str]) -> Plan {
    let programs = programs(checked, variants);
    plan::plan(&programs, &checked.files, &Places::default(), store, mascot_run::fake::FINGERPRINT, true)
}

/// What the second comes to after the first, the ids of what re-runs, and of all.
pub fn compared(a: &Checked, b: &Checked) -> (Comparison, Vec<String>, Vec<String>) {
    let nowhere = Store::new("nowhere");
    let (before, after) = (planned(a, &nowhere, &[]), planned(b, &nowhere, &[]));
    let found = compare(side(a, &before), side(b, &after));
    let id = |at: usize| after.tasks[at].id.clone();
    let ids = found.reruns.iter().map(|at| id(*at)).collect();
    (found, ids, (0..after.tasks.len()).map(id).collect())
}

fn side<'a>(checked: &'a Checked, plan: &'a Plan) -> Version<'a> {
    Version { program: checked.program.as_ref().unwrap(), checked, plan: Some(plan), performed: None }
}
