//! Where `use "…"` leads: beside the file that says it, into the embedded library, or far away, to a git revision or an archive.
//!
//! Uses nothing else of this package. Absent: reading. What is far away is brought by `mascot lock` alone; see [`crate::lock`].

use std::fmt;

/// A file in a tree that lies elsewhere. Written `git+https://HOST/REPO#REVISION:PATH` or `https://HOST/FILE#sha256:DIGEST:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Far {
    pub tree: Tree,
    /// In the tree: no `..`, nothing hidden, `/` between its parts.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    Git {
        /// `https://…`, `ssh://…` or `file:///…`
        url: String,
        /// A commit, a tag or a branch; `mascot.lock` holds the commit that the latter two meant.
        revision: String,
    },
    Archive {
        url: String,
        /// Of the archive: 64 digits, lower case.
        sha256: String,
    },
}

/// An address that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// What is wrong with it, and what to write.
    Written { what: String, help: &'static str },
    /// Out of the tree in which the file lies that says it.
    Leaves,
}

const GIT: &str =
    "write `git+https://HOST/REPOSITORY.git#REVISION:path/in/it.masc`; the revision is a commit, a tag or a branch";
const ARCHIVE: &str =
    "write `https://HOST/ARCHIVE.tar.gz#sha256:DIGEST:path/in/it.masc`; `sha256sum ARCHIVE.tar.gz` prints the digest";
const FORMS: &str = "write a path beside this file, `std/…`, `git+https://HOST/REPOSITORY#REVISION:PATH` or \
                     `https://HOST/ARCHIVE#sha256:DIGEST:PATH`";

impl Far {
    /// Reads what stands in `use`; `None` for what is near.
    ///
    /// # Errors
    /// What is wrong with an address.
    pub fn parse(written: &str) -> Option<Result<Self, Wrong>> {
        is_far(written).then(|| Self::read(written))
    }

    fn read(written: &str) -> Result<Self, Wrong> {
        let (url, rest) = match written.split_once('#') {
            Some((url, rest)) => (url, Some(rest)),
            None => (written, None),
        };
        let git = url.strip_prefix("git+");
        let help = if git.is_some() { GIT } else { ARCHIVE };
        let wrong = |what: &str| Wrong::Written { what: what.to_owned(), help };
        let schemes: &[&str] =
            if git.is_some() { &["https://", "ssh://", "file:///"] } else { &["https://", "http://"] };
        let address = git.unwrap_or(url);
        let Some(scheme) = schemes.iter().find(|scheme| address.starts_with(**scheme)) else {
            let scheme = url.split("://").next().unwrap_or_default();
            return Err(Wrong::Written { what: format!("`{scheme}://` is no way to a file"), help: FORMS });
        };
        checked_url(scheme, &address[scheme.len()..]).map_err(|what| wrong(&what))?;
        let Some(rest) = rest else {
            return Err(wrong(if git.is_some() { "the revision is missing" } else { "the digest is missing" }));
        };
        let tree = match git {
            Some(url) => {
                let revision = rest.split(':').next().unwrap_or_default();
                if !is_revision(revision) {
                    return Err(wrong(&format!("`{revision}` is no revision")));
                }
                Tree::Git { url: url.to_owned(), revision: revision.to_owned() }
            }
            None => {
                let digest = rest.strip_prefix("sha256:").map(|rest| rest.split(':').next().unwrap_or_default());
                let Some(digest) = digest else {
                    return Err(wrong("after `#` stands the archive's digest, `sha256:…`"));
                };
                if !is_hex(digest, &[64]) {
                    return Err(wrong("the digest is not 64 hexadecimal digits"));
                }
                Tree::Archive { url: url.to_owned(), sha256: digest.to_ascii_lowercase() }
            }
        };
        let pinned = match &tree {
            Tree::Git { revision, .. } => revision.len(),
            Tree::Archive { .. } => "sha256:".len() + 64,
        };
        match rest[pinned..].strip_prefix(':') {
            None | Some("") => Err(wrong("the path in it is missing")),
            Some(path) => {
                inside(path).map_err(|what| wrong(&what))?;
                Ok(Self { tree, path: path.to_owned() })
            }
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Git { url, revision } => write!(out, "git+{url}#{revision}"),
            Tree::Archive { url, sha256 } => write!(out, "{url}#sha256:{sha256}"),
        }
    }
}

impl fmt::Display for Far {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.tree, self.path)
    }
}

/// Whether this leads away from the project. No path of a project holds `://`.
pub fn is_far(written: &str) -> bool {
    written.contains("://")
}

/// Where `written` leads from the file at `from`: `./b.masc` beside it, `std/…` into the embedded library, an address to itself. From a
/// far file a path stays in that file's tree.
///
/// # Errors
/// An address that is none, and a path out of a tree.
pub fn resolve(from: &str, written: &str) -> Result<String, Wrong> {
    if let Some(far) = Far::parse(written) {
        return Ok(far?.to_string());
    }
    if written.starts_with("std/") {
        return Ok(written.to_owned());
    }
    if is_far(from) {
        let from = Far::read(from)?;
        let path = joined(&from.path, written);
        return match inside(&path) {
            Ok(()) if !written.starts_with('/') => Ok(Far { tree: from.tree, path }.to_string()),
            _ => Err(Wrong::Leaves),
        };
    }
    Ok(if written.starts_with('/') { written.to_owned() } else { joined(from, written) })
}

/// How the file `from` would write the path of another in `use`: `./a.masc`, `../b/c.masc`.
pub fn between(from: &str, to: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split('/').collect(), to.split('/').collect());
    let most = from.len().min(to.len()) - 1;
    let shared = from[..most].iter().zip(&to[..most]).take_while(|(one, other)| one == other).count();
    let up = from.len() - 1 - shared;
    let start = if up == 0 { "./".to_owned() } else { "../".repeat(up) };
    start + &to[shared..].join("/")
}

/// `written`, from the folder of `from`.
fn joined(from: &str, written: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && !last.is_empty()) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Whether a path names one file in a tree, on every system, and nothing hidden: what is unpacked must not become a `.git`.
///
/// # Errors
/// In words.
pub fn inside(path: &str) -> Result<(), String> {
    let is_plain = |character: char| !character.is_control() && !matches!(character, '\\' | ':' | '"' | '#');
    if path.len() > 500 || !path.chars().all(is_plain) {
        return Err("the path in it holds a sign that not every system knows".to_owned());
    }
    for part in path.split('/') {
        match part {
            "" => return Err("the path in it begins or ends with `/`, or holds `//`".to_owned()),
            ".." | "." => return Err("the path in it climbs".to_owned()),
            part if part.starts_with('.') => return Err(format!("`{part}` is hidden")),
            part if part.ends_with([' ', '.']) => return Err(format!("`{part}` is no name on every system")),
            _ => {}
        }
    }
    Ok(())
}

/// A whole commit id.
pub fn is_commit(revision: &str) -> bool {
    is_hex(revision, &[40, 64])
}

fn is_hex(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// As git reads one, less what it would compute (`@{1}`, `~3`) and what it would take for an option.
fn is_revision(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b'+');
    !text.is_empty() && text.bytes().all(plain) && !text.starts_with(['-', '/', '.']) && !text.contains("..")
}

/// `rest` is what follows the scheme. Strict, so that every client reads it alike.
fn checked_url(scheme: &str, rest: &str) -> Result<(), String> {
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = match authority.rsplit_once('@') {
        Some((user, host)) if scheme == "ssh://" && is_name(user) => host,
        Some(_) => return Err("a user name or password has no place in it".to_owned()),
        None => authority,
    };
    // One that begins with `-` would be an option of what connects.
    let is_host = |host: &str| {
        host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
    };
    if scheme != "file:///" && !is_host(host) {
        return Err(format!("`{host}` is no host"));
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !br#"\?"'<>`{}|^"#.contains(&byte);
    if !path.bytes().all(plain) || !authority.bytes().all(plain) || path.split('/').any(|part| part == "..") {
        return Err("after the host only a plain path may stand".to_owned());
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

    #[test]
    fn an_address_reads_as_it_is_written() {
        for written in [
            "git+https://example.org/team/companions.git#v2:personas/anchor.masc".to_owned(),
            "git+ssh://git@example.org:2222/companions#feature/x:a.masc".to_owned(),
            "git+file:///srv/repo.git#0f3a:a.masc".to_owned(),
            format!("https://example.org/a/x.tar.gz#sha256:{DIGEST}:x-1/a.masc"),
            format!("http://127.0.0.1:8080/x.zip#sha256:{DIGEST}:a.masc"),
        ] {
            let far = Far::parse(&written).unwrap().unwrap();
            assert_eq!(far.to_string(), written);
        }
        for near in ["./a.masc", "a.masc", "../a.masc", "std/personas.masc", "/abs.masc"] {
            assert_eq!(Far::parse(near), None, "{near}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let archive = |rest: &str| format!("https://example.org/x.zip#sha256:{DIGEST}{rest}");
        for written in [
            "ftp://example.org/x#y:z".to_owned(),
            "git+http://example.org/x#y:z".to_owned(),
            "git+https://example.org/x".to_owned(),
            "git+https://example.org/x#main".to_owned(),
            "git+https://example.org/x#main:".to_owned(),
            "git+https://example.org/x#--upload-pack=x:a".to_owned(),
            "git+https://example.org/x#HEAD~1:a.masc".to_owned(),
            "git+https://example.org/x#a..b:a.masc".to_owned(),
            "git+https:///x#main:a.masc".to_owned(),
            "git+https://me:s3cr3t@example.org/x#main:a.masc".to_owned(),
            "git+https://example.org/x?token=1#main:a.masc".to_owned(),
            "git+ssh://-oProxyCommand=x/y#main:a.masc".to_owned(),
            "git+https://example.org/x#main:../a.masc".to_owned(),
            "git+https://example.org/x#main:/a.masc".to_owned(),
            "git+https://example.org/x#main:.git/config".to_owned(),
            "git+https://example.org/x#main:a\\b.masc".to_owned(),
            "https://example.org/x.zip#main:a.masc".to_owned(),
            "https://example.org/x.zip#sha256:12:a.masc".to_owned(),
            archive(""),
            archive(":"),
            archive(":a/../b.masc"),
        ] {
            assert!(matches!(Far::parse(&written), Some(Err(Wrong::Written { .. }))), "{written}");
        }
        let Some(Err(Wrong::Written { what, .. })) = Far::parse("git+https://me:s3cr3t@example.org/x#main:a") else {
            panic!("it is refused")
        };
        assert!(!what.contains("s3cr3t"));
    }

    #[test]
    fn a_far_file_stays_in_its_tree() {
        let from = "git+https://example.org/x.git#v1:lib/a.masc";
        let to = |written: &str| resolve(from, written);
        assert_eq!(to("./b.masc").unwrap(), "git+https://example.org/x.git#v1:lib/b.masc");
        assert_eq!(to("../c.masc").unwrap(), "git+https://example.org/x.git#v1:c.masc");
        assert_eq!(to("std/personas.masc").unwrap(), "std/personas.masc");
        for written in ["../../c.masc", "/etc/passwd", "./.git/config", "..", "a\\..\\b"] {
            assert_eq!(to(written), Err(Wrong::Leaves), "{written}");
        }
        assert_eq!(resolve("a/b.masc", "../c.masc").unwrap(), "c.masc");
        assert_eq!(resolve("a/b.masc", "../../c.masc").unwrap(), "../c.masc");
    }
}
