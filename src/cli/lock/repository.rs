//! A commit of a repository elsewhere, by the user's own git: with what it knows of them, and nothing checked out, so no hook, no filter
//! and no link of a stranger comes to act.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use mascot_lang::address::is_commit;

use super::fetch::MOST_BYTES;

pub struct Repository {
    folder: tempfile::TempDir,
    commit: String,
}

impl Repository {
    /// Fetches one commit, without its history where the other side gives it so.
    ///
    /// # Errors
    /// What git says.
    pub fn fetch(url: &str, revision: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|why| format!("a folder for it: {why}"))?;
        git(folder.path(), &["init", "--quiet", "--bare"])?;
        let scheme = url.split("://").next().unwrap_or_default();
        let allowed = format!("protocol.{scheme}.allow=always");
        let options = [
            // Whatever is configured or redirected to: only the way that is written.
            "-c",
            "protocol.allow=never",
            "-c",
            &allowed,
            "-c",
            "http.followRedirects=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "gc.auto=0",
            "-c",
            "http.lowSpeedLimit=1000",
            "-c",
            "http.lowSpeedTime=30",
        ];
        let fetch = |more: &[&str]| {
            let quiet = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph"];
            git(folder.path(), &[&options[..], &quiet, more].concat())
        };
        let wanted = format!("{revision}^{{commit}}");
        let parse = |name: &str| git(folder.path(), &["rev-parse", "--verify", "--quiet", "--end-of-options", name]);
        let told = match fetch(&["--depth=1", "--", url, revision]) {
            Ok(_) => parse("FETCH_HEAD^{commit}"),
            // Not every server gives a commit by its id, and none gives one by half of it: then all that it has.
            Err(told) => match fetch(&["--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]) {
                Ok(_) => parse(&wanted).map_err(|_| format!("it has no revision `{revision}`")),
                Err(_) => Err(told),
            },
        };
        let commit = String::from_utf8_lossy(&told?).trim().to_owned();
        if !is_commit(&commit) {
            return Err(format!("git names no commit for `{revision}`"));
        }
        Ok(Self { folder, commit })
    }

    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// A regular file of the commit. Links are not followed: what they lead to is another file, or none.
    ///
    /// # Errors
    /// In words.
    pub fn file(&self, path: &str) -> Result<Vec<u8>, String> {
        let listed = git(self.folder.path(), &["ls-tree", "-z", "--long", "--full-tree", &self.commit, "--", path])?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        // `100644 blob ID SIZE<tab>PATH<nul>`
        let entry = listed.split('\0').find_map(|line| line.split_once('\t').filter(|(_, name)| *name == path));
        let Some((head, _)) = entry else { return Err("no such file at that revision".to_owned()) };
        let [mode, "blob", id, size] = head.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err("it is no file at that revision".to_owned());
        };
        if !matches!(mode, "100644" | "100755") {
            return Err("it is a link, and links are not followed".to_owned());
        }
        if size.parse::<u64>().map_or(true, |size| size > MOST_BYTES) {
            return Err("it is larger than 1 MiB".to_owned());
        }
        git(self.folder.path(), &["cat-file", "blob", id])
    }
}

fn git(folder: &Path, args: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(args.iter().map(OsStr::new)).stdin(Stdio::null());
    // Nobody sits there to type a password, and a hook that calls us must not lend us its repository.
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALLOW_PROTOCOL"] {
        command.env_remove(name);
    }
    let output = command.output().map_err(|why| match why.kind() {
        std::io::ErrorKind::NotFound => "there is no `git` on this machine, which fetches it".to_owned(),
        _ => format!("git cannot be called: {why}"),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().map(str::trim).find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let line = line.or_else(|| told.lines().next()).unwrap_or("git failed");
    Err(format!("git: {}", line.trim_start_matches("fatal: ").trim_start_matches("error: ").trim()))
}
