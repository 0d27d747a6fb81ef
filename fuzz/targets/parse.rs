//! Any text is read, and what is told of it has a place in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mascot_lang::source::{FileId, SourceMap};
use mascot_lang::syntax;

fuzz_target!(|text: &str| {
    let (tree, found) = syntax::parse(FileId(0), text);
    let mut files = SourceMap::default();
    files.add("main.masc".to_owned(), text.to_owned());
    for one in found.sorted() {
        // Slicing panics off a character's boundary.
        let _ = files.text(one.primary.span);
        assert!(files.position(FileId(0), one.primary.span.start).line >= 1);
        // A rule's name is ours, unless it is quoted from the text.
        assert!(!one.message.contains("Rule::") || text.contains("Rule::"), "{}", one.message);
    }
    for item in &tree.items {
        assert!(item.header.end <= item.span.end && item.span.end as usize <= text.len());
        let _ = files.text(item.span);
    }
    if let Some((path, value)) = text.split_once('=') {
        let _ = syntax::parse_set(FileId(0), path, value);
    }
});
