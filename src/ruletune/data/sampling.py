"""Choose few examples: some of every label to learn from, or what to label next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ruletune.types import Example, Label

__all__ = ["Sampled", "k_center", "next_to_label", "sample"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Chosen rows, in the order of the data, and what could not be done."""

    rows: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def sample(
    examples: Sequence[Example],
    *,
    shots: int,
    method: Literal["random", "diverse"],
    seed: int,
    embeddings: np.ndarray | None = None,
) -> Sampled:
    """A few examples of every label.

    Args:
        examples: All labelled.
        shots: Examples of each label; an example with several labels counts for each of them.
        method: ``random``, or ``diverse``: a core-set over ``embeddings``.
        embeddings: (examples, dimensions), needed for ``diverse``.
    """
    if method == "diverse" and embeddings is None:
        raise ValueError("diverse sampling needs embeddings")
    by_label: dict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        if isinstance(example.answer, Label):
            for name in example.answer.names or ("",):
                by_label[name].append(row)
    rng = np.random.default_rng(seed)
    chosen: set[int] = set()
    warnings = []
    for name, rows in sorted(by_label.items()):
        have = sum(row in chosen for row in rows)
        free = [row for row in rows if row not in chosen]
        wanted = max(0, shots - have)
        if len(free) < wanted:
            warnings.append(f"Label {name!r} has {len(rows)} labelled texts, fewer than the {shots} asked for.")
        if method == "diverse" and embeddings is not None:
            picked = k_center(embeddings[free], count=min(wanted, len(free)))
        else:
            picked = [int(p) for p in rng.permutation(len(free))[:wanted]]
        chosen.update(free[position] for position in picked)
    return Sampled(tuple(sorted(chosen)), tuple(warnings))


def k_center(points: np.ndarray, *, count: int) -> list[int]:
    """Points that leave none of the others far from a chosen one: each next one is the farthest from all before.

    Args:
        points: (points, dimensions). The first choice is the one nearest their mean.

    Source: Sener & Savarese 2018, *Active learning for convolutional neural networks: a core-set approach*.

    >>> k_center(np.array([[0.0], [0.1], [5.0], [9.0]]), count=2)
    [2, 0]
    """
    if not len(points) or count < 1:
        return []
    chosen = [int(_distance(points, points.mean(axis=0)).argmin())]
    nearest = _distance(points, points[chosen[0]])
    while len(chosen) < min(count, len(points)):
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _distance(points, points[chosen[-1]]))
    return chosen


def next_to_label(
    embeddings: np.ndarray,
    *,
    count: int,
    labelled: np.ndarray | None = None,
    probabilities: np.ndarray | None = None,
    seed: int = 0,
) -> list[int]:
    """What to label next, most telling first.

    A text is worth a label as far as it is unlike those that have one and those chosen before it, and, where a model
    can say, as far as the model is unsure: distance times (1 + entropy), entropy in units of its maximum. Copies of a
    chosen text are at distance zero and come last.

    Args:
        embeddings: (texts, dimensions), unit length.
        labelled: (labelled texts, dimensions).
        probabilities: (texts, labels), rows sum to 1.
    """
    if not len(embeddings):
        return []
    worth = np.ones(len(embeddings))
    if probabilities is not None:
        clipped = np.clip(probabilities, 1e-12, 1.0)
        entropy = -(clipped * np.log(clipped)).sum(axis=1) / np.log(max(probabilities.shape[1], 2))
        worth += np.clip(entropy, 0.0, 1.0)
    if labelled is not None and len(labelled):
        nearest = np.full(len(embeddings), np.inf)
        for center in labelled:
            nearest = np.minimum(nearest, _distance(embeddings, center))
    else:
        nearest = np.ones(len(embeddings)) * _distance(embeddings, embeddings.mean(axis=0)).max()
    order = np.random.default_rng(seed).permutation(len(embeddings))  # ties are broken at random, not by place
    chosen: list[int] = []
    open_rows = np.ones(len(embeddings), dtype=bool)
    while len(chosen) < min(count, len(embeddings)):
        value = np.where(open_rows, nearest * worth, -1.0)[order]
        chosen.append(int(order[value.argmax()]))
        open_rows[chosen[-1]] = False
        nearest = np.minimum(nearest, _distance(embeddings, embeddings[chosen[-1]]))
    return chosen


def _distance(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points - center, axis=1), dtype=np.float64)
