"""Linear heads on frozen representations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ruletune.labeling.label_model import LabelModel, fit_dawid_skene, fit_majority
from ruletune.training.quick import (
    Head,
    Pool,
    fit_head,
    guided_beliefs,
    guided_head,
    labels_head,
    leave_one_out,
    reduced,
)


def _data(seed: int = 0, *, texts: int = 200, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(labels, size=texts)
    features = rng.normal(size=(labels, 10))[truth] + rng.normal(size=(texts, 10))
    return (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32), truth


def test_it_is_the_logistic_regression_of_scikit_learn() -> None:
    features, truth = _data()
    head = fit_head(features, np.eye(3)[truth], np.ones(len(truth)), l2=0.5)
    peer = LogisticRegression(C=2.0, tol=1e-8, max_iter=1000).fit(features * 4.0, truth)
    assert head.probabilities(features) == pytest.approx(peer.predict_proba(features * 4.0), abs=5e-3)


def test_a_weight_counts_as_so_many_copies() -> None:
    features, truth = _data(texts=40)
    weights = np.ones(40)
    weights[:10] = 3
    again = np.concatenate([np.arange(40), np.repeat(np.arange(10), 2)])
    targets = np.eye(3)[truth]
    weighted = fit_head(features, targets, weights).probabilities(features)
    copied = fit_head(features[again], targets[again], np.ones(60)).probabilities(features)
    assert weighted == pytest.approx(copied, abs=5e-3)


def test_texts_without_weight_are_not_heard() -> None:
    features, truth = _data(texts=40)
    weights = np.r_[np.ones(20), np.zeros(20)]
    targets = np.eye(3)[truth]
    heard = fit_head(features[:20], targets[:20], np.ones(20))
    assert np.array_equal(heard.weight, fit_head(features, targets, weights).weight)


def test_several_labels_are_answered_each_on_its_own() -> None:
    features, truth = _data()
    targets = np.c_[truth > 0, truth == 1].astype(float)
    found = fit_head(features, targets, np.ones(len(truth)), multi=True).probabilities(features)
    assert ((found > 0.5) == (targets > 0.5)).mean() > 0.7


def test_rules_help_a_head_with_few_labels() -> None:
    features, truth = _data(texts=600)
    gold = np.full((600, 3), np.nan)
    few = np.concatenate([np.flatnonzero(truth == k)[:2] for k in range(3)])
    gold[few] = np.eye(3)[truth[few]]
    rng = np.random.default_rng(1)
    votes = np.full((600, 6), -1, dtype=np.int16)
    for rule in range(6):
        fires = rng.random(600) < np.where(truth == rule % 3, 0.5, 0.05)
        votes[fires, rule] = rule % 3
    pool = Pool(features, gold, votes)
    model = fit_dawid_skene(votes, classes=3, weights=[1.0] * 6, gold=gold)
    alone, guided = labels_head(pool, multi=False), guided_head(pool, model)
    right = [(head.logits(features).argmax(axis=1) == truth).mean() for head in (alone, guided)]
    assert right[1] > right[0]


def test_nothing_to_learn_from_is_refused() -> None:
    votes = np.full((4, 1), -1, dtype=np.int16)
    model = fit_dawid_skene(votes, classes=2, weights=[1.0])
    with pytest.raises(ValueError, match="neither"):
        guided_head(Pool(np.eye(4, dtype=np.float32), np.full((4, 2), np.nan), votes), model)


def test_dropping_the_rule_that_helps_costs_and_the_one_that_lies_pays() -> None:
    features, truth = _data(texts=500, labels=2)
    gold = np.full((300, 2), np.nan)
    gold[:4] = np.eye(2)[truth[:4]]
    votes = np.full((500, 4), -1, dtype=np.int16)
    alone = np.arange(500) % 4 == 0
    for label in range(2):
        votes[(truth == label) & ~alone, label] = label  # right wherever they speak
    votes[(truth == 0) & alone, 2] = 1  # wrong wherever it speaks, and nobody contradicts it
    pool = Pool(features[:300], gold, votes[:300])
    held = Pool(features[300:], np.eye(2)[truth[300:]], votes[300:])

    def fit(matrix: np.ndarray, known: np.ndarray) -> LabelModel:
        return fit_dawid_skene(matrix, classes=2, weights=[1.0] * 4, gold=known)

    effect = leave_one_out(pool, fit, held=held, voting=np.array([True, True, True, False]))
    assert effect[0] > effect[2]
    assert effect[2] < 0
    assert np.isnan(effect[3])
    without = leave_one_out(pool, fit, held=held, voting=np.array([False, False, False, False]))
    assert np.isnan(without).all()


def test_rules_are_evidence_on_top_of_what_the_head_believes() -> None:
    rng = np.random.default_rng(3)
    head = Head(rng.normal(size=(2, 4)), np.zeros(2), False)
    features = rng.normal(size=(5, 4))
    votes = np.array([[0], [1], [-1], [0], [1]], dtype=np.int16)
    model = fit_dawid_skene(votes, classes=2, weights=[1.0])
    alone, both = head.probabilities(features), guided_beliefs(head, model, features, votes)
    assert both.sum(axis=1) == pytest.approx(1.0)
    assert both[2] == pytest.approx(alone[2], abs=2e-3)  # no rule says anything
    for row in (0, 1, 3, 4):
        assert both[row, votes[row, 0]] > alone[row, votes[row, 0]] - 2e-3
    majority = fit_majority(votes, classes=2, weights=[1.0])
    counted = guided_beliefs(head, majority, features, votes)
    assert counted.sum(axis=1) == pytest.approx(1.0)
    assert counted[2] == pytest.approx(alone[2], abs=2e-3)
    assert (counted[[0, 1, 3, 4], votes[[0, 1, 3, 4], 0]] >= alone[[0, 1, 3, 4], votes[[0, 1, 3, 4], 0]] - 2e-3).all()


def test_features_that_are_narrow_stay_and_wide_ones_keep_what_sets_texts_apart() -> None:
    rng = np.random.default_rng(1)
    narrow = rng.normal(size=(5, 128)).astype(np.float32)
    assert reduced(narrow, seed=0) is narrow
    few = rng.normal(size=(300, 20)) @ rng.normal(size=(20, 900))  # 20 directions in 900
    wide = few.astype(np.float32)
    small = reduced(wide, seed=0)
    assert small.shape == (300, 20)
    assert small @ small.T == pytest.approx(wide @ wide.T, rel=1e-3, abs=1.0)
    assert np.array_equal(small, reduced(wide, seed=0))
    assert reduced(np.zeros((3, 200), dtype=np.float32), seed=0).shape == (3, 0)
