//! Rules about several who speak in one transcript.

use super::context::{Context, Member, list, word};
use crate::diagnostic::Diagnostic;
use crate::program::Value;
use crate::source::Span;

/// A prefix cache belongs to (tokens, adapter): an adapter that is on over the transcript changes the keys and values of every layer, so
/// each speaker reads all of it again.
pub fn share_a_transcript_and_no_cache(cx: &Context<'_>) {
    for member in cx.of_kind(&["dialogue", "grpo"]) {
        let mut speakers: Vec<Member<'_>> = Vec::new();
        for actor in list(member.value("actors")) {
            if let Value::Made(of) = actor {
                speakers.extend(of.iter().map(|at| cx.member(*at)));
            }
        }
        speakers.dedup_by_key(|speaker| speaker.at);
        let reads = |speaker: &&Member<'_>| !is_on_for_the_reply(cx, **speaker);
        let count = speakers.iter().filter(reads).count();
        if count > 1 {
            cx.tell(a_cache_each(member.span("actors"), count));
        }
    }
}

/// What the first of the stages that an adapter went through asked for.
fn is_on_for_the_reply(cx: &Context<'_>, speaker: Member<'_>) -> bool {
    let mut stages = vec![speaker];
    stages.extend(cx.ancestors(cx.before(speaker)));
    let fresh = stages.iter().find_map(|stage| match stage.value("adapter") {
        Value::Call { args, .. } => args.get("active").and_then(word),
        _ => None,
    });
    fresh == Some("reply")
}

fn a_cache_each(span: Span, count: usize) -> Diagnostic {
    Diagnostic::warning("M0990", span, format!("{count} speakers share a transcript, and each reads all of it under its own adapter: {count} caches for one"))
        .help("train them with `adapter = lora(…, active: reply)`: off over what was said, on for the reply, one cache for all")
}
