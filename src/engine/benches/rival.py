"""The rival of `speed`: transformers and peft at the same shapes, in f32, on the same number of threads.

    python3 -m pip install torch transformers peft
    python3 src/engine/benches/rival.py [THREADS] [CASE…]
    cargo bench -p mascot-engine --bench speed -- decode prefill train

Weights are random ones of SmolLM2-135M's shape: speed does not depend on them. Every case is run three times and all are
printed, so that a disturbed one can be seen. Run both in one quiet sitting; figures of two machines are never compared.
"""

import resource
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
torch.manual_seed(0)
model = LlamaForCausalLM(
    LlamaConfig(
        hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, intermediate_size=1536,
        vocab_size=49_152, tie_word_embeddings=True, max_position_embeddings=8192,
    )
).eval()


def timed(name, tokens, run):
    if sys.argv[2:] and not any(case in name for case in sys.argv[2:]):
        return
    runs = []
    for _ in range(3):
        began = time.perf_counter()
        run()
        runs.append(time.perf_counter() - began)
    print(f"{name:<28} {tokens / min(runs):9.1f} tok/s   {['%.3f' % r for r in runs]} s", flush=True)


def ids(*shape):
    return torch.randint(3, 49_000, shape)


with torch.no_grad():
    for batch in (1, 8, 12):
        prompt = ids(batch, 2)

        def decode():
            model.generate(
                prompt, attention_mask=torch.ones_like(prompt), min_new_tokens=33, max_new_tokens=33, do_sample=True,
                temperature=1.0, top_k=0, pad_token_id=0,
            )

        timed(f"decode {batch}", batch * 32, decode)
    prompts = ids(8, 128)
    timed("prefill 8 x 128, no head", 1024, lambda: model.model(prompts, use_cache=True))
print("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "kB, sampling")

trained = get_peft_model(
    model,
    LoraConfig(
        r=16, lora_alpha=32, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    ),
).train()
rows = ids(4, 256)


def step():
    trained.zero_grad(set_to_none=True)
    trained(input_ids=rows, labels=rows).loss.backward()


timed("LoRA 4 x 256, all linears", 1024, step)
print("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "kB, training too")
