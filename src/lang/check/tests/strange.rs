//! Programs that nobody would write: whatever is in a file, it is checked or refused, and a refusal says why.

use super::{COMPANIONS, Files, QMSUM, check, words};

/// A counter-based generator (SplitMix64, Steele et al. 2014), so that a failing case can be found again.
fn drawn(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Words, numbers, strings and signs.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let mut end = at + 1;
        if word(bytes[at]) {
            while end < bytes.len() && word(bytes[end]) {
                end += 1;
            }
        } else if !bytes[at].is_ascii() || bytes[at].is_ascii_whitespace() {
            at = end;
            continue;
        }
        found.push((at, end));
        at = end;
    }
    found
}

/// One token in place of another.
fn mutated(text: &str, seed: u64, count: u64) -> String {
    let mut text = text.to_owned();
    for step in 0..count {
        let tokens = tokens(&text);
        let pick = |salt: u64| tokens[(drawn(seed * 1000 + step * 10 + salt) % tokens.len() as u64) as usize];
        let ((from, to), (start, end)) = (pick(0), pick(1));
        let other = text[start..end].to_owned();
        match drawn(seed * 1000 + step * 10 + 2) % 4 {
            0 => text.replace_range(from..to, ""),
            1 => text.insert_str(from, &format!("{other} ")),
            _ => text.replace_range(from..to, &other),
        }
    }
    text
}

fn survive(text: &str, seed: u64, count: u64) {
    let text = mutated(text, seed, count);
    let files = Files::of(&[("main.masc", text.as_str()), ("companions.masc", COMPANIONS)]);
    let checked = check(&files, "main.masc", &[]);
    // A program if and only if nothing is wrong; what is told has a place in its file.
    assert_eq!(checked.program.is_some(), !checked.diagnostics.has_errors(), "{text}");
    let _ = words(&checked);
    if let Some(program) = &checked.program {
        let _ = crate::expand(program, &checked.files);
        let points = checked.sweeps().iter().flat_map(|name| checked.sweep_points(name)).collect::<Vec<_>>();
        for point in checked.variants().iter().chain(points.first()) {
            let _ = checked.at(point);
        }
    }
}

#[test]
fn programs_with_other_words_in_them_are_checked_or_refused() {
    let cases = option_env!("MASCOT_STRANGE").and_then(|count| count.parse().ok()).unwrap_or(12);
    for seed in 0..cases {
        survive(QMSUM, seed, 1 + seed % 3);
        survive(include_str!("../../../../experiments/quickstart.masc"), seed, 1 + seed % 3);
    }
}
