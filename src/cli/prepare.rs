//! From a call to a plan: check the file, find the store, and ask `run` what is to be done.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mascot_lang::program::{EntityKind, Value};
use mascot_lang::source::World;
use mascot_run::kept::ProgramText;
use mascot_run::plan::Plan;
use mascot_run::remote::{Secret, Secrets};
use mascot_run::report::RunReport;
use mascot_run::source;
use mascot_run::store::Store;

use super::args::{self, Compute, EngineKind, Selection};
use super::engines;
use super::exit::Exit;
use super::load::{self, Loaded};
use super::lock;
use super::render;
use super::world::{self, SystemWorld};

/// A plan, and what it was made from.
pub struct Prepared {
    pub loaded: Loaded,
    pub store: Store,
    pub plan: Plan,
}

/// What `--allow` and a profile grant beside the root.
#[derive(Debug, Default)]
pub struct Grants {
    pub store: Option<PathBuf>,
    /// Dollars for an hour of the machine.
    pub price: Option<f64>,
    pub read: Vec<PathBuf>,
    /// For pages beside the root.
    pub write: Vec<PathBuf>,
    /// `host:port`.
    pub net: Vec<String>,
}

/// Checks, evaluates, plans.
///
/// # Errors
/// The exit code; what is wrong has been printed.
pub fn prepare(
    file: &Path,
    selection: &Selection,
    places: &args::Places,
    compute: &Compute,
    until: Option<&str>,
    allow: &[String],
) -> Result<Prepared, Exit> {
    prepare_with(file, selection, places, compute, until, allow, &|_| fingerprint(compute.engine))
}

/// As [`prepare`], for a verb that performs nothing: a binary without the engine of the store's last real run reads it all the same.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_to_read(call: &args::Plan) -> Result<Prepared, Exit> {
    let of = |store: &Store| {
        let built = cfg!(feature = "engine") || call.compute.engine == EngineKind::Fake;
        let last = store.runs().iter().rev().find_map(|name| {
            let run = RunReport::read(store, name).ok()??;
            (run.engine != mascot_run::fake::FINGERPRINT).then_some(run.engine)
        });
        match last {
            Some(last) if !built => Ok(last),
            _ => fingerprint(call.compute.engine),
        }
    };
    let args::Plan { file, selection, places, compute, until, allow, .. } = call;
    prepare_with(file, selection, places, compute, until.as_deref(), allow, &of)
}

/// `fingerprint`: what the engine puts into every key, asked once the store is known.
fn prepare_with(
    file: &Path,
    selection: &Selection,
    places: &args::Places,
    compute: &Compute,
    until: Option<&str>,
    allow: &[String],
    fingerprint: &dyn Fn(&Store) -> Result<String, Exit>,
) -> Result<Prepared, Exit> {
    let fake = compute.engine == EngineKind::Fake;
    let loaded = load::load_experiment(file, selection, places.root.as_deref())?;
    let mut looked_in = looked_in(&loaded, selection, places, allow)?;
    looked_in.machine = engines::computes(compute);
    let store = opened(looked_in.store.clone())?;
    let fingerprint = fingerprint(&store)?;
    let mut plan =
        mascot_run::plan::plan(&loaded.programs, &loaded.checked.files, &looked_in, &store, &fingerprint, fake);
    plan.program = Some(ProgramText::of(&loaded.checked, &selection.set, &loaded.programs));
    plan.budget.free_bytes = world::free_memory().map(|bytes| bytes as f64);
    for what in plan.missing.iter_mut().filter(|lacking| !lacking.is_page()).map(|lacking| &mut lacking.what) {
        what.help = beside(&what.source, file, &loaded.world).unwrap_or(std::mem::take(&mut what.help));
    }
    if let Some(stage) = until
        && !plan.until(stage)
    {
        let mut stages: Vec<&str> = plan.tasks.iter().map(|task| task.stage.as_str()).collect();
        stages.dedup();
        render::complain(&format!("there is no stage `{stage}`"), Some(&format!("the file has {}", stages.join(", "))));
        return Err(Exit::CallWrong);
    }
    Ok(Prepared { loaded, store, plan })
}

/// Of data that lies beside the file while paths are from the root: what to write, and how that folder becomes a root.
fn beside(source: &str, file: &Path, world: &SystemWorld) -> Option<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let there = folder.join(source);
    if Path::new(source).is_absolute() || !there.exists() {
        return None;
    }
    let (written, root) = (world.in_root(&there.to_string_lossy()), world.root().display());
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Some(format!(
        "paths are from the root {root}: write {written:?}; or make {} a root of its own, `mascot lock --root {0} {}`",
        folder.display(),
        file.display()
    ))
}

/// Where a call may look: the root, the store, and what its arguments and its profile grant.
///
/// # Errors
/// The exit code; what is wrong has been printed.
pub fn looked_in(
    loaded: &Loaded,
    selection: &Selection,
    places: &args::Places,
    allow: &[String],
) -> Result<source::Places, Exit> {
    let mut grants = grants(places, allow)?;
    let root = loaded.world.root().to_owned();
    grants.read.extend(named(&selection.set, &root).filter(|path| path.exists()));
    grants.write.extend(named(&selection.set, &root));
    let store = places.store.clone().or(grants.store).unwrap_or_else(|| root.join(".mascot"));
    let (granted, written, net, secrets) = (grants.read, grants.write, grants.net, secrets(loaded));
    let locked = loaded.world.lock().map(|(_, text)| lock::locked(&text)).unwrap_or_default();
    let (hf_cache, price, now) = (hf_cache(), grants.price, world::now());
    let places = source::Places {
        root,
        store,
        hf_cache,
        granted,
        written,
        net,
        secrets,
        locked,
        price,
        now,
        ..source::Places::default()
    };
    Ok(places)
}

/// What a profile and `--allow` grant.
///
/// # Errors
/// As [`looked_in`].
pub fn grants(places: &args::Places, allow: &[String]) -> Result<Grants, Exit> {
    let mut grants = profile(places.profile.as_deref())?;
    allow.iter().try_for_each(|grant| granted(grant, &mut grants))?;
    Ok(grants)
}

/// Paths that `--set` names: what is given on the command line is granted by that. Relative to the root, as in the file.
fn named<'s>(set: &'s [(String, String)], root: &'s Path) -> impl Iterator<Item = PathBuf> + 's {
    let quoted = set.iter().flat_map(|(_, value)| value.split('"').skip(1).step_by(2));
    quoted.filter(|text| !text.is_empty()).map(|text| root.join(text))
}

/// The store of a call that names no program: the root is the current folder's.
///
/// # Errors
/// [`Exit::CallWrong`] when there is no store, [`Exit::Failed`] for one of a newer program; it has been said.
pub fn store_at_hand(places: &args::Places) -> Result<Store, Exit> {
    let grants = profile(places.profile.as_deref())?;
    let folder = match (&places.store, grants.store, &places.root) {
        (Some(store), _, _) => store.clone(),
        (None, Some(store), _) => store,
        (None, None, Some(root)) => root.join(".mascot"),
        (None, None, None) => {
            let current = world::current_folder().map_err(|why| {
                render::complain(&why, None);
                Exit::CallWrong
            })?;
            world::find_root(&current.join("any"), &current).join(".mascot")
        }
    };
    if !folder.is_dir() {
        render::complain(
            &format!("{}: there is no store", folder.display()),
            Some("a run makes one; --store names another"),
        );
        return Err(Exit::CallWrong);
    }
    // A folder of something else is not made a store by a look at it.
    let is_empty = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_none());
    if !is_empty && !Store::is_at(&folder) {
        render::complain(&format!("{}: this folder is no store", folder.display()), Some("--store names another"));
        return Err(Exit::CallWrong);
    }
    opened(folder)
}

/// The store there, unless it is none of ours to read.
pub(super) fn opened(folder: PathBuf) -> Result<Store, Exit> {
    Store::open(folder).map_err(|why| {
        render::complain(&format!("the store: {why}"), Some(why.advice()));
        Exit::Failed
    })
}

/// `$HF_HOME/hub`, else `~/.cache/huggingface/hub`.
pub fn hf_cache() -> Option<PathBuf> {
    let home = || world::variable("HOME").map(|home| PathBuf::from(home).join(".cache/huggingface"));
    world::variable("HF_HOME").map(PathBuf::from).or_else(home).map(|at| at.join("hub"))
}

pub(super) fn fingerprint(engine: EngineKind) -> Result<String, Exit> {
    match engine {
        EngineKind::Fake => Ok(mascot_run::fake::FINGERPRINT.to_owned()),
        EngineKind::Candle => engines::fingerprint(),
    }
}

/// The environment variables that a program's secrets name.
pub fn secret_variables(loaded: &Loaded) -> BTreeSet<String> {
    let of_programs = loaded.programs.iter().flat_map(|program| program.of_kind(EntityKind::Secret));
    let variables = of_programs.flat_map(|secret| secret.fields.values()).filter_map(|field| match &field.value {
        Value::Text(variable) => Some(variable.clone()),
        _ => None,
    });
    variables.collect()
}

/// Values of these, where they are set. White space around one is a copy's.
fn secrets(loaded: &Loaded) -> Secrets {
    let variables = secret_variables(loaded).into_iter();
    variables.filter_map(|variable| Some((variable.clone(), Secret::new(world::variable(&variable)?.trim())))).collect()
}

/// Adds `read("path")`, `write("path")` or `net("host:port")`.
fn granted(grant: &str, to: &mut Grants) -> Result<(), Exit> {
    let parts = grant.trim().strip_suffix(')').and_then(|head| head.split_once('('));
    let quoted = parts.map(|(verb, what)| (verb.trim(), what.trim().trim_matches('"')));
    match quoted {
        Some(("read", path)) if !path.is_empty() => to.read.push(PathBuf::from(path)),
        Some(("net", host)) if !host.is_empty() => to.net.push(host.to_owned()),
        Some(("write", path)) if !path.is_empty() => to.write.push(from_here(path)),
        _ => {
            let message = format!("`{grant}` is no grant");
            render::complain(&message, Some("write read(\"path\"), write(\"path\") or net(\"host:port\")"));
            return Err(Exit::CallWrong);
        }
    }
    Ok(())
}

/// Paths of a call begin at the current folder, wherever the root is.
fn from_here(path: &str) -> PathBuf {
    world::current_folder().unwrap_or_default().join(path)
}

/// Store and grants of a profile file. Executors are not built: the run happens on this machine, and says so.
fn profile(file: Option<&Path>) -> Result<Grants, Exit> {
    let Some(file) = file else {
        return Ok(Grants::default());
    };
    let loaded = load::load(file, &Selection::default(), None)?;
    let mut grants = Grants::default();
    let program = &loaded.programs[0];
    let Some(profile) = program.of_kind(EntityKind::Profile).next() else {
        render::complain(&format!("{}: holds no `profile`", file.display()), None);
        return Err(Exit::CallWrong);
    };
    if profile.children.iter().any(|child| child.keyword == "executor") {
        render::say(&format!("profile {}: executors are not built yet; everything runs on this machine", profile.name));
    }
    if let Some(Value::Number { value, .. }) = profile.fields.get("price").map(|field| &field.value) {
        grants.price = Some(*value);
    }
    if let Some(Value::Text(store)) = profile.fields.get("store").map(|field| &field.value) {
        grants.store = Some(PathBuf::from(store));
    }
    if let Some(Value::List(allowed)) = profile.fields.get("allow").map(|field| &field.value) {
        for one in allowed {
            let Value::Call { name, args } = one else { continue };
            let texts = args.values().filter_map(|value| match value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            });
            match name.as_str() {
                "read" => grants.read.extend(texts.map(PathBuf::from)),
                "write" => grants.write.extend(texts.map(|path| from_here(&path))),
                "net" => grants.net.extend(texts),
                _ => {}
            }
        }
    }
    Ok(grants)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn data_beside_the_file_is_pointed_at() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let place = folder.path().canonicalize().expect("it is there");
        let file = place.join("mine/first.masc");
        fs::create_dir_all(place.join("mine/data")).expect("a folder of its own");
        fs::write(&file, "masc 1\n").expect("writable");
        fs::write(place.join("mine/data/lines.jsonl"), "").expect("writable");
        let world = SystemWorld::of(&file, Some(&place)).expect("a world");
        let told = beside("data/lines.jsonl", &file, &world).expect("it lies beside the file");
        assert!(told.contains("write \"mine/data/lines.jsonl\"") && told.contains("mascot lock --root"), "{told}");
        assert_eq!(beside("data/none.jsonl", &file, &world), None);
        assert_eq!(beside("/data/lines.jsonl", &file, &world), None);
    }
}
