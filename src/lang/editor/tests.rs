//! Questions of an editor over the files of this repository: what stands in a file is what would have been proposed there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::format::tokens::{Kind, tokens};
use crate::source::{Exchanged, World};
use crate::syntax::ast::Entry;

/// The repository's files.
struct Repository;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[allow(clippy::disallowed_methods, reason = "a test reads the repository")]
fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(root().join(path)).map_err(|_| "no such file".to_owned())
}

impl World for Repository {
    fn source(&self, path: &str) -> Result<String, String> {
        read(path)
    }

    fn prose(&self, _: &str, _: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}

/// A file of the repository, or one beside it, as it is being written.
fn written(path: &str, text: &str) -> Analysis {
    analyse(&Exchanged { around: &Repository, path, text }, path)
}

const FILES: [&str; 9] = [
    "experiments/companions.masc",
    "experiments/empathetic.masc",
    "experiments/qmsum.masc",
    "experiments/quickstart.masc",
    "examples/judge.masc",
    "examples/sweep.masc",
    "examples/variant.masc",
    "examples/gates.masc",
    "src/lang/syntax/tests/good.masc",
];

fn labels(analysis: &Analysis, offset: usize) -> Vec<String> {
    complete::complete(analysis, &Repository, offset).all.into_iter().map(|one| one.label).collect()
}

/// A small file with `|` where the cursor stands.
fn at_cursor(text: &str) -> (Analysis, usize) {
    let offset = text.find('|').expect("the test marks a cursor");
    let text = text.replacen('|', "", 1);
    (written("main.masc", &text), offset)
}

#[track_caller]
fn proposes(text: &str, wanted: &[&str], unwanted: &[&str]) {
    let (analysis, offset) = at_cursor(text);
    let labels = labels(&analysis, offset);
    for one in wanted {
        assert!(labels.iter().any(|label| label == one), "{one} is not among {labels:?}\n{text}");
    }
    for one in unwanted {
        assert!(!labels.iter().any(|label| label == one), "{one} is among {labels:?}\n{text}");
    }
}

const HEAD: &str = "masc 1\nmodel base { weights = random(arch: \"llama\") }\ndataset lines { source = jsonl(\"l.jsonl\") }\n\
                    persona anchor \"The Anchor\" { role = \"x\" }\npersona beacon \"The Beacon\" { role = \"y\" }\n\
                    let crew = [anchor, beacon]\nparam rate: float = 1e-4\nrubric manner { criterion tone \"Tone\" 100% }\n\
                    judge panel { by = local(base); rubrics = [manner] }\nreward pay { score = panel.manner }\n";

#[test]
fn a_half_written_entry_is_completed_by_its_place() {
    let inside = |text: &str| format!("{HEAD}stage voices = grpo for persona in crew {{\n  {text}\n}}\n");
    proposes(&inside("poli|"), &["policy", "reward", "kl", "gate"], &["voice", "anchor", "persona"]);
    proposes(&inside("policy = base\n  |"), &["reward", "lr"], &["policy"]);
    proposes(&inside("|\n  policy = base"), &["reward", "lr"], &["policy"]);
    proposes(&inside("policy = |"), &["base"], &["lines", "anchor", "manner"]);
    proposes(&inside("kl = { est|"), &["estimator", "beta"], &["policy"]);
    proposes(&inside("kl = { estimator = |"), &["k1", "k2", "k3"], &["base", "loss"]);
    proposes(&inside("kl.|"), &["beta", "place"], &["policy"]);
    proposes(&inside("steps = 400 |"), &["steps", "step"], &["tok", "epochs"]);
    proposes(&inside("reward = |"), &["pay"], &["panel", "base"]);
    proposes(&inside("lr = |"), &["rate"], &["crew", "base"]);
    proposes(&inside("adapter = lora(|"), &["rank", "alpha", "targets"], &["policy"]);
    proposes(&inside("adapter = lora(rank: 8, targets: [|"), &["q", "gate"], &["rank"]);
    proposes(&inside("shuffle = |"), &["true", "false"], &["base"]);
    proposes(&inside("gate rew|"), &["reward", "finished", "delta"], &["base"]);
    proposes(&format!("{HEAD}stage v = |"), &["sft", "grpo", "evaluate"], &["persona"]);
    proposes(&format!("{HEAD}stage v = sft for persona in |"), &["crew"], &["base", "lines"]);
    proposes(&format!("{HEAD}per|"), &["persona", "stage"], &["policy"]);
    proposes(&format!("{HEAD}reward r {{\n  score = panel.|\n}}"), &["manner"], &["by", "votes"]);
    proposes(&format!("{HEAD}reward r {{\n  score = 0.5 * |\n}}"), &["panel", "leak", "pay"], &["base", "crew"]);
    proposes(&format!("{HEAD}variant bare {{\n  crew.|\n}}"), &["*", "anchor", "beacon"], &[]);
    proposes(&format!("{HEAD}variant bare {{\n  crew.*.|\n}}"), &["voice", "role"], &["weights"]);
    proposes(&format!("{HEAD}persona wide \"W\" extends |"), &["anchor"], &["base"]);
    proposes(&format!("{HEAD}param k: |"), &["int", "tok"], &["persona"]);
    proposes("masc 1\nuse \"std/personas.masc\" { |", &["anchor", "catalyst"], &["persona"]);
    proposes("masc 1\nuse |", &["std/personas.masc"], &[]);
    proposes("masc 1\nuse \"std/rubrics.masc\" as r\nlet a = r.|", &["persona_alignment"], &[]);
}

#[test]
fn what_is_proposed_is_what_the_checker_takes() {
    let own = "stage voices = grpo for persona in crew {\n  policy = base\n  reward = pay\n  data = lines\n}\nlet half = [anchor]\nparam k: int = 4\n";
    let inside = |text: &str| format!("{HEAD}{own}stage more = grpo for persona in crew {{\n  {text}\n}}\n");
    proposes(&inside("policy = |"), &["voices"], &["persona", "more", "persona.adapter"]);
    proposes(&inside("adapter = persona.|"), &["adapter"], &["voice"]);
    proposes(&inside("gate |"), &["finished", "k"], &["crew"]);
    proposes(&format!("{HEAD}stage t = sft for persona in [|"), &["anchor"], &["persona"]);
    proposes(&inside("adapter = |"), &["persona.adapter", "lora"], &["persona"]);
    proposes(&inside("lr = |"), &["rate", "k"], &["persona"]);
    proposes(&inside("actors = |"), &["voices"], &["crew", "half", "persona"]);
    proposes(&inside("adapter = lora(rank: 8, targets: [q, |])"), &["k", "v"], &["q"]);
    proposes(&inside("adapter = lora(8, |)"), &["alpha"], &["rank"]);
    proposes(&format!("{HEAD}{own}stage t = sft for |"), &["persona"], &[]);
    proposes(&format!("{HEAD}{own}let pair = [anchor, |]"), &["beacon"], &["anchor", "pair"]);
    proposes(&format!("{HEAD}{own}persona wide \"W\" extends |"), &["anchor"], &["wide"]);
    proposes("masc 1\nuse \"std/personas.masc\" { anchor, |", &["catalyst"], &["anchor"]);
    let variant = |text: &str| format!("{HEAD}{own}variant v {{\n  {text}\n}}\n");
    proposes(&variant("voices.|"), &["lr", "anchor", "*"], &["finished"]);
    proposes(&variant("voices.anchor.|"), &["lr"], &["beacon", "*"]);
    proposes(&variant("lines.|"), &["source"], &["train"]);
    proposes(&variant("panel.|"), &["votes"], &["manner"]);
    proposes(&variant("voices.lr = 1e-3\n  voices.|"), &["policy"], &["lr"]);
    proposes(&variant("k = 3\n  |"), &["rate"], &["k"]);
    proposes(&format!("{HEAD}experiment e \"E\" {{ seed = 1 }}\nex|"), &["persona"], &["experiment"]);
    proposes("|", &["masc 1"], &[]);
    proposes("masc 1\n|", &["persona"], &["masc 1"]);
    proposes(
        "masc 1\npersona a \"A\" {\n  voice = \"\"\"md\n    You are {{ch|\n    \"\"\"\n}\n",
        &["char", "user"],
        &[],
    );
    proposes("masc 1\npersona a \"A\" {\n  role = \"{{|}}\"\n}\n", &["char", "user"], &[]);
}

/// The line of the cursor once the proposal is taken.
#[track_caller]
fn taken(text: &str, label: &str) -> String {
    let (analysis, offset) = at_cursor(text);
    let proposals = complete::complete(&analysis, &Repository, offset);
    let one = proposals.all.iter().find(|one| one.label == label).unwrap_or_else(|| panic!("no {label}: {text}"));
    let mut after = analysis.text().to_owned();
    after.replace_range(proposals.replaces.0..proposals.replaces.1, &one.insert);
    let start = after[..proposals.replaces.0].rfind('\n').map_or(0, |at| at + 1);
    after[start..].lines().next().unwrap_or_default().trim().to_owned()
}

#[test]
fn what_the_line_says_is_not_written_again() {
    let inside = |text: &str| format!("{HEAD}param k: int = 4\nstage s = grpo {{\n  {text}\n}}\n");
    assert_eq!(taken(&inside("po| = base"), "policy"), "policy = base");
    assert_eq!(taken(&inside("po|"), "policy"), "policy =");
    assert_eq!(taken(&inside("steps = 400st|"), "steps"), "steps = 400 steps");
    assert_eq!(taken(&inside("steps = |"), "k"), "steps = k * 1 step");
    assert_eq!(taken(&inside("adapter = lo|(rank: 8)"), "lora"), "adapter = lora(rank: 8)");
    assert_eq!(taken(&inside("adapter = lora(ra|: 8)"), "rank"), "adapter = lora(rank: 8)");
    assert_eq!(
        taken("masc 1\npersona a \"A\" { role = \"{{c|}}\" }", "char"),
        "persona a \"A\" { role = \"{{char}}\" }"
    );
    assert_eq!(taken("masc 1\nper| a \"A\" {}", "persona"), "persona a \"A\" {}");
}

#[test]
fn comments_and_made_up_names_are_left_alone() {
    for text in ["masc 1\n# per|", "masc 1\npersona |", "masc 1\npersona a \"Th|e\" {}", "masc 1\nlet x| = 1"] {
        let (analysis, offset) = at_cursor(text);
        assert_eq!(labels(&analysis, offset), Vec::<String>::new(), "{text}");
    }
}

/// Takes each word out of a file, and its line's rest, and asks what might stand there: the word must be among it.
#[test]
fn what_stands_in_a_file_would_have_been_proposed_there() {
    let (mut asked, mut missed) = (0, BTreeMap::new());
    for file in FILES {
        let text = read(file).unwrap();
        let whole = analyse(&Repository, file);
        if whole.checked.diagnostics.has_errors() {
            // It shows every form of the grammar, and means nothing.
            assert_eq!(file, "src/lang/syntax/tests/good.masc", "{:#?}", whole.checked.diagnostics);
            continue;
        }
        let all = tokens(&text);
        let is_name_here: Vec<usize> = names::occurrences(&whole)
            .into_iter()
            .filter(|one| one.span.file == MAIN && one.symbol == names::Symbol::At(one.span))
            .map(|one| one.span.start as usize)
            .collect();
        let words = all.iter().filter(|token| matches!(token.kind, Kind::Word | Kind::Access));
        // A file of some hundred words, each checked whole, is enough of each.
        for (number, token) in words.enumerate() {
            if number % 17 != 0 {
                continue;
            }
            let mut start = token.at;
            for part in token.text.split('.') {
                let at = start;
                start += part.len() + 1;
                let is_alias = text[..at].trim_end().ends_with(" as");
                let is_free_key = matches!(part, "text" | "given" | "use" | "situation" | "topic");
                if part.is_empty() || is_name_here.contains(&at) || is_alias || part == "masc" || is_free_key {
                    continue;
                }
                let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
                let cut = format!("{}{}", &text[..at], &text[line_end..]);
                let analysis = written(file, &cut);
                asked += 1;
                if !labels(&analysis, at).iter().any(|label| label == part) {
                    let line = text[..at].matches('\n').count() + 1;
                    let before = text[..at].rfind('\n').map_or(0, |at| at + 1);
                    missed.insert(format!("{file}:{line}: {}>{part}<", &text[before..at]), labels(&analysis, at).len());
                }
            }
        }
    }
    assert!(asked > 100, "{asked}");
    assert!(missed.is_empty(), "{} of {asked}: {missed:#?}", missed.len());
}

#[test]
fn nothing_that_is_cut_anywhere_stops_an_answer() {
    for file in ["src/lang/syntax/tests/good.masc", "examples/judge.masc"] {
        let text = read(file).unwrap();
        for (at, _) in text.char_indices().step_by(7) {
            let analysis = written(file, &text[..at]);
            labels(&analysis, at);
            hover::hover(&analysis, at.saturating_sub(1));
            hints::hints(&analysis, 0, at);
            paint::paint(&analysis);
            outline::symbols(&analysis);
            outline::folding(analysis.text());
        }
    }
}

#[test]
fn every_name_leads_to_where_it_is_declared_and_is_found_from_there() {
    for file in FILES {
        let analysis = analyse(&Repository, file);
        let all = names::occurrences(&analysis);
        assert!(all.len() > 5, "{file}: {}", all.len());
        for one in &all {
            let names::Symbol::At(at) = one.symbol else { continue };
            if one.own_name {
                assert_eq!(analysis.checked.files.text(one.span), analysis.checked.files.text(at), "{file}");
            }
            assert!(names::references(&analysis, one.symbol).iter().any(|other| other.span == at), "{file}: {one:?}");
        }
        // Every reference that the checker followed is an occurrence, and every item is declared.
        for item in analysis.items(MAIN) {
            if let crate::syntax::ast::ItemKind::Block { name, body, .. } = &item.kind {
                assert!(all.iter().any(|one| one.span == name.span), "{file}: {}", name.value);
                assert!(body.entries.iter().all(|entry| !matches!(entry, Entry::Faulty { .. })));
            }
        }
    }
}

#[test]
fn a_rename_changes_every_place_and_nothing_else() {
    let file = "experiments/quickstart.masc";
    let analysis = analyse(&Repository, file);
    let mut tried = 0;
    for item in analysis.items(MAIN) {
        let name = match &item.kind {
            crate::syntax::ast::ItemKind::Block { name, .. }
            | crate::syntax::ast::ItemKind::Stage { name, .. }
            | crate::syntax::ast::ItemKind::Let { name, .. }
            | crate::syntax::ast::ItemKind::Param { name, .. } => name,
            _ => continue,
        };
        let from = names::at(&analysis, name.span.start as usize).unwrap();
        let mut spans = names::renamed(&analysis, from).unwrap();
        spans.sort();
        let mut text = analysis.text().to_owned();
        for span in spans.iter().rev().filter(|span| span.file == MAIN) {
            text.replace_range(span.start as usize..span.end as usize, "another_name");
        }
        let after = written(file, &text);
        assert!(after.checked.diagnostics.is_empty(), "{}: {:#?}", name.value, after.checked.diagnostics);
        assert_eq!(names::occurrences(&after).len(), names::occurrences(&analysis).len(), "{}", name.value);
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn an_alias_is_renamed_in_its_file_alone() {
    let text = "masc 1\nuse \"std/personas.masc\" { anchor, beacon as cheerer }\nlet crew = [anchor, cheerer]\n";
    let analysis = written("main.masc", text);
    let at = |word: &str| names::at(&analysis, text.rfind(word).unwrap()).unwrap();
    let spans = names::renamed(&analysis, at("cheerer")).unwrap();
    assert_eq!(spans.len(), 2);
    assert!(names::renamed(&analysis, at("anchor")).unwrap_err().contains("built in"));
}

#[test]
fn the_paths_of_a_skip_are_names() {
    let stage = "stage voices = grpo for persona in crew {\n  policy = base\n  reward = pay\n  data = lines\n}\n";
    let text = format!(
        "{HEAD}{stage}sweep wide {{\n  grid {{ voices.lr = [1e-4, 1e-3]; rate = [1e-4, 1e-5] }}\n  skip voices.lr == 1e-3 and rate < 1e-4 else \"no\"\n}}\n"
    );
    let analysis = written("main.masc", &text);
    assert!(analysis.checked.diagnostics.is_empty(), "{:#?}", analysis.checked.diagnostics);
    for (name, count) in [("stage voices", 3), ("param rate", 3)] {
        let at = text.find(name).unwrap() + name.find(' ').unwrap() + 1;
        let symbol = names::at(&analysis, at).unwrap().symbol;
        assert_eq!(names::references(&analysis, symbol).len(), count, "{name}");
    }
}

/// Spoils one line of a program after another: either every mention is seen, or it is told where one hides.
#[test]
fn a_mention_that_a_fault_hides_is_known() {
    let file = "experiments/quickstart.masc";
    let whole = analyse(&Repository, file);
    let mut hidden = 0;
    for (number, one) in names::occurrences(&whole).into_iter().enumerate() {
        let is_mention = one.span.file == MAIN && one.own_name && one.symbol != names::Symbol::At(one.span);
        let names::Symbol::At(declared) = one.symbol else { continue };
        if !is_mention || declared.file != MAIN || number % 5 != 0 {
            continue;
        }
        // A field that there is not, where there is a field.
        let text = whole.text();
        let start = text[..one.span.start as usize].rfind('\n').map_or(0, |at| at + 1);
        let line = &text[start..one.span.start as usize];
        let Some(sign) = line.find(" = ").filter(|_| line.starts_with("  ")) else { continue };
        let field = start + sign - line[..sign].trim_start().len();
        let (from, to) = (declared.start as usize, declared.end as usize);
        if from > field {
            continue;
        }
        let spoilt = format!("{}zz_zz{}", &text[..field], &text[start + sign..]);
        let analysis = written(file, &spoilt);
        let symbol = names::at(&analysis, from).unwrap().symbol;
        let name = text[from..to].to_owned();
        let seen = names::references(&analysis, symbol).len();
        let told = rename::unseen(&analysis, symbol, &name, None);
        assert!(told.is_some() || seen == names::references(&whole, one.symbol).len(), "{name} in {line}");
        hidden += usize::from(told.is_some());
    }
    assert!(hidden > 5, "{hidden}");
}

#[test]
fn hover_tells_value_and_layer() {
    let text = format!(
        "{HEAD}stage voices = grpo for persona in crew {{\n  policy = base\n  reward = pay\n  data = lines\n  lr = rate\n  kl = {{ beta = 0.1 }}\n}}\n"
    );
    let analysis = written("main.masc", &text);
    assert!(analysis.checked.diagnostics.is_empty(), "{:#?}", analysis.checked.diagnostics);
    let tells = |word: &str, wanted: &[&str]| {
        let told = hover::hover(&analysis, text.rfind(word).unwrap()).unwrap_or_else(|| panic!("nothing of {word}"));
        for one in wanted {
            assert!(told.text.contains(one), "{one:?} is not in {}", told.text);
        }
    };
    tells("lr = rate", &["learning rate", "lr = `0.0001` · file, main.masc:15"]);
    tells("beta = 0.1", &["beta = `0.1` · file, main.masc:16"]);
    tells("rate\n", &["param rate", "value = `0.0001` · file"]);
    tells("crew {", &["let crew = [anchor, beacon]"]);
    tells("base\n", &["model base"]);
    tells("grpo for", &["Group-relative", "clip"]);
    tells("local(base)", &["local model"]);
    tells("manner }", &["rubric manner"]);
    let more = "stage s = grpo for persona in crew {\n  policy = base\n  reward = pay\n  data = lines\n  lr = rate\n  adapter = lora(rank: 8, targets: [q])\n  gate delta(pay, pay).low > 0 else \"x\"\n}\n\
                variant v {\n  s.lr = 1e-3\n  anchor.role = \"z {{char}}\"\n}\nprofile p {\n  executor slurm { host = \"h\" }\n}\nuse \"std/judges.masc\" as judges\n";
    let text = format!("{HEAD}{more}");
    let analysis = written("main.masc", &text);
    let tells = |word: &str, skip: usize, wanted: &str| {
        let told =
            hover::hover(&analysis, text.rfind(word).unwrap() + skip).unwrap_or_else(|| panic!("nothing of {word}"));
        assert!(told.text.contains(wanted), "{wanted:?} is not in {}", told.text);
    };
    tells("q])", 0, "One of `q`");
    tells(".low", 1, "of an interval");
    tells("s.lr", 2, "unless changed: s.lr = `0.0001` · file, main.masc:15");
    tells("anchor.role", 7, "unless changed: anchor.role = `\"x\"` · file, main.masc:4");
    tells("{{char}}", 3, "quoted name");
    tells("slurm", 0, "an executor");
    tells("std/judges", 3, "`encoder`");
    let prose = "masc 1\npersona a \"A\" {\n  voice = \"\"\"md\n    Two words.\n    \"\"\"\n}\n";
    let analysis = written("main.masc", prose);
    let told = hover::hover(&analysis, prose.find("Two").unwrap()).unwrap();
    assert_eq!((told.text.as_str(), told.said.as_deref()), ("2 words, 10 characters", Some("Two words.")));
}

#[test]
fn hints_are_the_defaults_that_nobody_said() {
    let text = format!(
        "{HEAD}stage voices = grpo for persona in crew {{\n  policy = base\n  reward = pay\n  data = lines\n  kl = {{ beta = 0.1 }}\n}}\n"
    );
    let analysis = written("main.masc", &text);
    let all = hints::hints(&analysis, 0, text.len());
    let texts: Vec<&str> = all.iter().map(|hint| hint.text.as_str()).collect();
    assert!(texts.contains(&", estimator k3, place loss, to policy"), "{texts:?}");
    assert!(texts.iter().any(|one| one.starts_with(" unless said: prompts 2, group 8")), "{texts:?}");
    assert_eq!(hints::stages(&analysis), Vec::new(), "a library has no seed");
}

#[test]
fn words_are_painted_in_order_and_by_what_they_are() {
    for file in FILES {
        let analysis = analyse(&Repository, file);
        let painted = paint::paint(&analysis);
        assert!(painted.windows(2).all(|pair| pair[0].end <= pair[1].start), "{file}");
        assert!(painted.iter().all(|one| !analysis.text()[one.start..one.end].contains('\n')), "{file}");
    }
    let text = format!(
        "{HEAD}stage voices = grpo for persona in crew {{\n  policy = base\n  reward = pay\n  data = lines.train\n  steps = 4 steps\n  kl = {{ estimator = k3 }}\n}}\n"
    );
    let analysis = written("main.masc", &text);
    let painted = paint::paint(&analysis);
    let of = |word: &str| {
        let at = text.rfind(word).unwrap();
        painted.iter().find(|one| one.start == at).unwrap_or_else(|| panic!("{word} has no colour")).sort
    };
    use crate::program::EntityKind;
    use paint::Sort;
    assert_eq!(of("stage voices"), Sort::Keyword);
    assert_eq!(of("grpo"), Sort::Type);
    assert_eq!(of("base\n"), Sort::Item(EntityKind::Model));
    assert_eq!(of("lines.train"), Sort::Item(EntityKind::Dataset));
    assert_eq!(of("train"), Sort::Property);
    assert_eq!(of("steps\n"), Sort::Constant);
    assert_eq!(of("k3"), Sort::Constant);
    assert_eq!(of("estimator"), Sort::Property);
    assert_eq!(of("random"), Sort::Function);
    assert_eq!(of("arch"), Sort::Parameter);
}

#[test]
fn folds_are_brackets_comments_and_imports() {
    let text = "# one\n# two\n\nuse \"std/a.masc\" { a }\nuse \"std/b.masc\" { b }\n\npersona a \"A\" {\n  voice = \"\"\"md\n    x\n    \"\"\"\n}\n";
    let folds = outline::folding(text);
    let lines: Vec<(usize, usize)> = folds
        .iter()
        .map(|fold| (text[..fold.start].matches('\n').count(), text[..fold.end].matches('\n').count()))
        .collect();
    assert_eq!(lines, [(0, 1), (3, 4), (6, 10), (7, 9)]);
}

#[test]
fn rules_are_asked_while_one_types_unless_that_would_be_felt() {
    let told = |variants: usize| {
        let items: String = (0..80).map(|at| format!("let let_{at} = {at}\n")).collect();
        let variants: String = (0..variants).map(|at| format!("variant v_{at} {{ base.dtype = bf16 }}\n")).collect();
        let text = format!(
            "masc 1\nuse \"std/personas.masc\" {{ anchor }}\nmodel base {{ weights = random(arch: \"llama\") }}\n{items}{variants}"
        );
        let analysis = written("main.masc", &text);
        assert!(analysis.checked.diagnostics.is_empty(), "{:#?}", analysis.checked.diagnostics);
        analysis.lints().sorted().iter().map(|one| one.code.0).collect::<Vec<_>>()
    };
    assert!(told(3).contains(&"M0970"), "the import");
    assert_eq!(told(60), Vec::<&str>::new());
    let wrong = written("main.masc", "masc 1\nuse \"std/personas.masc\" { anchor }\nlet a = b\n");
    assert!(wrong.lints().is_empty() && wrong.checked.diagnostics.has_errors());
}
