"""Texts without some of their words: those by which rules tell, or others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ruletune.types import Example, Firing, Span

__all__ = ["hidden_word", "split_words", "triggers_of", "with_words_hidden", "without_words"]

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]", re.UNICODE)
"""Words; a sign that is no part of one stands for itself. Scripts without spaces are handled span by span."""


def hidden_word(tokenizer: Any, *, cloze: bool = False) -> str:
    """What stands in the place of a word that is hidden: the mask token, or the unknown one where the model answers at the mask."""
    return str((None if cloze else tokenizer.mask_token) or tokenizer.unk_token or "…")


def triggers_of(example: Example, firings: Sequence[Firing]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The words of a text by which rules vote for a label, and its other words; those of entities are neither."""
    spans = [(span.start, span.end) for f in firings if f.answer and not f.veto for span in f.spans]
    return split_words(example.text, spans, beside=example.entities)


def split_words(
    text: str, spans: Sequence[tuple[int, int]], *, beside: Sequence[Span] = ()
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The words that a span touches, and the others; those that ``beside`` touches are neither."""
    touched: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        if any(span.start < match.end() and match.start() < span.end for span in beside):
            continue
        hit = any(start < match.end() and match.start() < end for start, end in spans)
        (touched if hit else others).append(match.span())
    return touched, others


def with_words_hidden(example: Example, words: Sequence[tuple[int, int]], *, mask: str) -> Example:
    """The example with some words hidden, none of them in its entities, which move along."""

    def moved(place: int) -> int:
        return place + sum(len(mask) - (end - start) for start, end in words if end <= place)

    entities = tuple(replace(span, start=moved(span.start), end=moved(span.end)) for span in example.entities)
    return replace(example, text=without_words(example.text, words, mask=mask), entities=entities)


def without_words(text: str, words: Sequence[tuple[int, int]], *, mask: str) -> str:
    """The text with some words hidden.

    >>> without_words("a great film", [(2, 7)], mask="[MASK]")
    'a [MASK] film'
    """
    for start, end in sorted(words, reverse=True):
        text = text[:start] + mask + text[end:]
    return text
