"""Bootstrap intervals of scores that are means, or functions of sums, over examples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["difference_interval", "interval", "mean_interval", "micro_f1_interval"]

Score = Callable[[np.ndarray], np.ndarray]
"""From sums over examples, (draws, columns), to the score of each draw, (draws,)."""

_INTERVAL = (0.025, 0.975)
_BLOCK = 4_000_000
"""Numbers that are drawn at once: 32 MB, however many examples there are."""


def micro_f1_interval(counts: np.ndarray, *, seed: int, repeats: int = 1000) -> tuple[float, float]:
    """95% percentile interval of micro F1 when examples are drawn again with replacement.

    Args:
        counts: (examples, 3), the true positives, predicted and gold items of each example.
        seed: Seed of the draws.
        repeats: How many times the examples are drawn.

    Returns:
        The lower and the upper end, in [0, 1]; (0, 0) where there are no examples. A draw without any items counts as
        an F1 of 0, as everywhere.

    Source: Efron & Tibshirani 1993, *An introduction to the bootstrap*, chapter 13.

    >>> micro_f1_interval(np.array([[1, 1, 1], [2, 2, 2]]), seed=0)
    (1.0, 1.0)
    """
    if not len(counts):
        return 0.0, 0.0
    sums = _sums(np.asarray(counts), seed=seed, repeats=repeats)
    return _ends(2 * sums[:, 0] / np.maximum(sums[:, 1] + sums[:, 2], 1))


def mean_interval(values: np.ndarray, *, seed: int, repeats: int = 1000) -> tuple[float, float]:
    """95% percentile interval of a mean when examples are drawn again with replacement.

    Args:
        values: (examples,), the score of each example.
        seed: Seed of the draws.
        repeats: How many times the examples are drawn.

    Returns:
        The lower and the upper end; (0, 0) where there are no examples.

    Source: Efron & Tibshirani 1993, *An introduction to the bootstrap*, chapter 13.

    >>> low, high = mean_interval(np.array([0.0, 1.0] * 50), seed=0)
    >>> round(low, 1), round(high, 1)
    (0.4, 0.6)
    """
    if not len(values):
        return 0.0, 0.0
    sums = _sums(np.asarray(values, dtype=np.float64)[:, None], seed=seed, repeats=repeats)
    return _ends(sums[:, 0] / len(values))


def interval(columns: np.ndarray, score: Score, *, seed: int, repeats: int = 1000) -> tuple[float, float]:
    """95% percentile interval of a score that follows from sums over examples, when these are drawn again with replacement.

    Args:
        columns: (examples, columns), what is summed.
        score: Makes scores of sums.
        seed: Seed of the draws.
        repeats: How many times the examples are drawn.

    Returns:
        The lower and the upper end; (0, 0) where there are no examples.

    >>> interval(np.array([[1, 2], [2, 4]]), lambda sums: sums[:, 0] / sums[:, 1], seed=0)
    (0.5, 0.5)
    """
    if not len(columns):
        return 0.0, 0.0
    return _ends(score(_sums(np.asarray(columns), seed=seed, repeats=repeats)))


def difference_interval(
    first: np.ndarray, second: np.ndarray, score: Score, *, seed: int, repeats: int = 1000
) -> tuple[float, float]:
    """As :func:`interval`, of how much the first system's score is above the second's on the same draws (paired bootstrap).

    An interval without 0 says that more examples of this kind would hardly turn the order round.

    Source: Koehn 2004, *Statistical significance tests for machine translation evaluation*.

    >>> difference_interval(np.array([[1.0], [3.0]]), np.array([[0.0], [2.0]]), lambda sums: sums[:, 0] / 2, seed=0)
    (1.0, 1.0)
    """
    if not len(first):
        return 0.0, 0.0
    both = _sums(np.concatenate([first, second], axis=1), seed=seed, repeats=repeats)
    width = first.shape[1]
    return _ends(score(both[:, :width]) - score(both[:, width:]))


def _sums(columns: np.ndarray, *, seed: int, repeats: int) -> np.ndarray:
    """Sums over examples drawn with replacement, (repeats, columns); one draw of n examples is one multinomial."""
    n = len(columns)
    rng, share = np.random.default_rng(seed), np.full(n, 1 / n)
    block = max(_BLOCK // n, 1)
    sizes = [min(block, repeats - start) for start in range(0, repeats, block)]
    return np.concatenate([rng.multinomial(n, share, size=size) @ columns for size in sizes])


def _ends(scores: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(scores, _INTERVAL)
    return float(low), float(high)
