//! A judge's answer, read fail-closed: every criterion has one score on the scale, or there is no verdict.
//!
//! Prose around the JSON is read past, and so are thoughts before it. Two objects that differ, a criterion named twice, a score
//! outside the scale, a missing one: each is a reason to ask again, never a guess and never 0.

use std::fmt;

use mascot_run::task::RubricSpec;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::prompt::is_whole;

/// The longest answer that is read, in bytes: a verdict is short.
const LONGEST: usize = 64 * 1024;

/// Scores in the order of the rubric's criteria.
///
/// # Errors
/// Why there is no verdict, in words that the judge can be told.
pub fn read(answer: &str, rubric: &RubricSpec) -> Result<Vec<f64>, String> {
    // What a reasoning model thought is not what it says.
    let said = answer.rfind("</think>").map_or(answer, |at| &answer[at + "</think>".len()..]);
    if said.len() > LONGEST {
        return Err("the answer is far too long".into());
    }
    let found = objects(said, rubric);
    let Some(first) = found.first() else {
        return Err(match said.contains('{') {
            true => "its JSON is cut off or broken, or names none of the criteria".into(),
            false => "it holds no JSON object".into(),
        });
    };
    let verdict = scores(first, rubric)?;
    for other in &found[1..] {
        if scores(other, rubric)? != verdict {
            return Err("it holds two verdicts that contradict each other".into());
        }
    }
    Ok(verdict)
}

/// The JSON object of a rubric, for servers that can be held to a schema.
pub fn schema(rubric: &RubricSpec) -> Value {
    let kind = if is_whole(rubric) { "integer" } else { "number" };
    let mut properties = serde_json::Map::new();
    for criterion in &rubric.criteria {
        let mut score = serde_json::json!({"type": kind});
        // An enumeration holds where a server knows no bounds.
        if let Some(levels) = levels(rubric) {
            score["enum"] = levels.into();
        } else {
            score["minimum"] = rubric.low.into();
            score["maximum"] = rubric.high.into();
        }
        properties.insert(criterion.name.clone(), score);
    }
    let required: Vec<&str> = rubric.criteria.iter().map(|criterion| criterion.name.as_str()).collect();
    serde_json::json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

/// The whole numbers of a scale, if it has at most 101 of them.
pub fn levels(rubric: &RubricSpec) -> Option<Vec<i64>> {
    let few = is_whole(rubric) && (0.0..=100.0).contains(&(rubric.high - rubric.low));
    few.then(|| (rubric.low as i64..=rubric.high as i64).collect())
}

/// An object with its keys as they stand, doubled ones too: a parser that keeps the last would hide a contradiction.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// Every whole object in `text` that names a criterion; of nested ones the outermost that does.
fn objects(text: &str, rubric: &RubricSpec) -> Vec<Pairs> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{') {
        at += open;
        let mut stream = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Pairs>();
        match stream.next() {
            Some(Ok(pairs)) if pairs.0.iter().any(|(key, _)| names_one(key, rubric)) => {
                at += stream.byte_offset();
                found.push(pairs);
            }
            _ => at += 1,
        }
    }
    found
}

fn names_one(key: &str, rubric: &RubricSpec) -> bool {
    rubric.criteria.iter().any(|criterion| same(key, &criterion.name))
}

fn same(key: &str, name: &str) -> bool {
    key.trim().eq_ignore_ascii_case(name)
}

fn scores(Pairs(pairs): &Pairs, rubric: &RubricSpec) -> Result<Vec<f64>, String> {
    let mut scores = Vec::with_capacity(rubric.criteria.len());
    for criterion in &rubric.criteria {
        let name = &criterion.name;
        let mut given = pairs.iter().filter(|(key, _)| same(key, name)).map(|(_, value)| number(value, name));
        let first = given.next().ok_or_else(|| format!("there is no score for \"{name}\""))??;
        for again in given {
            if again? != first {
                return Err(format!("\"{name}\" has two scores that contradict each other"));
            }
        }
        if !(rubric.low..=rubric.high).contains(&first) {
            return Err(format!("\"{name}\" is {first}, outside the scale {} to {}", rubric.low, rubric.high));
        }
        scores.push(first);
    }
    Ok(scores)
}

/// A number, or a text that is nothing but one.
fn number(value: &Value, name: &str) -> Result<f64, String> {
    let read = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    read.filter(|number| number.is_finite()).ok_or_else(|| format!("the score for \"{name}\" is no number"))
}

#[cfg(test)]
mod tests {
    use mascot_run::task::RubricCriterion;

    use super::*;

    fn rubric() -> RubricSpec {
        let criterion = |name: &str| RubricCriterion {
            name: name.into(),
            text: None,
            weight: 0.5,
            low: None,
            mid: None,
            high: None,
        };
        RubricSpec { title: None, low: 1.0, high: 5.0, criteria: vec![criterion("voice"), criterion("care")] }
    }

    #[test]
    fn a_verdict_is_found_in_what_surrounds_it() {
        for answer in [
            r#"{"voice": 2, "care": 4}"#,
            r#"{"care": 4, "why": "warm {enough}", "voice": 2}"#,
            "Here is my verdict:\n```json\n{\"voice\": 2, \"care\": 4}\n```\nI hope this helps.",
            r#"{"scores": {"voice": 2, "care": 4}}"#,
            r#"{"Voice": "2", "care": 4.0}"#,
            r#"<think>{"voice": 5, "care": 5} would be kind</think>{"voice": 2, "care": 4}"#,
            r#"{"voice": 2, "care": 4} and again {"voice": 2, "care": 4}"#,
            r#"By {anchors}: {"voice": 2, "care": 4}"#,
            r#"{"voice": 2, "voice": 2, "care": 4}"#,
        ] {
            assert_eq!(read(answer, &rubric()).as_deref(), Ok(&[2.0, 4.0][..]), "{answer}");
        }
    }

    #[test]
    fn whatever_is_not_whole_and_clear_is_no_verdict() {
        for (answer, why) in [
            ("", "no JSON"),
            ("I would say five.", "no JSON"),
            (r#"{"voice": 2, "care": "#, "cut off"),
            (r#"{"voice": 2"#, "cut off"),
            (r#"{"voice": 2}"#, "no score for \"care\""),
            (r#"{"voice": 2, "care": 7}"#, "outside the scale"),
            (r#"{"voice": 2, "care": 0}"#, "outside the scale"),
            (r#"{"voice": 2, "care": null}"#, "no number"),
            (r#"{"voice": 2, "care": "4/5"}"#, "no number"),
            (r#"{"voice": 2, "care": true}"#, "no number"),
            (r#"{"voice": 2, "care": [4]}"#, "no number"),
            (r#"{"voice": 2, "care": 4, "Voice": 5}"#, "contradict"),
            (r#"{"voice": 2, "voice": 5, "care": 4}"#, "contradict"),
            (r#"The reply says {"voice": 5, "care": 5}. {"voice": 2, "care": 4}"#, "contradict"),
            (r#"{"score": 5}"#, "names none"),
            ("{{{{{{", "cut off"),
        ] {
            let told = read(answer, &rubric()).unwrap_err();
            assert!(told.contains(why), "{answer}: {told}");
        }
        assert!(read(&"{".repeat(LONGEST + 1), &rubric()).unwrap_err().contains("too long"));
        // Deep nesting ends in a refusal, not in a stack.
        assert!(read(&"{\"a\":".repeat(5_000), &rubric()).is_err());
    }

    #[test]
    fn a_schema_asks_for_every_criterion_and_nothing_else() {
        let schema = schema(&rubric());
        assert_eq!(schema["required"], serde_json::json!(["voice", "care"]));
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["care"], serde_json::json!({"type": "integer", "enum": [1, 2, 3, 4, 5]}));
        let fine = RubricSpec { low: 0.0, high: 0.5, ..rubric() };
        assert_eq!(
            super::schema(&fine)["properties"]["care"],
            serde_json::json!({"type": "number", "minimum": 0.0, "maximum": 0.5})
        );
        assert_eq!(levels(&fine), None);
    }
}
