"""Does the guard know real rules from useless and from wrong ones?

Run: ``python -m benchmarks.guard``. Draws of labels as in ``benchmarks/draws.py``; the rules' votes as they are, shuffled over
the texts, and with every label swapped for the next. Where rules are left out, what is delivered is the model of labels
alone, so that the difference to it is zero; what can go wrong is the decision, and that takes no training to measure.
The report parts are not looked at, but for embedding nothing else is computed on the pool.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.draws import LABELS, draw
from benchmarks.record import write
from ruletune.labeling.label_model import LabelModel, fit_dawid_skene
from ruletune.models import checkpoints
from ruletune.models.frozen import embed_layers
from ruletune.training.guard import compare
from ruletune.training.quick import Pool, reduced

POOL = 2000
KINDS = ("real", "shuffled", "swapped")


def spoilt(votes: np.ndarray, kind: str, *, classes: int, rng: np.random.Generator) -> np.ndarray:
    """The votes as they are, of other texts, or for the next label."""
    match kind:
        case "shuffled":
            return np.asarray(votes[rng.permutation(len(votes))])
        case "swapped":
            return np.where(votes >= 0, (votes + 1) % classes, votes).astype(votes.dtype)
        case _:
            return votes


def fitted(matrix: np.ndarray, gold: np.ndarray, *, classes: int) -> LabelModel:
    return fit_dawid_skene(matrix, classes=classes, weights=[1.0] * matrix.shape[1], gold=gold)


def decisions(name: str, *, shots: int, seeds: int, vectors: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    classes = len(LABELS[name])
    used: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    kappas: dict[str, list[float]] = {kind: [] for kind in KINDS}
    seconds = []
    for seed in range(seeds):
        drawn = draw(name, shots=shots, seed=seed)
        rng = np.random.default_rng(seed)
        pool = [drawn.pool[r] for r in np.sort(rng.permutation(len(drawn.pool))[:POOL])]
        rows = [*drawn.gold, *pool]
        features = reduced(np.stack([vectors[row["text"]] for row in rows]), seed=seed)
        gold = np.full((len(rows), classes), np.nan)
        gold[: len(drawn.gold)] = np.eye(classes)[[row["label"] for row in drawn.gold]]
        votes = np.array([row["votes"] for row in rows], dtype=np.int16)
        for kind in KINDS:
            began = time.process_time()
            verdict = compare(
                Pool(features, gold, spoilt(votes, kind, classes=classes, rng=rng)),
                partial(fitted, classes=classes),
                voting=np.ones(votes.shape[1], dtype=bool),
                multi=False,
                seed=seed,
            )
            seconds.append(time.process_time() - began)
            used[kind].append(verdict.rules)
            kappas[kind].append(verdict.agreement[0] if verdict.agreement else float("nan"))
    return [
        {
            "data": name,
            "labels a class": shots,
            "rules": kind,
            "draws": seeds,
            "used": sum(used[kind]),
            "kappa, least": round(min(kappas[kind]), 3),
            "kappa, most": round(max(kappas[kind]), 3),
            "seconds": round(float(np.mean(seconds)), 2),
        }
        for kind in KINDS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    checkpoint = checkpoints.resolve("minilm", folder=Path())
    rows: list[dict[str, Any]] = []
    for name in LABELS:
        first = draw(name, shots=5, seed=0)
        texts = sorted({row["text"] for row in (*first.gold, *first.pool)})
        vectors = dict(zip(texts, embed_layers(checkpoint, texts), strict=True))
        for shots in (5, 10, 50):
            rows += decisions(name, shots=shots, seeds=arguments.seeds, vectors=vectors)
            print(json.dumps(rows[-3:]), flush=True)
    notes = ["used: draws in which the rules were used; seconds of processor time for one comparison, embedding aside"]
    write("guard", command="python -m benchmarks.guard", rows=rows, notes=notes)


if __name__ == "__main__":
    main()
