"""Choose few examples: some of every label to learn from, or what to label next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ruletune.data.split import Key, kinds, same_text
from ruletune.types import Example

__all__ = ["Sampled", "k_center", "next_to_label", "sample"]

_COPY = 0.1
"""Distance of unit vectors (a cosine of 0.995) up to which two texts count as copies; reduced precision alone
moves an embedding by a hundredth."""

_BLOCK = 1 << 22
"""Distances held at a time."""

_LISTED = 8
"""Labels that a warning names."""


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
    key: Key = same_text,
) -> Sampled:
    """A few examples of every label, no text twice. Where answers are texts, there is one kind of example.

    Where an example can have several labels it counts for each of them, and the rarest label chooses first; examples
    that have none are drawn as if that were a label.

    Args:
        examples: All labelled.
        shots: Examples of each label; all of a label where there are fewer.
        method: ``random``, or ``diverse``: a core-set over ``embeddings``.
        embeddings: (examples, dimensions), needed for ``diverse``.
        key: What copies have in common, and nothing else has.

    >>> from ruletune.types import Label
    >>> data = [Example(str(n), f"text {n}", answer=Label.of("ab"[n > 6])) for n in range(10)]
    >>> sampled = sample(data, shots=4, method="random", seed=0)
    >>> len(sampled.rows), sampled.warnings
    (7, ('Fewer than 4 different labelled texts, all of them taken: b (3).',))
    """
    if method == "diverse" and embeddings is None:
        raise ValueError("diverse sampling needs embeddings")
    by_label = _rows_by_label(examples, key)
    rng = np.random.default_rng(seed)
    chosen: set[int] = set()
    for rows in sorted(by_label.values(), key=len):
        have = [row for row in rows if row in chosen]
        free = [row for row in rows if row not in chosen]
        wanted = max(0, shots - len(have))
        if method == "diverse" and embeddings is not None:
            picked = k_center(embeddings[free], count=wanted, taken=embeddings[have])
        else:
            picked = [int(position) for position in rng.permutation(len(free))[:wanted]]
        chosen.update(free[position] for position in picked)
    few = [f"{name or 'no label'} ({len(rows)})" for name, rows in by_label.items() if len(rows) < shots]
    listed = ", ".join(few[:_LISTED]) + (f" and {len(few) - _LISTED} more" if len(few) > _LISTED else "")
    warnings = (f"Fewer than {shots} different labelled texts, all of them taken: {listed}.",) if few else ()
    return Sampled(tuple(sorted(chosen)), warnings)


def _rows_by_label(examples: Sequence[Example], key: Key) -> dict[str, list[int]]:
    """Rows of different texts by label, labels in order; of copies the first."""
    first: dict[tuple[str, ...], int] = {}
    for row, example in enumerate(examples):
        if example.answer is not None:
            first.setdefault(key(example), row)
    by_label: dict[str, list[int]] = defaultdict(list)
    for row in first.values():
        for name in kinds(examples[row].answer) or ("",):
            by_label[name].append(row)
    return dict(sorted(by_label.items()))


def k_center(points: np.ndarray, *, count: int, taken: np.ndarray | None = None) -> list[int]:
    """Points that leave none of the others far from a chosen one: each next one is the farthest from all before.

    Args:
        points: (points, dimensions). The first choice is the medoid by squared distance (the point nearest the mean).
        count: Points to choose; all of them where there are fewer.
        taken: (points, dimensions) that are chosen already; the first choice is then the farthest from them.

    Source: Sener & Savarese 2018, *Active learning for convolutional neural networks: a core-set approach*.

    >>> k_center(np.array([[0.0], [0.1], [5.0], [9.0]]), count=2)
    [2, 0]
    """
    if not len(points) or count < 1:
        return []
    if taken is not None and len(taken):
        nearest = _nearest(points, taken)
        chosen = [int(nearest.argmax())]
    else:
        nearest = np.full(len(points), np.inf)
        chosen = [_medoid(points)]
    while len(chosen) < min(count, len(points)):
        nearest = np.minimum(nearest, _nearest(points, points[chosen[-1:]]))
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
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
    can say, as far as the model is unsure: distance times (1 + entropy), entropy in units of its maximum. With nothing
    to be unlike, the medoid comes first, or what the model is least sure of. Near copies (a cosine above 0.995) of a
    labelled or chosen text are never chosen, so there may be fewer than ``count``.

    Args:
        embeddings: (texts, dimensions), unit length.
        labelled: (labelled texts, dimensions), unit length.
        probabilities: (texts, labels); rows that do not sum to 1 are beliefs in several labels at once.
        seed: Ties are broken at random.
    """
    if not len(embeddings) or count < 1:
        return []
    worth = np.ones(len(embeddings)) if probabilities is None else 1.0 + _entropy(probabilities)
    order = np.random.default_rng(seed).permutation(len(embeddings))
    chosen: list[int] = []
    if labelled is not None and len(labelled):
        nearest = _nearest(embeddings, labelled)
    else:
        chosen.append(_medoid(embeddings) if probabilities is None else int(order[worth[order].argmax()]))
        nearest = _nearest(embeddings, embeddings[chosen])
    while len(chosen) < min(count, len(embeddings)):
        nearest[chosen] = 0.0
        best = int(order[np.where(nearest > _COPY, nearest * worth, 0.0)[order].argmax()])
        if nearest[best] <= _COPY:
            break
        chosen.append(best)
        nearest = np.minimum(nearest, _nearest(embeddings, embeddings[[best]]))
    return chosen


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """Entropy of each row in units of its maximum, (rows,) in [0, 1]."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-12, 1.0)
    if p.shape[1] > 1 and np.allclose(p.sum(axis=1), 1.0, atol=1e-3):
        return np.asarray(np.clip(-(p * np.log(p)).sum(axis=1) / np.log(p.shape[1]), 0.0, 1.0))
    q = np.clip(1.0 - p, 1e-12, 1.0)
    return np.asarray(np.clip(-(p * np.log2(p) + q * np.log2(q)).mean(axis=1), 0.0, 1.0))


def _medoid(points: np.ndarray) -> int:
    """The point with the smallest sum of squared distances to all: the one nearest their mean."""
    return int(_nearest(points, points.mean(axis=0, keepdims=True)).argmin())


def _nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Euclidean distance of each point to the nearest center, (points,) float64, in bounded memory."""
    lengths = np.einsum("nd,nd->n", points, points)
    result = np.full(len(points), np.inf)
    step = max(1, _BLOCK // max(len(points), 1))
    for start in range(0, len(centers), step):
        block = centers[start : start + step]
        squared = lengths[:, None] - 2.0 * (points @ block.T) + np.einsum("nd,nd->n", block, block)
        result = np.minimum(result, squared.min(axis=1))
    return np.asarray(np.sqrt(np.maximum(result, 0.0)))
