"""Abstention with a guarantee: above which score may a model answer, so that few of its answers are wrong?

The guarantee is about the answers that are given. Let the calibration texts and the texts to come be drawn
independently from one distribution, and let the scores come from a model that the calibration labels did not teach.
Then, with probability at least ``confidence`` over the draw of the calibration texts, of the texts scored above the
threshold a share of at most ``max_error`` (in expectation over texts) is answered wrongly.

Why it holds. Order the calibration texts by score, and let the threshold be the score of rank ``r + 1``. Given it, the
``k <= r`` texts strictly above are an independent sample of all texts above it (ties included), so their wrong answers
are binomial, and an exact binomial test can reject that more than ``max_error`` of such answers are wrong. Ranks are
fixed before labels are seen; that several are tested is paid for by the fallback procedure, which keeps the probability
of any false rejection below ``1 - confidence``. The threshold is the lowest that passes. It is fixed once, so texts may
be answered one at a time.

Sources: Geifman & El-Yaniv 2017, *Selective classification for deep neural networks* (guaranteed risk by binomial
bounds); Angelopoulos et al. 2021, *Learn then test*, section 3 (thresholds as hypotheses); Wiens 2003, *A fixed sequence
Bonferroni procedure* (fallback).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ruletune.errors import UserError

__all__ = ["Threshold", "check_shares", "labels_needed", "threshold"]

_RANKS = 8
"""Thresholds that are tested at most. More are closer to the best one, and each has less evidence to show."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Which texts may be answered, and what is promised about the answers.

    Attributes:
        above: Answer texts with a score strictly above; ``inf``: none, ``-inf``: all.
        max_error: Share of the given answers that may be wrong.
        confidence: Probability, over the draw of calibration texts, that the promise holds.
        labels: Calibration labels there were.
        needed: Labels below which nothing can be promised, were every answer right.
        answered: Calibration texts above the threshold.
        wrong: Of those, wrongly answered.
    """

    above: float
    max_error: float
    confidence: float
    labels: int
    needed: int
    answered: int = 0
    wrong: int = 0

    def passes(self, scores: np.ndarray) -> np.ndarray:
        """Which scores are high enough, bool of the same shape."""
        return np.asarray(np.asarray(scores) > self.above)

    def sentence(self) -> str:
        """The promise in words, or why there is none."""
        promise = f"at most {self.max_error:.4g} of the answers wrong, with {self.confidence:.4g} confidence"
        if self.labels < self.needed:
            return f"{promise}, takes {self.needed} calibration labels at least, and there are {self.labels}"
        if not self.answered:
            return f"{promise}, cannot be promised at any score: too many of the surest answers to {self.labels} texts are wrong"
        seen = f"{self.wrong} of {self.answered} answers were wrong on {self.labels} calibration texts"
        return f"promised: {promise}; {seen}"


def check_shares(max_error: float, confidence: float) -> None:
    """Refuse what no promise can be about.

    Raises:
        UserError: A share is not strictly between 0 and 1.
    """
    for name, value in (("maximal error", max_error), ("confidence", confidence)):
        if not 0 < value < 1:  # NaN, too
            remedy = "0.05 allows one wrong answer in twenty" if name == "maximal error" else "0.9 is usual"
            raise UserError(f"the {name} must lie between 0 and 1, and is {value:g}", remedy=remedy)


def labels_needed(max_error: float, *, confidence: float = 0.9) -> int:
    """Calibration labels below which nothing can be promised, even if every answer to them is right.

    >>> labels_needed(0.05), labels_needed(0.01)
    (45, 230)
    """
    return math.ceil(math.log(1 - confidence) / math.log1p(-max_error))


def threshold(scores: np.ndarray, correct: np.ndarray, *, max_error: float, confidence: float = 0.9) -> Threshold:
    """The lowest score above which answers keep the promise; see the module for the proof.

    Args:
        scores: (texts,) of calibration texts; higher is surer.
        correct: (texts,) bool, whether the answer is right.

    Raises:
        UserError: A share is not strictly between 0 and 1.

    >>> sure = np.linspace(0.5, 1, 200)
    >>> found = threshold(sure, sure > 0.7, max_error=0.05)
    >>> 0.65 < found.above < 0.8, found.wrong / found.answered <= 0.05
    (True, True)
    >>> threshold(sure[:10], sure[:10] > 0, max_error=0.05).above
    inf
    """
    check_shares(max_error, confidence)
    scores, correct = np.asarray(scores, dtype=np.float64), np.asarray(correct, dtype=bool)
    needed = labels_needed(max_error, confidence=confidence)
    best = Threshold(math.inf, max_error, confidence, len(scores), needed)
    order = np.sort(scores)[::-1]
    ranks = _ranks(len(scores), max_error, 1 - confidence)
    budget = 0.0
    for rank in ranks:
        budget += (1 - confidence) / len(ranks)
        above = float(order[rank]) if rank < len(order) else -math.inf
        passed = scores > above
        answered, wrong = int(passed.sum()), int((passed & ~correct).sum())
        if _binomial_tail(wrong, answered, max_error) <= budget:
            best = Threshold(above, max_error, confidence, len(scores), needed, answered, wrong)
        else:
            budget = 0.0  # what a test that fails had to spend is spent
    return best


def _ranks(n: int, max_error: float, delta: float) -> list[int]:
    """How many of the surest texts each tested threshold lets through: geometric, from the fewest that can show
    anything up to all. As many as keep the first test possible."""
    for count in range(_RANKS, 0, -1):
        least = labels_needed(max_error, confidence=1 - delta / count)
        if least <= n:
            return sorted({round(value) for value in np.geomspace(least, n if count > 1 else least, count)})
    return []


def _binomial_tail(wrong: int, n: int, rate: float) -> float:
    """Probability of at most so many wrong out of n at this rate."""
    logs = [
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(rate)
        + (n - k) * math.log1p(-rate)
        for k in range(wrong + 1)
    ]
    return min(1.0, math.fsum(map(math.exp, logs)))
