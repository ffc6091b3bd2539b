r"""Label models: what the rules' votes on a text say together.

Let :math:`v_j \in \{\varnothing, 1..K\}` be the vote of rule *j* on a text with the unknown label *y*.
An abstain :math:`\varnothing` is no evidence. Two models turn votes into beliefs :math:`q_k = P(y = k \mid v)`:

**Majority vote** counts: :math:`q_k \propto \sum_j w_j [v_j = k]` with the rules' weights *w*.

**Dawid-Skene**, with one accuracy a rule and conditional on its firing. A rule that fires is right with
probability :math:`a_j` and otherwise picks one of the other labels blindly:

.. math:: P(v_j = k \mid y = k) = a_j, \qquad P(v_j = l \ne k \mid y = k) = \frac{1 - a_j}{K - 1}.

With a prior :math:`\pi` over labels, the votes independent given *y*, and :math:`w_j` scaling a rule's say,

.. math:: q_k \propto \pi_k \prod_{j: v_j = k} \Big( \frac{a_j (K - 1)}{1 - a_j} \Big)^{w_j}.

Expectation-maximization alternates this with the maximum a-posteriori accuracies under a Beta prior of mean
:math:`\alpha` and strength *s* (in votes), where the few gold labels enter as texts whose *q* is known:

.. math:: a_j = \frac{s \alpha + \sum_i c_{ij} \, q_i(v_{ij})}{s + \sum_i c_{ij}}, \qquad
          c_{ij} = g \text{ where } y_i \text{ is gold}, \quad \min(1, C / n_j) \text{ elsewhere},

over the texts that rule *j* votes on, :math:`n_j` of them without gold. The cap *C* is where this departs from the
textbook: what rules say of unlabelled texts counts for at most *C* votes, however many texts there are. Rules
that say the same for the same wrong reason otherwise convince each other. On the covered training texts of WRENCH's
youtube, with no gold, majority vote is right on 77%, plain EM on 52% and EM with the cap on 88%; on trec and sms
there is little between them until there is gold (``benchmarks/label_models.py`` has the held-out texts). The ratio :math:`C / s` decides: at 1 and at 1.5,
the default, the collapse stayed away for :math:`\alpha` from 0.7 to 0.9, at 2 it came for 0.7, at 2.5 for 0.8.

**Several labels at once.** Votes only ever support a label, so each label is a question of its own and there
is nothing to be learned from disagreement. With the prior odds of label *k* from gold, a rule that fires alone
leaves the belief at its accuracy, and several multiply their likelihood ratios:

.. math:: \mathrm{logit}\, q_k = \mathrm{logit}\, \pi_k
          + \sum_{j: v_j = k} w_j (\mathrm{logit}\, a_j - \mathrm{logit}\, \pi_k).

Sources: Dawid & Skene 1979, *Maximum likelihood estimation of observer error-rates using the EM algorithm*;
Ratner et al. 2016, *Data programming*, for sources that abstain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["LABEL_MODELS", "LabelModel", "fit_dawid_skene", "fit_majority"]

_PRIOR_ACCURACY = 0.8
"""What a rule is believed to be worth before anything is known of it: people write rules that mostly hold."""

_PRIOR_STRENGTH = 20.0
"""Votes that the prior accuracy counts as."""

_GOLD_WEIGHT = 3.0
"""Votes that a vote on a gold text counts as: its label is known, the others' are guessed from the same votes."""

_UNLABELED_CAP = 30.0
"""Votes that a rule's votes on unlabelled texts count as together, at most."""

_CERTAIN = 0.98
"""No rule is believed beyond this, nor below its complement: rules are correlated, which the model does not see."""


@dataclass(frozen=True, slots=True)
class LabelModel:
    """A fitted label model.

    Attributes:
        kind: ``majority`` or ``dawid_skene``.
        multi: Several labels may hold at once.
        prior: (labels,) probability of each label before any vote.
        accuracy: (rules,) probability that a rule is right when it fires.
        weights: (rules,) the rules' own weights.
    """

    kind: str
    multi: bool
    prior: np.ndarray
    accuracy: np.ndarray
    weights: np.ndarray

    def posterior(self, matrix: np.ndarray) -> np.ndarray:
        """Beliefs, (texts, labels) float64; a text without votes has the prior.

        For a single label, rows sum to 1.
        """
        if self.multi:
            return self._several(matrix)
        if self.kind == "majority":
            counts = _tally(matrix, self.weights, len(self.prior))
            total = counts.sum(axis=1, keepdims=True)
            return np.asarray(np.where(total > 0, counts / np.maximum(total, 1e-12), self.prior))
        return _beliefs(matrix, self.accuracy, self.weights, self.prior)

    def _several(self, matrix: np.ndarray) -> np.ndarray:
        base = _logit(self.prior)
        odds = np.tile(base, (len(matrix), 1))
        rows, rules = np.nonzero(matrix >= 0)
        labels = matrix[rows, rules]
        np.add.at(odds, (rows, labels), self.weights[rules] * (_logit(self.accuracy)[rules] - base[labels]))
        return np.asarray(1.0 / (1.0 + np.exp(-odds)))

    def confidence(self, matrix: np.ndarray) -> np.ndarray:
        """How much a belief is worth as a training target, (texts, 1) in [0, 1]; 0 without votes.

        For a single label, the belief's distance from knowing nothing, :math:`(\\max_k q_k - 1/K) / (1 - 1/K)`.
        """
        covered = (matrix >= 0).any(axis=1, keepdims=True)
        if self.multi:
            return np.asarray(covered, dtype=np.float64)
        chance = 1.0 / len(self.prior)
        best = self.posterior(matrix).max(axis=1, keepdims=True, initial=0.0)
        return np.asarray(np.where(covered, np.clip((best - chance) / (1 - chance), 0.0, 1.0), 0.0))

    def to_json(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in ("prior", "accuracy", "weights")}
        return {"kind": self.kind, "multi": self.multi, **arrays}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LabelModel:
        arrays = {name: np.array(value[name], dtype=np.float64) for name in ("prior", "accuracy", "weights")}
        return cls(kind=value["kind"], multi=value["multi"], **arrays)


def fit_majority(
    matrix: np.ndarray,
    *,
    classes: int,
    weights: Sequence[float],
    gold: np.ndarray | None = None,
    multi: bool = False,
) -> LabelModel:
    """Majority vote. Votes weigh what their rules say; accuracies are only reported.

    Args:
        matrix: (texts, rules) votes, -1 abstains.
        gold: (texts, classes) in {0, 1}, NaN rows where unknown.
    """
    weight = np.asarray(weights, dtype=np.float64)
    prior = _prior(matrix, classes, gold, multi=multi)
    model = LabelModel("majority", multi, prior, np.full(len(weight), _PRIOR_ACCURACY), weight)
    accuracy = _accuracies(matrix, model.posterior(matrix), gold)
    return LabelModel("majority", multi, prior, accuracy, weight)


def fit_dawid_skene(
    matrix: np.ndarray,
    *,
    classes: int,
    weights: Sequence[float],
    gold: np.ndarray | None = None,
    multi: bool = False,
    iterations: int = 50,
    tolerance: float = 1e-5,
) -> LabelModel:
    """The probabilistic model; see the module's equations.

    Args:
        matrix: (texts, rules) votes, -1 abstains.
        gold: (texts, classes) in {0, 1}, NaN rows where unknown.
        iterations, tolerance: EM ends when no accuracy moves by more than ``tolerance``.

    >>> votes = np.array([[0, 0, -1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> fit_dawid_skene(votes, classes=2, weights=[1, 1, 1]).posterior(votes).argmax(axis=1).tolist()
    [0, 0, 1]
    """
    weight = np.asarray(weights, dtype=np.float64)
    prior = _prior(matrix, classes, gold, multi=multi)
    accuracy = np.full(len(weight), _PRIOR_ACCURACY)
    model = LabelModel("dawid_skene", multi, prior, accuracy, weight)
    if multi:
        # Without disagreement only gold tells how far a rule can be believed.
        known = _known(gold, len(matrix))
        if gold is not None and known.any():
            accuracy = _accuracies(matrix[known], gold[known], gold[known])
        return LabelModel("dawid_skene", True, prior, accuracy, weight)
    for _ in range(iterations):
        accuracy = _accuracies(matrix, model.posterior(matrix), gold)
        moved = float(np.abs(accuracy - model.accuracy).max(initial=0.0))
        model = LabelModel("dawid_skene", False, prior, accuracy, weight)
        if moved < tolerance:
            break
    return model


LABEL_MODELS: dict[str, Callable[..., LabelModel]] = {
    "majority": fit_majority,
    "dawid_skene": fit_dawid_skene,
}


def _prior(matrix: np.ndarray, classes: int, gold: np.ndarray | None, *, multi: bool) -> np.ndarray:
    """Uniform over single labels, since few-shot gold is drawn evenly; for several, their share in gold or votes."""
    if not multi:
        return np.full(classes, 1.0 / classes)
    known = None if gold is None else gold[~np.isnan(gold).any(axis=1)]
    if known is not None and len(known):
        return np.asarray((known.sum(axis=0) + 0.5) / (len(known) + 1.0))
    voted = np.stack([(matrix == k).any(axis=1).mean() if len(matrix) else 0.0 for k in range(classes)])
    return np.asarray(np.clip(voted, 0.02, 0.5))


def _tally(matrix: np.ndarray, strength: np.ndarray, classes: int) -> np.ndarray:
    """Sum of the rules' strengths by text and label voted for, (texts, classes)."""
    rows, rules = np.nonzero(matrix >= 0)
    cells = rows * classes + matrix[rows, rules]
    return np.asarray(np.bincount(cells, weights=strength[rules], minlength=len(matrix) * classes).reshape(-1, classes))


def _beliefs(matrix: np.ndarray, accuracy: np.ndarray, weights: np.ndarray, prior: np.ndarray) -> np.ndarray:
    classes = len(prior)
    say = weights * (_logit(accuracy) + np.log(max(classes - 1, 1)))
    scores = np.log(prior) + _tally(matrix, say, classes)
    scores -= scores.max(axis=1, keepdims=True)
    odds = np.exp(scores)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _known(gold: np.ndarray | None, texts: int) -> np.ndarray:
    """Which texts have a gold label, (texts,) bool."""
    return np.zeros(texts, dtype=bool) if gold is None else np.asarray(~np.isnan(gold).any(axis=1))


def _accuracies(matrix: np.ndarray, beliefs: np.ndarray, gold: np.ndarray | None) -> np.ndarray:
    """Each rule's accuracy a posteriori, given beliefs about the texts and gold where it is known."""
    known = _known(gold, len(matrix))
    rows, rules = np.nonzero(matrix >= 0)
    size = matrix.shape[1]
    guessed = np.bincount(rules[~known[rows]], minlength=size)
    counts = np.minimum(1.0, _UNLABELED_CAP / np.maximum(guessed, 1))[rules]
    counts[known[rows]] = _GOLD_WEIGHT
    if gold is not None:
        beliefs = np.where(known[:, None], gold, beliefs)
    right = np.bincount(rules, weights=counts * beliefs[rows, matrix[rows, rules]], minlength=size)
    fired = np.bincount(rules, weights=counts, minlength=size)
    found = (_PRIOR_STRENGTH * _PRIOR_ACCURACY + right) / (_PRIOR_STRENGTH + fired)
    return np.asarray(np.clip(found, 1 - _CERTAIN, _CERTAIN))


def _logit(probability: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(probability) - np.log1p(-probability))
