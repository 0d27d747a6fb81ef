//! A plan written to a file, and a run of such a file: the call comes out of it, and what has moved since is told.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use mascot_run::digest::Digest;
use mascot_run::plan::{Call, MARK, Saved};
use mascot_run::whole::{self, Care};

use super::args::{self, DeviceKind, EngineKind, Run, Selection};
use super::exit::Exit;
use super::prepare::Prepared;
use super::world::{self, in_words};
use super::{engines, render};

/// Writes the plan to `path`.
///
/// # Errors
/// [`Exit::CallWrong`] when it cannot be written; it has been said.
pub fn write(path: &Path, call: &args::Plan, prepared: &Prepared) -> Result<(), Exit> {
    let files = files(call.places.profile.as_deref(), prepared);
    let (version, made) = (format!("mascot {}", env!("CARGO_PKG_VERSION")), world::date(prepared.plan.places.now));
    let saved = Saved::of(&prepared.plan, &prepared.store, of_call(call, prepared), files, version, made);
    whole::write(path, saved.text().as_bytes(), Care::Moved).map_err(|why| {
        render::complain(&format!("{}: {}", path.display(), in_words(&why)), None);
        Exit::CallWrong
    })
}

/// Whether a file begins as a plan does.
pub fn is_plan(path: &Path) -> bool {
    let mut head = vec![0; MARK.len()];
    // Opening a pipe would wait for its other end.
    let is_read = path.is_file() && fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    is_read && head == MARK.as_bytes()
}

/// The plan that a file holds; `None` for a program.
///
/// # Errors
/// [`Exit::CallWrong`] for a plan that cannot be read; it has been said.
pub fn read(path: &Path) -> Result<Option<Saved>, Exit> {
    if !is_plan(path) {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(|why| in_words(&why));
    text.and_then(|text| Saved::read(&text)).map(Some).map_err(|why| {
        let help = "`mascot plan FILE --out PLAN` writes one; it is for reading, and not to be edited";
        render::complain(&format!("{}: this plan cannot be read: {why}", path.display()), Some(help));
        Exit::CallWrong
    })
}

/// The call that runs a saved plan: all that decides what is done comes out of the file, how it is shown out of `given`.
///
/// # Errors
/// [`Exit::CallWrong`] when arguments would change what was planned; it has been said.
pub fn call(saved: &Saved, given: &Run) -> Result<Run, Exit> {
    let args::Plan { selection, places, until, allow, .. } = &given.plan;
    let Selection { variant, sweep, all, set } = selection;
    let places_given = [&places.profile, &places.store, &places.root].iter().any(|place| place.is_some());
    let chooses = !variant.is_empty() || !sweep.is_empty() || *all || !set.is_empty() || until.is_some();
    if chooses || places_given || !allow.is_empty() {
        let help = "run it as it is, or plan anew with these arguments";
        render::complain("a plan has its own points, values, places and grants", Some(help));
        return Err(Exit::CallWrong);
    }
    let Call { file, root, store, profile, variants, sweeps, all, set, until, allow, engine, device, threads } =
        saved.call.clone();
    let root = PathBuf::from(root);
    let mut call = given.plan.clone();
    call.file = root.join(file);
    call.selection = Selection { variant: variants, sweep: sweeps, all, set };
    call.places = args::Places { profile: profile.map(PathBuf::from), store: Some(store.into()), root: Some(root) };
    call.compute.engine = if engine == "fake" { EngineKind::Fake } else { EngineKind::Candle };
    call.compute.device = if device == "cuda" { DeviceKind::Cuda } else { DeviceKind::Cpu };
    call.compute.threads = threads;
    (call.until, call.allow) = (until, allow);
    Ok(Run { plan: call, jobs: given.jobs, events: given.events, report: given.report.clone() })
}

/// Whether everything that the plan was made from is as it was; what is not has been said.
pub fn holds(saved: &Saved, call: &args::Plan, prepared: &Prepared) -> bool {
    let files = files(call.places.profile.as_deref(), prepared);
    let moved = saved.moved(&prepared.plan, &prepared.store, &files);
    if !moved.is_empty() {
        let help = "nothing was run; `mascot plan FILE --out PLAN` plans it as it is now";
        render::complain("what this plan was made from has moved", Some(help));
        moved.iter().for_each(|one| render::say(&format!("  {one}")));
    }
    moved.is_empty()
}

fn of_call(call: &args::Plan, prepared: &Prepared) -> Call {
    let root = prepared.loaded.world.root();
    let machine = engines::computes(&call.compute);
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
    Call {
        file: inside(&call.file, root),
        root: root.display().to_string(),
        store: absolute(prepared.store.root()),
        profile: call.places.profile.as_deref().map(absolute),
        variants: call.selection.variant.clone(),
        sweeps: call.selection.sweep.clone(),
        all: call.selection.all,
        set: call.selection.set.clone(),
        until: call.until.clone(),
        allow: call.allow.clone(),
        engine: if call.compute.engine == EngineKind::Fake { "fake" } else { "candle" }.to_owned(),
        device: machine.device,
        threads: call.compute.threads,
    }
}

/// Files of the program, relative to the root, and the profile's; each with its digest. The standard library is the binary's.
fn files(profile: Option<&Path>, prepared: &Prepared) -> BTreeMap<String, String> {
    let root = prepared.loaded.world.root();
    let own = prepared.loaded.checked.files.files().filter(|(_, file)| !file.path.starts_with("std/"));
    let digest = |text: &str| format!("blake3:{}", Digest::of(text.as_bytes()));
    let mut files: BTreeMap<String, String> =
        own.map(|(_, file)| (inside(Path::new(&file.path), root), digest(&file.text))).collect();
    if let Some(profile) = profile
        && let Ok(text) = fs::read_to_string(profile)
    {
        files.insert(inside(profile, root), digest(&text));
    }
    files
}

/// A path relative to the root, wherever the call is made from.
fn inside(path: &Path, root: &Path) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real.strip_prefix(root).unwrap_or(&real).display().to_string()
}
