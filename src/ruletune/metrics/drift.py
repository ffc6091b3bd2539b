"""Whether texts of late are still those that a model was trained for: shares compared, without crying wolf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Change", "changes"]


@dataclass(frozen=True, slots=True)
class Change:
    """A share that is not what it was, beyond chance.

    Attributes:
        before, now: Shares, in [0, 1].
        p: Of Fisher's exact test, corrected for the number of shares that were compared.
    """

    name: str
    before: float
    now: float
    p: float


def changes(
    names: Sequence[str],
    before: Sequence[int],
    texts_before: int,
    now: Sequence[int],
    texts_now: int,
    *,
    level: float = 1e-4,
    least: int = 200,
    points: float = 0.03,
    factor: float = 1.5,
) -> list[Change]:
    """Shares that have changed, the surest first.

    Each is compared by Fisher's exact test, two-sided by doubling the smaller tail, and Holm's correction holds the
    probability that any of them is named by chance to ``level``. A window that slides is looked at again and again, hence
    the small level. What differs by chance is not all that does not matter: of large numbers every difference is sure. So a
    change counts only if it is of so many points, or by such a factor and of a third of the points.

    Args:
        before, now: How many of the texts.
        least: With fewer texts now nothing is said.

    >>> changes(["refund", "thanks"], [40, 300], 1000, [310, 290], 1000)
    [Change(name='refund', before=0.04, now=0.31, p=...)]
    >>> changes(["refund"], [40], 1000, [31], 100)
    []
    """
    if texts_now < least or not texts_before or not len(names):
        return []
    first, second = np.asarray(before, dtype=np.int64), np.asarray(now, dtype=np.int64)
    p = _holm(_fisher(first, texts_before, second, texts_now))
    shares = first / texts_before, second / texts_now
    apart = np.abs(shares[1] - shares[0])
    # Of what never happened before every share is a large multiple.
    times = np.maximum(*shares) / np.maximum(np.minimum(*shares), 1.0 / texts_before)
    matters = (apart >= points) | ((times >= factor) & (apart >= points / 3))
    found = [
        Change(name, float(shares[0][n]), float(shares[1][n]), float(p[n]))
        for n, name in enumerate(names)
        if p[n] < level and matters[n]
    ]
    return sorted(found, key=lambda change: (change.p, -abs(change.now - change.before), change.name))


def _fisher(first: np.ndarray, of_first: int, second: np.ndarray, of_second: int) -> np.ndarray:
    """Two-sided probability of counts at least as unequal, given their sum."""
    from scipy.stats import hypergeom

    together = first + second
    law = hypergeom(of_first + of_second, together, of_second)
    return np.asarray(np.minimum(1.0, 2.0 * np.minimum(law.cdf(second), law.sf(second - 1))))


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction: the smallest of n counts n times, the next n - 1 times, and none less than one before it.

    >>> _holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    scaled = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, scaled)
    return corrected
