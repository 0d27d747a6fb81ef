#![allow(clippy::disallowed_methods, reason = "tests read the repository")]

use super::{Refusal, format, tokens};
use crate::source::FileId;
use tokens::Kind;

#[track_caller]
fn formatted(text: &str) -> String {
    match format(FileId(0), text) {
        Ok(text) => text,
        Err(Refusal::Changed) => panic!("what would be written does not say the same:\n{text}"),
        Err(Refusal::Faulty(found)) => panic!("{found:#?}\n{text}"),
    }
}

/// Every `.masc` text of the repository with its name.
fn repository() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut all = vec![("good.masc".to_owned(), include_str!("../syntax/tests/good.masc").to_owned())];
    for folder in ["stdlib", "examples", "experiments"] {
        for entry in std::fs::read_dir(format!("{root}/{folder}")).expect("a folder of the repository") {
            let path = entry.expect("a readable folder").path();
            if path.extension().is_some_and(|end| end == "masc") {
                all.push((path.display().to_string(), std::fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    assert!(all.len() > 8);
    all
}

#[test]
fn one_entry_a_line_and_short_values_on_one() {
    let text = "masc 1\nuse \"std/rubrics.masc\" {a,b as c}\nlet x=[ 1,2 ,3]\nmodel m { weights=wheel(\"a==1\" , \"b\");sha256 = none }\n\
                stage s=grpo for persona in [a]{lr=1e-5,kl={beta=0.02,place=loss}\n\n\n# why\n  steps = 400   steps # many\n}\n# end";
    let want = "masc 1\nuse \"std/rubrics.masc\" { a, b as c }\nlet x = [1, 2, 3]\n\nmodel m {\n  weights = wheel(\"a==1\", \"b\")\n  \
                sha256 = none\n}\n\nstage s = grpo for persona in [a] {\n  lr = 1e-5\n  kl = { beta = 0.02, place = loss }\n\n  # why\n  \
                steps = 400 steps  # many\n}\n# end\n";
    assert_eq!(formatted(text), want);
}

#[test]
fn what_has_more_than_four_entries_or_no_room_is_opened() {
    let text = "masc 1\nlet five = [a, b, c, d, e]\nlet wide = call_of_something(first_argument: \"a long text\", second_argument: \"another text\")\n\
                reward r {\n  score = (first_term_of_it(with: arguments) * 2.5 - second_term_of_it() + third_term(of: it))\n}\n";
    let want = "masc 1\nlet five = [\n  a,\n  b,\n  c,\n  d,\n  e,\n]\nlet wide = call_of_something(\n  first_argument: \"a long text\",\n  \
                second_argument: \"another text\",\n)\n\nreward r {\n  score = (\n    first_term_of_it(with: arguments) * 2.5\n    - second_term_of_it()\n    \
                + third_term(of: it)\n  )\n}\n";
    assert_eq!(formatted(text), want);
}

#[test]
fn signs_stand_where_they_mean_something() {
    let text = "masc 1\nstage s = evaluate {\n  gate -1<-x+1 and not (a.low>=2..  8 or b) else \"w\"\n  gate (delta(a , b) .low) > 40 % else \"v\"\n  \
                crew.*.voice=none\n  never+=[\"a\"]\n}\n";
    let found = formatted(text);
    assert!(found.contains("gate -1 < -x + 1 and not (a.low >= 2..8 or b) else \"w\""), "{found}");
    assert!(found.contains("gate (delta(a, b).low) > 40% else \"v\""), "{found}");
    assert!(
        found.contains("  crew.*.voice = none\n  never += [\n") || found.contains("  never += [\"a\"]\n"),
        "{found}"
    );
}

#[test]
fn prose_moves_and_does_not_change() {
    let text =
        "masc 1\npersona p \"P\" {\n voice = \"\"\"md\n      Two.\n\n        Deeper {{char}}   \n      \"\"\"\n}\n";
    let want = "masc 1\n\npersona p \"P\" {\n  voice = \"\"\"md\n    Two.\n\n      Deeper {{char}}   \n    \"\"\"\n}\n";
    assert_eq!(formatted(text), want);
}

#[test]
fn comments_stay_with_what_they_are_about() {
    let text = "masc 1 # edition\n# the crew\nlet crew = [ # who\n  a, # first\n  # second\n  b # last\n  # nobody else\n]\n\n\
                reward r {\n  score = 2 * # twice\n    contrast()\n  # the end\n}\n";
    let want = "masc 1  # edition\n# the crew\nlet crew = [  # who\n  a,  # first\n  # second\n  b,  # last\n  # nobody else\n]\n\n\
                reward r {\n  score = 2 *  # twice\n    contrast()\n  # the end\n}\n";
    assert_eq!(formatted(text), want);
}

#[test]
fn a_file_with_a_fault_is_left_alone() {
    assert!(matches!(format(FileId(0), "masc 1\nlet a = [1, 2\nlet b = 3\n"), Err(Refusal::Faulty(_))));
    assert!(matches!(format(FileId(0), "let a = 1\n"), Err(Refusal::Faulty(_))));
}

#[test]
fn every_file_here_keeps_what_it_says_and_a_second_time_changes_nothing() {
    for (name, text) in repository() {
        let once = formatted(&text);
        assert_eq!(formatted(&once), once, "{name}");
        assert_eq!(formatted(&text.replace('\n', "\r\n")), once, "{name}");
        assert_eq!(formatted(&format!("\u{feff}{text}")), once, "{name}");
    }
}

/// A generator of its own: what is drawn must be the same everywhere.
struct Draw(u64);

impl Draw {
    fn one_in(&mut self, n: u64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).is_multiple_of(n)
    }
}

/// The same tokens in another layout: blanks where there were none, new lines inside `( )` and `[ ]`, comments where `comments` asks.
fn shaken(text: &str, draw: &mut Draw, comments: bool) -> String {
    let all = tokens::tokens(text);
    let mut to = String::new();
    let mut open: Vec<u8> = Vec::new();
    let mut count = 0;
    for (at, token) in all.iter().enumerate() {
        let glued = at > 0 && {
            // Only what may be parted is: `a .b` is no path, and a fence begins its line.
            let last = all[at - 1];
            matches!((last.kind, token.kind), (Kind::Word | Kind::Close, Kind::Access)) || last.text == "."
        };
        if to.ends_with('\n') {
            // Indentation is what a missing bracket is found by.
            let depth = open.len() - usize::from(token.kind == Kind::Close && !open.is_empty());
            to.extend(std::iter::repeat_n("   ", depth));
        } else if !glued && !matches!(token.kind, Kind::NewLine) {
            to.push_str(if draw.one_in(3) { "   " } else { " " });
        }
        to.push_str(token.text);
        match token.kind {
            Kind::Open(byte) => open.push(byte),
            Kind::Close => {
                open.pop();
            }
            _ => {}
        }
        let next = all.get(at + 1).map(|next| next.kind);
        let may_part = matches!(token.kind, Kind::Open(_) | Kind::Separator) && next != Some(Kind::NewLine)
            || matches!(next, Some(Kind::Close | Kind::Separator))
                && !matches!(token.kind, Kind::Comment | Kind::NewLine);
        if may_part && matches!(open.last(), Some(b'(' | b'[')) && draw.one_in(4) {
            if comments && draw.one_in(3) {
                count += 1;
                to.push_str(&format!(" # {count}"));
            }
            to.push('\n');
            if comments && draw.one_in(5) {
                count += 1;
                to.push_str(&format!("# own {count}\n"));
            }
        }
    }
    to
}

#[test]
fn layout_is_forgotten_and_comments_are_not() {
    let mut draw = Draw(7);
    for (name, text) in repository() {
        let once = formatted(&text);
        for _ in 0..6 {
            // New lines inside brackets mean nothing, so what a layout without comments comes to is the same text.
            assert_eq!(formatted(&shaken(&once, &mut draw, false)), once, "{name}");
            let noted = formatted(&shaken(&once, &mut draw, true));
            assert_eq!(formatted(&noted), noted, "{name}\n{noted}");
        }
    }
}
