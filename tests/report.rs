//! The report as a page: landmarks, names, nothing from elsewhere, everything that others wrote escaped; and what it says of controls.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::house::{QUICKSTART, Sandbox, repository};

/// A variant that rehearses as a control does on real weights.
const CONTROL: &str = "\n## Nothing is learnt.\nvariant frozen_still \"Rate zero\" {\n  voices.lr = 0.0001\n}\n";

/// The page of a run, by its `--json` document.
pub fn page_of(run: &Value) -> String {
    fs::read_to_string(run["report"].as_str().unwrap()).unwrap()
}

/// Panics unless the page stands alone and can be found one's way in.
#[track_caller]
pub fn is_well_made(page: &str) {
    for (once, n) in [("<h1>", 1), ("<main id=\"main\">", 1), ("<header>", 1), ("<nav aria-label=", 1), ("<footer>", 1)]
    {
        assert_eq!(page.matches(once).count(), n, "{once}");
    }
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.contains("<title>"));

    // Nothing is loaded, run or reached.
    for from_elsewhere in
        ["<script", "<link", "<iframe", "<img", "<object", "@import", "url(", "src=", "http:", "https:"]
    {
        assert!(!page.contains(from_elsewhere), "the page holds {from_elsewhere}");
    }
    let links: Vec<&str> = attributes(page, "href");
    assert!(!links.is_empty() && links.iter().all(|link| link.starts_with('#')), "{links:?}");

    let ids = attributes(page, "id");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "ids are unique: {ids:?}");
    let named = attributes(page, "aria-labelledby");
    for id in links.iter().map(|link| &link[1..]).chain(named.iter().copied()) {
        assert!(unique.contains(id), "nothing has the id {id}");
    }

    // Headings go down one level at a time.
    let levels: Vec<u8> = page.match_indices("<h").filter_map(|(at, _)| level(&page[at + 2..])).collect();
    assert_eq!(levels.first(), Some(&1));
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1, "a heading of level {} follows one of {}", pair[1], pair[0]);
    }

    for table in page.split("<table").skip(1) {
        let table = table.split("</table>").next().unwrap();
        assert!(table.contains("<caption>"), "a table without a caption: {table}");
        assert_eq!(table.matches("<th").count() - table.matches("<thead").count(), table.matches("<th scope=").count());
    }
    for svg in page.split("<svg").skip(1) {
        let head = svg.split('>').next().unwrap();
        assert!(head.contains("role=\"img\" aria-label=\"") || head.contains("aria-hidden=\"true\""), "<svg{head}>");
    }
}

fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    // In markup a `"` is an attribute's: in text it is escaped.
    page.split(&format!(" {name}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn level(rest: &str) -> Option<u8> {
    let digit = rest.chars().next()?.to_digit(10)?;
    rest[1..].starts_with([' ', '>']).then_some(digit as u8)
}

#[test]
fn a_rehearsals_page_is_well_made() {
    let sandbox = Sandbox::new();
    let page = page_of(&sandbox.rehearse(QUICKSTART));
    is_well_made(&page);
    for told in
        ["What came out", "Gates and guards", "Controls", "Time and cost by stage", "Provenance", "role=\"img\""]
    {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn what_others_wrote_stays_text() {
    let sandbox = Sandbox::new();
    let attack = "</title><script>alert(1)</script>";
    sandbox.edit(QUICKSTART, "\"MASCOT in twenty minutes\"", &format!("\"{attack}\""));
    sandbox.edit(
        QUICKSTART,
        "persona anchor \"The Anchor\"",
        "persona anchor \"The <img src=x onerror=alert(2)> Anchor\"",
    );
    let page = page_of(&sandbox.rehearse(QUICKSTART));
    is_well_made(&page.replace("&lt;img src=x", "&lt;img"));
    assert!(page.contains("&lt;/title&gt;&lt;script&gt;alert(1)"));
    assert!(page.contains("The &lt;img src=x onerror=alert(2)&gt; Anchor"));
}

#[test]
fn a_control_is_quoted_once_it_was_run() {
    let sandbox = Sandbox::new();
    let text = sandbox.read(QUICKSTART);
    sandbox.write(QUICKSTART, &(text + CONTROL));
    let page = page_of(&sandbox.rehearse(QUICKSTART));
    let first_screen = page.split("id=\"said\"").next().unwrap();
    assert!(first_screen.contains("<strong>frozen_still</strong>: not run"), "{first_screen}");
    assert!(!first_screen.contains("<strong>smoke</strong>"), "other weights are no control");
    assert!(page.contains("--variant frozen_still"), "how to run it");

    let args = ["run", QUICKSTART, "--engine", "fake", "--variant", "frozen_still", "--json"];
    let control = sandbox.mascot(&args).ended_with(0).json();
    assert!(!page_of(&control).contains("id=\"controls\""), "a control's own report controls nothing");

    // The base's page, though the control's run is the later one.
    sandbox.mascot(&["report", QUICKSTART, "--engine", "fake", "--out", "again.html"]).ended_with(0);
    let page = sandbox.read("again.html");
    is_well_made(&page);
    assert!(!page.contains("<strong>frozen_still</strong>: not run"));
    assert!(page.contains("Nothing is learnt."));
    let row = |metrics: &Value| {
        let voices = |row: &&Value| row["task"].as_str().unwrap().starts_with("speakers") && row["persona"].is_null();
        metrics.as_array().unwrap().iter().find(voices).unwrap()["mean"].as_f64()
    };
    assert!(row(&control["metrics"]).is_some());
    let section = page.split("id=\"controls\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(section.contains("frozen_still, beside the base") && section.contains("voices − SFT"), "{section}");
    assert!(!section.contains("every byte"), "a rehearsed adapter has no weights that could have stayed: {section}");
}

#[test]
fn a_gate_that_fails_stands_on_the_first_screen() {
    let sandbox = Sandbox::new();
    let args = ["run", QUICKSTART, "--engine", "fake", "--set", "least_gain=1.9", "--json"];
    let page = page_of(&sandbox.mascot(&args).ended_with(0).json());
    let first_screen = page.split("id=\"said\"").next().unwrap();
    assert!(first_screen.contains("training did not bring the companions into character"), "{first_screen}");
    assert!(first_screen.contains("do not hold"));
}

/// `tests/report_browser.py` asks a real browser; it says so where there is none.
#[test]
#[allow(clippy::disallowed_macros, reason = "a test that skips says so")]
fn a_browser_finds_the_page_in_order() {
    let sandbox = Sandbox::new();
    sandbox.rehearse(QUICKSTART);
    sandbox.mascot(&["report", QUICKSTART, "--engine", "fake", "--out", "page.html"]).ended_with(0);
    let script = repository().join("tests/report_browser.py");
    let Ok(answer) = Command::new("python3").arg(script).arg(sandbox.path().join("page.html")).output() else {
        eprintln!("skipped: no python3 here to ask a browser with");
        return;
    };
    let said = String::from_utf8_lossy(&answer.stdout).into_owned() + &String::from_utf8_lossy(&answer.stderr);
    eprintln!("{said}");
    assert!(answer.status.success(), "{said}");
}
