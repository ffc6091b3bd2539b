"""Long texts with two entities, cut down to what stands nearest to the pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ruletune.types import Example, Span

__all__ = ["GAP", "around", "joined", "nearest_pieces"]

GAP = " … "
"""Stands where something between two parts of a text was left out."""


def around(example: Example, ranges: np.ndarray, keep: int) -> Example:
    """The example with so many tokens of its text: the entities, then what is between them, then what is around.

    Each of the three from its nearest to an entity to its farthest, so that of a very long entity its beginning is kept and a
    long stretch between the two loses its middle.

    Args:
        ranges: (tokens, 2) half-open characters of the text's tokens, in reading order.
        keep: At least one token of each entity is kept, whatever this says.

    >>> ranges = np.array([[n, n + 1] for n in range(9)])
    >>> around(Example("1", "abcdefghi", entities=(Span(1, 2), Span(7, 8))), ranges, 4)
    Example(id='1', text='bc … gh', text_pair=None, answer=None, fields={}, entities=(Span(start=0, end=1, label=''), \
Span(start=6, end=7, label='')), alternatives=())
    """
    return joined(example, nearest_pieces(example, ranges, keep))


def nearest_pieces(example: Example, ranges: np.ndarray, keep: int) -> list[tuple[int, int]]:
    """The half-open characters that :func:`around` keeps, in reading order; all of them where the text is short enough."""
    if len(ranges) <= keep or not len(ranges):
        return [(0, len(example.text))]
    kept = np.sort(_nearest(ranges, example.entities)[: max(keep, 2)])
    return [(int(ranges[run[0], 0]), int(ranges[run[-1], 1])) for run in _runs(kept)]


def joined(example: Example, pieces: Sequence[tuple[int, int]]) -> Example:
    """The example with some ranges of its text, and signs of what was left out between them."""
    if pieces == [(0, len(example.text))]:
        return example
    text = GAP.join(example.text[start:end] for start, end in pieces)
    return replace(example, text=text, entities=tuple(_moved(span, pieces) for span in example.entities))


def _nearest(ranges: np.ndarray, entities: Sequence[Span]) -> np.ndarray:
    """Positions of tokens, what matters most first."""
    starts, ends = ranges[:, 0], ranges[:, 1]
    spans = sorted((span.start, span.end) for span in entities)
    inside = [np.flatnonzero((starts < end) & (ends > start)) for start, end in spans]
    positions = np.arange(len(ranges))
    distance = np.full(len(ranges), len(ranges), dtype=np.int64)
    rank = np.full(len(ranges), 3, dtype=np.int64)
    between = (starts >= spans[0][1]) & (ends <= spans[1][0])
    for group in inside:
        if len(group):
            gap = np.maximum(np.maximum(group[0] - positions, positions - group[-1]), 0)
            distance = np.minimum(distance, gap)
    rank[between] = 2
    for group in inside:
        rank[group[:1]], rank[group[1:]] = 0, np.minimum(rank[group[1:]], 1)
        distance[group] = np.arange(len(group))
    return np.lexsort((positions, distance, rank))


def _runs(kept: np.ndarray) -> list[np.ndarray]:
    """Neighbours together."""
    return np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)


def _moved(span: Span, pieces: Sequence[tuple[int, int]]) -> Span:
    """Where what is left of an entity stands now; of one that was cut apart, from its beginning to its last part."""
    starts: list[int] = []
    ends: list[int] = []
    here = 0
    for start, end in pieces:
        low, high = max(span.start, start), min(span.end, end)
        if low < high:
            starts.append(low - start + here)
            ends.append(high - start + here)
        here += end - start + len(GAP)
    return Span(min(starts, default=0), max(ends, default=0), span.label)
