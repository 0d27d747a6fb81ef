//! Numbers of a card as they are written: JSON says nothing of their size, and a 64-bit float would change what a stranger's
//! extension holds. What a float does not give back stands as a marked text while we hold it.

use serde_json::Value;

/// From Unicode's private use, so that no text of a card begins so by accident.
const MARK: &str = "\u{e000}number:";

/// `json` with every number marked that would not come back as it is written.
pub fn kept(json: &str) -> String {
    let mut to = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => text(rest),
            '-' | '0'..='9' => rest.find(|one: char| !is_of_number(one)).unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if (first == '-' || first.is_ascii_digit()) && is_number(token) && !comes_back(token) {
            to.extend(["\"", MARK, token, "\""]);
        } else {
            to.push_str(token);
        }
        rest = after;
    }
    to
}

/// The numbers of [`kept`] as they were.
pub fn given_back(json: &str) -> String {
    let opener = format!("\"{MARK}");
    let mut parts = json.split(opener.as_str());
    let mut to = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('"').filter(|(number, _)| is_number(number)) {
            Some((number, after)) => to.extend([number, after]),
            None => to.extend([opener.as_str(), part]),
        }
    }
    to
}

/// Whether a value stands for a number.
pub fn is_kept(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(MARK))
}

fn is_of_number(one: char) -> bool {
    one.is_ascii_digit() || matches!(one, '+' | '-' | '.' | 'e' | 'E')
}

fn comes_back(number: &str) -> bool {
    serde_json::from_str::<Value>(number).is_ok_and(|value| format!("{value}") == number)
}

/// The length of the text in quotes that `json` begins with.
fn text(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

/// RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    fn digits(text: &str) -> &str {
        text.trim_start_matches(|one: char| one.is_ascii_digit())
    }
    let whole = text.strip_prefix('-').unwrap_or(text);
    let rest = match whole.strip_prefix('0') {
        Some(rest) => rest,
        None => digits(whole),
    };
    if rest.len() == whole.len() {
        return false;
    }
    let rest = match rest.strip_prefix('.') {
        Some(part) if digits(part).len() < part.len() => digits(part),
        Some(_) => return false,
        None => rest,
    };
    match rest.strip_prefix(['e', 'E']) {
        Some(power) => {
            let power = power.strip_prefix(['+', '-']).unwrap_or(power);
            !power.is_empty() && digits(power).is_empty()
        }
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_as_it_is_written() {
        let json =
            r#"{"a":123456789012345678901234567890,"b":[-0,-0.0,1e-05,1E400,0.10,7,2.5],"c":"1e-05 \" 0.10","d":1.0}"#;
        let held: Value = serde_json::from_str(&kept(json)).unwrap();
        assert_eq!(given_back(&serde_json::to_string(&held).unwrap()), json);
        assert!(is_kept(&held["a"]) && is_kept(&held["b"][3]) && held["b"][5] == 7 && held["b"][6] == 2.5);
        assert!(!is_kept(&held["c"]));
    }

    #[test]
    fn what_is_no_number_is_left_to_the_reader() {
        for json in ["[01]", "[1.]", "[--1]", "[1e]", "[+1]", "\"open 1e-05", "{\"a\":1e5e5}"] {
            assert_eq!(kept(json), json, "{json}");
        }
        // A text that only looks like one of ours stays a text.
        let odd = format!("[\"{MARK}no\",\"{MARK}1\\\"x\"]");
        assert_eq!(given_back(&odd), odd);
    }
}
