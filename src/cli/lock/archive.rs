//! One file out of an archive that lies in memory: nothing is unpacked, so no link, device or path of it comes to act.

use std::io::{Cursor, Read};

use flate2::read::GzDecoder;

use super::fetch::MOST_BYTES;

/// What an archive may hold when it is unpacked: what is beyond is a bomb, or no library of companions.
const MOST_UNPACKED: u64 = 256 << 20;

/// The regular file at `path`, of a `.tar`, `.tar.gz` or `.zip`; told apart by what they begin with.
///
/// # Errors
/// In words.
pub fn file(archive: &[u8], path: &str) -> Result<Vec<u8>, String> {
    file_within(archive, path, MOST_UNPACKED)
}

fn file_within(archive: &[u8], path: &str, most: u64) -> Result<Vec<u8>, String> {
    match archive {
        [b'P', b'K', 3, 4, ..] => of_zip(archive, path),
        [0x1f, 0x8b, ..] => of_tar(GzDecoder::new(archive).take(most), path),
        _ if archive.get(257..262) == Some(b"ustar") => of_tar(archive, path),
        _ => Err("it is neither a .tar, a .tar.gz nor a .zip".to_owned()),
    }
}

fn of_zip(archive: &[u8], path: &str) -> Result<Vec<u8>, String> {
    let wrong = |why: zip::result::ZipError| format!("the archive cannot be read: {why}");
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).map_err(wrong)?;
    let Some(at) = zip.index_for_name(path) else { return Err(absent(path)) };
    let file = zip.by_index(at).map_err(wrong)?;
    if !file.is_file() {
        return Err("it is no file in the archive".to_owned());
    }
    bounded(file)
}

fn of_tar(archive: impl Read, path: &str) -> Result<Vec<u8>, String> {
    let wrong = |why: std::io::Error| format!("the archive cannot be read: {why}");
    // A stream that ends early reads as a damaged archive, which is what a bomb is to us.
    let mut tar = tar::Archive::new(archive);
    for entry in tar.entries().map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.path_bytes();
        if name.strip_prefix(b"./").unwrap_or(&name) != path.as_bytes() {
            continue;
        }
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err("it is no file in the archive; links are not followed".to_owned());
        }
        return bounded(entry);
    }
    Err(absent(path))
}

fn bounded(file: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|why| format!("the archive cannot be read: {why}"))?;
    if bytes.len() as u64 > MOST_BYTES { Err("it is larger than 1 MiB".to_owned()) } else { Ok(bytes) }
}

fn absent(path: &str) -> String {
    format!("the archive has no `{path}`; the path begins at its top, often with a folder of the archive's name")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn tar_of(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            if *kind == tar::EntryType::Symlink {
                header.set_link_name("/etc/passwd").unwrap();
            }
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_file_is_found_in_each_kind_of_archive() {
        let tar = tar_of(&[
            ("x-1/a.masc", tar::EntryType::Regular, b"masc 1\n"),
            ("x-1/link.masc", tar::EntryType::Symlink, b""),
        ]);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(&tar).unwrap();
        let gz = gz.finish().unwrap();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("x-1/a.masc", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"masc 1\n").unwrap();
        zip.add_symlink("x-1/link.masc", "/etc/passwd", zip::write::SimpleFileOptions::default()).unwrap();
        let zip = zip.finish().unwrap().into_inner();
        for archive in [&tar, &gz, &zip] {
            assert_eq!(file(archive, "x-1/a.masc").unwrap(), b"masc 1\n");
            assert!(file(archive, "a.masc").unwrap_err().contains("begins at its top"));
            assert!(file(archive, "x-1/link.masc").unwrap_err().contains("no file in the archive"));
        }
        assert!(file(b"hello", "a").unwrap_err().contains("neither"));
        assert!(file(&gz[..gz.len() / 2], "b").unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let large = vec![b' '; (MOST_BYTES + 1) as usize];
        let tar = tar_of(&[("a.masc", tar::EntryType::Regular, &large)]);
        assert!(file(&tar, "a.masc").unwrap_err().contains("1 MiB"));
        // Three MiB of nothing in some kilobytes; what is asked for would come after it.
        let mut header = tar::Header::new_ustar();
        header.set_path("nothing").unwrap();
        header.set_size(3 << 20);
        header.set_cksum();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(header.as_bytes()).unwrap();
        let nothing = vec![0; 1 << 20];
        (0..3).for_each(|_| gz.write_all(&nothing).unwrap());
        gz.write_all(&tar_of(&[("b.masc", tar::EntryType::Regular, b"masc 1\n")])).unwrap();
        let bomb = gz.finish().unwrap();
        assert_eq!(file(&bomb, "b.masc").unwrap(), b"masc 1\n");
        assert!(file_within(&bomb, "b.masc", 2 << 20).unwrap_err().contains("cannot be read"));
    }
}
