"""What continued pretraining on a task's own texts is worth, without any rule.

Run: ``python -m benchmarks.pretraining``. Texts: the training part of trec but for 1,000 texts that measure; the
published validation and test parts are not touched. Labels: 10 a class. Measured: a linear classifier on frozen
mean-pooled features, and fine-tuning, for the checkpoint as it is and after pretraining with and without the term
that holds the embeddings.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.classification import LABELS
from benchmarks.pooling import read
from benchmarks.record import write
from ruletune.models import backbone, checkpoints, frozen
from ruletune.models.encoding import encode
from ruletune.pipeline.pretrain import Pretraining, pretrain
from ruletune.templates import Rendering, default_template
from ruletune.training.loop import Loop, Stage, Supervision
from ruletune.types import Example

SHOTS, SEEDS, HELD_OUT = 10, 3, 1000


def probe(
    source: str, train: list[str], gold: np.ndarray, test: list[str], truth: np.ndarray, draws: Any
) -> list[float]:
    checkpoint = checkpoints.resolve(source, folder=Path())
    used = np.unique(np.concatenate(draws))
    known = dict(zip(used.tolist(), frozen.embed(checkpoint, [train[n] for n in used]), strict=True))
    held_out = frozen.embed(checkpoint, test)
    scores = []
    for draw in draws:
        model = LogisticRegression(max_iter=2000, C=10).fit(np.stack([known[int(n)] for n in draw]), gold[draw])
        scores.append(float(model.score(held_out, truth)))
    return scores


def fine_tune(
    source: str, train: list[str], gold: np.ndarray, test: list[str], truth: np.ndarray, draws: Any
) -> list[float]:
    checkpoint = checkpoints.resolve(source, folder=Path())
    names = LABELS["trec"]
    scores = []
    for seed, draw in enumerate(draws):
        made = backbone.new(checkpoint, labels=names, multi=False, max_length=64, dropout=None, seed=seed)
        plain = Rendering(default_template(pair=False))
        parts = [
            encode([Example(str(n), t) for n, t in enumerate(texts)], rendering=plain, tokenizer=made.tokenizer, max_length=64)
            for texts in ([train[n] for n in draw], test)
        ]  # fmt: skip
        data = Supervision(parts[0], np.eye(len(names))[gold[draw]], np.ones((len(draw), 1)))
        stage = Stage("gold", epochs=20, batch_size=16, learning_rate=5e-5, head_learning_rate=1e-3)
        for _ in Loop(made, stage, data, None, seed=seed).run():
            pass
        scores.append(float((backbone.logits(made, parts[1]).argmax(1) == truth).mean()))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--keep", type=float, nargs="*", default=[0.0, 10.0])
    arguments = parser.parse_args()
    texts, labels = read("train")
    order = np.random.default_rng(0).permutation(len(texts))
    test, truth = [texts[n] for n in order[:HELD_OUT]], labels[order[:HELD_OUT]]
    seen = set(test)
    rest = [n for n in order[HELD_OUT:] if texts[n] not in seen]
    train, gold = [texts[n] for n in rest], labels[rest]
    draws = [
        np.concatenate([rng.permutation(np.flatnonzero(gold == k))[:SHOTS] for k in range(len(LABELS["trec"]))])
        for rng in map(np.random.default_rng, range(SEEDS))
    ]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for keep in (None, *arguments.keep):
            source = "minilm"
            row: dict[str, Any] = {"pretraining": "none"}
            if keep is not None:
                began = time.monotonic()
                settings = Pretraining(epochs=arguments.epochs, keep=keep, max_length=64)
                done = pretrain(list(dict.fromkeys(train)), out=Path(folder) / str(keep), settings=settings)
                source, row = str(done.folder), {"pretraining": f"keep {keep:g}", **done.record["loss"]}
                row["seconds"] = round(time.monotonic() - began, 1)
            for name, how in (("probe", probe), ("fine_tuned", fine_tune)):
                scores = how(source, train, gold, test, truth, draws)
                row[name] = round(statistics.mean(scores), 4)
                row[f"{name}_each"] = [round(score, 4) for score in scores]
            rows.append(row)
            print(json.dumps(row), flush=True)
    notes = [f"trec, {SHOTS} labels a class, {SEEDS} draws, {HELD_OUT} held-out texts, {arguments.epochs} epochs"]
    write(
        "pretraining", command=f"python -m benchmarks.pretraining --epochs {arguments.epochs}", rows=rows, notes=notes
    )


if __name__ == "__main__":
    main()
