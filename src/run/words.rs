//! What the system says when it is in the way, in words, with what to do about it. Used by faults and by errors of the store, so
//! that a full disk reads the same wherever it was met.

use std::io::{self, ErrorKind};

/// What the system says, without its error numbers.
pub fn in_words(why: &io::Error) -> String {
    known(why.kind()).map_or_else(|| without_number(&why.to_string()).to_owned(), |(words, _)| words.to_owned())
}

/// What to do about it, where that is known: a sentence without its full stop.
pub fn advice(why: &io::Error) -> Option<&'static str> {
    known(why.kind()).and_then(|(_, advice)| advice)
}

/// The same for an error that was made a text somewhere below: the system's number at its end tells which it was.
pub fn of_text(why: &str) -> (String, Option<&'static str>) {
    let Some((before, number)) = why.rsplit_once(" (os error ") else { return (why.to_owned(), None) };
    let code = number.split(')').next().and_then(|number| number.parse::<i32>().ok());
    let system = code.map(io::Error::from_raw_os_error);
    match system.and_then(|why| known(why.kind())) {
        Some((words, advice)) => (words.to_owned(), advice),
        None => (before.to_owned(), None),
    }
}

const MORE_SPACE: Option<&str> =
    Some("free some space (`mascot gc` removes what no task came to lately), or put the store elsewhere with --store");
const WRITABLE: Option<&str> = Some("see to its permissions, or name another store with --store");

fn known(kind: ErrorKind) -> Option<(&'static str, Option<&'static str>)> {
    Some(match kind {
        ErrorKind::NotFound => ("no such file", None),
        ErrorKind::PermissionDenied => ("permission denied", WRITABLE),
        ErrorKind::ReadOnlyFilesystem => ("the disk is read-only", WRITABLE),
        ErrorKind::StorageFull => ("the disk is full", MORE_SPACE),
        ErrorKind::QuotaExceeded => ("the quota of this disk is used up", MORE_SPACE),
        ErrorKind::FileTooLarge => (
            "a file may not grow that large here",
            Some("raise the limit (`ulimit -f`), or put the store elsewhere with --store"),
        ),
        ErrorKind::IsADirectory => ("is a folder", None),
        ErrorKind::NotADirectory => ("something on its way is a file, not a folder", None),
        ErrorKind::AlreadyExists => {
            ("something of that name is in its way", Some("move it away, or name another store with --store"))
        }
        ErrorKind::UnexpectedEof => ("it ends too early", None),
        _ => return None,
    })
}

fn without_number(text: &str) -> &str {
    text.rsplit_once(" (os error ").map_or(text, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_number_becomes_words_and_what_to_do() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(in_words(&full), "the disk is full");
        assert!(advice(&full).is_some_and(|what| what.contains("mascot gc")));
        let (words, what) = of_text("I/O error: File too large (os error 27)");
        assert_eq!(words, "a file may not grow that large here");
        assert!(what.is_some());
        assert_eq!(of_text("is not JSON"), ("is not JSON".to_owned(), None));
        assert_eq!(of_text("strange (os error 9999)").0, "strange");
    }
}
