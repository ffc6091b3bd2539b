r"""A linear head on frozen representations: the cheapest thing that can be trained.

Multinomial logistic regression on soft targets :math:`y_i` with weights :math:`w_i`; with several labels at once, a
logistic regression a label:

.. math:: \min_{W, b} \; - \sum_i w_i \sum_k y_{ik} \log p_{ik} + \frac{\lambda}{2} \lVert W \rVert^2,
          \qquad p_i = \mathrm{softmax}(s W^\top x_i + b).

Representations have unit length, so that differences between texts are small numbers; the scale *s* lets a moderate
:math:`\lambda` still reach confident answers. The problem is convex: what comes out does not depend on chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from ruletune.labeling.label_model import LabelModel
from ruletune.training.self_training import confidence

__all__ = ["Head", "Pool", "fit_head", "guided_beliefs", "guided_head", "labels_head", "leave_one_out", "reduced"]

_SCALE = 4.0
_STEPS = 200
_LEAST_BELIEF = 1e-3
"""No label is ruled out by a head that has seen few texts."""
_GOLD_WEIGHT, _WEAK_WEIGHT = 3.0, 0.1
"""What a gold label counts for, and at most a belief about a text without one."""
_SAY = 0.5
"""What a vote counts for beside a head that was taught by votes of the same rules."""
_LEAST_SHARE = 0.05
"""No label is ruled out by a majority."""
_WIDTH = 128
"""Directions that representations are reduced to: fits take a fifth of the time, and are no less accurate."""
_SEEN = 600
"""Texts by which the directions are found."""


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted linear head: ``weight`` (labels, width), ``bias`` (labels,)."""

    weight: np.ndarray
    bias: np.ndarray
    multi: bool

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(texts, labels) float32."""
        return np.asarray(features @ self.weight.T + self.bias, dtype=np.float32)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(texts, labels) float64; rows sum to 1 unless several labels may hold."""
        values = self.logits(features).astype(np.float64)
        if self.multi:
            return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -60, 60))))
        return _softmax(values)


def fit_head(
    features: np.ndarray, targets: np.ndarray, weights: np.ndarray, *, multi: bool = False, l2: float = 0.1
) -> Head:
    """Fit a linear head to soft targets.

    Args:
        features: (texts, width), rows of unit length.
        targets: (texts, labels) in [0, 1]; rows sum to 1 unless ``multi``.
        weights: (texts,) or (texts, 1), not negative; how much each text counts.
        l2: The penalty; relative to a text of weight 1.

    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    >>> fit_head(x, np.eye(2), np.ones(2)).probabilities(x).argmax(axis=1).tolist()
    [0, 1]
    """
    weight = np.asarray(weights, dtype=np.float32).reshape(-1)
    heard = np.flatnonzero(weight > 0)
    data = np.ascontiguousarray(features[heard], dtype=np.float32) * np.float32(_SCALE)
    goal, say = np.asarray(targets[heard], dtype=np.float32), weight[heard, None]
    width, labels = features.shape[1], targets.shape[1]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = flat.reshape(width + 1, labels).astype(np.float32)
        values = data @ parameters[:-1] + parameters[-1]
        value, slope = (_binary if multi else _multinomial)(values, goal)
        slope *= say
        gradient = np.empty_like(parameters)
        gradient[:-1] = data.T @ slope + l2 * parameters[:-1]
        gradient[-1] = slope.sum(axis=0)
        penalty = 0.5 * l2 * float((parameters[:-1].astype(np.float64) ** 2).sum())
        return float((say * value).sum(dtype=np.float64)) + penalty, gradient.reshape(-1).astype(np.float64)

    start = np.zeros((width + 1) * labels)
    options = {"maxiter": _STEPS, "ftol": 1e-7, "gtol": 1e-4}
    # The matrices are small: threads wait for each other longer than they work, ten times so on a busy machine.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x.reshape(width + 1, labels)
    return Head((found[:-1].T * _SCALE).astype(np.float32), found[-1].astype(np.float32), multi)


def _multinomial(values: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses (texts, 1) and their slope in the logits."""
    shifted = values - values.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    total = powers.sum(axis=1, keepdims=True)
    return -(goal * (shifted - np.log(total))).sum(axis=1, keepdims=True), powers / total - goal


def _binary(values: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    losses = np.logaddexp(0, values) - goal * values
    return losses.sum(axis=1, keepdims=True), 1.0 / (1.0 + np.exp(-np.clip(values, -60, 60))) - goal


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def reduced(features: np.ndarray, *, seed: int) -> np.ndarray:
    """Representations in the directions in which they differ most (principal components, not centred).

    Args:
        features: (texts, width).
        seed: Draws the texts by which the directions are found, where there are many.

    Returns:
        float32 of shape (texts, 128), or the features themselves where they are no wider.

    >>> reduced(np.eye(3, 200, dtype=np.float32), seed=0).shape
    (3, 3)
    """
    if features.shape[1] <= _WIDTH:
        return features
    rows = np.sort(np.random.default_rng([seed, 31]).permutation(len(features))[:_SEEN])
    sample = features[rows].astype(np.float64)
    # The directions of (texts, width) from its Gram matrix (texts, texts), which is the smaller one.
    with threadpool_limits(1, user_api="blas"):
        values, vectors = np.linalg.eigh(sample @ sample.T)
        kept = (
            np.flatnonzero(values > 1e-9 * max(values[-1], 1e-12))[-_WIDTH:] if len(values) else np.zeros(0, dtype=int)
        )
        directions = sample.T @ (vectors[:, kept] / np.sqrt(values[kept]))
        return np.asarray(features @ directions.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything that a quick fit reads, text by text: gold texts and texts without a label.

    Attributes:
        features: (texts, width) rows of unit length.
        gold: (texts, labels) in {0, 1}; NaN rows where unknown.
        votes: (texts, rules).
    """

    features: np.ndarray
    gold: np.ndarray
    votes: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Which texts have a gold label, (texts,) bool."""
        return np.asarray(~np.isnan(self.gold).any(axis=1))

    def without(self, rows: np.ndarray) -> Pool:
        """The pool without some texts."""
        keep = np.ones(len(self.gold), dtype=bool)
        keep[rows] = False
        return Pool(self.features[keep], self.gold[keep], self.votes[keep])


def labels_head(pool: Pool, *, multi: bool) -> Head:
    """A head on the gold labels alone."""
    known = pool.known
    return fit_head(pool.features[known], pool.gold[known], np.ones(int(known.sum())), multi=multi)


def guided_head(pool: Pool, model: LabelModel, *, student: Head | None = None) -> Head:
    """A head on gold labels, and on what rules say of the other texts, weighed against what a head on the gold labels says.

    Args:
        model: Fitted on the pool's votes and gold.
        student: The head on the gold labels, where there is one already.

    Raises:
        ValueError: There is neither a gold label nor a vote.
    """
    known = pool.known
    targets, weights = np.zeros(pool.gold.shape), np.zeros(len(pool.gold))
    targets[known], weights[known] = pool.gold[known], _GOLD_WEIGHT
    rest = ~known
    if rest.any():
        votes = pool.votes[rest]
        if known.any() and not model.multi:
            student = student or labels_head(pool, multi=model.multi)
            targets[rest] = _together(student.probabilities(pool.features[rest]), model, votes, say=1.0)
            sure = confidence(targets[rest])
        else:
            targets[rest], sure = model.posterior(votes), model.confidence(votes)
        weights[rest] = _WEAK_WEIGHT * sure[:, 0]
    if not (weights > 0).any():
        raise ValueError("there is neither a gold label nor a vote to learn from")
    return fit_head(pool.features, targets, weights, multi=model.multi)


def guided_beliefs(head: Head, model: LabelModel, features: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """What the head believes of texts, with what rules say of the same texts as evidence on top, (texts, labels).

    A frozen representation hides words that rules look for. The head has heard the rules already, though, so that what they
    say now counts half. Where several labels may hold at once the head stands alone.
    """
    found = head.probabilities(features)
    return found if model.multi else _together(found, model, votes, say=_SAY)


def _together(beliefs: np.ndarray, model: LabelModel, votes: np.ndarray, *, say: float) -> np.ndarray:
    """Beliefs about texts as the prior that the rules' votes on them are weighed against: how far a rule is believed then
    depends on the text.

    Args:
        say: What a vote counts for, as a power of its odds.
    """
    prior = np.clip(beliefs, _LEAST_BELIEF, None)
    prior /= prior.sum(axis=1, keepdims=True)
    if model.kind != "majority":
        return replace(model, weights=model.weights * say).posterior(votes, prior=prior)
    # A majority vote has no odds: its shares are taken for probabilities.
    joint = prior * np.maximum(model.posterior(votes), _LEAST_SHARE) ** say
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def leave_one_out(
    pool: Pool,
    fit: Callable[[np.ndarray, np.ndarray], LabelModel],
    *,
    held: Pool,
    voting: np.ndarray,
) -> np.ndarray:
    """What each rule is worth to a guided head: the rise of the log-loss on held-out gold labels when it is dropped, in nats.

    Args:
        fit: A label model from votes and gold.
        held: Texts with gold labels to judge by, not learned from.
        voting: (rules,) which rules vote.

    Returns:
        (rules,) above zero where the rule helps; NaN for rules that do not vote.
    """
    known = held.known

    def loss(votes: np.ndarray) -> float:
        seen = Pool(pool.features, pool.gold, votes)
        probability = guided_head(seen, fit(votes, pool.gold)).probabilities(held.features[known])
        likely = np.clip((probability * held.gold[known]).sum(axis=1), 1e-6, 1.0)
        return float(-np.log(likely).mean())

    whole = loss(pool.votes)
    effect = np.full(pool.votes.shape[1], np.nan)
    for rule in np.flatnonzero(voting):
        votes = pool.votes.copy()
        votes[:, rule] = -1
        effect[rule] = loss(votes) - whole if (pool.votes[:, rule] >= 0).any() else 0.0
    return effect
