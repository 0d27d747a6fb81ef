//! The report: one self-contained HTML file, readable by someone who has never seen mascot. No script, no network.
//!
//! # Steps
//! 1. [`gather`] reads what a run made out of the store into a [`Page`], plain data (`sources`: what came from outside;
//!    `controls`: what the store remembers of the file's other points).
//! 2. [`html`] lays the page out, a room a section. The first screen says what was asked, what came out and what held;
//!    transcripts come next, because a table of rewards alone calls every exploit a success.
//!
//! Uses `run`'s types and the store's files. Deliberately absent: computing anything; a number here stands in an artifact.

mod controls;
mod curves;
pub mod declared;
mod escape;
pub mod gather;
mod groups;
mod intervals;
mod page;
mod points;
mod provenance;
pub mod sources;
mod stages;
mod subjects;
mod summary;
mod tables;
mod transcripts;
mod verdicts;

use std::fmt::Write as _;

use escape::escape;
pub use page::{Page, Reproduce};

/// Sections that a reader may jump to, in the page's order: id and name.
const SECTIONS: [(&str, &str); 11] = [
    ("outcome", "Outcome"),
    ("said", "What they say"),
    ("results", "Results"),
    ("points", "Points and variants"),
    ("gates", "Gates and guards"),
    ("controls", "Controls"),
    ("curves", "Training curves"),
    ("training", "How training went"),
    ("stages", "Time and cost"),
    ("provenance", "Provenance"),
    ("again", "How to reproduce"),
];

/// The whole file.
pub fn html(page: &Page) -> String {
    let mut body = String::new();
    summary::section(page, &mut body);
    transcripts::section(&page.evaluations, &mut body);
    tables::section(&page.evaluations, &mut body);
    points::section(&page.comparisons, &mut body);
    verdicts::gates(page, &mut body);
    verdicts::controls(page, &mut body);
    curves::section(&page.trainings, &mut body);
    groups::section(&page.trainings, &mut body);
    stages::section(page, &mut body);
    provenance::section(page, &mut body);
    provenance::reproduce(&page.reproduce, &mut body);
    // The page's head is a header of its own; what follows is the main part.
    let (header, main) = body.split_once("</header>\n").expect("the first screen begins with the header");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the results</a>\n{header}</header>\n{nav}<main id=\"main\">\n{main}</main>\n\
         <footer>\n<p>Written by {version} from the store, without a network; every number stands in an artifact there. Folded \
         parts print as they stand: open them first.</p>\n</footer>\n</body>\n</html>\n",
        title = escape(&page.title),
        style = include_str!("style.css"),
        nav = nav(main),
        version = escape(&page.reproduce.version),
    )
}

/// Links to the sections that this page has.
fn nav(main: &str) -> String {
    let mut nav = "<nav aria-label=\"Sections\">\n<ul>\n".to_owned();
    for (id, name) in SECTIONS {
        if main.contains(&format!("<section id=\"{id}\"")) {
            let _ = writeln!(nav, "<li><a href=\"#{id}\">{name}</a></li>");
        }
    }
    nav + "</ul>\n</nav>\n"
}
