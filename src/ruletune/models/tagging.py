"""Entities as tags of tokens, and tags as entities again.

With K labels a token has one of 1 + 2K tags: O, then B and I of each label in turn, as in
:mod:`ruletune.labeling.tags`. Every piece of a word is tagged: an entity may begin or end within a word, and what is
read off is exactly what was written down wherever its edges are edges of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ruletune.labeling.tags import spans_of, tags_of, viterbi
from ruletune.models.windows import Windows
from ruletune.types import Example, Span, Spans

__all__ = ["Tagged", "decode_tags", "tag_names", "token_beliefs", "token_tags"]

_NOTHING = -100
"""Tag of a token that stands for nothing of the text."""

_TOGETHER = 256
"""Texts decoded at once, of like length."""


def tag_names(labels: Sequence[str]) -> tuple[str, ...]:
    """What a tagger chooses from.

    >>> tag_names(["PER"])
    ('O', 'B-PER', 'I-PER')
    """
    return ("O", *(f"{edge}-{label}" for label in labels for edge in "BI"))


def token_tags(shown: Windows, answers: Sequence[Spans], labels: Sequence[str]) -> list[np.ndarray]:
    """The tag of every token, for each window (tokens,) int64; -100 where a token stands for nothing of the text.

    Args:
        answers: Of each text.
        labels: Names of labels by position.
    """
    found = []
    for owner, offsets in zip(shown.owner.tolist(), shown.offsets, strict=True):
        ours = np.flatnonzero(offsets[:, 0] >= 0)
        tags = np.full(len(offsets), _NOTHING, dtype=np.int64)
        ranges = [(int(start), int(end)) for start, end in offsets[ours]]
        tags[ours] = tags_of(answers[owner], ranges, labels)
        _go_on(tags, ours, ranges, answers[owner])
        found.append(tags)
    return found


def _go_on(tags: np.ndarray, ours: np.ndarray, ranges: Sequence[tuple[int, int]], answer: Spans) -> None:
    """An entity that began in an earlier window goes on in this one."""
    if ranges and tags[ours[0]] > 0:
        start = ranges[0][0]
        if any(span.start < start < span.end for span in answer.spans):
            tags[ours[0]] += 1


def token_beliefs(
    shown: Windows,
    words: Sequence[Sequence[tuple[int, int]]],
    beliefs: Sequence[np.ndarray],
    worth: Sequence[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Beliefs about words as beliefs about tokens: for each window (tokens, tags), and what each is worth, (tokens,).

    The first piece of a word has the word's belief; in the others an entity does not begin but goes on.

    Args:
        words: Of each text, half-open ranges of characters in reading order.
        beliefs: Of each text, (words, tags).
        worth: Of each text, (words,).
    """
    targets, weights = [], []
    for owner, offsets in zip(shown.owner.tolist(), shown.offsets, strict=True):
        believed, worthy = beliefs[owner], worth[owner]
        target = np.zeros((len(offsets), believed.shape[1]))
        weight = np.zeros(len(offsets))
        ours = np.flatnonzero(offsets[:, 0] >= 0)
        if len(words[owner]) and len(ours):
            starts = np.array([start for start, _ in words[owner]], dtype=np.int64)
            word = np.clip(np.searchsorted(starts, offsets[ours, 0], side="right") - 1, 0, None)
            target[ours], weight[ours] = believed[word], worthy[word]
            later = ours[offsets[ours, 0] > starts[word]]
            target[later, 2::2] += target[later, 1::2]
            target[later, 1::2] = 0.0
        targets.append(target)
        weights.append(weight)
    return targets, weights


@dataclass(frozen=True, slots=True)
class Tagged:
    """What was found in a text.

    Attributes:
        scores: (spans,) probability of each span: the mean, geometrically, over its tokens.
        certainty: How sure the answer is as a whole: as its least sure span, or its least sure token outside of spans.
    """

    spans: Spans
    scores: np.ndarray
    certainty: float


def decode_tags(
    shown: Windows, logits: Sequence[np.ndarray], labels: Sequence[str], examples: Sequence[Example]
) -> list[Tagged]:
    """The entities of each text, and how sure they are.

    What comes out is the best valid sequence of tags over the whole text, whatever windows it was cut into.

    Args:
        logits: Of each window (tokens, tags).
    """
    ranges: list[list[np.ndarray]] = [[] for _ in examples]
    scores: list[list[np.ndarray]] = [[] for _ in examples]
    for window, (owner, values) in enumerate(zip(shown.owner.tolist(), logits, strict=True)):
        rows = shown.tokens(window)
        ranges[owner].append(shown.offsets[window][rows])
        scores[owner].append(_log_softmax(np.asarray(values, dtype=np.float64)[rows]))
    merged = [np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.int64) for parts in ranges]
    likely = [np.concatenate(parts) if parts else np.zeros((0, 1 + 2 * len(labels))) for parts in scores]
    paths = _best_paths(likely, len(labels))
    return [
        _answer(tags, offsets, values, labels, example.text)
        for tags, offsets, values, example in zip(paths, merged, likely, examples, strict=True)
    ]


def _best_paths(likely: Sequence[np.ndarray], labels: int) -> list[np.ndarray]:
    """The best valid tags of each text, texts of like length together."""
    order = np.argsort([len(values) for values in likely], kind="stable")
    paths: list[np.ndarray] = [np.zeros(0, dtype=np.int64)] * len(likely)
    for start in range(0, len(order), _TOGETHER):
        rows = order[start : start + _TOGETHER].tolist()
        padded = np.zeros((len(rows), max(len(likely[row]) for row in rows), 1 + 2 * labels))
        for position, row in enumerate(rows):
            padded[position, : len(likely[row])] = likely[row]
        for row, path in zip(rows, viterbi(padded, labels), strict=True):
            paths[row] = path[: len(likely[row])]
    return paths


def _answer(tags: np.ndarray, offsets: np.ndarray, likely: np.ndarray, labels: Sequence[str], text: str) -> Tagged:
    pairs = [(int(start), int(end)) for start, end in offsets]
    found, certain = [], []
    chosen = likely[np.arange(len(tags)), tags]
    for span in spans_of(tags, pairs, labels).spans:
        inside = (offsets[:, 0] >= span.start) & (offsets[:, 1] <= span.end)
        trimmed = _trimmed(span, text)
        if trimmed.end > trimmed.start:
            found.append(trimmed)
            certain.append(float(np.exp(chosen[inside].mean())))
    least = float(np.exp(chosen[tags == 0].min(initial=0.0)))
    return Tagged(Spans(tuple(found)), np.array(certain), min([*certain, least]))


def _trimmed(span: Span, text: str) -> Span:
    """Without white space at its edges, which some tokenizers count to the token behind it."""
    shown = text[span.start : span.end]
    start = span.start + len(shown) - len(shown.lstrip())
    return Span(start, max(start, span.start + len(shown.rstrip())), span.label)


def _log_softmax(values: np.ndarray) -> np.ndarray:
    shifted = values - values.max(axis=-1, keepdims=True, initial=-np.inf)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
