//! What can be said of a text by its words alone. Words are lower case, letters, digits and inner apostrophes.

use std::collections::{BTreeMap, BTreeSet};

use mascot_run::task::PersonaSpec;

/// The words of a text.
pub fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let split = lower.split(|c: char| !(c.is_alphanumeric() || c == '\''));
    split.map(|word| word.trim_matches('\'').to_owned()).filter(|word| !word.is_empty()).collect()
}

/// The longest run of words that `a` and `b` share.
pub fn longest_run(a: &[String], b: &[String]) -> usize {
    let mut best = 0;
    // ends[j]: length of the run that ends at a[i] and b[j].
    let mut ends = vec![0usize; b.len() + 1];
    for word in a {
        for j in (0..b.len()).rev() {
            ends[j + 1] = if *word == b[j] { ends[j] + 1 } else { 0 };
            best = best.max(ends[j + 1]);
        }
    }
    best
}

/// `overlap`: the longest run of words shared with any example.
pub fn overlap(completion: &str, examples: &[Vec<String>]) -> f64 {
    let own = words(completion);
    examples.iter().map(|example| longest_run(&own, example)).max().unwrap_or(0) as f64
}

/// `echo`: the longest run of words shared with what the user said.
pub fn echo(completion: &str, said: &str) -> f64 {
    longest_run(&words(completion), &words(said)) as f64
}

/// Neighbouring words.
pub fn bigrams(text: &str) -> Vec<(String, String)> {
    let words = words(text);
    words.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// `novelty`: the share of bigrams that are repeated inside the completion or stand in `seen`, recent completions to other
/// situations. 0 when there is no bigram.
pub fn novelty(completion: &str, seen: &BTreeSet<(String, String)>) -> f64 {
    share(&bigrams(completion), |at, all| seen.contains(&all[at]) || all[..at].contains(&all[at]))
}

/// `repetition` of one text: the share of its bigrams that stood earlier in it.
pub fn repetition(completion: &str) -> f64 {
    share(&bigrams(completion), |at, all| all[..at].contains(&all[at]))
}

fn share<T>(items: &[T], is: impl Fn(usize, &[T]) -> bool) -> f64 {
    if items.is_empty() {
        return 0.0;
    }
    (0..items.len()).filter(|&at| is(at, items)).count() as f64 / items.len() as f64
}

/// The share of a turn's 4-grams that stand in earlier turns of its block. 0 when it has none.
pub fn four_gram_overlap(turn: &str, earlier: &[&str]) -> f64 {
    let grams = |text: &str| words(text).windows(4).map(<[String]>::to_vec).collect::<Vec<_>>();
    let seen: BTreeSet<Vec<String>> = earlier.iter().flat_map(|text| grams(text)).collect();
    share(&grams(turn), |at, all| seen.contains(&all[at]))
}

/// `repetition` of a block: the mean over its turns after the first of their 4-grams said before.
pub fn block_repetition(turns: &[&str]) -> f64 {
    if turns.len() < 2 {
        return 0.0;
    }
    let all: f64 = (1..turns.len()).map(|at| four_gram_overlap(turns[at], &turns[..at])).sum();
    all / (turns.len() - 1) as f64
}

/// `distinct_2`: distinct over all bigrams of these completions (Li et al. 2016). NaN without a bigram.
pub fn distinct_2<'a>(completions: impl IntoIterator<Item = &'a str>) -> f64 {
    let all: Vec<_> = completions.into_iter().flat_map(bigrams).collect();
    let distinct: BTreeSet<_> = all.iter().collect();
    distinct.len() as f64 / all.len() as f64
}

/// `leak`: the share of content words of the completion that stand in the persona's own name, role or voice, and not in what
/// the user said.
pub fn leak(completion: &str, persona: &PersonaSpec, said: &str) -> f64 {
    let voice = persona.voice.as_deref().unwrap_or_default().replace("{{char}}", " ").replace("{{user}}", " ");
    let own = [persona.name.as_str(), persona.role.as_deref().unwrap_or_default(), &voice];
    let told: BTreeSet<String> = own.iter().flat_map(|text| words(text)).collect();
    let said: BTreeSet<String> = words(said).into_iter().collect();
    let content: Vec<String> = words(completion).into_iter().filter(|word| is_content(word)).collect();
    share(&content, |at, all| told.contains(&all[at]) && !said.contains(&all[at]))
}

/// `stuffing`: the share of content words of the completion that stood in it before. An optimiser that is paid for a manner says its
/// words in every clause ("You feel sad, you feel so sad"), which bigrams do not see. 0 when it has none.
pub fn stuffing(completion: &str) -> f64 {
    let content: Vec<String> = words(completion).into_iter().filter(|word| is_content(word)).collect();
    share(&content, |at, all| all[..at].contains(&all[at]))
}

/// Not one of English's function words.
fn is_content(word: &str) -> bool {
    word.chars().count() > 2 && !FUNCTION_WORDS.contains(&word)
}

#[rustfmt::skip]
const FUNCTION_WORDS: &[&str] = &[
    "the", "and", "but", "for", "nor", "yet", "you", "your", "yours", "yourself", "she", "her", "hers", "him", "his", "they", "them",
    "their", "theirs", "its", "our", "ours", "who", "whom", "whose", "what", "which", "this", "that", "these", "those", "are", "was",
    "were", "been", "being", "have", "has", "had", "having", "does", "did", "doing", "will", "would", "shall", "should", "can",
    "could", "may", "might", "must", "not", "with", "from", "into", "onto", "about", "after", "before", "between", "through", "over",
    "under", "out", "off", "down", "than", "then", "there", "here", "when", "where", "why", "how", "all", "any", "both", "each",
    "few", "more", "most", "some", "such", "only", "own", "same", "too", "very", "just", "also", "because", "while", "until", "one",
    "don't", "doesn't", "didn't", "isn't", "aren't", "wasn't", "weren't", "can't", "won't", "it's", "i'm", "i've", "you're", "you've",
    "that's", "let", "get", "got",
];

/// How many tokens a completion is outside a band.
pub fn outside(tokens: usize, low: f64, high: f64) -> f64 {
    let n = tokens as f64;
    (low - n).max(n - high).max(0.0)
}

/// `format`: 1 when the text is not empty, has at most `max` tokens, and (with `single_voice`) is the words of one speaker: no
/// line of it begins like "NAME:" with a name of the crew or a role of a chat. Else 0.
pub fn format(text: &str, tokens: usize, max: Option<f64>, single_voice: bool, names: &[&str]) -> f64 {
    let fits = !text.trim().is_empty() && max.is_none_or(|max| tokens as f64 <= max);
    let is_label = |line: &str| {
        let Some((label, _)) = line.split_once(':') else { return false };
        let label = label.trim().trim_matches(['*', '[', ']', '"']).to_lowercase();
        let of_crew = names.iter().any(|name| crate::data::same_persona(name, &label));
        of_crew || matches!(label.as_str(), "user" | "assistant" | "system" | "director" | "speaker" | "agent")
    };
    let others = single_voice && text.lines().any(is_label);
    f64::from(u8::from(fits && !others))
}

/// `diversity(kind)` of who spoke, in order (methods 1.2): `distinct_speakers` 1 when all are distinct; `no_repeat` 1 when nobody
/// speaks twice in a row; `repeats` −(turns − distinct)/(turns − 1); `entropy` of the histogram over log of the seats.
/// `None` for another kind.
pub fn diversity(kind: &str, speakers: &[&str], seats: usize) -> Option<f64> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for speaker in speakers {
        *counts.entry(speaker).or_default() += 1;
    }
    let (n, distinct) = (speakers.len(), counts.len());
    Some(match kind {
        "distinct_speakers" => f64::from(u8::from(distinct == n)),
        "no_repeat" => f64::from(u8::from(speakers.windows(2).all(|pair| pair[0] != pair[1]))),
        "repeats" if n < 2 => 0.0,
        "repeats" => -((n - distinct) as f64) / (n - 1) as f64,
        "entropy" => {
            let share = |count: &usize| *count as f64 / n as f64;
            let entropy: f64 = counts.values().map(share).map(|p| -p * p.ln()).sum();
            if seats > 1 { entropy / (seats as f64).ln() } else { 0.0 }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<(String, String)> {
        texts.iter().flat_map(|text| bigrams(text)).collect()
    }

    #[test]
    fn runs_are_counted_in_words() {
        assert_eq!(words("Don’t -- stop, 'now'!"), ["don't", "stop", "now"]);
        assert_eq!(echo("I lost my job, you say?", "Today I lost my job."), 4.0);
        assert_eq!(overlap("a b c d", &[words("x b c y"), words("c d e")]), 2.0);
        assert_eq!(longest_run(&words("a a a"), &words("a a")), 2);
    }

    #[test]
    fn novelty_counts_what_was_said_before() {
        // sad-sad twice after the first, of three bigrams.
        assert_eq!(novelty("sad sad sad sad", &BTreeSet::new()), 2.0 / 3.0);
        assert_eq!(novelty("so sorry for that", &set(&["I am so sorry"])), 1.0 / 3.0);
        assert_eq!(novelty("one", &BTreeSet::new()), 0.0);
        assert_eq!(distinct_2(["a b c", "a b"]), 2.0 / 3.0);
    }

    #[test]
    fn stuffing_sees_the_words_that_bigrams_do_not() {
        // Content words: feel, sad, angry, feel, sad.
        let stuffed = "You feel so sad, and then angry. No, you feel sad.";
        assert_eq!(stuffing(stuffed), 2.0 / 5.0);
        assert!(repetition(stuffed) < 0.15);
        assert_eq!(stuffing("You and you and you"), 0.0);
    }

    #[test]
    fn leak_sees_the_description_and_not_the_user() {
        let persona = PersonaSpec {
            name: "The Catalyst".into(),
            role: Some("Critical Thinker".into()),
            voice: Some("You are {{char}}. Ask one Socratic question.".into()),
            never: vec![],
            examples: vec![],
        };
        // Content words: socratic, question, changes, everything.
        assert_eq!(leak("A Socratic question changes everything", &persona, ""), 0.5);
        assert_eq!(leak("A Socratic question changes everything", &persona, "I have a question"), 0.25);
    }

    #[test]
    fn one_voice_is_one_voice() {
        let names = ["The Anchor", "The Beacon"];
        assert_eq!(format("I hear you.", 5, Some(10.0), true, &names), 1.0);
        assert_eq!(format("I hear you.\nAnchor: and I too", 9, Some(10.0), true, &names), 0.0);
        assert_eq!(format("I hear you.\nAnchor: and I too", 9, Some(10.0), false, &names), 1.0);
        assert_eq!(format("I hear you.", 11, Some(10.0), true, &names), 0.0);
        assert_eq!(format(" ", 1, None, true, &names), 0.0);
        assert_eq!(outside(12, 15.0, 60.0), 3.0);
    }

    #[test]
    fn diversity_is_as_written() {
        let of = |kind, speakers: &[&str]| diversity(kind, speakers, 3).expect("known");
        assert_eq!(of("distinct_speakers", &["a", "b", "c"]), 1.0);
        assert_eq!(of("distinct_speakers", &["a", "b", "a"]), 0.0);
        assert_eq!(of("no_repeat", &["a", "b", "a"]), 1.0);
        assert_eq!(of("repeats", &["a", "b", "a"]), -0.5);
        assert!((of("entropy", &["a", "b", "c"]) - 1.0).abs() < 1e-12);
        assert_eq!(of("entropy", &["a", "a", "a"]), 0.0);
        assert_eq!(diversity("else", &["a"], 3), None);
    }

    #[test]
    fn a_block_that_parrots_is_seen() {
        assert_eq!(block_repetition(&["I am so very sorry", "I am so very sorry"]), 1.0);
        assert_eq!(block_repetition(&["I am so very sorry", "Quite another thing to say"]), 0.0);
    }
}
