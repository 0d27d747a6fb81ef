//! A gate's text with each value in it under its own text, as assertions are drawn in Groovy and Swift:
//!
//! ```text
//! delta(voices, bare) >= 0.7 * mean(bare)
//! │                          │ │
//! 0.12                       │ 0.5
//!                            0.35
//! ```

use mascot_run::drawn::Shown;

/// The lines of the drawing; a text that is wider than `width` is broken before one of its parts.
pub fn drawing(text: &str, shown: &[Shown], width: usize) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let mut lines = Vec::new();
    for (start, end) in pieces(&text, shown, width) {
        let piece: String = text[start..end].iter().collect();
        lines.push(piece.trim_end().to_owned());
        let here = shown.iter().filter(|one| start <= one.at && one.at < end);
        let mut left: Vec<(usize, &str)> = here.map(|one| (one.at - start, one.value.as_str())).collect();
        if !left.is_empty() {
            lines.push(row(left.iter().map(|(at, _)| (*at, "│"))));
        }
        while !left.is_empty() {
            // From the right, whatever fits before what stands beside it; the others wait under a bar.
            let (mut now, mut later, mut limit) = (Vec::new(), Vec::new(), usize::MAX);
            for (at, value) in left.iter().rev().copied() {
                if at.saturating_add(value.chars().count()) < limit {
                    now.push((at, value));
                } else {
                    now.push((at, "│"));
                    later.push((at, value));
                }
                limit = at;
            }
            now.reverse();
            later.reverse();
            lines.push(row(now.into_iter()));
            left = later;
        }
    }
    lines
}

/// Where the text is broken: before parts, never inside one.
fn pieces(text: &[char], shown: &[Shown], width: usize) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while text.len() - start > width {
        let breaks = shown.iter().map(|one| one.at).filter(|at| *at > start && text.get(at - 1) == Some(&' '));
        let fitting = breaks.clone().filter(|at| at - start <= width).max();
        let Some(end) = fitting.or(breaks.min()) else { break };
        pieces.push((start, end));
        start = end;
    }
    pieces.push((start, text.len()));
    pieces
}

/// Texts at their columns; they do not overlap.
fn row<'t>(parts: impl Iterator<Item = (usize, &'t str)>) -> String {
    let mut line = String::new();
    let mut column = 0;
    for (at, part) in parts {
        line.extend(std::iter::repeat_n(' ', at.saturating_sub(column)));
        line.push_str(part);
        column = at + part.chars().count();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: &[(usize, &str)]) -> Vec<Shown> {
        parts.iter().map(|(at, value)| Shown { at: *at, value: (*value).to_owned() }).collect()
    }

    #[test]
    fn each_value_stands_under_its_own_text() {
        let text = "delta(voices, bare) >= 0.7 * mean(bare)";
        let parts = shown(&[(0, "0.12"), (27, "0.35"), (29, "0.5")]);
        let expected = [
            text,
            "│                          │ │",
            "0.12                       │ 0.5",
            "                           0.35",
        ];
        assert_eq!(drawing(text, &parts, 80), expected);
    }

    #[test]
    fn a_wide_text_is_broken_before_a_part() {
        let parts = shown(&[(0, "1"), (5, "2"), (9, "3")]);
        let expected = ["aaaa", "│", "1", "bbb", "│", "2", "ccc", "│", "3"];
        assert_eq!(drawing("aaaa bbb ccc", &parts, 6), expected);
        assert_eq!(drawing("no part at all of this", &[], 6), ["no part at all of this"]);
    }
}
