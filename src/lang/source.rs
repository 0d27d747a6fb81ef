//! Text with an address: files, positions, and the one door through which text comes in.
//!
//! Uses nothing else of this package. Deliberately absent: reading anything. Whoever implements [`World`] reads.

/// A loaded file, an index into a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A stretch of one file: byte offsets, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both; both must be of one file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A value and the place where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A name as written.
pub type Name = Spanned<String>;

/// Line and column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// Every file that a check has read, in the order of reading: the main file is [`FileId`] 0.
#[derive(Debug, Default, Clone)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

#[derive(Debug, Clone)]
pub struct SourceFile {
    /// As the user would write it: relative to where the main file's path was given, or `std/…`.
    pub path: String,
    pub text: String,
    line_starts: Vec<u32>,
}

impl SourceMap {
    pub fn add(&mut self, path: String, text: String) -> FileId {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at as u32 + 1)).collect();
        self.files.push(SourceFile { path, text, line_starts });
        FileId(self.files.len() as u32 - 1)
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(at, file)| (FileId(at as u32), file))
    }

    pub fn find(&self, path: &str) -> Option<FileId> {
        self.files().find(|(_, file)| file.path == path).map(|(id, _)| id)
    }

    pub fn text(&self, span: Span) -> &str {
        &self.file(span.file).text[span.start as usize..span.end as usize]
    }

    /// Position of a byte offset of a file.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        let source = self.file(file);
        let line = source.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = source.line_starts[line - 1] as usize;
        let end = (offset as usize).min(source.text.len());
        // A byte-order mark means nothing, so it is no character of the first line.
        let column = source.text.get(start..end).map_or(0, |head| head.trim_start_matches('\u{feff}').chars().count());
        Position { line: line as u32, column: column as u32 + 1 }
    }
}

/// Where text comes from. The language package reads nothing itself.
pub trait World {
    /// The text of a `.masc` file, by its path in a [`SourceMap`] (`a/b.masc`, or an address as `address` writes it); `std/…` never
    /// gets here, but to [`World::library`]. What is far away is fetched by nobody who checks: it is where `mascot.lock` says, or not here. So is a text that a far
    /// file names.
    ///
    /// # Errors
    /// In the words that a diagnostic can end with: "no such file", "is not UTF-8 (byte 17)", "leaves the project root".
    fn source(&self, path: &str) -> Result<String, String>;

    /// The text of a file named by `text("…")`, relative to the `.masc` file that names it.
    ///
    /// # Errors
    /// As [`World::source`].
    fn prose(&self, from: &str, path: &str) -> Result<String, String>;

    /// The root's `mascot.lock`, if there is one: its path as a user would write it, and its text.
    fn lock(&self) -> Option<(String, String)> {
        None
    }

    /// A path of a [`SourceMap`], or beside one, as `mascot.lock` names it: from the root.
    fn in_root(&self, path: &str) -> String {
        path.to_owned()
    }

    /// The text of `std/NAME`, in a world of another time; `None` is this program's own library.
    fn library(&self, _: &str) -> Option<String> {
        None
    }

    /// Paths of `.masc` files that are at hand, for whoever is asked what could be imported.
    fn at_hand(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A world in which one file has another text: what an editor holds, a fix proposes, or git hands over.
#[derive(Clone, Copy)]
pub struct Exchanged<'t> {
    pub around: &'t dyn World,
    pub path: &'t str,
    pub text: &'t str,
}

impl World for Exchanged<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        if path == self.path { Ok(self.text.to_owned()) } else { self.around.source(path) }
    }

    fn prose(&self, from: &str, path: &str) -> Result<String, String> {
        self.around.prose(from, path)
    }

    fn lock(&self) -> Option<(String, String)> {
        self.around.lock()
    }

    fn in_root(&self, path: &str) -> String {
        self.around.in_root(path)
    }

    fn library(&self, name: &str) -> Option<String> {
        self.around.library(name)
    }

    fn at_hand(&self) -> Vec<String> {
        self.around.at_hand()
    }
}

/// A world of one file and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Alone<'t> {
    pub path: &'t str,
    pub text: &'t str,
}

impl World for Alone<'_> {
    fn source(&self, path: &str) -> Result<String, String> {
        if path == self.path { Ok(self.text.to_owned()) } else { Err("no such file".to_owned()) }
    }

    fn prose(&self, _: &str, _: &str) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}
