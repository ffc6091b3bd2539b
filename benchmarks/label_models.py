"""Label models on three public data sets: what rules say together, with no, few and more gold labels.

Run: ``python -m benchmarks.label_models``. Models are fitted on the votes of the training part, with so many gold
labels of each class known, and measured on the validation part, which nothing here chooses by. Where several labels
are believed equally, as on every text without a vote, the accuracy is the one expected of drawing one of them.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import shared_data, write
from ruletune.data.sampling import sample
from ruletune.labeling import label_model
from ruletune.labeling.corpus import gold_matrix
from ruletune.labeling.label_model import LabelModel, fit_dawid_skene, fit_majority
from ruletune.labeling.votes import ABSTAIN
from ruletune.types import Example, Label

SETS = ("youtube", "trec", "sms")
MODELS = ("majority vote", "Dawid-Skene", "Dawid-Skene, uncapped")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a data set: (texts, rules) votes, and every text with its label."""

    votes: np.ndarray
    examples: list[Example]

    @property
    def gold(self) -> np.ndarray:
        """Position of each text's label, (texts,)."""
        names = [answer.names[0] for answer in (e.answer for e in self.examples) if isinstance(answer, Label)]
        return np.array(names, dtype=np.int64)


def read(path: Path) -> Part:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    examples = [Example(str(n), row["text"], answer=Label.of(str(row["label"]))) for n, row in enumerate(rows)]
    return Part(np.array([row["votes"] for row in rows], dtype=np.int16), examples)


@contextmanager
def uncapped() -> Iterator[None]:
    """Textbook EM, where votes on unlabelled texts count in full."""
    cap = label_model._UNLABELED_CAP
    label_model._UNLABELED_CAP = math.inf
    try:
        yield
    finally:
        label_model._UNLABELED_CAP = cap


def fit(name: str, votes: np.ndarray, gold: np.ndarray) -> LabelModel:
    weights = [1.0] * votes.shape[1]
    if name == "majority vote":
        return fit_majority(votes, classes=gold.shape[1], weights=weights, gold=gold)
    if name == "Dawid-Skene":
        return fit_dawid_skene(votes, classes=gold.shape[1], weights=weights, gold=gold)
    with uncapped():
        return fit_dawid_skene(votes, classes=gold.shape[1], weights=weights, gold=gold)


def known(train: Part, labels: list[str], *, shots: int, seed: int) -> np.ndarray:
    """Gold of the training part as the label model gets it, NaN where it is not told."""
    gold = gold_matrix(train.examples, labels)
    hidden = np.ones(len(gold), dtype=bool)
    if shots:
        hidden[list(sample(train.examples, shots=shots, method="random", seed=seed).rows)] = False
    gold[hidden] = np.nan
    return gold


def expected_accuracy(posterior: np.ndarray, gold: np.ndarray) -> float:
    """Share of right answers where ties are broken by drawing."""
    best = posterior >= posterior.max(axis=1, keepdims=True) - 1e-9
    return float((best[np.arange(len(gold)), gold] / best.sum(axis=1)).mean())


def measure(name: str, *, shots: int, seeds: int) -> list[dict[str, Any]]:
    """A row for each label model, mean over draws of the gold labels."""
    folder = shared_data() / name
    train, valid = read(folder / "train.jsonl"), read(folder / "valid.jsonl")
    labels = [str(position) for position in range(len(json.loads((folder / "labels.jsonl").read_text("utf-8"))))]
    covered = (valid.votes != ABSTAIN).any(axis=1)
    rows = []
    for model in MODELS:
        values = []
        for seed in range(seeds if shots else 1):  # without gold there is nothing to draw
            fitted = fit(model, train.votes, known(train, labels, shots=shots, seed=seed))
            posterior = fitted.posterior(valid.votes)
            values.append(
                (expected_accuracy(posterior, valid.gold), expected_accuracy(posterior[covered], valid.gold[covered]))
            )
        everywhere, where_covered = zip(*values, strict=True)
        rows.append(
            {
                "data": name,
                "model": model,
                "gold labels a class": shots,
                "seeds": len(values),
                "coverage": round(float(covered.mean()), 4),
                "accuracy": round(statistics.mean(everywhere), 4),
                "accuracy where covered": round(statistics.mean(where_covered), 4),
                "deviation where covered": round(statistics.stdev(where_covered), 4) if len(values) > 1 else None,
            }
        )
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'data':10}{'gold a class':>13}  {'model':24}{'coverage':>9}{'accuracy':>10}{'where covered':>15}")
    for row in rows:
        print(
            f"{row['data']:10}{row['gold labels a class']:>13}  {row['model']:24}{row['coverage']:>9.3f}"
            f"{row['accuracy']:>10.3f}{row['accuracy where covered']:>15.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--shots", nargs="+", type=int, default=[0, 5, 10])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows = [
        row
        for name in arguments.sets
        for shots in arguments.shots
        for row in measure(name, shots=shots, seeds=arguments.seeds)
    ]
    show(rows)
    write(
        "label_models",
        command="python -m benchmarks.label_models",
        rows=rows,
        notes=[
            "fitted on the training part's votes, measured on the validation part; means over draws of gold labels",
            "ties are broken by drawing; uncapped: votes on unlabelled texts count in full, as in the textbook",
        ],
    )


if __name__ == "__main__":
    main()
