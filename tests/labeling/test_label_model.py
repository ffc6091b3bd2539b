"""Label models: their equations on small cases, what they must not do, and what they learn."""

from __future__ import annotations

import json
import math
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.labeling import label_model
from ruletune.labeling.label_model import LABEL_MODELS, Cells, LabelModel, fit_dawid_skene, fit_majority

MODELS = sorted(LABEL_MODELS)


def votes(*rows: tuple[int, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.int16)


def gold_of(labels: list[int | None], classes: int) -> np.ndarray:
    gold = np.full((len(labels), classes), np.nan)
    for row, label in enumerate(labels):
        if label is not None:
            gold[row] = np.eye(classes)[label]
    return gold


def ones(matrix: np.ndarray) -> list[float]:
    return [1.0] * matrix.shape[1]


def simulate(
    rng: np.random.Generator, *, texts: int, accuracies: list[float], coverage: float, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Votes of independent rules, as the model believes them to be: (votes, true labels)."""
    truth = rng.integers(classes, size=texts)
    matrix = np.full((texts, len(accuracies)), -1, dtype=np.int16)
    for position, accuracy in enumerate(accuracies):
        right = rng.random(texts) < accuracy
        wrong = (truth + rng.integers(1, classes, size=texts)) % classes
        fires = rng.random(texts) < coverage
        matrix[fires, position] = np.where(right, truth, wrong)[fires]
    return matrix, truth


MATRICES = st.integers(2, 4).flatmap(
    lambda classes: st.integers(1, 4).flatmap(
        lambda rules: st.tuples(
            st.just(classes),
            st.lists(st.tuples(*[st.integers(-1, classes - 1)] * rules), min_size=1, max_size=12),
            st.lists(st.floats(0.01, 100), min_size=rules, max_size=rules),
        )
    )
)


@settings(max_examples=100, deadline=None)
@given(case=MATRICES, kind=st.sampled_from(MODELS), multi=st.booleans())
def test_beliefs_are_probabilities(
    case: tuple[int, list[tuple[int, ...]], list[float]], kind: str, multi: bool
) -> None:
    classes, rows, weights = case
    matrix = votes(*rows)
    model = LABEL_MODELS[kind](matrix, classes=classes, weights=weights, multi=multi)
    beliefs = model.posterior(matrix)
    assert beliefs.shape == (len(rows), classes) and beliefs.dtype == np.float64
    assert ((beliefs >= 0) & (beliefs <= 1)).all()
    if not multi:
        np.testing.assert_allclose(beliefs.sum(axis=1), 1.0)
    silent = (matrix == -1).all(axis=1)
    np.testing.assert_allclose(beliefs[silent], np.tile(model.prior, (silent.sum(), 1)))
    assert ((model.confidence(matrix)[:, 0] == 0) | ~silent).all()
    assert ((model.accuracy > 0) & (model.accuracy < 1)).all()


@settings(max_examples=60, deadline=None)
@given(case=MATRICES, kind=st.sampled_from(MODELS), multi=st.booleans(), known=st.booleans(), random=st.randoms())
def test_labels_and_rules_have_no_order(
    case: tuple[int, list[tuple[int, ...]], list[float]], kind: str, multi: bool, known: bool, random: random.Random
) -> None:
    """Labels, rules and texts in another order: the same beliefs in that order."""
    classes, rows, weights = case
    matrix = votes(*rows)
    gold = gold_of([n % classes if known and n % 2 else None for n in range(len(rows))], classes)
    label, rule, text = (random.sample(range(n), n) for n in (classes, matrix.shape[1], len(rows)))
    renamed = np.append(np.argsort(label), -1)[matrix[np.ix_(text, rule)]].astype(np.int16)
    one = LABEL_MODELS[kind](matrix, classes=classes, weights=weights, gold=gold, multi=multi)
    other = LABEL_MODELS[kind](
        renamed, classes=classes, weights=[weights[j] for j in rule], gold=gold[np.ix_(text, label)], multi=multi
    )
    np.testing.assert_allclose(other.accuracy, one.accuracy[rule], rtol=1e-6)
    np.testing.assert_allclose(other.posterior(renamed), one.posterior(matrix)[np.ix_(text, label)], atol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_one_rule_alone_and_a_class_that_nobody_votes_for(kind: str) -> None:
    matrix = votes((1,), (1,), (-1,))
    model = LABEL_MODELS[kind](matrix, classes=3, weights=[1.0])
    beliefs = model.posterior(matrix)
    assert beliefs.argmax(axis=1)[:2].tolist() == [1, 1]
    np.testing.assert_allclose(beliefs[:, 0], beliefs[:, 2])
    np.testing.assert_allclose(beliefs[2], 1 / 3)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("multi", [False, True])
def test_a_model_survives_json(kind: str, multi: bool) -> None:
    matrix = votes((0, 1, -1), (0, 0, 1), (-1, -1, -1))
    model = LABEL_MODELS[kind](matrix, classes=2, weights=[1, 2, 0.5], multi=multi, gold=gold_of([0, None, None], 2))
    again = LabelModel.from_json(json.loads(json.dumps(model.to_json())))
    assert (again.kind, again.multi) == (kind, multi)
    np.testing.assert_array_equal(again.posterior(matrix), model.posterior(matrix))


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_no_texts_or_no_rules(kind: str, shape: tuple[int, int]) -> None:
    matrix = np.full(shape, -1, dtype=np.int16)
    for multi in (False, True):
        model = LABEL_MODELS[kind](matrix, classes=2, weights=[1.0] * shape[1], multi=multi)
        assert model.posterior(matrix).shape == (shape[0], 2)
        assert len(model.accuracy) == shape[1]


@pytest.mark.parametrize("kind", MODELS)
def test_fitting_twice_gives_the_same(kind: str) -> None:
    matrix, _ = simulate(np.random.default_rng(3), texts=200, accuracies=[0.9, 0.6, 0.7], coverage=0.5, classes=3)
    fits = [LABEL_MODELS[kind](matrix, classes=3, weights=ones(matrix)).posterior(matrix) for _ in range(2)]
    np.testing.assert_array_equal(fits[0], fits[1])


# -- majority vote


def test_majority_counts_weighted_votes() -> None:
    matrix = votes((0, 0, 1), (0, 1, 1), (1, -1, -1), (-1, -1, -1))
    assert fit_majority(matrix, classes=2, weights=[1, 1, 1]).posterior(matrix).argmax(axis=1).tolist() == [0, 1, 1, 0]
    heavy = fit_majority(matrix, classes=2, weights=[1, 1, 5]).posterior(matrix)
    np.testing.assert_allclose(heavy[:, 1], [5 / 7, 6 / 7, 1.0, 0.5])


def test_a_tie_is_shared_evenly() -> None:
    matrix = votes((0, 2), (1, 1))
    np.testing.assert_allclose(
        fit_majority(matrix, classes=3, weights=[1, 1]).posterior(matrix), [[0.5, 0, 0.5], [0, 1, 0]]
    )


# -- Dawid-Skene


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_beliefs_follow_the_equation(classes: int) -> None:
    model = LabelModel(
        "dawid_skene", False, np.full(classes, 1 / classes), np.array([0.9, 0.6]), np.array([1.0, 2.0]), np.ones(2, int)
    )
    matrix = votes((0, 1), (1, 1), (-1, 0))

    def likelihood(rule: int, vote: int, label: int) -> float:
        accuracy = model.accuracy[rule]
        odds = accuracy * (classes - 1) / (1 - accuracy)
        return float(odds ** model.weights[rule]) if vote == label else 1.0

    for row, cast in enumerate(matrix):
        scores = [
            math.prod(likelihood(rule, vote, label) for rule, vote in enumerate(cast) if vote >= 0)
            for label in range(classes)
        ]
        np.testing.assert_allclose(model.posterior(matrix)[row], np.array(scores) / sum(scores))


def test_one_sure_rule_alone_leaves_its_own_accuracy() -> None:
    model = LabelModel("dawid_skene", False, np.full(4, 0.25), np.array([0.7]), np.array([1.0]), np.ones(1, int))
    np.testing.assert_allclose(model.posterior(votes((2,)))[0], [0.1, 0.1, 0.7, 0.1])


def test_better_rules_are_found_without_gold() -> None:
    accuracies = [0.9, 0.85, 0.8, 0.55, 0.55]
    matrix, truth = simulate(np.random.default_rng(0), texts=2000, accuracies=accuracies, coverage=0.6, classes=2)
    model = fit_dawid_skene(matrix, classes=2, weights=ones(matrix))
    assert model.accuracy[:3].min() > model.accuracy[3:].max()
    covered = (matrix >= 0).any(axis=1)
    right = {
        kind: (fit(matrix, classes=2, weights=ones(matrix)).posterior(matrix).argmax(axis=1) == truth)[covered].mean()
        for kind, fit in LABEL_MODELS.items()
    }
    assert right["dawid_skene"] > right["majority"] + 0.02


def test_gold_outweighs_rules_that_agree_on_the_wrong_answer() -> None:
    """Two copies of a wrong rule against a right one: without gold nobody can know, with gold it is plain."""
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=300)
    matrix = np.stack([truth, 1 - truth, 1 - truth], axis=1).astype(np.int16)
    known: list[int | None] = [int(label) if row < 20 else None for row, label in enumerate(truth)]
    blind = fit_dawid_skene(matrix, classes=2, weights=ones(matrix)).posterior(matrix).argmax(axis=1)
    assert (blind == truth).mean() == 0
    model = fit_dawid_skene(matrix, classes=2, weights=ones(matrix), gold=gold_of(known, 2))
    assert model.accuracy[0] > 0.8 and model.accuracy[1:].max() < 0.5
    assert (model.posterior(matrix).argmax(axis=1) == truth).mean() == 1


def test_gold_moves_a_rule_up_and_down() -> None:
    matrix = votes(*[(0, 0)] * 10)
    right = fit_dawid_skene(matrix, classes=2, weights=[1, 1], gold=gold_of([0] * 10, 2))
    wrong = fit_dawid_skene(matrix, classes=2, weights=[1, 1], gold=gold_of([1] * 10, 2))
    assert right.accuracy[0] > 0.8 > wrong.accuracy[0]


def test_a_rule_that_never_fires_keeps_its_prior() -> None:
    matrix = votes((0, -1), (0, -1))
    assert fit_dawid_skene(matrix, classes=2, weights=[1, 1]).accuracy[1] == pytest.approx(0.8)


def test_a_weight_is_an_exponent_of_the_odds() -> None:
    matrix = votes((0,), (1,))
    once = fit_dawid_skene(matrix, classes=2, weights=[1])
    twice = LabelModel(once.kind, once.multi, once.prior, once.accuracy, np.array([2.0]), once.signs)
    odds = once.posterior(matrix)[0, 0] / once.posterior(matrix)[0, 1]
    assert twice.posterior(matrix)[0, 0] / twice.posterior(matrix)[0, 1] == pytest.approx(odds**2)


def test_many_copies_of_one_rule_do_not_make_certainty_of_it() -> None:
    matrix = np.zeros((100_000, 1), dtype=np.int16)
    assert fit_dawid_skene(matrix, classes=2, weights=[1]).accuracy[0] < 0.99


def test_confidence_grows_from_knowing_nothing() -> None:
    model = LabelModel("dawid_skene", False, np.full(2, 0.5), np.array([0.9, 0.9]), np.ones(2), np.ones(2, int))
    none, tie, one, two = model.confidence(votes((-1, -1), (0, 1), (0, -1), (0, 0)))[:, 0]
    assert none == tie == 0
    assert one == pytest.approx(0.8)
    assert one < two < 1


# -- several labels at once


@pytest.mark.parametrize("kind", MODELS)
def test_several_labels_are_questions_of_their_own(kind: str) -> None:
    matrix = votes((0, 2), (0, -1), (-1, -1))
    gold = np.full((3, 3), np.nan)
    gold[2] = [0, 1, 0]
    model = LABEL_MODELS[kind](matrix, classes=3, weights=[1, 1], gold=gold, multi=True)
    both, first, silent = model.posterior(matrix)
    assert both[0] > 0.5 and both[2] > 0.5  # a vote for one label says nothing against another
    assert both[0] == first[0]
    np.testing.assert_allclose([both[1], first[1], silent[1]], model.prior[1])
    assert model.confidence(matrix)[:, 0].tolist() == [1, 1, 0]


def test_a_rule_alone_leaves_its_accuracy_for_its_label() -> None:
    model = LabelModel("dawid_skene", True, np.array([0.1, 0.3]), np.array([0.7, 0.7]), np.ones(2), np.ones(2, int))
    np.testing.assert_allclose(model.posterior(votes((0, -1)))[0], [0.7, 0.3])
    assert model.posterior(votes((0, 0)))[0, 0] > 0.95


# -- size


def test_a_usual_set_takes_well_under_a_second() -> None:
    matrix, _ = simulate(np.random.default_rng(0), texts=5000, accuracies=[0.8] * 141, coverage=0.03, classes=6)
    began = time.process_time()
    fit_dawid_skene(matrix, classes=6, weights=ones(matrix))
    assert time.process_time() - began < 2.0  # 0.1 s on an idle machine


# -- vetoes, silence, faults


def test_a_veto_rules_a_label_out_and_leaves_the_rest_in_proportion() -> None:
    matrix = votes((0, -1), (0, 0), (-1, 1), (-1, -1), (-2, 1))
    for fit in (fit_majority, fit_dawid_skene):
        model = fit(matrix, classes=3, weights=[1, 1], signs=[1, -1])
        free = fit(matrix[:, :1], classes=3, weights=[1]).posterior(matrix[:, :1])
        held = model.posterior(matrix)
        np.testing.assert_allclose(held.sum(axis=1), 1)
        np.testing.assert_allclose(held[0], free[0])
        np.testing.assert_allclose(held[1], [0, 0.5, 0.5])
        np.testing.assert_allclose(held[2], [0.5, 0, 0.5])
        np.testing.assert_allclose(held[4], held[2])
        assert (model.confidence(matrix)[:, 0] > 0).tolist() == [True, True, True, False, True]


def test_vetoes_of_every_label_cancel_out() -> None:
    matrix = votes((0, 0, 1))
    model = fit_dawid_skene(matrix, classes=2, weights=[1, 1, 1], signs=[1, -1, -1])
    assert model.posterior(matrix)[0, 0] > 0.5


def test_a_veto_is_accurate_where_its_label_is_not_gold() -> None:
    matrix = np.zeros((40, 1), dtype=np.int16)
    gold = np.tile([0.0, 1.0], (40, 1))
    never = fit_dawid_skene(matrix, classes=2, weights=[1], gold=gold, signs=[-1])
    always = fit_dawid_skene(matrix, classes=2, weights=[1], gold=gold[:, ::-1], signs=[-1])
    assert never.accuracy[0] > 0.9 and always.accuracy[0] < 0.2


def test_a_vetoed_label_of_several_has_no_chance() -> None:
    matrix = votes((0, 0), (0, -1))
    model = fit_dawid_skene(matrix, classes=2, weights=[1, 1], signs=[1, -1], multi=True)
    posterior = model.posterior(matrix)
    assert posterior[0, 0] == 0 < posterior[1, 0]


def test_what_says_nothing_about_labels_changes_nothing() -> None:
    matrix = votes((0, 0), (1, 0), (-1, 0))
    model = fit_dawid_skene(matrix, classes=2, weights=[1, 1], signs=[1, 0])
    alone = fit_dawid_skene(matrix[:, :1], classes=2, weights=[1])
    np.testing.assert_allclose(model.posterior(matrix), alone.posterior(matrix[:, :1]))
    assert model.confidence(matrix)[2, 0] == 0


def test_a_stored_model_is_the_same_and_one_of_the_first_release_can_be_read() -> None:
    matrix = votes((0, 0), (1, -1))
    model = fit_dawid_skene(matrix, classes=2, weights=[1, 1], signs=[1, -1])
    again = LabelModel.from_json(json.loads(json.dumps(model.to_json())))
    np.testing.assert_array_equal(again.posterior(matrix), model.posterior(matrix))
    old = model.to_json()
    del old["signs"]
    assert LabelModel.from_json(old).signs.tolist() == [1, 1]


def test_cells_are_found_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(0).integers(-2, 3, size=(50, 7)).astype(np.int16)
    whole = Cells.of(matrix)
    monkeypatch.setattr(label_model, "_BLOCK", 8)
    parts = Cells.of(matrix)
    for name in ("rows", "rules", "labels"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    assert whole.shape == (50, 7)
