//! `mascot pack`: a program and all that it is made of, as one file that another machine runs offline; a zip. `mascot unpack` opens it.
//!
//! # Steps
//! 1. [`gather`]: which files, where, and what is missing.
//! 2. Each is read once: its digest, its size, and whether a secret's value stands in it. Then the pack is refused.
//! 3. [`manifest`] and files are written, sorted and without a clock, so that the same program gives the same bytes.

mod gather;
mod manifest;
pub mod unpack;

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use mascot_run::remote::Secrets;
use serde_json::json;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::args::{self, Selection};
use super::exit::Exit;
use super::load;
use super::output;
use super::prepare;
use super::render::{self, plural};
use super::world::in_words;
use gather::{Content, Gathered};
use manifest::{Kind, Manifest};

/// What shrinks by more than this is stored as it is: `unpack` takes it for a bomb.
const MOST_RATIO: u64 = 100;

/// A secret shorter than this stands in every other text by chance.
const SHORTEST_SECRET: usize = 6;

pub fn pack(args: &args::Pack) -> Exit {
    match packed(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn packed(args: &args::Pack) -> Result<Exit, Exit> {
    let loaded = load::load(&args.file, &Selection::default(), args.places.root.as_deref())?;
    let places = prepare::looked_in(&loaded, &Selection::default(), &args.places, &args.allow)?;
    let out = args.out.clone().unwrap_or_else(|| {
        let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
        PathBuf::from(format!("{stem}.mascpack"))
    });
    output::refuse(&out, &loaded, output::PACK)?;
    let whole = out.canonicalize().unwrap_or_else(|_| out.clone());
    let gathered = gather::gather(args, &loaded, &places, &whole)
        .map_err(|why| complain(&why, Some("a pack holds files of the project by plain names"), Exit::ProgramWrong))?;
    if !gathered.missing.is_empty() {
        render::complain("what was asked for is not at hand, and nothing was written", None);
        gathered.missing.iter().for_each(|one| render::say(&format!("  {one}")));
        return Err(Exit::Failed);
    }
    let manifest = described(&gathered, &places.secrets, &loaded)?;
    let bytes = written(&out, &manifest, &gathered)
        .map_err(|why| complain(&format!("{}: {}", out.display(), in_words(&why)), None, Exit::Failed))?;
    if args.output.json {
        render::json(&json!({
            "pack": out, "bytes": bytes, "program": manifest.program, "files": manifest.files, "needs": manifest.needs,
            "secrets": manifest.secrets,
        }));
        return Ok(Exit::Done);
    }
    let count = plural(manifest.files.len(), "file");
    render::out(&format!("{}: {count}, {}\n", out.display(), render::bytes(bytes as f64)));
    tell_needs(&manifest);
    render::out(&format!("  mascot unpack {} DIR\n", super::run::quoted(&out.to_string_lossy())));
    Ok(Exit::Done)
}

/// What the other machine must have or bring.
fn tell_needs(manifest: &Manifest) {
    for need in &manifest.needs {
        let what = if need.kind == Kind::Weights { "weights" } else { "data" };
        render::say(&format!("not in it: the {what} {}: {}", need.source, need.why));
    }
    for variable in &manifest.secrets {
        render::say(&format!("not in it: the secret {variable}, which a run reads from its environment"));
    }
}

/// Digests and sizes of everything. A file in which a secret's value stands ends it.
fn described(gathered: &Gathered, secrets: &Secrets, loaded: &load::Loaded) -> Result<Manifest, Exit> {
    let mut files = Vec::new();
    for (path, piece) in &gathered.files {
        let mut hasher = Sha256::new();
        let mut watch = Watch::new(secrets);
        let bytes = stream(&piece.content, &mut |chunk| {
            hasher.update(chunk);
            watch.see(chunk);
            Ok(())
        });
        let bytes = bytes.map_err(|why| complain(&format!("{path}: {}", in_words(&why)), None, Exit::Failed))?;
        if let Some(variable) = watch.found {
            let why = format!("the value of the secret {variable} stands in {path}, and nothing was written");
            return Err(complain(
                &why,
                Some("a secret is read from its environment variable and written nowhere"),
                Exit::ProgramWrong,
            ));
        }
        files.push(manifest::File { path: path.clone(), kind: piece.kind, bytes, sha256: hex(&hasher.finalize()) });
    }
    let variables = prepare::secret_variables(loaded);
    Ok(Manifest {
        mascot_pack: manifest::VERSION,
        mascot: env!("CARGO_PKG_VERSION").to_owned(),
        program: gathered.program.clone(),
        files,
        needs: gathered.needs.iter().cloned().collect(),
        secrets: variables.into_iter().collect(),
    })
}

/// Writes the pack beside its place and moves it there.
fn written(out: &Path, manifest: &Manifest, gathered: &Gathered) -> io::Result<u64> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new();
    #[cfg(unix)]
    beside.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let file = beside.tempfile_in(folder)?;
    let mut zip = ZipWriter::new(file);
    let text = serde_json::to_string_pretty(manifest).expect("a manifest is plain data") + "\n";
    zip.start_file(manifest::NAME, options(CompressionMethod::Deflated, text.len() as u64))?;
    zip.write_all(text.as_bytes())?;
    for file in &manifest.files {
        let content = &gathered.files[&file.path].content;
        let method = if file.kind == Kind::Weights || shrinks_too_well(content)? {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        zip.start_file(&file.path, options(method, file.bytes))?;
        let mut hasher = Sha256::new();
        stream(content, &mut |chunk| {
            hasher.update(chunk);
            zip.write_all(chunk)
        })?;
        if hex(&hasher.finalize()) != file.sha256 {
            return Err(io::Error::other(format!("{} changed while it was packed", file.path)));
        }
    }
    let mut file = zip.finish()?;
    let bytes = file.stream_position()?;
    file.as_file().sync_all()?;
    file.persist(out)?;
    Ok(bytes)
}

/// The same for every file of every pack: no clock, no owner.
fn options(method: CompressionMethod, bytes: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
        .large_file(bytes >= u64::from(u32::MAX))
}

fn shrinks_too_well(content: &Content) -> io::Result<bool> {
    let mut encoder = DeflateEncoder::new(Counted(0), Compression::default());
    let bytes = stream(content, &mut |chunk| encoder.write_all(chunk))?;
    // Half of what `unpack` takes: its reckoning and ours may differ by a byte.
    Ok(bytes > encoder.finish()?.0.saturating_mul(MOST_RATIO / 2))
}

struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stream(content: &Content, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut file: Box<dyn Read> = match content {
        Content::Here(path) => Box::new(File::open(path)?),
        Content::Made(text) => Box::new(text.as_bytes()),
    };
    let mut buffer = vec![0; 1 << 18];
    let mut total = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(total),
            read => {
                take(&buffer[..read])?;
                total += read as u64;
            }
        }
    }
}

/// Looks for the values of secrets in what goes by.
struct Watch<'a> {
    secrets: Vec<(&'a str, &'a [u8])>,
    /// The end of what went by: a value may lie across two chunks.
    tail: Vec<u8>,
    found: Option<&'a str>,
}

impl<'a> Watch<'a> {
    fn new(secrets: &'a Secrets) -> Self {
        let long = secrets.iter().map(|(name, secret)| (name.as_str(), secret.reveal().as_bytes()));
        Self {
            secrets: long.filter(|(_, value)| value.len() >= SHORTEST_SECRET).collect(),
            tail: Vec::new(),
            found: None,
        }
    }

    fn see(&mut self, chunk: &[u8]) {
        let Some(longest) = self.secrets.iter().map(|(_, value)| value.len()).max() else { return };
        self.tail.extend_from_slice(chunk);
        for (name, value) in &self.secrets {
            let mut rest = self.tail.as_slice();
            while let Some(at) = rest.iter().position(|byte| *byte == value[0]) {
                rest = &rest[at..];
                if rest.starts_with(value) {
                    self.found.get_or_insert(name);
                    break;
                }
                rest = &rest[1..];
            }
        }
        let gone = self.tail.len().saturating_sub(longest - 1);
        self.tail.drain(..gone);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn complain(why: &str, help: Option<&str>, exit: Exit) -> Exit {
    render::complain(why, help);
    exit
}

#[cfg(test)]
mod tests {
    use mascot_run::remote::Secret;

    use super::*;

    #[test]
    fn a_secret_is_seen_across_chunks() {
        let secrets: Secrets =
            [("KEY".to_owned(), Secret::new("s3cr3t-value")), ("SHORT".to_owned(), Secret::new("abc"))].into();
        for (chunks, found) in [
            (&["nothing abc of it", "s3cr3t-", "valu"][..], None),
            (&["before s3c", "r3t", "-value after"], Some("KEY")),
            (&["s3cr3t-s3cr3t-value"], Some("KEY")),
        ] {
            let mut watch = Watch::new(&secrets);
            chunks.iter().for_each(|chunk| watch.see(chunk.as_bytes()));
            assert_eq!(watch.found, found, "{chunks:?}");
        }
    }
}
