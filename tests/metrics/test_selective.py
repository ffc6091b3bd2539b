from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.errors import UserError
from ruletune.metrics.selective import labels_needed, threshold


def sample(n: int, rng: np.random.Generator, *, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and answers that are right with a probability that rises with the score, but not as it claims."""
    scores = rng.random(n)
    correct = rng.random(n) < 0.55 + 0.44 * scores**0.5
    return (np.round(scores, 1) if ties else scores), correct


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("max_error", "confidence"), [(0.05, 0.9), (0.1, 0.9), (0.2, 0.8)])
def test_the_promise_holds_as_often_as_promised(ties: bool, max_error: float, confidence: float) -> None:
    rng = np.random.default_rng(7)
    world, right = sample(100_000, rng, ties=ties)
    draws, broken = 600, 0
    for _ in range(draws):
        found = threshold(*sample(300, rng, ties=ties), max_error=max_error, confidence=confidence)
        answered = found.passes(world)
        broken += bool(answered.any() and (~right[answered]).mean() > max_error)
    allowed = (1 - confidence) * draws
    assert broken <= allowed + 3 * math.sqrt(allowed)


def test_scores_that_say_nothing_are_not_believed() -> None:
    """A third is wrong wherever one looks: luck must not pass for knowledge."""
    rng = np.random.default_rng(3)
    answered = [threshold(rng.random(400), rng.random(400) < 2 / 3, max_error=0.1).answered for _ in range(300)]
    assert np.mean([n > 0 for n in answered]) < 0.1


def test_a_model_that_is_always_right_answers_everything() -> None:
    found = threshold(np.random.default_rng(0).random(500), np.ones(500, bool), max_error=0.05)
    assert found.above == -math.inf and found.passes(np.array([0.0])).all()
    assert "promised: at most 0.05 of the answers wrong, with 0.9 confidence" in found.sentence()


def test_too_few_labels_answer_nothing_and_say_how_many_it_takes() -> None:
    found = threshold(np.ones(10), np.ones(10, bool), max_error=0.05)
    assert found.above == math.inf and not found.passes(np.array([1.0])).any()
    assert "takes 45 calibration labels at least, and there are 10" in found.sentence()
    assert threshold(np.zeros(0), np.zeros(0, bool), max_error=0.5).above == math.inf
    assert labels_needed(0.05) == 45 and 0.95**45 <= 0.1 < 0.95**44


def test_where_the_surest_answers_are_wrong_nothing_can_be_promised() -> None:
    found = threshold(np.arange(100.0), np.arange(100) < 50, max_error=0.05)
    assert not found.answered and "cannot be promised" in found.sentence()


@pytest.mark.parametrize("value", [0.0, 1.0, 1.5, -0.1, math.nan, math.inf])
def test_shares_out_of_range_are_refused(value: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        threshold(np.ones(3), np.ones(3, bool), max_error=value)
    with pytest.raises(UserError, match="confidence"):
        threshold(np.ones(3), np.ones(3, bool), max_error=0.1, confidence=value)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=200), st.floats(0.001, 0.999))
def test_what_is_said_about_calibration_texts_is_so(rows: list[tuple[int, bool]], max_error: float) -> None:
    scores = np.array([score for score, _ in rows], dtype=float)
    correct = np.array([right for _, right in rows], dtype=bool)
    found = threshold(scores, correct, max_error=max_error)
    passed = found.passes(scores)
    assert found.answered == passed.sum() and found.wrong == (passed & ~correct).sum()
    assert not found.answered or found.wrong / found.answered < max_error
    assert (len(rows) >= found.needed) or math.isinf(found.above)
