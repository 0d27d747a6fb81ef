#!/usr/bin/env python3
"""Ends, interrupts and suspends runs at random moments, and holds what they come to against a run that nobody disturbed.

    python3 tests/kills.py                        30 kills, 10 interrupts, 5 pauses on the quickstart's smoke variant
    python3 tests/kills.py --real 3               3 kills on the quickstart itself, on real weights (hours)
    python3 tests/kills.py --real 1 --times 3     the same, one run of it killed three times
    python3 tests/kills.py --only int --trials 5  one kind of harm

Every trial begins with an empty store, is disturbed once or more at moments drawn from --seed (first inside a task, each as likely as
any other; with --times always inside one that is not done yet), and is then run to its end. It holds
when every record (artifact digests and results; not the clock) equals the undisturbed run's, and when a training stage that was
ended goes on at most --lost steps before where it was. Python's standard library alone.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=None, help="the mascot to try (default: target/release, else target/debug)")
    parser.add_argument("--file", default="experiments/quickstart.masc")
    parser.add_argument("--variant", default="smoke", help="empty for the file as it is")
    parser.add_argument("--trials", type=int, default=None, help="of each kind (default: 30 kills, 10 interrupts, 5 pauses)")
    parser.add_argument("--only", choices=["kill", "int", "stop"], default=None)
    parser.add_argument("--real", type=int, default=0, metavar="N", help="N kills on the file itself instead of its variant")
    parser.add_argument("--times", type=int, default=None, help="how often each trial is disturbed (default: once to three times)")
    parser.add_argument("--until", default=None, help="as of `mascot run`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds that a suspended run sleeps")
    parser.add_argument("--lost", type=int, default=4, help="steps that a kill may cost: the longest way between two drafts")
    parser.add_argument("--reference", default=None, help="a store of undisturbed runs to compare with, instead of making one")
    return parser.parse_args()


class Run:
    """One call of `mascot run`, listened to."""

    def __init__(self, how, store, awaited=None):
        words = [how.binary, "run", how.file, "--store", str(store), "--threads", how.threads, "--events", "json"]
        words += ["--variant", how.variant] if how.variant else []
        words += ["--until", how.until] if how.until else []
        words += ["--report", str(Path(store) / "report.html")]
        self.said = []
        self.doing = {}  # task in hand, its latest progress
        self.first = {}  # of a task that goes on: the first step that was told
        self.began = threading.Event()
        self.awaited = awaited
        self.seconds = {}  # of each task that was performed
        self.process = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.ear = threading.Thread(target=self.listen, daemon=True)
        self.ear.start()

    def listen(self):
        for line in self.process.stderr:
            try:
                event = json.loads(line)
            except ValueError:
                self.said.append(line.rstrip())
                continue
            kind = event.get("event")
            if kind == "task_started":
                self.doing = {"task": event["task"]}
                if event["task"] == self.awaited:
                    self.began.set()
            elif kind == "progress":
                progress = event["progress"]
                self.doing = {"task": event["task"], **progress}
                if progress["steps"]:
                    # The last is the one that counts: while it loads, a stage tells of step 0.
                    if progress["phase"] != "loading":
                        self.first.setdefault(event["task"], progress["step"])
            elif kind == "task_done":
                self.doing = {}
                if event["outcome"] == "fresh":
                    self.seconds[event["task"]] = event["seconds"]

    def wait(self):
        self.process.wait()
        self.ear.join()
        return self.process.returncode


def records(store):
    """Every record but its clock: key -> text."""
    found = {}
    for path in sorted((Path(store) / "records").glob("*.yaml")):
        if path.name.endswith(".key.yaml"):
            continue
        lines, skip = [], False
        for line in path.read_text().splitlines():
            if re.match(r"(made|seconds):", line):
                continue
            # Notes tell of the run (what was refused, what was gone on from), not of what was made.
            if re.match(r"  notes:", line):
                skip = True
                continue
            skip = skip and bool(re.match(r"  - |    ", line))
            if not skip:
                lines.append(line)
        found[path.stem] = "\n".join(lines)
    return found


def took(store):
    """Seconds of each task, as its record has them."""
    found = {}
    for path in (Path(store) / "records").glob("*.yaml"):
        text = path.read_text()
        task, seconds = re.search(r"^task: (.*)$", text, re.M), re.search(r"^seconds: (.*)$", text, re.M)
        if task and seconds:
            found[task.group(1)] = float(seconds.group(1))
    return found


def difference(whole, other):
    for key, record in whole.items():
        task = re.search(r"^task: (.*)$", record, re.M)
        name = task.group(1) if task else key
        if key not in other:
            return f"{name} ({key[:12]}) was not made"
        if record != other[key]:
            pairs = zip(record.splitlines(), other[key].splitlines())
            lines = next(((a, b) for a, b in pairs if a != b), ("its length", ""))
            return f"{name} differs: {lines[0].strip()} / {lines[1].strip()}"
    extra = set(other) - set(whole)
    return f"{len(extra)} records too many" if extra else None


def asked_for(how, store):
    """Task -> key of everything that the file asks for; a store in which others ran as well holds more."""
    words = [how.binary, "plan", how.file, "--store", str(store), "--engine", "candle", "--json"]
    words += ["--variant", how.variant] if how.variant else []
    words += ["--until", how.until] if how.until else []
    plan = json.loads(subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    fresh = [task["id"] for task in plan["tasks"] if task["state"] != "recalled"]
    if fresh:
        sys.exit(f"the reference lacks {', '.join(fresh)}")
    return {task["id"]: task["key"] for task in plan["tasks"]}


def done(store):
    """The tasks that have a record."""
    return set(took(store))


def supplies(reference, store):
    """What was fetched is fetched once."""
    store.mkdir(parents=True)
    sources = Path(reference) / "sources"
    if sources.exists():
        os.symlink(sources.resolve(), store / "sources")


def where(doing):
    if not doing:
        return "between tasks"
    step = f" {doing['phase']} {doing['step']}/{doing['steps']}" if "phase" in doing else ""
    return doing["task"] + step


def wait_for_moment(run, task, moment):
    """Until so long after the task began, or after the call; False when the run was done first."""
    while task and not run.began.wait(0.02):
        if run.process.poll() is not None:
            return False
    try:
        run.process.wait(timeout=moment)
        return False
    except subprocess.TimeoutExpired:
        return True


def trial(how, kind, reference, whole, length, seconds, folder, draw):
    """Disturbs one run, brings it to its end; None, or what is wrong, and a line about it."""
    store = folder / "store"
    supplies(reference, store)
    ended = []
    for time_of_it in range(how.times or (1 if kind == "stop" else draw.choice([1, 1, 2, 3]))):
        # The first time inside a task, each as likely as the longest; then anywhere, unless the number of times was asked for.
        left = sorted(set(seconds) - done(store)) if how.times or time_of_it == 0 else []
        task = draw.choice(left) if left else None
        run = Run(how, store, task)
        if not wait_for_moment(run, task, draw.uniform(0.0, seconds[task] if task else length)):
            run.wait()
            ended.append(("was done already", {}))
            break
        if kind == "kill":
            run.process.send_signal(signal.SIGKILL)
            run.wait()
            ended.append((where(run.doing), dict(run.doing)))
        elif kind == "int":
            run.process.send_signal(signal.SIGINT)
            at = where(run.doing)
            doing = dict(run.doing)
            code = run.wait()
            # One that was about to end anyway ends well.
            if code not in (130, 0, -signal.SIGINT):
                return f"an interrupt ended it with {code}: {' '.join(run.said[-3:])}", at
            ended.append((at, doing))
        else:
            run.process.send_signal(signal.SIGSTOP)
            at = where(run.doing)
            time.sleep(how.pause)
            run.process.send_signal(signal.SIGCONT)
            if run.wait() not in (0, 4):
                return f"it ended with {run.process.returncode}: {' '.join(run.said[-3:])}", at
            ended.append((at, {}))
    last = Run(how, store)
    line = ", then ".join(place for place, _ in ended)
    # A gate that does not hold (4) is a result like any other.
    if last.wait() not in (0, 4):
        return f"the last run ended with {last.process.returncode}: {' '.join(last.said[-5:])}", line
    wrong = difference(whole, records(store))
    if wrong:
        return wrong, line
    drafts = store / "drafts"
    if drafts.exists() and any(drafts.iterdir()):
        return "a draft is left behind", line
    doing = ended[-1][1]
    task, step = doing.get("task"), doing.get("step", 0)
    # Between its last step and its record a stage may be gone on with or be done: then there is no first step.
    if doing.get("phase") == "training" and task in last.first and step - last.first[task] > how.lost:
        return f"{task} went on from step {last.first[task]}: {step - last.first[task]} steps were lost", line
    return None, line


def main():
    how = arguments()
    if how.binary is None:
        built = [ROOT / "target" / kind / "mascot" for kind in ("release", "debug")]
        how.binary = str(next((path for path in built if path.exists()), built[0]))
    how.binary = str(Path(how.binary).resolve())
    if how.real:
        how.variant, kinds = "", [("kill", how.real)]
    else:
        kinds = [(kind, how.trials or n) for kind, n in (("kill", 30), ("int", 10), ("stop", 5))]
    kinds = [(kind, n) for kind, n in kinds if how.only in (None, kind)]
    work = Path(tempfile.mkdtemp(prefix="mascot-kills-"))
    failed = 0
    try:
        reference = Path(how.reference) if how.reference else work / "reference"
        if how.reference:
            keys = asked_for(how, reference)
            seconds = {task: spent for task, spent in took(reference).items() if task in keys}
        else:
            run = Run(how, reference)
            if run.wait() not in (0, 4):
                print("the undisturbed run failed:\n" + "\n".join(run.said[-20:]), file=sys.stderr)
                return 1
            seconds = run.seconds
        length = sum(seconds.values())
        whole = records(reference)
        if how.reference:
            whole = {key: whole[key] for key in keys.values()}
        print(f"undisturbed: {len(whole)} records in {length:.1f} s, {how.threads} threads, seed {how.seed}", flush=True)
        for kind, trials in kinds:
            draw = random.Random(f"{how.seed} {kind}")
            held = 0
            for number in range(trials):
                folder = work / f"{kind}-{number}"
                wrong, line = trial(how, kind, reference, whole, length, seconds, folder, draw)
                held += wrong is None
                print(f"{kind} {number + 1}/{trials}  {line}: {wrong or 'the same'}", flush=True)
                if wrong:
                    failed += 1
                else:
                    shutil.rmtree(folder)
            print(f"{kind}: {held} of {trials} came to the same", flush=True)
    finally:
        if failed:
            print(f"what differs is left in {work}", file=sys.stderr)
        else:
            shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
