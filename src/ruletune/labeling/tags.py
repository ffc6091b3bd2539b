"""Tags of words: BIO codes, the spans that they stand for, and the best sequence of them that is valid.

With K labels, tag 0 is O (no entity), tag 2k+1 is B (an entity of label k begins) and 2k+2 is I (it goes on). A
sequence is valid where I follows only B or I of its own label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ruletune.types import Span, Spans

__all__ = ["spans_of", "tags_of", "viterbi"]

_LEAST = -1e8
"""Scores below this count as this: a sequence of impossible tags is still better than an invalid one."""


def tags_of(spans: Spans, words: Sequence[tuple[int, int]], labels: Sequence[str]) -> np.ndarray:
    """The tag of every word, (words,) int64.

    A span that cuts a word takes it whole. Where spans overlap, a word belongs to the one that begins first.

    Args:
        words: Half-open ranges of characters in reading order.
        labels: Names of labels by position.

    Raises:
        ValueError: A span has another label.

    >>> tags_of(Spans((Span(3, 11, "LOC"),)), [(0, 2), (3, 6), (7, 11), (11, 12)], ["LOC"]).tolist()
    [0, 1, 2, 0]
    """
    position = {name: number for number, name in enumerate(labels)}
    tags = np.zeros(len(words), dtype=np.int64)
    starts = np.array([start for start, _ in words], dtype=np.int64)
    ends = np.array([end for _, end in words], dtype=np.int64)
    for span in sorted(spans.spans, key=lambda span: (span.start, -span.end)):
        if span.label not in position:
            raise ValueError(f"the span's label {span.label!r} is none of {', '.join(map(repr, labels))}")
        first = int(np.searchsorted(ends, span.start, side="right"))
        last = int(np.searchsorted(starts, span.end, side="left"))
        while first < last and tags[first]:
            first += 1
        if first < last and span.end > span.start:
            tags[first] = 2 * position[span.label] + 1
            tags[first + 1 : last] = 2 * position[span.label] + 2
    return tags


def spans_of(tags: np.ndarray, words: Sequence[tuple[int, int]], labels: Sequence[str]) -> Spans:
    """The entities that tags stand for, as ranges of characters. An I that nothing goes before begins an entity.

    >>> spans_of(np.array([0, 1, 2, 0]), [(0, 2), (3, 6), (7, 11), (11, 12)], ["LOC"])
    Spans(spans=(Span(start=3, end=11, label='LOC'),))
    """
    found: list[Span] = []
    before = 0
    for tag, (start, end) in zip(np.asarray(tags).tolist(), words, strict=True):
        if tag:
            label = (tag - 1) // 2
            if tag % 2 == 0 and before and (before - 1) // 2 == label:
                found[-1] = Span(found[-1].start, end, labels[label])
            else:
                found.append(Span(start, end, labels[label]))
        before = tag
    return Spans(tuple(found))


def viterbi(scores: np.ndarray, labels: int) -> np.ndarray:
    """The valid sequence of tags with the highest sum of scores; of equal ones, that with the lower tags at its end.

    Args:
        scores: (..., words, 1 + 2 labels) logarithms of probabilities, or any scores that add up; -inf where a tag is
            impossible. Leading axes are texts, decoded at once; words that fill up a shorter text score 0 throughout
            and change nothing about those before them.
        labels: How many labels there are.

    Returns:
        (..., words) int64 tags.

    >>> viterbi(np.log([[0.6, 0.3, 0.1], [0.2, 0.1, 0.7]]), 1).tolist()
    [1, 2]
    """
    if scores.shape[-1] != 1 + 2 * labels:
        raise ValueError(f"{labels} labels have {1 + 2 * labels} tags, the scores have {scores.shape[-1]}")
    shape = scores.shape[:-1]
    texts = np.maximum(np.nan_to_num(scores.astype(np.float64), nan=_LEAST, neginf=_LEAST), _LEAST)
    texts = texts.reshape(int(np.prod(shape[:-1])), shape[-1], 1 + 2 * labels)
    count, length, tags = texts.shape
    if not count or not length:
        return np.zeros(shape, dtype=np.int64)
    begins = [0, *range(1, tags, 2)]  # these may follow any tag
    best = texts[:, 0].copy()
    best[:, 2::2] = -np.inf
    back = np.zeros((length, count, tags), dtype=np.int16)
    for word in range(1, length):
        any_tag = best.argmax(axis=1)
        goes_on = best[:, 2::2] > best[:, 1::2]
        back[word][:, begins] = any_tag[:, None]
        back[word][:, 2::2] = np.arange(1, tags, 2) + goes_on
        inside = np.maximum(best[:, 1::2], best[:, 2::2])
        best = np.repeat(best.max(axis=1, keepdims=True), tags, axis=1)
        best[:, 2::2] = inside
        best += texts[:, word]
    path = np.zeros((count, length), dtype=np.int64)
    path[:, -1] = best.argmax(axis=1)
    everyone = np.arange(count)
    for word in range(length - 1, 0, -1):
        path[:, word - 1] = back[word, everyone, path[:, word]]
    return path.reshape(shape)
