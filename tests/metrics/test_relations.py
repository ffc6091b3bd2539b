"""Relation scores against scikit-learn's, and SemEval's official score on tables worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from ruletune.metrics.relations import counts, score, semeval_macro_f1
from ruletune.types import Label

CE, EC = "Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)"
MC, CM = "Member-Collection(e1,e2)", "Member-Collection(e2,e1)"
OTHER = "Other"
DIRECTED = [CE, EC, MC, CM, OTHER]
NAMES = ["no_relation", "per:出生地", "org:founded", "per:title"]
ZEROS = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def answers(names: list[str]) -> list[Label]:
    return [Label.of(name) for name in names]


PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=30)


@settings(max_examples=60)
@given(PAIRS, st.sampled_from([NAMES[0], None]))
def test_scores_are_scikit_learns_without_the_negative_class(
    pairs: list[tuple[str, str]], negative: str | None
) -> None:
    gold, found = [g for g, _ in pairs], [f for _, f in pairs]
    relations = [name for name in NAMES if name != negative]
    result = score(answers(gold), answers(found), labels=NAMES, negative=negative)
    micro = precision_recall_fscore_support(gold, found, labels=relations, average="micro", zero_division=0)
    assert [result["precision"], result["recall"], result["f1"]] == list(micro[:3])
    occurring = [name for name in relations if name in {*gold, *found}]
    macro = f1_score(gold, found, labels=occurring, average="macro", zero_division=0) if occurring else 0.0
    assert result["macro_f1"] == pytest.approx(macro)
    assert result["accuracy"] == pytest.approx(accuracy_score(gold, found))
    assert result["confusion"] == confusion_matrix(gold, found, labels=NAMES).tolist()
    true, predicted, actual = counts(answers(gold), answers(found), negative=negative).sum(axis=0)
    assert result["f1"] == pytest.approx(2 * true / max(predicted + actual, 1))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(DIRECTED), st.sampled_from(DIRECTED)), min_size=1, max_size=30))
def test_the_official_score_is_the_scorers_definition(pairs: list[tuple[str, str]]) -> None:
    """Counted as the scorer counts: answers in the wrong direction stand apart and are added to the denominator."""
    scores = []
    for kind in ("Cause-Effect", "Member-Collection"):
        actual = sum(g.startswith(kind) for g, _ in pairs)
        right = sum(g == f and g.startswith(kind) for g, f in pairs)
        turned = sum(g != f and g.startswith(kind) and f.startswith(kind) for g, f in pairs)
        proposed = sum(f.startswith(kind) for _, f in pairs) - turned
        precision = right / (proposed + turned) if proposed else 0.0
        recall = right / actual if actual else 0.0
        if actual:
            scores.append(2 * precision * recall / (precision + recall) if right else 0.0)
    gold, found = answers([g for g, _ in pairs]), answers([f for _, f in pairs])
    expected = float(np.mean(scores)) if scores else 0.0
    assert semeval_macro_f1(gold, found, negative=OTHER) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("gold", "found", "expected"),
    [
        ([CE, MC], [CE, MC], 1.0),
        ([CE, MC], [EC, CM], 0.0),  # both types right, both directions wrong
        ([CE, CE, MC], [CE, EC, MC], (1 / 2 + 1) / 2),  # precision 1/2 and recall 1/2, then 1
        ([CE, EC, OTHER], [CE, EC, CE], 4 / 5),  # Other taken for a relation: precision 2/3, recall 1
        ([CE, EC, MC], [CE, OTHER, MC], (2 / 3 + 1) / 2),  # a relation taken for Other: precision 1, recall 1/2
        ([CE, MC], [CE, CE], (2 / 3 + 0) / 2),  # precision 1/2, recall 1; the other type never found
        ([CE, OTHER], [CE, MC], 1.0),  # a type that gold has not is not averaged over
        ([OTHER, OTHER], [OTHER, CE], 0.0),  # no relation in gold
        ([OTHER], [OTHER], 0.0),
        ([], [], 0.0),
    ],
)
def test_the_official_score_by_hand(gold: list[str], found: list[str], expected: float) -> None:
    assert semeval_macro_f1(answers(gold), answers(found), negative=OTHER) == pytest.approx(expected)
    whole = score(answers(gold), answers(found), labels=DIRECTED, negative=OTHER)
    assert whole["semeval_f1"] == pytest.approx(expected)


def test_a_relation_without_direction_beside_directed_ones() -> None:
    gold, found = answers([CE, "Same-As", "Same-As"]), answers([CE, "Same-As", OTHER])
    assert semeval_macro_f1(gold, found, negative=OTHER) == pytest.approx((1 + 2 / 3) / 2)
    assert semeval_macro_f1(gold, found, negative=None) == pytest.approx((1 + 2 / 3) / 2)  # gold has no Other


def test_without_a_negative_class_every_type_of_gold_counts() -> None:
    assert semeval_macro_f1(answers([CE, OTHER]), answers([CE, CE]), negative=None) == pytest.approx((2 / 3 + 0) / 2)


def test_the_official_score_is_only_given_for_labels_with_a_direction() -> None:
    assert "semeval_f1" not in score(answers(NAMES), answers(NAMES), labels=NAMES, negative=NAMES[0])
    within = ["Cause(e1,e2)Effect", "no"]
    assert "semeval_f1" not in score(answers(within), answers(within), labels=within, negative="no")


def test_each_kind_of_error_by_hand() -> None:
    none, born, founded, title = NAMES
    gold = [born, born, founded, none, none]
    found = [born, founded, none, born, none]  # right, mistaken, missed, made up, rightly nothing
    result = score(answers(gold), answers(found), labels=NAMES, negative=none)
    assert result["precision"] == pytest.approx(1 / 3)
    assert result["recall"] == pytest.approx(1 / 3)
    assert result["f1"] == pytest.approx(1 / 3)
    assert result["macro_f1"] == pytest.approx((1 / 2 + 0) / 2)
    assert result["accuracy"] == pytest.approx(2 / 5)
    assert result["per_label"][title] == ZEROS
    assert result["confusion"][0] == [1, 1, 0, 0]
    expected = [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert counts(answers(gold), answers(found), negative=none).tolist() == expected


def test_only_the_negative_class() -> None:
    result = score(answers([NAMES[0]] * 3), answers([NAMES[0]] * 3), labels=NAMES, negative=NAMES[0])
    assert (result["f1"], result["macro_f1"], result["accuracy"]) == (0.0, 0.0, 1.0)
    alone = score(answers(["no"]), answers(["no"]), labels=["no"], negative="no")
    assert (alone["f1"], alone["macro_f1"], alone["accuracy"]) == (0.0, 0.0, 1.0)


def test_everything_wrong() -> None:
    result = score(answers(NAMES[1:3]), answers(NAMES[2:4]), labels=NAMES, negative=NAMES[0])
    assert [result[name] for name in ("precision", "recall", "f1", "macro_f1", "accuracy")] == [0.0] * 5


def test_an_answer_without_a_label_misses_the_relation() -> None:
    result = score(answers([NAMES[1]] * 2), [Label.of(NAMES[1]), Label.of()], labels=NAMES, negative=None)
    assert (result["precision"], result["recall"]) == (1.0, 0.5)
    assert counts(answers([NAMES[1]]), [Label.of()], negative=None).tolist() == [[0, 0, 1]]
    assert semeval_macro_f1(answers([CE, CE]), [Label.of(CE), Label.of()], negative=OTHER) == pytest.approx(2 / 3)


@pytest.mark.parametrize("labels", [NAMES, DIRECTED])
def test_no_answers_score_zero_with_the_same_keys(labels: list[str]) -> None:
    empty = score([], [], labels=labels, negative=labels[0])
    full = score(answers(labels), answers(labels), labels=labels, negative=labels[0])
    assert empty.keys() == full.keys()
    assert empty["per_label"] == dict.fromkeys(labels, ZEROS)
    assert all(value == 0.0 for name, value in empty.items() if name not in ("per_label", "confusion"))
    assert counts([], [], negative=labels[0]).shape == (0, 3)


def test_scores_are_plain_numbers_that_json_takes() -> None:
    result = score(answers([CE, OTHER]), answers([EC, OTHER]), labels=DIRECTED, negative=OTHER)
    assert json.loads(json.dumps(result)) == result
    assert all(type(result[name]) is float for name in ("precision", "recall", "f1", "macro_f1", "semeval_f1"))
