//! Where a card lies: in a JSON file, in a text chunk of a PNG, in `card.json` of a CHARX archive. Everything is bounded before it is read.
//!
//! PNG is walked chunk by chunk here: a library would inflate the picture to reach the chunks behind it, and a picture is what a bomb is
//! made of.

use std::io::{Cursor, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{MOST_BYTES, NoCard};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Text chunks of a PNG, the better first: V3's, then V2's.
const KEYWORDS: [&str; 2] = ["ccv3", "chara"];
/// Entries of an archive; all that they claim to hold; how much more than what is packed.
const MOST_ENTRIES: usize = 4096;
const MOST_CLAIMED: u64 = 512 * 1024 * 1024;
const MOST_RATIO: u64 = 200;

/// The card's text, and what was left unread.
pub fn opened(bytes: &[u8]) -> Result<(String, Vec<String>), NoCard> {
    if bytes.starts_with(SIGNATURE) {
        return Ok((of_png(bytes)?, Vec::new()));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return of_archive(bytes);
    }
    if let Some(why) = refused_by_size(bytes.len() as u64) {
        return Err(NoCard(why));
    }
    Ok((utf8(bytes.to_vec())?, Vec::new()))
}

/// Why a text of this size is not read.
pub fn refused_by_size(bytes: u64) -> Option<String> {
    (bytes > MOST_BYTES as u64).then(|| format!("a card is at most {} MiB", MOST_BYTES / 1024 / 1024))
}

fn utf8(bytes: Vec<u8>) -> Result<String, NoCard> {
    String::from_utf8(bytes)
        .map_err(|why| NoCard::because(format!("is not UTF-8 (byte {})", why.utf8_error().valid_up_to())))
}

// ---- PNG ----------------------------------------------------------------------------------------------------------------

struct Chunk<'b> {
    kind: &'b [u8],
    data: &'b [u8],
    /// Length to checksum.
    whole: &'b [u8],
}

/// The chunks up to `IEND`, each with a checksum that is right.
fn chunks(png: &[u8]) -> Result<Vec<Chunk<'_>>, NoCard> {
    let cut = || NoCard::because("the PNG is cut short");
    let mut all = Vec::new();
    let mut rest = png.strip_prefix(SIGNATURE).ok_or_else(|| NoCard::because("is no PNG"))?;
    loop {
        let (length, _) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let end = (u32::from_be_bytes(*length) as usize).checked_add(12).ok_or_else(cut)?;
        let whole = rest.get(..end).ok_or_else(cut)?;
        let (kind, data) = (&whole[4..8], &whole[8..end - 4]);
        if whole[end - 4..] != crc32fast::hash(&whole[4..end - 4]).to_be_bytes() {
            return Err(NoCard::because(format!(
                "the PNG is damaged: a {} chunk has a wrong checksum",
                String::from_utf8_lossy(kind)
            )));
        }
        all.push(Chunk { kind, data, whole });
        if kind == b"IEND" {
            return Ok(all);
        }
        rest = &rest[end..];
    }
}

/// Keyword and text of a text chunk; `None` of another, or of one without a card's keyword.
fn text_of<'b>(chunk: &Chunk<'b>) -> Option<(&'static str, Result<Vec<u8>, NoCard>)> {
    let (keyword, rest) = split_at_nul(chunk.data)?;
    let keyword = KEYWORDS.into_iter().find(|known| keyword == known.as_bytes())?;
    let text = match chunk.kind {
        b"tEXt" => Ok(rest.to_vec()),
        b"zTXt" => inflated(rest.get(1..)?),
        b"iTXt" => {
            let packed = *rest.first()? == 1;
            let (_, rest) = split_at_nul(rest.get(2..)?)?;
            let (_, text) = split_at_nul(rest)?;
            if packed { inflated(text) } else { Ok(text.to_vec()) }
        }
        _ => return None,
    };
    Some((keyword, text))
}

fn split_at_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// As base64 a card is a third longer.
const MOST_PACKED: u64 = MOST_BYTES as u64 / 3 * 4 + 4;

fn inflated(packed: &[u8]) -> Result<Vec<u8>, NoCard> {
    bounded(flate2::read::ZlibDecoder::new(packed), MOST_PACKED)
}

fn bounded(from: impl Read, most: u64) -> Result<Vec<u8>, NoCard> {
    let mut text = Vec::new();
    from.take(most + 1)
        .read_to_end(&mut text)
        .map_err(|why| NoCard::because(format!("it cannot be unpacked: {why}")))?;
    if text.len() as u64 > most {
        return Err(NoCard::because("it unpacks to more than a card is"));
    }
    Ok(text)
}

fn of_png(png: &[u8]) -> Result<String, NoCard> {
    let all = chunks(png)?;
    let found = all.iter().filter_map(text_of);
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(keyword, _)| KEYWORDS.iter().position(|known| known == keyword));
    let Some((_, text)) = found.into_iter().next() else {
        return Err(NoCard::because("the PNG holds no card: neither a `ccv3` nor a `chara` text"));
    };
    let text = text?;
    if text.len() as u64 > MOST_PACKED {
        return Err(NoCard::because("its text is more than a card is"));
    }
    let packed: Vec<u8> = text.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    utf8(STANDARD.decode(packed).map_err(|why| NoCard::because(format!("its text is no base64: {why}")))?)
}

/// A PNG with this card in the place of those that it had. `keyword`: `chara` or `ccv3`.
///
/// # Errors
/// When `png` is none.
pub fn embedded(png: &[u8], keyword: &str, card: &str) -> Result<Vec<u8>, NoCard> {
    let mut out = SIGNATURE.to_vec();
    for chunk in chunks(png)? {
        if chunk.kind == b"IEND" {
            let mut body = b"tEXt".to_vec();
            body.extend(keyword.bytes().chain([0]).chain(STANDARD.encode(card).into_bytes()));
            let length =
                u32::try_from(body.len() - 4).map_err(|_| NoCard::because("the card is too long for a PNG"))?;
            out.extend(length.to_be_bytes());
            out.extend(&body);
            out.extend(crc32fast::hash(&body).to_be_bytes());
        }
        if text_of(&chunk).is_none() {
            out.extend(chunk.whole);
        }
    }
    Ok(out)
}

// ---- CHARX --------------------------------------------------------------------------------------------------------------

fn of_archive(bytes: &[u8]) -> Result<(String, Vec<String>), NoCard> {
    let no = |why: zip::result::ZipError| NoCard::because(format!("the archive cannot be read: {why}"));
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(no)?;
    if archive.len() > MOST_ENTRIES {
        return Err(NoCard::because(format!(
            "the archive has {} entries; {MOST_ENTRIES} are too many already",
            archive.len()
        )));
    }
    let (mut claimed, mut assets) = (0_u64, 0);
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(no)?;
        let name = entry.name().map_err(no)?.into_owned();
        if entry.enclosed_name().is_none() || name.starts_with('/') || name.contains('\\') {
            return Err(NoCard::because(format!("the archive has an entry that would leave its folder: {name:?}")));
        }
        claimed = claimed.saturating_add(entry.size());
        assets += usize::from(entry.is_file() && name != "card.json");
    }
    if claimed > MOST_CLAIMED {
        return Err(NoCard::because("the archive claims to hold more than a card and its pictures"));
    }
    let entry = archive.by_name("card.json").map_err(|_| NoCard::because("the archive holds no `card.json`"))?;
    let small = entry.size() < 64 * 1024;
    if !small && entry.size() / entry.compressed_size().max(1) > MOST_RATIO {
        return Err(NoCard::because("`card.json` is packed tighter than any text is"));
    }
    let text = utf8(bounded(entry, MOST_BYTES as u64)?)?;
    let notes = match assets {
        0 => Vec::new(),
        1 => vec!["a file beside the card was left in the archive".to_owned()],
        n => vec![format!("{n} files beside the card were left in the archive")],
    };
    Ok((text, notes))
}
