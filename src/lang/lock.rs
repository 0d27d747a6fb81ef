//! `mascot.lock` as text: what the programs of a project are made of, one sorted line an entry.
//!
//! ```text
//! git git+https://example.org/companions.git#v2 commit:0f3a…
//! import experiments/companions.masc sha256:…
//! import git+https://example.org/companions.git#v2:anchor.masc sha256:…
//! program experiments/quickstart.masc
//! text experiments/voices/anchor.md sha256:…
//! tokenizer file("models/base") sha256:…
//! weights file("models/base") sha256:…
//! ```
//!
//! Lines are independent: two branches merge by union, and a merge that leaves two pins for one entry is told, not guessed. Uses
//! [`crate::address`]. Absent: reading files, and the question whether a program agrees with its lock (`check/locked.rs`).

use std::collections::BTreeSet;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::address::{Far, Tree, is_commit};

/// The file's name, in the root.
pub const FILE: &str = "mascot.lock";

/// The folder of the root where what was fetched is kept. It is meant to be committed.
pub const VENDOR: &str = "vendor";

/// What stands above the entries: a comment sorts before any of them.
const HEAD: &str = "# What the programs here are made of. `mascot lock` writes it; commit it. Merges by union.\n";

/// Alphabetical, as the lines are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The commit that a revision meant.
    Git,
    Import,
    /// A main file, of which the other entries are. Without a pin.
    Program,
    Text,
    Tokenizer,
    Weights,
}

impl Kind {
    const ALL: [Kind; 6] = [Kind::Git, Kind::Import, Kind::Program, Kind::Text, Kind::Tokenizer, Kind::Weights];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Git => "git",
            Kind::Import => "import",
            Kind::Program => "program",
            Kind::Text => "text",
            Kind::Tokenizer => "tokenizer",
            Kind::Weights => "weights",
        }
    }

    fn pin(self) -> Option<&'static str> {
        match self {
            Kind::Program => None,
            Kind::Git => Some("commit:"),
            Kind::Import | Kind::Text | Kind::Tokenizer | Kind::Weights => Some("sha256:"),
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub kind: Kind,
    /// A path from the root, an address, or a source as an author writes it.
    pub name: String,
    /// `sha256:…` or `commit:…`; empty for a program.
    pub pin: String,
    /// What was fetched was edited here, and that was accepted: it cannot be fetched again.
    pub edited: bool,
}

impl Entry {
    pub fn new(kind: Kind, name: impl Into<String>, pin: impl Into<String>) -> Self {
        Self { kind, name: name.into(), pin: pin.into(), edited: false }
    }

    pub fn line(&self) -> String {
        let mut line = format!("{} {}", self.kind.word(), self.name);
        if !self.pin.is_empty() {
            line = format!("{line} {}", self.pin);
        }
        if self.edited { format!("{line} edited") } else { line }
    }

    fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
        let Some(scheme) = kind.pin() else {
            return Some(Self::new(kind, rest.trim(), "")).filter(|entry| !entry.name.is_empty());
        };
        let (rest, edited) = match rest.strip_suffix(" edited") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (name, pin) = rest.rsplit_once(' ')?;
        let digits = pin.strip_prefix(scheme)?;
        let is_pin = is_commit(digits) && (kind == Kind::Git || digits.len() == 64);
        let entry = Self { kind, name: name.trim().to_owned(), pin: pin.to_owned(), edited };
        (is_pin && !entry.name.is_empty()).then_some(entry)
    }
}

/// A lock file, read.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// Entries and where their lines stand, in the order of the file.
    pub lines: Vec<(Range<usize>, Entry)>,
    /// Lines that are no entry.
    pub faulty: Vec<Range<usize>>,
}

impl Lock {
    pub fn parse(text: &str) -> Self {
        let mut lock = Self::default();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let written = line.trim_end();
            let range = start..start + written.len();
            start += line.len();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            match Entry::parse(written) {
                Some(entry) => lock.lines.push((range, entry)),
                None => lock.faulty.push(range),
            }
        }
        lock
    }

    /// Every entry once, sorted.
    pub fn entries(&self) -> BTreeSet<Entry> {
        self.lines.iter().map(|(_, entry)| entry.clone()).collect()
    }

    /// The entries of this name: one, or several after a merge that did not settle which.
    pub fn find(&self, kind: Kind, name: &str) -> BTreeSet<&Entry> {
        self.lines.iter().map(|(_, entry)| entry).filter(|entry| entry.kind == kind && entry.name == name).collect()
    }

    /// The commit that a tree of git is read at.
    pub fn commit<'a>(&'a self, tree: &'a Tree) -> Option<&'a str> {
        let Tree::Git { revision, .. } = tree else { return None };
        if is_commit(revision) {
            return Some(revision);
        }
        let known = self.find(Kind::Git, &tree.to_string());
        // Two are told by the check; no guess is made here.
        let [one] = known.into_iter().collect::<Vec<_>>()[..] else { return None };
        one.pin.strip_prefix("commit:")
    }

    /// Where in the root a far file is kept; `None` when the lock does not say which commit is meant.
    pub fn place(&self, far: &Far) -> Option<String> {
        Some(match &far.tree {
            Tree::Archive { sha256, .. } => format!("{VENDOR}/sha256/{sha256}/{}", far.path),
            Tree::Git { .. } => {
                format!("{VENDOR}/git/{}/{}", self.commit(&far.tree)?.to_ascii_lowercase(), far.path)
            }
        })
    }
}

/// A lock file's text: sorted as `LC_ALL=C sort` sorts lines.
pub fn text(entries: &BTreeSet<Entry>) -> String {
    let mut lines: Vec<String> = entries.iter().map(Entry::line).collect();
    lines.sort();
    let lines: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
    format!("{HEAD}{lines}")
}

/// What pins a text: SHA-256 with its line ends as LF, so that a checkout on another system has the same.
pub fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text.replace("\r\n", "\n").as_bytes());
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_sorted_lines_and_reads_as_it_was_written() {
        let commit = "0".repeat(40);
        let pin = digest("hello\r\n");
        // printf 'hello\n' | sha256sum
        assert_eq!(pin, "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
        let entries: BTreeSet<Entry> = [
            Entry::new(Kind::Weights, "wheel(\"a==1\", \"b c\")", pin.clone()),
            Entry::new(Kind::Program, "with blanks/main.masc", ""),
            Entry::new(Kind::Import, "b.masc", pin.clone()),
            Entry { edited: true, ..Entry::new(Kind::Import, "a b.masc", pin.clone()) },
            Entry::new(Kind::Git, "git+https://example.org/x#v1", format!("commit:{commit}")),
        ]
        .into();
        let written = text(&entries);
        let mut sorted: Vec<&str> = written.lines().collect();
        sorted.sort_unstable();
        assert_eq!(sorted, written.lines().collect::<Vec<_>>());
        let read = Lock::parse(&written);
        assert_eq!(read.entries(), entries);
        assert!(read.faulty.is_empty());
    }

    #[test]
    fn a_merge_by_union_reads_and_other_lines_are_told() {
        let (one, two) = (digest("one"), digest("two"));
        let text = format!(
            "import a.masc {one}\r\nimport a.masc {one}\nimport b.masc {one}\nimport b.masc {two}\n<<<<<<< ours\n\nimport c.masc\nprogram \n"
        );
        let lock = Lock::parse(&text);
        assert_eq!(lock.find(Kind::Import, "a.masc").len(), 1);
        assert_eq!(lock.find(Kind::Import, "b.masc").len(), 2);
        let faulty: Vec<&str> = lock.faulty.iter().map(|range| &text[range.clone()]).collect();
        assert_eq!(faulty, ["<<<<<<< ours", "import c.masc", "program"]);
    }

    #[test]
    fn a_far_file_has_a_place_by_content() {
        let commit = "a".repeat(40);
        let lock = Lock::parse(&format!("git git+https://example.org/x#v1 commit:{commit}\n"));
        let far = |written: &str| Far::parse(written).unwrap().unwrap();
        assert_eq!(
            lock.place(&far("git+https://example.org/x#v1:p/a.masc")).unwrap(),
            format!("vendor/git/{commit}/p/a.masc")
        );
        assert_eq!(lock.place(&far("git+https://example.org/x#v2:a.masc")), None);
        let own = format!("git+https://example.org/x#{commit}:a.masc");
        assert_eq!(lock.place(&far(&own)).unwrap(), format!("vendor/git/{commit}/a.masc"));
    }
}
