"""Shares compared: what has changed is named, and a stream that stays as it is hardly ever is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from ruletune.metrics.drift import _fisher, _holm, changes


def test_a_large_change_is_named_with_its_shares() -> None:
    [found] = changes(["refund", "thanks"], [40, 300], 1000, [310, 290], 1000)
    assert (found.name, found.before, found.now) == ("refund", 0.04, 0.31)


def test_the_surest_comes_first() -> None:
    found = changes(["a", "b", "c"], [0, 500, 100], 1000, [30, 10, 100], 1000)
    assert [change.name for change in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("before", "of_before", "now", "of_now"),
    [
        (40, 1000, 80, 199),  # too few texts
        (40, 1000, 41, 1000),  # hardly any difference
        (400_000, 1_000_000, 405_000, 1_000_000),  # sure, and of no matter
        (1, 100, 20, 300),  # too few in training to know
        (0, 0, 300, 1000),  # nothing is known
    ],
)
def test_what_is_not_named(before: int, of_before: int, now: int, of_now: int) -> None:
    assert changes(["a"], [before], of_before, [now], of_now) == []


def test_what_never_happened_before_is_named() -> None:
    [found] = changes(
        ["a"],
        [0],
        2000,
        [
            25,
        ],
        1000,
    )
    assert found.before == 0.0


def test_nothing_is_compared_without_names() -> None:
    assert changes([], [], 100, [], 1000) == []


def test_the_test_is_fishers() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = int(rng.integers(0, 50)), int(rng.integers(0, 80))
        found = _fisher(np.array([a]), 50, np.array([b]), 80)[0]
        sides = [fisher_exact([[b, 80 - b], [a, 50 - a]], side)[1] for side in ("less", "greater")]
        assert found == pytest.approx(min(1.0, 2 * min(sides)), rel=1e-6)


def test_correction_keeps_order_and_is_at_most_one() -> None:
    p = np.array([0.5, 0.001, 0.9, 0.001])
    corrected = _holm(p)
    assert corrected.tolist() == [1.0, 0.004, 1.0, 0.004]


def test_a_stream_that_stays_as_it_is_hardly_ever_raises_an_alarm() -> None:
    """10 streams of 5,000 texts and 40 rules, looked at every 25 texts: about 1,900 looks at 40 shares."""
    rng = np.random.default_rng(1)
    names = [f"rule {n}" for n in range(40)]
    alarms = 0
    for _ in range(10):
        rates = rng.uniform(0.001, 0.3, size=40)
        before = rng.binomial(1000, rates)
        stream = np.cumsum(rng.random((5000, 40)) < rates, axis=0)
        for end in range(200, 5000, 25):
            start = max(0, end - 1000)
            now = stream[end] - stream[start]
            if changes(names, before, 1000, now, end - start):
                alarms += 1
                break
    assert alarms <= 1


def test_a_change_of_the_stream_is_seen_within_the_window() -> None:
    rng = np.random.default_rng(2)
    before, now = rng.binomial(1000, [0.04, 0.2]), rng.binomial(500, [0.15, 0.2])
    assert [change.name for change in changes(["a", "b"], before, 1000, now, 500)] == ["a"]
