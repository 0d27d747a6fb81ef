//! What a clean program means: values, layers, families, rewards, gates, points.

use super::{Files, QMSUM, check, checked, checked_with, clean, samples, words};
use crate::program::{Dim, Entity, EntityKind, Layer, MemberRef, Point, Program, Value};
use crate::{edges, expand};

fn qmsum() -> crate::Checked {
    let checked = check(&samples(), "qmsum.masc", &[]);
    clean(&checked);
    checked
}

fn named<'p>(program: &'p Program, name: &str) -> &'p Entity {
    program.entities.iter().find(|entity| entity.name == name).expect("the test names an item that there is")
}

fn field<'p>(program: &'p Program, stage: &str, member: usize, field: &str) -> &'p Value {
    let stage = named(program, stage).stage.as_ref().expect("the test names a stage");
    &stage.instances[member].fields[field].value
}

fn number(value: f64, dim: Dim) -> Value {
    Value::Number { value, dim }
}

#[test]
fn a_family_has_a_member_a_persona_and_means_the_same_persona_inside_another() {
    let checked = qmsum();
    let program = checked.program.as_ref().unwrap();
    let sounding = named(program, "sounding");
    let voices = named(program, "voices").stage.as_ref().unwrap();
    assert!(voices.is_family);
    let personas: Vec<&str> =
        voices.instances.iter().map(|one| program.entity(one.persona.unwrap()).name.as_str()).collect();
    assert_eq!(personas, ["anchor", "catalyst", "beacon"]);
    for member in 0..3 {
        let own = Value::Made(vec![MemberRef { stage: sounding.id, member }]);
        assert_eq!(*field(program, "voices", member as usize, "policy"), own);
    }
    // All of a family where it is not narrowed.
    assert!(matches!(field(program, "persona_rm", 0, "pairs"), Value::Made(of) if of.len() == 3));
    assert!(matches!(field(program, "rehearsal", 0, "actors"), Value::Made(of) if of.len() == 3));
}

#[test]
fn every_field_of_a_schema_is_there_with_its_default() {
    let checked = qmsum();
    let program = checked.program.as_ref().unwrap();
    assert_eq!(*field(program, "voices", 0, "steps"), number(400.0, Dim::Steps));
    assert_eq!(*field(program, "voices", 0, "updates"), number(1.0, Dim::None));
    assert_eq!(*field(program, "voices", 0, "final_lr"), number(0.1, Dim::Fraction));
    assert_eq!(*field(program, "voices", 0, "clip_high"), Value::Absent);
    let Value::Record(kl) = field(program, "voices", 0, "kl") else { panic!("kl is a record") };
    assert_eq!(kl["to"], Value::Word("policy".into()));
    assert_eq!(kl["beta"], number(0.02, Dim::None));
    for entity in &program.entities {
        let schema = match &entity.stage {
            Some(stage) => crate::check::schema::stage(&stage.kind),
            None => crate::check::schema::kinds().find(|kind| kind.entity == entity.kind && kind.makes.is_none()),
        };
        let Some(schema) = schema else { continue };
        let fields: Vec<_> = match &entity.stage {
            Some(stage) => stage.instances.iter().map(|one| &one.fields).collect(),
            None => vec![&entity.fields],
        };
        for fields in fields {
            assert!(schema.fields.iter().all(|one| fields.contains_key(one.name)), "{}", entity.name);
        }
    }
}

#[test]
fn an_adapter_is_fresh_on_a_bare_model_and_goes_on_otherwise() {
    let checked = qmsum();
    let program = checked.program.as_ref().unwrap();
    assert!(matches!(field(program, "sounding", 0, "adapter"), Value::Call { name, .. } if name == "lora"));
    assert!(matches!(field(program, "persona_rm", 0, "adapter"), Value::Call { name, .. } if name == "lora"));
    assert!(matches!(field(program, "direction", 0, "adapter"), Value::Call { name, .. } if name == "lora"));
    assert_eq!(*field(program, "voices", 0, "adapter"), Value::Word("continue".into()));
}

#[test]
fn a_reward_is_expanded_in_the_stage_that_uses_it() {
    let checked = qmsum();
    let program = checked.program.as_ref().unwrap();
    let Value::Record(reward) = field(program, "voices", 1, "reward") else { panic!("a reward is a record") };
    assert_eq!(reward["clip"], Value::Range { low: -3.0, high: 3.0, dim: Dim::None });
    assert_eq!(
        program.written(&reward["score"]),
        "((0.8 * persona_rm) + (0.2 * format(max: 256 tok, single_voice: true)))"
    );
    // A family of reward models is narrowed, a reward in a reward is written out.
    let text = "masc 1
persona a \"A\" { role = \"x\" }
persona b \"B\" { role = \"y\" }
let crew = [a, b]
model m { weights = random(arch: \"llama\") }
dataset d { source = jsonl(\"d.jsonl\") }
rubric r \"R\" { criterion c \"C\" 100% }
judge j { by = contrast(m); rubrics = [r] }
stage p = pairs for persona in crew { from = m; data = d; judge = j.r }
stage rm = bradley_terry for persona in crew { pairs = p; init = m }
reward inner { score = rm; clip = -1..1 }
reward outer { score = 2 * inner + min(leak(), 1) }
stage g = grpo for persona in crew { policy = m; reward = outer; data = d }
";
    let checked = super::checked(text);
    clean(&checked);
    let program = checked.program.as_ref().unwrap();
    for (member, name) in ["a", "b"].into_iter().enumerate() {
        let Value::Record(reward) = field(program, "g", member, "reward") else { panic!("a reward is a record") };
        let expected = format!("((2 * clip(range: -1..1, x: rm.{name})) + min(a: leak(), b: 1))");
        assert_eq!(program.written(&reward["score"]), expected);
    }
}

#[test]
fn a_gate_knows_its_own_results_and_its_first_metric() {
    let checked = qmsum();
    let program = checked.program.as_ref().unwrap();
    let rm = named(program, "persona_rm");
    let gate = &rm.stage.as_ref().unwrap().instances[0].gates[0];
    let own = Value::Result { of: vec![MemberRef { stage: rm.id, member: 0 }], name: "held_out_accuracy".into() };
    assert_eq!(gate.condition, Value::Op { op: ">=".into(), args: vec![own, Value::number(0.65)] });
    assert_eq!(gate.text, "held_out_accuracy >= 0.65");
    let verdict = &named(program, "verdict").stage.as_ref().unwrap().instances[0];
    let Value::Op { op, args } = &verdict.gates[0].condition else { panic!("a gate is a comparison") };
    assert_eq!(op, ">");
    let Value::Op { op, args } = &args[0] else { panic!(".low is a field") };
    assert_eq!((op.as_str(), &args[1]), ("field", &Value::Word("low".into())));
    let Value::Call { name, args } = &args[0] else { panic!("a delta is a call") };
    assert_eq!(name, "delta");
    let Value::List(metrics) = &verdict.fields["metrics"].value else { panic!("metrics are a list") };
    assert_eq!(args["metric"], metrics[0]);
}

#[test]
fn extends_inherits_fields_but_neither_examples_nor_the_quoted_name() {
    let checked = qmsum();
    let program = checked.program.as_ref().unwrap();
    let catalyst = named(program, "catalyst");
    assert_eq!(catalyst.title.as_deref(), Some("The Catalyst"));
    assert_eq!(catalyst.fields["adapter"].origin.layer, Layer::Base);
    assert_eq!(catalyst.fields["role"].value, Value::Text("Critical Thinker".into()));
    let Value::List(never) = &catalyst.fields["never"].value else { panic!("never is a list") };
    assert_eq!(never.len(), 4);
    assert_eq!(catalyst.children.len(), 2);
    assert!(catalyst.children.iter().all(|child| child.keyword == "example"));
}

#[test]
fn a_variant_and_a_sweep_are_layers_over_the_file() {
    let checked = qmsum();
    assert_eq!(checked.variants(), [Point::Variant("no_persona".into()), Point::Variant("random_order".into())]);
    let bare = checked.at(&Point::Variant("no_persona".into())).unwrap();
    assert_eq!(bare.point.as_deref(), Some("no_persona"));
    for name in ["anchor", "catalyst", "beacon"] {
        let voice = &named(&bare, name).fields["voice"];
        assert_eq!((&voice.value, voice.origin.layer), (&Value::Absent, Layer::Point));
    }
    let points = checked.sweep_points("kl_grid");
    assert_eq!(points.len(), 8);
    let skipped = checked.skipped_points("kl_grid");
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].label, "kl_grid[voices.kl.beta=0.05,experiment.seed=9]");
    let point = checked.at(&points[4]).unwrap();
    assert_eq!(point.point.as_deref(), Some("kl_grid[voices.kl.beta=0.02,experiment.seed=8]"));
    let third = checked.at(&points[7]).unwrap();
    let stage = &named(&third, "voices").stage.as_ref().unwrap().instances[2];
    let Value::Record(kl) = &stage.fields["kl"].value else { panic!("kl is a record") };
    assert_eq!(kl["beta"], number(0.05, Dim::None));
    assert_eq!(stage.fields["kl"].origin.layer, Layer::File);
    assert_eq!(stage.fields["kl"].parts["beta"].layer, Layer::Point);
    assert_eq!(stage.fields["kl"].parts["to"].layer, Layer::Default);
    assert_eq!(named(&third, "qmsum").fields["seed"].value, number(8.0, Dim::None));
}

#[test]
fn a_set_is_over_everything_and_params_are_values() {
    let checked =
        super::check(&samples(), "qmsum.masc", &[("voices.kl.beta".into(), "0.5".into()), ("k".into(), "6".into())]);
    clean(&checked);
    let program = checked.at(&checked.sweep_points("kl_grid")[0]).unwrap();
    let Value::Record(kl) = field(&program, "voices", 0, "kl") else { panic!("kl is a record") };
    assert_eq!(kl["beta"], number(0.5, Dim::None));
    let Value::Record(sample) = field(&program, "preferences", 0, "sample") else { panic!("sample is a record") };
    assert_eq!(sample["n"], number(6.0, Dim::None));
    assert_eq!(named(&program, "k").fields["value"].origin.layer, Layer::Set);
}

#[test]
fn one_member_of_a_family_can_be_overridden() {
    let checked = checked_with(
        "masc 1
persona a \"A\" { role = \"x\" }
persona b \"B\" { role = \"y\" }
model m { weights = random(arch: \"llama\") }
dataset d { source = jsonl(\"d.jsonl\") }
stage s = sft for persona in [a, b] { policy = m; data = d }
",
        &[("s.b.epochs", "7 epochs"), ("s.adapter.rank", "4")],
    );
    clean(&checked);
    let program = checked.program.as_ref().unwrap();
    assert_eq!(*field(program, "s", 0, "epochs"), number(3.0, Dim::Epochs));
    assert_eq!(*field(program, "s", 1, "epochs"), number(7.0, Dim::Epochs));
    let Value::Call { args, .. } = field(program, "s", 0, "adapter") else { panic!("an adapter is a call") };
    assert_eq!(args["rank"], number(4.0, Dim::None));
}

#[test]
fn a_family_member_is_found_by_identity_under_any_name() {
    let lib = "masc 1\npersona a \"A\" { role = \"x\" }\npersona b \"B\" { role = \"y\" }\n";
    let main = "masc 1
use \"./lib.masc\" { a as first, b }
model m { weights = random(arch: \"llama\") }
dataset d { source = jsonl(\"d.jsonl\") }
stage s = sft for persona in [first, b] { policy = m; data = d }
stage t = sft for persona in [b, first] { policy = s; data = d }
stage u = sft { policy = s.first; data = d }
";
    let checked = check(&Files::of(&[("lib.masc", lib), ("main.masc", main)]), "main.masc", &[]);
    clean(&checked);
    let program = checked.program.as_ref().unwrap();
    let s = named(program, "s").id;
    assert_eq!(*field(program, "t", 0, "policy"), Value::Made(vec![MemberRef { stage: s, member: 1 }]));
    assert_eq!(*field(program, "u", 0, "policy"), Value::Made(vec![MemberRef { stage: s, member: 0 }]));
}

#[test]
fn units_are_normalised_and_arithmetic_keeps_dimensions() {
    let checked = checked(
        "masc 1\nlet a = 50% * 400 steps\nlet b = 2 * 3 min + 20 s\nlet c = min(3, 4)\nbudget x { gpu = 12 gpu_h, vram = 1 GiB }\n",
    );
    clean(&checked);
    let program = checked.program.as_ref().unwrap();
    let value = |name: &str| named(program, name).fields["value"].value.clone();
    assert_eq!(value("a"), number(200.0, Dim::Steps));
    assert_eq!(value("b"), number(380.0, Dim::Seconds));
    assert_eq!(value("c"), number(3.0, Dim::None));
    assert_eq!(named(program, "x").fields["gpu"].value, number(43_200.0, Dim::GpuSeconds));
}

#[test]
fn a_text_of_a_file_is_a_text() {
    let main = "masc 1\npersona a \"A\" { voice = text(\"a.md\") }\npersona b \"B\" {\n voice = text(\"b.md\")\n}\n";
    let checked = check(&Files::of(&[("main.masc", main), ("a.md", "You are {{char}}.\r\n")]), "main.masc", &[]);
    assert_eq!(super::told(&checked), ["M0319@4"], "{}", words(&checked));
    let files = Files::of(&[("main.masc", main), ("a.md", "You are {{char}}.\r\n"), ("b.md", "x")]);
    let checked = check(&files, "main.masc", &[]);
    let program = checked.program.as_ref().unwrap();
    assert_eq!(named(program, "a").fields["voice"].value, Value::Text("You are {{char}}.".into()));
}

#[test]
fn the_graph_leaves_lets_out() {
    let checked = qmsum();
    let program = checked.program.as_ref().unwrap();
    let edges = edges(program);
    let has = |from: &str, to: &str, slot: &str| {
        edges.iter().any(|edge| {
            program.entity(edge.from).name == from && program.entity(edge.to).name == to && edge.slot == slot
        })
    };
    assert!(has("sounding", "voices", "policy"));
    assert!(has("in_character", "voices", "reward"));
    assert!(has("persona_rm", "in_character", "score"));
    assert!(has("anchor", "voices", "crew"));
    assert!(has("anchor", "catalyst", "extends"));
    assert!(edges.iter().all(|edge| program.entity(edge.from).kind != EntityKind::Let));
}

#[test]
fn expand_tells_layer_and_line() {
    let checked = qmsum();
    let all = expand(checked.program.as_ref().unwrap(), &checked.files);
    let one = |path: &str| all.iter().find(|one| one.path == path).unwrap_or_else(|| panic!("no {path}"));
    let beta = one("voices.anchor.kl.beta");
    assert_eq!((beta.value.as_str(), beta.layer, beta.line), ("0.02", "file", Some(85)));
    let to = one("voices.anchor.kl.to");
    assert_eq!((to.value.as_str(), to.layer, to.line), ("policy", "default", None));
    assert_eq!(one("voices.beacon.steps").value, "400 steps");
    assert_eq!(one("catalyst.adapter").layer, "base");
    assert_eq!(one("k").value, "4");
    assert!(QMSUM.lines().nth(84).unwrap().contains("kl "));
}

/// A file of 28 000 lines; linear, so that the whole file can be checked at every keystroke.
#[test]
fn a_long_file_is_checked_in_linear_time() {
    let block = |at: usize| {
        format!(
            "persona p{at} \"P{at}\" {{\n  role = \"x\"\n  voice = \"You are {{{{char}}}}.\"\n  never = [\"a\", \"b\"]\n\n  example {{ given = \"x\"; says = \"y\" }}\n}}\nstage s{at} = sft {{\n  policy = m\n  data = d\n  epochs = 1 epoch\n  lr = 1e-4\n}}\n"
        )
    };
    let mut text =
        "masc 1\nmodel m { weights = random(arch: \"llama\") }\ndataset d { source = jsonl(\"d.jsonl\") }\n".to_owned();
    for at in 0..2_150 {
        text += &block(at);
    }
    assert!(text.lines().count() > 27_500);
    clean(&checked(&text));
}

#[test]
fn long_chains_do_not_overflow() {
    let mut text = "masc 1\nlet x0 = 1\npersona p0 \"P\" { role = \"x\" }\n".to_owned();
    for at in 1..1_500 {
        text += &format!("let x{at} = x{} + 1\npersona p{at} \"P\" extends p{} {{ }}\n", at - 1, at - 1);
    }
    clean(&checked(&text));
}
