"""How much of a word is left in each layer of the packaged sentence encoder: entities by a linear tagger on frozen states.

Run: ``python -m benchmarks.token_layers`` with ``laptop_ner`` among the public data sets. Gold sentences and the sentences that
are scored are both of the training file; the other parts are not read.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel

from benchmarks.record import shared_data, write
from ruletune.data.readers import Columns, read_all
from ruletune.data.spans import SpanLabels
from ruletune.metrics.spans import score
from ruletune.models import checkpoints
from ruletune.models.backbone import load_tokenizer
from ruletune.models.encoding import buckets, collate
from ruletune.models.tagging import decode_tags, token_tags
from ruletune.models.windows import Windows, windows
from ruletune.templates import Rendering, default_template
from ruletune.training.quick import fit_head
from ruletune.types import Example, Spans

LABELS = ("TERM",)
SCORED = 500


def states(model: Any, shown: Windows) -> list[list[np.ndarray]]:
    """Of every layer, the embeddings first, the states of every token, of unit length."""
    layers = model.config.num_hidden_layers + 1
    found: list[list[np.ndarray]] = [[np.zeros(0)] * len(shown.offsets) for _ in range(layers)]
    with torch.inference_mode():
        for rows in buckets(shown.encoded.lengths, batch_size=64):
            batch = collate(shown.encoded, rows.tolist(), pad_id=0, device=torch.device("cpu"))
            for layer, values in enumerate(model(**batch, output_hidden_states=True).hidden_states):
                unit = torch.nn.functional.normalize(values, dim=-1).numpy()
                for position, row in enumerate(rows):
                    found[layer][row] = unit[position, : shown.encoded.lengths[row]]
    return found


def gold(examples: list[Example]) -> list[Spans]:
    return [example.answer for example in examples if isinstance(example.answer, Spans)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    everything = read_all(str(shared_data() / "laptop_ner" / "train.json"), Columns(), labels=SpanLabels(LABELS))
    checkpoint = checkpoints.resolve("minilm", folder=Path())
    tokenizer, model = load_tokenizer(checkpoint), AutoModel.from_pretrained(checkpoint.source).eval()
    rendering = Rendering(default_template(pair=False))
    rows = []
    for seed in range(options.seeds):
        order = np.random.default_rng(seed).permutation(len(everything))
        learned = [everything[row] for row in order[: options.sentences]]
        scored = [everything[row] for row in order[-SCORED:]]
        seen, asked = (
            windows(examples, rendering=rendering, tokenizer=tokenizer, max_length=128)
            for examples in (learned, scored)
        )
        tags = np.concatenate(token_tags(seen, gold(learned), LABELS))
        known = tags >= 0
        for layer, (features, others) in enumerate(zip(states(model, seen), states(model, asked), strict=True)):
            head = fit_head(np.concatenate(features)[known], np.eye(3)[tags[known]], np.ones(int(known.sum())))
            decoded = decode_tags(asked, [head.logits(values) for values in others], LABELS, scored)
            f1 = score(gold(scored), [each.spans for each in decoded], labels=LABELS)["f1"]
            rows.append({"seed": seed, "layer": layer, "f1": f1})
    means = {
        layer: float(np.mean([row["f1"] for row in rows if row["layer"] == layer]))
        for layer in sorted({row["layer"] for row in rows})
    }
    for layer, mean in means.items():
        print(f"layer {layer}: F1 {mean:.3f}")
    write(
        "token_layers",
        command="python -m benchmarks.token_layers",
        rows=[{"layer": layer, "F1": round(mean, 3)} for layer, mean in means.items()],
        notes=[
            f"laptop_ner, training file: {options.sentences} sentences with gold spans teach, {SCORED} others are scored; "
            f"strict entity F1, mean of {options.seeds} draws. Layer 0 are the embeddings."
        ],
    )


if __name__ == "__main__":
    main()
