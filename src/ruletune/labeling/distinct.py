"""Texts of which rules say the same are one row with a count: thousands of texts have a few hundred patterns of votes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Distinct", "distinct"]


@dataclass(frozen=True, slots=True)
class Distinct:
    """The different rows of a matrix.

    Attributes:
        first: (rows,) of each different row, where it stands first in the matrix.
        counts: (rows,) how often it stands there.
        inverse: (texts,) which of the different rows each row of the matrix is.
    """

    first: np.ndarray
    counts: np.ndarray
    inverse: np.ndarray


def distinct(matrix: np.ndarray, known: np.ndarray | None = None) -> Distinct:
    """Find the different rows of a matrix, in the order of their first texts.

    Rows are compared by a random projection modulo 2^64; what it says is checked, so that the answer is exact.

    Args:
        matrix: (texts, rules) of whole numbers.
        known: (texts, labels) numbers that tell rows apart as well, such as gold answers; NaN is a value like others.

    >>> found = distinct(np.array([[0, -1], [1, 1], [0, -1]], dtype=np.int16))
    >>> found.first.tolist(), found.counts.tolist(), found.inverse.tolist()
    ([0, 1], [2, 1], [0, 1, 0])
    """
    gold = np.zeros((len(matrix), 0), dtype=np.int16) if known is None else _whole(known)
    rng = np.random.default_rng(0)
    keys = np.zeros(len(matrix), dtype=np.int64)
    for table in (matrix, gold):
        factors = 2 * np.asarray(rng.integers(-(2**62), 2**62, size=table.shape[1])) + 1
        for column in range(table.shape[1]):
            keys += table[:, column].astype(np.int64) * factors[column]
    found = _ordered(*np.unique(keys, return_index=True, return_counts=True, return_inverse=True))
    same = all(np.array_equal(table[found.first][found.inverse], table) for table in (matrix, gold))
    if same:
        return found
    rows = np.concatenate([matrix.astype(np.int64), gold], axis=1)  # two rows had one key, against all odds
    _, first, inverse, counts = np.unique(rows, axis=0, return_index=True, return_inverse=True, return_counts=True)
    return _ordered(rows, first, inverse.reshape(-1), counts)


def _whole(known: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(known), -1, known).astype(np.int16)


def _ordered(_: np.ndarray, first: np.ndarray, inverse: np.ndarray, counts: np.ndarray) -> Distinct:
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Distinct(first[order], counts[order], place[inverse.reshape(-1)])
