//! Block items and their child blocks.

use super::Class::{Behaviour, Cosmetic, Data, Objective, Topology, Training, Where};
use super::{
    Attribute as A, BYTES, COUNT, COUNT_OR_ZERO, ChildBlock, DOLLARS, Default as D, FRACTION, GPU_TIME, Kind, Makes,
    SECONDS, SEED, TOKENS, Target, Ty, calls, records,
};
use crate::program::{Dim, EntityKind};

const PERSONAS: Ty = Ty::List(&Ty::Ref(&[Target::Persona]));

const fn item(name: &'static str, entity: EntityKind, fields: &'static [A], doc: &'static str) -> Kind {
    Kind { name, entity, fields, children: &[], extends: false, gates: false, makes: None, results: &[], doc }
}

pub static EXPERIMENT: Kind = item(
    "experiment",
    EntityKind::Experiment,
    &[
        A::with("seed", SEED, D::Number(1.0), Training, "From which every task's randomness is derived."),
        A::optional("question", Ty::Text, Cosmetic, "What the experiment asks."),
        A::with("authors", Ty::List(&Ty::Text), D::Empty, Cosmetic, "Who did it."),
        A::with("links", Ty::List(&Ty::Text), D::Empty, Cosmetic, "Where to read more."),
    ],
    "What a main file is about; one a file.",
);

pub static MODEL: Kind = Kind {
    extends: true,
    ..item(
        "model",
        EntityKind::Model,
        &[
            A::required("weights", Ty::Call(calls::WEIGHTS), Training, "Where the weights come from."),
            A::optional("sha256", Ty::Text, Training, "The content's digest: makes its sources interchangeable."),
            A::with(
                "dtype",
                Ty::Words(&["f32", "bf16", "q8"]),
                D::Word("f32"),
                Training,
                "In which numbers the frozen weights are held.",
            ),
        ],
        "Weights, a tokenizer and a chat template.",
    )
};

pub static DATASET: Kind = item(
    "dataset",
    EntityKind::Dataset,
    &[
        A::required("source", Ty::Call(calls::READERS), Data, "Which reader, of which files."),
        A::optional("max_len", TOKENS, Data, "Longer texts are cut at this many tokens."),
        A::optional("split", Ty::Record(&records::SPLIT), Data, "How splits are cut, instead of the source's own."),
        A::optional("limit", COUNT, Data, "At most this many conversations of each split, the first of the source."),
    ],
    "Rows to train on, to ask and to measure with; `.train`, `.val`, `.test`.",
);

pub static EXAMPLE: ChildBlock = ChildBlock {
    keyword: "example",
    named: false,
    titled: false,
    weighted: false,
    gates: false,
    fields: &[
        A::required("given", Ty::Text, Behaviour, "What the persona is told."),
        A::required("says", Ty::Text, Behaviour, "What the persona answers."),
    ],
    class: Behaviour,
    doc: "One line of the persona, as it should be.",
};
pub static TEST: ChildBlock = ChildBlock {
    keyword: "test",
    named: false,
    titled: true,
    weighted: false,
    gates: true,
    fields: &[
        A::required("given", Ty::Text, Cosmetic, "What the persona is told."),
        A::with("n", COUNT, D::Number(8.0), Cosmetic, "How often it is asked."),
        A::with("k", COUNT, D::Number(6.0), Cosmetic, "For how many of the answers every gate must hold."),
    ],
    class: Cosmetic,
    doc: "A situation and what must hold of the answer; `mascot test` asks it.",
};
pub static PERSONA: Kind = Kind {
    extends: true,
    children: &[&EXAMPLE, &TEST],
    ..item(
        "persona",
        EntityKind::Persona,
        &[
            A::optional("role", Ty::Text, Behaviour, "What the persona is to the group, in a few words."),
            A::optional(
                "voice",
                Ty::Text,
                Behaviour,
                "The system prompt, verbatim; `{{char}}` and `{{user}}` are filled.",
            ),
            A::with("never", Ty::List(&Ty::Text), D::Empty, Behaviour, "What the persona never does."),
            A::with(
                "adapter",
                Ty::Call(&[&calls::LORA]),
                D::Call(&calls::LORA),
                Training,
                "The adapter that a stage trains for it when it says `adapter = persona.adapter`.",
            ),
        ],
        "Who speaks.",
    )
};

pub static CRITERION: ChildBlock = ChildBlock {
    keyword: "criterion",
    named: true,
    titled: true,
    weighted: true,
    gates: false,
    fields: &[
        A::optional("low", Ty::Text, Objective, "What the scale's lowest score looks like."),
        A::optional("mid", Ty::Text, Objective, "What the middle of the scale looks like."),
        A::optional("high", Ty::Text, Objective, "What the scale's highest score looks like."),
    ],
    class: Objective,
    doc: "One thing that is judged, and its share of the whole.",
};
pub static RUBRIC: Kind = Kind {
    extends: true,
    children: &[&CRITERION],
    ..item(
        "rubric",
        EntityKind::Rubric,
        &[A::with("scale", Ty::Range(Dim::None), D::Range(1.0, 5.0), Objective, "The lowest and the highest score.")],
        "How something is judged; the weights of its criteria add up to 100%.",
    )
};

pub static JUDGE: Kind = Kind {
    extends: true,
    ..item(
        "judge",
        EntityKind::Judge,
        &[
            A::required("by", Ty::Call(calls::JUDGES), Objective, "What kind of judge."),
            A::required("rubrics", Ty::Set(&Ty::Ref(&[Target::Rubric])), Objective, "What it may be asked."),
            A::optional("crew", PERSONAS, Objective, "The personas that it compares; the stage's crew unless said."),
            A::with("votes", COUNT, D::Number(1.0), Objective, "How many verdicts are averaged."),
            A::with("swap", Ty::Bool, D::Bool(false), Objective, "Ask with criteria and levels in both orders."),
            A::optional("auth", Ty::Ref(&[Target::Secret]), Where, "The secret that opens the endpoint."),
            A::with("timeout", SECONDS, D::Number(60.0), Cosmetic, "How long one request may take."),
            A::with("retries", COUNT_OR_ZERO, D::Number(4.0), Cosmetic, "How often a failed request is sent again."),
            A::optional("requests_per_minute", COUNT, Cosmetic, "At most this many requests a minute."),
            A::optional("tokens_per_minute", TOKENS, Cosmetic, "At most this many tokens a minute."),
            A::optional("ceiling", DOLLARS, Where, "At most this much money in a run; needs both prices."),
            A::optional(
                "input_price",
                DOLLARS,
                Cosmetic,
                "What a million tokens cost that it reads; unknown unless said.",
            ),
            A::optional(
                "output_price",
                DOLLARS,
                Cosmetic,
                "What a million tokens cost that it writes; unknown unless said.",
            ),
            A::with("most_void", FRACTION, D::Number(0.2), Cosmetic, "More void verdicts than this stop the stage."),
        ],
        "Who judges, and by which rubrics.",
    )
};

pub static REWARD: Kind = Kind {
    extends: true,
    ..item(
        "reward",
        EntityKind::Reward,
        &[
            A::required("score", Ty::Score, Objective, "Arithmetic over reward models, verdicts and terms."),
            A::optional("clip", Ty::Range(Dim::None), Objective, "The score is held between these."),
        ],
        "What training sees.",
    )
};

pub static DIRECTOR: Kind = item(
    "director",
    EntityKind::Director,
    &[
        A::required(
            "policy",
            Ty::Ref(&[Target::Model, Target::Made(Makes::Adapter)]),
            Training,
            "The model that chooses who speaks next, and why.",
        ),
        A::required("seats", PERSONAS, Topology, "Whom it chooses from."),
        A::with("directive", Ty::Record(&records::DIRECTIVE), D::Record, Behaviour, "What it writes at each turn."),
        A::optional("voice", Ty::Text, Behaviour, "Its system prompt."),
        A::with(
            "order",
            Ty::Words(&["learned", "round_robin", "random"]),
            D::Word("learned"),
            Behaviour,
            "Who chooses the speaker: the policy, or a fixed rule.",
        ),
        A::with("silence", Ty::Bool, D::Bool(false), Behaviour, "May choose that nobody speaks."),
    ],
    "Who decides who speaks.",
);

pub static VARIANT: Kind = item("variant", EntityKind::Variant, &[], "A named ablation: other values for some fields.");

pub static SWEEP: Kind = item("sweep", EntityKind::Sweep, &[], "A grid of values for some fields.");

pub static BUDGET: Kind = item(
    "budget",
    EntityKind::Budget,
    &[
        A::optional("gpu", GPU_TIME, Where, "Hours of accelerators."),
        A::optional("money", DOLLARS, Where, "Money."),
        A::optional("vram", BYTES, Where, "Memory of one accelerator."),
        A::optional("time", SECONDS, Where, "Time from start to end."),
    ],
    "A ceiling: fails the plan, and stops a run with resumable state.",
);

pub static REPORT: Kind = item(
    "report",
    EntityKind::Report,
    &[
        A::with(
            "tables",
            Ty::List(&Ty::Either(&[Ty::Ref(&[Target::Made(Makes::Table)]), Ty::Call(calls::TABLES)])),
            D::Empty,
            Cosmetic,
            "Which tables.",
        ),
        A::with("figures", Ty::List(&Ty::Call(calls::FIGURES)), D::Empty, Cosmetic, "Which figures."),
        A::with("write", Ty::List(&Ty::Text), D::Empty, Cosmetic, "Which files."),
    ],
    "What is written at the end.",
);

pub static EXECUTOR: ChildBlock = ChildBlock {
    keyword: "executor",
    named: true,
    titled: false,
    weighted: false,
    gates: false,
    fields: &[
        A::optional("host", Ty::Text, Where, "Where to connect."),
        A::optional("user", Ty::Text, Where, "As whom."),
        A::optional("partition", Ty::Text, Where, "The queue."),
        A::optional("account", Ty::Text, Where, "Who pays."),
        A::optional("qos", Ty::Text, Where, "Quality of service."),
        A::optional("constraint", Ty::Text, Where, "Features that the machine must have."),
        A::optional("image", Ty::Text, Where, "The container."),
        A::optional("gpus", COUNT_OR_ZERO, Where, "Accelerators of one task."),
        A::optional("cpus", COUNT, Where, "Cores of one task."),
        A::optional("memory", BYTES, Where, "Memory of one task."),
        A::optional("time", SECONDS, Where, "Longest time of one task."),
        A::optional("jobs", COUNT, Where, "How many tasks at once."),
    ],
    class: Where,
    doc: "Where tasks run: `local`, `slurm` or `ssh`.",
};
/// The executors that there are.
pub const EXECUTORS: &[&str] = &["local", "slurm", "ssh"];
pub static PROFILE: Kind = Kind {
    children: &[&EXECUTOR],
    ..item(
        "profile",
        EntityKind::Profile,
        &[
            A::with("requeue", Ty::Bool, D::Bool(false), Where, "A preempted task is sent again."),
            A::optional("vram", BYTES, Where, "Memory of one accelerator."),
            A::optional(
                "price",
                DOLLARS,
                Where,
                "What an hour of the machine costs (a GPU hour, where it has one); unknown unless said.",
            ),
            A::optional("store", Ty::Text, Where, "Where artifacts are kept."),
            A::optional("cache", Ty::Text, Where, "Where downloads are kept."),
            A::with(
                "allow",
                Ty::List(&Ty::Call(calls::GRANTS)),
                D::Empty,
                Where,
                "What a run may read, write and reach.",
            ),
        ],
        "Where, never what: nothing in it enters a key.",
    )
};

/// What is in a `grid { … }` or `zip { … }` is paths of other items: no fields of its own.
pub static GRID: ChildBlock = ChildBlock {
    keyword: "grid",
    named: false,
    titled: false,
    weighted: false,
    gates: false,
    fields: &[],
    class: Topology,
    doc: "Every combination of these values.",
};
pub static ZIP: ChildBlock =
    ChildBlock { keyword: "zip", doc: "These values side by side: first with first, second with second.", ..GRID };

pub static ALL: &[&Kind] = &[
    &EXPERIMENT,
    &MODEL,
    &DATASET,
    &PERSONA,
    &RUBRIC,
    &JUDGE,
    &REWARD,
    &DIRECTOR,
    &VARIANT,
    &SWEEP,
    &BUDGET,
    &REPORT,
    &PROFILE,
];

/// Every child block.
pub static CHILDREN: &[&ChildBlock] = &[&EXAMPLE, &TEST, &CRITERION, &EXECUTOR, &GRID, &ZIP];
