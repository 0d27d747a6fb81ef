#!/usr/bin/env python3
"""Prints every measured statement about the quickstart beside its bound: two seeds, and the three controls.

    python3 tests/claims.py                         runs what is missing (about an hour on two cores), then prints
    python3 tests/claims.py --printed-only          prints from the store, runs nothing

Base runs of each seed are whole; controls are run `--until speakers` on the first seed. Everything goes through one store, so
what was run before is recalled. Output is a Markdown table; exit 0 when every statement holds, 4 when one does not. Python's
standard library alone.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTROLS = ("shuffled", "frozen", "swapped")
# What the statements are asked of: more than the file itself, which has twenty minutes.
SIZES = ["speakers.sample.n=2", "rehearsal.prompts=16"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=None, help="the mascot to ask (default: target/release/mascot)")
    parser.add_argument("--file", default="experiments/quickstart.masc")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8])
    parser.add_argument("--store", default=None, help="default: the project's own")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="as of `mascot run`")
    parser.add_argument("--jobs", default="1", help="as of `mascot run`")
    parser.add_argument("--engine", default="candle", help="fake tries this script, and says nothing")
    parser.add_argument("--printed-only", action="store_true", help="run nothing")
    return parser.parse_args()


class Mascot:
    """The binary, asked about one file under one seed and variant."""

    def __init__(self, how, seed, variant=None):
        self.how, self.seed, self.variant = how, seed, variant

    def words(self, verb, *more):
        words = [self.how.binary, verb, self.how.file, *more, "--set", f"experiment.seed={self.seed}"]
        words += ["--engine", self.how.engine]
        for one in SIZES + self.how.set:
            words += ["--set", one]
        words += ["--store", self.how.store] if self.how.store else []
        return words + (["--variant", self.variant] if self.variant else [])

    def run(self):
        more = ["--jobs", self.how.jobs] + (["--until", "speakers"] if self.variant else [])
        print(f"running seed {self.seed} {self.variant or ''}", file=sys.stderr, flush=True)
        # A gate that does not hold (4) is a result like any other.
        code = subprocess.run(self.words("run", *more), cwd=ROOT, stdout=subprocess.DEVNULL).returncode
        if code not in (0, 4):
            sys.exit(f"the run ended with {code}")

    def show(self, task):
        """The record, or None of a task whose inputs or itself were never run."""
        words = self.words("show", task, "--json")
        out = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        shown = json.loads(out.stdout) if out.returncode == 0 else None
        return shown if shown and shown["current"] else None


class Evaluation:
    """One table, asked by what its subjects and metrics are called in the file."""

    def __init__(self, shown):
        self.subjects, self.metrics = shown["subjects"], shown["metrics"]
        self.rows, self.deltas = shown["table"]["rows"], shown["table"]["deltas"]
        self.personas = sorted({row["persona"] for row in self.rows if row["persona"]})

    def metric(self, name):
        return next(i for i, metric in enumerate(self.metrics) if metric.startswith(name))

    def row(self, subject, metric, persona=None, criterion=None):
        wanted = (self.subjects.index(subject), self.metric(metric), persona, criterion)
        return next(r for r in self.rows if (r["subject"], r["metric"], r["persona"], r["criterion"]) == wanted)

    def mean(self, subject, metric, persona=None, criterion=None):
        return self.row(subject, metric, persona, criterion)["mean"]

    def delta(self, a, b, metric, persona=None):
        wanted = (self.subjects.index(a), self.subjects.index(b), self.metric(metric), persona, None)
        of = lambda r: (r["a"], r["b"], r["metric"], r["persona"], r["criterion"])
        return next(r for r in self.deltas if of(r) == wanted)


def interval(delta):
    return f"{delta['mean']:+.3f} [{delta['low']:+.3f}, {delta['high']:+.3f}]"


def each(evaluation, of, wanted, shown="{:.2f}"):
    """A statement of every persona: (all hold, the values)."""
    found = [(persona, of(persona)) for persona in evaluation.personas]
    return all(wanted(x) for _, x in found), ", ".join(f"{persona.split()[-1]} {shown.format(x)}" for persona, x in found)


def of_speakers(t, to):
    """Statements about one seed's speakers. `to(holds, statement, value)`."""
    us, sft, zero, few, gold = "voices", "baseline(sft)", "baseline(zero_shot)", "baseline(few_shot)", "gold"
    yardstick = t.mean(gold, "contrast")
    to(yardstick >= 0.4, "contrast of the written lines ≥ 0.4", f"{yardstick:.3f}")
    to(*named("no companion above its written lines + 0.1",
        each(t, lambda p: t.mean(us, "contrast", p) - t.mean(gold, "contrast", p), lambda x: x <= 0.1, "{:+.2f}")))
    tuned = t.delta(sft, zero, "contrast")
    to(tuned["mean"] >= 0.15 and tuned["low"] > 0, "contrast, SFT − zero-shot ≥ 0.15, interval above 0", interval(tuned))
    gain = t.delta(us, sft, "contrast")
    to(gain["mean"] >= 0.05 and gain["low"] > 0, "contrast, trained − SFT ≥ 0.05, interval above 0", interval(gain))
    to(*named("no companion's gain below −0.05",
        each(t, lambda p: t.delta(us, sft, "contrast", p)["mean"], lambda x: x >= -0.05, "{:+.3f}")))
    to(None, "(trained − SFT) / (written − SFT)", f"{gain['mean'] / (yardstick - t.mean(sft, 'contrast')):.2f}")
    to(None, "contrast, trained − few-shot", interval(t.delta(us, few, "contrast")))

    ratio = lambda metric: lambda p: t.mean(us, metric, p) / t.mean(sft, metric, p)
    change = lambda metric: lambda p: t.mean(us, metric, p) - t.mean(sft, metric, p)
    tokens = lambda who, p: t.row(who, "length", p, "tokens")["median"]
    short = lambda who, p: t.mean(who, "length", p, "short")
    to(*named("relevance ≥ 0.8 × SFT's", each(t, ratio("relevance"), lambda x: x >= 0.8)))
    to(*named("median length in 15–60 tokens", each(t, lambda p: tokens(us, p), lambda x: 15 <= x <= 60, "{:.0f}")))
    to(*named("median length ≥ 0.75 × SFT's", each(t, lambda p: tokens(us, p) / tokens(sft, p), lambda x: x >= 0.75)))
    to(*named("share under 15 tokens ≤ SFT's + 0.1", each(t, lambda p: short(us, p) - short(sft, p), lambda x: x <= 0.1, "{:+.2f}")))
    to(*named("finished ≥ 0.8", each(t, lambda p: t.mean(us, "finished", p), lambda x: x >= 0.8)))
    to(*named("fluency ≥ SFT's − 0.4", each(t, change("fluency"), lambda x: x >= -0.4, "{:+.2f}")))
    to(*named("overlap ≤ 5 words in 19 of 20", each(t, lambda p: t.row(us, "overlap", p)["p95"], lambda x: x <= 5, "{:.0f}")))
    to(*named("echo ≤ SFT's + 0.5", each(t, change("echo"), lambda x: x <= 0.5, "{:+.2f}")))
    to(*named("distinct_2 ≥ 0.8 × SFT's", each(t, ratio("distinct_2"), lambda x: x >= 0.8)))
    leak = t.delta(us, zero, "leak")
    to(leak["high"] <= 0.02, "leak, trained − zero-shot, upper end ≤ 0.02", interval(leak))
    named_right = t.delta(us, zero, "identification")
    to(named_right["low"] > 0, "identification, trained − zero-shot, interval above 0", interval(named_right))
    kept = t.delta(us, sft, "identification")
    to(kept["low"] >= -0.10, "identification, trained − SFT, lower end ≥ −0.10", interval(kept))
    return gain


def named(statement, found):
    return found[0], statement, found[1]


def of_director(t, to):
    block = t.delta("rehearsal", "rehearsal_before", "together")
    to(block["low"] > 0, "block reward, trained − before, interval above 0", interval(block))
    lot = t.delta("rehearsal", "rehearsal_by_lot", "together")
    to(lot["low"] > 0, "block reward, trained − random order, interval above 0", interval(lot))
    heard = t.delta("rehearsal", "rehearsal_by_lot", "distinct_speakers")
    to(heard["mean"] >= 0, "distinct speakers ≥ those of a random order", interval(heard))
    turn = t.delta("rehearsal", "rehearsal_in_turn", "coherence")
    won = "won" if turn["low"] > 0 else "lost" if turn["high"] < 0 else "undecided"
    to(None, f"coherence against round-robin: {won}", interval(turn))


def of_reward_model(results, to):
    pairs, low = results["held_out_pairs"], results["held_out_accuracy.low"]
    value = f"{results['held_out_accuracy']:.2f} from {low:.2f} up, {pairs:.0f} pairs"
    to(pairs >= 60 and low > 0.55, "reward model: ≥ 60 held-out pairs, lower end of accuracy > 0.55", value)


def adapters(mascot, stage, evaluation):
    """The file of weights of each companion's adapter, by its task's name."""
    found = {}
    for persona in evaluation.personas:
        task = f"{stage}.{persona.split()[-1].lower()}"
        shown = mascot.show(task)
        folder = shown and next((path for name, path in shown["artifacts"].items() if "adapter" in name or "policy" in name), None)
        found[task.split(".")[1]] = folder and {f.name: f.read_bytes() for f in Path(folder).glob("*.safetensors")}
    return found


def of_control(how, name, gain, to):
    """A control's gain is of its own trained policies over the same fine-tuned ones."""
    mascot = Mascot(how, how.seeds[0], name)
    shown = mascot.show("speakers")
    if shown is None:
        to(False, f"control {name}", "not run")
        return
    t = Evaluation(shown)
    here = t.delta("voices", "baseline(sft)", "contrast")
    if name == "shuffled":
        to(here["high"] < gain["mean"] / 2, "shuffled rewards: upper end below half of the gain", f"{interval(here)}, half is {gain['mean'] / 2:.3f}")
    elif name == "swapped":
        to(here["mean"] < 0, "another companion's reward: trained − SFT on its own contrast below 0", interval(here))
    else:
        before, after = adapters(mascot, "sounding", t), adapters(mascot, "voices", t)
        same = [who for who in before if before[who] and before[who] == after[who]]
        to(len(same) == len(before), "frozen: adapter bytes unchanged", f"{len(same)} of {len(before)}; {interval(here)}")


def main():
    how = arguments()
    how.binary = str(Path(how.binary or ROOT / "target/release/mascot").resolve())
    if not how.printed_only:
        for seed in how.seeds:
            Mascot(how, seed).run()
        for control in CONTROLS:
            Mascot(how, how.seeds[0], control).run()
    fell = 0

    def to(holds, statement, value):
        nonlocal fell
        fell += holds is False
        word = {True: "holds", False: "**does not hold**", None: ""}[holds]
        print(f"| {statement} | {value} | {word} |")

    for seed in how.seeds:
        print(f"\n### Seed {seed}\n\n| statement | measured | |\n|---|---|---|")
        mascot = Mascot(how, seed)
        speakers, ensemble, reward_model = (mascot.show(task) for task in ("speakers", "ensemble", "persona_rm"))
        gain = of_speakers(Evaluation(speakers), to) if speakers else to(False, "speakers", "not run")
        of_reward_model(reward_model["results"], to) if reward_model else to(False, "reward model", "not run")
        of_director(Evaluation(ensemble), to) if ensemble else to(False, "director", "not run")
        if seed == how.seeds[0] and gain:
            print("\n### Controls\n\n| statement | measured | |\n|---|---|---|")
            for control in CONTROLS:
                of_control(how, control, gain, to)
    print(f"\n{'every statement holds' if not fell else f'{fell} statements do not hold'}")
    return 4 if fell else 0


if __name__ == "__main__":
    sys.exit(main())
