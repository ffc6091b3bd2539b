"""Labels saved: right on curves whose answer is known, careful on all others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.metrics.learning_curve import Saved, labels_saved

SIZES = (4, 8, 16)


def power_law(a: float, b: float, sizes: tuple[int, ...] = SIZES) -> list[tuple[int, float]]:
    return [(n, 1 - a * n**-b) for n in sizes]


@pytest.mark.parametrize(("a", "b"), [(0.8, 0.3), (0.9, 0.5), (0.6, 0.2)])
@pytest.mark.parametrize("factor", [1.5, 3.0, 8.0])
def test_on_a_power_law_the_labels_are_those_of_the_law(a: float, b: float, factor: float) -> None:
    used = SIZES[-1]
    target = 1 - a * (used * factor) ** -b
    saved = labels_saved(power_law(a, b), target=target, used=used, seed=0)
    assert saved.estimate == pytest.approx(used * (factor - 1), rel=1e-6)
    assert saved.low is not None and 0 <= saved.low <= saved.estimate
    assert saved.high is None or saved.high >= saved.estimate


def test_repetitions_are_averaged_on_the_curve() -> None:
    exact = labels_saved([(10, 0.6), (40, 0.8)], target=0.9, used=40, seed=0)
    noisy = labels_saved([(10, 0.5), (10, 0.7), (40, 0.8)], target=0.9, used=40, seed=0)
    assert exact.estimate == pytest.approx(120)
    assert noisy.estimate == pytest.approx(exact.estimate, rel=1e-6)


def test_a_floor_is_seen_where_the_points_show_one() -> None:
    sizes = (4, 8, 16, 32, 64, 128)
    points = [(n, 1 - 0.15 - 0.8 * n**-0.6 + sign * 0.005) for n in sizes for sign in (-1, 1) * 20]
    saved = labels_saved(points, target=1 - 0.15 - 0.8 * 384**-0.6, used=128, seed=0)
    assert saved.estimate == pytest.approx(256, rel=0.3)
    beyond = labels_saved(points, target=0.9, used=128, seed=0)
    assert beyond.estimate is None and beyond.high is None


def test_noise_is_not_taken_for_a_floor() -> None:
    rng = np.random.default_rng(0)
    found = []
    for seed in range(20):
        points = [(n, 1 - 0.8 * n**-0.45 + rng.normal(0, 0.02)) for n in (4, 4, 8, 8, 16)]
        found.append(_estimate(labels_saved(points, target=1 - 0.8 * 32**-0.45, used=16, seed=seed)))
    assert 8 < np.median(found) < 32  # 16 is right


ACCURACY = st.floats(0, 1)
CURVE = st.lists(st.tuples(st.sampled_from((1, 2, 5, 10, 20)), ACCURACY), min_size=1, max_size=8)


@settings(max_examples=25)
@given(CURVE, ACCURACY, st.integers(1, 40), st.integers(0, 3))
def test_whatever_the_curve_the_answer_is_in_order(
    points: list[tuple[int, float]], target: float, used: int, seed: int
) -> None:
    saved = labels_saved(points, target=target, used=used, seed=seed)
    assert saved == labels_saved(points, target=target, used=used, seed=seed)
    assert saved.note.endswith(".")
    for value in (saved.estimate, saved.low, saved.high):
        assert value is None or 0 <= value <= saved.limit
    if saved.estimate is not None:
        assert saved.low is not None and saved.low <= saved.estimate
        assert saved.high is None or saved.estimate <= saved.high


@settings(max_examples=12)
@given(CURVE, ACCURACY, ACCURACY)
def test_a_better_result_never_saves_fewer_labels(points: list[tuple[int, float]], one: float, other: float) -> None:
    worse, better = (labels_saved(points, target=t, used=20, seed=0) for t in sorted((one, other)))
    if len({n for n, _ in points}) < 2:
        return
    assert _estimate(worse) <= _estimate(better)


def _estimate(saved: Saved) -> float:
    return np.inf if saved.estimate is None else saved.estimate


def test_one_point_gives_no_slope() -> None:
    saved = labels_saved([(16, 0.7), (16, 0.8)], target=0.9, used=16, seed=0)
    assert (saved.estimate, saved.low, saved.high) == (None, None, None)
    assert "one point" in saved.note
    assert labels_saved([], target=0.9, used=16, seed=0).estimate is None


@pytest.mark.parametrize("target", [0.75, 0.5, 0.0])
def test_rules_that_bring_nothing_save_nothing(target: float) -> None:
    saved = labels_saved([(8, 0.6), (16, 0.75)], target=target, used=16, seed=0)
    assert (saved.estimate, saved.low, saved.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("curve", [[(8, 0.6), (16, 0.6)], [(8, 0.7), (16, 0.6)], [(8, 0.60), (16, 0.601)]])
def test_a_curve_that_does_not_rise_tells_no_number(curve: list[tuple[int, float]]) -> None:
    saved = labels_saved(curve, target=0.95, used=16, seed=0)
    assert saved.estimate is None and saved.high is None
    assert saved.low is not None and 0 <= saved.low <= saved.limit
    assert str(saved.limit) in saved.note


def test_a_flat_curve_says_nothing_of_a_target_close_by() -> None:
    saved = labels_saved([(4, 0.6), (8, 0.6), (16, 0.6)], target=0.601, used=16, seed=0)
    assert (saved.estimate, saved.low, saved.high) == (None, None, None)
    assert "too little" in saved.note


def test_the_curve_is_trusted_up_to_twenty_times_the_labels() -> None:
    near, far = (labels_saved(power_law(0.8, 0.5), target=1 - 0.8 * n**-0.5, used=16, seed=0) for n in (300, 400))
    assert near.limit == far.limit == 320
    assert near.estimate == pytest.approx(284, rel=1e-6)
    assert far.estimate is None and far.high is None and "more than 320" in far.note


def test_labels_alone_are_compared_at_the_labels_at_hand() -> None:
    points = [(8, 0.6), (16, 0.7), (32, 0.8)]
    assert labels_saved(points, target=0.75, used=16, seed=0).estimate == pytest.approx(8, abs=3)
    assert labels_saved(points, target=0.7, used=16, seed=0).estimate == 0.0


def test_perfection_is_beyond_what_a_curve_can_tell() -> None:
    saved = labels_saved([(8, 0.9), (16, 0.95)], target=1.0, used=16, seed=0)
    assert saved.estimate is None and saved.high is None
    assert saved.low is not None and saved.low > 16  # 0.05 of errors to none is more than one halving


def test_a_perfect_curve_needs_no_labels() -> None:
    assert labels_saved([(8, 1.0), (16, 1.0)], target=1.0, used=16, seed=0).estimate == 0.0


def test_more_spread_gives_a_wider_interval() -> None:
    def curve(spread: float) -> list[tuple[int, float]]:
        return [(n, 1 - 0.8 * n**-0.4 + sign * spread) for n in SIZES for sign in (-1, 1)]

    target = 1 - 0.8 * 40**-0.4
    narrow, wide = (labels_saved(curve(spread), target=target, used=16, seed=0) for spread in (0.002, 0.02))
    assert narrow.low is not None and narrow.high is not None and wide.low is not None
    assert wide.low <= narrow.low
    assert wide.high is None or wide.high - wide.low > narrow.high - narrow.low
