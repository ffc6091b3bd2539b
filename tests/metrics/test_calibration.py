"""Confidence against outcome, and intervals of shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.metrics.calibration import expected_calibration_error, reliability, wilson_interval

OUTCOMES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def split(outcomes: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([c for c, _ in outcomes]), np.array([o for _, o in outcomes])


@given(OUTCOMES, st.integers(1, 15))
def test_bins_lose_no_answer(outcomes: list[tuple[float, bool]], bins: int) -> None:
    confidence, correct = split(outcomes)
    table = reliability(confidence, correct, bins=bins)
    assert sum(n for _, _, n in table) == len(outcomes)
    assert sum(mean * n for mean, _, n in table) == pytest.approx(confidence.sum())
    assert sum(share * n for _, share, n in table) == pytest.approx(correct.sum())
    assert [mean for mean, _, _ in table] == sorted(mean for mean, _, _ in table)


@given(OUTCOMES, st.randoms())
def test_the_error_is_a_share_whatever_the_order(outcomes: list[tuple[float, bool]], random: object) -> None:
    error = expected_calibration_error(*split(outcomes))
    assert 0.0 <= error <= 1.0
    random.shuffle(outcomes)  # type: ignore[attr-defined]
    assert expected_calibration_error(*split(outcomes)) == pytest.approx(error)


def test_the_error_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55, 0.55, 0.55])
    correct = np.array([True, False, True, True, True, True])
    # two answers at 0.95 are right half the time, four at 0.55 always
    assert expected_calibration_error(confidence, correct) == pytest.approx((2 * 0.45 + 4 * 0.45) / 6)
    assert reliability(confidence, correct) == [
        (pytest.approx(0.55), 1.0, 4),
        (pytest.approx(0.95), 0.5, 2),
    ]


def test_certainty_has_a_bin() -> None:
    assert reliability(np.array([0.0, 1.0]), np.array([False, True])) == [(0.0, 0.0, 1), (1.0, 1.0, 1)]
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([False, False])) == 1.0
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0.0


def test_no_answers() -> None:
    assert reliability(np.array([]), np.array([], dtype=bool)) == []
    assert expected_calibration_error(np.array([]), np.array([], dtype=bool)) == 0.0


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [  # Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_the_published_ones(correct: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_holds_the_share_and_mirrors(correct: int, wrong: int) -> None:
    n = correct + wrong
    low, high = wilson_interval(correct, n)
    assert 0.0 <= low <= high <= 1.0
    assert (1 - high, 1 - low) == pytest.approx(wilson_interval(wrong, n))
    if n:
        assert low - 1e-12 <= correct / n <= high + 1e-12
        assert high < 1.0 or correct == n or n == 0
