//! What a stranger might send is read or refused, soon and without harm: no panic, no stack or memory used up. How soon is the
//! benchmark's to say (`benches/speed.rs`); here time is bounded so generously that only what grows without bound is caught.

#![allow(clippy::disallowed_methods, reason = "a test looks at the clock")]

mod shapes;

use std::time::Instant;

use super::{Files, check};

/// Of a build that is not optimised, beside other tests.
const BOUND: u64 = 120;

/// Near their full size: many minutes, were their time to grow with the square again.
#[test]
fn what_once_took_minutes_takes_none() {
    let once = ["a string of \"{{\"", "a path", "a base that is long"];
    let mut seen = 0;
    for (name, files) in shapes::all(400_000).into_iter().filter(|(name, _)| once.contains(&name.as_str())) {
        let pairs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let began = Instant::now();
        let _ = check(&Files::of(&pairs), "main.masc", &[]);
        assert!(began.elapsed().as_secs() < BOUND, "{name}: {:?}", began.elapsed());
        seen += 1;
    }
    assert_eq!(seen, once.len());
}

#[test]
fn hostile_programs_are_read_or_refused() {
    for (name, files) in shapes::all(8_000) {
        let pairs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let files = Files::of(&pairs);
        let began = Instant::now();
        let checked = check(&files, "main.masc", &[]);
        let took = began.elapsed();
        assert!(took.as_secs() < BOUND, "{name}: {took:?}");
        assert_eq!(checked.program.is_some(), !checked.diagnostics.has_errors(), "{name}");
        let told = checked.diagnostics.sorted();
        assert!(told.len() <= 101 * pairs.len(), "{name}: {}", told.len());
        if shapes::is_refused(&name) {
            assert!(checked.diagnostics.has_errors(), "{name} is not refused");
        }
        for one in told {
            // On boundaries of characters, or this panics.
            let _ = checked.files.text(one.primary.span);
        }
    }
}
