r"""Are the rules to be listened to? Alternatives compared on the gold labels, before anything large is trained.

Two kinds of evidence, both on frozen representations and in seconds:

**Cross-validation.** Labels alone, rules alone and both, each fitted without a fold of the gold labels and judged on it.
With a handful of labels this is honest and coarse: ten labels tell 60% from 90%, not 80% from 85%.

**Agreement.** A head that has seen the gold labels only answers every text that rules cover, and so do the rules. The
two know nothing of each other, so that beyond what chance explains they agree only as far as both are right: Cohen's
:math:`\kappa = (p_o - p_e) / (1 - p_e)`, with :math:`p_e = \sum_k p_k q_k` from both sides' shares of the labels. There
are thousands of texts to count on. Votes that have nothing to do with the texts come out at 0, labels that are swapped
below it; what is left to doubt is a head too weak to agree with anything, and there the gold labels decide.

The choice is cautious in one direction: rules that a person wrote are used unless the evidence speaks against them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ruletune.labeling.label_model import LabelModel
from ruletune.training.quick import Pool, guided_beliefs, guided_head, labels_head

__all__ = ["Alternative", "Verdict", "agreement", "compare", "correct", "folds", "sighted"]

_FOLDS, _REPEATS = 5, 4
_LEAST_AGREEMENT = 0.05
"""Below this rules and labels agree no more than by chance; real rules on the public sets reach 0.25 to 0.8."""

_ERRORS = 2.0
"""Standard errors by which labels alone must be better in cross-validation."""

_POOL = 600
"""Texts without a gold label that alternatives are fitted on."""

_ENOUGH = 60
"""Gold labels from which on cross-validation alone may speak against the rules."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way of answering, judged by cross-validation.

    Attributes:
        accuracy: Share of gold labels found while they were held out.
        error: Standard error of ``accuracy``.
        against: ``accuracy`` minus that of labels alone, text by text, with its standard error.
    """

    name: str
    accuracy: float
    error: float
    against: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says.

    Attributes:
        rules: Whether the rules are to be listened to.
        reason: One sentence for the report.
        agreement: Kappa between rules and labels, with its standard error; ``None`` where it cannot be had.
        held_out: By alternative, what it believes of each gold text while that is held out, (gold texts, labels), the mean
            over repeats.
    """

    rules: bool
    reason: str
    gold: int
    alternatives: tuple[Alternative, ...]
    agreement: tuple[float, float] | None
    held_out: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)


def agreement(first: np.ndarray, second: np.ndarray, *, labels: int) -> tuple[float, float]:
    """Cohen's kappa of two sequences of answers and its standard error where there is no agreement.

    >>> agreement(np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1]), labels=2)[0]
    1.0
    """
    size = max(1, len(first))
    shares = [np.bincount(answers, minlength=labels) / size for answers in (first, second)]
    chance = float(shares[0] @ shares[1])
    if chance >= 1.0 or not len(first):
        return 0.0, 1.0
    seen = float((first == second).mean())
    return (seen - chance) / (1 - chance), float(np.sqrt(chance / (size * (1 - chance))))


def compare(
    pool: Pool, fit: Callable[[np.ndarray, np.ndarray], LabelModel], *, voting: np.ndarray, multi: bool, seed: int
) -> Verdict:
    """Weigh labels alone against rules and labels.

    Args:
        fit: A label model from votes (texts, rules) and gold (texts, labels).
        voting: (rules,) which of them vote, rather than veto or prompt.
        seed: Draws the folds.
    """
    known = np.flatnonzero(pool.known)
    covered = (pool.votes[:, voting] >= 0).any(axis=1)
    if not voting.any():
        return Verdict(True, "No rule votes: there is nothing to weigh.", len(known), (), None)
    if not covered.any():
        return Verdict(False, "No rule fires on any text.", len(known), (), None)
    if len(known) < 2 or len(np.unique(pool.gold[known], axis=0)) < 2:
        return Verdict(True, "There are too few gold labels to judge the rules by.", len(known), (), None)
    alternatives, held_out = _cross_validated(_smaller(pool, seed=seed), fit, multi=multi, seed=seed)
    kappa = None if multi else _agreement(pool, fit, np.flatnonzero(~pool.known & covered))
    verdict = _verdict(alternatives, kappa, len(known), chance=1.0 / pool.gold.shape[1])
    return replace(verdict, held_out=held_out)


def _smaller(pool: Pool, *, seed: int) -> Pool:
    """The gold texts and so many of the others that twenty fits take a second."""
    rest = np.random.default_rng([seed, 37]).permutation(np.flatnonzero(~pool.known))
    return pool.without(rest[_POOL:])


def _agreement(
    pool: Pool, fit: Callable[[np.ndarray, np.ndarray], LabelModel], rows: np.ndarray
) -> tuple[float, float] | None:
    """Of the head on gold labels and a label model that has seen none of them, on ``rows``."""
    if not len(rows):
        return None
    votes = pool.votes[rows]
    blind = fit(votes, np.full((len(rows), pool.gold.shape[1]), np.nan))
    by_rules = blind.posterior(votes).argmax(axis=1)
    by_labels = labels_head(pool, multi=False).logits(pool.features[rows]).argmax(axis=1)
    return agreement(by_rules, by_labels, labels=pool.gold.shape[1])


def _verdict(
    alternatives: tuple[Alternative, ...], kappa: tuple[float, float] | None, gold: int, *, chance: float
) -> Verdict:
    by_name = {alternative.name: alternative for alternative in alternatives}
    rules, both = by_name["rules alone"], by_name["rules + labels"]
    better, error = both.against
    alone = by_name["labels alone"]
    # A head that finds nothing itself cannot say that the rules find nothing: then gold labels that they get right count.
    judge_is_blind = alone.accuracy - alone.error <= chance
    excused = judge_is_blind and rules.accuracy - rules.error > chance
    if kappa is not None and kappa[0] < max(_LEAST_AGREEMENT, _ERRORS * kappa[1]) and not excused:
        reason = (
            f"The rules and the gold labels agree no more than chance would have it (kappa {kappa[0]:.2f}): "
            "the rules were left out."
        )
        return Verdict(False, reason, gold, alternatives, kappa)
    if gold >= _ENOUGH and better < -_ERRORS * error:
        reason = (
            f"On held-out gold labels, labels alone did better than rules + labels by {-100 * better:.1f} "
            f"± {100 * error:.1f} points: the rules were left out."
        )
        return Verdict(False, reason, gold, alternatives, kappa)
    reason = (
        f"On held-out gold labels, rules + labels against labels alone: {100 * better:+.1f} ± {100 * error:.1f} points. "
        "Nothing speaks against the rules: they were used."
    )
    return Verdict(True, reason, gold, alternatives, kappa)


def _cross_validated(
    pool: Pool, fit: Callable[[np.ndarray, np.ndarray], LabelModel], *, multi: bool, seed: int
) -> tuple[tuple[Alternative, ...], dict[str, np.ndarray]]:
    """Each alternative, and what it believes of the gold texts while they are held out."""
    known = np.flatnonzero(pool.known)
    names = ("labels alone", "rules alone", "rules + labels")
    right: dict[str, np.ndarray] = {name: np.zeros(len(known)) for name in names}
    believed = {name: np.zeros((len(known), pool.gold.shape[1])) for name in names}
    repeats = _REPEATS if len(known) <= _ENOUGH else 1
    for repeat in range(repeats):
        for fold in folds(pool.gold[known], _FOLDS, np.random.default_rng([seed, repeat])):
            rest = pool.without(known[fold])
            model = fit(rest.votes, rest.gold)
            features, votes = pool.features[known[fold]], pool.votes[known[fold]]
            alone = labels_head(rest, multi=multi)
            both = guided_head(rest, model, student=alone)
            answers = {
                "labels alone": alone.probabilities(features),
                "rules alone": model.posterior(votes),
                "rules + labels": guided_beliefs(both, model, features, votes),
            }
            for name, probability in answers.items():
                right[name][fold] += correct(probability, pool.gold[known[fold]], multi=multi) / repeats
                believed[name][fold] += probability / repeats
    base = right["labels alone"]
    alternatives = tuple(
        Alternative(name, float(hits.mean()), _error(hits), (float((hits - base).mean()), _error(hits - base)))
        for name, hits in right.items()
    )
    return alternatives, believed


def correct(probability: np.ndarray, gold: np.ndarray, *, multi: bool) -> np.ndarray:
    """How far each answer is right, (texts,) in [0, 1].

    Args:
        probability, gold: (texts, labels).
    """
    if multi:
        return np.asarray(((probability > 0.5) == (gold > 0.5)).all(axis=1), dtype=float)
    # A tie, as the prior of a text without votes, is no answer: its share of being right is one in so many.
    best = probability.max(axis=1, keepdims=True)
    tied = probability >= best - 1e-9
    return np.asarray((tied * gold).sum(axis=1) / tied.sum(axis=1))


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 1.0


def sighted(pool: Pool, *, seed: int) -> bool:
    """Whether a head on the gold labels alone finds more of them, while they are held out, than chance would.

    One that does not has nothing to say about other texts: its representation does not hold what the labels are about.
    """
    known = np.flatnonzero(pool.known)
    right = np.zeros(len(known))
    for fold in folds(pool.gold[known], _FOLDS, np.random.default_rng([seed, 0])):
        head = labels_head(pool.without(known[fold]), multi=False)
        right[fold] = correct(head.probabilities(pool.features[known[fold]]), pool.gold[known[fold]], multi=False)
    return bool(right.mean() - _error(right) > 1.0 / pool.gold.shape[1])


def folds(gold: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows of at most ``count`` folds with every label spread over them, drawn with ``rng``; none is empty.

    Args:
        gold: (texts, labels) in {0, 1}.
    """
    keys = np.unique(gold, axis=0, return_inverse=True)[1].reshape(-1)
    place = np.zeros(len(gold), dtype=np.int64)
    start = 0
    for key in range(int(keys.max()) + 1):
        group = rng.permutation(np.flatnonzero(keys == key))
        place[group] = (start + np.arange(len(group))) % count
        start += len(group)
    return [rows for fold in range(count) if len(rows := np.flatnonzero(place == fold))]
