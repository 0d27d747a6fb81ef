//! The formats of diagnostics through the front door: what each says is what all say, and SARIF keeps to its schema.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::house::{Sandbox, files, mascot, repository};

const SCHEMA: &str = include_str!("data/sarif-2.1.0.json");

fn sarif() -> (Schemas, SchemaIndex) {
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("sarif.json", serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("sarif.json", &mut schemas).unwrap();
    (schemas, index)
}

#[track_caller]
fn is_sarif(document: &Value) {
    let (schemas, index) = sarif();
    if let Err(why) = schemas.validate(document, index) {
        panic!("{why:#}\n{document}");
    }
}

/// Every faulty program of the goldens, checked at once.
fn goldens(format: &str) -> crate::house::Answer {
    let root = repository();
    let paths = files(&root.join("tests/golden/check"), "masc");
    let names: Vec<String> =
        paths.iter().map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
    let mut args = vec!["check", "--format", format];
    args.extend(names.iter().map(String::as_str));
    mascot(&root, &args).ended_with(1)
}

#[test]
fn the_schema_refuses_what_is_no_sarif() {
    let (schemas, index) = sarif();
    let good = goldens("sarif").json();
    for spoil in [
        |document: &mut Value| document["version"] = "3".into(),
        |document: &mut Value| document["runs"][0]["results"][0]["ruleID"] = "M0001".into(),
        |document: &mut Value| document["runs"][0]["results"][0]["level"] = "bad".into(),
        |document: &mut Value| {
            document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0.into();
        },
    ] {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert!(schemas.validate(&bad, index).is_err(), "the schema finds nothing wrong with\n{bad}");
    }
}

/// One place, however it is told: columns are counted in characters, and a byte-order mark is none.
#[test]
fn columns_are_characters_in_every_format() {
    let sandbox = Sandbox::new();
    sandbox.write("main.masc", "\u{feff}masc 1\npersona z \"Z\" { role = \"é😀é\", voise = \"x\" }\n");
    sandbox.write("marked.masc", "\u{feff}masc 2\n");
    for (format, place) in [("human", "main.masc:2:31]"), ("short", "main.masc:2:31:"), ("json", "\"column\":31")] {
        let answer = sandbox.mascot(&["check", "--format", format, "main.masc"]).ended_with(1);
        let told = format!("{}{}", answer.out, answer.err);
        assert!(told.replace("\": ", "\":").contains(place), "{format}: {told}");
    }
    for format in ["human", "short"] {
        let answer = sandbox.mascot(&["check", "--format", format, "marked.masc"]).ended_with(1);
        let told = format!("{}{}", answer.out, answer.err);
        assert!(told.contains("marked.masc:1:6"), "{format}: {told}");
    }
}

#[test]
fn every_code_as_sarif_keeps_to_the_schema() {
    let document = goldens("sarif").json();
    is_sarif(&document);
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.len() > 70, "{}", rules.len());
    for result in run["results"].as_array().unwrap() {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["text"].as_str().unwrap().contains("```masc"), "the page goes along: {rule}");
    }
}

#[test]
fn a_program_without_faults_and_a_file_with_an_odd_name_are_sarif_too() {
    let sandbox = Sandbox::empty();
    sandbox.write("a b/ä #1.masc", "masc 1\nlet x = 1k\n");
    sandbox.write("good.masc", "masc 1\n");
    let odd = sandbox.mascot(&["check", "a b/ä #1.masc", "--format", "sarif"]).ended_with(1).json();
    is_sarif(&odd);
    let place = &odd["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%A4%20%231.masc");
    is_sarif(&sandbox.mascot(&["check", "good.masc", "--format", "sarif"]).ended_with(0).json());
}

/// `::error file=a,line=1::message`: the properties and the message, decoded.
fn workflow_command(line: &str) -> (String, Vec<(String, String)>, String) {
    let (head, message) = line.strip_prefix("::").unwrap().split_once("::").unwrap();
    let (level, properties) = head.split_once(' ').unwrap();
    let decoded = |text: &str| {
        text.replace("%0A", "\n").replace("%0D", "\r").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
    };
    let pairs = properties.split(',').map(|pair| pair.split_once('=').unwrap());
    (level.to_owned(), pairs.map(|(key, value)| (key.to_owned(), decoded(value))).collect(), decoded(message))
}

#[test]
fn every_format_tells_the_same_diagnostics() {
    let json = goldens("json").json();
    let all = json["diagnostics"].as_array().unwrap();
    assert!(all.len() > 150, "{}", all.len());
    let sarif = goldens("sarif").json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let (short, github) = (goldens("short").out, goldens("github").out);
    let (short, github): (Vec<&str>, Vec<&str>) = (short.lines().collect(), github.lines().collect());
    assert_eq!([results.len(), short.len(), github.len()], [all.len(); 3]);
    // miette wraps and hyphenates: words are compared without blanks.
    let squeezed = |text: &str| text.chars().filter(|one| !one.is_whitespace() && *one != '│').collect::<String>();
    let human = squeezed(&goldens("human").out);
    for (((one, result), short), github) in all.iter().zip(results).zip(short).zip(github) {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let place =
            format!("{}:{}:{}: {}[{}]: ", text("file"), one["line"], one["column"], text("severity"), text("code"));
        assert!(short.starts_with(&(place.clone() + &text("message"))), "{short}\n{place}");
        let (level, properties, message) = workflow_command(github);
        let property = |name: &str| properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        assert_eq!(
            (level, property("file"), property("title")),
            (text("severity"), Some(text("file")), Some(text("code")))
        );
        assert_eq!(property("line"), Some(one["line"].to_string()), "{github}");
        assert!(message.starts_with(&text("message")) && message.contains(&text("help")), "{github}");
        assert_eq!(result["ruleId"], one["code"]);
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startColumn"], one["column"]);
        assert!(human.contains(&squeezed(&text("message"))), "{}", text("message"));
    }
}
