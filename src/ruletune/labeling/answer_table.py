"""What each rule does where it proposes answers to questions: whether the answer is among what it proposes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.labeling.answer_model import answers_of, hit, points
from ruletune.labeling.span_votes import SpanVotes
from ruletune.types import Example, Span, Spans

__all__ = ["proposals_judged"]

_RIGHT = 0.5
"""Overlap with the answer from which a proposal is right."""


def proposals_judged(votes: SpanVotes, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Votes that are right, and those that are judged at all, (votes,) bool: the first of each rule about each gold question.

    A rule is right about a question where something that it proposes overlaps with an answer by at least half, or a sentence
    that it points at holds it; a veto, where it touches no answer. Of questions without an answer every proposal is wrong; where
    the answer would have to stand is not judged.
    """
    right, judged = np.zeros(len(votes.row), dtype=bool), np.zeros(len(votes.row), dtype=bool)
    signs, pointing = votes.signs, points(votes.rules)
    first: dict[tuple[int, int], int] = {}
    for place, (row, rule) in enumerate(zip(votes.row.tolist(), votes.rule.tolist(), strict=True)):
        example = examples[row]
        gold = answers_of(example)
        if (
            not isinstance(example.answer, Spans)
            or not signs[rule]
            or (pointing[rule] and not gold and signs[rule] > 0)
        ):
            continue
        span = Span(int(votes.start[place]), int(votes.end[place]))
        touches = any(span.start < g.end and g.start < span.end for g in gold)
        key = (row, rule)
        if key not in first:
            first[key] = place
            judged[place] = True
            right[place] = signs[rule] < 0
        if signs[rule] > 0:
            right[first[key]] |= any(hit(span, g, pointing=bool(pointing[rule])) >= _RIGHT for g in gold)
        elif touches:
            right[first[key]] = False
    return right, judged
