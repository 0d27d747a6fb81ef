//! What stands in `{{ }}` in a card: `{{char}}` and `{{user}}` are slots here too; every other macro becomes plain text, and is told.

use std::collections::BTreeSet;

/// Texts without macros that the language does not have, and what became of them.
#[derive(Debug, Default)]
pub struct Macros {
    notes: BTreeSet<String>,
}

impl Macros {
    pub fn notes(self) -> impl Iterator<Item = String> {
        self.notes.into_iter()
    }

    /// The text with its slots as the language writes them.
    pub fn plain(&mut self, text: &str) -> String {
        let text = angled(&text.replace("\r\n", "\n").replace('\r', "\n"));
        let text: String = text.chars().filter(|one| !one.is_control() || matches!(one, '\n' | '\t')).collect();
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find("{{") {
            out.push_str(&rest[..at]);
            let Some(end) = closing(&rest[at..]) else {
                // Nothing closes it: it is text.
                out.push_str("{{");
                rest = &rest[at + 2..];
                continue;
            };
            out.push_str(&self.meant(&rest[at + 2..at + end]));
            rest = &rest[at + end + 2..];
        }
        out.push_str(rest);
        only_slots(&out)
    }

    fn meant(&mut self, inner: &str) -> String {
        let word = inner.trim();
        let lower = word.to_ascii_lowercase();
        let (name, argument) = lower.split_once(':').map_or((lower.as_str(), None), |(name, _)| {
            (name.trim(), word.split_once(':').map(|(_, argument)| argument))
        });
        match (name, argument) {
            ("char" | "bot", None) => "{{char}}".to_owned(),
            ("user", None) => "{{user}}".to_owned(),
            ("original", None) => {
                self.told("{{original}} was left out: there is no other prompt that it could stand for", String::new())
            }
            ("comment" | "hidden_key", Some(_)) => String::new(),
            _ if word.starts_with("//") => String::new(),
            ("random" | "pick", Some(choices)) => {
                let first = choices.split(',').next().unwrap_or_default().trim();
                let first = self.plain(first);
                self.told(
                    &format!("{{{{{name}:…}}}} became its first choice: a prompt here is the same each time"),
                    first,
                )
            }
            ("reverse", Some(text)) => self.plain(&text.chars().rev().collect::<String>()),
            _ => {
                let text = self.plain(word);
                self.told(&format!("{{{{{name}}}}} means nothing here, and was kept as text"), format!("{{{text}}}"))
            }
        }
    }

    fn told(&mut self, note: &str, text: String) -> String {
        self.notes.insert(note.to_owned());
        text
    }
}

/// What became text must not read as a slot beside what stands there already.
fn only_slots(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match ["{{char}}", "{{user}}"].into_iter().find(|slot| rest.starts_with(slot)) {
            Some(slot) => {
                out.push_str(slot);
                rest = &rest[slot.len()..];
            }
            None => {
                out.push_str("{ ");
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// `<USER>`, `<BOT>` and `<CHAR>`, as older cards write them.
fn angled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let slot = [("<user>", "{{user}}"), ("<bot>", "{{char}}"), ("<char>", "{{char}}")]
            .into_iter()
            .find(|(old, _)| rest.get(at..at + old.len()).is_some_and(|here| here.eq_ignore_ascii_case(old)));
        match slot {
            Some((old, new)) => {
                out.push_str(new);
                rest = &rest[at + old.len()..];
            }
            None => {
                out.push('<');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Where the `}}` of the `{{` at the beginning stands; macros nest.
fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"{{" => {
                depth += 1;
                // Deeper than anybody writes: text.
                if depth > 8 {
                    return None;
                }
                at += 2;
            }
            b"}}" => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
    None
}
