r"""What is believed about the labels of texts, from a few gold labels, the texts themselves and existing rules.

With ten labels a class a word that was seen with a label once tells nothing. So a linear classifier learns the gold
labels from sentence embeddings (or, without them, from a latent semantic analysis of the texts) and says what it
believes about every text that has no label. Three corrections make its beliefs fit to be averaged:

- **Regularization by cross-validation.** The strength that predicts left-out gold labels best, by log loss.
- **Temperature.** Beliefs are flattened or sharpened until they are right as often as they say, again on left-out
  gold (Guo et al. 2017, *On calibration of modern neural networks*).
- **Prior shift.** Gold labels are often drawn evenly, texts are not. The labels' shares among the texts are estimated
  by EM from the beliefs themselves (Saerens et al. 2002, *Adjusting the outputs of a classifier to new a priori
  probabilities*).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Beliefs", "believe", "lsa"]

_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
_TEMPERATURES = tuple(np.geomspace(0.25, 4.0, 25))
_FOLDS = 10
_EM_STEPS = 50


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is believed about every text.

    Attributes:
        probability: (texts, labels); gold texts included, as if their labels were not known.
        prior: (labels,) shares of the labels among the texts.
        gold_share: (labels,) shares of the labels among gold.
        accuracy: Share of left-out gold labels that were predicted.
        chance: What the accuracy would be of always naming the most frequent label.
    """

    probability: np.ndarray
    prior: np.ndarray
    gold_share: np.ndarray
    accuracy: float
    chance: float


def lsa(matrix: Any, *, seed: int, size: int = 100) -> np.ndarray:
    """Latent semantic analysis of what occurs in which text: TF-IDF, reduced by SVD.

    Args:
        matrix: (texts, words), sparse; pairs of words and starts of texts may be among them.

    Returns:
        (texts, at most ``size``), rows of unit length, or zero where nothing occurs.
    """
    from scipy.sparse import diags
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    rank = min(size, min(matrix.shape) - 1)
    if rank < 1:
        return np.zeros((matrix.shape[0], 1))
    frequency = np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0)
    weighted = normalize((matrix @ diags(np.log(matrix.shape[0] / frequency) + 0.1)).tocsr())
    return np.asarray(normalize(TruncatedSVD(rank, random_state=seed).fit_transform(weighted)))


def believe(views: Sequence[np.ndarray], gold: np.ndarray, *, multi: bool, seed: int) -> Beliefs:
    """Learn gold labels from vectors and say what is believed about every text.

    Args:
        views: Several descriptions of the same texts, (texts, size) each. A classifier learns from each of them; their
            logits are averaged, since different views err on different texts.
        gold: (texts, labels) in {0, 1}; NaN rows where the label is not known, but for one text at least.
    """
    known = ~np.isnan(gold).any(axis=1)
    if multi:
        return _several(views, gold, known, seed)
    labels = gold.shape[1]
    target = gold[known].argmax(axis=1)
    share = np.bincount(target, minlength=labels) / len(target)
    seen = np.unique(target)
    if len(seen) < 2:
        probability = np.zeros((len(gold), labels))
        probability[:, seen[0]] = 1.0
        return Beliefs(probability, share, share, 1.0, 1.0)
    logits = np.mean([_logits(vectors, known, target, labels, seed) for vectors in views], axis=0)
    held_out = logits[known]
    raw = _softmax(logits / _temperature(held_out, target)[1])
    accuracy = float((held_out.argmax(axis=1) == target).mean())
    chance = float(share.max())
    trust = max(0.0, (accuracy - chance) / max(1 - chance, 1e-9))
    prior = _shares(raw[~known] if (~known).any() else raw, share, trust)
    return Beliefs(_shifted(raw, share, prior), prior, share, accuracy, chance)


def _logits(vectors: np.ndarray, known: np.ndarray, target: np.ndarray, labels: int, seed: int) -> np.ndarray:
    """Logits of one view, at their best temperature; those of gold texts from models that did not see them."""
    found = [_left_out(vectors[known], target, strength, seed, labels) for strength in _STRENGTHS]
    losses = [_temperature(logits, target) for logits in found]
    best = min(range(len(found)), key=lambda n: losses[n][0])
    logits = _scores(_fit(vectors[known], target, _STRENGTHS[best]), vectors, labels)
    logits[known] = found[best]
    return np.asarray(logits / losses[best][1])


def _several(views: Sequence[np.ndarray], gold: np.ndarray, known: np.ndarray, seed: int) -> Beliefs:
    """Each label by itself, as a question of yes or no."""
    each = []
    for label in range(gold.shape[1]):
        one = np.full((len(gold), 2), np.nan)
        one[known, 1] = gold[known, label]
        one[known, 0] = 1 - gold[known, label]
        each.append(believe(views, one, multi=False, seed=seed))
    return Beliefs(
        np.stack([one.probability[:, 1] for one in each], axis=1),
        np.array([one.prior[1] for one in each]),
        np.array([one.gold_share[1] for one in each]),
        float(np.mean([one.accuracy for one in each])),
        float(np.mean([one.chance for one in each])),
    )


def _fit(vectors: np.ndarray, target: np.ndarray, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, class_weight="balanced", max_iter=500).fit(vectors, target)


def _scores(model: Any, vectors: np.ndarray, labels: int) -> np.ndarray:
    """Logits of all labels; one that the model never saw is out of the question."""
    logits = model.decision_function(vectors)
    if logits.ndim == 1:
        logits = np.stack([-logits / 2, logits / 2], axis=1)
    full = np.full((len(vectors), labels), -30.0)
    full[:, model.classes_] = logits
    return full


def _left_out(vectors: np.ndarray, target: np.ndarray, strength: float, seed: int, labels: int) -> np.ndarray:
    """Logits of gold texts from models that did not see them."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(target), dtype=np.int64)
    for label in np.unique(target):  # stratified, and fit for labels with fewer texts than folds
        rows = rng.permutation(np.flatnonzero(target == label))
        fold[rows] = np.arange(len(rows)) % _FOLDS
    logits = np.zeros((len(target), labels))
    for number in np.unique(fold):
        out = fold == number
        if len(np.unique(target[~out])) > 1:
            logits[out] = _scores(_fit(vectors[~out], target[~out], strength), vectors[out], labels)
    return logits


def _temperature(logits: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """The lowest log loss that a temperature reaches, and the temperature."""
    losses = [_log_loss(logits / temperature, target) for temperature in _TEMPERATURES]
    best = int(np.argmin(losses))
    return losses[best], float(_TEMPERATURES[best])


def _log_loss(logits: np.ndarray, target: np.ndarray) -> float:
    probability = _softmax(logits)[np.arange(len(target)), target]
    return float(-np.log(np.maximum(probability, 1e-6)).mean())


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _shifted(probability: np.ndarray, share: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Beliefs under another prior; the classifier was fitted as if all seen labels were equally frequent."""
    odds = probability * np.where(share > 0, prior, 0.0)
    return np.asarray(odds / np.maximum(odds.sum(axis=1, keepdims=True), 1e-12))


def _shares(probability: np.ndarray, share: np.ndarray, trust: float) -> np.ndarray:
    """Shares of the labels among texts, by EM from beliefs under even shares.

    A classifier that is hardly better than chance errs on thousands of texts the same way, and EM takes that for evidence
    until one label has everything. So every step goes only as far as the classifier can be trusted.

    Args:
        trust: How far left-out gold labels were predicted, from 0 for chance to 1.
    """
    even = np.where(share > 0, 1.0, 0.0) / np.count_nonzero(share)
    prior = even
    for _ in range(_EM_STEPS):
        prior = trust * _shifted(probability, share, prior).mean(axis=0) + (1 - trust) * even
    return prior
