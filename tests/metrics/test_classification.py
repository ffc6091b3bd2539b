"""Scores against scikit-learn's on the same answers, and by hand where those are undefined."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from ruletune.metrics.classification import score
from ruletune.types import Label

NAMES = ["sport", "经济", "no"]


def single(positions: list[int]) -> list[Label]:
    return [Label.of(NAMES[position]) for position in positions]


PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@settings(max_examples=40)
@given(PAIRS)
def test_single_labels_score_as_scikit_learn_scores_them(pairs: list[tuple[int, int]]) -> None:
    gold, found = [g for g, _ in pairs], [f for _, f in pairs]
    result = score(single(gold), single(found), labels=NAMES)
    assert result["accuracy"] == pytest.approx(accuracy_score(gold, found))
    occurring = sorted({*gold, *found})
    assert result["macro_f1"] == pytest.approx(
        f1_score(gold, found, average="macro", labels=occurring, zero_division=0)
    )
    assert result["confusion"] == confusion_matrix(gold, found, labels=[0, 1, 2]).tolist()
    assert "micro_f1" not in result
    table = precision_recall_fscore_support(gold, found, labels=[0, 1, 2], zero_division=0)
    for position, name in enumerate(NAMES):
        row = result["per_label"][name]
        values = [row["precision"], row["recall"], row["f1"], row["support"]]
        assert values == pytest.approx([column[position] for column in table])


SETS = st.sets(st.integers(0, 2)).map(lambda positions: Label.of(*(NAMES[p] for p in positions)))


@settings(max_examples=40)
@given(st.lists(st.tuples(SETS, SETS), min_size=1, max_size=20))
def test_several_labels_score_as_scikit_learn_scores_them(pairs: list[tuple[Label, Label]]) -> None:
    gold, found = [g for g, _ in pairs], [f for _, f in pairs]
    truth = np.array([[name in answer.names for name in NAMES] for answer in gold]).astype(int)
    guess = np.array([[name in answer.names for name in NAMES] for answer in found]).astype(int)
    result = score(gold, found, labels=NAMES, multi=True)
    assert result["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert result["micro_f1"] == pytest.approx(f1_score(truth, guess, average="micro", zero_division=0))
    occurs = [k for k in range(3) if truth[:, k].any() or guess[:, k].any()]
    each = f1_score(truth, guess, average=None, zero_division=0)
    assert result["macro_f1"] == pytest.approx(float(np.mean([each[k] for k in occurs])) if occurs else 0.0)
    assert result["confusion"] == []


def test_a_label_that_nobody_gives_or_has_does_not_pull_the_mean_down() -> None:
    result = score(single([0, 1]), single([0, 1]), labels=NAMES)
    assert result["macro_f1"] == 1.0
    assert result["per_label"]["no"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_one_class_only() -> None:
    result = score(single([1, 1]), single([1, 0]), labels=NAMES)
    assert result["accuracy"] == 0.5
    assert result["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)  # "sport" was predicted, wrongly


def test_a_subset_of_the_labels_is_not_right() -> None:
    assert score([Label.of("no", "sport")], [Label.of("no")], labels=NAMES, multi=True)["accuracy"] == 0.0
    assert score([Label.of()], [Label.of()], labels=NAMES, multi=True)["accuracy"] == 1.0


@pytest.mark.parametrize("multi", [False, True])
def test_no_answers_score_zero_with_the_same_keys(multi: bool) -> None:
    empty = score([], [], labels=NAMES, multi=multi)
    assert empty.keys() == score(single([0]), single([0]), labels=NAMES, multi=multi).keys()
    zeros = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert empty["per_label"] == dict.fromkeys(NAMES, zeros)
    assert empty["confusion"] == ([] if multi else [[0] * 3] * 3)
    assert all(value == 0.0 for name, value in empty.items() if name not in ("per_label", "confusion"))


@pytest.mark.parametrize("multi", [False, True])
def test_scores_are_plain_numbers_that_json_takes(multi: bool) -> None:
    result = score(single([0, 1]), single([0, 2]), labels=NAMES, multi=multi)
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize(("gold", "found"), [((), ("sport",)), (("sport",), ()), (("sport",), ("sport",)), ((), ())])
def test_a_task_with_one_label(gold: tuple[str, ...], found: tuple[str, ...]) -> None:
    result = score([Label(gold)], [Label(found)], labels=["sport"], multi=True)
    assert result["accuracy"] == float(gold == found)
    assert result["micro_f1"] == result["macro_f1"] == float(gold == found == ("sport",))
    assert result["per_label"]["sport"]["support"] == len(gold)


def test_one_label_without_a_choice() -> None:
    assert score([Label.of("no")], [Label.of("no")], labels=["no"])["confusion"] == [[1]]
