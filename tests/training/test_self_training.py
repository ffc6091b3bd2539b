"""Weak labels from a model and the rules together."""

from __future__ import annotations

import numpy as np

from ruletune.labeling.label_model import fit_dawid_skene, fit_majority
from ruletune.training.self_training import beliefs, chosen, confidence


def test_where_no_rule_speaks_the_student_is_heard() -> None:
    votes = np.array([[-1], [0], [1]], dtype=np.int16)
    model = fit_dawid_skene(votes, classes=2, weights=[1.0])
    student = np.array([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])
    found, weights = beliefs(student, votes, model, trust=1.0)
    assert np.allclose(found[0], [0.9, 0.1])
    assert found[1, 0] > 0.5
    assert found[2, 1] > 0.5
    assert weights.shape == (3, 1)


def test_a_rule_that_the_student_contradicts_is_believed_less() -> None:
    votes = np.zeros((200, 1), dtype=np.int16)
    model = fit_dawid_skene(votes, classes=2, weights=[1.0])
    against = model.informed(votes, np.tile([0.05, 0.95], (200, 1)))
    with_it = model.informed(votes, np.tile([0.95, 0.05], (200, 1)))
    assert against.accuracy[0] < model.accuracy[0] - 0.2
    assert with_it.accuracy[0] > against.accuracy[0]


def test_a_majority_vote_has_no_say_beside_the_student() -> None:
    votes = np.array([[0]], dtype=np.int16)
    model = fit_majority(votes, classes=2, weights=[1.0])
    found, _ = beliefs(np.array([[0.2, 0.8]]), votes, model, trust=1.0)
    assert found.argmax() == 1


def test_rare_labels_are_drawn_more_often_than_they_occur() -> None:
    values = np.repeat([[1.0, 0.0], [0.0, 1.0]], [900, 100], axis=0)
    rows = chosen(values, confidence(values), most=200, rng=np.random.default_rng(0))
    rare = np.mean([row >= 900 for row in rows])
    assert 0.15 < rare < 0.4
    assert len(set(rows)) == 200


def test_texts_without_belief_are_never_drawn() -> None:
    values = np.array([[0.5, 0.5], [0.9, 0.1]])
    assert chosen(values, confidence(values), most=5, rng=np.random.default_rng(0)) == [1]
