"""A pool of span rules gives what applying all of them gives, and matches only what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruletune.labeling import span_incremental
from ruletune.labeling.span_apply import SpanRules
from ruletune.labeling.span_incremental import SpanPool
from ruletune.labeling.span_votes import SpanVotes
from ruletune.rules.base import AllOf, Link, Named, Pattern, Rule, Terms, Veto, Vote
from ruletune.types import Example

LABELS = ("PER", "LOC")
TEXTS = [
    Example(str(n), text) for n, text in enumerate(["Ann in Paris", "", "paris Paris 东京 🎉", "Bo met Ann", "aaa"])
]
CHOICES = [
    Rule("names", Pattern("Ann|Bo"), Vote("PER")),
    Rule("towns", Terms(("Paris",)), Vote("LOC")),
    Rule("no names", Pattern("P[a-z]+"), Veto("PER")),
    Rule("joined", Pattern("met Ann"), Link(True)),
    Rule("asks", Pattern("in")),
    Rule("both", AllOf((Named("asks"), Pattern("[A-Z][a-z]+"))), Vote("LOC"), unless=(Pattern("met"),)),
    Rule("first", Pattern("(?P<entity>Par)is"), Vote("PER"), priority=2),
]


def same(found: SpanVotes, expected: SpanVotes) -> None:
    for name in ("row", "rule", "start", "end", "label"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.faults == expected.faults and found.rules == expected.rules and found.texts == expected.texts


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(CHOICES), max_size=6, unique_by=lambda rule: rule.name), max_size=4))
def test_updates_are_the_same_as_applying_everything(steps: Sequence[list[Rule]]) -> None:
    pool = SpanPool(TEXTS, labels=LABELS, remember=2)
    for rules in steps:
        names = [rule.name for rule in rules]
        if "both" in names and "asks" not in names:
            rules = [*rules, CHOICES[4]]
        same(pool.update(rules), SpanRules(rules, labels=LABELS).apply(TEXTS))


def test_only_what_changed_is_matched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[list[str]] = []

    class Spy(SpanRules):
        def __init__(self, rules, **options) -> None:  # type: ignore[no-untyped-def]
            applied.append([rule.name for rule in rules])
            super().__init__(rules, **options)

    monkeypatch.setattr(span_incremental, "SpanRules", Spy)
    pool = SpanPool(TEXTS, labels=LABELS)
    pool.update(CHOICES[:3])
    pool.update([replace(CHOICES[1], name="renamed"), CHOICES[0]])
    pool.update([replace(CHOICES[0], when=Pattern("Bo")), CHOICES[1]])
    assert applied == [["names", "towns", "no names"], ["names"]]
