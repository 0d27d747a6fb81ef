//! Records: what stands in `{ … }` on the right of an `=`.

use super::Class::{Behaviour, Data, Training};
use super::{
    Attribute as A, COUNT, COUNT_OR_ZERO, Default as D, FRACTION, NOT_NEGATIVE, Num, Record, TOKENS, Ty, UNIT, calls,
};
use crate::program::Dim;

const TEMPERATURE: A = A::with(
    "temperature",
    NOT_NEGATIVE,
    D::Number(1.0),
    Training,
    "Divides the logits before sampling; 0 takes the likeliest token.",
);
const TOP_P: A =
    A::with("top_p", UNIT, D::Number(1.0), Training, "Samples from the smallest set of tokens with this probability.");
const MAX_NEW: A = A::with("max_new", TOKENS, D::Number(64.0), Training, "A completion is cut after this many tokens.");
const STOP: A =
    A::with("stop", Ty::List(&Ty::Text), D::Empty, Training, "A completion ends before any of these texts.");

const fn n(default: f64) -> A {
    A::with("n", COUNT, D::Number(default), Training, "Completions of one prompt.")
}

/// Of a `pairs` stage: K candidates a prompt.
pub static SAMPLE_CANDIDATES: Record =
    Record { name: "sample", fields: &[n(4.0), TEMPERATURE, TOP_P, MAX_NEW, STOP], doc: "How candidates are sampled." };

/// Of `dialogue` and `evaluate`.
pub static SAMPLE_ONE: Record = Record {
    name: "sample",
    fields: &[n(1.0), TEMPERATURE, TOP_P, MAX_NEW, STOP],
    doc: "How completions are sampled.",
};

/// Of `grpo`: how many is the group.
pub static SAMPLE_GROUP: Record = Record {
    name: "sample",
    fields: &[TEMPERATURE, TOP_P, MAX_NEW, STOP],
    doc: "How a group's completions are sampled; how many is `group`.",
};

pub static ADVANTAGE: Record = Record {
    name: "advantage",
    fields: &[
        A::with(
            "by",
            Ty::Words(&["prompt", "prompt_agent", "prompt_agent_turn", "paraphrase"]),
            D::Word("prompt"),
            Training,
            "Which completions are compared with one another.",
        ),
        A::with(
            "baseline",
            Ty::Words(&["mean", "median", "leave_one_out", "ema"]),
            D::Word("mean"),
            Training,
            "What is subtracted from a reward.",
        ),
        A::with(
            "scale",
            Ty::Words(&["std", "mad", "batch", "none"]),
            D::Word("std"),
            Training,
            "What the difference is divided by; `none` divides by nothing.",
        ),
        A::with(
            "extra",
            COUNT_OR_ZERO,
            D::Number(0.0),
            Training,
            "Further completions that serve only the baseline (the G + 1 of MC-GRPO).",
        ),
        A::with("floor", NOT_NEGATIVE, D::Number(1e-4), Training, "Added to the scale before dividing."),
    ],
    doc: "How rewards of a group become advantages: (r − baseline) / (scale + floor).",
};

pub static KL: Record = Record {
    name: "kl",
    fields: &[
        A::with("beta", NOT_NEGATIVE, D::Number(0.04), Training, "The penalty's weight; 0 asks no reference."),
        A::with(
            "estimator",
            Ty::Words(&["k1", "k2", "k3"]),
            D::Word("k3"),
            Training,
            "k1 = −Δ, k2 = Δ²/2, k3 = exp Δ − Δ − 1, with Δ = log π_ref − log π (Schulman 2020).",
        ),
        A::with(
            "place",
            Ty::Words(&["loss", "reward"]),
            D::Word("loss"),
            Training,
            "Whether the penalty is part of the loss or of the reward.",
        ),
        A::with(
            "to",
            Ty::Words(&["policy", "base"]),
            D::Word("policy"),
            Training,
            "The reference: the policy as the stage found it, or the untouched model.",
        ),
    ],
    doc: "The penalty that holds the policy near its reference.",
};

pub static ROLLOUT: Record = Record {
    name: "rollout",
    fields: &[
        A::with("turns", COUNT, D::Number(3.0), Training, "Turns of one block."),
        A::with("episodes", COUNT, D::Number(16.0), Training, "Blocks an optimiser step; a multiple of `group`."),
    ],
    doc: "How a director's blocks are played.",
};

pub static OUTCOME_WEIGHTS: Record = Record {
    name: "weights",
    fields: &[
        A::with("win", NOT_NEGATIVE, D::Number(1.0), Training, "Weight of an episode that was won."),
        A::with("lose", NOT_NEGATIVE, D::Number(1.0), Training, "Weight of an episode that was lost."),
    ],
    doc: "How much an episode counts by its outcome.",
};

pub static SPLIT: Record = Record {
    name: "split",
    fields: &[
        A::required("train", FRACTION, Data, "Share of the rows to train on."),
        A::required("val", FRACTION, Data, "Share of the rows to validate on."),
        A::required("test", FRACTION, Data, "Share of the rows to test on."),
    ],
    doc: "How rows are cut into splits, by the digest of a row.",
};

pub static DIRECTIVE: Record = Record {
    name: "directive",
    fields: &[
        A::optional("agent", Ty::Call(&[&calls::ONE_OF]), Behaviour, "Whom the director chooses from: the seats."),
        A::with(
            "action",
            Ty::Call(&[&calls::LIMIT]),
            D::Call(&calls::LIMIT_ACTION),
            Behaviour,
            "What the speaker is to do.",
        ),
        A::with(
            "tone",
            Ty::Call(&[&calls::LIMIT]),
            D::Call(&calls::LIMIT_TONE),
            Behaviour,
            "How the speaker is to do it.",
        ),
    ],
    doc: "What a director writes at each turn: z = { agent, action, tone }.",
};

pub const BETAS: Ty = Ty::List(&Num::real(Dim::None, 0.0, 1.0));

pub static ALL: &[&Record] =
    &[&SAMPLE_CANDIDATES, &SAMPLE_ONE, &SAMPLE_GROUP, &ADVANTAGE, &KL, &ROLLOUT, &OUTCOME_WEIGHTS, &SPLIT, &DIRECTIVE];
