//! Where it comes from and how it is got again: inputs by digest, keys, artifacts, versions, commands.

use std::fmt::Write as _;

use super::escape::escape;
use super::page::{Page, Reproduce};
use crate::cli::render::bytes;

pub fn section(page: &Page, to: &mut String) {
    to.push_str(
        "<section id=\"provenance\" aria-labelledby=\"provenance-title\">\n<h2 id=\"provenance-title\">Provenance</h2>\n",
    );
    versions(page, to);
    sources(page, to);
    tasks(page, to);
    to.push_str("</section>\n");
}

pub fn reproduce(how: &Reproduce, to: &mut String) {
    to.push_str(
        "<section id=\"again\" aria-labelledby=\"again-title\">\n<h2 id=\"again-title\">How to reproduce</h2>\n\
         <p>This run, from the project's root:</p>\n",
    );
    command(&how.command, to);
    to.push_str("<p>This page, from the store, computing nothing:</p>\n");
    command(&how.report, to);
    if !how.others.is_empty() {
        to.push_str(
            "<p>The file's other points; a control that was run is quoted by this page when it is written again:</p>\n",
        );
        how.others.iter().for_each(|(_, call)| command(call, to));
    }
    to.push_str(
        "<p class=\"dim\">Same file, same inputs, same kind of machine and as many threads: the same bytes. Devices, times and \
         hosts are no part of a key.</p>\n</section>\n",
    );
}

fn command(call: &str, to: &mut String) {
    let _ = writeln!(to, "<pre tabindex=\"0\"><code>{}</code></pre>", escape(call));
}

fn versions(page: &Page, to: &mut String) {
    let how = &page.reproduce;
    to.push_str("<dl class=\"rows\">\n");
    let machine = how.machine.clone().unwrap_or_else(|| "not recorded".to_owned());
    let seed = how.seed.clone().unwrap_or_default();
    let (authors, links) = (page.authors.join(", "), page.links.join(", "));
    let rows = [
        ("authors", &authors),
        ("links", &links),
        ("version", &how.version),
        ("engine", &how.engine),
        ("seed", &seed),
        ("machine", &machine),
        ("run", &how.run),
        ("date", &how.date),
    ];
    for (name, value) in rows {
        if !value.is_empty() {
            let _ = writeln!(to, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(value));
        }
    }
    for (path, digest) in &how.files {
        let _ = writeln!(to, "<div><dt>{}</dt><dd><code>{}</code></dd></div>", escape(path), escape(digest));
    }
    to.push_str("</dl>\n");
}

fn sources(page: &Page, to: &mut String) {
    if page.sources.is_empty() {
        return;
    }
    to.push_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"inputs\"><table>\n\
         <caption>Weights and data, by the digest of their content</caption>\n<thead><tr><th scope=\"col\">what</th>\
         <th scope=\"col\">digest</th><th scope=\"col\">read by</th></tr></thead>\n<tbody>\n",
    );
    for source in &page.sources {
        let _ = writeln!(
            to,
            "<tr><th scope=\"row\"><code>{}</code></th><td><code class=\"digest\">{}</code></td><td>{}</td></tr>",
            escape(&source.what),
            escape(&source.digest),
            escape(&source.used_by.join(", "))
        );
    }
    to.push_str("</tbody>\n</table></div>\n");
}

fn tasks(page: &Page, to: &mut String) {
    to.push_str(
        "<details>\n<summary>What was recalled, what is fresh: every task with its key and artifacts</summary>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"tasks\"><table class=\"plain\">\n\
         <caption>Tasks in the order of the run</caption>\n<thead><tr><th scope=\"col\">task</th><th scope=\"col\">outcome</th>\
         <th scope=\"col\">made</th><th scope=\"col\">key and artifacts</th></tr></thead>\n<tbody>\n",
    );
    for task in &page.tasks {
        let class = match task.outcome.as_str() {
            "fresh" => "good",
            "failed" | "gated" => "bad",
            _ => "dim",
        };
        let key = task.key.as_deref().unwrap_or("–");
        let mut names = format!("key <code class=\"digest\">{}</code>", escape(key));
        for (name, digest, size) in &task.artifacts {
            let _ = write!(
                names,
                "<br>{} ({}) <code class=\"digest\">{}</code>",
                escape(name),
                bytes(*size as f64),
                escape(digest)
            );
        }
        let _ = writeln!(
            to,
            "<tr><th scope=\"row\">{}</th><td class=\"{class}\">{}</td><td class=\"nowrap\">{}</td><td>{names}</td></tr>",
            escape(&task.id),
            escape(&task.outcome),
            escape(task.made.as_deref().unwrap_or("–")),
        );
    }
    to.push_str("</tbody>\n</table></div>\n</details>\n");
}
