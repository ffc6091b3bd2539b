"""From logits to probabilities, and from those to answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.types import Label

__all__ = ["answers", "probabilities"]


def probabilities(logits: np.ndarray, *, multi: bool) -> np.ndarray:
    """Probability of every label: softmax, or each label's own logistic where several may hold.

    >>> probabilities(np.array([[0.0, 0.0]]), multi=False)
    array([[0.5, 0.5]])
    """
    values = logits.astype(np.float64)
    if multi:
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -60, 60))))
    values = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def answers(probability: np.ndarray, labels: Sequence[str], *, multi: bool) -> list[tuple[Label, float]]:
    """The most probable label, or every label above one half; with the answer's score."""
    if multi:
        scores = np.maximum(probability, 1 - probability).mean(axis=1)
        chosen = [Label.of(*(labels[int(k)] for k in np.flatnonzero(row > 0.5))) for row in probability]
        return [(label, float(score)) for label, score in zip(chosen, scores, strict=True)]
    best = probability.argmax(axis=1)
    return [(Label.of(labels[k]), float(probability[row, k])) for row, k in enumerate(best)]
