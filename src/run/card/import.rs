//! A card → a `.masc` file with one persona, and its sidecar.

use std::fmt::Write as _;

use mascot_lang::editor::names::is_name;
use mascot_lang::format::{Refusal, format};
use mascot_lang::program::{EntityKind, Program};
use mascot_lang::source::{Alone, FileId};
use serde_json::Value;

use super::back::{Example, Persona};
use super::macros::Macros;
use super::{Card, NoCard, in_writing, sidecar};

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The persona's identifier, from the card's name.
    pub name: String,
    /// In the one style; it checks.
    pub masc: String,
    /// Goes beside it as `NAME.card.json`.
    pub sidecar: String,
    /// What the language cannot say and where it is kept; what became of macros.
    pub notes: Vec<String>,
}

/// Fields of a card that stay in the sidecar, where they hold anything.
const KEPT: [(&str, &str); 13] = [
    ("first_mes", "the first message"),
    ("alternate_greetings", "other greetings"),
    ("group_only_greetings", "greetings of groups"),
    ("post_history_instructions", "instructions after the history"),
    ("creator_notes", "notes of its creator"),
    ("creator_notes_multilingual", "notes of its creator in other languages"),
    ("character_book", "a lorebook"),
    ("assets", "assets, which were not fetched"),
    ("extensions", "extensions"),
    ("tags", "tags"),
    ("creator", "its creator"),
    ("character_version", "its version"),
    ("source", "its source"),
];

/// # Errors
/// [`NoCard`] when no `.masc` can be written of it.
pub fn import(card: &Card) -> Result<Imported, NoCard> {
    let mut macros = Macros::default();
    let title = one_line(&macros.plain(nickname(card).unwrap_or_else(|| card.text("name"))));
    let title = if title.is_empty() { "Nameless".to_owned() } else { title };
    let (examples, unread) = examples(card.text("mes_example"), &title, &mut macros);
    let own = |field: &str| card.data().and_then(|data| data.get("extensions")?.get("mascot")?.get(field));
    let persona = Persona {
        title,
        role: own("role")
            .and_then(Value::as_str)
            .map(|role| one_line(&macros.plain(role)))
            .filter(|role| !role.is_empty()),
        voice: voice(card, &mut macros),
        never: own("never")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|one| one_line(&macros.plain(one)))
            .filter(|one| !one.is_empty())
            .collect(),
        examples,
    };
    let name = identifier(&persona.title);
    let text = written(&name, card.spec(), &persona);
    let masc = match format(FileId(0), &text) {
        Ok(masc) => masc,
        Err(Refusal::Faulty(found)) => {
            let first = found.sorted().first().map_or(String::new(), |one| one.message.clone());
            return Err(NoCard::because(format!("no `.masc` can hold it: {first}")));
        }
        Err(Refusal::Changed) => return Err(NoCard::because("it cannot be formatted; this is a bug in mascot")),
    };
    // What was taken is what the file says when it is read again.
    let checked = mascot_lang::check(&Alone { path: "card.masc", text: &masc }, "card.masc", &[]);
    let taken = match checked.program.as_ref().and_then(|program| Persona::of(program, &name)) {
        Some(taken) => taken,
        None => {
            let first = checked.diagnostics.sorted().first().map_or(String::new(), |one| one.message.clone());
            return Err(NoCard::because(format!("no `.masc` can hold it: {first}")));
        }
    };
    let mut notes = card.notes.clone();
    let data = card.data().expect("a card that was read has its fields");
    let holds = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
        _ => true,
    };
    let kept: Vec<&str> =
        KEPT.iter().filter(|(field, _)| data.get(*field).is_some_and(holds)).map(|(_, what)| *what).collect();
    if !kept.is_empty() {
        notes.push(format!("kept in the sidecar, as it is: {}", kept.join(", ")));
    }
    if unread > 0 {
        notes.push(format!("{unread} example dialogue(s) have no line of {{{{user}}}} before one of {{{{char}}}}, and stay in the sidecar"));
    }
    notes.extend(macros.notes());
    let sidecar = in_writing(&sidecar(&card.json, &taken));
    Ok(Imported { name, masc, sidecar, notes })
}

/// V3: what `{{char}}` is, if it is not the name.
fn nickname(card: &Card) -> Option<&str> {
    card.data()?.get("nickname")?.as_str().filter(|name| !name.trim().is_empty())
}

/// What a model is told of the character, in the order in which front ends tell it.
fn voice(card: &Card, macros: &mut Macros) -> Option<String> {
    let parts =
        [("", "system_prompt"), ("", "description"), ("Personality: ", "personality"), ("Scenario: ", "scenario")];
    let part = |(head, field): (&str, &str)| {
        let text = macros.plain(card.text(field));
        (!text.trim().is_empty()).then(|| format!("{head}{}", text.trim_matches('\n')))
    };
    let parts: Vec<String> = parts.into_iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// `<START>`, then lines of `{{user}}:` and `{{char}}:`. How many dialogues hold none that could be taken.
fn examples(text: &str, title: &str, macros: &mut Macros) -> (Vec<Example>, usize) {
    let text = macros.plain(text);
    let mut found = Vec::new();
    let mut unread = 0;
    for dialogue in starts(&text).into_iter().filter(|dialogue| !dialogue.trim().is_empty()) {
        let turns = turns(dialogue, title);
        let before = found.len();
        found.extend(turns.windows(2).filter_map(|pair| match pair {
            [(false, given), (true, says)] if !given.is_empty() && !says.is_empty() => {
                Some(Example { given: given.clone(), says: says.clone() })
            }
            _ => None,
        }));
        unread += usize::from(found.len() == before);
    }
    (found, unread)
}

fn starts(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    for (at, mark) in lower.match_indices("<start>") {
        all.push(&text[from..at]);
        from = at + mark.len();
    }
    all.push(&text[from..]);
    all
}

/// Who speaks (whether the character), and what; a line without a speaker goes on.
fn turns(dialogue: &str, title: &str) -> Vec<(bool, String)> {
    let mut turns: Vec<(bool, String)> = Vec::new();
    for line in dialogue.lines() {
        let own = [format!("{title}:"), "{{char}}:".to_owned()];
        let said = line.trim_start();
        let own = own.iter().find_map(|head| said.strip_prefix(head.as_str())).map(|rest| (true, rest));
        match own.or_else(|| said.strip_prefix("{{user}}:").map(|rest| (false, rest))) {
            Some((who, rest)) => turns.push((who, rest.trim().to_owned())),
            None => {
                if let Some((_, text)) = turns.last_mut() {
                    let _ = write!(text, "\n{line}");
                }
            }
        }
    }
    turns.into_iter().map(|(who, text)| (who, text.trim().to_owned())).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name of the language out of one for people; never a word that it keeps (`none`, `and`).
fn identifier(title: &str) -> String {
    let mut name = String::new();
    for one in title.chars() {
        match one {
            one if one.is_ascii_alphanumeric() => name.push(one.to_ascii_lowercase()),
            _ if name.is_empty() || name.ends_with('_') => {}
            _ => name.push('_'),
        }
    }
    name.truncate(40);
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() && is_name(name) => name.to_owned(),
        Some(_) => format!("persona_{name}"),
        None => "character".to_owned(),
    }
}

fn written(name: &str, spec: &str, persona: &Persona) -> String {
    let mut text = format!(
        "masc 1\n\n# From a character card ({spec}); {name}.card.json beside this file keeps all of it.\n\
         #   mascot export FILE --persona {name} --card v2\n\npersona {name} {} {{\n",
        quoted(&persona.title)
    );
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name} = {value}");
    };
    if let Some(role) = &persona.role {
        field("role", &quoted(role));
    }
    if let Some(voice) = &persona.voice {
        field("voice", &prose(voice, 4));
    }
    if !persona.never.is_empty() {
        let all: Vec<String> = persona.never.iter().map(|one| quoted(one)).collect();
        field("never", &format!("[{}]", all.join(", ")));
    }
    for Example { given, says } in &persona.examples {
        let value = |text: &str| if text.contains('\n') { prose(text, 6) } else { quoted(text) };
        let _ = write!(text, "\n  example {{\n    given = {}\n    says = {}\n  }}\n", value(given), value(says));
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for one in text.chars() {
        match one {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            one => out.push(one),
        }
    }
    out + "\""
}

/// Between fences that are longer than any run of quotes in it.
fn prose(text: &str, indent: usize) -> String {
    let longest = text.split(|one| one != '"').map(str::len).max().unwrap_or(0);
    let (fence, indent) = ("\"".repeat(longest.max(2) + 1), " ".repeat(indent));
    let lines: String =
        text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") }).collect();
    format!("{fence}md\n{lines}{indent}{fence}")
}

impl Persona {
    /// A persona as a checked file has it.
    pub fn of(program: &Program, name: &str) -> Option<Self> {
        use mascot_lang::program::Value as Lang;

        let entity = program.of_kind(EntityKind::Persona).find(|persona| persona.name == name)?;
        let field = |name: &str| entity.fields.get(name).map(|field| &field.value);
        let text = |value: Option<&Lang>| match value {
            Some(Lang::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let never = match field("never") {
            Some(Lang::List(all)) => all.iter().filter_map(|one| text(Some(one))).collect(),
            _ => Vec::new(),
        };
        let examples = entity.children.iter().filter(|child| child.keyword == "example");
        let examples = examples.filter_map(|child| {
            let of = |name: &str| text(child.fields.get(name).map(|field| &field.value));
            Some(Example { given: of("given")?, says: of("says")? })
        });
        Some(Self {
            title: entity.title.clone().unwrap_or_else(|| entity.name.clone()),
            role: text(field("role")),
            voice: text(field("voice")),
            never,
            examples: examples.collect(),
        })
    }
}
