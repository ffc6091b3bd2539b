"""Which votes for spans meet, against looking at every pair."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ruletune.labeling.span_table import meetings
from ruletune.labeling.span_votes import SpanVotes
from ruletune.rules.base import Pattern, Rule, Veto, Vote

RULES = (
    Rule("a", Pattern("a"), Vote("x")),
    Rule("b", Pattern("b"), Vote("y")),
    Rule("c", Pattern("c"), Vote("x")),
    Rule("not", Pattern("d"), Veto("x")),
)
CELLS = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(1, 8), st.integers(0, 3)), max_size=14)


@given(CELLS)
def test_votes_of_different_rules_that_share_a_character_meet(cells: set[tuple[int, int, int, int]]) -> None:
    table = sorted((row, start, start + size, rule) for row, start, size, rule in cells)
    array = np.array(table, dtype=np.int32).reshape(-1, 4)
    labels = (array[:, 3] == 1).astype(np.int32)
    votes = SpanVotes(RULES, ("x", "y"), 3, array[:, 0], array[:, 3], array[:, 1], array[:, 2], labels)
    overlaps, conflicts = meetings(votes)
    for n, (row, start, end, rule) in enumerate(table):
        met = [
            other != rule and (RULES[other].label != RULES[rule].label)
            for there, first, last, other in table
            if there == row and other != rule and 3 not in (other, rule) and start < last and first < end
        ]
        assert overlaps[n] == bool(met) and conflicts[n] == any(met)
