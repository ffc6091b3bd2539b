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

over the texts that rule *j* votes on, :math:`n_j` of them without gold. Texts with the same votes and the same gold
are told apart by nothing here, so that the sums go over different rows of votes and count each as often as it comes. The cap *C* is where this departs from the
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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ruletune.labeling.distinct import Distinct, distinct

__all__ = ["LABEL_MODELS", "Cells", "LabelModel", "fit_dawid_skene", "fit_majority"]

_PRIOR_ACCURACY = 0.8
"""What a rule is believed to be worth before anything is known of it: people write rules that mostly hold."""

_PRIOR_STRENGTH = 20.0
"""Votes that the prior accuracy counts as."""

_GOLD_WEIGHT = 3.0
"""Votes that a vote on a gold text counts as: its label is known, the others' are guessed from the same votes."""

_UNLABELED_CAP = 30.0
"""Votes that a rule's votes on unlabelled texts count as together, at most."""

_INFORMED_ACCURACY = 0.75
"""What a rule is taken to be worth where a classifier has a say beside it."""

_INFORMED_CAP = 60.0
"""Votes on unlabelled texts count for more where a classifier, and not only other rules, says what is right."""

_CERTAIN = 0.98
"""No rule is believed beyond this, nor below its complement: rules are correlated, which the model does not see."""

_BLOCK = 1 << 16
"""Texts whose cells are looked for at once."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a vote matrix that speak, in the order of their texts.

    Attributes:
        rows, rules, labels: (cells,) int32: text, rule, and the label voted for or vetoed.
        shape: (texts, rules).
    """

    rows: np.ndarray
    rules: np.ndarray
    labels: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, matrix: np.ndarray, which: np.ndarray | None = None) -> Cells:
        """The cells of a (texts, rules) matrix, -1 and -2 left out; only those of some rules where ``which`` says so."""
        rows, rules, labels = [], [], []
        for start in range(0, len(matrix), _BLOCK):  # the masks and 64-bit indices of a block, not of the whole
            block = matrix[start : start + _BLOCK]
            speaks = block >= 0
            if which is not None:
                speaks &= which
            at, rule = np.nonzero(speaks)
            rows.append((at + start).astype(np.int32))
            rules.append(rule.astype(np.int32))
            labels.append(block[at, rule].astype(np.int32))
        empty = [np.zeros(0, dtype=np.int32)]
        return cls(
            np.concatenate(rows or empty),
            np.concatenate(rules or empty),
            np.concatenate(labels or empty),
            (matrix.shape[0], matrix.shape[1]),
        )

    def tally(self, strength: np.ndarray, classes: int) -> np.ndarray:
        """Sum of the rules' strengths by text and label, (texts, classes)."""
        cells = self.rows.astype(np.int64) * classes + self.labels
        size = self.shape[0] * classes
        return np.asarray(np.bincount(cells, weights=strength[self.rules], minlength=size).reshape(-1, classes))


@dataclass(frozen=True, slots=True)
class LabelModel:
    """A fitted label model.

    Attributes:
        kind: ``majority`` or ``dawid_skene``.
        multi: Several labels may hold at once.
        prior: (labels,) probability of each label before any vote.
        accuracy: (rules,) probability that a rule is right when it fires.
        weights: (rules,) the rules' own weights.
        signs: (rules,) what a rule's firing is to the label in its cell: 1 a vote, -1 a veto, 0 nothing.
    """

    kind: str
    multi: bool
    prior: np.ndarray
    accuracy: np.ndarray
    weights: np.ndarray
    signs: np.ndarray

    def posterior(self, matrix: np.ndarray, *, prior: np.ndarray | None = None) -> np.ndarray:
        """Beliefs, (texts, labels) float64; a text without votes has the prior.

        For a single label, rows sum to 1. A vetoed label has probability 0, unless all labels of the text are vetoed:
        then the vetoes cancel out.

        Args:
            prior: (texts, labels) what is believed of each text before any rule is heard, by a classifier for
                instance; default the labels' shares. The majority vote and several labels at once do without it.
        """
        votes = Cells.of(matrix, self.signs > 0)
        if self.multi:
            beliefs = self._several(votes)
        elif self.kind == "majority":
            counts = votes.tally(self.weights, len(self.prior))
            total = counts.sum(axis=1, keepdims=True)
            beliefs = np.where(total > 0, counts / np.maximum(total, 1e-12), self.prior)
        else:
            beliefs = _beliefs(votes, self.accuracy, self.weights, self.prior if prior is None else prior)
        return self._held_back(beliefs, matrix)

    def _several(self, votes: Cells) -> np.ndarray:
        base = _logit(self.prior)
        cells = votes.rows.astype(np.int64) * len(base) + votes.labels
        say = self.weights[votes.rules] * (_logit(self.accuracy)[votes.rules] - base[votes.labels])
        size = votes.shape[0] * len(base)
        odds = base + np.bincount(cells, weights=say, minlength=size).reshape(-1, len(base))
        return np.asarray(1.0 / (1.0 + np.exp(-odds)))

    def _held_back(self, beliefs: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        if not (self.signs < 0).any():
            return beliefs
        vetoes = Cells.of(matrix, self.signs < 0)
        vetoed = vetoes.tally(np.ones(len(self.signs)), len(self.prior)) > 0
        vetoed[vetoed.all(axis=1)] = False
        held = np.where(vetoed, 0.0, beliefs)
        if self.multi:
            return held
        # Where the votes were all for what is vetoed, what the prior says of the rest is left.
        rest = np.where(held.sum(axis=1, keepdims=True) > 0, held, np.where(vetoed, 0.0, self.prior))
        return np.asarray(rest / rest.sum(axis=1, keepdims=True))

    def informed(self, matrix: np.ndarray, beliefs: np.ndarray) -> LabelModel:
        """The model with accuracies that a classifier's beliefs about the texts have had a say in.

        One step of expectation-maximization with :math:`\\pi_i`, the classifier's belief of text *i*, in the place of
        :math:`\\pi`: a rule is then believed as far as it agrees with the other rules *and* with what the text looks
        like, and how far depends on the text. More steps let the rules talk each other into what they share.

        Args:
            matrix: (texts, rules) votes on texts without gold labels.
            beliefs: (texts, labels) the classifier's probabilities.
        """
        if self.multi or self.kind == "majority":
            return self
        votes = Cells.of(matrix, self.signs > 0)
        start = np.full(len(self.accuracy), _INFORMED_ACCURACY)
        found = _beliefs(votes, start, self.weights, beliefs)
        accuracy = _accuracies(votes, found, None, mean=self.accuracy, cap=_INFORMED_CAP)
        return replace(self, accuracy=np.where(self.signs > 0, accuracy, self.accuracy))

    def confidence(self, matrix: np.ndarray) -> np.ndarray:
        """How much a belief is worth as a training target, (texts, 1) in [0, 1]; 0 where no vote or veto speaks.

        For a single label, the belief's distance from knowing nothing, :math:`(\\max_k q_k - 1/K) / (1 - 1/K)`.
        """
        covered = np.zeros((len(matrix), 1), dtype=bool)
        covered[Cells.of(matrix, self.signs != 0).rows] = True
        if self.multi:
            return np.asarray(covered, dtype=np.float64)
        chance = 1.0 / len(self.prior)
        best = self.posterior(matrix).max(axis=1, keepdims=True, initial=0.0)
        return np.asarray(np.where(covered, np.clip((best - chance) / (1 - chance), 0.0, 1.0), 0.0))

    def to_json(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).tolist() for name in ("prior", "accuracy", "weights", "signs")}
        return {"kind": self.kind, "multi": self.multi, **arrays}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LabelModel:
        arrays = {name: np.array(value[name], dtype=np.float64) for name in ("prior", "accuracy", "weights")}
        # Models of the first release knew votes only.
        signs = np.array(value.get("signs", [1] * len(arrays["weights"])), dtype=np.int8)
        return cls(kind=value["kind"], multi=value["multi"], **arrays, signs=signs)


def fit_majority(
    matrix: np.ndarray,
    *,
    classes: int,
    weights: Sequence[float],
    gold: np.ndarray | None = None,
    multi: bool = False,
    signs: Sequence[int] | np.ndarray | None = None,
    different: Distinct | None = None,
) -> LabelModel:
    """Majority vote. Votes weigh what their rules say; accuracies are only reported.

    Args:
        matrix: (texts, rules) what rules say, -1 abstains, -2 failed.
        gold: (texts, classes) in {0, 1}, NaN rows where unknown.
        signs: (rules,) 1 a vote, -1 a veto, 0 neither; default all votes.
        different: The different rows of votes and gold, where they are known already.
    """
    model = _unfitted("majority", matrix, classes, weights, gold, multi, signs)
    rows, known, counts = _different(matrix, gold, different)
    votes = Cells.of(rows, model.signs > 0)
    accuracy = _accuracies(votes, model.posterior(rows), known, counts=counts)
    return _with_vetoes(replace(model, accuracy=accuracy), matrix, gold)


def fit_dawid_skene(
    matrix: np.ndarray,
    *,
    classes: int,
    weights: Sequence[float],
    gold: np.ndarray | None = None,
    multi: bool = False,
    signs: Sequence[int] | np.ndarray | None = None,
    different: Distinct | None = None,
    iterations: int = 50,
    tolerance: float = 1e-5,
) -> LabelModel:
    """The probabilistic model; see the module's equations.

    Args:
        matrix: (texts, rules) what rules say, -1 abstains, -2 failed.
        gold: (texts, classes) in {0, 1}, NaN rows where unknown.
        signs: (rules,) 1 a vote, -1 a veto, 0 neither; default all votes.
        different: The different rows of votes and gold, where they are known already.
        iterations, tolerance: EM ends when no accuracy moves by more than ``tolerance``.

    >>> votes = np.array([[0, 0, -1], [0, 0, 1], [1, -1, 1]], dtype=np.int16)
    >>> fit_dawid_skene(votes, classes=2, weights=[1, 1, 1]).posterior(votes).argmax(axis=1).tolist()
    [0, 0, 1]
    """
    model = _unfitted("dawid_skene", matrix, classes, weights, gold, multi, signs)
    accuracy = model.accuracy
    if multi:
        # Without disagreement only gold tells how far a rule can be believed.
        known = _known(gold, len(matrix))
        if gold is not None and known.any():
            accuracy = _accuracies(Cells.of(matrix[known], model.signs > 0), gold[known], gold[known])
        return _with_vetoes(replace(model, accuracy=accuracy), matrix, gold)
    rows, known_rows, counts = _different(matrix, gold, different)
    votes = Cells.of(rows, model.signs > 0)
    for _ in range(iterations):
        beliefs = _beliefs(votes, accuracy, model.weights, model.prior)
        found = _accuracies(votes, beliefs, known_rows, counts=counts)
        moved = float(np.abs(found - accuracy).max(initial=0.0))
        accuracy = found
        if moved < tolerance:
            break
    return _with_vetoes(replace(model, accuracy=accuracy), matrix, gold)


LABEL_MODELS: dict[str, Callable[..., LabelModel]] = {
    "majority": fit_majority,
    "dawid_skene": fit_dawid_skene,
}


def _different(
    matrix: np.ndarray, gold: np.ndarray | None, known: Distinct | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """The different rows of votes, with their gold, and how many texts each is of."""
    found = known or distinct(matrix, gold)
    return matrix[found.first], None if gold is None else gold[found.first], found.counts


def _unfitted(
    kind: str,
    matrix: np.ndarray,
    classes: int,
    weights: Sequence[float],
    gold: np.ndarray | None,
    multi: bool,
    signs: Sequence[int] | np.ndarray | None,
) -> LabelModel:
    """What is believed before any vote is looked at."""
    weight = np.asarray(weights, dtype=np.float64)
    sign = np.ones(len(weight), dtype=np.int8) if signs is None else np.asarray(signs, dtype=np.int8)
    prior = _prior(matrix[:, sign > 0] if multi else matrix, classes, gold, multi=multi)
    return LabelModel(kind, multi, prior, np.full(len(weight), _PRIOR_ACCURACY), weight, sign)


def _with_vetoes(model: LabelModel, matrix: np.ndarray, gold: np.ndarray | None) -> LabelModel:
    """With the accuracy of vetoes: how often the vetoed label is not the gold one. Nothing else can tell."""
    if not (model.signs < 0).any() or gold is None:
        return model
    known = _known(gold, len(matrix))
    vetoes = Cells.of(matrix[known], model.signs < 0)
    found = _accuracies(vetoes, 1.0 - gold[known], 1.0 - gold[known])
    return replace(model, accuracy=np.where(model.signs < 0, found, model.accuracy))


def _prior(matrix: np.ndarray, classes: int, gold: np.ndarray | None, *, multi: bool) -> np.ndarray:
    """Uniform over single labels, since few-shot gold is drawn evenly; for several, their share in gold or votes."""
    if not multi:
        return np.full(classes, 1.0 / classes)
    known = None if gold is None else gold[~np.isnan(gold).any(axis=1)]
    if known is not None and len(known):
        return np.asarray((known.sum(axis=0) + 0.5) / (len(known) + 1.0))
    voted = np.stack([(matrix == k).any(axis=1).mean() if len(matrix) else 0.0 for k in range(classes)])
    return np.asarray(np.clip(voted, 0.02, 0.5))


def _beliefs(votes: Cells, accuracy: np.ndarray, weights: np.ndarray, prior: np.ndarray) -> np.ndarray:
    classes = prior.shape[-1]  # of all texts alike, or of each text
    say = weights * (_logit(accuracy) + np.log(max(classes - 1, 1)))
    scores = np.log(prior) + votes.tally(say, classes)
    scores -= scores.max(axis=1, keepdims=True)
    odds = np.exp(scores, out=scores)
    odds /= odds.sum(axis=1, keepdims=True)
    return np.asarray(odds)


def _known(gold: np.ndarray | None, texts: int) -> np.ndarray:
    """Which texts have a gold label, (texts,) bool."""
    return np.zeros(texts, dtype=bool) if gold is None else np.asarray(~np.isnan(gold).any(axis=1))


def _accuracies(
    votes: Cells,
    beliefs: np.ndarray,
    gold: np.ndarray | None,
    *,
    counts: np.ndarray | None = None,
    mean: np.ndarray | float = _PRIOR_ACCURACY,
    strength: float = _PRIOR_STRENGTH,
    cap: float = _UNLABELED_CAP,
) -> np.ndarray:
    """Each rule's accuracy a posteriori, given beliefs about the texts and gold where it is known.

    Args:
        counts: (rows,) how many texts each row of the votes stands for; default one.
        mean, strength: The prior accuracies, and how many votes they count as.
        cap: Votes that a rule's votes on unlabelled texts count as together, at most.
    """
    known = _known(gold, votes.shape[0])[votes.rows]
    size = votes.shape[1]
    texts = np.ones(len(votes.rows)) if counts is None else counts[votes.rows].astype(np.float64)
    guessed = np.bincount(votes.rules[~known], weights=texts[~known], minlength=size)
    weights = texts * np.where(known, _GOLD_WEIGHT, np.minimum(1.0, cap / np.maximum(guessed, 1))[votes.rules])
    right = beliefs[votes.rows, votes.labels]
    if gold is not None:
        right = np.where(known, gold[votes.rows, votes.labels], right)
    agreed = np.bincount(votes.rules, weights=weights * right, minlength=size)
    fired = np.bincount(votes.rules, weights=weights, minlength=size)
    found = (strength * mean + agreed) / (strength + fired)
    return np.asarray(np.clip(found, 1 - _CERTAIN, _CERTAIN))


def _logit(probability: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(probability) - np.log1p(-probability))
