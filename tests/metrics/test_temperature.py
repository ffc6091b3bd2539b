from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.metrics.calibration import expected_calibration_error
from ruletune.metrics.temperature import fit_temperature, log_loss, tempered


def drawn(n: int, *, overconfident: float, seed: int, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too large by a factor, and gold drawn from what the right ones say."""
    rng = np.random.default_rng(seed)
    true = rng.normal(scale=2.0, size=(n, labels))
    chances = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    gold = np.eye(labels)[[rng.choice(labels, p=row) for row in chances]]
    return true * overconfident, gold


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_data_is_found(factor: float) -> None:
    logits, gold = drawn(3000, overconfident=factor, seed=1)
    assert fit_temperature(logits, gold, multi=False)[0] == pytest.approx(factor, rel=0.1)


def test_several_labels_have_a_temperature_each() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(scale=2.0, size=(3000, 2))
    gold = (rng.random(true.shape) < 1 / (1 + np.exp(-true))).astype(float)
    assert fit_temperature(true * np.array([1.0, 4.0]), gold, multi=True) == pytest.approx([1.0, 4.0], rel=0.15)


def test_calibration_error_and_log_loss_fall_on_fresh_texts() -> None:
    logits, gold = drawn(300, overconfident=3.0, seed=2)
    temperature = fit_temperature(logits, gold, multi=False)
    fresh, truth = drawn(3000, overconfident=3.0, seed=3)

    def error(values: np.ndarray) -> float:
        probability = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
        return expected_calibration_error(probability.max(axis=1), probability.argmax(1) == truth.argmax(1))

    after = tempered(fresh, temperature)
    assert error(after) < 0.3 * error(fresh)
    assert log_loss(after, truth, multi=False) < log_loss(fresh, truth, multi=False)


def test_ten_texts_do_no_harm_to_a_calibrated_model() -> None:
    """On average over draws, log loss grows by less than one part in fifty."""
    fresh, truth = drawn(3000, overconfident=1.0, seed=99)
    plain = log_loss(fresh, truth, multi=False)
    found = [fit_temperature(*drawn(10, overconfident=1.0, seed=seed), multi=False) for seed in range(30)]
    assert np.mean([log_loss(tempered(fresh, t), truth, multi=False) for t in found]) < 1.02 * plain


@given(st.integers(0, 10_000), st.integers(1, 12), st.booleans())
def test_answers_stay_the_same_and_the_temperature_within_bounds(seed: int, n: int, multi: bool) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=10, size=(n, 3))
    gold = (rng.random((n, 3)) < 0.5).astype(float) if multi else np.eye(3)[rng.integers(0, 3, n)]
    temperature = fit_temperature(logits, gold, multi=multi)
    assert temperature.shape == ((3,) if multi else (1,)) and ((temperature >= 0.1) & (temperature <= 10)).all()
    after = tempered(logits, temperature)
    assert ((after > 0) == (logits > 0)).all()
    if not multi:
        assert (after.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_no_text_is_no_change() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros((0, 3)), multi=False).tolist() == [1.0]
    assert log_loss(np.zeros((0, 3)), np.zeros((0, 3)), multi=False) == 0.0
