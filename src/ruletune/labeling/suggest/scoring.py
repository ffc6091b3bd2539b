r"""How precise a candidate is expected to be, and how sure that is.

For a candidate that matches the texts :math:`M`, what the classifier believes gives a first estimate, shrunk towards
the label's share :math:`\pi_k` among all texts:

.. math:: m_k = \frac{\sum_{i \in M} q_{ik} + a \pi_k}{|M| + a}.

The classifier errs on all texts of one wording alike, so that a thousand matches are no thousand witnesses: the
estimate counts as :math:`s` of them, more where the classifier predicts left-out gold well, never more than there are
matches. Gold labels among the matches are counted beside it, each by how much more or less frequent its label is among
the texts than among gold. Precision is then :math:`\mathrm{Beta}(s m + g^+, s (1 - m) + g^-)`, from which the mean and
the interval are read, the interval with all counts scaled down, since candidates were chosen for looking good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.labeling.suggest.beliefs import Beliefs

__all__ = ["Evidence", "Scores", "evidence", "score"]

_SHRINKAGE = 1.0
"""Texts that the label's share counts as."""

_STRENGTH = 12.0
"""Texts that the estimate of a perfect classifier counts as at most."""

_CAUTION = 0.35
"""What the counts behind an interval are scaled by. Candidates are chosen for looking good, and the classifier was fitted
on the same gold. Chosen on the public training sets so that about nine of ten intervals held there; the benchmark says
how many do on held-out texts."""

_SHARE = 0.9
"""How often an interval should hold the true precision."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What precision is estimated from.

    Attributes:
        probability: (texts, labels) beliefs.
        gold: (texts, labels) in {0, 1}; NaN rows where the label is not known.
        prior: (labels,) shares among the texts.
        weight: (texts,) what a gold text counts as; 0 without gold.
        strength: Texts that an estimate counts as at most.
    """

    probability: np.ndarray
    gold: np.ndarray
    prior: np.ndarray
    weight: np.ndarray
    strength: float

    def of(self, rows: np.ndarray) -> Evidence:
        """The same for some of the texts."""
        return Evidence(self.probability[rows], self.gold[rows], self.prior, self.weight[rows], self.strength)


@dataclass(frozen=True, slots=True)
class Scores:
    """For each candidate, its best label and what is expected of it there; all arrays (candidates,).

    Attributes:
        label: Position of the label.
        precision, low, high: Expected precision and its 90% interval.
        bound: A lower bound to choose by: the 5% quantile before the interval is widened for having chosen.
        matched: Texts that it matches.
        correct, judged: Gold texts among them, with its label and in all.
    """

    label: np.ndarray
    precision: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bound: np.ndarray
    matched: np.ndarray
    correct: np.ndarray
    judged: np.ndarray


def evidence(beliefs: Beliefs, gold: np.ndarray, *, multi: bool) -> Evidence:
    """Beliefs and gold, weighed against each other."""
    known = ~np.isnan(gold).any(axis=1)
    weight = np.zeros(len(gold))
    if multi:
        weight[known] = 1.0
    else:
        ratio = beliefs.prior / np.maximum(beliefs.gold_share, 1e-9)
        weight[known] = np.clip(ratio[gold[known].argmax(axis=1)], 0.1, 10.0) if known.any() else 1.0
    skill = max(0.0, (beliefs.accuracy - beliefs.chance) / max(1e-9, 1 - beliefs.chance)) if beliefs.chance < 1 else 0.0
    return Evidence(beliefs.probability, gold, beliefs.prior, weight, 2.0 + (_STRENGTH - 2.0) * skill)


def score(matrix: Any, found: Evidence, *, label: int | None = None) -> Scores:
    """Score candidates.

    Args:
        matrix: (texts, candidates), sparse or dense, 1 where the candidate holds.
        label: Judge all as rules for this label; default the one that each is most precise for, beyond its share.
    """
    transposed = matrix.T
    matched = np.asarray(matrix.sum(axis=0)).ravel()
    mass = np.asarray(transposed @ found.probability)
    mean = (mass + _SHRINKAGE * found.prior) / (matched[:, None] + _SHRINKAGE)
    known = np.nan_to_num(found.gold)
    has_gold = ~np.isnan(found.gold).any(axis=1)
    right = np.asarray(transposed @ (known * found.weight[:, None]))
    counted = np.asarray(transposed @ found.weight)[:, None]
    strength = np.minimum(matched, found.strength)[:, None]
    successes, failures = strength * mean + right, strength * (1 - mean) + counted - right
    expected = successes / np.maximum(successes + failures, 1e-9)
    lift = (expected - found.prior) / np.maximum(1 - found.prior, 1e-9)
    best = lift.argmax(axis=1) if label is None else np.full(len(matched), label)
    cells = np.arange(len(matched)), best
    low, high = _interval(successes[cells], failures[cells])
    return Scores(
        label=best,
        precision=expected[cells],
        low=low,
        high=high,
        bound=_bound(successes[cells], failures[cells]),
        matched=matched.astype(np.int64),
        correct=np.rint(np.asarray(transposed @ known)[cells]).astype(np.int64),
        judged=np.rint(np.asarray(transposed @ has_gold.astype(np.float64))).astype(np.int64),
    )


def _interval(successes: np.ndarray, failures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """90% intervals; one-sided where the density is highest at the end of the scale, which it then includes."""
    from scipy.special import betaincinv

    a, b = np.maximum(_CAUTION * successes, 1e-3), np.maximum(_CAUTION * failures, 1e-3)
    at_one, at_zero = (b <= 1.0) & (a > b), (a <= 1.0) & (b >= a)
    low = np.where(at_zero, 0.0, betaincinv(a, b, np.where(at_one, 1 - _SHARE, (1 - _SHARE) / 2)))
    high = np.where(at_one, 1.0, betaincinv(a, b, np.where(at_zero, _SHARE, (1 + _SHARE) / 2)))
    return np.asarray(low), np.asarray(high)


def _bound(successes: np.ndarray, failures: np.ndarray) -> np.ndarray:
    from scipy.special import betaincinv

    return np.asarray(betaincinv(np.maximum(successes, 1e-3), np.maximum(failures, 1e-3), (1 - _SHARE) / 2))
