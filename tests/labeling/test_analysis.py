"""The rule table's numbers, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ruletune.labeling.analysis import analyse, kind_name
from ruletune.labeling.apply import Votes
from ruletune.labeling.label_model import LabelModel
from ruletune.rules.base import Call, Column, Fault, Pattern, Rule, Terms, Vote

LABELS = ("ham", "spam")
RULES = (
    Rule("a", Pattern("a"), Vote("spam")),
    Rule("b", Terms(("b",)), Vote("ham")),
    Rule("c", Column("votes", 0, LABELS)),
    Rule("d", Call("r.py:d", str.isupper), Vote("ham")),
)
MATRIX = np.array([[1, 0, 0, -1], [1, -1, 1, -1], [-1, 0, -1, -1], [-1, -1, -1, -1]], dtype=np.int16)
VOTES = Votes(RULES, LABELS, MATRIX, (Fault("d", 3, "1", "Traceback ..."),))


def test_shares_are_of_all_texts() -> None:
    stats = analyse(VOTES)
    assert [s.rule.name for s in stats] == ["a", "b", "c", "d"]
    assert [s.coverage for s in stats] == [0.5, 0.5, 0.5, 0.0]
    assert [s.overlap for s in stats] == [0.5, 0.25, 0.5, 0.0]
    assert [s.conflict for s in stats] == [0.25, 0.25, 0.25, 0.0]
    assert [s.faults for s in stats] == [0, 0, 0, 3]
    assert [s.estimated for s in stats] == [None] * 4


def test_labels_are_those_that_a_rule_votes_for() -> None:
    assert [s.labels for s in analyse(VOTES)] == [("spam",), ("ham",), ("ham", "spam"), ("ham",)]


def test_accuracy_is_counted_where_gold_is_known() -> None:
    gold = np.array([[0, 1], [1, 0], [np.nan, np.nan], [1, 0]], dtype=float)
    stats = analyse(VOTES, gold=gold)
    assert [(s.correct, s.judged) for s in stats] == [(1, 2), (0, 1), (0, 2), (0, 0)]
    assert [s.interval is None for s in stats] == [False, False, False, True]
    low, high = stats[0].interval or (0, 0)
    assert 0 < low < 0.5 < high < 1
    assert [(s.correct, s.judged, s.interval) for s in analyse(VOTES)] == [(0, 0, None)] * 4


def test_a_vote_for_one_of_several_gold_labels_is_right() -> None:
    gold = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], dtype=float)
    assert [(s.correct, s.judged) for s in analyse(VOTES, gold=gold)] == [(1, 2), (1, 2), (1, 2), (0, 0)]


def test_the_label_models_belief_is_shown() -> None:
    model = LabelModel(
        "dawid_skene", False, np.full(2, 0.5), np.array([0.9, 0.8, 0.7, 0.6]), np.ones(4), np.ones(4, int)
    )
    assert [s.estimated for s in analyse(VOTES, label_model=model)] == [0.9, 0.8, 0.7, 0.6]


def test_no_texts() -> None:
    empty = Votes(RULES, LABELS, MATRIX[:0])
    assert [(s.coverage, s.overlap, s.conflict) for s in analyse(empty)] == [(0, 0, 0)] * 4


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (RULES[0], "regex"),
        (RULES[1], "terms"),
        (RULES[2], "votes"),
        (RULES[3], "function"),
        (Rule("e", Terms(("e",)), Vote("ham"), kind="gazetteer"), "gazetteer"),
    ],
)
def test_kinds_are_named_as_they_were_written(rule: Rule, kind: str) -> None:
    assert kind_name(rule) == kind
