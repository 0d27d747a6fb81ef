//! What a pack says of itself: its files with their digests, and what is needed beside them. Plain data; a field may be added, never renamed.

use std::collections::BTreeSet;

use mascot_lang::address::inside;
use mascot_lang::lock;
use serde::{Deserialize, Serialize};

/// The manifest's own name in the pack, its first entry.
pub const NAME: &str = "mascot.pack.json";

/// Of this layout; a newer one is refused.
pub const VERSION: u32 = 1;

/// Where content that has no place in a project lies: on the shelves of the store, where a run looks for it.
pub const SHELVES: &str = ".mascot/sources/";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub mascot_pack: u32,
    /// The mascot that made it.
    pub mascot: String,
    /// The main file.
    pub program: String,
    /// Sorted by path.
    pub files: Vec<File>,
    /// What the program opens and the pack has not.
    pub needs: Vec<Need>,
    /// Environment variables whose values are secrets: names alone.
    pub secrets: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct File {
    /// From the root.
    pub path: String,
    pub kind: Kind,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Program,
    Import,
    Text,
    Lock,
    Data,
    Weights,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Need {
    pub kind: Kind,
    /// As an author writes it.
    pub source: String,
    /// `sha256:…`, where it is known.
    pub digest: Option<String>,
    pub why: String,
}

/// Whether a file of a pack may lie at `path`: in the project, and nothing that acts when it is there. Hidden files are such (`.git`,
/// `.envrc`); so is a store's record, which a run would recall, and a shelf's pointer, which leads elsewhere.
///
/// # Errors
/// In words.
pub fn is_place(path: &str) -> Result<(), String> {
    if path == lock::FILE {
        return Ok(());
    }
    match path.strip_prefix(SHELVES) {
        Some(rest) => {
            inside(rest)?;
            let depth = rest.split('/').count();
            if depth < 3 {
                return Err("it lies on a shelf, and not in one of its folders".to_owned());
            }
            Ok(())
        }
        None => inside(path),
    }
}

/// Two names that one file system takes for the same, if there are.
pub fn collision<'a>(paths: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    let mut paths = paths;
    paths.find(|path| !seen.insert(path.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_place_in_the_project_and_nowhere_else() {
        for path in
            ["a.masc", "experiments/data/lines.jsonl", "mascot.lock", ".mascot/sources/hf/org%2Fname@main/config.json"]
        {
            assert_eq!(is_place(path), Ok(()), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "C:a",
            ".git/config",
            "a/.git/hooks/post-checkout",
            ".envrc",
            ".gitattributes",
            ".mascot/records/x.yaml",
            ".mascot/sources/hf/x.path",
            ".mascot/sources/a",
            ".mascot/sources/hf/../../x/y",
            "a\0b",
            "a\nb",
        ] {
            assert!(is_place(path).is_err(), "{path:?}");
        }
        assert_eq!(collision(["a/b", "A/B", "c"].into_iter()), Some("A/B"));
        assert_eq!(collision(["a/b", "a", "c"].into_iter()), None);
    }
}
