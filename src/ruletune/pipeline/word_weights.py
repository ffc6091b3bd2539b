"""From attributions of tokens to words of the text as the user sees it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ruletune.errors import RuletuneError
from ruletune.labeling.words import words
from ruletune.models.attribution import Attributed, Score, attribute
from ruletune.models.backbone import Classifier
from ruletune.models.encoding import Encoded
from ruletune.models.origins import SPECIAL, Origins
from ruletune.report.explanation import Attribution, Other, Word
from ruletune.types import Example

__all__ = ["ANSWERS", "View", "by_words", "outside", "weighed"]

ANSWERS = 3
"""Answers of one text that are looked at, word by word, at most: each of them takes its own time."""


@dataclass(frozen=True, slots=True)
class View:
    """One input that an answer depends on: a row of encoded texts, and where its tokens come from."""

    encoded: Encoded
    row: int
    origins: Origins


def weighed(
    classifier: Classifier,
    example: Example,
    views: Sequence[View],
    score: Score,
    *,
    answer: Any,
    measure: str,
    cut: Sequence[tuple[int, int]] = (),
) -> Attribution:
    """Which words mattered for an answer.

    Args:
        views: The inputs that it depends on; of several, as through several templates, the mean counts.
        score: What is explained.
        answer: As JSON. measure: what the score is, in words.
        cut: Characters of the text that are in none of the inputs.

    Raises:
        MissingExtraError: captum is not installed.
        RuletuneError: The tokens of an input could not be traced back.
    """
    for view in views:
        if tuple(view.encoded.columns["input_ids"][view.row]) != view.origins.ids:
            raise RuletuneError("the tokens of this text cannot be traced back to its characters")
    found = [attribute(classifier, v.encoded, v.row, score, hide=v.origins.hideable) for v in views]
    share = 1.0 / len(found)
    texts: list[tuple[np.ndarray, np.ndarray]] = []
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    others: list[Other] = []
    for view, each in zip(views, found, strict=True):
        fields = np.array(view.origins.fields)
        placed = view.origins.places[:, 0] >= 0
        for field, parts in (("text", texts), ("text_pair", pairs)):
            mine = (fields == field) & placed
            parts.append((view.origins.places[mine], each.values[mine] * share))
        others += _others(view.origins, each.values * share, placed)
    return Attribution(
        answer,
        measure,
        by_words(example.text, texts),
        by_words(example.text_pair or "", pairs),
        tuple(others),
        hidden=_mean(found, "hidden"),
        shown=_mean(found, "shown"),
        delta=_mean(found, "delta"),
        points=max(each.points for each in found),
        cut=tuple(cut),
    )


def outside(start: int, end: int, length: int) -> list[tuple[int, int]]:
    """The half-open characters of a text that are not in a part of it.

    >>> outside(2, 5, 5)
    [(0, 2)]
    """
    return [(first, last) for first, last in ((0, start), (end, length)) if first < last]


def _mean(found: Sequence[Attributed], name: str) -> float:
    return float(np.mean([getattr(each, name) for each in found]))


def _others(origins: Origins, values: np.ndarray, placed: np.ndarray) -> list[Other]:
    """What is of neither text, neighbours of one part together."""
    found: list[Other] = []
    before = None
    for token, (part, words_of, value) in enumerate(zip(origins.fields, origins.words, values.tolist(), strict=True)):
        if part == SPECIAL or (placed[token] and part in ("text", "text_pair")):
            before = None
            continue
        if before == part:
            last = found.pop()
            found.append(Other(part, f"{last.words} {words_of}".strip(), last.weight + value))
        else:
            found.append(Other(part, words_of, value))
        before = part
    return found


def by_words(text: str, parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[Word, ...]:
    """Weights of tokens as weights of the words that they stand for, in reading order; those of words that no token has are left out.

    A token of several words is shared out by characters, and one between words belongs to the next. Nothing is lost: the sums are
    the same.

    Args:
        parts: Of each input (tokens, 2) half-open characters, and (tokens,) weights.

    >>> [(w.start, w.end, w.weight) for w in by_words("unhappy man", [(np.array([[0, 2], [2, 7]]), np.array([1.0, 2.0]))])]
    [(0, 7, 3.0)]
    """
    ranges = words(text) if any(len(places) for places, _ in parts) else []
    starts = [start for start, _ in ranges]
    weights: dict[int, float] = {}
    for places, values in parts:
        for (start, end), value in zip(places.tolist(), values.tolist(), strict=True):
            first = max(0, bisect_right(starts, start) - 1)
            shares: dict[int, int] = {}
            for number in range(first, len(ranges)):
                if ranges[number][0] >= end:
                    break
                if (common := min(end, ranges[number][1]) - max(start, ranges[number][0])) > 0:
                    shares[number] = common
            if not shares and ranges:
                shares[min(bisect_right(starts, start), len(ranges) - 1)] = 1
            total = sum(shares.values())
            for number, common in shares.items():
                weights[number] = weights.get(number, 0.0) + value * common / total
    return tuple(Word(*ranges[number], weights[number]) for number in sorted(weights))
