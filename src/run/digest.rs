//! Names for bytes, and the one encoding in which a request becomes bytes. Uses nothing else of this package.
//!
//! Two hashes, each where it belongs: what mascot makes (artifacts, keys) is named by BLAKE3; what comes from outside (weights,
//! data) by SHA-256, because that is how the world pins it: a source with a `sha256:` can then be keyed before it is fetched.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sha2::Digest as _;

/// 256 bits, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// BLAKE3.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// BLAKE3 of [`canonical`].
    pub fn of_document(document: &Value) -> Self {
        Self::of(canonical(document).as_bytes())
    }

    /// BLAKE3 of a file's content, and its length.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<(Self, u64)> {
        let mut hasher = blake3::Hasher::new();
        let bytes = stream(path, |chunk| {
            hasher.update(chunk);
        })?;
        Ok((Self(*hasher.finalize().as_bytes()), bytes))
    }

    /// Enough of it to be told apart by a person.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }

    pub(crate) fn first_u64(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("eight of thirty-two bytes"))
    }
}

impl Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Digest({})", self.short())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no digest: 64 hexadecimal digits are");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// SHA-256 of a file's content, as `sha256sum` prints it, and its length.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of_file(path: &Path) -> io::Result<(String, u64)> {
    let mut hasher = sha2::Sha256::new();
    let bytes = stream(path, |chunk| hasher.update(chunk))?;
    Ok((hex(&hasher.finalize()), bytes))
}

/// SHA-256 of bytes.
pub fn sha256_of(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

/// SHA-256 of text.
pub fn sha256(text: &str) -> String {
    hex(&sha2::Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn stream(path: &Path, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(total),
            read => {
                take(&buffer[..read]);
                total += read as u64;
            }
        }
    }
}

/// JSON without spaces, keys sorted by their bytes, and one way to write a number: whole ones below 2⁵³ without a fraction
/// (`1.0` is `1`, `-0.0` is `0`), all others by the fewest digits that read back as the same `f64`, with an exponent (`2.5e-1`).
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => text.push_str(&canonical_number(number)),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (at, (name, value)) in fields.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

fn canonical_number(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if !number.is_i64() && !number.is_u64() => match whole(value) {
            Some(whole) => whole.to_string(),
            None => format!("{value:e}"),
        },
        _ => number.to_string(),
    }
}

/// A float that counts something, as the integer that it is.
pub(crate) fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2⁵³
    (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_numbers_have_one_spelling() {
        let one = json!({"b": 1.0, "a": [0.1, -0.0, 1e-5, 3], "c": {"z": null, "y": "ä\n"}});
        let two = json!({"c": {"y": "ä\n", "z": null}, "a": [0.1, 0, 0.00001, 3.0], "b": 1});
        assert_eq!(canonical(&one), r#"{"a":[1e-1,0,1e-5,3],"b":1,"c":{"y":"ä\n","z":null}}"#);
        assert_eq!(canonical(&one), canonical(&two));
    }

    #[test]
    fn seeds_keep_all_their_bits() {
        assert_eq!(canonical(&json!(u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn a_digest_reads_back() {
        let digest = Digest::of(b"mascot");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<Digest>().is_err());
    }
}
