r"""How many labels a result is worth: read off the learning curve of labels alone.

The curve is taken to be an inverse power law, as learning curves of classifiers mostly are:
:math:`\mathrm{error}(n) = c + a n^{-b}`. With the few points that a handful of labels allows, the floor *c* cannot be
told from the slope, so it is kept at zero, which makes labels look as good as they can be and the rules' worth a
careful estimate.

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


def labels_saved(points: Sequence[tuple[int, float]], *, target: float, used: int, seed: int) -> Saved:
    """Labels that labels alone would need beyond ``used`` to reach ``target``.

    Args:
        points: (labels, accuracy) of labels alone, repetitions included; accuracy in [0, 1].
        target: Accuracy of the model that rules taught too.
        used: Labels that this model used.

    >>> curve = [(10, 0.60), (20, 0.68), (40, 0.75)]
    >>> saved = labels_saved(curve, target=0.80, used=40, seed=0)
    >>> 20 < saved.estimate < 80
    True
    """
    limit = used * (_REACH - 1)
    sizes = sorted({size for size, _ in points})
    if len(sizes) < 2:
        return Saved(None, None, None, limit, "The curve of labels alone has one point only, which gives no slope.")
    alone = float(np.mean([value for size, value in points if size == sizes[-1]]))
    if target <= alone:
        return Saved(0.0, 0.0, 0.0, limit, "Labels alone are as good already: the rules saved no labels.")
    rng = np.random.default_rng(seed)
    estimate = _needed(points, target) - used
    draws = np.array([_needed(_resampled(points, rng), target) - used for _ in range(_DRAWS)])
    low, high = (float(max(q, 0.0)) for q in np.quantile(draws, (0.05, 0.95), method="nearest"))
    estimate = max(estimate, 0.0)
    if estimate > limit:
        shown = min(low, float(limit))
        note = f"Labels alone would need more than {limit} labels on top, beyond what their curve can tell."
        return Saved(None, shown, None, limit, note)
    note = f"Read off the curve of labels alone, extrapolated as a power law from {sizes[0]} to {sizes[-1]} labels."
    return Saved(float(estimate), min(low, estimate), None if high > limit else max(high, estimate), limit, note)


def _needed(points: Sequence[tuple[int, float]], target: float) -> float:
    """Labels at which the fitted curve reaches the target; infinite where it does not fall."""
    size = np.log([n for n, _ in points])
    error = np.log([max(1.0 - value, 1e-3) for _, value in points])
    slope, level = np.polyfit(size, error, 1)
    if slope >= -1e-3:
        return math.inf
    exponent = (math.log(max(1.0 - target, 1e-3)) - level) / slope
    return math.exp(min(exponent, 50.0))


def _resampled(points: Sequence[tuple[int, float]], rng: np.random.Generator) -> list[tuple[int, float]]:
    """A bootstrap draw within every size, with the spread of the whole curve where a size has one point."""
    by_size: dict[int, list[float]] = {}
    for size, value in points:
        by_size.setdefault(size, []).append(value)
    spreads = [np.std(values, ddof=1) for values in by_size.values() if len(values) > 1]
    spread = float(np.mean(spreads)) if spreads else 0.02
    drawn = []
    for size, values in by_size.items():
        centre = float(np.mean(rng.choice(values, len(values))))
        drawn.append((size, float(np.clip(centre + rng.normal(0, spread / math.sqrt(len(values))), 0.0, 1.0))))
    return drawn
