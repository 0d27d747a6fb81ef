//! `mascot unpack`: a pack to a folder. A pack is a stranger's file: every name, size and digest is looked at before the folder has a name,
//! and nothing but regular files comes out of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, ZipArchive};

use super::manifest::{self, Kind, Manifest, NAME, SHELVES, VERSION};
use super::{MOST_RATIO, complain, hex, tell_needs};
use crate::cli::args;
use crate::cli::exit::Exit;
use crate::cli::render::{self, plural};
use crate::cli::run::quoted;
use crate::cli::world::in_words;

/// Of files in a pack.
const MOST_FILES: usize = 100_000;

const MOST_MANIFEST: u64 = 32 << 20;

/// Below this, how well something shrinks says nothing.
const TOO_SMALL_FOR_A_BOMB: u64 = 1 << 20;

/// Why a pack is not opened.
enum Refused {
    /// It is not what a pack is, or not safe.
    Pack(String),
    Disk(io::Error),
}

impl From<io::Error> for Refused {
    fn from(why: io::Error) -> Self {
        Refused::Disk(why)
    }
}

pub fn unpack(args: &args::Unpack) -> Exit {
    match unpacked(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn unpacked(args: &args::Unpack) -> Result<Exit, Exit> {
    let shown = args.pack.display();
    let file = File::open(&args.pack)
        .map_err(|why| complain(&format!("{shown}: {}", in_words(&why)), None, Exit::CallWrong))?;
    let folder = &args.folder;
    let is_free = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => fs::symlink_metadata(folder).is_err(),
    };
    if !is_free {
        let why = format!("{} is there already, and nothing was written", folder.display());
        return Err(complain(&why, Some("name a folder that is not there, or an empty one"), Exit::CallWrong));
    }
    let most = u64::from(args.limit) << 30;
    let manifest = opened(file, folder, most).map_err(|refused| match refused {
        Refused::Pack(why) => complain(&format!("{shown}: {why}; nothing was written"), None, Exit::ProgramWrong),
        Refused::Disk(why) => complain(&format!("{}: {}", folder.display(), in_words(&why)), None, Exit::Failed),
    })?;
    if args.output.json {
        render::json(&json!({
            "folder": folder, "program": manifest.program, "files": manifest.files, "needs": manifest.needs,
            "secrets": manifest.secrets,
        }));
        return Ok(Exit::Done);
    }
    render::out(&format!("{} in {}\n", plural(manifest.files.len(), "file"), folder.display()));
    tell_needs(&manifest);
    let [to, program] = [&folder.to_string_lossy(), manifest.program.as_str()].map(quoted);
    render::out(&format!("  cd {to}\n  mascot run {program}\n"));
    Ok(Exit::Done)
}

fn opened(file: File, folder: &Path, most: u64) -> Result<Manifest, Refused> {
    let length = file.metadata()?.len();
    let no_pack = |why: zip::result::ZipError| match why {
        zip::result::ZipError::Io(why) => Refused::Pack(format!("is no pack: {why}")),
        _ => Refused::Pack("is no pack: `mascot pack` writes one".to_owned()),
    };
    let mut zip = ZipArchive::new(file).map_err(no_pack)?;
    let manifest = read_manifest(&mut zip)?;
    let files = looked_at(&mut zip, &manifest, length, most)?;

    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let mut beside = tempfile::Builder::new();
    #[cfg(unix)]
    beside.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777));
    let beside = beside.prefix(".unpacking-").tempdir_in(parent)?;
    for (file, at) in manifest.files.iter().zip(files) {
        let path = beside.path().join(&file.path);
        fs::create_dir_all(path.parent().unwrap_or(beside.path()))?;
        let mut to = File::create_new(&path)?;
        let entry = zip.by_index(at).map_err(no_pack)?;
        // One byte more than it says is enough to know that it lied.
        let unreadable = |why| Refused::Pack(format!("`{}` cannot be read: {why}", file.path));
        let (bytes, sha256) = copy(entry.take(file.bytes.saturating_add(1)), &mut to, &unreadable)?;
        if bytes != file.bytes || sha256 != file.sha256 {
            return Err(Refused::Pack(format!("`{}` is not what the manifest says", file.path)));
        }
    }
    if folder.exists() {
        fs::remove_dir(folder)?;
    }
    fs::rename(beside.path(), folder)?;
    // It has another name now: there is nothing to clean up.
    let _ = beside.keep();
    Ok(manifest)
}

fn read_manifest<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<Manifest, Refused> {
    let refused = |why: &str| Refused::Pack(why.to_owned());
    let entry = zip.by_name(NAME).map_err(|_| refused("is no pack: it has no manifest"))?;
    let mut text = Vec::new();
    entry.take(MOST_MANIFEST + 1).read_to_end(&mut text).map_err(|_| refused("its manifest cannot be read"))?;
    if text.len() as u64 > MOST_MANIFEST {
        return Err(refused("its manifest is too large"));
    }
    // The version first: a newer manifest may look otherwise.
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|_| refused("its manifest is no JSON"))?;
    if value["mascot_pack"].as_u64().is_some_and(|version| version > u64::from(VERSION)) {
        return Err(refused("a newer mascot made it"));
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|_| {
        refused("its manifest does not say what it must: something is missing in it, or is of another kind")
    })?;
    if !manifest.files.iter().any(|file| file.path == manifest.program && file.kind == Kind::Program) {
        return Err(refused("its manifest names a program that is not in it"));
    }
    Ok(manifest)
}

/// Holds names, kinds and sizes against the rules, before a byte is unpacked. Positions in the archive, in the manifest's order.
fn looked_at<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    manifest: &Manifest,
    length: u64,
    most: u64,
) -> Result<Vec<usize>, Refused> {
    let refuse = |why: String| Err(Refused::Pack(why));
    if manifest.files.len() > MOST_FILES || zip.len() != manifest.files.len() + 1 {
        return refuse("its manifest does not name what is in it".to_owned());
    }
    for file in &manifest.files {
        if let Err(why) = manifest::is_place(&file.path) {
            return refuse(format!("`{}` has no place in a pack: {why}", file.path.escape_debug()));
        }
        if file.path.starts_with(SHELVES) && !matches!(file.kind, Kind::Weights | Kind::Data) {
            return refuse(format!("`{}` is no content to be put on a shelf", file.path));
        }
    }
    if let Some(path) = manifest::collision(manifest.files.iter().map(|file| file.path.as_str())) {
        return refuse(format!("`{path}` is in it twice"));
    }
    let (mut unpacked, mut packed) = (0_u64, 0_u64);
    let mut positions = BTreeMap::new();
    for at in 0..zip.len() {
        let entry = zip.by_index_raw(at).map_err(|why| Refused::Pack(format!("is no pack: {why}")))?;
        let Ok(name) = std::str::from_utf8(entry.name_raw()).map(str::to_owned) else {
            return refuse("holds a name that is not UTF-8".to_owned());
        };
        let is_file = entry.is_file()
            && !entry.is_symlink()
            && entry.unix_mode().is_none_or(|mode| matches!(mode & 0o170_000, 0 | 0o100_000));
        if !is_file {
            return refuse(format!("`{}` is no regular file", name.escape_debug()));
        }
        if entry.encrypted() || !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated)
        {
            return refuse(format!("`{}` is packed in a way that packs do not use", name.escape_debug()));
        }
        unpacked = unpacked.saturating_add(entry.size());
        packed = packed.saturating_add(entry.compressed_size());
        if entry.size() > TOO_SMALL_FOR_A_BOMB && entry.size() / MOST_RATIO > entry.compressed_size() {
            return refuse(format!(
                "`{}` is a bomb: {} of {}",
                name.escape_debug(),
                bytes(entry.size()),
                bytes(entry.compressed_size())
            ));
        }
        positions.insert(name, at);
    }
    let declared = manifest.files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    if unpacked > most || declared > most {
        return refuse(format!(
            "holds {}, more than {}: --limit allows it",
            bytes(unpacked.max(declared)),
            bytes(most)
        ));
    }
    // Entries that share their bytes say more than the file can hold.
    if packed > length {
        return refuse("its entries lie over one another".to_owned());
    }
    let found = manifest.files.iter().map(|file| positions.get(&file.path).copied());
    match found.collect::<Option<Vec<usize>>>() {
        Some(found) => Ok(found),
        None => refuse("its manifest names what is not in it".to_owned()),
    }
}

/// How many bytes there were, and their digest. What cannot be read is the pack's fault, what cannot be written the disk's.
fn copy(
    mut from: impl Read,
    to: &mut impl Write,
    unreadable: &dyn Fn(io::Error) -> Refused,
) -> Result<(u64, String), Refused> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut total = 0;
    loop {
        match from.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok((total, hex(&hasher.finalize()))),
            read => {
                hasher.update(&buffer[..read]);
                to.write_all(&buffer[..read])?;
                total += read as u64;
            }
        }
    }
}

fn bytes(count: u64) -> String {
    render::bytes(count as f64)
}
