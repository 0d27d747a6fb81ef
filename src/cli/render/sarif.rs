//! Diagnostics as SARIF 2.1.0, which code hosts and editors read: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeMap;

use mascot_lang::diagnostic::{Diagnostic, Diagnostics, Fix, Severity};
use mascot_lang::explain;
use mascot_lang::source::{FileId, SourceMap, Span};
use serde_json::{Value, json};

/// One run of the tool, over all files.
pub fn document(all: &[(&Diagnostics, &SourceMap)]) -> Value {
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    let mut results = Vec::new();
    for (found, files) in all {
        for one in found.sorted() {
            let code = one.code.0;
            rules.entry(code).or_insert_with(|| {
                let page = explain::explain(code);
                let title = page.as_ref().map_or_else(|| one.message.clone(), |page| page.title.clone());
                let mut rule = json!({"id": code, "shortDescription": {"text": title}});
                if let Some(page) = page {
                    rule["help"] = json!({"text": page.text, "markdown": page.text});
                }
                rule
            });
            results.push(result(one, files));
        }
    }
    // Where each rule stands among them.
    for result in &mut results {
        let at = result["ruleId"].as_str().and_then(|id| rules.keys().position(|code| *code == id));
        result["ruleIndex"] = json!(at);
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "mascot", "version": env!("CARGO_PKG_VERSION"), "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(one: &Diagnostic, files: &SourceMap) -> Value {
    let text = match &one.help {
        Some(help) => format!("{}\n{help}", one.message),
        None => one.message.clone(),
    };
    let related: Vec<Value> = one
        .secondary
        .iter()
        .map(|label| {
            let mut place = location(label.span, files);
            place["message"] = json!({"text": label.text});
            place
        })
        .collect();
    let mut result = json!({
        "ruleId": one.code.0,
        "level": match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        "message": {"text": text},
        "locations": [location(one.primary.span, files)],
    });
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    if !one.fixes.is_empty() {
        result["fixes"] = json!(one.fixes.iter().map(|fix| as_fix(fix, files)).collect::<Vec<_>>());
    }
    result
}

fn location(span: Span, files: &SourceMap) -> Value {
    json!({"physicalLocation": {"artifactLocation": artifact(span.file, files), "region": region(span, files)}})
}

fn artifact(file: FileId, files: &SourceMap) -> Value {
    // A relative reference: blanks and the like are encoded, separators are slashes.
    let path = files.file(file).path.replace('\\', "/");
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let uri: String = path
        .bytes()
        .map(|byte| if kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    json!({"uri": uri})
}

fn region(span: Span, files: &SourceMap) -> Value {
    let (start, end) = (files.position(span.file, span.start), files.position(span.file, span.end));
    json!({
        "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column,
    })
}

/// One change a file.
fn as_fix(fix: &Fix, files: &SourceMap) -> Value {
    let mut by_file: BTreeMap<FileId, Vec<Value>> = BTreeMap::new();
    for edit in &fix.edits {
        let replacement = json!({"deletedRegion": region(edit.span, files), "insertedContent": {"text": edit.text}});
        by_file.entry(edit.span.file).or_default().push(replacement);
    }
    let changes =
        by_file.into_iter().map(|(file, all)| json!({"artifactLocation": artifact(file, files), "replacements": all}));
    json!({"description": {"text": fix.title}, "artifactChanges": changes.collect::<Vec<_>>()})
}
