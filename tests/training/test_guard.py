"""The comparison of rules with gold labels before training."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from ruletune.labeling.label_model import fit_dawid_skene
from ruletune.training.guard import Verdict, agreement, compare, sighted
from ruletune.training.quick import Pool

LABELS, RULES, WIDTH = 3, 12, 16


def _pool(*, shots: int, votes: str, seed: int = 0) -> Pool:
    """Texts around a centre a label, rules that are right four times in five; or their votes spoilt."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(LABELS, size=600)
    centres = rng.normal(size=(LABELS, WIDTH))
    features = centres[truth] + 1.2 * rng.normal(size=(600, WIDTH))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    said = np.full((600, RULES), -1, dtype=np.int16)
    for rule in range(RULES):
        label = rule % LABELS
        fires = rng.random(600) < np.where(truth == label, 0.4, 0.05)
        said[fires, rule] = label
    if votes == "shuffled":
        said = said[rng.permutation(600)]
    if votes == "swapped":
        said = np.where(said >= 0, (said + 1) % LABELS, said).astype(np.int16)
    if votes == "none":
        said[:] = -1
    gold = np.full((600, LABELS), np.nan)
    for label in range(LABELS):
        rows = np.flatnonzero(truth == label)[:shots]
        gold[rows] = np.eye(LABELS)[label]
    return Pool(features.astype(np.float32), gold, said)


def _judge(pool: Pool) -> Verdict:
    fit = partial(_fit, classes=LABELS)
    return compare(pool, fit, voting=np.ones(RULES, dtype=bool), multi=False, seed=0)


def _fit(matrix: np.ndarray, gold: np.ndarray, *, classes: int):  # type: ignore[no-untyped-def]
    return fit_dawid_skene(matrix, classes=classes, weights=[1.0] * matrix.shape[1], gold=gold)


@pytest.mark.parametrize("shots", [3, 5, 20])
@pytest.mark.parametrize("seed", range(3))
def test_real_rules_are_used(shots: int, seed: int) -> None:
    verdict = _judge(_pool(shots=shots, votes="real", seed=seed))
    assert verdict.rules
    assert verdict.agreement is not None
    assert verdict.agreement[0] > 0.2


@pytest.mark.parametrize("shots", [3, 5, 20])
@pytest.mark.parametrize("votes", ["shuffled", "swapped"])
@pytest.mark.parametrize("seed", range(3))
def test_votes_that_mean_nothing_or_the_contrary_are_left_out(shots: int, votes: str, seed: int) -> None:
    verdict = _judge(_pool(shots=shots, votes=votes, seed=seed))
    assert not verdict.rules
    assert "left out" in verdict.reason


def test_without_a_vote_there_is_nothing_to_use() -> None:
    assert not _judge(_pool(shots=5, votes="none")).rules


def test_too_few_labels_cannot_speak_against_rules() -> None:
    pool = _pool(shots=1, votes="shuffled")
    pool = pool.without(np.flatnonzero(pool.known)[1:])
    verdict = _judge(pool)
    assert verdict.rules
    assert "too few" in verdict.reason


def test_it_is_the_same_every_time() -> None:
    assert _judge(_pool(shots=5, votes="real")) == _judge(_pool(shots=5, votes="real"))


def test_agreement_by_chance_is_nothing() -> None:
    rng = np.random.default_rng(0)
    kappa, error = agreement(rng.integers(2, size=5000), rng.integers(2, size=5000), labels=2)
    assert abs(kappa) < 3 * error
    assert agreement(np.zeros(5, dtype=int), np.zeros(5, dtype=int), labels=2) == (0.0, 1.0)


def test_a_head_that_finds_nothing_is_known_by_it() -> None:
    pool = _pool(shots=10, votes="real")
    assert sighted(pool, seed=0)
    rng = np.random.default_rng(2)
    blind = Pool(rng.normal(size=pool.features.shape).astype(np.float32), pool.gold, pool.votes)
    assert not sighted(blind, seed=0)
