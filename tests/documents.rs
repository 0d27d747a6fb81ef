//! Every program that the repository shows anybody checks clean.

use std::fs;

use crate::house::{Sandbox, files, mascot, repository};

#[test]
fn every_experiment_example_and_library_checks_clean() {
    let root = repository();
    let programs: Vec<String> = ["experiments", "examples", "stdlib"]
        .iter()
        .flat_map(|folder| files(&root.join(folder), "masc"))
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    assert!(programs.len() >= 3, "experiments, examples and stdlib hold programs");
    let mut args = vec!["check", "--format", "short", "--all"];
    args.extend(programs.iter().map(String::as_str));
    let answer = mascot(&root, &args).ended_with(0);
    assert_eq!(answer.out, "", "warnings are for users, not for us");
}

#[test]
fn every_masc_block_of_the_documents_checks_clean() {
    let root = repository();
    let mut documents = files(&root.join("docs"), "md");
    documents.push(root.join("README.md"));
    let sandbox = Sandbox::empty();
    // The file that the page of M0319 reads.
    sandbox.write("prompts/anchor.md", "You are {{char}}.\n");
    let mut blocks = Vec::new();
    for path in documents {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        for (line, block) in masc_blocks(&fs::read_to_string(&path).unwrap()) {
            // A file name that says where the block stands, so that a failure does.
            let file = format!("{}_{line}.masc", name.replace(['/', '.'], "_"));
            sandbox.write(&file, &block);
            blocks.push(file);
        }
    }
    assert!(!blocks.is_empty(), "docs/language.md shows programs");
    let mut args = vec!["check", "--format", "short"];
    args.extend(blocks.iter().map(String::as_str));
    sandbox.mascot(&args).ended_with(0);
}

/// Blocks fenced as `masc`, with the line where each begins. Pages of diagnostics show faulty programs as `masc bad`.
fn masc_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.trim_end()) {
            (None, "```masc") => open = Some((at + 2, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, block)), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn the_readme_and_the_architecture_name_what_is_there() {
    let root = repository();
    for document in ["README.md", "docs/architecture.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for word in text.split(|character: char| character.is_whitespace() || "`(),;|".contains(character)) {
            // A place in a file names the file.
            let word = word.split(':').next().unwrap_or_default().trim_end_matches('.');
            let shown = ["src/", "docs/", "tests/", "experiments/", "stdlib/", "examples/", "grammar/"];
            let is_path = shown.iter().any(|folder| word.starts_with(folder)) && !word.contains(['*', '{', '…', '<']);
            // What a run writes is not in the repository.
            if is_path && !word.ends_with(".html") {
                assert!(root.join(word).exists(), "{document} names {word}, which is not there");
            }
        }
    }
}
