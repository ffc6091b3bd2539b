"""Different rows are found exactly, and label models that count them say what they said text by text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ruletune.labeling import distinct as module
from ruletune.labeling.distinct import distinct
from ruletune.labeling.label_model import fit_dawid_skene, fit_majority

MATRICES = arrays.arrays(np.int16, st.tuples(st.integers(0, 30), st.integers(0, 5)), elements=st.integers(-2, 2))


@given(MATRICES)
def test_every_row_is_one_of_the_different_ones(matrix: np.ndarray) -> None:
    found = distinct(matrix)
    np.testing.assert_array_equal(matrix[found.first][found.inverse], matrix)
    np.testing.assert_array_equal(np.bincount(found.inverse, minlength=len(found.first)), found.counts)
    assert len({tuple(row) for row in matrix.tolist()}) == len(found.first)
    assert found.first.tolist() == sorted(found.first.tolist())


def test_gold_tells_rows_apart() -> None:
    matrix = np.zeros((4, 2), dtype=np.int16)
    gold = np.array([[1, 0], [np.nan, np.nan], [1, 0], [0, 1]])
    assert distinct(matrix, gold).counts.tolist() == [2, 1, 1]


def test_keys_that_clash_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    class Constant:
        def integers(self, low: int, high: int, size: int) -> np.ndarray:
            return np.zeros(size, dtype=np.int64)

    monkeypatch.setattr(module.np.random, "default_rng", lambda seed: Constant())
    matrix = np.array([[0, 1], [1, 0], [0, 1]], dtype=np.int16)  # equal sums
    assert distinct(matrix).inverse.tolist() == [0, 1, 0]


@pytest.mark.parametrize("fit", [fit_dawid_skene, fit_majority])
@pytest.mark.parametrize("multi", [False, True])
def test_many_texts_alike_are_fitted_as_the_same_texts_in_any_order(fit, multi: bool) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    matrix = rng.integers(-1, 3, size=(400, 4)).astype(np.int16)
    gold = np.full((400, 3), np.nan)
    gold[:60] = np.eye(3)[rng.integers(3, size=60)]
    options = {"classes": 3, "weights": [1, 2, 1, 0.5], "multi": multi, "signs": [1, 1, 1, -1]}
    order = rng.permutation(400)
    model, shuffled = fit(matrix, gold=gold, **options), fit(matrix[order], gold=gold[order], **options)
    np.testing.assert_allclose(model.accuracy, shuffled.accuracy, rtol=1e-12)


def test_the_fit_is_that_of_the_equations_text_by_text() -> None:
    """The module's equations, written down without any regard to speed."""
    rng = np.random.default_rng(3)
    truth = rng.integers(3, size=300)
    matrix = np.where(rng.random((300, 4)) < 0.7, truth[:, None], rng.integers(3, size=(300, 4)))
    matrix = np.where(rng.random((300, 4)) < 0.5, matrix, -1).astype(np.int16)
    gold = np.full((300, 3), np.nan)
    gold[:20] = np.eye(3)[truth[:20]]
    accuracy = np.full(4, 0.8)
    for _ in range(50):
        found = _step(matrix, gold, accuracy)
        moved, accuracy = np.abs(found - accuracy).max(), found
        if moved < 1e-5:
            break
    fitted = fit_dawid_skene(matrix, classes=3, weights=[1] * 4, gold=gold)
    np.testing.assert_allclose(fitted.accuracy, accuracy, rtol=1e-10)


def _step(matrix: np.ndarray, gold: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    found = np.zeros(4)
    beliefs = []
    for row in matrix:
        odds = np.ones(3)
        for rule, label in enumerate(row):
            if label >= 0:
                odds[label] *= accuracy[rule] * 2 / (1 - accuracy[rule])
        beliefs.append(odds / odds.sum())
    for rule in range(4):
        rows = np.flatnonzero(matrix[:, rule] >= 0)
        guessed = sum(np.isnan(gold[row]).any() for row in rows)
        right, total = 20 * 0.8, 20.0
        for row in rows:
            known = not np.isnan(gold[row]).any()
            count = 3.0 if known else min(1.0, 30 / guessed)
            right += count * (gold[row] if known else beliefs[row])[matrix[row, rule]]
            total += count
        found[rule] = min(max(right / total, 0.02), 0.98)
    return found
