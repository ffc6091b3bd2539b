r"""How many labels a result is worth: read off the learning curve of labels alone.

The curve is taken to be an inverse power law, as learning curves of classifiers mostly are:

.. math:: \mathrm{error}(n) = c + a n^{-b}, \qquad c \ge 0, \; 0 \le b \le 2.

A handful of points cannot tell the floor *c* from the slope *b*: a least-squares fit finds floors where there are
none, and then no number of labels seems enough. So the floor is the smallest one whose squared error is within one
unit of the repetitions' variance of the best. That makes labels look as good as the points allow, and the rules'
worth a careful estimate.

Source: Hestness et al. 2017, *Deep learning scaling is predictable, empirically*.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Saved", "labels_saved"]

_REACH = 20
"""The curve is trusted up to so many times the labels at hand."""

_DRAWS = 400
_INTERVAL = (0.05, 0.95)

_FLOORS = np.linspace(0.0, 0.95, 20)
"""Floors that are tried, as shares of the smallest error measured."""

_STEEPEST = 2.0
_FLATTEST = 1e-3

_NOISE, _LEAST_NOISE = 0.03, 0.01
"""Standard deviation of the accuracy between repetitions: where nothing was repeated, and at least."""


@dataclass(frozen=True, slots=True)
class Saved:
    """How many more labels would do as much.

    Attributes:
        estimate: ``None`` where the curve does not tell, or tells more than ``limit``.
        low, high: 90% bootstrap interval; ``high`` is ``None`` where it passes ``limit``.
        limit: Labels saved up to which the curve is trusted.
        note: One sentence for a report.
    """

    estimate: float | None
    low: float | None
    high: float | None
    limit: int
    note: str


@dataclass(frozen=True, slots=True)
class _Points:
    """Labels alone by number of labels: mean error, repetitions and their spread.

    Attributes:
        sizes, errors, repeats: (sizes,) float64.
        values: The errors of each size's repetitions.
    """

    sizes: np.ndarray
    errors: np.ndarray
    repeats: np.ndarray
    values: tuple[np.ndarray, ...]
    noise: float


def labels_saved(points: Sequence[tuple[int, float]], *, target: float, used: int, seed: int) -> Saved:
    """Labels that labels alone would need beyond ``used`` to reach ``target``.

    Args:
        points: (labels, accuracy) of labels alone, repetitions included; at least one label, accuracy in [0, 1].
        target: Accuracy of the model that rules taught too.
        used: Labels that this model used.

    >>> curve = [(10, 0.60), (20, 0.68), (40, 0.75)]
    >>> saved = labels_saved(curve, target=0.80, used=40, seed=0)
    >>> 20 < saved.estimate < 80
    True
    """
    limit = used * _REACH
    measured = _collect(points)
    if len(measured.sizes) < 2:
        return Saved(None, None, None, limit, "The curve of labels alone has at most one point, which gives no slope.")
    at_hand = measured.errors[measured.sizes <= used]
    if len(at_hand) and 1.0 - target >= at_hand[-1] - 1e-9:
        return Saved(0.0, 0.0, 0.0, limit, "Labels alone are as good already: the rules saved no labels.")
    needed = float(_needed(measured, measured.errors[None, :], 1.0 - target)[0])
    draws = _needed(measured, _resampled(measured, np.random.default_rng(seed)), 1.0 - target)
    estimate = max(needed - used, 0.0)
    low, high = (max(float(q) - used, 0.0) for q in np.quantile(draws, _INTERVAL, method="nearest"))
    low, high = min(low, estimate), max(high, estimate)
    if math.isinf(needed) and low < limit:
        return Saved(None, None, None, limit, "The curve of labels alone rises too little to tell how many would do.")
    if estimate > limit:
        note = f"Labels alone would need more than {limit} labels on top, beyond what their curve can tell."
        return Saved(None, min(low, float(limit)), None, limit, note)
    first, last = int(measured.sizes[0]), int(measured.sizes[-1])
    note = f"Read off the curve of labels alone, a power law fitted from {first} to {last} labels."
    return Saved(estimate, low, None if high > limit else high, limit, note)


def _collect(points: Sequence[tuple[int, float]]) -> _Points:
    by_size: dict[int, list[float]] = {}
    for size, accuracy in sorted(points):
        by_size.setdefault(size, []).append(1.0 - accuracy)
    values = tuple(np.array(errors) for errors in by_size.values())
    repeats = np.array([len(errors) for errors in values], dtype=np.float64)
    freedom = float((repeats - 1).sum()) if len(repeats) else 0.0
    spread = math.sqrt(sum(float(((v - v.mean()) ** 2).sum()) for v in values) / freedom) if freedom else _NOISE
    means = np.array([errors.mean() for errors in values])
    return _Points(np.array(list(by_size), dtype=np.float64), means, repeats, values, max(spread, _LEAST_NOISE))


def _resampled(points: _Points, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap draws of the mean errors, (draws, sizes).

    Repetitions are drawn again within every size; since there are few, often one, the mean gets its pooled standard
    error on top (a smoothed bootstrap).
    """
    means = [rng.choice(values, (_DRAWS, len(values))).mean(axis=1) for values in points.values]
    noise = rng.normal(0.0, points.noise, (_DRAWS, len(points.sizes))) / np.sqrt(points.repeats)
    return np.asarray(np.clip(np.stack(means, axis=1) + noise, 0.0, 1.0))


def _needed(points: _Points, errors: np.ndarray, goal: float) -> np.ndarray:
    """Labels at which the fitted curve has come down to the error ``goal``; infinite where it never does.

    For each floor the law is a line in logarithms, fitted by least squares; a point weighs by its repetitions and,
    since logarithms stretch small errors, by its squared distance from the floor.

    Args:
        errors: (draws, sizes).
    """
    size = np.log(points.sizes)
    floor = _FLOORS * errors.min(axis=1, keepdims=True)  # (draws, floors)
    above = np.maximum(errors[:, None, :] - floor[:, :, None], 1e-3)
    weight = points.repeats * above**2
    weight /= weight.sum(axis=2, keepdims=True)
    centre, level = (weight * size).sum(axis=2), (weight * np.log(above)).sum(axis=2)
    spread = size - centre[:, :, None]
    slope = (weight * spread * np.log(above)).sum(axis=2) / (weight * spread**2).sum(axis=2)
    decay = np.clip(-slope, 0.0, _STEEPEST)
    fitted = floor[:, :, None] + np.exp(level[:, :, None] - decay[:, :, None] * spread)
    loss = (points.repeats * (fitted - errors[:, None, :]) ** 2).sum(axis=2)
    smallest = (loss <= loss.min(axis=1, keepdims=True) + points.noise**2).argmax(axis=1)
    floor, decay, centre, level = (
        np.take_along_axis(values, smallest[:, None], axis=1)[:, 0] for values in (floor, decay, centre, level)
    )
    reached = (goal > floor) & (decay > _FLATTEST)
    distance = np.log(np.where(reached, np.maximum(goal - floor, 1e-9), 1.0))
    exponent = centre + (level - distance) / np.maximum(decay, _FLATTEST)
    return np.asarray(np.where(reached, np.exp(np.minimum(exponent, 50.0)), np.inf))
