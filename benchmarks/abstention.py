"""Does the promise of ``--max-error`` hold, and what does it cost? Many random calibration and test cuts of public data.

Run: ``python -m benchmarks.abstention``. A logistic regression on frozen MiniLM embeddings learns from a few labels a
class, drawn from the training piece; the rest of the piece is cut at random into calibration and test texts, anew for
every seed. ``broken`` is the share of cuts where more than ``max_error`` of the answers on the test texts were wrong;
with confidence 0.9 it should be at most 0.1, but for the chance in the test texts themselves. ``error`` is the mean over
cuts that answer anything, ``answered`` the mean share over all cuts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.record import shared_data, write
from ruletune.metrics.calibration import expected_calibration_error
from ruletune.metrics.selective import labels_needed, threshold
from ruletune.metrics.temperature import fit_temperature, log_loss, tempered
from ruletune.models import checkpoints, frozen

SHOTS, CUTS, TEXTS = 20, 200, 1500
SIZES = (20, 50, 100, 200, 500)
ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)


def read(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and labels of at most ``TEXTS`` texts of a training piece."""
    lines = (shared_data() / name / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    chosen = np.random.default_rng(0).permutation(len(rows))[:TEXTS]
    checkpoint = checkpoints.resolve("minilm", folder=Path())
    texts = [str(rows[n]["text"]) for n in chosen]
    return frozen.embed(checkpoint, texts, max_length=64), np.array([rows[n]["label"] for n in chosen])


def cuts(x: np.ndarray, gold: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Logits of a fresh small model on everything that it did not learn from, in random order; and gold in {0, 1}."""
    labels = np.unique(gold)
    for seed in range(CUTS):
        order = np.random.default_rng(seed).permutation(len(gold))
        taught = np.concatenate([order[gold[order] == label][:SHOTS] for label in labels])
        rest = order[~np.isin(order, taught)]
        model = LogisticRegression(C=10.0, max_iter=500).fit(x[taught], gold[taught])
        yield model.predict_log_proba(x[rest]), (gold[rest, None] == labels[None]).astype(float)


def confidence_and_right(logits: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probability = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability /= probability.sum(axis=1, keepdims=True)
    return probability.max(axis=1), probability.argmax(axis=1) == gold.argmax(axis=1)


def calibration_row(name: str, size: int, made: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    figures = []
    for logits, gold in made:
        fresh, truth = logits[size:], gold[size:]
        after = tempered(fresh, fit_temperature(logits[:size], gold[:size], multi=False))
        errors = [expected_calibration_error(*confidence_and_right(v, truth)) for v in (fresh, after)]
        figures.append([*errors, *(log_loss(v, truth, multi=False) for v in (fresh, after))])
    names = ("ece_before", "ece_after", "log_loss_before", "log_loss_after")
    means = np.mean(figures, axis=0).round(4).tolist()
    return {"data": name, "what": "temperature", "labels": size, **dict(zip(names, means, strict=True))}


def promise_row(name: str, size: int, error: float, made: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    shares, errors = [], []
    for logits, gold in made:
        scores, right = confidence_and_right(logits, gold)
        given = threshold(scores[:size], right[:size], max_error=error).passes(scores[size:])
        shares.append(float(given.mean()))
        if given.any():
            errors.append(float((~right[size:][given]).mean()))
    return {
        "data": name,
        "what": "promise",
        "labels": size,
        "max_error": error,
        "answered": round(float(np.mean(shares)), 4),
        "error": round(float(np.mean(errors)), 4) if errors else None,
        "broken": round(sum(value > error for value in errors) / len(made), 4),
    }


def main() -> None:
    rows: list[dict[str, Any]] = []
    for name in ("trec", "sms", "youtube"):
        made = list(cuts(*read(name)))
        right = np.mean([confidence_and_right(*cut)[1].mean() for cut in made])
        print(f"{name}: accuracy {right:.3f}, {len(made[0][0])} texts to calibrate and test on", flush=True)
        for size in SIZES:
            rows.append(calibration_row(name, size, made))
            print(json.dumps(rows[-1]), flush=True)
            for error in ERRORS:
                if size >= labels_needed(error):
                    rows.append(promise_row(name, size, error, made))
                    print(json.dumps(rows[-1]), flush=True)
    notes = [
        f"{CUTS} cuts of at most {TEXTS} texts; the model learns {SHOTS} labels a class; confidence 0.9",
        "Sizes too small for any promise are left out: nothing is answered there.",
    ]
    write("abstention", command="python -m benchmarks.abstention", rows=rows, notes=notes)


if __name__ == "__main__":
    main()
