"""A PEFT folder made by mascot loads in peft with the same log-probabilities, and one made by peft loads in mascot.

Run by hand (it needs torch, transformers, peft and safetensors, which the test suite does not):

    python3 tests/peft/round_trip.py target/release/mascot

What it printed when it was last run is in docs/log.md.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "src" / "engine" / "tests" / "golden"
TOLERANCE = 1e-4
EXPERIMENT = """masc 1
experiment round_trip "One adapter, to be read by peft" { seed = 3 }

model base { weights = file("model") }

dataset lines {
  source = jsonl("lines.jsonl", fields: { persona = "persona", prompt = "given", completion = "says" })
  split  = { train = 100%, val = 0%, test = 0% }
}

persona anchor "The Anchor" { voice = "You are {{char}}." }

stage voices = sft for persona in [anchor] {
  policy  = base
  data    = lines.train
  epochs  = 4 epochs
  batch   = 2
  lr      = 1e-2
  adapter = lora(rank: 4, alpha: 8, targets: [q, k, v, o, gate, up, down])
}
"""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}\n{done.stdout}")
    return done.stdout


def torch_logprobs(model, ids: list[int]) -> list[float]:
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    chosen = torch.log_softmax(logits[:-1], -1)
    return [chosen[at, token].item() for at, token in enumerate(ids[1:])]


def mascot_logprobs(mascot: str, model: Path, adapter: Path, rows: list[list[int]], scratch: Path) -> list[list[float]]:
    asked = scratch / "ids.jsonl"
    asked.write_text("".join(json.dumps({"ids": ids}) + "\n" for ids in rows))
    out = run(mascot, "score", "--model", str(model), "--adapter", str(adapter), "--input", str(asked))
    return [json.loads(line)["logprobs"][1:] for line in out.splitlines()]


def gap(ours: list[list[float]], theirs: list[list[float]]) -> float:
    return max(abs(a - b) for one, other in zip(ours, theirs, strict=True) for a, b in zip(one, other, strict=True))


def main() -> None:
    mascot = str(Path(sys.argv[1]).resolve())
    worst = 0.0
    for name in ["tiny-llama", "tiny-qwen2", "tiny-qwen3", "tiny-qwen3-untied"]:
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder)
            shutil.copytree(MODELS / name, scratch / "model")
            (scratch / "round_trip.masc").write_text(EXPERIMENT)
            lines = [("I lost my keys.", "That sounds hard."), ("I am late.", "You feel rushed."), ("I won.", "You are glad.")]
            (scratch / "lines.jsonl").write_text(
                "".join(json.dumps({"persona": "The Anchor", "given": g, "says": s}) + "\n" for g, s in lines)
            )
            tokenizer = AutoTokenizer.from_pretrained(scratch / "model")
            rows = [tokenizer.encode(text, add_special_tokens=False) for text in ["Hello, world! How are you?", "I lost my keys and I am late."]]

            # Ours, read by peft.
            document = json.loads(
                run(mascot, "run", str(scratch / "round_trip.masc"), "--root", str(scratch), "--store", str(scratch / "store"), "--json")
            )
            adapter = scratch / "ours"
            found = Path(document["artifacts"]["voices/anchor"])
            shutil.copytree(found if (found / "adapter_config.json").exists() else found / "adapter", adapter)
            base = AutoModelForCausalLM.from_pretrained(scratch / "model", dtype=torch.float32)
            plain = [torch_logprobs(base, ids) for ids in rows]
            tuned = PeftModel.from_pretrained(base, str(adapter)).eval()
            theirs = [torch_logprobs(tuned, ids) for ids in rows]
            ours = gap(mascot_logprobs(mascot, scratch / "model", adapter, rows, scratch), theirs)
            moved = gap(plain, theirs)

            # Theirs, read by us.
            base = AutoModelForCausalLM.from_pretrained(scratch / "model", dtype=torch.float32)
            torch.manual_seed(5)
            made = get_peft_model(
                base, LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
            ).eval()
            made.save_pretrained(scratch / "theirs")
            theirs = gap(mascot_logprobs(mascot, scratch / "model", scratch / "theirs", rows, scratch), [torch_logprobs(made, ids) for ids in rows])

            print(f"{name}: ours in peft {ours:.2e} (the adapter moves log-probabilities by {moved:.2f}); peft's in mascot {theirs:.2e}")
            if moved < 0.05:
                sys.exit("the adapter changes nothing: this comparison shows nothing")
            worst = max(worst, ours, theirs)
    if worst > TOLERANCE:
        sys.exit(f"worst gap {worst:.2e} is above {TOLERANCE:.0e}")
    print(f"worst gap {worst:.2e}")


if __name__ == "__main__":
    main()
