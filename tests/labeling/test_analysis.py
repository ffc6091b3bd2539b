"""The rule table's numbers, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruletune.labeling.analysis import RuleStats, analyse, kind_name, polarity
from ruletune.labeling.label_model import LabelModel
from ruletune.labeling.votes import FAULT, Votes
from ruletune.rules.base import Call, Column, Fault, Pattern, Prompt, Rule, Terms, Veto, Vote

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


# -- vetoes, faults, helpers, several labels


def test_a_veto_conflicts_with_votes_for_its_label_and_is_right_where_gold_is_another() -> None:
    rules = (
        Rule("vote", Pattern("a"), Vote("spam")),
        Rule("veto", Pattern("b"), Veto("spam")),
        Rule("helper", Pattern("c")),
    )
    matrix = np.array([[1, 1, 0], [1, -1, 0], [-1, 1, -1], [0, 1, 0]], dtype=np.int16)
    gold = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], dtype=float)
    vote, veto, helper = analyse(Votes(rules, LABELS, matrix), gold=gold)
    assert (vote.overlap, vote.conflict) == (0.5, 0.25)
    assert (veto.coverage, veto.conflict, veto.correct, veto.judged) == (0.75, 0.25, 2, 3)
    assert (helper.coverage, helper.overlap, helper.conflict, helper.judged) == (0.75, 0, 0, 0)
    assert (veto.labels, helper.labels, helper.estimated) == (("spam",), (), None)


def test_shares_are_of_the_texts_on_which_a_rule_did_not_fail() -> None:
    matrix = np.array([[1], [FAULT], [FAULT], [-1]], dtype=np.int16)
    [stats] = analyse(Votes(RULES[:1], LABELS, matrix, (Fault("a", 2, "2", "boom"),)))
    assert (stats.coverage, stats.faults) == (0.5, 2)


def test_votes_for_several_labels_do_not_conflict_where_several_may_hold() -> None:
    assert [s.conflict for s in analyse(VOTES, multi=True)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("r", Pattern("a"), Vote("spam")), "spam"),
        (Rule("r", Pattern("a"), Veto("spam")), "vetoes spam"),
        (Rule("r", Pattern("a"), Prompt("{text}")), "prompts"),
        (Rule("r", Pattern("a")), "helps others"),
    ],
)
def test_what_a_rule_says_in_words(rule: Rule, words: str) -> None:
    assert polarity(rule, (rule.label,) if rule.label else ()) == words


# -- redundancy


def voting(*columns: list[int]) -> tuple[RuleStats, ...]:
    """Statistics of voting rules a, b, c, ... with these columns of votes."""
    rules = tuple(Rule(chr(97 + n), Column("votes", n, LABELS)) for n in range(len(columns)))
    return analyse(Votes(rules, LABELS, np.array(columns, dtype=np.int16).T))


def test_of_two_equal_rules_the_later_says_nothing_new() -> None:
    first, second = voting([1, 1, 1, -1], [1, 1, 1, -1])
    assert (first.new, first.redundant, first.echo) == (0, False, None)
    assert (second.redundant, second.echo, second.echo_share) == (True, "a", 1.0)


def test_a_part_of_another_rule_says_nothing_new_wherever_it_stands() -> None:
    assert [s.echo for s in voting([1, 1, 1, -1, -1], [1, 1, 1, 1, 0])] == ["b", None]
    assert [s.echo for s in voting([1, 1, 1, -1, -1], [1, 1, 0, 1, 0])] == [None, None], "another label is news"


def test_what_others_say_together_is_not_new() -> None:
    one, two, both = voting([1, 1, 1, -1, -1, 0], [-1, -1, -1, 1, 1, 1], [-1, 1, 1, 1, 1, -1])
    assert [(s.redundant, s.echo) for s in (one, two, both)] == [(False, None), (False, None), (True, None)]


def test_few_votes_say_nothing_of_redundancy() -> None:
    assert not any(s.redundant for s in voting([1, 1, -1], [1, 1, -1]))


def test_a_vote_and_a_veto_are_no_echo() -> None:
    rules = (Rule("a", Pattern("a"), Vote("spam")), Rule("b", Pattern("b"), Veto("spam")))
    stats = analyse(Votes(rules, LABELS, np.ones((4, 2), dtype=np.int16)))
    assert [(s.new, s.redundant) for s in stats] == [(1, False), (1, False)]


def test_ninety_five_in_a_hundred_are_enough() -> None:
    broad = [1] * 100
    assert voting(broad, [1] * 95 + [0] * 5)[1].echo == "a"
    assert voting(broad, [1] * 94 + [0] * 6)[1].echo is None


# -- against the plain definition


@st.composite
def votes_and_gold(draw: st.DrawFn) -> tuple[Votes, np.ndarray]:
    texts, rules = draw(st.integers(0, 30)), draw(st.integers(0, 6))
    labels = ("x", "y", "z")
    cells = st.lists(st.integers(-1, 2), min_size=rules, max_size=rules)
    matrix = np.array(draw(st.lists(cells, min_size=texts, max_size=texts)), dtype=np.int16).reshape(texts, rules)
    made = []
    for n in range(rules):
        says = draw(st.sampled_from([None, "veto", "helper"]))
        if says is None:
            made.append(Rule(f"r{n}", Column("votes", n, labels)))
            continue
        matrix[matrix[:, n] >= 0, n] = 0
        made.append(Rule(f"r{n}", Pattern("p"), Veto("x") if says == "veto" else None))
    known = draw(st.lists(st.integers(-1, 2), min_size=texts, max_size=texts))
    gold = np.array([[np.nan] * 3 if k < 0 else [float(k == j) for j in range(3)] for k in known]).reshape(texts, 3)
    return Votes(tuple(made), labels, matrix), gold


@given(votes_and_gold())
def test_the_numbers_are_those_of_the_definition(drawn: tuple[Votes, np.ndarray]) -> None:
    votes, gold = drawn
    said = [[(j, int(votes.signs[j]), int(value)) for j, value in enumerate(row) if value >= 0] for row in votes.matrix]
    for position, stats in enumerate(analyse(votes, gold=gold)):
        sign = int(votes.signs[position])
        mine = [
            (n, next(c for c in row if c[0] == position))
            for n, row in enumerate(said)
            if any(c[0] == position for c in row)
        ]
        size = max(len(said), 1)
        assert stats.coverage == len(mine) / size
        if not sign:
            assert (stats.overlap, stats.conflict, stats.judged, stats.new) == (0, 0, 0, 0)
            continue
        others = [(n, cell, [c for c in said[n] if c[0] != position and c[1]]) for n, cell in mine]
        assert stats.overlap == sum(bool(rest) for _, _, rest in others) / size
        assert stats.conflict == sum(any(_contrary(cell, c) for c in rest) for _, cell, rest in others) / size
        judged = [(gold[n, cell[2]] == 1) == (sign > 0) for n, cell in mine if not np.isnan(gold[n, 0])]
        assert (stats.correct, stats.judged) == (sum(judged), len(judged))
        alone = sum(not any(c[1:] == cell[1:] for c in rest) for _, cell, rest in others)
        assert stats.new == pytest.approx(alone / max(len(mine), 1))
        if stats.echo is not None:
            other = next(n for n, rule in enumerate(votes.rules) if rule.name == stats.echo)
            same = sum(any(c == (other, *cell[1:]) for c in rest) for _, cell, rest in others)
            assert same / len(mine) == pytest.approx(stats.echo_share) and stats.echo_share >= 0.95


def _contrary(cell: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    if cell[1] > 0 and other[1] > 0:
        return cell[2] != other[2]
    return cell[1] != other[1] and cell[2] == other[2]


def test_pairs_are_found_among_many_rules_and_among_very_many_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.full((400, 12), -1, dtype=np.int16)
    matrix[:, 0] = 1
    for n in range(1, 12):
        matrix[n::12, n] = 1
    rules = tuple(Rule(f"r{n}", Column("votes", n, LABELS)) for n in range(12))
    expected = [s.echo for s in analyse(Votes(rules, LABELS, matrix))]
    assert expected == [None] + ["r0"] * 11
    monkeypatch.setattr("ruletune.labeling.analysis._FEW_RULES", 2)
    assert [s.echo for s in analyse(Votes(rules, LABELS, matrix))] == expected
    monkeypatch.setattr("ruletune.labeling.analysis._MOST_PAIRS", 300)
    assert [s.echo for s in analyse(Votes(rules, LABELS, matrix))] == expected
