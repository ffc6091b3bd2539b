"""How far probabilities can be believed, and how far measured shares can."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["expected_calibration_error", "reliability", "wilson_interval"]

_Z = 1.959963984540054  # two-sided 95%


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """95% interval of a share, in [0, 1]; everything is possible where nothing was seen.

    Source: Wilson 1927, *Probable inference, the law of succession, and statistical inference*.

    >>> low, high = wilson_interval(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    if n == 0:
        return 0.0, 1.0
    share = correct / n
    centre = share + _Z**2 / (2 * n)
    spread = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    scale = 1 + _Z**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def reliability(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and number of answers in bins of equal width; empty bins are left out.

    Args:
        confidence: (answers,) in [0, 1].
        correct: (answers,) bool.
    """
    confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=bool)
    position = np.clip((confidence * bins).astype(int), 0, bins - 1)
    result = []
    for number in range(bins):
        inside = position == number
        if inside.any():
            result.append((float(confidence[inside].mean()), float(correct[inside].mean()), int(inside.sum())))
    return result


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, *, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy over bins of equal width, weighted by their size, in [0, 1].

    Source: Naeini et al. 2015, *Obtaining well calibrated probabilities using Bayesian binning*.

    >>> expected_calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
    0.25
    """
    total = max(len(confidence), 1)
    return float(sum(abs(mean - share) * n / total for mean, share, n in reliability(confidence, correct, bins=bins)))
