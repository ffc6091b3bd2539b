"""What the mean-pooling layer is worth: a linear classifier on frozen features, a few labels a class.

Run: ``python -m benchmarks.pooling``. First token: what a plain sequence classifier of the checkpoint reads. Mean
pooling: the same after the layer that ruletune puts on top. Gold labels are drawn from the training part of trec,
measured is its validation part; the classifier's regularization is scikit-learn's default.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoModel

from benchmarks.classification import LABELS
from benchmarks.record import shared_data, write
from ruletune.models import backbone, checkpoints
from ruletune.models.encoding import buckets, collate, encode
from ruletune.templates import Rendering, default_template
from ruletune.types import Example

SHOTS, SEEDS = 5, 3


def features(texts: list[str], *, pooled: bool) -> np.ndarray:
    """What the classifier's last layers read: the state of the first token."""
    checkpoint = checkpoints.resolve("minilm", folder=Path())
    made = backbone.new(checkpoint, labels=LABELS["trec"], multi=False, max_length=64, dropout=None, seed=0)
    model = made.model.bert
    if not pooled:
        model = AutoModel.from_pretrained(checkpoint.source)
    examples = [Example(str(n), text) for n, text in enumerate(texts)]
    plain = Rendering(default_template(pair=False))
    encoded = encode(examples, rendering=plain, tokenizer=made.tokenizer, max_length=64)
    result = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for rows in buckets(encoded.lengths, batch_size=64):
            batch = collate(encoded, rows.tolist(), pad_id=made.pad_id, device=torch.device("cpu"))
            result[rows] = model.eval()(**batch).last_hidden_state[:, 0].numpy()
    return result


def read(part: str) -> tuple[list[str], np.ndarray]:
    lines = (shared_data() / "trec" / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["text"] for row in rows], np.array([row["label"] for row in rows])


def main() -> None:
    train, gold = read("train")
    test, truth = read("valid")
    draws = [
        np.concatenate([rng.permutation(np.flatnonzero(gold == k))[:SHOTS] for k in range(len(LABELS["trec"]))])
        for rng in map(np.random.default_rng, range(SEEDS))
    ]
    used = np.unique(np.concatenate(draws))
    rows: list[dict[str, Any]] = []
    for name, pooled in (("first token", False), ("mean pooling", True)):
        known = dict(zip(used.tolist(), features([train[n] for n in used], pooled=pooled), strict=True))
        held_out = features(test, pooled=pooled)
        values = []
        for draw in draws:
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
            model.fit(np.stack([known[int(n)] for n in draw]), gold[draw])
            values.append(float(model.score(held_out, truth)))
        rows.append({"features": name, "accuracy": round(statistics.mean(values), 4), "seeds": SEEDS})
        print(json.dumps(rows[-1]), flush=True)
    write("pooling", command="python -m benchmarks.pooling", rows=rows, notes=[f"trec, {SHOTS} labels a class"])


if __name__ == "__main__":
    main()
