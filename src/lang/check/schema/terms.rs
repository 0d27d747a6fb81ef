//! Terms of rewards and metrics (`methods.md` 7), and functions of scores. A `model` that is not named is the policy's base
//! model without its adapter; an `encoder` that is not named is the one of `std/judges.masc`.

use super::Class::Objective;
use super::{Attribute as A, COUNT_OR_ZERO, Call, Default as D, REAL, Role, TOKENS, Target, Ty};
use crate::program::Dim;

const MODEL: A = A::optional(
    "model",
    Ty::Ref(&[Target::Model]),
    Objective,
    "The untouched model that is asked; the policy's base model unless said.",
);
const ENCODER: A = A::optional(
    "encoder",
    Ty::Ref(&[Target::Model]),
    Objective,
    "The sentence encoder; the one of `std/judges.masc` unless said.",
);
const FREE: A = A::with("free", COUNT_OR_ZERO, D::Number(0.0), Objective, "Words of the run that cost nothing.");
const EXAMPLES: A = A::optional(
    "examples",
    Ty::Ref(&[Target::Dataset]),
    Objective,
    "Lines of each persona; none: the personas' own examples.",
);
const CREW: A = A::optional(
    "crew",
    Ty::List(&Ty::Ref(&[Target::Persona])),
    Objective,
    "The personas that are compared; the stage's crew unless said.",
);

const fn term(name: &'static str, args: &'static [A], doc: &'static str) -> Call {
    Call { name, role: Role::Term, args, rest: None, doc }
}

const SHIFT: A = A::with(
    "shift",
    COUNT_OR_ZERO,
    D::Number(0.0),
    Objective,
    "A control: the examples are those of the companion so many seats further in the crew, round and round.",
);
pub static CONTRAST: Call = term(
    "contrast",
    &[MODEL, EXAMPLES, CREW, SHIFT],
    "log p(c | examples of p, x) − mean over the others of log p(c | examples of q, x), clipped to ±1.",
);
pub static RELEVANCE: Call = term(
    "relevance",
    &[A::optional("cap", REAL, Objective, "More than this counts as this."), MODEL],
    "log p(c | x) − mean over other situations of log p(c | x′).",
);
pub static OVERLAP: Call =
    term("overlap", &[FREE, EXAMPLES], "Longest run of words shared with any example, less the free ones.");
pub static ECHO: Call =
    term("echo", &[FREE], "Longest run of words of the completion shared with the situation, less the free ones.");
pub static NOVELTY: Call = term(
    "novelty",
    &[],
    "Share of bigrams repeated inside the completion, or seen in recent completions to other situations.",
);
pub static STUFFING: Call = term(
    "stuffing",
    &[],
    "Share of content words that stood in the completion before: one field of words in every clause.",
);
pub static DISTINCT_2: Call =
    term("distinct_2", &[], "Distinct over all bigrams of a persona's completions across situations.");
pub static LEAK: Call = term(
    "leak",
    &[],
    "Share of content words that stand in the persona's own name, role or voice and not in the situation.",
);
pub static FLUENCY: Call = term(
    "fluency",
    &[A::optional("floor", REAL, Objective, "Only what falls short of this counts."), MODEL],
    "log p(c | x) under the untouched model.",
);
pub static LENGTH: Call = term(
    "length",
    &[A::required("band", Ty::Range(Dim::Tokens), Objective, "The band of lengths that costs nothing.")],
    "Tokens outside the band.",
);
pub static FINISHED: Call = term("finished", &[], "1 when the completion ended by itself before the limit.");
pub static FORMAT: Call = term(
    "format",
    &[
        A::optional("max", TOKENS, Objective, "Longest completion that passes."),
        A::with("single_voice", Ty::Bool, D::Bool(false), Objective, "The completion may not speak for another."),
    ],
    "1 when the completion keeps to the form.",
);
pub static IDENTIFICATION: Call = term(
    "identification",
    &[A::required("examples", Ty::Ref(&[Target::Dataset]), Objective, "Held-out lines of each persona."), ENCODER],
    "Accuracy of a classifier over sentence vectors at naming the persona that speaks.",
);
pub static COHERENCE: Call = term(
    "coherence",
    &[MODEL],
    "Mean over turns of log p(turn | its own block) − log p(turn | another block), less the overlap with earlier turns.",
);
pub static DIVERSITY: Call = term(
    "diversity",
    &[A::with(
        "kind",
        Ty::Words(&["distinct_speakers", "no_repeat", "repeats", "entropy"]),
        D::Word("distinct_speakers"),
        Objective,
        "How a varied order of speakers is told.",
    )],
    "How varied a block's speakers are.",
);
pub static DISTINCT_SPEAKERS: Call = term("distinct_speakers", &[], "Number of distinct speakers of a block.");
pub static EFFECTIVE_CHANNELS: Call = term(
    "effective_channels",
    &[ENCODER],
    "2 to the entropy of the normalised eigenvalues of the turns' embeddings: how many voices a crew really has.",
);
pub static REPETITION: Call = term("repetition", &[], "Share of 4-grams seen in earlier turns of the block.");

const OF: A = A::required("x", Ty::Score, Objective, "The score.");
const FIRST: A = A::required("a", Ty::Score, Objective, "One score.");
const SECOND: A = A::required("b", Ty::Score, Objective, "The other score.");

const fn function(name: &'static str, args: &'static [A], doc: &'static str) -> Call {
    Call { name, role: Role::Function, args, rest: None, doc }
}

pub static NORMALISE: Call = function("normalise", &[OF], "A judge's score mapped from its rubric's scale to 0..1.");
pub static MIN: Call = function("min", &[FIRST, SECOND], "The smaller of two scores.");
pub static MAX: Call = function("max", &[FIRST, SECOND], "The larger of two scores.");
pub static CLIP: Call = function(
    "clip",
    &[OF, A::required("range", Ty::Range(Dim::None), Objective, "The bounds.")],
    "A score held between two bounds.",
);

/// What a metric gives beside its own number, where that has parts: of `length` the tokens themselves, and the share of
/// completions with fewer than the band begins at.
pub fn criteria(term: &str) -> &'static [&'static str] {
    if term == LENGTH.name { &["tokens", "short"] } else { &[] }
}

/// What an `evaluate` can measure.
pub const METRICS: &[&Call] = &[
    &CONTRAST,
    &RELEVANCE,
    &OVERLAP,
    &ECHO,
    &NOVELTY,
    &STUFFING,
    &DISTINCT_2,
    &LEAK,
    &FLUENCY,
    &LENGTH,
    &FINISHED,
    &FORMAT,
    &IDENTIFICATION,
    &COHERENCE,
    &DIVERSITY,
    &DISTINCT_SPEAKERS,
    &EFFECTIVE_CHANNELS,
    &REPETITION,
];

/// What a reward can be made of.
pub const SCORES: &[&Call] = &[
    &CONTRAST,
    &RELEVANCE,
    &OVERLAP,
    &ECHO,
    &NOVELTY,
    &STUFFING,
    &DISTINCT_2,
    &LEAK,
    &FLUENCY,
    &LENGTH,
    &FINISHED,
    &FORMAT,
    &IDENTIFICATION,
    &COHERENCE,
    &DIVERSITY,
    &DISTINCT_SPEAKERS,
    &EFFECTIVE_CHANNELS,
    &REPETITION,
    &NORMALISE,
    &MIN,
    &MAX,
    &CLIP,
];

pub static ALL: &[&Call] = SCORES;
