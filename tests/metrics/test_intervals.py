"""Bootstrap intervals: degenerate data, known spreads, seeds, and blocks that change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from ruletune.metrics import intervals
from ruletune.metrics.intervals import mean_interval, micro_f1_interval

COUNTS = np.array([[1, 1, 1], [0, 1, 1]] * 50)


def test_no_examples_and_no_items_give_zero() -> None:
    assert micro_f1_interval(np.zeros((0, 3), dtype=np.int64), seed=0) == (0.0, 0.0)
    assert micro_f1_interval(np.zeros((4, 3), dtype=np.int64), seed=0) == (0.0, 0.0)
    assert mean_interval(np.zeros(0), seed=0) == (0.0, 0.0)


def test_the_interval_holds_the_score_and_repeats_by_seed() -> None:
    low, high = micro_f1_interval(COUNTS, seed=3)
    assert low < 0.5 < high
    assert (low, high) == micro_f1_interval(COUNTS, seed=3)
    assert (low, high) != micro_f1_interval(COUNTS, seed=4)


def test_one_example_has_no_spread() -> None:
    low, high = micro_f1_interval(np.array([[1, 2, 1]]), seed=0)
    assert low == high == pytest.approx(2 / 3)
    assert mean_interval(np.array([0.25]), seed=0) == (0.25, 0.25)


def test_a_mean_spreads_as_its_standard_error_says() -> None:
    values = np.array([0.0, 1.0] * 200)
    low, high = mean_interval(values, seed=0)
    spread = 1.96 * 0.5 / np.sqrt(400)
    assert low == pytest.approx(0.5 - spread, abs=0.01)
    assert high == pytest.approx(0.5 + spread, abs=0.01)


def test_examples_without_items_do_not_move_a_sure_score() -> None:
    assert micro_f1_interval(np.array([[3, 3, 3]] * 20 + [[0, 0, 0]] * 20), seed=0) == (1.0, 1.0)


def test_many_examples_are_drawn_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = micro_f1_interval(COUNTS, seed=1), mean_interval(COUNTS[:, 0], seed=1)
    monkeypatch.setattr(intervals, "_BLOCK", 150)
    assert (micro_f1_interval(COUNTS, seed=1), mean_interval(COUNTS[:, 0], seed=1)) == whole


def test_ends_are_plain_numbers() -> None:
    assert all(type(end) is float for end in (*micro_f1_interval(COUNTS, seed=0), *mean_interval(np.ones(3), seed=0)))
