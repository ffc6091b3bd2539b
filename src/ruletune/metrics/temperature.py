"""Temperature scaling: probabilities that can be believed, from answers that stay the same."""

from __future__ import annotations

import numpy as np

__all__ = ["fit_temperature", "log_loss", "losses", "tempered"]

_PRIOR = 0.35
"""Standard deviation of the logarithm of the temperature before anything is seen: most models need between a half and
twice. Ten texts can hardly move it, a hundred mostly decide."""

_GRID = 10.0 ** (np.arange(-230, 231) / 230)
"""Temperatures that are tried, 1% apart from 0.1 to 10; a calibration set can hardly tell finer ones apart."""


def tempered(logits: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Logits divided by one temperature, or each label's by its own. The order of a text's labels under one
    temperature, and on which side of one half a label's own probability lies, stay as they were.

    >>> tempered(np.array([[2.0, 4.0]]), np.array([2.0])).tolist()
    [[1.0, 2.0]]
    """
    return np.asarray(logits.astype(np.float64) / temperature)


def log_loss(logits: np.ndarray, gold: np.ndarray, *, multi: bool) -> float:
    """Mean negative log-likelihood of the gold labels, in nats; over texts, or over texts and labels.

    Args:
        logits: (texts, labels).
        gold: (texts, labels) in {0, 1}; of single labels exactly one a text.

    >>> round(log_loss(np.zeros((1, 2)), np.array([[0, 1]]), multi=False), 4)
    0.6931
    """
    return float(np.mean(losses(logits.astype(np.float64), gold, multi=multi))) if len(logits) else 0.0


def fit_temperature(logits: np.ndarray, gold: np.ndarray, *, multi: bool) -> np.ndarray:
    """The temperature under which held-out gold labels are likeliest, held near 1 where there are few of them.

    Minimizes the summed negative log-likelihood plus ``log(T)**2 / (2 * 0.35**2)``, a normal prior on ``log T``. With
    several labels at once each has a temperature of its own: a logistic without a shift, which would change answers.

    Args:
        logits: (texts, labels), of texts that did not teach the model.
        gold: (texts, labels) in {0, 1}.

    Returns:
        (1,), or (labels,) where several may hold; between 0.1 and 10.

    Source: Guo et al. 2017, *On calibration of modern neural networks*, section 4.2; the prior is ours.

    >>> sure = np.array([[6.0, 0.0]] * 40)
    >>> right = np.array([[1, 0]] * 20 + [[0, 1]] * 20)
    >>> fit_temperature(sure, right, multi=False)[0] > 4  # it is right half of the time only
    np.True_
    >>> fit_temperature(sure[:0], right[:0], multi=False).tolist()
    [1.0]
    """
    values = logits.astype(np.float64)
    columns = [[k] for k in range(values.shape[1])] if multi else [list(range(values.shape[1]))]
    return np.array([_fit_one(values[:, some], gold[:, some], multi=multi) for some in columns])


def _fit_one(logits: np.ndarray, gold: np.ndarray, *, multi: bool) -> float:
    prior = np.log(_GRID) ** 2 / (2 * _PRIOR**2)
    costs = [float(losses(logits / t, gold, multi=multi).sum()) for t in _GRID]
    return float(_GRID[int(np.argmin(costs + prior))])


def losses(logits: np.ndarray, gold: np.ndarray, *, multi: bool) -> np.ndarray:
    """Negative log-likelihood of every text's label, (texts,); of every label by itself, (texts, labels), for ``multi``.

    >>> losses(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]), multi=False).round(3).tolist()
    [0.693]
    """
    if multi:
        return np.asarray(np.logaddexp(0.0, np.where(gold > 0.5, -logits, logits)))
    shifted = logits - logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(total - shifted[np.arange(len(logits)), gold.argmax(axis=1)])
