//! `mascot lint` through the front door: what it tells, in every format; that this house keeps its own rules.

use crate::house::{Sandbox, files, has, mascot, repository};

const PAIR: &str = "masc 1\nuse \"std/rubrics.masc\" { persona_alignment, collective }\n\
                    model base { weights = random(arch: \"llama\") }\njudge panel { by = contrast(base), rubrics = [collective] }\n";

#[test]
fn every_experiment_example_and_library_lints_clean() {
    let root = repository();
    let all: Vec<String> = ["experiments", "examples", "stdlib"]
        .iter()
        .flat_map(|folder| files(&root.join(folder), "masc"))
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    let mut args = vec!["lint", "--format", "short"];
    args.extend(all.iter().map(String::as_str));
    let answer = mascot(&root, &args).ended_with(0);
    assert_eq!(answer.out, "", "mend it, or allow it with a reason");
}

#[test]
fn warnings_end_with_0_and_errors_with_1() {
    let sandbox = Sandbox::empty();
    sandbox.write("pair.masc", PAIR);
    let told = sandbox.mascot(&["lint", "--format", "short", "pair.masc"]).ended_with(0).out;
    assert!(told.starts_with("pair.masc:2:26: warning[M0970]: `persona_alignment` is imported"), "{told}");
    sandbox.write("wrong.masc", &PAIR.replace("contrast(base)", "contrast(bse)"));
    sandbox.mascot(&["lint", "wrong.masc"]).ended_with(1);
    sandbox.mascot(&["lint", "absent.masc"]).ended_with(2);
    let clean = PAIR.replace("persona_alignment, ", "");
    sandbox.write("pair.masc", &clean);
    let told = sandbox.mascot(&["lint", "pair.masc"]).ended_with(0);
    assert!(told.out.is_empty() && told.err.contains("clean: 1 file"), "{}", told.err);
}

#[test]
fn machines_read_what_people_read() {
    let sandbox = Sandbox::empty();
    sandbox.write("pair.masc", PAIR);
    let json = sandbox.mascot(&["lint", "--json", "pair.masc"]).ended_with(0).json();
    let one = &json["diagnostics"][0];
    has(one, &["code", "severity", "message", "help", "file", "line", "column", "end_line", "end_column", "fixes"]);
    assert_eq!((one["code"].as_str(), one["severity"].as_str()), (Some("M0970"), Some("warning")));
    assert_eq!(one["fixes"][0]["edits"].as_array().map(Vec::len), Some(1));
    let sarif = sandbox.mascot(&["lint", "--format", "sarif", "pair.masc"]).ended_with(0).json();
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "M0970");
    let github = sandbox.mascot(&["lint", "--format", "github", "pair.masc"]).ended_with(0).out;
    assert!(github.starts_with("::warning file=pair.masc,line=2"), "{github}");
}

#[test]
fn what_is_mechanical_is_fixed_and_the_rest_told() {
    let sandbox = Sandbox::empty();
    sandbox.write("pair.masc", PAIR);
    sandbox.mascot(&["fix", "pair.masc"]).ended_with(0);
    assert_eq!(sandbox.read("pair.masc"), PAIR, "nothing is wrong with it");
    let told = sandbox.mascot(&["fix", "--lint", "pair.masc"]).ended_with(0).err;
    assert!(told.contains("1 fix applied, nothing is left"), "{told}");
    assert_eq!(sandbox.read("pair.masc"), PAIR.replace("persona_alignment, ", ""));
}
