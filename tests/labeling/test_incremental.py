"""A pool gives what applying all rules gives, and matches only what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.labeling import incremental
from ruletune.labeling.apply import RuleSet
from ruletune.labeling.incremental import RulePool
from ruletune.rules.base import AllOf, Call, Named, Not, Pattern, Rule, Similar, Veto, Vote
from ruletune.types import Example

LABELS = ("ham", "spam")
TEXTS = [Example(str(n), text) for n, text in enumerate(["a", "ab", "b", "", "abc", "7", "c!"])]


def number(text: str) -> bool:
    return int(text) > 5


CHOICES = [
    Rule("a", Pattern("a"), Vote("spam")),
    Rule("b", Pattern("b"), Vote("ham")),
    Rule("c", Pattern("c"), Veto("spam")),
    Rule("both", AllOf((Named("a"), Pattern("b"))), Vote("spam")),
    Rule("not a", Not(Named("a")), Vote("ham"), unless=(Pattern("!"),)),
    Rule("n", Call("f.py:number", number), Vote("spam")),
    Rule("ranked", Pattern("b"), Vote("spam"), priority=1),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(CHOICES), max_size=6, unique_by=lambda rule: rule.name), max_size=4))
def test_updates_are_the_same_as_applying_everything(steps: list[list[Rule]]) -> None:
    pool = RulePool(TEXTS, labels=LABELS)
    for rules in steps:
        if any(rule.name in ("both", "not a") for rule in rules) and "a" not in [rule.name for rule in rules]:
            rules = [*rules, CHOICES[0]]
        found, expected = pool.update(rules), RuleSet(rules, labels=LABELS).apply(TEXTS)
        np.testing.assert_array_equal(found.matrix, expected.matrix)
        assert found.faults == expected.faults
        assert found.rules == expected.rules


def test_only_what_changed_is_matched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[list[str]] = []

    class Spy(RuleSet):
        def __init__(self, rules, *, labels, embed=None, budget=None) -> None:  # type: ignore[no-untyped-def]
            applied.append([rule.name for rule in rules])
            super().__init__(rules, labels=labels, embed=embed, budget=budget)

    monkeypatch.setattr(incremental, "RuleSet", Spy)
    pool, rules = RulePool(TEXTS, labels=LABELS), CHOICES[:4]
    pool.update(rules)
    pool.update([replace(rules[1], name="renamed"), rules[0], *rules[2:]])
    pool.update([replace(rules[0], when=Pattern("7")), *rules[1:]])
    assert applied == [["a", "b", "c", "both"], ["a", "both"]]


def test_rules_of_before_are_remembered_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[list[str]] = []

    class Spy(RuleSet):
        def __init__(self, rules, **options) -> None:  # type: ignore[no-untyped-def]
            applied.append([rule.name for rule in rules])
            super().__init__(rules, **options)

    monkeypatch.setattr(incremental, "RuleSet", Spy)
    pool, drafts = RulePool(TEXTS, labels=LABELS, remember=1), [Rule(c, Pattern(c), Vote("spam")) for c in "abc7"]
    for draft in (*drafts[:2], drafts[0], drafts[2], drafts[1]):  # a, b, a again; c pushes b out
        pool.update([draft])
    assert applied == [["a"], ["b"], ["c"], ["b"]]


def test_priorities_are_heard_anew_and_nothing_is_matched_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = RulePool(TEXTS, labels=LABELS)
    low, high = Rule("low", Pattern("a"), Vote("ham")), Rule("high", Pattern("b"), Vote("spam"), priority=2)
    pool.update([low, high])
    monkeypatch.setattr(incremental, "RuleSet", None)
    for rules in ([low, replace(high, priority=0)], [replace(low, priority=3), high], [low, high]):
        np.testing.assert_array_equal(
            pool.update(rules).matrix, RuleSet(rules, labels=LABELS).apply(TEXTS).matrix, strict=True
        )


def test_a_helper_can_be_forgotten_and_needed_again() -> None:
    helper, listener = Rule("helper", Pattern("a")), Rule("listens", Not(Named("helper")), Vote("ham"))
    pool = RulePool(TEXTS, labels=LABELS, remember=1)
    expected = RuleSet([helper, listener], labels=LABELS).apply(TEXTS).matrix
    for _ in range(2):
        np.testing.assert_array_equal(pool.update([helper, listener]).matrix, expected)
        pool.update([Rule("b", Pattern("b"), Vote("ham"))])


def test_what_was_compared_is_compared_again() -> None:
    near = {"7": True}

    def embed(texts: Sequence[str]) -> np.ndarray:
        return np.array([[1.0, 0.0] if text in ("number", *near) else [0.0, 1.0] for text in texts])

    rule = Rule("like", Similar("spam", 0.5, (("spam", "number"),)), Vote("spam"))
    pool = RulePool(TEXTS, labels=LABELS, embed=embed)
    assert (pool.update([rule]).matrix >= 0).sum() == 1
    near["a"] = True
    assert (pool.update([rule]).matrix >= 0).sum() == 1
    pool.forget_compared()
    assert (pool.update([rule]).matrix >= 0).sum() == 2
