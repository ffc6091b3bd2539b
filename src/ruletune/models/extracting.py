"""Answers as edges, a first and a last token in a window, and edges as answers again.

The first token of an input, which is never of the text, stands for "there is no answer here", as in the second version of
SQuAD (Devlin et al. 2019, *BERT*, section 4.3). A question whose text is several windows has no answer where none of them has
one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.labeling.words import words
from ruletune.models.windows import Windows
from ruletune.types import Example, Span

__all__ = ["Reading", "edge_targets", "edges_of", "read_edges"]

_EDGES = 20
"""Likely first and last tokens of a window that are looked at."""

_PAIRS = 50
"""The likeliest passages of a window that are kept."""

_PER_WORD = 3
"""Tokens that a word has at most, when edges are paired; what is longer in words is left out afterwards."""

_NEVER = -1e4


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says of one question.

    Attributes:
        spans: Passages that may be the answer, the likeliest first.
        scores: (passages,) logarithms of their probabilities in the window where it is highest.
        none: The same of there being no answer: the lowest of all windows.
        edges: Of each window, the ranges of its tokens and the logarithms of first and last, (2, tokens).
    """

    spans: tuple[Span, ...]
    scores: np.ndarray
    none: float
    edges: tuple[tuple[np.ndarray, np.ndarray], ...]

    def score(self, span: Span) -> float:
        """The logarithm of any passage's probability, whether it is among the likely ones or not."""
        found = [_NEVER]
        for ranges, values in self.edges:
            place = edges_of(span, ranges)
            if place is not None:
                found.append(float(values[0, place[0]] + values[1, place[1]]))
        return max(found)


def edge_targets(
    shown: Windows, answers: Sequence[Sequence[tuple[Span, float]]]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Where the answers begin and end: for each window (2, tokens) that sum to 1 along the tokens, and the mass that stands there.

    Args:
        answers: Of each text, passages with what is believed of each. A window without any of them has its target at the
            first token.

    Returns:
        Targets, and for each window (1,): the beliefs that they stand for; nothing, where the window has no answer.
    """
    targets, mass = [], []
    for owner, ranges in zip(shown.owner.tolist(), shown.offsets, strict=True):
        target = np.zeros((2, len(ranges)))
        for span, belief in answers[owner]:
            place = edges_of(span, ranges)
            if place is not None:
                target[0, place[0]] += belief
                target[1, place[1]] += belief
        total = float(target[0].sum())
        if total > 0:
            target /= total
        else:
            target[:, 0] = 1.0
        targets.append(target)
        mass.append(np.array([total]))
    return targets, mass


def read_edges(
    shown: Windows, logits: Sequence[np.ndarray], examples: Sequence[Example], *, longest: int, best: int = 20
) -> list[Reading]:
    """The likely answers to each question, whatever windows its text was cut into.

    Args:
        logits: Of each window (2, tokens).
        longest: Words that an answer has at most.
        best: How many passages are kept.
    """
    mine: list[list[int]] = [[] for _ in examples]
    for window, owner in enumerate(shown.owner.tolist()):
        mine[owner].append(window)
    found = []
    for example, several in zip(examples, mine, strict=True):
        ranges = [shown.offsets[window] for window in several]
        likely = [_likely(np.asarray(logits[w], dtype=np.float64), r) for w, r in zip(several, ranges, strict=True)]
        found.append(_reading(example, tuple(zip(ranges, likely, strict=True)), longest=longest, best=best))
    return found


def _reading(example: Example, edges: tuple[tuple[np.ndarray, np.ndarray], ...], *, longest: int, best: int) -> Reading:
    scores: dict[tuple[int, int], float] = {}
    none = 0.0
    for ranges, likely in edges:
        none = min(none, float(likely[:, 0].sum()))
        for start, end, score in _pairs(likely, ranges, most=longest * _PER_WORD):
            place = _trimmed(int(ranges[start, 0]), int(ranges[end, 1]), example.text)
            if place is not None and score > scores.get(place, -np.inf):
                scores[place] = score
    ranges_of_words = words(example.text)
    begins, ends = [begin for begin, _ in ranges_of_words], [end for _, end in ranges_of_words]
    kept: list[tuple[int, int]] = []
    for place in sorted(scores, key=lambda place: (-scores[place], place)):
        if bisect_left(begins, place[1]) - bisect_right(ends, place[0]) <= longest:  # the words that it touches
            kept.append(place)
        if len(kept) == best:
            break
    return Reading(tuple(Span(*place) for place in kept), np.array([scores[place] for place in kept]), none, edges)


def _likely(values: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities of edges; a token that is not of the text, but for the first, is none."""
    allowed = ranges[:, 0] >= 0
    allowed[0] = True
    values = np.where(allowed, values, _NEVER)
    shifted = values - values.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _pairs(likely: np.ndarray, ranges: np.ndarray, *, most: int) -> list[tuple[int, int, float]]:
    """Likely first and last tokens of the text that make a passage of so many tokens at most."""
    ours = np.flatnonzero(ranges[:, 0] >= 0)
    starts, ends = (ours[np.argsort(-likely[edge, ours], kind="stable")[:_EDGES]] for edge in (0, 1))
    first, last = np.meshgrid(starts, ends, indexing="ij")
    valid = (last >= first) & (last - first < most)
    first, last = first[valid], last[valid]
    scores = likely[0, first] + likely[1, last]
    top = np.argsort(-scores, kind="stable")[:_PAIRS]
    return list(zip(first[top].tolist(), last[top].tolist(), scores[top].tolist(), strict=True))


def edges_of(span: Span, ranges: np.ndarray) -> tuple[int, int] | None:
    """The tokens that hold a passage's first and last character; ``None`` where the window has not both."""
    first = np.flatnonzero((ranges[:, 0] <= span.start) & (ranges[:, 1] > span.start))
    last = np.flatnonzero((ranges[:, 0] < span.end) & (ranges[:, 1] >= span.end))
    return (int(first[0]), int(last[-1])) if len(first) and len(last) and first[0] <= last[-1] else None


def _trimmed(start: int, end: int, text: str) -> tuple[int, int] | None:
    """Without white space at the edges, which some tokenizers count to the token behind it."""
    shown = text[start:end]
    start += len(shown) - len(shown.lstrip())
    end = start + len(shown.strip())
    return (start, end) if end > start else None
