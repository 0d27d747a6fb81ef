//! What a training stage goes on from when it was stopped: parameters, optimiser, where it stands. A draft, never an artifact.

use std::path::{Path, PathBuf};

use mascot_run::engine::{Fault, Workspace};
use mascot_run::whole::{self, Care};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::optimizer::AdamW;

/// A stage's state after `step` optimiser steps. `S` is what the stage itself remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<S> {
    pub step: u64,
    pub params: Vec<f32>,
    pub adam: AdamW,
    pub memory: S,
}

impl<S: Serialize + DeserializeOwned> Checkpoint<S> {
    /// Writes the state as a whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, workspace: &Workspace) -> Result<(), Fault> {
        let path = file(workspace);
        let fault = |why: &dyn std::fmt::Display| Fault::File { path: path.clone(), why: why.to_string() };
        std::fs::create_dir_all(&workspace.resume).map_err(|why| fault(&why))?;
        // YAML, whose numbers come back as they were; JSON's, as we read it, may be off in their last bit.
        let memory = serde_yaml::to_string(&self.memory).map_err(|why| fault(&why))?;
        let draft = workspace.resume_file(".state.draft");
        self.adam.save_with(&draft, &self.params, self.step, memory)?;
        std::fs::File::open(&draft).and_then(|file| file.sync_all()).map_err(|why| fault(&why))?;
        std::fs::rename(&draft, &path).map_err(|why| fault(&why))
    }

    /// The state that an earlier call left, if it is for as many parameters.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub fn load(workspace: &Workspace, params: usize) -> Result<Option<Self>, Fault> {
        let path = file(workspace);
        if !path.exists() {
            return Ok(None);
        }
        let (adam, params, step, memory) = AdamW::load_with(&path, params)?;
        let memory = serde_yaml::from_str(&memory).map_err(|why| Fault::File { path, why: why.to_string() })?;
        Ok(Some(Self { step, params, adam, memory }))
    }
}

fn file(workspace: &Workspace) -> PathBuf {
    workspace.resume_file("state.safetensors")
}

/// A log of JSON lines, one or more a step, that survives a stop: it grows beside the state and becomes an artifact at the end.
#[derive(Debug)]
pub struct Log {
    draft: PathBuf,
    artifact: PathBuf,
    lines: Vec<String>,
}

impl Log {
    /// Opens `name`, with the lines of steps before `step` that an earlier call wrote.
    ///
    /// # Errors
    /// When an earlier log cannot be read.
    pub fn open(workspace: &Workspace, name: &str, step: u64) -> Result<Self, Fault> {
        let draft = workspace.resume_file(name);
        let mut lines = Vec::new();
        if draft.exists() {
            let text = std::fs::read_to_string(&draft).map_err(|why| fault(&draft, &why))?;
            let of = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok().and_then(|v| v["step"].as_u64());
            lines.extend(text.lines().filter(|line| of(line).is_some_and(|at| at < step)).map(str::to_owned));
        }
        Ok(Self { draft, artifact: workspace.artifact(name), lines })
    }

    pub fn push(&mut self, line: &impl Serialize) {
        self.lines.push(serde_json::to_string(line).expect("a line is plain data"));
    }

    /// Writes the draft, as a whole or not at all: lines of earlier steps are not lost to a kill in the middle of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<(), Fault> {
        self.write(&self.draft)
    }

    /// Writes the artifact.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self) -> Result<(), Fault> {
        self.write(&self.artifact)
    }

    fn write(&self, path: &Path) -> Result<(), Fault> {
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        whole::write(path, text.as_bytes(), Care::Moved).map_err(|why| fault(path, &why))
    }
}

fn fault(path: &Path, why: &dyn std::fmt::Display) -> Fault {
    Fault::File { path: path.to_owned(), why: why.to_string() }
}
