"""Classification metrics, as scikit-learn computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ruletune.types import Label

__all__ = ["score"]


def score(
    gold: Sequence[Label], predicted: Sequence[Label], *, labels: Sequence[str], multi: bool = False
) -> dict[str, Any]:
    """Metrics of predicted answers against gold.

    Args:
        labels: All labels of the task, in its order.
        multi: Several labels may hold at once.

    Returns:
        ``accuracy`` (all labels of a text right, where there may be several) and ``macro_f1``, the mean F1 over the
        labels that occur in gold or among the predictions; ``micro_f1`` for several labels; ``per_label`` with
        precision, recall, f1 and support; ``confusion``, rows gold, columns predicted, empty for several labels.

    >>> a, b = Label.of("a"), Label.of("b")
    >>> score([a, a, b], [a, b, b], labels=["a", "b"])["macro_f1"]
    0.6666666666666666
    """
    if not len(gold):
        return _nothing(labels, multi=multi)
    from sklearn.metrics import precision_recall_fscore_support

    truth, found = _indicators(gold, labels), _indicators(predicted, labels)
    # A column without entries keeps scikit-learn from taking a single label for a binary question.
    columns = [np.pad(matrix, ((0, 0), (0, 1))) for matrix in (truth, found)]
    precision, recall, f1, support = precision_recall_fscore_support(*columns, average=None, zero_division=0.0)
    occurs = truth.any(axis=0) | found.any(axis=0)
    result: dict[str, Any] = {
        "accuracy": float((truth == found).all(axis=1).mean()),
        "macro_f1": float(f1[:-1][occurs].mean()) if occurs.any() else 0.0,
        "per_label": {
            label: {
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "support": int(support[k]),
            }
            for k, label in enumerate(labels)
        },
        "confusion": [] if multi else (truth.T @ found).tolist(),
    }
    if multi:
        micro = precision_recall_fscore_support(*columns, average="micro", zero_division=0.0)
        result["micro_f1"] = float(micro[2])
    return result


def _nothing(labels: Sequence[str], *, multi: bool) -> dict[str, Any]:
    """What is said where nothing was measured: zeros everywhere."""
    zeros = {"accuracy": 0.0, "macro_f1": 0.0} | ({"micro_f1": 0.0} if multi else {})
    per_label = {label: {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0} for label in labels}
    return {**zeros, "per_label": per_label, "confusion": [] if multi else [[0] * len(labels) for _ in labels]}


def _indicators(answers: Sequence[Label], labels: Sequence[str]) -> np.ndarray:
    """(answers, labels) of zeros and ones."""
    index = {label: position for position, label in enumerate(labels)}
    matrix = np.zeros((len(answers), len(labels)), dtype=np.int64)
    for row, answer in enumerate(answers):
        for name in answer.names:
            matrix[row, index[name]] = 1
    return matrix
