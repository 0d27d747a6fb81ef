//! Stage kinds. Every default of a stage lives here, so that it is printed by `plan`, documented and keyed.

use super::Class::{Data, Objective, Topology, Training};
use super::{
    Attribute as A, COUNT, Class, Default as D, EPOCHS, FRACTION, Kind, Makes, NOT_NEGATIVE, Outcome, Record, STEPS,
    STEPS_OR_ZERO, Target, Ty, UNIT, calls, records,
};
use crate::program::EntityKind;

const SPEAKING: Ty = Ty::Ref(&[Target::Model, Target::Made(Makes::Adapter)]);
const POLICY: Ty = Ty::Ref(&[Target::Model, Target::Made(Makes::Adapter), Target::Director]);
const DATASET: Ty = Ty::Ref(&[Target::Dataset]);
const ACTORS: Ty = Ty::Either(&[SPEAKING, Ty::List(&SPEAKING)]);

const TRAINED: Ty = Ty::Either(&[Ty::Call(&[&calls::LORA]), Ty::Words(&["continue"])]);
/// `continue`: the policy's own adapter goes on learning. What is not written is `lora(…)` on a bare model and `continue`
/// on an adapter; the checker fills it in.
pub const ADAPTER: A =
    A::optional("adapter", TRAINED, Training, "What is trained: fresh factors, or `continue` with the policy's own.");

const fn lr(default: f64) -> A {
    A::with("lr", NOT_NEGATIVE, D::Number(default), Training, "The learning rate at its highest.")
}
const WARMUP: A =
    A::with("warmup", STEPS_OR_ZERO, D::Number(0.0), Training, "Steps over which the learning rate rises to `lr`.");
const SCHEDULE: A = A::with(
    "schedule",
    Ty::Words(&["constant", "linear", "cosine"]),
    D::Word("linear"),
    Training,
    "How the learning rate falls after the warm-up.",
);
const FINAL_LR: A =
    A::with("final_lr", FRACTION, D::Number(0.1), Training, "Where the schedule ends, as a share of `lr`.");
const BETAS: A =
    A::with("betas", records::BETAS, D::Numbers(&[0.9, 0.999]), Training, "AdamW's decay of its two moments.");
const EPS: A = A::with("eps", NOT_NEGATIVE, D::Number(1e-8), Training, "AdamW's ε.");
const WEIGHT_DECAY: A = A::with("weight_decay", NOT_NEGATIVE, D::Number(0.0), Training, "AdamW's decoupled decay.");
const MAX_GRAD_NORM: A = A::with(
    "max_grad_norm",
    Ty::Optional(&NOT_NEGATIVE),
    D::Number(1.0),
    Training,
    "Gradients are scaled down to this norm; `none` clips nothing.",
);

const fn epochs(default: f64) -> A {
    A::with("epochs", EPOCHS, D::Number(default), Training, "How often every row is seen.")
}
const BATCH: A = A::with("batch", COUNT, D::Number(8.0), Training, "Rows an optimiser step.");
const fn prompts_limit(class: Class) -> A {
    A::optional("prompts", COUNT, class, "At most this many prompts, the first of the split.")
}

const fn sample(record: &'static Record) -> A {
    A::with("sample", Ty::Record(record), D::Record, Training, "How completions are sampled.")
}

const fn stage(name: &'static str, makes: Makes, fields: &'static [A], doc: &'static str) -> Kind {
    Kind {
        name,
        entity: EntityKind::Stage,
        fields,
        children: &[],
        extends: true,
        gates: true,
        makes: Some(makes),
        results: &[],
        doc,
    }
}

const fn curve(name: &'static str, doc: &'static str) -> Outcome {
    Outcome { name, curve: true, interval: false, doc }
}
const fn number(name: &'static str, doc: &'static str) -> Outcome {
    Outcome { name, curve: false, interval: false, doc }
}
const LOSS_CURVE: Outcome = curve("loss", "The loss at each step.");
const GRAD_NORM: Outcome = curve("grad_norm", "The gradient's norm at each step, before clipping.");

pub static SFT: Kind = Kind {
    results: &[LOSS_CURVE, GRAD_NORM],
    ..stage(
        "sft",
        Makes::Adapter,
        &[
            A::required(
                "policy",
                POLICY,
                Training,
                "What is fine-tuned: a model, or a director with written directives.",
            ),
            A::required("data", DATASET, Data, "Conversations, or written directives."),
            epochs(3.0),
            BATCH,
            ADAPTER,
            lr(1e-4),
            WARMUP,
            SCHEDULE,
            FINAL_LR,
            BETAS,
            EPS,
            WEIGHT_DECAY,
            MAX_GRAD_NORM,
        ],
        "Supervised fine-tuning on the completion's tokens.",
    )
};

pub static PAIRS: Kind = Kind {
    results: &[number("kept", "Pairs that passed the filter."), number("prompts", "Prompts that were asked.")],
    ..stage(
        "pairs",
        Makes::Pairs,
        &[
            A::required("from", SPEAKING, Training, "The policy that is sampled."),
            A::required("data", DATASET, Data, "The prompts."),
            prompts_limit(Training),
            sample(&records::SAMPLE_CANDIDATES),
            A::required("judge", Ty::Ref(&[Target::Verdict]), Objective, "By which rubric of which judge."),
            A::with(
                "min_gap",
                NOT_NEGATIVE,
                D::Number(0.5),
                Training,
                "A pair is kept when its scores differ by at least this, on the rubric's scale.",
            ),
        ],
        "Preference pairs: candidates sampled, judged and filtered.",
    )
};

pub static BRADLEY_TERRY: Kind = Kind {
    results: &[
        Outcome {
            name: "held_out_accuracy",
            curve: false,
            interval: true,
            doc: "Share of held-out pairs that are ranked rightly.",
        },
        number("ece", "Expected calibration error on held-out pairs."),
        number("pairs", "Pairs that were trained on."),
        number("held_out_pairs", "Pairs that were held out."),
        LOSS_CURVE,
        GRAD_NORM,
    ],
    ..stage(
        "bradley_terry",
        Makes::RewardModel,
        &[
            A::required(
                "pairs",
                Ty::Either(&[
                    Ty::Ref(&[Target::Made(Makes::Pairs), Target::Dataset]),
                    Ty::List(&Ty::Ref(&[Target::Made(Makes::Pairs)])),
                ]),
                Data,
                "Preference pairs: of `pairs` stages, or a dataset with chosen and rejected.",
            ),
            A::required("init", SPEAKING, Training, "The model under the reward head."),
            epochs(1.0),
            BATCH,
            ADAPTER,
            lr(1e-4),
            A::with("margin", NOT_NEGATIVE, D::Number(0.0), Training, "−log σ(r_w − r_l − margin)."),
            A::with(
                "center",
                NOT_NEGATIVE,
                D::Number(0.0),
                Training,
                "Weight of mean((r_w + r_l)²), which centres rewards.",
            ),
            A::with("held_out", FRACTION, D::Number(0.2), Training, "Share of prompts kept out of training."),
            WARMUP,
            SCHEDULE,
            FINAL_LR,
            BETAS,
            EPS,
            WEIGHT_DECAY,
            MAX_GRAD_NORM,
        ],
        "A reward model on preference pairs (Bradley & Terry 1952).",
    )
};

pub static GRPO: Kind = Kind {
    results: &[
        curve("reward", "Mean reward at each step, and each of its terms."),
        curve("kl", "Mean divergence from the reference at each step."),
        LOSS_CURVE,
        GRAD_NORM,
        curve("clip_fraction", "Share of tokens whose ratio was clipped."),
        curve("zero_variance", "Share of groups whose rewards were all equal."),
        curve("length", "Mean length of completions."),
        curve("finished", "Share of completions that ended by themselves."),
    ],
    ..stage(
        "grpo",
        Makes::Adapter,
        &[
            A::required("policy", POLICY, Training, "What is trained: a model, an adapter or a director."),
            A::required("reward", Ty::Ref(&[Target::Reward]), Objective, "What training sees."),
            A::required("data", DATASET, Data, "The situations."),
            A::with("prompts", COUNT, D::Number(2.0), Training, "Prompts an optimiser step."),
            A::with(
                "group",
                super::Num::whole(crate::program::Dim::None, 2.0),
                D::Number(8.0),
                Training,
                "G: completions of one prompt that are compared.",
            ),
            sample(&records::SAMPLE_GROUP),
            A::with(
                "advantage",
                Ty::Record(&records::ADVANTAGE),
                D::Record,
                Training,
                "How rewards of a group become advantages.",
            ),
            A::with(
                "combine",
                Ty::Words(&["sum_then_normalise", "normalise_then_sum"]),
                D::Word("sum_then_normalise"),
                Training,
                "Whether terms are summed before or after they are normalised in the group.",
            ),
            A::with(
                "zero_variance",
                Ty::Words(&["skip", "keep"]),
                D::Word("skip"),
                Training,
                "What becomes of a group whose rewards are all equal.",
            ),
            A::with(
                "loss",
                Ty::Words(&["grpo", "dr_grpo", "dapo", "bnpo", "gspo", "cispo"]),
                D::Word("grpo"),
                Training,
                "Which loss.",
            ),
            A::with("clip", UNIT, D::Number(0.2), Training, "ε: how far the ratio may fall below 1."),
            A::optional(
                "clip_high",
                NOT_NEGATIVE,
                Training,
                "How far the ratio may rise above 1; as `clip` unless said.",
            ),
            A::with(
                "overlong",
                Ty::Words(&["keep", "mask"]),
                D::Word("keep"),
                Training,
                "What becomes of a completion that did not end by itself.",
            ),
            A::with(
                "kl",
                Ty::Record(&records::KL),
                D::Record,
                Training,
                "The penalty that holds the policy near its reference.",
            ),
            A::with(
                "shuffle",
                Ty::Bool,
                D::Bool(false),
                Training,
                "A control: rewards change places inside each group, by lot, before they become advantages.",
            ),
            A::with("updates", COUNT, D::Number(1.0), Training, "Optimiser steps a rollout."),
            A::with("steps", STEPS, D::Number(100.0), Training, "Optimiser steps in all."),
            lr(1e-5),
            ADAPTER,
            WARMUP,
            SCHEDULE,
            FINAL_LR,
            BETAS,
            EPS,
            WEIGHT_DECAY,
            MAX_GRAD_NORM,
            A::optional("actors", ACTORS, Topology, "Of a director: who speaks for its seats."),
            A::with(
                "rollout",
                Ty::Record(&records::ROLLOUT),
                D::Record,
                Training,
                "Of a director: how its blocks are played.",
            ),
        ],
        "Group-relative policy optimisation (Shao et al. 2024) and its kin.",
    )
};

pub static KTO: Kind = Kind {
    results: &[LOSS_CURVE, GRAD_NORM],
    ..stage(
        "kto",
        Makes::Adapter,
        &[
            A::required("policy", POLICY, Training, "What is trained."),
            A::required(
                "episodes",
                Ty::Ref(&[Target::Made(Makes::Episodes), Target::Dataset]),
                Data,
                "Episodes with outcomes.",
            ),
            A::with("beta", NOT_NEGATIVE, D::Number(0.1), Training, "How sharply outcomes count."),
            A::with("z0", Ty::Words(&["batch", "zero", "ema"]), D::Word("batch"), Training, "The reference point."),
            A::with(
                "weights",
                Ty::Record(&records::OUTCOME_WEIGHTS),
                D::Record,
                Training,
                "Weight of won and lost episodes.",
            ),
            A::with("balance", Ty::Words(&["min", "none"]), D::Word("min"), Training, "How outcomes are balanced."),
            lr(1e-5),
            epochs(1.0),
            BATCH,
            ADAPTER,
            WARMUP,
            SCHEDULE,
            FINAL_LR,
            BETAS,
            EPS,
            WEIGHT_DECAY,
            MAX_GRAD_NORM,
        ],
        "Kahneman–Tversky optimisation on outcomes (MARO).",
    )
};

pub static DIALOGUE: Kind = Kind {
    results: &[number("turns", "Turns that were played.")],
    ..stage(
        "dialogue",
        Makes::Transcripts,
        &[
            A::required(
                "director",
                Ty::Ref(&[Target::Director, Target::Made(Makes::Adapter)]),
                Topology,
                "Who decides who speaks: a director, or the stage that trained it.",
            ),
            A::required("actors", ACTORS, Topology, "Who speaks for the seats."),
            A::required("data", DATASET, Data, "The situations."),
            A::with("turns", COUNT, D::Number(3.0), Data, "Turns of one dialogue."),
            A::optional(
                "users",
                Ty::Either(&[DATASET, Ty::List(&Ty::Ref(&[Target::Persona]))]),
                Data,
                "Simulated users who answer between turns.",
            ),
            prompts_limit(Data),
            sample(&records::SAMPLE_ONE),
        ],
        "Directed dialogues, played and written down.",
    )
};

pub static SIMULATE: Kind = stage(
    "simulate",
    Makes::Episodes,
    &[
        A::required("world", DATASET, Data, "The scripts."),
        A::required("actors", ACTORS, Topology, "Who plays."),
        A::with("turns", COUNT, D::Number(5.0), Training, "Turns of one episode."),
        A::with("episodes", COUNT, D::Number(8.0), Training, "How many episodes."),
        sample(&records::SAMPLE_ONE),
    ],
    "Episodes with outcomes, played in a script world.",
);

pub static EVALUATE: Kind = stage(
    "evaluate",
    Makes::Table,
    &[
        A::required(
            "subjects",
            Ty::List(&calls::SUBJECT),
            Topology,
            "What is measured: stages, baselines, written lines.",
        ),
        A::required("metrics", Ty::List(&calls::METRIC), Objective, "By which rubrics, terms and rewards."),
        A::optional("data", DATASET, Data, "The situations; a dialogue brings its own."),
        prompts_limit(Objective),
        sample(&records::SAMPLE_ONE),
        A::with("bootstrap", COUNT, D::Number(1000.0), Objective, "Resamples, clustered by situation."),
        A::with("level", FRACTION, D::Number(0.95), Objective, "The intervals' level."),
    ],
    "A table with intervals.",
);

pub static MERGE: Kind = stage(
    "merge",
    Makes::Adapter,
    &[
        A::required("adapters", Ty::List(&Ty::Ref(&[Target::Made(Makes::Adapter)])), Topology, "What is merged."),
        A::with("method", Ty::Words(&["linear", "breadcrumbs"]), D::Word("linear"), Training, "How."),
    ],
    "One adapter out of several.",
);

pub static ALL: &[&Kind] = &[&SFT, &PAIRS, &BRADLEY_TERRY, &GRPO, &KTO, &DIALOGUE, &SIMULATE, &EVALUATE, &MERGE];
