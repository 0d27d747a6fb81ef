//! Collecting what no run names: records, their objects, drafts. The only thing that removes from a store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::objects::remove;
use super::records::keys_in;
use super::{Lock, Store, StoreError, disk};
use crate::digest::Digest;
use crate::kept::Kept;
use crate::key::TaskKey;
use crate::report::RunReport;

/// What was (or would be) removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Forgotten because they are older than those that are to stay.
    pub runs: usize,
    pub records: usize,
    pub objects: usize,
    pub drafts: usize,
    /// Answers of evaluations, kept to save time alone.
    pub memos: usize,
    pub bytes: u64,
}

/// Keeps what a run names, what every task id came to last (a run that was killed names nothing), runs, sources and what judges far away were
/// paid for; removes all else. With `keep` (≥ 1), runs but the last so many of each experiment and engine are forgotten first. With `dry`,
/// only counts.
///
/// # Errors
/// [`StoreError::InUse`] while a run is going on, and when the disk is in the way.
pub fn collect(store: &Store, keep: Option<usize>, dry: bool) -> Result<Collected, StoreError> {
    if !store.root().exists() {
        return Ok(Collected::default());
    }
    store.version()?;
    let path = store.root().join("store.lock");
    let Some(_lock) = Lock::try_exclusive(&path)? else {
        return Err(StoreError::InUse { path });
    };

    let mut found = Collected::default();
    let mut kept = BTreeSet::new();
    let mut objects = BTreeSet::new();
    let mut later: BTreeMap<(String, String), usize> = BTreeMap::new();
    for run in store.runs().into_iter().rev() {
        // One that cannot be read is its owner's to look at; it names nothing that could be known.
        let Ok(Some(report)) = RunReport::read(store, &run) else { continue };
        let rank = later.entry((report.experiment.name, report.engine)).or_default();
        *rank += 1;
        if keep.is_some_and(|keep| *rank > keep.max(1)) {
            found.runs += 1;
            take(&store.run_folder(&run), dry, &mut found)?;
        } else {
            kept.extend(report.tasks.iter().filter_map(|task| task.key));
            // The texts of its program, for those who ask later what it ran.
            objects.extend(report.program.iter().flat_map(Kept::objects));
        }
    }
    for history in files_below(&store.root().join("history"))? {
        kept.extend(keys_in(&history).last().copied());
    }
    for key in &kept {
        match store.read_record(key) {
            Ok(record) => {
                objects.extend(record.iter().flat_map(|record| record.artifacts.values()).map(|one| one.digest))
            }
            // It says nothing of what it names, and the next run makes it again.
            Err(StoreError::Unreadable { .. }) => {}
            Err(why) => return Err(why),
        }
    }

    // Records first: an object may go only when no record names it.
    for path in entries(&store.root().join("records"))? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let key = name.split('.').next().and_then(|key| key.parse::<Digest>().ok()).map(TaskKey);
        // What a kill left of a record that was being written.
        let torn = name.starts_with(".tmp");
        if torn || key.is_some_and(|key| !kept.contains(&key)) {
            found.records += usize::from(!torn && !name.ends_with(".key.yaml"));
            take(&path, dry, &mut found)?;
        }
    }
    for shelf in entries(&store.root().join("objects"))? {
        for path in entries(&shelf)? {
            let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let digest = format!("{}{}", name(&shelf), name(&path)).parse::<Digest>().ok();
            if digest.is_some_and(|digest| !objects.contains(&digest)) {
                found.objects += 1;
                take(&path, dry, &mut found)?;
            }
        }
    }
    for path in entries(&store.root().join("drafts"))? {
        // A run that was stopped goes on from it.
        let key = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<Digest>().ok());
        if key.is_some_and(|key| kept.contains(&TaskKey(key))) {
            continue;
        }
        found.drafts += 1;
        take(&path, dry, &mut found)?;
    }
    // They only save time, and nobody knows which of them will be asked for again.
    for path in entries(&store.root().join("memos"))? {
        found.memos += 1;
        take(&path, dry, &mut found)?;
    }
    if !dry {
        remove(&store.root().join("locks"))?;
    }
    Ok(found)
}

fn take(path: &Path, dry: bool, found: &mut Collected) -> Result<(), StoreError> {
    found.bytes += size(path)?;
    if dry { Ok(()) } else { remove(path) }
}

fn size(path: &Path) -> Result<u64, StoreError> {
    if path.is_dir() {
        return files_below(path)?.iter().map(|file| size(file)).sum();
    }
    Ok(fs::metadata(path).map_err(disk(path))?.len())
}

/// What a folder holds, sorted; nothing when it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(disk(folder))? {
        paths.push(entry.map_err(disk(folder))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
