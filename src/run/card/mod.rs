//! Character Cards (V1, V2, V3): what other programs keep a persona in, read and written.
//!
//! # Steps
//! 1. [`Card::read`]: bytes of a JSON file, a PNG (`envelope`) or a CHARX archive → the card's JSON, as it is.
//! 2. `import`: a card → a `.masc` file with one persona, and a sidecar: the card verbatim, with what was taken of it. Texts go through
//!    `macros`.
//! 3. `export`: a persona and its sidecar → a card. What was not changed in the `.masc` is written as the card had it, byte for byte, so
//!    that what the language cannot say (lorebooks, greetings, `extensions`) survives.
//!
//! May use: `mascot_lang` to check what it writes. Absent: files, the network. Assets of a card are neither fetched nor unpacked.

mod back;
mod envelope;
mod import;
mod macros;
mod numbers;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

pub use back::{Persona, Version, export};
pub use envelope::{embedded, refused_by_size};
pub use import::{Imported, import};

/// Larger cards are refused: files, and texts inside them once unpacked.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Why something is no card that can be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoCard(pub String);

impl NoCard {
    fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A card as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// All of it.
    pub json: Value,
    /// What was not read of where it came from.
    pub notes: Vec<String>,
}

impl Card {
    /// Reads a card by what its bytes begin with: a PNG, a zip (CHARX), else JSON.
    ///
    /// # Errors
    /// [`NoCard`].
    pub fn read(bytes: &[u8]) -> Result<Self, NoCard> {
        let (text, notes) = envelope::opened(bytes)?;
        let json: Value = serde_json::from_str(&numbers::kept(text.trim_start_matches('\u{feff}')))
            .map_err(|why| NoCard::because(format!("its JSON cannot be read: {why}")))?;
        let card = Self { json, notes };
        let fault = |what: &str| Err(NoCard::because(format!("it is JSON, and no character card: {what}")));
        match card.data() {
            None => fault("it has no `data`"),
            Some(data) if !matches!(data.get("name"), Some(Value::String(_))) => fault("it has no `name`"),
            Some(data) if text_fields(data).any(|field| !field.is_string() || numbers::is_kept(field)) => {
                fault("a text of it is no text")
            }
            Some(_) => Ok(card),
        }
    }

    /// `chara_card_v2`, `chara_card_v3`; a V1 card says nothing. Never what a stranger wrote there: it is shown, and written into a file.
    pub fn spec(&self) -> &'static str {
        match self.json.get("spec") {
            None => "chara_card_v1",
            Some(said) => ["chara_card_v2", "chara_card_v3"]
                .into_iter()
                .find(|known| said == known)
                .unwrap_or("a version unknown to mascot"),
        }
    }

    /// The fields: in `data`, or, of a V1 card, at the top.
    pub fn data(&self) -> Option<&Map<String, Value>> {
        match self.json.get("spec") {
            Some(_) => self.json["data"].as_object(),
            None => self.json.as_object(),
        }
    }

    fn text(&self, field: &str) -> &str {
        self.data().and_then(|data| data.get(field)?.as_str()).unwrap_or_default()
    }
}

/// Fields that every version has as texts.
const TEXTS: [&str; 6] = ["name", "description", "personality", "scenario", "first_mes", "mes_example"];

fn text_fields(data: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    TEXTS.iter().filter_map(|field| data.get(*field))
}

/// A document of a card as a file holds it: indented, its numbers as their author wrote them.
pub fn in_writing(document: &Value) -> String {
    numbers::given_back(&format!("{document:#}")) + "\n"
}

/// The sidecar of a card: all of it, and what the `.masc` took over.
pub(crate) fn sidecar(card: &Value, taken: &Persona) -> Value {
    json!({ "mascot": "card/1", "card": card, "taken": taken })
}
